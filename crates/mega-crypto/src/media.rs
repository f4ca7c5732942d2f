//! Media data of a video or sound file: the file attributes 8 and 9 (crypto-and-accounts 9.4).
//!
//! They are no references but the data itself: 8 bytes, encrypted with XXTEA under the second half
//! of the node key. There is no check: a wrong key gives nonsense.

use crate::FileKey;
use crate::file_attribute::{FileAttribute, FileAttributeHandle, FileAttributeKind};

/// Size, frame rate, play time and format: the attribute 8.
///
/// Large values are stored coarsely: see [`rounded`](Self::rounded).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_structs, reason = "the five values of the format")]
pub struct MediaInfo {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Frames per second.
    pub fps: u32,
    /// Play time in seconds.
    pub playtime: u32,
    /// Which usual combination of container and codecs it is: an index into a table that the server
    /// gives, or one of the three constants.
    pub short_format: u8,
}

/// Container and codecs: the attribute 9. The numbers index tables that the server gives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_structs, reason = "the three values of the format")]
pub struct MediaCodecs {
    /// The container.
    pub container: u8,
    /// The video codec, 12 bits: at most 4095.
    pub video: u16,
    /// The sound codec, 12 bits: at most 4095.
    pub audio: u16,
}

impl MediaInfo {
    /// [`short_format`](Self::short_format): the attribute 9 tells.
    pub const SEE_CODECS: u8 = 0;
    /// [`short_format`](Self::short_format): not found out yet.
    pub const UNKNOWN: u8 = 254;
    /// [`short_format`](Self::short_format): no format that is known.
    pub const NOT_IDENTIFIED: u8 = 255;

    /// Packs and encrypts it.
    pub fn encrypt(&self, key: &FileKey) -> FileAttribute {
        FileAttribute::new(FileAttributeKind::MEDIA, seal(self.pack(), key))
    }

    /// Decrypts the "handle" of the attribute 8.
    pub fn decrypt(handle: FileAttributeHandle, key: &FileKey) -> Self {
        Self::unpack(open(handle, key))
    }

    /// What is left of the values once they are stored: width and height are exact below 16384 and
    /// multiples of 8 up to 147448, frames per second exact below 128 and multiples of 8 up to 1144,
    /// the play time exact below 131072 and in minutes up to 7995360 seconds.
    #[must_use]
    pub fn rounded(&self) -> Self {
        Self::unpack(self.pack())
    }

    fn pack(&self) -> [u8; 8] {
        let side = |value| SIDE.pack(value);
        let bits = side(self.width)
            | side(self.height) << 15
            | FPS.pack(self.fps) << 30
            | PLAYTIME.pack(self.playtime) << 38
            | u64::from(self.short_format) << 56;
        bits.to_le_bytes()
    }

    fn unpack(bytes: [u8; 8]) -> Self {
        let bits = u64::from_le_bytes(bytes);
        let [.., short_format] = bytes;
        Self {
            width: SIDE.unpack(bits),
            height: SIDE.unpack(bits >> 15),
            fps: FPS.unpack(bits >> 30),
            playtime: PLAYTIME.unpack(bits >> 38),
            short_format,
        }
    }
}

impl MediaCodecs {
    /// Packs and encrypts it. Codec numbers above 4095 are cut to 12 bits.
    pub fn encrypt(&self, key: &FileKey) -> FileAttribute {
        FileAttribute::new(FileAttributeKind::MEDIA_CODECS, seal(self.pack(), key))
    }

    /// Decrypts the "handle" of the attribute 9.
    pub fn decrypt(handle: FileAttributeHandle, key: &FileKey) -> Self {
        let bits = u64::from_le_bytes(open(handle, key));
        let [container, ..] = bits.to_le_bytes();
        // Twelve bits each.
        Self {
            container,
            video: (bits >> 8) as u16 & 0xfff,
            audio: (bits >> 20) as u16 & 0xfff,
        }
    }

    fn pack(&self) -> [u8; 8] {
        let bits = u64::from(self.container)
            | u64::from(self.video & 0xfff) << 8
            | u64::from(self.audio & 0xfff) << 20;
        bits.to_le_bytes()
    }
}

/// A field of the attribute 8: the value doubled, or in coarse steps with bit 0 set.
struct Field {
    /// How many bits it has.
    bits: u32,
    /// What one coarse step stands for.
    step: u32,
    /// The smallest coarse value.
    base: u32,
}

const SIDE: Field = Field {
    bits: 15,
    step: 8,
    base: 16384,
};
const FPS: Field = Field {
    bits: 8,
    step: 8,
    base: 128,
};
// The constant of the format is 131100, though 131072 is the first value that does not fit: values
// between the two are written as 131100 (the SDK's arithmetic underflows there and writes the
// largest value).
const PLAYTIME: Field = Field {
    bits: 18,
    step: 60,
    base: 131_100,
};

impl Field {
    fn pack(&self, value: u32) -> u64 {
        let limit = 1u64 << self.bits;
        let doubled = u64::from(value) * 2;
        if doubled < limit {
            return doubled;
        }
        let coarse = doubled.saturating_sub(u64::from(self.base) * 2) / u64::from(self.step);
        (coarse | 1).min(limit - 1)
    }

    fn unpack(&self, bits: u64) -> u32 {
        // At most 18 bits.
        let stored = (bits & ((1 << self.bits) - 1)) as u32;
        let half = stored / 2;
        if stored & 1 == 0 {
            half
        } else {
            half * self.step + self.base
        }
    }
}

fn seal(bytes: [u8; 8], key: &FileKey) -> FileAttributeHandle {
    let mut words = words_of(bytes);
    xxtea_encrypt(&mut words, &xxtea_key(key));
    FileAttributeHandle(bytes_of(words))
}

fn open(handle: FileAttributeHandle, key: &FileKey) -> [u8; 8] {
    let mut words = words_of(handle.0);
    xxtea_decrypt(&mut words, &xxtea_key(key));
    bytes_of(words)
}

/// The words of the data are little-endian.
fn words_of(bytes: [u8; 8]) -> [u32; 2] {
    let [a, b, c, d, e, f, g, h] = bytes;
    [
        u32::from_le_bytes([a, b, c, d]),
        u32::from_le_bytes([e, f, g, h]),
    ]
}

fn bytes_of(words: [u32; 2]) -> [u8; 8] {
    let [[a, b, c, d], [e, f, g, h]] = words.map(u32::to_le_bytes);
    [a, b, c, d, e, f, g, h]
}

/// The words of the key are big-endian: the nonce and the meta-MAC.
fn xxtea_key(key: &FileKey) -> zeroize::Zeroizing<[u32; 4]> {
    let mut words = zeroize::Zeroizing::new([0; 4]);
    let (quarters, _) = key.expose_secret().as_chunks::<4>();
    for (word, bytes) in words.iter_mut().zip(quarters.iter().skip(4)) {
        *word = u32::from_be_bytes(*bytes);
    }
    words
}

/// Standard XXTEA (Needham and Wheeler, "Correction to XTEA").
fn xxtea_encrypt(words: &mut [u32], key: &[u32; 4]) {
    let mut sum = 0u32;
    let Some(mut before) = words.last().copied() else {
        return;
    };
    for _ in 0..rounds(words.len()) {
        sum = sum.wrapping_add(DELTA);
        for at in 0..words.len() {
            let after = word(words, (at + 1) % words.len());
            let mixed = word(words, at).wrapping_add(mix(before, after, sum, at, key));
            before = mixed;
            if let Some(slot) = words.get_mut(at) {
                *slot = mixed;
            }
        }
    }
}

fn xxtea_decrypt(words: &mut [u32], key: &[u32; 4]) {
    let Some(mut after) = words.first().copied() else {
        return;
    };
    let mut sum = DELTA.wrapping_mul(rounds(words.len()));
    while sum != 0 {
        for at in (0..words.len()).rev() {
            let before = word(words, (at + words.len() - 1) % words.len());
            let mixed = word(words, at).wrapping_sub(mix(before, after, sum, at, key));
            after = mixed;
            if let Some(slot) = words.get_mut(at) {
                *slot = mixed;
            }
        }
        sum = sum.wrapping_sub(DELTA);
    }
}

fn mix(before: u32, after: u32, sum: u32, at: usize, key: &[u32; 4]) -> u32 {
    let key = key
        .get(at & 3 ^ (sum >> 2 & 3) as usize)
        .copied()
        .unwrap_or_default();
    let shifted = (before >> 5 ^ after << 2).wrapping_add(after >> 3 ^ before << 4);
    shifted ^ (sum ^ after).wrapping_add(key ^ before)
}

fn word(words: &[u32], at: usize) -> u32 {
    words.get(at).copied().unwrap_or_default()
}

/// 32 for two words.
const fn rounds(words: usize) -> u32 {
    // A handful of words.
    6 + 52 / words as u32
}

const DELTA: u32 = 0x9e37_79b9;

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    #[test]
    fn xxtea_agrees_with_the_official_test_suite_in_both_directions() {
        let vectors: serde_json::Value =
            serde_json::from_str(include_str!("../tests/vectors/vectors.json")).unwrap();
        let cases = &vectors["from_public_test_suites"]["xxtea"]["cases"];
        for case in cases.as_array().unwrap() {
            let words =
                |name: &str| -> Vec<u32> { serde_json::from_value(case[name].clone()).unwrap() };
            let key: [u32; 4] = words("key_words").try_into().unwrap();
            let mut data = words("plain_words");
            xxtea_encrypt(&mut data, &key);
            assert_eq!(data, words("cipher_words"));
            xxtea_decrypt(&mut data, &key);
            assert_eq!(data, words("plain_words"));
        }
        assert_eq!(cases.as_array().unwrap().len(), 2);
    }

    #[test]
    fn play_times_that_make_the_official_client_underflow_are_rounded_to_the_first_coarse_value() {
        for playtime in [131_072, 131_099, 131_100] {
            let info = MediaInfo {
                playtime,
                ..MediaInfo::default()
            };
            assert_eq!(info.rounded().playtime, 131_100);
        }
        let exact = MediaInfo {
            playtime: 131_071,
            ..MediaInfo::default()
        };
        assert_eq!(exact.rounded(), exact);
    }
}

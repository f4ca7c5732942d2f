//! MEGA's base64: the URL-safe alphabet without padding (crypto-and-accounts 1.1).
//!
//! Written: `A-Z a-z 0-9 - _`, never a padding. Read: the same, `+` and `/` as synonyms of `-` and
//! `_`, and up to two `=` at the end. Surplus low bits of the last character are ignored, as every
//! MEGA client does. Anything else is an error; nothing is skipped.
//!
//! ```
//! use mega_crypto::base64;
//! assert_eq!(base64::encode(&[0xfb, 0xff, 0xfe]), "-__-");
//! assert_eq!(base64::decode("+//+").unwrap(), [0xfb, 0xff, 0xfe]);
//! assert_eq!(base64::decode_array::<6>("T-5flZgy").unwrap(), [0x4f, 0xee, 0x5f, 0x95, 0x98, 0x32]);
//! assert!(base64::decode("T-5fl:gy").is_err());
//! ```

use alloc::string::String;
use alloc::vec::Vec;

use zeroize::Zeroize;

use crate::Error;
use crate::content::decode_base64;

/// Why a text is not base64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// A byte that is not in the alphabet.
    #[error("byte {position} is not a base64 character")]
    ForeignByte {
        /// Its position in the text, from 0.
        position: usize,
    },
    /// One character is left over after the last full group of four. It stands for no byte.
    #[error("one character is left over")]
    LeftOver,
    /// The text does not stand for as many bytes as it should.
    #[error("the text stands for {got} bytes instead of {expected}")]
    Length {
        /// How many bytes were wanted.
        expected: usize,
        /// How many the text stands for.
        got: usize,
    },
}

impl DecodeError {
    /// Says what was being read.
    pub(crate) const fn of(self, what: &'static str) -> Error {
        Error::Base64 { what, source: self }
    }
}

/// How many characters `bytes` bytes take: `ceil(4n/3)`.
pub const fn encoded_len(bytes: usize) -> usize {
    let rest = match bytes % 3 {
        0 => 0,
        1 => 2,
        _ => 3,
    };
    (bytes / 3).saturating_mul(4).saturating_add(rest)
}

/// How many bytes `chars` characters (without padding) stand for. A single left-over character
/// counts as none.
pub const fn decoded_len(chars: usize) -> usize {
    let rest = match chars % 4 {
        0 | 1 => 0,
        2 => 1,
        _ => 2,
    };
    chars / 4 * 3 + rest
}

/// Writes bytes as text, without padding.
///
/// Of a secret, wrap the result in [`zeroize::Zeroizing`].
pub fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(encoded_len(bytes.len()));
    encode_into(bytes, &mut text);
    text
}

/// Appends the text of `bytes` to `text`.
pub fn encode_into(bytes: &[u8], text: &mut String) {
    text.reserve(encoded_len(bytes.len()));
    for piece in bytes.chunks(48) {
        let mut ascii = [0; 64];
        if let Some(ascii) = ascii.get_mut(..encoded_len(piece.len())) {
            encode_exact(piece, ascii);
            // The alphabet is ASCII.
            text.push_str(core::str::from_utf8(ascii).unwrap_or_default());
            ascii.zeroize();
        }
    }
}

/// Writes the text of `bytes` into a buffer of exactly [`encoded_len`] bytes, as ASCII.
pub(crate) fn encode_exact(bytes: &[u8], ascii: &mut [u8]) {
    let (triples, rest) = bytes.as_chunks::<3>();
    let (groups, tail) = ascii.as_chunks_mut::<4>();
    for (&[a, b, c], group) in triples.iter().zip(groups) {
        let bits = u32::from_be_bytes([0, a, b, c]);
        *group = [
            digit(bits >> 18),
            digit(bits >> 12),
            digit(bits >> 6),
            digit(bits),
        ];
    }
    match (rest, tail) {
        (&[a], [x, y]) => {
            *x = digit(u32::from(a) >> 2);
            *y = digit(u32::from(a) << 4);
        }
        (&[a, b], [x, y, z]) => {
            let bits = u32::from_be_bytes([0, 0, a, b]);
            *x = digit(bits >> 10);
            *y = digit(bits >> 4);
            *z = digit(bits << 2);
        }
        _ => {}
    }
}

/// Reads text of any length.
///
/// # Errors
///
/// A foreign character, or one left-over character.
pub fn decode(text: impl AsRef<[u8]>) -> Result<Vec<u8>, DecodeError> {
    let text = strip_padding(text.as_ref());
    let mut bytes = alloc::vec![0; decoded_len(text.len())];
    decode_exact(text, &mut bytes)?;
    Ok(bytes)
}

/// Reads text that stands for exactly `N` bytes, without allocating.
///
/// # Errors
///
/// A foreign character, or another length.
#[inline]
pub fn decode_array<const N: usize>(text: impl AsRef<[u8]>) -> Result<[u8; N], DecodeError> {
    let mut bytes = [0; N];
    decode_exact(strip_padding(text.as_ref()), &mut bytes)?;
    Ok(bytes)
}

/// Reads text into a buffer which it must fill exactly.
///
/// # Errors
///
/// A foreign character, or another length.
#[inline]
pub fn decode_into(text: impl AsRef<[u8]>, bytes: &mut [u8]) -> Result<(), DecodeError> {
    decode_exact(strip_padding(text.as_ref()), bytes)
}

/// Reads text the way the official client does: up to the first foreign character, and with one
/// meaningless byte for a single left-over character (SDK `src/base64.cpp`, `Base64::atob`).
///
/// Only for comparing with that client; nothing in this crate reads its input like this.
pub fn decode_like_sdk(text: impl AsRef<[u8]>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let values = text
        .as_ref()
        .iter()
        .map(|&c| value(c))
        .take_while(|&v| v != FOREIGN);
    let mut group = [0; 4];
    let mut held = 0;
    let mut flush = |group: &[u8; 4], held: usize| {
        let [a, b, c, d] = *group;
        let emitted = [(a << 2) | (b >> 4), (b << 4) | (c >> 2), (c << 6) | d];
        // A left-over single character is filled up with all bits set by that decoder.
        let count = match held {
            4 => 3,
            3 => 2,
            2 | 1 => 1,
            _ => 0,
        };
        bytes.extend(emitted.iter().take(count));
    };
    for v in values {
        if let Some(slot) = group.get_mut(held) {
            *slot = v;
        }
        held += 1;
        if held == 4 {
            flush(&group, held);
            held = 0;
            group = [0; 4];
        }
    }
    if held == 1 {
        group[1] = 0x3f;
    }
    flush(&group, held);
    bytes
}

/// Writes a number as base-64 digits, most significant first, without leading zeros; 0 is `A`
/// (crypto-and-accounts 1.1). Used by the `d` node attribute.
pub fn encode_integer(number: u64) -> String {
    let digits = (u64::BITS - number.leading_zeros()).div_ceil(6).max(1);
    (0..digits)
        .rev()
        .map(|i| char::from(digit((number >> (6 * i)) as u32 & 63)))
        .collect()
}

/// Reads a number written as base-64 digits. Foreign characters are skipped, as the official client
/// does; a number of more than 64 bits gives `None`.
pub fn decode_integer(text: impl AsRef<[u8]>) -> Option<u64> {
    let values = text
        .as_ref()
        .iter()
        .map(|&c| value(c))
        .filter(|&v| v != FOREIGN);
    values
        .into_iter()
        .try_fold(0u64, |n, v| Some(n.checked_mul(64)? | u64::from(v)))
}

#[inline]
fn strip_padding(text: &[u8]) -> &[u8] {
    let one = text.strip_suffix(b"=").unwrap_or(text);
    one.strip_suffix(b"=").unwrap_or(one)
}

fn decode_exact(text: &[u8], bytes: &mut [u8]) -> Result<(), DecodeError> {
    let got = decoded_len(text.len());
    if got != bytes.len() {
        return Err(first_foreign(text).unwrap_or(DecodeError::Length {
            expected: bytes.len(),
            got,
        }));
    }
    let Some(done) = decode_base64(text, bytes) else {
        return Err(first_foreign(text).unwrap_or(DecodeError::LeftOver));
    };
    let text_left = text.get(done..).unwrap_or_default();
    let (groups, rest) = text_left.as_chunks::<4>();
    let (triples, tail) = bytes
        .get_mut(done / 4 * 3..)
        .unwrap_or_default()
        .as_chunks_mut::<3>();
    // All values of the text are or-ed together; a foreign one shows in the top byte at the end.
    let mut seen = 0;
    for (group, triple) in groups.iter().zip(triples) {
        let bits = group_value(group);
        seen |= bits;
        let [_, x, y, z] = bits.to_be_bytes();
        *triple = [x, y, z];
    }
    // What is missing of the last group is filled up with zeros.
    match (rest, tail) {
        (&[a, b], [x]) => {
            let bits = group_value(&[a, b, b'A', b'A']);
            seen |= bits;
            [_, *x, _, _] = bits.to_be_bytes();
        }
        (&[a, b, c], [x, y]) => {
            let bits = group_value(&[a, b, c, b'A']);
            seen |= bits;
            [_, *x, *y, _] = bits.to_be_bytes();
        }
        (&[_], []) => return Err(first_foreign(text).unwrap_or(DecodeError::LeftOver)),
        _ => {}
    }
    if seen >= 1 << 24 {
        return Err(first_foreign(text).unwrap_or(DecodeError::LeftOver));
    }
    Ok(())
}

fn first_foreign(text: &[u8]) -> Option<DecodeError> {
    let position = text.iter().position(|&c| value(c) == FOREIGN)?;
    Some(DecodeError::ForeignByte { position })
}

#[inline]
#[expect(
    clippy::indexing_slicing,
    reason = "the table has an entry for every byte"
)]
fn value(character: u8) -> u8 {
    VALUES[usize::from(character)]
}

/// Four characters as 24 bits; more than that if one of them is foreign.
#[inline]
#[expect(
    clippy::indexing_slicing,
    reason = "the tables have an entry for every byte"
)]
fn group_value(&[a, b, c, d]: &[u8; 4]) -> u32 {
    let [first, second, third, fourth] = &PLACED;
    first[usize::from(a)] | second[usize::from(b)] | third[usize::from(c)] | fourth[usize::from(d)]
}

#[inline]
#[expect(
    clippy::indexing_slicing,
    reason = "six bits, and the alphabet has 64 entries"
)]
fn digit(bits: u32) -> u8 {
    ALPHABET[(bits & 63) as usize]
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const FOREIGN: u8 = 0xff;
#[expect(clippy::indexing_slicing, reason = "evaluated at compile time")]
const VALUES: [u8; 256] = {
    let mut table = [FOREIGN; 256];
    let mut v = 0;
    while v < 64 {
        table[ALPHABET[v] as usize] = v as u8;
        v += 1;
    }
    table[b'+' as usize] = 62;
    table[b'/' as usize] = 63;
    table
};
/// [`VALUES`] at each of the four places of a group: one look instead of a look and a shift.
static PLACED: [[u32; 256]; 4] = [placed(18), placed(12), placed(6), placed(0)];

#[expect(clippy::indexing_slicing, reason = "evaluated at compile time")]
const fn placed(shift: u32) -> [u32; 256] {
    let mut table = [0; 256];
    let mut character = 0;
    while character < 256 {
        let value = VALUES[character];
        table[character] = if value == FOREIGN {
            1 << 24
        } else {
            (value as u32) << shift
        };
        character += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// At 32 characters the way changes that is taken with the processor's own instructions.
    #[test]
    fn every_byte_is_read_or_refused_wherever_it_stands() {
        for byte in (0..=255u8).filter(|byte| *byte != b'=') {
            let known = value(byte) != FOREIGN;
            for (len, at) in (0..8).map(|at| (8, at)).chain((0..32).map(|at| (32, at))) {
                let mut text = [b'A'; 32];
                text[at] = byte;
                let read = decode(&text[..len]);
                assert_eq!(read.is_ok(), known, "{byte:#x} at {at} of {len}");
            }
        }
    }

    proptest! {
        /// Whatever way is taken: lengths around those that are decoded many characters at a time, either alphabet, one foreign byte anywhere.
        #[test]
        fn long_texts_are_read_as_each_character_says(
            bytes in prop::collection::vec(any::<u8>(), 0..150),
            old_alphabet: bool,
            foreign in prop::option::of((any::<prop::sample::Index>(), any::<u8>())),
        ) {
            let mut text: Vec<u8> = encode(&bytes).into_bytes();
            if old_alphabet {
                for character in &mut text {
                    if let Some(old) = match *character {
                        b'-' => Some(b'+'),
                        b'_' => Some(b'/'),
                        _ => None,
                    } {
                        *character = old;
                    }
                }
            }
            prop_assert_eq!(decode(&text), Ok(bytes.clone()));
            if let Some((at, byte)) = foreign
                && !text.is_empty()
                && byte != b'='
            {
                let at = at.index(text.len());
                text[at] = byte;
                let known = value(byte) != FOREIGN;
                let position = at;
                match decode(&text) {
                    Ok(read) => {
                        prop_assert!(known);
                        let digits = text.iter().map(|character| u32::from(value(*character)));
                        let bits = digits.fold((0_u32, 0_u32, Vec::new()), |(held, count, mut out), digit| {
                            let (held, count) = (held << 6 | digit, count + 6);
                            if count < 8 {
                                return (held, count, out);
                            }
                            out.push((held >> (count - 8)) as u8);
                            (held & ((1 << (count - 8)) - 1), count - 8, out)
                        });
                        prop_assert_eq!(read, bits.2);
                    }
                    Err(error) => {
                        prop_assert!(!known);
                        prop_assert_eq!(error, DecodeError::ForeignByte { position });
                    }
                }
            }
        }
    }
}

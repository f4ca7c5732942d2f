//! File content and node attributes as a client writes them (crypto-and-accounts 4.1, 5.1, 6).

use super::cipher::{Cipher, Key, cbc_decrypt, cbc_encrypt, ctr, ecb_decrypt, ecb_encrypt, xor};
use crate::wire::{b64, unb64};

/// A file key taken apart: content key, nonce and the MAC of the content.
#[derive(Clone, Copy)]
pub struct FileKey {
    /// Encrypts content and attributes.
    pub key: Key,
    /// First half of the counter block.
    pub nonce: [u8; 8],
    /// Condensed MAC of the whole content.
    pub mac: [u8; 8],
}

impl std::fmt::Debug for FileKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FileKey(..)")
    }
}

impl FileKey {
    /// The 32 bytes of a node key: key XOR (nonce, MAC), nonce, MAC.
    #[must_use]
    pub fn pack(&self) -> [u8; 32] {
        let mut out = [0; 32];
        let (first, second) = out.split_at_mut(16);
        second.copy_from_slice(&[self.nonce, self.mac].concat());
        first.copy_from_slice(&self.key);
        xor(first, second);
        out
    }

    /// Takes 32 bytes apart.
    #[must_use]
    pub fn unpack(bytes: &[u8; 32]) -> Self {
        let mut key = [0; 16];
        let mut tail = [0; 16];
        for (i, b) in bytes.iter().enumerate() {
            if let Some(k) = key.get_mut(i % 16) {
                *k ^= b;
            }
            if i >= 16
                && let Some(t) = tail.get_mut(i - 16)
            {
                *t = *b;
            }
        }
        let mut nonce = [0; 8];
        let mut mac = [0; 8];
        xor(&mut nonce, &tail);
        xor(&mut mac, tail.get(8..).unwrap_or_default());
        Self { key, nonce, mac }
    }
}

/// Encrypts content in place and returns its condensed MAC.
pub fn encrypt(key: &Key, nonce: [u8; 8], data: &mut [u8]) -> [u8; 8] {
    let mac = condensed_mac(key, nonce, data);
    ctr(key, nonce, 0, data);
    mac
}

/// Decrypts content in place; the result says whether the MAC agrees.
pub fn decrypt(file: &FileKey, data: &mut [u8]) -> bool {
    ctr(&file.key, file.nonce, 0, data);
    condensed_mac(&file.key, file.nonce, data) == file.mac
}

/// The MAC over the MACs of all chunks of the plain content.
#[must_use]
pub fn condensed_mac(key: &Key, nonce: [u8; 8], plain: &[u8]) -> [u8; 8] {
    let cipher = Cipher::new(key);
    let mut total = [0; 16];
    let mut rest = plain;
    for (start, end) in chunks(plain.len() as u64) {
        let (chunk, tail) =
            rest.split_at(usize::try_from(end - start).unwrap_or(0).min(rest.len()));
        rest = tail;
        let mut mac = [0; 16];
        xor(&mut mac, &[nonce, nonce].concat());
        for block in chunk.chunks(16) {
            xor(&mut mac, block);
            cipher.encrypt(&mut mac);
        }
        xor(&mut total, &mac);
        cipher.encrypt(&mut total);
    }
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = total;
    [a ^ e, b ^ f, c ^ g, d ^ h, i ^ m, j ^ n, k ^ o, l ^ p]
}

/// The chunks of a file of this size as half-open ranges: 128 KiB times 1 to 8, then 1 MiB each.
pub fn chunks(size: u64) -> impl Iterator<Item = (u64, u64)> {
    let mut start = 0;
    let mut step = 1;
    std::iter::from_fn(move || {
        if start >= size {
            return None;
        }
        let end = start.saturating_add(0x20000 * step).min(size);
        let chunk = (start, end);
        start = end;
        step = (step + 1).min(8);
        Some(chunk)
    })
}

/// Whether an offset is where a chunk begins.
#[must_use]
pub fn is_boundary(offset: u64) -> bool {
    match offset {
        0 | 131_072 | 393_216 | 786_432 | 1_310_720 | 1_966_080 | 2_752_512 | 3_670_016 => true,
        o if o >= 4_718_592 => (o - 4_718_592) % 1_048_576 == 0,
        _ => false,
    }
}

/// Attributes as they stand on the wire: `MEGA`, the JSON text, zeros to a block, CBC, base64.
#[must_use]
pub fn seal_attributes(key: &Key, json: &str) -> String {
    let mut data = b"MEGA".to_vec();
    data.extend_from_slice(json.as_bytes());
    data.resize(data.len().next_multiple_of(16), 0);
    cbc_encrypt(key, &mut data);
    b64(&data)
}

/// The JSON text of attributes; `None` when the key does not fit.
#[must_use]
pub fn open_attributes(key: &Key, text: &str) -> Option<String> {
    let mut data = unb64(text)?;
    cbc_decrypt(key, &mut data);
    let json = data.strip_prefix(b"MEGA")?;
    let end = json.iter().rposition(|b| *b != 0).map_or(0, |i| i + 1);
    String::from_utf8(json.get(..end)?.to_vec()).ok()
}

/// Wraps a node key (16 or 32 bytes) under a key, as text.
#[must_use]
pub fn wrap(with: &Key, key: &[u8]) -> String {
    let mut data = key.to_vec();
    ecb_encrypt(with, &mut data);
    b64(&data)
}

/// Unwraps a node key.
#[must_use]
pub fn unwrap(with: &Key, text: &str) -> Option<Vec<u8>> {
    let mut data = unb64(text)?;
    ecb_decrypt(with, &mut data);
    Some(data)
}

/// The `c` attribute of a file: checksum words and modification time (crypto-and-accounts 7).
#[must_use]
pub fn fingerprint(plain: &[u8], mtime: i64) -> String {
    let mut words = [0_u8; 16];
    if plain.len() <= 16 {
        for (w, b) in words.iter_mut().zip(plain) {
            *w = *b;
        }
    } else {
        let lane = |i: usize| -> u32 {
            if plain.len() <= 8192 {
                let (start, end) = (i * plain.len() / 4, (i + 1) * plain.len() / 4);
                crc32(plain.get(start..end).unwrap_or_default().iter().copied())
            } else {
                crc32((0..32_usize).flat_map(|j| {
                    // 128 samples of 64 bytes, spread evenly from the first byte to the last.
                    let at = (plain.len() - 64) * (i * 32 + j) / 127;
                    plain.get(at..at + 64).unwrap_or_default().iter().copied()
                }))
            }
        };
        for (i, four) in words.chunks_exact_mut(4).enumerate() {
            four.copy_from_slice(&lane(i).to_be_bytes());
        }
    }
    let mut out = words.to_vec();
    let time = u64::try_from(mtime).unwrap_or(0).to_le_bytes();
    let len = time.iter().rposition(|b| *b != 0).map_or(0, |i| i + 1);
    out.push(u8::try_from(len).unwrap_or(0));
    out.extend(time.iter().take(len));
    b64(&out)
}

fn crc32(bytes: impl Iterator<Item = u8>) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 {
                (crc >> 1) ^ 0xEDB8_8320
            } else {
                crc >> 1
            };
        }
    }
    !crc
}

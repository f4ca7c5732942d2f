//! Passwords of both generations (crypto-and-accounts 2.3 and 2.4).

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use sha2::{Digest as _, Sha256, Sha512};

use super::cipher::{Cipher, Key, xor};

/// What a password yields: the key that wraps the master key, and what the client shows at login.
#[derive(Clone)]
pub struct Derived {
    /// Wraps the master key.
    pub key: Key,
    /// Sent as `uh`: 8 bytes for version 1, 16 for version 2.
    pub auth: Vec<u8>,
}

impl std::fmt::Debug for Derived {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Derived(..)")
    }
}

/// Version 1: 65536 rounds of AES over the packed password, then the hash of the address.
#[must_use]
pub fn v1(email: &str, password: &str) -> Derived {
    let units: Vec<u16> = password.encode_utf16().collect();
    let mut packed = Vec::new();
    for four in units.chunks(4) {
        let mut word = 0_u32;
        for (j, unit) in four.iter().enumerate() {
            word |= u32::from(*unit) << (24 - 8 * j);
        }
        packed.extend_from_slice(&word.to_be_bytes());
    }
    let ciphers: Vec<Cipher> = packed
        .chunks(16)
        .map(|chunk| {
            let mut key = [0; 16];
            xor(&mut key, chunk);
            Cipher::new(&key)
        })
        .collect();
    let mut key = PASSWORD_SEED;
    for _ in 0..65_536 {
        for cipher in &ciphers {
            cipher.encrypt(&mut key);
        }
    }
    let auth = v1_hash(email, &key);
    Derived { key, auth }
}

/// The version 1 login hash of an address under a password key.
#[must_use]
pub fn v1_hash(email: &str, key: &Key) -> Vec<u8> {
    let mut block = [0; 16];
    for chunk in email.to_lowercase().as_bytes().chunks(16) {
        xor(&mut block, chunk);
    }
    let cipher = Cipher::new(key);
    for _ in 0..16_384 {
        cipher.encrypt(&mut block);
    }
    let [a, b, c, d, _, _, _, _, e, f, g, h, ..] = block;
    vec![a, b, c, d, e, f, g, h]
}

/// Version 2: PBKDF2-HMAC-SHA512, 100000 rounds, 32 bytes.
#[must_use]
pub fn v2(password: &str, salt: &[u8]) -> Derived {
    let mut out = [0_u8; 32];
    pbkdf2::pbkdf2_hmac::<Sha512>(password.as_bytes(), salt, 100_000, &mut out);
    let (first, second) = out.split_at(16);
    let mut key = [0; 16];
    key.copy_from_slice(first);
    Derived {
        key,
        auth: second.to_vec(),
    }
}

/// As [`v1`], computed once per process for the same input: tests make the same accounts again and again.
pub(crate) fn v1_remembered(email: &str, password: &str) -> Derived {
    static KNOWN: Known = Mutex::new(BTreeMap::new());
    remembered(&KNOWN, password, email.as_bytes(), || v1(email, password))
}

/// As [`v2`], computed once per process for the same input.
pub(crate) fn v2_remembered(password: &str, salt: &[u8]) -> Derived {
    static KNOWN: Known = Mutex::new(BTreeMap::new());
    remembered(&KNOWN, password, salt, || v2(password, salt))
}

type Known = Mutex<BTreeMap<(String, Vec<u8>), Derived>>;

fn remembered(
    known: &Known,
    password: &str,
    with: &[u8],
    derive: impl FnOnce() -> Derived,
) -> Derived {
    let lock = || known.lock().unwrap_or_else(PoisonError::into_inner);
    let key = (password.to_owned(), with.to_vec());
    let found = lock().get(&key).cloned();
    found.unwrap_or_else(|| {
        let derived = derive();
        lock().insert(key, derived.clone());
        derived
    })
}

/// The salt the server computes from the client's random value.
#[must_use]
pub fn v2_salt(client_random: &[u8]) -> [u8; 32] {
    let mut text = b"mega.nz".to_vec();
    text.resize(200, b'P');
    text.extend_from_slice(client_random);
    Sha256::digest(&text).into()
}

/// What the server keeps of the version 2 authentication value.
#[must_use]
pub fn v2_hashed_auth(auth: &[u8]) -> Vec<u8> {
    Sha256::digest(auth).iter().copied().take(16).collect()
}

const PASSWORD_SEED: Key = [
    0x93, 0xC4, 0x67, 0xE3, 0x7D, 0xB0, 0xC7, 0xA4, 0xD1, 0xBE, 0x3F, 0x81, 0x01, 0x52, 0xCB, 0x56,
];

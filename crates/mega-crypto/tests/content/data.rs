//! The known answers, and the bytes of the files they are about.

use mega_crypto::content::{ContentCipher, ContentKey};
use serde_json::Value;

use crate::support::{VECTORS, Vector, look, unhex};

/// One member of the vectors.
pub(crate) fn vectors(member: &str) -> &'static Value {
    &VECTORS[member]
}

/// Bytes of the test file from `offset` on. Byte i is (a i + b ⌊i/2^8⌋ + c ⌊i/2^16⌋ + d) mod 256.
pub(crate) fn pattern(offset: u64, len: usize) -> Vec<u8> {
    let byte =
        |i: u64| (167 * (i % 256) + 13 * (i / 256 % 256) + 89 * (i / 65536 % 256) + 41) as u8;
    (0..len as u64)
        .map(|i| byte(offset.wrapping_add(i)))
        .collect()
}

pub(crate) fn hex(value: &Value) -> Vec<u8> {
    unhex(look(value).as_str().unwrap())
}

pub(crate) fn hex_array<const N: usize>(value: &Value) -> [u8; N] {
    hex(value).try_into().unwrap()
}

pub(crate) fn key_of(case: &Value) -> ContentKey {
    ContentKey::new(hex_array(&case["aes_key"]), hex_array(&case["nonce"]))
}

pub(crate) fn cases(value: &Value) -> &[Value] {
    value.list("cases")
}

/// Reads base64url without padding.
pub(crate) fn base64_array<const N: usize>(value: &Value) -> [u8; N] {
    mega_crypto::base64::decode_array(look(value).as_str().unwrap()).unwrap()
}

/// The engine, and with the feature `accelerated` the safe one besides.
pub(crate) fn ciphers(key: &ContentKey) -> Vec<ContentCipher> {
    let cipher = ContentCipher::new(key);
    #[cfg(feature = "accelerated")]
    return vec![cipher.clone().portable(), cipher];
    #[cfg(not(feature = "accelerated"))]
    vec![cipher]
}

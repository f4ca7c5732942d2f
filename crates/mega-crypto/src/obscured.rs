//! Passwords as rclone writes them into its configuration file.
//!
//! They are hidden from a glance, not protected: the key is the same for everybody and public (rclone `fs/config/obscure/obscure.go`).
//! AES-256 in counter mode, the counter's start in front, base64.

use alloc::string::String;
use alloc::vec::Vec;

use aes::Aes256Enc;
use cipher::{BlockCipherEncrypt, KeyInit};
use zeroize::Zeroizing;

use crate::{Error, base64};

/// The longest text that is read; a password is far shorter.
const MAX_TEXT: usize = 8192;

/// rclone's published key.
const KEY: [u8; 32] = [
    0x9c, 0x93, 0x5b, 0x48, 0x73, 0x0a, 0x55, 0x4d, 0x6b, 0xfd, 0x7c, 0x63, 0xc8, 0x86, 0xa9, 0x2b,
    0xd3, 0x90, 0x19, 0x8e, 0xb8, 0x12, 0x8a, 0xfb, 0xf4, 0xde, 0x16, 0x2b, 0x8b, 0x95, 0xf6, 0x38,
];

const WHAT: &str = "obscured password";

/// Reads an obscured password.
///
/// Nothing tells a wrong text from a right one, except that the result must be UTF-8.
///
/// ```
/// let password = mega_crypto::obscured::reveal("YWFhYWFhYWFhYWFhYWFhYXMaGgIlEQ").unwrap();
/// assert_eq!(&**password, "potato");
/// ```
///
/// # Errors
///
/// [`Error::Base64`], [`Error::Malformed`] if it is too short or the result is no text, [`Error::TooLarge`] above 8192 characters.
pub fn reveal(text: &str) -> Result<Zeroizing<String>, Error> {
    if text.len() > MAX_TEXT {
        return Err(Error::TooLarge {
            what: WHAT,
            limit: MAX_TEXT,
        });
    }
    let malformed = |reason| Error::Malformed { what: WHAT, reason };
    let bytes =
        base64::decode(text.trim()).map_err(|source| Error::Base64 { what: WHAT, source })?;
    let (start, rest) = bytes
        .split_first_chunk::<16>()
        .ok_or(malformed("it is too short"))?;
    let mut plain = Zeroizing::new(rest.to_vec());
    let aes = Aes256Enc::new(&KEY.into());
    let mut counter = u128::from_be_bytes(*start);
    for block in plain.chunks_mut(16) {
        let mut stream = counter.to_be_bytes().into();
        aes.encrypt_block(&mut stream);
        for (byte, mask) in block.iter_mut().zip(stream) {
            *byte ^= mask;
        }
        counter = counter.wrapping_add(1);
    }
    let text = core::str::from_utf8(&plain).map_err(|_| malformed("it is no text"))?;
    Ok(Zeroizing::new(String::from(text)))
}

/// Hides a password as rclone does. `start` should be random.
#[must_use]
pub fn obscure(password: &str, start: [u8; 16]) -> String {
    let aes = Aes256Enc::new(&KEY.into());
    let mut counter = u128::from_be_bytes(start);
    let mut bytes: Vec<u8> = start.to_vec();
    for block in password.as_bytes().chunks(16) {
        let mut stream = counter.to_be_bytes().into();
        aes.encrypt_block(&mut stream);
        bytes.extend(block.iter().zip(stream).map(|(byte, mask)| byte ^ mask));
        counter = counter.wrapping_add(1);
    }
    base64::encode(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_that_rclone_has_obscured_are_read() {
        // rclone `fs/config/obscure/obscure_test.go`.
        for (text, password) in [
            ("YWFhYWFhYWFhYWFhYWFhYQ", ""),
            ("YWFhYWFhYWFhYWFhYWFhYXMaGgIlEQ", "potato"),
            ("YmJiYmJiYmJiYmJiYmJiYp3gcEWbAw", "potato"),
        ] {
            assert_eq!(&**reveal(text).unwrap(), password);
        }
        assert_eq!(
            obscure("potato", [b'b'; 16]),
            "YmJiYmJiYmJiYmJiYmJiYp3gcEWbAw"
        );
    }

    #[test]
    fn long_passwords_come_back_and_the_counter_carries_over() {
        let password = "x".repeat(1000);
        for start in [[0; 16], [0xff; 16], [0x7f; 16]] {
            assert_eq!(&**reveal(&obscure(&password, start)).unwrap(), password);
        }
    }

    #[test]
    fn what_is_no_obscured_password_is_an_error() {
        for bad in ["", "short", "not base64!", &"A".repeat(9000)] {
            assert!(reveal(bad).is_err(), "{bad:.20}");
        }
    }
}

//! What a client keeps on its own disk: encrypted and authenticated under keys that hang from the master key.
//!
//! Not a part of the service's format. It is here because this crate alone spells ciphers (threat model, PST-2): AES-128-GCM,
//! the key by HKDF-SHA-256 from the master key, a random salt and a label.
//!
//! ```
//! use mega_crypto::{MasterKey, at_rest::{RestKey, Salt}, os_rng};
//! # fn doc() -> Result<(), mega_crypto::Error> {
//! let master = MasterKey::random(&mut os_rng());
//! let salt = Salt::random(&mut os_rng()); // stored in the clear, once for each file
//! let key = RestKey::derive(&master, &salt, b"notes of account x");
//! let mut file = Vec::new();
//! key.seal(0, b"first", &mut file, &mut os_rng())?;
//! assert_eq!(file.len(), b"first".len() + RestKey::OVERHEAD);
//!
//! let mut sealed = file.clone();
//! assert_eq!(key.open_in_place(0, &mut sealed)?, b"first");
//! assert!(key.open_in_place(1, &mut file).is_err(), "it is not the second piece");
//! # Ok(()) }
//! # doc().unwrap();
//! ```

use core::fmt;

use aes_gcm::aead::array::Array;
use aes_gcm::{AeadInOut, Aes128Gcm, KeyInit};
use alloc::string::String;
use alloc::vec::Vec;
use hkdf::Hkdf;
use rand_core::CryptoRng;
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::{Error, MasterKey};

/// What makes the keys of one file differ from those of every other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Salt([u8; Salt::LEN]);

impl Salt {
    /// Its length in bytes.
    pub const LEN: usize = 32;

    /// Draws a new one.
    pub fn random<R: CryptoRng + ?Sized>(rng: &mut R) -> Self {
        let mut salt = [0; Self::LEN];
        rng.fill_bytes(&mut salt);
        Self(salt)
    }

    /// The salt that a file says it has, [`LEN`](Self::LEN) bytes.
    pub const fn from_bytes(bytes: [u8; Self::LEN]) -> Self {
        Self(bytes)
    }

    /// The bytes, to be stored.
    pub const fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }
}

/// A key for the pieces of one file.
///
/// Each piece has a random nonce of 96 bits, so a key may seal 2^32 pieces (NIST SP 800-38D, 8.3). Take a fresh [`Salt`] long before that.
pub struct RestKey(Aes128Gcm);

impl RestKey {
    /// How much longer a sealed piece is than what is in it: nonce (12) and tag (16), in bytes.
    pub const OVERHEAD: usize = Self::NONCE + Self::TAG;

    /// How much of that comes before the content.
    pub const NONCE: usize = NONCE;

    /// How much of it comes behind.
    pub const TAG: usize = TAG;

    /// The longest piece that is sealed, in bytes. GCM could do 64 GiB.
    pub const MAX_PLAIN: usize = 1 << 28;

    /// Derives the key for a purpose. What distinguishes accounts, formats and versions belongs into the label.
    pub fn derive(master: &MasterKey, salt: &Salt, label: &[u8]) -> Self {
        let mut key = Zeroizing::new([0; 16]);
        expand(master, &salt.0, label, &mut *key);
        Self(Aes128Gcm::new((&*key).into()))
    }

    /// Appends the sealed piece with this number to `out`: nonce, ciphertext, tag.
    ///
    /// # Errors
    ///
    /// [`Error::TooLarge`] beyond [`MAX_PLAIN`](Self::MAX_PLAIN); nothing is appended then.
    pub fn seal<R: CryptoRng + ?Sized>(
        &self,
        number: u64,
        plain: &[u8],
        out: &mut Vec<u8>,
        rng: &mut R,
    ) -> Result<(), Error> {
        const TOO_LARGE: Error = Error::TooLarge {
            what: WHAT,
            limit: RestKey::MAX_PLAIN,
        };
        if plain.len() > Self::MAX_PLAIN {
            return Err(TOO_LARGE);
        }
        let mut nonce = [0; NONCE];
        rng.fill_bytes(&mut nonce);
        let before = out.len();
        // Room for all of it at once: growing would leave copies of the plaintext behind.
        out.reserve(plain.len() + Self::OVERHEAD);
        out.extend_from_slice(&nonce);
        out.extend_from_slice(plain);
        let text = out.get_mut(before + NONCE..).unwrap_or_default();
        let tag: Result<Array<u8, _>, _> =
            self.0
                .encrypt_inout_detached((&nonce).into(), &number.to_be_bytes(), text.into());
        match tag {
            Ok(tag) => {
                out.extend_from_slice(&tag);
                Ok(())
            }
            Err(_) => {
                out.truncate(before);
                Err(TOO_LARGE)
            }
        }
    }

    /// Opens a piece where it lies. The tag is checked before any byte is handed out; when it fails, the buffer's content means nothing.
    ///
    /// # Errors
    ///
    /// [`Error::Malformed`] for a piece that is too short, [`Error::Unauthentic`] for one that was changed, that has another number, or was
    /// sealed under another key.
    pub fn open_in_place<'a>(
        &self,
        number: u64,
        sealed: &'a mut [u8],
    ) -> Result<&'a mut [u8], Error> {
        const SHORT: Error = Error::Malformed {
            what: WHAT,
            reason: "it is too short",
        };
        let (nonce, rest) = sealed.split_first_chunk_mut::<NONCE>().ok_or(SHORT)?;
        let (text, tag) = rest.split_last_chunk_mut::<TAG>().ok_or(SHORT)?;
        self.0
            .decrypt_inout_detached(
                (&*nonce).into(),
                &number.to_be_bytes(),
                (&mut *text).into(),
                (&*tag).into(),
            )
            .map_err(|_| Error::Unauthentic { what: WHAT })?;
        Ok(text)
    }
}

impl fmt::Debug for RestKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RestKey(..)")
    }
}

/// A file name that says nothing to anybody without the master key, and is always the same for one account and purpose: 32 characters of
/// `0-9a-f`.
pub fn file_name(master: &MasterKey, label: &[u8]) -> String {
    let mut bytes = [0; 16];
    // The salts of keys are random and 32 bytes long, so a name is never a key.
    expand(master, b"file name", label, &mut bytes);
    let digit = |nibble: u8| char::from_digit(nibble.into(), 16).unwrap_or_default();
    bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
        .collect()
}

fn expand(master: &MasterKey, salt: &[u8], label: &[u8], out: &mut [u8]) {
    // Fails only for more than 255 hashes of output.
    let _ = Hkdf::<Sha256>::new(Some(salt), master.expose_secret()).expand(label, out);
}

const WHAT: &str = "sealed piece of a file";
const NONCE: usize = 12;
const TAG: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    fn rng() -> impl CryptoRng {
        crate::os_rng()
    }

    fn master(byte: u8) -> MasterKey {
        MasterKey::from_bytes([byte; 16])
    }

    #[test]
    fn pst_2_what_was_sealed_opens_only_as_it_was() {
        let salt = Salt::from_bytes([3; 32]);
        let key = RestKey::derive(&master(1), &salt, b"label");
        for plain in [vec![], vec![7; 1], vec![9; 100_000]] {
            let mut sealed = vec![0xEE];
            key.seal(5, &plain, &mut sealed, &mut rng()).unwrap();
            assert_eq!(sealed[0], 0xEE, "it appends");
            let sealed = &sealed[1..];
            assert_eq!(sealed.len(), plain.len() + RestKey::OVERHEAD);
            let open = |key: &RestKey, number, change: Option<usize>| {
                let mut copy = sealed.to_vec();
                if let Some(at) = change {
                    copy[at] ^= 1;
                }
                key.open_in_place(number, &mut copy)
                    .map(|text| text.to_vec())
            };
            assert_eq!(open(&key, 5, None).unwrap(), plain);
            for at in [0, 11, 12, sealed.len() - 17, sealed.len() - 1] {
                assert!(open(&key, 5, Some(at)).is_err(), "byte {at}");
            }
            assert!(open(&key, 6, None).is_err(), "another number");
            let others = [
                RestKey::derive(&master(2), &salt, b"label"),
                RestKey::derive(&master(1), &Salt::from_bytes([4; 32]), b"label"),
                RestKey::derive(&master(1), &salt, b"labels"),
            ];
            for other in others {
                assert!(open(&other, 5, None).is_err());
            }
            for len in 0..RestKey::OVERHEAD {
                let mut short = sealed[..len].to_vec();
                assert!(key.open_in_place(5, &mut short).is_err());
            }
        }
    }

    #[test]
    fn the_same_text_never_looks_the_same_twice() {
        let key = RestKey::derive(&master(1), &Salt::random(&mut rng()), b"");
        let (mut one, mut two) = (Vec::new(), Vec::new());
        key.seal(0, b"text", &mut one, &mut rng()).unwrap();
        key.seal(0, b"text", &mut two, &mut rng()).unwrap();
        assert_ne!(one, two);
        assert_ne!(Salt::random(&mut rng()), Salt::random(&mut rng()));
    }

    /// Computed with Python: HKDF from `hmac` and `hashlib`, and `AESGCM` of the package `cryptography`.
    #[test]
    fn names_and_pieces_are_what_an_independent_program_makes() {
        assert_eq!(
            file_name(&master(1), b"a"),
            "6d03d03bad3cbfc60f02f3d469bf8859"
        );
        let key = RestKey::derive(&master(1), &Salt::from_bytes([3; 32]), b"label");
        let mut piece = vec![5; 12];
        piece.extend([
            0x51, 0x48, 0x07, 0xb9, 0x09, 0xc8, 0x63, 0xf3, 0x57, 0x8f, 0x2e, 0x18, 0xb1, 0xe2,
            0x93, 0xe7, 0x4c, 0x0a, 0x61, 0xcb, 0xf0,
        ]);
        assert_eq!(key.open_in_place(5, &mut piece).unwrap(), b"hello");
    }
}

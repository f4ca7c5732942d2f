use alloc::vec::Vec;

use subtle::ConstantTimeEq;

use super::{Ed25519PrivateKey, Ed25519PublicKey, X25519PublicKey};
use crate::Error;
use crate::rsa::RsaPublicKey;

/// The signature of an account's Ed25519 key over another of its public keys: the 72 bytes of
/// `+sigPubk` and `+sigCu255`, 96 characters of base64.
///
/// It is `time (8, big-endian, seconds since 1970) || Ed25519 signature of "keyauth" || time ||
/// data` (crypto-and-accounts 3.5; SDK `EdDSA::signKey`).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct KeySignature {
    time: u64,
    signature: [u8; 64],
}

impl KeySignature {
    /// Its length in bytes.
    pub const LEN: usize = 72;

    /// Signs an X25519 public key. The time is in seconds since 1970.
    pub fn sign_x25519(signer: &Ed25519PrivateKey, key: &X25519PublicKey, time: u64) -> Self {
        Self::sign(signer, key.as_bytes(), time)
    }

    /// Signs an RSA public key, in the layout that it was received in. The time is in seconds since
    /// 1970.
    pub fn sign_rsa(signer: &Ed25519PrivateKey, key: &RsaPublicKey, time: u64) -> Self {
        Self::sign(signer, &key.signed_bytes(), time)
    }

    fn sign(signer: &Ed25519PrivateKey, data: &[u8], time: u64) -> Self {
        let signature = signer.sign(&message(time, data));
        Self { time, signature }
    }

    /// Checks the signature of an X25519 public key.
    ///
    /// # Errors
    ///
    /// [`Error::Unauthentic`] if it was not made by this signer over this key.
    pub fn verify_x25519(
        &self,
        signer: &Ed25519PublicKey,
        key: &X25519PublicKey,
    ) -> Result<(), Error> {
        self.verify(signer, key.as_bytes(), "signature of the X25519 key")
    }

    /// Checks the signature of an RSA public key.
    ///
    /// # Errors
    ///
    /// [`Error::Unauthentic`] if it was not made by this signer over this key, in the layout that
    /// it was received in.
    pub fn verify_rsa(&self, signer: &Ed25519PublicKey, key: &RsaPublicKey) -> Result<(), Error> {
        self.verify(signer, &key.signed_bytes(), "signature of the RSA key")
    }

    fn verify(
        &self,
        signer: &Ed25519PublicKey,
        data: &[u8],
        what: &'static str,
    ) -> Result<(), Error> {
        match signer.verifies(&message(self.time, data), &self.signature) {
            true => Ok(()),
            false => Err(Error::Unauthentic { what }),
        }
    }

    /// Reads the 72 bytes of an attribute.
    ///
    /// # Errors
    ///
    /// [`Error::Length`] if it has another length.
    pub fn from_slice(bytes: &[u8]) -> Result<Self, Error> {
        let bytes: [u8; Self::LEN] = super::exactly(bytes, "signature of a key")?;
        let mut signature = Self {
            time: 0,
            signature: [0; 64],
        };
        if let Some((time, rest)) = bytes.split_first_chunk() {
            signature.time = u64::from_be_bytes(*time);
            signature.signature.copy_from_slice(rest);
        }
        Ok(signature)
    }

    /// The 72 bytes.
    pub fn to_bytes(&self) -> [u8; Self::LEN] {
        let mut bytes = [0; Self::LEN];
        if let Some((time, signature)) = bytes.split_first_chunk_mut() {
            *time = self.time.to_be_bytes();
            signature.copy_from_slice(&self.signature);
        }
        bytes
    }

    /// When it claims to have been made, in seconds since 1970.
    pub const fn time(&self) -> u64 {
        self.time
    }
}

impl core::fmt::Debug for KeySignature {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("KeySignature")
            .field("time", &self.time)
            .finish_non_exhaustive()
    }
}

fn message(time: u64, data: &[u8]) -> Vec<u8> {
    [b"keyauth", &time.to_be_bytes()[..], data].concat()
}

/// What identifies a public key towards people and in authrings: the first 20 bytes of its SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyFingerprint([u8; 20]);

impl KeyFingerprint {
    /// Its length in bytes.
    pub const LEN: usize = 20;

    /// Of an RSA public key.
    pub fn of_rsa(key: &RsaPublicKey) -> Self {
        Self(key.fingerprint())
    }

    pub(super) fn of(key: &[u8]) -> Self {
        use sha2::{Digest, Sha256};
        let hash: [u8; 32] = Sha256::digest(key).into();
        let mut front = [0; 20];
        for (to, from) in front.iter_mut().zip(hash) {
            *to = from;
        }
        Self(front)
    }

    /// Takes the 20 bytes.
    pub const fn from_bytes(bytes: [u8; 20]) -> Self {
        Self(bytes)
    }

    /// The 20 bytes.
    pub const fn as_bytes(&self) -> &[u8; 20] {
        &self.0
    }
}

impl ConstantTimeEq for KeyFingerprint {
    fn ct_eq(&self, other: &Self) -> subtle::Choice {
        self.0.ct_eq(&other.0)
    }
}

/// In hexadecimal digits, in ten groups of four, as other clients show it to people who compare.
impl core::fmt::Display for KeyFingerprint {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        for (position, [high, low]) in self.0.as_chunks().0.iter().enumerate() {
            if position > 0 {
                f.write_str(" ")?;
            }
            write!(f, "{high:02X}{low:02X}")?;
        }
        Ok(())
    }
}

impl core::fmt::Debug for KeyFingerprint {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "KeyFingerprint({self})")
    }
}

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};

use super::KeyFingerprint;
use crate::Error;
use crate::secret::secret_bytes;

secret_bytes! {
    /// The Ed25519 private key of an account, as its 32-byte seed. It signs the account's other
    /// public keys.
    #[derive(Clone)]
    Ed25519PrivateKey, 32, "Ed25519 private key"
}

impl Ed25519PrivateKey {
    /// The public key that belongs to it.
    pub fn public_key(&self) -> Ed25519PublicKey {
        Ed25519PublicKey(self.signing_key().verifying_key().to_bytes())
    }

    /// Signs a message, without MEGA's prefix: see [`KeySignature`](super::KeySignature) for keys.
    pub(super) fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.signing_key().sign(message).to_bytes()
    }

    fn signing_key(&self) -> SigningKey {
        SigningKey::from_bytes(self.expose_secret())
    }
}

/// The Ed25519 public key of an account: the 32 bytes of `+puEd255`.
///
/// What it is worth depends on where it comes from: the server can send any key for a contact, so
/// pin it at first sight and compare fingerprints (threat model, KEY-9).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ed25519PublicKey([u8; 32]);

impl Ed25519PublicKey {
    /// Takes the 32 bytes. Whether they are a key shows when a signature is checked.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Copies the bytes out of an attribute.
    ///
    /// # Errors
    ///
    /// [`Error::Length`] if it has another length.
    pub fn from_slice(bytes: &[u8]) -> Result<Self, Error> {
        super::exactly(bytes, "Ed25519 public key").map(Self)
    }

    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// What people compare.
    pub fn fingerprint(&self) -> KeyFingerprint {
        KeyFingerprint::of(&self.0)
    }

    /// Whether this key made the signature. Weak keys and signatures written in another than the
    /// one right way are refused.
    pub(super) fn verifies(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        VerifyingKey::from_bytes(&self.0).is_ok_and(|key| {
            key.verify_strict(message, &Signature::from_bytes(signature))
                .is_ok()
        })
    }
}

use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::Zeroizing;

use super::KeyFingerprint;
use crate::mac::hmac_sha256;
use crate::secret::secret_bytes;
use crate::{Error, KeyCipher};

secret_bytes! {
    /// The X25519 private key of an account. With a contact's public key it gives the key that
    /// share keys are sent under.
    #[derive(Clone)]
    X25519PrivateKey, 32, "X25519 private key"
}

impl X25519PrivateKey {
    /// The public key that belongs to it.
    pub fn public_key(&self) -> X25519PublicKey {
        X25519PublicKey(PublicKey::from(&self.secret()).to_bytes())
    }

    /// The key that this account and a contact share: whoever has one of the two private keys
    /// computes it (crypto-and-accounts 4.7; SDK `KeyManager::computeSymmetricKey`).
    ///
    /// Nothing here says whose key the public key is. [`ContactKeys`](super::ContactKeys) does.
    ///
    /// # Errors
    ///
    /// [`Error::ZeroKey`] for a public key that gives everybody the same result.
    pub fn pairwise_key(&self, contact: &X25519PublicKey) -> Result<PairwiseKey, Error> {
        let shared = self.secret().diffie_hellman(&PublicKey::from(contact.0));
        if !shared.was_contributory() {
            return Err(Error::ZeroKey {
                what: "X25519 public key",
            });
        }
        let step = Zeroizing::new(hmac_sha256(&[], &[shared.as_bytes()]));
        let derived = Zeroizing::new(hmac_sha256(&*step, &[PAIRWISE]));
        let mut key = Zeroizing::new([0; 16]);
        for (to, from) in key.iter_mut().zip(derived.iter()) {
            *to = *from;
        }
        Ok(PairwiseKey::from_bytes(*key))
    }

    fn secret(&self) -> StaticSecret {
        StaticSecret::from(*self.expose_secret())
    }
}

/// The X25519 public key of an account: the 32 bytes of `+puCu255`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct X25519PublicKey([u8; 32]);

impl X25519PublicKey {
    /// Takes the 32 bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Copies the bytes out of an attribute.
    ///
    /// # Errors
    ///
    /// [`Error::Length`] if it has another length.
    pub fn from_slice(bytes: &[u8]) -> Result<Self, Error> {
        super::exactly(bytes, "X25519 public key").map(Self)
    }

    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// What authrings hold.
    pub fn fingerprint(&self) -> KeyFingerprint {
        KeyFingerprint::of(&self.0)
    }
}

secret_bytes! {
    /// The key that two accounts share; it wraps the share keys they send each other with the
    /// command `pk`.
    PairwiseKey, 16, "pairwise key"
}

impl PairwiseKey {
    /// The cipher that wraps share keys: see [`KeyCipher::wrap_share_key`] and
    /// [`KeyCipher::unwrap_share_key`].
    pub fn cipher(&self) -> KeyCipher {
        KeyCipher::new(self.expose_secret())
    }
}

const PAIRWISE: &[u8] = b"strongvelope pairwise key\x01";

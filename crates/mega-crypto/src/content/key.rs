use rand_core::CryptoRng;
use subtle::{Choice, ConstantTimeEq};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::node_key::draw_nonzero;
use crate::secret::opaque;

/// What a file's content is encrypted with: an AES-128 key and the 8-byte nonce that starts every
/// counter block and every chunk MAC (crypto-and-accounts 6.1).
///
/// A node key folds into it: the AES key is `node_key[0..16] ^ node_key[16..32]`, the nonce is
/// `node_key[16..24]` (crypto-and-accounts 4.1).
///
/// Wiped when dropped; `Debug` shows the type's name only; compared in constant time.
///
/// Never encrypt two different contents under one key and nonce: draw both afresh for each upload.
/// A retry with the same data may keep them.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct ContentKey {
    aes: [u8; 16],
    nonce: [u8; 8],
}

impl ContentKey {
    /// Puts a key together from its two parts: the AES key, 16 bytes, and the nonce, 8 bytes.
    pub const fn new(aes: [u8; 16], nonce: [u8; 8]) -> Self {
        Self { aes, nonce }
    }

    /// Draws the key of a new upload. The AES key is never zero: the server refuses such node keys.
    pub fn random<R: CryptoRng + ?Sized>(rng: &mut R) -> Self {
        let mut key = Self::new(draw_nonzero(rng), [0; 8]);
        rng.fill_bytes(&mut key.nonce);
        key
    }

    /// The AES key, 16 bytes. A secret.
    pub const fn expose_aes_key(&self) -> &[u8; 16] {
        &self.aes
    }

    /// The nonce, 8 bytes. Part of the node key, so treat it as a secret too.
    pub const fn expose_nonce(&self) -> &[u8; 8] {
        &self.nonce
    }
}

opaque!(ContentKey);

impl ConstantTimeEq for ContentKey {
    fn ct_eq(&self, other: &Self) -> Choice {
        self.aes.ct_eq(&other.aes) & self.nonce.ct_eq(&other.nonce)
    }
}

impl PartialEq for ContentKey {
    fn eq(&self, other: &Self) -> bool {
        self.ct_eq(other).into()
    }
}

impl Eq for ContentKey {}

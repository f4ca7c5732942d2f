use rand_core::CryptoRng;
use subtle::{Choice, ConstantTimeEq};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::node_key::{draw_nonzero, nonzero};
use crate::secret::opaque;
use crate::{Error, KeyCipher, NodeHandle};

/// The key of a shared folder: 16 bytes that wrap the keys of all nodes in it. One per folder, the
/// same for its outgoing and incoming shares and its folder link (crypto-and-accounts 4.5).
///
/// There is no value of this type that is all zeros (threat model, NOD-2).
///
/// Wiped when dropped; `Debug` shows the type's name only; compared in constant time.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct ShareKey([u8; 16]);

impl ShareKey {
    /// Its length in bytes.
    pub const LEN: usize = 16;

    /// Takes the 16 bytes.
    ///
    /// # Errors
    ///
    /// [`Error::ZeroKey`] if they are all zero.
    pub fn from_bytes(bytes: [u8; 16]) -> Result<Self, Error> {
        nonzero(bytes, "share key").map(Self)
    }

    /// Draws the key of a new share.
    pub fn random<R: CryptoRng + ?Sized>(rng: &mut R) -> Self {
        Self(draw_nonzero(rng))
    }

    /// The 16 bytes.
    pub const fn expose_secret(&self) -> &[u8; 16] {
        &self.0
    }

    /// The cipher that wraps the keys of the nodes in the share.
    pub fn cipher(&self) -> KeyCipher {
        KeyCipher::new(&self.0)
    }
}

opaque!(ShareKey);

impl ConstantTimeEq for ShareKey {
    fn ct_eq(&self, other: &Self) -> Choice {
        self.0.ct_eq(&other.0)
    }
}

impl PartialEq for ShareKey {
    fn eq(&self, other: &Self) -> bool {
        self.ct_eq(other).into()
    }
}

impl Eq for ShareKey {}

/// The `ha` of a share: proof that the own account made it (SDK `MegaClient::handleauth`). It
/// covers the handle only, not the key (threat model, ATT-12).
///
/// Only accounts without `^!keys` use it; with `^!keys`, send sixteen zero bytes and ignore what
/// arrives.
pub fn share_auth(master: &KeyCipher, share: NodeHandle) -> [u8; 16] {
    let text = share.to_text_bytes();
    let mut block = [0; 16];
    for (to, from) in block.iter_mut().zip(text.iter().chain(&text)) {
        *to = *from;
    }
    master.encrypt_block(block)
}

/// Opens the share key of an own share in an account without `^!keys`: checks `ha`, then decrypts
/// `ok` (crypto-and-accounts 4.5; threat model, KEY-8).
///
/// # Errors
///
/// [`Error::Unauthentic`] if `ha` does not belong to the handle, [`Error::ZeroKey`] if the key is
/// all zeros.
pub fn open_own_share_key(
    master: &KeyCipher,
    share: NodeHandle,
    ok: &[u8; 16],
    ha: &[u8; 16],
) -> Result<ShareKey, Error> {
    if !bool::from(share_auth(master, share).ct_eq(ha)) {
        return Err(Error::Unauthentic {
            what: "share record",
        });
    }
    master.unwrap_share_key(ok)
}

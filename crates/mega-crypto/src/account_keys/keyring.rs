use alloc::vec::Vec;

use rand_core::CryptoRng;

use super::{Ed25519PrivateKey, X25519PrivateKey};
use crate::secret::opaque;
use crate::tlv::{self, Records};
use crate::{Error, MasterKey};

/// The attribute `*keyring`: where the private keys were kept before `^!keys`, and still are for
/// older clients (crypto-and-accounts 3.5).
///
/// Records of other names are kept. `Debug` shows the type's name only.
#[derive(Clone, PartialEq, Eq)]
pub struct Keyring {
    records: Records,
}

impl Keyring {
    /// Opens the attribute.
    ///
    /// # Errors
    ///
    /// As for [`tlv::open`].
    pub fn open(container: &[u8], master: &MasterKey) -> Result<Self, Error> {
        let records = tlv::open(container, master)?;
        Ok(Self { records })
    }

    /// The Ed25519 private key.
    ///
    /// # Errors
    ///
    /// [`Error::Length`] if it has not 32 bytes, or none if it is missing.
    pub fn ed25519(&self) -> Result<Ed25519PrivateKey, Error> {
        Ed25519PrivateKey::from_slice(self.records.get(ED25519).unwrap_or_default())
    }

    /// The X25519 private key.
    ///
    /// # Errors
    ///
    /// [`Error::Length`] if it has not 32 bytes, or none if it is missing.
    pub fn x25519(&self) -> Result<X25519PrivateKey, Error> {
        X25519PrivateKey::from_slice(self.records.get(X25519).unwrap_or_default())
    }

    /// The records, for what else is in them.
    pub const fn records(&self) -> &Records {
        &self.records
    }

    /// The attribute for freshly made keys. There is no other way to write one: see
    /// [`NewAccountKeys`](super::NewAccountKeys).
    pub(super) fn seal<R: CryptoRng + ?Sized>(
        ed25519: &Ed25519PrivateKey,
        x25519: &X25519PrivateKey,
        master: &MasterKey,
        rng: &mut R,
    ) -> Result<Vec<u8>, Error> {
        let mut records = Records::new();
        records.insert(ED25519, ed25519.expose_secret())?;
        records.insert(X25519, x25519.expose_secret())?;
        tlv::seal(&records, master, rng)
    }
}

opaque!(Keyring);

const ED25519: &str = "prEd255";
const X25519: &str = "prCu255";

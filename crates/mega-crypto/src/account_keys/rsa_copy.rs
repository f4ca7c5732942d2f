use alloc::vec::Vec;

use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::rsa::RsaPrivateKey;
use crate::secret::opaque;
use crate::{Error, mpi};

/// The copy of the RSA private key in `^!keys`: the numbers p, q and d, each as a multi-precision
/// integer (crypto-and-accounts 3.2, short form).
///
/// It is only carried along: the key that is used is the one of the login, an [`RsaPrivateKey`].
///
/// Wiped when dropped; `Debug` shows the type's name only; compared in constant time.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct RsaPrivateCopy(Vec<u8>);

impl RsaPrivateCopy {
    /// Copies a key.
    pub fn of(key: &RsaPrivateKey) -> Self {
        Self(key.to_short_form().to_vec())
    }

    /// Takes the value of record 18.
    ///
    /// # Errors
    ///
    /// [`Error::PrivateKeyRejected`] if it is not three numbers, or shorter than 512 bytes.
    pub(super) fn from_slice(bytes: &[u8]) -> Result<Self, Error> {
        match mpi::read::<3>(bytes) {
            Some(_) if bytes.len() >= SHORTEST => Ok(Self(bytes.to_vec())),
            _ => Err(Error::PrivateKeyRejected),
        }
    }

    /// Whether it is a copy of this key, compared in constant time. Bytes behind it do not matter,
    /// as in the official client.
    pub fn is_of(&self, key: &RsaPrivateKey) -> bool {
        let other = key.to_short_form();
        let front = self.0.get(..other.len());
        front.is_some_and(|front| subtle::ConstantTimeEq::ct_eq(front, other.as_slice()).into())
    }

    /// The bytes of the record.
    pub fn expose_secret(&self) -> &[u8] {
        &self.0
    }
}

opaque!(RsaPrivateCopy);

impl PartialEq for RsaPrivateCopy {
    fn eq(&self, other: &Self) -> bool {
        subtle::ConstantTimeEq::ct_eq(&*self.0, &*other.0).into()
    }
}

impl Eq for RsaPrivateCopy {}

const SHORTEST: usize = 512;

use alloc::string::String;

use subtle::{Choice, ConstantTimeEq};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::secret::opaque;
use crate::{Error, KeyCipher, UserHandle, base64};

/// A session id (`sid`): 43 bytes that stand for the user in every request
/// (crypto-and-accounts 2.7).
///
/// Sixteen random bytes, the 11 characters of the user's handle, and sixteen more bytes. A value of
/// this type always has a handle in its middle; whether it is the right one says
/// [`SessionId::user`].
///
/// Wiped when dropped; `Debug` shows the type's name only; compared in constant time.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct SessionId([u8; 43]);

impl SessionId {
    /// Its length in bytes.
    pub const LEN: usize = 43;

    /// Takes the 43 bytes.
    ///
    /// # Errors
    ///
    /// [`Error::Malformed`] if there is no user handle in its middle.
    pub fn from_bytes(bytes: [u8; 43]) -> Result<Self, Error> {
        let session = Self(bytes);
        match session.parts() {
            Some(_) => Ok(session),
            None => Err(Error::Malformed {
                what: "session id",
                reason: "it holds no user handle",
            }),
        }
    }

    /// Reads the 58 characters of its text.
    ///
    /// # Errors
    ///
    /// [`Error::Base64`] for another text, and as for [`SessionId::from_bytes`].
    pub fn from_text(text: &str) -> Result<Self, Error> {
        let mut bytes = base64::decode_array(text).map_err(|e| e.of("session id"))?;
        let session = Self::from_bytes(bytes);
        bytes.zeroize();
        session
    }

    /// The text for the `sid` parameter of a request's URL: 58 characters. Never log a URL that
    /// carries it.
    pub fn to_text(&self) -> Zeroizing<String> {
        Zeroizing::new(base64::encode(&self.0))
    }

    /// The account it belongs to.
    pub fn user(&self) -> UserHandle {
        self.parts()
            .map_or(UserHandle::from_bytes([0; 8]), |(_, user, _)| user)
    }

    /// The 43 bytes.
    pub const fn expose_secret(&self) -> &[u8; 43] {
        &self.0
    }

    /// Whether it proves knowledge of the master key: the last sixteen bytes are the first sixteen
    /// encrypted with it. Only the `tsid` of accounts without RSA keys does (crypto-and-accounts
    /// 2.6.1). Constant time.
    pub(crate) fn proves(&self, master: &KeyCipher) -> Choice {
        match self.parts() {
            Some((challenge, _, response)) => master.encrypt_block(*challenge).ct_eq(response),
            None => Choice::from(0),
        }
    }

    fn parts(&self) -> Option<(&[u8; 16], UserHandle, &[u8; 16])> {
        let (challenge, rest) = self.0.split_first_chunk::<16>()?;
        let (user, response) = rest.split_first_chunk::<11>()?;
        Some((
            challenge,
            UserHandle::from_text(user).ok()?,
            response.first_chunk()?,
        ))
    }
}

opaque!(SessionId);

impl ConstantTimeEq for SessionId {
    fn ct_eq(&self, other: &Self) -> Choice {
        self.0.ct_eq(&other.0)
    }
}

impl PartialEq for SessionId {
    fn eq(&self, other: &Self) -> bool {
        self.ct_eq(other).into()
    }
}

impl Eq for SessionId {}

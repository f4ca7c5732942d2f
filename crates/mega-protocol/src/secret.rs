//! Bytes and texts that must not show: session ids, authentication hashes, addresses.

use std::fmt;
use std::str::FromStr;

use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::base64;
use crate::handle::{InvalidHandle, UserHandle};

/// The secret that stands for a signed-in account: 43 bytes, 58 characters on the wire.
///
/// It goes only to the API host, as the query parameter `sid` (NET-6). It is wiped when dropped,
/// compared in constant time, and prints as `SessionId(..)`.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct SessionId([u8; 43]);

impl SessionId {
    /// The number of bytes.
    pub const LEN: usize = 43;

    /// The session id made of these bytes: 16 random ones, 11 characters of the user handle (for a
    /// full account), 16 more (crypto-and-accounts 2.7).
    pub fn from_bytes(bytes: [u8; 43]) -> Self {
        Self(bytes)
    }

    /// The secret itself.
    pub fn expose_secret(&self) -> &[u8; 43] {
        &self.0
    }

    /// The secret as 58 characters, wiped when dropped.
    pub fn to_text(&self) -> Zeroizing<String> {
        Zeroizing::new(base64::encode(&self.0))
    }

    /// The account that the session belongs to, if bytes 16 to 26 are the text of a user handle.
    pub fn user(&self) -> Option<UserHandle> {
        UserHandle::from_text(self.0.get(16..27)?)
    }
}

impl FromStr for SessionId {
    type Err = InvalidHandle;

    fn from_str(text: &str) -> Result<Self, InvalidHandle> {
        base64::decode_exact(text.as_bytes())
            .map(Self)
            .ok_or(InvalidHandle {
                what: "session id",
                chars: 58,
            })
    }
}

impl PartialEq for SessionId {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for SessionId {}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionId(..)")
    }
}

/// Secret bytes of any length, such as an authentication hash or a session key. Wiped when
/// dropped, compared in constant time, printed as `Secret(..)`.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// Takes the bytes over.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(bytes.into())
    }

    /// The bytes themselves.
    pub fn expose_secret(&self) -> &[u8] {
        &self.0
    }
}

impl From<Vec<u8>> for Secret {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl From<&[u8]> for Secret {
    fn from(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }
}

impl<const N: usize> From<[u8; N]> for Secret {
    fn from(bytes: [u8; N]) -> Self {
        Self(bytes.to_vec())
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// Text that does not belong into a log: an e-mail address, a one-time code, a message, a link
/// token. Wiped when dropped, printed as `PrivateText(..)`.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct PrivateText(String);

impl PrivateText {
    /// Takes the text over.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for PrivateText {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&str> for PrivateText {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Debug for PrivateText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateText(..)")
    }
}

/// Bytes this crate carries and does not understand: encrypted keys, attributes, signatures.
/// Base64 on the wire; prints its length only.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct Blob(Vec<u8>);

impl Blob {
    /// Takes the bytes over.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(bytes.into())
    }

    /// Reads the text form; `None` when it is not base64.
    pub fn from_text(text: &str) -> Option<Self> {
        base64::decode(text.as_bytes()).map(Self)
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The bytes, handed over.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// The text form.
    pub fn to_text(&self) -> String {
        base64::encode(&self.0)
    }

    /// The number of bytes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<Vec<u8>> for Blob {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl From<&[u8]> for Blob {
    fn from(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }
}

impl<const N: usize> From<[u8; N]> for Blob {
    fn from(bytes: [u8; N]) -> Self {
        Self(bytes.to_vec())
    }
}

impl AsRef<[u8]> for Blob {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Blob({} bytes)", self.0.len())
    }
}

impl crate::json::FromText for Blob {
    const WHAT: &'static str = "base64 text";

    fn from_text(text: &str) -> Option<Self> {
        Self::from_text(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_print_only_their_type() {
        let id = SessionId::from_bytes([7; 43]);
        assert_eq!(format!("{id:?}"), "SessionId(..)");
        assert_eq!(format!("{:?}", Secret::from([1, 2, 3])), "Secret(..)");
        assert_eq!(
            format!("{:?}", PrivateText::from("a@b.c")),
            "PrivateText(..)"
        );
        assert_eq!(format!("{:?}", Blob::from([1, 2, 3])), "Blob(3 bytes)");
    }

    #[test]
    fn a_session_names_its_account() {
        let mut bytes = [9; 43];
        bytes[16..27].copy_from_slice(b"AAAAAAAAAAE");
        let id = SessionId::from_bytes(bytes);
        assert_eq!(id.user().unwrap().to_string(), "AAAAAAAAAAE");
        assert_eq!(id.to_text().parse::<SessionId>().unwrap(), id);
        assert_eq!(id.to_text().len(), 58);
    }
}

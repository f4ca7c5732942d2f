//! What an attribute of an account holds.

use std::fmt;

use bytes::Bytes;
use mega_crypto::tlv::Records;
use mega_protocol::commands::AttributeValue;
use zeroize::Zeroizing;

use super::scope::AVATAR;
use crate::error::{Error, Result};

/// An attribute of an account, as it was read or written. `Debug` does not show the value.
#[derive(Clone)]
pub struct UserAttribute {
    name: String,
    value: UserValue,
    records: UserRecords,
    version: Option<String>,
}

impl UserAttribute {
    pub(super) fn new(name: &str, value: UserValue, version: Option<String>) -> Self {
        let records = match &value {
            UserValue::Records(records) => records.clone(),
            UserValue::Bytes(_) => UserRecords::new(),
        };
        Self {
            name: name.to_owned(),
            value,
            records,
            version,
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The value. Of an encrypted attribute that is the record without a name, which is where bytes go that are set without naming one; empty when there is none.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        match &self.value {
            UserValue::Bytes(bytes) => bytes,
            UserValue::Records(records) => records.get("").unwrap_or_default(),
        }
    }

    /// The same as text, if it is UTF-8.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        std::str::from_utf8(self.bytes()).ok()
    }

    /// The records of an encrypted attribute; none of any other.
    #[must_use]
    pub fn records(&self) -> &UserRecords {
        &self.records
    }

    /// The service's version of it, for [`SetUserAttribute::if_version`](crate::SetUserAttribute::if_version); old attributes have none.
    #[must_use]
    pub fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }
}

impl fmt::Debug for UserAttribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UserAttribute")
            .field("name", &self.name)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

/// The named records of an encrypted attribute: names of bytes without a zero, values of up to 65535 bytes (a single record without a name may be longer).
/// Values are wiped when this is dropped, and `Debug` does not show them.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct UserRecords(Records);

impl UserRecords {
    /// No records.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The value of a record.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.0.get(name)
    }

    /// Sets a record; what had the name is replaced.
    ///
    /// # Errors
    ///
    /// [`Misuse`](crate::ErrorKind::Misuse) for a name with a zero in it.
    pub fn set(&mut self, name: &str, value: impl AsRef<[u8]>) -> Result<()> {
        self.0
            .insert(name, value)
            .map_err(|error| Error::misuse("the record cannot be stored").caused_by(error))
    }

    /// Bytes as the one record without a name, as authrings are stored (crypto-and-accounts 10.2).
    pub(super) fn nameless(bytes: &[u8]) -> Result<Self> {
        let mut records = Self::new();
        records.set("", bytes)?;
        Ok(records)
    }

    pub(super) fn from_inner(records: Records) -> Self {
        Self(records)
    }

    pub(super) fn inner(&self) -> &Records {
        &self.0
    }

    /// Takes a record out. Whether it was there.
    pub fn remove(&mut self, name: &str) -> bool {
        self.0.remove(name)
    }

    /// Names and values, in byte order of the names.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.0.iter()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for UserRecords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UserRecords")
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

/// What an attribute is set to. `Debug` does not show it.
#[derive(Clone)]
#[non_exhaustive]
pub enum UserValue {
    /// Bytes.
    Bytes(Zeroizing<Vec<u8>>),
    /// Named records, for encrypted attributes.
    Records(UserRecords),
}

impl From<UserRecords> for UserValue {
    fn from(records: UserRecords) -> Self {
        Self::Records(records)
    }
}

impl From<Vec<u8>> for UserValue {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(Zeroizing::new(bytes))
    }
}

impl From<&[u8]> for UserValue {
    fn from(bytes: &[u8]) -> Self {
        Self::from(bytes.to_vec())
    }
}

impl<const N: usize> From<[u8; N]> for UserValue {
    fn from(bytes: [u8; N]) -> Self {
        Self::from(bytes.to_vec())
    }
}

impl From<Bytes> for UserValue {
    fn from(bytes: Bytes) -> Self {
        Self::from(&*bytes)
    }
}

impl From<&str> for UserValue {
    fn from(text: &str) -> Self {
        Self::from(text.as_bytes())
    }
}

impl From<String> for UserValue {
    fn from(text: String) -> Self {
        Self::from(text.into_bytes())
    }
}

impl fmt::Debug for UserValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bytes(_) => "Bytes(..)",
            Self::Records(_) => "Records(..)",
        })
    }
}

/// The bytes behind a reply. Base64 as a rule; an old value that is not is its own text, and an avatar `none` is none (SDK `CommandGetUA::procresult`).
pub(super) fn wire_bytes(name: &str, fetched: &AttributeValue) -> Option<Zeroizing<Vec<u8>>> {
    if name == AVATAR && fetched.text.expose() == "none" {
        return None;
    }
    Some(Zeroizing::new(match fetched.decode() {
        Some(bytes) => bytes.as_bytes().to_vec(),
        None => fetched.text.expose().as_bytes().to_vec(),
    }))
}

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::KeyFingerprint;
use crate::tlv::Records;
use crate::{Error, UserHandle};

/// The public keys of contacts that this account has seen, by their fingerprints
/// (crypto-and-accounts 3.6).
///
/// Each account has one for Ed25519 and one for X25519 keys. A key that differs from the one here
/// is refused, never replaced (threat model, KEY-9, ATT-12).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Authring {
    entries: Vec<AuthringEntry>,
}

impl Authring {
    /// An empty one.
    pub const fn new() -> Self {
        Self {
            entries: Vec::new(),
        }
    }

    /// Reads records of 29 bytes: user (8), fingerprint (20), method (1). Of two for the same user
    /// the later one counts.
    ///
    /// # Errors
    ///
    /// [`Error::Malformed`] if the last record is cut off.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let (records, rest) = bytes.as_chunks::<RECORD>();
        if !rest.is_empty() {
            return Err(Error::Malformed {
                what: "authring",
                reason: "the last record is cut off",
            });
        }
        let mut ring = Self::new();
        let mut places = BTreeMap::new();
        for record in records {
            let Some(entry) = AuthringEntry::read(record) else {
                continue;
            };
            let place = *places.entry(entry.user).or_insert(ring.entries.len());
            match ring.entries.get_mut(place) {
                Some(earlier) => *earlier = entry,
                None => ring.entries.push(entry),
            }
        }
        Ok(ring)
    }

    /// The records one after the other, 29 bytes each.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.entries.len().saturating_mul(RECORD));
        for entry in &self.entries {
            bytes.extend_from_slice(entry.user.as_bytes());
            bytes.extend_from_slice(entry.fingerprint.as_bytes());
            bytes.push(entry.method.0);
        }
        bytes
    }

    /// Reads the attribute `*!authring` or `*!authCu255` of accounts without `^!keys`: a container
    /// with one record without a name (crypto-and-accounts 10.3). Without that record it is empty.
    ///
    /// # Errors
    ///
    /// As for [`Authring::parse`].
    pub fn from_records(records: &Records) -> Result<Self, Error> {
        Self::parse(records.get("").unwrap_or_default())
    }

    /// What is known about a user.
    pub fn get(&self, user: UserHandle) -> Option<&AuthringEntry> {
        self.entries.iter().find(|entry| entry.user == user)
    }

    /// All entries, in the order of the attribute.
    pub fn entries(&self) -> &[AuthringEntry] {
        &self.entries
    }

    /// Notes a key. An entry with the same fingerprint keeps the stronger of both methods.
    ///
    /// # Errors
    ///
    /// [`Error::ContactKeyChanged`] if another key is known; nothing is changed then.
    pub(super) fn track(&mut self, new: AuthringEntry) -> Result<(), Error> {
        match self.entries.iter_mut().find(|entry| entry.user == new.user) {
            None => self.entries.push(new),
            Some(entry) if entry.fingerprint != new.fingerprint => {
                return Err(Error::ContactKeyChanged);
            }
            Some(entry) => {
                if new.method.strength() > entry.method.strength() {
                    entry.method = new.method;
                }
            }
        }
        Ok(())
    }
}

/// One key of one contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuthringEntry {
    /// Whose key.
    pub user: UserHandle,
    /// Which key.
    pub fingerprint: KeyFingerprint,
    /// How it is known.
    pub method: AuthMethod,
}

impl AuthringEntry {
    /// An entry.
    pub const fn new(user: UserHandle, fingerprint: KeyFingerprint, method: AuthMethod) -> Self {
        Self {
            user,
            fingerprint,
            method,
        }
    }

    fn read(record: &[u8; RECORD]) -> Option<Self> {
        let (user, rest) = record.split_first_chunk()?;
        let (fingerprint, rest) = rest.split_first_chunk()?;
        let [method] = *rest.first_chunk()?;
        Some(Self {
            user: UserHandle::from_bytes(*user),
            fingerprint: KeyFingerprint::from_bytes(*fingerprint),
            method: AuthMethod(method),
        })
    }
}

/// How a contact's key is known. Numbers of other clients that mean nothing here are kept.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct AuthMethod(u8);

impl AuthMethod {
    /// It was seen once and has been the same since.
    pub const SEEN: Self = Self(0);
    /// The user has compared the fingerprint.
    pub const FINGERPRINT: Self = Self(1);
    /// It is signed by a known key.
    pub const SIGNATURE: Self = Self(2);

    /// Its number in the attribute.
    pub const fn number(self) -> u8 {
        self.0
    }

    /// The official client reads the number as signed, and takes -1 for "unknown".
    const fn strength(self) -> i8 {
        self.0.cast_signed()
    }

    /// Whether the key has at least been seen.
    pub const fn is_known(self) -> bool {
        self.strength() >= 0
    }
}

impl core::fmt::Debug for AuthMethod {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match *self {
            Self::SEEN => f.write_str("SEEN"),
            Self::FINGERPRINT => f.write_str("FINGERPRINT"),
            Self::SIGNATURE => f.write_str("SIGNATURE"),
            Self(other) => write!(f, "AuthMethod({other})"),
        }
    }
}

const RECORD: usize = UserHandle::LEN + KeyFingerprint::LEN + 1;

#[cfg(test)]
mod tests {
    use super::*;

    /// Threat model, KEY-9 and ATT-12. The ring refuses by itself, whatever was checked before.
    #[test]
    fn att_12_another_key_for_a_known_contact_is_refused_and_nothing_changed() {
        let user = UserHandle::from_bytes([1; 8]);
        let entry =
            |byte, method| AuthringEntry::new(user, KeyFingerprint::from_bytes([byte; 20]), method);
        let mut ring = Authring::new();
        ring.track(entry(1, AuthMethod::SEEN)).unwrap();
        for method in [AuthMethod::SEEN, AuthMethod::FINGERPRINT] {
            assert_eq!(ring.track(entry(2, method)), Err(Error::ContactKeyChanged));
            assert_eq!(ring.entries(), [entry(1, AuthMethod::SEEN)]);
        }
        ring.track(entry(1, AuthMethod::FINGERPRINT)).unwrap();
        assert_eq!(ring.entries(), [entry(1, AuthMethod::FINGERPRINT)]);
        ring.track(entry(1, AuthMethod::SEEN)).unwrap();
        assert_eq!(ring.entries(), [entry(1, AuthMethod::FINGERPRINT)]);
    }
}

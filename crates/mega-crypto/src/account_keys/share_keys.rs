use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::{Error, NodeHandle, ShareKey};

/// The key of one shared folder, as `^!keys` holds it.
#[derive(Clone)]
pub struct StoredShareKey {
    node: NodeHandle,
    /// May be zero, other than a [`ShareKey`].
    key: Zeroizing<[u8; ShareKey::LEN]>,
    flags: u8,
}

impl StoredShareKey {
    /// The shared folder.
    pub const fn node(&self) -> NodeHandle {
        self.node
    }

    /// The key.
    ///
    /// # Errors
    ///
    /// [`Error::ZeroKey`] if it protects nothing (threat model, NOD-2). Such a record is kept all
    /// the same.
    pub fn key(&self) -> Result<ShareKey, Error> {
        ShareKey::from_bytes(*self.key)
    }

    /// Whether the key was only ever handed out securely, never through the server or a link.
    pub const fn is_trusted(&self) -> bool {
        self.flags & TRUSTED != 0
    }

    /// Whether a share or a folder link with this key exists.
    pub const fn is_in_use(&self) -> bool {
        self.flags & IN_USE != 0
    }
}

impl core::fmt::Debug for StoredShareKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("StoredShareKey")
            .field("node", &self.node)
            .field("trusted", &self.is_trusted())
            .field("in_use", &self.is_in_use())
            .finish_non_exhaustive()
    }
}

impl PartialEq for StoredShareKey {
    fn eq(&self, other: &Self) -> bool {
        let same = self.key.ct_eq(&*other.key);
        self.node == other.node && self.flags == other.flags && same.into()
    }
}

impl Eq for StoredShareKey {}

/// Reads records of 23 bytes: node (6), key (16), flags (1). Of two for the same node the later one
/// counts.
pub(super) fn parse(bytes: &[u8]) -> Result<Vec<StoredShareKey>, Error> {
    let (records, rest) = bytes.as_chunks::<RECORD>();
    if !rest.is_empty() {
        return Err(Error::Malformed {
            what: "list of share keys",
            reason: "the last record is cut off",
        });
    }
    let mut list: Vec<StoredShareKey> = Vec::with_capacity(records.len());
    let mut places = BTreeMap::new();
    for stored in records.iter().filter_map(read) {
        let place = *places.entry(stored.node).or_insert(list.len());
        match list.get_mut(place) {
            Some(earlier) => *earlier = stored,
            None => list.push(stored),
        }
    }
    Ok(list)
}

fn read(record: &[u8; RECORD]) -> Option<StoredShareKey> {
    let (node, rest) = record.split_first_chunk()?;
    let (key, rest) = rest.split_first_chunk()?;
    let [flags] = *rest.first_chunk()?;
    Some(StoredShareKey {
        node: NodeHandle::from_bytes(*node),
        key: Zeroizing::new(*key),
        flags,
    })
}

pub(super) fn write(list: &[StoredShareKey]) -> Zeroizing<Vec<u8>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(list.len().saturating_mul(RECORD)));
    for stored in list {
        bytes.extend_from_slice(stored.node.as_bytes());
        bytes.extend_from_slice(&*stored.key);
        bytes.push(stored.flags);
    }
    bytes
}

/// Adds a key. The same key again can only gain trust. The official client only logs when a trusted
/// key is replaced by another (SDK `KeyManager::addShareKey`); here it takes [`replace`].
pub(super) fn insert(
    list: &mut Vec<StoredShareKey>,
    node: NodeHandle,
    key: &ShareKey,
    trusted: bool,
) -> Result<(), Error> {
    let trust = if trusted { TRUSTED } else { 0 };
    let new = StoredShareKey {
        node,
        key: Zeroizing::new(*key.expose_secret()),
        flags: trust,
    };
    match list.iter_mut().find(|stored| stored.node == node) {
        None => list.push(new),
        Some(stored) if bool::from(stored.key.ct_eq(&*new.key)) => stored.flags |= trust,
        Some(stored) if stored.is_trusted() => {
            return Err(Error::Refused {
                reason: "a trusted share key would be replaced by another",
            });
        }
        Some(stored) if stored.is_in_use() => {
            return Err(Error::Refused {
                reason: "the share key of an existing share would be replaced by another",
            });
        }
        Some(stored) => *stored = new,
    }
    Ok(())
}

/// Puts a key in the place of another, with the flags of a new one.
pub(super) fn replace(
    list: &mut Vec<StoredShareKey>,
    node: NodeHandle,
    key: &ShareKey,
    trusted: bool,
) -> Result<(), Error> {
    list.retain(|stored| stored.node != node);
    insert(list, node, key, trusted)
}

pub(super) fn set_in_use(
    list: &mut [StoredShareKey],
    node: NodeHandle,
    in_use: bool,
) -> Result<(), Error> {
    let stored = list.iter_mut().find(|stored| stored.node == node);
    let stored = stored.ok_or(Error::NoUsableKey)?;
    if in_use {
        stored.flags |= IN_USE;
    } else {
        stored.flags &= !IN_USE;
    }
    Ok(())
}

const RECORD: usize = NodeHandle::LEN + ShareKey::LEN + 1;
const TRUSTED: u8 = 1;
const IN_USE: u8 = 2;

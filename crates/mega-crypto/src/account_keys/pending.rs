use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec::Vec;

use super::ltlv::Ltlv;
use crate::{Error, NodeHandle, UserHandle, base64};

/// A share that this account has made, and whose key has not been handed out yet: the other side
/// has no account, or its key is not verified (crypto-and-accounts 3.6).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct PendingOutShare {
    /// The shared folder.
    pub node: NodeHandle,
    /// Whom it is shared with.
    pub recipient: PendingRecipient,
}

/// Whom a pending share is for.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PendingRecipient(Recipient);

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Recipient {
    User(UserHandle),
    /// 1 to 255 bytes. What is read may be no UTF-8; it is written back as it is.
    Email(Vec<u8>),
}

impl PendingRecipient {
    /// An account.
    pub const fn user(user: UserHandle) -> Self {
        Self(Recipient::User(user))
    }

    /// An address that has no account yet.
    ///
    /// # Errors
    ///
    /// [`Error::Malformed`] if it has no `@` or more than 255 bytes: the official client would drop
    /// it.
    pub fn email(address: &str) -> Result<Self, Error> {
        if !address.contains('@') || address.len() > usize::from(u8::MAX) {
            return Err(Error::Malformed {
                what: "address of a pending share",
                reason: "it must have an @ and at most 255 bytes",
            });
        }
        Ok(Self(Recipient::Email(address.as_bytes().to_vec())))
    }

    /// The account, if it is one.
    pub const fn as_user(&self) -> Option<UserHandle> {
        match &self.0 {
            Recipient::User(user) => Some(*user),
            Recipient::Email(_) => None,
        }
    }

    /// The address, if it is one; what is no UTF-8 in it is replaced.
    pub fn as_email(&self) -> Option<String> {
        match &self.0 {
            Recipient::User(_) => None,
            Recipient::Email(address) => Some(String::from_utf8_lossy(address).into_owned()),
        }
    }
}

impl core::fmt::Debug for PendingRecipient {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match &self.0 {
            Recipient::User(user) => user.fmt(f),
            Recipient::Email(_) => f.write_str("Email(..)"),
        }
    }
}

/// Reads records: length (1), node (6), then a user (8) if the length is 0, else an address of that
/// length. Each pair counts once.
pub(super) fn parse_out(mut bytes: &[u8]) -> Result<Vec<PendingOutShare>, Error> {
    let mut list = Vec::new();
    let mut seen = BTreeSet::new();
    while !bytes.is_empty() {
        let (share, rest) = split_out(bytes).ok_or(Error::Malformed {
            what: "list of pending outgoing shares",
            reason: "a record is cut off",
        })?;
        if seen.insert(share.clone()) {
            list.push(share);
        }
        bytes = rest;
    }
    Ok(list)
}

fn split_out(bytes: &[u8]) -> Option<(PendingOutShare, &[u8])> {
    let (len, rest) = bytes.split_first()?;
    let (node, rest) = rest.split_first_chunk()?;
    let (recipient, rest) = match len {
        0 => {
            let (user, rest) = rest.split_first_chunk()?;
            (Recipient::User(UserHandle::from_bytes(*user)), rest)
        }
        len => {
            let (address, rest) = rest.split_at_checked(usize::from(*len))?;
            (Recipient::Email(address.to_vec()), rest)
        }
    };
    let share = PendingOutShare {
        node: NodeHandle::from_bytes(*node),
        recipient: PendingRecipient(recipient),
    };
    Some((share, rest))
}

pub(super) fn write_out(list: &[PendingOutShare], out: &mut Vec<u8>) {
    for share in list {
        let (len, recipient) = match &share.recipient.0 {
            Recipient::User(user) => (0, user.as_bytes().as_slice()),
            // No address is longer: both ways of making one see to it.
            Recipient::Email(address) => (
                u8::try_from(address.len()).unwrap_or(u8::MAX),
                address.as_slice(),
            ),
        };
        out.push(len);
        out.extend_from_slice(share.node.as_bytes());
        out.extend_from_slice(recipient);
    }
}

/// A share that somebody else has made, and whose key this account does not trust yet, because the
/// sharer's keys are not verified (crypto-and-accounts 3.6).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PendingInShare {
    /// The shared folder.
    pub node: NodeHandle,
    /// Who shares it.
    pub from: UserHandle,
    /// Its key, wrapped under the pairwise key; `None` if it has not arrived yet.
    pub wrapped_key: Option<[u8; 16]>,
}

/// Only checks that the values are long enough, as the official client does.
pub(super) fn parse_in(bytes: &[u8]) -> Result<Ltlv, Error> {
    const WHAT: &str = "list of pending incoming shares";
    let list = Ltlv::parse(bytes, WHAT)?;
    if list.iter().any(|(_, value)| value.len() < UserHandle::LEN) {
        return Err(Error::Malformed {
            what: WHAT,
            reason: "an entry has no user",
        });
    }
    Ok(list)
}

/// Entries that cannot be understood are left out; they stay in the list.
pub(super) fn read_in(list: &Ltlv) -> impl Iterator<Item = PendingInShare> {
    list.iter().filter_map(|(name, value)| {
        let (from, key) = value.split_first_chunk()?;
        let wrapped_key = match key.len() {
            0 => None,
            16 => Some(key.try_into().ok()?),
            // An old mistake stored the key as base64.
            _ => Some(base64::decode_array(key).ok()?),
        };
        Some(PendingInShare {
            node: NodeHandle::from_text(name).ok()?,
            from: UserHandle::from_bytes(*from),
            wrapped_key,
        })
    })
}

pub(super) fn set_in(list: &mut Ltlv, share: &PendingInShare) {
    let key = share.wrapped_key.as_ref().map_or(&[][..], |key| key);
    let value = [share.from.as_bytes(), key].concat();
    list.set(&share.node.to_text_bytes(), &value);
}

impl PendingOutShare {
    /// A pending share.
    pub const fn new(node: NodeHandle, recipient: PendingRecipient) -> Self {
        Self { node, recipient }
    }
}

impl PendingInShare {
    /// A pending share; its key, if it is there, wrapped under the pairwise key, 16 bytes.
    pub const fn new(node: NodeHandle, from: UserHandle, wrapped_key: Option<[u8; 16]>) -> Self {
        Self {
            node,
            from,
            wrapped_key,
        }
    }
}

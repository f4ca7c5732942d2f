//! What the service says besides nodes: shares, users, links, invitations.
//!
//! The same records come in the reply of `f` and in event packets.

use std::collections::BTreeMap;

use crate::json::{DecodeError, Object, Value};
use crate::node::AccessLevel;
use crate::{Blob, NodeHandle, PendingContactHandle, PrivateText, PublicHandle, UserHandle};

/// The key of an outgoing share (`ok0`), for accounts without `^!keys`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ShareKeyRecord {
    /// The share, by its root node.
    pub share: NodeHandle,
    /// The proof that the own account made it (`ha`). Ignore the record if it does not hold.
    pub authentication: Blob,
    /// The share key, encrypted with the master key.
    pub key: Blob,
}

/// An outgoing share (`s`), or one that waits for the invited person (`ps`).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OutgoingShare {
    /// The shared folder.
    pub node: NodeHandle,
    /// With whom.
    pub target: OutgoingShareTarget,
    /// What they may do.
    pub access: AccessLevel,
    /// Since when, Unix seconds.
    pub since: i64,
}

/// With whom a folder is shared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OutgoingShareTarget {
    /// An account.
    User(UserHandle),
    /// Everyone who has the public link.
    Everyone,
    /// Somebody who has not yet answered the invitation.
    Pending(PendingContactHandle),
}

/// An account as seen from here (`u`).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UserRecord {
    /// The account.
    pub user: UserHandle,
    /// What it is to this account.
    pub relation: UserRelation,
    /// The address.
    pub email: Option<PrivateText>,
    /// Since when, Unix seconds.
    pub since: Option<i64>,
    /// The RSA public key (`pubk`).
    pub public_key: Option<Blob>,
    /// Public attributes that came along, such as `+puEd255`.
    pub attributes: BTreeMap<String, Blob>,
}

/// What an account is to this one (`c`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum UserRelation {
    /// Hidden, or a former contact.
    Hidden,
    /// A contact.
    Contact,
    /// The account itself.
    Own,
    /// Blocked.
    Blocked,
    /// Not said, or a number this crate does not know.
    Other(i64),
}

/// A public link (`ph`).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PublicLink {
    /// The node.
    pub node: NodeHandle,
    /// The link.
    pub link: PublicHandle,
    /// When it was made, Unix seconds.
    pub created: Option<i64>,
    /// When it expires, Unix seconds.
    pub expires: Option<i64>,
    /// The text that allows writing into the folder.
    pub write_auth: Option<PrivateText>,
    /// Whether the service has taken it down.
    pub taken_down: bool,
}

/// An invitation that somebody sent to this account (`ipc`), or this account to somebody (`opc`).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Invitation {
    /// Its handle.
    pub invitation: PendingContactHandle,
    /// The other person's address.
    pub email: Option<PrivateText>,
    /// The own address as the invitation shows it (`opc` only).
    pub own_email: Option<PrivateText>,
    /// When it was made, Unix seconds.
    pub created: Option<i64>,
    /// When it was last changed.
    pub updated: Option<i64>,
    /// When it was last brought to mind.
    pub reminded: Option<i64>,
    /// When it was taken back, if it was.
    pub deleted: Option<i64>,
    /// The message.
    pub message: Option<PrivateText>,
}

impl ShareKeyRecord {
    pub(crate) fn read(value: Value<'_>) -> Result<Self, DecodeError> {
        let o = value.object()?;
        Ok(Self {
            share: o.read("h")?,
            authentication: o.read("ha")?,
            key: o.read("k")?,
        })
    }
}

impl OutgoingShare {
    pub(crate) fn read(value: Value<'_>) -> Result<Self, DecodeError> {
        let o = value.object()?;
        let target = match o.text_opt("u")?.as_deref() {
            Some("EXP") => OutgoingShareTarget::Everyone,
            Some(_) => OutgoingShareTarget::User(o.read("u")?),
            None => OutgoingShareTarget::Pending(o.read("p")?),
        };
        Ok(Self {
            node: o.read("h")?,
            target,
            access: AccessLevel::from_number(o.i64("r")?)
                .ok_or(DecodeError::field("r", "access level"))?,
            since: o.i64_opt("ts")?.unwrap_or(0),
        })
    }
}

impl UserRecord {
    pub(crate) fn read(value: Value<'_>) -> Result<Self, DecodeError> {
        let o = value.object()?;
        let mut attributes = BTreeMap::new();
        for (name, value) in o.members().filter(|(name, _)| name.starts_with('+')) {
            if let Ok(blob) = value.read() {
                attributes.entry(name.to_owned()).or_insert(blob);
            }
        }
        Ok(Self {
            user: o.read("u")?,
            relation: match o.i64_opt("c")? {
                Some(0) => UserRelation::Hidden,
                Some(1) => UserRelation::Contact,
                Some(2) => UserRelation::Own,
                Some(3) => UserRelation::Blocked,
                Some(other) => UserRelation::Other(other),
                None => UserRelation::Other(-1),
            },
            email: private(&o, "m")?,
            since: o.i64_opt("ts")?,
            public_key: o.read_opt("pubk")?,
            attributes,
        })
    }
}

impl PublicLink {
    pub(crate) fn read(value: Value<'_>) -> Result<Self, DecodeError> {
        let o = value.object()?;
        Ok(Self {
            node: o.read("h")?,
            link: o.read("ph")?,
            created: o.i64_opt("ts")?,
            expires: o.i64_opt("ets")?.filter(|t| *t != 0),
            write_auth: private(&o, "w")?,
            taken_down: o.flag("down"),
        })
    }
}

impl Invitation {
    /// An invitation of which nothing but its handle is known.
    pub const fn new(invitation: PendingContactHandle) -> Self {
        Self {
            invitation,
            email: None,
            own_email: None,
            created: None,
            updated: None,
            reminded: None,
            deleted: None,
            message: None,
        }
    }

    pub(crate) fn read(value: Value<'_>) -> Result<Self, DecodeError> {
        Self::from_object(&value.object()?)
    }

    pub(crate) fn from_object(o: &Object<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            invitation: o.read("p")?,
            email: private(o, "m")?,
            own_email: private(o, "e")?,
            created: o.i64_opt("ts")?,
            updated: o.i64_opt("uts")?,
            reminded: o.i64_opt("rts")?,
            deleted: o.i64_opt("dts")?,
            message: private(o, "msg")?,
        })
    }
}

pub(crate) fn private(
    object: &Object<'_>,
    key: &'static str,
) -> Result<Option<PrivateText>, DecodeError> {
    Ok(object
        .text_opt(key)?
        .filter(|text| !text.is_empty())
        .map(|text| PrivateText::new(text.into_owned())))
}

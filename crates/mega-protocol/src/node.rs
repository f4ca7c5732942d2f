//! Nodes as the service describes them: encrypted, and not yet believed.

use std::fmt;

use crate::handle::{NodeHandle, UserHandle};

/// What a node is (`t`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum NodeKind {
    /// A file, or an older version of one.
    File,
    /// A folder.
    Folder,
    /// The root of the cloud drive.
    Root,
    /// The root of the vault (backups), formerly the inbox.
    Vault,
    /// The rubbish bin.
    Rubbish,
    /// Something this crate does not know. Numbers beyond the range of 64 bits are saturated.
    Other(i64),
}

impl NodeKind {
    /// The kind with this number on the wire.
    pub const fn from_number(number: i64) -> Self {
        match number {
            0 => Self::File,
            1 => Self::Folder,
            2 => Self::Root,
            3 => Self::Vault,
            4 => Self::Rubbish,
            other => Self::Other(other),
        }
    }

    /// The number on the wire.
    pub const fn number(self) -> i64 {
        match self {
            Self::File => 0,
            Self::Folder => 1,
            Self::Root => 2,
            Self::Vault => 3,
            Self::Rubbish => 4,
            Self::Other(other) => other,
        }
    }

    /// Whether it is one of the three roots that every account has once.
    pub const fn is_root(self) -> bool {
        matches!(self, Self::Root | Self::Vault | Self::Rubbish)
    }
}

/// What the receiver of a share may do (`r`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum AccessLevel {
    /// Look and download.
    Read,
    /// Also add.
    ReadWrite,
    /// Also rename, move and delete.
    Full,
}

impl AccessLevel {
    /// The level with this number on the wire.
    pub const fn from_number(number: i64) -> Option<Self> {
        match number {
            0 => Some(Self::Read),
            1 => Some(Self::ReadWrite),
            2 => Some(Self::Full),
            _ => None,
        }
    }

    /// The number on the wire.
    pub const fn number(self) -> i64 {
        match self {
            Self::Read => 0,
            Self::ReadWrite => 1,
            Self::Full => 2,
        }
    }
}

/// The fields of a node record that were there and made no sense. Such a field has its neutral
/// value in the record; the node is kept, marked (TRE-9 to TRE-12).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct NodeDefects(u16);

impl NodeDefects {
    /// The parent handle is malformed.
    pub const PARENT: Self = Self(1);
    /// The owner handle is malformed.
    pub const OWNER: Self = Self(1 << 1);
    /// The type is not a number.
    pub const KIND: Self = Self(1 << 2);
    /// The size is negative, fractional, too large or not a number, or a file has none.
    pub const SIZE: Self = Self(1 << 3);
    /// The creation time is not a number, or out of range.
    pub const TIME: Self = Self(1 << 4);
    /// The key string is not text.
    pub const KEY: Self = Self(1 << 5);
    /// The attributes are not text.
    pub const ATTRIBUTES: Self = Self(1 << 6);
    /// The file attributes are not text, or stand at a node that is not a file.
    pub const FILE_ATTRIBUTES: Self = Self(1 << 7);
    /// The description of the incoming share is malformed.
    pub const SHARE: Self = Self(1 << 8);

    /// No defects.
    pub const NONE: Self = Self(0);

    /// Whether there is none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether all of these are among them.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.0 |= other.0;
    }

    /// The bits, for storing them.
    pub const fn bits(self) -> u16 {
        self.0
    }
}

impl fmt::Debug for NodeDefects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = [
            (Self::PARENT, "parent"),
            (Self::OWNER, "owner"),
            (Self::KIND, "kind"),
            (Self::SIZE, "size"),
            (Self::TIME, "time"),
            (Self::KEY, "key"),
            (Self::ATTRIBUTES, "attributes"),
            (Self::FILE_ATTRIBUTES, "file attributes"),
            (Self::SHARE, "share"),
        ];
        let present = names
            .iter()
            .filter(|(bit, _)| self.contains(*bit))
            .map(|(_, name)| name);
        f.debug_list().entries(present).finish()
    }
}

/// The largest size of a file that is believed (TRE-10).
pub(crate) const MAX_SIZE: u64 = 1 << 60;

/// One node as the service sent it, borrowed from the reply.
///
/// `key` and `attributes` are encrypted and opaque to this crate; `""` where there are none.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct RawNode<'a> {
    /// The handle (`h`).
    pub handle: NodeHandle,
    /// The parent (`p`); none for the roots. The parent of an incoming share's root, and of a
    /// folder link's root, is a handle that is not in the list.
    pub parent: Option<NodeHandle>,
    /// The account it belongs to (`u`).
    pub owner: Option<UserHandle>,
    /// What it is (`t`).
    pub kind: NodeKind,
    /// The key string (`k`): `<handle>:<base64>` entries joined by `/`.
    pub key: &'a str,
    /// The encrypted attributes (`a`), base64.
    pub attributes: &'a str,
    /// The size in bytes (`s`), at most 2^60. `None` for what is not a file, and for a file whose
    /// size makes no sense (see [`RawNode::defects`]): such a size is never taken for 0.
    pub size: Option<u64>,
    /// The creation time on the server (`ts`) in Unix seconds; 0 if absent. It may be any number
    /// (TRE-11).
    pub created: i64,
    /// The file attributes (`fa`).
    pub file_attributes: &'a str,
    /// For the root of an incoming share: who shares it and how.
    pub share: Option<RawShare<'a>>,
    /// Whether it stood in a list of older versions (`f2`). Its parent is the next newer version.
    pub version: bool,
    /// In the event of one's own `p`: which node of the request this is (`i`).
    pub index: Option<u32>,
    /// What made no sense.
    pub defects: NodeDefects,
}

/// The fields of an incoming share on its root node.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct RawShare<'a> {
    /// Who shares it (`su`).
    pub user: UserHandle,
    /// What the receiver may do (`r`).
    pub access: AccessLevel,
    /// The share key (`sk`), encrypted; `""` if the account keeps its share keys elsewhere.
    pub key: &'a str,
    /// Since when (`sts`), Unix seconds.
    pub since: Option<i64>,
}

impl fmt::Debug for RawNode<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawNode")
            .field("handle", &self.handle)
            .field("parent", &self.parent)
            .field("kind", &self.kind)
            .field("size", &self.size)
            .field("version", &self.version)
            .field("defects", &self.defects)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for RawShare<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawShare")
            .field("user", &self.user)
            .field("access", &self.access)
            .finish_non_exhaustive()
    }
}

/// A node that owns its texts, for the places where a reply cannot be borrowed from.
#[derive(Clone, PartialEq, Eq)]
pub struct NodeRecord {
    // The texts are cut out of the borrowed form, which keeps the rest.
    fields: RawNode<'static>,
    /// Key, attributes, file attributes and share key, one after the other: an event may bring a hundred thousand nodes.
    texts: Box<str>,
    /// Where the first three end.
    ends: [usize; 3],
}

impl NodeRecord {
    /// The same node, borrowed.
    pub fn as_raw(&self) -> RawNode<'_> {
        let [first, second, third] = self.ends;
        let part = |range: std::ops::Range<usize>| self.texts.get(range).unwrap_or_default();
        RawNode {
            key: part(0..first),
            attributes: part(first..second),
            file_attributes: part(second..third),
            share: self.fields.share.map(|share| RawShare {
                key: part(third..self.texts.len()),
                ..share
            }),
            ..self.fields
        }
    }

    /// The handle.
    pub fn handle(&self) -> NodeHandle {
        self.fields.handle
    }
}

impl From<RawNode<'_>> for NodeRecord {
    fn from(node: RawNode<'_>) -> Self {
        let parts = [
            node.key,
            node.attributes,
            node.file_attributes,
            node.share.map_or("", |share| share.key),
        ];
        // All of it at once, so that nothing is copied a second time to fit.
        let len = parts
            .iter()
            .fold(0, |sum: usize, part| sum.saturating_add(part.len()));
        let mut texts = String::with_capacity(len);
        let mut ends = [0; 3];
        for (at, part) in parts.into_iter().enumerate() {
            texts.push_str(part);
            if let Some(end) = ends.get_mut(at) {
                *end = texts.len();
            }
        }
        Self {
            texts: texts.into_boxed_str(),
            ends,
            fields: RawNode {
                key: "",
                attributes: "",
                file_attributes: "",
                share: node.share.map(|share| RawShare {
                    user: share.user,
                    access: share.access,
                    key: "",
                    since: share.since,
                }),
                handle: node.handle,
                parent: node.parent,
                owner: node.owner,
                kind: node.kind,
                size: node.size,
                created: node.created,
                version: node.version,
                index: node.index,
                defects: node.defects,
            },
        }
    }
}

impl fmt::Debug for NodeRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_raw().fmt(f)
    }
}

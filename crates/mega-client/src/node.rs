//! What a caller sees of a node.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use mega_filename::Mask;
use mega_protocol::{NodeHandle, PublicHandle, UserHandle};
use zeroize::Zeroizing;

use crate::attributes;
use crate::tree::{IncomingShare, LinkRecord};

/// What a node is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum NodeKind {
    /// A file, or an older version of one.
    File,
    /// A folder.
    Folder,
    /// The root of the cloud drive, or of a public folder link.
    Root,
    /// The vault (formerly inbox), where backups live.
    Vault,
    /// The rubbish bin.
    RubbishBin,
    /// A kind that this version does not know; such a node is kept and left alone.
    Unknown,
}

impl NodeKind {
    /// Whether nodes can lie below it: folders and the special roots.
    #[must_use]
    pub fn is_folder(self) -> bool {
        matches!(
            self,
            Self::Folder | Self::Root | Self::Vault | Self::RubbishBin
        )
    }

    /// Whether it is one of the special nodes that can be neither moved nor deleted.
    #[must_use]
    pub fn is_special(self) -> bool {
        matches!(self, Self::Root | Self::Vault | Self::RubbishBin)
    }
}

/// Why a node cannot be used fully. It is listed all the same (conformance LS-16).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Trouble {
    /// There is no key for it that we can use; perhaps a share key has not arrived yet.
    NoKey,
    /// Its key is of the wrong length or is one of the forbidden zero keys (threat model NOD-1, NOD-2).
    BadKey,
    /// Its attributes do not decrypt under its key (NOD-6).
    BadAttributes,
    /// It has no name.
    NoName,
    /// Its size or another field is nonsense (TRE-10).
    Invalid,
    /// Its key is put together from pieces of the keys of other nodes (NOD-4); see [`Client::spliced_keys`](crate::Client::spliced_keys).
    SplicedKey,
    /// Its place in the tree is impossible: a cycle, a second root, a file as parent (TRE-1, TRE-5, TRE-8).
    Quarantined,
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoKey => "there is no usable key for it",
            Self::BadKey => "its key is malformed",
            Self::BadAttributes => "its attributes do not decrypt",
            Self::NoName => "it has no name",
            Self::Invalid => "its record from the server is malformed",
            Self::SplicedKey => "its key is put together from pieces of other keys",
            Self::Quarantined => "its place in the tree is impossible",
        })
    }
}

/// What we may do in an incoming share.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum AccessLevel {
    /// Read only.
    Read,
    /// Read and add.
    ReadWrite,
    /// Everything but sharing.
    Full,
}

/// A public link of a node, without its key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct LinkInfo {
    /// The public handle: the part of the link before `#`.
    pub handle: PublicHandle,
    /// When the link was made.
    pub created: SystemTime,
    /// When the link ends by itself, if it does.
    pub expires: Option<SystemTime>,
    /// Whether the service has taken the link down.
    pub taken_down: bool,
}

/// A snapshot of a node: a file, a folder or a root, as it was when it was asked for.
///
/// Cheap to clone. It does not change by itself; ask the client again for news. A handle stays valid through renames and moves.
#[derive(Clone)]
pub struct Node {
    inner: Arc<NodeInner>,
}

struct NodeInner {
    handle: NodeHandle,
    parent: Option<NodeHandle>,
    kind: NodeKind,
    trouble: Option<Trouble>,
    version: bool,
    size: u64,
    created: i64,
    modified: Option<i64>,
    key: Zeroizing<[u8; 32]>,
    name: Box<str>,
    stored_name: StoredName,
    attributes: Zeroizing<Box<[u8]>>,
    file_attributes: Box<str>,
    link: Option<LinkRecord>,
    incoming: Option<IncomingShare>,
}

/// The name as it is stored. Nearly always it is the one that is shown, and takes no room of its own.
enum StoredName {
    None,
    AsShown,
    Other(Box<[u8]>),
}

/// The pieces that the tree makes a [`Node`] from.
pub(crate) struct NodeParts<'a> {
    pub(crate) handle: NodeHandle,
    pub(crate) parent: Option<NodeHandle>,
    pub(crate) kind: NodeKind,
    pub(crate) trouble: Option<Trouble>,
    pub(crate) version: bool,
    pub(crate) size: u64,
    pub(crate) created: i64,
    pub(crate) key: [u8; 32],
    pub(crate) stored_name: Option<Cow<'a, [u8]>>,
    pub(crate) attributes: &'a [u8],
    pub(crate) file_attributes: &'a [u8],
    pub(crate) link: Option<LinkRecord>,
    pub(crate) incoming: Option<IncomingShare>,
    pub(crate) mask: Mask,
}

impl Node {
    pub(crate) fn from_parts(parts: NodeParts<'_>) -> Self {
        let name = match &parts.stored_name {
            Some(stored) => shown_name(parts.mask, stored),
            None => placeholder(parts.handle, parts.kind),
        };
        let modified = if parts.kind == NodeKind::File {
            attributes::modified_in(parts.attributes)
        } else {
            None
        };
        Self {
            inner: Arc::new(NodeInner {
                handle: parts.handle,
                parent: parts.parent,
                kind: parts.kind,
                trouble: parts.trouble,
                version: parts.version,
                size: parts.size,
                created: parts.created,
                modified,
                key: Zeroizing::new(parts.key),
                stored_name: match parts.stored_name {
                    None => StoredName::None,
                    Some(stored) if *stored == *name.as_bytes() => StoredName::AsShown,
                    Some(stored) => StoredName::Other(stored.into()),
                },
                name: name.into(),
                attributes: Zeroizing::new(parts.attributes.into()),
                file_attributes: String::from_utf8_lossy(parts.file_attributes).into(),
                link: parts.link,
                incoming: parts.incoming,
            }),
        }
    }

    /// The node's handle: 6 bytes that name it for ever, through renames and moves.
    #[must_use]
    pub fn handle(&self) -> NodeHandle {
        self.inner.handle
    }

    /// The handle of the folder it lies in; `None` for roots and quarantined nodes. An older version has the next newer one as parent.
    #[must_use]
    pub fn parent(&self) -> Option<NodeHandle> {
        self.inner.parent
    }

    /// What it is.
    #[must_use]
    pub fn kind(&self) -> NodeKind {
        self.inner.kind
    }

    /// Whether it is a file (or an older version of one).
    #[must_use]
    pub fn is_file(&self) -> bool {
        self.inner.kind == NodeKind::File
    }

    /// Whether other nodes can lie in it.
    #[must_use]
    pub fn is_folder(&self) -> bool {
        self.inner.kind.is_folder()
    }

    /// Whether it is an older version of a file.
    #[must_use]
    pub fn is_version(&self) -> bool {
        self.inner.version
    }

    /// The name in the form that paths use: never empty, no `/`, no control character, not `.` or `..`.
    ///
    /// A node that cannot be read, or has no name, gets a placeholder made from its handle, which paths understand; see [`Self::trouble`].
    #[must_use]
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// The name exactly as it is stored, hostile characters included; it need not be UTF-8. Never use it as a local path.
    #[must_use]
    pub fn stored_name(&self) -> Option<&[u8]> {
        match &self.inner.stored_name {
            StoredName::None => None,
            StoredName::AsShown => Some(self.inner.name.as_bytes()),
            StoredName::Other(stored) => Some(stored),
        }
    }

    /// The size in bytes; 0 for folders.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.inner.size
    }

    /// When the service got the node.
    #[must_use]
    pub fn created(&self) -> SystemTime {
        time_from_unix(self.inner.created)
    }

    /// The modification time of a file's content, with a precision of one second, as its uploader recorded it.
    #[must_use]
    pub fn modified(&self) -> Option<SystemTime> {
        self.inner.modified.map(time_from_unix)
    }

    /// The same in seconds since 1970, as stored (threat model CLK-3).
    #[must_use]
    pub fn modified_unix(&self) -> Option<i64> {
        self.inner.modified
    }

    /// What is wrong with the node, if anything.
    #[must_use]
    pub fn trouble(&self) -> Option<Trouble> {
        self.inner.trouble
    }

    /// The public link of the node, if it has one.
    #[must_use]
    pub fn link(&self) -> Option<LinkInfo> {
        self.inner.link.map(|link| LinkInfo {
            handle: link.public,
            created: time_from_unix(link.created),
            expires: link.expires.map(time_from_unix),
            taken_down: link.taken_down,
        })
    }

    /// For the root of an incoming share: whose it is and what we may do there.
    #[must_use]
    pub fn incoming_share(&self) -> Option<(UserHandle, AccessLevel)> {
        self.inner.incoming.map(|share| (share.owner, share.access))
    }

    pub(crate) fn key_bytes(&self) -> &[u8; 32] {
        &self.inner.key
    }

    pub(crate) fn attribute_text(&self) -> &[u8] {
        &self.inner.attributes
    }

    /// The file attribute string (`fa`): thumbnail and preview handles, media data. Empty when there is none.
    #[must_use]
    pub fn file_attributes(&self) -> &str {
        &self.inner.file_attributes
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node")
            .field("handle", &self.inner.handle)
            .field("kind", &self.inner.kind)
            .field("size", &self.inner.size)
            .field("trouble", &self.inner.trouble)
            .finish_non_exhaustive()
    }
}

/// The mask of names as this crate shows and reads them: the Standard mask (filename-encoding, section 8), and invalid bytes
/// quoted as well, so that every name is a `str` and every `str` leads back to the same name.
pub(crate) const SHOWN: Mask = Mask::STANDARD.union(Mask::INVALID_UTF8);

/// The shown form of a stored name.
pub(crate) fn shown_name(mask: Mask, stored: &[u8]) -> String {
    let decoded = mask.decode(stored);
    SHOWN.encode_to_str(&decoded).into_owned()
}

/// What stands before the handle in the name shown for a node without a readable one.
pub(crate) const PLACEHOLDER: &str = "undecryptable-";

/// The name shown for a node without a readable one (NOD-6, NAM-12).
pub(crate) fn placeholder(handle: NodeHandle, kind: NodeKind) -> String {
    match kind {
        NodeKind::Root => "Cloud Drive".to_owned(),
        NodeKind::Vault => "Vault".to_owned(),
        NodeKind::RubbishBin => "Rubbish Bin".to_owned(),
        _ => format!("{PLACEHOLDER}{handle}"),
    }
}

/// Seconds since 1970 as a time; values beyond what the system can represent are clamped (TRE-11).
pub(crate) fn time_from_unix(seconds: i64) -> SystemTime {
    // Years 0 to 9999: what every file system and every formatter can take.
    let seconds = seconds.clamp(-62_135_596_800, 253_402_300_799);
    let distance = Duration::from_secs(seconds.unsigned_abs());
    let time = if seconds < 0 {
        SystemTime::UNIX_EPOCH.checked_sub(distance)
    } else {
        SystemTime::UNIX_EPOCH.checked_add(distance)
    };
    time.unwrap_or(SystemTime::UNIX_EPOCH)
}

/// A time as whole seconds since 1970, rounded down.
pub(crate) fn unix_from_time(time: SystemTime) -> i64 {
    match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_secs()).unwrap_or(i64::MAX),
        Err(before) => {
            let before = before.duration();
            let whole = i64::try_from(before.as_secs()).unwrap_or(i64::MAX);
            let floor = if before.subsec_nanos() > 0 {
                whole.saturating_add(1)
            } else {
                whole
            };
            floor.saturating_neg()
        }
    }
}

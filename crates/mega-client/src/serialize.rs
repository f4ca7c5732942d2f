//! What programs write down or print of nodes and changes, in any format of serde.
//!
//! Times are whole seconds since 1970, handles and kinds are text, and what a node does not have is left out. Keys, links with
//! keys and sessions are never among it: a serialised listing can be shown to anybody who may know the names. There is no way
//! back from such a record to a [`Node`]; keep its handle and ask the client.

use mega_protocol::{NodeHandle, PublicHandle, UserHandle};
use serde::{Serialize, Serializer};

use crate::change::Change;
use crate::node::{AccessLevel, LinkInfo, Node, NodeKind, Trouble, unix_from_time};

#[derive(Serialize)]
struct NodeRecord<'a> {
    handle: NodeHandle,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent: Option<NodeHandle>,
    kind: NodeKind,
    name: &'a str,
    size: u64,
    created: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    modified: Option<i64>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    version: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    trouble: Option<Trouble>,
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<LinkInfo>,
    #[serde(skip_serializing_if = "Option::is_none")]
    incoming_share: Option<ShareRecord>,
}

#[derive(Serialize)]
struct ShareRecord {
    owner: UserHandle,
    access: AccessLevel,
}

/// A map of `handle`, `parent`, `kind`, `name`, `size`, `created` and, where there is one, `modified`, `version`, `trouble`,
/// `link` and `incoming_share`.
#[cfg_attr(docsrs, doc(cfg(feature = "serde")))]
impl Serialize for Node {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        NodeRecord {
            handle: self.handle(),
            parent: self.parent(),
            kind: self.kind(),
            name: self.name(),
            size: self.size(),
            created: unix_from_time(self.created()),
            modified: self.modified_unix(),
            version: self.is_version(),
            trouble: self.trouble(),
            link: self.link(),
            incoming_share: self
                .incoming_share()
                .map(|(owner, access)| ShareRecord { owner, access }),
        }
        .serialize(serializer)
    }
}

#[derive(Serialize)]
struct LinkRecord {
    handle: PublicHandle,
    created: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<i64>,
    taken_down: bool,
}

/// A map of `handle`, `created`, `taken_down` and, where there is one, `expires`.
#[cfg_attr(docsrs, doc(cfg(feature = "serde")))]
impl Serialize for LinkInfo {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        LinkRecord {
            handle: self.handle,
            created: unix_from_time(self.created),
            expires: self.expires.map(unix_from_time),
            taken_down: self.taken_down,
        }
        .serialize(serializer)
    }
}

#[derive(Serialize)]
#[serde(tag = "change", rename_all = "snake_case")]
enum ChangeRecord<'a> {
    Added {
        node: &'a Node,
    },
    Updated {
        node: &'a Node,
    },
    Moved {
        node: &'a Node,
        #[serde(skip_serializing_if = "Option::is_none")]
        from: Option<NodeHandle>,
    },
    Removed {
        handle: NodeHandle,
    },
    LinkMade {
        node: &'a Node,
    },
    LinkRemoved {
        handle: NodeHandle,
    },
    SplicedKey {
        handle: NodeHandle,
        donor: Option<NodeHandle>,
    },
    Account,
    Contacts,
    Reloaded,
    CaughtUp,
    Missed {
        changes: u64,
    },
}

/// A map with the kind of the change under `change`, and what it is about under `node`, `from`, `handle`, `donor` or `changes`.
#[cfg_attr(docsrs, doc(cfg(feature = "serde")))]
impl Serialize for Change {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Added(node) => ChangeRecord::Added { node },
            Self::Updated(node) => ChangeRecord::Updated { node },
            Self::Moved { node, from } => ChangeRecord::Moved { node, from: *from },
            Self::Removed(handle) => ChangeRecord::Removed { handle: *handle },
            Self::LinkMade(node) => ChangeRecord::LinkMade { node },
            Self::LinkRemoved(handle) => ChangeRecord::LinkRemoved { handle: *handle },
            Self::SplicedKey { node, donor } => ChangeRecord::SplicedKey {
                handle: *node,
                donor: *donor,
            },
            Self::Account => ChangeRecord::Account,
            Self::Contacts => ChangeRecord::Contacts,
            Self::Reloaded => ChangeRecord::Reloaded,
            Self::CaughtUp => ChangeRecord::CaughtUp,
            Self::Missed(changes) => ChangeRecord::Missed { changes: *changes },
        }
        .serialize(serializer)
    }
}

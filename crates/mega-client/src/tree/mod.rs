//! The local copy of an account's or a link's nodes: compact, indexed, with one writer.
//!
//! Nodes are records in an arena with 32-bit indices ([`arena`]); children form a linked list through the records;
//! two hash indices find a node by its handle and the children of a folder by their decoded name. Nothing here recurses
//! over what a server sent, and nothing is quadratic (threat model, section 13).

use std::collections::{BTreeSet, HashMap};
use std::sync::OnceLock;

use mega_filename::Mask;
use mega_protocol::{NodeHandle, PublicHandle, UserHandle};
use mega_protocol::{SequenceNumber, SequenceTag};

pub(crate) mod apply;
pub(crate) mod arena;
pub(crate) mod bulk;
pub(crate) mod decrypt;
mod decrypt_many;
pub(crate) mod edit;
mod hashes;
mod incoming;
pub(crate) mod load;
pub(crate) mod names;
pub(crate) mod openers;
pub(crate) mod path;
pub(crate) mod people;
pub(crate) mod reuse;
pub(crate) mod snapshot;
mod table;
pub(crate) mod touched;
mod walk;

#[cfg(test)]
mod tests;

use arena::{Flags, Index, Record, Records, TextArena};
use hashes::Hashes;
use openers::Opened;

use crate::node::{AccessLevel, Node, NodeParts};

/// The three special nodes of an account; a folder link has the first only.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Roots {
    pub(crate) cloud: Option<Index>,
    pub(crate) vault: Option<Index>,
    pub(crate) rubbish: Option<Index>,
}

/// A public link of a node, as the server lists it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct LinkRecord {
    pub(crate) public: PublicHandle,
    pub(crate) created: i64,
    pub(crate) expires: Option<i64>,
    pub(crate) taken_down: bool,
}

/// Who shares an incoming folder with us, and what we may do in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct IncomingShare {
    pub(crate) owner: UserHandle,
    pub(crate) access: AccessLevel,
}

/// Key and attributes of a node as they came, for a later try with another share key.
#[derive(Clone, Debug)]
pub(crate) struct RawSecrets {
    pub(crate) key: Box<str>,
    pub(crate) attributes: Box<str>,
}

/// All nodes of an account or a link.
pub(crate) struct Tree {
    records: Records,
    text: TextArena,
    by_handle: table::Table,
    by_name: OnceLock<names::Names>,
    hashes: Hashes,
    mask: Mask,
    roots: Roots,
    share_roots: BTreeSet<Index>,
    /// Nodes whose parent has not come yet, by the parent's handle.
    waiting: HashMap<NodeHandle, Vec<Index>>,
    /// What could not be decrypted.
    raw: HashMap<Index, RawSecrets>,
    /// Nodes that a share key has opened, with the share, until it is known whether they lie in it (NOD-3).
    opened: Opened,
    links: HashMap<NodeHandle, LinkRecord>,
    shares: HashMap<Index, IncomingShare>,
    /// Contacts, invitations, outgoing shares.
    pub(crate) people: people::People,
    /// Which pieces of keys there are, and which keys were made from pieces of others (NOD-4).
    pieces: reuse::Pieces,
    spliced: Vec<reuse::Spliced>,
    /// Nodes of which the first half of a move has come, with the folder they leave.
    pub(crate) moving: HashMap<NodeHandle, Option<NodeHandle>>,
    loading: bool,
    sum: bulk::Sum,
    /// The parent of the node that came last.
    last_parent: Option<Index>,
    /// The position in the event stream that this tree stands for (INV-3).
    pub(crate) position: Option<SequenceNumber>,
    /// The last sequence tag that was applied.
    pub(crate) tag: Option<SequenceTag>,
}

impl Tree {
    /// An empty tree, open for loading. Names are compared after decoding with `mask`.
    pub(crate) fn new(mask: Mask) -> Self {
        Self {
            records: Records::default(),
            text: TextArena::default(),
            by_handle: table::Table::default(),
            by_name: OnceLock::new(),
            hashes: Hashes::new(),
            mask,
            roots: Roots::default(),
            share_roots: BTreeSet::new(),
            waiting: HashMap::new(),
            raw: HashMap::new(),
            opened: Opened::default(),
            links: HashMap::new(),
            shares: HashMap::new(),
            people: people::People::default(),
            pieces: reuse::Pieces::default(),
            spliced: Vec::new(),
            moving: HashMap::new(),
            loading: true,
            sum: bulk::Sum::default(),
            last_parent: None,
            position: None,
            tag: None,
        }
    }

    /// The number of nodes, roots and quarantined ones included.
    pub(crate) fn len(&self) -> usize {
        self.records.len()
    }

    pub(crate) fn mask(&self) -> Mask {
        self.mask
    }

    pub(crate) fn roots(&self) -> Roots {
        self.roots
    }

    pub(crate) fn set_cloud_root(&mut self, index: Index) {
        self.roots.cloud = Some(index);
    }

    pub(crate) fn share_roots(&self) -> impl Iterator<Item = Index> + '_ {
        self.share_roots.iter().copied()
    }

    pub(crate) fn record(&self, index: Index) -> Option<&Record> {
        self.records.get(index)
    }

    pub(crate) fn record_mut(&mut self, index: Index) -> Option<&mut Record> {
        self.records.get_mut(index)
    }

    pub(crate) fn indices(&self) -> impl Iterator<Item = Index> + '_ {
        self.records
            .indices()
            .filter(|&index| self.records.get(index).is_some())
    }

    /// The decrypted attributes of a node: JSON text, empty when there is none.
    pub(crate) fn text_of(&self, index: Index) -> &[u8] {
        let Some(record) = self.records.get(index) else {
            return &[];
        };
        let bytes = self.text.get(record.text);
        let head = bytes.len().saturating_sub(usize::from(record.tail));
        bytes.get(..head).unwrap_or_default()
    }

    /// The file attribute string of a node (`fa`), empty when there is none.
    pub(crate) fn tail(&self, index: Index) -> &[u8] {
        let Some(record) = self.records.get(index) else {
            return &[];
        };
        let bytes = self.text.get(record.text);
        let head = bytes.len().saturating_sub(usize::from(record.tail));
        bytes.get(head..).unwrap_or_default()
    }

    /// Whether something may be wrong with a node that was loaded.
    pub(crate) fn is_troubled(&self) -> bool {
        self.sum.troubled
    }

    pub(crate) fn raw(&self, index: Index) -> Option<&RawSecrets> {
        self.raw.get(&index)
    }

    pub(crate) fn set_raw(&mut self, index: Index, key: Box<str>, attributes: Box<str>) {
        self.raw.insert(index, RawSecrets { key, attributes });
        self.records.touched.touch(index);
    }

    pub(crate) fn raw_indices(&self) -> Vec<Index> {
        self.raw.keys().copied().collect()
    }

    pub(crate) fn link(&self, handle: NodeHandle) -> Option<&LinkRecord> {
        self.links.get(&handle)
    }

    pub(crate) fn set_link(&mut self, handle: NodeHandle, link: Option<LinkRecord>) {
        match link {
            Some(link) => self.links.insert(handle, link),
            None => self.links.remove(&handle),
        };
    }

    pub(crate) fn links(&self) -> impl Iterator<Item = (NodeHandle, LinkRecord)> + '_ {
        self.links.iter().map(|(&handle, &link)| (handle, link))
    }

    pub(crate) fn set_share(&mut self, index: Index, share: Option<IncomingShare>) {
        match share {
            Some(share) => self.shares.insert(index, share),
            None => self.shares.remove(&index),
        };
        self.records.touched.touch(index);
    }

    pub(crate) fn share(&self, index: Index) -> Option<IncomingShare> {
        self.shares.get(&index).copied()
    }

    /// The incoming share that a node lies in, if any.
    pub(crate) fn share_above(&self, index: Index) -> Option<(Index, IncomingShare)> {
        self.ancestors(index)
            .find_map(|above| Some((above, self.share(above)?)))
    }

    /// The account has a copy of a node's key now that no share is needed for.
    pub(crate) fn has_own_key(&mut self, node: NodeHandle, key: &mega_crypto::NodeKey) {
        if let Some(record) = self.find(node).and_then(|index| self.record_mut(index))
            && record.key == decrypt::key_bytes(key)
        {
            record.flags.set(Flags::FOREIGN, false);
        }
    }

    /// A copy of everything a caller may ask about a node.
    pub(crate) fn node(&self, index: Index) -> Option<Node> {
        let record = self.records.get(index)?;
        let stored = self.stored_name(index);
        Some(Node::from_parts(NodeParts {
            handle: record.handle,
            parent: self.records.get(record.parent).map(|parent| parent.handle),
            kind: record.kind,
            trouble: record.trouble,
            version: record.flags.has(Flags::VERSION),
            size: record.size,
            created: record.created,
            key: record.key,
            stored_name: stored,
            attributes: self.text_of(index),
            file_attributes: self.tail(index),
            link: self.links.get(&record.handle).copied(),
            incoming: self.share(index),
            mask: self.mask,
        }))
    }
}

impl std::fmt::Debug for Tree {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tree")
            .field("nodes", &self.len())
            .finish_non_exhaustive()
    }
}

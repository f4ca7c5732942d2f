//! Changing the tree: insert, attach, detach, remove. One writer, no recursion.
//!
//! Threat model, section 13: a hostile server may send cycles, files as parents, second roots and children before
//! parents. Whatever does not fit is kept, marked [`Trouble::Quarantined`] and reachable by its handle alone.

use std::borrow::Cow;

use mega_protocol::NodeHandle;

use super::arena::{Flags, Index, Record};
use super::{RawSecrets, Tree};
use crate::node::{NodeKind, Trouble};

/// A node as it comes from the decrypter, ready to be stored.
#[derive(Clone)]
pub(crate) struct NewNode<'a> {
    pub(crate) handle: NodeHandle,
    pub(crate) parent: Option<NodeHandle>,
    pub(crate) kind: NodeKind,
    pub(crate) size: u64,
    pub(crate) created: i64,
    pub(crate) key: [u8; 32],
    /// The decrypted attributes, JSON text.
    pub(crate) text: &'a [u8],
    /// The name in them, if whoever read them has found one.
    pub(crate) name: Option<Cow<'a, [u8]>>,
    /// The file attribute string (`fa`).
    pub(crate) tail: &'a [u8],
    pub(crate) trouble: Option<Trouble>,
    /// The share whose key opened it; `None` for the master key, and for what is closed.
    pub(crate) opener: Option<NodeHandle>,
    pub(crate) share_root: bool,
    /// The undecrypted `k` and `a`, kept when they could not be used yet.
    pub(crate) raw: Option<RawSecrets>,
}

impl NewNode<'_> {
    /// A node with nothing in it.
    pub(crate) fn bare(handle: NodeHandle, parent: Option<NodeHandle>, kind: NodeKind) -> Self {
        Self {
            handle,
            parent,
            kind,
            size: 0,
            created: 0,
            key: [0; 32],
            text: &[],
            name: None,
            tail: &[],
            trouble: None,
            opener: None,
            share_root: false,
            raw: None,
        }
    }
}

/// What an insertion did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Inserted {
    /// A node that was not there.
    New(Index),
    /// The node was there; its parent may have changed.
    Known(Index),
    /// The tree is full (LIM-7).
    Full,
}

impl Tree {
    /// Stores a node, or moves the one with the same handle to the given parent.
    ///
    /// A node that is already known keeps its size, kind and attributes, as in the SDK (`readnode`): only a missing key is
    /// supplied and the parent changes (EVT-3, TRE-2, TRE-3).
    ///
    /// While the tree is loading, the node is only put aside: see [`bulk`](super::bulk).
    pub(crate) fn insert(&mut self, new: &NewNode<'_>) -> Inserted {
        if self.loading {
            return self.put_aside(new);
        }
        if let Some(index) = self.find(new.handle) {
            self.refresh(index, new);
            return Inserted::Known(index);
        }
        let Some(index) = self.store(new, None) else {
            return Inserted::Full;
        };
        self.add_handle(index, new.handle);
        self.place(index, new.kind, new.parent, new.share_root);
        self.adopt(index, new.handle);
        Inserted::New(index)
    }

    /// Stores a record that belongs nowhere yet, but [remembers](Record::keep_parent) where. `None` when the tree is full.
    #[inline]
    pub(super) fn store(&mut self, new: &NewNode<'_>, parent: Option<NodeHandle>) -> Option<Index> {
        let tail = u16::try_from(new.tail.len()).unwrap_or(0);
        let text = self.text.store(
            new.text,
            new.tail.get(..usize::from(tail)).unwrap_or_default(),
        );
        let name = match &new.name {
            Some(name) => Some(self.hash_of_name(name)),
            None => self.hash_of_name_in(new.text),
        };
        let mut flags = Flags::default();
        flags.set(Flags::FOREIGN, new.opener.is_some());
        flags.set(Flags::SHARE_ROOT, new.share_root);
        flags.set(Flags::NAMED, name.is_some());
        let mut record = Record {
            handle: new.handle,
            kind: new.kind,
            trouble: new.trouble,
            flags,
            parent: Index::NONE,
            first_child: Index::NONE,
            next: Index::NONE,
            prev: Index::NONE,
            size: new.size,
            created: new.created,
            key: new.key,
            text,
            tail,
            name: name.unwrap_or_default(),
        };
        if let Some(parent) = parent {
            record.keep_parent(parent);
        }
        self.sum.add(&record);
        let index = self.records.insert(record)?;
        if let Some(raw) = &new.raw {
            self.raw.insert(index, raw.clone());
        }
        if let Some(opener) = new.opener {
            self.opened.note(index, opener);
        }
        Some(index)
    }

    /// Puts a fresh record where it belongs: under its parent, among the roots, or into the waiting room.
    pub(super) fn place(
        &mut self,
        index: Index,
        kind: NodeKind,
        parent: Option<NodeHandle>,
        share_root: bool,
    ) {
        match kind {
            NodeKind::Root | NodeKind::Vault | NodeKind::RubbishBin => {
                let slot = match kind {
                    NodeKind::Root => &mut self.roots.cloud,
                    NodeKind::Vault => &mut self.roots.vault,
                    _ => &mut self.roots.rubbish,
                };
                // TRE-5 keeps the first root of a kind, TRE-15 ignores roots that claim a parent. The root of a link is
                // known from the start.
                if slot.is_none_or(|root| root == index) && parent.is_none() {
                    *slot = Some(index);
                } else {
                    self.quarantine(index);
                }
            }
            NodeKind::File | NodeKind::Folder => {
                if share_root {
                    self.share_roots.insert(index);
                }
                match parent {
                    Some(parent) => self.attach_or_wait(index, parent),
                    None if share_root => {}
                    None => self.quarantine(index),
                }
            }
            NodeKind::Unknown => self.quarantine(index),
        }
    }

    fn attach_or_wait(&mut self, index: Index, parent: NodeHandle) {
        // Neighbours in a reply are often siblings.
        let last = self.last_parent.filter(|last| {
            self.records
                .get(*last)
                .is_some_and(|record| record.handle == parent)
        });
        match last.or_else(|| self.find(parent)) {
            Some(parent) => {
                self.last_parent = Some(parent);
                self.attach(index, parent);
            }
            None => {
                if let Some(record) = self.records.get_mut(index) {
                    record.flags.set(Flags::ORPHAN, true);
                }
                self.waiting.entry(parent).or_default().push(index);
            }
        }
    }

    /// Attaches the nodes that waited for this one.
    pub(super) fn adopt(&mut self, index: Index, handle: NodeHandle) {
        if self.waiting.is_empty() {
            return;
        }
        let Some(children) = self.waiting.remove(&handle) else {
            return;
        };
        for child in children {
            let waits = self
                .records
                .get(child)
                .is_some_and(|record| record.flags.has(Flags::ORPHAN));
            if waits {
                if let Some(record) = self.records.get_mut(child) {
                    record.flags.set(Flags::ORPHAN, false);
                }
                self.attach(child, index);
            }
        }
    }

    pub(super) fn refresh(&mut self, index: Index, new: &NewNode<'_>) {
        let (missing_key, parent, moves) = match self.records.get(index) {
            Some(record) => (
                matches!(
                    record.trouble,
                    Some(Trouble::NoKey | Trouble::BadKey | Trouble::BadAttributes)
                ),
                self.records.get(record.parent).map(|parent| parent.handle),
                // Whatever the service calls it now: a root stays at the top, and what is of no known kind out of sight.
                matches!(record.kind, NodeKind::File | NodeKind::Folder),
            ),
            None => return,
        };
        if missing_key && new.trouble.is_none() {
            self.decrypted(index, new.key, new.text, new.opener);
        }
        if new.share_root {
            self.share_roots.insert(index);
            if let Some(record) = self.records.get_mut(index) {
                record.flags.set(Flags::SHARE_ROOT, true);
            }
        }
        if let Some(wanted) = new.parent
            && parent != Some(wanted)
            && moves
            && matches!(new.kind, NodeKind::File | NodeKind::Folder)
        {
            self.detach(index);
            self.attach_or_wait(index, wanted);
        }
    }

    /// Gives a node the key and attributes it lacked. What a share has opened is to be [checked](Self::close_strays) afterwards.
    pub(crate) fn decrypted(
        &mut self,
        index: Index,
        key: [u8; 32],
        text: &[u8],
        opener: Option<NodeHandle>,
    ) {
        self.raw.remove(&index);
        if let Some(opener) = opener {
            self.opened.note(index, opener);
        }
        if let Some(record) = self.records.get_mut(index) {
            record.key = key;
            record.flags.set(Flags::FOREIGN, opener.is_some());
            if record.trouble != Some(Trouble::Quarantined) {
                record.trouble = None;
            }
            self.sum.add(record);
        }
        self.set_text(index, text);
    }

    /// Replaces the attributes of a node by others that were read under its key: whatever was wrong with the earlier ones is over.
    pub(crate) fn set_readable(&mut self, index: Index, text: &[u8]) {
        if let Some(record) = self.records.get_mut(index)
            && record.trouble == Some(Trouble::BadAttributes)
        {
            record.trouble = None;
        }
        self.set_text(index, text);
    }

    /// Replaces the attributes of a node and keeps its file attribute string.
    pub(crate) fn set_text(&mut self, index: Index, text: &[u8]) {
        let tail = self.tail(index).to_vec();
        self.store_text(index, text, &tail);
    }

    /// Replaces the file attribute string of a node and keeps its attributes.
    pub(crate) fn set_tail(&mut self, index: Index, tail: &[u8]) {
        let text = self.text_of(index).to_vec();
        self.store_text(index, &text, tail);
    }

    fn store_text(&mut self, index: Index, text: &[u8], tail: &[u8]) {
        self.unindex_name(index);
        let tail_len = u16::try_from(tail.len()).unwrap_or(0);
        let tail = tail.get(..usize::from(tail_len)).unwrap_or_default();
        let span = self.text.store(text, tail);
        let name = self.hash_of_name_in(text);
        if let Some(record) = self.records.get_mut(index) {
            record.flags.set(Flags::NAMED, name.is_some());
            record.name = name.unwrap_or_default();
            self.text.release(record.text);
            record.text = span;
            record.tail = tail_len;
            if record.trouble == Some(Trouble::NoName) {
                record.trouble = None;
            }
        }
        if name.is_none()
            && let Some(record) = self.records.get_mut(index)
            && record.trouble.is_none()
            && matches!(record.kind, NodeKind::File | NodeKind::Folder)
        {
            record.trouble = Some(Trouble::NoName);
        }
        self.index_name(index);
        self.compact_text();
    }

    fn compact_text(&mut self) {
        if !self.text.wasted() {
            return;
        }
        let mut fresh = super::arena::TextArena::default();
        for index in self.records.indices() {
            if let Some(record) = self.records.get_mut(index) {
                let bytes = self.text.get(record.text);
                record.text = fresh.store(bytes, &[]);
            }
        }
        self.text = fresh;
    }

    /// Hangs a record under a parent. A child that cannot be there goes to quarantine; a cycle is refused.
    ///
    /// Returns whether the node now is below the parent.
    pub(crate) fn attach(&mut self, index: Index, parent: Index) -> bool {
        let (Some(child), Some(above)) = (self.records.get(index), self.records.get(parent)) else {
            return false;
        };
        let fits = match above.kind {
            // TRE-8: below a file only its older versions can lie.
            NodeKind::File => child.kind == NodeKind::File,
            NodeKind::Unknown => false,
            _ => true,
        };
        if !fits || (!self.loading && self.is_within(parent, index)) || parent == index {
            self.quarantine(index);
            return false;
        }
        let version = above.kind == NodeKind::File;
        let first = above.first_child;
        let last = self
            .records
            .get(first)
            .map_or(Index::NONE, |record| record.prev);
        if let Some(record) = self.records.get_mut(index) {
            record.parent = parent;
            record.next = Index::NONE;
            record.prev = if first == Index::NONE { index } else { last };
            record.flags.set(Flags::VERSION, version);
        }
        if first == Index::NONE {
            if let Some(record) = self.records.get_mut(parent) {
                record.first_child = index;
            }
        } else {
            if let Some(record) = self.records.get_mut(last) {
                record.next = index;
            }
            if let Some(record) = self.records.get_mut(first) {
                record.prev = index;
            }
        }
        self.index_name(index);
        true
    }

    /// Takes a record out of its parent's children; its own children stay with it.
    pub(crate) fn detach(&mut self, index: Index) {
        self.unindex_name(index);
        let Some(record) = self.records.get(index) else {
            return;
        };
        let (parent, next, prev) = (record.parent, record.next, record.prev);
        if record.flags.has(Flags::ORPHAN) {
            for list in self.waiting.values_mut() {
                list.retain(|&other| other != index);
            }
            self.waiting.retain(|_, list| !list.is_empty());
        }
        if let Some(record) = self.records.get_mut(index) {
            record.flags.set(Flags::ORPHAN, false);
            record.parent = Index::NONE;
            record.next = Index::NONE;
            record.prev = Index::NONE;
        }
        let Some(above) = self.records.get(parent) else {
            return;
        };
        let first = above.first_child;
        if first == index {
            if let Some(above) = self.records.get_mut(parent) {
                above.first_child = next;
            }
            if let Some(following) = self.records.get_mut(next) {
                following.prev = prev;
            }
        } else {
            if let Some(before) = self.records.get_mut(prev) {
                before.next = next;
            }
            // The first sibling knows the last one.
            let after = if next == Index::NONE { first } else { next };
            if let Some(after) = self.records.get_mut(after) {
                after.prev = prev;
            }
        }
    }

    pub(crate) fn quarantine(&mut self, index: Index) {
        if let Some(record) = self.records.get_mut(index) {
            record.trouble = Some(Trouble::Quarantined);
            self.sum.troubled = true;
        }
    }

    /// Removes a node and everything below it (EVT-8). Returns the handles that are gone, the node's own first.
    pub(crate) fn remove(&mut self, index: Index) -> Vec<NodeHandle> {
        self.detach(index);
        let doomed: Vec<Index> = self.walk(index).map(|step| step.index).collect();
        let mut gone = Vec::with_capacity(doomed.len());
        for index in doomed {
            self.unindex_name(index);
            let Some(record) = self.records.get(index) else {
                continue;
            };
            let (handle, text) = (record.handle, record.text);
            gone.push(handle);
            let hash = self.hashes.handle(handle);
            self.by_handle.replace(hash, index, None);
            self.text.release(text);
            self.raw.remove(&index);
            self.share_roots.remove(&index);
            self.shares.remove(&index);
            for root in [
                &mut self.roots.cloud,
                &mut self.roots.vault,
                &mut self.roots.rubbish,
            ] {
                if *root == Some(index) {
                    *root = None;
                }
            }
            self.links.remove(&handle);
            self.people.forget(handle);
            self.records.remove(index);
        }
        gone
    }
}

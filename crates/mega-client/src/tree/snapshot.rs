//! The tree as a cache sees it: slots of the arena by number, out of it and back into it.

use std::collections::HashMap;
use std::thread;

use mega_filename::Mask;
use mega_protocol::NodeHandle;

use super::arena::{Flags, Index, Record, Span};
use super::hashes::NameHash;
use super::touched::STRETCH;
use super::{IncomingShare, RawSecrets, Roots, Tree};
use crate::node::{NodeKind, Trouble};

/// What one slot of the arena holds. Neighbours are named by their places, so nothing has to be looked up to put it back.
pub(crate) struct Slot<'a> {
    pub(crate) handle: NodeHandle,
    pub(crate) kind: NodeKind,
    pub(crate) trouble: Option<Trouble>,
    pub(crate) version: bool,
    pub(crate) foreign: bool,
    pub(crate) share_root: bool,
    pub(crate) parent: Index,
    pub(crate) first_child: Index,
    pub(crate) next: Index,
    pub(crate) prev: Index,
    pub(crate) size: u64,
    pub(crate) created: i64,
    pub(crate) key: &'a [u8; 32],
    /// The decrypted attributes, then `tail` bytes of the file attribute string.
    pub(crate) text: &'a [u8],
    pub(crate) tail: u16,
    /// Key and attributes as they came, where they could not be used.
    pub(crate) raw: Option<(&'a str, &'a str)>,
    pub(crate) share: Option<IncomingShare>,
    /// The parent that has not come yet.
    pub(crate) waits_for: Option<NodeHandle>,
}

impl Tree {
    /// Whether neither a load nor half a move has it in pieces.
    pub(crate) fn is_whole(&self) -> bool {
        !self.loading && self.moving.is_empty()
    }

    /// How many slots there are, free ones included.
    pub(crate) fn slots(&self) -> u32 {
        self.records.capacity_used()
    }

    /// The stretches of [`STRETCH`] slots that have changed since this was last asked.
    pub(crate) fn take_touched(&self) -> Vec<u32> {
        self.records.touched.take(self.slots())
    }

    /// Which nodes wait for which parent.
    pub(crate) fn waiting(&self) -> HashMap<Index, NodeHandle> {
        let waits = self.waiting.iter();
        waits
            .flat_map(|(&parent, nodes)| nodes.iter().map(move |&node| (node, parent)))
            .collect()
    }

    /// The slots of a stretch; `None` for a free one.
    pub(crate) fn stretch<'a>(
        &'a self,
        stretch: u32,
        waiting: &'a HashMap<Index, NodeHandle>,
    ) -> impl Iterator<Item = Option<Slot<'a>>> {
        let start = stretch.saturating_mul(STRETCH);
        let end = start.saturating_add(STRETCH).min(self.slots());
        (start..end).map(move |number| self.slot(Index::from_number(number), waiting))
    }

    fn slot<'a>(&'a self, index: Index, waiting: &HashMap<Index, NodeHandle>) -> Option<Slot<'a>> {
        let record = self.records.get(index)?;
        let raw = self.raw.get(&index);
        Some(Slot {
            handle: record.handle,
            kind: record.kind,
            trouble: record.trouble,
            version: record.flags.has(Flags::VERSION),
            foreign: record.flags.has(Flags::FOREIGN),
            share_root: record.flags.has(Flags::SHARE_ROOT),
            parent: record.parent,
            first_child: record.first_child,
            next: record.next,
            prev: record.prev,
            size: record.size,
            created: record.created,
            key: &record.key,
            text: self.text.get(record.text),
            tail: record.tail,
            raw: raw.map(|raw| (&*raw.key, &*raw.attributes)),
            share: self.shares.get(&index).copied(),
            waits_for: waiting.get(&index).copied(),
        })
    }
}

/// A tree that is put together again from its slots.
pub(crate) struct Rebuild {
    tree: Tree,
    waits: HashMap<Index, NodeHandle>,
}

impl Rebuild {
    pub(crate) fn new(mask: Mask) -> Self {
        Self {
            tree: Tree::new(mask),
            waits: HashMap::new(),
        }
    }

    /// How many slots there are so far.
    pub(crate) fn slots(&self) -> u32 {
        self.tree.slots()
    }

    /// Fills the slot with this number, the next one or one that was filled before. `None` if it is neither, or there is no room.
    pub(crate) fn set(&mut self, number: u32, slot: Option<&Slot<'_>>) -> Option<()> {
        let index = Index::from_number(number);
        let tree = &mut self.tree;
        if let Some(before) = tree.records.get(index) {
            let text = before.text;
            tree.text.release(text);
            tree.raw.remove(&index);
            tree.shares.remove(&index);
            tree.share_roots.remove(&index);
            self.waits.remove(&index);
        }
        let Some(slot) = slot else {
            return tree.records.restore(index, free());
        };
        let mut flags = Flags::default();
        flags.set(Flags::USED, true);
        flags.set(Flags::VERSION, slot.version);
        flags.set(Flags::FOREIGN, slot.foreign);
        flags.set(Flags::SHARE_ROOT, slot.share_root);
        flags.set(Flags::ORPHAN, slot.waits_for.is_some());
        let attributes = slot.text.len().checked_sub(slot.tail.into())?;
        let name = tree.hash_of_name_in(slot.text.get(..attributes)?);
        flags.set(Flags::NAMED, name.is_some());
        let text = tree.text.store(slot.text, &[]);
        let record = Record {
            handle: slot.handle,
            kind: slot.kind,
            trouble: slot.trouble,
            flags,
            parent: slot.parent,
            first_child: slot.first_child,
            next: slot.next,
            prev: slot.prev,
            size: slot.size,
            created: slot.created,
            key: *slot.key,
            text,
            tail: slot.tail,
            name: name.unwrap_or_default(),
        };
        tree.records.restore(index, record)?;
        if let Some((key, attributes)) = slot.raw {
            let (key, attributes) = (key.into(), attributes.into());
            tree.raw.insert(index, RawSecrets { key, attributes });
        }
        if let Some(share) = slot.share {
            tree.shares.insert(index, share);
        }
        if slot.share_root {
            tree.share_roots.insert(index);
        }
        if let Some(parent) = slot.waits_for {
            self.waits.insert(index, parent);
        }
        Some(())
    }

    /// Makes the indices and opens the tree. `None` unless every node is where its neighbours say, once, and the roots are what they should
    /// be: then whoever walks over the tree comes to an end.
    pub(crate) fn finish(self, roots: Roots) -> Option<Tree> {
        let Self { mut tree, waits } = self;
        tree.records.find_free();
        // Whether it is sound is found out while the index is made, which only counts if it is.
        let (sound, handles) = thread::scope(|scope| {
            let thread = thread::Builder::new().name("mega tree handles".to_owned());
            let handles = thread.spawn_scoped(scope, || tree.table_of_handles());
            let sound = tree.holds_together();
            let handles = match handles {
                Ok(handles) => handles.join().ok().flatten(),
                // No thread to be had.
                Err(_) => tree.table_of_handles(),
            };
            (sound, handles)
        });
        if !sound {
            return None;
        }
        let is = |root: Option<Index>, kind| {
            let record = |index| tree.records.get(index);
            root.is_none_or(|index| record(index).is_some_and(|record| record.kind == kind))
        };
        let known = is(roots.cloud, NodeKind::Root)
            && is(roots.vault, NodeKind::Vault)
            && is(roots.rubbish, NodeKind::RubbishBin);
        // TRE-5: without a root nothing can be addressed.
        if !known || roots.cloud.is_none() {
            return None;
        }
        tree.roots = roots;
        for (index, parent) in waits {
            tree.waiting.entry(parent).or_default().push(index);
        }
        tree.take_handles(handles?);
        tree.loading = false;
        // NOD-4: what is here was looked at when it came. The filter for what comes is made when it comes, from what is here.
        tree.records.touched.take(0);
        Some(tree)
    }
}

/// A slot without a node.
fn free() -> Record {
    Record {
        handle: NodeHandle::from_bytes([0; 6]),
        kind: NodeKind::Unknown,
        trouble: None,
        flags: Flags::default(),
        parent: Index::NONE,
        first_child: Index::NONE,
        next: Index::NONE,
        prev: Index::NONE,
        size: 0,
        created: 0,
        key: [0; 32],
        text: Span::default(),
        tail: 0,
        name: NameHash::default(),
    }
}

impl Tree {
    /// Whether a walk from the tops meets every node exactly once, each below the parent that it names.
    fn holds_together(&self) -> bool {
        let mut left = self.records.len();
        let tops = self.records.indices().filter(|&index| {
            let record = self.records.get(index);
            record.is_some_and(|record| record.parent == Index::NONE)
        });
        for top in tops {
            let mut at = top;
            loop {
                // More steps than nodes: something is met twice.
                let (Some(record), Some(fewer)) = (self.records.get(at), left.checked_sub(1))
                else {
                    return false;
                };
                left = fewer;
                if let Some(child) = record.first_child.some() {
                    if !self.is_child(child, at) {
                        return false;
                    }
                    at = child;
                    continue;
                }
                match self.following(at, top) {
                    Ok(Some(next)) => at = next,
                    Ok(None) => break,
                    Err(Apart) => return false,
                }
            }
        }
        left == 0
    }

    /// The node after a whole branch, in the walk from `top`.
    fn following(&self, mut at: Index, top: Index) -> Result<Option<Index>, Apart> {
        while at != top {
            let record = self.records.get(at).ok_or(Apart)?;
            let parent = record.parent;
            if let Some(next) = record.next.some() {
                let follows = self.records.get(next).is_some_and(|next| next.prev == at);
                return (follows && self.is_child(next, parent))
                    .then_some(Some(next))
                    .ok_or(Apart);
            }
            // The first sibling knows the last one.
            let first = self.records.get(parent).ok_or(Apart)?.first_child;
            if self.records.get(first).is_none_or(|first| first.prev != at) {
                return Err(Apart);
            }
            at = parent;
        }
        Ok(None)
    }

    fn is_child(&self, child: Index, parent: Index) -> bool {
        let record = self.records.get(child);
        record.is_some_and(|record| record.parent == parent)
    }
}

/// The records contradict each other.
struct Apart;

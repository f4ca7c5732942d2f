//! Many records in, indices once at the end: how a tree is filled from a reply, or from whatever else holds its records.
//!
//! ```text
//! let mut tree = Tree::new(mask);     // open for loading
//! tree.insert(&new);                  // as often as there are nodes, in any order
//! tree.finish_load();                 // indices, places, cycles
//! ```
//!
//! Until [`Tree::finish_load`] a record only waits with the handle of its parent: nothing can be found, no table grows, and no
//! record is looked at again. Then each index is made in one go, with its size known. The result is that of inserting one
//! node after the other; when a handle came twice, that is what is done.

use mega_protocol::NodeHandle;

use super::arena::{Flags, Index, Record};
use super::edit::{Inserted, NewNode};
use super::openers::Opened;
use super::table::Table;
use super::{Tree, reuse};
use crate::node::NodeKind;

impl Tree {
    /// Stores a node of a load. The index is good for [`Tree::set_share`] and [`Tree::set_cloud_root`]; a node that came before
    /// gets what belongs to it at the end.
    pub(super) fn put_aside(&mut self, new: &NewNode<'_>) -> Inserted {
        match self.store(new, new.parent) {
            Some(index) => Inserted::New(index),
            None => Inserted::Full,
        }
    }

    /// Ends a load: finds out who lies where, breaks cycles, so that every walk is finite (TRE-1), names the orphans (TRE-4), and
    /// makes the indices.
    pub(crate) fn finish_load(&mut self) {
        if !self.loading {
            return;
        }
        // Where every parent comes before its children, as the service sends them, no way up is a circle.
        let mut in_order = self.index_handles();
        if in_order {
            in_order = self.place_families();
        } else {
            self.place_one_by_one();
        }
        self.loading = false;
        if !in_order && self.has_cycle() {
            self.break_cycles();
        }
    }

    /// Makes the index of handles. Returns whether each came once only.
    pub(super) fn index_handles(&mut self) -> bool {
        let table = self.table_of_handles();
        let once = table.is_some();
        self.take_handles(table.unwrap_or_default());
        once
    }

    /// The index of handles; `None` if one came twice.
    pub(super) fn table_of_handles(&self) -> Option<Table> {
        let (records, hashes) = (&self.records, &self.hashes);
        let handle_of = |index| records.get(index).map(|record| record.handle);
        let mut table = Table::with_room(records.given_out());
        let entries = records
            .indices()
            .filter_map(|index| Some((hashes.handle(handle_of(index)?), index)));
        let once = table.fill(entries, |known, index| handle_of(known) == handle_of(index));
        once.then_some(table)
    }

    /// Adds a record to the index of handles.
    pub(super) fn add_handle(&mut self, index: Index, handle: NodeHandle) {
        let (records, hashes) = (&self.records, &self.hashes);
        let of = |index| {
            records
                .get(index)
                .map_or(0, |record| hashes.handle(record.handle))
        };
        let hash = hashes.handle(handle);
        self.by_handle
            .find_or_insert(hash, index, |other| other == index, of);
    }

    /// Takes over such a table.
    pub(super) fn take_handles(&mut self, table: Table) {
        self.by_handle = table;
    }

    /// Places all records, each of another handle. Neighbours in a reply are nearly always siblings, which takes no look at their parent. Returns
    /// whether every parent comes before its children.
    fn place_families(&mut self) -> bool {
        let mut in_order = true;
        let mut family: Option<Family> = None;
        for index in self.records.indices() {
            if let Some(family) = &mut family
                && let Some(record) = self.records.get_mut(index)
                && family.takes(record)
            {
                record.parent = family.parent;
                record.prev = std::mem::replace(&mut family.last, index);
                let before = record.prev;
                if let Some(before) = self.records.get_mut(before) {
                    before.next = index;
                }
                in_order &= family.parent < index;
                continue;
            }
            self.end_family(family.take());
            self.place_waiting(index);
            let Some(record) = self.records.get(index) else {
                continue;
            };
            in_order &= record.parent < index || record.parent == Index::NONE;
            family = self.family_of(index);
        }
        self.end_family(family);
        in_order
    }

    /// What is needed to place a sibling of the last child of a folder.
    fn family_of(&self, index: Index) -> Option<Family> {
        let parent = self.records.get(index)?.parent.some()?;
        let above = self.records.get(parent)?;
        let first = above.first_child;
        let is_last = self.records.get(first)?.prev == index;
        // TRE-8: below a file there are only versions.
        let holds_any = !matches!(above.kind, NodeKind::File | NodeKind::Unknown);
        (is_last && holds_any).then_some(Family {
            handle: above.handle,
            parent,
            first,
            last: index,
        })
    }

    /// Tells the first sibling who the last one is.
    fn end_family(&mut self, family: Option<Family>) {
        if let Some(family) = family
            && let Some(first) = self.records.get_mut(family.first)
        {
            first.prev = family.last;
        }
    }

    fn place_waiting(&mut self, index: Index) {
        if let Some(record) = self.records.get_mut(index) {
            let parent = record.take_parent();
            let (kind, share_root) = (record.kind, record.flags.has(Flags::SHARE_ROOT));
            self.place(index, kind, parent, share_root);
        }
    }

    /// The same in the order of arrival, for lists in which a handle comes twice (TRE-2, TRE-3).
    fn place_one_by_one(&mut self) {
        self.by_handle = Table::default();
        // In the order of the indices until here.
        let opened = std::mem::take(&mut self.opened);
        for index in self.records.indices() {
            let Some(handle) = self.records.get(index).map(|record| record.handle) else {
                continue;
            };
            if let Some(known) = self.find(handle) {
                self.merge(known, index, &opened);
                continue;
            }
            self.add_handle(index, handle);
            self.place_waiting(index);
            self.adopt(index, handle);
        }
        self.opened.append(opened);
    }

    /// A node has come again: the one that is known takes over what it lacks, and the other one goes.
    fn merge(&mut self, known: Index, again: Index, opened: &Opened) {
        let text = self.text_of(again).to_vec();
        let Some(record) = self.records.get_mut(again) else {
            return;
        };
        let new = NewNode {
            key: record.key,
            text: &text,
            trouble: record.trouble,
            opener: opened.of(again),
            share_root: record.flags.has(Flags::SHARE_ROOT),
            ..NewNode::bare(record.handle, record.take_parent(), record.kind)
        };
        let span = record.text;
        self.refresh(known, &new);
        self.raw.remove(&again);
        if let Some(share) = self.shares.remove(&again) {
            self.shares.insert(known, share);
        }
        self.text.release(span);
        self.records.remove(again);
    }

    /// Whether the way up from any node never ends.
    fn has_cycle(&self) -> bool {
        let mut ends = Marks::new(self.records.given_out());
        let mut way = Vec::new();
        for index in self.records.indices() {
            let mut at = index;
            while !ends.has(at)
                && let Some(record) = self.records.get(at)
            {
                way.push(at);
                if way.len() > self.records.len() {
                    return true;
                }
                at = record.parent;
            }
            way.drain(..).for_each(|at| ends.set(at));
        }
        false
    }

    fn break_cycles(&mut self) {
        let mut reached = Marks::new(self.records.given_out());
        for index in self.records.indices() {
            let record = self.records.get(index);
            if record.is_some_and(|record| record.parent == Index::NONE) {
                self.mark_below(index, &mut reached);
            }
        }
        for index in self.records.indices() {
            if self.records.get(index).is_some() && !reached.has(index) {
                self.detach(index);
                self.quarantine(index);
                self.mark_below(index, &mut reached);
            }
        }
    }

    fn mark_below(&self, top: Index, reached: &mut Marks) {
        for step in self.walk(top) {
            reached.set(step.index);
        }
    }
}

/// What can be said of all nodes that were ever stored, so that what is not there is not looked for.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Sum {
    /// Something is wrong with a node.
    pub(super) troubled: bool,
    /// How many pieces of own keys there are.
    pub(super) pieces: usize,
}

impl Sum {
    /// A record is stored.
    #[inline]
    pub(super) fn add(&mut self, record: &Record) {
        self.troubled |= record.trouble.is_some();
        self.pieces = self.pieces.saturating_add(reuse::count(record));
    }
}

/// The children of a folder, while they come one after the other.
struct Family {
    handle: NodeHandle,
    parent: Index,
    first: Index,
    last: Index,
}

impl Family {
    /// Takes the noted parent of a record away, if it is a plain child of this folder.
    fn takes(&self, record: &mut Record) -> bool {
        let plain = matches!(record.kind, NodeKind::File | NodeKind::Folder)
            && !record.flags.has(Flags::SHARE_ROOT)
            && record.handle != self.handle;
        plain && record.take_parent_if(self.handle)
    }
}

/// One bit for each record.
pub(super) struct Marks(Vec<u64>);

impl Marks {
    pub(super) fn new(records: usize) -> Self {
        Self(vec![0; records.div_ceil(64)])
    }

    fn place(index: Index) -> (usize, u64) {
        let number = index.number();
        let word = usize::try_from(number / 64).unwrap_or(usize::MAX);
        (word, 1 << (number % 64))
    }

    /// `false` also for [`Index::NONE`].
    pub(super) fn has(&self, index: Index) -> bool {
        let (word, bit) = Self::place(index);
        self.0.get(word).is_some_and(|word| word & bit != 0)
    }

    pub(super) fn set(&mut self, index: Index) {
        let (word, bit) = Self::place(index);
        if let Some(word) = self.0.get_mut(word) {
            *word |= bit;
        }
    }
}

//! The name index: which children of a folder have a given name.
//!
//! Names are compared after decoding (filename-encoding R2): what rclone stored, what another client stored, and what
//! the caller asks for meet in the decoded form, so a name is found however it was written.

use std::borrow::Cow;

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use super::Tree;
use super::arena::{Flags, Index, Record};
use super::hashes::NameHash;
use crate::attributes;

impl Tree {
    /// The name as it is stored, before decoding. `None` when the node has no name or cannot be read.
    pub(crate) fn stored_name(&self, index: Index) -> Option<Cow<'_, [u8]>> {
        attributes::name_in(self.text_of(index))
    }

    /// The hash of the name in these attributes; `None` when there is none.
    pub(super) fn hash_of_name_in(&self, text: &[u8]) -> Option<NameHash> {
        attributes::name_in(text).map(|stored| self.hash_of_name(&stored))
    }

    /// The hash of a stored name.
    pub(super) fn hash_of_name(&self, stored: &[u8]) -> NameHash {
        self.hashes.name(&self.mask.decode(stored))
    }

    fn hash_of(&self, record: &Record) -> Option<u64> {
        let parent = record.parent.some()?;
        record
            .flags
            .has(Flags::NAMED)
            .then(|| self.hashes.place(parent, record.name))
    }

    /// The one node of this parent and name that is in the table; the others hang on it.
    fn first_named(&self, parent: Index, decoded: &[u8]) -> Option<Index> {
        let name = self.hashes.name(decoded);
        let hash = self.hashes.place(parent, name);
        self.by_name
            .find(hash, |&other| {
                self.has_place(other, parent, name)
                    && self
                        .stored_name(other)
                        .is_some_and(|stored| self.mask.decode(&stored).as_ref() == decoded)
            })
            .copied()
    }

    /// Whether a node lies in this folder and its name has this hash.
    fn has_place(&self, index: Index, parent: Index, name: NameHash) -> bool {
        self.records.get(index).is_some_and(|record| {
            record.parent == parent && record.name == name && record.flags.has(Flags::NAMED)
        })
    }

    /// Whether two nodes have the same decoded name.
    fn same_name(&self, one: Index, other: Index) -> bool {
        let (Some(one), Some(other)) = (self.stored_name(one), self.stored_name(other)) else {
            return false;
        };
        one == other || self.mask.decode(&one) == self.mask.decode(&other)
    }

    /// Makes the index after a load, at once and in a table that has its size from the start.
    pub(super) fn index_names(&mut self) {
        let mut names = Names::with_room(self.records.len());
        for index in self.records.indices() {
            if let Some(record) = self.records.get_mut(index) {
                let named = record.belongs_in_index();
                record.flags.set(Flags::INDEXED, named);
                self.add_name(&mut names, index);
            }
        }
        self.take_names(names);
    }

    /// The same from records that say themselves whether they are in it.
    pub(super) fn names_as_marked(&self) -> Names {
        let mut names = Names::with_room(self.records.len());
        for index in self.records.indices() {
            self.add_name(&mut names, index);
        }
        names
    }

    fn add_name(&self, names: &mut Names, index: Index) {
        let record = self.records.get(index);
        let Some(record) = record.filter(|record| record.flags.has(Flags::INDEXED)) else {
            return;
        };
        let Some(hash) = self.hash_of(record) else {
            return;
        };
        let (parent, name) = (record.parent, record.name);
        let same =
            |&other: &Index| self.has_place(other, parent, name) && self.same_name(other, index);
        match names
            .first
            .entry(hash, same, |other| self.hash_again(*other))
        {
            Entry::Occupied(first) => names.others.push((*first.get(), index)),
            Entry::Vacant(place) => {
                place.insert(index);
            }
        }
    }

    pub(super) fn take_names(&mut self, names: Names) {
        self.by_name = names.first;
        for (first, index) in names.others {
            self.hang_on(first, index);
        }
    }

    /// The hash of a node that is in the table.
    fn hash_again(&self, index: Index) -> u64 {
        let record = self.records.get(index);
        record.and_then(|record| self.hash_of(record)).unwrap_or(0)
    }

    /// TRE-7: a million siblings of one name must not meet in one bucket, so they form a list.
    fn hang_on(&mut self, first: Index, index: Index) {
        let second = self
            .records
            .get(first)
            .map_or(Index::NONE, |first| first.same_next);
        self.link_same(first, index);
        self.link_same(index, second);
    }

    pub(super) fn index_name(&mut self, index: Index) {
        let Some(record) = self.records.get(index).filter(|_| !self.loading) else {
            return;
        };
        if record.flags.has(Flags::INDEXED) || !record.belongs_in_index() {
            return;
        }
        let (parent, name) = (record.parent, record.name);
        let Some(hash) = self.hash_of(record) else {
            return;
        };
        // The index is written while `self` is borrowed: take it out for a moment.
        let mut table = std::mem::take(&mut self.by_name);
        let same =
            |&other: &Index| self.has_place(other, parent, name) && self.same_name(other, index);
        let first = match table.entry(hash, same, |other| self.hash_again(*other)) {
            Entry::Occupied(first) => Some(*first.get()),
            Entry::Vacant(place) => {
                place.insert(index);
                None
            }
        };
        self.by_name = table;
        if let Some(first) = first {
            self.hang_on(first, index);
        }
        if let Some(record) = self.records.get_mut(index) {
            record.flags.set(Flags::INDEXED, true);
        }
    }

    fn link_same(&mut self, before: Index, after: Index) {
        if let Some(record) = self.records.get_mut(before) {
            record.same_next = after;
        }
        if let Some(record) = self.records.get_mut(after) {
            record.same_prev = before;
        }
    }

    pub(super) fn unindex_name(&mut self, index: Index) {
        let Some(record) = self
            .records
            .get(index)
            .filter(|record| record.flags.has(Flags::INDEXED))
        else {
            return;
        };
        let (before, after) = (record.same_prev, record.same_next);
        if before == Index::NONE {
            if let Some(hash) = self.hash_of(record)
                && let Ok(mut entry) = self.by_name.find_entry(hash, |&other| other == index)
            {
                if after == Index::NONE {
                    entry.remove();
                } else {
                    *entry.get_mut() = after;
                }
            }
            if let Some(record) = self.records.get_mut(after) {
                record.same_prev = Index::NONE;
            }
        } else {
            if let Some(record) = self.records.get_mut(before) {
                record.same_next = after;
            }
            if let Some(record) = self.records.get_mut(after) {
                record.same_prev = before;
            }
        }
        if let Some(record) = self.records.get_mut(index) {
            record.flags.set(Flags::INDEXED, false);
            record.same_next = Index::NONE;
            record.same_prev = Index::NONE;
        }
    }

    /// The children of `parent` whose decoded name is `decoded`, in no particular order.
    pub(crate) fn named(&self, parent: Index, decoded: &[u8]) -> SameName<'_> {
        SameName {
            tree: self,
            next: self.first_named(parent, decoded),
        }
    }

    /// Finds a node by its handle.
    pub(crate) fn find(&self, handle: mega_protocol::NodeHandle) -> Option<Index> {
        let hash = self.hashes.handle(handle);
        self.by_handle
            .find(hash, |&other| {
                self.records
                    .get(other)
                    .is_some_and(|record| record.handle == handle)
            })
            .copied()
    }
}

/// An index that is being made.
pub(super) struct Names {
    first: HashTable<Index>,
    /// What has the name of one that is in the table, and that one.
    others: Vec<(Index, Index)>,
}

impl Names {
    fn with_room(nodes: usize) -> Self {
        Self {
            first: HashTable::with_capacity(nodes),
            others: Vec::new(),
        }
    }
}

/// The siblings of one name.
pub(crate) struct SameName<'a> {
    tree: &'a Tree,
    next: Option<Index>,
}

impl Iterator for SameName<'_> {
    type Item = Index;

    fn next(&mut self) -> Option<Index> {
        let index = self.next?;
        self.next = self
            .tree
            .records
            .get(index)
            .and_then(|record| record.same_next.some());
        Some(index)
    }
}

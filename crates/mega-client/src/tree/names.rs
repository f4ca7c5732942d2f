//! The name index: which children of a folder have a given name.
//!
//! Names are compared after decoding (filename-encoding R2): what rclone stored, what another client stored, and what
//! the caller asks for meet in the decoded form, so a name is found however it was written.
//!
//! The index is made when it is first asked, so a program that only lists what it has just loaded does not wait for it; from then on it
//! follows each change.

use std::borrow::Cow;
use std::collections::HashMap;

use super::Tree;
use super::arena::{Flags, Index};
use super::hashes::NameHash;
use super::table::Table;
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

    /// Where a node belongs in the index; `None` if it does not: versions have no path.
    fn place_of(&self, index: Index) -> Option<(Index, NameHash)> {
        let record = self.records.get(index)?;
        let named = record.flags.has(Flags::NAMED) && !record.flags.has(Flags::VERSION);
        named.then_some((record.parent.some()?, record.name))
    }

    fn hash_of_place(&self, (parent, name): (Index, NameHash)) -> u64 {
        self.hashes.place(parent, name)
    }

    /// The index; made now if this is the first time.
    fn names(&self) -> &Names {
        self.by_name.get_or_init(|| {
            let mut names = Names {
                first: Table::with_room(self.records.given_out()),
                twins: Twins::default(),
            };
            for index in self.records.indices() {
                if let Some(place) = self.place_of(index) {
                    self.add_name(&mut names, index, place);
                }
            }
            names
        })
    }

    /// The one node of this parent and name that is in the table; the others hang on it.
    fn first_named(&self, parent: Index, decoded: &[u8]) -> Option<Index> {
        let place = (parent, self.hashes.name(decoded));
        let is_it = |other: Index| {
            self.place_of(other) == Some(place)
                && self
                    .stored_name(other)
                    .is_some_and(|stored| self.mask.decode(&stored).as_ref() == decoded)
        };
        let hash = self.hash_of_place(place);
        self.names().first.find(hash, is_it)
    }

    /// Whether two nodes have the same decoded name.
    fn same_name(&self, one: Index, other: Index) -> bool {
        let (Some(one), Some(other)) = (self.stored_name(one), self.stored_name(other)) else {
            return false;
        };
        one == other || self.mask.decode(&one) == self.mask.decode(&other)
    }

    fn add_name(&self, names: &mut Names, index: Index, place: (Index, NameHash)) {
        let same = |other: Index| {
            other == index || (self.place_of(other) == Some(place) && self.same_name(other, index))
        };
        let again = |other: Index| {
            let place = self.place_of(other);
            place.map_or(0, |place| self.hash_of_place(place))
        };
        let hash = self.hash_of_place(place);
        if let Some(first) = names.first.find_or_insert(hash, index, same, again) {
            names.twins.hang_on(first, index);
        }
    }

    /// Adds a node to the index, if there is one and the node belongs into it. Nothing that decides where may change before
    /// [`Self::unindex_name`].
    pub(super) fn index_name(&mut self, index: Index) {
        // The index is written while `self` is borrowed: take it out for a moment.
        let Some(mut names) = self.by_name.take() else {
            return;
        };
        if let Some(place) = self.place_of(index) {
            self.add_name(&mut names, index, place);
        }
        self.by_name = names.into();
    }

    pub(super) fn unindex_name(&mut self, index: Index) {
        let Some(mut names) = self.by_name.take() else {
            return;
        };
        if let Some(place) = self.place_of(index) {
            let next = names.twins.let_go(index);
            let hash = self.hash_of_place(place);
            names.first.replace(hash, index, next);
        }
        self.by_name = names.into();
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
        self.by_handle.find(hash, |other| {
            self.records
                .get(other)
                .is_some_and(|record| record.handle == handle)
        })
    }
}

/// See the [module](self).
pub(super) struct Names {
    /// One node of each folder and name.
    first: Table,
    twins: Twins,
}

/// The nodes that are not alone with their name: the ones before and after each, beginning with the one in the table. TRE-7: a million siblings
/// of one name must not meet in one bucket, so they form a list.
#[derive(Default)]
struct Twins(HashMap<Index, (Index, Index)>);

impl Twins {
    fn hang_on(&mut self, first: Index, index: Index) {
        if first == index || self.0.contains_key(&index) {
            return;
        }
        let (_, second) = self.0.entry(first).or_insert((Index::NONE, Index::NONE));
        let after = std::mem::replace(second, index);
        if let Some((before, _)) = self.0.get_mut(&after) {
            *before = index;
        }
        self.0.insert(index, (first, after));
    }

    /// Takes a node out of its list; gives the next one if it was the first.
    fn let_go(&mut self, index: Index) -> Option<Index> {
        let (before, after) = self.0.remove(&index)?;
        if let Some((_, next)) = self.0.get_mut(&before) {
            *next = after;
        }
        if let Some((previous, _)) = self.0.get_mut(&after) {
            *previous = before;
        }
        // Who is alone now is no twin.
        for left in [before, after] {
            if self.0.get(&left) == Some(&(Index::NONE, Index::NONE)) {
                self.0.remove(&left);
            }
        }
        (before == Index::NONE).then_some(after)?.some()
    }

    fn after(&self, index: Index) -> Option<Index> {
        let (_, after) = self.0.get(&index)?;
        after.some()
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
        self.next = self.tree.names().twins.after(index);
        Some(index)
    }
}

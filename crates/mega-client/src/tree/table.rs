//! The table of the two indices: from a hash to a record.
//!
//! One slot of four bytes for each place, so that a look costs one way to memory where a table with its marks beside its values takes two, and a
//! million entries take 8 MiB: the place of the record in the low bits, as many as the table has places, and above them a part of the hash, which
//! tells nearly all others apart without a look at their records. What meets at a place lies in the next free one (linear probing). The hash is
//! drawn for each tree and pairwise independent, so whoever chooses the keys without knowing the draw makes a look take at most the order of the
//! root of their number in steps, which are as quick as steps can be (TRE-7; Pătraşcu and Thorup, "On the k-independence required by linear
//! probing and minwise independence", 2016).

use super::arena::Index;

/// See the [module](self).
#[derive(Default)]
pub(super) struct Table {
    /// 0 is free; without a place in its low bits it was freed.
    slots: Vec<u32>,
    /// There are two to the power of this many slots.
    bits: u32,
    held: usize,
    freed: usize,
}

impl Table {
    /// A table that does not grow before it holds so many.
    pub(super) fn with_room(records: usize) -> Self {
        let wanted = records.saturating_add(records / 3).saturating_add(2);
        let bits = wanted.next_power_of_two().trailing_zeros().min(MOST_BITS);
        Self {
            slots: vec![0; 1 << bits],
            bits,
            held: 0,
            freed: 0,
        }
    }

    /// The entry with this hash that is the right one.
    #[inline]
    pub(super) fn find(&self, hash: u64, is_it: impl Fn(Index) -> bool) -> Option<Index> {
        let tag = self.tag(hash);
        let mut at = self.start(hash);
        loop {
            let slot = *self.slots.get(at)?;
            if slot == 0 {
                return None;
            }
            if let Some(index) = self.entry(slot, tag)
                && is_it(index)
            {
                return Some(index);
            }
            at = self.after(at);
        }
    }

    /// Adds an entry, unless the same is there: then gives that one.
    #[inline]
    pub(super) fn find_or_insert(
        &mut self,
        hash: u64,
        index: Index,
        is_same: impl Fn(Index) -> bool,
        hash_of: impl Fn(Index) -> u64,
    ) -> Option<Index> {
        if self.is_short_for(index) {
            self.grow(index, hash_of);
        }
        self.put(hash, index, is_same)
    }

    /// Adds many entries of which no two are the same, to a table with [room](Self::with_room) for all; stops and gives `false` when two are.
    ///
    /// The ways to memory are what takes the time, so some entries are gone for together.
    pub(super) fn fill(
        &mut self,
        mut entries: impl Iterator<Item = (u64, Index)>,
        is_same: impl Fn(Index, Index) -> bool,
    ) -> bool {
        let mut some = [(0, Index::NONE); 32];
        loop {
            let mut count = 0;
            for (place, entry) in some.iter_mut().zip(entries.by_ref()) {
                *place = entry;
                count += 1;
            }
            let some = some.get(..count).unwrap_or_default();
            if some.is_empty() {
                return true;
            }
            let slots = some
                .iter()
                .map(|&(hash, _)| self.slots.get(self.start(hash)));
            std::hint::black_box(slots.fold(0, |all, slot| all | slot.copied().unwrap_or(0)));
            for &(hash, index) in some {
                if self
                    .put(hash, index, |known| is_same(known, index))
                    .is_some()
                {
                    return false;
                }
            }
        }
    }

    /// Adds an entry where there is room.
    #[inline]
    fn put(&mut self, hash: u64, index: Index, is_same: impl Fn(Index) -> bool) -> Option<Index> {
        let tag = self.tag(hash);
        let mut at = self.start(hash);
        while let Some(slot) = self.slots.get_mut(at) {
            if *slot == 0 {
                *slot = tag | index.number().wrapping_add(1);
                self.held = self.held.saturating_add(1);
                return None;
            }
            let slot = *slot;
            if let Some(known) = self.entry(slot, tag)
                && is_same(known)
            {
                return Some(known);
            }
            at = self.after(at);
        }
        None
    }

    /// Puts another record in the place of one, or nothing.
    pub(super) fn replace(&mut self, hash: u64, known: Index, by: Option<Index>) {
        let tag = self.tag(hash);
        let mut at = self.start(hash);
        while let Some(&slot) = self.slots.get(at)
            && slot != 0
        {
            if self.entry(slot, tag) == Some(known) {
                let new = match by {
                    Some(index) => tag | index.number().wrapping_add(1),
                    None => {
                        self.held = self.held.saturating_sub(1);
                        self.freed = self.freed.saturating_add(1);
                        self.freed_slot()
                    }
                };
                if let Some(slot) = self.slots.get_mut(at) {
                    *slot = new;
                }
                return;
            }
            at = self.after(at);
        }
    }

    /// Whether there has to be more room before this one can be added: a quarter stays free, so that every search ends, and its place must fit.
    #[inline]
    fn is_short_for(&self, index: Index) -> bool {
        let used = self.held.saturating_add(self.freed).saturating_add(1);
        let fits = index.number().wrapping_add(1) & self.places() == index.number().wrapping_add(1);
        !fits || used > self.slots.len() - self.slots.len() / 4
    }

    #[cold]
    fn grow(&mut self, index: Index, hash_of: impl Fn(Index) -> u64) {
        let place = usize::try_from(index.number()).unwrap_or(usize::MAX);
        // Half full at most, and with a place for each record up to this one.
        let half = self.held.saturating_add(self.held / 2).saturating_add(6);
        let mut grown = Self::with_room(half.max(place / 4 * 3).saturating_add(3));
        let all = std::mem::take(&mut self.slots);
        for slot in all {
            if let Some(index) = (slot & self.places()).checked_sub(1) {
                let index = Index::from_number(index);
                grown.put(hash_of(index), index, |_| false);
            }
        }
        *self = grown;
    }

    /// The bits of a slot that are a place.
    #[inline]
    fn places(&self) -> u32 {
        (1_u32 << self.bits).wrapping_sub(1)
    }

    /// What a slot has when its entry was taken out.
    fn freed_slot(&self) -> u32 {
        1 << self.bits
    }

    #[inline]
    fn tag(&self, hash: u64) -> u32 {
        (hash >> 32) as u32 & !self.places()
    }

    #[inline]
    fn start(&self, hash: u64) -> usize {
        hash as usize & self.slots.len().wrapping_sub(1)
    }

    #[inline]
    fn after(&self, at: usize) -> usize {
        at.wrapping_add(1) & self.slots.len().wrapping_sub(1)
    }

    /// The entry in a slot, if it may be the one with this part of the hash.
    #[inline]
    fn entry(&self, slot: u32, tag: u32) -> Option<Index> {
        if (slot ^ tag) & !self.places() != 0 {
            return None;
        }
        (slot & self.places())
            .checked_sub(1)
            .map(Index::from_number)
    }
}

/// More places do not fit beside a bit of the hash. A tree has no more records ([`MOST_RECORDS`](super::arena::MOST_RECORDS)).
const MOST_BITS: u32 = 31;

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    /// Few hashes, so that many meet; their high halves are equal, too, now and then.
    fn hash_of(key: u32) -> u64 {
        u64::from(key % 13) << 60 | u64::from(key % 7)
    }

    proptest! {
        #[test]
        fn it_finds_what_a_map_finds(edits in prop::collection::vec((any::<bool>(), 0_u32..300), 0..600)) {
            let mut table = Table::default();
            // The keys are the records' own numbers, one more for what replaces another.
            let mut model: BTreeMap<u32, ()> = BTreeMap::new();
            for (add, key) in edits {
                let index = Index::from_number(key);
                let hash = |index: Index| hash_of(index.number());
                if add {
                    let known = table.find_or_insert(hash_of(key), index, |other| other == index, hash);
                    prop_assert_eq!(known.is_some(), model.insert(key, ()).is_some());
                } else {
                    table.replace(hash_of(key), index, None);
                    model.remove(&key);
                }
                prop_assert_eq!(table.held, model.len());
                let used = table.held + table.freed;
                prop_assert!(table.slots.is_empty() || table.slots.len() > used, "a search ends");
            }
            for key in 0..300 {
                let index = Index::from_number(key);
                let found = table.find(hash_of(key), |other| other == index);
                prop_assert_eq!(found.is_some(), model.contains_key(&key));
            }
        }
    }

    proptest! {
        #[test]
        fn filled_at_once_it_holds_the_same(keys in prop::collection::vec(0_u32..5_000, 0..200)) {
            let mut table = Table::with_room(keys.len());
            let entries = keys.iter().zip(0..).map(|(&key, number)| (hash_of(key), Index::from_number(number)));
            let key = |index: Index| keys[index.number() as usize];
            let once = table.fill(entries, |left, right| key(left) == key(right));
            let different: std::collections::BTreeSet<_> = keys.iter().collect();
            prop_assert_eq!(once, different.len() == keys.len());
            for (&wanted, number) in keys.iter().zip(0..) {
                let found = table.find(hash_of(wanted), |index| key(index) == wanted);
                prop_assert!(!once || found == Some(Index::from_number(number)));
            }
        }
    }

    #[test]
    fn another_takes_the_place_of_one() {
        let mut table = Table::with_room(10);
        let [one, other] = [1, 2].map(Index::from_number);
        assert_eq!(table.find_or_insert(5, one, |_| true, |_| 5), None);
        table.replace(5, one, Some(other));
        assert_eq!(table.find(5, |_| true), Some(other));
        table.replace(5, other, None);
        assert_eq!(table.find(5, |_| true), None);
        assert_eq!(Table::default().find(5, |_| true), None);
    }

    #[test]
    fn entries_that_come_and_go_need_no_more_room() {
        let mut table = Table::with_room(8);
        let hash = |index: Index| u64::from(index.number()).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        for number in 0..10_000 {
            let index = Index::from_number(number % 8);
            table.find_or_insert(hash(index), index, |other| other == index, hash);
            table.replace(hash(index), index, None);
        }
        assert!(table.slots.len() <= 32, "{}", table.slots.len());
    }
}

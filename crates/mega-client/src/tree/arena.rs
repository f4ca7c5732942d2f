//! Storage of the tree: pages of records and pages of text.
//!
//! A tree of a million nodes must not be copied each time a vector grows, so both stores grow by whole
//! pages and never move what they hold. Records are reused through a free list; text that is replaced
//! stays behind as garbage until [`TextArena::wasted`] makes a compaction worth its time.

use mega_protocol::NodeHandle;
use zeroize::Zeroize;

use super::hashes::NameHash;
use super::touched::Touched;
use crate::node::{NodeKind, Trouble};

/// Index of a record. Valid only inside the tree that made it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(crate) struct Index(u32);

impl Index {
    /// Stands for "no record"; never a valid index.
    pub(crate) const NONE: Self = Self(u32::MAX);

    pub(crate) fn some(self) -> Option<Self> {
        (self != Self::NONE).then_some(self)
    }

    /// The place in the arena, as a cache writes it; [`Self::NONE`] has the largest number.
    pub(crate) const fn number(self) -> u32 {
        self.0
    }

    pub(crate) const fn from_number(number: u32) -> Self {
        Self(number)
    }
}

/// Where a piece of text lies in the [`TextArena`]: 24 bits of page, 20 of start, 20 of length.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Span(u64);

impl Span {
    /// `None` when it is beyond what a span can say.
    #[inline]
    fn new(page: usize, start: usize, len: usize) -> Option<Self> {
        let (page, start, len) = (page as u64, start as u64, len as u64);
        let fits = page < 1 << 24 && start < 1 << 20 && len < 1 << 20;
        fits.then_some(Self(page << 40 | start << 20 | len))
    }

    fn page(self) -> usize {
        usize::try_from(self.0 >> 40).unwrap_or(usize::MAX)
    }

    fn start(self) -> usize {
        usize::try_from(self.0 >> 20 & 0xF_FFFF).unwrap_or(usize::MAX)
    }

    pub(crate) fn len(self) -> usize {
        usize::try_from(self.0 & 0xF_FFFF).unwrap_or(usize::MAX)
    }
}

/// One node, as compact as it can be: no heap allocation of its own.
pub(crate) struct Record {
    pub(crate) handle: NodeHandle,
    pub(crate) kind: NodeKind,
    /// Why the node cannot be used fully, if so.
    pub(crate) trouble: Option<Trouble>,
    pub(crate) flags: Flags,
    pub(crate) parent: Index,
    pub(crate) first_child: Index,
    pub(crate) next: Index,
    /// The previous sibling; for the first sibling the last one, so that appending needs no search.
    pub(crate) prev: Index,
    pub(crate) size: u64,
    pub(crate) created: i64,
    /// The decrypted node key: 32 bytes of a file, 16 and zeros of a folder.
    pub(crate) key: [u8; 32],
    /// The decrypted attributes (JSON text), then `tail` bytes of the file attribute string.
    pub(crate) text: Span,
    pub(crate) tail: u16,
    /// Of the decoded name, if [`Flags::NAMED`].
    pub(crate) name: NameHash,
}

// A million of them are the larger half of a tree.
const _: () = assert!(size_of::<Record>() == 88);

impl Record {
    /// Notes the handle of a parent that is still to be found. The place is that of the siblings, which only an attached node has.
    #[inline]
    pub(super) fn keep_parent(&mut self, parent: NodeHandle) {
        let [a, b, c, d, e, f] = parent.to_bytes();
        self.next = Index(u32::from_be_bytes([0, 0, a, b]));
        self.prev = Index(u32::from_be_bytes([c, d, e, f]));
        self.flags.set(Flags::ORPHAN, true);
    }

    /// Gives the handle back that was noted, and forgets it.
    #[inline]
    pub(super) fn take_parent(&mut self) -> Option<NodeHandle> {
        let parent = self.kept_parent()?;
        self.flags.set(Flags::ORPHAN, false);
        self.next = Index::NONE;
        self.prev = Index::NONE;
        Some(parent)
    }

    /// The same if it is this one; otherwise nothing happens.
    #[inline]
    pub(super) fn take_parent_if(&mut self, parent: NodeHandle) -> bool {
        self.kept_parent() == Some(parent) && self.take_parent().is_some()
    }

    #[inline]
    fn kept_parent(&self) -> Option<NodeHandle> {
        if !self.flags.has(Flags::ORPHAN) {
            return None;
        }
        let [_, _, a, b] = self.next.0.to_be_bytes();
        let [c, d, e, f] = self.prev.0.to_be_bytes();
        Some(NodeHandle::from_bytes([a, b, c, d, e, f]))
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        self.key.zeroize();
    }
}

/// Facts about a node that fit in one bit each.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct Flags(u16);

impl Flags {
    /// The record holds a node (and is not on the free list).
    pub(crate) const USED: Self = Self(1);
    /// An older version of a file; its parent is the next newer version.
    pub(crate) const VERSION: Self = Self(1 << 1);
    /// The key came through a share, not under our own master key.
    pub(crate) const FOREIGN: Self = Self(1 << 2);
    /// It has a name, and [`Record::name`] is its hash.
    pub(crate) const NAMED: Self = Self(1 << 3);
    /// The handle of the parent is known, its record is not.
    pub(crate) const ORPHAN: Self = Self(1 << 4);
    /// The root of an incoming share.
    pub(crate) const SHARE_ROOT: Self = Self(1 << 5);

    pub(crate) fn has(self, flag: Self) -> bool {
        self.0 & flag.0 == flag.0
    }

    pub(crate) fn set(&mut self, flag: Self, on: bool) {
        if on {
            self.0 |= flag.0;
        } else {
            self.0 &= !flag.0;
        }
    }
}

const PAGE_RECORDS: usize = 4096;
/// The indices know places by 31 bits.
pub(super) const MOST_RECORDS: u32 = (1 << 31) - 2;

/// The records of all nodes, in pages that never move.
#[derive(Default)]
pub(crate) struct Records {
    pages: Vec<Vec<Record>>,
    free: Vec<Index>,
    used: usize,
    /// What a cache has to write.
    pub(super) touched: Touched,
}

impl Records {
    /// The number of nodes.
    pub(crate) fn len(&self) -> usize {
        self.used
    }

    /// Every index that was ever given out, freed ones included.
    pub(crate) fn indices(&self) -> impl Iterator<Item = Index> + use<> {
        let count = self.capacity_used();
        (0..count).map(Index)
    }

    /// How many indices were given out, freed ones included.
    pub(crate) fn given_out(&self) -> usize {
        usize::try_from(self.capacity_used()).unwrap_or(usize::MAX)
    }

    /// The same as a number of slots.
    #[inline]
    pub(super) fn capacity_used(&self) -> u32 {
        let full = self
            .pages
            .len()
            .saturating_sub(1)
            .saturating_mul(PAGE_RECORDS);
        let last = self.pages.last().map_or(0, Vec::len);
        u32::try_from(full.saturating_add(last)).unwrap_or(u32::MAX)
    }

    /// Stores a record; `None` when there are as many as can be.
    #[inline]
    pub(crate) fn insert(&mut self, mut record: Record) -> Option<Index> {
        record.flags.set(Flags::USED, true);
        if let Some(index) = self.free.pop() {
            if let Some(slot) = self.slot(index) {
                *slot = record;
                self.used = self.used.saturating_add(1);
                return Some(index);
            }
            return None;
        }
        let index = self.capacity_used();
        if index >= MOST_RECORDS {
            return None;
        }
        self.touched.touch(Index(index));
        match self.pages.last_mut() {
            Some(page) if page.len() < PAGE_RECORDS => page.push(record),
            _ => {
                let mut page = Vec::with_capacity(PAGE_RECORDS);
                page.push(record);
                self.pages.push(page);
            }
        }
        self.used = self.used.saturating_add(1);
        Some(Index(index))
    }

    /// Fills a slot as it was in an earlier run, [free](Flags::USED) or not: the next one, or again one that was filled before. `None` for any
    /// other. [`Self::find_free`] has to follow.
    pub(super) fn restore(&mut self, index: Index, record: Record) -> Option<()> {
        let next = self.capacity_used();
        if index.0 < next {
            *self.slot(index)? = record;
            return Some(());
        }
        if index.0 != next || next >= MOST_RECORDS {
            return None;
        }
        match self.pages.last_mut() {
            Some(page) if page.len() < PAGE_RECORDS => page.push(record),
            _ => {
                let mut page = Vec::with_capacity(PAGE_RECORDS);
                page.push(record);
                self.pages.push(page);
            }
        }
        Some(())
    }

    /// Counts what was restored, and lists what is free.
    pub(super) fn find_free(&mut self) {
        let free: Vec<Index> = self
            .indices()
            .filter(|&index| self.get(index).is_none())
            .collect();
        let slots = usize::try_from(self.capacity_used()).unwrap_or(usize::MAX);
        self.used = slots.saturating_sub(free.len());
        self.free = free;
    }

    /// Forgets a record; its key is wiped.
    pub(crate) fn remove(&mut self, index: Index) {
        if let Some(slot) = self.slot(index)
            && slot.flags.has(Flags::USED)
        {
            slot.key.zeroize();
            slot.flags = Flags::default();
            slot.text = Span::default();
            slot.tail = 0;
            self.free.push(index);
            self.used = self.used.saturating_sub(1);
        }
    }

    #[inline]
    pub(crate) fn get(&self, index: Index) -> Option<&Record> {
        let at = usize::try_from(index.0).ok()?;
        let record = self.pages.get(at / PAGE_RECORDS)?.get(at % PAGE_RECORDS)?;
        record.flags.has(Flags::USED).then_some(record)
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, index: Index) -> Option<&mut Record> {
        self.slot(index)
            .filter(|record| record.flags.has(Flags::USED))
    }

    #[inline]
    fn slot(&mut self, index: Index) -> Option<&mut Record> {
        self.touched.touch(index);
        let at = usize::try_from(index.0).ok()?;
        self.pages
            .get_mut(at / PAGE_RECORDS)?
            .get_mut(at % PAGE_RECORDS)
    }
}

const PAGE_BYTES: usize = 1 << 20;

/// Decrypted attribute texts, one after the other in pages of a mebibyte.
#[derive(Default)]
pub(crate) struct TextArena {
    pages: Vec<Vec<u8>>,
    live: usize,
    total: usize,
}

impl TextArena {
    /// Stores `head` and `tail` together. What has a mebibyte or more is not kept; no attributes that the service takes
    /// are near that ([`mega_crypto::attributes::MAX_READ`]).
    #[inline]
    pub(crate) fn store(&mut self, head: &[u8], tail: &[u8]) -> Span {
        let len = head.len().saturating_add(tail.len());
        if len == 0 || len >= PAGE_BYTES {
            return Span::default();
        }
        let fits = self
            .pages
            .last()
            .is_some_and(|page| page.capacity().saturating_sub(page.len()) >= len);
        if !fits {
            self.pages.push(Vec::with_capacity(PAGE_BYTES));
        }
        let number = self.pages.len().saturating_sub(1);
        let Some(page) = self.pages.last_mut() else {
            return Span::default();
        };
        let Some(span) = Span::new(number, page.len(), len) else {
            return Span::default();
        };
        page.extend_from_slice(head);
        page.extend_from_slice(tail);
        self.live = self.live.saturating_add(len);
        self.total = self.total.saturating_add(len);
        span
    }

    #[inline]
    pub(crate) fn get(&self, span: Span) -> &[u8] {
        let range = || {
            let page = self.pages.get(span.page())?;
            let start = span.start();
            page.get(start..start.checked_add(span.len())?)
        };
        range().unwrap_or_default()
    }

    /// Counts the span as garbage; its bytes go at the next compaction.
    pub(crate) fn release(&mut self, span: Span) {
        self.live = self.live.saturating_sub(span.len());
    }

    /// Whether more than half of a sizeable store is garbage.
    pub(crate) fn wasted(&self) -> bool {
        self.total > 4 * PAGE_BYTES && self.live < self.total / 2
    }
}

impl Drop for TextArena {
    fn drop(&mut self) {
        for page in &mut self.pages {
            page.zeroize();
        }
    }
}

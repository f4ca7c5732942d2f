//! What is gone and still has to be told apart from what never was.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::sync::Arc;

use super::content::Content;
use crate::wire::{NodeHandle, PublicHandle, UserHandle};

/// Folders and links that were there once, with the account they belonged to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Graves {
    /// What is put into a folder that was deleted meanwhile goes to the bin (api-and-transfers 5.4).
    pub(crate) folders: Gone<NodeHandle>,
    /// A link that was removed is not one that never existed (api-and-transfers 2.2).
    pub(crate) links: Gone<PublicHandle>,
    /// What is being downloaded while it is deleted comes to its end, if it is not too much.
    contents: VecDeque<Arc<Content>>,
    /// The bytes of them.
    held: u64,
}

impl Graves {
    /// Keeps the last contents that were deleted, so many bytes of them, for the addresses that lead to them.
    pub(crate) fn bury(&mut self, content: Arc<Content>) {
        self.held = self.held.saturating_add(content.size());
        self.contents.push_back(content);
        while (self.held > BYTES_KEPT || self.contents.len() > KEPT)
            && let Some(old) = self.contents.pop_front()
        {
            self.held = self.held.saturating_sub(old.size());
        }
    }
}

/// The last of what went, by handle.
#[derive(Clone, Debug)]
pub(crate) struct Gone<K> {
    owners: HashMap<K, UserHandle>,
    order: VecDeque<K>,
}

impl<K> Default for Gone<K> {
    fn default() -> Self {
        Self {
            owners: HashMap::new(),
            order: VecDeque::new(),
        }
    }
}

impl<K: Copy + Eq + Hash> Gone<K> {
    pub(crate) fn add(&mut self, key: K, owner: UserHandle) {
        if self.owners.insert(key, owner).is_none() {
            self.order.push_back(key);
        }
        if self.order.len() > KEPT
            && let Some(old) = self.order.pop_front()
        {
            self.owners.remove(&old);
        }
    }

    /// Whose it was.
    pub(crate) fn get(&self, key: &K) -> Option<&UserHandle> {
        self.owners.get(key)
    }
}

const KEPT: usize = 10_000;
const BYTES_KEPT: u64 = 64 << 20;

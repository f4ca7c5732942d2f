//! What is gone and still has to be told apart from what never was.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

use crate::wire::{NodeHandle, PublicHandle, UserHandle};

/// Folders and links that were there once, with the account they belonged to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Graves {
    /// What is put into a folder that was deleted meanwhile goes to the bin (api-and-transfers 5.4).
    pub(crate) folders: Gone<NodeHandle>,
    /// A link that was removed is not one that never existed (api-and-transfers 2.2).
    pub(crate) links: Gone<PublicHandle>,
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

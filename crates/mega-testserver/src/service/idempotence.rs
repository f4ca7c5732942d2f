//! Remembered replies: the same request sent twice is executed once (api-and-transfers 2.4).

use std::collections::{HashMap, VecDeque};

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

/// What tells one request from another: who asks, the id, and the body (ids alone are no global key).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key([u8; 32]);

impl Key {
    /// The text a state keeps it as.
    pub(crate) fn text(&self) -> String {
        crate::wire::b64(&self.0)
    }

    /// Reads that text.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        crate::wire::unb64_exact(text).map(Self)
    }

    pub(crate) fn new(identity: &str, id: &str, body: &[u8]) -> Self {
        let mut hash = Sha256::new();
        for part in [identity.as_bytes(), id.as_bytes(), body] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        Self(hash.finalize().into())
    }
}

/// Replies to requests that changed something, the oldest forgotten first.
#[derive(Debug, Default)]
pub(crate) struct Replies {
    known: HashMap<Key, Bytes>,
    order: VecDeque<Key>,
    /// Those remembered since somebody asked; nobody counts while this is `None`.
    fresh: Option<Vec<Key>>,
}

impl Replies {
    pub(crate) fn get(&self, key: &Key) -> Option<Bytes> {
        self.known.get(key).cloned()
    }

    pub(crate) fn remember(&mut self, key: Key, reply: Bytes, keep: usize) {
        if let Some(fresh) = &mut self.fresh {
            fresh.push(key.clone());
        }
        if self.known.insert(key.clone(), reply).is_none() {
            self.order.push_back(key);
        }
        while self.order.len() > keep {
            if let Some(old) = self.order.pop_front() {
                self.known.remove(&old);
            }
        }
    }

    /// What a state keeps of a reply.
    pub(crate) fn stored(&self, key: &Key) -> Option<(String, String)> {
        let reply = String::from_utf8(self.known.get(key)?.to_vec()).ok()?;
        Some((key.text(), reply))
    }

    /// Begins to note what is remembered.
    pub(crate) fn watch(&mut self) {
        self.fresh.get_or_insert_default();
    }

    /// What was remembered since the last call, the oldest first.
    pub(crate) fn take_fresh(&mut self) -> Vec<Key> {
        self.fresh.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Notes again what could not be kept.
    pub(crate) fn put_back(&mut self, mut keys: Vec<Key>) {
        if let Some(fresh) = &mut self.fresh {
            keys.append(fresh);
            *fresh = keys;
        }
    }

    /// Everything remembered, the oldest first.
    pub(crate) fn all(&self) -> Vec<Key> {
        self.order.iter().cloned().collect()
    }

    pub(crate) fn clear(&mut self) {
        self.known.clear();
        self.order.clear();
    }
}

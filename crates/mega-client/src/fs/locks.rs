//! Locks by key: whoever is about to create a name in a folder, or to change a node's attributes, is alone with it.
//!
//! Different names do not wait for each other, so that a thousand small changes still fit into a few requests.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OwnedMutexGuard;

type Held<K> = Arc<Mutex<HashMap<K, Arc<tokio::sync::Mutex<()>>>>>;

/// A lock for each key that somebody holds or waits for.
pub(super) struct KeyedLocks<K> {
    held: Held<K>,
}

impl<K: Clone + Eq + Hash + Ord> KeyedLocks<K> {
    /// Waits until nobody else holds the key.
    ///
    /// Cancel safe: a dropped future holds nothing.
    pub(super) async fn lock(&self, key: K) -> KeyGuard<K> {
        let lock = {
            let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(held.entry(key.clone()).or_default())
        };
        // The guard cleans up even if the wait is cancelled.
        let mut guard = KeyGuard {
            held: Arc::clone(&self.held),
            key,
            lock: None,
        };
        guard.lock = Some(lock.lock_owned().await);
        guard
    }

    /// Takes the lock if nobody has it. Whoever holds others of this kind may do this, since it never waits.
    pub(super) fn try_lock(&self, key: K) -> Option<KeyGuard<K>> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let lock = Arc::clone(held.entry(key.clone()).or_default());
        let lock = lock.try_lock_owned().ok()?;
        Some(KeyGuard {
            held: Arc::clone(&self.held),
            key,
            lock: Some(lock),
        })
    }

    /// Takes several locks, always in the same order, so that nobody waits for ever. Hold no other lock of this kind meanwhile.
    pub(super) async fn lock_all(&self, keys: impl IntoIterator<Item = K>) -> Vec<KeyGuard<K>> {
        let keys: BTreeSet<K> = keys.into_iter().collect();
        let mut guards = Vec::with_capacity(keys.len());
        for key in keys {
            guards.push(self.lock(key).await);
        }
        guards
    }
}

impl<K> Default for KeyedLocks<K> {
    fn default() -> Self {
        Self {
            held: Held::default(),
        }
    }
}

impl<K> fmt::Debug for KeyedLocks<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyedLocks").finish_non_exhaustive()
    }
}

/// A key that is held until this is dropped.
#[must_use = "the lock is released when this is dropped"]
pub(super) struct KeyGuard<K: Eq + Hash> {
    held: Held<K>,
    key: K,
    lock: Option<OwnedMutexGuard<()>>,
}

impl<K: Eq + Hash> Drop for KeyGuard<K> {
    fn drop(&mut self) {
        self.lock = None;
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        // One count is the map's; more of them are of those who wait or hold.
        if held
            .get(&self.key)
            .is_some_and(|lock| Arc::strong_count(lock) == 1)
        {
            held.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures::FutureExt;

    use super::*;

    fn len(locks: &KeyedLocks<u8>) -> usize {
        locks.held.lock().unwrap().len()
    }

    #[tokio::test]
    async fn a_key_has_one_holder_and_others_do_not_wait() {
        let locks = KeyedLocks::<u8>::default();
        let first = locks.lock(1).await;
        assert!(locks.lock(2).now_or_never().is_some());
        assert!(locks.lock(1).now_or_never().is_none());
        drop(first);
        assert!(locks.lock(1).now_or_never().is_some());
        assert_eq!(len(&locks), 0);
    }

    #[tokio::test]
    async fn a_key_that_somebody_has_is_not_got_by_trying() {
        let locks = KeyedLocks::<u8>::default();
        let first = locks.try_lock(1).unwrap();
        assert!(locks.try_lock(1).is_none());
        assert!(locks.lock(1).now_or_never().is_none());
        assert!(locks.try_lock(2).is_some());
        drop(first);
        assert_eq!(len(&locks), 0);
        assert!(locks.lock(1).now_or_never().is_some());
    }

    #[tokio::test]
    async fn cancelled_waits_leave_nothing_behind() {
        let locks = KeyedLocks::<u8>::default();
        let first = locks.lock(1).await;
        {
            let mut waiting = Box::pin(locks.lock(1));
            assert!((&mut waiting).now_or_never().is_none());
        }
        drop(first);
        assert_eq!(len(&locks), 0);
    }

    #[tokio::test]
    async fn opposite_orders_do_not_block_each_other() {
        let locks = Arc::new(KeyedLocks::<u8>::default());
        let rounds = Arc::new(AtomicUsize::new(0));
        let tasks: Vec<_> = [[1, 2, 3], [3, 2, 1], [2, 1, 3], [3, 3, 1]]
            .into_iter()
            .map(|keys| {
                let (locks, rounds) = (Arc::clone(&locks), Arc::clone(&rounds));
                tokio::spawn(async move {
                    for _ in 0..100 {
                        let _guards = locks.lock_all(keys).await;
                        tokio::task::yield_now().await;
                        rounds.fetch_add(1, Ordering::Relaxed);
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(rounds.load(Ordering::Relaxed), 400);
        assert_eq!(len(&locks), 0);
    }
}

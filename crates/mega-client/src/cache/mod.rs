//! The tree of an account on disk, so that the next program has it at once (threat model, PST-2 to PST-4, PST-6).
//!
//! - [`store`]: where the bytes lie, behind a small trait;
//! - [`log`]: the form of the file, sealed frame by frame;
//! - [`stretch`], [`around`]: nodes, and what else belongs to a tree, as bytes;
//! - [`load`], [`keep`]: from the file to the tree, and back.
//!
//! A cache is a hint. Whatever is wrong with it, the tree is fetched as if there were none; whatever is old in it, the events make new. So
//! nothing here is an error for the caller: a program that cannot write goes without.

mod around;
pub(crate) mod bytes;
mod keep;
mod load;
pub(crate) mod log;
mod store;
mod stretch;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mega_crypto::MasterKey;
use mega_filename::Mask;
use mega_protocol::UserHandle;
use tokio::time::Instant;

use self::around::ShareKeys;
use self::keep::{Continue, Keeper, Outcome, Source};
use self::load::Loaded;
#[cfg(feature = "fuzzing")]
pub(crate) use self::load::check_frames;
use self::log::Owner;
use self::store::{FileStore, Store};
use crate::client::Identity;
use crate::tree::Tree;
use crate::{Client, blocking};

/// Between two writes that nobody asked for: so a storm of events costs little.
const BETWEEN: Duration = Duration::from_secs(2);
/// Between two tries when the disk fails or is full (DSK-1).
const AFTER_FAILURE: Duration = Duration::from_secs(60);

/// The cache of one client.
pub(crate) struct Cache {
    /// Held by whoever writes, on a thread where that is allowed. `None` where nothing may be written.
    keeper: Arc<Mutex<Option<Keeper>>>,
    /// The next write has to be of everything.
    whole: AtomicBool,
    /// A write is under way.
    busy: AtomicBool,
    /// No write on its own before this moment.
    not_before: Mutex<Option<Instant>>,
}

/// A tree out of a cache.
pub(crate) struct Kept {
    pub(crate) tree: Tree,
    pub(crate) keys: ShareKeys,
}

/// What lies where the cache of an account belongs.
pub(crate) struct Found {
    owner: Owner,
    store: Box<dyn Store>,
    loaded: Result<Option<Loaded>, log::Damage>,
}

impl Found {
    /// Reads the cache of an account in a folder, if that can be had.
    pub(crate) async fn read(
        folder: &Path,
        master: &MasterKey,
        user: UserHandle,
        mask: Mask,
    ) -> Option<Self> {
        let folder = PathBuf::from(folder);
        let owner = Owner {
            master: MasterKey::from_bytes(*master.expose_secret()),
            user,
        };
        let found = blocking(move || {
            let store = FileStore::open(&folder, &owner.file_name());
            Ok(store.map(|store| Self::of(owner, Box::new(store), mask)))
        });
        match found.await {
            Ok(Ok(found)) => Some(found),
            Ok(Err(error)) => {
                tracing::warn!(kind = ?error.kind(), "the tree cache cannot be opened; going on without");
                None
            }
            Err(_) => None,
        }
    }

    fn of(owner: Owner, mut store: Box<dyn Store>, mask: Mask) -> Self {
        let loaded = match store.read() {
            Ok(Some(reader)) => load::load(&owner, reader, mask).map(Some),
            Ok(None) => Ok(None),
            Err(_) => Err(log::Damage::Unreadable),
        };
        Self {
            owner,
            store,
            loaded,
        }
    }

    /// The cache, and the tree that it holds, if that is whole and the account keeps its keys where it did.
    pub(crate) fn open(self, keys_elsewhere: bool) -> (Cache, Option<Kept>) {
        let (keeper, kept) = self.split(keys_elsewhere);
        let cache = Cache {
            keeper: Arc::new(Mutex::new(keeper)),
            whole: AtomicBool::new(kept.is_none()),
            busy: AtomicBool::new(false),
            not_before: Mutex::new(None),
        };
        (cache, kept)
    }

    /// Who writes from now on, and the tree.
    fn split(self, keys_elsewhere: bool) -> (Option<Keeper>, Option<Kept>) {
        let writable = self.store.is_writable();
        if !writable {
            tracing::debug!("another program writes the tree cache; reading only");
        }
        let loaded = match self.loaded {
            Ok(Some(loaded)) if loaded.keys_elsewhere != keys_elsewhere => {
                tracing::debug!(
                    "the account keeps its keys elsewhere now; the tree is fetched anew"
                );
                None
            }
            Ok(loaded) => loaded,
            Err(damage) => {
                tracing::warn!(
                    ?damage,
                    "the tree cache is damaged; the tree is fetched anew"
                );
                None
            }
        };
        if let Some(damage) = loaded.as_ref().and_then(|loaded| loaded.tail) {
            tracing::warn!(
                ?damage,
                "the end of the tree cache is damaged; what comes before it counts"
            );
        }
        let (kept, on) = match loaded {
            Some(loaded) => {
                let (tree, keys, on) = Continue::split(loaded);
                (Some(Kept { tree, keys }), on)
            }
            None => (None, None),
        };
        let keeper = writable.then(|| Keeper::new(self.owner, self.store, on));
        (keeper, kept)
    }
}

impl Cache {
    /// The tree was replaced by another one.
    pub(crate) fn replaced(&self) {
        self.whole.store(true, Ordering::SeqCst);
    }

    fn is_due(&self) -> bool {
        let not_before = self.not_before();
        not_before.is_none_or(|moment| Instant::now() >= moment)
    }

    fn not_before(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        self.not_before
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// A write that is under way. Over when this is dropped, also if it was never begun or has come to no good end.
struct Busy(Client);

impl Drop for Busy {
    fn drop(&mut self) {
        if let Some(cache) = &self.0.inner.cache {
            cache.busy.store(false, Ordering::SeqCst);
        }
    }
}

impl Client {
    /// Writes the cache if that has not been done lately. Does not wait.
    pub(crate) fn keep_soon(&self) {
        let Some(cache) = &self.inner.cache else {
            return;
        };
        if !cache.is_due() || cache.busy.swap(true, Ordering::SeqCst) {
            return;
        }
        let busy = Busy(self.clone());
        // A runtime that shuts down lets it end first; what it does not write comes with the events.
        drop(crate::chance::spawn_blocking(move || busy.0.keep_now()));
    }

    /// Writes the cache, on a thread where that is allowed.
    fn keep_now(&self) {
        let (Some(cache), Identity::Account(account)) = (&self.inner.cache, &self.inner.identity)
        else {
            return;
        };
        let mut keeper = cache.keeper.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(keeper) = keeper.as_mut() else {
            return;
        };
        let (tree, keyring) = self.locks();
        let kept = keeper.keep(Source {
            tree,
            keyring,
            whole: &cache.whole,
            doubtful: self.inner.pump.doubtful(),
            keys_elsewhere: account.has_keys_attribute(),
        });
        let pause = match kept {
            Ok(outcome) => {
                tracing::trace!(kept = outcome == Outcome::Kept, "tree cache");
                BETWEEN
            }
            Err(error) => {
                tracing::warn!(kind = ?error.kind(), "the tree cache cannot be written; trying again later");
                AFTER_FAILURE
            }
        };
        *cache.not_before() = Some(Instant::now() + pause);
    }

    /// Writes what the [cache](crate::ClientBuilder::cache_dir) lacks, and ends this handle. The session stays open: [`sign_out`](Self::sign_out)
    /// ends it, and deletes the cache.
    ///
    /// Not needed: the cache is written after a load, and while events arrive. What a program did just before its end the next one learns from the events, a little later
    /// than from the cache. Without a cache this does nothing. Other clones of the client work on.
    ///
    /// Cancel safety: the write goes on when the future is dropped.
    pub async fn close(self) {
        if self.inner.cache.is_some() {
            let _ended = blocking(move || {
                self.keep_now();
                Ok(())
            })
            .await;
        }
    }

    /// Deletes the cache; nothing is written any more.
    pub(crate) async fn forget_cache(&self) {
        let Some(cache) = &self.inner.cache else {
            return;
        };
        let keeper = Arc::clone(&cache.keeper);
        let _ended = blocking(move || {
            let mut keeper = keeper.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(Err(error)) = keeper.take().map(|mut keeper| keeper.remove()) {
                tracing::warn!(kind = ?error.kind(), "the tree cache cannot be deleted");
            }
            Ok(())
        })
        .await;
    }
}

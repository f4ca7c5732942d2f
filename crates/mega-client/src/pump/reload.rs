//! Loading the tree anew, when the events cannot be trusted to give the right one.

use std::sync::atomic::Ordering;
use std::time::Duration;

use mega_protocol::ErrorKind as WireErrorKind;
use mega_protocol::commands::FetchNodes;
use tokio::time::Instant;

use crate::Client;
use crate::change::Change;
use crate::client::Identity;
use crate::error::{Error, ErrorKind, Result};
use crate::tree::apply::Applier;
use crate::tree::decrypt::Decrypter;
use crate::tree::load::Loader;

/// The least time between two reloads, so that they never become a loop (EVT-6).
const BETWEEN_RELOADS: Duration = Duration::from_secs(60);

impl Client {
    /// Has the tree loaded anew and waits for it. The driver does it, once for everybody who asks meanwhile.
    ///
    /// Cancel safety: the need for it is remembered until it has been done.
    pub(crate) async fn reload(&self) -> Result<()> {
        self.demand_reload();
        self.reloaded().await
    }

    /// Waits until no reload is due any more.
    pub(super) async fn reloaded(&self) -> Result<()> {
        self.until(None, || !self.inner.pump.must_reload()).await
    }

    pub(super) fn demand_reload(&self) {
        let pump = &self.inner.pump;
        // A load that is under way already must not be disturbed.
        if !pump.reload_wanted.swap(true, Ordering::SeqCst) {
            pump.wants.nudge.notify_one();
        }
    }

    /// Loads the tree, not from a cached image (EVT-6). A second time within a minute waits. Only the driver does this.
    pub(super) async fn load_anew(&self) -> Result<()> {
        let pump = &self.inner.pump;
        let last = *pump.last_load();
        if let Some(last) = last {
            tokio::time::sleep_until(last + BETWEEN_RELOADS).await;
        }
        *pump.last_load() = Some(Instant::now());
        let Some(mut loader) = self.loader()? else {
            return self.position().map(|_| ());
        };
        let session = self.session_in_use();
        let mut loaded = self
            .api()
            .fetch_nodes(FetchNodes::uncached(), &mut loader)
            .await;
        if let (Err(error), Some(dead)) = (&loaded, &session)
            && error.kind() == WireErrorKind::SessionExpired
            && self.renewed(dead).await?
        {
            // Once: the second answer counts, whatever it is.
            if let Some(fresh) = self.loader()? {
                loader = fresh;
            }
            loaded = self
                .api()
                .fetch_nodes(FetchNodes::uncached(), &mut loader)
                .await;
        }
        let summary = loaded.map_err(Error::from)?;
        let (mut tree, keyring, _) = loader.finish();
        if let Identity::FolderLink {
            inside: Some(inside),
        } = &self.inner.identity
        {
            crate::link::narrow(&mut tree, *inside)?;
        }
        tree.position = Some(summary.sequence_number);
        tree.tag = summary.tag.clone();
        let (me, keys_elsewhere) = self.whose();
        let mut opened = Vec::new();
        self.with_tree_and_keyring_mut(|current, current_keyring| {
            *current = tree;
            // What was learnt while the tree was under way is not in the keyring that it was loaded with.
            current_keyring.take_over(keyring, keys_elsewhere);
            let mut applier = Applier {
                tree: current,
                keyring: current_keyring,
                me,
                keys_elsewhere,
            };
            applier.open_what_was_closed(&mut Decrypter::default(), &mut opened);
            if let Some(cache) = &self.inner.cache {
                cache.replaced();
            }
            pump.past.arrive(summary.sequence_number);
            // From here on batches are applied again.
            pump.reload_wanted.store(false, Ordering::SeqCst);
            // Whoever watches reads the whole tree anew, so what has been opened in it is no news.
            drop(opened);
            let _ = self.inner.changes.send(Change::Reloaded);
            // What the tree holds now, and be it less than before: a service that was restored from a backup counts from there.
            pump.applied.send_modify(|known| {
                if summary.tag.is_some() {
                    *known = summary.tag;
                }
            });
        });
        pump.loads
            .send_modify(|count| *count = count.wrapping_add(1));
        self.keep_soon();
        Ok(())
    }

    /// What a tree is loaded with; `None` for a file link, which has none.
    fn loader(&self) -> Result<Option<Loader>> {
        Ok(match &self.inner.identity {
            Identity::Account(account) => {
                let keyring =
                    self.with_keyring(|keyring| keyring.duplicate(account.user, &account.master));
                let elsewhere = account.has_keys_attribute();
                Some(Loader::account(self.options().mask, keyring, elsewhere))
            }
            Identity::FolderLink { .. } => {
                // The one key of the keyring, wherever in the link paths start.
                let key = self
                    .with_keyring(|keyring| keyring.shares().next().map(|(_, key)| key.clone()));
                let key =
                    key.ok_or_else(|| Error::new(ErrorKind::Key, "the key of the link is gone"))?;
                Some(Loader::folder_link(self.options().mask, key))
            }
            Identity::FileLink(_) => None,
        })
    }
}

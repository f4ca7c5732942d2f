//! Share keys that other clients of the account have made or taken since this one began: they are in `^!keys`, which is read again when the service tells of another version of it,
//! and where a key is missing.

use mega_crypto::ShareKey;
use mega_crypto::account_keys::AccountKeys;
use mega_protocol::NodeHandle;

use super::release::shares_around;
use crate::Client;
use crate::error::{ErrorKind, Result};
use crate::tree::apply::Applier;
use crate::tree::decrypt::Decrypter;

impl Client {
    /// Whether there is another `^!keys` than the one that was read or written last.
    pub(crate) fn account_keys_are_news(&self) -> bool {
        self.account()
            .is_ok_and(crate::account::Account::keys_are_news)
    }

    /// Reads `^!keys` again if the service has told of another version. Whoever is changing it at this moment reads it anyhow.
    ///
    /// What goes wrong is told to the log, and it is tried again with the next news.
    ///
    /// Cancel safe.
    pub(crate) async fn follow_account_keys(&self) {
        let Ok(account) = self.account() else {
            return;
        };
        // Not waited for: this may be called by whoever has the turn.
        let Ok(_turn) = account.changing_keys.try_lock() else {
            return;
        };
        self.follow_in_turn().await;
    }

    /// The same, for somebody who can wait until nobody changes `^!keys`.
    pub(crate) async fn follow_account_keys_later(self) {
        let Ok(account) = self.account() else {
            return;
        };
        let _turn = account.changing_keys.lock().await;
        self.follow_in_turn().await;
    }

    async fn follow_in_turn(&self) {
        if self.account_keys_are_news()
            && let Err(error) = self.learn_share_keys().await
        {
            tracing::warn!(%error, "another client has changed the keys of the account, and they could not be read");
        }
    }

    /// Sees to it that the keys of the shares around a folder are known, as far as the account has them.
    ///
    /// # Errors
    ///
    /// Why the keys of the account could not be read. A key that the account does not have is no error here.
    ///
    /// Cancel safe.
    pub(super) async fn know_share_keys(&self, folder: NodeHandle) -> Result<()> {
        let missing = self.with_tree(|tree, _| {
            let around = tree.find(folder).map(|index| shares_around(tree, index));
            let around = around.unwrap_or_default();
            self.with_keyring(|keyring| {
                around
                    .iter()
                    .any(|&share| keyring.share_key(share).is_none())
            })
        });
        let reads = self
            .account()
            .is_ok_and(|account| account.has_keys_attribute());
        if !missing || !reads {
            return Ok(());
        }
        let read = || async {
            match self.learn_share_keys().await {
                Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
                other => other,
            }
        };
        self.inner.fs.keys_read.share(read).await
    }

    /// Adds the share keys of an `^!keys` that was just read or written, and opens what they open.
    pub(super) fn take_share_keys(&self, keys: &AccountKeys) {
        let keys = keys.share_keys().iter().filter_map(|stored| {
            let root = NodeHandle::from_bytes(stored.node().to_bytes());
            Some((root, stored.key().ok()?))
        });
        let keys: Vec<(NodeHandle, ShareKey)> = self.with_keyring(|keyring| {
            keys.filter(|(root, key)| keyring.share_key(*root) != Some(key))
                .collect()
        });
        self.open_with(&keys);
    }

    /// Adds share keys, and opens what they open.
    pub(super) fn open_with(&self, keys: &[(NodeHandle, ShareKey)]) {
        if keys.is_empty() {
            return;
        }
        let me = self.account().ok().map(|account| account.user);
        let mut changes = Vec::new();
        self.with_tree_and_keyring_mut(|tree, keyring| {
            for (share, key) in keys {
                keyring.add_share(*share, key.clone());
            }
            let mut applier = Applier {
                tree,
                keyring,
                me,
                keys_elsewhere: true,
            };
            applier.open_what_was_closed(&mut Decrypter::default(), &mut changes);
        });
        for change in changes {
            // Nobody listening is no error.
            let _ = self.inner.changes.send(change);
        }
    }
}

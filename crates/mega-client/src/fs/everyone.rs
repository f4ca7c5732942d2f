//! Opening folders to everyone who has their key: what folder links stand on (crypto-and-accounts 8.4).
//!
//! Each step is taken for all folders together, so that a thousand of them need no more requests than one.

use futures::future::join_all;
use mega_crypto::{ShareKey, share_auth};
use mega_protocol::commands::{SetShare, ShareTarget};
use mega_protocol::{AccessLevel as WireAccess, NodeHandle};

use super::access::find;
use super::bulk::for_all;
use super::release::{subtree_keys, wrap_for_shares};
use crate::Client;
use crate::chance::rng;
use crate::error::{Error, ErrorKind, Result};

/// A folder that everyone may open who has this key.
#[derive(Clone)]
pub(super) struct Opened {
    pub(super) key: ShareKey,
    /// The nodes that it does not open.
    pub(super) withheld: Vec<NodeHandle>,
}

/// What is left to do for a folder once its key is known.
enum Step {
    /// It is open.
    Nothing(Opened),
    Open(ShareKey, Box<SetShare>),
}

impl Client {
    /// Gives each folder the share that a folder link stands on, and every node in it a key under the share's key. One result for each, in order; name
    /// each folder once.
    pub(super) async fn open_to_everyone(
        &self,
        folders: &[NodeHandle],
        level: WireAccess,
    ) -> Vec<Result<Opened>> {
        // One at a time for each folder: two share keys would be one too many.
        let locks = self.inner.fs.attributes.lock_all(folders.iter().copied());
        let _folders = locks.await;
        // What another client has put there must open, too, and the links may be gone by now.
        if let Err(error) = self.catch_up().await {
            return for_all(error, folders.len());
        }
        let steps = folders
            .iter()
            .map(|&folder| self.key_for_everyone(folder, level));
        let steps = join_all(steps).await;
        let opened = folders
            .iter()
            .zip(steps)
            .map(async |(&folder, step)| match step? {
                Step::Nothing(opened) => Ok(opened),
                Step::Open(key, command) => self.share_with_everyone(folder, key, *command).await,
            });
        join_all(opened).await
    }

    /// Has the key of a folder ready, and noted where the account notes such keys.
    async fn key_for_everyone(&self, folder: NodeHandle, level: WireAccess) -> Result<Step> {
        let account = self.account()?;
        let linked = level == WireAccess::Read
            && self.with_tree(|tree, _| tree.link(folder).is_some() && tree.people.is_open(folder));
        let known = self.with_keyring(|keyring| keyring.share_key(folder).cloned());
        if let (true, Some(key)) = (linked, &known) {
            let withheld = self.with_tree(|tree, _| {
                Ok::<_, Error>(subtree_keys(tree, find(tree, folder)?).withheld)
            })?;
            let key = key.clone();
            return Ok(Step::Nothing(Opened { key, withheld }));
        }
        let mut command = SetShare::grant(folder, ShareTarget::Everyone, level);
        let key = if account.has_keys_attribute() {
            // Zeros for `ok` and `ha`: the service learns nothing of the key.
            self.share_key_in_use(folder).await?
        } else {
            let mut made = self
                .inner
                .fs
                .share_keys
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            if known.is_some() && known.as_ref() != made.get(&folder) {
                // KEY-8: in an account of this kind the service itself hands the key out, so it may know it.
                return Err(Error::new(
                    ErrorKind::Unsupported,
                    "the folder has a share key of the old kind, which must not serve for new receivers; \
                     open the account once in an official client, which gives it safe keys",
                ));
            }
            let key = made
                .entry(folder)
                .or_insert_with(|| ShareKey::random(&mut rng()))
                .clone();
            let share = mega_crypto::NodeHandle::from_bytes(folder.to_bytes());
            self.with_keyring(|keyring| {
                let master = keyring
                    .master()
                    .ok_or_else(|| Error::misuse("no master key"))?;
                command.owner_key = master.wrap_share_key(&key);
                command.authentication = share_auth(master, share);
                Ok::<_, Error>(())
            })?;
            key
        };
        Ok(Step::Open(key, Box::new(command)))
    }

    /// Shares the folder, and sees to it that the key opens what is in it.
    async fn share_with_everyone(
        &self,
        folder: NodeHandle,
        key: ShareKey,
        mut command: SetShare,
    ) -> Result<Opened> {
        let account = self.account()?;
        self.add_share_key(folder, key.clone());
        let subtree =
            self.with_tree(|tree, _| Ok::<_, Error>(subtree_keys(tree, find(tree, folder)?)))?;
        let given = subtree.nodes.clone();
        command.share_keys = self.with_keyring(|keyring| {
            wrap_for_shares(keyring, &[folder], subtree.nodes, subtree.keys.iter())
        })?;
        let reply = match self.change(command.clone()).await {
            // Doing it twice is doing it once. Whatever the second request comes to, the first may have opened the folder (P3).
            Err(error) if error.kind() == ErrorKind::OutcomeUnknown => {
                let doubt = self.doubt(&error);
                let again = self.change(command.clone()).await;
                doubt.end(again.map_err(|again| again.with_kind(ErrorKind::OutcomeUnknown)))?
            }
            other => other?,
        };
        if let Some(other) = reply.existing_owner_key
            && (account.has_keys_attribute() || other.as_bytes() != command.owner_key)
        {
            return Err(Error::new(
                ErrorKind::Key,
                "the service has another share key for the folder than the account",
            ));
        }
        if let Some(code) = reply.results.iter().copied().find(|&code| code < 0) {
            let code = mega_protocol::ApiCode::new(i32::try_from(code).unwrap_or(-1));
            return Err(super::put::refused(code));
        }
        self.give_what_came(folder, &given).await?;
        let withheld = subtree.withheld;
        Ok(Opened { key, withheld })
    }
}

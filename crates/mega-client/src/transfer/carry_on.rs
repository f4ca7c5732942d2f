//! Going on with an upload that an earlier run has begun.

use std::path::PathBuf;
use std::sync::Arc;

use mega_crypto::FileKey;
use mega_protocol::NodeHandle;
use zeroize::Zeroizing;

use super::journal::{Resumed, UploadJournal};
use super::local::blocking;
use super::remote::content_key;
use super::source::LocalFile;
use crate::Client;
use crate::error::{ErrorKind, Result};
use crate::node::Node;

impl Client {
    /// Opens the journal of the upload of a local file, and reads what an earlier run has left there.
    pub(crate) async fn upload_journal(
        &self,
        folder: PathBuf,
        local: LocalFile,
        target: String,
    ) -> Result<(Arc<UploadJournal>, Option<Resumed>)> {
        let secret = Zeroizing::new(*self.account()?.master.expose_secret());
        let open = move || UploadJournal::open(&folder, &*secret, &local, &target);
        let (journal, resumed) = blocking(open).await??;
        Ok((Arc::new(journal), resumed))
    }

    /// Removes the journal that an earlier run may have left of an upload that is not needed any more.
    pub(crate) async fn forget_upload(&self, folder: PathBuf, local: PathBuf, target: String) {
        let Ok(account) = self.account() else { return };
        let secret = Zeroizing::new(*account.master.expose_secret());
        let forget = move || UploadJournal::forget(&folder, &*secret, &local, &target);
        let forgotten = blocking(forget).await;
        // It holds no key and spoils nothing; the next run with something to send starts over.
        match forgotten {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the journal of an upload stays"),
            Err(error) => tracing::warn!(%error, "the journal of an upload stays"),
        }
    }

    /// The node that an earlier run has made without being told: the only one that has its key (RTY-7).
    pub(crate) fn made_before(&self, folder: NodeHandle, resumed: &Resumed) -> Option<Node> {
        self.with_tree(|tree, _| {
            let mut children = tree.children(tree.find(folder)?);
            let ours = children.find(|child| {
                let record = tree
                    .record(*child)
                    .filter(|record| !record.kind.is_folder());
                let key = record.and_then(|record| FileKey::from_bytes(record.key).ok());
                key.is_some_and(|key| content_key(&key).0 == resumed.key)
            })?;
            tree.node(ours)
        })
    }
}

impl UploadJournal {
    /// Removes the journal once its upload is a node, or can never become one; keeps it while another try may
    /// help.
    pub(crate) fn settle<T>(&self, made: &Result<T>) {
        // Also what a person can put right, or has stopped.
        let again = made.as_ref().is_err_and(|error| {
            error.is_retryable()
                || matches!(
                    error.kind(),
                    ErrorKind::OutcomeUnknown
                        | ErrorKind::Cancelled
                        | ErrorKind::SessionExpired
                        | ErrorKind::OverStorageQuota
                )
        });
        if !again {
            self.remove();
        }
    }
}

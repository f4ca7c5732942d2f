//! From what a caller names to what a transfer needs.

use mega_crypto::FileKey;
use mega_crypto::fingerprint::Fingerprint;
use mega_protocol::commands::DownloadSource;

use super::Shared;
use super::remote::RemoteFile;
use crate::attributes;
use crate::client::Identity;
use crate::error::{Error, ErrorKind, Result};
use crate::node::{Node, Trouble};
use crate::target::Want;
use crate::{Client, Target};

impl Client {
    pub(crate) fn transfers(&self) -> &Shared {
        &self.inner.transfers
    }

    /// Changes how much transfers may use, also for those that are running: rates at once, counts with the next
    /// request or, of a folder transfer's files, the next folder. With a smaller budget for buffers nothing new is held until
    /// enough of what is held has gone on its way.
    pub fn set_limits(&self, limits: super::TransferLimits) {
        self.transfers().set_limits(limits);
    }

    /// The bounds on what transfers use.
    #[must_use]
    pub fn limits(&self) -> super::TransferLimits {
        self.transfers().limits()
    }

    /// The most bytes of buffers that transfers have held at one time since the client was made. It
    /// stays within [`TransferLimits::buffer_bytes`](super::TransferLimits::buffer_bytes).
    #[must_use]
    pub fn peak_buffer_bytes(&self) -> usize {
        let shared = self.transfers();
        shared
            .buffers()
            .peak()
            .saturating_add(shared.reading().peak())
    }

    /// The file that a target means.
    pub(crate) fn file_node(&self, target: &Target) -> Result<Node> {
        let rule = self.options().duplicates;
        self.with_tree(|tree, base| {
            let index = tree.resolve(base, target, Want::File, rule)?;
            tree.node(index)
                .ok_or_else(|| Error::not_found(target.to_string()))
        })
    }

    /// The folder that a target means.
    pub(crate) fn folder_node(&self, target: &Target) -> Result<Node> {
        let rule = self.options().duplicates;
        self.with_tree(|tree, base| {
            let index = tree.resolve(base, target, Want::Folder, rule)?;
            tree.node(index)
                .ok_or_else(|| Error::not_found(target.to_string()))
        })
    }

    /// The file that a target means, ready to be fetched.
    pub(crate) fn remote_file(&self, target: &Target) -> Result<RemoteFile> {
        self.remote_file_of(&self.file_node(target)?)
    }

    /// A file node, ready to be fetched.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Key`] if there is no usable key for it.
    pub(crate) fn remote_file_of(&self, node: &Node) -> Result<RemoteFile> {
        let unusable =
            |text: String| Error::new(ErrorKind::Key, text).with_handles(vec![node.handle()]);
        if let Some(trouble) = node.trouble()
            && matches!(
                trouble,
                Trouble::NoKey | Trouble::BadKey | Trouble::BadAttributes | Trouble::SplicedKey
            )
        {
            return Err(unusable(format!("the file cannot be decrypted: {trouble}")));
        }
        let key = FileKey::from_bytes(*node.key_bytes()).map_err(|error| {
            unusable("the file cannot be decrypted".to_owned()).caused_by(error)
        })?;
        let source = match &self.inner.identity {
            Identity::FileLink(link) => DownloadSource::Link(*link),
            Identity::Account(_) | Identity::FolderLink { .. } => {
                DownloadSource::Node(node.handle())
            }
        };
        let fingerprint = attributes::fingerprint_in(node.attribute_text()).and_then(|text| {
            let text = std::str::from_utf8(&text).ok()?;
            Fingerprint::from_attribute(text, node.size()).ok()
        });
        Ok(RemoteFile {
            source,
            size: node.size(),
            key,
            fingerprint,
        })
    }
}

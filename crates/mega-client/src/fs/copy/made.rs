//! Making what was planned, of a copy or an import, and telling what came of it.

use mega_crypto::{FolderKey, NodeKey};
use mega_protocol::NodeHandle;
use mega_protocol::commands::NewNodeSource;

use super::super::access::find;
use super::super::attributes;
use super::super::put::{Planned, bad_name};
use super::super::release::released_key;
use super::super::trash::half_replaced;
use crate::chance::rng;
use crate::error::{Error, ErrorKind, Result};
use crate::node::Node;
use crate::tree::Tree;
use crate::{Client, Progress};

/// What a copy makes, by the existing folder that it goes into.
#[derive(Default)]
pub(in crate::fs) struct Plan {
    pub(in crate::fs) groups: Vec<(NodeHandle, Vec<Item>)>,
    pub(in crate::fs) merged_into: Option<NodeHandle>,
    pub(in crate::fs) present: usize,
    pub(in crate::fs) withheld: Vec<NodeHandle>,
    pub(in crate::fs) failed: Vec<(NodeHandle, Error)>,
}

/// One node of a copy.
pub(in crate::fs) struct Item {
    pub(in crate::fs) source: NodeHandle,
    pub(in crate::fs) above: Option<usize>,
    pub(in crate::fs) file: bool,
    pub(in crate::fs) top: bool,
    /// Another name than the original's, as it is stored.
    pub(in crate::fs) name: Option<String>,
    pub(in crate::fs) replaces: Option<NodeHandle>,
    pub(in crate::fs) displaces: Option<NodeHandle>,
}

impl Item {
    /// The node with the key and the attributes it gets: those of the original but for the name, and what the copy of a file takes over from
    /// the one it replaces. `tree` is the one that the original lies in, `into` the one that the copy goes into.
    pub(in crate::fs) fn planned(
        &self,
        tree: &Tree,
        into: &Tree,
        source: NewNodeSource,
        keep: impl FnOnce(&mut mega_crypto::attributes::Attributes),
    ) -> Result<Planned> {
        let index = find(tree, self.source)?;
        let key = released_key(tree, index)
            .ok_or_else(|| Error::new(ErrorKind::Key, "the node cannot be read any more"))?;
        let mut written = attributes::read(tree, index)?;
        written.set_restore_to(None);
        keep(&mut written);
        if let Some(name) = &self.name {
            written.set_name_verbatim(name).map_err(bad_name)?;
        }
        if let Some(old) = self.replaces.and_then(|old| into.find(old))
            && let Ok(previous) = attributes::read(into, old)
        {
            written.inherit_from(&previous);
        }
        Ok(Planned {
            source,
            above: self.above,
            // Content is not encrypted again, so a file keeps its key (crypto-and-accounts 4.3).
            key: match key {
                NodeKey::File(key) => NodeKey::File(key),
                NodeKey::Folder(_) => NodeKey::Folder(FolderKey::random(&mut rng())),
            },
            attributes: written,
            file_attributes: None,
            replaces: self.replaces,
        })
    }
}

impl Plan {
    /// Makes everything; `planned` gives each node when its turn comes, so that a huge tree is not held twice. What stands on top fails as a whole.
    pub(in crate::fs) async fn carry_out(
        self,
        client: &Client,
        folder: NodeHandle,
        progress: &Progress,
        planned: impl Fn(&Item) -> Result<Planned> + Send + Sync,
    ) -> Result<Copied> {
        let mut copied = Copied {
            present: self.present,
            withheld: self.withheld,
            failed: self.failed,
            ..Copied::left_alone(client.node_of(folder)?)
        };
        let mut top = self.merged_into;
        progress.expect_items(self.groups.iter().map(|(_, items)| items.len()).sum());
        for (target, items) in self.groups {
            let nodes = items.iter().map(&planned);
            let made = client.put_forest(target, nodes, progress).await;
            for (item, made) in items.iter().zip(made) {
                match made {
                    Ok(handle) => {
                        if item.top {
                            top = Some(handle);
                        }
                        copied.count(item.file);
                        if let Some(old) = item.displaces
                            && let Err(error) = client.bin(old).await
                        {
                            let error = half_replaced(handle, old, error);
                            copied.failed.push((item.source, error));
                        }
                    }
                    Err(error) if item.top => return Err(error),
                    Err(error) => copied.failed.push((item.source, error)),
                }
            }
        }
        if let Some(top) = top {
            copied.node = client.node_of(top)?;
        }
        Ok(copied)
    }
}

/// What a copy has made.
#[derive(Debug)]
pub struct Copied {
    node: Node,
    files: usize,
    folders: usize,
    present: usize,
    withheld: Vec<NodeHandle>,
    failed: Vec<(NodeHandle, Error)>,
}

impl Copied {
    /// Nothing was made: the node was there.
    pub(in crate::fs) fn left_alone(node: Node) -> Self {
        Self {
            node,
            files: 0,
            folders: 0,
            present: 1,
            withheld: Vec::new(),
            failed: Vec::new(),
        }
    }

    /// One more file or folder was made.
    fn count(&mut self, file: bool) {
        let count = if file {
            &mut self.files
        } else {
            &mut self.folders
        };
        *count = count.saturating_add(1);
    }

    /// The copy, or the folder that was merged into.
    #[must_use]
    pub fn node(&self) -> &Node {
        &self.node
    }

    /// How many files were copied.
    #[must_use]
    pub fn files(&self) -> usize {
        self.files
    }

    /// How many folders were made.
    #[must_use]
    pub fn folders(&self) -> usize {
        self.folders
    }

    /// How many files were there already and were left alone.
    #[must_use]
    pub fn already_there(&self) -> usize {
        self.present
    }

    /// The originals that were left out because they cannot be read, and what lies below such folders.
    #[must_use]
    pub fn withheld(&self) -> &[NodeHandle] {
        &self.withheld
    }

    /// The originals that the service refused or that a conflict kept out, each with the reason.
    #[must_use]
    pub fn failed(&self) -> &[(NodeHandle, Error)] {
        &self.failed
    }

    /// The copy, if nothing was left out.
    ///
    /// # Errors
    ///
    /// The first failure; [`Key`](ErrorKind::Key) with the handles of what was withheld.
    pub fn into_result(self) -> Result<Node> {
        if let Some((_, error)) = self.failed.into_iter().next() {
            return Err(error);
        }
        if !self.withheld.is_empty() {
            return Err(Error::new(
                ErrorKind::Key,
                "some nodes cannot be read and were not copied",
            )
            .with_handles(self.withheld)
            .during("copy"));
        }
        Ok(self.node)
    }
}

//! Finished uploads become nodes: where they go and under which name.

use mega_protocol::NodeHandle;

use super::send::Sent;
use crate::error::{Error, ErrorKind, Result};
use crate::fs::{NewFile, OnConflict};
use crate::node::{Node, SHOWN};
use crate::target::Want;
use crate::tree::path::PathParts;
use crate::{Client, Target};

/// Where an upload goes.
#[derive(Clone, Debug)]
pub(crate) struct Spot {
    pub(crate) folder: Folder,
    /// The decoded name.
    pub(crate) name: Vec<u8>,
    /// The file that the caller named by its handle: its place is meant, whatever the rule for names says.
    pub(crate) replaces: Option<NodeHandle>,
}

/// A folder that is there, or one that has to be made.
#[derive(Clone, Debug)]
pub(crate) enum Folder {
    Known(NodeHandle),
    /// The path of a folder of which not all is there yet.
    ToMake(String),
}

impl Client {
    /// Where an upload to a target goes. `name` is what it is called if the target names a folder.
    ///
    /// A path that ends with `/` and the handle of a folder mean the folder; the handle of a file means to
    /// replace that file; any other path names the new file itself.
    pub(crate) fn spot(&self, target: &Target, name: &[u8]) -> Result<Spot> {
        let rule = self.options().duplicates;
        let path = match target {
            Target::Path(path) => path,
            Target::Handle(_) => {
                return self.with_tree(|tree, base| {
                    let index = tree.resolve(base, target, Want::Any, rule)?;
                    let gone = || Error::not_found(target.to_string());
                    let node = tree.node(index).ok_or_else(gone)?;
                    if node.is_folder() {
                        let folder = Folder::Known(node.handle());
                        return Ok(Spot {
                            folder,
                            name: name.to_vec(),
                            replaces: None,
                        });
                    }
                    let parent = node.parent().ok_or_else(gone)?;
                    let stored = tree.stored_name(index).ok_or_else(gone)?;
                    let name = tree.mask().decode(&stored).into_owned();
                    let replaces = Some(node.handle());
                    Ok(Spot {
                        folder: Folder::Known(parent),
                        name,
                        replaces,
                    })
                });
            }
        };
        let parts = PathParts::parse(path)?;
        let names_folder = path.ends_with('/') || parts.is_root();
        let (above, name) = match parts.split_last() {
            Some((above, last)) if !names_folder => (above, last.to_vec()),
            _ => (parts, name.to_vec()),
        };
        if name.is_empty() {
            return Err(Error::new(ErrorKind::InvalidName, "the file needs a name"));
        }
        let known = self.with_tree(|tree, base| {
            // Nothing lies below a file (WR-10): said before anything is sent.
            let (prefix, matched) = tree.lookup_prefix(base.index, &above);
            if let Some(next) = above.iter().nth(matched)
                && prefix
                    .iter()
                    .any(|parent| tree.named(*parent, next).next().is_some())
            {
                return Err(Error::new(
                    ErrorKind::NotADirectory,
                    "a part of the path is a file",
                ));
            }
            let found = tree.lookup(base.index, &above);
            let folder = |index: &_| tree.record(*index).filter(|found| found.kind.is_folder());
            let mut folders = found.iter().filter_map(folder).map(|record| record.handle);
            Ok(match (folders.next(), folders.next()) {
                (Some(one), None) => Some(Folder::Known(one)),
                // Whoever makes the folders tells which of several is meant, or that it cannot.
                _ => None,
            })
        })?;
        let folder = known.unwrap_or_else(|| {
            let parts: Vec<_> = above
                .iter()
                .map(|part| String::from_utf8_lossy(&SHOWN.encode(part)).into_owned())
                .collect();
            Folder::ToMake(parts.join("/"))
        });
        Ok(Spot {
            folder,
            name,
            replaces: None,
        })
    }

    /// The children of a folder that have this decoded name.
    pub(crate) fn children_named(&self, folder: NodeHandle, name: &[u8]) -> Vec<Node> {
        self.with_tree(|tree, _| {
            let Some(folder) = tree.find(folder) else {
                return Vec::new();
            };
            tree.named(folder, name)
                .filter_map(|index| tree.node(index))
                .collect()
        })
    }

    /// Looks before anything is sent whether the upload could become a node at all; what counts is decided
    /// again when it does (RTY-10).
    pub(crate) fn check_name(
        &self,
        folder: NodeHandle,
        name: &[u8],
        rule: OnConflict,
    ) -> Result<()> {
        let there = self.children_named(folder, name);
        let handles = || there.iter().map(Node::handle).collect();
        match rule {
            _ if there.is_empty() => Ok(()),
            OnConflict::Fail => {
                Err(Error::new(ErrorKind::AlreadyExists, "the name is taken")
                    .with_handles(handles()))
            }
            OnConflict::Replace | OnConflict::ReplaceToBin if !there.iter().any(Node::is_file) => {
                Err(Error::new(ErrorKind::IsADirectory, "a folder has the name")
                    .with_handles(handles()))
            }
            _ => Ok(()),
        }
    }

    /// The folder of a spot; made with all that is missing on the way.
    pub(crate) async fn folder_of(&self, folder: &Folder) -> Result<NodeHandle> {
        match folder {
            Folder::Known(handle) => Ok(*handle),
            Folder::ToMake(path) => {
                let made = self.ensure_dirs(None, std::slice::from_ref(path)).await;
                made.into_iter()
                    .next()
                    .unwrap_or_else(|| Err(Error::misuse("no path")))
            }
        }
    }
}

impl Sent {
    /// Ready to become a node of this decoded name.
    pub(crate) fn into_file(self, name: Vec<u8>) -> NewFile {
        NewFile {
            token: self.token,
            key: self.key,
            fingerprint: self.fingerprint,
            name,
            replaces: None,
            expects: None,
            file_attributes: None,
        }
    }
}

/// The time for the fingerprint of a content: what its source knows, or now.
pub(crate) fn unix_time(stamp: Option<std::time::SystemTime>) -> i64 {
    crate::node::unix_from_time(stamp.unwrap_or_else(crate::chance::time_of_day))
}

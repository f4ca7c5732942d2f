//! What may be done where, as far as it can be known without asking.

use mega_protocol::NodeHandle;

use crate::Client;
use crate::client::Identity;
use crate::error::{Error, ErrorKind, Result};
use crate::node::{AccessLevel, Node, NodeKind};
use crate::target::{Target, Want};
use crate::tree::Tree;
use crate::tree::arena::{Flags, Index};

impl Client {
    /// The handle of the one node that a target means.
    pub(crate) fn handle_of(&self, target: &Target, want: Want) -> Result<NodeHandle> {
        self.with_tree(|tree, base| {
            let index = tree.resolve(base, target, want, self.options().duplicates)?;
            tree.record(index)
                .map(|record| record.handle)
                .ok_or_else(|| Error::not_found(target.to_string()))
        })
    }

    /// The node of a handle, as it is now.
    pub(crate) fn node_of(&self, handle: NodeHandle) -> Result<Node> {
        self.with_tree(|tree, _| tree.find(handle).and_then(|index| tree.node(index)))
            .ok_or_else(|| Error::not_found(handle.to_string()))
    }
}

impl Client {
    /// Refuses clients that can add nothing: public links without the right to write (crypto-and-accounts 8.6).
    pub(crate) fn check_writer(&self) -> Result<()> {
        use mega_protocol::Identity as Wire;
        match (&self.inner.identity, self.api().identity()) {
            (Identity::Account(_), _)
            | (
                Identity::FolderLink { .. },
                Wire::FolderLink {
                    write_auth: Some(_),
                    ..
                },
            ) => Ok(()),
            _ => Err(Error::new(
                ErrorKind::Unsupported,
                "the public link allows reading only; sign in for this",
            )),
        }
    }
}

/// Finds a handle that was known a moment ago.
pub(super) fn find(tree: &Tree, handle: NodeHandle) -> Result<Index> {
    tree.find(handle)
        .ok_or_else(|| Error::not_found(handle.to_string()))
}

/// Refuses what nobody can move, rename or delete: the roots (DR-5) and nodes of unknown kinds.
pub(super) fn check_ordinary(tree: &Tree, index: Index) -> Result<()> {
    match tree.record(index).map(|record| record.kind) {
        Some(NodeKind::File | NodeKind::Folder) => Ok(()),
        Some(NodeKind::Unknown) => Err(Error::new(
            ErrorKind::Unsupported,
            "it is of a kind that this version does not know",
        )),
        _ => Err(Error::new(
            ErrorKind::AccessDenied,
            "the root and the special folders cannot be changed",
        )),
    }
}

/// Refuses older versions of files: they have no name or place of their own.
pub(super) fn check_no_version(tree: &Tree, index: Index) -> Result<()> {
    if tree
        .record(index)
        .is_some_and(|record| record.flags.has(Flags::VERSION))
    {
        return Err(Error::misuse(
            "it is an older version of a file; restore or copy it instead",
        ));
    }
    Ok(())
}

/// Refuses what the owner of an incoming share does not allow.
pub(super) fn check_access(tree: &Tree, index: Index, needed: AccessLevel) -> Result<()> {
    match tree.share_above(index) {
        Some((_, share)) if share.access < needed => Err(Error::new(
            ErrorKind::AccessDenied,
            match needed {
                AccessLevel::Full => "the owner of the share does not allow changes here",
                _ => "the owner of the share allows reading only",
            },
        )),
        _ => Ok(()),
    }
}

/// Refuses places where nothing can be put.
pub(super) fn check_container(tree: &Tree, folder: Index) -> Result<()> {
    match tree.record(folder).map(|record| record.kind) {
        Some(kind) if kind.is_folder() => check_access(tree, folder, AccessLevel::ReadWrite),
        Some(NodeKind::Unknown) | None => Err(Error::not_found("folder")),
        Some(_) => Err(Error::new(
            ErrorKind::NotADirectory,
            "it is a file, not a folder",
        )),
    }
}

/// Refuses nodes whose attributes cannot be read: changing one would lose the others.
pub(super) fn check_readable(tree: &Tree, index: Index) -> Result<()> {
    match tree.record(index).and_then(|record| record.trouble) {
        Some(trouble) if !super::release::is_sound(Some(trouble)) => Err(Error::new(
            ErrorKind::Key,
            format!("the node cannot be read: {trouble}"),
        )),
        _ => Ok(()),
    }
}

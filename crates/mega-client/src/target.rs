//! How a caller names a place: by a path, by a handle, or by a node in hand.

use mega_protocol::NodeHandle;

use crate::error::{Error, ErrorKind, Result};
use crate::node::{Node, NodeKind};
use crate::tree::Tree;
use crate::tree::arena::Index;
use crate::tree::path::PathParts;
use crate::view::Base;

/// A node named by its path, by its handle, or by a [`Node`] that was listed before.
///
/// Paths are in the shown form: parts between `/`, relative to the client's root, with or without a leading or trailing slash. Empty
/// parts and `.` mean nothing; `..` is refused.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Target {
    /// A path below the client's root.
    Path(String),
    /// A handle.
    Handle(NodeHandle),
}

impl From<&str> for Target {
    fn from(path: &str) -> Self {
        Self::Path(path.to_owned())
    }
}

impl From<&&str> for Target {
    fn from(path: &&str) -> Self {
        Self::Path((*path).to_owned())
    }
}

impl From<String> for Target {
    fn from(path: String) -> Self {
        Self::Path(path)
    }
}

impl From<&String> for Target {
    fn from(path: &String) -> Self {
        Self::Path(path.clone())
    }
}

impl From<NodeHandle> for Target {
    fn from(handle: NodeHandle) -> Self {
        Self::Handle(handle)
    }
}

impl From<&NodeHandle> for Target {
    fn from(handle: &NodeHandle) -> Self {
        Self::Handle(*handle)
    }
}

impl From<Node> for Target {
    fn from(node: Node) -> Self {
        Self::Handle(node.handle())
    }
}

impl From<&Node> for Target {
    fn from(node: &Node) -> Self {
        Self::Handle(node.handle())
    }
}

impl From<&Target> for Target {
    fn from(target: &Target) -> Self {
        target.clone()
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Path(path) => f.write_str(path),
            Self::Handle(handle) => write!(f, "{handle}"),
        }
    }
}

/// What a path means when several nodes answer to it. Two nodes of one name in one folder are normal in MEGA.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[non_exhaustive]
pub enum Duplicates {
    /// An [`ErrorKind::Ambiguous`] error that names the handles.
    #[default]
    Refuse,
    /// The one that the service got last.
    Newest,
    /// The one that the service got first.
    Oldest,
    /// The one that was listed first.
    First,
}

/// Which kinds of node a caller can use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Want {
    Any,
    File,
    Folder,
}

impl Want {
    fn fits(self, kind: NodeKind) -> bool {
        match self {
            Self::Any => true,
            Self::File => kind == NodeKind::File,
            Self::Folder => kind.is_folder(),
        }
    }
}

impl Tree {
    /// Finds the one node that a target means.
    ///
    /// Where a file and a folder share a name, the kind that the operation needs decides (LS-14).
    pub(crate) fn resolve(
        &self,
        base: Base,
        target: &Target,
        want: Want,
        duplicates: Duplicates,
    ) -> Result<Index> {
        if self.record(base.index).is_none() {
            return Err(Error::new(
                ErrorKind::NotFound,
                "the folder that this client is a view of is gone",
            )
            .about(target.to_string()));
        }
        // Nearly every path has one answer, and no list is needed for it.
        if let Target::Path(path) = target
            && let Some(index) = self.lookup_one(base.index, path)?
            && self
                .record(index)
                .is_some_and(|record| want.fits(record.kind))
        {
            return Ok(index);
        }
        let found = match target {
            // A view names nothing outside its folder, whatever handle it is given.
            Target::Handle(handle) => self
                .find(*handle)
                .filter(|&index| self.in_view(index, base))
                .into_iter()
                .collect(),
            Target::Path(path) => self.lookup(base.index, &PathParts::parse(path)?),
        };
        if found.is_empty() {
            return Err(self.explain_missing(base.index, target));
        }
        let fitting: Vec<Index> = found
            .iter()
            .copied()
            .filter(|&index| {
                self.record(index)
                    .is_some_and(|record| want.fits(record.kind))
            })
            .collect();
        match (fitting.as_slice(), duplicates) {
            ([], _) => Err(match want {
                Want::File => Error::new(ErrorKind::IsADirectory, "it is a folder, not a file"),
                _ => Error::new(ErrorKind::NotADirectory, "it is a file, not a folder"),
            }
            .about(target.to_string())),
            ([one], _) => Ok(*one),
            (many, Duplicates::Refuse) => Err(Error::new(
                ErrorKind::Ambiguous,
                format!("{} nodes have this path", many.len()),
            )
            .about(target.to_string())
            .with_handles(
                many.iter()
                    .filter_map(|&index| self.record(index).map(|record| record.handle))
                    .collect(),
            )),
            (many, rule) => {
                let age = |index: &Index| self.record(*index).map_or(0, |record| record.created);
                let chosen = match rule {
                    Duplicates::Newest => many.iter().copied().max_by_key(age),
                    Duplicates::Oldest => many.iter().copied().min_by_key(age),
                    Duplicates::First | Duplicates::Refuse => many.first().copied(),
                };
                chosen.ok_or_else(|| Error::not_found(target.to_string()))
            }
        }
    }

    fn explain_missing(&self, base: Index, target: &Target) -> Error {
        // A file in the middle of a path deserves to be told apart from nothing at all (ST-2).
        if let Target::Path(path) = target
            && let Ok(parts) = PathParts::parse(path)
            && let Some((mut above, _)) = parts.split_last()
        {
            loop {
                let found = self.lookup(base, &above);
                if let Some(&index) = found.first() {
                    let all_files = found.iter().all(|&index| {
                        self.record(index)
                            .is_some_and(|record| record.kind == NodeKind::File)
                    });
                    if all_files && let Some(name) = self.shown_name(index) {
                        return Error::new(
                            ErrorKind::NotFound,
                            format!("no such node: {name:?} on the way is a file"),
                        )
                        .about(target.to_string());
                    }
                    break;
                }
                match above.split_last() {
                    Some((shorter, _)) => above = shorter,
                    None => break,
                }
            }
        }
        Error::not_found(target.to_string())
    }
}

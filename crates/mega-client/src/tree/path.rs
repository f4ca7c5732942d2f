//! From a path to nodes and back.
//!
//! A path is in the *shown* form (filename-encoding, section 8): parts between `/`, each encoded with the Standard mask.
//! Empty parts and `.` are dropped; `..` is refused, so that a path never climbs out of the place it starts from (LS-9).
//! Every folder of a given name is searched, not only the first one: two folders of one name are normal.

use std::borrow::Cow;

use super::Tree;
use super::arena::Index;
use crate::error::Error;
use crate::node::{NodeKind, PLACEHOLDER, SHOWN};

/// The decoded parts of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PathParts(Vec<Vec<u8>>);

impl PathParts {
    /// Splits a shown path.
    pub(crate) fn parse(path: &str) -> Result<Self, Error> {
        let mut parts = Vec::new();
        for part in parts_of(path) {
            parts.push(part?.into_owned());
        }
        Ok(Self(parts))
    }

    pub(crate) fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.0.iter().map(Vec::as_slice)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The path without its last part, and that part.
    pub(crate) fn split_last(&self) -> Option<(Self, &[u8])> {
        let (last, head) = self.0.split_last()?;
        Some((Self(head.to_vec()), last))
    }
}

/// The decoded parts of a shown path, one after the other.
fn parts_of(path: &str) -> impl Iterator<Item = Result<Cow<'_, [u8]>, Error>> {
    path.split('/').filter_map(move |part| match part {
        "" | "." => None,
        ".." => Some(Err(Error::misuse(
            "the path contains \"..\"; name the place from the root instead",
        )
        .about(path))),
        part => Some(Ok(SHOWN.decode(part.as_bytes()))),
    })
}

impl Tree {
    /// The node that a path leads to, if there is one way only; `None` when there is none, or when two nodes of one name are
    /// met. Allocates nothing for a path that is written as its names are.
    ///
    /// # Errors
    ///
    /// As [`PathParts::parse`].
    pub(crate) fn lookup_one(&self, base: Index, path: &str) -> Result<Option<Index>, Error> {
        let mut at = Some(base);
        // What is wrong with the path is said also where its beginning leads nowhere.
        for part in parts_of(path) {
            let part = part?;
            at = at.filter(|&parent| {
                self.record(parent)
                    .is_some_and(|record| record.kind != NodeKind::File)
            });
            at = at.and_then(|parent| {
                let mut found = self.named(parent, &part);
                match found.next() {
                    Some(one) => found.next().is_none().then_some(one),
                    None => self.nameless(parent, &part),
                }
            });
        }
        Ok(at)
    }

    /// All nodes that a path leads to from `base`.
    pub(crate) fn lookup(&self, base: Index, path: &PathParts) -> Vec<Index> {
        let mut level = vec![base];
        for part in path.iter() {
            let mut below = Vec::new();
            for &parent in &level {
                // The children of a file are its versions: they have no path.
                if self
                    .record(parent)
                    .is_some_and(|record| record.kind != NodeKind::File)
                {
                    let before = below.len();
                    below.extend(self.named(parent, part));
                    if below.len() == before {
                        below.extend(self.nameless(parent, part));
                    }
                }
            }
            if below.is_empty() {
                return below;
            }
            level = below;
        }
        level.sort_unstable();
        level
    }

    /// The child without a readable name that this is the placeholder of. A node whose name it really is comes first.
    fn nameless(&self, parent: Index, part: &[u8]) -> Option<Index> {
        let handle = std::str::from_utf8(part.strip_prefix(PLACEHOLDER.as_bytes())?).ok()?;
        let index = self.find(handle.parse().ok()?)?;
        let inside = self.record(index)?.parent == parent;
        (inside && self.stored_name(index).is_none()).then_some(index)
    }

    /// How far a path leads: the folders that match its longest existing beginning, and how many parts that is.
    pub(crate) fn lookup_prefix(&self, base: Index, path: &PathParts) -> (Vec<Index>, usize) {
        let mut level = vec![base];
        for (matched, part) in path.iter().enumerate() {
            let is_folder = |child: &Index| {
                self.record(*child)
                    .is_some_and(|record| record.kind.is_folder())
            };
            let named = level.iter().flat_map(|&parent| self.named(parent, part));
            let mut below: Vec<Index> = named.filter(is_folder).collect();
            if below.is_empty() {
                let nameless = level
                    .iter()
                    .filter_map(|&parent| self.nameless(parent, part));
                below.extend(nameless.filter(is_folder));
            }
            if below.is_empty() {
                return (level, matched);
            }
            below.sort_unstable();
            level = below;
        }
        (level, path.len())
    }

    /// The shown path of a node below `base`, without a leading slash; `None` when it does not lie below it.
    pub(crate) fn path_of(&self, index: Index, base: Index) -> Option<String> {
        let mut parts = Vec::new();
        for above in self.ancestors(index) {
            if above == base {
                parts.reverse();
                return Some(parts.join("/"));
            }
            parts.push(self.shown_name(above)?);
        }
        None
    }

    /// The name of a node in the form used in paths and listings.
    pub(crate) fn shown_name(&self, index: Index) -> Option<String> {
        let record = self.record(index)?;
        Some(match self.stored_name(index) {
            Some(stored) => crate::node::shown_name(self.mask(), &stored),
            None => crate::node::placeholder(record.handle, record.kind),
        })
    }
}

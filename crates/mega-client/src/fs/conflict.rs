//! What happens when a name is taken.

use std::collections::HashSet;

use mega_protocol::NodeHandle;

use super::NameKey;
use super::locks::{KeyGuard, KeyedLocks};
use super::name::Name;
use super::put::NewFile;
use super::trash::{bin_for, half_replaced};
use crate::error::{Error, ErrorKind, Result};
use crate::node::{Node, NodeKind};
use crate::target::Duplicates;
use crate::tree::Tree;
use crate::tree::arena::Index;
use crate::{Client, Progress};

/// What to do when the target has a node of the same name already.
///
/// MEGA itself would happily keep two nodes of one name; this library makes none without being told. The check is made against an
/// up-to-date tree directly before the change. Two *clients* that create one name in the same moment can still both succeed; both nodes are then listed.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[non_exhaustive]
pub enum OnConflict {
    /// An [`AlreadyExists`](ErrorKind::AlreadyExists) error, and nothing changes.
    #[default]
    Fail,
    /// The new one takes the place. A replaced file becomes an older version of the new one, which inherits what people have noted about it (favourite,
    /// label, sensitive, description, tags; not what applications have), unless the account keeps no versions;
    /// where the service cannot do that (when a node is moved, and for folders) the replaced one goes to the rubbish bin. The old one is there until
    /// the new one is.
    Replace,
    /// The new one takes the place, and the replaced one goes to the rubbish bin.
    ReplaceToBin,
    /// As [`Replace`](Self::Replace), but a file whose content is the same is left alone.
    Update,
    /// Whatever is there is left alone, and nothing is done.
    Skip,
    /// Both stay; the new one gets a number behind its name: `name (1).txt`.
    KeepBoth,
    /// Both stay under one name, which MEGA permits.
    Duplicate,
}

/// Where something new goes, after conflicts have been looked at.
#[derive(Debug)]
pub(super) struct Place {
    /// The name it gets.
    pub(super) name: Name,
    /// The file that becomes its older version.
    pub(super) replaces: Option<NodeHandle>,
    /// What goes to the rubbish bin once the new one is there.
    pub(super) displaced: Option<NodeHandle>,
    /// What has the name and keeps it: nothing is to be done.
    pub(super) keeps: Option<NodeHandle>,
}

/// The names that one call has chosen for what it makes, with [`OnConflict::KeepBoth`]: not in the tree yet, but nobody else's any more.
///
/// They stay locked until this is dropped, which is when the new nodes are there. A name that somebody is about to use counts as taken.
pub(super) struct Chosen<'a> {
    locks: &'a KeyedLocks<NameKey>,
    guards: Vec<KeyGuard<NameKey>>,
    names: HashSet<NameKey>,
}

impl<'a> Chosen<'a> {
    pub(super) fn new(client: &'a Client) -> Self {
        Self {
            locks: &client.inner.fs.names,
            guards: Vec::new(),
            names: HashSet::new(),
        }
    }

    /// Takes a free name that nobody is about to use.
    fn take(&mut self, key: NameKey) -> bool {
        if self.names.contains(&key) {
            return false;
        }
        let Some(guard) = self.locks.try_lock(key.clone()) else {
            return false;
        };
        self.guards.push(guard);
        self.names.insert(key);
        true
    }
}

/// The question whether a name is free.
#[derive(Clone, Copy)]
pub(super) struct Claim<'a> {
    pub(super) folder: Index,
    pub(super) name: &'a Name,
    /// Whether a file wants the name, or a folder.
    pub(super) file: bool,
    pub(super) rule: OnConflict,
    /// Which of several nodes is replaced.
    pub(super) duplicates: Duplicates,
    /// The one of them that the caller named itself, whatever that rule says.
    pub(super) named: Option<NodeHandle>,
    /// Who wants the name may have it already.
    pub(super) except: Option<NodeHandle>,
    /// Whether a replaced file can become a version.
    pub(super) versions: bool,
}

impl Claim<'_> {
    /// Answers it. What it chooses itself is noted and locked in `chosen`, which is to be kept until the new node is there.
    pub(super) fn settle(self, tree: &Tree, chosen: &mut Chosen<'_>) -> Result<Place> {
        let mut place = Place {
            name: self.name.clone(),
            replaces: None,
            displaced: None,
            keeps: None,
        };
        let taken: Vec<Index> = tree
            .named(self.folder, &self.name.decoded)
            .filter(|&index| tree.record(index).map(|record| record.handle) != self.except)
            .collect();
        if self.rule == OnConflict::KeepBoth {
            let folder = tree
                .record(self.folder)
                .map(|record| record.handle)
                .ok_or_else(|| Error::not_found("folder"))?;
            let key = |name: &Name| (folder, name.decoded.clone());
            // The caller has locked the name that it wants; the call may want it twice.
            let own = key(self.name);
            if !taken.is_empty() || !chosen.names.insert(own) {
                let take = |name: &Name| chosen.take(key(name));
                place.name = self.name.free(tree, self.folder, self.file, take)?;
            }
            return Ok(place);
        }
        if taken.is_empty() || self.rule == OnConflict::Duplicate {
            return Ok(place);
        }
        let handles = || {
            taken
                .iter()
                .filter_map(|&index| tree.record(index).map(|record| record.handle))
                .collect()
        };
        if self.rule == OnConflict::Fail {
            return Err(
                Error::new(ErrorKind::AlreadyExists, "the name is taken").with_handles(handles())
            );
        }
        if self.rule == OnConflict::Skip {
            place.keeps = taken
                .first()
                .and_then(|&index| tree.record(index))
                .map(|record| record.handle);
            return Ok(place);
        }
        let kind = if self.file {
            NodeKind::File
        } else {
            NodeKind::Folder
        };
        let same: Vec<Index> = taken
            .iter()
            .copied()
            .filter(|&index| tree.record(index).is_some_and(|record| record.kind == kind))
            .collect();
        let handle = |index: &Index| tree.record(*index).map(|record| record.handle);
        let named = self.named.and_then(|named| {
            same.iter()
                .copied()
                .find(|index| handle(index) == Some(named))
        });
        let age = |index: &Index| tree.record(*index).map_or(0, |record| record.created);
        let one = named.as_ref().map(std::slice::from_ref);
        let old = match (one.unwrap_or(&same), self.duplicates) {
            ([], _) => {
                return Err(match kind {
                    NodeKind::File => Error::new(ErrorKind::IsADirectory, "a folder has the name"),
                    _ => Error::new(ErrorKind::NotADirectory, "a file has the name"),
                }
                .with_handles(handles()));
            }
            ([one], _) => *one,
            (many, Duplicates::Refuse) => {
                return Err(Error::new(
                    ErrorKind::Ambiguous,
                    format!(
                        "{} nodes have the name, and it is not said which one to replace",
                        many.len()
                    ),
                )
                .with_handles(handles()));
            }
            (many, rule) => {
                let chosen = match rule {
                    Duplicates::Newest => many.iter().copied().max_by_key(age),
                    Duplicates::Oldest => many.iter().copied().min_by_key(age),
                    _ => many.first().copied(),
                };
                chosen.ok_or_else(|| Error::not_found("node to replace"))?
            }
        };
        let Some(record) = tree.record(old) else {
            return Ok(place);
        };
        if self.file && self.versions && self.rule != OnConflict::ReplaceToBin {
            place.replaces = Some(record.handle);
        } else {
            // It goes once the new one is there; that it cannot go is said before.
            bin_for(tree, old).map_err(|error| {
                Error::new(
                    error.kind(),
                    "the node that has the name cannot be put into the rubbish bin, so it cannot be replaced; delete it first",
                )
                .with_handles(vec![record.handle])
                .caused_by(error)
            })?;
            place.displaced = Some(record.handle);
        }
        Ok(place)
    }
}

impl Client {
    /// Makes files of finished uploads in one folder, by the rule for names that are taken. One result for each, in order.
    ///
    /// The names are locked, the tree is brought up to date, and only then is it decided what each file replaces (RTY-10): if its `replaces`
    /// is one of those that have the name, that one. What a rule sends to the rubbish bin goes there after the new file exists. With [`OnConflict::Skip`] the result is
    /// what was there; whether a file is the same one, for [`OnConflict::Update`], is for the caller to find out before.
    ///
    /// Who cancels `progress` before the request leaves gets [`Cancelled`](ErrorKind::Cancelled) for each; from then on it is too late, and each
    /// result says what became of the file (P3).
    ///
    /// Cancel safety: as for [`Client::put_files`].
    pub(crate) async fn create_files(
        &self,
        parent: NodeHandle,
        files: Vec<NewFile>,
        rule: OnConflict,
        progress: &Progress,
    ) -> Vec<Result<Node>> {
        let keys = files
            .iter()
            .map(|file| (parent, Box::from(file.name.as_slice())));
        let keys: Vec<_> = keys.collect();
        let ready = progress.unless_cancelled(async {
            let names = self.inner.fs.names.lock_all(keys).await;
            self.catch_up().await.map(|()| names)
        });
        let _names = match ready.await {
            Ok(names) => names,
            Err(error) => return super::bulk::for_all(error, files.len()),
        };
        let mut results: Vec<Option<Result<Node>>> = Vec::new();
        results.resize_with(files.len(), || None);
        let mut waiting: Vec<(usize, NewFile)> = files.into_iter().enumerate().collect();
        while !waiting.is_empty() {
            // A name that occurs twice is decided upon twice, the second time with the first file in place.
            let mut seen: HashSet<Vec<u8>> = HashSet::new();
            let (now, later): (Vec<_>, Vec<_>) = waiting
                .into_iter()
                .partition(|(_, file)| seen.insert(file.name.clone()));
            waiting = later;
            let mut chosen = Chosen::new(self);
            let mut ready = Vec::with_capacity(now.len());
            let mut placed = Vec::with_capacity(now.len());
            for (at, mut file) in now {
                match self.place_file(parent, &mut file, rule, &mut chosen) {
                    Ok(Place {
                        keeps: Some(there), ..
                    }) => set(&mut results, at, self.node_of(there)),
                    Ok(place) => {
                        placed.push((at, place.displaced));
                        ready.push(file);
                    }
                    Err(error) => set(&mut results, at, Err(error)),
                }
            }
            let made = self.put_files(parent, ready).await;
            for ((at, displaced), mut result) in placed.into_iter().zip(made) {
                if let (Ok(new), Some(old)) = (&result, displaced)
                    && let Err(error) = self.bin(old).await
                {
                    result = Err(half_replaced(new.handle(), old, error));
                }
                set(&mut results, at, result);
            }
        }
        results
            .into_iter()
            .map(|result| result.unwrap_or_else(|| Err(Error::misuse("a file was left out"))))
            .collect()
    }

    fn place_file(
        &self,
        parent: NodeHandle,
        file: &mut NewFile,
        rule: OnConflict,
        chosen: &mut Chosen<'_>,
    ) -> Result<Place> {
        self.with_tree(|tree, _| {
            let name = Name::decoded(tree.mask(), &file.name)?;
            let claim = Claim {
                folder: super::access::find(tree, parent)?,
                name: &name,
                file: true,
                rule,
                duplicates: self.options().duplicates,
                named: file.replaces,
                except: None,
                versions: true,
            };
            let place = claim.settle(tree, chosen)?;
            if file.expects.is_some() && file.expects != place.replaces.or(place.displaced) {
                return Err(changed_meanwhile());
            }
            file.name = place.name.decoded.to_vec();
            file.replaces = place.replaces;
            Ok(place)
        })
    }
}

/// WR-13, RD-14: somebody else was faster.
pub(crate) fn changed_meanwhile() -> Error {
    Error::new(
        ErrorKind::Precondition,
        "the file is not the one that was expected any more",
    )
}

fn set(results: &mut [Option<Result<Node>>], at: usize, result: Result<Node>) {
    if let Some(slot) = results.get_mut(at) {
        *slot = Some(result);
    }
}

//! The model: what must lie in the folder that only one client changes, and in its part of the rubbish bin.

use std::collections::BTreeMap;

use mega_client::NodeHandle;

use crate::content::{self, FileId};
use crate::rng::Rng;

/// A node of the model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    Dir,
    /// The content, and those of older versions, newest first.
    File(FileId, Vec<FileId>),
}

/// Entries by their paths below some top; parents sort before what lies in them.
pub(crate) type Entries = BTreeMap<String, Entry>;

/// Everything that one client owns. The path of the folder itself is the empty one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Zone {
    pub(crate) live: Entries,
    /// What was thrown away: by its handle, where it came from and what it is; the node itself has the empty path.
    pub(crate) bin: BTreeMap<NodeHandle, (String, Entries)>,
}

/// A change, as a caller asks for it. Paths are below the client's folder.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    Mkdir(String),
    Upload(String, FileId),
    Replace(String, FileId),
    Rename(String, String),
    Move(String, String),
    MoveAndRename(String, String, String),
    Delete(String),
    Trash(String, NodeHandle),
    Restore(NodeHandle),
    Copy(String, String, String),
}

impl Zone {
    /// Takes out what lies at and below a path; the node itself gets the empty path.
    fn take(&mut self, path: &str) -> Entries {
        let paths: Vec<String> = self.below(path).map(|(path, _)| path.clone()).collect();
        let mut taken = Entries::new();
        for inner in paths {
            if let Some(entry) = self.live.remove(&inner) {
                let rest = inner.get(path.len()..).unwrap_or_default().to_owned();
                taken.insert(rest, entry);
            }
        }
        taken
    }

    /// What was thrown away out of a folder goes back into that folder, wherever it lies by then, or nowhere if it is gone.
    fn folder_goes(&mut self, from: &str, to: Option<&str>) {
        for (origin, _) in self.bin.values_mut() {
            let rest = origin
                .strip_prefix(from)
                .filter(|rest| rest.starts_with('/'));
            if let Some(rest) = rest.map(str::to_owned) {
                *origin = format!("{}{rest}", to.unwrap_or("/gone"));
            }
        }
    }

    fn put(&mut self, path: &str, entries: &Entries) {
        for (rest, entry) in entries {
            self.live.insert(format!("{path}{rest}"), entry.clone());
        }
    }

    /// A node and what lies below it.
    fn below<'a>(&'a self, path: &'a str) -> impl Iterator<Item = (&'a String, &'a Entry)> + 'a {
        self.live.iter().filter(move |(other, _)| {
            other
                .strip_prefix(path)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
    }

    /// All folders, the client's own (as the empty path) among them.
    fn dirs(&self) -> Vec<String> {
        let inner = self.live.iter().filter(|(_, entry)| **entry == Entry::Dir);
        std::iter::once(String::new())
            .chain(inner.map(|(path, _)| path.clone()))
            .collect()
    }

    /// One of the folders.
    pub(crate) fn any_dir(&self, rng: &mut Rng) -> String {
        rng.pick(&self.dirs()).cloned().unwrap_or_default()
    }

    fn files(&self) -> Vec<String> {
        let files = self.live.iter().filter(|(_, entry)| **entry != Entry::Dir);
        files.map(|(path, _)| path.clone()).collect()
    }

    /// A file, with what it holds.
    pub(crate) fn any_file(&self, rng: &mut Rng) -> Option<(String, FileId)> {
        let path = rng.pick(&self.files())?.clone();
        match self.live.get(&path) {
            Some(Entry::File(id, _)) => Some((path, *id)),
            _ => None,
        }
    }

    /// A change that makes sense here. `handle` finds the handle of a path, `id` is the number for a new content.
    pub(crate) fn draw(
        &self,
        rng: &mut Rng,
        id: FileId,
        handle: impl Fn(&str) -> Option<NodeHandle>,
    ) -> Option<Op> {
        let dirs = self.dirs();
        let files = self.files();
        let all: Vec<String> = self.live.keys().cloned().collect();
        let dir = rng.pick(&dirs)?.clone();
        let name = format!("n{}", rng.below(30));
        let fresh = format!("{dir}/{name}");
        let free = !self.live.contains_key(&fresh);
        // Deep chains and crowded folders say no more than small ones, and cost time.
        let room = all.len() < 25 && fresh.matches('/').count() < 5;
        let op = match rng.below(14) {
            0 | 1 if free && room => Op::Mkdir(fresh),
            2 | 3 if free && room => Op::Upload(fresh, id),
            4 => Op::Replace(rng.pick(&files)?.clone(), id),
            5 | 6 => {
                let path = rng.pick(&all)?.clone();
                let (above, _) = path.rsplit_once('/')?;
                if self.live.contains_key(&format!("{above}/{name}")) {
                    return None;
                }
                Op::Rename(path, name)
            }
            7 | 8 => {
                let path = rng.pick(&all)?.clone();
                let (above, last) = path.rsplit_once('/')?;
                let inside = dir == path || dir.starts_with(&format!("{path}/"));
                if inside || dir == above || self.live.contains_key(&format!("{dir}/{last}")) {
                    return None;
                }
                Op::Move(path, dir)
            }
            9 => {
                let path = rng.pick(&all)?.clone();
                let (above, last) = path.rsplit_once('/')?;
                let inside = dir == path || dir.starts_with(&format!("{path}/"));
                let between = [format!("{above}/{name}"), format!("{dir}/{last}")];
                let taken = between.iter().any(|path| self.live.contains_key(path));
                if inside || dir == above || !free || taken {
                    return None;
                }
                Op::MoveAndRename(path, dir, name)
            }
            10 => Op::Delete(rng.pick(&all)?.clone()),
            11 => {
                let path = rng.pick(&all)?.clone();
                let handle = handle(&path)?;
                Op::Trash(path, handle)
            }
            12 => {
                let bin: Vec<NodeHandle> = self.bin.keys().copied().collect();
                let node = *rng.pick(&bin)?;
                let (origin, _) = self.bin.get(&node)?;
                let (above, _) = origin.rsplit_once('/')?;
                if !dirs.iter().any(|dir| dir == above) || self.live.contains_key(origin) {
                    return None;
                }
                Op::Restore(node)
            }
            13 if free && room => {
                let path = rng.pick(&all)?.clone();
                let inside = dir == path || dir.starts_with(&format!("{path}/"));
                if inside || self.below(&path).count() > 8 {
                    return None;
                }
                Op::Copy(path, dir, name)
            }
            _ => return None,
        };
        Some(op)
    }

    /// What is there after a change.
    pub(crate) fn after(&self, op: &Op) -> Self {
        let mut zone = self.clone();
        match op {
            Op::Mkdir(path) => {
                zone.live.insert(path.clone(), Entry::Dir);
            }
            Op::Upload(path, id) => {
                zone.live.insert(path.clone(), Entry::File(*id, Vec::new()));
            }
            Op::Replace(path, id) => {
                if let Some(Entry::File(now, older)) = zone.live.get_mut(path) {
                    older.insert(0, *now);
                    *now = *id;
                }
            }
            Op::Rename(path, name) => {
                let above = path.rsplit_once('/').map_or("", |(above, _)| above);
                let new = format!("{above}/{name}");
                let taken = zone.take(path);
                zone.put(&new, &taken);
                zone.folder_goes(path, Some(&new));
            }
            Op::Move(path, dir) => {
                let last = path.rsplit_once('/').map_or("", |(_, last)| last);
                let new = format!("{dir}/{last}");
                let taken = zone.take(path);
                zone.put(&new, &taken);
                zone.folder_goes(path, Some(&new));
            }
            Op::MoveAndRename(path, dir, name) => {
                let (new, taken) = (format!("{dir}/{name}"), zone.take(path));
                zone.put(&new, &taken);
                zone.folder_goes(path, Some(&new));
            }
            Op::Delete(path) => {
                drop(zone.take(path));
                zone.folder_goes(path, None);
            }
            Op::Trash(path, node) => {
                let taken = zone.take(path);
                zone.folder_goes(path, None);
                zone.bin.insert(*node, (path.clone(), taken));
            }
            Op::Restore(node) => {
                if let Some((origin, entries)) = zone.bin.remove(node) {
                    zone.put(&origin, &entries);
                }
            }
            Op::Copy(path, dir, name) => {
                let copied: Entries = self
                    .below(path)
                    .map(|(inner, entry)| {
                        let rest = inner.get(path.len()..).unwrap_or_default().to_owned();
                        let entry = match entry {
                            // A copy is of the file as it is, without its past.
                            Entry::File(id, _) => Entry::File(*id, Vec::new()),
                            Entry::Dir => Entry::Dir,
                        };
                        (rest, entry)
                    })
                    .collect();
                zone.put(&format!("{dir}/{name}"), &copied);
            }
        }
        zone
    }

    /// What may be there when it is not known how a change ended: before, after, and half-way where it takes two commands.
    pub(crate) fn perhaps_after(&self, op: &Op) -> Vec<Self> {
        let mut out = vec![self.clone(), self.after(op)];
        if let Op::MoveAndRename(path, dir, name) = op {
            out.push(self.after(&Op::Rename(path.clone(), name.clone())));
            out.push(self.after(&Op::Move(path.clone(), dir.clone())));
        }
        out
    }
}

impl Entry {
    /// What a listing shows of it: the sizes of the file and its older versions.
    pub(crate) fn shown(&self) -> Shown {
        match self {
            Self::Dir => Shown::Dir,
            Self::File(id, older) => Shown::File(
                std::iter::once(id)
                    .chain(older)
                    .map(|id| content::size(*id) as u64)
                    .collect(),
            ),
        }
    }
}

/// A node as a client sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    Dir,
    File(Vec<u64>),
}

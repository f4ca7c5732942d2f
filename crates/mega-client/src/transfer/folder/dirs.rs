//! The folders of a local tree, opened one below the other when they are needed.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::super::local::LocalDir;
use crate::error::{Error, ErrorKind};

/// The number of a folder in [`Dirs`]; the top one is 0.
pub(crate) type DirId = usize;

/// The folders of a local tree by number, parents before children. A few of them are open at a time;
/// the others are opened again from their parents, without following a link (NAM-13), however deep they
/// lie.
pub(crate) struct Dirs {
    top: PathBuf,
    folders: Vec<Folder>,
    open: Mutex<Vec<(DirId, Arc<LocalDir>)>>,
}

struct Folder {
    parent: DirId,
    name: OsString,
    /// How many folders lie above it.
    depth: usize,
}

impl Dirs {
    /// A tree with nothing but its top folder, which is open.
    pub(super) fn new(path: &Path, top: LocalDir) -> Self {
        Self {
            top: path.to_path_buf(),
            folders: vec![Folder {
                parent: 0,
                name: OsString::new(),
                depth: 0,
            }],
            open: Mutex::new(vec![(0, Arc::new(top))]),
        }
    }

    /// A tree whose top folder is not there.
    pub(super) fn missing(path: &Path) -> Self {
        Self {
            top: path.to_path_buf(),
            folders: vec![Folder {
                parent: 0,
                name: OsString::new(),
                depth: 0,
            }],
            open: Mutex::default(),
        }
    }

    /// Adds a folder.
    pub(super) fn add(&mut self, parent: DirId, name: OsString) -> DirId {
        let depth = self.depth(parent).saturating_add(1);
        self.folders.push(Folder {
            parent,
            name,
            depth,
        });
        self.folders.len().saturating_sub(1)
    }

    /// Whether folders in this one lie deeper than is gone along with. Every folder is named with all that are above it, so a chain without end
    /// would take time without end (LIM-8).
    pub(super) fn is_deepest(&self, id: DirId) -> bool {
        self.depth(id) >= DEEPEST
    }

    fn depth(&self, id: DirId) -> usize {
        self.folders.get(id).map_or(0, |folder| folder.depth)
    }

    /// How many there are, the top one included.
    pub(super) fn len(&self) -> usize {
        self.folders.len()
    }

    /// The parent and the name of a folder; the top one is its own parent.
    pub(super) fn entry(&self, id: DirId) -> Option<(DirId, &OsString)> {
        self.folders
            .get(id)
            .map(|folder| (folder.parent, &folder.name))
    }

    /// The names from the top to a folder.
    fn names(&self, id: DirId) -> Vec<&OsString> {
        let mut names = Vec::new();
        let mut at = id;
        while at != 0 {
            let Some(folder) = self.folders.get(at) else {
                break;
            };
            names.push(&folder.name);
            at = folder.parent;
        }
        names.reverse();
        names
    }

    /// The whole path of something in a folder, for messages.
    pub(super) fn path(&self, id: DirId, name: &OsString) -> PathBuf {
        let mut path = self.top.clone();
        path.extend(self.names(id));
        path.push(name);
        path
    }

    /// The path below the top of something in a folder, for people to read.
    pub(super) fn shown(&self, id: DirId, name: &OsString) -> String {
        let mut parts: Vec<_> = self
            .names(id)
            .into_iter()
            .map(|name| name.to_string_lossy())
            .collect();
        parts.push(name.to_string_lossy());
        parts.join("/")
    }

    /// Opens a folder. It waits for the disk.
    pub(crate) fn open(&self, id: DirId) -> io::Result<Arc<LocalDir>> {
        // Up to the nearest open one, then down again.
        let mut closed = Vec::new();
        let mut at = id;
        let mut dir = loop {
            if let Some(dir) = self.recent(at) {
                break dir;
            }
            let folder = self
                .folders
                .get(at)
                .filter(|_| at != 0)
                .ok_or(io::ErrorKind::NotFound)?;
            closed.push((at, &folder.name));
            at = folder.parent;
        };
        for (id, name) in closed.into_iter().rev() {
            dir = Arc::new(dir.enter(name)?);
            self.keep(id, &dir);
        }
        Ok(dir)
    }

    fn recent(&self, id: DirId) -> Option<Arc<LocalDir>> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let at = open.iter().position(|(open, _)| *open == id)?;
        // The top one stays in front, the others move to the end: the longest unused one goes first.
        if at > 0 {
            let entry = open.remove(at);
            open.push(entry);
            return open.last().map(|(_, dir)| Arc::clone(dir));
        }
        open.first().map(|(_, dir)| Arc::clone(dir))
    }

    fn keep(&self, id: DirId, dir: &Arc<LocalDir>) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.iter().any(|(open, _)| *open == id) {
            return;
        }
        if open.len() >= OPEN {
            open.remove(1);
        }
        open.push((id, Arc::clone(dir)));
    }
}

impl std::fmt::Debug for Dirs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dirs")
            .field("folders", &self.folders.len())
            .finish_non_exhaustive()
    }
}

/// How deep folders may be nested (LIM-8).
pub(super) const DEEPEST: usize = 10_000;

/// What is said of a folder that lies deeper.
pub(super) fn too_deep() -> Error {
    Error::new(
        ErrorKind::Unsupported,
        "folders that are nested more than 10,000 deep are left out",
    )
}

/// How many folders stay open: far below what a process may have.
const OPEN: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_deeper_than_any_path_may_be_long_are_opened() {
        let temp = tempfile::tempdir().unwrap();
        let mut dirs = Dirs::new(temp.path(), LocalDir::open(temp.path()).unwrap());
        let name = OsString::from("d".repeat(200));
        let mut at = 0;
        // Ten times what one path can name.
        for _ in 0..200 {
            dirs.open(at).unwrap().create_dir(&name).unwrap();
            at = dirs.add(at, name.clone());
        }
        // Others push it out of the open ones.
        for number in 0..100 {
            let name = OsString::from(number.to_string());
            dirs.open(0).unwrap().create_dir(&name).unwrap();
            let id = dirs.add(0, name);
            dirs.open(id).unwrap();
        }
        assert_eq!(
            dirs.open(at).unwrap().names().unwrap(),
            Vec::<OsString>::new()
        );
        assert_eq!(dirs.path(at, &"x".into()).as_os_str().len(), {
            temp.path().as_os_str().len() + 200 * 201 + 2
        });
        // A tree this deep is more than `remove_dir_all` of some systems can take.
        for depth in (1..=200).rev() {
            let (parent, name) = dirs.entry(depth).unwrap();
            dirs.open(parent).unwrap().remove_dir(name).unwrap();
        }
    }

    #[test]
    fn lim_8_nesting_has_an_end() {
        let mut dirs = Dirs::missing(Path::new("top"));
        let mut at = 0;
        for _ in 0..DEEPEST {
            assert!(!dirs.is_deepest(at));
            at = dirs.add(at, "d".into());
        }
        assert!(dirs.is_deepest(at));
        let beside = dirs.add(0, "beside".into());
        assert!(!dirs.is_deepest(beside));
    }

    #[cfg(unix)]
    #[test]
    fn nam_13_a_folder_that_was_swapped_for_a_link_is_not_entered() {
        let temp = tempfile::tempdir().unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        let mut dirs = Dirs::new(temp.path(), LocalDir::open(temp.path()).unwrap());
        let id = dirs.add(0, "inside".into());
        std::os::unix::fs::symlink(elsewhere.path(), temp.path().join("inside")).unwrap();
        assert!(dirs.open(id).is_err());
    }
}

//! Folders as paths, for systems without handles to work relative to. Every step looks for a link
//! before it is made.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use super::{Kind, Stamp};

/// A local folder.
pub(crate) struct LocalDir {
    path: PathBuf,
}

impl LocalDir {
    /// Opens the folder that the caller named; links on the way are the caller's own.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        if fs::metadata(path)?.is_dir() {
            Ok(Self {
                path: path.canonicalize()?,
            })
        } else {
            Err(io::ErrorKind::NotADirectory.into())
        }
    }

    /// Opens a folder in this one. A link is refused.
    pub(crate) fn enter(&self, name: &OsStr) -> io::Result<Self> {
        let path = self.path.join(name);
        if fs::symlink_metadata(&path)?.is_dir() {
            Ok(Self { path })
        } else {
            Err(io::ErrorKind::NotADirectory.into())
        }
    }

    /// Creates a folder in this one; an error if there is anything of that name.
    pub(crate) fn create_dir(&self, name: &OsStr) -> io::Result<()> {
        fs::create_dir(self.path.join(name))
    }

    /// What there is under a name; `None` if there is nothing.
    pub(crate) fn stat(&self, name: &OsStr) -> io::Result<Option<Stamp>> {
        match fs::symlink_metadata(self.path.join(name)) {
            Ok(meta) => Ok(Some(Stamp::of(&meta))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Opens a file for reading. A link is refused.
    pub(crate) fn open_file(&self, name: &OsStr) -> io::Result<File> {
        match self.stat(name)? {
            Some(Stamp {
                kind: Kind::File, ..
            }) => File::open(self.path.join(name)),
            Some(_) => Err(io::Error::other("not an ordinary file")),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    /// Creates a file.
    pub(super) fn create_private(&self, name: &OsStr) -> io::Result<File> {
        OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .open(self.path.join(name))
    }

    /// Opens a file for reading and writing, or creates it. A link is refused.
    pub(crate) fn open_private(&self, name: &OsStr) -> io::Result<File> {
        match self.stat(name)? {
            None
            | Some(Stamp {
                kind: Kind::File, ..
            }) => OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .open(self.path.join(name)),
            Some(_) => Err(io::Error::other("not an ordinary file")),
        }
    }

    /// Whether a name stands for this open file, as far as can be told.
    pub(crate) fn is_named(&self, _file: &File, name: &OsStr) -> io::Result<bool> {
        Ok(self.stat(name)?.is_some())
    }

    /// Modes are inherited from the folder here.
    pub(super) fn make_ordinary(&self, _file: &File, _replaces: Option<&OsStr>) -> io::Result<()> {
        Ok(())
    }

    /// Renames within this folder. Without `replace` an existing name is an error.
    pub(super) fn rename(&self, from: &OsStr, to: &OsStr, replace: bool) -> io::Result<()> {
        let (from, to) = (self.path.join(from), self.path.join(to));
        if replace {
            return fs::rename(from, to);
        }
        match fs::hard_link(&from, &to) {
            Ok(()) => {
                // It has its name; the other one is swept away some day if it stays.
                let _left = fs::remove_file(from);
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(error),
            // A file system without hard links leaves a gap between looking and renaming.
            Err(_) if fs::symlink_metadata(&to).is_ok() => Err(io::ErrorKind::AlreadyExists.into()),
            Err(_) => fs::rename(from, to),
        }
    }

    /// Removes a file or a link, not what a link leads to.
    pub(crate) fn remove_file(&self, name: &OsStr) -> io::Result<()> {
        fs::remove_file(self.path.join(name))
    }

    /// Removes an empty folder.
    pub(crate) fn remove_dir(&self, name: &OsStr) -> io::Result<()> {
        fs::remove_dir(self.path.join(name))
    }

    /// The names in this folder, in no order.
    pub(crate) fn names(&self) -> io::Result<Vec<OsString>> {
        fs::read_dir(&self.path)?
            .map(|entry| entry.map(|entry| entry.file_name()))
            .collect()
    }

    /// Folders cannot be flushed here.
    pub(crate) fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}

impl std::fmt::Debug for LocalDir {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LocalDir")
            .field("path", &self.path)
            .finish()
    }
}

/// A local name as the system wants it. The policy for this system leaves no invalid text.
pub(crate) fn os_name(name: &[u8]) -> OsString {
    String::from_utf8_lossy(name).into_owned().into()
}

/// The bytes of a name that the system gave; unpaired surrogates become replacement characters.
pub(crate) fn local_bytes(name: &OsStr) -> std::borrow::Cow<'_, [u8]> {
    match name.to_string_lossy() {
        std::borrow::Cow::Borrowed(text) => text.as_bytes().into(),
        std::borrow::Cow::Owned(text) => text.into_bytes().into(),
    }
}

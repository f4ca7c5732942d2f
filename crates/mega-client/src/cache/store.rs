//! Where a cache lies: bytes that are replaced as a whole or grow at their end, each step durable or not there.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::account::private_file;

/// Holds the bytes of one cache.
///
/// A crash at any point leaves the content before the last [`publish`](Self::publish) or the one after it, and behind that a beginning of what
/// was being appended.
pub(super) trait Store: Send {
    /// Reads from the start; `None` if there is nothing.
    fn read(&mut self) -> io::Result<Option<Box<dyn Read + Send>>>;

    /// Whether this process may write.
    fn is_writable(&self) -> bool;

    /// Starts new content beside the present one.
    fn begin(&mut self) -> io::Result<()>;

    /// Adds to the new content.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Puts the new content in place of the present one, durably.
    fn publish(&mut self) -> io::Result<()>;

    /// Puts bytes at a place of the present content, durably, and cuts off what was there.
    fn append(&mut self, at: u64, bytes: &[u8]) -> io::Result<()>;

    /// Deletes the content.
    fn remove(&mut self) -> io::Result<()>;
}

/// A file, its successor while that is written, and a lock file: who holds that one may write.
pub(super) struct FileStore {
    path: PathBuf,
    fresh: PathBuf,
    lock: Option<File>,
    writing: Option<File>,
}

impl FileStore {
    /// A file of this name in a folder, which is made if need be. Not writable while another process has it.
    pub(super) fn open(folder: &Path, name: &str) -> io::Result<Self> {
        private_file::make_folder(folder)?;
        let lock = private_file::open_lock(&folder.join(format!("{name}.lock")))?;
        let lock = match lock.try_lock() {
            Ok(()) => Some(lock),
            Err(TryLockError::WouldBlock) => None,
            Err(TryLockError::Error(error)) => return Err(error),
        };
        Ok(Self {
            path: folder.join(name),
            fresh: folder.join(format!("{name}.new")),
            lock,
            writing: None,
        })
    }

    fn writing(&mut self) -> io::Result<&mut File> {
        self.writing
            .as_mut()
            .ok_or_else(|| io::Error::other("nothing was begun"))
    }
}

impl Store for FileStore {
    fn read(&mut self) -> io::Result<Option<Box<dyn Read + Send>>> {
        let mut options = OpenOptions::new();
        options.read(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, NO_WAITING);
        match options.open(&self.path) {
            // A pipe or a device of this name would never end.
            Ok(file) if !file.metadata()?.is_file() => Err(io::Error::other("it is no file")),
            Ok(file) => Ok(Some(Box::new(file))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn is_writable(&self) -> bool {
        self.lock.is_some()
    }

    fn begin(&mut self) -> io::Result<()> {
        self.writing = None;
        // What a process left behind that died. Nobody else writes while we hold the lock.
        match std::fs::remove_file(&self.fresh) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        self.writing = Some(
            private_file::private()
                .write(true)
                .create_new(true)
                .open(&self.fresh)?,
        );
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.writing()?.write_all(bytes)
    }

    fn publish(&mut self) -> io::Result<()> {
        self.writing()?.sync_all()?;
        self.writing = None;
        std::fs::rename(&self.fresh, &self.path)?;
        match self.path.parent() {
            Some(folder) => private_file::sync_folder(folder),
            None => Ok(()),
        }
    }

    fn append(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).open(&self.path)?;
        // Fails rather than fills up when somebody has cut the file.
        if file.metadata()?.len() < at {
            return Err(io::Error::other("the file has become shorter"));
        }
        file.set_len(at)?;
        file.seek(SeekFrom::Start(at))?;
        file.write_all(bytes)?;
        file.sync_data()
    }

    fn remove(&mut self) -> io::Result<()> {
        self.writing = None;
        // Both are tried, whatever becomes of the first.
        let removed = [&self.fresh, &self.path].map(std::fs::remove_file);
        for removed in removed {
            match removed {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }
}

/// Opening a pipe does not wait for its other end.
#[cfg(unix)]
const NO_WAITING: i32 = rustix::fs::OFlags::NONBLOCK.bits() as i32;

impl Drop for FileStore {
    fn drop(&mut self) {
        if self.writing.take().is_some() {
            // Half of a successor is of no use to anybody.
            let _gone = std::fs::remove_file(&self.fresh);
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_pipe_in_the_place_of_the_cache_keeps_nobody_waiting() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = FileStore::open(folder.path(), "cache").unwrap();
        let pipe = folder.path().join("cache");
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0).unwrap();
        assert!(store.read().is_err());
    }

    #[test]
    fn the_cache_is_deleted_also_when_what_lies_beside_it_cannot_be() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = FileStore::open(folder.path(), "cache").unwrap();
        std::fs::write(folder.path().join("cache"), "secret").unwrap();
        std::fs::create_dir(folder.path().join("cache.new")).unwrap();
        assert!(store.remove().is_err());
        assert!(!folder.path().join("cache").exists());
    }
}

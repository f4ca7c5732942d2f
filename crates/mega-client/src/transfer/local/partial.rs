//! A file on its way: written under a random name, given its own name when it is complete.

use std::fs::{File, TryLockError};
use std::io;
use std::sync::Arc;
use std::time::SystemTime;

use super::LocalDir;
use std::ffi::{OsStr, OsString};

/// A new file beside its destination, not readable by others, under a name that nobody can guess.
/// It is removed when this is dropped before [`place`](Self::place) succeeded (DL-1).
pub(crate) struct PartialFile {
    folder: Arc<LocalDir>,
    name: OsString,
    file: Arc<File>,
    placed: bool,
}

impl PartialFile {
    /// Creates it.
    ///
    /// It is locked as long as it is open, so that [`sweep`] can tell it from one that a process left
    /// behind when it died (PST-7).
    pub(crate) fn create(folder: Arc<LocalDir>) -> io::Result<Self> {
        let mut tries = 0;
        loop {
            let name = random_name()?;
            match folder.create_private(&name) {
                Ok(file) => {
                    let partial = Self {
                        folder: Arc::clone(&folder),
                        name,
                        file: Arc::new(file),
                        placed: false,
                    };
                    // Somebody who sweeps may have come between making it and locking it.
                    let busy = matches!(partial.file.try_lock(), Err(TryLockError::WouldBlock));
                    if !busy && folder.is_named(&partial.file, &partial.name)? {
                        return Ok(partial);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
            tries += 1;
            if tries > 8 {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
        }
    }

    /// Opens the one of this name that an earlier run left, or creates it. `None` if somebody else is using
    /// it.
    ///
    /// It waits a moment for a run of this process that was stopped and whose last write is not done.
    pub(crate) fn claim(folder: &Arc<LocalDir>, name: &OsStr) -> io::Result<Option<Self>> {
        for _ in 0..PATIENCE {
            let file = folder.open_private(name)?;
            let locked = !matches!(file.try_lock(), Err(TryLockError::WouldBlock));
            if locked && folder.is_named(&file, name)? {
                return Ok(Some(Self {
                    folder: Arc::clone(folder),
                    name: name.to_os_string(),
                    file: Arc::new(file),
                    placed: false,
                }));
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        Ok(None)
    }

    /// Leaves the file where it is, for a later run.
    pub(crate) fn leave(&mut self) {
        self.placed = true;
    }

    /// Whether it has its own name, or was left where it is.
    pub(crate) fn is_placed(&self) -> bool {
        self.placed
    }

    /// Gives up its name, if the system can do that with a file that is open; then nobody but the holder has it.
    pub(crate) fn give_up_name(&mut self) {
        self.placed |= self.folder.remove_file(&self.name).is_ok();
    }

    /// Whether there is something under its name.
    #[cfg(test)]
    pub(crate) fn is_named(&self) -> bool {
        !matches!(self.folder.stat(&self.name), Ok(None))
    }

    /// The open file.
    pub(crate) fn file(&self) -> &Arc<File> {
        &self.file
    }

    /// Gives the file its time, its ordinary mode and, if asked, flushes it; then its name. The caller
    /// flushes the folder.
    ///
    /// # Errors
    ///
    /// With `replace` false, [`io::ErrorKind::AlreadyExists`] if there is something of that name; it is
    /// untouched. All other failures leave the destination untouched as well.
    pub(crate) fn place(
        &mut self,
        name: &OsStr,
        replace: bool,
        modified: Option<SystemTime>,
        sync: bool,
    ) -> io::Result<()> {
        if let Some(modified) = modified {
            // A time that the file system cannot hold is no reason to throw the content away (CLK-3).
            let _unrepresentable = self.file.set_modified(modified);
        }
        // Nor is a mode that it does not know: some file systems have one for all files, and refuse any other.
        let _unrepresentable = self
            .folder
            .make_ordinary(&self.file, replace.then_some(name));
        if sync {
            self.file.sync_all()?;
        }
        self.folder.rename(&self.name, name, replace)?;
        self.placed = true;
        Ok(())
    }
}

impl Drop for PartialFile {
    fn drop(&mut self) {
        if !self.placed {
            // There is nobody left to tell; the name says what it is.
            let _gone = self.folder.remove_file(&self.name);
        }
    }
}

impl std::fmt::Debug for PartialFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PartialFile")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// Removes the partial files in a folder whose processes are gone (PST-7), except those that a later run may
/// want to go on with. What is locked is in use; what has another kind of name is somebody else's.
pub(crate) fn sweep(folder: &LocalDir) -> io::Result<()> {
    for name in folder.names()? {
        let Some((digits, kind)) = own_name(&name) else {
            continue;
        };
        let journal = folder.stat(&journal_name(digits))?;
        let fresh = journal
            .and_then(|journal| journal.modified)
            .is_some_and(|at| {
                // A clock that went backwards is no reason to remove anything.
                SystemTime::now()
                    .duration_since(at)
                    .is_ok_and(|age| age < KEPT_FOR)
                    || at > SystemTime::now()
            });
        let part = part_name(digits);
        let part_there = folder.stat(&part)?.is_some();
        let wanted = fresh && part_there;
        if wanted {
            continue;
        }
        // One that vanishes meanwhile, or cannot be opened, is not ours to remove.
        match folder.open_file(&part) {
            Ok(file) => {
                // The lock is held over the removal: who has claimed the file meanwhile sees that it is gone.
                if file.try_lock().is_ok() {
                    folder.remove_file(&name)?;
                }
            }
            Err(error) if kind == Own::Journal && error.kind() == io::ErrorKind::NotFound => {
                folder.remove_file(&name)?;
            }
            Err(_) => {}
        }
    }
    Ok(())
}

/// Whether a name is one that a download gives to what is not complete.
pub(crate) fn is_partial_name(name: &OsStr) -> bool {
    own_name(name).is_some()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Own {
    Part,
    Journal,
}

fn own_name(name: &OsStr) -> Option<(&str, Own)> {
    let rest = name.to_str()?.strip_prefix(".mega-")?;
    let (digits, kind) = match rest.strip_suffix(".part") {
        Some(digits) => (digits, Own::Part),
        None => (rest.strip_suffix(".journal")?, Own::Journal),
    };
    let hexadecimal = |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    (digits.len() == 16 && digits.bytes().all(hexadecimal)).then_some((digits, kind))
}

/// The name of the partial file with these digits.
pub(crate) fn part_name(digits: &str) -> OsString {
    format!(".mega-{digits}.part").into()
}

/// The name of the journal beside it.
pub(crate) fn journal_name(digits: &str) -> OsString {
    format!(".mega-{digits}.journal").into()
}

/// `.mega-` and 16 random hexadecimal digits: from random bytes only, so it tells nothing about the
/// file and fits however long the file's own name is (DL-1, TR-4).
fn random_name() -> io::Result<OsString> {
    let mut bytes = [0; 8];
    crate::chance::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(part_name(&format!("{:016x}", u64::from_be_bytes(bytes))))
}

/// How often somebody who holds a partial file is asked for it again.
const PATIENCE: u32 = 50;
/// How long a partial file with a journal waits for somebody to go on with it.
const KEPT_FOR: std::time::Duration = std::time::Duration::from_secs(14 * 24 * 3600);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pst_7_only_the_partial_files_of_dead_processes_are_swept_away() {
        let temp = tempfile::tempdir().unwrap();
        let folder = Arc::new(LocalDir::open(temp.path()).unwrap());
        let in_use = PartialFile::create(Arc::clone(&folder)).unwrap();
        let left_behind = ".mega-0123456789abcdef.part";
        let resumable = [
            ".mega-00112233445566ff.part",
            ".mega-00112233445566ff.journal",
        ];
        let orphan = ".mega-ffffffffffffffff.journal";
        let others = [
            ".mega-0123456789ABCDEF.part",
            ".mega-x.part",
            "report.part",
            ".mega-",
        ];
        for name in others
            .iter()
            .chain(&resumable)
            .chain([&left_behind, &orphan])
        {
            std::fs::write(temp.path().join(name), "content").unwrap();
        }
        sweep(&folder).unwrap();
        assert!(!temp.path().join(left_behind).exists());
        assert!(!temp.path().join(orphan).exists());
        for name in resumable {
            assert!(temp.path().join(name).exists(), "{name}");
        }
        // Nobody came back for it.
        let journal = temp.path().join(resumable[1]);
        let old = SystemTime::now() - 2 * KEPT_FOR;
        let journal = std::fs::File::options().write(true).open(journal).unwrap();
        journal.set_modified(old).unwrap();
        sweep(&folder).unwrap();
        for name in resumable {
            assert!(!temp.path().join(name).exists(), "{name}");
        }
        assert!(temp.path().join(&in_use.name).exists());
        for name in others {
            assert!(temp.path().join(name).exists(), "{name}");
        }
        let name = in_use.name.clone();
        drop(in_use);
        assert!(!temp.path().join(name).exists());
    }

    #[test]
    fn dl_1_a_file_is_private_until_it_has_its_name() {
        let temp = tempfile::tempdir().unwrap();
        let folder = Arc::new(LocalDir::open(temp.path()).unwrap());
        let mut partial = PartialFile::create(folder).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = partial.file().metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        std::fs::write(temp.path().join("taken"), "untouched").unwrap();
        let error = partial
            .place(OsStr::new("taken"), false, None, true)
            .unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(
            std::fs::read(temp.path().join("taken")).unwrap(),
            b"untouched"
        );
        partial
            .place(OsStr::new("free"), false, None, true)
            .unwrap();
        drop(partial);
        let mut names: Vec<_> = std::fs::read_dir(temp.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        names.sort();
        assert_eq!(names, ["free", "taken"]);
    }
}

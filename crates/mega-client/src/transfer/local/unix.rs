//! Folders as open handles: every step is relative to one, and none follows a symbolic link.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use rustix::fs::{self, AtFlags, Dir, FileType, Mode, OFlags};

use super::partial::part_name;
use super::{Kind, Stamp};

/// An open local folder.
pub(crate) struct LocalDir {
    handle: OwnedFd,
}

impl LocalDir {
    /// Opens the folder that the caller named; links on the way are the caller's own.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Self {
            handle: fs::open(path, flags, Mode::empty())?,
        })
    }

    /// Opens a folder in this one. A link is refused.
    pub(crate) fn enter(&self, name: &OsStr) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(Self {
            handle: fs::openat(&self.handle, name, flags, Mode::empty())?,
        })
    }

    /// Creates a folder in this one; an error if there is anything of that name.
    pub(crate) fn create_dir(&self, name: &OsStr) -> io::Result<()> {
        Ok(fs::mkdirat(&self.handle, name, Mode::from_raw_mode(0o777))?)
    }

    /// What there is under a name; `None` if there is nothing.
    pub(crate) fn stat(&self, name: &OsStr) -> io::Result<Option<Stamp>> {
        match fs::statat(&self.handle, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => {
                let kind = match FileType::from_raw_mode(stat.st_mode) {
                    FileType::RegularFile => Kind::File,
                    FileType::Directory => Kind::Folder,
                    FileType::Symlink => Kind::Link,
                    _ => Kind::Other,
                };
                Ok(Some(Stamp {
                    kind,
                    size: u64::try_from(stat.st_size).unwrap_or(0),
                    modified: time(stat.st_mtime, stat.st_mtime_nsec),
                }))
            }
            Err(rustix::io::Errno::NOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Opens a file for reading. A link is refused, and a pipe does not make it wait.
    pub(crate) fn open_file(&self, name: &OsStr) -> io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = File::from(fs::openat(&self.handle, name, flags, Mode::empty())?);
        if !file.metadata()?.is_file() {
            return Err(io::Error::other("not an ordinary file"));
        }
        Ok(file)
    }

    /// Creates a file that only its owner can read.
    pub(super) fn create_private(&self, name: &OsStr) -> io::Result<File> {
        self.create(name, 0o600)
    }

    /// Opens a file for reading and writing, or creates it so that only its owner can read it. A link is
    /// refused.
    pub(crate) fn open_private(&self, name: &OsStr) -> io::Result<File> {
        let flags =
            OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let mode = Mode::from_raw_mode(0o600);
        let file = File::from(fs::openat(&self.handle, name, flags, mode)?);
        if !file.metadata()?.is_file() {
            return Err(io::Error::other("not an ordinary file"));
        }
        Ok(file)
    }

    /// Whether a name stands for this open file.
    pub(crate) fn is_named(&self, file: &File, name: &OsStr) -> io::Result<bool> {
        let here = fs::fstat(file)?;
        match fs::statat(&self.handle, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(there) => Ok((here.st_dev, here.st_ino) == (there.st_dev, there.st_ino)),
            Err(rustix::io::Errno::NOENT) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Gives a private file the mode that a new file gets, or that of the file it replaces.
    pub(super) fn make_ordinary(&self, file: &File, replaces: Option<&OsStr>) -> io::Result<()> {
        let replaced = replaces
            .and_then(|name| fs::statat(&self.handle, name, AtFlags::SYMLINK_NOFOLLOW).ok())
            .filter(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile)
            .map(|stat| stat.st_mode & 0o777);
        let mode = match replaced {
            Some(mode) => mode,
            None => self.ordinary_mode()?,
        };
        Ok(fs::fchmod(file, Mode::from_raw_mode(mode))?)
    }

    /// The mode that a new file gets, found by making one: reading the process's mask means to change
    /// it for a moment, for all threads.
    fn ordinary_mode(&self) -> io::Result<fs::RawMode> {
        static MODE: OnceLock<fs::RawMode> = OnceLock::new();
        if let Some(mode) = MODE.get() {
            return Ok(*mode);
        }
        // Always from the system: it is drawn once in a process, and would shift what a simulated run draws after it.
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(io::Error::other)?;
        let name = part_name(&format!("{:016x}", u64::from_be_bytes(random)));
        let probe = self.create(&name, 0o666)?;
        let stat = fs::fstat(&probe);
        self.remove_file(&name)?;
        Ok(*MODE.get_or_init(|| stat.map_or(0o600, |stat| stat.st_mode & 0o777)))
    }

    fn create(&self, name: &OsStr, mode: fs::RawMode) -> io::Result<File> {
        let flags =
            OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(File::from(fs::openat(
            &self.handle,
            name,
            flags,
            Mode::from_raw_mode(mode),
        )?))
    }

    /// Renames within this folder. Without `replace` an existing name is an error, in one step where
    /// the system can do that.
    pub(super) fn rename(&self, from: &OsStr, to: &OsStr, replace: bool) -> io::Result<()> {
        if replace {
            return Ok(fs::renameat(&self.handle, from, &self.handle, to)?);
        }
        match self.rename_exclusively(from, to) {
            Err(error) if not_supported(&error) => {}
            done => return done,
        }
        // A hard link is exclusive too; the two names are the same file for a moment.
        match fs::linkat(&self.handle, from, &self.handle, to, AtFlags::empty()) {
            Ok(()) => {
                // It has its name; the other one is swept away some day if it stays.
                let _left = self.remove_file(from);
                return Ok(());
            }
            Err(rustix::io::Errno::EXIST) => return Err(rustix::io::Errno::EXIST.into()),
            Err(_) => {}
        }
        // A file system with neither leaves a gap between looking and renaming.
        match self.stat(to)? {
            Some(_) => Err(io::ErrorKind::AlreadyExists.into()),
            None => Ok(fs::renameat(&self.handle, from, &self.handle, to)?),
        }
    }

    #[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
    fn rename_exclusively(&self, from: &OsStr, to: &OsStr) -> io::Result<()> {
        let flags = fs::RenameFlags::NOREPLACE;
        Ok(fs::renameat_with(
            &self.handle,
            from,
            &self.handle,
            to,
            flags,
        )?)
    }

    #[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
    fn rename_exclusively(&self, _from: &OsStr, _to: &OsStr) -> io::Result<()> {
        Err(rustix::io::Errno::NOSYS.into())
    }

    /// Removes a file or a link, not what a link leads to.
    pub(crate) fn remove_file(&self, name: &OsStr) -> io::Result<()> {
        Ok(fs::unlinkat(&self.handle, name, AtFlags::empty())?)
    }

    /// Removes an empty folder.
    pub(crate) fn remove_dir(&self, name: &OsStr) -> io::Result<()> {
        Ok(fs::unlinkat(&self.handle, name, AtFlags::REMOVEDIR)?)
    }

    /// The names in this folder, in no order.
    pub(crate) fn names(&self) -> io::Result<Vec<OsString>> {
        let mut names = Vec::new();
        for entry in Dir::read_from(&self.handle)? {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if name != b"." && name != b".." {
                names.push(OsString::from_vec(name.to_vec()));
            }
        }
        Ok(names)
    }

    /// Flushes the folder itself, so that a new name survives a power failure. File systems that
    /// cannot do that do not need it.
    pub(crate) fn sync(&self) -> io::Result<()> {
        match fs::fsync(&self.handle) {
            Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOTSUP) => Ok(()),
            done => Ok(done?),
        }
    }
}

impl std::fmt::Debug for LocalDir {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LocalDir").finish_non_exhaustive()
    }
}

/// A local name as the system wants it.
pub(crate) fn os_name(name: &[u8]) -> OsString {
    OsString::from_vec(name.to_vec())
}

/// The bytes of a name that the system gave.
pub(crate) fn local_bytes(name: &OsStr) -> std::borrow::Cow<'_, [u8]> {
    name.as_bytes().into()
}

fn not_supported(error: &io::Error) -> bool {
    let unsupported = [
        rustix::io::Errno::NOSYS,
        rustix::io::Errno::INVAL,
        rustix::io::Errno::NOTSUP,
        rustix::io::Errno::OPNOTSUPP,
    ];
    unsupported
        .iter()
        .any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
}

/// The types of these fields differ between systems.
fn time(seconds: impl TryInto<i64>, nanoseconds: impl TryInto<u64>) -> Option<SystemTime> {
    let seconds: i64 = seconds.try_into().ok()?;
    let nanoseconds = Duration::from_nanos(nanoseconds.try_into().ok()?);
    let whole = Duration::from_secs(seconds.unsigned_abs());
    let start = if seconds < 0 {
        SystemTime::UNIX_EPOCH.checked_sub(whole)?
    } else {
        SystemTime::UNIX_EPOCH.checked_add(whole)?
    };
    start.checked_add(nanoseconds)
}

//! Files that are for nobody else: mode 0600 from the first moment, replaced as a whole (threat model, PST-1, PST-4).

use std::ffi::OsStr;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use crate::chance::rng;
use mega_crypto::rand_core::Rng;
use zeroize::Zeroizing;

/// Nothing that is kept this way is longer.
const MAX_LEN: u64 = 1 << 20;

/// Writes a file in place of what is there: a new file beside it, on disk, then renamed.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    // What cannot be tidied up disturbs nobody.
    let _left = sweep(folder);
    let (mut file, temporary) = create_temporary(folder)?;
    let written = (|| {
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&temporary, path)
    })();
    if written.is_err() {
        // Whatever is wrong with the disk, nothing of ours stays behind if that can be helped.
        let _gone = std::fs::remove_file(&temporary);
        return written;
    }
    sync_folder(folder)
}

/// Creates a file under a name that nobody can guess. It is locked as long as it is open, so that [`sweep`] can tell it from one that a process left
/// behind when it died (PST-7).
fn create_temporary(folder: &Path) -> io::Result<(File, PathBuf)> {
    for _ in 0..TRIES {
        let mut random = [0; 8];
        rng().fill_bytes(&mut random);
        let digits = u64::from_be_bytes(random);
        let path = folder.join(format!("{PREFIX}{digits:016x}{SUFFIX}"));
        let file = private().write(true).create_new(true).open(&path)?;
        // Somebody who sweeps may have come between making it and locking it.
        let busy = matches!(file.try_lock(), Err(TryLockError::WouldBlock));
        if !busy && std::fs::symlink_metadata(&path).is_ok() {
            return Ok((file, path));
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

/// Removes the temporary files in a folder whose processes are gone: what they hold is a secret that nobody comes back for. What is locked is in use; what
/// has another kind of name is somebody else's.
fn sweep(folder: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if !is_temporary(&entry.file_name()) || !entry.file_type()?.is_file() {
            continue;
        }
        // Held over the removal: whoever has just made the file sees that it is taken.
        let idle = File::open(entry.path())
            .ok()
            .filter(|file| file.try_lock().is_ok());
        if let Some(_held) = idle {
            // It may have got its own name meanwhile.
            let _gone = std::fs::remove_file(entry.path());
        }
    }
    Ok(())
}

fn is_temporary(name: &OsStr) -> bool {
    let digits = name.to_str().and_then(|name| {
        let rest = name.strip_prefix(PREFIX)?;
        rest.strip_suffix(SUFFIX)
    });
    let hexadecimal = |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    digits.is_some_and(|digits| digits.len() == 16 && digits.bytes().all(hexadecimal))
}

const PREFIX: &str = ".mega-";
const SUFFIX: &str = ".tmp";
const TRIES: usize = 8;

/// Reads such a file; `None` if there is none.
pub(crate) fn read(path: &Path) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    // All of it at once: a buffer that grows leaves what it held behind, unwiped (SEC-8).
    let len = file.metadata()?.len().min(MAX_LEN);
    let room = usize::try_from(len).unwrap_or(0).saturating_add(1);
    let mut bytes = Zeroizing::new(Vec::with_capacity(room));
    file.take(MAX_LEN + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_LEN {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "the file is far too long",
        ));
    }
    Ok(Some(bytes))
}

/// Opens a file to be locked, making it if need be.
pub(crate) fn open_lock(path: &Path) -> io::Result<File> {
    private()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
}

/// Makes a folder that only its owner can look into, with the folders above it.
pub(crate) fn make_folder(path: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

pub(crate) fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

#[cfg(unix)]
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Folders cannot be opened as files there.
#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "the same signature everywhere")]
pub(crate) fn sync_folder(_folder: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pst_1_a_file_is_private_and_replaced_as_a_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("inner/session");
        assert!(replace(&path, b"x").is_err());
        make_folder(path.parent().unwrap()).unwrap();
        assert!(read(&path).unwrap().is_none());
        for text in ["one", "two, which is longer", "3"] {
            replace(&path, text.as_bytes()).unwrap();
            assert_eq!(read(&path).unwrap().unwrap().as_slice(), text.as_bytes());
        }
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode(&path), 0o600);
            assert_eq!(mode(path.parent().unwrap()), 0o700);
        }
        let names = std::fs::read_dir(path.parent().unwrap()).unwrap();
        assert_eq!(names.count(), 1, "no temporary file is left");
        // A target that cannot be replaced keeps its content, and nothing is left beside it.
        std::fs::create_dir(folder.path().join("inner/dir")).unwrap();
        std::fs::write(folder.path().join("inner/dir/x"), "x").unwrap();
        assert!(replace(&folder.path().join("inner/dir"), b"x").is_err());
        let names = std::fs::read_dir(path.parent().unwrap()).unwrap();
        assert_eq!(names.count(), 2);
    }

    #[test]
    fn pst_7_what_a_process_that_died_was_writing_is_removed_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let (file, in_use) = create_temporary(folder.path()).unwrap();
        let (dead, left) = create_temporary(folder.path()).unwrap();
        drop(dead);
        let others = [
            ".mega-0123456789abcdef.part",
            ".mega-0123456789abcde.tmp",
            ".mega-0123456789abcdeF.tmp",
            "mega-0123456789abcdef.tmp",
            ".0123456789ab.tmp",
        ];
        for other in others {
            std::fs::write(folder.path().join(other), "somebody's").unwrap();
        }
        std::fs::create_dir(folder.path().join(".mega-00000000000000ff.tmp")).unwrap();
        replace(&folder.path().join("session"), b"x").unwrap();
        assert!(in_use.exists() && !left.exists());
        drop(file);
        replace(&folder.path().join("session"), b"y").unwrap();
        assert!(!in_use.exists());
        let names = std::fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(names, others.len() + 2);
    }

    #[test]
    fn inv_10_a_file_of_any_length_is_not_read_into_memory() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("long");
        File::create(&path).unwrap().set_len(1 << 40).unwrap();
        assert!(read(&path).is_err());
    }
}

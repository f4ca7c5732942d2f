//! Files that are for nobody else: mode 0600 from the first moment, replaced as a whole (threat model, PST-1, PST-4).

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;

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
    let mut random = [0; 9];
    rng().fill_bytes(&mut random);
    let temporary = folder.join(format!(".{}.tmp", mega_crypto::base64::encode(&random)));
    let written = (|| {
        let mut file = private().write(true).create_new(true).open(&temporary)?;
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

/// Reads such a file; `None` if there is none.
pub(crate) fn read(path: &Path) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut bytes = Zeroizing::new(Vec::new());
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
    fn inv_10_a_file_of_any_length_is_not_read_into_memory() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("long");
        File::create(&path).unwrap().set_len(1 << 40).unwrap();
        assert!(read(&path).is_err());
    }
}

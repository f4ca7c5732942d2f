//! The local side: folders entered without following links, files that get their name last.
//!
//! Nothing here takes a name that a stranger chose: names are [`LocalName`]s, which are one harmless
//! path component each (threat model, section 14). Below the folder that the caller named, no
//! symbolic link is followed and nothing is created that was there before (NAM-13, DL-14).

#[cfg(unix)]
mod unix;
#[cfg(unix)]
use unix as system;
#[cfg(not(unix))]
mod portable;
#[cfg(not(unix))]
use portable as system;

mod partial;

pub(crate) use partial::{PartialFile, is_partial_name, journal_name, part_name, sweep};
pub(crate) use system::{LocalDir, local_bytes, os_name};

use std::fs::Metadata;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::error::{Error, ErrorKind, Result};

/// What there is under a name, the name's own link not followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    File,
    Folder,
    /// A symbolic link.
    Link,
    /// A device, a pipe: nothing that can be transferred.
    Other,
}

/// Size and time of a local file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) kind: Kind,
    pub(crate) size: u64,
    pub(crate) modified: Option<SystemTime>,
}

impl Stamp {
    pub(crate) fn of(meta: &Metadata) -> Self {
        let kind = if meta.is_file() {
            Kind::File
        } else if meta.is_dir() {
            Kind::Folder
        } else if meta.is_symlink() {
            Kind::Link
        } else {
            Kind::Other
        };
        Self {
            kind,
            size: meta.len(),
            modified: meta.modified().ok(),
        }
    }
}

/// Splits a path into the folder a file is to lie in and its name.
pub(crate) fn split(path: &Path) -> Result<(PathBuf, std::ffi::OsString)> {
    let Some(name) = path.file_name() else {
        return Err(Error::new(
            ErrorKind::IsADirectory,
            "the path does not end in a file name",
        )
        .about(path.display().to_string()));
    };
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_path_buf(),
        _ => PathBuf::from("."),
    };
    Ok((folder, name.to_os_string()))
}

/// Runs something that waits for the disk where it disturbs nobody.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T> {
    crate::chance::spawn_blocking(work)
        .await
        .map_err(crate::offload::thread_failed)
}

/// The error of a local operation.
pub(crate) fn local_error(what: &str, path: &Path, error: io::Error) -> Error {
    Error::io(what, error).about(path.display().to_string())
}

/// Writes all of a piece at its place, wherever the file's own position is.
pub(crate) fn write_all_at(file: &std::fs::File, piece: &[u8], mut offset: u64) -> io::Result<()> {
    for step in piece.chunks(WRITTEN_AT_ONCE) {
        write_step_at(file, step, offset)?;
        offset = offset.saturating_add(u64::try_from(step.len()).unwrap_or(u64::MAX));
    }
    Ok(())
}

/// How much goes to the system in one call. For a larger piece Linux looks for larger blocks of memory, which now and then lie fallow: with a
/// mebibyte or more at once, writing 512 MiB took either 0.1 s of processor time or up to 1.3 s on a virtual machine, with this much 0.1 s in each of ten trials.
const WRITTEN_AT_ONCE: usize = 256 << 10;

fn write_step_at(file: &std::fs::File, piece: &[u8], offset: u64) -> io::Result<()> {
    #[cfg(unix)]
    return std::os::unix::fs::FileExt::write_all_at(file, piece, offset);
    #[cfg(not(unix))]
    {
        use std::io::{Seek, SeekFrom, Write};
        static ONE_AT_A_TIME: std::sync::Mutex<()> = std::sync::Mutex::new(());
        let _turn = ONE_AT_A_TIME
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut file = file;
        file.seek(SeekFrom::Start(offset))?;
        file.write_all(piece)
    }
}

/// Reads up to `len` bytes from their place into an empty buffer that has room for them, without clearing its memory first; fewer at the end of the file.
///
/// The file's own position is left alone where the system can do that, so a thread that nobody waits for any more disturbs nobody.
pub(crate) fn read_up_to_at(
    file: &std::fs::File,
    buffer: &mut Vec<u8>,
    len: usize,
    offset: u64,
) -> io::Result<()> {
    #[cfg(unix)]
    {
        buffer.reserve_exact(len);
        while buffer.len() < len {
            let at = offset.saturating_add(u64::try_from(buffer.len()).unwrap_or(u64::MAX));
            match rustix::io::pread(file, rustix::buffer::spare_capacity(buffer), at) {
                Ok(0) => break,
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        buffer.truncate(len);
        Ok(())
    }
    #[cfg(not(unix))]
    {
        use std::io::{Read, Seek, SeekFrom};
        let mut file = file;
        file.seek(SeekFrom::Start(offset))?;
        let len = u64::try_from(len).unwrap_or(u64::MAX);
        file.take(len).read_to_end(buffer).map(drop)
    }
}

/// Fills a piece from its place, wherever the file's own position is.
pub(crate) fn read_exact_at(file: &std::fs::File, piece: &mut [u8], offset: u64) -> io::Result<()> {
    #[cfg(unix)]
    return std::os::unix::fs::FileExt::read_exact_at(file, piece, offset);
    #[cfg(not(unix))]
    {
        use std::io::{Read, Seek, SeekFrom};
        let mut file = file;
        file.seek(SeekFrom::Start(offset))?;
        file.read_exact(piece)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_of_many_steps_lies_where_it_belongs() {
        let file = tempfile::tempfile().unwrap();
        let piece: Vec<u8> = (0_u32..700_001).map(|at| (at % 251) as u8).collect();
        write_all_at(&file, b"before", 0).unwrap();
        write_all_at(&file, &piece, 6).unwrap();
        write_all_at(&file, &[], 3).unwrap();
        let mut read = vec![0; piece.len() + 6];
        read_exact_at(&file, &mut read, 0).unwrap();
        assert_eq!(&read[..6], b"before");
        assert!(read[6..] == piece);
        assert_eq!(file.metadata().unwrap().len(), 700_007);
        // Into a buffer with more room than is wanted, and across the end.
        let mut read = Vec::with_capacity(1 << 20);
        read_up_to_at(&file, &mut read, 10, 3).unwrap();
        assert_eq!(read[..3], *b"ore");
        assert_eq!(read.len(), 10);
        read.clear();
        read_up_to_at(&file, &mut read, 100, 700_000).unwrap();
        assert_eq!(read, piece[piece.len() - 7..]);
        read_up_to_at(&file, &mut Vec::new(), 0, 0).unwrap();
    }
}

//! Where the content of an upload comes from.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt};

use super::buffers::Buffer;
use super::local::{Kind, Stamp, blocking, local_error};
use super::spool::Spool;
use crate::error::{Error, ErrorKind, Result};

/// A reader that somebody handed over.
pub(crate) type BoxedReader = Pin<Box<dyn AsyncRead + Send>>;

/// The content of an upload, of known size.
pub(crate) enum Source {
    /// A local file, open, as it was when it was opened.
    File(LocalFile),
    /// A short local file whose content was read when it was opened; from when that is on its way the file is there to be read again.
    Short(LocalFile, Option<Buffer>),
    /// Memory.
    Memory(Bytes),
    /// A content that came without a size, encrypted on disk already.
    Spool(Spool),
    /// A reader that has to give exactly so many bytes, and can give them only once.
    Stream(Option<BoxedReader>, u64),
}

/// An open local file and what it looked like then.
#[derive(Debug)]
pub(crate) struct LocalFile {
    pub(crate) path: PathBuf,
    pub(crate) file: Arc<File>,
    pub(crate) stamp: Stamp,
}

impl LocalFile {
    /// Opens a file. Links on the way are the caller's own and are followed; what is no ordinary file
    /// is refused, without waiting for the other end of a pipe.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let failed = |error| local_error("the local file cannot be read", path, error);
        // What is looked at is what was opened, whatever comes under that name meanwhile.
        let mut options = File::options();
        options.read(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, NO_WAITING);
        let opened = options.open(path);
        #[cfg(not(unix))]
        if opened.is_err() && path.is_dir() {
            return Err(is_a_folder(path));
        }
        let file = opened.map_err(failed)?;
        let stamp = Stamp::of(&file.metadata().map_err(failed)?);
        match stamp.kind {
            Kind::File => {}
            Kind::Folder => return Err(is_a_folder(path)),
            Kind::Link | Kind::Other => {
                return Err(
                    Error::new(ErrorKind::Unsupported, "it is not an ordinary file")
                        .about(path.display().to_string()),
                );
            }
        }
        Ok(Self {
            path: path.to_path_buf(),
            file: Arc::new(file),
            stamp,
        })
    }

    /// Reads all of a short file into a buffer that has room for it. The file has to be the same before and after (UL-1): from then on this memory is the content
    /// that is sent, whatever becomes of the file. It waits for the disk.
    pub(crate) fn read_whole(self, mut buffer: Buffer) -> Result<Source> {
        let size = self.stamp.size;
        // A byte too many is noticed as well (UL-2).
        let mut file = (&*self.file).take(size.saturating_add(1));
        file.read_to_end(&mut buffer).map_err(source_failed)?;
        let len = u64::try_from(buffer.len()).unwrap_or(u64::MAX);
        if len != size {
            return Err(source_changed(size, len));
        }
        self.check()?;
        Ok(Source::Short(self, Some(buffer)))
    }

    /// The same open file, for another thread.
    pub(crate) fn same(&self) -> Self {
        Self {
            path: self.path.clone(),
            file: Arc::clone(&self.file),
            stamp: self.stamp,
        }
    }

    /// Whether the file is still what it was (UL-1).
    pub(crate) fn check(&self) -> Result<()> {
        let failed = |error| local_error("the local file cannot be read", &self.path, error);
        let now = Stamp::of(&self.file.metadata().map_err(failed)?);
        if now == self.stamp {
            Ok(())
        } else {
            Err(source_changed(self.stamp.size, now.size).about(self.path.display().to_string()))
        }
    }
}

impl Source {
    /// A local file.
    pub(crate) async fn open(path: PathBuf) -> Result<Self> {
        Ok(Self::File(blocking(move || LocalFile::open(&path)).await??))
    }

    /// A reader that gives `size` bytes, or an unknown number of them.
    ///
    /// Short contents are read into memory, and those of unknown size beyond that onto the disk,
    /// encrypted. Anything that fits is read here; so a failing reader fails here.
    pub(crate) async fn read(mut reader: BoxedReader, size: Option<u64>) -> Result<Self> {
        if let Some(size) = size
            && size > IN_MEMORY
        {
            return Ok(Self::Stream(Some(reader), size));
        }
        let mut start = Vec::new();
        let mut limited = (&mut reader).take(IN_MEMORY.saturating_add(1));
        limited
            .read_to_end(&mut start)
            .await
            .map_err(source_failed)?;
        let len = u64::try_from(start.len()).unwrap_or(u64::MAX);
        match size {
            Some(size) if size != len => Err(source_changed(size, len)),
            None if len > IN_MEMORY => Ok(Self::Spool(Spool::fill(start, reader).await?)),
            _ => Ok(Self::Memory(start.into())),
        }
    }

    /// How many bytes there are.
    pub(crate) fn size(&self) -> u64 {
        match self {
            Self::File(local) | Self::Short(local, _) => local.stamp.size,
            Self::Memory(bytes) => u64::try_from(bytes.len()).unwrap_or(u64::MAX),
            Self::Spool(spool) => spool.size(),
            Self::Stream(_, size) => *size,
        }
    }

    /// When the content was last changed, if its source knows.
    pub(crate) fn modified(&self) -> Option<SystemTime> {
        match self {
            Self::File(local) | Self::Short(local, _) => local.stamp.modified,
            _ => None,
        }
    }

    /// Whether the content can be read once more.
    pub(crate) fn is_repeatable(&self) -> bool {
        !matches!(self, Self::Stream(None, _))
    }

    /// Whether the source is still what it was at the start (UL-1). A content that was read when it was opened was looked at then.
    pub(crate) fn check(&self) -> impl Future<Output = Result<()>> + Send + use<> {
        // Not held while waiting: a reader can be handed to another thread, but not shared.
        let file = match self {
            Self::File(local) => Some(local.same()),
            _ => None,
        };
        async move {
            match file {
                Some(file) => blocking(move || file.check()).await?,
                None => Ok(()),
            }
        }
    }
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kind = match self {
            Self::File(local) | Self::Short(local, _) => return local.fmt(f),
            Self::Memory(_) => "Memory",
            Self::Spool(_) => "Spool",
            Self::Stream(..) => "Stream",
        };
        f.debug_struct(kind)
            .field("size", &self.size())
            .finish_non_exhaustive()
    }
}

fn is_a_folder(path: &Path) -> Error {
    let text = "it is a folder; use `upload_folder`";
    Error::new(ErrorKind::IsADirectory, text).about(path.display().to_string())
}

/// Opening a pipe does not wait for its other end.
#[cfg(unix)]
const NO_WAITING: i32 = rustix::fs::OFlags::NONBLOCK.bits() as i32;

/// The error for a source that has not the bytes it should have (UL-1, UL-2).
pub(crate) fn source_changed(expected: u64, actual: u64) -> Error {
    let how = match actual.cmp(&expected) {
        std::cmp::Ordering::Less => format!("it has {actual} bytes instead of {expected}"),
        std::cmp::Ordering::Greater => format!("it has more than its {expected} bytes"),
        std::cmp::Ordering::Equal => "its modification time is another one".to_owned(),
    };
    Error::new(
        ErrorKind::SourceChanged,
        format!("the content changed while it was read: {how}"),
    )
}

/// The error for a source that is read a second time and is not what it was (UL-4).
pub(crate) fn changed_between() -> Error {
    let text = "the content changed while it was read: it is not the same the second time";
    Error::new(ErrorKind::SourceChanged, text)
}

/// The error for a source that fails.
pub(crate) fn source_failed(error: io::Error) -> Error {
    Error::io("the content to upload cannot be read", error).with_kind(ErrorKind::Io)
}

/// Up to this many bytes a reader's content is kept in memory.
pub(crate) const IN_MEMORY: u64 = 4 << 20;

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn ul_1_a_pipe_is_refused_without_waiting_for_somebody_who_writes() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0).unwrap();
        let kind = LocalFile::open(&pipe).unwrap_err().kind();
        assert_eq!(kind, ErrorKind::Unsupported);
        let kind = LocalFile::open(folder.path()).unwrap_err().kind();
        assert_eq!(kind, ErrorKind::IsADirectory);
        // A link is the caller's own, and what counts is where it leads.
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        std::fs::write(&file, "content").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        let opened = LocalFile::open(&link).unwrap();
        assert_eq!(opened.stamp.size, 7);
        // Nor does it matter what comes under that name later.
        std::fs::remove_file(&link).unwrap();
        std::fs::write(&link, "something else").unwrap();
        opened.check().unwrap();
    }

    #[tokio::test]
    async fn ul_1_a_short_file_is_read_once_and_what_becomes_of_it_then_does_not_matter() {
        use super::super::buffers::Buffers;
        use super::super::seal::{Lengths, PartBody, Sealer};
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, "content").unwrap();
        let buffers = Buffers::new(1 << 20);
        let buffer = buffers.take(7).await;
        let local = LocalFile::open(&path).unwrap();
        let mut source = local.read_whole(buffer).unwrap();
        std::fs::write(&path, "changed").unwrap();
        let later = std::time::SystemTime::now() + std::time::Duration::from_secs(9);
        let file = File::options().write(true).open(&path).unwrap();
        file.set_modified(later).unwrap();

        let key = || Some(mega_crypto::content::ContentKey::new([7; 16], [8; 8]));
        let sealed = async |source: &mut Source| {
            let sealer = Sealer::new(source, key()).unwrap();
            let lengths = Lengths {
                wanted: 1 << 20,
                held: 1 << 20,
                window: 1 << 20,
            };
            let (sealer, part) = sealer.next(lengths, buffers.clone()).await.unwrap();
            let PartBody::Held(body) = part.body else {
                panic!("it is short");
            };
            (body, sealer.finish().unwrap().crc)
        };
        let (first, crc) = sealed(&mut source).await;
        assert_eq!(&crc.0[..7], b"content");
        source.check().await.unwrap();
        // When it has to start again the file is read again, and is another one now.
        let (again, crc) = sealed(&mut source).await;
        assert_eq!(&crc.0[..7], b"changed");
        assert_ne!(first, again);
        let error = source.check().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::SourceChanged);
    }

    #[tokio::test]
    async fn ul_1_and_ul_2_a_short_file_that_changes_while_it_is_read_is_not_sent() {
        use super::super::buffers::Buffers;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let buffers = Buffers::new(1 << 20);
        let later = std::time::SystemTime::now() + std::time::Duration::from_secs(9);
        let changes: [fn(&File, std::time::SystemTime); 3] = [
            |file, _| file.set_len(8).unwrap(),
            |file, _| file.set_len(6).unwrap(),
            |file, later| file.set_modified(later).unwrap(),
        ];
        for change in changes {
            std::fs::write(&path, "content").unwrap();
            let buffer = buffers.take(7).await;
            let local = LocalFile::open(&path).unwrap();
            change(&File::options().write(true).open(&path).unwrap(), later);
            let error = local.read_whole(buffer).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::SourceChanged);
        }
    }
}

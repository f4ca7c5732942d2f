//! Where downloaded plaintext goes before it is verified: a file without its name yet, or memory.

use std::fs::File;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use mega_crypto::content::ChunkMacs;
use mega_crypto::fingerprint::Crc;

use super::buffers::Buffer;
use super::fetch::Sink;
use super::journal::DownloadJournal;
use super::local::{read_exact_at, write_all_at};
use super::remote::sample_crc;
use crate::error::{Error, ErrorKind, Result};

/// An open file, written at its offsets; with a journal if a later run is to go on.
pub(crate) struct FileSink {
    file: Arc<File>,
    journal: Option<Arc<DownloadJournal>>,
}

impl FileSink {
    pub(crate) fn new(file: Arc<File>, journal: Option<Arc<DownloadJournal>>) -> Self {
        Self { file, journal }
    }
}

impl Sink for FileSink {
    const QUICK: bool = false;

    fn store(&self, offset: u64, piece: Buffer) -> io::Result<()> {
        write_all_at(&self.file, &piece, offset)
    }

    fn note(&self, macs: &ChunkMacs) {
        if let Some(journal) = &self.journal {
            journal.note(macs);
        }
    }

    fn crc(&self, size: u64, legacy: bool) -> io::Result<Option<Crc>> {
        sample_crc(size, legacy, |at, sample| {
            read_exact_at(&self.file, sample, at)
        })
    }
}

/// Memory for the whole content.
pub(crate) struct MemorySink {
    content: Mutex<Content>,
}

enum Content {
    /// Nothing yet; this many bytes are wanted.
    Empty(usize),
    /// All of it came in one piece, which counts against the budget.
    Whole(Buffer),
    /// All of it, filled piece by piece, outside the budget.
    Pieces(Vec<u8>),
}

impl MemorySink {
    /// For a content of `size` bytes.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Misuse`] if that is more than `limit`.
    pub(crate) fn new(size: u64, limit: u64) -> Result<Self> {
        let too_large = || {
            Error::new(
                ErrorKind::Misuse,
                format!("a file of {size} bytes is not read into memory; download or open it"),
            )
        };
        if size > limit {
            return Err(too_large());
        }
        let size = usize::try_from(size).map_err(|_| too_large())?;
        Ok(Self {
            content: Mutex::new(Content::Empty(size)),
        })
    }

    /// The content, once it is complete.
    pub(crate) fn take(&self) -> Bytes {
        let mut content = self.content.lock().unwrap_or_else(PoisonError::into_inner);
        match std::mem::replace(&mut *content, Content::Empty(0)) {
            Content::Empty(_) => Bytes::new(),
            Content::Whole(piece) => piece.into_vec().into(),
            Content::Pieces(bytes) => bytes.into(),
        }
    }

    /// The same, and what came in one piece goes on to count against the budget until it is dropped.
    pub(crate) fn take_counted(&self) -> Bytes {
        let mut content = self.content.lock().unwrap_or_else(PoisonError::into_inner);
        match std::mem::replace(&mut *content, Content::Empty(0)) {
            Content::Empty(_) => Bytes::new(),
            Content::Whole(piece) => piece.into_bytes(),
            Content::Pieces(bytes) => bytes.into(),
        }
    }
}

impl Content {
    /// What there is of it; `None` before the first piece.
    fn bytes(&mut self) -> Option<&mut [u8]> {
        match self {
            Self::Empty(_) => None,
            Self::Whole(piece) => Some(piece),
            Self::Pieces(bytes) => Some(bytes),
        }
    }
}

impl Sink for MemorySink {
    const QUICK: bool = true;

    fn store(&self, offset: u64, piece: Buffer) -> io::Result<()> {
        let mut content = self.content.lock().unwrap_or_else(PoisonError::into_inner);
        if let Content::Empty(wanted) = *content {
            if offset == 0 && piece.len() == wanted {
                *content = Content::Whole(piece);
                return Ok(());
            }
            let mut bytes = Vec::new();
            bytes
                .try_reserve_exact(wanted)
                .map_err(|_| io::ErrorKind::OutOfMemory)?;
            bytes.resize(wanted, 0);
            *content = Content::Pieces(bytes);
        }
        let bytes = content.bytes().ok_or(io::ErrorKind::InvalidInput)?;
        let start = usize::try_from(offset).map_err(io::Error::other)?;
        let end = start.saturating_add(piece.len());
        let place = bytes
            .get_mut(start..end)
            .ok_or(io::ErrorKind::InvalidInput)?;
        place.copy_from_slice(&piece);
        Ok(())
    }

    fn let_go(&self) {
        let mut content = self.content.lock().unwrap_or_else(PoisonError::into_inner);
        *content = match std::mem::replace(&mut *content, Content::Empty(0)) {
            Content::Whole(piece) => Content::Pieces(piece.into_vec()),
            other => other,
        };
    }

    fn crc(&self, size: u64, legacy: bool) -> io::Result<Option<Crc>> {
        let mut content = self.content.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = content.bytes().ok_or(io::ErrorKind::InvalidInput)?;
        sample_crc(size, legacy, |at, sample| {
            let start = usize::try_from(at).map_err(io::Error::other)?;
            let end = start.saturating_add(sample.len());
            let bytes = bytes.get(start..end).ok_or(io::ErrorKind::UnexpectedEof)?;
            sample.copy_from_slice(bytes);
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::buffers::Buffers;
    use super::*;

    #[tokio::test]
    async fn lim_12_a_content_in_one_piece_counts_until_it_is_dropped_or_let_go() {
        let buffers = Buffers::new(1 << 20);
        let filled = async || {
            let mut piece = buffers.take(4096).await;
            piece.resize(4096, 7);
            let sink = MemorySink::new(4096, 4096).unwrap();
            sink.store(0, piece).unwrap();
            sink
        };
        let content = filled().await.take_counted();
        assert_eq!((content.len(), buffers.in_use()), (4096, 4096));
        drop(content);
        assert_eq!(buffers.in_use(), 0);

        let content = filled().await.take();
        assert_eq!((content.len(), buffers.in_use()), (4096, 0));

        let sink = filled().await;
        sink.let_go();
        assert_eq!(buffers.in_use(), 0);
        // What comes again replaces it, and counts no longer than that takes.
        let mut again = buffers.take(4096).await;
        again.resize(4096, 8);
        sink.store(0, again).unwrap();
        assert_eq!(buffers.in_use(), 0);
        assert!(sink.take().iter().all(|byte| *byte == 8));
    }
}

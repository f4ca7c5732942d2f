//! A part of an upload that is longer than what may lie in memory.
//!
//! Its checksum goes ahead of it, in the address (UL-3), so it is read and encrypted twice: once to learn the checksum and the MACs, and
//! once more while it leaves. Nothing leaves the second time unless it has the MACs of the first time: so what the MACs of the file are
//! made of is what the host has (UL-1), and no two contents are ever sent under one key, however often a part has to be sent (UL-4).

use std::fs::File;
use std::io;
use std::ops::Range;
use std::sync::{Arc, PoisonError};

use bytes::Bytes;
use futures::Stream;
use mega_crypto::content::{ChunkMac, ContentCipher, chunk_at};
use mega_protocol::RequestBody;
use tokio::sync::Mutex;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::task::JoinHandle;

use super::border::border;
use super::buffers::Buffer;
use super::local::read_exact_at;
use super::source::{changed_between, source_failed};
use crate::error::Error;
use crate::offload::thread_failed;

/// What was learned of such a part when it was read first, and what it takes to read it again.
pub(crate) struct Reread {
    file: Arc<File>,
    cipher: ContentCipher,
    range: Range<u64>,
    macs: Vec<ChunkMac>,
    checksum: [u8; 12],
    /// How much is read and encrypted at a time.
    window: u64,
    /// Memory for windows. It is taken before the part waits for its place, since nobody who has a place waits for a buffer.
    free: Mutex<UnboundedReceiver<Buffer>>,
    give: UnboundedSender<Buffer>,
}

/// Why one sending was broken off from this side.
#[derive(Clone, Default)]
pub(crate) struct BrokenOff(Arc<std::sync::Mutex<Option<Error>>>);

impl BrokenOff {
    fn note(&self, error: Error) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
    }

    /// What it was, if anything.
    pub(crate) fn error(&self) -> Option<Error> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// What the first reading of a part has shown.
pub(crate) struct Seen {
    pub(crate) range: Range<u64>,
    pub(crate) macs: Vec<ChunkMac>,
    pub(crate) checksum: [u8; 12],
}

/// One window leaves, the end of the one before may still be on its way, and the next one is made.
pub(crate) const WINDOWS: usize = 3;

impl Reread {
    /// A part that is read from `file` once more, window by window, each in one of these buffers. One is enough; with [`WINDOWS`] nothing is waited for.
    pub(crate) fn new(
        file: Arc<File>,
        cipher: ContentCipher,
        seen: Seen,
        window: u64,
        buffers: Vec<Buffer>,
    ) -> Self {
        let (give, free) = mpsc::unbounded_channel();
        for buffer in buffers {
            let _open = give.send(buffer);
        }
        Self {
            file,
            cipher,
            range: seen.range,
            macs: seen.macs,
            checksum: seen.checksum,
            window,
            free: Mutex::new(free),
            give,
        }
    }

    /// What goes into the address.
    pub(crate) fn checksum(&self) -> [u8; 12] {
        self.checksum
    }

    /// How many bytes it has.
    pub(crate) fn len(&self) -> u64 {
        self.range.end.saturating_sub(self.range.start)
    }

    /// The ciphertext, made while it is sent; and where it says why that ended early.
    pub(crate) fn body(self: &Arc<Self>) -> (RequestBody, BrokenOff) {
        let (part, broken) = (Arc::clone(self), BrokenOff::default());
        let note = broken.clone();
        let pieces = move || Arc::clone(&part).pieces(note.clone());
        (RequestBody::from_pieces(self.len(), pieces), broken)
    }

    fn pieces(
        self: Arc<Self>,
        broken: BrokenOff,
    ) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
        let start = Leaving {
            at: self.range.start,
            next: None,
            part: self,
            broken,
        };
        futures::stream::unfold(start, Leaving::step)
    }

    /// Reads and encrypts what lies here, and compares it with what was there before.
    fn fill(&self, range: Range<u64>, buffer: &mut Vec<u8>) -> Result<(), Error> {
        let len = range.end.saturating_sub(range.start);
        buffer.resize(usize::try_from(len).unwrap_or(usize::MAX), 0);
        read_exact_at(&self.file, buffer, range.start).map_err(|error| {
            if error.kind() == io::ErrorKind::UnexpectedEof {
                changed_between()
            } else {
                source_failed(error)
            }
        })?;
        let macs = self
            .cipher
            .encrypt_chunks(range.start, buffer)
            .map_err(|error| Error::misuse("a piece does not start at a chunk").caused_by(error))?;
        let first = chunk_at(self.range.start).index;
        let skipped = chunk_at(range.start).index.saturating_sub(first);
        let before = self
            .macs
            .get(usize::try_from(skipped).unwrap_or(usize::MAX)..)
            .and_then(|rest| rest.get(..macs.as_slice().len()));
        if before == Some(macs.as_slice()) {
            Ok(())
        } else {
            Err(changed_between())
        }
    }
}

impl std::fmt::Debug for Reread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reread")
            .field("range", &self.range)
            .finish_non_exhaustive()
    }
}

/// One sending of the part.
struct Leaving {
    part: Arc<Reread>,
    /// Where the window after the next one starts.
    at: u64,
    next: Option<Making>,
    broken: BrokenOff,
}

type Making = JoinHandle<Result<Window, Error>>;

impl Leaving {
    /// Gives the next window, and has the one after it made.
    async fn step(mut self) -> Option<(io::Result<Bytes>, Self)> {
        let making = match self.next.take() {
            Some(making) => making,
            None if self.at >= self.part.range.end => return None,
            None => {
                // What an earlier sending had comes back, too, as soon as nothing of it is on its way.
                let buffer = self.part.free.lock().await.recv().await?;
                self.make(buffer)
            }
        };
        let made = making
            .await
            .unwrap_or_else(|error| Err(thread_failed(error)));
        let window = match made {
            Ok(window) => window,
            Err(error) => {
                let why = io::Error::other(error.to_string());
                self.broken.note(error);
                self.at = self.part.range.end;
                return Some((Err(why), self));
            }
        };
        // Begun before this one is on its way, unless all of the memory still is.
        if self.at < self.part.range.end {
            let free = self.part.free.lock().await.try_recv();
            self.next = free.ok().map(|buffer| self.make(buffer));
        }
        Some((Ok(Bytes::from_owner(window)), self))
    }

    fn make(&mut self, buffer: Buffer) -> Making {
        let part = Arc::clone(&self.part);
        let range = self.at..border(self.at, part.window, part.range.end);
        self.at = range.end;
        let mut window = Window {
            buffer: Some(buffer),
            home: part.give.clone(),
        };
        crate::chance::spawn_blocking(move || {
            if let Some(buffer) = &mut window.buffer {
                part.fill(range, buffer)?;
            }
            Ok(window)
        })
    }
}

/// A window; its memory comes back when the last byte has left.
struct Window {
    buffer: Option<Buffer>,
    home: UnboundedSender<Buffer>,
}

impl AsRef<[u8]> for Window {
    fn as_ref(&self) -> &[u8] {
        self.buffer.as_ref().map_or(&[], |buffer| buffer.as_slice())
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        if let Some(buffer) = self.buffer.take() {
            // When the part has ended, it goes back to the budget.
            let _ended = self.home.send(buffer);
        }
    }
}

//! A part of an upload that is longer than what may lie in memory.
//!
//! Its checksum goes ahead of it, in the address (UL-3), so it is read and encrypted twice: once to learn the checksum and the MACs, and
//! once more while it leaves. Nothing leaves the second time unless it has the MACs of the first time: so what the MACs of the file are
//! made of is what the host has (UL-1), and no two contents are ever sent under one key, however often a part has to be sent (UL-4).

use std::fs::File;
use std::io;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures::Stream;
use mega_crypto::content::{ChunkMac, ContentCipher, chunk_at};
use mega_protocol::RequestBody;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::task::JoinHandle;

use super::buffers::Buffer;
use super::local::read_exact_at;
use super::seal::border;
use super::source::{changed_between, source_failed};
use crate::error::Error;

/// What was learned of such a part when it was read first, and what it takes to read it again.
pub(crate) struct Reread {
    pub(crate) file: Arc<File>,
    pub(crate) cipher: ContentCipher,
    pub(crate) range: Range<u64>,
    pub(crate) macs: Vec<ChunkMac>,
    pub(crate) checksum: [u8; 12],
    /// How much is read and encrypted at a time.
    pub(crate) window: u64,
    /// What [`WINDOWS`] windows take of the budget. It is taken before the part waits for its place, since nobody who has a place waits for a buffer.
    pub(crate) _held: Buffer,
    /// Why it could not be read again.
    pub(crate) failed: Mutex<Option<Error>>,
}

/// One window leaves, the end of the one before may still be on its way, and the next one is made.
pub(crate) const WINDOWS: usize = 3;

impl Reread {
    /// How many bytes it has.
    pub(crate) fn len(&self) -> u64 {
        self.range.end.saturating_sub(self.range.start)
    }

    /// The ciphertext, made while it is sent; each time it is sent anew.
    pub(crate) fn body(self: &Arc<Self>) -> RequestBody {
        let part = Arc::clone(self);
        RequestBody::from_pieces(self.len(), move || Arc::clone(&part).pieces())
    }

    /// Why the last sending was broken off from this side.
    pub(crate) fn failure(&self) -> Option<Error> {
        self.failed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }

    fn pieces(self: Arc<Self>) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
        let start = Leaving {
            at: self.range.start,
            next: None,
            free: Free::new(),
            part: self,
        };
        futures::stream::unfold(start, Leaving::step)
    }

    /// Reads and encrypts what starts here, and compares it with what was there before.
    fn window(&self, range: Range<u64>, mut buffer: Vec<u8>) -> Result<Vec<u8>, Error> {
        let len = range.end.saturating_sub(range.start);
        buffer.resize(usize::try_from(len).unwrap_or(usize::MAX), 0);
        read_exact_at(&self.file, &mut buffer, range.start).map_err(|error| {
            if error.kind() == io::ErrorKind::UnexpectedEof {
                changed_between()
            } else {
                source_failed(error)
            }
        })?;
        let macs = self
            .cipher
            .encrypt_chunks(range.start, &mut buffer)
            .map_err(|error| Error::misuse("a piece does not start at a chunk").caused_by(error))?;
        let first = chunk_at(self.range.start).index;
        let skipped = chunk_at(range.start).index.saturating_sub(first);
        let before = self
            .macs
            .get(usize::try_from(skipped).unwrap_or(usize::MAX)..)
            .and_then(|rest| rest.get(..macs.as_slice().len()));
        if before == Some(macs.as_slice()) {
            Ok(buffer)
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
    free: Free,
}

type Making = JoinHandle<Result<Vec<u8>, Error>>;

impl Leaving {
    /// Gives the next window, and has the one after it made.
    async fn step(mut self) -> Option<(io::Result<Bytes>, Self)> {
        let made = match self.next.take() {
            Some(making) => making,
            None => self.make().await?,
        };
        let made = match made.await {
            Ok(made) => made,
            Err(error) => Err(crate::offload::thread_failed(error)),
        };
        match made {
            Ok(window) => {
                let window = Window {
                    bytes: window,
                    home: self.free.give.clone(),
                };
                // Begun before this one is on its way, unless its memory is still needed for the one before.
                if let Ok(buffer) = self.free.take.try_recv() {
                    self.next = self.spawn(buffer);
                }
                Some((Ok(Bytes::from_owner(window)), self))
            }
            Err(error) => {
                let why = io::Error::other(error.to_string());
                let mut failed = self
                    .part
                    .failed
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner);
                *failed = Some(error);
                drop(failed);
                self.at = self.part.range.end;
                Some((Err(why), self))
            }
        }
    }

    async fn make(&mut self) -> Option<Making> {
        if self.at >= self.part.range.end {
            return None;
        }
        // The channel is never closed: this side has a sender, too.
        let buffer = self.free.take.recv().await?;
        self.spawn(buffer)
    }

    fn spawn(&mut self, buffer: Vec<u8>) -> Option<Making> {
        if self.at >= self.part.range.end {
            return None;
        }
        let part = Arc::clone(&self.part);
        let end = border(self.at, part.window, part.range.end);
        let range = self.at..end;
        self.at = end;
        Some(crate::chance::spawn_blocking(move || {
            part.window(range, buffer)
        }))
    }
}

/// The memory of windows that are not on their way.
struct Free {
    take: UnboundedReceiver<Vec<u8>>,
    give: UnboundedSender<Vec<u8>>,
}

impl Free {
    fn new() -> Self {
        let (give, take) = mpsc::unbounded_channel();
        for _ in 0..WINDOWS {
            let _never_closed = give.send(Vec::new());
        }
        Self { take, give }
    }
}

/// A window on its way; its memory comes back when the last byte has left.
struct Window {
    bytes: Vec<u8>,
    home: UnboundedSender<Vec<u8>>,
}

impl AsRef<[u8]> for Window {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        // Nobody takes it any more when the sending has ended.
        let _ended = self.home.send(std::mem::take(&mut self.bytes));
    }
}

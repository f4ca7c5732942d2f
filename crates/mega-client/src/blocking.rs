//! The same calls for programs without async: `.wait()` where others write `.await`.
//!
//! There is no second client here. Every call of [`Client`](crate::Client) and every option of it works as it is; only the end differs. What gives one result ends in
//! [`Wait::wait`], a stream becomes an iterator with [`WaitIter::wait_iter`], an open file becomes [`std::io::Read`] and [`std::io::Seek`] with [`FileReader::new`], one that is
//! written becomes [`std::io::Write`] with [`FileWriter::new`], and any [`std::io::Read`] can be uploaded through a [`Source`].
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let runtime = tokio::runtime::Runtime::new()?;
//! # let server = runtime.block_on(mega_testserver::TestServer::start())?;
//! # server.account("me@example.com", "secret").create();
//! # let folder = tempfile::tempdir()?;
//! # let local = folder.path().join("notes.txt");
//! # std::fs::write(&local, "buy milk")?;
//! use std::io::{Read, Seek, SeekFrom, Write};
//!
//! use mega_client::blocking::{FileReader, FileWriter, Source, Wait, WaitIter};
//! use mega_client::{Client, Credentials, OnConflict};
//!
//! let login = Credentials::new("me@example.com", "secret");
//! let mega = Client::builder()
//! #   .origin(server.url())
//!     .login(login)
//!     .wait()?;
//! mega.upload(&local, "/lists/notes.txt").on_conflict(OnConflict::Fail).wait()?;
//! for node in mega.list("/").recursive().stream().wait_iter() {
//!     println!("{}", node?.name());
//! }
//!
//! let mut file = FileReader::new(mega.open("/lists/notes.txt").wait()?);
//! file.seek(SeekFrom::Start(4))?;
//! let mut word = String::new();
//! file.read_to_string(&mut word)?;
//! assert_eq!(word, "milk");
//!
//! let copy = Source::new(std::fs::File::open(&local)?);
//! mega.write_from("/lists/copy.txt", copy).wait()?;
//!
//! let mut list = FileWriter::new(mega.writer("/lists/squares.txt").wait()?);
//! for number in 1..=3 {
//!     writeln!(list, "{}", number * number)?;
//! }
//! list.close()?;
//! mega.sign_out().wait()?;
//! # Ok(()) }
//! ```
//!
//! # Where it runs
//!
//! All futures run on one runtime of this crate's own, which is started with the first call and has one thread besides the caller's. Any number of threads may wait at the same
//! time. Inside an async program waiting would hold up the executor or lock it up altogether; there every call returns an error of the kind
//! [`Misuse`](crate::ErrorKind::Misuse), and nothing panics. That includes threads of `spawn_blocking`: await there, or use a thread of your own.

use std::future::IntoFuture;
use std::io::{self, SeekFrom};
use std::pin::{Pin, pin};
use std::sync::OnceLock;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures::{Stream, StreamExt};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncSeekExt, AsyncWriteExt, ReadBuf};
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::mpsc;

use crate::error::{Error, Result};
use crate::{Bulk, Target};

/// Waiting for what others await.
pub trait Wait: IntoFuture + Sized {
    /// Runs the call to its end.
    ///
    /// # Errors
    ///
    /// Those of the call, and [`Misuse`](crate::ErrorKind::Misuse) inside an async program.
    fn wait(self) -> Self::Output
    where
        Self::Output: Refusable;
}

impl<F: IntoFuture> Wait for F {
    fn wait(self) -> Self::Output
    where
        Self::Output: Refusable,
    {
        match runtime() {
            Ok(runtime) => runtime.block_on(self.into_future()),
            Err(error) => Refusable::refused(error),
        }
    }
}

/// A result that can say that there was no waiting for it.
pub trait Refusable: sealed::Sealed {
    #[doc(hidden)]
    fn refused(error: Error) -> Self;
}

impl<T> Refusable for Result<T> {
    fn refused(error: Error) -> Self {
        Err(error)
    }
}

impl<T> Refusable for Bulk<T> {
    /// One item that failed, without a name.
    fn refused(error: Error) -> Self {
        Self::new(vec![(Target::Path(String::new()), Err(error))])
    }
}

impl<T> Refusable for (Target, Result<T>) {
    fn refused(error: Error) -> Self {
        (Target::Path(String::new()), Err(error))
    }
}

impl Refusable for () {
    /// Only [`Client::close`](crate::Client::close) gives nothing. What it would have written, the next program learns from the service.
    fn refused(error: Error) -> Self {
        tracing::warn!(%error, "a client was not closed");
    }
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for () {}
    impl<T> Sealed for crate::Result<T> {}
    impl<T> Sealed for crate::Bulk<T> {}
    impl<T> Sealed for (crate::Target, crate::Result<T>) {}
}

/// Streams as iterators.
pub trait WaitIter: Stream + Sized {
    /// Waits for one item after the other.
    fn wait_iter(self) -> Iter<Self>;
}

impl<S: Stream<Item: Refusable>> WaitIter for S {
    fn wait_iter(self) -> Iter<Self> {
        Iter {
            stream: Box::pin(self),
            refused: false,
        }
    }
}

/// A stream as an iterator; see [`WaitIter::wait_iter`]. Inside an async program it gives one error and ends.
#[derive(Debug)]
pub struct Iter<S> {
    stream: Pin<Box<S>>,
    refused: bool,
}

impl<S: Stream<Item: Refusable>> Iterator for Iter<S> {
    type Item = S::Item;

    fn next(&mut self) -> Option<S::Item> {
        if self.refused {
            return None;
        }
        match runtime() {
            Ok(runtime) => runtime.block_on(self.stream.next()),
            Err(error) => {
                self.refused = true;
                Some(Refusable::refused(error))
            }
        }
    }
}

/// An open remote file as [`std::io::Read`] and [`std::io::Seek`].
#[derive(Debug)]
pub struct FileReader(crate::FileReader);

impl FileReader {
    /// Wraps an open file.
    #[must_use]
    pub fn new(file: crate::FileReader) -> Self {
        Self(file)
    }

    /// The file, for what only it can tell: its size, and what is proven of its content.
    #[must_use]
    pub fn get_ref(&self) -> &crate::FileReader {
        &self.0
    }

    /// Proves the content; see [`FileReader::verify`](crate::FileReader::verify).
    ///
    /// # Errors
    ///
    /// Those of the call, and [`Misuse`](crate::ErrorKind::Misuse) inside an async program.
    pub fn verify(&mut self) -> Result<crate::Integrity> {
        self.0.verify().wait()
    }

    /// Gives the file back.
    #[must_use]
    pub fn into_inner(self) -> crate::FileReader {
        self.0
    }
}

impl io::Read for FileReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        runtime()?.block_on(self.0.read(buffer))
    }
}

impl io::Seek for FileReader {
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        runtime()?.block_on(self.0.seek(position))
    }
}

/// A remote file that is being written as [`std::io::Write`]. Nothing appears until it is [closed](Self::close); when it is dropped before, nothing ever does.
#[derive(Debug)]
pub struct FileWriter(crate::FileWriter);

impl FileWriter {
    /// Wraps a writer.
    #[must_use]
    pub fn new(file: crate::FileWriter) -> Self {
        Self(file)
    }

    /// The writer, for what only it can tell.
    #[must_use]
    pub fn get_ref(&self) -> &crate::FileWriter {
        &self.0
    }

    /// Says that this was all, and gives the node that it has become; see [`FileWriter::close`](crate::FileWriter::close).
    ///
    /// # Errors
    ///
    /// Those of the call, and [`Misuse`](crate::ErrorKind::Misuse) inside an async program.
    pub fn close(self) -> Result<crate::Node> {
        self.0.close().wait()
    }

    /// Gives the writer back.
    #[must_use]
    pub fn into_inner(self) -> crate::FileWriter {
        self.0
    }
}

impl io::Write for FileWriter {
    fn write(&mut self, content: &[u8]) -> io::Result<usize> {
        runtime()?.block_on(self.0.write(content))
    }

    /// Hands what was written to the upload, and reports what has gone wrong with it; makes nothing visible.
    fn flush(&mut self) -> io::Result<()> {
        runtime()?.block_on(AsyncWriteExt::flush(&mut self.0))
    }
}

/// Any [`std::io::Read`] as a source for [`Client::write_from`](crate::Client::write_from). It is read by a thread of its own, a little ahead.
#[derive(Debug)]
pub struct Source {
    pieces: mpsc::Receiver<io::Result<Bytes>>,
    rest: Bytes,
    ended: bool,
}

/// How much is read at a time, and how many such pieces may wait.
const PIECE: usize = 128 << 10;
const PIECES: usize = 8;

impl Source {
    /// Starts to read. An error of the reader becomes an error of the upload; its end is the end of the content.
    pub fn new(mut reader: impl io::Read + Send + 'static) -> Self {
        let (sender, pieces) = mpsc::channel(PIECES);
        let failure = sender.clone();
        let started = std::thread::Builder::new()
            .name("mega-client-source".to_owned())
            .spawn(move || {
                loop {
                    let mut piece = vec![0; PIECE];
                    let piece = match reader.read(&mut piece) {
                        Ok(len) => {
                            piece.truncate(len);
                            Ok(Bytes::from(piece))
                        }
                        Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                        Err(error) => Err(error),
                    };
                    // An empty piece is the end: said aloud, so that a reader that panics never looks like one that has come to its end.
                    let last = piece.as_ref().map_or(true, Bytes::is_empty);
                    if sender.blocking_send(piece).is_err() || last {
                        return;
                    }
                }
            });
        if let Err(error) = started {
            // Nothing else is in the channel, so there is room.
            let _ = failure.try_send(Err(error));
        }
        Self {
            pieces,
            rest: Bytes::new(),
            ended: false,
        }
    }
}

impl AsyncRead for Source {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.rest.is_empty() && !self.ended {
            match ready!(self.pieces.poll_recv(context)) {
                Some(piece) => self.rest = piece?,
                None => {
                    return Poll::Ready(Err(io::Error::other(
                        "the thread that reads the source has ended early",
                    )));
                }
            }
            self.ended = self.rest.is_empty();
        }
        let len = self.rest.len().min(buffer.remaining());
        buffer.put_slice(&self.rest.split_to(len));
        Poll::Ready(Ok(()))
    }
}

/// The runtime of all waiting calls.
fn runtime() -> Result<&'static Runtime> {
    static RUNTIME: OnceLock<io::Result<Runtime>> = OnceLock::new();
    if Handle::try_current().is_ok() {
        return Err(Error::misuse(
            "waiting inside an async program would hold up its executor; use .await here",
        ));
    }
    RUNTIME
        .get_or_init(|| {
            Builder::new_multi_thread()
                .worker_threads(1)
                .thread_name("mega-client")
                .enable_all()
                .build()
        })
        .as_ref()
        .map_err(|error| {
            Error::io(
                "the thread for waiting calls cannot be started",
                io::Error::new(error.kind(), error.to_string()),
            )
        })
}

/// Runs a future that borrows, for calls that are no builders.
#[expect(
    dead_code,
    reason = "a compile-time proof that futures which borrow can be waited for"
)]
fn borrowing_futures_can_wait(client: &crate::Client) -> Result<()> {
    let refreshed = pin!(client.refresh());
    refreshed.wait()
}

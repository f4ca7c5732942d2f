//! An open remote file: `AsyncRead` and `AsyncSeek`, with read-ahead.

use std::collections::VecDeque;
use std::fmt;
use std::future::IntoFuture;
use std::io::{self, SeekFrom};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures::Stream;
use mega_crypto::content::{Chunk, ChunkMacs, CondensedMac, chunk_at, chunk_count, chunk_offset};
use tokio::io::{AsyncRead, AsyncSeek, ReadBuf};
use tokio::task::JoinHandle;

use super::blocks::{Block, OpenFile};
use super::buffers::Buffer;
use super::integrity::{Integrity, IntegrityPolicy};
use super::remote::{RemoteFile, integrity_error};
use super::{BoxFuture, Shared};
use crate::error::{Error, ErrorKind, Result};
use crate::{Client, Target};

impl Client {
    /// Opens a file for reading at any place.
    ///
    /// One address serves the reader for its whole life, so a seek costs no command. Reading forward
    /// fetches ahead over several connections. Readers of the same file share the address and what they have
    /// read lately.
    ///
    /// ```
    /// # async fn doc() -> Result<(), Box<dyn std::error::Error>> {
    /// # let server = mega_testserver::TestServer::start().await?;
    /// # server.account("me@example.com", "secret").create();
    /// # let login = mega_client::Credentials::new("me@example.com", "secret");
    /// # let mega = mega_client::Client::builder().origin(server.url()).login(login).await?;
    /// use tokio::io::{AsyncReadExt, AsyncSeekExt};
    ///
    /// mega.write("/notes.txt", "buy milk and bread").await?;
    /// let mut file = mega.open("/notes.txt").await?;
    /// file.seek(std::io::SeekFrom::Start(4)).await?;
    /// let mut word = [0; 4];
    /// file.read_exact(&mut word).await?;
    /// assert_eq!(&word, b"milk");
    /// # Ok(()) }
    /// # tokio::runtime::Runtime::new().unwrap().block_on(doc()).unwrap();
    /// ```
    pub fn open(&self, target: impl Into<Target>) -> Open {
        Open {
            client: self.clone(),
            target: target.into(),
            policy: IntegrityPolicy::default(),
        }
    }
}

/// A file to be opened; await it.
///
/// # Errors
///
/// [`NotFound`](ErrorKind::NotFound), [`IsADirectory`](ErrorKind::IsADirectory), [`Key`](ErrorKind::Key) if the node has no
/// usable key.
///
/// Cancel safe: nothing is changed, and no request is made.
#[derive(Debug)]
#[must_use = "nothing happens until it is awaited"]
pub struct Open {
    client: Client,
    target: Target,
    policy: IntegrityPolicy,
}

impl Open {
    /// What is accepted besides an exact proof.
    pub fn integrity(mut self, policy: IntegrityPolicy) -> Self {
        self.policy = policy;
        self
    }
}

impl IntoFuture for Open {
    type Output = Result<FileReader>;
    type IntoFuture = BoxFuture<Result<FileReader>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let opened = self
                .client
                .remote_file(&self.target)
                .and_then(|file| FileReader::new(self.client.transfers(), &file, self.policy));
            opened.map_err(|error| error.about(self.target.to_string()).during("open"))
        })
    }
}

/// An open remote file.
///
/// What it gives is decrypted, and **unverified at first**: the MAC is over the whole file. The reader
/// works in whole chunks and keeps their MACs. As soon as it has seen all of them, in whatever order, it
/// compares: if the content is not what was uploaded, the read that needed the last chunk fails, with
/// [`io::ErrorKind::InvalidData`], before giving any of it, and so does every read after it. So a program
/// that reads to the end without an error has read an authentic file (threat model, DL-3).
/// [`integrity`](Self::integrity) tells what is proven so far, [`verify`](Self::verify) proves the rest.
///
/// It holds one chunk of up to 1 MiB; what is fetched ahead and kept for a while, together with the other readers
/// of the file, counts against a quarter of [`TransferLimits::buffer_bytes`](super::TransferLimits::buffer_bytes).
/// Dropping it ends its requests.
pub struct FileReader {
    open: Arc<OpenFile>,
    policy: IntegrityPolicy,
    position: u64,
    current: Option<(Chunk, Bytes)>,
    ahead: VecDeque<(u64, Fetching)>,
    /// How many chunks were read one after the other.
    streak: usize,
    macs: CondensedMac,
    proven: Option<Integrity>,
    failed: bool,
    /// The stream of pieces has given an error.
    broken_off: bool,
}

/// A chunk being fetched; the request ends when this is dropped, unless another reader waits for it.
struct Fetching(JoinHandle<Result<Block>>);

impl Drop for Fetching {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl FileReader {
    fn new(shared: &Shared, file: &RemoteFile, policy: IntegrityPolicy) -> Result<Self> {
        let proven = if file.size == 0 {
            Some(file.empty(policy)?)
        } else {
            None
        };
        Ok(Self {
            open: shared.open_files().get(shared, file),
            policy,
            position: 0,
            current: None,
            ahead: VecDeque::new(),
            streak: 0,
            macs: CondensedMac::new(),
            proven,
            failed: false,
            broken_off: false,
        })
    }

    /// The size of the file.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.open.file().size
    }

    /// Where the next read starts.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.position
    }

    /// What is proven of the content so far.
    #[must_use]
    pub fn integrity(&self) -> Integrity {
        self.proven.clone().unwrap_or(Integrity::Unverified)
    }

    /// Proves the content: fetches the chunks that were not read yet, only to see their MACs. The
    /// position stays.
    ///
    /// # Errors
    ///
    /// [`Integrity`](ErrorKind::Integrity) if the content is not what was uploaded, and those of the network.
    ///
    /// Cancel safe: what was seen counts the next time.
    pub async fn verify(&mut self) -> Result<Integrity> {
        self.streak = self.streak.max(self.open.shared().limits().connections());
        while !self.failed && self.proven.is_none() {
            let missing = self.macs.missing(self.size()).next();
            let Some(chunk) = missing.map(|range| chunk_at(range.start)) else {
                break;
            };
            let block = std::future::poll_fn(|context| self.poll_chunk(context, chunk)).await?;
            self.see(&block.macs)?;
        }
        match &self.proven {
            Some(proven) => Ok(proven.clone()),
            None => Err(Error::new(ErrorKind::Integrity, FAILED)),
        }
    }

    /// Waits for a chunk, fetching it unless that is under way, and fetches ahead of it.
    fn poll_chunk(&mut self, context: &mut Context<'_>, chunk: Chunk) -> Poll<Result<Block>> {
        if let Some(block) = self.open.peek(chunk.index) {
            let behind = |(index, _): &(u64, Fetching)| *index > chunk.index;
            self.ahead.retain(behind);
            self.look_ahead(chunk.index);
            return Poll::Ready(Ok(block));
        }
        if self
            .ahead
            .front()
            .is_none_or(|(index, _)| *index != chunk.index)
        {
            match self
                .ahead
                .iter()
                .position(|(index, _)| *index == chunk.index)
            {
                Some(at) => drop(self.ahead.drain(..at)),
                None => {
                    self.ahead.clear();
                    let room = self.open.room(chunk);
                    self.ahead.push_back((chunk.index, self.begin(chunk, room)));
                }
            }
        }
        self.look_ahead(chunk.index);
        let Some((_, Fetching(handle))) = self.ahead.front_mut() else {
            return Poll::Ready(Err(Error::misuse("nothing is being read")));
        };
        let fetched = match ready!(Pin::new(handle).poll(context)) {
            Ok(fetched) => fetched,
            Err(error) => {
                Err(Error::new(ErrorKind::Io, "a task for reading failed").caused_by(error))
            }
        };
        self.ahead.pop_front();
        Poll::Ready(fetched)
    }

    /// Starts to fetch the chunks after this one, more of them the longer it goes forward, as far as
    /// the budget for reading has room.
    fn look_ahead(&mut self, index: u64) {
        let most = self
            .streak
            .min(self.open.shared().limits().connections().saturating_mul(2));
        let count = chunk_count(self.size());
        while self.ahead.len() <= most {
            let last = self.ahead.back().map_or(index, |(index, _)| *index);
            let next = last.saturating_add(1);
            let Some(offset) = chunk_offset(next).filter(|_| next < count) else {
                return;
            };
            let chunk = chunk_at(offset);
            let room = if self.open.is_wanted(next) {
                // Another reader has asked for it, within the budget.
                None
            } else {
                match self.open.room(chunk) {
                    Some(room) => Some(room),
                    None => return,
                }
            };
            self.ahead.push_back((next, self.begin(chunk, room)));
        }
    }

    /// Fetches a chunk in a task of its own.
    fn begin(&self, chunk: Chunk, room: Option<Buffer>) -> Fetching {
        let open = Arc::clone(&self.open);
        Fetching(tokio::spawn(async move { open.chunk(chunk, room).await }))
    }

    /// Notes the MAC of a chunk; once all are there, compares.
    fn see(&mut self, macs: &ChunkMacs) -> Result<()> {
        let seen = self.macs.insert_all(macs).map_err(|error| {
            self.failed = true;
            Error::new(
                ErrorKind::Integrity,
                "the content is not the same as before",
            )
            .caused_by(error)
        });
        seen?;
        let size = self.size();
        if self.proven.is_some() || self.macs.missing(size).next().is_some() {
            return Ok(());
        }
        let (expected, policy) = (self.open.file().meta_mac(), self.policy.mac());
        match self
            .macs
            .verify(self.open.cipher(), size, &expected, policy)
        {
            Ok(found) => {
                self.proven = Some(Integrity::from_match(found));
                Ok(())
            }
            Err(error) => {
                self.failed = true;
                Err(integrity_error(error))
            }
        }
    }

    /// The chunk under the position, from memory if it is there.
    fn poll_current(&mut self, context: &mut Context<'_>) -> Poll<Result<(Chunk, Bytes)>> {
        if let Some((chunk, bytes)) = &self.current
            && chunk.range().contains(&self.position)
        {
            return Poll::Ready(Ok((*chunk, bytes.clone())));
        }
        let chunk = chunk_at(self.position);
        let behind = self
            .current
            .as_ref()
            .map(|(chunk, _)| chunk.index.saturating_add(1));
        let forward = match behind {
            Some(next) => next == chunk.index,
            None => chunk.index == 0,
        };
        let block = ready!(self.poll_chunk(context, chunk))?;
        self.streak = if forward {
            self.streak.saturating_add(1)
        } else {
            0
        };
        self.see(&block.macs)?;
        self.current = Some((chunk, block.bytes.clone()));
        Poll::Ready(Ok((chunk, block.bytes)))
    }
}

impl AsyncRead for FileReader {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.failed {
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, FAILED)));
        }
        if this.position >= this.size() || buffer.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        let (chunk, bytes) =
            ready!(this.poll_current(context)).map_err(|error| error.during("read"))?;
        let skip = this.position.saturating_sub(chunk.offset);
        let rest = bytes.get(usize::try_from(skip).unwrap_or(usize::MAX)..);
        let rest = rest.unwrap_or_default();
        let (taken, _) = rest.split_at(rest.len().min(buffer.remaining()));
        buffer.put_slice(taken);
        let len = u64::try_from(taken.len()).unwrap_or(0);
        this.position = this.position.saturating_add(len);
        Poll::Ready(Ok(()))
    }
}

/// What is left from the position on, in pieces of up to 1 MiB, without a copy. An item is given only when every check that it
/// completes has held, as with `AsyncRead`; after the last one [`integrity`](FileReader::integrity) tells what is proven.
/// An error ends the stream; after a seek there is another one.
impl Stream for FileReader {
    type Item = Result<Bytes>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Bytes>>> {
        let this = self.get_mut();
        if this.broken_off || (this.position >= this.size() && !this.failed) {
            return Poll::Ready(None);
        }
        let piece = if this.failed {
            Err(Error::new(ErrorKind::Integrity, FAILED))
        } else {
            ready!(this.poll_current(context)).map(|(chunk, bytes)| {
                let skip = this.position.saturating_sub(chunk.offset);
                let skip = usize::try_from(skip).map_or(bytes.len(), |skip| skip.min(bytes.len()));
                bytes.slice(skip..)
            })
        };
        match &piece {
            Ok(bytes) => {
                let len = u64::try_from(bytes.len()).unwrap_or(0);
                this.position = this.position.saturating_add(len);
            }
            Err(_) => this.broken_off = true,
        }
        Poll::Ready(Some(piece.map_err(|error| error.during("read"))))
    }
}

impl AsyncSeek for FileReader {
    fn start_seek(self: Pin<&mut Self>, to: SeekFrom) -> io::Result<()> {
        let this = self.get_mut();
        this.broken_off = false;
        let place = match to {
            SeekFrom::Start(place) => Some(place),
            SeekFrom::End(offset) => this.size().checked_add_signed(offset),
            SeekFrom::Current(offset) => this.position.checked_add_signed(offset),
        };
        this.position = place.ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::InvalidInput,
                "a place before the start of the file",
            )
        })?;
        Ok(())
    }

    fn poll_complete(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<u64>> {
        Poll::Ready(Ok(self.position))
    }
}

impl fmt::Debug for FileReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileReader")
            .field("size", &self.size())
            .field("position", &self.position)
            .field("integrity", &self.integrity())
            .finish_non_exhaustive()
    }
}

const FAILED: &str = "the content is not what was uploaded";

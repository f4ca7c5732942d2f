//! Reading a file into memory: all of it, verified, or a part, which cannot be.

use std::future::IntoFuture;
use std::ops::{Bound, Deref, RangeBounds};
use std::sync::Arc;

use bytes::Bytes;

use super::BoxFuture;
use super::address::Addresses;
use super::fetch::fetch;
use super::integrity::{Integrity, IntegrityPolicy};
use super::progress::{Meter, Progress};
use super::ranges::fetch_range;
use super::remote::RemoteFile;
use super::sink::MemorySink;
use crate::error::{Error, Result};
use crate::fs::changed_meanwhile;
use crate::{Client, NodeHandle, Target};

impl Client {
    /// Reads a file into memory. The content is verified.
    ///
    /// The largest file that is read so is [`TransferLimits::memory_bytes`](super::TransferLimits::memory_bytes).
    ///
    /// ```
    /// # async fn doc() -> Result<(), Box<dyn std::error::Error>> {
    /// # let server = mega_testserver::TestServer::start().await?;
    /// # server.account("me@example.com", "secret").create();
    /// # let login = mega_client::Credentials::new("me@example.com", "secret");
    /// # let mega = mega_client::Client::builder().origin(server.url()).login(login).await?;
    /// mega.write("/notes.txt", "buy milk").await?;
    /// assert_eq!(mega.read("/notes.txt").await?, "buy milk");
    /// assert_eq!(&**mega.read("/notes.txt").range(4..).await?, b"milk");
    /// # Ok(()) }
    /// # tokio::runtime::Runtime::new().unwrap().block_on(doc()).unwrap();
    /// ```
    pub fn read(&self, target: impl Into<Target>) -> Read {
        Read {
            client: self.clone(),
            target: target.into(),
            progress: Progress::new(),
            policy: IntegrityPolicy::default(),
            expects: None,
        }
    }
}

/// A whole file to be read into memory; await it.
///
/// # Errors
///
/// As for [`Download`](super::Download), and [`Misuse`](crate::ErrorKind::Misuse) if the file is larger than the
/// limit.
///
/// Cancel safety: it can be dropped at any time.
#[derive(Debug)]
#[must_use = "nothing happens until it is awaited"]
pub struct Read {
    client: Client,
    target: Target,
    progress: Progress,
    policy: IntegrityPolicy,
    expects: Option<NodeHandle>,
}

impl Read {
    /// Only a part of the file: from any byte to any byte. The end is cut at the end of the file.
    ///
    /// A part cannot be verified, since the MAC is over the whole file; so the type is another one.
    pub fn range(self, range: impl RangeBounds<u64>) -> ReadRange {
        let start = match range.start_bound() {
            Bound::Included(start) => *start,
            Bound::Excluded(start) => start.saturating_add(1),
            Bound::Unbounded => 0,
        };
        let end = match range.end_bound() {
            Bound::Included(end) => Some(end.saturating_add(1)),
            Bound::Excluded(end) => Some(*end),
            Bound::Unbounded => None,
        };
        ReadRange {
            read: self,
            wanted: Wanted::Range(start, end),
        }
    }

    /// Only the last bytes of the file; all of it if it is shorter. Not verified.
    pub fn last(self, bytes: u64) -> ReadRange {
        ReadRange {
            read: self,
            wanted: Wanted::Last(bytes),
        }
    }

    /// Only if this is still the file at the path; else the call fails with [`Precondition`](crate::ErrorKind::Precondition). What is
    /// replaced keeps its handle and content as an older version, so to read what you saw before, read the handle.
    pub fn if_version(mut self, file: NodeHandle) -> Self {
        self.expects = Some(file);
        self
    }

    /// The file that is meant, if it is the expected one.
    fn file(&self) -> Result<RemoteFile> {
        let node = self.client.file_node(&self.target)?;
        if self
            .expects
            .is_some_and(|expected| expected != node.handle())
        {
            return Err(changed_meanwhile());
        }
        self.client.remote_file_of(&node)
    }

    /// Shows how far it is, and lets somebody stop it.
    pub fn progress(mut self, progress: &Progress) -> Self {
        self.progress = progress.clone();
        self
    }

    /// What is accepted besides an exact proof.
    pub fn integrity(mut self, policy: IntegrityPolicy) -> Self {
        self.policy = policy;
        self
    }

    async fn run(&self) -> Result<Bytes> {
        let file = self.file()?;
        let shared = self.client.transfers();
        let sink = Arc::new(MemorySink::new(file.size, shared.limits().memory())?);
        self.progress.expect(1, file.size);
        let meter = Meter::new(&self.progress);
        fetch(shared, &file, self.policy, Arc::clone(&sink), &meter).await?;
        self.progress.file_done();
        Ok(sink.take())
    }
}

impl IntoFuture for Read {
    type Output = Result<Bytes>;
    type IntoFuture = BoxFuture<Result<Bytes>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let done = self.progress.unless_cancelled(self.run()).await;
            done.map_err(|error| error.about(self.target.to_string()).during("read"))
        })
    }
}

/// A part of a file to be read into memory; await it.
///
/// # Errors
///
/// [`Misuse`](crate::ErrorKind::Misuse) for a range that starts at or beyond the end of the file (of an empty file the range from 0 on is
/// empty), ends before it starts, or is larger than the limit; else as for [`Read`].
///
/// Cancel safe: it can be dropped at any time.
#[derive(Debug)]
#[must_use = "nothing happens until it is awaited"]
pub struct ReadRange {
    read: Read,
    wanted: Wanted,
}

#[derive(Clone, Copy, Debug)]
enum Wanted {
    Range(u64, Option<u64>),
    Last(u64),
}

impl ReadRange {
    async fn run(&self) -> Result<Unverified> {
        let client = &self.read.client;
        let file = self.read.file()?;
        let size = file.size;
        let range = match self.wanted {
            Wanted::Last(bytes) => size.saturating_sub(bytes)..size,
            Wanted::Range(start, end) => {
                let end = end.unwrap_or(size);
                if end < start {
                    return Err(Error::misuse(format!(
                        "the range {start}..{end} is reversed"
                    )));
                }
                if start >= size && (start, size) != (0, 0) {
                    return Err(Error::misuse(format!(
                        "the range starts at {start}, the file has {size} bytes"
                    )));
                }
                start..end.min(size)
            }
        };
        let shared = client.transfers();
        let len = range.end.saturating_sub(range.start);
        // The same bound as for a whole file.
        MemorySink::new(len, shared.limits().memory())?;
        self.read.progress.expect(1, len);
        let meter = Meter::new(&self.read.progress);
        let addresses = Addresses::new(shared, &file);
        let bytes = fetch_range(shared, &addresses, &file.cipher(), range.clone(), &meter).await?;
        self.read.progress.file_done();
        Ok(Unverified {
            bytes,
            start: range.start,
            size,
        })
    }
}

impl IntoFuture for ReadRange {
    type Output = Result<Unverified>;
    type IntoFuture = BoxFuture<Result<Unverified>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let done = self.read.progress.unless_cancelled(self.run()).await;
            done.map_err(|error| error.about(self.read.target.to_string()).during("read"))
        })
    }
}

/// A part of a file: decrypted, but not verified. Whoever stands between the uploader and you may have
/// flipped bits in it unnoticed (threat model, DL-4).
#[derive(Clone, PartialEq, Eq)]
pub struct Unverified {
    bytes: Bytes,
    start: u64,
    size: u64,
}

impl Unverified {
    /// Where it lies in the file.
    #[must_use]
    pub fn start(&self) -> u64 {
        self.start
    }

    /// The size of the whole file.
    #[must_use]
    pub fn file_size(&self) -> u64 {
        self.size
    }

    /// Always [`Integrity::Unverified`].
    #[must_use]
    pub fn integrity(&self) -> Integrity {
        Integrity::Unverified
    }

    /// The bytes.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        self.bytes
    }
}

impl Deref for Unverified {
    type Target = Bytes;

    fn deref(&self) -> &Bytes {
        &self.bytes
    }
}

impl AsRef<[u8]> for Unverified {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl std::fmt::Debug for Unverified {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Unverified")
            .field("start", &self.start)
            .field("len", &self.bytes.len())
            .finish_non_exhaustive()
    }
}

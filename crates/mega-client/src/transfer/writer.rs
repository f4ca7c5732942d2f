//! A file that is being written: `AsyncWrite` and a sink of `Bytes`.

use std::fmt;
use std::future::{IntoFuture, poll_fn};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::SystemTime;

use bytes::Bytes;
use futures::Sink;
use tokio::io::AsyncWrite;
use tokio::task::JoinHandle;

use super::BoxFuture;
use super::pipe::{Inlet, Unread, pipe};
use super::progress::Progress;
use super::upload::{Content, Upload};
use crate::error::{Error, ErrorKind, Result};
use crate::fs::OnConflict;
use crate::node::Node;
use crate::{Client, NodeHandle, Target};

impl Client {
    /// Opens a new file for writing; await it for the [`FileWriter`]. The node appears when the writer is
    /// [closed](FileWriter::close), complete, or not at all.
    ///
    /// The target and what happens when its name is taken are as for [`upload`](Self::upload): a file of that name
    /// stays as an older version. Nothing is ever appended; see [`Capabilities::append`](crate::Capabilities::append).
    ///
    /// A writer whose file is not written on holds what its next part needs, 2 MiB at first and up to 8 MiB later (up to 24 where a file
    /// may have fewer than four connections), of the [memory](crate::TransferLimits::buffer_bytes) of all transfers: with as many open writers as fill it, everything else waits for them.
    ///
    /// ```
    /// # async fn doc() -> Result<(), Box<dyn std::error::Error>> {
    /// # let server = mega_testserver::TestServer::start().await?;
    /// # server.account("me@example.com", "secret").create();
    /// # let login = mega_client::Credentials::new("me@example.com", "secret");
    /// # let mega = mega_client::Client::builder().origin(server.url()).login(login).await?;
    /// use tokio::io::AsyncWriteExt;
    ///
    /// let mut file = mega.writer("/report.csv").await?;
    /// for line in 1..=3 {
    ///     file.write_all(format!("{line};{}\n", line * line).as_bytes()).await?;
    /// }
    /// let node = file.close().await?;
    /// assert_eq!(mega.read(&node).await?, "1;1\n2;4\n3;9\n");
    /// # Ok(()) }
    /// # tokio::runtime::Runtime::new().unwrap().block_on(doc()).unwrap();
    /// ```
    pub fn writer(&self, target: impl Into<Target>) -> OpenWriter {
        let nothing = Content::Bytes(Bytes::new());
        OpenWriter {
            upload: Upload::new(self, nothing, target.into()),
            size: None,
        }
    }
}

/// A file to be opened for writing; await it.
///
/// # Errors
///
/// Those of [`Upload`] that can be told before there is any content: [`AlreadyExists`](ErrorKind::AlreadyExists),
/// [`IsADirectory`](ErrorKind::IsADirectory), [`NotADirectory`](ErrorKind::NotADirectory), [`NotFound`](ErrorKind::NotFound),
/// [`Precondition`](ErrorKind::Precondition), [`AccessDenied`](ErrorKind::AccessDenied).
///
/// Cancel safe: nothing is sent before there is content.
#[must_use = "nothing happens until it is awaited"]
#[derive(Debug)]
pub struct OpenWriter {
    upload: Upload,
    size: Option<u64>,
}

impl OpenWriter {
    /// How many bytes will be written. It has to be exactly so many. Then they are sent as they come; without it they
    /// are kept until the file is closed, since the service wants to know first: up to 4 MiB in memory, more of them encrypted on disk.
    pub fn size(mut self, bytes: u64) -> Self {
        self.size = Some(bytes);
        self
    }

    /// The modification time that the node gets, in whole seconds. The default is when the file is opened.
    pub fn modified(mut self, time: SystemTime) -> Self {
        self.upload = self.upload.modified(time);
        self
    }

    /// What to do if the name is taken; see [`Upload::on_conflict`].
    pub fn on_conflict(mut self, rule: OnConflict) -> Self {
        self.upload = self.upload.on_conflict(rule);
        self
    }

    /// Only if this is still the file of that name; see [`Upload::if_version`].
    pub fn if_version(mut self, file: NodeHandle) -> Self {
        self.upload = self.upload.if_version(file);
        self
    }

    /// Shows how far it is, and lets somebody stop it.
    pub fn progress(mut self, progress: &Progress) -> Self {
        self.upload = self.upload.progress(progress);
        self
    }
}

impl IntoFuture for OpenWriter {
    type Output = Result<FileWriter>;
    type IntoFuture = BoxFuture<Result<FileWriter>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            self.upload
                .check()
                .map_err(|error| error.about(self.upload.shown()).during("write"))?;
            let (inlet, outlet) = pipe();
            let upload = self.upload.reading(Box::pin(outlet), self.size);
            Ok(FileWriter {
                inlet: Some(inlet),
                upload: Uploading(tokio::spawn(upload.into_future())),
                written: 0,
                end: None,
            })
        })
    }
}

/// A file that is being written, as [`AsyncWrite`] and as a [`Sink`] of [`Bytes`].
///
/// **[`close`](Self::close) is what makes the node.** `shutdown` of `AsyncWriteExt` and `close` of `SinkExt` do the same, and the node is told
/// by [`node`](Self::node). Dropping the writer before that ends the upload and leaves nothing behind.
///
/// **Flushing** hands what was written to the upload and reports what has gone wrong with it. It makes nothing
/// visible and nothing durable: a MEGA file is there as a whole or not at all.
///
/// At most 1 MiB (or the longest `Bytes` that was sent) waits in the writer; then writing waits for the upload. What the upload itself holds counts
/// against [`TransferLimits::buffer_bytes`](super::TransferLimits::buffer_bytes). An error of the upload is that of the call that meets it,
/// as an [`io::Error`] with the [`Error`] inside where the trait wants one.
///
/// Cancel safety: writes, flushes and `shutdown` can be dropped and called again; what a write has taken stays taken. When `close` is dropped
/// while it waits, the node may or may not appear.
pub struct FileWriter {
    /// Gone once the end was said.
    inlet: Option<Inlet>,
    upload: Uploading,
    written: u64,
    end: Option<std::result::Result<Node, Arc<Error>>>,
}

/// The upload; it ends when this is dropped.
struct Uploading(JoinHandle<Result<Node>>);

impl Drop for Uploading {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl FileWriter {
    /// How many bytes were written so far.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.written
    }

    /// The node, once the writer was closed.
    #[must_use]
    pub fn node(&self) -> Option<&Node> {
        self.end.as_ref()?.as_ref().ok()
    }

    /// Says that this was all, waits for the rest of the upload, and gives the node that it has become.
    ///
    /// # Errors
    ///
    /// Those of [`Upload`]; [`SourceChanged`](ErrorKind::SourceChanged) if another number of bytes was written than
    /// was [said](OpenWriter::size). Then there is no node, except with [`OutcomeUnknown`](ErrorKind::OutcomeUnknown).
    ///
    /// Cancel safety: when the future is dropped before the node is made, no node is made. While it is being made, it may or may not appear.
    pub async fn close(mut self) -> Result<Node> {
        poll_fn(|context| self.poll_end(context)).await
    }

    fn poll_end(&mut self, context: &mut Context<'_>) -> Poll<Result<Node>> {
        if let Some(inlet) = self.inlet.take() {
            inlet.end();
        }
        self.poll_upload(context)
    }

    /// Waits until the upload has come to its end, good or bad.
    fn poll_upload(&mut self, context: &mut Context<'_>) -> Poll<Result<Node>> {
        if self.end.is_none() {
            let done = match ready!(Pin::new(&mut self.upload.0).poll(context)) {
                Ok(done) => done,
                Err(error) => {
                    Err(Error::new(ErrorKind::Io, "a task for writing failed").caused_by(error))
                }
            };
            self.end = Some(done.map_err(|error| Arc::new(error.during("write"))));
        }
        Poll::Ready(match &self.end {
            Some(Ok(node)) => Ok(node.clone()),
            Some(Err(error)) => Err(Error::shared(error)),
            None => Err(Error::misuse("nothing was written")),
        })
    }

    /// What a poll of the pipe says: that there is room, or why the upload reads no more.
    fn poll_pipe(
        &mut self,
        context: &mut Context<'_>,
        wait: impl FnOnce(&Inlet, &mut Context<'_>) -> Poll<std::result::Result<(), Unread>>,
    ) -> Poll<Result<()>> {
        let Some(inlet) = &self.inlet else {
            return Poll::Ready(Err(Error::misuse("the file is closed already")));
        };
        match ready!(wait(inlet, context)) {
            Ok(()) => Poll::Ready(Ok(())),
            Err(Unread) => Poll::Ready(match ready!(self.poll_upload(context)) {
                Err(error) => Err(error),
                Ok(_) => Err(Error::misuse("the upload has ended before the content")),
            }),
        }
    }

    fn count(&mut self, bytes: usize) {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.written = self.written.saturating_add(bytes);
    }
}

impl AsyncWrite for FileWriter {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        content: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        ready!(this.poll_pipe(context, Inlet::poll_room))?;
        let taken = this.inlet.as_ref().map_or(0, |inlet| inlet.copy(content));
        this.count(taken);
        Poll::Ready(Ok(taken))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.inlet.is_none() {
            return this.poll_upload(context).map_ok(drop).map_err(Into::into);
        }
        this.poll_pipe(context, Inlet::poll_empty)
            .map_err(Into::into)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.poll_end(context).map_ok(drop).map_err(Into::into)
    }
}

impl Sink<Bytes> for FileWriter {
    type Error = Error;

    fn poll_ready(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        self.get_mut().poll_pipe(context, Inlet::poll_room)
    }

    fn start_send(self: Pin<&mut Self>, content: Bytes) -> Result<()> {
        let this = self.get_mut();
        let Some(inlet) = &this.inlet else {
            return Err(Error::misuse("the file is closed already"));
        };
        let bytes = content.len();
        inlet.push(content);
        this.count(bytes);
        Ok(())
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        let this = self.get_mut();
        if this.inlet.is_none() {
            return this.poll_upload(context).map_ok(drop);
        }
        this.poll_pipe(context, Inlet::poll_empty)
    }

    fn poll_close(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        self.get_mut().poll_end(context).map_ok(drop)
    }
}

impl fmt::Debug for FileWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileWriter")
            .field("written", &self.written)
            .field("closed", &self.inlet.is_none())
            .finish_non_exhaustive()
    }
}

//! Storage hosts on the wire.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{BufMut, Bytes, BytesMut};
use futures::Stream;

use super::api::Settings;
use super::exchange::{next_piece, read_body, send};
use super::http::{HttpRequest, HttpResponse, Method, UploadProgress};
use super::request_body::RequestBody;
use crate::error::Error;
use crate::handle::AttributeHandle;
use crate::storage::{
    ByteRange, DownloadUrl, LengthGuard, MAX_FILE_ATTRIBUTE, StorageError, UploadReply, UploadUrl,
    check_download_status, parse_file_attribute_handle, parse_file_attributes, upload_checksum,
};
use crate::url::ServerUrl;

/// Requests to storage hosts. Each is made once: when to try again depends on the transfer, which
/// only the caller knows. No session is ever sent there (NET-6).
#[derive(Clone)]
pub struct Storage {
    settings: Arc<Settings>,
}

impl fmt::Debug for Storage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Storage(..)")
    }
}

impl Storage {
    pub(super) fn new(settings: Arc<Settings>) -> Self {
        Self { settings }
    }

    /// Uploads one part: the encrypted bytes from `offset` on, which must be a chunk boundary, to
    /// another boundary or the end of the file.
    ///
    /// # Errors
    ///
    /// [`Error::Storage`] for what the host says, [`Error::Transport`] when it says nothing. A
    /// repetition must send identical bytes (UL-4).
    ///
    /// # Cancel safety
    ///
    /// After dropping the future it is unknown whether the part arrived; repeating it is harmless.
    pub async fn upload_part(
        &self,
        url: &UploadUrl,
        offset: u64,
        part: Bytes,
        progress: UploadProgress,
    ) -> Result<UploadReply, Error> {
        let checksum = upload_checksum(&part);
        self.upload_made_part(url, offset, checksum, part.into(), progress)
            .await
    }

    /// Uploads a part that need not lie in memory: its checksum goes first, in the address, so whoever made that has seen all of it
    /// before (see [`PartChecksum`](crate::storage::PartChecksum)).
    ///
    /// # Errors
    ///
    /// As [`upload_part`](Self::upload_part); what the maker of the body says is the source of an [`Error::Transport`].
    ///
    /// # Cancel safety
    ///
    /// As [`upload_part`](Self::upload_part).
    pub async fn upload_made_part(
        &self,
        url: &UploadUrl,
        offset: u64,
        checksum: [u8; 12],
        part: RequestBody,
        progress: UploadProgress,
    ) -> Result<UploadReply, Error> {
        let url = url.part(&self.settings.policy, offset, checksum)?;
        let mut request = self.request(Method::Post, url, part);
        request.progress = progress;
        let body = self.short_reply(request, SHORT_REPLY).await?;
        UploadReply::parse(&body).map_err(Error::Storage)
    }

    /// Downloads a range of the encrypted file, as a stream of exactly that many bytes.
    ///
    /// # Errors
    ///
    /// [`Error::Storage`] for what the host says, [`Error::Transport`] when it says nothing; on the
    /// stream also when the body is longer or shorter than asked for (DL-5).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future or the stream ends the request.
    pub async fn download_range(
        &self,
        url: &DownloadUrl,
        range: ByteRange,
    ) -> Result<RangeStream, Error> {
        let url = url.range(&self.settings.policy, range)?;
        let request = self.request(Method::Get, url, Bytes::new());
        let response = send(&self.settings, request, self.settings.timeouts.storage).await?;
        if response
            .headers
            .get("Content-Encoding")
            .is_some_and(|e| e.trim() != "identity")
        {
            // Nobody asked for it, and no length could be checked.
            return Err(Error::Storage(StorageError::Malformed));
        }
        check_download_status(
            response.status,
            response.headers.get("X-MEGA-Time-Left"),
            response.headers.get("Content-Length"),
            range.len(),
        )
        .map_err(Error::Storage)?;
        Ok(RangeStream::new(
            response,
            range.len(),
            self.settings.timeouts.storage,
        ))
    }

    /// Uploads an encrypted file attribute and returns its handle.
    ///
    /// # Errors
    ///
    /// As [`Storage::upload_part`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves at most an attribute that nothing refers to.
    pub async fn upload_file_attribute(
        &self,
        url: &UploadUrl,
        data: Bytes,
    ) -> Result<AttributeHandle, Error> {
        let url = url.plain(&self.settings.policy)?;
        let body = self
            .short_reply(self.request(Method::Post, url, data), SHORT_REPLY)
            .await?;
        parse_file_attribute_handle(&body).map_err(Error::Storage)
    }

    /// Downloads encrypted file attributes of one cluster. Those that the host does not have are
    /// missing in the result, and so are those not asked for.
    ///
    /// # Errors
    ///
    /// As [`Storage::download_range`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends the request.
    pub async fn download_file_attributes(
        &self,
        url: &DownloadUrl,
        handles: &[AttributeHandle],
    ) -> Result<Vec<(AttributeHandle, Bytes)>, Error> {
        let url = url.plain(&self.settings.policy)?;
        let mut wanted = BytesMut::with_capacity(handles.len().saturating_mul(8));
        for handle in handles {
            wanted.put_slice(handle.as_bytes());
        }
        let limit = (MAX_FILE_ATTRIBUTE as u64 + 12).saturating_mul(handles.len().max(1) as u64);
        let request = self.request(Method::Post, url, wanted.freeze());
        let body = self.short_reply(request, limit.min(MAX_ATTRIBUTES)).await?;
        let mut found = Vec::new();
        for record in parse_file_attributes(&body) {
            let (handle, data) = record.map_err(Error::Storage)?;
            if handles.contains(&handle) {
                found.push((handle, body.slice_ref(data)));
            }
        }
        Ok(found)
    }

    fn request(&self, method: Method, url: ServerUrl, body: impl Into<RequestBody>) -> HttpRequest {
        let mut request = HttpRequest::new(method, url, body);
        request
            .headers
            .insert("Content-Type", "application/octet-stream");
        request
            .headers
            .insert("User-Agent", self.settings.user_agent.as_str());
        request
    }

    async fn short_reply(&self, request: HttpRequest, limit: u64) -> Result<Bytes, Error> {
        let idle = self.settings.timeouts.storage;
        let response = send(&self.settings, request, idle).await?;
        if response.status != 200 {
            let time_left = response.headers.get("X-MEGA-Time-Left");
            return Err(Error::Storage(StorageError::from_status(
                response.status,
                time_left,
            )));
        }
        Ok(read_body(response, idle, limit).await?)
    }
}

/// The bytes of a range, as they arrive. It ends without an error only after exactly the bytes
/// asked for.
pub struct RangeStream {
    pieces: Pin<Box<dyn Stream<Item = Result<Bytes, Error>> + Send>>,
}

impl RangeStream {
    fn new(response: HttpResponse, len: u64, idle: std::time::Duration) -> Self {
        struct State {
            response: HttpResponse,
            guard: LengthGuard,
            over: bool,
        }
        let state = State {
            response,
            guard: LengthGuard::new(len),
            over: false,
        };
        let pieces = futures::stream::unfold(state, move |mut state| async move {
            if state.over {
                return None;
            }
            let item = match next_piece(&mut state.response, idle).await {
                Ok(Some(piece)) => match state.guard.count(piece.len()) {
                    Ok(()) => Ok(piece),
                    Err(error) => Err(Error::Storage(error)),
                },
                Ok(None) => match state.guard.finish() {
                    Ok(()) => return None,
                    Err(error) => Err(Error::Storage(error)),
                },
                Err(error) => Err(Error::Transport(error)),
            };
            state.over = item.is_err();
            Some((item, state))
        });
        Self {
            pieces: Box::pin(pieces),
        }
    }

    /// The next piece; `None` after the last byte of the range.
    ///
    /// # Errors
    ///
    /// When the connection breaks, or the body has not the length asked for.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub async fn chunk(&mut self) -> Option<Result<Bytes, Error>> {
        std::future::poll_fn(|cx| self.pieces.as_mut().poll_next(cx)).await
    }

    /// All bytes of the range at once. They are as many as were asked for, so this is for small
    /// ranges.
    ///
    /// # Errors
    ///
    /// As [`RangeStream::chunk`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses the bytes read so far.
    pub async fn collect(mut self) -> Result<Bytes, Error> {
        let mut out = BytesMut::new();
        while let Some(piece) = self.chunk().await {
            out.extend_from_slice(&piece?);
        }
        Ok(out.freeze())
    }
}

impl Stream for RangeStream {
    type Item = Result<Bytes, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.pieces.as_mut().poll_next(cx)
    }
}

impl fmt::Debug for RangeStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RangeStream(..)")
    }
}

/// How many bytes the reply to an upload may have (LIM-5).
const SHORT_REPLY: u64 = 1 << 10;
/// How many bytes of file attributes are accepted at once.
const MAX_ATTRIBUTES: u64 = 64 << 20;

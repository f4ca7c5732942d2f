//! The wall to an HTTP stack.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures::{Stream, StreamExt};
use tokio::time::Instant;

use super::request_body::RequestBody;
use crate::transport::{Headers, TransportError};
use crate::url::ServerUrl;

/// A boxed future that may move between threads.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// An HTTP stack.
///
/// One method takes a request to a response. An implementation
///
/// - never follows redirects (NET-4) and never decompresses (NET-5);
/// - verifies the certificate of `https` URLs (NET-1);
/// - fails when a body ends before its announced length (NET-7), and when that of the request does or is longer;
/// - lets go of the body of the request when the future, or later the response, is dropped, also if the other side answered before it had read all of it;
/// - states in its errors whether anything of the request may have left (RTY-4), and keeps URLs out
///   of them (SEC-3);
/// - bounds the time to connect; waiting for an answer is bounded by the caller, who drops the
///   future.
///
/// Policies (throttling, recording, faults) are wrappers around another transport.
///
/// ```
/// use mega_protocol::transport::TransportError;
/// use mega_protocol::{BoxFuture, HttpRequest, HttpResponse, Transport};
///
/// /// Counts requests on their way to another transport.
/// struct Counting<T> {
///     inner: T,
///     requests: std::sync::atomic::AtomicU64,
/// }
///
/// impl<T: Transport> Transport for Counting<T> {
///     fn request(
///         &self,
///         request: HttpRequest,
///     ) -> BoxFuture<'_, Result<HttpResponse, TransportError>> {
///         self.requests.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
///         self.inner.request(request)
///     }
/// }
/// ```
pub trait Transport: Send + Sync + 'static {
    /// Sends the request and returns the response as soon as its head is there.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future, or later the body, breaks the request off; whether it arrived is not known then.
    fn request(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, TransportError>>;
}

impl<T: Transport + ?Sized> Transport for Arc<T> {
    fn request(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, TransportError>> {
        (**self).request(request)
    }
}

/// An HTTP method that the protocol uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Method {
    /// `GET`.
    Get,
    /// `POST`.
    Post,
}

/// A request. Its URL may hold the session; printing it shows neither path nor query.
#[derive(Clone)]
#[non_exhaustive]
pub struct HttpRequest {
    /// The method.
    pub method: Method,
    /// Where to.
    pub url: ServerUrl,
    /// The headers. A length is not among them: the body has one.
    pub headers: Headers,
    /// The body.
    pub body: RequestBody,
    /// Where the transport counts the bytes of the body that it has passed on.
    pub progress: UploadProgress,
}

impl fmt::Debug for HttpRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpRequest")
            .field("method", &self.method)
            .field("url", &self.url)
            .field("bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

impl HttpRequest {
    /// A request without headers.
    pub fn new(method: Method, url: ServerUrl, body: impl Into<RequestBody>) -> Self {
        Self {
            method,
            url,
            headers: Headers::new(),
            body: body.into(),
            progress: UploadProgress::default(),
        }
    }
}

/// Counts the bytes of a request body on their way out. A transport that keeps it up lets a slow
/// upload live as long as something moves.
#[derive(Clone, Debug, Default)]
pub struct UploadProgress(Arc<Mutex<Moved>>);

#[derive(Clone, Copy, Debug, Default)]
struct Moved {
    bytes: u64,
    last: Option<Instant>,
}

impl UploadProgress {
    /// Adds bytes that were passed on.
    pub fn add(&self, bytes: u64) {
        let mut moved = self.lock();
        moved.bytes = moved.bytes.saturating_add(bytes);
        moved.last = Some(Instant::now());
    }

    /// How many bytes were passed on so far.
    pub fn bytes(&self) -> u64 {
        self.lock().bytes
    }

    /// How long ago the last of them were passed on; `None` if there were none yet.
    pub fn since_last(&self) -> Option<Duration> {
        self.lock().last.map(|last| last.elapsed())
    }

    fn lock(&self) -> MutexGuard<'_, Moved> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The head of a response, with its body still to come.
#[non_exhaustive]
pub struct HttpResponse {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: Headers,
    /// The body.
    pub body: Body,
}

impl HttpResponse {
    /// A response.
    pub fn new(status: u16, headers: Headers, body: Body) -> Self {
        Self {
            status,
            headers,
            body,
        }
    }
}

impl fmt::Debug for HttpResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpResponse")
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

/// The body of a response, arriving in pieces.
pub struct Body(Pin<Box<dyn Stream<Item = Result<Bytes, TransportError>> + Send>>);

impl Body {
    /// A body from a stream of pieces. After an error nothing more is read.
    pub fn from_stream(
        stream: impl Stream<Item = Result<Bytes, TransportError>> + Send + 'static,
    ) -> Self {
        Self(Box::pin(stream))
    }

    /// A body that is there already.
    pub fn from_bytes(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        Self::from_stream(futures::stream::once(async move { Ok(bytes) }))
    }

    /// The next piece; `None` at the end.
    ///
    /// # Errors
    ///
    /// When the connection breaks.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub async fn chunk(&mut self) -> Option<Result<Bytes, TransportError>> {
        self.0.next().await
    }
}

impl Stream for Body {
    type Item = Result<Bytes, TransportError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_next_unpin(cx)
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Body(..)")
    }
}

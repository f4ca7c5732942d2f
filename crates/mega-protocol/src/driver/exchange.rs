//! One request and its response, with the clock running.

use std::future::Future;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::time::timeout;

use super::api::Settings;
use super::http::{HttpRequest, HttpResponse, Method, UploadProgress};
use super::inflate::Inflate;
use crate::lane::{ApiRequest, ApiResponse};
use crate::transport::{Headers, TransportError, TransportErrorKind};

/// The HTTP form of a batch.
pub(super) fn batch_request(settings: &Settings, request: &ApiRequest) -> HttpRequest {
    let mut http = HttpRequest::new(Method::Post, request.url.clone(), request.body.clone());
    http.headers = api_headers(settings);
    if let Some(proof) = &request.hashcash {
        http.headers.insert("X-Hashcash", proof.as_str());
    }
    http
}

pub(super) fn api_headers(settings: &Settings) -> Headers {
    let mut headers = Headers::new();
    headers.insert("Content-Type", "application/json");
    headers.insert("User-Agent", settings.user_agent.as_str());
    if settings.gzip {
        headers.insert("Accept-Encoding", "gzip");
    }
    headers
}

/// Sends a request; gives up when nothing moves for `idle`.
pub(super) async fn send(
    settings: &Settings,
    request: HttpRequest,
    idle: Duration,
) -> Result<HttpResponse, TransportError> {
    let progress = request.progress.clone();
    unless_idle(settings.transport.request(request), &progress, idle).await
}

/// Waits for a future for as long as, within each span of `idle`, some of the request body moved.
async fn unless_idle<T>(
    future: impl Future<Output = Result<T, TransportError>>,
    progress: &UploadProgress,
    idle: Duration,
) -> Result<T, TransportError> {
    let mut future = std::pin::pin!(future);
    let mut seen = progress.bytes();
    loop {
        match timeout(idle, future.as_mut()).await {
            Ok(result) => return result,
            Err(_) if progress.bytes() > seen => seen = progress.bytes(),
            Err(_) => return Err(TransportError::new(TransportErrorKind::Timeout)),
        }
    }
}

/// The next piece of a body; gives up when there is none for `idle`.
pub(super) async fn next_piece(
    response: &mut HttpResponse,
    idle: Duration,
) -> Result<Option<Bytes>, TransportError> {
    match timeout(idle, response.body.chunk()).await {
        Ok(piece) => piece.transpose(),
        Err(_) => Err(TransportError::new(TransportErrorKind::Timeout)),
    }
}

/// Counts the bytes of a body against what the head announced (NET-7).
#[derive(Clone, Copy, Debug)]
pub(super) struct Announced {
    wire: Option<u64>,
    content: Option<u64>,
}

impl Announced {
    pub(super) fn new(headers: &Headers) -> Self {
        let number = |name| headers.get(name).and_then(|text| text.trim().parse().ok());
        Self {
            wire: number("Content-Length"),
            content: number("Original-Content-Length"),
        }
    }

    /// Whether this many bytes on the wire and of content are all.
    pub(super) fn check(self, wire: u64, content: u64) -> Result<(), TransportError> {
        let fits = self.wire.is_none_or(|n| n == wire) && self.content.is_none_or(|n| n == content);
        if fits {
            Ok(())
        } else {
            Err(TransportError::new(TransportErrorKind::Length))
        }
    }
}

/// Reads a whole body of at most `limit` bytes of content.
pub(super) async fn read_body(
    mut response: HttpResponse,
    idle: Duration,
    limit: u64,
) -> Result<Bytes, TransportError> {
    let announced = Announced::new(&response.headers);
    let mut inflate = Inflate::new(response.headers.get("Content-Encoding"))?;
    let mut wire = 0u64;
    let mut whole = Whole::default();
    let mut content = 0u64;
    let mut keep = |piece: Bytes| {
        content = content.saturating_add(piece.len() as u64);
        if content > limit {
            return Err(TransportError::new(TransportErrorKind::Body)
                .with_source("the reply is larger than the limit"));
        }
        whole.push(piece);
        Ok(())
    };
    while let Some(piece) = next_piece(&mut response, idle).await? {
        wire = wire.saturating_add(piece.len() as u64);
        inflate.feed(piece, &mut keep)?;
    }
    inflate.finish(&mut keep)?;
    announced.check(wire, content)?;
    Ok(whole.finish())
}

/// Puts a body together. It holds its bytes and not its pieces, of which there may be as many; a body of one piece is not copied.
#[derive(Default)]
struct Whole {
    first: Bytes,
    copied: BytesMut,
}

impl Whole {
    fn push(&mut self, piece: Bytes) {
        if self.first.is_empty() && self.copied.is_empty() {
            self.first = piece;
            return;
        }
        let first = std::mem::take(&mut self.first);
        self.copied.extend_from_slice(&first);
        self.copied.extend_from_slice(&piece);
    }

    fn finish(self) -> Bytes {
        if self.copied.is_empty() {
            self.first
        } else {
            self.copied.freeze()
        }
    }
}

/// What the lane wants to know of a response head.
pub(super) fn response_head(response: &HttpResponse) -> ApiResponse {
    let mut head = ApiResponse::new(response.status, Bytes::new());
    head.hashcash = response.headers.get("X-Hashcash").map(str::to_owned);
    head.retry_after = retry_after(&response.headers);
    head
}

/// How long the service asks to wait: at most a day. A date instead of seconds counts as nothing
/// said.
pub(super) fn retry_after(headers: &Headers) -> Option<Duration> {
    let seconds: u64 = headers.get("Retry-After")?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds.min(24 * 3600)))
}

/// Sends a batch and reads its reply.
pub(super) async fn exchange(
    settings: &Settings,
    request: &ApiRequest,
) -> Result<ApiResponse, TransportError> {
    let idle = settings.timeouts.api;
    let response = send(settings, batch_request(settings, request), idle).await?;
    let mut head = response_head(&response);
    if head.status == 200 {
        head.body = read_body(response, idle, settings.max_reply).await?;
    }
    Ok(head)
}

//! The tree, from the wire into a sink, never held whole.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};

use super::api::{Api, Settings};
use super::exchange::{Announced, batch_request, next_piece, response_head, send};
use super::inflate::Inflate;
use crate::commands::FetchNodes;
use crate::error::Error;
use crate::fetch::{FetchError, FetchParser, FetchSink, FetchSummary};
use crate::json::DecodeError;
use crate::lane::{ApiRequest, ApiResponse};
use crate::transport::{TransportError, TransportErrorKind};

/// What the lane's task passes to the caller of `fetch_nodes`, in whose task the parsing happens.
pub(super) enum StreamPiece {
    /// A reply begins, possibly not the first one.
    Start,
    /// A piece of its content.
    Content(Bytes),
    /// It has ended; what was it?
    End(oneshot::Sender<Bytes>),
}

/// The lane's end of the connection to a caller of `fetch_nodes`.
#[derive(Clone)]
pub(super) struct StreamPort {
    pieces: mpsc::Sender<StreamPiece>,
    /// Set by the caller when the rest of the reply is of no use.
    enough: Arc<AtomicBool>,
}

impl Api {
    /// Fetches the tree and hands every node and record to `sink` while the reply arrives.
    ///
    /// Memory stays bounded by one record, whatever the size of the tree. When the connection
    /// breaks, the request is repeated and the sink told to start over
    /// ([`FetchSink::restart`]).
    ///
    /// # Errors
    ///
    /// As [`Api::send`]; [`Error::Malformed`] when the reply is no tree with a position.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future breaks the request off. The sink keeps what it got.
    pub async fn fetch_nodes(
        &self,
        command: FetchNodes,
        sink: &mut (impl FetchSink + Send),
    ) -> Result<FetchSummary, Error> {
        let (sender, mut pieces) = mpsc::channel(PIECES);
        let enough = Arc::new(AtomicBool::new(false));
        let port = StreamPort {
            pieces: sender,
            enough: Arc::clone(&enough),
        };
        let mut pending = self.submit_streamed(&command, port)?;
        let mut parser = FetchParser::new();
        let mut broken: Option<FetchError> = None;
        let mut summary = None;
        let mut started = false;
        while let Some(piece) = pieces.recv().await {
            match piece {
                StreamPiece::Start => {
                    if started {
                        sink.restart();
                    }
                    started = true;
                    parser = FetchParser::new();
                    broken = None;
                    enough.store(false, Ordering::Relaxed);
                }
                StreamPiece::Content(bytes) => {
                    if broken.is_none()
                        && let Err(error) = parser.feed(&bytes, sink)
                    {
                        broken = Some(error);
                        enough.store(true, Ordering::Relaxed);
                    }
                }
                StreamPiece::End(verdict) => {
                    let parser = std::mem::take(&mut parser);
                    let result = match broken.take() {
                        Some(error) => Err(error),
                        None => parser.finish(sink),
                    };
                    let body = match result {
                        Ok(found) => {
                            summary = Some(found);
                            Bytes::from_static(b"[0]")
                        }
                        Err(FetchError::NotATree(body)) => Bytes::from(body),
                        Err(error) => {
                            broken = Some(error);
                            Bytes::from_static(BROKEN)
                        }
                    };
                    let _ = verdict.send(body);
                }
            }
        }
        let result = (&mut pending.answer).await.unwrap_or(Err(Error::Closed));
        match (result, summary) {
            (Ok(_), Some(summary)) => Ok(summary),
            (Ok(raw), None) => match crate::decode_reply(&command, &raw.element) {
                Err(error) => Err(error),
                Ok(_) => Err(malformed(broken.unwrap_or(FetchError::NoPosition))),
            },
            (Err(error @ Error::Malformed { .. }), _) => Err(broken.map_or(error, malformed)),
            (Err(error), _) => Err(error),
        }
    }
}

fn malformed(error: FetchError) -> Error {
    let source = match error {
        FetchError::Malformed(source) => source,
        FetchError::NoPosition => DecodeError::field("sn", "missing"),
        FetchError::TooManyNodes(_) => DecodeError::field("f", "too many nodes"),
        FetchError::NotATree(_) => DecodeError::new("an object is wanted"),
    };
    Error::malformed("f", source)
}

/// The lane's side: passes the reply on piece by piece, then says to the lane what it was.
pub(super) async fn stream(
    settings: &Settings,
    request: &ApiRequest,
    port: StreamPort,
) -> Result<ApiResponse, TransportError> {
    let idle = settings.timeouts.api;
    let mut response = tokio::select! {
        biased;
        response = send(settings, batch_request(settings, request), idle) => response?,
        () = port.pieces.closed() => return Err(nobody()),
    };
    let mut head = response_head(&response);
    if head.status != 200 {
        return Ok(head);
    }
    pass(&port, StreamPiece::Start).await?;
    let announced = Announced::new(&response.headers);
    let mut inflate = Inflate::new(response.headers.get("Content-Encoding"))?;
    let mut wire = 0u64;
    let mut passed = Passed {
        port: &port,
        content: 0,
        limit: settings.max_tree,
    };
    let mut cut_short = false;
    'reply: loop {
        let piece = tokio::select! {
            biased;
            piece = next_piece(&mut response, idle) => piece?,
            () = port.pieces.closed() => return Err(nobody()),
        };
        let Some(mut piece) = piece else { break };
        wire = wire.saturating_add(piece.len() as u64);
        // Each step is passed on before the next: together they may be very many bytes (INV-10).
        while !piece.is_empty() {
            passed.pass(inflate.step(&mut piece)?).await?;
            if port.enough.load(Ordering::Relaxed) {
                cut_short = true;
                break 'reply;
            }
        }
    }
    if !cut_short {
        let mut rest = Bytes::new();
        inflate.finish(|bytes| {
            rest = bytes;
            Ok::<_, TransportError>(())
        })?;
        passed.pass(rest).await?;
        announced.check(wire, passed.content)?;
    }
    let (ask, verdict) = oneshot::channel();
    pass(&port, StreamPiece::End(ask)).await?;
    head.body = verdict.await.map_err(|_| nobody())?;
    Ok(head)
}

/// Content on its way to the caller, counted against the limit (LIM-2).
struct Passed<'a> {
    port: &'a StreamPort,
    content: u64,
    limit: u64,
}

impl Passed<'_> {
    async fn pass(&mut self, bytes: Bytes) -> Result<(), TransportError> {
        if bytes.is_empty() {
            return Ok(());
        }
        self.content = self.content.saturating_add(bytes.len() as u64);
        pass(self.port, StreamPiece::Content(bytes)).await?;
        if self.content > self.limit {
            return Err(TransportError::new(TransportErrorKind::Body)
                .with_source("the tree is larger than the limit"));
        }
        Ok(())
    }
}

async fn pass(port: &StreamPort, piece: StreamPiece) -> Result<(), TransportError> {
    port.pieces.send(piece).await.map_err(|_| nobody())
}

/// The caller has gone away.
fn nobody() -> TransportError {
    TransportError::new(TransportErrorKind::Other).with_source("nobody waits for the tree")
}

/// Pieces under way between the two tasks.
const PIECES: usize = 4;
/// What the lane is told of a reply that is broken: something that it finds broken too.
const BROKEN: &[u8] = b"[";

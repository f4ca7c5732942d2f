//! A service that is a few files: it answers `f` with one and the first request for events with another.

use std::fs::File;
use std::io::Read;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::child::own_cpu;
use bytes::Bytes;
use futures::stream;
use mega_protocol::transport::{Headers, TransportError, TransportErrorKind};
use mega_protocol::{Body, BoxFuture, HttpRequest, HttpResponse, Transport};

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Replay {
    tree: PathBuf,
    /// The same, read beforehand.
    read: Option<Bytes>,
    events: Option<PathBuf>,
    sent: AtomicBool,
    /// The processor time until the last of the two was asked for.
    started: Mutex<Option<Duration>>,
}

impl Replay {
    /// Answers with these files.
    #[must_use]
    pub(crate) fn new(tree: PathBuf, events: Option<PathBuf>) -> Self {
        Self {
            tree,
            read: None,
            events,
            sent: AtomicBool::new(false),
            started: Mutex::new(None),
        }
    }

    /// Reads the tree now, so that answering takes no time.
    pub(crate) fn in_memory(mut self) -> std::io::Result<Self> {
        self.read = Some(std::fs::read(&self.tree)?.into());
        Ok(self)
    }

    /// How much processor time the process had used when the last reply began.
    #[must_use]
    pub(crate) fn started(&self) -> Option<Duration> {
        *self.started.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reply_from(&self, mut read: Bytes) -> HttpResponse {
        *self.started.lock().unwrap_or_else(PoisonError::into_inner) = Some(own_cpu());
        let pieces = std::iter::from_fn(move || {
            let piece = read.split_to(PIECE.min(read.len()));
            (!piece.is_empty()).then_some(Ok(piece))
        });
        let body = Body::from_stream(stream::iter(pieces));
        HttpResponse::new(200, Headers::default(), body)
    }

    fn reply(&self, path: &PathBuf) -> Result<HttpResponse, TransportError> {
        let broken = |_| TransportError::new(TransportErrorKind::Other);
        let file = File::open(path).map_err(broken)?;
        *self.started.lock().unwrap_or_else(PoisonError::into_inner) = Some(own_cpu());
        in_pieces(file)
    }
}

/// A file as a reply.
pub(crate) fn in_pieces(file: File) -> Result<HttpResponse, TransportError> {
    Ok(HttpResponse::new(
        200,
        Headers::default(),
        Body::from_stream(stream::iter(pieces(file))),
    ))
}

/// A file in pieces as large as what an HTTP stack hands over at once.
pub(crate) fn pieces(mut file: File) -> impl Iterator<Item = Result<Bytes, TransportError>> + Send {
    std::iter::from_fn(move || {
        let mut piece = Vec::with_capacity(PIECE);
        match file.by_ref().take(PIECE as u64).read_to_end(&mut piece) {
            Ok(0) => None,
            Ok(_) => Some(Ok(Bytes::from(piece))),
            Err(_) => Some(Err(TransportError::new(TransportErrorKind::Reset))),
        }
    })
}

impl Transport for Replay {
    fn request(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, TransportError>> {
        let url = request.url.as_str();
        if url.contains("/cs") {
            let reply = match &self.read {
                Some(read) => Ok(self.reply_from(read.clone())),
                None => self.reply(&self.tree),
            };
            return Box::pin(async { reply });
        }
        match &self.events {
            Some(events) if !self.sent.swap(true, Ordering::Relaxed) => {
                let reply = self.reply(events);
                Box::pin(async { reply })
            }
            _ => Box::pin(std::future::pending()),
        }
    }
}

const PIECE: usize = 64 << 10;

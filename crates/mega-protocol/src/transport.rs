//! The wall to HTTP: what this crate asks of an HTTP stack, and how that may fail.
//!
//! The core knows [`TransportError`] only. With the feature `driver` there is also the trait
//! `Transport`, one method from request to response, to be implemented for another HTTP stack, a
//! test, or a policy wrapped around either.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

/// Why there was no complete response.
///
/// It never holds a URL (SEC-3): whoever builds one strips the URL from its source first.
#[derive(Clone)]
pub struct TransportError {
    kind: TransportErrorKind,
    sent: bool,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

/// The kinds of transport failure. The kind decides about retries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TransportErrorKind {
    /// No connection: name lookup, refused, unreachable, connect timeout.
    Connect,
    /// The other side did not prove who it is, or TLS failed otherwise.
    Tls,
    /// Nothing moved for too long.
    Timeout,
    /// The connection broke before the response was complete.
    Reset,
    /// The body is longer or shorter than announced (NET-7).
    Length,
    /// The body could not be decompressed, or exceeds a limit.
    Body,
    /// The transport does not send such a request.
    Refused,
    /// Anything else.
    Other,
}

impl TransportError {
    /// A failure of this kind. Of [`TransportErrorKind::Connect`], [`TransportErrorKind::Tls`] and
    /// [`TransportErrorKind::Refused`] it is taken that nothing of the request left; of the others
    /// that something may have (RTY-4).
    pub fn new(kind: TransportErrorKind) -> Self {
        let sent = !matches!(
            kind,
            TransportErrorKind::Connect | TransportErrorKind::Tls | TransportErrorKind::Refused
        );
        Self {
            kind,
            sent,
            source: None,
        }
    }

    /// States whether any byte of the request may have left.
    #[must_use]
    pub fn with_sent(mut self, sent: bool) -> Self {
        self.sent = sent;
        self
    }

    /// Adds the cause. It must not contain a URL.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(Arc::from(source.into()));
        self
    }

    /// What kind of failure it is.
    pub fn kind(&self) -> TransportErrorKind {
        self.kind
    }

    /// Whether any byte of the request may have left.
    pub fn may_have_been_sent(&self) -> bool {
        self.sent
    }
}

impl fmt::Debug for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TransportError")
            .field("kind", &self.kind)
            .field("sent", &self.sent)
            .field("source", &self.source)
            .finish()
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            TransportErrorKind::Connect => "no connection",
            TransportErrorKind::Tls => "no secure connection (is the local clock right?)",
            TransportErrorKind::Timeout => "nothing moved for too long",
            TransportErrorKind::Reset => "the connection broke",
            TransportErrorKind::Length => "the body has not the length announced",
            TransportErrorKind::Body => "the body cannot be decompressed",
            TransportErrorKind::Refused => "the transport does not send such a request",
            TransportErrorKind::Other => "the transport failed",
        })
    }
}

impl StdError for TransportError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source
            .as_ref()
            .map(|source| &**source as &(dyn StdError + 'static))
    }
}

/// Header names and values of a request or response. Names are compared without regard to case.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Headers(Vec<(String, String)>);

impl Headers {
    /// No headers.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one.
    pub fn insert(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.0.push((name.into(), value.into()));
    }

    /// The first value of this name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, v)| v.as_str())
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.0.iter().map(|(name, _)| name))
            .finish()
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Headers {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        Self(
            pairs
                .into_iter()
                .map(|(n, v)| (n.into(), v.into()))
                .collect(),
        )
    }
}

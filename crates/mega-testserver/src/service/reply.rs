//! Replies: status, headers spelled exactly, a body whole or made on the way, and how it is delivered.

use std::borrow::Cow;
use std::io::Write as _;
use std::time::Duration;

use bytes::{Bytes, BytesMut};

/// An answer to a request.
#[derive(Debug)]
#[non_exhaustive]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// Headers in order; names are sent as they are spelled here (the official client compares letter case).
    pub headers: Vec<(Cow<'static, str>, String)>,
    /// The body.
    pub body: Body,
    /// What happens to it on the way.
    pub delivery: Delivery,
}

/// The body of a reply.
#[non_exhaustive]
pub enum Body {
    /// All of it.
    Whole(Bytes),
    /// Made piece by piece while it is sent; the length is known beforehand.
    Lazy {
        /// Bytes in total.
        len: u64,
        /// The pieces in order.
        parts: Box<dyn Iterator<Item = Bytes> + Send>,
    },
}

impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Body({} bytes)", self.len())
    }
}

impl Body {
    /// Length in bytes.
    #[must_use]
    pub fn len(&self) -> u64 {
        match self {
            Self::Whole(bytes) => bytes.len() as u64,
            Self::Lazy { len, .. } => *len,
        }
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The pieces in order.
    pub fn into_parts(self) -> Box<dyn Iterator<Item = Bytes> + Send> {
        match self {
            Self::Whole(bytes) => Box::new(std::iter::once(bytes).filter(|b| !b.is_empty())),
            Self::Lazy { parts, .. } => parts,
        }
    }

    /// All of it in one buffer.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        match self {
            Self::Whole(bytes) => bytes,
            Self::Lazy { parts, .. } => {
                let mut out = BytesMut::new();
                parts.for_each(|part| out.extend_from_slice(&part));
                out.freeze()
            }
        }
    }

    /// The first bytes only.
    pub(crate) fn take(self, len: u64) -> Self {
        let len = len.min(self.len());
        let mut left = usize::try_from(len).unwrap_or(usize::MAX);
        let parts = self.into_parts().map_while(move |part| {
            let part = part.slice(..left.min(part.len()));
            left -= part.len();
            (!part.is_empty()).then_some(part)
        });
        Self::Lazy {
            len,
            parts: Box::new(parts),
        }
    }

    /// Zeros after the last byte.
    pub(crate) fn extend(self, by: u64) -> Self {
        let len = self.len();
        let mut left = by;
        let zeros = std::iter::from_fn(move || {
            let take = usize::try_from(left).unwrap_or(usize::MAX).min(ZEROS.len());
            left -= take as u64;
            (take > 0).then(|| Bytes::from_static(&ZEROS).slice(..take))
        });
        Self::Lazy {
            len: len.saturating_add(by),
            parts: Box::new(self.into_parts().chain(zeros)),
        }
    }

    /// Flips bits of the byte at an offset.
    pub(crate) fn corrupt(self, offset: u64) -> Self {
        let len = self.len();
        let mut at = 0_u64;
        let parts = self.into_parts().map(move |part| {
            let end = at + part.len() as u64;
            let hit = (at..end)
                .contains(&offset)
                .then(|| usize::try_from(offset - at).unwrap_or(usize::MAX));
            at = end;
            match hit {
                Some(index) => {
                    let mut part = BytesMut::from(&part[..]);
                    if let Some(byte) = part.get_mut(index) {
                        *byte ^= 0x55;
                    }
                    part.freeze()
                }
                None => part,
            }
        });
        Self::Lazy {
            len,
            parts: Box::new(parts),
        }
    }
}

/// What happens to a reply on its way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Delivery {
    /// Time before the first byte.
    pub delay: Option<Duration>,
    /// How it goes out.
    pub manner: Manner,
    /// A connection that closes too early is reset, not ended in order.
    pub reset: bool,
}

/// How a reply goes out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Manner {
    /// As it should.
    #[default]
    Whole,
    /// The connection closes without a byte.
    Lost,
    /// All of it goes out twice.
    Twice,
    /// The connection closes after the headers.
    HeadersOnly,
    /// The connection closes after so many bytes of the body.
    Cut(u64),
    /// Nothing is sent for a time after so many bytes of the body.
    Stall {
        /// Bytes sent before.
        at: u64,
        /// For how long.
        time: Duration,
    },
    /// The body goes out in small pieces with pauses.
    Trickle {
        /// Bytes per piece.
        bytes: usize,
        /// Pause between pieces.
        pause: Duration,
    },
}

impl Reply {
    /// A reply without body.
    #[must_use]
    pub fn empty(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Body::Whole(Bytes::new()),
            delivery: Delivery::default(),
        }
    }

    /// Status 200 with a JSON text.
    #[must_use]
    pub fn text(text: impl Into<Bytes>) -> Self {
        Self {
            body: Body::Whole(text.into()),
            ..Self::empty(200)
        }
        .header("Content-Type", "application/json")
    }

    pub(crate) fn with_body(mut self, body: Body) -> Self {
        self.body = body;
        self
    }

    /// Status 200 with bytes.
    #[must_use]
    pub fn binary(body: Body) -> Self {
        Self {
            body,
            ..Self::empty(200)
        }
        .header("Content-Type", "application/octet-stream")
    }

    /// Adds a header, spelled as given.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    pub(crate) fn with_manner(mut self, manner: Manner) -> Self {
        self.delivery.manner = manner;
        self
    }

    /// The response as a receiver sees it that reads to the end, with the body whole.
    ///
    /// # Errors
    ///
    /// The reply never arrives, or breaks off: the bytes of the body that arrive before it does.
    pub fn into_http(self) -> Result<http::Response<Bytes>, Bytes> {
        let Self {
            status,
            headers,
            body,
            delivery,
        } = self;
        match delivery.manner {
            Manner::Lost | Manner::HeadersOnly => return Err(Bytes::new()),
            Manner::Cut(at) if at < body.len() => return Err(body.take(at).into_bytes()),
            _ => {}
        }
        let mut response = http::Response::new(body.into_bytes());
        *response.status_mut() = http::StatusCode::from_u16(status).unwrap_or_default();
        for (name, value) in headers {
            if let (Ok(name), Ok(value)) = (
                http::HeaderName::try_from(name.as_ref()),
                http::HeaderValue::try_from(value),
            ) {
                response.headers_mut().append(name, value);
            }
        }
        Ok(response)
    }

    /// Packs a body for which that pays. What is made on the way stays as it is.
    pub(crate) fn compress(self) -> Self {
        let Body::Whole(bytes) = &self.body else {
            return self;
        };
        if self.status != 200 || !(1024..4 << 20).contains(&bytes.len()) {
            return self;
        }
        self.compress_always()
    }

    /// Packs the body, whatever it is.
    pub(crate) fn compress_always(mut self) -> Self {
        let len = self.body.len();
        let parts = std::mem::replace(&mut self.body, Body::Whole(Bytes::new())).into_parts();
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        // Writing into memory does not fail.
        for part in parts {
            let _ = encoder.write_all(&part);
        }
        self.headers
            .push(("Content-Encoding".into(), "gzip".into()));
        self.headers
            .push(("Original-Content-Length".into(), len.to_string()));
        self.body = Body::Whole(encoder.finish().unwrap_or_default().into());
        self
    }
}

static ZEROS: [u8; 65_536] = [0; 65_536];

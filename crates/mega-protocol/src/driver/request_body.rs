//! The body of a request: in memory, or made while it leaves.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt};

/// The body of a request. Commands are small and lie in memory; a part of an upload can be longer than what may lie there, so it is made
/// piece by piece while it leaves.
///
/// Its length is known before it is sent, and a clone gives the same bytes once more.
///
/// ```
/// use mega_protocol::RequestBody;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let body = RequestBody::from_pieces(6, || {
///     futures::stream::iter(["abc", "def"]).map(|piece| Ok(bytes::Bytes::from(piece)))
/// });
/// assert_eq!(body.len(), 6);
/// assert_eq!(body.in_memory(), None);
/// assert_eq!(&body.clone().into_bytes().await?[..], b"abcdef");
/// # use futures::StreamExt;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct RequestBody(Repr);

#[derive(Clone)]
enum Repr {
    Whole(Bytes),
    Made { len: u64, make: Arc<Make> },
}

type Make = dyn Fn() -> RequestPieces + Send + Sync;

impl RequestBody {
    /// A body of `len` bytes, made by a stream of pieces each time it is sent.
    ///
    /// A stream that fails, or has more or fewer than `len` bytes, breaks the request off.
    pub fn from_pieces<S>(len: u64, make: impl Fn() -> S + Send + Sync + 'static) -> Self
    where
        S: Stream<Item = io::Result<Bytes>> + Send + 'static,
    {
        let make = move || RequestPieces(Box::pin(make()));
        Self(Repr::Made {
            len,
            make: Arc::new(make),
        })
    }

    /// How many bytes there are.
    pub fn len(&self) -> u64 {
        match &self.0 {
            Repr::Whole(bytes) => u64::try_from(bytes.len()).unwrap_or(u64::MAX),
            Repr::Made { len, .. } => *len,
        }
    }

    /// Whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All of it, if it lies in memory.
    pub fn in_memory(&self) -> Option<&Bytes> {
        match &self.0 {
            Repr::Whole(bytes) => Some(bytes),
            Repr::Made { .. } => None,
        }
    }

    /// The body from its first byte to its last. Drop each piece as soon as it has left: the one after the next may be made in its memory,
    /// and does not come before.
    pub fn into_pieces(self) -> RequestPieces {
        match self.0 {
            Repr::Whole(bytes) => {
                RequestPieces(Box::pin(futures::stream::once(async move { Ok(bytes) })))
            }
            Repr::Made { make, .. } => make(),
        }
    }

    /// All of it in memory, for a transport that does not stream.
    ///
    /// # Errors
    ///
    /// What the maker of the pieces says, and [`io::ErrorKind::InvalidData`] if they are not of the length that was announced.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops what was made.
    pub async fn into_bytes(self) -> io::Result<Bytes> {
        if let Repr::Whole(bytes) = self.0 {
            return Ok(bytes);
        }
        let len = self.len();
        let mut all = BytesMut::new();
        let mut pieces = self.into_pieces();
        while let Some(piece) = pieces.next().await {
            all.extend_from_slice(&piece?);
        }
        if u64::try_from(all.len()) == Ok(len) {
            Ok(all.freeze())
        } else {
            let text = "the body of a request has another length than was announced";
            Err(io::Error::new(io::ErrorKind::InvalidData, text))
        }
    }
}

impl<B: Into<Bytes>> From<B> for RequestBody {
    fn from(bytes: B) -> Self {
        Self(Repr::Whole(bytes.into()))
    }
}

impl fmt::Debug for RequestBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestBody")
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

/// The body of a request on its way, piece by piece.
pub struct RequestPieces(Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>);

impl Stream for RequestPieces {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_next_unpin(cx)
    }
}

impl fmt::Debug for RequestPieces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RequestPieces(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn pieces_of_another_length_are_an_error() {
        for announced in [2, 4] {
            let body = RequestBody::from_pieces(announced, || {
                futures::stream::iter([Ok(Bytes::from_static(b"abc"))])
            });
            let error = body.into_bytes().await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        }
    }

    #[tokio::test]
    async fn what_makes_the_pieces_fails_says_why() {
        let body = RequestBody::from_pieces(3, || {
            futures::stream::iter([
                Ok(Bytes::from_static(b"abc")),
                Err(io::Error::other("the disk")),
            ])
        });
        assert_eq!(body.into_bytes().await.unwrap_err().to_string(), "the disk");
    }
}

//! Contents to write, and readers that behave in many ways.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::{AsyncRead, ReadBuf};

/// Bytes that look random and are the same every time.
pub(super) fn content(len: usize, seed: u64) -> Bytes {
    let mut state = seed
        .wrapping_mul(0x9E37_79B9_7F4A_7C15)
        .wrapping_add(len as u64)
        | 1;
    let mut bytes = Vec::with_capacity(len.saturating_add(8));
    while bytes.len() < len {
        // xorshift64*
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        bytes.extend_from_slice(&state.wrapping_mul(0x2545_F491_4F6C_DD1D).to_le_bytes());
    }
    bytes.truncate(len);
    bytes.into()
}

/// How a [`Reader`] ends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// As it should.
    Well,
    /// With an error.
    Broken,
    /// Never.
    Stuck,
}

/// Gives bytes in pieces of one size, then ends in some way.
pub(super) struct Reader {
    rest: Bytes,
    piece: usize,
    end: End,
}

impl Reader {
    pub(super) fn new(content: Bytes, piece: usize, end: End) -> Self {
        Self {
            rest: content,
            piece,
            end,
        }
    }
}

impl AsyncRead for Reader {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let len = self.rest.len().min(self.piece).min(buffer.remaining());
        if len == 0 {
            return match self.end {
                End::Well => Poll::Ready(Ok(())),
                End::Broken => Poll::Ready(Err(io::Error::other("the source broke"))),
                End::Stuck => Poll::Pending,
            };
        }
        buffer.put_slice(&self.rest.split_to(len));
        Poll::Ready(Ok(()))
    }
}

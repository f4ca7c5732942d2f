//! A pipe in memory between whoever writes a file and the upload that sends it, bounded by bytes.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, ReadBuf};

/// Makes a pipe.
pub(crate) fn pipe() -> (Inlet, Outlet) {
    let shared = Arc::new(Mutex::new(State::default()));
    (Inlet(Arc::clone(&shared)), Outlet(shared))
}

/// Where content goes in. Unless [`end`](Self::end) was called, its end is an error on the other side:
/// a writer that is dropped never looks like one that has finished.
#[derive(Debug)]
pub(crate) struct Inlet(Arc<Mutex<State>>);

/// Where content comes out.
#[derive(Debug)]
pub(crate) struct Outlet(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// Whole pieces, oldest first, and after them what small writes have collected.
    pieces: VecDeque<Bytes>,
    tail: BytesMut,
    held: usize,
    end: End,
    /// Nobody reads any more.
    unread: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum End {
    #[default]
    Open,
    /// That was all.
    Said,
    /// The writer went away without saying so.
    Dropped,
}

/// Nobody reads the other end any more; why is known to whoever read it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unread;

impl Inlet {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until there is room for something.
    pub(crate) fn poll_room(&self, context: &mut Context<'_>) -> Poll<Result<(), Unread>> {
        self.state().poll_below(CAPACITY, context)
    }

    /// Waits until everything was taken out.
    pub(crate) fn poll_empty(&self, context: &mut Context<'_>) -> Poll<Result<(), Unread>> {
        self.state().poll_below(1, context)
    }

    /// Copies as much as there is room for, at least one byte after [`poll_room`](Self::poll_room). How much.
    pub(crate) fn copy(&self, content: &[u8]) -> usize {
        let mut state = self.state();
        let room = CAPACITY.saturating_sub(state.held);
        let (taken, _) = content.split_at(content.len().min(room));
        state.tail.extend_from_slice(taken);
        state.held = state.held.saturating_add(taken.len());
        if state.tail.len() >= PIECE {
            state.close_piece();
        }
        state.wake_reader();
        taken.len()
    }

    /// Takes a piece as it is, without a copy, however long it is.
    pub(crate) fn push(&self, piece: Bytes) {
        let mut state = self.state();
        state.close_piece();
        state.held = state.held.saturating_add(piece.len());
        state.pieces.push_back(piece);
        state.wake_reader();
    }

    /// Says that this was all.
    pub(crate) fn end(&self) {
        let mut state = self.state();
        state.end = End::Said;
        state.wake_reader();
    }
}

impl Drop for Inlet {
    fn drop(&mut self) {
        let mut state = self.state();
        if state.end == End::Open {
            state.end = End::Dropped;
        }
        state.wake_reader();
    }
}

impl State {
    fn poll_below(&mut self, mark: usize, context: &mut Context<'_>) -> Poll<Result<(), Unread>> {
        if self.unread {
            return Poll::Ready(Err(Unread));
        }
        if self.held < mark {
            return Poll::Ready(Ok(()));
        }
        self.writer = Some(context.waker().clone());
        Poll::Pending
    }

    fn close_piece(&mut self) {
        if !self.tail.is_empty() {
            let piece = self.tail.split().freeze();
            self.pieces.push_back(piece);
        }
    }

    fn wake_reader(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }
}

impl AsyncRead for Outlet {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // What was written before the writer went away is of no use any more.
        if state.end == End::Dropped {
            let text = "the writer was dropped before it was closed";
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::BrokenPipe, text)));
        }
        if state.pieces.is_empty() {
            state.close_piece();
        }
        while let Some(mut piece) = state.pieces.pop_front() {
            let taken = piece.split_to(piece.len().min(buffer.remaining()));
            buffer.put_slice(&taken);
            state.held = state.held.saturating_sub(taken.len());
            if !piece.is_empty() {
                state.pieces.push_front(piece);
            }
            if !taken.is_empty() || buffer.remaining() == 0 {
                if let Some(writer) = state.writer.take() {
                    writer.wake();
                }
                return Poll::Ready(Ok(()));
            }
        }
        if state.end == End::Said {
            return Poll::Ready(Ok(()));
        }
        state.reader = Some(context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Outlet {
    fn drop(&mut self) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.unread = true;
        state.pieces.clear();
        state.tail = BytesMut::new();
        if let Some(writer) = state.writer.take() {
            writer.wake();
        }
    }
}

/// How many bytes may wait to be sent before a writer has to.
pub(crate) const CAPACITY: usize = 1 << 20;
/// Small writes are collected until they are so long.
const PIECE: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;
    use tokio::io::AsyncReadExt;

    async fn room(inlet: &Inlet) -> Result<(), Unread> {
        std::future::poll_fn(|context| inlet.poll_room(context)).await
    }

    #[tokio::test]
    async fn lim_12_a_writer_waits_when_nobody_reads_and_goes_on_when_somebody_does() {
        let (inlet, mut outlet) = pipe();
        let block = vec![1; 300_000];
        let mut written = 0;
        while room(&inlet).now_or_never().is_some() {
            written += inlet.copy(&block);
        }
        assert_eq!(written, CAPACITY);
        let mut waiting = Box::pin(room(&inlet));
        assert!(waiting.as_mut().now_or_never().is_none());
        let mut read = vec![0; 10];
        outlet.read_exact(&mut read).await.unwrap();
        assert_eq!(waiting.await, Ok(()));
        assert_eq!(inlet.copy(&block), 10);
    }

    #[tokio::test]
    async fn what_comes_out_is_what_went_in_in_order() {
        let (inlet, mut outlet) = pipe();
        assert_eq!(inlet.copy(b"one "), 4);
        inlet.push(Bytes::from_static(b""));
        inlet.push(Bytes::from_static(b"two "));
        assert_eq!(inlet.copy(b"three"), 5);
        inlet.end();
        let mut all = String::new();
        outlet.read_to_string(&mut all).await.unwrap();
        assert_eq!(all, "one two three");
        assert!(
            std::future::poll_fn(|context| inlet.poll_empty(context))
                .await
                .is_ok()
        );
    }

    #[tokio::test]
    async fn wr_6_a_dropped_writer_is_an_error_and_no_end() {
        let (inlet, mut outlet) = pipe();
        inlet.copy(b"half");
        let mut reading = Box::pin(async move { outlet.read_to_end(&mut Vec::new()).await });
        assert!(reading.as_mut().now_or_never().is_none());
        drop(inlet);
        assert_eq!(reading.await.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }

    #[tokio::test]
    async fn a_writer_is_told_that_nobody_reads() {
        let (inlet, outlet) = pipe();
        inlet.copy(&vec![0; CAPACITY]);
        let mut waiting = Box::pin(room(&inlet));
        assert!(waiting.as_mut().now_or_never().is_none());
        drop(outlet);
        assert_eq!(waiting.await, Err(Unread));
    }
}

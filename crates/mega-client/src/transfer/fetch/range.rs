//! One range of a file: from the connection into windows, from windows through the cipher into the sink.

use std::ops::Range;
use std::sync::Arc;

use bytes::{Buf, Bytes};
use mega_crypto::content::{ChunkMacs, NotAtChunkBorder, chunk_at};

use super::super::address::Address;
use super::super::border::border;
use super::super::buffers::Buffer;
use super::super::gate::Place;
use super::super::retry::{Failure, Remedy, Retry};
use super::{Fetch, Sink};
use crate::error::{Error, ErrorKind, Result};

/// What a window came to: its MACs, once it is stored.
type Done = Result<ChunkMacs>;

/// A range on its way: where it is, the window being filled, the one being worked on, and its place among the requests.
struct Underway {
    position: u64,
    window: Option<Window>,
    job: Option<Job>,
    turn: Option<Place>,
}

/// A piece that is worked on as a whole: where it starts and ends, and what has come of it.
struct Window {
    start: u64,
    end: u64,
    buffer: Buffer,
}

enum Job {
    Running(tokio::task::JoinHandle<Done>),
    Done(Done),
}

impl<S: Sink> Fetch<'_, S> {
    /// Fetches one range, again and again from where it broke off.
    pub(super) async fn range(&self, range: Range<u64>) -> Result<()> {
        let mut state = Underway {
            position: range.start,
            window: None,
            job: None,
            turn: None,
        };
        let mut retry = Retry::new(self.limits);
        // A connection may also break behind the last byte.
        while state.position < range.end {
            let before = state.position;
            let mut generation = 0;
            let failure = match self.addresses.current().await {
                Ok((address, number)) => {
                    generation = number;
                    match self.stream(&address, &range, &mut state).await {
                        Ok(()) => break,
                        Err(failure) => failure,
                    }
                }
                Err(failure) => failure,
            };
            if state.position > before {
                retry.moved();
            }
            if failure.is_long() {
                self.give_up_window(&mut state);
            }
            if state.window.is_none() {
                state.turn = None;
            }
            match retry.pause(failure).await? {
                Remedy::NewAddress | Remedy::StartOver => self.addresses.expired(generation).await,
                _ => {}
            }
        }
        state.turn = None;
        self.settle(&mut state).await
    }

    /// Gives the buffer of a half-full window to others; what it held is fetched again.
    fn give_up_window(&self, state: &mut Underway) {
        if let Some(window) = state.window.take() {
            self.meter
                .take_back(state.position.saturating_sub(window.start));
            state.position = window.start;
        }
    }

    async fn stream(
        &self,
        address: &Address,
        range: &Range<u64>,
        state: &mut Underway,
    ) -> Result<(), Failure> {
        let rest = state.position..range.end;
        let wire = self.shared.wire();
        if state.turn.is_none() {
            state.turn = Some(wire.turn().await);
        }
        let mut body = wire.get(&self.addresses, address, rest).await?;
        while let Some(frame) = body.next().await? {
            self.shared.pace_down(frame.len()).await;
            self.take(frame, range, state).await?;
            if self.known().proven.is_some() {
                return Ok(());
            }
        }
        if state.position < range.end {
            return Err(Failure::again(Error::new(
                ErrorKind::Network,
                format!(
                    "the connection ended at byte {} of {}",
                    state.position, range.end
                ),
            )));
        }
        Ok(())
    }

    /// Puts received bytes into windows, and full windows to work.
    async fn take(
        &self,
        mut frame: Bytes,
        range: &Range<u64>,
        state: &mut Underway,
    ) -> Result<(), Failure> {
        while !frame.is_empty() {
            if state.position >= range.end {
                // DL-5: what was not asked for is not taken.
                return Err(Failure::again(Error::new(
                    ErrorKind::Protocol,
                    "the storage host sent more than was asked for",
                )));
            }
            let Window {
                start,
                end,
                mut buffer,
            } = match state.window.take() {
                Some(window) => window,
                None => {
                    // As long as the budget of this moment allows.
                    let len = self.shared.limits().window_len();
                    let end = border(state.position, len, range.end);
                    let len = end.saturating_sub(state.position);
                    let len = usize::try_from(len).unwrap_or(usize::MAX);
                    Window {
                        start: state.position,
                        end,
                        buffer: self.shared.buffers().take(len).await,
                    }
                }
            };
            let room = usize::try_from(end.saturating_sub(state.position)).unwrap_or(usize::MAX);
            let piece = frame.split_to(frame.len().min(room));
            buffer.extend_from_slice(&piece);
            let taken = u64::try_from(piece.remaining()).unwrap_or(0);
            state.position = state.position.saturating_add(taken);
            self.meter.add(taken);
            if state.position == end {
                self.settle(state).await?;
                if self.known().proven.is_some() {
                    return Ok(());
                }
                state.job = Some(self.begin(start, buffer));
            } else {
                state.window = Some(Window { start, end, buffer });
            }
        }
        Ok(())
    }

    /// Decrypts and stores a window, on another thread unless it is small.
    fn begin(&self, start: u64, mut buffer: Buffer) -> Job {
        let known = self.known();
        let before: Vec<_> = if known.again {
            let first = chunk_at(start).index;
            let end = start.saturating_add(u64::try_from(buffer.len()).unwrap_or(u64::MAX));
            let last = chunk_at(end.saturating_sub(1)).index;
            let chunks = known.chunks.range(first..=last.max(first));
            chunks.map(|(index, mac)| (*index, *mac)).collect()
        } else {
            Vec::new()
        };
        drop(known);
        let (cipher, sink) = (self.cipher.clone(), Arc::clone(&self.sink));
        let quick = S::QUICK && buffer.len() <= INLINE;
        let work = move || {
            let macs = cipher
                .decrypt_chunks(start, &mut buffer)
                .map_err(misplaced)?;
            if !macs.iter().eq(before) {
                sink.store(start, buffer)
                    .map_err(|error| Error::io("the content cannot be stored", error))?;
                sink.note(&macs);
            }
            Ok(macs)
        };
        if quick {
            Job::Done(work())
        } else {
            Job::Running(crate::chance::spawn_blocking(work))
        }
    }

    /// Waits for the window being worked on.
    async fn settle(&self, state: &mut Underway) -> Result<()> {
        let done = match state.job.take() {
            None => return Ok(()),
            Some(Job::Done(done)) => done,
            Some(Job::Running(handle)) => match handle.await {
                Ok(done) => done,
                Err(error) => {
                    return Err(Error::new(ErrorKind::Io, "a thread for decrypting failed")
                        .caused_by(error));
                }
            },
        };
        let macs = done?;
        self.meter.part();
        let mut known = self.known();
        let mut changed = false;
        for (index, mac) in macs.iter() {
            let old = known.chunks.insert(index, mac);
            changed |= old.is_none_or(|old| old != mac);
        }
        if known.again && changed {
            known.different.push(macs.range());
            // Each trial goes over all chunk MACs; a content that is different everywhere is tried at
            // the end only.
            if known.different.len() <= TRIALS {
                known.proven = self.proof_of(&known).ok();
            }
        }
        Ok(())
    }
}

fn misplaced(error: NotAtChunkBorder) -> Error {
    Error::new(ErrorKind::Misuse, "a piece does not start at a chunk").caused_by(error)
}

/// Decrypting this much takes less time than handing it to another thread and back.
const INLINE: usize = 32 << 10;
/// How many different pieces are tried on their own in the second pass.
const TRIALS: usize = 64;

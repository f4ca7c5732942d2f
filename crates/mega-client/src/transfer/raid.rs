//! A range of a file that is stored in six parts (CloudRAID; api-and-transfers 7.3): five are read side by
//! side, the sixth steps in for one that fails or is too slow.
//!
//! The parity makes every byte computable without any one part, so neither a dead host nor a slow one holds
//! a download up. Which part is not needed is remembered for the ranges that follow.

use std::ops::Range;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use futures::Stream;
use mega_protocol::storage::raid::{LINE, PARTS, SECTOR, assemble, part_len, part_range};
use mega_protocol::storage::{ByteRange, StorageError};
use mega_protocol::{RangeStream, Storage};
use tokio::time::Instant;

use super::retry::Failure;
use super::wire::{DownloadUrl, download_failed};
use crate::error::{Error, ErrorKind};

/// What the ranges of one file have learned about its parts.
#[derive(Default)]
pub(crate) struct Health {
    known: Mutex<Known>,
}

#[derive(Clone, Copy, Default)]
struct Known {
    failures: [u32; PARTS],
    slow: [bool; PARTS],
    suspect: Option<usize>,
}

impl Health {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The part to do without: the one under suspicion, else the one that failed most, else a slow one, else
    /// the parity.
    fn standby(&self) -> usize {
        let known = *self.known();
        if let Some(suspect) = known.suspect {
            return suspect;
        }
        let trouble = |part: &usize| {
            let failures = known.failures.get(*part).copied().unwrap_or(0);
            let slow = known.slow.get(*part).copied().unwrap_or(false);
            // Of equal ones the first wins.
            (failures, slow, PARTS.saturating_sub(*part))
        };
        (0..PARTS).max_by_key(trouble).unwrap_or(0)
    }

    fn failed(&self, part: usize) {
        if let Some(failures) = self.known().failures.get_mut(part) {
            *failures = failures.saturating_add(1);
        }
    }

    fn slow(&self, part: usize) {
        if let Some(slow) = self.known().slow.get_mut(part) {
            *slow = true;
        }
    }

    /// From now on this part is not used at all: its bytes may be the wrong ones.
    pub(crate) fn suspect(&self, part: usize) {
        self.known().suspect = Some(part);
    }

    fn is_suspect(&self, part: usize) -> bool {
        self.known().suspect == Some(part)
    }
}

type Opening = Pin<Box<dyn Future<Output = Result<RangeStream, mega_protocol::Error>> + Send>>;

enum State {
    /// Not in use; it can step in.
    Standby,
    /// Asked for.
    Opening(Opening),
    /// Arriving.
    Open(RangeStream),
    /// All of it has arrived.
    Complete,
    /// It failed and is not asked again for this range.
    Failed,
}

struct Part {
    state: State,
    /// The bytes from the current line on.
    bytes: BytesMut,
    /// How long everything has waited for this part alone.
    blame: Duration,
}

impl Part {
    fn is_used(&self) -> bool {
        !matches!(self.state, State::Standby | State::Failed)
    }
}

/// A range of the file on its way, as encrypted bytes.
pub(crate) struct SixParts {
    storage: Storage,
    urls: Arc<[DownloadUrl; PARTS]>,
    health: Arc<Health>,
    size: u64,
    /// The bytes of the file that are still to be given out.
    range: Range<u64>,
    /// Where the buffers of the parts start, in bytes of a part.
    line: u64,
    /// Where the range ends, in bytes of a part; the parts may be shorter.
    end: u64,
    parts: [Part; PARTS],
    started: Instant,
    /// A part is replaced for being slow once; with every part slow, changing helps nobody.
    impatient: bool,
}

impl SixParts {
    /// Starts to ask for a range, which is not empty, of a file of `size` bytes.
    pub(crate) fn new(
        storage: &Storage,
        urls: &Arc<[DownloadUrl; PARTS]>,
        health: &Arc<Health>,
        size: u64,
        range: Range<u64>,
    ) -> Result<Self, Failure> {
        let (line, end) = part_range(range.start, range.end.min(size))
            .ok_or_else(|| Error::misuse("an empty range"))?;
        let mut this = Self {
            storage: storage.clone(),
            urls: Arc::clone(urls),
            health: Arc::clone(health),
            size,
            range,
            line,
            end,
            parts: std::array::from_fn(|_| Part {
                state: State::Standby,
                bytes: BytesMut::new(),
                blame: Duration::ZERO,
            }),
            started: Instant::now(),
            impatient: true,
        };
        let standby = health.standby();
        for part in (0..PARTS).filter(|part| *part != standby) {
            this.open(part);
        }
        Ok(this)
    }

    /// Asks for a part from the current line on.
    fn open(&mut self, number: usize) {
        let len = part_len(self.size, number).unwrap_or(0);
        let range = ByteRange::new(self.line, self.end.min(len).saturating_sub(self.line));
        let (storage, urls) = (self.storage.clone(), Arc::clone(&self.urls));
        let Some(part) = self.parts.get_mut(number) else {
            return;
        };
        part.bytes.clear();
        part.state = match range {
            Some(range) => State::Opening(Box::pin(async move {
                match urls.get(number) {
                    Some(url) => storage.download_range(url, range).await,
                    None => Err(mega_protocol::Error::Storage(StorageError::Malformed)),
                }
            })),
            // The last line of the file ends before this part.
            None => State::Complete,
        };
    }

    /// The next bytes of the file; `None` at the end of the range.
    ///
    /// Cancel safe: nothing is lost when the future is dropped.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        loop {
            if self.range.is_empty() {
                return Ok(None);
            }
            if let Some(bytes) = self.lines()? {
                return Ok(Some(bytes));
            }
            let laggard = self.laggard();
            let since = Instant::now();
            let event = match laggard.and_then(|number| self.patience(number)) {
                Some(left) => tokio::time::timeout(left, self.arrival()).await.ok(),
                None => Some(self.arrival().await),
            };
            if let Some(part) = laggard.and_then(|number| self.parts.get_mut(number)) {
                part.blame = part.blame.saturating_add(since.elapsed());
            }
            match (event, laggard) {
                (Some((number, Err(error))), _) => self.failed(number, error)?,
                (Some((_, Ok(()))), _) => {}
                (None, Some(number)) => self.replace_slow(number),
                (None, None) => {}
            }
        }
    }

    /// Whole lines of which all needed sectors are there.
    fn lines(&mut self) -> Result<Option<Bytes>, Failure> {
        let mut ready = self.end.saturating_sub(self.line).min(LONGEST_FRAME);
        for part in self.parts.iter().filter(|part| part.is_used()) {
            if !matches!(part.state, State::Complete) {
                let whole = part.bytes.len() as u64 / SECTOR * SECTOR;
                ready = ready.min(whole);
            }
        }
        if ready == 0 {
            return Ok(None);
        }
        let start = self.line / SECTOR * LINE;
        let end = self
            .line
            .saturating_add(ready)
            .checked_div(SECTOR)
            .and_then(|line| line.checked_mul(LINE))
            .unwrap_or(u64::MAX)
            .min(self.size);
        let len = usize::try_from(end.saturating_sub(start)).unwrap_or(usize::MAX);
        let stop = usize::try_from(ready).unwrap_or(usize::MAX);
        let sectors = std::array::from_fn(|number| {
            let part = self.parts.get(number).filter(|part| part.is_used())?;
            part.bytes.get(..stop.min(part.bytes.len()))
        });
        let mut bytes = assemble(sectors, len).map(Bytes::from).ok_or_else(|| {
            let text = "the parts of the file do not fit together";
            Failure::again(Error::new(ErrorKind::Protocol, text))
        })?;
        for part in &mut self.parts {
            let used = stop.min(part.bytes.len());
            part.bytes.advance(used);
        }
        self.line = self.line.saturating_add(ready);
        // Only what was asked for: the first and the last line may reach beyond it.
        let before = self.range.start.saturating_sub(start);
        bytes.advance(usize::try_from(before).unwrap_or(0).min(bytes.len()));
        let left = self.range.end.saturating_sub(self.range.start);
        bytes.truncate(usize::try_from(left).unwrap_or(usize::MAX));
        self.range.start = self.range.start.saturating_add(bytes.len() as u64);
        Ok(Some(bytes))
    }

    /// Waits until something arrives from any part, or one fails.
    async fn arrival(&mut self) -> (usize, Result<(), mega_protocol::Error>) {
        std::future::poll_fn(|context| self.poll_arrival(context)).await
    }

    fn poll_arrival(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<(usize, Result<(), mega_protocol::Error>)> {
        for (number, part) in self.parts.iter_mut().enumerate() {
            if let State::Opening(opening) = &mut part.state {
                match opening.as_mut().poll(context) {
                    Poll::Pending => continue,
                    Poll::Ready(Err(error)) => return Poll::Ready((number, Err(error))),
                    Poll::Ready(Ok(stream)) => part.state = State::Open(stream),
                }
            }
            // A part that is far ahead waits for the others.
            if let State::Open(stream) = &mut part.state
                && part.bytes.len() < FAR_AHEAD
            {
                match Pin::new(stream).poll_next(context) {
                    Poll::Pending => {}
                    Poll::Ready(None) => {
                        part.state = State::Complete;
                        return Poll::Ready((number, Ok(())));
                    }
                    Poll::Ready(Some(Err(error))) => return Poll::Ready((number, Err(error))),
                    Poll::Ready(Some(Ok(piece))) => {
                        part.bytes.extend_from_slice(&piece);
                        return Poll::Ready((number, Ok(())));
                    }
                }
            }
        }
        Poll::Pending
    }

    /// The only part that is waited for, if it is only one.
    fn laggard(&self) -> Option<usize> {
        let mut short = self.parts.iter().enumerate().filter(|(_, part)| {
            part.is_used()
                && !matches!(part.state, State::Complete)
                && (part.bytes.len() as u64) < SECTOR
        });
        match (short.next(), short.next()) {
            (Some((number, _)), None) => Some(number),
            _ => None,
        }
    }

    fn standby(&self) -> Option<usize> {
        let idle = |part: &Part| matches!(part.state, State::Standby);
        let number = self.parts.iter().position(idle)?;
        (!self.health.is_suspect(number)).then_some(number)
    }

    /// How much longer a part is waited for before another one steps in: until the waits for it add up
    /// to something, and to a good share of all the time. `None` if none can, or one did already.
    fn patience(&self, number: usize) -> Option<Duration> {
        self.standby().filter(|_| self.impatient)?;
        let blame = self.parts.get(number)?.blame;
        let share = self.started.elapsed().saturating_sub(blame * SHARE) / (SHARE - 1);
        Some(PATIENCE.saturating_sub(blame).max(share.min(STALL)))
    }

    fn replace_slow(&mut self, number: usize) {
        let Some(other) = self.standby() else { return };
        self.impatient = false;
        self.health.slow(number);
        if let Some(part) = self.parts.get_mut(number) {
            part.state = State::Standby;
            part.bytes.clear();
        }
        self.open(other);
    }

    /// Goes on without a part that failed.
    fn failed(&mut self, number: usize, error: mega_protocol::Error) -> Result<(), Failure> {
        let over_quota = matches!(
            &error,
            mega_protocol::Error::Storage(StorageError::OverTransferQuota { .. })
        );
        let other = self.standby().filter(|_| !over_quota);
        if let Some(part) = self.parts.get_mut(number) {
            part.state = State::Failed;
            part.bytes.clear();
        }
        if !over_quota {
            self.health.failed(number);
        }
        match other {
            Some(other) => {
                self.open(other);
                Ok(())
            }
            None => Err(download_failed(error)),
        }
    }
}

/// How long a range waits for one part alone before another one steps in for it. The SDK waits 30 s for one
/// that hangs, and replaces one of less than half the average speed (`src/raidproxy.cpp`).
const PATIENCE: Duration = Duration::from_secs(1);
/// A part is to blame only if the wait for it is at least this fraction of all the time.
const SHARE: u32 = 4;
/// However well it went before, nobody waits longer than this in one go.
const STALL: Duration = Duration::from_secs(5);
/// A part is read no further ahead of the slowest one than this many bytes and a piece.
const FAR_AHEAD: usize = 64 << 10;
/// How much of each part is put together at once.
const LONGEST_FRAME: u64 = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_part_to_do_without_is_the_worst_known() {
        let health = Health::default();
        assert_eq!(health.standby(), 0);
        health.slow(4);
        assert_eq!(health.standby(), 4);
        health.failed(2);
        assert_eq!(health.standby(), 2);
        health.failed(5);
        health.failed(5);
        assert_eq!(health.standby(), 5);
        health.suspect(1);
        assert_eq!(health.standby(), 1);
    }
}

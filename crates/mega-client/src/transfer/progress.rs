//! What a transfer has done so far, and the way to stop it.

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::error::{Error, ErrorKind, Result};

/// What a transfer has done so far, and the way to stop it.
///
/// Make one, hand it to one or several transfers, and read it from anywhere at any time: clones
/// share the same numbers, reading takes no lock that a transfer waits for.
///
/// ```
/// use mega_client::Progress;
/// let progress = Progress::new();
/// let seen_elsewhere = progress.clone();
/// progress.cancel();
/// assert!(seen_elsewhere.is_cancelled());
/// ```
#[derive(Clone, Default)]
pub struct Progress {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    bytes_done: AtomicU64,
    bytes_total: AtomicU64,
    files_done: AtomicU64,
    files_total: AtomicU64,
    parts_done: AtomicU64,
    items_done: AtomicU64,
    items_total: AtomicU64,
    cancelled: AtomicBool,
    wake: Notify,
    speed: Mutex<Speed>,
}

impl Progress {
    /// Nothing done, nothing to do.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The bytes of content that have arrived where they belong. Goes back when a file has to start
    /// again.
    #[must_use]
    pub fn bytes_done(&self) -> u64 {
        self.shared.bytes_done.load(Ordering::Relaxed)
    }

    /// The bytes of content there are to move, as far as that is known yet.
    #[must_use]
    pub fn bytes_total(&self) -> u64 {
        self.shared.bytes_total.load(Ordering::Relaxed)
    }

    /// The files that are finished, well or not, or were found to be there already.
    #[must_use]
    pub fn files_done(&self) -> u64 {
        self.shared.files_done.load(Ordering::Relaxed)
    }

    /// The files there are to move, as far as that is known yet.
    #[must_use]
    pub fn files_total(&self) -> u64 {
        self.shared.files_total.load(Ordering::Relaxed)
    }

    /// The parts (requests to storage, or pieces of one) that are done.
    #[must_use]
    pub fn parts_done(&self) -> u64 {
        self.shared.parts_done.load(Ordering::Relaxed)
    }

    /// The items of calls for many nodes (links, moves, deletions) that are finished, well or not.
    #[must_use]
    pub fn items_done(&self) -> u64 {
        self.shared.items_done.load(Ordering::Relaxed)
    }

    /// The items of such calls that there are.
    #[must_use]
    pub fn items_total(&self) -> u64 {
        self.shared.items_total.load(Ordering::Relaxed)
    }

    /// Bytes per second over the last ten seconds at most.
    #[must_use]
    pub fn rate(&self) -> f64 {
        let mut speed = self
            .shared
            .speed
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        speed.rate(Instant::now(), self.bytes_done())
    }

    /// How long the rest takes at the current rate; `None` while nothing moves or nothing is known.
    #[must_use]
    pub fn time_left(&self) -> Option<Duration> {
        let left = self.bytes_total().saturating_sub(self.bytes_done());
        let rate = self.rate();
        if left == 0 {
            return (self.bytes_total() > 0).then_some(Duration::ZERO);
        }
        Duration::try_from_secs_f64(left as f64 / rate).ok()
    }

    /// Stops all transfers that use this progress. Each ends with
    /// [`ErrorKind::Cancelled`] and leaves nothing half done; an upload whose node is being made is done or fails as if nobody had
    /// cancelled. Of a [call for many nodes](crate::BulkCall) no further item
    /// begins. It cannot be taken back.
    pub fn cancel(&self) {
        self.shared.cancelled.store(true, Ordering::Release);
        self.shared.wake.notify_waiters();
    }

    /// Whether [`cancel`](Self::cancel) was called.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.shared.cancelled.load(Ordering::Acquire)
    }

    /// Waits until somebody cancels.
    pub(crate) async fn cancelled(&self) {
        loop {
            let woken = self.shared.wake.notified();
            if self.is_cancelled() {
                return;
            }
            woken.await;
        }
    }

    /// Runs something until it is done or somebody cancels; then it is dropped.
    pub(crate) async fn unless_cancelled<T>(
        &self,
        work: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        tokio::select! {
            biased;
            () = self.cancelled() => Err(Error::new(ErrorKind::Cancelled, "it was cancelled")),
            result = work => result,
        }
    }

    pub(crate) fn expect(&self, files: u64, bytes: u64) {
        self.shared.files_total.fetch_add(files, Ordering::Relaxed);
        self.shared.bytes_total.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn expect_items(&self, items: usize) {
        let items = u64::try_from(items).unwrap_or(u64::MAX);
        self.shared.items_total.fetch_add(items, Ordering::Relaxed);
    }

    pub(crate) fn item_done(&self) {
        self.items_done_more(1);
    }

    pub(crate) fn items_done_more(&self, items: usize) {
        let items = u64::try_from(items).unwrap_or(u64::MAX);
        self.shared.items_done.fetch_add(items, Ordering::Relaxed);
    }

    pub(crate) fn file_done(&self) {
        self.shared.files_done.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts bytes that need not move because they are there already.
    pub(crate) fn skip(&self, bytes: u64) {
        self.shared.bytes_done.fetch_add(bytes, Ordering::Relaxed);
        let mut speed = self
            .shared
            .speed
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        speed.skipped = speed.skipped.saturating_add(bytes);
    }

    fn add(&self, bytes: u64) {
        let done = self
            .shared
            .bytes_done
            .fetch_add(bytes, Ordering::Relaxed)
            .saturating_add(bytes);
        // A reader may hold the lock; the next part will find it free.
        if let Ok(mut speed) = self.shared.speed.try_lock() {
            speed.sample(Instant::now(), done);
        }
    }

    fn take_back(&self, bytes: u64) {
        self.shared.bytes_done.fetch_sub(bytes, Ordering::Relaxed);
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Progress")
            .field("bytes_done", &self.bytes_done())
            .field("bytes_total", &self.bytes_total())
            .field("files_done", &self.files_done())
            .field("files_total", &self.files_total())
            .field("items_done", &self.items_done())
            .field("items_total", &self.items_total())
            .field("cancelled", &self.is_cancelled())
            .finish()
    }
}

/// The share of one file in a progress: takes back what it counted when the file starts again.
#[derive(Debug)]
pub(crate) struct Meter {
    progress: Progress,
    counted: AtomicU64,
}

impl Meter {
    pub(crate) fn new(progress: &Progress) -> Self {
        Self {
            progress: progress.clone(),
            counted: AtomicU64::new(0),
        }
    }

    /// Bytes arrived.
    pub(crate) fn add(&self, bytes: u64) {
        self.counted.fetch_add(bytes, Ordering::Relaxed);
        self.progress.add(bytes);
    }

    /// Bytes that were counted have to travel once more.
    pub(crate) fn take_back(&self, bytes: u64) {
        self.counted.fetch_sub(bytes, Ordering::Relaxed);
        self.progress.take_back(bytes);
    }

    /// Everything has arrived, of a file of so many bytes.
    pub(crate) fn complete(&self, size: u64) {
        self.add(size.saturating_sub(self.counted.load(Ordering::Relaxed)));
    }

    /// A part is done.
    pub(crate) fn part(&self) {
        self.progress
            .shared
            .parts_done
            .fetch_add(1, Ordering::Relaxed);
    }

    /// Whether the transfer was told to stop.
    pub(crate) fn is_cancelled(&self) -> bool {
        self.progress.is_cancelled()
    }

    /// The file starts again from nothing.
    pub(crate) fn restart(&self) {
        self.progress
            .take_back(self.counted.swap(0, Ordering::Relaxed));
    }
}

/// Where the counter was at some moments of the last ten seconds.
#[derive(Default)]
struct Speed {
    samples: VecDeque<(Instant, u64)>,
    skipped: u64,
}

impl Speed {
    fn sample(&mut self, now: Instant, done: u64) {
        let recent = |(at, _): &(Instant, u64)| now.saturating_duration_since(*at) < STEP;
        if self.samples.len() > 1 && self.samples.back().is_some_and(recent) {
            return;
        }
        self.samples
            .push_back((now, done.saturating_sub(self.skipped)));
        while self.samples.len() > 2
            && self
                .samples
                .get(1)
                .is_some_and(|(at, _)| now.saturating_duration_since(*at) > SPAN)
        {
            self.samples.pop_front();
        }
    }

    fn rate(&mut self, now: Instant, done: u64) -> f64 {
        self.sample(now, done);
        let Some(&(start, before)) = self.samples.front() else {
            return 0.0;
        };
        let seconds = now.saturating_duration_since(start).as_secs_f64();
        let moved = done.saturating_sub(self.skipped).saturating_sub(before);
        if seconds > 0.0 {
            moved as f64 / seconds
        } else {
            0.0
        }
    }
}

/// No two samples are closer than this, and none older than the span is kept.
const STEP: Duration = Duration::from_millis(200);
const SPAN: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    #[test]
    fn a_file_that_starts_again_takes_back_what_it_counted_and_nothing_else() {
        let progress = Progress::new();
        let (one, two) = (Meter::new(&progress), Meter::new(&progress));
        one.add(10);
        two.add(7);
        one.restart();
        one.add(4);
        assert_eq!(progress.bytes_done(), 11);
    }

    #[test]
    fn the_rate_is_that_of_the_last_seconds() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut speed = Speed::default();
        for second in 0..100 {
            speed.sample(at(second), second * 1000);
        }
        for second in 100..120 {
            speed.sample(at(second), 100_000 + (second - 100) * 10);
        }
        let rate = speed.rate(at(120), 100_200);
        assert!((9.0..11.0).contains(&rate), "{rate}");
    }

    #[test]
    fn what_was_there_already_does_not_count_as_speed() {
        let progress = Progress::new();
        progress.expect(2, 2_000);
        progress.skip(2_000);
        assert_eq!(progress.bytes_done(), 2_000);
        assert_eq!(progress.rate(), 0.0);
        assert_eq!(progress.time_left(), Some(Duration::ZERO));
    }

    #[tokio::test]
    async fn cancelling_wakes_whoever_waits_and_whoever_comes_later() {
        let progress = Progress::new();
        let mut waiting = Box::pin(progress.cancelled());
        assert!(waiting.as_mut().now_or_never().is_none());
        progress.clone().cancel();
        waiting.await;
        progress.cancelled().await;
        let error = progress
            .unless_cancelled(async { Ok(()) })
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Cancelled);
    }
}

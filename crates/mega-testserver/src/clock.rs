//! The server's time: real, virtual under a paused tokio runtime, and moved by hand.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::watch;
use tokio::time::Instant;

/// A clock everybody of one server shares. Clones show the same time.
///
/// It runs with tokio's clock, so a runtime with paused time makes it virtual, and [`Clock::advance`] jumps it.
#[derive(Clone, Debug)]
pub struct Clock {
    origin: Instant,
    epoch_ms: i64,
    offset_ms: Arc<AtomicI64>,
    frozen: bool,
    moved: Arc<watch::Sender<u64>>,
}

impl Clock {
    /// Starts at the computer's time and runs.
    #[must_use]
    pub fn real() -> Self {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Self::build(i64::try_from(now.as_millis()).unwrap_or(0), false)
    }

    /// Starts at this Unix time in seconds and runs.
    #[must_use]
    pub fn starting_at(unix: i64) -> Self {
        Self::build(unix.saturating_mul(1000), false)
    }

    /// Stands at this Unix time in seconds until [`Clock::advance`] moves it.
    #[must_use]
    pub fn frozen_at(unix: i64) -> Self {
        Self::build(unix.saturating_mul(1000), true)
    }

    fn build(epoch_ms: i64, frozen: bool) -> Self {
        Self {
            origin: Instant::now(),
            epoch_ms,
            offset_ms: Arc::new(AtomicI64::new(0)),
            frozen,
            moved: Arc::new(watch::Sender::new(0)),
        }
    }

    /// Unix time in seconds.
    #[must_use]
    pub fn unix(&self) -> i64 {
        self.millis().div_euclid(1000)
    }

    /// Unix time in milliseconds.
    #[must_use]
    pub fn millis(&self) -> i64 {
        let run = if self.frozen {
            0
        } else {
            i64::try_from(self.origin.elapsed().as_millis()).unwrap_or(i64::MAX)
        };
        self.epoch_ms
            .saturating_add(run)
            .saturating_add(self.offset_ms.load(Ordering::SeqCst))
    }

    /// Jumps forward; requests that are held for a time notice at once.
    pub fn advance(&self, by: Duration) {
        let by = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        self.offset_ms.fetch_add(by, Ordering::SeqCst);
        self.moved.send_modify(|n| *n = n.wrapping_add(1));
    }

    /// Jumps back.
    pub fn rewind(&self, by: Duration) {
        let by = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        self.offset_ms.fetch_sub(by, Ordering::SeqCst);
        self.moved.send_modify(|n| *n = n.wrapping_add(1));
    }

    /// Returns when the clock shows this time (Unix milliseconds).
    pub(crate) async fn reached(&self, deadline_ms: i64) {
        let mut moved = self.moved.subscribe();
        loop {
            let left = deadline_ms.saturating_sub(self.millis());
            let Ok(left) = u64::try_from(left) else {
                return;
            };
            if left == 0 {
                return;
            }
            if self.frozen {
                if moved.changed().await.is_err() {
                    return;
                }
            } else {
                tokio::select! {
                    biased;
                    () = tokio::time::sleep(Duration::from_millis(left)) => {}
                    _ = moved.changed() => {}
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frozen_clock_moves_only_by_hand() {
        let clock = Clock::frozen_at(1000);
        assert_eq!(clock.millis(), 1_000_000);
        clock.advance(Duration::from_millis(1500));
        assert_eq!(clock.unix(), 1001);
        clock.rewind(Duration::from_secs(2));
        assert_eq!(clock.millis(), 999_500);
    }

    #[tokio::test(start_paused = true)]
    async fn a_running_clock_is_virtual_under_a_paused_runtime() {
        let clock = Clock::starting_at(1000);
        tokio::time::sleep(Duration::from_secs(3600)).await;
        assert_eq!(clock.unix(), 4600);
        clock.reached(5_000_000).await;
        assert_eq!(clock.unix(), 5000);
    }
}

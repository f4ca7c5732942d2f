//! A bound on bytes per second, for all transfers of a client together.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

/// When the next byte may travel. Bytes are let through first and paid for by whoever comes next, so a
/// single piece larger than a second's worth passes too.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    free_at: Mutex<Option<Instant>>,
    changed: Notify,
}

impl Pace {
    /// Waits until `bytes` may travel at this rate; not at all without one. The rate may be another one
    /// each time.
    ///
    /// Cancel safe: what was reserved is lost for the others, a moment at most.
    pub(crate) async fn wait(&self, bytes: u64, per_second: Option<u64>) {
        let Some(rate) = per_second.filter(|rate| *rate > 0) else {
            return;
        };
        let changed = self.changed.notified();
        let until = {
            let now = Instant::now();
            let mut free_at = self.free_at.lock().unwrap_or_else(PoisonError::into_inner);
            let start = free_at.filter(|at| *at > now).unwrap_or(now);
            let cost = Duration::try_from_secs_f64(bytes as f64 / rate as f64).unwrap_or(LONGEST);
            *free_at = start.checked_add(cost.min(LONGEST));
            start
        };
        tokio::select! {
            biased;
            () = tokio::time::sleep_until(until) => {}
            () = changed => {}
        }
    }

    /// The rate is another one now: what waits for the old one is let through.
    pub(crate) fn change(&self) {
        *self.free_at.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.changed.notify_waiters();
    }
}

/// What a single piece costs at most, however slow the rate: it can be changed meanwhile.
const LONGEST: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn tr_7_bytes_travel_no_faster_than_the_rate_whoever_sends_them() {
        let pace = Pace::default();
        let start = Instant::now();
        let sender = async || {
            for _ in 0..10 {
                pace.wait(1000, Some(1000)).await;
            }
        };
        tokio::join!(sender(), sender());
        // The first piece is let through at once, nineteen others have to wait.
        assert_eq!(start.elapsed().as_secs(), 19);
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_a_rate_that_holds_no_longer() {
        let pace = Pace::default();
        let start = Instant::now();
        pace.wait(1000, Some(10)).await;
        let change = async {
            tokio::task::yield_now().await;
            pace.change();
        };
        tokio::join!(pace.wait(1000, Some(10)), change);
        pace.wait(1000, Some(10)).await;
        assert_eq!(start.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_rate_nothing_waits() {
        let pace = Pace::default();
        let start = Instant::now();
        for _ in 0..100 {
            pace.wait(1 << 30, None).await;
        }
        assert_eq!(start.elapsed(), Duration::ZERO);
    }
}

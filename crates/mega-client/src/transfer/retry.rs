//! When to try again, and when to give up (threat model, section 11.3).

use std::time::Duration;

use super::limits::{QuotaPolicy, TransferLimits};
use crate::error::{Error, ErrorKind};

/// A request to storage that did not do what it should, and what can be done about it.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) remedy: Remedy,
    pub(crate) error: Error,
}

/// What can be done about a failed request (api-and-transfers 6.5, 7.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Remedy {
    /// The same request again, after a while.
    Again,
    /// Ask for a new address first (DL-13).
    NewAddress,
    /// Start the upload from nothing with a new address.
    StartOver,
    /// The transfer quota is used up: wait, then ask for a new address.
    Wait(Option<Duration>),
    /// Nothing.
    GiveUp,
}

impl Failure {
    pub(crate) fn new(remedy: Remedy, error: Error) -> Self {
        Self { remedy, error }
    }

    pub(crate) fn again(error: Error) -> Self {
        Self::new(Remedy::Again, error)
    }

    /// Whether the service says how long to wait: then that may be long, and nothing is to be held meanwhile that others need.
    pub(crate) fn is_long(&self) -> bool {
        matches!(self.remedy, Remedy::Wait(_)) || self.error.retry_after().is_some()
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::new(Remedy::GiveUp, error)
    }
}

/// Counts the failures in a row of one request and waits between them: exponentially longer, with
/// full jitter, 250 ms to 32 s, anew after every success (RTY-11). What the service says to wait is waited, up to a bound (RTY-12).
#[derive(Debug)]
pub(crate) struct Retry {
    limits: TransferLimits,
    failures: u32,
    waited: Duration,
}

impl Retry {
    pub(crate) fn new(limits: TransferLimits) -> Self {
        Self {
            limits,
            failures: 0,
            waited: Duration::ZERO,
        }
    }

    /// Something moved: the next failure counts as the first.
    pub(crate) fn moved(&mut self) {
        self.failures = 0;
    }

    /// Waits for the next attempt, or says that there is none.
    ///
    /// # Errors
    ///
    /// The failure's own error.
    pub(crate) async fn pause(&mut self, failure: Failure) -> Result<Remedy, Error> {
        let Failure { remedy, error } = failure;
        match remedy {
            Remedy::GiveUp => Err(error),
            Remedy::Wait(time) => {
                let allowed = match self.limits.quota() {
                    QuotaPolicy::Fail => return Err(error),
                    QuotaPolicy::WaitUpTo(allowed) => allowed,
                };
                // The service names no time now and then; the SDK takes an hour then.
                let time = time
                    .unwrap_or(Duration::from_secs(3600))
                    .max(Duration::from_secs(1));
                self.waited = self.waited.saturating_add(time);
                if self.waited > allowed {
                    return Err(error);
                }
                tracing::debug!(?time, "waiting for transfer quota");
                tokio::time::sleep(time).await;
                Ok(Remedy::NewAddress)
            }
            Remedy::Again | Remedy::NewAddress | Remedy::StartOver => {
                self.failures = self.failures.saturating_add(1);
                if self.failures >= self.limits.tries() {
                    return Err(error);
                }
                tracing::debug!(?remedy, failures = self.failures, %error, "a request to storage is tried again");
                // An expired address is the normal end of a long transfer: no need to wait.
                if !(remedy == Remedy::NewAddress && self.failures == 1) {
                    let wait = match error.retry_after() {
                        // The caller may wait so long; the error says how long.
                        Some(told) if told > LONGEST_TOLD => return Err(error),
                        Some(told) => told,
                        None => jittered(self.failures),
                    };
                    tokio::time::sleep(wait).await;
                }
                Ok(remedy)
            }
        }
    }
}

/// When the service says to come back later than this, the transfer fails and says when.
const LONGEST_TOLD: Duration = Duration::from_secs(300);

/// A random time up to 250 ms, 500 ms, 1 s and so on, 32 s at most.
fn jittered(failures: u32) -> Duration {
    let most = 250_u64.saturating_mul(1 << failures.saturating_sub(1).min(7));
    let mut bytes = [0; 8];
    // Without randomness the clients only come back at the same time.
    let _unjittered = crate::chance::fill(&mut bytes);
    Duration::from_millis(u64::from_le_bytes(bytes) % most.saturating_add(1))
}

/// The error for a transfer quota that is used up.
pub(crate) fn over_quota(wait: Option<Duration>) -> Error {
    Error::new(
        ErrorKind::OverTransferQuota,
        "the transfer quota is used up",
    )
    .with_retry_after(wait)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network() -> Error {
        Error::new(ErrorKind::Network, "broken")
    }

    #[tokio::test(start_paused = true)]
    async fn rty_11_failures_in_a_row_are_bounded_and_a_success_starts_the_count_again() {
        let mut retry = Retry::new(TransferLimits::default().attempts(3));
        for _ in 0..5 {
            for _ in 0..2 {
                assert_eq!(
                    retry.pause(Failure::again(network())).await.unwrap(),
                    Remedy::Again
                );
            }
            retry.moved();
        }
        for _ in 0..2 {
            retry.pause(Failure::again(network())).await.unwrap();
        }
        assert_eq!(
            retry
                .pause(Failure::again(network()))
                .await
                .unwrap_err()
                .kind(),
            ErrorKind::Network
        );
    }

    #[tokio::test(start_paused = true)]
    async fn tr_8_a_used_up_quota_is_waited_out_only_within_the_policy() {
        let wait = Some(Duration::from_secs(100));
        let failure = || Failure::new(Remedy::Wait(wait), over_quota(wait));

        let error = Retry::new(TransferLimits::default())
            .pause(failure())
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::OverTransferQuota);
        assert_eq!(error.retry_after(), wait);

        let policy = QuotaPolicy::WaitUpTo(Duration::from_secs(250));
        let mut retry = Retry::new(TransferLimits::default().quota_policy(policy));
        let start = tokio::time::Instant::now();
        assert_eq!(retry.pause(failure()).await.unwrap(), Remedy::NewAddress);
        assert_eq!(retry.pause(failure()).await.unwrap(), Remedy::NewAddress);
        assert_eq!(start.elapsed(), Duration::from_secs(200));
        assert!(retry.pause(failure()).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn rty_12_what_the_service_says_to_wait_is_waited_only_up_to_a_bound() {
        let told = |seconds| {
            let wait = Some(Duration::from_secs(seconds));
            Failure::again(network().with_retry_after(wait))
        };
        let mut retry = Retry::new(TransferLimits::default());
        let start = tokio::time::Instant::now();
        assert_eq!(retry.pause(told(300)).await.unwrap(), Remedy::Again);
        assert_eq!(start.elapsed(), Duration::from_secs(300));
        let error = retry.pause(told(24 * 3600)).await.unwrap_err();
        assert_eq!(start.elapsed(), Duration::from_secs(300));
        assert_eq!(error.retry_after(), Some(Duration::from_secs(24 * 3600)));
    }

    #[test]
    fn waits_grow_to_half_a_minute() {
        for _ in 0..1000 {
            assert!(jittered(1) <= Duration::from_millis(250));
            assert!(jittered(100) <= Duration::from_secs(32));
        }
    }
}

//! When to try again (RTY-11, RTY-12).

use std::time::Duration;

use crate::random::Random;

/// How long to keep trying, and how fast.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RetryPolicy {
    /// The upper end of the first delay.
    pub first: Duration,
    /// The upper end that delays grow to.
    pub longest: Duration,
    /// For how long a request is tried again, counted from when it first left. An attempt that is
    /// under way when the time ends is not broken off.
    pub deadline: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            first: Duration::from_millis(250),
            longest: Duration::from_secs(32),
            deadline: Duration::from_secs(300),
        }
    }
}

impl RetryPolicy {
    /// The default policy with another deadline.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Delays between `first` and `longest` at their upper ends.
    #[must_use]
    pub fn with_delays(mut self, first: Duration, longest: Duration) -> Self {
        self.first = first;
        self.longest = longest;
        self
    }

    /// Never tries again.
    pub fn none() -> Self {
        Self {
            deadline: Duration::ZERO,
            ..Self::default()
        }
    }
}

/// Exponential back-off with full jitter.
#[derive(Clone, Debug)]
pub(crate) struct Backoff {
    policy: RetryPolicy,
    failures: u32,
}

impl Backoff {
    pub(crate) fn new(policy: RetryPolicy) -> Self {
        Self {
            policy,
            failures: 0,
        }
    }

    /// How long to wait after one more failure.
    pub(crate) fn next(&mut self, random: &mut Random) -> Duration {
        let factor = 1u32.checked_shl(self.failures).unwrap_or(u32::MAX);
        let limit = self
            .policy
            .first
            .saturating_mul(factor)
            .min(self.policy.longest);
        self.failures = self.failures.saturating_add(1).min(31);
        let micros = u64::try_from(limit.as_micros()).unwrap_or(u64::MAX);
        Duration::from_micros(random.up_to(micros))
    }

    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rty_11_delays_are_jittered_grow_and_stay_within_the_bounds() {
        let policy = RetryPolicy::default();
        let mut seen = Vec::new();
        for seed in 0..200 {
            let mut random = Random::new(seed);
            let mut backoff = Backoff::new(policy);
            for n in 0..40u32 {
                let delay = backoff.next(&mut random);
                let limit = policy
                    .first
                    .saturating_mul(1 << n.min(20))
                    .min(policy.longest);
                assert!(delay <= limit, "{delay:?} after {n} failures");
                if n == 39 {
                    seen.push(delay);
                }
            }
            backoff.reset();
            assert!(backoff.next(&mut random) <= policy.first);
        }
        seen.sort();
        seen.dedup();
        assert!(seen.len() > 150, "delays are spread");
        assert!(seen.iter().any(|d| *d > Duration::from_secs(28)));
    }
}

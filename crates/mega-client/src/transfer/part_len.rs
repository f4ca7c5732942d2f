//! How long the parts of an upload are.

use std::time::Duration;

use tokio::time::Instant;

use super::Shared;
use super::reread::WINDOWS;
use super::seal::Lengths;

/// How a part fared.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timing {
    /// How long it was.
    pub(crate) bytes: u64,
    /// From when it was ready to its answer: waiting for a place, and for the rate that is allowed, is part of it.
    pub(crate) took: Duration,
    /// From its last byte to its answer.
    pub(crate) waited: Duration,
    /// Whether it was not the first time that it was sent.
    pub(crate) again: bool,
}

/// The length that the parts of one upload have come to.
#[derive(Debug)]
pub(crate) struct PartLen {
    len: u64,
    /// The shortest that any of the last ones waited: what it takes the line and the host to answer, without what a busy machine adds to it.
    waited: Option<Duration>,
    /// How many answers are left during which no part is longer than what lies in memory, and how many there will be the next time.
    short: u32,
    short_next: u32,
    /// The slowest of the last connections, in bytes per second, and until when that counts.
    slowest: Option<(u64, Instant)>,
    /// Whether a part may be longer than what may lie in memory.
    can_reread: bool,
}

impl PartLen {
    /// For an upload that begins.
    pub(crate) fn new(shared: &Shared, can_reread: bool) -> Self {
        Self {
            len: FIRST_PART.min(largest_held(shared)),
            waited: None,
            short: 0,
            short_next: SHORT_AT_FIRST,
            slowest: None,
            can_reread,
        }
    }

    /// How long the next part is made, unless an earlier run has made it.
    pub(crate) fn next(&self, shared: &Shared, made_earlier: Option<u64>) -> Lengths {
        Lengths {
            wanted: made_earlier.unwrap_or(self.len),
            held: largest_held(shared),
            window: window_len(shared),
        }
    }

    /// Learns from a part that was answered.
    pub(crate) fn answered(&mut self, shared: &Shared, timing: Timing) {
        let held = largest_held(shared);
        let longest = match self.can_reread {
            true => largest_reread(shared).max(held),
            false => held,
        };
        self.learn(timing, Instant::now(), held, longest);
    }

    fn learn(&mut self, timing: Timing, now: Instant, held: u64, longest: u64) {
        let sending = timing.took.saturating_sub(timing.waited);
        let millis = u64::try_from(sending.as_millis()).unwrap_or(u64::MAX);
        let rate = timing.bytes.saturating_mul(1000) / millis.max(1);
        let slowest = match self.slowest {
            Some((slower, until)) if slower < rate && until > now => slower,
            _ => {
                // Long enough for a connection that is still slow to be heard of again.
                let counts = timing.took.saturating_mul(4).max(SLOWEST_COUNTS);
                self.slowest = now.checked_add(counts).map(|until| (rate, until));
                rate
            }
        };
        // What is on its way at once has a bound: a slow connection holds all of them up, the longer its part, the longer.
        let longest = longest.min((slowest / 2).max(held));
        // What was so short only once is forgotten.
        let waited = match self.waited {
            Some(before) => timing.waited.min(before.max(FADED).saturating_mul(2)),
            None => timing.waited,
        };
        self.waited = Some(waited);
        let timing = Timing { waited, ..timing };
        self.short = self.short.saturating_sub(1);
        if timing.again || timing.took > QUICK && self.len > held {
            // It was one, all the same.
            self.short = self.short_next;
            self.short_next = self.short_next.saturating_mul(2);
        }
        let longest = match self.short {
            0 => longest,
            _ => held,
        };
        self.len = next_len(self.len, timing, held, longest);
    }
}

/// How long the next part is after one was answered: longer as long as answers are quick, so that less of the time goes into waiting for them.
/// Up to `held` it lies in memory. Beyond, up to `longest`, it has to be made twice: only where much of the time is waiting is that worth it.
fn next_len(len: u64, timing: Timing, held: u64, longest: u64) -> u64 {
    let Timing {
        took,
        waited,
        again,
        ..
    } = timing;
    let next = if again {
        // Where a part can fail, less is to be lost with it.
        (len / 2).min(held)
    } else if took > SLOW {
        (len / 2).min(held)
    } else if took > QUICK {
        len.min(held)
    } else {
        // What does not lie in the processor's caches any more takes longer to make than an answer that comes at once.
        let cached = held.min(CACHED_PART);
        let most = if waited < AT_ONCE || waited < took / 16 {
            cached
        } else if waited < took / 8 {
            len.max(cached).min(longest)
        } else {
            longest
        };
        let times = if waited > took / 2 { 4 } else { 2 };
        len.saturating_mul(times).min(most)
    };
    next.max(SMALLEST_PART)
}

/// The longest part that lies in memory as a whole, as the buffers of this moment allow; a chunk is the least. Every part waits for its
/// answer, so the fewer travel at once the longer they may be; one more is made meanwhile.
fn largest_held(shared: &Shared) -> u64 {
    let limits = shared.limits();
    let share = match limits.connections() {
        few @ 0..4 => shared.buffers().size() / few.saturating_add(1),
        _ => limits.buffers() / 8,
    };
    let share = u64::try_from(share).unwrap_or(LARGEST_HELD);
    share.clamp(SMALLEST_PART, LARGEST_HELD)
}

/// The longest part that is made twice: what is on its way at once stays below the gap that hosts allow.
fn largest_reread(shared: &Shared) -> u64 {
    let limits = shared.limits();
    // Half of the memory is left to others, such as writers that hold theirs as long as they like.
    let windows = u64::try_from(WINDOWS.saturating_mul(2)).unwrap_or(u64::MAX);
    let memory = u64::try_from(shared.buffers().size()).unwrap_or(u64::MAX);
    match u64::try_from(limits.connections()) {
        // Where the rate is bounded, nothing is won.
        _ if limits.up().is_some() => 0,
        _ if window_len(shared).saturating_mul(windows) > memory => 0,
        Ok(0 | 1) => LARGEST_ALONE,
        // While one connection is slow, the others get ahead of it by as much again.
        Ok(several) => LARGEST_GAP / several.saturating_mul(2),
        Err(_) => 0,
    }
}

/// How much of such a part is made at a time. Several chunks at once take much less time than one after the other, so it is rather fewer
/// parts that travel than shorter windows.
fn window_len(shared: &Shared) -> u64 {
    let size = u64::try_from(shared.buffers().size()).unwrap_or(u64::MAX);
    // Those on their way, the next one, and one that is looked through.
    let parts = shared.limits().connections().saturating_add(2);
    let windows = u64::try_from(parts.saturating_mul(WINDOWS)).unwrap_or(u64::MAX);
    let windows_at_least = u64::try_from(WINDOWS.saturating_mul(2)).unwrap_or(u64::MAX);
    let share = (size / windows)
        .max(SHORT_WINDOW)
        .min(size / windows_at_least);
    share.clamp(
        SMALLEST_PART,
        shared.limits().window_len().max(SMALLEST_PART),
    )
}

/// Hosts answer -4 above 256 MiB (api-and-transfers 6.2).
pub(crate) const LARGEST_GAP: u64 = 240 << 20;
const FIRST_PART: u64 = 2 << 20;
const SMALLEST_PART: u64 = 1 << 20;
/// The longest part where answers come at once.
const CACHED_PART: u64 = 8 << 20;
const AT_ONCE: Duration = Duration::from_millis(20);
/// The official client's limit for a part, too (src/raid.cpp `nextNPosForConnection`).
const LARGEST_HELD: u64 = 32 << 20;
/// What is sent again if a part that travels alone fails; hosts take a whole file in one (api-and-transfers 6.2).
const LARGEST_ALONE: u64 = 256 << 20;
const SHORT_WINDOW: u64 = 2 << 20;
/// How many answers are waited for before parts are long again.
const SHORT_AT_FIRST: u32 = 16;
const FADED: Duration = Duration::from_millis(1);
const SLOWEST_COUNTS: Duration = Duration::from_secs(2);
const QUICK: Duration = Duration::from_millis(500);
const SLOW: Duration = Duration::from_secs(4);

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    /// What parts come to that wait so long for their answers, of so long in all, in milliseconds.
    fn after(len: u64, answers: &[(u64, u64)], held: u64, longest: u64) -> u64 {
        answers.iter().fold(len, |len, (waited, took)| {
            let timing = timed(*waited, *took);
            next_len(len, timing, held, longest)
        })
    }

    #[test]
    fn parts_grow_while_answers_are_quick_and_shrink_when_they_are_slow() {
        let (held, longest) = (32 * MIB, 32 * MIB);
        assert_eq!(after(2 * MIB, &[(19, 50); 9], held, longest), 8 * MIB);
        assert_eq!(after(2 * MIB, &[(20, 50); 9], held, longest), 32 * MIB);
        assert_eq!(after(2 * MIB, &[(20, 50); 9], 21 * MIB, 21 * MIB), 21 * MIB);
        assert_eq!(
            after(2 * MIB, &[(5, 5); 9], held, longest),
            8 * MIB,
            "nothing is waited for"
        );
        assert_eq!(after(2 * MIB, &[(5, 5); 9], 3 * MIB, 3 * MIB), 3 * MIB);
        let slow = [(50, 1000), (50, 4000)];
        assert_eq!(after(32 * MIB, &slow, held, longest), 32 * MIB);
        let slower = [(50, 4001), (50, 5000)];
        assert_eq!(after(32 * MIB, &slower, held, longest), 8 * MIB);
        assert_eq!(after(2 * MIB, &[(50, 5000); 5], held, longest), MIB);
    }

    #[test]
    fn parts_are_made_twice_only_where_much_of_the_time_is_waiting() {
        let (held, longest) = (8 * MIB, 100 * MIB);
        // Most of it: quickly there.
        assert_eq!(after(2 * MIB, &[(50, 60)], held, longest), 8 * MIB);
        assert_eq!(after(2 * MIB, &[(50, 60); 3], held, longest), 100 * MIB);
        // A fifth, a tenth, a twentieth.
        assert_eq!(after(8 * MIB, &[(50, 250)], held, longest), 16 * MIB);
        assert_eq!(after(8 * MIB, &[(50, 450)], held, longest), 8 * MIB);
        assert_eq!(after(64 * MIB, &[(50, 450)], held, longest), 64 * MIB);
        assert_eq!(after(64 * MIB, &[(20, 450)], held, longest), 8 * MIB);
        // Where it cannot be made twice it never is, and where that has become impossible it ends.
        assert_eq!(after(8 * MIB, &[(50, 60); 9], held, held), 8 * MIB);
        assert_eq!(after(64 * MIB, &[(50, 450)], held, held), 8 * MIB);
        // Nor where a part takes long.
        assert_eq!(after(64 * MIB, &[(50, 800)], held, longest), 8 * MIB);
        assert_eq!(after(64 * MIB, &[(50, 5000)], held, longest), 8 * MIB);
    }

    fn timed(waited: u64, took: u64) -> Timing {
        Timing {
            bytes: 1 << 40,
            took: Duration::from_millis(took),
            waited: Duration::from_millis(waited),
            again: false,
        }
    }

    /// Lets parts be answered by one line.
    fn learned(len: &mut PartLen, waited: u64, took: u64, times: usize) -> u64 {
        for _ in 0..times {
            len.learn(timed(waited, took), Instant::now(), 8 * MIB, 100 * MIB);
        }
        len.len
    }

    #[test]
    fn a_part_is_no_longer_than_what_the_slowest_connection_takes_quickly() {
        let mut len = begun();
        let start = Instant::now();
        let part = |len: &mut PartLen, at: u64, bytes: u64, millis: u64| {
            let timing = Timing {
                bytes: bytes * MIB,
                ..timed(50, 50 + millis)
            };
            let now = start + Duration::from_millis(at);
            len.learn(timing, now, 8 * MIB, 100 * MIB);
            len.len
        };
        for round in 0..10 {
            // Three connections with a hundred mebibytes per second, which are heard of often, and one with twenty.
            part(&mut len, round * 600, 2, 100);
            for answer in 0..12 {
                let longest = part(&mut len, round * 600 + answer * 50, 2, 20);
                assert!(longest <= 10 * MIB, "{longest}");
            }
        }
        // Once it is as fast as the others, parts are soon as long as they may be for those.
        let parts: Vec<_> = (0..20)
            .map(|answer| part(&mut len, 6000 + answer * 150, 10, 50))
            .collect();
        assert_eq!(parts[0], 10 * MIB);
        assert_eq!(parts.last(), Some(&(100 * MIB)));
    }

    fn begun() -> PartLen {
        PartLen {
            len: 2 * MIB,
            waited: None,
            short: 0,
            short_next: SHORT_AT_FIRST,
            slowest: None,
            can_reread: true,
        }
    }

    #[test]
    fn one_slow_connection_keeps_parts_short_each_time_for_longer() {
        let mut len = begun();
        assert_eq!(learned(&mut len, 50, 60, 3), 100 * MIB);
        for answers in [16, 32, 64] {
            assert_eq!(learned(&mut len, 50, 2000, 1), 8 * MIB);
            assert_eq!(learned(&mut len, 50, 60, answers - 1), 8 * MIB);
            assert_eq!(learned(&mut len, 50, 60, 3), 100 * MIB);
        }
        // What lies in memory may take its time.
        let mut len = begun();
        learned(&mut len, 50, 60, 1);
        learned(&mut len, 50, 600, 1);
        assert_eq!(learned(&mut len, 50, 60, 3), 100 * MIB);
    }

    #[test]
    fn a_busy_machine_is_no_long_line_and_one_short_wait_no_short_one() {
        let mut len = begun();
        for _ in 0..10 {
            learned(&mut len, 40, 60, 2);
            assert!(learned(&mut len, 2, 60, 1) <= 8 * MIB);
        }
        let mut len = begun();
        assert_eq!(learned(&mut len, 0, 5, 1), 4 * MIB);
        assert_eq!(learned(&mut len, 50, 60, 10), 100 * MIB);
    }

    #[test]
    fn after_a_failure_parts_are_short_again() {
        let timing = Timing {
            again: true,
            ..timed(50, 60)
        };
        assert_eq!(next_len(100 * MIB, timing, 8 * MIB, 100 * MIB), 8 * MIB);
        assert_eq!(next_len(8 * MIB, timing, 8 * MIB, 100 * MIB), 4 * MIB);
        assert_eq!(next_len(MIB, timing, 8 * MIB, 100 * MIB), MIB);
    }
}

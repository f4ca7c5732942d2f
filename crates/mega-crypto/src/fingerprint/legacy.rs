//! The checksums of old clients that placed the windows with 32-bit arithmetic
//! (crypto-and-accounts 7.2; SDK `src/utils.cpp`, `computeLegacyBuggySparseCrcFA`, `...IA`).

use core::ops::Range;

use super::samples::{WINDOW, WINDOWS, wrapped};

/// Whether the 32-bit product can overflow: above that the checksums may differ.
pub(super) const fn may_differ(size: u64) -> bool {
    size > LARGEST_RIGHT
}

/// Where the windows lie for a reader that could only go forward: when a wanted place lies behind it,
/// it reads on where it is, but believes to be behind the wanted place afterwards.
#[derive(Clone, Debug)]
pub(super) struct ForwardPlan {
    size: u64,
    number: u32,
    /// Where the reader is.
    position: u64,
    /// Where it believes to be.
    believed: u64,
}

impl ForwardPlan {
    /// `None` if the checksum cannot differ, or if a window would pass the end of the file: the old
    /// client gave up then.
    pub(super) fn new(size: u64) -> Option<Self> {
        let plan = Self {
            size,
            number: 0,
            position: 0,
            believed: 0,
        };
        let mut trial = plan.clone();
        let complete = (0..WINDOWS).all(|_| trial.next_sample().is_some());
        (may_differ(size) && complete).then_some(plan)
    }

    /// The next window.
    pub(super) fn next_sample(&mut self) -> Option<Range<u64>> {
        if self.number >= WINDOWS {
            return None;
        }
        let last = self.size.checked_sub(WINDOW)?;
        let wanted = wrapped(self.size, self.number).min(last);
        self.position += wanted.saturating_sub(self.believed);
        self.believed = wanted + WINDOW;
        if self.position > last {
            return None;
        }
        let sample = self.position..self.position + WINDOW;
        self.position = sample.end;
        self.number += 1;
        Some(sample)
    }
}

/// (size - 64) × 127 still fits into 32 bits.
const LARGEST_RIGHT: u64 = u32::MAX as u64 / (WINDOWS as u64 - 1) + WINDOW;

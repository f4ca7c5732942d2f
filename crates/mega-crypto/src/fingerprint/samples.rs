use core::ops::Range;

/// Which bytes of a file its checksum is made of (crypto-and-accounts 7.1).
///
/// Sample number n belongs to lane n × 4 / count. Within a lane the order counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Samples {
    /// The file itself: 0 to 16 bytes.
    Whole,
    /// Four quarters: 17 to 8192 bytes.
    Quarters,
    /// 128 windows of 64 bytes, spread evenly.
    Windows,
    /// 128 windows where 32-bit arithmetic puts them.
    WrappedWindows,
    /// 128 windows where 32-bit arithmetic puts them for a reader that cannot go back.
    WrappedForward,
}

impl Samples {
    pub(super) const fn of_size(size: u64) -> Self {
        match size {
            0..=16 => Self::Whole,
            17..=8192 => Self::Quarters,
            _ => Self::Windows,
        }
    }

    /// How many samples there are.
    pub(super) const fn count(self) -> u32 {
        match self {
            Self::Whole => 1,
            Self::Quarters => LANES,
            Self::Windows | Self::WrappedWindows | Self::WrappedForward => WINDOWS,
        }
    }

    /// Which of the four checksums a sample goes into.
    pub(super) const fn lane(self, number: u32) -> usize {
        (number * LANES / self.count()) as usize
    }

    /// Where a sample lies, if its place does not depend on the ones before
    /// ([`WrappedForward`](Self::WrappedForward) does).
    pub(super) fn range(self, size: u64, number: u32) -> Range<u64> {
        match self {
            Self::Whole => 0..size,
            Self::Quarters => {
                let border = |quarter: u32| u64::from(quarter) * size / u64::from(LANES);
                border(number)..border(number + 1)
            }
            Self::Windows => {
                let start =
                    u128::from(size - WINDOW) * u128::from(number) / u128::from(WINDOWS - 1);
                // At most size - 64.
                let start = start as u64;
                start..start + WINDOW
            }
            Self::WrappedWindows | Self::WrappedForward => {
                // Below size - 64: what may differ is larger than any wrapped place.
                let start = wrapped(size, number);
                start..start + WINDOW
            }
        }
    }
}

/// Where 32-bit arithmetic puts a window.
pub(super) const fn wrapped(size: u64, number: u32) -> u64 {
    // Both truncations are the bug (crypto-and-accounts 7.2).
    (((size - WINDOW) as u32).wrapping_mul(number) / (WINDOWS - 1)) as u64
}

pub(super) const LANES: u32 = 4;
pub(super) const WINDOWS: u32 = 128;
pub(super) const WINDOW: u64 = 64;

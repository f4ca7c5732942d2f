//! Defects that existing clients have, to be put back one at a time: a simulation that cannot fail proves nothing.
//!
//! The client's code stays as it is. Where a defect lies in the wire, the transport makes the client's requests look as if it had it;
//! where it lies above, the caller does.

/// A defect to simulate with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Defect {
    /// A repeated request gets a new id, so the service executes it again (RTY-1).
    NewIdPerRetry,
    /// When every attempt has failed, success is reported (RTY-6).
    SuccessAfterRetries,
    /// The position in the event stream is taken over before the events are (EVT-1).
    PositionFirst,
    /// A node that is delivered once more is dropped from its folder (EVT-3).
    RedeliveryDrops,
    /// Content is not compared with its MAC (DL-6).
    NoMacCheck,
    /// A body that ends too early is taken for complete (DL-5).
    TruncatedAccepted,
}

impl Defect {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::NewIdPerRetry,
        Self::SuccessAfterRetries,
        Self::PositionFirst,
        Self::RedeliveryDrops,
        Self::NoMacCheck,
        Self::TruncatedAccepted,
    ];

    /// Its name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::NewIdPerRetry => "new-id-per-retry",
            Self::SuccessAfterRetries => "success-after-retries",
            Self::PositionFirst => "position-first",
            Self::RedeliveryDrops => "redelivery-drops",
            Self::NoMacCheck => "no-mac-check",
            Self::TruncatedAccepted => "truncated-accepted",
        }
    }

    /// The defect of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|defect| defect.name() == name)
    }
}

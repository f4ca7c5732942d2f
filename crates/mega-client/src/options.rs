//! What a caller can choose about a client.

use std::path::PathBuf;
use std::time::Duration;

use mega_filename::Mask;

use crate::account::Renewal;
use crate::target::Duplicates;
use crate::transfer::TransferLimits;

/// The choices of a [`ClientBuilder`](crate::ClientBuilder), fixed for the life of the client.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) mask: Mask,
    pub(crate) duplicates: Duplicates,
    pub(crate) allow_legacy_v1: bool,
    /// No verdict on what the server sent at sign-in is given earlier than this (threat model, LOG-6).
    pub(crate) verdict_delay: Duration,
    /// How long a call waits for its own packet on the event channel before the tree is loaded anew (EVT-4).
    pub(crate) settle_timeout: Duration,
    /// For how long commands are tried again.
    pub(crate) deadline: Duration,
    /// The upper ends of the first and of the longest delay between two attempts of a command.
    pub(crate) delays: (Duration, Duration),
    pub(crate) limits: TransferLimits,
    pub(crate) hard_delete: bool,
    /// How to open another session when one has died.
    pub(crate) renewal: Option<Renewal>,
    /// Where the tree is kept between two programs.
    pub(crate) cache_dir: Option<PathBuf>,
    /// Whether a change that cannot be noted there is not sent.
    pub(crate) require_intents: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            mask: Mask::MEGA,
            duplicates: Duplicates::default(),
            allow_legacy_v1: false,
            verdict_delay: Duration::from_millis(750),
            settle_timeout: Duration::from_secs(60),
            deadline: Duration::from_secs(300),
            delays: (Duration::from_millis(250), Duration::from_secs(32)),
            limits: TransferLimits::default(),
            hard_delete: false,
            renewal: None,
            cache_dir: None,
            require_intents: false,
        }
    }
}

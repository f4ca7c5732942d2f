//! How much of the machine and the line the transfers of one client may use.

use std::time::Duration;

/// How much of the machine and the line the transfers of one client may use, all together.
///
/// The defaults follow the threat model (LIM-10, LIM-12): four files at once over four connections
/// each, and 64 MiB of buffers whatever happens. Small files count less than large ones, since
/// what they cost is round trips: a thousand of them are on their way at once, over at most 256 connections (64 on Apple's systems,
/// where a process may have 256 files and connections open unless it asks for more).
///
/// ```
/// use mega_client::TransferLimits;
/// let limits = TransferLimits::default().connections_per_file(8).buffer_bytes(128 << 20);
/// assert_eq!(limits.buffers(), 128 << 20);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransferLimits {
    connections_per_file: usize,
    files_at_once: usize,
    small_files_at_once: usize,
    requests_at_once: usize,
    buffer_bytes: usize,
    memory_bytes: u64,
    attempts: u32,
    quota: QuotaPolicy,
    download_rate: Option<u64>,
    upload_rate: Option<u64>,
    sync: bool,
}

/// Each may have a file open beside, and a folder's transfer has 64 folders open; a process may have 256 files and connections on Apple's systems, 1024
/// on others.
const REQUESTS_AT_ONCE: usize = if cfg!(target_vendor = "apple") {
    64
} else {
    256
};

/// What to do when the transfer quota is used up (HTTP status 509; api-and-transfers 7.4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum QuotaPolicy {
    /// Fail with [`ErrorKind::OverTransferQuota`](crate::ErrorKind::OverTransferQuota), which
    /// says how long to wait.
    #[default]
    Fail,
    /// Wait as long as the service says, if that is at most this long, and go on; else fail.
    WaitUpTo(Duration),
}

impl Default for TransferLimits {
    fn default() -> Self {
        Self {
            connections_per_file: 4,
            files_at_once: 4,
            small_files_at_once: 1024,
            requests_at_once: REQUESTS_AT_ONCE,
            buffer_bytes: 64 << 20,
            memory_bytes: 1 << 30,
            attempts: 6,
            quota: QuotaPolicy::Fail,
            download_rate: None,
            upload_rate: None,
            sync: true,
        }
    }
}

impl TransferLimits {
    /// A file up to this many bytes travels in one request and counts as small.
    pub const SMALL_FILE: u64 = 128 << 10;

    /// How many requests one file may have in flight; at least 1.
    #[must_use]
    pub fn connections_per_file(mut self, count: usize) -> Self {
        self.connections_per_file = count.clamp(1, 64);
        self
    }

    /// How many files larger than [`SMALL_FILE`](Self::SMALL_FILE) a folder transfer moves at once;
    /// at least 1.
    #[must_use]
    pub fn files_at_once(mut self, count: usize) -> Self {
        self.files_at_once = count.clamp(1, 1024);
        self
    }

    /// How many small files a folder transfer moves at once; at least 1. Most of them wait for an answer: no more of them are open, or have a request to
    /// storage under way, than [`requests_at_once`](Self::requests_at_once) says.
    #[must_use]
    pub fn small_files_at_once(mut self, count: usize) -> Self {
        self.small_files_at_once = count.clamp(1, 4096);
        self
    }

    /// How many requests to storage hosts all transfers of the client have in flight together, downloads and uploads counted
    /// apart; at least 1. Each may need two of the files and connections that the system lets the process have open, and each folder transfer 64 more.
    #[must_use]
    pub fn requests_at_once(mut self, count: usize) -> Self {
        self.requests_at_once = count.clamp(1, 4096);
        self
    }

    /// The most bytes that all transfers of the client hold in buffers together. At least 2 MiB: a
    /// chunk has up to 1 MiB and one more is needed to work ahead. Open [writers](crate::Client::writer) need up to 8 MiB each, or
    /// three eighths of it all where a file may have one connection only, also while nobody writes to them.
    #[must_use]
    pub fn buffer_bytes(mut self, bytes: usize) -> Self {
        self.buffer_bytes = bytes.max(2 << 20);
        self
    }

    /// The largest file that is read into memory as a whole: 1 GiB unless said otherwise.
    #[must_use]
    pub fn memory_bytes(mut self, bytes: u64) -> Self {
        self.memory_bytes = bytes;
        self
    }

    /// How often in a row a request may fail without a byte moving before its file fails; at least 1.
    #[must_use]
    pub fn attempts(mut self, count: u32) -> Self {
        self.attempts = count.max(1);
        self
    }

    /// What to do when the transfer quota is used up.
    #[must_use]
    pub fn quota_policy(mut self, policy: QuotaPolicy) -> Self {
        self.quota = policy;
        self
    }

    /// The most bytes per second that all downloads of the client together may take; `None` for no bound.
    #[must_use]
    pub fn download_rate(mut self, bytes_per_second: impl Into<Option<u64>>) -> Self {
        self.download_rate = bytes_per_second.into();
        self
    }

    /// The most bytes per second that all uploads of the client together may take; `None` for no bound.
    #[must_use]
    pub fn upload_rate(mut self, bytes_per_second: impl Into<Option<u64>>) -> Self {
        self.upload_rate = bytes_per_second.into();
        self
    }

    /// Whether a downloaded file is flushed to the disk before it gets its name (the default). Without
    /// it a power failure can leave a file whose content never reached the disk.
    #[must_use]
    pub fn sync(mut self, sync: bool) -> Self {
        self.sync = sync;
        self
    }

    /// How many bytes of buffers are allowed.
    pub fn buffers(&self) -> usize {
        self.buffer_bytes
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections_per_file
    }

    pub(crate) fn large_files(&self) -> usize {
        self.files_at_once
    }

    pub(crate) fn small_files(&self) -> usize {
        self.small_files_at_once
    }

    /// What [`requests_at_once`](Self::requests_at_once) has set.
    #[must_use]
    pub fn requests(&self) -> usize {
        self.requests_at_once
    }

    pub(crate) fn memory(&self) -> u64 {
        self.memory_bytes
    }

    pub(crate) fn tries(&self) -> u32 {
        self.attempts
    }

    pub(crate) fn quota(&self) -> QuotaPolicy {
        self.quota
    }

    pub(crate) fn down(&self) -> Option<u64> {
        self.download_rate
    }

    pub(crate) fn up(&self) -> Option<u64> {
        self.upload_rate
    }

    pub(crate) fn syncs(&self) -> bool {
        self.sync
    }

    /// The length of the pieces that are decrypted or encrypted at once: enough chunks to work on
    /// them side by side, and never so much that one piece eats the whole budget.
    pub(crate) fn window_len(&self) -> u64 {
        let share = self.buffer_bytes / 4;
        u64::try_from(share)
            .unwrap_or(WINDOW)
            .clamp(1 << 20, WINDOW)
    }
}

/// The engine's sweet spot: four full chunks at once.
const WINDOW: u64 = 4 << 20;

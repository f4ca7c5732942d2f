//! Moving content: uploads, downloads, reading, verifying, files and folders.
//!
//! | file | is about |
//! |---|---|
//! | `limits`, `buffers`, `gate`, `pace` | how much of the machine all transfers of a client use together |
//! | `progress` | what a transfer has done, and stopping it |
//! | `wire`, `retry`, `address` | requests to storage hosts, what to do when one fails, addresses that expire |
//! | `fetch`, `sink`, `ranges` | content from the service: parallel ranges, decrypted, verified |
//! | `raid` | files that are stored in six parts, of which any five do |
//! | `journal`, `carry_on` | what is needed to go on in a later process |
//! | `save`, `local` | a file on disk: a random name until it is verified, no link followed |
//! | `source`, `seal`, `send`, `spool` | content to the service: read once, encrypted ahead, parallel parts |
//! | `same` | content that lies in the account already, so that nothing is sent |
//! | `blocks` | an open file that several readers share |
//! | `pipe` | content on its way from a writer to its upload |
//! | `download`, `upload`, `read`, `write`, `writer`, `open`, `verify`, `fingerprint` | what a caller sees |
//! | `folder` | whole trees, both ways |

mod address;
mod blocks;
mod border;
mod buffers;
mod carry_on;
mod download;
mod existing;
mod fetch;
mod fingerprint;
mod folder;
#[cfg(feature = "fuzzing")]
#[allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a check panics when a promise is broken"
)]
pub(crate) mod fuzzed;
mod gate;
mod integrity;
mod journal;
mod limits;
mod local;
mod open;
mod pace;
mod part_len;
mod pipe;
mod place;
mod progress;
mod publish;
mod raid;
mod ranges;
mod read;
mod receipt;
mod remote;
mod reread;
mod retry;
mod same;
mod save;
mod seal;
mod send;
mod sink;
mod source;
mod spool;
mod upload;
mod verify;
mod wire;
mod write;
mod writer;

pub(crate) use self::folder::local_raw_name;
pub(crate) use self::verify::proven_fingerprint;

use std::pin::Pin;
use std::sync::{Arc, PoisonError, RwLock, Weak};

use mega_protocol::Api;

pub use download::Download;
pub use existing::Existing;
pub use fingerprint::Fingerprint;
pub use folder::{
    DownloadFolder, FileOutcome, Filter, FolderReport, Outcome, SkipReason, UploadFolder,
};
pub use integrity::{Integrity, IntegrityPolicy, LengthProof};
pub use limits::{QuotaPolicy, TransferLimits};
pub use open::{FileReader, Open};
pub use progress::Progress;
pub use read::{Read, ReadRange, Unverified};
pub use receipt::Receipt;
pub use upload::Upload;
pub use verify::{Verdict, Verify};
pub use writer::{FileWriter, OpenWriter};

use blocks::OpenFiles;
use buffers::Buffers;
use gate::Gate;
use pace::Pace;
use wire::Wire;

type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// What all transfers of a client share. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Shared {
    inner: Arc<Inner>,
}

struct Inner {
    wire: Wire,
    limits: RwLock<TransferLimits>,
    /// For transfers that run to their end by themselves.
    buffers: Buffers,
    /// For what open readers hold until somebody reads on; apart from the other, so that a transfer
    /// never waits for a reader that waits for the transfer.
    reading: Buffers,
    open_files: OpenFiles,
    /// One place for each small file of a folder's upload, from when it is opened until it has been sent. Nobody who holds a buffer waits for one.
    /// Whoever has one may wait for a buffer, and those who hold buffers wait for the place of a request ([`Wire::post`]) and for storage hosts, but
    /// never for this gate: so both always become free.
    small_uploads: Gate,
    /// One place for each step of a folder's transfer that has a local file and its folder open. Whoever has one waits for the disk only, so holders
    /// of anything may wait for one.
    disk: Gate,
    down: Pace,
    up: Pace,
}

impl Shared {
    /// For the client that talks through `api`.
    pub(crate) fn new(
        api: Api,
        client: Weak<crate::client::Inner>,
        limits: TransferLimits,
    ) -> Self {
        let (moving, reading) = shares(limits.buffers());
        Self {
            inner: Arc::new(Inner {
                wire: Wire::new(api, client, limits.requests()),
                buffers: Buffers::new(moving),
                reading: Buffers::new(reading),
                small_uploads: Gate::new(limits.requests()),
                disk: Gate::new(steps(&limits)),
                limits: RwLock::new(limits),
                open_files: OpenFiles::default(),
                down: Pace::default(),
                up: Pace::default(),
            }),
        }
    }

    pub(crate) fn wire(&self) -> &Wire {
        &self.inner.wire
    }

    pub(crate) fn limits(&self) -> TransferLimits {
        *self
            .inner
            .limits
            .read()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set_limits(&self, limits: TransferLimits) {
        self.wire().set_requests(limits.requests());
        self.inner.small_uploads.resize(limits.requests());
        self.inner.disk.resize(steps(&limits));
        let before = std::mem::replace(
            &mut *self
                .inner
                .limits
                .write()
                .unwrap_or_else(PoisonError::into_inner),
            limits,
        );
        if before.buffers() != limits.buffers() {
            let (moving, reading) = shares(limits.buffers());
            self.inner.buffers.resize(moving);
            self.inner.reading.resize(reading);
        }
        if before.down() != limits.down() {
            self.inner.down.change();
        }
        if before.up() != limits.up() {
            self.inner.up.change();
        }
    }

    /// Waits until so many downloaded bytes may be taken.
    pub(crate) async fn pace_down(&self, bytes: usize) {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.inner.down.wait(bytes, self.limits().down()).await;
    }

    /// Waits until so many bytes may be sent.
    pub(crate) async fn pace_up(&self, bytes: u64) {
        self.inner.up.wait(bytes, self.limits().up()).await;
    }

    pub(crate) fn buffers(&self) -> &Buffers {
        &self.inner.buffers
    }

    pub(crate) fn reading(&self) -> &Buffers {
        &self.inner.reading
    }

    /// As many small files are open and on their way up as there are requests to storage hosts, however many wait for an address or a node: a process
    /// may have far fewer files open than small files travel.
    pub(crate) fn small_uploads(&self) -> &Gate {
        &self.inner.small_uploads
    }

    /// For steps that have a local file and its folder open.
    pub(crate) fn disk(&self) -> &Gate {
        &self.inner.disk
    }

    pub(crate) fn open_files(&self) -> &OpenFiles {
        &self.inner.open_files
    }
}

/// How many steps at once have a file and a folder open: half as many as there are requests, so that both together are no more than those.
fn steps(limits: &TransferLimits) -> usize {
    limits.requests().div_ceil(2)
}

/// What of a budget is for transfers and what for readers.
fn shares(bytes: usize) -> (usize, usize) {
    let reading = bytes / 4;
    (bytes.saturating_sub(reading), reading)
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared")
            .field("limits", &self.limits())
            .finish_non_exhaustive()
    }
}

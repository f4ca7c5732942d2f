//! What the suite needs to know about the place it runs in.

use std::path::PathBuf;
use std::time::Duration;

use mega_protocol::{BoxFuture, NodeHandle};

use crate::{Client, ClientBuilder, Result};

/// A place to run the suite in: it makes clients of one account.
pub trait Bench: Send + Sync + 'static {
    /// A builder pointed at the service, for opening links.
    fn builder(&self) -> ClientBuilder;

    /// A client that signs in anew to the account under test.
    ///
    /// Cancel safety: the suite drops it only when a check takes longer than [its patience](super::Suite::patience).
    fn client(&self) -> BoxFuture<'_, Result<Client>>;

    /// A client of another person, on the same service. Without one, the lines about shares are not applicable.
    ///
    /// Cancel safety: as for [`client`](Self::client).
    fn other_person(&self) -> Option<BoxFuture<'_, Result<Client>>> {
        None
    }

    /// A hand behind the scenes. Without one, the lines that need what no client would do are not applicable.
    fn backstage(&self) -> Option<&dyn Backstage> {
        None
    }

    /// Where local files may be made; a folder in it is made and removed.
    fn scratch(&self) -> PathBuf {
        std::env::temp_dir()
    }
}

/// Control of a server, as a test server gives it.
pub trait Backstage: Send + Sync {
    /// Makes something that no client would. It is there for clients that sign in or refresh afterwards; `None` if that cannot be done.
    fn plant(&self, plant: Plant) -> Option<NodeHandle>;

    /// Lets something go wrong with the next requests that it fits; whether that can be done.
    fn disturb(&self, disturbance: Disturbance) -> bool;

    /// Ends all disturbances that [`disturb`](Self::disturb) began.
    fn calm(&self);

    /// How many command requests have been answered so far.
    fn requests(&self) -> Option<usize>;

    /// How many of them asked for the whole tree.
    fn tree_fetches(&self) -> Option<usize> {
        None
    }
}

/// Something that no client would make.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Plant {
    /// A file whose attributes do not decrypt, in this folder.
    Undecryptable {
        /// The folder.
        parent: NodeHandle,
    },
    /// A file with exactly this stored name.
    Named {
        /// The folder.
        parent: NodeHandle,
        /// The name, which may be hostile.
        name: String,
        /// Its content.
        content: Vec<u8>,
    },
    /// A file whose condensed MAC was made as another client makes it.
    ForeignMac {
        /// The folder.
        parent: NodeHandle,
        /// The name.
        name: String,
        /// Its content.
        content: Vec<u8>,
        /// Whose way.
        variant: MacVariant,
    },
}

/// How clients make the condensed MAC of empty files and of files that end on a border of chunks (crypto-and-accounts 6).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum MacVariant {
    /// As the official clients.
    Official,
    /// With one more block of zeros, for empty files.
    Zeros,
    /// With one more chunk that holds only the nonce, as megajs does at borders.
    Megajs,
}

/// Something that goes wrong.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Disturbance {
    /// Downloads break off after so many bytes, so many times.
    CutDownloads {
        /// Bytes of the body that arrive.
        after: u64,
        /// How often.
        times: u32,
    },
    /// The next download request waits this long, so that replies come out of order.
    DelayUploadPart {
        /// How many upload requests pass first.
        skip: u32,
        /// How long.
        time: Duration,
    },
    /// The transfer quota is used up for the next download.
    OverTransferQuota {
        /// Seconds until it is given back.
        seconds: u32,
        /// How often that is said.
        times: u32,
    },
    /// The reply to the next request with this command is lost after it was carried out.
    LoseReply {
        /// The name of the command.
        command: &'static str,
    },
    /// Commands are carried out, but nothing of it is told: no reply to a command or to a request for events arrives.
    LoseReplies,
    /// This command is refused with this code.
    Refuse {
        /// The name of the command.
        command: &'static str,
        /// The code.
        code: i32,
        /// How often.
        times: u32,
    },
    /// Every upload request stands still after it was begun.
    StallUploads,
    /// Every download has a wrong byte.
    DamageDownloads,
}

/// How a node is named in the calls of a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub enum Form {
    /// By its path.
    #[default]
    Path,
    /// By its handle; new nodes are made through a view of the folder's handle.
    Handle,
    /// By its path, through the calls of [`blocking`](crate::blocking).
    Blocking,
}

/// How much is done where the amount matters.
///
/// Two lines of the checklist speak of more than a suite can do each time. What holds them:
///
/// - **LS-11**, 3,000 and 100,000 entries in one folder: the suite makes as many as [`entries`](Self::entries) says, through the client, in two orders; 100,000 pass, in two
///   minutes without optimisation. This repository's tests make 3,000 in every form, with and without faults, and list 100,000 that the server has (`ls_11_...` in
///   `tests/it/listing_scale.rs`); its benchmark `tree` loads 1,000,000.
/// - **TR-9**, 100 GiB both ways in constant memory: the suite moves [`large_file`](Self::large_file) bytes and holds the peak of the buffers against their limit. This repository's tests do
///   so with 12 MiB; its benchmark `transfers -- --memory 100` moves 100 GiB, and fails if that takes more memory than 200 MiB do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Scale {
    /// Entries in one folder (LS-11).
    pub entries: usize,
    /// Folders below each other (LS-12).
    pub depth: usize,
    /// Items of a bulk deletion (DE-4).
    pub items: usize,
    /// Bytes of the file of TR-9.
    pub large_file: u64,
}

impl Scale {
    /// The figures of the checklist, but for TR-9: 100,000 entries, depth 10,000, 1,000 items, a file of 64 MiB. Minutes without optimisation.
    pub const FULL: Self = Self {
        entries: 100_000,
        depth: 10_000,
        items: 1_000,
        large_file: 64 << 20,
    };

    /// Smaller figures, for runs that come often or over a bad line.
    pub const QUICK: Self = Self {
        entries: 3_000,
        depth: 300,
        items: 200,
        large_file: 12 << 20,
    };

    /// The same with a larger or smaller file for TR-9; the checklist says 100 GiB.
    #[must_use]
    pub fn large_file(mut self, bytes: u64) -> Self {
        self.large_file = bytes;
        self
    }
}

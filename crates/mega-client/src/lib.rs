#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![warn(clippy::exhaustive_enums, clippy::exhaustive_structs)]
#![cfg_attr(
    not(test),
    warn(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing
    )
)]

mod account;
mod attributes;
#[cfg(feature = "blocking")]
pub mod blocking;
mod builder;
mod by_path;
mod cache;
mod capabilities;
mod chance;
mod change;
mod client;
#[cfg(feature = "conformance")]
pub mod conformance;
mod error;
mod fs;
pub mod guide;
mod hashcash;
mod intents;
mod keyring;
mod link;
mod list;
mod node;
mod offload;
mod options;
mod pump;
mod send;
#[cfg(feature = "serde")]
mod serialize;
mod sort;
mod target;
mod transfer;
mod tree;
mod view;
mod wire_error;

#[cfg(feature = "fuzzing")]
#[doc(hidden)]
#[allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a check panics when a promise is broken"
)]
pub mod fuzzing;

/// For the simulation of the repository. Never for programs: with it the keys of a thread come from a seed.
#[cfg(feature = "simulation")]
#[doc(hidden)]
pub mod simulation {
    pub use crate::chance::seeded::{Moment, Seeded, around_jobs};
}

pub use bytes;
pub use mega_filename::{LocalPolicy, Mask};
pub use mega_protocol::commands::SessionInfo;
pub use mega_protocol::{
    ApiCode, ChangeOutcome, NodeHandle, PublicHandle, ServerUrl, Transport, UrlPolicy, UserHandle,
};

pub use self::account::{
    AskForRecovery, ChangePassword, Confirm, Confirmed, Credentials, EphemeralCredentials, KeyPart,
    LoginGuard, OpenEphemeral, PasswordChanged, PendingRegistration, RcloneRemote, Recover,
    Recovered, RecoveryKey, Register, SavedSession, SecondFactor,
};
pub use self::builder::{ClientBuilder, DEFAULT_ORIGIN, Login, OpenLink, Resume};
pub use self::capabilities::Capabilities;
pub use self::change::Change;
pub use self::client::Client;
pub use self::error::{Error, ErrorKind, Result};
pub use self::fs::{
    Bulk, BulkCall, Contact, Copied, CopyTo, CreateDir, Dedupe, DedupeMode, DedupeReport,
    Duplicate, Edit, EditAll, EmptyRubbishBin, GetUserAttribute, Import, Invitation, Label, Link,
    LinkedNode, MakeLink, MakeLinks, MoveAll, MoveTo, OnConflict, OutgoingShare, Person, Quota,
    Rename, Repair, RepairReport, Repaired, Restore, SameBy, Search, SetUserAttribute, ShareFolder,
    ShareKeyExchange, SharedWith, StorageState, StorageUse, Usage, UserAttribute, UserRecords,
    UserValue,
};
#[cfg(feature = "thumbnails")]
pub use self::fs::{PictureLimits, Pictures};
pub use self::intents::{ChangeKind, PendingChange, SettledChange};
pub use self::list::{List, Stat};
pub use self::node::{AccessLevel, LinkInfo, Node, NodeKind, Trouble};
pub use self::pump::Changes;
pub use self::sort::SortBy;
pub use self::target::{Duplicates, Target};
pub use self::transfer::{
    Download, DownloadFolder, Existing, FileOutcome, FileReader, FileWriter, Filter, Fingerprint,
    FolderReport, Integrity, IntegrityPolicy, LengthProof, Open, OpenWriter, Outcome, Progress,
    QuotaPolicy, Read, ReadRange, Receipt, SkipReason, TransferLimits, Unverified, Upload,
    UploadFolder, Verdict, Verify,
};

pub(crate) use self::offload::blocking;

//! What a finished download has to say.

use std::path::{Path, PathBuf};

use super::integrity::{Integrity, LengthProof};

/// What a download did and what it proved.
#[derive(Clone, Debug)]
pub struct Receipt {
    pub(crate) bytes: u64,
    pub(crate) integrity: Integrity,
    pub(crate) length: LengthProof,
    pub(crate) path: PathBuf,
    pub(crate) skipped: bool,
    pub(crate) resumed: u64,
}

impl Receipt {
    /// The size of the file.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// What was proven about the content. [`Integrity::Unverified`] only if a file that was there was
    /// left alone without looking into it.
    #[must_use]
    pub fn integrity(&self) -> &Integrity {
        &self.integrity
    }

    /// What the length rests on.
    #[must_use]
    pub fn length(&self) -> LengthProof {
        self.length
    }

    /// Where the file is. Another name than the one that was asked for with
    /// [`Existing::Rename`](super::Existing::Rename).
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether nothing was downloaded because the file was there.
    #[must_use]
    pub fn was_there(&self) -> bool {
        self.skipped
    }

    /// How many bytes an earlier run had left, read again and found to be right, so that they were not
    /// downloaded again. See [`Download::resumable`](super::Download::resumable).
    #[must_use]
    pub fn resumed_bytes(&self) -> u64 {
        self.resumed
    }
}

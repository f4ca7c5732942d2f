//! Whether a local file and a remote one are the same, as far as a folder transfer looks.

use std::ffi::OsString;
use std::fs::File;
use std::time::SystemTime;

use super::super::integrity::IntegrityPolicy;
use super::super::local::{Kind, LocalDir, Stamp, read_exact_at};
use super::super::remote::{RemoteFile, sample_crc};
use super::super::save::same_time;
use super::super::verify::{Verdict, compare};
use crate::error::{Error, Result};

/// How alike a local and a remote file are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Likeness {
    /// Same size, same time, same samples of the content; or without a fingerprint, the same MAC.
    Same,
    /// The same content, proven by the MAC, with another time.
    OtherTime,
    Different,
}

/// Compares what is cheap first: sizes, then times and samples, then the MAC over everything where those
/// do not tell. It waits for the disk.
pub(super) fn likeness(
    dir: &LocalDir,
    name: &OsString,
    stamp: Stamp,
    remote: &RemoteFile,
    modified: Option<SystemTime>,
) -> Result<Likeness> {
    if stamp.kind != Kind::File || stamp.size != remote.size {
        return Ok(Likeness::Different);
    }
    let same_time = modified.is_some_and(|modified| same_time(stamp.modified, modified));
    let failed = |error| Error::io("the local file cannot be read", error);
    let local = dir.open_file(name).map_err(failed)?;
    let samples = samples_agree(&local, remote).map_err(failed)?;
    match (samples, same_time) {
        (Some(false), _) => Ok(Likeness::Different),
        (Some(true), true) => Ok(Likeness::Same),
        (Some(true) | None, _) => {
            match compare(&local, remote, IntegrityPolicy::default(), None)? {
                Verdict::Equal(_) if same_time || modified.is_none() => Ok(Likeness::Same),
                Verdict::Equal(_) => Ok(Likeness::OtherTime),
                _ => Ok(Likeness::Different),
            }
        }
    }
}

/// Whether the samples of the fingerprint agree; `None` without a fingerprint.
fn samples_agree(local: &File, remote: &RemoteFile) -> std::io::Result<Option<bool>> {
    let Some(wanted) = remote.fingerprint.filter(|found| found.is_valid()) else {
        return Ok(None);
    };
    for legacy in [false, true] {
        let found = sample_crc(remote.size, legacy, |at, sample| {
            read_exact_at(local, sample, at)
        })?;
        if found == Some(wanted.crc()) {
            return Ok(Some(true));
        }
    }
    Ok(Some(false))
}

//! What there is in a local folder and below it.

use std::ffi::OsString;
use std::path::Path;

use mega_filename::LocalPolicy;

use super::super::local::{Kind, LocalDir, Stamp, local_bytes, local_error};
use super::super::progress::Progress;
use super::dirs::{DirId, Dirs, too_deep};
use super::filter::Filter;
use super::report::{FolderReport, Outcome, SkipReason};
use crate::error::{Error, ErrorKind, Result};

/// A local tree as it was found.
#[derive(Debug)]
pub(super) struct Scan {
    pub(super) dirs: Dirs,
    pub(super) files: Vec<ScannedFile>,
}

/// A file that was found.
#[derive(Debug)]
pub(super) struct ScannedFile {
    pub(super) folder: DirId,
    pub(super) name: OsString,
    pub(super) stamp: Stamp,
}

/// Looks over a local tree. Links and special files are left out, folders that cannot be read are
/// failures of their own; both go into the report. It waits for the disk.
pub(super) fn scan(
    top: &Path,
    filter: &Filter,
    progress: &Progress,
    report: &mut FolderReport,
) -> Result<Scan> {
    let opened = LocalDir::open(top)
        .map_err(|error| local_error("the local folder cannot be read", top, error))?;
    let mut scan = Scan {
        dirs: Dirs::new(top, opened),
        files: Vec::new(),
    };
    let mut next = 0;
    // Folders are added while this goes on: parents before children, no recursion.
    while next < scan.dirs.len() {
        if progress.is_cancelled() {
            return Err(Error::new(ErrorKind::Cancelled, "it was cancelled"));
        }
        if let Err(error) = look_into(&mut scan, next, filter, report) {
            let (parent, name) = match scan.dirs.entry(next) {
                Some((parent, name)) => (parent, name.clone()),
                None => (0, OsString::new()),
            };
            let path = scan.dirs.path(parent, &name);
            let error = local_error("the local folder cannot be read", &path, error);
            if next == 0 {
                return Err(error);
            }
            report.add(scan.dirs.shown(parent, &name), 0, Outcome::Failed(error));
        }
        next = next.saturating_add(1);
    }
    report.folders = u64::try_from(scan.dirs.len().saturating_sub(1)).unwrap_or(u64::MAX);
    Ok(scan)
}

fn look_into(
    scan: &mut Scan,
    folder: DirId,
    filter: &Filter,
    report: &mut FolderReport,
) -> std::io::Result<()> {
    let dir = scan.dirs.open(folder)?;
    let mut names = dir.names()?;
    names.sort_unstable();
    for name in names {
        let shown = scan.dirs.shown(folder, &name);
        let stamp = match dir.stat(&name) {
            Ok(Some(stamp)) => stamp,
            // It vanished between the listing and here: it was never there.
            Ok(None) => continue,
            Err(error) => {
                let path = scan.dirs.path(folder, &name);
                let error = local_error("the local file cannot be read", &path, error);
                report.add(shown, 0, Outcome::Failed(error));
                continue;
            }
        };
        match stamp.kind {
            Kind::Folder if filter.takes_folder(&shown) => {
                if scan.dirs.is_deepest(folder) {
                    report.add(shown, 0, Outcome::Failed(too_deep()));
                } else {
                    scan.dirs.add(folder, name);
                }
            }
            Kind::File if filter.takes_file(&shown, stamp.size, stamp.modified) => {
                scan.files.push(ScannedFile {
                    folder,
                    name,
                    stamp,
                });
            }
            Kind::Folder | Kind::File => {
                report.add(shown, stamp.size, Outcome::Skipped(SkipReason::Filtered));
            }
            Kind::Link => report.add(shown, 0, Outcome::Skipped(SkipReason::Link)),
            Kind::Other => report.add(shown, 0, Outcome::Skipped(SkipReason::SpecialFile)),
        }
    }
    Ok(())
}

/// The name that a local entry has in MEGA, decoded: what the local policy would turn into its local
/// name, so that what was downloaded goes back under the name it had (NAM-14).
pub(crate) fn raw_name(policy: LocalPolicy, name: &std::ffi::OsStr) -> Vec<u8> {
    policy.raw_name(&local_bytes(name)).into_owned()
}

//! The local folders of a download: made where they are missing, never entered through a link.

use std::collections::HashSet;
use std::ffi::OsString;
use std::io;
use std::path::Path;

use super::super::local::{Kind, LocalDir, local_error, sweep};
use super::super::progress::Progress;
use super::dirs::{DirId, Dirs};
use crate::error::{Error, ErrorKind, Result};

/// What making the local folders came to.
pub(super) struct Made {
    pub(super) created: u64,
    /// The folders that are not there, those below them included.
    pub(super) failed: HashSet<DirId>,
    pub(super) failures: Vec<(String, Error)>,
}

/// Opens the top folder, made if it is not there; `None` in a dry run in which it is not.
pub(super) fn open_top(local: &Path, dry_run: bool) -> Result<Option<LocalDir>> {
    let failed = |error| local_error("the local folder cannot be made", local, error);
    if !dry_run {
        std::fs::create_dir_all(local).map_err(failed)?;
    }
    match LocalDir::open(local) {
        Ok(dir) => Ok(Some(dir)),
        Err(error) if dry_run && error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed(error)),
    }
}

/// Makes the folders that are not there, parents first. What is there has to be a folder, not a link.
pub(super) fn make_dirs(dirs: &Dirs, dry_run: bool, progress: &Progress) -> Result<Made> {
    let mut made = Made {
        created: 0,
        failed: HashSet::new(),
        failures: Vec::new(),
    };
    for id in 1..dirs.len() {
        if progress.is_cancelled() {
            return Err(Error::new(ErrorKind::Cancelled, "it was cancelled"));
        }
        let Some((parent, name)) = dirs.entry(id) else {
            continue;
        };
        if made.failed.contains(&parent) {
            made.failed.insert(id);
            continue;
        }
        match make_dir(dirs, parent, name, dry_run) {
            Ok(true) => made.created = made.created.saturating_add(1),
            Ok(false) => {}
            Err(error) => {
                let path = dirs.path(parent, name);
                let error = local_error("the local folder cannot be made", &path, error);
                made.failures.push((dirs.shown(parent, name), error));
                made.failed.insert(id);
            }
        }
    }
    Ok(made)
}

/// Removes what runs that died left in the folders.
pub(super) fn sweep_all(dirs: &Dirs, failed: &HashSet<DirId>) {
    for id in (0..dirs.len()).filter(|id| !failed.contains(id)) {
        // Rubbish that cannot be removed disturbs nobody.
        let _left = dirs.open(id).and_then(|dir| sweep(&dir));
    }
}

/// Makes one folder, or finds it. Whether it was made.
fn make_dir(dirs: &Dirs, parent: DirId, name: &OsString, dry_run: bool) -> io::Result<bool> {
    let dir = match dirs.open(parent) {
        Err(error) if dry_run && error.kind() == io::ErrorKind::NotFound => return Ok(true),
        opened => opened?,
    };
    match dir.stat(name)? {
        Some(stamp) if stamp.kind == Kind::Folder => Ok(false),
        Some(_) => Err(io::Error::new(
            io::ErrorKind::AlreadyExists,
            "there is something else of that name",
        )),
        None if dry_run => Ok(true),
        None => dir.create_dir(name).map(|()| true),
    }
}

/// Flushes the folders, so that the new names survive a power failure.
pub(super) fn sync_all(dirs: &Dirs, failed: &HashSet<DirId>) {
    for id in (0..dirs.len()).filter(|id| !failed.contains(id)) {
        // The files are safe under their names once the folder is; a folder that cannot be flushed
        // leaves the names to the system, as ever.
        let _unflushed = dirs.open(id).and_then(|dir| dir.sync());
    }
}

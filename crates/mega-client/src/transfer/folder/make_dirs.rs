//! The local folders of a download: made where they are missing, never entered through a link.

use std::collections::HashSet;
use std::ffi::OsString;
use std::io;
use std::path::Path;

use super::super::local::{Kind, LocalDir, Stamp, local_error, sweep};
use super::super::progress::Progress;
use super::dirs::{DirId, Dirs};
use crate::error::{Error, ErrorKind, Result};

/// What making the local folders came to.
pub(super) struct Made {
    /// The folders that were made.
    pub(super) created: HashSet<DirId>,
    /// The folders that are not there, those below them included.
    pub(super) failed: HashSet<DirId>,
    pub(super) failures: Vec<(String, Error)>,
}

/// Opens the top folder, made if it is not there; `None` in a dry run in which it is not. And whether it is known to have been made.
pub(super) fn open_top(local: &Path, dry_run: bool) -> Result<(Option<LocalDir>, bool)> {
    let failed = |error| local_error("the local folder cannot be made", local, error);
    let mut made = false;
    if !dry_run {
        made = std::fs::create_dir(local).is_ok();
        if !made {
            std::fs::create_dir_all(local).map_err(failed)?;
        }
    }
    match LocalDir::open(local) {
        Ok(dir) => Ok((Some(dir), made)),
        Err(error) if dry_run && error.kind() == io::ErrorKind::NotFound => Ok((None, false)),
        Err(error) => Err(failed(error)),
    }
}

/// Makes the folders that are not there, parents first. What is there has to be a folder, not a link.
pub(super) fn make_dirs(dirs: &Dirs, dry_run: bool, progress: &Progress) -> Result<Made> {
    let mut made = Made {
        created: HashSet::new(),
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
            Ok(true) => {
                made.created.insert(id);
            }
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
    let there = |stamp: Stamp| match stamp.kind {
        Kind::Folder => Ok(false),
        _ => Err(io::Error::new(
            io::ErrorKind::AlreadyExists,
            "there is something else of that name",
        )),
    };
    match dir.stat(name)? {
        Some(stamp) => there(stamp),
        None if dry_run => Ok(true),
        None => match dir.create_dir(name) {
            // Somebody else who fills the same folder was faster.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                there(dir.stat(name)?.ok_or(error)?)
            }
            made => made.map(|()| true),
        },
    }
}

/// Flushes the folders, so that the new names survive a power failure.
/// Those that could not be: the files in them are complete, but nobody knows whether they would be there after one.
pub(super) fn sync_all(dirs: &Dirs, failed: &HashSet<DirId>) -> Vec<(String, Error)> {
    let mut unflushed = Vec::new();
    for id in (0..dirs.len()).filter(|id| !failed.contains(id)) {
        if let Err(error) = dirs.open(id).and_then(|dir| dir.sync()) {
            let (parent, name) = dirs
                .entry(id)
                .map_or((0, OsString::new()), |(parent, name)| {
                    (parent, name.clone())
                });
            let text = "the files in the local folder are complete, but it could not be flushed to the disk";
            let error = local_error(text, &dirs.path(parent, &name), error);
            unflushed.push((dirs.shown(parent, &name), error));
        }
    }
    unflushed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_downloads_that_make_the_same_folders_at_once_both_have_them() {
        let temp = tempfile::tempdir().unwrap();
        let start = std::sync::Barrier::new(8);
        let made = std::thread::scope(|scope| {
            let one = || {
                let mut dirs = Dirs::new(temp.path(), LocalDir::open(temp.path()).unwrap());
                for number in 0..200 {
                    dirs.add(0, number.to_string().into());
                }
                start.wait();
                let made = make_dirs(&dirs, false, &Progress::new()).unwrap();
                assert!(made.failures.is_empty(), "{:?}", made.failures);
                made.created.len()
            };
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(one)).collect();
            let made = threads.into_iter().map(|thread| thread.join().unwrap());
            made.sum::<usize>()
        });
        assert_eq!(made, 200, "each was made once");
    }

    #[test]
    fn dsk_1_folders_that_cannot_be_flushed_are_named() {
        let temp = tempfile::tempdir().unwrap();
        let mut dirs = Dirs::new(temp.path(), LocalDir::open(temp.path()).unwrap());
        dirs.add(0, "gone".into());
        let unflushed = sync_all(&dirs, &HashSet::new());
        let named: Vec<_> = unflushed.iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!(named, ["gone"]);
        assert!(sync_all(&dirs, &HashSet::from([1])).is_empty());
    }
}

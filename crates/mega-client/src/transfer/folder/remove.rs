//! Local entries that have no counterpart any more.

use std::collections::HashSet;
use std::ffi::OsString;
use std::io;

use mega_filename::LocalPolicy;

use super::super::local::{Kind, LocalDir, Stamp, is_partial_name, local_bytes, local_error};
use super::dirs::Dirs;
use super::filter::Filter;
use super::names::{folded, tells_case_apart};
use super::report::Outcome;

/// What is to stay.
pub(super) struct Kept<'a> {
    /// The names that each folder has in the remote one.
    pub(super) expected: &'a [HashSet<OsString>],
    pub(super) filter: &'a Filter,
    pub(super) names: LocalPolicy,
}

/// Removes what is in none of the remote folders; links themselves, not what they lead to. What the filter leaves out stays, and so do the folders around it.
pub(super) fn remove_extraneous(
    dirs: &Dirs,
    kept: &Kept<'_>,
    dry_run: bool,
) -> Vec<(String, Outcome)> {
    let mut removed = Vec::new();
    for (id, expected) in kept.expected.iter().enumerate() {
        let names = match dirs.open(id).and_then(|dir| Ok((dir.names()?, dir))) {
            Ok(found) => found,
            // A folder that is not there has nothing extraneous.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => {
                let (parent, name) = dirs
                    .entry(id)
                    .map_or((0, OsString::new()), |(parent, name)| {
                        (parent, name.clone())
                    });
                let path = dirs.path(parent, &name);
                let text = "the local folder cannot be looked through";
                let outcome = Outcome::Failed(local_error(text, &path, error));
                removed.push((dirs.shown(parent, &name), outcome));
                continue;
            }
        };
        let (names, dir) = names;
        // A file system that does not tell case apart gives the name as it was first written.
        let folds = |name: &OsString| folded(kept.names, &local_bytes(name));
        let alike: HashSet<Vec<u8>> = match tells_case_apart(kept.names) {
            true => HashSet::new(),
            false => expected.iter().map(folds).collect(),
        };
        for name in names {
            // Other downloads into the same folder are not what is meant.
            if expected.contains(&name) || is_partial_name(&name) || alike.contains(&folds(&name)) {
                continue;
            }
            let shown = dirs.shown(id, &name);
            match remove_all(&dir, &name, &shown, kept.filter, dry_run) {
                Ok(gone) => {
                    let gone = gone.into_iter().map(|shown| (shown, Outcome::Removed));
                    removed.extend(gone);
                }
                Err(error) => {
                    let path = dirs.path(id, &name);
                    let text = "the local entry cannot be removed";
                    removed.push((shown, Outcome::Failed(local_error(text, &path, error))));
                }
            }
        }
    }
    removed
}

/// A folder on the way down: its name, itself, what is still to be looked at in it, and its path for the filter.
struct Level {
    name: OsString,
    dir: LocalDir,
    left: Vec<OsString>,
    shown: String,
    /// How much had gone before.
    before: usize,
    /// Something in it stays.
    stays: bool,
}

impl Level {
    fn enter(above: &LocalDir, name: OsString, shown: String, before: usize) -> io::Result<Self> {
        let dir = above.enter(&name)?;
        Ok(Self {
            name,
            left: dir.names()?,
            dir,
            shown,
            before,
            stays: false,
        })
    }
}

/// Removes an entry with everything in it that the filter takes; in a dry run only looks. What has gone: the entry itself, or if something in it stays, what
/// was removed around that. The folders on the way down are open one after the other, so no link is followed.
fn remove_all(
    dir: &LocalDir,
    name: &OsString,
    shown: &str,
    filter: &Filter,
    dry_run: bool,
) -> io::Result<Vec<String>> {
    let takes = |shown: &str, stamp: Stamp| match stamp.kind {
        Kind::Folder => filter.takes_folder(shown),
        _ => filter.takes_file(shown, stamp.size, stamp.modified),
    };
    let Some(stamp) = dir.stat(name)?.filter(|stamp| takes(shown, *stamp)) else {
        return Ok(Vec::new());
    };
    if stamp.kind != Kind::Folder {
        if !dry_run {
            dir.remove_file(name)?;
        }
        return Ok(vec![shown.to_owned()]);
    }
    let mut gone = Vec::new();
    let mut open = vec![Level::enter(dir, name.clone(), shown.to_owned(), 0)?];
    while let Some(here) = open.last_mut() {
        let Some(entry) = here.left.pop() else {
            let Some(emptied) = open.pop() else {
                break;
            };
            if emptied.stays {
                if let Some(above) = open.last_mut() {
                    above.stays = true;
                }
                continue;
            }
            if !dry_run {
                let above = open.last().map_or(dir, |above| &above.dir);
                above.remove_dir(&emptied.name)?;
            }
            // What was in it has gone along with it.
            gone.truncate(emptied.before);
            gone.push(emptied.shown);
            continue;
        };
        let Some(stamp) = here.dir.stat(&entry)? else {
            continue;
        };
        let shown = format!("{}/{}", here.shown, entry.to_string_lossy());
        if !takes(&shown, stamp) {
            here.stays = true;
        } else if stamp.kind == Kind::Folder {
            let below = Level::enter(&here.dir, entry, shown, gone.len())?;
            if open.len() >= DEEPEST {
                return Err(io::Error::other("too many folders inside each other"));
            }
            open.push(below);
        } else {
            if !dry_run {
                here.dir.remove_file(&entry)?;
            }
            gone.push(shown);
        }
    }
    Ok(gone)
}

/// Each level holds an open folder.
const DEEPEST: usize = 512;

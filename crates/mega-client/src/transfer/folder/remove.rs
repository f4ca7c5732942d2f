//! Local entries that have no counterpart any more.

use std::collections::HashSet;
use std::ffi::OsString;
use std::io;

use super::super::local::{Kind, LocalDir, is_partial_name, local_error};
use super::dirs::Dirs;
use super::report::Outcome;

/// Removes what is in none of the remote folders; links themselves, not what they lead to.
pub(super) fn remove_extraneous(
    dirs: &Dirs,
    expected: &[HashSet<OsString>],
    dry_run: bool,
) -> Vec<(String, Outcome)> {
    let mut removed = Vec::new();
    for (id, expected) in expected.iter().enumerate() {
        // A folder that is not there has nothing extraneous.
        let Ok(dir) = dirs.open(id) else { continue };
        for name in dir.names().unwrap_or_default() {
            // Other downloads into the same folder are not what is meant.
            if expected.contains(&name) || is_partial_name(&name) {
                continue;
            }
            let outcome = if dry_run {
                Outcome::Removed
            } else {
                match remove_all(&dir, &name) {
                    Ok(()) => Outcome::Removed,
                    Err(error) => {
                        let path = dirs.path(id, &name);
                        let text = "the local entry cannot be removed";
                        Outcome::Failed(local_error(text, &path, error))
                    }
                }
            };
            removed.push((dirs.shown(id, &name), outcome));
        }
    }
    removed
}

/// Removes an entry with everything in it. The folders on the way down are open one after the other, so
/// no link is followed.
fn remove_all(dir: &LocalDir, name: &OsString) -> io::Result<()> {
    let Some(stamp) = dir.stat(name)? else {
        return Ok(());
    };
    if stamp.kind != Kind::Folder {
        return dir.remove_file(name);
    }
    // Each open folder with its own name and what is still in it.
    let top = dir.enter(name)?;
    let names = top.names()?;
    let mut open = vec![(name.clone(), top, names)];
    while let Some((_, here, left)) = open.last_mut() {
        let Some(entry) = left.pop() else {
            let Some((emptied, ..)) = open.pop() else {
                break;
            };
            let above = open.last().map_or(dir, |(_, above, _)| above);
            above.remove_dir(&emptied)?;
            continue;
        };
        match here.stat(&entry)? {
            Some(stamp) if stamp.kind == Kind::Folder => {
                let below = here.enter(&entry)?;
                if open.len() >= DEEPEST {
                    return Err(io::Error::other("too many folders inside each other"));
                }
                let names = below.names()?;
                open.push((entry, below, names));
            }
            Some(_) => here.remove_file(&entry)?,
            None => {}
        }
    }
    Ok(())
}

/// Each level holds an open folder.
const DEEPEST: usize = 512;

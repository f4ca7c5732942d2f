//! Whether two folders are the same.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::{bytes, say};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Compares two folders byte for byte, modification times of the files included (MEGA keeps whole seconds).
pub fn compare(left: &Path, right: &Path) -> Result<()> {
    let (a, b) = (tree(left)?, tree(right)?);
    let names: (Vec<_>, Vec<_>) = (a.keys().collect(), b.keys().collect());
    if names.0 != names.1 {
        return Err("the two folders do not hold the same names".into());
    }
    let mut total = 0;
    for (name, meta) in &a {
        if meta.is_dir() {
            continue;
        }
        let (ours, theirs) = (fs::read(left.join(name))?, fs::read(right.join(name))?);
        if ours != theirs {
            return Err(format!("{} came back different", name.display()).into());
        }
        let seconds = |time: SystemTime| {
            time.duration_since(SystemTime::UNIX_EPOCH)
                .map(|t| t.as_secs())
                .unwrap_or(0)
        };
        if seconds(meta.modified()?) != seconds(fs::metadata(right.join(name))?.modified()?) {
            return Err(format!("{} came back with another time", name.display()).into());
        }
        total += ours.len() as u64;
    }
    say!(
        "Compared {} entries, {}: all equal, times included",
        a.len(),
        bytes(total)
    );
    Ok(())
}

/// Every file and folder below a folder; links and special files are not part of an upload.
fn tree(top: &Path) -> Result<BTreeMap<PathBuf, fs::Metadata>> {
    let mut found = BTreeMap::new();
    let mut todo = vec![top.to_path_buf()];
    while let Some(folder) = todo.pop() {
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            let meta = entry.metadata()?;
            if meta.is_dir() {
                todo.push(entry.path());
            } else if !meta.is_file() {
                continue;
            }
            found.insert(entry.path().strip_prefix(top)?.to_path_buf(), meta);
        }
    }
    Ok(found)
}

//! The disk of one client, and what is left of it when the program dies in the middle of a write.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use mega_client::simulation::{self, Moment};
use tempfile::TempDir;
use tokio::sync::Notify;

use crate::rng::Rng;

/// A folder of its own. What the client writes lies below [`live`](Self::live); what is uploaded does not change and lies beside it.
pub(crate) struct Disk {
    top: TempDir,
    end: Arc<Mutex<Option<End>>>,
}

/// When the program dies.
struct End {
    jobs_left: u64,
    rng: Rng,
    before: Option<Files>,
    told: Arc<Notify>,
}

/// Files by their paths, with content and time.
type Files = BTreeMap<PathBuf, (Vec<u8>, SystemTime)>;

impl Disk {
    pub(crate) fn new() -> io::Result<Self> {
        let top = tempfile::tempdir()?;
        for folder in ["live/cache", "live/journals", "live/down", "sources"] {
            std::fs::create_dir_all(top.path().join(folder))?;
        }
        let end: Arc<Mutex<Option<End>>> = Arc::default();
        let (mine, path) = (Arc::clone(&end), top.path().to_owned());
        simulation::around_jobs(move |moment| {
            let mut end = mine.lock().unwrap_or_else(PoisonError::into_inner);
            // A disk that cannot be read leaves nothing behind, and the run says so.
            let _noticed = end.as_mut().map(|end| end.look(moment, &path));
        });
        Ok(Self { top, end })
    }

    pub(crate) fn path(&self) -> &Path {
        self.top.path()
    }

    pub(crate) fn live(&self, name: &str) -> PathBuf {
        self.top.path().join("live").join(name)
    }

    /// A file that is to be uploaded; its time says when it was made.
    pub(crate) fn source(&self, name: &str, bytes: &[u8], unix: u64) -> io::Result<PathBuf> {
        let path = self.top.path().join("sources").join(name);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        if !path.exists() {
            std::fs::write(&path, bytes)?;
            let time = SystemTime::UNIX_EPOCH + Duration::from_secs(unix);
            std::fs::File::options()
                .write(true)
                .open(&path)?
                .set_modified(time)?;
        }
        Ok(path)
    }

    /// From now on so many pieces of blocking work are done; the next one is what the program dies in. Then somebody is told.
    pub(crate) fn die_after(&self, jobs: u64, seed: u64) -> Arc<Notify> {
        let told = Arc::new(Notify::new());
        *self.end.lock().unwrap_or_else(PoisonError::into_inner) = Some(End {
            jobs_left: jobs,
            rng: Rng::new(seed),
            before: None,
            told: Arc::clone(&told),
        });
        told
    }

    /// What the dead program has left takes the place of what it did afterwards: nothing.
    pub(crate) fn come_back(&self) -> io::Result<()> {
        *self.end.lock().unwrap_or_else(PoisonError::into_inner) = None;
        let (live, left) = (self.top.path().join("live"), self.top.path().join("left"));
        if left.exists() {
            std::fs::remove_dir_all(&live)?;
            std::fs::rename(left, live)?;
        }
        Ok(())
    }
}

impl End {
    fn look(&mut self, moment: Moment, top: &Path) -> io::Result<()> {
        let live = top.join("live");
        match (moment, self.before.take()) {
            (Moment::Before, _) if self.jobs_left > 0 => self.jobs_left -= 1,
            (Moment::Before, _) if !top.join("left").exists() => {
                self.before = Some(files(&live)?);
            }
            (Moment::After, Some(before)) => {
                let after = files(&live)?;
                let left = torn(&before, &after, &mut self.rng);
                write(&live, &top.join("left"), &left)?;
                self.told.notify_one();
            }
            _ => {}
        }
        Ok(())
    }
}

/// All files below a folder.
pub(crate) fn files(top: &Path) -> io::Result<Files> {
    let mut found = Files::new();
    let mut folders = vec![top.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let inner = path.strip_prefix(top).unwrap_or(&path).to_owned();
            let time = path.metadata()?.modified()?;
            found.insert(inner, (std::fs::read(&path)?, time));
        }
    }
    Ok(found)
}

/// What may be on the disk when power fails during a piece of work: of each file what was there before, what is there after, or,
/// if it has no final name yet, anything between.
fn torn(before: &Files, after: &Files, rng: &mut Rng) -> Files {
    let paths: BTreeSet<&PathBuf> = before.keys().chain(after.keys()).collect();
    // In the order of their contents: those come from the seed, and some names from the path of a temporary folder.
    let mut paths: Vec<_> = paths.into_iter().collect();
    paths.sort_by_key(|path| {
        (
            after.get(*path).map(|f| &f.0),
            before.get(*path).map(|f| &f.0),
        )
    });
    let mut left = Files::new();
    for path in paths {
        let (old, new) = (before.get(path), after.get(path));
        let unfinished = path.starts_with("cache")
            || path.starts_with("journals")
            || path
                .file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with(".mega-"));
        let file = match (old, new) {
            _ if old.map(|f| &f.0) == new.map(|f| &f.0) => new.cloned(),
            (_, Some((bytes, time))) if unfinished && rng.permille(400) => {
                let cut = usize::try_from(rng.below(bytes.len() as u64 + 1)).unwrap_or(0);
                let mut mixed = bytes.get(..cut).unwrap_or_default().to_vec();
                // The rest as it was.
                mixed.extend_from_slice(old.and_then(|f| f.0.get(cut..)).unwrap_or_default());
                Some((mixed, *time))
            }
            _ if rng.permille(500) => old.cloned(),
            _ => new.cloned(),
        };
        if let Some(file) = file {
            left.insert(path.clone(), file);
        }
    }
    left
}

/// Writes files into a new folder, private ones as private as they were, with all folders that there are.
fn write(from: &Path, to: &Path, files: &Files) -> io::Result<()> {
    let mut folders = vec![from.to_owned()];
    while let Some(folder) = folders.pop() {
        let inner = folder.strip_prefix(from).unwrap_or(&folder);
        let made = to.join(inner);
        std::fs::create_dir_all(&made)?;
        std::fs::set_permissions(&made, folder.metadata()?.permissions())?;
        for entry in std::fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            }
        }
    }
    for (inner, (bytes, time)) in files {
        let path = to.join(inner);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(&path, bytes)?;
        make_private(&path)?;
        let file = std::fs::File::options().write(true).open(&path)?;
        file.set_modified(*time)?;
    }
    Ok(())
}

#[cfg(unix)]
fn make_private(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))
}

#[cfg(not(unix))]
fn make_private(_path: &Path) -> io::Result<()> {
    Ok(())
}

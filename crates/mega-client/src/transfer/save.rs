//! One remote file into one local folder: under a random name until it is verified.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use mega_crypto::content::ChunkMacs;

use super::Shared;
use super::existing::{Existing, numbered};
use super::fetch::{Proof, fetch, fetch_rest};
use super::folder::{DirId, Dirs};
use super::integrity::{Integrity, IntegrityPolicy, LengthProof};
use super::journal::DownloadJournal;
use super::limits::TransferLimits;
use super::local::{Kind, LocalDir, PartialFile, blocking, local_bytes, local_error, os_name};
use super::progress::Meter;
use super::receipt::Receipt;
use super::remote::RemoteFile;
use super::sink::{FileSink, MemorySink};
use super::verify::{self, Verdict};
use crate::error::{Error, ErrorKind, Result};

/// Where a file is to lie and what is to be done with what lies there.
#[derive(Clone, Debug)]
pub(crate) struct Destination {
    pub(crate) folder: Home,
    pub(crate) name: OsString,
    /// The path as the caller knows it, for messages.
    pub(crate) path: PathBuf,
    pub(crate) existing: Existing,
    /// The time that the file gets.
    pub(crate) modified: Option<SystemTime>,
    /// Whether somebody has looked already at what lies there.
    pub(crate) looked: bool,
    /// Whether the folder is flushed after each file, and not by the caller.
    pub(crate) sync_folder: bool,
    /// Whether what has arrived is kept for a later run when this one fails.
    pub(crate) resumable: bool,
}

/// The local folder of a file. A folder's download has files for more folders on their way than a process may have open, so there it is opened by
/// the steps that need it.
#[derive(Clone, Debug)]
pub(crate) enum Home {
    /// One that is open.
    Open(Arc<LocalDir>),
    /// One of a tree.
    In(Arc<Dirs>, DirId),
}

impl Home {
    /// The open folder. It waits for the disk.
    fn open(&self) -> io::Result<Arc<LocalDir>> {
        match self {
            Self::Open(folder) => Ok(Arc::clone(folder)),
            Self::In(dirs, id) => dirs.open(*id),
        }
    }
}

/// Downloads a file to its destination.
///
/// Cancel safe: until the file is complete nothing of it is visible, and the partial file is removed
/// when the future is dropped (DL-1, CAN-1); or left with its journal if it is to be resumable (DL-10).
pub(crate) async fn save(
    shared: &Shared,
    file: &RemoteFile,
    policy: IntegrityPolicy,
    to: Destination,
    meter: &Meter,
) -> Result<Receipt> {
    if !to.looked
        && let Some(receipt) = look(file, policy, &to).await?
    {
        return Ok(receipt);
    }
    let sync = shared.limits().syncs();
    let wanted = to.path.clone();
    let mut resumed = 0;
    let (proof, path) = if file.size <= TransferLimits::SMALL_FILE {
        // One step on another thread instead of several; the content is verified before it is written.
        let sink = Arc::new(MemorySink::new(file.size, TransferLimits::SMALL_FILE)?);
        let proof = fetch(shared, file, policy, Arc::clone(&sink), meter).await?;
        let content = sink.take_counted();
        let turn = shared.disk().enter().await;
        let path = blocking(move || {
            // It holds its place to its end, also when nobody waits for it any more; and the content its part of the budget.
            let (_turn, content) = (turn, content);
            let failed = |error| unwritable(&to.path, error);
            let folder = to.folder.open().map_err(failed)?;
            let mut partial = PartialFile::create(folder).map_err(failed)?;
            super::local::write_all_at(partial.file(), &content, 0).map_err(failed)?;
            place(&mut partial, &to, sync)
        })
        .await??;
        (proof, path)
    } else {
        let (folder, name, wanted) = (to.folder.clone(), to.name.clone(), file.clone());
        let resumable = to.resumable;
        let opening = blocking(move || Unfinished::open(folder.open()?, &name, &wanted, resumable));
        let opened = opening.await?;
        let mut unfinished = opened.map_err(|error| unwritable(&to.path, error))?;
        let have = std::mem::take(&mut unfinished.have);
        resumed = have.iter().fold(0_u64, |sum, kept| {
            let range = kept.range();
            sum.saturating_add(range.end.saturating_sub(range.start))
        });
        let sink = Arc::new(FileSink::new(
            Arc::clone(unfinished.partial.file()),
            unfinished.journal.clone(),
        ));
        let fetched = fetch_rest(shared, file, policy, sink, &have, meter).await;
        if fetched
            .as_ref()
            .is_err_and(|error| error.kind() == ErrorKind::Integrity)
        {
            // Nobody knows which of it is wrong.
            unfinished.discard();
        }
        let proof = fetched.map_err(|error| error.about(to.path.display().to_string()))?;
        let path = blocking(move || {
            let path = place(&mut unfinished.partial, &to, sync);
            if unfinished.partial.is_placed() || matches!(path, Ok(None)) {
                unfinished.discard();
            }
            path
        })
        .await??;
        (proof, path)
    };
    let Proof { integrity, length } = proof;
    let Some(path) = path else {
        // It came while the file was on its way, and is to be left alone.
        meter.restart();
        let (unseen, unproven) = (Integrity::Unverified, LengthProof::AssertedByServer);
        return Ok(was_there(file, wanted, unseen, unproven));
    };
    Ok(Receipt {
        bytes: file.size,
        integrity,
        length,
        path,
        skipped: false,
        resumed,
    })
}

/// A file that is not complete, and what is known of it.
struct Unfinished {
    partial: PartialFile,
    journal: Option<Arc<DownloadJournal>>,
    have: Vec<ChunkMacs>,
}

impl Unfinished {
    /// Opens what an earlier run left, if that is asked for; else a new file. It waits for the disk.
    fn open(
        folder: Arc<LocalDir>,
        name: &OsStr,
        file: &RemoteFile,
        resumable: bool,
    ) -> io::Result<Self> {
        if resumable
            && let Some((partial, journal, have)) = DownloadJournal::open(&folder, name, file)?
        {
            let journal = Some(Arc::new(journal));
            return Ok(Self {
                partial,
                journal,
                have,
            });
        }
        // Somebody else is downloading the same file to the same place: the faster one wins.
        Ok(Self {
            partial: PartialFile::create(folder)?,
            journal: None,
            have: Vec::new(),
        })
    }

    /// There is nothing to go on with.
    fn discard(&mut self) {
        if let Some(journal) = self.journal.take() {
            journal.remove();
        }
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        match self.journal.take() {
            Some(journal) if journal.is_worth_keeping() => self.partial.leave(),
            Some(journal) => journal.remove(),
            None => {}
        }
    }
}

/// Looks at what lies at the destination. `Some` if that settles it.
async fn look(
    file: &RemoteFile,
    policy: IntegrityPolicy,
    to: &Destination,
) -> Result<Option<Receipt>> {
    let (folder, name) = (to.folder.clone(), to.name.clone());
    let found = blocking(move || folder.open()?.stat(&name))
        .await?
        .map_err(|error| unwritable(&to.path, error))?;
    let Some(found) = found else {
        return Ok(None);
    };
    let there = |integrity, length| Ok(Some(was_there(file, to.path.clone(), integrity, length)));
    match to.existing {
        Existing::Fail => Err(already_exists(&to.path)),
        Existing::Skip => there(Integrity::Unverified, LengthProof::AssertedByServer),
        Existing::Rename => Ok(None),
        Existing::Overwrite | Existing::Update if found.kind == Kind::Folder => Err(Error::new(
            ErrorKind::IsADirectory,
            "there is a folder of that name",
        )
        .about(to.path.display().to_string())),
        Existing::Overwrite => Ok(None),
        Existing::Update if found.kind != Kind::File => Ok(None),
        Existing::Update => {
            let (folder, name, wanted) = (to.folder.clone(), to.name.clone(), file.clone());
            let same = blocking(move || {
                let Ok(local) = folder.open().and_then(|folder| folder.open_file(&name)) else {
                    return Ok::<_, Error>(None);
                };
                match verify::compare_with_length(&local, &wanted, policy, None)? {
                    (Verdict::Equal(integrity), length) => {
                        // What is proven equal may still have another time.
                        Ok(Some((integrity, length, local)))
                    }
                    _ => Ok(None),
                }
            })
            .await??;
            match same {
                Some((integrity, length, local)) => {
                    if let Some(modified) = to.modified
                        && !same_time(found.modified, modified)
                    {
                        let set = blocking(move || local.set_modified(modified)).await?;
                        if set.is_err() {
                            // The file cannot be changed, but it can be replaced.
                            return Ok(None);
                        }
                    }
                    there(integrity, length)
                }
                None => Ok(None),
            }
        }
    }
}

/// What is said of a file that was left as it was.
fn was_there(
    file: &RemoteFile,
    path: PathBuf,
    integrity: Integrity,
    length: LengthProof,
) -> Receipt {
    Receipt {
        bytes: file.size,
        integrity,
        length,
        path,
        skipped: true,
        resumed: 0,
    }
}

/// Gives the complete file its name; `None` if something came that is to be left alone.
fn place(partial: &mut PartialFile, to: &Destination, sync: bool) -> Result<Option<PathBuf>> {
    let path = name_it(partial, to, sync)?;
    if path.is_some() && sync && to.sync_folder {
        let flushed = to.folder.open().and_then(|folder| folder.sync());
        flushed.map_err(|error| {
            let text =
                "the local file is complete, but its folder could not be flushed to the disk";
            local_error(text, &to.path, error)
        })?;
    }
    Ok(path)
}

fn name_it(partial: &mut PartialFile, to: &Destination, sync: bool) -> Result<Option<PathBuf>> {
    let failed = |error| unwritable(&to.path, error);
    match to.existing {
        Existing::Overwrite | Existing::Update => {
            partial
                .place(&to.name, true, to.modified, sync)
                .map_err(failed)?;
            Ok(Some(to.path.clone()))
        }
        Existing::Fail | Existing::Skip => {
            match partial.place(&to.name, false, to.modified, sync) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    if to.existing == Existing::Skip {
                        return Ok(None);
                    }
                    Err(already_exists(&to.path).caused_by(error))
                }
                done => done.map(|()| Some(to.path.clone())).map_err(failed),
            }
        }
        Existing::Rename => {
            let mut name: OsString = to.name.clone();
            for number in 1..=MOST_NUMBERED {
                match partial.place(&name, false, to.modified, sync) {
                    Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                        name = renamed(&to.name, number);
                    }
                    done => {
                        return done
                            .map(|()| Some(to.path.with_file_name(name)))
                            .map_err(failed);
                    }
                }
            }
            Err(already_exists(&to.path))
        }
    }
}

fn renamed(name: &OsStr, number: u32) -> OsString {
    os_name(&numbered(&local_bytes(name), number))
}

/// Whether two times are the same second, or as close as a file system may round
/// (crypto-and-accounts 7.5).
pub(crate) fn same_time(left: Option<SystemTime>, right: SystemTime) -> bool {
    let Some(left) = left else { return false };
    let apart = match left.duration_since(right) {
        Ok(later) => later,
        Err(earlier) => earlier.duration(),
    };
    apart.as_secs() <= mega_crypto::fingerprint::Fingerprint::TIME_TOLERANCE
}

/// The error for a destination that is taken.
pub(crate) fn already_exists(path: &Path) -> Error {
    Error::new(
        ErrorKind::AlreadyExists,
        "there is something at the local path already",
    )
    .about(path.display().to_string())
}

fn unwritable(path: &Path, error: io::Error) -> Error {
    local_error("the local file cannot be written", path, error)
}

const MOST_NUMBERED: u32 = 10_000;

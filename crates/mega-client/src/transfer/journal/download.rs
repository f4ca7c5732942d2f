//! The journal of a download: which chunks lie in the partial file, with their MACs.

use std::ffi::OsStr;
use std::ffi::OsString;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use mega_crypto::content::{ChunkMac, ChunkMacs, chunk_at, chunk_offset};

use super::super::local::{
    LocalDir, PartialFile, journal_name, local_bytes, part_name, read_exact_at,
};
use super::super::remote::RemoteFile;
use super::{Log, derive, tag};

/// The journal beside a partial file.
pub(crate) struct DownloadJournal {
    folder: Arc<LocalDir>,
    name: OsString,
    state: Mutex<State>,
}

struct State {
    log: Log,
    entries: usize,
}

impl DownloadJournal {
    /// Opens the partial file and the journal of a file on its way to this name, and finds out which chunks
    /// are there: each is read again, and its MAC has to be the one that was noted (DL-10). New ones are made where
    /// there is nothing to go on with. `None` if somebody else is at it.
    ///
    /// Their names come from a secret: they tell nothing about the file, nobody can guess them, and
    /// whoever has the file's key finds them again.
    pub(crate) fn open(
        folder: &Arc<LocalDir>,
        to: &OsStr,
        file: &RemoteFile,
    ) -> io::Result<Option<(PartialFile, Self, Vec<ChunkMacs>)>> {
        let key = derive(file.key.expose_secret(), &[b"mega-client download journal"]);
        let [a, b, c, d, e, f, g, h, ..] = tag(&*key, &[b"name", &local_bytes(to)]);
        let digits = u64::from_be_bytes([a, b, c, d, e, f, g, h]);
        let digits = format!("{digits:016x}");
        let Some(partial) = PartialFile::claim(folder, &part_name(&digits))? else {
            return Ok(None);
        };
        let name = journal_name(&digits);
        let head = [b"download", &file.size.to_le_bytes()[..]].concat();
        let found = Log::read(folder.open_private(&name)?, key.clone())?;
        let (log, have) = match found {
            Some((log, entries)) if entries.first() == Some(&head) => {
                let have: Vec<_> = entries
                    .iter()
                    .skip(1)
                    .filter_map(|entry| check(entry, &partial, file))
                    .collect();
                (log, have)
            }
            _ => (
                Log::start(folder.open_private(&name)?, key, &head)?,
                Vec::new(),
            ),
        };
        let journal = Self {
            folder: Arc::clone(folder),
            name,
            state: Mutex::new(State {
                log,
                entries: have.len(),
            }),
        };
        Ok(Some((partial, journal, have)))
    }

    /// Notes chunks that lie in the partial file. A journal that cannot be written is no reason to fail: then
    /// less can be resumed.
    pub(crate) fn note(&self, macs: &ChunkMacs) {
        let mut entry = macs.range().start.to_le_bytes().to_vec();
        for mac in macs.as_slice() {
            entry.extend_from_slice(&mac.0);
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.log.append(&entry).is_ok() {
            state.entries = state.entries.saturating_add(1);
        }
    }

    /// Whether there is anything to go on with.
    pub(crate) fn is_worth_keeping(&self) -> bool {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.entries > 0
    }

    /// Removes the journal.
    pub(crate) fn remove(&self) {
        // One that stays is swept away later.
        let _gone = self.folder.remove_file(&self.name);
    }
}

/// The chunks of an entry, if they lie in the file as they were noted.
fn check(entry: &[u8], partial: &PartialFile, file: &RemoteFile) -> Option<ChunkMacs> {
    let (start, macs) = entry.split_first_chunk::<8>()?;
    let start = u64::from_le_bytes(*start);
    let (macs, []) = macs.as_chunks::<16>() else {
        return None;
    };
    let first = chunk_at(start);
    let after = first.index.checked_add(u64::try_from(macs.len()).ok()?)?;
    let end = chunk_offset(after)?.min(file.size);
    let len = usize::try_from(end.checked_sub(start)?).ok()?;
    if first.offset != start || len == 0 || len > LONGEST {
        return None;
    }
    let mut bytes = vec![0; len];
    read_exact_at(partial.file(), &mut bytes, start).ok()?;
    let found = file.cipher().mac_chunks(start, &bytes).ok()?;
    let noted = macs.iter().map(|mac| ChunkMac(*mac));
    found.as_slice().iter().copied().eq(noted).then_some(found)
}

/// No piece is longer.
const LONGEST: usize = 8 << 20;

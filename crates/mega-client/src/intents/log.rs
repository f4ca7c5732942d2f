//! The changes that are under way, on disk: one file for each client, beside the cache of its tree.
//!
//! It is sealed like the tree, frame by frame; see [`crate::cache::log`]. Each frame is a batch that is about to leave, or says which batches are
//! over. A batch leaves only after its frame is on disk (PST-5), so one whose frame is torn has never left. When nothing is under way the
//! file is cut to nothing, and begins again with another salt. It is locked as long as its client lives: what is not locked was left behind by one
//! that died.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use mega_crypto::rand_core::Rng;
use mega_protocol::RequestId;

use super::evidence::Item;
use crate::account::private_file;
use crate::cache::bytes::{Get, Plain, Put};
use crate::cache::log::{Damage, Form, Opener, Owner, Sealer};
use crate::chance::rng;

const FORM: Form = Form {
    head: *b"mgopen\0\x01",
    label: b"mega-client intents 1",
};
const LEAVING: u8 = 1;
const OVER: u8 = 2;
const SUFFIX: &str = ".intents";
/// Longer than this it is written anew, even though something is always under way.
const LONG: u64 = 16 << 20;
const TRIES: usize = 8;

/// The file of one client.
pub(super) struct Log {
    owner: Owner,
    folder: PathBuf,
    file: Option<Open>,
}

struct Open {
    path: PathBuf,
    /// Locked.
    file: File,
    /// None while the file is empty.
    sealer: Option<Sealer>,
    /// Where the next frame goes; what lies behind is torn.
    end: u64,
}

/// A batch as it is noted.
pub(super) struct Batch {
    number: u64,
    request: String,
    pub(super) sent: SystemTime,
    pub(super) items: Vec<Item>,
}

impl Log {
    /// Nothing is made before there is something to note.
    pub(super) fn new(owner: Owner, folder: &Path) -> Self {
        Self {
            owner,
            folder: folder.to_owned(),
            file: None,
        }
    }

    /// Where it is, or will be.
    pub(super) fn place(&self) -> &Path {
        self.file.as_ref().map_or(&self.folder, |file| &file.path)
    }

    /// Notes a batch, durably, and which others are over.
    pub(super) fn leave(&mut self, frame: &Plain, over: &[u64]) -> io::Result<()> {
        let over = (!over.is_empty()).then(|| over_frame(over));
        let frames: Vec<&Plain> = over.iter().chain([frame]).collect();
        self.append(&frames)
    }

    /// Whether [`renew`](Self::renew) is due: it has become too long, or somebody has deleted it.
    pub(super) fn needs_renewal(&self) -> bool {
        self.file
            .as_ref()
            .is_some_and(|open| open.end > LONG || std::fs::symlink_metadata(&open.path).is_err())
    }

    /// Begins a fresh file with these batches, and deletes the old one.
    pub(super) fn renew(&mut self, frames: &[Plain]) -> io::Result<()> {
        let old = self.file.take();
        let frames: Vec<&Plain> = frames.iter().collect();
        if let Err(error) = self.append(&frames) {
            if let Some(fresh) = self.file.take() {
                let _gone = std::fs::remove_file(&fresh.path);
            }
            self.file = old;
            return Err(error);
        }
        if let Some(old) = old {
            // What is left of it is settled once more after a crash, and told once all the same.
            let _gone = std::fs::remove_file(&old.path);
        }
        Ok(())
    }

    fn append(&mut self, frames: &[&Plain]) -> io::Result<()> {
        let made = self.file.is_none();
        let open = match &mut self.file {
            Some(open) => open,
            None => self
                .file
                .insert(create(&self.folder, &self.owner.file_name())?),
        };
        open.append(&self.owner, frames)?;
        if made {
            // The name has to be there after a crash, too.
            private_file::sync_folder(&self.folder)?;
        }
        Ok(())
    }

    /// Nothing is under way any more.
    pub(super) fn clear(&mut self) -> io::Result<()> {
        let Some(open) = self.file.as_mut().filter(|open| open.end > 0) else {
            return Ok(());
        };
        (open.sealer, open.end) = (None, 0);
        open.file.set_len(0)
    }

    /// Deletes the file.
    pub(super) fn remove(&mut self) -> io::Result<()> {
        match self.file.take() {
            Some(open) => std::fs::remove_file(&open.path),
            None => Ok(()),
        }
    }
}

impl Open {
    fn append(&mut self, owner: &Owner, frames: &[&Plain]) -> io::Result<()> {
        let mut bytes = Vec::new();
        let mut sealer = match self.sealer.take() {
            Some(sealer) if self.end > 0 => sealer,
            _ => Sealer::start(owner, FORM, &mut bytes),
        };
        let before = sealer.number();
        let written = (|| {
            for frame in frames {
                sealer.frame(frame, &mut bytes)?;
            }
            // After a write that failed there may be a torn frame.
            self.file.set_len(self.end)?;
            self.file.seek(SeekFrom::Start(self.end))?;
            self.file.write_all(&bytes)?;
            self.file.sync_data()
        })();
        if written.is_ok() {
            self.end = self.end.saturating_add(bytes.len() as u64);
        } else {
            // The same numbers again, in place of what may be there.
            sealer.go_back(before);
        }
        self.sealer = Some(sealer);
        written
    }
}

/// A file of a new name, locked.
fn create(folder: &Path, name: &str) -> io::Result<Open> {
    private_file::make_folder(folder)?;
    for _ in 0..TRIES {
        let mut random = [0; 8];
        rng().fill_bytes(&mut random);
        let digits = u64::from_be_bytes(random);
        let path = folder.join(format!("{name}.{digits:016x}{SUFFIX}"));
        let file = private_file::private()
            .read(true)
            .write(true)
            .create_new(true)
            .open(&path)?;
        // Another client may have taken it for one that was left behind, and deleted it.
        if file.try_lock().is_ok() && std::fs::symlink_metadata(&path).is_ok() {
            return Ok(Open {
                path,
                file,
                sealer: None,
                end: 0,
            });
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

/// The frame of a batch.
pub(super) fn leaving_frame(
    number: u64,
    request: RequestId,
    sent: SystemTime,
    items: &[Item],
) -> Plain {
    let since = sent.duration_since(SystemTime::UNIX_EPOCH);
    let millis = since.map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(0));
    // Room for all of it: a buffer that grows leaves keys behind, unwiped (SEC-8).
    let mut frame = Plain::new(Vec::with_capacity(room(items)));
    frame.byte(LEAVING);
    frame.number(number);
    frame.number(millis);
    frame.text(request.to_string().as_bytes());
    frame.number(items.len() as u64);
    for item in items {
        item.write(&mut frame);
    }
    frame
}

fn room(items: &[Item]) -> usize {
    let sizes = items.iter().map(Item::room);
    sizes.fold(64, usize::saturating_add)
}

fn over_frame(over: &[u64]) -> Plain {
    let mut frame = Plain::new(Vec::new());
    frame.byte(OVER);
    for number in over {
        frame.number(*number);
    }
    frame
}

/// A file that a client left behind, locked until it is deleted.
pub(super) struct LeftOver {
    path: PathBuf,
    file: File,
    pub(super) batches: Vec<Batch>,
}

impl LeftOver {
    /// Takes over what clients of the account have left behind in a folder. What is locked is in use, what has another kind of name is somebody
    /// else's. A file with nothing under way in it is deleted at once.
    pub(super) fn find(owner: &Owner, folder: &Path) -> Vec<Self> {
        let prefix = format!("{}.", owner.file_name());
        let mut found = Vec::new();
        let Ok(entries) = std::fs::read_dir(folder) else {
            return found;
        };
        let mut paths: Vec<PathBuf> = entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| is_log(path, &prefix))
            .collect();
        paths.sort();
        // A client that died while it began a fresh file has left two with the same.
        let mut seen = HashSet::new();
        for path in paths {
            match Self::take(owner, &path) {
                Ok(Some(left)) if left.batches.is_empty() => left.remove(),
                Ok(Some(mut left)) => {
                    left.batches
                        .retain(|batch| seen.insert((batch.request.clone(), batch.sent)));
                    found.push(left);
                }
                Ok(None) => {}
                Err(error) => {
                    tracing::warn!(kind = ?error.kind(), "a list of open changes cannot be read");
                }
            }
        }
        found
    }

    fn take(owner: &Owner, path: &Path) -> io::Result<Option<Self>> {
        let file = File::options().read(true).write(true).open(path)?;
        if !file.metadata()?.is_file() || file.try_lock().is_err() {
            return Ok(None);
        }
        // Its client may have deleted it just now.
        if std::fs::symlink_metadata(path).is_err() {
            return Ok(None);
        }
        let batches = read(owner, &file);
        Ok(Some(Self {
            path: path.to_owned(),
            file,
            batches,
        }))
    }

    /// Deletes it: all of it is settled.
    pub(super) fn remove(self) {
        if let Err(error) = std::fs::remove_file(&self.path) {
            tracing::warn!(kind = ?error.kind(), "a list of changes that are settled cannot be deleted");
        }
        // Only now may somebody else have it.
        drop(self.file);
    }
}

fn is_log(path: &Path, prefix: &str) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    let digits = name.and_then(|name| name.strip_prefix(prefix)?.strip_suffix(SUFFIX));
    let hexadecimal = |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    digits.is_some_and(|digits| digits.len() == 16 && digits.bytes().all(hexadecimal))
}

/// The batches that were under way when the file was last written. Whatever is wrong with its end was never finished, so it never left.
fn read(owner: &Owner, file: &File) -> Vec<Batch> {
    let mut batches: Vec<Batch> = Vec::new();
    if file.metadata().is_ok_and(|metadata| metadata.len() == 0) {
        return batches;
    }
    let mut opener = match Opener::start(owner, FORM, io::BufReader::new(file)) {
        Ok(opener) => opener,
        Err(damage) => {
            warn(damage);
            return batches;
        }
    };
    loop {
        match opener.next_of_any_kind() {
            Ok(Some(frame)) => {
                if read_frame(frame.kind, &frame.content, &mut batches).is_none() {
                    warn(Damage::Nonsense);
                    break;
                }
            }
            Ok(None) => break,
            Err(damage) => {
                warn(damage);
                break;
            }
        }
    }
    batches
}

fn read_frame(kind: u8, content: &[u8], batches: &mut Vec<Batch>) -> Option<()> {
    let mut get = Get::new(content);
    match kind {
        LEAVING => {
            let number = get.number()?;
            let sent = Duration::from_millis(get.number()?);
            let request = get.str()?.to_owned();
            let mut items = Vec::new();
            for _ in 0..get.number()? {
                items.push(Item::read(&mut get)?);
            }
            batches.push(Batch {
                number,
                request,
                sent: SystemTime::UNIX_EPOCH
                    .checked_add(sent)
                    .unwrap_or(SystemTime::UNIX_EPOCH),
                items,
            });
        }
        OVER => {
            while !get.is_empty() {
                let number = get.number()?;
                batches.retain(|batch| batch.number != number);
            }
        }
        _ => return None,
    }
    Some(())
}

fn warn(damage: Damage) {
    match damage {
        // Cut off by a crash while it was written.
        Damage::Torn => tracing::debug!(
            "the end of a list of open changes is torn; what it was to say never left"
        ),
        damage => tracing::warn!(
            ?damage,
            "a list of open changes is damaged; what comes before it counts"
        ),
    }
}

/// For the fuzz targets of the repository: whether the content of a frame is read, and read again as it is written.
#[cfg(feature = "fuzzing")]
pub(crate) fn check_frame(input: &[u8]) -> bool {
    let Some((&kind, content)) = input.split_first() else {
        return false;
    };
    let mut batches = Vec::new();
    let read = read_frame(kind, content, &mut batches).is_some();
    for batch in batches {
        for item in batch.items {
            let mut bytes = Plain::new(Vec::new());
            item.write(&mut bytes);
            let mut get = Get::new(&bytes);
            assert!(Item::read(&mut get).is_some() && get.is_empty());
        }
    }
    read
}

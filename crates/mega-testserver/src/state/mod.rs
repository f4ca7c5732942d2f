//! A state that outlives the process: a folder with a log of what changed, and the stored content beside it.
//!
//! `state` begins with a line that names the format and its version. Every further line is one record, a checksum and
//! JSON: what one request changed, written before the request is answered. Killing the process therefore loses nothing
//! that was acknowledged; a last line that was cut off belongs to a request that was not. (Power failure is another
//! matter: nothing is forced to the disk but the compacted log.) Content lies in files of its own, written before the
//! record that refers to it.
//!
//! Not kept, because a client copes with their loss as with their expiry: addresses for uploads and downloads, the parts of
//! unfinished uploads, wait URLs, challenges, images of trees, which folders and links were deleted (afterwards they are as
//! unknown as any other), faults and the journal.

mod log;
mod record;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;

use crate::model::{Content, Model};
use crate::wire::{AttributeHandle, b64};
use log::Log;
use record::{Counters, Record, Restored};

/// Why a state cannot be opened or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// The file system refuses.
    #[error("{}: {source}", path.display())]
    Io {
        /// What was read or written.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The server was stopped, and with it what it could still keep.
    #[error("the server has stopped")]
    Closed,
    /// Another server keeps its state there.
    #[error("{}: another server keeps its state in this folder", path.display())]
    InUse {
        /// The folder.
        path: PathBuf,
    },
    /// The file is of a version this crate does not know.
    #[error("{}: written by a newer mega-testserver (format {version})", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        version: u64,
    },
    /// What is there was not written like this. Nothing of it is used and nothing is changed.
    #[error("{}, line {line}: damaged: {what}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1; 0 where no single line is to blame.
        line: u64,
        /// What is wrong.
        what: String,
    },
}

impl StateError {
    fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }
}

/// An opened state.
#[derive(Debug)]
pub(crate) struct State {
    folder: PathBuf,
    log: Log,
    /// Length of the log when it was compacted last.
    compact: u64,
    /// Checksums of what stands in the log, so that only what changed is written again.
    known: HashMap<String, u64>,
    attributes: HashSet<AttributeHandle>,
    starts: u64,
    /// Held as long as the state is open.
    lock: File,
}

impl Drop for State {
    fn drop(&mut self) {
        // Closing is not enough: a process that is just being started holds a copy of the open file.
        let _ = self.lock.unlock();
    }
}

impl State {
    /// Opens the state of a folder, which is made where it is not there, and fills the model from it.
    pub(crate) fn open(folder: &Path, model: &mut Model) -> Result<Self, StateError> {
        for folder in [folder, &folder.join("content"), &folder.join("attributes")] {
            fs::create_dir_all(folder).map_err(StateError::io(folder))?;
        }
        let path = folder.join("lock");
        let lock = File::create(&path).map_err(StateError::io(&path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => {
                return Err(StateError::InUse {
                    path: folder.to_owned(),
                });
            }
            Err(fs::TryLockError::Error(source)) => return Err(StateError::Io { path, source }),
        }
        let path = folder.join("state");
        let mut restored = Restored::default();
        log::read(&path, |line, record| {
            restored.apply(record).map_err(|what| StateError::Damaged {
                path: path.clone(),
                line,
                what,
            })
        })?;
        let starts = restored.counters.starts;
        restored.into_model(folder, model)?;
        if starts > 0 {
            // What is drawn from now on is not what was drawn before.
            model.seed = model.seed.branch(&format!("start {starts}"));
            model.events.reseed(model.seed.branch("events"));
        }
        model.tree.watch();
        model.events.watch();
        model.replies.watch();
        let attributes = model.storage.attributes.keys().copied().collect();
        let log = Log::create(&path)?;
        let mut state = Self {
            folder: folder.to_owned(),
            log,
            compact: 0,
            known: HashMap::new(),
            attributes,
            starts: starts + 1,
            lock,
        };
        state.rewrite(model)?;
        state.sweep(model);
        Ok(state)
    }

    /// Writes what changed since the last time. When that fails it is tried again the next time.
    pub(crate) fn save(&mut self, model: &mut Model) -> Result<(), StateError> {
        let touched = model.tree.take_touched();
        let events = model.events.take_fresh();
        let replies = model.replies.take_fresh();
        let result = self.write(model, &touched, &events, &replies);
        match result {
            Ok(()) if self.log.len() > COMPACT_FROM + 4 * self.compact => self.rewrite(model),
            Ok(()) => Ok(()),
            Err(error) => {
                model.tree.touch_all(touched);
                model.events.put_back(events);
                model.replies.put_back(replies);
                Err(error)
            }
        }
    }

    fn write(
        &mut self,
        model: &mut Model,
        touched: &std::collections::BTreeSet<crate::wire::NodeHandle>,
        events: &[crate::model::events::Change],
        replies: &[crate::service::idempotence::Key],
    ) -> Result<(), StateError> {
        self.put_content_away(model, touched.iter().copied())?;
        let mut record = Record {
            events: events.to_vec(),
            replies: replies
                .iter()
                .filter_map(|key| model.replies.stored(key))
                .collect(),
            ..Record::default()
        };
        for handle in touched {
            match model.tree.get(*handle) {
                Some(node) => record.nodes.push(node.clone()),
                None => record.removed.push(*handle),
            }
        }
        let mut known = self.known.clone();
        self.small_things(model, &mut record, &mut known);
        let attributes: Vec<AttributeHandle> = record.attributes.clone();
        if !record.is_empty() {
            self.log.append(&record)?;
        }
        self.known = known;
        self.attributes.extend(attributes);
        Ok(())
    }

    /// Writes everything to a new log and puts it in the place of the old one.
    fn rewrite(&mut self, model: &mut Model) -> Result<(), StateError> {
        let all: Vec<_> = model.tree.iter().map(|n| n.handle).collect();
        self.put_content_away(model, all.iter().copied())?;
        let mut known = HashMap::new();
        let mut rest = Record {
            events: model.events.all(),
            replies: model
                .replies
                .all()
                .iter()
                .filter_map(|key| model.replies.stored(key))
                .collect(),
            ..Record::default()
        };
        self.small_things(model, &mut rest, &mut known);
        rest.attributes = model.storage.attributes.keys().copied().collect();
        let nodes = all.chunks(1000).map(|some| Record {
            nodes: some
                .iter()
                .filter_map(|h| model.tree.get(*h).cloned())
                .collect(),
            ..Record::default()
        });
        self.log.replace(nodes.chain([rest]))?;
        self.compact = self.log.len();
        self.known = known;
        self.attributes = model.storage.attributes.keys().copied().collect();
        // All of it is in the new log.
        model.tree.take_touched();
        model.events.take_fresh();
        model.replies.take_fresh();
        Ok(())
    }

    /// Users, sessions and the other small things that changed.
    fn small_things(&self, model: &Model, record: &mut Record, known: &mut HashMap<String, u64>) {
        record.removed_users = known
            .keys()
            .filter_map(|name| crate::wire::UserHandle::parse(name.strip_prefix("user ")?))
            .filter(|user| !model.users.contains_key(user))
            .collect();
        for user in &record.removed_users {
            known.remove(&format!("user {user}"));
        }
        for (handle, user) in &model.users {
            if changed(known, format!("user {handle}"), user) {
                record.users.push(user.clone());
            }
        }
        for (sid, session) in &model.sessions {
            if changed(known, format!("session {sid}"), session) {
                record.sessions.push((sid.clone(), session.clone()));
            }
        }
        let emails: BTreeMap<_, _> = model.emails.clone().into_iter().collect();
        record.emails = changed(known, "emails".into(), &emails).then_some(emails);
        record.mails = changed(known, "mails".into(), &model.mails).then(|| model.mails.clone());
        let invitations: Vec<_> = model.pending.values().cloned().collect();
        record.invitations =
            changed(known, "invitations".into(), &invitations).then_some(invitations);
        let finished: BTreeMap<_, _> = model.storage.finished.clone().into_iter().collect();
        record.finished = changed(known, "finished".into(), &finished).then_some(finished);
        let counters = Counters {
            tags: model.tags,
            sessions_opened: model.sessions_opened,
            accounts_made: model.accounts_made,
            starts: self.starts,
        };
        record.counters = changed(known, "counters".into(), &counters).then_some(counters);
        record.attributes = model
            .storage
            .attributes
            .keys()
            .filter(|h| !self.attributes.contains(h))
            .copied()
            .collect();
    }

    /// Moves content from memory into files, and writes new file attributes.
    fn put_content_away(
        &self,
        model: &mut Model,
        nodes: impl Iterator<Item = crate::wire::NodeHandle>,
    ) -> Result<(), StateError> {
        for handle in nodes {
            let content = model.tree.get(handle).and_then(|n| n.content.as_deref());
            if let Some(filed) = content.map(|c| self.file(c)).transpose()?.flatten() {
                model.tree.replace_content(handle, filed);
            }
        }
        for finished in model.storage.finished.values_mut() {
            if let Some(filed) = self.file(&finished.content)? {
                finished.content = filed;
            }
        }
        for (handle, data) in &model.storage.attributes {
            if !self.attributes.contains(handle) {
                let path = attribute_path(&self.folder, *handle);
                write_whole(&path, std::iter::once(data.as_ref()))?;
            }
        }
        Ok(())
    }

    /// The same content, in a file, unless it is in one.
    fn file(&self, content: &Content) -> Result<Option<Arc<Content>>, StateError> {
        let Some(pieces) = content.pieces() else {
            return Ok(None);
        };
        let path = content_path(&self.folder, content.id());
        let there = fs::metadata(&path).is_ok_and(|m| m.len() == content.size());
        if !there {
            write_whole(&path, pieces.iter().map(|(_, bytes)| bytes.as_ref()))?;
        }
        Ok(Some(Arc::new(content.in_file(path))))
    }

    /// Removes the files that nothing refers to any more. What cannot be removed stays.
    fn sweep(&self, model: &Model) {
        let nodes = model.tree.iter().filter_map(|n| n.content.as_deref());
        let finished = model.storage.finished.values().map(|f| &*f.content);
        let used: HashSet<PathBuf> = nodes
            .chain(finished)
            .map(|c| content_path(&self.folder, c.id()))
            .collect();
        for entry in fs::read_dir(self.folder.join("content"))
            .into_iter()
            .flatten()
            .flatten()
        {
            if !used.contains(&entry.path()) {
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}

/// Whether something is not what was known under its name; from now on it is.
fn changed(known: &mut HashMap<String, u64>, name: String, value: &impl Serialize) -> bool {
    let mut hash = DefaultHasher::new();
    // What cannot be written is taken for changed, and fails where it is written.
    let Ok(text) = serde_json::to_vec(value) else {
        return true;
    };
    text.hash(&mut hash);
    let hash = hash.finish();
    known.insert(name, hash) != Some(hash)
}

fn content_path(folder: &Path, id: [u8; 8]) -> PathBuf {
    folder.join("content").join(b64(&id))
}

fn attribute_path(folder: &Path, handle: AttributeHandle) -> PathBuf {
    folder.join("attributes").join(handle.to_string())
}

/// Writes a file so that it is there whole or not at all.
fn write_whole<'a>(path: &Path, parts: impl Iterator<Item = &'a [u8]>) -> Result<(), StateError> {
    use io::Write as _;
    let unfinished = path.with_extension("new");
    let write = || {
        let mut file = io::BufWriter::new(File::create(&unfinished)?);
        for part in parts {
            file.write_all(part)?;
        }
        file.into_inner().map_err(|e| e.into_error())?;
        fs::rename(&unfinished, path)
    };
    write().map_err(StateError::io(path))
}

/// A log is compacted when it is this much longer than four times what it was compacted to.
const COMPACT_FROM: u64 = 16 << 20;

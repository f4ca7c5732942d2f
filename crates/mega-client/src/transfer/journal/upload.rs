//! The journal of an upload: its address, what its key is made of, and which parts were encrypted and sent.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fs::TryLockError;
use std::io;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use mega_crypto::content::{ChunkMac, ContentKey};
use zeroize::Zeroizing;

use super::super::local::{LocalDir, local_bytes, local_error};
use super::super::source::LocalFile;
use super::super::wire::{UploadToken, UploadUrl};
use super::{Key, Log, derive, tag};
use crate::account::private_file;
use crate::error::{Error, ErrorKind, Result};

/// A journal in a folder that the caller chose.
///
/// It holds no key: the key of the content is made of a random seed, which is in the journal, and a secret
/// of the account, which is not. It holds the address of the upload, which permits to add to it, so only its
/// owner can read it.
pub(crate) struct UploadJournal {
    folder: LocalDir,
    name: OsString,
    key: Key,
    /// Size and time of the source.
    stamp: Vec<u8>,
    /// The file, locked as long as this lives.
    file: std::fs::File,
    log: Mutex<Option<Log>>,
}

/// What an earlier run has done.
pub(crate) struct Resumed {
    pub(crate) key: ContentKey,
    pub(crate) url: UploadUrl,
    /// The parts that were encrypted, in order and without gaps: where each starts and its MACs. No other
    /// plaintext may ever be encrypted in their place (UL-4).
    pub(crate) parts: Vec<(u64, Vec<ChunkMac>)>,
    /// Where the parts start that the storage host has.
    pub(crate) answered: BTreeSet<u64>,
    /// What the upload came to, if all of it was sent.
    pub(crate) token: Option<UploadToken>,
}

impl UploadJournal {
    /// Opens or makes the journal of the upload of a local file to a target. It waits for the disk.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Precondition`] if somebody is using it, [`ErrorKind::Io`].
    pub(crate) fn open(
        folder: &Path,
        secret: &[u8],
        source: &LocalFile,
        target: &str,
    ) -> Result<(Self, Option<Resumed>)> {
        let failed = |error| local_error("the journal cannot be opened", folder, error);
        let key = key(secret);
        let name = file_name(&key, &source.path, target).map_err(failed)?;
        private_file::make_folder(folder).map_err(failed)?;
        let dir = LocalDir::open(folder).map_err(failed)?;
        let file = claim(&dir, &name, || dir.open_private(&name))
            .map_err(failed)?
            .ok_or_else(|| {
                let text = "the same upload is under way already, or was a moment ago";
                Error::new(ErrorKind::Precondition, text)
            })?;
        let found = Log::read(file.try_clone().map_err(failed)?, key.clone()).map_err(failed)?;
        let mut this = Self {
            folder: dir,
            name,
            key,
            stamp: stamp(source),
            file,
            log: Mutex::new(None),
        };
        let resumed = found.and_then(|(log, entries)| {
            let resumed = this.read(&entries)?;
            this.log = Mutex::new(Some(log));
            Some(resumed)
        });
        Ok((this, resumed))
    }

    /// Removes what an earlier run has left of the upload of a local file to a target, once it has turned out that nothing
    /// is to be sent; one that somebody is using stays. It waits for the disk.
    pub(crate) fn forget(
        folder: &Path,
        secret: &[u8],
        source: &Path,
        target: &str,
    ) -> io::Result<()> {
        let name = file_name(&key(secret), source, target)?;
        let dir = match LocalDir::open(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            other => other?,
        };
        match claim(&dir, &name, || dir.open_file(&name)) {
            Ok(Some(_locked)) => dir.remove_file(&name),
            Ok(None) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// What the entries say; `None` if they are of another state of the source.
    fn read(&self, entries: &[Vec<u8>]) -> Option<Resumed> {
        let (head, entries) = entries.split_first()?;
        let rest = head.strip_prefix(&b"upload"[..])?;
        let rest = rest.strip_prefix(&self.stamp[..])?;
        let (seed, url) = rest.split_first_chunk::<32>()?;
        let mut resumed = Resumed {
            key: self.content_key(seed),
            url: UploadUrl::parse(std::str::from_utf8(url).ok()?).ok()?,
            parts: Vec::new(),
            answered: BTreeSet::new(),
            token: None,
        };
        for entry in entries {
            match entry.split_first()? {
                (&SEALED, rest) => {
                    let (offset, macs) = rest.split_first_chunk::<8>()?;
                    let (macs, []) = macs.as_chunks::<16>() else {
                        return None;
                    };
                    let macs = macs.iter().map(|mac| ChunkMac(*mac)).collect();
                    resumed.parts.push((u64::from_le_bytes(*offset), macs));
                }
                (&ANSWERED, rest) => {
                    let offset = u64::from_le_bytes(rest.try_into().ok()?);
                    resumed.answered.insert(offset);
                }
                (&COMPLETE, rest) => {
                    resumed.token = Some(UploadToken::from_bytes(rest.try_into().ok()?));
                }
                _ => return None,
            }
        }
        Some(resumed)
    }

    /// A fresh seed and the content key that is made of it and of a secret of the account (KEY-1).
    pub(crate) fn fresh_key(&self) -> Result<([u8; 32], ContentKey)> {
        let mut seed = [0; 32];
        crate::chance::fill(&mut seed).map_err(|error| {
            Error::new(ErrorKind::Io, "the system has no randomness").caused_by(error)
        })?;
        Ok((seed, self.content_key(&seed)))
    }

    fn content_key(&self, seed: &[u8; 32]) -> ContentKey {
        let bytes = Zeroizing::new(tag(&*self.key, &[b"content", seed]));
        let (mut aes, mut nonce) = (Zeroizing::new([0; 16]), [0; 8]);
        for (to, from) in aes.iter_mut().chain(&mut nonce).zip(bytes.iter()) {
            *to = *from;
        }
        ContentKey::new(*aes, nonce)
    }

    /// An upload starts from nothing. It waits for the disk.
    pub(crate) fn begin(&self, seed: &[u8; 32], url: &UploadUrl) -> io::Result<()> {
        let address = url.expose().as_str().as_bytes();
        let head = [b"upload", &self.stamp[..], seed, address].concat();
        let log = Log::start(self.file.try_clone()?, self.key.clone(), &head)?;
        *self.log() = Some(log);
        Ok(())
    }

    /// A part was encrypted and is about to be sent. This is on the disk when it returns: whoever goes on must
    /// know which plaintext this key was used for.
    pub(crate) fn sealed(&self, offset: u64, macs: &[ChunkMac]) -> io::Result<()> {
        let mut entry = vec![SEALED];
        entry.extend_from_slice(&offset.to_le_bytes());
        for mac in macs {
            entry.extend_from_slice(&mac.0);
        }
        let written = match self.log().as_mut() {
            Some(log) => log.append(&entry),
            None => return Ok(()),
        };
        // Not with the list locked: answers are noted in it meanwhile, by those who may not wait for a disk.
        if written.and_then(|()| self.file.sync_data()).is_err() {
            // A journal that cannot say this must say nothing, and not say less once more after a power failure. The upload itself goes on.
            *self.log() = None;
            self.file.set_len(0)?;
            self.file.sync_data()?;
        }
        Ok(())
    }

    /// The storage host has a part. If this is lost the part is sent once more.
    pub(crate) fn answered(&self, offset: u64) {
        self.hint(ANSWERED, &offset.to_le_bytes());
    }

    /// The storage host has everything.
    pub(crate) fn complete(&self, token: &UploadToken) {
        self.hint(COMPLETE, token.expose_bytes());
    }

    fn hint(&self, kind: u8, rest: &[u8]) {
        let entry = Zeroizing::new([&[kind], rest].concat());
        if let Some(log) = self.log().as_mut() {
            let _lost = log.append(&entry);
        }
    }

    fn log(&self) -> std::sync::MutexGuard<'_, Option<Log>> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The upload is a node now, or can never become one.
    pub(crate) fn remove(&self) {
        // One that stays is emptied, so that nobody goes on with it.
        *self.log() = None;
        let _emptied = self.file.set_len(0);
        let _gone = self.folder.remove_file(&self.name);
    }
}

fn key(secret: &[u8]) -> Key {
    derive(secret, &[b"mega-client upload journal"])
}

/// The name of the journal of one upload, which tells nobody else what is uploaded.
fn file_name(key: &Key, source: &Path, target: &str) -> io::Result<OsString> {
    let path = source.canonicalize()?;
    let path = local_bytes(path.as_os_str()).into_owned();
    let len = (path.len() as u64).to_le_bytes();
    let [a, b, c, d, e, f, g, h, ..] = tag(&**key, &[b"name", &len, &path, target.as_bytes()]);
    let digits = u64::from_be_bytes([a, b, c, d, e, f, g, h]);
    Ok(OsString::from(format!(".mega-{digits:016x}.upload")))
}

/// Opens the journal and locks it; `None` if somebody uses it. A run of this process that was stopped a moment ago gets the time to
/// finish its last write.
///
/// Whoever used it may have removed it between the two, and somebody else made a new one. So what was locked has to be what is there.
fn claim(
    dir: &LocalDir,
    name: &OsStr,
    mut open: impl FnMut() -> io::Result<std::fs::File>,
) -> io::Result<Option<std::fs::File>> {
    for _ in 0..50 {
        let file = open()?;
        let locked = !matches!(file.try_lock(), Err(TryLockError::WouldBlock));
        if locked && dir.is_named(&file, name)? {
            return Ok(Some(file));
        }
        if !locked {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }
    Ok(None)
}

/// What tells one state of a source from another.
fn stamp(source: &LocalFile) -> Vec<u8> {
    let since = |time: SystemTime| match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(after) => (1, after),
        Err(before) => (2, before.duration()),
    };
    let (sign, time) = source.stamp.modified.map_or((0, Default::default()), since);
    let mut stamp = source.stamp.size.to_le_bytes().to_vec();
    stamp.push(sign);
    stamp.extend_from_slice(&time.as_secs().to_le_bytes());
    stamp.extend_from_slice(&time.subsec_nanos().to_le_bytes());
    stamp
}

const SEALED: u8 = b'S';
const ANSWERED: u8 = b'A';
const COMPLETE: u8 = b'C';

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pst_6_a_journal_that_was_removed_while_it_was_opened_is_nobodys() {
        let folder = tempfile::tempdir().unwrap();
        let dir = LocalDir::open(folder.path()).unwrap();
        let name = OsStr::new(".mega-0123456789abcdef.upload");
        let open = || dir.open_private(name);
        let mut first = claim(&dir, name, open).unwrap();
        assert!(first.is_some());
        let mut calls = 0;
        let second = claim(&dir, name, || {
            calls += 1;
            let file = open()?;
            // The first one is done in the moment in which the second has the file open already.
            if first.take().is_some() {
                dir.remove_file(name)?;
            }
            Ok(file)
        });
        let second = second.unwrap().unwrap();
        assert_eq!(calls, 2);
        assert!(dir.is_named(&second, name).unwrap());
        assert!(claim(&dir, name, open).unwrap().is_none(), "one has it");
    }
}

//! A file that is open, however many readers it has: one address, and a few chunks of plaintext that all of
//! them share.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use bytes::Bytes;
use mega_crypto::content::{Chunk, ChunkMacs, ContentCipher};
use tokio::sync::OnceCell;

use super::Shared;
use super::address::Addresses;
use super::buffers::Buffer;
use super::local::blocking;
use super::progress::{Meter, Progress};
use super::ranges::fetch_ciphertext;
use super::remote::RemoteFile;
use crate::error::{Error, Result};

/// The files of a client that are open.
#[derive(Default)]
pub(crate) struct OpenFiles {
    files: Mutex<Vec<Weak<OpenFile>>>,
}

impl OpenFiles {
    /// The open file, opened if nobody has it open.
    pub(crate) fn get(&self, shared: &Shared, file: &RemoteFile) -> Arc<OpenFile> {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        let mut found = None;
        files.retain(|open| match open.upgrade() {
            Some(open) => {
                if open.file.is_same(file) {
                    found = Some(open);
                }
                true
            }
            None => false,
        });
        found.unwrap_or_else(|| {
            let open = Arc::new(OpenFile::new(shared, file));
            files.push(Arc::downgrade(&open));
            open
        })
    }
}

/// What the readers of one file share.
pub(crate) struct OpenFile {
    shared: Shared,
    file: RemoteFile,
    cipher: ContentCipher,
    addresses: Addresses,
    meter: Meter,
    blocks: Mutex<VecDeque<Slot>>,
}

/// A chunk of plaintext and its MAC. It counts against the budget for reading as long as there is room.
#[derive(Clone)]
pub(crate) struct Block {
    pub(crate) bytes: Bytes,
    pub(crate) macs: ChunkMacs,
}

/// A chunk that is there or on its way. Whoever wants it first fetches it; when that reader goes away
/// meanwhile, the next one does.
struct Slot {
    index: u64,
    block: Arc<OnceCell<Block>>,
}

impl OpenFile {
    fn new(shared: &Shared, file: &RemoteFile) -> Self {
        Self {
            shared: shared.clone(),
            file: file.clone(),
            cipher: file.cipher(),
            addresses: Addresses::new(shared, file),
            meter: Meter::new(&Progress::new()),
            blocks: Mutex::default(),
        }
    }

    pub(crate) fn file(&self) -> &RemoteFile {
        &self.file
    }

    pub(crate) fn cipher(&self) -> &ContentCipher {
        &self.cipher
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }

    fn blocks(&self) -> MutexGuard<'_, VecDeque<Slot>> {
        self.blocks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A chunk that is there already.
    pub(crate) fn peek(&self, index: u64) -> Option<Block> {
        let mut blocks = self.blocks();
        let at = blocks.iter().position(|slot| slot.index == index)?;
        let block = blocks.get(at)?.block.get().cloned()?;
        // The one used last is given up last.
        if let Some(slot) = blocks.remove(at) {
            blocks.push_back(slot);
        }
        Some(block)
    }

    /// Whether somebody has asked for a chunk.
    pub(crate) fn is_wanted(&self, index: u64) -> bool {
        self.blocks().iter().any(|slot| slot.index == index)
    }

    /// Room for a chunk, if there is some, or can be by giving up one that was read.
    pub(crate) fn room(&self, chunk: Chunk) -> Option<Buffer> {
        let len = usize::try_from(chunk.len).unwrap_or(usize::MAX);
        loop {
            if let Some(room) = self.shared.reading().try_take(len) {
                return Some(room);
            }
            let mut blocks = self.blocks();
            let at = blocks.iter().position(|slot| slot.block.initialized())?;
            let given_up = blocks.remove(at);
            drop(blocks);
            // A reader may hold its bytes still; then the room comes later.
            drop(given_up?);
        }
    }

    /// A chunk, fetched unless it is there. `room` is what it may take of the budget until nobody
    /// wants it any more; without it the chunk is not kept.
    pub(crate) async fn chunk(&self, chunk: Chunk, room: Option<Buffer>) -> Result<Block> {
        let cell = self.slot(chunk.index);
        let without_room = AtomicBool::new(false);
        let block = cell.get_or_try_init(|| {
            without_room.store(room.is_none(), Ordering::Relaxed);
            self.fetch(chunk, room)
        });
        let block = block.await.cloned();
        if without_room.into_inner() {
            self.blocks()
                .retain(|slot| !Arc::ptr_eq(&slot.block, &cell));
        }
        block
    }

    fn slot(&self, index: u64) -> Arc<OnceCell<Block>> {
        let mut blocks = self.blocks();
        if let Some(slot) = blocks.iter().find(|slot| slot.index == index) {
            return Arc::clone(&slot.block);
        }
        // What was started and is wanted by nobody any more.
        blocks.retain(|slot| slot.block.initialized() || Arc::strong_count(&slot.block) > 1);
        while blocks.len() >= MOST {
            let Some(at) = blocks.iter().position(|slot| slot.block.initialized()) else {
                break;
            };
            blocks.remove(at);
        }
        let block = Arc::default();
        blocks.push_back(Slot {
            index,
            block: Arc::clone(&block),
        });
        block
    }

    async fn fetch(&self, chunk: Chunk, room: Option<Buffer>) -> Result<Block> {
        let range = chunk.offset..chunk.end().min(self.file.size);
        let mut bytes = fetch_ciphertext(&self.shared, &self.addresses, range, &self.meter).await?;
        let cipher = self.cipher.clone();
        let (bytes, macs) = blocking(move || {
            let macs = cipher.decrypt_chunks(chunk.offset, &mut bytes);
            macs.map(|macs| (bytes, macs))
                .map_err(|error| Error::misuse("no chunk starts here").caused_by(error))
        })
        .await??;
        let bytes = match room {
            Some(room) => room.with(bytes).into_bytes(),
            None => bytes.into(),
        };
        Ok(Block { bytes, macs })
    }
}

/// How many chunks of a file are kept for its readers, at most.
const MOST: usize = 16;

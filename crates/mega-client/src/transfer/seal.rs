//! The plaintext of an upload, turned into encrypted parts, in order.

use std::fs::File;
use std::sync::Arc;

use bytes::Bytes;
use mega_crypto::FileKey;
use mega_crypto::content::{ChunkMac, CondensedMac, ContentCipher, ContentKey};
use mega_crypto::fingerprint::{Crc, CrcBuilder};
use mega_protocol::storage::PartChecksum;
use tokio::io::AsyncReadExt;

use super::border::border;
use super::buffers::{Buffer, Buffers};
use super::local::{blocking, read_exact_at, read_up_to_at};
use super::remote::file_key;
use super::reread::{Reread, Seen, WINDOWS};
use super::source::{BoxedReader, Source, source_changed, source_failed};
use super::spool::macs;
use crate::error::{Error, ErrorKind, Result};

/// A part of a file, ready to be sent: whole chunks of ciphertext (UL-3, UL-4).
#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub(crate) offset: u64,
    pub(crate) body: PartBody,
    /// The MACs of its chunks; none if the content was encrypted earlier.
    pub(crate) macs: Vec<ChunkMac>,
}

/// The ciphertext of a part.
#[derive(Clone, Debug)]
pub(crate) enum PartBody {
    /// In memory.
    Held(Bytes),
    /// Made again from the source each time it is sent.
    Reread(Arc<Reread>),
}

impl Part {
    /// How many bytes it has.
    pub(crate) fn len(&self) -> u64 {
        match &self.body {
            PartBody::Held(bytes) => u64::try_from(bytes.len()).unwrap_or(u64::MAX),
            PartBody::Reread(part) => part.len(),
        }
    }

    pub(crate) fn end(&self) -> u64 {
        self.offset.saturating_add(self.len())
    }
}

/// How long parts are made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lengths {
    /// The part that is wanted, at most.
    pub(crate) wanted: u64,
    /// What may lie in memory as a whole.
    pub(crate) held: u64,
    /// What is worked on at a time of a part that may not.
    pub(crate) window: u64,
}

/// Reads a source once, from the first byte to the last, and gives encrypted parts. The MACs and the
/// checksum of the fingerprint are made in the same pass (UL-6).
pub(crate) struct Sealer {
    feed: Feed,
    key: ContentKey,
    cipher: ContentCipher,
    size: u64,
    offset: u64,
    macs: CondensedMac,
    crc: Option<CrcBuilder>,
    ended: bool,
}

enum Feed {
    File(Arc<File>),
    Memory(Bytes),
    /// All of it, in the memory that it is encrypted in.
    Short(Option<Buffer>),
    /// Ciphertext with its MACs and checksum.
    Spool(Arc<File>, CondensedMac, Crc),
    Stream(BoxedReader),
}

/// What a content has come to when its last part was made.
#[derive(Debug)]
pub(crate) struct Sealed {
    pub(crate) key: FileKey,
    pub(crate) crc: Crc,
}

impl Sealer {
    /// Starts to read. A source that was read before gets a fresh key, unless it is certain to give
    /// the same bytes (UL-4). A key that is given was drawn for this content alone.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::SourceChanged`] for a reader that is used up.
    pub(crate) fn new(source: &mut Source, mut key: Option<ContentKey>) -> Result<Self> {
        let size = source.size();
        if let Source::Short(local, None) = source {
            // What was read has been encrypted under another key. The file is read again, and looked at in the end like any other.
            *source = Source::File(local.same());
        }
        let feed = match source {
            Source::Short(_, content) => Feed::Short(content.take()),
            Source::File(local) => Feed::File(Arc::clone(&local.file)),
            Source::Memory(bytes) => Feed::Memory(bytes.clone()),
            Source::Spool(spool) => {
                key = Some(spool.key().clone());
                Feed::Spool(spool.ciphertext(), spool.macs().clone(), spool.crc())
            }
            Source::Stream(reader, _) => Feed::Stream(reader.take().ok_or_else(|| {
                Error::new(
                    ErrorKind::Network,
                    "the upload has to start again, but its reader was read already",
                )
            })?),
        };
        let key = key.unwrap_or_else(|| ContentKey::random(&mut crate::chance::rng()));
        Ok(Self {
            feed,
            cipher: ContentCipher::new(&key),
            key,
            size,
            offset: 0,
            macs: CondensedMac::new(),
            crc: Some(CrcBuilder::new(size)),
            ended: false,
        })
    }

    /// Whether the last part has been made.
    pub(crate) fn is_ended(&self) -> bool {
        self.ended
    }

    /// Where the next part starts.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// How many bytes the content has.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Whether a part can be made a second time. Elsewhere than on Unix a file has one position, which the first reading needs.
    pub(crate) fn can_reread(&self) -> bool {
        cfg!(unix) && matches!(self.feed, Feed::File(_))
    }

    /// Makes the next part, of whole chunks up to the length that is wanted, but at least one chunk; an empty
    /// content has one empty part.
    pub(crate) async fn next(mut self, lengths: Lengths, buffers: Buffers) -> Result<(Self, Part)> {
        let end = border(self.offset, lengths.wanted, self.size);
        let wanted = end.saturating_sub(self.offset);
        if wanted > lengths.held && self.can_reread() {
            return self.look_through(end, lengths.window, buffers).await;
        }
        let len = usize::try_from(wanted).unwrap_or(usize::MAX);
        let read = match &mut self.feed {
            Feed::Short(content) => content.take(),
            _ => None,
        };
        let mut buffer = match read {
            Some(read) => read,
            None => buffers.take(len).await,
        };
        if let Feed::Stream(reader) = &mut self.feed {
            let got = reader.take(wanted).read_to_end(&mut buffer).await;
            got.map_err(source_failed)?;
            if buffer.len() == len && end == self.size {
                let more = reader.take(1).read_to_end(&mut Vec::new()).await;
                if more.map_err(source_failed)? > 0 {
                    return Err(source_changed(self.size, self.size.saturating_add(1)));
                }
            }
            self.check_len(buffer.len(), wanted)?;
        }
        let quick = matches!(self.feed, Feed::Memory(_) | Feed::Short(_)) && len <= INLINE;
        if quick {
            let part = self.make(buffer, end)?;
            Ok((self, part))
        } else {
            blocking(move || {
                let part = self.make(buffer, end)?;
                Ok((self, part))
            })
            .await?
        }
    }

    /// Makes a part that does not stay in memory: it will be read once more when it is sent.
    async fn look_through(
        mut self,
        end: u64,
        window: u64,
        buffers: Buffers,
    ) -> Result<(Self, Part)> {
        let Feed::File(file) = &self.feed else {
            return Err(Error::misuse("this source cannot be read twice"));
        };
        let (file, offset) = (Arc::clone(file), self.offset);
        let mut checksum = PartChecksum::new();
        let mut macs = Vec::new();
        // Step by step: whoever drops this does not leave a thread behind that works on.
        while self.offset < end {
            let stop = border(self.offset, window, end);
            let len = stop.saturating_sub(self.offset);
            let buffer = buffers
                .take(usize::try_from(len).unwrap_or(usize::MAX))
                .await;
            (self, checksum, macs) = blocking(move || {
                let mut part = self.make(buffer, stop)?;
                if let PartBody::Held(bytes) = &part.body {
                    checksum.update(bytes);
                }
                macs.append(&mut part.macs);
                Ok::<_, Error>((self, checksum, macs))
            })
            .await??;
        }
        let seen = Seen {
            range: offset..end,
            macs: macs.clone(),
            checksum: checksum.finish(),
        };
        // There may be less memory by now.
        let least = buffers.size() / WINDOWS;
        let window = window
            .min(u64::try_from(least).unwrap_or(window))
            .max(1 << 20);
        let len = usize::try_from(window).unwrap_or(usize::MAX);
        let memory = buffers.take_several(len, WINDOWS).await;
        let reread = Reread::new(file, self.cipher.clone(), seen, window, memory);
        let part = Part {
            offset,
            body: PartBody::Reread(Arc::new(reread)),
            macs,
        };
        Ok((self, part))
    }

    /// Fills the buffer, unless a reader did, and encrypts it.
    fn make(&mut self, mut buffer: Buffer, end: u64) -> Result<Part> {
        let offset = self.offset;
        let wanted = end.saturating_sub(offset);
        match &self.feed {
            Feed::Stream(_) => {}
            Feed::Short(_) => self.check_len(buffer.len(), wanted)?,
            Feed::File(file) => {
                let len = usize::try_from(wanted).unwrap_or(usize::MAX);
                read_up_to_at(file, &mut buffer, len, offset).map_err(source_failed)?;
                self.check_len(buffer.len(), wanted)?;
                if end == self.size {
                    let mut more = Vec::with_capacity(1);
                    read_up_to_at(file, &mut more, 1, end).map_err(source_failed)?;
                    if !more.is_empty() {
                        return Err(source_changed(self.size, self.size.saturating_add(1)));
                    }
                }
            }
            Feed::Memory(bytes) => {
                let start = usize::try_from(offset).unwrap_or(usize::MAX);
                let stop = usize::try_from(end).unwrap_or(usize::MAX);
                buffer.extend_from_slice(bytes.get(start..stop).unwrap_or_default());
                self.check_len(buffer.len(), wanted)?;
            }
            Feed::Spool(file, ..) => {
                buffer.resize(usize::try_from(wanted).unwrap_or(usize::MAX), 0);
                read_exact_at(file, &mut buffer, offset).map_err(source_failed)?;
                self.offset = end;
                self.ended = end == self.size;
                return Ok(Part {
                    offset,
                    body: PartBody::Held(buffer.into_bytes()),
                    macs: Vec::new(),
                });
            }
        }
        if let Some(crc) = &mut self.crc {
            crc.update(&buffer);
        }
        let chunk_macs = self
            .cipher
            .encrypt_chunks(offset, &mut buffer)
            .map_err(|error| Error::misuse("a part does not start at a chunk").caused_by(error))?;
        self.macs.insert_all(&chunk_macs).map_err(macs)?;
        self.offset = end;
        self.ended = end == self.size;
        Ok(Part {
            offset,
            body: PartBody::Held(buffer.into_bytes()),
            macs: chunk_macs.as_slice().to_vec(),
        })
    }

    /// UL-2: a source that ends early has changed.
    fn check_len(&self, got: usize, wanted: u64) -> Result<()> {
        let got = u64::try_from(got).unwrap_or(u64::MAX);
        if got == wanted {
            Ok(())
        } else {
            Err(source_changed(self.size, self.offset.saturating_add(got)))
        }
    }

    /// The node key and the checksum, once every part was made (UL-6).
    pub(crate) fn finish(self) -> Result<Sealed> {
        let incomplete = |error: Box<dyn std::error::Error + Send + Sync>| {
            Error::misuse("not all of the content was read").caused_by(error)
        };
        let (macs, crc) = match self.feed {
            Feed::Spool(_, macs, crc) => (macs, crc),
            _ => {
                let crc = self
                    .crc
                    .ok_or_else(|| Error::misuse("the content has no checksum"))?;
                (
                    self.macs,
                    crc.finish().map_err(|error| incomplete(error.into()))?,
                )
            }
        };
        let meta_mac = macs
            .finish(&self.cipher, self.size)
            .map_err(|error| incomplete(error.into()))?;
        Ok(Sealed {
            key: file_key(&self.key, meta_mac)?,
            crc,
        })
    }
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sealer")
            .field("size", &self.size)
            .field("offset", &self.offset)
            .finish_non_exhaustive()
    }
}

/// Encrypting this much takes less time than handing it to another thread and back.
const INLINE: usize = 32 << 10;

use alloc::vec::Vec;
use core::fmt;

use super::chunk::chunk_at;
use super::cipher::ContentCipher;
use super::condensed::{CondensedMac, InsertError};
use super::engine::{Direction, Lane, xor};
use super::mac::{ChunkMacs, MetaMac};
use super::partial::PartialChunkMac;
use super::verify::{MacError, MacMatch, MacPolicy};

/// Encrypts a file from its first byte to its last, in pieces of any size, in place.
///
/// It keeps nothing back: each call encrypts all it is given. The larger the pieces, the more chunks
/// are worked on side by side; for small ones use [`WindowStream`](super::WindowStream), which collects them.
///
/// ```
/// use mega_crypto::content::{ContentCipher, ContentKey, StreamEncryptor};
/// let cipher = ContentCipher::new(&ContentKey::new([1; 16], [2; 8]));
/// let mut stream = StreamEncryptor::new(cipher);
/// let mut piece = *b"some text";
/// stream.update(&mut piece).unwrap();
/// let end = stream.finish().unwrap();
/// assert_eq!(end.size, 9);
/// ```
#[derive(Clone, Debug)]
pub struct StreamEncryptor {
    stream: Stream,
}

impl StreamEncryptor {
    /// Starts at the beginning of a file.
    pub fn new(cipher: ContentCipher) -> Self {
        Self {
            stream: Stream::new(cipher),
        }
    }

    /// Encrypts the next bytes of the file in place.
    ///
    /// # Errors
    ///
    /// [`InsertError::OutOfMemory`] if there is none left for a chunk's MAC.
    pub fn update(&mut self, data: &mut [u8]) -> Result<(), InsertError> {
        self.stream.update(Direction::Encrypt, data)
    }

    /// How many bytes went through.
    pub fn position(&self) -> u64 {
        self.stream.position
    }

    /// Ends the file and gives its size and MAC.
    ///
    /// # Errors
    ///
    /// [`InsertError::OutOfMemory`] if there is none left for the last chunk's MAC.
    pub fn finish(self) -> Result<StreamEnd, InsertError> {
        self.stream.finish()
    }
}

/// Decrypts a file from its first byte to its last, in pieces of any size, in place.
///
/// What it gives is **not verified** before [`finish`](Self::finish) has said so. It keeps nothing
/// back: each call decrypts all it is given.
#[derive(Clone, Debug)]
pub struct StreamDecryptor {
    stream: Stream,
}

impl StreamDecryptor {
    /// Starts at the beginning of a file.
    pub fn new(cipher: ContentCipher) -> Self {
        Self {
            stream: Stream::new(cipher),
        }
    }

    /// Decrypts the next bytes of the file in place.
    ///
    /// # Errors
    ///
    /// [`InsertError::OutOfMemory`] if there is none left for a chunk's MAC.
    pub fn update(&mut self, data: &mut [u8]) -> Result<(), InsertError> {
        self.stream.update(Direction::Decrypt, data)
    }

    /// How many bytes went through.
    pub fn position(&self) -> u64 {
        self.stream.position
    }

    /// Ends the file and compares its MAC with the one in the node key.
    ///
    /// The caller compares [`position`](Self::position) with the size the node is said to have.
    ///
    /// # Errors
    ///
    /// [`MacError`] if they differ: the plaintext is not what was uploaded, throw it away.
    pub fn finish(self, expected: &MetaMac, policy: MacPolicy) -> Result<MacMatch, MacError> {
        let size = self.stream.position;
        let cipher = self.stream.cipher.clone();
        let end = self.stream.finish()?;
        end.chunk_macs.verify(&cipher, size, expected, policy)
    }
}

/// What a finished stream has come to.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct StreamEnd {
    /// The size of the file in bytes.
    pub size: u64,
    /// The condensed MAC: the part of the node key that was still missing.
    pub meta_mac: MetaMac,
    /// The MACs of all chunks.
    pub chunk_macs: CondensedMac,
}

/// A position in a file, its chunk MACs so far, and the MAC of the chunk under way.
#[derive(Clone)]
struct Stream {
    cipher: ContentCipher,
    position: u64,
    partial: PartialChunkMac,
    macs: CondensedMac,
}

impl Stream {
    fn new(cipher: ContentCipher) -> Self {
        let partial = PartialChunkMac::new(&cipher);
        Self {
            cipher,
            position: 0,
            partial,
            macs: CondensedMac::new(),
        }
    }

    fn update(&mut self, direction: Direction, data: &mut [u8]) -> Result<(), InsertError> {
        let open = (self.position % 16) as usize;
        let (head, rest) = data.split_at_mut(if open == 0 {
            0
        } else {
            data.len().min(16 - open)
        });
        self.bytes(direction, head)?;
        let whole = rest.len() & !15;
        let (blocks, tail) = rest.split_at_mut(whole);
        self.blocks(direction, blocks)?;
        self.bytes(direction, tail)
    }

    /// Takes bytes that do not reach beyond the current block.
    fn bytes(&mut self, direction: Direction, data: &mut [u8]) -> Result<(), InsertError> {
        if data.is_empty() {
            return Ok(());
        }
        let keystream = self.cipher.engine.keystream_block(self.position / 16);
        let (_, keystream) = keystream.split_at((self.position % 16) as usize);
        if direction == Direction::Encrypt {
            self.partial.absorb(&self.cipher, data);
        }
        xor(data, keystream);
        if direction == Direction::Decrypt {
            self.partial.absorb(&self.cipher, data);
        }
        self.advance(data.len())
    }

    /// Takes whole blocks, starting at a block's start.
    fn blocks(&mut self, direction: Direction, data: &mut [u8]) -> Result<(), InsertError> {
        let mut lanes = Vec::new();
        let mut start = 0;
        while start < data.len() {
            let position = self.position + start as u64;
            let left = chunk_at(position).end() - position;
            let len = (data.len() - start).min(left as usize).max(16);
            let state = match (start, self.partial.state()) {
                (0, Some(state)) => state,
                _ => self.cipher.engine.initial_state(),
            };
            lanes.push(Lane { start, len, state });
            start += len;
        }
        self.cipher
            .engine
            .crypt(direction, self.position / 16, data, &mut lanes);
        for lane in lanes {
            self.partial.set_state(lane.state);
            self.advance(lane.len)?;
        }
        Ok(())
    }

    /// Moves on, and ends the chunk if it ends there.
    fn advance(&mut self, len: usize) -> Result<(), InsertError> {
        let chunk = chunk_at(self.position);
        self.position += len as u64;
        if self.position == chunk.end() {
            let done = core::mem::replace(&mut self.partial, PartialChunkMac::new(&self.cipher));
            self.macs.insert(chunk.index, done.finish(&self.cipher))?;
        }
        Ok(())
    }

    fn finish(mut self) -> Result<StreamEnd, InsertError> {
        let chunk = chunk_at(self.position);
        if self.position > chunk.offset {
            let mac = self.partial.finish(&self.cipher);
            let range = chunk.offset..self.position;
            self.macs
                .insert_all(&ChunkMacs::new(range, alloc::vec![mac]))?;
        }
        match self.macs.finish(&self.cipher, self.position) {
            Ok(meta_mac) => Ok(StreamEnd {
                size: self.position,
                meta_mac,
                chunk_macs: self.macs,
            }),
            // Every chunk up to the position went in above.
            Err(_) => Err(InsertError::OutOfMemory),
        }
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream")
            .field("position", &self.position)
            .finish_non_exhaustive()
    }
}

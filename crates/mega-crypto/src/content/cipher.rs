use alloc::vec::Vec;
use core::fmt;

use super::chunk::{chunk_at, is_chunk_border};
use super::engine::{Direction, Engine, Lane, xor};
use super::key::ContentKey;
use super::mac::{ChunkMac, ChunkMacs};

/// The content cipher of one file: AES-128 in counter mode and the chunk MACs
/// (crypto-and-accounts 6).
///
/// Made once per file, since it expands the key. Cloning is cheap, all methods take `&self`, and
/// it may be used by several threads at once. Wiped when dropped.
///
/// Nothing here allocates more than 16 bytes for each chunk of the given buffer.
#[derive(Clone)]
pub struct ContentCipher {
    pub(crate) engine: Engine,
}

impl ContentCipher {
    /// Expands the key.
    pub fn new(key: &ContentKey) -> Self {
        Self {
            engine: Engine::new(key),
        }
    }

    /// Limits how many MAC chains run side by side; the result does not depend on it.
    ///
    /// Without it there are as many as the processor likes, at most 16. To measure, and to test.
    #[must_use]
    pub fn chains(mut self, most: usize) -> Self {
        self.engine.set_width(most);
        self
    }

    /// Does without the processor instructions of the feature `accelerated`; the result does not
    /// depend on it. To measure, and to test.
    #[cfg(feature = "accelerated")]
    #[cfg_attr(docsrs, doc(cfg(feature = "accelerated")))]
    #[must_use]
    pub fn portable(mut self) -> Self {
        self.engine.set_portable();
        self
    }

    /// Encrypts or decrypts (it is the same) the bytes that lie at `offset` in the file, without a
    /// MAC.
    ///
    /// `offset` is any byte position. What this decrypts is not verified: the MAC of a file
    /// can only be checked over the whole file (crypto-and-accounts 6.4).
    ///
    /// ```
    /// use mega_crypto::content::{ContentCipher, ContentKey};
    /// let cipher = ContentCipher::new(&ContentKey::new([1; 16], [2; 8]));
    /// let mut whole = *b"the quick brown fox jumps over the lazy dog";
    /// cipher.apply_keystream(0, &mut whole);
    /// let mut part = whole[16..19].to_vec();
    /// cipher.apply_keystream(16, &mut part);
    /// assert_eq!(part, b"fox");
    /// ```
    pub fn apply_keystream(&self, offset: u64, data: &mut [u8]) {
        let mut number = offset / 16;
        let mut rest = data;
        let skip = (offset % 16) as usize;
        if skip > 0 {
            let (head, tail) = rest.split_at_mut(rest.len().min(16 - skip));
            if let Some(stream) = self.engine.keystream_block(number).get(skip..) {
                xor(head, stream);
            }
            number += 1;
            rest = tail;
        }
        self.engine.keystream(number, rest);
    }

    /// Encrypts whole chunks in place and gives their MACs.
    ///
    /// `offset` is the position of the buffer in the file and has to be a chunk border. The buffer
    /// has to end on a chunk border or at the end of the file; it may hold any number of chunks.
    /// Several chunks in one call are several times faster than one, because their MACs are
    /// computed side by side.
    ///
    /// # Errors
    ///
    /// [`NotAtChunkBorder`] if no chunk starts at `offset`; the data is untouched then.
    pub fn encrypt_chunks(
        &self,
        offset: u64,
        data: &mut [u8],
    ) -> Result<ChunkMacs, NotAtChunkBorder> {
        self.crypt_chunks(Direction::Encrypt, offset, data)
    }

    /// Decrypts whole chunks in place and gives the MACs of the plaintext.
    ///
    /// The buffer is as for [`encrypt_chunks`](Self::encrypt_chunks). The plaintext is not verified
    /// until the MACs of all chunks of the file went into a [`CondensedMac`](super::CondensedMac)
    /// and that agreed with the node key.
    ///
    /// # Errors
    ///
    /// [`NotAtChunkBorder`] if no chunk starts at `offset`; the data is untouched then.
    pub fn decrypt_chunks(
        &self,
        offset: u64,
        data: &mut [u8],
    ) -> Result<ChunkMacs, NotAtChunkBorder> {
        self.crypt_chunks(Direction::Decrypt, offset, data)
    }

    /// The MACs of whole chunks of plaintext, 16 bytes each, to check a file that is there already.
    ///
    /// The buffer is as for [`encrypt_chunks`](Self::encrypt_chunks).
    ///
    /// # Errors
    ///
    /// [`NotAtChunkBorder`] if no chunk starts at `offset`.
    pub fn mac_chunks(&self, offset: u64, data: &[u8]) -> Result<ChunkMacs, NotAtChunkBorder> {
        let mut lanes = self.lanes(offset, data.len())?;
        self.engine.mac(data, &mut lanes);
        let (_, tail) = data.split_at(data.len() & !15);
        Ok(self.chunk_macs(offset, data.len(), lanes, tail))
    }

    fn crypt_chunks(
        &self,
        direction: Direction,
        offset: u64,
        data: &mut [u8],
    ) -> Result<ChunkMacs, NotAtChunkBorder> {
        let mut lanes = self.lanes(offset, data.len())?;
        self.engine.crypt(direction, offset / 16, data, &mut lanes);
        let len = data.len();
        let (_, tail) = data.split_at_mut(len & !15);
        let mut padded = [0; 16];
        if !tail.is_empty() {
            // Only the last block of a file can be short: chunk borders are multiples of 16.
            let keystream = self
                .engine
                .keystream_block((offset + (len & !15) as u64) / 16);
            let mut before = [0; 16];
            xor(&mut before, tail);
            xor(tail, &keystream);
            match direction {
                Direction::Encrypt => padded = before,
                Direction::Decrypt => xor(&mut padded, tail),
            }
        }
        let (plain_tail, _) = padded.split_at(tail.len());
        Ok(self.chunk_macs(offset, len, lanes, plain_tail))
    }

    /// One lane for each chunk, without the bytes of an unfinished last block.
    fn lanes(&self, offset: u64, len: usize) -> Result<Vec<Lane>, NotAtChunkBorder> {
        if !is_chunk_border(offset) {
            return Err(NotAtChunkBorder {
                offset,
                border_before: chunk_at(offset).offset,
            });
        }
        let mut lanes = Vec::new();
        let mut start = 0;
        while start < len {
            let chunk = chunk_at(offset.saturating_add(start as u64));
            let chunk_len = (chunk.len as usize).clamp(1, len - start);
            lanes.push(Lane {
                start,
                len: chunk_len & !15,
                state: self.engine.initial_state(),
            });
            start += chunk_len;
        }
        Ok(lanes)
    }

    /// Ends the last lane with its unfinished block, zero-padded.
    fn chunk_macs(
        &self,
        offset: u64,
        len: usize,
        mut lanes: Vec<Lane>,
        plain_tail: &[u8],
    ) -> ChunkMacs {
        if let Some(last) = lanes.last_mut()
            && !plain_tail.is_empty()
        {
            xor(&mut last.state, plain_tail);
            last.state = self.engine.block(last.state);
        }
        let macs = lanes.iter().map(|lane| ChunkMac(lane.state)).collect();
        ChunkMacs::new(offset..offset.saturating_add(len as u64), macs)
    }
}

impl fmt::Debug for ContentCipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ContentCipher(..)")
    }
}

/// A buffer of chunks does not start where a chunk starts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no chunk starts at offset {offset}: start at {border_before}, or use a stream")]
#[non_exhaustive]
pub struct NotAtChunkBorder {
    /// The offset that was given.
    pub offset: u64,
    /// The start of the chunk that holds it.
    pub border_before: u64,
}

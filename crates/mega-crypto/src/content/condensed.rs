use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;

use super::chunk::{chunk_count, chunk_offset};
use super::cipher::ContentCipher;
use super::engine::xor;
use super::mac::{ChunkMac, ChunkMacs, MetaMac};
use super::verify::{self, MacError, MacMatch, MacPolicy};

/// The chunk MACs of one file, collected in any order, and the condensed MAC made of them
/// (crypto-and-accounts 6.3).
///
/// It holds 16 bytes for each chunk up to the last one it was given, that is 16 bytes for each MiB.
#[derive(Clone, Default)]
pub struct CondensedMac {
    macs: Vec<ChunkMac>,
    /// One bit for each chunk: whether its MAC is there.
    present: Vec<u64>,
    /// Where the file has to end, because a chunk that ends here is shorter than a whole one.
    end: Option<u64>,
}

impl CondensedMac {
    /// How far a chunk's number may be ahead of all others: a bound on what one call allocates.
    pub const MAX_AHEAD: u64 = 1 << 22;

    /// No chunk MAC yet.
    pub const fn new() -> Self {
        Self {
            macs: Vec::new(),
            present: Vec::new(),
            end: None,
        }
    }

    /// Takes the MAC of one chunk. Taking the same one again changes nothing.
    ///
    /// # Errors
    ///
    /// [`InsertError::Changed`] if the chunk is known with another MAC: the content has changed
    /// between two reads. [`InsertError::TooFarAhead`] if the number is more than
    /// [`MAX_AHEAD`](Self::MAX_AHEAD) above all earlier ones, [`InsertError::OutOfMemory`].
    pub fn insert(&mut self, index: u64, mac: ChunkMac) -> Result<(), InsertError> {
        if let Some(known) = self.get(index) {
            return if known == mac {
                Ok(())
            } else {
                Err(InsertError::Changed { index })
            };
        }
        if index > self.macs.len() as u64 + Self::MAX_AHEAD {
            return Err(InsertError::TooFarAhead { index });
        }
        let at = usize::try_from(index).map_err(|_| InsertError::OutOfMemory)?;
        if at >= self.macs.len() {
            let more = at + 1 - self.macs.len();
            self.macs
                .try_reserve(more)
                .map_err(|_| InsertError::OutOfMemory)?;
            self.macs.resize(at + 1, ChunkMac([0; 16]));
            self.present.resize(self.macs.len().div_ceil(64), 0);
        }
        if let (Some(slot), Some(word)) = (self.macs.get_mut(at), self.present.get_mut(at / 64)) {
            *slot = mac;
            *word |= 1 << (at % 64);
        }
        Ok(())
    }

    /// Takes the MACs of one call of the engine.
    ///
    /// # Errors
    ///
    /// As for [`insert`](Self::insert), and [`InsertError::TwoEnds`] if the last chunk is cut short
    /// and so was another one, elsewhere: only one of them can be the end of the file.
    pub fn insert_all(&mut self, macs: &ChunkMacs) -> Result<(), InsertError> {
        if let Some(end) = macs.cut_at() {
            match self.end {
                Some(other) if other != end => {
                    return Err(InsertError::TwoEnds {
                        first: other,
                        second: end,
                    });
                }
                _ => self.end = Some(end),
            }
        }
        macs.iter()
            .try_for_each(|(index, mac)| self.insert(index, mac))
    }

    /// The MAC of the chunk with this number, counted from 0, if it is there.
    pub fn get(&self, index: u64) -> Option<ChunkMac> {
        let at = usize::try_from(index).ok()?;
        let word = self.present.get(at / 64)?;
        if word >> (at % 64) & 1 == 0 {
            None
        } else {
            self.macs.get(at).copied()
        }
    }

    /// How many chunk MACs are there.
    pub fn len(&self) -> u64 {
        self.present
            .iter()
            .map(|word| u64::from(word.count_ones()))
            .sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.present.iter().all(|word| *word == 0)
    }

    /// The byte ranges of a file of `size` bytes whose chunk MACs are not there, in order and as
    /// long as possible.
    pub fn missing(&self, size: u64) -> impl Iterator<Item = Range<u64>> + '_ {
        let mut from = 0;
        core::iter::from_fn(move || {
            let count = chunk_count(size);
            let start = (from..count).find(|index| self.get(*index).is_none())?;
            // Nothing is there beyond the last word: no need to look.
            let seen = count.min(self.macs.len() as u64);
            let end = (start..seen).find(|index| self.get(*index).is_some());
            let end = end.unwrap_or(count);
            from = end;
            Some(chunk_offset(start)?.min(size)..chunk_offset(end).unwrap_or(u64::MAX).min(size))
        })
    }

    /// The condensed MAC of a file of `size` bytes, with which an upload's node key is made.
    ///
    /// # Errors
    ///
    /// [`Incomplete`] if a chunk is missing, or if there are chunks that do not fit the size.
    pub fn finish(&self, cipher: &ContentCipher, size: u64) -> Result<MetaMac, Incomplete> {
        let mut chain = MacChain::new();
        for mac in self.complete(size)? {
            chain.push(cipher, *mac);
        }
        Ok(chain.meta_mac())
    }

    /// Compares with the MAC in the node key of a file of `size` bytes, in constant time, and tells what it matched.
    ///
    /// # Errors
    ///
    /// [`MacError`]: the content is not what the key was made for, or not all of it was seen.
    pub fn verify(
        &self,
        cipher: &ContentCipher,
        size: u64,
        expected: &MetaMac,
        policy: MacPolicy,
    ) -> Result<MacMatch, MacError> {
        verify::verify(cipher, self.complete(size)?, size, expected, policy)
    }

    /// All chunk MACs of a file of that size, in order.
    fn complete(&self, size: u64) -> Result<&[ChunkMac], Incomplete> {
        let count = chunk_count(size);
        if let Some(range) = self.missing(size).next() {
            let missing = count.saturating_sub(self.len());
            return Err(Incomplete::Missing {
                chunks: missing,
                first: range,
            });
        }
        if self.macs.len() as u64 > count {
            return Err(Incomplete::Surplus {
                size,
                chunks: self.macs.len() as u64 - count,
            });
        }
        match self.end {
            Some(end) if end != size => Err(Incomplete::WrongEnd { size, end }),
            _ => Ok(&self.macs),
        }
    }
}

impl fmt::Debug for CondensedMac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CondensedMac")
            .field("chunks", &self.len())
            .finish_non_exhaustive()
    }
}

/// Why the MAC of a chunk was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InsertError {
    /// The chunk is known already, with another content.
    #[error("the content of chunk {index} changed while it was read: start again with a new key")]
    Changed {
        /// Number of the chunk.
        index: u64,
    },
    /// Two chunks are shorter than whole ones.
    #[error(
        "a buffer ended inside a chunk at {first} and another at {second}: only the end of the file may cut one"
    )]
    TwoEnds {
        /// Where the earlier one ended.
        first: u64,
        /// Where this one ended.
        second: u64,
    },
    /// The chunk's number is too large.
    #[error("chunk {index} is too far ahead of all others seen")]
    TooFarAhead {
        /// Number of the chunk.
        index: u64,
    },
    /// There is no memory for its MAC.
    #[error("no memory for the chunk MACs")]
    OutOfMemory,
}

/// Why there is no condensed MAC yet.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Incomplete {
    /// Chunks are missing.
    #[error("{chunks} chunks were not seen, the first at {}..{}", first.start, first.end)]
    Missing {
        /// How many.
        chunks: u64,
        /// The first run of missing chunks, in bytes of the file.
        first: Range<u64>,
    },
    /// There are chunks beyond the end of the file.
    #[error("{chunks} chunks lie beyond the file's {size} bytes")]
    Surplus {
        /// The size that was given.
        size: u64,
        /// How many chunks too many.
        chunks: u64,
    },
    /// The last chunk ends elsewhere than the file.
    #[error("the content ended at {end}, but the file has {size} bytes")]
    WrongEnd {
        /// The size that was given.
        size: u64,
        /// Where the last chunk ended.
        end: u64,
    },
}

/// The MAC over the chunk MACs, for callers that have them in order.
#[derive(Clone)]
pub struct MacChain {
    state: [u8; 16],
}

impl MacChain {
    /// The MAC of no chunk.
    pub const fn new() -> Self {
        Self { state: [0; 16] }
    }

    /// Takes the MAC of the next chunk. `cipher` is always the same one.
    pub fn push(&mut self, cipher: &ContentCipher, mac: ChunkMac) {
        xor(&mut self.state, &mac.0);
        self.state = cipher.engine.block(self.state);
    }

    /// The condensed MAC of the chunks so far.
    pub fn meta_mac(&self) -> MetaMac {
        MetaMac::fold(self.state)
    }
}

impl Default for MacChain {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MacChain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MacChain(..)")
    }
}

/// The bytes of a file which the chunks with these numbers cover.
pub(crate) fn bytes_of(chunks: Range<u64>, size: u64) -> Range<u64> {
    let end = |index| chunk_offset(index).unwrap_or(u64::MAX).min(size);
    end(chunks.start)..end(chunks.end)
}

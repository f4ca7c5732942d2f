use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;

use subtle::ConstantTimeEq;

use super::chunk::{chunk_at, is_chunk_border};

/// The MAC of one chunk: the last state of its CBC-MAC, 16 bytes (crypto-and-accounts 6.3).
///
/// No secret by itself, but it tells whether a plaintext is the right one: keep it with the key.
#[derive(Clone, Copy)]
#[expect(clippy::exhaustive_structs, reason = "sixteen bytes are sixteen bytes")]
pub struct ChunkMac(pub [u8; 16]);

/// The condensed MAC of a file, 8 bytes: the last quarter of its node key (crypto-and-accounts 6.3).
///
/// Eight zero bytes for an empty file.
#[derive(Clone, Copy)]
#[expect(clippy::exhaustive_structs, reason = "eight bytes are eight bytes")]
pub struct MetaMac(pub [u8; 8]);

impl MetaMac {
    /// Folds the 16-byte file MAC: the first word XOR the second, the third XOR the fourth.
    pub(crate) fn fold(mac: [u8; 16]) -> Self {
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = mac;
        Self([a ^ e, b ^ f, c ^ g, d ^ h, i ^ m, j ^ n, k ^ o, l ^ p])
    }
}

macro_rules! compared_in_constant_time {
    ($type:ident) => {
        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($type), "(..)"))
            }
        }

        impl PartialEq for $type {
            fn eq(&self, other: &Self) -> bool {
                self.0.ct_eq(&other.0).into()
            }
        }

        impl Eq for $type {}
    };
}

compared_in_constant_time!(ChunkMac);
compared_in_constant_time!(MetaMac);

/// The MACs of neighbouring chunks, as one call of the engine gives them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChunkMacs {
    first: u64,
    range: Range<u64>,
    macs: Vec<ChunkMac>,
}

impl ChunkMacs {
    pub(crate) fn new(range: Range<u64>, macs: Vec<ChunkMac>) -> Self {
        Self {
            first: chunk_at(range.start).index,
            range,
            macs,
        }
    }

    /// Number of the first chunk.
    pub fn first_index(&self) -> u64 {
        self.first
    }

    /// The bytes of the file the chunks cover.
    pub fn range(&self) -> Range<u64> {
        self.range.clone()
    }

    /// The MACs in the order of the chunks.
    pub fn as_slice(&self) -> &[ChunkMac] {
        &self.macs
    }

    /// Each chunk's number with its MAC.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (u64, ChunkMac)> + '_ {
        // The sum stays far below 2^64: chunks of the largest file have numbers below 2^44.
        self.macs
            .iter()
            .enumerate()
            .map(|(i, mac)| (self.first + i as u64, *mac))
    }

    /// How many chunks there are.
    pub fn len(&self) -> usize {
        self.macs.len()
    }

    /// Whether there is none: the buffer was empty.
    pub fn is_empty(&self) -> bool {
        self.macs.is_empty()
    }

    /// If the last chunk is shorter than it could be, its end: the file has to end there.
    pub(crate) fn cut_at(&self) -> Option<u64> {
        (!is_chunk_border(self.range.end)).then_some(self.range.end)
    }
}

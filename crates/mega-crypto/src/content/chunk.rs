use core::iter::FusedIterator;
use core::ops::Range;

/// A chunk of a file: the piece that has a MAC of its own (crypto-and-accounts 6.2).
///
/// The first eight chunks grow from 128 KiB to 1 MiB in steps of 128 KiB, all others have 1 MiB.
/// The last chunk of a file is cut at its end. There is no empty chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Chunk {
    /// Number of the chunk, from 0.
    pub index: u64,
    /// Where it starts in the file, in bytes.
    pub offset: u64,
    /// How many bytes it has: 1 to 1048576.
    pub len: u32,
}

impl Chunk {
    /// Where the chunk ends in the file: the offset of the first byte behind it.
    pub const fn end(&self) -> u64 {
        self.offset + self.len as u64
    }

    /// The bytes of the file it covers.
    pub const fn range(&self) -> Range<u64> {
        self.offset..self.end()
    }
}

/// The chunks of a file of `size` bytes, in order.
///
/// ```
/// use mega_crypto::content::chunks;
/// let lengths: Vec<u32> = chunks(400_000).map(|chunk| chunk.len).collect();
/// assert_eq!(lengths, [131_072, 262_144, 6_784]);
/// assert_eq!(chunks(0).count(), 0);
/// ```
pub const fn chunks(size: u64) -> Chunks {
    Chunks {
        next: 0,
        offset: 0,
        size,
    }
}

/// How many chunks a file of `size` bytes has.
pub const fn chunk_count(size: u64) -> u64 {
    match size.checked_sub(1) {
        None => 0,
        Some(last) => index_at(last) + 1,
    }
}

/// Where the chunk with this number starts, or `None` when that is beyond the largest possible
/// file (`u64::MAX` bytes).
pub const fn chunk_offset(index: u64) -> Option<u64> {
    if index < GROWING {
        Some(STEP * (index * (index + 1) / 2))
    } else {
        match (index - GROWING).checked_mul(FULL) {
            Some(beyond) => beyond.checked_add(GROWN),
            None => None,
        }
    }
}

/// The chunk which the byte at `position` lies in, at its full length.
///
/// Cut it yourself at the end of the file, or take it from [`chunks`]. Only at the very end of the
/// 64-bit range is the length cut, so that [`Chunk::end`] is at most `u64::MAX`.
pub const fn chunk_at(position: u64) -> Chunk {
    let index = index_at(position);
    let (offset, full) = if index < GROWING {
        (STEP * (index * (index + 1) / 2), STEP * (index + 1))
    } else {
        (GROWN + (index - GROWING) * FULL, FULL)
    };
    let room = u64::MAX - offset;
    let len = if room < full { room } else { full };
    Chunk {
        index,
        offset,
        len: len as u32,
    }
}

/// Whether a chunk starts at this offset.
pub(crate) const fn is_chunk_border(offset: u64) -> bool {
    chunk_at(offset).offset == offset
}

const fn index_at(position: u64) -> u64 {
    if position >= GROWN {
        return GROWING + (position - GROWN) / FULL;
    }
    let mut index = 0;
    let mut end = STEP;
    while position >= end {
        index += 1;
        end += STEP * (index + 1);
    }
    index
}

/// The chunks of a file, in order: see [`chunks`].
#[derive(Clone, Debug)]
pub struct Chunks {
    next: u64,
    offset: u64,
    size: u64,
}

impl Iterator for Chunks {
    type Item = Chunk;

    fn next(&mut self) -> Option<Chunk> {
        let left = self
            .size
            .checked_sub(self.offset)
            .filter(|left| *left > 0)?;
        let full = STEP * (self.next + 1).min(GROWING);
        // At most 1 MiB, so it fits.
        let chunk = Chunk {
            index: self.next,
            offset: self.offset,
            len: left.min(full) as u32,
        };
        self.next += 1;
        self.offset += u64::from(chunk.len);
        Some(chunk)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = chunk_count(self.size).saturating_sub(self.next);
        (
            usize::try_from(left).unwrap_or(usize::MAX),
            usize::try_from(left).ok(),
        )
    }
}

impl FusedIterator for Chunks {}

/// A run of whole chunks: what one upload request carries, or what one thread works on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Window {
    /// Where it starts in the file, in bytes; a chunk border.
    pub offset: u64,
    /// How many bytes it has; it ends on a chunk border or at the end of the file.
    pub len: u64,
    /// Number of its first chunk.
    pub first_chunk: u64,
    /// How many chunks it has, at least 1.
    pub chunk_count: u64,
}

impl Window {
    /// The bytes of the file it covers.
    pub const fn range(&self) -> Range<u64> {
        self.offset..self.offset + self.len
    }
}

/// Cuts a file of `size` bytes into windows of whole chunks, each as large as fits into `max_len`
/// bytes, but never less than one chunk.
///
/// A window of 4 MiB has four chunks to work on side by side, which already is several times faster
/// than one, and is what an upload request should carry. Where memory does not matter, 16 MiB feed all
/// the chains a processor can run.
///
/// ```
/// use mega_crypto::content::windows;
/// let lengths: Vec<u64> = windows(10 << 20, 4 << 20).map(|window| window.len).collect();
/// assert_eq!(lengths, [3_670_016, 4 << 20, 2_621_440]);
/// ```
pub const fn windows(size: u64, max_len: u64) -> Windows {
    Windows {
        offset: 0,
        size,
        max_len,
    }
}

/// The windows of a file, in order: see [`windows`].
#[derive(Clone, Debug)]
pub struct Windows {
    offset: u64,
    size: u64,
    max_len: u64,
}

impl Windows {
    /// Goes to the window that starts at this chunk border, or ends if there is none.
    pub(crate) fn starting_at(mut self, offset: u64) -> Option<Window> {
        self.offset = offset;
        self.next()
    }
}

impl Iterator for Windows {
    type Item = Window;

    fn next(&mut self) -> Option<Window> {
        if self.offset >= self.size {
            return None;
        }
        let first = chunk_at(self.offset);
        let limit = self.offset.saturating_add(self.max_len).min(self.size);
        let end = if limit == self.size {
            self.size
        } else {
            // The last border within reach, but at least one chunk.
            chunk_at(limit).offset.max(first.end()).min(self.size)
        };
        let window = Window {
            offset: self.offset,
            len: end - self.offset,
            first_chunk: first.index,
            chunk_count: chunk_count(end) - first.index,
        };
        self.offset = end;
        Some(window)
    }
}

impl FusedIterator for Windows {}

/// The length of the first chunk, and by how much each of the next seven is longer.
const STEP: u64 = 128 << 10;
/// How many chunks grow.
const GROWING: u64 = 8;
/// The length of all chunks from the eighth on.
const FULL: u64 = STEP * GROWING;
/// Where the ninth chunk starts.
const GROWN: u64 = STEP * (GROWING * (GROWING + 1) / 2);

use alloc::vec::Vec;
use core::fmt;

use super::chunk::chunk_at;
use super::cipher::ContentCipher;
use super::engine::Direction;
use super::mac::ChunkMacs;

/// Collects a stream into windows of whole chunks and works on each window at once, so that its
/// chunk MACs are computed side by side although the data comes in small pieces.
///
/// For streams: of unknown length, or from a network. A caller that can read anywhere in its data
/// needs none of this: it calls [`ContentCipher::encrypt_chunks`] with buffers of its own.
///
/// It holds one window, at most [`MAX_LEN`](Self::MAX_LEN) bytes.
///
/// ```
/// use mega_crypto::content::{CondensedMac, ContentCipher, ContentKey, WindowStream};
/// let cipher = ContentCipher::new(&ContentKey::new([1; 16], [2; 8]));
/// let mut macs = CondensedMac::new();
/// let mut ciphertext = Vec::new();
///
/// let mut stream = WindowStream::encrypt(cipher.clone());
/// for mut piece in [&[7u8; 3_000_000][..], &[8; 3_000_000]] {
///     while !piece.is_empty() {
///         let taken = stream.push(piece);
///         piece = &piece[taken..];
///         if let Some(window) = stream.take_filled() {
///             macs.insert_all(&window.macs).unwrap();
///             ciphertext.extend_from_slice(&window.data);
///             stream.recycle(window.data);
///         }
///     }
/// }
/// if let Some(window) = stream.take_last() {
///     macs.insert_all(&window.macs).unwrap();
///     ciphertext.extend_from_slice(&window.data);
/// }
/// let size = ciphertext.len() as u64;
/// let meta_mac = macs.finish(&cipher, size).unwrap();
/// # assert_eq!(size, 6_000_000);
/// ```
pub struct WindowStream {
    cipher: ContentCipher,
    direction: Direction,
    /// The most bytes a window may have.
    max_len: usize,
    /// Where the current window starts in the file: a chunk border.
    offset: u64,
    /// The current window's bytes so far.
    buffer: Vec<u8>,
}

/// A window that was encrypted or decrypted.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FilledWindow {
    /// Where it starts in the file, in bytes.
    pub offset: u64,
    /// Its bytes: whole chunks, or the last ones of the file.
    pub data: Vec<u8>,
    /// The MACs of its chunks.
    pub macs: ChunkMacs,
}

impl WindowStream {
    /// The most bytes a window can have: the first eight chunks. Later windows have 4 MiB.
    pub const MAX_LEN: usize = 4_718_592;

    /// Takes plaintext, gives ciphertext.
    pub fn encrypt(cipher: ContentCipher) -> Self {
        Self::new(cipher, Direction::Encrypt)
    }

    /// Takes ciphertext, gives plaintext, which is not verified before the MACs of all windows are.
    pub fn decrypt(cipher: ContentCipher) -> Self {
        Self::new(cipher, Direction::Decrypt)
    }

    /// Makes windows smaller, to hold less memory: as many chunks as fit into `max_len` bytes, but
    /// at least one. To be called before the first byte; later it counts from the next window on.
    #[must_use]
    pub fn max_len(mut self, max_len: usize) -> Self {
        self.max_len = max_len.min(Self::MAX_LEN);
        self
    }

    /// Where the next byte lies in the file.
    pub fn position(&self) -> u64 {
        self.offset + self.buffer.len() as u64
    }

    /// Takes bytes, up to the end of the window, and says how many. Less than all of them means
    /// that the window is full: fetch it with [`take_filled`](Self::take_filled).
    pub fn push(&mut self, data: &[u8]) -> usize {
        let room = self.window_len() - self.buffer.len();
        let (taken, _) = data.split_at(data.len().min(room));
        if self.buffer.capacity() < self.buffer.len() + taken.len() {
            // In one step to the full window once it is clear that the file is not a tiny one.
            let wanted = if self.position() < 1 << 20 {
                taken.len()
            } else {
                room
            };
            self.buffer.reserve_exact(wanted);
        }
        self.buffer.extend_from_slice(taken);
        taken.len()
    }

    /// If the window is full, works on it and gives it away; the next one begins.
    pub fn take_filled(&mut self) -> Option<FilledWindow> {
        if self.buffer.len() < self.window_len() {
            None
        } else {
            self.take_last()
        }
    }

    /// Works on what there is, though the window is not full, and gives it away: the end of the
    /// file. `None` if there is nothing.
    pub fn take_last(&mut self) -> Option<FilledWindow> {
        if self.buffer.is_empty() {
            return None;
        }
        let mut data = core::mem::take(&mut self.buffer);
        let macs = match self.direction {
            Direction::Encrypt => self.cipher.encrypt_chunks(self.offset, &mut data),
            Direction::Decrypt => self.cipher.decrypt_chunks(self.offset, &mut data),
        };
        // A window starts where the full one before it ended: on a border.
        let macs = macs.ok()?;
        let offset = self.offset;
        self.offset += data.len() as u64;
        Some(FilledWindow { offset, data, macs })
    }

    /// Gives a buffer back that is no longer needed, so that the next window need not allocate.
    pub fn recycle(&mut self, mut buffer: Vec<u8>) {
        if self.buffer.is_empty() && buffer.capacity() > self.buffer.capacity() {
            buffer.clear();
            self.buffer = buffer;
        }
    }

    fn new(cipher: ContentCipher, direction: Direction) -> Self {
        Self {
            cipher,
            direction,
            max_len: Self::MAX_LEN,
            offset: 0,
            buffer: Vec::new(),
        }
    }

    /// The length of the current window: whole chunks.
    fn window_len(&self) -> usize {
        let first = chunk_at(self.offset);
        let reach = chunk_at(self.offset.saturating_add(self.max_len as u64)).offset;
        // At most MAX_LEN or one chunk, so it fits.
        (reach.max(first.end()) - self.offset) as usize
    }
}

impl fmt::Debug for WindowStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WindowStream")
            .field("position", &self.position())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for FilledWindow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FilledWindow")
            .field("offset", &self.offset)
            .field("len", &self.data.len())
            .finish_non_exhaustive()
    }
}

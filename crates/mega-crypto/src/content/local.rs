use alloc::vec::Vec;
use core::fmt;

use super::cipher::ContentCipher;
use super::condensed::CondensedMac;
use super::mac::MetaMac;
use super::verify::{MacError, MacMatch, MacPolicy};
use super::window::WindowStream;
use super::{ContentKey, windows};

/// Tells whether a local content is the one a node key was made for, without the network.
///
/// It takes the plaintext from the first byte to the last, in pieces of any size, and holds at most
/// [`WindowStream::MAX_LEN`] bytes; nothing if the pieces are that large. The SDK does the same with
/// `CompareLocalFileMetaMacWithNodeKey` (SDK `src/utils.cpp`).
///
/// ```
/// use mega_crypto::content::{ContentCipher, ContentKey, ContentVerifier, MacPolicy, StreamEncryptor};
/// let key = ContentKey::new([1; 16], [2; 8]);
/// let mut upload = StreamEncryptor::new(ContentCipher::new(&key));
/// upload.update(&mut *b"hello".to_vec()).unwrap();
/// let meta_mac = upload.finish().unwrap().meta_mac;
///
/// let mut local = ContentVerifier::new(&key, 5);
/// local.update(b"hel").unwrap();
/// local.update(b"lo").unwrap();
/// local.finish(&meta_mac, MacPolicy::Strict).unwrap();
/// ```
pub struct ContentVerifier {
    cipher: ContentCipher,
    size: u64,
    position: u64,
    /// The bytes of the current window, unless they could be worked on where they were.
    buffer: Vec<u8>,
    macs: CondensedMac,
}

impl ContentVerifier {
    /// Starts to check a content that should have `size` bytes, as the node says.
    pub fn new(key: &ContentKey, size: u64) -> Self {
        Self {
            cipher: ContentCipher::new(key),
            size,
            position: 0,
            buffer: Vec::new(),
            macs: CondensedMac::new(),
        }
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    ///
    /// [`LocalMismatch::Longer`] as soon as there are more bytes than there should be.
    pub fn update(&mut self, plaintext: &[u8]) -> Result<(), LocalMismatch> {
        let mut rest = plaintext;
        if rest.len() as u64 > self.size - self.position {
            return Err(LocalMismatch::Longer {
                expected: self.size,
            });
        }
        while !rest.is_empty() {
            let start = self.position - self.buffer.len() as u64;
            let Some(window) = windows(self.size, WindowStream::MAX_LEN as u64).starting_at(start)
            else {
                break;
            };
            // A window never has more than MAX_LEN bytes.
            let missing = window.len as usize - self.buffer.len();
            let (piece, tail) = rest.split_at(rest.len().min(missing));
            self.position += piece.len() as u64;
            rest = tail;
            if self.buffer.is_empty() && piece.len() == missing {
                self.take(start, piece)?;
                continue;
            }
            if self.buffer.is_empty() {
                self.buffer.reserve_exact(missing);
            }
            self.buffer.extend_from_slice(piece);
            if piece.len() == missing {
                let mut buffer = core::mem::take(&mut self.buffer);
                self.take(start, &buffer)?;
                buffer.clear();
                self.buffer = buffer;
            }
        }
        Ok(())
    }

    /// Ends the content and compares.
    ///
    /// # Errors
    ///
    /// [`LocalMismatch`]: the content is another one, or shorter than it should be.
    pub fn finish(self, expected: &MetaMac, policy: MacPolicy) -> Result<MacMatch, LocalMismatch> {
        if self.position < self.size {
            return Err(LocalMismatch::Shorter {
                expected: self.size,
                actual: self.position,
            });
        }
        Ok(self
            .macs
            .verify(&self.cipher, self.size, expected, policy)?)
    }

    fn take(&mut self, offset: u64, plaintext: &[u8]) -> Result<(), LocalMismatch> {
        // Windows start on borders, so there is always a MAC.
        if let Ok(macs) = self.cipher.mac_chunks(offset, plaintext) {
            self.macs.insert_all(&macs).map_err(MacError::from)?;
        }
        Ok(())
    }
}

impl fmt::Debug for ContentVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContentVerifier")
            .field("size", &self.size)
            .field("position", &self.position)
            .finish_non_exhaustive()
    }
}

/// Why a local content is not the node's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LocalMismatch {
    /// It has more bytes.
    #[error("the content is longer than the node's {expected} bytes")]
    Longer {
        /// The node's size.
        expected: u64,
    },
    /// It has fewer bytes.
    #[error("the content ended after {actual} of {expected} bytes")]
    Shorter {
        /// The node's size.
        expected: u64,
        /// The content's size.
        actual: u64,
    },
    /// Its MAC is another one.
    #[error(transparent)]
    Content(#[from] MacError),
}

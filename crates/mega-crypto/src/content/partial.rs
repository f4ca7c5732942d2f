use core::fmt;

use super::cipher::ContentCipher;
use super::engine::{Lane, xor};
use super::mac::ChunkMac;

/// The MAC of a chunk under construction, for callers that have a chunk only in pieces.
///
/// It can be stored at every multiple of 16 bytes and continued later, as the SDK does for
/// transfers that are interrupted inside a chunk (crypto-and-accounts 6.3).
///
/// One chain alone leaves most of the processor idle. Whole chunks through
/// [`ContentCipher::encrypt_chunks`] are several times faster.
#[derive(Clone)]
pub struct PartialChunkMac {
    state: [u8; 16],
    /// Bytes of the unfinished block, already XORed into the state.
    pending: usize,
}

impl PartialChunkMac {
    /// The MAC of a chunk of which nothing was seen yet.
    pub fn new(cipher: &ContentCipher) -> Self {
        Self {
            state: cipher.engine.initial_state(),
            pending: 0,
        }
    }

    /// Continues from the 16 bytes that [`state`](Self::state) gave. The caller remembers how far it was: a multiple of 16
    /// bytes from the start of the chunk.
    pub fn resume(state: [u8; 16]) -> Self {
        Self { state, pending: 0 }
    }

    /// The 16 bytes to continue from, or `None` inside a block.
    pub fn state(&self) -> Option<[u8; 16]> {
        (self.pending == 0).then_some(self.state)
    }

    /// Takes the next bytes of the chunk's plaintext. `cipher` is always the same one.
    ///
    /// The caller ends the chunk where it ends ([`chunk_at`](super::chunk_at)).
    pub fn update(&mut self, cipher: &ContentCipher, plaintext: &[u8]) {
        let mut rest = plaintext;
        if self.pending > 0 {
            let (head, tail) = rest.split_at(rest.len().min(16 - self.pending));
            self.absorb(cipher, head);
            rest = tail;
        }
        let (blocks, tail) = rest.split_at(rest.len() & !15);
        if !blocks.is_empty() {
            let mut lane = [Lane {
                start: 0,
                len: blocks.len(),
                state: self.state,
            }];
            cipher.engine.mac(blocks, &mut lane);
            let [lane] = lane;
            self.state = lane.state;
        }
        self.absorb(cipher, tail);
    }

    /// Ends the chunk: an unfinished last block counts as padded with zeros.
    pub fn finish(mut self, cipher: &ContentCipher) -> ChunkMac {
        if self.pending > 0 {
            self.state = cipher.engine.block(self.state);
        }
        ChunkMac(self.state)
    }

    /// Takes bytes that do not reach beyond the current block.
    pub(crate) fn absorb(&mut self, cipher: &ContentCipher, bytes: &[u8]) {
        if let Some(open) = self.state.get_mut(self.pending..) {
            xor(open, bytes);
        }
        self.pending += bytes.len();
        if self.pending >= 16 {
            self.pending = 0;
            self.state = cipher.engine.block(self.state);
        }
    }

    pub(crate) fn set_state(&mut self, state: [u8; 16]) {
        self.state = state;
    }
}

impl fmt::Debug for PartialChunkMac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PartialChunkMac(..)")
    }
}

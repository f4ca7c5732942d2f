//! The cipher as the protocol describes it, one block after the other: what the engine is compared
//! with.

use aes::Aes128;
use aes::cipher::{BlockCipherEncrypt, KeyInit};
use mega_crypto::content::{self, ChunkMac, ContentKey};

pub(crate) struct Plain {
    aes: Aes128,
    nonce: [u8; 8],
}

impl Plain {
    pub(crate) fn new(key: &ContentKey) -> Self {
        Self {
            aes: Aes128::new(key.expose_aes_key().into()),
            nonce: *key.expose_nonce(),
        }
    }

    pub(crate) fn block(&self, block: [u8; 16]) -> [u8; 16] {
        let mut block = block.into();
        self.aes.encrypt_block(&mut block);
        block.into()
    }

    pub(crate) fn keystream(&self, number: u64) -> [u8; 16] {
        let mut counter = [0; 16];
        counter[..8].copy_from_slice(&self.nonce);
        counter[8..].copy_from_slice(&number.to_be_bytes());
        self.block(counter)
    }

    /// A plaintext that starts on a chunk border.
    pub(crate) fn encrypt(&self, offset: u64, plain: &[u8]) -> (Vec<u8>, Vec<ChunkMac>) {
        let mut ciphertext = plain.to_vec();
        for (number, block) in (offset / 16..).zip(ciphertext.chunks_mut(16)) {
            for (byte, stream) in block.iter_mut().zip(self.keystream(number)) {
                *byte ^= stream;
            }
        }
        let mut macs = Vec::new();
        for chunk in
            content::chunks(offset + plain.len() as u64).filter(|chunk| chunk.offset >= offset)
        {
            let start = (chunk.offset - offset) as usize;
            let mut state = [0; 16];
            state[..8].copy_from_slice(&self.nonce);
            state[8..].copy_from_slice(&self.nonce);
            for block in plain[start..start + chunk.len as usize].chunks(16) {
                for (state, byte) in state.iter_mut().zip(block) {
                    *state ^= byte;
                }
                state = self.block(state);
            }
            macs.push(ChunkMac(state));
        }
        (ciphertext, macs)
    }
}

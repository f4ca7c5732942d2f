//! AES in the modes the format uses, over byte slices (crypto-and-accounts 1.5).

use aes::Aes128;
use aes::cipher::{
    Array, BlockCipherDecrypt as _, BlockCipherEncrypt as _, KeyInit as _, KeyIvInit as _,
    StreamCipher as _,
};
use aes_gcm::Aes128Gcm;
use aes_gcm::aead::Aead as _;

/// A 128-bit key.
pub type Key = [u8; 16];

/// AES with a key that is set up once, for many blocks.
pub(crate) struct Cipher(Aes128);

impl Cipher {
    pub(crate) fn new(key: &Key) -> Self {
        Self(Aes128::new(&Array::from(*key)))
    }

    pub(crate) fn encrypt(&self, block: &mut [u8; 16]) {
        let mut state = Array::from(*block);
        self.0.encrypt_block(&mut state);
        *block = state.into();
    }
}

/// AES-ECB in place; a last incomplete block is left alone.
pub fn ecb_encrypt(key: &Key, data: &mut [u8]) {
    let aes = Aes128::new(&Array::from(*key));
    for block in data.chunks_exact_mut(16) {
        if let Ok(block) = <&mut Array<u8, _>>::try_from(block) {
            aes.encrypt_block(block);
        }
    }
}

/// AES-ECB in place, backwards; a last incomplete block is left alone.
pub fn ecb_decrypt(key: &Key, data: &mut [u8]) {
    let aes = Aes128::new(&Array::from(*key));
    for block in data.chunks_exact_mut(16) {
        if let Ok(block) = <&mut Array<u8, _>>::try_from(block) {
            aes.decrypt_block(block);
        }
    }
}

/// AES-ECB of one block.
#[must_use]
pub fn encrypt_block(key: &Key, mut block: [u8; 16]) -> [u8; 16] {
    ecb_encrypt(key, &mut block);
    block
}

/// AES-ECB of one block, backwards.
#[must_use]
pub fn decrypt_block(key: &Key, mut block: [u8; 16]) -> [u8; 16] {
    ecb_decrypt(key, &mut block);
    block
}

/// AES-CBC with a zero IV, in place, whole blocks.
pub fn cbc_encrypt(key: &Key, data: &mut [u8]) {
    let aes = Aes128::new(&Array::from(*key));
    let mut last = [0; 16];
    for block in data.chunks_exact_mut(16) {
        xor(&mut last, block);
        let mut state = Array::from(last);
        aes.encrypt_block(&mut state);
        last = state.into();
        block.copy_from_slice(&last);
    }
}

/// AES-CBC with a zero IV, backwards, in place, whole blocks.
pub fn cbc_decrypt(key: &Key, data: &mut [u8]) {
    let aes = Aes128::new(&Array::from(*key));
    let mut last = [0_u8; 16];
    for block in data.chunks_exact_mut(16) {
        let mut cipher = [0_u8; 16];
        cipher.copy_from_slice(block);
        if let Ok(block) = <&mut Array<u8, _>>::try_from(&mut *block) {
            aes.decrypt_block(block);
        }
        for (b, l) in block.iter_mut().zip(last) {
            *b ^= l;
        }
        last = cipher;
    }
}

/// AES-CTR from the start of a file: nonce (8 bytes), then a 64-bit big-endian counter of blocks.
pub fn ctr(key: &Key, nonce: [u8; 8], first_block: u64, data: &mut [u8]) {
    let mut iv = [0; 16];
    for (i, b) in iv
        .iter_mut()
        .zip(nonce.into_iter().chain(first_block.to_be_bytes()))
    {
        *i = b;
    }
    ctr::Ctr64BE::<Aes128>::new(&Array::from(*key), &Array::from(iv)).apply_keystream(data);
}

/// AES-GCM with a 12-byte IV and no associated data: ciphertext, then the 16-byte tag.
#[must_use]
pub fn gcm(key: &Key, iv: [u8; 12], plain: &[u8]) -> Vec<u8> {
    Aes128Gcm::new(&Array::from(*key))
        .encrypt(&Array::from(iv), plain)
        .unwrap_or_default()
}

/// XORs `with` into `into`.
pub fn xor(into: &mut [u8], with: &[u8]) {
    for (a, b) in into.iter_mut().zip(with) {
        *a ^= b;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mode_undoes_itself() {
        let key = *b"0123456789abcdef";
        let plain: Vec<u8> = (0..64).collect();
        let mut data = plain.clone();
        ecb_encrypt(&key, &mut data);
        ecb_decrypt(&key, &mut data);
        assert_eq!(data, plain);
        cbc_encrypt(&key, &mut data);
        assert_ne!(data, plain);
        cbc_decrypt(&key, &mut data);
        assert_eq!(data, plain);
    }

    #[test]
    fn aes_agrees_with_its_standard() {
        // FIPS 197, appendix B.
        let key = [
            0x2b, 0x7e, 0x15, 0x16, 0x28, 0xae, 0xd2, 0xa6, 0xab, 0xf7, 0x15, 0x88, 0x09, 0xcf,
            0x4f, 0x3c,
        ];
        let plain = [
            0x32, 0x43, 0xf6, 0xa8, 0x88, 0x5a, 0x30, 0x8d, 0x31, 0x31, 0x98, 0xa2, 0xe0, 0x37,
            0x07, 0x34,
        ];
        let cipher = [
            0x39, 0x25, 0x84, 0x1d, 0x02, 0xdc, 0x09, 0xfb, 0xdc, 0x11, 0x85, 0x97, 0x19, 0x6a,
            0x0b, 0x32,
        ];
        assert_eq!(encrypt_block(&key, plain), cipher);
    }
}

use alloc::vec::Vec;

use aes::{Aes128Dec, Aes128Enc};
use cipher::{Array, BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};

use crate::{AttributeKey, Error};

/// The most bytes an attribute may have (crypto-and-accounts 9.2).
pub const MAX_LEN: usize = 16 << 20;

/// Encrypts a thumbnail or preview: padded with zeros to a multiple of 16, AES-CBC with a zero
/// initialisation vector and the node's folded key (crypto-and-accounts 9.2).
///
/// The result has the length that goes into `ufa` as `s`.
///
/// # Errors
///
/// [`Error::TooLarge`] above [`MAX_LEN`] bytes.
pub fn encrypt_image(key: &AttributeKey, image: &[u8]) -> Result<Vec<u8>, Error> {
    if image.len() > MAX_LEN {
        return Err(Error::TooLarge {
            what: WHAT,
            limit: MAX_LEN,
        });
    }
    let mut data = image.to_vec();
    data.resize(image.len().next_multiple_of(16), 0);
    let aes = Aes128Enc::new(key.expose_secret().into());
    let (blocks, _) = Array::slice_as_chunks_mut(&mut data);
    let mut before = Array::from([0; 16]);
    for block in blocks {
        xor(block, &before);
        aes.encrypt_block(block);
        before = *block;
    }
    Ok(data)
}

/// Decrypts a thumbnail or preview.
///
/// The zeros it was padded with stay: its length is not stored, and JPEG decoders ignore what
/// follows the image. Nothing authenticates it: treat the image as hostile.
///
/// # Errors
///
/// [`Error::Malformed`] if the length is no multiple of 16, [`Error::TooLarge`] above [`MAX_LEN`].
pub fn decrypt_image(key: &AttributeKey, ciphertext: &[u8]) -> Result<Vec<u8>, Error> {
    if ciphertext.len() > MAX_LEN {
        return Err(Error::TooLarge {
            what: WHAT,
            limit: MAX_LEN,
        });
    }
    if !ciphertext.len().is_multiple_of(16) {
        return Err(Error::Malformed {
            what: WHAT,
            reason: "its length is no multiple of 16",
        });
    }
    let mut data = ciphertext.to_vec();
    let (blocks, _) = Array::slice_as_chunks_mut(&mut data);
    Aes128Dec::new(key.expose_secret().into()).decrypt_blocks(blocks);
    let (encrypted, _) = Array::slice_as_chunks(ciphertext);
    for (block, before) in blocks.iter_mut().skip(1).zip(encrypted) {
        xor(block, before);
    }
    Ok(data)
}

type Block = Array<u8, cipher::consts::U16>;

fn xor(to: &mut Block, from: &Block) {
    for (to, from) in to.iter_mut().zip(from) {
        *to ^= *from;
    }
}

const WHAT: &str = "file attribute";

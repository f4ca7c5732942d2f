use alloc::vec::Vec;

use aes::cipher::{Array, BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};
use aes::{Aes128Dec, Aes128Enc};

use super::find::find_either;
use crate::content::{Chain, decrypt_short};
use crate::{AttributeKey, Error};

/// The largest ciphertext that is read, in bytes (threat model, LIM-4).
pub const MAX_READ: usize = 256 << 10;

/// The largest ciphertext that is written, in bytes: the official client refuses more
/// (SDK `MAX_NODE_ATTRIBUTE_SIZE`).
pub const MAX_WRITTEN: usize = 64 << 10;

/// Decrypts an attribute field in place and gives the JSON text in it, from its brace to its end.
///
/// AES-128-CBC with a zero IV over `"MEGA" || JSON || zeros` (crypto-and-accounts 5.1). The text
/// ends at the first zero byte. It allocates nothing, so it suits loading a million nodes with one
/// buffer.
///
/// The only proof of the right key is that the text starts with `MEGA{"`; there is no MAC, so treat
/// the content as anybody's (threat model, ATT-16).
///
/// # Errors
///
/// [`Error::Malformed`] if the length is not a positive multiple of 16, [`Error::TooLarge`] beyond
/// [`MAX_READ`], [`Error::WrongKey`] if the text does not start as it must. The buffer then holds
/// nothing of use.
pub fn decrypt_in_place<'d>(key: &AttributeKey, data: &'d mut [u8]) -> Result<&'d [u8], Error> {
    let blocks = blocks_of(data)?;
    let key = key.expose_secret();
    decrypt_chains(&mut [Chain { key, blocks }]);
    text_in(data)
}

/// Decrypts the attribute fields of many nodes in place, each with its key. Then [`text_in`] gives the text of each. With the feature
/// `accelerated`, and where the processor has instructions for it, this is quicker than one after the other: most of the time goes into
/// preparing the keys, which is then done for four together.
///
/// A field that cannot be one, by its length, stays as it is.
pub fn decrypt_many(fields: &mut [(AttributeKey, &mut [u8])]) {
    for some in fields.chunks_mut(TOGETHER) {
        let mut chains: [Chain<'_>; TOGETHER] = core::array::from_fn(|_| Chain {
            key: &[0; 16],
            blocks: &mut [],
        });
        let count = some.len();
        for ((key, data), chain) in some.iter_mut().zip(&mut chains) {
            if let Ok(blocks) = blocks_of(data) {
                let key = key.expose_secret();
                *chain = Chain { key, blocks };
            }
        }
        decrypt_chains(chains.get_mut(..count).unwrap_or_default());
    }
}

/// Whether a field can be one, by its length.
#[inline]
const fn check(len: usize) -> Result<(), Error> {
    if len > MAX_READ {
        return Err(Error::TooLarge {
            what: WHAT,
            limit: MAX_READ,
        });
    }
    if len == 0 || !len.is_multiple_of(16) {
        return Err(Error::Malformed {
            what: WHAT,
            reason: "its length is not a positive multiple of 16",
        });
    }
    Ok(())
}

/// What can be decrypted.
#[inline]
fn blocks_of(data: &mut [u8]) -> Result<&mut [[u8; 16]], Error> {
    check(data.len())?;
    Ok(data.as_chunks_mut::<16>().0)
}

/// The text of a decrypted field: see [`decrypt_many`].
///
/// # Errors
///
/// As for [`decrypt_in_place`].
#[inline]
pub fn text_in(data: &[u8]) -> Result<&[u8], Error> {
    check(data.len())?;
    if !data.starts_with(MARKER) {
        return Err(Error::WrongKey { what: WHAT });
    }
    let json = data.get(MAGIC.len()..).unwrap_or_default();
    let end = find_either(json, 0, 0).unwrap_or(json.len());
    Ok(json.get(..end).unwrap_or_default())
}

fn decrypt_chains(chains: &mut [Chain<'_>]) {
    if !decrypt_short(chains) {
        for chain in chains {
            decrypt_blocks(chain.key, chain.blocks);
        }
    }
}

/// AES-128-CBC, with any processor.
fn decrypt_blocks(key: &[u8; 16], blocks: &mut [[u8; 16]]) {
    let cipher = Aes128Dec::new(key.into());
    let mut previous = [0; 16];
    for batch in blocks.chunks_mut(BATCH) {
        let mut sent = [[0; 16]; BATCH];
        for (to, from) in sent.iter_mut().zip(batch.iter()) {
            *to = *from;
        }
        cipher.decrypt_blocks(Array::cast_slice_from_core_mut(batch));
        for (block, sent) in batch.iter_mut().zip(&sent) {
            for (byte, before) in block.iter_mut().zip(&previous) {
                *byte ^= before;
            }
            previous = *sent;
        }
    }
}

/// Encrypts the text of a JSON object for an attribute field.
///
/// # Errors
///
/// [`Error::TooLarge`] if the result would have more than [`MAX_WRITTEN`] bytes.
pub fn encrypt(key: &AttributeKey, json: &[u8]) -> Result<Vec<u8>, Error> {
    let len = (MAGIC.len() + json.len()).next_multiple_of(16);
    if len > MAX_WRITTEN {
        return Err(Error::TooLarge {
            what: WHAT,
            limit: MAX_WRITTEN,
        });
    }
    let mut data = Vec::with_capacity(len);
    data.extend_from_slice(MAGIC);
    data.extend_from_slice(json);
    data.resize(len, 0);
    let cipher = Aes128Enc::new(key.expose_secret().into());
    let mut previous = [0; 16];
    for block in data.as_chunks_mut::<16>().0 {
        for (byte, before) in block.iter_mut().zip(&previous) {
            *byte ^= before;
        }
        cipher.encrypt_block(block.into());
        previous = *block;
    }
    Ok(data)
}

const WHAT: &str = "attribute field";
const MAGIC: &[u8] = b"MEGA";
const MARKER: &[u8] = b"MEGA{\"";
const BATCH: usize = 16;
/// So many fields are handed to the cipher at once.
const TOGETHER: usize = 16;

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Whatever instructions there are, the blocks are the same.
        #[test]
        fn the_short_way_decrypts_as_the_cipher_for_everything_does(
            mut sent in prop::collection::vec((any::<[u8; 16]>(), prop::collection::vec(any::<[u8; 16]>(), 0..20)), 0..10),
        ) {
            let mut wanted = sent.clone();
            let mut chains: Vec<Chain<'_>> =
                sent.iter_mut().map(|(key, blocks)| Chain { key, blocks }).collect();
            if decrypt_short(&mut chains) {
                for (key, blocks) in &mut wanted {
                    decrypt_blocks(key, blocks);
                }
            }
            prop_assert_eq!(sent, wanted);
        }

        /// Fields of any length, whole and broken.
        #[test]
        fn many_fields_give_what_each_of_them_gives(
            fields in prop::collection::vec((any::<[u8; 16]>(), prop::collection::vec(any::<u8>(), 0..70), any::<bool>()), 0..40),
        ) {
            let seal = |(key, text, whole): ([u8; 16], Vec<u8>, bool)| {
                let key = AttributeKey::from_bytes(key);
                let mut json = b"{\"n\":\"".to_vec();
                json.extend(&text);
                let data = if whole { encrypt(&key, &json).unwrap() } else { text };
                (*key.expose_secret(), data)
            };
            let sealed: Vec<([u8; 16], Vec<u8>)> = fields.into_iter().map(seal).collect();
            let (mut one, mut other) = (sealed.clone(), sealed);
            let many = other.iter_mut().map(|(key, data)| (AttributeKey::from_bytes(*key), &mut **data));
            decrypt_many(&mut many.collect::<Vec<_>>());
            for ((key, data), (_, read)) in one.iter_mut().zip(&other) {
                prop_assert_eq!(decrypt_in_place(&AttributeKey::from_bytes(*key), data), text_in(read));
            }
        }
    }
}

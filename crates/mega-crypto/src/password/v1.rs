use alloc::vec::Vec;

use aes::Aes128Enc;
use aes::cipher::inout::InOut;
use aes::cipher::typenum::U16;
use aes::cipher::{
    Block, BlockCipherEncBackend, BlockCipherEncClosure, BlockCipherEncrypt, BlockSizeUser, KeyInit,
};
use zeroize::Zeroizing;

use super::{Auth, LoginSecret, UserHash};
use crate::PasswordKey;

/// Derives the login of a version 1 account from its password and address.
pub fn derive_v1(password: &str, email: &str) -> LoginSecret {
    let password_key = password_key_v1(password);
    let hash = user_hash_v1(email, &password_key);
    LoginSecret {
        password_key,
        auth: Auth::V1(hash),
    }
}

/// The password key of a version 1 account (crypto-and-accounts 2.3).
///
/// The password counts as UTF-16 code units, one byte each; what does not fit spills into the byte
/// before. An empty password gives a constant.
pub fn password_key_v1(password: &str) -> PasswordKey {
    let packed = pack(password);
    let keys: Vec<Aes128Enc> = packed
        .as_chunks()
        .0
        .iter()
        .map(|key: &[u8; 16]| Aes128Enc::new(key.into()))
        .collect();
    let mut block = START.into();
    if let [key] = keys.as_slice() {
        repeat(key, &mut block, KEY_ROUNDS);
    } else {
        for _ in 0..KEY_ROUNDS {
            for key in &keys {
                key.encrypt_block(&mut block);
            }
        }
    }
    PasswordKey::from_bytes(block.into())
}

/// The `uh` of a version 1 account (crypto-and-accounts 2.3).
///
/// `A` to `Z` in the address are taken as lower case, nothing else is changed. Addresses outside
/// ASCII are hashed differently by different clients.
pub fn user_hash_v1(email: &str, password_key: &PasswordKey) -> UserHash {
    let mut folded = [0u8; 16];
    for piece in email.as_bytes().chunks(16) {
        for (to, from) in folded.iter_mut().zip(piece) {
            *to ^= from.to_ascii_lowercase();
        }
    }
    let aes = Aes128Enc::new(password_key.expose_secret().into());
    let mut block = folded.into();
    repeat(&aes, &mut block, HASH_ROUNDS);
    let [a, b, c, d, _, _, _, _, e, f, g, h, ..]: [u8; 16] = block.into();
    UserHash::from_bytes([a, b, c, d, e, f, g, h])
}

/// One byte per UTF-16 code unit in words of four, the high byte of a unit or-ed into the byte
/// before it within the word; zeros up to a multiple of 16.
fn pack(password: &str) -> Zeroizing<Vec<u8>> {
    let mut packed = Zeroizing::new(Vec::with_capacity(password.len().next_multiple_of(16)));
    for (position, unit) in password.encode_utf16().enumerate() {
        let [high, low] = unit.to_be_bytes();
        if position % 4 != 0
            && let Some(before) = packed.last_mut()
        {
            *before |= high;
        }
        packed.push(low);
    }
    // Within the capacity: a text has at least as many bytes as UTF-16 units.
    let padded = packed.len().next_multiple_of(16);
    packed.resize(padded, 0);
    packed
}

/// Encrypts a block again and again under one key. The loop runs inside the cipher's backend, so
/// that the round keys stay in registers: this is bound by the latency of AES alone.
fn repeat(key: &Aes128Enc, block: &mut Block<Aes128Enc>, rounds: u32) {
    key.encrypt_with_backend(Repeat { block, rounds });
}

struct Repeat<'b> {
    block: &'b mut Block<Aes128Enc>,
    rounds: u32,
}

impl BlockSizeUser for Repeat<'_> {
    type BlockSize = U16;
}

impl BlockCipherEncClosure for Repeat<'_> {
    fn call<B: BlockCipherEncBackend<BlockSize = U16>>(self, backend: &B) {
        for _ in 0..self.rounds {
            backend.encrypt_block(InOut::from(&mut *self.block));
        }
    }
}

const KEY_ROUNDS: u32 = 65536;
const HASH_ROUNDS: u32 = 16384;
const START: [u8; 16] = [
    0x93, 0xC4, 0x67, 0xE3, 0x7D, 0xB0, 0xC7, 0xA4, 0xD1, 0xBE, 0x3F, 0x81, 0x01, 0x52, 0xCB, 0x56,
];

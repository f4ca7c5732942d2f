use hmac::{Hmac, KeyInit, Mac};
use sha2::block_api::compress512;
use sha2::{Digest, Sha512};
use zeroize::Zeroizing;

use super::ITERATIONS;

/// PBKDF2-HMAC-SHA512 with the rounds of the format and one block of output, in quarters; a shorter key
/// is the front of it (RFC 8018, 5.2).
///
/// All rounds but the first hash 64 bytes, which with their padding are exactly one block. So they run
/// on the compression function with both states of the HMAC at hand, instead of on a generic HMAC
/// that copies its state, buffers, pads and wipes in each round.
pub(crate) fn derive(password: &[u8], salt: &[u8]) -> Zeroizing<[[u8; 16]; 4]> {
    rounds(password, salt, ITERATIONS)
}

fn rounds(password: &[u8], salt: &[u8], rounds: u32) -> Zeroizing<[[u8; 16]; 4]> {
    let key = block_of_key(password);
    let inner = state_after(&key, 0x36);
    let outer = state_after(&key, 0x5c);

    let mut state = first_round(&key, salt);
    let mut sum = state.clone();
    let mut block = Zeroizing::new([[0; 64], PADDING]);
    write(&state, &mut *block);
    for _ in 1..rounds {
        for before in [&inner, &outer] {
            *state = **before;
            compress512(&mut state, block.as_flattened().as_chunks().0);
            write(&state, &mut *block);
        }
        for (sum, word) in sum.iter_mut().zip(&*state) {
            *sum ^= word;
        }
    }
    let mut derived = Zeroizing::new([[0; 16]; 4]);
    write(&sum, &mut *derived);
    derived
}

/// The key of an HMAC filled up to a block; a longer one is hashed first (RFC 2104, 2).
fn block_of_key(password: &[u8]) -> Zeroizing<[u8; 128]> {
    let mut key = Zeroizing::new([0; 128]);
    if let Some(place) = key.get_mut(..password.len()) {
        place.copy_from_slice(password);
    } else {
        let hash = Zeroizing::new(<[u8; 64]>::from(Sha512::digest(password)));
        for (place, byte) in key.iter_mut().zip(&*hash) {
            *place = *byte;
        }
    }
    key
}

/// The state of the hash after the first block of an HMAC: its key, masked.
fn state_after(key: &[u8; 128], mask: u8) -> Zeroizing<[u64; 8]> {
    let block = Zeroizing::new([key.map(|byte| byte ^ mask)]);
    let mut state = Zeroizing::new(START);
    compress512(&mut state, &*block);
    state
}

/// The HMAC of the salt and the number of the block of output, which is one.
fn first_round(key: &[u8; 128], salt: &[u8]) -> Zeroizing<[u64; 8]> {
    let mac = Hmac::<Sha512>::new(key.into());
    let mac = mac.chain_update(salt).chain_update(1u32.to_be_bytes());
    let mac = Zeroizing::new(<[u8; 64]>::from(mac.finalize().into_bytes()));
    let mut state = Zeroizing::new([0; 8]);
    for (word, bytes) in state.iter_mut().zip(mac.as_chunks().0) {
        *word = u64::from_be_bytes(*bytes);
    }
    state
}

/// Writes the hash that a state stands for to the front of a place.
fn write<const N: usize>(state: &[u64; 8], place: &mut [[u8; N]]) {
    let words = place.as_flattened_mut().as_chunks_mut().0;
    for (place, word) in words.iter_mut().zip(state) {
        *place = word.to_be_bytes();
    }
}

/// The initial state of SHA-512 (FIPS 180-4, 5.3.5).
const START: [u64; 8] = [
    0x6a09_e667_f3bc_c908,
    0xbb67_ae85_84ca_a73b,
    0x3c6e_f372_fe94_f82b,
    0xa54f_f53a_5f1d_36f1,
    0x510e_527f_ade6_82d1,
    0x9b05_688c_2b3e_6c1f,
    0x1f83_d9ab_fb41_bd6b,
    0x5be0_cd19_137e_2179,
];

/// What follows the 64 bytes of a round in their block: a one bit, zeros, and the length in bits of
/// all that was hashed, the block of the key included.
const PADDING: [u8; 64] = {
    let mut padding = [0; 64];
    padding[0] = 0x80;
    let [high, low] = (8 * (128 + 64) as u16).to_be_bytes();
    padding[62] = high;
    padding[63] = low;
    padding
};

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn expected(password: &[u8], salt: &[u8], rounds: u32) -> [u8; 64] {
        let mut derived = [0; 64];
        pbkdf2::pbkdf2_hmac::<Sha512>(password, salt, rounds, &mut derived);
        derived
    }

    #[test]
    fn passwords_around_the_length_of_a_block_agree_with_another_implementation() {
        let password = [b'x'; 300];
        for len in [0, 1, 63, 64, 127, 128, 129, 300] {
            for count in [1, 2, 3] {
                let password = &password[..len];
                assert_eq!(
                    rounds(password, b"salt", count).as_flattened(),
                    expected(password, b"salt", count),
                    "{len} bytes, {count} rounds"
                );
            }
        }
    }

    proptest! {
        #[test]
        fn it_agrees_with_another_implementation(
            password in proptest::collection::vec(any::<u8>(), 0..200),
            salt in proptest::collection::vec(any::<u8>(), 0..300),
            count in 1u32..20,
        ) {
            let derived = rounds(&password, &salt, count);
            prop_assert_eq!(derived.as_flattened(), expected(&password, &salt, count));
        }
    }
}

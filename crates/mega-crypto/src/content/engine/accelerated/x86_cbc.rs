//! Short texts under keys of their own: the attributes of a node are five or six blocks, and a tree has a million nodes. Expanding a key costs
//! more than the blocks, and every round of it waits for the one before; so four keys are expanded side by side.

use core::arch::x86_64::*;

use super::{Bytes, Chain};

/// The round keys for decryption, the first one first.
type Keys = [__m128i; 11];

/// So many keys are expanded together.
const WIDTH: usize = 4;

/// Decrypts chains (CBC, FIPS 197 with the equivalent inverse cipher of 5.3.5) that each begin with a vector of zeros.
#[target_feature(enable = "aes,sse4.1")]
pub(super) fn decrypt(chains: &mut [Chain<'_>]) {
    let zero = _mm_setzero_si128();
    let mut keys = [[zero; 11]; WIDTH];
    let (groups, rest) = chains.as_chunks_mut::<WIDTH>();
    for group in groups {
        expand(&mut keys, group);
        for (keys, chain) in keys.iter().zip(group) {
            decrypt_one(keys, chain.blocks);
        }
    }
    for chain in rest.as_chunks_mut::<1>().0 {
        let Some(keys) = keys.first_chunk_mut::<1>() else {
            break;
        };
        expand(keys, chain);
        decrypt_one(&keys[0], chain[0].blocks);
    }
    for key in keys.as_flattened_mut() {
        // SAFETY: a reference. Volatile, so that it is done although nobody reads it.
        unsafe { core::ptr::write_volatile(key, zero) };
    }
}

#[inline]
#[target_feature(enable = "aes,sse4.1")]
fn expand<const N: usize>(keys: &mut [Keys; N], chains: &[Chain<'_>; N]) {
    // The last word in all columns, turned by a byte (RotWord): with equal columns ShiftRows changes nothing.
    let rotated = _mm_set1_epi32(0x0c0f_0e0d);
    let mut last = [_mm_setzero_si128(); N];
    for ((last, chain), keys) in last.iter_mut().zip(chains).zip(&mut *keys) {
        // SAFETY: the reference is valid for 16 bytes.
        *last = unsafe { _mm_loadu_si128(chain.key.as_ptr().cast()) };
        keys[10] = *last;
    }
    macro_rules! next {
        ($($at:literal: $constant:literal),+) => {$(
            for (last, keys) in last.iter_mut().zip(&mut *keys) {
                let word = _mm_aesenclast_si128(_mm_shuffle_epi8(*last, rotated), _mm_set1_epi32($constant));
                *last = _mm_xor_si128(*last, _mm_slli_si128::<4>(*last));
                *last = _mm_xor_si128(*last, _mm_slli_si128::<8>(*last));
                *last = _mm_xor_si128(*last, word);
                keys[$at] = if $at == 0 { *last } else { _mm_aesimc_si128(*last) };
            }
        )+};
    }
    next!(9: 0x01, 8: 0x02, 7: 0x04, 6: 0x08, 5: 0x10, 4: 0x20, 3: 0x40, 2: 0x80, 1: 0x1b, 0: 0x36);
}

#[inline]
#[target_feature(enable = "aes,sse4.1")]
fn decrypt_one(keys: &Keys, blocks: &mut [Bytes]) {
    let mut previous = _mm_setzero_si128();
    let (fours, rest) = blocks.as_chunks_mut::<4>();
    for four in fours {
        previous = some(keys, four, previous);
    }
    let (twos, rest) = rest.as_chunks_mut::<2>();
    for two in twos {
        previous = some(keys, two, previous);
    }
    for one in rest.as_chunks_mut::<1>().0 {
        previous = some(keys, one, previous);
    }
}

/// Decrypts some blocks of a chain; gives the last one as it was.
#[inline]
#[target_feature(enable = "aes,sse4.1")]
fn some<const N: usize>(keys: &Keys, blocks: &mut [Bytes; N], previous: __m128i) -> __m128i {
    let mut sent = [previous; N];
    for (vector, block) in sent.iter_mut().zip(&*blocks) {
        // SAFETY: the reference is valid for 16 bytes.
        *vector = unsafe { _mm_loadu_si128(block.as_ptr().cast()) };
    }
    let mut plain = sent;
    for vector in &mut plain {
        *vector = _mm_xor_si128(*vector, keys[0]);
    }
    for key in &keys[1..10] {
        for vector in &mut plain {
            *vector = _mm_aesdec_si128(*vector, *key);
        }
    }
    let mut before = previous;
    for ((vector, sent), block) in plain.iter().zip(&sent).zip(blocks) {
        let vector = _mm_aesdeclast_si128(*vector, keys[10]);
        // SAFETY: the reference is valid for 16 bytes.
        unsafe { _mm_storeu_si128(block.as_mut_ptr().cast(), _mm_xor_si128(vector, before)) };
        before = *sent;
    }
    before
}

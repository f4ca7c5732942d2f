//! Base64, 32 characters at a time: keys and attributes of a million nodes are 150 MB of it.
//!
//! After W. Muła and D. Lemire, "Faster Base64 Encoding and Decoding Using AVX2 Instructions" (2018), with tables for this alphabet and its
//! synonyms.

use core::arch::x86_64::*;

/// What a character of each high nibble stands for, less the character. `_` and what begins with 2 are put right afterwards.
const BY_HIGH: [i8; 16] = [0, 0, 0, 4, -65, -65, -71, -71, 0, 0, 0, 0, 0, 0, 0, 0];
/// The same for `+`, `-` and `/`, by the low nibble.
const BY_LOW: [i8; 16] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 19, 0, 17, 0, 16];
/// The kind of a high nibble, as a bit.
const KINDS: [u8; 16] = [32, 32, 1, 2, 4, 8, 4, 16, 32, 32, 32, 32, 32, 32, 32, 32];
/// In which kinds a low nibble is no character: a character is foreign if its two nibbles have a bit in common.
const FOREIGN: [u8; 16] = foreign();

const fn foreign() -> [u8; 16] {
    let mut table = [32; 16];
    let mut low = 0;
    while low < 16 {
        let sign = matches!(low, 0xb | 0xd | 0xf);
        let digit = low < 10;
        let from_a = low >= 1;
        let to_z = low <= 10;
        table[low] |= if sign { 0 } else { 1 };
        table[low] |= if digit { 0 } else { 2 };
        table[low] |= if from_a { 0 } else { 4 };
        table[low] |= if to_z || low == 0xf { 0 } else { 8 };
        table[low] |= if to_z { 0 } else { 16 };
        low += 1;
    }
    table
}

/// Decodes all whole groups of four characters, if they are 32 characters or more and there is room for their bytes. Gives how many
/// characters that were, and whether all of them are of the alphabet. What is left over of 32 is read together with some that were read before.
#[target_feature(enable = "avx2")]
pub(super) fn decode(text: &[u8], bytes: &mut [u8]) -> (usize, bool) {
    let whole = text.len() / 4 * 4;
    if whole < 32 || bytes.len() < whole / 4 * 3 {
        return (0, true);
    }
    let [by_high, by_low] = [BY_HIGH, BY_LOW].map(|table| table.map(i8::cast_unsigned));
    let [by_high, by_low, kinds, foreign] = [by_high, by_low, KINDS, FOREIGN].map(|table| {
        // SAFETY: the reference is valid for 16 bytes.
        let table = unsafe { _mm_loadu_si128(table.as_ptr().cast()) };
        twice(table)
    });
    let nibble = _mm256_set1_epi8(0x0f);
    let order = twice(_mm_setr_epi8(
        2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, -1, -1, -1, -1,
    ));
    let together = _mm256_setr_epi32(0, 1, 2, 4, 5, 6, 3, 7);
    let mut wrong = _mm256_setzero_si256();
    let mut at = 0;
    loop {
        // SAFETY: `at` is at most `whole - 32`, so there are 32 more characters.
        let characters = unsafe { _mm256_loadu_si256(text.as_ptr().add(at).cast()) };
        let high = _mm256_and_si256(_mm256_srli_epi32::<4>(characters), nibble);
        let low = _mm256_and_si256(characters, nibble);
        let clash = _mm256_and_si256(
            _mm256_shuffle_epi8(kinds, high),
            _mm256_shuffle_epi8(foreign, low),
        );
        wrong = _mm256_or_si256(wrong, clash);
        let sign = _mm256_cmpeq_epi8(high, _mm256_set1_epi8(2));
        let line = _mm256_cmpeq_epi8(characters, _mm256_set1_epi8(b'_'.cast_signed()));
        let shift = _mm256_blendv_epi8(
            _mm256_shuffle_epi8(by_high, high),
            _mm256_shuffle_epi8(by_low, low),
            sign,
        );
        // 33 more than the capitals: 63.
        let shift = _mm256_add_epi8(shift, _mm256_and_si256(line, _mm256_set1_epi8(33)));
        let values = _mm256_add_epi8(characters, shift);
        let pairs = _mm256_maddubs_epi16(values, _mm256_set1_epi32(0x0140_0140));
        let fours = _mm256_madd_epi16(pairs, _mm256_set1_epi32(0x0001_1000));
        let packed = _mm256_permutevar8x32_epi32(_mm256_shuffle_epi8(fours, order), together);
        // SAFETY: `at` is a multiple of four and at most `whole - 32`, so there is room for 24 bytes from three quarters of it on.
        unsafe {
            let to = bytes.as_mut_ptr().add(at / 4 * 3);
            _mm_storeu_si128(to.cast(), _mm256_castsi256_si128(packed));
            _mm_storel_epi64(to.add(16).cast(), _mm256_extracti128_si256::<1>(packed));
        }
        if at == whole - 32 {
            break;
        }
        at = (at + 32).min(whole - 32);
    }
    (whole, _mm256_testz_si256(wrong, wrong) == 1)
}

#[inline]
#[target_feature(enable = "avx2")]
fn twice(half: __m128i) -> __m256i {
    _mm256_broadcastsi128_si256(half)
}

use core::arch::x86_64::*;
use std::vec::Vec;

use super::{Bytes, Chains, Job, Keys, Kind, Mode, Runner, Vector, keystream, run};

/// How many chains side by side, with counter mode and alone: as many as there are registers for.
pub(super) const WIDTH_512: (usize, usize) = (16, 16);
pub(super) const WIDTH_256: (usize, usize) = (10, 16);
pub(super) const WIDTH_128: (usize, usize) = (6, 12);

/// The instructions this processor has, the best first.
pub(super) fn kinds() -> Vec<Kind> {
    let mut kinds = Vec::new();
    let ni = std::is_x86_feature_detected!("aes") && std::is_x86_feature_detected!("sse4.1");
    let vaes = ni && std::is_x86_feature_detected!("vaes") && std::is_x86_feature_detected!("avx2");
    if vaes && std::is_x86_feature_detected!("avx512f") && std::is_x86_feature_detected!("avx512bw")
    {
        kinds.push(Kind::Vaes512);
    }
    if vaes {
        kinds.push(Kind::Vaes256);
    }
    if ni {
        kinds.push(Kind::AesNi);
    }
    kinds
}

macro_rules! entries {
    ($features:literal, $vector:ident, $run:ident, $keystream:ident, $($groups:literal),+) => {
        #[target_feature(enable = $features)]
        pub(super) unsafe fn $run(job: &Job<'_>, mode: Mode, chains: &mut Chains, count: usize, steps: usize) -> usize {
            // SAFETY: the caller's, and the instructions are enabled.
            unsafe {
                match count.div_ceil($vector::BLOCKS) {
                    $(..=$groups => run::<$vector, $groups>(job, mode, chains, steps),)+
                    _ => 0,
                }
            }
        }

        #[target_feature(enable = $features)]
        pub(super) unsafe fn $keystream(job: &Job<'_>, first_block: u64, start: *mut u8, count: usize) -> usize {
            // SAFETY: the caller's, and the instructions are enabled.
            unsafe { keystream::<$vector>(job, first_block, start, count) }
        }
    };
}

entries!(
    "avx512f,avx512bw,vaes",
    V512,
    run_512,
    keystream_512,
    1,
    2,
    3,
    4
);
entries!(
    "avx2,vaes",
    V256,
    run_256,
    keystream_256,
    1,
    2,
    3,
    4,
    5,
    6,
    7,
    8
);
entries!(
    "aes,sse4.1",
    V128,
    run_128,
    keystream_128,
    1,
    2,
    3,
    4,
    5,
    6,
    8,
    12
);

#[derive(Clone, Copy)]
struct V512(__m512i);

// SAFETY: only instructions of the features it is used with.
unsafe impl Vector for V512 {
    const BLOCKS: usize = 4;

    #[inline(always)]
    unsafe fn load(from: *const u8) -> Self {
        // SAFETY: the caller's.
        unsafe { Self(_mm512_loadu_si512(from.cast())) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut u8) {
        // SAFETY: the caller's.
        unsafe { _mm512_storeu_si512(to.cast(), self.0) }
    }

    #[inline(always)]
    unsafe fn gather(from: *const Runner, offset: usize) -> Self {
        // SAFETY: the caller's.
        unsafe {
            let all = _mm512_castsi128_si512(_mm_loadu_si128((*from).at.add(offset).cast()));
            let all =
                _mm512_inserti32x4::<1>(all, _mm_loadu_si128((*from.add(1)).at.add(offset).cast()));
            let all =
                _mm512_inserti32x4::<2>(all, _mm_loadu_si128((*from.add(2)).at.add(offset).cast()));
            Self(_mm512_inserti32x4::<3>(
                all,
                _mm_loadu_si128((*from.add(3)).at.add(offset).cast()),
            ))
        }
    }

    #[inline(always)]
    unsafe fn splat(block: &Bytes) -> Self {
        // SAFETY: the caller's; the reference is valid for 16 bytes.
        unsafe {
            Self(_mm512_broadcast_i32x4(_mm_loadu_si128(
                block.as_ptr().cast(),
            )))
        }
    }

    #[inline(always)]
    unsafe fn xor(self, other: Self) -> Self {
        // SAFETY: the caller's.
        unsafe { Self(_mm512_xor_si512(self.0, other.0)) }
    }

    #[inline(always)]
    unsafe fn whiten(self, keys: &[Self; 11]) -> Self {
        // SAFETY: the caller's.
        unsafe { self.xor(keys[0]) }
    }

    #[inline(always)]
    unsafe fn round(self, keys: &[Self; 11], round: usize) -> Self {
        // SAFETY: the caller's.
        unsafe { Self(_mm512_aesenc_epi128(self.0, keys[round].0)) }
    }

    #[inline(always)]
    unsafe fn finish(self, keys: &[Self; 11]) -> Self {
        // SAFETY: the caller's.
        unsafe { Self(_mm512_aesenclast_epi128(self.0, keys[10].0)) }
    }

    #[inline(always)]
    unsafe fn counters(nonce: u64, number: u64) -> Self {
        // SAFETY: the caller's.
        unsafe {
            let numbers = _mm512_set1_epi64(number.cast_signed());
            let numbers = _mm512_add_epi64(numbers, _mm512_set_epi64(3, 0, 2, 0, 1, 0, 0, 0));
            // Turns the number around and takes no byte of the other half.
            let order = _mm512_broadcast_i32x4(_mm_set_epi64x(0x0809_0a0b_0c0d_0e0f, -1));
            let numbers = _mm512_shuffle_epi8(numbers, order);
            let nonce = _mm512_broadcast_i32x4(_mm_set_epi64x(0, nonce.cast_signed()));
            Self(_mm512_or_si512(numbers, nonce))
        }
    }

    #[inline(always)]
    unsafe fn prefetch(at: *const u8) {
        // SAFETY: a hint, for any address.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(at.cast()) }
    }
}

#[derive(Clone, Copy)]
struct V256(__m256i);

// SAFETY: only instructions of the features it is used with.
unsafe impl Vector for V256 {
    const BLOCKS: usize = 2;

    #[inline(always)]
    unsafe fn load(from: *const u8) -> Self {
        // SAFETY: the caller's.
        unsafe { Self(_mm256_loadu_si256(from.cast())) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut u8) {
        // SAFETY: the caller's.
        unsafe { _mm256_storeu_si256(to.cast(), self.0) }
    }

    #[inline(always)]
    unsafe fn gather(from: *const Runner, offset: usize) -> Self {
        // SAFETY: the caller's.
        unsafe {
            let first = _mm_loadu_si128((*from).at.add(offset).cast());
            let second = _mm_loadu_si128((*from.add(1)).at.add(offset).cast());
            Self(_mm256_inserti128_si256::<1>(
                _mm256_castsi128_si256(first),
                second,
            ))
        }
    }

    #[inline(always)]
    unsafe fn splat(block: &Bytes) -> Self {
        // SAFETY: the caller's; the reference is valid for 16 bytes.
        unsafe {
            Self(_mm256_broadcastsi128_si256(_mm_loadu_si128(
                block.as_ptr().cast(),
            )))
        }
    }

    #[inline(always)]
    unsafe fn xor(self, other: Self) -> Self {
        // SAFETY: the caller's.
        unsafe { Self(_mm256_xor_si256(self.0, other.0)) }
    }

    #[inline(always)]
    unsafe fn whiten(self, keys: &[Self; 11]) -> Self {
        // SAFETY: the caller's.
        unsafe { self.xor(keys[0]) }
    }

    #[inline(always)]
    unsafe fn round(self, keys: &[Self; 11], round: usize) -> Self {
        // SAFETY: the caller's.
        unsafe { Self(_mm256_aesenc_epi128(self.0, keys[round].0)) }
    }

    #[inline(always)]
    unsafe fn finish(self, keys: &[Self; 11]) -> Self {
        // SAFETY: the caller's.
        unsafe { Self(_mm256_aesenclast_epi128(self.0, keys[10].0)) }
    }

    #[inline(always)]
    unsafe fn counters(nonce: u64, number: u64) -> Self {
        let [first, second] =
            [number, number.wrapping_add(1)].map(|number| number.to_be().cast_signed());
        let nonce = nonce.cast_signed();
        // SAFETY: the caller's.
        unsafe { Self(_mm256_set_epi64x(second, nonce, first, nonce)) }
    }

    #[inline(always)]
    unsafe fn prefetch(at: *const u8) {
        // SAFETY: a hint, for any address.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(at.cast()) }
    }
}

#[derive(Clone, Copy)]
struct V128(__m128i);

// SAFETY: only instructions of the features it is used with.
unsafe impl Vector for V128 {
    const BLOCKS: usize = 1;

    #[inline(always)]
    unsafe fn load(from: *const u8) -> Self {
        // SAFETY: the caller's.
        unsafe { Self(_mm_loadu_si128(from.cast())) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut u8) {
        // SAFETY: the caller's.
        unsafe { _mm_storeu_si128(to.cast(), self.0) }
    }

    #[inline(always)]
    unsafe fn gather(from: *const Runner, offset: usize) -> Self {
        // SAFETY: the caller's.
        unsafe { Self::load((*from).at.add(offset)) }
    }

    #[inline(always)]
    unsafe fn splat(block: &Bytes) -> Self {
        // SAFETY: the reference is valid for 16 bytes.
        unsafe { Self::load(block.as_ptr()) }
    }

    #[inline(always)]
    unsafe fn xor(self, other: Self) -> Self {
        // SAFETY: the caller's.
        unsafe { Self(_mm_xor_si128(self.0, other.0)) }
    }

    #[inline(always)]
    unsafe fn whiten(self, keys: &[Self; 11]) -> Self {
        // SAFETY: the caller's.
        unsafe { self.xor(keys[0]) }
    }

    #[inline(always)]
    unsafe fn round(self, keys: &[Self; 11], round: usize) -> Self {
        // SAFETY: the caller's.
        unsafe { Self(_mm_aesenc_si128(self.0, keys[round].0)) }
    }

    #[inline(always)]
    unsafe fn finish(self, keys: &[Self; 11]) -> Self {
        // SAFETY: the caller's.
        unsafe { Self(_mm_aesenclast_si128(self.0, keys[10].0)) }
    }

    #[inline(always)]
    unsafe fn counters(nonce: u64, number: u64) -> Self {
        // SAFETY: the caller's.
        unsafe {
            Self(_mm_set_epi64x(
                number.to_be().cast_signed(),
                nonce.cast_signed(),
            ))
        }
    }

    #[inline(always)]
    unsafe fn prefetch(at: *const u8) {
        // SAFETY: a hint, for any address.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(at.cast()) }
    }
}

/// The round keys (FIPS 197, 5.2).
#[target_feature(enable = "aes,sse4.1")]
pub(super) unsafe fn expand(key: &Bytes) -> Keys {
    let mut keys = [*key; 11];
    // SAFETY: the references are valid for 16 bytes.
    unsafe {
        let mut last = _mm_loadu_si128(key.as_ptr().cast());
        macro_rules! next {
            ($($round:literal: $constant:literal),+) => {$(
                let word = _mm_shuffle_epi32::<0xff>(_mm_aeskeygenassist_si128::<$constant>(last));
                last = _mm_xor_si128(last, _mm_slli_si128::<4>(last));
                last = _mm_xor_si128(last, _mm_slli_si128::<8>(last));
                last = _mm_xor_si128(last, word);
                _mm_storeu_si128(keys[$round].as_mut_ptr().cast(), last);
            )+};
        }
        next!(1: 0x01, 2: 0x02, 3: 0x04, 4: 0x08, 5: 0x10, 6: 0x20, 7: 0x40, 8: 0x80, 9: 0x1b, 10: 0x36);
    }
    keys
}

// The lint is newer than the oldest Rust. What it warns of does not happen: once everything is inlined
// into `run`, which has the instructions, so are these (1394 `aese` in it, and no call).
#![allow(unknown_lints, inline_always_mismatching_target_features)]

use core::arch::aarch64::*;
use std::vec::Vec;

use super::{
    Bytes, Chains, Job, Keys, Kind, Mode, Runner, Vector, keystream as kernel_keystream,
    run as kernel_run,
};

/// How many chains side by side, with counter mode and alone.
pub(super) const WIDTH: (usize, usize) = (8, 8);

/// The instructions this processor has, the best first.
pub(super) fn kinds() -> Vec<Kind> {
    let mut kinds = Vec::new();
    if std::arch::is_aarch64_feature_detected!("aes")
        && std::arch::is_aarch64_feature_detected!("neon")
    {
        kinds.push(Kind::Armv8);
    }
    kinds
}

#[target_feature(enable = "aes,neon")]
pub(super) unsafe fn run(
    job: &Job<'_>,
    mode: Mode,
    chains: &mut Chains,
    count: usize,
    steps: usize,
) -> usize {
    // SAFETY: the caller's, and the instructions are enabled.
    unsafe {
        match count {
            1 => kernel_run::<V128, 1>(job, mode, chains, steps),
            2 => kernel_run::<V128, 2>(job, mode, chains, steps),
            3..=4 => kernel_run::<V128, 4>(job, mode, chains, steps),
            5..=6 => kernel_run::<V128, 6>(job, mode, chains, steps),
            7..=8 => kernel_run::<V128, 8>(job, mode, chains, steps),
            _ => 0,
        }
    }
}

#[target_feature(enable = "aes,neon")]
pub(super) unsafe fn keystream(
    job: &Job<'_>,
    first_block: u64,
    start: *mut u8,
    count: usize,
) -> usize {
    // SAFETY: the caller's, and the instructions are enabled.
    unsafe { kernel_keystream::<V128>(job, first_block, start, count) }
}

#[derive(Clone, Copy)]
struct V128(uint8x16_t);

// SAFETY: only instructions of the features it is used with.
unsafe impl Vector for V128 {
    const BLOCKS: usize = 1;

    #[inline(always)]
    unsafe fn load(from: *const u8) -> Self {
        // SAFETY: the caller's.
        unsafe { Self(vld1q_u8(from)) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut u8) {
        // SAFETY: the caller's.
        unsafe { vst1q_u8(to, self.0) }
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
        unsafe { Self(veorq_u8(self.0, other.0)) }
    }

    /// The instruction adds the key of the round before itself.
    #[inline(always)]
    unsafe fn whiten(self, _keys: &[Self; 11]) -> Self {
        self
    }

    #[inline(always)]
    unsafe fn round(self, keys: &[Self; 11], round: usize) -> Self {
        // SAFETY: the caller's.
        unsafe { Self(vaesmcq_u8(vaeseq_u8(self.0, keys[round - 1].0))) }
    }

    #[inline(always)]
    unsafe fn finish(self, keys: &[Self; 11]) -> Self {
        // SAFETY: the caller's.
        unsafe { Self(veorq_u8(vaeseq_u8(self.0, keys[9].0), keys[10].0)) }
    }

    #[inline(always)]
    unsafe fn counters(nonce: u64, number: u64) -> Self {
        // SAFETY: the caller's.
        unsafe {
            Self(vreinterpretq_u8_u64(vcombine_u64(
                vcreate_u64(nonce),
                vcreate_u64(number.to_be()),
            )))
        }
    }

    /// There is no stable intrinsic; the processor's own prefetcher does well.
    #[inline(always)]
    unsafe fn prefetch(_at: *const u8) {}
}

/// The round keys (FIPS 197, 5.2).
#[target_feature(enable = "aes,neon")]
pub(super) unsafe fn expand(key: &Bytes) -> Keys {
    let mut keys = [*key; 11];
    for round in 1..11 {
        let [a, b, c, d] = words(&keys[round - 1]);
        // The instruction's row shift does nothing when all columns are the same.
        let column = vreinterpretq_u8_u32(vdupq_n_u32(d));
        let substituted =
            vgetq_lane_u32::<0>(vreinterpretq_u32_u8(vaeseq_u8(column, vdupq_n_u8(0))));
        let constant = [1, 2, 4, 8, 0x10, 0x20, 0x40, 0x80, 0x1b, 0x36][round - 1];
        let a = a ^ substituted.rotate_right(8) ^ constant;
        let b = b ^ a;
        let c = c ^ b;
        let d = d ^ c;
        for (bytes, word) in keys[round].chunks_exact_mut(4).zip([a, b, c, d]) {
            bytes.copy_from_slice(&word.to_le_bytes());
        }
    }
    keys
}

/// The columns as the processor sees them: little-endian.
fn words(key: &Bytes) -> [u32; 4] {
    core::array::from_fn(|i| {
        u32::from_le_bytes([key[4 * i], key[4 * i + 1], key[4 * i + 2], key[4 * i + 3]])
    })
}

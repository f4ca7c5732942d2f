//! The engine in the processor's own instructions: the only `unsafe` of this crate, behind the
//! feature `accelerated`.
//!
//! One kernel serves all processors. It is written over [`Vector`], a register that holds 4 blocks
//! (VAES-512), 2 (VAES-256) or 1 (AES-NI, ARMv8), and compiled once for each. A MAC vector holds the
//! states of as many chains; a key stream vector holds neighbouring blocks of one chain. In each step
//! the kernel advances all chains by one block and makes key stream for some of them, round by round,
//! so that there is always work that does not wait.
//!
//! What makes it sound:
//!
//! * a [`Kind`] is made only after the processor said that it has the instructions;
//! * pointers are made from slots that lie inside the buffer, which [`Accelerated::fits`] checks;
//! * the kernel reads and writes through them only, 16 × `steps` bytes from each slot's start on.
//!
//! The safe kernel does the same, and the tests compare the two.

#![expect(unsafe_code, reason = "processor instructions; see above")]
#![expect(
    clippy::indexing_slicing,
    reason = "indices below the constant lengths of the arrays"
)]

use zeroize::Zeroizing;

use super::Chain;
use super::kernel::Bytes;
use super::schedule::{MAX_WIDTH, Slot};

#[cfg(target_arch = "aarch64")]
mod arm;
#[cfg(test)]
mod tests;
#[cfg(target_arch = "x86_64")]
mod x86;
#[cfg(target_arch = "x86_64")]
mod x86_base64;
#[cfg(target_arch = "x86_64")]
mod x86_cbc;

/// Which instructions to use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Four blocks at once.
    #[cfg(target_arch = "x86_64")]
    Vaes512,
    /// Two blocks at once.
    #[cfg(target_arch = "x86_64")]
    Vaes256,
    /// One block at once.
    #[cfg(target_arch = "x86_64")]
    AesNi,
    /// One block at once.
    #[cfg(target_arch = "aarch64")]
    Armv8,
}

/// The expanded key, and the instructions to use it with.
#[derive(Clone)]
pub(super) struct Accelerated {
    kind: Kind,
    keys: Zeroizing<Keys>,
}

/// The eleven round keys.
type Keys = [Bytes; 11];

/// What the kernel does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Encrypt,
    Decrypt,
    Mac,
}

impl Accelerated {
    /// Expands the key for the best instructions there are, or `None` if there are none.
    pub(super) fn new(key: &Bytes) -> Option<Self> {
        Self::with_kind(*Self::kinds().first()?, key)
    }

    /// All instructions this processor has, the best first.
    pub(super) fn kinds() -> std::vec::Vec<Kind> {
        #[cfg(target_arch = "x86_64")]
        return x86::kinds();
        #[cfg(target_arch = "aarch64")]
        return arm::kinds();
        #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
        return std::vec::Vec::new();
    }

    /// `None` if the processor does not have these instructions.
    pub(super) fn with_kind(kind: Kind, key: &Bytes) -> Option<Self> {
        if !Self::kinds().contains(&kind) {
            return None;
        }
        // SAFETY: the processor has the instructions.
        #[cfg(target_arch = "x86_64")]
        let keys = unsafe { x86::expand(key) };
        // SAFETY: the processor has the instructions.
        #[cfg(target_arch = "aarch64")]
        let keys = unsafe { arm::expand(key) };
        #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
        let keys = [*key; 11];
        Some(Self {
            kind,
            keys: Zeroizing::new(keys),
        })
    }

    /// How many chains side by side it likes.
    pub(super) fn width(&self, mode: Mode) -> usize {
        let (with_counter_mode, alone) = match self.kind {
            #[cfg(target_arch = "x86_64")]
            Kind::Vaes512 => x86::WIDTH_512,
            #[cfg(target_arch = "x86_64")]
            Kind::Vaes256 => x86::WIDTH_256,
            #[cfg(target_arch = "x86_64")]
            Kind::AesNi => x86::WIDTH_128,
            #[cfg(target_arch = "aarch64")]
            Kind::Armv8 => arm::WIDTH,
        };
        if mode == Mode::Mac {
            alone
        } else {
            with_counter_mode
        }
    }

    /// XORs the key stream into as many blocks as make whole batches, and says how many.
    pub(super) fn keystream(
        &self,
        nonce: [u8; 8],
        first_block: u64,
        blocks: &mut [Bytes],
    ) -> usize {
        let job = Job {
            keys: &self.keys,
            nonce: u64::from_ne_bytes(nonce),
        };
        let start = blocks.as_mut_ptr().cast();
        // SAFETY: the processor has the instructions; the pointer is valid for that many blocks.
        unsafe {
            match self.kind {
                #[cfg(target_arch = "x86_64")]
                Kind::Vaes512 => x86::keystream_512(&job, first_block, start, blocks.len()),
                #[cfg(target_arch = "x86_64")]
                Kind::Vaes256 => x86::keystream_256(&job, first_block, start, blocks.len()),
                #[cfg(target_arch = "x86_64")]
                Kind::AesNi => x86::keystream_128(&job, first_block, start, blocks.len()),
                #[cfg(target_arch = "aarch64")]
                Kind::Armv8 => arm::keystream(&job, first_block, start, blocks.len()),
            }
        }
    }

    /// Encrypts or decrypts up to `steps` blocks from each slot's place on and carries the chains on.
    /// Says how many it did: it leaves what is less than a vector.
    pub(super) fn crypt(
        &self,
        mode: Mode,
        nonce: [u8; 8],
        first_block: u64,
        blocks: &mut [Bytes],
        slots: &mut [Slot],
        steps: usize,
    ) -> usize {
        if !Self::fits(blocks.len(), slots, steps) {
            return 0;
        }
        let start = blocks.as_mut_ptr().cast();
        // SAFETY: the slots lie inside the buffer.
        unsafe { self.run(mode, nonce, first_block, start, slots, steps) }
    }

    /// Carries the chains on over up to `steps` blocks from each slot's place on. Says how many.
    pub(super) fn mac(&self, blocks: &[Bytes], slots: &mut [Slot], steps: usize) -> usize {
        if !Self::fits(blocks.len(), slots, steps) {
            return 0;
        }
        let start = blocks.as_ptr().cast::<u8>().cast_mut();
        // SAFETY: the slots lie inside the buffer, and the kernel writes nothing in this mode.
        unsafe { self.run(Mode::Mac, [0; 8], 0, start, slots, steps) }
    }

    fn fits(blocks: usize, slots: &[Slot], steps: usize) -> bool {
        let inside = |slot: &Slot| slot.at.checked_add(steps).is_some_and(|end| end <= blocks);
        (1..=MAX_WIDTH).contains(&slots.len()) && slots.iter().all(inside)
    }

    /// # Safety
    ///
    /// `start` is valid for 16 bytes × (the place of any slot + `steps`), for writing too unless the
    /// mode is [`Mode::Mac`]. There are 1 to [`MAX_WIDTH`] slots.
    unsafe fn run(
        &self,
        mode: Mode,
        nonce: [u8; 8],
        first_block: u64,
        start: *mut u8,
        slots: &mut [Slot],
        steps: usize,
    ) -> usize {
        let job = Job {
            keys: &self.keys,
            nonce: u64::from_ne_bytes(nonce),
        };
        let mut scratch = Scratch([0; 64]);
        let idle = Runner {
            at: scratch.0.as_mut_ptr(),
            stride: 0,
            number: 0,
        };
        let mut chains = Chains {
            runners: [idle; MAX_WIDTH],
            states: [[0; 16]; MAX_WIDTH],
        };
        for ((runner, state), slot) in chains
            .runners
            .iter_mut()
            .zip(&mut chains.states)
            .zip(&*slots)
        {
            // SAFETY: the slot starts inside the buffer, or at its end if there are no steps.
            let at = unsafe { start.add(slot.at * 16) };
            *runner = Runner {
                at,
                stride: 1,
                number: first_block.wrapping_add(slot.at as u64),
            };
            *state = slot.state;
        }
        let count = slots.len();
        // SAFETY: the processor has the instructions; runners are valid for `steps` blocks, or stay on
        // the scratch, which is as large as the largest vector.
        let done = unsafe {
            match self.kind {
                #[cfg(target_arch = "x86_64")]
                Kind::Vaes512 => x86::run_512(&job, mode, &mut chains, count, steps),
                #[cfg(target_arch = "x86_64")]
                Kind::Vaes256 => x86::run_256(&job, mode, &mut chains, count, steps),
                #[cfg(target_arch = "x86_64")]
                Kind::AesNi => x86::run_128(&job, mode, &mut chains, count, steps),
                #[cfg(target_arch = "aarch64")]
                Kind::Armv8 => arm::run(&job, mode, &mut chains, count, steps),
            }
        };
        for (slot, state) in slots.iter_mut().zip(chains.states) {
            slot.state = state;
        }
        done
    }
}

/// Decrypts short chains (CBC) that each begin with a vector of zeros and have a key of their own. `false`, and nothing done, if the processor
/// does not have the instructions.
pub(super) fn decrypt_cbc(chains: &mut [Chain<'_>]) -> bool {
    #[cfg(target_arch = "x86_64")]
    if std::is_x86_feature_detected!("aes") && std::is_x86_feature_detected!("sse4.1") {
        // SAFETY: the processor has the instructions.
        unsafe { x86_cbc::decrypt(chains) };
        return true;
    }
    let _ = chains;
    false
}

/// Decodes the beginning of a base64 text into the beginning of a buffer: a multiple of four characters, into three quarters as many bytes.
/// Gives how many characters; `None` if one of them is none of the alphabet.
pub(super) fn decode_base64(text: &[u8], bytes: &mut [u8]) -> Option<usize> {
    #[cfg(target_arch = "x86_64")]
    if std::is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has the instructions.
        let (done, known) = unsafe { x86_base64::decode(text, bytes) };
        return known.then_some(done);
    }
    let _ = (text, bytes);
    Some(0)
}

/// What all chains have in common.
struct Job<'a> {
    keys: &'a Keys,
    /// The nonce as it lies in memory.
    nonce: u64,
}

/// The chains under way; the ones that only fill the vectors run on the spot over the scratch.
struct Chains {
    runners: [Runner; MAX_WIDTH],
    states: [Bytes; MAX_WIDTH],
}

#[derive(Clone, Copy)]
struct Runner {
    /// Where its next block lies.
    at: *mut u8,
    /// 1, or 0 to run on the spot.
    stride: usize,
    /// The number of its next block in the file.
    number: u64,
}

#[repr(align(64))]
struct Scratch([u8; 64]);

/// A register of one or more blocks.
///
/// # Safety
///
/// The functions may be called only where the processor has the instructions, and are meant to be
/// inlined into a function that has them enabled.
unsafe trait Vector: Copy {
    /// How many blocks it holds.
    const BLOCKS: usize;

    /// Reads `BLOCKS` blocks that lie side by side, at any alignment.
    unsafe fn load(from: *const u8) -> Self;
    /// Writes `BLOCKS` blocks side by side, at any alignment.
    unsafe fn store(self, to: *mut u8);
    /// Reads one block from each of the next `BLOCKS` runners, `offset` bytes behind its place.
    unsafe fn gather(from: *const Runner, offset: usize) -> Self;
    /// The same block in all places.
    unsafe fn splat(block: &Bytes) -> Self;
    unsafe fn xor(self, other: Self) -> Self;
    /// What comes before the first round.
    unsafe fn whiten(self, keys: &[Self; 11]) -> Self;
    /// Round 1 to 9.
    unsafe fn round(self, keys: &[Self; 11], round: usize) -> Self;
    /// The tenth round.
    unsafe fn finish(self, keys: &[Self; 11]) -> Self;
    /// The counter blocks from `number` on.
    unsafe fn counters(nonce: u64, number: u64) -> Self;
    /// Brings a line into the cache. The address may be invalid.
    unsafe fn prefetch(at: *const u8);
}

/// The round keys, in all places of a vector. No closures here and below: the compiler makes functions
/// of them that do not have the instructions.
///
/// # Safety
///
/// As for [`Vector`].
#[inline(always)]
unsafe fn spread<V: Vector>(job: &Job<'_>) -> [V; 11] {
    // SAFETY: the caller's.
    unsafe {
        let mut keys = [V::splat(&job.keys[0]); 11];
        for (vector, key) in keys.iter_mut().zip(job.keys) {
            *vector = V::splat(key);
        }
        keys
    }
}

/// XORs the key stream into whole batches of 8 vectors; gives how many blocks that were.
///
/// # Safety
///
/// As for [`Vector`]; `start` is valid for `count` blocks.
#[inline(always)]
unsafe fn keystream<V: Vector>(
    job: &Job<'_>,
    first_block: u64,
    start: *mut u8,
    count: usize,
) -> usize {
    const BATCH: usize = 8;
    // SAFETY: see above; the offsets stay below `count` blocks.
    unsafe {
        let keys = spread::<V>(job);
        let mut done = 0;
        while count - done >= BATCH * V::BLOCKS {
            let number = first_block.wrapping_add(done as u64);
            let mut stream = [keys[0]; BATCH];
            for (i, vector) in stream.iter_mut().enumerate() {
                *vector = V::counters(job.nonce, number.wrapping_add((i * V::BLOCKS) as u64))
                    .whiten(&keys);
            }
            for round in 1..10 {
                for vector in &mut stream {
                    *vector = vector.round(&keys, round);
                }
            }
            for (i, vector) in stream.into_iter().enumerate() {
                let at = start.add((done + i * V::BLOCKS) * 16);
                vector.finish(&keys).xor(V::load(at)).store(at);
            }
            done += BATCH * V::BLOCKS;
        }
        done
    }
}

/// Advances `V::BLOCKS` × `G` chains by as many whole vectors as there are in `steps`; gives the
/// blocks done.
///
/// # Safety
///
/// As for [`Vector`]; runners are valid for `steps` blocks, or for one vector if they run on the spot.
#[inline(always)]
unsafe fn run<V: Vector, const G: usize>(
    job: &Job<'_>,
    mode: Mode,
    chains: &mut Chains,
    steps: usize,
) -> usize {
    let tiles = steps / V::BLOCKS;
    if tiles == 0 || V::BLOCKS * G > MAX_WIDTH {
        return 0;
    }
    // SAFETY: see above. The runners go over `tiles` vectors: the chains over each once, counter mode
    // over each once, one vector behind when encrypting and one ahead when decrypting.
    unsafe {
        let keys = spread::<V>(job);
        let mut states = [keys[0]; G];
        for (g, state) in states.iter_mut().enumerate() {
            *state = V::load(chains.states.as_ptr().add(g * V::BLOCKS).cast());
        }
        let runners = &mut chains.runners;
        match mode {
            Mode::Mac => {
                for _ in 0..tiles {
                    tile::<V, G, true, false>(job, &keys, runners, &mut states, 0);
                }
            }
            Mode::Encrypt => {
                tile::<V, G, true, false>(job, &keys, runners, &mut states, 0);
                for _ in 1..tiles {
                    tile::<V, G, true, true>(job, &keys, runners, &mut states, -1);
                }
                tile::<V, G, false, true>(job, &keys, runners, &mut states, -1);
            }
            Mode::Decrypt => {
                tile::<V, G, false, true>(job, &keys, runners, &mut states, 0);
                for _ in 1..tiles {
                    tile::<V, G, true, true>(job, &keys, runners, &mut states, 1);
                }
                tile::<V, G, true, false>(job, &keys, runners, &mut states, 0);
            }
        }
        for (g, state) in states.into_iter().enumerate() {
            state.store(chains.states.as_mut_ptr().add(g * V::BLOCKS).cast());
        }
    }
    tiles * V::BLOCKS
}

/// One vector of each chain: the MAC over the vector where the runner is, which it then leaves behind,
/// and counter mode over the vector `ahead` of that.
///
/// # Safety
///
/// As for [`run`].
#[inline(always)]
unsafe fn tile<V: Vector, const G: usize, const MAC: bool, const CTR: bool>(
    job: &Job<'_>,
    keys: &[V; 11],
    runners: &mut [Runner; MAX_WIDTH],
    states: &mut [V; G],
    ahead: isize,
) {
    // SAFETY: see above.
    unsafe {
        for step in 0..V::BLOCKS {
            let mut chains = *states;
            if MAC {
                for (g, chain) in chains.iter_mut().enumerate() {
                    let block = V::gather(runners.as_ptr().add(g * V::BLOCKS), step * 16);
                    *chain = chain.xor(block).whiten(keys);
                }
            }
            // The runners of this step's share of counter mode.
            let mut share = [runners[0]; G];
            share.copy_from_slice(&runners[step * G..step * G + G]);
            let mut streams = *states;
            if CTR {
                for (stream, runner) in streams.iter_mut().zip(&share) {
                    let number = runner
                        .number
                        .wrapping_add_signed((ahead * V::BLOCKS as isize) as i64);
                    *stream = V::counters(job.nonce, number).whiten(keys);
                }
            }
            for round in 1..10 {
                if MAC {
                    for chain in &mut chains {
                        *chain = chain.round(keys, round);
                    }
                }
                if CTR {
                    for stream in &mut streams {
                        *stream = stream.round(keys, round);
                    }
                }
            }
            if MAC {
                for (state, chain) in states.iter_mut().zip(chains) {
                    *state = chain.finish(keys);
                }
            }
            for (stream, runner) in streams.into_iter().zip(&share) {
                V::prefetch(runner.at.wrapping_add(PREFETCH).cast_const());
                if CTR {
                    let at = runner
                        .at
                        .offset(ahead * (V::BLOCKS * 16 * runner.stride) as isize);
                    stream.finish(keys).xor(V::load(at)).store(at);
                }
            }
        }
        if MAC {
            for runner in &mut runners[..V::BLOCKS * G] {
                // At most one vector behind the last byte of its part, inside the buffer or at its end.
                runner.at = runner.at.add(V::BLOCKS * 16 * runner.stride);
                runner.number = runner.number.wrapping_add(V::BLOCKS as u64);
            }
        }
    }
}

/// How far ahead lines are brought into the cache, in bytes.
const PREFETCH: usize = 512;

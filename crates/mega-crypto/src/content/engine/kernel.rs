//! The safe kernel: what runs inside the block cipher's backend closure.
//!
//! The cipher crate hands a closure the fastest backend the processor has, together with the number
//! of blocks that backend likes to encrypt at once. The closure is compiled once for each backend,
//! with that backend's instructions enabled, so everything in here is inlined into one function.
//!
//! Lanes advance together, a tile at a time: counter mode over the tile of each lane, then the MAC
//! steps of all lanes, block by block. Whole chunks lie 128 KiB or more apart and so share cache
//! sets; a tile keeps what the MAC reads in the cache until the counter mode gets to it.

#![expect(
    clippy::indexing_slicing,
    clippy::needless_range_loop,
    reason = "indices below the constant lengths of the arrays, and below `steps`; the two arrays advance together"
)]

use cipher::array::Array;
use cipher::inout::InOut;
use cipher::typenum::Unsigned;
use cipher::{
    Block, BlockCipherEncBackend, BlockCipherEncClosure, BlockSizeUser, ParBlocks, consts::U16,
};

use super::Lane;
use super::schedule::{MAX_WIDTH, Schedule, Slot};

/// Sixteen bytes of content, of key stream, or of a chain's state.
pub(super) type Bytes = [u8; 16];

/// XORs the key stream into whole blocks.
pub(super) struct Keystream<'a> {
    pub(super) nonce: [u8; 8],
    pub(super) first_block: u64,
    pub(super) blocks: &'a mut [Bytes],
}

impl BlockSizeUser for Keystream<'_> {
    type BlockSize = U16;
}

impl BlockCipherEncClosure for Keystream<'_> {
    #[inline(always)]
    fn call<B: BlockCipherEncBackend<BlockSize = U16>>(self, backend: &B) {
        Counters::new(self.nonce).apply(backend, self.first_block, self.blocks);
    }
}

/// Encrypts or decrypts, and carries the chains on over the plaintext.
pub(super) struct Crypt<'a, const DECRYPT: bool> {
    pub(super) nonce: [u8; 8],
    pub(super) first_block: u64,
    pub(super) blocks: &'a mut [Bytes],
    pub(super) lanes: &'a mut [Lane],
    pub(super) width: Option<usize>,
}

impl<const DECRYPT: bool> BlockSizeUser for Crypt<'_, DECRYPT> {
    type BlockSize = U16;
}

impl<const DECRYPT: bool> BlockCipherEncClosure for Crypt<'_, DECRYPT> {
    #[inline(always)]
    fn call<B: BlockCipherEncBackend<BlockSize = U16>>(self, backend: &B) {
        let best = best_width::<B>();
        let mut schedule = Schedule::new(self.lanes, self.width.unwrap_or(best).min(best));
        let mut job = CryptJob {
            backend,
            counters: Counters::new(self.nonce),
            first_block: self.first_block,
            blocks: self.blocks,
        };
        while let Some((width, steps)) = schedule.next() {
            let active = schedule.running();
            let slots = &mut schedule.slots;
            match width {
                16 if best >= 16 => job.run::<16, DECRYPT>(slots, active, steps),
                8 if best >= 8 => job.run::<8, DECRYPT>(slots, active, steps),
                4 => job.run::<4, DECRYPT>(slots, active, steps),
                3 => job.run::<3, DECRYPT>(slots, active, steps),
                2 => job.run::<2, DECRYPT>(slots, active, steps),
                _ => job.run::<1, DECRYPT>(slots, active, steps),
            }
            schedule.advance(steps);
        }
    }
}

/// Carries the chains on.
pub(super) struct Mac<'a> {
    pub(super) blocks: &'a [Bytes],
    pub(super) lanes: &'a mut [Lane],
    pub(super) width: Option<usize>,
}

impl BlockSizeUser for Mac<'_> {
    type BlockSize = U16;
}

impl BlockCipherEncClosure for Mac<'_> {
    #[inline(always)]
    fn call<B: BlockCipherEncBackend<BlockSize = U16>>(self, backend: &B) {
        let best = best_width::<B>();
        let mut schedule = Schedule::new(self.lanes, self.width.unwrap_or(best).min(best));
        while let Some((width, steps)) = schedule.next() {
            let slots = &mut schedule.slots;
            match width {
                16 if best >= 16 => mac::<B, 16>(backend, self.blocks, slots, steps),
                8 if best >= 8 => mac::<B, 8>(backend, self.blocks, slots, steps),
                4 => mac::<B, 4>(backend, self.blocks, slots, steps),
                3 => mac::<B, 3>(backend, self.blocks, slots, steps),
                2 => mac::<B, 2>(backend, self.blocks, slots, steps),
                _ => mac::<B, 1>(backend, self.blocks, slots, steps),
            }
            schedule.advance(steps);
        }
    }
}

/// How many chains side by side a backend likes: enough to hide the latency of one block, few enough
/// for its registers.
#[inline(always)]
pub(super) fn best_width<B: BlockCipherEncBackend<BlockSize = U16>>() -> usize {
    match B::ParBlocksSize::USIZE {
        0..=4 => 4,
        5..=8 => 8,
        _ => MAX_WIDTH,
    }
}

/// What counter mode needs to know.
struct CryptJob<'a, B: BlockCipherEncBackend<BlockSize = U16>> {
    backend: &'a B,
    counters: Counters<B>,
    first_block: u64,
    blocks: &'a mut [Bytes],
}

impl<B: BlockCipherEncBackend<BlockSize = U16>> CryptJob<'_, B> {
    /// Advances all slots by `steps` blocks. Slots from `active` on are copies that only fill the
    /// width.
    #[inline(always)]
    fn run<const L: usize, const DECRYPT: bool>(
        &mut self,
        slots: &mut [Slot; MAX_WIDTH],
        active: usize,
        steps: usize,
    ) {
        let Some(slots) = slots.first_chunk_mut::<L>() else {
            return;
        };
        let mut states: [Block<B>; L] = core::array::from_fn(|l| slots[l].state.into());
        let batch = B::ParBlocksSize::USIZE;
        if L <= 2 && batch > 8 {
            self.interleaved::<L, DECRYPT>(&mut states, slots, steps);
        } else {
            // Small batches keep counter mode close to the MAC, so that the processor overlaps them.
            let done = if batch <= 8 {
                self.tiles::<L, 8, DECRYPT>(&mut states, slots, active, 0, steps)
            } else if 64 % batch == 0 {
                self.tiles::<L, 64, DECRYPT>(&mut states, slots, active, 0, steps)
            } else {
                self.tiles::<L, 256, DECRYPT>(&mut states, slots, active, 0, steps)
            };
            self.tiles::<L, 1, DECRYPT>(&mut states, slots, active, done, steps);
        }
        for (slot, state) in slots.iter_mut().zip(states) {
            slot.state = state.into();
        }
    }

    /// Steps of one or two chains, which leave the processor idle while they wait for themselves:
    /// counter mode fills the gaps, block by block.
    #[inline(always)]
    fn interleaved<const L: usize, const DECRYPT: bool>(
        &mut self,
        states: &mut [Block<B>; L],
        slots: &[Slot; L],
        steps: usize,
    ) {
        let ranges: [_; L] = core::array::from_fn(|l| slots[l].at..slots[l].at + steps);
        let Ok(parts) = self.blocks.get_disjoint_mut(ranges) else {
            return;
        };
        for step in 0..steps {
            for l in 0..L {
                let number = self.first_block.wrapping_add((slots[l].at + step) as u64);
                let mut stream: Block<B> = counter(self.counters.nonce, number).into();
                self.backend.encrypt_block_inplace(&mut stream);
                let block = &mut parts[l][step];
                if DECRYPT {
                    xor(block, stream.as_ref());
                    xor(states[l].as_mut(), block);
                } else {
                    xor(states[l].as_mut(), block);
                    xor(block, stream.as_ref());
                }
            }
            encrypt_states(self.backend, states);
        }
    }

    /// As many tiles of T steps as there are between `from` and `steps`. Gives where it stopped.
    #[inline(always)]
    fn tiles<const L: usize, const T: usize, const DECRYPT: bool>(
        &mut self,
        states: &mut [Block<B>; L],
        slots: &[Slot; L],
        active: usize,
        from: usize,
        steps: usize,
    ) -> usize {
        let mut done = from;
        while steps - done >= T {
            if !DECRYPT {
                mac_tile::<B, L, T>(self.backend, self.blocks, states, slots, done);
            }
            for slot in slots.iter().take(active) {
                let at = slot.at + done;
                if let Some(tile) = self.blocks.get_mut(at..at + T) {
                    self.counters.apply(
                        self.backend,
                        self.first_block.wrapping_add(at as u64),
                        tile,
                    );
                }
            }
            if DECRYPT {
                mac_tile::<B, L, T>(self.backend, self.blocks, states, slots, done);
            }
            done += T;
        }
        done
    }
}

#[inline(always)]
fn mac<B: BlockCipherEncBackend<BlockSize = U16>, const L: usize>(
    backend: &B,
    blocks: &[Bytes],
    slots: &mut [Slot; MAX_WIDTH],
    steps: usize,
) {
    let Some(slots) = slots.first_chunk_mut::<L>() else {
        return;
    };
    let mut states: [Block<B>; L] = core::array::from_fn(|l| slots[l].state.into());
    let mut done = 0;
    while steps - done >= 64 {
        mac_tile::<B, L, 64>(backend, blocks, &mut states, slots, done);
        done += 64;
    }
    while done < steps {
        mac_tile::<B, L, 1>(backend, blocks, &mut states, slots, done);
        done += 1;
    }
    for (slot, state) in slots.iter_mut().zip(states) {
        slot.state = state.into();
    }
}

/// T steps of all chains.
#[inline(always)]
fn mac_tile<B: BlockCipherEncBackend<BlockSize = U16>, const L: usize, const T: usize>(
    backend: &B,
    blocks: &[Bytes],
    states: &mut [Block<B>; L],
    slots: &[Slot; L],
    done: usize,
) {
    let mut tiles = [&[[0; 16]; T]; L];
    for (tile, slot) in tiles.iter_mut().zip(slots) {
        let Some(found) = blocks
            .get(slot.at + done..)
            .and_then(|rest| rest.first_chunk::<T>())
        else {
            return;
        };
        *tile = found;
    }
    for t in 0..T {
        for l in 0..L {
            xor(states[l].as_mut(), &tiles[l][t]);
        }
        encrypt_states(backend, states);
    }
}

/// One step of all chains.
#[inline(always)]
fn encrypt_states<B: BlockCipherEncBackend<BlockSize = U16>, const L: usize>(
    backend: &B,
    states: &mut [Block<B>; L],
) {
    // Up to 8 blocks the batch is the unit of work: software encrypts a whole one in any case, and
    // AES-NI keeps it in registers. A larger batch would be mostly empty.
    if L > 1 && B::ParBlocksSize::USIZE <= 8 {
        let mut batches = states.chunks_exact_mut(B::ParBlocksSize::USIZE);
        for batch in &mut batches {
            if let Ok(batch) = <&mut ParBlocks<B>>::try_from(batch) {
                backend.encrypt_par_blocks_inplace(batch);
            }
        }
        for state in batches.into_remainder() {
            backend.encrypt_block_inplace(state);
        }
    } else {
        for state in states {
            backend.encrypt_block_inplace(state);
        }
    }
}

/// Makes the key stream, a batch at a time.
struct Counters<B: BlockCipherEncBackend<BlockSize = U16>> {
    nonce: [u8; 8],
    /// The counter blocks of the batch that starts at `number`.
    blocks: ParBlocks<B>,
    number: u64,
    stream: ParBlocks<B>,
}

impl<B: BlockCipherEncBackend<BlockSize = U16>> Counters<B> {
    #[inline(always)]
    fn new(nonce: [u8; 8]) -> Self {
        let mut counters = Self {
            nonce,
            blocks: ParBlocks::<B>::default(),
            number: 0,
            stream: ParBlocks::<B>::default(),
        };
        counters.fill(0);
        counters
    }

    /// XORs the key stream from block `number` on into whole blocks.
    #[inline(always)]
    fn apply(&mut self, backend: &B, number: u64, blocks: &mut [Bytes]) {
        let batch = B::ParBlocksSize::USIZE;
        let mut number = number;
        let mut pieces = blocks.chunks_exact_mut(batch);
        for piece in &mut pieces {
            self.advance(backend, number);
            xor_bytes(
                piece.as_flattened_mut(),
                Array::slice_as_flattened(&self.stream),
            );
            number = number.wrapping_add(batch as u64);
        }
        let rest = pieces.into_remainder();
        if rest.len() * 4 > batch {
            self.advance(backend, number);
            for (block, stream) in rest.iter_mut().zip(&self.stream) {
                xor(block, stream.as_ref());
            }
        } else {
            for block in rest {
                let mut stream: Block<B> = counter(self.nonce, number).into();
                backend.encrypt_block_inplace(&mut stream);
                xor(block, stream.as_ref());
                number = number.wrapping_add(1);
            }
        }
    }

    /// Encrypts the batch of counter blocks that starts at `number`.
    #[inline(always)]
    fn advance(&mut self, backend: &B, number: u64) {
        self.seek(number);
        backend.encrypt_par_blocks(InOut::from((&self.blocks, &mut self.stream)));
    }

    /// Goes to the batch that starts at `number`.
    #[inline(always)]
    fn seek(&mut self, number: u64) {
        let batch = B::ParBlocksSize::USIZE as u64;
        if batch.is_power_of_two()
            && number.is_multiple_of(batch)
            && self.number.is_multiple_of(batch)
        {
            // Only digits that all blocks of a batch have in common change.
            let changed = counter([0; 8], self.number ^ number);
            let pattern = [changed; 4];
            for piece in Array::slice_as_flattened_mut(&mut self.blocks).chunks_mut(64) {
                xor_bytes(piece, pattern.as_flattened());
            }
            self.number = number;
        } else {
            self.fill(number);
        }
    }

    #[inline(always)]
    fn fill(&mut self, number: u64) {
        for (i, block) in self.blocks.iter_mut().enumerate() {
            *block = counter(self.nonce, number.wrapping_add(i as u64)).into();
        }
        self.number = number;
    }
}

#[inline(always)]
fn xor_bytes(to: &mut [u8], from: &[u8]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to ^= *from;
    }
}

/// The counter block of one block of content: nonce and number, big-endian.
#[inline(always)]
fn counter(nonce: [u8; 8], number: u64) -> Bytes {
    let [a, b, c, d, e, f, g, h] = nonce;
    let [i, j, k, l, m, n, o, p] = number.to_be_bytes();
    [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p]
}

/// `to ^= from`, as one 128-bit word.
#[inline(always)]
fn xor(to: &mut Bytes, from: &Bytes) {
    *to = (u128::from_ne_bytes(*to) ^ u128::from_ne_bytes(*from)).to_ne_bytes();
}

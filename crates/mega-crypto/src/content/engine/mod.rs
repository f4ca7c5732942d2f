//! The engine: counter mode and many CBC-MAC chains in one pass over the data.

#[cfg(feature = "accelerated")]
mod accelerated;
mod kernel;
#[cfg(test)]
mod plain;
mod schedule;

use aes::Aes128Enc;
use cipher::array::Array;
use cipher::{BlockCipherEncrypt, KeyInit};
use zeroize::Zeroizing;

#[cfg(feature = "accelerated")]
use self::accelerated::{Accelerated, Mode};
use self::kernel::{Crypt, Keystream, Mac};
#[cfg(feature = "accelerated")]
use self::schedule::{MAX_WIDTH, Schedule, Slot};
use super::key::ContentKey;

/// A run of whole blocks in a buffer with a MAC chain of its own.
#[derive(Clone, Debug)]
pub(crate) struct Lane {
    /// Where it starts in the buffer, in bytes: a multiple of 16.
    pub(crate) start: usize,
    /// Its length in bytes, a multiple of 16.
    pub(crate) len: usize,
    /// The state of the chain: before the run on entry, after it on return.
    pub(crate) state: [u8; 16],
}

/// What to do with the data besides the MAC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    /// The buffer holds plaintext and becomes ciphertext.
    Encrypt,
    /// The buffer holds ciphertext and becomes plaintext.
    Decrypt,
}

/// A short chain (CBC) that begins with a vector of zeros, and its own key.
pub(crate) struct Chain<'a> {
    pub(crate) key: &'a [u8; 16],
    pub(crate) blocks: &'a mut [[u8; 16]],
}

/// Decrypts short chains. `false`, and nothing done, where there is no quicker way than the cipher for everything.
pub(crate) fn decrypt_short(chains: &mut [Chain<'_>]) -> bool {
    #[cfg(feature = "accelerated")]
    return accelerated::decrypt_cbc(chains);
    #[cfg(not(feature = "accelerated"))]
    {
        let _ = chains;
        false
    }
}

/// Decodes the beginning of a base64 text as far as there is a quick way, and says how many characters that is, a multiple of four.
/// `None` if there is a foreign character.
pub(crate) fn decode_base64(text: &[u8], bytes: &mut [u8]) -> Option<usize> {
    #[cfg(feature = "accelerated")]
    return accelerated::decode_base64(text, bytes);
    #[cfg(not(feature = "accelerated"))]
    {
        let _ = (text, bytes);
        Some(0)
    }
}

/// The expanded key and the nonce.
#[derive(Clone)]
pub(crate) struct Engine {
    aes: Aes128Enc,
    nonce: Zeroizing<[u8; 8]>,
    /// How many chains may run side by side, if not as many as the processor likes.
    width: Option<usize>,
    #[cfg(feature = "accelerated")]
    fast: Option<Accelerated>,
}

impl Engine {
    pub(crate) fn new(key: &ContentKey) -> Self {
        Self {
            aes: Aes128Enc::new(key.expose_aes_key().into()),
            nonce: Zeroizing::new(*key.expose_nonce()),
            width: None,
            #[cfg(feature = "accelerated")]
            fast: Accelerated::new(key.expose_aes_key()),
        }
    }

    /// Limits the number of chains side by side.
    pub(crate) fn set_width(&mut self, width: usize) {
        self.width = Some(width);
    }

    /// Uses the safe kernel.
    #[cfg(feature = "accelerated")]
    pub(crate) fn set_portable(&mut self) {
        self.fast = None;
    }

    /// Encrypts one block.
    pub(crate) fn block(&self, block: [u8; 16]) -> [u8; 16] {
        let mut block = Array::from(block);
        self.aes.encrypt_block(&mut block);
        block.into()
    }

    /// The state a chunk's chain starts with: the nonce twice.
    pub(crate) fn initial_state(&self) -> [u8; 16] {
        let [a, b, c, d, e, f, g, h] = *self.nonce;
        [a, b, c, d, e, f, g, h, a, b, c, d, e, f, g, h]
    }

    /// The key stream of the block with this number.
    pub(crate) fn keystream_block(&self, number: u64) -> [u8; 16] {
        let [a, b, c, d, e, f, g, h] = *self.nonce;
        let [i, j, k, l, m, n, o, p] = number.to_be_bytes();
        self.block([a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p])
    }

    /// XORs the key stream from the start of block `number` on into the data.
    pub(crate) fn keystream(&self, number: u64, data: &mut [u8]) {
        let (blocks, tail) = data.as_chunks_mut::<16>();
        let end = number.wrapping_add(blocks.len() as u64);
        let done = self.keystream_fast(number, blocks);
        if let Some((_, rest)) = blocks.split_at_mut_checked(done)
            && !rest.is_empty()
        {
            let first_block = number.wrapping_add(done as u64);
            self.aes.encrypt_with_backend(Keystream {
                nonce: *self.nonce,
                first_block,
                blocks: rest,
            });
        }
        if !tail.is_empty() {
            xor(tail, &self.keystream_block(end));
        }
    }

    /// Encrypts or decrypts the lanes' blocks and carries their chains on over the plaintext.
    ///
    /// `first_block` is the number of the block at the start of the buffer. Lanes must lie inside
    /// the buffer and not overlap.
    pub(crate) fn crypt(
        &self,
        direction: Direction,
        first_block: u64,
        data: &mut [u8],
        lanes: &mut [Lane],
    ) {
        let (blocks, _) = data.as_chunks_mut::<16>();
        #[cfg(feature = "accelerated")]
        if let Some(fast) = &self.fast {
            return self.crypt_fast(fast, direction, first_block, blocks, lanes);
        }
        self.crypt_safe(direction, first_block, blocks, lanes);
    }

    fn crypt_safe(
        &self,
        direction: Direction,
        first_block: u64,
        blocks: &mut [[u8; 16]],
        lanes: &mut [Lane],
    ) {
        let (nonce, width) = (*self.nonce, self.width);
        match direction {
            Direction::Encrypt => {
                self.aes.encrypt_with_backend(Crypt::<false> {
                    nonce,
                    first_block,
                    blocks,
                    lanes,
                    width,
                });
            }
            Direction::Decrypt => {
                self.aes.encrypt_with_backend(Crypt::<true> {
                    nonce,
                    first_block,
                    blocks,
                    lanes,
                    width,
                });
            }
        }
    }

    /// Carries the lanes' chains on over a plaintext.
    pub(crate) fn mac(&self, data: &[u8], lanes: &mut [Lane]) {
        let (blocks, _) = data.as_chunks::<16>();
        #[cfg(feature = "accelerated")]
        if let Some(fast) = &self.fast {
            return self.mac_fast(fast, blocks, lanes);
        }
        self.mac_safe(blocks, lanes);
    }

    fn mac_safe(&self, blocks: &[[u8; 16]], lanes: &mut [Lane]) {
        self.aes.encrypt_with_backend(Mac {
            blocks,
            lanes,
            width: self.width,
        });
    }
}

#[cfg(not(feature = "accelerated"))]
impl Engine {
    fn keystream_fast(&self, _number: u64, _blocks: &mut [[u8; 16]]) -> usize {
        0
    }
}

/// What the accelerated kernel does, and what it leaves: less than a vector at the end of a lane, which
/// goes through the safe kernel.
#[cfg(feature = "accelerated")]
impl Engine {
    fn keystream_fast(&self, number: u64, blocks: &mut [[u8; 16]]) -> usize {
        self.fast
            .as_ref()
            .map_or(0, |fast| fast.keystream(*self.nonce, number, blocks))
    }

    fn crypt_fast(
        &self,
        fast: &Accelerated,
        direction: Direction,
        first_block: u64,
        blocks: &mut [[u8; 16]],
        lanes: &mut [Lane],
    ) {
        let mode = match direction {
            Direction::Encrypt => Mode::Encrypt,
            Direction::Decrypt => Mode::Decrypt,
        };
        let mut schedule =
            Schedule::new(lanes, self.width.unwrap_or(MAX_WIDTH).min(fast.width(mode)))
                .with_lead(LEAD);
        while let Some((_, mut steps)) = schedule.next() {
            let running = schedule.running();
            let Some(slots) = schedule.slots.get_mut(..running) else {
                return;
            };
            match fast.crypt(mode, *self.nonce, first_block, blocks, slots, steps) {
                0 => with_lanes(slots, steps, |lanes| {
                    self.crypt_safe(direction, first_block, blocks, lanes)
                }),
                done => steps = done,
            }
            schedule.advance(steps);
        }
    }

    fn mac_fast(&self, fast: &Accelerated, blocks: &[[u8; 16]], lanes: &mut [Lane]) {
        let mut schedule = Schedule::new(
            lanes,
            self.width.unwrap_or(MAX_WIDTH).min(fast.width(Mode::Mac)),
        )
        .with_lead(LEAD);
        while let Some((_, mut steps)) = schedule.next() {
            let running = schedule.running();
            let Some(slots) = schedule.slots.get_mut(..running) else {
                return;
            };
            match fast.mac(blocks, slots, steps) {
                0 => with_lanes(slots, steps, |lanes| self.mac_safe(blocks, lanes)),
                done => steps = done,
            }
            schedule.advance(steps);
        }
    }
}

/// The lead of a chain over the one before, in blocks: two cache lines.
#[cfg(feature = "accelerated")]
const LEAD: usize = 8;

/// Hands some steps of the running chains on as lanes.
#[cfg(feature = "accelerated")]
fn with_lanes(slots: &mut [Slot], steps: usize, work: impl FnOnce(&mut [Lane])) {
    let mut lanes: alloc::vec::Vec<Lane> = slots
        .iter()
        .map(|slot| Lane {
            start: slot.at * 16,
            len: steps * 16,
            state: slot.state,
        })
        .collect();
    work(&mut lanes);
    for (slot, lane) in slots.iter_mut().zip(lanes) {
        slot.state = lane.state;
    }
}

/// `to ^= from`, as far as both reach.
pub(crate) fn xor(to: &mut [u8], from: &[u8]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to ^= *from;
    }
}

#[cfg(all(test, feature = "accelerated"))]
mod tests {
    use std::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    /// An engine for each kind of instructions this processor has.
    fn fast_engines(key: &ContentKey) -> Vec<Engine> {
        let with = |kind| {
            let mut engine = Engine::new(key);
            engine.fast = Accelerated::with_kind(kind, key.expose_aes_key());
            assert!(engine.fast.is_some());
            engine
        };
        Accelerated::kinds().into_iter().map(with).collect()
    }

    /// Lanes of these lengths in blocks, with gaps of these between them, and the buffer's length.
    fn lanes(plan: &[(usize, usize)], seed: u8) -> (Vec<Lane>, usize) {
        let mut start = 0;
        let lanes = plan.iter().zip(seed..).map(|((gap, blocks), byte)| {
            start += gap * 16;
            let lane = Lane {
                start,
                len: blocks * 16,
                state: [byte; 16],
            };
            start += blocks * 16;
            lane
        });
        let lanes: Vec<Lane> = lanes.collect();
        (lanes, start)
    }

    fn states(lanes: &[Lane]) -> Vec<[u8; 16]> {
        lanes.iter().map(|lane| lane.state).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

        #[test]
        fn every_kind_of_instructions_agrees_with_the_safe_kernel(
            aes: [u8; 16],
            nonce: [u8; 8],
            first_block in prop_oneof![0u64..1000, any::<u64>()],
            plan in proptest::collection::vec((0usize..3, prop_oneof![0usize..20, 0usize..3000]), 0..24),
            seed in 0u8..200,
            // Buffers start anywhere, and the bytes behind them must stay as they are.
            shift in 0usize..64,
            width in prop_oneof![Just(None), (1usize..17).prop_map(Some)],
        ) {
            let key = ContentKey::new(aes, nonce);
            let (lanes, len) = lanes(&plan, seed);
            let data: Vec<u8> = (0..len + shift + 70).map(|i| ((i * 31) >> 3) as u8).collect();
            let mut safe = Engine::new(&key);
            safe.set_portable();
            let run = |engine: &Engine, direction| {
                let (mut data, mut lanes) = (data.clone(), lanes.clone());
                engine.crypt(direction, first_block, &mut data[shift..shift + len], &mut lanes);
                (data, states(&lanes))
            };
            for mut engine in fast_engines(&key) {
                if let Some(width) = width {
                    engine.set_width(width);
                }
                for direction in [Direction::Encrypt, Direction::Decrypt] {
                    let (found, expected) = (run(&engine, direction), run(&safe, direction));
                    prop_assert!(found == expected, "{:?} {:?}", engine.fast.as_ref().map(|fast| fast.width(Mode::Mac)), direction);
                }
                let (mut found, mut expected) = (lanes.clone(), lanes.clone());
                engine.mac(&data[shift..shift + len], &mut found);
                safe.mac(&data[shift..shift + len], &mut expected);
                prop_assert_eq!(states(&found), states(&expected));
                let (mut found, mut expected) = (data.clone(), data.clone());
                engine.keystream(first_block, &mut found[shift..shift + len]);
                safe.keystream(first_block, &mut expected[shift..shift + len]);
                prop_assert!(found == expected);
            }
        }
    }

    /// Else the tests of this module would pass without running.
    #[test]
    fn a_processor_with_aes_instructions_has_a_kind() {
        #[cfg(target_arch = "x86_64")]
        let has_aes = std::is_x86_feature_detected!("aes");
        #[cfg(target_arch = "aarch64")]
        let has_aes = std::arch::is_aarch64_feature_detected!("aes");
        #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
        let has_aes = false;
        assert_eq!(Accelerated::kinds().is_empty(), !has_aes);
    }

    #[test]
    fn the_safe_kernel_works_alone_where_it_was_asked_for() {
        for mut engine in fast_engines(&ContentKey::new([3; 16], [5; 8])) {
            assert_eq!(engine.keystream_fast(0, &mut [[0; 16]; 64]), 64);
            engine.set_portable();
            assert_eq!(engine.keystream_fast(0, &mut [[0; 16]; 64]), 0);
        }
    }

    #[test]
    fn many_long_lanes_that_get_a_lead_end_like_the_others() {
        let key = ContentKey::new([3; 16], [5; 8]);
        let (lanes, len) = lanes(&[(0, 700); 37], 0);
        let data: Vec<u8> = (0..len).map(|i| ((i * 7) >> 4) as u8).collect();
        let mut safe = Engine::new(&key);
        safe.set_portable();
        let mut expected = (data.clone(), lanes.clone());
        safe.crypt(Direction::Encrypt, 0, &mut expected.0, &mut expected.1);
        for engine in fast_engines(&key) {
            let mut found = (data.clone(), lanes.clone());
            engine.crypt(Direction::Encrypt, 0, &mut found.0, &mut found.1);
            assert!(found.0 == expected.0 && states(&found.1) == states(&expected.1));
            engine.crypt(Direction::Decrypt, 0, &mut found.0, &mut found.1);
            assert!(found.0 == data);
        }
    }
}

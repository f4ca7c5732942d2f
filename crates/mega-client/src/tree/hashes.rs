//! Hashing for the two indices: quick, and no use to a server that chooses the keys.
//!
//! Both hashes are universal families, drawn anew for each tree: whoever chooses handles and names without knowing the draw
//! makes two of them meet no more often than chance does (TRE-7). The draw never leaves the tree, and nothing is ever
//! listed in the order of an index.
//!
//! - Handles, and pairs of a folder and a name: multiply-shift, `(a * key + b mod 2^128) / 2^64`, which is pairwise
//!   independent (Dietzfelbinger, "Universal hashing and k-wise independent random variables via integer arithmetic", 1996).
//! - Pieces of keys, which are two words each: the same with a factor for each word.
//! - Names: their seven-byte words as the coefficients of a polynomial over the integers modulo 2^61 - 1, at a random point.
//!   Two names of `n` words meet at no more than `n` of all points.

use std::hash::{BuildHasher, RandomState};

use mega_protocol::NodeHandle;

use super::arena::Index;

/// The draw of one tree.
pub(super) struct Hashes {
    handles: MultiplyShift,
    places: MultiplyShift,
    fold: MultiplyShift,
    /// Where the polynomials of names are evaluated, and the powers of that point from the first on.
    powers: [u64; POWERS],
}

#[derive(Clone, Copy)]
struct MultiplyShift {
    a: u128,
    b: u128,
}

/// Hashes the pieces of keys; drawn like the others.
#[derive(Clone, Copy)]
pub(super) struct PieceHash {
    first: MultiplyShift,
    second: u128,
}

/// The hash of a decoded name, without the folder it lies in.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct NameHash(u32);

impl Hashes {
    /// Draws from the randomness that the process has for its hash tables.
    pub(super) fn new() -> Self {
        let mut draw = Draw::new();
        let point = draw.word() % PRIME;
        let mut power = 1;
        let powers = std::array::from_fn(|_| {
            power = reduced(u128::from(power) * u128::from(point));
            power
        });
        Self {
            handles: draw.family(),
            places: draw.family(),
            fold: draw.family(),
            powers,
        }
    }

    /// For the index by handle.
    pub(super) fn handle(&self, handle: NodeHandle) -> u64 {
        let [a, b, c, d, e, f] = handle.to_bytes();
        self.handles
            .of(u64::from_be_bytes([0, 0, a, b, c, d, e, f]))
    }

    /// For the index by folder and name.
    pub(super) fn place(&self, parent: Index, name: NameHash) -> u64 {
        self.places
            .of(u64::from(parent.number()) << 32 | u64::from(name.0))
    }

    /// Of a decoded name.
    pub(super) fn name(&self, decoded: &[u8]) -> NameHash {
        let (words, rest) = decoded.as_chunks::<7>();
        // The length tells names apart that differ in zeros at the end.
        let mut sum = decoded.len() as u64 % PRIME;
        // Several words at a time, each with its own power of the point: no product waits for the one before.
        for some in words.chunks(POWERS) {
            let powers = self.powers.get(..some.len()).unwrap_or_default();
            let highest = powers.last().copied().unwrap_or_default();
            let mut products = u128::from(sum) * u128::from(highest);
            for (&[a, b, c, d, e, f, g], power) in some.iter().zip(powers.iter().rev()) {
                let word = u64::from_le_bytes([a, b, c, d, e, f, g, 0]);
                // Eight of less than 2^117, and one of less than 2^122.
                products = products.wrapping_add(u128::from(word) * u128::from(*power));
            }
            sum = reduced(products);
        }
        let last = rest
            .iter()
            .rev()
            .fold(0, |word, byte| word << 8 | u64::from(*byte));
        sum = self.step(sum, last);
        // The top half: which 32 bits of a multiply-shift are taken does not matter.
        NameHash((self.fold.of(sum) >> 32) as u32)
    }

    /// `(sum + word) * point`, modulo 2^61 - 1.
    fn step(&self, sum: u64, word: u64) -> u64 {
        // Below 2^62 times below 2^61.
        let [point, ..] = self.powers;
        reduced(u128::from(sum.wrapping_add(word)) * u128::from(point))
    }
}

/// A number below 2^124, modulo 2^61 - 1.
#[inline]
fn reduced(number: u128) -> u64 {
    // Below 2^61 and below 2^63.
    let folded = (number as u64 & PRIME).wrapping_add((number >> 61) as u64);
    let folded = (folded & PRIME).wrapping_add(folded >> 61);
    if folded >= PRIME {
        folded - PRIME
    } else {
        folded
    }
}

impl Default for PieceHash {
    fn default() -> Self {
        let mut draw = Draw::new();
        Self {
            first: draw.family(),
            second: draw.family().a,
        }
    }
}

impl PieceHash {
    pub(super) fn of(&self, piece: &[u8; 16]) -> u64 {
        let [first, second] = match piece.as_chunks::<8>().0 {
            [first, second] => [*first, *second].map(u64::from_le_bytes),
            _ => [0; 2],
        };
        let MultiplyShift { a, b } = self.first;
        let sum = a.wrapping_mul(u128::from(first)).wrapping_add(b);
        let more = self.second.wrapping_mul(u128::from(second));
        (sum.wrapping_add(more) >> 64) as u64
    }
}

/// Numbers from the randomness that the process has for its hash tables.
struct Draw {
    source: RandomState,
    drawn: u64,
}

impl Draw {
    fn new() -> Self {
        Self {
            source: RandomState::new(),
            drawn: 0,
        }
    }

    fn word(&mut self) -> u64 {
        self.drawn = self.drawn.wrapping_add(1);
        self.source.hash_one(self.drawn)
    }

    fn family(&mut self) -> MultiplyShift {
        let [a, b, c, d] = std::array::from_fn(|_| u128::from(self.word()));
        MultiplyShift {
            a: a << 64 | b,
            b: c << 64 | d,
        }
    }
}

impl MultiplyShift {
    fn of(&self, key: u64) -> u64 {
        (self.a.wrapping_mul(u128::from(key)).wrapping_add(self.b) >> 64) as u64
    }
}

/// So many words of a name are taken at once.
const POWERS: usize = 8;

/// 2^61 - 1.
const PRIME: u64 = (1 << 61) - 1;

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn tre_7_names_and_handles_that_differ_little_do_not_meet() {
        let hashes = Hashes::new();
        let names: HashSet<u32> = (0..20_000)
            .map(|number| hashes.name(format!("IMG_{number:05}.jpg").as_bytes()).0)
            .collect();
        // By chance a twentieth of one pair.
        assert!(names.len() >= 19_990, "{}", names.len());
        let handles: HashSet<u64> = (0..20_000_u32)
            .map(|number| {
                let [a, b, c, d] = number.to_be_bytes();
                hashes.handle(NodeHandle::from_bytes([0, 0, a, b, c, d])) >> 16
            })
            .collect();
        assert_eq!(handles.len(), 20_000);
        for zeros in 0..20_usize {
            let other = hashes.name(&vec![0; zeros + 1]);
            assert_ne!(hashes.name(&vec![0; zeros]), other, "{zeros} zeros");
        }
        assert_ne!(
            hashes.name(b"a"),
            Hashes::new().name(b"a"),
            "each tree draws its own"
        );
    }

    #[test]
    fn tre_7_pieces_of_keys_that_differ_in_one_bit_do_not_meet() {
        let hash = PieceHash::default();
        let pieces = (0..128).map(|bit| (1_u128 << bit).to_le_bytes());
        let found: HashSet<u64> = pieces.map(|piece| hash.of(&piece)).collect();
        assert_eq!(found.len(), 128);
        assert_ne!(hash.of(&[0; 16]), PieceHash::default().of(&[0; 16]));
    }

    proptest! {
        #[test]
        fn the_reduction_is_that_of_big_numbers(sum in 0..PRIME, word in 0_u64..1 << 56) {
            let hashes = Hashes::new();
            let wanted = (u128::from(sum) + u128::from(word)) * u128::from(hashes.powers[0]) % u128::from(PRIME);
            prop_assert_eq!(u128::from(hashes.step(sum, word)), wanted);
        }

        /// However many words are taken at once, it is the polynomial word by word.
        #[test]
        fn a_long_name_has_the_hash_of_its_words_one_by_one(name in prop::collection::vec(any::<u8>(), 0..200)) {
            let hashes = Hashes::new();
            let (words, rest) = name.as_chunks::<7>();
            let word = |bytes: &[u8]| bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
            let sum = words.iter().fold(name.len() as u64, |sum, bytes| hashes.step(sum, word(bytes)));
            let wanted = (hashes.fold.of(hashes.step(sum, word(rest))) >> 32) as u32;
            prop_assert_eq!(hashes.name(&name), NameHash(wanted));
        }
    }
}

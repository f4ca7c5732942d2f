//! Taking an input apart. Where it ends early, zeros follow.

/// The bytes of an input that are left.
pub(super) struct Input<'a>(pub(super) &'a [u8]);

impl Input<'_> {
    pub(super) fn array<const N: usize>(&mut self) -> [u8; N] {
        let (taken, rest) = self.0.split_at(N.min(self.0.len()));
        self.0 = rest;
        let mut bytes = [0; N];
        for (to, from) in bytes.iter_mut().zip(taken) {
            *to = *from;
        }
        bytes
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A number that follows from another, well mixed (SplitMix64).
pub(super) fn mixed(number: u64) -> u64 {
    let z = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Another order of the same things, the same one for the same seed.
pub(super) fn shuffled<T: Clone>(things: &[T], seed: u64) -> Vec<T> {
    let mut keyed: Vec<_> = (0_u64..).map(|at| mixed(seed ^ at)).zip(things).collect();
    keyed.sort_by_key(|(key, _)| *key);
    keyed.into_iter().map(|(_, thing)| thing.clone()).collect()
}

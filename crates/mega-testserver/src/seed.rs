//! Randomness that can be replayed: SHA-256 over a seed and a counter.

use sha2::{Digest as _, Sha256};

/// A stream of random bytes fixed by its seed. Good enough to make test accounts, no good for real secrets.
#[derive(Clone)]
pub struct Seed {
    key: [u8; 32],
    counter: u64,
    block: [u8; 32],
    used: usize,
}

impl Seed {
    /// The stream of this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self::named(&seed.to_be_bytes(), "root")
    }

    /// An independent stream: what is drawn from it does not move this one.
    #[must_use]
    pub fn branch(&self, name: &str) -> Self {
        Self::named(&self.key, name)
    }

    fn named(key: &[u8], name: &str) -> Self {
        let mut hash = Sha256::new();
        hash.update(key);
        hash.update(name.as_bytes());
        Self {
            key: hash.finalize().into(),
            counter: 0,
            block: [0; 32],
            used: 32,
        }
    }

    /// Fills a buffer.
    pub fn fill(&mut self, out: &mut [u8]) {
        for byte in out {
            *byte = self.byte();
        }
    }

    /// `N` random bytes.
    pub fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut out = [0; N];
        self.fill(&mut out);
        out
    }

    /// `len` random bytes.
    pub fn bytes(&mut self, len: usize) -> Vec<u8> {
        let mut out = vec![0; len];
        self.fill(&mut out);
        out
    }

    /// A number below `bound` (0 when the bound is 0).
    pub fn below(&mut self, bound: u64) -> u64 {
        u64::from_be_bytes(self.array())
            .checked_rem(bound)
            .unwrap_or(0)
    }

    /// True with this probability.
    pub fn chance(&mut self, probability: f64) -> bool {
        let draw = u32::from_be_bytes(self.array());
        f64::from(draw) < probability * 4_294_967_296.0
    }

    fn byte(&mut self) -> u8 {
        if self.used >= self.block.len() {
            let mut hash = Sha256::new();
            hash.update(self.key);
            hash.update(self.counter.to_be_bytes());
            self.block = hash.finalize().into();
            self.counter = self.counter.wrapping_add(1);
            self.used = 0;
        }
        let byte = self.block.get(self.used).copied().unwrap_or(0);
        self.used += 1;
        byte
    }
}

impl std::fmt::Debug for Seed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Seed").finish_non_exhaustive()
    }
}

/// The bridge to `rsa`, which wants the traits of its own generation.
impl rsa::rand_core::RngCore for Seed {
    fn next_u32(&mut self) -> u32 {
        u32::from_be_bytes(self.array())
    }
    fn next_u64(&mut self) -> u64 {
        u64::from_be_bytes(self.array())
    }
    fn fill_bytes(&mut self, dest: &mut [u8]) {
        self.fill(dest);
    }
    fn try_fill_bytes(&mut self, dest: &mut [u8]) -> Result<(), rsa::rand_core::Error> {
        self.fill(dest);
        Ok(())
    }
}
impl rsa::rand_core::CryptoRng for Seed {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_always_gives_the_same_stream_and_branches_do_not_disturb_it() {
        let mut one = Seed::new(7);
        let mut two = Seed::new(7);
        let _ = two.branch("other").array::<40>();
        assert_eq!(one.array::<40>(), two.array::<40>());
        assert_ne!(Seed::new(8).array::<40>(), Seed::new(7).array::<40>());
    }

    #[test]
    fn chance_follows_its_probability() {
        let mut seed = Seed::new(1);
        assert!(!(0..1000).any(|_| seed.chance(0.0)));
        assert!((0..1000).all(|_| seed.chance(1.0)));
        let hits = (0..10_000).filter(|_| seed.chance(0.25)).count();
        assert!((2200..2800).contains(&hits), "{hits}");
    }
}

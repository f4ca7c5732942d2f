//! Which records have changed since a cache last looked.

use std::sync::{Mutex, PoisonError};

use super::arena::Index;

/// So many neighbouring records are written together.
pub(crate) const STRETCH: u32 = 256;

/// One bit for each stretch of records. Whoever changes the tree has it to himself; whoever writes it to disk only reads it, and takes the
/// bits all the same.
pub(crate) struct Touched(Mutex<Bits>);

#[derive(Default)]
struct Bits {
    /// Nobody has looked yet: a tree that is being loaded need not note that all of it is new.
    all: bool,
    words: Vec<u64>,
}

impl Default for Touched {
    /// Of records that no cache has seen.
    fn default() -> Self {
        let words = Vec::new();
        Self(Mutex::new(Bits { all: true, words }))
    }
}

impl Touched {
    /// Notes that a record changes.
    #[inline]
    pub(super) fn touch(&mut self, index: Index) {
        let bits = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        if !bits.all {
            bits.touch(index);
        }
    }

    /// The stretches that have changed since the last time, in order; at first all of the `slots`.
    pub(super) fn take(&self, slots: u32) -> Vec<u32> {
        let bits = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        if bits.all {
            return (0..slots.div_ceil(STRETCH)).collect();
        }
        let stretches = bits.words.iter().zip(0_u32..).flat_map(|(&word, at)| {
            (0..u64::BITS)
                .filter(move |bit| word & (1 << bit) != 0)
                .map(move |bit| at.saturating_mul(u64::BITS).saturating_add(bit))
        });
        stretches.collect()
    }
}

impl Bits {
    fn touch(&mut self, index: Index) {
        let Some(index) = index.some() else { return };
        let stretch = index.number() / STRETCH;
        let Ok(word) = usize::try_from(stretch / u64::BITS) else {
            return;
        };
        if self.words.len() <= word {
            // No further than the records reach, which are there or about to be.
            self.words.resize(word.saturating_add(1), 0);
        }
        if let Some(word) = self.words.get_mut(word) {
            *word |= 1 << (stretch % u64::BITS);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_touched_is_told_once_and_in_order() {
        let mut touched = Touched::default();
        touched.touch(Index::from_number(7));
        assert_eq!(touched.take(2 * STRETCH + 1), [0, 1, 2], "all is new");
        for number in [100_000, 0, 255, 256, u32::MAX] {
            touched.touch(Index::from_number(number));
        }
        assert_eq!(touched.take(200_000), [0, 1, 100_000 / STRETCH]);
        assert!(touched.take(200_000).is_empty());
    }
}

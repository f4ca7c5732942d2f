//! Which records have changed since a cache last looked.

use std::sync::{Mutex, PoisonError};

use super::arena::Index;

/// So many neighbouring records are written together.
pub(crate) const STRETCH: u32 = 256;

/// One bit for each stretch of records. Whoever changes the tree has it to himself; whoever writes it to disk only reads it, and takes the
/// bits all the same.
#[derive(Default)]
pub(crate) struct Touched(Mutex<Vec<u64>>);

impl Touched {
    /// Notes that a record changes.
    pub(super) fn touch(&mut self, index: Index) {
        let Some(index) = index.some() else { return };
        let stretch = index.number() / STRETCH;
        let Ok(word) = usize::try_from(stretch / u64::BITS) else {
            return;
        };
        let words = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        if words.len() <= word {
            // No further than the records reach, which are there or about to be.
            words.resize(word.saturating_add(1), 0);
        }
        if let Some(word) = words.get_mut(word) {
            *word |= 1 << (stretch % u64::BITS);
        }
    }

    /// The stretches that have changed since the last time, in order.
    pub(super) fn take(&self) -> Vec<u32> {
        let words = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let stretches = words.iter().zip(0_u32..).flat_map(|(&word, at)| {
            (0..u64::BITS)
                .filter(move |bit| word & (1 << bit) != 0)
                .map(move |bit| at.saturating_mul(u64::BITS).saturating_add(bit))
        });
        stretches.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_touched_is_told_once_and_in_order() {
        let mut touched = Touched::default();
        for number in [100_000, 0, 255, 256, u32::MAX] {
            touched.touch(Index::from_number(number));
        }
        assert_eq!(touched.take(), [0, 1, 100_000 / STRETCH]);
        assert!(touched.take().is_empty());
    }
}

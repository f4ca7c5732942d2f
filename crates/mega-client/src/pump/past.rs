//! Where the tree has been: a position never comes back (threat model, EVT-9).

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use mega_protocol::SequenceNumber;
use mega_protocol::events::EventBatch;

/// The positions that the tree has left, the latest last, and how many old batches came in a row.
#[derive(Default)]
pub(super) struct Past(Mutex<Positions>);

#[derive(Default)]
struct Positions {
    left: VecDeque<SequenceNumber>,
    old: u32,
}

/// How many are remembered. A batch that is older still is taken for news: its packets change nothing when they come twice, and
/// those after them follow.
const KEPT: usize = 256;

/// How many old batches in a row lead to a reload instead of another question.
const PATIENCE: u32 = 3;

impl Past {
    /// Whether a batch that was asked for at `base` leads back to where the tree was before. One with packets in it leads on, so it
    /// cannot end where it began.
    pub(super) fn is_old(&self, base: SequenceNumber, batch: &EventBatch) -> bool {
        let mut positions = self.lock();
        let old = if batch.position == base {
            !batch.packets.is_empty()
        } else {
            positions.left.contains(&batch.position)
        };
        if old {
            positions.old = positions.old.saturating_add(1);
        }
        old
    }

    /// Whether old batches keep coming. Asked once it is so, the count begins again.
    pub(super) fn too_many(&self) -> bool {
        let mut positions = self.lock();
        let too_many = positions.old >= PATIENCE;
        if too_many {
            positions.old = 0;
        }
        too_many
    }

    /// The tree goes from one position to another.
    pub(super) fn leave(&self, base: SequenceNumber, next: SequenceNumber) {
        let mut positions = self.lock();
        positions.old = 0;
        if base == next {
            return;
        }
        if positions.left.len() == KEPT {
            positions.left.pop_front();
        }
        positions.left.push_back(base);
    }

    /// The whole tree was loaded, and stands at this position: perhaps an earlier one, when the service was restored from a backup.
    pub(super) fn arrive(&self, position: SequenceNumber) {
        let mut positions = self.lock();
        positions.old = 0;
        positions.left.retain(|left| *left != position);
    }

    fn lock(&self) -> MutexGuard<'_, Positions> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

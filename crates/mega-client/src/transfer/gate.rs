//! How many may pass at once; the number can change at any time.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Lets so many through at once.
#[derive(Clone)]
pub(crate) struct Gate {
    inner: Arc<Inner>,
}

struct Inner {
    places: Arc<Semaphore>,
    state: Mutex<State>,
}

struct State {
    /// How many may be inside.
    most: usize,
    /// How many places are to vanish when somebody leaves.
    surplus: usize,
}

impl Gate {
    pub(crate) fn new(most: usize) -> Self {
        let most = most.clamp(1, Semaphore::MAX_PERMITS);
        Self {
            inner: Arc::new(Inner {
                places: Arc::new(Semaphore::new(most)),
                state: Mutex::new(State { most, surplus: 0 }),
            }),
        }
    }

    /// Waits for a place; it is taken until the result is dropped.
    ///
    /// Cancel safe: nothing is taken when the future is dropped.
    pub(crate) async fn enter(&self) -> Place {
        // The semaphore is never closed.
        let permit = Arc::clone(&self.inner.places).acquire_owned().await.ok();
        Place {
            permit,
            gate: self.clone(),
        }
    }

    /// From now on so many. Whoever is inside stays.
    pub(crate) fn resize(&self, most: usize) {
        let most = most.clamp(1, Semaphore::MAX_PERMITS);
        let mut state = self.state();
        let (more, fewer) = (
            most.saturating_sub(state.most),
            state.most.saturating_sub(most),
        );
        state.most = most;
        let kept = more.min(state.surplus);
        state.surplus = state.surplus.saturating_sub(kept);
        self.inner.places.add_permits(more.saturating_sub(kept));
        let gone = self.inner.places.forget_permits(fewer);
        state.surplus = state.surplus.saturating_add(fewer.saturating_sub(gone));
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.inner
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place inside.
pub(crate) struct Place {
    permit: Option<OwnedSemaphorePermit>,
    gate: Gate,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.gate.state();
        if state.surplus > 0
            && let Some(permit) = self.permit.take()
        {
            state.surplus = state.surplus.saturating_sub(1);
            permit.forget();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;
    use proptest::prelude::*;

    #[tokio::test]
    async fn more_or_fewer_may_pass_from_one_moment_to_the_next() {
        let gate = Gate::new(2);
        let (first, second) = (gate.enter().await, gate.enter().await);
        assert!(gate.enter().now_or_never().is_none());
        gate.resize(3);
        let third = gate.enter().now_or_never().unwrap();
        gate.resize(1);
        drop((first, second));
        assert!(gate.enter().now_or_never().is_none(), "one is inside still");
        drop(third);
        let _only = gate.enter().now_or_never().unwrap();
        assert!(gate.enter().now_or_never().is_none());
    }

    proptest! {
        #[test]
        fn however_it_changes_the_last_number_counts(steps in prop::collection::vec((1usize..6, any::<bool>()), 1..40)) {
            let gate = Gate::new(3);
            let mut inside = Vec::new();
            let mut most = 3;
            for (number, enters) in steps {
                if enters {
                    inside.extend(gate.enter().now_or_never());
                } else {
                    inside.truncate(number);
                    gate.resize(number);
                    most = number;
                }
            }
            inside.clear();
            while let Some(place) = gate.enter().now_or_never() {
                inside.push(place);
            }
            prop_assert_eq!(inside.len(), most);
        }
    }
}

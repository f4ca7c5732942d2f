//! Who does the proofs of work.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::hashcash::HashcashChallenge;

/// Solves the proofs of work that the service demands. It is called on a thread for blocking work,
/// with challenges whose expected work is within the configured bound (LIM-9).
///
/// Any `Fn(&HashcashChallenge, &SolverCancel) -> Option<[u8; 4]>` is a solver.
pub trait HashcashSolver: Send + Sync + 'static {
    /// The prefix of four bytes that solves the challenge, or `None` if none was found or
    /// `cancel` was set meanwhile.
    fn solve(&self, challenge: &HashcashChallenge, cancel: &SolverCancel) -> Option<[u8; 4]>;
}

impl<F> HashcashSolver for F
where
    F: Fn(&HashcashChallenge, &SolverCancel) -> Option<[u8; 4]> + Send + Sync + 'static,
{
    fn solve(&self, challenge: &HashcashChallenge, cancel: &SolverCancel) -> Option<[u8; 4]> {
        self(challenge, cancel)
    }
}

/// Tells a solver that nobody waits for it any more.
#[derive(Clone, Debug, Default)]
pub struct SolverCancel(Arc<AtomicBool>);

impl SolverCancel {
    /// Whether the solver should stop.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// The flag itself, for solvers that take one.
    pub fn flag(&self) -> &AtomicBool {
        &self.0
    }
}

/// Cancels when dropped.
pub(super) struct CancelOnDrop(pub(super) SolverCancel);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.0.store(true, Ordering::Relaxed);
    }
}

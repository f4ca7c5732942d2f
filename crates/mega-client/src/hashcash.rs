//! Proof of work, solved on threads where blocking is allowed (threat model, LIM-9).

use std::sync::OnceLock;
use std::thread;

use mega_crypto::hashcash::Challenge;
use mega_protocol::{HashcashChallenge, SolverCancel};

/// How many attempts one challenge may cost in all. The wire refuses harder challenges before they come here.
const ATTEMPTS: u64 = 1 << 20;

/// Solves a challenge: every processor tries its own share of the candidates, the first proof ends the search.
pub(crate) fn solve(challenge: &HashcashChallenge, cancel: &SolverCancel) -> Option<[u8; 4]> {
    let header = format!(
        "1:{}:0:{}",
        challenge.easiness(),
        mega_crypto::base64::encode(challenge.token())
    );
    let challenge = Challenge::parse(&header).ok()?;
    let workers = thread::available_parallelism().map_or(1, |count| count.get().min(8));
    let step = u32::try_from(workers).unwrap_or(1);
    let found = OnceLock::new();
    thread::scope(|scope| {
        for first in 0..step {
            let (challenge, found) = (&challenge, &found);
            scope.spawn(move || {
                let candidates = (first..u32::MAX).step_by(workers);
                let stop = || cancel.is_cancelled() || found.get().is_some();
                if let Ok(Some(proof)) = challenge.solve(candidates, ATTEMPTS, stop) {
                    // Another worker may have been faster; either proof serves.
                    let _ = found.set(proof);
                }
            });
        }
    });
    found.get().map(|proof: &u32| proof.to_be_bytes())
}

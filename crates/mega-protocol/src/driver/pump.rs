//! The task that drives a lane while there is something to do.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::oneshot;

use super::api::{LaneCell, LaneState, Shared, Which};
use super::builder::ApiNotice;
use super::exchange::exchange;
use super::fetch::{StreamPort, stream};
use super::outbox::LeavingBatch;
use super::solver::{CancelOnDrop, SolverCancel};
use crate::error::{Error, ProofOfWorkError};
use crate::hashcash::HashcashChallenge;
use crate::lane::{ApiRequest, ApiResponse, EndedChange, LaneEvent, RawAnswer, RequestId};
use crate::transport::{TransportError, TransportErrorKind};

/// What to do next.
enum Step {
    Send(ApiRequest, Option<StreamPort>),
    Prove(HashcashChallenge),
    /// Until then, or until woken.
    Wait(Option<Instant>),
    End,
}

/// Drives one lane until it is idle or the last handle is gone.
pub(super) async fn pump(shared: Arc<Shared>, which: Which) {
    let cell = shared.cell(which);
    let mut guard = PumpGuard {
        shared: &shared,
        which,
        idle: false,
    };
    loop {
        gather(&shared, which).await;
        let step = next_step(&shared, which);
        match step {
            Step::End => {
                guard.idle = true;
                break;
            }
            Step::Send(request, port) => {
                let response = tokio::select! {
                    biased;
                    () = gone(&shared) => break,
                    response = note_and_perform(&shared, &request, port) => response,
                };
                let lane = &mut cell.lock().lane;
                match response {
                    Ok(response) => lane.handle_response(now(), response),
                    Err(held_back) => lane.refuse(&held_back),
                }
            }
            Step::Prove(challenge) => {
                let proof = tokio::select! {
                    biased;
                    () = gone(&shared) => break,
                    () = no_proof_wanted(cell) => continue,
                    proof = prove(&shared, challenge.clone()) => proof,
                };
                cell.lock().lane.handle_proof(now(), proof, &challenge);
            }
            Step::Wait(until) => {
                let sleep = async {
                    match until {
                        Some(at) => tokio::time::sleep_until(at.into()).await,
                        None => std::future::pending().await,
                    }
                };
                tokio::select! {
                    biased;
                    () = gone(&shared) => break,
                    () = cell.wake.notified() => {}
                    () = sleep => {}
                }
            }
        }
    }
    drop(guard);
}

/// Lets those who are just handing commands over finish: a thousand calls at once should not make a
/// first batch of one. It never waits for time, only for tasks that are ready to run.
async fn gather(shared: &Shared, which: Which) {
    let mut seen = shared.cell(which).lock().lane.queued();
    for _ in 0..GATHER {
        tokio::task::yield_now().await;
        let now = shared.cell(which).lock().lane.queued();
        if now == seen {
            break;
        }
        seen = now;
    }
}

/// Looks at the lane once, under its lock.
fn next_step(shared: &Shared, which: Which) -> Step {
    let (step, delivered, settled) = {
        let mut state = shared.cell(which).lock();
        let now = now();
        state.lane.handle_timeout(now);
        let request = state.lane.poll_transmit(now);
        let delivered = deliver(&mut state);
        let settled = !state.lane.has_orphaned_change();
        let step = if let Some(request) = request {
            // It stays in its place, so that a repeated attempt finds it again.
            let port = request
                .streamed
                .and_then(|ticket| state.ports.get(&ticket).cloned());
            Step::Send(request, port)
        } else if state.lane.is_idle() {
            // Under the lock: whoever submits next sees this and starts another pump.
            state.pumping = false;
            Step::End
        } else {
            Step::Wait(state.lane.poll_timeout())
        };
        (step, delivered, settled)
    };
    let proof = delivered.tell(shared, which);
    if settled {
        shared.cell(which).settled.notify_waiters();
    }
    match proof {
        // While a proof is demanded nothing is sent.
        Some(challenge) => Step::Prove(challenge),
        None => step,
    }
}

/// What is left to do with the events of a lane once its lock is released.
#[derive(Default)]
#[must_use]
pub(super) struct Delivered {
    proof: Option<HashcashChallenge>,
    ended: Vec<(RequestId, Vec<EndedChange>)>,
    answers: Vec<(Waiter, Result<RawAnswer, Error>)>,
    notices: Vec<ApiNotice>,
}

/// Somebody who waits for the result of a command.
type Waiter = oneshot::Sender<Result<RawAnswer, Error>>;

/// Takes out what there is to tell, and to whom.
pub(super) fn deliver(state: &mut LaneState) -> Delivered {
    let mut left = Delivered::default();
    while let Some(event) = state.lane.poll_event() {
        let notice = match event {
            LaneEvent::Done { ticket, result } => {
                state.ports.remove(&ticket);
                let waiter = state.waiters.remove(&ticket);
                left.answers.extend(waiter.map(|waiter| (waiter, result)));
                continue;
            }
            LaneEvent::Ended { request, changes } => {
                left.ended.push((request, changes));
                continue;
            }
            LaneEvent::Proof(challenge) => {
                let expected_tries = challenge.expected_tries();
                left.proof = Some(challenge);
                ApiNotice::ProofOfWork { expected_tries }
            }
            LaneEvent::Retrying { delay, cause } => ApiNotice::Retrying { delay, cause },
            LaneEvent::SessionEnded => ApiNotice::SessionEnded,
            LaneEvent::Blocked => ApiNotice::Blocked,
        };
        left.notices.push(notice);
    }
    if !left.ended.is_empty() {
        state.telling = state.telling.saturating_add(1);
    }
    left
}

/// Ends of changes that are being told; when this is dropped they are.
struct Telling<'a>(&'a LaneCell);

impl Drop for Telling<'_> {
    fn drop(&mut self) {
        {
            let mut state = self.0.lock();
            state.telling = state.telling.saturating_sub(1);
        }
        self.0.settled.notify_waiters();
    }
}

impl Delivered {
    /// Tells the outbox first, then those who wait, then the observer, who may use the handle. Outbox and observer are not called while a panic
    /// unwinds: a second one would end the process. Returns a demanded proof of work.
    pub(super) fn tell(self, shared: &Shared, which: Which) -> Option<HashcashChallenge> {
        let unwinding = std::thread::panicking();
        if !self.ended.is_empty() {
            let _telling = Telling(shared.cell(which));
            if let Some(outbox) = shared.outbox().filter(|_| !unwinding) {
                for (request, changes) in &self.ended {
                    outbox.ended(*request, changes);
                }
            }
        }
        for (waiter, result) in self.answers {
            // Whoever dropped the future does not want to know.
            let _ = waiter.send(result);
        }
        if let Some(observer) = &shared.settings.observer
            && !unwinding
        {
            for notice in self.notices {
                observer(notice);
            }
        }
        self.proof
    }
}

/// Has a batch noted before it leaves for the first time, then sends it. The outer error says that it was held back.
async fn note_and_perform(
    shared: &Shared,
    request: &ApiRequest,
    port: Option<StreamPort>,
) -> Result<Result<ApiResponse, TransportError>, Error> {
    if !request.first_changes.is_empty()
        && let Some(outbox) = shared.outbox()
    {
        let batch = LeavingBatch {
            request: request.id,
            body: request.body.clone(),
            changes: request.first_changes.clone(),
        };
        outbox.leaving(batch).await.map_err(Error::NotNoted)?;
    }
    Ok(perform(shared, request, port).await)
}

async fn perform(
    shared: &Shared,
    request: &ApiRequest,
    port: Option<StreamPort>,
) -> Result<ApiResponse, TransportError> {
    match (request.streamed, port) {
        (None, _) => exchange(&shared.settings, request).await,
        (Some(_), Some(port)) => stream(&shared.settings, request, port).await,
        // Its owner is gone. Nothing was sent, and nobody waits for the result.
        (Some(_), None) => Err(TransportError::new(TransportErrorKind::Refused)),
    }
}

async fn prove(shared: &Shared, challenge: HashcashChallenge) -> Result<[u8; 4], ProofOfWorkError> {
    let Some(solver) = shared.settings.solver.clone() else {
        return Err(ProofOfWorkError::NoSolver);
    };
    let cancel = SolverCancel::default();
    let _cancel_on_drop = CancelOnDrop(cancel.clone());
    let work = tokio::task::spawn_blocking(move || solver.solve(&challenge, &cancel));
    match work.await {
        Ok(Some(prefix)) => Ok(prefix),
        Ok(None) | Err(_) => Err(ProofOfWorkError::NotFound),
    }
}

/// Returns when the proof of work under way is of no use any more (LIM-9).
async fn no_proof_wanted(cell: &LaneCell) {
    while cell.lock().lane.is_proving() {
        cell.wake.notified().await;
    }
}

/// Returns when the last handle is gone.
pub(super) async fn gone(shared: &Shared) {
    // An error is what closing looks like.
    let _closed = shared.gone.acquire().await;
}

/// The clock, in the form the machines take. It follows tokio's, which tests can stop.
pub(super) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// Tidies up however the pump ends: also when its runtime is shut down under it.
struct PumpGuard<'a> {
    shared: &'a Shared,
    which: Which,
    /// Whether the pump has found nothing to do and said so. Another one may be running already.
    idle: bool,
}

impl Drop for PumpGuard<'_> {
    fn drop(&mut self) {
        let cell = self.shared.cell(self.which);
        if !self.idle {
            // Ended from outside: nobody will bring anything here to an end.
            let delivered = {
                let mut state = cell.lock();
                state.pumping = false;
                state.lane.abandon();
                deliver(&mut state)
            };
            let _ = delivered.tell(self.shared, self.which);
        }
        cell.idle.notify_waiters();
        cell.settled.notify_waiters();
    }
}

/// How often a batch is held back while commands keep coming.
const GATHER: usize = 16;

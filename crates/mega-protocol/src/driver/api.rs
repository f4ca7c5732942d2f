//! The handle to the API.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, Semaphore, oneshot};

use super::builder::{ApiBuilder, ApiNotice, Observer, Timeouts};
use super::events::EventStream;
use super::fetch::StreamPort;
use super::http::Transport;
use super::outbox::Outbox;
use super::pending::PendingAnswer;
use super::pump;
use super::solver::HashcashSolver;
use super::storage::Storage;
use crate::command::{Answer, Command, EncodedCommand, Lane};
use crate::error::Error;
use crate::events::{ChannelConfig, EventChannel};
use crate::identity::Identity;
use crate::lane::{CommandLane, LaneConfig, RawAnswer, SentRequest, Ticket};
use crate::random::Random;
use crate::sequence::SequenceNumber;
use crate::url::UrlPolicy;

/// A handle to the API: send commands, fetch the tree, follow events, reach storage.
///
/// Cheap to clone; all clones share the two lanes. A task runs only while there is something to
/// send or to wait for, and ends with the last handle.
///
/// Commands that are asked for while a request is in flight travel together in the next one, so a
/// thousand calls at once make a handful of requests. Needs a tokio runtime with time enabled.
#[derive(Clone)]
pub struct Api {
    handle: Arc<Handle>,
}

/// Shared by the clones. The last one to go ends the tasks.
struct Handle {
    shared: Arc<Shared>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.gone.close();
    }
}

/// What does not change after building.
pub(super) struct Settings {
    pub(super) transport: Arc<dyn Transport>,
    pub(super) lane: LaneConfig,
    pub(super) user_agent: String,
    pub(super) policy: UrlPolicy,
    pub(super) solver: Option<Arc<dyn HashcashSolver>>,
    pub(super) observer: Option<Observer>,
    pub(super) timeouts: Timeouts,
    pub(super) max_reply: u64,
    pub(super) max_tree: u64,
    pub(super) max_events: u64,
    pub(super) gzip: bool,
}

/// What handles and tasks share.
pub(super) struct Shared {
    pub(super) settings: Arc<Settings>,
    pub(super) ordered: LaneCell,
    pub(super) lockless: LaneCell,
    /// Has no permits ever, and is closed when the last handle goes. Unlike a watch it wakes in the order in which was waited.
    pub(super) gone: Semaphore,
    seeds: Mutex<Random>,
    outbox: Mutex<Option<Arc<dyn Outbox>>>,
}

/// One lane with those who wait for it.
pub(super) struct LaneCell {
    state: Mutex<LaneState>,
    /// Wakes the pump: something was submitted, or time matters no more.
    pub(super) wake: Notify,
    /// Wakes whoever waits for the lane to be idle.
    pub(super) idle: Notify,
    /// Wakes whoever waits for the end of changes that were given up.
    pub(super) settled: Notify,
}

pub(super) struct LaneState {
    pub(super) lane: CommandLane,
    pub(super) waiters: HashMap<Ticket, oneshot::Sender<Result<RawAnswer, Error>>>,
    pub(super) ports: HashMap<Ticket, StreamPort>,
    pub(super) pumping: bool,
    /// How many hold new batches back.
    pub(super) holds: usize,
    /// How often ends of changes were taken from the lane that the outbox has not heard of yet.
    pub(super) telling: usize,
}

impl LaneState {
    /// Whether a change that was given up is under way, or its end is still to be told.
    fn is_unsettled(&self) -> bool {
        self.lane.has_orphaned_change() || self.lane.has_end_to_tell() || self.telling > 0
    }
}

/// Which of the two lanes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Which {
    Ordered,
    Lockless,
}

impl LaneCell {
    fn new(lane: CommandLane) -> Self {
        let state = LaneState {
            lane,
            waiters: HashMap::new(),
            ports: HashMap::new(),
            pumping: false,
            holds: 0,
            telling: 0,
        };
        Self {
            state: Mutex::new(state),
            wake: Notify::new(),
            idle: Notify::new(),
            settled: Notify::new(),
        }
    }

    fn hold(&self) {
        let mut state = self.lock();
        state.holds = state.holds.saturating_add(1);
        state.lane.set_held(true);
    }

    fn release(&self) {
        let mut state = self.lock();
        state.holds = state.holds.saturating_sub(1);
        if state.holds == 0 {
            state.lane.set_held(false);
            drop(state);
            self.wake.notify_one();
        }
    }

    /// The state. Nothing that holds it can panic half-way through a change, so a poisoned lock is
    /// as good as any.
    pub(super) fn lock(&self) -> MutexGuard<'_, LaneState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Holds new batches back as long as it lives; see [`Api::hold`].
#[must_use = "dropping it lets the batches go"]
pub struct Hold(Arc<Shared>);

impl Drop for Hold {
    fn drop(&mut self) {
        for which in [Which::Ordered, Which::Lockless] {
            self.0.cell(which).release();
        }
    }
}

impl fmt::Debug for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hold(..)")
    }
}

impl Shared {
    pub(super) fn cell(&self, which: Which) -> &LaneCell {
        match which {
            Which::Ordered => &self.ordered,
            Which::Lockless => &self.lockless,
        }
    }

    /// Who keeps book of changes, if somebody does.
    pub(super) fn outbox(&self) -> Option<Arc<dyn Outbox>> {
        self.outbox
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Makes sure that somebody drives the lane.
    pub(super) fn drive(self: &Arc<Self>, which: Which) -> Result<(), Error> {
        let runtime = tokio::runtime::Handle::try_current()
            .map_err(|_| Error::Misuse("a tokio runtime is needed"))?;
        let cell = self.cell(which);
        let mut state = cell.lock();
        if !state.pumping {
            state.pumping = true;
            drop(state);
            runtime.spawn(pump::pump(Arc::clone(self), which));
        }
        cell.wake.notify_one();
        Ok(())
    }
}

impl Api {
    /// Sets a handle up that uses this transport.
    pub fn builder(transport: impl Transport) -> ApiBuilder {
        ApiBuilder::new(Arc::new(transport))
    }

    pub(super) fn start(settings: Arc<Settings>, identity: Identity, seed: u64) -> Self {
        let mut seeds = Random::new(seed);
        let mut lane = || {
            let mut lane = CommandLane::new(settings.lane.clone(), seeds.next());
            lane.set_identity(identity.clone());
            LaneCell::new(lane)
        };
        let (ordered, lockless) = (lane(), lane());
        let shared = Shared {
            settings,
            ordered,
            lockless,
            gone: Semaphore::new(0),
            seeds: Mutex::new(seeds),
            outbox: Mutex::default(),
        };
        Self {
            handle: Arc::new(Handle {
                shared: Arc::new(shared),
            }),
        }
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.handle.shared
    }

    /// Another handle with the same settings and lanes of its own, in another name: to open a
    /// public link beside an account, for example.
    #[must_use]
    pub fn with_identity(&self, identity: Identity) -> Self {
        Self::start(Arc::clone(&self.shared().settings), identity, self.seed())
    }

    /// Sets in whose name commands go that are sent from now on, through all clones. Commands sent
    /// before keep the old name.
    pub fn set_identity(&self, identity: Identity) {
        for which in [Which::Ordered, Which::Lockless] {
            self.shared()
                .cell(which)
                .lock()
                .lane
                .set_identity(identity.clone());
        }
    }

    /// Has somebody keep book of the changes that leave from now on, through all clones. Handles made by [`with_identity`](Self::with_identity)
    /// are not meant.
    pub fn set_outbox(&self, outbox: Arc<dyn Outbox>) {
        *self
            .shared()
            .outbox
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(outbox);
    }

    /// In whose name commands go.
    pub fn identity(&self) -> Identity {
        self.shared().ordered.lock().lane.identity().clone()
    }

    /// Which URLs may be used.
    pub fn url_policy(&self) -> &UrlPolicy {
        &self.shared().settings.policy
    }

    /// Sends a command and waits for its answer.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] when the service says no; [`Error::OutcomeUnknown`] when a command that
    /// changes something left and no valid answer came within the deadline; otherwise an error of
    /// the network, the protocol or the caller, and then the command has had no effect.
    ///
    /// # Cancel safety
    ///
    /// A command that has not left when the future is dropped never leaves. One that has is brought
    /// to its end by the lane: it is neither lost nor repeated, only its answer goes nowhere.
    pub async fn send<C: Command>(&self, command: C) -> Result<Answer<C::Reply>, Error> {
        let Some(observer) = self.shared().settings.observer.clone() else {
            return self.submit(command)?.await;
        };
        let (name, start) = (command.name().to_owned(), tokio::time::Instant::now());
        let answer = self.submit(command)?.await;
        observer(ApiNotice::Answered {
            command: name,
            took: start.elapsed(),
            code: match &answer {
                Err(Error::Refused(refusal)) => Some(refusal.code),
                _ => None,
            },
            done: answer.is_ok(),
        });
        answer
    }

    /// Hands a command over at once and returns a future of its answer. Commands handed over one
    /// after the other travel in this order.
    ///
    /// # Errors
    ///
    /// [`Error::Misuse`] outside of a tokio runtime.
    pub fn submit<C: Command>(&self, command: C) -> Result<PendingAnswer<C>, Error> {
        let encoded = EncodedCommand::new(&command);
        let which = which(encoded.lane());
        let (answer, ticket) = self.enqueue(which, |lane| lane.submit(encoded));
        let pending = self.pending(command, which, answer, ticket);
        self.shared().drive(which)?;
        Ok(pending)
    }

    /// Hands many commands over at once: none of them leaves before all are there, so they travel
    /// in as few requests as the limits allow. Each has its own answer, in the same order.
    ///
    /// # Errors
    ///
    /// [`Error::Misuse`] outside of a tokio runtime.
    pub fn submit_all<C: Command>(
        &self,
        commands: impl IntoIterator<Item = C>,
    ) -> Result<Vec<PendingAnswer<C>>, Error> {
        let encoded: Vec<_> = commands
            .into_iter()
            .map(|command| {
                let encoded = EncodedCommand::new(&command);
                (command, which(encoded.lane()), encoded)
            })
            .collect();
        let mut pending = Vec::with_capacity(encoded.len());
        let mut used = (false, false);
        {
            // Always in this order, and nobody else holds both.
            let mut ordered = self.shared().ordered.lock();
            let mut lockless = self.shared().lockless.lock();
            for (command, which, encoded) in encoded {
                let (state, used) = match which {
                    Which::Ordered => (&mut *ordered, &mut used.0),
                    Which::Lockless => (&mut *lockless, &mut used.1),
                };
                *used = true;
                let (sender, answer) = oneshot::channel();
                let ticket = state.lane.submit(encoded);
                state.waiters.insert(ticket, sender);
                pending.push(self.pending(command, which, answer, ticket));
            }
        }
        let (ordered, lockless) = used;
        if ordered {
            self.shared().drive(Which::Ordered)?;
        }
        if lockless {
            self.shared().drive(Which::Lockless)?;
        }
        Ok(pending)
    }

    /// Holds new batches back until what is returned is dropped: what is handed over meanwhile travels together, whichever threads the tasks
    /// run on. Do not wait for an answer with it. Batches in flight go on.
    pub fn hold(&self) -> Hold {
        for which in [Which::Ordered, Which::Lockless] {
            self.shared().cell(which).hold();
        }
        Hold(Arc::clone(self.shared()))
    }

    /// Sends a request of unknown outcome again under its old id, so that a service that remembers
    /// it repeats its answer. `command` is the command the error was about.
    ///
    /// # Errors
    ///
    /// As [`Api::send`].
    ///
    /// # Cancel safety
    ///
    /// As [`Api::send`].
    pub async fn resend<C: Command>(
        &self,
        command: C,
        request: &SentRequest,
    ) -> Result<Answer<C::Reply>, Error> {
        let which = which(command.lane());
        let (answer, ticket) = self.enqueue(which, |lane| lane.resubmit(request));
        let pending = self.pending(command, which, answer, ticket);
        self.shared().drive(which)?;
        pending.await
    }

    /// Waits until no change is under way whose future was dropped, and the outbox has been told of its end.
    ///
    /// Such a change cannot be withdrawn once it has left, and while its request is being repeated nothing tells of it yet, events included. Who
    /// is about to do the same again, and looks first whether it was done, waits for this before looking. The retry deadline bounds it.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future only ends the waiting.
    pub async fn orphans_settled(&self) {
        let cell = self.shared().cell(Which::Ordered);
        loop {
            let mut settled = std::pin::pin!(cell.settled.notified());
            // Before the look, so that no end in between is missed.
            settled.as_mut().enable();
            if !cell.lock().is_unsettled() {
                break;
            }
            settled.await;
        }
    }

    /// Follows the events after `position`, in the present name.
    pub fn events(&self, position: SequenceNumber) -> EventStream {
        let settings = &self.shared().settings;
        // The origin was accepted when the handle was built.
        let config = ChannelConfig {
            origin: settings.lane.origin.clone(),
            policy: settings.policy.clone(),
            retry: settings.lane.retry,
        };
        let channel = EventChannel::new(config, self.identity(), position, self.seed());
        EventStream::new(channel, Arc::clone(self.shared()))
    }

    /// Storage hosts, over the same transport.
    pub fn storage(&self) -> Storage {
        Storage::new(Arc::clone(&self.shared().settings))
    }

    /// Gives up what has not left, accepts nothing more, and waits until nothing is in flight and
    /// no task is left (CAN-3).
    ///
    /// # Cancel safety
    ///
    /// The handle is closed in any case; dropping the future only ends the waiting.
    pub async fn close(&self) {
        for which in [Which::Ordered, Which::Lockless] {
            let cell = self.shared().cell(which);
            let delivered = {
                let mut state = cell.lock();
                state.lane.close();
                pump::deliver(&mut state)
            };
            let _proof = delivered.tell(self.shared(), which);
            cell.wake.notify_one();
            loop {
                let idle = cell.idle.notified();
                if !cell.lock().pumping {
                    break;
                }
                idle.await;
            }
        }
    }

    fn pending<C>(
        &self,
        command: C,
        which: Which,
        answer: oneshot::Receiver<Result<RawAnswer, Error>>,
        ticket: Ticket,
    ) -> PendingAnswer<C> {
        PendingAnswer::new(command, answer, Arc::clone(self.shared()), which, ticket)
    }

    fn enqueue(
        &self,
        which: Which,
        submit: impl FnOnce(&mut CommandLane) -> Ticket,
    ) -> (oneshot::Receiver<Result<RawAnswer, Error>>, Ticket) {
        let (sender, receiver) = oneshot::channel();
        let mut state = self.shared().cell(which).lock();
        let ticket = submit(&mut state.lane);
        state.waiters.insert(ticket, sender);
        (receiver, ticket)
    }

    fn seed(&self) -> u64 {
        self.shared()
            .seeds
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .next()
    }
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Api")
            .field("origin", &self.shared().settings.lane.origin)
            .finish_non_exhaustive()
    }
}

fn which(lane: Lane) -> Which {
    match lane {
        Lane::Lockless => Which::Lockless,
        Lane::Ordered | Lane::Alone => Which::Ordered,
    }
}

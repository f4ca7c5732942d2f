//! The service itself: from an HTTP request to an HTTP response, on a model with its own clock. No sockets here.

mod api;
mod call;
pub(crate) mod change;
mod control;
mod download;
mod event;
pub(crate) mod forest;
pub(crate) mod hashcash;
pub(crate) mod idempotence;
mod reply;
mod upload;

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::Request;

pub(crate) use call::{Call, Head};
pub use reply::{Body, Delivery, Manner, Reply};

use crate::clock::Clock;
use crate::fault::{Action, Faults, Lane};
use crate::journal::{Entry, Journal};
use crate::model::{Model, Options};
use crate::seed::Seed;
use crate::state::{State, StateError};

/// What comes of a request.
#[derive(Debug)]
#[non_exhaustive]
pub enum Outcome {
    /// An answer.
    Reply(Reply),
    /// A long poll: ask again with [`Service::poll`] when something happened or time has passed.
    Hold(Hold),
}

/// A request that is held until there is news.
#[derive(Debug)]
pub struct Hold(Box<Held>);

#[derive(Debug)]
struct Held {
    call: Call,
    actions: Vec<Action>,
    entry: Entry,
    deadline_ms: i64,
}

impl Hold {
    /// When it is answered at the latest: Unix milliseconds of the server's clock.
    #[must_use]
    pub fn deadline_millis(&self) -> i64 {
        self.0.deadline_ms
    }
}

/// A MEGA in memory: give it requests, get replies.
#[derive(Debug)]
pub struct Service {
    model: Mutex<Model>,
    faults: Faults,
    journal: Journal,
    clock: Clock,
    /// The body of the last reply of each lane, before it was spoiled.
    last: Mutex<HashMap<Lane, Bytes>>,
    /// Where the state is kept; gone once it was closed.
    state: Option<Mutex<Option<State>>>,
}

impl Service {
    pub(crate) fn new(seed: u64, clock: Clock, options: Options) -> Arc<Self> {
        Arc::new(Self::without_state(seed, clock, options))
    }

    /// A service whose state lies in a folder.
    pub(crate) fn with_state(
        seed: u64,
        clock: Clock,
        options: Options,
        folder: &Path,
    ) -> Result<Arc<Self>, StateError> {
        let mut service = Self::without_state(seed, clock, options);
        let state = State::open(folder, &mut service.lock())?;
        service.state = Some(Mutex::new(Some(state)));
        Ok(Arc::new(service))
    }

    fn without_state(seed: u64, clock: Clock, options: Options) -> Self {
        let seed = Seed::new(seed);
        let faults = Faults::new(seed.branch("faults"));
        let model = Model::new(seed.branch("model"), clock.clone(), options);
        let service = Self {
            model: Mutex::new(model),
            faults,
            journal: Journal::default(),
            clock,
            last: Mutex::default(),
            state: None,
        };
        service.set_origin("http://testserver.invalid", "http://testserver.invalid");
        service
    }

    /// A service without a socket, all choices at their defaults but the seed.
    #[must_use]
    pub fn in_memory(seed: u64) -> Arc<Self> {
        Self::new(seed, Clock::real(), Options::default())
    }

    /// Answers one request, or says that it has to wait.
    ///
    /// The model is locked for the time of one request, so requests of several threads happen one after the other.
    pub fn handle(&self, request: Request<Bytes>) -> Outcome {
        let len = request.body().len() as u64;
        self.handle_discarded(request, len)
    }

    /// As [`Service::handle`], for a body of which only the length was kept.
    pub(crate) fn handle_discarded(&self, request: Request<Bytes>, len: u64) -> Outcome {
        let call = Call::read(request, len);
        // Not a request to the service: no fault hits it, and the journal does not tell of it.
        if let Some(reply) = self.control(&call) {
            return Outcome::Reply(reply);
        }
        let mut entry = self.journal.open(&call, self.clock.millis());
        let actions = self.faults.draw(&call);
        entry.faults = actions.iter().map(Action::name).collect();
        if let Some(early) = self.refuse(&call, &actions) {
            return self.finish(&call, early, &actions, entry);
        }
        let reply = match call.lane {
            Lane::Api => self.api(&call, &actions, &mut entry),
            Lane::Events | Lane::Wait => match self.events(&call, &actions) {
                Some(reply) => reply,
                None => {
                    let hold =
                        i64::try_from(self.lock().options.hold.as_millis()).unwrap_or(i64::MAX);
                    let deadline_ms = self.clock.millis().saturating_add(hold);
                    return Outcome::Hold(Hold(Box::new(Held {
                        call,
                        actions,
                        entry,
                        deadline_ms,
                    })));
                }
            },
            Lane::Upload => self.upload(&call, &actions),
            Lane::Download => self.download(&call, &actions),
            Lane::Attributes => self.file_attributes(&call),
            Lane::Other => other(&call),
        };
        self.finish(&call, reply, &actions, entry)
    }

    /// Looks after a held request: the answer, or the hold again when there is still no news.
    pub fn poll(&self, hold: Hold) -> Outcome {
        let reply = match self.events(&hold.0.call, &hold.0.actions) {
            Some(reply) => reply,
            None if self.clock.millis() >= hold.0.deadline_ms => Reply::text("0"),
            None => return Outcome::Hold(hold),
        };
        let Held {
            call,
            actions,
            entry,
            ..
        } = *hold.0;
        self.finish(&call, reply, &actions, entry)
    }

    /// Answers one request, waiting where the service would.
    ///
    /// Cancel safe: a dropped long poll loses nothing, positions move only when a client asks from a later one.
    pub async fn answer(&self, request: Request<Bytes>) -> Reply {
        self.wait(self.handle(request)).await
    }

    pub(crate) async fn wait(&self, mut outcome: Outcome) -> Reply {
        loop {
            let hold = match outcome {
                Outcome::Reply(reply) => return reply,
                Outcome::Hold(hold) => hold,
            };
            let changes = self.lock().events.changes();
            let mut changed = std::pin::pin!(changes.notified());
            changed.as_mut().enable();
            // Between the first look and this line something may have happened, so look again before waiting.
            outcome = self.poll(hold);
            if let Outcome::Hold(hold) = &outcome {
                tokio::select! {
                    biased;
                    () = changed => {}
                    () = self.clock.reached(hold.0.deadline_ms) => {}
                }
                if let Outcome::Hold(hold) = outcome {
                    outcome = self.poll(hold);
                }
            }
        }
    }

    /// Looks at the state and changes it. Do not call the server from inside.
    ///
    /// With a state folder the changes are written before this returns; what could not be written is tried again with the
    /// next request.
    pub fn with_model<R>(&self, look: impl FnOnce(&mut Model) -> R) -> R {
        let result = look(&mut self.lock());
        let _ = self.save();
        result
    }

    /// Writes what changed to the state folder, if there is one.
    fn save(&self) -> Result<(), StateError> {
        let Some(state) = &self.state else {
            return Ok(());
        };
        let mut model = self.lock();
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        match state.as_mut() {
            Some(state) => state.save(&mut model),
            None => Err(StateError::Closed),
        }
    }

    /// Lets go of the state folder, so that another server can have it. Whatever is asked from now on is not acknowledged.
    pub(crate) fn close(&self) {
        if let Some(state) = &self.state {
            *state.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
    }

    /// The ways to make it misbehave.
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// Every request so far.
    #[must_use]
    pub fn journal(&self) -> Vec<Entry> {
        self.journal.entries()
    }

    /// Forgets the requests so far.
    pub fn clear_journal(&self) {
        self.journal.clear();
    }

    /// The clock of this service.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Sets the addresses that replies refer to: of the API and of storage, without a slash at the end.
    pub fn set_origin(&self, api: &str, storage: &str) {
        let mut model = self.lock();
        model.origin = api.trim_end_matches('/').to_owned();
        model.storage_origin = storage.trim_end_matches('/').to_owned();
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Model> {
        self.model.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The most bytes the body of this request may have, so that nobody makes the server hold more than was announced.
    pub(crate) fn body_limit(&self, head: &Head) -> u64 {
        let model = self.lock();
        match head.lane {
            Lane::Upload => head.upload().map_or(0, |(name, offset)| {
                model
                    .storage
                    .uploads
                    .get(name)
                    .map_or(0, |u| u.room(offset))
            }),
            Lane::Attributes => 16 << 20,
            _ => model.options.request_limit,
        }
    }

    /// Whether the content of this request is thrown away anyway.
    pub(crate) fn discards(&self, head: &Head) -> bool {
        head.lane == Lane::Upload && self.lock().options.discard
    }

    /// Faults that keep a request from being looked at.
    fn refuse(&self, call: &Call, actions: &[Action]) -> Option<Reply> {
        for action in actions {
            match action {
                Action::DropBefore => return Some(Reply::empty(200).with_manner(Manner::Lost)),
                Action::Status { code, time_left } => {
                    let mut reply = Reply::empty(*code);
                    if let Some(seconds) = time_left {
                        reply = reply.header("X-MEGA-Time-Left", seconds.to_string());
                    }
                    return Some(reply);
                }
                Action::Redirect(to) => {
                    return Some(Reply::empty(302).header("Location", to.clone()));
                }
                Action::Hashcash(easiness) if call.lane == Lane::Api => {
                    if let Some(challenge) = self.challenge(call, *easiness) {
                        return Some(challenge);
                    }
                }
                Action::Batch(code) => return Some(Reply::text(code.to_string())),
                Action::KillSession => {
                    let mut model = self.lock();
                    if let Some(session) = call
                        .query("sid")
                        .and_then(|sid| model.sessions.get_mut(sid))
                    {
                        session.alive = false;
                    }
                }
                Action::ForgetIds => self.lock().replies.clear(),
                _ => {}
            }
        }
        None
    }

    /// Faults that spoil a finished reply, then the entry in the journal.
    fn finish(
        &self,
        call: &Call,
        mut reply: Reply,
        actions: &[Action],
        mut entry: Entry,
    ) -> Outcome {
        // What a client is told must not be lost.
        if let Err(error) = self.save() {
            entry.faults.push(format!("State({error})"));
            reply = Reply::empty(500);
        }
        let (gzip, latency) = {
            let model = self.lock();
            (model.options.gzip, model.options.latency)
        };
        if let Body::Whole(body) = &reply.body {
            let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
            let before = last.insert(call.lane, body.clone());
            if actions.iter().any(|a| matches!(a, Action::StaleBody)) {
                reply.body = Body::Whole(before.unwrap_or_default());
            }
        }
        for action in actions {
            reply = action.spoil(reply);
        }
        let packed = reply
            .headers
            .iter()
            .any(|(name, _)| name == "Content-Encoding");
        if call.wants_gzip && gzip && !packed {
            reply = reply.compress();
        }
        reply.delivery.delay = reply.delivery.delay.or(latency);
        entry.status = reply.status;
        entry.response_bytes = reply.body.len();
        self.journal.close(entry);
        Outcome::Reply(reply)
    }
}

/// Everything that is not part of the service.
fn other(call: &Call) -> Reply {
    match call.path.as_str() {
        "/pf" => Reply::empty(200),
        _ if call.method == http::Method::OPTIONS => Reply::empty(204),
        _ => Reply::empty(404),
    }
}

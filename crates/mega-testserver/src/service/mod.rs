//! The service itself: from an HTTP request to an HTTP response, on a model with its own clock. No sockets here.

mod api;
mod call;
pub(crate) mod change;
mod control;
mod download;
mod event;
pub(crate) mod forest;
pub(crate) mod hashcash;
mod hold;
pub(crate) mod idempotence;
mod reply;
mod upload;

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::Request;

pub(crate) use call::{Call, Head};
pub use hold::Hold;
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

/// A MEGA in memory: give it requests, get replies.
#[derive(Debug)]
pub struct Service {
    model: Mutex<Model>,
    faults: Faults,
    journal: Arc<Journal>,
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
            journal: Arc::default(),
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
        self.begin(call, actions, entry)
    }

    /// Does what a request asks for; `None` for a poll while there is nothing to tell.
    fn execute(&self, call: &Call, actions: &[Action], entry: &mut Entry) -> Option<Reply> {
        if let Some(early) = self.refuse(call, actions) {
            return Some(early);
        }
        Some(match call.lane {
            Lane::Api => self.api(call, actions, entry),
            Lane::Events | Lane::Wait => return self.events(call, actions),
            Lane::Upload => self.upload(call, actions),
            Lane::Download => self.download(call, actions),
            Lane::Attributes => self.file_attributes(call),
            Lane::Other | Lane::Connection => other(call),
        })
    }

    /// Whether a connection that somebody opens is taken: false when a fault refuses it ([`crate::Fault::connection`]). The
    /// sockets ask this themselves; whoever has other transports may.
    #[must_use]
    pub fn accepts_connection(&self) -> bool {
        let actions = self.faults.draw_connection();
        let refused = actions.iter().any(|a| matches!(a, Action::Refuse));
        if refused {
            let faults = actions.iter().map(Action::name).collect();
            self.journal
                .unread(self.clock.millis(), Lane::Connection, 0, faults);
        }
        !refused
    }

    /// Notes a request that could not be read to its end, with the status it was refused with, or 0 when the client went away.
    pub(crate) fn unread(&self, request: Option<Request<()>>, status: u16) {
        let now = self.clock.millis();
        let Some(request) = request else {
            return self.journal.unread(now, Lane::Other, status, Vec::new());
        };
        let call = Call::read(request.map(|()| Bytes::new()), 0);
        if call.path.starts_with("/test/") && self.lock().options.control {
            return;
        }
        let mut entry = self.journal.open(&call, now);
        entry.status = status;
        self.journal.close(entry);
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
                    () = self.clock.reached(hold.deadline_millis()) => {}
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

    /// The most bytes of the body of this request that are kept, so that nobody makes the server hold more than was announced.
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
        if self.journal.somebody_waits() {
            self.lock().events.touch();
        }
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

//! What was asked: every request, for assertions and for replaying a run.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::fault::Lane;
use crate::service::Call;

/// One request.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Entry {
    /// Counts from 0.
    pub number: u64,
    /// When it arrived, Unix milliseconds of the server's clock.
    pub millis: i64,
    /// What it was for.
    pub lane: Lane,
    /// The method.
    pub method: String,
    /// The path without the query, so that no session id is kept here. Empty where no request could be read.
    pub path: String,
    /// The request id.
    pub id: Option<String>,
    /// Whether it came with a session.
    pub with_session: bool,
    /// The public link it came through.
    pub link: Option<String>,
    /// The names of the commands of a batch, in order.
    pub commands: Vec<String>,
    /// Length of the request's body.
    pub request_bytes: u64,
    /// Length of the reply's body, before anything was cut off.
    pub response_bytes: u64,
    /// Status of the reply; 0 where there was none, since the client went away first: while it was held, or before all of it
    /// had arrived.
    pub status: u16,
    /// Answered from memory: the same request had been executed before.
    pub repeated: bool,
    /// The faults that fired.
    pub faults: Vec<String>,
}

/// The last requests; older ones are forgotten.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    inner: Mutex<Inner>,
    /// How many requests wait for others to be answered.
    waiting: AtomicUsize,
}

#[derive(Debug, Default)]
struct Inner {
    next: u64,
    entries: VecDeque<Entry>,
    /// Requests answered so far.
    answered: HashMap<Lane, u64>,
}

impl Journal {
    /// Begins an entry; it is listed when it is closed.
    pub(crate) fn open(&self, call: &Call, millis: i64) -> Entry {
        let number = {
            let mut inner = self.lock();
            let number = inner.next;
            inner.next += 1;
            number
        };
        Entry {
            number,
            millis,
            lane: call.lane,
            method: call.method.to_string(),
            path: call.path.clone(),
            id: call.query("id").map(str::to_owned),
            with_session: call.query("sid").is_some(),
            link: call.query("n").map(str::to_owned),
            commands: call.command_names(),
            request_bytes: call.body_len,
            response_bytes: 0,
            status: 0,
            repeated: false,
            faults: Vec::new(),
        }
    }

    /// Notes what was never a request: `status` is what it was answered with.
    pub(crate) fn unread(&self, millis: i64, lane: Lane, status: u16, faults: Vec<String>) {
        let mut inner = self.lock();
        let number = inner.next;
        inner.next += 1;
        drop(inner);
        self.close(Entry {
            number,
            millis,
            lane,
            method: String::new(),
            path: String::new(),
            id: None,
            with_session: false,
            link: None,
            commands: Vec::new(),
            request_bytes: 0,
            response_bytes: 0,
            status,
            repeated: false,
            faults,
        });
    }

    pub(crate) fn close(&self, entry: Entry) {
        let mut inner = self.lock();
        if entry.status != 0 {
            *inner.answered.entry(entry.lane).or_default() += 1;
        }
        inner.entries.push_back(entry);
        if inner.entries.len() > KEPT {
            inner.entries.pop_front();
        }
    }

    /// How many requests of a lane were answered so far.
    pub(crate) fn answered(&self, lane: Lane) -> u64 {
        self.lock().answered.get(&lane).copied().unwrap_or_default()
    }

    /// One request more, or one less, waits for others to be answered.
    pub(crate) fn waits(&self, begins: bool) {
        match begins {
            true => self.waiting.fetch_add(1, Ordering::SeqCst),
            false => self.waiting.fetch_sub(1, Ordering::SeqCst),
        };
    }

    pub(crate) fn somebody_waits(&self) -> bool {
        self.waiting.load(Ordering::SeqCst) > 0
    }

    pub(crate) fn entries(&self) -> Vec<Entry> {
        self.lock().entries.iter().cloned().collect()
    }

    pub(crate) fn clear(&self) {
        self.lock().entries.clear();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const KEPT: usize = 100_000;

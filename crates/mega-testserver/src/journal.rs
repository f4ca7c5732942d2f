//! What was asked: every request, for assertions and for replaying a run.

use std::collections::VecDeque;
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
    /// The path without the query, so that no session id is kept here.
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
    /// Status of the reply.
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
}

#[derive(Debug, Default)]
struct Inner {
    next: u64,
    entries: VecDeque<Entry>,
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

    pub(crate) fn close(&self, entry: Entry) {
        let mut inner = self.lock();
        inner.entries.push_back(entry);
        if inner.entries.len() > KEPT {
            inner.entries.pop_front();
        }
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

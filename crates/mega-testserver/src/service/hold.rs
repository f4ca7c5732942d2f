//! Requests that are not answered at once: polls without news, and those that a fault lets others overtake.

use std::sync::Arc;

use super::{Call, Outcome, Reply, Service};
use crate::fault::Action;
use crate::journal::{Entry, Journal};

/// A request that is held until there is news. Dropping it is what the service sees of a client that goes away: the journal
/// then has the request with status 0.
#[derive(Debug)]
pub struct Hold(Box<Held>);

#[derive(Debug)]
struct Held {
    call: Call,
    actions: Vec<Action>,
    /// Gone once the request was answered.
    entry: Option<Entry>,
    deadline_ms: i64,
    /// Not looked at before so many requests of its lane were answered.
    after: Option<u64>,
    journal: Arc<Journal>,
}

impl Hold {
    /// When it is answered at the latest: Unix milliseconds of the server's clock.
    #[must_use]
    pub fn deadline_millis(&self) -> i64 {
        self.0.deadline_ms
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if self.after.take().is_some() {
            self.journal.waits(false);
        }
        if let Some(entry) = self.entry.take() {
            self.journal.close(entry);
        }
    }
}

impl Service {
    /// Answers a request that was noted, or holds it.
    pub(super) fn begin(&self, call: Call, actions: Vec<Action>, mut entry: Entry) -> Outcome {
        let overtaken = actions.iter().find_map(|action| match action {
            Action::Overtaken(requests) => Some(u64::from(*requests)),
            _ => None,
        });
        if let Some(requests) = overtaken.filter(|n| *n > 0) {
            let after = self.journal.answered(call.lane).saturating_add(requests);
            self.journal.waits(true);
            return Outcome::Hold(self.hold(call, actions, entry, Some(after)));
        }
        match self.execute(&call, &actions, &mut entry) {
            Some(reply) => self.finish(&call, reply, &actions, entry),
            None => Outcome::Hold(self.hold(call, actions, entry, None)),
        }
    }

    /// Looks after a held request: the answer, or the hold again when there is still no news.
    pub fn poll(&self, mut hold: Hold) -> Outcome {
        let held = &mut *hold.0;
        let late = self.clock.millis() >= held.deadline_ms;
        let reply = match held.after {
            Some(after) if !late && self.journal.answered(held.call.lane) < after => {
                return Outcome::Hold(hold);
            }
            Some(_) => {
                held.after = None;
                self.journal.waits(false);
                // The time so far was that of the fault; a poll has its own from now on.
                held.deadline_ms = self.deadline();
                match &mut held.entry {
                    Some(entry) => self.execute(&held.call, &held.actions, entry),
                    None => None,
                }
            }
            None => match self.events(&held.call, &held.actions) {
                None if late => Some(Reply::text("0")),
                reply => reply,
            },
        };
        match (reply, held.entry.take()) {
            (Some(reply), Some(entry)) => self.finish(&held.call, reply, &held.actions, entry),
            (_, entry) => {
                held.entry = entry;
                Outcome::Hold(hold)
            }
        }
    }

    fn hold(&self, call: Call, actions: Vec<Action>, entry: Entry, after: Option<u64>) -> Hold {
        Hold(Box::new(Held {
            call,
            actions,
            entry: Some(entry),
            deadline_ms: self.deadline(),
            after,
            journal: self.journal.clone(),
        }))
    }

    fn deadline(&self) -> i64 {
        let hold = i64::try_from(self.lock().options.hold.as_millis()).unwrap_or(i64::MAX);
        self.clock.millis().saturating_add(hold)
    }
}

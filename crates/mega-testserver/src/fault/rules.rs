//! The rules in force, and which of them hit a request.

use std::sync::{Arc, Mutex, PoisonError};

use super::{Action, Fault, Lane};
use crate::seed::Seed;
use crate::service::Call;

/// The rules in force. Clones share them.
#[derive(Clone, Debug)]
pub struct Faults {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug)]
struct Inner {
    rules: Vec<Fault>,
    seed: Seed,
}

impl Faults {
    pub(crate) fn new(seed: Seed) -> Self {
        Self {
            inner: Arc::new(Mutex::new(Inner {
                rules: Vec::new(),
                seed,
            })),
        }
    }

    /// Adds a rule after those in force. Several rules can hit one request.
    pub fn add(&self, fault: Fault) {
        self.lock().rules.push(fault);
    }

    /// The next request with this command gets this number for it, and the command is not executed.
    pub fn fail_next(&self, command: &str, code: i64) {
        self.add(Fault::command(command).code(code));
    }

    /// Ends all rules.
    pub fn clear(&self) {
        self.lock().rules.clear();
    }

    /// How many rules still wait to fire.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.lock().rules.len()
    }

    /// What goes wrong with this request.
    pub(crate) fn draw(&self, call: &Call) -> Vec<Action> {
        self.draw_where(|rule| rule.matches(call))
    }

    /// What goes wrong with a connection that is opened.
    pub(crate) fn draw_connection(&self) -> Vec<Action> {
        self.draw_where(|rule| rule.lane == Some(Lane::Connection))
    }

    fn draw_where(&self, hits: impl Fn(&Fault) -> bool) -> Vec<Action> {
        let mut inner = self.lock();
        let Inner { rules, seed } = &mut *inner;
        let mut out = Vec::new();
        for rule in rules.iter_mut() {
            if !hits(rule) {
                continue;
            }
            if rule.skip > 0 {
                rule.skip -= 1;
                continue;
            }
            if rule.times == Some(0) || rule.chance.is_some_and(|p| !seed.chance(p)) {
                continue;
            }
            if let Some(times) = &mut rule.times {
                *times -= 1;
            }
            out.extend(rule.actions.iter().map(|action| {
                match (action.settle(seed), &rule.command) {
                    (Action::Code(code), Some(name)) => Action::CommandCode(name.clone(), code),
                    (action, _) => action,
                }
            }));
        }
        rules.retain(|rule| rule.times != Some(0));
        out
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! The changes of this client that are under way, and those of others that are to be settled.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::time::SystemTime;

use mega_protocol::{ChangeOutcome, EndedChange, RequestId, SentCommand};

use super::change::SettledChange;
use super::evidence::{Item, without_repetitions};
use super::log::leaving_frame;
use crate::cache::bytes::Plain;

/// Settled changes that nobody takes: the oldest go first.
const SETTLED_KEPT: usize = 10_000;

/// The book.
#[derive(Default)]
pub(super) struct Book {
    open: BTreeMap<u64, Open>,
    next: u64,
    /// The calls that are waiting for the effect of a change, by their numbers.
    calls: BTreeSet<u64>,
    next_call: u64,
    settled: VecDeque<SettledChange>,
    /// Batches that are over and still noted on disk.
    over: Vec<u64>,
}

/// A batch that has left.
struct Open {
    request: RequestId,
    sent: SystemTime,
    items: Vec<Item>,
    /// By the place of the command.
    states: HashMap<u32, State>,
    /// Once all is known: calls with a lower number may not have told their callers yet.
    until: Option<u64>,
}

/// What is known of one command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// It is under way.
    Sent,
    /// Its outcome is unknown, and somebody is finding it out.
    Claimed,
    /// Its outcome is unknown, and nobody is finding it out.
    Left,
    /// Its caller knows, or does not care.
    Known,
}

impl Open {
    fn state(&mut self, position: usize) -> Option<&mut State> {
        self.states.get_mut(&u32::try_from(position).ok()?)
    }

    fn items_at(&self, position: usize) -> impl Iterator<Item = &Item> {
        let position = u32::try_from(position).ok();
        self.items
            .iter()
            .filter(move |item| Some(item.position) == position)
    }
}

impl Book {
    /// Enters a batch, under the number that its record on disk has, too.
    pub(super) fn leave(&mut self, request: RequestId, sent: SystemTime, items: Vec<Item>) -> u64 {
        let number = self.next;
        self.next = number.wrapping_add(1);
        let positions = items.iter().map(|item| (item.position, State::Sent));
        let open = Open {
            request,
            sent,
            states: positions.collect(),
            items,
            until: None,
        };
        self.open.insert(number, open);
        number
    }

    /// The frame of a batch.
    pub(super) fn frame(&self, number: u64) -> Option<Plain> {
        let open = self.open.get(&number)?;
        Some(leaving_frame(number, open.request, open.sent, &open.items))
    }

    /// The frames of all batches that are open.
    pub(super) fn frames(&self) -> Vec<Plain> {
        let open = self.open.iter();
        open.map(|(number, open)| leaving_frame(*number, open.request, open.sent, &open.items))
            .collect()
    }

    /// A batch never left.
    pub(super) fn strike(&mut self, number: u64) {
        self.open.remove(&number);
    }

    /// The lane does nothing more about a batch.
    pub(super) fn ended(&mut self, request: RequestId, changes: &[EndedChange]) {
        let calls = self.next_call;
        let mut told = Vec::new();
        let Some(open) = self.find(request) else {
            return;
        };
        for change in changes {
            let Some(state) = open.state(change.position) else {
                continue;
            };
            *state = match (change.outcome, change.given_up) {
                // Its caller hears of it next.
                (ChangeOutcome::Unknown, false) => State::Claimed,
                (ChangeOutcome::Unknown, true) => State::Left,
                (outcome, given_up) => {
                    if given_up {
                        told.push((change.position, outcome));
                    }
                    State::Known
                }
            };
        }
        let settled: Vec<_> = told
            .into_iter()
            .flat_map(|(position, outcome)| {
                let items = open.items_at(position);
                items.map(move |item| (item, outcome))
            })
            .map(|(item, outcome)| SettledChange {
                change: item.shown(open.sent),
                outcome,
                made: None,
            })
            .collect();
        open.until = Some(calls);
        self.tell(settled);
        self.close();
    }

    /// A call begins that waits for the effect of what it sends.
    pub(super) fn call(&mut self) -> u64 {
        let number = self.next_call;
        self.next_call = number.wrapping_add(1);
        self.calls.insert(number);
        number
    }

    /// It has returned, or was dropped.
    pub(super) fn returned(&mut self, call: u64) {
        self.calls.remove(&call);
        self.close();
    }

    /// Somebody finds out what became of a command, or gives that up, or knows.
    pub(super) fn claim(&mut self, sent: SentCommand) {
        self.set(sent, State::Claimed);
    }

    pub(super) fn leave_unknown(&mut self, sent: SentCommand) {
        self.set(sent, State::Left);
    }

    pub(super) fn known(&mut self, sent: SentCommand) {
        self.set(sent, State::Known);
        self.close();
    }

    fn set(&mut self, sent: SentCommand, to: State) {
        if let Some(state) = self
            .find(sent.request)
            .and_then(|open| open.state(sent.position))
        {
            *state = to;
        }
    }

    /// The batch of a request; ids begin anew after a very long time.
    fn find(&mut self, request: RequestId) -> Option<&mut Open> {
        let mut open = self.open.values_mut().rev();
        open.find(|open| open.request == request)
    }

    /// Ends what is known to all who asked for it.
    fn close(&mut self) {
        let first = self.calls.first().copied();
        let over = &mut self.over;
        self.open.retain(|number, open| {
            let known = open.states.values().all(|state| *state == State::Known);
            let told = open
                .until
                .is_some_and(|until| first.is_none_or(|first| first >= until));
            if known && told {
                over.push(*number);
            }
            !(known && told)
        });
    }

    /// The commands whose outcome nobody is finding out.
    pub(super) fn left(&self) -> Vec<(u64, u32)> {
        let all = self.open.iter().flat_map(|(number, open)| {
            let states = open.states.iter();
            states.map(move |(position, state)| (*number, *position, *state))
        });
        let mut left: Vec<_> = all
            .filter(|(.., state)| *state == State::Left)
            .map(|(number, position, _)| (number, position))
            .collect();
        left.sort_unstable();
        left
    }

    /// Settles those of them that still are.
    pub(super) fn settle(
        &mut self,
        left: &[(u64, u32)],
        judge: impl FnOnce(&[(&Item, SystemTime)]) -> Vec<SettledChange>,
    ) {
        let mut items = Vec::new();
        for &(number, position) in left {
            let Some(open) = self.open.get(&number) else {
                continue;
            };
            if open.states.get(&position) == Some(&State::Left) {
                let here = open.items.iter().filter(|item| item.position == position);
                items.extend(here.map(|item| (item, open.sent)));
            }
        }
        let settled = judge(&without_repetitions(items.into_iter()));
        for &(number, position) in left {
            if let Some(state) = self
                .open
                .get_mut(&number)
                .and_then(|open| open.states.get_mut(&position))
                .filter(|state| **state == State::Left)
            {
                *state = State::Known;
            }
        }
        self.tell(settled);
        self.close();
    }

    /// Tells the caller what became of changes that nobody waits for.
    pub(super) fn tell(&mut self, settled: Vec<SettledChange>) {
        self.settled.extend(settled);
        while self.settled.len() > SETTLED_KEPT {
            self.settled.pop_front();
        }
    }

    pub(super) fn take_settled(&mut self) -> Vec<SettledChange> {
        std::mem::take(&mut self.settled).into()
    }

    /// What is under way, or unknown.
    pub(super) fn pending(&self) -> impl Iterator<Item = (&Item, SystemTime)> {
        self.open.values().flat_map(|open| {
            let items = open.items.iter().filter(|item| {
                let state = open.states.get(&item.position);
                state.is_some_and(|state| *state != State::Known)
            });
            items.map(|item| (item, open.sent))
        })
    }

    /// Whether nothing has to stay noted.
    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// The batches that are over, since this was last asked.
    pub(super) fn take_over(&mut self) -> Vec<u64> {
        std::mem::take(&mut self.over)
    }
}

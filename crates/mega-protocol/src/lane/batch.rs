//! A batch: commands that leave together under one id.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use zeroize::Zeroizing;

use super::RequestId;
use super::messages::{ChangeOutcome, EndedChange, SentCommand, Ticket};
use crate::command::{Effect, EncodedCommand, Lane};
use crate::error::Error;
use crate::identity::Identity;

/// A request that left and got no valid answer: its id and its bytes, in whose name it went, and
/// which of its commands is meant.
///
/// Sending it again under the same id makes the service repeat its answer, as long as it remembers
/// the id; see [`CommandLane::resubmit`](super::CommandLane::resubmit).
#[derive(Clone)]
pub struct SentRequest {
    pub(super) id: RequestId,
    pub(super) body: Bytes,
    pub(super) identity: Arc<Identity>,
    pub(super) items: Arc<[Item]>,
    pub(super) position: usize,
}

impl SentRequest {
    /// The id.
    pub fn id(&self) -> RequestId {
        self.id
    }

    /// The exact bytes of the request. They may hold secrets.
    pub fn expose_body(&self) -> &Bytes {
        &self.body
    }

    /// The index of the command in the request.
    pub fn position(&self) -> usize {
        self.position
    }

    /// Which command of which request it is.
    pub fn command(&self) -> SentCommand {
        SentCommand::new(self.id, self.position)
    }
}

impl fmt::Debug for SentRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SentRequest")
            .field("id", &self.id)
            .field("position", &self.position)
            .finish_non_exhaustive()
    }
}

/// A command that waits to leave.
#[derive(Debug)]
pub(super) struct Queued {
    pub(super) ticket: Ticket,
    pub(super) command: EncodedCommand,
    pub(super) identity: Arc<Identity>,
    pub(super) streamed: bool,
    /// When it first left in an earlier batch that the service did not execute.
    pub(super) first_sent: Option<Instant>,
    pub(super) submitted: Option<Instant>,
}

/// What is remembered of a command once it has been written into a batch.
#[derive(Clone, Debug)]
pub(super) struct Item {
    pub(super) ticket: Ticket,
    pub(super) name: Cow<'static, str>,
    pub(super) effect: Effect,
}

/// The one batch in flight.
pub(super) struct Flight {
    pub(super) id: RequestId,
    pub(super) body: Bytes,
    pub(super) identity: Arc<Identity>,
    pub(super) items: Arc<[Item]>,
    /// The commands themselves, for a batch of which one may have to go into another.
    pub(super) commands: Vec<EncodedCommand>,
    pub(super) streamed: bool,
    pub(super) state: FlightState,
    pub(super) first_sent: Option<Instant>,
    /// Whether it has been handed out once.
    pub(super) announced: bool,
    /// Whether any attempt may have been executed. Once set it stays: a later "not now" from the
    /// service may be caused by the earlier attempt being under way.
    pub(super) maybe_executed: bool,
    pub(super) malformed: u32,
    pub(super) proofs: u32,
    pub(super) proof: Option<String>,
    /// Until when the service asked to be left alone.
    pub(super) not_before: Option<Instant>,
    /// Commands nobody waits for any more.
    pub(super) orphans: BTreeSet<Ticket>,
}

impl fmt::Debug for Flight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flight")
            .field("id", &self.id)
            .field("items", &self.items)
            .field("state", &self.state)
            .field("maybe_executed", &self.maybe_executed)
            .finish_non_exhaustive()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FlightState {
    /// To be sent when the time has come; at once if there is none.
    Ready(Option<Instant>),
    /// On the wire.
    Sent,
    /// Waiting for a proof of work.
    Proving,
}

impl Flight {
    pub(super) fn new(id: RequestId, queued: Vec<Queued>) -> Self {
        let mut body = Zeroizing::new(Vec::new());
        body.push(b'[');
        let mut items = Vec::with_capacity(queued.len());
        let mut commands = Vec::with_capacity(queued.len());
        let mut first_sent = None;
        let mut streamed = false;
        let mut identity = Arc::new(Identity::Anonymous);
        for (index, entry) in queued.into_iter().enumerate() {
            if index > 0 {
                body.push(b',');
            }
            body.extend_from_slice(entry.command.expose_json());
            first_sent = earlier(first_sent, entry.first_sent);
            streamed |= entry.streamed;
            identity = entry.identity;
            items.push(Item {
                ticket: entry.ticket,
                name: Cow::Owned(entry.command.name().to_owned()),
                effect: entry.command.effect(),
            });
            commands.push(entry.command);
        }
        body.push(b']');
        Self {
            id,
            // The owner wipes the text when the last user of the bytes is gone.
            body: Bytes::from_owner(body),
            identity,
            items: items.into(),
            commands,
            streamed,
            state: FlightState::Ready(None),
            first_sent,
            announced: false,
            maybe_executed: false,
            malformed: 0,
            proofs: 0,
            proof: None,
            not_before: None,
            orphans: BTreeSet::new(),
        }
    }

    /// A flight that repeats a request whose outcome is unknown.
    pub(super) fn again(request: &SentRequest) -> Self {
        Self {
            id: request.id,
            body: request.body.clone(),
            identity: Arc::clone(&request.identity),
            items: Arc::clone(&request.items),
            commands: Vec::new(),
            streamed: false,
            state: FlightState::Ready(None),
            first_sent: None,
            announced: true,
            maybe_executed: true,
            malformed: 0,
            proofs: 0,
            proof: None,
            not_before: None,
            orphans: BTreeSet::new(),
        }
    }

    /// Whether nobody wants the answer, and no change of it can have come to pass.
    pub(super) fn is_pointless(&self) -> bool {
        let harmless = |item: &Item| item.effect == Effect::Read || !self.maybe_executed;
        self.items
            .iter()
            .all(|i| harmless(i) && self.orphans.contains(&i.ticket))
    }

    /// What the failure of the whole flight is for the command at `position`.
    pub(super) fn failure(&self, position: usize, cause: &Error) -> Error {
        let mutation = self
            .items
            .get(position)
            .is_some_and(|i| i.effect == Effect::Mutation);
        if !(mutation && self.maybe_executed) {
            return cause.clone();
        }
        let name = self
            .items
            .get(position)
            .map_or(Cow::Borrowed("?"), |i| i.name.clone());
        let request = SentRequest {
            id: self.id,
            body: self.body.clone(),
            identity: Arc::clone(&self.identity),
            items: Arc::clone(&self.items),
            position,
        };
        Error::outcome_unknown(name, request, cause.clone())
    }

    /// The commands that change something, by their places.
    pub(super) fn changes(&self) -> impl Iterator<Item = usize> + '_ {
        let changes = self.items.iter().enumerate();
        changes
            .filter(|(_, item)| item.effect == Effect::Mutation)
            .map(|(position, _)| position)
    }

    /// What there is to tell of the changes in it now that it has come to its end.
    pub(super) fn ended(
        &self,
        outcome: impl Fn(usize) -> ChangeOutcome,
    ) -> Option<Vec<EndedChange>> {
        if !self.announced {
            return None;
        }
        let ended = self.changes().map(|position| EndedChange {
            position,
            outcome: outcome(position),
            given_up: self
                .items
                .get(position)
                .is_some_and(|item| self.orphans.contains(&item.ticket)),
        });
        Some(ended.collect()).filter(|ended: &Vec<_>| !ended.is_empty())
    }

    /// The outcome of a command when the whole flight has failed.
    pub(super) fn failed_outcome(&self) -> ChangeOutcome {
        if self.maybe_executed {
            ChangeOutcome::Unknown
        } else {
            ChangeOutcome::NotDone
        }
    }

    pub(super) fn request(&self, position: usize) -> SentRequest {
        SentRequest {
            id: self.id,
            body: self.body.clone(),
            identity: Arc::clone(&self.identity),
            items: Arc::clone(&self.items),
            position,
        }
    }
}

fn earlier(a: Option<Instant>, b: Option<Instant>) -> Option<Instant> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

/// Whether `next` may join a batch that so far has `count` commands and `size` bytes.
pub(super) fn may_join(
    first: &Queued,
    next: &Queued,
    count: usize,
    size: usize,
    limits: (usize, usize),
) -> bool {
    let (max_commands, max_body) = limits;
    next.command.lane() != Lane::Alone
        && first.command.lane() != Lane::Alone
        && !next.streamed
        && Arc::ptr_eq(&first.identity, &next.identity)
        && count < max_commands
        && size.saturating_add(next.command.expose_json().len()) <= max_body
}

//! The state machine.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use super::RequestId;
use super::batch::{Flight, FlightState, Item, Queued, SentRequest, may_join};
use super::messages::{ApiRequest, LaneConfig, LaneEvent, Ticket};
use crate::command::{Effect, EncodedCommand};
use crate::error::Error;
use crate::identity::Identity;
use crate::random::Random;
use crate::retry::Backoff;

/// One lane of commands. See the [module](super).
#[derive(Debug)]
pub struct CommandLane {
    pub(super) config: LaneConfig,
    pub(super) identity: Arc<Identity>,
    pub(super) queue: VecDeque<Queued>,
    pub(super) resubmitted: VecDeque<(Ticket, SentRequest)>,
    pub(super) flight: Option<Flight>,
    /// No new batch leaves before this time.
    pub(super) not_before: Option<Instant>,
    /// Nor before this one: the service asked for a pause, and the batch that was told is gone.
    pub(super) asked_pause: Option<Instant>,
    pub(super) backoff: Backoff,
    pub(super) random: Random,
    pub(super) next_id: RequestId,
    pub(super) next_ticket: u64,
    pub(super) events: VecDeque<LaneEvent>,
    pub(super) closed: bool,
    /// No new batch is formed.
    held: bool,
}

impl CommandLane {
    /// A lane. `seed` should differ for each lane and process: request ids start from it.
    pub fn new(config: LaneConfig, seed: u64) -> Self {
        let mut random = Random::new(seed);
        let next_id = RequestId::random(&mut random);
        Self {
            backoff: Backoff::new(config.retry),
            config,
            identity: Arc::new(Identity::Anonymous),
            queue: VecDeque::new(),
            resubmitted: VecDeque::new(),
            flight: None,
            not_before: None,
            asked_pause: None,
            random,
            next_id,
            next_ticket: 0,
            events: VecDeque::new(),
            closed: false,
            held: false,
        }
    }

    /// Sets in whose name commands go that are submitted from now on. Those submitted before keep
    /// the old name.
    pub fn set_identity(&mut self, identity: Identity) {
        if *self.identity != identity {
            self.identity = Arc::new(identity);
        }
    }

    /// Holds new batches back, or lets them go: while many commands are being handed over, none should leave alone. A batch in flight
    /// goes on.
    pub fn set_held(&mut self, held: bool) {
        self.held = held;
    }

    /// In whose name commands go.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Takes a command over. Its result comes as a [`LaneEvent::Done`].
    pub fn submit(&mut self, command: EncodedCommand) -> Ticket {
        self.enqueue(command, false)
    }

    /// As [`CommandLane::submit`], for a command whose reply is too large to be kept. The owner
    /// reads it while it arrives and reports `[0]`, or what else the body was.
    pub fn submit_streamed(&mut self, command: EncodedCommand) -> Ticket {
        self.enqueue(command, true)
    }

    /// Sends a request of unknown outcome again, with the same id and bytes. The result is that of
    /// the command the error was about.
    pub fn resubmit(&mut self, request: &SentRequest) -> Ticket {
        let ticket = self.new_ticket();
        if self.closed {
            self.events.push_back(LaneEvent::Done {
                ticket,
                result: Err(Error::Closed),
            });
        } else {
            self.resubmitted.push_back((ticket, request.clone()));
        }
        ticket
    }

    /// Withdraws a command that has not left. Returns whether it had not: then it never will, and
    /// no result comes. One that has left is brought to its end, except that a batch that nobody
    /// waits for is not sent again if it only asks, or has certainly not been executed.
    pub fn withdraw(&mut self, ticket: Ticket) -> bool {
        if let Some(flight) = &mut self.flight
            && flight.items.iter().any(|item| item.ticket == ticket)
        {
            flight.orphans.insert(ticket);
            if flight.is_pointless() && flight.state != FlightState::Sent {
                self.asked_pause = self.asked_pause.max(flight.not_before);
                self.finish_all(&Error::Closed);
            }
            return false;
        }
        let before = self.queue.len() + self.resubmitted.len();
        self.queue.retain(|entry| entry.ticket != ticket);
        self.resubmitted.retain(|(entry, _)| *entry != ticket);
        self.queue.len() + self.resubmitted.len() < before
    }

    /// Whether a change that its caller has given up is under way: it may still come to pass.
    pub fn has_orphaned_change(&self) -> bool {
        let flight = self.flight.as_ref();
        flight.is_some_and(|flight| {
            flight.items.iter().any(|item| {
                item.effect == Effect::Mutation && flight.orphans.contains(&item.ticket)
            })
        })
    }

    /// Whether [`poll_event`](Self::poll_event) has the end of a change to tell.
    pub fn has_end_to_tell(&self) -> bool {
        let mut events = self.events.iter();
        events.any(|event| matches!(event, LaneEvent::Ended { .. }))
    }

    /// Whether there is nothing to do and nothing to wait for.
    pub fn is_idle(&self) -> bool {
        self.queue.is_empty() && self.resubmitted.is_empty() && self.flight.is_none()
    }

    /// How many commands wait to leave.
    pub fn queued(&self) -> usize {
        self.queue.len()
    }

    /// Whether a request has been handed out whose response has not been reported.
    pub fn is_waiting(&self) -> bool {
        matches!(&self.flight, Some(flight) if flight.state == FlightState::Sent)
    }

    /// Whether a proof of work has been demanded that is still of use; see [`LaneEvent::Proof`]. It is not any more when everything
    /// that waits for it was withdrawn, or the lane closed.
    pub fn is_proving(&self) -> bool {
        matches!(&self.flight, Some(flight) if flight.state == FlightState::Proving)
    }

    /// The next request to put on the wire, if any. Poll again after everything else.
    #[must_use]
    pub fn poll_transmit(&mut self, now: Instant) -> Option<ApiRequest> {
        if self.flight.is_none() {
            self.form_batch(now);
        }
        let flight = self.flight.as_mut()?;
        match flight.state {
            FlightState::Ready(None) => {}
            FlightState::Ready(Some(at)) if at <= now => {}
            _ => return None,
        }
        let mut query = format!("cs?id={}", flight.id);
        flight.identity.append_query(&mut query);
        query.push_str("&v=3");
        if let Some([a, b]) = self.config.language {
            query.push_str("&lang=");
            query.push(char::from(a));
            query.push(char::from(b));
        }
        let url = match self.config.origin.join_text(&query) {
            Ok(url) => url,
            Err(error) => {
                self.finish_all(&Error::Url(error));
                return None;
            }
        };
        flight.state = FlightState::Sent;
        flight.first_sent.get_or_insert(now);
        let first_changes = if flight.announced {
            Vec::new()
        } else {
            flight.changes().collect()
        };
        flight.announced = true;
        let streamed = flight
            .items
            .first()
            .filter(|_| flight.streamed)
            .map(|i| i.ticket);
        Some(ApiRequest {
            url,
            body: flight.body.clone(),
            id: flight.id,
            hashcash: flight.proof.take(),
            streamed,
            commands: flight.items.len(),
            first_changes,
        })
    }

    /// Reports that the request handed out last was held back and never put on the wire. All of its commands fail with this error, unless an
    /// earlier attempt may have been executed.
    pub fn refuse(&mut self, error: &Error) {
        if self.is_waiting() {
            self.finish_all(error);
        }
    }

    /// States that the time of [`CommandLane::poll_timeout`] has come.
    pub fn handle_timeout(&mut self, now: Instant) {
        for pause in [&mut self.not_before, &mut self.asked_pause] {
            *pause = pause.filter(|at| *at > now);
        }
    }

    /// When to call [`CommandLane::handle_timeout`] and [`CommandLane::poll_transmit`] again, if
    /// nothing happens before.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        match &self.flight {
            Some(flight) => match flight.state {
                FlightState::Ready(at) => at,
                _ => None,
            },
            None if self.held || self.queue.is_empty() && self.resubmitted.is_empty() => None,
            None => self.not_before.max(self.asked_pause),
        }
    }

    /// The next thing to tell, if any.
    #[must_use]
    pub fn poll_event(&mut self) -> Option<LaneEvent> {
        self.events.pop_front()
    }

    /// Ends the waiting between two attempts: something was heard from the service. A pause that
    /// the service asked for is kept.
    pub fn hurry(&mut self, now: Instant) {
        self.backoff.reset();
        self.not_before = None;
        if let Some(flight) = &mut self.flight
            && let FlightState::Ready(Some(_)) = flight.state
        {
            flight.state = FlightState::Ready(Some(flight.not_before.unwrap_or(now).max(now)));
        }
    }

    /// Gives everything up that has not left, and accepts nothing more. A batch in flight ends as
    /// soon as its current attempt does.
    pub fn close(&mut self) {
        self.closed = true;
        let waiting = self.queue.drain(..).map(|entry| entry.ticket);
        let waiting: Vec<_> = waiting
            .chain(self.resubmitted.drain(..).map(|(ticket, _)| ticket))
            .collect();
        for ticket in waiting {
            self.events.push_back(LaneEvent::Done {
                ticket,
                result: Err(Error::Closed),
            });
        }
        if !self.is_waiting() && self.flight.is_some() {
            self.finish_all(&Error::Closed);
        }
    }

    /// Gives everything up, also what is in flight: whoever drove the lane is gone. The lane stays
    /// usable.
    pub fn abandon(&mut self) {
        if let Some(flight) = &mut self.flight {
            flight.maybe_executed |= flight.state == FlightState::Sent;
        }
        self.finish_all(&Error::Closed);
        let waiting = self.queue.drain(..).map(|entry| entry.ticket);
        let waiting: Vec<_> = waiting
            .chain(self.resubmitted.drain(..).map(|(ticket, _)| ticket))
            .collect();
        for ticket in waiting {
            self.events.push_back(LaneEvent::Done {
                ticket,
                result: Err(Error::Closed),
            });
        }
    }

    fn enqueue(&mut self, command: EncodedCommand, streamed: bool) -> Ticket {
        let ticket = self.new_ticket();
        if self.closed {
            self.events.push_back(LaneEvent::Done {
                ticket,
                result: Err(Error::Closed),
            });
            return ticket;
        }
        self.queue.push_back(Queued {
            ticket,
            command,
            identity: Arc::clone(&self.identity),
            streamed,
            first_sent: None,
            submitted: None,
        });
        ticket
    }

    fn new_ticket(&mut self) -> Ticket {
        self.next_ticket += 1;
        Ticket(self.next_ticket)
    }

    fn form_batch(&mut self, now: Instant) {
        for entry in &mut self.queue {
            // A clock of its own for each command: how long it has been waiting here.
            entry.submitted.get_or_insert(now);
        }
        let pause = self.not_before.max(self.asked_pause);
        if self.held || pause.is_some_and(|at| at > now) {
            return;
        }
        if let Some((ticket, request)) = self.resubmitted.pop_front() {
            let mut flight = Flight::again(&request);
            let items = request
                .items
                .iter()
                .enumerate()
                .map(|(position, item)| {
                    // Only one command of the old batch is asked about; the others go nowhere.
                    let ticket = if position == request.position {
                        ticket
                    } else {
                        Ticket(0)
                    };
                    Item {
                        ticket,
                        ..item.clone()
                    }
                })
                .collect();
            flight.items = items;
            self.flight = Some(flight);
            return;
        }
        let Some(first) = self.queue.pop_front() else {
            return;
        };
        let limits = (self.config.max_commands.max(1), self.config.max_body);
        let mut size = first.command.expose_json().len().saturating_add(2);
        let mut batch = vec![first];
        while let (Some(first), Some(next)) = (batch.first(), self.queue.front()) {
            if !may_join(first, next, batch.len(), size.saturating_add(1), limits) {
                break;
            }
            size = size
                .saturating_add(next.command.expose_json().len())
                .saturating_add(1);
            batch.extend(self.queue.pop_front());
        }
        let id = self.next_id;
        self.next_id = id.next();
        self.flight = Some(Flight::new(id, batch));
    }
}

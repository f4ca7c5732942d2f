//! What a lane makes of the answers it gets.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::batch::{FlightState, Queued};
use super::messages::{ApiResponse, ChangeOutcome, EndedChange, LaneEvent, RawAnswer, Ticket};
use super::reply::{self, Body};
use super::{CommandLane, RequestId};
use crate::code::ApiCode;
use crate::command::Effect;
use crate::error::{Error, ProofOfWorkError, Refusal};
use crate::hashcash::HashcashChallenge;
use crate::transport::{TransportError, TransportErrorKind};

impl CommandLane {
    /// Reports what became of the request handed out last.
    pub fn handle_response(&mut self, now: Instant, response: Result<ApiResponse, TransportError>) {
        let Some(flight) = self
            .flight
            .as_mut()
            .filter(|f| f.state == FlightState::Sent)
        else {
            return;
        };
        let response = match response {
            Ok(response) => response,
            Err(error) => {
                flight.maybe_executed |= error.may_have_been_sent();
                let cause = Error::Transport(error.clone());
                match error.kind() {
                    // Somebody else answers for the service, or the request is impossible: neither
                    // gets better by itself, and the first must be heard of.
                    TransportErrorKind::Tls | TransportErrorKind::Refused => {
                        self.finish_all(&cause);
                    }
                    _ => self.retry(now, cause, None),
                }
                return;
            }
        };
        match response.status {
            200 => self.handle_body(now, &response.body),
            402 => self.handle_challenge(now, response.hashcash.as_deref()),
            status => {
                // A gateway may report a failure after the request went through (RTY-4); a status
                // below 500 says that it was not accepted.
                flight.maybe_executed |= status >= 500;
                let retry_after = response.retry_after;
                self.retry(
                    now,
                    Error::Status {
                        status,
                        retry_after,
                    },
                    retry_after,
                );
            }
        }
    }

    /// Reports the proof of work demanded by [`LaneEvent::Proof`].
    pub fn handle_proof(
        &mut self,
        now: Instant,
        proof: Result<[u8; 4], ProofOfWorkError>,
        challenge: &HashcashChallenge,
    ) {
        let Some(flight) = self
            .flight
            .as_mut()
            .filter(|f| f.state == FlightState::Proving)
        else {
            return;
        };
        match proof {
            Ok(prefix) => {
                flight.proof = Some(challenge.answer(prefix));
                flight.state = FlightState::Ready(Some(now));
            }
            Err(error) => self.finish_all(&Error::ProofOfWork(error)),
        }
    }

    fn handle_body(&mut self, now: Instant, body: &Bytes) {
        let Some(flight) = self.flight.as_mut() else {
            return;
        };
        match reply::recognise(body, flight.items.len()) {
            Body::Elements(elements) => self.handle_elements(now, elements),
            Body::Again(code) => self.retry(now, Error::Refused(Refusal::new("batch", code)), None),
            Body::Refused(refusal) => self.refuse_all(&refusal),
            Body::NoCode => {
                flight.maybe_executed = true;
                self.refuse_all(&Refusal::new("batch", ApiCode::EINTERNAL));
            }
            Body::Foreign => {
                flight.maybe_executed = true;
                self.retry(now, Error::NotTheService, None);
            }
            Body::Malformed(source) => {
                flight.maybe_executed = true;
                flight.malformed += 1;
                let error = Error::Malformed {
                    what: "a batch of commands".into(),
                    source,
                };
                // The service repeats its reply under the same id, so a reply that was damaged on
                // the way comes whole, and one that is broken stays so.
                if flight.malformed < MALFORMED_ATTEMPTS {
                    self.retry(now, error, None);
                } else {
                    self.finish_all(&error);
                }
            }
        }
    }

    fn handle_elements(&mut self, now: Instant, elements: Vec<Bytes>) {
        let Some(mut flight) = self.flight.take() else {
            return;
        };
        let alone = flight.items.len() == 1;
        if let ([element], true) = (elements.as_slice(), alone) {
            match reply::again(element) {
                // The only element of a batch counts as the whole.
                Some(code) if flight.maybe_executed || flight.commands.is_empty() => {
                    self.flight = Some(flight);
                    self.retry(now, Error::Refused(Refusal::new("batch", code)), None);
                    return;
                }
                _ if element[..] == *b"-15" => self.events.push_back(LaneEvent::SessionEnded),
                _ => {}
            }
        }
        let answered = |position: usize| match elements.get(position) {
            // A repeated request may be refused because it was carried out before.
            Some(element) => match reply::is_refusal(element) {
                Some(true) => flight.failed_outcome(),
                Some(false) => ChangeOutcome::Done,
                None => ChangeOutcome::Unknown,
            },
            None => ChangeOutcome::Unknown,
        };
        let ended = flight.ended(answered);
        self.tell_ended(flight.id, ended);
        let mut again = Vec::new();
        let delay = self.backoff.next(&mut self.random);
        let deadline = self.config.retry.deadline;
        let in_time = |first_sent: Instant| {
            let waited = now.saturating_duration_since(first_sent);
            waited < deadline && waited.saturating_add(delay) <= deadline
        };
        let mut commands = std::mem::take(&mut flight.commands).into_iter();
        for (position, element) in elements.into_iter().enumerate() {
            let Some(item) = flight.items.get(position) else {
                break;
            };
            let command = commands.next();
            if let (Some(_), Some(command)) = (reply::again(&element), command)
                && !flight.maybe_executed
                && (alone || item.effect == Effect::Read)
                && let Some(first_sent) = flight.first_sent
                && in_time(first_sent)
            {
                if self.closed || flight.orphans.contains(&item.ticket) {
                    // Nothing was executed, and nothing is to leave any more.
                    self.done(item.ticket, Err(Error::Closed));
                    continue;
                }
                // Nothing was executed, so a new batch with a new id does no harm; under the old
                // id the service would repeat this very answer.
                again.push(Queued {
                    ticket: item.ticket,
                    command,
                    identity: Arc::clone(&flight.identity),
                    streamed: flight.streamed,
                    first_sent: Some(first_sent),
                    submitted: Some(first_sent),
                });
                continue;
            }
            let answer = RawAnswer {
                element,
                repeated: flight.maybe_executed,
                request: flight.request(position),
            };
            self.done(item.ticket, Ok(answer));
        }
        if again.is_empty() {
            self.backoff.reset();
        } else {
            self.not_before = Some(now + delay);
            for entry in again.into_iter().rev() {
                self.queue.push_front(entry);
            }
            let cause = Error::Refused(Refusal::new("batch", ApiCode::EAGAIN));
            self.events.push_back(LaneEvent::Retrying { delay, cause });
        }
    }

    fn handle_challenge(&mut self, now: Instant, header: Option<&str>) {
        let Some(flight) = self.flight.as_mut() else {
            return;
        };
        if self.closed || flight.is_pointless() {
            self.finish_all(&Error::Closed);
            return;
        }
        let Some(header) = header else {
            self.retry(
                now,
                Error::Status {
                    status: 402,
                    retry_after: None,
                },
                None,
            );
            return;
        };
        let Some(challenge) = HashcashChallenge::parse(header) else {
            self.finish_all(&Error::ProofOfWork(ProofOfWorkError::Malformed));
            return;
        };
        flight.proofs += 1;
        let error = if flight.proofs > self.config.max_proofs {
            Some(ProofOfWorkError::TooOften(self.config.max_proofs))
        } else if challenge.expected_tries() > self.config.max_proof_tries {
            Some(ProofOfWorkError::TooMuch {
                expected_tries: challenge.expected_tries(),
                allowed: self.config.max_proof_tries,
            })
        } else {
            None
        };
        match error {
            Some(error) => self.finish_all(&Error::ProofOfWork(error)),
            None => {
                flight.state = FlightState::Proving;
                self.events.push_back(LaneEvent::Proof(challenge));
            }
        }
    }

    /// Has the batch in flight sent again later, or gives it up when the deadline forbids.
    fn retry(&mut self, now: Instant, cause: Error, at_least: Option<Duration>) {
        let Some(flight) = self.flight.as_mut() else {
            return;
        };
        if self.closed {
            self.finish_all(&Error::Closed);
            return;
        }
        if flight.is_pointless() {
            let pause = at_least.and_then(|pause| now.checked_add(pause));
            self.give_up(now, &cause, pause);
            return;
        }
        let delay = self
            .backoff
            .next(&mut self.random)
            .max(at_least.unwrap_or_default());
        let first_sent = flight.first_sent.unwrap_or(now);
        let at = now.checked_add(delay);
        let waited = at.map(|at| at.saturating_duration_since(first_sent));
        if waited.is_none_or(|waited| waited > self.config.retry.deadline) {
            let after = now.saturating_duration_since(first_sent);
            let last = Some(Arc::new(cause));
            self.finish_all(&Error::DeadlineExceeded { after, last });
            self.expire_queue(now);
            return;
        }
        flight.state = FlightState::Ready(at);
        flight.not_before = at_least.and_then(|pause| now.checked_add(pause));
        self.events.push_back(LaneEvent::Retrying { delay, cause });
    }

    /// After a batch was given up, commands that have waited behind it for just as long are too.
    fn expire_queue(&mut self, now: Instant) {
        let deadline = self.config.retry.deadline;
        let mut kept = VecDeque::new();
        for entry in std::mem::take(&mut self.queue) {
            let waited = entry
                .submitted
                .map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
            if waited > Duration::ZERO && waited >= deadline {
                let error = Error::DeadlineExceeded {
                    after: waited,
                    last: None,
                };
                self.done(entry.ticket, Err(error));
            } else {
                kept.push_back(entry);
            }
        }
        self.queue = kept;
    }

    fn refuse_all(&mut self, refusal: &Refusal) {
        match refusal.code {
            ApiCode::ESID => self.events.push_back(LaneEvent::SessionEnded),
            ApiCode::EBLOCKED => self.events.push_back(LaneEvent::Blocked),
            _ => {}
        }
        let Some(flight) = self.flight.take() else {
            return;
        };
        self.backoff.reset();
        let ended = flight.ended(|_| flight.failed_outcome());
        self.tell_ended(flight.id, ended);
        for (position, item) in flight.items.iter().enumerate() {
            let mut refusal = refusal.clone();
            refusal.command = item.name.clone();
            refusal.repeated = flight.maybe_executed;
            self.done(
                item.ticket,
                Err(flight.failure(position, &Error::Refused(refusal))),
            );
        }
    }

    /// Ends the batch in flight, for which nobody waits. A pause that the service asked for is kept for what comes next, unless that
    /// would wait longer than for an answer.
    fn give_up(&mut self, now: Instant, cause: &Error, pause: Option<Instant>) {
        let longest = now.checked_add(self.config.retry.deadline);
        let pause = pause.filter(|pause| longest.is_none_or(|longest| *pause <= longest));
        self.asked_pause = self.asked_pause.max(pause);
        self.finish_all(cause);
    }

    pub(super) fn finish_all(&mut self, cause: &Error) {
        let Some(flight) = self.flight.take() else {
            return;
        };
        let ended = flight.ended(|_| flight.failed_outcome());
        self.tell_ended(flight.id, ended);
        for (position, item) in flight.items.iter().enumerate() {
            self.done(item.ticket, Err(flight.failure(position, cause)));
        }
    }

    fn tell_ended(&mut self, request: RequestId, changes: Option<Vec<EndedChange>>) {
        if let Some(changes) = changes {
            self.events.push_back(LaneEvent::Ended { request, changes });
        }
    }

    pub(super) fn done(&mut self, ticket: Ticket, result: Result<RawAnswer, Error>) {
        if ticket != Ticket(0) {
            self.events.push_back(LaneEvent::Done { ticket, result });
        }
    }
}

/// How often a broken reply is asked for under the same id.
const MALFORMED_ATTEMPTS: u32 = 3;

//! What to ask the event channel next.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::parser::{EventBatch, EventParseError, EventReply};
use crate::code::ApiCode;
use crate::error::Error;
use crate::identity::Identity;
use crate::random::Random;
use crate::retry::{Backoff, RetryPolicy};
use crate::sequence::SequenceNumber;
use crate::transport::{TransportError, TransportErrorKind};
use crate::url::{ServerUrl, UrlError, UrlPolicy, UrlUse};

/// What a channel needs to know.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ChannelConfig {
    /// Where the API is, with a slash at its end.
    pub origin: ServerUrl,
    /// Which wait addresses may be used.
    pub policy: UrlPolicy,
    /// How fast to try again. The channel has no deadline: it waits for news for as long as it
    /// lives. [`RetryPolicy::deadline`] bounds only for how long it stays away when the service
    /// asks for a pause.
    pub retry: RetryPolicy,
}

impl ChannelConfig {
    /// The defaults, for the API at `origin`.
    ///
    /// # Errors
    ///
    /// When `origin` has a query.
    pub fn new(origin: ServerUrl, policy: UrlPolicy) -> Result<Self, UrlError> {
        Ok(Self {
            origin: origin.with_trailing_slash()?,
            policy,
            retry: RetryPolicy::default(),
        })
    }
}

/// A request to be put on the wire: `POST` without a body. Break it off when nothing arrives for
/// [`EventRequest::idle`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EventRequest {
    /// Where to. The query holds the session.
    pub url: ServerUrl,
    /// How long to wait without a byte (EVT-7).
    pub idle: Duration,
}

/// Why there is no reply.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ChannelFault {
    /// The request did not get through.
    Transport(TransportError),
    /// The HTTP status is not 200.
    Status {
        /// The status.
        status: u16,
        /// How long the service asked to wait (`Retry-After`).
        retry_after: Option<Duration>,
    },
    /// The reply cannot be read.
    Unreadable(EventParseError),
}

/// What a channel has to say.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ChannelEvent {
    /// News.
    Batch(EventBatch),
    /// The request did not get through and will be repeated.
    Retrying {
        /// After how long.
        delay: Duration,
        /// Why.
        cause: Error,
    },
    /// The channel is over.
    Ended(ChannelEnd),
}

/// Why a channel is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChannelEnd {
    /// The position is too old, or the news cannot be read: fetch the tree anew, not from a cached
    /// image (EVT-6).
    Reload,
    /// The session is over.
    SessionEnded,
    /// The folder link no longer exists.
    LinkGone,
    /// The account is blocked.
    Blocked,
    /// Another code.
    Refused(ApiCode),
    /// The transport failed in a way that gets no better by itself: the other side did not prove
    /// who it is ([`Tls`](TransportErrorKind::Tls): NET-1, CLK-4), or such requests are not sent
    /// ([`Refused`](TransportErrorKind::Refused)).
    Transport(TransportErrorKind),
}

/// The cycle of the event channel: ask once at the API, then wait where it says, from position to
/// position (api-and-transfers 4.1, 4.2).
#[derive(Debug)]
pub struct EventChannel {
    config: ChannelConfig,
    identity: Arc<Identity>,
    position: SequenceNumber,
    wait: Option<ServerUrl>,
    state: State,
    asked: Option<Instant>,
    backoff: Backoff,
    random: Random,
    unreadable: u32,
    wait_failures: u32,
    events: VecDeque<ChannelEvent>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Ready(Option<Instant>),
    Sent { at_wait: bool },
    Ended,
}

impl EventChannel {
    /// A channel that tells what happened after `position`.
    pub fn new(
        config: ChannelConfig,
        identity: Identity,
        position: SequenceNumber,
        seed: u64,
    ) -> Self {
        Self {
            backoff: Backoff::new(config.retry),
            config,
            identity: Arc::new(identity),
            position,
            wait: None,
            state: State::Ready(None),
            asked: None,
            random: Random::new(seed),
            unreadable: 0,
            wait_failures: 0,
            events: VecDeque::new(),
        }
    }

    /// The position after the last batch handed out.
    pub fn position(&self) -> SequenceNumber {
        self.position
    }

    /// In whose name it asks.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Whether the channel is over.
    pub fn is_ended(&self) -> bool {
        self.state == State::Ended
    }

    /// The next request to put on the wire, if any.
    #[must_use]
    pub fn poll_transmit(&mut self, now: Instant) -> Option<EventRequest> {
        match self.state {
            State::Ready(None) => {}
            State::Ready(Some(at)) if at <= now => {}
            _ => return None,
        }
        let base = self.wait.as_ref();
        let at_wait = base.is_some();
        let mut query = format!("{}?sn={}", if at_wait { "" } else { "wsc" }, self.position);
        self.identity.append_query(&mut query);
        // Both were checked when they were taken; only an oversized session could spoil them.
        let url = base.unwrap_or(&self.config.origin).join_text(&query).ok()?;
        self.state = State::Sent { at_wait };
        self.asked = Some(now);
        Some(EventRequest { url, idle: IDLE })
    }

    /// Reports what became of the request handed out last.
    pub fn handle_reply(&mut self, now: Instant, reply: Result<EventReply, ChannelFault>) {
        let State::Sent { at_wait } = self.state else {
            return;
        };
        match reply {
            Ok(EventReply::KeepAlive) => {
                self.unreadable = 0;
                self.wait_failures = 0;
                self.again(now);
            }
            Ok(EventReply::Refused(code)) => self.refused(now, code),
            Ok(EventReply::News {
                packets,
                position,
                wait,
                more,
            }) => {
                self.unreadable = 0;
                self.wait_failures = 0;
                let fresh = wait.is_some() && self.wait.is_none();
                if let Some(url) = wait {
                    self.adopt_wait(url.expose());
                }
                let moved = position.is_some_and(|position| position != self.position);
                self.position = position.unwrap_or(self.position);
                let news = moved || !packets.is_empty();
                let batch = EventBatch {
                    packets,
                    position: self.position,
                    more,
                };
                self.events.push_back(ChannelEvent::Batch(batch));
                if news || more || (fresh && self.wait.is_some()) {
                    self.backoff.reset();
                    self.state = State::Ready(Some(now));
                } else {
                    self.again(now);
                }
            }
            Err(fault) => self.fault(now, fault, at_wait),
        }
    }

    /// States that the request handed out last was broken off without a report, for example because
    /// its future was dropped. It will be made again.
    pub fn handle_abandoned(&mut self, now: Instant) {
        if let State::Sent { .. } = self.state {
            self.state = State::Ready(Some(now));
        }
    }

    /// States that the time of [`EventChannel::poll_timeout`] has come.
    pub fn handle_timeout(&mut self, now: Instant) {
        if let State::Ready(Some(at)) = self.state
            && at <= now
        {
            self.state = State::Ready(None);
        }
    }

    /// When to call [`EventChannel::handle_timeout`] and [`EventChannel::poll_transmit`] again.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        match self.state {
            State::Ready(at) => at,
            _ => None,
        }
    }

    /// The next thing to tell, if any.
    #[must_use]
    pub fn poll_event(&mut self) -> Option<ChannelEvent> {
        self.events.pop_front()
    }

    /// Asks again, at once if the service had held the request, and slower and slower if it answers
    /// "nothing" without holding it: that would be a busy loop.
    fn again(&mut self, now: Instant) {
        if self.lasted(now, HELD) {
            self.backoff.reset();
            self.state = State::Ready(Some(now));
        } else {
            let delay = self.backoff.next(&mut self.random);
            self.state = State::Ready(now.checked_add(delay));
        }
    }

    /// Whether the request handed out last took at least this long.
    fn lasted(&self, now: Instant, least: Duration) -> bool {
        self.asked
            .is_none_or(|at| now.saturating_duration_since(at) >= least)
    }

    fn refused(&mut self, now: Instant, code: ApiCode) {
        let end = match code {
            ApiCode::EAGAIN | ApiCode::ERATELIMIT => {
                let refusal = crate::error::Refusal::new("wsc", code);
                self.later(now, Error::Refused(refusal), None);
                return;
            }
            ApiCode::ETOOMANY => ChannelEnd::Reload,
            ApiCode::ESID => ChannelEnd::SessionEnded,
            ApiCode::ENOENT if self.identity.is_folder_link() => ChannelEnd::LinkGone,
            ApiCode::EBLOCKED => ChannelEnd::Blocked,
            code => ChannelEnd::Refused(code),
        };
        self.end(end);
    }

    fn fault(&mut self, now: Instant, fault: ChannelFault, at_wait: bool) {
        if at_wait {
            self.wait_failures += 1;
            if self.wait_failures >= WAIT_FAILURES {
                // The wait address may have moved; the API knows.
                self.wait = None;
                self.wait_failures = 0;
            }
        }
        let mut pause = None;
        let cause = match fault {
            ChannelFault::Transport(error) => match error.kind() {
                // Nothing for a long while: the connection may be dead, nothing else is wrong.
                TransportErrorKind::Timeout if self.lasted(now, IDLE / 2) => {
                    self.state = State::Ready(Some(now));
                    return;
                }
                kind @ (TransportErrorKind::Tls | TransportErrorKind::Refused) => {
                    self.end(ChannelEnd::Transport(kind));
                    return;
                }
                _ => Error::Transport(error),
            },
            ChannelFault::Status {
                status,
                retry_after,
            } => {
                pause = retry_after;
                Error::Status {
                    status,
                    retry_after,
                }
            }
            ChannelFault::Unreadable(EventParseError::Foreign) => Error::NotTheService,
            ChannelFault::Unreadable(error) => {
                self.unreadable += 1;
                if self.unreadable >= UNREADABLE {
                    self.end(ChannelEnd::Reload);
                    return;
                }
                let source = match error {
                    EventParseError::Malformed(source) => source,
                    _ => crate::json::DecodeError::field("sn", "missing"),
                };
                Error::malformed("wsc", source)
            }
        };
        self.later(now, cause, pause);
    }

    /// Asks again after the back-off, and not before the pause that the service asked for. No pause
    /// is longer than a command would be tried for: a channel that a broken gateway sent away for a
    /// day looks like one without news.
    fn later(&mut self, now: Instant, cause: Error, pause: Option<Duration>) {
        let pause = pause.unwrap_or_default().min(self.config.retry.deadline);
        let delay = self.backoff.next(&mut self.random).max(pause);
        self.state = State::Ready(now.checked_add(delay));
        self.events
            .push_back(ChannelEvent::Retrying { delay, cause });
    }

    fn end(&mut self, end: ChannelEnd) {
        self.state = State::Ended;
        self.events.push_back(ChannelEvent::Ended(end));
    }

    /// Takes a wait address, if the policy lets the session go there (NET-3, NET-6). Otherwise the
    /// channel goes on asking the API itself.
    fn adopt_wait(&mut self, url: &str) {
        let url = self
            .config
            .policy
            .admit(url, UrlUse::Wait)
            .ok()
            .filter(|url| !url.has_query());
        self.wait = url;
    }
}

/// How long to wait without a byte (EVT-7, LIM-10).
const IDLE: Duration = Duration::from_secs(40);
/// A request that took this long was held by the service.
const HELD: Duration = Duration::from_secs(1);
/// How many failures in a row a wait address survives.
const WAIT_FAILURES: u32 = 3;
/// How often an unreadable reply is asked for again before the tree is fetched anew.
const UNREADABLE: u32 = 3;

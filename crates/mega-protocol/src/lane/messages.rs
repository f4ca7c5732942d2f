//! What goes into a lane and what comes out of it.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;

use super::RequestId;
use super::batch::SentRequest;
use crate::error::Error;
use crate::hashcash::HashcashChallenge;
use crate::retry::RetryPolicy;
use crate::url::{ServerUrl, UrlError};

/// Names a submitted command until its result is out.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub(super) u64);

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ticket({})", self.0)
    }
}

/// What a lane needs to know.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LaneConfig {
    /// Where the API is, with a slash at its end.
    pub origin: ServerUrl,
    /// When to try again.
    pub retry: RetryPolicy,
    /// How many commands travel together at most. The SDK allows 10,000.
    pub max_commands: usize,
    /// How many bytes a batch has at most, if it has more than one command.
    pub max_body: usize,
    /// How many tries of a proof of work may be expected at most (LIM-9). Each hashes 12 MiB.
    pub max_proof_tries: u64,
    /// How many proofs of work are delivered for one request.
    pub max_proofs: u32,
    /// The language of texts by the service, two letters.
    pub language: Option<[u8; 2]>,
}

impl LaneConfig {
    /// The defaults, for the API at `origin`.
    ///
    /// # Errors
    ///
    /// When `origin` has a query.
    pub fn new(origin: ServerUrl) -> Result<Self, UrlError> {
        Ok(Self {
            origin: origin.with_trailing_slash()?,
            retry: RetryPolicy::default(),
            max_commands: 10_000,
            max_body: 4 << 20,
            // 120 CPU seconds at 400 MiB/s, which any machine without SHA instructions does.
            max_proof_tries: 4_000,
            max_proofs: 3,
            language: None,
        })
    }
}

/// A request to be put on the wire: `POST`, content type `application/json`.
#[derive(Clone)]
#[non_exhaustive]
pub struct ApiRequest {
    /// Where to. The query holds the session.
    pub url: ServerUrl,
    /// The body. Wiped when its last user is gone.
    pub body: Bytes,
    /// The request's id, for logs.
    pub id: RequestId,
    /// The value of the header `X-Hashcash`, if a proof of work goes with it.
    pub hashcash: Option<String>,
    /// Set for the command whose reply is to be streamed to its owner. Report its success as a
    /// response with the body `[0]`.
    pub streamed: Option<Ticket>,
    /// How many commands travel in it.
    pub commands: usize,
    /// On the first attempt of a batch: which of its commands change something, by their places in
    /// it. Empty on every further attempt.
    pub first_changes: Vec<usize>,
}

/// One command of one request. All attempts of a batch have the same request id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct SentCommand {
    /// The request.
    pub request: RequestId,
    /// The place of the command in it.
    pub position: usize,
}

impl SentCommand {
    /// The command at a place of a request.
    pub fn new(request: RequestId, position: usize) -> Self {
        Self { request, position }
    }
}

/// What became of a command that changes something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EndedChange {
    /// Its place in the request.
    pub position: usize,
    /// What is known of it.
    pub outcome: ChangeOutcome,
    /// Whether its caller had given it up, so that nobody is told.
    pub given_up: bool,
}

impl EndedChange {
    /// The end of the command at a place.
    pub fn new(position: usize, outcome: ChangeOutcome, given_up: bool) -> Self {
        Self {
            position,
            outcome,
            given_up,
        }
    }
}

/// What is known of a command that changes something, once nothing more is done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ChangeOutcome {
    /// The service answered that it is done.
    Done,
    /// The service refused it, or never got it.
    NotDone,
    /// Nothing tells whether it took effect (RTY-6).
    Unknown,
}

impl fmt::Debug for ApiRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiRequest")
            .field("url", &self.url)
            .field("id", &self.id)
            .field("commands", &self.commands)
            .field("bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// What came back.
#[derive(Clone)]
#[non_exhaustive]
pub struct ApiResponse {
    /// The HTTP status.
    pub status: u16,
    /// The value of the header `X-Hashcash`.
    pub hashcash: Option<String>,
    /// The value of the header `Retry-After`, if it is a number of seconds.
    pub retry_after: Option<Duration>,
    /// The body, decompressed.
    pub body: Bytes,
}

impl fmt::Debug for ApiResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiResponse")
            .field("status", &self.status)
            .field("bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

impl ApiResponse {
    /// A response with status 200 and this body.
    pub fn ok(body: impl Into<Bytes>) -> Self {
        Self::new(200, body)
    }

    /// A response without special headers.
    pub fn new(status: u16, body: impl Into<Bytes>) -> Self {
        Self {
            status,
            hashcash: None,
            retry_after: None,
            body: body.into(),
        }
    }
}

/// The answer to one command, not decoded: see [`decode_reply`](crate::decode_reply).
#[derive(Clone)]
#[non_exhaustive]
pub struct RawAnswer {
    /// The reply element, JSON.
    pub element: Bytes,
    /// Whether an earlier attempt of the request may have been executed.
    pub repeated: bool,
    /// The request that was answered, in case the element cannot be understood (RTY-5).
    pub request: SentRequest,
}

impl fmt::Debug for RawAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawAnswer")
            .field("bytes", &self.element.len())
            .field("repeated", &self.repeated)
            .finish_non_exhaustive()
    }
}

/// What a lane has to say.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum LaneEvent {
    /// A command has its result. Each ticket gets exactly one.
    Done {
        /// Which command.
        ticket: Ticket,
        /// Its result.
        result: Result<RawAnswer, Error>,
    },
    /// The service demands a proof of work. Solve it elsewhere and report to
    /// [`CommandLane::handle_proof`](super::CommandLane::handle_proof).
    Proof(HashcashChallenge),
    /// A request did not get through and will be sent again.
    Retrying {
        /// After how long.
        delay: Duration,
        /// Why.
        cause: Error,
    },
    /// A batch that had left has come to its end, and these of its commands change something. Comes
    /// before the results of the batch.
    Ended {
        /// The request.
        request: RequestId,
        /// Its changes, in their order.
        changes: Vec<EndedChange>,
    },
    /// The service said that the session is over.
    SessionEnded,
    /// The service said that the account is blocked.
    Blocked,
}

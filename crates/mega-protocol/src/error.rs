//! What can go wrong, and what to do about it.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::code::ApiCode;
use crate::json::DecodeError;
use crate::lane::{SentCommand, SentRequest};
use crate::transport::{TransportError, TransportErrorKind};
use crate::url::UrlError;

/// An error of this crate.
///
/// It is cheap to clone, since one lost batch is the failure of many commands. It holds no secret:
/// no URL query, no body, no address.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The service answered no. The command has had no effect.
    #[error("{0}")]
    Refused(Refusal),

    /// The command may or may not have taken effect: the request left, and no valid answer came
    /// within the deadline. Look at the account before doing it again (RTY-6).
    #[error("it is unknown whether `{command}` took effect: no valid answer came")]
    OutcomeUnknown {
        /// The name of the command.
        command: Cow<'static, str>,
        /// The request, which may be sent again under the same id.
        request: SentRequest,
        /// What happened last.
        source: Arc<Error>,
    },

    /// The service could not be reached, or the connection broke.
    #[error("no complete answer from the service")]
    Transport(#[source] TransportError),

    /// The service answered with an HTTP status that is not an answer to the command.
    #[error("the service answered with HTTP status {status}")]
    Status {
        /// The status.
        status: u16,
        /// How long the service says to wait.
        retry_after: Option<Duration>,
    },

    /// The answer is not one that the service gives: a page of a captive portal, or nothing
    /// (NET-8).
    #[error("the answer does not come from the service (a proxy or a login page in between?)")]
    NotTheService,

    /// The service's answer is not of the shape it must have.
    #[error("the answer to {what} cannot be read")]
    Malformed {
        /// What was asked.
        what: Cow<'static, str>,
        /// What is wrong with the answer.
        source: DecodeError,
    },

    /// The answer exceeds a limit of this client.
    #[error("the answer is larger than the limit of {limit} bytes")]
    TooLarge {
        /// The limit.
        limit: u64,
    },

    /// The service asked for a proof of work that was not delivered.
    #[error("the service asks for a proof of work: {0}")]
    ProofOfWork(ProofOfWorkError),

    /// The deadline passed before anything was sent, or while only retries were left.
    #[error("not done within {} seconds", after.as_secs())]
    DeadlineExceeded {
        /// How long was waited.
        after: Duration,
        /// The last thing that happened.
        #[source]
        last: Option<Arc<Error>>,
    },

    /// A URL from the service or the caller is not acceptable.
    #[error("a URL was refused")]
    Url(#[source] UrlError),

    /// A storage host did not do what was asked.
    #[error("{0}")]
    Storage(crate::storage::StorageError),

    /// The change could not be noted before it was to leave, so it never left: see
    /// [`Outbox`](crate::Outbox).
    #[error("nothing was sent, since it could not be noted before")]
    NotNoted(#[source] Arc<dyn std::error::Error + Send + Sync>),

    /// The handle was closed, or the request was withdrawn, before anything was sent.
    #[error("closed before the request was sent")]
    Closed,

    /// The call cannot work as it was made.
    #[error("{0}")]
    Misuse(&'static str),
}

impl Error {
    /// What went wrong, coarsely enough to branch on.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Refused(refusal) => refusal.kind(),
            Self::OutcomeUnknown { .. } => ErrorKind::OutcomeUnknown,
            Self::Transport(error) => match error.kind() {
                TransportErrorKind::Tls => ErrorKind::Tls,
                TransportErrorKind::Timeout => ErrorKind::Timeout,
                TransportErrorKind::Refused => ErrorKind::Misuse,
                _ => ErrorKind::Network,
            },
            Self::Status {
                status: 429 | 509, ..
            } => ErrorKind::RateLimited,
            Self::Status {
                status: 500..=599, ..
            } => ErrorKind::Unavailable,
            Self::Status { .. } | Self::Malformed { .. } | Self::TooLarge { .. } => {
                ErrorKind::Protocol
            }
            Self::NotTheService => ErrorKind::Network,
            Self::ProofOfWork(_) => ErrorKind::ProofOfWork,
            // What stood in the way says more than that time ran out.
            Self::DeadlineExceeded {
                last: Some(last), ..
            } => last.kind(),
            Self::DeadlineExceeded { last: None, .. } => ErrorKind::Timeout,
            Self::Url(_) => ErrorKind::UrlRefused,
            Self::Storage(error) => error.kind(),
            Self::NotNoted(_) => ErrorKind::NotNoted,
            Self::Closed => ErrorKind::Closed,
            Self::Misuse(_) => ErrorKind::Misuse,
        }
    }

    /// The service's own code, when the service answered with one.
    pub fn code(&self) -> Option<ApiCode> {
        match self {
            Self::Refused(refusal) => Some(refusal.code),
            Self::Storage(error) => error.code(),
            Self::DeadlineExceeded {
                last: Some(last), ..
            } => last.code(),
            _ => None,
        }
    }

    /// How long the service asks to wait before trying again.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused(refusal) => refusal.retry_after,
            Self::Status { retry_after, .. } => *retry_after,
            Self::Storage(error) => error.retry_after(),
            Self::DeadlineExceeded {
                last: Some(last), ..
            } => last.retry_after(),
            _ => None,
        }
    }

    /// Whether the same call may succeed later, with no effect so far. An unknown outcome is not
    /// retryable: settle it first.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::NotTheService => true,
            _ => matches!(
                self.kind(),
                ErrorKind::Network
                    | ErrorKind::Timeout
                    | ErrorKind::Unavailable
                    | ErrorKind::RateLimited
            ),
        }
    }

    /// Whether nothing tells if the command took effect.
    pub fn is_outcome_unknown(&self) -> bool {
        matches!(self, Self::OutcomeUnknown { .. })
    }

    /// The error for a command whose request left and got no valid answer, because of `cause`.
    #[must_use]
    pub fn outcome_unknown(
        command: impl Into<Cow<'static, str>>,
        request: SentRequest,
        cause: Error,
    ) -> Self {
        Self::OutcomeUnknown {
            command: command.into(),
            request,
            source: Arc::new(cause),
        }
    }

    pub(crate) fn malformed(what: &str, source: DecodeError) -> Self {
        Self::Malformed {
            what: Cow::Owned(format!("`{what}`")),
            source,
        }
    }
}

impl From<TransportError> for Error {
    fn from(error: TransportError) -> Self {
        Self::Transport(error)
    }
}

impl From<UrlError> for Error {
    fn from(error: UrlError) -> Self {
        Self::Url(error)
    }
}

/// What went wrong, coarsely.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The thing does not exist; at sign-in, the address or password is wrong.
    NotFound,
    /// It exists already.
    AlreadyExists,
    /// The account may not do this.
    PermissionDenied,
    /// A folder cannot go into itself.
    Circular,
    /// An address, link or attribute version is outdated; ask for a new one.
    Expired,
    /// Something that must come first has not happened (unconfirmed account, unfinished upload).
    Incomplete,
    /// A key or checksum is wrong.
    Integrity,
    /// The session is over; sign in again.
    SessionExpired,
    /// The account, or the file, is blocked.
    Blocked,
    /// A second-factor code is needed.
    SecondFactorNeeded,
    /// Storage or transfer quota is used up.
    OverQuota,
    /// Too many requests; wait.
    RateLimited,
    /// The service is busy or down for the moment.
    Unavailable,
    /// The service failed for good, or inside.
    Service,
    /// The request is one the service does not accept.
    InvalidRequest,
    /// The network does not reach the service.
    Network,
    /// The service did not prove who it is. A wrong local clock does this too.
    Tls,
    /// Time ran out.
    Timeout,
    /// The service's answer breaks the protocol.
    Protocol,
    /// Nothing tells whether the command took effect.
    OutcomeUnknown,
    /// A proof of work was demanded and not delivered.
    ProofOfWork,
    /// A URL was not acceptable.
    UrlRefused,
    /// A change could not be noted locally and was held back.
    NotNoted,
    /// The handle is closed.
    Closed,
    /// The call cannot work as it was made.
    Misuse,
}

/// The service's no to one command.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refusal {
    /// The name of the command.
    pub command: Cow<'static, str>,
    /// The service's code.
    pub code: ApiCode,
    /// How long the service says to wait.
    pub retry_after: Option<Duration>,
    /// State of the account that owns a link (`u`), as a number of api-and-transfers 2.2.
    pub owner_state: Option<i64>,
    /// State of a link (`l`): 0 up, 1 deleted or down, 2 taken down.
    pub link_state: Option<i64>,
    /// Whether an earlier attempt of the same request may have been executed, so that the code may
    /// describe its effect: `ENOENT` after a repeated deletion means that it is done.
    pub repeated: bool,
    /// Which command of which request was refused; none for what is no part of a batch.
    pub sent: Option<SentCommand>,
}

impl Refusal {
    pub(crate) fn new(command: impl Into<Cow<'static, str>>, code: ApiCode) -> Self {
        Self {
            command: command.into(),
            code,
            retry_after: None,
            owner_state: None,
            link_state: None,
            repeated: false,
            sent: None,
        }
    }

    pub(crate) fn with_retry_after(mut self, retry_after: Option<Duration>) -> Self {
        self.retry_after = retry_after;
        self
    }

    pub(crate) fn with_states(mut self, owner: Option<i64>, link: Option<i64>) -> Self {
        self.owner_state = owner;
        self.link_state = link;
        self
    }

    /// What went wrong, coarsely.
    pub fn kind(&self) -> ErrorKind {
        match self.code {
            ApiCode::ENOENT => ErrorKind::NotFound,
            ApiCode::EEXIST => ErrorKind::AlreadyExists,
            ApiCode::EACCESS | ApiCode::EMASTERONLY | ApiCode::EBUSINESSPASTDUE => {
                ErrorKind::PermissionDenied
            }
            ApiCode::ECIRCULAR => ErrorKind::Circular,
            ApiCode::EEXPIRED => ErrorKind::Expired,
            ApiCode::EINCOMPLETE | ApiCode::ESUBUSERKEYMISSING => ErrorKind::Incomplete,
            ApiCode::EKEY => ErrorKind::Integrity,
            ApiCode::ESID => ErrorKind::SessionExpired,
            ApiCode::EBLOCKED => ErrorKind::Blocked,
            ApiCode::EMFAREQUIRED => ErrorKind::SecondFactorNeeded,
            ApiCode::EOVERQUOTA
            | ApiCode::EGOINGOVERQUOTA
            | ApiCode::ESHAREROVERQUOTA
            | ApiCode::EPAYWALL => ErrorKind::OverQuota,
            ApiCode::ERATELIMIT | ApiCode::ETOOMANY => ErrorKind::RateLimited,
            ApiCode::EAGAIN | ApiCode::ETEMPUNAVAIL | ApiCode::ETOOMANYCONNECTIONS => {
                ErrorKind::Unavailable
            }
            ApiCode::EARGS | ApiCode::ERANGE | ApiCode::EAPPKEY => ErrorKind::InvalidRequest,
            _ => ErrorKind::Service,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the service refused `{}`: {}", self.command, self.code)?;
        match self.retry_after {
            Some(wait) => write!(f, "; try again in {} seconds", wait.as_secs()),
            None => Ok(()),
        }
    }
}

/// Why a demanded proof of work was not delivered (LIM-9).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProofOfWorkError {
    /// The work demanded is more than this client does.
    #[error("{expected_tries} expected tries are more than the {allowed} allowed")]
    TooMuch {
        /// Tries needed on average.
        expected_tries: u64,
        /// Tries allowed.
        allowed: u64,
    },
    /// The service kept asking.
    #[error("it asked more than {0} times for one request")]
    TooOften(u32),
    /// No solver was configured.
    #[error("no solver is configured")]
    NoSolver,
    /// The solver gave up.
    #[error("the solver found nothing")]
    NotFound,
    /// The challenge cannot be read.
    #[error("the challenge cannot be read")]
    Malformed,
}

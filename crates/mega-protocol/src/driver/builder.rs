//! Setting an [`Api`] up.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::api::{Api, Settings};
use super::http::Transport;
use super::solver::HashcashSolver;
use crate::error::Error;
use crate::identity::Identity;
use crate::lane::LaneConfig;
use crate::retry::RetryPolicy;
use crate::url::{ServerUrl, UrlPolicy, UrlUse};

/// How long to wait without any progress (LIM-10).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Timeouts {
    /// For the answer to commands.
    pub api: Duration,
    /// For storage hosts.
    pub storage: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            api: Duration::from_secs(120),
            storage: Duration::from_secs(60),
        }
    }
}

/// What an observer is told. None of it needs an answer.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ApiNotice {
    /// A command that [`Api::send`](super::Api::send) sent has come to its end.
    Answered {
        /// Its name on the wire, such as `p`.
        command: String,
        /// Since it was handed over.
        took: Duration,
        /// What the service said, if it said no; `None` also for failures that are none of its answers.
        code: Option<crate::ApiCode>,
        /// Whether there is an answer, and it is no refusal.
        done: bool,
    },
    /// A request did not get through and will be sent again.
    Retrying {
        /// After how long.
        delay: Duration,
        /// Why.
        cause: Error,
    },
    /// A proof of work is being done.
    ProofOfWork {
        /// Tries needed on average.
        expected_tries: u64,
    },
    /// The service said that the session is over.
    SessionEnded,
    /// The service said that the account is blocked.
    Blocked,
}

/// What observers are.
pub(super) type Observer = Arc<dyn Fn(ApiNotice) + Send + Sync>;

/// Sets an [`Api`] up.
#[must_use]
pub struct ApiBuilder {
    transport: Arc<dyn Transport>,
    origin: String,
    user_agent: String,
    retry: RetryPolicy,
    policy: UrlPolicy,
    solver: Option<Arc<dyn HashcashSolver>>,
    observer: Option<Observer>,
    identity: Identity,
    timeouts: Timeouts,
    max_reply: u64,
    max_tree: u64,
    max_events: u64,
    max_proof_tries: u64,
    language: Option<[u8; 2]>,
    gzip: bool,
    seed: Option<u64>,
}

impl fmt::Debug for ApiBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiBuilder")
            .field("retry", &self.retry)
            .field("policy", &self.policy)
            .field("timeouts", &self.timeouts)
            .finish_non_exhaustive()
    }
}

impl ApiBuilder {
    pub(super) fn new(transport: Arc<dyn Transport>) -> Self {
        Self {
            transport,
            origin: DEFAULT_ORIGIN.to_owned(),
            user_agent: concat!("mega-protocol/", env!("CARGO_PKG_VERSION")).to_owned(),
            retry: RetryPolicy::default(),
            policy: UrlPolicy::default(),
            solver: None,
            observer: None,
            identity: Identity::Anonymous,
            timeouts: Timeouts::default(),
            max_reply: 64 << 20,
            max_tree: 16 << 30,
            max_events: 1 << 30,
            max_proof_tries: 4_000,
            language: None,
            gzip: true,
            seed: None,
        }
    }

    /// Where the API is; the real service if not said. The URL policy must allow it.
    pub fn origin(mut self, url: impl Into<String>) -> Self {
        self.origin = url.into();
        self
    }

    /// What the program calls itself.
    pub fn user_agent(mut self, text: impl Into<String>) -> Self {
        self.user_agent = text.into();
        self
    }

    /// When to try again.
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.retry = policy;
        self
    }

    /// Which URLs may be used.
    pub fn url_policy(mut self, policy: UrlPolicy) -> Self {
        self.policy = policy;
        self
    }

    /// Who does proofs of work; without one, a demand for it is an error.
    pub fn hashcash_solver(mut self, solver: impl HashcashSolver) -> Self {
        self.solver = Some(Arc::new(solver));
        self
    }

    /// How many tries of a proof of work may be expected at most; 4,000 by default, which is two
    /// minutes of one processor without SHA instructions (LIM-9).
    pub fn max_proof_tries(mut self, tries: u64) -> Self {
        self.max_proof_tries = tries;
        self
    }

    /// Whom to tell about retries and the end of the session. Called from the driver's task; it
    /// must not block.
    pub fn observer(mut self, observer: impl Fn(ApiNotice) + Send + Sync + 'static) -> Self {
        self.observer = Some(Arc::new(observer));
        self
    }

    /// In whose name to begin.
    pub fn identity(mut self, identity: Identity) -> Self {
        self.identity = identity;
        self
    }

    /// How long to wait without progress.
    pub fn timeouts(mut self, timeouts: Timeouts) -> Self {
        self.timeouts = timeouts;
        self
    }

    /// How many bytes a reply may have, decompressed; 64 MiB by default. The tree and the event
    /// channel are not meant (LIM-1).
    pub fn max_reply(mut self, bytes: u64) -> Self {
        self.max_reply = bytes;
        self
    }

    /// How many bytes a tree may have, decompressed; 16 GiB by default. It is read as it arrives and
    /// never held whole (LIM-2).
    pub fn max_tree(mut self, bytes: u64) -> Self {
        self.max_tree = bytes;
        self
    }

    /// How many bytes a reply of the event channel may have, decompressed; 1 GiB by default. It is
    /// read as it arrives (LIM-6).
    pub fn max_events(mut self, bytes: u64) -> Self {
        self.max_events = bytes;
        self
    }

    /// The language of texts by the service: two lower-case letters.
    pub fn language(mut self, letters: [u8; 2]) -> Self {
        self.language = Some(letters);
        self
    }

    /// Whether to ask for compressed replies; yes by default.
    pub fn gzip(mut self, gzip: bool) -> Self {
        self.gzip = gzip;
        self
    }

    /// Fixes what is random: the start of request ids, and jitter. For tests.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// The finished handle. No request is made and no task started before the first command.
    ///
    /// # Errors
    ///
    /// [`Error::Url`] when the policy does not allow the origin; [`Error::Misuse`] for a language
    /// that is not two letters, or when the system has no randomness to give.
    pub fn build(self) -> Result<Api, Error> {
        let origin = ServerUrl::parse(&self.origin)?;
        self.policy.check(&origin, UrlUse::Api)?;
        if self
            .language
            .is_some_and(|l| !l.iter().all(u8::is_ascii_lowercase))
        {
            return Err(Error::Misuse("a language is two lower-case letters"));
        }
        let mut lane = LaneConfig::new(origin)?;
        lane.retry = self.retry;
        lane.language = self.language;
        lane.max_proof_tries = self.max_proof_tries;
        let seed = match self.seed {
            Some(seed) => seed,
            None => getrandom::u64()
                .map_err(|_| Error::Misuse("the system has no randomness to give"))?,
        };
        let settings = Settings {
            transport: self.transport,
            lane,
            user_agent: self.user_agent,
            policy: self.policy,
            solver: self.solver,
            observer: self.observer,
            timeouts: self.timeouts,
            max_reply: self.max_reply,
            max_tree: self.max_tree,
            max_events: self.max_events,
            gzip: self.gzip,
        };
        Ok(Api::start(Arc::new(settings), self.identity, seed))
    }
}

const DEFAULT_ORIGIN: &str = "https://g.api.mega.co.nz/";

//! Choosing where and how a client connects.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use mega_filename::Mask;
use mega_protocol::{Api, ApiNotice, RetryPolicy, ServerUrl, Transport, UrlPolicy};
use zeroize::Zeroizing;

use crate::account::guard::GuardChoice;
use crate::account::{LoginGuard, Renewal, SavedSession, login, session};
use crate::error::{Error, Result};
use crate::link;
use crate::options::Options;
use crate::target::Duplicates;
use crate::transfer::TransferLimits;
use crate::{Client, Credentials};

/// The address of the service.
pub const DEFAULT_ORIGIN: &str = "https://g.api.mega.co.nz/";

/// A future that can be sent between threads.
pub(crate) type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Choices for a client; ends in [`login`](Self::login), [`resume`](Self::resume) or [`open_link`](Self::open_link).
///
/// ```
/// # async fn doc() -> Result<(), Box<dyn std::error::Error>> {
/// # let server = mega_testserver::TestServer::start().await?;
/// # server.account("me@example.com", "secret").create();
/// use mega_client::{Client, Credentials};
///
/// let mega = Client::builder()
///     .origin(server.url()) // left out, it is the real service
///     .login(Credentials::new("me@example.com", "secret"))
///     .await?;
/// println!("{} nodes", mega.node_count());
/// mega.sign_out().await?;
/// # Ok(()) }
/// # tokio::runtime::Runtime::new().unwrap().block_on(doc()).unwrap();
/// ```
#[derive(Clone)]
#[must_use]
pub struct ClientBuilder {
    origin: String,
    transport: Option<Arc<dyn Transport>>,
    policy: UrlPolicy,
    user_agent: String,
    seed: Option<u64>,
    guard: GuardChoice,
    renewal: Option<Credentials>,
    #[cfg(feature = "reqwest")]
    network: Network,
    pub(crate) options: Options,
}

impl ClientBuilder {
    pub(crate) fn new() -> Self {
        Self {
            origin: DEFAULT_ORIGIN.to_owned(),
            transport: None,
            policy: UrlPolicy::default(),
            user_agent: concat!("mega-client/", env!("CARGO_PKG_VERSION")).to_owned(),
            seed: None,
            guard: GuardChoice::default(),
            renewal: None,
            #[cfg(feature = "reqwest")]
            network: Network::default(),
            options: Options::default(),
        }
    }

    /// Connects to another address than the real service. A loopback address also permits plain `http` to this machine, for storage too.
    pub fn origin(mut self, url: impl Into<String>) -> Self {
        self.origin = url.into();
        self
    }

    /// Which other URLs from the service may be used (threat model, NET-3).
    pub fn url_policy(mut self, policy: UrlPolicy) -> Self {
        self.policy = policy;
        self
    }

    /// Brings another HTTP stack.
    pub fn transport(mut self, transport: Arc<dyn Transport>) -> Self {
        self.transport = Some(transport);
        self
    }

    /// Connects through this proxy: `http://`, `https://`, `socks5://` (names are resolved here) or `socks5h://` (names are resolved there), with
    /// user and password if need be. For the ordinary transport; one's [own](Self::transport) knows itself how it connects.
    #[cfg(feature = "reqwest")]
    #[cfg_attr(docsrs, doc(cfg(feature = "reqwest")))]
    pub fn proxy(mut self, url: impl Into<String>) -> Self {
        self.network.proxy = Some(Zeroizing::new(url.into()));
        self
    }

    /// Takes the proxy that the environment or the system names. Without this no environment variable has any effect on connections
    /// (threat model, NET-1).
    #[cfg(feature = "reqwest")]
    #[cfg_attr(docsrs, doc(cfg(feature = "reqwest")))]
    pub fn system_proxy(mut self) -> Self {
        self.network.system_proxy = true;
        self
    }

    /// Also trusts this certificate authority, in DER form: behind a proxy that opens connections, for example.
    #[cfg(feature = "reqwest")]
    #[cfg_attr(docsrs, doc(cfg(feature = "reqwest")))]
    pub fn add_root_certificate(mut self, der: impl Into<Vec<u8>>) -> Self {
        self.network.roots.push(der.into());
        self
    }

    /// The user agent that the service sees, and shows in the list of sessions.
    pub fn user_agent(mut self, text: impl Into<String>) -> Self {
        self.user_agent = text.into();
        self
    }

    /// For how long a command is tried again while the network or the service fails, counted from when it first left: 5 minutes
    /// unless said otherwise; zero means a single attempt. Then the call fails with what stood in the way to the end:
    /// [`Network`](crate::ErrorKind::Network) if connections broke or the service said that it is busy, [`Timeout`](crate::ErrorKind::Timeout) if no answer
    /// came in time; or with [`OutcomeUnknown`](crate::ErrorKind::OutcomeUnknown) if it may have been carried out. Requests to storage hosts are counted instead: [`TransferLimits::attempts`].
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.options.deadline = deadline;
        self
    }

    /// How long a command waits before it is tried again: a random time up to `first` after the first failure, up to twice as long after each further
    /// one, up to `longest`. 250 ms and 32 s unless said otherwise.
    pub fn retry_delays(mut self, first: Duration, longest: Duration) -> Self {
        self.options.delays = (first, longest);
        self
    }

    /// The encoding of stored names; rclone's option `encoding`. The default is rclone's default: `Slash,InvalidUtf8,Dot`.
    pub fn encoding(mut self, mask: Mask) -> Self {
        self.options.mask = mask;
        self
    }

    /// Whether [`Client::remove`] deletes for good; rclone's option `hard_delete`. Otherwise it puts nodes into the rubbish bin.
    pub fn hard_delete(mut self, on: bool) -> Self {
        self.options.hard_delete = on;
        self
    }

    /// What a path means when several nodes answer to it.
    pub fn duplicates(mut self, rule: Duplicates) -> Self {
        self.options.duplicates = rule;
        self
    }

    /// Bounds on what transfers use.
    pub fn limits(mut self, limits: TransferLimits) -> Self {
        self.options.limits = limits;
        self
    }

    /// Permits accounts of the old kind (version 1), whose login proof is far cheaper to attack.
    ///
    /// Without this, an account that claims to be of version 1 is refused, since a malicious server could claim so for any account
    /// (threat model, ATT-10).
    pub fn allow_legacy_v1(mut self, allow: bool) -> Self {
        self.options.allow_legacy_v1 = allow;
        self
    }

    /// How long after the server's reply the verdict on it is given, right or wrong (threat model, LOG-6). Meant for tests.
    pub fn verdict_delay(mut self, delay: Duration) -> Self {
        self.options.verdict_delay = delay;
        self
    }

    /// Shares sign-ins with the other programs of the user through this guard, or with nobody (`None`): see [`LoginGuard`].
    ///
    /// Unless said otherwise, it is [the user's own](LoginGuard::of_user). For a service on this machine, as tests use it, there is none unless one
    /// is given here.
    pub fn login_guard(mut self, guard: impl Into<Option<LoginGuard>>) -> Self {
        self.guard = guard.into().map_or(GuardChoice::Off, GuardChoice::Given);
        self
    }

    /// Opens another session with these credentials when the service ends the one in use; the call that notices it goes on then.
    ///
    /// Without this such a call fails with [`SessionExpired`](crate::ErrorKind::SessionExpired), and the library never signs in by itself. It is done
    /// once for each call at most, under the rules of the [`LoginGuard`], and only if account and master key are the same as before. A
    /// [second factor](crate::SecondFactor) has to be a secret or a function: a code serves once.
    pub fn renew_with(mut self, credentials: Credentials) -> Self {
        self.renewal = Some(credentials);
        self
    }

    /// Keeps the tree of the account in this folder, so that the next program has it without fetching all of it: it starts from what is there
    /// and learns from the events what has changed since. Off unless said otherwise. See [the guide](crate::guide::cache).
    ///
    /// The folder is made if need be, for its owner only, and may serve any number of accounts and programs; of two at the same time the second reads
    /// only. Everything in it is encrypted and authenticated under keys that come from the account's master key; whatever is damaged, altered or
    /// of another version is fetched anew. A folder that cannot be used is no error: the client goes without, and says so in its log.
    ///
    /// [`sign_out`](Client::sign_out) deletes what was kept of the account. Public links are not kept.
    pub fn cache_dir(mut self, folder: impl Into<PathBuf>) -> Self {
        self.options.cache_dir = Some(folder.into());
        self
    }

    /// Whether a change that cannot be noted on disk first is an error, and not sent. Off unless said otherwise: then the client warns in its log
    /// and goes on.
    ///
    /// With a [folder](Self::cache_dir) each request with changes is noted there before it leaves, so that the next program can find out what
    /// became of those that this one did not live to see answered: see [`Client::take_settled_changes`]. On a full disk, or in a folder
    /// that cannot be used, this makes the change fail with [`NoSpace`](crate::ErrorKind::NoSpace) or [`Io`](crate::ErrorKind::Io), naming the file. Without a folder nobody can
    /// sign in with it: that is [`Misuse`](crate::ErrorKind::Misuse).
    pub fn require_intents(mut self, required: bool) -> Self {
        self.options.require_intents = required;
        self
    }

    /// Draws request ids and the jitter of back-off from this seed instead of the system's randomness. Keys are never drawn from it
    /// (threat model, SEC-9). Meant for tests that have to be repeatable.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Signs in to an account; await it.
    pub fn login(self, credentials: Credentials) -> Login {
        Login {
            builder: self,
            credentials,
        }
    }

    /// Opens a session that was [saved](Client::save), without the password; await it.
    pub fn resume(self, saved: &SavedSession) -> Resume {
        Resume {
            builder: self,
            saved: saved.clone(),
        }
    }

    /// Opens a public link of any form, without an account; await it.
    ///
    /// A folder link shows its folder as root, one to a folder inside of it that folder. A link to a file, also to one in a folder, shows a root with
    /// that one file in it. Links as they were written until 2020 (`#!`, `#F!`, also on mega.co.nz) and password-protected ones (`#P!`) are understood;
    /// whatever host they name, the one of [`origin`](Self::origin) is asked.
    pub fn open_link(self, link: impl AsRef<str>) -> OpenLink {
        OpenLink {
            builder: self,
            link: Zeroizing::new(link.as_ref().to_owned()),
            password: None,
        }
    }

    pub(crate) fn origin_text(&self) -> &str {
        &self.origin
    }

    /// The guard in force for the chosen address.
    pub(crate) fn guard(&self) -> Result<Option<LoginGuard>> {
        let loopback = self.origin_url()?.is_loopback();
        Ok(self.guard.for_service(loopback))
    }

    /// The choices for a client, with the means to renew its session.
    pub(crate) fn client_options(&self) -> Result<Options> {
        let mut options = self.options.clone();
        options.guard = self.guard()?.map(|guard| (guard, self.origin.clone()));
        if let Some(credentials) = &self.renewal {
            options.renewal = Some(Renewal {
                credentials: credentials.clone(),
                guard: self.guard()?,
                origin: self.origin.clone(),
            });
        }
        Ok(options)
    }

    fn origin_url(&self) -> Result<ServerUrl> {
        ServerUrl::parse(&self.origin).map_err(|error| {
            Error::misuse("the address of the service is malformed").caused_by(error)
        })
    }

    /// The wire, pointed at the chosen address.
    pub(crate) fn api(&self) -> Result<Api> {
        if self.options.require_intents && self.options.cache_dir.is_none() {
            return Err(Error::misuse(
                "changes are noted in the folder of the cache, and none is given",
            ));
        }
        let transport = match &self.transport {
            Some(transport) => Arc::clone(transport),
            None => self.default_transport()?,
        };
        let origin = self.origin_url()?;
        let policy = if origin.is_loopback() {
            self.policy.clone().allow_loopback()
        } else {
            self.policy.clone()
        };
        let api = Api::builder(transport)
            .origin(origin.as_str())
            .url_policy(policy)
            .user_agent(&self.user_agent)
            .retry(
                RetryPolicy::default()
                    .with_deadline(self.options.deadline)
                    .with_delays(self.options.delays.0, self.options.delays.1),
            )
            .hashcash_solver(crate::hashcash::solve)
            .observer(log);
        let api = match self.seed {
            Some(seed) => api.seed(seed),
            None => api,
        };
        api.build().map_err(Error::from)
    }
}

/// What goes on between client and service, for whoever debugs: commands by their names, and nothing of what they say.
fn log(notice: ApiNotice) {
    match notice {
        ApiNotice::Answered {
            command,
            took,
            code,
            done,
        } => {
            let code = code.map(tracing::field::display);
            tracing::debug!(command, ?took, code, done, "a command was answered");
        }
        ApiNotice::Retrying { delay, cause } => {
            tracing::debug!(?delay, %cause, "a request is tried again");
        }
        ApiNotice::ProofOfWork { expected_tries } => {
            tracing::debug!(expected_tries, "the service demands a proof of work");
        }
        ApiNotice::SessionEnded => tracing::debug!("the session has ended"),
        ApiNotice::Blocked => tracing::warn!("the account is blocked"),
        _ => {}
    }
}

/// How the ordinary transport connects.
#[cfg(feature = "reqwest")]
#[derive(Clone, Default)]
struct Network {
    proxy: Option<Zeroizing<String>>,
    system_proxy: bool,
    roots: Vec<Vec<u8>>,
}

impl ClientBuilder {
    #[cfg(feature = "reqwest")]
    fn default_transport(&self) -> Result<Arc<dyn Transport>> {
        // As many connections stay open as transfers use at once: a new one costs several round trips.
        let mut transport = mega_protocol::ReqwestTransport::builder()
            .idle_connections(self.options.limits.requests());
        if let Some(proxy) = &self.network.proxy {
            transport = transport.proxy(proxy.as_str());
        }
        if self.network.system_proxy {
            transport = transport.system_proxy();
        }
        for root in &self.network.roots {
            transport = transport.add_root_certificate(root.as_slice());
        }
        let transport = transport.build().map_err(|error| {
            let text = "the HTTP stack cannot be set up; is a proxy or certificate malformed?";
            Error::new(crate::ErrorKind::Network, text).caused_by(error)
        })?;
        Ok(Arc::new(transport))
    }

    #[cfg(not(feature = "reqwest"))]
    #[expect(clippy::unused_self, reason = "the same signature with every feature")]
    fn default_transport(&self) -> Result<Arc<dyn Transport>> {
        Err(Error::misuse(
            "built without the feature `reqwest`; give the builder a transport",
        ))
    }
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

/// A sign-in; await it.
///
/// # Errors
///
/// [`BadCredentials`](crate::ErrorKind::BadCredentials) for a wrong address or password,
/// [`SecondFactorRequired`](crate::ErrorKind::SecondFactorRequired), [`SecondFactorWrong`](crate::ErrorKind::SecondFactorWrong),
/// [`Unconfirmed`](crate::ErrorKind::Unconfirmed), [`Blocked`](crate::ErrorKind::Blocked), [`RateLimited`](crate::ErrorKind::RateLimited),
/// [`ServerMaterialRejected`](crate::ErrorKind::ServerMaterialRejected) when the server's keys do not pass the checks.
///
/// Cancel safety: a sign-in that is dropped after the password was sent may leave a session open on the service.
#[derive(Debug)]
#[must_use = "nothing happens until it is awaited"]
pub struct Login {
    builder: ClientBuilder,
    credentials: Credentials,
}

impl IntoFuture for Login {
    type Output = Result<Client>;
    type IntoFuture = BoxFuture<Result<Client>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            login::login(&self.builder, &self.credentials)
                .await
                .map_err(|error| error.during("sign in"))
        })
    }
}

/// The opening of a saved session; await it.
///
/// # Errors
///
/// [`SessionExpired`](crate::ErrorKind::SessionExpired) when it was closed or has ended.
///
/// Cancel safe: the session stays as it was and can be resumed again.
#[derive(Debug)]
#[must_use = "nothing happens until it is awaited"]
pub struct Resume {
    builder: ClientBuilder,
    saved: SavedSession,
}

impl IntoFuture for Resume {
    type Output = Result<Client>;
    type IntoFuture = BoxFuture<Result<Client>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            session::resume(&self.builder, &self.saved)
                .await
                .map_err(|error| error.during("resume"))
        })
    }
}

/// The opening of a public link; await it.
///
/// # Errors
///
/// [`InvalidLink`](crate::ErrorKind::InvalidLink) for a text that is no link or lacks its key, [`NotFound`](crate::ErrorKind::NotFound) for a link
/// that was removed, [`Key`](crate::ErrorKind::Key) for a wrong key or password, [`Blocked`](crate::ErrorKind::Blocked) for one that was taken down.
///
/// Cancel safe: a link has no session, and nothing is changed.
#[must_use = "nothing happens until it is awaited"]
pub struct OpenLink {
    builder: ClientBuilder,
    link: Zeroizing<String>,
    password: Option<Zeroizing<String>>,
}

impl OpenLink {
    /// The password of a password-protected link (`#P!...`). It is checked before anything is sent.
    pub fn password(mut self, password: impl Into<String>) -> Self {
        self.password = Some(Zeroizing::new(password.into()));
        self
    }
}

impl fmt::Debug for OpenLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenLink").finish_non_exhaustive()
    }
}

impl IntoFuture for OpenLink {
    type Output = Result<Client>;
    type IntoFuture = BoxFuture<Result<Client>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let password = self.password.as_ref().map(|password| password.as_str());
            link::open(&self.builder, &self.link, password)
                .await
                .map_err(|error| error.during("open link"))
        })
    }
}

//! A service behind a socket on loopback.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::account::AccountBuilder;
use crate::clock::Clock;
use crate::fault::Faults;
use crate::journal::Entry;
use crate::model::{Model, Options};
use crate::raw_client::RawClient;
use crate::service::Service;
use crate::shell::{self, Tls};
use crate::state::StateError;

/// A running server. It stops when it is dropped.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// use mega_testserver::TestServer;
///
/// let server = TestServer::start().await?;
/// let account = server.account("me@example.com", "password").create();
/// assert!(server.url().starts_with("http://127.0.0.1:"));
/// assert_eq!(account.email, "me@example.com");
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct TestServer {
    service: Arc<Service>,
    url: String,
    address: SocketAddr,
    tasks: Vec<JoinHandle<()>>,
}

/// How a server is to be; [`Builder::start`] starts it.
#[must_use = "nothing runs before `start`"]
#[derive(Clone, Debug)]
pub struct Builder {
    seed: u64,
    clock: Option<Clock>,
    options: Options,
    listen: SocketAddr,
    storage_listen: Option<SocketAddr>,
    public_url: Option<String>,
    public_storage_url: Option<String>,
    tls: Option<Tls>,
    state: Option<PathBuf>,
}

impl TestServer {
    /// Starts a server on a free port of loopback, all choices at their defaults.
    ///
    /// # Errors
    ///
    /// No socket could be opened.
    ///
    /// Cancel safe: when the future is dropped, nothing listens.
    pub async fn start() -> io::Result<Self> {
        Self::builder().start().await
    }

    /// Chooses how the server is to be.
    pub fn builder() -> Builder {
        Builder {
            seed: 0,
            clock: None,
            options: Options::default(),
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            storage_listen: None,
            public_url: None,
            public_storage_url: None,
            tls: None,
            state: None,
        }
    }

    /// Where it listens: `http://127.0.0.1:PORT`, without a slash at the end. Storage is behind the same address.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where uploads and downloads go, as replies name it.
    #[must_use]
    pub fn storage_url(&self) -> String {
        self.service.with_model(|m| m.storage_origin.clone())
    }

    /// The socket's own address.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The service behind the socket.
    #[must_use]
    pub fn service(&self) -> &Arc<Service> {
        &self.service
    }

    /// Describes an account; `create` makes it.
    pub fn account(&self, email: &str, password: &str) -> AccountBuilder<'_> {
        self.service.account(email, password)
    }

    /// A client of an account that is signed in already and speaks to this server; `None` where there is no such account.
    #[must_use]
    pub fn client(&self, email: &str) -> Option<RawClient> {
        RawClient::new(&self.service, email)
    }

    /// The next request with this command gets this number for it, and the command is not executed.
    pub fn fail_next(&self, command: &str, code: i64) {
        self.service.faults().fail_next(command, code);
    }

    /// The ways to make it misbehave.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        self.service.faults()
    }

    /// Every request so far, in the order of their answers.
    #[must_use]
    pub fn journal(&self) -> Vec<Entry> {
        self.service.journal()
    }

    /// Looks at the state and changes it. Do not call the server from inside.
    pub fn with_model<R>(&self, look: impl FnOnce(&mut Model) -> R) -> R {
        self.service.with_model(look)
    }

    /// The clock of the service.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        self.service.clock()
    }

    /// Stops serving and returns when nobody listens on its addresses any more, so that a connection is refused and not left hanging. Dropping the server
    /// stops it, too, a moment later.
    ///
    /// Cancel safety: it stops in any case.
    pub async fn stop(mut self) {
        for task in std::mem::take(&mut self.tasks) {
            task.abort();
            // Either it was done already, or it is now.
            let _ = task.await;
        }
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
        self.service.close();
    }
}

impl Builder {
    /// What everything random is drawn from. Default: 0.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// The clock. Default: the computer's.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = Some(clock);
        self
    }

    /// Every reply begins this much later.
    pub fn latency(mut self, latency: Duration) -> Self {
        self.options.latency = Some(latency);
        self
    }

    /// Sets switches of the service.
    pub fn options(mut self, set: impl FnOnce(&mut Options)) -> Self {
        set(&mut self.options);
        self
    }

    /// Where to listen. Default: a free port of 127.0.0.1.
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.listen = address;
        self
    }

    /// Storage gets a socket of its own. Default: one for everything.
    pub fn storage_listen(mut self, address: SocketAddr) -> Self {
        self.storage_listen = Some(address);
        self
    }

    /// The address that wait URLs are given under, where that is not the one listened on (behind a proxy).
    pub fn public_url(mut self, url: &str) -> Self {
        self.public_url = Some(url.into());
        self
    }

    /// The address that upload and download URLs are given under. Default: that of the storage socket, or without one
    /// that of the API.
    pub fn public_storage_url(mut self, url: &str) -> Self {
        self.public_storage_url = Some(url.into());
        self
    }

    /// Speaks TLS, on the API's socket and on that of storage. Together with [`Builder::public_url`] a client that knows
    /// only the service's own host names can be served.
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Keeps the state in a folder, which is made where it is not there: what a client was told survives the end of the
    /// process, whatever ends it. Default: memory.
    ///
    /// Accounts with everything in them, sessions, links, events, remembered request ids and complete uploads are kept.
    /// Not kept are addresses for uploads and downloads, the parts of unfinished uploads, faults and the journal.
    pub fn state(mut self, folder: impl Into<PathBuf>) -> Self {
        self.state = Some(folder.into());
        self
    }

    /// Makes the service without a socket, with its state where [`Builder::state`] says.
    ///
    /// # Errors
    ///
    /// The state cannot be read or written; then nothing of it was changed.
    pub fn open(self) -> Result<Arc<Service>, StateError> {
        match self.state.clone() {
            None => Ok(self.in_memory()),
            Some(folder) => Service::with_state(
                self.seed,
                self.clock.unwrap_or_else(Clock::real),
                self.options,
                &folder,
            ),
        }
    }

    /// Makes the service without a socket and without a folder for its state.
    #[must_use]
    pub fn in_memory(self) -> Arc<Service> {
        Service::new(
            self.seed,
            self.clock.unwrap_or_else(Clock::real),
            self.options,
        )
    }

    /// Opens the socket and serves on the current runtime until the result is dropped.
    ///
    /// # Errors
    ///
    /// No socket could be opened, or the state could not (then a [`StateError`] is inside).
    ///
    /// Cancel safe: when the future is dropped, nothing listens.
    pub async fn start(self) -> io::Result<TestServer> {
        let listener = TcpListener::bind(self.listen).await?;
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        let address = listener.local_addr()?;
        let url = format!("{scheme}://{address}");
        let storage = match self.storage_listen {
            Some(address) => Some(TcpListener::bind(address).await?),
            None => None,
        };
        let public = self.public_url.clone().unwrap_or_else(|| url.clone());
        let storage_url = match &storage {
            Some(listener) => format!("{scheme}://{}", listener.local_addr()?),
            None => public.clone(),
        };
        let public_storage = self.public_storage_url.clone().unwrap_or(storage_url);
        let tls = self.tls.clone();
        let service = self.open().map_err(io::Error::other)?;
        service.set_origin(&public, &public_storage);
        let listeners = std::iter::once(listener).chain(storage);
        let tasks = listeners
            .map(|l| tokio::spawn(shell::serve(l, tls.clone(), service.clone())))
            .collect();
        Ok(TestServer {
            service,
            url,
            address,
            tasks,
        })
    }
}

impl Service {
    /// Describes an account; `create` makes it.
    pub fn account(&self, email: &str, password: &str) -> AccountBuilder<'_> {
        AccountBuilder::new(self, email, password)
    }

    /// Chooses how a service is to be; [`Builder::in_memory`] makes it without a socket.
    pub fn builder() -> Builder {
        TestServer::builder()
    }
}

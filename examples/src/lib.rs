//! What the examples share: a place to sign in to, and a folder to play with.

mod bar;
mod compare;

use std::error::Error;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use indicatif::HumanBytes;
use mega_client::{Client, ClientBuilder, Credentials};
use mega_testserver::TestServer;

pub use self::bar::with_bar;
pub use self::compare::compare;

/// A place to sign in to: the embedded server, or the real service when `--email` is given.
#[derive(Debug)]
pub struct Place {
    server: Option<TestServer>,
    credentials: Credentials,
}

impl Place {
    /// Starts the embedded server with one account, or asks for the password of the account named by `--email ADDRESS`.
    pub async fn from_args() -> Result<Self, Box<dyn Error>> {
        let mut args = std::env::args().skip(1);
        let email = args.find(|arg| arg == "--email").and_then(|_| args.next());
        if let Some(email) = email {
            let password = rpassword::prompt_password(format!("Password of {email}: "))?;
            return Ok(Self {
                server: None,
                credentials: Credentials::new(email, password),
            });
        }
        let server = TestServer::start().await?;
        server
            .account("me@example.com", "correct horse battery staple")
            .create();
        let credentials = Credentials::new("me@example.com", "correct horse battery staple");
        Ok(Self {
            server: Some(server),
            credentials,
        })
    }

    /// Whether this is the embedded server.
    pub fn is_embedded(&self) -> bool {
        self.server.is_some()
    }

    /// A builder that points at this place.
    pub fn builder(&self) -> ClientBuilder {
        match &self.server {
            Some(server) => Client::builder().origin(server.url()),
            None => Client::builder(),
        }
    }

    /// Who signs in.
    pub fn credentials(&self) -> Credentials {
        self.credentials.clone()
    }

    /// One more account, on the embedded server.
    pub fn account(&self, email: &str, password: &str) {
        if let Some(server) = &self.server {
            server.account(email, password).create();
        }
    }

    /// Another person, signed in; only the embedded server has one.
    pub async fn somebody_else(&self) -> Result<Option<Client>, Box<dyn Error>> {
        let Some(server) = &self.server else {
            return Ok(None);
        };
        server.account("friend@example.com", "secret").create();
        let credentials = Credentials::new("friend@example.com", "secret");
        Ok(Some(self.builder().login(credentials).await?))
    }

    /// Signs in.
    pub async fn sign_in(&self) -> Result<Client, Box<dyn Error>> {
        Ok(self.builder().login(self.credentials.clone()).await?)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_embedded() {
            "the embedded server"
        } else {
            "the real service"
        })
    }
}

/// The first argument that is no option, or the workspace's own `crates/` folder.
pub fn folder_argument() -> PathBuf {
    let mut args = std::env::args_os().skip(1);
    while let Some(arg) = args.next() {
        if arg == "--email" {
            args.next();
        } else {
            return PathBuf::from(arg);
        }
    }
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates")
}

/// A number of bytes as people write it.
pub fn bytes(count: u64) -> HumanBytes {
    HumanBytes(count)
}

/// A name that nobody has used: it ends in the seconds since 1970.
pub fn fresh_name(prefix: &str) -> String {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    format!("{prefix}-{}", now.map(|time| time.as_secs()).unwrap_or(0))
}

/// Prints a line.
#[macro_export]
macro_rules! say {
    ($($text:tt)*) => { println!("* {}", format_args!($($text)*)) };
}

/// The front page of the repository, whose program is run with the tests.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
mod front_page {}

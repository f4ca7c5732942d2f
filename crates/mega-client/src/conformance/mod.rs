//! The behaviours that a MEGA client is held against, as tests that anybody can run: 118 lines, each with an id.
//!
//! They come from the conformance suites of `object_store`, OpenDAL and rclone, and from what is particular to MEGA (handles, duplicates, versions, the rubbish bin, keys). They run against
//! whatever a [`Bench`] signs in to: the embedded server, a real account, another transport or a proxy in between. Each check works in a folder of its own and
//! removes it, so an account that is in use is safe; what concerns the whole account is only looked at.
//!
//! ```
//! # async fn doc() -> Result<(), Box<dyn std::error::Error>> {
//! # let server = mega_testserver::TestServer::start().await?;
//! # server.account("me@example.com", "secret").create();
//! use std::sync::Arc;
//!
//! use mega_client::conformance::{Bench, BoxFuture, Form, Suite};
//! use mega_client::{Client, ClientBuilder, Credentials, Result};
//!
//! struct MyAccount {
//!     origin: String,
//! }
//!
//! impl Bench for MyAccount {
//!     fn builder(&self) -> ClientBuilder {
//!         Client::builder().origin(&self.origin) // a proxy, a transport of your own, limits ...
//!     }
//!
//!     fn client(&self) -> BoxFuture<'_, Result<Client>> {
//!         Box::pin(async { self.builder().login(Credentials::new("me@example.com", "secret")).await })
//!     }
//! }
//!
//! let bench = Arc::new(MyAccount { origin: server.url().to_owned() });
//! let report = Suite::new(bench).form(Form::Path).only(["LS-5", "WR-1", "MV-3"]).run().await?;
//! println!("{report}");
//! assert!(report.is_clean());
//! # Ok(()) }
//! # tokio::runtime::Runtime::new().unwrap().block_on(doc()).unwrap();
//! ```
//!
//! What a bench cannot do (make nodes that no client would make, break connections at a chosen byte) it says so, and the lines that need it are reported as
//! not applicable, with the reason. No line is left out silently: [`checks`] lists all.

mod bench;
mod content;
mod copying;
mod deleting;
mod failing;
mod folders;
mod general;
mod listing;
mod long_listing;
mod moving;
mod names;
mod placing;
mod reading;
mod report;
mod scale;
mod sharing;
mod stat;
mod subject;
mod suite;
mod writing;

pub use self::bench::{Backstage, Bench, Disturbance, Form, MacVariant, Plant, Scale};
pub use self::report::{Outcome, Report, Row};
pub use self::suite::{Suite, checks};

pub use mega_protocol::BoxFuture;

use self::subject::Cx;

/// One line of the checklist.
#[derive(Clone, Copy)]
pub struct Check {
    id: &'static str,
    about: &'static str,
    /// Nothing else may run beside it.
    alone: bool,
    run: fn(Cx) -> BoxFuture<'static, Checked>,
}

impl Check {
    /// Its id, such as `LS-4`.
    #[must_use]
    pub fn id(&self) -> &'static str {
        self.id
    }

    /// What it checks, as a sentence.
    #[must_use]
    pub fn about(&self) -> &'static str {
        self.about
    }
}

impl std::fmt::Debug for Check {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Check")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// What a check comes to.
type Checked = std::result::Result<(), Stop>;

/// Why a check ended early.
enum Stop {
    Failed(String),
    NotApplicable(String),
}

impl<E: std::error::Error> From<E> for Stop {
    fn from(error: E) -> Self {
        let mut text = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            text = format!("{text}: {cause}");
            source = cause.source();
        }
        Self::Failed(text)
    }
}

/// A line that this bench cannot check.
fn not_applicable<T>(why: &str) -> std::result::Result<T, Stop> {
    Err(Stop::NotApplicable(why.to_owned()))
}

/// Fails the check unless something holds.
fn holds(condition: bool, what: impl Into<String>) -> Checked {
    if condition {
        Ok(())
    } else {
        Err(Stop::Failed(what.into()))
    }
}

/// Fails the check unless two values are equal.
fn same<L: PartialEq<R> + std::fmt::Debug, R: std::fmt::Debug>(
    seen: L,
    wanted: R,
    what: &str,
) -> Checked {
    if seen == wanted {
        return Ok(());
    }
    let (seen, wanted) = (short(&seen), short(&wanted));
    Err(Stop::Failed(format!("{what}: {seen} instead of {wanted}")))
}

fn short(value: &impl std::fmt::Debug) -> String {
    let mut text = format!("{value:?}");
    if text.len() > 300 {
        let end = (0..=300)
            .rev()
            .find(|&at| text.is_char_boundary(at))
            .unwrap_or(0);
        text.truncate(end);
        text.push('\u{2026}');
    }
    text
}

/// Fails the check unless a call was refused for one of these reasons.
fn refused<T>(result: crate::Result<T>, kinds: &[crate::ErrorKind], what: &str) -> Checked {
    match result {
        Err(error) if kinds.contains(&error.kind()) => Ok(()),
        Err(error) => Err(Stop::Failed(format!(
            "{what}: {:?} ({error}) instead of {kinds:?}",
            error.kind()
        ))),
        Ok(_) => Err(Stop::Failed(format!(
            "{what}: it worked instead of {kinds:?}"
        ))),
    }
}

/// A value that has to be there.
fn some<T>(value: Option<T>, what: &str) -> std::result::Result<T, Stop> {
    value.ok_or_else(|| Stop::Failed(format!("{what}: there is none")))
}

/// Polls a future once, to drop it half-way.
async fn poll_once<F: Future + Unpin>(future: &mut F) -> std::task::Poll<F::Output> {
    let mut future = Some(future);
    std::future::poll_fn(move |context| {
        std::task::Poll::Ready(match future.take() {
            Some(future) => std::pin::Pin::new(future).poll(context),
            None => std::task::Poll::Pending,
        })
    })
    .await
}

/// Lists the checks of a section.
macro_rules! section {
    ($($id:literal $alone:ident $run:ident $about:literal),* $(,)?) => {
        pub(super) const CHECKS: &[super::Check] = &[$(super::Check {
            id: $id,
            about: $about,
            alone: section!(@$alone),
            run: |cx| Box::pin($run(cx)),
        }),*];
    };
    (@alone) => { true };
    (@any) => { false };
}
use section;

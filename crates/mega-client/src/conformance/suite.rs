//! Running the checks.

use std::sync::Arc;
use std::time::Duration;

use futures::{FutureExt, StreamExt};

use super::bench::{Bench, Form, Scale};
use super::report::{Outcome, Report, Row};
use super::subject::{Cx, Ground};
use super::{Check, Stop};
use super::{
    copying, deleting, folders, general, listing, moving, placing, reading, scale, sharing, stat,
    writing,
};
use crate::{Error, ErrorKind, Result};

/// All lines of the checklist, in its order.
pub fn checks() -> impl Iterator<Item = &'static Check> {
    [
        listing::CHECKS,
        stat::CHECKS,
        reading::CHECKS,
        writing::CHECKS,
        placing::CHECKS,
        folders::CHECKS,
        deleting::CHECKS,
        moving::CHECKS,
        copying::CHECKS,
        sharing::CHECKS,
        scale::CHECKS,
        general::CHECKS,
    ]
    .into_iter()
    .flatten()
}

/// A run of the checks.
#[must_use = "nothing runs before `run`"]
pub struct Suite {
    bench: Arc<dyn Bench>,
    form: Form,
    scale: Scale,
    only: Option<Vec<String>>,
    at_once: usize,
    patience: Duration,
}

impl Suite {
    /// All checks, by path, at full scale, one after the other.
    pub fn new(bench: Arc<dyn Bench>) -> Self {
        Self {
            bench,
            form: Form::default(),
            scale: Scale::FULL,
            only: None,
            at_once: 1,
            patience: Duration::from_secs(600),
        }
    }

    /// How nodes are named.
    pub fn form(mut self, form: Form) -> Self {
        self.form = form;
        self
    }

    /// How much is done where the amount matters.
    pub fn scale(mut self, scale: Scale) -> Self {
        self.scale = scale;
        self
    }

    /// Only the lines with these ids.
    pub fn only<I: Into<String>>(mut self, ids: impl IntoIterator<Item = I>) -> Self {
        self.only = Some(ids.into_iter().map(Into::into).collect());
        self
    }

    /// How many checks run at the same time; those that need the place for themselves run alone.
    pub fn at_once(mut self, count: usize) -> Self {
        self.at_once = count.max(1);
        self
    }

    /// How long a single check may take before it counts as failed; 10 minutes unless said otherwise.
    pub fn patience(mut self, time: Duration) -> Self {
        self.patience = time;
        self
    }

    /// Runs the checks. A check that fails or panics does not stop the others.
    ///
    /// # Errors
    ///
    /// When the place cannot be prepared: no sign-in, no folder to work in, or an id that does not exist.
    ///
    /// Cancel safety: what the checks have made in the account and in the [scratch folder](super::Bench::scratch) so far stays there.
    pub async fn run(self) -> Result<Report> {
        let mut wanted: Vec<&'static Check> = Vec::new();
        match &self.only {
            None => wanted.extend(checks()),
            Some(ids) => {
                for id in ids {
                    let known = checks().find(|check| check.id == id);
                    wanted.push(known.ok_or_else(|| {
                        Error::new(ErrorKind::Misuse, format!("there is no check {id}"))
                    })?);
                }
            }
        }
        let ground =
            Arc::new(Ground::prepare(Arc::clone(&self.bench), self.form, self.scale).await?);
        let (alone, shared): (Vec<_>, Vec<_>) = wanted.iter().partition(|check| check.alone);
        let mut rows: Vec<Row> = Vec::new();
        for check in alone {
            rows.push(one(&ground, check, self.patience).await);
        }
        let mut running = futures::stream::iter(
            shared
                .into_iter()
                .map(|check| one(&ground, check, self.patience)),
        )
        .buffer_unordered(self.at_once)
        .boxed();
        while let Some(row) = running.next().await {
            rows.push(row);
        }
        drop(running);
        ground.clean().await;
        rows.sort_by_key(|row| wanted.iter().position(|check| check.id == row.id));
        Ok(Report {
            form: self.form,
            rows,
        })
    }
}

impl std::fmt::Debug for Suite {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Suite")
            .field("form", &self.form)
            .field("scale", &self.scale)
            .finish_non_exhaustive()
    }
}

/// Runs one check in a folder of its own.
fn one(
    ground: &Arc<Ground>,
    check: &'static Check,
    patience: Duration,
) -> futures::future::BoxFuture<'static, Row> {
    let ground = Arc::clone(ground);
    async move {
        let started = std::time::Instant::now();
        let run = async {
            let cx = Cx::enter(&ground, check.id).await;
            let cx =
                cx.map_err(|error| Stop::Failed(format!("its folder could not be made: {error}")))?;
            (check.run)(cx).await
        };
        let run = std::panic::AssertUnwindSafe(run).catch_unwind();
        let outcome = match tokio::time::timeout(patience, run).await {
            Ok(Ok(Ok(()))) => Outcome::Passed,
            Ok(Ok(Err(Stop::Failed(why)))) => Outcome::Failed(why),
            Ok(Ok(Err(Stop::NotApplicable(why)))) => Outcome::NotApplicable(why),
            Ok(Err(_)) => Outcome::Failed("it panicked".to_owned()),
            Err(_) => Outcome::Failed(format!("it did not end within {patience:?}")),
        };
        if check.alone
            && let Some(backstage) = ground.bench.backstage()
        {
            backstage.calm();
        }
        Row {
            id: check.id,
            about: check.about,
            outcome,
            elapsed: started.elapsed(),
        }
    }
    .boxed()
}

//! Bringing the tree up to date for many callers at once.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::Client;
use crate::error::{Error, ErrorKind, Result};
use crate::pump::LEAST_PATIENCE;

/// How often the tree was brought up to date.
#[derive(Debug, Default)]
pub(super) struct News {
    /// How many refreshes have begun.
    begun: AtomicU64,
    /// The number of the latest one that was completed.
    completed: tokio::sync::Mutex<u64>,
}

impl Client {
    /// Brings the tree up to date (RTY-10): what the service knew when this was called is in it afterwards, and so is what a call that was
    /// dropped before has left under way.
    ///
    /// A thousand callers need two refreshes, not a thousand: one that is under way, and one that begins after all have asked.
    ///
    /// Cancel safe.
    pub(super) async fn catch_up(&self) -> Result<()> {
        let news = &self.inner.fs.news;
        let asked = news.begun.load(Ordering::Acquire);
        let mut completed = news.completed.lock().await;
        if *completed > asked {
            return Ok(());
        }
        let number = news.begun.fetch_add(1, Ordering::AcqRel).saturating_add(1);
        let patience = self.options().deadline.max(LEAST_PATIENCE);
        let orphans = self.api().orphans_settled();
        if tokio::time::timeout(patience, orphans).await.is_err() {
            let text = "a change that was given up is still under way";
            return Err(Error::new(ErrorKind::Timeout, text));
        }
        self.refresh().await?;
        *completed = number;
        Ok(())
    }
}

//! Bringing the tree up to date for many callers at once.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::Client;
use crate::error::{Error, ErrorKind, Result};
use crate::pump::LEAST_PATIENCE;

/// How often something was looked up for everybody who asks meanwhile, such as the news.
#[derive(Debug, Default)]
pub(super) struct News {
    /// How many times it has begun.
    begun: AtomicU64,
    /// The number of the latest time that was completed.
    completed: tokio::sync::Mutex<u64>,
}

impl News {
    /// Does something once for all who ask for it before it begins.
    ///
    /// A thousand callers need two of it, not a thousand: one that is under way, and one that begins after all have asked.
    pub(super) async fn share<W>(&self, work: impl FnOnce() -> W) -> Result<()>
    where
        W: Future<Output = Result<()>>,
    {
        let asked = self.begun.load(Ordering::Acquire);
        let mut completed = self.completed.lock().await;
        if *completed > asked {
            return Ok(());
        }
        let number = self.begun.fetch_add(1, Ordering::AcqRel).saturating_add(1);
        work().await?;
        *completed = number;
        Ok(())
    }
}

impl Client {
    /// Brings the tree up to date (RTY-10): what the service knew when this was called is in it afterwards, and so is what a call that was
    /// dropped before has left under way.
    ///
    /// Cancel safe.
    pub(crate) async fn catch_up(&self) -> Result<()> {
        let look = || async {
            let patience = self.options().deadline.max(LEAST_PATIENCE);
            let orphans = self.api().orphans_settled();
            if tokio::time::timeout(patience, orphans).await.is_err() {
                let text = "a change that was given up is still under way";
                return Err(Error::new(ErrorKind::Timeout, text));
            }
            self.refreshed().await
        };
        self.inner.fs.news.share(look).await
    }
}

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
    /// A thousand callers need two of it, not a thousand: one that is under way, and one that begins after all have asked. Those who ask in one turn
    /// of a task need a single one.
    pub(super) async fn share<W>(&self, work: impl FnOnce() -> W) -> Result<()>
    where
        W: Future<Output = Result<()>>,
    {
        let asked = self.begun.load(Ordering::Acquire);
        let mut completed = self.completed.lock().await;
        if *completed > asked {
            return Ok(());
        }
        // Those who are about to ask in this turn come first.
        tokio::task::yield_now().await;
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

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use futures::future::{FutureExt, join_all};

    use super::*;

    #[tokio::test]
    async fn those_who_ask_together_share_one_and_who_asks_later_has_another() {
        let (news, done) = (News::default(), Cell::new(0));
        let ask = || {
            news.share(async || {
                tokio::task::yield_now().await;
                done.set(done.get() + 1);
                Ok(())
            })
        };
        for asked in join_all((0..20).map(|_| ask())).await {
            asked.unwrap();
        }
        assert_eq!(done.get(), 1);

        // Whoever asks while it is under way may have changed something since it began.
        let mut first = std::pin::pin!(ask());
        while news.begun.load(Ordering::Acquire) < 2 {
            assert!(first.as_mut().now_or_never().is_none());
            tokio::task::yield_now().await;
        }
        let (first, second) = tokio::join!(first, ask());
        first.unwrap();
        second.unwrap();
        assert_eq!(done.get(), 3);
    }
}

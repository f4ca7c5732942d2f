//! Calls that do the same to many nodes, and their results.

use std::fmt;
use std::future::{IntoFuture, poll_fn};
use std::pin::pin;
use std::sync::Arc;

use futures::future::{BoxFuture as Boxed, Either, FutureExt, join_all, ready};
use futures::{Stream, StreamExt};
use mega_protocol::Api;

use crate::Progress;
use crate::builder::BoxFuture;
use crate::error::{Error, ErrorKind, Result};
use crate::target::Target;

/// The same for many nodes; await it for all results, or take them [one by one](Self::stream). What can, travels together in few requests.
///
/// An item that fails does not stop the others.
///
/// Cancel safety: what has been sent takes effect; it is seen after the next refresh. To stop and still be told what was done, use
/// [`Progress::cancel`].
#[must_use = "nothing happens until it is awaited"]
pub struct BulkCall<T> {
    api: Api,
    targets: Vec<Target>,
    work: Work<T>,
    progress: Progress,
}

enum Work<T> {
    /// Does it to one; what is under way together meets in the same requests.
    Each(Arc<Job<Target, Result<T>>>),
    /// Does it to some at once, one result each: for what has to be planned together.
    Some(Arc<Job<Vec<Target>, Vec<Result<T>>>>),
}

type Job<I, O> = dyn Fn(I) -> Boxed<'static, O> + Send + Sync;

impl<T: Send + 'static> BulkCall<T> {
    pub(super) fn new<W>(
        api: Api,
        targets: Vec<Target>,
        work: impl Fn(Target) -> W + Send + Sync + 'static,
    ) -> Self
    where
        W: Future<Output = Result<T>> + Send + 'static,
    {
        Self {
            api,
            targets,
            work: Work::Each(Arc::new(move |target| work(target).boxed())),
            progress: Progress::new(),
        }
    }

    pub(super) fn together<W>(
        api: Api,
        targets: Vec<Target>,
        work: impl Fn(Vec<Target>) -> W + Send + Sync + 'static,
    ) -> Self
    where
        W: Future<Output = Vec<Result<T>>> + Send + 'static,
    {
        Self {
            api,
            targets,
            work: Work::Some(Arc::new(move |targets| work(targets).boxed())),
            progress: Progress::new(),
        }
    }

    /// Shows how many [items](Progress::items_done) are done, and lets somebody stop it: what has begun then comes to its end and is reported as
    /// it went, and the rest fails with [`Cancelled`](ErrorKind::Cancelled).
    pub fn progress(mut self, progress: &Progress) -> Self {
        self.progress = progress.clone();
        self
    }

    /// Each item with its result as soon as that is known, in no particular order. Nothing begins before the stream is polled.
    pub fn stream(self) -> impl Stream<Item = (Target, Result<T>)> + Send + 'static {
        self.numbered().map(|(_, target, result)| (target, result))
    }

    fn numbered(self) -> impl Stream<Item = (usize, Target, Result<T>)> + Send + 'static {
        let Self {
            api,
            targets,
            work,
            progress,
        } = self;
        progress.expect_items(targets.len());
        // Taken as they are needed, so that what is cancelled never begins.
        let items = futures::stream::iter(targets.into_iter().enumerate());
        let results = match work {
            Work::Each(work) => {
                let begin = move |(number, target): (usize, Target)| {
                    let progress = progress.clone();
                    let done = if progress.is_cancelled() {
                        Either::Left(ready(Err(cancelled(&target))))
                    } else {
                        Either::Right(work(target.clone()))
                    };
                    done.map(move |result| {
                        progress.item_done();
                        (number, target, result)
                    })
                };
                items.map(begin).buffer_unordered(AT_ONCE).left_stream()
            }
            Work::Some(work) => {
                let begin = move |some: Vec<(usize, Target)>| {
                    let progress = progress.clone();
                    let targets: Vec<Target> =
                        some.iter().map(|(_, target)| target.clone()).collect();
                    let done = if progress.is_cancelled() {
                        Either::Left(ready(
                            targets
                                .iter()
                                .map(|target| Err(cancelled(target)))
                                .collect(),
                        ))
                    } else {
                        Either::Right(work(targets))
                    };
                    done.map(move |results: Vec<Result<T>>| {
                        let done = some.into_iter().zip(results);
                        let done = done.map(|((number, target), result)| {
                            progress.item_done();
                            (number, target, result)
                        });
                        futures::stream::iter(done.collect::<Vec<_>>())
                    })
                };
                items.chunks(AT_ONCE).then(begin).flatten().right_stream()
            }
        };
        together(api, results)
    }
}

/// Polls a stream so that the commands of all items that can go on leave in the same requests. Otherwise another thread would send the first of
/// them while the others are still being made, and their number would depend on the machine.
fn together<S: Stream>(api: Api, stream: S) -> impl Stream<Item = S::Item> {
    let mut stream = Box::pin(stream);
    futures::stream::poll_fn(move |context| {
        let _hold = api.hold();
        // Nor may the runtime's budget for one task cut the items into small groups. The stream itself gives way after each round.
        let next =
            tokio::task::unconstrained(poll_fn(|context| stream.as_mut().poll_next(context)));
        pin!(next).poll(context)
    })
}

/// Polls a future so that the commands it begins together leave in one request: another thread would send the first of them while the second is
/// still being made, and whoever gives the call up in between would leave half of it done.
pub(crate) fn in_one_request<F: Future>(api: Api, future: F) -> impl Future<Output = F::Output> {
    let mut future = Box::pin(future);
    poll_fn(move |context| {
        let _hold = api.hold();
        pin!(tokio::task::unconstrained(future.as_mut())).poll(context)
    })
}

/// The same for many futures: the results of all, in their order. A batch that is full leaves, and the rest follows in the next one.
pub(super) fn all_together<F: Future>(
    api: Api,
    futures: impl IntoIterator<Item = F>,
) -> impl Future<Output = Vec<F::Output>> {
    in_one_request(api, join_all(futures))
}

fn cancelled(target: &Target) -> Error {
    Error::new(ErrorKind::Cancelled, "it was cancelled before it began").about(target.to_string())
}

impl<T: Send + 'static> IntoFuture for BulkCall<T> {
    type Output = Bulk<T>;
    type IntoFuture = BoxFuture<Bulk<T>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let mut done: Vec<_> = self.numbered().collect().await;
            done.sort_unstable_by_key(|(number, ..)| *number);
            let items = done.into_iter().map(|(_, target, result)| (target, result));
            Bulk::new(items.collect())
        })
    }
}

impl<T> fmt::Debug for BulkCall<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BulkCall")
            .field("targets", &self.targets)
            .finish_non_exhaustive()
    }
}

/// How many items are under way together: as many as a few requests carry, and no more in memory however long the list is.
pub(super) const AT_ONCE: usize = 1000;

/// One result for each item of a bulk call, in the order in which the items were given. One that fails does not stop the others.
#[derive(Debug)]
#[must_use = "some items may have failed"]
pub struct Bulk<T> {
    items: Vec<(Target, Result<T>)>,
}

impl<T> Bulk<T> {
    pub(crate) fn new(items: Vec<(Target, Result<T>)>) -> Self {
        Self { items }
    }

    /// Each item with its result.
    pub fn iter(&self) -> impl Iterator<Item = (&Target, &Result<T>)> {
        self.items.iter().map(|(target, result)| (target, result))
    }

    /// How many items there were.
    #[must_use]
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether there were none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// What was done.
    pub fn successes(&self) -> impl Iterator<Item = (&Target, &T)> {
        self.items
            .iter()
            .filter_map(|(target, result)| Some((target, result.as_ref().ok()?)))
    }

    /// What was not done, and why.
    pub fn failures(&self) -> impl Iterator<Item = (&Target, &Error)> {
        self.items
            .iter()
            .filter_map(|(target, result)| Some((target, result.as_ref().err()?)))
    }

    /// All results, or the first error.
    ///
    /// # Errors
    ///
    /// That of the first item that failed; the others have been done all the same.
    pub fn into_result(self) -> Result<Vec<T>> {
        self.items.into_iter().map(|(_, result)| result).collect()
    }
}

/// How many there are of each.
impl<T> fmt::Display for Bulk<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let failed = self.failures().count();
        write!(
            f,
            "{} done, {failed} failed",
            self.len().saturating_sub(failed)
        )
    }
}

impl<T> IntoIterator for Bulk<T> {
    type Item = (Target, Result<T>);
    type IntoIter = std::vec::IntoIter<(Target, Result<T>)>;

    fn into_iter(self) -> Self::IntoIter {
        self.items.into_iter()
    }
}

/// One error as the result of many items: errors cannot be copied, so the first item gets the real one and the others its text.
pub(super) fn for_all<T>(error: Error, count: usize) -> Vec<Result<T>> {
    let (kind, code, text) = (error.kind(), error.code(), error.to_string());
    let mut results = Vec::with_capacity(count);
    if count > 0 {
        results.push(Err(error));
    }
    while results.len() < count {
        let same = Error::new(kind, text.clone());
        results.push(Err(match code {
            Some(code) => same.with_code(code),
            None => same,
        }));
    }
    results
}

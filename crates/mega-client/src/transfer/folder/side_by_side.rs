//! Many files on their way at once.

use futures::{Stream, StreamExt};

use super::super::limits::TransferLimits;

/// Runs a job for each file: hundreds of small ones at once, since what they cost is round trips, and a few
/// large ones. What is done comes out in no particular order.
pub(super) fn side_by_side<F, J>(
    limits: TransferLimits,
    files: Vec<F>,
    size: impl Fn(&F) -> u64,
    job: impl Fn(F) -> J + Copy,
) -> impl Stream<Item = J::Output>
where
    J: Future,
{
    let (small, large): (Vec<_>, Vec<_>) = files
        .into_iter()
        .partition(|file| size(file) <= TransferLimits::SMALL_FILE);
    futures::stream::select(
        futures::stream::iter(small)
            .map(job)
            .buffer_unordered(limits.small_files()),
        futures::stream::iter(large)
            .map(job)
            .buffer_unordered(limits.large_files()),
    )
}

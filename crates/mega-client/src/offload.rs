//! Work that would hold up an executor: key derivation, key checks, proof of work.

use crate::error::{Error, ErrorKind, Result};

/// Runs a computation on a thread where blocking is allowed.
///
/// Cancel safety: the computation goes on when the future is dropped, its result is discarded.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    match crate::chance::spawn_blocking(work).await {
        Ok(result) => result,
        Err(join) => {
            Err(Error::new(ErrorKind::Cancelled, "the computation was stopped").caused_by(join))
        }
    }
}

//! Work that would hold up an executor: key derivation, key checks, proof of work.

use tokio::task::JoinError;

use crate::error::{Error, ErrorKind, Result};

/// Runs a computation on a thread where blocking is allowed.
///
/// Cancel safety: the computation goes on when the future is dropped, its result is discarded.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    match crate::chance::spawn_blocking(work).await {
        Ok(result) => result,
        Err(join) => Err(thread_failed(join)),
    }
}

/// The error for work on another thread that has come to no end: the runtime was shut down around it, or there is a fault in this library.
pub(crate) fn thread_failed(join: JoinError) -> Error {
    let (kind, text) = if join.is_panic() {
        // Not `Cancelled`: nobody has cancelled anything.
        let text = "a thread that worked on this has panicked, which is a fault of this library";
        (ErrorKind::Io, text)
    } else {
        (ErrorKind::Cancelled, "the runtime was shut down")
    };
    Error::new(kind, text).caused_by(join)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_on_another_thread_is_not_taken_for_a_cancellation() {
        let failed = blocking(|| -> Result<()> { panic!("on purpose") }).await;
        let error = failed.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Io);
        assert!(error.to_string().contains("panicked"), "{error}");
        let never = tokio::spawn(std::future::pending::<()>());
        never.abort();
        let error = thread_failed(never.await.unwrap_err());
        assert_eq!(error.kind(), ErrorKind::Cancelled);
    }
}

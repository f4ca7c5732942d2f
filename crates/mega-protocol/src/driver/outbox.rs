//! Who is told of changes before they leave, and of what became of them.

use std::error::Error as StdError;
use std::sync::Arc;

use bytes::Bytes;

use super::http::BoxFuture;
use crate::lane::{EndedChange, RequestId};

/// Keeps book of the changes that are under way, so that a program that dies in the middle can find out afterwards what became of them
/// (RTY-7, PST-5). Given to [`Api::set_outbox`](super::Api::set_outbox).
pub trait Outbox: Send + Sync + 'static {
    /// A batch is about to leave for the first time. It does when this is done; an error holds it back, and all of its commands fail with
    /// [`Error::NotNoted`](crate::Error::NotNoted). Further attempts of the same batch are not announced.
    ///
    /// # Cancel safety
    ///
    /// The future is dropped when the last handle goes. Then the batch does not leave, and [`ended`](Self::ended) reports it as unknown.
    fn leaving(
        &self,
        batch: LeavingBatch,
    ) -> BoxFuture<'_, Result<(), Arc<dyn StdError + Send + Sync>>>;

    /// A batch that was announced has come to its end. Called before those who wait for its commands are told. It must not block.
    fn ended(&self, request: RequestId, changes: &[EndedChange]);
}

/// A batch that is about to leave, with at least one command that changes something.
#[derive(Clone)]
#[non_exhaustive]
pub struct LeavingBatch {
    /// Its id, which all attempts have.
    pub request: RequestId,
    /// The exact bytes: a JSON array of commands. They may hold secrets, and are wiped when their last user is gone.
    pub body: Bytes,
    /// Which of the commands change something, by their places.
    pub changes: Vec<usize>,
}

impl std::fmt::Debug for LeavingBatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LeavingBatch")
            .field("request", &self.request)
            .field("changes", &self.changes)
            .finish_non_exhaustive()
    }
}

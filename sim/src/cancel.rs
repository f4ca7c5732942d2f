//! Dropping a future after so many polls.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Gives the result of a future, or `None` when it was not ready after so many polls; it is dropped then.
pub(crate) async fn after_polls<T>(
    polls: Option<u64>,
    future: Pin<Box<dyn Future<Output = T> + Send>>,
) -> Option<T> {
    let mut limited = Limited {
        future: Some(future),
        left: polls,
    };
    std::future::poll_fn(move |context| limited.poll(context)).await
}

struct Limited<T> {
    future: Option<Pin<Box<dyn Future<Output = T> + Send>>>,
    left: Option<u64>,
}

impl<T> Limited<T> {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<T>> {
        if let Some(left) = &mut self.left {
            if *left == 0 {
                self.future = None;
            }
            *left = left.saturating_sub(1);
        }
        match &mut self.future {
            None => Poll::Ready(None),
            Some(future) => future.as_mut().poll(context).map(Some),
        }
    }
}

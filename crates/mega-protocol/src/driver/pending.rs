//! Answers that are still to come.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::sync::oneshot;

use super::api::{Api, Shared, Which};
use super::fetch::StreamPort;
use crate::command::{Answer, Command, Effect, EncodedCommand, decode_reply};
use crate::error::Error;
use crate::lane::{RawAnswer, Ticket};

/// The answer to a submitted command, as a future.
///
/// # Cancel safety
///
/// Dropping it withdraws the command if it has not left.
#[must_use = "dropping it withdraws the command"]
pub struct PendingAnswer<C> {
    command: C,
    answer: oneshot::Receiver<Result<RawAnswer, Error>>,
    _withdraw: Withdraw,
}

impl<C> PendingAnswer<C> {
    pub(super) fn new(
        command: C,
        answer: oneshot::Receiver<Result<RawAnswer, Error>>,
        shared: Arc<Shared>,
        which: Which,
        ticket: Ticket,
    ) -> Self {
        Self {
            command,
            answer,
            _withdraw: Withdraw {
                shared,
                which,
                ticket,
            },
        }
    }
}

// Nothing in it is pinned.
impl<C> Unpin for PendingAnswer<C> {}

impl<C: Command> Future for PendingAnswer<C> {
    type Output = Result<Answer<C::Reply>, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = match Pin::new(&mut self.answer).poll(cx) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Ok(answer)) => answer,
            Poll::Ready(Err(_)) => Err(Error::Closed),
        };
        Poll::Ready(answer.and_then(|raw| read_answer(&self.command, raw)))
    }
}

impl<C> fmt::Debug for PendingAnswer<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PendingAnswer(..)")
    }
}

/// Decodes an answer, and says what an undecodable one means.
fn read_answer<C: Command>(command: &C, raw: RawAnswer) -> Result<Answer<C::Reply>, Error> {
    match decode_reply(command, &raw.element) {
        Ok(answer) => Ok(Answer {
            repeated: raw.repeated,
            ..answer
        }),
        Err(Error::Refused(mut refusal)) => {
            refusal.repeated = raw.repeated;
            refusal.sent = Some(raw.request.command());
            Err(Error::Refused(refusal))
        }
        // The service did something, and what it says of it makes no sense (RTY-5).
        Err(error @ Error::Malformed { .. }) if command.effect() == Effect::Mutation => Err(
            Error::outcome_unknown(command.name().to_owned(), raw.request, error),
        ),
        Err(error) => Err(error),
    }
}

/// Withdraws a command when its caller is gone.
struct Withdraw {
    shared: Arc<Shared>,
    which: Which,
    ticket: Ticket,
}

impl Drop for Withdraw {
    fn drop(&mut self) {
        let mut state = self.shared.cell(self.which).lock();
        // Once the result has been delivered nobody is waiting any more.
        if state.waiters.remove(&self.ticket).is_some() {
            state.lane.withdraw(self.ticket);
            state.ports.remove(&self.ticket);
            drop(state);
            // What waits behind it, for its next attempt or a proof of work, need not wait longer.
            self.shared.cell(self.which).wake.notify_one();
        }
    }
}

/// A future of the raw result of a streamed command.
pub(super) struct PendingRaw {
    pub(super) answer: oneshot::Receiver<Result<RawAnswer, Error>>,
    _withdraw: Withdraw,
}

impl Api {
    pub(super) fn submit_streamed<C: Command>(
        &self,
        command: &C,
        port: StreamPort,
    ) -> Result<PendingRaw, Error> {
        let encoded = EncodedCommand::new(command);
        let which = Which::Ordered;
        let (sender, answer) = oneshot::channel();
        let ticket = {
            let mut state = self.shared().cell(which).lock();
            let ticket = state.lane.submit_streamed(encoded);
            state.waiters.insert(ticket, sender);
            state.ports.insert(ticket, port);
            ticket
        };
        let withdraw = Withdraw {
            shared: Arc::clone(self.shared()),
            which,
            ticket,
        };
        let pending = PendingRaw {
            answer,
            _withdraw: withdraw,
        };
        self.shared().drive(which)?;
        Ok(pending)
    }
}

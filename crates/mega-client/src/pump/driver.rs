//! The task that follows the event channel as long as somebody waits.

use std::pin::pin;
use std::sync::atomic::Ordering;

use futures::FutureExt;
use futures::future::BoxFuture;
use mega_protocol::EventStream;
use mega_protocol::events::ChannelEnd;

use super::wants::{Seat, Stopped};
use super::{Fate, channel_error, senseless};
use crate::Client;
use crate::error::{Error, ErrorKind, Result};

/// Drives the channel as long as somebody waits.
pub(super) struct Driver {
    client: Client,
    seat: Seat,
    channel: Option<EventStream>,
    /// The account's keys being read, which another client has changed.
    learning: Option<BoxFuture<'static, ()>>,
    /// Why it stops, if that is before its time. Also said when the runtime is shut down around it.
    verdict: Option<Stopped>,
}

impl Driver {
    pub(super) fn new(client: Client, seat: Seat) -> Self {
        let channel = client.inner.pump.channel().take();
        Self {
            client,
            seat,
            channel,
            learning: None,
            verdict: Some(Stopped::shut_down()),
        }
    }

    pub(super) async fn run(mut self) {
        let pump = &self.client.inner.pump;
        loop {
            let applied = pump.applied.borrow().clone();
            if !self.seat.needed(applied.as_ref()) {
                break;
            }
            let loads = pump.must_reload();
            let step = {
                let mut turn = pin!(turn(&self.client, &mut self.channel));
                // What is under way goes on whatever else happens: a load that is begun again waits for a minute first.
                loop {
                    tokio::select! {
                        biased;
                        () = pump.wants.nudge.notified() => {
                            let applied = pump.applied.borrow().clone();
                            if !self.seat.needed(applied.as_ref()) {
                                break Step::Left;
                            }
                            if pump.must_reload() && !loads {
                                break Step::Interrupted;
                            }
                        }
                        () = learnt(self.learning.as_mut()) => self.learning = None,
                        turned = &mut turn => break Step::Done(turned),
                    }
                }
            };
            match step {
                Step::Left => break,
                Step::Interrupted => {}
                Step::Done(Err(error)) => {
                    self.verdict = Some(Stopped::because(error));
                    return;
                }
                Step::Done(Ok(())) => {
                    if self.learning.is_none() && self.client.account_keys_are_news() {
                        // Beside the channel: whoever changes the keys meanwhile needs its news.
                        self.learning =
                            Some(self.client.clone().follow_account_keys_later().boxed());
                    }
                }
            }
        }
        self.verdict = None;
        *pump.channel() = self.channel.take();
    }
}

/// What became of a turn.
enum Step {
    Done(Result<()>),
    /// The tree must be loaded anew.
    Interrupted,
    /// Nobody waits any more.
    Left,
}

async fn learnt(learning: Option<&mut BoxFuture<'static, ()>>) {
    match learning {
        Some(learning) => learning.await,
        None => std::future::pending().await,
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        if let Some(mut verdict) = self.verdict.take() {
            if std::thread::panicking() {
                let text = "the task that follows the events has panicked, which is a fault of this library";
                verdict = Stopped::because(Error::new(ErrorKind::Io, text));
            }
            self.seat.leave();
            self.client.inner.pump.stopped.send_replace(verdict);
        }
    }
}

/// Fetches and applies one batch, or loads the tree anew.
///
/// Cancel safety: what was not applied is asked for again.
async fn turn(client: &Client, channel: &mut Option<EventStream>) -> Result<()> {
    let pump = &client.inner.pump;
    if pump.must_reload() {
        // RTY-12, EVT-6: news that ask for another load each time must not load it for ever.
        if pump.fruitless.load(Ordering::SeqCst) >= FRUITLESS {
            pump.fruitless.store(0, Ordering::SeqCst);
            return Err(senseless());
        }
        client.load_anew().await?;
        pump.fruitless.fetch_add(1, Ordering::SeqCst);
        return Ok(());
    }
    let position = client.position()?;
    let session = client.session_in_use();
    let name = client.api().identity();
    // A refresh may have overtaken the channel, or another session been opened.
    let stream = match channel {
        Some(stream) if stream.position() == position && *stream.identity() == name => stream,
        _ => channel.insert(client.api().events(position)),
    };
    match stream.next_batch().await {
        Ok(batch) => {
            if matches!(client.apply(position, &batch), Fate::Old | Fate::Behind) {
                // The channel believes what it was told; a fresh one asks where the tree is, and is answered at once.
                *channel = None;
            }
            Ok(())
        }
        Err(ChannelEnd::Reload) => {
            *channel = None;
            client.demand_reload();
            Ok(())
        }
        Err(end) => {
            *channel = None;
            // A service that ends every session at once would have us sign in for ever.
            if end == ChannelEnd::SessionEnded
                && !client.inner.pump.renewed.swap(true, Ordering::SeqCst)
                && client.renewed_after(end, session.as_ref()).await?
            {
                return Ok(());
            }
            Err(channel_error(end))
        }
    }
}

/// How often the tree is loaded for those who follow the news, a minute apart, without any of the news being understood.
const FRUITLESS: u32 = 3;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use mega_testserver::{Fault, TestServer};

    use super::*;
    use crate::Credentials;

    #[tokio::test]
    async fn rty_12_a_load_under_way_goes_on_for_who_comes_when_the_last_one_leaves() {
        let server = TestServer::start().await.unwrap();
        server.account("me@example.com", "secret").create();
        let mega = Client::builder()
            .origin(server.url())
            .verdict_delay(Duration::ZERO)
            .login(Credentials::new("me@example.com", "secret"))
            .await
            .unwrap();
        let loads = || {
            let journal = server.journal();
            let commands = journal.iter().flat_map(|entry| &entry.commands);
            commands.filter(|name| *name == "f").count()
        };
        let before = loads();
        server
            .faults()
            .add(Fault::command("f").delay(Duration::from_millis(200)));
        let mut first = Box::pin(mega.reload());
        while mega.inner.pump.last_load().is_none() {
            assert!(first.as_mut().now_or_never().is_none());
            tokio::task::yield_now().await;
        }
        drop(first);
        // The driver has not heard yet that there was nobody for a moment.
        let second = tokio::time::timeout(Duration::from_secs(30), mega.reloaded());
        second.await.expect("the load begins again").unwrap();
        assert_eq!(loads(), before + 1);
    }
}

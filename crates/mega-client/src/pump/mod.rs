//! Keeping the tree true: action packets flow from the event channel into it.
//!
//! Whoever waits for something is noted: a call for its own effect, a stream of changes for everything. As long as somebody is, one task drives
//! the channel for all of them; so it goes on even where the one who waits is not polled for a while. With the last of them the task ends.

mod driver;
mod past;
mod reload;
mod wants;

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use futures::stream::BoxStream;
use futures::{Stream, StreamExt};
use mega_protocol::events::{ChannelEnd, EventBatch};
use mega_protocol::transport::TransportError;
use mega_protocol::{EventStream, SequenceNumber, SequenceTag, SessionId, UserHandle};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, watch};
use tokio::time::Instant;

use self::driver::Driver;
use self::past::Past;
use self::wants::{Stopped, Wants};
use crate::Client;
use crate::change::Change;
use crate::client::Identity;
use crate::error::{Error, ErrorKind, Result};
use crate::tree::apply::Applier;
use crate::view::Inside;

/// The state around the event channel.
pub(crate) struct Pump {
    /// The channel itself, between two drivers.
    channel: std::sync::Mutex<Option<EventStream>>,
    /// Who waits.
    wants: Arc<Wants>,
    /// The highest tag that has been applied.
    applied: watch::Sender<Option<SequenceTag>>,
    /// Why the last driver stopped before its time.
    stopped: watch::Sender<Stopped>,
    /// How often the tree was loaded anew.
    loads: watch::Sender<u64>,
    /// When the tree was last loaded anew.
    last_load: std::sync::Mutex<Option<Instant>>,
    /// The tree must be loaded anew; no batch is applied until it has been.
    reload_wanted: AtomicBool,
    /// How often the tree was loaded anew since news were last understood.
    fruitless: AtomicU32,
    /// The session was renewed, and no news have come in its name yet.
    renewed: AtomicBool,
    /// Where the tree has been.
    past: Past,
}

impl Pump {
    pub(crate) fn new(tag: Option<SequenceTag>) -> Self {
        Self {
            channel: std::sync::Mutex::new(None),
            wants: Arc::default(),
            applied: watch::Sender::new(tag),
            stopped: Stopped::channel(),
            loads: watch::Sender::new(0),
            last_load: std::sync::Mutex::new(None),
            reload_wanted: AtomicBool::new(false),
            fruitless: AtomicU32::new(0),
            renewed: AtomicBool::new(false),
            past: Past::default(),
        }
    }

    fn has(&self, tag: &SequenceTag) -> bool {
        self.applied
            .borrow()
            .as_ref()
            .is_some_and(|applied| applied >= tag)
    }

    fn channel(&self) -> MutexGuard<'_, Option<EventStream>> {
        self.channel.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn last_load(&self) -> MutexGuard<'_, Option<Instant>> {
        self.last_load
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Set while the tree waits to be loaded anew.
    pub(crate) fn doubtful(&self) -> &AtomicBool {
        &self.reload_wanted
    }

    fn must_reload(&self) -> bool {
        self.reload_wanted.load(Ordering::SeqCst)
    }
}

/// Somebody who waits for news; a driver is there as long as this is held.
struct Waiting {
    client: Client,
    number: Option<u64>,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let pump = &self.client.inner.pump;
        pump.wants
            .remove(self.number, pump.applied.borrow().as_ref());
    }
}

/// What became of a batch.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// It is in the tree.
    Applied,
    /// The tree had moved on, or must be loaded anew; the batch was dropped.
    Overtaken,
    /// It is in the tree, but it ends before what was in there already (EVT-9): an old answer to somebody who stood elsewhere, perhaps. Its position is
    /// none that the tree has left, so it cannot be told from news for certain; what follows it will tell.
    Behind,
    /// It is one from before (EVT-9), and was dropped.
    Old,
}

/// Whether all packets with a tag come before what the tree has. Tags only grow (api-and-transfers 2.6).
fn is_behind(known: Option<&SequenceTag>, batch: &EventBatch) -> bool {
    let newest = batch
        .packets
        .iter()
        .filter_map(|packet| packet.tag.as_ref());
    newest.max().is_some_and(|newest| Some(newest) < known)
}

impl Client {
    /// Waits until the effect with this tag is in the tree. Without a tag (an older server) everything that is there is fetched.
    ///
    /// Cancel safety: nothing is lost; what was applied stays applied.
    pub(crate) async fn settle(&self, tag: Option<&SequenceTag>) -> Result<()> {
        let Some(tag) = tag else {
            return self.refreshed().await;
        };
        let pump = &self.inner.pump;
        let wait = self.until(Some(tag), || pump.has(tag));
        match tokio::time::timeout(self.options().settle_timeout, wait).await {
            Ok(result) => result,
            // EVT-4: the packet is lost; the tree itself will tell.
            Err(_) => {
                self.reload().await?;
                // That load may have begun before this effect was there.
                if pump.has(tag) {
                    Ok(())
                } else {
                    self.refreshed().await
                }
            }
        }
    }

    /// Waits for something that the driver brings about, and sees to it that there is one.
    async fn until(&self, tag: Option<&SequenceTag>, done: impl Fn() -> bool) -> Result<()> {
        let pump = &self.inner.pump;
        let (mut applied, mut loads) = (pump.applied.subscribe(), pump.loads.subscribe());
        let mut stopped = pump.stopped.subscribe();
        if done() {
            return Ok(());
        }
        let _waiting = self.wait(tag);
        loop {
            tokio::select! {
                biased;
                _ = applied.changed() => {}
                _ = loads.changed() => {}
                _ = stopped.changed() => {
                    if !done() {
                        return Err(stopped.borrow().error());
                    }
                }
            }
            if done() {
                return Ok(());
            }
        }
    }

    /// Notes that somebody waits, and starts a driver if there is none.
    fn wait(&self, tag: Option<&SequenceTag>) -> Waiting {
        let wants = &self.inner.pump.wants;
        let waiting = Waiting {
            client: self.clone(),
            number: wants.add(tag),
        };
        if let Some(seat) = wants.take_seat() {
            tokio::spawn(Driver::new(self.clone(), seat).run());
        }
        waiting
    }

    /// The position that the tree stands for.
    fn position(&self) -> Result<SequenceNumber> {
        self.with_tree(|tree, _| tree.position).ok_or_else(|| {
            Error::new(
                ErrorKind::Unsupported,
                "a link to a single file has no changes",
            )
        })
    }

    /// Whose events these are, and whether share keys come from elsewhere (KEY-8).
    fn whose(&self) -> (Option<UserHandle>, bool) {
        match &self.inner.identity {
            Identity::Account(account) => (Some(account.user), account.has_keys_attribute()),
            Identity::FolderLink { .. } | Identity::FileLink(_) => (None, true),
        }
    }

    /// Applies a batch that was asked for at position `base`, unless the tree has moved on since: then it is old news (EVT-9).
    fn apply(&self, base: SequenceNumber, batch: &EventBatch) -> Fate {
        let (me, keys_elsewhere) = self.whose();
        let pump = &self.inner.pump;
        let applied = self.with_tree_and_keyring_mut(|tree, keyring| {
            if tree.position != Some(base) || pump.must_reload() {
                return Err(Fate::Overtaken);
            }
            // Only of news about where the tree is now: whoever asked at the same time as others is overtaken by them, and told nothing false.
            if pump.past.is_old(base, batch) {
                if pump.past.too_many() {
                    self.demand_reload();
                }
                return Err(Fate::Old);
            }
            let behind = is_behind(tree.tag.as_ref(), batch);
            let mut applied = Applier {
                tree,
                keyring,
                me,
                keys_elsewhere,
            }
            .batch(batch);
            pump.past.leave(base, batch.position);
            if applied.reload {
                // With the tree still held: nothing is applied on top of it.
                self.demand_reload();
            }
            // Told with the tree still held, so that nobody hears of a later batch first. Nobody listening is no error.
            for change in std::mem::take(&mut applied.changes) {
                let _ = self.inner.changes.send(change);
            }
            if !applied.reload && !batch.more && !behind {
                let _ = self.inner.changes.send(Change::CaughtUp);
            }
            Ok((applied, behind))
        });
        let (applied, behind) = match applied {
            Ok(applied) => applied,
            Err(fate) => return fate,
        };
        if let (Some(version), Identity::Account(account)) =
            (applied.account_keys, &self.inner.identity)
        {
            account.told_of_keys(version);
        }
        if applied.reload {
            return Fate::Overtaken;
        }
        pump.renewed.store(false, Ordering::SeqCst);
        pump.fruitless.store(0, Ordering::SeqCst);
        if !batch.more {
            self.keep_soon();
        }
        // While more is to come, the last tag may have packets in it.
        let done = if batch.more {
            applied.complete
        } else {
            applied.tag.max(self.with_tree(|tree, _| tree.tag.clone()))
        };
        pump.applied.send_modify(|known| {
            if done > *known {
                *known = done;
            }
        });
        if behind { Fate::Behind } else { Fate::Applied }
    }

    /// Brings the tree up to date with what others did.
    ///
    /// # Errors
    ///
    /// [`SessionExpired`](ErrorKind::SessionExpired), or [`Timeout`](ErrorKind::Timeout) when the service cannot be reached, or does not come to the end of its
    /// news, within the [deadline](crate::ClientBuilder::deadline) (10 seconds at least), or [`Protocol`](ErrorKind::Protocol) when its news make no sense although the tree was loaded anew.
    ///
    /// Cancel safety: what was applied stays applied.
    pub async fn refresh(&self) -> Result<()> {
        let refreshed = self.refreshed().await;
        refreshed.map_err(|error| error.during("refresh"))
    }

    /// The same as a part of another call, whose name the errors get.
    pub(crate) async fn refreshed(&self) -> Result<()> {
        if matches!(self.inner.identity, Identity::FileLink(_)) {
            return Ok(());
        }
        let patience = self.options().deadline.max(LEAST_PATIENCE);
        // RTY-12: for all rounds together, since a service that always has more to tell would keep the caller here for ever.
        let mut until = Instant::now() + patience;
        let (mut renewed, mut reloads) = (false, 0);
        let left = self.left_to_the_tree();
        loop {
            let session = self.session_in_use();
            if self.inner.pump.must_reload() {
                // RTY-12, EVT-6: news that ask for another load each time would keep the caller here for ever.
                if reloads == RELOADS {
                    return Err(senseless());
                }
                reloads += 1;
                self.reloaded().await?;
                until = Instant::now() + patience;
            }
            // The first request of a fresh channel is answered at once; the driver's may be waiting for news.
            let base = self.position()?;
            let mut channel = self.api().events(base);
            let Ok(next) = tokio::time::timeout_at(until, channel.next_batch()).await else {
                let text = "the service did not come to the end of its news in time";
                return Err(Error::new(ErrorKind::Timeout, text));
            };
            match next {
                Ok(batch) => {
                    if self.apply(base, &batch) == Fate::Applied && !batch.more {
                        self.settle_by_the_tree(&left);
                        self.follow_account_keys().await;
                        return Ok(());
                    }
                }
                Err(ChannelEnd::Reload) => self.demand_reload(),
                Err(end) => {
                    if renewed || !self.renewed_after(end, session.as_ref()).await? {
                        return Err(channel_error(end));
                    }
                    renewed = true;
                }
            }
        }
    }

    /// Opens another session if the channel has ended with the present one, and the caller has given the means.
    async fn renewed_after(&self, end: ChannelEnd, session: Option<&SessionId>) -> Result<bool> {
        match (end, session) {
            (ChannelEnd::SessionEnded, Some(dead)) => self.renewed(dead).await,
            _ => Ok(false),
        }
    }

    /// Everything that happens from now on, own changes included, as a stream.
    ///
    /// In a [view](Self::view) what happens in its folder: what is moved out of it counts as removed, what is moved into it as added.
    ///
    /// From its first item on until it is dropped, the tree is kept up to date, whether or not the stream is polled meanwhile. It ends with an
    /// error when the session does, or the public link; and with [`Protocol`](ErrorKind::Protocol) when the news still make no sense after the tree was loaded
    /// anew three times, which takes some minutes. A reader that is more than 4,096 changes behind is told how many it [missed](Change::Missed).
    ///
    /// Cancel safety: dropping a future of the next item loses nothing.
    #[must_use = "a stream does nothing unless polled"]
    pub fn changes(&self) -> Changes {
        let news = self.inner.changes.subscribe();
        let state = Some((self.clone(), news, None, Inside::of(self)));
        let stream = futures::stream::unfold(state, |state| async move {
            let (client, mut news, waiting, mut inside) = state?;
            let waiting = waiting.unwrap_or_else(|| Follower::new(&client));
            loop {
                let change = match waiting.next(&mut news).await {
                    Ok(change) => change,
                    Err(error) => return Some((Err(error.during("watch changes")), None)),
                };
                let seen = match &mut inside {
                    Some(inside) => inside.filter(&client, change),
                    None => Some(change),
                };
                if let Some(change) = seen {
                    return Some((Ok(change), Some((client, news, Some(waiting), inside))));
                }
            }
        });
        Changes(stream.boxed())
    }
}

/// One stream of changes: it waits for everything.
struct Follower {
    waiting: Waiting,
    stopped: watch::Receiver<Stopped>,
}

impl Follower {
    fn new(client: &Client) -> Self {
        let stopped = client.inner.pump.stopped.subscribe();
        Self {
            waiting: client.wait(None),
            stopped,
        }
    }

    async fn next(&self, news: &mut broadcast::Receiver<Change>) -> Result<Change> {
        self.waiting.client.position()?;
        let mut stopped = self.stopped.clone();
        tokio::select! {
            biased;
            received = news.recv() => match received {
                Ok(change) => Ok(change),
                Err(RecvError::Lagged(missed)) => Ok(Change::Missed(missed)),
                // The client that is held here holds the sender.
                Err(RecvError::Closed) => Err(Error::new(ErrorKind::Cancelled, "the client is gone")),
            },
            _ = stopped.changed() => Err(stopped.borrow().error()),
        }
    }
}

/// How often one refresh has the tree loaded: once if need be, and once if it found a load under way.
const RELOADS: u32 = 2;

fn senseless() -> Error {
    let text = "the news make no sense, although the tree was loaded anew";
    Error::new(ErrorKind::Protocol, text)
}

/// The least time that a refresh waits for an answer.
pub(crate) const LEAST_PATIENCE: Duration = Duration::from_secs(10);

fn channel_error(end: ChannelEnd) -> Error {
    match end {
        ChannelEnd::SessionEnded => Error::new(ErrorKind::SessionExpired, "the session has ended"),
        ChannelEnd::LinkGone => Error::new(ErrorKind::NotFound, "the link has been removed"),
        ChannelEnd::Blocked => Error::new(ErrorKind::Blocked, "the account is blocked"),
        ChannelEnd::Refused(code) => Error::new(
            ErrorKind::Refused,
            format!("the service ended the event channel: {code}"),
        )
        .with_code(code),
        ChannelEnd::Transport(kind) => {
            mega_protocol::Error::Transport(TransportError::new(kind)).into()
        }
        _ => Error::new(ErrorKind::Protocol, "the event channel has ended"),
    }
}

/// A stream of [`Change`]s; see [`Client::changes`].
pub struct Changes(BoxStream<'static, Result<Change>>);

impl Stream for Changes {
    type Item = Result<Change>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_next_unpin(cx)
    }
}

impl std::fmt::Debug for Changes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Changes").finish_non_exhaustive()
    }
}

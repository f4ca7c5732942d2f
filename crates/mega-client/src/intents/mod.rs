//! The changes that are under way: noted before they leave, on disk where there is a folder for it, and settled by looking at the tree when nobody
//! is there any more who waits for them (threat model, RTY-7, RTY-8, PST-5, CAN-2).
//!
//! - [`evidence`]: what is kept of a change; [`judge`]: what a tree says of it;
//! - [`book`]: the changes of this client; [`log`]: the same on disk;
//! - [`change`]: what the caller sees.

mod book;
mod change;
mod evidence;
mod judge;
mod log;
#[cfg(test)]
mod tests;

use std::error::Error as StdError;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;

use mega_crypto::MasterKey;
use mega_protocol::{
    BoxFuture, EndedChange, Error as WireError, LeavingBatch, Outbox, RequestId, SentCommand,
    UserHandle,
};
use tokio::time::Instant;

use self::book::Book;
pub use self::change::{ChangeKind, PendingChange, SettledChange};
use self::evidence::{Reader, without_repetitions};
use self::judge::judge;
#[cfg(feature = "fuzzing")]
pub(crate) use self::log::check_frame;
use self::log::{LeftOver, Log};
use crate::cache::log::Owner;
use crate::client::Inner;
use crate::error::{Error, ErrorKind, Result};
use crate::{Client, blocking};

/// Between two tries when the disk fails or is full (DSK-1).
const AFTER_FAILURE: Duration = Duration::from_secs(60);

/// The changes of one client of an account.
pub(crate) struct Intents {
    client: OnceLock<Weak<Inner>>,
    book: Mutex<Book>,
    /// Held by whoever writes, on a thread where that is allowed. `None` where nothing is written.
    log: Arc<Mutex<Option<Log>>>,
    /// A change that cannot be noted on disk does not leave.
    required: bool,
    /// No write before this moment, since the last one failed.
    not_before: Mutex<Option<Instant>>,
    /// What clients that died have left behind.
    left_over: Mutex<Vec<LeftOver>>,
    has_left_over: AtomicBool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Intents {
    /// Opens the book of an account, with what was left behind in the folder, if there is one.
    pub(crate) async fn open(
        folder: Option<&Path>,
        master: &MasterKey,
        user: UserHandle,
        required: bool,
    ) -> Arc<Self> {
        let (log, left_over) = match folder {
            Some(folder) => {
                let folder = folder.to_owned();
                let owner = Owner {
                    master: MasterKey::from_bytes(*master.expose_secret()),
                    user,
                };
                let opened = blocking(move || {
                    let left = LeftOver::find(&owner, &folder);
                    Ok((Some(Log::new(owner, &folder)), left))
                });
                opened.await.unwrap_or_default()
            }
            None => (None, Vec::new()),
        };
        Arc::new(Self {
            client: OnceLock::new(),
            book: Mutex::default(),
            log: Arc::new(Mutex::new(log)),
            required,
            not_before: Mutex::default(),
            has_left_over: AtomicBool::new(!left_over.is_empty()),
            left_over: Mutex::new(left_over),
        })
    }

    /// From now on batches are noted.
    pub(crate) fn serve(&self, client: Weak<Inner>) {
        // A second client would be another one with the same account; each has its own.
        let _once = self.client.set(client);
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        lock(&self.book)
    }

    /// Enters a batch; the number is the one of its record. `None` if nothing in it is worth it.
    fn enter(&self, batch: &LeavingBatch) -> Option<u64> {
        let client = Client::of(self.client.get()?)?;
        let items = client.with_tree(|tree, _| {
            client
                .with_keyring(|keyring| Reader { tree, keyring }.batch(&batch.body, &batch.changes))
        });
        let sent = crate::chance::time_of_day();
        (!items.is_empty()).then(|| self.book().leave(batch.request, sent, items))
    }

    /// Enters a batch and writes it to disk. On a thread where that is allowed.
    fn enter_durably(&self, log: &Mutex<Option<Log>>, batch: &LeavingBatch) -> Result<()> {
        let Some(number) = self.enter(batch) else {
            return Ok(());
        };
        let mut log = lock(log);
        // Signed out: what there was is deleted.
        let Some(log) = log.as_mut() else {
            return Ok(());
        };
        let renewal = log.needs_renewal();
        let (frames, over) = {
            let mut book = self.book();
            let frames = if renewal {
                book.frames()
            } else {
                book.frame(number).into_iter().collect()
            };
            (frames, book.take_over())
        };
        let written = match &frames[..] {
            // It is over before it was noted: the last handle is gone.
            [] => Ok(()),
            [frame] if !renewal => log.leave(frame, &over),
            frames => log.renew(frames),
        };
        written.map_err(|error| {
            if self.required {
                self.book().strike(number);
            }
            // What is over is not noted as such: after a crash it is settled once more, and found done.
            not_noted(log.place(), error)
        })
    }

    async fn note(self: Arc<Self>, batch: LeavingBatch) -> Result<()> {
        let durable = lock(&self.log).is_some();
        let pausing = lock(&self.not_before).is_some_and(|moment| Instant::now() < moment);
        if !durable || (pausing && !self.required) {
            self.enter(&batch);
            return Ok(());
        }
        let own = Arc::clone(&self);
        let noted = blocking(move || own.enter_durably(&own.log, &batch)).await;
        match noted {
            Ok(()) => {
                *lock(&self.not_before) = None;
                Ok(())
            }
            Err(error) if self.required => Err(error),
            Err(error) => {
                tracing::warn!(kind = ?error.kind(), "changes cannot be noted on disk; they leave all the same");
                *lock(&self.not_before) = Some(Instant::now() + AFTER_FAILURE);
                Ok(())
            }
        }
    }

    /// When nothing is under way any more, the file says so by being empty.
    fn tidy(&self) {
        if !self.book().is_empty() {
            return;
        }
        // Whoever holds it is about to note the next batch.
        let Ok(mut log) = self.log.try_lock() else {
            return;
        };
        let Some(log) = log.as_mut() else {
            return;
        };
        let mut book = self.book();
        if book.is_empty() {
            drop(book.take_over());
            if let Err(error) = log.clear() {
                tracing::debug!(kind = ?error.kind(), "the list of open changes cannot be cut");
            }
        }
    }

    /// A call begins that waits for the effect of what it sends.
    fn call(self: &Arc<Self>) -> Call {
        Call {
            number: self.book().call(),
            intents: Arc::clone(self),
        }
    }

    /// Has whatever becomes of a command left to the tree, or to somebody who asks for it.
    fn leave_unknown(&self, sent: SentCommand) {
        self.book().leave_unknown(sent);
    }

    /// Looks at a tree that is up to date.
    fn settle_left_over(&self, client: &Client) {
        let left = std::mem::take(&mut *lock(&self.left_over));
        let all = left.iter().flat_map(|left| &left.batches);
        let all = all.flat_map(|batch| batch.items.iter().map(|item| (item, batch.sent)));
        let all = without_repetitions(all);
        let settled = client.with_tree(|tree, _| judge(tree, &all));
        for change in &settled {
            tracing::info!(change = ?change.change(), outcome = ?change.outcome(), "a change of a program that ended was settled");
        }
        self.book().tell(settled);
        for left in left {
            left.remove();
        }
        self.has_left_over.store(false, Ordering::SeqCst);
    }
}

impl Outbox for Handle {
    fn leaving(
        &self,
        batch: LeavingBatch,
    ) -> BoxFuture<'_, std::result::Result<(), Arc<dyn StdError + Send + Sync>>> {
        let intents = Arc::clone(&self.0);
        Box::pin(async move {
            let noted = intents.note(batch).await;
            noted.map_err(|error| Arc::new(error) as Arc<dyn StdError + Send + Sync>)
        })
    }

    fn ended(&self, request: RequestId, changes: &[EndedChange]) {
        self.0.book().ended(request, changes);
        self.0.tidy();
    }
}

/// What the lane knows of the book.
pub(crate) struct Handle(pub(crate) Arc<Intents>);

impl Drop for Intents {
    fn drop(&mut self) {
        if self.book().is_empty()
            && let Some(log) = lock(&self.log).as_mut()
            && let Err(error) = log.remove()
        {
            tracing::debug!(kind = ?error.kind(), "the empty list of open changes cannot be deleted");
        }
    }
}

/// The error for a change that was held back. Never the kind of a missing node: that says something about the change itself.
fn not_noted(path: &Path, error: std::io::Error) -> Error {
    let text = format!(
        "the change could not be noted in {}, so it was not sent",
        path.display()
    );
    let kind = match Error::io("", std::io::Error::from(error.kind())).kind() {
        ErrorKind::NoSpace => ErrorKind::NoSpace,
        _ => ErrorKind::Io,
    };
    Error::new(kind, text).caused_by(error)
}

/// A call that waits for the effect of what it sends. Changes that end meanwhile stay noted until it has returned.
pub(crate) struct Call {
    intents: Arc<Intents>,
    number: u64,
}

impl Drop for Call {
    fn drop(&mut self) {
        self.intents.book().returned(self.number);
        self.intents.tidy();
    }
}

/// Somebody finds out what became of a command. When that is dropped, nobody does any more.
pub(crate) struct Doubt {
    of: Option<(Arc<Intents>, SentCommand)>,
}

impl Doubt {
    /// What was found out, unless it is still unknown.
    pub(crate) fn end<T>(mut self, found: Result<T>) -> Result<T> {
        let unknown = matches!(&found, Err(error) if error.kind() == ErrorKind::OutcomeUnknown);
        if !unknown && let Some((intents, sent)) = self.of.take() {
            intents.book().known(sent);
            intents.tidy();
        }
        found
    }
}

impl Drop for Doubt {
    fn drop(&mut self) {
        if let Some((intents, sent)) = self.of.take() {
            intents.leave_unknown(sent);
        }
    }
}

/// The command that an error of unknown outcome is about.
pub(crate) fn unknown_command(error: &WireError) -> Option<SentCommand> {
    match error {
        WireError::OutcomeUnknown { request, .. } => Some(request.command()),
        // A repeated request may be refused because it was carried out before.
        WireError::Refused(refusal) if refusal.repeated => refusal.sent,
        _ => None,
    }
}

fn command_of(error: &Error) -> Option<SentCommand> {
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<WireError>() {
            return unknown_command(error);
        }
        cause = error.source();
    }
    None
}

impl Client {
    /// The changes of this account that have left, or were about to, and of which it is not known what became of them: those whose answers are
    /// still to come, also when their futures were dropped, and those that failed with [`OutcomeUnknown`](ErrorKind::OutcomeUnknown).
    ///
    /// What is unknown is settled by the next [`refresh`](Self::refresh) and moves to [`take_settled_changes`](Self::take_settled_changes). Public links and
    /// [views](Self::view) show none.
    #[must_use]
    pub fn pending_changes(&self) -> Vec<PendingChange> {
        let Some(intents) = self.whole_intents() else {
            return Vec::new();
        };
        let left = lock(&intents.left_over);
        let batches = left.iter().flat_map(|left| &left.batches);
        let left_over = batches.flat_map(|batch| batch.items.iter().map(|item| (item, batch.sent)));
        let book = intents.book();
        let all = without_repetitions(left_over.chain(book.pending()));
        all.into_iter()
            .map(|(item, sent)| item.shown(sent))
            .collect()
    }

    /// What became of changes whose callers never heard of it, each told once: their futures were dropped after they had left, they failed with
    /// [`OutcomeUnknown`](ErrorKind::OutcomeUnknown) and the tree has told since, or their program ended before they were answered.
    ///
    /// The last kind needs a [folder](crate::ClientBuilder::cache_dir) that both programs use. They are settled before
    /// [`login`](crate::ClientBuilder::login) and [`resume`](crate::ClientBuilder::resume) return, or, when the service could not be reached then, before the
    /// first change; so nothing is done twice by a program that asks here first.
    ///
    /// ```
    /// # async fn doc() -> Result<(), Box<dyn std::error::Error>> {
    /// # let server = mega_testserver::TestServer::start().await?;
    /// # server.account("me@example.com", "secret").create();
    /// # let login = mega_client::Credentials::new("me@example.com", "secret");
    /// # let mega = mega_client::Client::builder().origin(server.url()).login(login).await?;
    /// for settled in mega.take_settled_changes() {
    ///     println!("{:?} of {:?}: {:?}", settled.change().kind(), settled.change().path(), settled.outcome());
    /// }
    /// # Ok(()) }
    /// # tokio::runtime::Runtime::new().unwrap().block_on(doc()).unwrap();
    /// ```
    #[must_use = "each is told once"]
    pub fn take_settled_changes(&self) -> Vec<SettledChange> {
        self.whole_intents()
            .map_or_else(Vec::new, |intents| intents.book().take_settled())
    }

    fn whole_intents(&self) -> Option<&Arc<Intents>> {
        self.check_whole().ok()?;
        self.inner.intents.as_ref()
    }

    /// A change is about to be sent: what others left behind is settled first (RTY-8).
    pub(crate) async fn begin_change(&self) -> Result<Option<Call>> {
        let Some(intents) = &self.inner.intents else {
            return Ok(None);
        };
        if intents.has_left_over.load(Ordering::SeqCst) {
            self.refreshed().await?;
            intents.settle_left_over(self);
        }
        Ok(Some(intents.call()))
    }

    /// The tree has just been brought up to date, at the start.
    pub(crate) async fn settle_left_over(&self, is_current: bool) {
        let Some(intents) = &self.inner.intents else {
            return;
        };
        if !intents.has_left_over.load(Ordering::SeqCst) {
            return;
        }
        if !is_current && let Err(error) = self.refreshed().await {
            tracing::debug!(%error, "open changes are settled before the next one");
            return;
        }
        intents.settle_left_over(self);
    }

    /// The caller is about to be told that nobody knows what became of a command.
    pub(crate) fn is_unknown(&self, sent: Option<SentCommand>) {
        if let (Some(intents), Some(sent)) = (&self.inner.intents, sent) {
            intents.leave_unknown(sent);
        }
    }

    /// Takes it upon itself to find out what became of the command that an error is about.
    pub(crate) fn doubt(&self, error: &Error) -> Doubt {
        let of = self.inner.intents.clone().zip(command_of(error));
        if let Some((intents, sent)) = &of {
            intents.book().claim(*sent);
        }
        Doubt { of }
    }

    /// The changes that the next look at the tree settles, if it is a look at a tree that is brought up to date from now on.
    pub(crate) fn left_to_the_tree(&self) -> Vec<(u64, u32)> {
        let intents = self.inner.intents.as_ref();
        intents.map_or_else(Vec::new, |intents| intents.book().left())
    }

    /// The tree is up to date: it tells what became of them.
    pub(crate) fn settle_by_the_tree(&self, left: &[(u64, u32)]) {
        if let Some(intents) = self.inner.intents.as_ref().filter(|_| !left.is_empty()) {
            self.with_tree(|tree, _| {
                intents.book().settle(left, |items| judge(tree, items));
            });
            intents.tidy();
        }
    }

    /// Deletes what was noted; nothing is noted any more.
    pub(crate) async fn forget_intents(&self) {
        let Some(intents) = &self.inner.intents else {
            return;
        };
        let log = Arc::clone(&intents.log);
        let _ended = blocking(move || {
            if let Some(Err(error)) = lock(&log).take().map(|mut log| log.remove()) {
                tracing::warn!(kind = ?error.kind(), "the list of open changes cannot be deleted");
            }
            Ok(())
        })
        .await;
    }
}

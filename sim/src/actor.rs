//! One client at work: it changes its own folder, of which the model knows everything, and the shared one; it reads, makes links,
//! goes away in the middle and comes back.

mod local;

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use mega_client::{Client, ClientBuilder, Error, ErrorKind, SavedSession};
use tokio::task::JoinHandle;

use crate::cancel::after_polls;
use crate::content;
use crate::defect::Defect;
use crate::disk::Disk;
use crate::fault::Fault;
use crate::history::History;
use crate::rng::Rng;
use crate::shared::{SharedOp, Uploads};
use crate::view;
use crate::wire::Wire;
use crate::zone::{Op, Zone};

/// One client, and what it must see.
pub(crate) struct Actor {
    pub(crate) name: String,
    /// The folder that only this client changes.
    pub(crate) folder: String,
    pub(crate) wire: Arc<Wire>,
    /// None while the program is not running.
    client: Option<Client>,
    pub(crate) zone: Zone,
    builder: ClientBuilder,
    saved: SavedSession,
    rng: Rng,
    history: History,
    uploads: Uploads,
    defect: Option<Defect>,
    /// Whether calls are dropped in the middle. Not when the service forgets what it has done, too: nobody would be left to see that
    /// a folder was made twice.
    impatient: bool,
    next_file: u64,
    watcher: Option<JoinHandle<()>>,
    watches: bool,
    /// Clients without one keep nothing.
    disk: Option<Disk>,
}

type Work = Pin<Box<dyn Future<Output = Result<(), Error>> + Send>>;

/// How an operation ended, as its caller sees it.
enum Ended {
    Done,
    Failed(Error),
    Unknown,
}

impl Actor {
    #[expect(
        clippy::too_many_arguments,
        reason = "everything an actor is made of, once"
    )]
    pub(crate) fn new(
        number: u64,
        builder: ClientBuilder,
        client: Client,
        saved: SavedSession,
        wire: Arc<Wire>,
        mut rng: Rng,
        history: History,
        uploads: Uploads,
        defect: Option<Defect>,
        impatient: bool,
        disk: Option<Disk>,
    ) -> Self {
        let watches = rng.permille(300);
        let mut actor = Self {
            name: format!("c{number}"),
            folder: format!("/c{number}"),
            wire,
            client: Some(client),
            zone: Zone::default(),
            builder,
            saved,
            rng,
            history,
            uploads,
            defect,
            impatient,
            next_file: (number + 1) << 32,
            watcher: None,
            watches,
            disk,
        };
        actor.watch();
        actor
    }

    /// Does so many things, as long as nothing is wrong.
    pub(crate) async fn work(&mut self, steps: u64) {
        for _ in 0..steps {
            if !self.history.is_sound() {
                return;
            }
            let most = if self.disk.is_some() { 26 } else { 20 };
            match self.rng.below(most) {
                0..=9 => self.change().await,
                10 | 11 => self.change_two().await,
                12..=14 => self.change_shared().await,
                15 | 16 => self.read().await,
                17 => self.link().await,
                18 => self.look().await,
                19 => self.restart().await,
                20 | 21 => self.download().await,
                22 => self.download_folder().await,
                23 => self.upload_folder().await,
                _ => self.crash().await,
            }
            let pause = Duration::from_millis(self.rng.below(200));
            tokio::time::sleep(pause).await;
        }
    }

    /// Follows the changes in the background, as a program with a window would.
    fn watch(&mut self) {
        if !self.watches {
            return;
        }
        let client = self.client().clone();
        self.watcher = Some(tokio::spawn(async move {
            let mut changes = client.changes();
            while let Some(Ok(_)) = changes.next().await {}
        }));
    }

    /// Ends what runs in the background.
    pub(crate) async fn stop(&mut self) {
        if let Some(watcher) = self.watcher.take() {
            watcher.abort();
            // That it was aborted is what was wanted.
            let _aborted = watcher.await;
        }
    }

    #[expect(
        clippy::expect_used,
        reason = "only `come_back` takes it, and gives the run a new one or a violation"
    )]
    pub(crate) fn client(&self) -> &Client {
        self.client.as_ref().expect("a program that is running")
    }

    fn note(&self, line: impl AsRef<str>) {
        self.history
            .note(&self.name, self.without_place(line.as_ref()));
    }

    fn violation(&self, line: impl AsRef<str>) {
        self.history
            .violation(&self.name, self.without_place(line.as_ref()));
    }

    /// Where the temporary folder lies says nothing, and is another place each time.
    fn without_place(&self, text: &str) -> String {
        match &self.disk {
            Some(disk) => text.replace(&*disk.path().to_string_lossy(), ""),
            None => text.to_owned(),
        }
    }

    fn new_file(&mut self) -> content::FileId {
        self.next_file += 1;
        self.next_file
    }

    /// How long the next operation may take, in polls; and whether the network fails for all of it.
    fn circumstances(&mut self) -> Option<u64> {
        let cancel = self.rng.permille(80).then(|| self.rng.below(60));
        let cancel = cancel.filter(|_| self.impatient);
        if self.rng.permille(60) {
            let fault = Fault::outage(&mut self.rng);
            self.note(format!("  from now on, every request meets {fault:?}"));
            self.wire.outage(Some(fault));
        }
        cancel
    }

    fn draw(&mut self) -> Option<Op> {
        let mut id = self.new_file();
        if self.disk.is_some() && self.rng.permille(120) {
            id |= content::LARGE;
        }
        let client = self.client().clone();
        let folder = self.folder.clone();
        self.zone.draw(&mut self.rng, id, |path| {
            let found = client.find_all(&format!("{folder}{path}")).ok()?;
            found.first().map(mega_client::Node::handle)
        })
    }

    fn work_of(&self, op: &Op) -> Work {
        let client = self.client().clone();
        let full = |path: &str| format!("{}{path}", self.folder);
        match op {
            Op::Mkdir(path) => {
                let path = full(path);
                Box::pin(async move { client.create_dir(path).await.map(drop) })
            }
            Op::Upload(path, id) | Op::Replace(path, id) => self.upload(full(path), *id),
            Op::Rename(path, name) => {
                let (path, name) = (full(path), name.clone());
                Box::pin(async move { client.rename(path, name).await.map(drop) })
            }
            Op::Move(path, dir) => {
                let (path, dir) = (full(path), full(dir));
                Box::pin(async move { client.move_to(path, dir).await.map(drop) })
            }
            Op::MoveAndRename(path, dir, name) => {
                let (path, dir, name) = (full(path), full(dir), name.clone());
                Box::pin(async move { client.move_to(path, dir).rename(name).await.map(drop) })
            }
            Op::Delete(path) => {
                let path = full(path);
                Box::pin(async move { client.delete(path).await })
            }
            Op::Trash(path, _) => {
                let path = full(path);
                Box::pin(async move { client.trash(path).await.map(drop) })
            }
            Op::Restore(node) => {
                let node = *node;
                Box::pin(async move { client.restore(node).await.map(drop) })
            }
            Op::Copy(path, dir, name) => {
                let (path, dir, name) = (full(path), full(dir), name.clone());
                Box::pin(async move {
                    let copied = client.copy(path, dir).rename(name).await?;
                    copied.into_result().map(drop)
                })
            }
        }
    }

    fn ended(&self, result: Option<Result<(), Error>>) -> Ended {
        match result {
            None => {
                self.note("  is dropped in the middle");
                Ended::Unknown
            }
            Some(Ok(())) => Ended::Done,
            Some(Err(error)) => {
                self.note(format!("  {:?}: {error}", error.kind()));
                match error.kind() {
                    _ if self.defect == Some(Defect::SuccessAfterRetries) => Ended::Done,
                    ErrorKind::OutcomeUnknown => Ended::Unknown,
                    _ => Ended::Failed(error),
                }
            }
        }
    }

    /// A change of the own folder: done, not done, or unknown, as it says.
    async fn change(&mut self) {
        let Some(op) = self.draw() else {
            return;
        };
        self.perform(op).await;
    }

    async fn perform(&mut self, op: Op) {
        self.note(format!("{op:?}"));
        let polls = self.circumstances();
        let result = after_polls(polls, self.work_of(&op)).await;
        let ended = self.ended(result);
        self.wire.outage(None);
        self.take_over(&[(op, ended)]).await;
    }

    /// Two changes at once, neither of which can be in the way of the other.
    async fn change_two(&mut self) {
        let mut ops = Vec::new();
        for _ in 0..20 {
            if let Some(op @ (Op::Mkdir(_) | Op::Upload(..))) = self.draw() {
                let path = |op: &Op| match op {
                    Op::Mkdir(path) | Op::Upload(path, _) => path.clone(),
                    _ => String::new(),
                };
                if ops.iter().all(|other| path(other) != path(&op)) {
                    ops.push(op);
                }
            }
            if ops.len() == 2 {
                break;
            }
        }
        let [one, two] = ops.as_slice() else {
            return;
        };
        self.note(format!("{one:?} and {two:?}"));
        let polls = (self.circumstances(), self.circumstances());
        let both = futures::future::join(
            after_polls(polls.0, self.work_of(one)),
            after_polls(polls.1, self.work_of(two)),
        );
        let (first, second) = both.await;
        let ended = [
            (one.clone(), self.ended(first)),
            (two.clone(), self.ended(second)),
        ];
        self.wire.outage(None);
        self.take_over(&ended).await;
    }

    /// What the caller was told must be what happened.
    async fn take_over(&mut self, ended: &[(Op, Ended)]) {
        let mut possible = vec![self.zone.clone()];
        for (op, ended) in ended {
            possible = match ended {
                Ended::Done => possible.iter().map(|zone| zone.after(op)).collect(),
                Ended::Unknown => possible.iter().flat_map(|z| z.perhaps_after(op)).collect(),
                Ended::Failed(error) => {
                    // In a folder that nobody else changes only the network can be in the way: it may also change a part of an upload on
                    // its way, in the last of all attempts too, and then the storage host refuses it.
                    let uploads = matches!(op, Op::Upload(..) | Op::Replace(..));
                    let damaged = uploads && error.kind() == ErrorKind::Integrity;
                    let network = matches!(
                        error.kind(),
                        ErrorKind::Network | ErrorKind::Timeout | ErrorKind::RateLimited
                    );
                    if !network && !damaged {
                        self.violation(format!("{op:?} should be possible: {error:?}"));
                    }
                    possible
                }
            };
        }
        if let [zone] = possible.as_slice() {
            self.zone = zone.clone();
            // Own effects are visible when the call returns, without another look at the service.
            self.compare().await;
        } else {
            self.settle(&possible).await;
        }
    }

    /// Compares what the client shows with the model.
    pub(crate) async fn compare(&self) {
        match view::difference(self.client(), &self.folder, &self.zone).await {
            Ok(None) => {}
            Ok(Some(difference)) => self.violation(difference),
            Err(error) => self.violation(format!("cannot look: {error:?}")),
        }
    }

    /// Waits until nothing is under way any more, then finds out which of the possible states has come.
    async fn settle(&mut self, possible: &[Zone]) {
        self.catch_up().await;
        let mut differences = Vec::new();
        for zone in possible {
            match view::difference(self.client(), &self.folder, zone).await {
                Ok(None) => {
                    self.zone = zone.clone();
                    return;
                }
                Ok(Some(difference)) => differences.push(difference),
                Err(error) => differences.push(format!("{error:?}")),
            }
        }
        self.violation(format!("neither done nor not done: {differences:?}"));
    }

    /// Brings everything that is under way to its end, and the tree up to date.
    pub(crate) async fn catch_up(&mut self) {
        self.wire.calm(true);
        for _ in 0..100 {
            // It travels on the ordered channel, behind everything that was sent before.
            let arrived = self.client().sessions().await;
            if arrived.is_ok() && self.client().refresh().await.is_ok() {
                self.wire.calm(false);
                return;
            }
            tokio::time::sleep(Duration::from_secs(10)).await;
        }
        self.violation("the client does not recover, with nothing in its way");
        self.wire.calm(false);
    }

    async fn change_shared(&mut self) {
        let id = self.new_file();
        let client = self.client().clone();
        let Some(op) = SharedOp::draw(&client, &mut self.rng, id).await else {
            return;
        };
        self.note(format!("shared: {}", op.describe()));
        let polls = self.circumstances();
        let work = op.clone().execute(client);
        let result = after_polls(polls, Box::pin(work)).await;
        op.account(&self.uploads, result.as_ref());
        drop(self.ended(result));
        self.wire.outage(None);
    }

    /// What is read is what was written, or an error.
    async fn read(&mut self) {
        let Some((path, id)) = self.zone.any_file(&mut self.rng) else {
            return;
        };
        self.note(format!("read {path}"));
        let full = format!("{}{path}", self.folder);
        let unchecked = matches!(
            self.defect,
            Some(Defect::NoMacCheck | Defect::TruncatedAccepted)
        );
        let read = if unchecked && content::size(id) > 0 {
            let part = self.client().read(full).range(0..).await;
            part.map(mega_client::Unverified::into_bytes)
        } else {
            self.client().read(full).await
        };
        match read {
            Ok(bytes) if bytes == content::bytes(id) => {}
            Ok(_) => self.violation(format!("{path} is read, and has another content")),
            Err(error) => {
                self.note(format!("  {:?}: {error}", error.kind()));
                let tolerable = matches!(
                    error.kind(),
                    ErrorKind::Network
                        | ErrorKind::Timeout
                        | ErrorKind::RateLimited
                        | ErrorKind::Integrity
                );
                if !tolerable {
                    self.violation(format!("{path} should be readable: {error:?}"));
                }
            }
        }
    }

    /// A link shows the file to somebody without an account, until it is removed.
    async fn link(&mut self) {
        let Some((path, id)) = self.zone.any_file(&mut self.rng) else {
            return;
        };
        self.note(format!("link {path}"));
        let full = format!("{}{path}", self.folder);
        let link = match self.client().link(full.as_str()).await {
            Ok(link) => link,
            Err(error) => {
                self.note(format!("  {:?}: {error}", error.kind()));
                return;
            }
        };
        self.wire.calm(true);
        match self.builder.clone().open_link(link.url()).await {
            Ok(visitor) => {
                let files = visitor.list("/").await.unwrap_or_default();
                let read = match files.first() {
                    Some(file) => visitor.read(file).await.ok(),
                    None => None,
                };
                if read.is_none_or(|bytes| bytes != content::bytes(id)) {
                    self.violation(format!("the link of {path} leads to something else"));
                }
            }
            Err(error) => self.violation(format!("the link of {path} does not open: {error:?}")),
        }
        self.wire.calm(false);
        match self.client().remove_link(full.as_str()).await {
            Ok(()) => {
                self.wire.calm(true);
                if self.builder.clone().open_link(link.url()).await.is_ok() {
                    self.violation(format!("the link of {path} was removed, and opens"));
                }
                self.wire.calm(false);
            }
            Err(error) => self.note(format!("  {:?}: {error}", error.kind())),
        }
    }

    /// A refresh changes nothing that this client knows already.
    async fn look(&mut self) {
        self.note("refresh");
        if let Err(error) = self.client().refresh().await {
            self.note(format!("  {:?}: {error}", error.kind()));
        }
        self.compare().await;
    }

    /// The program ends, with something under way perhaps, and starts again from its saved session.
    async fn restart(&mut self) {
        let op = self.draw().filter(|_| self.impatient);
        self.note(format!("restart during {op:?}"));
        let polls = self.rng.below(60);
        let mut possible = vec![self.zone.clone()];
        if let Some(op) = op {
            let result = after_polls(Some(polls), self.work_of(&op)).await;
            match self.ended(result) {
                Ended::Done => possible = vec![self.zone.after(&op)],
                Ended::Unknown => possible = self.zone.perhaps_after(&op),
                Ended::Failed(_) => {}
            }
        }
        self.come_back(&possible).await;
    }
}

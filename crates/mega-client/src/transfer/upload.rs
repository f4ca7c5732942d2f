//! Uploading one file: read once, encrypted ahead, sent in parallel parts.

use std::future::IntoFuture;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use mega_protocol::ApiCode;

use super::BoxFuture;
use super::local::local_bytes;
use super::progress::{Meter, Progress};
use super::publish::{Folder, Spot, unix_time};
use super::same::{Known, copied, lies_there};
use super::send::send;
use super::source::{BoxedReader, Source};
use crate::error::{Error, ErrorKind, Result};
use crate::fs::{OnConflict, changed_meanwhile};
use crate::node::Node;
use crate::{Client, NodeHandle, Target};

impl Client {
    /// Uploads a local file.
    ///
    /// A path names the new file; one that ends with `/`, or the handle of a folder, names the folder it goes
    /// into, under its local name. Folders on the way that are missing are made. A file of that name
    /// stays as an older version, unless [`on_conflict`](Upload::on_conflict) says otherwise. The modification
    /// time is kept.
    ///
    /// The node appears when everything has arrived, or not at all. A file that changes while it is read
    /// is an error.
    ///
    /// ```
    /// # async fn doc() -> Result<(), Box<dyn std::error::Error>> {
    /// # let server = mega_testserver::TestServer::start().await?;
    /// # server.account("me@example.com", "secret").create();
    /// # let login = mega_client::Credentials::new("me@example.com", "secret");
    /// # let mega = mega_client::Client::builder().origin(server.url()).login(login).await?;
    /// # let folder = tempfile::tempdir()?;
    /// let local = folder.path().join("notes.txt");
    /// std::fs::write(&local, "buy milk")?;
    /// let node = mega.upload(&local, "/lists/notes.txt").await?;
    /// assert_eq!(node.size(), 8);
    /// assert_eq!(mega.read(&node).await?, "buy milk");
    /// # Ok(()) }
    /// # tokio::runtime::Runtime::new().unwrap().block_on(doc()).unwrap();
    /// ```
    pub fn upload(&self, local: impl AsRef<Path>, target: impl Into<Target>) -> Upload {
        Upload::new(
            self,
            Content::Path(local.as_ref().to_path_buf()),
            target.into(),
        )
    }
}

/// A content on its way to become a node; await it.
///
/// # Errors
///
/// [`SourceChanged`](crate::ErrorKind::SourceChanged) if the content changed while it was read, or has not the size
/// that was said; [`AlreadyExists`](crate::ErrorKind::AlreadyExists) and [`IsADirectory`](crate::ErrorKind::IsADirectory) if the name
/// is taken; [`NotADirectory`](crate::ErrorKind::NotADirectory) for a path below a file;
/// [`OverStorageQuota`](crate::ErrorKind::OverStorageQuota); [`Io`](crate::ErrorKind::Io); and those of the network. In all these
/// cases no node exists. [`OutcomeUnknown`](crate::ErrorKind::OutcomeUnknown) if nothing tells whether it does.
///
/// Cancel safety: when the future is dropped before the node is made, no node is made. While it is being
/// made, it may or may not appear.
#[must_use = "nothing happens until it is awaited"]
pub struct Upload {
    client: Client,
    content: Content,
    target: Target,
    progress: Progress,
    conflict: OnConflict,
    modified: Option<SystemTime>,
    skip_identical: bool,
    copy_identical: bool,
    journal: Option<PathBuf>,
    expects: Option<NodeHandle>,
}

/// How often an upload starts over since its completion token was refused.
pub(super) const TOKEN_REFUSALS: u32 = 2;

/// What is uploaded.
pub(crate) enum Content {
    Path(PathBuf),
    Bytes(bytes::Bytes),
    Reader(BoxedReader, Option<u64>),
}

impl Content {
    /// The name that it has here, if it is a local file.
    fn local_name(&self) -> Vec<u8> {
        match self {
            Self::Path(path) => path.file_name(),
            _ => None,
        }
        .map(|name| local_bytes(name).into_owned())
        .unwrap_or_default()
    }
}

impl Upload {
    pub(crate) fn new(client: &Client, content: Content, target: Target) -> Self {
        Self {
            client: client.clone(),
            content,
            target,
            progress: Progress::new(),
            conflict: OnConflict::Replace,
            modified: None,
            skip_identical: false,
            copy_identical: false,
            journal: None,
            expects: None,
        }
    }

    /// Shows how far it is, and lets somebody stop it. Once the node is being made it is too late to stop: then the call tells what became of it.
    pub fn progress(mut self, progress: &Progress) -> Self {
        self.progress = progress.clone();
        self
    }

    /// What to do if the name is taken. The default is [`OnConflict::Replace`]: the file that is there becomes an
    /// older version. With [`OnConflict::Update`] nothing is sent when the MAC over everything proves that it has this content already; what
    /// a reader will give is not known before it is read, so that always takes the place.
    pub fn on_conflict(mut self, rule: OnConflict) -> Self {
        self.conflict = rule;
        self
    }

    /// Sends nothing if the file that is there is the same as the local one: same size, same time, same MAC
    /// over everything. For local files only.
    pub fn skip_identical(mut self) -> Self {
        self.skip_identical = true;
        self
    }

    /// Looks first whether a file with the same content lies anywhere in the account; if so, the server makes a
    /// copy of it and nothing is sent. The same content is proven by the MAC over everything, for which the
    /// local file is read as far as there are candidates of its size. For local files only.
    pub fn copy_identical(mut self) -> Self {
        self.copy_identical = true;
        self
    }

    /// Writes down how far it is, in a file in this local folder, which is made for its owner only if need be. When the upload fails or its process dies, the
    /// same call goes on with what the storage hosts have, in this process or a later one. They keep
    /// it for about two days.
    ///
    /// The local file is read again from its start, and what was sent is sent again only if it is needed. If
    /// the file is another one by then, or the journal is damaged, the upload starts over. If the earlier
    /// run made the node after all, that node is the result. For local files only.
    ///
    /// The journal holds no key. It holds the address of the upload, which lets whoever reads it spoil the
    /// upload; only the user who made it can read it.
    ///
    /// ```
    /// # async fn doc() -> Result<(), Box<dyn std::error::Error>> {
    /// # let server = mega_testserver::TestServer::start().await?;
    /// # server.account("me@example.com", "secret").create();
    /// # let login = mega_client::Credentials::new("me@example.com", "secret");
    /// # let mega = mega_client::Client::builder().origin(server.url()).login(login).await?;
    /// # let folder = tempfile::tempdir()?;
    /// # let state = tempfile::tempdir()?;
    /// let local = folder.path().join("video.mp4");
    /// std::fs::write(&local, vec![7; 300_000])?;
    /// mega.upload(&local, "/video.mp4").resumable(state.path()).await?;
    /// assert_eq!(std::fs::read_dir(state.path())?.count(), 0, "nothing is left to resume");
    /// # Ok(()) }
    /// # tokio::runtime::Runtime::new().unwrap().block_on(doc()).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// [`Precondition`](crate::ErrorKind::Precondition) if the same upload is under way elsewhere,
    /// [`Misuse`](crate::ErrorKind::Misuse) if the content is no local file.
    pub fn resumable(mut self, folder: impl AsRef<Path>) -> Self {
        self.journal = Some(folder.as_ref().to_path_buf());
        self
    }

    /// Only if this is still the file of that name; else the call fails with [`Precondition`](crate::ErrorKind::Precondition) and no node is made. (Only if
    /// there is none: [`OnConflict::Fail`].) Decided against an up-to-date tree directly before the node is made; another program that replaces the file in that very moment
    /// loses nothing, since what it wrote becomes an older version.
    pub fn if_version(mut self, file: NodeHandle) -> Self {
        self.expects = Some(file);
        self
    }

    /// The modification time that the node gets, in whole seconds. The default is that of the local file, or
    /// now.
    pub fn modified(mut self, time: SystemTime) -> Self {
        self.modified = Some(time);
        self
    }

    /// How many bytes a reader gives. It has to be exactly so many. Without this they are counted first: up
    /// to 4 MiB in memory, more of them encrypted on disk.
    pub fn size(mut self, bytes: u64) -> Self {
        if let Content::Reader(_, size) = &mut self.content {
            *size = Some(bytes);
        }
        self
    }

    /// The same upload of what a reader gives.
    pub(crate) fn reading(mut self, reader: BoxedReader, size: Option<u64>) -> Self {
        self.content = Content::Reader(reader, size);
        self
    }

    /// What an error is about.
    pub(crate) fn shown(&self) -> String {
        match &self.content {
            Content::Path(path) => path.display().to_string(),
            _ => self.target.to_string(),
        }
    }

    /// Where it goes and by which rule, if all that can be told before it is sent allows it.
    pub(crate) fn check(&self) -> Result<(Spot, OnConflict)> {
        let (spot, rule) = self.aim()?;
        self.check_taken(&spot, rule)?;
        Ok((spot, rule))
    }

    /// Where it goes and by which rule, whatever lies there.
    fn aim(&self) -> Result<(Spot, OnConflict)> {
        let client = &self.client;
        client.check_writer()?;
        let spot = client.spot(&self.target, &self.content.local_name())?;
        if self
            .expects
            .is_some_and(|file| client.file_node(&file.into()).is_err())
        {
            return Err(changed_meanwhile());
        }
        // A file that the caller named itself is what gets replaced.
        let rule = if spot.replaces.is_some() {
            OnConflict::Replace
        } else {
            self.conflict
        };
        Ok((spot, rule))
    }

    fn check_taken(&self, spot: &Spot, rule: OnConflict) -> Result<()> {
        match spot.folder {
            Folder::Known(folder) => self.client.check_name(folder, &spot.name, rule),
            Folder::ToMake(_) => Ok(()),
        }
    }

    /// Everything but the making of the node ends as soon as somebody cancels. While that is under way it is too late: then the result says
    /// what became of it (P3).
    async fn run(self) -> Result<Node> {
        let progress = self.progress.clone();
        progress
            .unless_cancelled(std::future::ready(Ok(())))
            .await?;
        let (mut spot, rule) = self.aim()?;
        let taken = match self.check_taken(&spot, rule) {
            Err(error) if self.journal.is_none() => return Err(error),
            // An earlier run may have taken the name itself.
            taken => taken,
        };
        let Self {
            client,
            content,
            target,
            progress: _,
            conflict: _,
            modified,
            skip_identical,
            copy_identical,
            journal,
            expects,
        } = self;
        let local_path = match &content {
            Content::Path(path) => Some(path.clone()),
            _ => None,
        };
        if let (Folder::Known(folder), Ok(())) = (&spot.folder, &taken) {
            let there = client.children_named(*folder, &spot.name);
            let meant = |node: &Node| spot.replaces.is_none_or(|named| named == node.handle());
            let file = there.into_iter().find(|node| node.is_file() && meant(node));
            let known = (skip_identical || rule == OnConflict::Update)
                .then(|| Known::of(&content))
                .flatten();
            if let (Some(node), Some(known)) = (file, known)
                && progress
                    .unless_cancelled(lies_there(&client, known, &node, rule, modified))
                    .await?
            {
                if let (Some(journals), Some(path)) = (journal, local_path) {
                    let forgotten = client.forget_upload(journals, path, target.to_string());
                    forgotten.await;
                }
                progress.expect(1, node.size());
                progress.skip(node.size());
                progress.file_done();
                return Ok(node);
            }
        }
        if copy_identical
            && taken.is_ok()
            && expects.is_none()
            && let Some(path) = &local_path
            && let Some(node) = copied(&client, path, &spot, rule, modified, &progress).await?
        {
            if let Some(journals) = journal {
                let forgotten = client.forget_upload(journals, path.clone(), target.to_string());
                forgotten.await;
            }
            progress.expect(1, node.size());
            progress.skip(node.size());
            progress.file_done();
            return Ok(node);
        }
        let local_name = content.local_name();
        let opening = async {
            Ok(match content {
                Content::Path(path) => Source::open(path).await?,
                Content::Bytes(bytes) => Source::Memory(bytes),
                Content::Reader(reader, size) => Source::read(reader, size).await?,
            })
        };
        let mut source = progress.unless_cancelled(opening).await?;
        progress.expect(1, source.size());
        let modified = unix_time(modified.or(source.modified()));
        let meter = Meter::new(&progress);
        let (journal, resumed) = match journal {
            Some(folder) => {
                let Source::File(local) = &source else {
                    return Err(Error::misuse(
                        "only the upload of a local file is resumable",
                    ));
                };
                let open = client.upload_journal(folder, local.same(), target.to_string());
                let (journal, resumed) = progress.unless_cancelled(open).await?;
                (Some(journal), resumed)
            }
            None => (None, None),
        };
        if resumed.is_some() {
            // Whether that run has made the node can only be told by a tree that is up to date, and when nothing of it is under way any more.
            progress.unless_cancelled(client.catch_up()).await?;
            if let Folder::ToMake(_) = spot.folder {
                spot = client.spot(&target, &local_name)?;
            }
        }
        if let (Some(journal), Some(resumed), Folder::Known(folder)) =
            (&journal, &resumed, &spot.folder)
            && let Some(node) = client.made_before(*folder, resumed)
        {
            journal.remove();
            meter.complete(source.size());
            progress.file_done();
            return Ok(node);
        }
        if let Err(error) = taken {
            if let (Some(journal), None) = (&journal, &resumed) {
                journal.remove();
            }
            return Err(error);
        }
        let mut resumed = resumed;
        let mut refusals = 0;
        let node = loop {
            let sending = send(
                client.transfers(),
                &mut source,
                modified,
                &meter,
                journal.as_ref(),
                resumed.take(),
                None,
            );
            let sent = progress.unless_cancelled(sending).await?;
            let folder = progress.unless_cancelled(client.folder_of(&spot.folder));
            let folder = folder.await?;
            let mut file = sent.into_file(spot.name.clone());
            file.expects = expects;
            file.replaces = spot.replaces;
            let mut made = client
                .create_files(folder, vec![file], rule, &progress)
                .await;
            let node = made
                .pop()
                .unwrap_or_else(|| Err(Error::misuse("nothing was made")));
            if refusals == TOKEN_REFUSALS || !source.is_repeatable() || !token_refused(&node) {
                break meaningless_token(node);
            }
            refusals += 1;
            tracing::info!(
                "the completion token means nothing to the service; the upload starts over"
            );
            meter.restart();
        };
        if let Some(journal) = &journal {
            journal.settle(&node);
        }
        progress.file_done();
        node
    }
}

/// Whether the service does not know the completion token: storage hosts give some that mean nothing, and they expire. A folder that is gone is
/// no reason for this code, since the file is put into the rubbish bin then (api-and-transfers 5.4).
pub(super) fn token_refused(made: &Result<Node>) -> bool {
    made.as_ref()
        .is_err_and(|error| error.code() == Some(ApiCode::ENOENT))
}

/// The error for a token that is refused to the end. The service's code sounds as if a node were missing.
pub(super) fn meaningless_token(made: Result<Node>) -> Result<Node> {
    if !token_refused(&made) {
        return made;
    }
    made.map_err(|error| {
        let text = "the service does not know the completion token that the storage host gave for the content";
        Error::new(ErrorKind::Protocol, text)
            .with_code(ApiCode::ENOENT)
            .caused_by(error)
    })
}

impl IntoFuture for Upload {
    type Output = Result<Node>;
    type IntoFuture = BoxFuture<Result<Node>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let shown = self.shown();
            let done = self.run().await;
            if let Ok(node) = &done {
                tracing::debug!(node = %node.handle(), bytes = node.size(), "uploaded");
            }
            done.map_err(|error| error.about(shown).during("upload"))
        })
    }
}

impl std::fmt::Debug for Upload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Upload")
            .field("target", &self.target)
            .finish_non_exhaustive()
    }
}

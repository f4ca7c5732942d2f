//! Downloading one file: to a path, verified before it gets its name.

use std::future::IntoFuture;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::BoxFuture;
use super::existing::Existing;
use super::integrity::IntegrityPolicy;
use super::local::{LocalDir, blocking, local_error, split};
use super::progress::{Meter, Progress};
use super::receipt::Receipt;
use super::save::{Destination, Home, save};
use crate::error::Result;
use crate::node::time_from_unix;
use crate::{Client, Target};

impl Client {
    /// Downloads a file to a local path, which names the file, not the folder it goes to.
    ///
    /// The content is written under a random name beside the path and gets its own name only when its
    /// MAC has been verified. If anything fails, or the future is dropped, nothing is left behind, and
    /// what was at the path is untouched. The modification time is kept.
    ///
    /// ```
    /// # async fn doc() -> Result<(), Box<dyn std::error::Error>> {
    /// # let server = mega_testserver::TestServer::start().await?;
    /// # server.account("me@example.com", "secret").create();
    /// # let login = mega_client::Credentials::new("me@example.com", "secret");
    /// # let mega = mega_client::Client::builder().origin(server.url()).login(login).await?;
    /// # let folder = tempfile::tempdir()?;
    /// mega.write("/notes.txt", "buy milk").await?;
    /// let receipt = mega.download("/notes.txt", folder.path().join("copy.txt")).await?;
    /// assert_eq!(receipt.bytes(), 8);
    /// assert!(receipt.integrity().is_verified());
    /// # Ok(()) }
    /// # tokio::runtime::Runtime::new().unwrap().block_on(doc()).unwrap();
    /// ```
    pub fn download(&self, target: impl Into<Target>, local: impl AsRef<Path>) -> Download {
        Download {
            client: self.clone(),
            target: target.into(),
            local: local.as_ref().to_path_buf(),
            progress: Progress::new(),
            existing: Existing::default(),
            policy: IntegrityPolicy::default(),
            resumable: false,
        }
    }
}

/// A download to a path; await it.
///
/// # Errors
///
/// [`AlreadyExists`](crate::ErrorKind::AlreadyExists) if there is something at the path and nothing else
/// was chosen with [`on_existing`](Self::on_existing); [`Integrity`](crate::ErrorKind::Integrity) if the content
/// is not what was uploaded; [`Key`](crate::ErrorKind::Key) if the node has no usable key;
/// [`OverTransferQuota`](crate::ErrorKind::OverTransferQuota), which says how long to wait;
/// [`NoSpace`](crate::ErrorKind::NoSpace) if the disk is full, [`Io`](crate::ErrorKind::Io) if the file cannot be
/// written for another reason; and those of the network.
///
/// Cancel safety: when the future is dropped, nothing is left behind, unless it is
/// [`resumable`](Self::resumable).
#[derive(Debug)]
#[must_use = "nothing happens until it is awaited"]
pub struct Download {
    client: Client,
    target: Target,
    local: PathBuf,
    progress: Progress,
    existing: Existing,
    policy: IntegrityPolicy,
    resumable: bool,
}

impl Download {
    /// Shows how far it is, and lets somebody stop it.
    pub fn progress(mut self, progress: &Progress) -> Self {
        self.progress = progress.clone();
        self
    }

    /// What to do if there is something at the path already.
    pub fn on_existing(mut self, existing: Existing) -> Self {
        self.existing = existing;
        self
    }

    /// What is accepted besides an exact proof.
    pub fn integrity(mut self, policy: IntegrityPolicy) -> Self {
        self.policy = policy;
        self
    }

    /// Keeps what has arrived when the download fails, is cancelled or dropped, or its process dies: beside the
    /// path, as `.mega-*.part` with a `.mega-*.journal`. The same call goes on from there, in this process or a
    /// later one; every byte is read again and checked before it counts (threat model, DL-10). A
    /// journal that is damaged, or of another content, means to start over.
    ///
    /// What nobody comes back for is removed by the first folder download into that folder after two weeks.
    ///
    /// ```
    /// # async fn doc() -> Result<(), Box<dyn std::error::Error>> {
    /// # let server = mega_testserver::TestServer::start().await?;
    /// # server.account("me@example.com", "secret").create();
    /// # let login = mega_client::Credentials::new("me@example.com", "secret");
    /// # let mega = mega_client::Client::builder().origin(server.url()).login(login).await?;
    /// # let folder = tempfile::tempdir()?;
    /// mega.write("/video.mp4", vec![7; 300_000]).await?;
    /// let local = folder.path().join("video.mp4");
    /// let receipt = mega.download("/video.mp4", &local).resumable().await?;
    /// assert_eq!((receipt.bytes(), receipt.resumed_bytes()), (300_000, 0));
    /// # Ok(()) }
    /// # tokio::runtime::Runtime::new().unwrap().block_on(doc()).unwrap();
    /// ```
    pub fn resumable(mut self) -> Self {
        self.resumable = true;
        self
    }

    async fn run(&self) -> Result<Receipt> {
        let node = self.client.file_node(&self.target)?;
        let file = self.client.remote_file_of(&node)?;
        let (folder, name) = split(&self.local)?;
        let path = self.local.clone();
        let folder = blocking(move || {
            LocalDir::open(&folder)
                .map_err(|error| local_error("the local folder cannot be opened", &path, error))
        })
        .await??;
        let to = Destination {
            folder: Home::Open(Arc::new(folder)),
            name,
            path: self.local.clone(),
            existing: self.existing,
            modified: node.modified_unix().map(time_from_unix),
            looked: false,
            sync_folder: true,
            resumable: self.resumable,
        };
        self.progress.expect(1, file.size);
        let meter = Meter::new(&self.progress);
        let receipt = save(self.client.transfers(), &file, self.policy, to, &meter).await?;
        if receipt.was_there() {
            self.progress.skip(file.size);
        }
        self.progress.file_done();
        Ok(receipt)
    }
}

impl IntoFuture for Download {
    type Output = Result<Receipt>;
    type IntoFuture = BoxFuture<Result<Receipt>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let done = self.progress.unless_cancelled(self.run()).await;
            if let Ok(receipt) = &done {
                let (bytes, integrity) = (receipt.bytes(), receipt.integrity());
                tracing::debug!(bytes, %integrity, "downloaded");
            }
            done.map_err(|error| error.about(self.target.to_string()).during("download"))
        })
    }
}

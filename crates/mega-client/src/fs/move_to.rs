//! Another folder for a node, or for many.

use std::future::IntoFuture;

use futures::Stream;

use super::bulk::{Bulk, BulkCall};
use super::conflict::OnConflict;
use super::destination::Destination;
use super::relocate::Relocation;
use crate::builder::BoxFuture;
use crate::error::Result;
use crate::node::Node;
use crate::target::{Target, Want};
use crate::{Client, Progress};

impl Client {
    /// Moves a node into a folder, with everything below it; await it for the moved node.
    ///
    /// Handles, contents, times and versions stay as they are, and however large the folder is, it is one request. Where the target lies in
    /// a shared folder, the others are given the keys. A node whose key only a share holds gets an own copy of it before it leaves that share.
    ///
    /// # Errors
    ///
    /// [`NotFound`](crate::ErrorKind::NotFound); [`NotADirectory`](crate::ErrorKind::NotADirectory) when the target is a file;
    /// [`AlreadyExists`](crate::ErrorKind::AlreadyExists) when it has a node of that name and [`MoveTo::on_conflict`] allows nothing else;
    /// [`Misuse`](crate::ErrorKind::Misuse) when a folder should go into itself; [`AccessDenied`](crate::ErrorKind::AccessDenied) for roots and in
    /// read-only shares; [`Unsupported`](crate::ErrorKind::Unsupported) between the own drive and somebody else's folder: copy, then delete;
    /// [`Key`](crate::ErrorKind::Key) when the target is shared and a share key is unknown or nodes cannot be read.
    ///
    /// Cancel safety: once sent, the change takes effect; it is seen after the next refresh.
    ///
    /// ```
    /// # async fn doc() -> Result<(), Box<dyn std::error::Error>> {
    /// # let server = mega_testserver::TestServer::start().await?;
    /// # server.account("me@example.com", "secret").create();
    /// # let login = mega_client::Credentials::new("me@example.com", "secret");
    /// # let mega = mega_client::Client::builder().origin(server.url()).login(login).await?;
    /// mega.write("/inbox/letter.txt", "dear reader").await?;
    /// mega.create_dir("/archive").await?;
    /// let node = mega.move_to("/inbox/letter.txt", "/archive").rename("2026.txt").await?;
    /// assert_eq!(mega.path_of(&node).as_deref(), Some("/archive/2026.txt"));
    /// # Ok(()) }
    /// # tokio::runtime::Runtime::new().unwrap().block_on(doc()).unwrap();
    /// ```
    pub fn move_to(&self, target: impl Into<Target>, folder: impl Into<Target>) -> MoveTo {
        MoveTo {
            client: self.clone(),
            target: target.into(),
            to: Destination::new(folder.into()),
        }
    }

    /// Moves many nodes into one folder; await it for one result each. They travel together in few requests.
    ///
    /// Errors are those of [`move_to`](Self::move_to), one for each node that was not moved.
    ///
    /// ```
    /// # async fn doc() -> Result<(), Box<dyn std::error::Error>> {
    /// # let server = mega_testserver::TestServer::start().await?;
    /// # server.account("me@example.com", "secret").create();
    /// # let login = mega_client::Credentials::new("me@example.com", "secret");
    /// # let mega = mega_client::Client::builder().origin(server.url()).login(login).await?;
    /// mega.create_dirs(["/a", "/b", "/target"]).await.into_result()?;
    /// let moved = mega.move_all(["/a", "/b", "/c"], "/target").await;
    /// assert_eq!(moved.successes().count(), 2);
    /// let (target, error) = moved.failures().next().unwrap();
    /// assert_eq!((target.to_string().as_str(), error.kind()), ("/c", mega_client::ErrorKind::NotFound));
    /// # Ok(()) }
    /// # tokio::runtime::Runtime::new().unwrap().block_on(doc()).unwrap();
    /// ```
    pub fn move_all<T: Into<Target>>(
        &self,
        targets: impl IntoIterator<Item = T>,
        folder: impl Into<Target>,
    ) -> MoveAll {
        MoveAll {
            client: self.clone(),
            targets: targets.into_iter().map(Into::into).collect(),
            to: Destination::new(folder.into()),
            progress: Progress::new(),
        }
    }
}

/// A move; await it.
#[must_use = "nothing happens until it is awaited"]
#[derive(Clone, Debug)]
pub struct MoveTo {
    client: Client,
    target: Target,
    to: Destination,
}

impl MoveTo {
    /// Gives the node another name in the same step.
    pub fn rename(mut self, new_name: impl Into<String>) -> Self {
        self.to.name = Some(new_name.into());
        self
    }

    /// What to do when the folder has a node of that name already. With the policies that replace, the replaced node goes to the rubbish bin.
    pub fn on_conflict(mut self, rule: OnConflict) -> Self {
        self.to.rule = rule;
        self
    }

    async fn run(&self) -> Result<Node> {
        let node = self.client.handle_of(&self.target, Want::Any)?;
        let folder = self.to.folder(&self.client)?;
        let wanted = Relocation::to(node, folder, &self.to);
        self.client.relocate(&wanted).await
    }
}

impl IntoFuture for MoveTo {
    type Output = Result<Node>;
    type IntoFuture = BoxFuture<Result<Node>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            self.run()
                .await
                .map_err(|error| error.during("move").about(self.target.to_string()))
        })
    }
}

/// A move of many nodes; await it.
///
/// Cancel safety: what has been sent takes effect; it is seen after the next refresh. To stop and still be told what was done, use [`MoveAll::progress`].
#[must_use = "nothing happens until it is awaited"]
#[derive(Clone, Debug)]
pub struct MoveAll {
    client: Client,
    targets: Vec<Target>,
    to: Destination,
    progress: Progress,
}

impl MoveAll {
    /// What to do when the folder has a node of one of the names already.
    pub fn on_conflict(mut self, rule: OnConflict) -> Self {
        self.to.rule = rule;
        self
    }

    /// Shows how many [items](Progress::items_done) are done, and lets somebody stop it; see [`BulkCall::progress`].
    pub fn progress(mut self, progress: &Progress) -> Self {
        self.progress = progress.clone();
        self
    }

    /// Each item with its result as soon as that is known; see [`BulkCall::stream`].
    pub fn stream(self) -> impl Stream<Item = (Target, Result<Node>)> + Send + 'static {
        self.call().stream()
    }

    fn call(self) -> BulkCall<Node> {
        let Self {
            client,
            targets,
            to,
            progress,
        } = self;
        BulkCall::new(client.api().clone(), targets, move |target| {
            let (client, to) = (client.clone(), to.clone());
            MoveTo { client, target, to }.into_future()
        })
        .progress(&progress)
    }
}

impl IntoFuture for MoveAll {
    type Output = Bulk<Node>;
    type IntoFuture = BoxFuture<Bulk<Node>>;

    fn into_future(self) -> Self::IntoFuture {
        self.call().into_future()
    }
}

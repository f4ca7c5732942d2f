//! Copies on the server: nothing is downloaded or uploaded.

mod made;
mod plan;

use std::future::IntoFuture;

use mega_protocol::NodeHandle;
use mega_protocol::commands::NewNodeSource;

pub use self::made::Copied;
pub(super) use self::made::{Item, Plan};

use self::plan::Work;
use super::access::{check_container, check_ordinary, find};
use super::conflict::{Chosen, OnConflict};
use super::destination::Destination;
use super::name::Name;
use super::release::released_key;
use crate::builder::BoxFuture;
use crate::error::{Error, ErrorKind, Result};
use crate::target::{Target, Want};
use crate::tree::Tree;
use crate::{Client, Progress};

impl Client {
    /// Copies a node into a folder, with everything below it; await it for what was made. The server copies, so size does not matter.
    ///
    /// Copies of files share content and key with the original; copied folders get keys of their own. Older versions are not copied; an
    /// older version itself can be. What was noted for the way out of the rubbish bin is not copied either.
    ///
    /// A node that cannot be read is not copied, since nothing proves that its key is its own (threat model, KEY-6): the top of the copy fails, those
    /// below it are listed in [`Copied::withheld`].
    ///
    /// # Errors
    ///
    /// [`NotFound`](ErrorKind::NotFound); [`AlreadyExists`](ErrorKind::AlreadyExists) when the target has a node of that name and
    /// [`CopyTo::on_conflict`] allows nothing else; [`Misuse`](ErrorKind::Misuse) when a folder should be copied into itself; [`Key`](ErrorKind::Key);
    /// [`OverStorageQuota`](ErrorKind::OverStorageQuota); [`AccessDenied`](ErrorKind::AccessDenied).
    ///
    /// Cancel safety: a large tree is copied in several steps, and what was sent stays. [`CopyTo::merge`] continues such a copy.
    ///
    /// ```
    /// # async fn doc() -> Result<(), Box<dyn std::error::Error>> {
    /// # let server = mega_testserver::TestServer::start().await?;
    /// # server.account("me@example.com", "secret").create();
    /// # let login = mega_client::Credentials::new("me@example.com", "secret");
    /// # let mega = mega_client::Client::builder().origin(server.url()).login(login).await?;
    /// mega.write("/photos/2026/cat.jpg", vec![0xFF; 4096]).await?;
    /// let copied = mega.copy("/photos", "/").rename("backup").await?;
    /// assert_eq!((copied.files(), copied.folders()), (1, 2));
    /// assert_eq!(mega.read("/backup/2026/cat.jpg").await?.len(), 4096);
    /// # Ok(()) }
    /// # tokio::runtime::Runtime::new().unwrap().block_on(doc()).unwrap();
    /// ```
    pub fn copy(&self, target: impl Into<Target>, folder: impl Into<Target>) -> CopyTo {
        CopyTo {
            client: self.clone(),
            target: target.into(),
            to: Destination::new(folder.into()),
            merge: false,
            progress: Progress::new(),
        }
    }
}

/// A copy to be made; await it.
#[must_use = "nothing happens until it is awaited"]
#[derive(Debug)]
pub struct CopyTo {
    pub(super) client: Client,
    target: Target,
    pub(super) to: Destination,
    pub(super) merge: bool,
    progress: Progress,
}

impl CopyTo {
    /// Gives the copy another name.
    pub fn rename(mut self, new_name: impl Into<String>) -> Self {
        self.to.name = Some(new_name.into());
        self
    }

    /// What to do when the target has a node of that name already.
    pub fn on_conflict(mut self, rule: OnConflict) -> Self {
        self.to.rule = rule;
        self
    }

    /// Merges folders: what exists is entered instead of being a conflict, and files whose copy is there already are left alone. With this, an
    /// interrupted copy is continued without making anything twice. [`CopyTo::on_conflict`] then rules over different files of one name.
    pub fn merge(mut self) -> Self {
        self.merge = true;
        self
    }

    /// Counts the nodes that are made as [items](Progress::items_done), and lets somebody stop it; what was made by then stays, and
    /// [`merge`](Self::merge) goes on from there.
    pub fn progress(mut self, progress: &Progress) -> Self {
        self.progress = progress.clone();
        self
    }

    async fn run(&self) -> Result<Copied> {
        let client = &self.client;
        client.account()?;
        let source = client.handle_of(&self.target, Want::Any)?;
        let folder = self.to.folder(client)?;
        let name = client.with_tree(|tree, _| self.check(tree, source, folder))?;
        let _name = client
            .inner
            .fs
            .names
            .lock((folder, name.decoded.clone()))
            .await;
        client.catch_up().await?;
        let mut chosen = Chosen::new(client);
        let plan = client.with_tree(|tree, _| {
            let name = self.check(tree, source, folder)?;
            let mut work = Work::new(tree, self, &mut chosen);
            work.top(find(tree, source)?, find(tree, folder)?, &name)?;
            Ok::<_, Error>(work.plan)
        })?;
        let planned = |item: &Item| {
            client.with_tree(|tree, _| {
                item.planned(tree, tree, NewNodeSource::Copy(item.source), |_| {})
            })
        };
        plan.carry_out(client, folder, &self.progress, planned)
            .await
    }

    /// What is wrong in any case; the name of the copy.
    fn check(&self, tree: &Tree, source: NodeHandle, folder: NodeHandle) -> Result<Name> {
        let (index, target) = (find(tree, source)?, find(tree, folder)?);
        check_ordinary(tree, index)?;
        check_container(tree, target)?;
        if tree.is_within(target, index) {
            return Err(Error::misuse(
                "a folder cannot be copied into itself or into a folder below it",
            ));
        }
        if released_key(tree, index).is_none() {
            return Err(Error::new(
                ErrorKind::Key,
                "the node cannot be read, so its key must not be used for a copy",
            )
            .with_handles(vec![source]));
        }
        self.to.name_of(tree, source, tree.mask())
    }
}

impl IntoFuture for CopyTo {
    type Output = Result<Copied>;
    type IntoFuture = BoxFuture<Result<Copied>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            self.run()
                .await
                .map_err(|error| error.during("copy").about(self.target.to_string()))
        })
    }
}

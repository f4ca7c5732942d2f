//! The rubbish bin: taking nodes out of it.

use std::future::IntoFuture;

use mega_protocol::NodeHandle;

use super::access::find;
use super::attributes;
use super::bulk::BulkCall;
use super::conflict::OnConflict;
use super::destination::Destination;
use super::relocate::Relocation;
use crate::Client;
use crate::builder::BoxFuture;
use crate::error::{Error, ErrorKind, Result};
use crate::node::Node;
use crate::target::{Target, Want};

impl Client {
    /// Takes a node out of the rubbish bin, back to where it came from or [to another folder](Restore::to); await it for the node.
    ///
    /// Nodes in the bin have no path: name them by a handle or by the [`Node`] that [`trash`](Self::trash) gave or that a listing of
    /// [`rubbish_bin`](Self::rubbish_bin) shows.
    ///
    /// # Errors
    ///
    /// [`Misuse`](ErrorKind::Misuse) when it is not in the bin; [`NotFound`](ErrorKind::NotFound) when the folder it came from is gone or unknown:
    /// name another one; [`AlreadyExists`](ErrorKind::AlreadyExists) when something has its name by now and [`Restore::on_conflict`] allows nothing else.
    ///
    /// Cancel safety: once sent, the change takes effect; it is seen after the next refresh.
    ///
    /// ```
    /// # async fn doc() -> Result<(), Box<dyn std::error::Error>> {
    /// # let server = mega_testserver::TestServer::start().await?;
    /// # server.account("me@example.com", "secret").create();
    /// # let login = mega_client::Credentials::new("me@example.com", "secret");
    /// # let mega = mega_client::Client::builder().origin(server.url()).login(login).await?;
    /// mega.write("/notes/today.txt", "buy milk").await?;
    /// mega.trash("/notes").await?;
    /// for node in mega.list(mega.rubbish_bin()?).await? {
    ///     let node = mega.restore(node).await?;
    ///     assert_eq!(mega.path_of(&node).as_deref(), Some("/notes"));
    /// }
    /// # Ok(()) }
    /// # tokio::runtime::Runtime::new().unwrap().block_on(doc()).unwrap();
    /// ```
    pub fn restore(&self, target: impl Into<Target>) -> Restore {
        Restore {
            client: self.clone(),
            target: target.into(),
            to: Destination::new(None),
        }
    }

    /// Takes many nodes out of the rubbish bin, each back to where it came from; await it for one result each. They travel together in few requests,
    /// and one that cannot go back stops no other.
    ///
    /// Cancel safety: what has been sent takes effect; it is seen after the next refresh.
    ///
    /// ```
    /// # async fn doc() -> Result<(), Box<dyn std::error::Error>> {
    /// # let server = mega_testserver::TestServer::start().await?;
    /// # server.account("me@example.com", "secret").create();
    /// # let login = mega_client::Credentials::new("me@example.com", "secret");
    /// # let mega = mega_client::Client::builder().origin(server.url()).login(login).await?;
    /// # mega.create_dirs(["/a/x", "/b/y"]).await.into_result()?;
    /// mega.trash_all(["/a/x", "/b/y"]).await.into_result()?;
    /// let bin = mega.list(mega.rubbish_bin()?).await?;
    /// let back = mega.restore_all(bin).await.into_result()?;
    /// assert!(mega.exists("/a/x").await? && mega.exists("/b/y").await?);
    /// # assert_eq!(back.len(), 2);
    /// # Ok(()) }
    /// # tokio::runtime::Runtime::new().unwrap().block_on(doc()).unwrap();
    /// ```
    pub fn restore_all<T: Into<Target>>(
        &self,
        targets: impl IntoIterator<Item = T>,
    ) -> BulkCall<Node> {
        let client = self.clone();
        let targets = targets.into_iter().map(Into::into).collect();
        BulkCall::new(self.api().clone(), targets, move |target| {
            client.restore(target).into_future()
        })
    }
}

/// A restoration from the rubbish bin; await it.
#[must_use = "nothing happens until it is awaited"]
#[derive(Debug)]
pub struct Restore {
    client: Client,
    target: Target,
    to: Destination,
}

impl Restore {
    /// Into this folder, wherever it came from.
    pub fn to(mut self, folder: impl Into<Target>) -> Self {
        self.to.folder = Some(folder.into());
        self
    }

    /// What to do when the folder has a node of that name by now.
    pub fn on_conflict(mut self, rule: OnConflict) -> Self {
        self.to.rule = rule;
        self
    }

    async fn run(&self) -> Result<Node> {
        let node = self.client.handle_of(&self.target, Want::Any)?;
        let origin = self.client.origin_of(node)?;
        let folder = match self.to.named_folder(&self.client)?.or(origin) {
            Some(folder) => folder,
            // On its way out the note goes first. Somebody may be restoring it, or a call that was given up.
            None => {
                self.client.catch_up().await?;
                match self.client.origin_of(node) {
                    Ok(Some(folder)) => folder,
                    Ok(None) => {
                        return Err(Error::new(
                            ErrorKind::NotFound,
                            "the folder it came from is gone or was not noted; name one to restore it to",
                        ));
                    }
                    // It has left the bin meanwhile.
                    Err(_) => return self.client.node_of(node),
                }
            }
        };
        let wanted = Relocation::to(node, folder, &self.to);
        self.client.relocate(&wanted).await
    }
}

impl Client {
    /// The folder that a node in the bin came from, if it still is a place to be.
    fn origin_of(&self, node: NodeHandle) -> Result<Option<NodeHandle>> {
        self.with_tree(|tree, base| {
            let index = find(tree, node)?;
            let bin = tree.roots().rubbish;
            let in_bin = |at| bin.is_some_and(|bin| tree.is_within(at, bin));
            if !in_bin(index) || bin == Some(index) {
                return Err(Error::misuse("it is not in the rubbish bin"));
            }
            let noted = attributes::read(tree, index)
                .ok()
                .and_then(|known| known.restore_to());
            Ok(noted
                .map(|noted| NodeHandle::from_bytes(noted.to_bytes()))
                .filter(|&folder| {
                    tree.find(folder).is_some_and(|at| {
                        !in_bin(at)
                            && tree.in_view(at, base)
                            && tree
                                .record(at)
                                .is_some_and(|record| record.kind.is_folder())
                    })
                }))
        })
    }
}

impl IntoFuture for Restore {
    type Output = Result<Node>;
    type IntoFuture = BoxFuture<Result<Node>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            self.run()
                .await
                .map_err(|error| error.during("restore").about(self.target.to_string()))
        })
    }
}

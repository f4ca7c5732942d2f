//! Deleting for good.

use std::future::IntoFuture;
use std::time::{Duration, SystemTime};

use futures::future::{BoxFuture as Boxed, FutureExt, join_all};
use mega_protocol::NodeHandle;
use mega_protocol::commands::{DeleteNode, EmptyRubbish};

use super::access::{check_access, check_ordinary, find};
use super::bulk::BulkCall;
use crate::Client;
use crate::builder::BoxFuture;
use crate::error::{Error, ErrorKind, Result};
use crate::node::{AccessLevel, unix_from_time};
use crate::target::{Target, Want};

impl Client {
    /// Deletes a node **for good**, with everything below it and all its versions. [`trash`](Self::trash) can be undone, this cannot.
    ///
    /// A single older version is deleted with [`delete_version`](Self::delete_version). Deleting the root of an incoming share leaves the share.
    ///
    /// # Errors
    ///
    /// [`NotFound`](ErrorKind::NotFound), [`Ambiguous`](ErrorKind::Ambiguous), [`AccessDenied`](ErrorKind::AccessDenied) for roots and without full access
    /// in a share; [`Precondition`](ErrorKind::Precondition) when the path means another node by now than when this client last looked.
    ///
    /// Cancel safety: once sent, the node goes; it is seen after the next refresh.
    ///
    /// ```
    /// # async fn doc() -> Result<(), Box<dyn std::error::Error>> {
    /// # let server = mega_testserver::TestServer::start().await?;
    /// # server.account("me@example.com", "secret").create();
    /// # let login = mega_client::Credentials::new("me@example.com", "secret");
    /// # let mega = mega_client::Client::builder().origin(server.url()).login(login).await?;
    /// mega.write("/notes/today.txt", "buy milk").await?;
    /// mega.delete("/notes").await?;
    /// assert!(!mega.exists("/notes").await?);
    /// assert!(mega.list(mega.rubbish_bin()?).await?.is_empty());
    /// # Ok(()) }
    /// # tokio::runtime::Runtime::new().unwrap().block_on(doc()).unwrap();
    /// ```
    pub fn delete(&self, target: impl Into<Target>) -> Boxed<'static, Result<()>> {
        let (client, target) = (self.clone(), target.into());
        async move { client.delete_one(&target).await }.boxed()
    }

    /// Removes a node as the client was told to: into the rubbish bin, or for good with [`ClientBuilder::hard_delete`](crate::ClientBuilder::hard_delete). For
    /// programs that leave the choice to whoever sets them up; [`trash`](Self::trash) and [`delete`](Self::delete) say it themselves.
    ///
    /// # Errors
    ///
    /// As for [`trash`](Self::trash) and [`delete`](Self::delete).
    ///
    /// Cancel safety: once sent, the change takes effect; it is seen after the next refresh.
    pub fn remove(&self, target: impl Into<Target>) -> Boxed<'static, Result<()>> {
        let (client, target) = (self.clone(), target.into());
        async move {
            if client.options().hard_delete {
                client.delete(target).await
            } else {
                client.trash(target).await.map(drop)
            }
        }
        .boxed()
    }

    /// Deletes many nodes for good; await it for one result each. They travel together in few requests, and one that fails does not stop
    /// the others. Naming a folder and something below it is no error.
    pub fn delete_all<T: Into<Target>>(
        &self,
        targets: impl IntoIterator<Item = T>,
    ) -> BulkCall<()> {
        let client = self.clone();
        let targets = targets.into_iter().map(Into::into).collect();
        BulkCall::new(client.api().clone(), targets, move |target| {
            let client = client.clone();
            async move { client.delete_one(&target).await }
        })
    }

    /// Puts an empty folder into the rubbish bin, and refuses one that is not empty.
    ///
    /// It is not deleted for good, so that what another client puts into it in the same moment is not lost.
    ///
    /// # Errors
    ///
    /// [`NotEmpty`](ErrorKind::NotEmpty), with nothing changed; otherwise as for [`trash`](Self::trash).
    ///
    /// Cancel safety: once sent, the change takes effect; it is seen after the next refresh.
    ///
    /// ```
    /// # async fn doc() -> Result<(), Box<dyn std::error::Error>> {
    /// # let server = mega_testserver::TestServer::start().await?;
    /// # server.account("me@example.com", "secret").create();
    /// # let login = mega_client::Credentials::new("me@example.com", "secret");
    /// # let mega = mega_client::Client::builder().origin(server.url()).login(login).await?;
    /// mega.create_dir("/a/b").await?;
    /// assert_eq!(mega.remove_dir("/a").await.unwrap_err().kind(), mega_client::ErrorKind::NotEmpty);
    /// mega.remove_dir("/a/b").await?;
    /// mega.remove_dir("/a").await?;
    /// # Ok(()) }
    /// # tokio::runtime::Runtime::new().unwrap().block_on(doc()).unwrap();
    /// ```
    pub fn remove_dir(&self, target: impl Into<Target>) -> Boxed<'static, Result<()>> {
        let (client, target) = (self.clone(), target.into());
        async move {
            let removed = async {
                let folder = client.handle_of(&target, Want::Folder)?;
                client.check_empty(folder)?;
                client.catch_up().await?;
                client.check_empty(folder)?;
                client.bin(folder).await
            };
            removed
                .await
                .map_err(|error| error.during("remove folder").about(target.to_string()))
        }
        .boxed()
    }

    /// Deletes what lies in the rubbish bin, for good; await it for the number of nodes that were in it directly and are gone.
    ///
    /// ```
    /// # async fn doc() -> Result<(), Box<dyn std::error::Error>> {
    /// # let server = mega_testserver::TestServer::start().await?;
    /// # server.account("me@example.com", "secret").create();
    /// # let login = mega_client::Credentials::new("me@example.com", "secret");
    /// # let mega = mega_client::Client::builder().origin(server.url()).login(login).await?;
    /// mega.write("/notes/today.txt", "buy milk").await?;
    /// mega.trash("/notes").await?;
    /// assert_eq!(mega.empty_rubbish_bin().await?, 1);
    /// # Ok(()) }
    /// # tokio::runtime::Runtime::new().unwrap().block_on(doc()).unwrap();
    /// ```
    pub fn empty_rubbish_bin(&self) -> EmptyRubbishBin {
        EmptyRubbishBin {
            client: self.clone(),
            before: None,
        }
    }

    fn check_empty(&self, folder: NodeHandle) -> Result<()> {
        self.with_tree(|tree, _| {
            let index = find(tree, folder)?;
            match tree.children(index).count() {
                0 => Ok(()),
                count => Err(Error::new(
                    ErrorKind::NotEmpty,
                    format!("the folder is not empty: {count} nodes lie in it"),
                )),
            }
        })
    }

    async fn delete_one(&self, target: &Target) -> Result<()> {
        self.erase_target(target, Want::Any, false)
            .await
            .map_err(|error| error.during("delete").about(target.to_string()))
    }

    /// Deletes for good what the caller means. A path must mean the same node in an up-to-date tree as in the one that the caller has seen: another client may have given
    /// the name to something else, and nothing brings that back.
    pub(super) async fn erase_target(
        &self,
        target: &Target,
        want: Want,
        keep_versions: bool,
    ) -> Result<()> {
        self.account()?;
        let seen = self.handle_of(target, want)?;
        if matches!(target, Target::Path(_)) {
            self.check_not_top(seen)?;
            self.catch_up().await?;
            match self.handle_of(target, want) {
                Ok(now) if now == seen => {}
                Ok(now) => {
                    return Err(Error::new(
                        ErrorKind::Precondition,
                        "another client has put something else there; look at it, then delete it",
                    )
                    .with_handles(vec![seen, now]));
                }
                // It was there a moment ago, and is gone, as wanted.
                Err(error)
                    if error.kind() == ErrorKind::NotFound
                        && self.with_tree(|tree, _| tree.find(seen).is_none()) =>
                {
                    return Ok(());
                }
                Err(error) => return Err(error),
            }
        }
        self.erase(seen, keep_versions).await
    }

    /// Deletes a node for good; with `keep_versions` only this version of a file.
    pub(super) async fn erase(&self, node: NodeHandle, keep_versions: bool) -> Result<()> {
        self.account()?;
        self.check_not_top(node)?;
        self.with_tree(|tree, _| {
            let index = find(tree, node)?;
            check_ordinary(tree, index)?;
            // Leaving a share needs no right in it.
            if tree.share(index).is_none() {
                check_access(tree, index, AccessLevel::Full)?;
            }
            Ok::<_, Error>(())
        })?;
        let mut command = DeleteNode::new(node);
        command.keep_versions = keep_versions;
        match self
            .change_or_done(command, |tree| tree.find(node).is_none())
            .await
        {
            // It was there a moment ago: an earlier attempt, the deletion of a folder above, or somebody else has done it.
            Err(error) if error.kind() == ErrorKind::NotFound => {
                self.catch_up().await?;
                if self.with_tree(|tree, _| tree.find(node).is_none()) {
                    Ok(())
                } else {
                    Err(error)
                }
            }
            other => other,
        }
    }
}

/// Emptying the rubbish bin; await it.
///
/// Cancel safety: what has been sent takes effect; it is seen after the next refresh. All of the bin goes in one request; with an age each node has its own.
/// Repeat it for the rest.
#[must_use = "nothing happens until it is awaited"]
#[derive(Debug)]
pub struct EmptyRubbishBin {
    client: Client,
    before: Option<SystemTime>,
}

impl EmptyRubbishBin {
    /// Only what the service got before this moment: when the node was made, not when it was thrown away, which MEGA does not record.
    pub fn created_before(mut self, time: SystemTime) -> Self {
        self.before = Some(time);
        self
    }

    /// The same, counted back from now by this computer's clock.
    pub fn older_than(self, age: Duration) -> Self {
        self.created_before(
            crate::chance::time_of_day()
                .checked_sub(age)
                .unwrap_or(SystemTime::UNIX_EPOCH),
        )
    }

    async fn run(&self) -> Result<usize> {
        let client = &self.client;
        client.account()?;
        client.check_whole()?;
        client.catch_up().await?;
        let before = self.before.map(unix_from_time);
        let doomed: Vec<NodeHandle> = client.with_tree(|tree, _| {
            let bin = tree.roots().rubbish.ok_or_else(|| {
                Error::new(ErrorKind::Unsupported, "there is no rubbish bin here")
            })?;
            Ok::<_, Error>(
                tree.children(bin)
                    .filter_map(|index| tree.record(index))
                    .filter(|record| before.is_none_or(|before| record.created < before))
                    .map(|record| record.handle)
                    .collect(),
            )
        })?;
        if doomed.is_empty() {
            return Ok(0);
        }
        if before.is_none() {
            let all = |tree: &crate::tree::Tree| {
                tree.roots()
                    .rubbish
                    .is_none_or(|bin| tree.children(bin).next().is_none())
            };
            client.change_or_done(EmptyRubbish::new(), all).await?;
            return Ok(doomed.len());
        }
        let gone = join_all(doomed.iter().map(|&node| client.erase(node, false))).await;
        gone.into_iter().collect::<Result<Vec<()>>>()?;
        Ok(doomed.len())
    }
}

impl IntoFuture for EmptyRubbishBin {
    type Output = Result<usize>;
    type IntoFuture = BoxFuture<Result<usize>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            self.run()
                .await
                .map_err(|error| error.during("empty rubbish bin"))
        })
    }
}

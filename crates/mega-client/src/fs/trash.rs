//! The rubbish bin: putting nodes into it.

use futures::future::{BoxFuture, FutureExt};
use mega_protocol::NodeHandle;

use super::access::{check_no_version, check_ordinary, find};
use super::bulk::BulkCall;
use super::conflict::OnConflict;
use super::relocate::Relocation;
use crate::Client;
use crate::error::{Error, ErrorKind, Result};
use crate::node::Node;
use crate::target::{Target, Want};
use crate::tree::Tree;
use crate::tree::arena::Index;

impl Client {
    /// Puts a node into the rubbish bin, with everything below it, and gives it back as it lies there.
    ///
    /// Where it came from is noted with it, so that [`restore`](Self::restore) finds the way back. Public links and shares of the node and of what is
    /// below it end, as with official clients; so they do when it is [moved](Self::move_to) there.
    ///
    /// # Errors
    ///
    /// [`NotFound`](ErrorKind::NotFound), [`Ambiguous`](ErrorKind::Ambiguous); [`AccessDenied`](ErrorKind::AccessDenied) for roots;
    /// [`Unsupported`](ErrorKind::Unsupported) in somebody else's folder, whose nodes cannot come into our bin: [`delete`](Self::delete) them there.
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
    /// let trashed = mega.trash("/notes/today.txt").await?;
    /// assert!(!mega.exists("/notes/today.txt").await?);
    /// mega.restore(&trashed).await?;
    /// assert!(mega.exists("/notes/today.txt").await?);
    /// # Ok(()) }
    /// # tokio::runtime::Runtime::new().unwrap().block_on(doc()).unwrap();
    /// ```
    pub fn trash(&self, target: impl Into<Target>) -> BoxFuture<'static, Result<Node>> {
        let (client, target) = (self.clone(), target.into());
        async move { client.trash_one(&target).await }.boxed()
    }

    /// Puts many nodes into the rubbish bin; await it for one result each. They travel together in few requests.
    pub fn trash_all<T: Into<Target>>(
        &self,
        targets: impl IntoIterator<Item = T>,
    ) -> BulkCall<Node> {
        let client = self.clone();
        let targets = targets.into_iter().map(Into::into).collect();
        BulkCall::new(client.api().clone(), targets, move |target| {
            let client = client.clone();
            async move { client.trash_one(&target).await }
        })
    }

    async fn trash_one(&self, target: &Target) -> Result<Node> {
        let binned = async {
            let node = self.handle_of(target, Want::Any)?;
            self.bin(node).await?;
            self.node_of(node)
        };
        binned
            .await
            .map_err(|error| error.during("trash").about(target.to_string()))
    }

    /// Puts a node into the bin; nothing happens if it lies there.
    pub(super) fn bin(&self, node: NodeHandle) -> BoxFuture<'_, Result<()>> {
        // Boxed: replacing a node on the way of a move comes back here.
        async move {
            self.account()?;
            self.check_not_top(node)?;
            let bin = self.with_tree(|tree, _| bin_for(tree, find(tree, node)?))?;
            let Some(bin) = bin else {
                return Ok(());
            };
            let wanted = Relocation {
                node,
                folder: Some(bin),
                name: None,
                rule: OnConflict::Fail,
            };
            self.relocate(&wanted).await.map(drop)
        }
        .boxed()
    }
}

/// The bin that a node can be put into; none if it lies there.
pub(super) fn bin_for(tree: &Tree, index: Index) -> Result<Option<NodeHandle>> {
    check_ordinary(tree, index)?;
    check_no_version(tree, index)?;
    let bin = tree
        .roots()
        .rubbish
        .ok_or_else(|| Error::new(ErrorKind::Unsupported, "there is no rubbish bin here"))?;
    if tree.is_within(index, bin) {
        return Ok(None);
    }
    if tree.share_above(index).is_some() {
        return Err(Error::new(
            ErrorKind::Unsupported,
            "it lies in somebody else's folder and cannot come into our rubbish bin; delete it there",
        ));
    }
    Ok(tree.record(bin).map(|record| record.handle))
}

/// The error when something new has its place, and what it replaces could not be put into the bin. Both are there, so it must not look as if nothing had happened (P3).
pub(super) fn half_replaced(new: NodeHandle, old: NodeHandle, error: Error) -> Error {
    Error::new(
        ErrorKind::OutcomeUnknown,
        "the new one is there, but the one it replaces could not be put into the rubbish bin, so both have the name",
    )
    .with_handles(vec![new, old])
    .caused_by(error)
}

//! The public links that exist: listing and removing them.

use std::collections::BTreeSet;

use futures::future::{BoxFuture, FutureExt, join_all};
use mega_crypto::NodeKey;
use mega_crypto::link::PublicLink;
use mega_protocol::commands::RemoveLink;
use mega_protocol::{ApiCode, NodeHandle, OutgoingShareTarget};

use super::access::find;
use super::bulk::BulkCall;
use super::link::{Link, crypto};
use super::release::released_key;
use crate::Client;
use crate::error::{Error, ErrorKind, Result};
use crate::node::{LinkInfo, Node, NodeKind};
use crate::target::{Target, Want};
use crate::tree::Tree;

/// A node that has a public link.
#[derive(Clone, Debug)]
pub struct LinkedNode {
    node: Node,
    link: Option<Link>,
}

impl LinkedNode {
    /// The node.
    #[must_use]
    pub fn node(&self) -> &Node {
        &self.node
    }

    /// What the service knows of its link.
    #[must_use]
    pub fn info(&self) -> Option<LinkInfo> {
        self.node.link()
    }

    /// The link with its key; `None` when the key is not known here.
    #[must_use]
    pub fn link(&self) -> Option<&Link> {
        self.link.as_ref()
    }
}

impl Client {
    /// All public links of the account, with their keys. No request is made.
    ///
    /// ```
    /// # async fn doc() -> Result<(), Box<dyn std::error::Error>> {
    /// # let server = mega_testserver::TestServer::start().await?;
    /// # server.account("me@example.com", "secret").create();
    /// # let login = mega_client::Credentials::new("me@example.com", "secret");
    /// # let mega = mega_client::Client::builder().origin(server.url()).login(login).await?;
    /// mega.write("/hello.txt", "hello, world").await?;
    /// let link = mega.link("/hello.txt").await?;
    /// let all = mega.links();
    /// assert_eq!(all.len(), 1);
    /// assert_eq!(all[0].link().unwrap().url(), link.url());
    /// # Ok(()) }
    /// # tokio::runtime::Runtime::new().unwrap().block_on(doc()).unwrap();
    /// ```
    #[must_use]
    pub fn links(&self) -> Vec<LinkedNode> {
        self.with_tree(|tree, base| {
            let mut all: Vec<(NodeHandle, _)> = tree.links().collect();
            all.sort_by_key(|(node, record)| (record.created, *node));
            all.into_iter()
                .filter_map(|(handle, record)| {
                    let index = tree
                        .find(handle)
                        .filter(|&index| tree.in_view(index, base))?;
                    let public = match released_key(tree, index) {
                        Some(NodeKey::File(key)) => {
                            Some(PublicLink::file(crypto(record.public), key))
                        }
                        Some(NodeKey::Folder(_)) => self
                            .with_keyring(|keyring| keyring.share_key(handle).cloned())
                            .map(|key| PublicLink::folder(crypto(record.public), key)),
                        None => None,
                    };
                    let link = public.map(|public| Link::new(handle, public, record.expires));
                    Some(LinkedNode {
                        node: tree.node(index)?,
                        link,
                    })
                })
                .collect()
        })
    }

    /// Removes the public link of a node: from then on nobody can open it. A node without a link is no error.
    ///
    /// # Errors
    ///
    /// [`NotFound`](ErrorKind::NotFound) when there is no such node, [`AccessDenied`](ErrorKind::AccessDenied).
    ///
    /// Cancel safety: repeat it until it succeeds.
    ///
    /// ```
    /// # async fn doc() -> Result<(), Box<dyn std::error::Error>> {
    /// # let server = mega_testserver::TestServer::start().await?;
    /// # server.account("me@example.com", "secret").create();
    /// # let login = mega_client::Credentials::new("me@example.com", "secret");
    /// # let mega = mega_client::Client::builder().origin(server.url()).login(login).await?;
    /// mega.write("/hello.txt", "hello, world").await?;
    /// let link = mega.link("/hello.txt").await?;
    /// mega.remove_link("/hello.txt").await?;
    /// # let builder = mega_client::Client::builder().origin(server.url());
    /// assert!(builder.open_link(link.url()).await.is_err());
    /// # Ok(()) }
    /// # tokio::runtime::Runtime::new().unwrap().block_on(doc()).unwrap();
    /// ```
    pub fn remove_link(&self, target: impl Into<Target>) -> BoxFuture<'static, Result<()>> {
        let (client, target) = (self.clone(), target.into());
        async move { client.remove_link_of(&target).await }.boxed()
    }

    /// Removes many links; await it for one result each. They travel together in few requests.
    pub fn remove_links<T: Into<Target>>(
        &self,
        targets: impl IntoIterator<Item = T>,
    ) -> BulkCall<()> {
        let client = self.clone();
        let targets = targets.into_iter().map(Into::into).collect();
        BulkCall::new(client.api().clone(), targets, move |target| {
            let client = client.clone();
            async move { client.remove_link_of(&target).await }
        })
    }

    async fn remove_link_of(&self, target: &Target) -> Result<()> {
        let removed = async {
            self.account()?;
            let node = self.handle_of(target, Want::Any)?;
            // Another client may have made it a moment ago.
            if self.with_tree(|tree, _| tree.link(node).is_none()) {
                self.catch_up().await?;
            }
            self.unlink(node).await
        };
        removed
            .await
            .map_err(|error: Error| error.during("remove link").about(target.to_string()))
    }

    /// Removes the links of a node and of everything below it.
    pub(super) async fn remove_links_below(&self, top: NodeHandle) -> Result<()> {
        let linked: BTreeSet<NodeHandle> = self.with_tree(|tree, _| {
            let top = find(tree, top)?;
            let links = tree.links().map(|(node, _)| node);
            let shares = tree.people.shares();
            let open = shares.filter(|(_, target, _)| *target == OutgoingShareTarget::Everyone);
            let within = |node: &NodeHandle| {
                tree.find(*node)
                    .is_some_and(|index| tree.is_within(index, top))
            };
            let all = links.chain(open.map(|(node, ..)| node));
            Ok::<_, Error>(all.filter(within).collect())
        })?;
        let removed = join_all(linked.into_iter().map(|node| self.unlink(node))).await;
        removed.into_iter().collect()
    }

    /// First the link, then the share it stands on (SDK `MegaClient::exportnode`), with what others have put there. An earlier attempt may have come no further than
    /// to the first.
    async fn unlink(&self, node: NodeHandle) -> Result<()> {
        let (linked, folder) = self.with_tree(|tree, _| {
            let record = tree.find(node).and_then(|index| tree.record(index));
            let folder = record.is_some_and(|record| record.kind == NodeKind::Folder);
            (tree.link(node).is_some(), folder)
        });
        if linked {
            let removed = self.change_or_done(RemoveLink::new(node), |tree: &Tree| {
                tree.link(node).is_none()
            });
            self.gone(removed.await).await?;
        }
        let open = self.with_tree(|tree, _| tree.people.is_open(node));
        if open || (linked && folder) {
            self.end_share(node, OutgoingShareTarget::Everyone).await?;
        }
        Ok(())
    }

    /// What is gone already need not be removed. Who removed it has told us nothing yet, so that is asked for: the tree shows it when the call returns.
    async fn gone(&self, result: Result<()>) -> Result<()> {
        match result {
            Err(error)
                if error.code() == Some(ApiCode::ENOENT) || error.kind() == ErrorKind::NotFound =>
            {
                self.catch_up().await.map_err(Error::although_done)
            }
            other => other,
        }
    }
}

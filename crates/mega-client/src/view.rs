//! A client that sees one folder only.

use std::collections::HashSet;

use mega_protocol::NodeHandle;

use crate::Client;
use crate::change::Change;
use crate::error::{Error, ErrorKind, Result};
use crate::node::Node;
use crate::target::{Target, Want};
use crate::tree::Tree;
use crate::tree::arena::Index;

impl Client {
    /// The same client with a folder as its root: paths start there, and nothing outside can be named.
    ///
    /// A path cannot leave it, since `..` is refused; a handle of a node that lies elsewhere is [`NotFound`](ErrorKind::NotFound); the folder itself
    /// is the root now and can be neither renamed, moved nor deleted. [`changes`](Self::changes) tells of what happens below it only. What concerns the
    /// account as a whole (emptying the rubbish bin, deleting all versions) is [`Unsupported`](ErrorKind::Unsupported). The rubbish bin still takes what is
    /// trashed through a view; it is restored through the whole client.
    ///
    /// A view costs nothing: it shares the session, the tree and the limits. Any folder can be one, incoming shares and the rubbish bin included. The view follows
    /// its folder when somebody moves or renames it; when it is deleted, every call is [`NotFound`](ErrorKind::NotFound).
    ///
    /// It is a guard against mistakes, not against malice: whoever holds the `Client` that it was made from has all of it.
    ///
    /// # Errors
    ///
    /// [`NotFound`](ErrorKind::NotFound), [`NotADirectory`](ErrorKind::NotADirectory).
    ///
    /// ```
    /// # async fn doc() -> Result<(), Box<dyn std::error::Error>> {
    /// # let server = mega_testserver::TestServer::start().await?;
    /// # server.account("me@example.com", "secret").create();
    /// # let login = mega_client::Credentials::new("me@example.com", "secret");
    /// # let mega = mega_client::Client::builder().origin(server.url()).login(login).await?;
    /// mega.create_dir("/backup/laptop").await?;
    /// let laptop = mega.view("/backup/laptop")?;
    /// let node = laptop.write("/notes.txt", "buy milk").await?;
    /// assert_eq!(laptop.path_of(&node).as_deref(), Some("/notes.txt"));
    /// assert_eq!(mega.path_of(&node).as_deref(), Some("/backup/laptop/notes.txt"));
    /// assert!(laptop.delete(mega.stat("/backup").await?).await.is_err());
    /// # Ok(()) }
    /// # tokio::runtime::Runtime::new().unwrap().block_on(doc()).unwrap();
    /// ```
    pub fn view(&self, folder: impl Into<Target>) -> Result<Self> {
        let folder = folder.into();
        let top = self
            .handle_of(&folder, Want::Folder)
            .map_err(|error| error.during("view").about(folder.to_string()))?;
        Ok(Self {
            inner: std::sync::Arc::clone(&self.inner),
            top: Some(top),
        })
    }

    /// Refuses, in a view, what concerns the whole account.
    pub(crate) fn check_whole(&self) -> Result<()> {
        match self.top {
            None => Ok(()),
            Some(_) => Err(Error::new(
                ErrorKind::Unsupported,
                "this concerns the whole account, and the client is a view of one folder",
            )),
        }
    }

    /// Refuses to move, rename or delete the folder that a view is of (DR-4, DR-5).
    pub(crate) fn check_not_top(&self, node: NodeHandle) -> Result<()> {
        if self.top == Some(node) {
            return Err(Error::new(
                ErrorKind::AccessDenied,
                "it is the root of this view and cannot be changed through it",
            ));
        }
        Ok(())
    }
}

/// Where the paths of a client begin, and whether it is the whole client or a view.
#[derive(Clone, Copy)]
pub(crate) struct Base {
    pub(crate) index: Index,
    pub(crate) whole: bool,
}

impl Tree {
    /// Whether a node may be named by a client with this base: in the whole client every node, in a view what lies in its folder.
    pub(crate) fn in_view(&self, index: Index, base: Base) -> bool {
        base.whole || self.is_within(index, base.index)
    }
}

/// What a view has seen of its folder, to tell which changes concern it.
#[derive(Debug, Default)]
pub(crate) struct Inside(HashSet<NodeHandle>);

impl Inside {
    /// Everything that lies in the view now; `None` for the whole client, which every change concerns.
    pub(crate) fn of(client: &Client) -> Option<Self> {
        client.top?;
        let mut inside = Self::default();
        inside.look(client);
        Some(inside)
    }

    fn look(&mut self, client: &Client) {
        self.0 = client.with_tree(|tree, base| handles_below(tree, base.index).collect());
    }

    /// The change as the view sees it, if it does.
    pub(crate) fn filter(&mut self, client: &Client, change: Change) -> Option<Change> {
        match change {
            Change::Added(node) => {
                self.enters(client, &node)?;
                Some(Change::Added(node))
            }
            Change::Moved { node, from } => {
                let was_here = self.0.contains(&node.handle());
                match (was_here, self.enters(client, &node)) {
                    (true, Some(())) => Some(Change::Moved { node, from }),
                    (false, Some(())) => Some(Change::Added(node)),
                    (true, None) => self.leaves(client, node.handle()),
                    (false, None) => None,
                }
            }
            Change::Removed(handle) => self.leaves(client, handle),
            Change::Updated(node) => self
                .0
                .contains(&node.handle())
                .then_some(Change::Updated(node)),
            Change::LinkMade(node) => self
                .0
                .contains(&node.handle())
                .then_some(Change::LinkMade(node)),
            Change::LinkRemoved(handle) => self
                .0
                .contains(&handle)
                .then_some(Change::LinkRemoved(handle)),
            Change::SplicedKey { node, .. } => self.0.contains(&node).then_some(change),
            Change::Account | Change::Contacts => None,
            Change::Reloaded | Change::Missed(_) => {
                self.look(client);
                Some(change)
            }
            Change::CaughtUp => Some(change),
        }
    }

    /// Notes that a node came into the view, with what is below it; `None` if it did not. The change itself says where, since the tree may be
    /// further on already.
    fn enters(&mut self, client: &Client, node: &Node) -> Option<()> {
        if !node.parent().is_some_and(|parent| self.0.contains(&parent)) {
            return None;
        }
        self.0.insert(node.handle());
        client.with_tree(|tree, _| {
            if let Some(index) = tree.find(node.handle()) {
                self.0.extend(handles_below(tree, index));
            }
        });
        Some(())
    }

    /// Notes that a node does not lie in the view any more. What is below it and still known elsewhere is forgotten too.
    fn leaves(&mut self, client: &Client, node: NodeHandle) -> Option<Change> {
        if !self.0.remove(&node) {
            return None;
        }
        client.with_tree(|tree, _| {
            if let Some(index) = tree.find(node) {
                for below in handles_below(tree, index) {
                    self.0.remove(&below);
                }
            }
        });
        Some(Change::Removed(node))
    }
}

fn handles_below(tree: &Tree, index: Index) -> impl Iterator<Item = NodeHandle> + '_ {
    tree.walk(index)
        .filter_map(|step| tree.record(step.index).map(|record| record.handle))
}

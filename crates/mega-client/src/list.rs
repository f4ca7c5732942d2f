//! Looking at the tree: stat, list, walk. No request is made; the tree is already here.

use std::future::{Future, IntoFuture, Ready, ready};

use futures::{Stream, StreamExt};
use mega_protocol::NodeHandle;

use crate::Client;
use crate::by_path::by_path;
use crate::error::{Error, Result};
use crate::node::{Node, NodeKind};
use crate::sort::{SortBy, SortOrder};
use crate::target::{Duplicates, Target, Want};
use crate::tree::Tree;
use crate::tree::arena::Index;
use crate::view::Base;

impl Client {
    /// Looks at one node: kind, size, times, name, handle.
    ///
    /// # Errors
    ///
    /// [`NotFound`](crate::ErrorKind::NotFound); [`Ambiguous`](crate::ErrorKind::Ambiguous) when several nodes have the path and the client's
    /// [`Duplicates`] policy refuses to choose.
    ///
    /// ```
    /// # async fn doc() -> Result<(), Box<dyn std::error::Error>> {
    /// # let server = mega_testserver::TestServer::start().await?;
    /// # server.account("me@example.com", "secret").create();
    /// # let login = mega_client::Credentials::new("me@example.com", "secret");
    /// # let mega = mega_client::Client::builder().origin(server.url()).login(login).await?;
    /// mega.write("/notes/today.txt", "buy milk").await?;
    /// let node = mega.stat("/notes/today.txt").await?;
    /// assert_eq!((node.name(), node.size()), ("today.txt", 8));
    /// # Ok(()) }
    /// # tokio::runtime::Runtime::new().unwrap().block_on(doc()).unwrap();
    /// ```
    pub fn stat(&self, target: impl Into<Target>) -> Stat {
        Stat {
            client: self.clone(),
            target: target.into(),
            want: Want::Any,
            duplicates: None,
        }
    }

    /// Whether something answers to the target.
    pub fn exists(&self, target: impl Into<Target>) -> Ready<Result<bool>> {
        let target = target.into();
        let found = self.with_tree(|tree, base| {
            tree.resolve(base, &target, Want::Any, Duplicates::First)
                .map(|_| true)
        });
        ready(match found {
            Err(error) if error.kind() == crate::ErrorKind::NotFound => Ok(false),
            other => other.map_err(|error| error.during("exists").about(target.to_string())),
        })
    }

    /// Lists a folder: one level, or with [`List::recursive`] everything below it.
    ///
    /// Two nodes of one name are both there, each with its handle. Nodes that cannot be decrypted are there too, see [`Node::trouble`].
    /// The listing is a snapshot: changes that arrive meanwhile do not tear it.
    pub fn list(&self, target: impl Into<Target>) -> List {
        List {
            client: self.clone(),
            target: target.into(),
            recursive: false,
            order: None,
            together: false,
            after: None,
            kind: None,
        }
    }

    /// The path of a node below the client's root; `None` when it does not lie below it (in the rubbish bin, for example).
    #[must_use]
    pub fn path_of(&self, node: &Node) -> Option<String> {
        self.path_of_handle(node.handle())
    }

    /// The path of the node with this handle below the client's root.
    #[must_use]
    pub fn path_of_handle(&self, handle: NodeHandle) -> Option<String> {
        self.with_tree(|tree, base| {
            let index = tree.find(handle)?;
            tree.path_of(index, base.index)
                .map(|path| format!("/{path}"))
        })
    }

    /// All nodes that answer to a path, duplicates included; empty when there is none.
    ///
    /// # Errors
    ///
    /// [`Misuse`](crate::ErrorKind::Misuse) for a path with `..` in it.
    pub fn find_all(&self, path: &str) -> Result<Vec<Node>> {
        let parts = crate::tree::path::PathParts::parse(path)
            .map_err(|error| error.during("find").about(path))?;
        Ok(self.with_tree(|tree, base| {
            tree.lookup(base.index, &parts)
                .into_iter()
                .filter_map(|index| tree.node(index))
                .collect()
        }))
    }

    /// The older versions of a file, newest first; the file itself is not among them.
    ///
    /// # Errors
    ///
    /// [`NotFound`](crate::ErrorKind::NotFound), [`IsADirectory`](crate::ErrorKind::IsADirectory).
    pub fn versions(&self, target: impl Into<Target>) -> Ready<Result<Vec<Node>>> {
        let target = target.into();
        let found = self.with_tree(|tree, base| {
            let index = tree.resolve(base, &target, Want::File, self.options().duplicates)?;
            Ok(tree
                .walk(index)
                .skip(1)
                .filter_map(|step| tree.node(step.index))
                .collect())
        });
        ready(
            found.map_err(|error: crate::Error| error.during("versions").about(target.to_string())),
        )
    }
}

/// A look at one node; await it.
///
/// Cancel safe: nothing is changed, and no request is made.
#[must_use = "nothing happens until it is awaited"]
#[derive(Debug)]
pub struct Stat {
    client: Client,
    target: Target,
    want: Want,
    duplicates: Option<Duplicates>,
}

impl Stat {
    /// Only a file will do; where a folder shares its name, the file is meant.
    pub fn file(mut self) -> Self {
        self.want = Want::File;
        self
    }

    /// Only a folder will do.
    pub fn folder(mut self) -> Self {
        self.want = Want::Folder;
        self
    }

    /// Which node is meant when several have the path.
    pub fn duplicates(mut self, rule: Duplicates) -> Self {
        self.duplicates = Some(rule);
        self
    }
}

impl IntoFuture for Stat {
    type Output = Result<Node>;
    type IntoFuture = Ready<Result<Node>>;

    fn into_future(self) -> Self::IntoFuture {
        let rule = self.duplicates.unwrap_or(self.client.options().duplicates);
        ready(self.client.with_tree(|tree, base| {
            let index = tree
                .resolve(base, &self.target, self.want, rule)
                .map_err(|error| error.during("stat"))?;
            tree.node(index)
                .ok_or_else(|| Error::not_found(self.target.to_string()).during("stat"))
        }))
    }
}

/// A listing; await it for a vector, or turn it into a [stream](Self::stream). The vector holds a copy of each entry, some 300 bytes; the stream holds
/// their handles, and makes each node when it is taken.
///
/// Cancel safe: nothing is changed, and no request is made.
#[must_use = "nothing happens until it is awaited"]
#[derive(Debug)]
pub struct List {
    client: Client,
    target: Target,
    recursive: bool,
    order: Option<SortOrder>,
    together: bool,
    after: Option<String>,
    kind: Option<NodeKind>,
}

impl List {
    /// Everything below the folder, parents before what is in them.
    pub fn recursive(mut self) -> Self {
        self.recursive = true;
        self
    }

    /// Sorted by name (of every level), byte by byte; without this the order is the service's.
    pub fn sorted(self) -> Self {
        self.sort_by(SortBy::Name)
    }

    /// Sorted by this. In a [recursive](Self::recursive) listing the entries of every folder are, and what lies in a folder follows it directly; see
    /// [`together`](Self::together).
    ///
    /// ```
    /// # async fn doc() -> Result<(), Box<dyn std::error::Error>> {
    /// # let server = mega_testserver::TestServer::start().await?;
    /// # server.account("me@example.com", "secret").create();
    /// # let login = mega_client::Credentials::new("me@example.com", "secret");
    /// # let mega = mega_client::Client::builder().origin(server.url()).login(login).await?;
    /// use mega_client::SortBy;
    ///
    /// for (path, size) in [("/a/small", 10), ("/b/large", 3000), ("/middle", 500)] {
    ///     mega.write(path, vec![0; size]).await?;
    /// }
    /// let largest = mega.list("/").recursive().files().sort_by(SortBy::Size).descending().together().await?;
    /// assert_eq!(largest.iter().map(|node| node.name()).collect::<Vec<_>>(), ["large", "middle", "small"]);
    /// # Ok(()) }
    /// # tokio::runtime::Runtime::new().unwrap().block_on(doc()).unwrap();
    /// ```
    pub fn sort_by(mut self, by: SortBy) -> Self {
        self.order.get_or_insert_default().by = by;
        self
    }

    /// The other way round; by name unless [`sort_by`](Self::sort_by) says otherwise. Nodes that are equal in what is sorted by stay in the order of their names.
    pub fn descending(mut self) -> Self {
        self.order.get_or_insert_default().descending = true;
        self
    }

    /// Folders before files, whichever way the listing is sorted; by name unless [`sort_by`](Self::sort_by) says otherwise.
    pub fn folders_first(mut self) -> Self {
        self.order.get_or_insert_default().folders_first = true;
        self
    }

    /// Sorts all entries of a recursive listing together, whichever folder they lie in: for the largest files below a folder, or the newest. By name unless
    /// [`sort_by`](Self::sort_by) says otherwise; parents need not come before their children then.
    pub fn together(mut self) -> Self {
        self.order.get_or_insert_default();
        self.together = true;
        self
    }

    /// Only what comes after this path in the listing sorted by name, for pages: give the path of the last entry you have seen, relative to the listed folder. That
    /// entry need not exist any more. The listing is [`sorted`](Self::sorted).
    ///
    /// # Errors
    ///
    /// [`Misuse`](crate::ErrorKind::Misuse) together with another order: only names say where a page ends.
    pub fn start_after(mut self, path: impl Into<String>) -> Self {
        self.after = Some(path.into());
        self.order.get_or_insert_default();
        self
    }

    /// Files only.
    pub fn files(mut self) -> Self {
        self.kind = Some(NodeKind::File);
        self
    }

    /// Folders only.
    pub fn folders(mut self) -> Self {
        self.kind = Some(NodeKind::Folder);
        self
    }

    /// The entries one by one. The set of entries is fixed at the first poll; an entry that is deleted meanwhile is left out, each
    /// entry shows its node as it is when it is yielded.
    pub fn stream(self) -> impl Stream<Item = Result<Node>> + Send + 'static {
        let client = self.client.clone();
        let (handles, error) = match self.handles() {
            Ok(handles) => (handles, None),
            Err(error) => (Vec::new(), Some(Err(error))),
        };
        let nodes = futures::stream::iter(handles).filter_map(move |handle| {
            let node =
                client.with_tree(|tree, _| tree.find(handle).and_then(|index| tree.node(index)));
            ready(node.map(Ok))
        });
        futures::stream::iter(error).chain(nodes)
    }

    fn handles(&self) -> Result<Vec<NodeHandle>> {
        self.client.with_tree(|tree, base| {
            Ok(self
                .indices(tree, base)?
                .into_iter()
                .filter_map(|index| tree.record(index).map(|record| record.handle))
                .collect())
        })
    }

    fn indices(&self, tree: &Tree, base: Base) -> Result<Vec<Index>> {
        let rule = self.client.options().duplicates;
        let top = tree
            .resolve(base, &self.target, Want::Folder, rule)
            .map_err(|error| error.during("list"))?;
        let plain = self.order.is_some_and(SortOrder::is_plain) && !self.together;
        if self.after.is_some() && !plain {
            return Err(Error::misuse(
                "pages are cut from the listing sorted by name; leave the other order away",
            )
            .during("list"));
        }
        let wanted = |index: Index| {
            let kind = tree.record(index).map(|record| record.kind);
            self.kind.is_none_or(|wanted| kind == Some(wanted))
        };
        if plain && (self.recursive || self.after.is_some()) {
            // Pages: by the whole path, so that the entries of folders of one name lie where their paths say.
            let after = self.after.as_deref().map(|after| after.trim_matches('/'));
            let mut found = by_path(tree, top, self.recursive, after);
            found.retain(|&index| wanted(index));
            return Ok(found);
        }
        let mut found = Vec::new();
        // What is still to be looked at, the next one last. Sorting is per folder, so that parents stay before their children.
        let mut todo: Vec<Index> = Vec::new();
        let mut enter = Some(top);
        loop {
            if let Some(folder) = enter.take() {
                // What is not listed takes no room, however much of it there is.
                let is_folder = |index| {
                    let kind = tree.record(index).map(|record| record.kind);
                    kind.is_some_and(NodeKind::is_folder)
                };
                let mut level: Vec<Index> = tree
                    .children(folder)
                    .filter(|&index| wanted(index) || (self.recursive && is_folder(index)))
                    .collect();
                if let Some(order) = self.order.filter(|_| !self.together) {
                    order.sort(tree, &mut level);
                }
                if !self.recursive {
                    found = level;
                    break;
                }
                todo.extend(level.into_iter().rev());
            }
            let Some(index) = todo.pop() else { break };
            if wanted(index) {
                found.push(index);
            }
            let kind = tree.record(index).map(|record| record.kind);
            enter = kind.is_some_and(NodeKind::is_folder).then_some(index);
        }
        if let Some(order) = self.order.filter(|_| self.together) {
            order.sort(tree, &mut found);
        }
        Ok(found)
    }
}

impl IntoFuture for List {
    type Output = Result<Vec<Node>>;
    type IntoFuture = Ready<Result<Vec<Node>>>;

    fn into_future(self) -> Self::IntoFuture {
        ready(self.client.with_tree(|tree, base| {
            Ok(self
                .indices(tree, base)?
                .into_iter()
                .filter_map(|index| tree.node(index))
                .collect())
        }))
    }
}

#[expect(
    dead_code,
    reason = "a compile-time proof that listings can be awaited on any thread"
)]
fn listings_are_send(list: List) -> impl Future<Output = Result<Vec<Node>>> + Send {
    list.into_future()
}

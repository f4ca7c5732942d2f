//! Finding nodes by what is known of them, and counting what lies below a folder. No request is made.

use std::future::{IntoFuture, Ready, ready};
use std::time::SystemTime;

use futures::{Stream, StreamExt};
use mega_crypto::attributes::Label;
use mega_protocol::NodeHandle;
use mega_protocol::commands::StorageUse;

use super::pattern::Pattern;
use crate::Client;
use crate::error::Result;
use crate::node::{Node, NodeKind, unix_from_time};
use crate::target::{Target, Want};
use crate::tree::Tree;
use crate::tree::arena::{Flags, Index};

impl Client {
    /// Looks for nodes below a folder: name the conditions, then await it for all nodes that meet every one of them, or take them as a stream.
    ///
    /// ```
    /// # async fn doc() -> Result<(), Box<dyn std::error::Error>> {
    /// # let server = mega_testserver::TestServer::start().await?;
    /// # server.account("me@example.com", "secret").create();
    /// # let login = mega_client::Credentials::new("me@example.com", "secret");
    /// # let mega = mega_client::Client::builder().origin(server.url()).login(login).await?;
    /// mega.write("/photos/cat.JPG", vec![1; 2000]).await?;
    /// mega.write("/photos/dog.jpg", vec![1; 500]).await?;
    /// mega.write("/notes/cat.txt", "meow").await?;
    /// let found = mega.search("/").name("*.jpg").ignore_case().larger_than(1000).await?;
    /// assert_eq!(found.iter().map(|node| node.name()).collect::<Vec<_>>(), ["cat.JPG"]);
    /// # Ok(()) }
    /// # tokio::runtime::Runtime::new().unwrap().block_on(doc()).unwrap();
    /// ```
    pub fn search(&self, folder: impl Into<Target>) -> Search {
        Search {
            client: self.clone(),
            folder: folder.into(),
            conditions: Conditions::default(),
        }
    }

    /// Counts a node and everything below it: bytes, files and folders, and older versions apart.
    ///
    /// # Errors
    ///
    /// [`NotFound`](crate::ErrorKind::NotFound), [`Ambiguous`](crate::ErrorKind::Ambiguous).
    pub fn usage(&self, target: impl Into<Target>) -> Ready<Result<Usage>> {
        let target = target.into();
        ready(self.with_tree(|tree, base| {
            let top = tree
                .resolve(base, &target, Want::Any, self.options().duplicates)
                .map_err(|error| error.during("usage"))?;
            let mut usage = Usage::default();
            for step in tree.walk(top) {
                if let Some(record) = tree.record(step.index) {
                    usage.add(record.kind, record.flags.has(Flags::VERSION), record.size);
                }
            }
            // A folder does not count itself.
            if tree
                .record(top)
                .is_some_and(|record| record.kind == NodeKind::Folder)
            {
                usage.folders = usage.folders.saturating_sub(1);
            }
            Ok(usage)
        }))
    }
}

/// What lies at and below a node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Usage {
    /// Bytes in files, older versions not counted.
    pub bytes: u64,
    /// Files.
    pub files: u64,
    /// Folders below the node.
    pub folders: u64,
    /// Bytes in older versions.
    pub version_bytes: u64,
    /// Older versions.
    pub versions: u64,
}

impl Usage {
    fn add(&mut self, kind: NodeKind, version: bool, size: u64) {
        let (count, bytes) = match (kind, version) {
            (NodeKind::File, false) => (&mut self.files, Some(&mut self.bytes)),
            (NodeKind::File, true) => (&mut self.versions, Some(&mut self.version_bytes)),
            (NodeKind::Folder, _) => (&mut self.folders, None),
            _ => return,
        };
        *count = count.saturating_add(1);
        if let Some(bytes) = bytes {
            *bytes = bytes.saturating_add(size);
        }
    }
}

impl From<StorageUse> for Usage {
    fn from(counted: StorageUse) -> Self {
        Self {
            bytes: counted.bytes,
            files: counted.files,
            folders: counted.folders,
            version_bytes: counted.version_bytes,
            versions: counted.version_files,
        }
    }
}

/// A search; await it for a vector, or turn it into a stream.
///
/// Cancel safe: nothing is changed, and no request is made.
#[must_use = "nothing happens until it is awaited"]
#[derive(Clone, Debug)]
pub struct Search {
    client: Client,
    folder: Target,
    conditions: Conditions,
}

#[derive(Clone, Debug, Default)]
struct Conditions {
    name: Option<String>,
    ignore_case: bool,
    kind: Option<NodeKind>,
    larger_than: Option<u64>,
    smaller_than: Option<u64>,
    modified: (Option<i64>, Option<i64>),
    created: (Option<i64>, Option<i64>),
    favourite: bool,
    label: Option<Label>,
    tag: Option<String>,
    troubled: bool,
}

impl Search {
    /// Names that match a pattern as a whole: `*` stands for any text, `?` for one character, everything else for itself.
    pub fn name(mut self, pattern: impl Into<String>) -> Self {
        self.conditions.name = Some(pattern.into());
        self
    }

    /// Letter case does not matter for names.
    pub fn ignore_case(mut self) -> Self {
        self.conditions.ignore_case = true;
        self
    }

    /// Files only.
    pub fn files(mut self) -> Self {
        self.conditions.kind = Some(NodeKind::File);
        self
    }

    /// Folders only.
    pub fn folders(mut self) -> Self {
        self.conditions.kind = Some(NodeKind::Folder);
        self
    }

    /// Files of more than so many bytes.
    pub fn larger_than(mut self, bytes: u64) -> Self {
        self.conditions.larger_than = Some(bytes);
        self
    }

    /// Files of fewer than so many bytes.
    pub fn smaller_than(mut self, bytes: u64) -> Self {
        self.conditions.smaller_than = Some(bytes);
        self
    }

    /// Files whose content was changed at this moment or later.
    pub fn modified_since(mut self, time: SystemTime) -> Self {
        self.conditions.modified.0 = Some(unix_from_time(time));
        self
    }

    /// Files whose content was changed before this moment.
    pub fn modified_before(mut self, time: SystemTime) -> Self {
        self.conditions.modified.1 = Some(unix_from_time(time));
        self
    }

    /// Nodes that the service got at this moment or later.
    pub fn created_since(mut self, time: SystemTime) -> Self {
        self.conditions.created.0 = Some(unix_from_time(time));
        self
    }

    /// Nodes that the service got before this moment.
    pub fn created_before(mut self, time: SystemTime) -> Self {
        self.conditions.created.1 = Some(unix_from_time(time));
        self
    }

    /// Favourites only.
    pub fn favourites(mut self) -> Self {
        self.conditions.favourite = true;
        self
    }

    /// Nodes with this colour label.
    pub fn label(mut self, label: Label) -> Self {
        self.conditions.label = Some(label);
        self
    }

    /// Nodes with this tag.
    pub fn tag(mut self, tag: impl Into<String>) -> Self {
        self.conditions.tag = Some(tag.into());
        self
    }

    /// Nodes that cannot be used fully, see [`Node::trouble`].
    pub fn troubled(mut self) -> Self {
        self.conditions.troubled = true;
        self
    }

    /// The nodes one by one. Which ones they are is decided at the call; what is deleted meanwhile is left out.
    pub fn stream(self) -> impl Stream<Item = Result<Node>> + Send + 'static {
        let found = self.find();
        let client = self.client;
        futures::stream::iter(match found {
            Ok(found) => found.into_iter().map(Ok).collect(),
            Err(error) => vec![Err(error)],
        })
        .filter_map(move |item: Result<NodeHandle>| {
            ready(match item {
                Ok(handle) => client.node_of(handle).ok().map(Ok),
                Err(error) => Some(Err(error)),
            })
        })
    }

    fn find(&self) -> Result<Vec<NodeHandle>> {
        let rule = self.client.options().duplicates;
        let pattern = self.conditions.name.as_deref();
        let pattern = pattern.map(|text| Pattern::new(text, self.conditions.ignore_case));
        self.client.with_tree(|tree, base| {
            let top = tree
                .resolve(base, &self.folder, Want::Folder, rule)
                .map_err(|error| error.during("search").about(self.folder.to_string()))?;
            Ok(tree
                .walk(top)
                .skip(1)
                .filter(|step| self.conditions.meet(tree, step.index, pattern.as_ref()))
                .filter_map(|step| tree.record(step.index).map(|record| record.handle))
                .collect())
        })
    }
}

impl Conditions {
    fn meet(&self, tree: &Tree, index: Index, pattern: Option<&Pattern>) -> bool {
        let Some(record) = tree.record(index) else {
            return false;
        };
        // What a record tells comes first; names and attributes cost more.
        if record.flags.has(Flags::VERSION)
            || self.kind.is_some_and(|kind| kind != record.kind)
            || (self.troubled && record.trouble.is_none())
            || !within(record.created, self.created)
        {
            return false;
        }
        if self.larger_than.is_some() || self.smaller_than.is_some() {
            let fits = record.kind == NodeKind::File
                && self.larger_than.is_none_or(|least| record.size > least)
                && self.smaller_than.is_none_or(|most| record.size < most);
            if !fits {
                return false;
            }
        }
        if let Some(pattern) = pattern {
            let Some(name) = tree.shown_name(index) else {
                return false;
            };
            if !pattern.matches(&name) {
                return false;
            }
        }
        let noted = self.favourite || self.label.is_some() || self.tag.is_some();
        let timed = self.modified.0.is_some() || self.modified.1.is_some();
        if !noted && !timed {
            return true;
        }
        let Some(node) = tree.node(index) else {
            return false;
        };
        (!timed
            || node
                .modified_unix()
                .is_some_and(|time| within(time, self.modified)))
            && (!self.favourite || node.is_favourite())
            && self.label.is_none_or(|label| node.label() == Some(label))
            && self
                .tag
                .as_ref()
                .is_none_or(|tag| node.tags().contains(tag))
    }
}

fn within(time: i64, (since, before): (Option<i64>, Option<i64>)) -> bool {
    since.is_none_or(|since| time >= since) && before.is_none_or(|before| time < before)
}

impl IntoFuture for Search {
    type Output = Result<Vec<Node>>;
    type IntoFuture = Ready<Result<Vec<Node>>>;

    fn into_future(self) -> Self::IntoFuture {
        ready(self.find().map(|found| {
            found
                .into_iter()
                .filter_map(|handle| self.client.node_of(handle).ok())
                .collect()
        }))
    }
}

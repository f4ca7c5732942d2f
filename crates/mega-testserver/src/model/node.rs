//! Nodes and the tree they form.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::content::Content;
use super::link::Link;
use super::share::Share;
use crate::wire::{NodeHandle, UserHandle};

/// What a node is; the number is its `t` on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Kind {
    /// 0
    File,
    /// 1
    Folder,
    /// 2, "Cloud Drive"
    Root,
    /// 3, the vault, formerly inbox
    Vault,
    /// 4, the rubbish bin
    Bin,
}

impl Kind {
    /// The number on the wire.
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Self::File => 0,
            Self::Folder => 1,
            Self::Root => 2,
            Self::Vault => 3,
            Self::Bin => 4,
        }
    }

    /// Root, vault or bin.
    #[must_use]
    pub fn is_root(self) -> bool {
        matches!(self, Self::Root | Self::Vault | Self::Bin)
    }
}

/// What somebody may do with a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Right {
    /// `r:0`
    Read,
    /// `r:1`
    Write,
    /// `r:2`
    Full,
    /// The account itself.
    Owner,
}

impl Right {
    /// The `r` of a share.
    #[must_use]
    pub fn from_number(r: i64) -> Option<Self> {
        match r {
            0 => Some(Self::Read),
            1 => Some(Self::Write),
            2 => Some(Self::Full),
            _ => None,
        }
    }

    /// The `r` of a share.
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Self::Read => 0,
            Self::Write => 1,
            Self::Full | Self::Owner => 2,
        }
    }
}

/// Under whose key a copy of the node key is wrapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Holder {
    /// A user's master key (or public key).
    User(UserHandle),
    /// The key of the share with this root.
    Share(NodeHandle),
}

/// A node. Attributes and keys are opaque to the service.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Node {
    /// Its handle.
    pub handle: NodeHandle,
    /// The folder it lies in; for an older version the next newer one; none for roots.
    pub parent: Option<NodeHandle>,
    /// What it is.
    pub kind: Kind,
    /// Whose account it lies in.
    pub owner: UserHandle,
    /// `a`, as the client sent it.
    pub attributes: String,
    /// The wrapped node keys, in the order they arrived.
    pub keys: Vec<(Holder, String)>,
    /// Time of creation, Unix seconds.
    pub created: i64,
    /// The bytes of a file.
    #[serde(with = "super::content::stored_option")]
    pub content: Option<Arc<Content>>,
    /// File attributes: (type, handle text).
    pub file_attributes: Vec<(u32, String)>,
    /// An older version of its parent.
    pub version: bool,
    /// Who it is shared with.
    pub shares: BTreeMap<UserHandle, Share>,
    /// Shared with nobody in particular: the share behind a folder link.
    pub exported: Option<Share>,
    /// Its public link.
    pub link: Option<Link>,
    pub(crate) place: u64,
    #[serde(skip)]
    pub(crate) children: BTreeMap<u64, NodeHandle>,
}

impl Node {
    pub(crate) fn new(handle: NodeHandle, kind: Kind, owner: UserHandle, created: i64) -> Self {
        Self {
            handle,
            parent: None,
            kind,
            owner,
            attributes: String::new(),
            keys: Vec::new(),
            created,
            content: None,
            file_attributes: Vec::new(),
            version: false,
            shares: BTreeMap::new(),
            exported: None,
            link: None,
            place: 0,
            children: BTreeMap::new(),
        }
    }

    /// Bytes that count against the quota.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.content.as_ref().map_or(0, |c| c.size())
    }

    /// The wrapped key of this holder.
    #[must_use]
    pub fn key(&self, holder: Holder) -> Option<&str> {
        self.keys
            .iter()
            .find(|(h, _)| *h == holder)
            .map(|(_, key)| key.as_str())
    }

    pub(crate) fn set_key(&mut self, holder: Holder, key: String) {
        match self.keys.iter_mut().find(|(h, _)| *h == holder) {
            Some((_, old)) => *old = key,
            None => self.keys.push((holder, key)),
        }
    }
}

/// All nodes of all accounts; each has one parent and nothing is its own ancestor.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    nodes: HashMap<NodeHandle, Node>,
    places: u64,
    /// Nodes changed or removed since somebody asked; nobody counts while this is `None`.
    touched: Option<BTreeSet<NodeHandle>>,
}

impl Tree {
    /// A node.
    #[must_use]
    pub fn get(&self, handle: NodeHandle) -> Option<&Node> {
        self.nodes.get(&handle)
    }

    pub(crate) fn get_mut(&mut self, handle: NodeHandle) -> Option<&mut Node> {
        self.touch(handle);
        self.nodes.get_mut(&handle)
    }

    /// Begins to note which nodes change.
    pub(crate) fn watch(&mut self) {
        self.touched.get_or_insert_default();
    }

    /// The nodes that changed or went since the last call.
    pub(crate) fn take_touched(&mut self) -> BTreeSet<NodeHandle> {
        self.touched
            .as_mut()
            .map(std::mem::take)
            .unwrap_or_default()
    }

    /// Notes nodes as changed again.
    pub(crate) fn touch_all(&mut self, handles: impl IntoIterator<Item = NodeHandle>) {
        if let Some(touched) = &mut self.touched {
            touched.extend(handles);
        }
    }

    /// Puts the same content in another place, which is no change.
    pub(crate) fn replace_content(&mut self, handle: NodeHandle, content: Arc<Content>) {
        if let Some(node) = self.nodes.get_mut(&handle) {
            node.content = Some(content);
        }
    }

    fn touch(&mut self, handle: NodeHandle) {
        self.touch_all([handle]);
    }

    /// A tree of these nodes, each in the place it says.
    pub(crate) fn assemble(nodes: HashMap<NodeHandle, Node>) -> Self {
        let places = nodes.values().map(|n| n.place).max().unwrap_or(0);
        let mut tree = Self {
            nodes,
            places,
            touched: None,
        };
        let list: Vec<_> = tree
            .nodes
            .values()
            .filter_map(|n| Some((n.parent?, n.place, n.handle)))
            .collect();
        for (parent, place, handle) in list {
            if let Some(parent) = tree.nodes.get_mut(&parent) {
                parent.children.insert(place, handle);
            }
        }
        tree
    }

    /// How many nodes there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there is no node at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// All nodes, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Node> {
        self.nodes.values()
    }

    /// What lies directly in a node: the children of a folder, the previous version of a file.
    pub fn children(&self, handle: NodeHandle) -> impl Iterator<Item = &Node> {
        self.get(handle)
            .into_iter()
            .flat_map(|n| n.children.values())
            .filter_map(|h| self.get(*h))
    }

    /// The node and everything below it, parents before children, versions included.
    #[must_use]
    pub fn subtree(&self, root: NodeHandle) -> Vec<NodeHandle> {
        self.below(root).into_iter().map(|n| n.handle).collect()
    }

    /// As [`Tree::subtree`], with what the nodes are.
    pub(crate) fn below(&self, root: NodeHandle) -> Vec<&Node> {
        let mut out = Vec::new();
        let mut stack = vec![root];
        while let Some(handle) = stack.pop() {
            let Some(node) = self.get(handle) else {
                continue;
            };
            out.push(node);
            stack.extend(node.children.values().rev());
        }
        out
    }

    /// The node, then its parent, and so on up to a root.
    pub fn ancestors(&self, handle: NodeHandle) -> impl Iterator<Item = &Node> {
        let mut next = Some(handle);
        std::iter::from_fn(move || {
            let node = self.get(next?)?;
            next = node.parent;
            Some(node)
        })
    }

    /// Whether `inner` is `outer` or lies somewhere below it.
    #[must_use]
    pub fn is_inside(&self, inner: NodeHandle, outer: NodeHandle) -> bool {
        self.ancestors(inner).any(|n| n.handle == outer)
    }

    /// Puts a new node under its parent. A node without parent is a root.
    pub(crate) fn insert(&mut self, mut node: Node) {
        node.place = self.next_place();
        if let Some(parent) = node.parent.and_then(|p| self.nodes.get_mut(&p)) {
            parent.children.insert(node.place, node.handle);
        }
        self.touch(node.handle);
        self.nodes.insert(node.handle, node);
    }

    /// Moves a node under another parent. The caller has excluded circles.
    pub(crate) fn reparent(&mut self, handle: NodeHandle, parent: NodeHandle, version: bool) {
        let place = self.next_place();
        self.touch(handle);
        let Some(node) = self.nodes.get_mut(&handle) else {
            return;
        };
        let (old_parent, old_place) = (node.parent, node.place);
        node.parent = Some(parent);
        node.place = place;
        node.version = version;
        if let Some(old) = old_parent.and_then(|p| self.nodes.get_mut(&p)) {
            old.children.remove(&old_place);
        }
        if let Some(new) = self.nodes.get_mut(&parent) {
            new.children.insert(place, handle);
        }
    }

    /// Takes out a node and everything below it.
    pub(crate) fn remove(&mut self, root: NodeHandle) -> Vec<Node> {
        let handles = self.subtree(root);
        self.touch_all(handles.iter().copied());
        if let Some((parent, place)) = self.get(root).map(|n| (n.parent, n.place))
            && let Some(parent) = parent.and_then(|p| self.nodes.get_mut(&p))
        {
            parent.children.remove(&place);
        }
        handles
            .iter()
            .filter_map(|h| self.nodes.remove(h))
            .collect()
    }

    fn next_place(&mut self) -> u64 {
        self.places += 1;
        self.places
    }
}

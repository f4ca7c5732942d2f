//! Changes to the tree, with the packets they cause (api-and-transfers 4.5 and 5.3).

use std::sync::Arc;

use super::Model;
use super::effects::Effects;
use super::events::{Channel, Path};
use super::node::{Kind, Node};
use super::share::Invitation;
use crate::json::{Json, Object};
use crate::wire::{NodeHandle, RequestHandle, UserHandle};

/// Nodes of a packet, each with its place in the request that made it.
type Listed = Vec<(NodeHandle, Option<usize>)>;

impl Model {
    pub(crate) fn new_node_handle(&mut self) -> NodeHandle {
        loop {
            let handle = NodeHandle(self.seed.array());
            if self.tree.get(handle).is_none() {
                return handle;
            }
        }
    }

    /// Adds a node to the tree and to the account's usage.
    pub(crate) fn add_node(&mut self, node: Node) {
        self.charge(node.owner, node.size());
        self.tree.insert(node);
    }

    /// Tells everybody about new nodes: (node, its place in the request), parents first; `older` are versions.
    pub(crate) fn announce(
        &self,
        fx: &mut Effects,
        at: NodeHandle,
        by: UserHandle,
        new: &[(NodeHandle, Option<usize>)],
        older: &[(NodeHandle, Option<usize>)],
    ) {
        let path = self.path(at);
        for channel in self.watchers(at) {
            let rest = self.node_lists(channel, new, older).with("ou", by);
            fx.about(&path, channel, "t", rest);
        }
        let handles = new.iter().map(|(h, _)| *h);
        // What lies in something new comes with it.
        let handles = handles.filter(|h| self.tree.get(*h).is_some_and(|n| n.parent == Some(at)));
        fx.note_watchers(self, at, by, "put", &self.noted(at, handles));
    }

    /// What a notification says of nodes: where, which, and of what type.
    fn noted(&self, at: NodeHandle, nodes: impl Iterator<Item = NodeHandle>) -> Object {
        let list: Vec<Json> = nodes
            .filter_map(|h| self.tree.get(h))
            .map(|n| {
                let node = Object::new().with("h", n.handle);
                node.with("t", n.kind.number()).into()
            })
            .collect();
        Object::new().with("n", at).with("f", list)
    }

    /// Where a node is: itself, then what it lies in.
    pub(crate) fn path(&self, node: NodeHandle) -> Path {
        self.tree.ancestors(node).map(|n| n.handle).collect()
    }

    /// `"t":{"f":[..],"f2":[..]}` for one viewer.
    fn node_lists(
        &self,
        viewer: Channel,
        new: &[(NodeHandle, Option<usize>)],
        older: &[(NodeHandle, Option<usize>)],
    ) -> Object {
        let text = |h: NodeHandle, i| {
            self.tree
                .get(h)
                .map(|n| Json::Raw(self.node_text(n, viewer, i)))
        };
        let f: Vec<Json> = new.iter().filter_map(|(h, i)| text(*h, *i)).collect();
        let f2: Vec<Json> = older.iter().filter_map(|(h, i)| text(*h, *i)).collect();
        let lists = Object::new()
            .with("f", f)
            .maybe("f2", (!f2.is_empty()).then_some(f2));
        Object::new().with("t", lists)
    }

    /// Versions and the rest, each as for a packet that no request asked for.
    fn by_kind(&self, nodes: &[NodeHandle]) -> (Listed, Listed) {
        let all = nodes.iter().map(|h| (*h, None));
        all.partition(|(h, _)| self.tree.get(*h).is_some_and(|n| n.version))
    }

    /// Replaces the attributes of a node.
    pub(crate) fn set_attributes(
        &mut self,
        fx: &mut Effects,
        handle: NodeHandle,
        by: UserHandle,
        attributes: String,
    ) {
        let Some(node) = self.tree.get_mut(handle) else {
            return;
        };
        node.attributes.clone_from(&attributes);
        let rest = Object::new()
            .with("n", handle)
            .with("at", attributes)
            .with("u", node.owner)
            .with("ts", node.created)
            .with("ou", by);
        fx.watchers(self, handle, "u", &rest);
    }

    /// Moves a node. The caller has checked rights and circles.
    pub(crate) fn move_node(
        &mut self,
        fx: &mut Effects,
        handle: NodeHandle,
        target: NodeHandle,
        by: UserHandle,
    ) {
        let before = self.watchers(handle);
        let from = self.path(handle);
        let owner = self.tree.get(target).map(|n| n.owner);
        if owner != self.tree.get(handle).map(|n| n.owner) {
            self.forget_elements(fx, handle);
        }
        self.tree.reparent(handle, target, false);
        if let Some(owner) = owner {
            self.give(handle, owner);
        }
        let after = self.watchers(handle);
        let to = self.path(handle);
        let subtree: Vec<NodeHandle> = self.tree.subtree(handle);
        let (older, nodes) = self.by_kind(&subtree);
        let gone = Object::new().with("n", handle);
        for channel in &before {
            // Who still sees it learns that this is half of a move; for the others it is gone.
            let moved = after.contains(channel);
            let rest = gone.clone().maybe("m", moved.then_some(1)).with("ou", by);
            fx.about(&from, *channel, "d", rest);
        }
        // Who loses a folder keeps what is shared with him further inside.
        for channel in &before {
            let Channel::User(user) = channel else {
                continue;
            };
            if after.contains(channel) {
                continue;
            }
            let inner: Vec<NodeHandle> = subtree
                .iter()
                .copied()
                .filter(|h| {
                    self.tree
                        .get(*h)
                        .is_some_and(|n| n.shares.contains_key(user))
                })
                .collect();
            for root in inner {
                let (older, nodes) = self.by_kind(&self.tree.subtree(root));
                let rest = self.node_lists(*channel, &nodes, &older).with("ou", by);
                fx.untagged(&self.path(root), *channel, "t", rest);
            }
        }
        for channel in after {
            let rest = self.node_lists(channel, &nodes, &older).with("ou", by);
            if before.contains(&channel) {
                fx.untagged(&to, channel, "t", rest);
            } else {
                fx.about(&to, channel, "t", rest);
                if let Channel::User(user) = channel {
                    let noted = self.noted(target, std::iter::once(handle));
                    fx.note(user, Some(by), "put", &noted);
                }
            }
        }
    }

    /// Deletes a node with everything below it; with `keep_versions` the previous version takes its place.
    pub(crate) fn delete_node(
        &mut self,
        fx: &mut Effects,
        handle: NodeHandle,
        by: UserHandle,
        keep_versions: bool,
    ) {
        let Some((parent, is_version)) = self.tree.get(handle).map(|n| (n.parent, n.version))
        else {
            return;
        };
        // Deleting one link of a version chain joins the rest: what is older hangs on what is newer.
        let older = self
            .tree
            .children(handle)
            .find(|n| n.version)
            .map(|n| n.handle);
        let keep = older.filter(|_| keep_versions || is_version);
        if let (Some(older), Some(parent)) = (keep, parent) {
            self.tree.reparent(older, parent, is_version);
        }
        self.withdraw(fx, handle, by);
        self.forget_elements(fx, handle);
        let rest = Object::new()
            .with("n", handle)
            .maybe("v", keep.map(|_| 1))
            .with("ou", by);
        fx.watchers(self, handle, "d", &rest);
        // Of versions that go nobody is told (webclient js/notify.js `isUnwantedNotification`).
        if let Some(parent) = parent.filter(|_| !is_version && keep.is_none()) {
            let noted = self.noted(parent, std::iter::once(handle));
            fx.note_watchers(self, handle, by, "d", &noted);
        }
        for node in self.tree.remove(handle) {
            self.refund(node.owner, node.size());
            if let Some(content) = node.content {
                self.graves.bury(content);
            }
            if node.kind == Kind::Folder {
                self.graves.folders.add(node.handle, node.owner);
            }
        }
        if let (Some(older), Some(parent)) = (keep, parent) {
            // All that is left of the chain: whoever took it out with the newest gets it back.
            let (old, new) = self.by_kind(&self.tree.subtree(older));
            let path = self.path(parent);
            for channel in self.watchers(parent) {
                let rest = self.node_lists(channel, &new, &old).with("ou", by);
                fx.untagged(&path, channel, "t", rest);
            }
        }
    }

    /// Ends the links and shares in a subtree that is about to vanish.
    fn withdraw(&mut self, fx: &mut Effects, root: NodeHandle, by: UserHandle) {
        for handle in self.tree.subtree(root) {
            let Some(node) = self.tree.get(handle) else {
                continue;
            };
            let users: Vec<UserHandle> = node.shares.keys().copied().collect();
            let exported = node.exported.is_some();
            if node.link.is_some() {
                self.remove_link(fx, handle);
            }
            for user in users {
                self.end_share(fx, handle, user, by);
            }
            if exported {
                self.end_export(fx, handle, by);
            }
        }
    }

    /// Removes the public link of a node.
    pub(crate) fn remove_link(&mut self, fx: &mut Effects, handle: NodeHandle) {
        let Some(link) = self.tree.get_mut(handle).and_then(|n| n.link.take()) else {
            return;
        };
        self.links.remove(&link.handle);
        if let Some(owner) = self.tree.get(handle).map(|n| n.owner) {
            self.graves.links.add(link.handle, owner);
        }
        let rest = Object::new()
            .with("h", handle)
            .with("ph", link.handle)
            .with("d", 1);
        fx.owner(self, handle, "ph", rest);
        self.events.touch();
    }

    /// Ends the share of a folder with a user.
    pub(crate) fn end_share(
        &mut self,
        fx: &mut Effects,
        handle: NodeHandle,
        user: UserHandle,
        by: UserHandle,
    ) {
        let Some(node) = self.tree.get_mut(handle) else {
            return;
        };
        if node.shares.remove(&user).is_none() {
            return;
        }
        let owner = node.owner;
        if let Some(user) = self.users.get_mut(&user) {
            user.incoming.remove(&handle);
        }
        let rest = Object::new()
            .with("n", handle)
            .with("o", owner)
            .with("u", user)
            .with("ou", by);
        let path = self.path(handle);
        let last = self.drop_share_key(handle).then_some(1);
        let told = rest.clone().maybe("okd", last);
        fx.about(&path, Channel::User(owner), "s2", told);
        fx.about(&path, Channel::User(user), "s2", rest);
        // Either side is told of the other (SDK `MegaClient::sc_shares`).
        let rest = Object::new().with("n", handle).with("o", owner);
        for (whom, other) in [(user, owner), (owner, user)] {
            if whom != by {
                fx.note(whom, Some(other), "dshare", &rest);
            }
        }
    }

    /// Ends the share behind a folder link.
    pub(crate) fn end_export(&mut self, fx: &mut Effects, handle: NodeHandle, by: UserHandle) {
        let Some(node) = self.tree.get_mut(handle) else {
            return;
        };
        if node.exported.take().is_some() {
            let rest = Object::new()
                .with("n", handle)
                .with("o", node.owner)
                .with("u", "EXP")
                .with("ou", by)
                .maybe("okd", self.drop_share_key(handle).then_some(1));
            fx.owner(self, handle, "s2", rest);
        }
    }

    /// Tells the owner of a folder that a share of it waits for nobody any more.
    pub(crate) fn end_pending(
        &mut self,
        fx: &mut Effects,
        root: NodeHandle,
        owner: UserHandle,
        invitation: RequestHandle,
    ) {
        let rest = Object::new()
            .with("n", root)
            .with("o", owner)
            .with("p", invitation)
            .with("ou", owner)
            .maybe("okd", self.drop_share_key(root).then_some(1));
        fx.owner(self, root, "s2", rest);
    }

    /// Forgets the legacy share key of a folder that is shared with nobody any more, in no link and waiting for no answer; true
    /// if there was one. The packet of the last share says so (`okd`), for clients drop it then too (SDK
    /// `MegaClient::mergenewshare`).
    fn drop_share_key(&mut self, root: NodeHandle) -> bool {
        let Some(node) = self.tree.get(root) else {
            return false;
        };
        let waits = |i: &Invitation| i.shares.iter().any(|(h, _)| *h == root);
        if !node.shares.is_empty() || node.exported.is_some() || self.pending.values().any(waits) {
            return false;
        }
        let owner = node.owner;
        let user = self.users.get_mut(&owner);
        user.is_some_and(|u| u.share_keys.remove(&root).is_some())
    }

    /// Puts a new file in front of an older one: the older becomes its version, or goes.
    pub(crate) fn supersede(
        &mut self,
        fx: &mut Effects,
        old: NodeHandle,
        new: NodeHandle,
        by: UserHandle,
        versions: bool,
    ) -> Vec<NodeHandle> {
        if versions {
            self.tree.reparent(old, new, true);
            return self.tree.subtree(old);
        }
        self.delete_node(fx, old, by, false);
        Vec::new()
    }

    /// Makes a subtree somebody else's, usage included.
    fn give(&mut self, root: NodeHandle, owner: UserHandle) {
        for handle in self.tree.subtree(root) {
            let Some(node) = self.tree.get_mut(handle) else {
                continue;
            };
            let (old, size) = (node.owner, node.size());
            if old != owner {
                node.owner = owner;
                self.refund(old, size);
                self.charge(owner, size);
            }
        }
    }

    fn charge(&mut self, user: UserHandle, bytes: u64) {
        if let Some(user) = self.users.get_mut(&user) {
            user.used = user.used.saturating_add(bytes);
        }
    }

    fn refund(&mut self, user: UserHandle, bytes: u64) {
        if let Some(user) = self.users.get_mut(&user) {
            user.used = user.used.saturating_sub(bytes);
        }
    }

    /// Whether so many more bytes fit: -17 when the account is full already, -24 when they would fill it.
    pub(crate) fn check_quota(&self, user: UserHandle, more: u64) -> Result<(), i64> {
        let Some(user) = self.users.get(&user) else {
            return Ok(());
        };
        if more > 0 && user.used >= user.quota {
            return Err(-17);
        }
        if user.used.saturating_add(more) > user.quota {
            return Err(-24);
        }
        Ok(())
    }

    /// [bytes, files, folders, version bytes, version files] below a node.
    pub(crate) fn count(&self, root: NodeHandle) -> [u64; 5] {
        let mut out = [0; 5];
        let [bytes, files, folders, version_bytes, version_files] = &mut out;
        for handle in self.tree.subtree(root) {
            match self.tree.get(handle) {
                Some(n) if n.version => {
                    *version_bytes += n.size();
                    *version_files += 1;
                }
                Some(n) if n.kind == Kind::File => {
                    *bytes += n.size();
                    *files += 1;
                }
                Some(n) if n.kind == Kind::Folder && handle != root => *folders += 1,
                _ => {}
            }
        }
        out
    }

    /// The three roots of a new account.
    pub(crate) fn plant(&mut self, owner: UserHandle) -> [NodeHandle; 3] {
        let now = self.now();
        [Kind::Root, Kind::Vault, Kind::Bin].map(|kind| {
            let handle = self.new_node_handle();
            self.add_node(Node::new(handle, kind, owner, now));
            handle
        })
    }

    /// Stores bytes that no client uploaded.
    pub(crate) fn store(&mut self, data: Vec<u8>) -> Arc<super::Content> {
        let size = data.len() as u64;
        let pieces = if data.is_empty() {
            Vec::new()
        } else {
            vec![(0, data.into())]
        };
        Arc::new(super::Content::new(self.seed.array(), size, pieces))
    }
}

//! The tree as its owner sees it: names, paths and content in clear, for accounts whose master key the server knows.
//!
//! Changes made here go through the same operations as those of clients and reach the event channels, so they look
//! like another client of the same account.

use super::effects::Effects;
use super::node::{Holder, Kind, Node};
use super::{Channel, Model};
use crate::account::cipher::{Key, xor};
use crate::account::content::{
    FileKey, decrypt, encrypt, fingerprint, open_attributes, seal_attributes, unwrap, wrap,
};
use crate::wire::NodeHandle;

impl Model {
    /// The plain node key: 32 bytes of a file, 16 of a folder.
    #[must_use]
    pub fn node_key(&self, node: NodeHandle) -> Option<Vec<u8>> {
        let node = self.tree.get(node)?;
        let own = node.key(Holder::User(node.owner))?;
        unwrap(self.users.get(&node.owner)?.master.as_ref()?, own)
    }

    /// The attributes of a node in clear, as JSON text.
    #[must_use]
    pub fn attributes_of(&self, node: NodeHandle) -> Option<String> {
        let key = fold(&self.node_key(node)?)?;
        open_attributes(&key, &self.tree.get(node)?.attributes)
    }

    /// The name of a node.
    #[must_use]
    pub fn name_of(&self, node: NodeHandle) -> Option<String> {
        let json: serde_json::Value = serde_json::from_str(&self.attributes_of(node)?).ok()?;
        json.get("n")?.as_str().map(str::to_owned)
    }

    /// The content of a file in clear; `None` when it cannot be decrypted or its MAC does not agree.
    #[must_use]
    pub fn read_file(&self, node: NodeHandle) -> Option<Vec<u8>> {
        let key = FileKey::unpack(&self.node_key(node)?.try_into().ok()?);
        let mut data = self.tree.get(node)?.content.as_ref()?.to_vec();
        decrypt(&key, &mut data).then_some(data)
    }

    /// The node at a path of an account's Cloud Drive, the first of several with the same name.
    #[must_use]
    pub fn find(&self, email: &str, path: &str) -> Option<NodeHandle> {
        let mut at = self.user(email)?.root;
        for part in path.split('/').filter(|p| !p.is_empty()) {
            at = self
                .tree
                .children(at)
                .map(|n| n.handle)
                .find(|h| self.name_of(*h).as_deref() == Some(part))?;
        }
        Some(at)
    }

    /// The names in a folder, in the order they were put there.
    #[must_use]
    pub fn names_in(&self, folder: NodeHandle) -> Vec<String> {
        self.tree
            .children(folder)
            .filter_map(|n| self.name_of(n.handle))
            .collect()
    }

    /// Makes the folders of a path that are not there yet and returns the last one.
    pub fn make_folder(&mut self, email: &str, path: &str) -> Option<NodeHandle> {
        let (user, mut at) = self.user(email).map(|u| (u.handle, u.root))?;
        let master = self.users.get(&user)?.master?;
        for part in path.split('/').filter(|p| !p.is_empty()) {
            let there = self
                .tree
                .children(at)
                .map(|n| n.handle)
                .find(|h| self.name_of(*h).as_deref() == Some(part));
            at = match there {
                Some(folder) => folder,
                None => {
                    let key: Key = self.seed.array();
                    let json = serde_json::json!({ "n": part }).to_string();
                    let mut node =
                        Node::new(self.new_node_handle(), Kind::Folder, user, self.now());
                    node.attributes = seal_attributes(&key, &json);
                    node.keys.push((Holder::User(user), wrap(&master, &key)));
                    self.add_plain(node, at)
                }
            };
        }
        Some(at)
    }

    /// Puts a file at a path, making its folders; one of that name stays beside it. `mtime` in Unix seconds.
    pub fn make_file(
        &mut self,
        email: &str,
        path: &str,
        content: &[u8],
        mtime: i64,
    ) -> Option<NodeHandle> {
        let (folders, name) = path.rsplit_once('/').unwrap_or(("", path));
        let at = self.make_folder(email, folders)?;
        let user = self.user(email)?.handle;
        let master = self.users.get(&user)?.master?;
        let key: Key = self.seed.array();
        let nonce: [u8; 8] = self.seed.array();
        let mut data = content.to_vec();
        let mac = encrypt(&key, nonce, &mut data);
        let json = serde_json::json!({ "c": fingerprint(content, mtime), "n": name }).to_string();
        let mut node = Node::new(self.new_node_handle(), Kind::File, user, self.now());
        node.attributes = seal_attributes(&key, &json);
        node.keys.push((
            Holder::User(user),
            wrap(&master, &FileKey { key, nonce, mac }.pack()),
        ));
        node.content = Some(self.store(data));
        Some(self.add_plain(node, at))
    }

    /// Gives a node another name. Its other attributes stay.
    pub fn rename(&mut self, node: NodeHandle, name: &str) -> bool {
        let Some(key) = self.node_key(node).as_deref().and_then(fold) else {
            return false;
        };
        let mut json: serde_json::Map<String, serde_json::Value> = self
            .attributes_of(node)
            .and_then(|text| serde_json::from_str(&text).ok())
            .unwrap_or_default();
        json.insert("n".into(), name.into());
        let text = serde_json::Value::Object(json).to_string();
        self.change(node, |model, fx, owner| {
            model.set_attributes(fx, node, owner, seal_attributes(&key, &text))
        })
    }

    /// Moves a node into a folder of the same account. False where that would make a circle.
    pub fn move_to(&mut self, node: NodeHandle, folder: NodeHandle) -> bool {
        if self.tree.is_inside(folder, node)
            || self.tree.get(folder).is_none_or(|f| f.kind == Kind::File)
        {
            return false;
        }
        self.change(node, |model, fx, owner| {
            model.move_node(fx, node, folder, owner)
        })
    }

    /// Deletes a node for good, with everything below it.
    pub fn delete(&mut self, node: NodeHandle) -> bool {
        self.change(node, |model, fx, owner| {
            model.delete_node(fx, node, owner, false)
        })
    }

    /// Adds a node object word for word to every listing of an account, however hostile it is.
    pub fn insert_raw_node(&mut self, email: &str, json: &str) {
        if let Some(user) = self.user_mut(email) {
            user.raw_nodes.push(json.into());
        }
    }

    /// Replaces the stored attributes of a node (base64) without telling anybody.
    pub fn tamper_attributes(&mut self, node: NodeHandle, attributes: &str) {
        if let Some(node) = self.tree.get_mut(node) {
            node.attributes = attributes.into();
        }
    }

    /// Replaces the owner's wrapped key of a node (base64) without telling anybody.
    pub fn tamper_key(&mut self, node: NodeHandle, key: &str) {
        if let Some(node) = self.tree.get_mut(node) {
            let owner = node.owner;
            node.set_key(Holder::User(owner), key.into());
        }
    }

    /// Replaces the stored bytes of a file without telling anybody.
    pub fn tamper_content(&mut self, node: NodeHandle, content: Vec<u8>) {
        let content = self.store(content);
        let Some(node) = self.tree.get_mut(node) else {
            return;
        };
        let (owner, old) = (node.owner, node.size());
        let new = content.size();
        if let Some(old) = node.content.replace(content) {
            self.graves.bury(old);
        }
        if let Some(user) = self.users.get_mut(&owner) {
            user.used = user.used.saturating_sub(old).saturating_add(new);
        }
    }

    /// Makes a file this large without telling anybody: behind what it has come zeros, which take no memory. Its key proves such a content no more. For
    /// clients that should take a file of any size; a state folder does not keep it.
    pub fn stretch_content(&mut self, node: NodeHandle, size: u64) {
        let Some(old) = self.tree.get(node).and_then(|node| node.content.clone()) else {
            return;
        };
        let stretched = old.stretched(self.seed.array(), size);
        if let Some(node) = self.tree.get_mut(node) {
            node.content = Some(stretched.into());
        }
    }

    fn change(
        &mut self,
        node: NodeHandle,
        change: impl FnOnce(&mut Self, &mut Effects, crate::wire::UserHandle),
    ) -> bool {
        let Some((owner, kind)) = self.tree.get(node).map(|n| (n.owner, n.kind)) else {
            return false;
        };
        if kind.is_root() {
            return false;
        }
        let mut fx = Effects::default();
        change(self, &mut fx, owner);
        let tag = self.next_tag();
        self.commit(fx, Some(Channel::User(owner)), Some(&tag));
        true
    }

    pub(super) fn add_plain(&mut self, mut node: Node, at: NodeHandle) -> NodeHandle {
        let (handle, owner) = (node.handle, node.owner);
        node.parent = Some(at);
        self.add_node(node);
        let mut fx = Effects::default();
        self.announce(&mut fx, at, owner, &[(handle, None)], &[]);
        let tag = self.next_tag();
        self.commit(fx, Some(Channel::User(owner)), Some(&tag));
        handle
    }
}

/// The key that attributes are encrypted with: a folder key as it is, a file key folded.
fn fold(key: &[u8]) -> Option<Key> {
    let mut out: Key = key.get(..16)?.try_into().ok()?;
    xor(&mut out, key.get(16..32).unwrap_or_default());
    Some(out)
}

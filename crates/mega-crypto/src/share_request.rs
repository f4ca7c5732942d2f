use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write;

use crate::{KeyCipher, NodeHandle, NodeKey, WrappedNodeKey, base64};

/// The `cr` array of a request: the keys of nodes, wrapped for the shares they get into
/// (crypto-and-accounts 4.6).
///
/// Whoever has a share must be able to read what is put into it, so every request that puts nodes
/// below a shared folder carries their keys for *all* shares on the way from their new parent up to
/// the root.
///
/// Give away only keys of nodes that proved themselves: that passed the checks of their types, and
/// whose attributes decrypt under them (threat model, KEY-6). A server could otherwise have any
/// block under the master key decrypted for a partner (ATT-11).
///
/// ```
/// use mega_crypto::{FolderKey, NodeHandle, ShareKey, ShareKeys, ShareRequest};
///
/// let share = ShareKey::from_bytes([0x11; 16])?.cipher();
/// let above = [ShareKeys { share: "PnJpWNta".parse()?, cipher: &share }];
/// let key = FolderKey::from_bytes([0x22; 16])?.into();
///
/// // A new folder, the first entry of the command `p`.
/// let mut request = ShareRequest::for_new_nodes();
/// request.add_new(0, &key, &above);
/// assert_eq!(request.to_json(), r#"[["PnJpWNta"],[],[0,0,"DRZEnznIOOuKw4kn1NYQZw"]]"#);
/// # Ok::<(), mega_crypto::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShareRequest {
    shares: Vec<NodeHandle>,
    /// `None` if nodes are counted in the command's own list.
    nodes: Option<Vec<NodeHandle>>,
    entries: Vec<ShareRequestEntry>,
}

impl ShareRequest {
    /// For the command `p`: nodes are named by their place in the command's list `n`.
    pub const fn for_new_nodes() -> Self {
        Self {
            shares: Vec::new(),
            nodes: None,
            entries: Vec::new(),
        }
    }

    /// For the commands `m` and `s2`: nodes are named by their handles. Leave out what is not
    /// decryptable.
    pub const fn for_existing_nodes() -> Self {
        Self {
            shares: Vec::new(),
            nodes: Some(Vec::new()),
            entries: Vec::new(),
        }
    }

    /// Adds the key of the node at a place of the command's list, counted from 0, for each of the shares above its
    /// new parent.
    pub fn add_new(&mut self, place: u32, key: &NodeKey, shares: &[ShareKeys<'_>]) {
        self.add(place, key, shares);
    }

    /// Adds the key of an existing node, for each of the shares above its new parent.
    pub fn add_existing(&mut self, node: NodeHandle, key: &NodeKey, shares: &[ShareKeys<'_>]) {
        let nodes = self.nodes.get_or_insert_default();
        let place = u32::try_from(nodes.len()).unwrap_or(u32::MAX);
        nodes.push(node);
        self.add(place, key, shares);
    }

    fn add(&mut self, node: u32, key: &NodeKey, shares: &[ShareKeys<'_>]) {
        for ShareKeys { share, cipher } in shares {
            let index = self
                .shares
                .iter()
                .position(|known| known == share)
                .unwrap_or_else(|| {
                    self.shares.push(*share);
                    self.shares.len() - 1
                });
            let share = u32::try_from(index).unwrap_or(u32::MAX);
            self.entries.push(ShareRequestEntry {
                share,
                node,
                key: cipher.wrap_node_key(key),
            });
        }
    }

    /// The shares, in the order in which entries count them.
    pub fn shares(&self) -> &[NodeHandle] {
        &self.shares
    }

    /// The nodes, in the order in which entries count them; empty if they are counted in the
    /// command's own list.
    pub fn nodes(&self) -> &[NodeHandle] {
        self.nodes.as_deref().unwrap_or_default()
    }

    /// The keys.
    pub fn entries(&self) -> &[ShareRequestEntry] {
        &self.entries
    }

    /// Whether there is nothing to send: no share lies above the target. Leave `cr` out then.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The array as it is sent: JSON without white space, handles and keys in base64.
    pub fn to_json(&self) -> String {
        let mut json = String::from("[[");
        push_handles(&self.shares, &mut json);
        json.push_str("],[");
        push_handles(self.nodes(), &mut json);
        json.push_str("],[");
        for (index, entry) in self.entries.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            // Writing to a string does not fail.
            _ = write!(json, "{comma}{},{},\"", entry.share, entry.node);
            base64::encode_into(entry.key.as_bytes(), &mut json);
            json.push('"');
        }
        json.push_str("]]");
        json
    }
}

/// A share that nodes get into, and its key.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "the caller fills it in")]
pub struct ShareKeys<'a> {
    /// The handle of the shared folder.
    pub share: NodeHandle,
    /// The cipher of its share key.
    pub cipher: &'a KeyCipher,
}

/// One key in a [`ShareRequest`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ShareRequestEntry {
    /// Which share, counted in [`ShareRequest::shares`].
    pub share: u32,
    /// Which node, counted in [`ShareRequest::nodes`] or in the command's own list.
    pub node: u32,
    /// Its key, wrapped under the share's key.
    pub key: WrappedNodeKey,
}

fn push_handles(handles: &[NodeHandle], json: &mut String) {
    for (index, handle) in handles.iter().enumerate() {
        json.push_str(if index == 0 { "\"" } else { ",\"" });
        base64::encode_into(handle.as_bytes(), json);
        json.push('"');
    }
}

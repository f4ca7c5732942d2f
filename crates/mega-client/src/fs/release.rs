//! Giving node keys to others: which may be given at all, to whom, and how they are wrapped.
//!
//! A key that the service sent is not proven to be ours. Before it is sent anywhere under another key it must have decrypted well-formed
//! attributes: nobody can make those for a key they do not know (threat model, KEY-6, ATT-11).

use mega_crypto::NodeKey;
use mega_protocol::NodeHandle;
use mega_protocol::commands::{ShareKeys, WrappedNodeKey};

use crate::error::{Error, ErrorKind, Result};
use crate::keyring::Keyring;
use crate::node::{NodeKind, Trouble};
use crate::tree::Tree;
use crate::tree::arena::{Flags, Index};
use crate::tree::decrypt::node_key;

/// Whether key and attributes of a node were read. A missing name is no sign of a wrong key.
pub(super) fn is_sound(trouble: Option<Trouble>) -> bool {
    matches!(trouble, None | Some(Trouble::NoName))
}

/// The key of a node, if it may be given away.
pub(super) fn released_key(tree: &Tree, index: Index) -> Option<NodeKey> {
    let record = tree
        .record(index)
        .filter(|record| is_sound(record.trouble))?;
    node_key(record.kind, &record.key)
}

/// The shared folders (outgoing shares, folder links, incoming shares) that a place lies in, the nearest first. Whoever sees them must be
/// given the keys of what is put there (crypto-and-accounts 4.6).
pub(super) fn shares_around(tree: &Tree, place: Index) -> Vec<NodeHandle> {
    tree.ancestors(place)
        .filter_map(|above| tree.record(above))
        .filter(|record| tree.is_shared_out(record.handle) || record.flags.has(Flags::SHARE_ROOT))
        .map(|record| record.handle)
        .collect()
}

/// Wraps node keys for shares: each key for each share. `nodes` names them; it stays empty in `p`, where the position counts.
///
/// # Errors
///
/// [`ErrorKind::Key`] if the key of a share is unknown: the others could not read what is put there (crypto-and-accounts 3.7 rule 8).
pub(super) fn wrap_for_shares<'k>(
    keyring: &Keyring,
    shares: &[NodeHandle],
    nodes: Vec<NodeHandle>,
    keys: impl Iterator<Item = &'k NodeKey> + Clone,
) -> Result<Option<ShareKeys>> {
    if shares.is_empty() {
        return Ok(None);
    }
    let mut wrapped = Vec::new();
    for (at, share) in (0_u32..).zip(shares) {
        let cipher = keyring.share_cipher(*share).ok_or_else(|| {
            Error::new(
                ErrorKind::Key,
                "the folder is shared and its share key is unknown, so the others could not read what is put there",
            )
            .with_handles(vec![*share])
        })?;
        for (number, key) in (0_u32..).zip(keys.clone()) {
            let key = cipher.wrap_node_key(key);
            wrapped.push(WrappedNodeKey::new(at, number, key.as_bytes()));
        }
    }
    Ok(Some(ShareKeys::new(shares.to_vec(), nodes, wrapped)))
}

/// The keys of a node and of everything below it.
#[derive(Default)]
pub(super) struct Subtree {
    pub(super) nodes: Vec<NodeHandle>,
    pub(super) keys: Vec<NodeKey>,
    /// Those whose key is withheld, because nothing proves that it is theirs.
    pub(super) withheld: Vec<NodeHandle>,
}

/// Collects what a share of a folder must know.
pub(super) fn subtree_keys(tree: &Tree, top: Index) -> Subtree {
    let mut found = Subtree::default();
    for step in tree.walk(top) {
        let Some(record) = tree.record(step.index) else {
            continue;
        };
        match released_key(tree, step.index) {
            Some(key) => {
                found.nodes.push(record.handle);
                found.keys.push(key);
            }
            None if matches!(record.kind, NodeKind::File | NodeKind::Folder) => {
                found.withheld.push(record.handle);
            }
            None => {}
        }
    }
    found
}

/// The nodes of a subtree whose key only a share gives, with their keys (crypto-and-accounts 4.8).
pub(super) fn foreign_keys(tree: &Tree, top: Index) -> Vec<(NodeHandle, NodeKey)> {
    tree.walk(top)
        .filter_map(|step| {
            let record = tree.record(step.index)?;
            let foreign = record.flags.has(Flags::FOREIGN);
            foreign.then(|| Some((record.handle, released_key(tree, step.index)?)))?
        })
        .collect()
}

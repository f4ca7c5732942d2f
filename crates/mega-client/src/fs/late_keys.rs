//! Keys for those who came to share a folder while something was on its way into it, and for what came into it while they did.
//!
//! Whoever puts a node into a folder gives its key to the shares that were in the tree when the command was made, and whoever shares a folder gives the keys of the nodes that
//! were. Between that and the moment in which the service does it, the other may happen. The packets say in which order both did.

use std::collections::HashSet;

use mega_protocol::NodeHandle;
use mega_protocol::commands::SupplyShareKeys;

use super::access::find;
use super::release::{Subtree, shares_around, subtree_keys, wrap_for_shares};
use crate::Client;
use crate::error::{Error, ErrorKind, Result};

/// How many node keys travel with one command.
const KEYS_AT_ONCE: usize = 1000;

impl Client {
    /// After a folder was shared: gives the keys of what has come since its keys were collected.
    ///
    /// # Errors
    ///
    /// [`OutcomeUnknown`](ErrorKind::OutcomeUnknown) with the nodes whose keys could not be given: the share is there.
    pub(super) async fn give_what_came(
        &self,
        share: NodeHandle,
        given: &[NodeHandle],
    ) -> Result<()> {
        let mut subtree =
            self.with_tree(|tree, _| Ok::<_, Error>(subtree_keys(tree, find(tree, share)?)))?;
        if subtree.nodes != given {
            let given: HashSet<&NodeHandle> = given.iter().collect();
            let pairs = subtree.nodes.into_iter().zip(subtree.keys);
            (subtree.nodes, subtree.keys) = pairs.filter(|(node, _)| !given.contains(node)).unzip();
            self.supply(&[share], &subtree).await.map_err(|error| {
                Error::new(
                    ErrorKind::OutcomeUnknown,
                    "the folder is open to the others, but they were not given the keys of what came in the same moment; `repair_keys` gives them",
                )
                .with_handles(subtree.nodes)
                .caused_by(error)
            })?;
        }
        Ok(())
    }

    /// After nodes were put into a folder, with keys for the shares in `given`: gives their keys to those that have come about since.
    ///
    /// What goes wrong is told to the log only: the nodes are there, and `repair_keys` does the same.
    pub(super) async fn give_to_who_came(
        &self,
        folder: NodeHandle,
        given: &[NodeHandle],
        tops: &[NodeHandle],
    ) {
        let (shares, subtrees) = self.with_tree(|tree, _| {
            let around = tree.find(folder).map(|index| shares_around(tree, index));
            let mut shares = around.unwrap_or_default();
            shares.retain(|share| !given.contains(share));
            if shares.is_empty() {
                return (shares, Vec::new());
            }
            let tops = tops.iter().filter_map(|&top| tree.find(top));
            let subtrees = tops.map(|top| subtree_keys(tree, top)).collect();
            (shares, subtrees)
        });
        for subtree in subtrees {
            let supplied = async {
                self.know_share_keys(folder).await?;
                self.supply(&shares, &subtree).await
            };
            if let Err(error) = supplied.await {
                tracing::warn!(%folder, %error, "the folder was shared in the moment in which something came into it, and the others were not given the key");
            }
        }
    }

    /// Gives keys of nodes to shares.
    async fn supply(&self, shares: &[NodeHandle], subtree: &Subtree) -> Result<()> {
        let nodes = subtree.nodes.chunks(KEYS_AT_ONCE);
        for (nodes, keys) in nodes.zip(subtree.keys.chunks(KEYS_AT_ONCE)) {
            let keys = self.with_keyring(|keyring| {
                wrap_for_shares(keyring, shares, nodes.to_vec(), keys.iter())
            })?;
            if let Some(keys) = keys {
                self.ask(SupplyShareKeys::new(keys)).await?;
            }
        }
        Ok(())
    }
}

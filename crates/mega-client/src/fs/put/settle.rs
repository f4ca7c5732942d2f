//! What became of a request whose answer was lost, came twice, or says something else than the tree (RTY-7).

use mega_protocol::NodeHandle;
use mega_protocol::commands::{DeleteNode, PutNodes, PutNodesReply};

use super::Group;
use crate::Client;
use crate::error::{Error, ErrorKind, Result};
use crate::send::refused_after_all;
use crate::tree::arena::{Flags, Index};
use crate::tree::decrypt::key_bytes;

/// How often the second nodes of a request that took effect twice are removed before they are left to the caller.
const TWIN_ATTEMPTS: usize = 3;

impl Client {
    /// Finds out what became of a command of unknown outcome: what carries our fresh keys was made by it (RTY-7). What has not
    /// arrived is sent once more; a token serves once, and a folder that comes late all the same is removed.
    pub(super) async fn settle_put(
        &self,
        group: &Group,
        known: &[Vec<NodeHandle>],
        command: PutNodes,
        unknown: Error,
    ) -> Result<PutNodesReply> {
        let made = || {
            self.with_tree(|tree, _| {
                let here = group.new_since(tree, known);
                // Another client may have renamed or moved it by now.
                here.iter().any(Option::is_some)
                    || (0..group.nodes.len()).any(|at| group.anywhere(tree, at).is_some())
            })
        };
        // As long as nobody can look, it stays unknown.
        if self.catch_up().await.is_err() {
            return Err(unknown);
        }
        if !made() {
            let unknown = refused_after_all(unknown);
            if unknown.kind() != ErrorKind::OutcomeUnknown {
                return Err(unknown);
            }
            match self.change(command).await {
                Ok(reply) => return Ok(reply),
                // Whatever became of the second attempt, the first one may have arrived by now.
                Err(error) => {
                    if self.catch_up().await.is_err() {
                        return Err(unknown);
                    }
                    if !made() {
                        return Err(match refused_after_all(error) {
                            refused if refused.code().is_some() => refused,
                            _ => unknown,
                        });
                    }
                }
            }
        }
        // A command takes effect as a whole.
        Ok(PutNodesReply::default())
    }

    /// Says what became of a node that is not where it should be: another client has renamed, moved or replaced it since, or its folder was deleted
    /// meanwhile; then the service puts new files into the rubbish bin instead of failing (api-and-transfers 5.4).
    pub(super) fn elsewhere(
        &self,
        group: &Group,
        at: usize,
        reply: &PutNodesReply,
    ) -> Result<NodeHandle> {
        let key = group
            .nodes
            .get(at)
            .map(|(planned, _)| key_bytes(&planned.key));
        let found = self.with_tree(|tree, _| {
            let told = reply.files.iter().find_map(|(handle, _)| {
                let record = tree.record(tree.find(*handle)?)?;
                (Some(record.key) == key).then_some(*handle)
            });
            let handle = told.or_else(|| group.anywhere(tree, at))?;
            let index = tree.find(handle)?;
            let within = |top: Option<Index>| top.is_some_and(|top| tree.is_within(index, top));
            // WR-14: it was made, and another program has replaced it since.
            let replaced = tree
                .record(index)
                .is_some_and(|record| record.flags.has(Flags::VERSION))
                && within(tree.find(group.target));
            Some((handle, replaced || !within(tree.roots().rubbish)))
        });
        match found {
            Some((handle, true)) => Ok(handle),
            Some((handle, false)) => Err(Error::new(
                ErrorKind::NotFound,
                "the folder was deleted meanwhile; the service put the file elsewhere, probably into the rubbish bin",
            )
            .with_handles(vec![handle])),
            None => Err(Error::new(
                ErrorKind::OutcomeUnknown,
                "the service reports success, but the new node does not show in the folder",
            )),
        }
    }

    /// RTY-7 step 5: a request that was repeated may have taken effect twice, since the service remembers requests for some time only.
    /// Of two nodes with one of our keys, name and folder, both made since we began, the newer goes.
    pub(super) async fn remove_twins(&self, group: &Group, known: &[Vec<NodeHandle>]) {
        // A removal may meet the same trouble: its answer may be lost, or a repeated one refused since the first has done it. What
        // counts is the tree.
        for _ in 0..TWIN_ATTEMPTS {
            if self.catch_up().await.is_err() {
                return;
            }
            let twins = self.with_tree(|tree, _| group.twins(tree, known));
            if twins.is_empty() {
                return;
            }
            for (twin, keep) in twins {
                tracing::info!(node = %twin, "a repeated request took effect twice; removing the second node");
                // A fresh key proves that the node is ours. Copies of a file share the key: somebody else may have made the same copy, as somebody
                // may have put something into the folder.
                let removed = if keep {
                    self.bin(twin).await
                } else {
                    self.change(DeleteNode::new(twin)).await.map(drop)
                };
                if let Err(error) = removed {
                    tracing::warn!(node = %twin, %error, "the second node could not be removed");
                }
            }
        }
    }
}

//! Which nodes cannot be the root of a folder that somebody else shares, whatever the service says.
//!
//! A share key that a contact sends is taken for a folder of that contact only. If the service could call a folder of our own theirs, such a key would
//! open what we share from it later (threat model, ATT-12).

use super::Tree;
use super::arena::{Flags, Index};
use super::bulk::Marks;
use crate::node::NodeKind;

impl Tree {
    /// Whether a node is one of our own: it lies in the cloud drive, the vault or the rubbish bin, or we share it with others.
    pub(crate) fn cannot_be_incoming(&self, index: Index) -> bool {
        let shared = self.record(index).map(|record| record.handle);
        shared.is_some_and(|handle| self.is_shared_out(handle))
            || self.ancestors(index).any(|above| self.is_own_root(above))
    }

    fn is_own_root(&self, index: Index) -> bool {
        let roots = self.roots();
        let special = [roots.cloud, roots.vault, roots.rubbish].contains(&Some(index));
        // The root of a link is an ordinary folder.
        special
            && self.record(index).is_some_and(|record| {
                matches!(
                    record.kind,
                    NodeKind::Root | NodeKind::Vault | NodeKind::RubbishBin
                )
            })
    }

    /// Forgets that somebody else shares a node, or is said to.
    pub(crate) fn end_incoming(&mut self, index: Index) {
        self.set_share(index, None);
        self.share_roots.remove(&index);
        if let Some(record) = self.record_mut(index) {
            record.flags.set(Flags::SHARE_ROOT, false);
        }
    }

    /// The same for all nodes, after a load. Each way up is walked once.
    pub(crate) fn drop_false_shares(&mut self) {
        let mut roots: Vec<Index> = self.share_roots().collect();
        roots.extend(self.shares.keys());
        roots.sort_unstable();
        roots.dedup();
        if roots.is_empty() {
            return;
        }
        let given_out = self.records.given_out();
        let (mut known, mut own) = (Marks::new(given_out), Marks::new(given_out));
        let mut way = Vec::new();
        for index in roots {
            let mut at = index;
            let below = loop {
                if known.has(at) {
                    break own.has(at);
                }
                let Some(record) = self.record(at) else {
                    break false;
                };
                way.push(at);
                if self.is_own_root(at) {
                    break true;
                }
                at = record.parent;
            };
            for at in way.drain(..) {
                known.set(at);
                if below {
                    own.set(at);
                }
            }
            let shared = self.record(index).map(|record| record.handle);
            if below || shared.is_some_and(|handle| self.is_shared_out(handle)) {
                self.end_incoming(index);
            }
        }
    }
}

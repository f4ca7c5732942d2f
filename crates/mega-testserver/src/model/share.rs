//! Shares between accounts, pending ones, and who may do what (api-and-transfers 5.6).

use serde::{Deserialize, Serialize};

use super::Model;
use super::events::Channel;
use super::node::{Kind, Right};
use crate::wire::{NodeHandle, PublicHandle, RequestHandle, UserHandle};

/// A folder shared with a user or with the public.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Share {
    /// What the other side may do.
    pub right: Right,
    /// Since when, Unix seconds.
    pub created: i64,
    /// The share key for the other side, as the owner sent it.
    pub key: Option<String>,
}

/// A contact request that waits for an answer, with the shares that wait with it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Invitation {
    pub(crate) handle: RequestHandle,
    pub(crate) from: UserHandle,
    pub(crate) to: String,
    pub(crate) message: String,
    pub(crate) created: i64,
    pub(crate) updated: i64,
    pub(crate) shares: Vec<(NodeHandle, Right)>,
}

/// On whose behalf a request is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    Nobody,
    User {
        user: UserHandle,
        sid: String,
    },
    Link {
        link: PublicHandle,
        root: NodeHandle,
        write: bool,
        /// The account that pays for what the visitor downloads.
        payer: Option<UserHandle>,
    },
}

impl Who {
    pub(crate) fn channel(&self) -> Option<Channel> {
        match self {
            Self::Nobody => None,
            Self::User { user, .. } => Some(Channel::User(*user)),
            Self::Link { link, .. } => Some(Channel::Link(*link)),
        }
    }

    pub(crate) fn user(&self) -> Option<UserHandle> {
        match self {
            Self::User { user, .. } => Some(*user),
            _ => None,
        }
    }

    /// Whose allowance downloads count against.
    pub(crate) fn payer(&self) -> Option<UserHandle> {
        match self {
            Self::Nobody => None,
            Self::User { user, .. } => Some(*user),
            Self::Link { payer, .. } => *payer,
        }
    }
}

impl Model {
    /// What somebody may do with a node; `None` when he does not see it.
    pub(crate) fn right(&self, who: &Who, node: NodeHandle) -> Option<Right> {
        match who {
            Who::Nobody => None,
            Who::Link { root, write, .. } => self
                .tree
                .is_inside(node, *root)
                .then_some(if *write { Right::Write } else { Right::Read }),
            Who::User { user, .. } => {
                if self.tree.get(node)?.owner == *user {
                    return Some(Right::Owner);
                }
                self.tree
                    .ancestors(node)
                    .filter_map(|n| n.shares.get(user))
                    .map(|s| s.right)
                    .max()
            }
        }
    }

    /// Whether a node lies in the open: it or a folder above it has a live link.
    pub(crate) fn is_published(&self, node: NodeHandle) -> bool {
        self.tree.ancestors(node).any(|n| {
            n.link
                .as_ref()
                .is_some_and(|l| self.open_link(l.handle).is_ok())
        })
    }

    /// Everybody who sees a node: its account, those it is shared with, visitors of links.
    pub(crate) fn watchers(&self, node: NodeHandle) -> Vec<Channel> {
        let mut out = Vec::new();
        if let Some(node) = self.tree.get(node) {
            out.push(Channel::User(node.owner));
        }
        for above in self.tree.ancestors(node) {
            out.extend(above.shares.keys().map(|u| Channel::User(*u)));
            if let Some(link) = above.link.as_ref().filter(|_| above.kind == Kind::Folder) {
                let channel = Channel::Link(link.handle);
                if self.events.is_open(channel) {
                    out.push(channel);
                }
            }
        }
        out.sort_unstable();
        out.dedup();
        out
    }
}

//! Nodes as one viewer sees them, written straight to text (api-and-transfers 3.3).

use std::fmt::Write as _;

use super::Model;
use super::events::Channel;
use super::limits::Order;
use super::node::{Holder, Kind, Node};
use crate::json::{write_text, write_within};
use crate::seed::Seed;
use crate::wire::{NodeHandle, b64};

/// The group number in front of file attributes; one storage cluster serves them all.
pub(crate) const CLUSTER: u32 = 721;

impl Model {
    /// Appends the node object for a viewer. `index` is the node's place in the request that made it.
    pub(crate) fn write_node(
        &self,
        out: &mut String,
        node: &Node,
        viewer: Channel,
        index: Option<usize>,
    ) {
        let begin = out.len();
        out.push_str("{\"h\":\"");
        let _ = node.handle.write(out);
        out.push_str("\",\"p\":\"");
        if let Some(parent) = node.parent {
            let _ = parent.write(out);
        }
        out.push_str("\",\"u\":\"");
        let _ = node.owner.write(out);
        let _ = write!(out, "\",\"t\":{},\"a\":", node.kind.number());
        write_text(out, &node.attributes);
        out.push_str(",\"k\":\"");
        self.write_keys(out, node, viewer);
        out.push('"');
        if node.kind == Kind::File {
            let _ = write!(out, ",\"s\":{}", node.size());
            let fa = file_attributes(node);
            if !fa.is_empty() {
                out.push_str(",\"fa\":");
                write_text(out, &fa);
            }
        }
        let _ = write!(out, ",\"ts\":{}", node.created);
        if let Channel::User(user) = viewer
            && node.owner != user
            && let Some(share) = node.shares.get(&user)
        {
            let _ = write!(
                out,
                ",\"su\":\"{}\",\"r\":{},\"sts\":{}",
                node.owner,
                share.right.number(),
                share.created
            );
            if let Some(key) = &share.key {
                out.push_str(",\"sk\":");
                write_text(out, key);
            }
        }
        if let Some(index) = index {
            let _ = write!(out, ",\"i\":{index}");
        }
        out.push('}');
        for (member, json) in self.lies.get(&node.handle).into_iter().flatten() {
            let lie = crate::fault::Reshape::Replace(member.clone(), json.clone());
            let honest = out.split_off(begin);
            out.push_str(&lie.apply(&honest));
        }
    }

    /// The node object for a viewer.
    pub(crate) fn node_text(&self, node: &Node, viewer: Channel, index: Option<usize>) -> String {
        let mut out = String::new();
        self.write_node(&mut out, node, viewer, index);
        out
    }

    /// `k`: for a user his own key first, then those of shares; for a link visitor the link's first.
    fn write_keys(&self, out: &mut String, node: &Node, viewer: Channel) {
        let first = match viewer {
            Channel::User(user) => Some(Holder::User(user)),
            Channel::Link(link) => self.links.get(&link).map(|root| Holder::Share(*root)),
        };
        let is_first = |holder: &Holder| Some(*holder) == first;
        let own = node.keys.iter().filter(|(h, _)| is_first(h));
        let others = node
            .keys
            .iter()
            .filter(|(h, _)| !is_first(h) && matches!(h, Holder::Share(_)));
        for (i, (holder, key)) in own.chain(others).enumerate() {
            if i > 0 {
                out.push('/');
            }
            let _ = match holder {
                Holder::User(user) => user.write(out),
                Holder::Share(root) => root.write(out),
            };
            out.push(':');
            write_within(out, key);
        }
    }

    /// What a viewer sees: the roots of what he sees, each with everything below it, parents first.
    pub(crate) fn visible(&self, viewer: Channel) -> Vec<&Node> {
        let roots: Vec<NodeHandle> = match viewer {
            Channel::User(user) => match self.users.get(&user) {
                Some(user) => [user.root, user.vault, user.bin]
                    .into_iter()
                    // What lies in another of them is listed there.
                    .chain(user.incoming.iter().copied().filter(|root| {
                        !self
                            .tree
                            .ancestors(*root)
                            .skip(1)
                            .any(|n| user.incoming.contains(&n.handle))
                    }))
                    .collect(),
                None => Vec::new(),
            },
            Channel::Link(link) => self.links.get(&link).copied().into_iter().collect(),
        };
        let mut out: Vec<&Node> = roots
            .into_iter()
            .flat_map(|root| self.tree.below(root))
            .collect();
        match (self.options.order, viewer) {
            // The first node of a folder link is its root, in any order.
            (Order::ParentsFirst, _) | (_, Channel::Link(_)) => {}
            (Order::ChildrenFirst, _) => out.reverse(),
            (Order::Shuffled(number), _) => {
                let mut seed = Seed::new(number);
                for i in (1..out.len()).rev() {
                    let other = seed.below(i as u64 + 1);
                    out.swap(i, usize::try_from(other).unwrap_or(0));
                }
            }
        }
        out
    }
}

/// The `fa` text of a node: `group:type*handle` joined by `/`.
pub(crate) fn file_attributes(node: &Node) -> String {
    let parts: Vec<String> = node
        .file_attributes
        .iter()
        .map(|(kind, handle)| format!("{CLUSTER}:{kind}*{handle}"))
        .collect();
    parts.join("/")
}

/// Reads `type*handle/type*handle`, with or without group numbers.
pub(crate) fn parse_file_attributes(text: &str) -> Vec<(u32, String)> {
    text.split('/')
        .filter_map(|part| {
            let part = part.split_once(':').map_or(part, |(_, rest)| rest);
            let (kind, handle) = part.split_once('*')?;
            Some((kind.parse().ok()?, handle.to_owned()))
        })
        .collect()
}

/// The number of a stored file, as clients are told.
pub(crate) fn file_id(node: &Node) -> Option<String> {
    node.content.as_ref().map(|c| b64(&c.id()))
}

//! Nodes to be made, and those of them that one command makes.

use std::collections::HashSet;

use mega_crypto::attributes::Attributes;
use mega_crypto::{FolderKey, NodeKey};
use mega_protocol::NodeHandle;
use mega_protocol::commands::{NewNode, NewNodeSource};
use mega_protocol::{Blob, NodeKind as WireKind};

use super::bad_name;
use crate::chance::rng;
use crate::error::Result;
use crate::tree::Tree;
use crate::tree::decrypt::key_bytes;

/// A node to be made, of any kind. `above` is the position of a folder earlier in the same list.
#[derive(Debug)]
pub(in crate::fs) struct Planned {
    pub(in crate::fs) source: NewNodeSource,
    pub(in crate::fs) above: Option<usize>,
    pub(in crate::fs) key: NodeKey,
    pub(in crate::fs) attributes: Attributes,
    pub(in crate::fs) file_attributes: Option<String>,
    pub(in crate::fs) replaces: Option<NodeHandle>,
}

impl Planned {
    /// A new, empty folder with a fresh key.
    pub(in crate::fs) fn folder(
        temporary: NodeHandle,
        above: Option<usize>,
        name: &str,
    ) -> Result<Self> {
        let mut attributes = Attributes::new();
        attributes.set_name_verbatim(name).map_err(bad_name)?;
        Ok(Self {
            source: NewNodeSource::Folder(temporary),
            above,
            key: NodeKey::Folder(FolderKey::random(&mut rng())),
            attributes,
            file_attributes: None,
            replaces: None,
        })
    }

    /// What the children of this node name as their parent inside the request.
    fn temporary(&self) -> Option<NodeHandle> {
        match self.source {
            NewNodeSource::Folder(handle) | NewNodeSource::Copy(handle) => Some(handle),
            _ => None,
        }
    }
}

impl Planned {
    pub(super) fn encode(
        &self,
        attributes: Blob,
        key: Option<Blob>,
        parent: Option<NodeHandle>,
    ) -> NewNode {
        let kind = match self.key {
            NodeKey::File(_) => WireKind::File,
            NodeKey::Folder(_) => WireKind::Folder,
        };
        let none = Blob::default();
        let mut node = match &self.source {
            NewNodeSource::Folder(temporary) => NewNode::folder(*temporary, attributes, none),
            NewNodeSource::Upload(token) => NewNode::upload(token.clone(), attributes, none),
            NewNodeSource::Link(link) => NewNode::import(*link, attributes, none),
            NewNodeSource::Copy(source) => NewNode::copy(*source, kind, attributes, none),
            _ => NewNode::copy(NodeHandle::from_bytes([0; 6]), kind, attributes, none),
        };
        node.key = key;
        node.parent = parent;
        node.file_attributes.clone_from(&self.file_attributes);
        node.replaces = self.replaces;
        node
    }
}

/// Nodes that go below one existing folder; each with the place of its parent among them, if it does not lie in the folder itself.
pub(super) struct Group {
    pub(super) target: NodeHandle,
    pub(super) nodes: Vec<(Planned, Option<usize>)>,
}

impl Group {
    pub(super) fn temporary(&self, at: usize) -> Option<NodeHandle> {
        self.nodes
            .get(at)
            .and_then(|(planned, _)| planned.temporary())
    }

    /// All nodes of the tree that have parent, name and key of each of ours.
    pub(super) fn found(&self, tree: &Tree) -> Vec<Vec<NodeHandle>> {
        let mut found: Vec<Vec<NodeHandle>> = Vec::with_capacity(self.nodes.len());
        for (planned, inside) in &self.nodes {
            let parents = match inside {
                None => vec![self.target],
                Some(at) => found.get(*at).cloned().unwrap_or_default(),
            };
            let name = planned.attributes.name_bytes().unwrap_or_default();
            let name = tree.mask().decode(&name);
            let key = key_bytes(&planned.key);
            let mut here = Vec::new();
            for parent in parents {
                let Some(parent) = tree.find(parent) else {
                    continue;
                };
                here.extend(
                    tree.named(parent, &name)
                        .filter_map(|index| tree.record(index))
                        .filter(|record| record.key == key)
                        .map(|record| record.handle),
                );
            }
            found.push(here);
        }
        found
    }

    /// The node with the fresh key of one of ours, however others have called it and wherever they have put it since. Copies have no fresh key.
    pub(super) fn anywhere(&self, tree: &Tree, at: usize) -> Option<NodeHandle> {
        let (planned, _) = self.nodes.get(at)?;
        if !matches!(
            planned.source,
            NewNodeSource::Upload(_) | NewNodeSource::Folder(_)
        ) {
            return None;
        }
        let key = key_bytes(&planned.key);
        let mut records = tree.indices().filter_map(|index| tree.record(index));
        let ours = records.find(|record| record.key == key)?;
        Some(ours.handle)
    }

    /// What has come since `known` was found beyond what was asked for, the newest, and whether it is the copy of a file.
    pub(super) fn twins(&self, tree: &Tree, known: &[Vec<NodeHandle>]) -> Vec<(NodeHandle, bool)> {
        let mut twins: Vec<(NodeHandle, bool)> = Vec::new();
        let found = self.found(tree);
        for ((planned, inside), (here, known)) in self.nodes.iter().zip(found.iter().zip(known)) {
            // What lies in a folder of ours goes with it.
            if inside.is_some() {
                continue;
            }
            let copy = matches!(
                (&planned.source, &planned.key),
                (
                    NewNodeSource::Copy(_) | NewNodeSource::Link(_),
                    NodeKey::File(_)
                )
            );
            // Two copies of one file may have been asked for.
            let asked = found.iter().zip(&self.nodes);
            let asked = asked.filter(|(other, (_, inside))| inside.is_none() && *other == here);
            let age = |handle: &NodeHandle| {
                let record = tree.find(*handle).and_then(|index| tree.record(index));
                record.map(|record| record.created)
            };
            let mut fresh: Vec<NodeHandle> = here.clone();
            fresh.retain(|handle| !known.contains(handle));
            fresh.sort_by_key(age);
            for twin in fresh.into_iter().skip(asked.count()) {
                let twin = (twin, copy || !self.is_all_ours(tree, twin));
                if !twins.contains(&twin) {
                    twins.push(twin);
                }
            }
        }
        twins
    }

    /// Whether everything in a node has one of our keys: somebody else may have put something into a folder meanwhile.
    fn is_all_ours(&self, tree: &Tree, top: NodeHandle) -> bool {
        let Some(top) = tree.find(top) else {
            return true;
        };
        let ours: HashSet<[u8; 32]> = self
            .nodes
            .iter()
            .map(|(planned, _)| key_bytes(&planned.key))
            .collect();
        tree.walk(top).all(|step| {
            tree.record(step.index)
                .is_some_and(|record| ours.contains(&record.key))
        })
    }

    /// What has come since `known` was found: the node that each of ours has become.
    pub(super) fn new_since(
        &self,
        tree: &Tree,
        known: &[Vec<NodeHandle>],
    ) -> Vec<Option<NodeHandle>> {
        let mut taken: HashSet<NodeHandle> = HashSet::new();
        self.found(tree)
            .into_iter()
            .zip(known)
            .map(|(found, known)| {
                // Two copies of one file may go into one folder under one name.
                let new = found
                    .into_iter()
                    .find(|handle| !known.contains(handle) && !taken.contains(handle))?;
                taken.insert(new);
                Some(new)
            })
            .collect()
    }
}

pub(super) fn group_of(groups: &mut Vec<Group>, target: NodeHandle) -> usize {
    if let Some(at) = groups.iter().position(|group| group.target == target) {
        return at;
    }
    groups.push(Group {
        target,
        nodes: Vec::new(),
    });
    groups.len().saturating_sub(1)
}

//! Working out what a clean-up does, before anything is changed.
//!
//! Folders of one name count as one folder from the start, so that a dry run sees the same files side by side as the merge would bring together.

use std::collections::{HashMap, HashSet};

use mega_crypto::fingerprint::Fingerprint;
use mega_protocol::NodeHandle;

use super::{DedupeMode, Options, SameBy};
use crate::attributes;
use crate::error::{Error, Result};
use crate::node::{Node, NodeKind};
use crate::tree::Tree;
use crate::tree::arena::Index;

/// What is to be done.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) merges: Vec<Merge>,
    pub(super) groups: Vec<Group>,
    /// Folders that others can see, beside which there are more of their name: merging would end what is public, or make public what is not.
    pub(super) published: Vec<NodeHandle>,
}

impl Plan {
    /// How many nodes are moved, removed and renamed.
    pub(super) fn steps(&self) -> usize {
        let merged = self.merges.iter();
        let merged = merged.map(|merge| merge.moves.len().saturating_add(merge.empties.len()));
        let cleaned = self.groups.iter();
        let cleaned = cleaned.map(|group| group.removed.len().saturating_add(group.renamed.len()));
        merged.chain(cleaned).sum()
    }
}

/// Folders of one name that become one.
#[derive(Debug)]
pub(super) struct Merge {
    pub(super) into: NodeHandle,
    /// What has to be moved into it.
    pub(super) moves: Vec<NodeHandle>,
    /// The other folders, empty after the moves.
    pub(super) empties: Vec<NodeHandle>,
}

/// Files of one name.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) path: Option<String>,
    pub(super) kept: Vec<Node>,
    pub(super) removed: Vec<Node>,
    /// Those of them whose content is that of one that stays only as far as fingerprints tell.
    pub(super) unproven: HashSet<NodeHandle>,
    pub(super) renamed: Vec<Node>,
}

/// Children of one name, in the order of the listing.
#[derive(Default)]
struct Named {
    files: Vec<Index>,
    folders: Vec<Index>,
    /// Folders that are left alone, see [`Plan::published`].
    published: Vec<Index>,
}

/// Whether a folder has a link or is shared with somebody, who would see what is put into it, or lose it.
fn is_published(tree: &Tree, index: Index) -> bool {
    tree.record(index).is_some_and(|record| {
        tree.link(record.handle).is_some() || tree.is_shared_out(record.handle)
    })
}

pub(super) fn plan(tree: &Tree, base: Index, top: NodeHandle, options: Options) -> Result<Plan> {
    let top = tree
        .find(top)
        .ok_or_else(|| Error::not_found(top.to_string()))?;
    let mut plan = Plan::default();
    // Each entry is one folder to the eye: the first of its parts is the one that stays.
    let mut todo: Vec<Vec<Index>> = vec![vec![top]];
    while let Some(parts) = todo.pop() {
        let Some((&first, others)) = parts.split_first() else {
            continue;
        };
        let mut order: Vec<Box<[u8]>> = Vec::new();
        let mut named: HashMap<Box<[u8]>, Named> = HashMap::new();
        let mut moves = Vec::new();
        for &part in &parts {
            for child in tree.children(part) {
                let Some(record) = tree.record(child) else {
                    continue;
                };
                // A folder that joins another one is emptied, not moved.
                let mut joins = false;
                if let Some(stored) = tree.stored_name(child) {
                    let name: Box<[u8]> = tree.mask().decode(&stored).into_owned().into();
                    let entry = named.entry(name.clone()).or_insert_with(|| {
                        order.push(name);
                        Named::default()
                    });
                    match record.kind {
                        NodeKind::File => entry.files.push(child),
                        NodeKind::Folder if is_published(tree, child) => {
                            entry.published.push(child);
                        }
                        NodeKind::Folder => {
                            joins = !entry.folders.is_empty() && !options.files_only;
                            entry.folders.push(child);
                        }
                        _ => {}
                    }
                }
                if part != first && !joins {
                    moves.push(record.handle);
                }
            }
        }
        let handle = |&index: &Index| tree.record(index).map(|record| record.handle);
        if let (Some(into), false) = (handle(&first), others.is_empty()) {
            plan.merges.push(Merge {
                into,
                moves,
                empties: others.iter().filter_map(handle).collect(),
            });
        }
        for name in order {
            let Some(Named {
                files,
                folders,
                published,
            }) = named.remove(&name)
            else {
                continue;
            };
            if files.len() > 1 && !options.folders_only {
                plan.groups.extend(group(tree, base, &files, options));
            }
            if published.len().saturating_add(folders.len()) > 1 && !options.files_only {
                plan.published.extend(published.iter().filter_map(handle));
            }
            todo.extend(published.into_iter().map(|folder| vec![folder]));
            if options.files_only {
                todo.extend(folders.into_iter().map(|folder| vec![folder]));
            } else if !folders.is_empty() {
                todo.push(folders);
            }
        }
    }
    Ok(plan)
}

/// Decides about files of one name.
fn group(tree: &Tree, base: Index, files: &[Index], options: Options) -> Option<Group> {
    let nodes: Vec<Node> = files.iter().filter_map(|&index| tree.node(index)).collect();
    let mut group = Group {
        path: files
            .first()
            .and_then(|&index| tree.path_of(index, base))
            .map(|path| format!("/{path}")),
        kept: Vec::new(),
        removed: Vec::new(),
        unproven: HashSet::new(),
        renamed: Vec::new(),
    };
    if options.mode == DedupeMode::List {
        group.kept = nodes;
        return Some(group);
    }
    // Of each content one stays: the one that the mode would choose among them.
    let mut left: Vec<Node> = Vec::new();
    let mut contents: Vec<Vec<Node>> = Vec::new();
    for node in nodes {
        match contents
            .iter_mut()
            .find(|same| same.iter().any(|other| equal(other, &node, options.same)))
        {
            Some(same) => same.push(node),
            None => contents.push(vec![node]),
        }
    }
    for mut same in contents {
        let stays = choose(&same, options.mode)
            .unwrap_or(0)
            .min(same.len().saturating_sub(1));
        let stays = same.remove(stays);
        if options.same == SameBy::Fingerprint {
            let unproven = same.iter().filter(|node| !equal(node, &stays, SameBy::Key));
            group.unproven.extend(unproven.map(Node::handle));
        }
        left.push(stays);
        group.removed.append(&mut same);
    }
    if left.len() > 1 {
        match (options.mode, choose(&left, options.mode)) {
            (DedupeMode::Rename, _) => group.renamed = left.split_off(1),
            (_, Some(stays)) if stays < left.len() => {
                let kept = left.remove(stays);
                group.removed.append(&mut left);
                left.push(kept);
            }
            _ => {}
        }
    }
    group.kept = left;
    Some(group)
}

/// Which one of several files a mode keeps; `None` if it does not choose.
fn choose(nodes: &[Node], mode: DedupeMode) -> Option<usize> {
    let by = |key: fn(&Node) -> i128, largest: bool| {
        let mut best: Option<(usize, i128)> = None;
        for (at, node) in nodes.iter().enumerate() {
            let key = if largest {
                key(node)
            } else {
                key(node).saturating_neg()
            };
            if best.is_none_or(|(_, known)| key > known) {
                best = Some((at, key));
            }
        }
        best.map(|(at, _)| at)
    };
    // A file without a time is neither the newest nor the oldest while there are others.
    let newest: fn(&Node) -> i128 = |node| node.modified_unix().map_or(i128::MIN / 2, i128::from);
    let oldest: fn(&Node) -> i128 = |node| node.modified_unix().map_or(i128::MAX / 2, i128::from);
    let size: fn(&Node) -> i128 = |node| i128::from(node.size());
    match mode {
        DedupeMode::First => Some(0),
        DedupeMode::Newest => by(newest, true),
        DedupeMode::Oldest => by(oldest, false),
        DedupeMode::Largest => by(size, true),
        DedupeMode::Smallest => by(size, false),
        DedupeMode::Skip | DedupeMode::Rename | DedupeMode::List => None,
    }
}

/// Whether two files count as the same. What cannot be read is never the same as anything.
fn equal(left: &Node, right: &Node, rule: SameBy) -> bool {
    if left.size() != right.size() || left.trouble().is_some() || right.trouble().is_some() {
        return false;
    }
    match rule {
        SameBy::Nothing => false,
        SameBy::Size => true,
        SameBy::Key => left.key_bytes() == right.key_bytes(),
        SameBy::Fingerprint => {
            left.key_bytes() == right.key_bytes()
                || match (fingerprint(left), fingerprint(right)) {
                    (Some(left), Some(right)) => left.same_content(&right),
                    _ => false,
                }
        }
    }
}

fn fingerprint(node: &Node) -> Option<Fingerprint> {
    let text = attributes::fingerprint_in(node.attribute_text())?;
    Fingerprint::from_attribute(std::str::from_utf8(&text).ok()?, node.size()).ok()
}

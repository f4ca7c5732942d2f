//! What a tree says about changes whose answers never came.

use std::collections::HashMap;
use std::time::SystemTime;

use mega_protocol::{ChangeOutcome, NodeHandle};

use super::change::SettledChange;
use super::evidence::{Item, Key, Proof, copies, hash};
use crate::tree::Tree;
use crate::tree::arena::Index;

/// What became of a change, and the node that it made.
type Verdict = (ChangeOutcome, Option<NodeHandle>);

/// Looks at an up-to-date tree, and says what became of each change.
pub(super) fn judge(tree: &Tree, items: &[(&Item, SystemTime)]) -> Vec<SettledChange> {
    let fresh = fresh_keys(tree, items.iter().map(|(item, _)| *item));
    let settled = items.iter().map(|(item, sent)| {
        let (outcome, made) = verdict(tree, item, &fresh);
        SettledChange {
            change: item.shown(*sent),
            outcome,
            made,
        }
    });
    settled.collect()
}

/// The nodes that have one of the fresh keys: one walk over the tree for all of them, and none where there are none.
fn fresh_keys<'a>(
    tree: &Tree,
    items: impl Iterator<Item = &'a Item>,
) -> HashMap<[u8; 32], Vec<Index>> {
    let keys = items.filter_map(|item| match &item.proof {
        Proof::FreshKey(key) => Some((**key, Vec::new())),
        _ => None,
    });
    let mut found: HashMap<[u8; 32], Vec<Index>> = keys.collect();
    if !found.is_empty() {
        for index in tree.indices() {
            let key = tree.record(index).map(|record| record.key);
            if let Some(nodes) = key.and_then(|key| found.get_mut(&key)) {
                nodes.push(index);
            }
        }
    }
    found
}

fn verdict(tree: &Tree, item: &Item, fresh: &HashMap<[u8; 32], Vec<Index>>) -> Verdict {
    let node = item.node.and_then(|node| tree.find(node));
    let outcome = match &item.proof {
        Proof::None => ChangeOutcome::Unknown,
        Proof::FreshKey(key) => return made(first_of(tree, fresh, key, item.folder)),
        Proof::Copy { key, name, before } => {
            let folder = item.folder.and_then(|folder| tree.find(folder));
            let here = folder.map(|folder| copies(tree, folder, name, key));
            let mut here = here.unwrap_or_default().into_iter();
            return made(here.find(|copy| !before.contains(copy)));
        }
        Proof::Place { from } => match node.and_then(|node| folder_of(tree, node)) {
            Some(now) if Some(now) == item.folder => ChangeOutcome::Done,
            Some(now) if Some(now) == *from => ChangeOutcome::NotDone,
            _ => ChangeOutcome::Unknown,
        },
        Proof::Attributes { new, old } => match node.map(|node| hash(tree.text_of(node))) {
            Some(now) if now == *new => ChangeOutcome::Done,
            Some(now) if now == *old => ChangeOutcome::NotDone,
            _ => ChangeOutcome::Unknown,
        },
        Proof::Gone => done(node.is_none()),
        Proof::EmptyBin { one } => {
            let bin = tree.roots().rubbish;
            let empty = bin.is_none_or(|bin| tree.children(bin).next().is_none());
            match one.map(|one| tree.find(one)) {
                _ if empty => ChangeOutcome::Done,
                Some(Some(index)) if bin.is_some_and(|bin| tree.is_within(index, bin)) => {
                    ChangeOutcome::NotDone
                }
                Some(None) => ChangeOutcome::Done,
                _ => ChangeOutcome::Unknown,
            }
        }
        Proof::Link { expires } => {
            let link = item.node.and_then(|node| tree.link(node));
            done(link.is_some_and(|link| expires.is_none() || link.expires == *expires))
        }
        Proof::NoLink => done(item.node.is_none_or(|node| tree.link(node).is_none())),
    };
    (outcome, None)
}

/// One of the nodes with a fresh key: rather one that lies where it was to be made, since copies by others have the same key.
fn first_of(
    tree: &Tree,
    fresh: &HashMap<[u8; 32], Vec<Index>>,
    key: &Key,
    folder: Option<NodeHandle>,
) -> Option<NodeHandle> {
    let nodes = fresh.get(&**key)?;
    let at_home = nodes.iter().find(|&&node| folder_of(tree, node) == folder);
    let record = tree.record(*at_home.or(nodes.first())?)?;
    Some(record.handle)
}

fn folder_of(tree: &Tree, node: Index) -> Option<NodeHandle> {
    let above = tree.record(node)?.parent;
    Some(tree.record(above)?.handle)
}

fn made(node: Option<NodeHandle>) -> Verdict {
    (done(node.is_some()), node)
}

fn done(done: bool) -> ChangeOutcome {
    if done {
        ChangeOutcome::Done
    } else {
        ChangeOutcome::NotDone
    }
}

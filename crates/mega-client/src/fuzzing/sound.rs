//! What every tree must be like, and what two trees must have in common to be the same.

use std::collections::{BTreeMap, BTreeSet};

use mega_protocol::NodeHandle;

use crate::node::{NodeKind, Trouble};
use crate::tree::Tree;
use crate::tree::arena::{Flags, Index};

/// Panics unless the two directions of every edge agree, every index finds what is there and nothing else, and every walk ends.
pub(super) fn check(tree: &Tree) {
    let (mut attached, mut children, mut reached) = (0, 0, 0);
    let waiting = tree.waiting();
    for index in tree.indices() {
        let record = tree.record(index).expect("it is there");
        assert_eq!(tree.find(record.handle), Some(index), "by its handle");
        let mut before = None;
        for child in tree.children(index) {
            children += 1;
            assert!(children < tree.len(), "siblings are no circle");
            let below = tree.record(child).expect("a child is there");
            assert_eq!(below.parent, index, "a child knows its parent");
            if let Some(before) = before {
                assert_eq!(below.prev, before, "siblings know each other");
            }
            before = Some(child);
        }
        if let Some(first) = record.first_child.some() {
            assert_eq!(
                tree.record(first).map(|first| Some(first.prev)),
                Some(before),
                "the first knows the last"
            );
        }
        match record.parent.some() {
            Some(parent) => {
                attached += 1;
                assert!(
                    !waiting.contains_key(&index),
                    "who has a parent waits for none"
                );
                check_name(tree, index, parent);
                assert!(
                    tree.ancestors(index)
                        .all(|above| tree.record(above).is_some())
                );
            }
            None => {
                reached += tree.walk(index).take(tree.len() + 1).count();
                let orphan = record.flags.has(Flags::ORPHAN);
                assert_eq!(
                    orphan,
                    waiting.contains_key(&index),
                    "who waits is known to"
                );
            }
        }
    }
    assert_eq!(attached, children, "each parent knows its children");
    assert_eq!(reached, tree.len(), "every node is reached once");
    for (&index, &parent) in &waiting {
        assert!(tree.record(index).is_some());
        assert_eq!(tree.find(parent), None, "nobody waits for one who is there");
    }
    let roots = tree.roots();
    for root in [roots.cloud, roots.vault, roots.rubbish]
        .into_iter()
        .flatten()
    {
        let record = tree.record(root).expect("a root is there");
        assert_eq!(record.parent, Index::NONE, "nothing is above a root");
    }
    assert!(tree.share_roots().all(|index| tree.record(index).is_some()));
}

fn check_name(tree: &Tree, index: Index, parent: Index) {
    let record = tree.record(index).expect("it is there");
    let Some(stored) = tree.stored_name(index) else {
        return;
    };
    let decoded = tree.mask().decode(&stored).into_owned();
    let found: Vec<Index> = tree.named(parent, &decoded).take(tree.len() + 1).collect();
    assert_eq!(
        found.contains(&index),
        !record.flags.has(Flags::VERSION),
        "by its name"
    );
    let distinct: BTreeSet<Index> = found.iter().copied().collect();
    assert_eq!(distinct.len(), found.len(), "once");
    for other in found {
        assert_eq!(tree.record(other).map(|other| other.parent), Some(parent));
        let name = tree.stored_name(other).expect("it was found by its name");
        assert_eq!(tree.mask().decode(&name).into_owned(), decoded);
    }
}

/// What is the same in two trees that are the same.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Shape {
    roots: [Option<NodeHandle>; 3],
    nodes: BTreeMap<NodeHandle, Spot>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Spot {
    pub(super) parent: Option<NodeHandle>,
    pub(super) kind: NodeKind,
    pub(super) trouble: Option<Trouble>,
    pub(super) name: Option<Vec<u8>>,
    version: bool,
    waits_for: Option<NodeHandle>,
    /// In their order, unless the order is left out.
    children: Option<Vec<NodeHandle>>,
}

impl Shape {
    pub(super) fn of(tree: &Tree, ordered: bool) -> Self {
        let handle = |index| tree.record(index).map(|record| record.handle);
        let waiting = tree.waiting();
        let spot = |index| {
            let record = tree.record(index)?;
            let children = || tree.children(index).filter_map(handle).collect();
            let spot = Spot {
                parent: handle(record.parent),
                kind: record.kind,
                trouble: record.trouble,
                name: tree.stored_name(index).map(|name| name.into_owned()),
                version: record.flags.has(Flags::VERSION),
                waits_for: waiting.get(&index).copied(),
                children: ordered.then(children),
            };
            Some((record.handle, spot))
        };
        let roots = tree.roots();
        Self {
            roots: [roots.cloud, roots.vault, roots.rubbish].map(|root| root.and_then(handle)),
            nodes: tree.indices().filter_map(spot).collect(),
        }
    }

    pub(super) fn nodes(&self) -> &BTreeMap<NodeHandle, Spot> {
        &self.nodes
    }
}

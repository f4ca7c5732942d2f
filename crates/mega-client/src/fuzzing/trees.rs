//! Trees from nodes in any order, of any kind, with any parents (threat model, section 13).

use std::collections::{BTreeMap, BTreeSet};

use mega_filename::Mask;
use mega_protocol::NodeHandle;

use super::bytes::{Input, mixed, shuffled};
use super::sound::{self, Shape};
use crate::node::{NodeKind, Trouble};
use crate::tree::edit::NewNode;
use crate::tree::{RawSecrets, Tree};

/// Nodes of three bytes each, after eight that choose orders. A tree is loaded from them at once, and another one node by node.
///
/// - Both are sound, whatever came, and stay so when nodes are removed, each with exactly what lies below it (EVT-8).
/// - Both are the same, in the same order, unless there was a cycle at some time (TRE-1 says only that its members are out of sight).
/// - Where no handle and no root came twice, every order gives the same tree (TRE-13).
pub fn tree_builder(input: &[u8]) {
    let mut input = Input(input);
    let seed = u64::from_le_bytes(input.array());
    let mut nodes = Vec::new();
    while !input.is_empty() && nodes.len() < MOST {
        nodes.push(Piece::new(input.array()));
    }
    let loaded = loaded(&nodes);
    let grown = grown(&nodes);
    sound::check(&loaded);
    sound::check(&grown);
    if !ever_a_circle(&nodes) {
        assert_eq!(
            Shape::of(&loaded, true),
            Shape::of(&grown, true),
            "at once or one by one"
        );
        if each_once(&nodes) {
            let other = shuffled(&nodes, seed);
            let wanted = Shape::of(&loaded, false);
            assert_eq!(Shape::of(&self::loaded(&other), false), wanted, "TRE-13");
            assert_eq!(Shape::of(&self::grown(&other), false), wanted, "TRE-13");
        }
    }
    prune(loaded, seed);
    prune(grown, seed);
}

const MOST: usize = 200;

#[derive(Clone, Copy)]
struct Piece {
    number: u8,
    parent: Option<u8>,
    kind: NodeKind,
    name: u8,
    trouble: Option<Trouble>,
    share_root: bool,
}

impl Piece {
    fn new([who, above, what]: [u8; 3]) -> Self {
        let kinds = [
            NodeKind::Folder,
            NodeKind::File,
            NodeKind::Folder,
            NodeKind::Folder,
            NodeKind::Root,
            NodeKind::Vault,
            NodeKind::RubbishBin,
            NodeKind::Unknown,
        ];
        let kind = kinds.into_iter().nth((what % 8).into());
        Self {
            number: who % 32,
            // One more number than there are nodes, for the parent that never comes.
            parent: (above % 34).checked_sub(1),
            kind: kind.unwrap_or(NodeKind::Unknown),
            name: what >> 4 & 3,
            trouble: match what >> 6 {
                2 => Some(Trouble::NoKey),
                3 => Some(Trouble::BadAttributes),
                _ => None,
            },
            share_root: what & 8 != 0,
        }
    }

    fn put(self, tree: &mut Tree) {
        let text = format!(r#"{{"n":"{}"}}"#, self.name);
        let moves = matches!(self.kind, NodeKind::File | NodeKind::Folder);
        let readable = self.trouble.is_none() && moves;
        let raw = RawSecrets {
            key: "k".into(),
            attributes: "a".into(),
        };
        tree.insert(&NewNode {
            key: [7; 32],
            text: if readable { text.as_bytes() } else { b"" },
            trouble: self.trouble,
            share_root: self.share_root && moves,
            raw: self.trouble.map(|_| raw),
            ..NewNode::bare(handle(self.number), self.parent.map(handle), self.kind)
        });
    }
}

fn handle(number: u8) -> NodeHandle {
    NodeHandle::from_bytes([1, 2, 3, 4, 5, number])
}

fn loaded(nodes: &[Piece]) -> Tree {
    let mut tree = Tree::new(Mask::MEGA);
    nodes.iter().for_each(|node| node.put(&mut tree));
    tree.finish_load();
    tree
}

fn grown(nodes: &[Piece]) -> Tree {
    let mut tree = Tree::new(Mask::MEGA);
    tree.finish_load();
    nodes.iter().for_each(|node| node.put(&mut tree));
    tree
}

/// Whether the nodes that had come at some time named each other as parents in a circle.
fn ever_a_circle(nodes: &[Piece]) -> bool {
    let mut above: BTreeMap<u8, u8> = BTreeMap::new();
    nodes.iter().any(|node| {
        // Others have no place below anybody, and give none to one who has it.
        if let Some(parent) = node.parent
            && matches!(node.kind, NodeKind::File | NodeKind::Folder)
        {
            above.insert(node.number, parent);
        }
        let mut at = Some(node.number);
        let mut left = above.len() + 1;
        while let Some(next) = at.and_then(|at| above.get(&at)) {
            if left == 0 {
                return true;
            }
            left -= 1;
            at = Some(*next);
        }
        false
    })
}

fn each_once(nodes: &[Piece]) -> bool {
    let (mut numbers, mut roots) = (BTreeSet::new(), BTreeSet::new());
    nodes.iter().all(|node| {
        let root = matches!(
            node.kind,
            NodeKind::Root | NodeKind::Vault | NodeKind::RubbishBin
        );
        numbers.insert(node.number) && (!root || roots.insert(node.kind))
    })
}

/// Removes some nodes, each with what lies below it.
fn prune(mut tree: Tree, seed: u64) {
    for turn in 0..4 {
        let number = u8::try_from(mixed(seed ^ turn) % 32).unwrap_or(0);
        let Some(index) = tree.find(handle(number)) else {
            continue;
        };
        let name = |tree: &Tree, index| tree.record(index).map(|record| record.handle);
        let below: BTreeSet<_> = tree
            .walk(index)
            .map(|step| name(&tree, step.index))
            .collect();
        let before = tree.len();
        let gone: BTreeSet<_> = tree.remove(index).into_iter().map(Some).collect();
        assert_eq!(gone, below, "EVT-8");
        assert_eq!(tree.len() + gone.len(), before, "EVT-8");
        sound::check(&tree);
    }
}

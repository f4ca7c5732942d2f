//! The tree against hostile and ordinary input: threat model, section 13.

use mega_filename::Mask;
use mega_protocol::NodeHandle;
use proptest::prelude::*;

use super::Tree;
use super::arena::{Flags, Index};
use super::decrypt::Decrypter;
use super::edit::{Inserted, NewNode};
use super::path::PathParts;
use crate::by_path::by_path;
use crate::keyring::Keyring;
use crate::node::{NodeKind, Trouble};

const ROOT: u32 = 1;
const VAULT: u32 = 2;
const BIN: u32 = 3;

fn handle(number: u32) -> NodeHandle {
    let [a, b, c, d] = number.to_be_bytes();
    NodeHandle::from_bytes([0xAA, 0xBB, a, b, c, d])
}

fn put(tree: &mut Tree, number: u32, parent: Option<u32>, kind: NodeKind, name: &str) -> Inserted {
    let text = serde_json::json!({ "n": name }).to_string();
    tree.insert(&NewNode {
        handle: handle(number),
        parent: parent.map(handle),
        kind,
        size: u64::from(number),
        created: i64::from(number),
        key: [7; 32],
        text: if matches!(kind, NodeKind::File | NodeKind::Folder) {
            text.as_bytes()
        } else {
            b""
        },
        name: None,
        tail: b"",
        trouble: None,
        opener: None,
        share_root: false,
        raw: None,
    })
}

fn with_roots() -> Tree {
    let mut tree = Tree::new(Mask::MEGA);
    put(&mut tree, ROOT, None, NodeKind::Root, "");
    put(&mut tree, VAULT, None, NodeKind::Vault, "");
    put(&mut tree, BIN, None, NodeKind::RubbishBin, "");
    tree
}

fn root(tree: &Tree) -> Index {
    tree.roots().cloud.unwrap()
}

fn paths(tree: &Tree) -> Vec<String> {
    let base = root(tree);
    let mut found: Vec<String> = tree
        .walk(base)
        .skip(1)
        .map(|step| tree.path_of(step.index, base).unwrap())
        .collect();
    found.sort();
    found
}

fn trouble(tree: &Tree, number: u32) -> Option<Trouble> {
    tree.record(tree.find(handle(number)).unwrap())
        .unwrap()
        .trouble
}

/// The two directions of every edge agree, indices find what is there, and every walk ends.
fn check(tree: &Tree) {
    let mut seen = 0;
    for index in tree.indices() {
        seen += 1;
        let record = tree.record(index).unwrap();
        assert_eq!(tree.find(record.handle), Some(index));
        let mut before = Index::NONE;
        for child in tree.children(index) {
            let record = tree.record(child).unwrap();
            assert_eq!(record.parent, index);
            assert!(before == Index::NONE || record.prev == before);
            before = child;
        }
        if let Some(first) = tree.record(record.first_child) {
            assert_eq!(first.prev, before, "the first sibling knows the last one");
        }
        if record.parent != Index::NONE {
            assert!(tree.children(record.parent).any(|child| child == index));
            if let Some(name) = tree.stored_name(index)
                && !record.flags.has(Flags::VERSION)
            {
                let decoded = tree.mask().decode(&name).into_owned();
                let named: Vec<Index> = tree.named(record.parent, &decoded).collect();
                assert!(named.contains(&index));
                for found in named {
                    let other = tree.record(found).expect("it is there");
                    assert!(other.parent == record.parent && !other.flags.has(Flags::VERSION));
                    let stored = tree.stored_name(found).expect("it has a name");
                    assert_eq!(*tree.mask().decode(&stored), *decoded);
                }
            }
        }
        assert!(tree.walk(index).count() <= tree.len());
        assert!(tree.ancestors(index).count() <= tree.len());
    }
    assert_eq!(seen, tree.len());
}

#[test]
fn a_path_finds_its_node_and_the_node_knows_its_path() {
    let mut tree = with_roots();
    put(&mut tree, 10, Some(ROOT), NodeKind::Folder, "photos");
    put(&mut tree, 11, Some(10), NodeKind::File, "a.jpg");
    put(&mut tree, 12, Some(10), NodeKind::File, "a.jpg");
    tree.finish_load();
    check(&tree);
    let found = tree.lookup(root(&tree), &PathParts::parse("/photos//a.jpg/").unwrap());
    assert_eq!(found.len(), 2, "both of two nodes with one name answer");
    assert_eq!(
        tree.path_of(found[0], root(&tree)).as_deref(),
        Some("photos/a.jpg")
    );
    assert!(
        PathParts::parse("photos/../x").is_err(),
        "a path never climbs (LS-9)"
    );
}

#[test]
fn one_answer_is_found_as_all_answers_are() {
    let mut tree = with_roots();
    put(&mut tree, 10, Some(ROOT), NodeKind::Folder, "one");
    put(&mut tree, 11, Some(10), NodeKind::File, "file");
    put(&mut tree, 12, Some(11), NodeKind::File, "file");
    put(&mut tree, 13, Some(10), NodeKind::File, "a/b");
    put(&mut tree, 20, Some(ROOT), NodeKind::Folder, "two");
    put(&mut tree, 21, Some(ROOT), NodeKind::Folder, "two");
    put(&mut tree, 22, Some(21), NodeKind::File, "only here");
    tree.finish_load();
    let base = root(&tree);
    for path in ["", "/one", "one/file", "one/./a\u{FF0F}b", "//one//file/"] {
        let all = tree.lookup(base, &PathParts::parse(path).unwrap());
        assert_eq!(all.len(), 1, "{path}");
        assert_eq!(tree.lookup_one(base, path).unwrap(), Some(all[0]), "{path}");
    }
    // Nothing, or more than one way: the thorough search decides.
    for path in [
        "none",
        "one/none/x",
        "one/file/file",
        "two",
        "two/only here",
    ] {
        assert_eq!(tree.lookup_one(base, path).unwrap(), None, "{path}");
    }
    assert!(tree.lookup_one(base, "none/../one").is_err(), "LS-9");
}

#[test]
fn names_of_other_clients_are_found_by_their_shown_form() {
    let mut tree = with_roots();
    for (number, stored) in [(10, "a/b"), (11, "."), (12, ".."), (13, "lone \u{201B}")] {
        put(&mut tree, number, Some(ROOT), NodeKind::File, stored);
    }
    tree.finish_load();
    for number in 10..14 {
        let index = tree.find(handle(number)).unwrap();
        let path = tree.path_of(index, root(&tree)).unwrap();
        assert!(!path.contains('/'), "{path}");
        let found = tree.lookup(root(&tree), &PathParts::parse(&path).unwrap());
        assert_eq!(found, [index], "{path}");
    }
}

#[test]
fn tre_1_cycles_go_to_quarantine() {
    let mut tree = with_roots();
    put(&mut tree, 10, Some(11), NodeKind::Folder, "x");
    put(&mut tree, 11, Some(12), NodeKind::Folder, "y");
    put(&mut tree, 12, Some(10), NodeKind::Folder, "z");
    put(&mut tree, 13, Some(13), NodeKind::Folder, "self");
    put(&mut tree, 14, Some(ROOT), NodeKind::Folder, "fine");
    tree.finish_load();
    check(&tree);
    assert_eq!(paths(&tree), ["fine"]);
    assert!((10..14).any(|number| trouble(&tree, number) == Some(Trouble::Quarantined)));
    for number in 10..14 {
        assert!(tree.find(handle(number)).is_some(), "reachable by handle");
    }
}

#[test]
fn tre_2_and_tre_3_what_comes_twice_is_there_once_and_where_it_was_put_last() {
    let mut tree = with_roots();
    put(&mut tree, 10, Some(ROOT), NodeKind::Folder, "a");
    put(&mut tree, 11, Some(ROOT), NodeKind::Folder, "b");
    let closed = NewNode {
        trouble: Some(Trouble::NoKey),
        ..NewNode::bare(handle(12), Some(handle(10)), NodeKind::File)
    };
    tree.insert(&closed);
    // Again, readable now and elsewhere.
    put(&mut tree, 12, Some(11), NodeKind::File, "c");
    put(&mut tree, 10, Some(ROOT), NodeKind::Folder, "other name");
    tree.finish_load();
    check(&tree);
    assert_eq!(tree.len(), 6);
    assert_eq!(paths(&tree), ["a", "b", "b/c"]);
    assert_eq!(trouble(&tree, 12), None);
}

#[test]
fn tre_4_a_node_without_its_parent_waits_out_of_sight_and_a_share_needs_none() {
    let mut tree = with_roots();
    put(&mut tree, 11, Some(99), NodeKind::Folder, "lost");
    put(&mut tree, 12, Some(11), NodeKind::File, "below");
    let text = br#"{"n":"shared"}"#;
    tree.insert(&NewNode {
        key: [7; 32],
        text,
        share_root: true,
        ..NewNode::bare(handle(20), Some(handle(98)), NodeKind::Folder)
    });
    put(&mut tree, 21, Some(20), NodeKind::File, "in the share");
    tree.finish_load();
    check(&tree);
    assert!(paths(&tree).is_empty());
    let waiting = tree.waiting();
    assert!(waiting.contains_key(&tree.find(handle(11)).unwrap()));
    assert_eq!(trouble(&tree, 20), None);
    assert_eq!(trouble(&tree, 21), None);
    // By their handles they are all there, and what lies below is below.
    let index = |number| tree.find(handle(number)).unwrap();
    assert!(tree.is_within(index(12), index(11)) && tree.is_within(index(21), index(20)));
}

#[test]
fn lim_13_who_waits_for_a_parent_takes_no_more_than_any_other_node() {
    let mut tree = with_roots();
    tree.finish_load();
    // As a hostile service sends them: a parent that never comes, the same node again and again, and all that once were there removed.
    for round in 0..3 {
        for number in 100..20_100 {
            put(
                &mut tree,
                number,
                Some(number + 1_000_000),
                NodeKind::File,
                "x",
            );
        }
        assert_eq!(tree.len(), 20_003, "round {round}");
        assert_eq!(tree.waiting().len(), 20_000, "round {round}");
    }
    for number in 100..20_100 {
        let index = tree.find(handle(number)).unwrap();
        tree.remove(index);
    }
    assert_eq!((tree.len(), tree.waiting().len()), (3, 0));
    check(&tree);
}

#[test]
fn tre_5_and_tre_15_only_the_first_root_of_a_kind_counts() {
    let mut tree = with_roots();
    put(&mut tree, 20, None, NodeKind::Root, "");
    put(&mut tree, 21, Some(ROOT), NodeKind::Vault, "");
    tree.finish_load();
    assert_eq!(tree.record(root(&tree)).unwrap().handle, handle(ROOT));
    assert_eq!(trouble(&tree, 20), Some(Trouble::Quarantined));
    assert_eq!(trouble(&tree, 21), Some(Trouble::Quarantined));
}

#[test]
fn tre_6_inv_8_a_chain_of_a_million_folders_loads_walks_and_goes() {
    let mut tree = with_roots();
    put(&mut tree, 100, Some(ROOT), NodeKind::Folder, "d");
    for number in 101..1_000_100 {
        put(&mut tree, number, Some(number - 1), NodeKind::Folder, "d");
    }
    tree.finish_load();
    assert_eq!(tree.walk(root(&tree)).count(), 1_000_001);
    let deep = tree.find(handle(1_000_099)).unwrap();
    assert_eq!(tree.ancestors(deep).count(), 1_000_001);
    let names = vec!["d"; 1_000_000].join("/");
    let parts = PathParts::parse(&names).unwrap();
    assert_eq!(tree.lookup(root(&tree), &parts), [deep]);
    // Listed in order, it takes as much room as it has names, and not as much as its paths would.
    let listed = by_path(&tree, root(&tree), true, None);
    assert_eq!((listed.len(), listed.last()), (1_000_000, Some(&deep)));
    let half = &names[..names.len() / 2];
    assert_eq!(by_path(&tree, root(&tree), true, Some(half)).len(), 500_000);
    let top = tree.find(handle(100)).unwrap();
    assert_eq!(tree.remove(top).len(), 1_000_000);
    assert_eq!(tree.len(), 3);
}

#[test]
fn nod_3_a_node_opened_by_a_share_key_counts_only_inside_that_share() {
    let mut tree = with_roots();
    let mut put_foreign = |number: u32, parent: u32, kind, share: u32| {
        let text = format!("{{\"n\":\"{number}\"}}");
        tree.insert(&NewNode {
            key: [9; 32],
            text: text.as_bytes(),
            opener: Some(handle(share)),
            share_root: share == number,
            ..NewNode::bare(handle(number), Some(handle(parent)), kind)
        });
    };
    put_foreign(10, ROOT, NodeKind::Folder, 10);
    put_foreign(11, 10, NodeKind::Folder, 10);
    put_foreign(12, 11, NodeKind::File, 10);
    // The walk has left the share here, and enters another one that lies in no share.
    put_foreign(20, ROOT, NodeKind::Folder, 10);
    put_foreign(21, 20, NodeKind::Folder, 21);
    put_foreign(22, 21, NodeKind::File, 21);
    put_foreign(23, 20, NodeKind::File, 21);
    // The key of another share than the one that they lie in.
    put_foreign(24, 21, NodeKind::File, 10);
    put_foreign(16, 11, NodeKind::File, 21);
    // A share in a share: the outer key opens what is in the inner one, too.
    put_foreign(13, 11, NodeKind::Folder, 13);
    put_foreign(14, 13, NodeKind::File, 13);
    put_foreign(17, 13, NodeKind::File, 10);
    put_foreign(15, 10, NodeKind::File, 10);
    put_foreign(18, 10, NodeKind::File, 13);
    // One that comes again, the second time under the right key.
    tree.insert(&NewNode {
        trouble: Some(Trouble::NoKey),
        ..NewNode::bare(handle(19), Some(handle(10)), NodeKind::File)
    });
    let again = NewNode {
        key: [9; 32],
        text: b"{\"n\":\"19\"}",
        opener: Some(handle(10)),
        ..NewNode::bare(handle(19), Some(handle(10)), NodeKind::File)
    };
    tree.insert(&again);
    tree.finish_load();
    tree.close_strays(&mut Decrypter::default(), &Keyring::default(), |_| None);
    for number in [10, 11, 12, 13, 14, 15, 17, 19, 21, 22] {
        assert_eq!(trouble(&tree, number), None, "{number}");
    }
    for number in [16, 18, 20, 23, 24] {
        assert_eq!(trouble(&tree, number), Some(Trouble::NoKey), "{number}");
        let index = tree.find(handle(number)).unwrap();
        assert_eq!(tree.record(index).unwrap().key, [0; 32], "{number}");
    }
    check(&tree);
}

#[test]
fn tre_7_a_hundred_thousand_nodes_of_one_name_are_all_listed() {
    let mut tree = with_roots();
    for number in 100..100_100 {
        put(&mut tree, number, Some(ROOT), NodeKind::File, "same");
    }
    tree.finish_load();
    assert_eq!(
        tree.lookup(root(&tree), &PathParts::parse("same").unwrap())
            .len(),
        100_000
    );
}

#[test]
fn tre_8_below_a_file_only_its_versions_may_lie() {
    let mut tree = with_roots();
    put(&mut tree, 10, Some(ROOT), NodeKind::File, "doc");
    put(&mut tree, 11, Some(10), NodeKind::File, "doc");
    put(&mut tree, 12, Some(11), NodeKind::File, "doc");
    put(&mut tree, 13, Some(10), NodeKind::Folder, "intruder");
    tree.finish_load();
    check(&tree);
    assert_eq!(trouble(&tree, 13), Some(Trouble::Quarantined));
    assert!(
        tree.node(tree.find(handle(12)).unwrap())
            .unwrap()
            .is_version()
    );
    assert_eq!(
        tree.lookup(root(&tree), &PathParts::parse("doc").unwrap())
            .len(),
        1
    );
    assert!(
        tree.lookup(root(&tree), &PathParts::parse("doc/doc").unwrap())
            .is_empty()
    );
}

#[test]
fn tre_16_a_move_below_itself_is_refused() {
    let mut tree = with_roots();
    put(&mut tree, 10, Some(ROOT), NodeKind::Folder, "a");
    put(&mut tree, 11, Some(10), NodeKind::Folder, "b");
    tree.finish_load();
    let (a, b) = (
        tree.find(handle(10)).unwrap(),
        tree.find(handle(11)).unwrap(),
    );
    tree.detach(a);
    assert!(!tree.attach(a, b));
    check(&tree);
}

#[test]
fn evt_3_a_node_that_comes_again_stays_where_it_is() {
    let mut tree = with_roots();
    put(&mut tree, 10, Some(ROOT), NodeKind::Folder, "a");
    tree.finish_load();
    assert!(matches!(
        put(&mut tree, 10, Some(ROOT), NodeKind::Folder, "a"),
        Inserted::Known(_)
    ));
    assert_eq!(paths(&tree), ["a"]);
    check(&tree);
}

#[test]
fn evt_5_an_orphan_is_adopted_when_its_parent_comes() {
    let mut tree = with_roots();
    tree.finish_load();
    put(&mut tree, 11, Some(10), NodeKind::File, "child");
    assert!(paths(&tree).is_empty());
    put(&mut tree, 10, Some(ROOT), NodeKind::Folder, "parent");
    assert_eq!(paths(&tree), ["parent", "parent/child"]);
    check(&tree);
}

#[test]
fn evt_8_a_removal_takes_the_subtree_and_nothing_beside_it() {
    let mut tree = with_roots();
    for (number, parent, name) in [
        (10, ROOT, "foo"),
        (11, 10, "in"),
        (12, ROOT, "foobar"),
        (13, 12, "stays"),
    ] {
        put(&mut tree, number, Some(parent), NodeKind::Folder, name);
    }
    tree.finish_load();
    let foo = tree.find(handle(10)).unwrap();
    let gone = tree.remove(foo);
    assert_eq!(gone, [handle(10), handle(11)]);
    assert_eq!(paths(&tree), ["foobar", "foobar/stays"]);
    assert_eq!(tree.find(handle(11)), None);
    check(&tree);
}

proptest! {
    #[test]
    fn tre_13_every_order_gives_the_same_tree(
        parents in prop::collection::vec(0_usize..40, 1..40),
        order in any::<prop::sample::Index>(),
        seed in any::<u64>(),
    ) {
        // Node i hangs below an earlier one; the order of arrival is shuffled.
        let nodes: Vec<(u32, u32)> = parents
            .iter()
            .enumerate()
            .map(|(at, &above)| {
                let number = 100 + u32::try_from(at).unwrap();
                let above = if at == 0 || above >= at { ROOT } else { 100 + u32::try_from(above).unwrap() };
                (number, above)
            })
            .collect();
        let build = |nodes: &[(u32, u32)]| {
            let mut tree = with_roots();
            for &(number, above) in nodes {
                put(&mut tree, number, Some(above), NodeKind::Folder, &format!("n{}", number % 7));
            }
            tree.finish_load();
            check(&tree);
            let mut shape: Vec<(NodeHandle, String)> = tree
                .walk(root(&tree))
                .map(|step| (tree.record(step.index).unwrap().handle, tree.path_of(step.index, root(&tree)).unwrap()))
                .collect();
            shape.sort();
            shape
        };
        let mut shuffled = nodes.clone();
        let mut state = seed | 1;
        for at in (1..shuffled.len()).rev() {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            shuffled.swap(at, usize::try_from(state % (at as u64 + 1)).unwrap());
        }
        let start = order.index(shuffled.len());
        shuffled.rotate_left(start);
        prop_assert_eq!(build(&nodes), build(&shuffled));
    }

    #[test]
    fn a_load_gives_the_tree_that_one_node_after_the_other_gives(
        nodes in prop::collection::vec((0_u32..24, 0_u32..24, 0_u8..6), 0..60),
    ) {
        let bulk = |nodes: &[(u32, u32, u8)], mut tree: Tree| {
            for &(number, parent, kind) in nodes {
                let parent = if parent == 0 { ROOT } else { 100 + parent };
                let kind = match kind {
                    0 => NodeKind::File,
                    1 => NodeKind::Unknown,
                    _ => NodeKind::Folder,
                };
                put(&mut tree, 100 + number, Some(parent), kind, &format!("n{}", number % 5));
            }
            tree.finish_load();
            tree
        };
        let mut seen = std::collections::BTreeSet::new();
        let nodes: Vec<_> = nodes.into_iter().filter(|node| seen.insert(node.0)).collect();
        // Without duplicates the quick way is taken; a root that comes twice makes all go the slow way.
        let fast = bulk(&nodes, with_roots());
        let mut twice = with_roots();
        put(&mut twice, VAULT, None, NodeKind::Vault, "");
        let slow = bulk(&nodes, twice);
        check(&fast);
        check(&slow);
        prop_assert_eq!(fast.len(), slow.len());
        for index in fast.indices() {
            let one = fast.record(index).unwrap();
            let other = slow.find(one.handle).unwrap();
            prop_assert_eq!(one.trouble, slow.record(other).unwrap().trouble);
            let children = |tree: &Tree, index| -> Vec<NodeHandle> {
                tree.children(index).map(|child| tree.record(child).unwrap().handle).collect()
            };
            prop_assert_eq!(children(&fast, index), children(&slow, other));
        }
    }

    #[test]
    fn any_sequence_of_edits_keeps_the_tree_sound(
        edits in prop::collection::vec((0_u8..4, 0_u32..24, 0_u32..24, 0_u8..3), 0..120),
    ) {
        let mut tree = with_roots();
        tree.finish_load();
        for (what, number, other, kind) in edits {
            let (number, parent) = (100 + number, if other == 0 { ROOT } else { 100 + other });
            let kind = [NodeKind::File, NodeKind::Folder, NodeKind::Unknown][usize::from(kind)];
            match what {
                0 | 1 => {
                    put(&mut tree, number, Some(parent), kind, &format!("n{}", number % 5));
                }
                2 => {
                    if let Some(index) = tree.find(handle(number)) {
                        tree.remove(index);
                    }
                }
                _ => {
                    if let Some(index) = tree.find(handle(number)) {
                        tree.set_text(index, format!("{{\"n\":\"m{other}\"}}").as_bytes());
                    }
                }
            }
            check(&tree);
        }
    }
}

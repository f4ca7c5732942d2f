use mega_crypto::{BlockReuse, NodeHandle, Reused, WrappedNodeKey, os_rng};

fn handle(n: u32) -> NodeHandle {
    let [a, b, c, d] = n.to_be_bytes();
    NodeHandle::from_bytes([1, 2, a, b, c, d])
}

fn file(front: u32, back: u32) -> WrappedNodeKey {
    let mut key = [0x5a; 32];
    key[..4].copy_from_slice(&front.to_be_bytes());
    key[16..20].copy_from_slice(&back.to_be_bytes());
    WrappedNodeKey::File(key)
}

fn folder(n: u32) -> WrappedNodeKey {
    let WrappedNodeKey::File(key) = file(n, 0) else {
        panic!()
    };
    WrappedNodeKey::Folder(*key.first_chunk().unwrap())
}

#[test]
fn nod_4_att_4_a_key_made_of_pieces_of_others_is_found() {
    let mut reuse = BlockReuse::new(&mut os_rng());
    // An honest tree: every block once, large enough to grow several times.
    for n in 0..5000 {
        assert_eq!(
            reuse.note_node(handle(n), &file(2 * n, 2 * n + 1)),
            None,
            "{n}"
        );
    }
    assert_eq!(reuse.len(), 10_000);
    // Splices, in either place, also of a folder's one block.
    assert_eq!(
        reuse.note_node(handle(6000), &file(20, 100_001)),
        Some(Reused::ByNode(handle(10)))
    );
    assert_eq!(
        reuse.note_node(handle(6001), &file(100_002, 31)),
        Some(Reused::ByNode(handle(15)))
    );
    assert_eq!(
        reuse.note_node(handle(6002), &file(41, 50)),
        Some(Reused::ByNode(handle(20)))
    );
    assert_eq!(
        reuse.note_node(handle(6003), &folder(61)),
        Some(Reused::ByNode(handle(30)))
    );
    // What was new in them is noted now.
    assert_eq!(
        reuse.note_node(handle(6004), &folder(100_001)),
        Some(Reused::ByNode(handle(6000)))
    );
}

#[test]
fn nod_4_copies_versions_and_reloads_are_nothing_unusual() {
    let mut reuse = BlockReuse::new(&mut os_rng());
    assert!(reuse.is_empty());
    for round in 0..3 {
        for n in 0..200 {
            assert_eq!(
                reuse.note_node(handle(n + round * 1000), &file(n, n + 500)),
                None
            );
        }
    }
    assert_eq!(reuse.len(), 400);
    // Swapped halves are another key.
    assert_eq!(
        reuse.note_node(handle(9), &file(507, 7)),
        Some(Reused::ByNode(handle(7)))
    );
}

#[test]
fn nod_4_blocks_of_the_accounts_own_material_count_too() {
    let mut reuse = BlockReuse::new(&mut os_rng());
    let privk: Vec<u8> = (0..656u32).flat_map(|n| n.to_be_bytes()).collect();
    assert_eq!(reuse.note_account(&privk), None);
    assert_eq!(reuse.note_account(&privk), None);
    let mut key = [9; 32];
    key[..16].copy_from_slice(&privk[32..48]);
    assert_eq!(
        reuse.note_node(handle(1), &WrappedNodeKey::File(key)),
        Some(Reused::ByAccount)
    );
    assert_eq!(
        reuse.note_account(&key[16..]),
        Some(Reused::ByNode(handle(1)))
    );
}

//! The streaming reader of the tree.

use mega_protocol::fetch::{FetchError, FetchParser, FetchSink, FetchSummary, MAX_OBJECT};
use mega_protocol::json::DecodeError;
use mega_protocol::{
    AccessLevel, Invitation, NodeDefects, NodeKind, NodeRecord, OutgoingShare, OutgoingShareTarget,
    PublicLink, RawNode, ShareKeyRecord, UserRecord, UserRelation,
};
use proptest::prelude::*;

/// Keeps everything.
#[derive(Debug, Default, PartialEq)]
struct Everything {
    nodes: Vec<NodeRecord>,
    malformed: Vec<&'static str>,
    share_keys: Vec<ShareKeyRecord>,
    shares: Vec<OutgoingShare>,
    users: Vec<UserRecord>,
    links: Vec<PublicLink>,
    incoming: Vec<Invitation>,
    outgoing: Vec<Invitation>,
}

impl FetchSink for Everything {
    fn node(&mut self, node: &RawNode<'_>) {
        self.nodes.push((*node).into());
    }

    fn malformed(&mut self, section: &'static str, _error: DecodeError) {
        self.malformed.push(section);
    }

    fn share_key(&mut self, record: ShareKeyRecord) {
        self.share_keys.push(record);
    }

    fn outgoing_share(&mut self, record: OutgoingShare) {
        self.shares.push(record);
    }

    fn user(&mut self, record: UserRecord) {
        self.users.push(record);
    }

    fn public_link(&mut self, record: PublicLink) {
        self.links.push(record);
    }

    fn incoming_invitation(&mut self, record: Invitation) {
        self.incoming.push(record);
    }

    fn outgoing_invitation(&mut self, record: Invitation) {
        self.outgoing.push(record);
    }
}

fn read_pieces<'a>(
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> (Result<FetchSummary, FetchError>, Everything) {
    let mut sink = Everything::default();
    let mut parser = FetchParser::new();
    for piece in pieces {
        if let Err(error) = parser.feed(piece, &mut sink) {
            return (Err(error), sink);
        }
    }
    (parser.finish(&mut sink), sink)
}

fn read(text: &str) -> (Result<FetchSummary, FetchError>, Everything) {
    read_pieces([text.as_bytes()])
}

/// One node among a tree that is otherwise in order.
fn one(node: &str) -> (NodeRecord, Everything) {
    let (summary, sink) = read(&format!(r#"[{{"f":[{node}],"sn":"AAAAAAAAAAE"}}]"#));
    summary.unwrap();
    (
        sink.nodes.first().cloned().expect("the node is there"),
        sink,
    )
}

const TREE: &str = concat!(
    r#"[{"ok0":[{"h":"dirAAAAA","ha":"AAAAAAAAAAAAAAAAAAAAAA","k":"BBBBBBBBBBBBBBBBBBBBBA"}],"#,
    r#""f":[{"h":"rootAAAA","p":"","u":"AAAAAAAAAAE","t":2,"a":"","k":"","ts":1700000000},"#,
    r#"{"h":"dirAAAAA","p":"rootAAAA","u":"AAAAAAAAAAE","t":1,"a":"QUJD","k":"AAAAAAAAAAE:abc","ts":1700000001},"#,
    r#"{"h":"fileAAAA","p":"dirAAAAA","u":"AAAAAAAAAAE","t":0,"a":"x\/y","k":"AAAAAAAAAAE:ab\/dirAAAAA:cd","s":5,"ts":1700000002,"fa":"1:0*AAAAAAAAAAE"},"#,
    r#"{"h":"shareAAA","p":"otherAAA","u":"BBBBBBBBBBE","t":1,"a":"QQ","k":"x:y","ts":1,"su":"BBBBBBBBBBE","r":1,"sk":"kkk","sts":9}],"#,
    r#""f2":[{"h":"versAAAA","p":"fileAAAA","u":"AAAAAAAAAAE","t":0,"a":"QQ","k":"","s":4,"ts":3}],"#,
    r#""s":[{"h":"dirAAAAA","u":"BBBBBBBBBBE","r":2,"ts":7},{"h":"dirAAAAA","u":"EXP","r":0,"ts":8}],"#,
    r#""ps":[{"h":"dirAAAAA","p":"CCCCCCCCCCE","r":1,"ts":9}],"#,
    r#""u":[{"u":"AAAAAAAAAAE","c":2,"m":"a@b.c","ts":5,"+puEd255":"QUJD"}],"#,
    r#""ph":[{"h":"fileAAAA","ph":"linkAAAA","ts":1,"ets":0}],"#,
    r#""ipc":[{"p":"DDDDDDDDDDE","m":"x@y.z","ts":1,"uts":2}],"opc":[{"p":"EEEEEEEEEEE","e":"a@b.c","m":"m@n.o","ts":1,"uts":1}],"#,
    r#""mcf":{"c":[{"id":"a\"]}"}]},"noc":0,"sn":"AAAAAAAAAAE","st":"12A"}]"#,
);

#[test]
fn a_whole_tree_is_read() {
    let (summary, sink) = read(TREE);
    let summary = summary.unwrap();
    assert_eq!(summary.sequence_number.to_string(), "AAAAAAAAAAE");
    assert_eq!(summary.tag.unwrap().as_str(), "12A");
    assert_eq!((summary.nodes, summary.malformed), (5, 0));
    assert_eq!(summary.bytes, TREE.len() as u64);

    let nodes: Vec<_> = sink.nodes.iter().map(NodeRecord::as_raw).collect();
    assert_eq!(nodes[0].kind, NodeKind::Root);
    assert_eq!(nodes[0].parent, None);
    assert_eq!(nodes[2].key, "AAAAAAAAAAE:ab/dirAAAAA:cd");
    assert_eq!(nodes[2].attributes, "x/y");
    assert_eq!(nodes[2].size, Some(5));
    assert_eq!(nodes[2].created, 1_700_000_002);
    assert_eq!(nodes[2].file_attributes, "1:0*AAAAAAAAAAE");
    let share = nodes[3].share.unwrap();
    assert_eq!(
        (share.access, share.key, share.since),
        (AccessLevel::ReadWrite, "kkk", Some(9))
    );
    assert!(nodes[4].version && !nodes[3].version);
    assert!(nodes.iter().all(|n| n.defects.is_empty()));

    assert_eq!(sink.share_keys.len(), 1);
    assert_eq!(sink.shares[0].access, AccessLevel::Full);
    assert_eq!(sink.shares[1].target, OutgoingShareTarget::Everyone);
    assert!(matches!(
        sink.shares[2].target,
        OutgoingShareTarget::Pending(_)
    ));
    assert_eq!(sink.users[0].relation, UserRelation::Own);
    assert_eq!(sink.users[0].attributes["+puEd255"].as_bytes(), b"ABC");
    assert_eq!(sink.links[0].expires, None);
    assert_eq!(sink.incoming[0].email.as_ref().unwrap().expose(), "x@y.z");
    assert_eq!(
        sink.outgoing[0].own_email.as_ref().unwrap().expose(),
        "a@b.c"
    );
}

#[test]
fn every_split_point_gives_the_same_tree() {
    let whole = read(TREE);
    for cut in 0..=TREE.len() {
        let (a, b) = TREE.as_bytes().split_at(cut);
        assert_eq!(read_pieces([a, b]), whole, "cut at {cut}");
    }
    assert_eq!(
        read_pieces(TREE.as_bytes().chunks(1)),
        whole,
        "byte by byte"
    );
}

#[test]
fn every_truncation_is_an_error() {
    for cut in 0..TREE.len() {
        let (result, _) = read(&TREE[..cut]);
        assert!(result.is_err(), "cut at {cut}");
    }
}

#[test]
fn tre_9_an_unknown_kind_is_kept() {
    for (text, kind, sound) in [
        ("7", NodeKind::Other(7), true),
        ("-1", NodeKind::Other(-1), true),
        ("9223372036854775808", NodeKind::Other(i64::MAX), false),
        ("\"1\"", NodeKind::Folder, true),
        ("1.5", NodeKind::Other(i64::MIN), false),
        ("[]", NodeKind::Other(i64::MIN), false),
    ] {
        let (node, _) = one(&format!(r#"{{"h":"AAAAAAAB","t":{text}}}"#));
        assert_eq!(node.as_raw().kind, kind, "{text}");
        assert_eq!(
            !node.as_raw().defects.contains(NodeDefects::KIND),
            sound,
            "{text}"
        );
    }
    let (node, _) = one(r#"{"h":"AAAAAAAB"}"#);
    assert!(node.as_raw().defects.contains(NodeDefects::KIND));
}

#[test]
fn tre_10_a_senseless_size_is_marked_and_never_zero() {
    for bad in [
        "-1",
        "1.5",
        "1e3",
        "1152921504606846977",
        "99999999999999999999",
        "\"5\"",
        "null",
        "{}",
    ] {
        let (node, _) = one(&format!(r#"{{"h":"AAAAAAAB","t":0,"s":{bad}}}"#));
        assert_eq!(node.as_raw().size, None, "{bad}");
        assert!(node.as_raw().defects.contains(NodeDefects::SIZE), "{bad}");
    }
    let (node, _) = one(r#"{"h":"AAAAAAAB","t":0,"s":1152921504606846976}"#);
    assert_eq!(node.as_raw().size, Some(1 << 60));
    assert!(node.as_raw().defects.is_empty());
    let (node, _) = one(r#"{"h":"AAAAAAAB","t":1,"s":5}"#);
    assert_eq!(node.as_raw().size, None, "only files have a size");
}

#[test]
fn tre_11_any_time_is_kept() {
    for (text, created, sound) in [
        ("-5", -5, true),
        ("253402300800", 253_402_300_800, true),
        ("9223372036854775808", i64::MAX, false),
        ("-9223372036854775809", i64::MIN, false),
        ("\"x\"", 0, false),
    ] {
        let (node, _) = one(&format!(r#"{{"h":"AAAAAAAB","t":1,"ts":{text}}}"#));
        assert_eq!(node.as_raw().created, created, "{text}");
        assert_eq!(
            !node.as_raw().defects.contains(NodeDefects::TIME),
            sound,
            "{text}"
        );
    }
}

#[test]
fn tre_12_a_record_without_a_usable_handle_is_counted_and_the_rest_is_read() {
    for bad in [
        r#"{"h":"AAAAAAA","t":1}"#,
        r#"{"h":"AAAAAAAAA","t":1}"#,
        r#"{"h":"AAAA AAA","t":1}"#,
        r#"{"h":5,"t":1}"#,
        r#"{"t":1}"#,
        r#"5"#,
        r#"[{"h":"AAAAAAAB"}]"#,
        r#""text""#,
    ] {
        let text = format!(r#"[{{"f":[{bad},{{"h":"AAAAAAAC","t":1}}],"sn":"AAAAAAAAAAE"}}]"#);
        let (summary, sink) = read(&text);
        assert_eq!(summary.unwrap().malformed, 1, "{bad}");
        assert_eq!((sink.malformed.len(), sink.nodes.len()), (1, 1), "{bad}");
    }
    let (node, _) = one(r#"{"h":"+/+/+/+/","p":"short","u":"short","t":1}"#);
    assert_eq!(node.handle().to_string(), "-_-_-_-_");
    let defects = node.as_raw().defects;
    assert!(defects.contains(NodeDefects::PARENT) && defects.contains(NodeDefects::OWNER));
}

#[test]
fn fields_of_the_wrong_type_are_marked() {
    let (node, _) =
        one(r#"{"h":"AAAAAAAB","t":1,"k":5,"a":{"x":1},"fa":"x","su":"bad","p":7,"u":[]}"#);
    let raw = node.as_raw();
    for defect in [
        NodeDefects::KEY,
        NodeDefects::ATTRIBUTES,
        NodeDefects::FILE_ATTRIBUTES,
        NodeDefects::SHARE,
        NodeDefects::PARENT,
        NodeDefects::OWNER,
    ] {
        assert!(
            raw.defects.contains(defect),
            "{defect:?} in {:?}",
            raw.defects
        );
    }
    let (node, _) = one(r#"{"h":"AAAAAAAB","t":1,"su":"AAAAAAAAAAE","r":9}"#);
    assert_eq!(node.as_raw().share.unwrap().access, AccessLevel::Read);
    assert!(node.as_raw().defects.contains(NodeDefects::SHARE));
}

#[test]
fn tre_14_lim_3_hostile_text_is_a_bounded_error() {
    let start = r#"[{"f":[{"h":"AAAAAAAB","a":""#;
    let long = format!("{start}{}", "x".repeat(2 * MAX_OBJECT));
    let deep = format!(r#"[{{"zz":{}"#, "[".repeat(100_000));
    let deep_in_node = format!(r#"[{{"f":[{{"h":{}"#, "[".repeat(100_000));
    let many_members = format!(r#"[{{"f":[{{{}"#, r#""zz":1,"#.repeat(MAX_OBJECT / 4));
    for text in [&long, &deep, &deep_in_node, &many_members] {
        for step in [1 << 16, 1 << 22] {
            let (result, _) = read_pieces(text.as_bytes().chunks(step));
            assert!(matches!(result, Err(FetchError::Malformed(_))));
        }
    }
    for text in [
        r#"[{"f":[{"h":"AAAAAAAB","s":NaN"#,
        r#"[{"f":[],"sn":"AAAAAAAAAAE"}]garbage"#,
        r#"[{"f":[],"sn":"AAAAAAAAAAE"},{}]"#,
        r#"[{"f":[{"h":"AAAAAAAB"}{"h":"AAAAAAAC"}],"sn":"AAAAAAAAAAE"}]"#,
        r#"[{"f":[],,"sn":"AAAAAAAAAAE"}]"#,
        r#"[{"f" 5}]"#,
    ] {
        let (result, _) = read(text);
        assert!(result.is_err(), "{text}");
    }
    // Odd, but harmless.
    let (node, _) = one(r#"{"h":"AAAAAAAB","h":"AAAAAAAC","t":1,"a":"\ud800","k":"\u0041"}"#);
    assert_eq!(
        node.handle().to_string(),
        "AAAAAAAB",
        "of a repeated key the first counts"
    );
    assert!(node.as_raw().defects.contains(NodeDefects::ATTRIBUTES));
    assert_eq!(node.as_raw().key, "A");
}

#[test]
fn a_byte_at_a_time_costs_time_linear_in_the_record() {
    // A record just below the bound, a byte at a time: reading it anew for each byte would take
    // half a million million steps.
    let text = format!(
        r#"[{{"f":[{{"h":"AAAAAAAB","t":1,"a":"{}"}}],"sn":"AAAAAAAAAAE"}}]"#,
        "x".repeat(MAX_OBJECT - 100)
    );
    let (result, sink) = read_pieces(text.as_bytes().chunks(1));
    result.unwrap();
    assert_eq!(sink.nodes[0].as_raw().attributes.len(), MAX_OBJECT - 100);
}

#[test]
fn a_reply_that_is_no_tree_is_handed_back() {
    for text in [
        "-3",
        "[-9]",
        r#"{"err":-16}"#,
        r#"[{"err":-9,"u":1}]"#,
        "",
        "<html>",
        "[]",
    ] {
        for step in [1, 100] {
            let (result, _) = read_pieces(text.as_bytes().chunks(step));
            assert_eq!(
                result,
                Err(FetchError::NotATree(text.as_bytes().to_vec())),
                "{text}"
            );
        }
    }
}

#[test]
fn a_tree_without_a_position_is_an_error() {
    for text in [
        r#"[{"f":[]}]"#,
        r#"[{"f":[],"sn":"AAAAAAAAAAA"}]"#,
        r#"[{"f":[],"sn":"x"}]"#,
        r#"[{"f":[],"sn":null}]"#,
    ] {
        assert_eq!(read(text).0, Err(FetchError::NoPosition), "{text}");
    }
}

#[test]
fn null_counts_as_absent_at_the_top_too() {
    for rest in [
        r#""st":null,"sn":"AAAAAAAAAAE""#,
        r#""sn":"AAAAAAAAAAE","st":"""#,
        r#""sn":null,"sn":"AAAAAAAAAAE""#,
        r#""ok":null,"sn":"AAAAAAAAAAE","u":null,"st": null"#,
    ] {
        let text = format!(r#"[{{"f":[{{"h":"AAAAAAAB","t":1}}],{rest}}}]"#);
        let (summary, _) = read(&text);
        let summary = summary.unwrap_or_else(|error| panic!("{rest}: {error}"));
        assert_eq!((summary.nodes, summary.tag), (1, None), "{rest}");
    }
    assert!(read(r#"[{"f":[],"sn":"AAAAAAAAAAE","st":5}]"#).0.is_err());
}

#[test]
fn lim_7_the_number_of_nodes_is_bounded() {
    let mut sink = Everything::default();
    let mut parser = FetchParser::new().with_max_nodes(2);
    let node = r#"{"h":"AAAAAAAB","t":1}"#;
    let text = format!(r#"[{{"f":[{node},{node},{node}],"sn":"AAAAAAAAAAE"}}]"#);
    assert_eq!(
        parser.feed(text.as_bytes(), &mut sink),
        Err(FetchError::TooManyNodes(2))
    );
    assert_eq!(sink.nodes.len(), 2);
}

#[test]
fn white_space_between_tokens_is_allowed() {
    let spaced = TREE
        .replace(",\"", " ,\n \"")
        .replace("\":", "\" :\t")
        .replace("},{", "} , { ")
        .replace("[{", "[ {");
    let (summary, sink) = read(&spaced);
    let (_, plain) = read(TREE);
    summary.unwrap();
    assert_eq!(sink.nodes, plain.nodes);
}

/// A tree with arbitrary field values, and where it is cut.
fn trees() -> impl Strategy<Value = (String, Vec<usize>)> {
    let value = prop_oneof![
        r#""[A-Za-z0-9_:/-]{0,12}""#,
        "-?[0-9]{1,20}",
        Just("null".to_owned()),
        Just(r#"{"x":[1,"]"]}"#.to_owned()),
        Just(r#""a\"b\\""#.to_owned()),
    ];
    let key = prop_oneof![
        Just("h"),
        Just("p"),
        Just("u"),
        Just("t"),
        Just("a"),
        Just("k"),
        Just("s"),
        Just("ts"),
        Just("fa"),
        Just("su"),
        Just("r"),
        Just("sk"),
        Just("zz"),
    ];
    let node = prop::collection::vec((key, value), 0..8).prop_map(|members| {
        let members: Vec<_> = members
            .iter()
            .map(|(k, v)| format!("\"{k}\":{v}"))
            .collect();
        format!(
            r#"{{"h":"AAAAAAAB",{}"zz":0}}"#,
            members.iter().map(|m| format!("{m},")).collect::<String>()
        )
    });
    (
        prop::collection::vec(node, 0..6),
        prop::collection::vec(0usize..2000, 0..5),
    )
        .prop_map(|(nodes, cuts)| {
            (
                format!(r#"[{{"f":[{}],"sn":"AAAAAAAAAAE"}}]"#, nodes.join(",")),
                cuts,
            )
        })
}

proptest! {
    #[test]
    fn any_pieces_give_what_the_whole_gives((text, mut cuts) in trees()) {
        cuts.iter_mut().for_each(|cut| *cut = (*cut).min(text.len()));
        cuts.sort();
        let mut pieces = Vec::new();
        let mut from = 0;
        for cut in cuts {
            pieces.push(&text.as_bytes()[from..cut]);
            from = cut;
        }
        pieces.push(&text.as_bytes()[from..]);
        let whole = read(&text);
        prop_assert!(whole.0.is_ok(), "{:?}", whole.0);
        prop_assert_eq!(read_pieces(pieces), whole);
    }

    #[test]
    fn damaged_trees_never_panic(at in 0usize..TREE.len(), byte: u8, step in 1usize..100) {
        let mut damaged = TREE.as_bytes().to_vec();
        damaged[at] = byte;
        let _ = read_pieces(damaged.chunks(step));
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes: Vec<u8>, step in 1usize..10) {
        let _ = read_pieces(bytes.chunks(step));
    }
}

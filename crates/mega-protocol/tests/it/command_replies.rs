//! The replies of commands, in both dialects, and hostile ones.

use std::time::Duration;

use mega_protocol::commands::*;
use mega_protocol::{
    ApiCode, Command, Effect, Error, ErrorKind, NodeHandle, NodeKind, PublicHandle, decode_reply,
};
use proptest::prelude::*;

fn node(text: &str) -> NodeHandle {
    text.parse().unwrap()
}

/// The decoded reply and its tag.
fn read<C: Command>(command: C, reply: &str) -> (C::Reply, Option<String>) {
    let answer =
        decode_reply(&command, reply.as_bytes()).unwrap_or_else(|e| panic!("{reply}: {e:?}"));
    (answer.reply, answer.tag.map(|tag| tag.to_string()))
}

fn refused<C: Command>(command: C, reply: &str) -> Error
where
    C::Reply: std::fmt::Debug,
{
    decode_reply(&command, reply.as_bytes()).unwrap_err()
}

#[test]
fn changes_without_a_result_are_understood_in_both_dialects() {
    let tag = Some("12A".to_owned());
    for (reply, expected) in [("0", None), ("\"12A\"", tag.clone()), ("[\"12A\",0]", tag)] {
        assert_eq!(
            read(MoveNode::new(node("fileAAAA"), node("rubbishA")), reply).1,
            expected
        );
        assert_eq!(
            read(SetNodeAttributes::new(node("fileAAAA"), [0; 16]), reply).1,
            expected
        );
        assert_eq!(read(DeleteNode::new(node("fileAAAA")), reply).1, expected);
        assert_eq!(read(DeleteAllVersions::new(), reply).1, expected);
        assert_eq!(read(RemoveLink::new(node("fileAAAA")), reply).1, expected);
    }
}

#[test]
fn refusals_keep_the_code_and_what_comes_with_it() {
    let error = refused(DeleteNode::new(node("fileAAAA")), "-9");
    assert_eq!(
        (error.kind(), error.code()),
        (ErrorKind::NotFound, Some(ApiCode::ENOENT))
    );
    let error = refused(
        FetchLinkInfo::new("pubAAAAA".parse().unwrap()),
        r#"{"err":-9,"u":7,"l":2}"#,
    );
    let Error::Refused(refusal) = error else {
        panic!()
    };
    assert_eq!(
        (refusal.owner_state, refusal.link_state),
        (Some(7), Some(2))
    );
    assert_eq!(
        refused(DeleteNode::new(node("fileAAAA")), "-12345").code(),
        Some(ApiCode::new(-12345))
    );
    let error = refused(DeleteNode::new(node("fileAAAA")), r#"{"r":[-11]}"#);
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    assert_eq!(
        read(DeleteNode::new(node("fileAAAA")), r#"{"r":[0]}"#).1,
        None
    );
}

#[test]
fn created_links_are_understood_in_both_dialects() {
    let create = || CreateLink::new(node("fileAAAA"));
    let handle: PublicHandle = "pubAAAAA".parse().unwrap();
    let (legacy, tag) = read(create(), "\"pubAAAAA\"");
    assert_eq!((legacy.handle, tag), (handle, None));
    let (link, tag) = read(create(), r#"["12D","pubAAAAA"]"#);
    assert_eq!((link.handle, tag.as_deref()), (handle, Some("12D")));
    let (link, tag) = read(
        create(),
        r#"["12D",{"ph":"pubAAAAA","w":"secretsecretsecretsecr"}]"#,
    );
    assert_eq!(link.write_auth.unwrap().expose(), "secretsecretsecretsecr");
    assert_eq!(tag.as_deref(), Some("12D"));
    assert_eq!(refused(create(), "-11").kind(), ErrorKind::PermissionDenied);
    for bad in ["0", "\"12D\"", "[\"12D\"]", "[\"12D\",5]", "{}", "[]"] {
        assert_eq!(refused(create(), bad).kind(), ErrorKind::Protocol, "{bad}");
    }
}

#[test]
fn put_nodes_reports_each_failure() {
    let put = || PutNodes::new(node("rootAAAA"), Vec::new());
    let (reply, tag) = read(put(), r#"["12A",{"e":[],"fh":["fileAAAA:AbCdEfGh"]}]"#);
    assert_eq!(tag.as_deref(), Some("12A"));
    assert!(reply.failures.is_empty());
    assert_eq!(reply.files, [(node("fileAAAA"), "AbCdEfGh".to_owned())]);
    let (reply, _) = read(put(), r#"["12A",{"e":[0,-9],"fh":[]}]"#);
    assert_eq!(
        reply.failures.into_iter().collect::<Vec<_>>(),
        [(1, ApiCode::ENOENT)]
    );
    let (reply, _) = read(put(), r#"["12A",{"e":{"5":-17}}]"#);
    assert_eq!(
        reply.failures.into_iter().collect::<Vec<_>>(),
        [(5, ApiCode::EOVERQUOTA)]
    );
    let (reply, tag) = read(
        put(),
        r#"{"f":[{"h":"fileAAAA","p":"rootAAAA","u":"AAAAAAAAAAE","t":0,"a":"QQ","k":"x","s":5,"ts":1}]}"#,
    );
    assert_eq!((reply.nodes[0].as_raw().kind, tag), (NodeKind::File, None));
    assert_eq!(refused(put(), "-17").kind(), ErrorKind::OverQuota);
    assert_eq!(refused(put(), "-401").kind(), ErrorKind::OverQuota);
}

#[test]
fn sign_in_replies_hold_what_they_must() {
    let login = || Login::new("a@b.c", [0; 16]);
    let csid = "C".repeat(344);
    let good = format!(
        r#"{{"k":"{}","u":"AAAAAAAAAAE","csid":"{csid}","privk":"QUJD","sek":"{}","ach":0,"zz":{{}}}}"#,
        "A".repeat(22),
        "B".repeat(22)
    );
    let (reply, _) = read(login(), &good);
    assert_eq!(reply.master_key, [0; 16]);
    assert!(matches!(reply.session, SessionGrant::Rsa(_)));
    assert!(reply.session_key.is_some());
    let temporary = good.replace(
        &format!(r#""csid":"{csid}""#),
        &format!(r#""tsid":"{}""#, "T".repeat(58)),
    );
    let (reply, _) = read(login(), &temporary);
    assert!(matches!(reply.session, SessionGrant::Temporary(_)));

    for bad in [
        good.replace(&"A".repeat(22), &"A".repeat(20)),
        good.replace(r#""u":"AAAAAAAAAAE","#, ""),
        good.replace(&csid, "CCCC"),
        good.replace(&"B".repeat(22), "BBBB"),
        temporary.replace(&"T".repeat(58), "TTTT"),
        "[]".to_owned(),
        "\"x\"".to_owned(),
    ] {
        assert_eq!(refused(login(), &bad).kind(), ErrorKind::Protocol, "{bad}");
    }
    assert_eq!(refused(login(), "-9").kind(), ErrorKind::NotFound);
    assert_eq!(
        refused(login(), "-26").kind(),
        ErrorKind::SecondFactorNeeded
    );
}

#[test]
fn prelogin_knows_two_versions_only() {
    let ask = || Prelogin::new("a@b.c");
    assert_eq!(read(ask(), r#"{"v":1}"#).0, AccountVersion::V1);
    assert!(matches!(
        read(ask(), r#"{"v":2,"s":"c2FsdA"}"#).0,
        AccountVersion::V2 { .. }
    ));
    for bad in [
        "{}",
        r#"{"v":2}"#,
        r#"{"v":3,"s":"QQ"}"#,
        r#"{"v":0}"#,
        "1",
        r#"{"v":2,"s":"!"}"#,
    ] {
        assert_eq!(refused(ask(), bad).kind(), ErrorKind::Protocol, "{bad}");
    }
}

#[test]
fn resuming_tells_whether_the_local_tree_still_serves() {
    let (reply, _) = read(
        ResumeSession::new([0; 16]),
        r#"{"u":"AAAAAAAAAAE","sek":"AAAAAAAAAAAAAAAAAAAAAA","sn":0}"#,
    );
    assert!(reply.cache_rejected);
    let (reply, _) = read(ResumeSession::new([0; 16]), r#"{"u":"AAAAAAAAAAE","sn":1}"#);
    assert!(!reply.cache_rejected);
}

#[test]
fn download_addresses_come_as_one_or_six() {
    let ask = || FetchDownloadAddress::node(node("fileAAAA"));
    let (reply, _) = read(
        ask(),
        r#"{"g":"https://h.example/dl/T","s":5,"at":"QQ","msd":1,"tl":0}"#,
    );
    assert_eq!((reply.urls.len(), reply.size), (1, 5));
    let urls = [r#""https://h.example/dl/T""#; 6].join(",");
    let (reply, _) = read(ask(), &format!(r#"{{"g":[{urls}],"s":5,"at":"QQ"}}"#));
    assert_eq!(reply.urls.len(), 6);
    for bad in [
        r#"{"s":5}"#,
        r#"{"g":[],"s":5}"#,
        r#"{"g":"ftp://x/y","s":5}"#,
        r#"{"g":"https://h.example/dl/T"}"#,
        r#"{"g":"https://h.example/dl/T","s":-1}"#,
        "[]",
    ] {
        assert_eq!(refused(ask(), bad).kind(), ErrorKind::Protocol, "{bad}");
    }
    let (info, _) = read(
        FetchDownloadAddress::link_info("pubAAAAA".parse().unwrap()),
        r#"{"s":5,"at":"QQ"}"#,
    );
    assert!(info.urls.is_empty());
}

#[test]
fn a_used_up_transfer_quota_says_how_long_to_wait() {
    let ask = || FetchDownloadAddress::node(node("fileAAAA"));
    let error = refused(ask(), r#"{"s":5,"at":"QQ","e":-17,"tl":120}"#);
    assert_eq!(error.kind(), ErrorKind::OverQuota);
    assert_eq!(error.retry_after(), Some(Duration::from_secs(120)));
    assert_eq!(
        refused(ask(), r#"{"d":1,"s":5}"#).kind(),
        ErrorKind::Blocked
    );
    assert_eq!(refused(ask(), "-16").kind(), ErrorKind::Blocked);
}

#[test]
fn quota_and_sessions_are_read() {
    let (quota, _) = read(
        FetchQuota::new(),
        r#"{"mstrg":100,"cstrg":60,"cstrgn":{"rootAAAA":[50,3,2,10,1],"bad":[1]},"usl":1,"uslw":9800,"mxfer":9,"caxfer":5,"tuo":1,"bt":-1,"tah":[0,0,0,0,0,1],"srvratio":1.5,"balance":[["0.00","EUR"]],"plans":[{"al":4,"expires":99}]}"#,
    );
    assert_eq!(
        (quota.storage_allowed, quota.storage_used),
        (Some(100), Some(60))
    );
    assert_eq!(quota.by_root[&node("rootAAAA")].version_bytes, 10);
    assert_eq!(quota.by_root.len(), 1);
    assert_eq!(quota.state, Some(StorageState::Orange));
    assert_eq!(quota.transfer_used, Some(6));
    assert_eq!((quota.level, quota.plan_until), (Some(4), Some(99)));

    let (sessions, _) = read(
        ListSessions::new(),
        r#"[[1,2,"agent","192.0.2.1","DE",1,"AAAAAAAAAAE",1,""],[1,2,"old","::1","NZ",0,"AAAAAAAAAAI",0]]"#,
    );
    assert!(sessions[0].current && sessions[0].alive && !sessions[1].alive);
    assert_eq!(sessions[1].number.unwrap().to_string(), "AAAAAAAAAAI");
}

#[test]
fn user_data_keeps_attributes_apart() {
    let (data, _) = read(
        FetchUserData::new(),
        r#"{"u":"AAAAAAAAAAE","email":"a@b.c","name":"N","s":1,"c":1,"k":"AAAAAAAAAAAAAAAAAAAAAA","pubk":"","aav":2,"aas":"QQ","ts":"x","flags":{"ssrs":1,"x":{}},"b":{"s":-1,"m":1},"^!keys":{"av":"QUJD","v":"w"},"firstname":{"av":"Tg","v":"y"},"^!dv":"1"}"#,
    );
    assert_eq!(data.public_key, None);
    assert_eq!(
        data.attributes["^!keys"].decode().unwrap().as_bytes(),
        b"ABC"
    );
    assert_eq!(data.attributes["^!keys"].version.as_deref(), Some("w"));
    assert_eq!(data.attributes["^!dv"].text.expose(), "1");
    assert!(data.attributes.contains_key("firstname") && !data.attributes.contains_key("b"));
    assert_eq!(data.flags["ssrs"], 1);
    assert_eq!(
        data.business.map(|b| (b.status, b.master)),
        Some((-1, true))
    );
}

#[test]
fn user_attributes_are_set_in_both_dialects() {
    let set = || SetUserAttributes::new().with("^!keys", [1], Some("v1".into()));
    let (versions, tag) = read(set(), r#"["12A",{"^!keys":"v2"}]"#);
    assert_eq!(
        (versions["^!keys"].as_str(), tag.as_deref()),
        ("v2", Some("12A"))
    );
    assert_eq!(read(set(), r#"{"^!keys":"v2"}"#).0["^!keys"], "v2");
    assert_eq!(refused(set(), "-8").kind(), ErrorKind::Expired);

    let one = || SetUserAttribute::new("firstname", *b"N");
    let (version, tag) = read(one(), r#"["firstname","v9"]"#);
    assert_eq!((version.as_deref(), tag), (Some("v9"), None));
    let (version, tag) = read(one(), r#"["12A",["firstname","v9"]]"#);
    assert_eq!(
        (version.as_deref(), tag.as_deref()),
        (Some("v9"), Some("12A"))
    );
}

#[test]
fn other_replies_are_read() {
    let (share, tag) = read(
        SetShare::revoke(node("dirAAAAA"), ShareTarget::Everyone),
        r#"["12A",{"r":[0],"u":[{"u":"AAAAAAAAAAE","m":"a@b.c"}]}]"#,
    );
    assert_eq!(
        (share.results, share.users.len(), tag.as_deref()),
        (vec![0], 1, Some("12A"))
    );
    let (keys, _) = read(
        FetchPendingKeys::new(),
        r#"{"AAAAAAAAAAE":{"dirAAAAA":"QUJD"},"d":"last"}"#,
    );
    assert_eq!((keys.keys.len(), keys.last.as_deref()), (1, Some("last")));
    let (fa, tag) = read(
        AttachFileAttribute::new(node("fileAAAA"), 0, "AAAAAAAAAAE".parse().unwrap()),
        r#"["12A","1:0*AAAAAAAAAAE"]"#,
    );
    assert_eq!(
        (fa.as_deref(), tag.as_deref()),
        (Some("1:0*AAAAAAAAAAE"), Some("12A"))
    );
    let (user, _) = read(
        CreateEphemeral::new([0; 16], [0; 32]),
        r#"[0,"AAAAAAAAAAE"]"#,
    );
    assert_eq!(user.to_string(), "AAAAAAAAAAE");
    let (confirmed, tag) = read(
        ConfirmRegistration::new([1]),
        r#"["YUBiLmM","TmFtZQ","AAAAAAAAAAE",2]"#,
    );
    assert_eq!(
        (confirmed.email.expose(), confirmed.version, tag),
        ("a@b.c", Some(2), None)
    );
    let (confirmed, tag) = read(
        ConfirmRegistration::new([1]),
        r#"["12A",["YUBiLmM","TmFtZQ","AAAAAAAAAAE",2]]"#,
    );
    assert_eq!(
        (confirmed.full_name.expose(), tag.as_deref()),
        ("Name", Some("12A"))
    );
    assert_eq!(read(WhyAmIBlocked::new(), "0").0, None);
    assert_eq!(
        read(WhyAmIBlocked::new(), "700").0,
        Some(BlockReason::EmailVerification)
    );
    assert!(read(TwoFactorEnabled::new("a@b.c"), "1").0);
    assert!(!read(CheckTransferQuota::new(5), "2").0.fits());
    let (info, _) = read(
        FetchLinkInfo::new("pubAAAAA".parse().unwrap()),
        r#"{"attrs":"QQ","ph":"pubAAAAA","u":"AAAAAAAAAAE","s":[10,2,1,3,1],"k":"dirAAAAA:QUJD"}"#,
    );
    assert_eq!(
        (info.size, info.files, info.root),
        (10, 2, node("dirAAAAA"))
    );
    let (raw, tag) = read(RawCommand::new("x", Effect::Mutation), r#"["7",{"y":[1]}]"#);
    assert_eq!(
        (raw.json.as_str(), tag.as_deref()),
        (r#"{"y":[1]}"#, Some("7"))
    );
}

/// Every command of the crate reads this element, whatever it is.
fn every_command_reads(element: &[u8]) {
    macro_rules! read_all {
        ($($command:expr),* $(,)?) => { $(let _ = decode_reply(&$command, element);)* };
    }
    read_all!(
        Prelogin::new("a"),
        Login::new("a", [0; 8]),
        ResumeSession::new([0; 16]),
        CopySession::new(),
        Logout::new(),
        ListSessions::new(),
        EndSessions::Others,
        FetchUserData::new(),
        FetchQuota::new(),
        CheckTransferQuota::new(1),
        FetchUploadAddress::new(1),
        PutNodes::new(node("rootAAAA"), Vec::new()),
        FetchDownloadAddress::node(node("fileAAAA")),
        MoveNode::new(node("fileAAAA"), node("rootAAAA")),
        SetNodeAttributes::new(node("fileAAAA"), [0; 16]),
        DeleteNode::new(node("fileAAAA")),
        DeleteAllVersions::new(),
        EmptyRubbish::new(),
        CreateLink::new(node("fileAAAA")),
        RemoveLink::new(node("fileAAAA")),
        FetchLinkInfo::new("pubAAAAA".parse().unwrap()),
        SetShare::revoke(node("dirAAAAA"), ShareTarget::Everyone),
        FetchPendingKeys::new(),
        FetchPublicKey::new(mega_protocol::UserHandle::from_bytes([0; 8])),
        FetchUserAttribute::new(mega_protocol::UserHandle::from_bytes([0; 8]), "^!keys"),
        SetUserAttribute::new("x", [0]),
        SetUserAttributes::new(),
        RemoveUserAttribute::new("x"),
        CreateEphemeral::new([0; 16], [0; 32]),
        FetchFileAttributeUploadAddress::new(1),
        AttachFileAttribute::new(node("fileAAAA"), 0, "AAAAAAAAAAE".parse().unwrap()),
        TwoFactorEnabled::new("a"),
        FetchTwoFactorSecret::new(),
        ConfirmRegistration::new([0]),
        CheckRecoveryCode::new("c"),
        FetchRecoveryKeyBlob::new("c"),
        WhyAmIBlocked::new(),
        FetchNodes::new(),
        RawCommand::new("x", Effect::Read),
        RawCommand::new("x", Effect::Mutation),
    );
}

proptest! {
    #[test]
    fn hostile_replies_never_panic(bytes: Vec<u8>) {
        every_command_reads(&bytes);
    }

    #[test]
    fn json_like_replies_never_panic(
        keys in prop::collection::vec("[a-z^!]{1,6}|u|k|v|s|g|p|f|e|fh|av", 0..6),
        values in prop::collection::vec(
            r#"-?[0-9]{1,20}|"[A-Za-z0-9_:-]{0,22}"|\[\]|\{\}|\[[0-9],"x"\]|null|1\.5"#, 6..7),
        wrap in 0u8..4,
    ) {
        let members: Vec<_> = keys.iter().zip(&values).map(|(k, v)| format!("\"{k}\":{v}")).collect();
        let object = format!("{{{}}}", members.join(","));
        let text = match wrap {
            0 => object,
            1 => format!("[\"12A\",{object}]"),
            2 => format!("[{}]", values.join(",")),
            _ => values[0].clone(),
        };
        every_command_reads(text.as_bytes());
    }
}

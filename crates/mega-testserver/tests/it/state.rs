//! A state that outlives the server: what a client was told is there after a restart, however the server ended.

use std::path::Path;

use mega_testserver::{StateError, TestServer};
use serde_json::{Value, json};

use crate::program::Program;
use crate::support::{Client, http};

async fn server(folder: &Path) -> TestServer {
    TestServer::builder().state(folder).start().await.unwrap()
}

/// The client of before, led to a server that was started again.
fn again(client: &Client, server: &TestServer) -> Client {
    Client {
        base: server.url().into(),
        ..client.clone()
    }
}

/// The reply to `f`, but for what a new start may change.
fn tree(client: &Client) -> Value {
    let mut tree = client.tree();
    assert!(tree["f"].is_array(), "{tree}");
    // Versions in no fixed order.
    for list in ["f", "f2"] {
        if let Some(list) = tree[list].as_array_mut() {
            list.sort_by_key(|n| n["h"].as_str().unwrap().to_owned());
        }
    }
    tree
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_a_client_was_told_is_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let first = server(folder.path()).await;
    first.account("me@example.com", "password").create();
    first.account("other@example.com", "password").v1().create();
    let me = Client::sign_in(&first, "me@example.com", "password");
    let other = Client::sign_in(&first, "other@example.com", "password");
    let root = me.root();
    let start = tree(&me)["sn"].as_str().unwrap().to_owned();

    // A file with an older version and a link, a shared folder, a contact, an attribute, a finished upload without a node.
    let content: Vec<u8> = (0..400_000_u32).map(|i| (i * 7 % 251) as u8).collect();
    let old = me.put_file(&root, b"old");
    let token = me.upload(&content);
    let put = json!({"a":"p","t":root,"n":[{"h":token,"t":0,"a":"AAAA","k":"A".repeat(43),"ov":old["f"][0]["h"]}],"vb":1});
    let file = me.one(put)["f"][0]["h"].as_str().unwrap().to_owned();
    let link = me.one(json!({"a":"l","n":file}));
    let shared = me.make_folder(&root);
    me.one(json!({"a":"s2","n":shared,"s":[{"u":"other@example.com","r":1}],"ok":"A".repeat(22),"ha":"A".repeat(22)}));
    me.one(json!({"a":"up2","^!dv":"MA"}));
    me.put_file(&shared, b"shared");
    let waiting = me.upload(b"waits for its node");
    // An album with a link, a link to the person, a backup, and what others did.
    let album = me.one(json!({"a":"asp","k":"A".repeat(22),"t":0}))["id"].clone();
    me.one(json!({"a":"aep","s":album,"h":file,"k":"A".repeat(43)}));
    me.one(json!({"a":"ass","id":album}));
    let person = me.one(json!({"a":"clc"}));
    me.one(json!({"a":"sp","t":0,"h":shared}));
    other.one(json!({"a":"upc","u":"third@example.com","aa":"a"}));
    let notes = |client: &Client| {
        let url = format!("/sc?c=50{}", client.auth);
        let answer = http(&client.base, "POST", &url, &[], b"").unwrap();
        let notes: Value = serde_json::from_slice(&answer.body).unwrap();
        let list = notes["c"].as_array().unwrap().iter();
        list.map(|n| n["t"].clone()).collect::<Vec<_>>()
    };
    let (url, body) = (
        me.url(),
        json!([{"a":"p","t":root,"n":[{"h":"xxxxxxxx","t":1,"a":"AAAA","k":"A".repeat(22)}]}])
            .to_string(),
    );
    let told = http(&me.base, "POST", &url, &[], body.as_bytes()).unwrap();

    let (mine, theirs) = (tree(&me), tree(&other));
    let (events, position) = me.events(&start);
    let sessions = me.one(json!({"a":"usl","x":1}));
    let quota = me.one(json!({"a":"uq","strg":1}));
    let backups = me.one(json!({"a":"sf"}));
    let noted = [notes(&me), notes(&other)];
    assert_eq!(noted[1], [json!("ipc")], "the folder waits for his answer");
    drop(first);

    let second = server(folder.path()).await;
    let (me, other) = (again(&me, &second), again(&other, &second));
    assert_eq!(tree(&me), mine);
    assert_eq!(tree(&other), theirs);
    assert_eq!(me.events(&start), (events, position.clone()));
    assert_eq!(me.one(json!({"a":"uq","strg":1})), quota);
    assert_eq!(me.one(json!({"a":"sf"})), backups);
    assert_eq!(me.one(json!({"a":"clc"})), person);
    assert_eq!([notes(&me), notes(&other)], noted);
    assert!(mine["aesp"]["p"][0]["ph"].is_string());
    let now = me.one(json!({"a":"usl","x":1}));
    assert_eq!(
        now.as_array().unwrap().len(),
        sessions.as_array().unwrap().len()
    );
    assert_eq!(second.with_model(|m| m.violations()), Vec::<String>::new());

    // Executed before the restart, so not executed again.
    let nodes = second.with_model(|m| m.tree().len());
    let repeated = http(&me.base, "POST", &url, &[], body.as_bytes()).unwrap();
    assert_eq!(repeated.body, told.body);
    assert!(second.journal().last().unwrap().repeated);
    assert_eq!(second.with_model(|m| m.tree().len()), nodes);

    // The content is there, through the account and through the link, and so is the upload without a node.
    for request in [
        json!({"a":"g","g":1,"n":file}),
        json!({"a":"g","g":1,"p":link}),
    ] {
        let url = me.one(request)["g"].as_str().unwrap().to_owned();
        let got = http(&me.base, "GET", &url, &[], b"").unwrap();
        assert!(got.body == content, "{} bytes", got.body.len());
        let part = http(&me.base, "GET", &format!("{url}/131072-300000"), &[], b"").unwrap();
        assert!(part.body == content[131_072..=300_000]);
    }
    let late =
        me.one(json!({"a":"p","t":root,"n":[{"h":waiting,"t":0,"a":"AAAA","k":"A".repeat(43)}]}));
    assert!(late["f"][0]["h"].is_string(), "{late}");

    // What is drawn now is not what was drawn before, and events go on where they were.
    let fresh = Client::sign_in(&second, "me@example.com", "password");
    assert_ne!(fresh.auth, me.auth);
    let (news, _) = me.events(&position);
    assert_eq!(news.len(), 1, "the late node: {news:?}");

    // Once more, after the log was compacted by the second start.
    let mine = tree(&me);
    drop(second);
    let third = server(folder.path()).await;
    assert_eq!(tree(&again(&me, &third)), mine);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_killed_outright_has_lost_nothing_that_was_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    let arguments = [
        "--state",
        path,
        "--account",
        "me@example.com:password:nokeys",
    ];
    let program = Program::start(&arguments);
    let mut client = Client::at(&program.url);
    let salt = client.one(json!({"a":"us0","user":"me@example.com"}));
    let salt = crate::support::unb64(salt["s"].as_str().unwrap());
    let uh = mega_testserver::account::password::v2("password", &salt).auth;
    let reply = client.one(json!({"a":"us","user":"me@example.com","uh":crate::support::b64(&uh)}));
    client.auth = format!("&sid={}", reply["tsid"].as_str().unwrap());
    let root = client.root();
    let mut program = Some(program);
    let mut made = Vec::new();
    for round in 0..4 {
        for _ in 0..5 {
            made.push(client.make_folder(&root));
        }
        made.push(
            client.put_file(&root, &[round; 1000])["f"][0]["h"]
                .as_str()
                .unwrap()
                .to_owned(),
        );
        drop(program.take());
        let next = Program::start(&arguments);
        client.base.clone_from(&next.url);
        program = Some(next);
        let tree = client.tree();
        let there: Vec<&str> = tree["f"]
            .as_array()
            .unwrap()
            .iter()
            .map(|n| n["h"].as_str().unwrap())
            .collect();
        for handle in &made {
            assert!(
                there.contains(&handle.as_str()),
                "{handle} is gone after round {round}"
            );
        }
        assert_eq!(there.len(), made.len() + 3);
    }

    // Two of them cannot share a folder.
    let second = Program::refused(&arguments);
    let message = String::from_utf8(second.stderr).unwrap();
    assert!(message.contains("another server"), "{message}");
}

/// A state with two folders in it, and the line of the log that made each.
async fn written(folder: &Path) -> String {
    let first = server(folder).await;
    first
        .account("me@example.com", "password")
        .without_keys()
        .create();
    let me = Client::sign_in(&first, "me@example.com", "password");
    let root = me.root();
    me.put_file(&root, b"content");
    me.make_folder(&root);
    me.make_folder(&root);
    drop(first);
    std::fs::read_to_string(folder.join("state")).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_state_is_refused_with_the_place_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state");
    let good = written(folder.path()).await;
    let open = || TestServer::builder().state(folder.path()).open();
    let lines = good.lines().count() as u64;
    assert!(lines > 4, "{lines}");

    // One byte in the middle.
    let mut bad = good.clone().into_bytes();
    let at = good.len() / 2;
    bad[at] = if bad[at] == b'A' { b'B' } else { b'A' };
    std::fs::write(&path, &bad).unwrap();
    let error = open().unwrap_err();
    assert!(
        matches!(&error, StateError::Damaged { line, .. } if (2..=lines).contains(line)),
        "{error}"
    );
    assert!(error.to_string().contains("line"), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), bad, "nothing is changed");

    // A line is missing: what follows does not hold together, or the count of used bytes does not.
    let without: Vec<&str> = good
        .lines()
        .enumerate()
        .filter(|(i, _)| *i != 2)
        .map(|(_, l)| l)
        .collect();
    std::fs::write(&path, without.join("\n") + "\n").unwrap();
    assert!(matches!(open().unwrap_err(), StateError::Damaged { .. }));

    for (text, newer) in [
        ("mega-testserver state 2\n", true),
        ("{}\n", false),
        ("", false),
    ] {
        std::fs::write(&path, text).unwrap();
        let error = open().unwrap_err();
        assert_eq!(
            matches!(error, StateError::Newer { version: 2, .. }),
            newer,
            "{error}"
        );
        assert_eq!(
            matches!(error, StateError::Damaged { line: 1, .. }),
            !newer,
            "{error}"
        );
    }

    // The content of a file is gone, or shorter.
    std::fs::write(&path, &good).unwrap();
    let content = std::fs::read_dir(folder.path().join("content"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let bytes = std::fs::read(&content).unwrap();
    std::fs::write(&content, &bytes[..3]).unwrap();
    assert!(matches!(
        open().unwrap_err(),
        StateError::Damaged { line: 0, .. }
    ));
    std::fs::remove_file(&content).unwrap();
    assert!(matches!(open().unwrap_err(), StateError::Io { .. }));
    std::fs::write(&content, bytes).unwrap();
    let open = open().unwrap();
    assert_eq!(open.with_model(|m| m.tree().len()), 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_was_cut_off_was_never_acknowledged_and_is_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state");
    let good = written(folder.path()).await;
    // Cut inside the last line at several places: the second folder is not there, everything before is.
    let last = good.trim_end().rfind('\n').unwrap() + 1;
    for cut in [last + 1, last + 9, (last + good.len()) / 2, good.len() - 1] {
        std::fs::write(&path, &good[..cut]).unwrap();
        let service = TestServer::builder().state(folder.path()).open().unwrap();
        assert_eq!(service.with_model(|m| m.tree().len()), 5, "cut at {cut}");
        assert_eq!(service.with_model(|m| m.violations()), Vec::<String>::new());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_that_cannot_be_written_acknowledges_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let first = server(folder.path()).await;
    first
        .account("me@example.com", "password")
        .without_keys()
        .create();
    let me = Client::sign_in(&first, "me@example.com", "password");
    let root = me.root();
    // The folder for content becomes a file, so the content of the next upload cannot be put away.
    let content = folder.path().join("content");
    std::fs::remove_dir(&content).unwrap();
    std::fs::write(&content, b"").unwrap();
    let url = me.one(json!({"a":"u","s":5}))["p"]
        .as_str()
        .unwrap()
        .to_owned();
    let refused = http(&me.base, "POST", &format!("{url}/0"), &[], b"hello").unwrap();
    assert_eq!(refused.status, 500);
    assert!(first.journal().last().unwrap().faults[0].starts_with("State("));
    // Once it can be written again, nothing is missing: the client sends the part again and gets its token.
    std::fs::remove_file(&content).unwrap();
    std::fs::create_dir(&content).unwrap();
    let token = http(&me.base, "POST", &format!("{url}/0"), &[], b"hello").unwrap();
    let put = me.one(
        json!({"a":"p","t":root,"n":[{"h":token.text(),"t":0,"a":"AAAA","k":"A".repeat(43)}]}),
    );
    drop(first);
    let second = server(folder.path()).await;
    let there = second.with_model(|m| m.tree().len());
    assert_eq!(there, 4, "{put}");
}

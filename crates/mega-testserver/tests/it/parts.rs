//! Clients that hold a part of the tree: what they list, and what they are told afterwards.

use crate::support::{Client, http};
use http::Request;
use mega_testserver::{Outcome, TestServer};
use serde_json::{Value, json};

fn handles(tree: &Value) -> Vec<String> {
    let nodes = tree["f"].as_array().unwrap_or_else(|| panic!("{tree}"));
    let all = nodes
        .iter()
        .chain(tree["f2"].as_array().into_iter().flatten());
    all.map(|n| n["h"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_of_the_tree_is_listed_with_the_account_and_without_the_rest() {
    let server = TestServer::start().await.unwrap();
    server.account("me@example.com", "password").create();
    let client = Client::sign_in(&server, "me@example.com", "password");
    let root = client.root();
    let (mine, other) = (client.make_folder(&root), client.make_folder(&root));
    let inner = client.make_folder(&mine);
    let deep = client.make_folder(&inner);
    let file = client.put_file(&inner, b"12345")["f"][0]["h"]
        .as_str()
        .unwrap()
        .to_owned();
    let newer = client.upload(b"123456");
    let newer = client.one(json!({"a":"p","t":inner,"vb":1,
        "n":[{"h":newer,"t":0,"a":"AAAA","k":"A".repeat(43),"ov":file}]}));
    let newer = newer["f"][0]["h"].as_str().unwrap().to_owned();

    // As the SDK does for a password manager.
    let part = client.one(json!({"a":"f","c":1,"r":1,"ca":1,"n":mine,"part":1}));
    let want = [&mine, &inner, &deep, &newer, &file].map(String::clone);
    assert_eq!(handles(&part), want);
    assert_eq!(part["u"][0]["c"], 2, "the account itself is told");
    assert_eq!(part["sn"], client.tree()["sn"]);

    // As it does for a VPN client: no nodes at all.
    let minimal = client.one(json!({"a":"f","mc":1}));
    assert_eq!(handles(&minimal), Vec::<String>::new());
    assert_eq!(minimal["u"][0]["m"], "me@example.com");
    assert_eq!(minimal["sn"], part["sn"]);

    // As the web client does: several, and only so deep.
    let two = client.one(json!({"a":"f","c":1,"r":1,"n":[other, inner],"inc":0}));
    assert_eq!(handles(&two), [inner.clone(), other.clone()]);
    let shallow = client.one(json!({"a":"f","c":1,"r":1,"inc":1}));
    let listed = handles(&shallow);
    assert!(
        listed.contains(&mine) && !listed.contains(&inner),
        "{listed:?}"
    );
    assert_eq!(listed.len(), 5, "three roots and what lies in them");

    for gone in ["AAAAAAAA", "no"] {
        let refused = client.one(json!({"a":"f","c":1,"n":gone,"part":1}));
        assert_eq!(refused, if gone == "no" { -2 } else { -9 });
    }
    let stranger = server
        .account("stranger@example.com", "password")
        .without_keys()
        .create();
    let foreign = client.one(json!({"a":"f","c":1,"n":stranger.root,"part":1}));
    assert_eq!(foreign, -9, "nobody lists what he cannot see");
}

fn packets(client: &Client, sn: &str, interest: &str) -> Vec<(String, String)> {
    let target = format!("/wsc?sn={sn}{}{interest}", client.auth);
    let answer = http(&client.base, "POST", &target, &[], b"").unwrap();
    let value: Value = serde_json::from_slice(&answer.body).unwrap();
    let list = value["a"].as_array().into_iter().flatten();
    list.map(|p| {
        let what = p["n"].as_str().or(p["t"]["f"][0]["h"].as_str());
        (
            p["a"].as_str().unwrap().to_owned(),
            what.unwrap_or_default().to_owned(),
        )
    })
    .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_holds_a_part_hears_of_that_part() {
    let server = TestServer::start().await.unwrap();
    server.account("me@example.com", "password").create();
    let client = Client::sign_in(&server, "me@example.com", "password");
    let root = client.root();
    let mine = client.make_folder(&root);
    let outside = client.make_folder(&root);
    let sn = client.tree()["sn"].as_str().unwrap().to_owned();

    let inside = client.make_folder(&mine);
    client.make_folder(&root);
    client.one(json!({"a":"a","n":outside,"at":"BBBB"}));
    client.one(json!({"a":"m","n":outside,"t":mine}));
    client.one(json!({"a":"m","n":inside,"t":root}));
    server.with_model(|m| m.set_quota("me@example.com", 7 << 30));
    client.one(json!({"a":"d","n":outside}));

    let told = |a: &str, n: &str| (a.to_owned(), n.to_owned());
    let about_mine = [
        told("t", &inside),
        // Coming in, it is new; going out, it is gone.
        told("t", &outside),
        told("d", &inside),
        told("d", &outside),
    ];
    assert_eq!(
        packets(&client, &sn, &format!("&e={mine}&ir=1")),
        about_mine
    );
    let mut with_account = about_mine.to_vec();
    with_account.insert(3, told("sqac", ""));
    assert_eq!(
        packets(&client, &sn, &format!("&e={mine}&ir=1&ap=1")),
        with_account
    );
    assert_eq!(packets(&client, &sn, "&ap=1"), [told("sqac", "")]);
    assert_eq!(packets(&client, &sn, "").len(), 9);

    client.one(json!({"a":"d","n":mine}));
    let target = format!("/wsc?sn={sn}{}&e={mine}&ir=1", client.auth);
    let answer = http(&client.base, "POST", &target, &[], b"").unwrap();
    assert_eq!(answer.text(), "-9", "there is nothing left to follow");
}

#[test]
fn a_long_poll_for_a_part_sleeps_through_the_rest() {
    let service = mega_testserver::Service::in_memory(7);
    let account = service
        .account("me@example.com", "x")
        .without_keys()
        .create();
    let sid = service.with_model(|m| m.sign_in("me@example.com").unwrap());
    let call = |target: &str, body: &str| {
        let request = Request::post(target).body(body.to_owned().into()).unwrap();
        match service.handle(request) {
            Outcome::Reply(reply) => serde_json::from_slice(&reply.body.into_bytes()).unwrap(),
            other => panic!("{other:?}"),
        }
    };
    let mut folders = Vec::new();
    let mut make = |parent: &str| {
        let id = folders.len();
        let body = json!([{"a":"p","t":parent,"n":[{"h":"xxxxxxxx","t":1,"a":"AAAA","k":"A".repeat(22)}]}]);
        let reply: Value = call(&format!("/cs?id={id}&sid={sid}"), &body.to_string());
        folders.push(reply[0]["f"][0]["h"].as_str().unwrap().to_owned());
        folders.last().unwrap().clone()
    };
    let mine = make(&account.root.to_string());
    let tree: Value = call(&format!("/cs?id=f&sid={sid}"), r#"[{"a":"f","c":1}]"#);
    let sn = tree[0]["sn"].as_str().unwrap();
    let first: Value = call(&format!("/wsc?sn={sn}&sid={sid}&e={mine}&ir=1"), "");
    let path = first["w"]
        .as_str()
        .unwrap()
        .split_once(".invalid")
        .unwrap()
        .1;

    let poll = Request::post(format!("{path}?sn={sn}&sid={sid}&e={mine}&ir=1"))
        .body("".into())
        .unwrap();
    let Outcome::Hold(hold) = service.handle(poll) else {
        panic!("there is nothing to tell yet");
    };
    make(&account.root.to_string());
    let Outcome::Hold(hold) = service.poll(hold) else {
        panic!("what happened elsewhere wakes nobody who did not ask for it");
    };
    let inside = make(&mine);
    let Outcome::Reply(reply) = service.poll(hold) else {
        panic!("this is what he waits for");
    };
    let events: Value = serde_json::from_slice(&reply.body.into_bytes()).unwrap();
    assert_eq!(events["a"][0]["t"]["f"][0]["h"], json!(inside));
    assert_eq!(events["a"].as_array().unwrap().len(), 1);
}

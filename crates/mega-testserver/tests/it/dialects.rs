//! What the official client insists on: tags, packet order, header spelling, compact text.

use crate::support::{Client, http};
use mega_testserver::{Fault, Lane, TestServer};
use serde_json::{Value, json};

async fn server() -> (TestServer, Client) {
    let server = TestServer::start().await.unwrap();
    server.account("me@example.com", "password").create();
    let client = Client::sign_in(&server, "me@example.com", "password");
    (server, client)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_is_a_tagged_d_and_an_untagged_t_with_the_whole_subtree() {
    let (server, client) = server().await;
    let root = client.root();
    let (from, to) = (client.make_folder(&root), client.make_folder(&root));
    let inner = client.make_folder(&from);
    let sn = client.tree()["sn"].as_str().unwrap().to_owned();

    let tag = client
        .clone()
        .tagged()
        .one(json!({"a":"m","i":"kfjwpqmzox","n":from,"t":to}));
    let text = http(
        server.url(),
        "POST",
        &format!("/wsc?sn={sn}{}", client.auth),
        &[],
        b"",
    )
    .unwrap();
    let text = text.text();
    // Key order is what the official client needs: a, i, st, the rest; sn at the very end.
    let d = format!("{{\"a\":\"d\",\"i\":\"kfjwpqmzox\",\"st\":{tag},\"n\":\"{from}\",\"m\":1,");
    assert!(text.contains(&d), "{text}");
    assert!(
        text.contains("{\"a\":\"t\",\"i\":\"kfjwpqmzox\",\"t\":{\"f\":[{\"h\":"),
        "{text}"
    );
    let value: Value = serde_json::from_str(text).unwrap();
    let moved: Vec<&str> = value["a"][1]["t"]["f"]
        .as_array()
        .unwrap()
        .iter()
        .map(|n| n["h"].as_str().unwrap())
        .collect();
    assert_eq!(moved, [from, inner]);
    let end = text.rfind("\"sn\":").unwrap();
    assert!(!text[end..].contains(','), "sn is the last key");
}

#[tokio::test(flavor = "multi_thread")]
async fn both_dialects_answer_in_their_own_shape() {
    let (_server, client) = server().await;
    let tagged = client.clone().tagged();
    let root = client.root();

    let legacy = client
        .one(json!({"a":"p","t":root,"n":[{"h":"xxxxxxxx","t":1,"a":"AAAA","k":"A".repeat(22)}]}));
    assert!(
        legacy["f"][0]["k"].as_str().unwrap().contains(':'),
        "the owner stands before the key"
    );
    let new = tagged.one(
        json!({"a":"p","v":4,"t":root,"n":[{"h":"AbCdEfGh","t":1,"a":"AAAA","k":"A".repeat(22)}]}),
    );
    assert!(new[0].is_string());
    assert_eq!(new[1], json!({"e":[],"fh":[]}));

    let folder = legacy["f"][0]["h"].as_str().unwrap().to_owned();
    assert!(
        tagged
            .one(json!({"a":"a","n":folder,"at":"BBBB"}))
            .is_string()
    );
    let file = client.put_file(&root, b"12345")["f"][0]["h"].clone();
    let link = tagged.one(json!({"a":"l","n":file}));
    assert_eq!(link[1].as_str().unwrap().len(), 8);
    assert_eq!(
        client.one(json!({"a":"l","n":file})),
        link[1],
        "the same link again"
    );
    assert_eq!(
        tagged.one(json!({"a":"l","n":file})),
        json!([0, link[1]]),
        "no change, so no tag"
    );
    let name = tagged.one(json!({"a":"up2","*abc":"AAAA"}));
    assert_eq!(name[1][0], "*abc");
    assert_eq!(client.one(json!({"a":"nonsense"})), -2);
    assert_eq!(
        client.batch(&json!([{"a":"d","n":file},{"a":"d","n":file}])),
        json!([0, -9]),
        "in order"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn replies_are_compact_and_headers_are_spelled_exactly() {
    let (server, client) = server().await;
    let answer = http(
        server.url(),
        "POST",
        &client.url(),
        &[],
        b"[{\"a\":\"f\",\"c\":1,\"r\":1},{\"a\":\"ug\",\"v\":1},{\"a\":\"uq\"}]",
    )
    .unwrap();
    let text = answer.text();
    for bad in [": ", ", ", "true", "false", "null", "\\/", "\n"] {
        assert!(!text.contains(bad), "{bad:?} in {text}");
    }
    assert_eq!(
        answer.header("Content-Length").unwrap(),
        text.len().to_string()
    );
    assert!(answer.header("Content-Type").is_some());

    server.faults().add(Fault::command("ug").hashcash(255));
    let challenge = http(
        server.url(),
        "POST",
        &client.url(),
        &[],
        b"[{\"a\":\"ug\"}]",
    )
    .unwrap();
    assert_eq!(
        (challenge.status, challenge.header("Content-Length")),
        (402, Some("0"))
    );
    assert!(
        challenge
            .header("X-Hashcash")
            .unwrap()
            .starts_with("1:255:")
    );
    server
        .faults()
        .add(Fault::lane(Lane::Download).bandwidth(77));
    let spent = http(server.url(), "GET", "/dl/x", &[], b"").unwrap();
    assert_eq!(
        (spent.status, spent.header("X-MEGA-Time-Left")),
        (509, Some("77"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_says_all_that_strict_clients_ask_for() {
    let (_server, client) = server().await;
    let user = client.one(json!({"a":"ug"}));
    for name in [
        "u", "email", "name", "k", "pubk", "privk", "ts", "^!keys", "+sigPubk", "*keyring",
    ] {
        assert!(user[name].is_string(), "{name}: {}", user[name]);
    }
    assert!(user["s"].is_i64() && user["c"].is_i64());
    let versioned = client.one(json!({"a":"ug","v":1}));
    assert!(versioned["^!keys"]["av"].is_string() && versioned["^!keys"]["v"].is_string());
    let sessions = client.one(json!({"a":"usl","x":1}));
    assert_eq!(sessions[0].as_array().unwrap().len(), 8);
    assert_eq!(sessions[0][5], 1, "this is the current one");
    let tree = client.tree();
    for name in ["ok", "ok0", "s", "ph", "u"] {
        assert!(tree[name].is_array(), "{name}");
    }
    assert_eq!(
        client.one(json!({"a":"uga","u":user["u"],"ua":"*none","v":1})),
        -9
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attribute_written_meanwhile_is_not_overwritten() {
    let (_server, client) = server().await;
    let first = client.one(json!({"a":"upv","^!x":["AAAA"]}));
    let version = first["^!x"].as_str().unwrap();
    let second = client.one(json!({"a":"upv","^!x":["BBBB",version]}));
    assert!(second["^!x"].is_string());
    assert_eq!(client.one(json!({"a":"upv","^!x":["CCCC",version]})), -8);
    assert_eq!(client.one(json!({"a":"uga","ua":"^!x"})), "BBBB");
}

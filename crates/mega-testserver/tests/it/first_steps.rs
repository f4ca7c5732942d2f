//! The main road: sign in, list, make, upload, download, move, delete, sign out.

use crate::support::{Client, http};
use mega_testserver::TestServer;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn a_session_goes_from_sign_in_to_sign_out() {
    let server = TestServer::start().await.unwrap();
    server.account("me@example.com", "password").create();
    let client = Client::sign_in(&server, "ME@example.com", "password");
    let root = client.root();

    let folder = client.make_folder(&root);
    let content = vec![7; 131_072];
    let file = client.put_file(&folder, &content)["f"][0]["h"]
        .as_str()
        .unwrap()
        .to_owned();

    let address = client.one(json!({"a":"g","g":1,"n":file}));
    assert_eq!(address["s"], 131_072);
    let got = http(
        server.url(),
        "GET",
        address["g"].as_str().unwrap(),
        &[],
        b"",
    )
    .unwrap();
    assert_eq!(got.body, content);
    let part = http(
        server.url(),
        "POST",
        &format!("{}/10-19", address["g"].as_str().unwrap()),
        &[],
        b"",
    )
    .unwrap();
    assert_eq!(
        (part.status, part.body.len()),
        (200, 10),
        "a range in the path is answered 200"
    );

    assert_eq!(client.one(json!({"a":"m","n":file,"t":root})), 0);
    assert_eq!(
        client.one(json!({"a":"a","n":file,"attr":"BBBB","key":"B".repeat(43)})),
        0
    );
    assert_eq!(client.one(json!({"a":"d","n":folder})), 0);
    let tree = client.tree();
    let nodes = tree["f"].as_array().unwrap();
    assert_eq!(nodes.len(), 4);
    let node = nodes.iter().find(|n| n["h"] == json!(file)).unwrap();
    assert_eq!((&node["p"], &node["a"]), (&json!(root), &json!("BBBB")));

    assert_eq!(client.one(json!({"a":"sml"})), 0);
    assert_eq!(client.one(json!({"a":"ug"})), -15);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_model_knows_names_and_content_in_clear() {
    let server = TestServer::start().await.unwrap();
    server.account("me@example.com", "password").create();
    server.with_model(|m| {
        let node = m
            .make_file("me@example.com", "/a/b/c.txt", b"hello", 1_700_000_000)
            .unwrap();
        assert_eq!(m.find("me@example.com", "/a/b/c.txt"), Some(node));
        assert_eq!(m.read_file(node).unwrap(), b"hello");
        assert!(m.rename(node, "d.txt"));
        assert_eq!(
            m.names_in(m.find("me@example.com", "/a/b").unwrap()),
            ["d.txt"]
        );
        assert_eq!(m.user("me@example.com").unwrap().used, 5);
    });
}

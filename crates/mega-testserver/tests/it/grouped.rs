//! Batches that are done as a whole or not at all (`bc=1`), as the web client sends them.

use crate::support::{Client, b64, http};
use mega_testserver::TestServer;
use serde_json::{Value, json};

fn grouped(client: &Client, commands: &Value) -> Value {
    let target = format!("{}&bc=1", client.url());
    let answer = http(
        &client.base,
        "POST",
        &target,
        &[],
        commands.to_string().as_bytes(),
    )
    .unwrap();
    serde_json::from_slice(&answer.body).unwrap()
}

fn folder(at: &Value) -> Value {
    json!({"a":"p","t":at,"n":[{"h":"xxxxxxxx","t":1,"a":"AAAA","k":"A".repeat(22)}]})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grouped_batch_that_succeeds_is_like_any_other() {
    let server = TestServer::start().await.unwrap();
    server.account("me@example.com", "password").create();
    let client = Client::sign_in(&server, "me@example.com", "password").tagged();
    let tree = client.tree();
    let sn = tree["sn"].as_str().unwrap();
    let root = json!(client.root());
    let replies = grouped(&client, &json!([folder(&root), folder(&root)]));
    let tags: Vec<&str> = (0..2).map(|i| replies[i][0].as_str().unwrap()).collect();
    let (packets, _) = client.events(sn);
    let told: Vec<&Value> = packets.iter().map(|p| &p["st"]).collect();
    assert_eq!(told, tags);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grouped_batch_that_fails_leaves_nothing_behind() {
    let server = TestServer::start().await.unwrap();
    let account = server.account("me@example.com", "password").create();
    server
        .account("friend@example.com", "password")
        .without_keys()
        .create();
    let client = Client::sign_in(&server, "me@example.com", "password").tagged();
    let old = Client::sign_in(&server, "me@example.com", "password");
    let root = json!(client.root());
    let keep = old.make_folder(&client.root());
    let token = old.upload(b"twelve bytes");
    let before = old.tree();
    let attributes = old.one(json!({"a":"ug"}));
    let sn = before["sn"].as_str().unwrap().to_owned();

    let file = json!({"a":"p","t":root,"n":[{"h":token,"t":0,"a":"AAAA","k":"A".repeat(43)}]});
    let replies = grouped(
        &client,
        &json!([
            file,
            folder(&root),
            {"a":"a","n":keep,"at":"BBBB"},
            {"a":"m","n":keep,"t":account.bin},
            {"a":"l","n":keep},
            {"a":"s2","n":keep,"s":[{"u":"friend@example.com","r":2}],"ok":b64(&[1; 16]),"ha":b64(&[2; 16])},
            {"a":"up2","*thing":"AAAA"},
            {"a":"usr","ko":1},
            {"a":"d","n":"AAAAAAAA"},
            folder(&root),
        ]),
    );
    let rest = json!([-25, -25, -25, -25, -25, -25, -25, -25, -9, -25]);
    assert_eq!(
        replies, rest,
        "the one that failed says why, the others that they were undone"
    );

    assert_eq!(old.tree(), before, "the other session is not ended either");
    assert_eq!(old.one(json!({"a":"ug"})), attributes);
    assert_eq!(
        client.events(&sn),
        (vec![], sn),
        "nobody is told of what was undone"
    );
    assert_eq!(server.with_model(|m| m.violations()), Vec::<String>::new());
    assert_eq!(old.one(json!({"a":"uq"}))["cstrg"], 0);

    // What was undone can be done: the upload is still there.
    assert_eq!(old.one(file)["f"][0]["s"], 12);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_wish_for_it_the_rest_of_a_batch_is_done() {
    let server = TestServer::start().await.unwrap();
    server.account("me@example.com", "password").create();
    let client = Client::sign_in(&server, "me@example.com", "password");
    let root = json!(client.root());
    let replies = client.batch(&json!([folder(&root), {"a":"d","n":"AAAAAAAA"}, folder(&root)]));
    assert_eq!(replies[1], -9);
    assert_eq!(client.tree()["f"].as_array().unwrap().len(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_undone_is_not_there_after_a_restart_either() {
    let folder_of_state = tempfile::tempdir().unwrap();
    let start = || TestServer::builder().state(folder_of_state.path()).start();
    let server = start().await.unwrap();
    server
        .account("me@example.com", "password")
        .without_keys()
        .create();
    let client = Client::sign_in(&server, "me@example.com", "password");
    let root = json!(client.root());
    let replies = grouped(&client, &json!([folder(&root), {"a":"d","n":"AAAAAAAA"}]));
    assert_eq!(replies, json!([-25, -9]));
    let kept = client.make_folder(&client.root());
    drop(server);

    let server = start().await.unwrap();
    let handles = server.with_model(|m| {
        let root = m.user("me@example.com").unwrap().root;
        let children = m.tree().children(root);
        children.map(|n| n.handle.to_string()).collect::<Vec<_>>()
    });
    assert_eq!(handles, [kept]);
}

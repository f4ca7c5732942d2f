//! Misbehaviour on command: what fires, when, and that the state is what the fault says it is.

use crate::support::{Client, http};
use mega_testserver::{Fault, Lane, TestServer};
use serde_json::{Value, json};

async fn server() -> (TestServer, Client) {
    let server = TestServer::start().await.unwrap();
    server.account("me@example.com", "password").create();
    let client = Client::sign_in(&server, "me@example.com", "password");
    (server, client)
}

fn folder(root: &str) -> Value {
    json!([{"a":"p","t":root,"n":[{"h":"xxxxxxxx","t":1,"a":"AAAA","k":"A".repeat(22)}]}])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_reply_was_executed_and_the_same_request_is_not_executed_twice() {
    let (server, client) = server().await;
    let root = client.root();
    let before = server.with_model(|m| m.tree().len());
    server.faults().add(Fault::command("p").lose_reply());
    let (url, body) = (client.url(), folder(&root).to_string());
    assert!(http(server.url(), "POST", &url, &[], body.as_bytes()).is_err());
    assert_eq!(server.with_model(|m| m.tree().len()), before + 1);
    let again = http(server.url(), "POST", &url, &[], body.as_bytes()).unwrap();
    assert!(again.text().starts_with("[{\"f\":[{\"h\":"));
    assert_eq!(
        server.with_model(|m| m.tree().len()),
        before + 1,
        "remembered, not repeated"
    );
    assert!(server.journal().last().unwrap().repeated);

    // The same id with another body is another request: small clients count from zero in every process.
    let other = folder(&root).to_string().replace("AAAA", "BBBB");
    http(server.url(), "POST", &url, &[], other.as_bytes()).unwrap();
    assert_eq!(server.with_model(|m| m.tree().len()), before + 2);

    server.faults().add(Fault::any().forget_ids());
    http(server.url(), "POST", &url, &[], body.as_bytes()).unwrap();
    assert_eq!(
        server.with_model(|m| m.tree().len()),
        before + 3,
        "forgotten, so executed again"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_dropped_before_execution_changed_nothing() {
    let (server, client) = server().await;
    let root = client.root();
    let before = server.with_model(|m| m.tree().len());
    server.faults().add(Fault::command("p").drop_before());
    assert!(
        http(
            server.url(),
            "POST",
            &client.url(),
            &[],
            folder(&root).to_string().as_bytes()
        )
        .is_err()
    );
    assert_eq!(server.with_model(|m| m.tree().len()), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn codes_hit_one_command_or_the_whole_batch_as_often_as_told() {
    let (server, client) = server().await;
    let root = client.root();
    server.fail_next("p", -17);
    let batch = json!([{"a":"uq"}, folder(&root)[0]]);
    let reply = client.batch(&batch);
    assert!(reply[0].is_object());
    assert_eq!(reply[1], -17);
    server.faults().add(Fault::command("p").batch(-3).times(2));
    assert_eq!(client.batch(&batch), -3);
    assert_eq!(client.batch(&batch), -3);
    assert!(client.batch(&batch)[1].is_object());
    assert_eq!(server.faults().pending(), 0);
    let fired: Vec<_> = server
        .journal()
        .iter()
        .filter(|e| !e.faults.is_empty())
        .map(|e| e.faults.clone())
        .collect();
    assert_eq!(
        fired,
        [[r#"CommandCode("p", -17)"#], ["Batch(-3)"], ["Batch(-3)"]]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_are_cut_shortened_and_altered_at_an_offset() {
    let (server, client) = server().await;
    let content: Vec<u8> = (0..100_000_u32).map(|i| (i % 251) as u8).collect();
    let file = client.put_file(&client.root(), &content)["f"][0]["h"].clone();
    let url = client.one(json!({"a":"g","g":1,"n":file}))["g"]
        .as_str()
        .unwrap()
        .to_owned();
    let get = || http(server.url(), "GET", &url, &[], b"");
    server
        .faults()
        .add(Fault::lane(Lane::Download).cut_at(70_000));
    assert!(get().is_err());
    server
        .faults()
        .add(Fault::lane(Lane::Download).truncate_at(70_000));
    assert_eq!(get().unwrap().body, &content[..70_000]);
    server
        .faults()
        .add(Fault::lane(Lane::Download).corrupt_at(65_537));
    let bad = get().unwrap().body;
    let differs: Vec<usize> = (0..content.len())
        .filter(|i| bad[*i] != content[*i])
        .collect();
    assert_eq!(differs, [65_537]);
    server
        .faults()
        .add(Fault::lane(Lane::Download).headers_only());
    assert!(get().is_err());
    assert_eq!(get().unwrap().body, content);
    server
        .faults()
        .add(Fault::lane(Lane::Download).expire_url());
    assert_eq!(
        (get().unwrap().status, get().unwrap().status),
        (403, 403),
        "it stays expired"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn uploads_acknowledge_by_dialect_check_boundaries_and_checksums() {
    let (server, client) = server().await;
    let content = vec![9_u8; 200_000];
    let open = |v: Value| {
        client.one(json!({"a":"u","s":content.len(),"v":v}))["p"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let post =
        |target: String, body: &[u8]| http(server.url(), "POST", &target, &[], body).unwrap().body;
    let sum = |part: &[u8]| {
        let mut sum = [0_u8; 12];
        part.iter().enumerate().for_each(|(i, b)| sum[i % 12] ^= b);
        crate::support::b64(&sum)
    };
    let (first, second) = content.split_at(131_072);

    let url = open(json!(3));
    assert_eq!(
        post(format!("{url}/131072?d={}", sum(second)), second),
        b"0",
        "any order"
    );
    assert_eq!(post(format!("{url}/0?d={}", sum(second)), first), b"-14");
    let token = post(format!("{url}/0?d={}", sum(first)), first);
    assert_eq!(
        (token.len(), token.last()),
        (36, Some(&1)),
        "raw, and its last byte says so"
    );
    assert_eq!(
        post(format!("{url}/0?d={}", sum(first)), first),
        token,
        "the completing part again"
    );

    let url = open(json!(2));
    assert_eq!(post(format!("{url}/0?c={}", sum(first)), first), b"");
    let url = open(Value::Null);
    assert_eq!(post(format!("{url}/0"), first), b"");
    assert_eq!(post(format!("{url}/5"), second), b"-7");
    assert_eq!(post(format!("{url}/0"), &first[1..]), b"-7");
    let text = String::from_utf8(post(format!("{url}/131072"), second)).unwrap();
    assert!(text.len() == 36 && !text.starts_with('-'), "{text}");
    let made = client.one(
        json!({"a":"p","t":client.root(),"n":[{"h":text,"t":0,"a":"AAAA","k":"A".repeat(43)}]}),
    );
    assert_eq!(made["f"][0]["s"], 200_000);
    let reuse = client.one(
        json!({"a":"p","t":client.root(),"n":[{"h":text,"t":0,"a":"AAAA","k":"A".repeat(43)}]}),
    );
    assert_eq!(reuse, -9, "a token is used once");
    assert_eq!(post("/ul/unknown/0".into(), b""), b"-5");
}

#[tokio::test(flavor = "multi_thread")]
async fn quotas_of_storage_and_transfer_hold() {
    let server = TestServer::builder()
        .clock(mega_testserver::Clock::frozen_at(1_700_000_000))
        .start()
        .await
        .unwrap();
    server
        .account("small@example.com", "password")
        .quota(1000)
        .transfer_quota(500, 42)
        .create();
    let client = Client::sign_in(&server, "small@example.com", "password");
    let root = client.root();
    assert_eq!(client.one(json!({"a":"u","s":1001})), -24);
    let file = client.put_file(&root, &[1; 1000])["f"][0]["h"].clone();
    assert_eq!(client.one(json!({"a":"u","s":1})), -17);
    let url = client.one(json!({"a":"g","g":1,"n":file}))["g"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(
        http(server.url(), "GET", &format!("{url}/0-499"), &[], b"")
            .unwrap()
            .status,
        200
    );
    let spent = http(server.url(), "GET", &url, &[], b"").unwrap();
    assert_eq!(
        (spent.status, spent.header("X-MEGA-Time-Left")),
        (509, Some("42"))
    );
    let told = client.one(json!({"a":"g","g":1,"n":file}));
    assert_eq!((&told["e"], &told["tl"]), (&json!(-17), &json!(42)));
    assert_eq!(client.one(json!({"a":"uq","strg":1}))["usl"], 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_too_far_ahead_of_what_is_there_is_refused() {
    let (server, client) = server().await;
    server.with_model(|m| m.options().upload_gap = 1 << 20);
    let size = 4_718_592 + 1_048_576;
    let url = client.one(json!({"a":"u","s":size}))["p"]
        .as_str()
        .unwrap()
        .to_owned();
    let post = |at: usize, len: usize| {
        http(
            server.url(),
            "POST",
            &format!("{url}/{at}"),
            &[],
            &vec![1; len],
        )
        .unwrap()
        .body
    };
    assert_eq!(post(4_718_592, 1_048_576), b"-4");
    assert_eq!(post(0, 3_670_016), b"");
    assert_eq!(post(4_718_592, 1_048_576), b"");
    assert_eq!(post(3_670_016, 1_048_576).len(), 36);
}

//! Every switch of `Options` that no other test turns: what it does, and that it may be turned while the server runs.

use std::time::Duration;

use http::Request;
use mega_testserver::{Clock, Outcome, Service, TestServer};
use serde_json::{Value, json};

use crate::support::{Client, b64, http, unb64};

/// A server whose clock stands still, with an account.
async fn start() -> (TestServer, Client) {
    let clock = Clock::frozen_at(1_700_000_000);
    let server = TestServer::builder().clock(clock).start().await.unwrap();
    let account = server.account("me@example.com", "password");
    account.without_keys().create();
    let client = Client::sign_in(&server, "me@example.com", "password");
    (server, client)
}

fn pass(server: &TestServer, seconds: u64) {
    server.clock().advance(Duration::from_secs(seconds));
}

fn post(client: &Client, target: &str, body: &[u8]) -> (u16, String) {
    let answer = http(&client.base, "POST", target, &[], body).unwrap();
    (answer.status, answer.text().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_is_not_used_ends_and_one_that_is_does_not() {
    let (server, client) = start().await;
    server.with_model(|m| m.options().session_lifetime = Some(3600));
    for _ in 0..3 {
        pass(&server, 3600);
        assert!(client.one(json!({"a":"ug"}))["u"].is_string());
    }
    pass(&server, 3601);
    assert_eq!(client.one(json!({"a":"ug"})), -15);
    server.with_model(|m| m.options().session_lifetime = None);
    assert!(client.one(json!({"a":"ug"}))["u"].is_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_and_finished_uploads_last_as_long_as_they_are_said_to() {
    let (server, client) = start().await;
    server.with_model(|m| m.options().url_lifetime = 60);
    let file = client.put_file(&client.root(), b"12345")["f"][0]["h"].clone();
    let address = |command: Value, key: &str| {
        let reply = client.one(command);
        reply[key].as_str().unwrap().to_owned()
    };
    let up = address(json!({"a":"u","s":5}), "p");
    let late = address(json!({"a":"u","s":5}), "p");
    let down = address(json!({"a":"g","g":1,"n":file}), "g");
    let thumbnail = address(json!({"a":"ufa","s":16}), "p");
    pass(&server, 59);
    let (_, token) = post(&client, &format!("{up}/0"), b"hello");
    assert_eq!(token.len(), 36);
    assert_eq!(post(&client, &down, b"").0, 200);
    pass(&server, 1);
    assert_eq!(post(&client, &format!("{late}/0"), b"hello").1, "-8");
    assert_eq!(post(&client, &down, b"").0, 403);
    assert_eq!(post(&client, &thumbnail, &[0; 16]).0, 403);
    let put = |token: &str| {
        client.one(json!({"a":"p","t":client.root(),
            "n":[{"h":token,"t":0,"a":"AAAA","k":"A".repeat(43)}]}))
    };
    pass(&server, 58);
    assert!(put(&token)["f"].is_array());
    let second = client.upload(b"hello");
    pass(&server, 60);
    assert_eq!(put(&second), -9);
}

#[tokio::test(flavor = "multi_thread")]
async fn so_many_logins_are_allowed_in_an_hour() {
    let (server, client) = start().await;
    server.with_model(|m| m.options().logins_per_hour = Some(2));
    let salt = client.one(json!({"a":"us0","user":"me@example.com"}))["s"].clone();
    let salt = unb64(salt.as_str().unwrap());
    let uh = b64(&mega_testserver::account::password::v2("password", &salt).auth);
    let login = |uh: &str| client.one(json!({"a":"us","user":"me@example.com","uh":uh}));
    assert!(login(&uh)["tsid"].is_string());
    pass(&server, 1800);
    assert_eq!(login("AAAA"), -9, "a wrong password counts too");
    assert_eq!(login(&uh), -6);
    pass(&server, 1799);
    assert_eq!(login(&uh), -6);
    pass(&server, 1);
    assert!(login(&uh)["tsid"].is_string(), "the first is an hour ago");
    assert_eq!(login(&uh), -6);
}

#[tokio::test(flavor = "multi_thread")]
async fn request_ids_survive_a_restart_or_do_not() {
    for survive in [true, false] {
        let folder = tempfile::tempdir().unwrap();
        let start = async || {
            let builder = TestServer::builder().state(folder.path());
            let builder = builder.options(|o| o.ids_survive = survive);
            builder.start().await.unwrap()
        };
        let first = start().await;
        first
            .account("me@example.com", "password")
            .without_keys()
            .create();
        let mut client = Client::sign_in(&first, "me@example.com", "password");
        let body = json!([{"a":"p","t":client.root(),
            "n":[{"h":"xxxxxxxx","t":1,"a":"AAAA","k":"A".repeat(22)}]}])
        .to_string();
        let target = client.url();
        let before = post(&client, &target, body.as_bytes()).1;
        drop(first);
        let second = start().await;
        client.base = second.url().to_owned();
        let after = post(&client, &target, body.as_bytes()).1;
        assert_eq!(before == after, survive, "{before} {after}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn so_many_changes_are_remembered_and_a_change_of_that_counts_at_once() {
    let (server, client) = start().await;
    let sn = client.tree()["sn"].as_str().unwrap().to_owned();
    let poll = || {
        let target = format!("/wsc?sn={sn}{}", client.auth);
        post(&client, &target, b"").1
    };
    client.make_folder(&client.root());
    client.make_folder(&client.root());
    assert!(poll().contains("\"a\":\"t\""));
    server.with_model(|m| m.options().events_kept = 2);
    client.make_folder(&client.root());
    assert_eq!(poll(), "-6");
}

#[test]
fn a_poll_is_held_and_a_reply_delayed_as_long_as_told() {
    let clock = Clock::frozen_at(1_700_000_000);
    let service = Service::builder().clock(clock).in_memory();
    service
        .account("me@example.com", "password")
        .without_keys()
        .create();
    let sid = service.with_model(|m| {
        m.options().hold = Duration::from_secs(7);
        m.options().latency = Some(Duration::from_millis(250));
        m.sign_in("me@example.com").unwrap()
    });
    let post = |target: &str, body: &'static str| {
        service.handle(Request::post(target).body(body.into()).unwrap())
    };
    let reply = |outcome| match outcome {
        Outcome::Reply(reply) => {
            assert_eq!(reply.delivery.delay, Some(Duration::from_millis(250)));
            serde_json::from_slice::<Value>(&reply.body.into_bytes()).unwrap()
        }
        other => panic!("{other:?}"),
    };
    let tree = reply(post(&format!("/cs?id=1&sid={sid}"), r#"[{"a":"f","c":1}]"#));
    let sn = tree[0]["sn"].as_str().unwrap();
    let wait = reply(post(&format!("/wsc?sn={sn}&sid={sid}"), ""));
    let path = wait["w"].as_str().unwrap().splitn(4, '/').nth(3).unwrap();
    let Outcome::Hold(hold) = post(&format!("/{path}?sn={sn}"), "") else {
        panic!("there is nothing to tell");
    };
    assert_eq!(hold.deadline_millis(), 1_700_000_007_000);
    service.clock().advance(Duration::from_secs(7));
    assert_eq!(reply(service.poll(hold)), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_discarded_is_counted_and_read_as_zeros() {
    let (server, client) = start().await;
    server.with_model(|m| m.options().discard = true);
    let file = client.put_file(&client.root(), b"12345")["f"][0].clone();
    assert_eq!(file["s"], 5);
    let url = client.one(json!({"a":"g","g":1,"n":file["h"]}))["g"].clone();
    assert_eq!(post(&client, url.as_str().unwrap(), b"").1, "\0\0\0\0\0");
    // Boundaries and checksums are nobody's business then.
    let url = client.one(json!({"a":"u","s":10}))["p"].clone();
    let part = |at: u8, body: &[u8]| {
        let target = format!("{}/{at}?d=AAAAAAAAAAAAAAAA", url.as_str().unwrap());
        post(&client, &target, body).1
    };
    assert_eq!(part(3, b"1234567"), "0");
    assert_eq!(part(0, b"123").len(), 36);
}

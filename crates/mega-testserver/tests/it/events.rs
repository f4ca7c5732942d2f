//! The event channel: short polls, long polls, wait URLs, folder links, old positions.

use std::time::Duration;

use crate::support::{Client, http};
use http::Request;
use mega_testserver::{Clock, Fault, Lane, Outcome, Service, TestServer};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_url_remembers_the_place_it_was_handed_out_for() {
    let server = TestServer::start().await.unwrap();
    server.account("me@example.com", "password").create();
    let client = Client::sign_in(&server, "me@example.com", "password");
    let tree = client.tree();
    let sn = tree["sn"].as_str().unwrap();
    let poll = || -> Value {
        let answer = http(
            server.url(),
            "POST",
            &format!("/sc?sn={sn}{}", client.auth),
            &[],
            b"",
        )
        .unwrap();
        serde_json::from_slice(&answer.body).unwrap()
    };
    let wait = poll()["w"].as_str().unwrap().to_owned();
    assert!(!wait.contains('?'));
    client.make_folder(&client.root());
    // The change came before the wait began, and must not be slept through.
    assert_eq!(
        http(server.url(), "GET", &wait, &[], b"").unwrap().status,
        200
    );
    let news = poll();
    assert_eq!(news["a"][0]["a"], "t");
    assert!(
        news["w"].is_null(),
        "a short poll gives packets or a wait URL, never both"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_poll_is_answered_by_a_change_of_another_session() {
    let server = TestServer::start().await.unwrap();
    server.account("me@example.com", "password").create();
    let one = Client::sign_in(&server, "me@example.com", "password");
    let two = Client::sign_in(&server, "me@example.com", "password");
    let sn = one.tree()["sn"].as_str().unwrap().to_owned();
    let first = http(
        server.url(),
        "POST",
        &format!("/wsc?sn={sn}{}", one.auth),
        &[],
        b"",
    )
    .unwrap();
    let first: Value = serde_json::from_slice(&first.body).unwrap();
    assert_eq!(
        first["sn"],
        json!(sn),
        "the first reply comes at once, or fetching never ends"
    );
    let target = format!("{}?sn={sn}{}", first["w"].as_str().unwrap(), one.auth);
    let base = server.url().to_owned();
    let held = std::thread::spawn(move || http(&base, "POST", &target, &[], b"").unwrap());
    two.make_folder(&two.root());
    let news: Value = serde_json::from_slice(&held.join().unwrap().body).unwrap();
    assert_eq!(news["a"][0]["a"], "t");
    assert_ne!(news["sn"], json!(sn));
}

#[tokio::test]
async fn a_poll_without_news_is_answered_zero_when_its_time_is_over() {
    let service = Service::builder()
        .clock(Clock::frozen_at(1_700_000_000))
        .in_memory();
    let account = service
        .account("me@example.com", "password")
        .without_keys()
        .create();
    let sid = sign_in(&service, &account);
    let tree = call(
        &service,
        &format!("/cs?id=1&sid={sid}"),
        &json!([{"a":"f","c":1}]),
    );
    let sn = tree[0]["sn"].as_str().unwrap();
    let first = call(&service, &format!("/wsc?sn={sn}&sid={sid}"), &json!(null));
    let wait = first["w"]
        .as_str()
        .unwrap()
        .split_once(".invalid")
        .unwrap()
        .1
        .to_owned();
    let request = Request::post(format!("{wait}?sn={sn}&sid={sid}"))
        .body("".into())
        .unwrap();
    let Outcome::Hold(hold) = service.handle(request) else {
        panic!("it must be held")
    };
    let Outcome::Hold(hold) = service.poll(hold) else {
        panic!("nothing has happened yet")
    };
    service.clock().advance(Duration::from_secs(31));
    match service.poll(hold) {
        Outcome::Reply(reply) => assert_eq!(&reply.body.into_bytes()[..], b"0"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn old_and_foreign_positions_get_minus_six_and_dead_sessions_minus_fifteen() {
    let server = TestServer::start().await.unwrap();
    server.account("me@example.com", "password").create();
    let client = Client::sign_in(&server, "me@example.com", "password");
    let sn = client.tree()["sn"].as_str().unwrap().to_owned();
    server.with_model(|m| m.forget_events("me@example.com"));
    let poll = |sn: &str| {
        http(
            server.url(),
            "POST",
            &format!("/sc?sn={sn}{}", client.auth),
            &[],
            b"",
        )
        .unwrap()
        .body
    };
    assert_eq!(poll(&sn), b"-6");
    assert_eq!(poll("AAAAAAAAAAE"), b"-6");
    server.with_model(|m| m.kill_sessions("me@example.com"));
    assert_eq!(poll(&sn), b"-15");
}

#[tokio::test(flavor = "multi_thread")]
async fn visitors_of_a_folder_link_see_its_tree_and_its_changes() {
    let server = TestServer::start().await.unwrap();
    server.account("me@example.com", "password").create();
    let owner = Client::sign_in(&server, "me@example.com", "password");
    let folder = owner.make_folder(&owner.root());
    let file = owner.put_file(&folder, b"12345")["f"][0]["h"]
        .as_str()
        .unwrap()
        .to_owned();
    let keys = json!([
        [folder],
        [folder, file],
        [0, 0, "B".repeat(22), 0, 1, "B".repeat(43)]
    ]);
    let zeros = "A".repeat(22);
    let shared = owner
        .one(json!({"a":"s2","n":folder,"s":[{"u":"EXP","r":0}],"ok":zeros,"ha":zeros,"cr":keys}));
    assert_eq!(shared["r"], json!([0]));
    let link = owner.one(json!({"a":"l","n":folder}));
    let link = link.as_str().unwrap();

    let mut visitor = Client::anonymous(&server);
    visitor.auth = format!("&n={link}");
    let tree = visitor.tree();
    assert_eq!(tree["f"][0]["h"], json!(folder), "the root comes first");
    assert_eq!(
        tree["f"][0]["k"],
        json!(format!("{folder}:{}", "B".repeat(22)))
    );
    assert_eq!(
        tree["f"][1]["k"],
        json!(format!("{folder}:{}", "B".repeat(43)))
    );
    let got = visitor.one(json!({"a":"g","g":1,"n":file}));
    assert_eq!(
        http(server.url(), "GET", got["g"].as_str().unwrap(), &[], b"")
            .unwrap()
            .body,
        b"12345"
    );
    assert_eq!(
        visitor.one(json!({"a":"d","n":file})),
        -11,
        "visitors change nothing"
    );

    let sn = tree["sn"].as_str().unwrap();
    assert_eq!(owner.one(json!({"a":"d","n":file})), 0);
    let (packets, _) = visitor.events(sn);
    assert_eq!(
        (&packets[0]["a"], &packets[0]["n"]),
        (&json!("d"), &json!(file))
    );
    assert_eq!(owner.one(json!({"a":"l","n":folder,"d":1})), 0);
    assert_eq!(visitor.one(json!({"a":"f","c":1,"r":1})), -9);
}

#[tokio::test(flavor = "multi_thread")]
async fn event_batches_are_lost_doubled_and_split_on_command() {
    let server = TestServer::builder()
        .options(|o| o.events_per_reply = 1)
        .start()
        .await
        .unwrap();
    server.account("me@example.com", "password").create();
    let client = Client::sign_in(&server, "me@example.com", "password");
    let root = client.root();
    let sn = client.tree()["sn"].as_str().unwrap().to_owned();
    client.make_folder(&root);
    client.make_folder(&root);
    let text = http(
        server.url(),
        "POST",
        &format!("/wsc?sn={sn}{}", client.auth),
        &[],
        b"",
    )
    .unwrap();
    assert!(text.text().contains("\"ir\":1"), "there is more");
    server
        .faults()
        .add(Fault::lane(Lane::Events).double_events());
    assert_eq!(client.events(&sn).0.len(), 2);
    server.faults().add(Fault::lane(Lane::Events).drop_events());
    let (lost, next) = client.events(&sn);
    assert!(lost.is_empty() && next != sn);
    server.faults().add(Fault::lane(Lane::Events).code(-3));
    let busy = http(
        server.url(),
        "POST",
        &format!("/wsc?sn={sn}{}", client.auth),
        &[],
        b"",
    )
    .unwrap();
    assert_eq!(busy.body, b"-3");
}

fn call(service: &Service, target: &str, body: &Value) -> Value {
    let request = Request::post(target).body(body.to_string().into()).unwrap();
    match service.handle(request) {
        Outcome::Reply(reply) => serde_json::from_slice(&reply.body.into_bytes()).unwrap(),
        other => panic!("{other:?}"),
    }
}

fn sign_in(service: &Service, account: &mega_testserver::Account) -> String {
    let salt = call(
        service,
        "/cs?id=0",
        &json!([{"a":"us0","user":account.email}]),
    );
    let salt = mega_testserver::wire::unb64(salt[0]["s"].as_str().unwrap()).unwrap();
    let uh = mega_testserver::account::password::v2(&account.password, &salt).auth;
    let request = json!([{"a":"us","user":account.email,"uh":mega_testserver::wire::b64(&uh)}]);
    let reply = call(service, "/cs?id=1", &request);
    reply[0]["tsid"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cached_listing_is_an_older_image_and_the_events_since_it_lead_to_the_present() {
    let server = TestServer::builder()
        .options(|o| o.snapshots = true)
        .start()
        .await
        .unwrap();
    server.account("me@example.com", "password").create();
    let client = Client::sign_in(&server, "me@example.com", "password");
    let list = |cached: i32| {
        let tree = client.one(json!({"a":"f","c":1,"r":1,"ca":cached}));
        let count = tree["f"].as_array().unwrap().len();
        (count, tree["sn"].as_str().unwrap().to_owned())
    };
    let (before, start) = list(1);
    let root = client.root();
    client.make_folder(&root);
    client.make_folder(&root);
    // `client.root` listed without the cache, which made a newer image; both folders came after it.
    let (image, at) = list(1);
    assert_eq!((image, &at), (before, &start));
    let (events, now) = client.events(&at);
    assert_eq!(events.len(), 2);
    assert!(events.iter().all(|e| e["a"] == "t"));
    // Without the cache everything is there, at the position the events led to.
    assert_eq!(list(0), (before + 2, now));
    // An image too old to catch up from is not used.
    client.make_folder(&root);
    server.with_model(|m| m.forget_events("me@example.com"));
    assert_eq!(list(1).0, before + 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_are_told_of_another_storage_allowance() {
    let server = TestServer::start().await.unwrap();
    server
        .account("me@example.com", "password")
        .quota(10)
        .create();
    let client = Client::sign_in(&server, "me@example.com", "password");
    let sn = client.tree()["sn"].as_str().unwrap().to_owned();
    assert_eq!(client.one(json!({"a":"u","s":11})), -24);
    server.with_model(|m| m.set_quota("me@example.com", 3 << 30));
    assert_eq!(client.events(&sn).0, [json!({"a":"sqac","gb":3})]);
    assert!(client.one(json!({"a":"u","s":11}))["p"].is_string());
}

//! Faults of connections and of time: refused at once, executed in another order, sent drop by drop.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use http::Request;
use mega_testserver::{Clock, Fault, Hold, Lane, Outcome, Service, TestServer};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::{Client, http};

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_is_refused_before_anything_is_asked_on_it() {
    let server = TestServer::start().await.unwrap();
    server.account("me@example.com", "password").create();
    let client = Client::anonymous(&server);
    let body = json!([{"a":"us0","user":"me@example.com"}]).to_string();
    let ask = || http(&client.base, "POST", &client.url(), &[], body.as_bytes());
    server.faults().add(Fault::any().status(500));
    server
        .faults()
        .add(Fault::connection().refuse().skip(1).times(2));
    assert_eq!(ask().unwrap().status, 500, "the other rule is for requests");
    for _ in 0..2 {
        let mut stream = TcpStream::connect(server.address()).unwrap();
        // Whichever of the two is first to meet the reset says so.
        let sent = stream.write_all(b"GET / HTTP/1.1\r\n\r\n");
        let got = stream.read(&mut [0; 1]);
        assert!(sent.is_err() || got.is_err(), "{sent:?} {got:?}");
    }
    assert_eq!(ask().unwrap().status, 200);
    let journal = server.journal();
    let told: Vec<_> = journal
        .iter()
        .map(|e| (e.lane, e.status, e.faults.join(",")))
        .collect();
    let refused = (Lane::Connection, 0, "Refuse".to_owned());
    assert_eq!(&told[1..3], [refused.clone(), refused]);
    assert_eq!(told.len(), 4);
    assert_eq!(server.faults().pending(), 0);
}

/// A service whose clock stands still, and an account with a folder in it.
struct World {
    service: Arc<Service>,
    sid: String,
    folder: String,
}

impl World {
    fn new() -> Self {
        let clock = Clock::frozen_at(1_700_000_000);
        let service = Service::builder().clock(clock).in_memory();
        service.account("me@example.com", "password").create();
        let sid = service.with_model(|m| m.sign_in("me@example.com").unwrap());
        let folder = service.with_model(|m| m.make_folder("me@example.com", "/x").unwrap());
        Self {
            service,
            sid,
            folder: folder.to_string(),
        }
    }

    fn send(&self, id: u32, attributes: &str) -> Outcome {
        let body = json!([{"a":"a","n":self.folder,"at":attributes}]).to_string();
        let request = Request::post(format!("/cs?id={id}&sid={}", self.sid));
        self.service.handle(request.body(body.into()).unwrap())
    }

    /// The attributes as a listing tells them.
    fn attributes(&self) -> Value {
        let request = Request::post(format!("/cs?id=99&sid={}", self.sid));
        let request = request.body(r#"[{"a":"f","c":1}]"#.into()).unwrap();
        let Outcome::Reply(reply) = self.service.handle(request) else {
            panic!("a listing is not held");
        };
        let tree: Value = serde_json::from_slice(&reply.body.into_bytes()).unwrap();
        let mut nodes = tree[0]["f"].as_array().unwrap().iter();
        nodes.find(|n| n["h"] == self.folder.as_str()).unwrap()["a"].clone()
    }
}

fn hold(outcome: Outcome) -> Hold {
    match outcome {
        Outcome::Hold(hold) => hold,
        other => panic!("{other:?}"),
    }
}

#[test]
fn parallel_requests_are_executed_in_another_order_than_they_came_in() {
    let world = World::new();
    world.service.clear_journal();
    let fault = Fault::command("a").overtaken_by(2);
    world.service.faults().add(fault);
    let mut first = hold(world.send(1, "AAAA"));
    assert!(matches!(world.send(2, "BBBB"), Outcome::Reply(_)));
    first = hold(world.service.poll(first));
    // Another lane does not count.
    let other = Request::get("/dl/x").body(bytes::Bytes::new()).unwrap();
    assert!(matches!(world.service.handle(other), Outcome::Reply(_)));
    first = hold(world.service.poll(first));
    assert!(matches!(world.send(3, "CCCC"), Outcome::Reply(_)));
    assert!(matches!(world.service.poll(first), Outcome::Reply(_)));
    assert_eq!(world.attributes(), "AAAA", "what came first was done last");
    let journal = world.service.journal();
    let numbers: Vec<u64> = journal.iter().map(|e| e.number % 100).collect();
    assert_eq!(numbers[..4], [1, 2, 3, 0].map(|n| n + numbers[3]));
    assert_eq!(journal[3].faults, ["Overtaken(2)"]);
}

#[test]
fn a_request_that_nobody_overtakes_is_executed_when_its_time_is_over() {
    let world = World::new();
    world
        .service
        .faults()
        .add(Fault::command("a").overtaken_by(1));
    let first = hold(world.send(1, "AAAA"));
    world.service.clock().advance(Duration::from_secs(29));
    let first = hold(world.service.poll(first));
    assert_ne!(world.attributes(), "AAAA");
    // The listing was answered since; so it is executed now.
    assert!(matches!(world.service.poll(first), Outcome::Reply(_)));
    assert_eq!(world.attributes(), "AAAA");

    world
        .service
        .faults()
        .add(Fault::command("a").overtaken_by(1));
    let second = hold(world.send(2, "BBBB"));
    world.service.clock().advance(Duration::from_secs(30));
    assert!(matches!(world.service.poll(second), Outcome::Reply(_)));
    assert_eq!(world.attributes(), "BBBB");

    // Whoever leaves before, leaves nothing done.
    world
        .service
        .faults()
        .add(Fault::command("a").overtaken_by(1));
    drop(world.send(3, "CCCC"));
    assert_eq!(world.service.journal().last().unwrap().status, 0);
    assert_eq!(world.attributes(), "BBBB");
}

#[tokio::test(flavor = "multi_thread")]
async fn over_sockets_the_later_of_two_requests_comes_first() {
    let server = TestServer::start().await.unwrap();
    server.account("me@example.com", "password").create();
    let client = Client::sign_in(&server, "me@example.com", "password");
    let folder = client.make_folder(&client.root());
    server.faults().add(Fault::command("a").overtaken_by(1));
    let slow = client.clone();
    let name = json!({"a":"a","n":folder,"at":"AAAA"});
    let late = tokio::task::spawn_blocking(move || slow.one(name));
    while server.faults().pending() > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(client.one(json!({"a":"a","n":folder,"at":"BBBB"})), 0);
    assert_eq!(late.await.unwrap(), 0);
    let tree = client.tree();
    let mut nodes = tree["f"].as_array().unwrap().iter();
    let node = nodes.find(|n| n["h"] == folder.as_str()).unwrap();
    assert_eq!(node["a"], "AAAA");
}

/// The whole reply to a request, and how long it took by the clock of the runtime, which jumps wherever nobody works.
async fn timed(server: &TestServer, target: &str, body: &str) -> (String, Duration) {
    let begun = tokio::time::Instant::now();
    let mut stream = tokio::net::TcpStream::connect(server.address())
        .await
        .unwrap();
    let request = format!(
        "POST {target} HTTP/1.1\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut all = String::new();
    stream.read_to_string(&mut all).await.unwrap();
    let (_, body) = all.split_once("\r\n\r\n").unwrap();
    (body.to_owned(), begun.elapsed())
}

#[tokio::test(start_paused = true)]
async fn a_reply_trickles_stalls_or_comes_late_and_is_whole() {
    let server = TestServer::start().await.unwrap();
    server.account("me@example.com", "password").create();
    let sid = server.with_model(|m| m.sign_in("me@example.com").unwrap());
    let target = |id: u32| format!("/cs?id={id}&sid={sid}");
    let ask = r#"[{"a":"uq","strg":1}]"#;
    let second = Duration::from_secs(1);
    let (whole, _) = timed(&server, &target(1), ask).await;
    let pieces = u32::try_from(whole.len().div_ceil(50)).unwrap();
    assert!(pieces > 4);

    let mut id = 1;
    let mut spoilt = async |fault: Fault| {
        server.faults().add(fault);
        id += 1;
        let (text, took) = timed(&server, &target(id), ask).await;
        assert_eq!(text, whole);
        took
    };
    let took = spoilt(Fault::command("uq").trickle(50, 60 * second)).await;
    assert!(took >= 60 * pieces * second, "{took:?}");
    let took = spoilt(Fault::command("uq").stall_at(10, 3600 * second)).await;
    assert!(took >= 3600 * second, "{took:?}");
    let took = spoilt(Fault::command("uq").delay(7200 * second)).await;
    assert!(took >= 7200 * second, "{took:?}");
    server.with_model(|m| m.options().latency = Some(86_400 * second));
    let took = spoilt(Fault::command("us").delay(second)).await;
    assert!(took >= 86_400 * second, "{took:?}");
}

//! What is not wanted, not readable or not waited for: how it is answered, and that the journal has it all the same.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};

use http::Request;
use mega_testserver::{Entry, Lane, Outcome, Service, TestServer};
use serde_json::json;

use crate::support::{Client, http};

async fn server() -> (TestServer, Client) {
    let server = TestServer::start().await.unwrap();
    server.account("me@example.com", "password").create();
    let client = Client::sign_in(&server, "me@example.com", "password");
    (server, client)
}

/// Sends bytes, then ends that direction; everything that comes back.
fn exchange(server: &TestServer, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(server.address()).unwrap();
    // A server that refuses may close before it has taken all of it.
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(Shutdown::Write);
    let mut all = Vec::new();
    let _ = stream.read_to_end(&mut all);
    String::from_utf8_lossy(&all).into_owned()
}

fn last(server: &TestServer) -> Entry {
    server.journal().pop().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn storage_answers_parts_that_nobody_asked_for_with_a_number() {
    let (server, client) = server().await;
    let url = client.one(json!({"a":"u","s":200_000}));
    let path = url["p"].as_str().unwrap().strip_prefix(server.url());
    let path = path.unwrap().to_owned();
    let part = vec![7; 300_000];
    let send = |target: &str| {
        let answer = http(server.url(), "POST", target, &[], &part).unwrap();
        assert_eq!(answer.status, 200, "{target}");
        answer.text().to_owned()
    };
    // With a checksum, which cannot be looked at any more, and without.
    for query in ["", "?d=AAAAAAAAAAAAAAAA", "?c=AAAAAAAAAAAAAAAA"] {
        assert_eq!(send(&format!("/ul/nobody/0{query}")), "-5");
        assert_eq!(send(&format!("{path}/0{query}")), "-7");
    }
    let journal = last(&server);
    assert_eq!(
        (journal.lane, journal.status, journal.request_bytes),
        (Lane::Upload, 200, 300_000)
    );

    // In chunked encoding too, and the connection goes on after it.
    let chunk = format!("{:x}\r\n{}\r\n0\r\n\r\n", 250_000, "x".repeat(250_000));
    let head = format!("POST {path}/0 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n");
    let next = format!("POST {path}/0 HTTP/1.1\r\nContent-Length: 131072\r\n\r\n");
    let both = [head, chunk, next, "x".repeat(131_072)].concat();
    let replies = exchange(&server, both.as_bytes());
    assert_eq!(replies.matches("HTTP/1.1 200 OK").count(), 2, "{replies}");
    assert!(replies.contains("\r\n\r\n-7HTTP/1.1"), "{replies}");
    assert!(
        replies.contains("Content-Length: 0\r\n"),
        "taken: {replies}"
    );

    server.with_model(|m| m.expire_urls());
    assert_eq!(send(&format!("{path}/0")), "-8");
    let fa = client.one(json!({"a":"ufa","s":16}));
    let long = vec![0; 17 << 20];
    let answer = http(&client.base, "POST", fa["p"].as_str().unwrap(), &[], &long).unwrap();
    assert_eq!((answer.status, answer.text()), (200, "-7"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_cannot_be_read_is_refused_and_noted() {
    let (server, client) = server().await;
    server.with_model(|m| m.options().request_limit = 100);
    let body = json!([{"a":"ug"}, "x".repeat(200)]).to_string();
    let answer = http(server.url(), "POST", &client.url(), &[], body.as_bytes()).unwrap();
    assert_eq!(answer.status, 413);
    let noted = last(&server);
    assert_eq!(
        (
            noted.lane,
            noted.path.as_str(),
            noted.status,
            noted.with_session
        ),
        (Lane::Api, "/cs", 413, true)
    );

    for (bytes, status) in [
        (b"what is this\r\n\r\n".to_vec(), 400),
        (vec![b'x'; 70_000], 431),
        (
            b"POST /cs HTTP/1.1\r\nContent-Length: many\r\n\r\n".to_vec(),
            400,
        ),
    ] {
        let answer = exchange(&server, &bytes);
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{answer}"
        );
        let noted = last(&server);
        assert_eq!(
            (noted.lane, noted.path.as_str(), noted.status),
            (Lane::Other, "", status)
        );
    }

    // Who goes away in the middle of a body is not answered.
    let url = client.one(json!({"a":"u","s":50}))["p"].clone();
    let path = url.as_str().unwrap().strip_prefix(server.url()).unwrap();
    let begun = format!("POST {path}/0 HTTP/1.1\r\nContent-Length: 50\r\n\r\nhalf of");
    assert_eq!(exchange(&server, begun.as_bytes()), "");
    let noted = last(&server);
    assert_eq!(
        (noted.lane, noted.path, noted.status),
        (Lane::Upload, format!("{path}/0"), 0)
    );
    let numbers: Vec<u64> = server.journal().iter().map(|e| e.number).collect();
    assert!(numbers.is_sorted(), "{numbers:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poll_whose_client_goes_away_is_noted() {
    let (server, client) = server().await;
    let sn = client.tree()["sn"].clone();
    let target = format!("/sc?sn={}{}", sn.as_str().unwrap(), client.auth);
    let answer = http(server.url(), "POST", &target, &[], b"").unwrap();
    let wait: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    let path = wait["w"].as_str().unwrap().strip_prefix(server.url());
    let path = path.unwrap().to_owned();
    // The server ends its side only after it has let the poll go.
    let poll = format!("POST {path} HTTP/1.1\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(exchange(&server, poll.as_bytes()), "");
    let noted = last(&server);
    assert_eq!(
        (noted.lane, noted.path, noted.status),
        (Lane::Wait, path, 0)
    );

    // Without a socket it is the same.
    let (service, hold) = held();
    assert_eq!(service.journal().len(), 1, "an open poll is none yet");
    drop(hold);
    let noted = service.journal();
    assert_eq!((noted[1].lane, noted[1].status), (Lane::Wait, 0));
}

/// A service with a poll that it holds.
fn held() -> (std::sync::Arc<Service>, Outcome) {
    let service = Service::in_memory(1);
    service.account("me@example.com", "password").create();
    let sid = service.with_model(|m| m.sign_in("me@example.com").unwrap());
    let post = |target: &str, body: &'static str| {
        service.handle(Request::post(target).body(body.into()).unwrap())
    };
    let text = |outcome| match outcome {
        Outcome::Reply(reply) => String::from_utf8(reply.body.into_bytes().to_vec()).unwrap(),
        other => panic!("{other:?}"),
    };
    let tree = text(post(&format!("/cs?id=1&sid={sid}"), r#"[{"a":"f","c":1}]"#));
    let tree: serde_json::Value = serde_json::from_str(&tree).unwrap();
    let sn = tree[0]["sn"].as_str().unwrap();
    let wait = text(post(&format!("/sc?sn={sn}&sid={sid}"), ""));
    let wait: serde_json::Value = serde_json::from_str(&wait).unwrap();
    let url = wait["w"].as_str().unwrap();
    service.clear_journal();
    let again = post(&format!("/cs?id=2&sid={sid}"), r#"[{"a":"ug"}]"#);
    drop(again);
    let path = url.splitn(4, '/').nth(3).unwrap();
    let hold = post(&format!("/{path}"), "");
    assert!(matches!(hold, Outcome::Hold(_)));
    (service, hold)
}

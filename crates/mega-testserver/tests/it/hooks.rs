//! Every way to misbehave that the threat model's section 19 asks for, one test each: what it does, and that the journal
//! tells of it.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use http::Request;
use mega_testserver::{Clock, Fault, Lane, Outcome, Service, TestServer};
use serde_json::{Value, json};

use crate::support::{Answer, Client, http};

async fn server() -> (TestServer, Client) {
    let server = TestServer::start().await.unwrap();
    server.account("me@example.com", "password").create();
    let client = Client::sign_in(&server, "me@example.com", "password");
    (server, client)
}

/// The raw reply to a command, which may be no JSON at all.
fn raw(client: &Client, command: Value) -> std::io::Result<Answer> {
    let body = json!([command]).to_string();
    http(&client.base, "POST", &client.url(), &[], body.as_bytes())
}

fn fired(server: &TestServer) -> Vec<String> {
    let journal = server.journal();
    journal.iter().flat_map(|e| e.faults.clone()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_is_reset_where_it_would_have_ended() {
    let (server, client) = server().await;
    let read = |fault: Fault| {
        server.faults().add(fault);
        let host = client.base.trim_start_matches("http://");
        let mut stream = TcpStream::connect(host).unwrap();
        let body = json!([{"a":"ug"}]).to_string();
        write!(
            stream,
            "POST {} HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{body}",
            client.url(),
            body.len()
        )
        .unwrap();
        let mut all = Vec::new();
        let end = stream.read_to_end(&mut all);
        (all.len(), end.err().map(|e| e.kind()))
    };
    let reset = Some(std::io::ErrorKind::ConnectionReset);
    assert_eq!(read(Fault::command("ug").lose_reply()), (0, None));
    assert_eq!(read(Fault::command("ug").lose_reply().reset()), (0, reset));
    let (head, end) = read(Fault::command("ug").headers_only().reset());
    assert!((head > 100 || head == 0) && end == reset, "{head}");
    assert_eq!(read(Fault::command("ug").cut_at(5).reset()).1, reset);
    assert_eq!(fired(&server).len(), 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn replies_come_twice_late_from_before_and_from_somebody_else() {
    let (server, client) = server().await;
    // The bytes behind the reply are a second reply.
    server.faults().add(Fault::command("uq").twice());
    let host = client.base.trim_start_matches("http://");
    let mut stream = TcpStream::connect(host).unwrap();
    let body = json!([{"a":"uq","strg":1}]).to_string();
    write!(
        stream,
        "POST {} HTTP/1.1\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        client.url(),
        body.len()
    )
    .unwrap();
    let mut all = String::new();
    stream.read_to_string(&mut all).unwrap();
    assert_eq!(all.matches("HTTP/1.1 200 OK").count(), 2, "{all}");

    let quota = raw(&client, json!({"a":"uq","strg":1})).unwrap();
    server.faults().add(Fault::command("ug").stale_body());
    assert_eq!(raw(&client, json!({"a":"ug"})).unwrap().body, quota.body);

    server.faults().add(Fault::command("ug").html());
    let page = raw(&client, json!({"a":"ug"})).unwrap();
    assert!(page.text().starts_with("<!DOCTYPE"));
    assert_eq!(
        page.header("Content-Type"),
        Some("text/html; charset=utf-8")
    );

    server.faults().add(Fault::command("ug").gzip());
    let packed = raw(&client, json!({"a":"ug"})).unwrap();
    assert_eq!(packed.header("Content-Encoding"), Some("gzip"));
    assert!(packed.body.starts_with(&[0x1f, 0x8b]));

    server
        .faults()
        .add(Fault::command("ug").gzip_bomb(50_000_000));
    let bomb = raw(&client, json!({"a":"ug"})).unwrap();
    assert!(bomb.body.len() < 500_000, "{}", bomb.body.len());
    assert_eq!(bomb.header("Original-Content-Length"), Some("50000001"));

    server
        .faults()
        .add(Fault::command("ug").redirect("http://127.0.0.1:9/elsewhere"));
    let moved = raw(&client, json!({"a":"ug"})).unwrap();
    assert_eq!(
        (moved.status, moved.header("Location")),
        (302, Some("http://127.0.0.1:9/elsewhere"))
    );
    for status in [402, 404, 429, 500, 502, 503, 509] {
        server.faults().add(Fault::command("ug").status(status));
        assert_eq!(raw(&client, json!({"a":"ug"})).unwrap().status, status);
    }
    server
        .faults()
        .add(Fault::command("ug").header("content-type", "text/plain"));
    let plain = raw(&client, json!({"a":"ug"})).unwrap();
    assert_eq!(plain.header("content-type"), Some("text/plain"));
    assert_eq!(
        plain.header("Content-Type"),
        None,
        "not beside the true one"
    );
}

#[tokio::test(start_paused = true)]
async fn a_reply_that_is_delayed_lets_a_later_request_overtake_it() {
    let service = Service::in_memory(1);
    service.account("me@example.com", "password").create();
    let sid = service.with_model(|m| m.sign_in("me@example.com").unwrap());
    service
        .faults()
        .add(Fault::command("ug").delay(Duration::from_secs(60)));
    let delay = |id: u32, name: &str| {
        let request = Request::post(format!("/cs?id={id}&sid={sid}"))
            .body(json!([{"a":name,"strg":1}]).to_string().into())
            .unwrap();
        match service.handle(request) {
            Outcome::Reply(reply) => reply.delivery.delay,
            other => panic!("{other:?}"),
        }
    };
    // Both are executed in the order they came in; the first is sent a minute later.
    assert_eq!(delay(1, "ug"), Some(Duration::from_secs(60)));
    assert_eq!(delay(2, "uq"), None);
    let order: Vec<_> = service.journal().into_iter().map(|e| e.commands).collect();
    assert_eq!(order, [["ug"], ["uq"]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn json_is_reshaped_as_no_honest_server_writes_it() {
    let (server, client) = server().await;
    let ask = |fault: Fault| {
        server.faults().add(fault);
        client.batch(&json!([{"a":"uq","strg":1},{"a":"ug"}]))
    };
    let honest = client.batch(&json!([{"a":"uq","strg":1},{"a":"ug"}]));
    assert_eq!(
        ask(Fault::command("uq").shorter_by(1))
            .as_array()
            .unwrap()
            .len(),
        1
    );
    assert_eq!(
        ask(Fault::command("uq").longer_by(3))
            .as_array()
            .unwrap()
            .len(),
        5
    );
    assert_eq!(
        ask(Fault::command("uq").numbers_as_text())[0]["mstrg"],
        json!(honest[0]["mstrg"].to_string())
    );
    let swapped = ask(Fault::command("uq").swapped_types());
    assert!(swapped[0]["mstrg"].is_string() && swapped[1]["u"].is_number());
    let more = ask(Fault::command("uq").unknown_members());
    assert_eq!(more[0]["mstrg"], honest[0]["mstrg"]);
    assert!(more[0]["zz_"].is_array());
    assert!(ask(Fault::command("uq").without("mstrg"))[0]["mstrg"].is_null());
    let more = ask(Fault::command("uq").add_member("e", "-17"));
    assert_eq!((&more[0]["e"], &more[1]["e"]), (&json!(-17), &json!(-17)));
    assert_eq!(more[0]["mstrg"], honest[0]["mstrg"]);
    assert_eq!(
        ask(Fault::command("uq").replace_member("mstrg", "-1"))[0]["mstrg"],
        -1
    );
    assert_eq!(
        ask(Fault::command("uq")
            .rewrite(|text| text + "trailing garbage")
            .times(0)),
        honest
    );
    assert_eq!(
        ask(Fault::command("uq").member("email", str::to_uppercase))[1]["email"],
        "ME@EXAMPLE.COM"
    );

    // Sequence tags for one who never asked for them, and none for one who did.
    server.faults().add(Fault::command("p").dialect(true));
    let root = client.root();
    let folder =
        json!({"a":"p","t":root,"n":[{"h":"xxxxxxxx","t":1,"a":"AAAA","k":"A".repeat(22)}]});
    assert!(client.one(folder.clone())[0].is_string());
    server.faults().add(Fault::command("p").dialect(false));
    assert!(client.clone().tagged().one(folder)["f"].is_array());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_forgets_ids_and_addresses_but_no_session() {
    let (server, client) = server().await;
    let root = client.root();
    let body =
        json!([{"a":"p","t":root,"n":[{"h":"xxxxxxxx","t":1,"a":"AAAA","k":"A".repeat(22)}]}]);
    let url = client.url();
    let send = || http(&client.base, "POST", &url, &[], body.to_string().as_bytes()).unwrap();
    let (first, again) = (send().body, send().body);
    assert_eq!(first, again);
    let upload = client.one(json!({"a":"u","s":5}))["p"]
        .as_str()
        .unwrap()
        .to_owned();
    server.with_model(|m| m.restart());
    assert_ne!(send().body, first, "executed once more");
    let lost = http(&client.base, "POST", &format!("{upload}/0"), &[], b"hello").unwrap();
    assert_eq!(
        lost.text(),
        "-5",
        "an upload that nobody opened takes no bytes"
    );

    // The horizon can be set: with room for one reply, the second pushes the first out.
    server.with_model(|m| m.options().replies_kept = 1);
    let known = send().body;
    assert_eq!(send().body, known);
    client.make_folder(&root);
    assert_ne!(send().body, known);
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_end_in_the_middle_of_an_operation() {
    let (server, client) = server().await;
    server.faults().add(Fault::command("p").kill_session());
    let root = client.root();
    let url = client.one(json!({"a":"u","s":5}))["p"]
        .as_str()
        .unwrap()
        .to_owned();
    let token = http(&client.base, "POST", &format!("{url}/0"), &[], b"hello").unwrap();
    let put =
        json!({"a":"p","t":root,"n":[{"h":token.text(),"t":0,"a":"AAAA","k":"A".repeat(43)}]});
    assert_eq!(client.one(put), -15);
    assert_eq!(client.one(json!({"a":"ug"})), -15);
    assert!(fired(&server).contains(&"KillSession".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_late_old_lead_elsewhere_and_are_of_unknown_kind() {
    let (server, client) = server().await;
    let root = client.root();
    let start = client.tree()["sn"].as_str().unwrap().to_owned();
    client.make_folder(&root);

    server.faults().add(Fault::lane(Lane::Events).late_events());
    let (none, same) = client.events(&start);
    assert_eq!(
        (none.len(), &same),
        (0, &start),
        "nothing yet, and nothing lost"
    );
    server
        .faults()
        .add(Fault::lane(Lane::Events).old_position());
    let (one, same) = client.events(&start);
    assert_eq!((one.len(), &same), (1, &start));
    let (again, position) = client.events(&start);
    assert_eq!(again, one, "the same packet once more");
    assert_ne!(position, start);

    server
        .faults()
        .add(Fault::lane(Lane::Events).wait_url("http://192.0.2.1/w"));
    let reply = http(
        &client.base,
        "POST",
        &format!("/wsc?sn={position}{}", client.auth),
        &[],
        b"",
    );
    let reply: Value = serde_json::from_slice(&reply.unwrap().body).unwrap();
    assert_eq!(reply["w"], "http://192.0.2.1/w");

    server.with_model(|m| m.push_raw_packet("me@example.com", r#"{"a":"brandnew","x":[{}]}"#));
    assert_eq!(client.events(&position).0[0]["a"], "brandnew");
    server.faults().add(Fault::lane(Lane::Events).code(-6));
    let gone = http(
        &client.base,
        "POST",
        &format!("/wsc?sn={position}{}", client.auth),
        &[],
        b"",
    );
    assert_eq!(gone.unwrap().body, b"-6");
}

/// A run against a flaky service: what was asked, what came, what fired.
fn flaky(seed: u64) -> (Vec<(u16, u64)>, Vec<Vec<String>>) {
    let service = Service::builder()
        .seed(seed)
        .clock(Clock::frozen_at(1_700_000_000))
        .in_memory();
    service.account("me@example.com", "password").create();
    service.faults().add(Fault::any().status(500).chance(0.2));
    service
        .faults()
        .add(Fault::command("ug").cut_within(1000).chance(0.5));
    service
        .faults()
        .add(Fault::command("ug").corrupt_within(100).chance(0.3));
    let sid = service.with_model(|m| m.sign_in("me@example.com").unwrap());
    let mut got = Vec::new();
    for id in 0..60 {
        let request = Request::post(format!("/cs?id={id}&sid={sid}"))
            .body(json!([{"a":"ug"}]).to_string().into())
            .unwrap();
        match service.handle(request) {
            Outcome::Reply(reply) => got.push(match reply.into_http() {
                Ok(reply) => (reply.status().as_u16(), reply.body().len() as u64),
                Err(cut) => (0, cut.len() as u64),
            }),
            other => panic!("{other:?}"),
        }
    }
    (
        got,
        service.journal().into_iter().map(|e| e.faults).collect(),
    )
}

#[test]
fn a_flaky_run_is_replayed_from_its_seed_and_the_journal_tells_every_fault() {
    let (got, faults) = flaky(7);
    assert_eq!((&got, &faults), (&flaky(7).0, &flaky(7).1));
    assert_ne!(got, flaky(8).0);
    // What the journal says is what the client saw.
    for ((status, len), faults) in got.iter().zip(&faults) {
        let refused = faults.iter().any(|f| f.starts_with("Status"));
        assert_eq!(*status == 500, refused, "{faults:?}");
        if let Some(cut) = faults.iter().find_map(|f| f.strip_prefix("Manner(Cut(")) {
            let at: u64 = cut.trim_end_matches(')').parse().unwrap();
            assert!(
                refused || *len == at || *status == 200,
                "{len} and {faults:?}"
            );
        }
    }
    let kinds: std::collections::BTreeSet<&str> = faults
        .iter()
        .flatten()
        .map(|f| f.split(['(', ' ']).next().unwrap())
        .collect();
    assert_eq!(
        kinds.into_iter().collect::<Vec<_>>(),
        ["Corrupt", "Manner", "Status"]
    );
}

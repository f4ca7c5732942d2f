//! What storage does wrong on command: bytes, tokens, lengths, parts of a file that cannot be had, and bandwidth that is used up.

use std::time::Duration;

use http::Request;
use mega_testserver::{Clock, Fault, Lane, Outcome, Service, TestServer};
use serde_json::{Value, json};

use crate::support::{Client, http};

async fn server() -> (TestServer, Client) {
    let server = TestServer::start().await.unwrap();
    server.account("me@example.com", "password").create();
    let client = Client::sign_in(&server, "me@example.com", "password");
    (server, client)
}

#[tokio::test(flavor = "multi_thread")]
async fn storage_lies_about_bytes_and_tokens() {
    let (server, client) = server().await;
    let root = client.root();
    let content: Vec<u8> = (0..400_000_u32).map(|i| (i % 251) as u8).collect();
    let file = client.put_file(&root, &content)["f"][0]["h"].clone();
    let url = client.one(json!({"a":"g","g":1,"n":file}))["g"]
        .as_str()
        .unwrap()
        .to_owned();
    let get = |range: &str| http(&client.base, "GET", &format!("{url}/{range}"), &[], b"").unwrap();

    // One wrong byte of the file, whichever range holds it.
    server.faults().add(
        Fault::lane(Lane::Download)
            .corrupt_file_at(200_000)
            .always(),
    );
    assert_eq!(get("0-131071").body, content[..=131_071]);
    let bad = get("131072-393215").body;
    let wrong: Vec<usize> = (0..bad.len())
        .filter(|i| bad[*i] != content[131_072 + i])
        .collect();
    assert_eq!(wrong, [200_000 - 131_072]);
    server.faults().clear();

    server
        .faults()
        .add(Fault::lane(Lane::Download).extend_by(10));
    assert_eq!(get("0-99").body.len(), 110);
    server
        .faults()
        .add(Fault::command("g").replace_member("s", "399999"));
    assert_eq!(client.one(json!({"a":"g","n":file}))["s"], 399_999);
    server
        .faults()
        .add(Fault::command("g").member("g", |url| url.replace("http:", "https:")));
    let secure = client.one(json!({"a":"g","g":1,"n":file}));
    assert!(secure["g"].as_str().unwrap().starts_with("https:"));

    let open = || {
        client.one(json!({"a":"u","s":200_000}))["p"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let post = |url: &str, at: usize, part: &[u8]| {
        http(&client.base, "POST", &format!("{url}/{at}"), &[], part)
            .unwrap()
            .body
    };
    // A token where none is due means nothing; the parts are kept all the same.
    let url = open();
    server
        .faults()
        .add(Fault::lane(Lane::Upload).path("/0").false_token());
    let false_token = String::from_utf8(post(&url, 0, &content[..131_072])).unwrap();
    assert_eq!(false_token.len(), 36);
    let put = |token: &str| {
        client.one(json!({"a":"p","t":root,"n":[{"h":token,"t":0,"a":"AAAA","k":"A".repeat(43)}]}))
    };
    assert_eq!(put(&false_token), -9);
    // The token is lost; whoever sends the last part again gets it.
    server.faults().add(Fault::lane(Lane::Upload).lose_token());
    assert_eq!(post(&url, 131_072, &content[131_072..200_000]), b"");
    let token = String::from_utf8(post(&url, 131_072, &content[131_072..200_000])).unwrap();
    server.fail_next("p", -9);
    assert_eq!(put(&token), -9, "refused");
    assert!(put(&token)["f"].is_array());
    // Errors of one part only, kept apart by the path.
    let url = open();
    server
        .faults()
        .add(Fault::lane(Lane::Upload).path("/131072").code(-4));
    assert_eq!(post(&url, 0, &content[..131_072]), b"");
    assert_eq!(post(&url, 131_072, &content[131_072..200_000]), b"-4");
}

#[test]
fn six_part_downloads_survive_the_loss_of_any_one_part() {
    let service = Service::builder()
        .options(|o| o.cloud_raid = true)
        .in_memory();
    service.account("me@example.com", "password").create();
    let content: Vec<u8> = (0..100_003_u32).map(|i| (i * 31 % 251) as u8).collect();
    let file = service
        .with_model(|m| m.make_file("me@example.com", "/f", &content, 1_700_000_000))
        .unwrap();
    let stored = service.with_model(|m| {
        m.tree()
            .get(file)
            .unwrap()
            .content
            .clone()
            .unwrap()
            .to_vec()
    });
    let sid = service.with_model(|m| m.sign_in("me@example.com").unwrap());
    let call = |target: &str, body: String| match service
        .handle(Request::post(target).body(body.into()).unwrap())
    {
        Outcome::Reply(reply) => (reply.status, reply.body.into_bytes()),
        other => panic!("{other:?}"),
    };
    let command = json!([{"a":"g","g":1,"v":2,"n":file.to_string()}]).to_string();
    let (_, reply) = call(&format!("/cs?id=1&sid={sid}"), command);
    let reply: Value = serde_json::from_slice(&reply).unwrap();
    let urls: Vec<String> = reply[0]["g"]
        .as_array()
        .unwrap()
        .iter()
        .map(|u| {
            u.as_str()
                .unwrap()
                .split_once(".invalid")
                .unwrap()
                .1
                .to_owned()
        })
        .collect();
    assert_eq!(urls.len(), 6);
    for dead in 0..6 {
        // One host is down, another one is gone for good.
        service.faults().clear();
        service.faults().add(
            Fault::lane(Lane::Download)
                .path(&urls[dead])
                .status(503)
                .always(),
        );
        let parts: Vec<Option<Vec<u8>>> = urls
            .iter()
            .map(|url| {
                let (status, bytes) = call(url, String::new());
                (status == 200).then(|| bytes.to_vec())
            })
            .collect();
        assert!(parts[dead].is_none());
        let mut whole = Vec::new();
        for line in 0..stored.len().div_ceil(80) {
            for column in 1..6 {
                let sector = |part: usize| -> Vec<u8> {
                    let mut out = parts[part]
                        .as_ref()
                        .map(|p| {
                            p.iter()
                                .skip(line * 16)
                                .take(16)
                                .copied()
                                .collect::<Vec<u8>>()
                        })
                        .unwrap_or_default();
                    out.resize(16, 0);
                    out
                };
                let mut bytes = sector(column);
                if column == dead {
                    for other in (0..6).filter(|o| *o != dead) {
                        bytes
                            .iter_mut()
                            .zip(sector(other))
                            .for_each(|(a, b)| *a ^= b);
                    }
                }
                whole.extend(bytes);
            }
        }
        whole.truncate(stored.len());
        assert!(whole == stored, "without part {dead}");
    }
}

#[test]
fn a_used_up_bandwidth_comes_back_after_the_time_that_was_told() {
    let clock = Clock::frozen_at(1_700_000_000);
    let service = Service::builder().clock(clock.clone()).in_memory();
    service
        .account("me@example.com", "password")
        .transfer_quota(1000, 600)
        .create();
    let file = service
        .with_model(|m| m.make_file("me@example.com", "/f", &[1; 1000], 1_700_000_000))
        .unwrap();
    let sid = service.with_model(|m| m.sign_in("me@example.com").unwrap());
    let ids = std::cell::Cell::new(0);
    let ask = || {
        ids.set(ids.get() + 1);
        let body = json!([{"a":"g","g":1,"n":file.to_string()}]).to_string();
        let target = format!("/cs?id={}&sid={sid}", ids.get());
        match service.handle(Request::post(target).body(body.into()).unwrap()) {
            Outcome::Reply(reply) => {
                serde_json::from_slice::<Value>(&reply.body.into_bytes()).unwrap()[0].clone()
            }
            other => panic!("{other:?}"),
        }
    };
    let get = |url: &str| {
        let path = url.split_once(".invalid").unwrap().1;
        match service.handle(Request::get(path).body(bytes::Bytes::new()).unwrap()) {
            Outcome::Reply(reply) => {
                let left = reply.headers.iter().find(|(n, _)| n == "X-MEGA-Time-Left");
                (reply.status, left.map(|(_, v)| v.clone()))
            }
            other => panic!("{other:?}"),
        }
    };
    let url = ask()["g"].as_str().unwrap().to_owned();
    assert_eq!(get(&url).0, 200);
    assert_eq!(get(&url), (509, Some("600".into())));
    clock.advance(Duration::from_secs(599));
    assert_eq!(get(&url), (509, Some("1".into())));
    let told = ask();
    assert_eq!((&told["e"], &told["tl"]), (&json!(-17), &json!(1)));
    clock.advance(Duration::from_secs(1));
    assert!(ask()["g"].is_string());
    assert_eq!(get(&url).0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_whose_reply_was_lost_was_taken_all_the_same() {
    let (server, client) = server().await;
    let content = vec![7_u8; 200_000];
    let url = client.one(json!({"a":"u","s":content.len()}))["p"].clone();
    let send = |at: usize, end: usize| {
        let target = format!("{}/{at}", url.as_str().unwrap());
        http(&client.base, "POST", &target, &[], &content[at..end])
    };
    server.faults().add(Fault::lane(Lane::Upload).lose_reply());
    assert!(send(131_072, 200_000).is_err());
    let token = send(0, 131_072).unwrap();
    assert_eq!(token.body.len(), 36, "nothing was missing any more");
    server.faults().add(Fault::lane(Lane::Upload).lose_reply());
    assert!(send(0, 131_072).is_err());
    assert_eq!(send(0, 131_072).unwrap().body, token.body);
    // Before it is looked at, a part can be lost too.
    let url = client.one(json!({"a":"u","s":5}))["p"].clone();
    let target = format!("{}/0", url.as_str().unwrap());
    let send = || http(&client.base, "POST", &target, &[], b"hello");
    server.faults().add(Fault::lane(Lane::Upload).drop_before());
    assert!(send().is_err());
    assert_eq!(server.with_model(|m| m.unclaimed_uploads().len()), 1);
    assert_eq!(send().unwrap().body.len(), 36);
}

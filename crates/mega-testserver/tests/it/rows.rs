//! Commands that few clients send: the rows of COVERAGE.md that no other test reaches.

use crate::support::{Client, b64, http, unb64};
use mega_testserver::TestServer;
use serde_json::{Value, json};

async fn start() -> (TestServer, Client) {
    let server = TestServer::start().await.unwrap();
    server.account("me@example.com", "password").create();
    let client = Client::sign_in(&server, "me@example.com", "password");
    (server, client)
}

fn post(client: &Client, target: &str, body: &[u8]) -> Vec<u8> {
    let answer = http(&client.base, "POST", target, &[], body).unwrap();
    assert_eq!(answer.status, 200);
    answer.body
}

#[tokio::test(flavor = "multi_thread")]
async fn thumbnails_are_stored_attached_and_fetched_in_both_forms() {
    let (_server, client) = start().await;
    let file = client.put_file(&client.root(), b"12345")["f"][0]["h"].clone();
    let (thumbnail, preview) = ([1_u8; 32], [2_u8; 48]);
    // The library posts to the address itself, others name the type behind it.
    let store = |data: &[u8], path: &str| {
        let url = client.one(json!({"a":"ufa","s":data.len(),"h":file,"ssl":2,"v":3}));
        let handle = post(
            &client,
            &format!("{}{path}", url["p"].as_str().unwrap()),
            data,
        );
        assert_eq!(handle.len(), 8);
        handle
    };
    let (small, large) = (store(&thumbnail, ""), store(&preview, "/1"));
    let attach = |kind: u8, handle: &[u8]| {
        client.one(json!({"a":"pfa","n":file,"fa":format!("{kind}*{}", b64(handle))}))
    };
    attach(0, &small);
    let fa = attach(1, &large);
    let entries: Vec<&str> = fa.as_str().unwrap().split('/').collect();
    for (entry, want) in entries.iter().zip([(0, &small), (1, &large)]) {
        let (_cluster, rest) = entry.split_once(':').unwrap();
        assert_eq!(rest, format!("{}*{}", want.0, b64(want.1)));
    }
    let listed = client.tree();
    let node = listed["f"]
        .as_array()
        .unwrap()
        .iter()
        .find(|n| n["h"] == file);
    assert_eq!(node.unwrap()["fa"], fa);

    let wanted = [&small[..], &[9; 8], &large].concat();
    let fetch = |records: u8| {
        let url = client.one(json!({"a":"ufa","fah":b64(&small),"ssl":2,"r":records}));
        post(&client, url["p"].as_str().unwrap(), &wanted)
    };
    let record =
        |handle: &[u8], data: &[u8]| [handle, &(data.len() as u32).to_le_bytes(), data].concat();
    let records = [record(&small, &thumbnail), record(&large, &preview)].concat();
    assert_eq!(fetch(1), records, "what is not there is left out");
    let table = [
        &small[..],
        &24_u32.to_le_bytes(),
        &large,
        &56_u32.to_le_bytes(),
        &thumbnail,
        &preview,
    ]
    .concat();
    assert_eq!(fetch(0), table);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_that_comes_again_is_acknowledged_as_before() {
    let (_server, client) = start().await;
    let content = vec![7_u8; 200_000];
    let url = client.one(json!({"a":"u","s":content.len()}));
    let send = |range: std::ops::Range<usize>| {
        let target = format!("{}/{}", url["p"].as_str().unwrap(), range.start);
        post(&client, &target, &content[range])
    };
    assert_eq!(send(0..131_072), b"");
    assert_eq!(send(0..131_072), b"", "its reply was lost, perhaps");
    let token = send(131_072..200_000);
    assert_eq!(token.len(), 36);
    assert_eq!(
        send(131_072..200_000),
        token,
        "the token too may have been lost"
    );
    assert_eq!(send(0..131_072), b"");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_public_handle_leads_to_its_node_and_deleted_ones_to_nothing() {
    let (_server, client) = start().await;
    let file = client.put_file(&client.root(), b"12345")["f"][0]["h"].clone();
    let link = client.one(json!({"a":"l","n":file}));
    let found = client.one(json!({"a":"f","f":1,"p":link}));
    assert_eq!(found, json!({"f":[{"h":file}]}));
    let get = |node: &Value| client.one(json!({"a":"gd","n":node,"g":1}));
    assert!(get(&file)["g"].is_string());
    client.one(json!({"a":"d","n":file}));
    assert_eq!(get(&file), -9);
    assert_eq!(client.one(json!({"a":"f","f":1,"p":link})), -9);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_vault_is_changed_only_by_those_who_mean_it() {
    let (server, client) = start().await;
    let vault = server.with_model(|m| m.user("me@example.com").unwrap().vault.to_string());
    let make = |vw: bool| {
        let mut command = json!({"a":"p","t":vault,
            "n":[{"h":"xxxxxxxx","t":1,"a":"AAAA","k":"A".repeat(22)}]});
        if vw {
            command["vw"] = json!(1);
        }
        client.one(command)
    };
    assert_eq!(make(false), -11);
    let made = make(true)["f"][0]["h"].clone();
    for mut command in [
        json!({"a":"a","n":made,"at":"BBBB"}),
        json!({"a":"m","n":made,"t":client.root()}),
    ] {
        assert_eq!(client.one(command.clone()), -11, "{command}");
        command["vw"] = json!(1);
        assert_eq!(client.one(command), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn small_questions_get_the_least_a_client_needs() {
    let (server, client) = start().await;
    for (command, answer) in [
        (json!({"a":"kma","t":0}), json!(0)),
        (json!({"a":"sla"}), json!(0)),
        (json!({"a":"qbq","s":1_000_000}), json!(0)),
        (json!({"a":"stp"}), json!({"ur":0,"uc":0,"ucr":0})),
        (json!({"a":"sf"}), json!([])),
        (json!({"a":"utt"}), json!([])),
        (json!({"a":"gmf"}), json!({"flags":{}})),
        (json!({"a":"gpsa"}), json!(-9)),
        (json!({"a":"smss"}), json!(-9)),
        (json!({"a":"vpnr"}), json!(-9)),
        (json!({"a":"mcf"}), json!(-9)),
        (json!({"a":""}), json!(-2)),
        (json!({}), json!(-2)),
    ] {
        assert_eq!(client.one(command.clone()), answer, "{command}");
    }
    let idle = post(&client, &format!("/cs?{}&wlt=1", client.auth), b"");
    assert_eq!(idle, b"1");
    assert_eq!(post(&client, "/pf?h", b"unreachable.example"), b"");
    server.with_model(|m| m.set_transfer_quota("me@example.com", Some(10), 60));
    assert_eq!(client.one(json!({"a":"qbq","s":11})), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_told_when_it_fills_up_and_when_there_is_room_again() {
    let server = TestServer::start().await.unwrap();
    let account = server.account("me@example.com", "password").without_keys();
    account.quota(1000).create();
    let client = Client::sign_in(&server, "me@example.com", "password");
    let root = client.root();
    let mut sn = client.tree()["sn"].as_str().unwrap().to_owned();
    let attribute = || client.one(json!({"a":"uga","ua":"^!usl","v":1}));
    let state = || {
        (
            client.one(json!({"a":"uq"}))["usl"].clone(),
            attribute()["av"].clone(),
        )
    };
    let is = |level: i64, text: &str| (json!(level), json!(b64(text.as_bytes())));
    assert_eq!(state(), is(0, "0"));
    assert_eq!(client.one(json!({"a":"ug","v":1}))["^!usl"], attribute());
    let mut told = || {
        let (packets, next) = client.events(&sn);
        sn = next;
        let about = packets.iter().filter(|p| p["a"] == "ua");
        about
            .map(|p| (p["ua"].clone(), p["v"][0].clone()))
            .collect::<Vec<_>>()
    };
    client.put_file(&root, &[1; 800]);
    assert_eq!(told(), []);
    client.put_file(&root, &[1; 150]);
    assert_eq!(told(), [(json!(["^!usl"]), attribute()["v"].clone())]);
    assert_eq!(state(), is(1, "1"));
    let last = client.put_file(&root, &[1; 50])["f"][0]["h"].clone();
    assert_eq!(state(), is(2, "2"));
    client.one(json!({"a":"d","n":last}));
    assert_eq!(state(), is(1, "1"));
    server.with_model(|m| m.set_quota("me@example.com", 1 << 20));
    assert_eq!(state(), is(0, "0"));
    assert_eq!(told().len(), 3);
    assert_eq!(client.one(json!({"a":"up2","^!usl":"MA"})), -11);
}

#[tokio::test(flavor = "multi_thread")]
async fn backups_are_registered_changed_listed_and_removed() {
    let (_server, client) = start().await;
    let folder = client.make_folder(&client.root());
    let sync = json!({"a":"sp","t":0,"h":folder,"l":"TG9jYWw","d":"device","s":1,"ss":0});
    let id = client.one(sync);
    assert_eq!(unb64(id.as_str().unwrap()).len(), 8);
    assert_eq!(client.one(json!({"a":"sp","id":id,"s":3})), id);
    assert_eq!(
        client.one(json!({"a":"sphb","id":id,"s":2,"p":50,"qu":1,"qd":0})),
        0
    );
    let listed = client.one(json!({"a":"sf"}));
    assert_eq!(listed.as_array().unwrap().len(), 1);
    for (member, want) in [
        ("id", id.clone()),
        ("h", json!(folder)),
        ("l", json!("TG9jYWw")),
        ("s", json!(3)),
    ] {
        assert_eq!(listed[0][member], want, "{member}");
    }
    assert_eq!(
        (&listed[0]["hb"]["p"], &listed[0]["hb"]["s"]),
        (&json!(50), &json!(2))
    );
    assert_eq!(client.one(json!({"a":"sr","id":id})), 0);
    for command in ["sr", "sphb", "sp"] {
        assert_eq!(
            client.one(json!({"a":command,"id":id,"s":1})),
            -9,
            "{command}"
        );
    }
    let tagged = client.clone().tagged();
    let id = tagged.one(json!({"a":"sp","t":0}));
    assert_eq!((&id[0], id[1].is_string()), (&json!(0), true));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_may_end_after_its_file_was_deleted_but_no_address_keeps_what_is_gone() {
    let (_server, client) = start().await;
    let root = client.root();
    let content = vec![7; 33 << 20];
    let delete = || {
        let file = client.put_file(&root, &content)["f"][0]["h"].clone();
        let url = client.one(json!({"a":"g","g":1,"n":file}))["g"].clone();
        client.one(json!({"a":"d","n":file}));
        url.as_str().unwrap().to_owned()
    };
    let status = |url: &str| {
        let answer = http(&client.base, "GET", &format!("{url}/0-9"), &[], b"").unwrap();
        answer.status
    };
    let first = delete();
    assert_eq!(status(&first), 200);
    let second = delete();
    assert_eq!((status(&first), status(&second)), (404, 200));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_sent_to_a_person_lands_in_their_vault_by_handle_and_by_address() {
    let (server, client) = start().await;
    server.account("you@example.com", "password").create();
    let other = Client::sign_in(&server, "you@example.com", "password");
    let you = other.one(json!({"a":"ug"}))["u"]
        .as_str()
        .unwrap()
        .to_owned();
    let vault = other.tree()["f"]
        .as_array()
        .unwrap()
        .iter()
        .find(|node| node["t"] == 3)
        .unwrap()["h"]
        .clone();
    for (target, content) in [
        (you.as_str(), b"by handle"),
        ("you@example.com", b"by letter"),
    ] {
        let sent = client.put_file(target, content)["f"][0]["h"].clone();
        let tree = other.tree();
        let node = tree["f"]
            .as_array()
            .unwrap()
            .iter()
            .find(|n| n["h"] == sent);
        assert_eq!(node.unwrap()["p"], vault, "{target}");
    }
    // The own vault is for those who mean it.
    let own = client.tree()["f"]
        .as_array()
        .unwrap()
        .iter()
        .find(|node| node["t"] == 3)
        .unwrap()["h"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(client.put_file(&own, b"not so"), -11);
}

//! Logins that are refused for long or tampered with, and trees that no honest service lists.

use std::time::Duration;

use http::Request;
use mega_testserver::{
    BlockEdit, Clock, Fault, LoginBlock, Order, Outcome, Service, TestServer, edit_block,
};
use serde_json::{Value, json};

use crate::support::{Answer, Client, b64, http, unb64};

async fn server() -> (TestServer, Client) {
    let server = TestServer::start().await.unwrap();
    server.account("me@example.com", "password").create();
    let client = Client::sign_in(&server, "me@example.com", "password");
    (server, client)
}

/// The raw reply to a command, which may hold numbers that no parser takes.
fn raw(client: &Client, command: Value) -> std::io::Result<Answer> {
    let body = json!([command]).to_string();
    http(&client.base, "POST", &client.url(), &[], body.as_bytes())
}

/// One login of version 2 with the right password, without the slow part.
fn login(service: &Service, id: &mut u32, email: &str, auth: &str, sid: &str) -> Value {
    *id += 1;
    let command = match sid {
        "" => json!([{"a":"us","user":email,"uh":auth}]),
        _ => json!([{"a":"us"}]),
    };
    let target = match sid {
        "" => format!("/cs?id={id}"),
        sid => format!("/cs?id={id}&sid={sid}"),
    };
    match service.handle(
        Request::post(target)
            .body(command.to_string().into())
            .unwrap(),
    ) {
        Outcome::Reply(reply) => {
            serde_json::from_slice::<Value>(&reply.body.into_bytes()).unwrap()[0].clone()
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn ninety_logins_in_a_row_block_an_account_for_a_week_and_pauses_avoid_it() {
    let clock = Clock::frozen_at(1_700_000_000);
    let service = Service::builder()
        .clock(clock.clone())
        .options(|o| o.login_block = Some(LoginBlock::default()))
        .in_memory();
    let email = "me@example.com";
    service
        .account(email, "password")
        .without_keys()
        .v1()
        .create();
    let auth = b64(&mega_testserver::account::password::v1(email, "password").auth);
    let mut id = 0;
    // Three seconds between them: never blocked.
    for n in 0..400 {
        assert!(
            login(&service, &mut id, email, &auth, "")["k"].is_string(),
            "login {n}"
        );
        clock.advance(Duration::from_secs(3));
    }
    let sid = login(&service, &mut id, email, &auth, "")["tsid"]
        .as_str()
        .unwrap()
        .to_owned();
    // In a row: after some ninety the right password is answered like a wrong one, for a week.
    let mut passed = 0;
    while login(&service, &mut id, email, &auth, "")["k"].is_string() {
        passed += 1;
    }
    assert!((85..=90).contains(&passed), "{passed}");
    assert_eq!(login(&service, &mut id, email, &auth, ""), -9);
    clock.advance(Duration::from_secs(7 * 24 * 3600 - 1));
    assert_eq!(login(&service, &mut id, email, &auth, ""), -9);
    // Who has a session never notices.
    assert!(login(&service, &mut id, email, &auth, &sid)["u"].is_string());
    // Ending sessions does not help.
    service.with_model(|m| m.kill_sessions(email));
    assert_eq!(login(&service, &mut id, email, &auth, ""), -9);
    clock.advance(Duration::from_secs(1));
    assert!(login(&service, &mut id, email, &auth, "")["k"].is_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn login_replies_are_tampered_with_block_by_block() {
    let (server, client) = server().await;
    let other = server.account("other@example.com", "password").create();
    let auth = {
        let salt = client.one(json!({"a":"us0","user":"me@example.com"}));
        b64(&mega_testserver::account::password::v2(
            "password",
            &unb64(salt["s"].as_str().unwrap()),
        )
        .auth)
    };
    let login = |fault: Option<Fault>| {
        fault.into_iter().for_each(|f| server.faults().add(f));
        Client::anonymous(&server).one(json!({"a":"us","user":"me@example.com","uh":auth}))
    };
    let honest = login(None);
    let blocks = |reply: &Value, member: &str| -> Vec<Vec<u8>> {
        unb64(reply[member].as_str().unwrap())
            .chunks(16)
            .map(<[u8]>::to_vec)
            .collect()
    };
    let count = blocks(&honest, "privk").len();
    assert!(count > 30);
    for block in [0, 1, count / 2, count - 1] {
        for edit in [
            BlockEdit::Flip(127),
            BlockEdit::Zero,
            BlockEdit::CopyOf(2),
            BlockEdit::SwapWith(2),
        ] {
            let fault =
                Fault::command("us").member("privk", move |text| edit_block(text, block, edit));
            let bad = blocks(&login(Some(fault)), "privk");
            let differ: Vec<usize> = (0..count)
                .filter(|i| bad[*i] != blocks(&honest, "privk")[*i])
                .collect();
            match edit {
                BlockEdit::SwapWith(_) => assert_eq!(differ.len(), 2, "{block} {edit:?}"),
                _ => assert_eq!(differ, [block], "{edit:?}"),
            }
        }
    }
    let flipped = login(Some(
        Fault::command("us").member("k", |k| edit_block(k, 0, BlockEdit::Flip(0))),
    ));
    assert_ne!(flipped["k"], honest["k"]);
    let wrong = format!("\"{}\"", other.handle);
    assert_eq!(
        login(Some(Fault::command("us").replace_member("u", &wrong)))["u"],
        json!(other.handle.to_string())
    );
    // A session id of the server's choice: somebody else's, encrypted to this account.
    let foreign = server.with_model(|m| {
        let sid = m.sign_in("other@example.com").unwrap();
        m.csid_for("me@example.com", &unb64(&sid)).unwrap()
    });
    let chosen = format!("\"{foreign}\"");
    assert_eq!(
        login(Some(Fault::command("us").replace_member("csid", &chosen)))["csid"],
        json!(foreign)
    );
    let plain = login(Some(Fault::command("us").without("csid").without("privk")));
    assert!(plain["csid"].is_null() && plain["privk"].is_null() && plain["k"].is_string());
    // Version and salt before the login.
    server
        .faults()
        .add(Fault::command("us0").replace_member("v", "1").without("s"));
    assert_eq!(
        client.one(json!({"a":"us0","user":"me@example.com"})),
        json!({"v":1})
    );
    // The private key itself, well wrapped and no key any more.
    assert!(server.with_model(|m| m.tamper_private_key("me@example.com", |plain| plain[130] ^= 1)));
    let bad = blocks(&login(None), "privk");
    let differ = (0..count)
        .filter(|i| bad[*i] != blocks(&honest, "privk")[*i])
        .count();
    assert_eq!(differ, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn trees_are_listed_with_spliced_keys_edited_blocks_lies_and_in_any_order() {
    let (server, client) = server().await;
    let email = "me@example.com";
    let (a, b, f) = server.with_model(|m| {
        let a = m
            .make_file(email, "/a/b/one", b"one", 1_700_000_000)
            .unwrap();
        let b = m
            .make_file(email, "/a/b/two", b"two", 1_700_000_000)
            .unwrap();
        (a, b, m.make_folder(email, "/a").unwrap())
    });
    let node = |handle: &str| -> Value {
        let tree = client.tree();
        let nodes = tree["f"].as_array().unwrap().clone();
        nodes.into_iter().find(|n| n["h"] == handle).unwrap()
    };
    let key = |handle: &str| {
        unb64(
            node(handle)["k"]
                .as_str()
                .unwrap()
                .split_once(':')
                .unwrap()
                .1,
        )
    };
    let (one, two) = (key(&a.to_string()), key(&b.to_string()));
    assert!(server.with_model(|m| m.splice_key((a, 1), (b, 0))));
    assert_eq!(key(&a.to_string()), [&one[..16], &two[..16]].concat());
    assert!(server.with_model(|m| m.edit_key_block(b, 0, BlockEdit::CopyOf(1))));
    assert_eq!(key(&b.to_string())[..16], two[16..]);
    let before = node(&f.to_string())["a"].clone();
    assert!(server.with_model(|m| m.edit_attribute_block(f, 0, BlockEdit::Flip(9))));
    assert_ne!(node(&f.to_string())["a"], before);

    server.with_model(|m| {
        m.misreport(a, "s", "-1");
        m.misreport(b, "p", "\"AAAAAAAA\"");
    });
    assert_eq!(node(&a.to_string())["s"], -1);
    assert_eq!(node(&b.to_string())["p"], "AAAAAAAA");

    // A name that only a hostile server gives.
    let odd = server.with_model(|m| {
        m.make_folder_with_attributes(email, f, r#"{"n":"../../etc"}"#)
            .unwrap()
    });
    assert_eq!(
        server.with_model(|m| m.name_of(odd)).as_deref(),
        Some("../../etc")
    );

    let handles = || -> Vec<String> {
        let tree = client.tree();
        let list = tree["f"].as_array().unwrap().clone();
        list.iter()
            .map(|n| n["h"].as_str().unwrap().to_owned())
            .collect()
    };
    let honest = handles();
    server.with_model(|m| m.options().order = Order::ChildrenFirst);
    let mut reversed = handles();
    reversed.reverse();
    assert_eq!(reversed, honest);
    server.with_model(|m| m.options().order = Order::Shuffled(7));
    let mut shuffled = handles();
    assert_ne!(shuffled, honest);
    shuffled.sort();
    let mut sorted = honest.clone();
    sorted.sort();
    assert_eq!(shuffled, sorted);
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_nodes_of_every_kind_are_listed_word_for_word() {
    let (server, client) = server().await;
    let list = |client: &Client| {
        // Numbers beyond 64 bits are what some of it is about, so the text is looked at, not the values.
        raw(client, json!({"a":"f","c":1}))
            .unwrap()
            .text()
            .to_owned()
    };
    let mut expected = list(&client).matches("{\"h\":").count();
    for kind in mega_testserver::Model::hostile_kinds() {
        let added = server.with_model(|m| {
            let before = m.user("me@example.com").unwrap().raw_nodes.len();
            m.insert_hostile("me@example.com", kind);
            m.user("me@example.com").unwrap().raw_nodes.len() - before
        });
        assert!(added > 0, "{kind:?}");
        expected += added;
    }
    assert_eq!(list(&client).matches("{\"h\":").count(), expected);
    let deep = server
        .with_model(|m| m.insert_hostile("me@example.com", mega_testserver::Hostile::Deep(5000)));
    assert_eq!(deep.len(), 5000);
    let text = list(&client);
    assert!(text.contains(&format!(
        "\"h\":\"{}\",\"p\":\"{}\"",
        deep[4999], deep[4998]
    )));
    assert_eq!(
        server.with_model(|m| m.violations()),
        Vec::<String>::new(),
        "the true tree is as it was"
    );
}

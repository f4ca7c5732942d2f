//! What accounts have to do with each other: contact links, shares that wait, and the notifications that come of it.

use std::time::Duration;

use crate::support::{Client, b64, http};
use mega_testserver::{Clock, TestServer};
use serde_json::{Value, json};

/// Two accounts that do not know each other yet.
async fn two() -> (TestServer, Client, Client) {
    let builder = TestServer::builder().clock(Clock::frozen_at(1_700_000_000));
    let server = builder.start().await.unwrap();
    for email in ["a@example.com", "b@example.com"] {
        let account = server.account(email, "password").without_keys();
        account.name("The Name").create();
    }
    let a = Client::sign_in(&server, "a@example.com", "password");
    let b = Client::sign_in(&server, "b@example.com", "password");
    (server, a, b)
}

fn befriend(server: &TestServer) {
    server.with_model(|m| {
        let contact = mega_testserver::model::Contact::visible(m.now());
        let [a, b] = ["a@example.com", "b@example.com"].map(|e| m.user(e).unwrap().handle);
        m.user_mut("a@example.com")
            .unwrap()
            .contacts
            .insert(b, contact);
        m.user_mut("b@example.com")
            .unwrap()
            .contacts
            .insert(a, contact);
    });
}

fn notes(client: &Client) -> Value {
    let url = format!("/sc?c=50{}", client.auth);
    let answer = http(&client.base, "POST", &url, &[], b"").unwrap();
    serde_json::from_slice(&answer.body).unwrap()
}

fn kinds(client: &Client) -> Vec<String> {
    let notes = notes(client);
    let list = notes["c"].as_array().unwrap().iter();
    list.map(|n| n["t"].as_str().unwrap().to_owned()).collect()
}

fn handle(client: &Client) -> Value {
    client.one(json!({"a":"ug"}))["u"].clone()
}

fn names(client: &Client, sn: &Value) -> Vec<String> {
    let (packets, _) = client.events(sn.as_str().unwrap());
    let names = packets.iter().map(|p| p["a"].as_str().unwrap().to_owned());
    names.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contact_link_names_its_owner_until_it_is_renewed_or_ended() {
    let (server, a, _) = two().await;
    let link = a.one(json!({"a":"clc"}));
    assert_eq!(link.as_str().unwrap().len(), 8);
    assert_eq!(a.one(json!({"a":"clc"})), link, "there is one");
    assert_eq!(
        a.clone().tagged().one(json!({"a":"clc"})),
        json!([0, link]),
        "a bare text would be taken for a tag"
    );
    a.one(json!({"a":"up2","firstname":b64(b"Ann"),"lastname":b64(b"B")}));
    let stranger = Client::anonymous(&server);
    let who = stranger.one(json!({"a":"clg","cl":link,"b":1}));
    let want = json!({"h":handle(&a),"e":"a@example.com","fn":b64(b"Ann"),"ln":b64(b"B")});
    assert_eq!(who, want);
    assert_eq!(stranger.one(json!({"a":"clg","cl":link}))["fn"], "Ann");

    let other = a.one(json!({"a":"clr"}));
    assert_ne!(other, link);
    assert_eq!(stranger.one(json!({"a":"clg","cl":link})), -9);
    assert_eq!(
        a.one(json!({"a":"cld","cl":link})),
        -9,
        "it is not his any more"
    );
    assert_eq!(a.one(json!({"a":"cld","cl":other})), 0);
    assert_eq!(stranger.one(json!({"a":"clg","cl":other})), -9);
    assert_eq!(a.one(json!({"a":"cld"})), -9);
    assert_eq!(stranger.one(json!({"a":"clg","cl":"no"})), -2);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_by_the_link_is_a_contact_at_once_unless_that_is_switched_off() {
    let (server, a, b) = two().await;
    let link = b.one(json!({"a":"clc"}));
    let [a_sn, b_sn] = [&a, &b].map(|c| c.tree()["sn"].clone());
    let invite = |link: &Value| a.one(json!({"a":"upc","u":"b@example.com","aa":"a","cl":link}));
    assert_eq!(
        invite(&json!("AAAAAAAA")),
        -9,
        "not the link of who is invited"
    );

    // Where it is switched off, it is an invitation like any other.
    b.one(json!({"a":"up2","^clv":b64(b"0")}));
    assert!(invite(&link)["p"].is_string());
    assert_eq!(a.tree()["opc"].as_array().unwrap().len(), 1);
    assert_eq!(a.one(json!({"a":"upc","u":"b@example.com","aa":"r"})), 0);
    assert_eq!(a.one(json!({"a":"upc","u":"b@example.com","aa":"d"})), 0);
    assert_eq!(a.tree()["opc"], json!([]));
    assert_eq!(names(&a, &a_sn), ["opc", "opc", "opc"]);
    let (asked, _) = b.events(b_sn.as_str().unwrap());
    let stamps: Vec<(bool, bool, bool)> = (asked.iter().filter(|p| p["a"] == "ipc"))
        .map(|p| (p["rts"].is_i64(), p["dts"].is_i64(), p["clv"].is_i64()))
        .collect();
    let plain = [
        (false, false, false),
        (true, false, false),
        (false, true, false),
    ];
    assert_eq!(stamps, plain);

    b.one(json!({"a":"up2","^clv":b64(b"1")}));
    let [a_sn, b_sn] = [&a, &b].map(|c| c.tree()["sn"].clone());
    let reply = invite(&link);
    assert_eq!(
        (&reply["m"], &reply["e"]),
        (&json!("b@example.com"), &json!("a@example.com"))
    );
    assert_eq!(names(&a, &a_sn), ["opc", "upco", "c"]);
    let (packets, _) = b.events(b_sn.as_str().unwrap());
    assert_eq!(
        (&packets[0]["a"], &packets[0]["clv"]),
        (&json!("ipc"), &json!(1))
    );
    assert_eq!(names(&b, &b_sn), ["ipc", "upci", "c"]);
    for (client, other) in [(&a, handle(&b)), (&b, handle(&a))] {
        let users = client.tree()["u"].clone();
        assert_eq!((&users[1]["u"], &users[1]["c"]), (&other, &json!(1)));
        assert_eq!(client.tree()["opc"], json!([]));
    }
    assert_eq!(invite(&link), -12);
    server.with_model(|m| assert_eq!(m.violations(), Vec::<String>::new()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_share_that_waits_becomes_a_full_one_or_ends_and_its_owner_is_told() {
    let (_server, a, b) = two().await;
    let folder = a.make_folder(&a.root());
    let sn = a.tree()["sn"].clone();
    let share = |right: Value| {
        let reply = a.one(json!({"a":"s2","n":folder,"s":[{"u":"b@example.com","r":right}]}));
        assert_eq!(reply["r"], json!([0]));
    };
    share(json!(0));
    let waits = a.tree()["ps"].clone();
    let invitation = waits[0]["p"].clone();
    share(json!(""));
    assert_eq!(a.tree()["ps"], json!([]), "it waits no longer");
    share(json!(2));
    let (packets, sn) = a.events(sn.as_str().unwrap());
    let ends = (packets.iter().filter(|p| p["a"] == "s2")).map(|p| (&p["p"], p["r"].is_null()));
    let p = &invitation;
    assert_eq!(
        ends.collect::<Vec<_>>(),
        [(p, false), (p, true), (p, false)]
    );

    assert_eq!(b.one(json!({"a":"upca","p":invitation,"aa":"a"})), 0);
    let (packets, sn) = a.events(&sn);
    let full = packets.iter().find(|p| p["a"] == "s2").unwrap();
    assert_eq!((&full["p"], &full["op"]), (p, &json!(1)), "pending no more");
    assert_eq!((&full["u"], &full["r"]), (&handle(&b), &json!(2)));
    assert_eq!(a.tree()["ps"], json!([]));

    // Who says no ends what waited.
    let reply = a.one(json!({"a":"s2","n":folder,"s":[{"u":"c@example.com","r":0}]}));
    assert_eq!(reply["r"], json!([0]));
    assert_eq!(a.tree()["ps"].as_array().unwrap().len(), 1);
    assert_eq!(a.one(json!({"a":"upc","u":"c@example.com","aa":"d"})), 0);
    let (packets, _) = a.events(&sn);
    let last = &packets[packets.len() - 2..];
    assert_eq!(
        (&last[0]["a"], &last[1]["a"]),
        (&json!("s2"), &json!("opc"))
    );
    assert!(last[0]["r"].is_null() && last[1]["dts"].is_i64());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_do_is_told_the_newest_first_and_what_one_does_oneself_is_not() {
    let (server, a, b) = two().await;
    a.one(json!({"a":"upc","u":"b@example.com","aa":"a","msg":"hi"}));
    let invitation = b.tree()["ipc"][0]["p"].clone();
    server.clock().advance(Duration::from_secs(100));
    let note = notes(&b)["c"][0].clone();
    assert_eq!(
        (&note["t"], &note["td"], &note["p"]),
        (&json!("ipc"), &json!(100), &invitation)
    );
    assert_eq!(note["m"], "a@example.com");
    b.one(json!({"a":"upca","p":invitation,"aa":"a"}));
    assert_eq!(kinds(&a), ["c", "upco"]);
    let accepted = notes(&a)["c"][1].clone();
    assert_eq!(
        (&accepted["s"], &accepted["m"]),
        (&json!(2), &json!("b@example.com"))
    );
    assert_eq!(kinds(&b), ["ipc"], "he accepted himself");

    let folder = a.make_folder(&a.root());
    a.one(json!({"a":"s2","n":folder,"s":[{"u":"b@example.com","r":2}]}));
    let told = notes(&b);
    assert_eq!(
        (&told["c"][0]["t"], &told["c"][0]["n"]),
        (&json!("share"), &json!(folder))
    );
    assert_eq!(told["c"][0]["u"], handle(&a));
    let user = json!([{"u":handle(&a),"m":"a@example.com","n":"The Name"}]);
    assert_eq!(
        told["u"], user,
        "no other member: the SDK would not get past it"
    );

    // Each side hears of what the other puts there and takes away.
    let inner = b.make_folder(&folder);
    let file = b.put_file(&inner, b"12345")["f"][0]["h"].clone();
    let put = notes(&a)["c"].clone();
    assert_eq!((&put[0]["n"], &put[0]["u"]), (&json!(inner), &handle(&b)));
    assert_eq!(put[0]["f"], json!([{"h":file,"t":0}]));
    assert_eq!(put[1]["f"], json!([{"h":inner,"t":1}]));
    a.one(json!({"a":"d","n":file}));
    let gone = notes(&b)["c"][0].clone();
    assert_eq!((&gone["t"], &gone["f"][0]["h"]), (&json!("d"), &file));
    b.one(json!({"a":"d","n":folder}));
    assert_eq!(notes(&a)["c"][0]["t"], "dshare");
    assert_eq!(notes(&a)["c"][0]["u"], handle(&b), "he left it");
    a.one(json!({"a":"s2","n":folder,"s":[{"u":"b@example.com","r":0}]}));
    a.one(json!({"a":"s2","n":folder,"s":[{"u":"b@example.com"}]}));
    assert_eq!(notes(&b)["c"][0]["u"], handle(&a), "it was taken from him");
    a.one(json!({"a":"ur2","u":"b@example.com","l":0}));
    assert_eq!(kinds(&b), ["c", "dshare", "share", "d", "share", "ipc"]);
    assert_eq!(kinds(&a), ["dshare", "put", "put", "c", "upco"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn notifications_are_read_from_a_point_on_and_the_service_writes_some_itself() {
    let (server, a, _) = two().await;
    befriend(&server);
    assert_eq!(notes(&a)["c"], json!([]));
    assert_eq!(notes(&a)["ltd"], 0, "nobody looked yet");
    let sn = a.tree()["sn"].clone();
    assert_eq!(a.one(json!({"a":"sla"})), 0);
    assert_eq!(names(&a, &sn), ["la"]);
    server.clock().advance(Duration::from_secs(50));
    server.with_model(|m| {
        m.pay("a@example.com", 2, true);
        let file = m.make_file("a@example.com", "/x", b"x", 0).unwrap();
        m.take_down(file, true);
    });
    assert_eq!(notes(&a)["ltd"], 50);
    let list = notes(&a)["c"].clone();
    assert_eq!(list[0], json!({"it":0,"p":2,"r":"s","t":"psts","td":0}));
    assert_eq!(
        list.as_array().unwrap().len(),
        1,
        "without a link there is nothing to take down"
    );
    let file = server.with_model(|m| m.make_file("a@example.com", "/y", b"y", 0).unwrap());
    a.one(json!({"a":"l","n":file.to_string()}));
    server.with_model(|m| m.take_down(file, true));
    let note = notes(&a)["c"][0].clone();
    assert_eq!(
        (&note["t"], &note["down"], &note["h"]),
        (&json!("ph"), &json!(1), &json!(file.to_string()))
    );

    // The type is never the last member: the SDK loses it there (src/json.cpp).
    let url = format!("/sc?c=1{}", a.auth);
    let answer = http(&a.base, "POST", &url, &[], b"").unwrap();
    assert!(answer.text().starts_with("{\"c\":[{"), "{}", answer.text());
    assert!(
        answer
            .text()
            .contains("\"t\":\"ph\",\"td\":0}],\"u\":[],\"lsn\"")
    );
    assert_eq!(notes(&a)["c"].as_array().unwrap().len(), 2);
}

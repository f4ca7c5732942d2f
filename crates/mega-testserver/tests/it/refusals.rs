//! What is refused, with the number that says why; and who pays.

use mega_testserver::{Fault, Hostile, Lane, TestServer, resize};
use serde_json::{Value, json};

use crate::support::{Client, http, unb64};

/// Two accounts that are contacts; the first has a folder.
async fn two() -> (TestServer, Client, Client, String) {
    let server = TestServer::start().await.unwrap();
    let emails = ["a@example.com", "b@example.com"];
    let handles = emails.map(|email| {
        let account = server.account(email, "password").without_keys();
        account.create().handle
    });
    server.with_model(|m| {
        let contact = mega_testserver::model::Contact::visible(m.now());
        for (email, other) in emails.iter().zip(handles.iter().rev()) {
            m.user_mut(email).unwrap().contacts.insert(*other, contact);
        }
    });
    let [a, b] = emails.map(|email| Client::sign_in(&server, email, "password"));
    let folder = a.make_folder(&a.root());
    (server, a, b, folder)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_is_not_moved_into_itself_and_a_root_not_at_all() {
    let (server, client, _, folder) = two().await;
    let inner = client.make_folder(&folder);
    let below = client.make_folder(&inner);
    let file = client.put_file(&folder, b"1")["f"][0]["h"].clone();
    let go = |node: &str, to: &str| client.one(json!({"a":"m","n":node,"t":to}));
    for target in [&folder, &inner, &below] {
        assert_eq!(go(&folder, target), -10, "{target}");
    }
    assert_eq!(go(&inner, file.as_str().unwrap()), -2, "no folder");
    let roots = server.with_model(|m| {
        let user = m.user("a@example.com").unwrap();
        [user.root, user.vault, user.bin].map(|h| h.to_string())
    });
    for root in &roots {
        assert_eq!(go(root, &folder), -11);
        assert_eq!(client.one(json!({"a":"d","n":root,"vw":1})), -11);
        assert_eq!(
            client.one(json!({"a":"a","n":root,"at":"BBBB","vw":1})),
            -11
        );
        assert_eq!(client.one(json!({"a":"l","n":root})), -11);
    }
    assert_eq!(go(&below, &roots[2]), 0, "into the bin it goes");
    server.with_model(|m| assert_eq!(m.violations(), Vec::<String>::new()));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_put_into_a_share_that_is_only_to_be_read() {
    let (_server, owner, guest, folder) = two().await;
    let share = |right: u8| {
        let reply = owner.one(json!({"a":"s2","n":folder,"s":[{"u":"b@example.com","r":right}]}));
        assert_eq!(reply["r"], json!([0]));
    };
    let make = || {
        guest.one(json!({"a":"p","t":folder,
            "n":[{"h":"xxxxxxxx","t":1,"a":"AAAA","k":"A".repeat(22)}]}))
    };
    share(0);
    let own = guest.make_folder(&guest.root());
    assert_eq!(make(), -11);
    assert_eq!(guest.put_file(&folder, b"1"), -11);
    assert_eq!(guest.one(json!({"a":"m","n":own,"t":folder})), -11);
    assert_eq!(guest.one(json!({"a":"a","n":folder,"at":"BBBB"})), -11);
    share(1);
    assert!(make()["f"].is_array());
    assert_eq!(guest.one(json!({"a":"a","n":folder,"at":"BBBB"})), -11);
    share(2);
    assert_eq!(guest.one(json!({"a":"a","n":folder,"at":"BBBB"})), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_that_is_ignored_goes_on_waiting() {
    let server = TestServer::start().await.unwrap();
    for email in ["a@example.com", "b@example.com"] {
        let account = server.account(email, "password").without_keys();
        account.create();
    }
    let [a, b] =
        ["a@example.com", "b@example.com"].map(|email| Client::sign_in(&server, email, "password"));
    let invitation = a.one(json!({"a":"upc","u":"b@example.com","aa":"a"}))["p"].clone();
    let [a_sn, b_sn] = [&a, &b].map(|c| c.tree()["sn"].as_str().unwrap().to_owned());
    assert_eq!(b.one(json!({"a":"upca","p":invitation,"aa":"i"})), 0);
    for (client, sn, name) in [(&a, a_sn, "upco"), (&b, b_sn, "upci")] {
        let (packets, _) = client.events(&sn);
        assert_eq!(packets.len(), 1, "{packets:?}");
        assert_eq!(
            (&packets[0]["a"], &packets[0]["s"]),
            (&json!(name), &json!(1))
        );
    }
    assert_eq!(a.tree()["opc"][0]["p"], invitation);
    assert_eq!(a.tree()["u"].as_array().unwrap().len(), 1, "no contact yet");
    assert_eq!(b.one(json!({"a":"upca","p":invitation,"aa":"x"})), -2);
    assert_eq!(b.one(json!({"a":"upca","p":invitation,"aa":"a"})), 0);
    assert_eq!(a.tree()["u"].as_array().unwrap().len(), 2);
    assert_eq!(b.one(json!({"a":"upca","p":invitation,"aa":"a"})), -9);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_signed_in_pays_for_what_comes_through_a_folder_link() {
    let (server, owner, guest, folder) = two().await;
    let file = owner.put_file(&folder, b"12345")["f"][0]["h"].clone();
    owner.one(json!({"a":"s2","n":folder,"s":[{"u":"EXP","r":0}]}));
    let link = owner.one(json!({"a":"l","n":folder}));
    let through = format!("&n={}", link.as_str().unwrap());
    let visitor = |auth: String| Client {
        auth,
        ..Client::anonymous(&server)
    };
    let stranger = visitor(through.clone());
    let member = visitor(format!("{through}{}", guest.auth));
    server.with_model(|m| m.set_transfer_quota("b@example.com", Some(5), 60));
    let get = |client: &Client| client.one(json!({"a":"g","g":1,"n":file}));
    let used = || guest.one(json!({"a":"uq","xfer":1}))["caxfer"].clone();
    let fetch = |reply: &Value| {
        let url = reply["g"].as_str().unwrap();
        http(server.url(), "GET", url, &[], b"").unwrap().status
    };
    assert_eq!(fetch(&get(&stranger)), 200);
    assert_eq!(used(), 0);
    assert_eq!(member.one(json!({"a":"qbq","s":6})), 2);
    assert_eq!(stranger.one(json!({"a":"qbq","s":6})), 0);
    assert_eq!(fetch(&get(&member)), 200);
    assert_eq!(used(), 5);
    let refused = get(&member);
    assert_eq!((&refused["e"], &refused["tl"]), (&json!(-17), &json!(60)));
    assert!(
        get(&stranger)["g"].is_string(),
        "who is nobody has no allowance"
    );

    // What is seen is what the link shows, not the account.
    let tree = member.tree();
    assert_eq!(tree["f"][0]["h"], folder.as_str());
    assert_eq!(member.one(json!({"a":"ug"})), -15);
    assert_eq!(
        visitor(format!("{through}&sid=gone")).batch(&json!([{"a":"uq"}])),
        -15
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_room_for_an_upload_is_that_of_those_it_goes_to() {
    let (server, a, b, folder) = two().await;
    let handle = b.one(json!({"a":"ug"}))["u"].clone();
    server.with_model(|m| m.set_quota("b@example.com", 10));
    let open = |targets: Value| a.one(json!({"a":"u","s":11,"v":3,"ssl":2,"t":targets}));
    assert!(open(json!([folder]))["p"].is_string());
    assert_eq!(open(handle), -24);
    assert_eq!(open(json!("b@example.com")), -24);
    assert_eq!(open(json!([folder, b.root()])), -24);
    assert!(open(json!("a@example.com"))["p"].is_string());
    for nobody in [
        json!("AAAAAAAAAAA"),
        json!("c@example.com"),
        json!(["AAAAAAAA"]),
        json!(7),
    ] {
        assert_eq!(open(nobody.clone()), -2, "{nobody}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_of_several_nodes_is_told_by_place() {
    let (_server, client, _, folder) = two().await;
    let node = |good: bool| {
        let handle = if good {
            "xxxxxxxx"
        } else {
            "no such token of an upload"
        };
        let (kind, key) = if good { (1, 22) } else { (0, 43) };
        json!({"h":handle,"t":kind,"a":"AAAA","k":"A".repeat(key)})
    };
    let put = |good: &[bool]| {
        let nodes: Vec<Value> = good.iter().map(|g| node(*g)).collect();
        client.one(json!({"a":"p","v":4,"t":folder,"n":nodes}))["e"].clone()
    };
    assert_eq!(put(&[true, true]), json!([]));
    assert_eq!(put(&[false, false, true]), json!([-9, -9]));
    assert_eq!(put(&[true, false]), json!({"1":-9}));
    assert_eq!(put(&[false, true, false]), json!({"0":-9,"2":-9}));
}

#[tokio::test(flavor = "multi_thread")]
async fn packets_come_in_reverse_folders_are_wide_and_keys_of_any_length() {
    let (server, client, _, _) = two().await;
    let sn = client.tree()["sn"].as_str().unwrap().to_owned();
    let folders = [(); 3].map(|()| client.make_folder(&client.root()));
    let told = || {
        let (packets, sn) = client.events(&sn);
        let handles = packets.iter().map(|p| p["t"]["f"][0]["h"].clone());
        (handles.collect::<Vec<_>>(), sn)
    };
    let (honest, end) = told();
    assert_eq!(honest, folders.clone().map(Value::from));
    server
        .faults()
        .add(Fault::lane(Lane::Events).reverse_events());
    let (mut reversed, same) = told();
    reversed.reverse();
    assert_eq!((reversed, same), (honest, end));

    let wide = server.with_model(|m| m.insert_hostile("a@example.com", Hostile::Wide(3000)));
    let (root, tree) = (client.root(), client.tree());
    let listed = tree["f"].as_array().unwrap();
    let beside = |handle: &String| {
        listed
            .iter()
            .any(|n| n["h"] == *handle && n["p"] == root.as_str())
    };
    let wide: Vec<String> = wide.iter().map(ToString::to_string).collect();
    assert_eq!(wide.len(), 3000);
    assert!([0, 1, 2999].into_iter().all(|i| beside(&wide[i])));
    assert_eq!(listed.len(), 3 + 1 + 3 + 3000);

    let member = move |bytes: usize| Fault::command("ug").member("k", move |k| resize(k, bytes));
    let honest = client.one(json!({"a":"ug"}))["k"].clone();
    let honest = unb64(honest.as_str().unwrap());
    for bytes in [0, 5, 16, 40] {
        server.faults().add(member(bytes));
        let key = client.one(json!({"a":"ug"}))["k"].clone();
        let key = unb64(key.as_str().unwrap());
        assert_eq!(key.len(), bytes);
        let kept = bytes.min(16);
        assert_eq!(key[..kept], honest[..kept]);
        assert!(key[kept..].iter().all(|b| *b == 0));
    }
}

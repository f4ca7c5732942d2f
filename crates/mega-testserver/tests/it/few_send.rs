//! Commands and packets that few clients ever meet, each once: what is answered, what changes, and who hears of it.

use mega_testserver::account::cipher::{Key, encrypt_block};
use mega_testserver::account::password;
use mega_testserver::model::Contact;
use mega_testserver::{Payment, TestServer, totp};
use serde_json::{Value, json};

use crate::support::{Client, b64, http};

async fn start() -> (TestServer, Client) {
    let server = TestServer::start().await.unwrap();
    let account = server.account("me@example.com", "password");
    account.without_keys().create();
    let client = Client::sign_in(&server, "me@example.com", "password");
    (server, client)
}

fn position(client: &Client) -> String {
    client.tree()["sn"].as_str().unwrap().to_owned()
}

/// What happened since, by name.
fn told(client: &Client, sn: &str, name: &str) -> Vec<Value> {
    let (packets, _) = client.events(sn);
    packets.into_iter().filter(|p| p["a"] == name).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_factor_is_offered_enabled_with_a_code_and_disabled_with_another() {
    let (server, client) = start().await;
    let ask = |command: Value| client.one(command);
    assert_eq!(ask(json!({"a":"mfag"})), 0);
    assert_eq!(ask(json!({"a":"mfad"})), -9, "there is none");
    assert_eq!(
        ask(json!({"a":"mfas","mfa":"123456"})),
        -2,
        "none was offered"
    );
    let secret = ask(json!({"a":"mfas"}));
    let secret = secret.as_str().unwrap();
    assert_eq!(secret.len(), 32);
    let code = |offset: i64| totp::code(secret, server.clock().unix() + offset).unwrap();
    assert_eq!(ask(json!({"a":"mfas","mfa":code(86_400)})), -5);
    assert_eq!(ask(json!({"a":"mfag"})), 0);
    assert_eq!(ask(json!({"a":"mfas","mfa":code(0)})), 0);
    assert_eq!(ask(json!({"a":"mfag"})), 1);
    let other = Client::anonymous(&server);
    assert_eq!(other.one(json!({"a":"mfag","e":"me@example.com"})), 1);
    assert_eq!(ask(json!({"a":"mfas"})), -12);
    // What is dangerous asks for a code from now on.
    assert_eq!(ask(json!({"a":"se","aa":"a","e":"new@example.com"})), -26);
    assert_eq!(ask(json!({"a":"mfad"})), -26);
    assert_eq!(ask(json!({"a":"mfad","mfa":code(86_400)})), -5);
    assert_eq!(ask(json!({"a":"mfad","mfa":code(0)})), 0);
    assert_eq!(ask(json!({"a":"mfag"})), 0);
}

/// Fields of a version 2 password.
fn version_2(password: &str, random: [u8; 16], master: Key) -> (Value, Value, Value) {
    let derived = password::v2(password, &password::v2_salt(&random));
    (
        json!(b64(&random)),
        json!(b64(&password::v2_hashed_auth(&derived.auth))),
        json!(b64(&encrypt_block(&derived.key, master))),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registration_is_cancelled_or_confirmed_and_its_session_hears_of_it() {
    let server = TestServer::start().await.unwrap();
    let (master, wrapper): (Key, Key) = ([1; 16], [2; 16]);
    let mut client = Client::anonymous(&server);
    let ts = [[3; 16], encrypt_block(&master, [3; 16])].concat();
    let wrapped = b64(&encrypt_block(&wrapper, master));
    let handle = client.one(json!({"a":"up","k":wrapped,"ts":b64(&ts)}));
    let session = client.one(json!({"a":"us","user":handle}));
    client.auth = format!("&sid={}", session["tsid"].as_str().unwrap());
    let (crv, hak, k) = version_2("a password", [4; 16], master);
    let register = || {
        let reply = client.one(
            json!({"a":"uc2","n":b64(b"Name"),"m":b64(b"new@example.com"),
            "crv":crv,"hak":hak,"k":k,"v":2}),
        );
        assert_eq!(reply, 0);
        server.with_model(|m| m.mails().last().unwrap().code.clone())
    };
    let confirm = |code: &str| Client::anonymous(&server).one(json!({"a":"ud2","c":code}));
    let cancelled = register();
    assert_eq!(client.one(json!({"a":"ucr"})), 0);
    assert_eq!(confirm(&cancelled), -9);
    let sn = position(&client);
    let code = register();
    assert_eq!(confirm(&code)[2], handle);
    let (packets, _) = client.events(&sn);
    let want = [
        json!({"a":"uac","m":"new@example.com"}),
        json!({"a":"uec","m":"new@example.com","u":handle}),
    ];
    assert_eq!(packets, want);
    assert_eq!(client.one(json!({"a":"ucr"})), 0, "too late");
    Client::sign_in(&server, "new@example.com", "a password");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_1_password_becomes_one_of_version_2() {
    let server = TestServer::start().await.unwrap();
    let account = server.account("old@example.com", "password").v1().create();
    let client = Client::sign_in(&server, "old@example.com", "password");
    assert_eq!(client.one(json!({"a":"ug"}))["aav"], 1);
    let (crv, hak, emk) = version_2("password", [4; 16], account.master_key);
    let upgrade = json!({"a":"avu","emk":emk,"hak":hak,"crv":crv});
    let mut short = upgrade.clone();
    short["crv"] = json!("AAAA");
    assert_eq!(client.one(short), -2);
    assert_eq!(client.one(upgrade.clone()), 0);
    assert_eq!(client.one(upgrade), -12, "once is enough");
    let told = client.one(json!({"a":"ug"}));
    assert_eq!((&told["aav"], &told["k"]), (&json!(2), &emk));
    Client::sign_in(&server, "old@example.com", "password");
    let version = client.one(json!({"a":"us0","user":"old@example.com"}));
    assert_eq!(version["v"], 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_address_is_confirmed_by_a_mail_to_it() {
    let (server, client) = start().await;
    server
        .account("taken@example.com", "password")
        .v1()
        .create();
    let sn = position(&client);
    let want = |client: &Client, email: &str| client.one(json!({"a":"se","aa":"a","e":email}));
    assert_eq!(want(&client, "taken@example.com"), -12);
    assert_eq!(want(&client, "nothing"), -2);
    assert_eq!(want(&client, "new@example.com"), 0);
    let mail = server.with_model(|m| m.mails().last().unwrap().clone());
    assert_eq!(mail.to, "new@example.com");
    assert!(mail.link().starts_with("https://mega.nz/#verify"));
    let known = client.one(json!({"a":"erv","c":mail.code}));
    assert_eq!(
        (&known[0], &known[1]),
        (&json!(12), &json!("new@example.com"))
    );
    assert_eq!(known[5], json!(["me@example.com"]));
    assert_eq!(client.one(json!({"a":"sec","c":"AAAA"})), -9);
    assert_eq!(client.one(json!({"a":"sec","c":mail.code})), 0);
    assert_eq!(client.one(json!({"a":"sec","c":mail.code})), -8);
    let me = client.one(json!({"a":"ug"}));
    assert_eq!(me["email"], "new@example.com");
    let packets = told(&client, &sn, "se");
    let told: Vec<_> = (packets.iter())
        .map(|p| (&p["s"], &p["e"], &p["u"]))
        .collect();
    assert_eq!(told, [(&json!(3), &json!("new@example.com"), &me["u"])]);
    Client::sign_in(&server, "new@example.com", "password");
    assert!(server.with_model(|m| m.user("me@example.com").is_none()));

    // A version 1 hash is made with the address, so it comes along.
    let old = Client::sign_in(&server, "taken@example.com", "password");
    assert_eq!(want(&old, "other@example.com"), 0);
    let code = server.with_model(|m| m.mails().last().unwrap().code.clone());
    assert_eq!(old.one(json!({"a":"sec","c":code})), -11);
    let hash = b64(&password::v1("other@example.com", "password").auth);
    assert_eq!(old.one(json!({"a":"sec","c":code,"uh":hash})), 0);
    Client::sign_in(&server, "other@example.com", "password");
}

#[tokio::test(flavor = "multi_thread")]
async fn people_are_found_by_handle_and_address_and_made_contacts_or_not() {
    let (server, me) = start().await;
    let you = server.account("you@example.com", "password").create();
    let handle = you.handle.to_string();
    let key = |whom: &str| me.one(json!({"a":"uk","u":whom}));
    let found = key(&handle);
    assert_eq!(found["u"], handle.as_str());
    assert!(found["pubk"].as_str().unwrap().len() > 300);
    for name in ["+puEd255", "+puCu255", "+sigPubk", "+sigCu255"] {
        assert!(found[name].is_string(), "{name} in {found}");
    }
    assert_eq!(key("YOU@example.com"), found);
    assert_eq!(key("nobody@example.com"), -9);
    assert_eq!(
        Client::anonymous(&server).one(json!({"a":"uk","u":handle})),
        -15
    );
    let bare = me.one(json!({"a":"uk","u":"me@example.com"}));
    assert!(bare["pubk"].is_null() && bare["u"].is_string());

    assert_eq!(me.one(json!({"a":"uge","u":handle})), "you@example.com");
    let tagged = me.clone().tagged().one(json!({"a":"uge","u":handle}));
    assert_eq!(tagged, json!([0, "you@example.com"]));
    assert_eq!(me.one(json!({"a":"uge","u":"AAAAAAAAAAA"})), -9);

    // `ur` is the older name of `ur2`.
    let set = |command: &str, level: u8| me.one(json!({"a":command,"u":handle,"l":level}));
    assert_eq!(set("ur", 1), -9, "nobody asked yet");
    server.with_model(|m| {
        let contact = Contact::visible(m.now());
        let me = m.user("me@example.com").unwrap().handle;
        m.user_mut("me@example.com")
            .unwrap()
            .contacts
            .insert(you.handle, contact);
        m.user_mut("you@example.com")
            .unwrap()
            .contacts
            .insert(me, contact);
    });
    for command in ["ur", "ur2"] {
        for level in [0, 1] {
            let sn = position(&me);
            let reply = set(command, level);
            assert_eq!(reply, json!({"u":handle,"m":"you@example.com"}));
            let packets = told(&me, &sn, "c");
            assert_eq!(packets[0]["u"][0]["c"], level, "{packets:?}");
            assert_eq!(me.tree()["u"][1]["c"], level);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attribute_is_removed_and_the_account_told() {
    let (_server, client) = start().await;
    client.one(json!({"a":"up2","*!x":"AAAA"}));
    let sn = position(&client);
    let version = client.one(json!({"a":"upr","ua":"*!x","v":1}));
    assert_eq!(version.as_str().unwrap().len(), 11);
    assert_eq!(
        client.one(json!({"a":"uga","u":"me@example.com","ua":"*!x"})),
        -9
    );
    assert!(client.one(json!({"a":"ug"}))["*!x"].is_null());
    let packets = told(&client, &sn, "ua");
    assert_eq!(
        (&packets[0]["ua"], &packets[0]["v"]),
        (&json!(["*!x"]), &json!([version]))
    );
    assert_eq!(client.one(json!({"a":"upr","ua":"*!x","v":1})), -9);
    client.one(json!({"a":"up2","*!x":"AAAA"}));
    let tagged = client
        .clone()
        .tagged()
        .one(json!({"a":"upr","ua":"*!x","v":1}));
    assert!(tagged[0].is_string() && tagged[1].is_string(), "{tagged}");
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_are_rewritten_stay_and_keys_that_are_given_reach_the_others() {
    let (server, owner) = start().await;
    let guest = server
        .account("you@example.com", "password")
        .without_keys()
        .create()
        .handle;
    server.with_model(|m| {
        let contact = Contact::visible(m.now());
        let me = m.user("me@example.com").unwrap().handle;
        m.user_mut("me@example.com")
            .unwrap()
            .contacts
            .insert(guest, contact);
        m.user_mut("you@example.com")
            .unwrap()
            .contacts
            .insert(me, contact);
    });
    let other = Client::sign_in(&server, "you@example.com", "password");
    let folder = owner.make_folder(&owner.root());
    let file = owner.put_file(&folder, b"1")["f"][0]["h"].clone();
    owner.one(json!({"a":"s2","n":folder,"s":[{"u":"you@example.com","r":0}]}));
    let key = |client: &Client, handle: &Value| -> Value {
        let tree = client.tree();
        let mut nodes = tree["f"].as_array().unwrap().iter();
        nodes.find(|n| n["h"] == *handle).unwrap()["k"].clone()
    };
    let rewritten = "B".repeat(43);
    assert_eq!(owner.one(json!({"a":"k","nk":[file, rewritten]})), 0);
    assert!(key(&owner, &file).as_str().unwrap().contains(&rewritten));
    assert_eq!(other.one(json!({"a":"k","nk":[file, rewritten]})), -11);
    assert_eq!(owner.one(json!({"a":"k","nk":[file]})), -2);

    // The share has no key for the file yet: whoever has it gives it, and the other reads of it.
    let (mine, theirs) = (position(&owner), position(&other));
    let given = "C".repeat(43);
    assert!(!key(&other, &file).as_str().unwrap().contains(&given));
    let keys = json!([[folder], [file], [0, 0, given]]);
    let tagged = owner.clone().tagged();
    assert_eq!(
        tagged.one(json!({"a":"k","cr":keys})),
        0,
        "no tag is promised"
    );
    assert_eq!(key(&other, &file), format!("{folder}:{given}"));
    let packet = [json!({"a":"k","cr":keys})];
    assert_eq!(told(&owner, &mine, "k"), packet);
    assert_eq!(told(&other, &theirs, "k"), packet);
    // A reader gives nothing.
    let sn = position(&owner);
    other.one(json!({"a":"k","cr":[[folder],[file],[0, 0, "D".repeat(43)]]}));
    assert_eq!(told(&owner, &sn, "k"), Vec::<Value>::new());
    assert_eq!(key(&other, &file), format!("{folder}:{given}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_share_of_a_folder_takes_the_share_key_along() {
    let (server, owner) = start().await;
    let guest = server
        .account("you@example.com", "password")
        .without_keys()
        .create()
        .handle;
    server.with_model(|m| {
        let contact = Contact::visible(m.now());
        m.user_mut("me@example.com")
            .unwrap()
            .contacts
            .insert(guest, contact);
    });
    let folder = owner.make_folder(&owner.root());
    let (ok, ha) = ("E".repeat(22), "F".repeat(22));
    let share = |whom: &str, right: Value| {
        let reply =
            owner.one(json!({"a":"s2","n":folder,"ok":ok,"ha":ha,"s":[{"u":whom,"r":right}]}));
        assert_eq!(reply["r"], json!([0]), "{reply}");
    };
    let whom = ["EXP", "you@example.com", "stranger@example.com"];
    for last in 0..whom.len() {
        for name in whom {
            share(name, json!(0));
        }
        assert_eq!(owner.tree()["ok0"], json!([{"h":folder,"ha":ha,"k":ok}]));
        let sn = position(&owner);
        for step in 1..=whom.len() {
            share(whom[(last + step) % whom.len()], json!(""));
        }
        let gone: Vec<Value> = told(&owner, &sn, "s2")
            .iter()
            .map(|p| p["okd"].clone())
            .collect();
        assert_eq!(gone, [Value::Null, Value::Null, json!(1)], "{}", whom[last]);
        assert_eq!(owner.tree()["ok0"], json!([]));
    }
    // Without a key of the older kind there is none to drop.
    let zeros = "A".repeat(22);
    let sn = position(&owner);
    for right in [json!(0), json!("")] {
        owner.one(json!({"a":"s2","n":folder,"ok":zeros,"ha":zeros,"s":[{"u":"EXP","r":right}]}));
    }
    assert!(told(&owner, &sn, "s2")[1]["okd"].is_null());
    server.with_model(|m| assert_eq!(m.violations(), Vec::<String>::new()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_link_is_described_without_being_opened() {
    let (server, client) = start().await;
    let folder = client.make_folder(&client.root());
    client.put_file(&folder, b"12345");
    let inner = client.make_folder(&folder);
    client.put_file(&inner, b"67");
    let keys = json!([[folder], [folder], [0, 0, "B".repeat(22)]]);
    client.one(json!({"a":"s2","n":folder,"s":[{"u":"EXP","r":0}],"cr":keys}));
    let link = client.one(json!({"a":"l","n":folder}));
    let stranger = Client::anonymous(&server);
    let info = stranger.one(json!({"a":"pli","ph":link}));
    let me = client.one(json!({"a":"ug"}))["u"].clone();
    let want = json!({"attrs":"AAAA","ph":link,"u":me,"s":[7,2,2,0,0],
        "k":format!("{folder}:{}", "B".repeat(22))});
    assert_eq!(info, want);
    client.one(json!({"a":"l","n":folder,"d":1}));
    assert_eq!(stranger.one(json!({"a":"pli","ph":link})), -9);
    assert_eq!(stranger.one(json!({"a":"pli","ph":"no"})), -2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_needs_is_answered_all_the_same() {
    let (_server, client) = start().await;
    for name in ["log", "kma", "kmac", "lc", "ping", "mcd", "gsc"] {
        assert_eq!(client.one(json!({"a":name})), 0, "{name}");
    }
    for name in ["utt", "utp"] {
        assert_eq!(client.one(json!({"a":name})), json!([]), "{name}");
    }
    assert_eq!(
        client.one(json!({"a":"ftz"})),
        json!({"choices":{},"default":"UTC"})
    );
    for name in [
        "gb", "gpsa", "gban", "gnotif", "gsur", "smss", "smsv", "smslc", "wmip", "dev", "mcf",
        "mcc", "pwmp", "vpnr",
    ] {
        assert_eq!(client.one(json!({"a":name})), -9, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn payments_reminders_and_a_cleared_state_are_told_in_packets_and_notifications() {
    let (server, client) = start().await;
    let sn = position(&client);
    let me = "me@example.com";
    server.with_model(|m| {
        m.pay(me, 1, true);
        m.pay_for(me, Payment::PlanV2, 2, false);
        m.pay_for(me, Payment::Business, 100, true);
        m.pay_for(me, Payment::Feature, 7, true);
        m.remind_of_payment(me, 1_800_000_000);
        m.clear_state(me);
    });
    let (packets, _) = client.events(&sn);
    let want = [
        json!({"a":"psts","it":0,"p":1,"r":"s"}),
        json!({"a":"psts_v2","it":0,"p":2,"r":"e"}),
        json!({"a":"psts","it":1,"p":100,"r":"s"}),
        json!({"a":"ftr","it":2,"p":7,"r":"s"}),
        json!({"a":"pses","ts":1_800_000_000}),
        json!({"a":"usc"}),
    ];
    assert_eq!(packets, want);
    let answer = http(
        &client.base,
        "POST",
        &format!("/sc?c=50{}", client.auth),
        &[],
        b"",
    );
    let notes: Value = serde_json::from_slice(&answer.unwrap().body).unwrap();
    let kinds: Vec<&str> = (notes["c"].as_array().unwrap().iter())
        .map(|n| n["t"].as_str().unwrap())
        .collect();
    assert_eq!(
        kinds,
        ["pses", "psts", "psts_v2", "psts"],
        "the newest first"
    );
}

//! Accounts of every kind, from registration to recovery, and what two of them share.

use crate::support::{Client, b64, unb64};
use mega_testserver::account::cipher::{Key, encrypt_block};
use mega_testserver::account::password;
use mega_testserver::{TestServer, totp};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn wrong_passwords_and_unknown_addresses_look_alike() {
    let server = TestServer::start().await.unwrap();
    server.account("me@example.com", "password").create();
    let client = Client::anonymous(&server);
    for user in ["me@example.com", "nobody@example.com"] {
        assert_eq!(client.one(json!({"a":"us0","user":user}))["v"], 2);
        assert_eq!(
            client.one(json!({"a":"us","user":user,"uh":"A".repeat(22)})),
            -9
        );
    }
    let twice = || client.one(json!({"a":"us0","user":"nobody@example.com"}));
    assert_eq!(
        twice(),
        twice(),
        "the salt of an unknown address does not change"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn version_one_unconfirmed_blocked_and_keyless_accounts_answer_in_their_own_way() {
    let server = TestServer::start().await.unwrap();
    server.account("old@example.com", "password").v1().create();
    server
        .account("new@example.com", "password")
        .unconfirmed()
        .create();
    server
        .account("bad@example.com", "password")
        .blocked()
        .create();
    let plain = server
        .account("plain@example.com", "password")
        .without_keys()
        .create();

    let old = Client::sign_in(&server, "old@example.com", "password");
    assert_eq!(old.one(json!({"a":"ug"}))["aav"], 1);

    let anonymous = Client::anonymous(&server);
    let salt = anonymous.one(json!({"a":"us0","user":"new@example.com"}))["s"].clone();
    let uh = b64(&password::v2("password", &unb64(salt.as_str().unwrap())).auth);
    assert_eq!(
        anonymous.one(json!({"a":"us","user":"new@example.com","uh":uh})),
        -13
    );

    let bad = Client::sign_in(&server, "bad@example.com", "password");
    assert_eq!(bad.batch(&json!([{"a":"ug"}])), -16);
    assert_eq!(bad.one(json!({"a":"whyamiblocked"})), 300);

    let client = Client::sign_in(&server, "plain@example.com", "password");
    let tsid = unb64(client.auth.trim_start_matches("&sid="));
    assert_eq!(tsid.len(), 43);
    assert_eq!(
        encrypt_block(&plain.master_key, tsid[..16].try_into().unwrap()),
        tsid[27..]
    );
    let user = client.one(json!({"a":"ug"}));
    assert!(user["privk"].is_null() && user["pubk"].is_null());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_factor_is_asked_for_and_checked() {
    let server = TestServer::start().await.unwrap();
    let secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
    server
        .account("me@example.com", "password")
        .without_keys()
        .second_factor(secret)
        .create();
    let client = Client::anonymous(&server);
    let salt = client.one(json!({"a":"us0","user":"me@example.com"}))["s"].clone();
    let uh = b64(&password::v2("password", &unb64(salt.as_str().unwrap())).auth);
    let login =
        |mfa: Value| client.one(json!({"a":"us","user":"me@example.com","uh":uh,"mfa":mfa}));
    assert_eq!(login(Value::Null), -26);
    let code = totp::code(secret, server.clock().unix()).unwrap();
    let wrong = if code == "000000" { "000001" } else { "000000" };
    assert_eq!(login(json!(wrong)), -5);
    assert!(login(json!(code))["tsid"].is_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_registered_confirmed_given_keys_and_recovered() {
    let server = TestServer::start().await.unwrap();
    let (master, wrapper, challenge): (Key, Key, Key) = ([1; 16], [2; 16], [3; 16]);
    let mut client = Client::anonymous(&server);
    let ts = [challenge, encrypt_block(&master, challenge)].concat();
    let handle =
        client.one(json!({"a":"up","k":b64(&encrypt_block(&wrapper, master)),"ts":b64(&ts)}));
    let session = client.one(json!({"a":"us","user":handle}));
    assert_eq!(
        unb64(session["k"].as_str().unwrap()),
        encrypt_block(&wrapper, master)
    );
    client.auth = format!("&sid={}", session["tsid"].as_str().unwrap());

    let crv = [4_u8; 16];
    let derived = password::v2("first password", &password::v2_salt(&crv));
    let hak = password::v2_hashed_auth(&derived.auth);
    let sent = client.one(
        json!({"a":"uc2","n":b64(b"New User"),"m":b64(b"new@example.com"),"crv":b64(&crv),
        "hak":b64(&hak),"k":b64(&encrypt_block(&derived.key, master)),"v":2}),
    );
    assert_eq!(sent, 0);
    let code = server.with_model(|m| m.mails()[0].code.clone());
    let confirmed = Client::anonymous(&server).one(json!({"a":"ud2","c":code}));
    assert_eq!(
        confirmed,
        json!([b64(b"new@example.com"), b64(b"New User"), handle, 2])
    );
    assert_eq!(
        Client::anonymous(&server).one(json!({"a":"ud2","c":code})),
        -8,
        "a code works once"
    );

    let client = Client::sign_in(&server, "new@example.com", "first password");
    assert_eq!(
        client.one(json!({"a":"up","privk":b64(&[7; 656]),"pubk":"x"})),
        -2,
        "no public key"
    );

    let crv = [5_u8; 16];
    let derived = password::v2("second password", &password::v2_salt(&crv));
    let changed = client.one(
        json!({"a":"up","k":b64(&encrypt_block(&derived.key, master)),"crv":b64(&crv),
        "uh":b64(&password::v2_hashed_auth(&derived.auth))}),
    );
    assert_eq!(changed, handle);
    Client::sign_in(&server, "new@example.com", "second password");

    assert_eq!(
        client.one(json!({"a":"erm","m":"new@example.com","t":21})),
        0
    );
    let code = server.with_model(|m| m.mails().last().unwrap().code.clone());
    assert_eq!(client.one(json!({"a":"erv","c":code}))[0], 21);
    assert_eq!(client.one(json!({"a":"erx","c":code})), 0);
    assert_eq!(client.one(json!({"a":"ug"})), -15, "the account is gone");
    server.with_model(|m| assert_eq!(m.violations(), Vec::<String>::new()));
}

#[tokio::test(flavor = "multi_thread")]
async fn contacts_share_a_folder_and_lose_it_again() {
    let server = TestServer::start().await.unwrap();
    server.account("a@example.com", "password").create();
    server.account("b@example.com", "password").create();
    let a = Client::sign_in(&server, "a@example.com", "password");
    let b = Client::sign_in(&server, "b@example.com", "password");
    let folder = a.make_folder(&a.root());
    let file = a.put_file(&folder, b"12345")["f"][0]["h"]
        .as_str()
        .unwrap()
        .to_owned();
    let b_sn = b.tree()["sn"].as_str().unwrap().to_owned();

    // To somebody who is no contact the share waits for his answer.
    let keys = json!([
        [folder],
        [folder, file],
        [0, 0, "B".repeat(22), 0, 1, "B".repeat(43)]
    ]);
    let zeros = "A".repeat(22);
    a.one(json!({"a":"s2","n":folder,"s":[{"u":"b@example.com","r":1}],"ok":zeros,"ha":zeros,"cr":keys}));
    assert_eq!(a.tree()["ps"][0]["h"], json!(folder));
    let invitation = b.tree()["ipc"][0]["p"].clone();
    assert_eq!(b.one(json!({"a":"upca","p":invitation,"aa":"a"})), 0);

    let tree = b.tree();
    let shared = tree["f"]
        .as_array()
        .unwrap()
        .iter()
        .find(|n| n["h"] == json!(folder))
        .unwrap()
        .clone();
    assert_eq!(
        (&shared["r"], &shared["k"]),
        (&json!(1), &json!(format!("{folder}:{}", "B".repeat(22))))
    );
    assert!(shared["su"].is_string());
    let (packets, sn) = b.events(&b_sn);
    let names: Vec<&str> = packets.iter().map(|p| p["a"].as_str().unwrap()).collect();
    assert_eq!(names, ["ipc", "upci", "c", "s2", "t"]);

    // He may write, but neither delete nor share on.
    let own = b.one(
        json!({"a":"p","t":folder,"n":[{"h":"xxxxxxxx","t":1,"a":"AAAA","k":"C".repeat(22)}]}),
    );
    assert_eq!(own["f"][0]["p"], json!(folder));
    assert_eq!(b.one(json!({"a":"d","n":file})), -11);
    assert_eq!(b.one(json!({"a":"l","n":file})), -11);
    assert!(
        a.tree()["f"]
            .as_array()
            .unwrap()
            .iter()
            .any(|n| n["h"] == own["f"][0]["h"]),
        "the owner sees it"
    );

    a.one(json!({"a":"s2","n":folder,"s":[{"u":"b@example.com"}]}));
    let (packets, _) = b.events(&sn);
    assert!(
        packets.iter().any(|p| p["a"] == "s2" && p["r"].is_null()),
        "{packets:?}"
    );
    assert!(
        !b.tree()["f"]
            .as_array()
            .unwrap()
            .iter()
            .any(|n| n["h"] == json!(folder))
    );
    server.with_model(|m| assert_eq!(m.violations(), Vec::<String>::new()));
}

#[tokio::test(flavor = "multi_thread")]
async fn generated_trees_are_streamed_held_nowhere_and_decrypt() {
    use mega_testserver::account::content::{open_attributes, unwrap};
    let server = TestServer::start().await.unwrap();
    let account = server
        .account("big@example.com", "password")
        .generated_tree(20, 100)
        .create();
    let client = Client::sign_in(&server, "big@example.com", "password");
    let tree = client.tree();
    let nodes = tree["f"].as_array().unwrap();
    assert_eq!(nodes.len(), 3 + 20 + 2000);
    assert_eq!(
        server.with_model(|m| m.tree().len()),
        3,
        "none of them is held"
    );
    let last = nodes.last().unwrap();
    let key = unwrap(
        &account.master_key,
        last["k"].as_str().unwrap().split_once(':').unwrap().1,
    )
    .unwrap();
    let folded: Key = std::array::from_fn(|i| key[i] ^ key[i + 16]);
    let name = open_attributes(&folded, last["a"].as_str().unwrap()).unwrap();
    assert_eq!(name, r#"{"n":"file 0000000019 00000099.bin"}"#);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_fills_the_folder_of_another_learns_whose_account_is_full() {
    let server = TestServer::start().await.unwrap();
    let small = server
        .account("small@example.com", "password")
        .without_keys()
        .quota(10)
        .create()
        .handle;
    let guest = server
        .account("guest@example.com", "password")
        .without_keys()
        .create()
        .handle;
    server.with_model(|m| {
        let contact = mega_testserver::model::Contact::visible(m.now());
        for (email, other) in [("small@example.com", guest), ("guest@example.com", small)] {
            m.user_mut(email).unwrap().contacts.insert(other, contact);
        }
    });
    let owner = Client::sign_in(&server, "small@example.com", "password");
    let folder = owner.make_folder(&owner.root());
    owner.one(json!({"a":"s2","n":folder,"s":[{"u":"guest@example.com","r":1}]}));
    let guest = Client::sign_in(&server, "guest@example.com", "password");
    assert_eq!(guest.put_file(&folder, b"0123456789 and more"), -401);
    assert_eq!(
        owner.one(json!({"a":"u","s":19})),
        -24,
        "the owner hears of his own account"
    );
    assert!(guest.put_file(&folder, b"0123456789")["f"].is_array());
    assert!(guest.put_file(&guest.root(), b"0123456789 and more")["f"].is_array());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_client_registers_with_a_version_one_password() {
    let server = TestServer::start().await.unwrap();
    let mut client = Client::anonymous(&server);
    let pair = password::v1("bob@example.com", "a password");
    let (master, challenge): (Key, Key) = ([3; 16], [7; 16]);
    let wrapped = encrypt_block(&pair.key, master);
    let ts = [challenge, encrypt_block(&master, challenge)].concat();
    let handle = client.one(json!({"a":"up","k":b64(&wrapped),"ts":b64(&ts)}));
    let session = client.one(json!({"a":"us","user":handle}));
    client.auth = format!("&sid={}", session["tsid"].as_str().unwrap());
    assert_eq!(client.one(json!({"a":"up","name":"Bob Brown"})), handle);
    assert_eq!(client.one(json!({"a":"ug"}))["name"], "Bob Brown");
    let keys = [wrapped, encrypt_block(&pair.key, challenge)].concat();
    let (n, m) = (b64(b"Bob Brown"), b64(b"bob@example.com"));
    assert_eq!(
        client.one(json!({"a":"uc","c":b64(&keys[..31]),"n":n,"m":m})),
        -2
    );
    assert_eq!(client.one(json!({"a":"uc","c":b64(&keys),"n":n,"m":m})), 0);

    // The code begins with what the client left in it, and leads back to it.
    let code = server.with_model(|m| m.mails().last().unwrap().code.clone());
    assert_eq!(unb64(&code)[..32], keys);
    let back = client.one(json!({"a":"ud","c":code}));
    let want = json!([
        m,
        n,
        handle,
        b64(&wrapped),
        b64(&encrypt_block(&pair.key, challenge))
    ]);
    assert_eq!(back, want);
    assert_eq!(
        client.one(json!({"a":"ud2","c":code})),
        -9,
        "it is none of the newer kind"
    );

    let uh = b64(&pair.auth);
    let secret = server.account("key@example.com", "x").create();
    let other = server.with_model(|m| {
        let user = m.users().find(|u| u.handle == secret.handle).unwrap();
        (user.private_key.clone(), user.public_key.clone())
    });
    let confirm = json!({"a":"up","c":code,"uh":uh,"privk":other.0,"pubk":other.1});
    assert_eq!(client.one(confirm.clone()), handle);
    assert_eq!(client.one(confirm), -8);
    assert_eq!(client.one(json!({"a":"ud","c":code})), -8);

    let fresh = Client::anonymous(&server);
    assert_eq!(
        fresh.one(json!({"a":"us0","user":"bob@example.com"})),
        json!({"v":1})
    );
    let reply = fresh.one(json!({"a":"us","user":"bob@example.com","uh":uh}));
    assert_eq!(reply["k"], json!(b64(&wrapped)));
    assert!(reply["csid"].is_string(), "the keys came along");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_mail_that_unlocks_an_account_comes_again_for_that_kind_of_block_alone() {
    let server = TestServer::start().await.unwrap();
    for (email, reason) in [("weak@example.com", 700), ("bad@example.com", 300)] {
        let account = server.account(email, "password").without_keys();
        account.blocked_because(reason).create();
    }
    server
        .account("fine@example.com", "password")
        .without_keys()
        .create();
    let resend = |email: &str| Client::sign_in(&server, email, "password").one(json!({"a":"era"}));
    assert_eq!(resend("weak@example.com"), 0);
    let mail = server.with_model(|m| m.mails().last().unwrap().link());
    assert!(mail.starts_with("https://mega.nz/#emailverify"), "{mail}");
    assert_eq!(resend("bad@example.com"), -11);
    assert_eq!(resend("fine@example.com"), -11);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_pay_is_refused_in_the_way_of_his_account() {
    use mega_testserver::Business;
    let server = TestServer::start().await.unwrap();
    let account = |email: &str| {
        let account = server.account(email, "password").without_keys();
        account.create().handle
    };
    let master = account("master@example.com");
    account("sub@example.com");
    let [boss, sub] =
        ["master@example.com", "sub@example.com"].map(|e| Client::sign_in(&server, e, "password"));
    let sn = sub.tree()["sn"].as_str().unwrap().to_owned();
    let file = sub.put_file(&sub.root(), b"1")["f"][0]["h"].clone();
    let set = |email: &str, business: Business| {
        server.with_model(|m| m.set_business(email, Some(business)));
    };

    // A sub-user whose key is not there yet uploads nothing, but may do the rest.
    let mut business = Business::sub_user(1, master);
    business.key_missing = true;
    set("sub@example.com", business);
    assert_eq!(sub.one(json!({"a":"u","s":1})), -30);
    assert_eq!(sub.one(json!({"a":"a","n":file,"at":"BBBB"})), 0);
    let told = sub.one(json!({"a":"ug"}))["b"].clone();
    assert_eq!(told, json!({"s":1,"m":0,"mu":[master.to_string()]}));

    // Expired: nothing is written any more.
    set("sub@example.com", Business::sub_user(-1, master));
    set("master@example.com", Business::master(-1));
    for client in [&boss, &sub] {
        assert_eq!(client.one(json!({"a":"u","s":1})), -28);
    }
    assert_eq!(sub.one(json!({"a":"d","n":file})), -28);
    assert!(sub.one(json!({"a":"g","g":1,"n":file}))["g"].is_string());
    assert_eq!(boss.one(json!({"a":"ug"}))["b"], json!({"s":-1,"m":1}));
    server.with_model(|m| m.set_business("sub@example.com", None));
    assert!(sub.one(json!({"a":"u","s":1}))["p"].is_string());
    let (packets, _) = sub.events(&sn);
    let states = packets.iter().filter(|p| p["a"] == "ub");
    let states: Vec<_> = states.map(|p| (p["s"].clone(), p["m"].clone())).collect();
    let want = [
        (json!(1), json!(0)),
        (json!(-1), json!(0)),
        (json!(0), Value::Null),
    ];
    assert_eq!(states, want);

    // Behind the paywall nothing comes down either.
    server.with_model(|m| m.set_paywall("sub@example.com", Some(1_800_000_000)));
    assert_eq!(sub.one(json!({"a":"g","g":1,"n":file})), -29);
    assert_eq!(sub.one(json!({"a":"p","t":"x","n":[]})), -29);
    assert_eq!(
        sub.one(json!({"a":"ug"}))["uspw"],
        json!({"dl":1_800_000_000,"wts":[]})
    );
    assert_eq!(sub.one(json!({"a":"uq"}))["usl"], 4);
    server.with_model(|m| m.set_paywall("sub@example.com", None));
    assert_eq!(sub.one(json!({"a":"d","n":file})), 0);
}

//! Sets and their elements, as the SDK makes them (its tests/integration/SdkTest_test.cpp, `SdkTestSetsAndElements`, tells the codes).

use crate::support::{Client, http};
use mega_testserver::TestServer;
use mega_testserver::wire::SetHandle;
use serde_json::{Value, json};

const KEY: &str = "kkkkkkkkkkkkkkkkkkkkkA";

struct Bench {
    server: TestServer,
    client: Client,
    root: String,
    sn: String,
}

impl Bench {
    async fn new() -> Self {
        let server = TestServer::start().await.unwrap();
        server.account("me@example.com", "password").create();
        let client = Client::sign_in(&server, "me@example.com", "password");
        let tree = client.tree();
        let root = client.root();
        Self {
            server,
            client,
            root,
            sn: tree["sn"].as_str().unwrap().to_owned(),
        }
    }

    fn file(&self, content: &[u8]) -> Value {
        self.client.put_file(&self.root, content)["f"][0]["h"].clone()
    }

    fn album(&self) -> Value {
        let made = self
            .client
            .one(json!({"a":"asp","k":KEY,"t":0,"at":"AAAA","i":"me"}));
        made["id"].clone()
    }

    fn add(&self, set: &Value, node: &Value) -> Value {
        self.client
            .one(json!({"a":"aep","s":set,"h":node,"k":"E".repeat(43)}))
    }

    /// The packets since the last call, without those about nodes.
    fn told(&mut self) -> Vec<Value> {
        let (packets, sn) = self.client.events(&self.sn);
        self.sn = sn;
        let about_sets = |p: &Value| p["a"].as_str().is_some_and(|a| a.len() == 3);
        packets.into_iter().filter(about_sets).collect()
    }

    /// The same without their tags.
    fn plainly_told(&mut self) -> Vec<Value> {
        let mut told = self.told();
        for packet in &mut told {
            packet.as_object_mut().unwrap().remove("st").unwrap();
        }
        told
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_set_is_made_changed_and_removed_and_every_session_hears_of_it() {
    let mut bench = Bench::new().await;
    let made = bench
        .client
        .one(json!({"a":"asp","k":KEY,"t":1,"at":"AAAA","i":"me"}));
    for (member, want) in [("k", KEY), ("at", "AAAA")] {
        assert_eq!(made[member], want);
    }
    assert_eq!(
        (&made["t"], made["id"].as_str().unwrap().len()),
        (&json!(1), 11)
    );
    assert_eq!(made["u"].as_str().unwrap().len(), 11);
    assert_eq!((made["ts"].is_i64(), &made["cts"]), (true, &made["ts"]));
    let packet = &bench.told()[0];
    assert_eq!((&packet["a"], &packet["i"]), (&json!("asp"), &json!("me")));
    for member in ["id", "k", "at", "u", "ts", "cts", "t"] {
        assert_eq!(packet[member], made[member], "{member}");
    }
    let id = made["id"].clone();

    // Other attributes, then none; the key and the type stay, and are told each time.
    for at in ["BBBB", ""] {
        let changed = bench.client.one(json!({"a":"asp","id":id,"at":at}));
        assert_eq!((&changed["id"], &changed["at"]), (&id, &json!(at)));
        let packet = &bench.told()[0];
        assert_eq!((&packet["at"], &packet["k"]), (&json!(at), &json!(KEY)));
    }
    assert_eq!(bench.client.tree()["aesp"]["s"][0]["id"], id);
    let gone = SetHandle([9; 8]).to_string();
    for (command, code) in [
        (json!({"a":"asp","id":id}), -2),
        (json!({"a":"asp","id":gone,"at":"AAAA"}), -9),
        (json!({"a":"asp","k":KEY,"t":2}), -2),
        (json!({"a":"asp","t":0}), -2),
        (json!({"a":"asr","id":gone}), -9),
    ] {
        assert_eq!(bench.client.one(command.clone()), code, "{command}");
    }
    assert_eq!(bench.client.one(json!({"a":"asr","id":id})), 0);
    assert_eq!(bench.plainly_told(), [json!({"a":"asr","id":id})]);
    assert!(bench.client.tree()["aesp"].is_null());
}

#[tokio::test(flavor = "multi_thread")]
async fn elements_come_in_order_once_each_and_go_one_by_one_or_together() {
    let mut bench = Bench::new().await;
    let set = bench.album();
    let (one, two) = (bench.file(b"1"), bench.file(b"22"));
    bench.told();
    let first = bench.add(&set, &one);
    assert_eq!(first["o"], 1000, "the first place");
    let packet = bench.told().remove(0);
    assert_eq!(packet["a"], "aep");
    for (member, want) in [("id", &first["id"]), ("s", &set), ("h", &one)] {
        assert_eq!(&packet[member], want);
    }
    assert_eq!(bench.add(&set, &one), -12, "it is there already");
    assert_eq!(bench.add(&set, &json!("AAAAAAAA")), -9);
    assert_eq!(bench.add(&set, &json!(bench.root)), -2, "no file");

    // Changes of place and name, each alone.
    let id = first["id"].clone();
    let moved = bench.client.one(json!({"a":"aep","id":id,"o":222}));
    assert_eq!((&moved["o"], &moved["id"]), (&json!(222), &id));
    let named = bench.client.one(json!({"a":"aep","id":id,"at":"CCCC"}));
    assert_eq!((&named["o"], &named["at"]), (&json!(222), &json!("CCCC")));
    assert_eq!(bench.told().len(), 2);

    // Three at once, of which one is new; a missing key goes before a missing file.
    let key = "E".repeat(43);
    let entries =
        json!([{"h":two,"k":key,"at":"DDDD"}, {"h":"AAAAAAAA","k":""}, {"h":two,"k":key}]);
    let done = bench.client.one(json!({"a":"aepb","s":set,"e":entries}));
    assert_eq!(done[0]["o"], 1222);
    assert_eq!((&done[1], &done[2]), (&json!(-2), &json!(-12)));
    assert_eq!(bench.told().len(), 1);

    let listed = bench.client.tree()["aesp"].clone();
    let mut handles: Vec<&Value> = (listed["e"].as_array().unwrap().iter())
        .map(|e| &e["h"])
        .collect();
    handles.sort_by_key(|h| h.to_string());
    let mut want = [&one, &two];
    want.sort_by_key(|h| h.to_string());
    assert_eq!(handles, want);

    let second = done[0]["id"].clone();
    let gone = bench
        .client
        .one(json!({"a":"aerb","s":set,"e":[second, "AAAAAAAAAAA"]}));
    assert_eq!(gone, json!([0, -9]));
    assert_eq!(
        bench.plainly_told(),
        [json!({"a":"aer","id":second,"s":set})]
    );
    assert_eq!(bench.client.one(json!({"a":"aer","id":id})), 0);
    assert_eq!(bench.client.one(json!({"a":"aer","id":id})), -9);
    assert_eq!(bench.client.tree()["aesp"]["e"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tagged_dialect_promises_tags_that_come_and_codes_in_a_plain_array() {
    let mut bench = Bench::new().await;
    let file = bench.file(b"1");
    bench.client = bench.client.clone().tagged();
    bench.told();
    let made = bench.client.one(json!({"a":"asp","k":KEY,"t":0}));
    assert_eq!(bench.told()[0]["st"], made[0]);
    let set = made[1]["id"].clone();
    let element = bench.add(&set, &file);
    assert_eq!(bench.told()[0]["st"], element[0]);
    // The SDK takes every array in the place of this reply for the codes.
    let ids = json!([element[1]["id"]]);
    let gone = bench.client.one(json!({"a":"aerb","s":set,"e":ids}));
    assert_eq!(gone, json!([0]));
    assert_eq!(bench.told()[0]["a"], "aer");
    let removed = bench.client.one(json!({"a":"asr","id":set}));
    assert_eq!(bench.told()[0]["st"], removed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_shows_a_set_and_its_files_to_everybody_until_it_ends() {
    let mut bench = Bench::new().await;
    let (set, file, other) = (bench.album(), bench.file(b"12345"), bench.file(b"no"));
    bench.add(&set, &file);
    bench.told();
    let export = |end: bool| {
        let mut command = json!({"a":"ass","id":set});
        if end {
            command["d"] = json!(1);
        }
        bench.client.one(command)
    };
    let link = export(false);
    assert_eq!(link["id"], set);
    let handle = link["ph"].as_str().unwrap().to_owned();
    assert_eq!(handle.len(), 8);
    assert_eq!(export(false)["ph"], link["ph"], "there is one link");
    let listed = bench.client.tree()["aesp"]["p"].clone();
    assert_eq!(listed, json!([{"s":set,"ph":handle,"ts":link["ts"]}]));

    let stranger = Client::anonymous(&bench.server);
    let visit = |command: Value| -> Value {
        let body = json!([command]).to_string();
        let url = format!("/cs?id=1&s={handle}");
        let answer = http(&stranger.base, "POST", &url, &[], body.as_bytes()).unwrap();
        let list: Value = serde_json::from_slice(&answer.body).unwrap();
        list[0].clone()
    };
    let shown = visit(json!({"a":"aft","v":2}));
    assert_eq!(
        (&shown["s"]["id"], &shown["s"]["ph"]),
        (&set, &json!(handle))
    );
    assert_eq!(shown["s"]["k"], KEY);
    assert_eq!(shown["e"][0]["h"], file);
    assert_eq!(
        (&shown["n"][0]["h"], &shown["n"][0]["s"]),
        (&file, &json!(5))
    );
    assert_eq!(shown["n"][0]["at"], "AAAA");
    let get = visit(json!({"a":"g","g":1,"n":file}));
    let content = http(&stranger.base, "GET", get["g"].as_str().unwrap(), &[], b"").unwrap();
    assert_eq!(content.body, b"12345");
    assert_eq!(
        visit(json!({"a":"g","g":1,"n":other})),
        -15,
        "only what is in it"
    );
    assert_eq!(
        stranger.one(json!({"a":"aft","v":2})),
        -15,
        "only by the link"
    );

    // Who has an account takes a file over.
    bench.server.account("you@example.com", "password").create();
    let you = Client::sign_in(&bench.server, "you@example.com", "password");
    let import = json!([{"a":"p","t":you.root(),
        "n":[{"h":file,"t":0,"a":"AAAA","k":"A".repeat(43)}]}]);
    let refused = you.batch(&import);
    assert_eq!(refused[0], -11);
    let url = format!("{}&s={handle}", you.url());
    let answer = http(&you.base, "POST", &url, &[], import.to_string().as_bytes()).unwrap();
    let done: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(done[0]["f"][0]["s"], 5);

    let id = SetHandle::parse(set.as_str().unwrap()).unwrap();
    let down = |down| {
        bench
            .server
            .with_model(|m| m.take_down_album("me@example.com", id, down))
    };
    down(true);
    assert_eq!(visit(json!({"a":"aft","v":2})), -16);
    assert_eq!(bench.client.tree()["aesp"]["p"][0]["c"], 1);
    down(false);
    assert_eq!(export(true), 0);
    assert_eq!(export(true), -9);
    assert_eq!(visit(json!({"a":"aft","v":2})), -9);
    assert_eq!(visit(json!({"a":"g","g":1,"n":file})), -15);
    let told: Vec<Value> = bench.told();
    let parts = |p: &Value| {
        (
            p["s"].clone(),
            p["ph"].clone(),
            p["td"].clone(),
            p["r"].clone(),
        )
    };
    let want = |td: Value, r: Value| (set.clone(), json!(handle), td, r);
    assert_eq!(
        told.iter().map(parts).collect::<Vec<_>>(),
        [
            want(Value::Null, Value::Null),
            want(json!(1), Value::Null),
            want(json!(0), Value::Null),
            want(Value::Null, json!(1)),
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_in_the_bin_stays_in_its_set_and_one_that_is_deleted_leaves_it() {
    let mut bench = Bench::new().await;
    let (set, file) = (bench.album(), bench.file(b"1"));
    let element = bench.add(&set, &file);
    let bin = bench
        .server
        .with_model(|m| m.user("me@example.com").unwrap().bin.to_string());
    bench.client.one(json!({"a":"m","n":file,"t":bin}));
    bench.told();
    assert_eq!(bench.client.tree()["aesp"]["e"][0]["id"], element["id"]);
    bench.client.one(json!({"a":"dr"}));
    let gone = json!({"a":"aer","id":element["id"],"s":set});
    assert_eq!(bench.plainly_told(), [gone]);
    assert_eq!(bench.client.tree()["aesp"]["e"], json!([]));
    bench
        .server
        .with_model(|m| assert_eq!(m.violations(), Vec::<String>::new()));
}

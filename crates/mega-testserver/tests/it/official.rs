//! What MEGA's own C++ library sends, member for member, as its command line client was seen to send it to this server
//! (10.11), and what it needs to see in the answers.

use crate::support::{Client, b64, http};
use mega_testserver::TestServer;
use serde_json::{Value, json};

async fn start() -> (TestServer, Client) {
    let server = TestServer::start().await.unwrap();
    server.account("me@example.com", "password").create();
    let client = Client::sign_in(&server, "me@example.com", "password").tagged();
    (server, client)
}

/// The 12 bytes the library adds to the URL of each part.
fn check(part: &[u8]) -> String {
    let mut sum = [0_u8; 12];
    for (i, byte) in part.iter().enumerate() {
        sum[i % 12] ^= byte;
    }
    b64(&sum)
}

/// Uploads in parts that come in this order, and returns the token as it stands in `p`.
fn upload(
    client: &Client,
    target: &str,
    content: &[u8],
    parts: &[std::ops::Range<usize>],
) -> String {
    let command = json!({"a":"u","ssl":2,"v":3,"s":content.len(),"t":[target]});
    let url = client.one(command);
    let url = url["p"].as_str().unwrap();
    let mut token = None;
    for range in parts {
        let part = &content[range.clone()];
        let path = format!("{url}/{}?d={}", range.start, check(part));
        let answer = http(&client.base, "POST", &path, &[], part).unwrap();
        match answer.body.len() {
            1 => assert_eq!(answer.body, b"0", "a part that is not the last"),
            _ => token = Some(answer.body),
        }
    }
    let token = token.expect("the last part is answered with the token");
    assert_eq!(token.len(), 36);
    assert_eq!(token[35], 1, "which must not be taken for text");
    b64(&token)
}

fn put(client: &Client, target: &str, nodes: Value) -> Value {
    client.one(json!({"a":"p","v":4,"t":target,"sm":1,"vb":1,"n":nodes}))
}

/// What the library is told, from a position on.
fn told(client: &Client, sn: &mut String) -> Vec<Value> {
    let (packets, next) = client.events(sn);
    *sn = next;
    packets
}

fn position(client: &Client) -> String {
    client.tree()["sn"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_traffic_of_a_sign_in_is_answered_so_that_it_ends() {
    let (server, client) = start().await;
    let all = client.batch(&json!([{"a":"uq","pro":1,"src":-1,"v":2}]));
    for list in ["subs", "plans", "features", "balance"] {
        assert!(all[0][list].is_array(), "{list}");
    }
    let all = client.batch(&json!([{"a":"ug","v":1},{"a":"ftz","utz":"","uo":"+0:00"}]));
    assert!(all[0]["^!keys"]["av"].is_string());
    // A number in this place is not survived.
    assert!(all[1]["choices"].is_object() && all[1]["default"].is_string());
    let key = client.one(json!({"a":"upv","*~usk":["TJsy_hGXwxvAjTbfb67fOQ"]}));
    assert!(key[0].is_string() && key[1]["*~usk"].is_string(), "{key}");
    let tree = client.one(json!({"a":"f","c":1,"r":1,"ca":1}));
    assert_eq!(
        tree["st"], key[0],
        "what was tagged before the tree is in it"
    );

    let sn = tree["sn"].as_str().unwrap();
    let channel = |path: &str| {
        let target = format!("/{path}{}", client.auth);
        let answer = http(server.url(), "POST", &target, &[], b"").unwrap();
        let length = answer.header("Content-Length").unwrap().to_owned();
        assert_eq!(length, answer.body.len().to_string());
        serde_json::from_slice::<Value>(&answer.body).unwrap()
    };
    let first = channel(&format!("wsc?sn={sn}"));
    assert_eq!(first["sn"], sn);
    assert!(
        !first["w"].as_str().unwrap().contains('?'),
        "the library appends its own"
    );
    let notes = channel("sc?c=50");
    assert!(notes["c"].is_array() && notes["lsn"].is_string() && notes["ltd"].is_i64());
    let all = client.batch(&json!([{"a":"log","e":99426,"m":"[1,0,3]"},{"a":"pk"}]));
    assert_eq!(all, json!([0, {}]));
    assert_eq!(
        client.one(json!({"a":"pk","d":""})),
        0,
        "it acknowledges what it did not get"
    );
    // The stream of operations is for those who want it; without, the library tries again later.
    let stream = http(
        server.url(),
        "POST",
        &format!("/cs/rs?x{}", client.auth),
        &[],
        b"",
    );
    assert_eq!(stream.unwrap().status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_resumed_where_the_events_were_left() {
    let (_server, client) = start().await;
    let sn = position(&client);
    let resume = |sn: &str| {
        client.one(json!({"a":"us","sek":"QMy4aG64IzR1H1h8UdS3kw","sn":sn,"si":"A".repeat(43)}))
    };
    let first = resume(&sn);
    assert_eq!(first["sn"], 1, "what is held is still good: {first}");
    let second = client.one(json!({"a":"us","sek":"AAAAAAAAAAAAAAAAAAAAAA","sn":sn}));
    assert_eq!(second["sek"], first["sek"], "the key it stored with stays");
    assert_eq!(resume("AAAAAAAAAAA")["sn"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn new_folders_come_as_packets_with_their_place_in_the_request() {
    let (_server, client) = start().await;
    let (root, mut sn) = (client.root(), position(&client));
    // The handle of a new folder is all zeros there; that is nobody's handle.
    let reply = client.one(json!({"a":"p","v":4,"t":root,"sm":1,
        "n":[{"h":"AAAAAAAA","t":1,"a":"8nYieLrSqoFIg5cpwkiFBg","k":"UCqkiItEMgNbX2sYx3AOig"}]}));
    assert_eq!(reply[1], json!({"e":[],"fh":[]}));
    let packets = told(&client, &mut sn);
    assert_eq!(packets.len(), 1);
    assert_eq!(packets[0]["st"], reply[0]);
    assert_eq!(packets[0]["t"]["f"][0]["i"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_of_any_order_and_an_empty_file_become_nodes() {
    let (_server, client) = start().await;
    let root = client.root();
    let file = |token: &str| json!([{"h":token,"t":0,"a":"AAAA","k":"A".repeat(43)}]);

    let content: Vec<u8> = (0..(3 << 20) + 7).map(|i: usize| (i % 251) as u8).collect();
    let parts = [
        0..131_072,
        786_432..1_310_720,
        393_216..786_432,
        131_072..393_216,
        1_310_720..1_966_080,
        2_752_512..content.len(),
        1_966_080..2_752_512,
    ];
    let token = upload(&client, &root, &content, &parts);
    let large = put(&client, &root, file(&token));
    let (handle, id) = large[1]["fh"][0].as_str().unwrap().split_once(':').unwrap();

    #[expect(clippy::single_range_in_vec_init, reason = "one part, which is empty")]
    let nothing = [0..0];
    let token = upload(&client, &root, b"", &nothing);
    let empty = put(&client, &root, file(&token));
    let (empty, _) = empty[1]["fh"][0].as_str().unwrap().split_once(':').unwrap();

    let get = |handle: &str, range: &str| {
        let reply = client.one(json!({"a":"g","n":handle,"g":1,"v":2,"ssl":2}));
        assert!(reply["at"].is_string(), "or the library fails: {reply}");
        let path = format!("{}/{range}", reply["g"].as_str().unwrap());
        (reply, http(&client.base, "POST", &path, &[], b"").unwrap())
    };
    let (reply, span) = get(handle, "131072-393215");
    assert_eq!(
        (&reply["fh"], &reply["s"]),
        (&json!(id), &json!(content.len()))
    );
    assert_eq!(
        (span.status, &span.body[..]),
        (200, &content[131_072..393_216])
    );
    let (reply, nothing) = get(empty, "0-0");
    assert_eq!(reply["s"], 0);
    assert_eq!((nothing.status, nothing.body.len()), (200, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_is_copied_with_the_versions_in_it() {
    let (server, client) = start().await;
    let (root, mut sn) = (client.root(), position(&client));
    let folder = client.clone();
    let folder = Client {
        tagged: false,
        ..folder
    }
    .make_folder(&root);
    let key = "A".repeat(43);
    let newer = |content: &[u8], replaced: Option<&str>| {
        #[expect(clippy::single_range_in_vec_init, reason = "all in one part")]
        let whole = [0..content.len()];
        let token = upload(&client, &folder, content, &whole);
        let mut node = json!({"h":token,"t":0,"a":"AAAA","k":key});
        if let Some(old) = replaced {
            node["ov"] = json!(old);
        }
        let reply = put(&client, &folder, json!([node]));
        let id = reply[1]["fh"][0].as_str().unwrap();
        id.split_once(':').unwrap().0.to_owned()
    };
    let first = newer(b"1", None);
    let second = newer(b"a newer one", Some(&first));
    let third = newer(b"the newest one", Some(&second));
    told(&client, &mut sn);

    let copied = put(
        &client,
        &root,
        json!([
            {"h":folder,"t":1,"a":"BBBB","k":"A".repeat(22)},
            {"h":third,"p":folder,"t":0,"a":"CCCC","k":key},
            {"h":second,"p":third,"t":0,"a":"DDDD","k":key},
            {"h":first,"p":second,"t":0,"a":"EEEE","k":key},
        ]),
    );
    assert_eq!(copied[1]["e"], json!([]));
    assert_eq!(copied[1]["fh"].as_array().unwrap().len(), 3);
    let packets = told(&client, &mut sn);
    let (f, f2) = (&packets[0]["t"]["f"], &packets[0]["t"]["f2"]);
    let sketch = |list: &Value| -> Vec<(Value, Value, Value)> {
        let list = list.as_array().unwrap().iter();
        list.map(|n| (n["a"].clone(), n["s"].clone(), n["i"].clone()))
            .collect()
    };
    assert_eq!(
        sketch(f),
        [
            (json!("BBBB"), Value::Null, json!(0)),
            (json!("CCCC"), json!(14), json!(1))
        ]
    );
    // Versions are told apart from files by the list they stand in, each below the next newer one.
    assert_eq!(
        sketch(f2),
        [
            (json!("DDDD"), json!(11), json!(2)),
            (json!("EEEE"), json!(1), json!(3))
        ]
    );
    assert_eq!((&f2[0]["p"], &f2[1]["p"]), (&f[1]["h"], &f2[0]["h"]));
    let (violations, used) = server.with_model(|m| {
        let used = m.user("me@example.com").unwrap().used;
        (m.violations(), used)
    });
    assert_eq!((violations, used), (vec![], 2 * (1 + 11 + 14)));

    // Nothing but one previous version can lie below a file.
    let refused = put(
        &client,
        &root,
        json!([
            {"h":third,"t":0,"a":"CCCC","k":key},
            {"h":second,"p":third,"t":0,"a":"DDDD","k":key},
            {"h":first,"p":third,"t":0,"a":"EEEE","k":key},
            {"h":"xxxxxxxx","p":third,"t":1,"a":"BBBB","k":"A".repeat(22)},
        ]),
    );
    assert_eq!(refused[1]["e"], json!({"2":-2,"3":-2}));
    assert_eq!(server.with_model(|m| m.violations()), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_goes_to_the_bin_in_one_batch_and_then_for_good() {
    let (server, client) = start().await;
    let root = client.root();
    let bin = server.with_model(|m| m.user("me@example.com").unwrap().bin.to_string());
    let file = Client {
        tagged: false,
        ..client.clone()
    }
    .put_file(&root, b"12345");
    let file = &file["f"][0]["h"];
    let mut sn = position(&client);
    // The place it comes from is written into its attributes first.
    let tags = client.batch(&json!([
        {"a":"a","n":file,"at":"BBBB"},
        {"a":"m","i":"gqycrsxcsq","n":file,"t":bin},
    ]));
    let packets = told(&client, &mut sn);
    let names: Vec<&str> = packets.iter().map(|p| p["a"].as_str().unwrap()).collect();
    assert_eq!(names, ["u", "d", "t"]);
    assert_eq!([&packets[0]["st"], &packets[1]["st"]], [&tags[0], &tags[1]]);
    assert!(packets[2]["st"].is_null() && packets[2]["i"] == "gqycrsxcsq");
    let gone = client.one(json!({"a":"d","n":file}));
    assert_eq!(told(&client, &mut sn)[0]["st"], gone);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_writable_folder_link_is_made_and_written_through() {
    let (server, client) = start().await;
    let folder = Client {
        tagged: false,
        ..client.clone()
    }
    .make_folder(&client.root());
    let zeros = "A".repeat(22);
    let shared = client.one(json!({"a":"s2","n":folder,"ok":zeros,"ha":zeros,
        "s":[{"u":"EXP","r":2}],"cr":[[folder],[folder],[0,0,"D0CY43A2h-FI4581LXstgA"]]}));
    assert_eq!(shared[1], json!({"r":[0]}));
    let link = client.one(json!({"a":"l","n":folder,"w":"1"}));
    let (ph, auth) = (
        link[1]["ph"].as_str().unwrap(),
        link[1]["w"].as_str().unwrap(),
    );
    assert_eq!(auth.len(), 22);

    // Whoever visits appends the right to write to the handle, without anything between them.
    let visitor = Client {
        auth: format!("&n={ph}{auth}"),
        ..Client::anonymous(&server).tagged()
    };
    let tree = visitor.one(json!({"a":"f","c":1,"r":1,"ca":1}));
    assert_eq!(
        tree["f"][0]["k"],
        format!("{folder}:D0CY43A2h-FI4581LXstgA")
    );
    // His node keys are those of the share alone.
    let made = visitor.one(json!({"a":"p","v":4,"t":folder,"sm":1,
        "n":[{"h":"AAAAAAAA","t":1,"a":"KzvqYDvv_2sYP9KSDdXBJw"}],
        "cr":[[folder],[],[0,0,"0uIrufun8wbNfUhBjEOALQ"]]}));
    assert!(made[0].is_string() && made[1]["e"] == json!([]), "{made}");
    let target = format!("/wsc?sn={}&n={ph}", tree["sn"].as_str().unwrap());
    let answer = http(server.url(), "POST", &target, &[], b"").unwrap();
    let events: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(events["a"][0]["st"], made[0]);
    let node = &events["a"][0]["t"]["f"][0];
    assert_eq!(node["k"], format!("{folder}:0uIrufun8wbNfUhBjEOALQ"));

    let reader = Client {
        auth: format!("&n={ph}"),
        ..visitor
    };
    let refused = reader.one(json!({"a":"p","v":4,"t":folder,"sm":1,
        "n":[{"h":"AAAAAAAA","t":1,"a":"KzvqYDvv_2sYP9KSDdXBJw"}]}));
    assert_eq!(refused, -11);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_takes_the_newest_of_three_versions_away_is_given_the_others_again() {
    let (_server, client) = start().await;
    let root = client.root();
    let legacy = Client {
        tagged: false,
        ..client.clone()
    };
    let mut chain: Vec<String> = Vec::new();
    for _ in 0..3 {
        let token = legacy.upload(b"12345");
        let mut node = json!({"h":token,"t":0,"a":"AAAA","k":"A".repeat(43)});
        if let Some(old) = chain.last() {
            node["ov"] = json!(old);
        }
        let reply = legacy.one(json!({"a":"p","t":root,"vb":1,"n":[node]}));
        chain.push(reply["f"][0]["h"].as_str().unwrap().to_owned());
    }
    let mut sn = position(&client);
    // The library drops all of a file at `d`, so what stays has to come again, all of it.
    client.one(json!({"a":"d","n":chain[2],"v":1}));
    let packets = told(&client, &mut sn);
    assert_eq!(
        (&packets[0]["a"], &packets[0]["n"]),
        (&json!("d"), &json!(chain[2]))
    );
    let lists = &packets[1]["t"];
    assert_eq!(
        (&lists["f"][0]["h"], &lists["f"][0]["p"]),
        (&json!(chain[1]), &json!(root))
    );
    assert_eq!(
        (&lists["f2"][0]["h"], &lists["f2"][0]["p"]),
        (&json!(chain[0]), &json!(chain[1]))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn uploads_through_web_sockets_are_refused_so_that_clients_use_http() {
    let (_server, client) = start().await;
    assert_eq!(client.one(json!({"a":"usc"})), -2);
}

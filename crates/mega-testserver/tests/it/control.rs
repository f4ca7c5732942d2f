//! What tests in other languages ask and change while the program runs, and the fixtures for them in the repository.

use serde_json::{Value, json};

use crate::program::Program;
use crate::support::{Client, http};

#[test]
fn a_running_program_is_given_faults_accounts_and_time_and_tells_its_journal() {
    let program = Program::start(&["--account", "me@example.com:password:v1"]);
    let client = Client::at(&program.url);
    let tell = |path: &str, text: &str| {
        http(
            &program.url,
            "POST",
            &format!("/test/{path}"),
            &[],
            text.as_bytes(),
        )
        .unwrap()
    };
    let ask = |path: &str| -> Value {
        let reply = http(&program.url, "GET", &format!("/test/{path}"), &[], b"").unwrap();
        serde_json::from_slice(&reply.body).unwrap()
    };
    let version = |email: &str| client.one(json!({"a":"us0","user":email}))["v"].clone();
    assert_eq!(version("me@example.com"), 1);
    assert_eq!(tell("faults", "us0=-3\nus0=503+1\n").status, 200);
    assert_eq!(client.one(json!({"a":"us0","user":"me@example.com"})), -3);
    let target = client.url();
    let busy = http(
        &program.url,
        "POST",
        &target,
        &[],
        br#"[{"a":"us0","user":"x"}]"#,
    )
    .unwrap();
    assert_eq!(busy.status, 503);
    let journal = ask("journal");
    let seen: Vec<&Value> = journal
        .as_array()
        .unwrap()
        .iter()
        .map(|e| &e["faults"])
        .collect();
    assert_eq!(seen[1], &json!(["CommandCode(\"us0\", -3)"]));
    assert_eq!(
        seen.len(),
        3,
        "what is asked here is not in the journal: {journal}"
    );
    tell("journal", "");
    assert_eq!(ask("journal"), json!([]));

    // All lines or none.
    let refused = tell("faults", "us0=-3\nus0=nonsense");
    assert_eq!(refused.status, 400);
    assert!(refused.text().contains("nonsense"), "{}", refused.text());
    assert_eq!(version("me@example.com"), 1);
    tell("faults", "us0=-3*");
    tell("faults", "");
    assert_eq!(version("me@example.com"), 1);

    assert_eq!(tell("account", "new@example.com:password:v1").status, 200);
    assert_eq!(version("new@example.com"), 1);
    assert_eq!(tell("account", "nonsense").status, 400);
    tell("journal", "");
    version("me@example.com");
    tell("clock", "86400");
    version("me@example.com");
    let journal = ask("journal");
    let millis = |i: usize| journal[i]["millis"].as_i64().unwrap();
    assert!(millis(1) - millis(0) >= 86_400_000);
    assert_eq!(ask("mails"), json!([]));

    let closed = Program::start(&["--no-control"]);
    assert_eq!(
        http(&closed.url, "GET", "/test/journal", &[], b"")
            .unwrap()
            .status,
        404
    );
}

#[test]
fn storage_has_a_socket_of_its_own_and_accounts_a_generated_tree_if_asked() {
    let program = Program::start(&[
        "--storage-listen",
        "127.0.0.1:0",
        "--tree",
        "2x3",
        "--account",
        "me@example.com:password:nokeys",
        "--account",
        "other@example.com:password:nokeys:tree=1x1",
        "--login-block",
        "--snapshots",
    ]);
    assert_ne!(program.url, program.storage);
    for (email, nodes) in [
        ("me@example.com", 3 + 2 + 6),
        ("other@example.com", 3 + 1 + 1),
    ] {
        let mut client = Client::at(&program.url);
        let salt = client.one(json!({"a":"us0","user":email}));
        let salt = crate::support::unb64(salt["s"].as_str().unwrap());
        let uh = mega_testserver::account::password::v2("password", &salt).auth;
        let reply = client.one(json!({"a":"us","user":email,"uh":crate::support::b64(&uh)}));
        client.auth = format!("&sid={}", reply["tsid"].as_str().unwrap());
        assert_eq!(client.tree()["f"].as_array().unwrap().len(), nodes);
        let url = client.one(json!({"a":"u","s":5}))["p"]
            .as_str()
            .unwrap()
            .to_owned();
        assert!(url.starts_with(&program.storage), "{url}");
        let token = http(&program.storage, "POST", &format!("{url}/0"), &[], b"hello").unwrap();
        assert_eq!(token.body.len(), 36);
    }
    let refused = Program::refused(&["--account", "me@example.com:password", "--tree", "many"]);
    assert!(
        String::from_utf8(refused.stderr)
            .unwrap()
            .contains("FOLDERSxFILES")
    );
}

#[test]
fn a_running_program_changes_its_state_as_others_would() {
    let program = Program::start(&[
        "--account",
        "me@example.com:password:nokeys",
        "--account",
        "you@example.com:password",
    ]);
    let tell = |body: Value| {
        let body = body.to_string();
        http(&program.url, "POST", "/test/change", &[], body.as_bytes()).unwrap()
    };
    let told = |body: Value| -> Value {
        let reply = tell(body);
        assert_eq!(reply.status, 200, "{}", reply.text());
        serde_json::from_slice(&reply.body).unwrap()
    };
    let refused = |body: Value| {
        let reply = tell(body);
        assert_eq!(reply.status, 400);
        reply.text().to_owned()
    };
    let mut client = Client::at(&program.url);
    let salt = client.one(json!({"a":"us0","user":"me@example.com"}));
    let salt = crate::support::unb64(salt["s"].as_str().unwrap());
    let uh = mega_testserver::account::password::v2("password", &salt).auth;
    let reply = client.one(json!({"a":"us","user":"me@example.com","uh":crate::support::b64(&uh)}));
    client.auth = format!("&sid={}", reply["tsid"].as_str().unwrap());
    let sn = client.tree()["sn"].as_str().unwrap().to_owned();

    // A second client of the account: its files are there, and the first one hears of them.
    let email = "me@example.com";
    let made = told(json!([
        {"change":"file","email":email,"path":"/a/b.txt","text":"hello","mtime":1_700_000_000},
        {"change":"folder","email":email,"path":"/c"},
        {"change":"rename","email":email,"path":"/a/b.txt","name":"d.txt"},
        {"change":"move","email":email,"path":"/a/d.txt","to":"/c"},
        {"change":"delete","email":email,"path":"/a"},
    ]));
    let (file, folder) = (made[0][0].clone(), made[1][0].clone());
    assert_eq!(
        &made.as_array().unwrap()[2..],
        [json!(0), json!(0), json!(0)]
    );
    let find = |handle: &Value| {
        let tree = client.tree();
        let mut nodes = tree["f"].as_array().unwrap().iter();
        nodes.find(|n| n["h"] == *handle).cloned()
    };
    assert_eq!(find(&file).unwrap()["p"], folder);
    let (packets, _) = client.events(&sn);
    let names: Vec<&str> = packets.iter().map(|p| p["a"].as_str().unwrap()).collect();
    assert_eq!(names, ["t", "t", "t", "u", "d", "t", "d"]);
    let get = client.one(json!({"a":"g","g":1,"n":file}));
    let sealed = http(&client.base, "GET", get["g"].as_str().unwrap(), &[], b"").unwrap();
    assert_eq!(sealed.body.len(), 5);
    told(json!({"change":"content","node":file,"base64":"AAAAAAA"}));
    let get = client.one(json!({"a":"g","g":1,"n":file}));
    let tampered = http(&client.base, "GET", get["g"].as_str().unwrap(), &[], b"").unwrap();
    assert_eq!(tampered.body, [0; 5]);

    // The service.
    told(json!({"change":"quota","email":email,"bytes":10}));
    assert_eq!(client.one(json!({"a":"u","s":6})), -24);
    told(json!({"change":"quota","email":email,"bytes":1_000_000}));
    told(json!({"change":"transfer","email":email,"bytes":0,"wait":60}));
    assert_eq!(client.one(json!({"a":"g","g":1,"n":file}))["tl"], 60);
    told(json!({"change":"transfer","email":email}));
    told(json!({"change":"block","email":email,"reason":200}));
    assert_eq!(client.one(json!({"a":"ug"})), -16);
    told(json!({"change":"block","email":email}));
    told(json!({"change":"business","email":email,"status":-1}));
    assert_eq!(client.one(json!({"a":"u","s":6})), -28);
    told(json!({"change":"business","email":email}));
    told(json!({"change":"paywall","email":email,"deadline":1}));
    assert_eq!(client.one(json!({"a":"u","s":6})), -29);
    told(json!({"change":"paywall","email":email}));
    told(json!({"change":"packet","email":email,"packet":{"a":"nobody knows"}}));
    let (packets, _) = client.events(&sn);
    assert_eq!(packets.last().unwrap()["a"], "nobody knows");
    told(json!({"change":"option","name":"cloud_raid","value":1}));
    let six = client.one(json!({"a":"g","g":1,"v":2,"n":file}));
    assert_eq!(six["g"].as_array().unwrap().len(), 6);
    told(json!({"change":"expire_urls"}));
    let late = http(&client.base, "GET", get["g"].as_str().unwrap(), &[], b"").unwrap();
    assert_eq!(late.status, 403);

    // An attacker.
    let node = find(&file).unwrap();
    told(json!([
        {"change":"misreport","node":file,"member":"s","value":-1},
        {"change":"edit_key","node":file,"block":0,"edit":"zero"},
        {"change":"edit_attributes","node":file,"block":0,"edit":"flip:7"},
        {"change":"hostile","email":email,"kind":"Cycle"},
        {"change":"raw_node","email":email,"json":{"h":"raw"}},
    ]));
    let changed = find(&file).unwrap();
    assert_eq!(changed["s"], -1);
    assert!(changed["k"] != node["k"] && changed["a"] != node["a"]);
    assert!(find(&json!("raw")).is_some());
    let forged = told(json!({"change":"csid","email":"you@example.com","plain":"AAAA"}));
    assert!(forged[0].as_str().unwrap().len() > 300);
    told(json!({"change":"logout","email":email}));
    assert_eq!(client.one(json!({"a":"ug"})), -15);
    let sound = http(&program.url, "GET", "/test/violations", &[], b"").unwrap();
    assert_eq!(sound.text(), "[]");

    for (body, part) in [
        (json!({"change":"fly"}), "change 0: \"fly\" is no change"),
        (json!({}), "\"change\" is missing"),
        (
            json!([{"change":"restart"}, {"change":"delete","email":email,"path":"/x"}]),
            "change 1: /x is nowhere",
        ),
        (
            json!({"change":"quota","email":email}),
            "no number of bytes",
        ),
        (
            json!({"change":"hostile","email":email,"kind":"Kind"}),
            "no kind",
        ),
        (json!({"change":"option","name":"kindness"}), "no switch"),
        (
            json!({"change":"edit_key","node":file,"block":0,"edit":"melt"}),
            "flip:BIT",
        ),
    ] {
        let reply = refused(body);
        assert!(reply.contains(part), "{reply}");
    }
}

#[cfg(unix)]
#[test]
fn the_program_ends_well_when_it_is_asked_to_even_at_once() {
    use std::process::Command;
    for signal in ["-TERM", "-INT"] {
        for _ in 0..5 {
            let mut program = Program::start(&[]);
            let asked = Command::new("kill")
                .args([signal, &program.child.id().to_string()])
                .status();
            assert!(asked.unwrap().success());
            assert_eq!(program.child.wait().unwrap().code(), Some(0), "{signal}");
        }
    }
}

#[test]
fn a_running_program_is_turned_and_tampered_with_by_name() {
    let program = Program::start(&["--account", "me@example.com:password"]);
    let tell = |path: &str, body: &str| {
        let path = format!("/test/{path}");
        http(&program.url, "POST", &path, &[], body.as_bytes()).unwrap()
    };
    let turn = |name: &str, value: Value| {
        let change = json!({"change":"option","name":name,"value":value}).to_string();
        let reply = tell("change", &change);
        assert_eq!(reply.status, 200, "{}", reply.text());
    };
    let client = Client::at(&program.url);
    let salt = client.one(json!({"a":"us0","user":"me@example.com"}))["s"].clone();
    let salt = crate::support::unb64(salt.as_str().unwrap());
    let uh = crate::support::b64(&mega_testserver::account::password::v2("password", &salt).auth);
    let login = || client.one(json!({"a":"us","user":"me@example.com","uh":uh}));
    let honest = login();

    // The clock goes back as well.
    let millis = || {
        tell("journal", "");
        client.one(json!({"a":"ping"}));
        let journal = http(&program.url, "GET", "/test/journal", &[], b"").unwrap();
        let journal: Value = serde_json::from_slice(&journal.body).unwrap();
        journal[0]["millis"].as_i64().unwrap()
    };
    let now = millis();
    assert_eq!(tell("clock", "-86400").status, 200);
    assert!((now - 86_400_000..now - 80_000_000).contains(&millis()));
    assert_eq!(tell("clock", "86400").status, 200);
    assert!(millis() >= now);
    assert_eq!(tell("clock", "soon").status, 400);

    // A member more, in the results that are objects.
    tell("faults", "us0=add:v2:[1,{}]*2\nping=add:x:1");
    let more = client.one(json!({"a":"us0","user":"me@example.com"}));
    assert_eq!((&more["v"], &more["v2"]), (&json!(2), &json!([1, {}])));
    let both = client.batch(&json!([{"a":"us0","user":"x"}, {"a":"ping"}]));
    assert!(both[0]["x"] == 1 && both[0]["v2"].is_array());
    assert_eq!(both[1], 0);

    // The private key, edited in clear.
    let edit = json!({"change":"private_key","email":"me@example.com","offset":130,"xor":1});
    assert_eq!(tell("change", &edit.to_string()).status, 200);
    let bad = login();
    let blocks = |reply: &Value| crate::support::unb64(reply["privk"].as_str().unwrap());
    let differ = std::iter::zip(blocks(&honest).chunks(16), blocks(&bad).chunks(16))
        .filter(|(a, b)| a != b)
        .count();
    assert_eq!(differ, 1);
    let replace = json!({"change":"private_key","email":"me@example.com","base64":"AAAA"});
    assert_eq!(tell("change", &replace.to_string()).status, 200);
    assert_eq!(blocks(&login()).len(), 16);
    let nothing = json!({"change":"private_key","email":"me@example.com"}).to_string();
    assert!(tell("change", &nothing).text().contains("\"xor\""));

    // Switches.
    turn("request_limit", json!(100));
    let long = json!([{"a":"ping"}, "x".repeat(100)]).to_string();
    let refused = http(&program.url, "POST", &client.url(), &[], long.as_bytes());
    assert_eq!(refused.unwrap().status, 413);
    turn("request_limit", json!(1 << 20));
    turn("latency", json!(1));
    turn("latency", Value::Null);
    turn("hold", json!(20));
    turn("events_kept", json!(5));
    turn("ids_survive", json!(0));
    turn("discard", json!(1));
    turn("session_lifetime", json!(100));
    turn("login_block", json!({"burst":1,"lasts":50,"code":-6}));
    assert!(login()["k"].is_string());
    assert_eq!(login(), -6);
    tell("clock", "51");
    assert!(login()["k"].is_string());
    turn("login_block", Value::Null);
    assert!(login()["k"].is_string() && login()["k"].is_string());
    for (name, value) in [
        ("hold", json!(-1)),
        ("latency", json!("x")),
        ("events_kept", json!(-1)),
    ] {
        let change = json!({"change":"option","name":name,"value":value}).to_string();
        assert_eq!(tell("change", &change).status, 400, "{name}");
    }

    // What was paid, and that it has to be.
    for change in [
        json!({"change":"pay","email":"me@example.com","for":"feature"}),
        json!({"change":"remind","email":"me@example.com","ends":1}),
        json!({"change":"clear_state","email":"me@example.com"}),
    ] {
        assert_eq!(tell("change", &change.to_string()).status, 200, "{change}");
    }
    let gift = json!({"change":"pay","email":"me@example.com","for":"love"}).to_string();
    assert!(tell("change", &gift).text().contains("plan_v2"));
}

#[test]
fn the_program_ends_with_its_standard_input_if_it_was_told_to() {
    let mut bound = Program::start(&["--with-stdin"]);
    let mut free = Program::start(&[]);
    for program in [&mut bound, &mut free] {
        drop(program.child.stdin.take());
    }
    assert_eq!(bound.child.wait().unwrap().code(), Some(0));
    // The other is still there to be asked.
    let alive = http(&free.url, "GET", "/test/journal", &[], b"").unwrap();
    assert_eq!(alive.text(), "[]");
}

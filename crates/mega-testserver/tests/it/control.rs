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

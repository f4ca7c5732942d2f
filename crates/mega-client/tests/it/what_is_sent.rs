//! What leaves the client, whatever happens: no telemetry, no secret where it does not belong, keys that nobody can foresee.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use mega_client::{Credentials, ErrorKind, NodeHandle};
use mega_testserver::{Fault, Lane};

use crate::attacks::{chosen_csid, signed_in};
use crate::memory::{Asked, Memory};
use crate::place::{EMAIL, PASSWORD};

/// Everything that was sent in a life with every kind of failure in it, and the ids of its sessions.
async fn eventful_life(memory: &Arc<Memory>) -> (Vec<Asked>, Vec<String>) {
    memory.service.account(EMAIL, PASSWORD).v1().create();
    let mut sessions = Vec::new();
    // A service that cheats at the sign-in, then a wrong password.
    let cheating = Fault::command("us").rewrite(|text| {
        let mut reply: serde_json::Value = serde_json::from_str(&text).unwrap();
        reply[0]["csid"] = chosen_csid(9);
        reply.to_string()
    });
    memory.service.faults().add(cheating);
    let login = || memory.builder().allow_legacy_v1(true).seed(5);
    let refused = login().login(Credentials::new(EMAIL, PASSWORD)).await;
    assert_eq!(
        refused.unwrap_err().kind(),
        ErrorKind::ServerMaterialRejected
    );
    assert!(
        login()
            .login(Credentials::new(EMAIL, "wrong"))
            .await
            .is_err()
    );
    let mega = signed_in(memory).await;
    let session = memory
        .service
        .with_model(|model| model.newest_session(EMAIL).unwrap().to_owned());
    sessions.push(session);
    mega.write("/file", "content").await.unwrap();
    mega.create_dir("/folder").await.unwrap();
    mega.link("/file").await.unwrap();
    let faults = [
        Fault::lane(Lane::Api).code(-11),
        Fault::lane(Lane::Api).lose_reply().times(2),
        Fault::lane(Lane::Api).html().times(2),
        Fault::lane(Lane::Api).status(500).times(2),
        Fault::lane(Lane::Download).corrupt_at(2).always(),
        Fault::lane(Lane::Upload).code(-14).times(2),
        Fault::lane(Lane::Events).body("nonsense").times(2),
        Fault::command("p").code(-9),
    ];
    let mut failures = 0;
    for (round, fault) in faults.into_iter().enumerate() {
        memory.service.faults().clear();
        memory.service.faults().add(fault);
        let new = format!("/folder/{round}");
        failures += usize::from(mega.write(&*new, "more").await.is_err());
        failures += usize::from(mega.read("/file").await.is_err());
        failures += usize::from(mega.rename("/file", "file").await.is_err());
        failures += usize::from(mega.refresh().await.is_err());
    }
    assert!(failures >= 2, "{failures} failures");
    memory.service.faults().clear();
    mega.rename("/file", "renamed").await.unwrap();
    mega.delete("/folder").await.unwrap();
    mega.sign_out().await.unwrap();
    // Whatever might be sent later, by somebody who thinks nobody looks.
    tokio::time::sleep(Duration::from_secs(24 * 3600)).await;
    (memory.asked(), sessions)
}

#[tokio::test(start_paused = true)]
async fn log_9_nothing_is_sent_but_what_was_asked_for() {
    let memory = Memory::new();
    let (asked, _) = eventful_life(&memory).await;
    let sent: BTreeSet<String> = asked.iter().flat_map(Asked::commands).collect();
    // Signing in and out, the tree, the account's own keys, transfers and changes: nothing about failures, times or the machine.
    let known = [
        "us0", "us", "ug", "uga", "upv", "up", "f", "g", "u", "p", "a", "m", "d", "l", "sml",
        "sms", "uq", "pk", "uk", "sm",
    ];
    for command in &sent {
        assert!(known.contains(&command.as_str()), "{command}: {sent:?}");
    }
    for needed in ["us0", "us", "f", "g", "u", "p", "a", "d", "l"] {
        assert!(sent.contains(needed), "{needed}: {sent:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn sec_6_the_session_is_in_the_address_of_the_api_and_nowhere_else() {
    let memory = Memory::new();
    let (asked, sessions) = eventful_life(&memory).await;
    assert!(asked.len() > 20, "{} requests", asked.len());
    let mut carried = 0;
    for request in &asked {
        let (path, query) = request
            .target
            .split_once('?')
            .unwrap_or((request.target.as_str(), ""));
        let body = String::from_utf8_lossy(&request.body);
        for session in &sessions {
            assert!(!body.contains(session), "in a body: {}", request.target);
            assert!(!path.contains(session), "in a path");
            if query.contains(session) {
                // The wait address carries it as well, which the protocol wants (NET-6).
                let api = ["/cs", "/sc", "/wsc"].contains(&path);
                assert!(api || path.starts_with("/w/"), "{path}");
                carried += 1;
            }
        }
        // No command carries a tag of its origin, which the service would show to others.
        let batch: serde_json::Value = serde_json::from_slice(&request.body).unwrap_or_default();
        for command in batch.as_array().into_iter().flatten() {
            assert!(command.get("i").is_none(), "{command}");
        }
    }
    assert!(carried > 10, "the session is looked for in the right form");
}

#[tokio::test(start_paused = true)]
async fn sec_9_key_1_keys_come_from_the_system_whatever_the_seed() {
    let mut keys = BTreeSet::new();
    let mut first_requests = BTreeSet::new();
    for _ in 0..2 {
        let memory = Memory::new();
        memory.service.account(EMAIL, PASSWORD).v1().create();
        let login = memory.builder().allow_legacy_v1(true).seed(7);
        let login = login.verdict_delay(Duration::ZERO);
        let mega = login
            .login(Credentials::new(EMAIL, PASSWORD))
            .await
            .unwrap();
        let first = memory.asked();
        first_requests.insert(first.first().unwrap().target.clone());
        // A part that is sent again, and an upload that starts again, twice: each upload has one key of its own.
        memory
            .service
            .faults()
            .add(Fault::lane(Lane::Upload).code(-14).times(1));
        memory
            .service
            .faults()
            .add(Fault::lane(Lane::Upload).code(-4).skip(2).times(1));
        for path in ["/one", "/two", "/three", "/four"] {
            let node = mega.write(path, "the same content").await.unwrap();
            let handle: NodeHandle = node.handle();
            let wire = mega_testserver::wire::NodeHandle::parse(&handle.to_string()).unwrap();
            let key = memory.service.with_model(|model| model.node_key(wire));
            let key = key.unwrap();
            // Neither the content key nor the nonce, nor any part of them, comes twice.
            let unpacked = mega_testserver::account::content::FileKey::unpack(
                &key.as_slice().try_into().unwrap(),
            );
            assert!(keys.insert(unpacked.key.to_vec()), "the content key");
            assert!(keys.insert(unpacked.nonce.to_vec()), "the nonce");
        }
        let folder = mega.create_dir("/folder").await.unwrap();
        let wire = mega_testserver::wire::NodeHandle::parse(&folder.handle().to_string()).unwrap();
        let key = memory.service.with_model(|model| model.node_key(wire));
        assert!(keys.insert(key.unwrap()), "the key of a folder");
    }
    assert_eq!(first_requests.len(), 1, "the seed fixes the request ids");
}

#[tokio::test(start_paused = true)]
async fn evt_4_own_changes_are_there_when_the_call_returns_however_their_packets_come() {
    let memory = Memory::new();
    memory.service.account(EMAIL, PASSWORD).v1().create();
    let mega = signed_in(&memory).await;
    let disorders: [fn() -> Fault; 4] = [
        || Fault::lane(Lane::Events).late_events().times(3),
        || Fault::lane(Lane::Events).drop_events().times(3),
        || Fault::lane(Lane::Events).double_events().times(3),
        || Fault::lane(Lane::Events).reverse_events().times(3),
    ];
    for (number, disorder) in disorders.into_iter().enumerate() {
        let (folder, file) = (format!("/{number}"), format!("/{number}/file"));
        memory.service.faults().add(disorder());
        mega.create_dir(&*folder).await.unwrap();
        assert!(mega.exists(&*folder).await.unwrap(), "{number}");
        mega.write(&*file, "content").await.unwrap();
        assert_eq!(mega.read(&*file).await.unwrap(), "content", "{number}");
        mega.rename(&*file, "renamed").await.unwrap();
        assert!(!mega.exists(&*file).await.unwrap(), "{number}");
        memory.service.faults().clear();
    }
    let paths = |mega: mega_client::Client| async move {
        let nodes = mega.list("/").recursive().sorted().await.unwrap();
        let paths = nodes.iter().map(|node| mega.path_of(node).unwrap());
        paths.collect::<Vec<_>>()
    };
    let ours = paths(mega.clone()).await;
    assert_eq!(ours.len(), 8, "{ours:?}");
    assert_eq!(paths(signed_in(&memory).await).await, ours);
}

//! What one client does, the other sees: conformance SH-5, SH-6.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::{FutureExt, StreamExt};
use mega_client::Change;

use crate::fs_world::handle;
use crate::place::{EMAIL, Place, names};

#[tokio::test]
async fn sh_5_changes_of_another_client_arrive_once_and_in_order() {
    let place = Place::new().await;
    let (watcher, worker) = (place.sign_in().await, place.sign_in().await);
    let mut changes = watcher.changes();

    let folder = worker.create_dir("/inbox").await.unwrap();
    let letter = worker.write("/inbox/letter", "dear").await.unwrap();
    worker.rename("/inbox/letter", "read").await.unwrap();
    worker.create_dir("/archive").await.unwrap();
    worker.move_to("/inbox/read", "/archive").await.unwrap();
    worker.delete("/inbox").await.unwrap();

    let mut seen = Vec::new();
    while let Some(change) = changes.next().await {
        match change.unwrap() {
            Change::Added(node) => seen.push(format!("added {}", node.name())),
            Change::Updated(node) => seen.push(format!("updated {}", node.name())),
            Change::Moved { node, from } => {
                assert_eq!(from, Some(folder.handle()));
                assert_eq!(node.handle(), letter.handle());
                seen.push(format!("moved {}", node.name()));
            }
            Change::Removed(handle) => {
                assert_eq!(handle, folder.handle());
                seen.push("removed".to_owned());
                break;
            }
            _ => {}
        }
    }
    assert_eq!(
        seen,
        [
            "added inbox",
            "added letter",
            "updated read",
            "added archive",
            "moved read",
            "removed"
        ]
    );
    assert_eq!(names(&watcher, "/").await, ["archive"]);
    assert_eq!(watcher.read("/archive/read").await.unwrap(), "dear");
}

/// EVT-6, RTY-12: whoever follows news that never make sense is told so, and the tree is not loaded for ever.
#[tokio::test(start_paused = true)]
async fn evt_6_a_stream_of_news_that_never_make_sense_ends_with_an_error() {
    use crate::memory::Memory;
    use crate::place::PASSWORD;
    use mega_client::{Credentials, ErrorKind};
    use mega_testserver::{Fault, Lane};

    let memory = Memory::new();
    memory.service.account(EMAIL, PASSWORD).create();
    let login = Credentials::new(EMAIL, PASSWORD);
    let mega = memory.builder().login(login).await.unwrap();
    let loads = || {
        let asked = memory.asked();
        let commands = asked.iter().flat_map(crate::memory::Asked::commands);
        commands.filter(|name| name == "f").count()
    };
    assert_eq!(loads(), 1);
    let nonsense = Fault::lane(Lane::Events).body(r#"{"a":[{"a":"t","t":[{"h":7}]}],"sn":"x"}"#);
    memory.service.faults().add(nonsense.always());
    let mut changes = mega.changes();
    let (mut reloads, begin) = (0, tokio::time::Instant::now());
    let error = loop {
        match changes.next().await.unwrap() {
            Ok(Change::Reloaded) => reloads += 1,
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), ErrorKind::Protocol, "{error}");
    assert_eq!((reloads, loads()), (3, 3));
    assert!(begin.elapsed().as_secs() < 600);
    assert!(changes.next().await.is_none());
    // Once they make sense again, so does another stream.
    memory.service.faults().clear();
    let mut changes = mega.changes();
    while !matches!(changes.next().await.unwrap().unwrap(), Change::CaughtUp) {}
}

#[tokio::test]
async fn sh_6_own_changes_are_visible_when_the_call_returns() {
    let place = Place::new().await;
    let mega = place.sign_in().await;
    for round in 0..20 {
        let path = format!("/d{round}");
        mega.create_dir(&path).await.unwrap();
        assert!(mega.exists(&path).await.unwrap());
        mega.delete(&path).await.unwrap();
        assert!(!mega.exists(&path).await.unwrap());
    }
}

#[tokio::test]
async fn a_refresh_brings_what_others_did() {
    let place = Place::new().await;
    let (one, two) = (place.sign_in().await, place.sign_in().await);
    one.create_dir("/new").await.unwrap();
    two.refresh().await.unwrap();
    assert_eq!(names(&two, "/").await, ["new"]);
    two.delete("/new").await.unwrap();
    one.refresh().await.unwrap();
    assert!(names(&one, "/").await.is_empty());
}

/// How often the whole tree was asked for.
fn loads(place: &Place) -> usize {
    let journal = place.server.journal();
    let asked = |entry: &&mega_testserver::Entry| entry.commands.iter().any(|name| name == "f");
    journal.iter().filter(asked).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_nobody_polls_holds_nobody_up() {
    let place = Place::new().await;
    let mega = place.sign_in().await;
    let mut parked = mega.changes();
    // Everything there is has been told; the next item is on its way when it is left alone.
    while !matches!(parked.next().await.unwrap().unwrap(), Change::CaughtUp) {}
    assert!(parked.next().now_or_never().is_none());

    let mut other = mega.changes();
    let folder = mega.create_dir("/made").await.unwrap();
    mega.rename(&folder, "named").await.unwrap();
    assert_eq!(names(&mega, "/").await, ["named"]);
    let seen = loop {
        if let Change::Updated(node) = other.next().await.unwrap().unwrap() {
            break node;
        }
    };
    assert_eq!(seen.handle(), folder.handle());
    assert_eq!(loads(&place), 1, "the tree came once, at sign-in");

    // Nothing was lost for the one that slept.
    let mut woken = Vec::new();
    while woken.len() < 2 {
        match parked.next().await.unwrap().unwrap() {
            Change::Added(node) | Change::Updated(node) => woken.push(node.handle()),
            _ => {}
        }
    }
    assert_eq!(woken, [folder.handle(), folder.handle()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_ends_with_the_session() {
    let place = Place::new().await;
    let (mega, other) = (place.sign_in().await, place.sign_in().await);
    let mut changes = mega.changes();
    while !matches!(changes.next().await.unwrap().unwrap(), Change::CaughtUp) {}
    other.close_other_sessions().await.unwrap();
    let error = loop {
        if let Err(error) = changes.next().await.unwrap() {
            break error;
        }
    };
    assert_eq!(error.kind(), mega_client::ErrorKind::SessionExpired);
    assert!(changes.next().await.is_none());
    assert_eq!(mega.refresh().await.unwrap_err().kind(), error.kind());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn evt_10_a_listing_is_of_one_moment_while_a_tree_moves() {
    const FILES: usize = 300;
    let place = Place::new().await;
    let (a, b) = place.server.with_model(|model| {
        // The two packets of a move come in two replies.
        model.options().events_per_reply = 1;
        let folders = ["/a", "/b"].map(|path| model.make_folder(EMAIL, path).unwrap());
        model.make_folder(EMAIL, "/a/tree").unwrap();
        for number in 0..FILES {
            let path = format!("/a/tree/{number}");
            model.make_file(EMAIL, &path, b"", 1_700_000_000).unwrap();
        }
        (handle(folders[0]), handle(folders[1]))
    });
    let (watcher, worker) = (place.sign_in().await, place.sign_in().await);
    let tree = worker.stat("/a/tree").await.unwrap().handle();
    let done = Arc::new(AtomicBool::new(false));
    let reader = tokio::spawn({
        let (watcher, done) = (watcher.clone(), Arc::clone(&done));
        async move {
            let (mut turns, mut last) = (0, a);
            while turns < 6 {
                let nodes = watcher.list("/").recursive().await.unwrap();
                assert_eq!(nodes.len(), 3 + FILES);
                let mut seen = BTreeSet::new();
                for node in &nodes {
                    let parent = node.parent().unwrap();
                    if node.is_file() {
                        assert_eq!(parent, tree, "{}", node.name());
                        assert!(seen.contains(&tree), "folders come before what is in them");
                    } else if node.handle() == tree {
                        assert!(parent == a || parent == b);
                        assert!(seen.contains(&parent));
                        turns += usize::from(std::mem::replace(&mut last, parent) != parent);
                    }
                    assert!(seen.insert(node.handle()), "{} twice", node.name());
                }
                tokio::task::yield_now().await;
            }
            done.store(true, Ordering::SeqCst);
        }
    });
    let follower = tokio::spawn({
        let watcher = watcher.clone();
        async move {
            let mut changes = watcher.changes();
            while let Some(change) = changes.next().await {
                change.unwrap();
            }
        }
    });
    while !done.load(Ordering::SeqCst) && !reader.is_finished() {
        for to in [b, a] {
            worker.move_to(tree, to).await.unwrap();
        }
    }
    reader.await.unwrap();
    follower.abort();
}

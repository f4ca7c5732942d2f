//! Searches by what the service and people have noted, and as a stream.

use std::time::{Duration, SystemTime};

use futures::{StreamExt, TryStreamExt};
use mega_client::{Client, Credentials, ErrorKind, Label, Search};
use mega_testserver::{Clock, TestServer};

use crate::fs_world::World;
use crate::place::{EMAIL, PASSWORD};

async fn names(search: Search) -> Vec<String> {
    let found = search.await.unwrap();
    let mut names: Vec<_> = found.iter().map(|node| node.name().to_owned()).collect();
    names.sort_unstable();
    names
}

#[tokio::test]
async fn searches_go_by_when_the_service_got_a_node() {
    let clock = Clock::frozen_at(1_000_000);
    let server = TestServer::builder().clock(clock.clone()).start().await;
    let server = server.unwrap();
    server.account(EMAIL, PASSWORD).create();
    // Their content is older than the account: that is another time.
    for path in ["/old/a.txt", "/new/b.txt"] {
        server.with_model(|model| model.make_file(EMAIL, path, b"x", 1_000).unwrap());
        clock.advance(Duration::from_secs(100));
    }
    let builder = Client::builder().origin(server.url());
    let builder = builder.verdict_delay(Duration::ZERO);
    let mega = builder
        .login(Credentials::new(EMAIL, PASSWORD))
        .await
        .unwrap();
    let at = |after: u64| SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000 + after);
    let search = || mega.search("/");
    assert_eq!(
        names(search().created_before(at(1))).await,
        ["a.txt", "old"]
    );
    assert_eq!(names(search().created_since(at(1))).await, ["b.txt", "new"]);
    // The moment itself is since, and not before.
    assert_eq!(
        names(search().created_since(at(100))).await,
        ["b.txt", "new"]
    );
    assert_eq!(
        names(search().created_before(at(100)).files()).await,
        ["a.txt"]
    );
    let none = search().created_since(at(1)).created_before(at(100));
    assert!(names(none).await.is_empty());
    assert!(names(search().modified_since(at(0))).await.is_empty());
}

#[tokio::test]
async fn searches_go_by_label_together_with_other_conditions() {
    let world = World::new().await;
    let mega = &world.mega;
    for path in ["/a.txt", "/b.txt", "/c.txt"] {
        world.file(path, path).await;
    }
    mega.edit_all(["/a.txt", "/b.txt"])
        .label(Label::Red)
        .await
        .into_result()
        .unwrap();
    mega.edit("/c.txt").label(Label::Blue).await.unwrap();
    mega.edit("/b.txt").tags(["pet"]).await.unwrap();
    assert_eq!(
        names(mega.search("/").label(Label::Red)).await,
        ["a.txt", "b.txt"]
    );
    assert_eq!(names(mega.search("/").label(Label::Blue)).await, ["c.txt"]);
    assert!(names(mega.search("/").label(Label::Green)).await.is_empty());
    assert_eq!(
        names(mega.search("/").label(Label::Red).tag("pet")).await,
        ["b.txt"]
    );
    assert!(
        names(mega.search("/").label(Label::Blue).tag("pet"))
            .await
            .is_empty()
    );
    mega.edit("/c.txt").label(None).await.unwrap();
    assert!(names(mega.search("/").label(Label::Blue)).await.is_empty());
}

#[tokio::test]
async fn a_search_as_a_stream_leaves_out_what_is_deleted_meanwhile_and_shows_what_is_now() {
    let world = World::new().await;
    let mega = &world.mega;
    for number in 0..20 {
        world.file(&format!("/dir/{number:02}.txt"), "x").await;
    }
    let all: Vec<_> = mega
        .search("/")
        .files()
        .stream()
        .try_collect()
        .await
        .unwrap();
    assert_eq!(all.len(), 20);
    let mut stream = mega.search("/").name("*.txt").stream();
    let first = stream.next().await.unwrap().unwrap();
    let rest: Vec<_> = all
        .iter()
        .filter(|node| node.handle() != first.handle())
        .collect();
    mega.delete(rest[0]).await.unwrap();
    mega.rename(rest[1], "renamed").await.unwrap();
    world.file("/dir/late.txt", "x").await;
    let seen: Vec<_> = stream.try_collect().await.unwrap();
    assert_eq!(seen.len(), 18);
    assert!(seen.iter().all(|node| node.handle() != rest[0].handle()));
    assert!(
        seen.iter().any(|node| node.name() == "renamed"),
        "it matched when it was asked"
    );
    assert!(seen.iter().all(|node| node.name() != "late.txt"));

    let error = mega.search("/nowhere").stream().next().await.unwrap();
    assert_eq!(error.unwrap_err().kind(), ErrorKind::NotFound);
}

//! Trees of a size that nobody lists by eye: very many nodes in one folder, and folders very far below each other.

use std::collections::HashSet;

use futures::{StreamExt, TryStreamExt};
use mega_client::{NodeKind, SortBy};
use mega_testserver::TestServer;

use crate::fs_world::World;
use crate::place::{EMAIL, PASSWORD, Place};

/// The figure of the issue is a million, which `cargo bench -p mega-benches --bench tree` times; here is what an unoptimised server makes in seconds.
const MANY: u32 = 100_000;

#[tokio::test(flavor = "multi_thread")]
async fn ls_11_very_many_nodes_in_one_folder_are_listed_once_each_and_found_without_a_request() {
    let server = TestServer::start().await.unwrap();
    let account = server.account(EMAIL, PASSWORD);
    account.generated_tree(1, MANY).create();
    let place = Place { server };
    let mega = place.sign_in().await;
    let asked = place.answered();

    let top = mega.list("/").await.unwrap().pop().unwrap();
    assert_eq!(top.kind(), NodeKind::Folder);
    let all = mega.list(&top).await.unwrap();
    assert_eq!(all.len(), MANY as usize);
    let handles: HashSet<_> = all.iter().map(|node| node.handle()).collect();
    assert_eq!(handles.len(), MANY as usize);
    assert!(all.iter().all(|node| node.trouble().is_none()));
    let names: HashSet<_> = all.iter().map(|node| node.name().to_owned()).collect();
    assert_eq!(names.len(), MANY as usize);

    let sorted = mega.list(&top).sort_by(SortBy::Name).await.unwrap();
    assert!(sorted.is_sorted_by(|one, next| one.name() < next.name()));
    let middle = &sorted[MANY as usize / 2];
    let path = mega.path_of(middle).unwrap();
    assert_eq!(mega.stat(&path).await.unwrap().handle(), middle.handle());
    let page = mega.list(&top).sorted().start_after(middle.name()).stream();
    let page: Vec<_> = page.take(3).try_collect().await.unwrap();
    let next = &sorted[MANY as usize / 2 + 1..][..3];
    assert!(
        page.iter()
            .map(|n| n.handle())
            .eq(next.iter().map(|n| n.handle()))
    );
    let usage = mega.usage("/").await.unwrap();
    assert_eq!((usage.files, usage.folders), (u64::from(MANY), 1));
    let found = mega.search("/").name(middle.name()).await.unwrap();
    assert_eq!(found.len(), 1);
    let below = mega.list("/").recursive().stream().count().await;
    assert_eq!(below, MANY as usize + 1);
    assert_eq!(place.answered(), asked, "no request was made");
}

#[tokio::test(flavor = "multi_thread")]
async fn ls_12_folders_10_000_below_each_other_are_made_listed_moved_copied_and_deleted() {
    const DEPTH: usize = 10_000;
    let world = World::new().await;
    let mega = &world.mega;
    let path = "/d".repeat(DEPTH);
    // As many missing levels in one request as one command takes.
    let (made, batches) = world.batches(mega.create_dir(&path)).await;
    let deepest = made.unwrap();
    assert_eq!(batches.len(), DEPTH / 1000, "{batches:?}");
    assert_eq!(mega.path_of(&deepest).as_deref(), Some(path.as_str()));

    let fresh = world.place.sign_in().await;
    let all = fresh.list("/").recursive().await.unwrap();
    assert_eq!(all.len(), DEPTH);
    assert_eq!(all.last().unwrap().handle(), deepest.handle());
    assert_eq!(fresh.stat(&path).await.unwrap().handle(), deepest.handle());
    let view = fresh.view("/d".repeat(DEPTH - 1)).unwrap();
    assert_eq!(view.list("/").await.unwrap()[0].handle(), deepest.handle());
    assert_eq!(fresh.usage("/").await.unwrap().folders, DEPTH as u64);
    let file = view.write("/d/file", "far below").await.unwrap();
    mega.refresh().await.unwrap();
    assert_eq!(
        mega.read(format!("{path}/file")).await.unwrap(),
        "far below"
    );

    let copied = mega.copy("/d", "/").rename("copy").await.unwrap();
    assert_eq!((copied.files(), copied.folders()), (1, DEPTH));
    mega.create_dir("/elsewhere").await.unwrap();
    mega.move_to("/d", "/elsewhere").await.unwrap();
    let moved = format!("/elsewhere{path}/file");
    assert_eq!(mega.path_of(&file).unwrap(), moved);
    assert_eq!(mega.dedupe("/").await.unwrap().duplicates().len(), 0);
    mega.delete_all(["/copy", "/elsewhere"])
        .await
        .into_result()
        .unwrap();
    assert!(world.paths().await.is_empty());
}

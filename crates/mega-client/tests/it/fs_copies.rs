//! Copies on the server.

use mega_client::{ErrorKind, OnConflict};
use mega_testserver::Fault;

use crate::fs_world::{World, handle, wire, write_attributes};
use crate::place::EMAIL;

#[tokio::test]
async fn cp_1_a_copy_has_the_same_content_and_the_source_is_untouched() {
    let world = World::new().await;
    let source = world.file("/a/x.txt", "content").await;
    world.folder("/b").await;
    let (copied, sent) = world
        .batches(async { world.mega.copy("/a/x.txt", "/b").await.unwrap() })
        .await;
    assert_eq!(sent, [["p"]]);
    assert_eq!((copied.files(), copied.folders()), (1, 0));
    let copy = copied.into_result().unwrap();
    assert_ne!(copy.handle(), source.handle());
    assert_eq!(world.mega.path_of(&copy).as_deref(), Some("/b/x.txt"));
    assert_eq!(
        (copy.size(), copy.modified()),
        (source.size(), source.modified())
    );
    assert_eq!(world.content(copy.handle()), "content");
    let same = world
        .mega
        .copy("/a/x.txt", "/a")
        .rename("y.txt")
        .await
        .unwrap();
    assert_eq!(world.content(same.node().handle()), "content");
    assert_eq!(
        world.paths().await,
        ["/a", "/a/x.txt", "/a/y.txt", "/b", "/b/x.txt"]
    );
    // A file keeps its key: that is what its content is encrypted with.
    let keys = world
        .model(|model| [source.handle(), copy.handle()].map(|node| model.node_key(wire(node))));
    assert_eq!(keys[0], keys[1]);
}

#[tokio::test]
async fn cp_2_folders_are_copied_whole_with_keys_of_their_own() {
    let world = World::new().await;
    for path in ["/tree/a/1", "/tree/a/2", "/tree/b/c/3"] {
        world.file(path, path).await;
    }
    world.folder("/tree/empty").await;
    let before = world.there("/tree").await.unwrap();
    let (copied, sent) = world
        .batches(async { world.mega.copy("/tree", "/").rename("copy").await.unwrap() })
        .await;
    assert_eq!(sent, [["p"]], "one command for the whole tree");
    assert_eq!((copied.files(), copied.folders()), (3, 5));
    let top = copied.into_result().unwrap();
    let fresh = world.place.sign_in().await;
    let list = |mega: mega_client::Client, path: &'static str| async move {
        let nodes = mega.list(path).recursive().sorted().await.unwrap();
        nodes
            .iter()
            .map(|node| mega.path_of(node).unwrap()[path.len()..].to_owned())
            .collect::<Vec<_>>()
    };
    for mega in [world.mega.clone(), fresh] {
        assert_eq!(
            list(mega.clone(), "/copy").await,
            list(mega.clone(), "/tree").await
        );
        let file = mega.stat("/copy/b/c/3").await.unwrap();
        assert_eq!(world.content(file.handle()), "/tree/b/c/3");
    }
    let keys =
        world.model(|model| [before.handle(), top.handle()].map(|node| model.node_key(wire(node))));
    assert_ne!(keys[0], keys[1]);
    assert_eq!(
        world.mega.copy("/none", "/").await.unwrap_err().kind(),
        ErrorKind::NotFound
    );
}

#[tokio::test]
async fn cp_3_a_taken_name_is_a_matter_of_policy() {
    let world = World::new().await;
    let mega = &world.mega;
    world.file("/new", "new").await;
    let old = world.file("/dir/new", "old").await;
    let error = mega.copy("/new", "/dir").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists, "{error}");
    let skipped = mega
        .copy("/new", "/dir")
        .on_conflict(OnConflict::Skip)
        .await
        .unwrap();
    assert_eq!(
        (skipped.node().handle(), skipped.already_there()),
        (old.handle(), 1)
    );
    assert_eq!(world.paths().await, ["/dir", "/dir/new", "/new"]);

    let both = mega
        .copy("/new", "/dir")
        .on_conflict(OnConflict::KeepBoth)
        .await
        .unwrap();
    assert_eq!(both.node().name(), "new (1)");

    let head = mega
        .copy("/new", "/dir")
        .on_conflict(OnConflict::Replace)
        .await
        .unwrap();
    let versions = mega.versions("/dir/new").await.unwrap();
    assert_eq!(
        versions
            .iter()
            .map(|node| node.handle())
            .collect::<Vec<_>>(),
        [old.handle()]
    );
    assert_eq!(world.content(head.node().handle()), "new");
    // The same content again changes nothing.
    let same = mega
        .copy("/new", "/dir")
        .on_conflict(OnConflict::Update)
        .await
        .unwrap();
    assert_eq!(
        (same.node().handle(), same.already_there()),
        (head.node().handle(), 1)
    );

    let third = mega
        .copy("/new", "/dir")
        .on_conflict(OnConflict::ReplaceToBin)
        .await
        .unwrap();
    assert_eq!(mega.versions("/dir/new").await.unwrap().len(), 0);
    let bin = mega.list(mega.rubbish_bin().unwrap()).await.unwrap();
    assert_eq!(
        bin.iter().map(|node| node.handle()).collect::<Vec<_>>(),
        [head.node().handle()]
    );
    assert_eq!(
        world.there("/dir/new").await.unwrap().handle(),
        third.node().handle()
    );

    let error = mega
        .copy("/new", "/")
        .on_conflict(OnConflict::Replace)
        .await
        .unwrap_err();
    assert_eq!(
        error.kind(),
        ErrorKind::Misuse,
        "a copy cannot replace its original: {error}"
    );
}

#[tokio::test]
async fn cp_4_a_specific_version_can_be_copied() {
    let world = World::new().await;
    let mega = &world.mega;
    world.file("/x", "first").await;
    world.file("/y", "second").await;
    mega.copy("/y", "/")
        .rename("x")
        .on_conflict(OnConflict::Replace)
        .await
        .unwrap();
    let older = mega.versions("/x").await.unwrap().remove(0);
    let copy = mega.copy(&older, "/").rename("was x").await.unwrap();
    assert_eq!(world.content(copy.node().handle()), "first");
    assert!(!copy.node().is_version());
    assert_eq!(mega.versions("/x").await.unwrap().len(), 1);
    // Versions are not copied along.
    let copy = mega.copy("/x", "/").rename("z").await.unwrap();
    assert_eq!(mega.versions(copy.node()).await.unwrap().len(), 0);
}

#[tokio::test]
async fn cp_5_key_6_nodes_that_fail_the_key_checks_are_not_copied() {
    let world = World::new().await;
    let bad = world.file("/dir/bad", "x").await.handle();
    let inner = world.file("/dir/sub/inner", "x").await.handle();
    let sub = world.mega.stat("/dir/sub").await.unwrap().handle();
    world.file("/dir/good", "x").await;
    spoil(&world, bad);
    spoil(&world, sub);
    let mega = world.place.sign_in().await;
    let (error, sent) = world
        .batches(async { mega.copy(bad, "/").await.unwrap_err() })
        .await;
    assert_eq!(
        (error.kind(), error.handles()),
        (ErrorKind::Key, &[bad][..]),
        "{error}"
    );
    assert!(sent.is_empty());

    let copied = mega.copy("/dir", "/").rename("copy").await.unwrap();
    assert_eq!((copied.files(), copied.folders()), (1, 1));
    let mut withheld = copied.withheld().to_vec();
    withheld.sort_unstable();
    let mut expected = vec![bad, sub, inner];
    expected.sort_unstable();
    assert_eq!(withheld, expected);
    assert_eq!(copied.into_result().unwrap_err().kind(), ErrorKind::Key);
}

/// Gives a node a key that is not its own: two blocks that the server chose.
fn spoil(world: &World, node: mega_client::NodeHandle) {
    world.model(|model| {
        let file = model.node_key(wire(node)).unwrap().len() == 32;
        let owner = model.user(EMAIL).unwrap().handle;
        let key = if file {
            "A".repeat(42) + "E"
        } else {
            "A".repeat(21) + "Q"
        };
        model.tamper_key(wire(node), &format!("{owner}:{key}"));
    });
}

#[tokio::test]
async fn cp_6_an_interrupted_copy_is_continued_without_duplicates() {
    let world = World::new().await;
    world.model(|model| {
        for n in 0..1200 {
            model.make_file(EMAIL, &format!("/big/{}/{n}", n % 10), b"x", 0);
        }
    });
    world.mega.refresh().await.unwrap();
    // The second command of the copy fails.
    world
        .server()
        .faults()
        .add(Fault::command("p").code(-11).skip(1));
    let first = world.mega.copy("/big", "/").rename("copy").await.unwrap();
    assert!(!first.failed().is_empty());
    assert_eq!(first.failed()[0].1.kind(), ErrorKind::AccessDenied);
    let there = world.mega.list("/copy").recursive().await.unwrap().len();
    assert!(there < 1210);

    let second = world
        .mega
        .copy("/big", "/")
        .rename("copy")
        .merge()
        .await
        .unwrap();
    assert_eq!(first.files() + second.files(), 1200);
    assert_eq!(second.already_there(), first.files());
    assert_eq!(second.node().handle(), first.node().handle());
    assert_eq!(
        world.mega.list("/copy").recursive().await.unwrap().len(),
        1210
    );
    let third = world
        .mega
        .copy("/big", "/")
        .rename("copy")
        .merge()
        .await
        .unwrap();
    assert_eq!(
        (third.files(), third.folders(), third.already_there()),
        (0, 0, 1200)
    );
}

#[tokio::test]
async fn rr_is_dropped_and_other_attributes_are_kept() {
    let world = World::new().await;
    let file = world.file("/x", "content").await;
    let odd = r#"{"n":"x","rr":"AAAAAAAA","zz":[1,  2],"c":"whatever"}"#;
    write_attributes(&world, file.handle(), odd);
    world.mega.refresh().await.unwrap();
    let copy = world.mega.copy("/x", "/").rename("y").await.unwrap();
    assert_eq!(
        world.attributes(copy.node().handle()),
        r#"{"n":"y","zz":[1,  2],"c":"whatever"}"#
    );
}

#[tokio::test]
async fn rty_7_a_lost_reply_makes_no_second_copy() {
    let world = World::new().await;
    world.file("/x", "content").await;
    world
        .server()
        .faults()
        .add(Fault::command("p").lose_reply());
    world.mega.copy("/x", "/").rename("y").await.unwrap();
    assert_eq!(world.paths().await, ["/x", "/y"]);
}

#[tokio::test]
async fn over_quota_is_said_so() {
    let world = World::new().await;
    world.file("/x", "content").await;
    world.model(|model| model.user_mut(EMAIL).unwrap().quota = 8);
    let error = world.mega.copy("/x", "/").rename("y").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OverStorageQuota, "{error}");
    assert_eq!(error.operation(), Some("copy"));
    let there = world.model(|model| model.find(EMAIL, "/x")).map(handle);
    assert!(there.is_some());
}

#[tokio::test]
async fn can_1_a_copy_is_counted_node_by_node_and_stopped_from_elsewhere() {
    let world = World::new().await;
    for path in ["/tree/a/1", "/tree/a/2", "/tree/b/c/3"] {
        world.file(path, path).await;
    }
    let progress = mega_client::Progress::new();
    let copied = world
        .mega
        .copy("/tree", "/")
        .rename("copy")
        .progress(&progress);
    let copied = copied.await.unwrap();
    assert_eq!((copied.files(), copied.folders()), (3, 4));
    assert_eq!((progress.items_done(), progress.items_total()), (7, 7));
    progress.cancel();
    let again = world
        .mega
        .copy("/tree", "/")
        .rename("other")
        .progress(&progress);
    assert_eq!(again.await.unwrap_err().kind(), ErrorKind::Cancelled);
    assert!(!world.mega.exists("/other").await.unwrap());
}

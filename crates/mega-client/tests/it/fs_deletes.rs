//! The rubbish bin, deleting for good, and versions.

use std::time::{Duration, SystemTime};

use mega_client::{ErrorKind, NodeHandle, OnConflict};

use crate::fs_world::{World, wire};
use crate::place::EMAIL;

#[tokio::test]
async fn de_1_a_deleted_file_is_gone_in_both_clients() {
    let world = World::new().await;
    let file = world.file("/x", "x").await;
    world.mega.delete("/x").await.unwrap();
    assert!(world.there("/x").await.is_none());
    // DE-2, ST-11
    let error = world.mega.delete("/x").await.unwrap_err();
    assert_eq!(
        (error.kind(), error.operation()),
        (ErrorKind::NotFound, Some("delete")),
        "{error}"
    );
    assert_eq!(
        world.mega.delete(&file).await.unwrap_err().kind(),
        ErrorKind::NotFound
    );
}

#[tokio::test]
async fn de_3_the_bin_keeps_what_is_thrown_away_until_it_is_restored() {
    let world = World::new().await;
    let mega = &world.mega;
    world.file("/dir/sub/x", "x").await;
    let before = world.attributes(mega.stat("/dir/sub").await.unwrap().handle());
    let (trashed, sent) = world
        .batches(async { mega.trash("/dir/sub").await.unwrap() })
        .await;
    assert_eq!(sent, [["a", "m"]], "the note and the move travel together");
    assert_eq!(mega.path_of(&trashed), None);
    assert_eq!(trashed.parent(), Some(mega.rubbish_bin().unwrap().handle()));
    assert_eq!(
        trashed.restores_to(),
        Some(mega.stat("/dir").await.unwrap().handle())
    );
    assert_eq!(world.paths().await, ["/dir"]);
    // Once more is no change.
    let (again, sent) = world
        .batches(async { mega.trash(&trashed).await.unwrap() })
        .await;
    assert_eq!((again.handle(), sent.len()), (trashed.handle(), 0));

    let back = mega.restore(&trashed).await.unwrap();
    assert_eq!(mega.path_of(&back).as_deref(), Some("/dir/sub"));
    assert_eq!(world.paths().await, ["/dir", "/dir/sub", "/dir/sub/x"]);
    assert_eq!(
        world.attributes(back.handle()),
        before,
        "nothing of the note is left"
    );
    assert_eq!(
        mega.restore(&back).await.unwrap_err().kind(),
        ErrorKind::Misuse
    );
}

#[tokio::test]
async fn de_3_restoring_finds_another_place_when_the_old_one_is_gone_or_taken() {
    let world = World::new().await;
    let mega = &world.mega;
    world.file("/dir/x", "old").await;
    let trashed = mega.trash("/dir/x").await.unwrap();
    let new = world.file("/dir/x", "new").await;
    let error = mega.restore(&trashed).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.handles()),
        (ErrorKind::AlreadyExists, &[new.handle()][..]),
        "{error}"
    );
    let back = mega
        .restore(&trashed)
        .on_conflict(OnConflict::KeepBoth)
        .await
        .unwrap();
    assert_eq!(mega.path_of(&back).as_deref(), Some("/dir/x (1)"));

    let trashed = mega.trash(&back).await.unwrap();
    mega.delete("/dir").await.unwrap();
    let error = mega.restore(&trashed).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    let back = mega.restore(&trashed).to("/").await.unwrap();
    assert_eq!(mega.path_of(&back).as_deref(), Some("/x (1)"));
    assert_eq!(back.restores_to(), None);
}

#[tokio::test]
async fn de_3_trash_of_a_linked_node_removes_its_links() {
    let world = World::new().await;
    let mega = &world.mega;
    world.file("/dir/x", "x").await;
    let file = mega.link("/dir/x").await.unwrap();
    let folder = mega.link("/dir").await.unwrap();
    mega.trash("/dir").await.unwrap();
    assert!(mega.links().is_empty());
    for link in [file, folder] {
        let error = world
            .place
            .builder()
            .open_link(link.url())
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    }
}

#[tokio::test]
async fn de_4_bulk_deletion_has_a_result_for_each_item() {
    let world = World::new().await;
    let paths: Vec<String> = (0..1000).map(|n| format!("/many/{n}")).collect();
    world.model(|model| {
        for path in &paths {
            model.make_file(EMAIL, path, b"x", 0);
        }
    });
    world.mega.refresh().await.unwrap();
    let mut wanted = paths.clone();
    wanted.insert(500, "/many/none".into());
    let (gone, sent) = world.batches(world.mega.delete_all(&wanted)).await;
    assert_eq!(gone.len(), 1001);
    assert_eq!(gone.successes().count(), 1000);
    let failures: Vec<_> = gone
        .failures()
        .map(|(target, error)| (target.to_string(), error.kind()))
        .collect();
    assert_eq!(failures, [("/many/none".to_owned(), ErrorKind::NotFound)]);
    assert!(sent.len() <= 3, "{} requests", sent.len());
    assert_eq!(world.paths().await, ["/many"]);
}

#[tokio::test]
async fn a_folder_and_something_below_it_can_be_deleted_together() {
    let world = World::new().await;
    let file = world.file("/a/b", "x").await;
    let folder = world.mega.stat("/a").await.unwrap();
    world
        .mega
        .delete_all([folder, file])
        .await
        .into_result()
        .unwrap();
    assert!(world.paths().await.is_empty());
}

#[tokio::test]
async fn the_bin_is_emptied_whole_or_by_age() {
    let world = World::new().await;
    let mega = &world.mega;
    for path in ["/a", "/b", "/dir/c"] {
        world.file(path, "x").await;
        mega.trash(path).await.unwrap();
    }
    assert_eq!(
        mega.empty_rubbish_bin()
            .older_than(Duration::from_secs(3600))
            .await
            .unwrap(),
        0
    );
    let later = SystemTime::now() + Duration::from_secs(3600);
    assert_eq!(
        mega.empty_rubbish_bin()
            .created_before(later)
            .await
            .unwrap(),
        3
    );
    for path in ["/d", "/e"] {
        world.file(path, "x").await;
    }
    mega.trash_all(["/d", "/e"]).await.into_result().unwrap();
    let (count, sent) = world
        .batches(async { mega.empty_rubbish_bin().await.unwrap() })
        .await;
    assert_eq!((count, sent), (2, vec![vec!["dr".to_owned()]]));
    assert!(
        mega.list(mega.rubbish_bin().unwrap())
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(mega.empty_rubbish_bin().await.unwrap(), 0);
    assert_eq!(world.paths().await, ["/dir"]);
}

#[tokio::test]
async fn an_unknown_deletion_is_settled_by_looking() {
    let world = World::new().await;
    world.file("/x", "x").await;
    world
        .server()
        .faults()
        .add(mega_testserver::Fault::command("d").lose_reply());
    world.mega.delete("/x").await.unwrap();
    assert!(world.there("/x").await.is_none());
}

/// A file at `/x` with the contents `1` to `n`, the last one current.
async fn versions(world: &World, n: u32) -> Vec<NodeHandle> {
    world.file("/x", "1").await;
    for number in 2..=n {
        let path = format!("/new {number}");
        world.file(&path, &number.to_string()).await;
        world
            .mega
            .copy(&path, "/")
            .rename("x")
            .on_conflict(OnConflict::Replace)
            .await
            .unwrap();
        world.mega.delete(&path).await.unwrap();
    }
    let mut chain = vec![world.mega.stat("/x").await.unwrap().handle()];
    chain.extend(
        world
            .mega
            .versions("/x")
            .await
            .unwrap()
            .iter()
            .map(|node| node.handle()),
    );
    assert_eq!(chain.len(), n as usize);
    chain
}

fn contents(world: &World, chain: &[NodeHandle]) -> String {
    chain.iter().map(|node| world.content(*node)).collect()
}

#[tokio::test]
async fn de_5_one_version_or_all_older_ones_are_deleted_and_the_head_is_right() {
    let world = World::new().await;
    let mega = &world.mega;
    let chain = versions(&world, 5).await;
    assert_eq!(contents(&world, &chain), "54321");
    mega.delete_version(chain[2]).await.unwrap();
    let left = |world: &World| {
        let mega = world.mega.clone();
        async move {
            let mut left = vec![mega.stat("/x").await.unwrap().handle()];
            left.extend(
                mega.versions("/x")
                    .await
                    .unwrap()
                    .iter()
                    .map(|node| node.handle()),
            );
            left
        }
    };
    assert_eq!(contents(&world, &left(&world).await), "5421");
    mega.delete_version(chain[0]).await.unwrap();
    assert_eq!(contents(&world, &left(&world).await), "421");
    assert_eq!(world.there("/x").await.unwrap().handle(), chain[1]);
    assert_eq!(mega.delete_versions("/x").await.unwrap(), 2);
    assert_eq!(contents(&world, &left(&world).await), "4");
    assert_eq!(mega.delete_versions("/x").await.unwrap(), 0);
    assert_eq!(
        mega.delete_versions("/").await.unwrap_err().kind(),
        ErrorKind::IsADirectory
    );
    let fresh = world.place.sign_in().await;
    assert!(fresh.versions("/x").await.unwrap().is_empty());
}

#[tokio::test]
async fn an_older_version_becomes_current_again_and_nothing_is_lost() {
    let world = World::new().await;
    let mega = &world.mega;
    let chain = versions(&world, 3).await;
    mega.rename("/x", "renamed").await.unwrap();
    let head = mega.restore_version(chain[2]).await.unwrap();
    assert_eq!(
        mega.path_of(&head).as_deref(),
        Some("/renamed"),
        "the name of today stays"
    );
    assert_eq!(world.content(head.handle()), "1");
    assert_eq!(world.mega.versions("/renamed").await.unwrap().len(), 3);
    assert_eq!(world.paths().await, ["/renamed"]);
    assert_eq!(
        mega.restore_version(&head).await.unwrap_err().kind(),
        ErrorKind::Misuse
    );
    for call in [
        mega.rename(chain[2], "no").await.err(),
        mega.move_to(chain[2], "/").await.err(),
    ] {
        assert_eq!(call.unwrap().kind(), ErrorKind::Misuse);
    }
}

#[tokio::test]
async fn all_versions_of_the_account_are_deleted() {
    let world = World::new().await;
    versions(&world, 3).await;
    world.mega.delete_all_versions().await.unwrap();
    assert!(world.mega.versions("/x").await.unwrap().is_empty());
    assert_eq!(
        world.content(world.there("/x").await.unwrap().handle()),
        "3"
    );
}

#[tokio::test]
async fn only_what_is_old_leaves_the_bin() {
    const DAY: Duration = Duration::from_secs(24 * 3600);
    for by_age in [true, false] {
        let world = World::new().await;
        let mega = &world.mega;
        let clock = world.server().clock();
        clock.rewind(2 * DAY);
        world.file("/old", "x").await;
        clock.advance(2 * DAY);
        world.file("/new", "x").await;
        for path in ["/old", "/new"] {
            mega.trash(path).await.unwrap();
        }
        let call = mega.empty_rubbish_bin();
        let call = if by_age {
            call.older_than(DAY)
        } else {
            call.created_before(SystemTime::now() - DAY)
        };
        assert_eq!(call.await.unwrap(), 1);
        let left = mega.list(mega.rubbish_bin().unwrap()).await.unwrap();
        let left: Vec<_> = left.iter().map(|node| node.name()).collect();
        assert_eq!(left, ["new"]);
    }
}

#[tokio::test]
async fn many_go_back_to_where_each_came_from_in_few_requests() {
    let world = World::new().await;
    let mega = &world.mega;
    let paths: Vec<String> = (0..100).map(|n| format!("/from {}/{n}", n % 10)).collect();
    mega.create_dirs(&paths).await.into_result().unwrap();
    let binned = mega.trash_all(&paths).await.into_result().unwrap();
    mega.delete("/from 3").await.unwrap();
    let (back, sent) = world.batches(mega.restore_all(&binned)).await;
    assert!(sent.len() <= 5, "{} requests", sent.len());
    assert_eq!(back.successes().count(), 90);
    for ((_, result), path) in back.iter().zip(&paths) {
        match result {
            Ok(node) => assert_eq!(mega.path_of(node).as_ref(), Some(path)),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
                assert!(path.starts_with("/from 3/"), "{path}");
            }
        }
    }
    let left = mega.list(mega.rubbish_bin().unwrap()).await.unwrap();
    assert_eq!(left.len(), 10);
}

#[tokio::test]
async fn a_node_that_is_being_restored_by_somebody_else_is_restored() {
    let world = World::new().await;
    let mega = &world.mega;
    let node = world.file("/dir/x.txt", "x").await;
    mega.trash(&node).await.unwrap();
    // Half of it has arrived here: the note is gone, and the node still lies in the bin.
    crate::fs_world::write_attributes(&world, node.handle(), r#"{"n":"x.txt"}"#);
    mega.refresh().await.unwrap();
    let error = mega.restore(&node).await.unwrap_err();
    assert_eq!(
        error.kind(),
        ErrorKind::NotFound,
        "nobody knows where to: {error}"
    );
    let folder = mega.stat("/dir").await.unwrap().handle();
    world.model(|model| {
        let (node, folder) = (wire(node.handle()), wire(folder));
        assert!(model.move_to(node, folder));
    });
    let restored = mega.restore(&node).await.unwrap();
    assert_eq!(restored.handle(), node.handle());
    assert_eq!(mega.path_of(&restored).unwrap(), "/dir/x.txt");
}

//! Renaming and moving.

use mega_client::{ErrorKind, OnConflict};

use crate::fs_world::World;
use crate::place::EMAIL;

#[tokio::test]
async fn mv_1_rename_move_and_both_at_once() {
    let world = World::new().await;
    let file = world.file("/a/x.txt", "content").await;
    world.folder("/b").await;
    let mega = &world.mega;

    let (node, sent) = world
        .batches(async { mega.rename("/a/x.txt", "y.txt").await.unwrap() })
        .await;
    assert_eq!((node.name(), node.handle()), ("y.txt", file.handle()));
    assert_eq!(sent, [["a"]]);
    let (node, sent) = world
        .batches(async { mega.move_to("/a/y.txt", "/b").await.unwrap() })
        .await;
    assert_eq!(mega.path_of(&node).as_deref(), Some("/b/y.txt"));
    assert_eq!(sent, [["m"]]);

    // Names that are in the way of either half do not disturb the whole.
    world.file("/a/y.txt", "other").await;
    world.file("/b/z.txt", "other").await;
    let (node, sent) = world
        .batches(async {
            mega.move_to("/b/y.txt", "/a")
                .rename("z.txt")
                .await
                .unwrap()
        })
        .await;
    assert_eq!(mega.path_of(&node).as_deref(), Some("/a/z.txt"));
    assert_eq!(sent, [["a", "m"]], "both travel in one request");
    assert_eq!(
        world.paths().await,
        ["/a", "/a/y.txt", "/a/z.txt", "/b", "/b/z.txt"]
    );
    // MV-10
    let node = world.there("/a/z.txt").await.unwrap();
    assert_eq!(node.handle(), file.handle());
    assert_eq!(
        (node.size(), node.modified_unix()),
        (7, Some(1_700_000_000))
    );
    assert_eq!(world.content(node.handle()), "content");
}

#[tokio::test]
async fn mv_2_a_missing_source_or_target_is_not_found_and_nothing_is_made() {
    let world = World::new().await;
    world.file("/x", "x").await;
    let (errors, sent) = world
        .batches(async {
            [
                world.mega.rename("/none", "name").await.unwrap_err(),
                world.mega.move_to("/none", "/").await.unwrap_err(),
                world.mega.move_to("/x", "/nowhere").await.unwrap_err(),
            ]
        })
        .await;
    for error in &errors {
        assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    }
    assert_eq!(errors[2].subject(), Some("/nowhere"));
    assert_eq!(
        world.mega.move_to("/x", "/x").await.unwrap_err().kind(),
        ErrorKind::NotADirectory
    );
    assert!(sent.is_empty());
    assert_eq!(world.paths().await, ["/x"]);
}

#[tokio::test]
async fn mv_3_onto_itself_nothing_happens() {
    let world = World::new().await;
    let file = world.file("/dir/x", "x").await;
    let (results, sent) = world
        .batches(async {
            [
                world.mega.rename("/dir/x", "x").await.unwrap(),
                world.mega.move_to("/dir/x", "/dir").await.unwrap(),
                world
                    .mega
                    .move_to("/dir/x", "/dir")
                    .rename("x")
                    .on_conflict(OnConflict::Replace)
                    .await
                    .unwrap(),
            ]
        })
        .await;
    assert!(results.iter().all(|node| node.handle() == file.handle()));
    assert!(sent.is_empty(), "{sent:?}");
    assert_eq!(world.paths().await, ["/dir", "/dir/x"]);
}

#[tokio::test]
async fn mv_4_a_taken_name_is_a_matter_of_policy() {
    let world = World::new().await;
    let mega = &world.mega;
    let make = || async {
        world.file("/from/x.txt", "new").await;
        world.file("/to/x.txt", "old").await
    };
    let old = make().await;
    let error = mega.move_to("/from/x.txt", "/to").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists, "{error}");
    assert_eq!(error.handles(), [old.handle()]);
    let error = mega.rename("/from/x.txt", "y").await.map(drop).err();
    assert!(error.is_none());
    mega.rename("/from/y", "x.txt").await.unwrap();

    let node = mega
        .move_to("/from/x.txt", "/to")
        .on_conflict(OnConflict::KeepBoth)
        .await
        .unwrap();
    assert_eq!(node.name(), "x (1).txt");
    mega.move_to(&node, "/from").rename("x.txt").await.unwrap();

    let node = mega
        .move_to("/from/x.txt", "/to")
        .on_conflict(OnConflict::Skip)
        .await
        .unwrap();
    assert_eq!(
        mega.path_of(&node).as_deref(),
        Some("/from/x.txt"),
        "it stays where it is"
    );

    let node = mega
        .move_to("/from/x.txt", "/to")
        .on_conflict(OnConflict::Replace)
        .await
        .unwrap();
    assert_eq!(mega.path_of(&node).as_deref(), Some("/to/x.txt"));
    assert_eq!(world.content(node.handle()), "new");
    assert_eq!(world.paths().await, ["/from", "/to", "/to/x.txt"]);
    let bin = mega.list(mega.rubbish_bin().unwrap()).await.unwrap();
    assert_eq!(
        bin.iter().map(|node| node.handle()).collect::<Vec<_>>(),
        [old.handle()]
    );
    assert_eq!(world.content(old.handle()), "old", "nothing is lost");

    // A folder never replaces a file, nor the reverse.
    world.folder("/dir/x.txt").await;
    let error = mega
        .move_to("/to/x.txt", "/dir")
        .on_conflict(OnConflict::Replace)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::IsADirectory, "{error}");
    let error = mega
        .move_to("/dir/x.txt", "/to")
        .on_conflict(OnConflict::ReplaceToBin)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotADirectory, "{error}");
    let both = mega
        .move_to("/dir/x.txt", "/to")
        .on_conflict(OnConflict::Duplicate)
        .await
        .unwrap();
    assert!(both.is_folder());
    assert_eq!(mega.find_all("/to/x.txt").unwrap().len(), 2);
}

#[tokio::test]
async fn mv_4_rty_10_the_name_is_looked_up_in_an_up_to_date_tree() {
    let world = World::new().await;
    world.file("/a", "a").await;
    // Made by another client; ours has not heard of it.
    world
        .model(|model| model.make_file(EMAIL, "/b", b"b", 0))
        .unwrap();
    let error = world.mega.rename("/a", "b").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists, "{error}");
    // And the reverse: what was in the way is gone.
    world.model(|model| {
        let b = model.find(EMAIL, "/b").unwrap();
        model.rename(b, "c")
    });
    world.mega.rename("/a", "b").await.unwrap();
    assert_eq!(world.paths().await, ["/b", "/c"]);
}

#[tokio::test]
async fn mv_5_folders_keep_everything_below_and_cost_one_request() {
    let world = World::new().await;
    for n in 0..50 {
        world.model(|model| model.make_file(EMAIL, &format!("/deep/{}/{n}", n % 5), b"x", 0));
    }
    world.mega.refresh().await.unwrap();
    world.folder("/elsewhere").await;
    let before: Vec<_> = world
        .mega
        .list("/deep")
        .recursive()
        .sorted()
        .await
        .unwrap()
        .iter()
        .map(|n| n.handle())
        .collect();
    let (_, sent) = world
        .batches(async {
            world
                .mega
                .move_to("/deep", "/elsewhere")
                .rename("new")
                .await
                .unwrap()
        })
        .await;
    assert_eq!(sent, [["a", "m"]]);
    let fresh = world.place.sign_in().await;
    for mega in [&world.mega, &fresh] {
        let after = mega
            .list("/elsewhere/new")
            .recursive()
            .sorted()
            .await
            .unwrap();
        assert_eq!(after.iter().map(|n| n.handle()).collect::<Vec<_>>(), before);
    }
}

#[tokio::test]
async fn mv_6_a_folder_never_goes_into_itself() {
    let world = World::new().await;
    world.folder("/a/b/c").await;
    let (errors, sent) = world
        .batches(async {
            [
                world.mega.move_to("/a", "/a").await.unwrap_err(),
                world.mega.move_to("/a", "/a/b/c").await.unwrap_err(),
                world.mega.copy("/a", "/a/b").await.unwrap_err(),
            ]
        })
        .await;
    for error in errors {
        assert_eq!(error.kind(), ErrorKind::Misuse, "{error}");
    }
    assert!(sent.is_empty());
    assert_eq!(world.paths().await, ["/a", "/a/b", "/a/b/c"]);
}

#[tokio::test]
async fn mv_7_only_the_case_changes() {
    let world = World::new().await;
    world.file("/readme", "x").await;
    world.mega.rename("/readme", "README").await.unwrap();
    assert_eq!(world.paths().await, ["/README"]);
}

#[tokio::test]
async fn mv_9_nod_7_other_attributes_stay_as_they_are_byte_for_byte() {
    let world = World::new().await;
    let file = world.file("/odd", "content").await;
    let odd = r#"{"n":"odd","zz":[1, 2,{"x":null}],"c":"FINGERPRINT","fav":"1","_app":"ä\u00e4","lbl":3}"#;
    set_attributes(&world, file.handle(), odd).await;
    world.mega.rename("/odd", "even").await.unwrap();
    assert_eq!(
        world.attributes(file.handle()),
        odd.replacen("odd", "even", 1)
    );
    world.folder("/dir").await;
    world.mega.move_to("/even", "/dir").await.unwrap();
    assert_eq!(
        world.attributes(file.handle()),
        odd.replacen("odd", "even", 1)
    );
    let trashed = world.mega.trash("/dir/even").await.unwrap();
    world.mega.restore(&trashed).await.unwrap();
    assert_eq!(
        world.attributes(file.handle()),
        odd.replacen("odd", "even", 1)
    );
}

/// Gives a node attributes that no client of ours would write.
async fn set_attributes(world: &World, node: mega_client::NodeHandle, json: &str) {
    crate::fs_world::write_attributes(world, node, json);
    world.mega.refresh().await.unwrap();
}

#[tokio::test]
async fn many_moves_travel_together() {
    let world = World::new().await;
    let paths: Vec<String> = (0..100).map(|n| format!("/from/{n}")).collect();
    for path in &paths {
        world.model(|model| model.make_file(EMAIL, path, b"x", 0));
    }
    world.folder("/to").await;
    let (moved, sent) = world
        .batches(async { world.mega.move_all(&paths, "/to").await })
        .await;
    assert_eq!(moved.successes().count(), 100);
    assert!(sent.len() <= 5, "{} requests", sent.len());
    assert_eq!(world.mega.list("/to").await.unwrap().len(), 100);
    let again = world.mega.move_all(&paths, "/to").await;
    assert_eq!(
        again
            .failures()
            .filter(|(_, error)| error.kind() == ErrorKind::NotFound)
            .count(),
        100
    );
}

#[tokio::test]
async fn an_unknown_outcome_is_settled_by_looking() {
    let world = World::new().await;
    world.file("/x", "x").await;
    world.folder("/dir").await;
    for (command, fault) in [("m", 1), ("a", 1)] {
        world.server().faults().add(
            mega_testserver::Fault::command(command)
                .lose_reply()
                .times(fault),
        );
    }
    world.mega.move_to("/x", "/dir").rename("y").await.unwrap();
    assert_eq!(world.paths().await, ["/dir", "/dir/y"]);
}

// Whoever gives up between two requests would leave half of it: a node in the bin that no longer tells where it came from.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn gn_4_a_new_name_and_a_new_place_travel_in_one_request_whatever_other_threads_do() {
    let world = World::new().await;
    let mega = &world.mega;
    let node = world.file("/x", "x").await;
    for _ in 0..50 {
        mega.trash(&node).await.unwrap();
        let (restored, batches) = world.batches(mega.restore(&node)).await;
        assert_eq!(restored.unwrap().handle(), node.handle());
        let changes = |batch: &Vec<String>| {
            let changes = batch.iter().filter(|name| ["a", "m"].contains(&&***name));
            changes.cloned().collect::<Vec<_>>()
        };
        let changes: Vec<_> = batches.iter().map(changes).collect();
        assert!(
            changes.contains(&vec!["a".into(), "m".into()]),
            "{batches:?}"
        );
    }
}

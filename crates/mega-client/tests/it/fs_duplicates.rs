//! Cleaning up names that occur twice, and searching.

use std::time::{Duration, SystemTime};

use mega_client::{Dedupe, DedupeMode, ErrorKind, OnConflict, Progress, SameBy};

use crate::fs_world::{World, handle, wire};
use crate::place::EMAIL;

/// Three files of one name: two with the same content, one larger and older.
async fn three(world: &World) -> [mega_client::NodeHandle; 3] {
    world.folder("/dir").await;
    let made = world.model(|model| {
        [
            model.make_file(EMAIL, "/dir/x.txt", b"same content, longer than 16", 2_000),
            model.make_file(EMAIL, "/dir/x.txt", b"same content, longer than 16", 3_000),
            model.make_file(
                EMAIL,
                "/dir/x.txt",
                b"another content, which is longer than that",
                1_000,
            ),
        ]
    });
    world.mega.refresh().await.unwrap();
    made.map(|made| handle(made.unwrap()))
}

async fn left(world: &World, dedupe: Dedupe) -> Vec<mega_client::NodeHandle> {
    let report = dedupe.await.unwrap();
    assert!(report.failed().is_empty(), "{report:?}");
    let mut left: Vec<_> = world
        .mega
        .find_all("/dir/x.txt")
        .unwrap()
        .iter()
        .map(|n| n.handle())
        .collect();
    left.sort_unstable();
    left
}

#[tokio::test]
async fn each_mode_keeps_what_rclone_keeps() {
    for (mode, kept) in [
        (DedupeMode::First, &[0][..]),
        (DedupeMode::Newest, &[1]),
        (DedupeMode::Oldest, &[2]),
        (DedupeMode::Largest, &[2]),
        (DedupeMode::Smallest, &[0]),
        (DedupeMode::Skip, &[0, 2]),
        (DedupeMode::List, &[0, 1, 2]),
    ] {
        let world = World::new().await;
        let files = three(&world).await;
        let dry = world.mega.dedupe("/").mode(mode).dry_run().await.unwrap();
        assert_eq!(
            world.mega.find_all("/dir/x.txt").unwrap().len(),
            3,
            "{mode:?}"
        );
        assert_eq!(dry.duplicates()[0].path.as_deref(), Some("/dir/x.txt"));
        assert_eq!(dry.duplicates()[0].kept.len(), kept.len(), "{mode:?}");
        let left = left(&world, world.mega.dedupe("/").mode(mode)).await;
        let mut expected: Vec<_> = kept.iter().map(|&at| files[at]).collect();
        expected.sort_unstable();
        assert_eq!(left, expected, "{mode:?}");
        let bin = world
            .mega
            .list(world.mega.rubbish_bin().unwrap())
            .await
            .unwrap();
        assert_eq!(
            bin.len(),
            3 - kept.len(),
            "{mode:?}: what goes can come back"
        );
    }
}

#[tokio::test]
async fn renaming_keeps_all_contents_under_different_names() {
    let world = World::new().await;
    three(&world).await;
    let report = world
        .mega
        .dedupe("/")
        .mode(DedupeMode::Rename)
        .same_by(SameBy::Nothing)
        .await
        .unwrap();
    assert!(report.failed().is_empty(), "{report:?}");
    assert_eq!(
        world.paths().await,
        ["/dir", "/dir/x (1).txt", "/dir/x (2).txt", "/dir/x.txt"]
    );
}

#[tokio::test]
async fn what_counts_as_the_same_can_be_chosen() {
    for (rule, count) in [
        (SameBy::Fingerprint, 2),
        (SameBy::Key, 3),
        (SameBy::Nothing, 3),
        (SameBy::Size, 2),
    ] {
        let world = World::new().await;
        three(&world).await;
        let left = left(
            &world,
            world.mega.dedupe("/dir").same_by(rule).delete_for_good(),
        )
        .await;
        assert_eq!(left.len(), count, "{rule:?}");
        let bin = world.mega.rubbish_bin().unwrap();
        let binned = world.mega.list(bin).await.unwrap().len();
        // A fingerprint is no proof.
        assert_eq!(binned, usize::from(rule == SameBy::Fingerprint), "{rule:?}");
    }
}

#[tokio::test]
async fn a_copy_has_the_key_of_its_original_and_what_is_as_large_only_the_size() {
    for (rule, count) in [(SameBy::Key, 2), (SameBy::Size, 1)] {
        let world = World::new().await;
        let original = world.file("/dir/x.txt", "one content").await;
        world.file("/other", "two content").await;
        let mega = &world.mega;
        let second = mega.copy(&original, "/dir").rename("x.txt");
        second
            .on_conflict(OnConflict::Duplicate)
            .await
            .unwrap()
            .into_result()
            .unwrap();
        let third = mega.move_to("/other", "/dir").rename("x.txt");
        third.on_conflict(OnConflict::Duplicate).await.unwrap();
        let left = left(&world, mega.dedupe("/dir").same_by(rule)).await;
        assert_eq!(left.len(), count, "{rule:?}");
    }
}

#[tokio::test]
async fn folders_of_one_name_are_merged_at_every_level() {
    let world = World::new().await;
    let mega = &world.mega;
    for path in [
        "/a/sub/1",
        "/a/2",
        "/b/sub/3",
        "/b/sub/deep/4",
        "/b/other/5",
        "/c/sub/deep/6",
    ] {
        world.file(path, path).await;
    }
    for path in ["/b", "/c"] {
        let node = mega.stat(path).await.unwrap();
        world.model(|model| model.rename(wire(node.handle()), "a"));
    }
    mega.refresh().await.unwrap();
    let first = mega.find_all("/a").unwrap()[0].handle();
    let dry = mega.merge_folders("/").dry_run().await.unwrap();
    assert_eq!(dry.merged_folders().len(), 3);
    assert_eq!(mega.find_all("/a").unwrap().len(), 3);
    let report = mega.merge_folders("/").await.unwrap();
    assert!(report.failed().is_empty(), "{report:?}");
    assert_eq!(mega.stat("/a").await.unwrap().handle(), first);
    assert_eq!(
        world.paths().await,
        [
            "/a",
            "/a/2",
            "/a/other",
            "/a/other/5",
            "/a/sub",
            "/a/sub/1",
            "/a/sub/3",
            "/a/sub/deep",
            "/a/sub/deep/4",
            "/a/sub/deep/6"
        ]
    );
    let again = mega.merge_folders("/").await.unwrap();
    assert!(again.merged_folders().is_empty());
}

#[tokio::test]
async fn a_clean_up_counts_what_it_does() {
    let world = World::new().await;
    let mega = &world.mega;
    three(&world).await;
    world.file("/other/y", "moves along").await;
    world.folder("/other/deep/below").await;
    world.folder("/dir/deep/below").await;
    let other = mega.stat("/other").await.unwrap();
    world.model(|model| model.rename(wire(other.handle()), "dir"));
    mega.refresh().await.unwrap();
    let progress = Progress::new();
    let dry = mega.dedupe("/").dry_run().progress(&progress);
    let dry = dry.await.unwrap().to_string();
    assert_eq!(
        dry,
        "1 duplicate names, 3 folders merged, 1 files removed, 0 renamed, 0 failed"
    );
    assert_eq!(progress.items_total(), 0, "nothing was to be done");
    let dedupe = mega.dedupe("/").mode(DedupeMode::Rename);
    let report = dedupe.progress(&progress).await.unwrap();
    assert_eq!(
        report.to_string(),
        dry.replace("0 renamed", "1 renamed"),
        "{report:?}"
    );
    // One file moved, three folders merged, one file removed, one renamed.
    assert_eq!((progress.items_done(), progress.items_total()), (6, 6));
}

#[tokio::test]
async fn a_clean_up_that_is_cancelled_says_what_is_left_and_the_next_one_does_it() {
    let world = World::new().await;
    let mega = &world.mega;
    let files = three(&world).await;
    world.file("/other/y", "moves along").await;
    let other = mega.stat("/other").await.unwrap();
    world.model(|model| model.rename(wire(other.handle()), "dir"));
    mega.refresh().await.unwrap();
    let progress = Progress::new();
    progress.cancel();
    let call = mega.dedupe("/").mode(DedupeMode::Newest);
    let (report, sent) = world.batches(call.progress(&progress)).await;
    let report = report.unwrap();
    let mut failed: Vec<_> = report.failed().iter().map(|(node, _)| *node).collect();
    failed.sort_unstable();
    let mut expected = vec![
        mega.stat("/dir/y").await.unwrap().handle(),
        other.handle(),
        files[0],
        files[2],
    ];
    expected.sort_unstable();
    assert_eq!(failed, expected);
    for (_, error) in report.failed() {
        assert_eq!(error.kind(), ErrorKind::Cancelled, "{error}");
    }
    let sent: Vec<_> = sent.into_iter().flatten().collect();
    assert!(
        !sent.iter().any(|command| command == "m" || command == "d"),
        "{sent:?}"
    );
    assert_eq!((progress.items_done(), progress.items_total()), (4, 4));
    let report = mega.dedupe("/").mode(DedupeMode::Newest).await.unwrap();
    assert!(report.failed().is_empty(), "{report:?}");
    assert_eq!(world.paths().await, ["/dir", "/dir/x.txt", "/dir/y"]);
}

#[tokio::test]
async fn files_meet_that_lay_in_folders_of_one_name() {
    let world = World::new().await;
    let mega = &world.mega;
    world.file("/a/x", "one and the same content").await;
    world.file("/b/x", "one and the same content").await;
    let b = mega.stat("/b").await.unwrap();
    world.model(|model| model.rename(wire(b.handle()), "a"));
    mega.refresh().await.unwrap();
    let report = mega.dedupe("/").await.unwrap();
    assert_eq!(
        (report.merged_folders().len(), report.removed().len()),
        (1, 1)
    );
    assert_eq!(world.paths().await, ["/a", "/a/x"]);
}

#[tokio::test]
async fn searches_combine_conditions() {
    let world = World::new().await;
    let mega = &world.mega;
    world.model(|model| {
        model.make_file(EMAIL, "/photos/cat.JPG", &[1; 2000], 1_000);
        model.make_file(EMAIL, "/photos/dog.jpg", &[1; 500], 2_000);
        model.make_file(EMAIL, "/notes/cat.txt", b"meow", 3_000);
    });
    mega.refresh().await.unwrap();
    mega.edit("/notes/cat.txt")
        .favourite(true)
        .tags(["pet"])
        .await
        .unwrap();
    let names = |search: mega_client::Search| async move {
        let mut names: Vec<_> = search
            .await
            .unwrap()
            .iter()
            .map(|n| n.name().to_owned())
            .collect();
        names.sort_unstable();
        names
    };
    let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    assert_eq!(names(mega.search("/").name("*.jpg")).await, ["dog.jpg"]);
    assert_eq!(
        names(mega.search("/").name("*.jpg").ignore_case()).await,
        ["cat.JPG", "dog.jpg"]
    );
    assert_eq!(
        names(mega.search("/").name("cat.*").smaller_than(2000)).await,
        ["cat.txt"]
    );
    assert_eq!(names(mega.search("/").larger_than(500)).await, ["cat.JPG"]);
    // Nothing has fewer bytes than none, nor more than there can be.
    for nothing in [
        mega.search("/").smaller_than(0),
        mega.search("/").larger_than(u64::MAX),
    ] {
        assert!(names(nothing).await.is_empty());
    }
    assert_eq!(names(mega.search("/").folders()).await, ["notes", "photos"]);
    assert_eq!(
        names(mega.search("/photos").files()).await,
        ["cat.JPG", "dog.jpg"]
    );
    assert_eq!(
        names(mega.search("/").modified_since(at(2_000))).await,
        ["cat.txt", "dog.jpg"]
    );
    assert_eq!(
        names(mega.search("/").modified_before(at(2_000))).await,
        ["cat.JPG"]
    );
    assert_eq!(names(mega.search("/").favourites()).await, ["cat.txt"]);
    assert_eq!(names(mega.search("/").tag("pet")).await, ["cat.txt"]);
    assert!(names(mega.search("/").troubled()).await.is_empty());
    let usage = mega.usage("/photos").await.unwrap();
    assert_eq!((usage.bytes, usage.files, usage.folders), (2500, 2, 0));
    let usage = mega.usage("/").await.unwrap();
    assert_eq!((usage.bytes, usage.files, usage.folders), (2504, 3, 2));
}

#[tokio::test]
async fn folders_that_others_see_are_not_merged_with_those_they_do_not() {
    let world = World::new().await;
    let mega = &world.mega;
    mega.create_dirs(["/dir/sub", "/other/sub", "/third/sub"])
        .await
        .into_result()
        .unwrap();
    for dir in ["dir", "other", "third"] {
        mega.write(format!("/{dir}/sub/{dir}.txt"), dir)
            .await
            .unwrap();
    }
    let public = mega.stat("/other/sub").await.unwrap();
    let link = mega.link(&public).await.unwrap();
    for path in ["/other/sub", "/third/sub"] {
        let moved = mega
            .move_to(path, "/dir")
            .on_conflict(OnConflict::Duplicate);
        moved.await.unwrap();
    }

    let report = mega.dedupe("/dir").await.unwrap();
    let failed: Vec<_> = report.failed().iter().collect();
    assert_eq!(failed.len(), 1, "{failed:?}");
    assert_eq!(failed[0].0, public.handle());
    assert_eq!(failed[0].1.kind(), ErrorKind::Precondition);
    let guest = world.place.builder().open_link(link.url()).await.unwrap();
    assert_eq!(crate::place::names(&guest, "/").await, ["other.txt"]);
    // The others have become one.
    assert_eq!(mega.find_all("/dir/sub").unwrap().len(), 2);
    assert!(mega.exists("/dir/sub/dir.txt").await.unwrap());
    assert!(mega.exists("/dir/sub/third.txt").await.unwrap());
}

#[tokio::test]
async fn what_only_a_fingerprint_calls_the_same_is_never_deleted_for_good() {
    let world = World::new().await;
    let files = three(&world).await;
    let mega = &world.mega;
    mega.copy(files[1], "/dir")
        .on_conflict(OnConflict::Duplicate)
        .await
        .unwrap();
    let report = mega.dedupe("/").delete_for_good().await.unwrap();
    assert!(report.failed().is_empty(), "{report:?}");
    let bin = mega.rubbish_bin().unwrap();
    let binned = mega.list(&bin).await.unwrap();
    let kept = mega.find_all("/dir/x.txt").unwrap();
    assert_eq!((binned.len(), kept.len()), (2, 2));
    // With the proof, which copies of one upload have, it is.
    for node in &binned {
        mega.restore(node)
            .on_conflict(OnConflict::Duplicate)
            .await
            .unwrap();
    }
    let report = mega.dedupe("/").same_by(SameBy::Key).delete_for_good();
    assert!(report.await.unwrap().failed().is_empty());
    assert!(mega.list(&bin).await.unwrap().is_empty());
    assert_eq!(mega.find_all("/dir/x.txt").unwrap().len(), 3);
}

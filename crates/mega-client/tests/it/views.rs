//! Clients that see one folder only.

use futures::StreamExt;
use mega_client::{Change, ErrorKind};

use crate::fs_world::World;
use crate::place::EMAIL;

#[tokio::test]
async fn ls_17_a_view_names_everything_from_its_folder_on() {
    let world = World::new().await;
    let mega = &world.mega;
    world.file("/in/a/x.txt", "x").await;
    world.file("/in side/y.txt", "y").await;
    let view = mega.view("/in").unwrap();
    let nodes = view.list("/").recursive().sorted().await.unwrap();
    let paths: Vec<_> = nodes.iter().map(|n| view.path_of(n).unwrap()).collect();
    assert_eq!(paths, ["/a", "/a/x.txt"]);
    assert_eq!(view.root().unwrap().name(), "in");

    let made = view.create_dir("new/deep").await.unwrap();
    assert_eq!(view.path_of(&made).unwrap(), "/new/deep");
    assert_eq!(mega.path_of(&made).unwrap(), "/in/new/deep");
    view.write("new/deep/z.txt", "z").await.unwrap();
    assert_eq!(mega.read("/in/new/deep/z.txt").await.unwrap(), "z");
    let inner = view.view("/new").unwrap();
    assert_eq!(inner.read("/deep/z.txt").await.unwrap(), "z");
    assert_eq!(
        mega.view("/nowhere").unwrap_err().kind(),
        ErrorKind::NotFound
    );
    assert_eq!(
        mega.view("/in/a/x.txt").unwrap_err().kind(),
        ErrorKind::NotADirectory
    );
}

#[tokio::test]
async fn ls_9_nothing_outside_a_view_can_be_named_or_changed_through_it() {
    let world = World::new().await;
    let mega = &world.mega;
    let inside = world.file("/in/x.txt", "x").await;
    let outside = world.file("/out/y.txt", "y").await;
    let view = mega.view("/in").unwrap();
    for error in [
        view.stat(&outside).await.unwrap_err(),
        view.read(&outside).await.unwrap_err(),
        view.delete(&outside).await.unwrap_err(),
        view.trash(&outside).await.unwrap_err(),
        view.rename(&outside, "z").await.unwrap_err(),
        view.move_to(&outside, "/").await.unwrap_err(),
        view.move_to(&inside, mega.root().unwrap())
            .await
            .unwrap_err(),
        view.copy(&outside, "/").await.unwrap_err(),
        view.copy(&inside, mega.stat("/out").await.unwrap())
            .await
            .unwrap_err(),
        view.link(&outside).await.unwrap_err(),
        view.list(mega.rubbish_bin().unwrap()).await.unwrap_err(),
        view.versions(&outside).await.unwrap_err(),
        view.view(&outside).unwrap_err(),
        view.rubbish_bin().unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    }
    for path in ["..", "../out/y.txt", "a/../../out"] {
        assert_eq!(
            view.stat(path).await.unwrap_err().kind(),
            ErrorKind::Misuse,
            "{path}"
        );
    }
    assert!(view.path_of(&outside).is_none());
    for error in [
        view.empty_rubbish_bin().await.unwrap_err(),
        view.delete_all_versions().await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    }
    // DR-4, DR-5: its own folder is the root.
    for error in [
        view.delete("/").await.unwrap_err(),
        view.trash("/").await.unwrap_err(),
        view.rename("/", "z").await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::AccessDenied, "{error}");
    }
    mega.link(&outside).await.unwrap();
    mega.link(&inside).await.unwrap();
    assert_eq!((mega.links().len(), view.links().len()), (2, 1));
    assert_eq!(
        world.paths().await,
        ["/in", "/in/x.txt", "/out", "/out/y.txt"]
    );

    view.trash("/x.txt").await.unwrap();
    mega.rename("/in", "elsewhere").await.unwrap();
    assert_eq!(
        view.list("/").await.unwrap().len(),
        0,
        "it follows its folder"
    );
    mega.delete("/elsewhere").await.unwrap();
    assert_eq!(
        view.list("/").await.unwrap_err().kind(),
        ErrorKind::NotFound
    );
}

#[tokio::test]
async fn a_view_hears_of_what_happens_in_its_folder_only() {
    let world = World::new().await;
    let mega = &world.mega;
    world.file("/in/old.txt", "x").await;
    world.file("/out/tree/leaf.txt", "x").await;
    let view = mega.view("/in").unwrap();
    let mut changes = view.changes();
    mega.write("/out/noise.txt", "x").await.unwrap();
    mega.write("/in/new.txt", "x").await.unwrap();
    let tree = mega.move_to("/out/tree", "/in").await.unwrap();
    let leaf = mega.stat("/in/tree/leaf.txt").await.unwrap();
    mega.edit(&leaf).description("here").await.unwrap();
    mega.move_to(&tree, "/out").await.unwrap();
    mega.edit(&leaf).description("gone").await.unwrap();
    mega.delete("/out/noise.txt").await.unwrap();
    mega.delete("/in/old.txt").await.unwrap();
    let mut seen = Vec::new();
    while seen.len() < 5 {
        match changes.next().await.unwrap().unwrap() {
            Change::Added(node) => seen.push(format!("added {}", node.name())),
            Change::Updated(node) => seen.push(format!("updated {}", node.name())),
            Change::Removed(handle) if handle == tree.handle() => seen.push("tree left".to_owned()),
            Change::Removed(_) => seen.push("removed".to_owned()),
            Change::CaughtUp => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(
        seen,
        [
            "added new.txt",
            "added tree",
            "updated leaf.txt",
            "tree left",
            "removed"
        ]
    );
}

#[tokio::test]
async fn ls_9_views_of_the_bin_and_of_the_vault_stay_inside_of_them() {
    let world = World::new().await;
    let mega = &world.mega;
    let outside = world.file("/keep/x.txt", "x").await;
    let old = world.file("/old/sub/y.txt", "y").await;
    mega.trash("/old").await.unwrap();
    // Only backup programs put something into the vault.
    world.model(|model| {
        let vault = model.user(EMAIL).unwrap().vault;
        let made = model.make_folder(EMAIL, "/backup").unwrap();
        model.make_file(EMAIL, "/backup/z.txt", b"z", 1_000);
        assert!(model.move_to(made, vault));
    });
    mega.refresh().await.unwrap();
    let bin = mega.view(mega.rubbish_bin().unwrap()).unwrap();
    let vault = mega.view(mega.vault().unwrap()).unwrap();
    assert_eq!(bin.read("/old/sub/y.txt").await.unwrap(), "y");
    assert_eq!(bin.path_of(&old).as_deref(), Some("/old/sub/y.txt"));
    assert_eq!(bin.list("/").recursive().await.unwrap().len(), 3);
    assert_eq!(vault.read("/backup/z.txt").await.unwrap(), "z");
    assert_eq!(vault.list("/").recursive().await.unwrap().len(), 2);

    // Nothing but what lies there can be named, neither by a path nor by a handle.
    for view in [&bin, &vault] {
        for error in [
            view.stat(&outside).await.unwrap_err(),
            view.read(&outside).await.unwrap_err(),
            view.delete(&outside).await.unwrap_err(),
            view.trash(&outside).await.unwrap_err(),
            view.rename(&outside, "z").await.unwrap_err(),
            view.move_to(&outside, "/").await.unwrap_err(),
            view.copy(&outside, "/").await.unwrap_err(),
            view.list(mega.root().unwrap()).await.unwrap_err(),
            view.view(mega.root().unwrap()).unwrap_err(),
            view.stat("/keep/x.txt").await.unwrap_err(),
        ] {
            assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
        }
        for path in ["..", "/../keep", "old/../../keep/x.txt"] {
            let error = view.stat(path).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Misuse, "{path}");
        }
        assert!(view.path_of(&outside).is_none());
        for error in [
            view.delete("/").await.unwrap_err(),
            view.rename("/", "z").await.unwrap_err(),
            view.trash("/").await.unwrap_err(),
        ] {
            assert_eq!(error.kind(), ErrorKind::AccessDenied, "{error}");
        }
    }
    let error = vault.stat(&old).await.unwrap_err();
    assert_eq!(
        error.kind(),
        ErrorKind::NotFound,
        "the bin is not the vault"
    );

    // What lies there can be used and removed.
    let copy = mega.copy(&old, "/keep").await.unwrap();
    assert_eq!(copy.node().name(), "y.txt");
    bin.delete("/old/sub").await.unwrap();
    assert_eq!(bin.list("/").recursive().await.unwrap().len(), 1);
    let copy = mega.copy(vault.stat("/backup/z.txt").await.unwrap(), "/keep");
    assert_eq!(copy.await.unwrap().node().name(), "z.txt");
    let error = vault.write("/backup/more.txt", "x").await.unwrap_err();
    assert_eq!(
        error.kind(),
        ErrorKind::AccessDenied,
        "the service keeps it: {error}"
    );
    let paths = ["/keep", "/keep/x.txt", "/keep/y.txt", "/keep/z.txt"];
    assert_eq!(world.paths().await, paths);
}

#[tokio::test]
async fn what_a_view_of_the_bin_restores_does_not_leave_the_view() {
    let world = World::new().await;
    let mega = &world.mega;
    world.file("/in/x.txt", "x").await;
    mega.trash("/in/x.txt").await.unwrap();
    let view = mega.view(mega.rubbish_bin().unwrap()).unwrap();
    let error = view.restore("/x.txt").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    assert!(view.exists("/x.txt").await.unwrap());
    assert!(!mega.exists("/in/x.txt").await.unwrap());
}

#[tokio::test]
async fn ls_9_a_view_of_the_drive_names_nothing_of_the_bin_or_the_vault() {
    let world = World::new().await;
    let mega = &world.mega;
    let gone = world.file("/gone.txt", "gone").await;
    world.file("/here.txt", "here").await;
    let drive = mega.view("/").unwrap();
    assert_eq!(drive.read("/gone.txt").await.unwrap(), "gone");
    drive.trash("/gone.txt").await.unwrap();
    let error = drive.read(&gone).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    for special in [mega.rubbish_bin().unwrap(), mega.vault().unwrap()] {
        let error = drive.list(&special).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    }
    assert_eq!(drive.read("/here.txt").await.unwrap(), "here");
    assert_eq!(mega.read(&gone).await.unwrap(), "gone", "the whole client");
}

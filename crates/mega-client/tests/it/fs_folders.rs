//! Making and removing folders.

use std::collections::BTreeSet;

use mega_client::{Duplicates, ErrorKind};
use mega_testserver::Fault;

use crate::fs_world::{World, handle, write_attributes};
use crate::place::EMAIL;

#[tokio::test]
async fn dr_1_a_folder_is_made_once_with_everything_above_it_in_one_command() {
    let world = World::new().await;
    let (made, sent) = world
        .batches(async { world.mega.create_dir("/a/b/c").await.unwrap() })
        .await;
    assert_eq!(sent, [["p"]], "one command makes all levels");
    assert_eq!(world.mega.path_of(&made).as_deref(), Some("/a/b/c"));
    assert_eq!(world.paths().await, ["/a", "/a/b", "/a/b/c"]);

    let (again, sent) = world
        .batches(async { world.mega.create_dir("a//b/./c/").await.unwrap() })
        .await;
    assert_eq!(again.handle(), made.handle());
    assert!(
        sent.is_empty(),
        "nothing is sent for what is there: {sent:?}"
    );

    let below = world.mega.create_dir("d").below(&again).await.unwrap();
    assert_eq!(world.mega.path_of(&below).as_deref(), Some("/a/b/c/d"));
    assert_eq!(
        world.mega.create_dir("/").await.unwrap().handle(),
        world.mega.root().unwrap().handle()
    );
}

#[tokio::test]
async fn dr_1_many_folders_fit_into_one_request() {
    let world = World::new().await;
    let paths: Vec<String> = (0..300).map(|n| format!("/many/{}/{n}", n % 7)).collect();
    let (made, sent) = world.batches(world.mega.create_dirs(&paths)).await;
    let made = made.into_result().unwrap();
    assert_eq!(sent, [["p"]]);
    let handles: BTreeSet<_> = made.iter().map(mega_client::Node::handle).collect();
    assert_eq!(handles.len(), 300);
    assert_eq!(world.paths().await.len(), 1 + 7 + 300);
}

#[tokio::test]
async fn dr_1_more_folders_than_one_command_takes_are_made_below_each_other() {
    let world = World::new().await;
    let mut paths: Vec<String> = (0..1500).map(|n| format!("/top/sub/{n}/leaf")).collect();
    paths.reverse();
    let made = world.mega.create_dirs(&paths).await.into_result().unwrap();
    assert_eq!(made.len(), 1500);
    for (path, node) in paths.iter().zip(&made) {
        assert_eq!(world.mega.path_of(node).as_ref(), Some(path));
    }
}

#[tokio::test]
async fn dr_6_racing_tasks_make_one_folder() {
    let world = World::new().await;
    let tasks: Vec<_> = (0..32)
        .map(|n| {
            let mega = world.mega.clone();
            tokio::spawn(async move {
                mega.create_dir(format!("/race/{}/inner", n % 2))
                    .await
                    .unwrap()
                    .handle()
            })
        })
        .collect();
    let mut handles = BTreeSet::new();
    for task in tasks {
        handles.insert(task.await.unwrap());
    }
    assert_eq!(handles.len(), 2);
    assert_eq!(
        world.paths().await,
        [
            "/race",
            "/race/0",
            "/race/0/inner",
            "/race/1",
            "/race/1/inner"
        ]
    );
}

#[tokio::test]
async fn dr_6_a_folder_that_another_client_made_a_moment_ago_is_found() {
    let world = World::new().await;
    let other = world.place.sign_in().await;
    let theirs = other.create_dir("/shared/place").await.unwrap();
    // Our client has not heard of it yet.
    let ours = world.mega.create_dir("/shared/place").await.unwrap();
    assert_eq!(ours.handle(), theirs.handle());
    assert_eq!(world.paths().await.len(), 2);
}

#[tokio::test]
async fn a_file_in_the_way_is_told_apart() {
    let world = World::new().await;
    let file = world.file("/x", "content").await;
    let error = world.mega.create_dir("/x").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists, "{error}");
    assert_eq!(error.handles(), [file.handle()]);
    let error = world.mega.create_dir("/x/y").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotADirectory, "{error}");
    assert_eq!(
        (error.operation(), error.subject()),
        (Some("create folder"), Some("/x/y"))
    );
    let error = world.mega.create_dir("/a/../b").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Misuse, "{error}");
    assert_eq!(world.paths().await, ["/x"]);
}

#[tokio::test]
async fn two_folders_of_one_name_are_ambiguous_unless_a_rule_chooses() {
    let world = World::new().await;
    let first = world.folder("/twin").await;
    let second = world.mega.create_dir("/other").await.unwrap();
    world.model(|model| model.rename(crate::fs_world::wire(second.handle()), "twin"));
    world.mega.refresh().await.unwrap();
    let error = world.mega.create_dir("/twin/x").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Ambiguous, "{error}");
    assert_eq!(error.handles().len(), 2);
    // What exists below one of them is found all the same.
    let inner = world.mega.create_dir("inner").below(&first).await.unwrap();
    assert_eq!(
        world.mega.create_dir("/twin/inner").await.unwrap().handle(),
        inner.handle()
    );
    let lenient = world
        .place
        .builder()
        .duplicates(Duplicates::Oldest)
        .login(mega_client::Credentials::new(
            crate::place::EMAIL,
            crate::place::PASSWORD,
        ))
        .await
        .unwrap();
    lenient.create_dir("/twin/x").await.unwrap();
}

#[tokio::test]
async fn the_fixed_names_work_as_folders() {
    let world = World::new().await;
    let punctuation: String = (33_u8..127)
        .map(char::from)
        .filter(|c| !c.is_alphanumeric())
        .collect();
    let mut names: Vec<String> = (1_u32..32)
        .chain([127])
        .filter_map(char::from_u32)
        .map(String::from)
        .collect();
    names.extend(
        [
            ".",
            "..",
            " lead",
            "~lead",
            "\rlead",
            "\nlead",
            "\tlead",
            ".lead",
            "trail ",
            "trail\r",
            "trail.",
            "test%46.txt",
            "a/b",
            "a\\b",
            "CON",
            "nul.txt",
            "COM1",
            "LPT¹",
            "x:y",
            "\u{202e}gpj.exe",
            "👨\u{200d}👩\u{200d}👧",
            "Café",
            "Cafe\u{301}",
            "case",
            "CASE",
        ]
        .map(String::from),
    );
    names.extend([punctuation, "x".repeat(255), "語".repeat(85)]);
    let top = world.mega.create_dir("/names").await.unwrap();
    for name in &names {
        let made = world.mega.create_dir("new").below(&top).await.unwrap();
        let named = world.mega.rename(&made, name.as_str()).await.unwrap();
        // What is shown is a part of a path, and leads back to the node.
        let path = format!("/names/{}", named.name());
        assert_eq!(
            world.mega.stat(&path).await.unwrap().handle(),
            made.handle(),
            "{name:?}"
        );
        let again = world.mega.create_dir(&path).await.unwrap();
        assert_eq!(again.handle(), made.handle(), "{name:?}");
    }
    let fresh = world.place.sign_in().await;
    let listed = fresh.list("/names").await.unwrap();
    assert_eq!(listed.len(), names.len());
    for node in listed {
        fresh.delete(&node).await.unwrap();
    }
    assert!(fresh.list("/names").await.unwrap().is_empty());
    for bad in [String::new(), "x".repeat(64 << 10)] {
        let error = world.mega.rename(&top, bad).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidName, "{error}");
    }
}

#[tokio::test]
async fn dr_2_only_empty_folders_are_removed() {
    let world = World::new().await;
    world.file("/full/file", "x").await;
    let error = world.mega.remove_dir("/full").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotEmpty, "{error}");
    assert!(world.there("/full/file").await.is_some());
    assert_eq!(
        world.mega.remove_dir("/none").await.unwrap_err().kind(),
        ErrorKind::NotFound
    );
    let error = world.mega.remove_dir("/full/file").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotADirectory, "{error}");

    world.mega.create_dir("/empty").await.unwrap();
    world.mega.remove_dir("/empty").await.unwrap();
    assert!(world.there("/empty").await.is_none());

    // Another client puts something in, of which we have not heard yet.
    world.mega.create_dir("/soon").await.unwrap();
    world
        .model(|model| model.make_file(crate::place::EMAIL, "/soon/late", b"x", 0))
        .unwrap();
    let error = world.mega.remove_dir("/soon").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotEmpty, "{error}");
}

#[tokio::test]
async fn dr_3_recursive_removal_leaves_neighbours_alone() {
    let world = World::new().await;
    for path in ["/foo/a/b", "/foo/c", "/foobar/a", "/fo"] {
        world.file(path, "x").await;
    }
    world.mega.delete("/foo").await.unwrap();
    assert_eq!(world.paths().await, ["/fo", "/foobar", "/foobar/a"]);
}

#[tokio::test]
async fn dr_5_special_nodes_stay_as_they_are() {
    let world = World::new().await;
    let folder = world.mega.create_dir("/folder").await.unwrap();
    let mega = &world.mega;
    for node in [
        mega.root().unwrap(),
        mega.vault().unwrap(),
        mega.rubbish_bin().unwrap(),
    ] {
        let (results, sent) = world
            .batches(async {
                [
                    mega.delete(&node).await.unwrap_err(),
                    mega.trash(&node).await.unwrap_err(),
                    mega.rename(&node, "other").await.unwrap_err(),
                    mega.move_to(&node, &folder).await.unwrap_err(),
                    mega.copy(&node, &folder).await.unwrap_err(),
                    mega.link(&node).await.unwrap_err(),
                    mega.set_favourite(&node, true).await.unwrap_err(),
                ]
            })
            .await;
        for error in results {
            assert_eq!(error.kind(), ErrorKind::AccessDenied, "{error}");
        }
        assert!(sent.is_empty(), "{sent:?}");
    }
}

#[tokio::test]
async fn rty_7_a_lost_reply_makes_no_second_folder() {
    let world = World::new().await;
    world
        .server()
        .faults()
        .add(mega_testserver::Fault::command("p").lose_reply());
    let made = world.mega.create_dir("/once").await.unwrap();
    assert_eq!(world.there("/once").await.unwrap().handle(), made.handle());
    assert_eq!(world.paths().await, ["/once"]);
}

#[tokio::test]
async fn rty_7_the_second_folder_of_a_repeated_request_is_gone_when_its_removal_is_repeated_too() {
    let world = World::new().await;
    // The folder is made twice, and the removal of the second one is carried out, lost, repeated and refused.
    for command in ["p", "d"] {
        let faults = world.server().faults();
        faults.add(Fault::command(command).lose_reply());
        faults.add(Fault::command(command).forget_ids().skip(1));
    }
    world.mega.create_dir("/once").await.unwrap();
    let shown = world.mega.list("/").await.unwrap();
    assert_eq!(
        shown.len(),
        1,
        "the call leaves the tree as the service has it"
    );
    assert_eq!(
        world.server().faults().pending(),
        0,
        "all of it has happened"
    );
    assert_eq!(world.paths().await, ["/once"]);
}

#[tokio::test]
async fn rty_7_a_file_that_another_client_renamed_before_the_lost_reply_was_settled_is_not_sent_again()
 {
    let world = World::new().await;
    let faults = world.server().faults();
    faults.add(Fault::command("p").lose_reply());
    faults.add(Fault::command("p").skip(1).status(500).always());
    let mut write = Box::pin(world.mega.write("/before", "content").into_future());
    let made = loop {
        assert!(futures::FutureExt::now_or_never(&mut write).is_none());
        if let Some(made) = world.model(|model| model.find(EMAIL, "/before")) {
            break made;
        }
        tokio::task::yield_now().await;
    };
    write_attributes(&world, handle(made), r#"{"n":"after"}"#);
    // What is sent again gets through now, but the service does not know it any more, and the token of the upload is used up.
    faults.clear();
    faults.add(Fault::command("p").forget_ids().always());
    let written = write.await.unwrap();
    assert_eq!((written.handle(), written.name()), (handle(made), "after"));
    assert_eq!(world.paths().await, ["/after"]);
}

#[tokio::test]
async fn rty_10_can_1_a_folder_whose_making_was_given_up_on_the_way_is_not_made_twice() {
    let world = World::new().await;
    // The request does not arrive, and is sent again later; its caller does not wait for that.
    let faults = world.server().faults();
    faults.add(Fault::command("p").drop_before());
    let mut given_up = Box::pin(world.mega.create_dir("/once").into_future());
    while faults.pending() > 0 {
        assert!(futures::FutureExt::now_or_never(&mut given_up).is_none());
        tokio::task::yield_now().await;
    }
    drop(given_up);
    let made = world.mega.create_dir("/once").await.unwrap();
    assert_eq!(world.there("/once").await.unwrap().handle(), made.handle());
    assert_eq!(world.paths().await, ["/once"]);
}

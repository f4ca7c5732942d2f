//! What another client of the account has done, and this one has not heard of yet.

use std::future::IntoFuture;
use std::sync::mpsc;
use std::time::Duration;

use mega_client::{AccessLevel, Client, ErrorKind, OnConflict};
use mega_testserver::{Fault, Lane};

use crate::fs_links::visitor;
use crate::fs_shares::{FRIEND, friends, received};
use crate::fs_world::{World, wire};
use crate::place::{EMAIL, names};

#[tokio::test]
async fn nod_7_an_edit_keeps_what_another_client_has_noted_meanwhile() {
    let world = World::new().await;
    let mega = &world.mega;
    let file = world.file("/x", "x").await;
    let second = world.place.sign_in().await;
    second.rename("/x", "renamed").await.unwrap();
    second.edit(&file).tags(["theirs"]).await.unwrap();
    let edited = mega.edit(&file).favourite(true).await.unwrap();
    assert_eq!(edited.name(), "renamed");
    let seen = world.there("/renamed").await.unwrap();
    assert!(seen.is_favourite());
    assert_eq!(seen.tags(), ["theirs"]);
    // What the other client has taken back is set again, though it looks done from here.
    second.refresh().await.unwrap();
    second.edit(&file).favourite(false).await.unwrap();
    mega.edit(&file).favourite(true).await.unwrap();
    second.refresh().await.unwrap();
    assert!(second.stat(&file).await.unwrap().is_favourite());
}

#[tokio::test]
async fn a_path_that_means_another_node_by_now_is_not_deleted_for_good() {
    let world = World::new().await;
    let second = world.place.sign_in().await;
    let hard = world.place.builder().hard_delete(true);
    let hard = hard
        .login(mega_client::Credentials::new(EMAIL, crate::place::PASSWORD))
        .await
        .unwrap();
    type Delete = fn(Client) -> futures::future::BoxFuture<'static, Result<(), mega_client::Error>>;
    let calls: [Delete; 3] = [
        |mega| mega.delete("/x"),
        |mega| mega.remove("/x"),
        |mega| {
            Box::pin(async move {
                let done = mega.delete_all(["/x"]).await.into_result();
                done.map(drop)
            })
        },
    ];
    for call in calls {
        let old = world.file("/x", "precious").await.handle();
        hard.refresh().await.unwrap();
        second.refresh().await.unwrap();
        second.rename(old, "kept").await.unwrap();
        let error = call(hard.clone()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
        assert_eq!(world.content(old), "precious");

        second.rename(old, "x").await.unwrap();
        hard.refresh().await.unwrap();
        second.rename(old, "kept").await.unwrap();
        second.write("/x", "other").await.unwrap();
        let error = call(hard.clone()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Precondition, "{error}");
        assert_eq!(world.content(old), "precious");
        // The caller has been told, and means the one that is there now.
        call(hard.clone()).await.unwrap();
        second.refresh().await.unwrap();
        assert!(!second.exists("/x").await.unwrap());
        second.delete(old).await.unwrap();
    }
}

#[tokio::test]
async fn the_current_version_of_a_path_is_deleted_only_if_it_is_the_one_that_was_seen() {
    let world = World::new().await;
    let old = world.file("/x", "1").await.handle();
    let second = world.place.sign_in().await;
    let new = second
        .write("/x", "2")
        .on_conflict(OnConflict::Replace)
        .await
        .unwrap();
    let error = world.mega.delete_version("/x").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Precondition, "{error}");
    assert_eq!(world.content(old), "1");
    assert_eq!(world.content(new.handle()), "2");
}

#[tokio::test]
async fn sh_1_a_link_opens_what_another_client_has_put_there_unseen() {
    let world = World::new().await;
    let mega = &world.mega;
    world.file("/open/early", "x").await;
    let second = world.place.sign_in().await;
    second.create_dir("/open/late").await.unwrap();
    let link = mega.link("/open").await.unwrap();
    let guest = visitor(&world, link.url()).await;
    assert_eq!(names(&guest, "/").await, ["early", "late"]);
    // The link was taken away and its share with it, unseen: the next one opens, too.
    second.refresh().await.unwrap();
    second.remove_link("/open").await.unwrap();
    second.create_dir("/open/later").await.unwrap();
    let link = mega.link("/open").await.unwrap();
    let guest = visitor(&world, link.url()).await;
    assert_eq!(names(&guest, "/").await, ["early", "late", "later"]);
}

/// While the answer to another command is under way, what follows is planned and waits.
async fn while_busy<T>(world: &World, work: impl Future<Output = T>) -> T {
    let faults = world.server().faults();
    faults.add(Fault::command("a").delay(Duration::from_millis(700)));
    let begin = world.server().journal().len();
    let asked = || {
        let journal = world.server().journal();
        journal
            .iter()
            .skip(begin)
            .any(|entry| entry.commands == ["a"])
    };
    let client = world.mega.clone();
    let edit = tokio::spawn(async move {
        let on = !client.stat("/busy").await.unwrap().is_favourite();
        client.edit("/busy").favourite(on).await
    });
    while !asked() {
        tokio::task::yield_now().await;
    }
    let done = work.await;
    edit.await.unwrap().unwrap();
    done
}

#[tokio::test]
async fn what_is_put_into_a_folder_while_it_is_linked_can_be_read_by_visitors() {
    let world = World::without_account_keys().await;
    let mega = &world.mega;
    for path in ["/busy", "/moves"] {
        world.file(path, "x").await;
    }
    for path in ["/one", "/two"] {
        world.folder(path).await;
    }
    let one = async {
        tokio::join!(
            mega.link("/one").into_future(),
            mega.create_dir("/one/new").into_future()
        )
    };
    let (link, made) = while_busy(&world, one).await;
    made.unwrap();
    let guest = visitor(&world, link.unwrap().url()).await;
    assert_eq!(names(&guest, "/").await, ["new"]);

    let two = async {
        tokio::join!(
            mega.link("/two").into_future(),
            mega.move_to("/moves", "/two").into_future()
        )
    };
    let (link, moved) = while_busy(&world, two).await;
    moved.unwrap();
    let guest = visitor(&world, link.unwrap().url()).await;
    assert_eq!(names(&guest, "/").await, ["moves"]);
}

#[tokio::test]
async fn p3_what_cannot_be_replaced_is_refused_before_anything_is_done() {
    let (world, friend) = friends().await;
    let mega = &world.mega;
    world.file("/common/x", "old").await;
    world.file("/common/sub/x", "other").await;
    let share = mega.share("/common", FRIEND).access(AccessLevel::Full);
    share.await.unwrap();
    let folder = received(&friend).await;
    let source = friend.write("/x", "new").await.unwrap();
    let sub = mega.stat("/common/sub").await.unwrap().handle();
    let inner = mega.stat("/common/sub/x").await.unwrap().handle();
    let errors = [
        friend
            .view(&folder)
            .unwrap()
            .write("/x", "new")
            .on_conflict(OnConflict::ReplaceToBin)
            .await
            .unwrap_err(),
        friend
            .copy(&source, &folder)
            .on_conflict(OnConflict::ReplaceToBin)
            .await
            .map(drop)
            .unwrap_err(),
        friend
            .move_to(inner, &folder)
            .on_conflict(OnConflict::Replace)
            .await
            .unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    }
    mega.refresh().await.unwrap();
    assert_eq!(names(mega, "/common").await, ["sub", "x"]);
    assert_eq!(mega.list(sub).await.unwrap().len(), 1);
    // What becomes a version needs no bin.
    friend
        .copy(&source, &folder)
        .on_conflict(OnConflict::Replace)
        .await
        .unwrap();
    mega.refresh().await.unwrap();
    assert_eq!(names(mega, "/common").await, ["sub", "x"]);
}

#[tokio::test]
async fn p3_a_replacement_that_is_half_done_says_so_and_names_both() {
    let world = World::new().await;
    let mega = &world.mega;
    let old = world.file("/x", "old").await.handle();
    let refuse = || world.server().faults().add(Fault::command("m").code(-11));
    refuse();
    let error = mega
        .write("/x", "new")
        .on_conflict(OnConflict::ReplaceToBin)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OutcomeUnknown, "{error}");
    let nodes = mega.list("/").await.unwrap();
    let new = nodes.iter().find(|node| node.handle() != old).unwrap();
    assert_eq!(error.handles(), [new.handle(), old]);
    mega.trash(new).await.unwrap();

    let moving = world.file("/dir/x", "moving").await.handle();
    world
        .server()
        .faults()
        .add(Fault::command("m").skip(1).code(-11));
    let error = mega
        .move_to(moving, "/")
        .on_conflict(OnConflict::Replace)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OutcomeUnknown, "{error}");
    assert_eq!(error.handles(), [moving, old]);
}

#[tokio::test]
async fn p3_a_node_that_was_moved_without_its_note_or_name_is_not_reported_as_unmoved() {
    let world = World::new().await;
    let mega = &world.mega;
    let file = world.file("/dir/x", "x").await.handle();
    world.folder("/target").await;
    let refuse = |command| {
        let fault = Fault::command(command).code(-11);
        world.server().faults().add(fault);
    };
    // It is moved, but keeps its name.
    refuse("a");
    let error = mega.move_to(file, "/target").rename("y").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OutcomeUnknown, "{error}");
    assert!(world.there("/target/x").await.is_some());
    // It was not moved, and gets its name back.
    refuse("m");
    let error = mega.move_to(file, "/dir").rename("y").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AccessDenied, "{error}");
    assert!(world.there("/target/x").await.is_some());
    // Nor can the name be taken back.
    refuse("m");
    let twice = Fault::command("a").skip(1).code(-11);
    world.server().faults().add(twice);
    let error = mega.move_to(file, "/dir").rename("y").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OutcomeUnknown, "{error}");
    assert!(world.there("/target/y").await.is_some());
    // Where it came from is not noted, but it is in the bin.
    refuse("a");
    let binned = mega.trash(file).await.unwrap();
    assert_eq!(
        (binned.parent(), binned.restores_to()),
        (Some(mega.rubbish_bin().unwrap().handle()), None)
    );
    // Nothing happened at all.
    refuse("m");
    let error = mega.move_to(file, "/dir").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AccessDenied, "{error}");
}

#[tokio::test]
async fn p3_a_folder_that_was_opened_is_not_reported_as_refused_when_asking_again_is() {
    let world = World::without_account_keys().await;
    let folder = world.folder("/open").await;
    // The share of the link is made; its packet cannot be fetched any more, and the same command once more is refused.
    let faults = world.server().faults();
    faults.add(Fault::lane(Lane::Events).skip(1).kill_session());
    let error = world.mega.link("/open").await.unwrap_err();
    let exported = world.model(|model| {
        let node = model.tree().get(wire(folder.handle()));
        node.is_some_and(|node| node.exported.is_some())
    });
    assert!(exported);
    assert_eq!(error.kind(), ErrorKind::OutcomeUnknown, "{error}");
}

/// A thread that waits for ever must fail the test and not hold it up.
fn ends(work: impl Future<Output = ()> + Send + 'static) {
    let (done, finished) = mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(work);
        done.send(()).unwrap();
    });
    finished
        .recv_timeout(Duration::from_secs(120))
        .expect("it ended, and nobody waited for ever");
}

#[test]
fn whoever_takes_keys_and_whoever_looks_at_links_do_not_wait_for_each_other() {
    ends(async {
        let (world, friend) = friends().await;
        let folders: Vec<String> = (0..50).map(|n| format!("/linked/{n}")).collect();
        friend.create_dirs(&folders).await.into_result().unwrap();
        friend.link_all(&folders).await.into_result().unwrap();
        let (stop, stopped) = mpsc::channel::<()>();
        let looking = {
            let friend = friend.clone();
            std::thread::spawn(move || {
                while stopped.try_recv() == Err(mpsc::TryRecvError::Empty) {
                    assert_eq!(friend.links().len(), 50);
                }
            })
        };
        for round in 0..5 {
            let path = format!("/common-{round}");
            world.folder(&path).await;
            world.mega.share(&path, FRIEND).await.unwrap();
            friend.refresh().await.unwrap();
            let exchanged = friend.exchange_share_keys().await.unwrap();
            assert_eq!(exchanged.received.len(), 1);
        }
        drop(stop);
        looking.join().unwrap();
    });
}

//! What another client of the account has done, and this one has not heard of yet.

use std::sync::mpsc;
use std::time::Duration;

use mega_client::{Client, ErrorKind, OnConflict};

use crate::fs_shares::{FRIEND, friends};
use crate::fs_world::World;
use crate::place::EMAIL;

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

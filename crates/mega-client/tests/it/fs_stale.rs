//! What another client of the account has done, and this one has not heard of yet.

use std::sync::mpsc;
use std::time::Duration;

use crate::fs_shares::{FRIEND, friends};
use crate::fs_world::World;

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

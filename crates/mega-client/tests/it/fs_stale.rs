//! What another client of the account has done, and this one has not heard of yet.

use std::sync::mpsc;
use std::time::Duration;

use crate::fs_shares::{FRIEND, friends};

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

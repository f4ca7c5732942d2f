//! Transfers that are cancelled or dropped.

use std::future::{Future, IntoFuture};
use std::time::Duration;

use mega_client::{ErrorKind, Progress};
use mega_testserver::{Fault, Lane};

use crate::transfer_world::{entries, with_file};

async fn poll_once<F: Future + Unpin>(future: &mut F) -> std::task::Poll<F::Output> {
    let mut future = Some(future);
    std::future::poll_fn(|context| {
        let future = future.take().unwrap();
        std::task::Poll::Ready(std::pin::Pin::new(future).poll(context))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn can_1_ul_10_dropped_and_cancelled_transfers_leave_nothing() {
    let (place, mega, folder, bytes) = with_file().await;
    let copy = folder.path().join("copy");
    let local = folder.path().join("local");
    std::fs::write(&local, &bytes).unwrap();
    place.server.faults().add(
        Fault::lane(Lane::Download)
            .stall_at(1_000_000, Duration::from_secs(600))
            .always(),
    );
    place.server.faults().add(
        Fault::lane(Lane::Upload)
            .delay(Duration::from_secs(600))
            .skip(1)
            .always(),
    );

    let progress = Progress::new();
    let download = mega.download("/file", &copy).progress(&progress);
    let watch = async {
        while progress.bytes_done() == 0 {
            tokio::task::yield_now().await;
        }
        progress.cancel();
    };
    let (result, ()) = tokio::join!(download.into_future(), watch);
    assert_eq!(result.unwrap_err().kind(), ErrorKind::Cancelled);
    assert_eq!(entries(folder.path()), ["local"]);

    // Dropped at the k-th poll, for every k until it has moved something.
    let progress = Progress::new();
    for polls in 0..60 {
        let mut download = Box::pin(
            mega.download("/file", &copy)
                .progress(&progress)
                .into_future(),
        );
        for _ in 0..polls {
            assert!(poll_once(&mut download).await.is_pending());
            tokio::task::yield_now().await;
        }
        drop(download);
        let mut upload = Box::pin(mega.upload(&local, "/dropped").into_future());
        for _ in 0..polls {
            assert!(poll_once(&mut upload).await.is_pending());
            tokio::task::yield_now().await;
        }
        drop(upload);
    }
    assert!(!mega.exists("/dropped").await.unwrap());
    place.server.faults().clear();
    // A thread that was creating the file when its future was dropped removes it when it is done.
    mega.download("/file", &copy).await.unwrap();
    let started = std::time::Instant::now();
    while entries(folder.path()) != ["copy", "local"] {
        assert!(
            started.elapsed() < Duration::from_secs(60),
            "{:?}",
            entries(folder.path())
        );
        tokio::task::yield_now().await;
    }
    assert!(std::fs::read(&copy).unwrap() == bytes);
    let other = place.sign_in().await;
    assert!(!other.exists("/dropped").await.unwrap());
}

/// Cancels as soon as the service has made a node, before anybody can hear of it.
fn cancel_when_made(place: &crate::place::Place, progress: &Progress) {
    let progress = progress.clone();
    let cancel = Fault::command("p").rewrite(move |reply| {
        progress.cancel();
        reply
    });
    place.server.faults().add(cancel);
}

#[tokio::test(flavor = "multi_thread")]
async fn p3_who_cancels_while_the_node_is_made_is_told_that_it_was() {
    let (place, mega, folder, bytes) = with_file().await;
    let local = folder.path().join("local");
    std::fs::write(&local, &bytes).unwrap();

    let progress = Progress::new();
    cancel_when_made(&place, &progress);
    let written = mega.write("/written", "content").progress(&progress);
    let written = written.await.unwrap();
    assert!(progress.is_cancelled());
    assert_eq!(mega.read(&written).await.unwrap(), "content");

    // The same for a copy on the server that stands for an upload.
    let progress = Progress::new();
    cancel_when_made(&place, &progress);
    let copied = mega.upload(&local, "/copied").copy_identical();
    let copied = copied.progress(&progress).await.unwrap();
    assert!(progress.is_cancelled());
    assert!(mega.read(&copied).await.unwrap() == bytes);

    // Before that, nothing is made.
    let progress = Progress::new();
    let seen = progress.clone();
    let cancel = Fault::lane(Lane::Upload).rewrite(move |reply| {
        seen.cancel();
        reply
    });
    place.server.faults().add(cancel);
    let stopped = mega.write("/stopped", "content").progress(&progress);
    let error = stopped.await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    let other = place.sign_in().await;
    assert!(!other.exists("/stopped").await.unwrap());
    assert!(other.exists("/written").await.unwrap());
}

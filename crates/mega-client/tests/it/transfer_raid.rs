//! Files in six parts, of which any five do (api-and-transfers 7.3).

use std::io::SeekFrom;
use std::time::Duration;

use mega_client::{Client, ErrorKind, TransferLimits};
use mega_testserver::{Fault, Lane, TestServer};
use tokio::io::{AsyncReadExt, AsyncSeekExt};

use crate::place::{EMAIL, PASSWORD, Place};
use crate::transfer_content::{content, signed_in_with};

const SIZE: usize = 700_000;

async fn in_parts() -> Place {
    let server = TestServer::builder().options(|options| options.cloud_raid = true);
    let server = server.start().await.unwrap();
    server.account(EMAIL, PASSWORD).create();
    Place { server }
}

/// From now on, whenever addresses of parts are handed out, this goes wrong with each of them.
fn spoil(place: &Place, fault: impl Fn(usize) -> Option<Fault> + Send + Sync + 'static) {
    let faults = place.server.faults().clone();
    let look = move |text: String| {
        let reply: serde_json::Value = serde_json::from_str(&text).unwrap();
        for element in reply.as_array().into_iter().flatten() {
            let urls = element["g"].as_array().into_iter().flatten();
            for (part, url) in urls.enumerate() {
                let name = url.as_str().unwrap().rsplit('/').next().unwrap();
                if let Some(fault) = fault(part) {
                    faults.add(fault.path(name).always());
                }
            }
        }
        text
    };
    place
        .server
        .faults()
        .add(Fault::command("g").rewrite(look).always());
}

fn dead(parts: &'static [usize], status: u16) -> impl Fn(usize) -> Option<Fault> + Send + Sync {
    move |part| {
        let fault = Fault::lane(Lane::Download).status(status);
        parts.contains(&part).then_some(fault)
    }
}

/// Reads a file in every way there is.
async fn reads(mega: &Client, bytes: &[u8]) {
    assert!(mega.read("/file").await.unwrap() == bytes);
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("copy");
    let receipt = mega.download("/file", &copy).await.unwrap();
    assert!(receipt.integrity().is_verified());
    assert!(std::fs::read(&copy).unwrap() == bytes);
    for range in [0..1, 79..81, 100..100_000, SIZE - 33..SIZE] {
        let part = mega
            .read("/file")
            .range(range.start as u64..range.end as u64);
        assert!(*part.await.unwrap() == bytes[range.clone()], "{range:?}");
    }
    let mut file = mega.open("/file").await.unwrap();
    file.seek(SeekFrom::Start(234_567)).await.unwrap();
    let mut some = vec![0; 200_000];
    file.read_exact(&mut some).await.unwrap();
    assert!(some == bytes[234_567..434_567]);
    file.rewind().await.unwrap();
    let mut all = Vec::new();
    file.read_to_end(&mut all).await.unwrap();
    assert!(all == bytes && file.integrity().is_verified());
}

#[tokio::test(flavor = "multi_thread")]
async fn f13_a_file_in_six_parts_is_read_without_any_one_of_them() {
    let place = in_parts().await;
    let mega = place.sign_in().await;
    let bytes = content(SIZE);
    mega.write("/file", bytes.clone()).await.unwrap();
    reads(&mega, &bytes).await;
    for (part, status) in [(0, 503), (1, 404), (2, 500), (3, 403), (4, 503), (5, 404)] {
        place.server.faults().clear();
        spoil(&place, move |number| {
            (number == part).then_some(Fault::lane(Lane::Download).status(status))
        });
        reads(&mega, &bytes).await;
    }
    // Connections that break at any byte.
    place.server.faults().clear();
    spoil(&place, |part| {
        let fault = Fault::lane(Lane::Download);
        (part == 2).then_some(fault.cut_at(1000))
    });
    reads(&mega, &bytes).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_size_comes_back_from_parts_also_without_one() {
    let place = in_parts().await;
    let mega = place.sign_in().await;
    for size in [
        1, 15, 16, 17, 32, 79, 80, 81, 100, 160, 399, 131_072, 131_073, 393_217,
    ] {
        let bytes = content(size);
        let node = mega.write("/sized", bytes.clone()).await.unwrap();
        for part in [None, Some(0), Some(1), Some(2), Some(5)] {
            place.server.faults().clear();
            spoil(&place, move |number| {
                (Some(number) == part).then_some(Fault::lane(Lane::Download).status(503))
            });
            assert!(
                mega.read(&node).await.unwrap() == bytes,
                "{size} without {part:?}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_two_parts_there_is_an_error_and_no_file() {
    let place = in_parts().await;
    let limits = TransferLimits::default().attempts(2);
    let mega = signed_in_with(&place, limits).await;
    mega.write("/file", content(SIZE)).await.unwrap();
    spoil(&place, dead(&[1, 4], 503));
    let folder = tempfile::tempdir().unwrap();
    let error = mega
        .download("/file", folder.path().join("copy"))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Network, "{error}");
    assert!(error.to_string().contains("503"), "{error}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    let error = mega.read("/file").range(5..99).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Network, "{error}");
    let mut file = mega.open("/file").await.unwrap();
    assert!(file.read(&mut [0; 10]).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_that_hangs_or_trickles_is_done_without() {
    let place = in_parts().await;
    let mega = place.sign_in().await;
    let bytes = content(SIZE);
    mega.write("/file", bytes.clone()).await.unwrap();
    let long = Duration::from_secs(600);
    spoil(&place, move |part| {
        let fault = Fault::lane(Lane::Download);
        (part == 3).then_some(fault.stall_at(1000, long))
    });
    assert!(mega.read("/file").await.unwrap() == bytes);
    place.server.faults().clear();
    spoil(&place, move |part| {
        let fault = Fault::lane(Lane::Download);
        (part == 5).then_some(fault.trickle(64, Duration::from_millis(50)))
    });
    assert!(mega.read("/file").await.unwrap() == bytes);
}

#[tokio::test(flavor = "multi_thread")]
async fn f14_a_part_with_wrong_bytes_is_found_by_the_mac_and_done_without() {
    let place = in_parts().await;
    let mega = place.sign_in().await;
    let bytes = content(SIZE);
    mega.write("/file", bytes.clone()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    for wrong in 0..6 {
        place.server.faults().clear();
        spoil(&place, move |part| {
            (part == wrong).then_some(Fault::lane(Lane::Download).corrupt_at(40))
        });
        let copy = folder.path().join(wrong.to_string());
        let receipt = mega.download("/file", &copy).await.unwrap();
        assert!(receipt.integrity().is_verified());
        assert!(std::fs::read(&copy).unwrap() == bytes, "part {wrong}");
    }
    // Two of them are more than can be computed.
    place.server.faults().clear();
    spoil(&place, move |part| {
        matches!(part, 2 | 4).then_some(Fault::lane(Lane::Download).corrupt_at(40))
    });
    let error = mega.read("/file").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Integrity, "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn dl_13_expired_addresses_of_parts_are_renewed() {
    let place = in_parts().await;
    let mega = place.sign_in().await;
    let bytes = content(SIZE);
    mega.write("/file", bytes.clone()).await.unwrap();
    let mut file = mega.open("/file").await.unwrap();
    file.read_exact(&mut [0; 10]).await.unwrap();
    place.server.with_model(|model| model.expire_urls());
    file.seek(SeekFrom::Start(500_000)).await.unwrap();
    let mut some = [0; 1000];
    file.read_exact(&mut some).await.unwrap();
    assert_eq!(some, bytes[500_000..501_000]);
    place
        .server
        .faults()
        .add(Fault::lane(Lane::Download).expire_url().times(3));
    assert!(mega.read("/file").await.unwrap() == bytes);
}

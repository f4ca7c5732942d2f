//! Open readers: what they share, what they ask for.

use std::io::SeekFrom;

use mega_client::{Client, TransferLimits};
use mega_testserver::{Fault, Lane};
use tokio::io::{AsyncReadExt, AsyncSeekExt};

use crate::place::Place;
use crate::transfer_content::{content, signed_in_with};

const SIZE: usize = 6_000_000;

async fn with_file() -> (Place, Client, Vec<u8>) {
    let place = Place::new().await;
    let mega = place.sign_in().await;
    let bytes = content(SIZE);
    mega.write("/file", bytes.clone()).await.unwrap();
    (place, mega, bytes)
}

fn downloads(place: &Place) -> usize {
    let journal = place.server.journal();
    journal
        .iter()
        .filter(|entry| entry.lane == Lane::Download)
        .count()
}

fn commands(place: &Place) -> usize {
    let journal = place.server.journal();
    journal
        .iter()
        .filter(|entry| !entry.commands.is_empty())
        .count()
}

#[tokio::test(flavor = "multi_thread")]
async fn rd_9_a_reader_needs_one_address_however_often_it_seeks() {
    let (place, mega, bytes) = with_file().await;
    let before = commands(&place);
    let mut file = mega.open("/file").await.unwrap();
    for at in [5_000_000, 3, 2_000_000, 5_999_999, 0, 777_777] {
        file.seek(SeekFrom::Start(at as u64)).await.unwrap();
        let mut byte = [0];
        file.read_exact(&mut byte).await.unwrap();
        assert_eq!(byte[0], bytes[at]);
    }
    assert_eq!(commands(&place) - before, 1);
    // Back in what was just read: nothing is asked for.
    let before = downloads(&place);
    file.seek(SeekFrom::Start(777_000)).await.unwrap();
    file.read_exact(&mut [0; 500]).await.unwrap();
    file.seek(SeekFrom::Start(1000)).await.unwrap();
    file.read_exact(&mut [0; 500]).await.unwrap();
    assert_eq!(downloads(&place), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_of_one_file_share_its_address_and_what_was_read() {
    let (place, mega, bytes) = with_file().await;
    let small = &bytes[..1_500_000];
    let before = (commands(&place), downloads(&place));
    let readers = (0..8).map(|_| {
        let mega = mega.clone();
        tokio::spawn(async move {
            let mut file = mega.open("/file").await.unwrap();
            let mut read = vec![0; 1_500_000];
            file.read_exact(&mut read).await.unwrap();
            (file, read)
        })
    });
    let mut open = Vec::new();
    for reader in readers.collect::<Vec<_>>() {
        let (file, read) = reader.await.unwrap();
        assert!(read == small);
        open.push(file);
    }
    assert_eq!(commands(&place) - before.0, 1, "one address for all");
    // Five chunks hold what was read, the rest is read-ahead; a reader of its own would need as many.
    let asked = downloads(&place) - before.1;
    assert!(asked <= 16, "{asked} requests for eight readers");
    // Each proves for itself what it has read.
    for file in &mut open {
        assert!(file.verify().await.unwrap().is_verified());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_goes_away_does_not_take_along_what_others_wait_for() {
    let (place, mega, bytes) = with_file().await;
    let hang = Fault::lane(Lane::Download).stall_at(10, std::time::Duration::from_secs(600));
    place.server.faults().add(hang);
    let mut first = mega.open("/file").await.unwrap();
    let mut second = mega.open("/file").await.unwrap();
    let mut one = Box::pin(async move { first.read(&mut [0; 10]).await });
    while downloads(&place) == 0 {
        assert!(futures::FutureExt::now_or_never(&mut one).is_none());
        tokio::task::yield_now().await;
    }
    let read = tokio::spawn(async move {
        let mut read = vec![0; 1000];
        second.read_exact(&mut read).await.map(|_| read)
    });
    tokio::task::yield_now().await;
    drop(one);
    assert!(read.await.unwrap().unwrap() == bytes[..1000]);
}

#[tokio::test(flavor = "multi_thread")]
async fn lim_12_many_readers_stay_within_the_budget() {
    let place = Place::new().await;
    let budget = 8 << 20;
    let mega = signed_in_with(&place, TransferLimits::default().buffer_bytes(budget)).await;
    let bytes = content(SIZE);
    mega.write("/file", bytes.clone()).await.unwrap();
    let readers = (0..6_u64).map(|number| {
        let (mega, bytes) = (mega.clone(), bytes.clone());
        tokio::spawn(async move {
            let mut file = mega.open("/file").await.unwrap();
            let start = number * 900_000;
            file.seek(SeekFrom::Start(start)).await.unwrap();
            let mut read = Vec::new();
            file.read_to_end(&mut read).await.unwrap();
            assert!(read == bytes[start as usize..]);
        })
    });
    for reader in readers.collect::<Vec<_>>() {
        reader.await.unwrap();
    }
    assert!(mega.peak_buffer_bytes() <= budget);
}

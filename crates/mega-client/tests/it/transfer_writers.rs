//! Files that are written piece by piece, and read as streams.

use std::io::Write;

use bytes::Bytes;
use futures::{SinkExt, StreamExt, TryStreamExt};
use mega_client::blocking::Wait;
use mega_client::{
    Client, Credentials, Error, ErrorKind, FileWriter, Integrity, OnConflict, Progress,
    TransferLimits,
};
use mega_testserver::{Fault, Lane};
use tokio::io::AsyncWriteExt;

use crate::place::{EMAIL, PASSWORD, Place, names};
use crate::transfer_content::{content, signed_in_with};

async fn write_in_pieces(
    mega: &Client,
    path: &str,
    bytes: &[u8],
    piece: usize,
    size: Option<u64>,
) -> mega_client::Node {
    let mut open = mega.writer(path);
    if let Some(size) = size {
        open = open.size(size);
    }
    let mut file = open.await.unwrap();
    for piece in bytes.chunks(piece) {
        file.write_all(piece).await.unwrap();
    }
    assert_eq!(file.written(), bytes.len() as u64);
    file.close().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn wr_8_pieces_of_any_length_make_the_same_file_of_known_and_unknown_size() {
    let place = Place::new().await;
    let mega = place.sign_in().await;
    for (size, piece) in [
        (0, 1),
        (1, 1),
        (200_001, 7_001),
        (4 << 20, 131_072),
        ((4 << 20) + 1, 999_999),
        (9_000_000, 3_000_000),
    ] {
        let bytes = content(size);
        for known in [None, Some(size as u64)] {
            let node = write_in_pieces(&mega, "/file", &bytes, piece, known).await;
            assert_eq!(node.size(), size as u64);
            let seen = mega.stat("/file").await.unwrap();
            assert_eq!(
                (seen.handle(), seen.modified()),
                (node.handle(), node.modified())
            );
            assert!(mega.read(&node).await.unwrap() == bytes, "{size} {known:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wr_6_a_writer_that_is_dropped_leaves_nothing() {
    let place = Place::new().await;
    let mega = place.sign_in().await;
    for (bytes, size) in [
        (0, None),
        (300_000, None),
        // Everything is there; only the word that it is all is missing.
        (300_000, Some(300_000)),
        (5_000_000, Some(5_000_000)),
        (5_000_000, None),
    ] {
        let mut open = mega.writer("/dropped");
        if let Some(size) = size {
            open = open.size(size);
        }
        let mut file = open.await.unwrap();
        file.write_all(&content(bytes)).await.unwrap();
        AsyncWriteExt::flush(&mut file).await.unwrap();
        drop(file);
        // Another upload goes the whole way after it.
        mega.write("/other", "other").await.unwrap();
        assert_eq!(names(&mega, "/").await, ["other"], "{bytes} {size:?}");
        let second = place.sign_in().await;
        assert_eq!(names(&second, "/").await, ["other"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn shutting_down_closes_and_the_node_is_told_as_often_as_one_asks() {
    let place = Place::new().await;
    let mega = place.sign_in().await;
    let mut file = mega.writer("/file").await.unwrap();
    file.write_all(b"12345").await.unwrap();
    assert!(file.node().is_none());
    file.shutdown().await.unwrap();
    let node = file.node().unwrap().clone();
    file.shutdown().await.unwrap();
    AsyncWriteExt::flush(&mut file).await.unwrap();
    let error = file.write_all(b"6").await.unwrap_err();
    let inner = error.get_ref().unwrap().downcast_ref::<Error>().unwrap();
    assert_eq!(inner.kind(), ErrorKind::Misuse);
    assert_eq!(file.close().await.unwrap().handle(), node.handle());
    assert_eq!(mega.read("/file").await.unwrap(), "12345");
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_can_be_sent_as_into_any_sink() {
    let place = Place::new().await;
    let mega = place.sign_in().await;
    let bytes = content(3_000_000);
    let pieces = bytes.chunks(700_000).map(Bytes::copy_from_slice);
    let pieces: Vec<Bytes> = pieces.chain([Bytes::new()]).collect();
    let mut file = mega.writer("/sunk").await.unwrap();
    let mut all = futures::stream::iter(pieces).map(Ok);
    file.send_all(&mut all).await.unwrap();
    SinkExt::close(&mut file).await.unwrap();
    assert_eq!(file.node().unwrap().size(), 3_000_000);
    assert!(mega.read("/sunk").await.unwrap() == bytes);
}

#[tokio::test(flavor = "multi_thread")]
async fn wr_3_wr_4_another_number_of_bytes_than_was_said_makes_no_node() {
    let place = Place::new().await;
    let mega = place.sign_in().await;
    for said in [99_999, 100_001, 6_000_000] {
        let mut file = mega.writer("/wrong").size(said).await.unwrap();
        // More than was said may be noticed by the write already.
        let written = file.write_all(&content(100_000)).await;
        let error = match written {
            Ok(()) => file.close().await.unwrap_err(),
            Err(_) => file.close().await.unwrap_err(),
        };
        assert_eq!(error.kind(), ErrorKind::SourceChanged, "{error}");
        assert!(!mega.exists("/wrong").await.unwrap());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_be_told_before_is_told_when_the_writer_is_opened() {
    let place = Place::new().await;
    let mega = place.sign_in().await;
    mega.create_dir("/folder").await.unwrap();
    let old = mega.write("/file", "old").await.unwrap();
    let kind = |opened: Result<FileWriter, Error>| opened.unwrap_err().kind();
    assert_eq!(kind(mega.writer("/folder").await), ErrorKind::IsADirectory);
    assert_eq!(kind(mega.writer("/file/x").await), ErrorKind::NotADirectory);
    let fail = mega.writer("/file").on_conflict(OnConflict::Fail);
    assert_eq!(kind(fail.await), ErrorKind::AlreadyExists);
    let new = mega.write("/file", "new").await.unwrap();
    mega.delete_versions("/file").await.unwrap();
    let stale = mega.writer("/file").if_version(old.handle());
    assert_eq!(kind(stale.await), ErrorKind::Precondition);
    // And what only shows at the end, at the end: somebody else was faster.
    let mut file = mega.writer("/file").if_version(new.handle()).await.unwrap();
    file.write_all(b"mine").await.unwrap();
    mega.write("/file", "theirs").await.unwrap();
    let error = file.close().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Precondition);
    assert_eq!(mega.read("/file").await.unwrap(), "theirs");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_upload_is_an_error_of_the_next_call_and_of_every_later_one() {
    let place = Place::new().await;
    let limits = TransferLimits::default().attempts(1);
    let mega = signed_in_with(&place, limits).await;
    let refuse = Fault::lane(Lane::Upload).status(403).always();
    place.server.faults().add(refuse);
    let mut file = mega.writer("/file").size(50_000_000).await.unwrap();
    let block = content(1_000_000);
    let error = loop {
        match file.write_all(&block).await {
            Ok(()) => assert!(file.written() < 50_000_000),
            Err(error) => break error,
        }
    };
    let inner = error.get_ref().unwrap().downcast_ref::<Error>().unwrap();
    assert_eq!(inner.operation(), Some("upload"), "{inner}");
    assert!(file.write_all(&block).await.is_err());
    let again = file.close().await.unwrap_err();
    assert_eq!(again.kind(), inner.kind());
    assert!(!mega.exists("/file").await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_writer_can_be_stopped_from_elsewhere() {
    let place = Place::new().await;
    let mega = place.sign_in().await;
    let progress = Progress::new();
    let mut file = mega.writer("/file").progress(&progress).await.unwrap();
    file.write_all(b"12345").await.unwrap();
    progress.cancel();
    // Who writes on is told so, as soon as the upload has noticed, and not to try again, as `Interrupted` would.
    let error = loop {
        if let Err(error) = file.write_all(&[0; 1 << 20]).await {
            break error;
        }
    };
    assert_eq!(error.kind(), std::io::ErrorKind::Other, "{error}");
    let error = file.close().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    assert!(!mega.exists("/file").await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_without_async_write_as_into_any_writer() {
    let place = Place::new().await;
    let builder = place.builder();
    let (sender, done) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let login = Credentials::new(EMAIL, PASSWORD);
        let mega = builder.login(login).wait().unwrap();
        let open = || mega.writer("/lines").wait().unwrap();
        let mut file = mega_client::blocking::FileWriter::new(open());
        for line in 0..1000 {
            writeln!(file, "{line}").unwrap();
        }
        file.flush().unwrap();
        let node = file.close().unwrap();
        let mut dropped = mega_client::blocking::FileWriter::new(open());
        dropped.write_all(b"nothing of this").unwrap();
        drop(dropped);
        sender
            .send((mega.read("/lines").wait().unwrap(), node))
            .unwrap();
    });
    let (read, node) = done.await.unwrap();
    let expected: String = (0..1000).map(|line| format!("{line}\n")).collect();
    assert_eq!(read, expected);
    assert_eq!(node.size(), expected.len() as u64);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_is_a_stream_that_ends_with_a_proof() {
    let place = Place::new().await;
    let mega = place.sign_in().await;
    let bytes = content(5_000_000);
    mega.write("/file", bytes.clone()).await.unwrap();
    let mut file = mega.open("/file").await.unwrap();
    let mut seen = Vec::new();
    while let Some(piece) = file.try_next().await.unwrap() {
        assert!(!piece.is_empty() && piece.len() <= 1 << 20);
        assert_eq!(file.position(), (seen.len() + piece.len()) as u64);
        seen.extend_from_slice(&piece);
    }
    assert!(seen == bytes);
    assert_eq!(file.integrity(), Integrity::Verified);
    // A part of it is not proven, and says so.
    let mut part = mega.open("/file").await.unwrap();
    tokio::io::AsyncSeekExt::seek(&mut part, std::io::SeekFrom::Start(4_999_990))
        .await
        .unwrap();
    assert_eq!(part.next().await.unwrap().unwrap(), bytes[4_999_990..]);
    assert!(part.next().await.is_none());
    assert_eq!(part.integrity(), Integrity::Unverified);
}

#[tokio::test(flavor = "multi_thread")]
async fn dl_3_a_stream_of_damaged_content_gives_an_error_before_its_end_and_then_ends() {
    let place = Place::new().await;
    let mega = place.sign_in().await;
    mega.write("/file", content(2_000_000)).await.unwrap();
    let spoil = Fault::lane(Lane::Download)
        .corrupt_file_at(1_500_000)
        .always();
    place.server.faults().add(spoil);
    let mut file = mega.open("/file").await.unwrap();
    let mut seen = 0;
    let error = loop {
        match file.next().await.expect("an error before the end") {
            Ok(piece) => seen += piece.len(),
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), ErrorKind::Integrity, "{error}");
    assert!(seen < 2_000_000);
    assert!(file.next().await.is_none());
    assert!(
        tokio::io::AsyncReadExt::read(&mut file, &mut [0])
            .await
            .is_err()
    );
}

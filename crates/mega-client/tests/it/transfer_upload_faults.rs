//! What storage hosts, networks and sources do wrong to uploads, and what must come of it.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use mega_client::{ErrorKind, OnConflict, Progress, TransferLimits};
use mega_testserver::{Fault, Lane};

use crate::place::Place;
use crate::transfer_content::signed_in_with;
use crate::transfer_world::{SIZE, with_file};

#[tokio::test(flavor = "multi_thread")]
async fn ul_4_damaged_and_lost_parts_are_sent_again() {
    let (place, mega, _folder, bytes) = with_file().await;
    let faults = place.server.faults();
    for fault in [
        Fault::lane(Lane::Upload).code(-14).times(2),
        Fault::lane(Lane::Upload).drop_before().times(2),
        Fault::lane(Lane::Upload).lose_reply().times(2),
        // The reply with the token is lost.
        Fault::lane(Lane::Upload).skip(1).lose_reply().times(1),
    ] {
        faults.add(fault);
        let node = mega
            .write("/sent", bytes.clone())
            .on_conflict(OnConflict::KeepBoth)
            .await;
        assert!(mega.read(node.unwrap()).await.unwrap() == bytes);
        faults.clear();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_completion_token_starts_the_upload_over_twice_at_most() {
    let (place, mega, folder, bytes) = with_file().await;
    let (local, journals) = (folder.path().join("local"), folder.path().join("journals"));
    std::fs::write(&local, &bytes).unwrap();
    std::fs::create_dir(&journals).unwrap();
    let faults = place.server.faults();
    let false_token = || Fault::lane(Lane::Upload).false_token();

    for (path, resumable) in [("/memory", false), ("/file", true)] {
        // Two false ones, whichever requests bring them.
        faults.add(Fault::command("p").code(-9).times(2));
        let progress = Progress::new();
        let node = if resumable {
            let upload = mega.upload(&local, path).resumable(&journals);
            upload.progress(&progress).await.unwrap()
        } else {
            mega.write(path, bytes.clone())
                .progress(&progress)
                .await
                .unwrap()
        };
        assert!(mega.read(&node).await.unwrap() == bytes);
        assert_eq!(progress.bytes_done(), bytes.len() as u64);
        faults.clear();
    }
    assert_eq!(std::fs::read_dir(&journals).unwrap().count(), 0);

    faults.add(false_token().always());
    let refused = mega.upload(&local, "/never").await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Protocol);
    assert!(refused.to_string().contains("token"), "{refused}");
    faults.clear();
    assert!(!mega.exists("/never").await.unwrap());

    // A folder: each of its files starts over, and says why when that does not help.
    let tree = folder.path().join("tree");
    std::fs::create_dir(&tree).unwrap();
    for name in ["one", "two"] {
        std::fs::write(tree.join(name), &bytes).unwrap();
    }
    faults.add(false_token().times(2));
    let progress = Progress::new();
    let report = mega.upload_folder(&tree, "/tree").progress(&progress);
    assert_eq!(report.await.unwrap().failed().count(), 0);
    assert_eq!(faults.pending(), 0);
    assert_eq!(progress.bytes_done(), 2 * bytes.len() as u64);
    assert!(mega.read("/tree/one").await.unwrap() == bytes);
    faults.add(false_token().always());
    let report = mega.upload_folder(&tree, "/other").await.unwrap();
    let failed: Vec<_> = report.failed().map(|(_, error)| error.kind()).collect();
    assert_eq!(failed, [ErrorKind::Protocol, ErrorKind::Protocol]);
    faults.clear();

    // What can be read only once is not sent again, and the caller is told.
    faults.add(Fault::command("p").code(-9).times(1));
    let reader = std::io::Cursor::new(bytes.clone());
    let once = mega
        .write_from("/once", reader)
        .size(bytes.len() as u64)
        .await;
    assert_eq!(once.unwrap_err().kind(), ErrorKind::Protocol);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_starts_again_when_the_host_cannot_go_on() {
    let (place, mega, folder, bytes) = with_file().await;
    let local = folder.path().join("local");
    std::fs::write(&local, &bytes).unwrap();
    for code in [-3, -4, -5, -7, -8] {
        place
            .server
            .faults()
            .add(Fault::lane(Lane::Upload).code(code).skip(1));
        let progress = Progress::new();
        let node = mega
            .upload(&local, "/again")
            .progress(&progress)
            .await
            .unwrap();
        assert!(mega.read(&node).await.unwrap() == bytes, "{code}");
        assert_eq!(
            progress.bytes_done(),
            SIZE as u64,
            "{code}: bytes are counted once"
        );
    }
    place
        .server
        .faults()
        .add(Fault::lane(Lane::Upload).expire_url().skip(1));
    mega.upload(&local, "/again").await.unwrap();

    // A reader cannot be read twice: an error, no node.
    place
        .server
        .faults()
        .add(Fault::lane(Lane::Upload).code(-4));
    let reader = std::io::Cursor::new(bytes.clone());
    let error = mega
        .write_from("/stream", reader)
        .size(SIZE as u64)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Network, "{error}");
    assert!(!mega.exists("/stream").await.unwrap());
    // One of unknown length is on disk, and goes again.
    place
        .server
        .faults()
        .add(Fault::lane(Lane::Upload).code(-4));
    let node = mega
        .write_from("/stream", std::io::Cursor::new(bytes.clone()))
        .await
        .unwrap();
    assert!(mega.read(&node).await.unwrap() == bytes);
}

#[tokio::test]
async fn ul_3_an_error_number_is_never_taken_for_a_token() {
    let (place, mega, _folder, _) = with_file().await;
    for code in [-1, -6, -9, -17] {
        place
            .server
            .faults()
            .add(Fault::lane(Lane::Upload).code(code).always());
        let error = mega.write("/small", "x").await.unwrap_err();
        assert_eq!(
            error.code().map(|code| code.number() as i64),
            Some(code),
            "{error}"
        );
        assert!(!mega.exists("/small").await.unwrap());
        place.server.faults().clear();
    }
    let mega = signed_in_with(&place, TransferLimits::default().attempts(2)).await;
    for nonsense in ["hello", "-", "1", "-14x"] {
        place
            .server
            .faults()
            .add(Fault::lane(Lane::Upload).body(nonsense).always());
        assert!(mega.write("/small", "x").await.is_err(), "{nonsense}");
        assert!(!mega.exists("/small").await.unwrap());
        place.server.faults().clear();
    }
}

#[tokio::test]
async fn ul_2_a_token_that_comes_before_all_parts_is_not_trusted() {
    let (place, _, _folder, bytes) = with_file().await;
    let limits = TransferLimits::default()
        .attempts(2)
        .connections_per_file(1);
    let mega = signed_in_with(&place, limits).await;
    place
        .server
        .faults()
        .add(Fault::lane(Lane::Upload).body(vec![1; 36]).always());
    let error = mega.write("/early", bytes).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Protocol, "{error}");
    assert!(!mega.exists("/early").await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn ul_5_the_token_may_come_with_any_part() {
    let (place, mega, _folder, bytes) = with_file().await;
    // The first part's reply is the slowest, so it is the one that completes the file.
    place
        .server
        .faults()
        .add(Fault::lane(Lane::Upload).path("/0").status(503).times(1));
    let node = mega.write("/late", bytes.clone()).await.unwrap();
    assert!(mega.read(&node).await.unwrap() == bytes);
}

#[tokio::test]
async fn wr_3_and_wr_4_sources_of_another_length_make_no_node() {
    let (_place, mega, _folder, bytes) = with_file().await;
    let size = SIZE as u64;
    for said in [size + 1, size * 2, size - 1, 131_072, 10, 0] {
        let reader = std::io::Cursor::new(bytes.clone());
        let error = mega
            .write_from("/wrong", reader)
            .size(said)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::SourceChanged, "{said}: {error}");
        assert!(!mega.exists("/wrong").await.unwrap());
    }
}

#[tokio::test]
async fn wr_2_a_source_that_fails_makes_no_node() {
    struct Failing(usize);
    impl tokio::io::AsyncRead for Failing {
        fn poll_read(
            mut self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
            buffer: &mut tokio::io::ReadBuf<'_>,
        ) -> std::task::Poll<std::io::Result<()>> {
            let len = buffer.remaining().min(self.0);
            if len == 0 {
                return std::task::Poll::Ready(Err(std::io::Error::other("the disk broke")));
            }
            buffer.put_slice(&vec![1; len]);
            self.0 -= len;
            std::task::Poll::Ready(Ok(()))
        }
    }
    let (_place, mega, _folder, _) = with_file().await;
    for size in [None, Some(8_000_000)] {
        for after in [0, 100, 5_000_000] {
            let mut upload = mega.write_from("/broken", Failing(after));
            if let Some(size) = size {
                upload = upload.size(size);
            }
            let error = upload.await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Io, "{error}");
            let source = std::error::Error::source(&error).unwrap().to_string();
            assert!(source.contains("the disk broke"), "{source}");
            assert!(!mega.exists("/broken").await.unwrap());
        }
    }
}

#[tokio::test]
async fn wr_18_ul_1_a_file_that_changes_while_it_is_read_makes_no_node() {
    let (place, mega, folder, bytes) = with_file().await;
    let local = folder.path().join("local");
    type Change = fn(&Path);
    let changes: [(&str, Change); 3] = [
        ("grows", |path| {
            let mut file = std::fs::File::options().append(true).open(path).unwrap();
            std::io::Write::write_all(&mut file, b"more").unwrap();
        }),
        ("shrinks", |path| {
            std::fs::File::options()
                .write(true)
                .open(path)
                .unwrap()
                .set_len(5_000_000)
                .unwrap();
        }),
        ("is touched", |path| {
            let file = std::fs::File::options().write(true).open(path).unwrap();
            file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
        }),
    ];
    for (what, change) in changes {
        std::fs::write(&local, &bytes).unwrap();
        // The change happens after the address was asked for and before the last part is answered.
        let (path, calls) = (local.clone(), AtomicU64::new(0));
        place.server.faults().add(
            Fault::lane(Lane::Upload)
                .rewrite(move |text| {
                    if calls.fetch_add(1, Ordering::Relaxed) == 0 {
                        change(&path);
                    }
                    text
                })
                .path("/0"),
        );
        let error = mega.upload(&local, "/changing").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::SourceChanged, "{what}: {error}");
        assert!(!mega.exists("/changing").await.unwrap(), "{what}");
        place.server.faults().clear();
    }
}

#[tokio::test]
async fn local_files_that_cannot_be_sent_say_why() {
    let (_place, mega, folder, _) = with_file().await;
    let error = mega
        .upload(folder.path().join("nothing"), "/x")
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains("nothing"), "{error}");
    let error = mega.upload(folder.path(), "/x").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::IsADirectory);
    #[cfg(unix)]
    {
        let error = mega.upload("/dev/null", "/x").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
    }
    assert!(!mega.exists("/x").await.unwrap());
}

#[tokio::test]
async fn rty_13_a_transfer_that_fails_again_and_again_keeps_no_other_waiting() {
    let place = Place::new().await;
    // The failing one and the others want the same, only place.
    let limits = TransferLimits::default()
        .requests_at_once(1)
        .files_at_once(1);
    let mega = signed_in_with(&place, limits).await;
    let bytes = crate::transfer_content::content(SIZE);
    mega.write("/file", bytes.clone()).await.unwrap();
    let faults = place.server.faults();
    faults.add(Fault::lane(Lane::Upload).status(500));
    faults.add(Fault::lane(Lane::Upload).skip(1).status(500).always());
    let mut failing = Box::pin(mega.write("/failing", bytes.clone()).into_future());
    // It has tried, and waits for its next attempt.
    while faults.pending() > 1 {
        assert!(futures::FutureExt::now_or_never(&mut failing).is_none());
        tokio::task::yield_now().await;
    }
    for _ in 0..3 {
        let read = mega.read("/file").into_future();
        match futures::future::select(Box::pin(read), &mut failing).await {
            futures::future::Either::Left((read, _)) => assert!(read.unwrap() == bytes),
            futures::future::Either::Right((failed, _)) => panic!("{failed:?} came first"),
        }
    }
    // And it goes on by itself.
    faults.clear();
    assert_eq!(failing.await.unwrap().size(), SIZE as u64);
}

//! What a transfer does when the disk does not.

use std::sync::atomic::{AtomicU64, Ordering};

use super::*;
use crate::ErrorKind;
use crate::transfer::progress::Progress;
use crate::{Client, Credentials, Target};
use mega_testserver::{Fault, Lane};

/// A disk with room for so many bytes.
struct Disk {
    room: AtomicU64,
    calls: AtomicU64,
}

impl Sink for Disk {
    const QUICK: bool = false;

    fn store(&self, _: u64, piece: Buffer) -> io::Result<()> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let len = piece.len() as u64;
        let took = self
            .room
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |room| {
                room.checked_sub(len)
            });
        took.map(|_| ())
            .map_err(|_| io::ErrorKind::StorageFull.into())
    }

    fn crc(&self, _: u64, _: bool) -> io::Result<Option<Crc>> {
        Ok(None)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dsk_1_dl_12_a_full_disk_ends_the_transfer_with_its_own_error_and_is_not_tried_again() {
    let server = mega_testserver::TestServer::start().await.unwrap();
    server.account("me@example.com", "secret").create();
    let mega = Client::builder().origin(server.url());
    let mega = mega.verdict_delay(std::time::Duration::ZERO);
    let login = Credentials::new("me@example.com", "secret");
    let mega = mega.login(login).await.unwrap();
    mega.write("/file", vec![1; 9 << 20]).await.unwrap();
    let file = mega.remote_file(&Target::from("/file")).unwrap();
    for room in [0, 1, 5 << 20] {
        let disk = Arc::new(Disk {
            room: AtomicU64::new(room),
            calls: AtomicU64::new(0),
        });
        let meter = Meter::new(&Progress::new());
        let policy = IntegrityPolicy::default();
        let fetched = fetch(mega.transfers(), &file, policy, Arc::clone(&disk), &meter);
        let error = fetched.await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NoSpace, "{room}: {error}");
        let pieces = file.size.div_ceil(mega.limits().window_len()) + 1;
        assert!(disk.calls.load(Ordering::Relaxed) <= pieces);
    }
    // A thread may still hold a piece that nobody waits for.
    while mega.transfers().buffers().in_use() > 0 {
        tokio::task::yield_now().await;
    }
}

// One wrong part of six: the file is put together anew without one part after the other, until it is proven.
#[tokio::test(flavor = "multi_thread")]
async fn dsk_1_a_disk_that_fills_while_a_wrong_part_is_looked_for_is_no_fault_of_the_content() {
    let server =
        mega_testserver::TestServer::builder().options(|options| options.cloud_raid = true);
    let server = server.start().await.unwrap();
    server.account("me@example.com", "secret").create();
    let mega = Client::builder().origin(server.url());
    let mega = mega.verdict_delay(std::time::Duration::ZERO);
    let login = Credentials::new("me@example.com", "secret");
    let mega = mega.login(login).await.unwrap();
    mega.write("/file", vec![1; 700_000]).await.unwrap();
    let file = mega.remote_file(&Target::from("/file")).unwrap();
    let faults = server.faults().clone();
    // The fifth address of each reply.
    let spoil = move |text: String| {
        let reply: serde_json::Value = serde_json::from_str(&text).unwrap();
        let url = reply[0]["g"][4].as_str().unwrap();
        let wrong = Fault::lane(Lane::Download).path(url.rsplit('/').next().unwrap());
        faults.add(wrong.corrupt_at(40).always());
        text
    };
    server
        .faults()
        .add(Fault::command("g").rewrite(spoil).always());
    // Room for the whole twice, and not for the third look, which is not the one that leaves the wrong part out.
    let disk = Arc::new(Disk {
        room: AtomicU64::new(2 * file.size),
        calls: AtomicU64::new(0),
    });
    let meter = Meter::new(&Progress::new());
    let policy = IntegrityPolicy::default();
    let fetched = fetch(mega.transfers(), &file, policy, Arc::clone(&disk), &meter).await;
    assert_eq!(fetched.unwrap_err().kind(), ErrorKind::NoSpace);
    assert!(disk.room.load(Ordering::Relaxed) < file.size, "two looks");
}

#[tokio::test(flavor = "multi_thread")]
async fn lim_12_an_upload_does_not_wait_for_downloads_that_wait_for_its_buffers() {
    let server = mega_testserver::TestServer::start().await.unwrap();
    server.account("me@example.com", "secret").create();
    let mega = Client::builder().origin(server.url());
    let mega = mega.verdict_delay(std::time::Duration::ZERO);
    let mega = mega.limits(TransferLimits::default().requests_at_once(1));
    let login = Credentials::new("me@example.com", "secret");
    let mega = mega.login(login).await.unwrap();
    // A download that has its place, and will have a buffer once the upload has given back the one it holds.
    let _place = mega.transfers().wire().turn().await;
    let upload = std::future::IntoFuture::into_future(mega.write("/file", vec![1; 3 << 20]));
    let patience = std::time::Duration::from_secs(60);
    let sent = tokio::time::timeout(patience, upload).await;
    assert_eq!(sent.expect("it hangs").unwrap().size(), 3 << 20);
}

#[test]
fn a_request_is_long_only_where_it_has_the_line_to_itself() {
    const MIB: u64 = 1 << 20;
    let left = 2048 * MIB;
    assert_eq!(share(left, 1, true), 256 * MIB);
    assert_eq!(
        share(left, 1, false),
        64 * MIB,
        "in six parts, or not known"
    );
    assert_eq!(share(left, 4, true), 64 * MIB);
    assert_eq!(share(80 * MIB, 4, true), 10 * MIB);
    assert_eq!(share(80 * MIB, 1, true), 80 * MIB);
}

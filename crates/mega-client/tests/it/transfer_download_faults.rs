//! What storage hosts and networks do wrong to downloads, and what must come of it.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use mega_client::{
    Credentials, ErrorKind, Existing, IntegrityPolicy, QuotaPolicy, TransferLimits, Transport,
};
use mega_protocol::transport::{TransportError, TransportErrorKind};
use mega_protocol::{Body, BoxFuture, HttpRequest, HttpResponse};
use mega_testserver::{Fault, Lane};
use tokio::io::AsyncReadExt;

use crate::memory::Memory;
use crate::place::{EMAIL, PASSWORD, Place};
use crate::transfer_content::{content, signed_in_with};
use crate::transfer_world::{SIZE, commands, entries, with_file};

#[tokio::test(flavor = "multi_thread")]
async fn rd_13_a_connection_killed_at_any_byte_goes_on_where_it_was() {
    let (place, mega, folder, bytes) = with_file().await;
    let copy = folder.path().join("copy");
    for at in [0, 1, 1000, 131_072, 131_073, 1_000_000] {
        place
            .server
            .faults()
            .add(Fault::lane(Lane::Download).cut_at(at).times(3));
        mega.download("/file", &copy)
            .on_existing(Existing::Overwrite)
            .await
            .unwrap();
        assert!(std::fs::read(&copy).unwrap() == bytes, "cut at {at}");
        assert_eq!(place.server.faults().pending(), 0, "the fault fired");
    }
    place
        .server
        .faults()
        .add(Fault::lane(Lane::Download).drop_before().times(2));
    place
        .server
        .faults()
        .add(Fault::lane(Lane::Download).headers_only().times(2));
    assert!(mega.read("/file").await.unwrap() == bytes);
    place
        .server
        .faults()
        .add(Fault::lane(Lane::Download).cut_at(50).times(2));
    assert!(*mega.read("/file").range(100_000..300_000).await.unwrap() == bytes[100_000..300_000]);
    assert_eq!(
        commands(&place, "g"),
        8,
        "no new address for a broken connection"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn dl_13_an_expired_address_is_renewed() {
    let (place, mega, _folder, bytes) = with_file().await;
    for skip in [0, 1, 2] {
        place
            .server
            .faults()
            .add(Fault::lane(Lane::Download).expire_url().skip(skip));
        assert!(mega.read("/file").await.unwrap() == bytes);
        place.server.faults().clear();
    }
    assert!(commands(&place, "g") >= 4);
    place
        .server
        .faults()
        .add(Fault::lane(Lane::Download).expire_url());
    assert!(*mega.read("/file").range(5..70).await.unwrap() == bytes[5..70]);

    // What the fresh address says about the file has to be what is known of it.
    place
        .server
        .faults()
        .add(Fault::lane(Lane::Download).expire_url());
    place.server.faults().add(
        Fault::command("g")
            .skip(1)
            .rewrite(|text| text.replace("\"s\":6000000", "\"s\":5999999")),
    );
    let error = mega.read("/file").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Integrity, "{error}");
    assert_eq!(place.server.faults().pending(), 0, "it was asked for again");

    // One that never works does not keep it busy for ever.
    place
        .server
        .faults()
        .add(Fault::lane(Lane::Download).status(404).always());
    let mega = signed_in_with(&place, TransferLimits::default().attempts(3)).await;
    let error = mega.read("/file").await.unwrap_err();
    assert_eq!(error.operation(), Some("read"));
    assert_eq!(error.subject(), Some("/file"));
}

#[tokio::test(flavor = "multi_thread")]
async fn busy_hosts_are_asked_again() {
    let (place, mega, _folder, bytes) = with_file().await;
    for status in [429, 500, 503] {
        place
            .server
            .faults()
            .add(Fault::lane(Lane::Download).status(status).times(2));
        assert!(mega.read("/file").await.unwrap() == bytes, "{status}");
        place
            .server
            .faults()
            .add(Fault::lane(Lane::Upload).status(status).times(2));
        mega.write("/new", bytes.clone()).await.unwrap();
        assert!(mega.read("/new").await.unwrap() == bytes, "{status}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_damaged_piece_is_found_and_fetched_again() {
    let (place, mega, folder, bytes) = with_file().await;
    let copy = folder.path().join("copy");
    for offset in [0, 70_000] {
        place
            .server
            .faults()
            .add(Fault::lane(Lane::Download).corrupt_at(offset));
        let receipt = mega
            .download("/file", &copy)
            .on_existing(Existing::Overwrite)
            .await
            .unwrap();
        assert!(receipt.integrity().is_verified());
        assert!(std::fs::read(&copy).unwrap() == bytes);
        assert_eq!(place.server.faults().pending(), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dl_6_content_that_stays_wrong_is_an_error_and_leaves_no_file() {
    let (place, mega, folder, _) = with_file().await;
    place
        .server
        .faults()
        .add(Fault::lane(Lane::Download).corrupt_at(100).always());
    let copy = folder.path().join("copy");
    let error = mega.download("/file", &copy).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Integrity, "{error}");
    assert_eq!(entries(folder.path()), Vec::<String>::new());
    let error = mega.read("/file").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Integrity);

    // DL-3: the reader fails before it gives the last chunk, and stays failed.
    let mut file = mega.open("/file").await.unwrap();
    let mut read = Vec::new();
    let error = tokio::io::AsyncReadExt::read_to_end(&mut file, &mut read)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidData);
    assert!(read.len() < SIZE);
    tokio::io::AsyncSeekExt::rewind(&mut file).await.unwrap();
    assert!(
        tokio::io::AsyncReadExt::read(&mut file, &mut [0; 10])
            .await
            .is_err()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn dl_2_a_failed_download_leaves_the_file_that_was_there() {
    let (place, mega, folder, bytes) = with_file().await;
    let copy = folder.path().join("copy");
    std::fs::write(&copy, "precious").unwrap();
    place
        .server
        .faults()
        .add(Fault::lane(Lane::Download).corrupt_at(100).always());
    let error = mega
        .download("/file", &copy)
        .on_existing(Existing::Overwrite)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Integrity);
    assert_eq!(std::fs::read(&copy).unwrap(), b"precious");
    assert_eq!(entries(folder.path()), ["copy"]);
    place.server.faults().clear();
    mega.download("/file", &copy)
        .on_existing(Existing::Overwrite)
        .await
        .unwrap();
    assert!(
        std::fs::read(&copy).unwrap() == bytes,
        "no tail of an older, longer or shorter file"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn dl_5_bodies_of_another_length_are_not_taken() {
    let (place, mega, _folder, bytes) = with_file().await;
    // Shorter, with a length that says so.
    place
        .server
        .faults()
        .add(Fault::lane(Lane::Download).truncate_at(1000).times(2));
    assert!(mega.read("/file").await.unwrap() == bytes);
    // Something else altogether.
    place.server.faults().add(
        Fault::lane(Lane::Download)
            .body("<html>pay here</html>")
            .times(2),
    );
    assert!(mega.read("/file").await.unwrap() == bytes);
    let mega = signed_in_with(&place, TransferLimits::default().attempts(2)).await;
    place
        .server
        .faults()
        .add(Fault::lane(Lane::Download).body(vec![7; SIZE + 1]).always());
    assert!(mega.read("/file").await.is_err());
}

#[tokio::test]
async fn att_15_sizes_that_contradict_each_other_are_an_error() {
    let (place, mega, folder, _) = with_file().await;
    for lie in ["5999999", "0", "6000001", "60000000000"] {
        let said = format!("\"s\":{lie}");
        place
            .server
            .faults()
            .add(Fault::command("g").rewrite(move |text| text.replace("\"s\":6000000", &said)));
        let error = mega
            .download("/file", folder.path().join("x"))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Integrity, "{lie}: {error}");
    }
    assert_eq!(entries(folder.path()), Vec::<String>::new());
}

#[tokio::test]
async fn dl_9_a_tail_of_zeros_that_is_cut_is_noticed_by_the_fingerprint() {
    let place = Place::new().await;
    let mega = place.sign_in().await;
    let mut bytes = content(1000);
    bytes.extend_from_slice(&[0; 8]);
    mega.write("/file", bytes).await.unwrap();
    // 1008 bytes; without the last 8 the last block still pads to the same one.
    drop(mega);
    let lie = |text: String| text.replace("\"s\":1008", "\"s\":1000");
    place
        .server
        .faults()
        .add(Fault::command("f").rewrite(lie).always());
    place
        .server
        .faults()
        .add(Fault::command("g").rewrite(lie).always());
    let mega = place.sign_in().await;
    assert_eq!(mega.stat("/file").await.unwrap().size(), 1000);
    let error = mega.read("/file").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Integrity, "{error}");
    let policy = IntegrityPolicy::default().accept_wrong_fingerprint();
    assert_eq!(
        mega.read("/file").integrity(policy).await.unwrap().len(),
        1000
    );
}

#[tokio::test]
async fn dl_7_a_file_that_is_said_to_be_empty_is_believed_only_on_request() {
    let (place, mega, folder, _) = with_file().await;
    drop(mega);
    let lie = |text: String| text.replace("\"s\":6000000", "\"s\":0");
    place
        .server
        .faults()
        .add(Fault::command("f").rewrite(lie).always());
    let mega = place.sign_in().await;
    let copy = folder.path().join("copy");
    let error = mega.download("/file", &copy).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Integrity, "{error}");
    assert!(mega.open("/file").await.is_err());
    let policy = IntegrityPolicy::default().accept_unproven_length();
    let receipt = mega
        .download("/file", &copy)
        .integrity(policy)
        .await
        .unwrap();
    assert!(!receipt.integrity().is_verified());
    std::fs::write(&copy, "").unwrap();
    assert!(!mega.verify(&copy, "/file").await.unwrap().is_equal());
}

#[tokio::test]
async fn tr_8_a_used_up_transfer_quota_fails_with_the_time_or_is_waited_for() {
    let (place, mega, _folder, bytes) = with_file().await;
    place
        .server
        .faults()
        .add(Fault::lane(Lane::Download).bandwidth(1234).always());
    let error = mega.read("/file").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OverTransferQuota);
    assert_eq!(error.retry_after(), Some(Duration::from_secs(1234)));
    place.server.faults().clear();

    let policy = QuotaPolicy::WaitUpTo(Duration::from_secs(5));
    let mega = signed_in_with(&place, TransferLimits::default().quota_policy(policy)).await;
    place
        .server
        .faults()
        .add(Fault::lane(Lane::Download).bandwidth(1));
    assert!(mega.read("/file").await.unwrap() == bytes);
}

#[tokio::test(flavor = "multi_thread")]
async fn lim_12_a_connection_that_breaks_with_a_buffer_half_full_locks_nobody_out() {
    let place = Place::new().await;
    // Room for one buffer and a bit, and one request at a time: who has the buffer must not wait for who has the request.
    let limits = TransferLimits::default()
        .connections_per_file(3)
        .requests_at_once(1)
        .buffer_bytes(2 << 20);
    let mega = signed_in_with(&place, limits).await;
    let bytes = content(6_000_000);
    mega.write("/file", bytes.clone()).await.unwrap();
    let cut = Fault::lane(Lane::Download).cut_at(700_000).times(4);
    place.server.faults().add(cut);
    let read = std::future::IntoFuture::into_future(mega.read("/file"));
    let read = tokio::time::timeout(Duration::from_secs(60), read).await;
    assert!(read.expect("it hangs").unwrap() == bytes);
}

#[tokio::test(flavor = "multi_thread")]
async fn lim_12_a_damaged_content_that_fills_the_budget_is_fetched_again_all_the_same() {
    let place = Place::new().await;
    // Room for the content once: what came first must not keep out what comes after it.
    let limits = TransferLimits::default().buffer_bytes(2 << 20);
    let mega = signed_in_with(&place, limits).await;
    let bytes = content(1_000_000);
    mega.write("/file", bytes.clone()).await.unwrap();
    let damage = Fault::lane(Lane::Download).corrupt_at(100).times(1);
    place.server.faults().add(damage);
    let read = std::future::IntoFuture::into_future(mega.read("/file"));
    let read = tokio::time::timeout(Duration::from_secs(60), read).await;
    assert!(read.expect("it hangs").unwrap() == bytes);
}

/// Every download ends with a broken connection, once all that was asked for has arrived.
struct NoEnd(Arc<Memory>);

impl Transport for NoEnd {
    fn request(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, TransportError>> {
        Box::pin(async move {
            let download = request.url.path_and_query().starts_with("/dl/");
            let mut reply = self.0.request(request).await?;
            if download {
                let broken = Err(TransportError::new(TransportErrorKind::Reset));
                let end = futures::stream::iter([broken]);
                reply.body = Body::from_stream(reply.body.chain(end));
            }
            Ok(reply)
        })
    }
}

#[tokio::test(start_paused = true)]
async fn rd_13_a_connection_that_breaks_behind_the_last_byte_costs_nothing() {
    let memory = Memory::new();
    memory.service.account(EMAIL, PASSWORD).create();
    let mega = memory
        .builder()
        .transport(Arc::new(NoEnd(Arc::clone(&memory))))
        .login(Credentials::new(EMAIL, PASSWORD))
        .await
        .unwrap();
    let bytes = content(2_000_000);
    mega.write("/file", bytes.clone()).await.unwrap();
    assert!(mega.read("/file").await.unwrap() == bytes);
    let part = mega.read("/file").range(10..1_000_010).await.unwrap();
    assert!(part[..] == bytes[10..1_000_010]);
    let mut reader = mega.open("/file").await.unwrap();
    let mut all = Vec::new();
    reader.read_to_end(&mut all).await.unwrap();
    assert!(all == bytes && reader.integrity().is_verified());
}

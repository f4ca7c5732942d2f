//! A disk that fills up half-way (threat model, DSK-1; fault F24).

#![cfg(unix)]

use mega_client::{ErrorKind, Existing, TransferLimits};

use crate::child::{child_without_room, client, in_child, run};
use crate::place::Place;
use crate::transfer_content::content;
use crate::transfer_world::entries;

const SIZE: usize = 12_000_000;

#[tokio::test(flavor = "multi_thread")]
async fn dsk_1_dl_12_a_disk_that_fills_up_during_a_download_is_its_own_error_and_loses_nothing() {
    if let Some((url, folder)) = in_child() {
        let mega = client(&url, TransferLimits::default()).await;
        for existing in [Existing::Fail, Existing::Overwrite] {
            let name = if existing == Existing::Fail {
                "new"
            } else {
                "old"
            };
            let error = mega
                .download("/tree/file", folder.join(name))
                .on_existing(existing)
                .await
                .unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NoSpace, "{error}");
            assert!(error.to_string().contains("/tree/file") || error.to_string().contains(name));
        }
        assert_eq!(entries(&folder), ["old"], "nothing is left behind");

        // A folder: what fits arrives, the rest is reported.
        let report = mega
            .download_folder("/tree", folder.join("tree"))
            .await
            .unwrap();
        let failed: Vec<_> = report
            .failed()
            .map(|(path, error)| (path, error.kind()))
            .collect();
        assert_eq!(failed, [("file", ErrorKind::NoSpace)]);
        assert_eq!(entries(&folder.join("tree")), ["small"]);
        return;
    }
    let place = Place::new().await;
    let mega = place.sign_in().await;
    mega.write("/tree/file", content(SIZE)).await.unwrap();
    mega.write("/tree/small", "fits").await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("old"), "precious").unwrap();
    let test = "transfer_disk::dsk_1_dl_12_a_disk_that_fills_up_during_a_download_is_its_own_error_and_loses_nothing";
    let status = run(child_without_room(&place, test, folder.path())).await;
    assert!(status.success());
    assert_eq!(
        std::fs::read(folder.path().join("old")).unwrap(),
        b"precious"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn dsk_1_a_disk_that_fills_up_during_a_resumable_download_keeps_what_fitted() {
    let limits = TransferLimits::default()
        .buffer_bytes(4 << 20)
        .connections_per_file(1);
    if let Some((url, folder)) = in_child() {
        let mega = client(&url, limits).await;
        let download = mega.download("/file", folder.join("copy")).resumable();
        let error = download.await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NoSpace, "{error}");
        return;
    }
    let place = Place::new().await;
    let mega = place.builder().limits(limits);
    let mega = mega
        .login(mega_client::Credentials::new(
            crate::place::EMAIL,
            crate::place::PASSWORD,
        ))
        .await
        .unwrap();
    let bytes = content(SIZE);
    mega.write("/file", bytes.clone()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let test =
        "transfer_disk::dsk_1_a_disk_that_fills_up_during_a_resumable_download_keeps_what_fitted";
    let status = run(child_without_room(&place, test, folder.path())).await;
    assert!(status.success());
    let copy = folder.path().join("copy");
    assert!(!copy.exists(), "no file under its own name yet");
    // Somebody has made room.
    let receipt = mega.download("/file", &copy).resumable().await.unwrap();
    assert!(
        receipt.resumed_bytes() >= 1 << 20,
        "{}",
        receipt.resumed_bytes()
    );
    assert!(std::fs::read(&copy).unwrap() == bytes);
    assert_eq!(entries(folder.path()), ["copy"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn dsk_1_a_disk_that_fills_up_while_an_upload_of_unknown_length_is_kept_makes_no_node() {
    if let Some((url, folder)) = in_child() {
        let mega = client(&url, TransferLimits::default()).await;
        let reader = std::io::Cursor::new(content(SIZE));
        let error = mega.write_from("/new", reader).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NoSpace, "{error}");
        assert!(!mega.exists("/new").await.unwrap());
        assert_eq!(entries(&folder), Vec::<String>::new());
        return;
    }
    let place = Place::new().await;
    let folder = tempfile::tempdir().unwrap();
    let test = "transfer_disk::dsk_1_a_disk_that_fills_up_while_an_upload_of_unknown_length_is_kept_makes_no_node";
    let mut command = child_without_room(&place, test, folder.path());
    command.env("TMPDIR", folder.path());
    assert!(run(command).await.success());
    let mega = place.sign_in().await;
    assert!(!mega.exists("/new").await.unwrap());
}

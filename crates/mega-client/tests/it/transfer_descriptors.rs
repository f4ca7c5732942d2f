//! How many files and connections a transfer has open: a process may have few.

#![cfg(unix)]

use mega_client::TransferLimits;

use crate::child::{child_with_descriptors, client, in_child, run};
use crate::place::Place;
use crate::transfer_content::content;
use crate::transfer_folders::write;

const FILES: usize = 300;

#[tokio::test(flavor = "multi_thread")]
async fn more_small_files_travel_at_once_than_a_process_may_have_open() {
    if let Some((url, folder)) = in_child() {
        let limits = TransferLimits::default().small_files_at_once(FILES);
        let mega = client(&url, limits.requests_at_once(8).sync(false)).await;
        let (from, to) = (folder.join("from"), folder.join("to"));
        // The second time everything is there, and is looked at only.
        for moved in [FILES, 0] {
            let up = mega.upload_folder(&from, "/tree").await.unwrap();
            let up = up.into_result().unwrap();
            let down = mega.download_folder("/tree", &to).await.unwrap();
            let down = down.into_result().unwrap();
            for report in [up, down] {
                let seen = (report.transferred(), report.same());
                assert_eq!(seen, (moved, FILES - moved));
            }
        }
        return;
    }
    let place = Place::new().await;
    drop(place.sign_in().await);
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (folder.path().join("from"), folder.path().join("to"));
    // Each in a folder of its own: none of those that are open does for two files.
    for number in 0..FILES {
        let path = format!("{number}/file");
        write(from.join(path), content(100 + number));
    }
    let test = "transfer_descriptors::more_small_files_travel_at_once_than_a_process_may_have_open";
    let status = run(child_with_descriptors(128, &place, test, folder.path())).await;
    assert!(status.success());
    for number in 0..FILES {
        let came = std::fs::read(to.join(format!("{number}/file"))).unwrap();
        assert!(came == content(100 + number), "{number}");
    }
}

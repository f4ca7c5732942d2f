//! Uploads that go on after all of the content was sent: the node was made, or only it is missing.

use std::future::IntoFuture;

use mega_client::{ErrorKind, OnConflict};
use mega_testserver::{Fault, Lane};

use crate::place::Place;
use crate::transfer_content::signed_in_with;
use crate::transfer_resume::{
    commands, count, hang_uploads, journal_grows, limits, named, requests, stop_upload, with_file,
};

#[tokio::test(flavor = "multi_thread")]
async fn ul_4_a_source_that_changed_after_all_of_it_was_sent_is_sent_anew() {
    let (place, mega, folder, mut bytes) = with_file().await;
    let state = tempfile::tempdir().unwrap();
    let local = folder.path().join("local");
    std::fs::write(&local, &bytes).unwrap();
    let time = local.metadata().unwrap().modified().unwrap();
    // Everything is there, only the node cannot be made yet.
    let over = |place: &Place| place.server.faults().add(Fault::command("p").code(-17));
    over(&place);
    let upload = mega.upload(&local, "/sent").resumable(state.path());
    let error = upload.await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OverStorageQuota);
    // Same size, same time, one other byte.
    bytes[5] ^= 1;
    std::fs::write(&local, &bytes).unwrap();
    let file = std::fs::File::options().write(true).open(&local).unwrap();
    file.set_modified(time).unwrap();
    let node = mega.upload(&local, "/sent").resumable(state.path());
    let node = node.await.unwrap();
    assert!(mega.read(&node).await.unwrap() == bytes);

    // As it was, nothing is sent again.
    over(&place);
    let upload = mega.upload(&local, "/again").resumable(state.path());
    upload.await.unwrap_err();
    let before = requests(&place, Lane::Upload).len();
    let node = mega.upload(&local, "/again").resumable(state.path());
    let node = node.await.unwrap();
    assert!(mega.read(&node).await.unwrap() == bytes);
    assert_eq!(requests(&place, Lane::Upload).len(), before);
    assert_eq!(count(state.path()), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn rty_9_a_name_that_an_earlier_run_has_taken_itself_is_no_conflict() {
    let (place, mega, folder, bytes) = with_file().await;
    let state = tempfile::tempdir().unwrap();
    let local = folder.path().join("local");
    std::fs::write(&local, &bytes).unwrap();
    let saved = folder.path().join("saved");
    let (from, to) = (state.path().to_path_buf(), saved.clone());
    let keep = Fault::command("p").rewrite(move |reply| {
        std::fs::copy(&named(&from, ".upload")[0], &to).unwrap();
        reply
    });
    place.server.faults().add(keep);
    let upload = || {
        let upload = mega.upload(&local, "/sent").resumable(state.path());
        upload.on_conflict(OnConflict::Fail)
    };
    let first = upload().await.unwrap();
    // A run of the same upload has a journal of this name, and meets the name in vain.
    let error = upload().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    assert_eq!(count(state.path()), 0);
    // The first one was not told that it had made the node.
    stop_upload(&place, &mega, &local, state.path()).await;
    std::fs::copy(&saved, &named(state.path(), ".upload")[0]).unwrap();
    let again = upload().await.unwrap();
    assert_eq!(again.handle(), first.handle());
    assert_eq!(count(state.path()), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn rty_9_an_upload_that_made_its_node_before_it_died_makes_no_second_one() {
    let (place, mega, folder, bytes) = with_file().await;
    let state = tempfile::tempdir().unwrap();
    let local = folder.path().join("local");
    std::fs::write(&local, &bytes).unwrap();
    // The journal as it is when the node is made and nobody knows yet.
    let saved = folder.path().join("saved");
    let (from, to) = (state.path().to_path_buf(), saved.clone());
    place
        .server
        .faults()
        .add(Fault::command("p").rewrite(move |text| {
            std::fs::copy(&named(&from, ".upload")[0], &to).unwrap();
            text
        }));
    let first = mega.upload(&local, "/sent").resumable(state.path());
    let first = first.await.unwrap();
    assert_eq!(count(state.path()), 0);
    // Its name comes back with the next run of the same upload.
    stop_upload(&place, &mega, &local, state.path()).await;
    std::fs::copy(&saved, &named(state.path(), ".upload")[0]).unwrap();
    let again = mega
        .upload(&local, "/sent")
        .resumable(state.path())
        .await
        .unwrap();
    assert_eq!(again.handle(), first.handle());
    assert!(mega.versions(&again).await.unwrap().is_empty());
    assert_eq!(count(state.path()), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn rty_7_a_resumed_upload_looks_for_its_node_in_an_up_to_date_tree() {
    let (place, mega, folder, bytes) = with_file().await;
    let stale = signed_in_with(&place, limits()).await;
    let state = tempfile::tempdir().unwrap();
    let local = folder.path().join("local");
    std::fs::write(&local, &bytes).unwrap();
    let saved = folder.path().join("saved");
    let (from, to) = (state.path().to_path_buf(), saved.clone());
    let keep = Fault::command("p").rewrite(move |text| {
        std::fs::copy(&named(&from, ".upload")[0], &to).unwrap();
        text
    });
    place.server.faults().add(keep);
    let first = mega.upload(&local, "/sent").resumable(state.path());
    let first = first.await.unwrap();
    stop_upload(&place, &mega, &local, state.path()).await;
    std::fs::copy(&saved, &named(state.path(), ".upload")[0]).unwrap();
    // The next run has a tree from before the node was made.
    assert!(!stale.exists("/sent").await.unwrap());
    let again = stale.upload(&local, "/sent").resumable(state.path());
    assert_eq!(again.await.unwrap().handle(), first.handle());
    mega.refresh().await.unwrap();
    let shown = mega.list("/").await.unwrap();
    assert_eq!(shown.len(), 2, "one copy beside the file of the place");
    assert!(mega.versions("/sent").await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_journal_of_an_upload_that_turns_out_to_be_unneeded_is_removed() {
    let (place, mega, folder, bytes) = with_file().await;
    let state = tempfile::tempdir().unwrap();
    let tree = folder.path().join("tree");
    std::fs::create_dir(&tree).unwrap();
    let local = tree.join("sent");
    std::fs::write(&local, &bytes).unwrap();

    // A copy of what lies in the account already.
    stop_upload(&place, &mega, &local, state.path()).await;
    assert_eq!(named(state.path(), ".upload").len(), 1);
    let again = || mega.upload(&local, "/sent").resumable(state.path());
    let addresses = commands(&place, "u");
    again().copy_identical().await.unwrap();
    assert_eq!(count(state.path()), 0, "after a copy on the server");
    assert_eq!(commands(&place, "u"), addresses, "nothing was sent");

    // The same file there, put by somebody who did not know of the journal.
    mega.delete("/sent").await.unwrap();
    stop_upload(&place, &mega, &local, state.path()).await;
    mega.upload(&local, "/sent").await.unwrap();
    assert_eq!(count(state.path()), 1);
    again().skip_identical().await.unwrap();
    assert_eq!(count(state.path()), 0, "after the same file was found");

    // The same for a folder.
    let upload = || mega.upload_folder(&tree, "/tree").resumable(state.path());
    hang_uploads(&place);
    let mut stopped = upload().into_future();
    tokio::select! {
        done = &mut stopped => panic!("it did not hang: {done:?}"),
        () = journal_grows(state.path(), ".upload", 350) => {}
    }
    drop(stopped);
    place.server.faults().clear();
    mega.upload(&local, "/tree/sent").await.unwrap();
    let report = upload().await.unwrap().into_result().unwrap();
    assert_eq!((report.transferred(), report.same()), (0, 1));
    assert_eq!(
        count(state.path()),
        0,
        "after the folder was found the same"
    );

    // One that is under way elsewhere stays.
    mega.delete("/sent").await.unwrap();
    hang_uploads(&place);
    let mut running = again().into_future();
    tokio::select! {
        done = &mut running => panic!("it did not hang: {done:?}"),
        () = journal_grows(state.path(), ".upload", 350) => {}
    }
    again().copy_identical().await.unwrap();
    assert_eq!(count(state.path()), 1, "somebody is using it");
    drop(running);
}

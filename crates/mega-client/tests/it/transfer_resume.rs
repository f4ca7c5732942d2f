//! Transfers that go on in a later run or process (threat model, DL-10, UL-4; fault F23).

use std::future::IntoFuture;
use std::path::{Path, PathBuf};
use std::time::Duration;

use mega_client::{Client, ErrorKind, Existing, Progress, TransferLimits};
use mega_testserver::{Fault, Lane};

use crate::child::{child, client, in_child};
use crate::place::Place;
use crate::transfer_content::{content, signed_in_with};

const SIZE: usize = 12_000_000;
/// Where each request of a stopped download hangs.
const STALL: u64 = 2_500_000;

/// Small windows, so that much of a small file is noted early.
pub(crate) fn limits() -> TransferLimits {
    TransferLimits::default()
        .buffer_bytes(4 << 20)
        .connections_per_file(2)
}

pub(crate) async fn with_file() -> (Place, Client, tempfile::TempDir, Vec<u8>) {
    let place = Place::new().await;
    let mega = signed_in_with(&place, limits()).await;
    let bytes = content(SIZE);
    mega.write("/file", bytes.clone()).await.unwrap();
    (place, mega, tempfile::tempdir().unwrap(), bytes)
}

pub(crate) fn named(folder: &Path, end: &str) -> Vec<PathBuf> {
    let paths = std::fs::read_dir(folder).unwrap();
    let paths = paths.map(|entry| entry.unwrap().path());
    paths
        .filter(|path| path.to_str().unwrap().ends_with(end))
        .collect()
}

pub(crate) fn count(folder: &Path) -> usize {
    std::fs::read_dir(folder).unwrap().count()
}

pub(crate) fn requests(place: &Place, lane: Lane) -> Vec<String> {
    let journal = place.server.journal();
    let of_lane = journal.iter().filter(|entry| entry.lane == lane);
    of_lane.map(|entry| entry.path.clone()).collect()
}

pub(crate) fn commands(place: &Place, name: &str) -> usize {
    let journal = place.server.journal();
    let has = |entry: &&mega_testserver::Entry| entry.commands.iter().any(|c| c == name);
    journal.iter().filter(has).count()
}

/// Waits until a journal has grown beyond its head.
pub(crate) async fn journal_grows(folder: &Path, end: &str, beyond: u64) {
    loop {
        let found = named(folder, end);
        if found
            .first()
            .is_some_and(|path| path.metadata().is_ok_and(|meta| meta.len() > beyond))
        {
            return;
        }
        tokio::task::yield_now().await;
    }
}

/// Starts a download that hangs and drops it when some of it is on the disk.
async fn stop_half_way(place: &Place, mega: &Client, folder: &Path) {
    let hang = Fault::lane(Lane::Download).stall_at(STALL, Duration::from_secs(600));
    place.server.faults().add(hang.always());
    let copy = folder.join("copy");
    let mut download = mega.download("/file", &copy).resumable().into_future();
    tokio::select! {
        done = &mut download => panic!("it did not hang: {done:?}"),
        () = journal_grows(folder, ".journal", 150) => {}
    }
    drop(download);
    place.server.faults().clear();
    assert!(!copy.exists());
    assert_eq!(named(folder, ".part").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn dl_10_a_download_that_was_stopped_goes_on_where_it_was() {
    let (place, mega, folder, bytes) = with_file().await;
    let copy = folder.path().join("copy");
    stop_half_way(&place, &mega, folder.path()).await;
    let before = requests(&place, Lane::Download).len();
    let progress = Progress::new();
    let receipt = mega
        .download("/file", &copy)
        .resumable()
        .progress(&progress)
        .await
        .unwrap();
    assert!(
        receipt.resumed_bytes() >= 1 << 20,
        "{}",
        receipt.resumed_bytes()
    );
    assert!(receipt.integrity().is_verified());
    assert_eq!(progress.bytes_done(), SIZE as u64);
    assert!(std::fs::read(&copy).unwrap() == bytes);
    assert_eq!(count(folder.path()), 1, "nothing but the file");
    // The start is there, so nobody asks for it.
    let after = requests(&place, Lane::Download);
    assert!(
        after[before..].iter().all(|path| !path.contains("/0-")),
        "{after:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn dl_10_what_is_damaged_on_the_disk_is_fetched_again() {
    let (place, mega, folder, bytes) = with_file().await;
    let copy = folder.path().join("copy");
    type Damage = fn(&Path);
    let damages: [(&str, Damage); 6] = [
        (".part", |path| overwrite(path, 100, b"other")),
        (".part", |path| {
            std::fs::File::options()
                .write(true)
                .open(path)
                .unwrap()
                .set_len(1000)
                .unwrap()
        }),
        (".part", |path| std::fs::remove_file(path).unwrap()),
        (".journal", |path| overwrite(path, 0, b"x")),
        (".journal", |path| overwrite(path, 30, b"xxxx")),
        (".journal", |path| std::fs::remove_file(path).unwrap()),
    ];
    for (end, damage) in damages {
        stop_half_way(&place, &mega, folder.path()).await;
        damage(&named(folder.path(), end)[0]);
        let download = mega.download("/file", &copy).resumable();
        let receipt = download.on_existing(Existing::Overwrite).await.unwrap();
        assert!(receipt.integrity().is_verified());
        assert!(std::fs::read(&copy).unwrap() == bytes);
        if end == ".journal" {
            assert_eq!(
                receipt.resumed_bytes(),
                0,
                "a damaged journal means to start over"
            );
        }
        assert_eq!(count(folder.path()), 1);
        std::fs::remove_file(&copy).unwrap();
    }
}

fn overwrite(path: &Path, at: u64, with: &[u8]) {
    use std::io::{Seek, Write};
    let mut file = std::fs::File::options().write(true).open(path).unwrap();
    file.seek(std::io::SeekFrom::Start(at)).unwrap();
    file.write_all(with).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn can_4_a_resumable_download_dropped_at_any_poll_is_completed_by_the_next() {
    let (place, mega, folder, bytes) = with_file().await;
    let copy = folder.path().join("copy");
    for polls in (0..60).step_by(3) {
        let mut download = mega.download("/file", &copy).resumable().into_future();
        for _ in 0..polls {
            let done = futures::FutureExt::now_or_never(&mut download);
            tokio::task::yield_now().await;
            if done.is_some() {
                break;
            }
        }
    }
    if !copy.exists() {
        mega.download("/file", &copy).resumable().await.unwrap();
    }
    assert!(std::fs::read(&copy).unwrap() == bytes);
    drop(place);
}

#[tokio::test(flavor = "multi_thread")]
async fn f23_a_download_goes_on_after_its_process_was_killed() {
    if let Some((url, folder)) = in_child() {
        let mega = client(&url, limits()).await;
        let download = mega.download("/file", folder.join("copy")).resumable();
        panic!("it did not hang: {:?}", download.await);
    }
    let (place, mega, folder, bytes) = with_file().await;
    let hang = Fault::lane(Lane::Download).stall_at(STALL, Duration::from_secs(600));
    place.server.faults().add(hang.always());
    let test = "transfer_resume::f23_a_download_goes_on_after_its_process_was_killed";
    let mut child = child(&place, test, folder.path()).spawn().unwrap();
    journal_grows(folder.path(), ".journal", 150).await;
    child.kill().unwrap();
    child.wait().unwrap();
    place.server.faults().clear();
    let copy = folder.path().join("copy");
    assert!(!copy.exists());
    let receipt = mega.download("/file", &copy).resumable().await.unwrap();
    assert!(
        receipt.resumed_bytes() >= 1 << 20,
        "{}",
        receipt.resumed_bytes()
    );
    assert!(std::fs::read(&copy).unwrap() == bytes);
    assert_eq!(count(folder.path()), 1);
}

/// Makes uploads hang after two parts.
pub(crate) fn hang_uploads(place: &Place) {
    let hang = Fault::lane(Lane::Upload).delay(Duration::from_secs(600));
    place.server.faults().add(hang.skip(2).always());
}

/// Waits until both answers were taken and noted: two parts travel at once, so only then do two more leave, which hang.
async fn two_answered(place: &Place, before: usize) {
    while requests(place, Lane::Upload).len() < before + 4 {
        tokio::task::yield_now().await;
    }
}

/// Starts an upload that hangs and drops it when the server has some of it.
pub(crate) async fn stop_upload(place: &Place, mega: &Client, local: &Path, state: &Path) {
    let before = requests(place, Lane::Upload).len();
    hang_uploads(place);
    let mut upload = mega.upload(local, "/sent").resumable(state).into_future();
    let sent = two_answered(place, before);
    tokio::select! {
        done = &mut upload => panic!("it did not hang: {done:?}"),
        () = sent => {}
    }
    drop(upload);
    place.server.faults().clear();
}

#[tokio::test(flavor = "multi_thread")]
async fn ul_10_an_upload_that_was_stopped_goes_on_where_it_was() {
    let (place, mega, folder, bytes) = with_file().await;
    let state = tempfile::tempdir().unwrap();
    let local = folder.path().join("local");
    std::fs::write(&local, &bytes).unwrap();
    stop_upload(&place, &mega, &local, state.path()).await;
    assert!(!mega.exists("/sent").await.unwrap());
    let before = requests(&place, Lane::Upload);
    let addresses = commands(&place, "u");
    let progress = Progress::new();
    let upload = mega.upload(&local, "/sent").resumable(state.path());
    let node = upload.progress(&progress).await.unwrap();
    assert!(mega.read(&node).await.unwrap() == bytes);
    assert_eq!(commands(&place, "u"), addresses, "under the same address");
    assert_eq!(progress.bytes_done(), SIZE as u64);
    let after = requests(&place, Lane::Upload).split_off(before.len());
    assert!(
        after.iter().all(|path| !path.ends_with("/0")),
        "the first part is there: {after:?}"
    );
    assert_eq!(count(state.path()), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn ul_4_a_source_that_changed_between_two_runs_is_sent_anew_with_another_key() {
    let (place, mega, folder, mut bytes) = with_file().await;
    let state = tempfile::tempdir().unwrap();
    let local = folder.path().join("local");
    std::fs::write(&local, &bytes).unwrap();
    let time = local.metadata().unwrap().modified().unwrap();
    stop_upload(&place, &mega, &local, state.path()).await;
    // Same size, same time, one other byte in a part that was sent.
    bytes[5] ^= 1;
    std::fs::write(&local, &bytes).unwrap();
    let file = std::fs::File::options().write(true).open(&local).unwrap();
    file.set_modified(time).unwrap();
    let addresses = commands(&place, "u");
    let node = mega
        .upload(&local, "/sent")
        .resumable(state.path())
        .await
        .unwrap();
    assert!(mega.read(&node).await.unwrap() == bytes);
    assert_eq!(commands(&place, "u"), addresses + 1);

    // Another time.
    stop_upload(&place, &mega, &local, state.path()).await;
    file.set_modified(time + Duration::from_secs(5)).unwrap();
    let addresses = commands(&place, "u");
    let node = mega
        .upload(&local, "/sent")
        .resumable(state.path())
        .await
        .unwrap();
    assert!(mega.read(&node).await.unwrap() == bytes);
    assert_eq!(commands(&place, "u"), addresses + 1);

    // A damaged journal.
    stop_upload(&place, &mega, &local, state.path()).await;
    overwrite(&named(state.path(), ".upload")[0], 40, b"xxxx");
    let addresses = commands(&place, "u");
    mega.upload(&local, "/sent")
        .resumable(state.path())
        .await
        .unwrap();
    assert_eq!(commands(&place, "u"), addresses + 1);

    // An address that the hosts have forgotten.
    stop_upload(&place, &mega, &local, state.path()).await;
    place.server.with_model(|model| model.expire_urls());
    let node = mega
        .upload(&local, "/sent")
        .resumable(state.path())
        .await
        .unwrap();
    assert!(mega.read(&node).await.unwrap() == bytes);
    assert_eq!(count(state.path()), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn f23_an_upload_goes_on_after_its_process_was_killed() {
    if let Some((url, folder)) = in_child() {
        let mega = client(&url, limits()).await;
        let upload = mega.upload(folder.join("local"), "/sent");
        panic!("it did not hang: {:?}", upload.resumable(&folder).await);
    }
    let (place, mega, folder, bytes) = with_file().await;
    let local = folder.path().join("local");
    std::fs::write(&local, &bytes).unwrap();
    let before = requests(&place, Lane::Upload).len();
    hang_uploads(&place);
    let test = "transfer_resume::f23_an_upload_goes_on_after_its_process_was_killed";
    let mut child = child(&place, test, folder.path()).spawn().unwrap();
    two_answered(&place, before).await;
    child.kill().unwrap();
    child.wait().unwrap();
    place.server.faults().clear();
    let addresses = commands(&place, "u");
    let upload = mega.upload(&local, "/sent").resumable(folder.path());
    let node = upload.await.unwrap();
    assert!(mega.read(&node).await.unwrap() == bytes);
    assert_eq!(commands(&place, "u"), addresses, "under the same address");
    assert_eq!(count(folder.path()), 1, "only the local file");
}

#[tokio::test(flavor = "multi_thread")]
async fn pst_6_an_upload_that_is_under_way_is_not_started_twice() {
    let (place, mega, folder, bytes) = with_file().await;
    let local = folder.path().join("local");
    std::fs::write(&local, &bytes).unwrap();
    hang_uploads(&place);
    let mut first = mega
        .upload(&local, "/sent")
        .resumable(folder.path())
        .into_future();
    tokio::select! {
        done = &mut first => panic!("it did not hang: {done:?}"),
        () = journal_grows(folder.path(), ".upload", 10) => {}
    }
    let second = mega.upload(&local, "/sent").resumable(folder.path()).await;
    assert_eq!(second.unwrap_err().kind(), ErrorKind::Precondition);
    let reader = mega.write("/memory", "x").resumable(folder.path()).await;
    assert_eq!(reader.unwrap_err().kind(), ErrorKind::Misuse);
    place.server.faults().clear();
}

#[tokio::test(flavor = "multi_thread")]
async fn folders_go_on_inside_their_larger_files_both_ways() {
    let (place, mega, folder, bytes) = with_file().await;
    let state = tempfile::tempdir().unwrap();
    let local = folder.path().join("tree");
    std::fs::create_dir(&local).unwrap();
    std::fs::write(local.join("large"), &bytes).unwrap();
    hang_uploads(&place);
    let before = requests(&place, Lane::Upload).len();
    let upload = mega.upload_folder(&local, "/tree").resumable(state.path());
    let mut upload = upload.into_future();
    let sent = async {
        while requests(&place, Lane::Upload).len() < before + 2 {
            tokio::task::yield_now().await;
        }
        journal_grows(state.path(), ".upload", 350).await;
    };
    tokio::select! {
        done = &mut upload => panic!("it did not hang: {done:?}"),
        () = sent => {}
    }
    drop(upload);
    place.server.faults().clear();
    let addresses = commands(&place, "u");
    let report = mega.upload_folder(&local, "/tree").resumable(state.path());
    assert_eq!(
        report.await.unwrap().into_result().unwrap().transferred(),
        1
    );
    assert_eq!(commands(&place, "u"), addresses, "under the same address");
    assert_eq!(count(state.path()), 0);
    assert!(mega.read("/tree/large").await.unwrap() == bytes);

    let copy = folder.path().join("copy");
    let hang = Fault::lane(Lane::Download).stall_at(STALL, Duration::from_secs(600));
    place.server.faults().add(hang.always());
    std::fs::create_dir(&copy).unwrap();
    let mut download = mega
        .download_folder("/tree", &copy)
        .resumable()
        .into_future();
    tokio::select! {
        done = &mut download => panic!("it did not hang: {done:?}"),
        () = journal_grows(&copy, ".journal", 150) => {}
    }
    drop(download);
    place.server.faults().clear();
    let before = requests(&place, Lane::Download).len();
    let report = mega
        .download_folder("/tree", &copy)
        .resumable()
        .await
        .unwrap();
    assert_eq!(report.into_result().unwrap().transferred(), 1);
    assert!(std::fs::read(copy.join("large")).unwrap() == bytes);
    assert_eq!(count(&copy), 1);
    let after = requests(&place, Lane::Download).split_off(before);
    assert!(after.iter().all(|path| !path.contains("/0-")), "{after:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_folder_for_journals_is_made_for_its_owner_only_when_it_is_needed() {
    let place = Place::new().await;
    let mega = place.sign_in().await;
    let folder = tempfile::tempdir().unwrap();
    let (local, state) = (folder.path().join("up"), folder.path().join("a/b"));
    std::fs::create_dir(&local).unwrap();
    std::fs::write(local.join("small"), "x").unwrap();
    let upload = || async {
        let upload = mega.upload_folder(&local, "/up").resumable(&state);
        upload.await.unwrap().into_result().unwrap()
    };
    upload().await;
    assert!(!state.exists(), "nothing was large enough");
    std::fs::write(local.join("large"), vec![7; 300_000]).unwrap();
    assert_eq!(upload().await.transferred(), 1);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(&state).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
    }
    std::fs::remove_dir(&state).unwrap();
    assert_eq!(upload().await.same(), 2, "with none there is no failure");
}

#[tokio::test(flavor = "multi_thread")]
async fn lim_12_the_budget_for_buffers_can_be_changed_while_transfers_run() {
    let (place, mega, folder, bytes) = with_file().await;
    let local = folder.path().join("local");
    std::fs::write(&local, &bytes).unwrap();
    let small = limits().buffer_bytes(2 << 20);
    mega.set_limits(small);
    mega.upload(&local, "/small").await.unwrap();
    // More of it reaches an upload that is under way.
    hang_uploads(&place);
    let held = mega.peak_buffer_bytes();
    let mut running = mega.upload(&local, "/running").into_future();
    mega.set_limits(limits().buffer_bytes(64 << 20).connections_per_file(8));
    let grown = async {
        while mega.peak_buffer_bytes() <= held.max(4 << 20) {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        done = &mut running => panic!("it did not hang: {done:?}"),
        () = grown => {}
    }
    place.server.faults().clear();
    drop(running);
    // Less of it, from the next buffer on: what a fresh client never holds.
    let other = signed_in_with(&place, limits().buffer_bytes(64 << 20)).await;
    other.set_limits(small);
    let node = other.upload(&local, "/other").await.unwrap();
    other
        .download(&node, folder.path().join("copy"))
        .await
        .unwrap();
    assert!(other.read(&node).await.unwrap() == bytes);
    assert!(
        other.peak_buffer_bytes() <= 2 << 20,
        "{}",
        other.peak_buffer_bytes()
    );
}

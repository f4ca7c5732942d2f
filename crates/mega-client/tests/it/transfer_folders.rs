//! Whole trees, both ways.

use std::collections::BTreeMap;
use std::future::IntoFuture;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use mega_client::{ErrorKind, Existing, Outcome, Progress, SkipReason, TransferLimits};
use mega_testserver::{Fault, Lane};

use crate::place::Place;
use crate::transfer_content::{content, signed_in_with};

/// Every entry of a local tree: `None` for folders, content and time in seconds for files.
fn tree(top: &Path) -> BTreeMap<PathBuf, Option<(Vec<u8>, u64)>> {
    let mut found = BTreeMap::new();
    let mut todo = vec![top.to_path_buf()];
    while let Some(folder) = todo.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            // Files in the making come and go while a stopped transfer is cleaned up.
            if entry.file_name().to_string_lossy().starts_with(".mega-") {
                continue;
            }
            let (path, meta) = (entry.path(), entry.metadata().unwrap());
            let below = path.strip_prefix(top).unwrap().to_path_buf();
            if meta.is_dir() {
                found.insert(below, None);
                todo.push(path);
            } else {
                let time = meta
                    .modified()
                    .unwrap()
                    .duration_since(SystemTime::UNIX_EPOCH);
                let bytes = std::fs::read(path).unwrap();
                found.insert(below, Some((bytes, time.unwrap().as_secs())));
            }
        }
    }
    found
}

pub(crate) fn write(path: PathBuf, bytes: impl AsRef<[u8]>) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, bytes).unwrap();
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_500_000_000);
    std::fs::File::options()
        .write(true)
        .open(path)
        .unwrap()
        .set_modified(time)
        .unwrap();
}

/// A tree with what makes trees hard: empty folders and files, depth, many files, awkward names.
fn make_tree(top: &Path) {
    for (name, size) in [
        ("empty", 0),
        ("one", 1),
        ("border", 131_072),
        ("beyond", 131_073),
        ("large", 3_000_000),
    ] {
        write(top.join(name), content(size));
    }
    std::fs::create_dir_all(top.join("hollow/hollow/hollow")).unwrap();
    for number in 0..60 {
        write(
            top.join(format!("many/{}/{number}.txt", number % 7)),
            format!("file {number}"),
        );
    }
    let deep: PathBuf = (0..40).map(|depth| format!("d{depth}")).collect();
    write(top.join(deep).join("bottom"), "deep down");
    for name in [
        " space ",
        "％percent%",
        "a\\b",
        "tab\tnewline\n",
        "ünïcödé",
        "‛quote‛",
        ".hidden",
    ] {
        write(top.join("names").join(name), name);
    }
    write(top.join("names").join("ä".repeat(127)), "long");
    #[cfg(target_os = "linux")]
    {
        use std::os::unix::ffi::OsStrExt;
        let invalid = std::ffi::OsStr::from_bytes(b"not utf-8 \xff\xfe");
        write(top.join("names").join(invalid), "bytes");
        write(
            top.join("names")
                .join(std::ffi::OsStr::from_bytes(b"slash\xef\xbc\x8flike")),
            "/",
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tr_1_and_dr_7_a_tree_comes_back_as_it_went() {
    let place = Place::new().await;
    let mega = place.sign_in().await;
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    make_tree(from.path());
    let before = tree(from.path());

    let progress = Progress::new();
    let report = mega
        .upload_folder(from.path(), "/trees/one")
        .progress(&progress)
        .await
        .unwrap();
    let report = report.into_result().unwrap();
    let files = before.values().flatten().count();
    assert_eq!(report.transferred(), files);
    assert_eq!(report.folders() as usize, before.len() - files);
    assert_eq!(
        (progress.files_done(), progress.files_total()),
        (files as u64, files as u64)
    );
    assert_eq!(progress.bytes_done(), progress.bytes_total());

    // Another client sees the same.
    let other = place.sign_in().await;
    let progress = Progress::new();
    let copy = to.path().join("copy");
    let report = other
        .download_folder("/trees/one", &copy)
        .progress(&progress)
        .await
        .unwrap();
    let report = report.into_result().unwrap();
    assert_eq!(report.transferred(), files);
    assert_eq!(progress.bytes_done(), progress.bytes_total());
    let after = tree(&copy);
    assert!(
        before.keys().eq(after.keys()),
        "{:?}\n{:?}",
        before.keys(),
        after.keys()
    );
    assert!(before == after);
}

#[tokio::test(flavor = "multi_thread")]
async fn tr_2_a_second_run_moves_only_what_changed() {
    let place = Place::new().await;
    let mega = place.sign_in().await;
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    make_tree(from.path());
    mega.upload_folder(from.path(), "/copy")
        .await
        .unwrap()
        .into_result()
        .unwrap();
    mega.download_folder("/copy", to.path())
        .await
        .unwrap()
        .into_result()
        .unwrap();

    let stored = |place: &Place| {
        let moved = |lane| lane == Lane::Upload || lane == Lane::Download;
        place
            .server
            .journal()
            .iter()
            .filter(|entry| moved(entry.lane))
            .count()
    };
    let before = stored(&place);
    let report = mega
        .upload_folder(from.path(), "/copy")
        .await
        .unwrap()
        .into_result()
        .unwrap();
    assert_eq!((report.transferred(), report.folders_created()), (0, 0));
    let report = mega
        .download_folder("/copy", to.path())
        .await
        .unwrap()
        .into_result()
        .unwrap();
    assert_eq!((report.transferred(), report.folders_created()), (0, 0));
    assert_eq!(stored(&place), before, "no content travelled");

    // Another size; the same size with another content; something new.
    write(from.path().join("one"), "longer");
    write(from.path().join("border"), vec![9; 131_072]);
    write(from.path().join("many/new.txt"), "new");
    let report = mega
        .upload_folder(from.path(), "/copy")
        .await
        .unwrap()
        .into_result()
        .unwrap();
    let moved: Vec<_> = report
        .files()
        .iter()
        .filter(|file| matches!(file.outcome, Outcome::New | Outcome::Changed))
        .map(|file| (file.path.as_str(), matches!(file.outcome, Outcome::New)))
        .collect();
    let mut moved = moved;
    moved.sort_unstable();
    assert_eq!(
        moved,
        [("border", false), ("many/new.txt", true), ("one", false)]
    );
    assert_eq!(mega.versions("/copy/one").await.unwrap().len(), 1);

    // The safe thing: what differs locally is left alone and reported.
    let report = mega.download_folder("/copy", to.path()).await.unwrap();
    let failed: Vec<_> = report
        .failed()
        .map(|(path, error)| (path, error.kind()))
        .collect();
    assert_eq!(failed.len(), 2, "{failed:?}");
    assert!(
        failed
            .iter()
            .all(|(_, kind)| *kind == ErrorKind::AlreadyExists)
    );
    let report = mega
        .download_folder("/copy", to.path())
        .on_existing(Existing::Update)
        .await;
    assert_eq!(report.unwrap().into_result().unwrap().transferred(), 2);
    assert!(tree(from.path()) == tree(to.path()));
}

#[tokio::test(flavor = "multi_thread")]
async fn tr_5_files_that_fail_are_reported_and_stop_nothing() {
    let place = Place::new().await;
    let mega = place.sign_in().await;
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for number in 0..20 {
        write(
            from.path().join(format!("{number}")),
            format!("file {number}"),
        );
    }
    #[cfg(unix)]
    std::os::unix::fs::symlink("/etc/passwd", from.path().join("link")).unwrap();
    // Three uploads are refused for good.
    place
        .server
        .faults()
        .add(Fault::lane(Lane::Upload).code(-6).times(3));
    let report = mega.upload_folder(from.path(), "/part").await.unwrap();
    assert_eq!((report.transferred(), report.failed().count()), (17, 3));
    #[cfg(unix)]
    assert!(report.files().iter().any(|file| {
        file.path == "link" && matches!(file.outcome, Outcome::Skipped(SkipReason::Link))
    }));
    let error = report.into_result().unwrap_err();
    assert!(error.to_string().contains("3 of"), "{error}");

    // The next run completes it.
    let report = mega
        .upload_folder(from.path(), "/part")
        .await
        .unwrap()
        .into_result()
        .unwrap();
    assert_eq!((report.transferred(), report.same()), (3, 17));

    // A file that was there when the folder was looked over, and is gone when it is its turn: a large one waits for its folder.
    std::fs::create_dir(from.path().join("sub")).unwrap();
    let vanishing = from.path().join("sub/vanishing");
    write(vanishing.clone(), content(200_000));
    place
        .server
        .faults()
        .add(Fault::command("p").rewrite(move |text| {
            let _gone = std::fs::remove_file(&vanishing);
            text
        }));
    let report = mega.upload_folder(from.path(), "/part").await.unwrap();
    let failed: Vec<_> = report
        .failed()
        .map(|(path, error)| (path, error.kind()))
        .collect();
    assert_eq!(failed, [("sub/vanishing", ErrorKind::NotFound)]);
    assert_eq!(report.same(), 20);

    let broken = place.server.faults();
    broken.clear();
    broken.add(Fault::lane(Lane::Download).status(404).always());
    let mega = signed_in_with(&place, TransferLimits::default().attempts(1)).await;
    let report = mega.download_folder("/part", to.path()).await.unwrap();
    assert_eq!((report.transferred(), report.failed().count()), (0, 20));
    assert!(
        tree(to.path()).values().all(Option::is_none),
        "TR-3: no partial file"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn many_small_files_need_few_requests() {
    let place = Place::new().await;
    let mega = place.sign_in().await;
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for number in 0..400 {
        write(
            from.path().join(format!("{}/{number}", number % 10)),
            vec![7; 100],
        );
    }
    let batches = |place: &Place| {
        place
            .server
            .journal()
            .iter()
            .filter(|entry| entry.lane == Lane::Api)
            .count()
    };
    let before = batches(&place);
    mega.upload_folder(from.path(), "/many")
        .await
        .unwrap()
        .into_result()
        .unwrap();
    let up = batches(&place) - before;
    mega.download_folder("/many", to.path())
        .await
        .unwrap()
        .into_result()
        .unwrap();
    let down = batches(&place) - before - up;
    // One by one it would be 800 and 400. How many exactly is a matter of how fast the server answers.
    assert!(up <= 200, "{up} requests for 400 uploads");
    assert!(down <= 100, "{down} requests for 400 downloads");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_folder_transfer_stops_and_leaves_whole_files_only() {
    let place = Place::new().await;
    let mega = place.sign_in().await;
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for number in 0..50 {
        write(
            from.path().join(format!("{number}")),
            content(300_000 + number),
        );
    }
    mega.upload_folder(from.path(), "/all")
        .await
        .unwrap()
        .into_result()
        .unwrap();
    place.server.faults().add(
        Fault::lane(Lane::Download)
            .stall_at(1000, Duration::from_secs(600))
            .skip(20)
            .always(),
    );
    let progress = Progress::new();
    let download = mega.download_folder("/all", to.path()).progress(&progress);
    let watch = async {
        while progress.files_done() < 10 {
            tokio::task::yield_now().await;
        }
        progress.cancel();
    };
    let (result, ()) = tokio::join!(download.into_future(), watch);
    assert_eq!(result.unwrap_err().kind(), ErrorKind::Cancelled);
    place.server.faults().clear();
    let whole = tree(from.path());
    for (name, file) in tree(to.path()) {
        assert!(whole.get(&name) == Some(&file), "{name:?} is whole");
    }
    let report = mega
        .download_folder("/all", to.path())
        .await
        .unwrap()
        .into_result()
        .unwrap();
    assert_eq!(report.transferred() + report.same(), 50);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fifth_of_all_storage_requests_may_fail_and_everything_arrives() {
    let place = Place::new().await;
    let mega = signed_in_with(&place, TransferLimits::default().attempts(12)).await;
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for number in 0..40 {
        write(
            from.path().join(format!("small/{number}")),
            content(1000 + number),
        );
    }
    for number in 0..3 {
        write(
            from.path().join(format!("large{number}")),
            content(5_000_000 + number),
        );
    }
    let faults = place.server.faults();
    for lane in [Lane::Upload, Lane::Download] {
        faults.add(Fault::lane(lane).status(503).chance(0.07));
        faults.add(Fault::lane(lane).drop_before().chance(0.07));
    }
    faults.add(Fault::lane(Lane::Upload).lose_reply().chance(0.06));
    faults.add(Fault::lane(Lane::Download).cut_at(700).chance(0.06));
    let report = mega.upload_folder(from.path(), "/all").await.unwrap();
    assert_eq!(report.into_result().unwrap().transferred(), 43);
    let progress = Progress::new();
    let report = mega
        .download_folder("/all", to.path())
        .progress(&progress)
        .await
        .unwrap();
    assert_eq!(report.into_result().unwrap().transferred(), 43);
    assert!(tree(from.path()) == tree(to.path()));
    assert_eq!(progress.bytes_done(), progress.bytes_total());
    // One node for each file, however often its upload was repeated (RTY-9).
    let nodes = mega.list("/all").recursive().files().await.unwrap();
    assert_eq!(nodes.len(), 43);
}

//! Whole trees, both ways.

use std::collections::BTreeMap;
use std::future::IntoFuture;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use mega_client::{
    ErrorKind, Existing, Filter, LocalPolicy, Node, Outcome, Progress, SkipReason, TransferLimits,
};
use mega_testserver::{Fault, Lane};

use crate::place::{EMAIL, Place};
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

fn write(path: PathBuf, bytes: impl AsRef<[u8]>) {
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

    // A file that was there when the folder was looked over, and is gone when it is its turn.
    std::fs::create_dir(from.path().join("sub")).unwrap();
    let vanishing = from.path().join("sub/vanishing");
    write(vanishing.clone(), "now you see me");
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

#[tokio::test]
async fn nam_13_hostile_names_and_links_never_lead_out_of_the_folder() {
    let place = Place::new().await;
    let mega = place.sign_in().await;
    // Names as a hostile client stores them; a path part cannot name them, so they are renamed.
    let evil = mega.create_dir("/evil").await.unwrap();
    for (number, raw) in ["..", ".", "../../escape", "/etc/passwd", "a\0b"]
        .iter()
        .enumerate()
    {
        let node = mega
            .write(format!("/evil/{number}"), "gotcha")
            .await
            .unwrap();
        mega.rename(&node, *raw).await.unwrap();
    }

    // Two files of one name, as another client may leave them.
    place.server.with_model(|model| {
        model
            .make_file(EMAIL, "/evil/twin", b"first", 1_600_000_000)
            .unwrap();
        model
            .make_file(EMAIL, "/evil/twin", b"second", 1_600_000_000)
            .unwrap();
    });
    mega.refresh().await.unwrap();

    let outside = tempfile::tempdir().unwrap();
    let to = outside.path().join("inside");
    let report = mega
        .download_folder(&evil, &to)
        .await
        .unwrap()
        .into_result()
        .unwrap();
    assert_eq!(report.transferred(), 7);
    let names: Vec<_> = std::fs::read_dir(outside.path()).unwrap().collect();
    assert_eq!(names.len(), 1, "everything is inside");
    assert_eq!(
        std::fs::read_dir(&to).unwrap().count(),
        7,
        "no name was used twice"
    );
    // NAM-8: the next run gives the same names.
    let report = mega
        .download_folder(&evil, &to)
        .await
        .unwrap()
        .into_result()
        .unwrap();
    assert_eq!((report.transferred(), report.same()), (0, 7));

    #[cfg(unix)]
    {
        // A folder that was swapped for a link is not entered.
        mega.write("/tree/sub/file", "content").await.unwrap();
        let (top, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::os::unix::fs::symlink(elsewhere.path(), top.path().join("sub")).unwrap();
        let report = mega.download_folder("/tree", top.path()).await.unwrap();
        assert_eq!(report.failed().count(), 2, "{report}");
        assert_eq!(std::fs::read_dir(elsewhere.path()).unwrap().count(), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_can_ask_where_a_download_puts_each_node() {
    let place = Place::new().await;
    let mega = place.sign_in().await;
    let long = "x".repeat(300);
    place.server.with_model(|model| {
        let names = [
            "plain", "twin", "twin", "Twin", "a/b", "..", "", "c:\\d", &long,
        ];
        for (at, name) in names.into_iter().enumerate() {
            let content = format!("content {at}");
            for folder in ["/top", "/top/in"] {
                let path = format!("{folder}/f{at}");
                let node = model.make_file(EMAIL, &path, content.as_bytes(), 1_700_000_000);
                model.rename(node.unwrap(), name);
            }
        }
        model.make_file(EMAIL, "/beside", b"", 0);
    });
    mega.refresh().await.unwrap();
    let top = mega.view("/top").unwrap();
    let nodes = top.list("/").recursive().await.unwrap();
    assert_eq!(nodes.len(), 19);
    for policy in [
        None,
        Some(LocalPolicy::LINUX),
        Some(LocalPolicy::LINUX.faithful()),
        Some(LocalPolicy::WINDOWS),
    ] {
        let local = tempfile::tempdir().unwrap();
        let mut download = top.download_folder("/", local.path());
        if let Some(policy) = policy {
            download = download.local_names(policy);
        }
        // What is short enough for Windows can be too long for the system of the test.
        let windows = policy == Some(LocalPolicy::WINDOWS);
        if windows {
            download = download.filter(Filter::new().exclude("xxx*"));
        }
        download.await.unwrap().into_result().unwrap();
        let here = |node: &&Node| !(windows && node.name().starts_with("xxx"));
        for node in nodes.iter().filter(here) {
            let path = top.local_path_of(node, policy).unwrap();
            let path = local.path().join(path);
            assert_eq!(path.is_dir(), node.is_folder(), "{}", path.display());
            if node.is_file() {
                let there = std::fs::read(&path).unwrap();
                let content = mega.read(node).await.unwrap();
                assert_eq!(content, there, "{}", path.display());
            }
        }
    }
    let beside = mega.stat("/beside").await.unwrap();
    assert_eq!(top.local_path_of(&beside, None), None);
    let bin = mega.trash(&beside).await.unwrap();
    assert_eq!(mega.local_path_of(&bin, None), None);
    let root = mega.root().unwrap();
    assert_eq!(mega.local_path_of(&root, None), Some(PathBuf::new()));
}

#[tokio::test]
async fn filters_dry_runs_and_removals_do_what_they_say() {
    let place = Place::new().await;
    let mega = place.sign_in().await;
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for name in ["a.txt", "b.tmp", "sub/c.txt", "sub/d.tmp", "target/e.txt"] {
        write(from.path().join(name), name);
    }
    let filter = Filter::new().exclude("*.tmp").exclude("target");

    let plan = mega
        .upload_folder(from.path(), "/f")
        .filter(filter.clone())
        .dry_run();
    let report = plan.await.unwrap();
    assert_eq!((report.transferred(), report.skipped()), (2, 3));
    assert!(!mega.exists("/f").await.unwrap(), "a dry run makes nothing");
    let report = mega
        .upload_folder(from.path(), "/f")
        .filter(filter.clone())
        .await
        .unwrap();
    assert_eq!(report.into_result().unwrap().transferred(), 2);
    assert!(mega.exists("/f/sub/c.txt").await.unwrap() && !mega.exists("/f/b.tmp").await.unwrap());

    let plan = mega
        .download_folder("/f", to.path().join("new"))
        .dry_run()
        .await
        .unwrap();
    assert_eq!((plan.transferred(), plan.folders_created()), (2, 1));
    assert!(!to.path().join("new").exists());

    // What is only here goes, what the filter leaves out stays.
    mega.download_folder("/f", to.path())
        .await
        .unwrap()
        .into_result()
        .unwrap();
    write(to.path().join("extra/deep/file"), "x");
    write(to.path().join("loose"), "x");
    let report = mega
        .download_folder("/f", to.path())
        .delete_extraneous()
        .await
        .unwrap();
    assert_eq!(report.into_result().unwrap().removed(), 2);
    assert!(!to.path().join("extra").exists() && to.path().join("sub/c.txt").exists());

    mega.write("/f/remote only", "x").await.unwrap();
    mega.write("/f/kept.tmp", "x").await.unwrap();
    std::fs::remove_file(from.path().join("sub/c.txt")).unwrap();
    let report = mega
        .upload_folder(from.path(), "/f")
        .filter(filter)
        .delete_extraneous()
        .await
        .unwrap()
        .into_result()
        .unwrap();
    assert_eq!(report.removed(), 2);
    assert!(!mega.exists("/f/remote only").await.unwrap());
    assert!(!mega.exists("/f/sub/c.txt").await.unwrap());
    assert!(mega.exists("/f/kept.tmp").await.unwrap());
}

#[tokio::test]
async fn top_folders_that_cannot_be_used_are_an_error() {
    let place = Place::new().await;
    let mega = place.sign_in().await;
    let folder = tempfile::tempdir().unwrap();
    let error = mega
        .upload_folder(folder.path().join("none"), "/x")
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    mega.write("/file", "x").await.unwrap();
    let error = mega
        .upload_folder(folder.path(), "/file")
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotADirectory, "{error}");
    let error = mega
        .download_folder("/none", folder.path())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    let error = mega
        .download_folder("/file", folder.path())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotADirectory, "{error}");
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

//! Whole trees: where things go, what is left out, and what is refused.

use std::path::PathBuf;

use mega_client::{ErrorKind, Filter, LocalPolicy, Node};

use crate::place::{EMAIL, Place};
use crate::transfer_folders::write;

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

#[tokio::test]
async fn what_the_filter_leaves_out_is_never_removed_on_either_side() {
    let place = Place::new().await;
    let mega = place.sign_in().await;
    let local = tempfile::tempdir().unwrap();
    mega.write("/f/a.txt", "a").await.unwrap();
    for name in [
        "a.txt",
        "kept.tmp",
        "out/deep/kept.tmp",
        "out/deep/gone",
        "out/gone",
        "cache/x",
    ] {
        write(local.path().join(name), "a");
    }
    write(local.path().join("whole/deep/gone"), "a");
    let filter = Filter::new().exclude("*.tmp").exclude("cache");
    let run = |dry: bool| {
        let download = mega
            .download_folder("/f", local.path())
            .on_existing(mega_client::Existing::Update)
            .filter(filter.clone())
            .delete_extraneous();
        if dry { download.dry_run() } else { download }
    };
    let removed = |report: mega_client::FolderReport| {
        let files = report.into_result().unwrap();
        let removed = files
            .files()
            .iter()
            .filter(|file| matches!(file.outcome, mega_client::Outcome::Removed));
        let mut removed: Vec<_> = removed.map(|file| file.path.clone()).collect();
        removed.sort();
        removed
    };
    let planned = removed(run(true).await.unwrap());
    assert_eq!(planned, ["out/deep/gone", "out/gone", "whole"]);
    assert!(local.path().join("whole/deep/gone").exists());
    assert_eq!(removed(run(false).await.unwrap()), planned);
    for stays in ["a.txt", "kept.tmp", "out/deep/kept.tmp", "cache/x"] {
        assert!(local.path().join(stays).exists(), "{stays}");
    }
    for goes in ["out/deep/gone", "out/gone", "whole"] {
        assert!(!local.path().join(goes).exists(), "{goes}");
    }

    // And there.
    for name in [
        "kept.tmp",
        "far/deep/kept.tmp",
        "far/deep/gone",
        "far/gone",
        "cache/x",
        "all/deep/gone",
    ] {
        mega.write(format!("/f/{name}"), "a").await.unwrap();
    }
    let upload = mega
        .upload_folder(local.path(), "/f")
        .filter(filter.clone())
        .delete_extraneous();
    let moved = removed(upload.await.unwrap());
    assert_eq!(moved, ["all", "far/deep/gone", "far/gone"]);
    for stays in ["a.txt", "kept.tmp", "far/deep/kept.tmp", "cache/x"] {
        assert!(mega.exists(format!("/f/{stays}")).await.unwrap(), "{stays}");
    }
    for goes in ["far/deep/gone", "far/gone", "all"] {
        assert!(!mega.exists(format!("/f/{goes}")).await.unwrap(), "{goes}");
    }
}

#[tokio::test]
async fn a_local_name_that_differs_in_case_only_is_not_extraneous_where_that_is_the_same_name() {
    let place = Place::new().await;
    let mega = place.sign_in().await;
    let local = tempfile::tempdir().unwrap();
    mega.write("/f/notes.txt", "a").await.unwrap();
    write(local.path().join("Notes.TXT"), "a");
    write(local.path().join("other"), "a");
    let report = mega
        .download_folder("/f", local.path())
        .local_names(mega_filename::LocalPolicy::WINDOWS)
        .delete_extraneous()
        .await
        .unwrap();
    assert_eq!(report.into_result().unwrap().removed(), 1);
    assert!(local.path().join("Notes.TXT").exists() && !local.path().join("other").exists());
}

#[tokio::test]
async fn a_file_that_comes_while_it_is_downloaded_is_treated_as_one_that_was_there() {
    use mega_client::Existing;
    let place = Place::new().await;
    let mega = place.sign_in().await;
    mega.write("/f/file", "remote").await.unwrap();
    for ((rule, content, outcome), below) in [
        (Existing::Overwrite, "remote", "changed"),
        (Existing::Update, "remote", "changed"),
        (
            Existing::Skip,
            "local",
            "skipped: something is there already",
        ),
        (Existing::Rename, "local", "new"),
        (Existing::Fail, "local", "failed"),
    ]
    .into_iter()
    .flat_map(|rule| [(rule, ""), (rule, "made by this run")])
    {
        let folder = tempfile::tempdir().unwrap();
        let local = folder.path().join(below);
        let path = local.join("file");
        let appears = path.clone();
        let comes = mega_testserver::Fault::command("g").rewrite(move |reply| {
            std::fs::write(&appears, "local").unwrap();
            reply
        });
        place.server.faults().add(comes);
        let report = mega.download_folder("/f", &local).on_existing(rule);
        let report = report.await.unwrap();
        let shown = report.files()[0].outcome.to_string();
        assert!(shown.starts_with(outcome), "{rule:?}: {shown}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), content, "{rule:?}");
        let renamed = std::fs::read_to_string(local.join("file (1)"));
        assert_eq!(renamed.is_ok(), rule == Existing::Rename, "{rule:?}");
    }
    // And for a single file.
    let local = tempfile::tempdir().unwrap();
    let path = local.path().join("file");
    let appears = path.clone();
    let comes = mega_testserver::Fault::command("g").rewrite(move |reply| {
        std::fs::write(&appears, "local").unwrap();
        reply
    });
    place.server.faults().add(comes);
    let progress = mega_client::Progress::new();
    let skip = mega.download("/f/file", &path).on_existing(Existing::Skip);
    let receipt = skip.progress(&progress).await.unwrap();
    assert!(receipt.was_there() && !receipt.integrity().is_verified());
    assert_eq!(progress.bytes_done(), progress.bytes_total());
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "local");
}

#[tokio::test]
async fn an_upload_that_was_dropped_while_its_nodes_were_made_makes_no_second_ones() {
    use std::future::IntoFuture;
    let place = Place::new().await;
    let mega = place.sign_in().await;
    let local = tempfile::tempdir().unwrap();
    write(local.path().join("file"), "content");
    mega.create_dir("/f").await.unwrap();
    let made = std::sync::Arc::new(tokio::sync::Notify::new());
    let tell = std::sync::Arc::clone(&made);
    let told = mega_testserver::Fault::command("p").rewrite(move |reply| {
        tell.notify_one();
        reply
    });
    place.server.faults().add(told);
    let mut first = mega.upload_folder(local.path(), "/f").into_future();
    tokio::select! {
        biased;
        () = made.notified() => {}
        done = &mut first => panic!("{done:?}"),
    }
    drop(first);
    let again = mega.upload_folder(local.path(), "/f").await.unwrap();
    let again = again.into_result().unwrap();
    assert_eq!((again.transferred(), again.same()), (0, 1));
    assert!(mega.versions("/f/file").await.unwrap().is_empty());
}

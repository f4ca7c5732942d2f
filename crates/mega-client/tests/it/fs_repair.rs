//! Putting right what other programs have left wrong.

use std::time::{Duration, SystemTime};

use mega_client::{ErrorKind, Fingerprint, Progress, Repaired};
use mega_testserver::Fault;

use crate::fs_world::{World, handle, wire, write_attributes};
use crate::place::EMAIL;

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

fn local(folder: &std::path::Path, name: &str, content: &str, time: u64) {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, content).unwrap();
    let file = std::fs::File::options().write(true).open(&path).unwrap();
    file.set_modified(at(time)).unwrap();
}

#[tokio::test]
async fn times_and_fingerprints_come_back_from_a_local_tree() {
    let world = World::new().await;
    let mega = &world.mega;
    let folder = tempfile::tempdir().unwrap();
    for (name, content, time) in [
        ("right.txt", "right", 1_700_000_000),
        ("sub/late.txt", "the time of the upload", 1_000_000),
        ("sub/bare.txt", "no fingerprint at all", 2_000_000),
        (
            "sub/wrong.txt",
            "a fingerprint of something else",
            3_000_000,
        ),
        ("changed.txt", "local content", 4_000_000),
        ("new.txt", "only here", 5_000_000),
    ] {
        local(folder.path(), name, content, time);
    }
    world.file("/dir/right.txt", "right").await;
    world
        .file("/dir/sub/late.txt", "the time of the upload")
        .await;
    let bare = world
        .file("/dir/sub/bare.txt", "no fingerprint at all")
        .await;
    let wrong = world
        .file("/dir/sub/wrong.txt", "a fingerprint of something else")
        .await;
    let changed = world.file("/dir/changed.txt", "other content").await;
    write_attributes(&world, bare.handle(), r#"{"n":"bare.txt","zz":[1,  2]}"#);
    write_attributes(
        &world,
        wrong.handle(),
        r#"{"n":"wrong.txt","c":"AAAAAAAAAAAAAAAAAAAAAAQAAAAA"}"#,
    );
    mega.refresh().await.unwrap();

    let dry = mega.repair(folder.path(), "/dir").dry_run().await.unwrap();
    assert_eq!(
        dry.to_string(),
        "3 restored, 1 right, 1 different, 1 missing, 0 failed"
    );
    assert!(mega.stat(&bare).await.unwrap().modified().is_none());

    let report = mega.repair(folder.path(), "/dir").await.unwrap();
    assert_eq!(report.to_string(), dry.to_string());
    for (path, time) in [
        ("/dir/sub/late.txt", 1_000_000),
        ("/dir/sub/bare.txt", 2_000_000),
        ("/dir/sub/wrong.txt", 3_000_000),
    ] {
        let node = world.there(path).await.unwrap();
        assert_eq!(node.modified(), Some(at(time)), "{path}");
    }
    let bare = world.attributes(bare.handle());
    assert!(bare.contains(r#""n":"bare.txt","zz":[1,  2]"#), "{bare}");
    let left = mega.stat(&changed).await.unwrap();
    assert_eq!(left.modified_unix(), Some(1_700_000_000));
    let again = mega.repair(folder.path(), "/dir").await.unwrap();
    assert_eq!(again.restored().count(), 0);

    let one = folder.path().join("changed.txt");
    let report = mega.repair(&one, "/dir/changed.txt").await.unwrap();
    assert!(matches!(report.files()[0].1, Repaired::Different(_)));
    let error = mega.repair(&one, "/dir").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::IsADirectory, "{error}");
    let error = mega
        .repair(folder.path().join("nowhere"), "/dir")
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
}

#[tokio::test]
async fn a_repair_counts_and_can_be_cancelled() {
    let world = World::new().await;
    let mega = &world.mega;
    let folder = tempfile::tempdir().unwrap();
    for name in ["1.txt", "sub/2.txt", "sub/3.txt"] {
        local(folder.path(), name, name, 1_000_000);
        world.file(&format!("/dir/{name}"), name).await;
    }
    local(folder.path(), "longer.txt", "not as long", 1_000_000);
    world.file("/dir/longer.txt", "short").await;
    local(folder.path(), "only here.txt", "x", 1_000_000);

    let progress = Progress::new();
    progress.cancel();
    let repair = mega.repair(folder.path(), "/dir").progress(&progress);
    let (report, sent) = world.batches(repair).await;
    let report = report.unwrap();
    assert_eq!(
        report.to_string(),
        "0 restored, 0 right, 0 different, 1 missing, 4 failed"
    );
    for (path, error) in report.failed() {
        assert_eq!(error.kind(), ErrorKind::Cancelled, "{}", path.display());
    }
    let sent: Vec<_> = sent.into_iter().flatten().collect();
    assert!(!sent.iter().any(|command| command == "a"), "{sent:?}");

    let progress = Progress::new();
    let repair = mega.repair(folder.path(), "/dir").progress(&progress);
    assert_eq!(
        repair.await.unwrap().to_string(),
        "3 restored, 0 right, 1 different, 1 missing, 0 failed"
    );
    assert_eq!((progress.files_done(), progress.files_total()), (4, 4));
    // What has another size is not read.
    assert_eq!((progress.bytes_done(), progress.bytes_total()), (23, 23));
}

#[tokio::test]
async fn fingerprints_tell_files_apart_without_reading_them_whole() {
    let world = World::new().await;
    let folder = tempfile::tempdir().unwrap();
    for size in [0, 1, 16, 17, 8192, 8193, 1 << 20] {
        let path = folder.path().join("file");
        let content = "x".repeat(size);
        local(folder.path(), "file", &content, 1_000_000);
        let node = world.mega.upload(&path, format!("/{size}")).await.unwrap();
        let here = Fingerprint::of_file(&path).await.unwrap();
        assert_eq!(node.fingerprint(), Some(here), "{size}");
        assert_eq!((here.size(), here.modified()), (size as u64, at(1_000_000)));
        assert_eq!(here.to_string().parse::<Fingerprint>().unwrap(), here);

        local(folder.path(), "file", &content, 1_000_002);
        let touched = Fingerprint::of_file(&path).await.unwrap();
        assert!(touched != here && touched.matches(&here));
        local(folder.path(), "file", &content, 1_000_003);
        let later = Fingerprint::of_file(&path).await.unwrap();
        assert!(later.same_content(&here) && !later.matches(&here));
        local(folder.path(), "file", &format!("{content}y"), 1_000_000);
        let other = Fingerprint::of_file(&path).await.unwrap();
        assert!(!other.same_content(&here));
    }
    // The content of a short file is in its checksum.
    local(folder.path(), "secret", "hunter2", 1_000_000);
    let secret = Fingerprint::of_file(folder.path().join("secret")).await;
    let shown = format!("{:?}", secret.unwrap());
    assert_eq!(shown, "Fingerprint { size: 7, modified: 1000000, .. }");
    assert!(world.mega.root().unwrap().fingerprint().is_none());
    for (path, kind) in [
        ("missing", ErrorKind::NotFound),
        ("", ErrorKind::IsADirectory),
    ] {
        let error = Fingerprint::of_file(folder.path().join(path)).await;
        let error = error.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
    }
    assert!("nonsense".parse::<Fingerprint>().is_err());
}

#[tokio::test]
async fn nodes_without_a_share_key_become_readable_for_everybody() {
    let world = World::new().await;
    let mega = &world.mega;
    world.folder("/open/deep").await;
    let link = mega.link("/open").await.unwrap();
    // A program that knows nothing of shares puts a file there.
    let file = world.model(|model| {
        model
            .make_file(EMAIL, "/open/deep/new.txt", b"new", 1_700_000_000)
            .unwrap()
    });
    mega.refresh().await.unwrap();
    let visitor = || async {
        let opened = world.place.builder().open_link(link.url()).await.unwrap();
        opened.stat(handle(file)).await.unwrap()
    };
    assert!(visitor().await.trouble().is_some(), "nobody can read it");

    let (supplied, withheld) = mega.repair_keys("/open/deep").await.unwrap();
    assert_eq!((supplied, withheld.len()), (2, 0));
    let seen = visitor().await;
    assert_eq!((seen.name(), seen.trouble()), ("new.txt", None));
    // From above, where the share is below.
    assert_eq!(mega.repair_keys("/").await.unwrap().0, 3);
    world.folder("/private").await;
    let error = mega.repair_keys("/private").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Misuse, "{error}");
    world
        .server()
        .faults()
        .add(Fault::command("k").code(-11).times(1));
    let error = mega.repair_keys("/open").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AccessDenied, "{error}");
    let _ = wire(seen.handle());
}

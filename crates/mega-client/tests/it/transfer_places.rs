//! Where content goes: names that are taken, there and here, and places that take nothing.

use mega_client::{ErrorKind, Existing, OnConflict};

use crate::place::Place;
use crate::transfer_world::{entries, with_file};

#[tokio::test]
async fn wr_10_and_wr_12_a_taken_name_is_what_the_caller_says() {
    let place = Place::new().await;
    let mega = place.sign_in().await;
    mega.write("/file", "one").await.unwrap();
    mega.create_dir("/folder").await.unwrap();

    let error = mega.write("/folder", "x").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::IsADirectory, "{error}");
    let error = mega.write("/file/below", "x").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotADirectory, "{error}");

    let error = mega
        .write("/file", "two")
        .on_conflict(OnConflict::Fail)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    assert_eq!(mega.read("/file").await.unwrap(), "one");
    let renamed = mega
        .write("/file", "two")
        .on_conflict(OnConflict::KeepBoth)
        .await
        .unwrap();
    assert_eq!(renamed.name(), "file (1)");
    let replaced = mega.write("/file", "three").await.unwrap();
    assert_eq!(mega.read("/file").await.unwrap(), "three");
    assert_eq!(mega.versions(&replaced).await.unwrap().len(), 1);
    let again = mega.write(&replaced, "four").await.unwrap();
    assert_eq!(mega.versions(&again).await.unwrap().len(), 2);
    let inside = mega.write("/folder/", "no name").await.unwrap_err();
    assert_eq!(inside.kind(), ErrorKind::InvalidName);

    let folder = tempfile::tempdir().unwrap();
    let local = folder.path().join("local.txt");
    std::fs::write(&local, "named after the local file").unwrap();
    let node = mega.upload(&local, "/folder/").await.unwrap();
    assert_eq!(mega.path_of(&node).unwrap(), "/folder/local.txt");
    let before = place.answered();
    let same = mega
        .upload(&local, "/folder/")
        .skip_identical()
        .await
        .unwrap();
    assert_eq!(same.handle(), node.handle());
    assert_eq!(place.answered(), before, "nothing was sent");
}

#[tokio::test]
async fn an_update_sends_nothing_when_the_same_content_is_there_whatever_its_time() {
    let place = Place::new().await;
    let mega = place.sign_in().await;
    let folder = tempfile::tempdir().unwrap();
    let local = folder.path().join("a.txt");
    for content in [String::new(), "short".to_owned(), "long ".repeat(100_000)] {
        std::fs::write(&local, &content).unwrap();
        let old = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
        let path = format!("/{}.txt", content.len());
        let first = mega.write(&path, content.clone()).modified(old);
        let first = first.await.unwrap();
        let sent = place.server.journal().len();
        let update = OnConflict::Update;
        let bytes = mega.write(&path, content.clone()).on_conflict(update);
        assert_eq!(bytes.await.unwrap().handle(), first.handle());
        let file = mega.upload(&local, &path).on_conflict(update);
        assert_eq!(file.await.unwrap().handle(), first.handle());
        assert_eq!(place.server.journal().len(), sent, "nothing was sent");

        // Another content of the same length is another content; what a reader gives is not known.
        let other = "x".repeat(content.len() + usize::from(content.is_empty()));
        let changed = mega.write(&path, other).on_conflict(update).await.unwrap();
        assert_ne!(changed.handle(), first.handle());
        let read = mega.write_from(&path, std::io::Cursor::new(content.clone()));
        let read = read.on_conflict(update).await.unwrap();
        assert_eq!(mega.versions(&read).await.unwrap().len(), 2);
        assert_eq!(mega.read(&read).await.unwrap(), content);
    }
}

#[tokio::test]
async fn an_existing_local_file_is_what_the_caller_says() {
    let (_place, mega, folder, bytes) = with_file().await;
    let copy = folder.path().join("copy.bin");
    mega.download("/file", &copy).await.unwrap();

    let error = mega.download("/file", &copy).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    let receipt = mega
        .download("/file", &copy)
        .on_existing(Existing::Update)
        .await
        .unwrap();
    assert!(receipt.was_there() && receipt.integrity().is_verified());
    let receipt = mega
        .download("/file", &copy)
        .on_existing(Existing::Rename)
        .await
        .unwrap();
    assert_eq!(receipt.path(), folder.path().join("copy (1).bin"));

    std::fs::write(&copy, "changed").unwrap();
    let receipt = mega
        .download("/file", &copy)
        .on_existing(Existing::Skip)
        .await
        .unwrap();
    assert!(receipt.was_there() && !receipt.integrity().is_verified());
    let receipt = mega
        .download("/file", &copy)
        .on_existing(Existing::Update)
        .await
        .unwrap();
    assert!(!receipt.was_there());
    assert!(std::fs::read(&copy).unwrap() == bytes);

    let error = mega
        .download("/file", folder.path())
        .on_existing(Existing::Overwrite)
        .await;
    assert_eq!(error.unwrap_err().kind(), ErrorKind::IsADirectory);
    let error = mega
        .download("/file", folder.path().join("no/such/x"))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(entries(folder.path()), ["copy (1).bin", "copy.bin"]);
}

#[cfg(unix)]
#[tokio::test]
async fn dl_14_a_link_at_the_destination_is_replaced_and_not_followed() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let (_place, mega, folder, bytes) = with_file().await;
    let target = folder.path().join("target");
    let link = folder.path().join("link");
    std::fs::write(&target, "untouched").unwrap();
    symlink(&target, &link).unwrap();
    mega.download("/file", &link)
        .on_existing(Existing::Overwrite)
        .await
        .unwrap();
    assert_eq!(std::fs::read(&target).unwrap(), b"untouched");
    assert!(std::fs::symlink_metadata(&link).unwrap().is_file());
    assert!(std::fs::read(&link).unwrap() == bytes);
    // The mode of a new file is the ordinary one, that of a replaced file stays.
    let ordinary = std::fs::metadata(&target).unwrap().permissions().mode();
    assert_eq!(
        std::fs::metadata(&link).unwrap().permissions().mode(),
        ordinary
    );
    std::fs::set_permissions(&target, std::fs::Permissions::from_mode(0o640)).unwrap();
    mega.download("/file", &target)
        .on_existing(Existing::Overwrite)
        .await
        .unwrap();
    assert_eq!(
        std::fs::metadata(&target).unwrap().permissions().mode() & 0o777,
        0o640
    );
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn dsk_1_a_disk_that_takes_nothing_is_a_clean_error() {
    let (_place, mega, folder, _) = with_file().await;
    // Nothing can be created there, whoever asks.
    let error = mega.download("/file", "/proc/copy").await.unwrap_err();
    assert!(
        matches!(error.kind(), ErrorKind::Io | ErrorKind::NotFound),
        "{error}"
    );
    let error = mega
        .download("/file", folder.path().join("n".repeat(300)))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io, "{error}");
    assert_eq!(entries(folder.path()), Vec::<String>::new());
}

#[tokio::test]
async fn of_two_files_that_would_get_one_numbered_name_each_gets_its_own() {
    let place = Place::new().await;
    let mega = place.sign_in().await;
    mega.create_dir("/in").await.unwrap();
    mega.write("/in/a.txt", "there").await.unwrap();
    let local = tempfile::tempdir().unwrap();
    std::fs::write(local.path().join("a.txt"), "first").unwrap();
    std::fs::write(local.path().join("a (1).txt"), "second").unwrap();
    mega.upload_folder(local.path(), "/in")
        .on_conflict(OnConflict::KeepBoth)
        .await
        .unwrap();
    let nodes = mega.list("/in").sorted().await.unwrap();
    let names: std::collections::BTreeSet<_> = nodes.iter().map(mega_client::Node::name).collect();
    assert_eq!((nodes.len(), names.len()), (3, 3), "{names:?}");

    // Moves that are decided at the same time.
    mega.create_dirs(["/moved", "/x", "/y"])
        .await
        .into_result()
        .unwrap();
    let taken = mega.write("/moved/a.txt", "there").await.unwrap();
    let mut both = Vec::new();
    for path in ["/x/a.txt", "/y/a (1).txt"] {
        both.push(mega.write(path, path).await.unwrap().handle());
    }
    let moved = mega
        .move_all(both, "/moved")
        .on_conflict(OnConflict::KeepBoth)
        .await
        .into_result()
        .unwrap();
    assert_eq!(moved.len(), 2);
    assert_ne!(moved[0].name(), moved[1].name());
    assert!(moved.iter().all(|node| node.name() != taken.name()));

    // Calls side by side, moves among them, agree as well.
    let writes = (0..8).map(|number| {
        let mega = mega.clone();
        async move {
            let path = if number % 2 == 0 {
                "/in/a.txt"
            } else {
                "/in/a (1).txt"
            };
            let write = mega.write(path, format!("{number}"));
            write.on_conflict(OnConflict::KeepBoth).await.unwrap();
        }
    });
    let moves = (0..4).map(|number| {
        let mega = mega.clone();
        async move {
            let dir = format!("/from{number}");
            mega.create_dir(dir.as_str()).await.unwrap();
            let node = mega.write(format!("{dir}/a.txt"), "moved").await.unwrap();
            let moved = mega.move_to(&node, "/in").on_conflict(OnConflict::KeepBoth);
            moved.await.unwrap();
        }
    });
    tokio::join!(
        futures::future::join_all(writes),
        futures::future::join_all(moves)
    );
    let nodes = mega.list("/in").sorted().await.unwrap();
    let names: std::collections::BTreeSet<_> = nodes.iter().map(mega_client::Node::name).collect();
    assert_eq!((nodes.len(), names.len()), (15, 15), "{names:?}");
}

#[tokio::test]
async fn a_merged_copy_that_keeps_both_makes_no_two_of_one_name() {
    let place = Place::new().await;
    let mega = place.sign_in().await;
    mega.create_dir("/from/x").await.unwrap();
    mega.create_dir("/to/x").await.unwrap();
    for path in ["/from/x/a.txt", "/from/x/a (1).txt", "/to/x/a.txt"] {
        mega.write(path, path).await.unwrap();
    }
    mega.write("/from/x/a.txt", "of the same name")
        .on_conflict(OnConflict::Duplicate)
        .await
        .unwrap();
    mega.copy("/from/x", "/to")
        .merge()
        .on_conflict(OnConflict::KeepBoth)
        .await
        .unwrap();
    let nodes = mega.list("/to/x").sorted().await.unwrap();
    let names: std::collections::BTreeSet<_> = nodes.iter().map(mega_client::Node::name).collect();
    assert_eq!((nodes.len(), names.len()), (4, 4), "{names:?}");
}

#[tokio::test]
async fn of_two_files_of_one_name_the_one_that_was_named_by_its_handle_is_replaced() {
    use mega_client::Duplicates;
    let place = Place::new().await;
    for rule in [Duplicates::Refuse, Duplicates::Newest, Duplicates::Oldest] {
        let login = mega_client::Credentials::new(crate::place::EMAIL, crate::place::PASSWORD);
        let mega = place.builder().duplicates(rule).login(login).await.unwrap();
        let path = format!("/{rule:?}");
        let first = mega.write(path.as_str(), "first").await.unwrap();
        let second = mega
            .write(path.as_str(), "second")
            .on_conflict(OnConflict::Duplicate)
            .await
            .unwrap();
        for old in [first, second] {
            let new = mega.write(old.handle(), "new").await.unwrap();
            let versions = mega.versions(&new).await.unwrap();
            let versions: Vec<_> = versions.iter().map(|node| node.handle()).collect();
            assert_eq!(versions, [old.handle()], "{rule:?}");
        }
    }
}

#[tokio::test]
async fn what_the_length_of_a_file_that_was_there_rests_on_is_not_made_up() {
    use mega_client::LengthProof;
    let place = Place::new().await;
    let mega = place.sign_in().await;
    let folder = tempfile::tempdir().unwrap();
    for (name, content, proof) in [
        // Up to 16 bytes the checksum sees no more than the MAC.
        ("short", "sixteen bytes: 1", LengthProof::AssertedByServer),
        ("long", "more than sixteen bytes", LengthProof::Fingerprint),
    ] {
        mega.write(format!("/{name}"), content).await.unwrap();
        let local = folder.path().join(name);
        let fresh = mega.download(format!("/{name}"), &local).await.unwrap();
        assert_eq!(fresh.length(), proof, "{name}");
        let update = mega.download(format!("/{name}"), &local);
        let there = update.on_existing(Existing::Update).await.unwrap();
        assert!(there.was_there());
        assert_eq!(there.length(), proof, "{name}");
    }
}

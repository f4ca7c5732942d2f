//! What a transfer has to have proven before anybody sees its result.

use std::future::IntoFuture;
use std::path::Path;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};

use mega_client::{Credentials, ErrorKind, Existing, Integrity, TransferLimits};
use mega_testserver::account::content::{FileKey, condensed_mac};
use mega_testserver::{Fault, Lane};

use crate::attacks::signed_in;
use crate::fs_world::wire;
use crate::memory::Memory;
use crate::place::{EMAIL, PASSWORD, Place};
use crate::transfer_content::{content, signed_in_with};
use crate::transfer_world::{SIZE, entries, with_file};

/// Runs a download and looks at its destination at every step of it.
async fn watched<T>(work: impl IntoFuture<Output = T>, look: impl Fn()) -> T {
    let mut work = pin!(work.into_future());
    std::future::poll_fn(|context| {
        look();
        let done = work.as_mut().poll(context);
        if done.is_pending() {
            look();
        }
        done
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_1_dl_1_a_file_has_its_name_only_when_all_of_it_is_proven() {
    let (place, mega, folder, bytes) = with_file().await;
    let small = content(70_000);
    mega.write("/small", small.clone()).await.unwrap();
    let copy = folder.path().join("copy");
    let never = |path: &Path| assert!(!path.exists(), "under its name and not proven");
    for remote in ["/file", "/small"] {
        // Wrong from some byte on, always or the first time, and cut off.
        for offset in [0, 60_000] {
            let damaged = Fault::lane(Lane::Download).corrupt_file_at(offset).always();
            place.server.faults().add(damaged);
            let result = watched(mega.download(remote, &copy), || never(&copy)).await;
            assert_eq!(result.unwrap_err().kind(), ErrorKind::Integrity);
            never(&copy);
            assert_eq!(entries(folder.path()), Vec::<String>::new());
            place.server.faults().clear();
        }
        let whole = if remote == "/file" { &bytes } else { &small };
        let seen = AtomicUsize::new(0);
        let look = || match std::fs::read(&copy) {
            Ok(there) => assert!(there == *whole, "a part of it is under its name"),
            Err(_) => {
                seen.fetch_add(1, Ordering::Relaxed);
                // What is there is for nobody else.
                #[cfg(unix)]
                for entry in std::fs::read_dir(folder.path()).unwrap().flatten() {
                    use std::os::unix::fs::PermissionsExt;
                    let Ok(meta) = entry.metadata() else { continue };
                    let name = entry.file_name().into_string().unwrap();
                    if name != "copy" && meta.len() > 0 && !copy.exists() {
                        assert!(!name.contains("small") && !name.contains("copy"));
                        let mode = meta.permissions().mode() & 0o777;
                        // The mode of an ordinary file comes last, in one step with the name.
                        assert!(
                            mode == 0o600 || meta.len() == whole.len() as u64,
                            "{mode:o}"
                        );
                    }
                }
            }
        };
        watched(mega.download(remote, &copy), look).await.unwrap();
        assert!(seen.into_inner() > 1);
        assert!(std::fs::read(&copy).unwrap() == *whole);
        // And one that is replaced is the old one or the new one.
        std::fs::write(&copy, "old").unwrap();
        let look = || {
            let there = std::fs::read(&copy).unwrap();
            assert!(there == b"old" || there == *whole);
        };
        let replacing = mega
            .download(remote, &copy)
            .on_existing(Existing::Overwrite);
        watched(replacing, look).await.unwrap();
        std::fs::remove_file(&copy).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dl_11_one_part_that_never_comes_fails_the_whole() {
    let (place, mega, folder, _) = with_file().await;
    mega.write("/large", content(24_000_000)).await.unwrap();
    drop(mega);
    let limits = TransferLimits::default().attempts(2).buffer_bytes(8 << 20);
    let mega = signed_in_with(&place, limits).await;
    let copy = folder.path().join("copy");
    // The first, one in the middle, and the last of the requests for one file: whichever it is, all others end well.
    let before = downloads(&place);
    mega.download("/large", &copy).await.unwrap();
    std::fs::remove_file(&copy).unwrap();
    let requests = downloads(&place) - before;
    assert!(requests > 2, "{requests} requests");
    for skip in [0, 1, requests / 2] {
        for fault in [
            Fault::lane(Lane::Download).status(404).always(),
            Fault::lane(Lane::Download).truncate_at(100).always(),
            Fault::lane(Lane::Download).drop_before().always(),
        ] {
            let skip = u32::try_from(skip).unwrap();
            place.server.faults().add(fault.skip(skip));
            let error = mega.download("/large", &copy).await;
            assert!(error.is_err(), "after {skip} requests");
            assert_eq!(entries(folder.path()), Vec::<String>::new());
            place.server.faults().clear();
        }
    }
}

fn downloads(place: &Place) -> usize {
    let journal = place.server.journal();
    let of_content = |entry: &&mega_testserver::Entry| entry.lane == Lane::Download;
    journal.iter().filter(of_content).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn ul_6_the_mac_in_the_key_covers_all_chunks_in_their_order() {
    let place = Place::new().await;
    let mega = place.sign_in().await;
    // Replies that come in another order, parts that are sent twice, and a token that comes early or late.
    let disorders: [fn() -> Vec<Fault>; 4] = [
        Vec::new,
        || vec![Fault::lane(Lane::Upload).path("/0").status(503).times(2)],
        || vec![Fault::lane(Lane::Upload).lose_reply().times(3)],
        || vec![Fault::lane(Lane::Upload).code(-14).times(2)],
    ];
    for size in [1, 131_073, SIZE] {
        for disorder in disorders {
            for fault in disorder() {
                place.server.faults().add(fault);
            }
            let bytes = content(size);
            let node = mega.write("/file", bytes.clone()).await.unwrap();
            place.server.faults().clear();
            let key = place
                .server
                .with_model(|model| model.node_key(wire(node.handle())));
            let key = FileKey::unpack(&key.unwrap().try_into().unwrap());
            // As the server's own code computes it from what was to be sent.
            assert_eq!(
                key.mac,
                condensed_mac(&key.key, key.nonce, &bytes),
                "{size}"
            );
            let stored = place
                .server
                .with_model(|model| model.read_file(wire(node.handle())));
            assert!(stored.unwrap() == bytes, "{size}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ul_7_the_old_file_is_there_until_the_new_one_is() {
    let (place, mega, _folder, bytes) = with_file().await;
    let old = mega.stat("/file").await.unwrap().handle();
    let other = place.sign_in().await;
    // When the node of the new content is refused, everybody finds the old one.
    place
        .server
        .faults()
        .add(Fault::command("p").code(-11).times(1));
    assert!(mega.write("/file", "refused").await.is_err());
    other.refresh().await.unwrap();
    for client in [&mega, &other] {
        assert_eq!(client.stat("/file").await.unwrap().handle(), old);
        assert!(client.read("/file").await.unwrap() == bytes);
    }
    let before = place.server.journal().len();
    let new = mega.write("/file", content(700_000)).await.unwrap();
    let journal = place.server.journal().split_off(before);
    let changes: Vec<String> = journal
        .iter()
        .flat_map(|entry| entry.commands.clone())
        .filter(|command| ["p", "m", "d", "a"].contains(&command.as_str()))
        .collect();
    assert_eq!(
        changes,
        ["p"],
        "one command, and nothing is taken away first"
    );
    other.refresh().await.unwrap();
    assert_eq!(other.stat("/file").await.unwrap().handle(), new.handle());
    // The old one became its version.
    let versions = other.versions("/file").await.unwrap();
    assert_eq!(versions.len(), 1);
    let there = place.server.with_model(|model| model.find(EMAIL, "/file"));
    assert_eq!(there, Some(wire(new.handle())));
}

#[tokio::test(flavor = "multi_thread")]
async fn ul_8_what_was_stored_can_be_compared_after_the_upload() {
    let (place, mega, _folder, bytes) = with_file().await;
    let node = mega.write("/sent", bytes.clone()).await.unwrap();
    let mut sent = mega.open(&node).await.unwrap();
    assert_eq!(sent.verify().await.unwrap(), Integrity::Verified);
    // A host that has stored something else.
    let mut stored = place.server.with_model(|model| {
        let node = model.tree().get(wire(node.handle())).unwrap();
        node.content.as_ref().unwrap().to_vec()
    });
    stored[SIZE / 2] ^= 1;
    place
        .server
        .with_model(|model| model.tamper_content(wire(node.handle()), stored));
    let mut sent = place.sign_in().await.open(node.handle()).await.unwrap();
    let error = sent.verify().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Integrity, "{error}");
}

#[tokio::test(start_paused = true)]
async fn att_15_no_lie_about_the_length_is_believed() {
    let memory = Memory::new();
    memory.service.account(EMAIL, PASSWORD).v1().create();
    // 1000 bytes and 15 zeros: the MAC is the same for every length from the last byte that is not zero to the end of its block.
    let mut bytes = content(1000);
    bytes[999] |= 1;
    bytes.extend([0; 15]);
    let node = memory.service.with_model(|model| {
        model
            .make_file(EMAIL, "/file", &bytes, 1_700_000_000)
            .unwrap()
    });
    let folder = tempfile::tempdir().unwrap();
    let lies = [
        0,
        1,
        999,
        1000,
        1001,
        1007,
        1008,
        1009,
        1014,
        1016,
        1020,
        1024,
        1025,
        1 << 40,
    ];
    for said in lies {
        memory
            .service
            .with_model(|model| model.misreport(node, "s", &said.to_string()));
        memory.service.faults().add(
            Fault::command("g")
                .replace_member("s", &said.to_string())
                .always(),
        );
        let login = memory.builder().allow_legacy_v1(true);
        let login = login.limits(TransferLimits::default().attempts(2));
        let mega = login
            .verdict_delay(std::time::Duration::ZERO)
            .login(Credentials::new(EMAIL, PASSWORD))
            .await
            .unwrap();
        assert_eq!(
            mega.stat("/file").await.unwrap().size(),
            said,
            "the lie is told"
        );
        assert!(mega.read("/file").await.is_err(), "{said}");
        let copy = folder.path().join("copy");
        assert!(mega.download("/file", &copy).await.is_err(), "{said}");
        assert_eq!(entries(folder.path()), Vec::<String>::new(), "{said}");
        memory.service.faults().clear();
    }
    memory
        .service
        .with_model(|model| model.misreport(node, "s", "1015"));
    assert!(signed_in(&memory).await.read("/file").await.unwrap() == bytes);
}

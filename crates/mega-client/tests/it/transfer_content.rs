//! Content of every awkward size there and back, whole and in parts.

use std::io::SeekFrom;
use std::time::{Duration, SystemTime};

use mega_client::{Client, ErrorKind, Integrity, LengthProof, TransferLimits, Verdict};
use tokio::io::{AsyncReadExt, AsyncSeekExt};

use crate::place::{EMAIL, PASSWORD, Place};

/// Bytes in which no two pieces of a file are alike.
pub(crate) fn content(len: usize) -> Vec<u8> {
    let mut state = len as u64 + 1;
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        bytes.extend_from_slice(&(state >> 16).to_le_bytes()[..6]);
    }
    bytes.truncate(len);
    bytes
}

const SIZES: [usize; 22] = [
    0,
    1,
    15,
    16,
    17,
    131_071,
    131_072,
    131_073,
    393_215,
    393_216,
    393_217,
    (1 << 20) - 1,
    1 << 20,
    (1 << 20) + 1,
    3_670_015,
    3_670_016,
    3_670_017,
    4_718_591,
    4_718_592,
    4_718_593,
    20 << 20,
    (20 << 20) + 12_345,
];

#[tokio::test(flavor = "multi_thread")]
async fn rd_1_ul_9_every_size_comes_back_as_it_went() {
    let place = Place::new().await;
    let mega = place.sign_in().await;
    let folder = tempfile::tempdir().unwrap();
    for size in SIZES {
        let bytes = content(size);
        let local = folder.path().join(size.to_string());
        std::fs::write(&local, &bytes).unwrap();
        let node = mega.upload(&local, format!("/sizes/{size}")).await.unwrap();
        assert_eq!(node.size(), size as u64);

        let copy = folder.path().join(format!("{size}.copy"));
        let receipt = mega.download(&node, &copy).await.unwrap();
        assert!(
            std::fs::read(&copy).unwrap() == bytes,
            "{size} bytes differ"
        );
        assert!(
            receipt.integrity().is_verified(),
            "{size}: {}",
            receipt.integrity()
        );
        assert_eq!(receipt.bytes(), size as u64);
        let proof = if size <= 16 {
            LengthProof::AssertedByServer
        } else {
            LengthProof::Fingerprint
        };
        assert_eq!(receipt.length(), proof, "{size}");

        assert!(
            mega.read(&node).await.unwrap() == bytes,
            "{size} bytes differ in memory"
        );
        let expected = if size == 0 {
            Integrity::VerifiedEmpty
        } else {
            Integrity::Verified
        };
        assert_eq!(
            mega.verify(&local, &node).await.unwrap(),
            Verdict::Equal(expected)
        );
    }
    // GN-7: a client that comes later reads the same.
    let other = place.sign_in().await;
    assert!(other.read("/sizes/4718593").await.unwrap() == content(4_718_593));
}

#[tokio::test]
async fn dl_7_dl_8_and_wr_19_the_macs_of_other_clients_are_understood() {
    use mega_crypto::content::{ChunkMac, ContentCipher, ContentKey, MacChain};
    use mega_testserver::account::content::{FileKey, wrap};

    let place = Place::new().await;
    let master = place
        .server
        .account("js@example.com", "pass")
        .create()
        .master_key;
    // What the last quarter of the key is made of, besides the MACs of the chunks.
    type Extra = fn(&FileKey) -> Option<[u8; 16]>;
    let plain: Extra = |_| None;
    let megajs: Extra = |key| [key.nonce, key.nonce].concat().try_into().ok();
    let zeros: Extra = |_| Some([0; 16]);
    let mut expected = Vec::new();
    for (size, extra, integrity) in [
        (0, plain, Integrity::VerifiedEmpty),
        (0, zeros, Integrity::VerifiedEmpty),
        (0, megajs, Integrity::VerifiedMegajs),
        (131_072, megajs, Integrity::VerifiedMegajs),
        (393_216, megajs, Integrity::VerifiedMegajs),
        (4_718_592, megajs, Integrity::VerifiedMegajs),
        (131_073, plain, Integrity::Verified),
    ] {
        let bytes = content(size);
        let name = format!("file {}", expected.len());
        place.server.with_model(|model| {
            let node = model
                .make_file("js@example.com", &name, &bytes, 1_600_000_000)
                .unwrap();
            let key = FileKey::unpack(&model.node_key(node).unwrap().try_into().unwrap());
            let cipher = ContentCipher::new(&ContentKey::new(key.key, key.nonce));
            let mut chain = MacChain::new();
            for mac in cipher.mac_chunks(0, &bytes).unwrap().as_slice() {
                chain.push(&cipher, *mac);
            }
            if let Some(extra) = extra(&key) {
                chain.push(&cipher, ChunkMac(extra));
            }
            let mac = chain.meta_mac().0;
            model.tamper_key(node, &wrap(&master, &FileKey { mac, ..key }.pack()));
        });
        expected.push((name, bytes, integrity));
    }
    let login = mega_client::Credentials::new("js@example.com", "pass");
    let mega = place.builder().login(login).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes, integrity) in expected {
        let copy = folder.path().join(&name);
        let receipt = mega.download(name.as_str(), &copy).await.unwrap();
        assert_eq!(*receipt.integrity(), integrity, "{name}");
        assert!(std::fs::read(&copy).unwrap() == bytes, "{name}");
        assert!(
            mega.verify(&copy, name.as_str()).await.unwrap().is_equal(),
            "{name}"
        );
    }
}

#[tokio::test]
async fn public_links_are_read_without_an_account() {
    let place = Place::new().await;
    let mega = place.sign_in().await;
    let bytes = content(700_000);
    mega.write("/shown/deep/file", bytes.clone()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();

    let link = mega.link("/shown/deep/file").await.unwrap();
    let visitor = place.builder().open_link(link.url()).await.unwrap();
    assert!(visitor.read("/file").await.unwrap() == bytes);
    assert!(*visitor.read("/file").range(9..).await.unwrap() == bytes[9..]);
    let receipt = visitor
        .download("/file", folder.path().join("one"))
        .await
        .unwrap();
    assert!(receipt.integrity().is_verified());
    assert_eq!(
        visitor.open("/file").await.unwrap().verify().await.unwrap(),
        Integrity::Verified
    );

    let link = mega.link("/shown").await.unwrap();
    let visitor = place.builder().open_link(link.url()).await.unwrap();
    let report = visitor
        .download_folder("/", folder.path().join("all"))
        .await
        .unwrap();
    assert_eq!(report.into_result().unwrap().transferred(), 1);
    assert!(std::fs::read(folder.path().join("all/deep/file")).unwrap() == bytes);
    let error = visitor.write("/new", "x").await.unwrap_err();
    assert!(!error.to_string().is_empty());
}

#[tokio::test]
async fn rd_4_dl_4_ranges_at_any_offset_decrypt_correctly() {
    let place = Place::new().await;
    let mega = place.sign_in().await;
    let bytes = content(5_000_001);
    mega.write("/file", bytes.clone()).await.unwrap();
    let size = bytes.len() as u64;
    for (start, end) in [
        (0, 1),
        (1, 2),
        (15, 17),
        (7, 100_000),
        (131_071, 131_073),
        (131_072, 393_216),
        (393_215, 4_718_593),
        (4_718_591, 5_000_001),
        (5_000_000, 5_000_001),
        (0, size),
    ] {
        let part = mega.read("/file").range(start..end).await.unwrap();
        assert!(
            *part == bytes[start as usize..end as usize],
            "{start}..{end}"
        );
        assert_eq!((part.start(), part.file_size()), (start, size));
        assert_eq!(part.integrity(), Integrity::Unverified);
    }
    // RD-2, RD-3
    assert!(*mega.read("/file").range(4_999_990..).await.unwrap() == bytes[4_999_990..]);
    assert!(
        *mega
            .read("/file")
            .range(4_999_990..9_000_000)
            .await
            .unwrap()
            == bytes[4_999_990..]
    );
    assert!(*mega.read("/file").range(..=4).await.unwrap() == bytes[..5]);
    assert!(*mega.read("/file").last(10).await.unwrap() == bytes[4_999_991..]);
    assert_eq!(mega.read("/file").last(0).await.unwrap().len(), 0);
    assert!(*mega.read("/file").last(u64::MAX).await.unwrap() == bytes);
    for (start, end) in [(size, size + 1), (size + 1, size + 2), (10, 5)] {
        let error = mega.read("/file").range(start..end).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Misuse, "{start}..{end}");
    }
}

#[tokio::test]
async fn rd_12_an_open_file_reads_and_seeks_with_one_address() {
    let place = Place::new().await;
    let mega = place.sign_in().await;
    let bytes = content(7_000_003);
    mega.write("/file", bytes.clone()).await.unwrap();

    let mut file = mega.open("/file").await.unwrap();
    assert_eq!((file.size(), file.position()), (7_000_003, 0));
    let mut piece = vec![0; 1000];
    for place in [5_000_000_u64, 17, 131_060, 6_999_000, 5_000_500] {
        file.seek(SeekFrom::Start(place)).await.unwrap();
        file.read_exact(&mut piece).await.unwrap();
        assert!(
            piece == bytes[place as usize..place as usize + 1000],
            "{place}"
        );
    }
    assert_eq!(file.integrity(), Integrity::Unverified);
    file.seek(SeekFrom::End(-3)).await.unwrap();
    let mut rest = Vec::new();
    file.read_to_end(&mut rest).await.unwrap();
    assert!(rest == bytes[7_000_000..]);
    file.seek(SeekFrom::Current(100)).await.unwrap();
    assert_eq!(file.read(&mut piece).await.unwrap(), 0);
    assert!(file.seek(SeekFrom::Current(-8_000_000)).await.is_err());

    file.rewind().await.unwrap();
    let mut whole = Vec::new();
    file.read_to_end(&mut whole).await.unwrap();
    assert!(whole == bytes);
    assert_eq!(file.integrity(), Integrity::Verified);

    let asked = place
        .server
        .journal()
        .iter()
        .filter(|e| e.commands.contains(&"g".into()))
        .count();
    assert_eq!(asked, 1, "one address for the life of the reader");
}

#[tokio::test]
async fn an_open_file_can_be_verified_without_being_read() {
    let place = Place::new().await;
    let mega = place.sign_in().await;
    mega.write("/file", content(2_000_000)).await.unwrap();
    mega.write("/empty", "").await.unwrap();
    let mut file = mega.open("/file").await.unwrap();
    assert_eq!(file.verify().await.unwrap(), Integrity::Verified);
    assert_eq!(file.position(), 0);
    let mut empty = mega.open("/empty").await.unwrap();
    assert_eq!(empty.integrity(), Integrity::VerifiedEmpty);
    assert_eq!(empty.read(&mut [0; 10]).await.unwrap(), 0);
}

#[tokio::test]
async fn wr_5_readers_of_known_and_unknown_length_give_the_same_file() {
    let place = Place::new().await;
    let mega = place.sign_in().await;
    // Up to 4 MiB in memory, above that on disk.
    for size in [0, 1, 4 << 20, (4 << 20) + 1, 9_000_000] {
        let bytes = content(size);
        let reader = std::io::Cursor::new(bytes.clone());
        let node = mega.write_from("/unknown", reader).await.unwrap();
        assert_eq!(node.size(), size as u64);
        assert!(
            mega.read(&node).await.unwrap() == bytes,
            "{size} of unknown length"
        );

        let reader = std::io::Cursor::new(bytes.clone());
        let node = mega
            .write_from("/known", reader)
            .size(size as u64)
            .await
            .unwrap();
        assert!(
            mega.read(&node).await.unwrap() == bytes,
            "{size} of known length"
        );
    }
    assert_eq!(mega.versions("/known").await.unwrap().len(), 4);
}

#[tokio::test]
async fn wr_8_many_small_pieces_make_the_same_file_as_one_big_piece() {
    let place = Place::new().await;
    let mega = place.sign_in().await;
    let bytes = content(6_000_000);
    let (mut writer, reader) = tokio::io::duplex(1 << 14);
    let pieces = bytes.clone();
    let feeder = tokio::spawn(async move {
        for piece in pieces.chunks(7_919) {
            tokio::io::AsyncWriteExt::write_all(&mut writer, piece)
                .await
                .unwrap();
        }
    });
    let node = mega
        .write_from("/pieces", reader)
        .size(6_000_000)
        .await
        .unwrap();
    feeder.await.unwrap();
    assert!(mega.read(&node).await.unwrap() == bytes);
}

#[tokio::test]
async fn wr_15_modification_times_are_kept_and_can_be_chosen() {
    let place = Place::new().await;
    let mega = place.sign_in().await;
    let folder = tempfile::tempdir().unwrap();
    let local = folder.path().join("old");
    std::fs::write(&local, "dated").unwrap();
    for seconds in [0, 1, 1_000_000_000, 2_200_000_000, 5_000_000_000] {
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        std::fs::File::options()
            .write(true)
            .open(&local)
            .unwrap()
            .set_modified(time)
            .unwrap();
        let node = mega.upload(&local, "/dated").await.unwrap();
        assert_eq!(node.modified(), Some(time));
        let copy = folder.path().join(format!("copy{seconds}"));
        mega.download(&node, &copy).await.unwrap();
        assert_eq!(std::fs::metadata(&copy).unwrap().modified().unwrap(), time);
        let node = mega.write("/chosen", "x").modified(time).await.unwrap();
        assert_eq!(node.modified(), Some(time));
    }
}

#[tokio::test]
async fn wr_17_the_same_content_twice_has_two_keys() {
    let place = Place::new().await;
    let mega = place.sign_in().await;
    let one = mega
        .link(mega.write("/one", "same").await.unwrap())
        .await
        .unwrap();
    let two = mega
        .link(mega.write("/two", "same").await.unwrap())
        .await
        .unwrap();
    let key = |url: &str| url.split_once('#').unwrap().1.to_owned();
    assert_ne!(key(one.url()), key(two.url()));
}

#[tokio::test(flavor = "multi_thread")]
async fn tr_6_one_connection_gives_the_same_bytes_as_many() {
    let place = Place::new().await;
    let bytes = content(30_000_000);
    place
        .sign_in()
        .await
        .write("/file", bytes.clone())
        .await
        .unwrap();
    for connections in [1, 3, 16] {
        let limits = TransferLimits::default().connections_per_file(connections);
        let mega = signed_in_with(&place, limits).await;
        assert!(
            mega.read("/file").await.unwrap() == bytes,
            "{connections} connections"
        );
        let node = mega.write("/again", bytes.clone()).await.unwrap();
        assert!(
            mega.read(&node).await.unwrap() == bytes,
            "{connections} connections"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lim_12_buffers_stay_within_their_budget_whatever_is_moved() {
    let place = Place::new().await;
    let limits = TransferLimits::default()
        .buffer_bytes(8 << 20)
        .connections_per_file(8);
    let mega = signed_in_with(&place, limits).await;
    let bytes = bytes::Bytes::from(content(40_000_000));
    let uploads = (0..4).map(|n| {
        let (mega, bytes) = (mega.clone(), bytes.clone());
        async move { mega.write(format!("/{n}"), bytes).await.unwrap() }
    });
    futures::future::join_all(uploads).await;
    let downloads = (0..4).map(|n| {
        let (mega, bytes) = (mega.clone(), bytes.clone());
        async move { assert!(mega.read(format!("/{n}").as_str()).await.unwrap() == bytes) }
    });
    futures::future::join_all(downloads).await;
    let peak = mega.peak_buffer_bytes();
    assert!(peak <= 8 << 20, "{peak} bytes of buffers");
    assert!(peak > 1 << 20, "the count counts something: {peak}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_can_be_piped_from_an_open_one_into_a_new_one() {
    let place = Place::new().await;
    // Little room, many pipes: a writer that waits for a reader must not keep the reader from reading.
    let limits = TransferLimits::default().buffer_bytes(2 << 20);
    let mega = signed_in_with(&place, limits).await;
    let bytes = content(9_000_000);
    mega.write("/source", bytes.clone()).await.unwrap();
    let pipes = (0..6).map(|n| {
        let mega = mega.clone();
        async move {
            let reader = mega.open("/source").await.unwrap();
            let size = reader.size();
            mega.write_from(format!("/copy{n}"), reader)
                .size(size)
                .await
                .unwrap()
        }
    });
    for node in futures::future::join_all(pipes).await {
        assert!(mega.read(&node).await.unwrap() == bytes);
    }
}

#[tokio::test]
async fn a_file_larger_than_the_limit_is_not_read_into_memory() {
    let place = Place::new().await;
    let limits = TransferLimits::default().memory_bytes(1000);
    let mega = signed_in_with(&place, limits).await;
    mega.write("/file", content(1001)).await.unwrap();
    let error = mega.read("/file").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Misuse, "{error}");
    assert_eq!(mega.read("/file").range(1..).await.unwrap().len(), 1000);
}

pub(crate) async fn signed_in_with(place: &Place, limits: TransferLimits) -> Client {
    let login = mega_client::Credentials::new(EMAIL, PASSWORD);
    place.builder().limits(limits).login(login).await.unwrap()
}

#[tokio::test]
async fn what_lies_in_the_account_already_is_copied_there_when_asked() {
    let place = Place::new().await;
    let mega = place.sign_in().await;
    let folder = tempfile::tempdir().unwrap();
    let local = folder.path().join("again.bin");
    let bytes = content(200_000);
    std::fs::write(&local, &bytes).unwrap();
    mega.write("/deep/original", bytes.clone()).await.unwrap();
    // Same size, other content.
    mega.write("/decoy", content(200_001)[1..].to_vec())
        .await
        .unwrap();
    let uploads = || {
        let journal = place.server.journal();
        let lanes = journal.iter().map(|entry| entry.lane);
        lanes
            .filter(|lane| *lane == mega_testserver::Lane::Upload)
            .count()
    };
    let before = uploads();
    let node = mega
        .upload(&local, "/made/here/")
        .copy_identical()
        .await
        .unwrap();
    assert_eq!(uploads(), before, "nothing was sent");
    assert_eq!(mega.path_of(&node).unwrap(), "/made/here/again.bin");
    let time = local.metadata().unwrap().modified().unwrap();
    let apart = time.duration_since(node.modified().unwrap()).unwrap();
    assert!(
        apart < Duration::from_secs(2),
        "it has the time of the local file"
    );
    assert!(mega.read(&node).await.unwrap() == bytes);
    assert!(mega.read("/deep/original").await.unwrap() == bytes);
    // The rule for taken names holds here too.
    let upload = mega.upload(&local, "/decoy").copy_identical();
    let error = upload.on_conflict(mega_client::OnConflict::Fail).await;
    assert_eq!(error.unwrap_err().kind(), ErrorKind::AlreadyExists);
    let node = mega
        .upload(&local, "/decoy")
        .copy_identical()
        .await
        .unwrap();
    assert_eq!(mega.versions(&node).await.unwrap().len(), 1);
    assert_eq!(uploads(), before);
    std::fs::write(&local, "something new").unwrap();
    mega.upload(&local, "/new").copy_identical().await.unwrap();
    assert_eq!(uploads(), before + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn tr_7_bounds_change_while_a_transfer_runs() {
    let place = Place::new().await;
    let slow = TransferLimits::default().requests_at_once(1);
    let mega = signed_in_with(&place, slow.download_rate(1)).await;
    let bytes = content(3_000_000);
    mega.write("/file", bytes.clone()).await.unwrap();
    let progress = mega_client::Progress::new();
    let read = mega.read("/file").progress(&progress);
    let read = std::future::IntoFuture::into_future(read);
    let free = async {
        // At one byte in a second it does not end, nor after the first piece that gets through.
        while progress.bytes_done() == 0 {
            tokio::task::yield_now().await;
        }
        mega.set_limits(slow.download_rate(None).requests_at_once(8));
    };
    let (read, ()) = tokio::join!(read, free);
    assert!(read.unwrap() == bytes);
}

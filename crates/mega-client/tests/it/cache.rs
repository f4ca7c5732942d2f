//! The tree on disk between two programs: conformance GN-7; threat model SEC-7, PST-2, PST-3, PST-6, DSK-2.

use std::path::{Path, PathBuf};

use mega_client::{Client, ClientBuilder, Credentials, SavedSession};
use mega_testserver::wire::b64;

use crate::place::{EMAIL, PASSWORD, Place, names};

struct Kept {
    place: Place,
    folder: tempfile::TempDir,
    saved: SavedSession,
}

impl Kept {
    /// An account with something in it, whose tree a program has kept.
    async fn new() -> Self {
        let place = Place::new().await;
        let folder = tempfile::tempdir().unwrap();
        let mega = place
            .builder()
            .cache_dir(folder.path())
            .login(Credentials::new(EMAIL, PASSWORD))
            .await
            .unwrap();
        mega.create_dir("/documents").await.unwrap();
        mega.write("/documents/secret plans.txt", "dig")
            .await
            .unwrap();
        mega.write("/documents/secret plans.txt", "dig deeper")
            .await
            .unwrap();
        mega.create_dir("/empty").await.unwrap();
        let saved = mega.save().unwrap();
        mega.close().await;
        let kept = Self {
            place,
            folder,
            saved,
        };
        assert_eq!(kept.loads(), 1, "the tree came once, at sign-in");
        kept
    }

    fn builder(&self) -> ClientBuilder {
        self.place.builder().cache_dir(self.folder.path())
    }

    async fn resume(&self) -> Client {
        self.builder().resume(&self.saved).await.unwrap()
    }

    /// How often the whole tree was asked for.
    fn loads(&self) -> usize {
        let journal = self.place.server.journal();
        let asked = |entry: &&mega_testserver::Entry| entry.commands.iter().any(|name| name == "f");
        journal.iter().filter(asked).count()
    }

    /// The file that the tree is in.
    fn file(&self) -> PathBuf {
        let files = files(self.folder.path());
        let mut files = files.iter().filter(|path| path.extension().is_none());
        let file = files.next().expect("a cache").clone();
        assert!(files.next().is_none(), "one cache");
        file
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

/// Everything that a client shows of its tree.
async fn listing(mega: &Client) -> Vec<String> {
    let mut lines = Vec::new();
    for top in [
        mega.root().unwrap(),
        mega.rubbish_bin().unwrap(),
        mega.vault().unwrap(),
    ] {
        for node in mega.list(&top).recursive().await.unwrap() {
            let path = mega.path_of(&node);
            let versions = match node.kind() {
                mega_client::NodeKind::File => mega.versions(&node).await.unwrap().len(),
                _ => 0,
            };
            lines.push(format!(
                "{path:?} {node:?} {:?} {versions}",
                node.modified()
            ));
        }
    }
    lines.sort();
    lines
}

#[tokio::test]
async fn gn_7_the_next_program_lists_the_same_without_a_full_fetch() {
    let kept = Kept::new().await;
    let fresh = listing(&kept.place.sign_in().await).await;
    assert_eq!(kept.loads(), 2);
    assert!(fresh.len() >= 3);

    let mega = kept.resume().await;
    assert_eq!(listing(&mega).await, fresh);
    assert_eq!(
        mega.read("/documents/secret plans.txt").await.unwrap(),
        "dig deeper"
    );
    // With the password, too, and what it does is kept in turn.
    mega.rename("/empty", "full").await.unwrap();
    mega.close().await;
    let login = Credentials::new(EMAIL, PASSWORD);
    let mega = kept.builder().login(login).await.unwrap();
    assert_eq!(names(&mega, "/").await, ["documents", "full"]);
    assert_eq!(kept.loads(), 2, "nobody else asked for the tree");
}

#[tokio::test]
async fn gn_7_what_others_did_meanwhile_is_there_when_the_program_is_back() {
    let kept = Kept::new().await;
    let other = kept.place.sign_in().await;
    other.move_to("/documents", "/empty").await.unwrap();
    other.write("/new.txt", "new").await.unwrap();
    other.delete("/new.txt").await.unwrap();
    let loads = kept.loads();
    // Twice without an end in good order: the events lead on from the same place again.
    for _ in 0..2 {
        let mega = kept.resume().await;
        assert_eq!(listing(&mega).await, listing(&other).await);
    }
    let mega = kept.resume().await;
    mega.create_dir("/more").await.unwrap();
    other.refresh().await.unwrap();
    assert_eq!(listing(&mega).await, listing(&other).await);
    assert_eq!(kept.loads(), loads);
}

#[tokio::test]
async fn evt_6_a_position_that_is_too_old_means_a_full_fetch() {
    let kept = Kept::new().await;
    kept.place
        .sign_in()
        .await
        .create_dir("/missed")
        .await
        .unwrap();
    kept.place
        .server
        .with_model(|model| model.forget_events(EMAIL));
    let loads = kept.loads();
    let mega = kept.resume().await;
    assert_eq!(names(&mega, "/").await, ["documents", "empty", "missed"]);
    assert_eq!(kept.loads(), loads + 1);
    mega.close().await;
    let mega = kept.resume().await;
    assert_eq!(names(&mega, "/").await, ["documents", "empty", "missed"]);
    assert_eq!(kept.loads(), loads + 1, "the fetched tree was kept");
}

#[tokio::test]
async fn an_older_cache_that_was_put_back_converges_through_the_events() {
    let kept = Kept::new().await;
    let old = std::fs::read(kept.file()).unwrap();
    for round in 0..3 {
        let mega = kept.resume().await;
        mega.create_dir(format!("/round {round}")).await.unwrap();
        mega.delete("/documents").await.unwrap_or_default();
        mega.close().await;
    }
    assert_ne!(std::fs::read(kept.file()).unwrap(), old);
    let loads = kept.loads();
    std::fs::write(kept.file(), old).unwrap();
    let mega = kept.resume().await;
    assert_eq!(
        names(&mega, "/").await,
        ["empty", "round 0", "round 1", "round 2"]
    );
    mega.close().await;
    assert_eq!(kept.loads(), loads);
    assert_eq!(names(&kept.resume().await, "/").await.len(), 4);
}

#[tokio::test]
async fn pst_2_damage_is_a_full_fetch_and_never_an_error() {
    let kept = Kept::new().await;
    let good = std::fs::read(kept.file()).unwrap();
    let expected = listing(&kept.resume().await).await;
    let mut changed = good.clone();
    changed[good.len() / 3] ^= 4;
    let mut another_version = good.clone();
    another_version[7] ^= 0xFF;
    let bad = [
        changed,
        another_version,
        good[..good.len() / 3].to_vec(),
        Vec::new(),
        vec![0xFF; 100_000],
        b"not a cache at all".to_vec(),
    ];
    for bytes in bad {
        let loads = kept.loads();
        std::fs::write(kept.file(), bytes).unwrap();
        let mega = kept.resume().await;
        assert_eq!(listing(&mega).await, expected);
        assert_eq!(kept.loads(), loads + 1);
        mega.close().await;
        // And it is mended.
        assert_eq!(listing(&kept.resume().await).await, expected);
        assert_eq!(kept.loads(), loads + 1);
    }
}

#[tokio::test]
async fn dsk_2_a_folder_that_cannot_be_used_is_no_error() {
    let kept = Kept::new().await;
    let file = kept.file();
    let expected = listing(&kept.resume().await).await;
    // The folder is a file, or the cache is a folder.
    let builder = kept.place.builder().cache_dir(&file);
    let mega = builder.resume(&kept.saved).await.unwrap();
    assert_eq!(listing(&mega).await, expected);
    mega.close().await;
    std::fs::remove_file(&file).unwrap();
    std::fs::create_dir(&file).unwrap();
    std::fs::write(file.join("in the way"), "").unwrap();
    let mega = kept.resume().await;
    assert_eq!(listing(&mega).await, expected);
    mega.create_dir("/works").await.unwrap();
    mega.close().await;
    assert!(file.join("in the way").exists(), "what is not ours stays");
    let mega = kept.resume().await;
    mega.sign_out().await.unwrap();
}

#[tokio::test]
async fn each_account_has_its_own_cache() {
    let kept = Kept::new().await;
    kept.place
        .server
        .account("other@example.com", "other password")
        .create();
    let login = || Credentials::new("other@example.com", "other password");
    let mega = kept.builder().login(login()).await.unwrap();
    assert!(names(&mega, "/").await.is_empty());
    mega.create_dir("/mine").await.unwrap();
    mega.close().await;
    // The file of one under the name of the other opens nothing.
    let trees: Vec<PathBuf> = files(kept.folder.path())
        .into_iter()
        .filter(|path| path.extension().is_none())
        .collect();
    let [one, two] = &trees[..] else {
        panic!("{trees:?}");
    };
    let (first, second) = (std::fs::read(one).unwrap(), std::fs::read(two).unwrap());
    std::fs::write(one, second).unwrap();
    std::fs::write(two, first).unwrap();
    let loads = kept.loads();
    let (mine, other) = (
        kept.resume().await,
        kept.builder().login(login()).await.unwrap(),
    );
    assert_eq!(names(&mine, "/").await, ["documents", "empty"]);
    assert_eq!(names(&other, "/").await, ["mine"]);
    assert_eq!(kept.loads(), loads + 2);
}

#[tokio::test]
async fn pst_6_two_programs_share_a_folder() {
    let kept = Kept::new().await;
    let loads = kept.loads();
    let (first, second) = (kept.resume().await, kept.resume().await);
    for round in 0..3 {
        first.create_dir(format!("/first {round}")).await.unwrap();
        second.create_dir(format!("/second {round}")).await.unwrap();
    }
    first.refresh().await.unwrap();
    second.refresh().await.unwrap();
    assert_eq!(listing(&first).await, listing(&second).await);
    second.close().await;
    first.close().await;
    let third = kept.resume().await;
    assert_eq!(names(&third, "/").await.len(), 8);
    assert_eq!(
        kept.loads(),
        loads,
        "both began with the cache, and it is sound"
    );
}

#[tokio::test]
async fn signing_out_deletes_what_was_kept() {
    let kept = Kept::new().await;
    let mega = kept.resume().await;
    let clone = mega.clone();
    let file = kept.file();
    mega.sign_out().await.unwrap();
    assert!(!file.exists());
    clone.close().await;
    let left = files(kept.folder.path());
    assert!(
        left.iter().all(|path| path.metadata().unwrap().len() == 0),
        "{left:?}"
    );
}

#[tokio::test]
async fn sec_7_nothing_in_the_cache_or_the_session_file_can_be_read() {
    let kept = Kept::new().await;
    let mega = kept.resume().await;
    let friend = "friend@example.com";
    kept.place
        .server
        .account(friend, "friend password")
        .create();
    mega.invite(friend).await.unwrap();
    let link = mega.link("/documents/secret plans.txt").await.unwrap();
    let mut secrets: Vec<Vec<u8>> = Vec::new();
    let mut handles = vec![mega.root().unwrap().handle()];
    for node in mega.list("/").recursive().await.unwrap() {
        secrets.push(node.name().as_bytes().to_vec());
        handles.push(node.handle());
    }
    for handle in handles {
        secrets.push(handle.to_bytes().to_vec());
        secrets.push(handle.to_string().into_bytes());
        let wire = mega_testserver::wire::NodeHandle::parse(&handle.to_string()).unwrap();
        let key = kept.place.server.with_model(|model| model.node_key(wire));
        secrets.extend(
            key.into_iter()
                .flat_map(|key| [b64(&key).into_bytes(), key]),
        );
    }
    let user = mega.user().unwrap();
    let session = kept
        .place
        .server
        .with_model(|model| model.newest_session(EMAIL).unwrap().to_owned());
    secrets.push(user.to_bytes().to_vec());
    secrets.push(user.to_string().into_bytes());
    secrets.push(session.into_bytes());
    secrets.extend(
        [EMAIL, PASSWORD, friend, "example.com", "secret", link.url()]
            .map(|text| text.as_bytes().to_vec()),
    );
    mega.close().await;
    kept.saved
        .write_sealed_file(kept.folder.path().join("session.text"), "passphrase")
        .await
        .unwrap();

    let mut looked_at = 0;
    for path in files(kept.folder.path()) {
        let mut bytes = std::fs::read(&path).unwrap();
        looked_at += bytes.len();
        bytes.extend(path.file_name().unwrap().to_string_lossy().bytes());
        for secret in &secrets {
            let found = bytes.windows(secret.len()).any(|window| window == secret);
            assert!(!found, "{} in {path:?}", String::from_utf8_lossy(secret));
        }
    }
    assert!(
        looked_at > 1000 && secrets.len() > 20,
        "{looked_at} bytes, {} secrets",
        secrets.len()
    );
}

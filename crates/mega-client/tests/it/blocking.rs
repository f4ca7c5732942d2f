//! The calls for programs without async.

use std::io::{Read, Seek, SeekFrom};

use mega_client::blocking::{FileReader, Source, Wait, WaitIter};
use mega_client::{
    Client, Credentials, ErrorKind, Fingerprint, OnConflict, Progress, SavedSession,
};

use crate::place::{EMAIL, PASSWORD, Place};

/// A program without async; the server runs elsewhere.
async fn program(work: impl FnOnce(Client) + Send + 'static) {
    program_at(|mega, _| work(mega)).await;
}

/// The same, for programs that have to know where the server is.
async fn program_at(work: impl FnOnce(Client, String) + Send + 'static) {
    let place = Place::new().await;
    let (builder, url) = (place.builder(), place.server.url().to_owned());
    let thread = std::thread::spawn(move || {
        let mega = builder
            .login(Credentials::new(EMAIL, PASSWORD))
            .wait()
            .unwrap();
        work(mega, url);
    });
    while !thread.is_finished() {
        tokio::task::yield_now().await;
    }
    thread.join().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_is_awaited_can_be_waited_for() {
    program(|mega| {
        let node = mega
            .write("/a/b.txt", "0123456789")
            .on_conflict(OnConflict::Fail)
            .wait()
            .unwrap();
        assert_eq!(mega.stat(&node).wait().unwrap().size(), 10);
        assert_eq!(mega.read("/a/b.txt").wait().unwrap(), "0123456789");
        assert_eq!(&**mega.read("/a/b.txt").range(3..5).wait().unwrap(), b"34");
        let error = mega.read("/a").wait().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::IsADirectory);

        let made = mega.create_dirs(["/x", "/y"]).wait().into_result().unwrap();
        assert_eq!(made.len(), 2);
        let names: Vec<_> = mega
            .list("/")
            .sorted()
            .stream()
            .wait_iter()
            .map(|node| node.unwrap().name().to_owned())
            .collect();
        assert_eq!(names, ["a", "x", "y"]);
        mega.refresh().wait().unwrap();

        let mut file = FileReader::new(mega.open("/a/b.txt").wait().unwrap());
        file.seek(SeekFrom::Start(7)).unwrap();
        let mut rest = String::new();
        file.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "789");
        assert!(file.verify().unwrap().is_verified());

        let mut changes = mega.changes().wait_iter();
        mega.trash("/a").wait().unwrap();
        assert!(changes.next().unwrap().is_ok());
        mega.sign_out().wait().unwrap();
    })
    .await;
}

/// One line for each call that others await and that no other test waits for.
#[tokio::test(flavor = "multi_thread")]
async fn there_is_no_call_that_can_only_be_awaited() {
    let folder = tempfile::tempdir().unwrap();
    let local = folder.path().to_path_buf();
    program_at(move |mega, url| {
        std::fs::create_dir(local.join("tree")).unwrap();
        std::fs::write(local.join("tree/file"), "content").unwrap();
        let (up, down) = (local.join("tree"), local.join("copy"));
        mega.upload_folder(&up, "/tree").wait().unwrap();
        mega.download_folder("/tree", &down).wait().unwrap();
        mega.upload(up.join("file"), "/file").wait().unwrap();
        mega.download("/file", local.join("file")).wait().unwrap();
        assert!(
            mega.verify(local.join("file"), "/file")
                .wait()
                .unwrap()
                .is_equal()
        );
        let here = Fingerprint::of_file(local.join("file")).wait().unwrap();
        assert!(here.matches(&mega.stat("/file").wait().unwrap().fingerprint().unwrap()));
        let _report = mega.repair(&up, "/tree").wait().unwrap();
        let progress = Progress::new();
        let edits = mega.edit_all(["/file", "/tree"]).favourite(true);
        for (_, edited) in edits.progress(&progress).stream().wait_iter() {
            edited.unwrap();
        }
        mega.edit("/file").description("x").wait().unwrap();
        mega.set_modified("/file", std::time::SystemTime::now())
            .wait()
            .unwrap();
        mega.rename("/file", "renamed").wait().unwrap();
        mega.move_to("/renamed", "/tree").wait().unwrap();
        mega.copy("/tree/renamed", "/").wait().unwrap();
        mega.create_dir("/to").wait().unwrap();
        mega.move_all(["/renamed"], "/to")
            .wait()
            .into_result()
            .unwrap();
        assert_eq!(mega.search("/").name("renamed").wait().unwrap().len(), 2);
        assert_eq!(mega.usage("/to").wait().unwrap().files, 1);
        let _report = mega.dedupe("/").wait().unwrap();
        let _report = mega.merge_folders("/").wait().unwrap();

        let old = mega.write("/v", "1").wait().unwrap();
        mega.write("/v", "2").wait().unwrap();
        mega.restore_version(&old).wait().unwrap();
        let older = mega.versions("/v").wait().unwrap();
        mega.delete_version(&older[0]).wait().unwrap();
        mega.delete_versions("/v").wait().unwrap();
        mega.delete_all_versions().wait().unwrap();
        let trashed = mega.trash("/v").wait().unwrap();
        mega.restore(&trashed).wait().unwrap();
        mega.remove("/v").wait().unwrap();
        assert_eq!(mega.empty_rubbish_bin().wait().unwrap(), 1);
        mega.create_dir("/empty").wait().unwrap();
        mega.remove_dir("/empty").wait().unwrap();

        let link = mega.link("/tree").wait().unwrap();
        mega.repair_keys("/tree").wait().unwrap();
        let visitor = Client::builder().origin(&url);
        let visitor = visitor.open_link(link.url()).wait().unwrap();
        mega.import(&visitor, "/to").wait().unwrap();
        mega.link_all(["/to"]).wait().into_result().unwrap();
        mega.remove_link("/to").wait().unwrap();
        mega.remove_links(["/tree"]).wait().into_result().unwrap();

        mega.set_user_attribute("*!a", "x").wait().unwrap();
        mega.change_user_attribute("*!a", |_| Some("y".into()))
            .wait()
            .unwrap();
        let kept = mega.user_attribute("*!a").wait().unwrap();
        assert_eq!(kept.text(), Some("y"));
        mega.remove_user_attribute("*!a").wait().unwrap();
        assert!(mega.thumbnail("/tree/file").wait().unwrap().is_none());
        assert!(mega.preview("/tree/file").wait().unwrap().is_none());
        mega.set_thumbnail("/tree/file", vec![1; 100])
            .wait()
            .unwrap();
        mega.set_preview("/tree/file", vec![1; 100]).wait().unwrap();

        mega.invite("friend@example.com").wait().unwrap();
        mega.share("/tree", "friend@example.com").wait().unwrap();
        mega.unshare("/tree", "friend@example.com").wait().unwrap();
        mega.withdraw_invitation("friend@example.com")
            .wait()
            .unwrap();
        mega.exchange_share_keys().wait().unwrap();
        let nobody = mega.contact_fingerprint("nobody@example.com").wait();
        assert!(nobody.is_err());

        mega.quota().wait().unwrap();
        mega.sessions().wait().unwrap();
        mega.close_other_sessions().wait().unwrap();
        let saved = mega.save().unwrap();
        let file = local.join("session");
        saved.write_sealed_file(&file, "secret").wait().unwrap();
        let saved = SavedSession::read_sealed_file(&file, "secret");
        let saved = saved.wait().unwrap();
        mega.delete_all(["/to", "/tree"])
            .wait()
            .into_result()
            .unwrap();
        mega.restore_all(["/nothing"])
            .wait()
            .into_result()
            .unwrap_err();
        mega.trash_all(["/nothing"])
            .wait()
            .into_result()
            .unwrap_err();
        let builder = Client::builder().origin(&url);
        mega.close().wait();
        let mega = builder.resume(&saved).wait().unwrap();
        mega.sign_out().wait().unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn any_reader_can_be_uploaded_and_its_failure_makes_no_node() {
    /// Gives some bytes, then fails or panics.
    struct Breaking(usize, bool);
    impl Read for Breaking {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            let len = buffer.len().min(self.0);
            if len == 0 {
                assert!(!self.1, "a reader that panics");
                return Err(std::io::Error::other("the disk broke"));
            }
            self.0 -= len;
            Ok(len)
        }
    }
    program(|mega| {
        let bytes: Vec<u8> = (0..3_000_000_u32).map(|n| n as u8).collect();
        let source = Source::new(std::io::Cursor::new(bytes.clone()));
        mega.write_from("/big", source).wait().unwrap();
        assert!(mega.read("/big").wait().unwrap() == bytes);
        mega.write_from("/empty", Source::new(std::io::empty()))
            .wait()
            .unwrap();
        assert_eq!(mega.stat("/empty").wait().unwrap().size(), 0);
        for panics in [false, true] {
            let source = Source::new(Breaking(500_000, panics));
            let error = mega.write_from("/broken", source).wait().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Io, "{error}");
            assert!(!mega.exists("/broken").wait().unwrap());
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_are_made_and_kept_without_async() {
    let place = Place::new().await;
    let (builder, service) = (place.builder(), place.server.service().clone());
    let thread = std::thread::spawn(move || {
        let newest = || service.with_model(|model| model.mails().last().unwrap().link());
        let guest = builder.clone().create_ephemeral().wait().unwrap();
        let credentials = guest.ephemeral_credentials().unwrap();
        builder.clone().open_ephemeral(&credentials).wait().unwrap();
        let pending = builder.clone().register("new@example.com", PASSWORD, "Ann");
        pending.wait().unwrap().send_again().wait().unwrap();
        builder.clone().confirm(newest()).wait().unwrap();
        let login = |password: &str| {
            let credentials = Credentials::new("new@example.com", password);
            builder.clone().login(credentials).wait()
        };
        let mega = login(PASSWORD).unwrap();
        assert_eq!(mega.make_keys().wait().unwrap().len(), 7);
        mega.change_password("another").wait().unwrap();
        let key = mega.recovery_key().unwrap();
        builder
            .clone()
            .ask_for_recovery("new@example.com")
            .wait()
            .unwrap();
        builder
            .clone()
            .recover(newest(), &key, "third")
            .wait()
            .unwrap();
        login("third").unwrap();
    });
    while !thread.is_finished() {
        tokio::task::yield_now().await;
    }
    thread.join().unwrap();
}

#[tokio::test]
async fn waiting_inside_an_async_program_is_an_error_and_no_panic() {
    let place = Place::new().await;
    let mega = place.sign_in().await;
    mega.write("/x", "x").await.unwrap();
    let error = mega.read("/x").wait().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Misuse, "{error}");
    let many = mega.create_dirs(["/a", "/b"]).wait();
    assert_eq!(many.failures().count(), 1);
    assert!(many.successes().next().is_none());
    let mut listing = mega.list("/").stream().wait_iter();
    assert_eq!(
        listing.next().unwrap().unwrap_err().kind(),
        ErrorKind::Misuse
    );
    assert!(listing.next().is_none());
    let mut file = FileReader::new(mega.open("/x").await.unwrap());
    assert!(file.read(&mut [0; 4]).is_err());
    // In a thread of its own it works, with a client that was made here.
    let (client, (sender, receiver)) = (mega.clone(), tokio::sync::oneshot::channel());
    std::thread::spawn(move || sender.send(client.read("/x").wait().unwrap()));
    assert_eq!(receiver.await.unwrap(), "x");
}

//! What errors say: the operation, what it was done to, a kind to branch on. One row for each call that can fail.

use std::future::IntoFuture;
use std::io;

use mega_client::{
    AccessLevel, Bulk, Credentials, Error, ErrorKind, Fingerprint, NodeHandle, PictureLimits,
    Pictures, RcloneRemote, RecoveryKey, SavedSession, UserHandle,
};

use crate::fs_world::World;
use crate::place::EMAIL;

/// What a call gives when it fails.
trait Failure {
    fn failure(self) -> Option<Error>;
}

impl<T> Failure for Result<T, Error> {
    fn failure(self) -> Option<Error> {
        self.err()
    }
}

impl<T> Failure for Bulk<T> {
    fn failure(self) -> Option<Error> {
        self.into_result().err()
    }
}

/// Checks one failed call: operation, subject (`None` for calls about the account as a whole), kind.
struct Table(Vec<String>);

impl Table {
    fn row(
        &mut self,
        operation: &str,
        subject: Option<&str>,
        kind: ErrorKind,
        result: impl Failure,
    ) {
        let Some(error) = result.failure() else {
            self.0.push(format!("{operation} {subject:?}: no error"));
            return;
        };
        let said = (error.operation(), error.subject(), error.kind());
        if said != (Some(operation), subject, kind) {
            self.0.push(format!(
                "{operation} {subject:?} {kind:?}: {said:?}, {error}"
            ));
        }
        let text = error.to_string();
        let begin = match subject {
            Some(subject) => format!("{operation}: {subject}: "),
            None => format!("{operation}: "),
        };
        if !text.starts_with(&begin) || error.remedy().is_empty() {
            self.0.push(format!("{operation}: it says {text:?}"));
        }
        let io = io::Error::from(error);
        if io.kind() == io::ErrorKind::Interrupted || io.to_string() != text {
            self.0.push(format!("{operation}: {io:?}"));
        }
    }

    async fn call<C>(&mut self, operation: &str, subject: &str, kind: ErrorKind, call: C)
    where
        C: IntoFuture,
        C::Output: Failure,
    {
        self.row(operation, Some(subject), kind, call.await);
    }

    async fn account<C>(&mut self, operation: &str, kind: ErrorKind, call: C)
    where
        C: IntoFuture,
        C::Output: Failure,
    {
        self.row(operation, None, kind, call.await);
    }

    fn check(self) {
        assert!(self.0.is_empty(), "{:#?}", self.0);
    }
}

#[tokio::test]
async fn every_call_for_a_node_names_itself_the_node_and_a_kind() {
    use ErrorKind::{AlreadyExists, Ambiguous, IsADirectory, Misuse, NotADirectory, NotFound};
    let world = World::new().await;
    let mega = &world.mega;
    let local = tempfile::tempdir().unwrap();
    let here = local.path().join("here.txt");
    std::fs::write(&here, "content").unwrap();
    let absent = local.path().join("absent");
    let absent_text = absent.display().to_string();
    world.file("/dir/file.txt", "content").await;
    let mut table = Table(Vec::new());
    let gone = "/no/such";

    // Looking.
    table.call("stat", gone, NotFound, mega.stat(gone)).await;
    table.call("list", gone, NotFound, mega.list(gone)).await;
    table
        .call(
            "list",
            "/dir/file.txt",
            NotADirectory,
            mega.list("/dir/file.txt"),
        )
        .await;
    table
        .call("search", gone, NotFound, mega.search(gone))
        .await;
    table.call("usage", gone, NotFound, mega.usage(gone)).await;
    table
        .call("versions", gone, NotFound, mega.versions(gone))
        .await;
    table.row("view", Some(gone), NotFound, mega.view(gone));
    // Changing.
    table
        .call("rename", gone, NotFound, mega.rename(gone, "x"))
        .await;
    table
        .call("move", gone, NotFound, mega.move_to(gone, "/dir"))
        .await;
    table
        .call("move", gone, NotFound, mega.move_all([gone], "/dir"))
        .await;
    table
        .call("copy", gone, NotFound, mega.copy(gone, "/dir"))
        .await;
    table
        .call("edit", gone, NotFound, mega.edit(gone).favourite(true))
        .await;
    table
        .call(
            "edit",
            gone,
            NotFound,
            mega.edit_all([gone]).favourite(true),
        )
        .await;
    table
        .call("edit", gone, NotFound, mega.set_favourite(gone, true))
        .await;
    let epoch = std::time::SystemTime::UNIX_EPOCH;
    table
        .call("edit", gone, NotFound, mega.set_modified(gone, epoch))
        .await;
    table
        .call(
            "create folder",
            "/dir/file.txt/x",
            NotADirectory,
            mega.create_dir("/dir/file.txt/x"),
        )
        .await;
    table
        .call(
            "create folder",
            "/dir/file.txt/x",
            NotADirectory,
            mega.create_dirs(["/dir/file.txt/x"]),
        )
        .await;
    // Removing.
    table.call("trash", gone, NotFound, mega.trash(gone)).await;
    table
        .call("trash", gone, NotFound, mega.trash_all([gone]))
        .await;
    table
        .call("restore", gone, NotFound, mega.restore(gone))
        .await;
    table
        .call("restore", gone, NotFound, mega.restore_all([gone]))
        .await;
    table
        .call("delete", gone, NotFound, mega.delete(gone))
        .await;
    table
        .call("delete", gone, NotFound, mega.delete_all([gone]))
        .await;
    table.call("trash", gone, NotFound, mega.remove(gone)).await;
    table
        .call("remove folder", gone, NotFound, mega.remove_dir(gone))
        .await;
    table
        .call(
            "remove folder",
            "/dir",
            ErrorKind::NotEmpty,
            mega.remove_dir("/dir"),
        )
        .await;
    table
        .call(
            "restore version",
            gone,
            NotFound,
            mega.restore_version(gone),
        )
        .await;
    table
        .call(
            "restore version",
            "/dir/file.txt",
            Misuse,
            mega.restore_version("/dir/file.txt"),
        )
        .await;
    table
        .call("delete version", gone, NotFound, mega.delete_version(gone))
        .await;
    table
        .call(
            "delete versions",
            gone,
            NotFound,
            mega.delete_versions(gone),
        )
        .await;
    // Content.
    table.call("read", gone, NotFound, mega.read(gone)).await;
    table
        .call("read", "/dir", IsADirectory, mega.read("/dir"))
        .await;
    table
        .call("read", gone, NotFound, mega.read(gone).range(0..1))
        .await;
    table
        .call(
            "read",
            "/dir/file.txt",
            Misuse,
            mega.read("/dir/file.txt").range(9..),
        )
        .await;
    table
        .call("read", gone, NotFound, mega.read(gone).last(1))
        .await;
    table.call("open", gone, NotFound, mega.open(gone)).await;
    table
        .call("download", gone, NotFound, mega.download(gone, &absent))
        .await;
    table
        .call(
            "download folder",
            gone,
            NotFound,
            mega.download_folder(gone, &absent),
        )
        .await;
    table
        .call("verify", gone, NotFound, mega.verify(&here, gone))
        .await;
    table
        .call("verify", "/dir", IsADirectory, mega.verify(&here, "/dir"))
        .await;
    table
        .call(
            "verify",
            &absent_text,
            NotFound,
            mega.verify(&absent, "/dir/file.txt"),
        )
        .await;
    table
        .call("upload", &absent_text, NotFound, mega.upload(&absent, "/x"))
        .await;
    table
        .call(
            "upload folder",
            &absent_text,
            NotFound,
            mega.upload_folder(&absent, "/x"),
        )
        .await;
    let into = "/dir/file.txt/x";
    table
        .call("upload", into, NotADirectory, mega.write(into, "x"))
        .await;
    table
        .call(
            "upload",
            into,
            NotADirectory,
            mega.write_from(into, &b"x"[..]),
        )
        .await;
    table
        .call("write", into, NotADirectory, mega.writer(into))
        .await;
    let once = mega_client::OnConflict::Fail;
    let taken = mega.write("/dir/file.txt", "x").on_conflict(once);
    table
        .call("upload", "/dir/file.txt", AlreadyExists, taken)
        .await;
    // Pictures.
    table
        .call("thumbnail", gone, NotFound, mega.thumbnail(gone))
        .await;
    table
        .call("preview", gone, NotFound, mega.preview(gone))
        .await;
    table
        .call(
            "set thumbnail",
            gone,
            NotFound,
            mega.set_thumbnail(gone, "x"),
        )
        .await;
    table
        .call(
            "set preview",
            "/dir/file.txt",
            Misuse,
            mega.set_preview("/dir/file.txt", ""),
        )
        .await;
    // Many at once, and for other people.
    table
        .call("dedupe", gone, NotFound, mega.dedupe(gone))
        .await;
    table
        .call("dedupe", gone, NotFound, mega.merge_folders(gone))
        .await;
    table
        .call(
            "repair",
            &absent_text,
            NotFound,
            mega.repair(&absent, "/dir"),
        )
        .await;
    table
        .call("repair keys", gone, NotFound, mega.repair_keys(gone))
        .await;
    table.call("link", gone, NotFound, mega.link(gone)).await;
    table
        .call("link", gone, NotFound, mega.link_all([gone]))
        .await;
    table
        .call("remove link", gone, NotFound, mega.remove_link(gone))
        .await;
    table
        .call("remove link", gone, NotFound, mega.remove_links([gone]))
        .await;
    table
        .call(
            "share",
            gone,
            NotFound,
            mega.share(gone, "ann@example.com")
                .access(AccessLevel::Read),
        )
        .await;
    table
        .call(
            "unshare",
            gone,
            NotFound,
            mega.unshare(gone, "ann@example.com"),
        )
        .await;
    table
        .call(
            "unshare",
            "/dir",
            NotFound,
            mega.unshare("/dir", "ann@example.com"),
        )
        .await;
    let link = mega.link("/dir").await.unwrap();
    let other = world.place.builder().open_link(link.url()).await.unwrap();
    table
        .call(
            "import",
            gone,
            NotFound,
            mega.import(&other, "/").only(gone),
        )
        .await;
    // A handle is named as it is written.
    let nobody = NodeHandle::from_bytes([0xFE, 1, 2, 3, 4, 5]);
    let text = nobody.to_string();
    table.call("stat", &text, NotFound, mega.stat(nobody)).await;
    table.call("read", &text, NotFound, mega.read(nobody)).await;
    table
        .call("delete", &text, NotFound, mega.delete(nobody))
        .await;
    // Twins: the handles are in the text.
    let twin = mega
        .write("/dir/file.txt", "x")
        .on_conflict(mega_client::OnConflict::Duplicate);
    twin.await.unwrap();
    let ambiguous = mega.read("/dir/file.txt").await;
    assert_eq!(ambiguous.as_ref().unwrap_err().handles().len(), 2);
    table.row("read", Some("/dir/file.txt"), Ambiguous, ambiguous);
    table.check();
}

#[tokio::test]
async fn ls_9_every_call_that_takes_a_path_refuses_two_dots_and_names_the_path() {
    use ErrorKind::Misuse;
    let world = World::new().await;
    let mega = &world.mega;
    world.file("/dir/file.txt", "content").await;
    let local = tempfile::tempdir().unwrap();
    let here = local.path().join("here.txt");
    std::fs::write(&here, "content").unwrap();
    let up = "/dir/../dir/file.txt";
    let mut table = Table(Vec::new());
    for mega in [mega, &mega.view("/dir").unwrap()] {
        table.call("stat", up, Misuse, mega.stat(up)).await;
        table.call("exists", up, Misuse, mega.exists(up)).await;
        table.row("find", Some(up), Misuse, mega.find_all(up));
        table.call("list", up, Misuse, mega.list(up)).await;
        table.call("search", up, Misuse, mega.search(up)).await;
        table.call("usage", up, Misuse, mega.usage(up)).await;
        table.call("versions", up, Misuse, mega.versions(up)).await;
        table.row("view", Some(up), Misuse, mega.view(up));
        table.call("rename", up, Misuse, mega.rename(up, "x")).await;
        table.call("move", up, Misuse, mega.move_to(up, "/")).await;
        table.call("copy", up, Misuse, mega.copy(up, "/")).await;
        table
            .call("edit", up, Misuse, mega.set_favourite(up, true))
            .await;
        table
            .call("create folder", up, Misuse, mega.create_dir(up))
            .await;
        table
            .call("create folder", up, Misuse, mega.create_dirs([up]))
            .await;
        table.call("trash", up, Misuse, mega.trash(up)).await;
        table.call("delete", up, Misuse, mega.delete(up)).await;
        table
            .call("remove folder", up, Misuse, mega.remove_dir(up))
            .await;
        table
            .call("delete versions", up, Misuse, mega.delete_versions(up))
            .await;
        table.call("read", up, Misuse, mega.read(up)).await;
        table.call("open", up, Misuse, mega.open(up)).await;
        table
            .call(
                "download",
                up,
                Misuse,
                mega.download(up, local.path().join("x")),
            )
            .await;
        table
            .call(
                "download folder",
                up,
                Misuse,
                mega.download_folder(up, local.path().join("x")),
            )
            .await;
        table
            .call("verify", up, Misuse, mega.verify(&here, up))
            .await;
        table.call("upload", up, Misuse, mega.write(up, "x")).await;
        table.call("write", up, Misuse, mega.writer(up)).await;
        table
            .call(
                "upload folder",
                up,
                Misuse,
                mega.upload_folder(local.path(), up),
            )
            .await;
        table
            .call("thumbnail", up, Misuse, mega.thumbnail(up))
            .await;
        table.call("dedupe", up, Misuse, mega.dedupe(up)).await;
        table
            .call("repair keys", up, Misuse, mega.repair_keys(up))
            .await;
        table.call("link", up, Misuse, mega.link(up)).await;
        table
            .call("remove link", up, Misuse, mega.remove_link(up))
            .await;
        table
            .call("share", up, Misuse, mega.share(up, "ann@example.com"))
            .await;
        table
            .call("unshare", up, Misuse, mega.unshare(up, "ann@example.com"))
            .await;
    }
    // Where two places are named, the one that is wrong.
    table
        .call("move", up, Misuse, mega.move_to("/dir/file.txt", up))
        .await;
    table
        .call("copy", up, Misuse, mega.copy("/dir/file.txt", up))
        .await;
    table.check();
    assert_eq!(world.paths().await, ["/dir", "/dir/file.txt"]);
}

#[tokio::test]
async fn every_call_about_people_names_the_person_as_the_caller_did() {
    use ErrorKind::{AlreadyExists, Key, NotFound};
    let world = World::new().await;
    let mega = &world.mega;
    let ann = "ann@example.com";
    let friend = world.person(ann).await;
    let mut table = Table(Vec::new());
    table
        .call(
            "withdraw invitation",
            ann,
            NotFound,
            mega.withdraw_invitation(ann),
        )
        .await;
    mega.invite(ann).await.unwrap();
    table
        .call(
            "invite",
            ann,
            AlreadyExists,
            mega.invite(format!(" {ann} ")),
        )
        .await;
    let number = mega.sent_invitations()[0].handle;
    let text = number.to_string();
    // Only the other one can answer it.
    table.row(
        "accept invitation",
        Some(&text),
        NotFound,
        mega.accept_invitation(number).await,
    );
    table.row(
        "decline invitation",
        Some(&text),
        NotFound,
        mega.decline_invitation(number).await,
    );
    table
        .call("remove contact", ann, NotFound, mega.remove_contact(ann))
        .await;
    let nobody = UserHandle::from_bytes([9; 8]);
    let text = nobody.to_string();
    table
        .call(
            "remove contact",
            &text,
            NotFound,
            mega.remove_contact(nobody),
        )
        .await;
    table
        .call(
            "contact fingerprint",
            ann,
            NotFound,
            mega.contact_fingerprint(ann),
        )
        .await;
    table
        .call(
            "confirm contact",
            ann,
            NotFound,
            mega.confirm_contact(ann, "00"),
        )
        .await;
    friend.refresh().await.unwrap();
    friend.accept_invitation(number).await.unwrap();
    mega.refresh().await.unwrap();
    table
        .call("confirm contact", ann, Key, mega.confirm_contact(ann, "00"))
        .await;
    table.check();
}

#[tokio::test]
async fn every_call_about_the_account_names_itself_and_a_kind() {
    use ErrorKind::{BadCredentials, Misuse, NotFound, Unsupported};
    let world = World::new().await;
    let mega = &world.mega;
    mega.write("/public/a.txt", "a").await.unwrap();
    let link = mega.link("/public").await.unwrap();
    let visitor = world.place.builder().open_link(link.url()).await.unwrap();
    let view = mega.view("/public").unwrap();
    let builder = || world.place.builder();
    let mut table = Table(Vec::new());

    // A public link has no account.
    table.row("save session", None, Unsupported, visitor.save());
    table
        .account("list sessions", Unsupported, visitor.sessions())
        .await;
    table
        .account("close sessions", Unsupported, visitor.close_sessions(&[]))
        .await;
    table
        .account(
            "close other sessions",
            Unsupported,
            visitor.close_other_sessions(),
        )
        .await;
    table.account("quota", Unsupported, visitor.quota()).await;
    table
        .account(
            "empty rubbish bin",
            Unsupported,
            visitor.empty_rubbish_bin(),
        )
        .await;
    table
        .account(
            "delete all versions",
            Unsupported,
            visitor.delete_all_versions(),
        )
        .await;
    table
        .account(
            "exchange share keys",
            Unsupported,
            visitor.exchange_share_keys(),
        )
        .await;
    table
        .account("make keys", Unsupported, visitor.make_keys())
        .await;
    table.row(
        "export recovery key",
        None,
        Unsupported,
        visitor.recovery_key(),
    );
    table
        .account(
            "change password",
            Unsupported,
            visitor.change_password("new"),
        )
        .await;
    table.row(
        "look up",
        Some("rubbish bin"),
        NotFound,
        visitor.rubbish_bin(),
    );
    table.row("look up", Some("vault"), NotFound, view.vault());
    table
        .account("empty rubbish bin", Unsupported, view.empty_rubbish_bin())
        .await;
    table
        .call(
            "user attribute",
            "*!x",
            Unsupported,
            visitor.user_attribute("*!x"),
        )
        .await;
    table
        .call(
            "set user attribute",
            "*!x",
            Unsupported,
            visitor.set_user_attribute("*!x", "x"),
        )
        .await;
    table
        .call(
            "remove user attribute",
            "*!x",
            Unsupported,
            visitor.remove_user_attribute("*!x"),
        )
        .await;
    table
        .call(
            "change user attribute",
            "*!x",
            Unsupported,
            visitor.change_user_attribute("*!x", |_| None),
        )
        .await;
    table
        .call(
            "user attribute",
            "*!x",
            NotFound,
            mega.user_attribute("*!x"),
        )
        .await;

    // Getting in.
    let wrong = Credentials::new(EMAIL, "wrong");
    table
        .account("sign in", BadCredentials, builder().login(wrong))
        .await;
    let change = mega.change_password("battery staple").current("wrong");
    table
        .account("change password", BadCredentials, change)
        .await;
    table
        .account(
            "open link",
            ErrorKind::InvalidLink,
            builder().open_link("no link"),
        )
        .await;
    table
        .account(
            "register",
            ErrorKind::AlreadyExists,
            builder().register(EMAIL, "p", "Ann"),
        )
        .await;
    table
        .account(
            "confirm registration",
            ErrorKind::InvalidLink,
            builder().confirm("no link"),
        )
        .await;
    table
        .account(
            "ask for recovery",
            NotFound,
            builder().ask_for_recovery("no@example.com"),
        )
        .await;
    let key: RecoveryKey = mega.recovery_key().unwrap();
    table
        .account(
            "recover",
            ErrorKind::InvalidLink,
            builder().recover("x", &key, "p"),
        )
        .await;
    let saved = mega.save().unwrap();

    // Files of ours.
    let folder = tempfile::tempdir().unwrap();
    let absent = folder.path().join("no/such");
    let text = absent.display().to_string();
    table
        .call(
            "read session",
            &text,
            NotFound,
            SavedSession::read_file(&absent),
        )
        .await;
    table
        .call(
            "read session",
            &text,
            NotFound,
            SavedSession::read_sealed_file(&absent, "p"),
        )
        .await;
    table
        .call("save session", &text, NotFound, saved.write_file(&absent))
        .await;
    table
        .call(
            "save session",
            &text,
            NotFound,
            saved.write_sealed_file(&absent, "p"),
        )
        .await;
    table.account("seal session", Misuse, saved.seal("")).await;
    table
        .account("unseal session", Misuse, SavedSession::unseal("x", "p"))
        .await;
    let other = folder.path().join("other");
    std::fs::write(&other, "nothing of ours").unwrap();
    let text = other.display().to_string();
    table
        .call(
            "read session",
            &text,
            Misuse,
            SavedSession::read_file(&other),
        )
        .await;
    table
        .call(
            "unseal session",
            &text,
            Misuse,
            SavedSession::read_sealed_file(&other, "p"),
        )
        .await;
    table
        .call(
            "read configuration",
            "cloud",
            NotFound,
            RcloneRemote::read(&other, "cloud"),
        )
        .await;
    let text = absent.display().to_string();
    table
        .call(
            "fingerprint",
            &text,
            NotFound,
            Fingerprint::of_file(&absent),
        )
        .await;
    table
        .account(
            "make pictures",
            Unsupported,
            Pictures::make("x", PictureLimits::default()),
        )
        .await;

    // A session that was closed.
    mega.sign_out().await.unwrap();
    table
        .account(
            "resume",
            ErrorKind::SessionExpired,
            builder().resume(&saved),
        )
        .await;
    table.check();
}

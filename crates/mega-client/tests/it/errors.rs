//! What errors say: the operation, what it was done to, a kind to branch on. One row for each call that can fail.

use std::future::ready;
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

/// What is wrong with the errors that were looked at.
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

    fn check(self) {
        assert!(self.0.is_empty(), "{:#?}", self.0);
    }
}

/// Rows of a table: `operation of subject => kind: call`, without a subject for calls about the account as a whole.
macro_rules! rows {
    ($table:ident; $($operation:literal $(of $subject:expr)? => $kind:path: $call:expr;)*) => {$(
        let subject: Option<&str> = None $(.or(Some($subject)))?;
        $table.row($operation, subject, $kind, $call.await);
    )*};
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
    rows! { table;
        "stat" of gone => NotFound: mega.stat(gone);
        "list" of gone => NotFound: mega.list(gone);
        "list" of "/dir/file.txt" => NotADirectory: mega.list("/dir/file.txt");
        "search" of gone => NotFound: mega.search(gone);
        "usage" of gone => NotFound: mega.usage(gone);
        "versions" of gone => NotFound: mega.versions(gone);
        "view" of gone => NotFound: ready(mega.view(gone));
        // Changing.
        "rename" of gone => NotFound: mega.rename(gone, "x");
        "move" of gone => NotFound: mega.move_to(gone, "/dir");
        "move" of gone => NotFound: mega.move_all([gone], "/dir");
        "copy" of gone => NotFound: mega.copy(gone, "/dir");
        "edit" of gone => NotFound: mega.edit(gone).favourite(true);
        "edit" of gone => NotFound: mega.edit_all([gone]).favourite(true);
        "edit" of gone => NotFound: mega.set_favourite(gone, true);
    }
    let epoch = std::time::SystemTime::UNIX_EPOCH;
    rows! { table;
        "edit" of gone => NotFound: mega.set_modified(gone, epoch);
        "create folder" of "/dir/file.txt/x" => NotADirectory: mega.create_dir("/dir/file.txt/x");
        "create folder" of "/dir/file.txt/x" => NotADirectory: mega.create_dirs(["/dir/file.txt/x"]);
        // Removing.
        "trash" of gone => NotFound: mega.trash(gone);
        "trash" of gone => NotFound: mega.trash_all([gone]);
        "restore" of gone => NotFound: mega.restore(gone);
        "restore" of gone => NotFound: mega.restore_all([gone]);
        "delete" of gone => NotFound: mega.delete(gone);
        "delete" of gone => NotFound: mega.delete_all([gone]);
        "trash" of gone => NotFound: mega.remove(gone);
        "remove folder" of gone => NotFound: mega.remove_dir(gone);
        "remove folder" of "/dir" => ErrorKind::NotEmpty: mega.remove_dir("/dir");
        "restore version" of gone => NotFound: mega.restore_version(gone);
        "restore version" of "/dir/file.txt" => Misuse: mega.restore_version("/dir/file.txt");
        "delete version" of gone => NotFound: mega.delete_version(gone);
        "delete versions" of gone => NotFound: mega.delete_versions(gone);
        // Content.
        "read" of gone => NotFound: mega.read(gone);
        "read" of "/dir" => IsADirectory: mega.read("/dir");
        "read" of gone => NotFound: mega.read(gone).range(0..1);
        "read" of "/dir/file.txt" => Misuse: mega.read("/dir/file.txt").range(9..);
        "read" of gone => NotFound: mega.read(gone).last(1);
        "open" of gone => NotFound: mega.open(gone);
        "download" of gone => NotFound: mega.download(gone, &absent);
        "download folder" of gone => NotFound: mega.download_folder(gone, &absent);
        "verify" of gone => NotFound: mega.verify(&here, gone);
        "verify" of "/dir" => IsADirectory: mega.verify(&here, "/dir");
        "verify" of &absent_text => NotFound: mega.verify(&absent, "/dir/file.txt");
        "upload" of &absent_text => NotFound: mega.upload(&absent, "/x");
        "upload folder" of &absent_text => NotFound: mega.upload_folder(&absent, "/x");
    }
    let into = "/dir/file.txt/x";
    rows! { table;
        "upload" of into => NotADirectory: mega.write(into, "x");
        "upload" of into => NotADirectory: mega.write_from(into, &b"x"[..]);
        "write" of into => NotADirectory: mega.writer(into);
    }
    let once = mega_client::OnConflict::Fail;
    let taken = mega.write("/dir/file.txt", "x").on_conflict(once);
    rows! { table;
        "upload" of "/dir/file.txt" => AlreadyExists: taken;
        // Pictures.
        "thumbnail" of gone => NotFound: mega.thumbnail(gone);
        "preview" of gone => NotFound: mega.preview(gone);
        "set thumbnail" of gone => NotFound: mega.set_thumbnail(gone, "x");
        "set preview" of "/dir/file.txt" => Misuse: mega.set_preview("/dir/file.txt", "");
        // Many at once, and for other people.
        "dedupe" of gone => NotFound: mega.dedupe(gone);
        "dedupe" of gone => NotFound: mega.merge_folders(gone);
        "repair" of &absent_text => NotFound: mega.repair(&absent, "/dir");
        "repair keys" of gone => NotFound: mega.repair_keys(gone);
        "link" of gone => NotFound: mega.link(gone);
        "link" of gone => NotFound: mega.link_all([gone]);
        "remove link" of gone => NotFound: mega.remove_link(gone);
        "remove link" of gone => NotFound: mega.remove_links([gone]);
        "share" of gone => NotFound: mega.share(gone, "ann@example.com").access(AccessLevel::Read);
        "unshare" of gone => NotFound: mega.unshare(gone, "ann@example.com");
        "unshare" of "/dir" => NotFound: mega.unshare("/dir", "ann@example.com");
    }
    let link = mega.link("/dir").await.unwrap();
    let other = world.place.builder().open_link(link.url()).await.unwrap();
    rows! { table;
        "import" of gone => NotFound: mega.import(&other, "/").only(gone);
    }
    // A handle is named as it is written.
    let nobody = NodeHandle::from_bytes([0xFE, 1, 2, 3, 4, 5]);
    let text = nobody.to_string();
    rows! { table;
        "stat" of &text => NotFound: mega.stat(nobody);
        "read" of &text => NotFound: mega.read(nobody);
        "delete" of &text => NotFound: mega.delete(nobody);
    }
    // Twins: the handles are in the text.
    let twin = mega
        .write("/dir/file.txt", "x")
        .on_conflict(mega_client::OnConflict::Duplicate);
    twin.await.unwrap();
    let ambiguous = mega.read("/dir/file.txt").await;
    assert_eq!(ambiguous.as_ref().unwrap_err().handles().len(), 2);
    rows! { table;
        "read" of "/dir/file.txt" => Ambiguous: ready(ambiguous);
    }
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
        rows! { table;
            "stat" of up => Misuse: mega.stat(up);
            "exists" of up => Misuse: mega.exists(up);
            "find" of up => Misuse: ready(mega.find_all(up));
            "list" of up => Misuse: mega.list(up);
            "search" of up => Misuse: mega.search(up);
            "usage" of up => Misuse: mega.usage(up);
            "versions" of up => Misuse: mega.versions(up);
            "view" of up => Misuse: ready(mega.view(up));
            "rename" of up => Misuse: mega.rename(up, "x");
            "move" of up => Misuse: mega.move_to(up, "/");
            "copy" of up => Misuse: mega.copy(up, "/");
            "edit" of up => Misuse: mega.set_favourite(up, true);
            "create folder" of up => Misuse: mega.create_dir(up);
            "create folder" of up => Misuse: mega.create_dirs([up]);
            "trash" of up => Misuse: mega.trash(up);
            "delete" of up => Misuse: mega.delete(up);
            "remove folder" of up => Misuse: mega.remove_dir(up);
            "delete versions" of up => Misuse: mega.delete_versions(up);
            "read" of up => Misuse: mega.read(up);
            "open" of up => Misuse: mega.open(up);
            "download" of up => Misuse: mega.download(up, local.path().join("x"));
            "download folder" of up => Misuse: mega.download_folder(up, local.path().join("x"));
            "verify" of up => Misuse: mega.verify(&here, up);
            "upload" of up => Misuse: mega.write(up, "x");
            "write" of up => Misuse: mega.writer(up);
            "upload folder" of up => Misuse: mega.upload_folder(local.path(), up);
            "thumbnail" of up => Misuse: mega.thumbnail(up);
            "dedupe" of up => Misuse: mega.dedupe(up);
            "repair keys" of up => Misuse: mega.repair_keys(up);
            "link" of up => Misuse: mega.link(up);
            "remove link" of up => Misuse: mega.remove_link(up);
            "share" of up => Misuse: mega.share(up, "ann@example.com");
            "unshare" of up => Misuse: mega.unshare(up, "ann@example.com");
        }
    }
    // Where two places are named, the one that is wrong.
    rows! { table;
        "move" of up => Misuse: mega.move_to("/dir/file.txt", up);
        "copy" of up => Misuse: mega.copy("/dir/file.txt", up);
    }
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
    rows! { table;
        "withdraw invitation" of ann => NotFound: mega.withdraw_invitation(ann);
    }
    mega.invite(ann).await.unwrap();
    rows! { table;
        "invite" of ann => AlreadyExists: mega.invite(format!(" {ann} "));
    }
    let number = mega.sent_invitations()[0].handle;
    let text = number.to_string();
    // Only the other one can answer it.
    rows! { table;
        "accept invitation" of &text => NotFound: ready(mega.accept_invitation(number).await);
        "decline invitation" of &text => NotFound: ready(mega.decline_invitation(number).await);
        "remove contact" of ann => NotFound: mega.remove_contact(ann);
    }
    let nobody = UserHandle::from_bytes([9; 8]);
    let text = nobody.to_string();
    rows! { table;
        "remove contact" of &text => NotFound: mega.remove_contact(nobody);
        "contact fingerprint" of ann => NotFound: mega.contact_fingerprint(ann);
        "confirm contact" of ann => NotFound: mega.confirm_contact(ann, "00");
    }
    friend.refresh().await.unwrap();
    friend.accept_invitation(number).await.unwrap();
    mega.refresh().await.unwrap();
    rows! { table;
        "confirm contact" of ann => Key: mega.confirm_contact(ann, "00");
    }
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
    rows! { table;
        "save session" => Unsupported: ready(visitor.save());
        "list sessions" => Unsupported: visitor.sessions();
        "close sessions" => Unsupported: visitor.close_sessions(&[]);
        "close other sessions" => Unsupported: visitor.close_other_sessions();
        "quota" => Unsupported: visitor.quota();
        "empty rubbish bin" => Unsupported: visitor.empty_rubbish_bin();
        "delete all versions" => Unsupported: visitor.delete_all_versions();
        "exchange share keys" => Unsupported: visitor.exchange_share_keys();
        "make keys" => Unsupported: visitor.make_keys();
        "export recovery key" => Unsupported: ready(visitor.recovery_key());
        "change password" => Unsupported: visitor.change_password("new");
        "look up" of "rubbish bin" => NotFound: ready(visitor.rubbish_bin());
        "look up" of "vault" => NotFound: ready(view.vault());
        "empty rubbish bin" => Unsupported: view.empty_rubbish_bin();
        "user attribute" of "*!x" => Unsupported: visitor.user_attribute("*!x");
        "set user attribute" of "*!x" => Unsupported: visitor.set_user_attribute("*!x", "x");
        "remove user attribute" of "*!x" => Unsupported: visitor.remove_user_attribute("*!x");
        "change user attribute" of "*!x" => Unsupported: visitor.change_user_attribute("*!x", |_| None);
        "user attribute" of "*!x" => NotFound: mega.user_attribute("*!x");
    }

    // Getting in.
    let wrong = Credentials::new(EMAIL, "wrong");
    rows! { table;
        "sign in" => BadCredentials: builder().login(wrong);
    }
    let change = mega.change_password("battery staple").current("wrong");
    rows! { table;
        "change password" => BadCredentials: change;
        "open link" => ErrorKind::InvalidLink: builder().open_link("no link");
        "register" => ErrorKind::AlreadyExists: builder().register(EMAIL, "p", "Ann");
        "confirm registration" => ErrorKind::InvalidLink: builder().confirm("no link");
        "ask for recovery" => NotFound: builder().ask_for_recovery("no@example.com");
    }
    let key: RecoveryKey = mega.recovery_key().unwrap();
    rows! { table;
        "recover" => ErrorKind::InvalidLink: builder().recover("x", &key, "p");
    }
    let saved = mega.save().unwrap();

    // Files of ours.
    let folder = tempfile::tempdir().unwrap();
    let absent = folder.path().join("no/such");
    let text = absent.display().to_string();
    rows! { table;
        "read session" of &text => NotFound: SavedSession::read_file(&absent);
        "read session" of &text => NotFound: SavedSession::read_sealed_file(&absent, "p");
        "save session" of &text => NotFound: saved.write_file(&absent);
        "save session" of &text => NotFound: saved.write_sealed_file(&absent, "p");
        "seal session" => Misuse: saved.seal("");
        "unseal session" => Misuse: SavedSession::unseal("x", "p");
    }
    let other = folder.path().join("other");
    std::fs::write(&other, "nothing of ours").unwrap();
    let text = other.display().to_string();
    rows! { table;
        "read session" of &text => Misuse: SavedSession::read_file(&other);
        "unseal session" of &text => Misuse: SavedSession::read_sealed_file(&other, "p");
        "read configuration" of "cloud" => NotFound: RcloneRemote::read(&other, "cloud");
    }
    let text = absent.display().to_string();
    rows! { table;
        "fingerprint" of &text => NotFound: Fingerprint::of_file(&absent);
        "make pictures" => Unsupported: Pictures::make("x", PictureLimits::default());
    }

    // A session that was closed.
    mega.sign_out().await.unwrap();
    rows! { table;
        "resume" => ErrorKind::SessionExpired: builder().resume(&saved);
    }
    table.check();
}

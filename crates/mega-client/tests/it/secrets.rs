//! SEC-7: nothing that is secret is printed, at any level of detail.

use std::cell::Cell;
use std::fmt::{Debug, Write as _};
use std::sync::{Arc, Mutex, Once, PoisonError};

use mega_client::{Credentials, ErrorKind, LoginGuard, SecondFactor};
use mega_testserver::wire::b64;
use mega_testserver::{Fault, Lane};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use crate::memory::Memory;
use crate::place::EMAIL;

/// Keeps every event and span with all of its fields.
#[derive(Clone, Default)]
struct Everything(Arc<Mutex<String>>);

impl Everything {
    fn add(&self, text: &str) {
        self.0.lock().unwrap().push_str(text);
    }
}

struct Writer<'a>(&'a Everything);

impl Visit for Writer<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.add(&format!("{field}={value:?} "));
    }
}

impl Everything {
    /// Listens on this thread until both are dropped.
    ///
    /// Where there is one listener only, a line that is reached for the first time on the thread of another test, which has none, is never looked at again.
    /// A second one keeps it from that.
    fn listen(&self) -> (tracing::Dispatch, tracing::subscriber::DefaultGuard) {
        let second = tracing::Dispatch::new(Self::default());
        (second, tracing::subscriber::set_default(self.clone()))
    }
}

impl Subscriber for Everything {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }
    fn new_span(&self, span: &Attributes<'_>) -> Id {
        span.record(&mut Writer(self));
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, values: &Record<'_>) {
        values.record(&mut Writer(self));
    }
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, event: &Event<'_>) {
        event.record(&mut Writer(self));
        self.add("\n");
    }
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

thread_local! {
    /// Whether a panic of this thread is meant, and kept instead of printed.
    static MEANT: Cell<bool> = const { Cell::new(false) };
}

static PANICS: Mutex<String> = Mutex::new(String::new());

/// Keeps what meant panics say, backtraces included. Other tests of this process go on as they were.
fn keep_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if MEANT.get() {
                let said = format!("{panic}\n{}\n", std::backtrace::Backtrace::force_capture());
                PANICS
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push_str(&said);
            } else {
                usual(panic);
            }
        }));
    });
}

/// Panics as programs do, and keeps what is said then.
fn panic_with(work: impl FnOnce()) {
    keep_panics();
    MEANT.set(true);
    let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
    MEANT.set(false);
    assert!(ended.is_err(), "it was to panic");
}

/// The error with all of its causes, in both forms, and as a panic shows it.
fn print(printed: &Everything, error: &mega_client::Error) {
    let mut text = format!("{error}\n{error:?}\n{error:#?}\n");
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        let _ = writeln!(text, "{error}\n{error:?}");
        cause = error.source();
    }
    printed.add(&text);
    // As `unwrap` and `expect` word it.
    panic_with(|| panic!("called `Result::unwrap()` on an `Err` value: {error:?}"));
    panic_with(|| panic!("a program that gives up: {error:#?} {error}"));
}

#[tokio::test(start_paused = true)]
async fn inv_9_sec_4_sec_7_no_secret_is_in_any_log_error_or_debug_output_of_a_full_run() {
    const CANARY: &str = "canary-password-93716";
    const TOTP: &str = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP";
    let printed = Everything::default();
    let _logging = printed.listen();
    let memory = Memory::new();
    let account = memory
        .service
        .account(EMAIL, CANARY)
        .second_factor(TOTP)
        .create();
    let folder = tempfile::tempdir().unwrap();
    let guard = LoginGuard::in_folder(folder.path());
    let credentials = Credentials::new(EMAIL, CANARY).second_factor(SecondFactor::secret(TOTP));
    let builder = memory
        .builder()
        .login_guard(guard.clone())
        .renew_with(credentials.clone());
    printed.add(&format!("{credentials:?} {guard:?} {builder:?}"));
    let mega = builder.clone().login(credentials.clone()).await.unwrap();
    let saved = mega.save().unwrap();
    printed.add(&format!("{mega:?} {saved:?}"));

    // Operations, and each of them once more against every kind of failure.
    let node = mega.write("/plain-name.txt", "content").await.unwrap();
    mega.create_dir("/folder").await.unwrap();
    let link = mega.link(&node).await.unwrap();
    printed.add(&format!(
        "{node:?} {link:?} {:?}",
        mega.sessions().await.unwrap()
    ));
    let faults = || {
        [
            Fault::lane(Lane::Api).code(-11),
            Fault::lane(Lane::Api).batch(-15),
            Fault::lane(Lane::Api).status(418).times(2),
            Fault::lane(Lane::Api).lose_reply().times(3),
            Fault::lane(Lane::Api).body("<html>sid</html>").times(3),
            Fault::lane(Lane::Api).truncate_at(9).times(3),
            Fault::lane(Lane::Download).corrupt_at(2).always(),
            Fault::lane(Lane::Upload).code(-3).always(),
            Fault::lane(Lane::Events)
                .body("{\"a\":[{\"a\":\"t\"}]}")
                .times(2),
        ]
    };
    let mut failures = 0;
    for fault in faults() {
        for operation in 0..6 {
            memory.service.faults().clear();
            memory.service.faults().add(fault.clone());
            let result = match operation {
                0 => mega.write("/other.txt", "more").await.map(drop),
                1 => mega.read("/plain-name.txt").await.map(drop),
                2 => mega
                    .create_dir(format!("/folder/{failures}"))
                    .await
                    .map(drop),
                3 => mega.copy("/plain-name.txt", "/folder").await.map(drop),
                4 => mega.link("/plain-name.txt").await.map(drop),
                _ => builder.clone().resume(&saved).await.map(drop),
            };
            if let Err(error) = result {
                failures += 1;
                print(&printed, &error);
            }
        }
    }
    assert!(failures > 10, "{failures} failures");
    memory.service.faults().clear();
    for wrong in [
        "https://mega.nz/file/aaaaaaaa#canary-in-a-link",
        "canary-in-a-link",
    ] {
        let error = builder.clone().open_link(wrong).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidLink);
        print(&printed, &error);
    }
    let error = builder
        .clone()
        .login(Credentials::new(EMAIL, "canary-wrong-password"))
        .await;
    print(&printed, &error.unwrap_err());

    // A person's answer that panics, in the middle of a sign-in.
    let stumbles = SecondFactor::ask(|| {
        keep_panics();
        MEANT.set(true);
        panic!("the person stumbles")
    });
    let login = Credentials::new(EMAIL, CANARY).second_factor(stumbles);
    print(&printed, &memory.builder().login(login).await.unwrap_err());
    // Values that programs hold when they panic.
    let recovery = mega.recovery_key().unwrap();
    let held = (&mega, &saved, &credentials, &recovery, &builder, &guard);
    panic_with(|| panic!("{held:?}"));
    panic_with(|| assert_eq!(format!("{held:?}"), "nothing"));

    // Passwords, registrations and recoveries, and their failures.
    let change = mega.change_password(" canary ").current(CANARY);
    printed.add(&format!("{change:?}"));
    print(&printed, &change.await.unwrap_err());
    let change = mega.change_password("canary-new").current("canary-wrong");
    print(&printed, &change.await.unwrap_err());
    print(
        &printed,
        &mega.change_password("canary-new").await.unwrap_err(),
    );
    let pending = memory
        .builder()
        .register("ann@example.com", "canary-new", "Ann");
    printed.add(&format!("{pending:?}"));
    let pending = pending.await.unwrap();
    printed.add(&format!("{pending:?} {:?}", pending.credentials()));
    let ephemeral = pending.credentials().expose_text().to_owned();
    print(
        &printed,
        &memory
            .builder()
            .register(EMAIL, "canary-new", "Ann")
            .await
            .unwrap_err(),
    );
    let confirmation = memory.service.with_model(|model| model.mails()[0].link());
    let code = confirmation.split_once("#confirm").unwrap().1.to_owned();
    let spoilt = confirmation.replace("#confirm", "#confirm!");
    print(
        &printed,
        &memory.builder().confirm(spoilt).await.unwrap_err(),
    );
    let confirm = memory.builder().confirm(&confirmation);
    printed.add(&format!("{confirm:?}"));
    printed.add(&format!("{:?}", confirm.await.unwrap()));
    print(
        &printed,
        &memory.builder().confirm(&confirmation).await.unwrap_err(),
    );
    memory.builder().ask_for_recovery(EMAIL).await.unwrap();
    let recover = memory
        .service
        .with_model(|model| model.mails().last().unwrap().link());
    let recover_code = recover.split_once("#recover").unwrap().1.to_owned();
    let wrong = b64(&[7; 16]).parse().unwrap();
    let attempt = memory.builder().recover(&recover, &wrong, "canary-new");
    printed.add(&format!("{attempt:?}"));
    print(&printed, &attempt.await.unwrap_err());
    let recovery_text = recovery.expose_text().to_string();

    // Whatever is left on disk counts as printed, but for what is sealed in it.
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let path = entry.unwrap().path();
        printed.add(&path.file_name().unwrap().to_string_lossy());
        printed.add(&String::from_utf8_lossy(&std::fs::read(&path).unwrap()));
    }
    let sid = memory
        .service
        .with_model(|model| model.newest_session(EMAIL).unwrap().to_owned());
    let node_key = memory.service.with_model(|model| {
        let handle = mega_testserver::wire::NodeHandle::parse(&node.handle().to_string()).unwrap();
        model.node_key(handle).unwrap()
    });
    let bytes = |secret: &[u8]| {
        let hex: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
        let list = format!("{secret:?}");
        [hex, b64(secret), list]
    };
    let mut secrets = vec![
        CANARY.to_owned(),
        TOTP.to_owned(),
        "canary".to_owned(),
        sid,
        saved.expose_text().to_owned(),
        saved.expose_megacmd_text().to_owned(),
        link.url().rsplit('#').next().unwrap().to_owned(),
        ephemeral,
        code,
        recover_code,
        recovery_text,
    ];
    secrets.extend(bytes(&account.master_key));
    secrets.extend(bytes(&node_key));
    let panics = PANICS.lock().unwrap_or_else(PoisonError::into_inner);
    assert!(panics.contains("the person stumbles") && panics.contains("SavedSession(..)"));
    let printed = format!("{}{panics}", printed.0.lock().unwrap());
    assert!(printed.len() > 1000, "something was printed");
    for secret in secrets {
        assert!(!printed.contains(&secret), "{secret} was printed");
    }
    // SEC-4: no body either, neither as a whole nor any ciphertext of it.
    let asked = memory.asked();
    let mut looked_for = 0;
    for request in &asked {
        let body = String::from_utf8_lossy(&request.body);
        for word in body.split(['"', ':', ',', '[', ']', '{', '}', '\\']) {
            // Handles and names of members are shorter.
            if word.len() >= 22 {
                assert!(!printed.contains(word), "{word} was printed");
                looked_for += 1;
            }
        }
    }
    assert!(looked_for > 50, "{looked_for} words");
    let key = memory
        .service
        .with_model(|model| model.user(EMAIL).unwrap().private_key.clone().unwrap());
    assert!(!printed.contains(&key), "a reply was printed");
}

#[tokio::test(start_paused = true)]
async fn whoever_debugs_sees_commands_by_name_retries_and_transfers() {
    let printed = Everything::default();
    let _logging = printed.listen();
    let memory = Memory::new();
    memory.service.account(EMAIL, "secret").create();
    let login = Credentials::new(EMAIL, "secret");
    let mega = memory.builder().login(login).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let faults = memory.service.faults();
    faults.add(Fault::command("a").status(500).times(1));
    faults.add(Fault::lane(Lane::Download).status(500).times(1));
    mega.write("/hush.txt", "quiet").await.unwrap();
    mega.rename("/hush.txt", "hushed.txt").await.unwrap();
    let local = folder.path().join("x");
    mega.download("/hushed.txt", &local).await.unwrap();
    faults.add(Fault::command("d").code(-11).times(1));
    mega.delete("/hushed.txt").await.unwrap_err();

    let printed = printed.0.lock().unwrap().clone();
    let lines = |wanted: &[&str]| {
        let all = |line: &&str| wanted.iter().all(|part| line.contains(part));
        printed.lines().filter(all).count()
    };
    assert_eq!(lines(&["answered", "command=\"us\"", "done=true"]), 1);
    assert_eq!(lines(&["answered", "command=\"p\"", "done=true"]), 1);
    assert_eq!(
        lines(&["answered", "command=\"d\"", "-11", "done=false"]),
        1
    );
    assert_eq!(lines(&["a request is tried again"]), 1, "{printed}");
    assert_eq!(lines(&["a request to storage is tried again"]), 1);
    assert_eq!(lines(&["uploaded", "bytes=5"]), 1);
    assert_eq!(lines(&["downloaded", "bytes=5", "verified"]), 1);
    assert!(!printed.contains("hush"), "names are private: {printed}");
}

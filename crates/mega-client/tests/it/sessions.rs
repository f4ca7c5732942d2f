//! Sessions that are kept, shared and renewed.

use std::time::Duration;

use mega_client::{Credentials, ErrorKind, LoginGuard, SavedSession, SecondFactor};

use crate::memory::Memory;
use crate::place::{EMAIL, PASSWORD, Place};

fn sign_ins(memory: &Memory) -> usize {
    let asked = memory.asked();
    let proofs = asked.iter().filter(|asked| {
        // A resumption is `us` as well, without an address.
        let text = String::from_utf8_lossy(&asked.body).into_owned();
        asked.commands().contains(&"us".to_owned()) && text.contains("\"user\"")
    });
    proofs.count()
}

#[tokio::test(start_paused = true)]
async fn five_hundred_short_lived_programs_that_each_make_a_link_sign_in_once() {
    let memory = Memory::new();
    // Without keys a sign-in is quick; what is counted is the same.
    memory
        .service
        .account(EMAIL, PASSWORD)
        .v1()
        .without_keys()
        .create();
    memory
        .service
        .with_model(|model| model.make_file(EMAIL, "/file", b"content", 1));
    let folder = tempfile::tempdir().unwrap();
    // All of them have one password, and deriving a key from it takes a tenth of a second; two passwords' worth is enough here.
    for _ in 0..PROGRAMS {
        let guard = LoginGuard::in_folder(folder.path());
        let login = memory.builder().allow_legacy_v1(true).login_guard(guard);
        let mega = login
            .login(Credentials::new(EMAIL, PASSWORD))
            .await
            .unwrap();
        let link = mega.link("/file").await.unwrap();
        assert!(link.url().contains("/file/"), "{}", link.url());
    }
    assert_eq!(sign_ins(&memory), 1);
    assert_eq!(
        memory
            .service
            .with_model(|model| model.sessions(EMAIL).len()),
        1
    );
}

/// Optimised code does all of them in the time of a few others.
const PROGRAMS: usize = if cfg!(debug_assertions) { 25 } else { 500 };

#[tokio::test(start_paused = true)]
async fn a_guard_opens_the_kept_session_to_its_password_only() {
    let memory = Memory::new();
    memory.service.account(EMAIL, PASSWORD).create();
    let folder = tempfile::tempdir().unwrap();
    let builder = memory
        .builder()
        .login_guard(LoginGuard::in_folder(folder.path()));
    let mega = builder
        .clone()
        .login(Credentials::new(EMAIL, PASSWORD))
        .await
        .unwrap();
    let error = builder
        .clone()
        .login(Credentials::new(EMAIL, "wrong"))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BadCredentials);
    assert_eq!(sign_ins(&memory), 2);
    // Nothing readable is in the file.
    let saved = mega.save().unwrap();
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let path = entry.unwrap().path();
        let text = String::from_utf8(std::fs::read(&path).unwrap()).unwrap();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        for secret in [EMAIL, PASSWORD, saved.expose_megacmd_text(), "me@"] {
            assert!(
                !text.contains(secret) && !name.contains(secret),
                "{name}: {text}"
            );
        }
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
    }
    // A session that was closed is replaced.
    mega.sign_out().await.unwrap();
    let again = builder
        .clone()
        .login(Credentials::new(EMAIL, PASSWORD))
        .await
        .unwrap();
    assert_eq!(sign_ins(&memory), 1);
    again.create_dir("/works").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_sign_in_that_would_risk_a_block_is_refused_before_anything_is_sent() {
    let memory = Memory::new();
    memory
        .service
        .account(EMAIL, PASSWORD)
        .v1()
        .without_keys()
        .create();
    let folder = tempfile::tempdir().unwrap();
    let builder = memory
        .builder()
        .allow_legacy_v1(true)
        .login_guard(LoginGuard::in_folder(folder.path()));
    let wrong = Credentials::new(EMAIL, "wrong");
    let mut refused = None;
    for _ in 0..11 {
        let error = builder.clone().login(wrong.clone()).await.unwrap_err();
        if error.kind() == ErrorKind::RateLimited {
            refused = Some(error);
        }
    }
    let error = refused.expect("the eleventh in a moment is one too many");
    assert!(
        error.retry_after().unwrap() > Duration::from_secs(60),
        "{error}"
    );
    assert!(error.to_string().contains("seconds"), "{error}");
    assert_eq!(sign_ins(&memory), 10);
}

#[tokio::test(start_paused = true)]
async fn what_the_service_says_about_too_many_sign_ins_is_remembered() {
    let memory = Memory::new();
    memory
        .service
        .account(EMAIL, PASSWORD)
        .v1()
        .without_keys()
        .create();
    memory
        .service
        .with_model(|model| model.options().logins_per_hour = Some(0));
    let folder = tempfile::tempdir().unwrap();
    let builder = memory
        .builder()
        .allow_legacy_v1(true)
        .login_guard(LoginGuard::in_folder(folder.path()));
    for _ in 0..2 {
        let error = builder
            .clone()
            .login(Credentials::new(EMAIL, PASSWORD))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::RateLimited, "{error}");
        assert!(error.retry_after().unwrap() >= Duration::from_secs(3590));
    }
    assert_eq!(sign_ins(&memory), 1);
}

#[tokio::test(start_paused = true)]
async fn att_10_log_1_an_account_never_goes_back_to_the_old_kind() {
    let memory = Memory::new();
    memory.service.account(EMAIL, PASSWORD).create();
    let folder = tempfile::tempdir().unwrap();
    let builder = memory
        .builder()
        .allow_legacy_v1(true)
        .login_guard(LoginGuard::in_folder(folder.path()));
    let mega = builder
        .clone()
        .login(Credentials::new(EMAIL, PASSWORD))
        .await
        .unwrap();
    mega.sign_out().await.unwrap();
    memory.service.faults().add(
        mega_testserver::Fault::command("us0")
            .body(r#"[{"v":1}]"#)
            .always(),
    );
    memory.asked();
    let error = builder
        .clone()
        .login(Credentials::new(EMAIL, PASSWORD))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ServerMaterialRejected, "{error}");
    let after: Vec<_> = memory
        .asked()
        .iter()
        .flat_map(|asked| asked.commands())
        .collect();
    // The resumption of the closed session, then the question for the version, and nothing that helps to guess the password.
    assert_eq!(after, ["us", "us0"]);
}

#[tokio::test(start_paused = true)]
async fn a_dead_session_is_renewed_within_the_call_and_only_with_the_means() {
    let memory = Memory::new();
    memory
        .service
        .account(EMAIL, PASSWORD)
        .v1()
        .without_keys()
        .create();
    let login = Credentials::new(EMAIL, PASSWORD);
    let builder = memory.builder().allow_legacy_v1(true);
    let plain = builder.clone().login(login.clone()).await.unwrap();
    let renewing = builder
        .renew_with(login.clone())
        .login(login)
        .await
        .unwrap();
    renewing.create_dir("/before").await.unwrap();
    memory
        .service
        .with_model(|model| model.kill_sessions(EMAIL));

    // LOG-8: not by itself.
    for _ in 0..2 {
        let error = plain.create_dir("/plain").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::SessionExpired, "{error}");
    }
    memory.asked();
    let calls = (0..20).map(|n| renewing.create_dir(format!("/after-{n}")));
    for made in futures::future::join_all(calls.map(std::future::IntoFuture::into_future)).await {
        made.unwrap();
    }
    assert_eq!(sign_ins(&memory), 1, "one renewal for all who noticed");
    assert_eq!(renewing.list("/").await.unwrap().len(), 21);
    // What is saved now is the new session.
    let saved = renewing.save().unwrap();
    memory.builder().resume(&saved).await.unwrap();

    // Never a loop: a service that knows no session at all gets one more sign-in for each call.
    memory
        .service
        .faults()
        .add(mega_testserver::Fault::command("p").batch(-15).always());
    memory.asked();
    let error = renewing.create_dir("/never").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::SessionExpired, "{error}");
    assert_eq!(sign_ins(&memory), 1);
}

#[tokio::test(start_paused = true)]
async fn log_8_nobody_signs_in_again_after_signing_out_whatever_means_there_are() {
    use futures::{FutureExt, StreamExt};

    let memory = Memory::new();
    memory
        .service
        .account(EMAIL, PASSWORD)
        .v1()
        .without_keys()
        .create();
    let login = Credentials::new(EMAIL, PASSWORD);
    let builder = memory.builder().allow_legacy_v1(true);
    let mega = builder
        .renew_with(login.clone())
        .login(login)
        .await
        .unwrap();
    let clone = mega.clone();
    mega.write("/file", "content").await.unwrap();
    // A stream that waits on the channel while its session is closed.
    let mut changes = mega.changes();
    assert!(changes.next().now_or_never().is_none());
    memory.asked();

    mega.sign_out().await.unwrap();
    // It ends, instead of going on in another session.
    let ended = async {
        loop {
            match changes.next().await.expect("an error ends the stream") {
                Ok(_) => {}
                Err(error) => break error,
            }
        }
    };
    let last = tokio::time::timeout(Duration::from_secs(600), ended)
        .await
        .expect("the stream ends");
    assert_eq!(last.kind(), ErrorKind::SessionExpired, "{last}");
    let error = clone.create_dir("/after").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::SessionExpired, "{error}");
    let error = clone.read("/file").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::SessionExpired, "{error}");
    let error = clone.refresh().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::SessionExpired, "{error}");
    // Signing out of what is over is no error.
    clone.sign_out().await.unwrap();
    assert_eq!(sign_ins(&memory), 0);
    let open = memory
        .service
        .with_model(|model| model.sessions(EMAIL).len());
    assert_eq!(open, 0, "no session is left behind");
}

#[tokio::test(start_paused = true)]
async fn log_5_a_renewal_that_gives_another_account_is_refused() {
    let memory = Memory::new();
    memory
        .service
        .account(EMAIL, PASSWORD)
        .v1()
        .without_keys()
        .create();
    let login = Credentials::new(EMAIL, PASSWORD);
    let builder = memory
        .builder()
        .allow_legacy_v1(true)
        .renew_with(login.clone());
    let mega = builder.login(login).await.unwrap();
    memory
        .service
        .with_model(|model| model.kill_sessions(EMAIL));
    // The same address and password, and yet somebody else.
    memory
        .service
        .account(EMAIL, PASSWORD)
        .v1()
        .without_keys()
        .create();
    let error = mega.create_dir("/x").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ServerMaterialRejected, "{error}");
}

#[tokio::test]
async fn pst_1_a_session_file_is_private_and_a_sealed_one_opens_to_its_passphrase_only() {
    let place = Place::new().await;
    let saved = place.sign_in().await.save().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (plain, sealed) = (folder.path().join("plain"), folder.path().join("sealed"));
    saved.write_file(&plain).await.unwrap();
    let read = SavedSession::read_file(&plain).await.unwrap();
    assert_eq!(read.expose_text(), saved.expose_text());

    saved
        .write_sealed_file(&sealed, "open sesame")
        .await
        .unwrap();
    let text = std::fs::read_to_string(&sealed).unwrap();
    assert!(!text.contains(saved.expose_megacmd_text()) && !text.contains("sesame"));
    let read = SavedSession::read_sealed_file(&sealed, "open sesame")
        .await
        .unwrap();
    assert!(place.builder().resume(&read).await.is_ok());
    let error = SavedSession::read_sealed_file(&sealed, "open barley")
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Key, "{error}");
    // Every change of the file is noticed.
    for at in 15..text.trim_end().len() {
        let mut changed = text.clone().into_bytes();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        if at % 40 == 0 || at + 3 > text.trim_end().len() {
            let changed = String::from_utf8(changed).unwrap();
            assert!(
                SavedSession::unseal(&changed, "open sesame").await.is_err(),
                "byte {at}"
            );
        }
    }
    assert!(saved.seal("").await.is_err());
    let error = SavedSession::read_file(folder.path().join("none"))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(SavedSession::read_file(&sealed).await.is_err());
    #[cfg(unix)]
    for path in [plain, sealed] {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[tokio::test]
async fn single_sessions_can_be_closed_by_their_numbers() {
    let place = Place::new().await;
    let (mega, other, third) = (
        place.sign_in().await,
        place.sign_in().await,
        place.sign_in().await,
    );
    let sessions = mega.sessions().await.unwrap();
    let oldest = sessions
        .iter()
        .filter(|one| !one.current)
        .max_by_key(|one| one.number.is_some());
    mega.close_sessions(oldest).await.unwrap();
    let dead = [other, third]
        .into_iter()
        .map(|mega| async move { mega.create_dir("/x").await.is_err() });
    let dead = futures::future::join_all(dead).await;
    assert_eq!(dead.iter().filter(|dead| **dead).count(), 1);
    mega.close_sessions([]).await.unwrap();
    mega.create_dir("/y").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn each_way_a_sign_in_can_fail_says_which_it_is() {
    let memory = Memory::new();
    let service = &memory.service;
    service
        .account("good@example.com", PASSWORD)
        .v1()
        .without_keys()
        .create();
    service
        .account("unconfirmed@example.com", PASSWORD)
        .v1()
        .without_keys()
        .unconfirmed()
        .create();
    service
        .account("blocked@example.com", PASSWORD)
        .v1()
        .without_keys()
        .blocked()
        .create();
    let secret = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP";
    service
        .account("two@example.com", PASSWORD)
        .v1()
        .without_keys()
        .second_factor(secret)
        .create();
    let wrong_code =
        Credentials::new("two@example.com", PASSWORD).second_factor(SecondFactor::code("000000"));
    let no_secret = Credentials::new("two@example.com", PASSWORD)
        .second_factor(SecondFactor::secret("not base32!"));
    let cases = [
        (
            Credentials::new("good@example.com", "wrong"),
            ErrorKind::BadCredentials,
        ),
        (
            Credentials::new("nobody@example.com", PASSWORD),
            ErrorKind::BadCredentials,
        ),
        (
            Credentials::new("unconfirmed@example.com", PASSWORD),
            ErrorKind::Unconfirmed,
        ),
        (
            Credentials::new("blocked@example.com", PASSWORD),
            ErrorKind::Blocked,
        ),
        (
            Credentials::new("two@example.com", PASSWORD),
            ErrorKind::SecondFactorRequired,
        ),
        (wrong_code, ErrorKind::SecondFactorWrong),
        (no_secret, ErrorKind::Misuse),
    ];
    for (credentials, kind) in cases {
        let builder = memory.builder().allow_legacy_v1(true);
        let error = builder.login(credentials).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error:?}");
        assert_eq!(error.operation(), Some("sign in"));
        assert!(!error.remedy().is_empty());
    }
    // Not allowed without a word, too often, a challenge that nobody can solve.
    let login = || Credentials::new("good@example.com", PASSWORD);
    let error = memory.builder().login(login()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ServerMaterialRejected);
    service
        .faults()
        .add(mega_testserver::Fault::command("us").code(-6));
    let error = memory
        .builder()
        .allow_legacy_v1(true)
        .login(login())
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind(), error.retry_after()),
        (ErrorKind::RateLimited, Some(Duration::from_secs(3600)))
    );
    service
        .faults()
        .add(mega_testserver::Fault::command("us").hashcash(0));
    let error = memory
        .builder()
        .allow_legacy_v1(true)
        .login(login())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::RateLimited, "LIM-9: {error:?}");
}

#[tokio::test]
async fn a_proxy_sees_the_connections_and_malformed_ones_are_an_error() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let proxy = std::thread::spawn(move || {
        use std::io::Read;
        let (mut stream, _) = listener.accept().unwrap();
        let mut bytes = vec![0; 4096];
        let count = stream.read(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes[..count]).into_owned()
    });
    let place = Place::new().await;
    let builder = place.builder().deadline(Duration::ZERO);
    let through = builder.clone().proxy(format!("http://{address}"));
    let error = through
        .login(Credentials::new(EMAIL, PASSWORD))
        .await
        .unwrap_err();
    assert_ne!(error.kind(), ErrorKind::BadCredentials, "{error:?}");
    let request = proxy.join().unwrap();
    assert!(request.starts_with("POST http://127.0.0.1:"), "{request}");

    for broken in [
        builder.clone().proxy("::"),
        builder.clone().add_root_certificate([1, 2, 3]),
    ] {
        let error = broken
            .login(Credentials::new(EMAIL, PASSWORD))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Network, "{error:?}");
    }
}

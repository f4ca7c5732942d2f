//! Another password, the recovery key, and recovery with it (crypto-and-accounts 2.15, 2.16).

use mega_client::{Client, Credentials, ErrorKind, RecoveryKey, SecondFactor};
use mega_testserver::Fault;
use mega_testserver::wire::b64;

use crate::place::{EMAIL, PASSWORD, Place, names};

const NEW: &str = "another horse, another battery";
const SECRET: &str = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP";

async fn opens(place: &Place, password: &str) -> bool {
    let login = place.builder().allow_legacy_v1(true);
    match login.login(Credentials::new(EMAIL, password)).await {
        Ok(_) => true,
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::BadCredentials, "{error:?}");
            false
        }
    }
}

/// What the service stores to open the account.
fn held(place: &Place) -> (String, String) {
    place.server.with_model(|model| {
        let user = model.user(EMAIL).unwrap();
        (
            user.wrapped_master.clone(),
            format!("{:?}", user.credentials),
        )
    })
}

fn link(place: &Place) -> String {
    place
        .server
        .with_model(|model| model.mails().last().unwrap().link())
}

#[tokio::test]
async fn a_password_is_changed_and_nothing_else() {
    let place = Place::new().await;
    let mega = place.sign_in().await;
    let other = place.sign_in().await;
    mega.write("/kept.txt", "kept").await.unwrap();
    let saved = mega.save().unwrap();
    let changed = mega.change_password(NEW).await.unwrap();
    assert_eq!(
        (changed.version, changed.other_sessions.is_none()),
        (2, true)
    );
    assert!(!opens(&place, PASSWORD).await);
    assert!(opens(&place, NEW).await);
    // Sessions and files stay.
    other.refresh().await.unwrap();
    assert_eq!(other.read("/kept.txt").await.unwrap(), "kept");
    let resumed = place.builder().resume(&saved).await.unwrap();
    assert_eq!(names(&resumed, "/").await, ["kept.txt"]);
    assert_eq!(
        *mega.recovery_key().unwrap().expose_text(),
        *resumed.recovery_key().unwrap().expose_text()
    );

    let changed = resumed
        .change_password("third one")
        .current(NEW)
        .close_other_sessions()
        .await
        .unwrap();
    changed.other_sessions.unwrap().unwrap();
    let error = other.create_dir("/x").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::SessionExpired);
    resumed.create_dir("/x").await.unwrap();
    assert!(opens(&place, "third one").await);
}

#[tokio::test]
async fn a_change_that_is_refused_changes_nothing_and_says_why() {
    let place = Place::new().await;
    let mega = place.sign_in().await;
    let before = held(&place);
    let error = mega
        .change_password(NEW)
        .current("canary")
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BadCredentials, "{error}");
    assert!(!format!("{error:?}").contains("canary"));
    assert_eq!(error.operation(), Some("change password"));
    for unusable in ["", " x", "x\n"] {
        let error = mega.change_password(unusable).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Misuse, "{unusable:?}");
    }
    for (code, kind) in [(-11, ErrorKind::AccessDenied), (-2, ErrorKind::Refused)] {
        place.server.fail_next("up", code);
        let error = mega.change_password(NEW).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error:?}");
    }
    let link = mega.write("/x", "x").await.unwrap();
    let link = mega.link(&link).await.unwrap();
    let guest = place.builder().open_link(link.url()).await.unwrap();
    let error = guest.change_password(NEW).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert_eq!(
        guest.recovery_key().unwrap_err().kind(),
        ErrorKind::Unsupported
    );
    assert_eq!(held(&place), before);
    assert!(opens(&place, PASSWORD).await);
}

#[tokio::test]
async fn a_second_factor_protects_the_password() {
    let place = Place::new().await;
    place
        .server
        .account(EMAIL, PASSWORD)
        .second_factor(SECRET)
        .create();
    let factor = || SecondFactor::secret(SECRET);
    let login = Credentials::new(EMAIL, PASSWORD).second_factor(factor());
    let mega = place.builder().login(login).await.unwrap();
    let error = mega.change_password(NEW).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::SecondFactorRequired, "{error}");
    let wrong = mega
        .change_password(NEW)
        .second_factor(SecondFactor::code("000000"));
    assert_eq!(
        wrong.await.unwrap_err().kind(),
        ErrorKind::SecondFactorWrong
    );
    let given_up = mega
        .change_password(NEW)
        .second_factor(SecondFactor::ask(|| None));
    assert_eq!(
        given_up.await.unwrap_err().kind(),
        ErrorKind::SecondFactorRequired
    );
    mega.change_password(NEW)
        .second_factor(factor())
        .await
        .unwrap();
    let login = Credentials::new(EMAIL, NEW).second_factor(factor());
    place.builder().login(login).await.unwrap();
}

#[tokio::test]
async fn att_10_an_old_account_is_brought_up_to_date_and_none_is_taken_back() {
    let place = Place::new().await;
    // The service claims that the account is old, to see the weak proof of the new password.
    let mega = place.sign_in().await;
    let saved = mega.save().unwrap();
    place.server.faults().add(
        Fault::command("ug")
            .rewrite(|text| text.replace(r#""aav":2"#, r#""aav":1"#))
            .always(),
    );
    let permissive = place
        .builder()
        .allow_legacy_v1(true)
        .login(Credentials::new(EMAIL, PASSWORD))
        .await
        .unwrap();
    let resumed = place.builder().resume(&saved).await.unwrap();
    for client in [&mega, &permissive, &resumed] {
        let error = client.change_password(NEW).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ServerMaterialRejected, "{error}");
    }
    place.server.faults().clear();
    let journal = place.server.journal();
    assert!(
        !journal
            .iter()
            .any(|entry| entry.commands.contains(&"up".to_owned()))
    );

    // An account that really is old.
    place.server.account(EMAIL, PASSWORD).v1().create();
    let login = || {
        place
            .builder()
            .allow_legacy_v1(true)
            .login(Credentials::new(EMAIL, PASSWORD))
    };
    let old = login().await.unwrap();
    let changed = old.change_password(NEW).current(PASSWORD).await.unwrap();
    assert_eq!(changed.version, 2);
    assert!(held(&place).1.starts_with("V2"));
    assert!(opens(&place, NEW).await && !opens(&place, PASSWORD).await);

    // Where the second step fails, the new password holds all the same.
    place.server.account(EMAIL, PASSWORD).v1().create();
    let old = login().await.unwrap();
    place.server.fail_next("avu", -2);
    assert_eq!(old.change_password(NEW).await.unwrap().version, 1);
    assert!(held(&place).1.starts_with("V1"));
    assert!(opens(&place, NEW).await && !opens(&place, PASSWORD).await);
}

#[tokio::test(start_paused = true)]
async fn p3_a_change_whose_reply_is_lost_is_settled_by_looking() {
    let memory = crate::memory::Memory::new();
    memory.service.account(EMAIL, PASSWORD).create();
    let builder = memory.builder().deadline(std::time::Duration::ZERO);
    let login = |password: &str| builder.clone().login(Credentials::new(EMAIL, password));
    let mega = login(PASSWORD).await.unwrap();
    // Done, and the reply is lost for good.
    let faults = memory.service.faults();
    faults.add(Fault::command("up").lose_reply());
    mega.change_password(NEW).await.unwrap();
    assert!(login(NEW).await.is_ok());
    // Not done, and no reply either: the old password is named as possible.
    faults.add(Fault::command("up").drop_before());
    let error = mega.change_password("third").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OutcomeUnknown, "{error:?}");
    assert!(login(NEW).await.is_ok());
    // A service that says yes and does nothing.
    faults.add(Fault::command("ug").times(2).rewrite(|text| {
        let mut reply: serde_json::Value = serde_json::from_str(&text).unwrap();
        reply[0]["k"] = b64(&[1; 16]).into();
        reply.to_string()
    }));
    let error = mega.change_password("third").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OutcomeUnknown, "{error:?}");
}

#[tokio::test]
async fn a_client_that_renews_its_session_does_so_with_the_new_password() {
    let place = Place::new().await;
    let login = Credentials::new(EMAIL, PASSWORD);
    let builder = place.builder().renew_with(login.clone());
    let mega = builder.login(login).await.unwrap();
    mega.change_password(NEW).await.unwrap();
    place.server.with_model(|model| model.kill_sessions(EMAIL));
    mega.create_dir("/after").await.unwrap();
}

async fn key_of(mega: &Client) -> RecoveryKey {
    mega.recovery_key().unwrap().expose_text().parse().unwrap()
}

#[tokio::test]
async fn log_10_a_recovery_key_opens_an_account_whose_password_is_forgotten() {
    let place = Place::new().await;
    let mega = place.sign_in().await;
    mega.write("/kept.txt", "kept").await.unwrap();
    let key = key_of(&mega).await;
    let text = key.expose_text();
    assert_eq!(text.len(), 22);
    assert!(!format!("{key:?}").contains(&**text));

    place
        .builder()
        .ask_for_recovery(format!(" {EMAIL} "))
        .await
        .unwrap();
    let recovered = place
        .builder()
        .recover(link(&place), &key, NEW)
        .await
        .unwrap();
    assert_eq!(recovered.email, EMAIL);
    let again = place
        .builder()
        .login(Credentials::new(EMAIL, NEW))
        .await
        .unwrap();
    assert_eq!(again.read("/kept.txt").await.unwrap(), "kept");
    assert!(!opens(&place, PASSWORD).await);
    let error = mega.create_dir("/x").await.unwrap_err();
    assert_eq!(
        error.kind(),
        ErrorKind::SessionExpired,
        "the service closes the sessions"
    );
    let error = place
        .builder()
        .recover(link(&place), &key, "x1")
        .await
        .unwrap_err();
    assert_eq!(
        error.kind(),
        ErrorKind::Precondition,
        "a link serves once: {error}"
    );
}

#[tokio::test]
async fn each_way_a_recovery_can_fail_says_which_and_changes_nothing() {
    let place = Place::new().await;
    let mega = place.sign_in().await;
    let key = key_of(&mega).await;
    let before = held(&place);
    let error = place
        .builder()
        .ask_for_recovery("nobody@example.com")
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    place.builder().ask_for_recovery(EMAIL).await.unwrap();
    let good = link(&place);
    let asked = place.answered();
    for wrong in [
        "",
        "#recover",
        "https://mega.nz/#recovershort",
        "https://mega.nz/#confirmAAAAAAAAAAAAAAAA",
        "https://mega.nz/#recovercanary!canary/canary",
        &format!("https://mega.nz/#recover{}", "A".repeat(5000)),
    ] {
        let error = place.builder().recover(wrong, &key, NEW).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidLink, "{wrong:.60}");
        assert!(!format!("{error:?}").contains("canary"));
    }
    let error = place.builder().recover(&good, &key, "").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Misuse);
    assert_eq!(place.answered(), asked, "nothing was sent");

    let unknown = format!("https://mega.nz/#recover{}", b64(&[7; 24]));
    let error = place
        .builder()
        .recover(unknown, &key, NEW)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    // Another account's key: one question for what proves it, and nothing after.
    let other: RecoveryKey = b64(&[7; 16]).parse().unwrap();
    let asked = place.server.journal().len();
    let error = place
        .builder()
        .recover(&good, &other, NEW)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Key, "{error}");
    let sent: Vec<_> = place.server.journal()[asked..]
        .iter()
        .flat_map(|entry| entry.commands.clone())
        .collect();
    assert_eq!(sent, ["erv", "erx"], "INV-6");
    for text in ["", "AAAA", "canary!", &"A".repeat(23)] {
        let error = text.parse::<RecoveryKey>().unwrap_err();
        assert!(!format!("{error:?}").contains("canary"));
    }
    // A claim that the account is old gets no weak proof of the new password.
    place
        .server
        .faults()
        .add(Fault::command("us0").body(r#"[{"v":1}]"#));
    let error = place.builder().recover(&good, &key, NEW).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ServerMaterialRejected, "{error}");
    assert_eq!(held(&place), before);

    // Nothing proves the recovery key of an account that never made keys.
    place
        .server
        .account("bare@example.com", PASSWORD)
        .without_keys()
        .create();
    place
        .builder()
        .ask_for_recovery("bare@example.com")
        .await
        .unwrap();
    let error = place
        .builder()
        .recover(link(&place), &key, NEW)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::KeysMissing, "{error}");
    // The link of another mail.
    let other = place.server.with_model(|model| model.mails().len());
    assert_eq!(other, 2);
    assert!(place.builder().recover(&good, &key, NEW).await.is_ok());
}

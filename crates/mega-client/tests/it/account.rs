//! Signing in, coming back, leaving.

use mega_client::{Credentials, ErrorKind, SavedSession, SecondFactor};

use crate::place::{EMAIL, PASSWORD, Place, names};

const SECRET: &str = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP";

#[tokio::test]
async fn a_password_opens_the_account_and_nothing_else_does() {
    let place = Place::new().await;
    let mega = place.sign_in().await;
    assert!(mega.user().is_some());
    assert!(mega.root().unwrap().is_folder());
    for (email, password) in [(EMAIL, "wrong"), ("nobody@example.com", PASSWORD)] {
        let error = place
            .builder()
            .login(Credentials::new(email, password))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BadCredentials, "{error}");
        assert_eq!(error.operation(), Some("sign in"));
        assert!(
            error
                .to_string()
                .contains("wrong e-mail address or password")
        );
        assert!(
            !format!("{error:?} {error}").contains("wrong\""),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn an_address_is_trimmed_and_a_password_is_not() {
    let place = Place::new().await;
    let padded = Credentials::new(format!("  {EMAIL}\n"), PASSWORD);
    assert!(place.builder().login(padded).await.is_ok());
    let padded = Credentials::new(EMAIL, format!("{PASSWORD} "));
    let error = place.builder().login(padded).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BadCredentials);
}

#[tokio::test]
async fn log_1_an_account_of_version_1_needs_a_yes() {
    let place = Place::new().await;
    place
        .server
        .account("old@example.com", "pass")
        .v1()
        .create();
    let login = Credentials::new("old@example.com", "pass");
    let error = place.builder().login(login.clone()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ServerMaterialRejected);
    assert!(error.to_string().contains("allow_legacy_v1"), "{error}");
    let mega = place
        .builder()
        .allow_legacy_v1(true)
        .login(login)
        .await
        .unwrap();
    mega.create_dir("/works").await.unwrap();
}

#[tokio::test]
async fn a_second_factor_is_asked_for_and_checked() {
    let place = Place::new().await;
    place
        .server
        .account("two@example.com", "pass")
        .second_factor(SECRET)
        .create();
    let login = Credentials::new("two@example.com", "pass");

    let error = place.builder().login(login.clone()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::SecondFactorRequired);

    let wrong = login.clone().second_factor(SecondFactor::code("000000"));
    let error = place.builder().login(wrong).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::SecondFactorWrong);

    let given_up = login.clone().second_factor(SecondFactor::ask(|| None));
    let error = place.builder().login(given_up).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::SecondFactorRequired);

    let right = login.second_factor(SecondFactor::secret(SECRET));
    assert!(place.builder().login(right).await.is_ok());
}

#[tokio::test]
async fn accounts_in_a_bad_state_say_which() {
    let place = Place::new().await;
    place
        .server
        .account("new@example.com", "pass")
        .unconfirmed()
        .create();
    place
        .server
        .account("bad@example.com", "pass")
        .blocked()
        .create();
    for (email, kind) in [
        ("new@example.com", ErrorKind::Unconfirmed),
        ("bad@example.com", ErrorKind::Blocked),
    ] {
        let error = place
            .builder()
            .login(Credentials::new(email, "pass"))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
    }
}

#[tokio::test]
async fn a_saved_session_comes_back_without_the_password_until_it_is_closed() {
    let place = Place::new().await;
    let mega = place.sign_in().await;
    mega.create_dir("/kept").await.unwrap();
    let saved = mega.save().unwrap();
    let text = saved.expose_text().to_owned();
    let megacmd = saved.expose_megacmd_text().to_owned();
    assert_eq!(
        megacmd.len(),
        80,
        "the form of MEGAcmd (crypto-and-accounts 2.9)"
    );
    let imported: SavedSession = megacmd.parse().unwrap();
    assert!(place.builder().resume(&imported).await.is_ok());
    drop(mega);

    let saved: SavedSession = text.parse().unwrap();
    assert!(!format!("{saved:?}").contains(&text[..8]));
    let mega = place.builder().resume(&saved).await.unwrap();
    assert_eq!(names(&mega, "/").await, ["kept"]);
    mega.create_dir("/more").await.unwrap();

    mega.sign_out().await.unwrap();
    let error = place.builder().resume(&saved).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::SessionExpired, "{error}");
    let error = mega.create_dir("/too late").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::SessionExpired, "{error}");
}

#[tokio::test]
async fn a_text_that_is_no_saved_session_is_refused_before_anything_is_sent() {
    for text in ["", "x", "AAAA", &"A".repeat(80), &"!".repeat(80)] {
        assert!(text.parse::<SavedSession>().is_err(), "{text}");
    }
}

#[tokio::test]
async fn other_sessions_can_be_listed_and_closed() {
    let place = Place::new().await;
    let (mega, other) = (place.sign_in().await, place.sign_in().await);
    assert_eq!(mega.sessions().await.unwrap().len(), 2);
    mega.close_other_sessions().await.unwrap();
    let error = other.create_dir("/x").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::SessionExpired);
    mega.create_dir("/x").await.unwrap();
}

//! Making an account: without a name, registered, confirmed (crypto-and-accounts 2.14).

use mega_client::{Client, Credentials, EphemeralCredentials, ErrorKind};
use mega_testserver::Fault;
use mega_testserver::wire::b64;

use crate::place::{EMAIL, PASSWORD, Place, names};

const NEW: &str = "new@example.com";
const NAME: &str = "Ann B. Other";

/// The newest mail to an address, as the person opens it.
fn link(place: &Place, to: &str) -> String {
    place.server.with_model(|model| {
        let mails = model.mails().iter().rev();
        mails
            .filter(|mail| mail.to == to)
            .map(|mail| mail.link())
            .next()
            .unwrap()
    })
}

async fn sign_in(place: &Place, password: &str) -> Result<Client, mega_client::Error> {
    place.builder().login(Credentials::new(NEW, password)).await
}

#[tokio::test]
async fn an_account_is_registered_confirmed_opened_and_gets_its_keys() {
    let place = Place::new().await;
    let pending = place
        .builder()
        .register(format!("  {NEW} "), PASSWORD, format!(" {NAME} "))
        .await
        .unwrap();
    assert_eq!(pending.email(), NEW);
    // Not yet: the address may be somebody else's.
    let error = sign_in(&place, PASSWORD).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BadCredentials, "{error}");

    let confirmed = place.builder().confirm(link(&place, NEW)).await.unwrap();
    assert_eq!(
        (confirmed.email.as_str(), confirmed.name.as_str()),
        (NEW, NAME)
    );
    let mega = sign_in(&place, PASSWORD).await.unwrap();
    assert_eq!(mega.user(), Some(confirmed.user));
    assert_eq!(mega.ephemeral_credentials().map(drop), None);
    assert_eq!(mega.make_keys().await.unwrap().len(), 7);
    mega.write("/a.txt", "a").await.unwrap();
    mega.link("/a.txt").await.unwrap();
    mega.sign_out().await.unwrap();
    // With its keys, the account opens the other way (`csid`).
    let mega = sign_in(&place, PASSWORD).await.unwrap();
    assert_eq!(names(&mega, "/").await, ["a.txt"]);
    let error = sign_in(&place, "wrong").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BadCredentials);
    place.server.with_model(|model| {
        let user = model.user(NEW).unwrap();
        let value = |name: &str| user.attributes[name].value.clone();
        assert_eq!(
            (value("firstname"), value("lastname")),
            (b64(b"Ann"), b64(b"B. Other"))
        );
    });
}

#[tokio::test]
async fn a_link_confirms_once_and_in_any_form_that_people_paste() {
    let place = Place::new().await;
    let register = |email: &'static str| place.builder().register(email, PASSWORD, NAME);
    for (number, email) in ["a@example.com", "b@example.com", "c@example.com"]
        .into_iter()
        .enumerate()
    {
        register(email).await.unwrap();
        let link = link(&place, email);
        let pasted = match number {
            0 => link.clone(),
            1 => format!("\n {link}\t"),
            _ => link.split_once("#confirm").unwrap().1.to_owned(),
        };
        assert_eq!(place.builder().confirm(pasted).await.unwrap().email, email);
        let error = place.builder().confirm(link).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Precondition, "{error}");
        assert_eq!(error.operation(), Some("confirm registration"));
    }
}

#[tokio::test]
async fn sec_5_a_text_that_is_no_link_is_refused_before_anything_is_sent() {
    let place = Place::new().await;
    place.builder().register(NEW, PASSWORD, NAME).await.unwrap();
    let good = link(&place, NEW);
    let code = good.split_once("#confirm").unwrap().1.to_owned();
    let bytes = mega_testserver::wire::unb64(&code).unwrap();
    let altered = |change: fn(&mut Vec<u8>)| {
        let mut bytes = bytes.clone();
        change(&mut bytes);
        format!("https://mega.nz/#confirm{}", b64(&bytes))
    };
    let asked = place.answered();
    let hostile = [
        String::new(),
        "#".into(),
        "https://mega.nz/#confirm".into(),
        "https://mega.nz/file/aaaaaaaa#canary".into(),
        format!("https://mega.nz/#confirm{}", "!".repeat(80)),
        format!("https://mega.nz/#confirm{}", "A".repeat(9000)),
        "confirm".repeat(100),
        good.replace("#confirm", "#recover"),
        altered(|bytes| bytes[0] ^= 1),
        altered(|bytes| bytes.truncate(13 + 15 + 8)),
        altered(|bytes| bytes.truncate(20)),
        altered(|bytes| {
            bytes.iter_mut().for_each(|byte| {
                if *byte == b'\t' {
                    *byte = b' '
                }
            })
        }),
        altered(|bytes| bytes[30] = 0xFF),
    ];
    for text in hostile {
        let error = place.builder().confirm(&text).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidLink, "{text:.60}");
        let shown = format!("{error} {error:?}");
        assert!(
            !shown.contains("canary") && !shown.contains(&code),
            "{shown}"
        );
    }
    assert_eq!(place.answered(), asked, "nothing was sent");
    // A link with another token is well formed, and the service does not know it.
    let error = place
        .builder()
        .confirm(altered(|bytes| bytes[14] ^= 1))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    assert!(place.builder().confirm(good).await.is_ok());
}

#[tokio::test]
async fn what_cannot_be_registered_says_so_and_makes_no_account() {
    let place = Place::new().await;
    let error = place
        .builder()
        .register(EMAIL, PASSWORD, NAME)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists, "{error}");
    assert_eq!(error.operation(), Some("register"));
    let asked = place.answered();
    for (email, password, name) in [
        ("", PASSWORD, NAME),
        ("nobody", PASSWORD, NAME),
        ("no body@example.com", PASSWORD, NAME),
        ("tab\t@example.com", PASSWORD, NAME),
        ("@example.com", PASSWORD, NAME),
        (NEW, "", NAME),
        (NEW, " canary ", NAME),
        (NEW, PASSWORD, "  "),
        (NEW, PASSWORD, "A\tB"),
    ] {
        let error = place
            .builder()
            .register(email, password, name)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Misuse, "{email} {name}");
        assert!(!format!("{error} {error:?}").contains("canary"));
    }
    assert_eq!(place.answered(), asked, "nothing was sent");
    // Two registrations of one address: the first to be confirmed has it.
    let first = place.builder().register(NEW, PASSWORD, NAME).await.unwrap();
    let first_link = link(&place, NEW);
    place
        .builder()
        .register(NEW, "another", NAME)
        .await
        .unwrap();
    let second_link = link(&place, NEW);
    place.builder().confirm(second_link).await.unwrap();
    let error = place.builder().confirm(first_link).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists, "{error}");
    let error = first.send_again().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists, "{error}");
    assert!(sign_in(&place, "another").await.is_ok());
    assert!(sign_in(&place, PASSWORD).await.is_err());
}

#[tokio::test]
async fn the_mail_comes_once_more_and_a_registration_can_be_given_up() {
    let place = Place::new().await;
    let pending = place.builder().register(NEW, PASSWORD, NAME).await.unwrap();
    pending.send_again().await.unwrap();
    assert_eq!(place.server.with_model(|model| model.mails().len()), 2);
    let text = format!("{pending:?} {:?}", pending.credentials());
    assert!(
        !text.contains(pending.credentials().expose_text()),
        "{text}"
    );

    // In another program the text is all there is.
    let text = pending.credentials().expose_text().to_owned();
    let link = link(&place, NEW);
    pending.cancel().await.unwrap();
    let error = place.builder().confirm(link).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    let credentials: EphemeralCredentials = text.parse().unwrap();
    let guest = place.builder().open_ephemeral(&credentials).await.unwrap();
    guest.register(NEW, PASSWORD, NAME).await.unwrap();
    for wrong in ["", "#", "AAAAAAAAAAA#", "AAAAAAAAAAA#AAAA", "canary"] {
        let error = wrong.parse::<EphemeralCredentials>().unwrap_err();
        assert!(!format!("{error:?}").contains("canary"));
    }
}

#[tokio::test]
async fn an_account_without_a_name_keeps_its_files_when_it_gets_one() {
    let place = Place::new().await;
    let guest = place.builder().create_ephemeral().await.unwrap();
    guest.write("/draft.txt", "kept").await.unwrap();
    let credentials = guest.ephemeral_credentials().unwrap();
    let again = place.builder().open_ephemeral(&credentials).await.unwrap();
    assert_eq!(again.read("/draft.txt").await.unwrap(), "kept");
    let error = again.change_password("secret").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Precondition, "{error}");

    again.register(NEW, PASSWORD, "Ann").await.unwrap();
    place.builder().confirm(link(&place, NEW)).await.unwrap();
    let mega = sign_in(&place, PASSWORD).await.unwrap();
    assert_eq!(mega.read("/draft.txt").await.unwrap(), "kept");
    // It has a name now: the old way in is closed, and so is a second registration.
    let error = place
        .builder()
        .open_ephemeral(&credentials)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    let error = mega
        .register("x@example.com", PASSWORD, "X")
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Precondition, "{error}");
    let error = again
        .register("x@example.com", PASSWORD, "X")
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Precondition, "{error}");
}

#[tokio::test]
async fn log_3_log_4_a_service_that_answers_with_other_material_is_left() {
    let place = Place::new().await;
    let changes: [fn(&mut serde_json::Value); 4] = [
        |reply| reply["k"] = b64(&[7; 16]).into(),
        |reply| reply["u"] = "AAAAAAAAAAA".into(),
        |reply| reply["tsid"] = b64(&[5; 43]).into(),
        |reply| {
            reply.as_object_mut().unwrap().remove("tsid");
            reply["csid"] = b64(&[1; 258]).into();
            reply["privk"] = b64(&[1; 656]).into();
        },
    ];
    for change in changes {
        place.server.faults().clear();
        place
            .server
            .faults()
            .add(Fault::command("us").rewrite(move |text| {
                let mut reply: serde_json::Value = serde_json::from_str(&text).unwrap();
                change(&mut reply[0]);
                reply.to_string()
            }));
        let before = place.server.journal().len();
        let error = place
            .builder()
            .register(NEW, PASSWORD, NAME)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ServerMaterialRejected, "{error:?}");
        let sent: Vec<_> = place.server.journal()[before..]
            .iter()
            .flat_map(|entry| entry.commands.clone())
            .collect();
        assert_eq!(sent, ["up", "us"], "INV-6: nothing follows");
    }
}

#[tokio::test]
async fn a_lost_reply_to_any_step_of_a_registration_makes_one_account() {
    for command in ["up", "us", "up2", "uc2"] {
        let place = Place::new().await;
        place
            .server
            .faults()
            .add(Fault::command(command).lose_reply());
        place.builder().register(NEW, PASSWORD, NAME).await.unwrap();
        let (users, mails) = place
            .server
            .with_model(|model| (model.users().count(), model.mails().len()));
        assert_eq!((users, mails), (2, 1), "{command}");
        place
            .server
            .faults()
            .add(Fault::command("ud2").lose_reply());
        let confirmed = place.builder().confirm(link(&place, NEW)).await.unwrap();
        assert_eq!(confirmed.email, NEW);
    }
}

#[tokio::test]
async fn a_service_that_confirms_another_address_is_not_believed() {
    let place = Place::new().await;
    place.builder().register(NEW, PASSWORD, NAME).await.unwrap();
    place.server.faults().add(
        Fault::command("ud2")
            .rewrite(|text| text.replace(&b64(NEW.as_bytes()), &b64(b"evil@example.com"))),
    );
    let error = place
        .builder()
        .confirm(link(&place, NEW))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Protocol, "{error:?}");
}

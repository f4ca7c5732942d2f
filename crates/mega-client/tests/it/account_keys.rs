//! Making the keys that an account has never had (crypto-and-accounts 3.4, 3.5).

use mega_client::{Client, Credentials, ErrorKind, KeyPart};
use mega_testserver::Fault;
use mega_testserver::model::User;
use mega_testserver::wire::{b64, unb64};

use crate::fs_world::World;
use crate::place::{EMAIL, PASSWORD, Place, names};

const FRESH: &str = "fresh@example.com";
const SIX: [&str; 6] = [
    "^!keys",
    "*keyring",
    "+puEd255",
    "+puCu255",
    "+sigCu255",
    "+sigPubk",
];
const ALL: [KeyPart; 7] = [
    KeyPart::Rsa,
    KeyPart::Ed25519,
    KeyPart::X25519,
    KeyPart::X25519Signature,
    KeyPart::RsaSignature,
    KeyPart::Keyring,
    KeyPart::Keys,
];

type Damage = Box<dyn Fn(&mut User)>;

async fn sign_in(place: &Place, email: &str) -> Client {
    place
        .builder()
        .login(Credentials::new(email, PASSWORD))
        .await
        .unwrap()
}

/// What the service has of an account's keys.
fn stored(place: &Place, email: &str) -> Vec<(String, Option<String>)> {
    place.server.with_model(|model| {
        let user = model.user(email).unwrap();
        let value = |name: &str| user.attributes.get(name).map(|held| held.value.clone());
        let attributes = SIX.map(|name| (name.to_owned(), value(name)));
        let mut all = attributes.to_vec();
        all.push(("privk".into(), user.private_key.clone()));
        all.push(("pubk".into(), user.public_key.clone()));
        all
    })
}

fn change(place: &Place, email: &str, change: impl FnOnce(&mut User)) {
    place
        .server
        .with_model(|model| change(model.user_mut(email).unwrap()));
}

/// How many commands of this name the service was sent.
fn sent(place: &Place, name: &str) -> usize {
    let journal = place.server.journal();
    journal
        .iter()
        .flat_map(|entry| &entry.commands)
        .filter(|command| *command == name)
        .count()
}

#[tokio::test]
async fn an_account_without_keys_works_and_gets_all_of_them_once() {
    let world = World::new().await;
    let place = &world.place;
    place
        .server
        .account(FRESH, PASSWORD)
        .without_keys()
        .create();
    let fresh = sign_in(place, FRESH).await;
    fresh.write("/first.txt", "hello").await.unwrap();
    fresh.create_dir("/folder").await.unwrap();
    let error = fresh.share("/folder", EMAIL).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::KeysMissing);
    assert!(error.to_string().contains("make_keys"), "{error}");

    assert_eq!(fresh.make_keys().await.unwrap(), ALL);
    let held = stored(place, FRESH);
    let lengths: Vec<_> = held
        .iter()
        .map(|(_, value)| unb64(value.as_ref().unwrap()).unwrap().len())
        .collect();
    // Two public keys of 32 bytes, two signatures of 72 (crypto-and-accounts 3.5), a private key of 656 (3.2).
    assert_eq!(lengths[2..7], [32, 32, 72, 72, 656], "{held:?}");
    assert!(fresh.make_keys().await.unwrap().is_empty());
    assert_eq!(stored(place, FRESH), held, "existing keys are left alone");

    // From now on the session id comes encrypted with RSA, and the account shares and receives: others verify its signatures.
    let again = sign_in(place, FRESH).await;
    assert_eq!(again.read("/first.txt").await.unwrap(), "hello");
    let saved = again.save().unwrap();
    assert!(place.builder().resume(&saved).await.is_ok());
    world.mega.invite(FRESH).await.unwrap();
    again.refresh().await.unwrap();
    let invitation = again.invitations().remove(0);
    again.accept_invitation(invitation.handle).await.unwrap();
    world.mega.refresh().await.unwrap();
    world.file("/common/x.txt", "x").await;
    world.mega.share("/common", FRESH).await.unwrap();
    // The client that made the keys uses them without signing in anew.
    fresh.refresh().await.unwrap();
    let exchanged = fresh.exchange_share_keys().await.unwrap();
    assert!(exchanged.failed.is_empty(), "{exchanged:?}");
    let folder = fresh.incoming_shares().remove(0);
    let inside = fresh.list(&folder).await.unwrap();
    assert_eq!((folder.name(), inside[0].name()), ("common", "x.txt"));
    fresh.create_dir("/back").await.unwrap();
    fresh.share("/back", EMAIL).await.unwrap();
}

#[tokio::test]
async fn only_what_is_missing_is_made() {
    let place = Place::new().await;
    // An old account with an RSA key pair.
    place
        .server
        .account("old@example.com", PASSWORD)
        .bare()
        .create();
    let before = stored(&place, "old@example.com");
    let old = sign_in(&place, "old@example.com").await;
    assert_eq!(old.make_keys().await.unwrap(), ALL[1..]);
    assert_eq!(stored(&place, "old@example.com")[6..], before[6..], "RSA");

    // Everything but the signature that official clients add, too.
    change(&place, EMAIL, |user| {
        drop(user.attributes.remove("+sigPubk"))
    });
    let before = stored(&place, EMAIL);
    let mega = place.sign_in().await;
    assert_eq!(mega.make_keys().await.unwrap(), [KeyPart::RsaSignature]);
    let after = stored(&place, EMAIL);
    assert_eq!((&after[..5], &after[6..]), (&before[..5], &before[6..]));

    // An account whose private keys are in the old container only.
    change(&place, EMAIL, |user| drop(user.attributes.remove("^!keys")));
    let before = stored(&place, EMAIL);
    let mega = place.sign_in().await;
    assert_eq!(mega.make_keys().await.unwrap(), [KeyPart::Keys]);
    assert_eq!(stored(&place, EMAIL)[1..], before[1..]);
    mega.create_dir("/shared").await.unwrap();
    mega.link("/shared").await.unwrap();
    // The old container and the new one hold the same keys, or the next client would refuse them.
    assert!(place.sign_in().await.make_keys().await.unwrap().is_empty());
}

#[tokio::test]
async fn an_account_that_chatted_before_it_was_confirmed_gets_its_rsa_keys_into_the_container() {
    let place = Place::new().await;
    place.server.account(FRESH, PASSWORD).without_rsa().create();
    let before = stored(&place, FRESH);
    let fresh = sign_in(&place, FRESH).await;
    let made = fresh.make_keys().await.unwrap();
    let expected = [KeyPart::Rsa, KeyPart::RsaSignature, KeyPart::RsaCopy];
    assert_eq!(made, expected);
    assert_eq!(stored(&place, FRESH)[1..5], before[1..5], "the others stay");
    let again = sign_in(&place, FRESH).await;
    assert!(again.make_keys().await.unwrap().is_empty());

    // A pair that was there once is not made a second time.
    change(&place, FRESH, |user| {
        user.private_key = None;
        user.public_key = None;
    });
    let held = stored(&place, FRESH);
    let error = again.make_keys().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Precondition, "{error}");
    assert!(error.to_string().contains("vanished"), "{error}");
    assert_eq!(stored(&place, FRESH), held, "nothing is written");
}

#[tokio::test]
async fn keys_that_are_incomplete_or_damaged_are_never_touched() {
    let place = Place::new().await;
    let damages: Vec<(&str, Damage)> = vec![
        ("half a pair", Box::new(|user| user.public_key = None)),
        ("other half", Box::new(|user| user.private_key = None)),
        (
            "another pair's half",
            Box::new(|user| {
                let mut blob = unb64(user.public_key.as_ref().unwrap()).unwrap();
                blob[40] ^= 1;
                user.public_key = Some(b64(&blob));
            }),
        ),
        (
            "no base64",
            Box::new(|user| user.attributes.get_mut("^!keys").unwrap().value = "!".into()),
        ),
        (
            "a container that does not open",
            Box::new(|user| user.attributes.get_mut("^!keys").unwrap().value = b64(&[20; 200])),
        ),
        (
            "a public key of somebody else",
            Box::new(|user| user.attributes.get_mut("+puEd255").unwrap().value = b64(&[9; 32])),
        ),
        (
            "a signature of somebody else",
            Box::new(|user| user.attributes.get_mut("+sigCu255").unwrap().value = b64(&[9; 72])),
        ),
        (
            "no X25519 key",
            Box::new(|user| drop(user.attributes.remove("+puCu255"))),
        ),
        (
            "public keys alone",
            Box::new(|user| {
                user.attributes.remove("^!keys");
                user.attributes.remove("*keyring");
            }),
        ),
    ];
    for (number, (what, damage)) in damages.into_iter().enumerate() {
        let email = format!("damaged-{number}@example.com");
        place.server.account(&email, PASSWORD).create();
        let mega = sign_in(&place, &email).await;
        change(&place, &email, damage);
        let before = stored(&place, &email);
        let (up, upv) = (sent(&place, "up"), sent(&place, "upv"));
        let error = mega.make_keys().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Precondition, "{what}: {error:?}");
        assert_eq!(error.operation(), Some("make keys"));
        assert_eq!(stored(&place, &email), before, "{what}");
        assert_eq!(
            (sent(&place, "up"), sent(&place, "upv")),
            (up, upv),
            "{what}"
        );
    }
}

#[tokio::test]
async fn of_clients_that_make_keys_at_once_one_makes_each_part() {
    let place = Place::new().await;
    place
        .server
        .account(FRESH, PASSWORD)
        .without_keys()
        .create();
    let clients = futures::future::join_all((0..3).map(|_| sign_in(&place, FRESH))).await;
    let made = futures::future::join_all(clients.iter().map(Client::make_keys)).await;
    let mut parts: Vec<KeyPart> = made.into_iter().flat_map(Result::unwrap).collect();
    parts.sort_by_key(|part| ALL.iter().position(|one| one == part));
    assert_eq!(parts, ALL, "each part once");
    for mega in &clients {
        assert!(mega.make_keys().await.unwrap().is_empty());
        mega.create_dir("/shared").await.ok();
        mega.refresh().await.unwrap();
        mega.link("/shared").await.unwrap();
    }
}

#[tokio::test]
async fn a_lost_reply_or_a_faster_client_is_settled_by_looking() {
    for (command, fault) in [
        ("up", Fault::command("up").lose_reply()),
        ("upv", Fault::command("upv").lose_reply()),
        ("up", Fault::command("up").code(-12)),
        ("upv", Fault::command("upv").code(-8)),
    ] {
        let place = Place::new().await;
        place
            .server
            .account(FRESH, PASSWORD)
            .without_keys()
            .create();
        let fresh = sign_in(&place, FRESH).await;
        place.server.faults().add(fault);
        let made = fresh.make_keys().await.unwrap();
        assert_eq!(made, ALL, "{command}");
        assert!(
            sign_in(&place, FRESH)
                .await
                .make_keys()
                .await
                .unwrap()
                .is_empty()
        );
    }
}

#[tokio::test]
async fn a_service_that_shows_other_keys_than_it_took_is_not_believed() {
    let place = Place::new().await;
    place
        .server
        .account(FRESH, PASSWORD)
        .without_keys()
        .create();
    let fresh = sign_in(&place, FRESH).await;
    // It takes the pair and shows nothing.
    let hide = Fault::command("ug").rewrite(|text| {
        let mut reply: serde_json::Value = serde_json::from_str(&text).unwrap();
        let data = reply[0].as_object_mut().unwrap();
        data.remove("privk");
        data.remove("pubk");
        reply.to_string()
    });
    place.server.faults().add(hide.always());
    let error = fresh.make_keys().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Key, "{error:?}");
}

#[tokio::test]
async fn folders_that_were_shared_before_the_keys_stay_shared() {
    let world = World::without_account_keys().await;
    let mega = &world.mega;
    world.file("/common/x.txt", "x").await;
    let link = mega.link("/common").await.unwrap();
    assert_eq!(mega.make_keys().await.unwrap(), ALL[1..]);
    // What is put there from now on can be read by the holders of the link, also when another client puts it there.
    mega.write("/common/y.txt", "y").await.unwrap();
    let other = world.place.sign_in().await;
    other.write("/common/z.txt", "z").await.unwrap();
    let guest = world.place.builder().open_link(link.url()).await.unwrap();
    assert_eq!(names(&guest, "/").await, ["x.txt", "y.txt", "z.txt"]);
    // KEY-8: the service knows the old key, so no contact is given it.
    let error = other
        .share("/common", "friend@example.com")
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
}

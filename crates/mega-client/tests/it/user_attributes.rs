//! Attributes of accounts: own ones in every scope, those of others, and what is refused.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use mega_client::{Client, Credentials, Error, ErrorKind, UserRecords};
use mega_testserver::Fault;

use crate::place::{EMAIL, PASSWORD, Place};

const FRIEND: &str = "friend@example.com";

async fn two() -> (Place, Client, Client) {
    let place = Place::new().await;
    place.server.account(FRIEND, PASSWORD).create();
    let mega = place.sign_in().await;
    let login = Credentials::new(FRIEND, PASSWORD);
    let friend = place.builder().login(login).await.unwrap();
    (place, mega, friend)
}

/// What the service holds, as it was sent.
fn stored(place: &Place, name: &str) -> Option<String> {
    place.server.with_model(|model| {
        let attributes = &model.user(EMAIL).unwrap().attributes;
        attributes
            .get(name)
            .map(|attribute| attribute.value.clone())
    })
}

/// How often attributes were asked for or changed.
fn requests(place: &Place) -> usize {
    let journal = place.server.journal();
    let commands = journal.iter().flat_map(|entry| &entry.commands);
    let about = |name: &&String| ["uga", "up2", "upv", "upr"].contains(&name.as_str());
    commands.filter(about).count()
}

fn kind<T>(result: Result<T, Error>) -> ErrorKind {
    result.map(drop).unwrap_err().kind()
}

#[tokio::test]
async fn what_is_set_is_read_back_in_every_scope_and_by_a_fresh_client() {
    let (place, mega, _) = two().await;
    // It came with the account.
    mega.remove_user_attribute("firstname").await.unwrap();
    for name in [
        "*!app",
        "*~app",
        "*app",
        "^!app",
        "+app",
        "#app",
        "firstname",
        "^!dv",
        "+a",
    ] {
        let value = format!("value of {name}: \u{1f600}\u{0}\u{1}");
        let error = mega.user_attribute(name).await.map(drop).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound, "{name}");
        assert_eq!(error.subject(), Some(name));
        let set = mega.set_user_attribute(name, value.clone()).await.unwrap();
        assert_eq!((set.name(), set.text()), (name, Some(&*value)));
        let fresh = place.sign_in().await.user_attribute(name).await.unwrap();
        assert_eq!(fresh.text(), Some(&*value), "{name}");
        assert_eq!(fresh.version(), set.version(), "{name}");
        // Once more, over what is there.
        mega.set_user_attribute(name, "").await.unwrap();
        assert_eq!(mega.user_attribute(name).await.unwrap().bytes(), b"");
        mega.remove_user_attribute(name).await.unwrap();
        mega.remove_user_attribute(name).await.unwrap();
        assert_eq!(kind(mega.user_attribute(name).await), ErrorKind::NotFound);
    }
}

#[tokio::test]
async fn records_are_encrypted_for_the_owner_alone() {
    let (place, mega, _) = two().await;
    let mut records = UserRecords::new();
    records.set("first", b"a secret of mine").unwrap();
    records.set("second", [0; 300]).unwrap();
    assert_eq!(kind(records.set("ze\0ro", "x")), ErrorKind::Misuse);
    let set = mega.set_user_attribute("*!app", records.clone());
    assert_eq!(*set.await.unwrap().records(), records);
    let text = stored(&place, "*!app").unwrap();
    let again = mega.user_attribute("*!app").await.unwrap();
    assert_eq!(*again.records(), records);
    assert!(!format!("{again:?} {records:?}").contains("secret"));
    // The same records look different every time, and nothing of them shows.
    mega.set_user_attribute("*!app", records).await.unwrap();
    assert_ne!(stored(&place, "*!app").unwrap(), text);
    let plain = mega.set_user_attribute("^!app", "a secret of mine").await;
    let plain = (plain.unwrap(), stored(&place, "^!app").unwrap());
    assert!(!text.contains(&plain.1[..16]));
}

#[tokio::test]
async fn a_damaged_attribute_is_an_error_and_can_only_be_replaced() {
    let (place, mega, _) = two().await;
    mega.set_user_attribute("*!app", "value").await.unwrap();
    place.server.with_model(|model| {
        let attributes = &mut model.user_mut(EMAIL).unwrap().attributes;
        let value = &mut attributes.get_mut("*!app").unwrap().value;
        let last = value.pop().unwrap();
        value.insert(value.len() - 4, last);
    });
    assert_eq!(kind(mega.user_attribute("*!app").await), ErrorKind::Key);
    let changed = mega.change_user_attribute("*!app", |_| Some("other".into()));
    assert_eq!(kind(changed.await), ErrorKind::Key);
    mega.set_user_attribute("*!app", "new").await.unwrap();
    assert_eq!(mega.user_attribute("*!app").await.unwrap().bytes(), b"new");
}

#[tokio::test]
async fn of_others_only_what_is_public_is_asked_for() {
    let (place, mega, friend) = two().await;
    friend
        .set_user_attribute("+motto", "carpe diem")
        .await
        .unwrap();
    friend.set_user_attribute("^!app", "mine").await.unwrap();
    let seen = mega.user_attribute("+motto").of(FRIEND).await.unwrap();
    assert_eq!(seen.text(), Some("carpe diem"));
    let by_handle = mega.user_attribute("+motto").of(friend.user().unwrap());
    assert_eq!(by_handle.await.unwrap().text(), Some("carpe diem"));
    assert_eq!(
        kind(mega.user_attribute("+other").of(FRIEND).await),
        ErrorKind::NotFound
    );
    let before = requests(&place);
    for name in ["^!app", "*!app", "country"] {
        let read = mega.user_attribute(name).of(FRIEND).await;
        assert_eq!(kind(read), ErrorKind::AccessDenied);
    }
    assert_eq!(requests(&place), before);
    // No avatar is no attribute, although the service has a word for it.
    place.server.with_model(|model| {
        let mut attribute = model.user(FRIEND).unwrap().attributes["+motto"].clone();
        attribute.value = "none".to_owned();
        let attributes = &mut model.user_mut(FRIEND).unwrap().attributes;
        attributes.insert("+a".to_owned(), attribute);
    });
    assert_eq!(
        kind(mega.user_attribute("+a").of(FRIEND).await),
        ErrorKind::NotFound
    );
}

#[tokio::test]
async fn keys_and_what_is_no_attribute_are_refused_before_anything_is_sent() {
    let (place, mega, _) = two().await;
    let view = {
        mega.create_dir("/folder").await.unwrap();
        mega.view("/folder").unwrap()
    };
    let before = requests(&place);
    for name in [
        "^!keys",
        "*keyring",
        "+puEd255",
        "+puCu255",
        "+sigPubk",
        "+sigCu255",
        "*!authring",
        "*!authCu255",
        "*!authRSA",
        "*~usk",
        "pwmh",
        "s4",
        "a",
        "i",
        "",
        "*",
        "+with space",
        "+quote\"s\n",
        "name",
        "+\u{e9}",
    ] {
        let refused = ErrorKind::Misuse;
        assert_eq!(
            kind(mega.set_user_attribute(name, "x").await),
            refused,
            "{name:?}"
        );
        assert_eq!(
            kind(mega.remove_user_attribute(name).await),
            refused,
            "{name:?}"
        );
        let changed = mega.change_user_attribute(name, |_| Some("x".into()));
        assert_eq!(kind(changed.await), refused, "{name:?}");
    }
    let long = format!("+{}", "x".repeat(64));
    assert_eq!(kind(mega.user_attribute(long).await), ErrorKind::Misuse);
    let records = UserRecords::new();
    assert_eq!(
        kind(mega.set_user_attribute("^app", records.clone()).await),
        ErrorKind::Misuse
    );
    assert_eq!(
        kind(view.set_user_attribute("^app", "x").await),
        ErrorKind::Unsupported
    );
    assert_eq!(
        kind(view.user_attribute("^app").await),
        ErrorKind::Unsupported
    );
    assert_eq!(requests(&place), before);
    // The limit of the service, with and without history.
    let large = vec![0; (64 << 10) + 1];
    assert_eq!(
        kind(mega.set_user_attribute("^app", large.clone()).await),
        ErrorKind::Misuse
    );
    mega.set_user_attribute("^!app", large).await.unwrap();
    mega.set_user_attribute("^app", vec![0; 64 << 10])
        .await
        .unwrap();
    // They can be read all the same.
    assert!(
        !mega
            .user_attribute("^!keys")
            .await
            .unwrap()
            .bytes()
            .is_empty()
    );
}

#[tokio::test]
async fn a_condition_on_the_version_holds_or_changes_nothing() {
    let (place, mega, _) = two().await;
    let other = place.sign_in().await;
    let first = mega
        .set_user_attribute("*!app", "1")
        .if_version(None)
        .await
        .unwrap();
    let late = other
        .set_user_attribute("*!app", "2")
        .if_version(None)
        .await;
    assert_eq!(kind(late), ErrorKind::Precondition);
    let second = other
        .set_user_attribute("*!app", "2")
        .if_version(first.version());
    second.await.unwrap();
    let stale = mega
        .set_user_attribute("*!app", "3")
        .if_version(first.version());
    assert_eq!(kind(stale.await), ErrorKind::Precondition);
    assert_eq!(mega.user_attribute("*!app").await.unwrap().bytes(), b"2");
    let unversioned = mega.set_user_attribute("firstname", "A").if_version(None);
    assert_eq!(kind(unversioned.await), ErrorKind::Unsupported);
}

#[tokio::test]
async fn a_change_that_met_another_one_is_made_again_on_what_is_there() {
    let (place, mega, _) = two().await;
    let other = place.sign_in().await;
    let asked = Arc::new(AtomicU32::new(0));
    let seen = Arc::new(Mutex::new(Vec::new()));
    // Between the reading and the writing of the first attempt somebody else writes: its write is held back.
    other.set_user_attribute("*!log", "a").await.unwrap();
    place
        .server
        .faults()
        .add(Fault::command("upv").code(-8).times(2));
    let (count, kept) = (Arc::clone(&asked), Arc::clone(&seen));
    let changed = mega.change_user_attribute("*!log", move |old| {
        count.fetch_add(1, Ordering::Relaxed);
        let old = old.unwrap().bytes().to_vec();
        kept.lock().unwrap().push(old.clone());
        Some([old, b"b".to_vec()].concat().into())
    });
    assert_eq!(changed.await.unwrap().unwrap().bytes(), b"ab");
    assert_eq!(asked.load(Ordering::Relaxed), 3);
    // Many at once, by two clients: every change counts.
    let adding = (0..8).map(|number| {
        let client = if number % 2 == 0 { &mega } else { &other };
        client.change_user_attribute("*!sum", |old| {
            let old = old
                .and_then(|old| old.bytes().first().copied())
                .unwrap_or(0);
            Some([old + 1].into())
        })
    });
    let results = futures::future::join_all(adding).await;
    let done = results.iter().filter(|result| result.is_ok()).count();
    let sum = mega.user_attribute("*!sum").await.unwrap().bytes()[0];
    assert_eq!(usize::from(sum), done);
    assert!(done >= 4, "{done}");
    // Nothing to change: nothing is sent.
    let before = requests(&place);
    mega.change_user_attribute("*!sum", |_| None).await.unwrap();
    assert_eq!(requests(&place) - before, 1);
}

#[tokio::test]
async fn rty_7_a_lost_reply_is_no_lost_write() {
    let (place, mega, _) = two().await;
    for (name, command) in [("*!app", "upv"), ("firstname", "up2")] {
        place
            .server
            .faults()
            .add(Fault::command(command).lose_reply());
        let set = mega.set_user_attribute(name, "value").await.unwrap();
        assert_eq!(set.bytes(), b"value");
        let read = mega.user_attribute(name).await.unwrap();
        assert_eq!(
            (read.bytes(), read.version()),
            (&b"value"[..], set.version())
        );
    }
    place
        .server
        .faults()
        .add(Fault::command("upr").lose_reply());
    mega.remove_user_attribute("*!app").await.unwrap();
    assert_eq!(
        kind(mega.user_attribute("*!app").await),
        ErrorKind::NotFound
    );
}

//! PST-8: what a saved session remembers, and no service takes back.

use mega_client::{Client, Credentials, Error, ErrorKind, SavedSession};
use mega_testserver::account::cipher::{ecb_decrypt, ecb_encrypt};
use mega_testserver::wire::{b64, unb64};

use crate::fs_world::World;
use crate::place::{EMAIL, PASSWORD};

async fn resume(world: &World, text: &str) -> Result<Client, Error> {
    let saved: SavedSession = text.parse()?;
    world.place.builder().resume(&saved).await
}

fn keys(world: &World) -> String {
    world.model(|model| {
        model.user(EMAIL).unwrap().attributes["^!keys"]
            .value
            .clone()
    })
}

fn put(world: &World, value: &str) {
    world.model(|model| {
        let user = model.user_mut(EMAIL).unwrap();
        user.attributes.get_mut("^!keys").unwrap().value = value.to_owned();
    });
}

#[tokio::test]
async fn att_13_pst_8_key_10_keys_that_were_rolled_back_are_refused_by_a_later_program() {
    let world = World::new().await;
    let first = keys(&world);
    world.folder("/one").await;
    world.folder("/two").await;
    world.mega.link("/one").await.unwrap();
    let saved = world.mega.save().unwrap();
    let second = keys(&world);

    put(&world, &first);
    let error = resume(&world, saved.expose_text()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ServerMaterialRejected, "{error}");
    assert!(error.to_string().contains("earlier keys"), "{error}");
    // Sealed and in a file it is remembered all the same.
    let sealed = saved.seal("open sesame").await.unwrap();
    let unsealed = SavedSession::unseal(&sealed, "open sesame").await.unwrap();
    assert!(resume(&world, unsealed.expose_text()).await.is_err());
    let folder = tempfile::tempdir().unwrap();
    saved.write_file(folder.path().join("s")).await.unwrap();
    let read = SavedSession::read_file(folder.path().join("s"))
        .await
        .unwrap();
    assert!(resume(&world, read.expose_text()).await.is_err());
    // MEGAcmd's form remembers nothing.
    assert!(resume(&world, saved.expose_megacmd_text()).await.is_ok());

    // No container at all is an earlier state, too.
    let held = world.model(|model| model.user_mut(EMAIL).unwrap().attributes.remove("^!keys"));
    let error = resume(&world, saved.expose_text()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ServerMaterialRejected, "{error}");
    world.model(|model| {
        let user = model.user_mut(EMAIL).unwrap();
        user.attributes.insert("^!keys".into(), held.unwrap());
    });

    // What it has seen, and what came later, opens; and what came later is remembered from then on.
    put(&world, &second);
    let later = resume(&world, saved.expose_text()).await.unwrap();
    later.link("/two").await.unwrap();
    let newer = later.save().unwrap();
    assert!(resume(&world, saved.expose_text()).await.is_ok());
    put(&world, &second);
    assert!(resume(&world, saved.expose_text()).await.is_ok());
    assert!(resume(&world, newer.expose_text()).await.is_err());
}

#[tokio::test]
async fn pst_8_key_10_the_login_guard_remembers_how_far_the_keys_have_come() {
    let world = World::new().await;
    let first = keys(&world);
    world.folder("/one").await;
    world.mega.link("/one").await.unwrap();
    assert_ne!(keys(&world), first);
    let folder = tempfile::tempdir().unwrap();
    let guard = mega_client::LoginGuard::in_folder(folder.path());
    let login = || {
        let builder = world.place.builder().login_guard(guard.clone());
        builder.login(Credentials::new(EMAIL, PASSWORD))
    };
    login().await.unwrap();
    let second = keys(&world);
    put(&world, &first);
    let error = login().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ServerMaterialRejected, "{error}");
    // With another session, too.
    world.model(|model| model.kill_sessions(EMAIL));
    let error = login().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ServerMaterialRejected, "{error}");
    put(&world, &second);
    login().await.unwrap();
}

#[tokio::test]
async fn an_account_that_begins_anew_under_the_same_address_is_not_held_to_the_old_one() {
    use crate::memory::Memory;

    let folder = tempfile::tempdir().unwrap();
    let guard = mega_client::LoginGuard::in_folder(folder.path());
    let login = |memory: &std::sync::Arc<Memory>| {
        let builder = memory.builder().login_guard(guard.clone());
        builder.login(Credentials::new(EMAIL, PASSWORD))
    };
    let memory = Memory::new();
    memory.service.account(EMAIL, PASSWORD).create();
    let mega = login(&memory).await.unwrap();
    for number in 0..3 {
        let path = format!("/{number}");
        mega.create_dir(path.as_str()).await.unwrap();
        mega.link(path.as_str()).await.unwrap();
    }
    memory
        .service
        .with_model(|model| model.kill_sessions(EMAIL));
    login(&memory).await.unwrap();

    // Parked, or registered again: another master key, and keys of the first generation.
    let again = Memory::new();
    again
        .service
        .account("another@example.com", PASSWORD)
        .create();
    again.service.account(EMAIL, PASSWORD).create();
    let keys = |memory: &Memory| {
        memory.service.with_model(|model| {
            let user = model.user(EMAIL).unwrap();
            user.attributes["^!keys"].value.clone()
        })
    };
    let first = keys(&again);
    let mega = login(&again).await.unwrap();
    mega.create_dir("/new").await.unwrap();
    mega.link("/new").await.unwrap();
    login(&again).await.unwrap();
    // From then on it is held to its own.
    again.service.with_model(|model| {
        let user = model.user_mut(EMAIL).unwrap();
        user.attributes.get_mut("^!keys").unwrap().value = first;
    });
    let error = login(&again).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ServerMaterialRejected, "{error}");
}

#[tokio::test]
async fn pst_8_what_is_remembered_cannot_be_changed_or_taken_from_another_session() {
    let world = World::new().await;
    let saved = world.mega.save().unwrap();
    let (session, pins) = saved.expose_text().split_once('.').unwrap();
    assert_eq!((session.len(), pins.len()), (80, 72));
    for at in 0..pins.len() {
        let mut changed = pins.as_bytes().to_vec();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        let changed = format!("{session}.{}", String::from_utf8(changed).unwrap());
        let error = resume(&world, &changed).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ServerMaterialRejected, "{at}");
    }
    let other = world.place.sign_in().await.save().unwrap();
    let (_, others) = other.expose_text().split_once('.').unwrap();
    assert!(
        resume(&world, &format!("{session}.{others}"))
            .await
            .is_err()
    );
    for broken in [
        "",
        "A",
        &pins[..70],
        &format!("{pins}A"),
        &format!("{pins}.{pins}"),
    ] {
        let error = format!("{session}.{broken}")
            .parse::<SavedSession>()
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Misuse, "{broken}");
    }
    assert!(resume(&world, saved.expose_text()).await.is_ok());
}

#[tokio::test]
async fn pst_8_rsa_8_another_rsa_key_is_refused_even_if_it_is_sound() {
    let world = World::new().await;
    let saved = world.mega.save().unwrap();
    // A sound pair under the right master key, which is not the account's.
    let other = world
        .server()
        .account("other@example.com", PASSWORD)
        .create();
    let master = world.account.master_key;
    world.model(|model| {
        let theirs = model.user("other@example.com").unwrap();
        let (private, public) = (
            theirs.private_key.clone().unwrap(),
            theirs.public_key.clone(),
        );
        let mut private = unb64(&private).unwrap();
        ecb_decrypt(&other.master_key, &mut private);
        ecb_encrypt(&master, &mut private);
        let user = model.user_mut(EMAIL).unwrap();
        user.private_key = Some(b64(&private));
        user.public_key = public;
    });
    let error = resume(&world, saved.expose_text()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ServerMaterialRejected, "{error}");
    assert!(resume(&world, saved.expose_megacmd_text()).await.is_ok());
}

#[tokio::test]
async fn log_1_a_resumed_session_knows_the_version_of_its_account() {
    let world = World::new().await;
    let saved = world.mega.save().unwrap();
    let builder = world.place.builder().allow_legacy_v1(true);
    let mega = builder.resume(&saved).await.unwrap();
    world.server().faults().add(
        mega_testserver::Fault::command("ug")
            .rewrite(|text| text.replace(r#""aav":2"#, r#""aav":1"#))
            .always(),
    );
    let error = mega.change_password("weak").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ServerMaterialRejected, "{error}");
    world.server().faults().clear();
    let login = Credentials::new(EMAIL, PASSWORD);
    assert!(world.place.builder().login(login).await.is_ok());
}

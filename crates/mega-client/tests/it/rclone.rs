//! Taking over an account that was set up in rclone.

use mega_client::{ErrorKind, RcloneRemote};

use crate::fs_world::World;
use crate::place::{EMAIL, PASSWORD, Place};

fn config(more: &str) -> String {
    let password = mega_crypto::obscured::obscure(PASSWORD, [3; 16]);
    format!("[cloud]\ntype = mega\nuser = {EMAIL}\npass = {password}\n{more}")
}

#[tokio::test]
async fn a_remote_signs_in_with_its_password_and_options() {
    let place = Place::new().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rclone.conf");
    std::fs::write(&path, config("hard_delete = true\n")).unwrap();
    let remote = RcloneRemote::read(&path, "cloud").await.unwrap();
    let mega = remote.sign_in(place.builder()).await.unwrap();
    mega.write("/x", "x").await.unwrap();
    mega.remove("/x").await.unwrap();
    let bin = mega.rubbish_bin().unwrap();
    assert!(
        mega.list(&bin).await.unwrap().is_empty(),
        "it is gone for good"
    );

    std::fs::write(&path, config("")).unwrap();
    let remote = RcloneRemote::read(&path, "cloud").await.unwrap();
    let mega = remote.sign_in(place.builder()).await.unwrap();
    mega.write("/x", "x").await.unwrap();
    mega.remove("/x").await.unwrap();
    assert_eq!(mega.list(&bin).await.unwrap().len(), 1, "it is in the bin");
    // The beginning of a file that is far too long is not taken for all of it.
    std::fs::write(&path, config("") + &"#\n".repeat(9 << 20)).unwrap();
    let error = RcloneRemote::read(&path, "cloud").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Misuse, "{error}");
    let error = RcloneRemote::read(folder.path().join("missing"), "cloud")
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
}

#[tokio::test]
async fn an_open_session_is_taken_over_and_a_closed_one_falls_back_to_the_password() {
    let world = World::new().await;
    let saved = world.mega.save().unwrap();
    // What rclone notes: the session id, and the master key in standard base64 with padding.
    let sealed = mega_crypto::base64::decode(saved.expose_megacmd_text()).unwrap();
    let id = mega_crypto::base64::encode(&sealed[17..]);
    let key = mega_crypto::base64::encode(&world.account.master_key)
        .replace('-', "+")
        .replace('_', "/")
        + "==";
    let session = format!("session_id = {id}\nmaster_key = {key}\n");
    let remote = RcloneRemote::parse(&config(&session), "cloud").unwrap();
    let before = world.mega.sessions().await.unwrap().len();
    let mega = remote.sign_in(world.place.builder()).await.unwrap();
    mega.write("/x", "x").await.unwrap();
    assert_eq!(
        mega.sessions().await.unwrap().len(),
        before,
        "no new session"
    );

    world.mega.sign_out().await.unwrap();
    let mega = remote.sign_in(world.place.builder()).await.unwrap();
    assert_eq!(mega.read("/x").await.unwrap(), "x");
    let only = format!("[cloud]\ntype = mega\n{session}");
    let remote = RcloneRemote::parse(&only, "cloud").unwrap();
    let error = remote.sign_in(world.place.builder()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::SessionExpired, "{error}");
}

//! A session that dies is renewed within the call that notices it, wherever it is noticed; otherwise the error says so; never a loop.

use std::sync::Arc;

use mega_client::{Client, Credentials, ErrorKind};
use mega_testserver::{Fault, Lane};
use tokio::io::AsyncReadExt;

use crate::memory::Memory;
use crate::place::{EMAIL, PASSWORD};

const CONTENT: &str = "a file that is read when the session is gone";

fn world() -> Arc<Memory> {
    let memory = Memory::new();
    // Without keys a sign-in is quick; the rest is the same.
    memory
        .service
        .account(EMAIL, PASSWORD)
        .v1()
        .without_keys()
        .create();
    memory
        .service
        .with_model(|model| model.make_file(EMAIL, "/file", CONTENT.as_bytes(), 1));
    memory
}

/// A client with the means to renew its session, or without.
async fn client(memory: &Arc<Memory>, means: bool) -> Client {
    let login = Credentials::new(EMAIL, PASSWORD);
    let mut builder = memory.builder().allow_legacy_v1(true);
    if means {
        builder = builder.renew_with(login.clone());
    }
    builder.login(login).await.unwrap()
}

fn kill(memory: &Memory) {
    memory
        .service
        .with_model(|model| model.kill_sessions(EMAIL));
    memory.asked();
}

fn sign_ins(memory: &Memory) -> usize {
    let proof = |body: &[u8]| String::from_utf8_lossy(body).contains("\"uh\"");
    memory
        .asked()
        .iter()
        .filter(|asked| proof(&asked.body))
        .count()
}

#[tokio::test(start_paused = true)]
async fn a_transfer_that_asks_for_an_address_renews_the_session() {
    let memory = world();
    let mega = client(&memory, true).await;
    let folder = tempfile::tempdir().unwrap();
    let local = folder.path().join("copy");

    kill(&memory);
    assert_eq!(mega.read("/file").await.unwrap(), CONTENT);
    assert_eq!(sign_ins(&memory), 1);
    kill(&memory);
    mega.download("/file", &local).await.unwrap();
    assert_eq!(sign_ins(&memory), 1);
    kill(&memory);
    mega.upload(&local, "/uploaded").await.unwrap();
    assert_eq!(sign_ins(&memory), 1);
    kill(&memory);
    mega.write("/written", "x").await.unwrap();
    assert_eq!(sign_ins(&memory), 1);

    // A reader that is open when the session dies and needs a new address.
    let mut reader = mega.open("/file").await.unwrap();
    kill(&memory);
    memory.service.with_model(|model| model.expire_urls());
    let mut text = String::new();
    reader.read_to_string(&mut text).await.unwrap();
    assert_eq!(text, CONTENT);
    assert!(sign_ins(&memory) <= 1);

    // Many at once: one renewal for all of them.
    kill(&memory);
    let reads = (0..10).map(|_| {
        let mega = mega.clone();
        async move { mega.read("/file").await.unwrap() }
    });
    assert_eq!(futures::future::join_all(reads).await.len(), 10);
    assert_eq!(sign_ins(&memory), 1);
}

#[tokio::test(start_paused = true)]
async fn log_8_a_transfer_without_the_means_says_that_the_session_has_ended() {
    let memory = world();
    let mega = client(&memory, false).await;
    kill(&memory);
    let error = mega.read("/file").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::SessionExpired, "{error:?}");
    let error = mega.write("/new", "x").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::SessionExpired, "{error:?}");
    assert_eq!(sign_ins(&memory), 0);
}

#[tokio::test(start_paused = true)]
async fn a_service_that_knows_no_session_gets_one_sign_in_for_each_call() {
    let memory = world();
    let mega = client(&memory, true).await;
    for command in ["g", "u"] {
        memory
            .service
            .faults()
            .add(Fault::command(command).batch(-15).always());
    }
    memory.asked();
    let error = mega.read("/file").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::SessionExpired, "{error:?}");
    assert_eq!(sign_ins(&memory), 1);
    let error = mega.write("/new", "x").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::SessionExpired, "{error:?}");
    assert_eq!(sign_ins(&memory), 1);
}

#[tokio::test(start_paused = true)]
async fn inv_2_a_change_that_may_have_been_made_is_not_sent_again_in_the_name_of_a_new_session() {
    let memory = world();
    let mega = client(&memory, true).await;
    // The folder is made, the reply is lost, and the same request is refused since the session has died meanwhile.
    let faults = memory.service.faults();
    faults.add(Fault::command("p").lose_reply());
    faults.add(Fault::command("p").skip(1).code(-15));
    faults.add(Fault::command("p").skip(1).forget_ids());
    memory.asked();
    mega.create_dir("/once").await.unwrap();
    assert_eq!(faults.pending(), 0, "all of it has happened");
    let sent = memory.asked();
    let sent = sent.iter().filter(|asked| asked.commands() == ["p"]);
    assert_eq!(sent.count(), 2, "the request and its repetition");
    assert_eq!(mega.list("/").await.unwrap().len(), 2, "it and the file");
}

#[tokio::test(start_paused = true)]
async fn a_full_reload_renews_the_session_once() {
    let memory = world();
    let (mega, plain) = (client(&memory, true).await, client(&memory, false).await);
    let reload = || {
        memory
            .service
            .with_model(|model| model.forget_events(EMAIL))
    };
    memory
        .service
        .with_model(|model| model.make_folder(EMAIL, "/unseen"));
    reload();
    memory.asked();
    memory.service.faults().add(Fault::command("f").batch(-15));
    mega.refresh().await.unwrap();
    assert!(mega.exists("/unseen").await.unwrap());
    assert_eq!(sign_ins(&memory), 1);

    // Without the means, and with means that do not help.
    memory
        .service
        .faults()
        .add(Fault::command("f").batch(-15).always());
    for (client, renewals) in [(&plain, 0), (&mega, 1)] {
        reload();
        memory.asked();
        let error = client.refresh().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::SessionExpired, "{error:?}");
        assert_eq!(sign_ins(&memory), renewals);
    }
    // The need for the reload is remembered.
    memory.service.faults().clear();
    mega.refresh().await.unwrap();
    mega.create_dir("/after").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_service_that_ends_every_session_on_the_channel_does_not_make_us_sign_in_for_ever() {
    use futures::StreamExt;
    let memory = world();
    let mega = client(&memory, true).await;
    memory.asked();
    memory
        .service
        .faults()
        .add(Fault::lane(Lane::Events).code(-15).always());
    let mut changes = mega.changes();
    let error = loop {
        match changes.next().await {
            Some(Ok(_)) => {}
            Some(Err(error)) => break error,
            None => panic!("no error was told"),
        }
    };
    assert_eq!(error.kind(), ErrorKind::SessionExpired, "{error:?}");
    assert_eq!(sign_ins(&memory), 1);
    // When it has come to its senses, all goes on.
    memory.service.faults().clear();
    mega.create_dir("/after").await.unwrap();
    kill(&memory);
    mega.refresh().await.unwrap();
    assert_eq!(sign_ins(&memory), 1);
}

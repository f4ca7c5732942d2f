//! The driver against a test server that misbehaves on command.

use bytes::Bytes;
use mega_protocol::commands::*;
use mega_protocol::events::{ChannelEnd, Packet};
use mega_protocol::storage::{ByteRange, StorageError, UploadReply, upload_checksum};
use mega_protocol::{
    ApiCode, Error, ErrorKind, NodeHandle, RequestBody, RetryPolicy, UploadProgress,
};
use mega_testserver::{Fault, Lane, TestServer};

use crate::loopback::{packets_of, put_file, tree, upload};
use crate::support::{EMAIL, PASSWORD, builder, sign_in, signed_in};

fn folder(parent: NodeHandle) -> PutNodes {
    PutNodes::new(
        parent,
        vec![NewNode::folder(
            NodeHandle::from_bytes([9; 6]),
            [1; 16],
            [2; 16],
        )],
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn rty_1_a_lost_reply_never_repeats_the_effect() {
    let faults: [fn() -> Fault; 6] = [
        || Fault::command("p").lose_reply().times(3),
        || Fault::command("p").headers_only().times(2),
        || Fault::command("p").cut_at(3).times(2),
        || Fault::command("p").truncate_at(5).times(2),
        || Fault::command("p").drop_before().times(2),
        || {
            Fault::command("p")
                .body("<html>log in first</html>")
                .times(2)
        },
    ];
    for fault in faults {
        let (server, api) = signed_in().await;
        let (nodes, _) = tree(&api).await;
        server.faults().add(fault());
        let answer = api.send(folder(nodes.root())).await.unwrap();
        assert!(answer.tag.is_some());
        assert!(answer.repeated);
        assert_eq!(server.faults().pending(), 0, "the fault has fired");
        let (after, _) = tree(&api).await;
        assert_eq!(after.0.len(), 4, "exactly one folder: {:?}", fault());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rty_11_a_busy_service_is_asked_again_under_the_same_id() {
    let faults: [fn() -> Fault; 5] = [
        || Fault::command("p").batch(-3).times(4),
        || Fault::command("p").batch(-4).times(2),
        || Fault::command("p").status(500).times(2),
        || Fault::command("p").status(429).times(2),
        || {
            Fault::command("p")
                .redirect("https://evil.example/")
                .times(1)
        },
    ];
    for fault in faults {
        let (server, api) = signed_in().await;
        let (nodes, _) = tree(&api).await;
        server.service().clear_journal();
        server.faults().add(fault());
        api.send(folder(nodes.root())).await.unwrap();
        let ids: Vec<_> = server
            .journal()
            .into_iter()
            .filter(|e| e.commands == ["p"])
            .map(|e| e.id)
            .collect();
        assert!(ids.len() >= 2, "it was asked again");
        assert!(ids.windows(2).all(|w| w[0] == w[1]), "{ids:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rty_6_when_no_answer_ever_comes_the_outcome_is_unknown_and_can_be_settled() {
    let (server, api) = signed_in().await;
    let (nodes, _) = tree(&api).await;
    let api = builder(&server)
        .identity(api.identity())
        .retry(RetryPolicy::none())
        .build()
        .unwrap();
    server.faults().add(Fault::command("p").lose_reply());
    let error = api.send(folder(nodes.root())).await.unwrap_err();
    let Error::OutcomeUnknown { request, .. } = &error else {
        panic!("{error:?}")
    };
    // The service remembers the id: asking again gives the answer that was lost.
    let answer = api.resend(folder(nodes.root()), request).await.unwrap();
    assert!(answer.repeated && answer.tag.is_some());
    let (after, _) = tree(&api).await;
    assert_eq!(after.0.len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_command_of_a_batch_has_its_own_result() {
    let (server, api) = signed_in().await;
    let (nodes, _) = tree(&api).await;
    server.fail_next("a", -11);
    let good = api.submit(folder(nodes.root())).unwrap();
    let bad = api
        .submit(SetNodeAttributes::new(nodes.root(), [1; 16]))
        .unwrap();
    let quota = api.submit(FetchQuota::new()).unwrap();
    good.await.unwrap();
    assert_eq!(bad.await.unwrap_err().kind(), ErrorKind::PermissionDenied);
    quota.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_listing_starts_over() {
    let faults: [fn() -> Fault; 5] = [
        || Fault::command("f").cut_at(200),
        || Fault::command("f").truncate_at(200),
        || Fault::command("f").status(500),
        || Fault::command("f").batch(-3),
        || Fault::command("f").code(-3),
    ];
    for fault in faults {
        let (server, api) = signed_in().await;
        server.with_model(|m| {
            for n in 0..50 {
                m.make_file(EMAIL, &format!("/f{n}"), b"x", 1_700_000_000)
                    .unwrap();
            }
        });
        server.faults().add(fault());
        let (nodes, _) = tree(&api).await;
        assert_eq!(
            nodes.0.len(),
            53,
            "nothing lost, nothing doubled: {:?}",
            fault()
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listing_that_stays_broken_is_a_protocol_error() {
    let (server, api) = signed_in().await;
    let mut sink = crate::loopback::Nodes::default();
    server
        .faults()
        .add(Fault::command("f").truncate_at(200).times(3));
    let error = api
        .fetch_nodes(FetchNodes::new(), &mut sink)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Protocol);
    server.faults().add(Fault::command("f").code(-9));
    let error = api
        .fetch_nodes(FetchNodes::new(), &mut sink)
        .await
        .unwrap_err();
    assert_eq!(error.code(), Some(ApiCode::ENOENT));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_event_channel_survives_what_can_be_survived() {
    let (server, api) = signed_in().await;
    let (nodes, mut events) = tree(&api).await;
    for fault in [
        Fault::lane(Lane::Wait).drop_before(),
        Fault::lane(Lane::Wait).status(500),
        Fault::lane(Lane::Wait).body("<html>"),
        Fault::lane(Lane::Events).batch(-3),
    ] {
        server.faults().add(fault);
        let made = api.send(folder(nodes.root())).await.unwrap();
        let packets = packets_of(&mut events, &made.tag).await;
        assert!(packets.iter().any(|p| matches!(p, Packet::NewNodes(_))));
        server.faults().clear();
    }
    // Whatever is still under way, the end of the session comes through.
    server.with_model(|m| m.kill_sessions(EMAIL));
    let end = loop {
        if let Err(end) = events.next_batch().await {
            break end;
        }
    };
    assert_eq!(end, ChannelEnd::SessionEnded);
}

#[tokio::test(flavor = "multi_thread")]
async fn evt_6_a_position_that_is_too_old_means_a_reload() {
    let server = TestServer::builder()
        .options(|o| o.events_kept = 1)
        .start()
        .await
        .unwrap();
    server.account(EMAIL, PASSWORD).create();
    let api = builder(&server).build().unwrap();
    sign_in(&server, &api).await;
    let (nodes, events) = tree(&api).await;
    let old = events.position();
    drop(events);
    for _ in 0..5 {
        api.send(folder(nodes.root())).await.unwrap();
    }
    let mut late = api.events(old);
    assert_eq!(late.next_batch().await, Err(ChannelEnd::Reload));
}

#[tokio::test(flavor = "multi_thread")]
async fn downloads_tell_every_way_of_failing_apart() {
    let (server, api) = signed_in().await;
    let (nodes, _) = tree(&api).await;
    let content = vec![7u8; 200_000];
    let (file, _) = put_file(&api, nodes.root(), &content).await;
    let address = api
        .send(FetchDownloadAddress::node(file))
        .await
        .unwrap()
        .reply;
    let url = &address.urls[0];
    let range = ByteRange::new(0, 200_000).unwrap();
    let get = || async {
        match api.storage().download_range(url, range).await {
            Ok(stream) => stream.collect().await,
            Err(error) => Err(error),
        }
    };
    let on = |fault: Fault| server.faults().add(fault);

    on(Fault::lane(Lane::Download).bandwidth(77));
    let error = get().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OverQuota);
    assert_eq!(error.retry_after().map(|t| t.as_secs()), Some(77));
    on(Fault::lane(Lane::Download).status(429));
    assert_eq!(get().await.unwrap_err().kind(), ErrorKind::RateLimited);
    on(Fault::lane(Lane::Download).status(503));
    assert_eq!(get().await.unwrap_err().kind(), ErrorKind::Unavailable);
    on(Fault::lane(Lane::Download).redirect("https://evil.example/"));
    assert_eq!(
        get().await.unwrap_err().kind(),
        ErrorKind::Protocol,
        "NET-4"
    );
    // NET-7: a body cut off, and one whose announced length is another.
    on(Fault::lane(Lane::Download).cut_at(1000));
    assert_eq!(get().await.unwrap_err().kind(), ErrorKind::Network);
    on(Fault::lane(Lane::Download).truncate_at(1000));
    assert_eq!(get().await.unwrap_err().kind(), ErrorKind::Network);
    on(Fault::lane(Lane::Download).body(vec![0u8; 300_000]));
    assert_eq!(get().await.unwrap_err().kind(), ErrorKind::Protocol);
    assert_eq!(get().await.unwrap(), content);
    // For good, from then on.
    on(Fault::lane(Lane::Download).expire_url());
    assert!(matches!(
        get().await,
        Err(Error::Storage(StorageError::AddressExpired))
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn ul_3_upload_errors_are_never_taken_for_tokens() {
    let (server, api) = signed_in().await;
    let content = vec![7u8; 1000];
    let address = api.send(FetchUploadAddress::new(1000)).await.unwrap().reply;
    for (code, kind) in [
        (-14, ErrorKind::Integrity),
        (-4, ErrorKind::Unavailable),
        (-8, ErrorKind::Expired),
        (-6, ErrorKind::RateLimited),
    ] {
        server.faults().add(Fault::lane(Lane::Upload).code(code));
        let part = Bytes::from(content.clone());
        let error = api
            .storage()
            .upload_part(&address, 0, part, UploadProgress::default())
            .await
            .unwrap_err();
        assert_eq!(error.kind(), kind);
        assert_eq!(error.code().map(|c| i64::from(c.number())), Some(code));
    }
    server.faults().add(Fault::lane(Lane::Upload).body("what?"));
    let part = Bytes::from(content.clone());
    let error = api
        .storage()
        .upload_part(&address, 0, part, UploadProgress::default())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Protocol);
    // Nothing was stored so far; a repeated part after a lost reply gives the token again.
    server.faults().add(Fault::lane(Lane::Upload).lose_reply());
    let part = Bytes::from(content.clone());
    let storage = api.storage();
    storage
        .upload_part(&address, 0, part.clone(), UploadProgress::default())
        .await
        .expect_err("the reply was lost");
    storage
        .upload_part(&address, 0, part, UploadProgress::default())
        .await
        .unwrap();
    upload(&api, &content).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn net_7_a_part_that_is_made_while_it_leaves_arrives_whole_or_not_at_all() {
    let (_server, api) = signed_in().await;
    let content = Bytes::from(vec![7; 300_000]);
    let size = 300_000;
    let address = api.send(FetchUploadAddress::new(size)).await.unwrap().reply;
    let send = async |pieces: Vec<std::io::Result<Bytes>>, progress: &UploadProgress| {
        let pieces = std::sync::Mutex::new(Some(pieces));
        let body = RequestBody::from_pieces(size, move || {
            futures::stream::iter(pieces.lock().unwrap().take().unwrap())
        });
        let (checksum, storage) = (upload_checksum(&content), api.storage());
        let sent = storage.upload_made_part(&address, 0, checksum, body, progress.clone());
        sent.await
    };
    let progress = UploadProgress::default();
    assert_eq!(progress.since_last(), None);
    let start = || Ok(content.slice(..200_000));
    // Its maker gives up.
    let given_up = vec![start(), Err(std::io::Error::other("the disk"))];
    let error = send(given_up, &UploadProgress::default())
        .await
        .unwrap_err();
    let mut causes = std::iter::successors(Some(&error as &dyn std::error::Error), |e| e.source());
    assert!(
        causes.any(|cause| cause.to_string().contains("the disk")),
        "{error:?}"
    );
    // It is too short.
    let short = send(vec![start()], &UploadProgress::default()).await;
    assert!(matches!(short, Err(Error::Transport(_))), "{short:?}");
    // It is not what the checksum says.
    let other = vec![start(), Ok(vec![8; 100_000].into())];
    let error = send(other, &UploadProgress::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Integrity);
    // After all that, whole.
    let whole = vec![start(), Ok(content.slice(200_000..))];
    let reply = send(whole, &progress).await.unwrap();
    assert!(matches!(reply, UploadReply::Complete(_)));
    assert_eq!(progress.bytes(), size);
    assert!(progress.since_last().is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_3_no_error_shows_the_session_or_a_storage_address() {
    let (server, api) = signed_in().await;
    let (nodes, _) = tree(&api).await;
    let (file, _) = put_file(&api, nodes.root(), b"x").await;
    let address = api
        .send(FetchDownloadAddress::node(file))
        .await
        .unwrap()
        .reply;
    let sid = server.with_model(|m| m.newest_session(EMAIL).unwrap().to_owned());
    let token = address.urls[0].expose().path_and_query().to_owned();
    let impatient = builder(&server)
        .identity(api.identity())
        .retry(RetryPolicy::none())
        .build()
        .unwrap();
    let mut shown = String::new();
    for fault in [
        Fault::any().drop_before(),
        Fault::any().status(500),
        Fault::any().cut_at(1),
        Fault::any().redirect("https://evil.example/"),
        Fault::any().code(-9),
    ] {
        server.faults().add(fault.clone());
        let error = impatient.send(FetchUserData::new()).await.unwrap_err();
        server.faults().clear();
        server.faults().add(fault);
        let range = ByteRange::new(0, 1).unwrap();
        let got = match impatient
            .storage()
            .download_range(&address.urls[0], range)
            .await
        {
            Ok(stream) => stream.collect().await.map(|_| ()),
            Err(error) => Err(error),
        };
        server.faults().clear();
        for error in [Some(error), got.err()].into_iter().flatten() {
            let mut cause: Option<&dyn std::error::Error> = Some(&error);
            while let Some(error) = cause {
                shown += &format!("{error} {error:?}\n");
                cause = error.source();
            }
        }
    }
    shown += &format!("{impatient:?} {:?} {address:?}", impatient.identity());
    assert!(shown.len() > 500);
    for secret in [sid.as_str(), token.as_str()] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn net_1_a_refused_connection_has_no_effect_and_says_so() {
    let (server, api) = signed_in().await;
    let (nodes, _) = tree(&api).await;
    let target = nodes.root();
    let api = builder(&server).retry(RetryPolicy::none()).build().unwrap();
    // The connections of before are gone with their handle.
    server.stop().await;
    let error = api.send(folder(target)).await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Network), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_in_twice_at_once_gives_two_sessions() {
    let (server, api) = signed_in().await;
    let other = api.with_identity(mega_protocol::Identity::Anonymous);
    sign_in(&server, &other).await;
    assert_ne!(api.identity(), other.identity());
}

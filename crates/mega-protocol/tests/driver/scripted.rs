//! The driver over a transport that answers as told, with a clock that stands still until needed.

use std::time::Duration;

use bytes::Bytes;
use mega_protocol::commands::*;
use mega_protocol::events::ChannelEnd;
use mega_protocol::fetch::FetchSink;
use mega_protocol::storage::{ByteRange, DownloadUrl, UploadReply, UploadUrl};
use mega_protocol::transport::{TransportError, TransportErrorKind};
use mega_protocol::{
    Api, Body, Error, ErrorKind, HttpResponse, Identity, Method, NodeHandle, RawNode, SessionId,
    UploadProgress, UrlError, UrlPolicy,
};

use crate::support::{Scripted, scripted};

fn delete() -> DeleteNode {
    DeleteNode::new(NodeHandle::from_bytes([1; 6]))
}

fn reset() -> TransportError {
    TransportError::new(TransportErrorKind::Reset)
}

#[derive(Default)]
struct Count {
    nodes: usize,
    restarts: usize,
}

impl FetchSink for Count {
    fn node(&mut self, _node: &RawNode<'_>) {
        self.nodes += 1;
    }

    fn restart(&mut self) {
        self.nodes = 0;
        self.restarts += 1;
    }
}

const TREE: &str = r#"[{"f":[{"h":"AAAAAAAB","t":1},{"h":"AAAAAAAC","t":1}],"sn":"AAAAAAAAAAE"}]"#;

#[tokio::test(start_paused = true)]
async fn requests_have_the_form_of_the_protocol() {
    let (api, transport, mut requests) = scripted();
    api.set_identity(Identity::Session(SessionId::from_bytes([0; 43])));
    transport.reply(200, "[{}]");
    api.send(FetchUserData::new()).await.unwrap();
    let request = requests.recv().await.unwrap();
    assert_eq!(request.method, Method::Post);
    assert!(
        request
            .url
            .as_str()
            .starts_with("https://g.api.mega.co.nz/cs?id=")
    );
    assert_eq!(
        request.headers.get("content-type"),
        Some("application/json")
    );
    assert_eq!(request.headers.get("accept-encoding"), Some("gzip"));
    assert_eq!(
        request.body.in_memory().unwrap(),
        &br#"[{"a":"ug","v":1}]"#[..]
    );
    assert!(!format!("{request:?}").contains("sid"));
}

#[tokio::test(start_paused = true)]
async fn lim_10_a_silent_service_is_given_up_after_its_time_and_asked_again() {
    let (api, transport, _requests) = scripted();
    transport.hang();
    transport.then(|_| {
        // The head comes, the body never does.
        let body = Body::from_stream(futures::stream::pending());
        Box::pin(async move { Ok(HttpResponse::new(200, Default::default(), body)) })
    });
    transport.reply(200, "[\"1\"]");
    let before = tokio::time::Instant::now();
    let answer = api.send(delete()).await.unwrap();
    assert!(answer.repeated);
    assert!(before.elapsed() >= Duration::from_secs(240));
    assert_eq!(transport.count(), 3);
}

#[tokio::test(start_paused = true)]
async fn lim_11_a_slow_reply_lives_as_long_as_bytes_arrive() {
    let (api, transport, _requests) = scripted();
    transport.then(|_| {
        let pieces = futures::stream::unfold(0usize, |n| async move {
            tokio::time::sleep(Duration::from_secs(100)).await;
            let byte = b"[{}]".get(n)?;
            Some((Ok(Bytes::copy_from_slice(&[*byte])), n + 1))
        });
        let body = Body::from_stream(pieces);
        Box::pin(async move { Ok(HttpResponse::new(200, Default::default(), body)) })
    });
    api.send(FetchUserData::new()).await.unwrap();
    assert_eq!(transport.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn lim_1_a_reply_beyond_the_limit_is_refused() {
    let (transport, _requests) = Scripted::new();
    let api = Api::builder(transport.clone())
        .max_reply(100)
        .retry(mega_protocol::RetryPolicy::none())
        .build()
        .unwrap();
    transport.reply(200, format!("[\"{}\"]", "x".repeat(100)));
    assert!(api.send(FetchUserData::new()).await.is_err());
}

/// Hands a long body over piece by piece; says at the end how many bytes were taken.
fn endless(
    transport: &Scripted,
    start: &'static str,
    again: &'static str,
) -> std::sync::Arc<std::sync::atomic::AtomicUsize> {
    let taken = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = std::sync::Arc::clone(&taken);
    transport.then(move |_| {
        let pieces = std::iter::once(Bytes::from_static(start.as_bytes()))
            .chain(std::iter::repeat(Bytes::from(again.repeat(100))));
        let pieces = futures::stream::iter(pieces.map(move |piece| {
            count.fetch_add(piece.len(), std::sync::atomic::Ordering::Relaxed);
            Ok(piece)
        }));
        let body = Body::from_stream(pieces);
        Box::pin(async move { Ok(HttpResponse::new(200, Default::default(), body)) })
    });
    taken
}

#[tokio::test(start_paused = true)]
async fn lim_2_a_tree_is_read_as_it_arrives_and_given_up_at_its_limit() {
    let (transport, _requests) = Scripted::new();
    let api = Api::builder(transport.clone())
        .max_tree(1_000_000)
        .retry(mega_protocol::RetryPolicy::none())
        .build()
        .unwrap();
    // A tree without end. The nodes come out while it arrives, and it is given up soon after the limit.
    let taken = endless(
        &transport,
        r#"[{"f":[{"h":"AAAAAAAB","t":1}"#,
        r#",{"h":"AAAAAAAC","t":1}"#,
    );
    let mut sink = Count::default();
    let error = api
        .fetch_nodes(FetchNodes::new(), &mut sink)
        .await
        .unwrap_err();
    assert!(error.is_retryable(), "{error:?}");
    let taken = taken.load(std::sync::atomic::Ordering::Relaxed);
    assert!((1_000_000..1_100_000).contains(&taken), "{taken} bytes");
    assert!(sink.nodes > 30_000, "{} nodes", sink.nodes);
    // One that keeps to the limit is read.
    transport.reply(200, TREE);
    let summary = api.fetch_nodes(FetchNodes::new(), &mut sink).await.unwrap();
    assert_eq!(summary.nodes, 2);
}

#[tokio::test(start_paused = true)]
async fn lim_6_a_reply_of_the_event_channel_is_given_up_at_its_limit() {
    let (transport, _requests) = Scripted::new();
    let api = Api::builder(transport.clone())
        .max_events(1_000_000)
        .identity(Identity::Session(SessionId::from_bytes([7; 43])))
        .build()
        .unwrap();
    let mut events = api.events("AAAAAAAAAAE".parse().unwrap());
    let taken = endless(&transport, r#"{"a":[{"a":"sqac"}"#, r#",{"a":"sqac"}"#);
    transport.reply(200, r#"{"a":[{"a":"sqac"}],"sn":"AAAAAAAAAAI"}"#);
    let batch = events.next_batch().await.unwrap();
    assert_eq!(batch.packets.len(), 1, "nothing of the one without end");
    let taken = taken.load(std::sync::atomic::Ordering::Relaxed);
    assert!((1_000_000..1_100_000).contains(&taken), "{taken} bytes");
}

#[tokio::test(start_paused = true)]
async fn net_8_a_page_of_somebody_else_is_asked_past_and_never_an_answer() {
    let (api, transport, _requests) = scripted();
    // What portals, proxies and parking pages send with status 200.
    for page in [
        "<html>Please log in</html>",
        "<!DOCTYPE html><p>[\"12A\"]",
        "",
        "OK",
        "\u{feff}[0]",
    ] {
        transport.reply_with(200, &[("content-type", "text/html")], page);
    }
    transport.reply(200, "[\"12A\"]");
    let answer = api.send(delete()).await.unwrap();
    assert!(answer.repeated);
    assert_eq!(transport.count(), 6);
    // Nor is it a tree or a batch of events.
    transport.reply(200, "<html>[{\"f\":[{\"h\":\"AAAAAAAB\"}]}]");
    transport.reply(200, TREE);
    let mut sink = Count::default();
    let summary = api.fetch_nodes(FetchNodes::new(), &mut sink).await.unwrap();
    assert_eq!((summary.nodes, sink.nodes), (2, 2));
    let mut events = api.events("AAAAAAAAAAE".parse().unwrap());
    transport.reply(200, "<html>");
    transport.reply(200, r#"{"sn":"AAAAAAAAAAI"}"#);
    assert!(events.next_batch().await.unwrap().packets.is_empty());
}

#[tokio::test(start_paused = true)]
async fn net_7_a_body_of_another_length_than_announced_is_no_answer() {
    let (api, transport, _requests) = scripted();
    transport.reply_with(200, &[("content-length", "100")], "[\"1\"]");
    transport.reply_with(200, &[("Original-Content-Length", "100")], "[\"1\"]");
    transport.reply_with(200, &[("content-length", "5")], "[\"1\"]");
    assert!(api.send(delete()).await.unwrap().repeated);
    assert_eq!(transport.count(), 3);
}

#[tokio::test(start_paused = true)]
async fn can_1_a_dropped_caller_neither_loses_nor_repeats_what_left() {
    let (api, transport, mut requests) = scripted();
    let (release, held) = tokio::sync::oneshot::channel::<()>();
    transport.then(move |_| {
        Box::pin(async move {
            held.await.unwrap();
            Err(reset())
        })
    });
    let pending = api.submit(delete()).unwrap();
    let first = requests.recv().await.unwrap();
    // It has left; now nobody waits for it any more. A second one has not left.
    drop(pending);
    let never = api.submit(delete()).unwrap();
    drop(never);
    release.send(()).unwrap();
    transport.reply(200, "[\"1\"]");
    let second = requests.recv().await.unwrap();
    assert_eq!(second.url, first.url);
    assert_eq!(second.body.in_memory(), first.body.in_memory());
    transport.reply(200, "[{}]");
    api.send(FetchUserData::new()).await.unwrap();
    assert_eq!(transport.count(), 3, "the withdrawn one never left");
}

#[tokio::test(start_paused = true)]
async fn can_3_no_task_is_left_when_the_lane_is_idle_or_the_last_handle_gone() {
    let tasks = || {
        tokio::runtime::Handle::current()
            .metrics()
            .num_alive_tasks()
    };
    let (api, transport, mut requests) = scripted();
    assert_eq!(tasks(), 0, "none before the first command");
    transport.reply(200, "[{}]");
    api.send(FetchUserData::new()).await.unwrap();
    tokio::task::yield_now().await;
    assert_eq!(tasks(), 0, "none when idle");

    transport.hang();
    let copy = api.clone();
    let waiting = tokio::spawn(async move { copy.send(delete()).await });
    requests.recv().await.unwrap();
    requests.recv().await.unwrap();
    waiting.abort();
    let _ = waiting.await;
    drop(api);
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    assert_eq!(tasks(), 0, "none when the last handle is gone");
}

#[tokio::test(start_paused = true)]
async fn can_3_closing_waits_for_what_is_in_flight() {
    let (api, transport, mut requests) = scripted();
    let (release, held) = tokio::sync::oneshot::channel::<()>();
    transport.then(move |_| {
        Box::pin(async move {
            held.await.unwrap();
            Ok(HttpResponse::new(
                200,
                Default::default(),
                Body::from_bytes("[\"1\"]"),
            ))
        })
    });
    let sent = api.submit(delete()).unwrap();
    requests.recv().await.unwrap();
    let waiting = api.submit(delete()).unwrap();
    let closing = tokio::spawn({
        let api = api.clone();
        async move { api.close().await }
    });
    assert!(matches!(waiting.await, Err(Error::Closed)));
    assert!(!closing.is_finished());
    release.send(()).unwrap();
    assert!(sent.await.is_ok());
    closing.await.unwrap();
    assert!(matches!(api.send(delete()).await, Err(Error::Closed)));
}

#[tokio::test(start_paused = true)]
async fn can_4_a_command_dropped_at_any_poll_leaves_the_handle_usable() {
    use std::future::Future;
    for polls in 0..6 {
        let (api, transport, _requests) = scripted();
        transport.reply(200, "-3");
        transport.reply(200, "[\"1\"]");
        transport.reply(200, "[{}]");
        {
            let mut future = Box::pin(api.send(delete()));
            for _ in 0..polls {
                let waker = futures::task::noop_waker();
                let mut cx = std::task::Context::from_waker(&waker);
                if future.as_mut().poll(&mut cx).is_ready() {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
        // Whatever became of the first, the second works; and the first left at most once whole.
        let second = api.send(FetchUserData::new());
        let second = tokio::time::timeout(Duration::from_secs(600), second).await;
        assert!(second.is_ok(), "dropped after {polls} polls");
    }
}

#[tokio::test(start_paused = true)]
async fn calls_made_together_travel_together() {
    let (api, transport, mut requests) = scripted();
    transport.reply(200, format!("[{}0]", "0,".repeat(99)));
    futures::future::join_all((0..100).map(|_| api.send(delete()))).await;
    assert_eq!(transport.count(), 1);
    requests.recv().await.unwrap();

    transport.reply(200, "[0,[]]");
    let both = api.submit_all([
        RawCommand::new("x", mega_protocol::Effect::Mutation),
        RawCommand::new("y", mega_protocol::Effect::Read),
    ]);
    let mut both = both.unwrap().into_iter();
    assert_eq!(both.next().unwrap().await.unwrap().reply.json, "0");
    assert_eq!(both.next().unwrap().await.unwrap().reply.json, "[]");
}

#[tokio::test(start_paused = true)]
async fn the_lockless_lane_overtakes_the_ordered_one() {
    let (api, transport, mut requests) = scripted();
    transport.hang();
    let _stuck = api.submit(delete()).unwrap();
    requests.recv().await.unwrap();
    transport.reply(
        200,
        r#"[{"g":"https://gfs.userstorage.mega.co.nz/dl/T","s":5,"at":"QQ"}]"#,
    );
    let node = NodeHandle::from_bytes([2; 6]);
    let address = api
        .send(FetchDownloadAddress::node(node))
        .await
        .unwrap()
        .reply;
    assert_eq!(address.size, 5);
}

#[tokio::test(start_paused = true)]
async fn a_tree_cut_off_is_fetched_anew_and_the_sink_told() {
    let (api, transport, _requests) = scripted();
    transport.then(|_| {
        let half = Bytes::from_static(&TREE.as_bytes()[..40]);
        let pieces = futures::stream::iter([Ok(half), Err(reset())]);
        let body = Body::from_stream(pieces);
        Box::pin(async move { Ok(HttpResponse::new(200, Default::default(), body)) })
    });
    transport.reply(200, TREE);
    let mut sink = Count::default();
    let summary = api.fetch_nodes(FetchNodes::new(), &mut sink).await.unwrap();
    assert_eq!((summary.nodes, sink.nodes, sink.restarts), (2, 2, 1));
}

#[tokio::test(start_paused = true)]
async fn a_tree_nobody_waits_for_is_not_fetched_again() {
    let (api, transport, mut requests) = scripted();
    transport.then(|_| {
        let body = Body::from_stream(futures::stream::pending());
        Box::pin(async move { Ok(HttpResponse::new(200, Default::default(), body)) })
    });
    let fetching = tokio::spawn({
        let api = api.clone();
        async move {
            api.fetch_nodes(FetchNodes::new(), &mut Count::default())
                .await
        }
    });
    requests.recv().await.unwrap();
    fetching.abort();
    let _ = fetching.await;
    transport.reply(200, "[{}]");
    let before = tokio::time::Instant::now();
    api.send(FetchUserData::new()).await.unwrap();
    assert!(
        before.elapsed() < Duration::from_secs(1),
        "the lane is free at once"
    );
    assert_eq!(transport.count(), 2);
}

#[tokio::test(start_paused = true)]
async fn events_dropped_on_the_way_are_asked_for_again() {
    let (api, transport, mut requests) = scripted();
    let mut events = api.events("AAAAAAAAAAE".parse().unwrap());
    transport.hang();
    let cut = tokio::time::timeout(Duration::from_secs(5), events.next_batch()).await;
    assert!(cut.is_err());
    let first = requests.recv().await.unwrap();
    transport.reply(200, r#"{"a":[{"a":"sqac"}],"sn":"AAAAAAAAAAI"}"#);
    let batch = events.next_batch().await.unwrap();
    assert_eq!(batch.packets.len(), 1);
    assert_eq!(requests.recv().await.unwrap().url, first.url);
    assert_eq!(events.position().to_string(), "AAAAAAAAAAI");
    transport.reply(200, "-6");
    assert_eq!(events.next_batch().await, Err(ChannelEnd::Reload));
}

#[tokio::test(start_paused = true)]
async fn evt_7_a_silent_wait_ends_after_forty_seconds() {
    let (api, transport, _requests) = scripted();
    let mut events = api.events("AAAAAAAAAAE".parse().unwrap());
    transport.hang();
    transport.reply(200, r#"{"sn":"AAAAAAAAAAI"}"#);
    let before = tokio::time::Instant::now();
    events.next_batch().await.unwrap();
    let waited = before.elapsed();
    assert!(
        waited >= Duration::from_secs(40) && waited < Duration::from_secs(41),
        "{waited:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn news_on_the_event_channel_end_the_pause_between_attempts() {
    let (api, transport, mut requests) = scripted();
    for _ in 0..12 {
        transport.reply(200, "-3");
    }
    let pending = api.submit(delete()).unwrap();
    for _ in 0..12 {
        requests.recv().await.unwrap();
    }
    transport.reply(200, r#"{"sn":"AAAAAAAAAAI"}"#);
    transport.reply(200, "[\"1\"]");
    let before = tokio::time::Instant::now();
    let mut events = api.events("AAAAAAAAAAE".parse().unwrap());
    events.next_batch().await.unwrap();
    pending.await.unwrap();
    assert!(before.elapsed() < Duration::from_millis(50));
}

#[tokio::test(start_paused = true)]
async fn lim_10_an_upload_lives_as_long_as_its_bytes_move() {
    let (api, transport, _requests) = scripted();
    let url = UploadUrl::parse("https://gfs.userstorage.mega.co.nz/ul/T").unwrap();
    let part = || Bytes::from_static(b"part");
    transport.then(|request| {
        Box::pin(async move {
            for _ in 0..10 {
                tokio::time::sleep(Duration::from_secs(50)).await;
                request.progress.add(1);
            }
            Ok(HttpResponse::new(
                200,
                Default::default(),
                Body::from_bytes("0"),
            ))
        })
    });
    let storage = api.storage();
    let reply = storage
        .upload_part(&url, 0, part(), UploadProgress::default())
        .await
        .unwrap();
    assert_eq!(reply, UploadReply::Accepted);

    transport.hang();
    let before = tokio::time::Instant::now();
    let error = storage
        .upload_part(&url, 0, part(), UploadProgress::default())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert!(before.elapsed() < Duration::from_secs(61));
}

#[tokio::test(start_paused = true)]
async fn lim_5_a_storage_reply_beyond_its_limit_is_refused() {
    let (api, transport, _requests) = scripted();
    let url = UploadUrl::parse("https://gfs.userstorage.mega.co.nz/ul/T").unwrap();
    transport.reply(200, vec![b'x'; 5000]);
    let part = Bytes::from_static(b"part");
    let upload = api
        .storage()
        .upload_part(&url, 0, part, UploadProgress::default())
        .await;
    assert!(upload.is_err());
}

#[tokio::test(start_paused = true)]
async fn net_6_the_session_never_goes_to_storage() {
    let (api, transport, mut requests) = scripted();
    api.set_identity(Identity::Session(SessionId::from_bytes([0; 43])));
    let url = DownloadUrl::parse("https://gfs.userstorage.mega.co.nz/dl/T").unwrap();
    transport.reply_with(200, &[("content-length", "5")], "hello");
    let range = ByteRange::new(3, 5).unwrap();
    let got = api
        .storage()
        .download_range(&url, range)
        .await
        .unwrap()
        .collect()
        .await
        .unwrap();
    assert_eq!(&got[..], b"hello");
    let request = requests.recv().await.unwrap();
    assert_eq!(
        request.url.as_str(),
        "https://gfs.userstorage.mega.co.nz/dl/T/3-7"
    );
    assert!(
        request
            .headers
            .iter()
            .all(|(_, value)| !value.contains("AAAAAAAA"))
    );
    assert_eq!(request.headers.get("accept-encoding"), None, "NET-5");
}

#[tokio::test(start_paused = true)]
async fn net_3_an_address_of_a_foreign_host_is_not_even_tried() {
    let (api, transport, _requests) = scripted();
    let url = DownloadUrl::parse("https://storage.example/dl/T").unwrap();
    let range = ByteRange::new(0, 5).unwrap();
    let error = api.storage().download_range(&url, range).await.unwrap_err();
    assert!(matches!(error, Error::Url(UrlError::Host)));
    assert_eq!(transport.count(), 0);

    for origin in [
        "http://g.api.mega.co.nz/",
        "https://evil.example/",
        "http://127.0.0.1:1/",
    ] {
        let (transport, _requests) = Scripted::new();
        let error = Api::builder(transport).origin(origin).build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UrlRefused);
    }
    let (transport, _requests) = Scripted::new();
    let policy = UrlPolicy::default().allow_loopback();
    Api::builder(transport)
        .origin("http://127.0.0.1:1")
        .url_policy(policy)
        .build()
        .unwrap();
}

#[tokio::test(start_paused = true)]
async fn net_5_an_encoding_nobody_asked_for_is_refused() {
    let (api, transport, _requests) = scripted();
    let url = DownloadUrl::parse("https://gfs.userstorage.mega.co.nz/dl/T").unwrap();
    transport.reply_with(200, &[("content-encoding", "gzip")], "hello");
    let range = ByteRange::new(0, 5).unwrap();
    let error = api.storage().download_range(&url, range).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Protocol);
}

#[test]
fn handles_can_be_shared_between_threads() {
    fn shared<T: Send + Sync + Clone + 'static>() {}
    fn movable<T: Send>(_: T) {}
    shared::<Api>();
    shared::<mega_protocol::Storage>();
    let (api, ..) = scripted();
    movable(api.send(delete()));
    let mut sink = Count::default();
    movable(api.fetch_nodes(FetchNodes::new(), &mut sink));
    movable(api.events("AAAAAAAAAAE".parse().unwrap()).next_batch());
}

#[test]
fn outside_of_a_runtime_a_command_is_an_error_and_not_a_panic() {
    let (api, ..) = scripted();
    assert!(matches!(api.submit(delete()), Err(Error::Misuse(_))));
}

#[test]
fn a_runtime_shut_down_in_the_middle_leaves_the_handle_usable_in_another() {
    let (api, transport, mut requests) = scripted();
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
    };
    let first = runtime();
    transport.hang();
    let guard = first.enter();
    let pending = api.submit(delete()).unwrap();
    drop(guard);
    first.block_on(requests.recv()).unwrap();
    drop(first);
    let second = runtime();
    let error = second.block_on(pending).unwrap_err();
    assert!(error.is_outcome_unknown(), "it had left: {error:?}");
    transport.reply(200, "[{}]");
    second.block_on(api.send(FetchUserData::new())).unwrap();
}

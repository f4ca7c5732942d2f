//! Services that send bombs and crumbs, and callers that go away or panic in the middle.

use std::io::Write;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use mega_protocol::commands::{DeleteNode, FetchNodes, FetchUserData};
use mega_protocol::fetch::FetchSink;
use mega_protocol::{
    Api, Body, Error, HashcashChallenge, HttpResponse, NodeHandle, RawNode, RetryPolicy,
    SolverCancel,
};

use crate::support::{Scripted, scripted};

fn delete() -> DeleteNode {
    DeleteNode::new(NodeHandle::from_bytes([1; 6]))
}

/// Lets every other task do what it can without waiting.
async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

#[derive(Default)]
struct Count(usize);

impl FetchSink for Count {
    fn node(&mut self, _node: &RawNode<'_>) {
        self.0 += 1;
    }

    fn restart(&mut self) {
        self.0 = 0;
    }
}

#[tokio::test(start_paused = true)]
async fn inv_10_a_compressed_tree_in_one_piece_is_passed_on_in_small_ones_and_given_up_at_its_limit()
 {
    let (transport, _requests) = Scripted::new();
    let api = Api::builder(transport.clone())
        .max_tree(100_000)
        .retry(RetryPolicy::none())
        .build()
        .unwrap();
    let node = r#"{"h":"AAAAAAAB","t":1},"#;
    let nodes = 400_000;
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(br#"[{"f":["#).unwrap();
    for _ in 0..nodes / 1000 {
        encoder.write_all(node.repeat(1000).as_bytes()).unwrap();
    }
    let bomb = encoder.finish().unwrap();
    assert!(bomb.len() > 16 << 10, "more than a few steps");
    transport.reply_with(200, &[("content-encoding", "gzip")], bomb);
    let mut sink = Count::default();
    let error = api
        .fetch_nodes(FetchNodes::new(), &mut sink)
        .await
        .unwrap_err();
    assert!(error.is_retryable(), "{error:?}");
    // Up to the limit, and what one step may expand to.
    assert!(sink.0 < nodes / 2, "{} nodes were passed on", sink.0);
}

/// A byte that counts how many of its kind there are.
struct Crumb(Arc<AtomicUsize>, [u8; 1]);

impl AsRef<[u8]> for Crumb {
    fn as_ref(&self) -> &[u8] {
        &self.1
    }
}

impl Drop for Crumb {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[tokio::test(start_paused = true)]
async fn lim_1_a_reply_in_crumbs_takes_no_more_memory_than_its_bytes() {
    let (api, transport, _requests) = scripted();
    let text = format!("[{{\"u\":\"{}\"}}]", "x".repeat(10_000));
    let alive = Arc::new(AtomicUsize::new(0));
    let most = Arc::new(AtomicUsize::new(0));
    transport.then({
        let (alive, most, text) = (Arc::clone(&alive), Arc::clone(&most), text.clone());
        move |_| {
            let crumbs = text.into_bytes().into_iter().map(move |byte| {
                let now = alive.fetch_add(1, Ordering::Relaxed) + 1;
                most.fetch_max(now, Ordering::Relaxed);
                Ok(Bytes::from_owner(Crumb(Arc::clone(&alive), [byte])))
            });
            let body = Body::from_stream(futures::stream::iter(crumbs));
            Box::pin(async move { Ok(HttpResponse::new(200, Default::default(), body)) })
        }
    });
    let raw = mega_protocol::commands::RawCommand::new("ug", mega_protocol::Effect::Read);
    let answer = api.send(raw).await.unwrap();
    assert_eq!(format!("[{}]", answer.reply.json), text);
    let most = most.load(Ordering::Relaxed);
    assert!(most <= 4, "{most} pieces at once");
    assert_eq!(alive.load(Ordering::Relaxed), 0);
}

/// A handle whose solver works until the end of the world, and how to see what it was told.
struct Busy {
    api: Api,
    transport: Scripted,
    cancelled: tokio::sync::mpsc::UnboundedReceiver<SolverCancel>,
    /// Dropped at the end of the world.
    _world: mpsc::Sender<()>,
}

fn busy() -> Busy {
    let (transport, _requests) = Scripted::new();
    let (told, cancelled) = tokio::sync::mpsc::unbounded_channel();
    let (world, end) = mpsc::channel::<()>();
    let end = Mutex::new(end);
    let api = Api::builder(transport.clone())
        .seed(1)
        .hashcash_solver(move |_: &HashcashChallenge, cancel: &SolverCancel| {
            let _ = told.send(cancel.clone());
            let _ = end.lock().unwrap().recv();
            None
        })
        .build()
        .unwrap();
    let challenge = format!("1:255:1760000000:{}", "A".repeat(64));
    transport.reply_with(402, &[("X-Hashcash", &challenge)], "");
    Busy {
        api,
        transport,
        cancelled,
        _world: world,
    }
}

#[tokio::test]
async fn lim_9_a_proof_of_work_nobody_waits_for_any_more_is_broken_off() {
    let mut busy = busy();
    let pending = busy.api.submit(delete()).unwrap();
    let cancel = busy.cancelled.recv().await.unwrap();
    settle().await;
    assert!(!cancel.is_cancelled());
    // Somebody else's command does not disturb it.
    let next = busy.api.submit(FetchUserData::new()).unwrap();
    settle().await;
    assert!(!cancel.is_cancelled());
    busy.transport.reply(200, "[{}]");
    drop(pending);
    settle().await;
    assert!(cancel.is_cancelled());
    // The next one leaves although the solver has not even looked at its flag.
    next.await.unwrap();
    assert_eq!(busy.transport.count(), 2);
}

#[tokio::test]
async fn can_3_closing_does_not_wait_for_a_proof_of_work() {
    let mut busy = busy();
    let pending = busy.api.submit(delete()).unwrap();
    let cancel = busy.cancelled.recv().await.unwrap();
    let closing = tokio::spawn({
        let api = busy.api.clone();
        async move { api.close().await }
    });
    settle().await;
    assert!(cancel.is_cancelled());
    assert!(closing.is_finished());
    closing.await.unwrap();
    assert!(matches!(pending.await, Err(Error::Closed)));
}

#[tokio::test(start_paused = true)]
async fn a_command_does_not_wait_for_the_next_attempt_of_one_that_was_given_up() {
    let (transport, _requests) = Scripted::new();
    let hour = Duration::from_secs(3600);
    let api = Api::builder(transport.clone())
        .seed(1)
        .retry(
            RetryPolicy::default()
                .with_delays(hour, hour)
                .with_deadline(2 * hour),
        )
        .build()
        .unwrap();
    transport.reply(200, "-3");
    let first = api.submit(FetchUserData::new()).unwrap();
    settle().await;
    assert_eq!(transport.count(), 1);
    let second = api.submit(delete()).unwrap();
    settle().await;
    assert_eq!(transport.count(), 1, "the first is to be asked again");
    drop(first);
    transport.reply(200, "[\"1\"]");
    let before = tokio::time::Instant::now();
    second.await.unwrap();
    assert_eq!(before.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn can_2_a_change_that_was_given_up_and_not_executed_is_settled() {
    let (api, transport, _requests) = scripted();
    let (answer, answered) = tokio::sync::oneshot::channel::<()>();
    transport.then(|_| {
        Box::pin(async move {
            answered.await.unwrap();
            let body = Body::from_bytes("[-3]");
            Ok(HttpResponse::new(200, Default::default(), body))
        })
    });
    let change = api.submit(delete()).unwrap();
    settle().await;
    drop(change);
    answer.send(()).unwrap();
    api.orphans_settled().await;
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert_eq!(transport.count(), 1, "it has not left again");
}

#[test]
fn an_observer_is_not_called_while_a_panic_unwinds() {
    let unwinding = Arc::new(AtomicBool::new(false));
    let calls = Arc::new(AtomicUsize::new(0));
    let (transport, _requests) = Scripted::new();
    let api = Api::builder(transport.clone())
        .observer({
            let (unwinding, calls) = (Arc::clone(&unwinding), Arc::clone(&calls));
            move |_| {
                calls.fetch_add(1, Ordering::Relaxed);
                unwinding.fetch_or(std::thread::panicking(), Ordering::Relaxed);
            }
        })
        .build()
        .unwrap();
    transport.reply(503, "");
    let result = std::panic::catch_unwind(AssertUnwindSafe(|| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let _pending = api.submit(delete()).unwrap();
            while transport.count() == 0 {
                tokio::task::yield_now().await;
            }
            // The answer is there, and nobody has been told of it yet.
            panic!("the caller panics");
        });
    }));
    assert!(result.is_err());
    assert_eq!(calls.load(Ordering::Relaxed), 0);
    assert!(!unwinding.load(Ordering::Relaxed));
}

#[tokio::test(start_paused = true)]
async fn a_pause_that_the_service_asks_for_is_kept_by_the_event_channel_too() {
    let (api, transport, _requests) = scripted();
    transport.reply_with(429, &[("retry-after", "90")], "");
    transport.reply_with(503, &[("Retry-After", "86400")], "");
    transport.reply(200, r#"{"sn":"AAAAAAAAAAI"}"#);
    let before = tokio::time::Instant::now();
    let mut events = api.events("AAAAAAAAAAE".parse().unwrap());
    events.next_batch().await.unwrap();
    // A pause of a day is cut to the deadline of commands.
    let waited = before.elapsed();
    assert!(waited >= Duration::from_secs(90 + 300), "{waited:?}");
    assert!(waited < Duration::from_secs(90 + 301), "{waited:?}");
}

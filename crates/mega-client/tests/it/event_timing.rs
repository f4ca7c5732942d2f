//! News that come late, or have no end: a refresh neither believes what is overtaken nor waits for ever.

use std::sync::Arc;
use std::time::Duration;

use mega_client::{Client, Credentials, ErrorKind};

use crate::memory::{Memory, ORIGIN};
use crate::place::{EMAIL, PASSWORD};

/// What a transport does with the requests of the event channel.
enum Events {
    /// The next so many are answered by the service, and the answers come when they are let go.
    Late {
        count: std::sync::atomic::AtomicUsize,
        go: tokio::sync::Semaphore,
    },
    /// There is always more to come, and nothing is said.
    Endless(std::sync::atomic::AtomicU64),
}

struct OtherEvents {
    memory: Arc<Memory>,
    events: Events,
}

impl mega_client::Transport for OtherEvents {
    fn request(
        &self,
        request: mega_protocol::HttpRequest,
    ) -> mega_protocol::BoxFuture<
        '_,
        Result<mega_protocol::HttpResponse, mega_protocol::transport::TransportError>,
    > {
        use std::sync::atomic::Ordering::SeqCst;
        if !request.url.path_and_query().starts_with("/wsc") {
            return self.memory.request(request);
        }
        match &self.events {
            Events::Late { count, go } => {
                let late = |left: usize| left.checked_sub(1);
                let late = count.fetch_update(SeqCst, SeqCst, late).is_ok();
                Box::pin(async move {
                    // Nothing is answered at once, so that whoever asks at the same time is heard too.
                    tokio::task::yield_now().await;
                    let answer = self.memory.request(request).await;
                    if late {
                        go.acquire().await.unwrap().forget();
                    }
                    answer
                })
            }
            Events::Endless(told) => Box::pin(async move {
                tokio::time::sleep(Duration::from_millis(100)).await;
                let told = told.fetch_add(1, SeqCst);
                let reply = format!(r#"{{"a":[],"sn":"{told:010}A","ir":1}}"#);
                Ok(mega_protocol::HttpResponse::new(
                    200,
                    std::iter::empty::<(&str, &str)>().collect(),
                    mega_protocol::Body::from_bytes(reply),
                ))
            }),
        }
    }
}

async fn signed_in_through(transport: &Arc<OtherEvents>) -> Client {
    Client::builder()
        .origin(ORIGIN)
        .deadline(Duration::from_secs(30))
        .transport(Arc::clone(transport) as Arc<dyn mega_client::Transport>)
        .allow_legacy_v1(true)
        .login(Credentials::new(EMAIL, PASSWORD))
        .await
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn evt_9_answers_that_others_have_overtaken_are_no_old_news() {
    let memory = Memory::new();
    memory
        .service
        .account(EMAIL, PASSWORD)
        .v1()
        .without_keys()
        .create();
    let transport = Arc::new(OtherEvents {
        memory: Arc::clone(&memory),
        events: Events::Late {
            count: 0.into(),
            go: tokio::sync::Semaphore::new(0),
        },
    });
    let Events::Late { count, go } = &transport.events else {
        unreachable!()
    };
    let mega = signed_in_through(&transport).await;
    let make = |path: &str| {
        memory
            .service
            .with_model(|model| model.make_folder(EMAIL, path));
    };
    // Four ask, and their answers are under way while the tree goes on, twice.
    make("/one");
    count.store(4, std::sync::atomic::Ordering::SeqCst);
    let asking = (0..4).map(|_| {
        let mega = mega.clone();
        tokio::spawn(async move { mega.refresh().await })
    });
    let asking: Vec<_> = asking.collect();
    while count.load(std::sync::atomic::Ordering::SeqCst) > 0 {
        tokio::task::yield_now().await;
    }
    mega.refresh().await.unwrap();
    make("/two");
    mega.refresh().await.unwrap();
    assert!(mega.exists("/two").await.unwrap());
    memory.asked();
    go.add_permits(4);
    for asked in asking {
        asked.await.unwrap().unwrap();
    }
    let asked = memory.asked();
    let loads = asked.iter().filter(|asked| asked.commands() == ["f"]);
    assert_eq!(loads.count(), 0, "nobody has rolled anything back");
}

#[tokio::test(start_paused = true)]
async fn rty_12_a_service_that_always_has_more_to_tell_does_not_keep_a_refresh_for_ever() {
    let memory = Memory::new();
    memory
        .service
        .account(EMAIL, PASSWORD)
        .v1()
        .without_keys()
        .create();
    let mega = signed_in_through(&Arc::new(OtherEvents {
        memory,
        events: Events::Endless(1.into()),
    }))
    .await;
    let error = mega.refresh().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
}

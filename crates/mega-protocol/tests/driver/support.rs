//! A signed-in handle on a test server, and a transport that answers as told.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use mega_protocol::commands::{AccountVersion, Login, Prelogin};
use mega_protocol::transport::{Headers, TransportError};
use mega_protocol::{
    Api, ApiBuilder, Body, BoxFuture, HttpRequest, HttpResponse, Identity, ReqwestTransport,
    RetryPolicy, SessionId, Transport, UrlPolicy,
};
use mega_testserver::TestServer;
use mega_testserver::account::password;
use tokio::sync::mpsc;

pub(crate) const EMAIL: &str = "me@example.com";
pub(crate) const PASSWORD: &str = "a password";

/// Short delays, so that tests of retries do not wait.
pub(crate) fn impatient() -> RetryPolicy {
    RetryPolicy::default()
        .with_delays(Duration::from_millis(1), Duration::from_millis(20))
        .with_deadline(Duration::from_secs(20))
}

pub(crate) fn builder(server: &TestServer) -> ApiBuilder {
    Api::builder(ReqwestTransport::new().unwrap())
        .origin(server.url())
        .url_policy(UrlPolicy::default().allow_loopback())
        .retry(impatient())
        .user_agent("mega-protocol tests")
}

/// A server with one account, and a handle signed in to it.
pub(crate) async fn signed_in() -> (TestServer, Api) {
    let server = TestServer::start().await.unwrap();
    server.account(EMAIL, PASSWORD).create();
    let api = builder(&server).build().unwrap();
    sign_in(&server, &api).await;
    (server, api)
}

/// Signs in. The session is taken from the server, which saves the test the RSA.
pub(crate) async fn sign_in(server: &TestServer, api: &Api) {
    let version = api.send(Prelogin::new(EMAIL)).await.unwrap().reply;
    let AccountVersion::V2 { salt } = version else {
        panic!("a version 2 account")
    };
    let derived = password::v2(PASSWORD, salt.as_bytes());
    let mut login = Login::new(EMAIL, derived.auth);
    login.session_key = Some([7; 16].into());
    let reply = api.send(login).await.unwrap().reply;
    assert!(reply.private_key.is_some());
    let session: SessionId =
        server.with_model(|m| m.newest_session(EMAIL).unwrap().parse().unwrap());
    assert_eq!(session.user(), Some(reply.user));
    api.set_identity(Identity::Session(session));
}

/// What a scripted transport does with a request.
pub(crate) type Reaction =
    Box<dyn FnOnce(HttpRequest) -> BoxFuture<'static, Result<HttpResponse, TransportError>> + Send>;

/// Answers each request with the next reaction; waits for one if there is none yet.
#[derive(Clone)]
pub(crate) struct Scripted {
    inner: Arc<Inner>,
}

struct Inner {
    reactions: Mutex<VecDeque<Reaction>>,
    pub(crate) requests: Mutex<Vec<HttpRequest>>,
    seen: mpsc::UnboundedSender<HttpRequest>,
}

impl Scripted {
    /// The transport, and the requests as they come.
    pub(crate) fn new() -> (Self, mpsc::UnboundedReceiver<HttpRequest>) {
        let (seen, requests) = mpsc::unbounded_channel();
        let inner = Inner {
            reactions: Mutex::default(),
            requests: Mutex::default(),
            seen,
        };
        (
            Self {
                inner: Arc::new(inner),
            },
            requests,
        )
    }

    pub(crate) fn then(
        &self,
        reaction: impl FnOnce(HttpRequest) -> BoxFuture<'static, Result<HttpResponse, TransportError>>
        + Send
        + 'static,
    ) {
        self.inner
            .reactions
            .lock()
            .unwrap()
            .push_back(Box::new(reaction));
    }

    /// Answers with this status and body.
    pub(crate) fn reply(&self, status: u16, body: impl Into<Bytes>) {
        self.reply_with(status, &[], body);
    }

    pub(crate) fn reply_with(&self, status: u16, headers: &[(&str, &str)], body: impl Into<Bytes>) {
        let headers: Headers = headers.iter().copied().collect();
        let body = body.into();
        self.then(move |_| {
            Box::pin(async move { Ok(HttpResponse::new(status, headers, Body::from_bytes(body))) })
        });
    }

    /// Never answers.
    pub(crate) fn hang(&self) {
        self.then(|_| Box::pin(std::future::pending()));
    }

    pub(crate) fn count(&self) -> usize {
        self.inner.requests.lock().unwrap().len()
    }
}

impl Transport for Scripted {
    fn request(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, TransportError>> {
        self.inner.requests.lock().unwrap().push(request.clone());
        let reaction = self.inner.reactions.lock().unwrap().pop_front();
        let _ = self.inner.seen.send(request.clone());
        match reaction {
            Some(reaction) => reaction(request),
            None => Box::pin(std::future::pending()),
        }
    }
}

/// A handle over a scripted transport.
pub(crate) fn scripted() -> (Api, Scripted, mpsc::UnboundedReceiver<HttpRequest>) {
    let (transport, requests) = Scripted::new();
    let api = Api::builder(transport.clone()).seed(1).build().unwrap();
    (api, transport, requests)
}

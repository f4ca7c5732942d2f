//! A transport without sockets: requests go to the service in memory and are kept for inspection; under a paused runtime time is virtual.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use mega_client::{Client, ClientBuilder, Transport};
use mega_protocol::transport::{Headers, TransportError, TransportErrorKind};
use mega_protocol::{Body, BoxFuture, HttpRequest, HttpResponse, Method};
use mega_testserver::{Clock, Service, TestServer};

pub(crate) const ORIGIN: &str = "http://127.0.0.1:9";

/// A request that was made.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// Path and query.
    pub(crate) target: String,
    pub(crate) body: Bytes,
}

impl Asked {
    /// The names of the commands of a batch.
    pub(crate) fn commands(&self) -> Vec<String> {
        let batch: serde_json::Value = serde_json::from_slice(&self.body).unwrap_or_default();
        let batch = batch.as_array().cloned().unwrap_or_default();
        let name = |command: &serde_json::Value| command["a"].as_str().unwrap_or("?").to_owned();
        batch.iter().map(name).collect()
    }
}

pub(crate) struct Memory {
    pub(crate) service: Arc<Service>,
    asked: Mutex<Vec<Asked>>,
}

impl Memory {
    pub(crate) fn new() -> Arc<Self> {
        let service = TestServer::builder().clock(Clock::real()).in_memory();
        service.set_origin(ORIGIN, ORIGIN);
        Arc::new(Self {
            service,
            asked: Mutex::default(),
        })
    }

    pub(crate) fn builder(self: &Arc<Self>) -> ClientBuilder {
        Client::builder()
            .origin(ORIGIN)
            .transport(Arc::clone(self) as Arc<dyn Transport>)
    }

    /// What was asked since the last call.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

impl Transport for Memory {
    fn request(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, TransportError>> {
        Box::pin(async move {
            let target = request.url.path_and_query().to_owned();
            let body = request.body.into_bytes().await;
            let body = body.map_err(|_| TransportError::new(TransportErrorKind::Reset))?;
            self.asked.lock().unwrap().push(Asked {
                target: target.clone(),
                body: body.clone(),
            });
            let method = match request.method {
                Method::Get => http::Method::GET,
                _ => http::Method::POST,
            };
            let mut asked = http::Request::builder().method(method).uri(target);
            for (name, value) in request.headers.iter() {
                asked = asked.header(name, value);
            }
            let reply = self.service.answer(asked.body(body).unwrap()).await;
            let answer = reply
                .into_http()
                .map_err(|_| TransportError::new(TransportErrorKind::Reset))?;
            let (head, body) = answer.into_parts();
            let headers: Headers = head
                .headers
                .iter()
                .map(|(name, value)| (name.as_str(), value.to_str().unwrap_or_default()))
                .collect();
            Ok(HttpResponse::new(
                head.status.as_u16(),
                headers,
                Body::from_bytes(body),
            ))
        })
    }
}

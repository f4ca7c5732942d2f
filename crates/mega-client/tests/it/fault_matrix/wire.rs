//! The network of a cell: requests reach the service in memory, in virtual time, and what the cell says goes wrong with the requests it names.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use mega_client::Transport;
use mega_protocol::transport::{Headers, TransportError, TransportErrorKind};
use mega_protocol::{Body, BoxFuture, HttpRequest, HttpResponse, Method};
use mega_testserver::{Fault, Lane, Manner, Reply, Service};

/// One thing that goes wrong with a request.
#[derive(Clone)]
pub(crate) enum Trouble {
    /// There is no response, and nothing has left.
    Nobody(TransportErrorKind),
    /// The service misbehaves, in each of these ways.
    Service(Vec<Fault>),
    /// A byte of the request's body is another one when it arrives.
    Flip,
    /// Each command of the batch answers this number.
    Code(i64),
    /// This is answered, and nothing executed.
    Answer(u16, &'static [(&'static str, &'static str)]),
    /// Something else happens just before.
    Meanwhile(Arc<dyn Fn(&Service) + Send + Sync>),
}

/// Which requests are hit: those of some lanes, from the `first` on, so many of them.
#[derive(Clone)]
pub(crate) struct Plan {
    pub(crate) lanes: &'static [Lane],
    pub(crate) first: usize,
    pub(crate) times: usize,
    pub(crate) trouble: Trouble,
}

#[derive(Default)]
struct State {
    plan: Option<Plan>,
    seen: usize,
    hits: usize,
    lanes: Vec<Lane>,
    dead: bool,
}

pub(crate) struct Wire {
    service: Arc<Service>,
    state: Mutex<State>,
}

impl Wire {
    pub(crate) fn new(service: Arc<Service>) -> Arc<Self> {
        Arc::new(Self {
            service,
            state: Mutex::default(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// From now on things go wrong as planned.
    pub(crate) fn arm(&self, plan: Option<Plan>) {
        *self.lock() = State {
            plan,
            ..State::default()
        };
    }

    /// From now on nothing goes wrong; how many requests were hit.
    pub(crate) fn disarm(&self) -> usize {
        self.service.faults().clear();
        std::mem::take(&mut *self.lock()).hits
    }

    /// The process at this end is no more.
    pub(crate) fn die(&self) {
        self.lock().dead = true;
    }

    /// The lanes of the requests since [`Self::arm`], in order.
    pub(crate) fn lanes(&self) -> Vec<Lane> {
        self.lock().lanes.clone()
    }

    fn trouble(&self, lane: Lane) -> Option<Trouble> {
        let mut state = self.lock();
        state.lanes.push(lane);
        let plan = state.plan.clone()?;
        if !plan.lanes.contains(&lane) {
            return None;
        }
        let number = state.seen;
        state.seen += 1;
        let hit = number >= plan.first && number - plan.first < plan.times;
        state.hits += usize::from(hit);
        hit.then_some(plan.trouble)
    }

    async fn exchange(&self, request: HttpRequest) -> Result<HttpResponse, TransportError> {
        let target = request.url.path_and_query().to_owned();
        let lane = lane_of(&target);
        if self.lock().dead {
            return std::future::pending().await;
        }
        // A request is on its way for a while: a cancelled one may be lost.
        tokio::time::sleep(Duration::from_millis(10)).await;
        let body = request.body.into_bytes().await;
        let mut body = body.map_err(|_| TransportError::new(TransportErrorKind::Reset))?;
        match self.trouble(lane) {
            None => {}
            Some(Trouble::Nobody(kind)) => return Err(TransportError::new(kind)),
            Some(Trouble::Answer(status, headers)) => {
                let headers = headers.iter().copied().collect();
                return Ok(HttpResponse::new(
                    status,
                    headers,
                    Body::from_bytes(Bytes::new()),
                ));
            }
            Some(Trouble::Service(faults)) => {
                for fault in faults {
                    self.service.faults().add(fault);
                }
            }
            Some(Trouble::Flip) => {
                let mut wrong = body.to_vec();
                if let Some(byte) = wrong.get_mut(10) {
                    *byte ^= 0x40;
                }
                body = wrong.into();
            }
            Some(Trouble::Code(code)) => {
                let batch: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
                for command in batch.as_array().into_iter().flatten() {
                    let name = command["a"].as_str().unwrap_or_default();
                    self.service.faults().add(Fault::command(name).code(code));
                }
                if lane == Lane::Events {
                    self.service.faults().add(Fault::lane(lane).code(code));
                }
            }
            Some(Trouble::Meanwhile(act)) => act(&self.service),
        }
        let method = match request.method {
            Method::Get => http::Method::GET,
            _ => http::Method::POST,
        };
        let mut asked = http::Request::builder().method(method).uri(target);
        for (name, value) in request.headers.iter() {
            asked = asked.header(name, value);
        }
        request.progress.add(body.len() as u64);
        let reply = self.service.answer(asked.body(body).unwrap()).await;
        tokio::time::sleep(Duration::from_millis(10)).await;
        deliver(reply).await
    }
}

impl Transport for Wire {
    fn request(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, TransportError>> {
        Box::pin(self.exchange(request))
    }
}

fn lane_of(target: &str) -> Lane {
    match target.trim_start_matches('/').split(['/', '?']).next() {
        Some("cs") => Lane::Api,
        Some("sc" | "wsc") => Lane::Events,
        Some("w") => Lane::Wait,
        Some("ul") => Lane::Upload,
        Some("dl") => Lane::Download,
        Some("fa") => Lane::Attributes,
        _ => Lane::Other,
    }
}

/// What a socket would make of how a reply is delivered.
async fn deliver(reply: Reply) -> Result<HttpResponse, TransportError> {
    let broken = || TransportError::new(TransportErrorKind::Reset);
    if let Some(delay) = reply.delivery.delay {
        tokio::time::sleep(delay).await;
    }
    let mut headers: Headers = reply
        .headers
        .iter()
        .map(|(name, value)| (name.to_string(), value.clone()))
        .collect();
    let body = reply.body.into_bytes();
    headers.insert("Content-Length", body.len().to_string());
    let at = |offset: u64| {
        usize::try_from(offset)
            .unwrap_or(usize::MAX)
            .min(body.len())
    };
    let body = match reply.delivery.manner {
        Manner::Lost => return Err(broken()),
        Manner::HeadersOnly => Body::from_stream(futures::stream::iter([Err(broken())])),
        Manner::Cut(offset) if at(offset) < body.len() => {
            let part = body.slice(..at(offset));
            Body::from_stream(futures::stream::iter([Ok(part), Err(broken())]))
        }
        Manner::Stall { at: offset, time } => {
            let parts = [
                (Duration::ZERO, body.slice(..at(offset))),
                (time, body.slice(at(offset)..)),
            ];
            Body::from_stream(slowly(parts.to_vec()))
        }
        Manner::Trickle { bytes, pause } => {
            let starts = (0..body.len()).step_by(bytes.max(1));
            let part = |start| (pause, body.slice(start..body.len().min(start + bytes)));
            Body::from_stream(slowly(starts.map(part).collect()))
        }
        _ => Body::from_bytes(body),
    };
    Ok(HttpResponse::new(reply.status, headers, body))
}

fn slowly(
    parts: Vec<(Duration, Bytes)>,
) -> impl futures::Stream<Item = Result<Bytes, TransportError>> {
    futures::stream::unfold(parts.into_iter(), async |mut parts| {
        let (pause, part) = parts.next()?;
        tokio::time::sleep(pause).await;
        Some((Ok(part), parts))
    })
}

//! The network of one client: requests reach the service in memory, in virtual time, or something goes wrong.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use mega_protocol::transport::{Headers, TransportError, TransportErrorKind};
use mega_protocol::{Body, BoxFuture, HttpRequest, HttpResponse, Method, Transport};
use mega_testserver::{Fault as ServerFault, Reply, Service};

use crate::defect::Defect;
use crate::fault::{Fault, Lane};
use crate::history::History;
use crate::packets::{drop_redelivered, position_of};
use crate::rng::Rng;

/// The transport of one client.
pub(crate) struct Wire {
    service: Arc<Service>,
    history: History,
    who: String,
    seed: u64,
    /// Whether the service forgets now and then which requests it has seen.
    forgetful: bool,
    defect: Option<Defect>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// How many of a thousand requests are hit.
    rate: u64,
    /// Nothing goes wrong for now.
    calm: bool,
    outage: Option<Fault>,
    /// Counts the requests of each lane: what happens to one does not depend on the others.
    counts: BTreeMap<Lane, u64>,
    /// The last batch of action packets, for [`Fault::Repeated`].
    last_batch: Option<Bytes>,
    seen_ids: HashSet<String>,
    skipped: HashMap<String, String>,
    places: HashMap<String, String>,
}

/// What happens to one request.
struct Fate {
    fault: Option<Fault>,
    there: Duration,
    back: Duration,
    /// A request whose sender goes away before it arrives may arrive all the same.
    arrives_anyway: bool,
}

impl Wire {
    pub(crate) fn new(
        service: Arc<Service>,
        history: History,
        who: &str,
        seed: u64,
        rate: u64,
        forgetful: bool,
        defect: Option<Defect>,
    ) -> Self {
        let state = State {
            rate,
            ..State::default()
        };
        Self {
            service,
            history,
            who: who.to_owned(),
            seed,
            forgetful,
            defect,
            state: Mutex::new(state),
        }
    }

    /// Ends or begins a time in which nothing goes wrong.
    pub(crate) fn calm(&self, calm: bool) {
        self.lock().calm = calm;
    }

    /// Begins or ends a time in which every request has the same fault.
    pub(crate) fn outage(&self, fault: Option<Fault>) {
        self.lock().outage = fault;
    }

    /// A new process has new connections: no reply of an earlier one reaches it.
    pub(crate) fn reconnect(&self) {
        self.lock().last_batch = None;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A part of a file in six parts that is dead or slow stays so, as long as its address is good.
    fn bad_part(&self, target: &str) -> Option<Fault> {
        let place = target.split('/').take(3).collect::<Vec<_>>().join("/");
        let mut rng = Rng::of(self.seed, &[fingerprint(&place, b"")]);
        let in_parts = self.service.with_model(|model| model.options().cloud_raid);
        match rng.below(12) {
            0 if in_parts => Some(Fault::Status(500)),
            1 if in_parts => Some(Fault::Late(Duration::from_secs(rng.between(2, 90)))),
            _ => None,
        }
    }

    fn fate(&self, lane: Lane, target: &str) -> Fate {
        let bad = (lane == Lane::Download)
            .then(|| self.bad_part(target))
            .flatten();
        let mut state = self.lock();
        let count = state.counts.entry(lane).or_default();
        *count += 1;
        let mut rng = Rng::of(self.seed, &[lane as u64, *count]);
        let there = Duration::from_micros(rng.between(500, 30_000));
        let back = Duration::from_micros(rng.between(500, 30_000));
        let arrives_anyway = rng.permille(500);
        let drawn = rng
            .permille(state.rate)
            .then(|| Fault::draw(lane, &mut rng));
        // A truncated or changed content is what these two are about; the others would only hide it.
        let drawn = drawn.map(|fault| match fault {
            Fault::LostAndForgotten if !self.forgetful => Fault::LostAfter,
            fault => fault,
        });
        let drawn = drawn.filter(|fault| match self.defect {
            Some(Defect::TruncatedAccepted) => !matches!(fault, Fault::Corrupt(_)),
            _ => true,
        });
        let fault = if state.calm {
            None
        } else {
            state.outage.or(drawn).or(bad)
        };
        Fate {
            fault,
            there,
            back,
            arrives_anyway,
        }
    }

    async fn exchange(&self, request: HttpRequest) -> Result<HttpResponse, TransportError> {
        let lane = Lane::of(request.url.path_and_query());
        let fate = self.fate(lane, request.url.path_and_query());
        let body = request.body.clone().into_bytes().await;
        let body = body.map_err(|_| TransportError::new(TransportErrorKind::Reset))?;
        // Down to the last byte, keys and nonces included: two runs of one seed have the same history, or something else than the seed has a say.
        let what = commands(&body, lane);
        let bytes = fingerprint(request.url.path_and_query(), &body);
        let mut line = format!("    {lane:?} {what}{bytes:016x}");
        if let Some(fault) = fate.fault {
            let _ = write!(line, " meets {fault:?}");
        }
        self.history.note(&self.who, line);
        match fate.fault {
            Some(Fault::Refused) => {
                tokio::time::sleep(fate.there).await;
                return Err(TransportError::new(TransportErrorKind::Connect));
            }
            Some(Fault::LostBefore) => {
                tokio::time::sleep(fate.there).await;
                return Err(TransportError::new(TransportErrorKind::Reset));
            }
            Some(Fault::Status(code)) => {
                tokio::time::sleep(fate.there + fate.back).await;
                return Ok(plain(code, Bytes::new()));
            }
            Some(Fault::Number(number)) => {
                tokio::time::sleep(fate.there + fate.back).await;
                return Ok(plain(200, number.to_string()));
            }
            Some(Fault::Repeated) => {
                let last = self.lock().last_batch.clone();
                if let Some(last) = last {
                    tokio::time::sleep(fate.there + fate.back).await;
                    return Ok(plain(200, last));
                }
            }
            _ => {}
        }
        let asked = position_asked(request.url.path_and_query());
        let mut arriving = Arriving {
            wire: self,
            request: Some(self.as_http(&request, body, lane, fate.fault)),
            anyway: fate.arrives_anyway && lane == Lane::Api,
        };
        tokio::time::sleep(fate.there).await;
        let Some(request) = arriving.request.take() else {
            return Err(TransportError::new(TransportErrorKind::Other));
        };
        if fate.fault == Some(Fault::Doubled) {
            self.service
                .faults()
                .add(ServerFault::lane(mega_testserver::Lane::Events).double_events());
        }
        let reply = self.service.answer(request).await;
        if fate.fault == Some(Fault::LostAndForgotten) {
            let keep = self.service.with_model(|model| {
                let options = model.options();
                std::mem::replace(&mut options.replies_kept, 0)
            });
            // Remembering one more reply with no room forgets all of them.
            self.forget();
            self.service
                .with_model(|model| model.options().replies_kept = keep);
        }
        tokio::time::sleep(fate.back).await;
        self.deliver(reply, lane, fate.fault, asked).await
    }

    /// Makes the service forget which requests it has seen, with a request that does nothing else.
    fn forget(&self) {
        self.service
            .faults()
            .add(ServerFault::lane(mega_testserver::Lane::Other).forget_ids());
        let nothing = http::Request::builder()
            .uri("/nothing")
            .body(Bytes::new())
            .unwrap_or_default();
        drop(self.service.handle(nothing));
    }

    fn as_http(
        &self,
        request: &HttpRequest,
        mut body: Bytes,
        lane: Lane,
        fault: Option<Fault>,
    ) -> http::Request<Bytes> {
        let mut target = request.url.path_and_query().to_owned();
        match (self.defect, lane) {
            (Some(Defect::NewIdPerRetry), Lane::Api) => target = self.with_new_id(&target),
            (Some(Defect::PositionFirst), Lane::Events) => target = self.skip_ahead(&target),
            _ => {}
        }
        if let (Some(Fault::Corrupt(place)), Lane::Upload) = (fault, lane) {
            body = corrupted(&body, place);
        }
        let method = match request.method {
            Method::Get => http::Method::GET,
            _ => http::Method::POST,
        };
        let mut builder = http::Request::builder().method(method).uri(target);
        for (name, value) in request.headers.iter() {
            // Compressed packets cannot be looked into.
            if self.defect.is_none() || !name.eq_ignore_ascii_case("accept-encoding") {
                builder = builder.header(name, value);
            }
        }
        request.progress.add(request.body.len());
        builder.body(body).unwrap_or_default()
    }

    async fn deliver(
        &self,
        reply: Reply,
        lane: Lane,
        fault: Option<Fault>,
        asked: Option<String>,
    ) -> Result<HttpResponse, TransportError> {
        let status = reply.status;
        let mut headers: Headers = reply
            .headers
            .iter()
            .map(|(name, value)| (name.to_string(), value.clone()))
            .collect();
        let mut body = reply.body.into_bytes();
        if lane == Lane::Events && status == 200 {
            if self.defect == Some(Defect::RedeliveryDrops) {
                body = drop_redelivered(&mut self.lock().places, &body);
            }
            let broken = matches!(
                fault,
                Some(Fault::LostAfter | Fault::LostAndForgotten | Fault::Cut(_) | Fault::Stall)
            );
            if let (Some(asked), Some(next), true) = (asked, position_of(&body), broken)
                && asked != next
            {
                self.lock().skipped.insert(asked, next);
            }
            // An empty one that is repeated would be indistinguishable from no news.
            if body.windows(4).any(|four| four == b"\"a\":")
                && !body.windows(6).any(|six| six == b"\"a\":[]")
            {
                self.lock().last_batch = Some(body.clone());
            }
        }
        match fault {
            Some(Fault::LostAfter | Fault::LostAndForgotten) => {
                return Err(TransportError::new(TransportErrorKind::Reset));
            }
            Some(Fault::Stall) => return std::future::pending().await,
            Some(Fault::Late(time)) => tokio::time::sleep(time).await,
            Some(Fault::Corrupt(place)) if lane == Lane::Download => body = corrupted(&body, place),
            Some(Fault::Short(place)) if status == 200 => {
                body = self.shortened(body, place, lane);
            }
            Some(Fault::Cut(place)) if self.pads(lane) => body = self.shortened(body, place, lane),
            Some(Fault::Cut(place)) => {
                headers.insert("Content-Length", body.len().to_string());
                let part = body.slice(..at(place, body.len()));
                let pieces = [
                    Ok(part),
                    Err(TransportError::new(TransportErrorKind::Reset)),
                ];
                let body = Body::from_stream(futures::stream::iter(pieces));
                return Ok(HttpResponse::new(status, headers, body));
            }
            _ => {}
        }
        headers.insert("Content-Length", body.len().to_string());
        Ok(HttpResponse::new(status, headers, Body::from_bytes(body)))
    }

    fn pads(&self, lane: Lane) -> bool {
        lane == Lane::Download && self.defect == Some(Defect::TruncatedAccepted)
    }

    /// The beginning of a body. For a client that takes it for complete, what it prepared for the rest stays zero.
    fn shortened(&self, body: Bytes, place: u64, lane: Lane) -> Bytes {
        let end = at(place, body.len());
        if !self.pads(lane) {
            return body.slice(..end);
        }
        let mut padded = body.slice(..end).to_vec();
        padded.resize(body.len(), 0);
        padded.into()
    }

    fn with_new_id(&self, target: &str) -> String {
        let Some((before, rest)) = target.split_once("id=") else {
            return target.to_owned();
        };
        let (id, after) = rest.split_at(rest.find('&').unwrap_or(rest.len()));
        let mut state = self.lock();
        let mut fresh = id.to_owned();
        while !state.seen_ids.insert(fresh.clone()) {
            fresh.push('7');
        }
        format!("{before}id={fresh}{after}")
    }

    fn skip_ahead(&self, target: &str) -> String {
        let mut target = target.to_owned();
        // As far as broken replies have led.
        for _ in 0..100 {
            let Some(asked) = position_asked(&target) else {
                break;
            };
            let Some(next) = self.lock().skipped.get(&asked).cloned() else {
                break;
            };
            target = target.replacen(&format!("sn={asked}"), &format!("sn={next}"), 1);
        }
        target
    }
}

/// A request on its way. When its sender goes away it may arrive nevertheless.
struct Arriving<'a> {
    wire: &'a Wire,
    request: Option<http::Request<Bytes>>,
    anyway: bool,
}

impl Drop for Arriving<'_> {
    fn drop(&mut self) {
        if let (Some(request), true) = (self.request.take(), self.anyway) {
            self.wire
                .history
                .note(&self.wire.who, "    a request without a sender arrives");
            drop(self.wire.service.handle(request));
        }
    }
}

impl Transport for Wire {
    fn request(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, TransportError>> {
        Box::pin(self.exchange(request))
    }
}

/// The names of the commands in a batch.
fn commands(body: &[u8], lane: Lane) -> String {
    let mut names = String::new();
    let batch = serde_json::from_slice::<serde_json::Value>(body);
    if let (Lane::Api, Ok(serde_json::Value::Array(batch))) = (lane, batch) {
        for command in &batch {
            let name = command.get("a").and_then(serde_json::Value::as_str);
            names.push_str(name.unwrap_or("?"));
            names.push(' ');
        }
    }
    names
}

/// Tells requests apart: FNV-1a.
fn fingerprint(target: &str, body: &[u8]) -> u64 {
    let bytes = target.bytes().chain([0]).chain(body.iter().copied());
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

fn plain(status: u16, body: impl Into<Bytes>) -> HttpResponse {
    HttpResponse::new(status, Headers::new(), Body::from_bytes(body))
}

fn at(permille: u64, len: usize) -> usize {
    let place = (len as u64).saturating_mul(permille) / 1000;
    usize::try_from(place).unwrap_or(len).min(len)
}

fn corrupted(body: &Bytes, place: u64) -> Bytes {
    let mut bytes = body.to_vec();
    let place = at(place, bytes.len());
    if let Some(byte) = bytes.get_mut(place) {
        *byte ^= 0x40;
    }
    bytes.into()
}

fn position_asked(target: &str) -> Option<String> {
    let (_, rest) = target.split_once("sn=")?;
    rest.split('&').next().map(str::to_owned)
}

//! The command lane against a model of the service, under random faults: every change happens
//! exactly once, and what the caller is told is true.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use bytes::Bytes;
use mega_protocol::commands::RawCommand;
use mega_protocol::lane::{ApiRequest, ApiResponse, CommandLane, LaneConfig, LaneEvent, Ticket};
use mega_protocol::transport::{TransportError, TransportErrorKind};
use mega_protocol::{Effect, EncodedCommand, Error, RequestId, RetryPolicy, ServerUrl};
use proptest::prelude::*;

/// A service that remembers ids and counts what it executes.
#[derive(Default)]
struct Service {
    replies: HashMap<(RequestId, Bytes), String>,
    executed: HashMap<u64, u32>,
}

impl Service {
    fn execute(&mut self, request: &ApiRequest) -> String {
        let key = (request.id, request.body.clone());
        if let Some(reply) = self.replies.get(&key) {
            return reply.clone();
        }
        let commands: Vec<serde_json::Value> = serde_json::from_slice(&request.body).unwrap();
        let reply: Vec<String> = commands
            .iter()
            .map(|command| {
                let n = command["n"].as_u64().unwrap();
                if command["a"] == "change" {
                    *self.executed.entry(n).or_default() += 1;
                }
                format!("[\"{n}\",{n}]")
            })
            .collect();
        let reply = format!("[{}]", reply.join(","));
        self.replies.insert(key, reply.clone());
        reply
    }
}

#[derive(Clone, Copy, Debug)]
enum Fault {
    None,
    NotSent,
    LostBefore,
    LostAfter,
    Busy,
    Error500Before,
    Error500After,
    TooMany,
    Html,
    ShortArray,
}

fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        6 => Just(Fault::None),
        1 => Just(Fault::NotSent),
        1 => Just(Fault::LostBefore),
        1 => Just(Fault::LostAfter),
        1 => Just(Fault::Busy),
        1 => Just(Fault::Error500Before),
        1 => Just(Fault::Error500After),
        1 => Just(Fault::TooMany),
        1 => Just(Fault::Html),
        1 => Just(Fault::ShortArray),
    ]
}

fn answer(
    service: &mut Service,
    request: &ApiRequest,
    fault: Fault,
) -> Result<ApiResponse, TransportError> {
    let lost = || Err(TransportError::new(TransportErrorKind::Reset));
    match fault {
        Fault::None => Ok(ApiResponse::ok(service.execute(request))),
        Fault::NotSent => Err(TransportError::new(TransportErrorKind::Connect)),
        Fault::LostBefore => lost(),
        Fault::LostAfter => {
            service.execute(request);
            lost()
        }
        Fault::Busy => Ok(ApiResponse::ok("-3")),
        Fault::Error500Before => Ok(ApiResponse::new(500, "")),
        Fault::Error500After => {
            service.execute(request);
            Ok(ApiResponse::new(504, ""))
        }
        Fault::TooMany => Ok(ApiResponse::new(429, "")),
        Fault::Html => {
            service.execute(request);
            Ok(ApiResponse::ok("<html>"))
        }
        Fault::ShortArray => {
            service.execute(request);
            Ok(ApiResponse::ok("[]"))
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn every_change_happens_at_most_once_and_reports_are_true(
        seed: u64,
        plan in prop::collection::vec((1usize..6, any::<bool>()), 1..12),
        faults in prop::collection::vec(fault(), 0..80),
        deadline in 1u64..120,
    ) {
        let origin = ServerUrl::parse("https://g.api.mega.co.nz/").unwrap();
        let mut config = LaneConfig::new(origin).unwrap();
        config.retry = RetryPolicy::default().with_deadline(Duration::from_secs(deadline));
        let mut lane = CommandLane::new(config, seed);
        let mut service = Service::default();
        let mut now = Instant::now();
        let mut faults = faults.into_iter();
        let mut plan = plan.into_iter();
        let mut commands: HashMap<Ticket, (u64, bool)> = HashMap::new();
        let mut bodies: HashMap<RequestId, Bytes> = HashMap::new();
        let mut last_id = None;
        let mut finished = HashSet::new();
        let mut n = 0;
        loop {
            if let Some((count, change)) = plan.next() {
                for _ in 0..count {
                    n += 1;
                    let (name, effect) =
                        if change { ("change", Effect::Mutation) } else { ("ask", Effect::Read) };
                    let command = RawCommand::new(name, effect).member("n", &n.to_string()).unwrap();
                    commands.insert(lane.submit(EncodedCommand::new(&command)), (n, change));
                }
            }
            lane.handle_timeout(now);
            if let Some(request) = lane.poll_transmit(now) {
                // One at a time: another one only after this one has been reported.
                prop_assert!(lane.poll_transmit(now).is_none());
                // RTY-1: an id never comes with other bytes, and is never taken up again.
                let known = bodies.entry(request.id).or_insert_with(|| request.body.clone());
                prop_assert_eq!(&*known, &request.body);
                if last_id != Some(request.id) {
                    last_id = Some(request.id);
                }
                now += Duration::from_millis(20);
                let response = answer(&mut service, &request, faults.next().unwrap_or(Fault::None));
                lane.handle_response(now, response);
            } else if let Some(at) = lane.poll_timeout() {
                prop_assert!(at.saturating_duration_since(now) <= Duration::from_secs(32));
                now = at.max(now);
            } else if lane.is_idle() && plan.len() == 0 {
                break;
            }
            while let Some(event) = lane.poll_event() {
                let LaneEvent::Done { ticket, result } = event else { continue };
                prop_assert!(finished.insert(ticket), "one result each");
                let (n, change) = commands[&ticket];
                let executed = service.executed.get(&n).copied().unwrap_or(0);
                prop_assert!(executed <= 1);
                match result {
                    Ok(answer) => {
                        prop_assert_eq!(answer.element, format!("[\"{n}\",{n}]"));
                        prop_assert_eq!(executed, u32::from(change));
                    }
                    Err(Error::OutcomeUnknown { .. }) => prop_assert!(change),
                    // P3: any other error means that it did not happen.
                    Err(error) => prop_assert_eq!(executed, 0, "{}", error),
                }
            }
        }
        prop_assert_eq!(finished.len(), commands.len());
    }
}

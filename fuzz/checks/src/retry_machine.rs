//! The command lane, with whatever happens to a request, at whatever time.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::{Duration, Instant};

use bytes::Bytes;
use mega_protocol::commands::RawCommand;
use mega_protocol::lane::{ApiRequest, ApiResponse, CommandLane, LaneConfig, LaneEvent, Ticket};
use mega_protocol::transport::{TransportError, TransportErrorKind};
use mega_protocol::{Effect, EncodedCommand, HashcashChallenge, RequestId, RetryPolicy, ServerUrl};

use crate::input::Input;

/// A service that remembers ids, and a network that loses things on its way there or back. The first two bytes are the deadline in seconds;
/// then each pair of bytes is a step and its argument.
///
/// - An id never comes with other bytes, and no change is carried out twice.
/// - Each command gets one result, unless it was withdrawn in time; a change that failed for certain was not carried out.
/// - Nothing is tried again after its deadline, and no pause is longer than the back-off or what the service asked for.
/// - A closed lane sends nothing.
/// - When the service answers again, everything comes to its end.
pub fn retry_machine(input: &[u8]) {
    let mut input = Input(input);
    let deadline = Duration::from_secs(u16::from_le_bytes(input.array()).into());
    let mut bench = Bench::new(deadline);
    while !input.0.is_empty() {
        let [step, argument] = input.array();
        bench.step(step, argument);
    }
    bench.drain();
}

struct Bench {
    lane: CommandLane,
    deadline: Duration,
    now: Instant,
    /// The request that is on its way.
    sent: Option<ApiRequest>,
    challenge: Option<HashcashChallenge>,
    held: bool,
    /// For how long it was held back altogether.
    held_for: Duration,
    closed: bool,
    bodies: HashMap<RequestId, Bytes>,
    replies: HashMap<RequestId, String>,
    commands: BTreeMap<Ticket, u64>,
    open: BTreeSet<Ticket>,
    changes: BTreeSet<u64>,
    executed: HashMap<u64, u32>,
    /// When each command left for the first time.
    left: HashMap<u64, Instant>,
    /// The longest pause that the service has asked for.
    asked: Duration,
}

impl Bench {
    fn new(deadline: Duration) -> Self {
        let origin = ServerUrl::parse("https://g.api.mega.co.nz/").expect("a good URL");
        let mut config = LaneConfig::new(origin).expect("a good URL");
        config.retry = RetryPolicy::default().with_deadline(deadline);
        config.max_commands = 4;
        Self {
            lane: CommandLane::new(config, 1),
            deadline,
            now: Instant::now(),
            sent: None,
            challenge: None,
            held: false,
            held_for: Duration::ZERO,
            closed: false,
            bodies: HashMap::new(),
            replies: HashMap::new(),
            commands: BTreeMap::new(),
            open: BTreeSet::new(),
            changes: BTreeSet::new(),
            executed: HashMap::new(),
            left: HashMap::new(),
            asked: Duration::ZERO,
        }
    }

    fn step(&mut self, step: u8, argument: u8) {
        match step % 8 {
            0 => self.submit(Effect::Mutation),
            1 => self.submit(Effect::Read),
            2 => self.pass(Duration::from_millis(u64::from(argument).pow(2))),
            3 | 4 => self.answer(argument),
            5 => {
                let chosen = usize::from(argument) % self.open.len().max(1);
                if let Some(&ticket) = self.open.iter().nth(chosen)
                    && self.lane.withdraw(ticket)
                {
                    self.open.remove(&ticket);
                    let number = self.commands.get(&ticket).expect("submitted");
                    assert_eq!(self.executed.get(number), None, "it had not left");
                }
            }
            6 => match argument % 8 {
                0 => self.lane.hurry(self.now),
                1 => {
                    self.held = !self.held;
                    self.lane.set_held(self.held);
                }
                2 => self.prove(),
                7 if argument == 0xff => {
                    self.lane.close();
                    self.closed = true;
                }
                _ => self.pass(Duration::from_secs(argument.into())),
            },
            _ => self.prove(),
        }
        self.turn();
    }

    fn submit(&mut self, effect: Effect) {
        if self.commands.len() >= 64 {
            return;
        }
        let number = self.commands.len() as u64;
        let command = RawCommand::new("x", effect);
        let command = command.member("n", &number.to_string()).expect("JSON");
        let ticket = self.lane.submit(EncodedCommand::new(&command));
        assert!(self.commands.insert(ticket, number).is_none());
        self.open.insert(ticket);
        if effect == Effect::Mutation {
            self.changes.insert(number);
        }
    }

    /// Lets time pass, and wakes the lane whenever it wants to be.
    fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        if self.held {
            self.held_for += time;
        }
        while let Some(at) = self.lane.poll_timeout()
            && at <= until
        {
            let before = (self.now, self.sent.is_some());
            self.now = self.now.max(at);
            self.turn();
            assert!(
                (self.now, self.sent.is_some()) != before || self.lane.poll_timeout() != Some(at),
                "it wakes for something"
            );
        }
        self.now = until;
    }

    /// What its owner does after everything else.
    fn turn(&mut self) {
        self.lane.handle_timeout(self.now);
        self.events();
        if let Some(request) = self.lane.poll_transmit(self.now) {
            assert!(self.sent.is_none(), "one at a time");
            assert!(!self.closed, "a closed lane sends nothing");
            assert!(self.lane.poll_transmit(self.now).is_none());
            let known = self.bodies.entry(request.id);
            let known = known.or_insert_with(|| request.body.clone());
            assert_eq!(known, &request.body, "RTY-1");
            for number in numbers(&request) {
                let first = *self.left.entry(number).or_insert(self.now);
                // A proof of work belongs to the attempt that it was asked for.
                assert!(
                    request.hashcash.is_some() || self.now - first <= self.deadline + self.held_for,
                    "RTY-12: {:?} of {:?}",
                    self.now - first,
                    self.deadline
                );
            }
            self.sent = Some(request);
        }
        self.events();
    }

    fn events(&mut self) {
        while let Some(event) = self.lane.poll_event() {
            match event {
                LaneEvent::Done { ticket, result } => {
                    assert!(self.open.remove(&ticket), "one result each");
                    let number = self.commands[&ticket];
                    let executed = self.executed.get(&number).copied().unwrap_or(0);
                    match result {
                        Ok(answer) if answer.element.starts_with(b"[") => {
                            let change = u32::from(self.changes.contains(&number));
                            assert_eq!(executed, change);
                        }
                        Ok(answer) => assert!(answer.repeated || executed == 0),
                        Err(error) if error.is_outcome_unknown() => {
                            assert!(self.changes.contains(&number));
                        }
                        Err(error) => assert_eq!(executed, 0, "{error}"),
                    }
                }
                LaneEvent::Proof(challenge) => self.challenge = Some(challenge),
                LaneEvent::Retrying { delay, .. } => {
                    assert!(delay <= Duration::from_secs(32).max(self.asked), "RTY-11");
                }
                _ => {}
            }
        }
        if !self.lane.is_proving() {
            self.challenge = None;
        }
    }

    fn prove(&mut self) {
        if let Some(challenge) = self.challenge.take() {
            self.lane.handle_proof(self.now, Ok([0; 4]), &challenge);
        }
    }

    /// The service carries a request out, or remembers that it has.
    fn execute(&mut self, request: &ApiRequest) -> String {
        if let Some(reply) = self.replies.get(&request.id) {
            return reply.clone();
        }
        let mut reply = Vec::new();
        for number in numbers(request) {
            if self.changes.contains(&number) {
                let times = self.executed.entry(number).or_default();
                *times += 1;
                assert_eq!(*times, 1, "RTY-2: once");
            }
            reply.push(format!("[\"{number}\",{number}]"));
        }
        let reply = format!("[{}]", reply.join(","));
        self.replies.insert(request.id, reply.clone());
        reply
    }

    fn answer(&mut self, argument: u8) {
        let Some(request) = self.sent.take() else {
            return;
        };
        let lost = |kind| Err(TransportError::new(kind));
        let answer = match argument % 16 {
            0 | 1 => Ok(ApiResponse::ok(self.execute(&request))),
            2 => {
                self.execute(&request);
                lost(TransportErrorKind::Reset)
            }
            3 => lost(TransportErrorKind::Timeout),
            4 => lost(TransportErrorKind::Connect),
            5 => Ok(ApiResponse::ok("-3")),
            6 => Ok(ApiResponse::new(500, "")),
            7 => {
                self.execute(&request);
                Ok(ApiResponse::new(504, ""))
            }
            8 => {
                let pause = Duration::from_secs(u64::from(argument).pow(2) / 16);
                self.asked = self.asked.max(pause);
                let mut response = ApiResponse::new(429, "");
                response.retry_after = Some(pause);
                Ok(response)
            }
            9 => {
                self.execute(&request);
                Ok(ApiResponse::ok("<html>"))
            }
            10 => {
                self.execute(&request);
                Ok(ApiResponse::ok("[\"cut"))
            }
            11 => {
                self.execute(&request);
                Ok(ApiResponse::ok("[]"))
            }
            12 => Ok(match self.replies.get(&request.id) {
                Some(reply) => ApiResponse::ok(reply.clone()),
                // Nothing of it was carried out, and the service says so of each command. That is no answer to remember.
                None => {
                    let again = vec!["-3"; request.commands].join(",");
                    ApiResponse::ok(format!("[{again}]"))
                }
            }),
            13 => {
                let mut response = ApiResponse::new(402, "");
                response.hashcash = Some(format!("1:255:1760000000:{}", "A".repeat(64)));
                Ok(response)
            }
            14 => lost(TransportErrorKind::Tls),
            _ => Ok(ApiResponse::ok("-15")),
        };
        self.lane.handle_response(self.now, answer);
    }

    /// From now on the service answers.
    fn drain(&mut self) {
        self.lane.set_held(false);
        for _ in 0..4 * self.commands.len() + 8 {
            self.turn();
            if self.sent.is_some() {
                self.answer(0);
            } else if self.lane.is_proving() {
                self.prove();
            } else if let Some(at) = self.lane.poll_timeout() {
                self.pass(at.saturating_duration_since(self.now));
            }
        }
        self.turn();
        let idle = self.lane.is_idle() && self.open.is_empty();
        assert!(idle, "{:?} {:?}", self.open, self.lane);
    }
}

fn numbers(request: &ApiRequest) -> Vec<u64> {
    let commands: Vec<serde_json::Value> =
        serde_json::from_slice(&request.body).expect("a batch is JSON");
    assert_eq!(commands.len(), request.commands);
    let number = |command: &serde_json::Value| command["n"].as_u64().expect("a number");
    commands.iter().map(number).collect()
}

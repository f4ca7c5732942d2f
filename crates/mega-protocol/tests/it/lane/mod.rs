//! The command lane, step by step with a clock of its own.

mod batching;
mod closing;
mod proofs;
mod replies;
mod retries;

use std::time::Instant;

use mega_protocol::commands::DeleteNode;
use mega_protocol::lane::{
    ApiRequest, ApiResponse, CommandLane, LaneConfig, LaneEvent, RawAnswer, Ticket,
};
use mega_protocol::transport::{TransportError, TransportErrorKind};
use mega_protocol::{Command, EncodedCommand, Error, NodeHandle, ServerUrl};

/// A lane with a clock that moves when told.
struct Bench {
    lane: CommandLane,
    now: Instant,
    results: Vec<(Ticket, Result<RawAnswer, Error>)>,
    notices: Vec<LaneEvent>,
}

impl Bench {
    fn new() -> Self {
        Self::with(|_| {})
    }

    fn with(change: impl FnOnce(&mut LaneConfig)) -> Self {
        let origin = ServerUrl::parse("https://g.api.mega.co.nz").unwrap();
        let mut config = LaneConfig::new(origin).unwrap();
        change(&mut config);
        Self {
            lane: CommandLane::new(config, 7),
            now: Instant::now(),
            results: Vec::new(),
            notices: Vec::new(),
        }
    }

    fn submit(&mut self, command: &impl Command) -> Ticket {
        self.lane.submit(EncodedCommand::new(command))
    }

    /// The next request, after waiting for as long as the lane wants to.
    fn request(&mut self) -> Option<ApiRequest> {
        for _ in 0..3 {
            if let Some(request) = self.lane.poll_transmit(self.now) {
                return Some(request);
            }
            self.collect();
            self.now = self.lane.poll_timeout()?.max(self.now);
            self.lane.handle_timeout(self.now);
        }
        None
    }

    fn respond(&mut self, response: Result<ApiResponse, TransportError>) {
        self.lane.handle_response(self.now, response);
        self.collect();
    }

    fn reply(&mut self, body: &str) {
        self.respond(Ok(ApiResponse::ok(body.to_owned())));
    }

    fn collect(&mut self) {
        while let Some(event) = self.lane.poll_event() {
            match event {
                LaneEvent::Done { ticket, result } => self.results.push((ticket, result)),
                other => self.notices.push(other),
            }
        }
    }

    fn result(&mut self, ticket: Ticket) -> Result<RawAnswer, Error> {
        let at = self
            .results
            .iter()
            .position(|(t, _)| *t == ticket)
            .expect("a result is there");
        self.results.remove(at).1
    }

    fn element(&mut self, ticket: Ticket) -> String {
        String::from_utf8(self.result(ticket).unwrap().element.to_vec()).unwrap()
    }
}

fn delete() -> DeleteNode {
    DeleteNode::new(NodeHandle::from_bytes([1; 6]))
}

fn lost() -> TransportError {
    TransportError::new(TransportErrorKind::Reset)
}

fn body(request: &ApiRequest) -> &str {
    std::str::from_utf8(&request.body).unwrap()
}

//! One lane of commands: batched, numbered, and sent again under the same number until answered.
//!
//! [`CommandLane`] is a state machine without I/O, clock or randomness of its own. Its owner submits
//! commands, puts the requests it hands out on the wire, tells it what came back and what time it
//! is, and collects events:
//!
//! ```
//! use std::time::Instant;
//! use bytes::Bytes;
//! use mega_protocol::commands::{FetchQuota, SetNodeAttributes};
//! use mega_protocol::lane::{ApiResponse, CommandLane, LaneConfig, LaneEvent};
//! use mega_protocol::{EncodedCommand, Identity, ServerUrl, decode_reply};
//!
//! let origin = ServerUrl::parse("https://g.api.mega.co.nz/")?;
//! let mut lane = CommandLane::new(LaneConfig::new(origin)?, 4711);
//! let command = FetchQuota::storage();
//! let ticket = lane.submit(EncodedCommand::new(&command));
//!
//! let now = Instant::now();
//! let request = lane.poll_transmit(now).expect("a request is due");
//! assert_eq!(&request.body[..], br#"[{"a":"uq","strg":1,"src":-1,"v":2}]"#);
//! // The request goes over the wire, and this comes back:
//! lane.handle_response(now, Ok(ApiResponse::ok(r#"[{"mstrg":100,"cstrg":5,"usl":0}]"#)));
//!
//! let Some(LaneEvent::Done { ticket: done, result }) = lane.poll_event() else { panic!() };
//! assert_eq!(done, ticket);
//! let quota = decode_reply(&command, &result?.element)?.reply;
//! assert_eq!(quota.storage_used, Some(5));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The rules it keeps are those of api-and-transfers 2.3 to 2.5 and of the threat model's
//! section 11: at most one batch in flight; a batch is serialised once and keeps its id and bytes
//! through every attempt; what may have been executed is never reported as failed.

mod answering;
mod batch;
mod command_lane;
mod messages;
mod reply;
mod request_id;

pub use batch::SentRequest;
pub use command_lane::CommandLane;
pub use messages::{
    ApiRequest, ApiResponse, ChangeOutcome, EndedChange, LaneConfig, LaneEvent, RawAnswer,
    SentCommand, Ticket,
};
pub use request_id::RequestId;

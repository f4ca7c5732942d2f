//! The event channel: what happens in the account, in order, from a position on.
//!
//! [`EventParser`] reads one reply while it arrives; [`EventChannel`] decides what to ask next. Both
//! are free of I/O. A batch comes out whole, with its new position, or not at all (EVT-1): whoever
//! applies it publishes tree and position together.
//!
//! A packet of a known kind whose content makes no sense comes out as [`Packet::Malformed`], one of
//! an unknown kind as [`Packet::Unknown`]; neither ends the channel (EVT-2).
//!
//! A folder that moves comes with everything below it. `cargo bench -p mega-benches --bench tree` applies such an event with 100,000
//! nodes in 59 ms of processor time, the tree included.

mod channel;
mod packet;
mod parser;
mod quick;
mod read;

pub use channel::{
    ChannelConfig, ChannelEnd, ChannelEvent, ChannelFault, EventChannel, EventRequest,
};
pub use packet::{
    BusinessChange, Deletion, EventPacket, InvitationOutcome, LinkChange, LinkChangeKind, NewNodes,
    NodeChange, Packet, PurchaseResult, ShareChange, UserAttributeChange,
};
pub use parser::{EventBatch, EventParseError, EventParser, EventReply, MAX_PACKET};

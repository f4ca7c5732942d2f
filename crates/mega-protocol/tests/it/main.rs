//! Integration tests of mega-protocol, in one binary.

mod command_bytes;
mod command_replies;
mod events;
mod fetch;
mod lane;
mod lane_schedules;

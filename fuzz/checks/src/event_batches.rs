//! Replies of the event channel, which are read while they arrive.

use std::time::{Duration, Instant};

use mega_protocol::events::{
    ChannelConfig, ChannelEvent, ChannelFault, EventChannel, EventParseError, EventParser,
    EventReply,
};
use mega_protocol::{Identity, ServerUrl, UrlPolicy};

use crate::input::Input;

/// A reply in one piece and in pieces, then what the channel does with it. The first eight bytes
/// choose the pieces.
pub fn event_batches(input: &[u8]) {
    let mut input = Input(input);
    let mut random = input.number() | 1;
    let whole = read(input.0, || usize::MAX);
    let pieces = read(input.0, || {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(random >> 58).expect("small")
    });
    let bytewise = read(input.0, || 1);
    assert_eq!(whole.is_ok(), pieces.is_ok(), "{whole:?} {pieces:?}");
    assert_eq!(whole.is_ok(), bytewise.is_ok(), "{whole:?} {bytewise:?}");
    if whole.is_ok() {
        assert_eq!(whole, pieces);
        assert_eq!(whole, bytewise);
    }
    channel(whole);
}

fn read(reply: &[u8], mut piece: impl FnMut() -> usize) -> Result<EventReply, EventParseError> {
    let mut parser = EventParser::new();
    let mut rest = reply;
    while !rest.is_empty() {
        let (now, later) = rest.split_at(piece().min(rest.len()));
        rest = later;
        parser.feed(now)?;
    }
    parser.finish()
}

/// The channel asks on, ends, or waits; it never asks without end at one time.
fn channel(reply: Result<EventReply, EventParseError>) {
    let origin = ServerUrl::parse("https://g.api.mega.co.nz/").expect("a good URL");
    let config = ChannelConfig::new(origin, UrlPolicy::default()).expect("a good URL");
    let position = "AAAAAAAAAAE".parse().expect("a position");
    let mut channel = EventChannel::new(config, Identity::Anonymous, position, 1);
    let mut now = Instant::now();
    for _ in 0..8 {
        if let Some(at) = channel.poll_timeout() {
            now = now.max(at);
            channel.handle_timeout(now);
        }
        let Some(request) = channel.poll_transmit(now) else {
            break;
        };
        assert!(
            UrlPolicy::default()
                .check(&request.url, mega_protocol::UrlUse::Wait)
                .is_ok(),
            "NET-6"
        );
        assert!(request.idle <= Duration::from_secs(60));
        channel.handle_reply(now, reply.clone().map_err(ChannelFault::Unreadable));
        while let Some(event) = channel.poll_event() {
            if let ChannelEvent::Batch(batch) = event {
                assert_eq!(batch.position, channel.position());
            }
        }
    }
}

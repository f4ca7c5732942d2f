//! The event channel: its cycle with a clock of its own, and the reading of packets.

use std::time::{Duration, Instant};

use mega_protocol::events::*;
use mega_protocol::transport::{TransportError, TransportErrorKind};
use mega_protocol::{
    AccessLevel, ApiCode, Identity, NodeKind, OutgoingShareTarget, SequenceNumber, ServerUrl,
    SessionId, UrlPolicy,
};
use proptest::prelude::*;

struct Bench {
    channel: EventChannel,
    now: Instant,
    batches: Vec<EventBatch>,
    ends: Vec<ChannelEnd>,
    retries: usize,
}

fn position(text: &str) -> SequenceNumber {
    text.parse().unwrap()
}

impl Bench {
    fn new(identity: Identity) -> Self {
        let origin = ServerUrl::parse("https://g.api.mega.co.nz/").unwrap();
        let config = ChannelConfig::new(origin, UrlPolicy::default()).unwrap();
        Self {
            channel: EventChannel::new(config, identity, position("AAAAAAAAAAE"), 3),
            now: Instant::now(),
            batches: Vec::new(),
            ends: Vec::new(),
            retries: 0,
        }
    }

    fn session() -> Self {
        Self::new(Identity::Session(SessionId::from_bytes([0; 43])))
    }

    /// The next request, after waiting for as long as the channel wants to.
    fn request(&mut self) -> Option<String> {
        for _ in 0..2 {
            if let Some(request) = self.channel.poll_transmit(self.now) {
                assert_eq!(request.idle, Duration::from_secs(40));
                return Some(request.url.as_str().to_owned());
            }
            self.now = self.channel.poll_timeout()?.max(self.now);
            self.channel.handle_timeout(self.now);
        }
        None
    }

    fn report(&mut self, reply: Result<EventReply, ChannelFault>) {
        self.channel.handle_reply(self.now, reply);
        while let Some(event) = self.channel.poll_event() {
            match event {
                ChannelEvent::Batch(batch) => self.batches.push(batch),
                ChannelEvent::Ended(end) => self.ends.push(end),
                ChannelEvent::Retrying { .. } => self.retries += 1,
                _ => {}
            }
        }
    }

    fn reply(&mut self, body: &str) {
        self.report(read(body).map_err(ChannelFault::Unreadable));
    }
}

fn read_pieces<'a>(
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Result<EventReply, EventParseError> {
    let mut parser = EventParser::new();
    for piece in pieces {
        parser.feed(piece)?;
    }
    parser.finish()
}

fn read(body: &str) -> Result<EventReply, EventParseError> {
    read_pieces([body.as_bytes()])
}

fn packet(text: &str) -> EventPacket {
    let body = format!(r#"{{"a":[{text}],"sn":"AAAAAAAAAAI"}}"#);
    let EventReply::News { mut packets, .. } = read(&body).unwrap() else {
        panic!()
    };
    assert_eq!(packets.len(), 1);
    packets.remove(0)
}

const WAIT: &str = "https://w.api.mega.co.nz/wsc/abc";

fn sid() -> String {
    "A".repeat(58)
}

#[test]
fn the_cycle_goes_from_the_api_to_the_wait_address_and_from_position_to_position() {
    let mut bench = Bench::session();
    assert_eq!(
        bench.request().unwrap(),
        format!("https://g.api.mega.co.nz/wsc?sn=AAAAAAAAAAE&sid={}", sid())
    );
    bench.reply(&format!(
        r#"{{"w":"{WAIT}","a":[{{"a":"sqac","gb":5}}],"ir":1,"sn":"AAAAAAAAAAI"}}"#
    ));
    assert_eq!(bench.batches.len(), 1);
    assert!(bench.batches[0].more);
    assert_eq!(bench.batches[0].position, position("AAAAAAAAAAI"));
    // `ir`: more is pending, so it asks again at once.
    let before = bench.now;
    assert_eq!(
        bench.request().unwrap(),
        format!("{WAIT}?sn=AAAAAAAAAAI&sid={}", sid())
    );
    assert_eq!(bench.now, before);
    bench.reply(r#"{"a":[],"sn":"AAAAAAAAAAM"}"#);
    assert!(!bench.batches[1].more);
    assert_eq!(bench.channel.position(), position("AAAAAAAAAAM"));
    // The wait address is remembered.
    assert!(bench.request().unwrap().starts_with(WAIT));
}

#[test]
fn evt_7_a_keep_alive_and_a_dead_connection_start_the_same_request_again() {
    let mut bench = Bench::session();
    let first = bench.request().unwrap();
    bench.now += Duration::from_secs(30);
    bench.reply("0");
    let before = bench.now;
    assert_eq!(bench.request().unwrap(), first);
    assert_eq!(bench.now, before, "at once");
    bench.now += Duration::from_secs(40);
    let before = bench.now;
    bench.report(Err(ChannelFault::Transport(TransportError::new(
        TransportErrorKind::Timeout,
    ))));
    assert_eq!(bench.request().unwrap(), first);
    assert_eq!(bench.now, before, "at once");
    bench.now += Duration::from_secs(30);
    bench.reply("");
    assert_eq!(bench.request().unwrap(), first);
    assert!(bench.batches.is_empty() && bench.ends.is_empty());
}

#[test]
fn answers_that_are_not_held_do_not_make_a_busy_loop() {
    for body in ["0", "", r#"{"sn":"AAAAAAAAAAE"}"#] {
        let mut bench = Bench::session();
        let start = bench.now;
        for _ in 0..60 {
            bench.request().unwrap();
            bench.reply(body);
        }
        assert!(bench.now - start > Duration::from_secs(120), "{body}");
    }
}

#[test]
fn net_1_a_service_that_does_not_prove_itself_ends_the_channel() {
    for kind in [TransportErrorKind::Tls, TransportErrorKind::Refused] {
        let mut bench = Bench::session();
        bench.request().unwrap();
        bench.report(Err(ChannelFault::Transport(TransportError::new(kind))));
        assert!(bench.channel.is_ended(), "{kind:?}");
        assert_eq!(bench.ends, [ChannelEnd::Transport(kind)]);
        assert!(bench.request().is_none());
    }
}

#[test]
fn time_outs_that_come_early_do_not_make_a_busy_loop() {
    let mut bench = Bench::session();
    let start = bench.now;
    for _ in 0..60 {
        bench.request().unwrap();
        bench.report(Err(ChannelFault::Transport(TransportError::new(
            TransportErrorKind::Timeout,
        ))));
    }
    assert!(bench.now - start > Duration::from_secs(120));
    assert_eq!(bench.retries, 60, "each is told");
}

#[test]
fn evt_6_endings_follow_the_table() {
    for (body, end) in [
        ("-6", ChannelEnd::Reload),
        ("-15", ChannelEnd::SessionEnded),
        ("-16", ChannelEnd::Blocked),
        ("-9", ChannelEnd::Refused(ApiCode::ENOENT)),
        (r#"{"err":-15}"#, ChannelEnd::SessionEnded),
    ] {
        let mut bench = Bench::session();
        bench.request().unwrap();
        bench.reply(body);
        assert_eq!(bench.ends, [end]);
        assert!(bench.request().is_none(), "no loop");
        assert!(bench.channel.is_ended());
    }
    let mut bench = Bench::new(Identity::folder_link("AAAAAAAB".parse().unwrap()));
    assert_eq!(
        bench.request().unwrap(),
        "https://g.api.mega.co.nz/wsc?sn=AAAAAAAAAAE&n=AAAAAAAB"
    );
    bench.reply("-9");
    assert_eq!(bench.ends, [ChannelEnd::LinkGone]);
}

#[test]
fn a_busy_service_is_asked_again_from_the_same_position() {
    let mut bench = Bench::session();
    let first = bench.request().unwrap();
    for body in ["-3", "-4"] {
        bench.reply(body);
        assert_eq!(bench.request().unwrap(), first);
    }
    bench.report(status(500, None));
    assert_eq!(bench.request().unwrap(), first);
    bench.report(read("<html>").map_err(ChannelFault::Unreadable));
    assert_eq!(bench.request().unwrap(), first);
}

fn status(status: u16, retry_after: Option<u64>) -> Result<EventReply, ChannelFault> {
    Err(ChannelFault::Status {
        status,
        retry_after: retry_after.map(Duration::from_secs),
    })
}

#[test]
fn a_pause_that_the_service_asks_for_is_kept_within_the_deadline_of_commands() {
    for (asked, kept) in [(7, 7), (300, 300), (24 * 3600, 300)] {
        let mut bench = Bench::session();
        let first = bench.request().unwrap();
        let start = bench.now;
        bench.report(status(503, Some(asked)));
        assert_eq!(bench.request().unwrap(), first);
        let waited = bench.now - start;
        assert_eq!(waited, Duration::from_secs(kept), "asked for {asked} s");
        // It is kept once, and not for every fault after it.
        let start = bench.now;
        bench.report(status(503, None));
        bench.request().unwrap();
        assert!(bench.now - start < Duration::from_secs(1));
    }
}

#[test]
fn evt_1_an_unreadable_reply_changes_nothing_and_in_the_end_means_a_reload() {
    for broken in [
        r#"{"a":[{"a":"sqac"}],"sn":"AAAA"}"#,
        r#"{"a":[{"a":"sqac"}"#,
        r#"{"a":[{"a":"sqac"}]}"#,
        r#"{"a":[{"a":"sqac"}],"sn":"AAAAAAAAAAI"}{"#,
        r#"{"a":{"a":"sqac"},"sn":"AAAAAAAAAAI"}"#,
        r#"{"a":"sqac","sn":"AAAAAAAAAAI"}"#,
    ] {
        let mut bench = Bench::session();
        let first = bench.request().unwrap();
        bench.reply(broken);
        assert!(bench.batches.is_empty());
        assert_eq!(
            bench.request().unwrap(),
            first,
            "the position has not moved"
        );
        bench.reply(broken);
        bench.request().unwrap();
        bench.reply(broken);
        assert_eq!(bench.ends, [ChannelEnd::Reload], "{broken}");
    }
}

#[test]
fn net_6_the_session_never_goes_to_a_wait_address_that_the_policy_refuses() {
    for wait in [
        "https://evil.example/w",
        "http://w.api.mega.co.nz/w",
        "https://w.api.mega.co.nz/w?x=1",
        "https://user@w.api.mega.co.nz/w",
        "file:///w",
    ] {
        let mut bench = Bench::session();
        bench.request().unwrap();
        bench.reply(&format!(r#"{{"w":"{wait}","sn":"AAAAAAAAAAI"}}"#));
        let next = bench.request().unwrap();
        assert!(
            next.starts_with("https://g.api.mega.co.nz/wsc?sn="),
            "{wait}: {next}"
        );
    }
}

#[test]
fn a_wait_address_that_keeps_failing_is_given_up() {
    let mut bench = Bench::session();
    bench.request().unwrap();
    bench.reply(&format!(r#"{{"w":"{WAIT}","sn":"AAAAAAAAAAI"}}"#));
    for _ in 0..3 {
        assert!(bench.request().unwrap().starts_with(WAIT));
        bench.report(Err(ChannelFault::Transport(TransportError::new(
            TransportErrorKind::Connect,
        ))));
    }
    assert!(
        bench
            .request()
            .unwrap()
            .starts_with("https://g.api.mega.co.nz/wsc")
    );
}

#[test]
fn an_abandoned_request_is_made_again() {
    let mut bench = Bench::session();
    let first = bench.request().unwrap();
    assert!(bench.request().is_none());
    bench.channel.handle_abandoned(bench.now);
    assert_eq!(bench.request().unwrap(), first);
}

#[test]
fn packets_are_read_into_types() {
    let EventPacket {
        packet: read,
        tag,
        echo,
        ..
    } = packet(r#"{"a":"d","i":"kfjwpqmzox","st":"12C","n":"fileAAAA","m":1,"ou":"AAAAAAAAAAE"}"#);
    assert_eq!(
        (tag.unwrap().as_str(), echo.as_deref()),
        ("12C", Some("kfjwpqmzox"))
    );
    let Packet::Deleted(deletion) = read else {
        panic!()
    };
    assert!(deletion.moved && deletion.by.is_some());

    let Packet::NewNodes(new) = packet(
        r#"{"a":"t","st":"12A","t":{"f":[{"h":"dirAAAAA","p":"rootAAAA","u":"AAAAAAAAAAE","t":1,"a":"QQ","k":"x\/y","ts":1760000000,"i":0},{"h":"bad"}],"f2":[{"h":"versAAAA","p":"dirAAAAA","t":0,"s":1}],"u":[{"u":"AAAAAAAAAAE"}]},"ou":"AAAAAAAAAAE"}"#,
    )
    .packet else {
        panic!()
    };
    let first = new.nodes[0].as_raw();
    assert_eq!(
        (first.kind, first.index, first.key),
        (NodeKind::Folder, Some(0), "x/y")
    );
    assert!(new.nodes[1].as_raw().version);
    assert_eq!((new.malformed, new.users.len()), (1, 1));

    let Packet::NodeChanged(change) =
        packet(r#"{"a":"u","n":"fileAAAA","at":"QUJD","u":"AAAAAAAAAAE","ts":5}"#).packet
    else {
        panic!()
    };
    assert_eq!(
        (change.attributes.as_deref(), change.created),
        (Some("QUJD"), Some(5))
    );

    let Packet::Share(share) = packet(
        r#"{"a":"s2","n":"dirAAAAA","o":"AAAAAAAAAAE","u":"EXP","r":0,"ts":1,"ok":"QUJD","ou":"AAAAAAAAAAE"}"#,
    )
    .packet else {
        panic!()
    };
    assert_eq!(share.target, Some(OutgoingShareTarget::Everyone));
    assert_eq!(share.access, Some(AccessLevel::Read));
    let Packet::Share(ended) =
        packet(r#"{"a":"s2","n":"dirAAAAA","o":"AAAAAAAAAAE","u":"BBBBBBBBBBE","okd":1}"#).packet
    else {
        panic!()
    };
    assert!(ended.access.is_none() && ended.owner_key_deleted);

    for (flags, kind) in [
        (r#""n":1,"ts":1"#, LinkChangeKind::Created),
        (r#""u":1,"ts":1,"ets":9"#, LinkChangeKind::Updated),
        (r#""d":1"#, LinkChangeKind::Removed),
        (r#""down":1,"ts":1"#, LinkChangeKind::TakenDown),
        (r#""down":0,"ts":1"#, LinkChangeKind::Reinstated),
    ] {
        let text = format!(r#"{{"a":"ph","h":"fileAAAA","ph":"pubAAAAA",{flags}}}"#);
        let Packet::Link(link) = packet(&text).packet else {
            panic!()
        };
        assert_eq!(link.kind, kind);
    }

    let Packet::UserAttributes(changed) =
        packet(r#"{"a":"ua","u":"AAAAAAAAAAE","ua":["^!keys","^!dv"],"v":["a","b"]}"#).packet
    else {
        panic!()
    };
    assert_eq!(changed.changes.len(), 2);
    let Packet::Purchase(result) = packet(r#"{"a":"psts","it":0,"p":4,"r":"s"}"#).packet else {
        panic!()
    };
    assert!(result.success);
    assert!(matches!(
        packet(r#"{"a":"upci","p":"AAAAAAAAAAE","m":"a@b.c","uts":1,"s":2}"#).packet,
        Packet::InvitationAnswered {
            incoming: true,
            outcome: InvitationOutcome::Accepted,
            ..
        }
    ));
    assert!(matches!(
        packet(r#"{"a":"fa","n":"fileAAAA","fa":"1:0*x"}"#).packet,
        Packet::FileAttributes { .. }
    ));
    assert!(matches!(
        packet(r#"{"a":"c","u":[{"u":"AAAAAAAAAAE","c":1}]}"#).packet,
        Packet::Contacts(_)
    ));
    assert!(matches!(
        packet(r#"{"a":"ub","s":-1}"#).packet,
        Packet::Business(_)
    ));
    assert!(matches!(
        packet(r#"{"a":"se","e":"a@b.c","u":"AAAAAAAAAAE"}"#).packet,
        Packet::EmailChanged { .. }
    ));
    assert_eq!(packet(r#"{"a":"usc"}"#).packet, Packet::ReloadDemanded);
    assert_eq!(packet(r#"{"a":"pk"}"#).packet, Packet::PendingKeys);
    assert_eq!(packet(r#"{"a":"k","sr":[]}"#).packet, Packet::KeysRequested);
}

#[test]
fn evt_2_unknown_packets_are_named_and_malformed_ones_marked() {
    assert_eq!(
        packet(r#"{"a":"mcc","x":{"y":[1]}}"#).packet,
        Packet::Unknown { name: "mcc".into() }
    );
    for bad in [
        r#"{"a":"d"}"#,
        r#"{"a":"d","n":5}"#,
        r#"{"a":"t","t":5}"#,
        r#"{"a":"t","t":{"f":{}}}"#,
        r#"{"a":"ph","h":"fileAAAA","ph":"pubAAAAA"}"#,
        r#"{"a":"ua","u":"AAAAAAAAAAE","ua":["x"],"v":[]}"#,
        r#"{"a":"s2","n":"dirAAAAA","u":"EXP","r":7}"#,
        r#"{"a":"d","n":"fileAAAA","st":5}"#,
        r#"{"x":1}"#,
        r#"{"a":5}"#,
        "5",
        "\"x\"",
    ] {
        assert!(
            matches!(packet(bad).packet, Packet::Malformed { .. }),
            "{bad}"
        );
    }
    // The rest of the batch is there.
    let EventReply::News { packets, .. } =
        read(r#"{"a":[{"a":"d"},{"a":"sqac"}],"sn":"AAAAAAAAAAI"}"#).unwrap()
    else {
        panic!()
    };
    assert_eq!(packets[1].packet, Packet::StorageAllowanceChanged);
}

const REPLY: &str = concat!(
    r#"{"w":"https://w.api.mega.co.nz/wsc/a\u0062c","zz":[{"x":"]}"}],"#,
    r#""a":[{"a":"u","st":"12B","n":"fileAAAA","at":"QUJD","u":"AAAAAAAAAAE","ts":1},"#,
    r#"{"a":"d","i":"kfjwpqmzox","st":"12C","n":"fileAAAA","m":1},"#,
    r#"{"a":"t","i":"kfjwpqmzox","t":{"f":[{"h":"fileAAAA","p":"rubbishA","t":0,"s":5,"a":"Q\"Q"}]}}],"#,
    r#""ir":1,"sn":"AAAAAAAAAAI"}"#,
);

#[test]
fn every_split_point_gives_the_same_reply() {
    let whole = read(REPLY).unwrap();
    let EventReply::News {
        packets,
        wait,
        more,
        ..
    } = &whole
    else {
        panic!()
    };
    assert_eq!(
        (packets.len(), wait.as_ref().map(|w| w.expose()), *more),
        (3, Some("https://w.api.mega.co.nz/wsc/abc"), true)
    );
    for cut in 0..=REPLY.len() {
        let (a, b) = REPLY.as_bytes().split_at(cut);
        assert_eq!(read_pieces([a, b]).as_ref(), Ok(&whole), "cut at {cut}");
    }
    assert_eq!(read_pieces(REPLY.as_bytes().chunks(1)), Ok(whole));
}

#[test]
fn every_truncation_is_an_error() {
    for cut in 1..REPLY.len() {
        assert!(read(&REPLY[..cut]).is_err(), "cut at {cut}");
    }
}

#[test]
fn tre_14_hostile_replies_are_bounded_errors() {
    let deep = format!(r#"{{"a":[{{"a":{}"#, "[".repeat(100_000));
    let long = format!(r#"{{"a":[{{"a":"{}"#, "x".repeat(2 << 20));
    let foreign = "x".repeat(1 << 20);
    for text in [deep, long, foreign] {
        assert!(read_pieces(text.as_bytes().chunks(1 << 14)).is_err());
    }
    for text in ["<html>", "12x", "-", "99999999999"] {
        assert_eq!(read(text), Err(EventParseError::Foreign), "{text}");
    }
}

#[test]
fn evt_11_a_storm_of_packets_is_read_in_time_linear_in_its_size() {
    let one = r#"{"a":"d","st":"12C","n":"fileAAAA","ou":"AAAAAAAAAAE"}"#;
    let body = format!(
        r#"{{"a":[{}],"sn":"AAAAAAAAAAI"}}"#,
        vec![one; 200_000].join(",")
    );
    let EventReply::News { packets, .. } = read(&body).unwrap() else {
        panic!()
    };
    assert_eq!(packets.len(), 200_000);
}

proptest! {
    #[test]
    fn damaged_replies_never_panic(at in 0usize..REPLY.len(), byte: u8, step in 1usize..60) {
        let mut damaged = REPLY.as_bytes().to_vec();
        damaged[at] = byte;
        let _ = read_pieces(damaged.chunks(step));
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes: Vec<u8>, step in 1usize..10) {
        let _ = read_pieces(bytes.chunks(step));
    }

    #[test]
    fn the_channel_never_hangs_and_never_loses_its_position(
        bodies in prop::collection::vec(prop_oneof![
            Just("0"), Just("-3"), Just("<html>"), Just("{}"),
            Just(r#"{"sn":"AAAAAAAAAAI"}"#), Just(r#"{"a":[{"a":"sqac"}],"sn":"AAAAAAAAAAM"}"#),
            Just(r#"{"w":"https://w.api.mega.co.nz/w","sn":"AAAAAAAAAAQ"}"#), Just("{\"a\":["),
        ], 0..40),
    ) {
        let mut bench = Bench::session();
        for body in bodies {
            if bench.channel.is_ended() {
                break;
            }
            let before = bench.now;
            let url = bench.request().expect("there is always a next request");
            prop_assert!(bench.now - before <= Duration::from_secs(32));
            let asked = format!("sn={}&", bench.channel.position());
            prop_assert!(url.contains(&asked));
            bench.reply(body);
        }
    }
}

//! How commands are put together into requests.

use mega_protocol::commands::{FetchQuota, FetchUserData, Login, Logout, Prelogin, RawCommand};
use mega_protocol::{Effect, Identity, SessionId};

use super::{Bench, body, delete};

#[test]
fn what_arrives_while_a_batch_is_in_flight_goes_into_the_next_one() {
    let mut bench = Bench::new();
    let first = bench.submit(&FetchQuota::storage());
    let request = bench.request().unwrap();
    assert_eq!(request.commands, 1);

    let more: Vec<_> = (0..3)
        .map(|_| bench.submit(&FetchUserData::new()))
        .collect();
    // RTY-3: nothing leaves before the answer.
    assert!(bench.request().is_none());
    bench.reply("[{}]");
    assert_eq!(bench.element(first), "{}");

    let request = bench.request().unwrap();
    assert_eq!(
        body(&request),
        r#"[{"a":"ug","v":1},{"a":"ug","v":1},{"a":"ug","v":1}]"#
    );
    bench.reply("[1,-9,3]");
    assert_eq!(bench.element(more[0]), "1");
    assert_eq!(bench.element(more[1]), "-9");
    assert_eq!(bench.element(more[2]), "3");
    assert!(bench.lane.is_idle());
}

#[test]
fn a_thousand_commands_make_two_requests_and_ten_thousand_one_batch() {
    let mut bench = Bench::new();
    bench.submit(&delete());
    assert_eq!(bench.request().unwrap().commands, 1);
    for _ in 0..10_001 {
        bench.submit(&delete());
    }
    bench.reply("[0]");
    let request = bench.request().unwrap();
    assert_eq!(request.commands, 10_000);
    bench.reply(&format!("[{}0]", "0,".repeat(9_999)));
    assert_eq!(bench.request().unwrap().commands, 1);
}

#[test]
fn a_batch_is_bounded_in_bytes_but_a_single_command_always_fits() {
    let mut bench = Bench::with(|config| config.max_body = 60);
    let long = RawCommand::new("x", Effect::Read)
        .member("v", &format!("\"{}\"", "y".repeat(500)))
        .unwrap();
    bench.submit(&delete());
    bench.submit(&delete());
    bench.submit(&delete());
    bench.submit(&long);
    let request = bench.request().unwrap();
    assert_eq!(request.commands, 2);
    assert!(request.body.len() <= 60);
    bench.reply("[0,0]");
    assert_eq!(bench.request().unwrap().commands, 1);
    bench.reply("[0]");
    let request = bench.request().unwrap();
    assert!(request.body.len() > 500);
}

#[test]
fn some_commands_travel_alone() {
    let mut bench = Bench::new();
    bench.submit(&delete());
    bench.submit(&Logout::new());
    bench.submit(&delete());
    bench.submit(&Prelogin::new("a@b.c"));
    bench.submit(&Login::new("a@b.c", [0; 16]));
    for expected in ["d", "sml", "d", "us0", "us"] {
        let request = bench.request().unwrap();
        assert_eq!(request.commands, 1);
        assert!(body(&request).starts_with(&format!(r#"[{{"a":"{expected}""#)));
        bench.reply("[0]");
    }
}

#[test]
fn commands_of_different_names_never_share_a_batch() {
    let mut bench = Bench::new();
    bench.submit(&FetchUserData::new());
    bench
        .lane
        .set_identity(Identity::Session(SessionId::from_bytes([1; 43])));
    bench.submit(&FetchUserData::new());
    bench.submit(&FetchUserData::new());
    let anonymous = bench.request().unwrap();
    assert_eq!(anonymous.commands, 1);
    assert!(!anonymous.url.as_str().contains("sid="));
    bench.reply("[{}]");
    let named = bench.request().unwrap();
    assert_eq!(named.commands, 2);
    assert!(named.url.as_str().contains("&sid=AQEB"));
}

#[test]
fn the_address_has_the_form_of_the_protocol() {
    let mut bench = Bench::with(|config| config.language = Some(*b"de"));
    bench
        .lane
        .set_identity(Identity::Session(SessionId::from_bytes([0; 43])));
    bench.submit(&FetchUserData::new());
    let request = bench.request().unwrap();
    let expected = format!(
        "https://g.api.mega.co.nz/cs?id={}&sid={}&v=3&lang=de",
        request.id,
        "A".repeat(58)
    );
    assert_eq!(request.url.as_str(), expected);
}

#[test]
fn printing_a_request_shows_no_secret() {
    let mut bench = Bench::new();
    bench
        .lane
        .set_identity(Identity::Session(SessionId::from_bytes([0x55; 43])));
    bench.submit(&Login::new("someone@example.org", *b"canary-hash-0000"));
    let request = bench.request().unwrap();
    let (session, hash) = (
        "VVVV",
        mega_protocol::Blob::from(*b"canary-hash-0000").to_text(),
    );
    let shown = format!("{:?} {:?}", bench.lane, request.url);
    for secret in [session, hash.as_str(), "someone"] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
}

#[test]
fn a_lane_that_is_held_lets_what_was_handed_over_go_together() {
    let mut bench = Bench::new();
    bench.lane.set_held(true);
    for _ in 0..300 {
        bench.submit(&delete());
        assert!(bench.lane.poll_transmit(bench.now).is_none());
    }
    assert_eq!(bench.lane.poll_timeout(), None, "nothing to wait for");
    bench.lane.set_held(false);
    assert_eq!(bench.request().unwrap().commands, 300);
    // What is in flight is sent again, held or not.
    bench.lane.set_held(true);
    bench.respond(Err(super::lost()));
    assert_eq!(bench.request().unwrap().commands, 300);
}

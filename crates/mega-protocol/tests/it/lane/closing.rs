//! Callers that go away, and the end of the lane.

use mega_protocol::Error;
use mega_protocol::commands::FetchUserData;

use super::{Bench, delete, lost};

#[test]
fn can_1_a_withdrawn_command_never_leaves_and_one_that_left_is_not_repeated() {
    let mut bench = Bench::new();
    let sent = bench.submit(&delete());
    let original = bench.request().unwrap();
    let waiting = bench.submit(&delete());
    assert!(bench.lane.withdraw(waiting));
    assert!(!bench.lane.withdraw(sent));
    bench.respond(Err(lost()));
    // Its owner is gone, but it changes something: it is brought to its end under its id.
    assert_eq!(bench.request().unwrap().id, original.id);
    bench.reply("[0]");
    bench.result(sent).unwrap();
    assert!(bench.request().is_none());
    assert!(bench.results.is_empty());
}

#[test]
fn questions_nobody_wants_answered_are_not_asked_again() {
    let mut bench = Bench::new();
    let question = bench.submit(&FetchUserData::new());
    bench.request().unwrap();
    bench.lane.withdraw(question);
    bench.respond(Err(lost()));
    assert!(bench.request().is_none());
    assert!(bench.lane.is_idle());
}

#[test]
fn closing_gives_up_what_has_not_left_and_lets_the_rest_end() {
    let mut bench = Bench::new();
    let sent = bench.submit(&delete());
    bench.request().unwrap();
    let waiting = bench.submit(&delete());
    bench.lane.close();
    bench.collect();
    assert!(matches!(bench.result(waiting), Err(Error::Closed)));
    bench.reply("[\"1\"]");
    assert_eq!(bench.element(sent), "\"1\"");
    let late = bench.submit(&delete());
    bench.collect();
    assert!(matches!(bench.result(late), Err(Error::Closed)));
    assert!(bench.lane.is_idle());
}

#[test]
fn closing_during_an_unanswered_change_reports_it_as_unknown() {
    let mut bench = Bench::new();
    let sent = bench.submit(&delete());
    bench.request().unwrap();
    bench.lane.close();
    bench.respond(Err(lost()));
    assert!(bench.result(sent).unwrap_err().is_outcome_unknown());
    assert!(bench.lane.is_idle());
}

//! Callers that go away, and the end of the lane.

use std::time::Duration;

use mega_protocol::Error;
use mega_protocol::commands::FetchUserData;
use mega_protocol::lane::ApiResponse;
use mega_protocol::transport::{TransportError, TransportErrorKind};

use super::{Bench, delete, lost};

/// What proves that nothing was executed.
fn not_executed() -> Vec<Result<ApiResponse, TransportError>> {
    let mut challenge = ApiResponse::new(402, "");
    challenge.hashcash = Some(format!("1:255:1760000000:{}", "A".repeat(64)));
    vec![
        Ok(ApiResponse::ok("[-3]")),
        Ok(ApiResponse::ok("[-4]")),
        Ok(ApiResponse::ok("-3")),
        Ok(challenge),
        Ok(ApiResponse::new(402, "")),
        Ok(ApiResponse::new(429, "")),
        Err(TransportError::new(TransportErrorKind::Connect)),
    ]
}

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

#[test]
fn can_1_a_change_that_was_given_up_and_not_executed_never_leaves_again() {
    for answer in not_executed() {
        let shown = format!("{answer:?}");
        let mut bench = Bench::new();
        let change = bench.submit(&delete());
        bench.request().unwrap();
        assert!(!bench.lane.withdraw(change));
        assert!(bench.lane.has_orphaned_change());
        bench.respond(answer);
        assert!(!bench.lane.has_orphaned_change(), "{shown}");
        assert!(bench.request().is_none(), "{shown}");
        assert!(bench.lane.is_idle(), "{shown}");
    }
    // Nor does one that is given up between two attempts.
    for answer in not_executed() {
        let shown = format!("{answer:?}");
        let mut bench = Bench::new();
        let change = bench.submit(&delete());
        bench.request().unwrap();
        bench.respond(answer);
        bench.lane.withdraw(change);
        assert!(bench.request().is_none(), "{shown}");
        assert!(bench.lane.is_idle(), "{shown}");
    }
}

#[test]
fn can_1_a_change_that_was_given_up_is_brought_to_its_end_once_it_may_have_been_executed() {
    for answer in not_executed() {
        let mut bench = Bench::new();
        let change = bench.submit(&delete());
        let first = bench.request().unwrap();
        bench.respond(Err(lost()));
        bench.request().unwrap();
        bench.lane.withdraw(change);
        let proof_demanded = matches!(&answer, Ok(answer) if answer.hashcash.is_some());
        bench.respond(answer);
        assert!(bench.lane.has_orphaned_change());
        if !proof_demanded {
            assert_eq!(bench.request().unwrap().id, first.id);
        }
    }
}

#[test]
fn one_of_two_that_is_still_waited_for_takes_the_other_along() {
    let mut bench = Bench::new();
    let change = bench.submit(&delete());
    let other = bench.submit(&delete());
    let first = bench.request().unwrap();
    bench.lane.withdraw(change);
    bench.reply("-3");
    assert_eq!(bench.request().unwrap().id, first.id);
    assert!(bench.lane.has_orphaned_change());
    bench.reply("[0,0]");
    bench.result(other).unwrap();
    assert!(!bench.lane.has_orphaned_change());
}

#[test]
fn can_3_after_closing_nothing_leaves_again() {
    for answer in not_executed() {
        let shown = format!("{answer:?}");
        let mut bench = Bench::new();
        let change = bench.submit(&delete());
        bench.request().unwrap();
        bench.lane.close();
        bench.respond(answer);
        let error = bench.result(change).unwrap_err();
        assert!(matches!(error, Error::Closed), "{shown}: {error:?}");
        assert!(bench.request().is_none(), "{shown}");
        assert!(bench.lane.is_idle(), "{shown}");
    }
}

#[test]
fn what_closing_ended_says_so() {
    let mut bench = Bench::new();
    let question = bench.submit(&FetchUserData::new());
    bench.request().unwrap();
    bench.lane.close();
    bench.respond(Err(lost()));
    let error = bench.result(question).unwrap_err();
    assert!(matches!(error, Error::Closed), "{error:?}");

    let mut bench = Bench::new();
    let change = bench.submit(&delete());
    bench.request().unwrap();
    bench.lane.close();
    bench.respond(Ok(ApiResponse::new(503, "")));
    let error = bench.result(change).unwrap_err();
    let Error::OutcomeUnknown { source, .. } = &error else {
        panic!("{error:?}")
    };
    assert!(matches!(**source, Error::Closed), "{error:?}");
}

#[test]
fn a_pause_that_the_service_asked_for_outlives_the_command_that_was_told() {
    let mut busy = ApiResponse::new(429, "");
    busy.retry_after = Some(Duration::from_secs(20));
    for given_up_before in [false, true] {
        let mut bench = Bench::new();
        let question = bench.submit(&FetchUserData::new());
        bench.request().unwrap();
        let asked = bench.now;
        if given_up_before {
            bench.lane.withdraw(question);
        }
        bench.respond(Ok(busy.clone()));
        bench.lane.withdraw(question);
        bench.submit(&delete());
        bench.lane.hurry(bench.now);
        bench.request().unwrap();
        assert!(bench.now - asked >= Duration::from_secs(20));
        assert!(bench.now - asked < Duration::from_secs(21));
    }
}

#[test]
fn a_pause_beyond_the_deadline_holds_nobody_else_back() {
    let mut busy = ApiResponse::new(429, "");
    busy.retry_after = Some(Duration::from_secs(24 * 3600));
    let mut bench = Bench::new();
    let question = bench.submit(&FetchUserData::new());
    bench.request().unwrap();
    bench.lane.withdraw(question);
    bench.respond(Ok(busy));
    bench.submit(&delete());
    let before = bench.now;
    bench.request().unwrap();
    assert_eq!(bench.now, before);
}

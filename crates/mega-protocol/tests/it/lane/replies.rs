//! What an answer, whole or broken, does to the commands of its batch.

use std::time::Duration;

use mega_protocol::commands::FetchUserData;
use mega_protocol::lane::LaneEvent;
use mega_protocol::{ApiCode, Error, ErrorKind, RetryPolicy};

use super::{Bench, body, delete, lost};

#[test]
fn a_resent_request_keeps_its_id_and_answers_only_its_command() {
    let mut bench = Bench::new();
    let first = bench.submit(&delete());
    let second = bench.submit(&delete());
    let original = bench.request().unwrap();
    bench.respond(Err(lost()));
    while bench.request().is_some() {
        bench.respond(Err(lost()));
    }
    bench.result(first).unwrap_err();
    let Error::OutcomeUnknown { request, .. } = bench.result(second).unwrap_err() else {
        panic!()
    };

    let ticket = bench.lane.resubmit(&request);
    let again = bench.request().unwrap();
    assert_eq!((again.id, &again.body), (original.id, &original.body));
    bench.reply(r#"["1","2"]"#);
    let answer = bench.result(ticket).unwrap();
    assert_eq!(&answer.element[..], b"\"2\"");
    assert!(answer.repeated);
    assert!(bench.results.is_empty());
}

#[test]
fn rty_5_a_broken_reply_leaves_changes_unknown() {
    for broken in [
        "[]", "[0,0,0]", "[0", "[0,]", "[0,0]x", "{}", "12x", "[0 0]",
    ] {
        let mut bench = Bench::new();
        let change = bench.submit(&delete());
        let question = bench.submit(&FetchUserData::new());
        let mut attempts = 0;
        while bench.request().is_some() {
            attempts += 1;
            bench.reply(broken);
        }
        assert_eq!(attempts, 3, "{broken}");
        assert!(
            bench.result(change).unwrap_err().is_outcome_unknown(),
            "{broken}"
        );
        let error = bench.result(question).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Protocol, "{broken}");
    }
}

#[test]
fn a_reply_damaged_once_is_asked_for_again_under_its_id() {
    let mut bench = Bench::new();
    let ticket = bench.submit(&delete());
    let first = bench.request().unwrap();
    bench.reply("[\"12");
    let again = bench.request().unwrap();
    assert_eq!(again.id, first.id);
    bench.reply("[\"12\"]");
    assert_eq!(bench.element(ticket), "\"12\"");
}

#[test]
fn a_refused_batch_refuses_every_command() {
    for (refusal, code) in [
        ("-15", -15),
        (r#"{"err":-16}"#, -16),
        ("-9", -9),
        (r#"{"err":-2,"u":1}"#, -2),
    ] {
        let mut bench = Bench::new();
        let tickets = [bench.submit(&delete()), bench.submit(&FetchUserData::new())];
        bench.request().unwrap();
        bench.reply(refusal);
        for ticket in tickets {
            let error = bench.result(ticket).unwrap_err();
            assert_eq!(error.code().map(ApiCode::number), Some(code), "{refusal}");
        }
        let ended = bench
            .notices
            .iter()
            .any(|n| matches!(n, LaneEvent::SessionEnded));
        let blocked = bench
            .notices
            .iter()
            .any(|n| matches!(n, LaneEvent::Blocked));
        assert_eq!((ended, blocked), (code == -15, code == -16));
        assert!(bench.lane.is_idle());
    }
}

#[test]
fn rty_6_a_bare_number_that_is_no_error_code_does_not_prove_that_nothing_was_done() {
    for number in ["0", "7"] {
        let mut bench = Bench::new();
        let change = bench.submit(&delete());
        let question = bench.submit(&FetchUserData::new());
        bench.request().unwrap();
        bench.reply(number);
        assert!(bench.result(change).unwrap_err().is_outcome_unknown());
        let error = bench.result(question).unwrap_err();
        assert_eq!(error.code(), Some(ApiCode::EINTERNAL));
        assert!(bench.lane.is_idle());
    }
}

#[test]
fn a_dead_session_after_a_lost_answer_leaves_the_change_unknown() {
    let mut bench = Bench::new();
    let ticket = bench.submit(&delete());
    bench.request().unwrap();
    bench.respond(Err(lost()));
    bench.request().unwrap();
    bench.reply("-15");
    let error = bench.result(ticket).unwrap_err();
    assert!(error.is_outcome_unknown());
    let Error::OutcomeUnknown { source, .. } = error else {
        panic!()
    };
    assert_eq!(source.kind(), ErrorKind::SessionExpired);
}

#[test]
fn the_session_end_of_a_single_command_is_noticed_in_an_array_too() {
    let mut bench = Bench::new();
    bench.submit(&FetchUserData::new());
    bench.request().unwrap();
    bench.reply("[-15]");
    assert!(matches!(bench.notices[..], [LaneEvent::SessionEnded]));
}

#[test]
fn a_single_busy_element_is_tried_again_in_a_new_batch() {
    let mut bench = Bench::new();
    let change = bench.submit(&delete());
    let question = bench.submit(&FetchUserData::new());
    let first = bench.request().unwrap();
    // The change was part of a batch others of which were executed: its owner decides.
    bench.reply("[-3,-3]");
    assert_eq!(bench.element(change), "-3");
    let second = bench.request().unwrap();
    assert_ne!(second.id, first.id);
    assert_eq!(body(&second), r#"[{"a":"ug","v":1}]"#);
    bench.reply("[-4]");
    assert_eq!(bench.request().unwrap().commands, 1);
    bench.reply("[{}]");
    assert_eq!(bench.element(question), "{}");

    let alone = bench.submit(&delete());
    bench.request().unwrap();
    bench.reply("[-3]");
    bench.request().unwrap();
    bench.reply("[\"5\"]");
    assert_eq!(bench.element(alone), "\"5\"");
}

#[test]
fn a_storm_of_busy_elements_ends_at_the_deadline() {
    let mut bench = Bench::new();
    let ticket = bench.submit(&delete());
    let start = bench.now;
    let mut rounds = 0;
    while bench.request().is_some() {
        rounds += 1;
        bench.reply("[-3]");
    }
    assert!(rounds > 5);
    assert_eq!(bench.element(ticket), "-3");
    assert!(bench.now - start <= Duration::from_secs(300));
}

#[test]
fn rty_12_a_command_that_is_busy_again_and_again_leaves_no_later_than_its_deadline() {
    for seconds in 1..40 {
        let deadline = Duration::from_secs(seconds);
        let policy = RetryPolicy::default().with_deadline(deadline);
        let mut bench = Bench::with(|config| config.retry = policy);
        bench.submit(&delete());
        let start = bench.now;
        while bench.results.is_empty() {
            bench.request().unwrap();
            let waited = bench.now - start;
            assert!(waited <= deadline, "{waited:?} of {deadline:?}");
            bench.now += Duration::from_millis(20);
            bench.reply("[-3]");
        }
    }
}

//! The same request again: until there is an answer, time is up, or the outcome has to be called unknown.

use std::time::Duration;

use mega_protocol::commands::FetchUserData;
use mega_protocol::lane::ApiResponse;
use mega_protocol::transport::{TransportError, TransportErrorKind};
use mega_protocol::{Error, ErrorKind, RetryPolicy};

use super::{Bench, delete, lost};

#[test]
fn rty_1_every_attempt_has_the_same_id_and_bytes_and_the_next_batch_another_id() {
    let mut bench = Bench::new();
    let ticket = bench.submit(&delete());
    let first = bench.request().unwrap();
    let faults: [Result<ApiResponse, TransportError>; 9] = [
        Err(lost()),
        Err(TransportError::new(TransportErrorKind::Connect)),
        Err(TransportError::new(TransportErrorKind::Timeout)),
        Ok(ApiResponse::ok("-3")),
        Ok(ApiResponse::ok("-4")),
        Ok(ApiResponse::new(500, "")),
        Ok(ApiResponse::new(429, "")),
        Ok(ApiResponse::ok("<html>Please log in</html>")),
        Ok(ApiResponse::ok("")),
    ];
    for fault in faults {
        bench.respond(fault);
        let again = bench.request().unwrap();
        assert_eq!((again.id, &again.body), (first.id, &first.body));
        assert_eq!(again.url, first.url);
    }
    bench.reply(r#"["12A"]"#);
    let answer = bench.result(ticket).unwrap();
    assert!(answer.repeated, "an earlier attempt may have been executed");

    bench.submit(&delete());
    let next = bench.request().unwrap();
    assert_ne!(next.id, first.id);
    assert_eq!(next.body, first.body);
}

#[test]
fn rty_4_a_command_that_never_left_has_failed_and_nothing_else() {
    let mut bench = Bench::new();
    let ticket = bench.submit(&delete());
    while bench.request().is_some() {
        bench.respond(Err(TransportError::new(TransportErrorKind::Connect)));
    }
    let error = bench.result(ticket).unwrap_err();
    assert!(!error.is_outcome_unknown());
    assert_eq!(error.kind(), ErrorKind::Network);
    assert!(error.is_retryable());
}

#[test]
fn net_1_a_service_that_does_not_prove_itself_is_an_error_at_once() {
    let mut bench = Bench::new();
    let ticket = bench.submit(&delete());
    bench.request().unwrap();
    bench.respond(Err(TransportError::new(TransportErrorKind::Tls)));
    let error = bench.result(ticket).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Tls);
    assert!(!error.is_retryable());
    assert!(bench.lane.is_idle());
}

#[test]
fn rty_6_a_change_without_an_answer_is_neither_success_nor_failure() {
    for fault in [
        || Err(lost()),
        || Ok(ApiResponse::new(500, "")),
        || Ok(ApiResponse::new(502, "")),
        || Ok(ApiResponse::ok("<html>")),
    ] {
        let mut bench = Bench::new();
        let change = bench.submit(&delete());
        let question = bench.submit(&FetchUserData::new());
        let mut sent = 0;
        let mut first = None;
        while let Some(request) = bench.request() {
            sent += 1;
            first.get_or_insert(request.id);
            bench.respond(fault());
        }
        assert!(sent > 5, "it tried again");
        let error = bench.result(change).unwrap_err();
        assert!(error.is_outcome_unknown());
        assert!(!error.is_retryable());
        let Error::OutcomeUnknown {
            command, request, ..
        } = error
        else {
            panic!()
        };
        assert_eq!(command, "d");
        assert_eq!(Some(request.id()), first);
        assert_eq!(request.position(), 0);
        // A question has no outcome that could be unknown.
        assert!(!bench.result(question).unwrap_err().is_outcome_unknown());
    }
}

#[test]
fn rty_6_a_busy_service_has_executed_nothing() {
    for response in [
        ApiResponse::ok("-3"),
        ApiResponse::ok("-4"),
        ApiResponse::new(429, ""),
    ] {
        let mut bench = Bench::new();
        let ticket = bench.submit(&delete());
        while bench.request().is_some() {
            bench.respond(Ok(response.clone()));
        }
        let error = bench.result(ticket).unwrap_err();
        assert!(!error.is_outcome_unknown(), "{error}");
        assert!(error.is_retryable(), "{error}");
    }
}

#[test]
fn a_busy_answer_after_a_lost_one_does_not_make_the_outcome_known() {
    let mut bench = Bench::new();
    let ticket = bench.submit(&delete());
    bench.request().unwrap();
    bench.respond(Err(lost()));
    while bench.request().is_some() {
        bench.reply("-3");
    }
    assert!(bench.result(ticket).unwrap_err().is_outcome_unknown());
}

#[test]
fn rty_12_no_attempt_begins_after_the_deadline() {
    let mut bench = Bench::with(|config| {
        config.retry = RetryPolicy::default().with_deadline(Duration::from_secs(60));
    });
    let ticket = bench.submit(&FetchUserData::new());
    let start = bench.now;
    let mut last = start;
    while bench.request().is_some() {
        last = bench.now;
        bench.respond(Err(lost()));
    }
    assert!(last - start <= Duration::from_secs(60));
    let error = bench.result(ticket).unwrap_err();
    assert!(matches!(error, Error::DeadlineExceeded { .. }));
    assert_eq!(error.kind(), ErrorKind::Network);
}

#[test]
fn commands_that_waited_behind_a_lost_cause_end_with_it() {
    let mut bench = Bench::new();
    let first = bench.submit(&FetchUserData::new());
    bench.request().unwrap();
    let second = bench.submit(&delete());
    bench.respond(Err(lost()));
    // The lane looks at its queue when it looks for work.
    while bench.lane.poll_timeout().is_some() && bench.results.is_empty() {
        if bench.request().is_some() {
            bench.respond(Err(lost()));
        }
    }
    bench.result(first).unwrap_err();
    // The second has waited less than its own time, so it gets its own chance.
    assert!(bench.results.is_empty());
    assert!(bench.request().is_some());
    bench.reply("[0]");
    assert_eq!(bench.element(second), "0");
}

#[test]
fn the_service_can_ask_for_a_longer_pause() {
    let mut bench = Bench::new();
    bench.submit(&FetchUserData::new());
    bench.request().unwrap();
    let mut busy = ApiResponse::new(503, "");
    busy.retry_after = Some(Duration::from_secs(20));
    let before = bench.now;
    bench.respond(Ok(busy));
    bench.request().unwrap();
    assert!(bench.now - before >= Duration::from_secs(20));
}

#[test]
fn being_heard_elsewhere_ends_the_pause() {
    let mut bench = Bench::new();
    bench.submit(&FetchUserData::new());
    bench.request().unwrap();
    bench.reply("-3");
    bench.lane.hurry(bench.now);
    assert!(bench.lane.poll_transmit(bench.now).is_some());
    // But not a pause that the service asked for.
    let mut busy = ApiResponse::new(429, "");
    busy.retry_after = Some(Duration::from_secs(20));
    bench.respond(Ok(busy));
    bench.lane.hurry(bench.now);
    assert!(bench.lane.poll_transmit(bench.now).is_none());
}

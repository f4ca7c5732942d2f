//! Proofs of work.

use mega_protocol::commands::Prelogin;
use mega_protocol::lane::{ApiResponse, LaneEvent};
use mega_protocol::{Error, ErrorKind, HashcashChallenge, ProofOfWorkError};

use super::{Bench, delete, lost};

fn challenge_header(easiness: u8) -> String {
    format!("1:{easiness}:1760000000:{}", "A".repeat(64))
}

fn challenged(easiness: u8) -> ApiResponse {
    let mut response = ApiResponse::new(402, "");
    response.hashcash = Some(challenge_header(easiness));
    response
}

fn demanded(bench: &mut Bench) -> Option<HashcashChallenge> {
    let at = bench
        .notices
        .iter()
        .position(|n| matches!(n, LaneEvent::Proof(_)))?;
    let LaneEvent::Proof(challenge) = bench.notices.remove(at) else {
        return None;
    };
    Some(challenge)
}

#[test]
fn a_proof_of_work_goes_with_the_same_id_and_bytes() {
    let mut bench = Bench::new();
    let ticket = bench.submit(&Prelogin::new("a@b.c"));
    let first = bench.request().unwrap();
    assert_eq!(first.hashcash, None);
    bench.respond(Ok(challenged(255)));
    let challenge = demanded(&mut bench).unwrap();
    assert!(
        bench.request().is_none(),
        "nothing leaves before the proof is there"
    );
    bench
        .lane
        .handle_proof(bench.now, Ok([1, 0, 0, 0]), &challenge);
    let again = bench.request().unwrap();
    assert_eq!(
        (again.id, &again.body, &again.url),
        (first.id, &first.body, &first.url)
    );
    assert_eq!(again.hashcash, Some(format!("1:{}:AQAAAA", "A".repeat(64))));
    bench.respond(Err(lost()));
    // A token is never used twice.
    assert_eq!(bench.request().unwrap().hashcash, None);
    bench.reply(r#"[{"v":1}]"#);
    assert_eq!(bench.element(ticket), r#"{"v":1}"#);
}

#[test]
fn lim_9_extreme_or_endless_proofs_of_work_are_refused() {
    let mut bench = Bench::new();
    let ticket = bench.submit(&Prelogin::new("a@b.c"));
    bench.request().unwrap();
    bench.respond(Ok(challenged(0)));
    assert!(demanded(&mut bench).is_none());
    let error = bench.result(ticket).unwrap_err();
    assert!(matches!(
        error,
        Error::ProofOfWork(ProofOfWorkError::TooMuch { .. })
    ));

    let ticket = bench.submit(&Prelogin::new("a@b.c"));
    let mut proofs = 0;
    while bench.request().is_some() {
        bench.respond(Ok(challenged(255)));
        if let Some(challenge) = demanded(&mut bench) {
            proofs += 1;
            bench.lane.handle_proof(bench.now, Ok([0; 4]), &challenge);
        }
    }
    assert_eq!(proofs, 3);
    let error = bench.result(ticket).unwrap_err();
    assert!(matches!(
        error,
        Error::ProofOfWork(ProofOfWorkError::TooOften(3))
    ));
    assert_eq!(error.kind(), ErrorKind::ProofOfWork);
}

#[test]
fn lim_9_a_refused_proof_after_a_lost_answer_leaves_the_change_unknown() {
    let mut bench = Bench::new();
    let ticket = bench.submit(&delete());
    bench.request().unwrap();
    bench.respond(Err(lost()));
    bench.request().unwrap();
    bench.respond(Ok(challenged(0)));
    assert!(bench.result(ticket).unwrap_err().is_outcome_unknown());
}

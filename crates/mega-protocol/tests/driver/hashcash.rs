//! Proofs of work, demanded by the test server and done here.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use mega_protocol::commands::Prelogin;
use mega_protocol::{Error, ErrorKind, HashcashChallenge, ProofOfWorkError, SolverCancel};
use mega_testserver::{Fault, TestServer};
use sha2::{Digest, Sha256};

use crate::support::{EMAIL, PASSWORD, builder, sign_in};

/// Straight from api-and-transfers 1.5.
fn solve(challenge: &HashcashChallenge, cancel: &SolverCancel) -> Option<[u8; 4]> {
    let mut tail = Vec::with_capacity(48 * 262_144);
    for _ in 0..262_144 {
        tail.extend_from_slice(challenge.token());
    }
    for n in 0u32.. {
        if cancel.is_cancelled() {
            return None;
        }
        let prefix = n.to_be_bytes();
        let hash = Sha256::new()
            .chain_update(prefix)
            .chain_update(&tail)
            .finalize();
        if u32::from_be_bytes(hash[..4].try_into().unwrap()) <= challenge.threshold() {
            return Some(prefix);
        }
    }
    None
}

#[tokio::test(flavor = "multi_thread")]
async fn sign_in_pays_the_proof_of_work_that_the_service_demands() {
    let server = TestServer::builder()
        .options(|o| o.hashcash = Some(255))
        .start()
        .await
        .unwrap();
    server.account(EMAIL, PASSWORD).create();
    let solved = Arc::new(AtomicU32::new(0));
    let counter = Arc::clone(&solved);
    let api = builder(&server)
        .hashcash_solver(
            move |challenge: &HashcashChallenge, cancel: &SolverCancel| {
                counter.fetch_add(1, Ordering::Relaxed);
                solve(challenge, cancel)
            },
        )
        .build()
        .unwrap();
    sign_in(&server, &api).await;
    assert!(
        solved.load(Ordering::Relaxed) >= 2,
        "us0 and us each cost one"
    );
    let journal = server.journal();
    let ids: Vec<_> = journal
        .iter()
        .filter(|e| e.commands == ["us0"])
        .map(|e| (e.id.clone(), e.request_bytes))
        .collect();
    assert!(
        ids.len() >= 2 && ids.windows(2).all(|w| w[0] == w[1]),
        "same id and bytes: {ids:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn lim_9_without_a_solver_or_beyond_the_bound_the_demand_is_an_error() {
    let server = TestServer::start().await.unwrap();
    let api = builder(&server).build().unwrap();
    server.faults().add(Fault::command("us0").hashcash(255));
    let error = api.send(Prelogin::new(EMAIL)).await.unwrap_err();
    assert!(matches!(
        error,
        Error::ProofOfWork(ProofOfWorkError::NoSolver)
    ));

    let asked = Arc::new(AtomicU32::new(0));
    let counter = Arc::clone(&asked);
    let api = builder(&server)
        .hashcash_solver(move |_: &HashcashChallenge, _: &SolverCancel| {
            counter.fetch_add(1, Ordering::Relaxed);
            None
        })
        .build()
        .unwrap();
    server.faults().add(Fault::command("us0").hashcash(0));
    let error = api.send(Prelogin::new(EMAIL)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ProofOfWork);
    assert_eq!(
        asked.load(Ordering::Relaxed),
        0,
        "no work is begun that cannot end"
    );
}

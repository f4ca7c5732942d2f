use mega_crypto::hashcash::{ATTEMPT_LIMIT, Challenge};
use mega_crypto::{Error, ErrorKind};
use proptest::prelude::*;
use sha2::{Digest, Sha256};

use crate::support::{VECTORS, Vector, look, unhex};

fn challenge(easiness: u8) -> Challenge {
    let token = &VECTORS["hashcash"].str("challenge_header")[17..];
    Challenge::parse(&format!("1:{easiness}:1700000000:{token}")).unwrap()
}

#[test]
pub(crate) fn the_known_challenge_is_solved_as_known() {
    let case = &VECTORS["hashcash"];
    let challenge = Challenge::parse(case.str("challenge_header")).unwrap();
    assert_eq!(u64::from(challenge.easiness()), case.u64("easiness"));
    assert_eq!(challenge.timestamp(), 1_700_000_000);
    assert_eq!(u64::from(challenge.threshold()), case.u64("threshold"));
    let proof = challenge
        .solve(0..10, ATTEMPT_LIMIT, || false)
        .unwrap()
        .unwrap();
    assert_eq!(proof.to_be_bytes().to_vec(), case.hex("nonce_big_endian"));
    assert!(challenge.verify(proof));
    assert!(!challenge.verify(proof - 1));
    assert_eq!(challenge.answer(proof), case.str("response_header"));
}

/// The message, built the plain way, gives the hash of the vectors; so a proof is what an
/// independent reader accepts.
#[test]
pub(crate) fn a_proof_is_a_hash_of_the_whole_message() {
    let case = &VECTORS["hashcash"];
    let token = mega_crypto::base64::decode(&case.str("challenge_header")[17..]).unwrap();
    let message = [unhex(case.str("nonce_big_endian")), token.repeat(262_144)].concat();
    assert_eq!(message.len(), mega_crypto::hashcash::BYTES_PER_ATTEMPT);
    assert_eq!(Sha256::digest(message).to_vec(), case.hex("sha256"));
}

#[test]
fn a_proof_is_right_where_the_plain_hash_is() {
    let case = &VECTORS["hashcash"];
    let token = mega_crypto::base64::decode(&case.str("challenge_header")[17..]).unwrap();
    let easy = challenge(255);
    let mut right = 0;
    for proof in 0..8u32 {
        let message = [&proof.to_be_bytes()[..], &token.repeat(262_144)].concat();
        let [a, b, c, d, ..] = <[u8; 32]>::from(Sha256::digest(message));
        let passes = u32::from_be_bytes([a, b, c, d]) <= easy.threshold();
        assert_eq!(easy.verify(proof), passes, "{proof}");
        right += u32::from(passes);
    }
    assert!((1..8).contains(&right), "{right} of 8 say nothing");
}

#[test]
pub(crate) fn challenges_of_the_official_tests_are_understood() {
    let cases = &VECTORS["from_public_test_suites"]["hashcash"];
    for token in cases.list("tokens") {
        let token = look(token).as_str().unwrap();
        for easiness in cases.numbers("easiness") {
            let header = format!("1:{easiness}:1700000000:{token}");
            let challenge = Challenge::parse(&header).unwrap();
            assert_eq!(u64::from(challenge.easiness()), easiness);
            let answer = challenge.answer(0x0102_0304);
            assert_eq!(answer, format!("1:{token}:AQIDBA"));
        }
    }
}

#[test]
fn the_threshold_grows_with_the_easiness_as_in_the_formula() {
    for (easiness, threshold) in [
        (0, 8),
        (1, 24),
        (63, 1016),
        (64, 1 << 10),
        (180, 105 << 17),
        (192, 1 << 24),
        (255, 127 << 24),
    ] {
        assert_eq!(challenge(easiness).threshold(), threshold, "{easiness}");
    }
    assert_eq!(challenge(255).expected_attempts(), 3);
    assert_eq!(challenge(192).expected_attempts(), 256);
    assert_eq!(challenge(180).expected_attempts(), 313);
    assert_eq!(challenge(0).expected_attempts(), 477_218_589);
}

/// Threat model, LIM-9.
#[test]
fn more_work_than_allowed_is_refused_before_it_starts() {
    let hopeless = challenge(0);
    let asked = hopeless.solve(0..=u32::MAX, ATTEMPT_LIMIT, || panic!("no attempt"));
    let expected = Error::TooMuchWork {
        expected: 477_218_589,
        limit: ATTEMPT_LIMIT,
    };
    assert_eq!(asked, Err(expected.clone()));
    assert_eq!(expected.kind(), ErrorKind::Limit);
    assert_eq!(challenge(255).solve([], 3, || false), Ok(None));
    assert!(challenge(255).solve([], 2, || false).is_err());
}

/// Threat model, LIM-9.
#[test]
fn the_search_stops_when_cancelled() {
    let mut left = 2;
    let cancelled = || {
        left -= 1;
        left == 0
    };
    // 0 and 1 are no proofs of the known challenge, 2 is.
    assert_eq!(
        challenge(240).solve(0..10, 100, cancelled),
        Err(Error::Cancelled)
    );
    assert_eq!(challenge(240).solve(0..2, 100, || false), Ok(None));
}

#[test]
fn anything_else_is_no_challenge() {
    let token = "rSmpMrcKJBy8PFFMAnpSUxvpoI01ub0Uk0w7FyQUG7OkJSpebZCIq0cav2VdrA5X";
    for wrong in [
        String::new(),
        "1".into(),
        "1:240:1700000000".into(),
        format!("1:256:1700000000:{token}"),
        format!("1:-1:1700000000:{token}"),
        format!("1:+1:1700000000:{token}"),
        format!("1::1700000000:{token}"),
        format!("1:240:99999999999999999999:{token}"),
        format!("1:240:1700000000:{token}A"),
        format!("1:240:1700000000:{}", &token[..62]),
        format!("1:240:1700000000:{}*", &token[..63]),
        format!("1:240:1700000000:{token}:"),
    ] {
        let error = Challenge::parse(&wrong).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Malformed, "{wrong}");
    }
    let newer = Challenge::parse(&format!("2:240:1700000000:{token}"));
    assert_eq!(newer.unwrap_err().kind(), ErrorKind::Unsupported);
}

proptest! {
    #[test]
    fn no_header_makes_the_reader_panic(text in "[-0-9A-Za-z:_ ]{0,100}", any in ".{0,40}") {
        let _ = Challenge::parse(&text);
        let _ = Challenge::parse(&any);
        let _ = Challenge::parse(&format!("1:{any}:{text}"));
    }
}

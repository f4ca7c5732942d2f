//! The header that asks for a proof of work.

use mega_crypto::hashcash::Challenge;

use crate::input::Input;

/// Reading the header; nothing is solved, which takes seconds.
pub fn hashcash(input: &[u8]) {
    let text = Input(input).text();
    let Ok(challenge) = Challenge::parse(&text) else {
        return;
    };
    assert!((2..=1 << 30).contains(&challenge.expected_attempts()));
    assert!(u64::from(challenge.threshold()) * challenge.expected_attempts() <= 1 << 33);
    // Told to give up at once, it does no work; it never tries more than it is allowed to.
    let none = challenge.solve(0..=u32::MAX, u64::MAX, || true);
    assert!(!matches!(none, Ok(Some(_))));
    let answer = challenge.answer(7);
    let fields: Vec<_> = answer.split(':').collect();
    assert_eq!((fields.len(), fields[0], fields[2]), (3, "1", "AAAABw"));
    // The token comes back as it was, apart from how it was spelled.
    let asked = format!(
        "1:{}:{}:{}",
        challenge.easiness(),
        challenge.timestamp(),
        fields[1]
    );
    assert_eq!(Challenge::parse(&asked), Ok(challenge));
}

//! The secret of a second factor, as people copy it.

use mega_crypto::totp::TotpSecret;

use crate::input::Input;

/// Reading the secret, and computing a code from it.
pub fn totp(input: &[u8]) {
    let mut input = Input(input);
    let time = input.number();
    let text = input.text();
    let Ok(secret) = TotpSecret::from_base32(&text) else {
        return;
    };
    let code = secret.code_at(time);
    assert!(code.len() == 6 && code.bytes().all(|byte| byte.is_ascii_digit()));
    assert!((1..=30).contains(&TotpSecret::seconds_left(time)));
    let spaced: String = text.to_uppercase().chars().flat_map(|c| [c, ' ']).collect();
    if let Ok(again) = TotpSecret::from_base32(&spaced) {
        assert_eq!(again.code_at(time), code);
    }
}

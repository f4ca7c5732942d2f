//! Texts that make, prove and recover accounts.

use mega_crypto::account::{
    AnonymousCredentials, ConfirmationCode, check_ownership_proof, ownership_proof,
};
use mega_crypto::{MasterKey, NodeHandle, PublicHandle, UserHandle};

use crate::input::Input;

/// Reading each of them, writing it, reading that.
pub fn accounts(input: &[u8]) {
    let text = Input(input).text();
    if let Ok(credentials) = AnonymousCredentials::from_text(&text) {
        let again = AnonymousCredentials::from_text(&credentials.to_text());
        assert_eq!(again, Ok(credentials));
    }
    if let Ok(code) = ConfirmationCode::parse(&text) {
        assert!(!code.email().contains('\t'));
        let again = ConfirmationCode::parse(&code.to_text()).expect("its own text");
        assert!(again == code && again.email() == code.email() && again.name() == code.name());
    }
    // Anyone can make up the texts around an address.
    let mut rest = Input(input);
    let (token, hash) = (rest.array(), rest.array());
    let (email, name) = (rest.array::<12>(), rest.text());
    let email = String::from_utf8_lossy(&email).into_owned();
    match ConfirmationCode::new(&token, &email, &name, &hash) {
        Ok(made) => {
            if let Ok(read) = ConfirmationCode::parse(&made.to_text()) {
                assert!(read == made && read.email() == email && read.name() == name);
            } else {
                assert!(input.len() > 1000, "only a long one is refused");
            }
        }
        Err(_) => assert!(email.contains('\t')),
    }

    if let Ok(master) = MasterKey::from_recovery_key(&text) {
        let again = MasterKey::from_recovery_key(&master.to_recovery_key());
        assert!(again.is_ok_and(|again| again == master));
    }
    let mut rest = Input(input);
    let master = MasterKey::from_bytes(rest.array());
    let proof = ownership_proof(&master, &rest.array());
    assert!(check_ownership_proof(&master, &proof));
    let mut other = proof;
    other[16 + input.len() % 16] ^= 1;
    assert!(!check_ownership_proof(&master, &other));

    if let Ok(handle) = NodeHandle::from_text(&*text) {
        assert_eq!(handle.to_string().parse(), Ok(handle));
    }
    if let Ok(handle) = PublicHandle::from_text(&*text) {
        assert_eq!(handle.to_string().parse(), Ok(handle));
    }
    if let Ok(handle) = UserHandle::from_text(&*text) {
        assert_eq!(handle.to_string().parse(), Ok(handle));
    }
}

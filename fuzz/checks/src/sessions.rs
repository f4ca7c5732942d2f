//! Stored sessions.

use mega_crypto::StoredSession;

use crate::input::Input;

/// Reading a stored session from bytes and from text, and writing it.
pub fn sessions(input: &[u8]) {
    if let Ok(session) = StoredSession::from_bytes(input) {
        let bytes = session.to_bytes();
        if matches!(session, StoredSession::Account(_)) {
            assert_eq!(
                &bytes[..],
                input,
                "every byte of an account's means something"
            );
        }
        assert!(StoredSession::from_bytes(&bytes).is_ok_and(|again| again == session));
        assert!(StoredSession::from_text(&session.to_text()).is_ok_and(|again| again == session));
    }
    if let Ok(session) = StoredSession::from_text(&Input(input).text()) {
        let bytes = session.to_bytes();
        assert!(StoredSession::from_bytes(&bytes).is_ok_and(|again| again == session));
    }
}

//! Keys of contacts, signatures, and the older places of keys.

use mega_crypto::account_keys::{
    ContactKeys, Ed25519PrivateKey, Ed25519PublicKey, KeySignature, Keyring, X25519PrivateKey,
    X25519PublicKey,
};
use mega_crypto::tlv::{Mode, encrypt_with};
use mega_crypto::{
    Error, MasterKey, NodeHandle, ShareKey, UserHandle, open_own_share_key, share_auth,
};

use crate::input::Input;

/// Signatures over keys that nobody made, a keyring with any records, shares with any proof.
pub fn contacts(input: &[u8]) {
    let mut rest = Input(input);
    let user = UserHandle::from_bytes(rest.array());
    let ed25519 = Ed25519PrivateKey::from_bytes(rest.array());
    let x25519 = X25519PublicKey::from_bytes(rest.array());
    let time = rest.number();

    let signature = KeySignature::sign_x25519(&ed25519, &x25519, time);
    assert_eq!(signature.time(), time);
    let mut bytes = signature.to_bytes();
    assert_eq!(KeySignature::from_slice(&bytes), Ok(signature));
    let public = ed25519.public_key();
    let read =
        |signature: &[u8]| ContactKeys::new(user, public.as_bytes(), x25519.as_bytes(), signature);
    assert!(read(&bytes).is_ok());
    bytes[input.len() % KeySignature::LEN] ^= 1 << (input.len() % 7);
    assert!(read(&bytes).is_err(), "a changed signature");
    // What the service makes up has one error or another, but no key.
    if let Ok(signature) = KeySignature::from_slice(rest.0) {
        let made_up = Ed25519PublicKey::from_slice(&input[..32.min(input.len())]);
        if let Ok(made_up) = made_up {
            let _ = signature.verify_x25519(&made_up, &x25519);
        }
    }

    // Both sides of a pair derive the same key, or neither a key of zeros.
    let ours = X25519PrivateKey::from_bytes(*ed25519.expose_secret());
    match ours.pairwise_key(&x25519) {
        Ok(key) => assert_ne!(*key.expose_secret(), [0; 16]),
        Err(error) => assert!(matches!(error, Error::ZeroKey { .. })),
    }
    let mut theirs = *x25519.as_bytes();
    theirs[0] ^= 0x55;
    let theirs = X25519PrivateKey::from_bytes(theirs);
    let pair = (
        ours.pairwise_key(&theirs.public_key()),
        theirs.pairwise_key(&ours.public_key()),
    );
    assert!(matches!(pair, (Ok(one), Ok(other)) if one == other));

    let master = MasterKey::from_bytes(rest.array());
    let sealed = encrypt_with(rest.0, &master, Mode::WRITTEN, &[3; 12]).expect("a short text");
    if let Ok(keyring) = Keyring::open(&sealed, &master) {
        for (name, key) in [
            ("prEd255", keyring.ed25519().map(|key| *key.expose_secret())),
            ("prCu255", keyring.x25519().map(|key| *key.expose_secret())),
        ] {
            let record = keyring.records().get(name);
            assert_eq!(
                key.ok().as_ref().map(|key| &key[..]),
                record.filter(|r| r.len() == 32)
            );
        }
    }

    let share = NodeHandle::from_bytes(rest.array());
    let (ok, ha) = (rest.array(), rest.array());
    let cipher = master.cipher();
    assert!(
        open_own_share_key(&cipher, share, &ok, &ha).is_err(),
        "KEY-8"
    );
    if let Ok(key) = ShareKey::from_bytes(ok) {
        let ok = cipher.wrap_share_key(&key);
        let opened = open_own_share_key(&cipher, share, &ok, &share_auth(&cipher, share));
        assert!(opened.is_ok_and(|opened| opened == key));
    }
}

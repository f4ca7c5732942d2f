//! Accepting RSA keys, which the service chooses.

use mega_crypto::rsa::{Expected, RsaPrivateKey, RsaPublicKey};
use mega_crypto::{Error, MasterKey};

use crate::random::Counter;

/// A public key from any bytes.
pub fn rsa_public(blob: &[u8]) {
    let Ok(key) = RsaPublicKey::from_bytes(blob) else {
        return;
    };
    let written = key.to_bytes();
    let again = RsaPublicKey::from_bytes(&written).expect("its own bytes");
    assert_eq!(again.n(), key.n());
    assert_eq!(again.pin(), key.pin());
    assert!(key.n().len() <= 512 && !key.signed_bytes().is_empty());
    let sealed = key.encrypt(b"\0", &mut Counter(1));
    let _ = sealed;
}

/// The private key of a known account with some of its ciphertext changed: each change is two bytes
/// of place and one of difference. None is accepted, and all fail alike (RSA-11). With a first byte of
/// 255 the rest is the short form of a key, as it stands inside `^!keys`.
pub fn rsa_private(input: &[u8]) {
    let (mode, input) = input.split_first().unwrap_or((&0, &[]));
    if *mode == 255 {
        let short = RsaPrivateKey::from_short_form(input, &Expected::default(), &mut Counter(3));
        assert!(
            short
                .err()
                .is_none_or(|error| error == Error::PrivateKeyRejected)
        );
        return;
    }
    let good = include_bytes!("../data/privk.bin");
    let master = MasterKey::from_bytes(*include_bytes!("../data/master-key.bin"));
    let mut blob = good.to_vec();
    for change in input.chunks_exact(3) {
        let place = usize::from(u16::from_le_bytes([change[0], change[1]])) % blob.len();
        blob[place] ^= change[2];
    }
    let opened = RsaPrivateKey::open(&blob, &master, &Expected::default(), &mut Counter(2));
    // Only what stands behind the last number is not covered: fewer than 16 bytes of the last block.
    let covered = blob.len() - 16;
    match opened {
        Ok(_) => assert!(
            blob[..covered] == good[..covered],
            "a changed key was accepted"
        ),
        Err(error) => {
            assert_eq!(error, Error::PrivateKeyRejected);
            assert!(blob != good, "the key itself was refused");
        }
    }
}

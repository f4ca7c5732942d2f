//! The attribute `^!keys`, and the lists of known contact keys.

use aes_gcm::{AeadInOut, Aes128Gcm, KeyInit};
use hkdf::Hkdf;
use mega_crypto::account_keys::{AccountKeys, Authring, Generation};
use mega_crypto::{Error, MasterKey, UserHandle};
use sha2::Sha256;

use crate::random::Counter;

/// The records inside the container, as one who knows the master key could write them; and the
/// container itself.
pub fn account_keys(input: &[u8]) {
    let master = MasterKey::from_bytes(MASTER);
    let owner = UserHandle::from_text("sV6MOnoUMPA").expect("8 bytes");
    assert!(
        AccountKeys::open(input, &master, owner, None).is_err(),
        "nobody guesses a tag"
    );

    let mut container = sealed(input);
    let opened = AccountKeys::open(&container, &master, owner, None);
    let last = container.len() - 1;
    container[last] ^= 1;
    assert!(
        AccountKeys::open(&container, &master, owner, None).is_err(),
        "a changed tag"
    );
    let Ok(keys) = opened else { return };

    // What is read and written again is the same, one generation later (KEY-10).
    let Ok(write) = keys.update(&master, &mut Counter(1), |_| Ok(())) else {
        assert_eq!(keys.generation().get(), u32::MAX);
        return;
    };
    let attribute = write.attribute().to_vec();
    let written = write.accepted();
    let read = keys
        .refresh(&attribute, &master)
        .expect("its own attribute");
    assert!(read == written);
    assert_eq!(read.generation().get(), keys.generation().get() + 1);
    assert_eq!(read.share_keys().len(), keys.share_keys().len());
    assert_eq!(read.ed25519_ring(), keys.ed25519_ring());
    assert!(read.pending_out_shares() == keys.pending_out_shares());
    let newer = Generation::new(read.generation().get().saturating_add(1));
    let old = AccountKeys::open(&attribute, &master, owner, Some(newer));
    assert!(matches!(old, Err(Error::Downgrade { .. })) || read.generation() == newer);

    for share in keys.share_keys() {
        assert!(keys.share_key(share.node()).is_some());
        let _ = share.key();
    }
    let _ = (
        keys.pending_in_shares().count(),
        keys.contact_verification_warning(),
    );
}

/// A list of known contact keys.
pub fn authring(bytes: &[u8]) {
    let Ok(ring) = Authring::parse(bytes) else {
        assert_ne!(bytes.len() % 29, 0);
        return;
    };
    assert!(ring.entries().len() <= bytes.len() / 29);
    assert_eq!(Authring::parse(&ring.to_bytes()).as_ref(), Ok(&ring));
    for entry in ring.entries() {
        assert!(
            ring.get(entry.user).is_some_and(|found| found == entry),
            "one entry for each user"
        );
    }
}

/// A container made without the crate under test (crypto-and-accounts 3.6).
fn sealed(plain: &[u8]) -> Vec<u8> {
    let mut key = [0; 16];
    Hkdf::<Sha256>::new(None, &MASTER)
        .expand(&[1], &mut key)
        .expect("a short key");
    let iv = [7; 12];
    let mut text = plain.to_vec();
    let tag = Aes128Gcm::new(&key.into())
        .encrypt_inout_detached(&iv.into(), &[], text.as_mut_slice().into())
        .expect("a short text");
    [&[20, 0], &iv[..], &text, &tag].concat()
}

const MASTER: [u8; 16] = *include_bytes!("../data/master-key.bin");

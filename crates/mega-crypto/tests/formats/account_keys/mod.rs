//! The attribute `^!keys` and what belongs to it: the known one, taken apart and put together without the crate.

pub(crate) mod attribute;
mod contacts;
mod creation;
mod shares;
pub(crate) mod signatures;

use mega_crypto::account_keys::{AccountKeys, KeysWrite};
use mega_crypto::{Error, MasterKey, NodeHandle, UserHandle, os_rng};
use serde_json::Value;
use sha2::Sha256;

use crate::support::{VECTORS, Vector};

fn known() -> &'static Value {
    &VECTORS["keys_container"]
}

fn known_master() -> MasterKey {
    MasterKey::from_bytes(known().array("master_key"))
}

fn known_owner() -> UserHandle {
    known()["fields"].str("identity_b64").parse().unwrap()
}

fn open_known() -> AccountKeys {
    let attribute = known().b64("container_b64");
    AccountKeys::open(&attribute, &known_master(), known_owner(), None).unwrap()
}

fn node(text: &str) -> NodeHandle {
    text.parse().unwrap()
}

fn user(text: &str) -> UserHandle {
    text.parse().unwrap()
}

/// The plaintext of `^!keys` in another container, to make hostile ones.
fn container(plain: &[u8], master: &MasterKey) -> Vec<u8> {
    use aes_gcm::aead::Payload;
    use aes_gcm::{Aes128Gcm, KeyInit, aead::Aead};
    let mut key = [0; 16];
    let hkdf = hkdf::Hkdf::<Sha256>::new(None, master.expose_secret());
    hkdf.expand(&[1], &mut key).unwrap();
    let text = Aes128Gcm::new(&key.into())
        .encrypt(
            &[7; 12].into(),
            Payload {
                msg: plain,
                aad: &[],
            },
        )
        .unwrap();
    [&[20, 0][..], &[7; 12], &text].concat()
}

pub(crate) fn plain_of(attribute: &[u8], master: &MasterKey) -> Vec<u8> {
    use aes_gcm::{Aes128Gcm, KeyInit, aead::Aead};
    let mut key = [0; 16];
    let hkdf = hkdf::Hkdf::<Sha256>::new(None, master.expose_secret());
    hkdf.expand(&[1], &mut key).unwrap();
    let iv: [u8; 12] = attribute[2..14].try_into().unwrap();
    Aes128Gcm::new(&key.into())
        .decrypt(&iv.into(), &attribute[14..])
        .unwrap()
}

fn records(plain: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut list = Vec::new();
    let mut rest = plain;
    while let [tag, a, b, c, tail @ ..] = rest {
        let len = u32::from_be_bytes([0, *a, *b, *c]) as usize;
        list.push((*tag, tail[..len].to_vec()));
        rest = &tail[len..];
    }
    list
}

fn joined(records: &[(u8, Vec<u8>)]) -> Vec<u8> {
    let mut plain = Vec::new();
    for (tag, value) in records {
        plain.push(*tag);
        plain.extend_from_slice(&(value.len() as u32).to_be_bytes()[1..]);
        plain.extend_from_slice(value);
    }
    plain
}

fn open_plain(plain: &[u8]) -> Result<AccountKeys, Error> {
    AccountKeys::open(
        &container(plain, &known_master()),
        &known_master(),
        known_owner(),
        None,
    )
}

fn unchanged(keys: &AccountKeys) -> KeysWrite {
    keys.update(&known_master(), &mut os_rng(), |_| Ok(()))
        .unwrap()
}

fn reopened(write: KeysWrite) -> AccountKeys {
    let attribute = write.attribute().to_vec();
    let keys = write.accepted();
    let read = AccountKeys::open(&attribute, &known_master(), known_owner(), None).unwrap();
    assert!(read == keys);
    read
}

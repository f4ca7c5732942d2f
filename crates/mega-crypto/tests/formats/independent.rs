//! What another implementation made, is read; and made again, is the same.

use std::sync::LazyLock;

use mega_crypto::account_keys::{
    AccountKeys, Ed25519PrivateKey, Generation, KeySignature, X25519PrivateKey, X25519PublicKey,
};
use mega_crypto::tlv::{self, Mode};
use mega_crypto::{MasterKey, UserHandle, os_rng};
use serde_json::Value;

use crate::account_keys::plain_of;
use crate::support::{Vector, unhex};

static CASES: LazyLock<Value> = LazyLock::new(|| {
    let text = include_str!("independent.json");
    serde_json::from_str(text).expect("independent.json is JSON")
});

#[test]
fn containers_made_by_openssl_open() {
    for case in CASES.list("tlv") {
        let master = MasterKey::from_bytes(case.array("key"));
        let mode = Mode::from_number(case["mode"].as_u64().unwrap() as u8).unwrap();
        let container = case.hex("container");
        let records = tlv::open(&container, &master).unwrap();
        let expected = case["records"].as_object().unwrap();
        assert_eq!(records.len(), expected.len());
        for (name, value) in expected {
            assert_eq!(records.get(name).unwrap(), unhex(value.as_str().unwrap()));
        }
        let plain = records.to_bytes().unwrap();
        assert_eq!(*plain, case.hex("plain"));
        let made = tlv::encrypt_with(&plain, &master, mode, &case.hex("iv")).unwrap();
        assert_eq!(made, container, "{mode:?}");
    }
}

#[test]
fn keys_attributes_made_by_openssl_open_and_are_written_back_whole() {
    for case in CASES.list("keys") {
        let master = MasterKey::from_bytes(case.array("master"));
        let owner = UserHandle::from_bytes(case.array("owner"));
        let keys = AccountKeys::open(&case.hex("container"), &master, owner, None).unwrap();
        let generation = u32::try_from(case["generation"].as_u64().unwrap()).unwrap();
        assert_eq!(keys.generation(), Generation::new(generation));
        assert_eq!(
            keys.share_keys().len() as u64,
            case["share_keys"].as_u64().unwrap()
        );
        let write = keys.update(&master, &mut os_rng(), |_| Ok(())).unwrap();
        let mut expected = case.hex("plain");
        // The value of the fourth record, after those of 1, 4 and 8 bytes.
        expected[29..33].copy_from_slice(&(generation + 1).to_be_bytes());
        assert_eq!(plain_of(write.attribute(), &master), expected);
    }
}

#[test]
fn signatures_and_pairwise_keys_are_those_of_openssl() {
    for case in CASES.list("signatures") {
        let seed = Ed25519PrivateKey::from_bytes(case.array("seed"));
        let public = seed.public_key();
        assert_eq!(*public.as_bytes(), case.array("public"));
        assert_eq!(*public.fingerprint().as_bytes(), case.array("fingerprint"));
        let key = X25519PublicKey::from_bytes(case.array("key"));
        let time = case["time"].as_u64().unwrap();
        let signature = KeySignature::sign_x25519(&seed, &key, time);
        assert_eq!(signature.to_bytes(), case.array("signature"));
        signature.verify_x25519(&public, &key).unwrap();
    }
    for case in CASES.list("pairwise") {
        let private = X25519PrivateKey::from_bytes(case.array("private"));
        assert_eq!(*private.public_key().as_bytes(), case.array("public"));
        let contact = X25519PublicKey::from_bytes(case.array("contact_public"));
        let key = private.pairwise_key(&contact).unwrap();
        assert_eq!(*key.expose_secret(), case.array("key"));
    }
}

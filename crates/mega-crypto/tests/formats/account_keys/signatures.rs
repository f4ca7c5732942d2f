//! Signatures, fingerprints, pairwise keys.

use hmac::{KeyInit, Mac};
use mega_crypto::account_keys::{
    Ed25519PrivateKey, KeyFingerprint, KeySignature, X25519PrivateKey, X25519PublicKey,
};
use mega_crypto::rsa::RsaPublicKey;
use mega_crypto::{Error, ShareKey, os_rng};
use sha2::{Digest, Sha256};

use crate::support::{VECTORS, Vector};

#[test]
pub(crate) fn key_signatures_are_made_and_verified_as_known() {
    let vectors = &VECTORS["key_signatures"];
    let seed = Ed25519PrivateKey::from_bytes(vectors.array("seed"));
    assert_eq!(seed.public_key().as_bytes().to_vec(), vectors.hex("public"));
    assert_eq!(
        seed.public_key().fingerprint().as_bytes().to_vec(),
        vectors.hex("public_fingerprint")
    );
    let case = &vectors.list("cases")[0];
    assert_eq!(case.str("attribute"), "sigCu255");
    let key = X25519PublicKey::from_slice(&case.hex("key_data")).unwrap();
    let signature = KeySignature::from_slice(&case.hex("signature")).unwrap();
    assert_eq!(signature.time(), case.u64("timestamp"));
    assert_eq!(signature.time(), 1_407_891_128);
    assert_eq!(
        KeySignature::sign_x25519(&seed, &key, 1_407_891_128),
        signature
    );
    assert_eq!(signature.to_bytes().to_vec(), case.b64("signature_b64"));
    signature.verify_x25519(&seed.public_key(), &key).unwrap();
    for at in 0..72 {
        let mut altered = signature.to_bytes();
        altered[at] ^= 1;
        let altered = KeySignature::from_slice(&altered).unwrap();
        let verdict = altered.verify_x25519(&seed.public_key(), &key);
        assert!(matches!(verdict, Err(Error::Unauthentic { .. })), "{at}");
    }
    let other = Ed25519PrivateKey::random(&mut os_rng()).public_key();
    assert!(signature.verify_x25519(&other, &key).is_err());
    assert!(KeySignature::from_slice(&[0; 71]).is_err());
}

#[test]
pub(crate) fn rsa_public_keys_are_signed_as_they_are_laid_out() {
    let seed = Ed25519PrivateKey::from_bytes(VECTORS["key_signatures"].array("seed"));
    let case = &VECTORS["key_signatures"].list("cases")[1];
    assert!(case.str("attribute").starts_with("sigPubk"));
    assert_eq!(case.b64("signature_b64"), case.hex("signature"));
    let mut matched = 0;
    for account in VECTORS.list("login_csid") {
        let rsa = &account["rsa"];
        for (name, hash) in [
            ("pubk_b64", "pubk_signature_data_sha256"),
            (
                "pubk_web_layout_b64",
                "pubk_web_layout_signature_data_sha256",
            ),
        ] {
            let pubk = RsaPublicKey::from_bytes(&rsa.b64(name)).unwrap();
            let data = pubk.signed_bytes();
            assert_eq!(Sha256::digest(&data).to_vec(), rsa.hex(hash), "{name}");
            if data == case.hex("key_data") {
                let signature = KeySignature::sign_rsa(&seed, &pubk, case.u64("timestamp"));
                assert_eq!(signature.to_bytes().to_vec(), case.hex("signature"));
                signature.verify_rsa(&seed.public_key(), &pubk).unwrap();
                matched += 1;
            }
        }
    }
    assert_eq!(matched, 1);

    let case = &VECTORS["from_public_test_suites"]["rsa_public_key_signature"];
    let seed = Ed25519PrivateKey::from_bytes(case.array("ed25519_seed"));
    assert_eq!(
        seed.public_key().as_bytes().to_vec(),
        case.hex("ed25519_public")
    );
    assert_eq!(
        seed.public_key().fingerprint().as_bytes().to_vec(),
        case.hex("ed25519_fingerprint")
    );
    let mut pubk = Vec::new();
    mega_crypto::mpi::write(&case.hex("n"), &mut pubk);
    // The web client lays the exponent out in four bytes.
    pubk.extend([0, 32]);
    pubk.extend([0, 0, 1, 1]);
    assert_eq!(case.hex("e"), [1, 1]);
    let plain = [&pubk[..pubk.len() - 6], &[0, 16, 1, 1]].concat();
    let signature = KeySignature::from_slice(&case.hex("signature")).unwrap();
    assert_eq!(signature.time(), case.u64("timestamp"));
    let keys = [&pubk, &plain].map(|pubk| RsaPublicKey::from_bytes(pubk).unwrap());
    let verdicts = keys
        .each_ref()
        .map(|key| signature.verify_rsa(&seed.public_key(), key).is_ok());
    let fingerprint = KeyFingerprint::from_bytes(case.array("rsa_fingerprint"));
    let fingerprints = keys
        .each_ref()
        .map(|key| KeyFingerprint::of_rsa(key) == fingerprint);
    // It was signed with the exponent as short as possible.
    assert_eq!(verdicts, [false, true]);
    assert_eq!(fingerprints, verdicts);
}

#[test]
pub(crate) fn two_accounts_share_a_pairwise_key() {
    let vectors = &VECTORS["pairwise_key"];
    let [a, b] =
        ["private_a", "private_b"].map(|name| X25519PrivateKey::from_bytes(vectors.array(name)));
    assert_eq!(a.public_key().as_bytes().to_vec(), vectors.hex("public_a"));
    assert_eq!(b.public_key().as_bytes().to_vec(), vectors.hex("public_b"));
    let key = a.pairwise_key(&b.public_key()).unwrap();
    assert_eq!(key.expose_secret().to_vec(), vectors.hex("key"));
    assert_eq!(b.pairwise_key(&a.public_key()).unwrap(), key);
    // The steps on the way, with the primitives of other crates (crypto-and-accounts 4.7).
    let hmac = |key: &[u8], data: &[u8]| {
        let mut mac = hmac::Hmac::<Sha256>::new_from_slice(key).unwrap();
        mac.update(data);
        mac.finalize().into_bytes().to_vec()
    };
    let shared = x25519_dalek::x25519(vectors.array("private_a"), vectors.array("public_b"));
    assert_eq!(shared[..], vectors.hex("shared_secret"));
    let step = hmac(&[], &shared);
    assert_eq!(step, vectors.hex("step1"));
    let step = hmac(&step, b"strongvelope pairwise key\x01");
    assert_eq!(step, vectors.hex("step2"));
    assert_eq!(step[..16], vectors.hex("key"));
    let share_key = ShareKey::from_bytes(vectors.array("share_key")).unwrap();
    assert_eq!(
        key.cipher().wrap_share_key(&share_key).to_vec(),
        vectors.hex("encrypted_share_key")
    );
    let wrapped = vectors.array("encrypted_share_key");
    assert_eq!(vectors.b64("encrypted_share_key_b64"), wrapped);
    assert_eq!(key.cipher().unwrap_share_key(&wrapped).unwrap(), share_key);
    // Points of small order would give everybody the same key.
    for public in [[0; 32], {
        let mut one = [0; 32];
        one[0] = 1;
        one
    }] {
        let key = a.pairwise_key(&X25519PublicKey::from_bytes(public));
        assert!(matches!(key, Err(Error::ZeroKey { .. })));
    }
}

#[test]
fn a_fingerprint_is_shown_in_ten_groups() {
    let fingerprint = KeyFingerprint::from_bytes(std::array::from_fn(|i| i as u8 * 13));
    assert_eq!(
        fingerprint.to_string(),
        "000D 1A27 3441 4E5B 6875 828F 9CA9 B6C3 D0DD EAF7"
    );
}

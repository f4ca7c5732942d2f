use mega_crypto::rsa::{Expected, RsaPrivateKey, RsaPublicKey};
use mega_crypto::{Error, MasterKey, NodeKind, base64, os_rng};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::support::{VECTORS, Vector};

fn master(account: &Value) -> MasterKey {
    MasterKey::from_bytes(account.array("master_key"))
}

fn open(account: &Value) -> RsaPrivateKey {
    let privk = account["rsa"].b64("privk_b64");
    RsaPrivateKey::open(
        &privk,
        &master(account),
        &Expected::default(),
        &mut os_rng(),
    )
    .unwrap()
}

#[test]
fn private_keys_are_opened_and_written_again() {
    for account in VECTORS.list("login_csid") {
        let rsa = &account["rsa"];
        let key = open(account);
        assert_eq!(key.public_key().n(), rsa.hex("n_hex"));
        assert_eq!(key.public_key().e(), rsa["e"].as_u64().unwrap());
        assert_eq!(*key.to_short_form(), rsa.hex("privk_short_plain"));

        // Sealed again it differs in its random tail only.
        let sealed = key.seal(&master(account), &mut os_rng());
        let mut plain = sealed.clone();
        master(account)
            .cipher()
            .decrypt_blocks(plain.as_chunks_mut().0);
        let original = rsa.hex("privk_plain");
        assert_eq!(plain.len(), original.len());
        assert_eq!(plain[..644], original[..644]);
        let expected = Expected {
            public: Some(key.public_key()),
            ..Expected::default()
        };
        RsaPrivateKey::open(&sealed, &master(account), &expected, &mut os_rng()).unwrap();
    }
}

#[test]
fn the_short_form_is_the_same_key() {
    for account in VECTORS.list("login_csid") {
        let key = open(account);
        let plain = account["rsa"].hex("privk_short_plain");
        let copy =
            RsaPrivateKey::from_short_form(&plain, &Expected::default(), &mut os_rng()).unwrap();
        assert_eq!(copy.public_key(), key.public_key());
        let expected = Expected {
            copy: Some(&copy),
            ..Expected::default()
        };
        let privk = account["rsa"].b64("privk_b64");
        RsaPrivateKey::open(&privk, &master(account), &expected, &mut os_rng()).unwrap();
        let wrapped = account.list("rsa_wrapped_keys")[0].b64("wrapped_b64");
        let [ours, theirs] = [&key, &copy].map(|key| key.decrypt(&wrapped, &mut os_rng()).unwrap());
        assert_eq!(ours.expose_secret(), theirs.expose_secret());
    }
}

#[test]
fn public_keys_keep_the_layout_that_signatures_cover() {
    for account in VECTORS.list("login_csid") {
        let rsa = &account["rsa"];
        for (blob, digest) in [
            ("pubk_b64", "pubk_signature_data_sha256"),
            (
                "pubk_web_layout_b64",
                "pubk_web_layout_signature_data_sha256",
            ),
        ] {
            let key = RsaPublicKey::from_bytes(&rsa.b64(blob)).unwrap();
            assert_eq!(
                Sha256::digest(key.signed_bytes())[..],
                rsa.hex(digest),
                "{blob}"
            );
            assert_eq!(key, *open(account).public_key());
            assert_eq!(key.pin(), open(account).public_key().pin());
        }
        assert_eq!(
            base64::encode(&open(account).public_key().to_bytes()),
            rsa.str("pubk_b64")
        );
    }
}

#[test]
fn damaged_private_keys_are_refused_also_where_the_official_client_is_not_strict_enough() {
    let mut refused = 0;
    for account in VECTORS.list("login_csid") {
        for case in account.list("bad_private_keys") {
            let privk = case.b64("privk_b64");
            let key = RsaPrivateKey::open(
                &privk,
                &master(account),
                &Expected::default(),
                &mut os_rng(),
            );
            assert_eq!(
                key.unwrap_err(),
                Error::PrivateKeyRejected,
                "{}",
                case.str("name")
            );
            refused += 1;
        }
    }
    assert_eq!(refused, 8);
}

#[test]
fn rsa_10_wrapped_node_keys_are_opened_leading_zeros_included() {
    let mut leading_zeros = 0;
    for account in VECTORS.list("login_csid") {
        let key = open(account);
        for case in account.list("rsa_wrapped_keys") {
            let expected = case.hex("key");
            let kind = if expected.len() == 32 {
                NodeKind::File
            } else {
                NodeKind::Folder
            };
            let opened = key
                .decrypt_node_key(case.str("wrapped_b64"), kind, &mut os_rng())
                .unwrap();
            assert_eq!(opened.expose_secret(), expected, "{}", case.str("name"));
            leading_zeros += usize::from(expected[0] == 0);

            // And back: what we encrypt, the same key opens.
            let sent = key
                .public_key()
                .encrypt_node_key(&opened, &mut os_rng())
                .unwrap();
            let again = key
                .decrypt_node_key(base64::encode(&sent), kind, &mut os_rng())
                .unwrap();
            assert_eq!(again, opened);
        }
    }
    assert!(leading_zeros >= 2);
}

#[test]
fn encrypted_session_ids_decrypt_to_the_plaintext() {
    for account in VECTORS.list("login_csid") {
        let key = open(account);
        for case in account.list("csid") {
            let plain = key.decrypt(&case.b64("csid_b64"), &mut os_rng()).unwrap();
            if let Some(expected) = case.opt_hex("plaintext") {
                assert!(
                    plain.expose_secret().ends_with(&expected),
                    "{}",
                    case.str("name")
                );
            }
            assert_eq!(plain.first::<43>().unwrap()[..], case.hex("decrypted_43"));
        }
    }
}

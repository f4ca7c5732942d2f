use mega_crypto::password::{self, NewPassword};
use mega_crypto::{PasswordKey, base64};

use crate::support::{VECTORS, Vector};

#[test]
pub(crate) fn version_1_password_keys() {
    for case in VECTORS.list("v1_password_key") {
        let key = password::password_key_v1(case.str("password"));
        assert_eq!(key.expose_secret()[..], case.hex("key"), "{case}");
    }
}

/// Step 2 of crypto-and-accounts 2.3, written down once more.
#[test]
pub(crate) fn version_1_passwords_are_packed_as_utf16() {
    for case in VECTORS.list("v1_password_key") {
        let units: Vec<u64> = case.str("password").encode_utf16().map(u64::from).collect();
        assert_eq!(units, case.numbers("utf16_units"), "{case}");
        let mut words = vec![0_u32; units.len().div_ceil(4)];
        for (j, unit) in units.iter().enumerate() {
            words[j / 4] |= (*unit as u32) << (24 - 8 * (j % 4));
        }
        let packed: Vec<u8> = words.into_iter().flat_map(u32::to_be_bytes).collect();
        assert_eq!(packed, case.hex("packed_words"), "{case}");
        // These bytes as characters make the same key: each has a place of its own.
        let text: String = packed.into_iter().map(char::from).collect();
        let key = password::password_key_v1(&text);
        assert_eq!(key.expose_secret()[..], case.hex("key"), "{case}");
    }
}

#[test]
pub(crate) fn version_1_password_keys_of_a_public_test_suite() {
    for case in VECTORS["from_public_test_suites"]["v1_password_key"].list("cases") {
        // Its inputs are the characters themselves, all below 256.
        let text: String = case
            .hex("packed_words_without_padding")
            .into_iter()
            .map(char::from)
            .collect();
        assert_eq!(
            password::password_key_v1(&text).expose_secret()[..],
            case.hex("key")
        );
    }
}

#[test]
pub(crate) fn version_1_user_hashes() {
    for case in VECTORS["v1_user_hash"].list("cases") {
        let key = PasswordKey::from_bytes(case.array("password_key"));
        let hash = password::user_hash_v1(case.str("email"), &key);
        assert_eq!(hash.expose_secret()[..], case.hex("user_hash"), "{case}");
        assert_eq!(base64::encode(hash.expose_secret()), case.str("uh_b64"));
    }
}

#[test]
pub(crate) fn version_1_user_hashes_of_a_public_test_suite() {
    for case in VECTORS["from_public_test_suites"]["v1_user_hash"].list("cases") {
        let text = String::from_utf8(case.hex("input")).expect("no case is left out");
        let key = PasswordKey::from_bytes(case.array("key"));
        assert_eq!(
            password::user_hash_v1(&text, &key).expose_secret()[..],
            case.hex("hash")
        );
    }
}

#[test]
fn a_version_1_login_is_made_of_both() {
    let case = &VECTORS["v1_user_hash"].list("cases")[0];
    let login = password::derive_v1("", case.str("email"));
    assert_eq!(*login.uh(), case.str("uh_b64"));
    assert_eq!(
        login.password_key().expose_secret(),
        &case.array("password_key")
    );
    assert_eq!((login.version(), login.hashed_auth_key()), (1, None));
}

#[test]
pub(crate) fn version_2_derivation() {
    for case in VECTORS.list("v2_derivation") {
        assert_eq!(case.str("password").as_bytes(), case.hex("password_utf8"));
        let value = case.array("client_random_value");
        assert_eq!(password::salt_of(&value)[..], case.hex("salt"));
        assert_eq!(case.b64("salt_b64"), case.hex("salt"));
        let login = password::derive_v2(case.str("password"), &case.hex("salt")).unwrap();
        assert_eq!(
            login.password_key().expose_secret()[..],
            case.hex("encryption_key")
        );
        assert_eq!(
            case.hex("derived_32"),
            [case.hex("encryption_key"), case.hex("auth_key")].concat()
        );
        assert_eq!(*login.uh(), base64::encode(&case.hex("auth_key")));
        assert_eq!(
            base64::encode(&login.hashed_auth_key().unwrap()),
            case.str("hak_b64")
        );
        assert_eq!(*login.uh(), case.str("uh_b64"));
        assert_eq!(
            login.hashed_auth_key().unwrap()[..],
            case.hex("hashed_auth_key")
        );
        assert_eq!(login.version(), 2);
    }
}

#[test]
fn setting_a_password_gives_what_the_next_login_needs() {
    let mut set = 0;
    for case in VECTORS.list("v2_derivation") {
        let text = case.str("password");
        let value = case.array("client_random_value");
        match NewPassword::with_random_value(text, value) {
            Ok(new) => {
                assert_eq!(new.salt()[..], case.hex("salt"));
                assert_eq!(new.hashed_auth_key()[..], case.hex("hashed_auth_key"));
                assert_eq!(
                    new.password_key().expose_secret()[..],
                    case.hex("encryption_key")
                );
                assert_eq!(*new.client_random_value(), value);
                set += 1;
            }
            Err(_) => assert!(
                text.is_empty() || text.trim() != text,
                "{text:?} was refused"
            ),
        }
    }
    assert!(set >= 5);
}

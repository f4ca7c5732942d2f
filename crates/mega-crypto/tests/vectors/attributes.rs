use mega_crypto::attributes::{self, Attributes};
use mega_crypto::{AttributeKey, FileKey, FolderKey, KeyCipher, base64};
use serde_json::Value;

use crate::support::{VECTORS, Vector, look};

fn key(case: &Value) -> AttributeKey {
    match <[u8; 32]>::try_from(case.hex("node_key")) {
        Ok(key) => FileKey::from_bytes(key).unwrap().attribute_key(),
        Err(_) => FolderKey::from_bytes(case.array("node_key"))
            .unwrap()
            .attribute_key(),
    }
}

#[test]
pub(crate) fn attribute_fields_are_encrypted() {
    for case in VECTORS["attributes"].list("encrypt") {
        let field = attributes::encrypt(&key(case), case.str("json").as_bytes()).unwrap();
        assert_eq!(
            base64::encode(&field),
            case.str("at_b64"),
            "{}",
            case.str("name")
        );
        assert_eq!(plaintext(&key(case), &field), case.hex("plaintext"));
    }
}

/// The plain way: CBC with a vector of zeros.
fn plaintext(key: &AttributeKey, field: &[u8]) -> Vec<u8> {
    let cipher = KeyCipher::new(key.expose_secret());
    let (blocks, rest) = field.as_chunks::<16>();
    assert!(rest.is_empty());
    let before = std::iter::once(&[0; 16]).chain(blocks);
    let plain = blocks.iter().zip(before).map(|(block, before)| {
        let mut plain = cipher.decrypt_block(*block);
        plain
            .iter_mut()
            .zip(before)
            .for_each(|(byte, before)| *byte ^= before);
        plain
    });
    plain.flatten().collect()
}

#[test]
pub(crate) fn attribute_fields_are_read_and_written_back_unchanged() {
    for case in VECTORS["attributes"].list("encrypt") {
        let read = Attributes::decrypt_text(&key(case), case.str("at_b64"));
        if case.str("json") == "{}" {
            assert!(read.is_err(), "an empty object is no proof of the key");
            assert!(
                Attributes::new().encrypt(&key(case)).is_err(),
                "and never written"
            );
            continue;
        }
        let read = read.unwrap();
        assert_eq!(read.to_json(), case.str("json").as_bytes());
        assert_eq!(
            read.encrypt_to_text(&key(case)).unwrap(),
            case.str("at_b64")
        );
    }
}

#[test]
pub(crate) fn attributes_set_one_by_one_come_in_the_official_order() {
    for case in VECTORS["attributes"]
        .list("encrypt")
        .iter()
        .filter(|case| case.str("json") != "{}")
    {
        let expected: serde_json::Map<String, Value> =
            serde_json::from_str(case.str("json")).unwrap();
        let mut built = Attributes::new();
        // In an order of our own.
        for (name, value) in expected.iter().rev() {
            built.set(name, value.as_str().unwrap()).unwrap();
        }
        assert_eq!(
            built.encrypt_to_text(&key(case)).unwrap(),
            case.str("at_b64"),
            "{}",
            case.str("name")
        );
    }
}

#[test]
pub(crate) fn attribute_fields_are_decrypted_or_refused() {
    for case in VECTORS["attributes"].list("decrypt") {
        let read = Attributes::decrypt_text(&key(case), case.str("at_b64"));
        if let Some(plain) = case.opt_hex("plaintext") {
            assert_eq!(plaintext(&key(case), &case.b64("at_b64")), plain);
        }
        match look(&case["attributes"]).as_object() {
            None => assert!(read.is_err(), "{}", case.str("name")),
            Some(expected) => {
                let read = read.unwrap_or_else(|e| panic!("{}: {e}", case.str("name")));
                assert_eq!(read.len(), expected.len());
                for (name, value) in expected {
                    let text = if name == "n" {
                        read.name()
                    } else {
                        read.text(name)
                    };
                    assert_eq!(text.as_deref(), value.as_str(), "{}", case.str("name"));
                }
            }
        }
    }
}

/// What the official reader loses or spoils, this one reads; what it sees, this one sees too.
#[test]
pub(crate) fn attributes_that_confuse_the_official_reader_are_read_right() {
    for case in VECTORS["attributes"].list("sdk_reader_quirks") {
        let read = Attributes::decrypt_text(&key(case), case.str("at_b64")).unwrap();
        let truth: Value = serde_json::from_str(case.str("json")).unwrap();
        assert_eq!(read.len(), truth.as_object().unwrap().len());
        for (name, value) in truth.as_object().unwrap() {
            let expected = match value {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            assert_eq!(read.text(name).as_deref(), Some(&*expected), "{case}");
            match case["seen_by_sdk"].get(name).map(look) {
                // Its reader stopped before.
                None => assert_ne!(name, "n", "{case}"),
                Some(seen) if seen == "" => assert_ne!(expected, "", "{case}"),
                Some(seen) => assert_eq!(*seen, *expected, "{case}"),
            }
        }
    }
}

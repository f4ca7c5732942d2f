//! The last value that is taken and the first that is not, and small answers that larger tests never look at.

use std::borrow::Cow;

use mega_crypto::attributes::Attributes;
use mega_crypto::{Error, KeyString, NodeHandle, NodeKind, StoredSession, UserHandle, base64};

#[test]
fn a_stored_session_may_have_8192_characters_and_no_more() {
    let of = |len: usize| StoredSession::from_text(&"A".repeat(len)).unwrap_err();
    assert!(!matches!(of(8192), Error::TooLarge { .. }));
    assert!(matches!(of(8193), Error::TooLarge { limit: 8192, .. }));
}

#[test]
fn keys_of_files_have_32_bytes_and_keys_of_folders_16() {
    assert_eq!(NodeKind::File.key_len(), 32);
    assert_eq!(NodeKind::Folder.key_len(), 16);
}

#[test]
fn two_foreign_characters_do_not_cancel_out() {
    // Also where the last group has two or three characters.
    for len in [6, 7, 8] {
        assert!(base64::decode("A".repeat(len)).is_ok());
        for first in 0..len {
            for second in 0..len {
                let mut text = b"AAAAAAAA"[..len].to_vec();
                text[first] = b'?';
                text[second] = b'?';
                assert!(
                    base64::decode(&text).is_err(),
                    "{first} and {second} of {len}"
                );
            }
        }
    }
}

#[test]
fn only_the_own_entry_is_taken_for_a_key_wrapped_with_rsa() {
    let (own, other) = (
        UserHandle::from_bytes([1; 8]),
        UserHandle::from_bytes([2; 8]),
    );
    let long = "B".repeat(44);
    let text = format!("{other}:{long}C/{own}:{long}");
    let key = |text: &str, user| {
        KeyString::new(text.as_bytes())
            .rsa_wrapped(user)
            .map(<[u8]>::len)
    };
    assert_eq!(key(&text, own), Some(44));
    assert_eq!(key(&text, other), Some(45));
    assert_eq!(key(&text, UserHandle::from_bytes([3; 8])), None);
    // Shorter ones are wrapped with AES.
    assert_eq!(key(&format!("{own}:{}", "B".repeat(43)), own), None);
    assert_eq!(key(&long, own), Some(44));
}

#[test]
fn a_key_string_names_the_shares_it_is_wrapped_for() {
    let [one, two] = [1, 2].map(|byte| NodeHandle::from_bytes([byte; 6]));
    let user = UserHandle::from_bytes([3; 8]);
    let key = "B".repeat(22);
    let text = format!("{one}:{key}/{user}:{key}/{two}:{key}");
    let shares = |text: &str| KeyString::new(text.as_bytes()).shares().collect::<Vec<_>>();
    assert_eq!(shares(&text), [one, two]);
    assert_eq!(shares(&key), []);
    assert_eq!(shares(""), []);
}

#[test]
fn control_characters_are_escaped_as_two_digits_and_come_back() {
    for byte in 0..32u8 {
        let text = char::from(byte).to_string();
        let mut attributes = Attributes::new();
        attributes.set("_x", &text).unwrap();
        let escaped = match byte {
            8 => "\\b".to_owned(),
            9 => "\\t".to_owned(),
            10 => "\\n".to_owned(),
            12 => "\\f".to_owned(),
            13 => "\\r".to_owned(),
            _ => format!("\\u{byte:04x}"),
        };
        let json = String::from_utf8(attributes.to_json()).unwrap();
        assert_eq!(json, format!(r#"{{"_x":"{escaped}"}}"#));
        assert_eq!(attributes.text("_x").as_deref(), Some(text.as_str()));
    }
}

#[test]
fn values_without_escapes_are_lent_and_not_copied() {
    let attributes = Attributes::parse(br#"{"a":"plain","b":"a\"b"}"#).unwrap();
    let bytes = |name| attributes.get(name).unwrap().bytes();
    assert!(matches!(bytes("a"), Cow::Borrowed(b"plain")));
    assert!(matches!(bytes("b"), Cow::Owned(text) if text == b"a\"b"));
}

#[test]
fn raw_values_are_equal_when_they_are_written_alike() {
    let attributes =
        Attributes::parse(br#"{"a":"one","b":"two","c":"one","d":"\u006fne"}"#).unwrap();
    let value = |name| attributes.get(name).unwrap();
    assert_eq!(value("a"), value("c"));
    assert_ne!(value("a"), value("b"));
    // Written in another way, though it says the same.
    assert_ne!(value("a"), value("d"));
    assert_eq!(value("a").bytes(), value("d").bytes());
}

#[test]
fn attributes_are_listed_in_the_order_of_the_text() {
    let attributes = Attributes::parse(br#"{"n":"name","c":"x","a":1}"#).unwrap();
    let all = attributes.iter();
    let all: Vec<_> = all.map(|(_, value)| value.as_written()).collect();
    assert_eq!(all, [&br#""name""#[..], br#""x""#, b"1"]);
    assert_eq!(Attributes::new().iter().count(), 0);
}

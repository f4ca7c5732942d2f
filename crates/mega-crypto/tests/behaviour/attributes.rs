use mega_crypto::attributes::{self, Attributes, Label, Members};
use mega_crypto::{AttributeKey, Error, NodeHandle, base64};

fn parse(json: &str) -> Attributes {
    Attributes::parse(json.as_bytes()).unwrap()
}

#[test]
fn nod_7_changing_one_attribute_leaves_the_others_byte_for_byte() {
    let json = r#"{"zzz":{"a":[1, 2,"\u0041}"]},"n":"old","x":true,"pwm":{},"c":"abc","nul":null,"f1":-1.5e3,"e":"\/\u00e9"}"#;
    let mut attributes = parse(json);
    attributes.set_name("new").unwrap();
    assert_eq!(
        attributes.to_json(),
        json.replace("\"old\"", "\"new\"").as_bytes()
    );
    assert!(attributes.remove("x"));
    assert!(!attributes.remove("x"));
    assert!(attributes.remove("f1"));
    let expected =
        r#"{"zzz":{"a":[1, 2,"\u0041}"]},"n":"new","pwm":{},"c":"abc","nul":null,"e":"\/\u00e9"}"#;
    assert_eq!(String::from_utf8(attributes.to_json()).unwrap(), expected);
}

#[test]
fn new_attributes_take_the_place_the_official_client_gives_them() {
    let mut sorted = parse(r#"{"c":"x","n":"y","fav":"1"}"#);
    sorted.set_label(Some(Label::Blue));
    sorted.set_restore_to(Some(NodeHandle::from_bytes([1; 6])));
    assert_eq!(
        sorted.to_json(),
        br#"{"c":"x","n":"y","rr":"AQEBAQEB","fav":"1","lbl":"5"}"#
    );
    let mut unsorted = parse(r#"{"n":"y","c":"x"}"#);
    unsorted.set_favourite(true);
    unsorted.set("a", "z").unwrap();
    assert_eq!(
        unsorted.to_json(),
        br#"{"n":"y","c":"x","fav":"1","a":"z"}"#
    );
}

#[test]
fn of_two_members_with_one_name_the_last_counts_and_setting_leaves_one() {
    let mut twice = parse(r#"{"n":"first","c":"x","\u006e":"second"}"#);
    assert_eq!(twice.name().as_deref(), Some("second"));
    twice.set_name("third").unwrap();
    assert_eq!(twice.to_json(), br#"{"c":"x","\u006e":"third"}"#);
    assert!(twice.remove("n"));
    assert_eq!(twice.len(), 1);
}

#[test]
fn nam_6_escapes_are_resolved_and_nothing_is_lost() {
    let text = |json: &str| parse(json).text("n").map(|text| text.into_owned());
    assert_eq!(
        text(r#"{"n":"\u00e9\ud83d\ude00\n\t\b\f\r\"\\\/\q"}"#).unwrap(),
        "é😀\n\t\u{8}\u{c}\r\"\\/q"
    );
    assert_eq!(text(r#"{"n":"\u0000\u12"}"#).unwrap(), "\0u12");
    // Lone surrogates are no text, but their bytes stay.
    for (json, bytes) in [
        (r#"{"n":"a\ud83d"}"#, &b"a\xed\xa0\xbd"[..]),
        (r#"{"n":"\ude00b"}"#, b"\xed\xb8\x80b"),
        (
            r#"{"n":"\ud83d\ud83d\ude00"}"#,
            b"\xed\xa0\xbd\xf0\x9f\x98\x80",
        ),
        (r#"{"n":"\ud83dx"}"#, b"\xed\xa0\xbdx"),
    ] {
        let read = parse(json);
        assert_eq!(read.name(), None, "{json}");
        assert_eq!(read.name_bytes().unwrap(), bytes, "{json}");
        assert_eq!(read.to_json(), json.as_bytes());
    }
    let raw = Attributes::parse(b"{\"n\":\"a\xff\xfeb\"}").unwrap();
    assert_eq!(
        (raw.name(), &*raw.name_bytes().unwrap()),
        (None, &b"a\xff\xfeb"[..])
    );
}

#[test]
fn names_are_normalised_when_read_and_when_set() {
    let mut attributes = parse(r#"{"n":"Cafe\u0301"}"#);
    assert_eq!(attributes.name().as_deref(), Some("Café"));
    assert_eq!(&*attributes.name_bytes().unwrap(), "Cafe\u{301}".as_bytes());
    attributes.set_name("o\u{308}").unwrap();
    assert_eq!(attributes.to_json(), "{\"n\":\"ö\"}".as_bytes());
    attributes.set_name_verbatim("o\u{308}").unwrap();
    assert_eq!(attributes.to_json(), "{\"n\":\"o\u{308}\"}".as_bytes());
    assert!(matches!(
        attributes.set_name(""),
        Err(Error::Refused { .. })
    ));
    // NAM-12: a name that is not a string is no name.
    for json in [
        r#"{"n":5}"#,
        r#"{"n":null}"#,
        r#"{"n":{"a":1}}"#,
        r#"{"c":"x"}"#,
    ] {
        assert_eq!(parse(json).name(), None);
    }
}

#[test]
fn nod_6_what_is_not_one_object_is_refused() {
    for bad in [
        "",
        "{",
        "[]",
        "\"n\"",
        "{\"n\"}",
        "{\"n\":}",
        "{\"n\":\"a\"",
        "{\"n\":\"a}",
        "{\"n\":\"a\"}}",
        "{\"n\":\"a\"}x",
        "{\"n\":\"a\",}",
        "{,\"n\":\"a\"}",
        "{\"n\":\"a\" \"c\":\"b\"}",
        "{n:\"a\"}",
        "{\"n\":a}",
        "{\"n\":[}",
        "{\"n\":[1}}",
        "{\"n\":{]}",
        "{\"n\":tru}",
        "{\"n\":truex}",
        "{\"n\":+1}",
        "{\"n\":\"a\\\"}",
        "{\"n\":{\"x\":\"}}",
        "{\"n\"::1}",
    ] {
        assert!(Attributes::parse(bad.as_bytes()).is_err(), "{bad}");
    }
    // Once it has failed, the reader is done.
    let mut members = Members::new(b"{\"n\":\"a\",\"c\":}");
    assert!(members.next().unwrap().is_ok());
    assert!(members.next().unwrap().is_err());
    assert!(members.next().is_none());
}

#[test]
fn nod_6_nesting_ends_at_32() {
    let nested = |depth: usize| {
        format!(
            "{{\"n\":{}1{}}}",
            "[".repeat(depth - 1),
            "]".repeat(depth - 1)
        )
    };
    assert!(Attributes::parse(nested(32).as_bytes()).is_ok());
    assert!(Attributes::parse(nested(33).as_bytes()).is_err());
    assert!(Attributes::parse("{\"n\":".repeat(100_000).as_bytes()).is_err());
    assert!(Attributes::parse(format!("{{\"n\":{}", "[".repeat(1_000_000)).as_bytes()).is_err());
}

#[test]
fn white_space_and_every_kind_of_value_is_read() {
    let read = parse(
        " {\r\n\t\"n\" : \"a\" , \"x\":\ttrue,\"y\":null , \"z\":-12.5E+3,\"o\" : { \"p\" : [ ] } } \n",
    );
    assert_eq!(
        read.to_json(),
        br#"{"n":"a","x":true,"y":null,"z":-12.5E+3,"o":{ "p" : [ ] }}"#
    );
    assert_eq!(read.text("o").as_deref(), Some("{ \"p\" : [ ] }"));
    assert_eq!(parse(" { } ").len(), 0);
}

#[test]
fn names_of_attributes_that_the_official_client_would_cut_are_refused() {
    let mut attributes = Attributes::new();
    for bad in ["", "ninebytes", "a\"b", "a\\b", "a\nb"] {
        assert!(
            matches!(attributes.set(bad, "x"), Err(Error::Refused { .. })),
            "{bad:?}"
        );
    }
    attributes.set("eightby8", "x").unwrap();
    attributes.set_application("seven77", Some("y")).unwrap();
    assert!(attributes.set_application("eight888", Some("y")).is_err());
    assert!(attributes.set_application("", None).is_err());
    assert_eq!(attributes.application("seven77").as_deref(), Some("y"));
    attributes.set_application("seven77", None).unwrap();
    assert_eq!(attributes.len(), 1);
}

#[test]
fn typed_attributes_are_set_read_and_removed() {
    let mut a = Attributes::new();
    a.set_name("n").unwrap();
    a.set_favourite(true);
    a.set_sensitive(true);
    a.set_duration(3600);
    a.set_fingerprint("fp");
    a.set_description("about it").unwrap();
    a.set_tags(&["one", "two"]).unwrap();
    let user = parse(r#"{"f":"hpF_35XWlWE"}"#)
        .thumbnails_refused_to()
        .unwrap();
    assert_eq!(user.to_string(), "hpF_35XWlWE");
    for label in Label::ALL {
        a.set_label(Some(label));
        assert_eq!(a.label(), Some(label));
    }
    assert!(a.favourite() && a.sensitive());
    assert_eq!(a.duration(), Some(3600));
    assert_eq!(a.fingerprint().as_deref(), Some("fp"));
    assert_eq!(a.description().as_deref(), Some("about it"));
    assert_eq!(a.tags(), ["one", "two"]);
    assert_eq!(
        String::from_utf8(a.to_json()).unwrap(),
        r#"{"c":"fp","d":"4Q","n":"n","t":"one,two","des":"about it","fav":"1","lbl":"7","sen":"1"}"#
    );

    let mut version = parse(r#"{"n":"v2","lbl":"1"}"#);
    version.inherit_from(&a);
    assert_eq!(
        String::from_utf8(version.to_json()).unwrap(),
        r#"{"n":"v2","t":"one,two","des":"about it","fav":"1","lbl":"1","sen":"1"}"#
    );

    a.set_favourite(false);
    a.set_sensitive(false);
    a.set_label(None);
    a.set_restore_to(None);
    a.set_description("").unwrap();
    a.set_tags::<&str>(&[]).unwrap();
    assert_eq!(a.to_json(), br#"{"c":"fp","d":"4Q","n":"n"}"#);
    assert!(!a.favourite() && !a.sensitive() && a.label().is_none() && a.tags().is_empty());
    assert_eq!(parse(r#"{"lbl":"8"}"#).label(), None);
    assert_eq!(parse(r#"{"lbl":"0","fav":"0"}"#).label(), None);
}

#[test]
fn tags_and_old_modification_times_share_a_place() {
    assert_eq!(
        parse(r#"{"t":1400000000}"#).legacy_mtime(),
        Some(1_400_000_000)
    );
    assert!(parse(r#"{"t":1400000000}"#).tags().is_empty());
    let with_fingerprint = parse(r#"{"t":"1400000000","c":"x"}"#);
    assert_eq!(
        (
            with_fingerprint.legacy_mtime(),
            with_fingerprint.tags().len()
        ),
        (None, 1)
    );
    let mut a = Attributes::new();
    assert!(
        a.set_tags(&["a,b"]).is_err()
            && a.set_tags(&[""]).is_err()
            && a.set_tags(&["x"; 11]).is_err()
    );
    assert!(
        a.set_tags(&["x".repeat(3001)]).is_err() && a.set_description(&"x".repeat(3001)).is_err()
    );
    a.set_tags(&["x"; 10]).unwrap();
    a.set_description(&"x".repeat(3000)).unwrap();
}

#[test]
fn lim_4_fields_beyond_the_limits_are_refused() {
    let key = AttributeKey::from_bytes([5; 16]);
    let field = |json_len: usize| format!("{{\"n\":\"{}\"}}", "x".repeat(json_len - 8));
    let largest = attributes::MAX_WRITTEN - 4;
    assert_eq!(
        attributes::encrypt(&key, field(largest).as_bytes())
            .unwrap()
            .len(),
        attributes::MAX_WRITTEN
    );
    assert!(matches!(
        attributes::encrypt(&key, field(largest + 1).as_bytes()),
        Err(Error::TooLarge { .. })
    ));
    let too_large = vec![0; attributes::MAX_READ + 16];
    assert!(matches!(
        Attributes::decrypt(&key, &too_large),
        Err(Error::TooLarge { .. })
    ));
    assert!(matches!(
        Attributes::decrypt_text(&key, &base64::encode(&too_large)),
        Err(Error::TooLarge { .. })
    ));
    for len in [0, 1, 15, 17] {
        assert!(
            matches!(
                Attributes::decrypt(&key, &vec![0; len]),
                Err(Error::Malformed { .. })
            ),
            "{len}"
        );
    }
    assert!(matches!(
        Attributes::decrypt(&key, &[0; 32]),
        Err(Error::WrongKey { .. })
    ));
    assert!(Attributes::decrypt_text(&key, "!").is_err());
}

#[test]
fn long_fields_decrypt_across_batches() {
    let key = AttributeKey::from_bytes([6; 16]);
    for len in [8, 100, 244, 252, 253, 500, 5000] {
        let mut a = Attributes::new();
        a.set_name(&"ü€".repeat(len)).unwrap();
        assert_eq!(
            Attributes::decrypt(&key, &a.encrypt(&key).unwrap()).unwrap(),
            a
        );
    }
}

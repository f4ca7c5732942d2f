use mega_crypto::tlv::{self, Mode, Records};
use mega_crypto::{Error, ErrorKind, MasterKey, os_rng};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

use crate::support::{VECTORS, Vector, look, unhex};

fn master(value: &serde_json::Value, name: &str) -> MasterKey {
    MasterKey::from_bytes(value.array(name))
}

fn records(value: &serde_json::Value) -> Records {
    let mut records = Records::new();
    for (name, value) in look(value).as_object().unwrap() {
        records
            .insert(name, unhex(value.as_str().unwrap()))
            .unwrap();
    }
    records
}

#[test]
pub(crate) fn containers_of_every_mode_open_and_are_made_as_known() {
    let vectors = &VECTORS["tlv_containers"];
    let master = master(vectors, "master_key");
    let mut modes = std::collections::HashSet::new();
    for case in vectors.list("cases") {
        let mode = Mode::from_number(u8::try_from(case.u64("mode")).unwrap()).unwrap();
        let container = case.b64("container_b64");
        let expected = records(&case["records"]);
        assert_eq!(
            tlv::open(&container, &master).unwrap(),
            expected,
            "{mode:?}"
        );
        assert_eq!(*expected.to_bytes().unwrap(), case.hex("records_plain"));
        assert_eq!(mode.tag_len() as u64, case.u64("tag_length"));
        let is_gcm = matches!(mode, Mode::Gcm12Tag16 | Mode::Gcm10Tag8);
        assert_eq!(
            case.str("algorithm"),
            if is_gcm { "AES-GCM" } else { "AES-CCM" }
        );
        let made = tlv::encrypt_with(&case.hex("records_plain"), &master, mode, &case.hex("iv"));
        assert_eq!(made.unwrap(), container);
        modes.insert(mode);
    }
    assert_eq!(modes.len(), Mode::ALL.len());
    let [altered, unknown] = vectors.list("rejected") else {
        panic!()
    };
    let open =
        |case: &serde_json::Value| tlv::open(&case.b64("container_b64"), &master).unwrap_err();
    assert!(matches!(open(altered), Error::Unauthentic { .. }));
    assert!(matches!(
        open(unknown),
        Error::Unsupported { value: 0x12, .. }
    ));
}

#[test]
pub(crate) fn containers_of_the_web_clients_tests_open() {
    let vectors = &VECTORS["from_public_test_suites"]["tlv_block_cipher"];
    let master = master(vectors, "key");
    let iv = vectors.hex("iv_prefix_of");
    for case in vectors.list("cases") {
        let mode = Mode::from_number(u8::try_from(case.u64("mode")).unwrap()).unwrap();
        let (plain, container) = (case.str("plaintext").as_bytes(), case.b64("container_b64"));
        assert_eq!(
            *tlv::decrypt(&container, &master).unwrap(),
            plain,
            "{mode:?}"
        );
        let made = tlv::encrypt_with(plain, &master, mode, &iv[..mode.iv_len()]).unwrap();
        assert_eq!(made, container, "{mode:?}");
    }
}

/// The official client's own test of the cipher: as the text of a container in the mode that is written today.
#[test]
pub(crate) fn the_cipher_of_today_is_the_official_clients() {
    let case = &VECTORS["from_public_test_suites"]["aes_gcm"];
    let container = [vec![0x10], case.hex("iv"), case.hex("ciphertext_and_tag")].concat();
    let master = master(case, "key");
    let plain = case.hex("plaintext");
    assert_eq!(*tlv::decrypt(&container, &master).unwrap(), plain);
    let made = tlv::encrypt_with(&plain, &master, Mode::WRITTEN, &case.hex("iv"));
    assert_eq!(made.unwrap(), container);
}

#[test]
pub(crate) fn bytes_that_became_utf8_are_turned_back() {
    let vectors = &VECTORS["from_public_test_suites"]["tlv_utf8_damage"];
    let expected = records(&vectors["records"]);
    assert_eq!(
        Records::parse(&vectors.hex("damaged_plain")).unwrap(),
        expected
    );
    assert_eq!(
        Records::parse(&vectors.hex("repaired_plain")).unwrap(),
        expected
    );
    // A character beyond one byte cannot come from that mistake.
    assert!(Records::parse("foo\0\0\u{3}ba\u{100}".as_bytes()).is_err());
}

#[test]
fn a_container_changed_anywhere_is_refused() {
    let master = MasterKey::from_bytes([9; 16]);
    for mode in Mode::ALL {
        let iv = vec![5; mode.iv_len()];
        let container = tlv::encrypt_with(b"a\0\0\x01x", &master, mode, &iv).unwrap();
        assert_eq!(container.len(), 1 + mode.iv_len() + 5 + mode.tag_len());
        assert_eq!(*tlv::decrypt(&container, &master).unwrap(), *b"a\0\0\x01x");
        for at in 1..container.len() {
            let mut altered = container.clone();
            altered[at] ^= 0x80;
            let opened = tlv::decrypt(&altered, &master);
            assert!(
                matches!(opened, Err(Error::Unauthentic { .. })),
                "{mode:?} {at}"
            );
        }
        let other = MasterKey::from_bytes([8; 16]);
        assert!(tlv::decrypt(&container, &other).is_err());
        for len in 0..container.len() {
            assert!(
                tlv::decrypt(&container[..len], &master).is_err(),
                "{mode:?} {len}"
            );
        }
    }
}

#[test]
fn what_is_sealed_today_has_mode_0x10_and_a_fresh_iv() {
    let master = MasterKey::from_bytes([9; 16]);
    let [one, two] = [(); 2].map(|()| tlv::seal(&Records::new(), &master, &mut os_rng()).unwrap());
    assert_eq!(one[0], 0x10);
    assert_ne!(one[1..13], two[1..13]);
    assert!(tlv::open(&one, &master).unwrap().is_empty());
    let wrong = tlv::encrypt_with(b"", &master, Mode::WRITTEN, &[0; 10]);
    assert!(matches!(
        wrong,
        Err(Error::Length {
            expected: 12,
            got: 10,
            ..
        })
    ));
}

#[test]
fn one_record_without_a_name_may_be_long() {
    let master = MasterKey::from_bytes([9; 16]);
    for len in [0, 65534, 65535, 65536, 200_000] {
        let mut records = Records::new();
        let value: Vec<u8> = (0..len).map(|i| (i % 251) as u8).collect();
        records.insert("", &value).unwrap();
        let plain = records.to_bytes().unwrap();
        assert_eq!(
            plain[1..3],
            u16::try_from(len).unwrap_or(u16::MAX).to_be_bytes()
        );
        let container = tlv::seal(&records, &master, &mut os_rng()).unwrap();
        assert_eq!(
            tlv::open(&container, &master).unwrap().get(""),
            Some(&value[..]),
            "{len}"
        );
    }
    // Old writers put the low sixteen bits of the length there; it is not looked at.
    let mut plain = vec![0; 70_003];
    plain[2] = 7;
    assert_eq!(
        Records::parse(&plain).unwrap().get("").unwrap().len(),
        70_000
    );
}

#[test]
fn records_that_nobody_could_read_back_are_not_written() {
    let mut long = Records::new();
    long.insert("a", vec![0; 65536]).unwrap();
    assert_eq!(long.to_bytes().unwrap_err().kind(), ErrorKind::Limit);
    long.insert("a", vec![0; 65535]).unwrap();
    assert_eq!(Records::parse(&long.to_bytes().unwrap()).unwrap(), long);
    // Beside a record without a name, everything would become its value.
    long.insert("", "x").unwrap();
    assert_eq!(long.to_bytes().unwrap_err().kind(), ErrorKind::Limit);
    long.insert("a", vec![0; 65529]).unwrap();
    assert_eq!(Records::parse(&long.to_bytes().unwrap()).unwrap(), long);
    assert!(long.insert("a\0b", "").is_err());
    let mut huge = Records::new();
    huge.insert("", vec![0; tlv::MAX_LEN]).unwrap();
    assert_eq!(huge.to_bytes().unwrap_err().kind(), ErrorKind::Limit);
}

#[test]
fn records_are_named_once_and_sorted() {
    let mut records = Records::parse(b"b\0\0\x01x\x01\0\0\0b\0\0\x01y").unwrap();
    assert_eq!(records.get("b"), Some(&b"y"[..]));
    assert_eq!(records.len(), 2);
    assert_eq!(**records.to_bytes().unwrap(), *b"\x01\0\0\0b\0\0\x01y");
    let listed: Vec<_> = records.iter().collect();
    assert_eq!(listed, [(&b"\x01"[..], &b""[..]), (b"b", b"y")]);
    assert!(records.remove("b") && !records.remove("b"));
    assert_ne!(records, Records::new());
    assert_eq!(format!("{records:?}"), "Records(..)");
    for cut in [&b"b"[..], b"b\0", b"b\0\0", b"b\0\0\x01", b"b\0\0\0b"] {
        assert_eq!(
            Records::parse(cut).unwrap_err().kind(),
            ErrorKind::Malformed
        );
    }
}

proptest! {
    #[test]
    fn records_survive_a_container(
        map in btree_map("[a-zA-Z0-9_]{0,12}", vec(any::<u8>(), 0..300), 0..8),
        key in any::<[u8; 16]>(),
    ) {
        let mut records = Records::new();
        for (name, value) in &map {
            records.insert(name, value).unwrap();
        }
        let master = MasterKey::from_bytes(key);
        let container = tlv::seal(&records, &master, &mut os_rng()).unwrap();
        prop_assert_eq!(tlv::open(&container, &master).unwrap(), records);
    }

    #[test]
    fn no_bytes_make_the_reader_panic(
        plain in vec(any::<u8>(), 0..400),
        few in vec(0..3u8, 0..60),
    ) {
        for bytes in [plain, few] {
            let _ = tlv::decrypt(&bytes, &MasterKey::from_bytes([0; 16]));
            if let Ok(records) = Records::parse(&bytes) {
                let written = records.to_bytes().unwrap();
                prop_assert_eq!(Records::parse(&written).unwrap(), records);
            }
        }
    }
}

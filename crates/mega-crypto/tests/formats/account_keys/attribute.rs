//! The attribute as a whole: reading, writing, refusing.

use mega_crypto::account_keys::{
    AccountKeys, Authring, Generation, MAX_LEN, PendingInShare, PendingOutShare, PendingRecipient,
};
use mega_crypto::{Error, ErrorKind, MasterKey, ShareKey, UserHandle, os_rng};
use proptest::collection::vec;
use proptest::prelude::*;
use sha2::Digest;

use super::{
    container, joined, known, known_master, known_owner, node, open_known, open_plain, plain_of,
    records, reopened, unchanged, user,
};
use crate::support::Vector;

#[test]
pub(crate) fn the_known_attribute_is_read_in_full() {
    let (keys, fields) = (open_known(), &known()["fields"]);
    assert_eq!(u64::from(keys.creation_time()), fields.u64("creation_time"));
    assert_eq!(keys.owner(), known_owner());
    assert_eq!(u64::from(keys.generation().get()), fields.u64("generation"));
    assert_eq!(
        keys.ed25519().expose_secret().to_vec(),
        fields.hex("prEd255")
    );
    assert_eq!(
        keys.x25519().expose_secret().to_vec(),
        fields.hex("prCu255")
    );
    assert_eq!(keys.rsa().unwrap().expose_secret(), fields.hex("prRSA"));
    for (ring, name) in [
        (keys.ed25519_ring(), "authring_ed"),
        (keys.x25519_ring(), "authring_cu"),
    ] {
        let expected: Vec<_> = fields
            .list(name)
            .iter()
            .map(|entry| {
                (
                    user(entry.str("user_b64")),
                    entry.hex("fingerprint"),
                    entry.u64("method"),
                )
            })
            .collect();
        let entries = ring.entries().iter();
        let found: Vec<_> = entries
            .map(|entry| {
                (
                    entry.user,
                    entry.fingerprint.as_bytes().to_vec(),
                    u64::from(entry.method.number()),
                )
            })
            .collect();
        assert_eq!(found, expected);
    }
    assert_eq!(keys.share_keys().len(), 2);
    for expected in fields.list("share_keys") {
        let stored = keys.share_key(node(expected.str("handle_b64"))).unwrap();
        assert_eq!(
            stored.key().unwrap().expose_secret().to_vec(),
            expected.hex("key")
        );
        assert_eq!(stored.is_trusted(), expected.bool("trusted"));
        assert_eq!(stored.is_in_use(), expected.bool("in_use"));
    }
    let [to_user, to_email] = keys.pending_out_shares() else {
        panic!()
    };
    assert_eq!(
        *to_user,
        PendingOutShare::new(
            node("jUN1au9G"),
            PendingRecipient::user(user("ixKluy2NvU8"))
        )
    );
    assert_eq!(
        *to_email,
        PendingOutShare::new(
            node("LMlh6vgG"),
            PendingRecipient::email("friend@example.com").unwrap()
        )
    );
    for (share, expected) in keys
        .pending_out_shares()
        .iter()
        .zip(fields.list("pending_outshares"))
    {
        assert_eq!(share.node, node(expected.str("handle_b64")));
        assert_eq!(
            share.recipient.as_user(),
            expected.opt_str("user_b64").map(user)
        );
        assert_eq!(
            share.recipient.as_email().as_deref(),
            expected.opt_str("email")
        );
    }
    let pending = &fields.list("pending_inshares")[0];
    let expected = PendingInShare::new(
        node(pending.str("handle_b64")),
        user(pending.str("user_b64")),
        Some(pending.array("encrypted_share_key")),
    );
    assert_eq!(keys.pending_in_shares().collect::<Vec<_>>(), [expected]);
    assert_eq!(keys.backups(), fields.hex("backups"));
    assert_eq!(fields["warnings"].hex("cv"), b"1");
    assert!(keys.contact_verification_warning());
    // What no method gives, out of the records.
    let records = records(&known().hex("plain"));
    let record = |wanted: u8| &records.iter().find(|(tag, _)| *tag == wanted).unwrap().1;
    assert_eq!(u64::from(record(1)[0]), fields.u64("version"));
    assert_eq!(*record(5), fields.hex("attr"));
    assert_eq!(
        joined(&records[records.len() - 1..]),
        fields.hex("unknown_tags")
    );
}

/// Crypto-and-accounts 3.6: the key, the vector and the outside.
#[test]
pub(crate) fn the_container_of_the_known_attribute_is_made_as_written_down() {
    assert_eq!(known().str("attribute"), "^!keys");
    let mut key = [0; 16];
    let master = known_master();
    let hkdf = hkdf::Hkdf::<sha2::Sha256>::new(None, master.expose_secret());
    hkdf.expand(&[1], &mut key).unwrap();
    assert_eq!(key[..], known().hex("derived_key"));
    let container = known().b64("container_b64");
    assert_eq!(container[..2], [20, 0]);
    assert_eq!(container[2..14], known().hex("iv"));
    assert_eq!(plain_of(&container, &master), known().hex("plain"));
}

/// A length of 65535 is written in the long form, and what other clients note is kept in it.
#[test]
pub(crate) fn long_values_in_a_list_are_read_and_written_as_known() {
    let case = &known()["ltlv_long"];
    let mut list = b"\x04name\xff\xff\0\0\xff\xff".to_vec();
    list.resize(list.len() + 65535, 0);
    list.extend(b"\x02n2\xff\xfe");
    list.resize(list.len() + 65534, 0);
    assert_eq!(list.len() as u64, case.u64("length"));
    assert_eq!(list[..16], case.hex("first_16"));
    assert_eq!(sha2::Sha256::digest(&list)[..], case.hex("sha256"));
    let mut records = records(&known().hex("plain"));
    records.iter_mut().find(|(tag, _)| *tag == 96).unwrap().1 = list;
    let write = unchanged(&open_plain(&joined(&records)).unwrap());
    records.iter_mut().find(|(tag, _)| *tag == 4).unwrap().1 = 43_u32.to_be_bytes().to_vec();
    assert!(plain_of(write.attribute(), &known_master()) == joined(&records));
}

/// Threat model, KEY-10; crypto-and-accounts 3.7, rule 10.
#[test]
fn what_is_written_differs_from_what_was_read_in_the_generation_only() {
    let write = unchanged(&open_known());
    let mut expected = records(&known().hex("plain"));
    let generation = &mut expected.iter_mut().find(|(tag, _)| *tag == 4).unwrap().1;
    *generation = 43_u32.to_be_bytes().to_vec();
    assert_eq!(
        plain_of(write.attribute(), &known_master()),
        joined(&expected)
    );
    assert_eq!(expected.last().unwrap().0, 200, "the unknown record");
    let attribute = write.attribute().to_vec();
    assert_eq!(attribute[..2], [20, 0]);
    let again = unchanged(&open_known());
    assert_ne!(
        again.attribute()[2..14],
        attribute[2..14],
        "a fresh IV each time"
    );
    let accepted = write.accepted();
    assert_eq!(accepted.generation(), Generation::new(43));
    let read = AccountKeys::open(
        &attribute,
        &known_master(),
        known_owner(),
        Some(Generation::new(43)),
    );
    assert!(read.unwrap() == accepted);
}

/// Threat model, KEY-10.
#[test]
fn unknown_records_stay_in_their_order_behind_the_known_ones() {
    let mut list = records(&known().hex("plain"));
    list.insert(3, (7, b"early".to_vec()));
    list.insert(9, (201, b"twice".to_vec()));
    list.push((201, b"again".to_vec()));
    list.push((6, Vec::new()));
    let write = unchanged(&open_plain(&joined(&list)).unwrap());
    let written = records(&plain_of(write.attribute(), &known_master()));
    let unknown: Vec<_> = written.into_iter().skip(15).collect();
    let expected = [
        (7, "early"),
        (201, "twice"),
        (200, "future"),
        (201, "again"),
        (6, ""),
    ];
    assert_eq!(
        unknown,
        expected.map(|(tag, value)| (tag, value.as_bytes().to_vec()))
    );
}

/// Threat model, KEY-10, ATT-13.
#[test]
fn an_older_generation_is_an_attack() {
    let open = |known| {
        let attribute = self::known().b64("container_b64");
        AccountKeys::open(
            &attribute,
            &known_master(),
            known_owner(),
            Some(Generation::new(known)),
        )
    };
    assert!(open(41).is_ok());
    assert!(open(42).is_ok());
    let error = open(43).unwrap_err();
    assert!(matches!(
        error,
        Error::Downgrade {
            known: 43,
            received: 42,
            ..
        }
    ));
    assert_eq!(error.kind(), ErrorKind::Integrity);

    let newer = unchanged(&open_known()).accepted();
    let old = known().b64("container_b64");
    assert!(matches!(
        newer.refresh(&old, &known_master()),
        Err(Error::Downgrade { .. })
    ));
    assert!(open_known().refresh(&old, &known_master()).is_ok());
}

#[test]
fn private_keys_never_change() {
    for tag in [16, 17] {
        let mut list = records(&known().hex("plain"));
        list.iter_mut().find(|(other, _)| *other == tag).unwrap().1[0] ^= 1;
        let attribute = container(&joined(&list), &known_master());
        let refreshed = open_known().refresh(&attribute, &known_master());
        assert_eq!(refreshed.unwrap_err().kind(), ErrorKind::Misuse, "{tag}");
    }
}

#[test]
fn the_generation_does_not_wrap() {
    let mut list = records(&known().hex("plain"));
    list.iter_mut().find(|(tag, _)| *tag == 4).unwrap().1 = u32::MAX.to_be_bytes().to_vec();
    let keys = open_plain(&joined(&list)).unwrap();
    let write = keys.update(&known_master(), &mut os_rng(), |_| Ok(()));
    assert_eq!(write.unwrap_err().kind(), ErrorKind::Misuse);
}

/// Threat model, KEY-10.
#[test]
fn an_attribute_changed_anywhere_is_refused() {
    let (attribute, master) = (known().b64("container_b64"), known_master());
    let open =
        |attribute: &[u8]| AccountKeys::open(attribute, &master, known_owner(), None).unwrap_err();
    for at in (2..attribute.len())
        .step_by(7)
        .chain([13, 14, attribute.len() - 1])
    {
        let mut altered = attribute.clone();
        altered[at] ^= 1;
        assert!(matches!(open(&altered), Error::Unauthentic { .. }), "{at}");
    }
    for at in [0, 1] {
        let mut altered = attribute.clone();
        altered[at] ^= 1;
        assert!(matches!(open(&altered), Error::Unsupported { .. }), "{at}");
    }
    for len in (0..30).chain([attribute.len() - 1]) {
        open(&attribute[..len]);
    }
    let other = AccountKeys::open(
        &attribute,
        &MasterKey::from_bytes([1; 16]),
        known_owner(),
        None,
    );
    assert!(matches!(other, Err(Error::Unauthentic { .. })));
    let other = AccountKeys::open(&attribute, &master, UserHandle::from_bytes([1; 8]), None);
    assert_eq!(other.unwrap_err().kind(), ErrorKind::Malformed);
}

/// Threat model, ATT-13.
#[test]
fn records_of_the_wrong_length_are_refused() {
    let plain = known().hex("plain");
    let list = records(&plain);
    for len in 0..plain.len() {
        // Cut at the end of a record, it is read if the required ones are there.
        let whole = last_record(&list, len).is_some_and(|tag| tag >= 17);
        assert_eq!(open_plain(&plain[..len]).is_ok(), whole, "{len}");
    }
    for tag in [1, 2, 3, 4, 16, 17] {
        for change in [-1_isize, 1] {
            let mut list = list.clone();
            let value = &mut list.iter_mut().find(|(other, _)| *other == tag).unwrap().1;
            value.resize(value.len().checked_add_signed(change).unwrap(), 0);
            assert_eq!(
                open_plain(&joined(&list)).unwrap_err().kind(),
                ErrorKind::Malformed,
                "{tag}"
            );
        }
        let without: Vec<_> = list
            .iter()
            .filter(|(other, _)| *other != tag)
            .cloned()
            .collect();
        assert!(open_plain(&joined(&without)).is_err(), "{tag}");
    }
    for tag in [32, 33, 48, 64, 65, 96] {
        let mut list = list.clone();
        list.iter_mut()
            .find(|(other, _)| *other == tag)
            .unwrap()
            .1
            .pop();
        assert_eq!(
            open_plain(&joined(&list)).unwrap_err().kind(),
            ErrorKind::Malformed,
            "{tag}"
        );
    }
    for tag in [5, 18, 32, 33, 48, 64, 65, 80, 96] {
        let without: Vec<_> = list
            .iter()
            .filter(|(other, _)| *other != tag)
            .cloned()
            .collect();
        assert!(open_plain(&joined(&without)).is_ok(), "{tag}");
    }
    for record in &list {
        let twice = [&list[..], std::slice::from_ref(record)].concat();
        assert_eq!(
            open_plain(&joined(&twice)).is_ok(),
            record.0 == 200,
            "{}",
            record.0
        );
    }
    let mut newer = list.clone();
    newer[0].1[0] = 2;
    assert_eq!(
        open_plain(&joined(&newer)).unwrap_err().kind(),
        ErrorKind::Unsupported
    );
    let mut short_rsa = list;
    let rsa = &mut short_rsa.iter_mut().find(|(tag, _)| *tag == 18).unwrap().1;
    rsa.truncate(511);
    assert_eq!(
        open_plain(&joined(&short_rsa)).unwrap_err(),
        Error::PrivateKeyRejected
    );
}

/// The tag of the record that ends after `len` bytes.
fn last_record(list: &[(u8, Vec<u8>)], len: usize) -> Option<u8> {
    let mut end = 0;
    let ends = |(_, value): &&(u8, Vec<u8>)| {
        end += 4 + value.len();
        end == len
    };
    list.iter().find(ends).map(|(tag, _)| *tag)
}

/// Threat model, ATT-13.
#[test]
fn an_attribute_beyond_one_mebibyte_is_neither_read_nor_written() {
    let huge = vec![20; MAX_LEN + 1];
    let open = AccountKeys::open(&huge, &known_master(), known_owner(), None);
    assert_eq!(open.unwrap_err().kind(), ErrorKind::Limit);
    let mut list = records(&known().hex("plain"));
    let used = joined(&list).len() + 2 + 12 + 16;
    list.push((250, vec![1; MAX_LEN - used - 4]));
    let keys = open_plain(&joined(&list)).unwrap();
    assert_eq!(unchanged(&keys).attribute().len(), MAX_LEN);
    let write = keys.update(&known_master(), &mut os_rng(), |edit| {
        edit.add_share_key(node("AAAAAAAA"), &ShareKey::random(&mut os_rng()), true)
    });
    assert_eq!(write.unwrap_err().kind(), ErrorKind::Limit);
}

/// Threat model, SEC-1.
#[test]
fn nothing_shows_a_secret() {
    let keys = open_known();
    let write = unchanged(&keys);
    let shown = format!(
        "{keys:?} {write:?} {:?} {:?} {:?} {:?} {:?}",
        keys.ed25519(),
        keys.x25519(),
        keys.rsa(),
        keys.share_keys(),
        keys.pending_out_shares(),
    );
    let fields = &known()["fields"];
    for secret in [
        fields.hex("prEd255"),
        fields.hex("prCu255"),
        fields.list("share_keys")[0].hex("key"),
    ] {
        let decimal = format!("{:?}", &secret[..4]);
        assert!(!shown.contains(decimal.trim_matches(['[', ']'])), "{shown}");
    }
    assert!(!shown.contains("friend@example.com"));
}

proptest! {
    #[test]
    fn no_records_make_the_reader_panic(
        tags in vec((0..16usize, vec(any::<u8>(), 0..70)), 0..20),
        junk in vec(any::<u8>(), 0..8),
    ) {
        const TAGS: [u8; 16] = [1, 2, 3, 4, 5, 16, 17, 18, 32, 33, 48, 64, 65, 80, 96, 200];
        let tags: Vec<_> = tags.into_iter().map(|(tag, value)| (TAGS[tag], value)).collect();
        let _ = open_plain(&[joined(&tags), junk.clone()].concat());
        // The required ones in order, the rest replaced.
        let mut list = records(&known().hex("plain"));
        for (tag, value) in tags {
            if tag > 17 && let Some(record) = list.iter_mut().find(|(other, _)| *other == tag) {
                record.1 = value;
            }
        }
        if let Ok(keys) = open_plain(&joined(&list)) {
            let read = reopened(unchanged(&keys));
            prop_assert_eq!(read.backups(), keys.backups());
            let _ = read.pending_in_shares().count();
        }
        let _ = Authring::parse(&junk);
        let _ = AccountKeys::open(&junk, &known_master(), known_owner(), None);
    }
}

//! What types say about themselves, and comparisons: small answers that larger tests never look at.

use mega_crypto::attributes::Attributes;
use mega_crypto::fingerprint::{Crc, Fingerprint};
use mega_crypto::link::{Link, LinkKind, PasswordLink, PublicLink};
use mega_crypto::media::MediaInfo;
use mega_crypto::password::{self, NewPassword};
use mega_crypto::rsa::{Expected, RsaPrivateKey, RsaVerdict};
use mega_crypto::tlv::Records;
use mega_crypto::totp::TotpSecret;
use mega_crypto::{
    BlockReuse, Error, FileKey, FolderKey, KeyString, MasterKey, NodeHandle, NodeKey, SessionId,
    ShareKey, ShareKeys, ShareRequest, WrappedNodeKey, base64, os_rng,
};

use crate::support::VICTIM;

/// The words of both halves differ by the same amount, and one word may be zero.
#[test]
fn keys_are_zero_only_if_every_byte_of_them_is() {
    let mut key = [0; 32];
    key[16..].fill(1);
    assert!(FileKey::from_bytes(key).is_ok());
    for half in [0, 8] {
        let mut key = [0; 16];
        key[half] = 1;
        assert!(FolderKey::from_bytes(key).is_ok());
        let mut key = [7; 32];
        key[half] = 1;
        assert!(FileKey::from_bytes(key).is_ok());
    }
    assert!(FolderKey::from_bytes([1; 16]).is_ok());
    assert!(FolderKey::from_bytes([0; 16]).is_err());
    assert!(FileKey::from_bytes([7; 32]).is_err());
}

#[test]
fn what_is_empty_says_so_and_nothing_else_does() {
    assert!(KeyString::new(b"").is_empty() && !KeyString::new(b"A").is_empty());

    let mut reuse = BlockReuse::new(&mut os_rng());
    assert!(reuse.is_empty());
    let wrapped = WrappedNodeKey::Folder([3; 16]);
    assert!(
        reuse
            .note_node(NodeHandle::from_bytes([1; 6]), &wrapped)
            .is_none()
    );
    assert!(!reuse.is_empty());

    let mut attributes = Attributes::new();
    assert!(attributes.is_empty());
    attributes.set("_a", "b").unwrap();
    assert!(!attributes.is_empty());

    let mut records = Records::new();
    assert!(records.is_empty());
    records.insert("a", "b").unwrap();
    assert!(!records.is_empty());
}

#[test]
fn a_request_lists_its_shares_and_keys() {
    let share = ShareKey::from_bytes([0x11; 16]).unwrap().cipher();
    let handle = NodeHandle::from_bytes([5; 6]);
    let above = [ShareKeys {
        share: handle,
        cipher: &share,
    }];
    let key = NodeKey::from(FolderKey::from_bytes([0x22; 16]).unwrap());
    let mut request = ShareRequest::for_new_nodes();
    assert!(request.is_empty() && request.entries().is_empty() && request.shares().is_empty());
    request.add_new(3, &key, &above);
    assert!(!request.is_empty());
    assert_eq!(request.shares(), [handle]);
    let [entry] = request.entries() else {
        panic!("{request:?}");
    };
    assert_eq!((entry.share, entry.node), (0, 3));
    assert_eq!(entry.key, share.wrap_node_key(&key));
}

#[test]
fn sessions_and_records_are_equal_only_if_all_of_them_is() {
    let session = |last| {
        let mut bytes = *b"................AAAAAAAAAAA................";
        bytes[42] = last;
        SessionId::from_bytes(bytes).unwrap()
    };
    assert!(session(b'.') == session(b'.'));
    assert!(session(b'.') != session(b'-'));

    let records = |list: &[(&str, &str)]| {
        let mut records = Records::new();
        for (name, value) in list {
            records.insert(name, value).unwrap();
        }
        records
    };
    let whole = records(&[("a", "1"), ("b", "2")]);
    assert!(whole == records(&[("a", "1"), ("b", "2")]));
    for other in [
        &[("a", "1"), ("b", "3")][..],
        &[("a", "3"), ("b", "2")],
        &[("a", "1"), ("c", "2")],
        &[("c", "1"), ("b", "2")],
        &[("a", "1")],
        &[],
    ] {
        assert!(whole != records(other), "{other:?}");
    }
}

#[test]
fn a_fingerprint_gives_back_what_it_is_made_of() {
    let crc = Crc::of(b"some content");
    let made = Fingerprint::new(crc, 12, -77);
    assert_eq!((made.crc(), made.size(), made.mtime()), (crc, 12, -77));
    assert!(made.is_valid());
    let stand_in = Fingerprint::without_attribute([3; 16], 4711, 1_700_000_000);
    assert_eq!((stand_in.size(), stand_in.mtime()), (4711, 1_700_000_000));
    assert!(!stand_in.is_valid());
}

/// Crypto-and-accounts 2.15.
#[test]
fn a_password_is_checked_against_the_wrapped_master_key() {
    let master = MasterKey::from_bytes([9; 16]);
    let new = NewPassword::with_random_value("correct horse", [1; 16]).unwrap();
    let k = new.wrap(&master);
    let right = password::derive_v2("correct horse", &new.salt()[..]).unwrap();
    assert!(right.opens(&k, &master));
    assert!(!right.opens(&k, &MasterKey::from_bytes([8; 16])));
    let wrong = password::derive_v1("correct horse", "user@example.com");
    assert!(!wrong.opens(&k, &master));
}

#[test]
fn base32_has_the_digits_2_to_7() {
    let bits: String = (0..32).map(|value| format!("{value:05b}")).collect();
    let key: Vec<u8> = bits
        .as_bytes()
        .chunks(8)
        .map(|eight| u8::from_str_radix(std::str::from_utf8(eight).unwrap(), 2).unwrap())
        .collect();
    for text in [
        "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567",
        "abcdefghijklmnopqrstuvwxyz234567",
    ] {
        let secret = TotpSecret::from_base32(text).unwrap();
        assert_eq!(*secret.code_of_step(1), code(&key, 1));
    }
}

/// RFC 4226, written out.
fn code(key: &[u8], step: u64) -> String {
    use sha1::{Digest, Sha1};
    let mut padded = [0u8; 64];
    padded[..key.len()].copy_from_slice(key);
    let with = |mask: u8| padded.map(|byte| byte ^ mask);
    let inner = Sha1::digest([&with(0x36)[..], &step.to_be_bytes()].concat());
    let hash = Sha1::digest([&with(0x5c)[..], &inner].concat());
    let at = usize::from(hash[19] & 15);
    let number = u32::from_be_bytes(hash[at..at + 4].try_into().unwrap()) & 0x7fff_ffff;
    format!("{:06}", number % 1_000_000)
}

/// Crypto-and-accounts 9.4: the largest value of a field, not more, so that the next field stays what it is.
#[test]
fn media_values_that_are_too_large_stay_in_their_field() {
    let largest = MediaInfo {
        width: u32::MAX,
        height: 0,
        fps: u32::MAX,
        playtime: 0,
        short_format: 0,
    };
    let rounded = largest.rounded();
    assert_eq!((rounded.width, rounded.height), (147_448, 0));
    assert_eq!((rounded.fps, rounded.playtime), (1144, 0));
    let other = MediaInfo {
        width: 0,
        height: u32::MAX,
        fps: 0,
        playtime: u32::MAX,
        short_format: 0,
    };
    let rounded = other.rounded();
    assert_eq!(
        (rounded.width, rounded.height, rounded.fps),
        (0, 147_448, 0)
    );
    assert_eq!((rounded.playtime, rounded.short_format), (7_995_360, 0));
}

#[test]
fn a_link_without_a_key_says_that_it_is_missing() {
    let parse = |text: &str| match Link::parse(text).unwrap() {
        Link::Public(link) => link,
        other => panic!("{other:?}"),
    };
    let file = parse("https://mega.nz/file/2c0i0att");
    assert_eq!(file.file_key().unwrap_err(), Error::LinkKeyMissing);
    assert_ne!(file.folder_key().unwrap_err(), Error::LinkKeyMissing);
    let folder = parse("https://mega.nz/folder/2c0i0att");
    assert_eq!(folder.folder_key().unwrap_err(), Error::LinkKeyMissing);
    assert_ne!(folder.file_key().unwrap_err(), Error::LinkKeyMissing);
}

#[test]
fn a_locked_link_knows_its_kind_and_is_cut_behind_its_end() {
    let handle = "2c0i0att".parse().unwrap();
    let mut key = [7; 32];
    key[0] = 1;
    let file = PublicLink::file(handle, FileKey::from_bytes(key).unwrap());
    let folder = PublicLink::folder(handle, ShareKey::from_bytes([7; 16]).unwrap());
    for (link, kind) in [(file, LinkKind::File), (folder, LinkKind::Folder)] {
        let locked = PasswordLink::lock_with_salt(&link, "secret", [4; 32]).unwrap();
        assert_eq!((locked.kind(), locked.handle()), (kind, handle));
        let url = locked.to_url();
        for surplus in ["", "A", "AA", "AAA", "AAAA"] {
            let Ok(Link::Password(read)) = Link::parse(&(url.clone() + surplus)) else {
                panic!("{surplus:?}");
            };
            assert_eq!(read.kind(), kind);
            assert_eq!(read.to_url(), url, "{surplus:?}");
        }
    }
}

#[test]
fn attributes_for_restoring_and_transformed_files_are_read() {
    let text = br#"{"c0":"original","rr":"IRMxXDou"}"#;
    let attributes = Attributes::parse(text).unwrap();
    assert_eq!(
        attributes.original_fingerprint().as_deref(),
        Some("original")
    );
    assert_eq!(attributes.restore_to(), Some("IRMxXDou".parse().unwrap()));
    let none = Attributes::new();
    assert_eq!(
        (none.original_fingerprint(), none.restore_to()),
        (None, None)
    );
}

#[test]
fn names_with_escapes_are_compared_by_what_they_mean() {
    let attributes = Attributes::parse(br#"{"a\u0062":"yes"}"#).unwrap();
    assert_eq!(attributes.text("ab").as_deref(), Some("yes"));
    assert!(attributes.get("zz").is_none());
    // A quotation mark or backslash is no name of one character.
    for text in [&br#"{""":"x"}"#[..], br#"{"\":"x"}"#] {
        assert!(Attributes::parse(text).is_err());
    }
    let mut attributes = Attributes::new();
    attributes.set("a b", "spaces need no escape").unwrap();
    assert!(attributes.set("a\u{1f}b", "controls do").is_err());
}

#[test]
fn foreign_characters_in_the_last_group_do_not_cancel_out() {
    for text in [
        "AAAA??", "AAAA?A", "AAAAA?", "AAAA???", "AAAA??A", "AAAA?A?", "AAAAA??", "AAAA?AA",
        "AAAAA?A", "AAAAAA?",
    ] {
        assert!(base64::decode(text).is_err(), "{text}");
    }
    assert!(base64::decode("AAAAAA").is_ok() && base64::decode("AAAAAAA").is_ok());
}

/// Threat model, RSA-12.
#[test]
fn a_remembered_verdict_is_the_one_that_was_given() {
    let privk = VICTIM.good_privk();
    let open = |expected: &Expected<'_>| {
        RsaPrivateKey::open(&privk, &VICTIM.master, expected, &mut os_rng()).unwrap()
    };
    let verdict = open(&Expected::default()).verdict().unwrap();
    assert!(RsaVerdict::from_bytes(verdict.to_bytes()) == verdict);
    assert!(RsaVerdict::from_bytes([0; 32]) != verdict);
}

/// Threat model, RSA-3: even numbers are refused though the next odd one would be right.
#[test]
fn rsa_3_factors_one_below_the_true_ones_are_refused() {
    let v = &*VICTIM;
    let refused = |privk: &[u8]| {
        let opened = RsaPrivateKey::open(privk, &v.master, &Expected::default(), &mut os_rng());
        assert_eq!(opened.map(drop), Err(Error::PrivateKeyRejected));
    };
    refused(&v.privk(&(&v.p - 1u32), &v.q, &v.d, &v.u()));
    refused(&v.privk(&v.p, &(&v.q - 1u32), &v.d, &v.u()));
}

/// Threat model, RSA-6: the same exponent counted once more around, still of 2048 bits.
#[test]
fn rsa_6_an_exponent_beyond_phi_is_refused() {
    use num_bigint::BigUint;
    let v = &*VICTIM;
    let (p, q) = (&v.p - 1u32, &v.q - 1u32);
    let phi = &p * &q;
    // The smallest exponents have the smallest inverses.
    let (d, larger) = (3u32..2000)
        .step_by(2)
        .filter_map(|e| BigUint::from(e).modinv(&phi))
        .map(|d| (d.clone(), d + &phi))
        .find(|(d, larger)| d.bits() > 2000 && larger.bits() <= v.n.bits())
        .expect("some inverse is small");
    let open = |d: &BigUint| {
        let privk = v.privk(&v.p, &v.q, d, &v.u());
        RsaPrivateKey::open(&privk, &v.master, &Expected::default(), &mut os_rng())
    };
    assert!(open(&d).is_ok());
    assert_eq!(open(&larger).map(drop), Err(Error::PrivateKeyRejected));
}

/// The room is all taken at once, so that no part of the key is left behind.
#[test]
fn a_key_is_written_where_it_stays() {
    let privk = VICTIM.good_privk();
    let key = RsaPrivateKey::open(&privk, &VICTIM.master, &Expected::default(), &mut os_rng());
    let short = key.unwrap().to_short_form();
    assert_eq!(short.capacity(), short.len().next_multiple_of(16));
}

/// Threat model, ATT-3, with numbers that end on a block: what follows is less than a block, not one.
#[test]
fn att_3_a_whole_block_behind_the_numbers_is_refused() {
    use num_bigint::BigUint;
    // Primes of a key of 2176 bits, made with `openssl genrsa 2176`.
    let number = |hex: &str| BigUint::parse_bytes(hex.as_bytes(), 16).unwrap();
    let (p, q) = (number(P), number(Q));
    let d = BigUint::from(65_537u32)
        .modinv(&((&p - 1u32) * (&q - 1u32)))
        .unwrap();
    let u = p.modinv(&q).unwrap();
    let mut plain = Vec::new();
    for number in [&p, &q, &d, &u] {
        mega_crypto::mpi::write(&number.to_bytes_be(), &mut plain);
    }
    assert_eq!(plain.len() % 16, 0);
    let open = |plain: &[u8]| {
        let privk = VICTIM.encrypt(plain.to_vec());
        RsaPrivateKey::open(&privk, &VICTIM.master, &Expected::default(), &mut os_rng())
    };
    assert!(open(&plain).is_ok());
    plain.extend_from_slice(&[0; 16]);
    assert_eq!(open(&plain).map(drop), Err(Error::PrivateKeyRejected));
}

const P: &str = "def1f400685f380a42127ee88e5bb4a8e3325ef38125abb6b0236fe663a637dcf805e79698aa0f8d08a366231cc13b78a89dae5a6533f9d2570ef69814b9390bcf20a864cebb1e4654fef7d91151587220bae3fb9563306e49a8358263acff1a7bbc8e4ace1cdbed030088d7c26a6013111f725e1c9723b701aeed1aa30c808aa59a3b39355f3467";
const Q: &str = "bdaaec357b31b42958bafaa973503aac7eb652ce0291ef406fabd375608f4fd3834c281b9fcddf40c7119b417224a0ea2103e0e00474abb237101bc1272bcc8a015e6c2963c3a3bdbad5435af70b744b3dc2261c1c218f464b67256890d0f769f85d45100ee8fc49d2ac17b447f0fde560cc17af44109b7eef122079dace08d4c6fd153b02710d55";

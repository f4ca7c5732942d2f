//! The longest that is taken, and one more, of everything that has a limit.

use mega_crypto::account::ConfirmationCode;
use mega_crypto::at_rest::{RestKey, Salt};
use mega_crypto::attributes::Attributes;
use mega_crypto::file_attribute::{FileAttributes, decrypt_image, encrypt_image};
use mega_crypto::link::Link;
use mega_crypto::rsa::RsaPublicKey;
use mega_crypto::tlv::{self, Mode, Records};
use mega_crypto::{Error, FolderKey, MasterKey, base64, mpi, obscured, os_rng};

fn too_large<T>(result: Result<T, Error>) -> Option<usize> {
    match result {
        Err(Error::TooLarge { limit, .. }) => Some(limit),
        _ => None,
    }
}

#[test]
fn confirmation_codes_may_have_4096_characters() {
    // 3072 bytes: version 13, token 15, address, tab, name, hash 8.
    let of = |name: usize| {
        let bytes = [
            &b"ConfirmCodeV2"[..],
            &[7; 15],
            b"a@b\t",
            "n".repeat(name).as_bytes(),
            &[9; 8],
        ]
        .concat();
        base64::encode(&bytes)
    };
    let longest = of(3072 - 13 - 15 - 4 - 8);
    assert_eq!(longest.len(), 4096);
    assert_eq!(ConfirmationCode::parse(&longest).unwrap().email(), "a@b");
    for more in [1, 2, 3] {
        let text = longest.clone() + &"A".repeat(more);
        assert_eq!(too_large(ConfirmationCode::parse(&text)), Some(4096));
    }
}

#[test]
fn obscured_passwords_may_have_8192_characters() {
    assert_eq!(too_large(obscured::reveal(&"A".repeat(8192))), None);
    for len in [8193, 8194, 9000] {
        assert_eq!(too_large(obscured::reveal(&"A".repeat(len))), Some(8192));
    }
}

#[test]
fn attributes_may_have_256_kib() {
    const LIMIT: usize = 256 << 10;
    let key = FolderKey::from_bytes([5; 16]).unwrap().attribute_key();
    // What is refused for its length is not decrypted: the error of the others is the wrong key.
    let field = |len: usize| Attributes::decrypt(&key, &vec![0; len]);
    assert!(matches!(field(LIMIT), Err(Error::WrongKey { .. })));
    for len in [LIMIT + 1, LIMIT + 16, LIMIT + 32] {
        assert_eq!(too_large(field(len)), Some(LIMIT), "{len}");
    }
    let text = |len: usize| Attributes::decrypt_text(&key, &"A".repeat(len));
    let longest = base64::encoded_len(LIMIT);
    assert!(matches!(text(longest), Err(Error::WrongKey { .. })));
    for len in [longest + 1, longest + 2, longest + 64] {
        assert_eq!(too_large(text(len)), Some(LIMIT), "{len}");
    }
}

#[test]
fn a_link_has_a_longest_text() {
    let of = |len: usize| {
        let start = "https://mega.nz/file/2c0i0att#";
        Link::parse(&(start.to_owned() + &"A".repeat(len - start.len())))
    };
    let limit = too_large(of(1 << 20)).unwrap();
    assert_eq!(too_large(of(limit)), None);
    for len in [limit + 1, limit + 2] {
        assert_eq!(too_large(of(len)), Some(limit));
    }
}

#[test]
fn images_may_have_16_mib() {
    const LIMIT: usize = 16 << 20;
    let key = FolderKey::from_bytes([5; 16]).unwrap().attribute_key();
    let image = vec![3; LIMIT];
    let sealed = encrypt_image(&key, &image).unwrap();
    assert!(decrypt_image(&key, &sealed).unwrap() == image);
    let larger = vec![3; LIMIT + 16];
    for len in [LIMIT + 1, LIMIT + 16] {
        assert_eq!(too_large(encrypt_image(&key, &larger[..len])), Some(LIMIT));
    }
    assert_eq!(too_large(decrypt_image(&key, &larger)), Some(LIMIT));
}

#[test]
fn containers_of_user_attributes_may_have_16_mib() {
    const LIMIT: usize = 16 << 20;
    let master = MasterKey::from_bytes([3; 16]);
    // Mode, IV of 12 bytes and tag of 16.
    let overhead = 1 + 12 + 16;
    let longest = vec![7; LIMIT + 1 - overhead];
    let seal = |plain: &[u8]| tlv::encrypt_with(plain, &master, Mode::WRITTEN, &[5; 12]);
    let mut container = seal(&longest[..LIMIT - overhead]).unwrap();
    assert_eq!(container.len(), LIMIT);
    assert!(tlv::decrypt(&container, &master).unwrap()[..] == longest[..LIMIT - overhead]);
    assert_eq!(too_large(seal(&longest)), Some(LIMIT));
    container.push(0);
    assert_eq!(too_large(tlv::decrypt(&container, &master)), Some(LIMIT));
}

#[test]
fn records_may_have_16_mib_together() {
    const LIMIT: usize = 16 << 20;
    // A record without a name may be that long; its name ends with a zero, its length has two bytes.
    let of = |len: usize| {
        let mut records = Records::new();
        records.insert("", vec![7; len - 3])?;
        records.to_bytes()
    };
    let mut longest = of(LIMIT).unwrap();
    assert_eq!(longest.len(), LIMIT);
    let read = Records::parse(&longest).unwrap();
    assert_eq!(read.get("").map(<[u8]>::len), Some(LIMIT - 3));
    assert_eq!(too_large(of(LIMIT + 1)), Some(LIMIT));
    longest.push(7);
    assert_eq!(too_large(Records::parse(&longest)), Some(LIMIT));
}

#[test]
fn exponents_of_rsa_keys_may_have_64_bits() {
    let of = |exponent: &[u8]| {
        let bits = exponent.len() as u16 * 8 - exponent[0].leading_zeros() as u16;
        let n = [&1024u16.to_be_bytes()[..], &[0xff; 128]].concat();
        RsaPublicKey::from_bytes(&[&n[..], &bits.to_be_bytes(), exponent].concat())
    };
    let longest = [0xff; 8];
    assert_eq!(of(&longest).unwrap().e(), u64::MAX);
    assert!(of(&[1, 0, 0, 0, 0, 0, 0, 0, 1]).is_err());
}

#[test]
fn numbers_are_written_up_to_8191_bytes() {
    let number: Vec<u8> = (1..=9000u32).map(|i| (i % 251 + 1) as u8).collect();
    for write in [mpi::write, mpi::write_exact] {
        for len in [8190, 8191, 8193, 9000] {
            let mut written = Vec::new();
            write(&number[..len], &mut written);
            let read = mpi::split_first(&written).unwrap();
            // Of a longer one the low bytes.
            assert_eq!(read.magnitude, &number[len.saturating_sub(8191)..len]);
            assert!(read.rest.is_empty());
        }
    }
}

#[test]
fn sealed_pieces_may_have_256_mib() {
    let key = RestKey::derive(
        &MasterKey::from_bytes([3; 16]),
        &Salt::from_bytes([4; 32]),
        b"here",
    );
    // Nothing of it is looked at.
    let larger = vec![0; (256 << 20) + 1];
    let mut out = Vec::new();
    let refused = key.seal(0, &larger, &mut out, &mut os_rng());
    assert_eq!(too_large(refused), Some(256 << 20));
    assert!(out.is_empty());
}

#[test]
fn a_list_of_file_attributes_stays_below_64_kib() {
    // Entries of 13 characters and a separator; types of two digits make up the rest.
    let [wide, narrow] = ["10*AAAAAAAAAAA", "2*AAAAAAAAAAA"].map(|text| {
        let [entry] = *FileAttributes::parse(text).entries() else {
            panic!("{text}");
        };
        entry
    });
    let of = |count: usize| {
        let entries = (0..4681).map(|i| if i < count { wide } else { narrow });
        entries.collect::<FileAttributes>().to_written()
    };
    // 4681 × 14 - 1 and the wide ones.
    assert_eq!(of(2).unwrap().len(), 65_535);
    assert_eq!(too_large(of(3)), Some(65_535));
    assert_eq!(too_large(of(4)), Some(65_535));
}

#[test]
fn tags_may_have_3000_bytes_together() {
    let mut attributes = Attributes::new();
    attributes
        .set_tags(&["a".repeat(1500), "b".repeat(1499)])
        .unwrap();
    assert_eq!(attributes.text("t").unwrap().len(), 3000);
    let longer = attributes.set_tags(&["a".repeat(1500), "b".repeat(1500)]);
    assert_eq!(too_large(longer), Some(3000));
}

/// Growing would leave a copy of the plaintext behind.
#[test]
fn a_sealed_piece_is_written_where_there_is_room_for_it() {
    let key = RestKey::derive(
        &MasterKey::from_bytes([3; 16]),
        &Salt::from_bytes([4; 32]),
        b"here",
    );
    let plain = vec![1; 10_000];
    let mut out = Vec::with_capacity(plain.len() + RestKey::OVERHEAD);
    let place = out.as_ptr();
    key.seal(0, &plain, &mut out, &mut os_rng()).unwrap();
    assert_eq!(out.len(), plain.len() + RestKey::OVERHEAD);
    assert_eq!(out.as_ptr(), place);
}

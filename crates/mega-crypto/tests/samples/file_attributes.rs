use mega_crypto::file_attribute::{
    FileAttribute, FileAttributeHandle, FileAttributeKind, FileAttributes, decrypt_image,
    encrypt_image, fetched_attributes,
};
use mega_crypto::media::{MediaCodecs, MediaInfo};
use mega_crypto::{AttributeKey, FileKey};
use proptest::prelude::*;
use sha2::{Digest, Sha256};

use crate::data::{cases, hex, hex_array, pattern, vectors};
use crate::support::Vector;

fn node_key(vectors: &serde_json::Value) -> FileKey {
    FileKey::from_bytes(hex_array(&vectors["node_key"])).unwrap()
}

#[test]
pub(crate) fn lists_are_read_and_written_as_known() {
    for case in vectors("file_attribute_strings").as_array().unwrap() {
        let text = case.str("fa");
        let list = FileAttributes::parse(text);
        assert_eq!(list.skipped(), 0);
        let expected = case.may_be_empty("attributes");
        assert_eq!(list.entries().len(), expected.len());
        for (entry, expected) in list.entries().iter().zip(expected) {
            assert_eq!(entry.cluster.map(u64::from), expected.opt_u64("cluster"));
            assert_eq!(u64::from(entry.kind.0), expected.u64("type"));
            assert_eq!(entry.handle.to_string(), expected.str("handle_b64"));
        }
        assert_eq!(list.to_string(), text);
    }
}

#[test]
fn what_is_written_has_no_clusters_and_unknown_types_stay() {
    let list = FileAttributes::parse("924:0*TzyTJSIAHYE/924:77*tPwd3geGEoM");
    assert_eq!(list.to_written().unwrap(), "0*TzyTJSIAHYE/77*tPwd3geGEoM");
    assert!(list.find(FileAttributeKind::PREVIEW).is_none());
    assert!(list.find(FileAttributeKind(77)).is_some());
}

#[test]
fn entries_that_make_no_sense_are_left_out_and_counted() {
    let list = FileAttributes::parse(
        "924:0*TzyTJSIAHYE/x/1:2/1:-1*TzyTJSIAHYE/1:0*Tzy//:1*TzyTJSIAHYE/+1:1*TzyTJSIAHYE",
    );
    assert_eq!((list.entries().len(), list.skipped()), (1, 7));
    assert_eq!(
        FileAttributes::parse(&"0*TzyTJSIAHYE/".repeat(5000))
            .entries()
            .len(),
        0
    );
    let many: FileAttributes =
        [FileAttribute::new(FileAttributeKind(8), FileAttributeHandle([0; 8])); 6000]
            .into_iter()
            .collect();
    assert!(many.to_written().is_err());
}

#[test]
pub(crate) fn images_encrypt_to_the_known_bytes_and_back() {
    let data = vectors("file_attribute_data");
    let key = node_key(data).attribute_key();
    for case in cases(data) {
        let image = pattern(1000, case.u64("length") as usize);
        assert_eq!(
            Sha256::digest(&image).to_vec(),
            hex(&case["plaintext_sha256"])
        );
        let encrypted = encrypt_image(&key, &image).unwrap();
        assert_eq!(encrypted.len() as u64, case.u64("ciphertext_length"));
        assert_eq!(
            Sha256::digest(&encrypted).to_vec(),
            hex(&case["ciphertext_sha256"])
        );
        assert!(encrypted.starts_with(&case.hex("ciphertext_first_16")));
        assert!(encrypted.ends_with(&case.hex("ciphertext_last_16")));
        let decrypted = decrypt_image(&key, &encrypted).unwrap();
        assert!(decrypted.starts_with(&image));
        assert!(decrypted[image.len()..].iter().all(|byte| *byte == 0));
    }
    assert!(decrypt_image(&key, &[0; 17]).is_err());
    assert!(encrypt_image(&key, &vec![0; (16 << 20) + 1]).is_err());
    assert!(decrypt_image(&key, &vec![0; (16 << 20) + 16]).is_err());
}

#[test]
fn answers_are_cut_into_records_and_a_broken_end_is_an_error() {
    let mut body = Vec::new();
    for (handle, len) in [(1u8, 16u32), (2, 5), (3, 0), (4, 32)] {
        body.extend_from_slice(&[handle; 8]);
        body.extend_from_slice(&len.to_le_bytes());
        body.extend(vec![handle; len as usize]);
    }
    let found: Vec<_> = fetched_attributes(&body)
        .map(|record| record.unwrap())
        .collect();
    assert_eq!(
        found
            .iter()
            .map(|record| record.handle.0[0])
            .collect::<Vec<_>>(),
        [1, 3, 4]
    );
    assert_eq!(found[2].ciphertext, [4; 32]);
    for end in body.len() - 43..body.len() {
        let last = fetched_attributes(&body[..end]).last().unwrap();
        assert!(last.is_err(), "{end}");
    }
    let huge = [[0xff; 8].as_slice(), &[0xff; 4], &[0; 64]].concat();
    assert_eq!(fetched_attributes(&huge).count(), 1);
}

/// XXTEA backwards, written down once more: the data of a media attribute (crypto-and-accounts 9.4).
fn unpacked(handle: FileAttributeHandle, key: &FileKey) -> [u8; 8] {
    let quarters = key.expose_secret()[16..].as_chunks::<4>().0.iter();
    let key: Vec<u32> = quarters.map(|word| u32::from_be_bytes(*word)).collect();
    let mut words = [0, 4].map(|at| u32::from_le_bytes(handle.0[at..at + 4].try_into().unwrap()));
    xxtea_decrypt(&mut words, key.try_into().unwrap());
    let [[a, b, c, d], [e, f, g, h]] = words.map(u32::to_le_bytes);
    [a, b, c, d, e, f, g, h]
}

fn xxtea_decrypt(words: &mut [u32], key: [u32; 4]) {
    let n = words.len();
    for round in (1..=6 + 52 / n as u32).rev() {
        let sum = 0x9e37_79b9_u32.wrapping_mul(round);
        for p in (0..n).rev() {
            let (y, z) = (words[(p + 1) % n], words[(p + n - 1) % n]);
            let k = key[(p as u32 & 3 ^ sum >> 2 & 3) as usize];
            let mixed = ((z >> 5) ^ (y << 2)).wrapping_add((y >> 3) ^ (z << 4));
            words[p] = words[p].wrapping_sub(mixed ^ (sum ^ y).wrapping_add(k ^ z));
        }
    }
}

/// What the other tests decrypt with is right.
#[test]
pub(crate) fn the_xxtea_of_this_test_is_the_official_clients() {
    for case in cases(&vectors("from_public_test_suites")["xxtea"]) {
        let words = |name: &str| -> Vec<u32> {
            let words = case.numbers(name).into_iter();
            words.map(|word| u32::try_from(word).unwrap()).collect()
        };
        let mut data = words("cipher_words");
        xxtea_decrypt(&mut data, words("key_words").try_into().unwrap());
        assert_eq!(data, words("plain_words"));
    }
}

#[test]
pub(crate) fn media_data_encrypts_to_the_known_text_and_back() {
    let media = vectors("media_attributes");
    let key = node_key(media);
    for case in cases(media) {
        let number = |name: &str| u32::try_from(case.u64(name)).unwrap();
        let info = MediaInfo {
            width: number("width"),
            height: number("height"),
            fps: number("fps"),
            playtime: number("playtime"),
            short_format: number("short_format") as u8,
        };
        let mut list = vec![info.encrypt(&key)];
        let packed = |attribute: FileAttribute| unpacked(attribute.handle, &key).to_vec();
        assert_eq!(packed(list[0]), case.hex("packed8"));
        let has_codecs = case.is_present("container_id");
        for name in ["video_codec_id", "audio_codec_id", "packed9"] {
            assert_eq!(case.is_present(name), has_codecs);
        }
        if has_codecs {
            let codecs = MediaCodecs {
                container: number("container_id") as u8,
                video: number("video_codec_id") as u16,
                audio: number("audio_codec_id") as u16,
            };
            list.push(codecs.encrypt(&key));
            assert_eq!(MediaCodecs::decrypt(list[1].handle, &key), codecs);
            assert_eq!(packed(list[1]), case.hex("packed9"));
        }
        let list: FileAttributes = list.into_iter().collect();
        assert_eq!(list.to_written().unwrap(), case.str("fa_text"));
        let decoded = &case["decoded"];
        let back = MediaInfo::decrypt(list.entries()[0].handle, &key);
        let expected = |name: &str| u32::try_from(decoded.u64(name)).unwrap();
        assert_eq!(
            [back.width, back.height, back.fps, back.playtime],
            [
                expected("width"),
                expected("height"),
                expected("fps"),
                expected("playtime")
            ]
        );
        assert_eq!(u64::from(back.short_format), decoded.u64("short_format"));
        assert_eq!(back.short_format, info.short_format);
        assert_eq!(back, info.rounded());
    }
}

proptest! {
    #[test]
    fn media_data_survives_in_its_coarse_form(
        width: u32, height: u32, fps: u32, playtime: u32, short_format: u8, mut key: [u8; 32],
    ) {
        key[0] ^= u8::from(key[..16] == key[16..]);
        let key = FileKey::from_bytes(key).unwrap();
        let info = MediaInfo { width, height, fps, playtime, short_format };
        let back = MediaInfo::decrypt(info.encrypt(&key).handle, &key);
        prop_assert_eq!(back, info.rounded());
        prop_assert_eq!(back.rounded(), back);
    }

    #[test]
    fn small_values_of_media_data_are_exact(
        width in 0u32..16384, height in 0u32..16384, fps in 0u32..128, playtime in 0u32..131_072, short_format: u8,
    ) {
        let info = MediaInfo { width, height, fps, playtime, short_format };
        prop_assert_eq!(info.rounded(), info);
    }

    #[test]
    fn images_of_any_length_come_back(image in proptest::collection::vec(any::<u8>(), 0..200), key: [u8; 16]) {
        let key = AttributeKey::from_bytes(key);
        let encrypted = encrypt_image(&key, &image).unwrap();
        prop_assert!(decrypt_image(&key, &encrypted).unwrap().starts_with(&image));
    }

    #[test]
    fn any_text_is_a_list(text in "[0-9:*/A-Za-z_-]{0,80}") {
        let list = FileAttributes::parse(&text);
        let again = FileAttributes::parse(&list.to_string());
        prop_assert_eq!(again.entries(), list.entries());
    }
}

use mega_crypto::file_attribute::{
    FileAttribute, FileAttributeHandle, FileAttributeKind, FileAttributes, decrypt_image,
    encrypt_image, fetched_attributes,
};
use mega_crypto::media::{MediaCodecs, MediaInfo};
use mega_crypto::{AttributeKey, FileKey};
use proptest::prelude::*;
use sha2::{Digest, Sha256};

use crate::data::{cases, hex, hex_array, pattern, vectors};

fn node_key(vectors: &serde_json::Value) -> FileKey {
    FileKey::from_bytes(hex_array(&vectors["node_key"])).unwrap()
}

#[test]
fn lists_are_read_and_written_as_known() {
    for case in vectors("file_attribute_strings").as_array().unwrap() {
        let text = case["fa"].as_str().unwrap();
        let list = FileAttributes::parse(text);
        assert_eq!(list.skipped(), 0);
        let expected = case["attributes"].as_array().unwrap();
        assert_eq!(list.entries().len(), expected.len());
        for (entry, expected) in list.entries().iter().zip(expected) {
            assert_eq!(entry.cluster.map(u64::from), expected["cluster"].as_u64());
            assert_eq!(u64::from(entry.kind.0), expected["type"].as_u64().unwrap());
            assert_eq!(
                entry.handle.to_string(),
                expected["handle_b64"].as_str().unwrap()
            );
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
fn images_encrypt_to_the_known_bytes_and_back() {
    let data = vectors("file_attribute_data");
    let key = node_key(&data).attribute_key();
    for case in cases(&data) {
        let image = pattern(1000, case["length"].as_u64().unwrap() as usize);
        assert_eq!(
            Sha256::digest(&image).to_vec(),
            hex(&case["plaintext_sha256"])
        );
        let encrypted = encrypt_image(&key, &image).unwrap();
        assert_eq!(
            encrypted.len() as u64,
            case["ciphertext_length"].as_u64().unwrap()
        );
        assert_eq!(
            Sha256::digest(&encrypted).to_vec(),
            hex(&case["ciphertext_sha256"])
        );
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

#[test]
fn media_data_encrypts_to_the_known_text_and_back() {
    let media = vectors("media_attributes");
    let key = node_key(&media);
    for case in cases(&media) {
        let number = |name: &str| case[name].as_u64().unwrap() as u32;
        let info = MediaInfo {
            width: number("width"),
            height: number("height"),
            fps: number("fps"),
            playtime: number("playtime"),
            short_format: number("short_format") as u8,
        };
        let mut list = vec![info.encrypt(&key)];
        if !case["container_id"].is_null() {
            let codecs = MediaCodecs {
                container: number("container_id") as u8,
                video: number("video_codec_id") as u16,
                audio: number("audio_codec_id") as u16,
            };
            list.push(codecs.encrypt(&key));
            assert_eq!(MediaCodecs::decrypt(list[1].handle, &key), codecs);
        }
        let list: FileAttributes = list.into_iter().collect();
        assert_eq!(
            list.to_written().unwrap(),
            case["fa_text"].as_str().unwrap()
        );
        let decoded = &case["decoded"];
        let back = MediaInfo::decrypt(list.entries()[0].handle, &key);
        let expected = |name: &str| decoded[name].as_u64().unwrap() as u32;
        assert_eq!(
            [back.width, back.height, back.fps, back.playtime],
            [
                expected("width"),
                expected("height"),
                expected("fps"),
                expected("playtime")
            ]
        );
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

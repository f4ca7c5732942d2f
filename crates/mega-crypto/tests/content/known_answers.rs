use mega_crypto::content::{
    self, ChunkMac, CondensedMac, ContentCipher, ContentVerifier, EmptyFileMac, MacMatch,
    MacPolicy, MetaMac, StreamDecryptor, StreamEncryptor, UploadChecksum,
};
use mega_crypto::{FileKey, KeyCipher};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::data::{cases, ciphers, hex, hex_array, key_of, pattern, vectors};
use crate::support::{Vector, look};

/// The bytes of all test files.
#[test]
pub(crate) fn the_pattern_is_the_known_one() {
    let vector = vectors("pattern");
    let [a, b, c, d] = ["a", "b", "c", "d"].map(|name| vector.u64(name));
    for i in [0, 1, 255, 256, 65535, 65536, 70_000, 1 << 24, 5_368_709_120] {
        let byte = (a * i + b * (i / 256) + c * (i / 65536) + d) % 256;
        assert_eq!(pattern(i, 1), [byte as u8], "{i}");
    }
    assert_eq!(pattern(0, 32), vector.hex("first_32"));
    assert_eq!(pattern(65536, 16), vector.hex("at_65536_16"));
    assert_eq!(pattern(5_368_709_120, 16), vector.hex("at_5368709120_16"));
    let hash = Sha256::digest(pattern(0, 1 << 20));
    assert_eq!(hash[..], vector.hex("sha256_of_first_1048576"));
}

#[test]
pub(crate) fn chunks_lie_where_the_vectors_say() {
    let borders = vectors("chunk_boundaries");
    for case in cases(borders) {
        let size = case.u64("size");
        assert_eq!(content::chunk_count(size), case.u64("count"), "{size}");
        let expected = look(&case["first"]).as_array().unwrap();
        let pair = |chunk: content::Chunk| (chunk.offset, u64::from(chunk.len));
        for (chunk, expected) in content::chunks(size).zip(expected) {
            assert_eq!(
                pair(chunk),
                (expected[0].as_u64().unwrap(), expected[1].as_u64().unwrap()),
                "{size}"
            );
        }
        let last = size.checked_sub(1).map(|position| {
            let chunk = content::chunk_at(position);
            (chunk.offset, u64::from(chunk.len).min(size - chunk.offset))
        });
        let expected = look(&case["last"])
            .as_array()
            .map(|last| (last[0].as_u64().unwrap(), last[1].as_u64().unwrap()));
        assert_eq!(last, expected, "{size}");
    }
    for case in cases(&vectors("from_public_test_suites")["chunk_boundaries"]) {
        let chunks: Vec<[u64; 2]> = content::chunks(case.u64("size"))
            .map(|chunk| [chunk.offset, chunk.len.into()])
            .collect();
        let expected: Vec<[u64; 2]> =
            serde_json::from_value(look(&case["chunks"]).clone()).unwrap();
        assert_eq!(chunks, expected);
    }
}

#[test]
pub(crate) fn content_encrypts_to_the_known_ciphertext_and_macs() {
    for case in cases(vectors("file_content")) {
        for cipher in ciphers(&key_of(case)) {
            encrypts_to_the_known(case, &cipher);
        }
    }
}

fn encrypts_to_the_known(case: &Value, cipher: &ContentCipher) {
    let size = case.u64("size");
    let plain = pattern(0, size as usize);
    assert_eq!(
        Sha256::digest(&plain).to_vec(),
        hex(&case["plaintext_sha256"]),
        "{size}"
    );
    let mut data = plain.clone();
    let macs = cipher.encrypt_chunks(0, &mut data).unwrap();
    assert_eq!(
        Sha256::digest(&data).to_vec(),
        hex(&case["ciphertext_sha256"]),
        "{size}"
    );
    let expected: Vec<ChunkMac> = case
        .may_be_empty("chunk_macs")
        .iter()
        .map(|mac| ChunkMac(hex_array(mac)))
        .collect();
    assert_eq!(macs.as_slice(), expected, "{size}");
    assert_eq!(cipher.mac_chunks(0, &plain).unwrap(), macs);

    assert!(data.starts_with(&case.hex("ciphertext_first_64")));
    assert!(data.ends_with(&case.hex("ciphertext_last_16")));
    assert_eq!(case.hex("ciphertext_first_64").len(), data.len().min(64));
    assert_eq!(case.hex("ciphertext_last_16").len(), data.len().min(16));

    // The chain over the chunk MACs, and its fold, written down once more (crypto-and-accounts 6.3).
    let chain = KeyCipher::new(&case.array("aes_key"));
    let file_mac = expected.iter().fold([0; 16], |state, ChunkMac(mac)| {
        chain.encrypt_block(std::array::from_fn(|i| state[i] ^ mac[i]))
    });
    assert_eq!(file_mac[..], case.hex("file_mac"), "{size}");
    let folded: Vec<u8> = (0..8)
        .map(|i| i / 4 * 8 + i % 4)
        .map(|i| file_mac[i] ^ file_mac[i + 4])
        .collect();
    assert_eq!(folded, case.hex("meta_mac"), "{size}");

    let mut condensed = CondensedMac::new();
    condensed.insert_all(&macs).unwrap();
    let meta_mac = MetaMac(hex_array(&case["meta_mac"]));
    assert_eq!(condensed.finish(cipher, size).unwrap(), meta_mac, "{size}");
    let matched = condensed
        .verify(cipher, size, &meta_mac, MacPolicy::Strict)
        .unwrap();
    let node_key = FileKey::new(&key_of(case), meta_mac).unwrap();
    assert_eq!(node_key.expose_secret()[..], case.hex("node_key"), "{size}");
    assert_eq!(case.b64("node_key_b64"), case.hex("node_key"));
    let exact = if size == 0 {
        MacMatch::Empty(EmptyFileMac::Zero)
    } else {
        MacMatch::Exact
    };
    assert_eq!(matched, exact);

    for part in case.may_be_empty("middle") {
        let mut bytes = hex(&part["ciphertext"]);
        cipher.apply_keystream(part.u64("offset"), &mut bytes);
        assert_eq!(bytes, hex(&part["plaintext"]), "{size}");
    }
    for request in case.list("upload_checksums_per_chunk") {
        let start = request.u64("offset") as usize;
        let body = &data[start..start + request.u64("length") as usize];
        assert_eq!(
            UploadChecksum::of(body).to_bytes(),
            crate::data::base64_array(&request["d_b64"])
        );
    }
    assert_eq!(cipher.decrypt_chunks(0, &mut data).unwrap(), macs);
    assert_eq!(data, plain);
}

#[test]
pub(crate) fn offsets_beyond_4_gib_and_64_gib_have_the_known_keystream() {
    let large = &vectors("file_content")["large_offsets"];
    for cipher in ciphers(&key_of(large)) {
        for case in cases(large) {
            let mut bytes = hex(&case["plaintext"]);
            cipher.apply_keystream(case.u64("offset"), &mut bytes);
            assert_eq!(bytes, hex(&case["ciphertext"]));
        }
    }
}

#[test]
pub(crate) fn a_stream_agrees_with_a_vector_of_another_client() {
    let case = &vectors("from_public_test_suites")["file_encryption"];
    let key = key_of(case);
    assert_eq!(case.str("content"), "byte i is i mod 255");
    let mut data: Vec<u8> = (0..case.u64("size")).map(|i| (i % 255) as u8).collect();
    let mut verifier = ContentVerifier::new(&key, data.len() as u64);
    verifier.update(&data).unwrap();
    let mut stream = StreamEncryptor::new(ContentCipher::new(&key));
    stream.update(&mut data).unwrap();
    let end = stream.finish().unwrap();
    let node_key = FileKey::new(&key, end.meta_mac).unwrap();
    assert_eq!(node_key.expose_secret()[..], hex(&case["node_key"]));
    assert_eq!(
        sha1::Sha1::digest(&data).to_vec(),
        hex(&case["ciphertext_sha1"])
    );
    assert_eq!(
        verifier.finish(&end.meta_mac, MacPolicy::Strict).unwrap(),
        MacMatch::Exact
    );
    let mut back = StreamDecryptor::new(ContentCipher::new(&key));
    back.update(&mut data).unwrap();
    assert_eq!(
        back.finish(&end.meta_mac, MacPolicy::Strict).unwrap(),
        MacMatch::Exact
    );
    assert_eq!(data[254..258], [254, 0, 1, 2]);
}

/// DL-6 of the threat model.
#[test]
pub(crate) fn chains_with_gaps_are_accepted_only_when_asked_for_and_the_gaps_are_named() {
    let gaps = vectors("mac_gaps");
    let key = key_of(gaps);
    let cipher = ContentCipher::new(&key);
    let size = gaps.u64("size");
    assert_eq!(content::chunk_count(size), gaps.u64("chunk_count"));
    let mut macs = CondensedMac::new();
    macs.insert_all(&cipher.mac_chunks(0, &pattern(0, size as usize)).unwrap())
        .unwrap();
    for case in cases(gaps) {
        let expected = MetaMac(hex_array(&case["meta_mac"]));
        let missing: Vec<u64> = case.numbers("missing_chunks");
        let strict = macs.verify(&cipher, size, &expected, MacPolicy::Strict);
        let tolerant = macs.verify(&cipher, size, &expected, MacPolicy::TolerateLegacyGaps);
        if missing.is_empty() {
            assert!(case.bool("accepted_by_sdk"));
            assert_eq!(
                (strict.unwrap(), tolerant.unwrap()),
                (MacMatch::Exact, MacMatch::Exact)
            );
            continue;
        }
        assert_eq!(strict.unwrap_err(), content::MacError::Mismatch);
        if !case.bool("accepted_by_sdk") {
            assert_eq!(tolerant.unwrap_err(), content::MacError::Mismatch);
            continue;
        }
        let MacMatch::Gaps(ranges) = tolerant.unwrap() else {
            panic!("{missing:?}")
        };
        let named: Vec<u64> = content::chunks(size)
            .filter(|chunk| ranges.iter().any(|range| range.contains(&chunk.offset)))
            .map(|chunk| chunk.index)
            .collect();
        assert_eq!(named, missing);
    }
}

/// DL-7 and DL-8 of the threat model.
#[test]
pub(crate) fn the_extra_empty_chunk_of_another_client_is_recognised() {
    for case in cases(vectors("mac_variants")) {
        let size = case.u64("size");
        let cipher = ContentCipher::new(&key_of(case));
        let mut macs = CondensedMac::new();
        macs.insert_all(&cipher.mac_chunks(0, &pattern(0, size as usize)).unwrap())
            .unwrap();
        let correct = MetaMac(hex_array(&case["correct_meta_mac"]));
        assert_eq!(macs.finish(&cipher, size).unwrap(), correct);
        let extra = MetaMac(hex_array(&case["extra_empty_chunk_meta_mac"]));
        let matched = macs
            .verify(&cipher, size, &extra, MacPolicy::Strict)
            .unwrap();
        let expected = if size == 0 {
            MacMatch::Empty(EmptyFileMac::EmptyChunk)
        } else {
            MacMatch::ExtraEmptyChunk
        };
        assert_eq!(matched, expected);
    }
}

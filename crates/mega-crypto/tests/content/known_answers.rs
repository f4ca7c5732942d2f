use mega_crypto::content::{
    self, ChunkMac, CondensedMac, ContentCipher, ContentVerifier, EmptyFileMac, MacMatch,
    MacPolicy, MetaMac, StreamDecryptor, StreamEncryptor, UploadChecksum,
};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::data::{cases, ciphers, hex, hex_array, key_of, pattern, vectors};

#[test]
fn chunks_lie_where_the_vectors_say() {
    let borders = vectors("chunk_boundaries");
    for case in cases(&borders) {
        let size = case["size"].as_u64().unwrap();
        assert_eq!(
            content::chunk_count(size),
            case["count"].as_u64().unwrap(),
            "{size}"
        );
        let expected = case["first"].as_array().unwrap();
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
        let expected = case["last"]
            .as_array()
            .map(|last| (last[0].as_u64().unwrap(), last[1].as_u64().unwrap()));
        assert_eq!(last, expected, "{size}");
    }
    for case in cases(&vectors("from_public_test_suites")["chunk_boundaries"]) {
        let chunks: Vec<[u64; 2]> = content::chunks(case["size"].as_u64().unwrap())
            .map(|chunk| [chunk.offset, chunk.len.into()])
            .collect();
        let expected: Vec<[u64; 2]> = serde_json::from_value(case["chunks"].clone()).unwrap();
        assert_eq!(chunks, expected);
    }
}

#[test]
fn content_encrypts_to_the_known_ciphertext_and_macs() {
    for case in cases(&vectors("file_content")) {
        for cipher in ciphers(&key_of(case)) {
            encrypts_to_the_known(case, &cipher);
        }
    }
}

fn encrypts_to_the_known(case: &Value, cipher: &ContentCipher) {
    let size = case["size"].as_u64().unwrap();
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
    let expected: Vec<ChunkMac> = case["chunk_macs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|mac| ChunkMac(hex_array(mac)))
        .collect();
    assert_eq!(macs.as_slice(), expected, "{size}");
    assert_eq!(cipher.mac_chunks(0, &plain).unwrap(), macs);

    let mut condensed = CondensedMac::new();
    condensed.insert_all(&macs).unwrap();
    let meta_mac = MetaMac(hex_array(&case["meta_mac"]));
    assert_eq!(condensed.finish(cipher, size).unwrap(), meta_mac, "{size}");
    let matched = condensed
        .verify(cipher, size, &meta_mac, MacPolicy::Strict)
        .unwrap();
    let exact = if size == 0 {
        MacMatch::Empty(EmptyFileMac::Zero)
    } else {
        MacMatch::Exact
    };
    assert_eq!(matched, exact);

    for part in case["middle"].as_array().unwrap() {
        let mut bytes = hex(&part["ciphertext"]);
        cipher.apply_keystream(part["offset"].as_u64().unwrap(), &mut bytes);
        assert_eq!(bytes, hex(&part["plaintext"]), "{size}");
    }
    for request in case["upload_checksums_per_chunk"].as_array().unwrap() {
        let start = request["offset"].as_u64().unwrap() as usize;
        let body = &data[start..start + request["length"].as_u64().unwrap() as usize];
        assert_eq!(
            UploadChecksum::of(body).to_bytes(),
            crate::data::base64_array(&request["d_b64"])
        );
    }
    assert_eq!(cipher.decrypt_chunks(0, &mut data).unwrap(), macs);
    assert_eq!(data, plain);
}

#[test]
fn offsets_beyond_4_gib_and_64_gib_have_the_known_keystream() {
    let large = vectors("file_content")["large_offsets"].take();
    for cipher in ciphers(&key_of(&large)) {
        for case in cases(&large) {
            let mut bytes = hex(&case["plaintext"]);
            cipher.apply_keystream(case["offset"].as_u64().unwrap(), &mut bytes);
            assert_eq!(bytes, hex(&case["ciphertext"]));
        }
    }
}

#[test]
fn a_stream_agrees_with_a_vector_of_another_client() {
    let case = vectors("from_public_test_suites")["file_encryption"].take();
    let key = key_of(&case);
    let mut data: Vec<u8> = (0..case["size"].as_u64().unwrap())
        .map(|i| (i % 255) as u8)
        .collect();
    let mut verifier = ContentVerifier::new(&key, data.len() as u64);
    verifier.update(&data).unwrap();
    let mut stream = StreamEncryptor::new(ContentCipher::new(&key));
    stream.update(&mut data).unwrap();
    let end = stream.finish().unwrap();
    assert_eq!(end.meta_mac.0.to_vec(), hex(&case["node_key"])[24..]);
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
fn chains_with_gaps_are_accepted_only_when_asked_for_and_the_gaps_are_named() {
    let gaps = vectors("mac_gaps");
    let key = key_of(&gaps);
    let cipher = ContentCipher::new(&key);
    let size = gaps["size"].as_u64().unwrap();
    let mut macs = CondensedMac::new();
    macs.insert_all(&cipher.mac_chunks(0, &pattern(0, size as usize)).unwrap())
        .unwrap();
    for case in cases(&gaps) {
        let expected = MetaMac(hex_array(&case["meta_mac"]));
        let missing: Vec<u64> = serde_json::from_value(case["missing_chunks"].clone()).unwrap();
        let strict = macs.verify(&cipher, size, &expected, MacPolicy::Strict);
        let tolerant = macs.verify(&cipher, size, &expected, MacPolicy::TolerateLegacyGaps);
        if missing.is_empty() {
            assert_eq!(
                (strict.unwrap(), tolerant.unwrap()),
                (MacMatch::Exact, MacMatch::Exact)
            );
            continue;
        }
        assert_eq!(strict.unwrap_err(), content::MacError::Mismatch);
        if !case["accepted_by_sdk"].as_bool().unwrap() {
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
fn the_extra_empty_chunk_of_another_client_is_recognised() {
    for case in cases(&vectors("mac_variants")) {
        let size = case["size"].as_u64().unwrap();
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

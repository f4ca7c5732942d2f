use mega_crypto::content::{
    self, ChunkMacs, CondensedMac, ContentCipher, ContentKey, ContentVerifier, MacMatch, MacPolicy,
    PartialChunkMac, StreamDecryptor, StreamEncryptor, UploadChecksum, WindowStream,
};
use proptest::prelude::*;

use crate::data::{ciphers, pattern};
use crate::plain::Plain;

/// Sizes around every border there is: of blocks, batches, tiles and chunks.
fn sizes() -> impl Strategy<Value = usize> {
    prop_oneof![
        0usize..200,
        (1usize..8, 0usize..40).prop_map(|(n, d)| n * (n + 1) / 2 * 131_072 + d - 20),
        (0usize..3, 0usize..40).prop_map(|(n, d)| (n << 20) + 4_718_592 + d - 20),
        0usize..1_500_000,
    ]
}

fn keys() -> impl Strategy<Value = ContentKey> {
    any::<([u8; 16], [u8; 8])>().prop_map(|(aes, nonce)| ContentKey::new(aes, nonce))
}

/// Cuts a buffer at every length in turn, over and over.
fn pieces<'a>(mut rest: &'a mut [u8], cuts: &[usize]) -> Vec<&'a mut [u8]> {
    let mut pieces = Vec::new();
    for cut in cuts.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (piece, tail) = rest.split_at_mut((*cut).min(rest.len()));
        pieces.push(piece);
        rest = tail;
    }
    pieces
}

fn cuts() -> impl Strategy<Value = Vec<usize>> {
    proptest::collection::vec(
        prop_oneof![1usize..40, 1000usize..300_000, 1usize..3_000_000],
        1..8,
    )
}

fn condensed(macs: &ChunkMacs) -> CondensedMac {
    let mut condensed = CondensedMac::new();
    condensed.insert_all(macs).unwrap();
    condensed
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn the_engine_agrees_with_a_plain_one_at_every_width(key in keys(), size in sizes(), seed: u8) {
        let plain = pattern(u64::from(seed), size);
        let oracle = Plain::new(&key);
        let (ciphertext, macs) = oracle.encrypt(0, &plain);
        let widths = [1, 2, 3, 4, 5, 8, 11, 16];
        let all = ciphers(&key).into_iter().flat_map(|cipher| widths.map(|width| (cipher.clone(), width)));
        for (cipher, width) in all {
            let cipher = cipher.chains(width);
            let mut data = plain.clone();
            let found = cipher.encrypt_chunks(0, &mut data).unwrap();
            prop_assert!(data == ciphertext, "width {}", width);
            prop_assert_eq!(found.as_slice(), &macs[..]);
            prop_assert_eq!(&cipher.mac_chunks(0, &plain).unwrap(), &found);
            prop_assert_eq!(&cipher.decrypt_chunks(0, &mut data).unwrap(), &found);
            prop_assert!(data == plain, "width {}", width);
        }
    }

    #[test]
    fn windows_at_any_chunk_border_are_the_same_as_the_whole(key in keys(), size in sizes(), max in 0u64..6_000_000) {
        let cipher = ContentCipher::new(&key);
        let plain = pattern(0, size);
        let mut whole = plain.clone();
        let macs = condensed(&cipher.encrypt_chunks(0, &mut whole).unwrap());
        let mut parts = plain;
        let mut found = CondensedMac::new();
        let windows: Vec<_> = content::windows(size as u64, max).collect();
        // Backwards: the order must not count.
        for window in windows.iter().rev() {
            let range = window.offset as usize..(window.offset + window.len) as usize;
            let macs = cipher.encrypt_chunks(window.offset, &mut parts[range.clone()]).unwrap();
            prop_assert_eq!(macs.len() as u64, window.chunk_count);
            prop_assert_eq!(macs.first_index(), window.first_chunk);
            prop_assert!(window.len <= max || window.chunk_count == 1);
            found.insert_all(&macs).unwrap();
        }
        prop_assert!(parts == whole);
        prop_assert_eq!(found.finish(&cipher, size as u64).unwrap(), macs.finish(&cipher, size as u64).unwrap());
        prop_assert_eq!(windows.iter().map(|window| window.len).sum::<u64>(), size as u64);
    }

    #[test]
    fn streams_in_any_pieces_are_the_same_as_one_shot(key in keys(), size in sizes(), cuts in cuts()) {
        let cipher = ContentCipher::new(&key);
        let plain = pattern(0, size);
        let mut whole = plain.clone();
        let meta_mac = condensed(&cipher.encrypt_chunks(0, &mut whole).unwrap()).finish(&cipher, size as u64).unwrap();

        let mut data = plain.clone();
        let mut stream = StreamEncryptor::new(cipher.clone());
        for piece in pieces(&mut data, &cuts) {
            stream.update(piece).unwrap();
        }
        let end = stream.finish().unwrap();
        prop_assert!(data == whole);
        prop_assert_eq!((end.size, end.meta_mac), (size as u64, meta_mac));

        let mut stream = StreamDecryptor::new(cipher.clone());
        for piece in pieces(&mut data, &cuts) {
            stream.update(piece).unwrap();
        }
        prop_assert!(data == plain);
        prop_assert_eq!(stream.position(), size as u64);
        stream.finish(&meta_mac, MacPolicy::Strict).unwrap();

        let mut verifier = ContentVerifier::new(&key, size as u64);
        for piece in pieces(&mut data, &cuts) {
            verifier.update(piece).unwrap();
        }
        verifier.finish(&meta_mac, MacPolicy::Strict).unwrap();
    }

    #[test]
    fn window_streams_in_any_pieces_are_the_same_as_one_shot(
        key in keys(), size in sizes(), cuts in cuts(), max in 0usize..5_000_000, decrypt: bool,
    ) {
        let cipher = ContentCipher::new(&key);
        let mut source = pattern(0, size);
        let mut whole = source.clone();
        let macs = if decrypt { cipher.decrypt_chunks(0, &mut whole) } else { cipher.encrypt_chunks(0, &mut whole) };
        let expected = condensed(&macs.unwrap()).finish(&cipher, size as u64).unwrap();
        let stream = if decrypt { WindowStream::decrypt(cipher.clone()) } else { WindowStream::encrypt(cipher.clone()) };
        let mut stream = stream.max_len(max);
        let mut out = Vec::new();
        let mut found = CondensedMac::new();
        let mut take = |window: content::FilledWindow, stream: &mut WindowStream| {
            assert_eq!(window.offset, out.len() as u64);
            assert!(window.data.len() <= WindowStream::MAX_LEN);
            out.extend_from_slice(&window.data);
            found.insert_all(&window.macs).unwrap();
            stream.recycle(window.data);
        };
        for piece in pieces(&mut source, &cuts) {
            let mut piece = &piece[..];
            while !piece.is_empty() {
                let taken = stream.push(piece);
                piece = &piece[taken..];
                if let Some(window) = stream.take_filled() {
                    take(window, &mut stream);
                }
            }
        }
        prop_assert_eq!(stream.position(), size as u64);
        if let Some(window) = stream.take_last() {
            take(window, &mut stream);
        }
        prop_assert!(out == whole);
        prop_assert_eq!(found.finish(&cipher, size as u64).unwrap(), expected);
    }

    #[test]
    fn ranges_at_any_offset_decrypt_to_what_lies_there(
        key in keys(),
        offset in prop_oneof![0u64..3000, (1u64 << 36) - 100..(1 << 36) + 100, any::<u64>()],
        len in prop_oneof![0usize..100, 0usize..20_000],
    ) {
        let mut data = pattern(offset, len);
        ContentCipher::new(&key).apply_keystream(offset, &mut data);
        let oracle = Plain::new(&key);
        for (i, (found, plain)) in data.iter().zip(pattern(offset, len)).enumerate() {
            let position = u128::from(offset) + i as u128;
            let stream = oracle.keystream((position / 16) as u64)[(position % 16) as usize];
            prop_assert_eq!(*found, plain ^ stream);
        }
    }

    #[test]
    fn a_chunk_mac_goes_on_from_its_state_at_any_block(key in keys(), size in 0usize..200_000, at in 0usize..13_000) {
        let cipher = ContentCipher::new(&key);
        let plain = pattern(0, size.min(131_072));
        let (front, back) = plain.split_at((at * 16).min(plain.len()));
        let mut first = PartialChunkMac::new(&cipher);
        first.update(&cipher, front);
        let mut second = match first.state() {
            Some(state) => PartialChunkMac::resume(state),
            None => first,
        };
        for piece in back.chunks(1001) {
            second.update(&cipher, piece);
        }
        let expected = cipher.mac_chunks(0, &plain).unwrap();
        if let [mac] = expected.as_slice() {
            prop_assert_eq!(second.finish(&cipher), *mac);
        }
    }

    #[test]
    fn the_upload_checksum_of_any_pieces_is_the_xor_of_every_twelfth_byte(
        body in proptest::collection::vec(any::<u8>(), 0..3000), cuts in proptest::collection::vec(1usize..200, 1..9),
    ) {
        let mut expected = [0; 12];
        for (i, byte) in body.iter().enumerate() {
            expected[i % 12] ^= byte;
        }
        prop_assert_eq!(UploadChecksum::of(&body).to_bytes(), expected);
        let mut checksum = UploadChecksum::new();
        let mut copy = body.clone();
        for piece in pieces(&mut copy, &cuts) {
            checksum.update(piece);
        }
        prop_assert_eq!(checksum.to_bytes(), expected);
    }

    #[test]
    fn every_byte_lies_in_exactly_the_chunk_that_is_named(position: u64, near in 0u64..20_000_000) {
        for position in [position, near] {
            let chunk = content::chunk_at(position);
            prop_assert!(chunk.offset <= position);
            prop_assert!(position < chunk.end() || (position == u64::MAX && chunk.end() == u64::MAX));
            prop_assert_eq!(content::chunk_offset(chunk.index), Some(chunk.offset));
            prop_assert_eq!(content::chunk_count(position), chunk.index + u64::from(position > chunk.offset));
            if let Some(next) = content::chunk_offset(chunk.index + 1) {
                prop_assert_eq!(next, chunk.end());
            }
        }
        let all: Vec<_> = content::chunks(near).collect();
        prop_assert_eq!(all.len() as u64, content::chunk_count(near));
        prop_assert_eq!(content::chunks(near).size_hint(), (all.len(), Some(all.len())));
        let mut end = 0;
        for (index, chunk) in all.iter().enumerate() {
            prop_assert_eq!((chunk.index, chunk.offset), (index as u64, end));
            end = chunk.end();
            prop_assert_eq!(chunk.range(), chunk.offset..end);
        }
        prop_assert_eq!(end, near);
    }

    /// One flipped bit anywhere, in any chunk, is found.
    #[test]
    fn a_changed_byte_is_found(key in keys(), size in 1usize..600_000, at: prop::sample::Index, flip in 1u8..) {
        let cipher = ContentCipher::new(&key);
        let mut plain = pattern(0, size);
        let expected = condensed(&cipher.mac_chunks(0, &plain).unwrap()).finish(&cipher, size as u64).unwrap();
        plain[at.index(size)] ^= flip;
        let macs = condensed(&cipher.mac_chunks(0, &plain).unwrap());
        prop_assert!(macs.verify(&cipher, size as u64, &expected, MacPolicy::Strict).is_err());
        let right = macs.finish(&cipher, size as u64).unwrap();
        prop_assert_eq!(
            macs.verify(&cipher, size as u64, &right, MacPolicy::Strict).unwrap(),
            MacMatch::Exact
        );
    }
}

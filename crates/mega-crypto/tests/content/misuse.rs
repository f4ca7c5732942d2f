use mega_crypto::content::{
    self, ChunkMac, CondensedMac, ContentCipher, ContentKey, ContentVerifier, EmptyFileMac,
    Incomplete, InsertError, LocalMismatch, MacChain, MacError, MacMatch, MacPolicy, MetaMac,
    StreamDecryptor,
};

use crate::data::pattern;
use crate::plain::Plain;

fn key() -> ContentKey {
    ContentKey::new([0x31; 16], [0x87; 8])
}

#[test]
fn a_buffer_that_starts_inside_a_chunk_is_refused_and_left_alone() {
    let cipher = ContentCipher::new(&key());
    let mut data = [7; 100];
    for offset in [1, 16, 131_071, 131_073, 4_718_593] {
        let error = cipher.encrypt_chunks(offset, &mut data).unwrap_err();
        assert_eq!(
            (error.offset, error.border_before),
            (offset, content::chunk_at(offset).offset)
        );
        assert!(
            cipher.decrypt_chunks(offset, &mut data).is_err()
                && cipher.mac_chunks(offset, &data).is_err()
        );
    }
    assert_eq!(data, [7; 100]);
}

#[test]
fn missing_chunks_are_named_as_byte_ranges() {
    let mut macs = CondensedMac::new();
    let size = content::chunk_offset(24).unwrap() + 5;
    assert!(macs.missing(size).eq(std::iter::once(0..size)));
    for index in [0, 3, 4, 24] {
        macs.insert(index, ChunkMac([1; 16])).unwrap();
    }
    let offset = |index| content::chunk_offset(index).unwrap();
    assert_eq!(
        macs.missing(size).collect::<Vec<_>>(),
        [offset(1)..offset(3), offset(5)..offset(24)]
    );
    assert_eq!(
        macs.missing(size + (1 << 20)).last(),
        Some(offset(25)..size + (1 << 20))
    );
    assert_eq!(macs.missing(u64::MAX).last(), Some(offset(25)..u64::MAX));
    assert_eq!((macs.len(), macs.is_empty()), (4, false));
    let cipher = ContentCipher::new(&key());
    let error = macs.finish(&cipher, size).unwrap_err();
    assert_eq!(
        error,
        Incomplete::Missing {
            chunks: 21,
            first: offset(1)..offset(3)
        }
    );
}

#[test]
fn chunks_beyond_the_end_and_a_cut_chunk_elsewhere_are_refused() {
    let cipher = ContentCipher::new(&key());
    let mut macs = CondensedMac::new();
    macs.insert_all(&cipher.mac_chunks(0, &[0; 200_000]).unwrap())
        .unwrap();
    assert_eq!(
        macs.finish(&cipher, 100_000).unwrap_err(),
        Incomplete::Surplus {
            size: 100_000,
            chunks: 1
        }
    );
    let error = macs.finish(&cipher, 200_001).unwrap_err();
    assert_eq!(
        error,
        Incomplete::WrongEnd {
            size: 200_001,
            end: 200_000
        }
    );
    macs.finish(&cipher, 200_000).unwrap();
    let error = macs
        .insert_all(&cipher.mac_chunks(393_216, &[0; 5]).unwrap())
        .unwrap_err();
    assert_eq!(
        error,
        InsertError::TwoEnds {
            first: 200_000,
            second: 393_221
        }
    );
}

#[test]
fn a_chunk_that_changed_between_two_reads_is_an_error() {
    let mut macs = CondensedMac::new();
    macs.insert(0, ChunkMac([1; 16])).unwrap();
    macs.insert(0, ChunkMac([1; 16])).unwrap();
    assert_eq!(
        macs.insert(0, ChunkMac([2; 16])).unwrap_err(),
        InsertError::Changed { index: 0 }
    );
    let far = CondensedMac::MAX_AHEAD + 2;
    assert_eq!(
        macs.insert(far, ChunkMac([1; 16])).unwrap_err(),
        InsertError::TooFarAhead { index: far }
    );
    assert_eq!(
        macs.insert(u64::MAX, ChunkMac([1; 16])).unwrap_err(),
        InsertError::TooFarAhead { index: u64::MAX }
    );
}

/// DL-7 of the threat model.
#[test]
fn an_empty_file_is_accepted_with_three_macs_and_no_other() {
    let cipher = ContentCipher::new(&key());
    let plain = Plain::new(&key());
    let fold = |mac: [u8; 16]| {
        MetaMac(core::array::from_fn(|i| {
            if i < 4 {
                mac[i] ^ mac[i + 4]
            } else {
                mac[i + 4] ^ mac[i + 8]
            }
        }))
    };
    let macs = CondensedMac::new();
    let verify = |expected| macs.verify(&cipher, 0, &expected, MacPolicy::TolerateLegacyGaps);
    assert_eq!(
        verify(MetaMac([0; 8])).unwrap(),
        MacMatch::Empty(EmptyFileMac::Zero)
    );
    assert_eq!(
        verify(fold(plain.block([0; 16]))).unwrap(),
        MacMatch::Empty(EmptyFileMac::EncryptedZero)
    );
    assert_eq!(
        verify(fold(plain.block([0x87; 16]))).unwrap(),
        MacMatch::Empty(EmptyFileMac::EmptyChunk)
    );
    assert_eq!(
        verify(MetaMac([1, 0, 0, 0, 0, 0, 0, 0])).unwrap_err(),
        MacError::LengthUnverified
    );
}

/// DL-6 of the threat model: a chain with everything left out would accept any content.
#[test]
fn a_mac_of_zeros_does_not_pass_for_a_file_with_content() {
    let cipher = ContentCipher::new(&key());
    for size in [1, 200_000, 10 << 20] {
        let mut macs = CondensedMac::new();
        macs.insert_all(&cipher.mac_chunks(0, &pattern(0, size)).unwrap())
            .unwrap();
        let zeros = macs.verify(
            &cipher,
            size as u64,
            &MetaMac([0; 8]),
            MacPolicy::TolerateLegacyGaps,
        );
        assert_eq!(zeros.unwrap_err(), MacError::Mismatch);
    }
}

/// DL-8 of the threat model: only where megajs writes it, on a border and in the block before it.
#[test]
fn an_extra_empty_chunk_is_not_accepted_away_from_a_border() {
    let cipher = ContentCipher::new(&key());
    for (size, accepted) in [
        (131_072, true),
        (131_073, false),
        (131_071, true),
        (131_057, true),
        (131_056, false),
        (393_216, true),
        (393_200, false),
    ] {
        let macs = cipher.mac_chunks(0, &pattern(0, size)).unwrap();
        let mut chain = MacChain::new();
        for (_, mac) in macs.iter() {
            chain.push(&cipher, mac);
        }
        chain.push(&cipher, ChunkMac([0x87; 16]));
        let mut condensed = CondensedMac::new();
        condensed.insert_all(&macs).unwrap();
        let result = condensed.verify(
            &cipher,
            size as u64,
            &chain.meta_mac(),
            MacPolicy::TolerateLegacyGaps,
        );
        assert_eq!(
            result.ok(),
            accepted.then_some(MacMatch::ExtraEmptyChunk),
            "{size}"
        );
    }
}

#[test]
fn a_local_file_that_is_longer_shorter_or_other_is_told_apart() {
    let content = pattern(0, 300_000);
    let mut verifier = ContentVerifier::new(&key(), 300_000);
    verifier.update(&content).unwrap();
    assert_eq!(
        verifier.update(&[0]).unwrap_err(),
        LocalMismatch::Longer { expected: 300_000 }
    );
    let mut verifier = ContentVerifier::new(&key(), 300_000);
    verifier.update(&content[1..]).unwrap();
    let error = verifier
        .finish(&MetaMac([0; 8]), MacPolicy::Strict)
        .unwrap_err();
    assert_eq!(
        error,
        LocalMismatch::Shorter {
            expected: 300_000,
            actual: 299_999
        }
    );
    let mut verifier = ContentVerifier::new(&key(), 300_000);
    verifier.update(&content).unwrap();
    let error = verifier
        .finish(&MetaMac([0; 8]), MacPolicy::Strict)
        .unwrap_err();
    assert_eq!(error, LocalMismatch::Content(MacError::Mismatch));
}

#[test]
fn a_stream_under_the_wrong_key_fails_at_its_end() {
    let cipher = ContentCipher::new(&key());
    let mut data = pattern(0, 1000);
    let mut macs = CondensedMac::new();
    macs.insert_all(&cipher.encrypt_chunks(0, &mut data).unwrap())
        .unwrap();
    let meta_mac = macs.finish(&cipher, 1000).unwrap();
    let mut wrong =
        StreamDecryptor::new(ContentCipher::new(&ContentKey::new([0x32; 16], [0x87; 8])));
    wrong.update(&mut data).unwrap();
    assert_eq!(
        wrong.finish(&meta_mac, MacPolicy::Strict).unwrap_err(),
        MacError::Mismatch
    );
}

#[test]
fn nothing_shows_a_key_or_a_mac() {
    let key = key();
    let cipher = ContentCipher::new(&key);
    let shown = format!(
        "{key:?} {cipher:?} {:?} {:?} {:?} {:?}",
        MetaMac([0x31; 8]),
        ChunkMac([0x31; 16]),
        CondensedMac::new(),
        StreamDecryptor::new(cipher.clone())
    );
    assert!(
        !shown.contains("49") && !shown.contains("31") && !shown.contains("0x"),
        "{shown}"
    );
    assert_eq!(key, key.clone());
    assert_ne!(key, ContentKey::new([0x31; 16], [0x86; 8]));
    assert_ne!(key, ContentKey::new([0x30; 16], [0x87; 8]));
}

#[test]
fn the_last_chunk_of_the_largest_file_ends_with_it() {
    let last = content::chunk_at(u64::MAX - 1);
    assert_eq!(last.end(), u64::MAX);
    assert_eq!(content::chunk_count(u64::MAX), last.index + 1);
    assert_eq!(content::chunk_offset(last.index + 1), None);
    assert_eq!(content::chunk_offset(u64::MAX), None);
    let window = content::windows(u64::MAX, u64::MAX).next().unwrap();
    assert_eq!((window.len, window.chunk_count), (u64::MAX, last.index + 1));
}

#[test]
fn the_same_end_may_be_seen_twice_and_chunks_far_ahead_are_kept() {
    let cipher = ContentCipher::new(&key());
    let part = cipher.mac_chunks(131_072, &[3; 5]).unwrap();
    let mut macs = CondensedMac::new();
    macs.insert_all(&part).unwrap();
    macs.insert_all(&part).unwrap();
    assert!(!macs.is_empty() && CondensedMac::new().is_empty());

    // One after the other across several words of the table, and far ahead.
    let mut macs = CondensedMac::new();
    let far = [0, 63, 64, 65, 127, 128, 500, 501 + CondensedMac::MAX_AHEAD];
    for index in far {
        macs.insert(index, ChunkMac([index as u8; 16])).unwrap();
    }
    assert_eq!(macs.len(), far.len() as u64);
    for index in far {
        assert_eq!(
            macs.get(index),
            Some(ChunkMac([index as u8; 16])),
            "{index}"
        );
    }
}

/// Crypto-and-accounts 6.4: which runs of chunks may be missing from the chain, and which may not.
#[test]
#[expect(clippy::single_range_in_vec_init, reason = "lists of gaps")]
fn gaps_are_tolerated_within_their_bounds_only() {
    let cipher = ContentCipher::new(&key());
    let all: Vec<ChunkMac> = (0..80u8).map(|n| ChunkMac([n + 1; 16])).collect();
    let accepted = |count: usize, chain: &[usize]| {
        let mut macs = CondensedMac::new();
        for (index, mac) in all[..count].iter().enumerate() {
            macs.insert(index as u64, *mac).unwrap();
        }
        let mut wrong = MacChain::new();
        chain
            .iter()
            .for_each(|index| wrong.push(&cipher, all[*index]));
        let size = content::chunk_offset(count as u64).unwrap();
        macs.verify(
            &cipher,
            size,
            &wrong.meta_mac(),
            MacPolicy::TolerateLegacyGaps,
        )
        .is_ok()
    };
    let without = |count: usize, gaps: &[std::ops::Range<usize>]| -> Vec<usize> {
        (0..count)
            .filter(|index| !gaps.iter().any(|gap| gap.contains(index)))
            .collect()
    };
    let gaps = |count, gaps: &[_]| accepted(count, &without(count, gaps));
    // One run of up to 64, from the first chunk on.
    assert!(gaps(80, &[0..1]) && gaps(80, &[0..64]) && gaps(80, &[3..67]));
    assert!(!gaps(80, &[0..65]) && !gaps(80, &[3..68]));
    // Two runs of up to 16 each, among the last 40.
    assert!(gaps(40, &[0..1, 2..3]) && gaps(40, &[0..16, 17..33]));
    assert!(gaps(40, &[1..17, 20..36]) && gaps(80, &[40..56, 57..73]));
    assert!(!gaps(40, &[0..17, 18..19]) && !gaps(40, &[0..1, 2..19]));
    assert!(!gaps(40, &[5..6, 20..37]) && !gaps(80, &[39..40, 50..51]));
    // A chunk that counts twice is no gap.
    let doubled = [1, 2, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11];
    assert!(!accepted(12, &doubled));
}

#[test]
fn a_window_covers_its_range() {
    let windows: Vec<_> = content::windows(10 << 20, 4 << 20).collect();
    assert!(windows.len() > 2);
    for window in windows {
        assert_eq!(window.range(), window.offset..window.offset + window.len);
    }
}

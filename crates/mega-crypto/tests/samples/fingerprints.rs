use mega_crypto::fingerprint::{Crc, CrcBuilder, CrcSampler, Fingerprint, Serialize64, decode_u64};
use proptest::prelude::*;

use crate::data::{cases, hex, hex_array, pattern, vectors};
use crate::support::Vector;

/// Reads a generated file where the sampler wants it.
fn sample(mut sampler: CrcSampler) -> Crc {
    while let Some(wanted) = sampler.wanted() {
        sampler
            .supply(&pattern(wanted.start, (wanted.end - wanted.start) as usize))
            .unwrap();
    }
    sampler.finish().unwrap()
}

/// Reads a generated file from the start to the end.
fn stream(mut builder: CrcBuilder, size: u64) -> Crc {
    // The pattern repeats after 2^24 bytes.
    let period = pattern(0, 1 << 24);
    let mut left = size;
    while left > 0 {
        let piece = left.min(period.len() as u64);
        builder.update(&period[..piece as usize]);
        left -= piece;
    }
    builder.finish().unwrap()
}

#[test]
pub(crate) fn fingerprints_of_all_size_classes_are_the_known_ones_read_anywhere_or_forward() {
    for case in cases(vectors("fingerprint")) {
        let size = case.u64("size");
        let crc = Crc(hex_array(&case["crc"]));
        assert_eq!(sample(CrcSampler::new(size)), crc, "{size}");
        assert_eq!(stream(CrcBuilder::new(size), size), crc, "{size}");
        if size < 1 << 21 {
            assert_eq!(Crc::of(&pattern(0, size as usize)), crc, "{size}");
        }
        let fingerprint = Fingerprint::new(crc, size, case.i64("mtime"));
        let c = case.str("c_b64");
        assert_eq!(fingerprint.to_attribute(), c);
        assert_eq!(Fingerprint::from_attribute(c, size).unwrap(), fingerprint);
        let app = case.str("app_text");
        assert_eq!(fingerprint.to_application_text(), app);
        assert_eq!(
            Fingerprint::from_application_text(app).unwrap(),
            fingerprint
        );

        if size > 8192 {
            let mut sampler = CrcSampler::new(size);
            let mut offsets = Vec::new();
            while let Some(wanted) = sampler.wanted() {
                offsets.push(wanted.start);
                sampler.supply(&[0; 64]).unwrap();
            }
            assert_eq!(offsets.len(), 128);
            let some = [0, 1, 2, 31, 32, 126, 127].map(|number: usize| offsets[number]);
            assert_eq!(some[..], case.numbers("first_offsets"), "{size}");
        }
        if let Some(differs) = case.opt_bool("legacy_differs") {
            if differs {
                let anywhere = sample(CrcSampler::legacy(size).unwrap());
                assert_eq!(
                    anywhere.0.to_vec(),
                    hex(&case["legacy_32bit_bug_crc"]),
                    "{size}"
                );
                let forward = stream(CrcBuilder::legacy(size).unwrap(), size);
                assert_eq!(
                    forward.0.to_vec(),
                    hex(&case["legacy_32bit_bug_stream_crc"]),
                    "{size}"
                );
            } else {
                assert!(CrcSampler::legacy(size).is_none() && CrcBuilder::legacy(size).is_none());
                for name in ["legacy_32bit_bug_crc", "legacy_32bit_bug_stream_crc"] {
                    assert_eq!(case.array(name), crc.0, "the bug does not show");
                }
            }
        }
    }
}

#[test]
pub(crate) fn fingerprints_agree_with_the_official_test_suite() {
    let genuine = vectors("from_public_test_suites");
    let small = cases(&genuine["fingerprint_small"]);
    let contents = [
        vec![3, 4, 5, 6],
        (0..100).collect(),
        (0..20_000u32).map(|i| i as u8).collect(),
    ];
    assert_eq!(small.len(), contents.len());
    for (case, content) in small.iter().zip(contents) {
        let said = match content.len() {
            4 => "3,4,5,6",
            100 => "0..99",
            _ => "byte i is i mod 256, 20000 bytes",
        };
        assert_eq!(case.str("content"), said);
        assert_eq!(content.len() as u64, case.u64("size"));
        assert_eq!(Crc::of(&content).0.to_vec(), hex(&case["crc"]));
    }
    let large = &genuine["fingerprint_large"];
    assert!(
        large
            .str("content")
            .contains("start 0xA5A5A5A5; each step x ^= x<<13; x ^= x>>17; x ^= x<<5")
    );
    let mut x: u32 = 0xa5a5_a5a5;
    let random: Vec<u8> = core::iter::repeat_with(|| {
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        x as u8
    })
    .take(92_274_688)
    .collect();
    for case in cases(large) {
        let size = case.u64("size");
        let content = &random[..size as usize];
        assert_eq!(
            Crc::of(content).0,
            crate::data::base64_array(&case["crc_b64"])
        );
        let mut legacy = CrcSampler::legacy(size).unwrap();
        while let Some(wanted) = legacy.wanted() {
            legacy
                .supply(&content[wanted.start as usize..wanted.end as usize])
                .unwrap();
        }
        assert_eq!(
            legacy.finish().unwrap().0,
            crate::data::base64_array(&case["legacy_32bit_bug_crc_b64"])
        );
    }
}

/// CLK-5 of the threat model.
#[test]
pub(crate) fn times_are_written_and_read_as_known_from_minus_one_to_the_year_9999() {
    let fingerprint = vectors("fingerprint");
    for case in fingerprint.list("mtime") {
        let mtime = case.i64("mtime");
        assert_eq!(
            Serialize64::signed(mtime).as_bytes(),
            hex(&case["serialized"])
        );
        let text = case.str("c_b64_with_zero_crc");
        let fingerprint = Fingerprint::new(Crc([0; 16]), 7, mtime);
        assert_eq!(fingerprint.to_attribute(), text);
        assert_eq!(Fingerprint::from_attribute(text, 7).unwrap(), fingerprint);
    }
}

#[test]
pub(crate) fn damaged_attributes_are_refused_and_surplus_bytes_ignored() {
    let fingerprint = vectors("fingerprint");
    for case in fingerprint.list("decode") {
        let read = Fingerprint::from_attribute(case.str("c_b64"), 5);
        match case.opt_i64("mtime") {
            None => {
                assert!(read.is_err(), "{}", case["name"]);
                assert!(!case.is_present("crc"));
            }
            Some(mtime) => {
                let crc = Crc(hex_array(&case["crc"]));
                assert_eq!(
                    read.unwrap(),
                    Fingerprint::new(crc, 5, mtime),
                    "{}",
                    case["name"]
                );
            }
        }
    }
    for text in [
        "",
        "A",
        "*",
        "ZAAA",
        "BA",
        "CAB",
        "MAAAAAAAAAAAAAAAAAAAAAAAA",
    ] {
        assert!(Fingerprint::from_application_text(text).is_err(), "{text}");
    }
}

#[test]
fn two_seconds_apart_is_equal_and_three_are_not() {
    let crc = Crc::of(b"abc");
    let at = |mtime| Fingerprint::new(crc, 3, mtime);
    assert!(at(10).matches(&at(12)) && at(12).matches(&at(10)) && at(-1).matches(&at(1)));
    assert!(!at(10).matches(&at(13)) && at(10).same_content(&at(13)));
    assert!(!at(i64::MIN).matches(&at(i64::MAX)));
    assert!(!at(10).same_content(&Fingerprint::new(crc, 4, 10)));
    assert!(!at(10).same_content(&Fingerprint::new(Crc::of(b"abd"), 3, 10)));
    let stand_in = Fingerprint::without_attribute(crc.0, 3, 10);
    assert!(!stand_in.matches(&at(10)) && !stand_in.matches(&stand_in) && !stand_in.is_valid());
}

#[test]
fn a_file_that_grew_or_shrank_has_no_checksum() {
    let mut builder = CrcBuilder::new(10_000);
    builder.update(&[0; 9_999]);
    assert_eq!(builder.clone().finish().unwrap_err().actual, 9_999);
    builder.update(&[0; 2]);
    assert_eq!(builder.finish().unwrap_err().actual, 10_001);
    let mut sampler = CrcSampler::new(10_000);
    assert!(sampler.supply(&[0; 63]).is_err());
    sampler.supply(&[0; 64]).unwrap();
    assert!(sampler.finish().is_err());
}

proptest! {
    #[test]
    fn every_time_survives_writing_and_reading(mtime: i64, crc: [u8; 16], size: u64) {
        let fingerprint = Fingerprint::new(Crc(crc), size, mtime);
        prop_assert_eq!(Fingerprint::from_attribute(&fingerprint.to_attribute(), size).unwrap(), fingerprint);
        let text = fingerprint.to_application_text();
        prop_assert_eq!(Fingerprint::from_application_text(&text).unwrap(), fingerprint);
    }

    #[test]
    fn numbers_take_no_more_bytes_than_they_need(number: u64, shift in 0u32..64) {
        let number = number >> shift;
        let written = Serialize64::unsigned(number);
        prop_assert_eq!(decode_u64(written.as_bytes()).unwrap(), (number, &[][..]));
        prop_assert!(written.as_bytes().len() == 1 || written.as_bytes().last() != Some(&0));
    }

    #[test]
    fn any_text_is_read_or_refused(text in ".{0,60}", size: u64) {
        let _ = Fingerprint::from_attribute(&text, size);
        let _ = Fingerprint::from_application_text(&text);
    }

    #[test]
    fn a_stream_in_any_pieces_has_the_checksum_of_the_whole(
        size in prop_oneof![0usize..64, 8_100..8_300usize, 0..100_000usize],
        cuts in proptest::collection::vec(1usize..9_000, 1..40),
    ) {
        let content = pattern(0, size);
        let mut builder = CrcBuilder::new(size as u64);
        let mut rest = &content[..];
        for cut in cuts.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (piece, tail) = rest.split_at((*cut).min(rest.len()));
            builder.update(piece);
            rest = tail;
        }
        prop_assert_eq!(builder.finish().unwrap(), Crc::of(&content));
        prop_assert_eq!(sample(CrcSampler::new(size as u64)), Crc::of(&content));
    }

    #[test]
    fn samples_of_any_size_lie_inside_the_file_and_do_not_overlap(size: u64) {
        let mut sampler = CrcSampler::new(size);
        let mut end = 0;
        while let Some(wanted) = sampler.wanted() {
            prop_assert!(wanted.start >= end && wanted.end <= size && wanted.start < wanted.end);
            end = wanted.end;
            sampler.supply(&vec![0; (wanted.end - wanted.start) as usize]).unwrap();
        }
        if let Some(mut sampler) = CrcSampler::legacy(size) {
            while let Some(wanted) = sampler.wanted() {
                prop_assert!(wanted.end <= size);
                sampler.supply(&[0; 64]).unwrap();
            }
        }
        let _ = CrcBuilder::legacy(size);
    }
}

#[test]
fn a_file_of_a_few_bytes_may_come_in_pieces() {
    for len in 0..=16u8 {
        let bytes: Vec<u8> = (1..=len).collect();
        for cut in 0..=bytes.len() {
            let mut builder = CrcBuilder::new(bytes.len() as u64);
            let (front, back) = bytes.split_at(cut);
            builder.update(front);
            back.chunks(3).for_each(|piece| builder.update(piece));
            assert_eq!(builder.finish().unwrap(), Crc::of(&bytes), "{len} {cut}");
        }
    }
}

#[test]
fn a_sample_that_is_missing_is_named_by_its_length() {
    let mut sampler = CrcSampler::new(10_000);
    for left in (1..=128).rev() {
        let error = sampler.clone().finish().unwrap_err();
        assert_eq!((error.expected, error.actual), (64, 0), "{left} left");
        let wanted = sampler.wanted().unwrap();
        sampler
            .supply(&vec![1; (wanted.end - wanted.start) as usize])
            .unwrap();
    }
    sampler.finish().unwrap();
}

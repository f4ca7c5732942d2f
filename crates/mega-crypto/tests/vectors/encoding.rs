use mega_crypto::{NodeHandle, UserHandle, base64, mpi};

use crate::support::{VECTORS, Vector, look, unhex};

#[test]
pub(crate) fn base64_text_is_written_and_read_back() {
    for case in VECTORS["base64"].list("encode") {
        assert_eq!(base64::encode(&case.hex("bytes")), case.str("text_b64"));
        assert_eq!(
            base64::decode(case.str("text_b64")).unwrap(),
            case.hex("bytes")
        );
    }
}

#[test]
pub(crate) fn the_tolerant_decoder_agrees_with_the_official_one() {
    for case in VECTORS["base64"].list("tolerant_decode") {
        let input = case.str("input");
        assert_eq!(base64::decode_like_sdk(input), case.hex("bytes"), "{input}");
        // The strict one either agrees or refuses.
        if let Ok(bytes) = base64::decode(input) {
            assert_eq!(bytes, case.hex("bytes"), "{input}");
        }
    }
}

#[test]
pub(crate) fn base64_integers_are_written_and_read_back() {
    for case in VECTORS.list("base64_integers") {
        let value = case.u64("value");
        assert_eq!(base64::encode_integer(value), case.str("text"));
        assert_eq!(base64::decode_integer(case.str("text")), Some(value));
    }
}

#[test]
pub(crate) fn handles_are_written_and_read_back() {
    for case in VECTORS.list("handles") {
        let text = case.str("text_b64");
        assert_eq!(
            case.hex("bytes").len() == 6,
            case.str("kind") == "node",
            "{case}"
        );
        match case.hex("bytes").as_slice().try_into() {
            Ok(bytes) => {
                let handle = NodeHandle::from_bytes(bytes);
                assert_eq!(handle.to_string(), text);
                assert_eq!(text.parse::<NodeHandle>().unwrap(), handle);
                assert!(text.parse::<UserHandle>().is_err());
            }
            Err(_) => {
                let handle = UserHandle::from_bytes(case.array("bytes"));
                assert_eq!(handle.to_string(), text);
                assert_eq!(text.parse::<UserHandle>().unwrap(), handle);
                assert!(text.parse::<NodeHandle>().is_err());
            }
        }
    }
}

#[test]
pub(crate) fn integers_are_written_with_both_headers() {
    for case in VECTORS["mpi"].list("encode") {
        let value = unhex(case.str("value_hex"));
        let (mut whole, mut exact) = (Vec::new(), Vec::new());
        mpi::write(&value, &mut whole);
        mpi::write_exact(&value, &mut exact);
        assert_eq!(whole, case.hex("byte_length_header"));
        assert_eq!(exact, case.hex("exact_bit_header"));
        for written in [whole, exact] {
            let read = mpi::split_first(&written).unwrap();
            assert_eq!((read.magnitude, read.rest), (&*value, &[][..]));
            assert!(read.is_canonical());
        }
    }
}

#[test]
pub(crate) fn sequences_of_integers_are_read_or_refused() {
    fn check<const N: usize>(data: &[u8], expected: Option<Vec<Vec<u8>>>) {
        let trim = |bytes: &[u8]| -> Vec<u8> {
            let trimmed: Vec<u8> = bytes.iter().copied().skip_while(|b| *b == 0).collect();
            if trimmed.is_empty() { vec![0] } else { trimmed }
        };
        let read = mpi::read::<N>(data).map(|all| all.iter().map(|n| trim(n)).collect::<Vec<_>>());
        assert_eq!(read, expected);
    }
    for case in VECTORS["mpi"].list("parse") {
        let expected = look(&case["values_hex"]).as_array().map(|values| {
            values
                .iter()
                .map(|v| unhex(v.as_str().unwrap()))
                .collect::<Vec<_>>()
        });
        match case.opt_u64("count") {
            Some(1) => check::<1>(&case.hex("data"), expected),
            Some(2) => check::<2>(&case.hex("data"), expected),
            count => panic!("unexpected count {count:?}"),
        }
    }
}

/// Other clients talk of words: the bytes of each are big-endian.
#[test]
pub(crate) fn words_are_big_endian() {
    let vector = &VECTORS["words"];
    let words = vector.numbers("words").into_iter();
    let bytes: Vec<u8> = words
        .flat_map(|word| u32::try_from(word).unwrap().to_be_bytes())
        .collect();
    assert_eq!(bytes, vector.hex("bytes"));
    // So a master key given as words is the key given as bytes.
    let [first, ..] = mega_crypto::MasterKey::from_slice(&bytes)
        .unwrap()
        .expose_secret()[..]
    else {
        panic!("a key has 16 bytes")
    };
    assert_eq!(u64::from(first), vector.numbers("words")[0] >> 24);
}

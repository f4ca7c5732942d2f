//! Finding a byte in a text of unknown length, eight at a time.

/// Where the first byte is that is one of these two.
#[inline]
pub(super) fn find_either(text: &[u8], one: u8, other: u8) -> Option<usize> {
    let (words, rest) = text.as_chunks::<8>();
    let mut at = 0;
    for word in words {
        let word = u64::from_le_bytes(*word);
        // The lowest mark is exact; only above a match another may be false.
        let marks = zeros(word ^ (ONES * u64::from(one))) | zeros(word ^ (ONES * u64::from(other)));
        if marks != 0 {
            return Some(at + (marks.trailing_zeros() / 8) as usize);
        }
        at += 8;
    }
    let found = rest
        .iter()
        .position(|byte| *byte == one || *byte == other)?;
    Some(at + found)
}

/// Marks the bytes that are zero at their highest bits.
const fn zeros(word: u64) -> u64 {
    word.wrapping_sub(ONES) & !word & HIGH
}

const ONES: u64 = u64::from_le_bytes([1; 8]);
const HIGH: u64 = u64::from_le_bytes([0x80; 8]);

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_finds_what_a_look_at_each_byte_finds(
            text in prop::collection::vec(prop::sample::select(&[0_u8, 1, 0x21, 0x22, 0x23, 0x5b, 0x5c, 0x5d, 0x80, 0xa2, 0xdc, 0xff][..]), 0..40),
            plain: Vec<u8>,
            one: u8,
        ) {
            for text in [&text, &plain] {
                let wanted = text.iter().position(|byte| matches!(byte, b'"' | b'\\'));
                prop_assert_eq!(find_either(text, b'"', b'\\'), wanted);
                let wanted = text.iter().position(|byte| *byte == one);
                prop_assert_eq!(find_either(text, one, one), wanted);
            }
        }
    }
}

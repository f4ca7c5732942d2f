//! The one base64 of this crate: URL-safe alphabet, never padded when written.
//!
//! Reading follows crypto-and-accounts 1.1: `+` and `/` stand for `-` and `_`, trailing `=` is
//! allowed, surplus low bits are dropped, a single left-over character is an error. White space and
//! anything else is an error too, because every text read here has a known extent.

/// Appends the text form of `bytes` to `out`.
pub(crate) fn encode_into(bytes: &[u8], out: &mut Vec<u8>) {
    out.reserve(bytes.len().div_ceil(3) * 4);
    let digit = |v: u32| ALPHABET.get((v & 63) as usize).copied().unwrap_or(b'A');
    let mut groups = bytes.chunks_exact(3);
    for group in &mut groups {
        let v = group.iter().fold(0u32, |v, b| v << 8 | u32::from(*b));
        out.extend([digit(v >> 18), digit(v >> 12), digit(v >> 6), digit(v)]);
    }
    match *groups.remainder() {
        [a] => {
            let v = u32::from(a) << 4;
            out.extend([digit(v >> 6), digit(v)]);
        }
        [a, b] => {
            let v = (u32::from(a) << 8 | u32::from(b)) << 2;
            out.extend([digit(v >> 12), digit(v >> 6), digit(v)]);
        }
        _ => {}
    }
}

/// The text form of `bytes`.
pub(crate) fn encode(bytes: &[u8]) -> String {
    let mut out = Vec::new();
    encode_into(bytes, &mut out);
    // The alphabet is ASCII, so the bytes are always a string.
    String::from_utf8(out).unwrap_or_default()
}

/// Exactly `N` bytes, from text of exactly the length that `N` bytes need.
#[inline]
pub(crate) fn decode_exact<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    let text = strip_padding(text);
    if text.len() != (N * 4).div_ceil(3) {
        return None;
    }
    let mut out = [0u8; N];
    let (groups, rest) = text.as_chunks::<4>();
    let (triples, tail) = out.as_chunks_mut::<3>();
    // Checked once at the end: only an invalid character sets a bit above those of three bytes.
    let mut seen = 0u32;
    for (group, triple) in groups.iter().zip(triples) {
        let bits = group_value(group);
        seen |= bits;
        let [_, x, y, z] = bits.to_be_bytes();
        *triple = [x, y, z];
    }
    match (rest, tail) {
        (&[a, b], [x]) => {
            let bits = group_value(&[a, b, b'A', b'A']);
            seen |= bits;
            [_, *x, _, _] = bits.to_be_bytes();
        }
        (&[a, b, c], [x, y]) => {
            let bits = group_value(&[a, b, c, b'A']);
            seen |= bits;
            [_, *x, *y, _] = bits.to_be_bytes();
        }
        _ => {}
    }
    (seen < 1 << 24).then_some(out)
}

/// Four characters as 24 bits; more than that if one of them is invalid.
#[inline]
fn group_value(&[a, b, c, d]: &[u8; 4]) -> u32 {
    let of = |place: usize, character: u8| {
        let table = PLACED.get(place);
        let bits = table.and_then(|table| table.get(usize::from(character)));
        bits.copied().unwrap_or(1 << 24)
    };
    of(0, a) | of(1, b) | of(2, c) | of(3, d)
}

#[inline]
fn value(character: u8) -> u8 {
    VALUES
        .get(usize::from(character))
        .copied()
        .unwrap_or(INVALID)
}

/// Any number of bytes.
pub(crate) fn decode(text: &[u8]) -> Option<Vec<u8>> {
    let text = strip_padding(text);
    let mut out = Vec::with_capacity(text.len() / 4 * 3 + 3);
    for group in text.chunks(4) {
        let (value, used) = decode_group(group)?;
        out.extend(value.iter().take(used));
    }
    Some(out)
}

/// Up to four characters give up to three bytes.
fn decode_group(group: &[u8]) -> Option<([u8; 3], usize)> {
    let mut v = 0u32;
    for c in group {
        let d = value(*c);
        if d == INVALID {
            return None;
        }
        v = v << 6 | u32::from(d);
    }
    let used = match group.len() {
        4 => 3,
        3 => {
            v <<= 6;
            2
        }
        2 => {
            v <<= 12;
            1
        }
        _ => return None,
    };
    let [_, a, b, c] = v.to_be_bytes();
    Some(([a, b, c], used))
}

fn strip_padding(text: &[u8]) -> &[u8] {
    let text = text.strip_suffix(b"=").unwrap_or(text);
    text.strip_suffix(b"=").unwrap_or(text)
}

/// [`VALUES`] at each of the four places of a group: one look instead of a look and a shift.
static PLACED: [[u32; 256]; 4] = [placed(18), placed(12), placed(6), placed(0)];

#[expect(clippy::indexing_slicing, reason = "evaluated at compile time")]
const fn placed(shift: u32) -> [u32; 256] {
    let mut table = [0; 256];
    let mut character = 0;
    while character < 256 {
        let value = VALUES[character];
        table[character] = if value == INVALID {
            1 << 24
        } else {
            (value as u32) << shift
        };
        character += 1;
    }
    table
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const INVALID: u8 = 0xff;
const VALUES: [u8; 256] = values();

#[expect(
    clippy::indexing_slicing,
    reason = "constant evaluation over a table of known size"
)]
const fn values() -> [u8; 256] {
    let mut table = [INVALID; 256];
    let mut i = 0;
    while i < 64 {
        table[ALPHABET[i as usize] as usize] = i;
        i += 1;
    }
    table[b'+' as usize] = 62;
    table[b'/' as usize] = 63;
    table
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn text_lengths_follow_the_table_of_the_protocol_notes() {
        for (bytes, chars) in [
            (6, 8),
            (8, 11),
            (12, 16),
            (16, 22),
            (32, 43),
            (36, 48),
            (43, 58),
        ] {
            assert_eq!(encode(&vec![7u8; bytes]).len(), chars);
        }
    }

    #[test]
    fn the_old_alphabet_and_padding_are_understood() {
        assert_eq!(decode(b"-_-_"), decode(b"+/+/"));
        assert_eq!(decode(b"AQ=="), Some(vec![1]));
        assert_eq!(decode_exact::<1>(b"AQ=="), Some([1]));
    }

    #[test]
    fn surplus_low_bits_are_dropped_and_a_lone_character_is_refused() {
        assert_eq!(decode(b"AR"), Some(vec![1]));
        assert_eq!(decode(b"AAAAA"), None);
        assert_eq!(decode(b"AA A"), None);
        assert_eq!(decode_exact::<6>(b"AAAAAAA"), None);
        assert_eq!(decode_exact::<6>(b"AAAAAAAAA"), None);
    }

    proptest! {
        #[test]
        fn every_byte_string_survives(bytes: Vec<u8>) {
            prop_assert_eq!(decode(encode(&bytes).as_bytes()), Some(bytes));
        }

        #[test]
        fn reading_arbitrary_bytes_never_panics(text: Vec<u8>) {
            let _ = decode(&text);
            let _ = decode_exact::<6>(&text);
            let _ = decode_exact::<43>(&text);
        }
    }
}

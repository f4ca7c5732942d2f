//! The characters that stand for others, and the sets in which a mask replaces them.
//!
//! Every replacement is three bytes of UTF-8 and begins with a byte that occurs nowhere inside
//! another sequence, so it can be recognised in any bytes without decoding what is around it
//! (filename-encoding 2).

use crate::Mask;

/// U+201B, which marks what follows as escaped.
pub(crate) const QUOTE: [u8; 3] = [0xe2, 0x80, 0x9b];

/// U+FF0E, the replacement of the period.
pub(crate) const PERIOD: [u8; 3] = replacement(b'.');

/// What stands for an ASCII character: the full-width form of a printable one, the control picture
/// of a space or a control.
pub(crate) const fn replacement(plain: u8) -> [u8; 3] {
    match plain {
        0..=0x1f => [0xe2, 0x90, 0x80 | plain],
        b' ' => [0xe2, 0x90, 0xa0],
        0x7f.. => [0xe2, 0x90, 0xa1],
        // c + 0xFEE0: U+FF01 to U+FF3F, then U+FF40 to U+FF5E.
        _ if plain < 0x60 => [0xef, 0xbc, plain.wrapping_add(0x60)],
        _ => [0xef, 0xbd, plain.wrapping_add(0x20)],
    }
}

/// The ASCII character for which these three bytes stand, if they stand for one.
pub(crate) const fn plain(bytes: [u8; 3]) -> Option<u8> {
    match bytes {
        [0xe2, 0x90, low @ 0x80..=0xa0] => Some(low & 0x3f),
        [0xe2, 0x90, 0xa1] => Some(0x7f),
        [0xef, 0xbc, low @ 0x81..=0xbf] => Some(low.wrapping_sub(0x60)),
        [0xef, 0xbd, low @ 0x80..=0x9e] => Some(low.wrapping_sub(0x20)),
        _ => None,
    }
}

/// One step through a name: what begins at a place, as far as replacing goes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Token {
    /// The quote, three bytes.
    Quote,
    /// A replacement, three bytes, and what it stands for.
    Stands(u8),
    /// Any single byte.
    Byte(u8),
}

/// What begins the given bytes; `None` at their end.
pub(crate) fn first_token(bytes: &[u8]) -> Option<Token> {
    let first = *bytes.first()?;
    if (first == 0xe2 || first == 0xef)
        && let Some(three) = bytes.first_chunk::<3>()
    {
        if *three == QUOTE {
            return Some(Token::Quote);
        }
        if let Some(plain) = plain(*three) {
            return Some(Token::Stands(plain));
        }
    }
    Some(Token::Byte(first))
}

/// A set of ASCII characters.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct AsciiSet(u128);

impl AsciiSet {
    const EMPTY: Self = Self(0);

    /// The characters a mask replaces wherever they stand. U+0000 is always one of them.
    pub(crate) const fn anywhere(mask: Mask) -> Self {
        let mut set = Self(1);
        set = set.with(mask, Mask::SLASH, b"/");
        set = set.with(mask, Mask::LT_GT, b"<>");
        set = set.with(mask, Mask::DOUBLE_QUOTE, b"\"");
        set = set.with(mask, Mask::SINGLE_QUOTE, b"'");
        set = set.with(mask, Mask::BACK_QUOTE, b"`");
        set = set.with(mask, Mask::DOLLAR, b"$");
        set = set.with(mask, Mask::COLON, b":");
        set = set.with(mask, Mask::QUESTION, b"?");
        set = set.with(mask, Mask::ASTERISK, b"*");
        set = set.with(mask, Mask::PIPE, b"|");
        set = set.with(mask, Mask::HASH, b"#");
        set = set.with(mask, Mask::PERCENT, b"%");
        set = set.with(mask, Mask::BACK_SLASH, b"\\");
        set = set.with(mask, Mask::CR_LF, b"\r\n");
        set = set.with(mask, Mask::DEL, b"\x7f");
        if mask.contains(Mask::CTL) {
            set = Self(set.0 | 0xffff_fffe);
        }
        set = set.with(mask, Mask::SQUARE_BRACKET, b"[]");
        set = set.with(mask, Mask::SEMICOLON, b";");
        set.with(mask, Mask::EXCLAMATION, b"!")
    }

    /// The characters a mask replaces at the beginning of a name.
    pub(crate) const fn left(mask: Mask) -> Self {
        Self::EMPTY
            .with(mask, Mask::LEFT_SPACE, b" ")
            .with(mask, Mask::LEFT_PERIOD, b".")
            .with(mask, Mask::LEFT_TILDE, b"~")
            .with(mask, Mask::LEFT_CR_LF_HT_VT, b"\t\n\x0b\r")
    }

    /// The characters a mask replaces at the end of a name.
    pub(crate) const fn right(mask: Mask) -> Self {
        Self::EMPTY
            .with(mask, Mask::RIGHT_SPACE, b" ")
            .with(mask, Mask::RIGHT_PERIOD, b".")
            .with(mask, Mask::RIGHT_CR_LF_HT_VT, b"\t\n\x0b\r")
    }

    /// Whether the character is in the set; bytes above 0x7F never are.
    pub(crate) const fn contains(self, byte: u8) -> bool {
        byte < 128 && (self.0 >> byte) & 1 == 1
    }

    const fn with(self, mask: Mask, flag: Mask, members: &[u8]) -> Self {
        let mut bits = self.0;
        let mut rest = members;
        while let Some((first, tail)) = rest.split_first() {
            if mask.contains(flag) {
                bits |= 1 << *first;
            }
            rest = tail;
        }
        Self(bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_ascii_character_has_the_replacement_the_two_arithmetic_rules_give() {
        for c in 0u8..=0x7f {
            let code = match c {
                0x7f => 0x2421,
                0..=0x20 => 0x2400 + u32::from(c),
                _ => 0xfee0 + u32::from(c),
            };
            let mut buffer = [0; 4];
            let expected = char::from_u32(code)
                .unwrap()
                .encode_utf8(&mut buffer)
                .as_bytes();
            assert_eq!(replacement(c), expected, "replacement of {c:#x}");
            assert_eq!(plain(replacement(c)), Some(c), "and back");
        }
    }

    #[test]
    fn no_other_character_of_three_bytes_is_taken_for_a_replacement() {
        let found = ('\u{800}'..='\u{ffff}')
            .filter(|c| {
                let mut buffer = [0; 4];
                plain(*c.encode_utf8(&mut buffer).as_bytes().first_chunk().unwrap()).is_some()
            })
            .count();
        assert_eq!(found, 128);
    }
}

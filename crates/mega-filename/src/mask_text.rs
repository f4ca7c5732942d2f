//! The text form of a mask (filename-encoding 7).

use alloc::boxed::Box;
use core::error::Error;
use core::fmt;
use core::str::FromStr;

use crate::Mask;

/// Why a text is not a mask, and which part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseMaskError {
    part: Box<str>,
    index: usize,
    kind: ParseMaskErrorKind,
}

/// What is wrong with a part of the text form of a mask.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ParseMaskErrorKind {
    /// There is nothing between two commas, or in the whole text.
    Empty,
    /// It is neither the name of a flag nor a number. Names are case-sensitive, and the names of
    /// combinations (`Standard`, `Base`, `Win`) are not accepted.
    UnknownName,
    /// It begins like a number but is not one.
    InvalidNumber,
    /// The number has more than 64 bits.
    NumberTooLarge,
}

impl ParseMaskError {
    /// The part that was refused, without the white space around it.
    #[must_use]
    pub fn part(&self) -> &str {
        &self.part
    }

    /// Which part it is, counted from 0.
    #[must_use]
    pub fn index(&self) -> usize {
        self.index
    }

    /// What is wrong with it.
    #[must_use]
    pub fn kind(&self) -> ParseMaskErrorKind {
        self.kind
    }
}

impl fmt::Display for ParseMaskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { part, index, kind } = self;
        let what = match kind {
            ParseMaskErrorKind::Empty => {
                return write!(
                    f,
                    "part {} of the encoding mask is empty; use `None` for no flag",
                    index.saturating_add(1)
                );
            }
            ParseMaskErrorKind::UnknownName => "is not the name of an encoding flag",
            ParseMaskErrorKind::InvalidNumber => "is not an unsigned integer",
            ParseMaskErrorKind::NumberTooLarge => "has more than 64 bits",
        };
        write!(f, "`{}` in the encoding mask {what}", part.escape_debug())
    }
}

impl Error for ParseMaskError {}

/// Reads the text form: flag names and unsigned integers, parted by commas.
///
/// ```
/// use mega_filename::{Mask, ParseMaskErrorKind};
///
/// assert_eq!("Slash, Dot".parse(), Ok(Mask::BASE));
/// assert_eq!("0x3000002".parse(), Ok(Mask::MEGA));
/// let error = "Slash,dot".parse::<Mask>().unwrap_err();
/// assert_eq!((error.part(), error.kind()), ("dot", ParseMaskErrorKind::UnknownName));
/// ```
impl FromStr for Mask {
    type Err = ParseMaskError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut mask = Self::NONE;
        for (index, part) in text.split(',').enumerate() {
            let part = part.trim();
            mask |= parse_part(part).map_err(|kind| ParseMaskError {
                part: Box::from(part),
                index,
                kind,
            })?;
        }
        Ok(mask)
    }
}

/// Writes the names of the set bits, from the lowest upward, parted by commas; a bit without a name
/// as a hexadecimal number.
///
/// ```
/// assert_eq!(mega_filename::Mask::from_bits(0x6000_0002).to_string(), "Slash,0x20000000,0x40000000");
/// ```
impl fmt::Display for Mask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::NONE {
            return f.write_str("None");
        }
        let mut first = true;
        for bit in (0..u64::BITS).map(|shift| Self::from_bits(1 << shift)) {
            if !self.contains(bit) {
                continue;
            }
            if !first {
                f.write_str(",")?;
            }
            first = false;
            match NAMES.iter().find(|(flag, _)| *flag == bit) {
                Some((_, name)) => f.write_str(name)?,
                None => write!(f, "{:#X}", bit.bits())?,
            }
        }
        Ok(())
    }
}

fn parse_part(part: &str) -> Result<Mask, ParseMaskErrorKind> {
    if let Some((flag, _)) = NAMES.iter().find(|(_, name)| *name == part) {
        return Ok(*flag);
    }
    match part.bytes().next() {
        None => Err(ParseMaskErrorKind::Empty),
        Some(b'0'..=b'9') => parse_number(part).map(Mask::from_bits),
        Some(_) => Err(ParseMaskErrorKind::UnknownName),
    }
}

/// An unsigned integer literal of Go: `0x`, `0b`, `0o` or a leading `0` select the base, and one
/// `_` may stand between two digits or after the base.
fn parse_number(text: &str) -> Result<u64, ParseMaskErrorKind> {
    let prefixed = text
        .split_at_checked(2)
        .filter(|(_, digits)| !digits.is_empty());
    let (base, digits, mut after_digit) = match prefixed {
        Some(("0x" | "0X", digits)) => (16, digits, true),
        Some(("0o" | "0O", digits)) => (8, digits, true),
        Some(("0b" | "0B", digits)) => (2, digits, true),
        _ if text.starts_with('0') => (8, text, false),
        _ => (10, text, false),
    };
    let mut number: Option<u64> = Some(0);
    for c in digits.chars() {
        if c == '_' {
            if !after_digit {
                return Err(ParseMaskErrorKind::InvalidNumber);
            }
            after_digit = false;
            continue;
        }
        let digit = c.to_digit(base).ok_or(ParseMaskErrorKind::InvalidNumber)?;
        number = number
            .and_then(|number| number.checked_mul(u64::from(base)))
            .and_then(|number| number.checked_add(u64::from(digit)));
        after_digit = true;
    }
    if !after_digit {
        return Err(ParseMaskErrorKind::InvalidNumber);
    }
    number.ok_or(ParseMaskErrorKind::NumberTooLarge)
}

/// Every flag that has a name, as rclone spells it.
const NAMES: [(Mask, &str); 30] = [
    (Mask::NONE, "None"),
    (Mask::RAW, "Raw"),
    (Mask::SLASH, "Slash"),
    (Mask::LT_GT, "LtGt"),
    (Mask::DOUBLE_QUOTE, "DoubleQuote"),
    (Mask::SINGLE_QUOTE, "SingleQuote"),
    (Mask::BACK_QUOTE, "BackQuote"),
    (Mask::DOLLAR, "Dollar"),
    (Mask::COLON, "Colon"),
    (Mask::QUESTION, "Question"),
    (Mask::ASTERISK, "Asterisk"),
    (Mask::PIPE, "Pipe"),
    (Mask::HASH, "Hash"),
    (Mask::PERCENT, "Percent"),
    (Mask::BACK_SLASH, "BackSlash"),
    (Mask::CR_LF, "CrLf"),
    (Mask::DEL, "Del"),
    (Mask::CTL, "Ctl"),
    (Mask::LEFT_SPACE, "LeftSpace"),
    (Mask::LEFT_PERIOD, "LeftPeriod"),
    (Mask::LEFT_TILDE, "LeftTilde"),
    (Mask::LEFT_CR_LF_HT_VT, "LeftCrLfHtVt"),
    (Mask::RIGHT_SPACE, "RightSpace"),
    (Mask::RIGHT_PERIOD, "RightPeriod"),
    (Mask::RIGHT_CR_LF_HT_VT, "RightCrLfHtVt"),
    (Mask::INVALID_UTF8, "InvalidUtf8"),
    (Mask::DOT, "Dot"),
    (Mask::SQUARE_BRACKET, "SquareBracket"),
    (Mask::SEMICOLON, "Semicolon"),
    (Mask::EXCLAMATION, "Exclamation"),
];

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// The name of an attribute as it is written, between its quotes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RawName<'a>(&'a [u8]);

impl<'a> RawName<'a> {
    pub(super) const fn new(written: &'a [u8]) -> Self {
        Self(written)
    }

    /// As it is written, escapes included.
    pub const fn as_written(self) -> &'a [u8] {
        self.0
    }

    /// Whether it is this name.
    #[inline]
    pub fn is(self, name: &str) -> bool {
        self.0 == name.as_bytes()
            || (self.0.contains(&b'\\') && *unescape(self.0) == *name.as_bytes())
    }
}

impl fmt::Debug for RawName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&String::from_utf8_lossy(self.0), f)
    }
}

/// The value of an attribute as it is written: a string with its quotes, a number, or anything else
/// JSON has.
#[derive(Clone, Copy)]
pub struct RawValue<'a> {
    written: &'a [u8],
    /// It is known to be a string without escapes.
    plain: bool,
}

impl PartialEq for RawValue<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.written == other.written
    }
}

impl Eq for RawValue<'_> {}

impl<'a> RawValue<'a> {
    #[inline]
    pub(super) const fn new(written: &'a [u8]) -> Self {
        let plain = false;
        Self { written, plain }
    }

    /// A string that whoever has read it knows to be without escapes.
    #[inline]
    pub(super) const fn plain(written: &'a [u8]) -> Self {
        let plain = true;
        Self { written, plain }
    }

    /// As it is written, quotes and escapes included.
    pub const fn as_written(self) -> &'a [u8] {
        self.written
    }

    /// Whether it is a string.
    pub const fn is_string(self) -> bool {
        matches!(self.written.first(), Some(b'"'))
    }

    /// What a string says, and of anything else its text, as the official client sees it.
    ///
    /// Nothing is lost: bytes that are not UTF-8 stay as they are, and a lone surrogate (`\ud800`)
    /// becomes its three-byte form `ED A0 80`, which is not UTF-8 either (threat model, NAM-6).
    #[inline]
    pub fn bytes(self) -> Cow<'a, [u8]> {
        match self.written {
            [b'"', inside @ .., b'"'] if !self.plain && inside.contains(&b'\\') => {
                Cow::Owned(unescape(inside))
            }
            [b'"', inside @ .., b'"'] => Cow::Borrowed(inside),
            other => Cow::Borrowed(other),
        }
    }

    /// The same as text. `None` if it is not well-formed.
    pub fn text(self) -> Option<Cow<'a, str>> {
        match self.bytes() {
            Cow::Borrowed(bytes) => core::str::from_utf8(bytes).ok().map(Cow::Borrowed),
            Cow::Owned(bytes) => String::from_utf8(bytes).ok().map(Cow::Owned),
        }
    }
}

impl fmt::Debug for RawValue<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&String::from_utf8_lossy(self.written), f)
    }
}

/// Appends a string as JSON, quotes included, in the dialect that every client reads: only the
/// quote, the backslash and controls are escaped, everything else is raw UTF-8 (crypto-and-accounts
/// 5.2).
pub(super) fn write_string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    for byte in text.bytes() {
        let short = match byte {
            b'"' | b'\\' => byte,
            b'\n' => b'n',
            b'\r' => b'r',
            0x08 => b'b',
            0x0c => b'f',
            b'\t' => b't',
            0..32 => {
                out.extend_from_slice(b"\\u00");
                out.extend([byte >> 4, byte & 15].map(|digit| match digit {
                    0..10 => b'0' + digit,
                    _ => b'a' - 10 + digit,
                }));
                continue;
            }
            _ => {
                out.push(byte);
                continue;
            }
        };
        out.extend_from_slice(&[b'\\', short]);
    }
    out.push(b'"');
}

/// Resolves escapes. One that is not JSON stands for the escaped character, as in the official
/// client.
fn unescape(written: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(written.len());
    let mut rest = written;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        let Some((&escaped, after)) = rest.split_first() else {
            break;
        };
        rest = after;
        match escaped {
            b'n' => out.push(b'\n'),
            b'r' => out.push(b'\r'),
            b'b' => out.push(0x08),
            b'f' => out.push(0x0c),
            b't' => out.push(b'\t'),
            b'u' => match four_digits(rest) {
                Some((unit, after)) => {
                    rest = after;
                    let pair = matches!(unit, 0xd800..0xdc00)
                        .then(|| four_digits(rest.strip_prefix(b"\\u")?))
                        .flatten()
                        .filter(|(low, _)| matches!(low, 0xdc00..0xe000));
                    let code = match pair {
                        Some((low, after)) => {
                            rest = after;
                            0x10000 + ((u32::from(unit) - 0xd800) << 10) + (u32::from(low) - 0xdc00)
                        }
                        None => u32::from(unit),
                    };
                    push_code(code, &mut out);
                }
                None => out.push(b'u'),
            },
            other => out.push(other),
        }
    }
    out
}

fn four_digits(text: &[u8]) -> Option<(u16, &[u8])> {
    let (digits, rest) = text.split_first_chunk::<4>()?;
    let unit = digits.iter().try_fold(0u16, |unit, digit| {
        let value = char::from(*digit).to_digit(16)?;
        Some(unit << 4 | u16::try_from(value).ok()?)
    })?;
    Some((unit, rest))
}

/// Appends a code point in UTF-8; a surrogate in the three bytes that the same scheme gives.
fn push_code(code: u32, out: &mut Vec<u8>) {
    match char::from_u32(code) {
        Some(character) => out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
        None => {
            let [_, _, high, low] = code.to_be_bytes();
            out.extend_from_slice(&[
                0xe0 | high >> 4,
                0x80 | (high & 15) << 2 | low >> 6,
                0x80 | low & 63,
            ]);
        }
    }
}

//! From a raw name to a stored name (filename-encoding 4).

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use crate::Mask;
use crate::replacement::{AsciiSet, PERIOD, QUOTE, Token, first_token, plain, replacement};
use crate::splice::Splice;

impl Mask {
    /// Encodes a raw name, any bytes, into the form in which it is stored.
    ///
    /// Never fails. Lends the input when nothing changes, and takes time linear in its length; the
    /// result is at most five times as long.
    ///
    /// ```
    /// use mega_filename::Mask;
    ///
    /// assert_eq!(&*Mask::MEGA.encode("a/b"), "a／b".as_bytes());
    /// assert_eq!(&*Mask::MEGA.encode(".."), "．．".as_bytes());
    /// assert_eq!(&*Mask::MEGA.encode(b"caf\xe9"), "caf‛E9".as_bytes());
    /// ```
    #[must_use]
    pub fn encode<'a, N: AsRef<[u8]> + ?Sized>(self, name: &'a N) -> Cow<'a, [u8]> {
        encode(self, name.as_ref())
    }

    /// [`encode`](Mask::encode) for a name that is text: what begins as UTF-8 stays UTF-8.
    ///
    /// ```
    /// assert_eq!(mega_filename::Mask::MEGA.encode_str("1/2"), "1／2");
    /// ```
    #[must_use]
    pub fn encode_str(self, name: &str) -> Cow<'_, str> {
        match encode(self, name.as_bytes()) {
            Cow::Borrowed(_) => Cow::Borrowed(name),
            Cow::Owned(bytes) => Cow::Owned(text(bytes)),
        }
    }

    /// Encodes a raw name into the text MEGA stores: [`encode`](Mask::encode) with
    /// [`Mask::INVALID_UTF8`] added, so that there is always text.
    ///
    /// ```
    /// use mega_filename::Mask;
    ///
    /// let stored = Mask::MEGA.encode_to_str(b"\xff/x");
    /// assert_eq!(stored, "‛FF／x");
    /// assert_eq!(&*Mask::MEGA.decode(&*stored), b"\xff/x");
    /// ```
    ///
    /// [`Mask::RAW`] has no way to write such bytes; under it each one becomes U+FFFD.
    #[must_use]
    pub fn encode_to_str<'a, N: AsRef<[u8]> + ?Sized>(self, name: &'a N) -> Cow<'a, str> {
        let mask = if self.is_raw() {
            self
        } else {
            self | Self::INVALID_UTF8
        };
        match encode(mask, name.as_ref()) {
            Cow::Borrowed(bytes) => String::from_utf8_lossy(bytes),
            Cow::Owned(bytes) => Cow::Owned(text(bytes)),
        }
    }
}

/// The whole of filename-encoding 4.
pub(crate) fn encode(mask: Mask, name: &[u8]) -> Cow<'_, [u8]> {
    if mask.is_raw() || name.is_empty() {
        return Cow::Borrowed(name);
    }
    if mask.contains(Mask::DOT)
        && let Some(stored) = dot(name)
    {
        return Cow::Owned(stored);
    }
    let mut out = Splice::new(name);
    let start = prefix(&mut out, name, AsciiSet::left(mask));
    let (end, suffix) = suffix(name, start, AsciiSet::right(mask));
    body(
        &mut out,
        mask,
        name.get(start..end).unwrap_or_default(),
        start,
    );
    match suffix {
        Some(Edge::Plain(c)) => out.replace(end, 1, &replacement(c)),
        Some(Edge::Replacement) => out.replace(end, 0, &QUOTE),
        None => {}
    }
    out.finish()
}

/// The four whole names that [`Mask::DOT`] replaces.
fn dot(name: &[u8]) -> Option<Vec<u8>> {
    if name == b"." {
        Some(PERIOD.to_vec())
    } else if name == b".." {
        Some([PERIOD, PERIOD].concat())
    } else if name == PERIOD {
        Some([QUOTE, PERIOD].concat())
    } else if name.strip_prefix(&PERIOD) == Some(&PERIOD) {
        Some([QUOTE, PERIOD, QUOTE, PERIOD].concat())
    } else {
        None
    }
}

/// What was found at an edge of a name.
enum Edge {
    /// A character that is replaced.
    Plain(u8),
    /// The replacement of such a character, which is quoted.
    Replacement,
}

/// Writes the first rune if the edge set names it, and says where the body begins.
fn prefix(out: &mut Splice<'_>, name: &[u8], left: AsciiSet) -> usize {
    match first_token(name) {
        Some(Token::Byte(c)) if left.contains(c) => {
            out.replace(0, 1, &replacement(c));
            1
        }
        Some(Token::Stands(c)) if left.contains(c) => {
            out.replace(0, 0, &QUOTE);
            3
        }
        _ => 0,
    }
}

/// Finds the last rune at or after `start` that the edge set names: where it begins, and what it is.
fn suffix(name: &[u8], start: usize, right: AsciiSet) -> (usize, Option<Edge>) {
    let rest = name.get(start..).unwrap_or_default();
    let whole = name.len();
    if let Some(&c) = rest.last()
        && right.contains(c)
    {
        return (whole.saturating_sub(1), Some(Edge::Plain(c)));
    }
    let stands = rest.last_chunk::<3>().and_then(|three| plain(*three));
    match stands {
        Some(c) if right.contains(c) => (whole.saturating_sub(3), Some(Edge::Replacement)),
        _ => (whole, None),
    }
}

/// Writes what lies between the edges; `offset` is where it begins in the source.
fn body(out: &mut Splice<'_>, mask: Mask, body: &[u8], mut offset: usize) {
    let anywhere = AsciiSet::anywhere(mask);
    if !mask.contains(Mask::INVALID_UTF8) {
        runes(out, anywhere, body, offset);
        return;
    }
    for chunk in body.utf8_chunks() {
        runes(out, anywhere, chunk.valid().as_bytes(), offset);
        offset = offset.saturating_add(chunk.valid().len());
        for &byte in chunk.invalid() {
            out.replace(offset, 1, &hex_escape(byte));
            offset = offset.saturating_add(1);
        }
    }
}

/// Replaces what is to be replaced and quotes what could be mistaken for it. Bytes that are not
/// UTF-8 are left alone.
fn runes(out: &mut Splice<'_>, anywhere: AsciiSet, bytes: &[u8], offset: usize) {
    let mut rest = bytes;
    while let Some(token) = first_token(rest) {
        let at = offset.saturating_add(bytes.len().saturating_sub(rest.len()));
        let length = match token {
            Token::Byte(c) => {
                if anywhere.contains(c) {
                    out.replace(at, 1, &replacement(c));
                }
                1
            }
            Token::Quote => {
                out.replace(at, 0, &QUOTE);
                3
            }
            Token::Stands(c) => {
                if anywhere.contains(c) {
                    out.replace(at, 0, &QUOTE);
                }
                3
            }
        };
        rest = rest.get(length..).unwrap_or_default();
    }
}

/// A byte as the quote and two upper-case hex digits.
pub(crate) fn hex_escape(byte: u8) -> [u8; 5] {
    let digit = |nibble: u8| {
        if nibble < 10 {
            b'0' | nibble
        } else {
            nibble.wrapping_add(b'A' - 10)
        }
    };
    let [a, b, c] = QUOTE;
    [a, b, c, digit(byte >> 4), digit(byte & 0xf)]
}

/// Bytes that are known to be UTF-8 as a `String`; were they not, each wrong one becomes U+FFFD.
fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

//! A reader over a window of bytes that may end anywhere.

use std::borrow::Cow;

use memchr::memchr2;

use super::{MAX_STRING, Progress, ValueScanner};

/// Why a read did not succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The window ends inside the value; more bytes may complete it.
    Incomplete,
    /// The bytes are not JSON, or not of the shape wanted.
    Invalid(&'static str),
    /// A bound was exceeded.
    Limit(&'static str),
}

/// A string as it stands between its quotes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RawString<'a> {
    bytes: &'a [u8],
    escaped: bool,
}

impl<'a> RawString<'a> {
    /// The bytes between the quotes, escapes and all.
    pub(crate) fn raw(self) -> &'a [u8] {
        self.bytes
    }

    /// The text, or `None` if it is not UTF-8 or has a broken escape.
    pub(crate) fn text(self) -> Option<Cow<'a, str>> {
        let text = std::str::from_utf8(self.bytes).ok()?;
        if self.escaped {
            unescape(text).map(Cow::Owned)
        } else {
            Some(Cow::Borrowed(text))
        }
    }
}

/// Reads forward; the position moves only over what was understood.
#[derive(Clone, Debug)]
pub(crate) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Whether the end of the bytes is the end of the input.
    last: bool,
}

impl<'a> Cursor<'a> {
    /// A cursor over a whole input.
    pub(crate) fn whole(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            at: 0,
            last: true,
        }
    }

    /// A cursor over the part of an input that has arrived so far.
    pub(crate) fn window(bytes: &'a [u8], last: bool) -> Self {
        Self { bytes, at: 0, last }
    }

    pub(crate) fn position(&self) -> usize {
        self.at
    }

    pub(crate) fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    #[inline]
    pub(crate) fn skip_space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.bytes.get(self.at) {
            self.at += 1;
        }
    }

    /// The next byte that is not white space.
    #[inline]
    pub(crate) fn peek(&mut self) -> Result<u8, Fault> {
        self.skip_space();
        self.bytes.get(self.at).copied().ok_or_else(|| self.ended())
    }

    /// Moves over one byte seen by [`Cursor::peek`].
    #[inline]
    pub(crate) fn bump(&mut self) {
        self.at += 1;
    }

    /// Moves over this many bytes, at most to the end.
    pub(crate) fn advance(&mut self, len: usize) {
        self.at = self.at.saturating_add(len).min(self.bytes.len());
    }

    #[inline]
    pub(crate) fn expect(&mut self, byte: u8, what: &'static str) -> Result<(), Fault> {
        if self.peek()? == byte {
            self.bump();
            Ok(())
        } else {
            Err(Fault::Invalid(what))
        }
    }

    /// Whether only white space is left.
    pub(crate) fn at_end(&mut self) -> bool {
        self.skip_space();
        self.at >= self.bytes.len()
    }

    #[inline]
    pub(crate) fn string(&mut self) -> Result<RawString<'a>, Fault> {
        self.expect(b'"', "a string is wanted")?;
        let start = self.at;
        let rest = self.rest();
        // Keys, handles and numbers are short: a look at each byte costs less than a call.
        for (run, byte) in rest.iter().take(SHORT).enumerate() {
            match byte {
                b'"' => {
                    self.at = start + run + 1;
                    let bytes = rest.get(..run).unwrap_or_default();
                    return Ok(RawString {
                        bytes,
                        escaped: false,
                    });
                }
                b'\\' => break,
                _ => {}
            }
        }
        self.long_string(start)
    }

    fn long_string(&mut self, start: usize) -> Result<RawString<'a>, Fault> {
        let mut escaped = false;
        loop {
            let rest = self.rest();
            let Some(run) = memchr2(b'"', b'\\', rest) else {
                let len = self.bytes.len().saturating_sub(start);
                return Err(if len > MAX_STRING {
                    TOO_LONG
                } else {
                    self.ended()
                });
            };
            self.at += run;
            if self.at - start > MAX_STRING {
                return Err(TOO_LONG);
            }
            if rest.get(run) == Some(&b'"') {
                let bytes = self.bytes.get(start..self.at).unwrap_or_default();
                self.at += 1;
                return Ok(RawString { bytes, escaped });
            }
            escaped = true;
            self.at += 2;
            if self.at > self.bytes.len() {
                return Err(self.ended());
            }
        }
    }

    /// The spelling of a number or word.
    #[inline]
    pub(crate) fn scalar(&mut self) -> Result<&'a [u8], Fault> {
        self.peek()?;
        let rest = self.rest();
        let len = rest
            .iter()
            .position(|b| matches!(b, b',' | b']' | b'}' | b' ' | b'\n' | b'\r' | b'\t' | b':'))
            .map_or_else(
                || {
                    if self.last {
                        Ok(rest.len())
                    } else {
                        Err(Fault::Incomplete)
                    }
                },
                Ok,
            )?;
        if len == 0 {
            return Err(Fault::Invalid("a value is wanted"));
        }
        self.at += len;
        Ok(rest.get(..len).unwrap_or_default())
    }

    /// Moves over one value of any kind and returns its bytes.
    pub(crate) fn skip_value(&mut self) -> Result<&'a [u8], Fault> {
        self.peek()?;
        let rest = self.rest();
        let mut scanner = ValueScanner::default();
        let len = match scanner.feed(rest)? {
            Progress::Done(len) => len,
            Progress::More if self.last && scanner.complete_at_end() => rest.len(),
            Progress::More => return Err(self.ended()),
        };
        self.at += len;
        Ok(rest.get(..len).unwrap_or_default())
    }

    /// The comma before the next element, or the end of the container. `first` says whether no
    /// element has been read yet. Returns whether an element follows.
    #[inline]
    pub(crate) fn next_member(&mut self, close: u8, first: bool) -> Result<bool, Fault> {
        let byte = self.peek()?;
        if byte == close {
            self.bump();
            return Ok(false);
        }
        if first {
            return Ok(true);
        }
        if byte != b',' {
            return Err(Fault::Invalid("a comma is wanted"));
        }
        self.bump();
        Ok(true)
    }

    fn ended(&self) -> Fault {
        if self.last {
            Fault::Invalid("the text ends too early")
        } else {
            Fault::Incomplete
        }
    }
}

/// The value of a number spelled as an integer that fits.
#[inline]
pub(crate) fn parse_i64(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text.split_first()? {
        (b'-', rest) => (true, rest),
        _ => (false, text),
    };
    if digits.is_empty() {
        return None;
    }
    let mut value = 0i64;
    for digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        // Counted downwards, so that the smallest number fits too.
        value = value
            .checked_mul(10)?
            .checked_sub(i64::from(digit - b'0'))?;
    }
    if negative {
        Some(value)
    } else {
        value.checked_neg()
    }
}

/// Resolves the escapes of a JSON string; `None` for a broken one or half of a surrogate pair.
fn unescape(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        let (plain, tail) = rest.split_at_checked(at)?;
        out.push_str(plain);
        let mut tail = tail.get(1..)?;
        let kind = tail.chars().next()?;
        tail = tail.get(kind.len_utf8()..)?;
        out.push(match kind {
            '"' | '\\' | '/' => kind,
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => {
                let high = hex4(tail)?;
                tail = tail.get(4..)?;
                if (0xd800..0xdc00).contains(&high) {
                    let pair = tail.strip_prefix("\\u")?;
                    let low = hex4(pair)?;
                    tail = pair.get(4..)?;
                    if !(0xdc00..0xe000).contains(&low) {
                        return None;
                    }
                    char::from_u32(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00))?
                } else {
                    char::from_u32(high)?
                }
            }
            _ => return None,
        });
        rest = tail;
    }
    out.push_str(rest);
    Some(out)
}

fn hex4(text: &str) -> Option<u32> {
    let digits = text.get(..4)?;
    if digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        u32::from_str_radix(digits, 16).ok()
    } else {
        None
    }
}

/// Where a string ends or has an escape. Keys, handles and numbers are short: two looks at eight bytes cost less than a call.
#[inline]
pub(super) fn find_end(text: &[u8]) -> Option<usize> {
    let Some((head, tail)) = text.split_first_chunk::<16>() else {
        return text.iter().position(|byte| matches!(byte, b'"' | b'\\'));
    };
    let head = u128::from_le_bytes(*head);
    // Marks the bytes that are zero at their highest bits. The lowest mark is exact; only above a match another may be false.
    let zeros = |word: u128| word.wrapping_sub(ONES) & !word & (ONES << 7);
    let marks = zeros(head ^ (ONES * u128::from(b'"'))) | zeros(head ^ (ONES * u128::from(b'\\')));
    if marks != 0 {
        return usize::try_from(marks.trailing_zeros() / 8).ok();
    }
    memchr2(b'"', b'\\', tail).map(|at| at.saturating_add(16))
}

const ONES: u128 = u128::from_le_bytes([1; 16]);

/// Strings up to this length are searched byte by byte.
const SHORT: usize = 12;
const TOO_LONG: Fault = Fault::Limit("string too long");

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn integers_are_read_over_their_whole_range() {
        assert_eq!(parse_i64(b"-9223372036854775808"), Some(i64::MIN));
        assert_eq!(parse_i64(b"9223372036854775807"), Some(i64::MAX));
        for bad in ["9223372036854775808", "1.5", "1e3", "", "-", "+1", "NaN"] {
            assert_eq!(parse_i64(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn tre_14_lone_surrogates_and_broken_escapes_are_refused() {
        for bad in [r"\ud800", r"\udc00", r"\ud800A", r"\x", r"\u12", r"\u+123"] {
            assert_eq!(unescape(bad), None, "{bad}");
        }
        assert_eq!(
            unescape(r"\ud83d\ude00\/\n").as_deref(),
            Some("\u{1f600}/\n")
        );
    }

    proptest! {
        #[test]
        fn the_end_is_found_where_a_look_at_each_byte_finds_it(
            text in prop::collection::vec(prop::sample::select(&[0_u8, 1, 0x21, 0x22, 0x23, 0x5b, 0x5c, 0x5d, 0x80, 0xa2, 0xdc, 0xff][..]), 0..40),
            plain: Vec<u8>,
        ) {
            for text in [&text, &plain] {
                let wanted = text.iter().position(|byte| matches!(byte, b'"' | b'\\'));
                prop_assert_eq!(find_end(text), wanted);
            }
        }

        #[test]
        fn strings_read_as_serde_json_wrote_them(text: String) {
            let json = serde_json::to_string(&text).unwrap();
            let read = Cursor::whole(json.as_bytes()).string().unwrap();
            prop_assert_eq!(read.text().unwrap(), text);
        }
    }
}

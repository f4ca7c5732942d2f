//! From a stored name back to a raw name (filename-encoding 6).

use alloc::borrow::Cow;
use alloc::vec::Vec;

use crate::Mask;
use crate::replacement::{AsciiSet, PERIOD, QUOTE, Token, first_token, plain};
use crate::splice::Splice;

impl Mask {
    /// Decodes a stored name into the raw name, which may be any bytes.
    ///
    /// Never fails: what [`encode`](Mask::encode) would not have written is read as the reference
    /// reads it, and stays mostly as it is. Lends the input when nothing changes, and takes time
    /// linear in its length.
    ///
    /// ```
    /// use mega_filename::Mask;
    ///
    /// assert_eq!(&*Mask::MEGA.decode("a／b"), b"a/b");
    /// assert_eq!(&*Mask::MEGA.decode("caf‛E9"), b"caf\xe9");
    /// ```
    #[must_use]
    pub fn decode<'a, N: AsRef<[u8]> + ?Sized>(self, name: &'a N) -> Cow<'a, [u8]> {
        decode(self, name.as_ref(), Suffix::Reference)
    }
}

/// How the quote before a replaced suffix is read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Suffix {
    /// As the reference does: a quote there always belongs to the suffix, although it may end a
    /// doubled one (filename-encoding 9, first loss).
    Reference,
    /// By counting: only an odd number of quotes leaves one for the suffix.
    Counted,
}

/// The whole of filename-encoding 6.
pub(crate) fn decode(mask: Mask, name: &[u8], reading: Suffix) -> Cow<'_, [u8]> {
    // Whatever is read as something else begins with a byte that ASCII does not have (filename-encoding 2).
    if mask.is_raw() || name.is_ascii() {
        return Cow::Borrowed(name);
    }
    if mask.contains(Mask::DOT)
        && let Some(raw) = dot(name)
    {
        return Cow::Owned(raw);
    }
    let mut out = Splice::new(name);
    let start = prefix(&mut out, name, AsciiSet::left(mask));
    let suffix = suffix(name, start, AsciiSet::right(mask), reading);
    let end = suffix.as_ref().map_or(name.len(), |suffix| suffix.at);
    body(&mut out, mask, name.get(..end).unwrap_or_default(), start);
    match suffix {
        Some(Edge {
            at, quoted: true, ..
        }) => out.replace(at, QUOTE.len(), &[]),
        Some(Edge { at, plain, .. }) => out.replace(at, PERIOD.len(), &[plain]),
        None => {}
    }
    out.finish()
}

/// The four whole names that stand for those [`Mask::DOT`] replaces.
fn dot(name: &[u8]) -> Option<Vec<u8>> {
    let (one, rest) = name.split_at_checked(PERIOD.len())?;
    if one == PERIOD {
        return match rest {
            [] => Some(b".".to_vec()),
            rest => (rest == PERIOD).then(|| b"..".to_vec()),
        };
    }
    if one != QUOTE {
        return None;
    }
    if rest == PERIOD {
        return Some(PERIOD.to_vec());
    }
    let last = rest.strip_prefix(&PERIOD)?.strip_prefix(&QUOTE)?;
    (last == PERIOD).then(|| [PERIOD, PERIOD].concat())
}

/// A replaced or quoted rune at the end of a name.
struct Edge {
    /// Where it begins, its quote included.
    at: usize,
    /// What it stands for when it is not quoted.
    plain: u8,
    quoted: bool,
}

/// Reads a replaced or quoted first rune, and says where the body begins.
fn prefix(out: &mut Splice<'_>, name: &[u8], left: AsciiSet) -> usize {
    match first_token(name) {
        Some(Token::Stands(c)) if left.contains(c) => {
            out.replace(0, 3, &[c]);
            3
        }
        Some(Token::Quote) => match first_token(name.get(3..).unwrap_or_default()) {
            Some(Token::Stands(c)) if left.contains(c) => {
                out.replace(0, 3, &[]);
                6
            }
            _ => 0,
        },
        _ => 0,
    }
}

/// Finds a replaced or quoted last rune at or after `start`.
fn suffix(name: &[u8], start: usize, right: AsciiSet, reading: Suffix) -> Option<Edge> {
    let (rest, last) = name.get(start..)?.split_last_chunk::<3>()?;
    let plain = plain(*last).filter(|c| right.contains(*c))?;
    let quotes = rest
        .rchunks_exact(QUOTE.len())
        .take_while(|three| *three == QUOTE)
        .count();
    let quoted = match reading {
        Suffix::Reference => quotes > 0,
        Suffix::Counted => quotes % 2 == 1,
    };
    let length = if quoted {
        QUOTE.len().saturating_mul(2)
    } else {
        QUOTE.len()
    };
    Some(Edge {
        at: name.len().saturating_sub(length),
        plain,
        quoted,
    })
}

/// Reads from `start` to the end of `name`.
fn body(out: &mut Splice<'_>, mask: Mask, name: &[u8], start: usize) {
    let anywhere = AsciiSet::anywhere(mask);
    let hex = mask.contains(Mask::INVALID_UTF8);
    // Where the quote stands that was just passed, if the next rune is quoted.
    let mut quote: Option<usize> = None;
    let mut at = start;
    while let Some(token) = first_token(name.get(at..).unwrap_or_default()) {
        let before = quote.take();
        let length = match (token, before) {
            (Token::Quote, None) => {
                quote = Some(at);
                3
            }
            (Token::Quote, Some(quote)) => {
                out.replace(quote, 3, &[]);
                3
            }
            (Token::Stands(c), _) if !anywhere.contains(c) => 3,
            (Token::Stands(c), None) => {
                out.replace(at, 3, &[c]);
                3
            }
            (Token::Stands(_), Some(quote)) => {
                out.replace(quote, 3, &[]);
                3
            }
            (Token::Byte(high), Some(quote)) if hex => {
                let low = name.get(at.saturating_add(1)).copied();
                match hex_pair(high, low) {
                    Some(byte) => {
                        out.replace(quote, 5, &[byte]);
                        2
                    }
                    None => 1,
                }
            }
            (Token::Byte(_), _) => 1,
        };
        at = at.saturating_add(length);
    }
}

/// The byte that two ASCII hex digits name, either case.
fn hex_pair(high: u8, low: Option<u8>) -> Option<u8> {
    let digit = |c: u8| {
        char::from(c)
            .to_digit(16)
            .and_then(|d| u8::try_from(d).ok())
    };
    Some((digit(high)? << 4) | digit(low?)?)
}

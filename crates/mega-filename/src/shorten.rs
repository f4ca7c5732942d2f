//! Names that are too long for a local file system (threat model NAM-9).

use alloc::vec::Vec;

use crate::replacement::QUOTE;
use crate::sha256::sha256;

/// How the length of a name is counted, and how much is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Limit {
    /// At most 255 bytes.
    Bytes,
    /// At most 255 UTF-16 code units.
    Utf16,
}

impl Limit {
    const MOST: usize = 255;

    /// Whether the name is longer than allowed.
    pub(crate) fn is_exceeded_by(self, name: &[u8]) -> bool {
        self.length(name) > Self::MOST
    }

    fn length(self, name: &[u8]) -> usize {
        name.iter()
            .fold(0, |sum: usize, byte| sum.saturating_add(self.cost(*byte)))
    }

    /// What a byte of well-formed UTF-8 adds to the length.
    fn cost(self, byte: u8) -> usize {
        match (self, byte) {
            (Self::Bytes, _) => 1,
            (Self::Utf16, 0x80..=0xbf) => 0,
            (Self::Utf16, 0xf0..) => 2,
            (Self::Utf16, _) => 1,
        }
    }

    /// As much of the beginning of the name as costs at most `budget`, whole characters only.
    fn head(self, name: &[u8], budget: usize) -> &[u8] {
        let mut cost: usize = 0;
        let fits = |byte: &&u8| {
            cost = cost.saturating_add(self.cost(**byte));
            cost <= budget
        };
        let mut end = name.iter().take_while(fits).count();
        if end < name.len() {
            // Not inside a character; a character has at most three bytes that continue it.
            for _ in 0..3 {
                if name.get(end).is_some_and(|byte| byte & 0xc0 == 0x80) {
                    end = end.saturating_sub(1);
                }
            }
        }
        name.get(..end).unwrap_or_default()
    }
}

/// The beginning of an escaped name, a mark with a hash of what the name is, and its extension.
///
/// The mark is a single quote and a tilde, which no escaped name contains, so that the outcome is
/// never the name of another node (NAM-10).
pub(crate) fn marked(escaped: &[u8], identity: &[&[u8]], limit: Limit) -> Vec<u8> {
    let extension = extension(escaped);
    let body = escaped
        .get(..escaped.len().saturating_sub(extension.len()))
        .unwrap_or_default();
    let mark = mark(identity);
    let taken = limit.length(&mark).saturating_add(limit.length(extension));
    let mut head = limit.head(body, Limit::MOST.saturating_sub(taken));
    while let Some(shorter) = head.strip_suffix(&QUOTE) {
        head = shorter;
    }
    [head, &mark, extension].concat()
}

/// Whether the name has the form that [`marked`] gives.
pub(crate) fn is_marked(name: &[u8]) -> bool {
    let without = name
        .get(..name.len().saturating_sub(extension(name).len()))
        .unwrap_or_default();
    [name, without].into_iter().any(|name| {
        let Some((rest, hash)) = name.split_last_chunk::<HASH_LENGTH>() else {
            return false;
        };
        let Some(head) = rest
            .strip_suffix(b"~")
            .and_then(|rest| rest.strip_suffix(&QUOTE))
        else {
            return false;
        };
        // Without regard to case, for file systems that have none.
        hash.iter()
            .all(|c| ALPHABET.contains(&c.to_ascii_lowercase()))
            && !head.ends_with(&QUOTE)
    })
}

/// The last dot and what follows, if that is short and plain; else nothing.
fn extension(name: &[u8]) -> &[u8] {
    let letters = name
        .iter()
        .rev()
        .take_while(|byte| byte.is_ascii_alphanumeric())
        .count();
    let start = name.len().saturating_sub(letters.saturating_add(1));
    match name.get(start..) {
        Some(found @ [b'.', ..]) if (1..=15).contains(&letters) && start > 0 => found,
        _ => &[],
    }
}

/// The quote, a tilde, and 130 bits of the hash in base 32.
fn mark(identity: &[&[u8]]) -> Vec<u8> {
    let digest = sha256(identity);
    let mut mark = QUOTE.to_vec();
    mark.push(b'~');
    let (mut pending, mut bits) = (0u32, 0u32);
    let mut bytes = digest.into_iter();
    for _ in 0..HASH_LENGTH {
        if bits < 5 {
            pending = (pending << 8) | u32::from(bytes.next().unwrap_or_default());
            bits = bits.saturating_add(8);
        }
        bits = bits.saturating_sub(5);
        let digit = usize::try_from((pending >> bits) & 31).unwrap_or_default();
        mark.push(ALPHABET.get(digit).copied().unwrap_or_default());
    }
    mark
}

/// Digits and lower-case letters that are not easily confused, and that no file system folds together.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const HASH_LENGTH: usize = 26;

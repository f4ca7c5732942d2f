//! Where an account stands: the position on the event channel and the tags of commands.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use crate::base64;
use crate::handle::InvalidHandle;

/// A position on the event channel (`sn`): everything up to it has been seen.
///
/// Eight opaque bytes, eleven characters. It is never zero: a zero position means that the service
/// has none to give (api-and-transfers 0.2), and parsing refuses it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SequenceNumber([u8; 8]);

impl SequenceNumber {
    /// The position made of these bytes; `None` for eight zero bytes.
    pub fn from_bytes(bytes: [u8; 8]) -> Option<Self> {
        (bytes != [0; 8]).then_some(Self(bytes))
    }

    /// The bytes of the position.
    pub const fn to_bytes(self) -> [u8; 8] {
        self.0
    }

    /// Reads the text form from bytes that need not be UTF-8.
    pub fn from_text(text: &[u8]) -> Option<Self> {
        base64::decode_exact(text).and_then(Self::from_bytes)
    }
}

impl fmt::Display for SequenceNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&base64::encode(&self.0))
    }
}

impl fmt::Debug for SequenceNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SequenceNumber({self})")
    }
}

impl FromStr for SequenceNumber {
    type Err = InvalidHandle;

    fn from_str(text: &str) -> Result<Self, InvalidHandle> {
        Self::from_text(text.as_bytes()).ok_or(InvalidHandle {
            what: "sequence number other than zero",
            chars: 11,
        })
    }
}

impl crate::json::FromText for SequenceNumber {
    const WHAT: &'static str = "sequence number";

    fn from_text(text: &str) -> Option<Self> {
        Self::from_text(text.as_bytes())
    }
}

/// The tag of a change (`st`). The reply of a command carries it, and so do the event packets that
/// the command causes, which is how a client knows when its own change has arrived.
///
/// Tags grow: they are ordered by length, then byte by byte (api-and-transfers 2.6).
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct SequenceTag(Box<str>);

impl SequenceTag {
    /// The longest tag accepted.
    pub const MAX_LEN: usize = 64;

    /// The text of the tag.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Ord for SequenceTag {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.0.len(), &self.0).cmp(&(other.0.len(), &other.0))
    }
}

impl PartialOrd for SequenceTag {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for SequenceTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for SequenceTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SequenceTag({self})")
    }
}

/// Why a text is not a sequence tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a sequence tag is 1 to {} visible ASCII characters",
    SequenceTag::MAX_LEN
)]
#[non_exhaustive]
pub struct InvalidSequenceTag;

impl FromStr for SequenceTag {
    type Err = InvalidSequenceTag;

    fn from_str(text: &str) -> Result<Self, InvalidSequenceTag> {
        let fits = (1..=Self::MAX_LEN).contains(&text.len());
        if fits && text.bytes().all(|b| b.is_ascii_graphic()) {
            Ok(Self(text.into()))
        } else {
            Err(InvalidSequenceTag)
        }
    }
}

impl crate::json::FromText for SequenceTag {
    const WHAT: &'static str = "sequence tag";

    fn from_text(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_ordered_by_length_then_bytes() {
        let tag = |s: &str| s.parse::<SequenceTag>().unwrap();
        assert!(tag("9") < tag("10"));
        assert!(tag("12A") < tag("12B"));
        assert!(tag("ZZ") < tag("aaa"));
    }

    #[test]
    fn a_zero_position_is_no_position() {
        assert!("AAAAAAAAAAA".parse::<SequenceNumber>().is_err());
        assert_eq!(
            "AAAAAAAAAAE".parse::<SequenceNumber>().unwrap().to_bytes()[7],
            1
        );
    }
}

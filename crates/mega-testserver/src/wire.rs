//! Encodings of the wire: URL-safe base64 without padding, and the handles written in it.
//!
//! Facts: api-and-transfers 0.2, crypto-and-accounts 1.1 and 1.3.

use std::fmt;

use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};

/// Writes bytes as URL-safe base64 without padding.
#[must_use]
pub fn b64(bytes: &[u8]) -> String {
    ENGINE.encode(bytes)
}

/// Reads base64 as the service does: both alphabets, padding tolerated, surplus low bits ignored.
///
/// Returns `None` when a character is outside the alphabet or one character is left over.
#[must_use]
pub fn unb64(text: &str) -> Option<Vec<u8>> {
    let text = text.trim_end_matches('=');
    if text.bytes().any(|b| b == b'+' || b == b'/') {
        return ENGINE.decode(text.replace('+', "-").replace('/', "_")).ok();
    }
    ENGINE.decode(text).ok()
}

/// Reads base64 that must decode to exactly `N` bytes.
#[must_use]
pub fn unb64_exact<const N: usize>(text: &str) -> Option<[u8; N]> {
    unb64(text)?.try_into().ok()
}

const ENGINE: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

macro_rules! handle {
    ($(#[$doc:meta])* $name:ident, $bytes:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; $bytes]);

        impl $name {
            /// Reads the base64 text of a handle; `None` when it is not exactly one handle.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                unb64_exact(text).map(Self)
            }
        }

        impl $name {
            /// Writes the base64 text. Listings have millions of them, so none is allocated.
            pub(crate) fn write(&self, out: &mut impl fmt::Write) -> fmt::Result {
                let mut text = [0; 12];
                let len = ENGINE.encode_slice(self.0, &mut text).unwrap_or(0);
                let text = text.get(..len).unwrap_or_default();
                out.write_str(std::str::from_utf8(text).unwrap_or_default())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.write(f)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let text = <String as serde::Deserialize>::deserialize(from)?;
                Self::parse(&text).ok_or_else(|| serde::de::Error::custom("no handle"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), b64(&self.0))
            }
        }
    };
}

handle!(
    /// A node: 6 bytes, 8 characters on the wire.
    NodeHandle, 6
);
handle!(
    /// A public link: 6 bytes, 8 characters, a number space of its own.
    PublicHandle, 6
);
handle!(
    /// A user: 8 bytes, 11 characters on the wire.
    UserHandle, 8
);
handle!(
    /// A stored file attribute (thumbnail, preview): 8 bytes, 11 characters.
    AttributeHandle, 8
);
handle!(
    /// A pending contact request: 8 bytes, 11 characters.
    RequestHandle, 8
);
handle!(
    /// A set (album or playlist): 8 bytes, 11 characters.
    SetHandle, 8
);
handle!(
    /// An element of a set: 8 bytes, 11 characters.
    ElementHandle, 8
);
handle!(
    /// A contact link: 6 bytes, 8 characters, a number space of its own.
    ContactLinkHandle, 6
);
handle!(
    /// A backup or a sync that a client registered: 8 bytes, 11 characters.
    BackupHandle, 8
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_written_without_padding_and_read_in_both_alphabets() {
        assert_eq!(b64(&[0xfb, 0xff]), "-_8");
        assert_eq!(unb64("-_8"), Some(vec![0xfb, 0xff]));
        assert_eq!(unb64("+/8="), Some(vec![0xfb, 0xff]));
        assert_eq!(
            unb64("-_9"),
            Some(vec![0xfb, 0xff]),
            "surplus low bits are ignored"
        );
        assert_eq!(unb64("A"), None, "one character carries no byte");
        assert_eq!(unb64("a:b"), None);
    }

    #[test]
    fn a_handle_has_exactly_its_length() {
        assert_eq!(NodeHandle::parse("AAAAAAAA"), Some(NodeHandle([0; 6])));
        assert_eq!(NodeHandle::parse("AAAAAAA"), None);
        assert_eq!(
            UserHandle::parse("AAAAAAAAAAE").map(|u| u.to_string()),
            Some("AAAAAAAAAAE".into())
        );
    }
}

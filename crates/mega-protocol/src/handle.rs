//! The names of things on the wire: nodes, links, users, sessions.
//!
//! Handles are opaque byte strings, never numbers (crypto-and-accounts 1.3). They are parsed once,
//! at the wall, into a fixed number of bytes, so a handle in hand is always well formed. Text that
//! differs only in the unused low bits or in the old base64 alphabet gives the same handle (TRE-12).

use std::fmt;
use std::str::FromStr;

use crate::base64;

/// Why a text is not a handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a {what}: {chars} characters of URL-safe base64 are needed")]
#[non_exhaustive]
pub struct InvalidHandle {
    /// The kind of handle that was wanted.
    pub what: &'static str,
    /// How many characters its text has.
    pub chars: usize,
}

macro_rules! handle {
    ($(#[$meta:meta])* $name:ident, $len:literal bytes, $chars:literal characters, $what:literal) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; $len]);

        impl $name {
            /// The number of bytes.
            pub const LEN: usize = $len;

            /// The handle made of these bytes.
            pub const fn from_bytes(bytes: [u8; $len]) -> Self {
                Self(bytes)
            }

            /// The bytes of the handle.
            pub const fn to_bytes(self) -> [u8; $len] {
                self.0
            }

            /// The bytes of the handle, borrowed.
            pub const fn as_bytes(&self) -> &[u8; $len] {
                &self.0
            }

            /// Reads the text form from bytes that need not be UTF-8.
            #[inline]
            pub fn from_text(text: &[u8]) -> Option<Self> {
                base64::decode_exact(text).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&base64::encode(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl FromStr for $name {
            type Err = InvalidHandle;

            fn from_str(text: &str) -> Result<Self, InvalidHandle> {
                Self::from_text(text.as_bytes())
                    .ok_or(InvalidHandle { what: $what, chars: $chars })
            }
        }

        #[cfg(feature = "serde")]
        #[cfg_attr(docsrs, doc(cfg(feature = "serde")))]
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        #[cfg(feature = "serde")]
        #[cfg_attr(docsrs, doc(cfg(feature = "serde")))]
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(
                deserializer: D,
            ) -> Result<Self, D::Error> {
                struct Text;

                impl serde::de::Visitor<'_> for Text {
                    type Value = $name;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        write!(f, "a {}: {} characters of URL-safe base64", $what, $chars)
                    }

                    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<$name, E> {
                        text.parse().map_err(E::custom)
                    }
                }

                deserializer.deserialize_str(Text)
            }
        }

        impl crate::json::FromText for $name {
            const WHAT: &'static str = $what;

            fn from_text(text: &str) -> Option<Self> {
                Self::from_text(text.as_bytes())
            }
        }
    };
}

handle!(
    /// A file or folder in an account: 6 bytes, 8 characters.
    NodeHandle, 6 bytes, 8 characters, "node handle"
);
handle!(
    /// A public link of a file or folder: 6 bytes, 8 characters, a number space of its own.
    PublicHandle, 6 bytes, 8 characters, "public handle"
);
handle!(
    /// An account: 8 bytes, 11 characters.
    UserHandle, 8 bytes, 11 characters, "user handle"
);
handle!(
    /// One session in the list of an account's sessions: 8 bytes, 11 characters. Not the secret
    /// [`SessionId`](crate::SessionId).
    SessionNumber, 8 bytes, 11 characters, "session number"
);
handle!(
    /// A stored file attribute (thumbnail, preview): 8 bytes, 11 characters.
    AttributeHandle, 8 bytes, 11 characters, "file-attribute handle"
);
handle!(
    /// An invitation that has not been answered: 8 bytes, 11 characters.
    PendingContactHandle, 8 bytes, 11 characters, "pending-contact handle"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_bytes_agree() {
        let handle = NodeHandle::from_bytes([0, 1, 2, 253, 254, 255]);
        assert_eq!(handle.to_string(), "AAEC_f7_");
        assert_eq!("AAEC_f7_".parse(), Ok(handle));
        assert_eq!(format!("{handle:?}"), "NodeHandle(AAEC_f7_)");
    }

    #[cfg(feature = "serde")]
    #[test]
    fn serialised_a_handle_is_its_text_and_nothing_else_is_read_as_one() {
        let handle = NodeHandle::from_bytes([0, 1, 2, 253, 254, 255]);
        let json = serde_json::to_string(&handle).unwrap();
        assert_eq!(json, "\"AAEC_f7_\"");
        assert_eq!(serde_json::from_str::<NodeHandle>(&json).unwrap(), handle);
        for bad in ["\"AAEC_f7\"", "\"\"", "7", "null", "[0,1,2,253,254,255]"] {
            assert!(serde_json::from_str::<NodeHandle>(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn tre_12_text_is_canonicalised_and_wrong_lengths_are_rejected() {
        let canonical: UserHandle = "AAAAAAAAAAE".parse().unwrap();
        assert_eq!("AAAAAAAAAAF".parse(), Ok(canonical));
        assert_eq!(
            NodeHandle::from_text(b"++//++//"),
            NodeHandle::from_text(b"--__--__")
        );
        for bad in [
            "",
            "AAAAAAA",
            "AAAAAAAAA",
            "AAAAAAA!",
            "AAAA AAA",
            "AAAAAAAé",
        ] {
            assert!(bad.parse::<NodeHandle>().is_err(), "{bad:?}");
        }
    }
}

use core::fmt;
use core::str::FromStr;

use crate::{Error, base64};

macro_rules! handle {
    ($(#[$meta:meta])* $name:ident, $len:literal, $chars:literal, $what:literal) => {
        $(#[$meta])*
        ///
        #[doc = concat!(stringify!($len), " bytes, ", stringify!($chars), " characters of base64. An opaque byte string, never a number (crypto-and-accounts 1.3).")]
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; $len]);

        impl $name {
            /// Its length in bytes.
            pub const LEN: usize = $len;

            /// Takes the bytes in the order of the wire.
            pub const fn from_bytes(bytes: [u8; $len]) -> Self {
                Self(bytes)
            }

            /// The bytes in the order of the wire.
            pub const fn to_bytes(self) -> [u8; $len] {
                self.0
            }

            /// The bytes in the order of the wire.
            pub const fn as_bytes(&self) -> &[u8; $len] {
                &self.0
            }

            /// Reads its text.
            ///
            /// # Errors
            ///
            /// [`Error::Base64`] if the text is not base64 or of another length.
            pub fn from_text(text: impl AsRef<[u8]>) -> Result<Self, Error> {
                match base64::decode_array(text) {
                    Ok(bytes) => Ok(Self(bytes)),
                    Err(error) => Err(error.of($what)),
                }
            }

            /// Its text, as ASCII bytes.
            pub fn to_text_bytes(self) -> [u8; $chars] {
                let mut text = [0; $chars];
                base64::encode_exact(&self.0, &mut text);
                text
            }
        }

        impl From<[u8; $len]> for $name {
            fn from(bytes: [u8; $len]) -> Self {
                Self(bytes)
            }
        }

        impl From<$name> for [u8; $len] {
            fn from(handle: $name) -> Self {
                handle.0
            }
        }

        impl FromStr for $name {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self, Error> {
                Self::from_text(text)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(core::str::from_utf8(&self.to_text_bytes()).unwrap_or_default())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }
    };
}

handle! {
    /// Names a node: a file, a folder, a root. A share is named by the handle of its root node.
    NodeHandle, 6, 8, "node handle"
}

handle! {
    /// Names a public link.
    PublicHandle, 6, 8, "public handle"
}

handle! {
    /// Names an account.
    UserHandle, 8, 11, "user handle"
}

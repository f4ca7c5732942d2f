//! Public links: what a person pastes, and what they get to share (crypto-and-accounts 8).
//!
//! ```
//! use mega_crypto::link::{Link, LinkKind};
//!
//! let text = "https://mega.nz/folder/IRMxXDou#_58UUWFgZG2C-poo9bSXeA/file/_e0dTJZK";
//! let Link::Public(link) = Link::parse(text)? else { panic!("it has no password") };
//! assert_eq!(link.kind(), LinkKind::Folder);
//! assert_eq!(link.handle().to_string(), "IRMxXDou");
//! assert_eq!(link.sub_node().unwrap().handle.to_string(), "_e0dTJZK");
//! assert_eq!(*link.to_url(), *text);
//! # Ok::<(), mega_crypto::Error>(())
//! ```
//!
//! A link holds the key to what it points at. No error and no `Debug` shows any part of one (threat
//! model, SEC-5).

mod parse;
mod password;
mod public;

pub use self::password::PasswordLink;
pub use self::public::{CollectionKey, LinkKey, LinkKind, PublicLink, SubKind, SubNode, WriteAuth};

use crate::Error;

/// A link of any kind.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Link {
    /// A link that holds its key, or lacks it.
    Public(PublicLink),
    /// A link whose key is locked with a password.
    Password(PasswordLink),
}

impl Link {
    /// Reads every form of link that MEGA ever had (crypto-and-accounts 8.1), with any host name,
    /// and the bare `HANDLE#KEY`.
    ///
    /// The kind is recognised as the official client does it: the first of `#P!`, `#F!`, `folder/`,
    /// `#!`, `file/`, `collection/` that occurs anywhere in the text. White space around the text
    /// is ignored.
    ///
    /// # Errors
    ///
    /// [`Error::Malformed`] if it is no link or its key is too short or damaged, [`Error::ZeroKey`]
    /// if the key protects nothing, [`Error::Unsupported`] for a password link with an unknown
    /// algorithm, [`Error::TooLarge`] for a text of more than 4096 bytes. A link that merely lacks
    /// its key is no error.
    pub fn parse(text: &str) -> Result<Self, Error> {
        parse::parse(text)
    }
}

impl core::str::FromStr for Link {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::parse(text)
    }
}

/// The site that printed links point to.
const SITE: &str = "https://mega.nz/";

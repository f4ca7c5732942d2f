//! In whose name requests are made.

use std::fmt;
use std::str::FromStr;

use crate::handle::PublicHandle;
use crate::secret::{PrivateText, SessionId};

/// In whose name requests are made: the authorising part of every query string.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Identity {
    /// Nobody's: signing in, public file links.
    #[default]
    Anonymous,
    /// An account's.
    Session(SessionId),
    /// That of a public folder link.
    FolderLink {
        /// The link.
        handle: PublicHandle,
        /// What allows writing, for a writable link.
        write_auth: Option<WriteAuth>,
        /// The account to be charged for transfers.
        session: Option<SessionId>,
    },
}

impl Identity {
    /// The identity of a public folder link for reading.
    pub fn folder_link(handle: PublicHandle) -> Self {
        Self::FolderLink {
            handle,
            write_auth: None,
            session: None,
        }
    }

    /// Whether it is a folder link.
    pub fn is_folder_link(&self) -> bool {
        matches!(self, Self::FolderLink { .. })
    }

    /// Appends the parameters, each with a leading `&`, in the order of the SDK
    /// (`src/megaclient.cpp` getAuthURI). The write authorisation follows the handle without any
    /// separator.
    pub(crate) fn append_query(&self, query: &mut String) {
        let session = match self {
            Self::Anonymous => None,
            Self::Session(session) => Some(session),
            Self::FolderLink {
                handle,
                write_auth,
                session,
            } => {
                query.push_str("&n=");
                query.push_str(&handle.to_string());
                if let Some(auth) = write_auth {
                    query.push_str(auth.0.expose());
                }
                session.as_ref()
            }
        };
        if let Some(session) = session {
            query.push_str("&sid=");
            query.push_str(&session.to_text());
        }
    }
}

/// The text that allows writing into a folder link: characters of URL-safe base64 only.
#[derive(Clone, PartialEq, Eq)]
pub struct WriteAuth(PrivateText);

impl WriteAuth {
    /// The text itself.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

impl fmt::Debug for WriteAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WriteAuth(..)")
    }
}

/// The text is not a write authorisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a write authorisation is 1 to 64 characters of URL-safe base64")]
#[non_exhaustive]
pub struct InvalidWriteAuth;

impl FromStr for WriteAuth {
    type Err = InvalidWriteAuth;

    fn from_str(text: &str) -> Result<Self, InvalidWriteAuth> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        if (1..=64).contains(&text.len()) && text.bytes().all(plain) {
            Ok(Self(text.into()))
        } else {
            Err(InvalidWriteAuth)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_write_authorisation_follows_the_handle_directly() {
        let identity = Identity::FolderLink {
            handle: "AAAAAAAB".parse().unwrap(),
            write_auth: Some("abc-_1".parse().unwrap()),
            session: Some(SessionId::from_bytes([0; 43])),
        };
        let mut query = String::new();
        identity.append_query(&mut query);
        assert_eq!(query, format!("&n=AAAAAAABabc-_1&sid={}", "A".repeat(58)));
        assert!("a&sid=x".parse::<WriteAuth>().is_err());
    }
}

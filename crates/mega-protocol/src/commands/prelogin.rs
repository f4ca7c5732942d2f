//! `us0`: which way of signing in an account wants (crypto-and-accounts 2.2).

use crate::json::{DecodeError, ObjectWriter, Value};
use crate::{Blob, Command, Effect, Lane, PrivateText, ReplyError};

/// Asks how the password of an account is to be processed. Needs no session.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Prelogin {
    /// The e-mail address, without surrounding white space.
    pub email: PrivateText,
}

impl Prelogin {
    /// Asks about the account of this address.
    pub fn new(email: impl Into<PrivateText>) -> Self {
        Self {
            email: email.into(),
        }
    }
}

/// How the password of an account is processed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AccountVersion {
    /// The old way, without salt.
    V1,
    /// PBKDF2 with the account's salt.
    V2 {
        /// The salt; 32 bytes in practice.
        salt: Blob,
    },
}

impl Command for Prelogin {
    type Reply = AccountVersion;

    fn name(&self) -> &str {
        "us0"
    }

    fn lane(&self) -> Lane {
        Lane::Alone
    }

    fn effect(&self) -> Effect {
        Effect::Read
    }

    fn encode(&self, fields: &mut ObjectWriter<'_>) {
        fields.text("user", self.email.expose());
    }

    fn decode(&self, reply: Value<'_>) -> Result<AccountVersion, ReplyError> {
        let reply = reply.object()?;
        match reply.u64("v")? {
            1 => Ok(AccountVersion::V1),
            2 => Ok(AccountVersion::V2 {
                salt: reply.read("s")?,
            }),
            _ => Err(DecodeError::field("v", "unknown account version").into()),
        }
    }
}

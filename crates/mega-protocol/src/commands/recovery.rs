//! `erm`, `erv`, `erx`: getting back into an account, or closing it (crypto-and-accounts 2.16).

use super::{PasswordProof, done};
use crate::json::{DecodeError, ObjectWriter, Value};
use crate::{Blob, Command, Effect, PrivateText, ReplyError, ReplyForm, UserHandle};

/// Asks for the mail that starts a recovery.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RequestRecovery {
    /// The account's address.
    pub email: PrivateText,
    /// What is to happen.
    pub action: RecoveryAction,
    /// The one-time code of the second factor, for closing an account that has it on.
    pub second_factor: Option<PrivateText>,
}

/// What a recovery mail is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecoveryAction {
    /// A new password, with the recovery key.
    WithKey,
    /// A fresh start without the recovery key; the data is lost.
    Park,
    /// Closing the account.
    Close,
    /// Another address.
    ChangeEmail,
    /// A kind this crate does not know.
    Other(i64),
}

impl RequestRecovery {
    /// Asks for the mail.
    pub fn new(email: impl Into<PrivateText>, action: RecoveryAction) -> Self {
        Self {
            email: email.into(),
            action,
            second_factor: None,
        }
    }
}

/// Asks what a recovery code is good for.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CheckRecoveryCode {
    /// The code of the mail.
    pub code: PrivateText,
}

impl CheckRecoveryCode {
    /// Asks about this code.
    pub fn new(code: impl Into<PrivateText>) -> Self {
        Self { code: code.into() }
    }
}

/// The answer to [`CheckRecoveryCode`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecoveryInfo {
    /// What the code is for.
    pub action: RecoveryAction,
    /// The account's address.
    pub email: PrivateText,
    /// The account.
    pub user: Option<UserHandle>,
}

/// Asks for the encrypted private key, against which a recovery key is proven.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FetchRecoveryKeyBlob {
    /// The code of the mail.
    pub code: PrivateText,
}

impl FetchRecoveryKeyBlob {
    /// Asks with this code.
    pub fn new(code: impl Into<PrivateText>) -> Self {
        Self { code: code.into() }
    }
}

/// Ends a recovery.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum FinishRecovery {
    /// Sets a new password; the master key is kept.
    NewPassword {
        /// The code of the mail.
        code: PrivateText,
        /// The master key, encrypted with the new password key.
        master_key: [u8; 16],
        /// How the new password is proven.
        proof: PasswordProof,
    },
    /// Starts afresh with a new master key; the data is lost.
    Park {
        /// The code of the mail.
        code: PrivateText,
        /// The new master key, encrypted with the new password key.
        master_key: [u8; 16],
        /// How the new password is proven.
        proof: PasswordProof,
        /// A challenge of 16 bytes and its encryption with the new master key.
        challenge: [u8; 32],
    },
    /// Closes the account.
    Close {
        /// The code of the mail.
        code: PrivateText,
    },
}

impl RecoveryAction {
    fn number(self) -> i64 {
        match self {
            Self::WithKey => 9,
            Self::Park => 10,
            Self::ChangeEmail => 12,
            Self::Close => 21,
            Self::Other(number) => number,
        }
    }

    fn from_number(number: i64) -> Self {
        match number {
            9 => Self::WithKey,
            10 => Self::Park,
            12 => Self::ChangeEmail,
            21 => Self::Close,
            other => Self::Other(other),
        }
    }
}

impl Command for RequestRecovery {
    type Reply = ();

    fn name(&self) -> &str {
        "erm"
    }

    fn effect(&self) -> Effect {
        Effect::Mutation
    }

    fn form(&self) -> ReplyForm {
        ReplyForm::Done
    }

    fn encode(&self, fields: &mut ObjectWriter<'_>) {
        fields
            .text("m", self.email.expose())
            .number("t", self.action.number());
        if let Some(code) = &self.second_factor {
            fields.text("mfa", code.expose());
        }
    }

    fn decode(&self, reply: Value<'_>) -> Result<(), ReplyError> {
        done(reply)
    }
}

impl Command for CheckRecoveryCode {
    type Reply = RecoveryInfo;

    fn name(&self) -> &str {
        "erv"
    }

    fn effect(&self) -> Effect {
        Effect::Read
    }

    fn encode(&self, fields: &mut ObjectWriter<'_>) {
        fields.text("c", self.code.expose());
    }

    fn decode(&self, reply: Value<'_>) -> Result<RecoveryInfo, ReplyError> {
        // Type, address, IP, time, account, list of addresses.
        let reply = reply.array()?;
        let action = reply
            .first()
            .and_then(|v| v.as_i64())
            .ok_or(DecodeError::new("the kind of code is missing"))?;
        let email = reply
            .get(1)
            .and_then(|v| v.as_text())
            .ok_or(DecodeError::new("the address is missing"))?;
        Ok(RecoveryInfo {
            action: RecoveryAction::from_number(action),
            email: PrivateText::new(email.into_owned()),
            user: reply.get(4).and_then(|v| v.read().ok()),
        })
    }
}

impl Command for FetchRecoveryKeyBlob {
    /// The private key, encrypted with the master key.
    type Reply = Blob;

    fn name(&self) -> &str {
        "erx"
    }

    fn effect(&self) -> Effect {
        Effect::Read
    }

    fn form(&self) -> ReplyForm {
        ReplyForm::Value
    }

    fn encode(&self, fields: &mut ObjectWriter<'_>) {
        fields.text("r", "gk").text("c", self.code.expose());
    }

    fn decode(&self, reply: Value<'_>) -> Result<Blob, ReplyError> {
        Ok(reply.read()?)
    }
}

impl Command for FinishRecovery {
    type Reply = ();

    fn name(&self) -> &str {
        "erx"
    }

    fn effect(&self) -> Effect {
        Effect::Mutation
    }

    fn form(&self) -> ReplyForm {
        ReplyForm::Done
    }

    fn encode(&self, fields: &mut ObjectWriter<'_>) {
        match self {
            Self::NewPassword {
                code,
                master_key,
                proof,
            } => {
                fields
                    .text("r", "sk")
                    .text("c", code.expose())
                    .blob("x", master_key);
                encode_proof(fields, proof);
            }
            Self::Park {
                code,
                master_key,
                proof,
                challenge,
            } => {
                fields.text("c", code.expose()).blob("x", master_key);
                encode_proof(fields, proof);
                fields.blob("z", challenge);
            }
            Self::Close { code } => {
                fields.text("c", code.expose());
            }
        }
    }

    fn decode(&self, reply: Value<'_>) -> Result<(), ReplyError> {
        done(reply)
    }
}

fn encode_proof(fields: &mut ObjectWriter<'_>, proof: &PasswordProof) {
    match proof {
        PasswordProof::V1 { hash } => {
            fields.blob("y", hash.expose_secret());
        }
        PasswordProof::V2 {
            hashed_auth_key,
            client_random,
        } => {
            fields.object("y", |fields| {
                fields
                    .blob("crv", client_random)
                    .blob("hak", hashed_auth_key.expose_secret());
            });
        }
    }
}

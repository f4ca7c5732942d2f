//! `mfag`, `mfas`, `mfad`: the second factor (crypto-and-accounts 2.10).

use super::done;
use crate::json::{DecodeError, ObjectWriter, Value};
use crate::{Command, Effect, PrivateText, ReplyError, ReplyForm};

/// Asks whether an account has the second factor on.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TwoFactorEnabled {
    /// The account's address.
    pub email: PrivateText,
}

impl TwoFactorEnabled {
    /// Asks about the account of this address.
    pub fn new(email: impl Into<PrivateText>) -> Self {
        Self {
            email: email.into(),
        }
    }
}

/// Asks for a new shared secret.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct FetchTwoFactorSecret {}

impl FetchTwoFactorSecret {
    /// Asks for a new shared secret.
    pub fn new() -> Self {
        Self {}
    }
}

/// Turns the second factor on, proving that the secret is known.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct EnableTwoFactor {
    /// The one-time code.
    pub code: PrivateText,
}

impl EnableTwoFactor {
    /// Turns the second factor on.
    pub fn new(code: impl Into<PrivateText>) -> Self {
        Self { code: code.into() }
    }
}

/// Turns the second factor off.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DisableTwoFactor {
    /// The one-time code.
    pub code: PrivateText,
}

impl DisableTwoFactor {
    /// Turns the second factor off.
    pub fn new(code: impl Into<PrivateText>) -> Self {
        Self { code: code.into() }
    }
}

impl Command for TwoFactorEnabled {
    type Reply = bool;

    fn name(&self) -> &str {
        "mfag"
    }

    fn effect(&self) -> Effect {
        Effect::Read
    }

    fn encode(&self, fields: &mut ObjectWriter<'_>) {
        fields.text("e", self.email.expose());
    }

    fn decode(&self, reply: Value<'_>) -> Result<bool, ReplyError> {
        match reply.as_i64() {
            Some(0) => Ok(false),
            Some(1) => Ok(true),
            _ => Err(DecodeError::new("0 or 1 is wanted").into()),
        }
    }
}

impl Command for FetchTwoFactorSecret {
    /// The secret in base32, to be shown to the account's owner.
    type Reply = PrivateText;

    fn name(&self) -> &str {
        "mfas"
    }

    fn effect(&self) -> Effect {
        Effect::Read
    }

    fn form(&self) -> ReplyForm {
        ReplyForm::Value
    }

    fn encode(&self, _fields: &mut ObjectWriter<'_>) {}

    fn decode(&self, reply: Value<'_>) -> Result<PrivateText, ReplyError> {
        Ok(reply.read::<String>()?.into())
    }
}

impl Command for EnableTwoFactor {
    type Reply = ();

    fn name(&self) -> &str {
        "mfas"
    }

    fn effect(&self) -> Effect {
        Effect::Mutation
    }

    fn form(&self) -> ReplyForm {
        ReplyForm::Done
    }

    fn encode(&self, fields: &mut ObjectWriter<'_>) {
        fields.text("mfa", self.code.expose());
    }

    fn decode(&self, reply: Value<'_>) -> Result<(), ReplyError> {
        done(reply)
    }
}

impl Command for DisableTwoFactor {
    type Reply = ();

    fn name(&self) -> &str {
        "mfad"
    }

    fn effect(&self) -> Effect {
        Effect::Mutation
    }

    fn form(&self) -> ReplyForm {
        ReplyForm::Done
    }

    fn encode(&self, fields: &mut ObjectWriter<'_>) {
        fields.text("mfa", self.code.expose());
    }

    fn decode(&self, reply: Value<'_>) -> Result<(), ReplyError> {
        done(reply)
    }
}

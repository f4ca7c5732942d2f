//! `uc2`, `ucr`, `ud2`, `avu`: making an account, and bringing an old one up to date
//! (crypto-and-accounts 2.14, 2.15).

use super::done;
use crate::json::{DecodeError, ObjectWriter, Value};
use crate::{Blob, Command, Effect, PrivateText, ReplyError, ReplyForm, Secret, UserHandle};

/// Asks for the confirmation mail that turns an anonymous account into a registered one.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RequestConfirmation {
    /// The full name.
    pub full_name: PrivateText,
    /// The address.
    pub email: PrivateText,
    /// The credentials; left out to have the mail sent once more.
    pub credentials: Option<(Secret, [u8; 16], [u8; 16])>,
}

impl RequestConfirmation {
    /// Registers with the hashed authentication key, the client's random value, and the master key
    /// encrypted with the password key.
    pub fn new(
        full_name: impl Into<PrivateText>,
        email: impl Into<PrivateText>,
        hashed_auth_key: impl Into<Secret>,
        client_random: [u8; 16],
        master_key: [u8; 16],
    ) -> Self {
        Self {
            full_name: full_name.into(),
            email: email.into(),
            credentials: Some((hashed_auth_key.into(), client_random, master_key)),
        }
    }

    /// Has the mail sent once more.
    pub fn again(full_name: impl Into<PrivateText>, email: impl Into<PrivateText>) -> Self {
        Self {
            full_name: full_name.into(),
            email: email.into(),
            credentials: None,
        }
    }
}

/// Gives a registration up that has not been confirmed (`ucr`). The code in its mail is worthless then.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct CancelRegistration {}

impl CancelRegistration {
    /// Gives the registration of this session's account up.
    pub fn new() -> Self {
        Self {}
    }
}

/// Redeems the code of a confirmation mail.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ConfirmRegistration {
    /// The code, decoded.
    pub code: Secret,
}

impl ConfirmRegistration {
    /// Redeems this code.
    pub fn new(code: impl Into<Secret>) -> Self {
        Self { code: code.into() }
    }
}

/// The answer to [`ConfirmRegistration`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Confirmation {
    /// The address.
    pub email: PrivateText,
    /// The full name.
    pub full_name: PrivateText,
    /// The account.
    pub user: UserHandle,
    /// The account's version.
    pub version: Option<i64>,
}

/// Turns a version 1 account into a version 2 account with the same password. Fails with
/// [`ApiCode::EEXIST`](crate::ApiCode::EEXIST) if it already is one.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct UpgradeAccount {
    /// The master key, encrypted with the new password key.
    pub master_key: [u8; 16],
    /// The hashed authentication key, 16 bytes.
    pub hashed_auth_key: Secret,
    /// The client's random value.
    pub client_random: [u8; 16],
}

impl UpgradeAccount {
    /// Upgrades the account.
    pub fn new(
        master_key: [u8; 16],
        hashed_auth_key: impl Into<Secret>,
        client_random: [u8; 16],
    ) -> Self {
        Self {
            master_key,
            hashed_auth_key: hashed_auth_key.into(),
            client_random,
        }
    }
}

impl Command for RequestConfirmation {
    type Reply = ();

    fn name(&self) -> &str {
        "uc2"
    }

    fn effect(&self) -> Effect {
        Effect::Mutation
    }

    fn form(&self) -> ReplyForm {
        ReplyForm::Done
    }

    fn encode(&self, fields: &mut ObjectWriter<'_>) {
        // Name and address are base64 here.
        fields
            .blob("n", self.full_name.expose().as_bytes())
            .blob("m", self.email.expose().as_bytes());
        if let Some((hashed_auth_key, client_random, master_key)) = &self.credentials {
            fields
                .blob("crv", client_random)
                .blob("hak", hashed_auth_key.expose_secret())
                .blob("k", master_key);
        }
        fields.number("v", 2);
    }

    fn decode(&self, reply: Value<'_>) -> Result<(), ReplyError> {
        done(reply)
    }
}

impl Command for CancelRegistration {
    type Reply = ();

    fn name(&self) -> &str {
        "ucr"
    }

    fn effect(&self) -> Effect {
        Effect::Mutation
    }

    fn form(&self) -> ReplyForm {
        ReplyForm::Done
    }

    fn encode(&self, _: &mut ObjectWriter<'_>) {}

    fn decode(&self, reply: Value<'_>) -> Result<(), ReplyError> {
        done(reply)
    }
}

impl Command for ConfirmRegistration {
    type Reply = Confirmation;

    fn name(&self) -> &str {
        "ud2"
    }

    fn effect(&self) -> Effect {
        Effect::Mutation
    }

    fn form(&self) -> ReplyForm {
        ReplyForm::List
    }

    fn encode(&self, fields: &mut ObjectWriter<'_>) {
        fields.blob("c", self.code.expose_secret());
    }

    fn decode(&self, reply: Value<'_>) -> Result<Confirmation, ReplyError> {
        let reply = reply.array()?;
        let text = |i: usize| -> Result<PrivateText, DecodeError> {
            let bytes = reply
                .get(i)
                .and_then(|v| v.read::<Blob>().ok())
                .ok_or(DecodeError::new("a base64 text is missing"))?;
            String::from_utf8(bytes.into_bytes())
                .map(PrivateText::from)
                .map_err(|_| DecodeError::new("a text is not UTF-8"))
        };
        Ok(Confirmation {
            email: text(0)?,
            full_name: text(1)?,
            user: reply
                .get(2)
                .ok_or(DecodeError::new("the user handle is missing"))?
                .read()?,
            version: reply.get(3).and_then(|v| v.as_i64()),
        })
    }
}

impl Command for UpgradeAccount {
    type Reply = ();

    fn name(&self) -> &str {
        "avu"
    }

    fn effect(&self) -> Effect {
        Effect::Mutation
    }

    fn form(&self) -> ReplyForm {
        ReplyForm::Done
    }

    fn encode(&self, fields: &mut ObjectWriter<'_>) {
        fields
            .blob("emk", &self.master_key)
            .blob("hak", self.hashed_auth_key.expose_secret())
            .blob("crv", &self.client_random);
    }

    fn decode(&self, reply: Value<'_>) -> Result<(), ReplyError> {
        done(reply)
    }
}

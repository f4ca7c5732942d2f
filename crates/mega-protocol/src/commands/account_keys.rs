//! `up`: the account's keys and password (crypto-and-accounts 2.14, 2.15, 3.4).

use super::done;
use crate::json::{ObjectWriter, Value};
use crate::{Blob, Command, Effect, PrivateText, ReplyError, ReplyForm, Secret, UserHandle};

/// Stores the RSA key pair of an account that has none. Never send it for an account that has
/// either key, or a `^!keys` attribute: it would overwrite them.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SetKeyPair {
    /// The private key, encrypted with the master key.
    pub private_key: Blob,
    /// The public key.
    pub public_key: Blob,
}

impl SetKeyPair {
    /// Stores this pair.
    pub fn new(private_key: impl Into<Blob>, public_key: impl Into<Blob>) -> Self {
        Self {
            private_key: private_key.into(),
            public_key: public_key.into(),
        }
    }
}

/// Makes an anonymous account.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CreateEphemeral {
    /// The master key, encrypted with the password key.
    pub master_key: [u8; 16],
    /// A challenge of 16 bytes and its encryption with the master key.
    pub challenge: [u8; 32],
}

impl CreateEphemeral {
    /// Makes an anonymous account with this wrapped master key and challenge.
    pub fn new(master_key: [u8; 16], challenge: [u8; 32]) -> Self {
        Self {
            master_key,
            challenge,
        }
    }
}

/// Changes the password: the master key wrapped anew, and the new way to prove the password.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ChangePassword {
    /// The master key, encrypted with the new password key.
    pub master_key: [u8; 16],
    /// How the new password is proven.
    pub proof: PasswordProof,
    /// The one-time code of the second factor, when it is on.
    pub second_factor: Option<PrivateText>,
}

/// What the service stores to check a password. It must fit the account's version: version 1
/// fields would lock the owner of a version 2 account out.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum PasswordProof {
    /// For version 1 accounts: the 8-byte hash of address and password.
    V1 {
        /// The hash.
        hash: Secret,
    },
    /// For version 2 accounts.
    V2 {
        /// The hashed authentication key, 16 bytes.
        hashed_auth_key: Secret,
        /// The client's random value, 16 bytes, from which the salt follows.
        client_random: [u8; 16],
    },
}

impl ChangePassword {
    /// Changes the password.
    pub fn new(master_key: [u8; 16], proof: PasswordProof) -> Self {
        Self {
            master_key,
            proof,
            second_factor: None,
        }
    }
}

impl Command for SetKeyPair {
    type Reply = ();

    fn name(&self) -> &str {
        "up"
    }

    fn effect(&self) -> Effect {
        Effect::Mutation
    }

    fn form(&self) -> ReplyForm {
        ReplyForm::Value
    }

    fn encode(&self, fields: &mut ObjectWriter<'_>) {
        fields
            .blob("privk", self.private_key.as_bytes())
            .blob("pubk", self.public_key.as_bytes());
    }

    fn decode(&self, reply: Value<'_>) -> Result<(), ReplyError> {
        done(reply)
    }
}

impl Command for CreateEphemeral {
    type Reply = UserHandle;

    fn name(&self) -> &str {
        "up"
    }

    fn effect(&self) -> Effect {
        Effect::Mutation
    }

    fn form(&self) -> ReplyForm {
        ReplyForm::Value
    }

    fn encode(&self, fields: &mut ObjectWriter<'_>) {
        fields
            .blob("k", &self.master_key)
            .blob("ts", &self.challenge);
    }

    fn decode(&self, reply: Value<'_>) -> Result<UserHandle, ReplyError> {
        Ok(reply.read()?)
    }
}

impl Command for ChangePassword {
    type Reply = ();

    fn name(&self) -> &str {
        "up"
    }

    fn effect(&self) -> Effect {
        Effect::Mutation
    }

    fn form(&self) -> ReplyForm {
        ReplyForm::Value
    }

    fn encode(&self, fields: &mut ObjectWriter<'_>) {
        fields.blob("k", &self.master_key);
        match &self.proof {
            PasswordProof::V1 { hash } => {
                fields.blob("uh", hash.expose_secret());
            }
            PasswordProof::V2 {
                hashed_auth_key,
                client_random,
            } => {
                fields
                    .blob("uh", hashed_auth_key.expose_secret())
                    .blob("crv", client_random);
            }
        }
        if let Some(code) = &self.second_factor {
            fields.text("mfa", code.expose());
        }
    }

    fn decode(&self, reply: Value<'_>) -> Result<(), ReplyError> {
        done(reply)
    }
}

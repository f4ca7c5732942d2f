//! `upc`, `upca`, `ur2`, `uk`: contacts and their public keys (api-and-transfers 5.6).

use std::collections::BTreeMap;

use super::{AttributeOwner, done};
use crate::json::{ObjectWriter, Value};
use crate::{
    Blob, Command, Effect, PendingContactHandle, PrivateText, ReplyError, ReplyForm, UserHandle,
};

/// Invites somebody to be a contact, reminds them, or takes the invitation back.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct InviteContact {
    /// The address of whom to invite.
    pub email: PrivateText,
    /// What to do.
    pub action: InviteAction,
    /// The own address, as the invitation shows it.
    pub own_email: Option<PrivateText>,
    /// A message.
    pub message: Option<PrivateText>,
}

/// What to do with an outgoing invitation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InviteAction {
    /// Send it.
    Add,
    /// Take it back.
    Remove,
    /// Send it once more.
    Remind,
}

impl InviteContact {
    /// Invites the owner of this address.
    pub fn new(email: impl Into<PrivateText>, action: InviteAction) -> Self {
        Self {
            email: email.into(),
            action,
            own_email: None,
            message: None,
        }
    }
}

/// Answers an invitation.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct AnswerInvitation {
    /// The invitation.
    pub invitation: PendingContactHandle,
    /// The answer.
    pub answer: InvitationAnswer,
}

/// The answer to an incoming invitation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvitationAnswer {
    /// Yes.
    Accept,
    /// No.
    Deny,
    /// Neither.
    Ignore,
}

impl AnswerInvitation {
    /// Answers this invitation.
    pub fn new(invitation: PendingContactHandle, answer: InvitationAnswer) -> Self {
        Self { invitation, answer }
    }
}

/// Changes the standing of a contact.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct SetContact {
    /// The contact.
    pub user: UserHandle,
    /// The new standing.
    pub visibility: ContactVisibility,
}

/// The standing of a contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ContactVisibility {
    /// Removed.
    Hidden,
    /// A contact.
    Visible,
}

impl SetContact {
    /// Removes a contact.
    pub fn remove(user: UserHandle) -> Self {
        Self {
            user,
            visibility: ContactVisibility::Hidden,
        }
    }
}

/// Asks for the public keys of an account.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FetchPublicKey {
    /// The account, by handle or address.
    pub user: AttributeOwner,
}

impl FetchPublicKey {
    /// Asks for the keys of `user`.
    pub fn new(user: impl Into<AttributeOwner>) -> Self {
        Self { user: user.into() }
    }
}

/// The answer to [`FetchPublicKey`]. None of it is proven; see crypto-and-accounts 3.5.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PublicKeyInfo {
    /// The account.
    pub user: Option<UserHandle>,
    /// The RSA public key (`pubk`).
    pub rsa: Option<Blob>,
    /// Public attributes that came along, such as `+puEd255`.
    pub attributes: BTreeMap<String, Blob>,
}

impl Command for InviteContact {
    /// The invitation's handle, if the service names it.
    type Reply = Option<PendingContactHandle>;

    fn name(&self) -> &str {
        "upc"
    }

    fn effect(&self) -> Effect {
        Effect::Mutation
    }

    fn form(&self) -> ReplyForm {
        ReplyForm::Value
    }

    fn encode(&self, fields: &mut ObjectWriter<'_>) {
        fields.text("u", self.email.expose());
        if let Some(own) = &self.own_email {
            fields.text("e", own.expose());
        }
        if let Some(message) = &self.message {
            fields.text("msg", message.expose());
        }
        fields.text(
            "aa",
            match self.action {
                InviteAction::Add => "a",
                InviteAction::Remove => "d",
                InviteAction::Remind => "r",
            },
        );
    }

    fn decode(&self, reply: Value<'_>) -> Result<Option<PendingContactHandle>, ReplyError> {
        if !reply.is_object() {
            return Ok(None);
        }
        Ok(reply.object()?.read_opt("p")?)
    }
}

impl Command for AnswerInvitation {
    type Reply = ();

    fn name(&self) -> &str {
        "upca"
    }

    fn effect(&self) -> Effect {
        Effect::Mutation
    }

    fn form(&self) -> ReplyForm {
        ReplyForm::Done
    }

    fn encode(&self, fields: &mut ObjectWriter<'_>) {
        fields.shown("p", self.invitation).text(
            "aa",
            match self.answer {
                InvitationAnswer::Accept => "a",
                InvitationAnswer::Deny => "d",
                InvitationAnswer::Ignore => "i",
            },
        );
    }

    fn decode(&self, reply: Value<'_>) -> Result<(), ReplyError> {
        done(reply)
    }
}

impl Command for SetContact {
    type Reply = ();

    fn name(&self) -> &str {
        "ur2"
    }

    fn effect(&self) -> Effect {
        Effect::Mutation
    }

    fn form(&self) -> ReplyForm {
        ReplyForm::Value
    }

    fn encode(&self, fields: &mut ObjectWriter<'_>) {
        let level = match self.visibility {
            ContactVisibility::Hidden => 0,
            ContactVisibility::Visible => 1,
        };
        fields.shown("u", self.user).number("l", level);
    }

    fn decode(&self, reply: Value<'_>) -> Result<(), ReplyError> {
        done(reply)
    }
}

impl Command for FetchPublicKey {
    type Reply = PublicKeyInfo;

    fn name(&self) -> &str {
        "uk"
    }

    fn effect(&self) -> Effect {
        Effect::Read
    }

    fn encode(&self, fields: &mut ObjectWriter<'_>) {
        self.user.encode(fields);
    }

    fn decode(&self, reply: Value<'_>) -> Result<PublicKeyInfo, ReplyError> {
        let reply = reply.object()?;
        let mut attributes = BTreeMap::new();
        for (name, value) in reply.members().filter(|(name, _)| name.starts_with('+')) {
            if let Ok(value) = value.read() {
                attributes.entry(name.to_owned()).or_insert(value);
            }
        }
        Ok(PublicKeyInfo {
            user: reply.read_opt("u")?,
            rsa: reply.read_opt("pubk")?,
            attributes,
        })
    }
}

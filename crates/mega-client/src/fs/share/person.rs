//! Contacts and invitations.

use std::fmt;
use std::time::SystemTime;

use futures::future::{BoxFuture, FutureExt};
use mega_protocol::commands::{
    AnswerInvitation, InvitationAnswer, InviteAction, InviteContact, SetContact,
};
use mega_protocol::{PendingContactHandle, UserHandle};

use crate::Client;
use crate::error::{Error, ErrorKind, Result};
use crate::node::time_from_unix;

/// Another account, named by its handle or by its address.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Person {
    /// By its handle.
    User(UserHandle),
    /// By its e-mail address.
    Email(String),
}

impl From<UserHandle> for Person {
    fn from(user: UserHandle) -> Self {
        Self::User(user)
    }
}

impl From<&str> for Person {
    fn from(email: &str) -> Self {
        Self::Email(email.trim().to_owned())
    }
}

impl From<String> for Person {
    fn from(email: String) -> Self {
        Self::from(email.as_str())
    }
}

impl From<&Contact> for Person {
    fn from(contact: &Contact) -> Self {
        Self::User(contact.user)
    }
}

impl Person {
    /// As the caller named them, for errors: those go back to the caller, who knows.
    pub(super) fn named(&self) -> String {
        match self {
            Self::User(user) => user.to_string(),
            Self::Email(email) => email.clone(),
        }
    }
}

impl fmt::Debug for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(user) => user.fmt(f),
            Self::Email(_) => f.write_str("Email(..)"),
        }
    }
}

/// A contact of the account.
#[derive(Clone)]
#[non_exhaustive]
pub struct Contact {
    /// The account.
    pub user: UserHandle,
    /// Its address, if the service says it.
    pub email: Option<String>,
}

impl fmt::Debug for Contact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Contact")
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

/// An invitation to be contacts that was not answered yet.
#[derive(Clone)]
#[non_exhaustive]
pub struct Invitation {
    /// What it is named by.
    pub handle: PendingContactHandle,
    /// The address of the other person.
    pub email: Option<String>,
    /// What they, or you, wrote with it. Anybody can write anything there.
    pub message: Option<String>,
    /// When it was made.
    pub created: Option<SystemTime>,
}

impl Invitation {
    fn of(wire: &mega_protocol::Invitation) -> Self {
        let text = |text: &Option<mega_protocol::PrivateText>| {
            text.as_ref().map(|text| text.expose().to_owned())
        };
        Self {
            handle: wire.invitation,
            email: text(&wire.email),
            message: text(&wire.message),
            created: wire.created.map(time_from_unix),
        }
    }
}

impl fmt::Debug for Invitation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Invitation")
            .field("handle", &self.handle)
            .finish_non_exhaustive()
    }
}

impl Client {
    /// The contacts of the account. No request is made.
    #[must_use]
    pub fn contacts(&self) -> Vec<Contact> {
        self.with_tree(|tree, _| {
            tree.people
                .contacts()
                .map(|(user, email)| Contact {
                    user,
                    email: email.map(|email| email.expose().to_owned()),
                })
                .collect()
        })
    }

    /// The invitations that wait for an answer of this account. No request is made.
    #[must_use]
    pub fn invitations(&self) -> Vec<Invitation> {
        self.with_tree(|tree, _| {
            tree.people
                .incoming_invitations()
                .map(Invitation::of)
                .collect()
        })
    }

    /// The invitations of this account that others have not answered. No request is made.
    #[must_use]
    pub fn sent_invitations(&self) -> Vec<Invitation> {
        self.with_tree(|tree, _| {
            tree.people
                .outgoing_invitations()
                .map(Invitation::of)
                .collect()
        })
    }

    /// Invites the owner of an address to be a contact.
    ///
    /// # Errors
    ///
    /// [`AlreadyExists`](ErrorKind::AlreadyExists) for a contact, or when the invitation waits already.
    ///
    /// Cancel safety: once sent, the change takes effect; it is seen after the next refresh.
    pub fn invite(&self, email: impl Into<String>) -> BoxFuture<'static, Result<()>> {
        self.send_invitation(email.into(), InviteAction::Add, "invite")
    }

    /// Takes an invitation back.
    ///
    /// # Errors
    ///
    /// [`NotFound`](ErrorKind::NotFound) when there is none.
    ///
    /// Cancel safety: once sent, the change takes effect; it is seen after the next refresh.
    pub fn withdraw_invitation(&self, email: impl Into<String>) -> BoxFuture<'static, Result<()>> {
        self.send_invitation(email.into(), InviteAction::Remove, "withdraw invitation")
    }

    fn send_invitation(
        &self,
        email: String,
        action: InviteAction,
        operation: &'static str,
    ) -> BoxFuture<'static, Result<()>> {
        let client = self.clone();
        async move {
            let sent = async {
                let account = client.account()?;
                let mut command = InviteContact::new(email.trim(), action);
                command.own_email = account.email.as_deref().map(Into::into);
                client.change(command).await.map(drop)
            };
            sent.await
                .map_err(|error: Error| error.during(operation).about(email.trim()))
        }
        .boxed()
    }

    /// Accepts an invitation: both are contacts then.
    ///
    /// # Errors
    ///
    /// [`NotFound`](ErrorKind::NotFound) when it was taken back or answered already.
    ///
    /// Cancel safety: once sent, the change takes effect; it is seen after the next refresh.
    pub fn accept_invitation(
        &self,
        invitation: PendingContactHandle,
    ) -> BoxFuture<'static, Result<()>> {
        self.answer(invitation, InvitationAnswer::Accept, "accept invitation")
    }

    /// Declines an invitation.
    ///
    /// # Errors
    ///
    /// As for [`accept_invitation`](Self::accept_invitation).
    ///
    /// Cancel safety: once sent, the change takes effect; it is seen after the next refresh.
    pub fn decline_invitation(
        &self,
        invitation: PendingContactHandle,
    ) -> BoxFuture<'static, Result<()>> {
        self.answer(invitation, InvitationAnswer::Deny, "decline invitation")
    }

    fn answer(
        &self,
        invitation: PendingContactHandle,
        answer: InvitationAnswer,
        operation: &'static str,
    ) -> BoxFuture<'static, Result<()>> {
        let client = self.clone();
        async move {
            let answered = async {
                client.account()?;
                client
                    .change(AnswerInvitation::new(invitation, answer))
                    .await
            };
            answered
                .await
                .map_err(|error: Error| error.during(operation).about(invitation.to_string()))
        }
        .boxed()
    }

    /// Ends a contact. Folders that are shared with them stay shared: end those with [`unshare`](Self::unshare).
    ///
    /// # Errors
    ///
    /// [`NotFound`](ErrorKind::NotFound) when they are no contact.
    ///
    /// Cancel safety: once sent, the change takes effect; it is seen after the next refresh.
    pub fn remove_contact(&self, person: impl Into<Person>) -> BoxFuture<'static, Result<()>> {
        let (client, person) = (self.clone(), person.into());
        async move {
            let removed = async {
                client.account()?;
                let user = client
                    .contact_of(&person)
                    .ok_or_else(|| Error::new(ErrorKind::NotFound, "there is no such contact"))?;
                client.change(SetContact::remove(user)).await
            };
            removed
                .await
                .map_err(|error: Error| error.during("remove contact").about(person.named()))
        }
        .boxed()
    }

    /// The contact that is meant, if there is one.
    pub(super) fn contact_of(&self, person: &Person) -> Option<UserHandle> {
        self.with_tree(|tree, _| {
            tree.people
                .contacts()
                .find(|(user, email)| match person {
                    Person::User(wanted) => user == wanted,
                    Person::Email(wanted) => {
                        email.is_some_and(|email| email.expose().eq_ignore_ascii_case(wanted))
                    }
                })
                .map(|(user, _)| user)
        })
    }
}

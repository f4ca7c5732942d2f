//! Folders shared with other accounts: giving, changing, ending, and receiving them.

mod exchange;
mod person;
mod revoke;
mod verify;

use std::future::IntoFuture;

use mega_crypto::ShareKey;
use mega_crypto::account_keys::{PendingOutShare, PendingRecipient};
use mega_protocol::commands::{SetShare, ShareTarget};
use mega_protocol::{
    AccessLevel as WireAccess, ApiCode, NodeHandle, OutgoingShareTarget, PrivateText, UserHandle,
};

pub use self::exchange::ShareKeyExchange;
pub use self::person::{Contact, Invitation, Person};

use self::verify::Verified;
use super::access::{check_ordinary, find};
use super::account_keys::{Edit, untrusted};
use super::release::{subtree_keys, wrap_for_shares};
use crate::Client;
use crate::builder::BoxFuture;
use crate::chance::rng;
use crate::error::{Error, ErrorKind, Result};
use crate::node::{AccessLevel, NodeKind};
use crate::target::{Target, Want};

impl Client {
    /// Shares a folder with a contact or an address, or changes what they may do in it; await it.
    ///
    /// A contact gets the share key encrypted for the key pair that is pinned for them: the first key seen is remembered, and a different one later is
    /// refused (threat model, KEY-9). Somebody who is no contact yet gets an invitation, and the key once they have accepted it: call
    /// [`exchange_share_keys`](Self::exchange_share_keys) then.
    ///
    /// # Errors
    ///
    /// [`NotFound`](ErrorKind::NotFound), [`NotADirectory`](ErrorKind::NotADirectory); [`AccessDenied`](ErrorKind::AccessDenied) for roots and in somebody
    /// else's folder; [`Key`](ErrorKind::Key) when the contact's keys have changed or are not signed; [`KeysMissing`](ErrorKind::KeysMissing) for an account
    /// without the keys that safe sharing needs: [`make_keys`](Self::make_keys) makes them.
    ///
    /// Cancel safety: what was begun is noted in the account, and finished by the next call or by [`exchange_share_keys`](Self::exchange_share_keys).
    ///
    /// ```
    /// # async fn doc() -> Result<(), Box<dyn std::error::Error>> {
    /// # let server = mega_testserver::TestServer::start().await?;
    /// # server.account("me@example.com", "secret").create();
    /// # server.account("friend@example.com", "secret").create();
    /// # let login = |who| mega_client::Credentials::new(who, "secret");
    /// # let builder = || mega_client::Client::builder().origin(server.url());
    /// # let mega = builder().login(login("me@example.com")).await?;
    /// # let friend = builder().login(login("friend@example.com")).await?;
    /// use mega_client::AccessLevel;
    /// mega.invite("friend@example.com").await?;
    /// # friend.refresh().await?;
    /// let invitation = friend.invitations().remove(0);
    /// friend.accept_invitation(invitation.handle).await?;
    /// # mega.refresh().await?;
    ///
    /// mega.write("/common/plan.txt", "picnic").await?;
    /// mega.share("/common", "friend@example.com").access(AccessLevel::ReadWrite).await?;
    ///
    /// # friend.refresh().await?;
    /// friend.exchange_share_keys().await?;
    /// let folder = friend.incoming_shares().remove(0);
    /// assert_eq!(folder.name(), "common");
    /// assert_eq!(friend.list(&folder).await?[0].name(), "plan.txt");
    /// # Ok(()) }
    /// # tokio::runtime::Runtime::new().unwrap().block_on(doc()).unwrap();
    /// ```
    pub fn share(&self, folder: impl Into<Target>, with: impl Into<Person>) -> ShareFolder {
        ShareFolder {
            client: self.clone(),
            folder: folder.into(),
            with: with.into(),
            access: AccessLevel::Read,
        }
    }

    /// All folders that this account shares, with whom and how; public links are not among them. No request is made.
    #[must_use]
    pub fn shares(&self) -> Vec<OutgoingShare> {
        self.with_tree(|tree, base| {
            tree.people
                .shares()
                .filter(|(folder, _, _)| {
                    tree.find(*folder)
                        .is_some_and(|index| tree.in_view(index, base))
                })
                .filter_map(|(folder, target, access)| {
                    let with = match target {
                        OutgoingShareTarget::User(user) => SharedWith::Contact(user),
                        OutgoingShareTarget::Pending(_) => SharedWith::Invited,
                        _ => return None,
                    };
                    Some(OutgoingShare {
                        folder,
                        with,
                        access: own_level(access),
                    })
                })
                .collect()
        })
    }
}

/// A folder that is shared with somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OutgoingShare {
    /// The folder.
    pub folder: NodeHandle,
    /// With whom.
    pub with: SharedWith,
    /// What they may do.
    pub access: AccessLevel,
}

/// With whom a folder is shared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SharedWith {
    /// An account.
    Contact(UserHandle),
    /// Somebody who has not answered the invitation yet.
    Invited,
}

/// The sharing of a folder; await it.
#[must_use = "nothing happens until it is awaited"]
#[derive(Debug)]
pub struct ShareFolder {
    client: Client,
    folder: Target,
    with: Person,
    access: AccessLevel,
}

impl ShareFolder {
    /// What they may do; reading only, unless said.
    pub fn access(mut self, level: AccessLevel) -> Self {
        self.access = level;
        self
    }

    async fn run(&self) -> Result<()> {
        let client = &self.client;
        let account = client.account()?;
        if !account.has_keys_attribute() {
            // As in the SDK (`MegaClient::setshare`): the service would learn the share key.
            return Err(Error::new(
                ErrorKind::KeysMissing,
                "the account has no keys that shares can be made with safely; `make_keys` makes them",
            ));
        }
        let folder = client.handle_of(&self.folder, Want::Folder)?;
        client.with_tree(|tree, _| {
            let index = find(tree, folder)?;
            check_ordinary(tree, index)?;
            if tree.share_above(index).is_some() {
                return Err(Error::new(
                    ErrorKind::AccessDenied,
                    "it lies in somebody else's folder; only the owner can share it",
                ));
            }
            if tree
                .record(index)
                .is_some_and(|record| record.kind != NodeKind::Folder)
            {
                return Err(Error::new(
                    ErrorKind::NotADirectory,
                    "only folders can be shared",
                ));
            }
            Ok(())
        })?;
        client.catch_up().await?;
        match client.contact_of(&self.with) {
            Some(user) => {
                let verified = client.verified_contact(user).await?;
                client
                    .share_with(
                        folder,
                        ShareTarget::User(user),
                        Some(&verified),
                        self.access,
                    )
                    .await?;
                client.hand_out(folder, &verified).await
            }
            None => {
                let Person::Email(email) = &self.with else {
                    return Err(Error::new(
                        ErrorKind::NotFound,
                        "this account is no contact",
                    ));
                };
                let target = ShareTarget::Email(PrivateText::new(email.clone()));
                client.share_with(folder, target, None, self.access).await
            }
        }
    }
}

impl IntoFuture for ShareFolder {
    type Output = Result<()>;
    type IntoFuture = BoxFuture<Result<()>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            self.run()
                .await
                .map_err(|error| error.during("share").about(self.folder.to_string()))
        })
    }
}

impl Client {
    /// Notes key, recipient and contact in the account, then makes the share with the keys of all nodes (crypto-and-accounts 3.7 rule 4, 4.6).
    async fn share_with(
        &self,
        folder: NodeHandle,
        target: ShareTarget,
        contact: Option<&Verified>,
        access: AccessLevel,
    ) -> Result<()> {
        let _folder = self.inner.fs.attributes.lock(folder).await;
        let recipient = match &target {
            ShareTarget::User(user) => {
                PendingRecipient::user(mega_crypto::UserHandle::from_bytes(user.to_bytes()))
            }
            ShareTarget::Email(email) => PendingRecipient::email(email.expose())
                .map_err(|error| Error::misuse("this is no address").caused_by(error))?,
            _ => return Err(Error::misuse("a folder is shared with a person here")),
        };
        let key = self.prepare_share(folder, recipient, contact).await?;
        self.add_share_key(folder, key);
        let subtree =
            self.with_tree(|tree, _| Ok::<_, Error>(subtree_keys(tree, find(tree, folder)?)))?;
        for node in &subtree.withheld {
            tracing::warn!(%node, "the node cannot be read, so its key is not given to the receiver of the share");
        }
        let given = subtree.nodes.clone();
        let mut command = SetShare::grant(folder, target, wire_level(access));
        command.share_keys = self.with_keyring(|keyring| {
            wrap_for_shares(keyring, &[folder], subtree.nodes, subtree.keys.iter())
        })?;
        let reply = match self.change(command.clone()).await {
            Err(error) if error.kind() == ErrorKind::OutcomeUnknown => {
                let doubt = self.doubt(&error);
                let again = self.change(command).await;
                doubt.end(again.map_err(|again| again.with_kind(ErrorKind::OutcomeUnknown)))?
            }
            other => other?,
        };
        if reply.existing_owner_key.is_some() {
            return Err(Error::new(
                ErrorKind::Key,
                "the service has another share key for the folder than the account",
            ));
        }
        match reply.results.iter().copied().find(|&code| code < 0) {
            Some(code) => Err(super::put::refused(ApiCode::new(
                i32::try_from(code).unwrap_or(-1),
            ))),
            None => self.give_what_came(folder, &given).await,
        }
    }

    /// One write to `^!keys`: the share key, in use; the contact's keys, seen; and that the key is still to be handed out.
    async fn prepare_share(
        &self,
        folder: NodeHandle,
        recipient: PendingRecipient,
        contact: Option<&Verified>,
    ) -> Result<ShareKey> {
        let node = mega_crypto::NodeHandle::from_bytes(folder.to_bytes());
        let fresh = ShareKey::random(&mut rng());
        self.change_account_keys(|keys| {
            let known = match keys.share_key(node) {
                Some(stored) if !stored.is_trusted() => return Err(untrusted()),
                Some(stored) => Some(stored.key().map_err(verify::unusable)?),
                None => None,
            };
            let key = known.clone().unwrap_or_else(|| fresh.clone());
            let (new, recipient) = (known.is_none().then(|| fresh.clone()), recipient.clone());
            let contact = contact.map(|contact| contact.keys);
            let edit: Edit = Box::new(move |edit| {
                if let Some(new) = &new {
                    edit.add_share_key(node, new, true)?;
                }
                edit.set_share_in_use(node, true)?;
                if let Some(contact) = &contact {
                    edit.track(contact)?;
                }
                edit.add_pending_out_share(PendingOutShare::new(node, recipient));
                Ok(())
            });
            Ok((key, Some(edit)))
        })
        .await
    }
}

fn wire_level(level: AccessLevel) -> WireAccess {
    match level {
        AccessLevel::Read => WireAccess::Read,
        AccessLevel::ReadWrite => WireAccess::ReadWrite,
        AccessLevel::Full => WireAccess::Full,
    }
}

fn own_level(level: WireAccess) -> AccessLevel {
    match level {
        WireAccess::ReadWrite => AccessLevel::ReadWrite,
        WireAccess::Full => AccessLevel::Full,
        _ => AccessLevel::Read,
    }
}

//! Ending shares: first the keys of what others have put there are saved, then they lose sight of it.

use futures::future::{BoxFuture as Boxed, FutureExt, join_all};
use mega_crypto::NodeKey;
use mega_protocol::commands::{SetShare, ShareTarget};
use mega_protocol::{ApiCode, NodeHandle, OutgoingShareTarget, PrivateText};

use super::Person;
use crate::Client;
use crate::error::{Error, ErrorKind, Result};
use crate::fs::put::refused;
use crate::fs::release::foreign_keys;
use crate::fs::share_key::Ended;
use crate::target::{Target, Want};

/// How often nodes may disappear while their keys are saved.
const TRIES: usize = 3;

impl Client {
    /// Ends the share of a folder with somebody. They do not see it any more; nothing in it is lost.
    ///
    /// Nodes that they have put there, and whose key only the share holds, get a key of this account first (crypto-and-accounts 4.8).
    ///
    /// # Errors
    ///
    /// [`NotFound`](ErrorKind::NotFound) when the folder is not shared with them; [`OutcomeUnknown`](ErrorKind::OutcomeUnknown), with handles, when the share has ended and the keys
    /// of what came in the last moment could not be saved.
    ///
    /// Cancel safety: repeat it until it succeeds.
    pub fn unshare(
        &self,
        folder: impl Into<Target>,
        with: impl Into<Person>,
    ) -> Boxed<'static, Result<()>> {
        let (client, folder, with) = (self.clone(), folder.into(), with.into());
        async move {
            let ended = async {
                client.account()?;
                let node = client.handle_of(&folder, Want::Folder)?;
                client.catch_up().await?;
                let target = client.share_target(&with, node)?;
                client.end_share(node, target).await
            };
            ended
                .await
                .map_err(|error: Error| error.during("unshare").about(folder.to_string()))
        }
        .boxed()
    }

    /// Who is meant, among those the folder is shared with.
    fn share_target(&self, with: &Person, folder: NodeHandle) -> Result<OutgoingShareTarget> {
        let contact = self.contact_of(with);
        self.with_tree(|tree, _| {
            let shared = tree.people.shared_with(folder);
            let user = match with {
                Person::User(user) => Some(*user),
                Person::Email(_) => contact,
            };
            let waits = |target: &OutgoingShareTarget| match (target, with) {
                (OutgoingShareTarget::Pending(_), Person::Email(email)) => tree
                    .people
                    .invited(*target)
                    .is_some_and(|invited| invited.expose().eq_ignore_ascii_case(email)),
                _ => false,
            };
            let mut targets = shared.iter().map(|(target, _)| *target);
            targets
                .find(|target| {
                    user.map(OutgoingShareTarget::User) == Some(*target) || waits(target)
                })
                .ok_or_else(|| {
                    Error::new(
                        ErrorKind::NotFound,
                        "the folder is not shared with this person",
                    )
                })
        })
    }

    /// Ends one share of a folder, or the one that its link stands on, in an up-to-date tree.
    ///
    /// Foreign keys are saved before each share that ends and not only before the last one: which one is the last, only the service knows, since others end shares, too. An own key
    /// too many harms nothing. Nothing is saved twice.
    pub(in crate::fs) async fn end_share(
        &self,
        folder: NodeHandle,
        target: OutgoingShareTarget,
    ) -> Result<()> {
        self.save_foreign_keys(folder).await?;
        let invited = self.with_tree(|tree, _| tree.people.invited(target).cloned());
        let whom = match (target, &invited) {
            (OutgoingShareTarget::User(user), _) => ShareTarget::User(user),
            (OutgoingShareTarget::Everyone, _) => ShareTarget::Everyone,
            (_, Some(email)) => ShareTarget::Email(email.clone()),
            (_, None) => return Err(Error::not_found("invitation that the share waits for")),
        };
        let command = SetShare::revoke(folder, whom);
        let ended = self.change_or_settled(command, |tree| {
            let shared = tree.people.shared_with(folder);
            shared.iter().all(|(known, _)| *known != target)
        });
        match ended.await {
            Ok(reply) => {
                let results = reply.map(|reply| reply.results).unwrap_or_default();
                let codes = results.iter().filter_map(|&code| i32::try_from(code).ok());
                let mut codes = codes.map(ApiCode::new);
                if let Some(code) = codes.find(|&code| code.number() < 0 && code != ApiCode::ENOENT)
                {
                    return Err(refused(code));
                }
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        // The packet of the end has brought what others put there until then.
        let late = self.foreign_keys_below(folder);
        self.rewrite_foreign_keys(&late).await.map_err(|error| {
            Error::new(
                ErrorKind::OutcomeUnknown,
                "the share has ended, but keys of nodes that came in the same moment could not be saved",
            )
            .with_handles(late.iter().map(|(node, _)| *node).collect())
            .caused_by(error)
        })?;
        self.note_end(folder, target, invited).await;
        Ok(())
    }

    /// Notes the end of a share in the account. Stale notes harm nothing (crypto-and-accounts 3.7 rule 5), since nobody is handed a key without a share; and the share has ended.
    async fn note_end(
        &self,
        folder: NodeHandle,
        target: OutgoingShareTarget,
        invited: Option<PrivateText>,
    ) {
        let unused = self.with_tree(|tree, _| !tree.is_shared_out(folder));
        let mut ended = Ended {
            user: None,
            email: invited,
            unused,
        };
        if let OutgoingShareTarget::User(user) = target {
            ended.user = Some(user);
            ended.email = self.with_tree(|tree, _| {
                let mut contacts = tree.people.contacts();
                contacts.find(|(known, _)| *known == user)?.1.cloned()
            });
        }
        let nothing = target == OutgoingShareTarget::Everyone && !unused;
        let keeps_keys = self
            .account()
            .is_ok_and(|account| account.has_keys_attribute());
        if keeps_keys
            && !nothing
            && let Err(error) = self.note_share_ended(folder, ended).await
        {
            tracing::warn!(node = %folder, %error, "the account does not note that a share of the folder has ended");
        }
    }

    /// Ends all shares of folders at and below a node, except those behind folder links.
    pub(in crate::fs) async fn end_shares_below(&self, top: NodeHandle) -> Result<()> {
        let shared: Vec<(NodeHandle, OutgoingShareTarget)> = self.with_tree(|tree, _| {
            let within = |node| {
                tree.find(top)
                    .zip(tree.find(node))
                    .is_some_and(|(top, index)| tree.is_within(index, top))
            };
            let shares = tree.people.shares();
            // Nothing can be taken back from somebody of whom not even the address is known.
            let shares = shares.filter(|(_, target, _)| match target {
                OutgoingShareTarget::User(_) => true,
                OutgoingShareTarget::Pending(_) => tree.people.invited(*target).is_some(),
                _ => false,
            });
            let shares = shares.filter(|(node, ..)| within(*node));
            shares.map(|(node, target, _)| (node, target)).collect()
        });
        if shared.is_empty() {
            return Ok(());
        }
        // Once for all of them.
        self.save_foreign_keys(top).await?;
        let ended = shared
            .into_iter()
            .map(|(node, target)| self.end_share(node, target));
        join_all(ended).await.into_iter().collect()
    }

    /// Gives the account its own copy of all keys below a folder that only a share holds.
    async fn save_foreign_keys(&self, folder: NodeHandle) -> Result<()> {
        let mut tried = 0;
        loop {
            let foreign = self.foreign_keys_below(folder);
            tried += 1;
            match self.rewrite_foreign_keys(&foreign).await {
                // One of them has gone meanwhile: the others are no less ours.
                Err(error) if error.kind() == ErrorKind::NotFound && tried < TRIES => {
                    self.catch_up().await?;
                }
                other => return other,
            }
        }
    }

    fn foreign_keys_below(&self, folder: NodeHandle) -> Vec<(NodeHandle, NodeKey)> {
        self.with_tree(|tree, _| {
            let index = tree.find(folder);
            index
                .map(|index| foreign_keys(tree, index))
                .unwrap_or_default()
        })
    }
}

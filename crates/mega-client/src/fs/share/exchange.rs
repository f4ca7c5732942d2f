//! Handing share keys to contacts, and taking those they have sent (crypto-and-accounts 4.7).

use std::collections::HashMap;

use futures::future::{BoxFuture, FutureExt};
use mega_crypto::ShareKey;
use mega_crypto::account_keys::{AccountKeys, ContactStanding, PendingOutShare, PendingRecipient};
use mega_protocol::commands::{FetchPendingKeys, PendingKey, RemovePendingKeys, SendShareKey};
use mega_protocol::{NodeHandle, OutgoingShareTarget, UserHandle};

use super::Person;
use super::verify::{Verified, standing, unusable};
use crate::Client;
use crate::error::{Error, ErrorKind, Result};
use crate::fs::account_keys::Edit;
use crate::tree::arena::Flags;

/// What an exchange of share keys has done.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct ShareKeyExchange {
    /// The folders whose keys have come: what is in them can be read now.
    pub received: Vec<NodeHandle>,
    /// The folders whose keys have been handed to somebody who became a contact.
    pub sent: Vec<NodeHandle>,
    /// What could not be taken or handed out, and why; it is tried again next time.
    pub failed: Vec<(NodeHandle, Error)>,
}

impl Client {
    /// Takes the share keys that contacts have sent, and hands out those that wait for somebody to become a contact.
    ///
    /// Do this when a folder of [`incoming_shares`](Self::incoming_shares) cannot be read, and when somebody has accepted an invitation; both are told by
    /// [`Change::Account`](crate::Change::Account) and [`Change::Contacts`](crate::Change::Contacts). It is not done by itself, since it writes to the
    /// keys of the account.
    ///
    /// A key counts only if it comes from a contact whose key pair is signed and the one seen before; where the account asks for compared
    /// fingerprints, only after [`confirm_contact`](Self::confirm_contact).
    ///
    /// # Errors
    ///
    /// [`Unsupported`](ErrorKind::Unsupported) for old accounts without such keys. What goes wrong with single folders is in the result.
    ///
    /// Cancel safety: keys are taken off the service only after they are stored in the account.
    pub fn exchange_share_keys(&self) -> BoxFuture<'static, Result<ShareKeyExchange>> {
        let client = self.clone();
        async move {
            let exchanged = async {
                if !client.account()?.has_keys_attribute() {
                    return Err(Error::new(
                        ErrorKind::Unsupported,
                        "the account is of an old kind without keys for sharing; open it once in an official client",
                    ));
                }
                let mut done = ShareKeyExchange::default();
                client.receive(&mut done).await?;
                client.hand_out_pending(&mut done).await?;
                Ok(done)
            };
            exchanged.await.map_err(|error: Error| error.during("exchange share keys"))
        }
        .boxed()
    }

    async fn receive(&self, done: &mut ShareKeyExchange) -> Result<()> {
        let pending = self.ask(FetchPendingKeys::new()).await?;
        // Whose folder it is may be news.
        self.catch_up().await?;
        let mut senders: HashMap<UserHandle, Result<Verified>> = HashMap::new();
        for key in &pending.keys {
            // Keys of people who share nothing with us are not even looked at.
            if self.owner_of(key.share) == Some(key.user) && !senders.contains_key(&key.user) {
                let verified = match self.verified_contact(key.user).await {
                    Ok(verified) => self.pin(&verified).await.map(|()| verified),
                    Err(error) => Err(error),
                };
                senders.insert(key.user, verified);
            }
        }
        let taken = self
            .change_account_keys(|keys| {
                let mut taken: Vec<(NodeHandle, ShareKey)> = Vec::new();
                let mut refused: Vec<(NodeHandle, ErrorKind, String)> = Vec::new();
                let mut edits: Vec<(NodeHandle, ShareKey)> = Vec::new();
                for key in &pending.keys {
                    match self.open_pending(keys, senders.get(&key.user), key) {
                        Ok(share_key) => {
                            edits.push((key.share, share_key.clone()));
                            taken.push((key.share, share_key));
                        }
                        Err(error) => refused.push((key.share, error.kind(), error.to_string())),
                    }
                }
                let edit: Edit = Box::new(move |edit| {
                    for (share, key) in &edits {
                        let node = mega_crypto::NodeHandle::from_bytes(share.to_bytes());
                        edit.add_share_key(node, key, true)?;
                        edit.remove_pending_in_share(node);
                    }
                    Ok(())
                });
                let edit = (!taken.is_empty()).then_some(edit);
                Ok(((taken, refused), edit))
            })
            .await?;
        let (taken, refused) = taken;
        let all = refused.is_empty();
        for (share, kind, text) in refused {
            done.failed.push((share, Error::new(kind, text)));
        }
        // Only what is stored may be taken off; with some refused, all of them stay for another try.
        if let (Some(last), true) = (&pending.last, all) {
            self.ask(RemovePendingKeys::new(last.clone())).await?;
        }
        self.open_with(&taken);
        done.received
            .extend(taken.into_iter().map(|(share, _)| share));
        Ok(())
    }

    /// Who shares a folder with us. Nobody, where the folder is one of our own, whatever the service says: it lies in our drive, we share it
    /// ourselves, or our master key opens it.
    fn owner_of(&self, share: NodeHandle) -> Option<UserHandle> {
        self.with_tree(|tree, _| {
            let index = tree.find(share)?;
            let record = tree.record(index)?;
            let own = record.key != [0; 32] && !record.flags.has(Flags::FOREIGN);
            if own || tree.cannot_be_incoming(index) {
                return None;
            }
            tree.share(index).map(|share| share.owner)
        })
    }

    /// Notes the keys of a contact at first sight; other keys than those noted are an error (KEY-9).
    async fn pin(&self, contact: &Verified) -> Result<()> {
        let keys = contact.keys;
        self.change_account_keys(|known| {
            let new = standing(contact, known)? == ContactStanding::New;
            let edit: Edit = Box::new(move |edit| edit.track(&keys));
            Ok(((), new.then_some(edit)))
        })
        .await
    }

    /// Opens one key that a contact has sent for a folder of theirs.
    ///
    /// A key for anything else is not taken: who could give us a key for a folder of our own would be able to read what we share with others later.
    fn open_pending(
        &self,
        keys: &AccountKeys,
        sender: Option<&Result<Verified>>,
        pending: &PendingKey,
    ) -> Result<ShareKey> {
        if self.owner_of(pending.share) != Some(pending.user) {
            return Err(Error::new(
                ErrorKind::NotFound,
                "the sender of the key does not share this folder with us",
            ));
        }
        let key = open(keys, sender, pending)?;
        let node = mega_crypto::NodeHandle::from_bytes(pending.share.to_bytes());
        match keys.share_key(node) {
            Some(known) if known.is_trusted() && known.key().is_ok_and(|known| known != key) => {
                Err(Error::new(
                    ErrorKind::Key,
                    "the account has another, trusted key for this share",
                ))
            }
            _ => Ok(key),
        }
    }

    /// Sends the key of a shared folder to a contact, and notes that it has been handed out.
    pub(super) async fn hand_out(&self, folder: NodeHandle, contact: &Verified) -> Result<()> {
        let node = mega_crypto::NodeHandle::from_bytes(folder.to_bytes());
        let wrapped = self
            .change_account_keys(|keys| {
                compared(keys, standing(contact, keys)?)?;
                let key = keys
                    .share_key(node)
                    .ok_or_else(|| Error::new(ErrorKind::Key, "the folder has no share key"))?
                    .key()
                    .map_err(unusable)?;
                let pair = keys.pairwise_key(&contact.keys).map_err(unusable)?;
                Ok((pair.cipher().wrap_share_key(&key), None))
            })
            .await?;
        let user = UserHandle::from_bytes(contact.keys.user().to_bytes());
        self.ask(SendShareKey::new(user, folder, wrapped)).await?;
        let waiting = PendingOutShare::new(node, PendingRecipient::user(contact.keys.user()));
        self.forget_waiting(&waiting).await
    }

    /// Hands out what waited for an invitation, or for the rest of an interrupted call.
    async fn hand_out_pending(&self, done: &mut ShareKeyExchange) -> Result<()> {
        self.catch_up().await?;
        let waiting: Vec<PendingOutShare> = self
            .change_account_keys(|keys| Ok((keys.pending_out_shares().to_vec(), None)))
            .await?;
        for share in waiting {
            let folder = NodeHandle::from_bytes(share.node.to_bytes());
            let person = match (share.recipient.as_user(), share.recipient.as_email()) {
                (Some(user), _) => Person::User(UserHandle::from_bytes(user.to_bytes())),
                (None, Some(email)) => Person::Email(email),
                (None, None) => continue,
            };
            let Some(user) = self.contact_of(&person) else {
                continue;
            };
            let handed = async {
                // Whoever of this client is about to share the folder has noted it before, and is let finish.
                let _folder = self.inner.fs.attributes.lock(folder).await;
                let shared = self.with_tree(|tree, _| {
                    let mut shared = tree.people.shared_with(folder).iter();
                    shared.any(|(to, _)| *to == OutgoingShareTarget::User(user))
                });
                if shared {
                    let contact = self.verified_contact(user).await?;
                    self.pin(&contact).await?;
                    self.hand_out(folder, &contact).await?;
                }
                // A share that has ended since, or never came about, leaves a note that must not serve: the key would be with somebody to whom nobody has given the folder.
                self.forget_waiting(&share).await?;
                Ok(shared)
            };
            match handed.await {
                Ok(true) => done.sent.push(folder),
                Ok(false) => {}
                Err(error) => done.failed.push((folder, error)),
            }
        }
        Ok(())
    }

    /// Removes the note that a key is to be handed out.
    async fn forget_waiting(&self, share: &PendingOutShare) -> Result<()> {
        self.change_account_keys(|keys| {
            let waits = keys.pending_out_shares().contains(share);
            let share = share.clone();
            let edit: Edit = Box::new(move |edit| {
                edit.remove_pending_out_share(&share);
                Ok(())
            });
            Ok(((), waits.then_some(edit)))
        })
        .await
    }
}

/// Where the account asks for it, no share key is taken from nor given to anybody whose fingerprint was not compared (SDK `KeyManager::encryptShareKeyTo`,
/// `decryptShareKeyFrom`, both by `verificationRequired`).
fn compared(keys: &AccountKeys, known: ContactStanding) -> Result<()> {
    if keys.contact_verification_warning() && known != ContactStanding::Compared {
        return Err(Error::new(
            ErrorKind::Key,
            "the account asks for compared fingerprints, and that of the contact was not compared yet",
        ));
    }
    Ok(())
}

/// Opens one share key: from whom it comes must be known, and be the same as before.
fn open(
    keys: &AccountKeys,
    sender: Option<&Result<Verified>>,
    pending: &PendingKey,
) -> Result<ShareKey> {
    let sender = match sender {
        Some(Ok(sender)) => sender,
        Some(Err(error)) => return Err(Error::new(error.kind(), error.to_string())),
        None => return Err(Error::misuse("the sender was not asked for")),
    };
    compared(keys, standing(sender, keys)?)?;
    let wrapped: [u8; 16] = pending
        .key
        .as_bytes()
        .try_into()
        .map_err(|_| Error::new(ErrorKind::Key, "the share key has the wrong length"))?;
    let pair = keys.pairwise_key(&sender.keys).map_err(unusable)?;
    let key = pair.cipher().unwrap_share_key(&wrapped).map_err(unusable)?;
    Ok(key)
}

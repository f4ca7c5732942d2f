//! The keys of shares in `^!keys`: noted as in use before anything is shared with them, and as unused afterwards (crypto-and-accounts 3.7).
//!
//! Each write of `^!keys` takes two requests and a turn, and links of a hundred folders would take as many. So whoever gets the turn writes what all
//! others wait for as well, and they find it done when theirs comes.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mega_crypto::ShareKey;
use mega_crypto::account_keys::{AccountKeys, PendingOutShare, PendingRecipient};
use mega_protocol::{NodeHandle, PrivateText, UserHandle};

use super::account_keys::{Edit, damaged, untrusted};
use super::bulk::for_all;
use crate::Client;
use crate::chance::rng;
use crate::error::{Error, Result};

/// What the callers of a client want to be noted about share keys.
#[derive(Default)]
pub(crate) struct Wishes(Mutex<Vec<Arc<Wish>>>);

/// What one caller wants.
struct Wish {
    folder: NodeHandle,
    note: Note,
    /// How it went, once somebody has seen to it.
    done: Mutex<Option<Outcome>>,
}

/// A key, if one was asked for.
type Outcome = Result<Option<ShareKey>>;

enum Note {
    /// In use; this is the key if the account has none for the folder.
    InUse(ShareKey),
    /// A share has ended.
    Ended(Ended),
}

/// The end of a share.
#[derive(Default)]
pub(super) struct Ended {
    /// Who had it, by the names that a note to hand the key to them may have.
    pub(super) user: Option<UserHandle>,
    pub(super) email: Option<PrivateText>,
    /// Nothing is shared with the key any more. The key itself stays.
    pub(super) unused: bool,
}

impl Ended {
    /// Whether a key was to be handed to them.
    fn is(&self, recipient: &PendingRecipient) -> bool {
        let user = recipient.as_user().map(|user| user.to_bytes());
        let same_user = user.is_some() && user == self.user.map(|user| user.to_bytes());
        let email = recipient.as_email().zip(self.email.as_ref());
        same_user || email.is_some_and(|(noted, email)| email.expose().eq_ignore_ascii_case(&noted))
    }
}

/// What a caller gets, and what must be written for it.
type Granted = (Option<ShareKey>, Option<Edit>);

impl Wishes {
    fn add(&self, folder: NodeHandle, note: Note) -> Arc<Wish> {
        let wish = Arc::new(Wish {
            folder,
            note,
            done: Mutex::default(),
        });
        lock(&self.0).push(Arc::clone(&wish));
        wish
    }

    fn forget(&self, own: &Arc<Wish>) {
        lock(&self.0).retain(|wish| !Arc::ptr_eq(wish, own));
    }

    /// This wish, and those of others that can be seen to with it: one for each folder. What nobody waits for any more is forgotten.
    fn group(&self, own: &Arc<Wish>) -> Vec<Arc<Wish>> {
        let mut waiting = lock(&self.0);
        // One of the two owners is this list.
        waiting.retain(|wish| Arc::strong_count(wish) > 1 && lock(&wish.done).is_none());
        let mut folders = BTreeSet::from([own.folder]);
        let mut group = vec![Arc::clone(own)];
        group.extend(
            waiting
                .iter()
                .filter(|wish| folders.insert(wish.folder))
                .cloned(),
        );
        group
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Client {
    /// The key for sharing a folder, noted as in use before anything is shared with it (crypto-and-accounts 3.7 rule 4): the one the account has for the
    /// folder, or a new one.
    pub(super) async fn share_key_in_use(&self, folder: NodeHandle) -> Result<ShareKey> {
        let note = Note::InUse(ShareKey::random(&mut rng()));
        let key = self.note_share_key(folder, note).await?;
        key.ok_or_else(|| Error::misuse("the folder was given no share key"))
    }

    /// Notes what the end of a share means for the key: nobody is to be handed it any more, or nothing is shared with it.
    pub(super) async fn note_share_ended(&self, folder: NodeHandle, ended: Ended) -> Result<()> {
        self.note_share_key(folder, Note::Ended(ended))
            .await
            .map(drop)
    }

    /// Cancel safety: another caller that waits does it perhaps, or nobody; a mark without a share harms nothing (rule 5).
    async fn note_share_key(&self, folder: NodeHandle, note: Note) -> Outcome {
        let account = self.account()?;
        let own = account.share_key_wishes.add(folder, note);
        let turn = account.changing_keys.lock().await;
        if let Some(done) = lock(&own.done).take() {
            account.share_key_wishes.forget(&own);
            return done;
        }
        let group = account.share_key_wishes.group(&own);
        let written = self
            .change_account_keys_in_turn(account, &turn, |keys| grant(keys, &group))
            .await;
        let results = match written {
            Ok(results) => results,
            // The first one is this caller's.
            Err(error) => for_all(error, group.len()),
        };
        for (wish, result) in group.iter().zip(results) {
            *lock(&wish.done) = Some(result);
        }
        account.share_key_wishes.forget(&own);
        let done = lock(&own.done).take();
        done.unwrap_or_else(|| Err(Error::misuse("a wish was left out")))
    }
}

/// What each wish of a group comes to, and one change for all of them. One that cannot be granted stops no other.
fn grant(keys: &AccountKeys, group: &[Arc<Wish>]) -> Result<(Vec<Outcome>, Option<Edit>)> {
    let mut edits: Vec<Edit> = Vec::new();
    let results = group
        .iter()
        .map(|wish| {
            let (key, edit) = grant_one(keys, wish)?;
            edits.extend(edit);
            Ok(key)
        })
        .collect();
    let edit = (!edits.is_empty()).then(|| -> Edit {
        Box::new(move |keys| edits.into_iter().try_for_each(|edit| edit(keys)))
    });
    Ok((results, edit))
}

fn grant_one(keys: &AccountKeys, wish: &Wish) -> Result<Granted> {
    let node = mega_crypto::NodeHandle::from_bytes(wish.folder.to_bytes());
    let known = keys.share_key(node);
    Ok(match (&wish.note, known) {
        (Note::InUse(_), Some(known)) if !known.is_trusted() => return Err(untrusted()),
        (Note::InUse(_), Some(known)) => {
            let edit = (!known.is_in_use())
                .then(|| -> Edit { Box::new(move |edit| edit.set_share_in_use(node, true)) });
            (Some(known.key().map_err(damaged)?), edit)
        }
        (Note::InUse(fresh), None) => {
            let key = fresh.clone();
            let edit: Edit = Box::new(move |edit| {
                edit.add_share_key(node, &key, true)?;
                edit.set_share_in_use(node, true)
            });
            (Some(fresh.clone()), Some(edit))
        }
        (Note::Ended(ended), known) => {
            let waiting = keys.pending_out_shares().iter();
            let waiting: Vec<PendingOutShare> = waiting
                .filter(|waiting| waiting.node == node && ended.is(&waiting.recipient))
                .cloned()
                .collect();
            let unused = ended.unused && known.is_some_and(|known| known.is_in_use());
            let edit = (unused || !waiting.is_empty()).then(|| -> Edit {
                Box::new(move |edit| {
                    for waiting in &waiting {
                        edit.remove_pending_out_share(waiting);
                    }
                    match unused {
                        true => edit.set_share_in_use(node, false),
                        false => Ok(()),
                    }
                })
            });
            (None, edit)
        }
    })
}

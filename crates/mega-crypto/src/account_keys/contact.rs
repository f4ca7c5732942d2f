use super::{
    AccountKeys, AuthMethod, AuthringEntry, Ed25519PublicKey, KeySignature, X25519PublicKey,
};
use crate::{Error, UserHandle};

/// The public keys of a contact, the X25519 key signed by the Ed25519 key.
///
/// There is no value of this type whose signature does not hold. Whether the Ed25519 key is the
/// contact's at all, only the authring and in the end the user can tell: see
/// [`ContactKeys::standing`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContactKeys {
    user: UserHandle,
    ed25519: Ed25519PublicKey,
    x25519: X25519PublicKey,
}

impl ContactKeys {
    /// Takes the contact's attributes `+puEd255`, `+puCu255` and `+sigCu255`.
    ///
    /// # Errors
    ///
    /// [`Error::Length`] if one has another length than it should, [`Error::Unauthentic`] if the
    /// signature does not hold (threat model, KEY-9).
    pub fn new(
        user: UserHandle,
        ed25519: &[u8],
        x25519: &[u8],
        x25519_signature: &[u8],
    ) -> Result<Self, Error> {
        let keys = Self {
            user,
            ed25519: Ed25519PublicKey::from_slice(ed25519)?,
            x25519: X25519PublicKey::from_slice(x25519)?,
        };
        KeySignature::from_slice(x25519_signature)?.verify_x25519(&keys.ed25519, &keys.x25519)?;
        Ok(keys)
    }

    /// Whose keys the server says they are.
    pub const fn user(&self) -> UserHandle {
        self.user
    }

    /// The Ed25519 key. Its fingerprint is what the user compares.
    pub const fn ed25519(&self) -> &Ed25519PublicKey {
        &self.ed25519
    }

    /// The X25519 key.
    pub const fn x25519(&self) -> &X25519PublicKey {
        &self.x25519
    }

    /// What this account knows about the keys.
    ///
    /// # Errors
    ///
    /// [`Error::ContactKeyChanged`] if it knows others: share nothing with this contact (threat
    /// model, ATT-12).
    pub fn standing(&self, account: &AccountKeys) -> Result<ContactStanding, Error> {
        let [ed25519, x25519] = self.entries();
        let known = account.ed25519_ring().get(self.user);
        let known_x25519 = account.x25519_ring().get(self.user);
        let differs = |known: Option<&AuthringEntry>, now: AuthringEntry| {
            known.is_some_and(|known| known.fingerprint != now.fingerprint)
        };
        if differs(known, ed25519) || differs(known_x25519, x25519) {
            return Err(Error::ContactKeyChanged);
        }
        Ok(match known.map(|known| known.method) {
            Some(method) if !method.is_known() => ContactStanding::New,
            None => ContactStanding::New,
            Some(AuthMethod::SEEN) => ContactStanding::Seen,
            Some(_) => ContactStanding::Compared,
        })
    }

    pub(super) fn is_tracked_by(&self, account: &AccountKeys) -> Result<bool, Error> {
        Ok(self.standing(account)? != ContactStanding::New)
    }

    /// What goes into the authrings: the Ed25519 key as seen, the X25519 key as signed.
    pub(super) fn entries(&self) -> [AuthringEntry; 2] {
        [
            AuthringEntry::new(self.user, self.ed25519.fingerprint(), AuthMethod::SEEN),
            AuthringEntry::new(self.user, self.x25519.fingerprint(), AuthMethod::SIGNATURE),
        ]
    }
}

/// What an account knows about the keys of a contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ContactStanding {
    /// Nothing yet. The first key seen is taken on trust and noted.
    New,
    /// They are the ones seen before.
    Seen,
    /// The user has compared the fingerprint.
    Compared,
}

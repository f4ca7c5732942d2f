use alloc::vec::Vec;

use rand_core::CryptoRng;
use subtle::ConstantTimeEq;

use super::ltlv::Ltlv;
use super::{
    Authring, ContactKeys, Ed25519PrivateKey, PairwiseKey, PendingInShare, PendingOutShare,
    RsaPrivateCopy, StoredShareKey, X25519PrivateKey, container, pending,
};
use crate::rsa::RsaPrivateKey;
use crate::secret::{SecretBytes, opaque};
use crate::{Error, MasterKey, NodeHandle, UserHandle};

/// The content of `^!keys`: the private keys of an account, the keys of its shares, and what it
/// knows about its contacts (crypto-and-accounts 3.6).
///
/// A value comes from what the server has, out of [`AccountKeys::open`] or
/// [`AccountKeys::refresh`], or from making the keys of a new account. It cannot be changed:
/// [`AccountKeys::update`] prepares what to send, and gives the changed keys only after the server
/// has taken it. So a write always builds on something read, its generation always is one higher,
/// and records of other clients are always in it, whatever they mean.
///
/// Wiped when dropped; `Debug` shows the type's name only.
#[derive(Clone, PartialEq, Eq)]
pub struct AccountKeys {
    pub(super) creation_time: u32,
    pub(super) owner: UserHandle,
    pub(super) generation: Generation,
    pub(super) attr: Vec<u8>,
    pub(super) ed25519: Ed25519PrivateKey,
    pub(super) x25519: X25519PrivateKey,
    pub(super) rsa: Option<RsaPrivateCopy>,
    pub(super) ed25519_ring: Authring,
    pub(super) x25519_ring: Authring,
    pub(super) share_keys: Vec<StoredShareKey>,
    pub(super) pending_out: Vec<PendingOutShare>,
    pub(super) pending_in: Ltlv,
    pub(super) backups: SecretBytes,
    pub(super) warnings: Ltlv,
    /// Records of unknown tags, whole, in their order.
    pub(super) unknown: SecretBytes,
}

impl AccountKeys {
    /// Opens the attribute `^!keys` of the account `owner`.
    ///
    /// `known` is the highest generation ever seen of this account, out of the program's own store;
    /// `None` on the first sight.
    ///
    /// If this fails, keep what you have, and never write the attribute: only a client that could
    /// read it may.
    ///
    /// # Errors
    ///
    /// [`Error::Unauthentic`] if it was altered or belongs to another master key,
    /// [`Error::Downgrade`] if its generation is lower than the known one (threat model, KEY-10),
    /// [`Error::Malformed`] if records are missing, doubled or of the wrong length, or it is
    /// another account's, [`Error::Unsupported`] for a newer version, [`Error::TooLarge`] beyond
    /// [`MAX_LEN`](super::MAX_LEN).
    pub fn open(
        attribute: &[u8],
        master: &MasterKey,
        owner: UserHandle,
        known: Option<Generation>,
    ) -> Result<Self, Error> {
        let plain = container::open(attribute, master)?;
        let keys = Self::parse(&plain)?;
        if keys.owner != owner {
            return Err(Error::Malformed {
                what: container::WHAT,
                reason: "it belongs to another account",
            });
        }
        match known {
            Some(known) if keys.generation < known => Err(Error::Downgrade {
                what: container::WHAT,
                known: known.0,
                received: keys.generation.0,
            }),
            _ => Ok(keys),
        }
    }

    /// Opens what the server has now, after another client wrote it or a write of ours came too
    /// late.
    ///
    /// # Errors
    ///
    /// As for [`AccountKeys::open`], the known generation being this one; and [`Error::Refused`] if
    /// its private keys are others, which never happens to an honest account.
    pub fn refresh(&self, attribute: &[u8], master: &MasterKey) -> Result<Self, Error> {
        let newer = Self::open(attribute, master, self.owner, Some(self.generation))?;
        let same = newer.ed25519.ct_eq(&self.ed25519) & newer.x25519.ct_eq(&self.x25519);
        match bool::from(same) {
            true => Ok(newer),
            false => Err(Error::Refused {
                reason: "the private keys in the ^!keys attribute have changed",
            }),
        }
    }

    /// Prepares a write: applies a change to a copy, and encrypts it with a fresh IV and the next
    /// generation.
    ///
    /// Send the attribute with the version last read (`upv`). If the server took it,
    /// [`KeysWrite::accepted`] gives the new keys. If another client was faster (`EEXPIRED`), drop
    /// the write, read again, [`AccountKeys::refresh`], and call this again with the same change.
    ///
    /// # Errors
    ///
    /// The error of the change, and [`Error::TooLarge`] if the result would exceed
    /// [`MAX_LEN`](super::MAX_LEN).
    pub fn update<R: CryptoRng + ?Sized>(
        &self,
        master: &MasterKey,
        rng: &mut R,
        change: impl FnOnce(&mut KeysEdit<'_>) -> Result<(), Error>,
    ) -> Result<KeysWrite, Error> {
        let mut keys = self.clone();
        change(&mut KeysEdit::new(&mut keys))?;
        keys.write(master, rng)
    }

    /// Encrypts with the next generation.
    pub(super) fn write<R: CryptoRng + ?Sized>(
        mut self,
        master: &MasterKey,
        rng: &mut R,
    ) -> Result<KeysWrite, Error> {
        self.generation = self.generation.next().ok_or(Error::Refused {
            reason: "the ^!keys attribute has been written too often to be written again",
        })?;
        let attribute = container::seal(&self.serialize()?, master, rng)?;
        Ok(KeysWrite {
            attribute,
            keys: self,
        })
    }

    /// Its generation. Store the highest one seen of each account, for [`AccountKeys::open`].
    pub const fn generation(&self) -> Generation {
        self.generation
    }

    /// Whose keys they are.
    pub const fn owner(&self) -> UserHandle {
        self.owner
    }

    /// When they were made, in seconds since 1970.
    pub const fn creation_time(&self) -> u32 {
        self.creation_time
    }

    /// The Ed25519 private key.
    pub const fn ed25519(&self) -> &Ed25519PrivateKey {
        &self.ed25519
    }

    /// The X25519 private key.
    pub const fn x25519(&self) -> &X25519PrivateKey {
        &self.x25519
    }

    /// The copy of the RSA private key. Accounts that were made before their registration have none
    /// at first.
    pub const fn rsa(&self) -> Option<&RsaPrivateCopy> {
        self.rsa.as_ref()
    }

    /// The keys of shares, own and received ones, and of folder links (threat model, KEY-8: with
    /// `^!keys`, they come from nowhere else).
    pub fn share_keys(&self) -> &[StoredShareKey] {
        &self.share_keys
    }

    /// The key of one share. To look up many, collect [`AccountKeys::share_keys`] into a map.
    pub fn share_key(&self, node: NodeHandle) -> Option<&StoredShareKey> {
        self.share_keys.iter().find(|stored| stored.node() == node)
    }

    /// The Ed25519 keys of contacts that this account has seen.
    pub const fn ed25519_ring(&self) -> &Authring {
        &self.ed25519_ring
    }

    /// The X25519 keys of contacts that this account has seen.
    pub const fn x25519_ring(&self) -> &Authring {
        &self.x25519_ring
    }

    /// The shares whose keys are still to be handed out.
    pub fn pending_out_shares(&self) -> &[PendingOutShare] {
        &self.pending_out
    }

    /// The received shares whose keys are not trusted yet. Entries that cannot be understood are
    /// left out here; they are kept.
    pub fn pending_in_shares(&self) -> impl Iterator<Item = PendingInShare> {
        pending::read_in(&self.pending_in)
    }

    /// Whether the user wants to be warned about contacts whose fingerprints were never compared.
    pub fn contact_verification_warning(&self) -> bool {
        let value = self.warnings.get(CONTACT_VERIFICATION);
        let text = value.and_then(|value| core::str::from_utf8(value).ok());
        text.and_then(|text| text.parse().ok())
            .is_some_and(|number: i64| number != 0)
    }

    /// The record about backups, which only the clients that make backups understand. It is kept as
    /// it is.
    pub fn backups(&self) -> &[u8] {
        &self.backups
    }

    /// The key that this account shares with a contact, to wrap and unwrap share keys with (`pk`).
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] if the contact's keys have not been noted in the authrings:
    /// [`KeysEdit::track`] comes first (threat model, KEY-9). [`Error::ContactKeyChanged`] if they
    /// are others than those noted, [`Error::ZeroKey`] for a key that protects nothing.
    pub fn pairwise_key(&self, contact: &ContactKeys) -> Result<PairwiseKey, Error> {
        if !contact.is_tracked_by(self)? {
            return Err(Error::Refused {
                reason: "the contact's keys are not in the authrings yet",
            });
        }
        self.x25519.pairwise_key(contact.x25519())
    }
}

opaque!(AccountKeys);

/// How often `^!keys` has been written. It never decreases (threat model, KEY-10).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Generation(pub(super) u32);

impl Generation {
    /// Takes a number out of the program's own store.
    pub const fn new(number: u32) -> Self {
        Self(number)
    }

    /// The number.
    pub const fn get(self) -> u32 {
        self.0
    }

    fn next(self) -> Option<Self> {
        self.0.checked_add(1).map(Self)
    }
}

/// A prepared write of `^!keys`: see [`AccountKeys::update`].
///
/// `Debug` shows the type's name only.
#[must_use = "it does nothing until the server has taken the attribute"]
pub struct KeysWrite {
    attribute: Vec<u8>,
    keys: AccountKeys,
}

impl KeysWrite {
    /// The value of the attribute `^!keys`, to be sent as base64.
    pub fn attribute(&self) -> &[u8] {
        &self.attribute
    }

    /// The keys as they are once the server has taken the attribute. Call it then, and only then.
    #[must_use]
    pub fn accepted(self) -> AccountKeys {
        self.keys
    }
}

opaque!(KeysWrite);

/// What may be changed in `^!keys`. Private keys, owner, generation and records of other clients
/// are not among it.
#[derive(Debug)]
pub struct KeysEdit<'a> {
    keys: &'a mut AccountKeys,
}

impl<'a> KeysEdit<'a> {
    pub(super) const fn new(keys: &'a mut AccountKeys) -> Self {
        Self { keys }
    }

    /// The keys as they are now.
    pub const fn keys(&self) -> &AccountKeys {
        self.keys
    }

    /// Adds the key of a share. `trusted` says that it was, and will be, only handed out securely:
    /// not through a folder link. The same key again can gain trust, never lose it here.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] if another key is there that is trusted or in use.
    pub fn add_share_key(
        &mut self,
        node: NodeHandle,
        key: &crate::ShareKey,
        trusted: bool,
    ) -> Result<(), Error> {
        super::share_keys::insert(&mut self.keys.share_keys, node, key, trusted)
    }

    /// Puts the key of a share in the place of any other. Only for a received share whose owner
    /// made it anew, and who is verified; everything encrypted under the old key is lost.
    ///
    /// # Errors
    ///
    /// None today.
    pub fn replace_share_key(
        &mut self,
        node: NodeHandle,
        key: &crate::ShareKey,
        trusted: bool,
    ) -> Result<(), Error> {
        super::share_keys::replace(&mut self.keys.share_keys, node, key, trusted)
    }

    /// Notes whether a share or folder link with this key exists. Set it *before* the share is
    /// made, and clear it after the last one has ended (crypto-and-accounts 3.7, rules 4 and 5).
    ///
    /// # Errors
    ///
    /// [`Error::NoUsableKey`] if there is no key for this node.
    pub fn set_share_in_use(&mut self, node: NodeHandle, in_use: bool) -> Result<(), Error> {
        super::share_keys::set_in_use(&mut self.keys.share_keys, node, in_use)
    }

    /// Notes the keys of a contact as seen, and its X25519 key as signed.
    ///
    /// # Errors
    ///
    /// [`Error::ContactKeyChanged`] if another key is known for the contact.
    pub fn track(&mut self, contact: &ContactKeys) -> Result<(), Error> {
        let [ed25519, x25519] = contact.entries();
        contact.is_tracked_by(self.keys)?;
        self.keys.ed25519_ring.track(ed25519)?;
        self.keys.x25519_ring.track(x25519)
    }

    /// Notes that the user has compared the fingerprint of the contact's Ed25519 key.
    ///
    /// # Errors
    ///
    /// As for [`KeysEdit::track`].
    pub fn track_compared(&mut self, contact: &ContactKeys) -> Result<(), Error> {
        self.track(contact)?;
        let [mut ed25519, _] = contact.entries();
        ed25519.method = super::AuthMethod::FINGERPRINT;
        self.keys.ed25519_ring.track(ed25519)
    }

    /// Adds a share whose key is still to be handed out. Nothing happens if it is there already.
    pub fn add_pending_out_share(&mut self, share: PendingOutShare) {
        if !self.keys.pending_out.contains(&share) {
            self.keys.pending_out.push(share);
        }
    }

    /// Takes out a share whose key has been handed out. Whether it was there.
    pub fn remove_pending_out_share(&mut self, share: &PendingOutShare) -> bool {
        let before = self.keys.pending_out.len();
        self.keys.pending_out.retain(|other| other != share);
        self.keys.pending_out.len() < before
    }

    /// Adds a received share whose key is not trusted yet, or replaces it.
    pub fn set_pending_in_share(&mut self, share: &PendingInShare) {
        pending::set_in(&mut self.keys.pending_in, share);
    }

    /// Takes out a received share whose key is trusted now, or which has ended. Whether it was
    /// there.
    pub fn remove_pending_in_share(&mut self, node: NodeHandle) -> bool {
        self.keys.pending_in.remove(&node.to_text_bytes())
    }

    /// Whether the user wants to be warned about contacts whose fingerprints were never compared.
    pub fn set_contact_verification_warning(&mut self, warn: bool) {
        let value = if warn { b"1" } else { b"0" };
        self.keys.warnings.set(CONTACT_VERIFICATION, value);
    }

    /// Adds the copy of the RSA private key to an account that has got one only now.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] if there is another one: it never changes.
    pub fn add_rsa(&mut self, rsa: &RsaPrivateKey) -> Result<(), Error> {
        match &self.keys.rsa {
            Some(present) if !present.is_of(rsa) => Err(Error::Refused {
                reason: "the ^!keys attribute holds another RSA key already",
            }),
            Some(_) => Ok(()),
            None => {
                self.keys.rsa = Some(RsaPrivateCopy::of(rsa));
                Ok(())
            }
        }
    }
}

const CONTACT_VERIFICATION: &[u8] = b"cv";

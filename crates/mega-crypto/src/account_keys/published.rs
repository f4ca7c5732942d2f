use alloc::vec::Vec;

use rand_core::CryptoRng;

use super::{
    AccountKeys, Authring, Ed25519PrivateKey, Ed25519PublicKey, Generation, KeySignature, Keyring,
    KeysEdit, KeysWrite, RsaPrivateCopy, X25519PrivateKey, X25519PublicKey,
};
use crate::rsa::{RsaPrivateKey, RsaPublicKey};
use crate::secret::opaque;
use crate::{Error, MasterKey, UserHandle};

/// The six attributes that hold an account's keys, as `ug` gives them after base64 decoding; `None`
/// for those that are not there (crypto-and-accounts 3.5).
///
/// They are read and made together, or not at all: an account that has some of them and not the
/// others is left alone.
#[derive(Clone, Copy, Default)]
#[expect(
    clippy::exhaustive_structs,
    reason = "these attributes make up the keys of an account; others would be another design"
)]
pub struct PublishedKeys<'a> {
    /// `+puEd255`
    pub ed25519: Option<&'a [u8]>,
    /// `+puCu255`
    pub x25519: Option<&'a [u8]>,
    /// `+sigCu255`
    pub x25519_signature: Option<&'a [u8]>,
    /// `+sigPubk`
    pub rsa_signature: Option<&'a [u8]>,
    /// `*keyring`
    pub keyring: Option<&'a [u8]>,
    /// `^!keys`
    pub keys: Option<&'a [u8]>,
}

impl core::fmt::Debug for PublishedKeys<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("PublishedKeys")
            .field("ed25519", &self.ed25519.is_some())
            .field("x25519", &self.x25519.is_some())
            .field("x25519_signature", &self.x25519_signature.is_some())
            .field("rsa_signature", &self.rsa_signature.is_some())
            .field("keyring", &self.keyring.is_some())
            .field("keys", &self.keys.is_some())
            .finish()
    }
}

impl PublishedKeys<'_> {
    /// Whether the account has none of them, so that its keys may be made.
    pub const fn are_absent(&self) -> bool {
        self.ed25519.is_none()
            && self.x25519.is_none()
            && self.x25519_signature.is_none()
            && self.rsa_signature.is_none()
            && self.keyring.is_none()
            && self.keys.is_none()
    }

    /// Opens `^!keys` and checks that everything fits together: the public keys belong to the
    /// private ones, and both signatures hold. `pubk` is the RSA public key of the account, if it
    /// has one.
    ///
    /// # Errors
    ///
    /// As for [`AccountKeys::open`]; [`Error::Malformed`] if an attribute is missing;
    /// [`Error::Unauthentic`] if a key or signature does not fit. Use none of the keys then, and
    /// change nothing.
    pub fn load(
        &self,
        master: &MasterKey,
        owner: UserHandle,
        known: Option<Generation>,
        pubk: Option<&RsaPublicKey>,
    ) -> Result<AccountKeys, Error> {
        let keys = AccountKeys::open(self.keys.ok_or(MISSING)?, master, owner, known)?;
        self.check(keys.ed25519(), keys.x25519(), pubk)?;
        Ok(keys)
    }

    /// The private keys of an account that has no `^!keys` yet, out of `*keyring`, after the same
    /// checks. With them the account can be [upgraded](LegacyKeys::upgrade).
    ///
    /// # Errors
    ///
    /// As for [`PublishedKeys::load`]; [`Error::Refused`] if there is a `^!keys`, whatever is in
    /// it.
    pub fn load_legacy(
        &self,
        master: &MasterKey,
        owner: UserHandle,
        pubk: Option<&RsaPublicKey>,
    ) -> Result<LegacyKeys, Error> {
        if self.keys.is_some() {
            return Err(Error::Refused {
                reason: "the account has a ^!keys attribute",
            });
        }
        let keyring = Keyring::open(self.keyring.ok_or(MISSING)?, master)?;
        let (ed25519, x25519) = (keyring.ed25519()?, keyring.x25519()?);
        self.check(&ed25519, &x25519, pubk)?;
        Ok(LegacyKeys {
            owner,
            ed25519,
            x25519,
        })
    }

    /// Whether everything is sound except that the signature of the RSA key is missing. The
    /// official client adds just that one (crypto-and-accounts 3.5).
    pub const fn lacks_rsa_signature(&self, pubk: Option<&RsaPublicKey>) -> bool {
        pubk.is_some() && self.rsa_signature.is_none()
    }

    fn check(
        &self,
        ed25519: &Ed25519PrivateKey,
        x25519: &X25519PrivateKey,
        pubk: Option<&RsaPublicKey>,
    ) -> Result<(), Error> {
        let published = Ed25519PublicKey::from_slice(self.ed25519.ok_or(MISSING)?)?;
        let published_x = X25519PublicKey::from_slice(self.x25519.ok_or(MISSING)?)?;
        if published != ed25519.public_key() || published_x != x25519.public_key() {
            return Err(Error::Unauthentic {
                what: "account's public key",
            });
        }
        KeySignature::from_slice(self.x25519_signature.ok_or(MISSING)?)?
            .verify_x25519(&published, &published_x)?;
        match (self.rsa_signature, pubk) {
            (Some(signature), Some(pubk)) => {
                KeySignature::from_slice(signature)?.verify_rsa(&published, pubk)
            }
            // Not yet made; or of no use.
            _ => Ok(()),
        }
    }
}

/// The keys of a new account: all six attributes, to be sent in one `upv` (crypto-and-accounts
/// 3.5).
///
/// Wiped when dropped; `Debug` shows the type's name only.
#[must_use = "they are worth nothing until the server has taken the attributes"]
pub struct NewAccountKeys {
    ed25519_public: Ed25519PublicKey,
    x25519_public: X25519PublicKey,
    x25519_signature: KeySignature,
    rsa_signature: Option<KeySignature>,
    keyring: Vec<u8>,
    write: KeysWrite,
}

impl NewAccountKeys {
    /// Makes them. `now` is the time in seconds since 1970. `rsa` holds the public key as received
    /// and the private one for accounts that have them; an anonymous account has none before its
    /// registration.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] if the account has any of the attributes: they are never made twice, nor
    /// repaired; or if the RSA keys are no pair.
    pub fn generate<R: CryptoRng + ?Sized>(
        published: &PublishedKeys<'_>,
        owner: UserHandle,
        now: u64,
        rsa: Option<(&RsaPublicKey, &RsaPrivateKey)>,
        master: &MasterKey,
        rng: &mut R,
    ) -> Result<Self, Error> {
        Self::generate_with(published, owner, now, rsa, master, rng, |_| Ok(()))
    }

    /// Makes them, with what `change` puts into `^!keys` from the start: the keys of existing
    /// shares, not trusted, of an account that has shared before it got these keys. From the moment
    /// there is a `^!keys` they come from nowhere else (threat model, KEY-8).
    ///
    /// # Errors
    ///
    /// As for [`NewAccountKeys::generate`], and the error of the change.
    pub fn generate_with<R: CryptoRng + ?Sized>(
        published: &PublishedKeys<'_>,
        owner: UserHandle,
        now: u64,
        rsa: Option<(&RsaPublicKey, &RsaPrivateKey)>,
        master: &MasterKey,
        rng: &mut R,
        change: impl FnOnce(&mut KeysEdit<'_>) -> Result<(), Error>,
    ) -> Result<Self, Error> {
        if !published.are_absent() {
            return Err(Error::Refused {
                reason: "the account has some of its keys already",
            });
        }
        let ed25519 = Ed25519PrivateKey::random(rng);
        let x25519 = X25519PrivateKey::random(rng);
        let x25519_public = x25519.public_key();
        if rsa.is_some_and(|(public, private)| private.public_key().pin() != public.pin()) {
            return Err(Error::Refused {
                reason: "the RSA public key does not belong to the private key",
            });
        }
        let (pubk, rsa) = rsa.unzip();
        let rsa_signature = pubk.map(|pubk| KeySignature::sign_rsa(&ed25519, pubk, now));
        let keyring = Keyring::seal(&ed25519, &x25519, master, rng)?;
        let (ed25519_public, x25519_signature) = (
            ed25519.public_key(),
            KeySignature::sign_x25519(&ed25519, &x25519_public, now),
        );
        let mut keys = fresh(owner, now, ed25519, x25519, rsa);
        change(&mut KeysEdit::new(&mut keys))?;
        Ok(Self {
            ed25519_public,
            x25519_public,
            x25519_signature,
            rsa_signature,
            keyring,
            write: keys.write(master, rng)?,
        })
    }

    /// Names and values of the attributes, to be sent as base64 in one `upv`.
    pub fn attributes(&self) -> Vec<(&'static str, Vec<u8>)> {
        let mut list = Vec::from([
            ("^!keys", self.write.attribute().to_vec()),
            ("*keyring", self.keyring.clone()),
            ("+puEd255", self.ed25519_public.as_bytes().to_vec()),
            ("+puCu255", self.x25519_public.as_bytes().to_vec()),
            ("+sigCu255", self.x25519_signature.to_bytes().to_vec()),
        ]);
        if let Some(signature) = &self.rsa_signature {
            list.push(("+sigPubk", signature.to_bytes().to_vec()));
        }
        list
    }

    /// The keys, once the server has taken the attributes.
    #[must_use]
    pub fn accepted(self) -> AccountKeys {
        self.write.accepted()
    }
}

opaque!(NewAccountKeys);

/// The private keys of an account that has no `^!keys` yet.
///
/// Wiped when dropped; `Debug` shows the type's name only.
pub struct LegacyKeys {
    owner: UserHandle,
    ed25519: Ed25519PrivateKey,
    x25519: X25519PrivateKey,
}

impl LegacyKeys {
    /// The Ed25519 private key.
    pub const fn ed25519(&self) -> &Ed25519PrivateKey {
        &self.ed25519
    }

    /// The X25519 private key.
    pub const fn x25519(&self) -> &X25519PrivateKey {
        &self.x25519
    }

    /// Makes the first `^!keys` of the account, as the official client does (SDK
    /// `MegaClient::upgradeSecurity`): with the old authrings, and with what `change` adds, the
    /// keys of existing shares namely, not trusted.
    ///
    /// `now` is the time in seconds since 1970.
    ///
    /// # Errors
    ///
    /// As for [`AccountKeys::update`].
    #[expect(clippy::too_many_arguments, reason = "each is a part of the attribute")]
    pub fn upgrade<R: CryptoRng + ?Sized>(
        self,
        now: u64,
        rsa: Option<&RsaPrivateKey>,
        ed25519_ring: Authring,
        x25519_ring: Authring,
        master: &MasterKey,
        rng: &mut R,
        change: impl FnOnce(&mut KeysEdit<'_>) -> Result<(), Error>,
    ) -> Result<KeysWrite, Error> {
        let mut keys = fresh(self.owner, now, self.ed25519, self.x25519, rsa);
        keys.ed25519_ring = ed25519_ring;
        keys.x25519_ring = x25519_ring;
        change(&mut KeysEdit::new(&mut keys))?;
        keys.write(master, rng)
    }
}

opaque!(LegacyKeys);

/// Keys that have never been written. The first write has generation 2, as with the official
/// client.
fn fresh(
    owner: UserHandle,
    now: u64,
    ed25519: Ed25519PrivateKey,
    x25519: X25519PrivateKey,
    rsa: Option<&RsaPrivateKey>,
) -> AccountKeys {
    AccountKeys {
        // The format has four bytes for it, which last until 2106.
        creation_time: u32::try_from(now).unwrap_or(u32::MAX),
        owner,
        generation: Generation(1),
        attr: Vec::new(),
        ed25519,
        x25519,
        rsa: rsa.map(RsaPrivateCopy::of),
        ed25519_ring: Authring::new(),
        x25519_ring: Authring::new(),
        share_keys: Vec::new(),
        pending_out: Vec::new(),
        pending_in: super::ltlv::Ltlv::new(),
        backups: Vec::new().into(),
        warnings: super::ltlv::Ltlv::new(),
        unknown: Vec::new().into(),
    }
}

const MISSING: Error = Error::Malformed {
    what: "account's keys",
    reason: "one of the attributes is missing",
};

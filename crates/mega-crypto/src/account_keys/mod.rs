//! The keys of an account beyond its master key: `^!keys`, signatures, contacts
//! (crypto-and-accounts 3.3, 3.5 to 3.7, 4.7).
//!
//! Since 2022 an account keeps its private Ed25519 and X25519 keys, the keys of its shares and what
//! it knows about its contacts in one authenticated attribute, `^!keys`. A client that damages it
//! takes away other people's access, so the types here allow only what the rules allow: it is
//! changed by [`AccountKeys::update`] alone, on top of what the server has, with the next
//! generation and with every record of other clients.
//!
//! ```
//! use mega_crypto::account_keys::{AccountKeys, NewAccountKeys, PublishedKeys};
//! use mega_crypto::{MasterKey, NodeHandle, ShareKey, UserHandle, os_rng};
//!
//! let (master, owner) = (MasterKey::random(&mut os_rng()), UserHandle::from_bytes(*b"somebody"));
//! // An account whose `ug` shows none of the six attributes gets its keys, in one `upv`.
//! let (none, now) = (PublishedKeys::default(), 1_700_000_000);
//! let new = NewAccountKeys::generate(&none, owner, now, None, &master, &mut os_rng())?;
//! let attributes = new.attributes();
//! let keys = new.accepted();
//!
//! // Before a folder is shared, its key is noted as in use.
//! let folder: NodeHandle = "IRMxXDou".parse()?;
//! let share_key = ShareKey::random(&mut os_rng());
//! let write = keys.update(&master, &mut os_rng(), |edit| {
//!     edit.add_share_key(folder, &share_key, true)?;
//!     edit.set_share_in_use(folder, true)
//! })?;
//! // ... send write.attribute() with the version last read; when the server has taken it:
//! let stored = write.attribute().to_vec();
//! let keys = write.accepted();
//!
//! // Any client of the account reads it. An older version is refused.
//! let read = AccountKeys::open(&stored, &master, owner, Some(keys.generation()))?;
//! assert_eq!(read.share_key(folder).unwrap().key()?, share_key);
//! let (_, older) = &attributes[0];
//! assert!(AccountKeys::open(older, &master, owner, Some(keys.generation())).is_err());
//! # Ok::<(), mega_crypto::Error>(())
//! ```

mod authring;
mod contact;
mod container;
mod ed25519;
mod keyring;
mod keys;
mod ltlv;
mod pending;
mod published;
mod record;
mod rsa_copy;
mod share_keys;
mod signature;
mod x25519;

use crate::Error;

pub use self::authring::{AuthMethod, Authring, AuthringEntry};
pub use self::contact::{ContactKeys, ContactStanding};
pub use self::container::MAX_LEN;
pub use self::ed25519::{Ed25519PrivateKey, Ed25519PublicKey};
pub use self::keyring::Keyring;
pub use self::keys::{AccountKeys, Generation, KeysEdit, KeysWrite};
pub use self::pending::{PendingInShare, PendingOutShare, PendingRecipient};
pub use self::published::{LegacyKeys, NewAccountKeys, PublishedKeys};
pub use self::rsa_copy::RsaPrivateCopy;
pub use self::share_keys::StoredShareKey;
pub use self::signature::{KeyFingerprint, KeySignature};
pub use self::x25519::{PairwiseKey, X25519PrivateKey, X25519PublicKey};

fn exactly<const N: usize>(bytes: &[u8], what: &'static str) -> Result<[u8; N], Error> {
    bytes.try_into().map_err(|_| Error::Length {
        what,
        expected: N,
        got: bytes.len(),
    })
}

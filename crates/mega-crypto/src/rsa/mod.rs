//! The RSA key pair of an account (crypto-and-accounts 2.6.2, 3.2 to 3.4).
//!
//! Old, and dangerous: the private key is stored at the server under the master key, block by block
//! and without any check, and a series of attacks recovered keys from clients that used what the
//! server sent back (threat model, ATT-1 to ATT-9). So a value of [`RsaPrivateKey`] exists only if
//! the key passed every rule RSA-1 to RSA-8 of the threat model. What fails gives one and the same
//! error, after the same work, whatever was wrong.
//!
//! Private operations take constant time, are blinded, and their result is checked before it is
//! used (RSA-9).
//!
//! It serves three purposes: the session id of a login ([`crate::login`]), node keys that other
//! people sent into the account, and the account's identity towards other clients.

mod accept;
mod blob;
mod decoy;
mod generate;
mod number;
mod prime;
mod private;
mod public;

pub use self::accept::{Expected, RsaVerdict};
pub use self::private::{RsaPlaintext, RsaPrivateKey};
pub use self::public::RsaPublicKey;

//! Making accounts: the client's side of the cryptography, written a second time, straight on the primitives.
//!
//! A server never needs this; a *test* server does, because the accounts it offers must look as if an official client
//! had made them (crypto-and-accounts 2 to 4, real-clients point 8). It shares no code with the client crates on
//! purpose: two implementations that agree are worth more than one that agrees with itself.

mod builder;
pub mod cipher;
pub mod content;
pub(crate) mod identity;
pub mod password;
pub(crate) mod rsa_keys;
pub(crate) mod spec;
pub mod totp;

pub use builder::{Account, AccountBuilder};

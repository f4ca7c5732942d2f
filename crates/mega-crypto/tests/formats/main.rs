//! Links, proofs of work, two-factor codes, user attributes, account keys, positions: known answers
//! and properties.

#[path = "../vectors/support.rs"]
#[expect(dead_code, reason = "shared with another test, which uses all of it")]
mod support;

mod account_keys;
mod hashcash;
mod independent;
mod links;
mod position;
mod tlv;
mod totp;

//! What each fuzz target checks, as plain functions of some bytes.
//!
//! Each function takes any input and panics when a promise is broken. The targets in
//! `fuzz/fuzz_targets` call them with inputs libFuzzer makes up; the tests of this package call them
//! with the inputs kept in `fuzz/corpus`, on every run of the test suite and without nightly.

#![forbid(unsafe_code)]

mod account_keys;
mod accounts;
mod attributes;
mod base64;
mod cache;
mod chunk_layout;
mod command_replies;
mod contacts;
mod content;
mod event_batches;
mod file_attributes;
mod fingerprint;
mod hashcash;
mod input;
mod json;
mod kernels;
mod links;
mod logins;
mod media;
mod mpi;
mod names;
mod node_keys;
mod node_list;
mod random;
mod retry_machine;
mod rsa;
mod sessions;
mod storage_replies;
mod tlv;
mod totp;
mod transfers;
mod trees;
mod urls;

pub use account_keys::{account_keys, authring};
pub use accounts::accounts;
pub use attributes::{attributes_cipher, attributes_plain};
pub use base64::base64;
pub use cache::{cache_frames, intent_frames};
pub use chunk_layout::chunk_layout;
pub use command_replies::{command_batches, command_replies};
pub use contacts::contacts;
pub use content::content;
pub use event_batches::event_batches;
pub use file_attributes::file_attributes;
pub use fingerprint::fingerprint;
pub use hashcash::hashcash;
pub use json::json;
pub use kernels::kernels;
pub use links::links;
pub use logins::logins;
pub use media::{media, positions};
pub use mpi::mpi;
pub use names::{local_names, masks, names};
pub use node_keys::node_keys;
pub use node_list::node_list;
pub use retry_machine::retry_machine;
pub use rsa::{rsa_private, rsa_public};
pub use sessions::sessions;
pub use storage_replies::storage_replies;
pub use tlv::{tlv_container, tlv_records};
pub use totp::totp;
pub use transfers::{download_assembler, upload_machine};
pub use trees::{event_application, tree_builder};
pub use urls::urls;

/// A fuzz target: its name, which is that of its corpus, and its check.
pub type Target = (&'static str, fn(&[u8]));

/// Every fuzz target.
pub const TARGETS: &[Target] = &[
    ("account_keys", account_keys),
    ("accounts", accounts),
    ("attributes_cipher", attributes_cipher),
    ("attributes_plain", attributes_plain),
    ("authring", authring),
    ("base64", base64),
    ("cache_frames", cache_frames),
    ("chunk_layout", chunk_layout),
    ("command_batches", command_batches),
    ("command_replies", command_replies),
    ("contacts", contacts),
    ("content", content),
    ("download_assembler", download_assembler),
    ("event_application", event_application),
    ("event_batches", event_batches),
    ("file_attributes", file_attributes),
    ("fingerprint", fingerprint),
    ("hashcash", hashcash),
    ("intent_frames", intent_frames),
    ("json", json),
    ("kernels", kernels),
    ("links", links),
    ("local_names", local_names),
    ("logins", logins),
    ("masks", masks),
    ("media", media),
    ("mpi", mpi),
    ("names", names),
    ("node_keys", node_keys),
    ("node_list", node_list),
    ("positions", positions),
    ("retry_machine", retry_machine),
    ("rsa_private", rsa_private),
    ("rsa_public", rsa_public),
    ("sessions", sessions),
    ("storage_replies", storage_replies),
    ("tlv_container", tlv_container),
    ("tlv_records", tlv_records),
    ("totp", totp),
    ("tree_builder", tree_builder),
    ("upload_machine", upload_machine),
    ("urls", urls),
];

#![doc = include_str!("../README.md")]
#![cfg_attr(not(feature = "accelerated"), forbid(unsafe_code))]
#![cfg_attr(feature = "accelerated", deny(unsafe_code))]
#![no_std]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![warn(clippy::exhaustive_enums, clippy::exhaustive_structs)]
#![warn(clippy::missing_errors_doc)]
#![cfg_attr(
    not(test),
    warn(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing
    )
)]

extern crate alloc;
#[cfg(any(test, feature = "std"))]
extern crate std;

mod block_reuse;
mod error;
mod handle;
mod key_cipher;
mod mac;
mod master_key;
mod node_key;
mod node_key_string;
#[cfg(feature = "os-rng")]
mod random;
mod secret;
mod session_id;
mod share_key;
mod share_request;
mod stored_session;

pub mod account;
pub mod account_keys;
pub mod at_rest;
pub mod attributes;
pub mod base64;
pub mod content;
pub mod file_attribute;
pub mod fingerprint;
pub mod hashcash;
pub mod link;
pub mod login;
pub mod media;
pub mod mpi;
pub mod obscured;
pub mod password;
pub mod position;
pub mod rsa;
pub mod tlv;
pub mod totp;

pub use rand_core;
pub use subtle;
pub use zeroize;

pub use self::block_reuse::{BlockReuse, Reused};
pub use self::error::{Error, ErrorKind};
pub use self::handle::{NodeHandle, PublicHandle, UserHandle};
pub use self::key_cipher::{KeyCipher, WrappedNodeKey};
pub use self::master_key::{MasterKey, PasswordKey, SessionKey};
pub use self::node_key::{AttributeKey, FileKey, FolderKey, NodeKey, NodeKind};
pub use self::node_key_string::{
    KeyOrigin, KeyString, LocatedNodeKey, OpenedNodeKey, Owner, WrappingKeys, write_key_string,
};
#[cfg(feature = "os-rng")]
pub use self::random::{OsRng, os_rng};
pub use self::session_id::SessionId;
pub use self::share_key::{ShareKey, open_own_share_key, share_auth};
pub use self::share_request::{ShareKeys, ShareRequest, ShareRequestEntry};
pub use self::stored_session::{StoredAccount, StoredFolder, StoredMaster, StoredSession};

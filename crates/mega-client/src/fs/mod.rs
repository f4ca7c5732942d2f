//! Changing what lies in an account: folders, names, places, copies, the rubbish bin, versions, links.
//!
//! Every operation works in the same order: look at the tree, check what can be checked without asking, take the locks of the names
//! concerned, bring the tree up to date (RTY-10), look again, send, and return when the effect is in the tree.

mod access;
pub(crate) mod account_keys;
mod attributes;
mod bulk;
mod conflict;
mod copy;
mod create_dir;
mod dedupe;
mod delete;
mod destination;
mod edit;
mod everyone;
mod import;
mod late_keys;
mod learn_keys;
mod link;
mod link_list;
mod locks;
#[cfg(feature = "thumbnails")]
mod make_picture;
mod move_to;
mod name;
mod news;
mod pattern;
mod picture;
mod put;
mod quota;
mod release;
mod relocate;
mod rename;
mod repair;
mod restore;
mod search;
mod share;
pub(crate) mod share_key;
mod trash;
mod user_attribute;
mod versions;

use std::collections::HashMap;
use std::sync::Mutex;

use mega_crypto::ShareKey;
use mega_protocol::NodeHandle;

pub use self::bulk::{Bulk, BulkCall};
pub use self::conflict::OnConflict;
pub use self::copy::{Copied, CopyTo};
pub use self::create_dir::CreateDir;
pub use self::dedupe::{Dedupe, DedupeMode, DedupeReport, Duplicate, SameBy};
pub use self::delete::EmptyRubbishBin;
pub use self::edit::{Edit, EditAll};
pub use self::import::Import;
pub use self::link::{Link, MakeLink, MakeLinks};
pub use self::link_list::LinkedNode;
#[cfg(feature = "thumbnails")]
pub use self::make_picture::{PictureLimits, Pictures};
pub use self::move_to::{MoveAll, MoveTo};
pub use self::quota::{Quota, StorageState, StorageUse};
pub use self::rename::Rename;
pub use self::repair::{Repair, RepairReport, Repaired};
pub use self::restore::Restore;
pub use self::search::{Search, Usage};
pub use self::share::{
    Contact, Invitation, OutgoingShare, Person, ShareFolder, ShareKeyExchange, SharedWith,
};
pub use self::user_attribute::{
    GetUserAttribute, SetUserAttribute, UserAttribute, UserRecords, UserValue,
};
pub use mega_crypto::attributes::Label;

pub(crate) use self::bulk::in_one_request;
pub(crate) use self::conflict::changed_meanwhile;
pub(crate) use self::put::NewFile;

use self::locks::KeyedLocks;
use self::news::News;

/// What the operations of one client share: who is about to use which name, and who is changing which node's attributes.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    names: KeyedLocks<NameKey>,
    attributes: KeyedLocks<NodeHandle>,
    news: News,
    /// Readings of `^!keys` for share keys that are missing.
    keys_read: News,
    /// The share keys that this client has made in an account without `^!keys`: the only ones there that the service cannot know.
    share_keys: Mutex<HashMap<NodeHandle, ShareKey>>,
}

/// A name in a folder: the folder's handle and the name in decoded form.
pub(crate) type NameKey = (NodeHandle, Box<[u8]>);

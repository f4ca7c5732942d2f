//! Users: credentials, keys, attributes, allowances.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::album::Album;
use super::notice::Notices;
use super::standing::Business;
use crate::account::cipher::Key;
use crate::wire::{BackupHandle, ContactLinkHandle, NodeHandle, SetHandle, UserHandle};

/// How a user proves who he is.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Credentials {
    /// The 8-byte hash of a version 1 password.
    V1(Vec<u8>),
    /// The client's random value, the salt made of it, and the hashed authentication key.
    V2 {
        /// 16 bytes.
        client_random: Vec<u8>,
        /// 32 bytes.
        salt: Vec<u8>,
        /// 16 bytes.
        hashed_auth: Vec<u8>,
    },
    /// An anonymous account: only who knows its password key can use it.
    Anonymous,
}

/// A user attribute and the version it has.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct UserAttribute {
    /// The base64 text.
    pub value: String,
    /// Changes with every write.
    pub version: String,
}

/// A contact as this user sees it.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Contact {
    /// 0 hidden or former, 1 visible, 3 blocked.
    pub level: i64,
    /// Since when, Unix seconds.
    pub since: i64,
}

impl Contact {
    /// A visible contact since this time.
    #[must_use]
    pub fn visible(since: i64) -> Self {
        Self { level: 1, since }
    }
}

/// A mail the service would have sent.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Mail {
    /// Where to.
    pub to: String,
    /// What for.
    pub purpose: Purpose,
    /// The code in the link, base64.
    pub code: String,
    pub(crate) user: UserHandle,
    pub(crate) used: bool,
    pub(crate) pending: Option<PendingSignup>,
}

impl Mail {
    /// The link in it, as the service writes it.
    #[must_use]
    pub fn link(&self) -> String {
        let what = match self.purpose {
            Purpose::Confirm => "confirm",
            Purpose::Recover | Purpose::Park => "recover",
            Purpose::ChangeEmail => "verify",
            Purpose::Cancel => "cancel",
            Purpose::Unlock => "emailverify",
        };
        format!("https://mega.nz/#{what}{}", self.code)
    }
}

/// Why a mail was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Purpose {
    /// Confirm a registration.
    Confirm,
    /// Recover with the recovery key (9).
    Recover,
    /// Park the account and begin anew (10).
    Park,
    /// Change the address (12).
    ChangeEmail,
    /// Cancel the account (21).
    Cancel,
    /// Prove the address again, for an account that was blocked until then (`whyamiblocked` 700).
    Unlock,
}

/// What `uc2` asked for, until it is confirmed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct PendingSignup {
    pub(crate) email: String,
    pub(crate) name: String,
    pub(crate) key: Option<String>,
    pub(crate) credentials: Option<Credentials>,
}

/// The transfer allowance.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Transfer {
    /// Bytes that may be downloaded; none is without limit.
    pub allowance: Option<u64>,
    /// Bytes downloaded.
    pub used: u64,
    /// Seconds a client is told to wait when nothing is left; after them all of it is there again. With 0 it waits for ever.
    pub wait: i64,
    /// When what was used up is there again, Unix seconds.
    #[serde(default)]
    pub(crate) back: Option<i64>,
}

impl Transfer {
    /// The seconds to wait until something may be downloaded; `None` when it may.
    pub(crate) fn refused(&mut self, now: i64) -> Option<i64> {
        if let Some(back) = self.back {
            if now < back {
                return Some(back - now);
            }
            self.back = None;
            self.used = 0;
        }
        if self.allowance.is_none_or(|allowance| self.used < allowance) {
            return None;
        }
        if self.wait > 0 {
            self.back = Some(now.saturating_add(self.wait));
        }
        Some(self.wait)
    }
}

/// What a client told of a backup or a sync, in the members it used.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Backup {
    pub(crate) said: serde_json::Map<String, serde_json::Value>,
    /// The last sign of life.
    pub(crate) beat: serde_json::Map<String, serde_json::Value>,
    /// What the client called itself.
    pub(crate) agent: String,
}

/// A user.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct User {
    /// The handle.
    pub handle: UserHandle,
    /// The address; empty for anonymous accounts.
    pub email: String,
    /// The full name.
    pub name: String,
    /// How he signs in.
    pub credentials: Credentials,
    /// The wrapped master key, base64.
    pub wrapped_master: String,
    /// Challenge and answer of an account without RSA keys.
    pub challenge: Option<[u8; 32]>,
    /// The wrapped RSA private key, base64.
    pub private_key: Option<String>,
    /// The RSA public key, base64.
    pub public_key: Option<String>,
    /// User attributes by name.
    pub attributes: BTreeMap<String, UserAttribute>,
    /// The Cloud Drive.
    pub root: NodeHandle,
    /// The vault.
    pub vault: NodeHandle,
    /// The rubbish bin.
    pub bin: NodeHandle,
    /// The address was confirmed.
    pub confirmed: bool,
    /// Suspended, with the reason `whyamiblocked` tells.
    pub blocked: Option<i64>,
    /// The base32 secret of the second factor.
    pub second_factor: Option<String>,
    /// A second factor that was handed out and not yet enabled.
    pub(crate) offered_factor: Option<String>,
    /// The business the account belongs to.
    #[serde(default)]
    pub business: Option<Business>,
    /// Behind the paywall: when its data would go, Unix seconds.
    #[serde(default)]
    pub paywall: Option<i64>,
    /// Storage allowance in bytes.
    pub quota: u64,
    /// Bytes in use, all trees, bin and versions included.
    pub used: u64,
    /// Download allowance.
    pub transfer: Transfer,
    /// When the account was made, Unix seconds.
    pub created: i64,
    /// Contacts by handle.
    pub contacts: BTreeMap<UserHandle, Contact>,
    /// Roots of shares received.
    pub incoming: BTreeSet<NodeHandle>,
    /// Legacy share keys: `ok` and `ha` by share root.
    pub share_keys: BTreeMap<NodeHandle, (String, String)>,
    /// Share keys sent by others (`pk`): (sender, share root, key).
    pub(crate) pending_keys: Vec<(UserHandle, NodeHandle, String)>,
    /// Albums and playlists.
    #[serde(default)]
    pub albums: BTreeMap<SetHandle, Album>,
    /// The link others reach this user by.
    #[serde(default)]
    pub contact_link: Option<ContactLinkHandle>,
    /// Backups and syncs that clients registered.
    #[serde(default)]
    pub(crate) backups: BTreeMap<BackupHandle, Backup>,
    /// What others did that concerns this user.
    #[serde(default)]
    pub(crate) notices: Notices,
    /// Times of recent logins.
    pub(crate) logins: Vec<i64>,
    /// How the logins stand with the long block.
    #[serde(default)]
    pub(crate) login_block: super::limits::LoginState,
    /// Nodes added word for word to every listing, to try hostile ones.
    pub raw_nodes: Vec<String>,
    /// Generated nodes that every listing begins with.
    pub(crate) forest: Option<crate::service::forest::Forest>,
    /// The master key, where the server made the account itself.
    pub(crate) master: Option<Key>,
    /// The password, where the server made the account itself.
    pub(crate) password: Option<String>,
}

impl User {
    /// The master key of an account the server made itself.
    #[must_use]
    pub fn master_key(&self) -> Option<&Key> {
        self.master.as_ref()
    }

    /// Whether versions are kept when a file is replaced (`^!dv` switches them off).
    #[must_use]
    pub fn keeps_versions(&self) -> bool {
        // The attribute's text "1", base64 or plain.
        !self
            .attributes
            .get("^!dv")
            .is_some_and(|a| a.value == "MQ" || a.value == "1")
    }
}

//! The state of the service: users, sessions, nodes, links, shares, stored content, and the event logs.
//!
//! Nothing here knows HTTP or JSON requests; `command` changes it on behalf of clients, tests change it through
//! `TestServer::with_model`.

pub(crate) mod album;
mod billing;
pub(crate) mod content;
pub(crate) mod effects;
pub(crate) mod events;
pub(crate) mod fullness;
mod graves;
mod hostile;
mod invariants;
pub(crate) mod limits;
pub(crate) mod link;
pub(crate) mod listing;
pub(crate) mod node;
pub(crate) mod notice;
pub(crate) mod ops;
pub(crate) mod plain;
mod rollback;
pub(crate) mod session;
pub(crate) mod share;
pub(crate) mod standing;
pub(crate) mod storage;
pub(crate) mod user;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

pub use album::{Album, AlbumLink, Element};
pub use billing::Payment;
pub use content::Content;
pub use events::Channel;
pub use hostile::{BlockEdit, Hostile, edit_block, resize};
pub use limits::{LoginBlock, Options, Order};
pub use link::Link;
pub use node::{Holder, Kind, Node, Right, Tree};
pub use session::Session;
pub use share::Share;
pub use standing::Business;
pub use user::{Contact, User};

use crate::clock::Clock;
use crate::seed::Seed;
use crate::wire::{NodeHandle, PublicHandle, UserHandle};

/// Everything the service knows.
#[derive(Debug)]
pub struct Model {
    pub(crate) seed: Seed,
    pub(crate) clock: Clock,
    pub(crate) options: Options,
    pub(crate) origin: String,
    pub(crate) storage_origin: String,
    pub(crate) users: BTreeMap<UserHandle, User>,
    pub(crate) emails: HashMap<String, UserHandle>,
    pub(crate) sessions: BTreeMap<String, Session>,
    pub(crate) tree: Tree,
    pub(crate) links: HashMap<PublicHandle, NodeHandle>,
    pub(crate) events: events::Logs,
    pub(crate) storage: storage::Storage,
    pub(crate) mails: Vec<user::Mail>,
    pub(crate) pending: BTreeMap<crate::wire::RequestHandle, share::Invitation>,
    pub(crate) tags: u64,
    pub(crate) sessions_opened: u64,
    pub(crate) accounts_made: usize,
    /// Tokens of proofs of work, with the time when they were handed out.
    pub(crate) challenges: Vec<(String, i64)>,
    pub(crate) replies: crate::service::idempotence::Replies,
    /// Members of node objects that are told wrong: (name, JSON).
    pub(crate) lies: HashMap<NodeHandle, Vec<(String, String)>>,
    pub(crate) snapshots: BTreeMap<UserHandle, (Arc<str>, u64)>,
    pub(crate) graves: graves::Graves,
}

impl Model {
    pub(crate) fn new(seed: Seed, clock: Clock, options: Options) -> Self {
        let events = events::Logs::new(seed.branch("events"), options.events_kept);
        Self {
            storage: storage::Storage::default(),
            seed,
            clock,
            options,
            origin: String::new(),
            storage_origin: String::new(),
            users: BTreeMap::new(),
            emails: HashMap::new(),
            sessions: BTreeMap::new(),
            tree: Tree::default(),
            links: HashMap::new(),
            events,
            mails: Vec::new(),
            pending: BTreeMap::new(),
            tags: 0x1000,
            sessions_opened: 0,
            accounts_made: 0,
            challenges: Vec::new(),
            replies: crate::service::idempotence::Replies::default(),
            lies: HashMap::new(),
            snapshots: BTreeMap::new(),
            graves: graves::Graves::default(),
        }
    }

    /// The time of the service, Unix seconds.
    #[must_use]
    pub fn now(&self) -> i64 {
        self.clock.unix()
    }

    /// The switches, to be changed while the server runs.
    pub fn options(&mut self) -> &mut Options {
        &mut self.options
    }

    /// What a server that was restarted without its memory no longer knows: request ids, wait URLs, addresses for uploads and
    /// downloads, unfinished uploads. Sessions, trees and events stay.
    pub fn restart(&mut self) {
        self.replies.clear();
        self.events.forget_waits();
        self.storage.uploads.clear();
        self.storage.downloads.clear();
        self.storage.attribute_urls.clear();
        self.challenges.clear();
        self.snapshots.clear();
    }

    /// All nodes of all accounts.
    #[must_use]
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    /// All users by handle.
    pub fn users(&self) -> impl Iterator<Item = &User> {
        self.users.values()
    }

    /// The user with this address (letter case does not matter).
    #[must_use]
    pub fn user(&self, email: &str) -> Option<&User> {
        self.users
            .get(self.emails.get(&email.trim().to_lowercase())?)
    }

    /// The user with this address, to be changed.
    pub fn user_mut(&mut self, email: &str) -> Option<&mut User> {
        self.users
            .get_mut(self.emails.get(&email.trim().to_lowercase())?)
    }

    /// The next sequence tag; tags grow by (length, text).
    pub(crate) fn next_tag(&mut self) -> String {
        self.tags += 1;
        self.tag()
    }

    /// The current sequence tag.
    pub(crate) fn tag(&self) -> String {
        format!("{:X}", self.tags)
    }
}

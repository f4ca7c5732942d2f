//! Batches that are done as a whole or not at all (`bc=1`, api-and-transfers 1.2).

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::events::Recorded;
use super::graves::Graves;
use super::share::Invitation;
use super::storage::Storage;
use super::user::{Mail, User};
use super::{Model, Session, Tree};
use crate::wire::{NodeHandle, PublicHandle, RequestHandle, UserHandle};

/// Everything commands change, as it was before them. What is drawn goes on: handles made in vain are not made again.
#[derive(Debug)]
pub(crate) struct Before {
    users: BTreeMap<UserHandle, User>,
    emails: HashMap<String, UserHandle>,
    sessions: BTreeMap<String, Session>,
    tree: Tree,
    links: HashMap<PublicHandle, NodeHandle>,
    events: Recorded,
    storage: Storage,
    mails: Vec<Mail>,
    pending: BTreeMap<RequestHandle, Invitation>,
    snapshots: BTreeMap<UserHandle, (Arc<str>, u64)>,
    graves: Graves,
    tags: u64,
}

impl Model {
    /// What [`Model::undo`] goes back to. This copies the tree, though no content.
    pub(crate) fn before(&self) -> Before {
        Before {
            users: self.users.clone(),
            emails: self.emails.clone(),
            sessions: self.sessions.clone(),
            tree: self.tree.clone(),
            links: self.links.clone(),
            events: self.events.recorded(),
            storage: self.storage.clone(),
            mails: self.mails.clone(),
            pending: self.pending.clone(),
            snapshots: self.snapshots.clone(),
            graves: self.graves.clone(),
            tags: self.tags,
        }
    }

    /// Goes back.
    pub(crate) fn undo(&mut self, before: Before) {
        // Every part by name, so that none that is added is forgotten.
        let Before {
            users,
            emails,
            sessions,
            tree,
            links,
            events,
            storage,
            mails,
            pending,
            snapshots,
            graves,
            tags,
        } = before;
        self.users = users;
        self.emails = emails;
        self.sessions = sessions;
        self.tree = tree;
        self.links = links;
        self.events.put_back_to(events);
        self.storage = storage;
        self.mails = mails;
        self.pending = pending;
        self.snapshots = snapshots;
        self.graves = graves;
        self.tags = tags;
    }
}

//! What a record holds, and how records become a model again.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{StateError, attribute_path, content_path};
use crate::model::events::Change;
use crate::model::share::Invitation;
use crate::model::storage::Finished;
use crate::model::user::Mail;
use crate::model::{Content, Model, Node, Session, Tree, User};
use crate::service::idempotence::Key;
use crate::wire::{AttributeHandle, NodeHandle, UserHandle};

/// What one request changed. Lists add to what is known or replace single entries of it; the others replace the whole.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Record {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) nodes: Vec<Node>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) removed: Vec<NodeHandle>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) users: Vec<User>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) removed_users: Vec<UserHandle>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) sessions: Vec<(String, Session)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) emails: Option<BTreeMap<String, UserHandle>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) mails: Option<Vec<Mail>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) invitations: Option<Vec<Invitation>>,
    /// Complete uploads that wait for their node.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) finished: Option<BTreeMap<String, Finished>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) attributes: Vec<AttributeHandle>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) events: Vec<Change>,
    /// Replies to request ids: (key, reply).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) replies: Vec<(String, String)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) counters: Option<Counters>,
}

impl Record {
    pub(super) fn is_empty(&self) -> bool {
        self.nodes.is_empty()
            && self.removed.is_empty()
            && self.users.is_empty()
            && self.removed_users.is_empty()
            && self.sessions.is_empty()
            && self.emails.is_none()
            && self.mails.is_none()
            && self.invitations.is_none()
            && self.finished.is_none()
            && self.attributes.is_empty()
            && self.events.is_empty()
            && self.replies.is_empty()
            && self.counters.is_none()
    }
}

/// What counts up.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(super) struct Counters {
    pub(super) tags: u64,
    pub(super) sessions_opened: u64,
    pub(super) accounts_made: usize,
    /// How often the state was opened.
    pub(super) starts: u64,
}

/// What the records so far add up to.
#[derive(Debug, Default)]
pub(super) struct Restored {
    nodes: HashMap<NodeHandle, Node>,
    users: BTreeMap<UserHandle, User>,
    sessions: BTreeMap<String, Session>,
    emails: BTreeMap<String, UserHandle>,
    mails: Vec<Mail>,
    invitations: Vec<Invitation>,
    finished: BTreeMap<String, Finished>,
    attributes: Vec<AttributeHandle>,
    events: Vec<Change>,
    replies: Vec<(Key, String)>,
    pub(super) counters: Counters,
}

impl Restored {
    /// Adds a record; an error says what is wrong with it.
    pub(super) fn apply(&mut self, record: Record) -> Result<(), String> {
        self.nodes
            .extend(record.nodes.into_iter().map(|n| (n.handle, n)));
        for gone in record.removed {
            self.nodes.remove(&gone);
        }
        self.users
            .extend(record.users.into_iter().map(|u| (u.handle, u)));
        for gone in record.removed_users {
            self.users.remove(&gone);
        }
        self.sessions.extend(record.sessions);
        if let Some(emails) = record.emails {
            self.emails = emails;
        }
        if let Some(mails) = record.mails {
            self.mails = mails;
        }
        if let Some(invitations) = record.invitations {
            self.invitations = invitations;
        }
        if let Some(finished) = record.finished {
            self.finished = finished;
        }
        self.attributes.extend(record.attributes);
        self.events.extend(record.events);
        for (key, reply) in record.replies {
            let key = Key::parse(&key).ok_or("a request id that is none")?;
            self.replies.push((key, reply));
        }
        if let Some(counters) = record.counters {
            self.counters = counters;
        }
        Ok(())
    }

    /// Puts all of it into an empty model.
    pub(super) fn into_model(self, folder: &Path, model: &mut Model) -> Result<(), StateError> {
        let mut contents = Contents {
            folder,
            known: HashMap::new(),
        };
        let mut nodes = self.nodes;
        for node in nodes.values_mut() {
            if let Some(content) = &mut node.content {
                contents.find(content)?;
            }
        }
        let mut finished = self.finished;
        for finished in finished.values_mut() {
            contents.find(&mut finished.content)?;
        }
        for handle in self.attributes {
            let path = attribute_path(folder, handle);
            let data = std::fs::read(&path).map_err(StateError::io(&path))?;
            model.storage.attributes.insert(handle, data.into());
        }
        model.links = nodes
            .values()
            .filter_map(|n| Some((n.link.as_ref()?.handle, n.handle)))
            .collect();
        model.tree = Tree::assemble(nodes);
        model.users = self.users;
        model.emails = self.emails.into_iter().collect();
        let now = model.now();
        model.sessions = self.sessions;
        for session in model.sessions.values_mut() {
            // When they were last used is not kept.
            session.used = now;
        }
        model.mails = self.mails;
        model.pending = self
            .invitations
            .into_iter()
            .map(|i| (i.handle, i))
            .collect();
        model.storage.finished = finished.into_iter().collect();
        for change in self.events {
            model.events.replay(change);
        }
        let remembered = model.options.ids_survive;
        for (key, reply) in self.replies.into_iter().filter(|_| remembered) {
            let keep = model.options.replies_kept;
            model.replies.remember(key, reply.into(), keep);
        }
        if self.counters.starts > 0 {
            model.tags = self.counters.tags;
            model.sessions_opened = self.counters.sessions_opened;
            model.accounts_made = self.counters.accounts_made;
        }
        match model.violations().into_iter().next() {
            None => Ok(()),
            Some(what) => Err(StateError::Damaged {
                path: folder.join("state"),
                line: 0,
                what,
            }),
        }
    }
}

/// The content files, each looked up once.
struct Contents<'a> {
    folder: &'a Path,
    known: HashMap<[u8; 8], Arc<Content>>,
}

impl Contents<'_> {
    /// Leads a content that was read from a record to its file.
    fn find(&mut self, content: &mut Arc<Content>) -> Result<(), StateError> {
        if !content.is_unknown() {
            return Ok(());
        }
        if let Some(known) = self.known.get(&content.id()) {
            *content = known.clone();
            return Ok(());
        }
        let path = content_path(self.folder, content.id());
        let there = if content.size() == 0 {
            0
        } else {
            std::fs::metadata(&path)
                .map_err(StateError::io(&path))?
                .len()
        };
        if there != content.size() {
            return Err(StateError::Damaged {
                path,
                line: 0,
                what: format!("{there} bytes instead of {}", content.size()),
            });
        }
        let found = Arc::new(content.in_file(path));
        self.known.insert(found.id(), found.clone());
        *content = found;
        Ok(())
    }
}

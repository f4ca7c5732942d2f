//! Applying action packets to the tree: its only writer after the load.
//!
//! Applying a packet twice gives the same tree (EVT-3); a packet that makes no sense asks for a reload instead of guessing (EVT-2).

use std::collections::{HashMap, HashSet};

use mega_crypto::{NodeHandle as CryptoHandle, open_own_share_key};
use mega_protocol::NodeHandle;
use mega_protocol::events::{
    Deletion, EventBatch, EventPacket, LinkChange, LinkChangeKind, NewNodes, NodeChange, Packet,
    ShareChange,
};
use mega_protocol::{OutgoingShareTarget, RawNode, SequenceTag, UserHandle};

use super::arena::{Flags, Index};
use super::decrypt::Decrypter;
use super::edit::Inserted;
use super::load::store_node;
use super::{IncomingShare, LinkRecord, RawSecrets, Tree};
use crate::change::Change;
use crate::keyring::Keyring;
use crate::node::{AccessLevel, Trouble};

/// What a batch of packets has done.
#[derive(Default, Debug)]
pub(crate) struct Applied {
    /// What to tell the watchers, in order.
    pub(crate) changes: Vec<Change>,
    /// The packets cannot be trusted to have given the right tree; load it anew.
    pub(crate) reload: bool,
    /// The version of `^!keys` that the service has told of.
    pub(crate) account_keys: Option<String>,
    /// The highest tag among the packets.
    pub(crate) tag: Option<SequenceTag>,
    /// The highest tag that a packet with another one follows: all of its packets are in the tree. A move is two packets of one tag,
    /// and they may come in two batches.
    pub(crate) complete: Option<SequenceTag>,
}

/// Applies whole batches; belongs to one tree and keyring.
pub(crate) struct Applier<'a> {
    pub(crate) tree: &'a mut Tree,
    pub(crate) keyring: &'a mut Keyring,
    /// The account whose events these are.
    pub(crate) me: Option<UserHandle>,
    /// Whether share keys come from `^!keys` only (KEY-8).
    pub(crate) keys_elsewhere: bool,
}

impl Applier<'_> {
    /// Applies a batch. Position and tree change together (INV-4), since the caller holds the tree exclusively.
    pub(crate) fn batch(&mut self, batch: &EventBatch) -> Applied {
        let mut applied = Applied::default();
        let mut decrypter = Decrypter::default();
        let mut seen: HashSet<&SequenceTag> = HashSet::new();
        for packet in &batch.packets {
            if let Some(tag) = &packet.tag {
                if applied.tag.as_ref().is_none_or(|highest| tag > highest) {
                    applied.complete = applied.tag.replace(tag.clone());
                    seen.insert(tag);
                } else if seen.insert(tag) {
                    // Tags only grow (api-and-transfers 2.6), so this packet belongs before one that is applied already. One that comes
                    // a second time is harmless.
                    applied.reload = true;
                }
            }
            self.packet(&packet.packet, &mut decrypter, &mut applied);
        }
        if !batch.more {
            // A node whose second half of a move never came is out of our sight. One whose second half came before the first is not.
            for (handle, _) in std::mem::take(&mut self.tree.moving) {
                applied.reload |= batch.packets.iter().any(|packet| brings(packet, handle));
                self.remove(handle, &mut applied.changes);
            }
        }
        self.tree.position = Some(batch.position);
        if let Some(tag) = &applied.tag
            && self.tree.tag.as_ref().is_none_or(|known| tag > known)
        {
            self.tree.tag = Some(tag.clone());
        }
        applied
    }

    fn packet(&mut self, packet: &Packet, decrypter: &mut Decrypter, applied: &mut Applied) {
        let changes = &mut applied.changes;
        match packet {
            Packet::NewNodes(nodes) => self.new_nodes(nodes, decrypter, changes),
            Packet::Deleted(deletion) => self.deleted(deletion, changes),
            Packet::NodeChanged(change) => self.node_changed(change, decrypter, changes),
            Packet::FileAttributes { node, attributes } => {
                if let Some(index) = self.tree.find(*node) {
                    self.tree.set_tail(index, attributes.as_bytes());
                    self.report(index, changes, Change::Updated);
                }
            }
            Packet::Share(change) => self.share(change, decrypter, changes),
            Packet::Link(change) => self.link(change, changes),
            Packet::Contacts(users) => {
                for user in users {
                    self.tree.people.user(user);
                }
                changes.push(Change::Contacts);
            }
            Packet::IncomingInvitation(invitation) => {
                self.tree.people.invitation(invitation, true);
                changes.push(Change::Contacts);
            }
            Packet::OutgoingInvitation(invitation) => {
                self.tree.people.invitation(invitation, false);
                changes.push(Change::Contacts);
            }
            Packet::InvitationAnswered { invitation, .. } => {
                self.tree.people.answered(*invitation);
                changes.push(Change::Contacts);
            }
            Packet::UserAttributes(change) => {
                changes.push(Change::Account);
                if self.me == Some(change.user) {
                    let mut versions = change.changes.iter();
                    let keys = versions.rfind(|(name, _)| name == "^!keys");
                    if let Some((_, version)) = keys {
                        applied.account_keys = Some(version.clone());
                    }
                }
            }
            Packet::Purchase(_)
            | Packet::PaymentReminder
            | Packet::StorageAllowanceChanged
            | Packet::EmailChanged { .. }
            | Packet::EmailConfirmed { .. }
            | Packet::Business(_)
            | Packet::PendingKeys => changes.push(Change::Account),
            Packet::ReloadDemanded | Packet::Malformed { .. } => applied.reload = true,
            _ => {}
        }
    }

    fn new_nodes(&mut self, new: &NewNodes, decrypter: &mut Decrypter, changes: &mut Vec<Change>) {
        let mut come = Vec::new();
        let mut through_shares = HashMap::new();
        for record in &new.nodes {
            let raw = record.as_raw();
            if self.is_as_it_was(&raw) {
                continue;
            }
            let moving = self.tree.moving.remove(&raw.handle);
            let before = self.tree.find(raw.handle).and_then(|index| {
                let record = self.tree.record(index)?;
                let parent = self.tree.record(record.parent).map(|parent| parent.handle);
                Some((parent, record.trouble))
            });
            let inserted = store_node(self.tree, decrypter, self.keyring, &raw);
            if let Inserted::New(index) | Inserted::Known(index) = inserted {
                come.push((index, moving, before));
                if self.tree.opened.ends_with(index) {
                    through_shares.insert(index, record);
                }
            }
        }
        self.tree.close_strays(decrypter, self.keyring, |index| {
            let raw = through_shares.get(&index)?.as_raw();
            Some(RawSecrets {
                key: raw.key.into(),
                attributes: raw.attributes.into(),
            })
        });
        // Before anybody is told of a forged node by its name.
        let indices: Vec<Index> = come.iter().map(|(index, ..)| *index).collect();
        let spliced = self.tree.check_new_keys(&indices, self.keyring);
        for (index, moving, before) in come {
            let Some(after) = self.tree.record(index) else {
                continue;
            };
            if after.flags.has(Flags::VERSION) {
                continue;
            }
            let parent = self.tree.record(after.parent).map(|parent| parent.handle);
            match before {
                None => self.report(index, changes, Change::Added),
                Some((from, _)) if from != parent => {
                    let from = moving.flatten().or(from);
                    self.report(index, changes, |node| Change::Moved { node, from });
                }
                Some((_, trouble)) if trouble.is_some() && after.trouble.is_none() => {
                    self.report(index, changes, Change::Updated);
                }
                Some(_) => {}
            }
        }
        changes.extend(spliced.into_iter().map(|found| Change::SplicedKey {
            node: found.node,
            donor: found.donor,
        }));
    }

    /// Whether a node is there already, readable and at this place: most of a tree that moves as a whole.
    fn is_as_it_was(&self, raw: &RawNode<'_>) -> bool {
        let known = |index| {
            let record = self.tree.record(index)?;
            let parent = self.tree.record(record.parent)?.handle;
            let same = record.trouble.is_none() && raw.parent == Some(parent);
            Some(same && !self.tree.moving.contains_key(&raw.handle))
        };
        raw.share.is_none() && self.tree.find(raw.handle).and_then(known) == Some(true)
    }

    fn deleted(&mut self, deletion: &Deletion, changes: &mut Vec<Change>) {
        let Some(index) = self.tree.find(deletion.node) else {
            return;
        };
        if deletion.moved {
            // The packet that follows says where to; until then everything stays as it is.
            let from = self
                .tree
                .record(index)
                .and_then(|record| self.tree.record(record.parent))
                .map(|parent| parent.handle);
            self.tree.moving.insert(deletion.node, from);
            return;
        }
        if deletion.keeps_versions {
            self.promote_version(index);
        }
        self.remove(deletion.node, changes);
    }

    /// The previous version takes the place of the file that goes (SDK `MegaClient::sc_deltree`).
    fn promote_version(&mut self, index: Index) {
        let parent = self
            .tree
            .record(index)
            .and_then(|record| record.parent.some());
        let previous = self.tree.children(index).next();
        if let (Some(parent), Some(previous)) = (parent, previous) {
            self.tree.detach(previous);
            self.tree.attach(previous, parent);
        }
    }

    fn remove(&mut self, handle: NodeHandle, changes: &mut Vec<Change>) {
        if let Some(index) = self.tree.find(handle) {
            let version = self
                .tree
                .record(index)
                .is_some_and(|record| record.flags.has(Flags::VERSION));
            self.tree.remove(index);
            if !version {
                changes.push(Change::Removed(handle));
            }
        }
    }

    fn node_changed(
        &mut self,
        change: &NodeChange,
        decrypter: &mut Decrypter,
        changes: &mut Vec<Change>,
    ) {
        let Some(index) = self.tree.find(change.node) else {
            return;
        };
        let Some(record) = self.tree.record(index) else {
            return;
        };
        let (kind, key) = (record.kind, record.key);
        if let Some(field) = &change.attributes {
            match decrypter.attributes(kind, &key, field) {
                Ok(text) => self.tree.set_readable(index, text),
                Err(trouble) => self.unreadable(index, trouble, field, decrypter),
            }
        }
        if let Some(created) = change.created
            && let Some(record) = self.tree.record_mut(index)
        {
            record.created = created;
        }
        self.report(index, changes, Change::Updated);
    }

    /// New attributes that do not decrypt: the node stays, marked, and keeps what it needs for another try (NOD-6).
    ///
    /// One whose key could not be proven so far has the proof in them, perhaps.
    fn unreadable(
        &mut self,
        index: Index,
        trouble: Trouble,
        field: &str,
        decrypter: &mut Decrypter,
    ) {
        let known = self.tree.raw(index).map(|raw| raw.key.clone());
        self.tree.set_text(index, &[]);
        if let Some(key) = known {
            self.tree.set_raw(index, key, field.into());
            self.open_again(vec![index], decrypter);
        } else if let Some(record) = self.tree.record_mut(index)
            && matches!(record.trouble, None | Some(Trouble::NoName))
        {
            // What is worse stays: a forged key does not become sound by attributes.
            record.trouble = Some(trouble);
        }
    }

    /// Tries nodes without a key again. Gives those back that are open now.
    fn open_again(&mut self, closed: Vec<Index>, decrypter: &mut Decrypter) -> Vec<Index> {
        let mut secrets: HashMap<Index, RawSecrets> = HashMap::new();
        let mut open = Vec::new();
        for index in closed {
            let Some(raw) = self.tree.raw(index).cloned() else {
                continue;
            };
            let Some(kind) = self.tree.record(index).map(|record| record.kind) else {
                continue;
            };
            let tree = &mut *self.tree;
            let opened = decrypter.again(kind, &raw, self.keyring, |key, text, opener| {
                tree.decrypted(index, key, text, opener);
            });
            if opened.is_ok() {
                open.push(index);
                secrets.insert(index, raw);
            }
        }
        self.tree.close_strays(decrypter, self.keyring, |index| {
            secrets.get(&index).cloned()
        });
        open.retain(|&index| self.tree.raw(index).is_none());
        open
    }

    fn share(
        &mut self,
        change: &ShareChange,
        decrypter: &mut Decrypter,
        changes: &mut Vec<Change>,
    ) {
        let mine = change.owner.is_none() || change.owner == self.me;
        if mine {
            if let Some(target) = change.target {
                self.tree.people.share(change.node, target, change.access);
            }
            self.owner_key(change);
        } else if change.access.is_none()
            && change.key.is_none()
            && change.target.is_some_and(|target| {
                self.me
                    .is_some_and(|me| target == OutgoingShareTarget::User(me))
            })
        {
            // What lies in it is out of our sight, unless it lies in another share (SDK `MegaClient::mergenewshare`).
            let nested = self.tree.find(change.node).filter(|&index| {
                let record = self.tree.record(index);
                record.is_some_and(|record| record.parent != Index::NONE)
            });
            match nested {
                Some(index) => self.tree.end_incoming(index),
                None => self.remove(change.node, changes),
            }
        } else if let Some(index) = self.tree.find(change.node)
            && !self.tree.cannot_be_incoming(index)
        {
            let access = change.access.map(|access| match access {
                mega_protocol::AccessLevel::ReadWrite => AccessLevel::ReadWrite,
                mega_protocol::AccessLevel::Full => AccessLevel::Full,
                _ => AccessLevel::Read,
            });
            let share = access
                .zip(change.owner)
                .map(|(access, owner)| IncomingShare { owner, access });
            self.tree.set_share(index, share);
        }
        self.open_what_was_closed(decrypter, changes);
        if let Some(index) = self.tree.find(change.node) {
            self.report(index, changes, Change::Updated);
        }
    }

    /// The legacy way of handing share keys to one's own other clients.
    fn owner_key(&mut self, change: &ShareChange) {
        if self.keys_elsewhere {
            return;
        }
        let (Some(master), Some(key), Some(authentication)) = (
            self.keyring.master(),
            &change.owner_key,
            &change.authentication,
        ) else {
            return;
        };
        let (Ok(key), Ok(authentication)) = (
            key.as_bytes().try_into(),
            authentication.as_bytes().try_into(),
        ) else {
            return;
        };
        let share = CryptoHandle::from_bytes(change.node.to_bytes());
        if let Ok(key) = open_own_share_key(master, share, key, authentication) {
            self.keyring.add_share(change.node, key);
        }
    }

    /// Tries every node without a key again, now that there may be one.
    pub(crate) fn open_what_was_closed(
        &mut self,
        decrypter: &mut Decrypter,
        changes: &mut Vec<Change>,
    ) {
        for index in self.open_again(self.tree.raw_indices(), decrypter) {
            self.report(index, changes, Change::Updated);
        }
    }

    fn link(&mut self, change: &LinkChange, changes: &mut Vec<Change>) {
        let known = self.tree.link(change.node).copied();
        if change.kind == LinkChangeKind::Removed {
            self.tree.set_link(change.node, None);
            changes.push(Change::LinkRemoved(change.node));
            return;
        }
        let Some(public) = change.link.or(known.map(|link| link.public)) else {
            return;
        };
        let link = LinkRecord {
            public,
            created: change
                .created
                .or(known.map(|link| link.created))
                .unwrap_or(0),
            expires: change.expires,
            taken_down: change.kind == LinkChangeKind::TakenDown,
        };
        self.tree.set_link(change.node, Some(link));
        if let Some(index) = self.tree.find(change.node) {
            self.report(index, changes, Change::LinkMade);
        }
    }

    fn report(
        &self,
        index: Index,
        changes: &mut Vec<Change>,
        change: impl FnOnce(crate::node::Node) -> Change,
    ) {
        changes.extend(self.tree.node(index).map(change));
    }
}

/// Whether a packet brings this node.
fn brings(packet: &EventPacket, handle: NodeHandle) -> bool {
    match &packet.packet {
        Packet::NewNodes(new) => new.nodes.iter().any(|node| node.handle() == handle),
        _ => false,
    }
}

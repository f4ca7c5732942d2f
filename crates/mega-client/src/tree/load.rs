//! Filling a tree from the reply of `f`, node by node as it arrives.

use mega_crypto::{NodeHandle as CryptoHandle, ShareKey, open_own_share_key};
use mega_filename::Mask;
use mega_protocol::RawNode;
use mega_protocol::fetch::FetchSink;
use mega_protocol::json::DecodeError;
use mega_protocol::{Invitation, OutgoingShare, PublicLink, ShareKeyRecord, UserRecord};

use super::decrypt::{Decrypter, kind_of};
use super::edit::{Inserted, NewNode};
use super::{IncomingShare, LinkRecord, Tree};
use crate::keyring::Keyring;
use crate::node::{AccessLevel, Trouble};

/// Receives the node list and builds a tree from it.
pub(crate) struct Loader {
    mask: Mask,
    tree: Tree,
    keyring: Keyring,
    /// What the keyring held before, for a reply that starts over.
    link_key: Option<ShareKey>,
    /// Whether the account keeps its share keys in `^!keys`; then those in the reply are ignored (KEY-8).
    keys_elsewhere: bool,
    decrypter: Decrypter,
    report: LoadReport,
}

/// What a load found.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct LoadReport {
    /// Nodes that could not be decrypted or have no name.
    pub(crate) undecryptable: usize,
    /// Records that could not be used at all.
    pub(crate) malformed: usize,
    /// Nodes whose place in the tree is impossible.
    pub(crate) quarantined: usize,
    /// Nodes that did not fit (LIM-7).
    pub(crate) dropped: usize,
}

impl Loader {
    /// Loads the tree of an account.
    pub(crate) fn account(mask: Mask, keyring: Keyring, keys_elsewhere: bool) -> Self {
        Self {
            mask,
            tree: Tree::new(mask),
            keyring,
            link_key: None,
            keys_elsewhere,
            decrypter: Decrypter::default(),
            report: LoadReport::default(),
        }
    }

    /// Loads what a folder link shows. The first node of the reply is the root of the link (crypto-and-accounts 8.3).
    pub(crate) fn folder_link(mask: Mask, link_key: ShareKey) -> Self {
        Self {
            mask,
            tree: Tree::new(mask),
            keyring: Keyring::default(),
            link_key: Some(link_key),
            keys_elsewhere: true,
            decrypter: Decrypter::default(),
            report: LoadReport::default(),
        }
    }

    /// The first node of a folder link: its key is that of the link, and paths start there.
    fn root_of_link(&mut self, raw: &RawNode<'_>) {
        let mut raw = *raw;
        raw.parent = None;
        if let Some(key) = &self.link_key {
            self.keyring.add_share(raw.handle, key.clone());
        }
        let tree = &mut self.tree;
        let inserted = self.decrypter.node(&raw, &self.keyring, |new| {
            tree.insert(&NewNode {
                share_root: true,
                ..new.clone()
            })
        });
        note_share(tree, inserted, &raw);
        match inserted {
            Inserted::New(index) | Inserted::Known(index) => tree.set_cloud_root(index),
            Inserted::Full => self.report.dropped = self.report.dropped.saturating_add(1),
        }
    }

    /// Ends the load.
    pub(crate) fn finish(mut self) -> (Tree, Keyring, LoadReport) {
        self.tree.finish_load();
        self.tree.drop_false_shares();
        self.tree
            .close_strays(&mut self.decrypter, &self.keyring, |_| None);
        self.tree.check_all_keys(&self.keyring);
        let mut report = self.report;
        if !self.tree.is_troubled() {
            return (self.tree, self.keyring, report);
        }
        for index in self.tree.indices() {
            match self.tree.record(index).and_then(|record| record.trouble) {
                Some(Trouble::Quarantined) => {
                    report.quarantined = report.quarantined.saturating_add(1);
                }
                Some(_) => report.undecryptable = report.undecryptable.saturating_add(1),
                None => {}
            }
        }
        (self.tree, self.keyring, report)
    }
}

impl FetchSink for Loader {
    fn node(&mut self, raw: &RawNode<'_>) {
        self.nodes(std::slice::from_ref(raw));
    }

    fn nodes(&mut self, nodes: &[RawNode<'_>]) {
        let Some((first, others)) = nodes.split_first() else {
            return;
        };
        let others = if self.link_key.is_some() && self.tree.roots().cloud.is_none() {
            self.root_of_link(first);
            others
        } else {
            nodes
        };
        let (tree, report) = (&mut self.tree, &mut self.report);
        self.decrypter.nodes(others, &self.keyring, |raw, new| {
            let inserted = tree.insert(new);
            note_share(tree, inserted, raw);
            if inserted == Inserted::Full {
                report.dropped = report.dropped.saturating_add(1);
            }
        });
    }

    fn malformed(&mut self, _section: &'static str, _error: DecodeError) {
        self.report.malformed = self.report.malformed.saturating_add(1);
    }

    fn share_key(&mut self, record: ShareKeyRecord) {
        if self.keys_elsewhere {
            return;
        }
        let (Some(master), Ok(key), Ok(authentication)) = (
            self.keyring.master(),
            record.key.as_bytes().try_into(),
            record.authentication.as_bytes().try_into(),
        ) else {
            return;
        };
        // `ha` proves that the own account made the key (crypto-and-accounts 4.5).
        let share = CryptoHandle::from_bytes(record.share.to_bytes());
        if let Ok(key) = open_own_share_key(master, share, key, authentication) {
            self.keyring.add_share(record.share, key);
        }
    }

    fn outgoing_share(&mut self, record: OutgoingShare) {
        self.tree.add_outgoing_share(&record);
    }

    fn user(&mut self, record: UserRecord) {
        self.tree.people.user(&record);
    }

    fn incoming_invitation(&mut self, record: Invitation) {
        self.tree.people.invitation(&record, true);
    }

    fn outgoing_invitation(&mut self, record: Invitation) {
        self.tree.people.invitation(&record, false);
    }

    fn public_link(&mut self, record: PublicLink) {
        self.tree.set_link(record.node, Some(link_record(&record)));
    }

    fn restart(&mut self) {
        self.tree = Tree::new(self.mask);
        self.report = LoadReport::default();
    }
}

/// Decrypts a raw node of an event and stores it with what belongs to it.
pub(crate) fn store_node(
    tree: &mut Tree,
    decrypter: &mut Decrypter,
    keyring: &Keyring,
    raw: &RawNode<'_>,
) -> Inserted {
    // A node that is there and could be read keeps what it has (EVT-3): only its place counts.
    if let Some(index) = tree.find(raw.handle)
        && raw.share.is_none()
        && tree.record(index).is_some_and(|record| {
            !matches!(
                record.trouble,
                Some(Trouble::NoKey | Trouble::BadKey | Trouble::BadAttributes)
            )
        })
    {
        let bare = NewNode::bare(raw.handle, raw.parent, kind_of(raw.kind));
        tree.refresh(index, &bare);
        return Inserted::Known(index);
    }
    let inserted = decrypter.node(raw, keyring, |new| tree.insert(new));
    note_share(tree, inserted, raw);
    if let (Inserted::New(index) | Inserted::Known(index), Some(_)) = (inserted, raw.share)
        && tree.cannot_be_incoming(index)
    {
        tree.end_incoming(index);
    }
    inserted
}

/// Notes who shares a node, if it is the root of an incoming share.
fn note_share(tree: &mut Tree, inserted: Inserted, raw: &RawNode<'_>) {
    if let (Inserted::New(index) | Inserted::Known(index), Some(share)) = (inserted, raw.share) {
        let access = match share.access {
            mega_protocol::AccessLevel::ReadWrite => AccessLevel::ReadWrite,
            mega_protocol::AccessLevel::Full => AccessLevel::Full,
            _ => AccessLevel::Read,
        };
        tree.set_share(
            index,
            Some(IncomingShare {
                owner: share.user,
                access,
            }),
        );
    }
}

pub(crate) fn link_record(record: &PublicLink) -> LinkRecord {
    LinkRecord {
        public: record.link,
        created: record.created.unwrap_or(0),
        expires: record.expires,
        taken_down: record.taken_down,
    }
}

//! Action packets on their way to the event logs (api-and-transfers 4.3 to 4.5).

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Model;
use super::events::{Channel, Path, Told};
use super::notice::Notice;
use crate::json::{Object, write_text};
use crate::wire::{NodeHandle, UserHandle};

/// What a command did, as packets for everybody concerned, in order.
#[derive(Debug, Default)]
pub(crate) struct Effects {
    /// The `i` argument of the command: repeated in the packets, so that the issuer can tell its own.
    pub(crate) i: Option<String>,
    list: Vec<(Channel, Packet)>,
    notices: Vec<(UserHandle, Notice)>,
}

#[derive(Clone, Debug)]
struct Packet {
    name: &'static str,
    tagged: bool,
    rest: Object,
    /// Where in the tree it happened; none for what concerns the account.
    path: Option<Path>,
}

impl Effects {
    /// A packet for one listener, about his account.
    pub(crate) fn to(&mut self, channel: Channel, name: &'static str, rest: Object) {
        self.add(channel, name, true, rest, None);
    }

    /// A packet for one listener, about a place in the tree.
    pub(crate) fn about(
        &mut self,
        path: &Path,
        channel: Channel,
        name: &'static str,
        rest: Object,
    ) {
        self.add(channel, name, true, rest, Some(path.clone()));
    }

    /// A packet about a place that carries no sequence tag: the second half of a move.
    pub(crate) fn untagged(
        &mut self,
        path: &Path,
        channel: Channel,
        name: &'static str,
        rest: Object,
    ) {
        self.add(channel, name, false, rest, Some(path.clone()));
    }

    fn add(
        &mut self,
        channel: Channel,
        name: &'static str,
        tagged: bool,
        rest: Object,
        path: Option<Path>,
    ) {
        let packet = Packet {
            name,
            tagged,
            rest,
            path,
        };
        self.list.push((channel, packet));
    }

    /// A packet for the account a node lies in.
    pub(crate) fn owner(
        &mut self,
        model: &Model,
        node: NodeHandle,
        name: &'static str,
        rest: Object,
    ) {
        if let Some(owner) = model.tree.get(node).map(|n| n.owner) {
            self.about(&model.path(node), Channel::User(owner), name, rest);
        }
    }

    /// A packet for everybody who sees a node.
    pub(crate) fn watchers(
        &mut self,
        model: &Model,
        node: NodeHandle,
        name: &'static str,
        rest: &Object,
    ) {
        let path = model.path(node);
        for channel in model.watchers(node) {
            self.about(&path, channel, name, rest.clone());
        }
    }

    /// A notification for a user, unless it was he himself.
    pub(crate) fn note(
        &mut self,
        user: UserHandle,
        by: Option<UserHandle>,
        kind: &str,
        rest: &Object,
    ) {
        if by != Some(user) {
            self.notices.push((user, Notice::new(kind, by, rest)));
        }
    }

    /// A notification for every user who sees a node, but not for the one who did it.
    pub(crate) fn note_watchers(
        &mut self,
        model: &Model,
        node: NodeHandle,
        by: UserHandle,
        kind: &str,
        rest: &Object,
    ) {
        for channel in model.watchers(node) {
            if let Channel::User(user) = channel {
                self.note(user, Some(by), kind, rest);
            }
        }
    }

    /// Whether this listener gets anything that carries a tag.
    pub(crate) fn reaches(&self, channel: Channel) -> bool {
        self.list.iter().any(|(c, p)| *c == channel && p.tagged)
    }
}

impl Packet {
    /// Keys in the order the official client needs: `a`, `i`, `st`, the rest.
    fn text(&self, i: Option<&str>, tag: Option<&str>) -> Arc<str> {
        let mut out = String::from("{\"a\":");
        write_text(&mut out, self.name);
        if let Some(i) = i {
            out.push_str(",\"i\":");
            write_text(&mut out, i);
        }
        if let Some(tag) = tag.filter(|_| self.tagged) {
            out.push_str(",\"st\":");
            write_text(&mut out, tag);
        }
        self.rest.write_tail(&mut out);
        out.push('}');
        out.into()
    }
}

impl Model {
    /// Puts what a command did into the logs. Only its own listener sees the tag of the command.
    pub(crate) fn commit(&mut self, fx: Effects, actor: Option<Channel>, tag: Option<&str>) {
        let mut groups: BTreeMap<Channel, Vec<Told>> = BTreeMap::new();
        for (channel, packet) in &fx.list {
            let own = actor == Some(*channel);
            let text = packet.text(fx.i.as_deref().filter(|_| own), tag.filter(|_| own));
            let path = packet.path.clone();
            groups
                .entry(*channel)
                .or_default()
                .push(Told { text, path });
        }
        self.events.keep(self.options.events_kept);
        for (channel, packets) in groups {
            self.events.push(channel, packets);
            if let Channel::User(user) = channel {
                self.tell_fullness(user);
            }
        }
        for (user, notice) in fx.notices {
            self.note(user, notice);
        }
    }

    /// Changes the storage allowance of an account, as buying or losing a plan does; its clients are told (`sqac`).
    pub fn set_quota(&mut self, email: &str, bytes: u64) {
        let Some(user) = self.user_mut(email) else {
            return;
        };
        user.quota = bytes;
        let handle = user.handle;
        let mut fx = Effects::default();
        let rest = Object::new().with("gb", bytes >> 30);
        fx.to(Channel::User(handle), "sqac", rest);
        self.commit(fx, None, None);
    }

    /// Changes the download allowance of an account: bytes, and the seconds a client is told to wait once they are used up.
    pub fn set_transfer_quota(&mut self, email: &str, bytes: Option<u64>, wait: i64) {
        if let Some(user) = self.user_mut(email) {
            user.transfer = super::user::Transfer {
                allowance: bytes,
                wait,
                ..Default::default()
            };
        }
    }

    /// Sends a packet of the caller's making to an account, word for word.
    pub fn push_raw_packet(&mut self, email: &str, packet: &str) {
        if let Some(user) = self.user(email).map(|u| u.handle) {
            self.events
                .push(Channel::User(user), vec![Told::account(packet)]);
        }
    }

    /// Forgets what happened in an account so far: clients that stand further back must reload (-6).
    pub fn forget_events(&mut self, email: &str) {
        if let Some(user) = self.user(email).map(|u| u.handle) {
            self.events.forget(Channel::User(user));
        }
    }
}

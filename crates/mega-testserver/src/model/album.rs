//! Sets and their elements: albums and playlists (api-and-transfers 3.2, 4.4 and 5.11; the fields are those of the SDK's
//! `CommandPutSet` and its neighbours in src/commands.cpp, and of `MegaClient::readSet`, `readElement`, `sc_ass`).
//!
//! A set has a key of its own under the master key, its elements are files of the account with their node keys under the
//! key of the set. All of it is opaque here.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Model;
use super::effects::Effects;
use super::events::Channel;
use crate::json::Object;
use crate::wire::{ElementHandle, NodeHandle, PublicHandle, SetHandle, UserHandle};

/// A set of files: an album or a playlist.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Album {
    /// Its handle.
    pub id: SetHandle,
    /// The key of the set under the master key, base64.
    pub key: String,
    /// The attributes under the key of the set, base64; empty where they were taken away.
    pub attributes: Option<String>,
    /// 0 album, 1 playlist.
    pub kind: i64,
    /// Unix seconds.
    pub created: i64,
    /// When it was changed last, Unix seconds.
    pub changed: i64,
    /// What a link shows to everybody.
    pub link: Option<AlbumLink>,
    /// What is in it, in the order it came.
    pub elements: BTreeMap<ElementHandle, Element>,
}

/// The public link of a set.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AlbumLink {
    /// The handle in the URL.
    pub handle: PublicHandle,
    /// When it was made, Unix seconds.
    pub created: i64,
    /// Taken down by the service.
    pub down: bool,
}

/// A file in a set.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Element {
    /// The file.
    pub node: NodeHandle,
    /// The node key under the key of the set, base64.
    pub key: String,
    /// The attributes of the element, base64; empty where they were taken away.
    pub attributes: Option<String>,
    /// Its place among the others.
    pub order: i64,
    /// When it was changed last, Unix seconds.
    pub changed: i64,
}

impl Album {
    /// Where the next element goes if its client says nothing: the first is at 1000 (SDK
    /// tests/integration/SdkTest_test.cpp, `SdkTestSetsAndElements`), the others follow at the same distance.
    pub(crate) fn next_order(&self) -> i64 {
        let last = self.elements.values().map(|e| e.order).max().unwrap_or(0);
        last.saturating_add(ORDER_STEP)
    }

    /// The set as its owner, or a visitor of its link, is told of it.
    pub(crate) fn told(&self, owner: UserHandle) -> Object {
        Object::new()
            .with("id", self.id)
            .with("u", owner)
            .with("k", self.key.clone())
            .maybe("at", self.attributes.clone())
            .with("ts", self.changed)
            .with("cts", self.created)
            .with("t", self.kind)
    }
}

impl Element {
    /// The element as its owner, or a visitor of the link of its set, is told of it.
    pub(crate) fn told(&self, id: ElementHandle, set: SetHandle) -> Object {
        Object::new()
            .with("id", id)
            .with("s", set)
            .with("h", self.node)
            .with("k", self.key.clone())
            .maybe("at", self.attributes.clone())
            .with("o", self.order)
            .with("ts", self.changed)
    }
}

impl Model {
    /// The set behind a public handle: -9 where there is none, -16 where it was taken down.
    pub(crate) fn open_album(&self, link: PublicHandle) -> Result<(UserHandle, &Album), i64> {
        let mut all = self
            .users
            .values()
            .flat_map(|u| u.albums.values().map(move |a| (u.handle, a)));
        let (owner, album) = all
            .find(|(_, a)| a.link.is_some_and(|l| l.handle == link))
            .ok_or(-9)?;
        match album.link {
            Some(AlbumLink { down: true, .. }) => Err(-16),
            _ => Ok((owner, album)),
        }
    }

    /// Takes the files of a subtree, which is about to leave the account, out of its sets. What the service does with them is not
    /// known; like this no element leads to nothing.
    pub(crate) fn forget_elements(&mut self, fx: &mut Effects, root: NodeHandle) {
        let tree = &self.tree;
        let Some(owner) = tree.get(root).map(|n| n.owner) else {
            return;
        };
        let Some(user) = self.users.get_mut(&owner) else {
            return;
        };
        for album in user.albums.values_mut() {
            let set = album.id;
            album.elements.retain(|id, element| {
                let stays = !tree.is_inside(element.node, root);
                if !stays {
                    let rest = Object::new().with("id", *id).with("s", set);
                    fx.to(Channel::User(owner), "aer", rest);
                }
                stays
            });
        }
    }

    /// Takes the link of a set down or puts it back, as the service does after a complaint.
    pub fn take_down_album(&mut self, email: &str, set: SetHandle, down: bool) {
        let now = self.now();
        let Some(user) = self.user_mut(email) else {
            return;
        };
        let owner = user.handle;
        let Some(album) = user.albums.get_mut(&set) else {
            return;
        };
        let Some(link) = &mut album.link else {
            return;
        };
        link.down = down;
        album.changed = now;
        let mut fx = Effects::default();
        let rest = Object::new()
            .with("s", set)
            .with("ph", link.handle)
            .with("td", down)
            .with("ts", now);
        fx.note(owner, None, "ass", &rest);
        fx.to(Channel::User(owner), "ass", rest);
        self.commit(fx, None, None);
    }
}

const ORDER_STEP: i64 = 1000;

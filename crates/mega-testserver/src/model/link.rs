//! Public links (api-and-transfers 5.5).

use serde::{Deserialize, Serialize};

use super::Model;
use crate::wire::{NodeHandle, PublicHandle, UserHandle};

/// A public link of a node.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Link {
    /// The handle in the URL.
    pub handle: PublicHandle,
    /// When it was made, Unix seconds.
    pub created: i64,
    /// When it ends, Unix seconds.
    pub expires: Option<i64>,
    /// What a client appends to the handle to be allowed to write (22 characters).
    pub write_auth: Option<String>,
    /// Taken down by the service.
    pub down: bool,
    /// Taken down for the most serious reasons.
    #[serde(default)]
    pub severe: bool,
}

/// Why a request is refused: a number, and for links what the service says of the link and of its owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) code: i64,
    /// (state of the owner's account, state of the link), the numbers of SDK include/mega/types.h `UserErrorCode` and
    /// `LinkErrorCode`.
    pub(crate) link: Option<(i64, i64)>,
}

impl From<i64> for Refused {
    fn from(code: i64) -> Self {
        Self { code, link: None }
    }
}

impl From<Refused> for i64 {
    fn from(refused: Refused) -> Self {
        refused.code
    }
}

impl Refused {
    /// The reply. Those who speak the dialect of the tags (SDK and web client) are told all of it, `err` first; what the
    /// others make of an object in the place of a number is not known, so they get the number.
    pub(crate) fn text(self, tagged: bool) -> String {
        match self.link.filter(|_| tagged) {
            Some((user, link)) => {
                format!("{{\"err\":{},\"u\":{user},\"l\":{link}}}", self.code)
            }
            None => self.code.to_string(),
        }
    }
}

impl Model {
    /// The node behind a link, or why there is none: -9 unknown or removed, -8 expired, -16 taken down or its owner
    /// suspended.
    pub(crate) fn open_link(&self, handle: PublicHandle) -> Result<NodeHandle, Refused> {
        let Some(node) = self.links.get(&handle).and_then(|n| self.tree.get(*n)) else {
            let owner = self.graves.links.get(&handle).copied();
            let link = owner.map(|owner| (self.standing(owner), LINK_DOWN));
            return Err(Refused { code: -9, link });
        };
        let link = node.link.as_ref().ok_or(-9)?;
        let owner = self.standing(node.owner);
        let refused = |code, state| Refused {
            code,
            link: Some((owner, state)),
        };
        if link.down {
            // The owner of what is taken down like this is suspended for it too, as far as others are told.
            return Err(match link.severe {
                true => Refused {
                    code: -16,
                    link: Some((SUSPENDED_SEVERELY, LINK_DOWN_SEVERELY)),
                },
                false => refused(-16, LINK_DOWN),
            });
        }
        if owner != ENABLED {
            return Err(refused(-16, LINK_UP));
        }
        if link.expires.is_some_and(|end| end <= self.now()) {
            return Err(refused(-8, LINK_DOWN));
        }
        Ok(node.handle)
    }

    /// The state of an account as others are told it when they try its links.
    fn standing(&self, owner: UserHandle) -> i64 {
        let Some(user) = self.users.get(&owner) else {
            return NO_USER;
        };
        // What `whyamiblocked` says, in the numbers of `UserErrorCode`.
        match user.blocked {
            None => ENABLED,
            Some(200) => 4,
            Some(400) => 11,
            Some(401) => 12,
            Some(500) => 8,
            Some(700) => 9,
            Some(_) => 2,
        }
    }

    /// Takes a link down or puts it back, as the service does after a complaint.
    pub fn take_down(&mut self, node: NodeHandle, down: bool) {
        self.set_down(node, down, false);
    }

    /// Takes a link down for the most serious reasons: those who try it are told so.
    pub fn take_down_severely(&mut self, node: NodeHandle) {
        self.set_down(node, true, true);
    }

    fn set_down(&mut self, node: NodeHandle, down: bool, severe: bool) {
        let mut fx = super::effects::Effects::default();
        if let Some(link) = self.tree.get_mut(node).and_then(|n| n.link.as_mut()) {
            link.down = down;
            link.severe = severe;
            let packet = crate::json::Object::new()
                .with("h", node)
                .with("ph", link.handle)
                .with("down", down)
                .with("ts", link.created);
            if let Some(owner) = self.tree.get(node).map(|n| n.owner) {
                fx.note(owner, None, "ph", &packet);
            }
            fx.owner(self, node, "ph", packet);
        }
        self.commit(fx, None, None);
    }
}

const ENABLED: i64 = 0;
const SUSPENDED_SEVERELY: i64 = 7;
const NO_USER: i64 = 99;
const LINK_UP: i64 = 0;
const LINK_DOWN: i64 = 1;
const LINK_DOWN_SEVERELY: i64 = 2;

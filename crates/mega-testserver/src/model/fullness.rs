//! How full an account is, as clients are told: `usl` of `uq`, and the attribute `^!usl`, which the service writes itself and
//! announces like any other when it changes (api-and-transfers 5.2 and 9.3; SDK src/commands.cpp `CommandGetUA::procresult`).

use super::Model;
use super::events::{Channel, Told};
use super::user::{User, UserAttribute};
use crate::json::{Json, Object};
use crate::wire::{UserHandle, b64};

/// The name of the attribute.
pub(crate) const ATTRIBUTE: &str = "^!usl";

/// From so many percent on an account is almost full.
pub(crate) const WARN_PERCENT: u64 = 90;

impl User {
    /// 0 green, 1 almost full, 2 full.
    pub(crate) fn fullness(&self) -> u8 {
        match self.used {
            used if used >= self.quota => 2,
            used if used >= self.quota / 100 * WARN_PERCENT => 1,
            _ => 0,
        }
    }

    /// An attribute, that of the fullness included.
    pub(crate) fn attribute(&self, name: &str) -> Option<UserAttribute> {
        let stored = self.attributes.get(name).cloned();
        stored.or_else(|| (name == ATTRIBUTE).then(green))
    }
}

impl Model {
    /// Tells an account when it came to another state.
    pub(super) fn tell_fullness(&mut self, handle: UserHandle) {
        let Some(user) = self.users.get_mut(&handle) else {
            return;
        };
        let value = value(user.fullness());
        if user.attribute(ATTRIBUTE).is_some_and(|a| a.value == value) {
            return;
        }
        let version = b64(&self.seed.array::<8>());
        let attribute = UserAttribute {
            value,
            version: version.clone(),
        };
        user.attributes.insert(ATTRIBUTE.to_owned(), attribute);
        let packet = Object::new()
            .with("a", "ua")
            .with("u", handle)
            .with("ua", vec![Json::from(ATTRIBUTE)])
            .with("v", vec![Json::from(version)]);
        let packet = Told::account(Json::from(packet).text());
        self.events.push(Channel::User(handle), vec![packet]);
    }
}

/// What an account is that never was anything else.
fn green() -> UserAttribute {
    UserAttribute {
        value: value(0),
        version: b64(&[0; 8]),
    }
}

/// The digit, in base64 as every value.
fn value(state: u8) -> String {
    b64(&[b'0' + state])
}

//! What an account may do as its owner pays: business accounts and the paywall (api-and-transfers 2.8, 5.1, 9.3 and 9.4).

use serde::{Deserialize, Serialize};

use super::Model;
use super::effects::Effects;
use super::events::Channel;
use super::user::User;
use crate::json::{Json, Object};
use crate::wire::UserHandle;

/// A business account, or one of its sub-users.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Business {
    /// -1 expired, 0 inactive, 1 active, 2 grace period.
    pub status: i64,
    /// Whose business it is: none for the master himself.
    pub masters: Vec<UserHandle>,
    /// A sub-user whose key the master has not got yet: nothing can be uploaded (-30).
    pub key_missing: bool,
}

impl Business {
    /// The account that pays.
    #[must_use]
    pub fn master(status: i64) -> Self {
        Self {
            status,
            masters: Vec::new(),
            key_missing: false,
        }
    }

    /// An account that another one pays for.
    #[must_use]
    pub fn sub_user(status: i64, master: UserHandle) -> Self {
        Self {
            status,
            masters: vec![master],
            key_missing: false,
        }
    }

    /// 0 sub-user, 1 master.
    fn mode(&self) -> i64 {
        self.masters.is_empty().into()
    }

    /// `b` of `ug`.
    pub(crate) fn told(&self) -> Object {
        let masters: Vec<Json> = self.masters.iter().map(|u| (*u).into()).collect();
        Object::new()
            .with("s", self.status)
            .with("m", self.mode())
            .maybe("mu", (!masters.is_empty()).then_some(masters))
    }
}

impl User {
    /// Why a command is refused whatever it is about: unpaid for too long (-29), the business has expired (-28), the master has no key
    /// of this sub-user (-30). Which commands the service refuses is known by the words of the clients only: "writes", and with
    /// the paywall downloads too.
    pub(crate) fn refuses(&self, command: &str) -> Option<i64> {
        let writes = WRITES.contains(&command);
        let business = self.business.as_ref();
        if self.paywall.is_some() && (writes || command == "g") {
            return Some(-29);
        }
        if business.is_some_and(|b| b.status == EXPIRED) && writes {
            return Some(-28);
        }
        let without_key = business.is_some_and(|b| b.key_missing);
        (without_key && matches!(command, "u" | "p")).then_some(-30)
    }
}

impl Model {
    /// Makes an account one of a business, or of none; its clients are told (`ub`).
    pub fn set_business(&mut self, email: &str, business: Option<Business>) {
        let Some(user) = self.user_mut(email) else {
            return;
        };
        let packet = match &business {
            Some(business) => Object::new()
                .with("s", business.status)
                .with("m", business.mode()),
            None => Object::new().with("s", INACTIVE),
        };
        let handle = user.handle;
        user.business = business;
        let mut fx = Effects::default();
        fx.to(Channel::User(handle), "ub", packet);
        self.commit(fx, None, None);
    }

    /// Puts an account behind the paywall, with the time when its data would go (Unix seconds), or takes it out. Clients learn of it by
    /// -29 and from `ug`.
    pub fn set_paywall(&mut self, email: &str, deadline: Option<i64>) {
        if let Some(user) = self.user_mut(email) {
            user.paywall = deadline;
        }
    }
}

/// The commands that change what is stored.
const WRITES: [&str; 10] = ["p", "u", "m", "a", "d", "dr", "dv", "s2", "l", "pfa"];
const EXPIRED: i64 = -1;
const INACTIVE: i64 = 0;

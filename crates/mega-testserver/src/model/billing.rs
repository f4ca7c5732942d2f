//! What comes from outside the account: payments, reminders of them, and a state that has to be fetched anew.

use super::Model;
use super::effects::Effects;
use super::events::Channel;
use crate::json::Object;

/// What a payment was for, which decides in which packet clients hear of it (SDK `MegaClient::sc_upgrade`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Payment {
    /// A Pro plan, in the packet of old: `psts` with `it` 0.
    Plan,
    /// A Pro plan, in its newer packet: `psts_v2`, which says the same.
    PlanV2,
    /// A business plan: `psts` with `it` 1.
    Business,
    /// Something beside the plan: `ftr` with `it` 2, of which there is no notification.
    Feature,
}

impl Model {
    /// Tells an account what came of a payment for a Pro plan, 1 to 3: a packet and a notification (`psts`).
    pub fn pay(&mut self, email: &str, level: i64, success: bool) {
        self.pay_for(email, Payment::Plan, level, success);
    }

    /// Tells an account what came of a payment: a packet and, unless it was for a feature, a notification.
    pub fn pay_for(&mut self, email: &str, what: Payment, level: i64, success: bool) {
        let Some(user) = self.user(email).map(|u| u.handle) else {
            return;
        };
        let (name, class) = match what {
            Payment::Plan => ("psts", 0),
            Payment::PlanV2 => ("psts_v2", 0),
            Payment::Business => ("psts", 1),
            Payment::Feature => ("ftr", 2),
        };
        let rest = Object::new()
            .with("it", class)
            .with("p", level)
            .with("r", if success { "s" } else { "e" });
        let mut fx = Effects::default();
        if what != Payment::Feature {
            fx.note(user, None, name, &rest);
        }
        fx.to(Channel::User(user), name, rest);
        self.commit(fx, None, None);
    }

    /// Reminds an account of a payment: its plan ends at this time, Unix seconds. A packet and a notification (`pses`).
    pub fn remind_of_payment(&mut self, email: &str, ends: i64) {
        let Some(user) = self.user(email).map(|u| u.handle) else {
            return;
        };
        let rest = Object::new().with("ts", ends);
        let mut fx = Effects::default();
        fx.note(user, None, "pses", &rest);
        fx.to(Channel::User(user), "pses", rest);
        self.commit(fx, None, None);
    }

    /// Tells the clients of an account that what they keep of it is worth nothing, so that they fetch all of it anew (`usc`, which
    /// the web client alone knows). [`Model::forget_events`] does the same to all clients, by -6.
    pub fn clear_state(&mut self, email: &str) {
        let Some(user) = self.user(email).map(|u| u.handle) else {
            return;
        };
        self.snapshots.remove(&user);
        let mut fx = Effects::default();
        fx.to(Channel::User(user), "usc", Object::new());
        self.commit(fx, None, None);
    }
}

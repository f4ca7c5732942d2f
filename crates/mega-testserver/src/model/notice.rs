//! Notifications: what others did that concerns an account, kept until somebody reads the last of them with `sc?c=50`
//! (api-and-transfers 4.6).
//!
//! Which events become one, and the members of each kind, are those that the SDK reads (src/useralerts.cpp, the constructors from
//! `UserAlertRaw`) and that it makes of packets itself (src/megaclient.cpp, where it calls `useralerts.add`). What somebody
//! did himself is none.

use std::collections::{BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};

use super::Model;
use crate::json::{Json, Object};
use crate::wire::UserHandle;

/// A notification.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Notice {
    /// Its type, `t` on the wire.
    kind: String,
    /// When it happened, Unix seconds.
    at: i64,
    /// Who did it.
    by: Option<UserHandle>,
    /// The members of its type, each with a comma before it.
    rest: String,
}

/// The notifications of an account, the oldest first.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Notices {
    list: VecDeque<Notice>,
    /// When the user saw them last (`sla`), Unix seconds.
    pub(crate) seen: Option<i64>,
}

impl Notice {
    pub(crate) fn new(kind: &str, by: Option<UserHandle>, rest: &Object) -> Self {
        let mut text = String::new();
        rest.write_tail(&mut text);
        Self {
            kind: kind.to_owned(),
            at: 0,
            by,
            rest: text,
        }
    }

    /// The type stands neither first nor last: the SDK says that it comes late, and loses it at the end of an object
    /// (src/json.cpp `JSON::getNameidSkipNull`).
    fn text(&self, now: i64) -> String {
        let by = self.by.map(|u| Object::new().with("u", u));
        let age = now.saturating_sub(self.at).max(0);
        let end = Object::new().with("t", self.kind.clone()).with("td", age);
        let mut out = String::new();
        by.unwrap_or_default().write_tail(&mut out);
        out.push_str(&self.rest);
        end.write_tail(&mut out);
        format!("{{{}}}", out.trim_start_matches(','))
    }
}

impl Model {
    /// Tells an account.
    pub(super) fn note(&mut self, user: UserHandle, mut notice: Notice) {
        notice.at = self.now();
        if let Some(user) = self.users.get_mut(&user) {
            user.notices.list.push_back(notice);
            while user.notices.list.len() > KEPT {
                user.notices.list.pop_front();
            }
        }
    }

    /// The last notifications of an account, the newest first, with the users they name: the reply to `sc?c=`, where `sn` is
    /// the position of its events.
    pub(crate) fn notifications(&self, user: Option<UserHandle>, count: usize, sn: &str) -> String {
        let now = self.now();
        let none = Notices::default();
        let user = user.and_then(|u| self.users.get(&u));
        let notices = user.map_or(&none, |u| &u.notices);
        let told: Vec<&Notice> = notices.list.iter().rev().take(count).collect();
        let named: BTreeSet<UserHandle> = told.iter().filter_map(|n| n.by).collect();
        // No member but these: the SDK does not get past another one (`UserAlerts::procsc_useralert`).
        let users = named.iter().filter_map(|u| self.users.get(u)).map(|user| {
            Json::from(
                Object::new()
                    .with("u", user.handle)
                    .with("m", user.email.clone())
                    .maybe("n", (!user.name.is_empty()).then(|| user.name.clone())),
            )
        });
        // 0 where they were never looked at, as it seems ("or 0", SDK `UserAlerts::procsc_useralert`).
        let seen = notices.seen.map_or(0, |seen| now.saturating_sub(seen));
        let list: Vec<Json> = told.iter().map(|n| Json::Raw(n.text(now))).collect();
        let answer = Object::new()
            .with("c", list)
            .with("u", users.collect::<Vec<_>>())
            .with("lsn", sn)
            .with("fsn", sn)
            .with("ltd", seen);
        Json::from(answer).text()
    }
}

/// Clients ask for the last 50.
const KEPT: usize = 200;

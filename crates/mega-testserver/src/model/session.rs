//! Sessions (crypto-and-accounts 2.7, 2.8 and 2.13).

use serde::{Deserialize, Serialize};

use super::Model;
use crate::wire::{UserHandle, b64};

/// A session of a user.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Session {
    /// Its number in `usl` and `usr`.
    pub id: [u8; 8],
    /// Whose it is.
    pub user: UserHandle,
    /// Unix seconds.
    pub created: i64,
    /// Unix seconds.
    #[serde(skip)]
    pub used: i64,
    /// What the client called itself.
    pub agent: String,
    /// The session encryption key the client left here.
    pub sek: Option<String>,
    /// The device hash the client sent as `si`.
    pub device: Option<String>,
    /// False once it was ended; the entry stays in the list.
    pub alive: bool,
    /// Sessions count up.
    pub(crate) opened: u64,
}

impl Model {
    /// The live session with this id.
    pub(crate) fn session(&self, sid: &str) -> Option<&Session> {
        let session = self.sessions.get(sid).filter(|s| s.alive)?;
        match self.options.session_lifetime {
            Some(life) if session.used.saturating_add(life) < self.now() => None,
            _ => Some(session),
        }
    }

    /// Opens a session and returns its id text.
    pub(crate) fn open_session(&mut self, sid: [u8; 43], user: UserHandle, agent: &str) -> String {
        let text = b64(&sid);
        let now = self.now();
        let id = self.seed.array();
        self.sessions_opened += 1;
        let session = Session {
            id,
            user,
            created: now,
            used: now,
            agent: agent.into(),
            sek: None,
            device: None,
            alive: true,
            opened: self.sessions_opened,
        };
        self.sessions
            .entry(text.clone())
            .and_modify(|s| s.alive = true)
            .or_insert(session);
        text
    }

    /// A new session id of a user: 16 random bytes, the text of the handle, 16 random bytes.
    pub(crate) fn new_sid(&mut self, user: UserHandle) -> [u8; 43] {
        let mut sid: [u8; 43] = self.seed.array();
        // A client may turn the plaintext into a number and back, so it does not begin with zero.
        if let Some(first) = sid.first_mut() {
            *first |= 1;
        }
        for (to, from) in sid.iter_mut().skip(16).zip(user.to_string().bytes()) {
            *to = from;
        }
        sid
    }

    /// Ends every session of an account, as "log out everywhere" does. Returns how many were alive.
    pub fn kill_sessions(&mut self, email: &str) -> usize {
        let Some(user) = self.user(email).map(|u| u.handle) else {
            return 0;
        };
        let mut killed = 0;
        for session in self
            .sessions
            .values_mut()
            .filter(|s| s.user == user && s.alive)
        {
            session.alive = false;
            killed += 1;
        }
        self.events.touch();
        killed
    }

    /// The sessions of an account that are alive.
    #[must_use]
    pub fn sessions(&self, email: &str) -> Vec<&Session> {
        let Some(user) = self.user(email).map(|u| u.handle) else {
            return Vec::new();
        };
        self.sessions
            .values()
            .filter(|s| s.user == user && s.alive)
            .collect()
    }

    /// The id of the session an account opened last, as it stands in URLs.
    #[must_use]
    pub fn newest_session(&self, email: &str) -> Option<&str> {
        let user = self.user(email)?.handle;
        let own = self
            .sessions
            .iter()
            .filter(|(_, s)| s.user == user && s.alive);
        own.max_by_key(|(_, s)| s.opened)
            .map(|(sid, _)| sid.as_str())
    }

    /// Opens a session of an account without asking for a password, and returns its id as it stands in URLs.
    pub fn sign_in(&mut self, email: &str) -> Option<String> {
        let user = self.user(email)?.handle;
        let sid = self.new_sid(user);
        Some(self.open_session(sid, user, "test"))
    }
}

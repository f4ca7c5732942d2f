//! The switches of a server.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How the service behaves where that can be chosen. All may be changed while the server runs.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// Every reply begins this much later. Default: at once.
    pub latency: Option<Duration>,
    /// Replies are compressed when the client asks for it. Default: yes.
    pub gzip: bool,
    /// Logins must be paid for by a proof of work of this easiness (255 is the cheapest). Default: none.
    pub hashcash: Option<u8>,
    /// Clients that ask with `v:2` get files in six parts. Default: no.
    pub cloud_raid: bool,
    /// How long a poll is held before it is answered without news. Default: 30 s.
    pub hold: Duration,
    /// At most so many changes go into one event reply; the rest follows after `ir:1`. Default: 1000.
    pub events_per_reply: usize,
    /// So many changes are remembered per account; older positions get -6. Default: 100000.
    pub events_kept: usize,
    /// So many replies are remembered for repeated request ids. Default: 4096; 0 forgets at once.
    pub replies_kept: usize,
    /// Seconds after which an upload or download URL is refused. Default: 48 h.
    pub url_lifetime: i64,
    /// Seconds of disuse after which a session ends. Default: never.
    pub session_lifetime: Option<i64>,
    /// So many logins of one account are allowed per hour, then -6. Default: no limit.
    pub logins_per_hour: Option<usize>,
    /// Logins in quick succession block the account for a long time. Default: never.
    pub login_block: Option<LoginBlock>,
    /// In which order a listing names nodes. Default: parents first.
    pub order: Order,
    /// Request ids remembered before a restart are remembered after it, where the state is kept. Default: yes.
    pub ids_survive: bool,
    /// Uploads are counted and thrown away, nothing is checked, downloads are zeros. Default: no.
    pub discard: bool,
    /// `f` with `ca:1` is answered from an earlier listing; the client catches up through events. Default: no.
    pub snapshots: bool,
    /// Parts of an upload that begin further than this behind the first one that is missing are answered -4. Default: 256 MiB.
    pub upload_gap: u64,
    /// Uploads must begin and end on chunk boundaries. Default: yes.
    pub chunk_boundaries: bool,
    /// Tests may ask and change the server under `/test/`, as the program's help says. Default: no; the program does.
    pub control: bool,
    /// Largest accepted API request. Default: 64 MiB.
    pub request_limit: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            latency: None,
            gzip: true,
            hashcash: None,
            cloud_raid: false,
            hold: Duration::from_secs(30),
            events_per_reply: 1000,
            events_kept: 100_000,
            replies_kept: 4096,
            url_lifetime: 48 * 3600,
            session_lifetime: None,
            logins_per_hour: None,
            login_block: None,
            order: Order::ParentsFirst,
            ids_survive: true,
            discard: false,
            snapshots: false,
            upload_gap: 256 << 20,
            chunk_boundaries: true,
            control: false,
            request_limit: 64 << 20,
        }
    }
}

/// The long block that logins in quick succession lead to.
///
/// The defaults are what rclone's documentation tells (docs/content/mega.md, "Repeated commands blocks access"): some 90
/// logins in a row block an account for about a week, a pause of 3 s between them avoids it, sessions that are open go on
/// working, ending sessions does not help, and the client sees the same error as for a wrong password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LoginBlock {
    /// So many logins may follow each other without a pause.
    pub burst: u32,
    /// Seconds after which one more is allowed again.
    pub spacing: i64,
    /// Seconds that a block lasts.
    pub lasts: i64,
    /// What a login is answered while it lasts: -9 as for a wrong password, or -6 (too many attempts).
    pub code: i64,
}

impl Default for LoginBlock {
    fn default() -> Self {
        Self {
            burst: 90,
            spacing: 3,
            lasts: 7 * 24 * 3600,
            code: -9,
        }
    }
}

/// How an account stands with its [`LoginBlock`].
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct LoginState {
    /// When all logins so far would be paid for, had each been a spacing after the one before.
    due: i64,
    blocked_until: i64,
}

impl LoginState {
    /// Counts a login; an error is the answer to it.
    pub(crate) fn attempt(&mut self, rule: &LoginBlock, now: i64) -> Result<(), i64> {
        if now < self.blocked_until {
            return Err(rule.code);
        }
        self.due = self.due.max(now).saturating_add(rule.spacing);
        if self.due - now > i64::from(rule.burst).saturating_mul(rule.spacing) {
            self.due = 0;
            self.blocked_until = now.saturating_add(rule.lasts);
            return Err(rule.code);
        }
        Ok(())
    }
}

/// In which order a listing names the nodes. A client must come to the same tree with any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Order {
    /// A node after the one it lies in, as the service does.
    ParentsFirst,
    /// A node before the one it lies in.
    ChildrenFirst,
    /// Any order, another one for every number.
    Shuffled(u64),
}

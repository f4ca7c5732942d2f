//! Protects accounts from being blocked for too many sign-ins.
//!
//! Accounts were blocked for a week after some 90 sign-ins in quick succession, by programs that are short-lived and sign in each time
//! (api-and-transfers 8). All programs of a user therefore share a small file for each account: it holds a session, sealed with the password, that
//! the next program takes over, and when passwords were sent last.

use std::fmt::Write as _;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use mega_crypto::account_keys::Generation;
use zeroize::Zeroizing;

use super::{SavedSession, private_file};
use crate::blocking;
use crate::error::{Error, ErrorKind, Result};

/// Shares sign-ins among all programs of a user.
///
/// While a guard is in force, [`ClientBuilder::login`](crate::ClientBuilder::login) first takes over the session that an earlier program left, if the
/// password opens it. Only otherwise is the password sent: not within 3 seconds of the last time (it waits), and not more often
/// than 10 times in 10 minutes or 40 times in a day: then the call fails with [`RateLimited`](ErrorKind::RateLimited) and says how long to wait, before
/// anything is sent. It also remembers when the service said that it was too often, that an account once was of version 2
/// (threat model, LOG-1), the highest generation of its keys (KEY-10), and how often the service's keys were refused (LOG-7).
///
/// The file is for its owner only. The session in it is encrypted with the password; address and password are not in it. A program that
/// [signs out](crate::Client::sign_out) ends the session for the others, too; short-lived programs just end.
///
/// ```
/// # async fn doc() -> Result<(), Box<dyn std::error::Error>> {
/// # let server = mega_testserver::TestServer::start().await?;
/// # server.account("me@example.com", "secret").create();
/// # let folder = tempfile::tempdir()?;
/// use mega_client::{Client, Credentials, LoginGuard};
/// let guard = LoginGuard::in_folder(folder.path());
/// for _ in 0..3 {
///     let mega = Client::builder()
/// #       .origin(server.url())
///         .login_guard(guard.clone())
///         .login(Credentials::new("me@example.com", "secret"))
///         .await?;
///     println!("{} nodes", mega.node_count());
/// } // one sign-in, two visits with its session
/// # Ok(()) }
/// # tokio::runtime::Runtime::new().unwrap().block_on(doc()).unwrap();
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoginGuard {
    folder: PathBuf,
}

/// What a builder says about the guard.
#[derive(Clone, Debug, Default)]
pub(crate) enum GuardChoice {
    /// The user's own, except on this machine's test servers.
    #[default]
    Default,
    Given(LoginGuard),
    Off,
}

impl LoginGuard {
    /// Keeps the files in this folder, which is made if need be.
    pub fn in_folder(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
        }
    }

    /// The one that all programs of the user share: `mega-client/logins` in `$XDG_STATE_HOME`, `~/.local/state`, or
    /// `%LOCALAPPDATA%`. `None` where none of these is known.
    #[must_use]
    pub fn of_user() -> Option<Self> {
        let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        let state = variable("XDG_STATE_HOME")
            .or_else(|| variable("LOCALAPPDATA"))
            .map(PathBuf::from)
            .or_else(|| Some(PathBuf::from(variable("HOME")?).join(".local/state")))?;
        state
            .is_absolute()
            .then(|| Self::in_folder(state.join("mega-client/logins")))
    }
}

impl GuardChoice {
    /// The guard in force for a service.
    pub(crate) fn for_service(&self, loopback: bool) -> Option<LoginGuard> {
        match self {
            Self::Given(guard) => Some(guard.clone()),
            Self::Default if !loopback => LoginGuard::of_user(),
            _ => None,
        }
    }
}

/// The file of one account, locked.
pub(crate) struct Guarded {
    path: PathBuf,
    pub(crate) record: Record,
    _lock: File,
}

/// How often a locked file is looked at again.
const LOOK: Duration = Duration::from_millis(50);
/// How long to wait for another program that is signing in.
const PATIENCE: Duration = Duration::from_secs(120);

impl LoginGuard {
    /// Locks the file of an account; waits while another program signs in, so that its session can be taken over.
    pub(crate) async fn lock(&self, origin: &str, email: &str) -> Result<Guarded> {
        let name = file_name(origin, email);
        let folder = self.folder.clone();
        let (path, lock) = (folder.join(&name), folder.join(format!("{name}.lock")));
        let file = blocking(move || {
            private_file::make_folder(&folder)
                .and_then(|()| private_file::open_lock(&lock))
                .map_err(unusable)
        })
        .await?;
        let begin = tokio::time::Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::Error(error)) => return Err(unusable(error)),
                Err(TryLockError::WouldBlock) if begin.elapsed() > PATIENCE => {
                    return Err(Error::new(
                        ErrorKind::Timeout,
                        "another program has been signing in for two minutes",
                    ));
                }
                Err(TryLockError::WouldBlock) => tokio::time::sleep(LOOK).await,
            }
        }
        let own = path.clone();
        let bytes = blocking(move || private_file::read(&own).map_err(unusable)).await?;
        // Whatever does not make sense is as good as nothing.
        let text = bytes
            .as_deref()
            .and_then(|bytes| std::str::from_utf8(bytes).ok());
        let record = text.map(Record::parse).unwrap_or_default();
        Ok(Guarded {
            path,
            record,
            _lock: file,
        })
    }
}

impl Guarded {
    /// Writes the record.
    pub(crate) async fn write(&self) -> Result<()> {
        let (path, text) = (self.path.clone(), self.record.to_text());
        blocking(move || private_file::replace(&path, text.as_bytes()).map_err(unusable)).await
    }

    /// The session that an earlier program left, if the password opens it.
    pub(crate) async fn session(&self, password: &str) -> Option<SavedSession> {
        let sealed = self.record.session.as_ref()?;
        SavedSession::unseal(sealed, password).await.ok()
    }
}

fn unusable(error: std::io::Error) -> Error {
    Error::io(
        "the login guard cannot use its file; name another folder for it, or switch it off",
        error,
    )
}

/// What is known of the sign-ins of one account. Times are seconds since 1970.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Record {
    /// When passwords were sent in the last day, oldest first.
    sent: Vec<u64>,
    /// How often in a row the service's keys were refused, and the last time of it (LOG-7).
    rejections: u32,
    rejected_at: u64,
    /// The service said that it was too often; not before this time.
    not_before: u64,
    /// The account's version at the first sign-in (LOG-1).
    pub(crate) version: Option<u8>,
    /// How far the keys of the account had come when a program last looked.
    pub(crate) seen: Option<Seen>,
    /// The sealed session.
    pub(crate) session: Option<Zeroizing<String>>,
}

/// The highest generation of `^!keys` that any program saw (KEY-10, PST-8), and of which account: an address can come to stand for another one.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    generation: u32,
    /// See [`fingerprint`](super::pins::fingerprint).
    account: String,
}

impl Seen {
    /// The generation, if it is of this account.
    pub(crate) fn of(&self, account: &str) -> Option<Generation> {
        (self.account == account && self.generation > 0).then(|| Generation::new(self.generation))
    }

    fn parse(text: &str) -> Option<Self> {
        let (generation, account) = text.split_once(' ')?;
        Some(Self {
            generation: generation.parse().ok()?,
            account: account.to_owned(),
        })
    }
}

/// What may be done now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Go,
    /// Wait so long, then go.
    Wait(Duration),
    /// Not before so much time has passed.
    Refuse(Duration),
}

const SPACING: u64 = 3;
const DAY: u64 = 24 * 3600;
/// So many in so many seconds.
const BOUNDS: [(usize, u64); 2] = [(10, 600), (40, DAY)];
/// How long the web client waits after -6.
const TOO_MANY: u64 = 3600;

impl Record {
    /// Whether a password may be sent at this time. Times in the future come from a clock that was wrong; they count as now.
    pub(crate) fn verdict(&self, now: u64) -> Verdict {
        let mut wait = self
            .not_before
            .min(now.saturating_add(DAY))
            .saturating_sub(now);
        if self.rejections >= 2 {
            let doublings = self.rejections.saturating_sub(2).min(11);
            let pause = 60_u64.saturating_mul(1 << doublings).min(DAY);
            let until = self.rejected_at.min(now).saturating_add(pause);
            wait = wait.max(until.saturating_sub(now));
        }
        for (count, window) in BOUNDS {
            let first = self.sent.len().checked_sub(count);
            if let Some(oldest) = first.and_then(|first| self.sent.get(first)) {
                let until = (*oldest).min(now).saturating_add(window);
                wait = wait.max(until.saturating_sub(now));
            }
        }
        if wait > 0 {
            return Verdict::Refuse(Duration::from_secs(wait));
        }
        match self.sent.last() {
            Some(last) if now.saturating_sub(*last) < SPACING => {
                let passed = now.saturating_sub(*last);
                Verdict::Wait(Duration::from_secs(SPACING.saturating_sub(passed)))
            }
            _ => Verdict::Go,
        }
    }

    /// Notes how far the keys of an account have come.
    pub(crate) fn saw(&mut self, account: String, generation: Generation) {
        let before = self.seen.as_ref().and_then(|seen| seen.of(&account));
        let highest = before.map_or(0, Generation::get).max(generation.get());
        self.seen = Some(Seen {
            generation: highest,
            account,
        });
    }

    /// Notes that a password is about to be sent.
    pub(crate) fn sending(&mut self, now: u64) {
        self.sent.retain(|sent| now.saturating_sub(*sent) < DAY);
        self.sent.push(now);
    }

    /// Notes how a sign-in ended.
    pub(crate) fn ended(&mut self, now: u64, error: Option<&Error>) {
        match error.map(Error::kind) {
            None => {
                self.rejections = 0;
                self.not_before = 0;
            }
            Some(ErrorKind::ServerMaterialRejected) => {
                self.rejections = self.rejections.saturating_add(1);
                self.rejected_at = now;
            }
            Some(ErrorKind::RateLimited) => {
                let wait = error.and_then(Error::retry_after);
                let wait = wait.map_or(TOO_MANY, |wait| wait.as_secs().clamp(60, DAY));
                self.not_before = now.saturating_add(wait);
            }
            Some(_) => {}
        }
    }

    fn parse(text: &str) -> Self {
        let mut record = Self::default();
        let mut lines = text.lines();
        if lines.next() != Some(HEAD) {
            return record;
        }
        for line in lines {
            let Some((key, value)) = line.split_once(' ') else {
                continue;
            };
            let number = || value.parse::<u64>().ok();
            match key {
                "sent" => {
                    record.sent = value
                        .split(' ')
                        .filter_map(|time| time.parse().ok())
                        .collect();
                    record.sent.sort_unstable();
                    let extra = record.sent.len().saturating_sub(MOST_KEPT);
                    record.sent.drain(..extra);
                }
                "rejections" => {
                    record.rejections = number().and_then(|n| n.try_into().ok()).unwrap_or(0);
                }
                "rejected-at" => record.rejected_at = number().unwrap_or(0),
                "not-before" => record.not_before = number().unwrap_or(0),
                "version" => record.version = number().and_then(|n| n.try_into().ok()),
                "generation" => record.seen = Seen::parse(value),
                "session" => record.session = Some(Zeroizing::new(value.to_owned())),
                _ => {}
            }
        }
        record
    }

    fn to_text(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(format!("{HEAD}\n"));
        let sent: Vec<String> = self.sent.iter().map(u64::to_string).collect();
        let _ = writeln!(text, "sent {}", sent.join(" "));
        let _ = writeln!(text, "rejections {}", self.rejections);
        let _ = writeln!(text, "rejected-at {}", self.rejected_at);
        let _ = writeln!(text, "not-before {}", self.not_before);
        if let Some(version) = self.version {
            let _ = writeln!(text, "version {version}");
        }
        if let Some(seen) = &self.seen {
            let _ = writeln!(text, "generation {} {}", seen.generation, seen.account);
        }
        if let Some(session) = &self.session {
            let _ = writeln!(text, "session {}", session.as_str());
        }
        text
    }
}

const HEAD: &str = "mega-client login guard 1";
const MOST_KEPT: usize = 100;

/// The wall clock, in seconds since 1970.
pub(crate) fn unix_now() -> u64 {
    crate::chance::time_of_day()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |time| time.as_secs())
}

/// A name that tells accounts apart and does not show the address: FNV-1a, 128 bits. It is no secret and proves nothing; two accounts
/// that shared one would only share their limits.
fn file_name(origin: &str, email: &str) -> String {
    let mut hash = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d_u128;
    let email = email.to_lowercase();
    for byte in origin.bytes().chain([0]).chain(email.bytes()) {
        hash ^= u128::from(byte);
        hash = hash.wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b);
    }
    format!("{hash:032x}")
}

impl AsRef<Path> for LoginGuard {
    fn as_ref(&self) -> &Path {
        &self.folder
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sign_ins_are_spaced_and_refused_before_the_service_blocks_the_account() {
        let mut record = Record::default();
        let mut now = 1_000_000;
        let mut waits = 0;
        for _ in 0..10 {
            match record.verdict(now) {
                Verdict::Go => {}
                Verdict::Wait(time) => {
                    waits += 1;
                    now += time.as_secs();
                }
                Verdict::Refuse(time) => panic!("{time:?}"),
            }
            record.sending(now);
            now += 1;
        }
        assert_eq!(waits, 9);
        let Verdict::Refuse(wait) = record.verdict(now) else {
            panic!("eleven in half a minute");
        };
        assert_eq!(record.verdict(now + wait.as_secs()), Verdict::Go);
        assert!(wait > Duration::from_secs(500) && wait < Duration::from_secs(600));
        // Over a day it is the other bound.
        for _ in 0..30 {
            now += 61;
            record.sending(now);
        }
        now += 601;
        assert!(matches!(record.verdict(now), Verdict::Refuse(wait) if wait.as_secs() > 20 * 3600));
    }

    #[test]
    fn log_7_refused_keys_pause_longer_each_time_and_a_success_ends_it() {
        let mut record = Record::default();
        let rejected = Error::new(ErrorKind::ServerMaterialRejected, "no");
        let pause = |record: &Record| match record.verdict(5000) {
            Verdict::Refuse(time) => time.as_secs(),
            _ => 0,
        };
        let mut pauses = Vec::new();
        for _ in 0..14 {
            record.ended(5000, Some(&rejected));
            pauses.push(pause(&record));
        }
        assert_eq!(pauses[..4], [0, 60, 120, 240]);
        assert_eq!(pauses[13], DAY);
        record.ended(5000, None);
        assert_eq!(pause(&record), 0);
    }

    #[test]
    fn clk_1_a_clock_that_was_wrong_locks_nobody_out_for_longer_than_the_rule() {
        let mut record = Record::default();
        for _ in 0..40 {
            record.sending(9_000_000_000);
        }
        record.not_before = u64::MAX;
        record.rejections = u32::MAX;
        record.rejected_at = u64::MAX;
        let Verdict::Refuse(wait) = record.verdict(1_000_000) else {
            panic!("refused");
        };
        assert!(wait <= Duration::from_secs(DAY));
        // Once such a record is used again, the times of the future are gone.
        assert_eq!(Record::default().verdict(0), Verdict::Go);
    }

    #[test]
    fn a_record_survives_the_file_and_nonsense_is_none() {
        let mut record = Record::default();
        record.sending(77);
        record.ended(
            78,
            Some(&Error::new(ErrorKind::ServerMaterialRejected, "no")),
        );
        record.version = Some(2);
        record.saw("one".to_owned(), Generation::new(9));
        record.saw("one".to_owned(), Generation::new(8));
        let seen = record.seen.clone().unwrap();
        assert_eq!(seen.of("one"), Some(Generation::new(9)));
        assert_eq!(seen.of("another"), None);
        record.session = Some(Zeroizing::new("sealed".to_owned()));
        assert!(Record::parse(&record.to_text()) == record);
        for text in ["", "x", "mega-client login guard 2\nversion 2", "\0\0"] {
            assert!(Record::parse(text) == Record::default(), "{text}");
        }
        let damaged = Record::parse(&format!(
            "{HEAD}\nsent 1 x 99999999999999999999 3\nversion 700\nrejections -1"
        ));
        assert_eq!(
            (damaged.sent.as_slice(), damaged.version),
            ([1, 3].as_slice(), None)
        );
    }

    #[test]
    fn the_name_of_the_file_does_not_show_the_address() {
        let one = file_name("https://a/", "Me@Example.com");
        assert_eq!(one, file_name("https://a/", "me@example.com"));
        assert_ne!(one, file_name("https://b/", "me@example.com"));
        assert!(one.len() == 32 && !one.contains("me"));
    }
}

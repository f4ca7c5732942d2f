//! Taking over an account that was set up in rclone.

use std::fmt;
use std::path::Path;

use mega_crypto::{MasterKey, StoredAccount, StoredMaster, StoredSession, base64, obscured};
use mega_filename::Mask;
use zeroize::Zeroizing;

use super::{Credentials, SavedSession};
use crate::builder::ClientBuilder;
use crate::error::{Error, ErrorKind, Result};
use crate::offload::blocking;
use crate::{Client, SecondFactor};

/// A remote of the type `mega` in rclone's configuration: who signs in, with which options.
///
/// Nothing is read unless you ask for it: name the file and the remote. Values are only read, never written back. `Debug` shows no secret.
///
/// | rclone's option | here |
/// |---|---|
/// | `user`, `pass` (obscured) | [`credentials`](Self::credentials) |
/// | `2fa` | the second factor of the credentials |
/// | `session_id`, `master_key` | [`session`](Self::session): signs in without the password |
/// | `encoding` | [`encoding`](Self::encoding), the same as [`ClientBuilder::encoding`] |
/// | `hard_delete` | [`hard_delete`](Self::hard_delete), the same as [`ClientBuilder::hard_delete`] |
/// | `use_https` | not needed: transfers use HTTPS whenever the service does |
/// | `debug` | not needed: every client sends `tracing` events |
///
/// ```
/// # async fn doc() -> Result<(), Box<dyn std::error::Error>> {
/// # let server = mega_testserver::TestServer::start().await?;
/// # server.account("me@example.com", "potato").create();
/// use mega_client::{Client, RcloneRemote};
///
/// let config = "\
/// [cloud]
/// type = mega
/// user = me@example.com
/// pass = YWFhYWFhYWFhYWFhYWFhYXMaGgIlEQ
/// hard_delete = true
/// ";
/// let remote = RcloneRemote::parse(config, "cloud")?; // or read(path, "cloud").await?
/// let mega = remote.sign_in(Client::builder().origin(server.url())).await?;
/// assert_eq!(mega.email(), Some("me@example.com"));
/// # Ok(()) }
/// # tokio::runtime::Runtime::new().unwrap().block_on(doc()).unwrap();
/// ```
#[derive(Clone)]
pub struct RcloneRemote {
    credentials: Option<Credentials>,
    session: Option<SavedSession>,
    encoding: Mask,
    hard_delete: bool,
}

/// The largest configuration file that is read.
const MAX_FILE: u64 = 16 << 20;

/// How an encrypted configuration begins (rclone `fs/config/crypt.go`).
const ENCRYPTED: &str = "RCLONE_ENCRYPT_V";

impl RcloneRemote {
    /// Reads a remote from a configuration file.
    ///
    /// # Errors
    ///
    /// [`NotFound`](ErrorKind::NotFound) and [`Io`](ErrorKind::Io) for the file, else as for [`parse`](Self::parse).
    ///
    /// Cancel safe: nothing is written.
    pub async fn read(path: impl AsRef<Path>, remote: &str) -> Result<Self> {
        let path = path.as_ref().to_path_buf();
        let shown = path.display().to_string();
        let text = blocking(move || {
            let unreadable = |error| Error::io("the configuration of rclone cannot be read", error);
            let file = std::fs::File::open(&path).map_err(unreadable)?;
            // All of it at once: a buffer that grows leaves what it held behind, unwiped (SEC-8).
            let len = file.metadata().map_err(unreadable)?.len().min(MAX_FILE);
            let room = usize::try_from(len).unwrap_or(0).saturating_add(1);
            let mut text = Zeroizing::new(String::with_capacity(room));
            let mut file = std::io::Read::take(file, MAX_FILE.saturating_add(1));
            std::io::Read::read_to_string(&mut file, &mut text).map_err(unreadable)?;
            // The beginning of a file says something else than all of it may.
            if u64::try_from(text.len()).is_ok_and(|len| len > MAX_FILE) {
                return Err(Error::misuse(
                    "this is far too long for a configuration of rclone",
                ));
            }
            Ok(text)
        });
        let read = async { Self::parse(&text.await?, remote) };
        read.await
            .map_err(|error: Error| error.during("read configuration").about(shown))
    }

    /// Reads a remote from the text of a configuration.
    ///
    /// # Errors
    ///
    /// [`NotFound`](ErrorKind::NotFound) if there is no such remote; [`Unsupported`](ErrorKind::Unsupported) if the configuration is encrypted, which only rclone
    /// can open (`rclone config show`), or the remote is of another type; [`Misuse`](ErrorKind::Misuse) for values that make no sense.
    pub fn parse(config: &str, remote: &str) -> Result<Self> {
        let options = Options::find(config, remote)?;
        let kind = options.get("type").unwrap_or_default();
        if kind != "mega" {
            return Err(Error::new(
                ErrorKind::Unsupported,
                format!("the remote is of the type {kind:?}, not \"mega\""),
            )
            .about(remote));
        }
        let bad = |option: &str| {
            Error::misuse(format!("the option {option} of the remote makes no sense")).about(remote)
        };
        let credentials = match (options.get("user"), options.get("pass")) {
            (Some(user), Some(pass)) => {
                let password =
                    obscured::reveal(pass).map_err(|error| bad("pass").caused_by(error))?;
                let mut credentials = Credentials::new(user, password.as_str());
                if let Some(code) = options.get("2fa") {
                    credentials = credentials.second_factor(SecondFactor::code(code));
                }
                Some(credentials)
            }
            _ => None,
        };
        let session = match (options.get("session_id"), options.get("master_key")) {
            (Some(id), Some(key)) => {
                Some(session(id, key).ok_or_else(|| bad("session_id or master_key"))?)
            }
            _ => None,
        };
        let encoding = match options.get("encoding") {
            Some(text) => text
                .parse::<Mask>()
                .map_err(|error| bad("encoding").caused_by(error))?,
            None => Mask::MEGA,
        };
        let hard_delete = match options.get("hard_delete") {
            None => false,
            Some(text) => truth(text).ok_or_else(|| bad("hard_delete"))?,
        };
        if credentials.is_none() && session.is_none() {
            return Err(Error::misuse(
                "the remote has neither user and pass nor session_id and master_key",
            )
            .about(remote));
        }
        Ok(Self {
            credentials,
            session,
            encoding,
            hard_delete,
        })
    }

    /// Address and password, if both are there.
    #[must_use]
    pub fn credentials(&self) -> Option<&Credentials> {
        self.credentials.as_ref()
    }

    /// The session that rclone has open, if it noted one. Signing out of it signs rclone out, too.
    #[must_use]
    pub fn session(&self) -> Option<&SavedSession> {
        self.session.as_ref()
    }

    /// How names are stored.
    #[must_use]
    pub fn encoding(&self) -> Mask {
        self.encoding
    }

    /// Whether rclone deletes for good instead of throwing away.
    #[must_use]
    pub fn hard_delete(&self) -> bool {
        self.hard_delete
    }

    /// A builder with the remote's options.
    pub fn configure(&self, builder: ClientBuilder) -> ClientBuilder {
        builder
            .encoding(self.encoding)
            .hard_delete(self.hard_delete)
    }

    /// Signs in as rclone would: with the session if it is still open, else with the password.
    ///
    /// # Errors
    ///
    /// Those of [`ClientBuilder::resume`] and [`ClientBuilder::login`].
    ///
    /// Cancel safety: a session that is resumed stays as it was; a sign-in that is dropped after the password was sent may leave a session open on the service.
    pub async fn sign_in(&self, builder: ClientBuilder) -> Result<Client> {
        let builder = self.configure(builder);
        match (&self.session, &self.credentials) {
            (Some(session), Some(credentials)) => match builder.clone().resume(session).await {
                Err(error) if error.kind() == ErrorKind::SessionExpired => {
                    builder.login(credentials.clone()).await
                }
                other => other,
            },
            (Some(session), None) => builder.resume(session).await,
            (None, Some(credentials)) => builder.login(credentials.clone()).await,
            (None, None) => {
                Err(Error::misuse("the remote has nothing to sign in with").during("sign in"))
            }
        }
    }
}

impl fmt::Debug for RcloneRemote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RcloneRemote")
            .field("encoding", &self.encoding)
            .field("hard_delete", &self.hard_delete)
            .finish_non_exhaustive()
    }
}

/// The options of one section.
struct Options<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Options<'a> {
    fn find(config: &'a str, remote: &str) -> Result<Self> {
        let lines = || {
            config
                .lines()
                .map(str::trim)
                .filter(|line| !line.is_empty() && !line.starts_with(['#', ';']))
        };
        if lines()
            .next()
            .is_some_and(|line| line.starts_with(ENCRYPTED))
        {
            return Err(Error::new(
                ErrorKind::Unsupported,
                "the configuration is encrypted; let rclone print the remote with `rclone config show`",
            ));
        }
        let header = format!("[{remote}]");
        let mut found = lines().skip_while(|line| **line != header);
        if found.next().is_none() {
            return Err(
                Error::new(ErrorKind::NotFound, "the configuration has no such remote")
                    .about(remote),
            );
        }
        Ok(Self(
            found
                .take_while(|line| !line.starts_with('['))
                .filter_map(|line| line.split_once('='))
                .map(|(key, value)| (key.trim(), value.trim()))
                .collect(),
        ))
    }

    /// A value that is there and not empty. The last one of several counts, as in rclone.
    fn get(&self, wanted: &str) -> Option<&'a str> {
        let mut values = self.0.iter().rev().filter(|(key, _)| *key == wanted);
        values
            .next()
            .map(|(_, value)| *value)
            .filter(|value| !value.is_empty())
    }
}

/// Session id and master key, each in base64 (rclone `backend/mega/mega.go`), as a saved session.
fn session(id: &str, key: &str) -> Option<SavedSession> {
    let key: [u8; 16] = base64::decode_array(key).ok()?;
    let id: [u8; 43] = base64::decode_array(id).ok()?;
    let stored = StoredAccount {
        master: StoredMaster::Plain(MasterKey::from_bytes(key)),
        session: mega_crypto::SessionId::from_bytes(id).ok()?,
    };
    StoredSession::Account(stored).to_text().parse().ok()
}

/// What Go takes for a truth value.
fn truth(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "t" | "true" => Some(true),
        "0" | "f" | "false" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = "\
# a comment
[other]
type = drive
user = nobody

[cloud]
type = mega
user = me@example.com
; pass = wrong
pass = YWFhYWFhYWFhYWFhYWFhYXMaGgIlEQ
encoding = Slash,Dot
hard_delete = true

[bare]
type=mega
";

    #[test]
    fn a_remote_is_found_among_others_with_its_options() {
        let remote = RcloneRemote::parse(CONFIG, "cloud").unwrap();
        let credentials = remote.credentials().unwrap();
        assert_eq!(credentials.email, "me@example.com");
        assert_eq!(&**credentials.password, "potato");
        assert!(remote.hard_delete() && remote.session().is_none());
        assert_eq!(remote.encoding().to_string(), "Slash,Dot");
        assert!(!format!("{remote:?}").contains("potato"));
        let plain = CONFIG
            .replace("hard_delete = true", "")
            .replace("encoding = Slash,Dot", "");
        let remote = RcloneRemote::parse(&plain, "cloud").unwrap();
        assert_eq!(
            (remote.encoding(), remote.hard_delete()),
            (Mask::MEGA, false)
        );
    }

    #[test]
    fn session_and_master_key_are_taken_over() {
        // The handle of the user stands in the middle, as text.
        let mut bytes = [7; 43];
        bytes[16..27].copy_from_slice(b"AAAAAAAAAAE");
        let id = base64::encode(&bytes);
        for key in [
            base64::encode(&[9; 16]),
            "CQkJCQkJCQkJCQkJCQkJCQ==".to_owned(),
        ] {
            let config = format!("[c]\ntype = mega\nsession_id = {id}\nmaster_key = {key}\n");
            let remote = RcloneRemote::parse(&config, "c").unwrap();
            assert!(remote.session().is_some() && remote.credentials().is_none());
        }
    }

    #[test]
    fn what_cannot_be_taken_over_says_why() {
        let kind =
            |config: &str, remote: &str| RcloneRemote::parse(config, remote).unwrap_err().kind();
        assert_eq!(kind(CONFIG, "missing"), ErrorKind::NotFound);
        assert_eq!(kind(CONFIG, "other"), ErrorKind::Unsupported);
        assert_eq!(kind(CONFIG, "bare"), ErrorKind::Misuse);
        assert_eq!(
            kind("# Encrypted\n\nRCLONE_ENCRYPT_V0:\nAAAA", "cloud"),
            ErrorKind::Unsupported
        );
        for (from, to) in [
            ("YWFhYWFhYWFh", "!!"),
            ("Slash,Dot", "Nonsense"),
            ("= true", "= perhaps"),
        ] {
            assert_eq!(
                kind(&CONFIG.replace(from, to), "cloud"),
                ErrorKind::Misuse,
                "{to}"
            );
        }
        let half = "[c]\ntype = mega\nsession_id = short\nmaster_key = short";
        assert_eq!(kind(half, "c"), ErrorKind::Misuse);
    }
}

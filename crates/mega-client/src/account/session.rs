//! Keeping a session and coming back to it (crypto-and-accounts 2.8, 2.9).

use std::fmt;
use std::str::FromStr;
use std::sync::atomic::Ordering;

use mega_crypto::rsa::Expected;
use mega_crypto::{MasterKey, SessionKey, StoredAccount, StoredSession};
use mega_protocol::commands::{
    EndSessions, ListSessions, Logout, ResumeReply, ResumeSession, SessionInfo,
};
use mega_protocol::{Api, ApiCode, ErrorKind as WireErrorKind, Identity, SessionId, UserHandle};
use tokio::time::Instant;
use zeroize::Zeroizing;

use super::OpenSession;
use super::login::rejected;
use super::open::{self, Opening};
use super::pins::Pins;
use crate::builder::ClientBuilder;
use crate::chance::rng;
use crate::error::{Error, ErrorKind, Result};
use crate::options::Options;
use crate::{Client, blocking};

/// A session to be kept: opaque text. That of MEGAcmd is read and [written](Self::expose_megacmd_text), too.
///
/// Besides the session it remembers how far the account has come: the generation of its keys, its version, its RSA key. A service that shows an
/// earlier state when the session is resumed is refused (threat model, PST-8).
///
/// It holds the session id and the master key, the latter encrypted with a key that only the service knows: once the session is closed, a stolen copy is
/// worthless. Until then it opens the account, so keep it like a password. `Debug` shows nothing of it.
///
/// ```
/// # async fn doc() -> Result<(), Box<dyn std::error::Error>> {
/// # let server = mega_testserver::TestServer::start().await?;
/// # server.account("me@example.com", "secret").create();
/// # let login = mega_client::Credentials::new("me@example.com", "secret");
/// # let builder = mega_client::Client::builder().origin(server.url());
/// let mega = builder.clone().login(login).await?;
/// let text = mega.save()?.expose_text().to_string(); // store it somewhere safe
///
/// // Later, in another process:
/// let saved: mega_client::SavedSession = text.parse()?;
/// let mega = builder.resume(&saved).await?;
/// mega.sign_out().await?;
/// # Ok(()) }
/// # tokio::runtime::Runtime::new().unwrap().block_on(doc()).unwrap();
/// ```
#[derive(Clone)]
pub struct SavedSession {
    text: Zeroizing<String>,
}

impl SavedSession {
    /// The text to store: the 80 characters of MEGAcmd's form, and 73 more for what is remembered.
    #[must_use]
    pub fn expose_text(&self) -> &str {
        &self.text
    }

    /// The session alone, as MEGAcmd prints and accepts it: 80 characters of URL-safe base64.
    #[must_use]
    pub fn expose_megacmd_text(&self) -> &str {
        self.split().0
    }

    /// The session, and what is remembered.
    fn split(&self) -> (&str, Option<&str>) {
        match self.text.split_once('.') {
            Some((session, pins)) => (session, Some(pins)),
            None => (&self.text, None),
        }
    }
}

impl FromStr for SavedSession {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let text = text.trim();
        let (session, pins) = match text.split_once('.') {
            Some((session, pins)) => (session, Some(pins)),
            None => (text, None),
        };
        if pins.is_some_and(|pins| !Pins::is_text(pins)) {
            return Err(no_session());
        }
        match StoredSession::from_text(session) {
            Ok(StoredSession::Account(_)) => Ok(Self {
                text: Zeroizing::new(text.to_owned()),
            }),
            _ => Err(no_session()),
        }
    }
}

impl fmt::Debug for SavedSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SavedSession(..)")
    }
}

/// Comes back to a saved session.
pub(crate) async fn resume(builder: &ClientBuilder, saved: &SavedSession) -> Result<Client> {
    let api = builder.api()?;
    let opening = reopen(&api, &builder.options, saved).await?;
    open::open(builder, api, opening).await
}

/// Asks what a saved session still opens, in its name from then on.
pub(crate) async fn reopen(api: &Api, options: &Options, saved: &SavedSession) -> Result<Opening> {
    let (text, pins) = saved.split();
    let stored = match StoredSession::from_text(text) {
        Ok(StoredSession::Account(stored)) => stored,
        _ => return Err(no_session()),
    };
    let session = SessionId::from_bytes(*stored.session.expose_secret());
    api.set_identity(Identity::Session(session));
    let fresh = SessionKey::random(&mut rng());
    let reply = api
        .send(ResumeSession::new(*fresh.expose_secret()))
        .await
        .map_err(|error| {
            let error = Error::from(error);
            match error.code() {
                Some(ApiCode::ESID | ApiCode::ENOENT) => error.with_kind(ErrorKind::SessionExpired),
                _ => error,
            }
        })?;
    let reply = reply.reply;
    let deadline = Instant::now() + options.verdict_delay;
    let pins = pins.map(|pins| (Zeroizing::new(text.to_owned()), pins.to_owned()));
    let checked = blocking(move || check(&stored, &reply, pins.as_ref())).await;
    // LOG-6: right or wrong, the verdict comes at the same time.
    tokio::time::sleep_until(deadline).await;
    let opening = checked?;
    api.set_identity(Identity::Session(opening.session.id.clone()));
    Ok(opening)
}

/// LOG-5: what the answer proves must hold under the restored master key, and the account must be the one of the session.
fn check(
    stored: &StoredAccount,
    reply: &ResumeReply,
    pins: Option<&(Zeroizing<String>, String)>,
) -> Result<Opening> {
    let session_key = match &reply.session_key {
        Some(held) => Some(SessionKey::from_slice(held.expose_secret()).map_err(|_| rejected())?),
        None => None,
    };
    let answer = mega_crypto::login::ResumeReply {
        user: reply
            .user
            .map(|user| mega_crypto::UserHandle::from_bytes(user.to_bytes())),
        privk: reply.private_key.as_ref().map(|privk| privk.as_bytes()),
        tsid: reply
            .temporary
            .as_ref()
            .map(|tsid| tsid.expose_secret().as_slice()),
    };
    let expected = Expected::default();
    let checked =
        mega_crypto::login::resume(stored, session_key.as_ref(), &answer, &expected, &mut rng())
            .map_err(|_| rejected())?;
    // Without any proof of the master key, everything would decrypt to nonsense, or to what a server wants.
    if !checked.confirmed {
        return Err(rejected());
    }
    // PST-8: what was remembered must be ours, and the RSA key the same.
    let pins = match pins {
        Some((text, pins)) => Pins::open(pins, text, &checked.master).ok_or_else(rejected)?,
        None => Pins::default(),
    };
    let shown = checked
        .private_key
        .as_ref()
        .map(|key| key.public_key().pin());
    if pins.rsa.is_some() && pins.rsa != shown {
        return Err(rejected());
    }
    Ok(Opening {
        user: UserHandle::from_bytes(checked.session.user().to_bytes()),
        email: None,
        master: checked.master,
        session: OpenSession {
            id: SessionId::from_bytes(*checked.session.expose_secret()),
            key: session_key,
        },
        rsa: checked.private_key,
        version: pins.version,
        generation: pins.generation,
        ephemeral: None,
    })
}

/// The form in which a session is kept: the master key under the key that the service holds, and what is remembered.
pub(crate) fn wrap(master: &MasterKey, session: &OpenSession, pins: Pins) -> Result<SavedSession> {
    let Some(key) = &session.key else {
        return Err(Error::new(
            ErrorKind::Unsupported,
            "the service gave no session key; saving would put the master key in the clear",
        ));
    };
    let id = mega_crypto::SessionId::from_bytes(*session.id.expose_secret()).map_err(|error| {
        Error::new(ErrorKind::Protocol, "the session id is malformed").caused_by(error)
    })?;
    let session = StoredSession::Account(StoredAccount::seal(master, id, key)).to_text();
    let pins = pins.to_text(&session, master);
    Ok(SavedSession {
        text: Zeroizing::new(format!("{}.{pins}", *session)),
    })
}

fn no_session() -> Error {
    Error::misuse("this is not the text of a saved session")
}

impl Client {
    /// The session as text that a later program resumes without the password.
    ///
    /// # Errors
    ///
    /// [`Unsupported`](ErrorKind::Unsupported) for public links, and for sessions to which the service gave no key to wrap the master key with.
    pub fn save(&self) -> Result<SavedSession> {
        let account = self
            .account()
            .map_err(|error| error.during("save session"))?;
        account
            .with_session(|session| wrap(&account.master, session, account.pins()))
            .map_err(|error| error.during("save session"))
    }

    /// Closes the session on the service. Saved copies of it are worthless afterwards, and so is this client. A [cache](crate::ClientBuilder::cache_dir)
    /// of the account is deleted. From the call on the session is not [renewed](crate::ClientBuilder::renew_with) any more, even if the call fails.
    ///
    /// Public links have no session; for them this does nothing.
    ///
    /// # Errors
    ///
    /// When the service cannot be reached; a session that is dead already is no error.
    ///
    /// Cancel safety: once sent, the session is closed, but what the cache kept may still be there. Repeat it until it succeeds.
    pub async fn sign_out(&self) -> Result<()> {
        let Ok(account) = self.account() else {
            return Ok(());
        };
        account.signed_out.store(true, Ordering::SeqCst);
        // A renewal that is under way ends first, so that its session is the one that is closed.
        let _turn = account.renewing.lock().await;
        // Past `ask`, which would open another session in place of a dead one.
        match self.api().send(&Logout::new()).await {
            Ok(_) => {}
            Err(error) if error.kind() == WireErrorKind::SessionExpired => {}
            Err(error) => return Err(Error::from(error).during("sign out")),
        }
        self.forget_cache().await;
        self.forget_intents().await;
        self.api().set_identity(Identity::Anonymous);
        Ok(())
    }

    /// The sessions of the account that the service lists: the open ones, and for a while those that have ended; `alive` tells them apart.
    ///
    /// # Errors
    ///
    /// As for every request.
    ///
    /// Cancel safe: nothing is changed.
    pub async fn sessions(&self) -> Result<Vec<SessionInfo>> {
        let listed = async {
            self.account()?;
            self.ask(ListSessions::new()).await
        };
        listed.await.map_err(|error| error.during("list sessions"))
    }

    /// Closes these sessions, by the numbers that [`sessions`](Self::sessions) shows.
    ///
    /// # Errors
    ///
    /// As for every request.
    ///
    /// Cancel safety: once sent, they are closed, all of them. Repeat it.
    pub async fn close_sessions<'a>(
        &self,
        sessions: impl IntoIterator<Item = &'a SessionInfo>,
    ) -> Result<()> {
        let numbers: Vec<_> = sessions.into_iter().filter_map(|one| one.number).collect();
        let closed = async {
            self.account()?;
            if numbers.is_empty() {
                return Ok(());
            }
            self.ask(EndSessions::These(numbers)).await
        };
        closed.await.map_err(|error| error.during("close sessions"))
    }

    /// Closes all sessions of the account but this one.
    ///
    /// # Errors
    ///
    /// As for every request.
    ///
    /// Cancel safety: once sent, they are closed, all of them. Repeat it.
    pub async fn close_other_sessions(&self) -> Result<()> {
        let closed = async {
            self.account()?;
            self.ask(EndSessions::Others).await
        };
        closed
            .await
            .map_err(|error| error.during("close other sessions"))
    }
}

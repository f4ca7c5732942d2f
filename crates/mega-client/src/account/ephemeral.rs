//! Accounts without a name: the first step of a registration, and of use by themselves (crypto-and-accounts 2.14, 2.9).

use std::fmt;
use std::future::IntoFuture;
use std::str::FromStr;

use mega_crypto::account::{AnonymousCredentials, NewAccount};
use mega_crypto::login::{Reply, SessionMaterial};
use mega_crypto::rsa::Expected;
use mega_crypto::{PasswordKey, SessionKey};
use mega_protocol::commands::{CreateEphemeral, Login, SessionGrant};
use mega_protocol::{Api, ApiCode, Identity, SessionId, UserHandle};
use tokio::time::Instant;
use zeroize::Zeroizing;

use super::OpenSession;
use super::login::rejected;
use super::open::{self, Opening};
use crate::builder::{BoxFuture, ClientBuilder};
use crate::chance::rng;
use crate::error::{Error, ErrorKind, Result};
use crate::options::Options;
use crate::{Client, blocking};

/// What opens an account without a name: nobody can recover it. `Debug` shows nothing of it; the text is wiped when dropped.
#[derive(Clone)]
pub struct EphemeralCredentials {
    text: Zeroizing<String>,
}

impl EphemeralCredentials {
    pub(super) fn new(user: UserHandle, key: &PasswordKey) -> Self {
        let credentials = mega_crypto::UserHandle::from_bytes(user.to_bytes());
        let key = mega_crypto::base64::encode(key.expose_secret());
        let key = Zeroizing::new(key);
        Self {
            text: Zeroizing::new(format!("{credentials}#{}", *key)),
        }
    }

    /// The text to store: user handle, `#` and 22 characters of key, as the SDK keeps it (crypto-and-accounts 2.9).
    #[must_use]
    pub fn expose_text(&self) -> &str {
        &self.text
    }
}

impl FromStr for EphemeralCredentials {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        // SEC-5: the error does not show the text.
        let read = AnonymousCredentials::from_text(text)
            .map_err(|_| Error::misuse("this does not open an account without a name"))?;
        Ok(Self {
            text: read.to_text(),
        })
    }
}

impl fmt::Debug for EphemeralCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EphemeralCredentials(..)")
    }
}

/// The making or opening of an account without a name; await it.
///
/// # Errors
///
/// [`NotFound`](ErrorKind::NotFound) when the service does not have it (any more) or it has a name by now;
/// [`ServerMaterialRejected`](ErrorKind::ServerMaterialRejected) when what the service sends does not pass the checks.
///
/// Cancel safety: an account that was made and not opened stays behind on the service; nobody can open it.
#[derive(Debug)]
#[must_use = "nothing happens until it is awaited"]
pub struct OpenEphemeral {
    builder: ClientBuilder,
    credentials: Option<EphemeralCredentials>,
}

impl IntoFuture for OpenEphemeral {
    type Output = Result<Client>;
    type IntoFuture = BoxFuture<Result<Client>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let opened = async {
                let api = self.builder.api()?;
                let opening = match &self.credentials {
                    None => create(&api, &self.builder.options).await?,
                    Some(credentials) => reopen(&api, &self.builder.options, credentials).await?,
                };
                open::open(&self.builder, api, opening).await
            };
            opened
                .await
                .map_err(|error| error.during("open account without a name"))
        })
    }
}

impl ClientBuilder {
    /// Makes an account without a name and opens it; await it. Keep its [credentials](Client::ephemeral_credentials): nothing else opens it again.
    /// [`Client::register`] gives it a name.
    ///
    /// ```
    /// # async fn doc() -> Result<(), Box<dyn std::error::Error>> {
    /// # let server = mega_testserver::TestServer::start().await?;
    /// # let builder = mega_client::Client::builder().origin(server.url());
    /// let guest = builder.clone().create_ephemeral().await?;
    /// guest.write("/note.txt", "before there was a name").await?;
    /// let credentials = guest.ephemeral_credentials().expect("it has no name");
    ///
    /// let again = builder.open_ephemeral(&credentials).await?;
    /// assert!(again.exists("/note.txt").await?);
    /// # Ok(()) }
    /// # tokio::runtime::Runtime::new().unwrap().block_on(doc()).unwrap();
    /// ```
    pub fn create_ephemeral(self) -> OpenEphemeral {
        OpenEphemeral {
            builder: self,
            credentials: None,
        }
    }

    /// Opens an account without a name; await it.
    pub fn open_ephemeral(self, credentials: &EphemeralCredentials) -> OpenEphemeral {
        OpenEphemeral {
            builder: self,
            credentials: Some(credentials.clone()),
        }
    }
}

impl Client {
    /// What opens this account again, if it has no name. `None` for all others.
    #[must_use]
    pub fn ephemeral_credentials(&self) -> Option<EphemeralCredentials> {
        self.account().ok()?.ephemeral.clone()
    }
}

/// Makes an account without a name and a session in it.
pub(super) async fn create(api: &Api, options: &Options) -> Result<Opening> {
    let new = NewAccount::random(&mut rng());
    let command = CreateEphemeral::new(new.wrapped_master_key(), new.proof());
    let user = api.send(command).await.map_err(Error::from)?.reply;
    let owner = mega_crypto::UserHandle::from_bytes(user.to_bytes());
    let credentials = new.credentials(owner);
    let opening = sign_in(api, options, user, credentials.password_key).await?;
    // Another master key than the one just made is the service's own.
    if opening.master != *new.master() {
        return Err(rejected());
    }
    Ok(opening)
}

async fn reopen(
    api: &Api,
    options: &Options,
    credentials: &EphemeralCredentials,
) -> Result<Opening> {
    let read = AnonymousCredentials::from_text(&credentials.text)
        .map_err(|_| Error::misuse("this does not open an account without a name"))?;
    let user = UserHandle::from_bytes(*read.user.as_bytes());
    sign_in(api, options, user, read.password_key).await
}

/// Opens a session. It must come in clear and prove the master key: an account without a name has no RSA keys.
async fn sign_in(
    api: &Api,
    options: &Options,
    user: UserHandle,
    password_key: PasswordKey,
) -> Result<Opening> {
    let sek = SessionKey::random(&mut rng());
    let mut command = Login::ephemeral(user);
    command.session_key = Some((*sek.expose_secret()).into());
    let reply = api.send(command).await.map_err(|error| {
        let error = Error::from(error);
        match error.code() {
            Some(ApiCode::ENOENT) => error.with_kind(ErrorKind::NotFound),
            _ => error,
        }
    })?;
    let reply = reply.reply;
    let deadline = Instant::now() + options.verdict_delay;
    let ephemeral = EphemeralCredentials::new(user, &password_key);
    let checked = blocking(move || {
        let SessionGrant::Temporary(tsid) = &reply.session else {
            return Err(rejected());
        };
        let material = Reply {
            user: mega_crypto::UserHandle::from_bytes(user.to_bytes()),
            k: reply.master_key,
            session: SessionMaterial::Temporary {
                tsid: tsid.expose_secret(),
            },
        };
        // LOG-4, LOG-5.
        if reply.user != user {
            return Err(rejected());
        }
        let expected = Expected::default();
        mega_crypto::login::sign_in(&password_key, &material, &expected, &mut rng())
            .map(|checked| (checked, reply.session_key))
            .map_err(|_| rejected())
    })
    .await;
    // LOG-6: right or wrong, the verdict comes at the same time.
    tokio::time::sleep_until(deadline).await;
    let (checked, stored) = checked?;
    let id = SessionId::from_bytes(*checked.session.expose_secret());
    api.set_identity(Identity::Session(id.clone()));
    let key = match stored {
        Some(stored) => SessionKey::from_slice(stored.expose_secret()).ok(),
        None => Some(sek),
    };
    Ok(Opening {
        user,
        email: None,
        master: checked.master,
        session: OpenSession { id, key },
        rsa: None,
        version: None,
        generation: None,
        ephemeral: Some(ephemeral),
    })
}

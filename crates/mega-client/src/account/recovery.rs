//! The recovery key, and a new password with its help (crypto-and-accounts 2.16).

use std::fmt;
use std::future::IntoFuture;
use std::str::FromStr;

use mega_crypto::MasterKey;
use mega_crypto::password::derive_v1;
use mega_crypto::rsa::{Expected, RsaPrivateKey};
use mega_protocol::commands::{
    AccountVersion, CheckRecoveryCode, FetchRecoveryKeyBlob, FinishRecovery, PasswordProof,
    Prelogin, RecoveryAction, RequestRecovery,
};
use mega_protocol::{Api, ApiCode};
use tokio::time::Instant;
use zeroize::Zeroizing;

use super::login;
use super::password::new_password;
use crate::builder::{BoxFuture, ClientBuilder};
use crate::chance::rng;
use crate::error::{Error, ErrorKind, Result};
use crate::{Client, blocking};

/// The recovery key of an account: its master key. Whoever has it reads everything in the account, whatever the password is.
///
/// Wiped when dropped; `Debug` shows nothing of it.
pub struct RecoveryKey(MasterKey);

impl RecoveryKey {
    /// The text that a person writes down: 22 characters. It is wiped when dropped.
    #[must_use]
    pub fn expose_text(&self) -> Zeroizing<String> {
        self.0.to_recovery_key()
    }
}

impl FromStr for RecoveryKey {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        // SEC-5: the cause would tell where it differs from one.
        MasterKey::from_recovery_key(text)
            .map(Self)
            .map_err(|_| Error::misuse("a recovery key has 22 characters of base64"))
    }
}

impl fmt::Debug for RecoveryKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecoveryKey(..)")
    }
}

impl Client {
    /// The recovery key, to be kept where nobody finds it. Nothing is sent for this.
    ///
    /// The master key of an open account is always confirmed (threat model, LOG-10), so this is the right one.
    ///
    /// # Errors
    ///
    /// [`Unsupported`](ErrorKind::Unsupported) for public links.
    pub fn recovery_key(&self) -> Result<RecoveryKey> {
        let account = self
            .account()
            .map_err(|error| error.during("export recovery key"))?;
        Ok(RecoveryKey(MasterKey::from_bytes(
            *account.master.expose_secret(),
        )))
    }
}

/// A recovery with the recovery key; await it. It sets a new password.
///
/// # Errors
///
/// [`InvalidLink`](ErrorKind::InvalidLink) for a text that is no link of a recovery mail, or that of another kind of mail;
/// [`NotFound`](ErrorKind::NotFound) for one the service does not know, [`Precondition`](ErrorKind::Precondition) for one that was used or is too old;
/// [`Key`](ErrorKind::Key) when the recovery key is not that of the account; [`KeysMissing`](ErrorKind::KeysMissing) for an account that never made its
/// keys, for which there is nothing to prove a recovery key with; [`Misuse`](ErrorKind::Misuse) for a password that cannot be used;
/// [`ServerMaterialRejected`](ErrorKind::ServerMaterialRejected) when the service claims that the account is of the old kind. The account is unchanged
/// after each of them.
///
/// Cancel safety: the new password is set or not set as a whole; a future that is dropped after the last request left does not tell which.
#[must_use = "nothing happens until it is awaited"]
pub struct Recover {
    builder: ClientBuilder,
    link: Zeroizing<String>,
    key: MasterKey,
    password: Zeroizing<String>,
}

/// The asking for a recovery mail; await it.
///
/// # Errors
///
/// [`NotFound`](ErrorKind::NotFound) when there is no account with the address.
///
/// Cancel safety: once sent, the mail goes out. Repeat it.
#[must_use = "nothing happens until it is awaited"]
pub struct AskForRecovery {
    builder: ClientBuilder,
    email: String,
}

/// An account that was recovered; sign in to it with its address and the new password.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recovered {
    /// The address to sign in with.
    pub email: String,
}

impl ClientBuilder {
    /// Has the service send a mail with a link for [`recover`](Self::recover); await it.
    ///
    /// ```
    /// # async fn doc() -> Result<(), Box<dyn std::error::Error>> {
    /// # let server = mega_testserver::TestServer::start().await?;
    /// # server.account("me@example.com", "forgotten").create();
    /// # let builder = mega_client::Client::builder().origin(server.url());
    /// # let login = mega_client::Credentials::new("me@example.com", "forgotten");
    /// # let text = builder.clone().login(login).await?.recovery_key()?.expose_text().to_string();
    /// use mega_client::{Credentials, RecoveryKey};
    ///
    /// let key: RecoveryKey = text.parse()?; // what the person wrote down
    /// builder.clone().ask_for_recovery("me@example.com").await?;
    /// # let link = server.with_model(|model| model.mails()[0].link());
    /// // The person opens the mail and gives us the link in it:
    /// let recovered = builder.clone().recover(link, &key, "remembered").await?;
    /// let mega = builder.login(Credentials::new(recovered.email, "remembered")).await?;
    /// # Ok(()) }
    /// # tokio::runtime::Runtime::new().unwrap().block_on(doc()).unwrap();
    /// ```
    pub fn ask_for_recovery(self, email: impl AsRef<str>) -> AskForRecovery {
        AskForRecovery {
            builder: self,
            email: email.as_ref().trim().to_owned(),
        }
    }

    /// Sets a new password with the link of a recovery mail (`https://mega.nz/#recover...`) and the recovery key; await it. The service closes all
    /// sessions of the account.
    pub fn recover(
        self,
        link: impl AsRef<str>,
        key: &RecoveryKey,
        new_password: impl Into<String>,
    ) -> Recover {
        Recover {
            builder: self,
            link: Zeroizing::new(link.as_ref().to_owned()),
            key: MasterKey::from_bytes(*key.0.expose_secret()),
            password: Zeroizing::new(new_password.into()),
        }
    }
}

impl Recover {
    async fn run(self) -> Result<Recovered> {
        let code = code_of(&self.link)?;
        let new = new_password(&self.password).await?;
        let api = self.builder.api()?;
        let info = send(&api, CheckRecoveryCode::new(code.as_str())).await?;
        if info.action != RecoveryAction::WithKey {
            return Err(Error::new(
                ErrorKind::InvalidLink,
                "the link is for something else than a recovery with the recovery key",
            ));
        }
        let email = info.email.expose().to_owned();
        // Before the key is proven nothing that depends on it is sent.
        let blob = send(&api, FetchRecoveryKeyBlob::new(code.as_str())).await;
        let deadline = Instant::now() + self.builder.options.verdict_delay;
        let blob = blob.map_err(|error| match error.kind() {
            ErrorKind::NotFound => Error::new(
                ErrorKind::KeysMissing,
                "the account never made its keys, so a recovery key cannot be proven",
            )
            .caused_by(error),
            _ => error,
        })?;
        let (master, wrong) = blocking(move || {
            let opened =
                RsaPrivateKey::open(blob.as_bytes(), &self.key, &Expected::default(), &mut rng());
            Ok((self.key, opened.is_err()))
        })
        .await?;
        // LOG-6: right or wrong, the verdict comes at the same time.
        tokio::time::sleep_until(deadline).await;
        if wrong {
            return Err(Error::new(
                ErrorKind::Key,
                "the recovery key is not that of the account",
            ));
        }
        let version = send(&api, Prelogin::new(email.clone())).await?;
        let (master_key, proof) = match version {
            AccountVersion::V1 => {
                login::check_old_kind(&self.builder.options, None)?;
                let (password, address) = (self.password.clone(), email.clone());
                let secret = blocking(move || Ok(derive_v1(&password, &address))).await?;
                let hash = secret.expose_uh().to_vec().into();
                (
                    master.wrap(secret.password_key()),
                    PasswordProof::V1 { hash },
                )
            }
            _ => (
                new.wrap(&master),
                PasswordProof::V2 {
                    hashed_auth_key: new.hashed_auth_key().into(),
                    client_random: *new.client_random_value(),
                },
            ),
        };
        let command = FinishRecovery::NewPassword {
            code: code.as_str().into(),
            master_key,
            proof,
        };
        send(&api, command).await?;
        Ok(Recovered { email })
    }
}

/// Sends a command about a recovery code, whose refusals mean the code.
async fn send<C>(api: &Api, command: C) -> Result<C::Reply>
where
    C: mega_protocol::Command + Send + Sync + 'static,
    C::Reply: Send + 'static,
{
    let answer = api.send(command).await.map_err(|error| {
        let error = Error::from(error);
        let (kind, what) = match error.code() {
            Some(ApiCode::ENOENT) => (ErrorKind::NotFound, "the service does not know the link"),
            Some(ApiCode::EEXPIRED) => (
                ErrorKind::Precondition,
                "the link was used already, or is too old",
            ),
            _ => return error,
        };
        let code = error.code();
        let named = Error::new(kind, what).caused_by(error);
        match code {
            Some(code) => named.with_code(code),
            None => named,
        }
    })?;
    Ok(answer.reply)
}

/// The code in a recovery link. The service understands it, we only see to it that nothing else is sent.
fn code_of(link: &str) -> Result<Zeroizing<String>> {
    let text = link.trim();
    let code = match text.split_once('#') {
        Some((_, fragment)) => fragment.strip_prefix("recover"),
        None => Some(text.strip_prefix("recover").unwrap_or(text)),
    };
    let plain = |code: &&str| {
        (8..=MAX_CODE).contains(&code.len())
            && code
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    match code.filter(plain) {
        Some(code) => Ok(Zeroizing::new(code.to_owned())),
        // SEC-5: the link is not shown.
        None => Err(Error::new(
            ErrorKind::InvalidLink,
            "this is not the link of a recovery mail",
        )),
    }
}

const MAX_CODE: usize = 4096;

impl IntoFuture for Recover {
    type Output = Result<Recovered>;
    type IntoFuture = BoxFuture<Result<Recovered>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move { self.run().await.map_err(|error| error.during("recover")) })
    }
}

impl IntoFuture for AskForRecovery {
    type Output = Result<()>;
    type IntoFuture = BoxFuture<Result<()>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let asked = async {
                let command = RequestRecovery::new(self.email, RecoveryAction::WithKey);
                let sent = self.builder.api()?.send(command).await;
                sent.map(drop).map_err(|error| {
                    let error = Error::from(error);
                    match error.code() {
                        Some(ApiCode::ENOENT) => {
                            Error::new(ErrorKind::NotFound, "there is no account with this address")
                                .with_code(ApiCode::ENOENT)
                                .caused_by(error)
                        }
                        _ => error,
                    }
                })
            };
            asked
                .await
                .map_err(|error: Error| error.during("ask for recovery"))
        })
    }
}

impl fmt::Debug for Recover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recover").finish_non_exhaustive()
    }
}

impl fmt::Debug for AskForRecovery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AskForRecovery").finish_non_exhaustive()
    }
}

impl fmt::Debug for Recovered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recovered").finish_non_exhaustive()
    }
}

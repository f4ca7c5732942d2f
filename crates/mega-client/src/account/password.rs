//! Another password for the same master key (crypto-and-accounts 2.15; SDK `MegaClient::changepw`).

use std::fmt;
use std::future::IntoFuture;
use std::sync::PoisonError;

use mega_crypto::MasterKey;
use mega_crypto::password::{LoginSecret, NewPassword, derive_v1, derive_v2};
use mega_protocol::ApiCode;
use mega_protocol::commands::{
    ChangePassword as Command, FetchUserData, PasswordProof, UpgradeAccount, UserData,
};
use zeroize::Zeroizing;

use super::credentials::SecondFactor;
use super::register::unusable;
use super::{Account, login};
use crate::builder::BoxFuture;
use crate::chance::rng;
use crate::error::{Error, ErrorKind, Result};
use crate::{Client, blocking};

/// A change of the password; await it.
///
/// # Errors
///
/// [`BadCredentials`](ErrorKind::BadCredentials) when the [current](Self::current) password is another one,
/// [`SecondFactorRequired`](ErrorKind::SecondFactorRequired), [`SecondFactorWrong`](ErrorKind::SecondFactorWrong), [`Misuse`](ErrorKind::Misuse) for a
/// password that cannot be used (empty, or with white space around it), [`Precondition`](ErrorKind::Precondition) for an account
/// [without a name](crate::ClientBuilder::create_ephemeral), [`ServerMaterialRejected`](ErrorKind::ServerMaterialRejected) when the service claims that
/// the account is of the old kind. After every error but [`OutcomeUnknown`](ErrorKind::OutcomeUnknown) the old password is in force.
///
/// Cancel safety: the change is made or not made as a whole; a future that is dropped after the request left does not tell which.
#[must_use = "nothing happens until it is awaited"]
pub struct ChangePassword {
    client: Client,
    new: Zeroizing<String>,
    current: Option<Zeroizing<String>>,
    factor: Option<SecondFactor>,
    close_others: bool,
}

/// What a change of the password has done.
#[derive(Debug)]
#[non_exhaustive]
pub struct PasswordChanged {
    /// The version of the account now. A change brings accounts of the old kind to version 2; if that step fails, the new password is in force and
    /// the account stays at version 1.
    pub version: u8,
    /// Whether the other sessions could be [closed](ChangePassword::close_other_sessions); `None` if that was not asked for. The password was
    /// changed either way.
    pub other_sessions: Option<Result<()>>,
}

impl Client {
    /// Changes the password; await it. Files, keys, links and sessions stay as they are: only the wrapping of the master key changes.
    ///
    /// A client that [renews](crate::ClientBuilder::renew_with) its session does so with the new password from then on.
    ///
    /// ```
    /// # async fn doc() -> Result<(), Box<dyn std::error::Error>> {
    /// # let server = mega_testserver::TestServer::start().await?;
    /// # server.account("me@example.com", "secret").create();
    /// # let builder = mega_client::Client::builder().origin(server.url());
    /// # let mega = builder.clone().login(mega_client::Credentials::new("me@example.com", "secret")).await?;
    /// use mega_client::Credentials;
    ///
    /// let changed = mega.change_password("better").current("secret").close_other_sessions().await?;
    /// changed.other_sessions.expect("it was asked for")?;
    /// assert!(builder.login(Credentials::new("me@example.com", "better")).await.is_ok());
    /// # Ok(()) }
    /// # tokio::runtime::Runtime::new().unwrap().block_on(doc()).unwrap();
    /// ```
    pub fn change_password(&self, new: impl Into<String>) -> ChangePassword {
        ChangePassword {
            client: self.clone(),
            new: Zeroizing::new(new.into()),
            current: None,
            factor: None,
            close_others: false,
        }
    }
}

impl ChangePassword {
    /// Changes it only if this is the password now. It is compared here; nothing of it is sent.
    pub fn current(mut self, password: impl Into<String>) -> Self {
        self.current = Some(Zeroizing::new(password.into()));
        self
    }

    /// The second factor of the account. It is used only if the service asks for one.
    pub fn second_factor(mut self, factor: SecondFactor) -> Self {
        self.factor = Some(factor);
        self
    }

    /// Closes all sessions but this one afterwards.
    pub fn close_other_sessions(mut self) -> Self {
        self.close_others = true;
        self
    }

    async fn run(self) -> Result<PasswordChanged> {
        let client = &self.client;
        let account = client.account()?;
        if account.ephemeral.is_some() {
            return Err(Error::new(
                ErrorKind::Precondition,
                "the account has no name and no password yet; register it",
            ));
        }
        // As the SDK does: what version the account has now decides, not what it had at the sign-in.
        let data = client.ask(FetchUserData::new()).await?;
        if data.user.is_some_and(|user| user != account.user) {
            return Err(login::rejected());
        }
        let version = version_of(&data);
        if version == 1 {
            // ATT-10: the old kind of proof of the new password is what a malicious service wants to see.
            login::check_old_kind(client.options(), account.version)?;
        }
        if let Some(current) = self.current.clone() {
            check_current(client, account, &data, version, current).await?;
        }
        let new = new_password(&self.new).await?;
        let version = match version {
            1 => self.change_old_kind(account, &data, &new).await?,
            _ => {
                let proof = PasswordProof::V2 {
                    hashed_auth_key: new.hashed_auth_key().into(),
                    client_random: *new.client_random_value(),
                };
                self.send(account, new.wrap(&account.master), proof).await?;
                2
            }
        };
        *account
            .new_password
            .write()
            .unwrap_or_else(PoisonError::into_inner) = Some(self.new.clone());
        let other_sessions = if self.close_others {
            Some(client.close_other_sessions().await)
        } else {
            None
        };
        Ok(PasswordChanged {
            version,
            other_sessions,
        })
    }

    /// Version 1: first the new password in the old way, which is all that `up` may carry there, then the step to version 2 with the same password.
    async fn change_old_kind(
        &self,
        account: &Account,
        data: &UserData,
        new: &NewPassword,
    ) -> Result<u8> {
        let email = self.client.address(data)?;
        let password = self.new.clone();
        let old = blocking(move || Ok(derive_v1(&password, &email))).await?;
        let proof = PasswordProof::V1 {
            hash: old.expose_uh().to_vec().into(),
        };
        let key = account.master.wrap(old.password_key());
        self.send(account, key, proof).await?;
        let command = UpgradeAccount::new(
            new.wrap(&account.master),
            new.hashed_auth_key(),
            *new.client_random_value(),
        );
        match self.client.ask(command).await {
            Ok(()) => Ok(2),
            Err(error) => {
                tracing::warn!(%error, "the account stays of the old kind");
                Ok(1)
            }
        }
    }

    /// Sends the change, with the second factor if need be, and looks whether the service has it.
    async fn send(&self, account: &Account, key: [u8; 16], proof: PasswordProof) -> Result<()> {
        let mut command = Command::new(key, proof);
        let mut result = self.client.ask(command.clone()).await;
        if let Err(error) = &result
            && error.code() == Some(ApiCode::EMFAREQUIRED)
        {
            let Some(factor) = self.factor.clone() else {
                return Err(Error::new(
                    ErrorKind::SecondFactorRequired,
                    "the account is protected by a second factor",
                )
                .with_code(ApiCode::EMFAREQUIRED));
            };
            let code = login::code_of(factor.0).await?;
            command.second_factor = Some(code.as_str().into());
            result = self.client.ask(command).await;
            if let Err(error) = result {
                let wrong = matches!(error.code(), Some(ApiCode::EFAILED | ApiCode::EMFAREQUIRED));
                return match wrong {
                    true => Err(login::wrong_code(error)),
                    false => self.settled(account, key, Err(error)).await,
                };
            }
        }
        self.settled(account, key, result).await
    }

    /// P3: it is done when the service shows the master key under the new password; a lost reply is settled by the same look.
    async fn settled(&self, account: &Account, key: [u8; 16], result: Result<()>) -> Result<()> {
        match &result {
            Err(error) if error.kind() != ErrorKind::OutcomeUnknown => result,
            Err(error) => {
                let doubt = self.client.doubt(error);
                doubt.end(self.looked_up(account, key, result).await)
            }
            Ok(()) => self.looked_up(account, key, result).await,
        }
    }

    async fn looked_up(&self, account: &Account, key: [u8; 16], result: Result<()>) -> Result<()> {
        let look = self.client.ask(FetchUserData::new()).await;
        let data = match (look, result) {
            (Ok(data), _) => data,
            (Err(error), Ok(())) => return Err(error.although_done()),
            (Err(_), Err(unknown)) => return Err(unknown),
        };
        if data.user.is_some_and(|user| user != account.user) {
            return Err(login::rejected());
        }
        match data.master_key.as_ref().map(mega_protocol::Blob::as_bytes) {
            Some(shown) if shown == key => Ok(()),
            _ => Err(Error::new(
                ErrorKind::OutcomeUnknown,
                "the service does not show the new password; try to sign in with either",
            )),
        }
    }
}

impl IntoFuture for ChangePassword {
    type Output = Result<PasswordChanged>;
    type IntoFuture = BoxFuture<Result<PasswordChanged>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            self.run()
                .await
                .map_err(|error| error.during("change password"))
        })
    }
}

impl fmt::Debug for ChangePassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChangePassword").finish_non_exhaustive()
    }
}

impl Client {
    /// The address that goes into the proof of version 1.
    fn address(&self, data: &UserData) -> Result<String> {
        let told = data.email.as_ref().map(|email| email.expose().to_owned());
        // What the person signed in with comes first: the service must not choose it.
        let known = self.email().map(str::to_owned).or(told);
        known.ok_or_else(|| Error::new(ErrorKind::Protocol, "the service tells no address"))
    }
}

/// Unknown versions are taken for 2, as the SDK does: fields of version 1 would lock the owner of a later one out.
fn version_of(data: &UserData) -> u8 {
    match data.account_version {
        Some(1) => 1,
        _ => 2,
    }
}

/// Whether this password opens the master key as the service has it wrapped now.
async fn check_current(
    client: &Client,
    account: &Account,
    data: &UserData,
    version: u8,
    password: Zeroizing<String>,
) -> Result<()> {
    let wrapped = data.master_key.as_ref().map(mega_protocol::Blob::as_bytes);
    let Some(wrapped) = wrapped.and_then(|key| <[u8; 16]>::try_from(key).ok()) else {
        return Err(Error::new(
            ErrorKind::Protocol,
            "the service does not tell how the master key is wrapped",
        ));
    };
    let secret: LoginSecret = if version == 1 {
        let email = client.address(data)?;
        blocking(move || Ok(derive_v1(&password, &email))).await?
    } else {
        let salt = data.salt.clone().ok_or_else(login::rejected)?;
        blocking(move || derive_v2(&password, salt.as_bytes()).map_err(|_| login::rejected()))
            .await?
    };
    let master = MasterKey::from_bytes(*account.master.expose_secret());
    if secret.opens(&wrapped, &master) {
        Ok(())
    } else {
        Err(Error::new(
            ErrorKind::BadCredentials,
            "the current password is another one",
        ))
    }
}

pub(super) async fn new_password(password: &Zeroizing<String>) -> Result<NewPassword> {
    let password = password.clone();
    blocking(move || NewPassword::random(&password, &mut rng()).map_err(unusable)).await
}

//! Making an account: asking for the mail, and redeeming what it brings (crypto-and-accounts 2.14).

use std::fmt;
use std::future::IntoFuture;

use mega_crypto::MasterKey;
use mega_crypto::account::ConfirmationCode;
use mega_crypto::password::NewPassword;
use mega_protocol::commands::{
    CancelRegistration, ConfirmRegistration, RequestConfirmation, SetUserAttribute,
};
use mega_protocol::{Api, ApiCode, UserHandle};
use zeroize::Zeroizing;

use super::EphemeralCredentials;
use super::ephemeral;
use crate::builder::{BoxFuture, ClientBuilder};
use crate::chance::rng;
use crate::error::{Error, ErrorKind, Result};
use crate::{Client, blocking};

/// A registration; await it for the mail to be sent.
///
/// # Errors
///
/// [`AlreadyExists`](ErrorKind::AlreadyExists) when there is an account with the address, [`Precondition`](ErrorKind::Precondition) when this account
/// has a name already, [`Misuse`](ErrorKind::Misuse) for an address, a name or a password that cannot be used: an empty password, or one that starts or
/// ends with white space, would lock its owner out of other clients.
///
/// Cancel safety: an account without a name may be left on the service; nobody can open it.
#[must_use = "nothing happens until it is awaited"]
pub struct Register {
    whose: Whose,
    email: String,
    password: Zeroizing<String>,
    name: String,
}

enum Whose {
    /// A new account.
    New(Box<ClientBuilder>),
    /// The account without a name that this client has open.
    Open(Client),
}

/// A registration that waits for the link in the mail.
///
/// [`ClientBuilder::confirm`] takes that link, in this program or another; this object is only needed to have the mail sent once more, or to give the
/// registration up. `Debug` shows nothing of the account.
pub struct PendingRegistration {
    api: Api,
    email: String,
    name: String,
    credentials: EphemeralCredentials,
}

/// An account that was confirmed; sign in to it with its address and password.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Confirmed {
    /// The address to sign in with.
    pub email: String,
    /// The full name.
    pub name: String,
    /// The account.
    pub user: UserHandle,
}

/// The redeeming of a confirmation link; await it.
///
/// # Errors
///
/// [`InvalidLink`](ErrorKind::InvalidLink) for a text that is no such link; nothing is sent then. [`NotFound`](ErrorKind::NotFound) for one that the
/// service does not know, [`Precondition`](ErrorKind::Precondition) for one that was used already or is too old,
/// [`AlreadyExists`](ErrorKind::AlreadyExists) when the address belongs to an account by now.
///
/// Cancel safety: once sent, the account is confirmed; a second try with the same link then says [`Precondition`](ErrorKind::Precondition).
#[must_use = "nothing happens until it is awaited"]
pub struct Confirm {
    builder: ClientBuilder,
    link: Zeroizing<String>,
}

impl ClientBuilder {
    /// Registers a new account (of version 2) with this address, password and full name; await it. The service then sends a mail with a link for
    /// [`confirm`](Self::confirm). White space around address and name is dropped; the password is used exactly as given.
    ///
    /// ```
    /// # async fn doc() -> Result<(), Box<dyn std::error::Error>> {
    /// # let server = mega_testserver::TestServer::start().await?;
    /// # let builder = mega_client::Client::builder().origin(server.url());
    /// use mega_client::Credentials;
    ///
    /// let pending = builder.clone().register("me@example.com", "correct horse", "Ann Other").await?;
    /// # let link = server.with_model(|model| model.mails()[0].link());
    /// // The person opens the mail and gives us the link in it:
    /// let confirmed = builder.clone().confirm(link).await?;
    /// assert_eq!(confirmed.email, pending.email());
    ///
    /// let mega = builder.login(Credentials::new(confirmed.email, "correct horse")).await?;
    /// mega.make_keys().await?; // so that folders can be shared
    /// # Ok(()) }
    /// # tokio::runtime::Runtime::new().unwrap().block_on(doc()).unwrap();
    /// ```
    pub fn register(
        self,
        email: impl AsRef<str>,
        password: impl Into<String>,
        name: impl AsRef<str>,
    ) -> Register {
        Register::new(Whose::New(Box::new(self)), email, password, name)
    }

    /// Confirms a registration with the link in its mail (`https://mega.nz/#confirm...`), or with what follows `#confirm`; await it. No session is
    /// needed for it.
    pub fn confirm(self, link: impl AsRef<str>) -> Confirm {
        Confirm {
            builder: self,
            link: Zeroizing::new(link.as_ref().to_owned()),
        }
    }
}

impl Client {
    /// Gives an account [without a name](ClientBuilder::create_ephemeral) an address, a password and a name; await it. What is in it stays. As for
    /// [`ClientBuilder::register`], a mail comes.
    pub fn register(
        &self,
        email: impl AsRef<str>,
        password: impl Into<String>,
        name: impl AsRef<str>,
    ) -> Register {
        Register::new(Whose::Open(self.clone()), email, password, name)
    }
}

impl Register {
    fn new(
        whose: Whose,
        email: impl AsRef<str>,
        password: impl Into<String>,
        name: impl AsRef<str>,
    ) -> Self {
        Self {
            whose,
            email: email.as_ref().trim().to_owned(),
            password: Zeroizing::new(password.into()),
            name: name.as_ref().trim().to_owned(),
        }
    }

    async fn run(self) -> Result<PendingRegistration> {
        check_address(&self.email)?;
        if self.name.is_empty() || self.name.chars().any(char::is_control) {
            return Err(Error::misuse(
                "the full name is empty or contains control characters",
            ));
        }
        let password = self.password;
        // The slow part, and the one that may refuse, comes before anything is made on the service.
        let new = blocking(move || NewPassword::random(&password, &mut rng()).map_err(unusable));
        let new = new.await?;
        let (api, credentials, master) = match self.whose {
            Whose::New(builder) => {
                let api = builder.api()?;
                let opening = ephemeral::create(&api, &builder.options).await?;
                let credentials = opening.ephemeral.ok_or_else(super::login::rejected)?;
                (api, credentials, opening.master)
            }
            Whose::Open(client) => {
                let account = client.account()?;
                let credentials = account.ephemeral.clone().ok_or_else(|| {
                    Error::new(
                        ErrorKind::Precondition,
                        "the account has a name already; only one without can be registered",
                    )
                })?;
                let master = MasterKey::from_bytes(*account.master.expose_secret());
                (client.api().clone(), credentials, master)
            }
        };
        let pending = PendingRegistration {
            api,
            email: self.email,
            name: self.name,
            credentials,
        };
        let (first, last) = match pending.name.split_once(char::is_whitespace) {
            Some((first, last)) => (first, last.trim_start()),
            None => (pending.name.as_str(), ""),
        };
        for (attribute, value) in [("firstname", first), ("lastname", last)] {
            let command = SetUserAttribute::new(attribute, value.as_bytes().to_vec());
            pending.api.send(command).await.map_err(Error::from)?;
        }
        let command = RequestConfirmation::new(
            pending.name.as_str(),
            pending.email.as_str(),
            new.hashed_auth_key(),
            *new.client_random_value(),
            new.wrap(&master),
        );
        pending.ask(command).await?;
        Ok(pending)
    }
}

impl IntoFuture for Register {
    type Output = Result<PendingRegistration>;
    type IntoFuture = BoxFuture<Result<PendingRegistration>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move { self.run().await.map_err(|error| error.during("register")) })
    }
}

impl PendingRegistration {
    /// The address that the mail went to.
    #[must_use]
    pub fn email(&self) -> &str {
        &self.email
    }

    /// What opens the account until it is confirmed, and gets it back to have the mail sent from another program:
    /// [`ClientBuilder::open_ephemeral`] and [`Client::register`] once more.
    #[must_use]
    pub fn credentials(&self) -> &EphemeralCredentials {
        &self.credentials
    }

    /// Has the mail sent once more.
    ///
    /// # Errors
    ///
    /// [`AlreadyExists`](ErrorKind::AlreadyExists) when the address was confirmed meanwhile.
    ///
    /// Cancel safety: once sent, the mail goes out. Repeat it.
    pub async fn send_again(&self) -> Result<()> {
        let command = RequestConfirmation::again(self.name.as_str(), self.email.as_str());
        self.ask(command)
            .await
            .map_err(|error| error.during("register"))
    }

    /// Gives the registration up: the link in the mail is worthless then. The account stays, without a name.
    ///
    /// # Errors
    ///
    /// As for every request.
    ///
    /// Cancel safety: once sent, the link is worthless. The future takes the registration with it, so keep its [`credentials`](Self::credentials) to go on
    /// after one that was dropped.
    pub async fn cancel(self) -> Result<()> {
        let cancelled = self.api.send(CancelRegistration::new()).await;
        cancelled
            .map(drop)
            .map_err(|error| Error::from(error).during("cancel registration"))
    }

    async fn ask(&self, command: RequestConfirmation) -> Result<()> {
        self.api.send(command).await.map(drop).map_err(|error| {
            let error = Error::from(error);
            match error.code() {
                Some(ApiCode::EEXIST) => Error::new(
                    ErrorKind::AlreadyExists,
                    "there is an account with this address",
                )
                .with_code(ApiCode::EEXIST)
                .caused_by(error),
                Some(ApiCode::EACCESS) => {
                    Error::new(ErrorKind::Precondition, "the account has a name already")
                        .with_code(ApiCode::EACCESS)
                        .caused_by(error)
                }
                _ => error,
            }
        })
    }
}

impl IntoFuture for Confirm {
    type Output = Result<Confirmed>;
    type IntoFuture = BoxFuture<Result<Confirmed>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            confirm(&self.builder, &self.link)
                .await
                .map_err(|error| error.during("confirm registration"))
        })
    }
}

async fn confirm(builder: &ClientBuilder, link: &str) -> Result<Confirmed> {
    // SEC-5: what is wrong with the link is said, the link is not.
    let no_link = || {
        Error::new(
            ErrorKind::InvalidLink,
            "this is not the link of a confirmation mail",
        )
    };
    let code = ConfirmationCode::parse(link).map_err(|_| no_link())?;
    let text = Zeroizing::new(code.to_text());
    let bytes = mega_crypto::base64::decode(&text).map_err(|_| no_link())?;
    let command = ConfirmRegistration::new(bytes);
    let reply = builder.api()?.send(command).await.map_err(|error| {
        let error = Error::from(error);
        let (kind, what) = match error.code() {
            Some(ApiCode::ENOENT) => (ErrorKind::NotFound, "the service does not know the link"),
            Some(ApiCode::EEXPIRED) => (
                ErrorKind::Precondition,
                "the link was used already, or is too old",
            ),
            Some(ApiCode::EEXIST) => (
                ErrorKind::AlreadyExists,
                "there is an account with this address by now",
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
    let reply = reply.reply;
    // The person would sign in with what the service says here.
    if reply.email.expose() != code.email() {
        return Err(Error::new(
            ErrorKind::Protocol,
            "the service confirms another address than the one in the link",
        ));
    }
    Ok(Confirmed {
        email: code.email().to_owned(),
        name: code.name().to_owned(),
        user: reply.user,
    })
}

/// What no address can be. The service knows the rest.
fn check_address(email: &str) -> Result<()> {
    let plain =
        |part: &str| !part.is_empty() && !part.chars().any(|c| c.is_whitespace() || c.is_control());
    match email.rsplit_once('@') {
        Some((before, after)) if plain(before) && plain(after) && email.len() <= 254 => Ok(()),
        _ => Err(Error::misuse("this is not an e-mail address")),
    }
}

/// Why a password cannot be set; the reason names no part of it.
pub(super) fn unusable(error: mega_crypto::Error) -> Error {
    Error::misuse("the password cannot be used").caused_by(error)
}

impl fmt::Debug for Register {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Register").finish_non_exhaustive()
    }
}

impl fmt::Debug for Confirm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Confirm").finish_non_exhaustive()
    }
}

impl fmt::Debug for PendingRegistration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PendingRegistration")
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Confirmed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Confirmed")
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

//! Attributes of accounts: what a program keeps for itself with the account, and what people publish about themselves
//! (crypto-and-accounts 10, api-and-transfers 5.10).

mod scope;
mod value;

use std::future::IntoFuture;

use futures::future::{BoxFuture as Boxed, FutureExt};
use mega_crypto::tlv;
use mega_protocol::commands::{
    AttributeOwner, FetchUserAttribute, RemoveUserAttribute, SetUserAttribute as SetCommand,
    SetUserAttributes,
};
use mega_protocol::{ApiCode, PrivateText};

pub use self::value::{UserAttribute, UserRecords, UserValue};

use self::scope::{Scope, has_versions, holds_keys, longest_value};
use self::value::wire_bytes;
use super::share::Person;
use crate::Client;
use crate::builder::BoxFuture;
use crate::chance::rng;
use crate::error::{Error, ErrorKind, Result};

impl Client {
    /// Reads an attribute of this account, or of [another](GetUserAttribute::of); await it.
    ///
    /// The first character of a name says who can read it:
    ///
    /// | name | is |
    /// |---|---|
    /// | `*...` | private, encrypted with the master key: named records in an authenticated container |
    /// | `^...` | private, and readable by the service |
    /// | `+...` | public: every account can read it |
    /// | `#...`, `firstname`, `lastname` | for contacts |
    /// | `country`, `birthday`, `birthmonth`, `birthyear`, `pwmh`, `s4`, `s4c` | private, of the service's own |
    ///
    /// A `!` or `~` after it means that the service keeps no history, and takes up to 16 MiB instead of 64 KiB. What others publish is as the service says
    /// it: nothing proves it.
    ///
    /// # Errors
    ///
    /// [`NotFound`](ErrorKind::NotFound) when it is not set or there is no such account; [`AccessDenied`](ErrorKind::AccessDenied) for private attributes of others;
    /// [`Key`](ErrorKind::Key) when an encrypted one is damaged; [`Misuse`](ErrorKind::Misuse) for what is no name;
    /// [`Unsupported`](ErrorKind::Unsupported) in [views](Self::view) and on public links.
    ///
    /// Cancel safe.
    ///
    /// ```
    /// # async fn doc() -> Result<(), Box<dyn std::error::Error>> {
    /// # let server = mega_testserver::TestServer::start().await?;
    /// # server.account("me@example.com", "secret").create();
    /// # server.account("you@example.com", "secret").create();
    /// # let login = |who| mega_client::Credentials::new(who, "secret");
    /// # let builder = || mega_client::Client::builder().origin(server.url());
    /// # let mega = builder().login(login("me@example.com")).await?;
    /// # let friend = builder().login(login("you@example.com")).await?;
    /// mega.set_user_attribute("*!myapp", "last run: Monday").await?;
    /// assert_eq!(mega.user_attribute("*!myapp").await?.bytes(), b"last run: Monday");
    ///
    /// mega.set_user_attribute("+motto", "per aspera").await?;
    /// let seen = friend.user_attribute("+motto").of("me@example.com").await?;
    /// assert_eq!(seen.text(), Some("per aspera"));
    /// # Ok(()) }
    /// # tokio::runtime::Runtime::new().unwrap().block_on(doc()).unwrap();
    /// ```
    pub fn user_attribute(&self, name: impl Into<String>) -> GetUserAttribute {
        GetUserAttribute {
            client: self.clone(),
            name: name.into(),
            of: None,
        }
    }

    /// Sets an attribute of this account; await it for the attribute as it is now. Whatever was there is replaced, unless
    /// [`if_version`](SetUserAttribute::if_version) says otherwise; [`change_user_attribute`](Self::change_user_attribute) changes a part.
    ///
    /// # Errors
    ///
    /// [`Misuse`](ErrorKind::Misuse) for what is no name, for records under a name that holds none, for a value beyond the limit, and for what must not be written so:
    /// the keys of the account (`^!keys`, `*keyring`, `+puEd255`, `+puCu255`, `+sigPubk`, `+sigCu255`, `*!authring`, `*!authCu255`, `*!authRSA`, `*~usk`) and what belongs to the service.
    /// [`Precondition`](ErrorKind::Precondition) when it has changed, [`OutcomeUnknown`](ErrorKind::OutcomeUnknown),
    /// [`Unsupported`](ErrorKind::Unsupported) as for [`user_attribute`](Self::user_attribute).
    ///
    /// Cancel safety: once sent, the change takes effect.
    pub fn set_user_attribute(
        &self,
        name: impl Into<String>,
        value: impl Into<UserValue>,
    ) -> SetUserAttribute {
        SetUserAttribute {
            client: self.clone(),
            name: name.into(),
            value: value.into(),
            expects: None,
        }
    }

    /// Reads an attribute of this account, lets `change` say what it is to become, and writes that, unless another program has written meanwhile: then it is
    /// read and changed again. `change` is given `None` when it is not set, and gives `None` to leave everything as it is. Gives the attribute as it is now.
    ///
    /// The service keeps no versions of a few attributes (`firstname`, `lastname`, `+a`, `^!dv` and other settings); of those the last writer wins.
    ///
    /// ```
    /// # async fn doc() -> Result<(), Box<dyn std::error::Error>> {
    /// # let server = mega_testserver::TestServer::start().await?;
    /// # server.account("me@example.com", "secret").create();
    /// # let login = mega_client::Credentials::new("me@example.com", "secret");
    /// # let mega = mega_client::Client::builder().origin(server.url()).login(login).await?;
    /// let runs = mega.change_user_attribute("*!myapp", |old| {
    ///     let mut records = old.map(|old| old.records().clone()).unwrap_or_default();
    ///     let runs = records.get("runs").and_then(|runs| runs.first()).copied().unwrap_or(0);
    ///     records.set("runs", [runs + 1]).ok()?;
    ///     Some(records.into())
    /// });
    /// assert_eq!(runs.await?.unwrap().records().get("runs"), Some(&[1][..]));
    /// # Ok(()) }
    /// # tokio::runtime::Runtime::new().unwrap().block_on(doc()).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`set_user_attribute`](Self::set_user_attribute); [`Precondition`](ErrorKind::Precondition) when others keep changing it.
    ///
    /// Cancel safety: once sent, the change takes effect.
    pub fn change_user_attribute(
        &self,
        name: impl Into<String>,
        mut change: impl FnMut(Option<&UserAttribute>) -> Option<UserValue> + Send + 'static,
    ) -> Boxed<'static, Result<Option<UserAttribute>>> {
        let (client, name) = (self.clone(), name.into());
        async move {
            let changed = async {
                let scope = client.check_own(&name, true)?;
                for _ in 0..TRIES {
                    let old = client.read_own(&name, scope).await?;
                    let Some(value) = change(old.as_ref()) else {
                        return Ok(old);
                    };
                    let version = old
                        .as_ref()
                        .and_then(UserAttribute::version)
                        .map(str::to_owned);
                    match client.write_own(&name, scope, &value, version).await? {
                        Some(written) => return Ok(Some(written)),
                        None => continue,
                    }
                }
                Err(contended())
            };
            changed
                .await
                .map_err(|error: Error| error.during("change user attribute").about(name))
        }
        .boxed()
    }

    /// Removes an attribute of this account. One that is not set is no error.
    ///
    /// # Errors
    ///
    /// As for [`set_user_attribute`](Self::set_user_attribute).
    ///
    /// Cancel safety: repeat it until it succeeds.
    pub fn remove_user_attribute(&self, name: impl Into<String>) -> Boxed<'static, Result<()>> {
        let (client, name) = (self.clone(), name.into());
        async move {
            let removed = async {
                let scope = client.check_own(&name, true)?;
                match client.change(RemoveUserAttribute::new(&*name)).await {
                    Ok(()) => Ok(()),
                    Err(error) if error.code() == Some(ApiCode::ENOENT) => Ok(()),
                    // A lost reply is settled by looking.
                    Err(error) if error.kind() == ErrorKind::OutcomeUnknown => {
                        let doubt = client.doubt(&error);
                        doubt.end(match client.read_own(&name, scope).await {
                            Ok(None) => Ok(()),
                            _ => Err(error),
                        })
                    }
                    Err(error) => Err(error),
                }
            };
            removed
                .await
                .map_err(|error: Error| error.during("remove user attribute").about(name))
        }
        .boxed()
    }

    /// What kind of attribute of this account it is, if it may be read or written here.
    fn check_own(&self, name: &str, write: bool) -> Result<Scope> {
        self.account()?;
        self.check_whole()?;
        let scope = Scope::of(name)?;
        if write && holds_keys(name) {
            return Err(Error::misuse(
                "it holds keys of the account, which only whoever understands them may change",
            ));
        }
        if write && scope == Scope::Service {
            return Err(Error::misuse("it belongs to the service"));
        }
        Ok(scope)
    }

    /// `None` if it is not set.
    async fn read_own(&self, name: &str, scope: Scope) -> Result<Option<UserAttribute>> {
        let account = self.account()?;
        let fetched = match self.ask(FetchUserAttribute::new(account.user, name)).await {
            Ok(fetched) => fetched,
            Err(error) if error.code() == Some(ApiCode::ENOENT) => return Ok(None),
            Err(error) => return Err(error),
        };
        let Some(bytes) = wire_bytes(name, &fetched) else {
            return Ok(None);
        };
        let value = match scope {
            Scope::Encrypted => UserValue::Records(UserRecords::from_inner(
                tlv::open(&bytes, &account.master).map_err(|error| {
                    Error::new(ErrorKind::Key, "the attribute cannot be decrypted").caused_by(error)
                })?,
            )),
            _ => UserValue::Bytes(bytes),
        };
        Ok(Some(UserAttribute::new(name, value, fetched.version)))
    }

    /// Writes unless it has another version than this by now; then the result is `None`.
    async fn write_own(
        &self,
        name: &str,
        scope: Scope,
        value: &UserValue,
        version: Option<String>,
    ) -> Result<Option<UserAttribute>> {
        let sealed = self.sealed(name, scope, value)?;
        let written = if has_versions(name) {
            let command = SetUserAttributes::new().with(name, sealed.clone(), version);
            self.change(command)
                .await
                .map(|mut versions| versions.remove(name))
        } else {
            self.change(SetCommand::new(name, sealed.clone())).await
        };
        let version = match written {
            Ok(version) => version,
            Err(error) if error.code() == Some(ApiCode::EEXPIRED) => return Ok(None),
            // A reply was lost: our value there proves that it arrived; a container is as good as a signature, since no two are alike.
            Err(error) if error.kind() == ErrorKind::OutcomeUnknown => {
                let account = self.account()?;
                let doubt = self.doubt(&error);
                let seen = self.ask(FetchUserAttribute::new(account.user, name)).await;
                doubt.end(match seen {
                    Ok(seen) if wire_bytes(name, &seen).is_some_and(|seen| *seen == sealed) => {
                        Ok(seen.version)
                    }
                    _ => Err(error),
                })?
            }
            Err(error) => return Err(error),
        };
        let value = match (scope, value) {
            (Scope::Encrypted, UserValue::Bytes(bytes)) => {
                UserValue::Records(UserRecords::nameless(bytes)?)
            }
            _ => value.clone(),
        };
        Ok(Some(UserAttribute::new(name, value, version)))
    }

    /// The bytes that are sent.
    fn sealed(&self, name: &str, scope: Scope, value: &UserValue) -> Result<Vec<u8>> {
        let seal = |records: &UserRecords| {
            tlv::seal(records.inner(), &self.account()?.master, &mut rng())
                .map_err(|error| Error::misuse("the records cannot be stored").caused_by(error))
        };
        let sealed = match (scope, value) {
            (Scope::Encrypted, UserValue::Bytes(bytes)) => seal(&UserRecords::nameless(bytes)?)?,
            (Scope::Encrypted, UserValue::Records(records)) => seal(records)?,
            (_, UserValue::Bytes(bytes)) => bytes.to_vec(),
            (_, UserValue::Records(_)) => {
                return Err(Error::misuse(
                    "only attributes whose name starts with * hold records",
                ));
            }
        };
        let limit = longest_value(name);
        if sealed.len() > limit {
            return Err(Error::misuse(format!(
                "the value has {} bytes, and {limit} are allowed",
                sealed.len()
            )));
        }
        Ok(sealed)
    }
}

/// The reading of an attribute; await it.
#[must_use = "nothing happens until it is awaited"]
#[derive(Debug)]
pub struct GetUserAttribute {
    client: Client,
    name: String,
    of: Option<Person>,
}

impl GetUserAttribute {
    /// Of another account: what is public, and what contacts may see.
    pub fn of(mut self, person: impl Into<Person>) -> Self {
        self.of = Some(person.into());
        self
    }

    async fn run(&self) -> Result<UserAttribute> {
        let (client, name) = (&self.client, &*self.name);
        let unset = || Error::new(ErrorKind::NotFound, "the attribute is not set");
        let Some(person) = &self.of else {
            let scope = client.check_own(name, false)?;
            return client.read_own(name, scope).await?.ok_or_else(unset);
        };
        client.account()?;
        if !matches!(Scope::of(name)?, Scope::Public | Scope::Contacts) {
            return Err(Error::new(
                ErrorKind::AccessDenied,
                "it is private; only its owner can read it",
            ));
        }
        let owner = match person {
            Person::User(user) => AttributeOwner::User(*user),
            Person::Email(email) => AttributeOwner::Email(PrivateText::from(email.as_str())),
        };
        let fetched = match client.ask(FetchUserAttribute::new(owner, name)).await {
            Err(error) if error.code() == Some(ApiCode::ENOENT) => {
                return Err(unset().caused_by(error));
            }
            other => other?,
        };
        let bytes = wire_bytes(name, &fetched).ok_or_else(unset)?;
        Ok(UserAttribute::new(
            name,
            UserValue::Bytes(bytes),
            fetched.version,
        ))
    }
}

impl IntoFuture for GetUserAttribute {
    type Output = Result<UserAttribute>;
    type IntoFuture = BoxFuture<Result<UserAttribute>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            self.run()
                .await
                .map_err(|error| error.during("user attribute").about(self.name))
        })
    }
}

/// The writing of an attribute; await it.
#[must_use = "nothing happens until it is awaited"]
#[derive(Debug)]
pub struct SetUserAttribute {
    client: Client,
    name: String,
    value: UserValue,
    expects: Option<Option<String>>,
}

impl SetUserAttribute {
    /// Only if it still has this [version](UserAttribute::version); `None`: only if it is not set. Else the call fails with
    /// [`Precondition`](ErrorKind::Precondition), and nothing is changed.
    pub fn if_version<'a>(mut self, version: impl Into<Option<&'a str>>) -> Self {
        self.expects = Some(version.into().map(str::to_owned));
        self
    }

    async fn run(&self) -> Result<UserAttribute> {
        let (client, name, value) = (&self.client, &*self.name, &self.value);
        let scope = client.check_own(name, true)?;
        // What cannot be written is said before anything is asked.
        client.sealed(name, scope, value)?;
        if let Some(expected) = &self.expects {
            if !has_versions(name) {
                return Err(Error::new(
                    ErrorKind::Unsupported,
                    "the service keeps no versions of this attribute",
                ));
            }
            let written = client.write_own(name, scope, value, expected.clone()).await;
            return written?.ok_or_else(|| {
                Error::new(
                    ErrorKind::Precondition,
                    "the attribute has another version by now",
                )
            });
        }
        for _ in 0..TRIES {
            let version = match has_versions(name) {
                true => client.version_of(name).await?,
                false => None,
            };
            if let Some(written) = client.write_own(name, scope, value, version).await? {
                return Ok(written);
            }
        }
        Err(contended())
    }
}

impl Client {
    /// The version of an own attribute, whatever its value; a damaged one can be replaced.
    async fn version_of(&self, name: &str) -> Result<Option<String>> {
        let account = self.account()?;
        match self.ask(FetchUserAttribute::new(account.user, name)).await {
            Ok(fetched) => Ok(fetched.version),
            Err(error) if error.code() == Some(ApiCode::ENOENT) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl IntoFuture for SetUserAttribute {
    type Output = Result<UserAttribute>;
    type IntoFuture = BoxFuture<Result<UserAttribute>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            self.run()
                .await
                .map_err(|error| error.during("set user attribute").about(self.name))
        })
    }
}

fn contended() -> Error {
    Error::new(
        ErrorKind::Precondition,
        "other programs keep changing the attribute; try again",
    )
}

/// How often another program may be faster before we give up.
const TRIES: usize = 8;

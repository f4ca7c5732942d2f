//! Changing `^!keys`, the attribute that holds the keys of an account's shares (crypto-and-accounts 3.6).

use mega_crypto::account_keys::{AccountKeys, KeysEdit};
use mega_protocol::ApiCode;
use mega_protocol::commands::{FetchUserAttribute, SetUserAttributes};
use tokio::sync::MutexGuard;

use crate::Client;
use crate::account::Account;
use crate::chance::rng;
use crate::error::{Error, ErrorKind, Result};

/// How often another client may be faster before we give up.
const TRIES: usize = 8;

const NAME: &str = "^!keys";

impl Client {
    /// Reads `^!keys`, lets `change` change it, and writes it back unless another client has written meanwhile: then it is read and changed
    /// again. `change` says whether there is something to write.
    pub(crate) async fn change_account_keys<T>(
        &self,
        change: impl Fn(&AccountKeys) -> Result<(T, Option<Edit>)>,
    ) -> Result<T> {
        let account = self.account()?;
        let turn = account.changing_keys.lock().await;
        self.change_account_keys_in_turn(account, &turn, change)
            .await
    }

    /// The same for whoever has the turn already.
    pub(super) async fn change_account_keys_in_turn<T>(
        &self,
        account: &Account,
        _turn: &MutexGuard<'_, ()>,
        change: impl Fn(&AccountKeys) -> Result<(T, Option<Edit>)>,
    ) -> Result<T> {
        for _ in 0..TRIES {
            let (keys, version) = self.read_account_keys(account).await?;
            let (value, edit) = change(&keys)?;
            let Some(edit) = edit else {
                return Ok(value);
            };
            // Without one the service would take whatever is written, over what another client has written meanwhile.
            let version = version.ok_or_else(|| {
                Error::new(
                    ErrorKind::Protocol,
                    "the service tells no version of the account's keys, so they cannot be changed safely",
                )
            })?;
            let write = keys
                .update(&account.master, &mut rng(), edit)
                .map_err(damaged)?;
            let command = SetUserAttributes::new().with(NAME, write.attribute(), Some(version));
            match self.change(command).await {
                Ok(versions) => {
                    let accepted = write.accepted();
                    account.saw_keys(accepted.generation());
                    account.knows_keys(versions.get(NAME).cloned());
                    self.take_share_keys(&accepted);
                    return Ok(value);
                }
                // Somebody was faster, or nobody knows who was: read again and see.
                Err(error) if error.code() == Some(ApiCode::EEXPIRED) => {}
                Err(error) if error.kind() == ErrorKind::OutcomeUnknown => {
                    self.doubt(&error).end(Ok(()))?;
                }
                Err(error) => return Err(error),
            }
        }
        Err(Error::new(
            ErrorKind::Precondition,
            "other clients keep changing the keys of the account; try again",
        ))
    }

    /// Reads `^!keys` for the share keys in it.
    pub(super) async fn learn_share_keys(&self) -> Result<()> {
        self.read_account_keys(self.account()?).await.map(drop)
    }

    /// Reads `^!keys`, and takes the share keys in it: other clients may have made or taken some.
    async fn read_account_keys(&self, account: &Account) -> Result<(AccountKeys, Option<String>)> {
        let (known, told) = (account.keys_generation(), account.news_of_keys());
        let value = self
            .ask(FetchUserAttribute::new(account.user, NAME))
            .await?;
        let bytes = value.decode().ok_or_else(|| {
            Error::new(
                ErrorKind::Protocol,
                "the keys of the account are not base64",
            )
        })?;
        let owner = mega_crypto::UserHandle::from_bytes(account.user.to_bytes());
        let keys =
            AccountKeys::open(bytes.as_bytes(), &account.master, owner, known).map_err(damaged)?;
        account.saw_keys(keys.generation());
        account.knows_keys(value.version.clone());
        if told.is_some() {
            account.has_heard_of(told.as_ref());
        }
        self.take_share_keys(&keys);
        Ok((keys, value.version))
    }
}

/// A change to `^!keys`.
pub(crate) type Edit = Box<dyn FnOnce(&mut KeysEdit<'_>) -> Result<(), mega_crypto::Error> + Send>;

/// KEY-8: a key that the service once handed out may be known to it, so nobody new is given it.
pub(super) fn untrusted() -> Error {
    Error::new(
        ErrorKind::Unsupported,
        "the folder has a share key from the time before the account had safe keys, which must not serve for new receivers; \
         share a new folder and move the content there",
    )
}

/// An attribute that cannot be read is left alone: only a client that could read it may write it.
pub(super) fn damaged(error: mega_crypto::Error) -> Error {
    Error::new(
        ErrorKind::Key,
        "the keys of the account's shares cannot be used, so nothing was changed",
    )
    .caused_by(error)
}

//! A session that died is opened again within the call that notices it, if the caller has given the means (otherwise LOG-8 holds: the library
//! never signs in by itself).

use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use mega_protocol::{Identity, SessionId};

use super::guard::LoginGuard;
use super::login::{SignIn, rejected};
use super::{Account, Credentials};
use crate::Client;
use crate::error::Result;

/// How to open another session.
#[derive(Clone, Debug)]
pub(crate) struct Renewal {
    pub(crate) credentials: Credentials,
    pub(crate) guard: Option<LoginGuard>,
    pub(crate) origin: String,
}

impl Client {
    /// The session in whose name requests go; `None` for public links.
    pub(crate) fn session_in_use(&self) -> Option<SessionId> {
        Some(self.account().ok()?.session_id())
    }

    /// Opens another session in place of one that died, once for everybody who notices. `false` if the caller has not given the means, or has
    /// signed out.
    ///
    /// Cancel safety: a renewal that is dropped may leave a session open on the service.
    pub(crate) async fn renewed(&self, dead: &SessionId) -> Result<bool> {
        let (Some(renewal), Ok(account)) = (&self.options().renewal, self.account()) else {
            return Ok(false);
        };
        let _turn = account.renewing.lock().await;
        // LOG-8: who has signed out wants no session.
        if account.signed_out.load(Ordering::SeqCst) {
            return Ok(false);
        }
        if account.session_id() != *dead {
            return Ok(true);
        }
        self.renew(account, renewal)
            .await
            .map_err(|error| error.during("renew session"))?;
        Ok(true)
    }

    async fn renew(&self, account: &Account, renewal: &Renewal) -> Result<()> {
        let api = self.api().with_identity(Identity::Anonymous);
        let mut credentials = renewal.credentials.clone();
        let changed = account
            .new_password
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        if let Some(password) = changed {
            credentials.password = password;
        }
        let sign_in = SignIn {
            api: &api,
            options: self.options(),
            credentials: &credentials,
            guard: renewal.guard.as_ref(),
            origin: &renewal.origin,
        };
        let opening = sign_in.opening().await?;
        // LOG-5: another account, or another master key, is an error and not a switch.
        if opening.user != account.user || opening.master != account.master {
            return Err(rejected());
        }
        tracing::info!("the session had ended and was opened again");
        let identity = Identity::Session(opening.session.id.clone());
        *account
            .session
            .write()
            .unwrap_or_else(PoisonError::into_inner) = opening.session;
        self.api().set_identity(identity);
        Ok(())
    }
}

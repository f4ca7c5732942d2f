//! Signing in: from an address and a password to a checked master key and a session (crypto-and-accounts 2).
//!
//! Nothing that the server sends at sign-in is believed before it has been checked, and nothing is sent back when a check fails
//! (threat model, sections 4 and 5; INV-5, INV-6). All failed checks give one and the same error, no earlier than a fixed time after the reply.

use std::time::Duration;

use mega_crypto::SessionKey;
use mega_crypto::account_keys::Generation;
use mega_crypto::login::{SessionMaterial, SignedIn};
use mega_crypto::password::{LoginSecret, derive_v1, derive_v2};
use mega_crypto::rsa::Expected;
use mega_crypto::totp::TotpSecret;
use mega_protocol::commands::{AccountVersion, Login, LoginReply, Prelogin, SessionGrant};
use mega_protocol::{Api, Identity};
use mega_protocol::{ApiCode, SessionId};
use tokio::time::Instant;
use zeroize::Zeroizing;

use super::credentials::{Credentials, FactorSource};
use super::guard::{LoginGuard, Seen, Verdict, unix_now};
use super::open::{self, Opening};
use super::pins::{self, Pins};
use super::{OpenSession, session};
use crate::builder::ClientBuilder;
use crate::chance::rng;
use crate::error::{Error, ErrorKind, Result};
use crate::options::Options;
use crate::{Client, blocking};

/// Signs in.
pub(crate) async fn login(builder: &ClientBuilder, credentials: &Credentials) -> Result<Client> {
    let api = builder.api()?;
    let guard = builder.guard()?;
    let opening = SignIn {
        api: &api,
        options: &builder.options,
        credentials,
        guard: guard.as_ref(),
        origin: builder.origin_text(),
    };
    let opening = opening.opening().await?;
    let known = opening.generation;
    let client = open::open(builder, api, opening).await?;
    let seen = client.account()?.keys_generation();
    if let (Some(guard), Some(seen)) = (&guard, seen)
        && known.is_none_or(|known| known.get() < seen.get())
    {
        // PST-8: the next program must not be shown older keys.
        let noted = async {
            let mut guarded = guard
                .lock(builder.origin_text(), &credentials.email)
                .await?;
            let account = client.account()?;
            let account = pins::fingerprint(account.user, &account.master);
            guarded.record.saw(account, seen);
            guarded.write().await
        };
        if let Err(error) = noted.await {
            tracing::warn!(%error, "the generation of the keys cannot be noted for the next program");
        }
    }
    Ok(client)
}

/// The higher one of what a session remembers and what a guard does of the same account.
fn remembered(opening: &Opening, guard: Option<&Seen>) -> Option<Generation> {
    let account = pins::fingerprint(opening.user, &opening.master);
    let seen = guard.and_then(|seen| seen.of(&account));
    let highest = |generation: Option<Generation>| generation.map_or(0, Generation::get);
    let highest = highest(opening.generation).max(highest(seen));
    (highest > 0).then(|| Generation::new(highest))
}

/// Everything a sign-in needs.
pub(crate) struct SignIn<'a> {
    /// A handle of its own; it speaks in the name of the session afterwards.
    pub(crate) api: &'a Api,
    pub(crate) options: &'a Options,
    pub(crate) credentials: &'a Credentials,
    pub(crate) guard: Option<&'a LoginGuard>,
    pub(crate) origin: &'a str,
}

impl SignIn<'_> {
    /// Gets a session: one that an earlier program left, if a guard knows it, or a new one.
    pub(crate) async fn opening(&self) -> Result<Opening> {
        let Some(guard) = self.guard else {
            return Ok(self.with_password(None).await?.0);
        };
        let password = &self.credentials.password;
        let mut guarded = guard.lock(self.origin, &self.credentials.email).await?;
        while let Some(saved) = guarded.session(password).await {
            let tried = guarded.record.session.take();
            let seen = guarded.record.seen.clone();
            // Others may look meanwhile; taking a session over needs no turn.
            drop(guarded);
            match session::reopen(self.api, self.options, &saved).await {
                Ok(mut opening) => {
                    opening.email = Some(self.credentials.email.clone());
                    opening.generation = remembered(&opening, seen.as_ref());
                    return Ok(opening);
                }
                Err(error) if error.kind() == ErrorKind::SessionExpired => {}
                Err(error) => {
                    if error.kind() == ErrorKind::ServerMaterialRejected {
                        // LOG-7: it counts, and is not tried again with this session.
                        let mut guarded = guard.lock(self.origin, &self.credentials.email).await?;
                        if guarded.record.session == tried {
                            guarded.record.session = None;
                        }
                        guarded.record.ended(unix_now(), Some(&error));
                        guarded.write().await?;
                    }
                    return Err(error);
                }
            }
            self.api.set_identity(Identity::Anonymous);
            guarded = guard.lock(self.origin, &self.credentials.email).await?;
            if guarded.record.session == tried {
                guarded.record.session = None;
            }
        }
        match guarded.record.verdict(unix_now()) {
            Verdict::Go => {}
            Verdict::Wait(time) => tokio::time::sleep(time).await,
            Verdict::Refuse(time) => {
                return Err(Error::new(
                    ErrorKind::RateLimited,
                    format!(
                        "one more sign-in could get the account blocked; not before {} seconds have passed",
                        time.as_secs()
                    ),
                )
                .with_retry_after(Some(time)));
            }
        }
        // Noted before it is sent: a program that ends now has signed in perhaps.
        guarded.record.sending(unix_now());
        guarded.write().await?;
        let mut result = self.with_password(guarded.record.version).await;
        if let Ok((opening, _)) = &mut result {
            opening.generation = remembered(opening, guarded.record.seen.as_ref());
        }
        guarded.record.ended(unix_now(), result.as_ref().err());
        if let Ok((opening, version)) = &result {
            guarded.record.version = guarded.record.version.max(Some(*version));
            let pins = Pins {
                generation: None,
                version: Some(*version),
                rsa: opening.rsa.as_ref().map(|rsa| rsa.public_key().pin()),
            };
            let saved = session::wrap(&opening.master, &opening.session, pins);
            guarded.record.session = match saved {
                Ok(saved) => saved.seal(password).await.ok().map(Zeroizing::new),
                Err(_) => None,
            };
        }
        match (guarded.write().await, result) {
            (Err(error), Ok((opening, _))) => {
                tracing::warn!(%error, "the session cannot be left for the next program");
                Ok(opening)
            }
            (_, result) => result.map(|(opening, _)| opening),
        }
    }

    /// Signs in with the password. `pinned` is the version that the account once had (LOG-1). Gives the version, too.
    async fn with_password(&self, pinned: Option<u8>) -> Result<(Opening, u8)> {
        let (api, credentials) = (self.api, self.credentials);
        let (secret, version) = derive(api, self.options, credentials, pinned).await?;
        let (reply, sek) = ask(api, credentials, &secret).await?;
        let deadline = Instant::now() + self.options.verdict_delay;
        let material =
            blocking(move || check(&secret, &reply).map(|checked| (checked, reply))).await;
        // LOG-6: right or wrong, the verdict comes at the same time.
        tokio::time::sleep_until(deadline).await;
        let (checked, reply) = material?;
        let id = SessionId::from_bytes(*checked.session.expose_secret());
        api.set_identity(Identity::Session(id.clone()));
        // The server's stored value wins; it is what a later resume will be answered with (crypto-and-accounts 2.8).
        let key = match &reply.session_key {
            Some(stored) => SessionKey::from_slice(stored.expose_secret()).ok(),
            None => Some(sek),
        };
        let opening = Opening {
            user: reply.user,
            email: Some(credentials.email.clone()),
            master: checked.master,
            session: OpenSession { id, key },
            rsa: checked.private_key,
            version: Some(version),
            generation: None,
            ephemeral: None,
        };
        Ok((opening, version))
    }
}

/// Asks for the account's version and derives what the password gives.
async fn derive(
    api: &Api,
    options: &Options,
    credentials: &Credentials,
    pinned: Option<u8>,
) -> Result<(LoginSecret, u8)> {
    let answer = api
        .send(Prelogin::new(credentials.email.clone()))
        .await
        .map_err(|error| sign_in_error(error.into()))?;
    let email = credentials.email.clone();
    let password = Zeroizing::new(credentials.password.as_str().to_owned());
    match answer.reply {
        AccountVersion::V1 => {
            check_old_kind(options, pinned)?;
            blocking(move || Ok((derive_v1(&password, &email), 1))).await
        }
        AccountVersion::V2 { salt } => {
            // LOG-2: a short salt would make precomputation worth while.
            if !(16..=64).contains(&salt.len()) {
                return Err(rejected());
            }
            let secret =
                blocking(move || derive_v2(&password, salt.as_bytes()).map_err(|_| rejected()));
            Ok((secret.await?, 2))
        }
        _ => Err(Error::new(
            ErrorKind::Unsupported,
            "the account is of an unknown version",
        )),
    }
}

/// LOG-1: whether the service may say that the account is of version 1. `known` is the version that it once had.
pub(super) fn check_old_kind(options: &Options, known: Option<u8>) -> Result<()> {
    let why = if known >= Some(2) {
        "the service says that this is an account of the old kind (version 1), which it was not before; accounts never go back"
    } else if !options.allow_legacy_v1 {
        "the service says that this is an account of the old kind (version 1), which is not allowed; \
         if it really is, use `allow_legacy_v1`"
    } else {
        return Ok(());
    };
    Err(Error::new(ErrorKind::ServerMaterialRejected, why))
}

/// Sends the proof of the password and, where the service asks for one, the second factor.
async fn ask(
    api: &Api,
    credentials: &Credentials,
    secret: &LoginSecret,
) -> Result<(LoginReply, SessionKey)> {
    let sek = SessionKey::random(&mut rng());
    let hash = mega_crypto::base64::decode(secret.uh().as_str()).map_err(|_| rejected())?;
    let mut command = Login::new(credentials.email.clone(), hash);
    command.session_key = Some((*sek.expose_secret()).into());
    match api.send(command.clone()).await.map_err(Error::from) {
        Ok(answer) => return Ok((answer.reply, sek)),
        Err(error) if error.code() == Some(ApiCode::EMFAREQUIRED) => {}
        Err(error) => return Err(sign_in_error(error)),
    }
    let Some(factor) = credentials.second_factor.clone() else {
        return Err(Error::new(
            ErrorKind::SecondFactorRequired,
            "the account is protected by a second factor",
        )
        .with_code(ApiCode::EMFAREQUIRED));
    };
    let code = code_of(factor.0).await?;
    command.second_factor = Some(code.as_str().into());
    match api.send(command).await.map_err(Error::from) {
        Ok(answer) => Ok((answer.reply, sek)),
        Err(error) if matches!(error.code(), Some(ApiCode::EFAILED | ApiCode::EMFAREQUIRED)) => {
            Err(wrong_code(error))
        }
        Err(error) => Err(sign_in_error(error)),
    }
}

/// The service takes a code once, and only while it lasts.
pub(super) fn wrong_code(error: Error) -> Error {
    let code = error.code().unwrap_or(ApiCode::EFAILED);
    Error::new(
        ErrorKind::SecondFactorWrong,
        "the code of the second factor is wrong or was used before",
    )
    .with_code(code)
    .caused_by(error)
}

pub(super) async fn code_of(source: FactorSource) -> Result<Zeroizing<String>> {
    match source {
        FactorSource::Code(code) => Ok(code),
        FactorSource::Secret(secret) => {
            let now = crate::chance::time_of_day()
                .duration_since(std::time::SystemTime::UNIX_EPOCH)
                .unwrap_or(Duration::ZERO)
                .as_secs();
            let secret = TotpSecret::from_base32(&secret).map_err(|error| {
                Error::misuse("the secret of the second factor is not base32").caused_by(error)
            })?;
            Ok(secret.code_at(now))
        }
        FactorSource::Ask(ask) => {
            blocking(move || {
                ask().map(Zeroizing::new).ok_or_else(|| {
                    Error::new(
                        ErrorKind::SecondFactorRequired,
                        "no code for the second factor was given",
                    )
                })
            })
            .await
        }
    }
}

/// LOG-3, LOG-4, RSA-1 to RSA-11. One error for everything.
fn check(secret: &LoginSecret, reply: &LoginReply) -> Result<SignedIn> {
    let session = match (&reply.session, &reply.private_key) {
        (SessionGrant::Temporary(tsid), _) => SessionMaterial::Temporary {
            tsid: tsid.expose_secret(),
        },
        (SessionGrant::Rsa(csid), Some(privk)) => SessionMaterial::Encrypted {
            csid: csid.as_bytes(),
            privk: privk.as_bytes(),
        },
        _ => return Err(rejected()),
    };
    let reply = mega_crypto::login::Reply {
        user: mega_crypto::UserHandle::from_bytes(reply.user.to_bytes()),
        k: reply.master_key,
        session,
    };
    mega_crypto::login::sign_in(
        secret.password_key(),
        &reply,
        &Expected::default(),
        &mut rng(),
    )
    .map_err(|_| rejected())
}

/// RSA-11: the one error for everything that is wrong with what the server sent.
pub(crate) fn rejected() -> Error {
    Error::new(
        ErrorKind::ServerMaterialRejected,
        "what the service sent does not pass the checks (wrong password, or a service that cannot be trusted)",
    )
}

/// The service's codes mean special things at sign-in (crypto-and-accounts 2.11). What it said is the source of the error.
fn sign_in_error(error: Error) -> Error {
    let Some(code) = error.code() else {
        return error;
    };
    let (kind, text) = match code {
        ApiCode::ENOENT => (
            ErrorKind::BadCredentials,
            "wrong e-mail address or password, or no such account",
        ),
        ApiCode::EINCOMPLETE => (
            ErrorKind::Unconfirmed,
            "the account was never confirmed by mail",
        ),
        ApiCode::EBLOCKED => (ErrorKind::Blocked, "the account is blocked"),
        ApiCode::ETOOMANY => (
            ErrorKind::RateLimited,
            "too many sign-ins; the service takes none for a while",
        ),
        _ => return error,
    };
    // The web client makes people wait an hour.
    let wait = match kind {
        ErrorKind::RateLimited => Some(Duration::from_secs(3600)),
        _ => error.retry_after(),
    };
    Error::new(kind, text)
        .with_code(code)
        .with_retry_after(wait)
        .caused_by(error)
}

//! `us`: signing in, resuming a session, copying one (crypto-and-accounts 2.5 to 2.8).

use crate::json::{DecodeError, Object, ObjectWriter, Value};
use crate::{
    Blob, Command, Effect, Lane, PrivateText, ReplyError, Secret, SequenceNumber, SessionId,
    UserHandle,
};

/// Signs in with a password hash. Travels alone, needs no session.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Login {
    /// The e-mail address, or the text of a user handle for an anonymous account.
    pub user: PrivateText,
    /// The authentication hash (`uh`): 8 bytes for version 1 accounts, 16 for version 2; none for
    /// anonymous accounts.
    pub hash: Option<Secret>,
    /// The one-time code of the second factor.
    pub second_factor: Option<PrivateText>,
    /// 16 random bytes that the service keeps with the session (`sek`).
    pub session_key: Option<Secret>,
    /// SHA-256 of a device id (`si`).
    pub device: Option<Blob>,
}

impl Login {
    /// Signs in as `user` with this authentication hash.
    pub fn new(user: impl Into<PrivateText>, hash: impl Into<Secret>) -> Self {
        Self {
            user: user.into(),
            hash: Some(hash.into()),
            second_factor: None,
            session_key: None,
            device: None,
        }
    }

    /// Opens an anonymous account, which has no password hash.
    pub fn ephemeral(user: UserHandle) -> Self {
        Self {
            user: user.to_string().into(),
            hash: None,
            second_factor: None,
            session_key: None,
            device: None,
        }
    }
}

/// The answer to a sign-in. Nothing in it is proven yet: see crypto-and-accounts 2.6.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LoginReply {
    /// The account (`u`).
    pub user: UserHandle,
    /// The master key, encrypted with the password key (`k`).
    pub master_key: [u8; 16],
    /// The session.
    pub session: SessionGrant,
    /// The RSA private key, encrypted with the master key (`privk`).
    pub private_key: Option<Blob>,
    /// The session-encryption key the service keeps (`sek`), 16 bytes.
    pub session_key: Option<Secret>,
    /// Whether achievements are enabled (`ach`).
    pub achievements: bool,
}

/// The session id, in one of its two wrappings.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SessionGrant {
    /// For an account without a key pair, in clear; it must pass the master key's check
    /// (crypto-and-accounts 2.6.1).
    Temporary(SessionId),
    /// Encrypted to the account's RSA key, as an MPI of at least 32 bytes.
    Rsa(Blob),
}

/// Checks that a session still lives, without a password. The session is the identity of the
/// request. Travels alone.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ResumeSession {
    /// 16 new random bytes (`sek`).
    pub session_key: Option<Secret>,
    /// SHA-256 of a device id (`si`).
    pub device: Option<Blob>,
    /// The position of the local tree (`sn`), so that the service can say whether it still serves.
    pub sequence_number: Option<SequenceNumber>,
}

impl ResumeSession {
    /// Resumes with this new session-encryption key.
    pub fn new(session_key: impl Into<Secret>) -> Self {
        Self {
            session_key: Some(session_key.into()),
            ..Self::default()
        }
    }
}

/// The answer to [`ResumeSession`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ResumeReply {
    /// The account (`u`).
    pub user: Option<UserHandle>,
    /// The session-encryption key the service keeps (`sek`), 16 bytes: with it the stored master
    /// key is decrypted.
    pub session_key: Option<Secret>,
    /// The encrypted RSA private key.
    pub private_key: Option<Blob>,
    /// The session of an account without a key pair.
    pub temporary: Option<SessionId>,
    /// The master key encrypted with the password key, if the service repeats it.
    pub master_key: Option<Blob>,
    /// Whether the service rejected the position sent: the local tree must be fetched anew.
    pub cache_rejected: bool,
    /// Whether achievements are enabled.
    pub achievements: bool,
}

/// Makes a second session of the same account, for another program. Travels alone.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct CopySession {}

impl CopySession {
    /// Asks for a second session.
    pub fn new() -> Self {
        Self {}
    }
}

/// The answer to [`CopySession`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CopiedSession {
    /// The new session, encrypted to the account's RSA key.
    pub session: Blob,
}

impl Command for Login {
    type Reply = LoginReply;

    fn name(&self) -> &str {
        "us"
    }

    fn lane(&self) -> Lane {
        Lane::Alone
    }

    // A lost answer leaves at most one more session behind. Reporting that as an unknown outcome
    // would only tempt callers to sign in again (threat model 11.2).
    fn effect(&self) -> Effect {
        Effect::Read
    }

    fn encode(&self, fields: &mut ObjectWriter<'_>) {
        fields.text("user", self.user.expose());
        if let Some(hash) = &self.hash {
            fields.blob("uh", hash.expose_secret());
        }
        if let Some(code) = &self.second_factor {
            fields.text("mfa", code.expose());
        }
        write_common(fields, self.session_key.as_ref(), self.device.as_ref());
    }

    fn decode(&self, reply: Value<'_>) -> Result<LoginReply, ReplyError> {
        let reply = reply.object()?;
        let key: Blob = reply.read("k")?;
        let master_key = key
            .as_bytes()
            .try_into()
            .map_err(|_| DecodeError::field("k", "a master key has 16 bytes"))?;
        Ok(LoginReply {
            user: reply.read("u")?,
            master_key,
            session: session(&reply)?,
            private_key: reply.read_opt("privk")?,
            session_key: session_key(&reply)?,
            achievements: reply.flag("ach"),
        })
    }
}

impl Command for ResumeSession {
    type Reply = ResumeReply;

    fn name(&self) -> &str {
        "us"
    }

    fn lane(&self) -> Lane {
        Lane::Alone
    }

    fn effect(&self) -> Effect {
        Effect::Read
    }

    fn encode(&self, fields: &mut ObjectWriter<'_>) {
        write_common(fields, self.session_key.as_ref(), self.device.as_ref());
        if let Some(position) = self.sequence_number {
            fields.shown("sn", position);
        }
    }

    fn decode(&self, reply: Value<'_>) -> Result<ResumeReply, ReplyError> {
        let reply = reply.object()?;
        Ok(ResumeReply {
            user: reply.read_opt("u")?,
            session_key: session_key(&reply)?,
            private_key: reply.read_opt("privk")?,
            temporary: temporary(&reply)?,
            master_key: reply.read_opt("k")?,
            cache_rejected: reply.get("sn").and_then(Value::as_i64) == Some(0),
            achievements: reply.flag("ach"),
        })
    }
}

impl Command for CopySession {
    type Reply = CopiedSession;

    fn name(&self) -> &str {
        "us"
    }

    fn lane(&self) -> Lane {
        Lane::Alone
    }

    fn effect(&self) -> Effect {
        Effect::Read
    }

    fn encode(&self, fields: &mut ObjectWriter<'_>) {
        fields.number("c", 1);
    }

    fn decode(&self, reply: Value<'_>) -> Result<CopiedSession, ReplyError> {
        Ok(CopiedSession {
            session: reply.object()?.read("csid")?,
        })
    }
}

fn write_common(
    fields: &mut ObjectWriter<'_>,
    session_key: Option<&Secret>,
    device: Option<&Blob>,
) {
    if let Some(key) = session_key {
        fields.blob("sek", key.expose_secret());
    }
    if let Some(device) = device {
        fields.blob("si", device.as_bytes());
    }
}

fn session(reply: &Object<'_>) -> Result<SessionGrant, DecodeError> {
    // `tsid` wins when both are there (crypto-and-accounts 2.6).
    if let Some(id) = temporary(reply)? {
        return Ok(SessionGrant::Temporary(id));
    }
    let encrypted: Blob = reply.read("csid")?;
    if encrypted.len() < 32 {
        return Err(DecodeError::field("csid", "at least 32 bytes"));
    }
    Ok(SessionGrant::Rsa(encrypted))
}

fn temporary(reply: &Object<'_>) -> Result<Option<SessionId>, DecodeError> {
    let Some(text) = reply.text_opt("tsid")? else {
        return Ok(None);
    };
    text.parse()
        .map(Some)
        .map_err(|_| DecodeError::field("tsid", "a session id has 43 bytes"))
}

fn session_key(reply: &Object<'_>) -> Result<Option<Secret>, DecodeError> {
    let Some(key) = reply.read_opt::<Blob>("sek")? else {
        return Ok(None);
    };
    if key.len() != 16 {
        return Err(DecodeError::field("sek", "a session key has 16 bytes"));
    }
    Ok(Some(Secret::new(key.into_bytes())))
}

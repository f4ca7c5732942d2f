//! `sml`, `usl`, `usr`: ending and listing sessions (crypto-and-accounts 2.13).

use super::done;
use crate::json::{DecodeError, ObjectWriter, Value};
use crate::{Command, Effect, Lane, PrivateText, ReplyError, SessionNumber};

/// Ends the current session. Travels alone.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Logout {}

impl Logout {
    /// Ends the current session.
    pub fn new() -> Self {
        Self {}
    }
}

/// Lists the account's sessions.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct ListSessions {}

impl ListSessions {
    /// Lists the account's sessions.
    pub fn new() -> Self {
        Self {}
    }
}

/// One session of the account.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionInfo {
    /// When it began, Unix seconds.
    pub created: i64,
    /// When it was last used, Unix seconds.
    pub last_used: i64,
    /// What the client called itself.
    pub user_agent: String,
    /// The address it came from.
    pub address: PrivateText,
    /// Two letters of the country.
    pub country: String,
    /// Whether it is the session that asks.
    pub current: bool,
    /// Its number, for [`EndSessions`].
    pub number: Option<SessionNumber>,
    /// Whether it still lives.
    pub alive: bool,
    /// The device id, if the client gave one.
    pub device: Option<String>,
}

/// Ends other sessions.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum EndSessions {
    /// All but the current one.
    Others,
    /// These.
    These(Vec<SessionNumber>),
}

impl Command for Logout {
    type Reply = ();

    fn name(&self) -> &str {
        "sml"
    }

    fn lane(&self) -> Lane {
        Lane::Alone
    }

    fn effect(&self) -> Effect {
        Effect::Mutation
    }

    fn encode(&self, _fields: &mut ObjectWriter<'_>) {}

    fn decode(&self, reply: Value<'_>) -> Result<(), ReplyError> {
        done(reply)
    }
}

impl Command for ListSessions {
    type Reply = Vec<SessionInfo>;

    fn name(&self) -> &str {
        "usl"
    }

    fn effect(&self) -> Effect {
        Effect::Read
    }

    fn encode(&self, fields: &mut ObjectWriter<'_>) {
        fields.number("x", 1).number("d", 1);
    }

    fn decode(&self, reply: Value<'_>) -> Result<Vec<SessionInfo>, ReplyError> {
        reply
            .array()?
            .into_iter()
            .map(|row| session(row).map_err(ReplyError::from))
            .collect()
    }
}

fn session(row: Value<'_>) -> Result<SessionInfo, DecodeError> {
    let row = row.array()?;
    let at = |i: usize| row.get(i).copied();
    let number = |i| {
        at(i)
            .and_then(Value::as_i64)
            .ok_or(DecodeError::new("a session row lacks a number"))
    };
    let text = |i| {
        at(i)
            .and_then(|v| v.as_text().map(|t| t.into_owned()))
            .unwrap_or_default()
    };
    Ok(SessionInfo {
        created: number(0)?,
        last_used: number(1)?,
        user_agent: text(2),
        address: text(3).into(),
        country: text(4),
        current: number(5)? != 0,
        number: at(6).and_then(|v| v.read().ok()),
        alive: at(7).and_then(Value::as_i64).is_some_and(|n| n != 0),
        device: Some(text(8)).filter(|t| !t.is_empty()),
    })
}

impl Command for EndSessions {
    type Reply = ();

    fn name(&self) -> &str {
        "usr"
    }

    fn effect(&self) -> Effect {
        Effect::Mutation
    }

    fn encode(&self, fields: &mut ObjectWriter<'_>) {
        match self {
            Self::Others => {
                fields.number("ko", 1);
            }
            Self::These(numbers) => {
                fields.array("s", |list| {
                    for number in numbers {
                        list.shown(number);
                    }
                });
            }
        }
    }

    fn decode(&self, reply: Value<'_>) -> Result<(), ReplyError> {
        done(reply)
    }
}

//! Any command at all, for what this crate does not have.

use std::fmt;

use crate::json::{DecodeError, ObjectWriter, Value};
use crate::{Command, Effect, Lane, ReplyError, ReplyForm};

/// A command given by name and JSON, whose reply comes as JSON.
///
/// ```
/// use mega_protocol::commands::RawCommand;
/// use mega_protocol::{Effect, EncodedCommand};
///
/// let command = RawCommand::new("gsur", Effect::Read).member("t", "[1,2]")?;
/// assert_eq!(EncodedCommand::new(&command).expose_json(), br#"{"a":"gsur","t":[1,2]}"#);
/// # Ok::<(), mega_protocol::json::DecodeError>(())
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct RawCommand {
    name: String,
    members: Vec<(String, String)>,
    /// In which company it travels.
    pub lane: Lane,
    /// Whether it changes something. When in doubt, say that it does.
    pub effect: Effect,
    /// How its reply may carry a tag.
    pub form: ReplyForm,
}

impl RawCommand {
    /// A command of this name, without members.
    pub fn new(name: impl Into<String>, effect: Effect) -> Self {
        let form = match effect {
            Effect::Read => ReplyForm::Plain,
            _ => ReplyForm::Value,
        };
        Self {
            name: name.into(),
            members: Vec::new(),
            lane: Lane::Ordered,
            effect,
            form,
        }
    }

    /// Adds a member whose value is this JSON text.
    ///
    /// # Errors
    ///
    /// When the text is not one JSON value.
    pub fn member(mut self, name: &str, json: &str) -> Result<Self, DecodeError> {
        Value::parse(json.as_bytes())?;
        self.members.push((name.to_owned(), json.to_owned()));
        Ok(self)
    }
}

impl fmt::Debug for RawCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RawCommand({})", self.name)
    }
}

/// The reply to a [`RawCommand`], as JSON text.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RawReply {
    /// The text.
    pub json: String,
}

impl fmt::Debug for RawReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RawReply({} bytes)", self.json.len())
    }
}

impl Command for RawCommand {
    type Reply = RawReply;

    fn name(&self) -> &str {
        &self.name
    }

    fn lane(&self) -> Lane {
        self.lane
    }

    fn effect(&self) -> Effect {
        self.effect
    }

    fn form(&self) -> ReplyForm {
        self.form
    }

    fn encode(&self, fields: &mut ObjectWriter<'_>) {
        for (name, json) in &self.members {
            fields.raw(name, json.as_bytes());
        }
    }

    fn decode(&self, reply: Value<'_>) -> Result<RawReply, ReplyError> {
        let json = String::from_utf8(reply.as_bytes().to_vec())
            .map_err(|_| DecodeError::new("the reply is not UTF-8"))?;
        Ok(RawReply { json })
    }
}

//! What a command is: a name, fields, and the shape of its answer.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use zeroize::Zeroizing;

use crate::code::ApiCode;
use crate::error::{Error, Refusal};
use crate::json::{DecodeError, ObjectWriter, Value};
use crate::sequence::SequenceTag;

/// A command the service understands, and how its answer is read.
///
/// Implement it for a command that this crate does not have, or use
/// [`RawCommand`](crate::commands::RawCommand).
///
/// ```
/// use mega_protocol::{Command, Effect, ReplyError, json};
///
/// /// Asks for the address this client is seen from.
/// struct OwnAddress;
///
/// impl Command for OwnAddress {
///     type Reply = String;
///
///     fn name(&self) -> &str {
///         "wmip"
///     }
///
///     fn effect(&self) -> Effect {
///         Effect::Read
///     }
///
///     fn encode(&self, _fields: &mut json::ObjectWriter<'_>) {}
///
///     fn decode(&self, reply: json::Value<'_>) -> Result<String, ReplyError> {
///         Ok(reply.read()?)
///     }
/// }
/// ```
pub trait Command {
    /// The answer, decoded.
    type Reply;

    /// The name on the wire, the member `a`.
    fn name(&self) -> &str;

    /// In which company the command travels.
    fn lane(&self) -> Lane {
        Lane::Ordered
    }

    /// Whether the command changes something.
    fn effect(&self) -> Effect;

    /// How the reply of this command may carry a sequence tag.
    fn form(&self) -> ReplyForm {
        ReplyForm::Plain
    }

    /// Writes the members that follow `a`.
    fn encode(&self, fields: &mut ObjectWriter<'_>);

    /// Reads the reply, from which tag and error codes have been taken already. A command of
    /// [`ReplyForm::Done`] gets the number 0 where the service sent just a tag.
    ///
    /// # Errors
    ///
    /// When the reply is not of the shape it must have, or is a refusal inside an object.
    fn decode(&self, reply: Value<'_>) -> Result<Self::Reply, ReplyError>;
}

impl<C: Command + ?Sized> Command for &C {
    type Reply = C::Reply;

    fn name(&self) -> &str {
        (**self).name()
    }

    fn lane(&self) -> Lane {
        (**self).lane()
    }

    fn effect(&self) -> Effect {
        (**self).effect()
    }

    fn form(&self) -> ReplyForm {
        (**self).form()
    }

    fn encode(&self, fields: &mut ObjectWriter<'_>) {
        (**self).encode(fields);
    }

    fn decode(&self, reply: Value<'_>) -> Result<Self::Reply, ReplyError> {
        (**self).decode(reply)
    }
}

/// In which company a command travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Lane {
    /// With others, in the order asked, one batch at a time.
    Ordered,
    /// On the second lane, which does not wait for the first: download addresses.
    Lockless,
    /// In the ordered lane, but alone in its batch.
    Alone,
}

/// Whether a command changes something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Effect {
    /// It only asks. When no answer comes, nothing is lost.
    Read,
    /// It changes the account. When no answer comes, the outcome is unknown (RTY-6).
    Mutation,
}

/// How the reply of a command may carry a sequence tag (api-and-transfers 2.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ReplyForm {
    /// Never: a string is a string and an array an array.
    Plain,
    /// The tag is the whole reply (`"<st>"`), or there is none (`0`), or `["<st>", result]`.
    Done,
    /// `["<st>", result]`, or `[0, result]`, or in the older dialect the bare result.
    Value,
    /// As [`ReplyForm::Value`], for a result that itself is an array: only an array of two whose
    /// second element is an array is a tagged one.
    List,
}

/// The answer to a command.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Answer<R> {
    /// The decoded reply.
    pub reply: R,
    /// The tag that the event packets of this change carry. When the packet with this tag has been
    /// applied, the change is in the local tree.
    pub tag: Option<SequenceTag>,
    /// Whether an earlier attempt of the same request may have reached the service. Its id was the
    /// same, so the service has normally executed it once; a service that forgot the id has
    /// executed it twice.
    pub repeated: bool,
}

/// Why a reply was not an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReplyError {
    /// The reply is not of the shape it must have.
    Malformed(DecodeError),
    /// The reply is a refusal.
    Refused {
        /// The service's code.
        code: ApiCode,
        /// How long the service says to wait.
        retry_after: Option<Duration>,
    },
}

impl From<DecodeError> for ReplyError {
    fn from(error: DecodeError) -> Self {
        Self::Malformed(error)
    }
}

impl From<crate::handle::InvalidHandle> for ReplyError {
    fn from(_: crate::handle::InvalidHandle) -> Self {
        Self::Malformed(DecodeError::new("malformed handle"))
    }
}

/// A command written down, ready for a batch. The text may hold secrets and is wiped when dropped.
#[derive(Clone)]
pub struct EncodedCommand {
    name: Cow<'static, str>,
    lane: Lane,
    effect: Effect,
    json: Zeroizing<Vec<u8>>,
}

impl EncodedCommand {
    /// Writes the command.
    pub fn new<C: Command + ?Sized>(command: &C) -> Self {
        let mut json = Vec::with_capacity(128);
        ObjectWriter::write(&mut json, |fields| {
            fields.text("a", command.name());
            command.encode(fields);
        });
        Self {
            name: Cow::Owned(command.name().to_owned()),
            lane: command.lane(),
            effect: command.effect(),
            json: Zeroizing::new(json),
        }
    }

    /// The name on the wire.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// In which company it travels.
    pub fn lane(&self) -> Lane {
        self.lane
    }

    /// Whether it changes something.
    pub fn effect(&self) -> Effect {
        self.effect
    }

    /// The JSON object.
    pub fn expose_json(&self) -> &[u8] {
        &self.json
    }
}

impl fmt::Debug for EncodedCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "EncodedCommand({}, {} bytes)",
            self.name,
            self.json.len()
        )
    }
}

/// Reads the reply element of one command: error codes, tag, then the command's own decoding.
///
/// # Errors
///
/// [`Error::Refused`] with the service's code; [`Error::Malformed`] when the element is not what it
/// must be. Whether a malformed reply leaves an outcome unknown is for the caller to say, who
/// knows the request: see [`Error::outcome_unknown`].
pub fn decode_reply<C: Command + ?Sized>(
    command: &C,
    element: &[u8],
) -> Result<Answer<C::Reply>, Error> {
    let malformed = |error: DecodeError| Error::malformed(command.name(), error);
    let value = Value::parse(element).map_err(malformed)?;
    if let Some(refusal) = refusal(command.name(), value) {
        return Err(Error::Refused(refusal));
    }
    let (tag, result) = split_tag(command.form(), value).map_err(malformed)?;
    let reply = command.decode(result).map_err(|error| match error {
        ReplyError::Malformed(error) => malformed(error),
        ReplyError::Refused { code, retry_after } => Error::Refused(
            Refusal::new(command.name().to_owned(), code).with_retry_after(retry_after),
        ),
    })?;
    Ok(Answer {
        reply,
        tag,
        repeated: false,
    })
}

/// The refusal that a reply element is, if it is one: a negative number, or an object whose first
/// member is `err`.
pub(crate) fn refusal(command: &str, value: Value<'_>) -> Option<Refusal> {
    let code = |n: i64| i32::try_from(n).ok().filter(|n| *n < 0).map(ApiCode::new);
    if value.is_object() {
        let object = value.object().ok()?;
        let (first, _) = object.members().next()?;
        if first != "err" {
            return None;
        }
        // Zero as a failure makes no sense; the SDK reads it as an internal error.
        let code = object
            .get("err")?
            .as_i64()
            .and_then(code)
            .unwrap_or(ApiCode::EINTERNAL);
        let status = |key| object.get(key).and_then(Value::as_i64);
        return Some(Refusal::new(command.to_owned(), code).with_states(status("u"), status("l")));
    }
    if value.is_string() {
        return None;
    }
    value
        .as_i64()
        .and_then(code)
        .map(|code| Refusal::new(command.to_owned(), code))
}

fn split_tag(
    form: ReplyForm,
    value: Value<'_>,
) -> Result<(Option<SequenceTag>, Value<'_>), DecodeError> {
    match form {
        ReplyForm::Plain => Ok((None, value)),
        ReplyForm::Done if value.is_string() => Ok((Some(value.read()?), Value::ZERO)),
        ReplyForm::Done | ReplyForm::Value | ReplyForm::List if value.is_array() => {
            let elements = value.array()?;
            match *elements.as_slice() {
                [tag, result] if form != ReplyForm::List || result.is_array() => {
                    let tag = if tag.as_i64() == Some(0) && !tag.is_string() {
                        None
                    } else {
                        Some(tag.read()?)
                    };
                    Ok((tag, result))
                }
                _ if form == ReplyForm::List => Ok((None, value)),
                _ => Err(DecodeError::new("a tagged reply has two elements")),
            }
        }
        _ => Ok((None, value)),
    }
}

//! `uga`, `up2`, `upv`, `upr`: attributes of accounts (api-and-transfers 5.10).

use std::collections::BTreeMap;

use crate::json::{ObjectWriter, Value};
use crate::{Blob, Command, Effect, PrivateText, ReplyError, ReplyForm, UserHandle};

/// Whose attribute is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AttributeOwner {
    /// The account of this handle.
    User(UserHandle),
    /// The account of this address.
    Email(PrivateText),
}

impl From<UserHandle> for AttributeOwner {
    fn from(user: UserHandle) -> Self {
        Self::User(user)
    }
}

impl AttributeOwner {
    pub(super) fn encode(&self, fields: &mut ObjectWriter<'_>) {
        match self {
            Self::User(user) => fields.shown("u", user),
            Self::Email(email) => fields.text("u", email.expose()),
        };
    }
}

/// The value of a user attribute.
///
/// Most values are bytes in base64; a few old ones (country, birthday) are plain text, so the text
/// is what is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AttributeValue {
    /// The value as sent.
    pub text: PrivateText,
    /// The service's version of the value, to be named when replacing it.
    pub version: Option<String>,
}

impl AttributeValue {
    /// The bytes, if the text is base64.
    pub fn decode(&self) -> Option<Blob> {
        Blob::from_text(self.text.expose())
    }

    /// Reads `{"av":..,"v":..}`, or a bare string where that is allowed.
    pub(super) fn read(value: Value<'_>, bare: bool) -> Option<Self> {
        if bare && value.is_string() {
            let text = PrivateText::new(value.as_text()?.into_owned());
            return Some(Self {
                text,
                version: None,
            });
        }
        let object = value.is_object().then(|| value.object().ok())??;
        Some(Self {
            text: PrivateText::new(object.get("av")?.as_text()?.into_owned()),
            version: object.read_opt("v").ok()?,
        })
    }
}

/// Asks for one attribute of an account.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FetchUserAttribute {
    /// Whose.
    pub owner: AttributeOwner,
    /// Which, for example `^!keys`.
    pub name: String,
}

impl FetchUserAttribute {
    /// Asks for the attribute `name` of `owner`.
    pub fn new(owner: impl Into<AttributeOwner>, name: impl Into<String>) -> Self {
        Self {
            owner: owner.into(),
            name: name.into(),
        }
    }
}

/// Sets one own attribute without regard to what was there (`up2`).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SetUserAttribute {
    /// Which.
    pub name: String,
    /// The value.
    pub value: Blob,
}

impl SetUserAttribute {
    /// Sets the attribute `name`.
    pub fn new(name: impl Into<String>, value: impl Into<Blob>) -> Self {
        Self {
            name: name.into(),
            value: value.into(),
        }
    }
}

/// Sets own attributes together, each only if it still has the version last read (`upv`). Fails
/// with [`ApiCode::EEXPIRED`](crate::ApiCode::EEXPIRED) if one has not: fetch it and redo.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct SetUserAttributes {
    /// The attributes in order: name, value, version last read.
    pub attributes: Vec<(String, Blob, Option<String>)>,
}

impl SetUserAttributes {
    /// Sets nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Also sets `name`, whose version was `version`; none if it did not exist.
    #[must_use]
    pub fn with(
        mut self,
        name: impl Into<String>,
        value: impl Into<Blob>,
        version: Option<String>,
    ) -> Self {
        self.attributes.push((name.into(), value.into(), version));
        self
    }
}

/// Removes an own attribute (`upr`).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RemoveUserAttribute {
    /// Which.
    pub name: String,
}

impl RemoveUserAttribute {
    /// Removes the attribute `name`.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into() }
    }
}

impl Command for FetchUserAttribute {
    type Reply = AttributeValue;

    fn name(&self) -> &str {
        "uga"
    }

    fn effect(&self) -> Effect {
        Effect::Read
    }

    fn encode(&self, fields: &mut ObjectWriter<'_>) {
        self.owner.encode(fields);
        fields.text("ua", &self.name).number("v", 1);
    }

    fn decode(&self, reply: Value<'_>) -> Result<AttributeValue, ReplyError> {
        AttributeValue::read(reply, true)
            .ok_or_else(|| crate::json::DecodeError::field("av", "missing").into())
    }
}

impl Command for SetUserAttribute {
    /// The new version.
    type Reply = Option<String>;

    fn name(&self) -> &str {
        "up2"
    }

    fn effect(&self) -> Effect {
        Effect::Mutation
    }

    // In both dialects the result itself is an array, `["<name>","<version>"]`.
    fn form(&self) -> ReplyForm {
        ReplyForm::List
    }

    fn encode(&self, fields: &mut ObjectWriter<'_>) {
        fields.blob(&self.name, self.value.as_bytes());
    }

    fn decode(&self, reply: Value<'_>) -> Result<Option<String>, ReplyError> {
        if !reply.is_array() {
            return Ok(None);
        }
        Ok(reply.array()?.get(1).and_then(|v| v.read().ok()))
    }
}

impl Command for SetUserAttributes {
    /// The new versions by name.
    type Reply = BTreeMap<String, String>;

    fn name(&self) -> &str {
        "upv"
    }

    fn effect(&self) -> Effect {
        Effect::Mutation
    }

    fn form(&self) -> ReplyForm {
        ReplyForm::Value
    }

    fn encode(&self, fields: &mut ObjectWriter<'_>) {
        for (name, value, version) in &self.attributes {
            fields.array(name, |list| {
                list.blob(value.as_bytes());
                if let Some(version) = version {
                    list.text(version);
                }
            });
        }
    }

    fn decode(&self, reply: Value<'_>) -> Result<BTreeMap<String, String>, ReplyError> {
        let reply = reply.object()?;
        let mut versions = BTreeMap::new();
        for (name, version) in reply.members() {
            versions.insert(name.to_owned(), version.read()?);
        }
        Ok(versions)
    }
}

impl Command for RemoveUserAttribute {
    type Reply = ();

    fn name(&self) -> &str {
        "upr"
    }

    fn effect(&self) -> Effect {
        Effect::Mutation
    }

    fn form(&self) -> ReplyForm {
        ReplyForm::Value
    }

    fn encode(&self, fields: &mut ObjectWriter<'_>) {
        fields.text("ua", &self.name).number("v", 1);
    }

    fn decode(&self, reply: Value<'_>) -> Result<(), ReplyError> {
        super::done(reply)
    }
}

//! `ug`: the account's own data (api-and-transfers 5.1).

use std::collections::BTreeMap;

use super::AttributeValue;
use crate::json::{DecodeError, Object, ObjectWriter, Value};
use crate::{Blob, Command, Effect, PrivateText, ReplyError, UserHandle};

/// Asks for the account's own data, keys and attributes.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct FetchUserData {}

impl FetchUserData {
    /// Asks for the account's own data.
    pub fn new() -> Self {
        Self {}
    }
}

/// The account's own data.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct UserData {
    /// The account (`u`).
    pub user: Option<UserHandle>,
    /// The e-mail address.
    pub email: Option<PrivateText>,
    /// The display name.
    pub name: Option<PrivateText>,
    /// The master key, encrypted with the password key (`k`).
    pub master_key: Option<Blob>,
    /// The RSA public key (`pubk`).
    pub public_key: Option<Blob>,
    /// The RSA private key, encrypted with the master key (`privk`).
    pub private_key: Option<Blob>,
    /// How the password is processed: 1 or 2 (`aav`).
    pub account_version: Option<u64>,
    /// The salt of version 2 accounts (`aas`).
    pub salt: Option<Blob>,
    /// When the account was made, Unix seconds (`since`).
    pub since: Option<i64>,
    /// Whether the account is new (`na`).
    pub is_new: bool,
    /// Business account (`b`).
    pub business: Option<BusinessState>,
    /// Whether the long-term over-quota state gives a deadline, Unix seconds (`uspw.dl`).
    pub paywall_deadline: Option<i64>,
    /// The user attributes by name, such as `^!keys`.
    pub attributes: BTreeMap<String, AttributeValue>,
    /// The feature flags with integer values.
    pub flags: BTreeMap<String, i64>,
}

/// State of a business account (api-and-transfers 9.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BusinessState {
    /// -1 expired, 0 inactive, 1 active, 2 in the period of grace.
    pub status: i64,
    /// Whether this is a master account, as opposed to a sub-user.
    pub master: bool,
}

impl Command for FetchUserData {
    type Reply = UserData;

    fn name(&self) -> &str {
        "ug"
    }

    fn effect(&self) -> Effect {
        Effect::Read
    }

    fn encode(&self, fields: &mut ObjectWriter<'_>) {
        fields.number("v", 1);
    }

    fn decode(&self, reply: Value<'_>) -> Result<UserData, ReplyError> {
        let reply = reply.object()?;
        let private = |key| -> Result<Option<PrivateText>, DecodeError> {
            Ok(reply
                .text_opt(key)?
                .map(|text| PrivateText::new(text.into_owned())))
        };
        let data = UserData {
            user: reply.read_opt("u")?,
            email: private("email")?,
            name: private("name")?,
            master_key: reply.read_opt("k")?,
            public_key: reply.read_opt("pubk")?,
            private_key: reply.read_opt("privk")?,
            account_version: reply.u64_opt("aav")?,
            salt: reply.read_opt("aas")?,
            since: reply.i64_opt("since")?,
            is_new: reply.flag("na"),
            business: reply.get("b").and_then(|b| business(&b.object().ok()?)),
            paywall_deadline: reply
                .get("uspw")
                .and_then(|p| p.object().ok()?.get("dl")?.as_i64()),
            attributes: attributes(&reply),
            flags: reply.get("flags").map(flags).unwrap_or_default(),
        };
        Ok(data)
    }
}

fn business(b: &Object<'_>) -> Option<BusinessState> {
    Some(BusinessState {
        status: b.get("s")?.as_i64()?,
        master: b.flag("m"),
    })
}

/// An attribute is an object with a value; names with a scope mark may also be bare strings.
fn attributes(reply: &Object<'_>) -> BTreeMap<String, AttributeValue> {
    let mut found = BTreeMap::new();
    for (name, value) in reply.members() {
        if let Some(attribute) = AttributeValue::read(value, name.starts_with(['+', '^', '*'])) {
            found.entry(name.to_owned()).or_insert(attribute);
        }
    }
    found
}

fn flags(value: Value<'_>) -> BTreeMap<String, i64> {
    let Ok(object) = value.object() else {
        return BTreeMap::new();
    };
    object
        .members()
        .filter_map(|(key, v)| Some((key.to_owned(), v.as_i64()?)))
        .collect()
}

//! User attributes with versions (api-and-transfers 5.10, crypto-and-accounts 10).

use serde_json::Value;

use super::{Answer, Context, EACCESS, EARGS, EEXPIRED, ENOENT, Result, is_wire_text};
use crate::json::read::text;
use crate::json::{Json, Object};
use crate::model::fullness;
use crate::model::user::UserAttribute;
use crate::wire::{UserHandle, b64};

pub(super) fn get(cx: &mut Context<'_>, request: &Value) -> Result {
    let name = text(request, "ua").ok_or(EARGS)?;
    let handle = match text(request, "u") {
        Some(whom) => UserHandle::parse(whom)
            .or_else(|| cx.model.user(whom).map(|u| u.handle))
            .ok_or(ENOENT)?,
        None => cx.handle()?,
    };
    let user = cx.model.users.get(&handle).ok_or(ENOENT)?;
    let private = name.starts_with('*') || name.starts_with('^');
    if private && cx.who.user() != Some(handle) {
        return Err(EACCESS);
    }
    let attribute = user.attribute(name).ok_or(ENOENT)?;
    let value = if crate::json::read::flag(request, "v") {
        Object::new()
            .with("av", attribute.value)
            .with("v", attribute.version)
            .into()
    } else {
        Json::from(attribute.value)
    };
    Ok(Answer::Value(value))
}

/// `up2`: without looking at versions.
pub(super) fn put(cx: &mut Context<'_>, request: &Value) -> Result {
    cx.handle()?;
    let mut values = Vec::new();
    for (name, value) in members(request) {
        values.push((name.to_owned(), check(name, value.as_str())?));
    }
    let written = write(cx, values)?;
    let parts = written
        .into_iter()
        .flat_map(|(name, version)| [name.into(), version.into()]);
    Ok(Answer::Changed(Json::Array(parts.collect())))
}

/// `upv`: all or nothing, -8 when somebody else has written meanwhile.
pub(super) fn put_versioned(cx: &mut Context<'_>, request: &Value) -> Result {
    let user = cx.user()?;
    let mut values = Vec::new();
    for (name, value) in members(request) {
        let (value, version) = match value {
            Value::Array(parts) => (
                parts.first().and_then(Value::as_str),
                parts.get(1).and_then(Value::as_str),
            ),
            other => (other.as_str(), None),
        };
        let current = user.attributes.get(name).map(|a| a.version.as_str());
        if current != version {
            return Err(EEXPIRED);
        }
        values.push((name.to_owned(), check(name, value)?));
    }
    let mut out = Object::new();
    for (name, version) in write(cx, values)? {
        out.push(name, version);
    }
    Ok(Answer::Changed(out.into()))
}

pub(super) fn remove(cx: &mut Context<'_>, request: &Value) -> Result {
    let name = text(request, "ua").ok_or(EARGS)?.to_owned();
    let handle = cx.handle()?;
    let version = b64(&cx.model.seed.array::<8>());
    cx.user_mut()?.attributes.remove(&name).ok_or(ENOENT)?;
    announce(cx, handle, &[(name, version.clone())]);
    Ok(Answer::Changed(version.into()))
}

/// Writes attributes and tells the account's sessions. The result is the new versions.
pub(super) fn write(
    cx: &mut Context<'_>,
    values: Vec<(String, String)>,
) -> std::result::Result<Vec<(String, String)>, i64> {
    if values.is_empty() {
        return Err(EARGS);
    }
    // The service writes this one itself.
    if values.iter().any(|(name, _)| name == fullness::ATTRIBUTE) {
        return Err(EACCESS);
    }
    let handle = cx.handle()?;
    let mut written = Vec::new();
    for (name, value) in values {
        let version = b64(&cx.model.seed.array::<8>());
        let attribute = UserAttribute {
            value,
            version: version.clone(),
        };
        cx.user_mut()?.attributes.insert(name.clone(), attribute);
        written.push((name, version));
    }
    announce(cx, handle, &written);
    Ok(written)
}

fn announce(cx: &mut Context<'_>, user: UserHandle, written: &[(String, String)]) {
    let names: Vec<Json> = written
        .iter()
        .map(|(name, _)| name.clone().into())
        .collect();
    let versions: Vec<Json> = written
        .iter()
        .map(|(_, version)| version.clone().into())
        .collect();
    let packet = Object::new()
        .with("u", user)
        .with("ua", names)
        .with("v", versions);
    cx.fx.to(crate::model::Channel::User(user), "ua", packet);
}

fn members(request: &Value) -> impl Iterator<Item = (&String, &Value)> {
    request
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(name, _)| !matches!(name.as_str(), "a" | "i"))
}

/// Size limits of 10.1: 16 MiB without history, else 64 KiB.
fn check(name: &str, value: Option<&str>) -> std::result::Result<String, i64> {
    let value = value.ok_or(EARGS)?;
    let historic = !matches!(name.chars().nth(1), Some('!' | '~'));
    let limit = if historic { 64 << 10 } else { 16 << 20 };
    if value.len() > limit / 3 * 4 + 4 || !is_wire_text(value) || name.len() > 64 {
        return Err(EARGS);
    }
    Ok(value.to_owned())
}

//! `ug`: what the service knows about the account itself (api-and-transfers 5.1, crypto-and-accounts 2.17).

use serde_json::Value;

use super::{Answer, Context, Result};
use crate::json::Object;
use crate::json::read::flag;
use crate::model::fullness;
use crate::model::user::Credentials;
use crate::wire::b64;

pub(super) fn user_data(cx: &mut Context<'_>, request: &Value) -> Result {
    let versioned = flag(request, "v");
    let now = cx.model.now();
    let user = cx.user()?;
    let (version, salt) = match &user.credentials {
        Credentials::V2 { salt, .. } => (2, Some(b64(salt))),
        Credentials::V1(_) | Credentials::Anonymous => (1, None),
    };
    let mut out = Object::new()
        .with("u", user.handle)
        .with("s", 2)
        .with("c", i64::from(user.confirmed))
        .maybe(
            "email",
            (!user.email.is_empty()).then(|| user.email.clone()),
        )
        .with("name", user.name.clone())
        .with("k", user.wrapped_master.clone())
        .maybe("pubk", user.public_key.clone())
        .maybe("privk", user.private_key.clone())
        .with("aav", version)
        .maybe("aas", salt)
        .with("since", user.created)
        // A string, as crate mega demands.
        .with("ts", now.to_string())
        .with("na", 0)
        .maybe("b", user.business.as_ref().map(|b| b.told()))
        .maybe(
            "uspw",
            user.paywall
                .map(|end| Object::new().with("dl", end).with("wts", Vec::new())),
        )
        .with("flags", Object::new().with("ssrs", 1).with("mfae", 1));
    let full = user.attribute(fullness::ATTRIBUTE);
    let stored = user.attributes.iter();
    let stored = stored.filter(|(name, _)| *name != fullness::ATTRIBUTE);
    let written = full.map(|a| (fullness::ATTRIBUTE.to_owned(), a));
    for (name, attribute) in stored.map(|(n, a)| (n.clone(), a.clone())).chain(written) {
        if versioned {
            let value = Object::new()
                .with("av", attribute.value.clone())
                .with("v", attribute.version.clone());
            out.push(name.clone(), value);
        } else {
            out.push(name.clone(), attribute.value.clone());
        }
    }
    Ok(Answer::Value(out.into()))
}

/// `sla`: the notifications were looked at; other sessions are told (`la`).
pub(super) fn notices_seen(cx: &mut Context<'_>) -> Result {
    let now = cx.model.now();
    let user = cx.user_mut()?;
    user.notices.seen = Some(now);
    let handle = user.handle;
    cx.fx
        .to(crate::model::Channel::User(handle), "la", Object::new());
    Ok(Answer::Done)
}

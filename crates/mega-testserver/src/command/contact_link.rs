//! `clc`, `clr`, `clg`, `cld`: contact links (SDK src/commands.cpp, `CommandContactLinkCreate` to `CommandContactLinkDelete`).

use serde_json::Value;

use super::{Answer, Context, EARGS, ENOENT, Result};
use crate::json::Object;
use crate::json::read::{flag, text};
use crate::model::{Model, User};
use crate::wire::{ContactLinkHandle, b64, unb64};

/// `clc`: the link of the account, made where there is none.
pub(super) fn create(cx: &mut Context<'_>) -> Result {
    match cx.user()?.contact_link {
        Some(link) => Ok(Answer::Changed(link.into())),
        None => renew(cx),
    }
}

/// `clr`: another link; the old one leads nowhere any more.
pub(super) fn renew(cx: &mut Context<'_>) -> Result {
    cx.handle()?;
    let link = ContactLinkHandle(cx.model.seed.array());
    cx.user_mut()?.contact_link = Some(link);
    Ok(Answer::Changed(link.into()))
}

/// `clg`: who is behind a link. Nobody has to sign in for that.
pub(super) fn query(cx: &mut Context<'_>, request: &Value) -> Result {
    let user = owner(cx.model, link_of(request)?).ok_or(ENOENT)?;
    // Names are stored in base64, and told so where that is asked for.
    let encoded = flag(request, "b");
    let name = |attribute: &str| {
        let value = user.attributes.get(attribute)?.value.clone();
        let plain = || String::from_utf8(unb64(&value)?).ok();
        if encoded {
            Some(value.clone())
        } else {
            plain()
        }
    };
    let (first, last) = (name("firstname"), name("lastname"));
    let first = first.unwrap_or_else(|| match encoded {
        true => b64(user.name.as_bytes()),
        false => user.name.clone(),
    });
    let answer = Object::new()
        .with("h", user.handle)
        .with("e", user.email.clone())
        .with("fn", first)
        .with("ln", last.unwrap_or_default())
        .maybe("+a", user.attributes.get("+a").map(|a| a.value.clone()));
    Ok(Answer::Value(answer.into()))
}

/// `cld`: the link ends; without a name it is the only one there is.
pub(super) fn delete(cx: &mut Context<'_>, request: &Value) -> Result {
    let named = match text(request, "cl") {
        Some(_) => Some(link_of(request)?),
        None => None,
    };
    let user = cx.user_mut()?;
    if named.is_some() && named != user.contact_link {
        return Err(ENOENT);
    }
    user.contact_link.take().ok_or(ENOENT)?;
    Ok(Answer::Done)
}

/// Whose link it is.
pub(super) fn owner(model: &Model, link: ContactLinkHandle) -> Option<&User> {
    model.users.values().find(|u| u.contact_link == Some(link))
}

/// The link a request names.
pub(super) fn link_of(request: &Value) -> std::result::Result<ContactLinkHandle, i64> {
    text(request, "cl")
        .and_then(ContactLinkHandle::parse)
        .ok_or(EARGS)
}

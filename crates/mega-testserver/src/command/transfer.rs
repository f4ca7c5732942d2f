//! `g`, `u`, `ufa`, `pfa`: addresses for content (api-and-transfers 5.7 to 5.9).

use serde_json::Value;

use super::{Answer, Context, EARGS, EBLOCKED, ENOENT, ESID, Result};
use crate::json::read::{array, flag, number, text};
use crate::json::{Json, Object};
use crate::model::listing::{file_attributes, file_id, parse_file_attributes};
use crate::model::share::Who;
use crate::model::{Kind, Right};
use crate::wire::{NodeHandle, PublicHandle, UserHandle};

pub(super) fn download(cx: &mut Context<'_>, request: &Value) -> Result {
    let handle = match text(request, "p") {
        Some(link) => cx.open_link(PublicHandle::parse(link).ok_or(ENOENT)?)?,
        None => {
            let handle = text(request, "n")
                .and_then(NodeHandle::parse)
                .ok_or(EARGS)?;
            let seen = cx.model.right(&cx.who, handle).is_some();
            // An account may fetch what lies in somebody's folder link if it names the link's root.
            let published =
                flag(request, "en") && cx.model.is_published(handle) || cx.in_album(handle);
            if cx.who == Who::Nobody && !published {
                return Err(ESID);
            }
            if !seen && !published {
                return Err(ENOENT);
            }
            handle
        }
    };
    let node = cx.model.tree().get(handle).ok_or(ENOENT)?;
    let Some(content) = node.content.clone().filter(|_| node.kind == Kind::File) else {
        return Err(ENOENT);
    };
    if node.link.as_ref().is_some_and(|l| l.down) {
        return Err(EBLOCKED);
    }
    let fa = file_attributes(node);
    let mut answer = Object::new()
        .with("s", content.size())
        .with("at", node.attributes.clone())
        .maybe("fa", (!fa.is_empty()).then_some(fa))
        .maybe("fh", file_id(node))
        .with("msd", 1);
    let payer = cx.who.payer();
    let now = cx.model.now();
    if let Some(wait) = payer
        .and_then(|u| cx.model.users.get_mut(&u))
        .and_then(|u| u.transfer.refused(now))
    {
        answer.push("e", super::EOVERQUOTA);
        answer.push("tl", wait);
        return Ok(Answer::Value(answer.into()));
    }
    answer.push("tl", 0);
    if flag(request, "g") {
        let origin = cx.model.storage_origin.clone();
        let six =
            cx.model.options.cloud_raid && number(request, "v") == Some(2) && content.size() > 0;
        let mut url = |part| {
            Json::from(format!(
                "{origin}/dl/{}",
                cx.model.open_download(&content, part, payer)
            ))
        };
        let urls = if six {
            Json::Array((0..6).map(|part| url(Some(part))).collect())
        } else {
            url(None)
        };
        answer.push("g", urls);
    }
    Ok(Answer::Value(answer.into()))
}

pub(super) fn upload(cx: &mut Context<'_>, request: &Value) -> Result {
    let size = number(request, "s")
        .and_then(|s| u64::try_from(s).ok())
        .ok_or(EARGS)?;
    let version = number(request, "v").unwrap_or(0);
    let payer: UserHandle = match &cx.who {
        Who::Nobody => return Err(ESID),
        Who::Link { write: false, .. } => return Err(super::EACCESS),
        _ => cx.author()?,
    };
    // The official client names where the file will go, folders or one person, whose room it takes (SDK `CommandPutFile`).
    let owners = match request.get("t") {
        None => vec![payer],
        Some(Value::String(person)) => vec![user_named(cx, person).ok_or(EARGS)?],
        Some(_) => {
            let folders = array(request, "t").ok_or(EARGS)?.iter();
            let owner = |target: &Value| {
                let target = target.as_str().and_then(NodeHandle::parse)?;
                cx.model.tree().get(target).map(|n| n.owner)
            };
            folders
                .map(|t| owner(t).ok_or(EARGS))
                .collect::<std::result::Result<_, _>>()?
        }
    };
    for owner in owners {
        cx.model.check_quota(owner, size)?;
    }
    let name = cx.model.open_upload(size, version >= 2, version >= 3);
    let url = format!("{}/ul/{name}", cx.model.storage_origin);
    Ok(Answer::Value(Object::new().with("p", url).into()))
}

/// A person by handle or address.
fn user_named(cx: &Context<'_>, name: &str) -> Option<UserHandle> {
    let by_handle = UserHandle::parse(name).filter(|u| cx.model.users.contains_key(u));
    by_handle.or_else(|| cx.model.user(name).map(|u| u.handle))
}

pub(super) fn file_attribute(cx: &mut Context<'_>, request: &Value) -> Result {
    if cx.who == Who::Nobody {
        return Err(ESID);
    }
    let name = match number(request, "s") {
        Some(size) => {
            let size = u64::try_from(size)
                .ok()
                .filter(|s| *s <= 16 << 20)
                .ok_or(EARGS)?;
            if text(request, "h").is_some() {
                cx.node_of(request, "h", Right::Write)?;
            }
            cx.model.open_attribute_url(Some(size), false)
        }
        None => {
            text(request, "fah").ok_or(EARGS)?;
            cx.model.open_attribute_url(None, flag(request, "r"))
        }
    };
    let url = format!("{}/fa/{name}", cx.model.storage_origin);
    Ok(Answer::Value(Object::new().with("p", url).into()))
}

pub(super) fn attach(cx: &mut Context<'_>, request: &Value) -> Result {
    let handle = match text(request, "ph") {
        Some(link) => {
            let node = cx.open_link(PublicHandle::parse(link).ok_or(ENOENT)?)?;
            cx.node(node, Right::Write)?.handle
        }
        None => cx.node_of(request, "n", Right::Write)?,
    };
    let new = parse_file_attributes(text(request, "fa").ok_or(EARGS)?);
    if new.is_empty() {
        return Err(EARGS);
    }
    let node = cx
        .model
        .tree
        .get_mut(handle)
        .filter(|n| n.kind == Kind::File)
        .ok_or(EARGS)?;
    for (kind, value) in new {
        node.file_attributes.retain(|(k, _)| *k != kind);
        node.file_attributes.push((kind, value));
    }
    let fa = file_attributes(node);
    let packet = Object::new().with("n", handle).with("fa", fa.clone());
    cx.fx.watchers(cx.model, handle, "fa", &packet);
    Ok(Answer::Changed(fa.into()))
}

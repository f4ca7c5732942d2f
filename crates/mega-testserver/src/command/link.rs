//! `l`, `pli`: public links (api-and-transfers 5.5).

use serde_json::Value;

use super::{Answer, Context, EACCESS, EARGS, ENOENT, Result};
use crate::json::read::{flag, number, text};
use crate::json::{Json, Object};
use crate::model::{Holder, Link, Right};
use crate::wire::{PublicHandle, b64};

pub(super) fn export(cx: &mut Context<'_>, request: &Value) -> Result {
    cx.handle()?;
    let handle = cx.node_of(request, "n", Right::Owner)?;
    let node = cx.node(handle, Right::Owner)?;
    if node.kind.is_root() {
        return Err(EACCESS);
    }
    if flag(request, "d") {
        if node.link.is_none() {
            return Err(ENOENT);
        }
        let mut fx = std::mem::take(&mut cx.fx);
        cx.model.remove_link(&mut fx, handle);
        cx.fx = fx;
        return Ok(Answer::Done);
    }
    let writable = flag(request, "w");
    let expires = number(request, "ets").filter(|t| *t > 0);
    if writable && node.kind != crate::model::Kind::Folder {
        return Err(EARGS);
    }
    let old = node.link.clone();
    let fresh = old.is_none();
    let mut link = match old {
        Some(link) => link,
        None => Link {
            handle: PublicHandle(cx.model.seed.array()),
            created: cx.model.now(),
            expires: None,
            write_auth: None,
            down: false,
            severe: false,
        },
    };
    let auth = b64(&cx.model.seed.array::<16>());
    let same = !fresh
        && (expires.is_none() || expires == link.expires)
        && (!writable || link.write_auth.is_some());
    link.expires = expires.or(link.expires);
    if writable && link.write_auth.is_none() {
        link.write_auth = Some(auth);
    }
    let result: Json = match &link.write_auth {
        Some(auth) if writable => Object::new()
            .with("ph", link.handle)
            .with("w", auth.clone())
            .into(),
        _ => link.handle.into(),
    };
    if same {
        return Ok(Answer::Changed(result));
    }
    let packet = Object::new()
        .with("h", handle)
        .with("ph", link.handle)
        .with(if fresh { "n" } else { "u" }, 1)
        .with("ts", link.created)
        .maybe("ets", link.expires)
        .maybe("w", link.write_auth.clone());
    cx.model.links.insert(link.handle, handle);
    if let Some(node) = cx.model.tree.get_mut(handle) {
        node.link = Some(link);
    }
    let mut fx = std::mem::take(&mut cx.fx);
    fx.owner(cx.model, handle, "ph", packet);
    cx.fx = fx;
    Ok(Answer::Changed(result))
}

pub(super) fn info(cx: &mut Context<'_>, request: &Value) -> Result {
    let link = text(request, "ph")
        .and_then(PublicHandle::parse)
        .ok_or(EARGS)?;
    let handle = cx.open_link(link)?;
    let node = cx.model.tree().get(handle).ok_or(ENOENT)?;
    // The folder itself counts: the official client takes one away (SDK `MegaApiImpl::folderlinkinfo_result`).
    let [bytes, files, folders, old_bytes, old_files] = cx.model.count(handle);
    let folders = folders + u64::from(node.kind == crate::model::Kind::Folder);
    let sizes = [bytes, files, folders, old_bytes, old_files]
        .map(Json::from)
        .to_vec();
    let key = node.key(Holder::Share(handle)).unwrap_or_default();
    let answer = Object::new()
        .with("attrs", node.attributes.clone())
        .with("ph", link)
        .with("u", node.owner)
        .with("s", sizes)
        .with("k", format!("{handle}:{key}"));
    Ok(Answer::Value(answer.into()))
}

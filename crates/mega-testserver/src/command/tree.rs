//! `m`, `a`, `d`, `dv`, `dr`: changes to existing nodes (api-and-transfers 5.3).

use serde_json::Value;

use super::{Answer, Context, EACCESS, EARGS, ECIRCULAR, Result, is_wire_text};
use crate::json::read::{flag, text};
use crate::model::{Holder, Kind, Right};

pub(super) fn rename(cx: &mut Context<'_>, request: &Value) -> Result {
    let handle = cx.node_of(request, "n", Right::Full)?;
    let target = cx.node_of(request, "t", Right::Write)?;
    let node = cx.node(handle, Right::Full)?;
    if node.kind.is_root() || node.version {
        return Err(EACCESS);
    }
    let folder = cx.node(target, Right::Write)?;
    if folder.kind == Kind::File {
        return Err(EARGS);
    }
    let new_owner = folder.owner;
    if cx.model.tree().is_inside(target, handle) {
        return Err(ECIRCULAR);
    }
    cx.check_vault(handle, request)?;
    cx.check_vault(target, request)?;
    if cx.node(handle, Right::Full)?.owner != new_owner {
        let [bytes, _, _, old, _] = cx.model.count(handle);
        cx.model
            .check_quota(new_owner, bytes.saturating_add(old))
            .map_err(|_| super::EOVERQUOTA)?;
    }
    super::share::take_keys(cx, request, &[])?;
    let author = cx.author()?;
    let mut fx = std::mem::take(&mut cx.fx);
    cx.model.move_node(&mut fx, handle, target, author);
    cx.fx = fx;
    Ok(Answer::Done)
}

pub(super) fn set_attributes(cx: &mut Context<'_>, request: &Value) -> Result {
    let handle = cx.node_of(request, "n", Right::Full)?;
    if cx.node(handle, Right::Full)?.kind.is_root() {
        return Err(EACCESS);
    }
    // The current form is `at`, the older one `attr` with `key`.
    let attributes = text(request, "at")
        .or_else(|| text(request, "attr"))
        .ok_or(EARGS)?;
    if attributes.len() > MAX_ATTRIBUTES || !is_wire_text(attributes) || attributes.is_empty() {
        return Err(EARGS);
    }
    cx.check_vault(handle, request)?;
    let key = text(request, "key")
        .filter(|k| !k.is_empty() && is_wire_text(k))
        .map(str::to_owned);
    let author = cx.author()?;
    if let (Some(key), Some(user)) = (key, cx.who.user())
        && let Some(node) = cx.model.tree.get_mut(handle)
    {
        node.set_key(Holder::User(user), key);
    }
    let attributes = attributes.to_owned();
    let mut fx = std::mem::take(&mut cx.fx);
    cx.model.set_attributes(&mut fx, handle, author, attributes);
    cx.fx = fx;
    Ok(Answer::Done)
}

pub(super) fn delete(cx: &mut Context<'_>, request: &Value) -> Result {
    // The root of an incoming share: its receiver leaves the share, whatever right he has in it (SDK `MegaClient::unlink`).
    let root = text(request, "n").and_then(crate::wire::NodeHandle::parse);
    if let (Some(user), Some(root)) = (cx.who.user(), root)
        && cx
            .model
            .tree()
            .get(root)
            .is_some_and(|n| n.owner != user && n.shares.contains_key(&user))
    {
        let mut fx = std::mem::take(&mut cx.fx);
        cx.model.end_share(&mut fx, root, user, user);
        cx.fx = fx;
        return Ok(Answer::Done);
    }
    let handle = cx.node_of(request, "n", Right::Full)?;
    if cx.node(handle, Right::Full)?.kind.is_root() {
        return Err(EACCESS);
    }
    cx.check_vault(handle, request)?;
    let author = cx.author()?;
    let mut fx = std::mem::take(&mut cx.fx);
    cx.model
        .delete_node(&mut fx, handle, author, flag(request, "v"));
    cx.fx = fx;
    Ok(Answer::Done)
}

pub(super) fn delete_versions(cx: &mut Context<'_>) -> Result {
    let handle = cx.handle()?;
    let channel = crate::model::Channel::User(handle);
    let visible = cx.model.visible(channel);
    // The newest of the old versions takes all older ones along, so only those are deleted whose parent is current.
    let versions: Vec<_> = visible
        .into_iter()
        .filter(|n| n.version && n.owner == handle)
        .map(|n| n.handle)
        .collect();
    let mut fx = std::mem::take(&mut cx.fx);
    for version in versions.into_iter().rev() {
        cx.model.delete_node(&mut fx, version, handle, false);
    }
    cx.fx = fx;
    Ok(Answer::Done)
}

pub(super) fn empty_bin(cx: &mut Context<'_>) -> Result {
    let (handle, bin) = cx.user().map(|u| (u.handle, u.bin))?;
    let children: Vec<_> = cx.model.tree().children(bin).map(|n| n.handle).collect();
    let mut fx = std::mem::take(&mut cx.fx);
    for child in children {
        cx.model.delete_node(&mut fx, child, handle, false);
    }
    cx.fx = fx;
    Ok(Answer::Done)
}

/// 64 KiB of encrypted attributes, in base64.
pub(super) const MAX_ATTRIBUTES: usize = 65_536 / 3 * 4 + 4;

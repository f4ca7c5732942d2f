//! `p`: new nodes, from uploads, folders, copies and imports (api-and-transfers 5.4).

use std::collections::HashMap;

use serde_json::Value;

use super::{Answer, Context, EACCESS, EARGS, ENOENT, Result, is_wire_text};
use crate::json::read::{array, number, text};
use crate::json::{Json, Object};
use crate::model::listing::{file_id, parse_file_attributes};
use crate::model::share::Who;
use crate::model::{Channel, Holder, Kind, Node, Right};
use crate::wire::{NodeHandle, PublicHandle, UserHandle};

/// The owner of the target has no room (api-and-transfers 2.8, known from the web client).
const ESHAREROVERQUOTA: i64 = -401;

/// What one entry of the request becomes.
struct Planned {
    node: Node,
    /// The handle other entries call it by.
    alias: Option<String>,
    /// The entry it lies under, by its alias.
    under: Option<String>,
    /// The older file it replaces.
    replaces: Option<NodeHandle>,
    /// The upload it uses up.
    token: Option<String>,
}

pub(super) fn put(cx: &mut Context<'_>, request: &Value) -> Result {
    let entries = array(request, "n").ok_or(EARGS)?;
    if entries.is_empty() {
        return Err(EARGS);
    }
    let (target, owner) = destination(cx, request)?;
    let sent = text(request, "t").is_some_and(names_a_user);
    // The own vault wants to be meant; that of somebody to whom nodes are sent is where they go.
    if matches!(cx.who, Who::User { .. }) && !sent {
        cx.check_vault(target, request)?;
    }
    let author = cx.author()?;
    let plans: Vec<std::result::Result<Planned, i64>> = entries
        .iter()
        .map(|entry| plan(cx, entry, owner, request))
        .collect();
    let more: u64 = plans.iter().flatten().map(|p| p.node.size()).sum();
    cx.model.check_quota(owner, more).map_err(|code| {
        // Whoever puts into somebody else's folder learns that it is not his own account that is full.
        if owner == author {
            code
        } else {
            ESHAREROVERQUOTA
        }
    })?;

    let mut aliases: HashMap<String, NodeHandle> = HashMap::new();
    let mut made: Vec<Option<NodeHandle>> = Vec::new();
    let mut errors: Vec<i64> = Vec::new();
    let mut older: Vec<(NodeHandle, Option<usize>)> = Vec::new();
    let mut fx = std::mem::take(&mut cx.fx);
    let versions = match number(request, "vb") {
        Some(vb) => vb != 0,
        None => cx
            .model
            .users
            .get(&owner)
            .is_some_and(crate::model::User::keeps_versions),
    };
    for plan in plans {
        let placed = plan.and_then(|plan| {
            let parent = match &plan.under {
                // A child whose parent failed fails with it.
                Some(alias) => *aliases.get(alias).ok_or(ENOENT)?,
                None => target,
            };
            Ok((plan, parent))
        });
        // Below a file of the request there is room for one thing: its previous version. So the SDK copies a folder with
        // the versions in it (`TreeProcCopy`).
        let placed = placed.and_then(|(mut plan, parent)| {
            let tree = cx.model.tree();
            if tree.get(parent).is_some_and(|n| n.kind == Kind::File) {
                if plan.node.kind != Kind::File || tree.children(parent).next().is_some() {
                    return Err(EARGS);
                }
                plan.node.version = true;
            }
            Ok((plan, parent))
        });
        match placed {
            Ok((
                Planned {
                    mut node,
                    alias,
                    replaces,
                    token,
                    ..
                },
                parent,
            )) => {
                let handle = node.handle;
                node.parent = Some(parent);
                if let Some(token) = token {
                    cx.model.storage.finished.remove(&token);
                }
                cx.model.add_node(node);
                if let Some(alias) = alias {
                    aliases.insert(alias, handle);
                }
                let same_place = |old: &NodeHandle| {
                    cx.model
                        .tree()
                        .get(*old)
                        .is_some_and(|n| n.parent == Some(parent))
                };
                if let Some(old) = replaces.filter(same_place) {
                    let replaced = cx.model.supersede(&mut fx, old, handle, author, versions);
                    older.extend(replaced.into_iter().map(|h| (h, None)));
                }
                made.push(Some(handle));
                errors.push(0);
            }
            Err(code) => {
                made.push(None);
                errors.push(code);
            }
        }
    }
    let placed = made.iter().enumerate();
    let placed = placed.filter_map(|(i, h)| h.map(|h| (h, Some(i))));
    let (versions_made, new): (Vec<_>, Vec<_>) =
        placed.partition(|(h, _)| cx.model.tree().get(*h).is_some_and(|n| n.version));
    older.extend(versions_made);
    if new.is_empty() {
        return Err(errors.last().copied().unwrap_or(EARGS));
    }
    super::share::take_keys(cx, request, &made)?;
    cx.model.announce(&mut fx, target, author, &new, &older);
    cx.fx = fx;

    let viewer = cx.who.channel().unwrap_or(Channel::User(owner));
    let nodes = |versions: bool| -> Vec<Json> {
        let handles: Vec<NodeHandle> = if versions {
            older.iter().map(|(h, _)| *h).collect()
        } else {
            new.iter().map(|(h, _)| *h).collect()
        };
        let nodes = handles.into_iter().filter_map(|h| cx.model.tree().get(h));
        nodes
            .map(|n| Json::Raw(cx.model.node_text(n, viewer, None)))
            .collect()
    };
    let f2 = Some(nodes(true)).filter(|list| !list.is_empty());
    let legacy = Object::new().with("f", nodes(false)).maybe("f2", f2);
    let ids = made
        .iter()
        .flatten()
        .filter_map(|h| Some(format!("{h}:{}", file_id(cx.model.tree().get(*h)?)?).into()));
    let events = Object::new()
        .with("e", sparse(&errors))
        .with("fh", Json::Array(ids.collect()));
    if number(request, "v").is_some_and(|v| v >= 3) {
        return Ok(Answer::Changed(events.into()));
    }
    Ok(Answer::Either(legacy.into(), events.into()))
}

/// Whether a target is a person: a handle of 11 characters, or an address.
fn names_a_user(target: &str) -> bool {
    target.contains('@') || UserHandle::parse(target).is_some()
}

/// Where the nodes go, and whose account that is.
fn destination(
    cx: &Context<'_>,
    request: &Value,
) -> std::result::Result<(NodeHandle, UserHandle), i64> {
    let name = text(request, "t").ok_or(EARGS)?;
    if names_a_user(name) {
        // Sent to a contact: it appears in his vault, formerly the inbox.
        cx.handle()?;
        let user = match UserHandle::parse(name) {
            Some(handle) => cx.model.users.get(&handle),
            None => cx.model.user(name),
        };
        return user.map(|u| (u.vault, u.handle)).ok_or(ENOENT);
    }
    let handle = NodeHandle::parse(name).ok_or(EARGS)?;
    match cx.model.tree().get(handle) {
        Some(_) => {
            let node = cx.node(handle, Right::Write)?;
            if node.kind == Kind::File {
                Err(EARGS)
            } else {
                Ok((handle, node.owner))
            }
        }
        // The folder was deleted meanwhile: what was to go there is not lost, it goes to the bin of whoever put it. (The SDK
        // therefore looks where a node really went, `CommandPutNodes::procresult`.)
        None if cx.model.graves.folders.get(&handle).is_some() => {
            cx.user().map(|u| (u.bin, u.handle)).map_err(|_| ENOENT)
        }
        None => Err(ENOENT),
    }
}

fn plan(
    cx: &mut Context<'_>,
    entry: &Value,
    owner: UserHandle,
    request: &Value,
) -> std::result::Result<Planned, i64> {
    let kind = match number(entry, "t") {
        Some(0) => Kind::File,
        Some(1) => Kind::Folder,
        _ => return Err(EARGS),
    };
    let attributes = text(entry, "a").ok_or(EARGS)?;
    if attributes.is_empty()
        || attributes.len() > super::tree::MAX_ATTRIBUTES
        || !is_wire_text(attributes)
    {
        return Err(EARGS);
    }
    let name = text(entry, "h").map(str::to_owned);
    let mut node = Node::new(cx.model.new_node_handle(), kind, owner, cx.model.now());
    node.attributes = attributes.to_owned();
    match text(entry, "k").filter(|k| !k.is_empty()) {
        Some(key) if is_wire_text(key) && !key.contains([':', '/']) => {
            // To whom it is sent, the key is his; otherwise it is that of the author.
            let to_contact = text(request, "t").is_some_and(|t| t.len() == 11 || t.contains('@'));
            let holder = if to_contact { owner } else { cx.author()? };
            node.keys.push((Holder::User(holder), key.to_owned()));
        }
        Some(_) => return Err(EARGS),
        // Through a writable link only the share's key can be given.
        None if matches!(cx.who, Who::Link { .. }) || request.get("cr").is_some() => {}
        None => return Err(EARGS),
    }
    let mut token = None;
    let existing = name
        .as_deref()
        .and_then(NodeHandle::parse)
        .filter(|h| cx.model.tree().get(*h).is_some());
    if let Some(link) = text(entry, "ph") {
        let source = cx.open_link(PublicHandle::parse(link).ok_or(ENOENT)?)?;
        copy(cx, &mut node, source)?;
    } else if let Some(source) = existing {
        let seen = cx.model.right(&cx.who, source).is_some();
        if !seen && !cx.model.is_published(source) && !cx.in_album(source) {
            return Err(EACCESS);
        }
        copy(cx, &mut node, source)?;
    } else if kind == Kind::File {
        let text = name.clone().ok_or(EARGS)?;
        let finished = cx.model.storage.finished.get(&text).ok_or(ENOENT)?;
        if finished.expires <= cx.model.now() {
            return Err(ENOENT);
        }
        node.content = Some(finished.content.clone());
        token = Some(text);
    }
    if let Some(fa) = text(entry, "fa").filter(|_| kind == Kind::File) {
        node.file_attributes = parse_file_attributes(fa);
    }
    let replaces = text(entry, "ov").and_then(NodeHandle::parse).filter(|h| {
        kind == Kind::File
            && cx
                .node(*h, Right::Write)
                .is_ok_and(|n| n.kind == Kind::File && !n.version)
    });
    let under = text(entry, "p")
        .filter(|p| !p.is_empty())
        .map(str::to_owned);
    Ok(Planned {
        node,
        alias: name,
        under,
        replaces,
        token,
    })
}

/// Makes a node a copy of another; only content and file attributes are taken over.
fn copy(cx: &Context<'_>, node: &mut Node, source: NodeHandle) -> std::result::Result<(), i64> {
    let source = cx.model.tree().get(source).ok_or(ENOENT)?;
    if source.kind != node.kind {
        return Err(EARGS);
    }
    node.content.clone_from(&source.content);
    node.file_attributes.clone_from(&source.file_attributes);
    Ok(())
}

/// Errors per node, as the official client reads them (SDK `CommandPutNodes::procresult`): `[]` when all is well, a list when
/// those that failed are the first ones (`[-9,-9]`), otherwise an object by their places (`{"1":-9}`).
fn sparse(errors: &[i64]) -> Json {
    let failed = |code: &&i64| **code != 0;
    let first = errors.iter().take_while(failed).count();
    if errors.iter().skip(first).all(|code| *code == 0) {
        return Json::Array(errors.iter().take(first).map(|c| (*c).into()).collect());
    }
    let mut out = Object::new();
    for (i, code) in errors.iter().enumerate().filter(|(_, code)| failed(code)) {
        out.push(i.to_string(), *code);
    }
    out.into()
}

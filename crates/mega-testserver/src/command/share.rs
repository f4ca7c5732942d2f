//! `s2`, `k`, `pk` and the key lists `cr` (api-and-transfers 5.4 and 5.6, crypto-and-accounts 4.5 to 4.8).

use serde_json::Value;

use super::{Answer, Context, EARGS, ENOENT, Result, is_wire_text};
use crate::json::read::{array, number, text};
use crate::json::{Json, Object};
use crate::model::effects::Effects;
use crate::model::{Channel, Holder, Kind, Right, Share};
use crate::wire::{NodeHandle, RequestHandle, UserHandle, unb64};

pub(super) fn share(cx: &mut Context<'_>, request: &Value) -> Result {
    let owner = cx.handle()?;
    let root = cx.node_of(request, "n", Right::Owner)?;
    if cx.node(root, Right::Owner)?.kind != Kind::Folder {
        return Err(EARGS);
    }
    let targets = array(request, "s").ok_or(EARGS)?;
    // The legacy share key: clients that keep keys in `^!keys` send zeros.
    let secret = |name: &str| {
        text(request, name)
            .filter(|t| is_wire_text(t) && !is_zero(t))
            .map(str::to_owned)
    };
    let (key, auth) = (secret("ok"), secret("ha"));
    let mut answer = Object::new();
    let mut users: Vec<Json> = Vec::new();
    let known = cx.user()?.share_keys.get(&root).map(|(key, _)| key.clone());
    let other_key = known.filter(|known| key.as_ref().is_some_and(|key| key != known));
    if let (Some(key), Some(auth), None) = (&key, &auth, &other_key) {
        cx.user_mut()?
            .share_keys
            .insert(root, (key.clone(), auth.clone()));
    }
    take_keys(cx, request, &[])?;
    let mut codes: Vec<Json> = Vec::new();
    for target in targets {
        let whom = text(target, "u").unwrap_or_default().to_owned();
        // Without `r`, or with an empty one, the share ends.
        let right = number(target, "r").and_then(Right::from_number);
        let share_key = text(target, "k")
            .or_else(|| text(request, "k"))
            .map(str::to_owned);
        let done = match whom.as_str() {
            "EXP" => export(cx, root, owner, right, &key, &auth),
            _ => with_user(
                cx, root, owner, &whom, right, share_key, request, &mut users,
            ),
        };
        codes.push(Json::Number(done.err().unwrap_or(0)));
    }
    answer.push("r", codes);
    if !users.is_empty() {
        answer.push("u", users);
    }
    if let Some(other) = other_key {
        answer.push("ok", other);
    }
    Ok(Answer::Changed(answer.into()))
}

fn export(
    cx: &mut Context<'_>,
    root: NodeHandle,
    owner: UserHandle,
    right: Option<Right>,
    key: &Option<String>,
    auth: &Option<String>,
) -> std::result::Result<(), i64> {
    let mut fx = std::mem::take(&mut cx.fx);
    match right {
        None => cx.model.end_export(&mut fx, root, owner),
        Some(right) => {
            let created = cx.model.now();
            if let Some(node) = cx.model.tree.get_mut(root) {
                node.exported = Some(Share {
                    right,
                    created,
                    key: None,
                });
            }
            let packet = Object::new()
                .with("n", root)
                .with("o", owner)
                .with("u", "EXP")
                .with("r", right.number())
                .with("ts", created)
                .maybe("ok", key.clone())
                .maybe("ha", auth.clone())
                .with("ou", owner);
            fx.owner(cx.model, root, "s2", packet);
        }
    }
    cx.fx = fx;
    Ok(())
}

#[expect(
    clippy::too_many_arguments,
    reason = "one share of one command; the parts come from three places"
)]
fn with_user(
    cx: &mut Context<'_>,
    root: NodeHandle,
    owner: UserHandle,
    whom: &str,
    right: Option<Right>,
    key: Option<String>,
    request: &Value,
    users: &mut Vec<Json>,
) -> std::result::Result<(), i64> {
    let by_handle = UserHandle::parse(whom).filter(|h| cx.model.users.contains_key(h));
    let other = by_handle.or_else(|| cx.model.user(whom).map(|u| u.handle));
    let is_contact = other.is_some_and(|h| {
        cx.user()
            .is_ok_and(|u| u.contacts.get(&h).is_some_and(|c| c.level == 1))
    });
    let mut fx = std::mem::take(&mut cx.fx);
    let mut withdrawn = Vec::new();
    match (other, right) {
        (other, None) => {
            if let Some(other) = other {
                cx.model.end_share(&mut fx, root, other, owner);
            }
            for invitation in cx.model.pending.values_mut() {
                let whose = invitation.from == owner && invitation.to.eq_ignore_ascii_case(whom);
                if !whose || !invitation.shares.iter().any(|(h, _)| *h == root) {
                    continue;
                }
                invitation.shares.retain(|(h, _)| *h != root);
                withdrawn.push(invitation.handle);
            }
            for handle in withdrawn {
                cx.model.end_pending(&mut fx, root, owner, handle);
            }
        }
        (Some(other), Some(_)) if other == owner => {
            cx.fx = fx;
            return Err(EARGS);
        }
        (Some(other), Some(right)) if is_contact => {
            grant(cx, &mut fx, root, owner, other, right, key, None);
            let email = cx
                .model
                .users
                .get(&other)
                .map(|u| u.email.clone())
                .unwrap_or_default();
            users.push(Object::new().with("u", other).with("m", email).into());
        }
        // To somebody who is no contact yet the share waits for the answer to an invitation.
        (_, Some(right)) if whom.contains('@') => {
            let message = text(request, "msg").unwrap_or_default().to_owned();
            let share = Some((root, right));
            if let Err(code) = super::contact::invite_for(cx, &mut fx, whom, &message, share, false)
            {
                cx.fx = fx;
                return Err(code);
            }
        }
        (_, Some(_)) => {
            cx.fx = fx;
            return Err(ENOENT);
        }
    }
    cx.fx = fx;
    Ok(())
}

/// Shares a folder with a user: he gets the tree, the owner the confirmation. `pending` is the invitation it waited for.
#[expect(
    clippy::too_many_arguments,
    reason = "one share; the parts come from two commands"
)]
pub(super) fn grant(
    cx: &mut Context<'_>,
    fx: &mut Effects,
    root: NodeHandle,
    owner: UserHandle,
    other: UserHandle,
    right: Right,
    key: Option<String>,
    pending: Option<RequestHandle>,
) {
    let now = cx.model.now();
    let Some(node) = cx.model.tree.get_mut(root) else {
        return;
    };
    let share = Share {
        right,
        created: now,
        key: key.clone(),
    };
    let fresh = node.shares.insert(other, share).is_none();
    if let Some(user) = cx.model.users.get_mut(&other) {
        user.incoming.insert(root);
    }
    let packet = Object::new()
        .with("n", root)
        .with("o", owner)
        .with("u", other)
        .with("r", right.number())
        .with("ts", now)
        .maybe("k", key)
        .with("ou", owner);
    let path = cx.model.path(root);
    // What waited for an answer is no longer pending (SDK `MegaClient::sc_shares`).
    let full = match pending {
        Some(handle) => packet.clone().with("p", handle).with("op", 1),
        None => packet.clone(),
    };
    fx.about(&path, Channel::User(owner), "s2", full);
    fx.about(&path, Channel::User(other), "s2", packet);
    if fresh {
        let noted = Object::new().with("n", root);
        fx.note(other, Some(owner), "share", &noted);
        let channel = Channel::User(other);
        let mut lists = [Vec::new(), Vec::new()];
        for handle in cx.model.tree().subtree(root) {
            let Some(node) = cx.model.tree().get(handle) else {
                continue;
            };
            if let Some(list) = lists.get_mut(usize::from(node.version)) {
                list.push(Json::Raw(cx.model.node_text(node, channel, None)));
            }
        }
        let [f, f2] = lists;
        let tree = Object::new()
            .with("f", f)
            .maybe("f2", (!f2.is_empty()).then_some(f2));
        let rest = Object::new().with("t", tree).with("ou", owner);
        fx.about(&path, channel, "t", rest);
    }
}

/// `k`: own node keys rewritten, or keys for shares supplied.
pub(super) fn node_keys(cx: &mut Context<'_>, request: &Value) -> Result {
    let user = cx.handle()?;
    if let Some(list) = array(request, "nk") {
        for pair in list.chunks(2) {
            let [handle, key] = pair else {
                return Err(EARGS);
            };
            let handle = handle.as_str().and_then(NodeHandle::parse).ok_or(EARGS)?;
            let key = key
                .as_str()
                .filter(|k| is_wire_text(k))
                .ok_or(EARGS)?
                .to_owned();
            cx.node(handle, Right::Owner)?;
            if let Some(node) = cx.model.tree.get_mut(handle) {
                node.set_key(Holder::User(user), key);
            }
        }
    }
    for (share, node, key) in take_keys(cx, request, &[])? {
        // Whoever sees the node and lacked its key gets it: triples, as the web client reads them (js/crypto.js `crypto_proccr`).
        // No tag: the reply promises none.
        let keys: Vec<Json> = vec![
            vec![share.into()].into(),
            vec![node.into()].into(),
            vec![0.into(), 0.into(), key.into()].into(),
        ];
        let packet = Object::new().with("cr", keys);
        let path = cx.model.path(node);
        for channel in cx.model.watchers(node) {
            cx.fx.untagged(&path, channel, "k", packet.clone());
        }
    }
    cx.changed = true;
    Ok(Answer::Value(0.into()))
}

/// Reads `cr`: shares, nodes, and triples of their indexes with a key. In `p` the node list may be empty: then the
/// index is the place in the request, which `made` translates. The result is what was taken: share, node, key.
pub(super) fn take_keys(
    cx: &mut Context<'_>,
    request: &Value,
    made: &[Option<NodeHandle>],
) -> std::result::Result<Vec<(NodeHandle, NodeHandle, String)>, i64> {
    let mut taken = Vec::new();
    let Some([shares, nodes, triples]) = array(request, "cr").and_then(|cr| cr.get(..3)) else {
        return Ok(taken);
    };
    let handles = |list: &Value| -> Vec<Option<NodeHandle>> {
        list.as_array()
            .into_iter()
            .flatten()
            .map(|h| h.as_str().and_then(NodeHandle::parse))
            .collect()
    };
    let shares = handles(shares);
    let named = nodes.as_array().is_some_and(|n| !n.is_empty());
    // Tokens and temporary handles in the node list stand for the nodes of this request, in their order.
    let nodes: Vec<Option<NodeHandle>> = if named && made.is_empty() {
        handles(nodes)
    } else {
        made.to_vec()
    };
    for triple in triples
        .as_array()
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .chunks(3)
    {
        let [share, node, key] = triple else { continue };
        let at = |index: &Value, list: &[Option<NodeHandle>]| -> Option<NodeHandle> {
            *list.get(usize::try_from(index.as_u64()?).ok()?)?
        };
        let (Some(share), Some(node)) = (at(share, &shares), at(node, &nodes)) else {
            continue;
        };
        let Some(key) = key
            .as_str()
            .filter(|k| is_wire_text(k) && !k.contains([':', '/']))
        else {
            continue;
        };
        if cx
            .model
            .right(&cx.who, node)
            .is_some_and(|r| r >= Right::Write)
            && let Some(known) = cx.model.tree.get_mut(node)
        {
            known.set_key(Holder::Share(share), key.to_owned());
            taken.push((share, node, key.to_owned()));
        }
    }
    Ok(taken)
}

/// `pk`: share keys on their way between accounts.
pub(super) fn pending_keys(cx: &mut Context<'_>, request: &Value) -> Result {
    let handle = cx.handle()?;
    if let Some(key) = text(request, "k")
        .filter(|k| is_wire_text(k))
        .map(str::to_owned)
    {
        let root = text(request, "h")
            .and_then(NodeHandle::parse)
            .ok_or(EARGS)?;
        let to = text(request, "u").ok_or(EARGS)?;
        let to = UserHandle::parse(to)
            .or_else(|| cx.model.user(to).map(|u| u.handle))
            .ok_or(ENOENT)?;
        let user = cx.model.users.get_mut(&to).ok_or(ENOENT)?;
        user.pending_keys.push((handle, root, key));
        cx.fx.to(Channel::User(to), "pk", Object::new());
        cx.changed = true;
        return Ok(Answer::Value(0.into()));
    }
    if text(request, "d") == Some("") {
        // The SDK acknowledges even when there was nothing to fetch.
        return Ok(Answer::Value(0.into()));
    }
    if let Some(last) = text(request, "d") {
        let count = unb64(last)
            .and_then(|b| b.try_into().ok())
            .map(u64::from_be_bytes)
            .ok_or(EARGS)?;
        let user = cx.user_mut()?;
        let count = usize::try_from(count)
            .unwrap_or(usize::MAX)
            .min(user.pending_keys.len());
        user.pending_keys.drain(..count);
        cx.changed = true;
        return Ok(Answer::Value(0.into()));
    }
    let keys = &cx.user()?.pending_keys;
    let mut senders: Vec<UserHandle> = keys.iter().map(|(sender, _, _)| *sender).collect();
    senders.sort_unstable();
    senders.dedup();
    let mut out = Object::new();
    for sender in senders {
        let mut shares = Object::new();
        for (_, root, key) in keys.iter().filter(|(s, _, _)| *s == sender) {
            shares.push(root.to_string(), key.clone());
        }
        out.push(sender.to_string(), shares);
    }
    if !keys.is_empty() {
        out.push("d", crate::wire::b64(&(keys.len() as u64).to_be_bytes()));
    }
    Ok(Answer::Value(out.into()))
}

fn is_zero(text: &str) -> bool {
    text.bytes().all(|b| b == b'A')
}

//! `f`: the whole tree (api-and-transfers 3).

use std::fmt::Write as _;

use serde_json::Value;

use super::{Answer, Context, ESID, Result};
use crate::json::read::{flag, number, text};
use crate::json::{Json, Object};
use crate::model::{Channel, Model, Node, Right};
use crate::wire::{NodeHandle, PublicHandle, UserHandle};

pub(super) fn fetch(cx: &mut Context<'_>, request: &Value) -> Result {
    if flag(request, "f") {
        // Legacy: the node behind a public file handle.
        let handle = text(request, "p")
            .and_then(PublicHandle::parse)
            .ok_or(super::ENOENT)?;
        let node = cx.open_link(handle)?;
        let list = vec![Object::new().with("h", node).into()];
        return Ok(Answer::Value(Object::new().with("f", list).into()));
    }
    let channel = cx.who.channel().ok_or(ESID)?;
    cx.model.events.open(channel);
    let part = Part::read(cx, request)?;
    let text = match (channel, &part) {
        (Channel::User(user), Part::All) => user_tree(cx.model, user, flag(request, "ca")),
        (Channel::User(user), _) => {
            let nodes = part.nodes(cx.model, channel);
            user_part(cx.model, user, &nodes, part == Part::Nothing)
        }
        (Channel::Link(_), _) => link_tree(cx.model, channel, &part.nodes(cx.model, channel)),
    };
    if part != Part::All {
        // Generated nodes are told only with all of the tree.
        return Ok(Answer::Value(Json::Raw(text)));
    }
    // Generated nodes follow the real ones, where the list of nodes ends.
    let forest = cx
        .who
        .user()
        .and_then(|u| cx.model.users.get(&u)?.forest.clone());
    let end = text
        .find(",\"f\":[")
        .and_then(|at| Some(at + text.get(at..)?.find("],\"")?));
    if let (Some(forest), Some(end)) = (forest, end) {
        cx.lazy.push((cx.written + end, forest));
    }
    Ok(Answer::Value(Json::Raw(text)))
}

/// How much of the tree a client asks for (api-and-transfers 3.1).
#[derive(Debug, PartialEq, Eq)]
enum Part {
    All,
    /// `mc`: no nodes, as VPN clients want it (SDK `CommandFetchNodes`).
    Nothing,
    /// `n`, one handle or several, with everything in them (SDK for password managers, with `part:1`), or with `inc` only so
    /// many levels below them. How the service counts levels is not known and no source tells: the official library never sends
    /// `inc` (SDK `CommandFetchNodes`: `c`, `r`, `ca`, `n`, `part` and `mc` are all there is). Here 0 is the named nodes alone.
    Below {
        roots: Vec<NodeHandle>,
        levels: Option<usize>,
    },
}

impl Part {
    fn read(cx: &Context<'_>, request: &Value) -> std::result::Result<Self, i64> {
        if flag(request, "mc") {
            return Ok(Self::Nothing);
        }
        let levels = number(request, "inc").and_then(|n| usize::try_from(n).ok());
        let named: Vec<&Value> = match request.get("n") {
            Some(Value::Array(several)) => several.iter().collect(),
            Some(one @ Value::String(_)) => vec![one],
            Some(_) => return Err(super::EARGS),
            None if levels.is_none() => return Ok(Self::All),
            None => Vec::new(),
        };
        let mut roots = Vec::new();
        for name in named {
            let handle = name.as_str().and_then(NodeHandle::parse);
            roots.push(cx.node(handle.ok_or(super::EARGS)?, Right::Read)?.handle);
        }
        if roots.is_empty() {
            roots = match &cx.who {
                crate::model::share::Who::Link { root, .. } => vec![*root],
                _ => {
                    let user = cx.user()?;
                    let shared = user.incoming.iter().copied();
                    [user.root, user.vault, user.bin]
                        .into_iter()
                        .chain(shared)
                        .collect()
                }
            };
        }
        Ok(Self::Below { roots, levels })
    }

    /// The nodes of it, in the order of a listing.
    fn nodes<'a>(&self, model: &'a Model, channel: Channel) -> Vec<&'a Node> {
        let mut nodes = model.visible(channel);
        nodes.retain(|node| match self {
            Self::All => true,
            Self::Nothing => false,
            Self::Below { roots, levels } => {
                let above = model
                    .tree()
                    .ancestors(node.handle)
                    .take(levels.map_or(usize::MAX, |n| n + 1));
                above.into_iter().any(|n| roots.contains(&n.handle))
            }
        });
        nodes
    }
}

fn user_tree(model: &mut Model, handle: UserHandle, cached: bool) -> String {
    let channel = Channel::User(handle);
    if cached
        && model.options.snapshots
        && let Some((text, position)) = model.snapshots.get(&handle)
    {
        // An older image; what happened since comes through the events.
        let sn = model.events.sn(channel, *position);
        if model.events.position(channel, &sn).is_some() {
            return text.to_string();
        }
    }
    let nodes = model.visible(channel);
    let out = user_part(model, handle, &nodes, false);
    if model.options.snapshots {
        let position = model.events.end(channel);
        model
            .snapshots
            .insert(handle, (out.as_str().into(), position));
    }
    out
}

/// These nodes, and what is known of the account; `minimal` leaves out all but the account itself.
fn user_part(model: &Model, handle: UserHandle, nodes: &[&Node], minimal: bool) -> String {
    let channel = Channel::User(handle);
    let mut out = String::with_capacity(nodes.len() * ABOUT_A_NODE);
    out.push_str("{\"ok0\":");
    let Some(user) = model.users.get(&handle).filter(|_| !minimal) else {
        return minimal_part(model, handle);
    };
    let keys: Vec<Json> = user
        .share_keys
        .iter()
        .map(|(root, (key, auth))| {
            Object::new()
                .with("h", *root)
                .with("ha", auth.clone())
                .with("k", key.clone())
                .into()
        })
        .collect();
    let keys = Json::Array(keys).text();
    out.push_str(&keys);
    nodes_and_versions(model, &mut out, channel, nodes, &user.raw_nodes);
    let _ = write!(out, ",\"ok\":{keys}");

    let mut shares = Vec::new();
    let mut links = Vec::new();
    for node in nodes.iter().filter(|n| n.owner == handle) {
        let share = |target: Json, s: &crate::model::Share| -> Json {
            Object::new()
                .with("h", node.handle)
                .with("u", target)
                .with("r", s.right.number())
                .with("ts", s.created)
                .into()
        };
        shares.extend(node.exported.iter().map(|s| share("EXP".into(), s)));
        shares.extend(node.shares.iter().map(|(user, s)| share((*user).into(), s)));
        if let Some(link) = &node.link {
            let object = Object::new()
                .with("h", node.handle)
                .with("ph", link.handle)
                .with("ts", link.created)
                .maybe("ets", link.expires)
                .maybe("w", link.write_auth.clone())
                .maybe("down", link.down.then_some(1));
            links.push(object.into());
        }
    }
    let mut users: Vec<Json> = vec![account(user).into()];
    for (other, contact) in &user.contacts {
        let email = model
            .users
            .get(other)
            .map(|u| u.email.clone())
            .unwrap_or_default();
        let object = Object::new()
            .with("u", *other)
            .with("c", contact.level)
            .with("m", email)
            .with("ts", contact.since);
        users.push(object.into());
    }
    let (outgoing, incoming, pending) = invitations(model, handle);
    let tail = Object::new()
        .with("s", shares)
        .with("ps", pending)
        .with("u", users)
        .with("ph", links)
        .with("opc", outgoing)
        .with("ipc", incoming)
        .with("cr", Vec::new())
        .maybe("aesp", super::album::listed(model, handle))
        .with("st", model.tag())
        .with("sn", model.events.sn(channel, model.events.end(channel)));
    tail.write_tail(&mut out);
    out.push('}');
    out
}

/// The account itself, as one of the users.
fn account(user: &crate::model::User) -> Object {
    Object::new()
        .with("u", user.handle)
        .with("c", 2)
        .with("m", user.email.clone())
        .with("ts", user.created)
}

/// What a client without nodes needs: who it is, and where the events begin.
fn minimal_part(model: &Model, handle: UserHandle) -> String {
    let channel = Channel::User(handle);
    let me = model.users.get(&handle).map(|u| account(u).into());
    let answer = Object::new()
        .with("f", Vec::new())
        .with("u", me.into_iter().collect::<Vec<Json>>())
        .with("st", model.tag())
        .with("sn", model.events.sn(channel, model.events.end(channel)));
    Json::from(answer).text()
}

/// Pending contacts and the shares that wait for them: (`opc`, `ipc`, `ps`).
fn invitations(model: &Model, handle: UserHandle) -> (Vec<Json>, Vec<Json>, Vec<Json>) {
    let own = model
        .users
        .get(&handle)
        .map(|u| u.email.clone())
        .unwrap_or_default();
    let (mut outgoing, mut incoming, mut pending) = (Vec::new(), Vec::new(), Vec::new());
    for invitation in model.pending.values() {
        if invitation.from == handle {
            outgoing.push(super::contact::outgoing(invitation, &own).into());
            for (root, right) in &invitation.shares {
                let share = Object::new()
                    .with("h", *root)
                    .with("p", invitation.handle)
                    .with("r", right.number())
                    .with("ts", invitation.updated);
                pending.push(share.into());
            }
        }
        if invitation.to.eq_ignore_ascii_case(&own) {
            incoming.push(super::contact::incoming(model, invitation).into());
        }
    }
    (outgoing, incoming, pending)
}

/// What a visitor of a folder link gets: the root first, all keys under the link's key.
fn link_tree(model: &Model, channel: Channel, nodes: &[&Node]) -> String {
    let mut out = String::from("{\"ok\":[]");
    nodes_and_versions(model, &mut out, channel, nodes, &[]);
    let tail = Object::new()
        .with("s", Vec::new())
        .with("u", Vec::new())
        .with("st", model.tag())
        .with("sn", model.events.sn(channel, model.events.end(channel)));
    tail.write_tail(&mut out);
    out.push('}');
    out
}

/// `,"f":[..],"f2":[..]`, the latter only if there are versions.
fn nodes_and_versions(
    model: &Model,
    out: &mut String,
    channel: Channel,
    nodes: &[&Node],
    raw: &[String],
) {
    for (name, versions) in [(",\"f\":[", false), (",\"f2\":[", true)] {
        let mut list = nodes.iter().filter(|n| n.version == versions).peekable();
        if versions && list.peek().is_none() {
            continue;
        }
        out.push_str(name);
        let mut first = true;
        for node in list {
            if !std::mem::take(&mut first) {
                out.push(',');
            }
            model.write_node(out, node, channel, None);
        }
        for raw in raw.iter().filter(|_| !versions) {
            if !std::mem::take(&mut first) {
                out.push(',');
            }
            out.push_str(raw);
        }
        out.push(']');
    }
}

/// Characters that most nodes take, so that a listing is not copied while it grows.
const ABOUT_A_NODE: usize = 256;

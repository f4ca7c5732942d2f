//! Contacts: invitations, answers, levels, public keys (api-and-transfers 5.6).

use serde_json::Value;

use super::{Answer, Context, EARGS, EEXIST, ENOENT, Result};
use crate::json::read::{number, text};
use crate::json::{Json, Object};
use crate::model::effects::Effects;
use crate::model::share::Invitation;
use crate::model::user::Contact;
use crate::model::{Channel, Model, Right};
use crate::wire::{NodeHandle, RequestHandle, UserHandle};

pub(super) fn invite(cx: &mut Context<'_>, request: &Value) -> Result {
    let me = cx.handle()?;
    let email = text(request, "u").ok_or(EARGS)?.to_owned();
    let existing = cx
        .model
        .pending
        .values()
        .find(|i| i.from == me && i.to.eq_ignore_ascii_case(&email))
        .cloned();
    let mut fx = std::mem::take(&mut cx.fx);
    let result = match text(request, "aa").unwrap_or("a") {
        "a" => {
            if existing.is_some() {
                return Err(EEXIST);
            }
            let contact = cx.model.user(&email).map(|u| u.handle);
            if contact.is_some_and(|c| {
                cx.user()
                    .is_ok_and(|u| u.contacts.get(&c).is_some_and(|c| c.level == 1))
            }) {
                return Err(EEXIST);
            }
            let message = text(request, "msg").unwrap_or_default().to_owned();
            // Who has the link of somebody need not wait for the answer.
            let by_link = match text(request, "cl") {
                Some(_) => Some(reached_by(cx, request, &email)?),
                None => None,
            };
            let at_once = by_link.filter(|to| accepts_links(cx.model, *to));
            let invitation = invite_for(cx, &mut fx, &email, &message, None, at_once.is_some())?;
            if let Some(to) = at_once {
                conclude(cx, &mut fx, &invitation, to, ACCEPTED);
            }
            invitation
        }
        aa @ ("d" | "r") => {
            let mut invitation = existing.ok_or(ENOENT)?;
            let now = cx.model.now();
            invitation.updated = now;
            let stamp = if aa == "d" { "dts" } else { "rts" };
            if aa == "d" {
                cx.model.pending.remove(&invitation.handle);
                end_shares(cx.model, &mut fx, &invitation);
            } else {
                cx.model
                    .pending
                    .insert(invitation.handle, invitation.clone());
            }
            announce(cx.model, &mut fx, &invitation, Some((stamp, now)));
            cx.fx = fx;
            // A number in every case (SDK `CommandSetPendingContact::procresult`).
            return Ok(Answer::Done);
        }
        _ => return Err(EARGS),
    };
    cx.fx = fx;
    let own = cx.user()?.email.clone();
    Ok(Answer::Changed(outgoing(&result, &own).into()))
}

/// Who is behind the contact link of a request, if that is the one who is invited.
fn reached_by(
    cx: &Context<'_>,
    request: &Value,
    email: &str,
) -> std::result::Result<UserHandle, i64> {
    let link = super::contact_link::link_of(request)?;
    let owner = super::contact_link::owner(cx.model, link);
    owner
        .filter(|u| u.email.eq_ignore_ascii_case(email))
        .map(|u| u.handle)
        .ok_or(ENOENT)
}

/// Whether invitations by contact link are accepted without asking: unless that was switched off (`^clv`; SDK
/// `MegaApi::setContactLinksOption`).
fn accepts_links(model: &Model, user: UserHandle) -> bool {
    let user = model.users.get(&user);
    let off = user.and_then(|u| u.attributes.get("^clv"));
    !off.is_some_and(|a| a.value == "MA" || a.value == "0")
}

/// Makes an invitation, or adds a share to the one that is there.
pub(super) fn invite_for(
    cx: &mut Context<'_>,
    fx: &mut Effects,
    email: &str,
    message: &str,
    share: Option<(NodeHandle, Right)>,
    accepted: bool,
) -> std::result::Result<Invitation, i64> {
    let from = cx.handle()?;
    let now = cx.model.now();
    let own = cx.user()?.email.clone();
    if !email.contains('@') || own.eq_ignore_ascii_case(email) {
        return Err(EARGS);
    }
    let existing = cx
        .model
        .pending
        .values()
        .find(|i| i.from == from && i.to.eq_ignore_ascii_case(email))
        .cloned();
    let fresh = existing.is_none();
    let mut invitation = match existing {
        Some(invitation) => invitation,
        None => Invitation {
            handle: RequestHandle(cx.model.seed.array()),
            from,
            to: email.to_owned(),
            message: message.to_owned(),
            created: now,
            updated: now,
            shares: Vec::new(),
        },
    };
    if let Some((root, right)) = share {
        invitation.shares.retain(|(h, _)| *h != root);
        invitation.shares.push((root, right));
        let packet = Object::new()
            .with("n", root)
            .with("o", from)
            .with("p", invitation.handle)
            .with("r", right.number())
            .with("ts", now)
            .with("ou", from);
        fx.owner(cx.model, root, "s2", packet);
    }
    cx.model
        .pending
        .insert(invitation.handle, invitation.clone());
    if fresh {
        announce(cx.model, fx, &invitation, accepted.then_some(("clv", 1)));
    }
    Ok(invitation)
}

pub(super) fn answer(cx: &mut Context<'_>, request: &Value) -> Result {
    let me = cx.handle()?;
    let handle = text(request, "p")
        .and_then(RequestHandle::parse)
        .ok_or(EARGS)?;
    let own = cx.user()?.email.clone();
    let invitation = cx
        .model
        .pending
        .get(&handle)
        .filter(|i| i.to.eq_ignore_ascii_case(&own))
        .cloned()
        .ok_or(ENOENT)?;
    let status = match text(request, "aa").unwrap_or_default() {
        "i" => IGNORED,
        "a" => ACCEPTED,
        "d" => DENIED,
        _ => return Err(EARGS),
    };
    let mut fx = std::mem::take(&mut cx.fx);
    conclude(cx, &mut fx, &invitation, me, status);
    cx.fx = fx;
    Ok(Answer::Done)
}

/// The answer of `to` to an invitation, told to both; who accepts is a contact and gets the shares that waited.
fn conclude(
    cx: &mut Context<'_>,
    fx: &mut Effects,
    invitation: &Invitation,
    to: UserHandle,
    status: i64,
) {
    let now = cx.model.now();
    let email_of = |user| {
        let user = cx.model.users.get(&user);
        user.map(|u| u.email.clone()).unwrap_or_default()
    };
    let (sender, receiver) = (email_of(invitation.from), email_of(to));
    let packet = |mail: String| {
        Object::new()
            .with("p", invitation.handle)
            .with("m", mail)
            .with("uts", now)
            .with("s", status)
    };
    if status != IGNORED {
        cx.model.pending.remove(&invitation.handle);
    }
    if status == DENIED {
        end_shares(cx.model, fx, invitation);
    }
    fx.to(Channel::User(to), "upci", packet(sender).with("ou", to));
    let packet = packet(receiver);
    if status != IGNORED {
        fx.note(invitation.from, None, "upco", &packet);
    }
    fx.to(
        Channel::User(invitation.from),
        "upco",
        packet.with("ou", to),
    );
    if status == ACCEPTED {
        set_contact(cx.model, fx, to, invitation.from, 1, to);
        set_contact(cx.model, fx, invitation.from, to, 1, to);
        for (root, right) in &invitation.shares {
            let waited = Some(invitation.handle);
            super::share::grant(cx, fx, *root, invitation.from, to, *right, None, waited);
        }
    }
}

/// What waited with an invitation that came to nothing waits no longer.
fn end_shares(model: &mut Model, fx: &mut Effects, invitation: &Invitation) {
    for (root, _) in &invitation.shares {
        model.end_pending(fx, *root, invitation.from, invitation.handle);
    }
}

pub(super) fn set_level(cx: &mut Context<'_>, request: &Value) -> Result {
    let me = cx.handle()?;
    let whom = text(request, "u").ok_or(EARGS)?;
    let other = UserHandle::parse(whom)
        .or_else(|| cx.model.user(whom).map(|u| u.handle))
        .ok_or(ENOENT)?;
    let level = number(request, "l").unwrap_or(0);
    let email = cx
        .model
        .users
        .get(&other)
        .map(|u| u.email.clone())
        .ok_or(ENOENT)?;
    if !cx.user()?.contacts.contains_key(&other) {
        return Err(ENOENT);
    }
    let mut fx = std::mem::take(&mut cx.fx);
    set_contact(cx.model, &mut fx, me, other, level, me);
    if level == 0 {
        // Who is no contact any more loses what was shared with him, and the other way round.
        set_contact(cx.model, &mut fx, other, me, 0, me);
        for (owner, reader) in [(me, other), (other, me)] {
            let roots: Vec<NodeHandle> = cx
                .model
                .users
                .get(&reader)
                .map(|u| u.incoming.iter().copied().collect())
                .unwrap_or_default();
            for root in roots {
                if cx.model.tree().get(root).is_some_and(|n| n.owner == owner) {
                    cx.model.end_share(&mut fx, root, reader, me);
                }
            }
        }
    }
    cx.fx = fx;
    Ok(Answer::Changed(
        Object::new().with("u", other).with("m", email).into(),
    ))
}

pub(super) fn public_key(cx: &mut Context<'_>, request: &Value) -> Result {
    cx.handle()?;
    let whom = text(request, "u").ok_or(EARGS)?;
    let handle = UserHandle::parse(whom)
        .or_else(|| cx.model.user(whom).map(|u| u.handle))
        .ok_or(ENOENT)?;
    let user = cx.model.users.get(&handle).ok_or(ENOENT)?;
    let mut out = Object::new()
        .with("u", user.handle)
        .maybe("pubk", user.public_key.clone());
    for name in ["+puEd255", "+puCu255", "+sigPubk", "+sigCu255"] {
        if let Some(attribute) = user.attributes.get(name) {
            out.push(name, attribute.value.clone());
        }
    }
    Ok(Answer::Value(out.into()))
}

pub(super) fn email(cx: &mut Context<'_>, request: &Value) -> Result {
    cx.handle()?;
    let handle = text(request, "u")
        .and_then(UserHandle::parse)
        .ok_or(EARGS)?;
    let email = cx
        .model
        .users
        .get(&handle)
        .map(|u| u.email.clone())
        .ok_or(ENOENT)?;
    // A string that is no tag: the tagged dialect wraps it.
    Ok(Answer::Changed(email.into()))
}

fn set_contact(
    model: &mut Model,
    fx: &mut Effects,
    whose: UserHandle,
    other: UserHandle,
    level: i64,
    by: UserHandle,
) {
    let since = model.now();
    let email = model
        .users
        .get(&other)
        .map(|u| u.email.clone())
        .unwrap_or_default();
    if let Some(user) = model.users.get_mut(&whose) {
        user.contacts.insert(other, Contact { level, since });
    }
    if by != whose {
        let noted = Object::new()
            .with("c", level)
            .with("m", email.clone())
            .with("ts", since);
        fx.note(whose, Some(other), "c", &noted);
    }
    let contact: Json = Object::new()
        .with("u", other)
        .with("c", level)
        .with("m", email)
        .with("ts", since)
        .into();
    fx.to(
        Channel::User(whose),
        "c",
        Object::new().with("u", vec![contact]).with("ou", by),
    );
}

/// The packets of an invitation for both sides.
fn announce(
    model: &Model,
    fx: &mut Effects,
    invitation: &Invitation,
    stamp: Option<(&'static str, i64)>,
) {
    let own = model
        .users
        .get(&invitation.from)
        .map(|u| u.email.clone())
        .unwrap_or_default();
    let stamped = |object: Object| match stamp {
        Some((name, value)) => object.with(name, value),
        None => object,
    };
    fx.to(
        Channel::User(invitation.from),
        "opc",
        stamped(outgoing(invitation, &own)),
    );
    if let Some(to) = model.user(&invitation.to) {
        let packet = stamped(incoming(model, invitation));
        fx.note(to.handle, None, "ipc", &packet);
        fx.to(Channel::User(to.handle), "ipc", packet);
    }
}

/// An invitation as its sender sees it.
pub(super) fn outgoing(invitation: &Invitation, own: &str) -> Object {
    Object::new()
        .with("p", invitation.handle)
        .with("e", own)
        .with("m", invitation.to.clone())
        .maybe(
            "msg",
            (!invitation.message.is_empty()).then(|| invitation.message.clone()),
        )
        .with("ts", invitation.created)
        .with("uts", invitation.updated)
}

/// An invitation as its receiver sees it.
pub(super) fn incoming(model: &Model, invitation: &Invitation) -> Object {
    let from = model
        .users
        .get(&invitation.from)
        .map(|u| u.email.clone())
        .unwrap_or_default();
    Object::new()
        .with("p", invitation.handle)
        .with("m", from)
        .maybe(
            "msg",
            (!invitation.message.is_empty()).then(|| invitation.message.clone()),
        )
        .with("ts", invitation.created)
        .with("uts", invitation.updated)
}

/// The `s` of `upci` and `upco` (api-and-transfers 4.4).
const IGNORED: i64 = 1;
const ACCEPTED: i64 = 2;
const DENIED: i64 = 3;

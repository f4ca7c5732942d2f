//! Recovery, cancellation and change of address by mail (crypto-and-accounts 2.16).

use serde_json::Value;

use super::{Answer, Context, EACCESS, EARGS, EEXIST, EEXPIRED, ENOENT, Result};
use crate::json::read::{number, text};
use crate::json::{Json, Object};
use crate::model::Channel;
use crate::model::user::{Credentials, Mail, PendingSignup, Purpose};
use crate::wire::{b64, unb64, unb64_exact};

pub(super) fn mail(cx: &mut Context<'_>, request: &Value) -> Result {
    let email = text(request, "m").ok_or(EARGS)?.to_owned();
    let purpose = match number(request, "t") {
        Some(9) => Purpose::Recover,
        Some(10) => Purpose::Park,
        Some(21) => {
            super::login::check_factor(cx, request)?;
            Purpose::Cancel
        }
        _ => return Err(EARGS),
    };
    let user = cx.model.user(&email).map(|u| u.handle).ok_or(ENOENT)?;
    send(cx, user, email, purpose, None);
    Ok(Answer::Value(0.into()))
}

/// `era`: the mail that unlocks an account once more. For no other reason of a block (SDK include/megaapi.h
/// `MegaApi::resendVerificationEmail`, which tells the codes).
pub(super) fn resend_unlock(cx: &mut Context<'_>) -> Result {
    let user = cx.user()?;
    if user.blocked != Some(WEAK_PROTECTION) {
        return Err(EACCESS);
    }
    let (handle, email) = (user.handle, user.email.clone());
    send(cx, handle, email, Purpose::Unlock, None);
    Ok(Answer::Value(0.into()))
}

fn send(
    cx: &mut Context<'_>,
    user: crate::wire::UserHandle,
    to: String,
    purpose: Purpose,
    pending: Option<PendingSignup>,
) {
    let code = b64(&cx.model.seed.array::<24>());
    cx.model.mails.push(Mail {
        to,
        purpose,
        code,
        user,
        used: false,
        pending,
    });
    cx.changed = true;
}

pub(super) fn verify(cx: &mut Context<'_>, request: &Value) -> Result {
    let mail = find(cx, text(request, "c").ok_or(EARGS)?)?;
    let kind = match mail.purpose {
        Purpose::Recover => 9,
        Purpose::Park => 10,
        Purpose::ChangeEmail => 12,
        Purpose::Cancel => 21,
        Purpose::Confirm | Purpose::Unlock => return Err(ENOENT),
    };
    let user = cx.model.users.get(&mail.user).ok_or(ENOENT)?;
    let new = mail.pending.as_ref().map_or(&user.email, |p| &p.email);
    let answer: Vec<Json> = vec![
        kind.into(),
        new.clone().into(),
        "127.0.0.1".into(),
        cx.model.now().into(),
        mail.user.into(),
        vec![user.email.clone().into()].into(),
    ];
    Ok(Answer::Value(Json::Array(answer)))
}

fn find(cx: &Context<'_>, code: &str) -> std::result::Result<Mail, i64> {
    let mail = cx
        .model
        .mails
        .iter()
        .find(|m| m.code == code)
        .cloned()
        .ok_or(ENOENT)?;
    if mail.used { Err(EEXPIRED) } else { Ok(mail) }
}

fn burn(cx: &mut Context<'_>, code: &str) {
    cx.model
        .mails
        .iter_mut()
        .filter(|m| m.code == code)
        .for_each(|m| m.used = true);
}

pub(super) fn execute(cx: &mut Context<'_>, request: &Value) -> Result {
    let code = text(request, "c").ok_or(EARGS)?.to_owned();
    let mail = find(cx, &code)?;
    let how = text(request, "r");
    match (mail.purpose, how) {
        (Purpose::Recover, Some("gk")) => {
            let key = cx
                .model
                .users
                .get(&mail.user)
                .and_then(|u| u.private_key.clone())
                .ok_or(ENOENT)?;
            // A string that is no tag: the tagged dialect wraps it.
            return Ok(Answer::Changed(key.into()));
        }
        (Purpose::Recover, Some("sk")) => new_password(cx, &mail, request)?,
        (Purpose::Park, None) => {
            let challenge = text(request, "z")
                .and_then(unb64_exact::<32>)
                .ok_or(EARGS)?;
            new_password(cx, &mail, request)?;
            park(cx, &mail, challenge)?;
        }
        (Purpose::Cancel, None) => cancel(cx, &mail)?,
        _ => return Err(EARGS),
    }
    burn(cx, &code);
    cx.changed = true;
    Ok(Answer::Value(0.into()))
}

fn new_password(
    cx: &mut Context<'_>,
    mail: &Mail,
    request: &Value,
) -> std::result::Result<(), i64> {
    let key = text(request, "x")
        .filter(|k| unb64_exact::<16>(k).is_some())
        .ok_or(EARGS)?
        .to_owned();
    let credentials = match request.get("y") {
        Some(Value::String(hash)) => {
            Credentials::V1(unb64(hash).filter(|h| h.len() == 8).ok_or(EARGS)?)
        }
        Some(y) => {
            let random = text(y, "crv").and_then(unb64).ok_or(EARGS)?;
            super::registration::version_2(random, text(y, "hak").and_then(unb64).ok_or(EARGS)?)?
        }
        None => return Err(EARGS),
    };
    let user = cx.model.users.get_mut(&mail.user).ok_or(ENOENT)?;
    user.credentials = credentials;
    user.wrapped_master = key;
    user.password = None;
    let email = user.email.clone();
    cx.model.kill_sessions(&email);
    Ok(())
}

/// Everything that hangs on the old master key is gone.
fn park(cx: &mut Context<'_>, mail: &Mail, challenge: [u8; 32]) -> std::result::Result<(), i64> {
    empty(cx, mail)?;
    let user = cx.model.users.get_mut(&mail.user).ok_or(ENOENT)?;
    user.challenge = Some(challenge);
    user.master = None;
    user.private_key = None;
    user.public_key = None;
    user.attributes
        .retain(|name, _| !name.starts_with(['*', '^', '+']));
    user.share_keys.clear();
    user.albums.clear();
    Ok(())
}

fn cancel(cx: &mut Context<'_>, mail: &Mail) -> std::result::Result<(), i64> {
    empty(cx, mail)?;
    let user = cx.model.users.get(&mail.user).ok_or(ENOENT)?;
    let (email, roots) = (user.email.clone(), [user.root, user.vault, user.bin]);
    cx.model.kill_sessions(&email);
    cx.model.emails.remove(&email.to_lowercase());
    cx.model.users.remove(&mail.user);
    for root in roots {
        cx.model.tree.remove(root);
    }
    Ok(())
}

fn empty(cx: &mut Context<'_>, mail: &Mail) -> std::result::Result<(), i64> {
    let user = cx.model.users.get(&mail.user).ok_or(ENOENT)?;
    let roots = [user.root, user.vault, user.bin];
    let children: Vec<_> = roots
        .iter()
        .flat_map(|r| {
            cx.model
                .tree()
                .children(*r)
                .map(|n| n.handle)
                .collect::<Vec<_>>()
        })
        .collect();
    let mut fx = std::mem::take(&mut cx.fx);
    for child in children {
        cx.model.delete_node(&mut fx, child, mail.user, false);
    }
    cx.fx = fx;
    Ok(())
}

/// `se`: a new address, to be confirmed by a mail to it.
pub(super) fn change_email(cx: &mut Context<'_>, request: &Value) -> Result {
    let new = text(request, "e")
        .filter(|e| e.contains('@'))
        .ok_or(EARGS)?
        .to_owned();
    super::login::check_factor(cx, request)?;
    let user = cx.handle()?;
    if cx.model.user(&new).is_some() {
        return Err(EEXIST);
    }
    let pending = PendingSignup {
        email: new.clone(),
        name: String::new(),
        key: None,
        credentials: None,
    };
    send(cx, user, new, Purpose::ChangeEmail, Some(pending));
    Ok(Answer::Value(0.into()))
}

/// `sec`: the code came back. A version 1 hash depends on the address, so it is renewed with it.
pub(super) fn confirm_email(cx: &mut Context<'_>, request: &Value) -> Result {
    let code = text(request, "c").ok_or(EARGS)?.to_owned();
    let mail = find(cx, &code)?;
    let new = mail
        .pending
        .as_ref()
        .map(|p| p.email.clone())
        .filter(|_| mail.purpose == Purpose::ChangeEmail)
        .ok_or(EARGS)?;
    let hash = text(request, "uh").and_then(unb64);
    let user = cx.model.users.get_mut(&mail.user).ok_or(ENOENT)?;
    if let Credentials::V1(old) = &mut user.credentials {
        *old = hash.filter(|h| h.len() == 8).ok_or(EACCESS)?;
    }
    let old = std::mem::replace(&mut user.email, new.clone());
    cx.model.emails.remove(&old.to_lowercase());
    cx.model.emails.insert(new.to_lowercase(), mail.user);
    burn(cx, &code);
    let packet = Object::new()
        .with("s", 3)
        .with("e", new)
        .with("u", mail.user);
    cx.fx.to(Channel::User(mail.user), "se", packet);
    Ok(Answer::Done)
}

/// The reason of a block that a mail ends.
const WEAK_PROTECTION: i64 = 700;

//! `uc`, `ud` and the `up` that ends them: registration with a version 1 password, as older clients do it (megatools lib/mega.c
//! `mega_session_register` and `mega_session_register_verify`, which also records an exchange with the service; the SDK before version 2
//! passwords, src/commands.cpp `CommandSendSignupLink`, `CommandQuerySignupLink`, `CommandConfirmSignupLink`).
//!
//! The client encrypts its master key and a challenge under the password key and leaves both in the mail. Who follows the link gets
//! them back, proves the password by the challenge, and tells the hash that signs in from now on.

use serde_json::Value;

use super::{Answer, Context, EACCESS, EARGS, EEXIST, EEXPIRED, ENOENT, Result};
use crate::account::rsa_keys::Public;
use crate::json::Json;
use crate::json::read::text;
use crate::model::user::{Credentials, Mail, PendingSignup, Purpose};
use crate::wire::{b64, unb64};

/// `uc`: an anonymous account asks for an address.
pub(super) fn sign_up(cx: &mut Context<'_>, request: &Value) -> Result {
    let user = cx.handle()?;
    let (email, name) = super::registration::address(request)?;
    if cx.model.user(&email).is_some() {
        return Err(EEXIST);
    }
    if !matches!(cx.user()?.credentials, Credentials::Anonymous) {
        return Err(EACCESS);
    }
    let keys = text(request, "c").and_then(unb64).ok_or(EARGS)?;
    let (key, _challenge) = keys
        .split_at_checked(16)
        .filter(|(_, challenge)| challenge.len() == 16)
        .ok_or(EARGS)?;
    let pending = PendingSignup {
        email: email.clone(),
        name: name.clone(),
        key: Some(b64(key)),
        credentials: None,
    };
    let (token, tail): ([u8; 15], [u8; 8]) = (cx.model.seed.array(), cx.model.seed.array());
    let code = [
        &keys,
        &token[..],
        email.as_bytes(),
        b"\t",
        name.as_bytes(),
        &tail,
    ]
    .concat();
    cx.model.mails.push(Mail {
        to: email,
        purpose: Purpose::Confirm,
        code: b64(&code),
        user,
        used: false,
        pending: Some(pending),
    });
    cx.changed = true;
    Ok(Answer::Value(0.into()))
}

/// `ud`: what the code in the mail stands for. Nothing changes yet.
pub(super) fn query(cx: &mut Context<'_>, request: &Value) -> Result {
    let (mail, pending) = find(cx, request)?;
    let code = unb64(&mail.code).ok_or(ENOENT)?;
    let challenge = code.get(16..32).ok_or(ENOENT)?;
    let answer: Vec<Json> = vec![
        b64(pending.email.as_bytes()).into(),
        b64(pending.name.as_bytes()).into(),
        mail.user.into(),
        pending.key.unwrap_or_default().into(),
        b64(challenge).into(),
    ];
    Ok(Answer::Value(answer.into()))
}

/// `up` with the code: the address is confirmed, and the hash signs in from now on. The key pair may come along.
pub(super) fn confirm(cx: &mut Context<'_>, request: &Value) -> Result {
    let (mail, pending) = find(cx, request)?;
    let hash = text(request, "uh").and_then(unb64);
    let hash = hash.filter(|h| h.len() == 8).ok_or(EARGS)?;
    if cx.model.user(&pending.email).is_some() {
        return Err(EEXIST);
    }
    let pair = match (text(request, "privk"), text(request, "pubk")) {
        (Some(private), Some(public)) => {
            unb64(public)
                .and_then(|blob| Public::parse(&blob))
                .ok_or(EARGS)?;
            unb64(private).filter(|b| b.len() >= 256).ok_or(EARGS)?;
            Some((private.to_owned(), public.to_owned()))
        }
        _ => None,
    };
    let user = cx.model.users.get_mut(&mail.user).ok_or(ENOENT)?;
    user.credentials = Credentials::V1(hash);
    if let Some(key) = &pending.key {
        user.wrapped_master.clone_from(key);
    }
    if let Some((private, public)) = pair.filter(|_| user.private_key.is_none()) {
        user.private_key = Some(private);
        user.public_key = Some(public);
    }
    super::registration::settle(cx, &mail, &pending)?;
    Ok(Answer::Changed(mail.user.into()))
}

fn find(cx: &Context<'_>, request: &Value) -> std::result::Result<(Mail, PendingSignup), i64> {
    let code = text(request, "c").ok_or(EARGS)?;
    let mail = cx.model.mails.iter().find(|m| m.code == code);
    let mail = mail
        .filter(|m| m.purpose == Purpose::Confirm)
        .ok_or(ENOENT)?;
    let pending = mail.pending.clone().filter(|p| p.credentials.is_none());
    let pending = pending.ok_or(ENOENT)?;
    if mail.used {
        return Err(EEXPIRED);
    }
    Ok((mail.clone(), pending))
}

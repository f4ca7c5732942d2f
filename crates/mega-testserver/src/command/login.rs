//! Sign-in, sessions, second factor (api-and-transfers 5.1, crypto-and-accounts 2).

use serde_json::Value;

use super::{
    Answer, Context, EARGS, EEXIST, EFAILED, EINCOMPLETE, EMFAREQUIRED, ENOENT, ESID, ETOOMANY,
    Result,
};
use crate::account::cipher::encrypt_block;
use crate::account::password::v2_hashed_auth;
use crate::account::rsa_keys::Public;
use crate::account::totp;
use crate::json::read::{array, flag, text};
use crate::json::{Json, Object};
use crate::model::user::Credentials;
use crate::wire::{UserHandle, b64, unb64};

pub(super) fn prelogin(cx: &mut Context<'_>, request: &Value) -> Result {
    let email = text(request, "user").ok_or(EARGS)?;
    let version = |v: i64| Object::new().with("v", v);
    let answer = match cx.model.user(email).map(|u| &u.credentials) {
        Some(Credentials::V1(_)) => version(1),
        Some(Credentials::V2 { salt, .. }) => version(2).with("s", b64(salt)),
        // Nobody learns here which addresses exist: an unknown one has a salt too, always the same.
        Some(Credentials::Anonymous) | None => {
            let salt: [u8; 32] = cx.model.seed.branch(&email.to_lowercase()).array();
            version(2).with("s", b64(&salt))
        }
    };
    Ok(Answer::Value(answer.into()))
}

pub(super) fn login(cx: &mut Context<'_>, request: &Value) -> Result {
    match text(request, "user") {
        Some(user) => sign_in(cx, user, request),
        None if flag(request, "c") => copy_session(cx),
        None => resume(cx, request),
    }
}

fn sign_in(cx: &mut Context<'_>, name: &str, request: &Value) -> Result {
    let model = &mut *cx.model;
    let now = model.now();
    let by_email = model.user(name).map(|u| u.handle);
    let anonymous = UserHandle::parse(name).filter(|h| {
        model
            .users
            .get(h)
            .is_some_and(|u| matches!(u.credentials, Credentials::Anonymous))
    });
    let handle = by_email.or(anonymous).ok_or(ENOENT)?;
    let limit = model.options.logins_per_hour;
    let block = model.options.login_block;
    let user = model.users.get_mut(&handle).ok_or(ENOENT)?;
    if let Some(block) = block {
        user.login_block.attempt(&block, now)?;
    }
    if let Some(limit) = limit {
        user.logins.retain(|t| t.saturating_add(3600) > now);
        if user.logins.len() >= limit {
            return Err(ETOOMANY);
        }
        user.logins.push(now);
    }
    let given = text(request, "uh").and_then(unb64).unwrap_or_default();
    let right = match &user.credentials {
        Credentials::V1(hash) => *hash == given,
        Credentials::V2 { hashed_auth, .. } => *hashed_auth == v2_hashed_auth(&given),
        Credentials::Anonymous => true,
    };
    if !right {
        return Err(ENOENT);
    }
    if !user.confirmed && !matches!(user.credentials, Credentials::Anonymous) {
        return Err(EINCOMPLETE);
    }
    if let Some(secret) = &user.second_factor {
        match text(request, "mfa") {
            None => return Err(EMFAREQUIRED),
            Some(code) if !totp::accepts(secret, now, code) => return Err(EFAILED),
            Some(_) => {}
        }
    }
    let (sid, mut answer) = session_answer(cx, handle)?;
    answer = answer.with("ach", 0);
    let sek = text(request, "sek").map(str::to_owned);
    let device = text(request, "si").map(str::to_owned);
    if let Some(session) = cx.model.sessions.get_mut(&sid) {
        session.device = device;
        if sek.is_some() {
            session.sek.clone_from(&sek);
        }
    }
    Ok(Answer::Changed(answer.maybe("sek", sek).into()))
}

/// Opens a session and says how the client gets at it: (session, `k`, `u`, and `tsid` or `csid` with `privk`).
fn session_answer(
    cx: &mut Context<'_>,
    handle: UserHandle,
) -> std::result::Result<(String, Object), i64> {
    let agent = cx.agent.clone();
    let mut sid = cx.model.new_sid(handle);
    let user = cx.model.users.get(&handle).ok_or(ESID)?;
    let answer = Object::new()
        .with("k", user.wrapped_master.clone())
        .with("u", handle);
    if let (Some(private), Some(public)) = (&user.private_key, &user.public_key) {
        let private = private.clone();
        let public = unb64(public)
            .and_then(|blob| Public::parse(&blob))
            .ok_or(-1)?;
        let text = cx.model.open_session(sid, handle, &agent);
        let csid = b64(&public.encrypt_session(&sid, &mut cx.model.seed));
        return Ok((text, answer.with("csid", csid).with("privk", private)));
    }
    // Without RSA keys the id comes in clear, and its end proves the master key. Where the service knows only one
    // pair of challenge and answer (the client made it), every session has the same id.
    let (challenge, proof) = match (&user.master, &user.challenge) {
        (Some(master), _) => {
            let mut challenge = [0; 16];
            challenge.copy_from_slice(sid.get(..16).unwrap_or_default());
            (challenge, encrypt_block(master, challenge))
        }
        (None, Some(ts)) => {
            let (first, second) = ts.split_at(16);
            (
                first.try_into().map_err(|_| -1)?,
                second.try_into().map_err(|_| -1)?,
            )
        }
        (None, None) => return Err(-1),
    };
    for (to, from) in sid.iter_mut().zip(challenge) {
        *to = from;
    }
    for (to, from) in sid.iter_mut().skip(27).zip(proof) {
        *to = from;
    }
    let text = cx.model.open_session(sid, handle, &agent);
    Ok((text.clone(), answer.with("tsid", text)))
}

fn copy_session(cx: &mut Context<'_>) -> Result {
    let handle = cx.handle()?;
    if cx.user()?.private_key.is_none() {
        return Err(EARGS);
    }
    let (_, answer) = session_answer(cx, handle)?;
    Ok(Answer::Changed(answer.into()))
}

fn resume(cx: &mut Context<'_>, request: &Value) -> Result {
    let crate::model::share::Who::User { user, sid } = cx.who.clone() else {
        return Err(ESID);
    };
    let given = text(request, "sek").map(str::to_owned);
    let session = cx.model.sessions.get_mut(&sid).ok_or(ESID)?;
    // The key of the first login stays: what a client stored with it must remain readable.
    if session.sek.is_none() {
        session.sek = given;
    }
    let sek = session.sek.clone();
    let channel = crate::model::Channel::User(user);
    let known = text(request, "sn").map(|sn| cx.model.events.position(channel, sn).is_some());
    let user = cx.user()?;
    let has_keys = user.private_key.is_some() && user.public_key.is_some();
    let answer = Object::new()
        .maybe("sek", sek)
        .with("u", user.handle)
        .maybe("privk", user.private_key.clone().filter(|_| has_keys))
        .maybe("tsid", (!has_keys).then_some(sid))
        .with("ach", 0)
        .maybe("sn", known);
    Ok(Answer::Value(answer.into()))
}

pub(super) fn logout(cx: &mut Context<'_>) -> Result {
    let crate::model::share::Who::User { sid, .. } = &cx.who else {
        return Err(ESID);
    };
    if let Some(session) = cx.model.sessions.get_mut(sid) {
        session.alive = false;
    }
    cx.model.events.touch();
    cx.changed = true;
    Ok(Answer::Value(0.into()))
}

pub(super) fn list_sessions(cx: &mut Context<'_>, request: &Value) -> Result {
    let crate::model::share::Who::User { user, sid } = &cx.who else {
        return Err(ESID);
    };
    let (extra, devices) = (flag(request, "x"), flag(request, "d"));
    let mut sessions: Vec<_> = cx
        .model
        .sessions
        .iter()
        .filter(|(_, s)| s.user == *user)
        .collect();
    sessions.sort_by_key(|(_, s)| (std::cmp::Reverse(s.created), s.id));
    let rows = sessions.into_iter().map(|(id, s)| {
        let mut row: Vec<Json> = vec![
            s.created.into(),
            s.used.into(),
            s.agent.clone().into(),
            "127.0.0.1".into(),
            "NZ".into(),
            (id == sid).into(),
        ];
        if extra {
            row.push(b64(&s.id).into());
            row.push(s.alive.into());
        }
        if devices {
            row.push(s.device.clone().unwrap_or_default().into());
        }
        Json::Array(row)
    });
    Ok(Answer::Value(Json::Array(rows.collect())))
}

pub(super) fn end_sessions(cx: &mut Context<'_>, request: &Value) -> Result {
    let crate::model::share::Who::User { user, sid } = cx.who.clone() else {
        return Err(ESID);
    };
    let ids: Vec<&str> = array(request, "s")
        .unwrap_or_default()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    let all_others = flag(request, "ko");
    let mut found = all_others;
    for (id, session) in cx.model.sessions.iter_mut().filter(|(_, s)| s.user == user) {
        let named = ids.contains(&b64(&session.id).as_str());
        if named || (all_others && *id != sid) {
            session.alive = false;
            found = true;
        }
    }
    cx.model.events.touch();
    if found {
        Ok(Answer::Value(0.into()))
    } else {
        Err(ENOENT)
    }
}

pub(super) fn why_am_i_blocked(cx: &mut Context<'_>) -> Result {
    Ok(Answer::Value(cx.user()?.blocked.unwrap_or(0).into()))
}

pub(super) fn factor_state(cx: &mut Context<'_>, request: &Value) -> Result {
    let user = match text(request, "e") {
        Some(email) => cx.model.user(email).ok_or(ENOENT)?,
        None => cx.user()?,
    };
    Ok(Answer::Value(user.second_factor.is_some().into()))
}

pub(super) fn factor_enable(cx: &mut Context<'_>, request: &Value) -> Result {
    let now = cx.model.now();
    let code = text(request, "mfa").map(str::to_owned);
    let secret = base32(&cx.model.seed.array::<20>());
    let user = cx.user_mut()?;
    if user.second_factor.is_some() {
        return Err(EEXIST);
    }
    let Some(code) = code else {
        user.offered_factor = Some(secret.clone());
        return Ok(Answer::Changed(secret.into()));
    };
    let offered = user.offered_factor.clone().ok_or(EARGS)?;
    if !totp::accepts(&offered, now, &code) {
        return Err(EFAILED);
    }
    user.second_factor = Some(offered);
    Ok(Answer::Done)
}

pub(super) fn factor_disable(cx: &mut Context<'_>, request: &Value) -> Result {
    check_factor(cx, request)?;
    let user = cx.user_mut()?;
    user.second_factor.take().ok_or(ENOENT)?;
    Ok(Answer::Done)
}

/// Asks for the code where a second factor is on.
pub(super) fn check_factor(cx: &Context<'_>, request: &Value) -> std::result::Result<(), i64> {
    let Some(secret) = &cx.user()?.second_factor else {
        return Ok(());
    };
    match text(request, "mfa") {
        None => Err(EMFAREQUIRED),
        Some(code) if totp::accepts(secret, cx.model.now(), code) => Ok(()),
        Some(_) => Err(EFAILED),
    }
}

fn base32(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut out = String::new();
    for five in bytes.chunks(5) {
        let mut word = [0_u8; 8];
        for (w, b) in word.iter_mut().skip(3).zip(five) {
            *w = *b;
        }
        let bits = u64::from_be_bytes(word);
        for i in (0..8).rev() {
            let index = usize::try_from((bits >> (5 * i)) & 31).unwrap_or(0);
            out.push(ALPHABET.get(index).copied().map_or('A', char::from));
        }
    }
    out
}

//! Making accounts and changing passwords (crypto-and-accounts 2.14 and 2.15).

use serde_json::Value;

use super::{Answer, Context, EACCESS, EARGS, EEXIST, EEXPIRED, ENOENT, Result};
use crate::account::password::v2_salt;
use crate::json::read::text;
use crate::json::{Json, Object};
use crate::model::user::{Credentials, Mail, PendingSignup, Purpose};
use crate::model::{Channel, Model};
use crate::wire::{UserHandle, b64, unb64, unb64_exact};

/// `up`: an anonymous account, account keys, a new password, or attributes in the old way.
pub(super) fn update(cx: &mut Context<'_>, request: &Value) -> Result {
    let key = text(request, "k").map(str::to_owned);
    if let (Some(key), Some(ts)) = (&key, text(request, "ts")) {
        let challenge = unb64_exact::<32>(ts).ok_or(EARGS)?;
        unb64_exact::<16>(key).ok_or(EARGS)?;
        let handle = cx.model.new_user("", "", Credentials::Anonymous);
        if let Some(user) = cx.model.users.get_mut(&handle) {
            user.wrapped_master.clone_from(key);
            user.challenge = Some(challenge);
            user.confirmed = false;
        }
        return Ok(Answer::Changed(handle.into()));
    }
    if text(request, "c").is_some() {
        return super::registration_v1::confirm(cx, request);
    }
    let handle = cx.handle()?;
    if let (Some(private), Some(public)) = (text(request, "privk"), text(request, "pubk")) {
        if cx.user()?.private_key.is_some() {
            return Err(EEXIST);
        }
        let blob = unb64(public).ok_or(EARGS)?;
        crate::account::rsa_keys::Public::parse(&blob).ok_or(EARGS)?;
        unb64(private).filter(|b| b.len() >= 256).ok_or(EARGS)?;
        let (private, public) = (private.to_owned(), public.to_owned());
        let user = cx.user_mut()?;
        user.private_key = Some(private);
        user.public_key = Some(public);
        return Ok(Answer::Changed(handle.into()));
    }
    if let Some(key) = key {
        super::login::check_factor(cx, request)?;
        unb64_exact::<16>(&key).ok_or(EARGS)?;
        let auth = text(request, "uh").and_then(unb64).ok_or(EARGS)?;
        let random = text(request, "crv").and_then(unb64);
        let user = cx.user_mut()?;
        // Version 1 fields for a version 2 account would lock the user out.
        user.credentials = match (random, &user.credentials) {
            (Some(random), _) => version_2(random, auth)?,
            (None, Credentials::V2 { .. }) => return Err(EACCESS),
            (None, _) if auth.len() == 8 => Credentials::V1(auth),
            (None, _) => return Err(EARGS),
        };
        user.wrapped_master = key;
        user.password = None;
        return Ok(Answer::Changed(handle.into()));
    }
    // Old clients set attributes with this command.
    let mut values = Vec::new();
    for (name, value) in request.as_object().into_iter().flatten() {
        if !matches!(name.as_str(), "a" | "i")
            && let Some(value) = value.as_str()
        {
            values.push((name.clone(), value.to_owned()));
        }
    }
    // The name is no attribute but a member of `ug` (megatools sets it while it registers).
    let before = values.len();
    if let Some((_, name)) = values.iter().find(|(name, _)| name == "name") {
        cx.user_mut()?.name.clone_from(name);
    }
    values.retain(|(name, _)| name != "name");
    if values.is_empty() && before > 0 {
        return Ok(Answer::Changed(handle.into()));
    }
    super::attribute::write(cx, values)?;
    Ok(Answer::Changed(handle.into()))
}

/// Version 2 credentials as a client sends them.
pub(super) fn version_2(
    client_random: Vec<u8>,
    hashed_auth: Vec<u8>,
) -> std::result::Result<Credentials, i64> {
    if client_random.len() != 16 || hashed_auth.len() != 16 {
        return Err(EARGS);
    }
    let salt = v2_salt(&client_random).to_vec();
    Ok(Credentials::V2 {
        client_random,
        salt,
        hashed_auth,
    })
}

pub(super) fn upgrade(cx: &mut Context<'_>, request: &Value) -> Result {
    let key = text(request, "emk").ok_or(EARGS)?.to_owned();
    unb64_exact::<16>(&key).ok_or(EARGS)?;
    let auth = text(request, "hak").and_then(unb64).ok_or(EARGS)?;
    let random = text(request, "crv").and_then(unb64).ok_or(EARGS)?;
    let user = cx.user_mut()?;
    if matches!(user.credentials, Credentials::V2 { .. }) {
        return Err(EEXIST);
    }
    user.credentials = version_2(random, auth)?;
    user.wrapped_master = key;
    Ok(Answer::Done)
}

/// `uc2`: an anonymous account asks for an address and a password.
pub(super) fn sign_up(cx: &mut Context<'_>, request: &Value) -> Result {
    let handle = cx.handle()?;
    let (email, name) = address(request)?;
    if cx.model.user(&email).is_some() {
        return Err(EEXIST);
    }
    if !matches!(cx.user()?.credentials, Credentials::Anonymous) {
        return Err(EACCESS);
    }
    let key = text(request, "k").map(str::to_owned);
    let credentials = match (
        text(request, "crv").and_then(unb64),
        text(request, "hak").and_then(unb64),
    ) {
        (Some(random), Some(auth)) => Some(version_2(random, auth)?),
        _ => None,
    };
    // Asked again without a password, the earlier one stands.
    let earlier = cx
        .model
        .mails
        .iter()
        .rev()
        .find(|m| m.user == handle)
        .and_then(|m| m.pending.clone());
    let pending = PendingSignup {
        email: email.clone(),
        name: name.clone(),
        key: key.or_else(|| earlier.as_ref().and_then(|e| e.key.clone())),
        credentials: credentials.or_else(|| earlier.and_then(|e| e.credentials)),
    };
    if pending.key.is_none() || pending.credentials.is_none() {
        return Err(EARGS);
    }
    let token: [u8; 15] = cx.model.seed.array();
    let tail: [u8; 8] = cx.model.seed.array();
    let code = [
        b"ConfirmCodeV2".as_slice(),
        &token,
        email.as_bytes(),
        b"\t",
        name.as_bytes(),
        &tail,
    ]
    .concat();
    let mail = Mail {
        to: email,
        purpose: Purpose::Confirm,
        code: b64(&code),
        user: handle,
        used: false,
        pending: Some(pending),
    };
    cx.model.mails.push(mail);
    cx.changed = true;
    Ok(Answer::Value(0.into()))
}

/// Address and name of a registration, both in base64.
pub(super) fn address(request: &Value) -> std::result::Result<(String, String), i64> {
    let decoded = |name: &str| {
        text(request, name)
            .and_then(unb64)
            .and_then(|b| String::from_utf8(b).ok())
            .ok_or(EARGS)
    };
    let (email, name) = (decoded("m")?, decoded("n")?);
    match email.contains('@') {
        true => Ok((email, name)),
        false => Err(EARGS),
    }
}

pub(super) fn cancel_sign_up(cx: &mut Context<'_>) -> Result {
    let handle = cx.handle()?;
    cx.model.mails.retain(|m| m.user != handle || m.used);
    Ok(Answer::Value(0.into()))
}

/// `ud2`: the code of the mail comes back.
pub(super) fn confirm(cx: &mut Context<'_>, request: &Value) -> Result {
    let code = text(request, "c").ok_or(EARGS)?;
    let mail = cx.model.mails.iter().find(|m| m.code == code);
    let mail = mail
        .filter(|m| m.purpose == Purpose::Confirm)
        .cloned()
        .ok_or(ENOENT)?;
    // Without credentials it is that of a version 1 password.
    let pending = mail.pending.clone().filter(|p| p.credentials.is_some());
    let pending = pending.ok_or(ENOENT)?;
    if mail.used {
        return Err(EEXPIRED);
    }
    if cx.model.user(&pending.email).is_some() {
        return Err(EEXIST);
    }
    let user = cx.model.users.get_mut(&mail.user).ok_or(ENOENT)?;
    if let (Some(key), Some(credentials)) = (&pending.key, &pending.credentials) {
        user.wrapped_master.clone_from(key);
        user.credentials = credentials.clone();
    }
    settle(cx, &mail, &pending)?;
    let answer: Vec<Json> = vec![
        b64(pending.email.as_bytes()).into(),
        b64(pending.name.as_bytes()).into(),
        mail.user.into(),
        2.into(),
    ];
    Ok(Answer::Changed(Json::Array(answer)))
}

/// An account that was registered has its address from now on, and the code of the mail is used up.
pub(super) fn settle(
    cx: &mut Context<'_>,
    mail: &Mail,
    pending: &PendingSignup,
) -> std::result::Result<(), i64> {
    let user = cx.model.users.get_mut(&mail.user).ok_or(ENOENT)?;
    user.email.clone_from(&pending.email);
    user.name.clone_from(&pending.name);
    user.confirmed = true;
    let handle = user.handle;
    cx.model.emails.insert(pending.email.to_lowercase(), handle);
    cx.model
        .mails
        .iter_mut()
        .filter(|m| m.code == mail.code)
        .for_each(|m| m.used = true);
    // The session that registered is told that its account is one (`uac`, SDK `MegaApi::createAccount`), and of the address.
    let confirmed = Object::new().with("m", pending.email.clone());
    cx.fx.to(Channel::User(handle), "uac", confirmed.clone());
    cx.fx
        .to(Channel::User(handle), "uec", confirmed.with("u", handle));
    Ok(())
}

impl Model {
    /// Adds a user with the three roots and an event log.
    pub(crate) fn new_user(
        &mut self,
        email: &str,
        name: &str,
        credentials: Credentials,
    ) -> UserHandle {
        let handle = UserHandle(self.seed.array());
        let [root, vault, bin] = self.plant(handle);
        let created = self.now();
        let user = crate::model::User {
            handle,
            email: email.to_owned(),
            name: name.to_owned(),
            credentials,
            wrapped_master: String::new(),
            challenge: None,
            private_key: None,
            public_key: None,
            attributes: std::collections::BTreeMap::new(),
            root,
            vault,
            bin,
            confirmed: true,
            blocked: None,
            second_factor: None,
            offered_factor: None,
            business: None,
            paywall: None,
            quota: DEFAULT_QUOTA,
            used: 0,
            transfer: crate::model::user::Transfer::default(),
            created,
            contacts: std::collections::BTreeMap::new(),
            incoming: std::collections::BTreeSet::new(),
            share_keys: std::collections::BTreeMap::new(),
            pending_keys: Vec::new(),
            albums: std::collections::BTreeMap::new(),
            contact_link: None,
            backups: std::collections::BTreeMap::new(),
            notices: crate::model::notice::Notices::default(),
            logins: Vec::new(),
            login_block: crate::model::limits::LoginState::default(),
            raw_nodes: Vec::new(),
            forest: None,
            master: None,
            password: None,
        };
        self.users.insert(handle, user);
        if !email.is_empty() {
            self.emails.insert(email.to_lowercase(), handle);
        }
        self.events.open(Channel::User(handle));
        handle
    }

    /// The mails the service would have sent, oldest first.
    #[must_use]
    pub fn mails(&self) -> &[Mail] {
        &self.mails
    }
}

/// 50 GiB.
const DEFAULT_QUOTA: u64 = 50 << 30;

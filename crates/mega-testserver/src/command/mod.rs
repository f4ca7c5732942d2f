//! The commands (api-and-transfers 5): one file per family.

mod album;
mod attribute;
mod backup;
mod contact;
mod contact_link;
mod fetch;
mod link;
mod login;
mod put;
mod quota;
mod recovery;
mod registration;
mod registration_v1;
mod share;
mod transfer;
mod tree;
mod userdata;

use serde_json::Value;

use crate::json::read::{flag, text};
use crate::json::{Json, Object, write_text};
use crate::model::effects::Effects;
use crate::model::link::Refused;
use crate::model::share::Who;
use crate::model::{Model, Node, Right, User};
use crate::service::forest::Forest;
use crate::wire::{NodeHandle, PublicHandle, UserHandle};

/// What a command works with.
#[derive(Debug)]
pub(crate) struct Context<'a> {
    pub(crate) model: &'a mut Model,
    pub(crate) who: Who,
    /// Replies carry sequence tags.
    pub(crate) tagged: bool,
    /// The link of the set that the client looks at (`s=` in the URL).
    pub(crate) album: Option<PublicHandle>,
    pub(crate) agent: String,
    pub(crate) fx: Effects,
    /// What is known of a link that the command could not open.
    pub(crate) refused: Option<Refused>,
    /// Something was executed that must not be executed twice.
    pub(crate) changed: bool,
    /// Length of the reply elements before this one.
    pub(crate) written: usize,
    /// Parts of the reply that are made while it is sent: where they belong, and what makes them.
    pub(crate) lazy: Vec<(usize, Forest)>,
}

/// A reply element; an `Err` in its place is a bare number.
pub(crate) enum Answer {
    /// A result of a command that reads.
    Value(Json),
    /// Success of a command that changes something, without result.
    Done,
    /// Success with a result.
    Changed(Json),
    /// Success with a result that differs between the dialects: (legacy, tagged).
    Either(Json, Json),
}

pub(crate) type Result = std::result::Result<Answer, i64>;

pub(crate) const EARGS: i64 = -2;
pub(crate) const EFAILED: i64 = -5;
pub(crate) const ETOOMANY: i64 = -6;
pub(crate) const EEXPIRED: i64 = -8;
pub(crate) const ENOENT: i64 = -9;
pub(crate) const ECIRCULAR: i64 = -10;
pub(crate) const EACCESS: i64 = -11;
pub(crate) const EEXIST: i64 = -12;
pub(crate) const EINCOMPLETE: i64 = -13;
pub(crate) const ESID: i64 = -15;
pub(crate) const EBLOCKED: i64 = -16;
pub(crate) const EOVERQUOTA: i64 = -17;
pub(crate) const EROLLEDBACK: i64 = -25;
pub(crate) const EMFAREQUIRED: i64 = -26;

/// Executes one command and appends its reply element; `Err` is the error that stands there.
pub(crate) fn run(
    cx: &mut Context<'_>,
    request: &Value,
    out: &mut String,
) -> std::result::Result<(), i64> {
    cx.fx = Effects::default();
    cx.written = out.len();
    cx.fx.i = text(request, "i").map(str::to_owned);
    cx.refused = None;
    let answer = dispatch(cx, request);
    let fx = std::mem::take(&mut cx.fx);
    let answer = answer.inspect_err(|code| {
        // An error of many nodes may be that of another one of them.
        let refused = cx.refused.take().filter(|r| r.code == *code);
        out.push_str(&refused.unwrap_or_else(|| (*code).into()).text(cx.tagged));
    })?;
    let channel = cx.who.channel();
    // A tag is promised only if a packet with it follows: the official client waits for that packet.
    let tag = channel
        .filter(|c| fx.reaches(*c))
        .map(|_| cx.model.next_tag());
    cx.changed |= !matches!(answer, Answer::Value(_));
    cx.model.commit(fx, channel, tag.as_deref());
    let result = match answer {
        Answer::Value(value) => {
            value.write(out);
            return Ok(());
        }
        Answer::Done => None,
        Answer::Changed(value) => Some(value),
        Answer::Either(legacy, tagged) => Some(if cx.tagged { tagged } else { legacy }),
    };
    match (cx.tagged, tag, result) {
        (true, Some(tag), None) => write_text(out, &tag),
        (true, Some(tag), Some(result)) => {
            out.push('[');
            write_text(out, &tag);
            out.push(',');
            result.write(out);
            out.push(']');
        }
        // A bare string would be taken for a tag.
        (true, None, Some(result @ (Json::Text(_) | Json::Array(_)))) => {
            out.push_str("[0,");
            result.write(out);
            out.push(']');
        }
        (_, _, Some(result)) => result.write(out),
        (_, _, None) => out.push('0'),
    }
    Ok(())
}

fn dispatch(cx: &mut Context<'_>, request: &Value) -> Result {
    let name = text(request, "a").unwrap_or_default();
    if let Some(code) = cx.user().ok().and_then(|u| u.refuses(name)) {
        return Err(code);
    }
    match name {
        "us0" => login::prelogin(cx, request),
        "us" => login::login(cx, request),
        "sml" => login::logout(cx),
        "usl" => login::list_sessions(cx, request),
        "usr" => login::end_sessions(cx, request),
        "whyamiblocked" => login::why_am_i_blocked(cx),
        "mfag" => login::factor_state(cx, request),
        "mfas" => login::factor_enable(cx, request),
        "mfad" => login::factor_disable(cx, request),

        "ug" => userdata::user_data(cx, request),
        "uq" => quota::quota(cx, request),
        "qbq" => quota::query_transfer(cx, request),
        "sla" => userdata::notices_seen(cx),
        "uga" => attribute::get(cx, request),
        "up2" => attribute::put(cx, request),
        "upv" => attribute::put_versioned(cx, request),
        "upr" => attribute::remove(cx, request),

        "f" => fetch::fetch(cx, request),
        "p" => put::put(cx, request),
        "m" => tree::rename(cx, request),
        "a" => tree::set_attributes(cx, request),
        "d" => tree::delete(cx, request),
        "dv" => tree::delete_versions(cx),
        "dr" => tree::empty_bin(cx),
        "k" => share::node_keys(cx, request),

        "l" => link::export(cx, request),
        "pli" => link::info(cx, request),
        "s2" => share::share(cx, request),
        "pk" => share::pending_keys(cx, request),

        // `gd` is for what was deleted already, of which nothing is kept here: it finds what `g` finds.
        "g" | "gd" => transfer::download(cx, request),
        "u" => transfer::upload(cx, request),
        "ufa" => transfer::file_attribute(cx, request),
        "pfa" => transfer::attach(cx, request),

        "asp" => album::put(cx, request),
        "asr" => album::remove(cx, request),
        "aep" => album::put_element(cx, request),
        "aepb" => album::put_elements(cx, request),
        "aer" => album::remove_element(cx, request),
        "aerb" => album::remove_elements(cx, request),
        "ass" => album::export(cx, request),
        "aft" => album::fetch(cx),

        "upc" => contact::invite(cx, request),
        "upca" => contact::answer(cx, request),
        "ur2" | "ur" => contact::set_level(cx, request),
        "uk" => contact::public_key(cx, request),
        "uge" => contact::email(cx, request),

        "clc" => contact_link::create(cx),
        "clr" => contact_link::renew(cx),
        "clg" => contact_link::query(cx, request),
        "cld" => contact_link::delete(cx, request),

        "up" => registration::update(cx, request),
        "uc2" => registration::sign_up(cx, request),
        "uc" => registration_v1::sign_up(cx, request),
        "ud" => registration_v1::query(cx, request),
        "ucr" => registration::cancel_sign_up(cx),
        "ud2" => registration::confirm(cx, request),
        "avu" => registration::upgrade(cx, request),
        "era" => recovery::resend_unlock(cx),
        "erm" => recovery::mail(cx, request),
        "erv" => recovery::verify(cx, request),
        "erx" => recovery::execute(cx, request),
        "se" => recovery::change_email(cx, request),
        "sec" => recovery::confirm_email(cx, request),

        // Nothing to do, nothing to tell.
        "log" | "kma" | "kmac" | "lc" | "ping" | "mcd" | "gsc" => Ok(Answer::Value(0.into())),
        "stp" => Ok(Answer::Value(
            Object::new()
                .with("ur", 0)
                .with("uc", 0)
                .with("ucr", 0)
                .into(),
        )),
        // An object or an error: a bare 0 brings MEGAcmd down.
        "ftz" => Ok(Answer::Value(
            Object::new()
                .with("choices", Object::new())
                .with("default", "UTC")
                .into(),
        )),
        "gmf" => Ok(Answer::Value(
            Object::new().with("flags", Object::new()).into(),
        )),
        "utt" | "utp" => Ok(Answer::Value(Vec::new().into())),
        "sp" => backup::put(cx, request),
        "sf" => backup::list(cx),
        "sphb" => backup::beat(cx, request),
        "sr" => backup::remove(cx, request),
        "gb" | "gpsa" | "gban" | "gnotif" | "gsur" | "smss" | "smsv" | "smslc" | "wmip" | "dev"
        | "mcf" => Err(ENOENT),
        name if name.starts_with("mc") || name.starts_with("pwm") || name.starts_with("vpn") => {
            Err(ENOENT)
        }
        _ => Err(EARGS),
    }
}

impl<'a> Context<'a> {
    pub(crate) fn new(model: &'a mut Model, who: Who, tagged: bool, agent: String) -> Self {
        Self {
            model,
            who,
            tagged,
            album: None,
            agent,
            fx: Effects::default(),
            refused: None,
            changed: false,
            written: 0,
            lazy: Vec::new(),
        }
    }

    /// The user of the session, or -15.
    fn user(&self) -> std::result::Result<&User, i64> {
        self.model
            .users
            .get(&self.who.user().ok_or(ESID)?)
            .ok_or(ESID)
    }

    fn user_mut(&mut self) -> std::result::Result<&mut User, i64> {
        self.model
            .users
            .get_mut(&self.who.user().ok_or(ESID)?)
            .ok_or(ESID)
    }

    fn handle(&self) -> std::result::Result<UserHandle, i64> {
        self.who.user().ok_or(ESID)
    }

    /// Who is to be named as the author of a change: the user, or the owner of the link he came through.
    fn author(&self) -> std::result::Result<UserHandle, i64> {
        match &self.who {
            Who::Nobody => Err(ESID),
            Who::User { user, .. } => Ok(*user),
            Who::Link { root, .. } => self.model.tree.get(*root).map(|n| n.owner).ok_or(ENOENT),
        }
    }

    /// The node behind a public link.
    fn open_link(&mut self, link: PublicHandle) -> std::result::Result<NodeHandle, i64> {
        self.model.open_link(link).map_err(|refused| {
            self.refused = Some(refused);
            refused.code
        })
    }

    /// Whether a node is in the set that the client looks at.
    fn in_album(&self, node: NodeHandle) -> bool {
        let album = self.album.and_then(|link| self.model.open_album(link).ok());
        album.is_some_and(|(_, album)| album.elements.values().any(|e| e.node == node))
    }

    /// The node a request names, if the caller has at least this right to it.
    fn node(&self, handle: NodeHandle, right: Right) -> std::result::Result<&Node, i64> {
        let node = self.model.tree.get(handle).ok_or(ENOENT)?;
        match self.model.right(&self.who, handle) {
            None => Err(ENOENT),
            Some(have) if have < right => Err(EACCESS),
            Some(_) => Ok(node),
        }
    }

    /// As [`Self::node`], for a member of the request.
    fn node_of(
        &self,
        request: &Value,
        key: &str,
        right: Right,
    ) -> std::result::Result<NodeHandle, i64> {
        let handle = text(request, key)
            .and_then(NodeHandle::parse)
            .ok_or(EARGS)?;
        self.node(handle, right).map(|n| n.handle)
    }

    /// Refuses changes below the vault without `vw`.
    fn check_vault(&self, node: NodeHandle, request: &Value) -> std::result::Result<(), i64> {
        let in_vault = self
            .model
            .tree
            .ancestors(node)
            .any(|n| n.kind == crate::model::Kind::Vault);
        if in_vault && !flag(request, "vw") {
            Err(EACCESS)
        } else {
            Ok(())
        }
    }
}

/// Whether a text can stand in a reply as it is: base64 and the separators of keys and attributes.
fn is_wire_text(text: &str) -> bool {
    text.bytes().all(|b| {
        b.is_ascii_alphanumeric()
            || matches!(b, b'-' | b'_' | b'=' | b'+' | b',' | b'/' | b'*' | b':')
    })
}

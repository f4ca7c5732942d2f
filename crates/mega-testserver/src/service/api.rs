//! `cs`: command batches (api-and-transfers 2).

use bytes::Bytes;

use super::idempotence::Key;
use super::{Call, Reply, Service};
use crate::command::{self, Context};
use crate::fault::Action;
use crate::journal::Entry;
use crate::model::Model;
use crate::model::link::Refused;
use crate::model::share::Who;
use crate::wire::{PublicHandle, UserHandle};

impl Service {
    pub(super) fn api(&self, call: &Call, actions: &[Action], entry: &mut Entry) -> Reply {
        if call.query("wlt").is_some() {
            // Never busy: requests are executed one after the other.
            return Reply::text("1");
        }
        let names = call.command_names();
        let wants_login = names.iter().any(|n| n == "us" || n == "us0");
        let easiness = self.lock().options.hashcash.filter(|_| wants_login);
        if let Some(challenge) = easiness.and_then(|e| self.challenge(call, e)) {
            return challenge;
        }
        let Some(commands) = &call.commands else {
            return Reply::text("-2");
        };

        let identity = call
            .query("n")
            .or_else(|| call.query("sid"))
            .unwrap_or_default();
        let key = call
            .query("id")
            .map(|id| Key::new(identity, id, &call.body));
        let mut model = self.lock();
        if let Some(known) = key.as_ref().and_then(|key| model.replies.get(key)) {
            entry.repeated = true;
            return Reply::text(known);
        }
        let who = match model.identify(call) {
            Ok(who) => who,
            Err(refused) => return Reply::text(refused.text(call.tagged())),
        };
        if let Some(user) = who.user().and_then(|u| model.users.get(&u))
            && user.blocked.is_some()
            && !names
                .iter()
                .all(|n| matches!(n.as_str(), "whyamiblocked" | "sml" | "us" | "era"))
        {
            return Reply::text("-16");
        }
        let agent = call.header("user-agent").unwrap_or_default().to_owned();
        let tagged = actions.iter().find_map(|action| match action {
            Action::Dialect(tagged) => Some(*tagged),
            _ => None,
        });
        let tagged = tagged.unwrap_or_else(|| call.tagged());
        // All or nothing, if the client asks for that (webclient js/utils/api.js `createRequestURL`).
        let before = (call.query("bc") == Some("1")).then(|| model.before());
        let mut context = Context::new(&mut model, who, tagged, agent);
        context.album = call.query("s").and_then(PublicHandle::parse);
        let mut out = String::from("[");
        let mut failed = None;
        for (i, request) in commands.iter().enumerate() {
            if i > 0 {
                out.push(',');
            }
            let forced = actions.iter().find_map(|action| match action {
                Action::CommandCode(name, code) if names.get(i) == Some(name) => Some(*code),
                Action::Code(code) => Some(*code),
                _ => None,
            });
            let done = match forced {
                Some(code) => {
                    out.push_str(&code.to_string());
                    if code < 0 { Err(code) } else { Ok(()) }
                }
                None => command::run(&mut context, request, &mut out),
            };
            if let (Err(code), Some(_)) = (done, &before) {
                failed = Some((i, code));
                break;
            }
        }
        if let (Some((at, code)), Some(before)) = (failed, before) {
            model.undo(before);
            let codes: Vec<String> = (0..commands.len())
                .map(|i| if i == at { code } else { command::EROLLEDBACK }.to_string())
                .collect();
            return Reply::text(format!("[{}]", codes.join(",")));
        }
        out.push(']');
        let changed = context.changed;
        let lazy = std::mem::take(&mut context.lazy);
        if !lazy.is_empty() {
            return Reply::text("").with_body(super::forest::splice(&out, lazy));
        }
        let body = Bytes::from(out);
        if let Some(key) = key.filter(|_| changed) {
            let keep = model.options.replies_kept;
            model.replies.remember(key, body.clone(), keep);
        }
        Reply::text(body)
    }
}

impl Model {
    /// On whose behalf a request is made; `Err` is what the whole of it is answered with.
    pub(crate) fn identify(&mut self, call: &Call) -> Result<Who, Refused> {
        if let Some(link) = call.query("n").filter(|n| !n.is_empty()) {
            let (handle, auth) = link.split_at_checked(8).ok_or(-9)?;
            let handle = PublicHandle::parse(handle).ok_or(-9)?;
            let root = self.open_link(handle)?;
            let link = self
                .tree
                .get(root)
                .and_then(|n| n.link.as_ref())
                .ok_or(-9)?;
            let write = !auth.is_empty();
            if write && link.write_auth.as_deref() != Some(auth) {
                return Err((-11).into());
            }
            // A session beside the link does not change what may be seen, only who pays for it (SDK `MegaClient::getAuthURI`).
            let payer = self.session_of(call)?.map(|(user, _)| user);
            return Ok(Who::Link {
                link: handle,
                root,
                write,
                payer,
            });
        }
        let user = self.session_of(call)?;
        Ok(user.map_or(Who::Nobody, |(user, sid)| Who::User { user, sid }))
    }

    /// The session of a request, if it names one; it counts as used.
    fn session_of(&mut self, call: &Call) -> Result<Option<(UserHandle, String)>, Refused> {
        let Some(sid) = call.query("sid").filter(|sid| !sid.is_empty()) else {
            return Ok(None);
        };
        let user = self.session(sid).ok_or(-15)?.user;
        let now = self.now();
        if let Some(session) = self.sessions.get_mut(sid) {
            session.used = now;
        }
        Ok(Some((user, sid.to_owned())))
    }
}

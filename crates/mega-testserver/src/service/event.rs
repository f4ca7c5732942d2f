//! `sc`, `wsc`, `sc/wsc` and the wait URLs (api-and-transfers 4.1 and 4.2, real-clients point 6).

use std::sync::Arc;

use super::{Call, Reply, Service};
use crate::fault::{Action, Lane};
use crate::json::write_text;
use crate::model::Model;
use crate::model::events::{Channel, Interest, Wait};
use crate::model::link::Refused;
use crate::model::share::Who;
use crate::wire::NodeHandle;

impl Service {
    /// The reply to an event request; `None` while there is nothing to tell.
    pub(super) fn events(&self, call: &Call, actions: &[Action]) -> Option<Reply> {
        let mut model = self.lock();
        if let Some(code) = actions.iter().find_map(|a| match a {
            Action::Code(code) => Some(*code),
            _ => None,
        }) {
            return Some(Reply::text(code.to_string()));
        }
        match call.lane {
            Lane::Wait => wait(&mut model, call, actions),
            _ if call.query("c").is_some() => Some(notifications(&mut model, call)),
            _ => Some(read(&mut model, call, actions)),
        }
    }
}

/// An event request that is answered at once.
fn read(model: &mut Model, call: &Call, actions: &[Action]) -> Reply {
    let (channel, session) = match listener(model, call) {
        Ok(listener) => listener,
        Err(refused) => return Reply::text(refused.text(call.tagged())),
    };
    let interest = match interest(model, call) {
        Ok(interest) => interest,
        Err(code) => return Reply::text(code.to_string()),
    };
    let Some(position) = call
        .query("sn")
        .and_then(|sn| model.events.position(channel, sn))
    else {
        return Reply::text("-6");
    };
    // The short poll of most clients takes a reply with `w` for "nothing new"; the long poll wants `w` with everything.
    let short = call.path.trim_matches('/') == "sc";
    let (packets, end) =
        model
            .events
            .since(channel, position, model.options.events_per_reply, interest);
    let wait = (!short || packets.is_empty()).then(|| {
        let name = model.events.wait(Wait {
            channel,
            session,
            position: end,
            interest,
        });
        format!("{}/w/{name}", model.origin)
    });
    Reply::text(batch(
        model,
        channel,
        wait.as_deref(),
        &packets,
        (position, end),
        actions,
    ))
}

/// A wait URL: held until something lies behind the position it stands for.
fn wait(model: &mut Model, call: &Call, actions: &[Action]) -> Option<Reply> {
    let Some(wait) = call
        .parts()
        .get(1)
        .and_then(|name| model.events.waiting(name))
        .cloned()
    else {
        // Handed out before a restart, or very long ago: whoever names its position reads on from there and gets another
        // address; the others are sent back to where they had this one from.
        return Some(match call.query("sn") {
            Some(_) => read(model, call, actions),
            None => Reply::text("0"),
        });
    };
    let channel = wait.channel;
    if let Err(refused) = still_there(model, &wait) {
        return Some(Reply::text(refused.text(call.tagged())));
    }
    // The SDK says again what it wants to hear of; others fetch the URL as it is.
    let interest = match interest(model, call) {
        Ok(interest) if interest == Interest::default() => wait.interest,
        Ok(interest) => interest,
        Err(code) => return Some(Reply::text(code.to_string())),
    };
    // With a position of its own the client reads here; without, the reply only says that it should ask again.
    let position = match call.query("sn") {
        Some(sn) => match model.events.position(channel, sn) {
            Some(position) => position,
            None => return Some(Reply::text("-6")),
        },
        None => wait.position,
    };
    let (packets, end) =
        model
            .events
            .since(channel, position, model.options.events_per_reply, interest);
    if packets.is_empty() {
        return None;
    }
    if call.query("sn").is_none() {
        return Some(Reply::text("0"));
    }
    Some(Reply::text(batch(
        model,
        channel,
        None,
        &packets,
        (position, end),
        actions,
    )))
}

/// `{"w":..,"a":[..],"ir":1,"sn":".."}`: the position is the last key, the official client commits there.
fn batch(
    model: &Model,
    channel: Channel,
    wait: Option<&str>,
    packets: &[Arc<str>],
    (start, end): (u64, u64),
    actions: &[Action],
) -> String {
    let mut packets = packets.to_vec();
    let mut told = end;
    for action in actions {
        match action {
            Action::DropEvents => packets.clear(),
            Action::DoubleEvents => {
                packets = packets
                    .iter()
                    .flat_map(|p| [p.clone(), p.clone()])
                    .collect()
            }
            Action::ReverseEvents => packets.reverse(),
            Action::LateEvents => {
                packets.clear();
                told = start;
            }
            Action::OldPosition => told = start,
            _ => {}
        }
    }
    let mut out = String::from("{");
    if let Some(wait) = wait {
        out.push_str("\"w\":");
        write_text(&mut out, wait);
        out.push(',');
    }
    if !packets.is_empty() {
        out.push_str("\"a\":[");
        for (i, packet) in packets.iter().enumerate() {
            if i > 0 {
                out.push(',');
            }
            out.push_str(packet);
        }
        out.push_str("],");
        if end < model.events.end(channel) {
            out.push_str("\"ir\":1,");
        }
    }
    out.push_str("\"sn\":");
    write_text(&mut out, &model.events.sn(channel, told));
    out.push('}');
    out
}

/// The last notifications. Of a link there are none.
fn notifications(model: &mut Model, call: &Call) -> Reply {
    let channel = match listener(model, call) {
        Ok((channel, _)) => channel,
        Err(refused) => return Reply::text(refused.text(call.tagged())),
    };
    let count = call.query("c").and_then(|c| c.parse().ok()).unwrap_or(0);
    let sn = model.events.sn(channel, model.events.end(channel));
    let user = match channel {
        Channel::User(user) => Some(user),
        Channel::Link(_) => None,
    };
    Reply::text(model.notifications(user, count, &sn))
}

/// What of it the client wants to hear.
fn interest(model: &Model, call: &Call) -> Result<Interest, i64> {
    let inside = match call.query("e") {
        Some(handle) => {
            let handle = NodeHandle::parse(handle).ok_or(-2)?;
            // Whoever holds nothing but what is gone learns that as the visitor of a removed link does.
            Some(model.tree().get(handle).ok_or(-9)?.handle)
        }
        None => None,
    };
    Ok(Interest {
        inside,
        account: call.query("ap") == Some("1"),
    })
}

/// Who asks, and with which session.
fn listener(model: &mut Model, call: &Call) -> Result<(Channel, Option<String>), Refused> {
    let who = model.identify(call)?;
    let channel = who.channel().ok_or(-15)?;
    if let Some(user) = who.user().and_then(|u| model.users.get(&u))
        && user.blocked.is_some()
    {
        return Err((-16).into());
    }
    model.events.open(channel);
    let session = match who {
        Who::User { sid, .. } => Some(sid),
        _ => None,
    };
    Ok((channel, session))
}

/// Whether the listener of a wait URL still exists.
fn still_there(model: &Model, wait: &Wait) -> Result<(), Refused> {
    match (&wait.session, wait.channel) {
        (Some(sid), Channel::User(user)) => {
            model.session(sid).ok_or(-15)?;
            match model.users.get(&user).and_then(|u| u.blocked) {
                Some(_) => Err((-16).into()),
                None => Ok(()),
            }
        }
        (_, Channel::Link(link)) => model.open_link(link).map(|_| ()),
        (None, Channel::User(_)) => Err((-15).into()),
    }
}

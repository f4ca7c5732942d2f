//! From the JSON of one packet to its typed form.

use super::packet::{
    BusinessChange, Deletion, EventPacket, InvitationOutcome, LinkChange, LinkChangeKind, NewNodes,
    NodeChange, Packet, PurchaseResult, ShareChange, UserAttributeChange,
};
use super::quick;
use crate::fetch::read_nodes;
use crate::json::{Cursor, DecodeError, Object, Value};
use crate::node::AccessLevel;
use crate::records::{Invitation, OutgoingShareTarget, UserRecord, private};

/// Reads one packet. It always gives one: what makes no sense is marked.
pub(super) fn read_packet(bytes: &[u8]) -> EventPacket {
    quick::read(bytes).unwrap_or_else(|| read_thoroughly(bytes))
}

/// The same for a packet in any form.
pub(super) fn read_thoroughly(bytes: &[u8]) -> EventPacket {
    let bare = |name: &str, error| EventPacket {
        packet: Packet::Malformed {
            name: name.to_owned(),
            error,
        },
        tag: None,
        echo: None,
    };
    let object = match Value::parse(bytes).and_then(Value::object) {
        Ok(object) => object,
        Err(error) => return bare("", error),
    };
    let name = match object.read::<String>("a") {
        Ok(name) if name.len() <= MAX_NAME => name,
        Ok(_) => return bare("", DecodeError::field("a", "name too long")),
        Err(error) => return bare("", error),
    };
    let tag = match object.read_opt("st") {
        Ok(tag) => tag,
        Err(error) => return bare(&name, error),
    };
    let echo = object.read_opt("i").ok().flatten();
    let packet = match read_known(&name, &object) {
        Ok(packet) => packet,
        Err(error) => Packet::Malformed { name, error },
    };
    EventPacket { packet, tag, echo }
}

fn read_known(name: &str, o: &Object<'_>) -> Result<Packet, DecodeError> {
    Ok(match name {
        "t" => Packet::NewNodes(new_nodes(o)?),
        "d" => Packet::Deleted(Deletion {
            node: o.read("n")?,
            moved: o.flag("m"),
            keeps_versions: o.flag("v"),
            by: o.read_opt("ou")?,
        }),
        "u" => Packet::NodeChanged(NodeChange {
            node: o.read("n")?,
            attributes: o.read_opt("at")?,
            owner: o.read_opt("u")?,
            created: o.i64_opt("ts")?,
            key: o.read_opt("k")?,
            by: o.read_opt("ou")?,
        }),
        "fa" => Packet::FileAttributes {
            node: o.read("n")?,
            attributes: o.read("fa")?,
        },
        "s" | "s2" => Packet::Share(share(o)?),
        "ph" => Packet::Link(link(o)?),
        "c" => Packet::Contacts(users(o.need("u")?)?),
        "ua" => Packet::UserAttributes(user_attributes(o)?),
        "k" => Packet::KeysRequested,
        "ipc" => Packet::IncomingInvitation(Invitation::from_object(o)?),
        "opc" => Packet::OutgoingInvitation(Invitation::from_object(o)?),
        "upci" | "upco" => Packet::InvitationAnswered {
            incoming: name == "upci",
            invitation: o.read("p")?,
            outcome: match o.i64("s")? {
                1 => InvitationOutcome::Ignored,
                2 => InvitationOutcome::Accepted,
                3 => InvitationOutcome::Denied,
                other => InvitationOutcome::Other(other),
            },
        },
        "psts" | "psts_v2" | "ftr" => Packet::Purchase(PurchaseResult {
            success: o.text_opt("r")?.as_deref() == Some("s"),
            item: o.get("it").and_then(Value::as_i64),
            level: o.get("p").and_then(Value::as_i64),
        }),
        "pses" => Packet::PaymentReminder,
        "sqac" => Packet::StorageAllowanceChanged,
        "la" => Packet::NotificationsSeen,
        "se" => Packet::EmailChanged {
            user: o.read_opt("u")?,
            email: private(o, "e")?,
        },
        "uec" | "uac" => Packet::EmailConfirmed {
            user: o.read_opt("u")?,
            email: private(o, "m")?,
        },
        "ub" => Packet::Business(BusinessChange {
            status: o.i64("s")?,
            master: o.i64_opt("m")?.map(|m| m != 0),
        }),
        "pk" => Packet::PendingKeys,
        "usc" => Packet::ReloadDemanded,
        _ => Packet::Unknown {
            name: name.to_owned(),
        },
    })
}

fn new_nodes(o: &Object<'_>) -> Result<NewNodes, DecodeError> {
    let tree = o.need("t")?.object().map_err(|e| e.within("t"))?;
    let mut out = NewNodes {
        by: o.read_opt("ou")?,
        ..NewNodes::default()
    };
    for (key, versions) in [("f", false), ("f2", true)] {
        if let Some(list) = tree.get(key) {
            let mut cursor = Cursor::whole(list.as_bytes());
            let unusable =
                read_nodes(&mut cursor, versions, &mut out.nodes).map_err(|e| e.within(key))?;
            out.malformed = out.malformed.saturating_add(unusable);
        }
    }
    if let Some(list) = tree.get("u") {
        out.users = users(list)?;
    }
    Ok(out)
}

pub(super) fn users(list: Value<'_>) -> Result<Vec<UserRecord>, DecodeError> {
    list.array()?.into_iter().map(UserRecord::read).collect()
}

fn share(o: &Object<'_>) -> Result<ShareChange, DecodeError> {
    let target = match o.text_opt("u")?.as_deref() {
        Some("EXP") => Some(OutgoingShareTarget::Everyone),
        Some("") | None => o.read_opt("p")?.map(OutgoingShareTarget::Pending),
        Some(_) => Some(OutgoingShareTarget::User(o.read("u")?)),
    };
    let access = o
        .i64_opt("r")?
        .map(|r| AccessLevel::from_number(r).ok_or(DecodeError::field("r", "access level")))
        .transpose()?;
    Ok(ShareChange {
        node: o.read("n")?,
        owner: o.read_opt("o")?,
        target,
        access,
        since: o.i64_opt("ts")?,
        key: o.read_opt("k")?,
        owner_key: o.read_opt("ok")?,
        authentication: o.read_opt("ha")?,
        owner_key_deleted: o.flag("okd"),
        was_pending: o.has("op"),
        by: o.read_opt("ou")?,
    })
}

fn link(o: &Object<'_>) -> Result<LinkChange, DecodeError> {
    let kind = if o.flag("d") {
        LinkChangeKind::Removed
    } else if o.has("down") {
        if o.flag("down") {
            LinkChangeKind::TakenDown
        } else {
            LinkChangeKind::Reinstated
        }
    } else if o.flag("n") {
        LinkChangeKind::Created
    } else if o.flag("u") {
        LinkChangeKind::Updated
    } else {
        return Err(DecodeError::new(
            "the packet does not say what became of the link",
        ));
    };
    let link = o.read_opt("ph")?;
    if link.is_none() && kind != LinkChangeKind::Removed {
        return Err(DecodeError::field("ph", "missing"));
    }
    Ok(LinkChange {
        node: o.read("h")?,
        link,
        kind,
        created: o.i64_opt("ts")?,
        expires: o.i64_opt("ets")?.filter(|t| *t != 0),
        write_auth: private(o, "w")?,
    })
}

fn user_attributes(o: &Object<'_>) -> Result<UserAttributeChange, DecodeError> {
    let names = o.list("ua")?;
    let versions = o.list("v")?;
    if names.len() != versions.len() {
        return Err(DecodeError::field(
            "v",
            "as many versions as names are wanted",
        ));
    }
    let changes = names
        .into_iter()
        .zip(versions)
        .map(|(name, version)| Ok((name.read()?, version.read()?)))
        .collect::<Result<_, DecodeError>>()?;
    Ok(UserAttributeChange {
        user: o.read("u")?,
        changes,
    })
}

const MAX_NAME: usize = 64;

//! `POST /test/change`: what tests in other languages change in the state, and what they make hostile in it.
//!
//! The body is a JSON object, or an array of them that are done in order. `change` says what; the other members are its
//! arguments. A node is named by `node` (its handle), or by `email` and `path`.

use std::time::Duration;

use serde_json::Value;

use crate::json::Json;
use crate::json::read::{flag, number, text};
use crate::model::{BlockEdit, Business, Hostile, LoginBlock, Model, Order, Payment};
use crate::wire::{NodeHandle, unb64};

/// Does all changes of a text, each answered by the handles it made or a text; an error tells which of them could not be done, and
/// nothing after it was.
pub(super) fn all(model: &mut Model, body: &str) -> Result<String, String> {
    let body: Value = serde_json::from_str(body).map_err(|e| format!("no JSON: {e}"))?;
    let changes = match body {
        Value::Array(changes) => changes,
        change => vec![change],
    };
    let mut done = Vec::new();
    for (i, change) in changes.iter().enumerate() {
        done.push(one(model, change).map_err(|what| format!("change {i}: {what}"))?);
    }
    Ok(Json::Array(done).text())
}

fn one(model: &mut Model, change: &Value) -> Result<Json, String> {
    let name = text(change, "change").ok_or("\"change\" is missing")?;
    let email = || need(change, "email");
    let done = match name {
        // What a second client of the account might do.
        "folder" => made(model.make_folder(email()?, need(change, "path")?)),
        "file" => {
            let content = content(change)?;
            let mtime = number(change, "mtime").unwrap_or(0);
            made(model.make_file(email()?, need(change, "path")?, &content, mtime))
        }
        "rename" => {
            let node = node(model, change)?;
            could(model.rename(node, need(change, "name")?))
        }
        "move" => {
            let (what, to) = (node(model, change)?, need(change, "to")?);
            let to = named(model, text(change, "email"), to).ok_or("\"to\" is nowhere")?;
            could(model.move_to(what, to))
        }
        "delete" => {
            let node = node(model, change)?;
            could(model.delete(node))
        }

        // What the service might do to an account.
        "quota" => {
            model.set_quota(email()?, bytes(change, "bytes")?);
            nothing()
        }
        "transfer" => {
            let allowance = change.get("bytes").map(|_| bytes(change, "bytes"));
            let wait = number(change, "wait").unwrap_or(0);
            model.set_transfer_quota(email()?, allowance.transpose()?, wait);
            nothing()
        }
        "logout" => could(model.kill_sessions(email()?) > 0),
        "block" => {
            let reason = number(change, "reason").filter(|r| *r != 0);
            let user = model.user_mut(email()?).ok_or("there is no such account")?;
            user.blocked = reason;
            nothing()
        }
        "business" => {
            let business = number(change, "status").map(Business::master);
            model.set_business(email()?, business);
            nothing()
        }
        "paywall" => {
            model.set_paywall(email()?, number(change, "deadline"));
            nothing()
        }
        "pay" => {
            let level = number(change, "level").unwrap_or(1);
            let what = payment(text(change, "for").unwrap_or("plan"))?;
            model.pay_for(email()?, what, level, !flag(change, "failed"));
            nothing()
        }
        "remind" => {
            let ends = number(change, "ends").ok_or("\"ends\" is no time")?;
            model.remind_of_payment(email()?, ends);
            nothing()
        }
        "clear_state" => {
            model.clear_state(email()?);
            nothing()
        }
        "take_down" => {
            let node = node(model, change)?;
            match flag(change, "severe") {
                true => {
                    model.take_down_severely(node);
                    nothing()
                }
                false => {
                    model.take_down(node, number(change, "down") != Some(0));
                    nothing()
                }
            }
        }
        "packet" => {
            let packet = change.get("packet").ok_or("\"packet\" is missing")?;
            model.push_raw_packet(email()?, &packet.to_string());
            nothing()
        }
        "forget_events" => {
            model.forget_events(email()?);
            nothing()
        }
        "expire_urls" => {
            model.expire_urls();
            nothing()
        }
        "restart" => {
            model.restart();
            nothing()
        }

        // What no honest service does.
        "raw_node" => {
            let raw = change.get("json").ok_or("\"json\" is missing")?;
            model.insert_raw_node(email()?, &raw.to_string());
            nothing()
        }
        "hostile" => {
            let kind = hostile(change)?;
            let handles = model.insert_hostile(email()?, kind);
            Ok(Json::Array(handles.into_iter().map(Json::from).collect()))
        }
        "hostile_folder" => {
            let parent = node(model, change)?;
            let attributes = need(change, "attributes")?;
            made(model.make_folder_with_attributes(email()?, parent, attributes))
        }
        "misreport" => {
            let value = change.get("value").ok_or("\"value\" is missing")?;
            let node = node(model, change)?;
            model.misreport(node, need(change, "member")?, &value.to_string());
            nothing()
        }
        "attributes" => {
            let node = node(model, change)?;
            model.tamper_attributes(node, need(change, "value")?);
            nothing()
        }
        "key" => {
            let node = node(model, change)?;
            model.tamper_key(node, need(change, "value")?);
            nothing()
        }
        "content" => {
            let node = node(model, change)?;
            model.tamper_content(node, content(change)?);
            nothing()
        }
        "edit_key" => {
            let (node, block) = (node(model, change)?, index(change, "block")?);
            could(model.edit_key_block(node, block, edit(need(change, "edit")?)?))
        }
        "edit_attributes" => {
            let (node, block) = (node(model, change)?, index(change, "block")?);
            could(model.edit_attribute_block(node, block, edit(need(change, "edit")?)?))
        }
        "splice_key" => {
            let node = node(model, change)?;
            let from = named(model, text(change, "email"), need(change, "from")?);
            let from = from.ok_or("\"from\" is nowhere")?;
            let blocks = (index(change, "block")?, index(change, "from_block")?);
            could(model.splice_key((node, blocks.0), (from, blocks.1)))
        }
        "private_key" => {
            let edited = match (text(change, "base64"), number(change, "xor")) {
                (Some(encoded), _) => {
                    let plain = unb64(encoded).ok_or("\"base64\" is none")?;
                    model.tamper_private_key(email()?, |key| *key = plain)
                }
                (None, Some(xor)) => {
                    let at = index(change, "offset")?;
                    let xor = u8::try_from(xor).map_err(|_| "\"xor\" is no byte")?;
                    model.tamper_private_key(email()?, |key| {
                        if let Some(byte) = key.get_mut(at) {
                            *byte ^= xor;
                        }
                    })
                }
                (None, None) => {
                    return Err("\"base64\", or \"offset\" and \"xor\", is needed".into());
                }
            };
            could(edited)
        }
        "csid" => {
            let plain = unb64(need(change, "plain")?).ok_or("\"plain\" is no base64")?;
            let csid = model.csid_for(email()?, &plain);
            csid.map(Json::from).ok_or("the account has no keys".into())
        }

        "option" => option(model, change),
        other => return Err(format!("{other:?} is no change; see the documentation")),
    };
    done.map_err(|what| format!("{name}: {what}"))
}

/// A switch of the server, by the name it has in `Options`.
fn option(model: &mut Model, change: &Value) -> Result<Json, String> {
    let name = need(change, "name")?;
    let value = number(change, "value");
    let size = || {
        let value = value.and_then(|v| usize::try_from(v).ok());
        value.ok_or("\"value\" is no size")
    };
    let given = change.get("value").filter(|v| !v.is_null());
    if given.is_some() && value.is_none() && !matches!(name, "order" | "login_block") {
        return Err("\"value\" is no number".into());
    }
    let options = model.options();
    match name {
        "gzip" => options.gzip = flag(change, "value"),
        "hashcash" => options.hashcash = value.and_then(|v| u8::try_from(v).ok()),
        "cloud_raid" => options.cloud_raid = flag(change, "value"),
        "events_per_reply" => options.events_per_reply = size()?,
        "replies_kept" => options.replies_kept = size()?,
        "url_lifetime" => options.url_lifetime = value.ok_or("\"value\" is no number")?,
        "session_lifetime" => options.session_lifetime = value,
        "logins_per_hour" => options.logins_per_hour = value.map(|_| size()).transpose()?,
        "snapshots" => options.snapshots = flag(change, "value"),
        "upload_gap" => options.upload_gap = bytes(change, "value")?,
        "chunk_boundaries" => options.chunk_boundaries = flag(change, "value"),
        "events_kept" => options.events_kept = size()?,
        "discard" => options.discard = flag(change, "value"),
        "ids_survive" => options.ids_survive = flag(change, "value"),
        "request_limit" => options.request_limit = bytes(change, "value")?,
        "hold" => options.hold = millis(change)?,
        "latency" => {
            options.latency = value.map(|_| millis(change)).transpose()?;
        }
        "login_block" => options.login_block = login_block(change.get("value")),
        "order" => {
            options.order = match (text(change, "value"), value) {
                (Some("parents"), _) => Order::ParentsFirst,
                (Some("children"), _) => Order::ChildrenFirst,
                (_, Some(seed)) => Order::Shuffled(seed.unsigned_abs()),
                _ => return Err("\"parents\", \"children\" or a number is needed".into()),
            }
        }
        other => return Err(format!("{other:?} is no switch")),
    }
    Ok(0.into())
}

/// What a payment was for, by the name it has in `Payment`.
fn payment(name: &str) -> Result<Payment, String> {
    match name {
        "plan" => Ok(Payment::Plan),
        "plan_v2" => Ok(Payment::PlanV2),
        "business" => Ok(Payment::Business),
        "feature" => Ok(Payment::Feature),
        _ => Err("plan, plan_v2, business or feature is needed".into()),
    }
}

/// The rule of the long block: none where the value is neither an object nor true; what the object does not say is as rclone's
/// documentation tells.
fn login_block(value: Option<&Value>) -> Option<LoginBlock> {
    let value = value.filter(|v| v.is_object() || **v == true || **v == 1)?;
    let usual = LoginBlock::default();
    let burst = number(value, "burst").and_then(|n| u32::try_from(n).ok());
    Some(LoginBlock {
        burst: burst.unwrap_or(usual.burst),
        spacing: number(value, "spacing").unwrap_or(usual.spacing),
        lasts: number(value, "lasts").unwrap_or(usual.lasts),
        code: number(value, "code").unwrap_or(usual.code),
    })
}

/// `flip:BIT`, `zero`, `copy:BLOCK` or `swap:BLOCK`.
pub(crate) fn edit(text: &str) -> Result<BlockEdit, &'static str> {
    let (word, value) = text.split_once(':').unwrap_or((text, ""));
    let block = || value.parse().map_err(|_| "the number of a block is needed");
    match word {
        "flip" => {
            let bit = value.parse().map_err(|_| "the number of a bit is needed")?;
            Ok(BlockEdit::Flip(bit))
        }
        "zero" => Ok(BlockEdit::Zero),
        "copy" => Ok(BlockEdit::CopyOf(block()?)),
        "swap" => Ok(BlockEdit::SwapWith(block()?)),
        _ => Err("flip:BIT, zero, copy:BLOCK or swap:BLOCK is needed"),
    }
}

/// A kind by its name in `Hostile`; `Deep` and `Wide` want a `count`.
fn hostile(change: &Value) -> Result<Hostile, String> {
    let kind = need(change, "kind")?;
    let count = || {
        let count = number(change, "count").and_then(|n| u32::try_from(n).ok());
        count.ok_or("\"count\" is missing")
    };
    match kind {
        "Deep" => Ok(Hostile::Deep(count()?)),
        "Wide" => Ok(Hostile::Wide(count()?)),
        _ => Model::hostile_kinds()
            .into_iter()
            .find(|k| format!("{k:?}") == kind)
            .ok_or_else(|| format!("{kind:?} is no kind of hostile nodes")),
    }
}

fn content(change: &Value) -> Result<Vec<u8>, String> {
    match (text(change, "text"), text(change, "base64")) {
        (Some(text), _) => Ok(text.as_bytes().to_vec()),
        (None, Some(encoded)) => unb64(encoded).ok_or("\"base64\" is none".into()),
        (None, None) => Err("\"text\" or \"base64\" is needed".into()),
    }
}

fn node(model: &Model, change: &Value) -> Result<NodeHandle, String> {
    let name = text(change, "node").or_else(|| text(change, "path"));
    let name = name.ok_or("\"node\" or \"path\" is missing")?;
    named(model, text(change, "email"), name).ok_or_else(|| format!("{name} is nowhere"))
}

/// A node by its path in an account, or by its handle.
fn named(model: &Model, email: Option<&str>, name: &str) -> Option<NodeHandle> {
    if name.starts_with('/') {
        return model.find(email?, name);
    }
    let handle = NodeHandle::parse(name)?;
    model.tree().get(handle).map(|n| n.handle)
}

fn need<'a>(change: &'a Value, key: &str) -> Result<&'a str, String> {
    text(change, key).ok_or_else(|| format!("{key:?} is missing"))
}

fn bytes(change: &Value, key: &str) -> Result<u64, String> {
    let bytes = number(change, key).and_then(|n| u64::try_from(n).ok());
    bytes.ok_or_else(|| format!("{key:?} is no number of bytes"))
}

fn millis(change: &Value) -> Result<Duration, String> {
    let millis = number(change, "value").and_then(|n| u64::try_from(n).ok());
    millis
        .map(Duration::from_millis)
        .ok_or("\"value\" is no number of milliseconds".into())
}

fn index(change: &Value, key: &str) -> Result<usize, String> {
    let index = number(change, key).and_then(|n| usize::try_from(n).ok());
    index.ok_or_else(|| format!("{key:?} is no number"))
}

fn made(node: Option<NodeHandle>) -> Result<Json, String> {
    let node = node.ok_or("the account is not one that the server made itself")?;
    Ok(Json::Array(vec![node.into()]))
}

fn could(done: bool) -> Result<Json, String> {
    match done {
        true => Ok(0.into()),
        false => Err("it cannot be done".into()),
    }
}

fn nothing() -> Result<Json, String> {
    Ok(0.into())
}

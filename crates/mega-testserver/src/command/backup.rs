//! `sp`, `sf`, `sphb`, `sr`: the backups and syncs that clients register (SDK src/commands.cpp, `CommandBackupPut` to
//! `CommandBackupSyncFetch`). What they say about themselves is kept as it comes.

use serde_json::{Map, Value};

use super::{Answer, Context, EARGS, ENOENT, Result};
use crate::json::read::text;
use crate::json::{Json, Object};
use crate::model::user::Backup;
use crate::wire::BackupHandle;

/// Members of `sp`: type, folder, local path, device, drive, state, part of it, name.
const SAID: [&str; 8] = ["t", "h", "l", "d", "dr", "s", "ss", "e"];
/// Members of `sphb`: state, progress, transfers that wait, time and node of the last change.
const BEATS: [&str; 6] = ["s", "p", "qu", "qd", "lts", "lh"];

/// `sp`: a new one, or other members of one that is there.
pub(super) fn put(cx: &mut Context<'_>, request: &Value) -> Result {
    cx.handle()?;
    let agent = cx.agent.clone();
    let fresh = BackupHandle(cx.model.seed.array());
    let user = cx.user_mut()?;
    let id = match text(request, "id") {
        Some(id) => BackupHandle::parse(id).ok_or(EARGS)?,
        None => {
            user.backups.insert(fresh, Backup::default());
            fresh
        }
    };
    let backup = user.backups.get_mut(&id).ok_or(ENOENT)?;
    take(&mut backup.said, request, &SAID);
    backup.agent = agent;
    Ok(Answer::Changed(id.into()))
}

/// `sphb`: it is alive.
pub(super) fn beat(cx: &mut Context<'_>, request: &Value) -> Result {
    let now = cx.model.now();
    let backup = named(cx, request)?;
    take(&mut backup.beat, request, &BEATS);
    backup.beat.insert("ts".into(), now.into());
    Ok(Answer::Value(0.into()))
}

/// `sr`: it is no more.
pub(super) fn remove(cx: &mut Context<'_>, request: &Value) -> Result {
    let id = id(request)?;
    cx.user_mut()?.backups.remove(&id).ok_or(ENOENT)?;
    cx.changed = true;
    Ok(Answer::Value(0.into()))
}

/// `sf`: all of them.
pub(super) fn list(cx: &mut Context<'_>) -> Result {
    let backups = cx.user()?.backups.iter();
    let told = backups.map(|(id, backup)| {
        let mut out = Object::new().with("id", *id);
        tell(&mut out, &backup.said);
        out.push("dua", backup.agent.clone());
        let mut beat = Object::new();
        tell(&mut beat, &backup.beat);
        if !beat.is_empty() {
            out.push("hb", beat);
        }
        Json::from(out)
    });
    Ok(Answer::Value(Json::Array(told.collect())))
}

/// Takes members over that are text or numbers.
fn take(into: &mut Map<String, Value>, request: &Value, names: &[&str]) {
    for name in names {
        if let Some(value) = request.get(*name).filter(|v| v.is_string() || v.is_i64()) {
            into.insert((*name).to_owned(), value.clone());
        }
    }
}

fn tell(out: &mut Object, members: &Map<String, Value>) {
    for (name, value) in members {
        match value {
            Value::String(text) => out.push(name.clone(), text.clone()),
            other => out.push(name.clone(), other.as_i64().unwrap_or(0)),
        }
    }
}

fn named<'a>(cx: &'a mut Context<'_>, request: &Value) -> std::result::Result<&'a mut Backup, i64> {
    let id = id(request)?;
    cx.user_mut()?.backups.get_mut(&id).ok_or(ENOENT)
}

fn id(request: &Value) -> std::result::Result<BackupHandle, i64> {
    text(request, "id")
        .and_then(BackupHandle::parse)
        .ok_or(EARGS)
}

//! `asp`, `asr`, `aep`, `aepb`, `aer`, `aerb`, `ass`, `aft`: sets and their elements (SDK src/commands.cpp, `CommandPutSet` to
//! `CommandExportSet`).

use serde_json::Value;

use super::{Answer, Context, EARGS, EEXIST, ENOENT, ESID, Result, is_wire_text};
use crate::json::read::{array, flag, number, text};
use crate::json::{Json, Object};
use crate::model::album::{Album, AlbumLink, Element};
use crate::model::listing::file_attributes;
use crate::model::{Channel, Kind, Model, Right};
use crate::wire::{ElementHandle, NodeHandle, PublicHandle, SetHandle, UserHandle};

/// `asp`: a new set, or other attributes of one that is there.
pub(super) fn put(cx: &mut Context<'_>, request: &Value) -> Result {
    let owner = cx.handle()?;
    let now = cx.model.now();
    let attributes = attributes(request)?;
    let id = match text(request, "id") {
        Some(id) => {
            let album = own(cx, SetHandle::parse(id).ok_or(EARGS)?)?;
            album.attributes = Some(attributes.ok_or(EARGS)?);
            album.changed = now;
            album.id
        }
        None => {
            let key = key(request, 22)?;
            let kind = number(request, "t").unwrap_or(0);
            if !(0..KINDS).contains(&kind) {
                return Err(EARGS);
            }
            let id = SetHandle(cx.model.seed.array());
            let album = Album {
                id,
                key,
                attributes,
                kind,
                created: now,
                changed: now,
                link: None,
                elements: Default::default(),
            };
            cx.user_mut()?.albums.insert(id, album);
            id
        }
    };
    let packet = own(cx, id)?.told(owner);
    cx.fx.to(Channel::User(owner), "asp", packet.clone());
    Ok(Answer::Changed(packet.into()))
}

/// `asr`: the set goes with all that is in it, its link too.
pub(super) fn remove(cx: &mut Context<'_>, request: &Value) -> Result {
    let owner = cx.handle()?;
    let id = set_of(request, "id")?;
    cx.user_mut()?.albums.remove(&id).ok_or(ENOENT)?;
    cx.fx
        .to(Channel::User(owner), "asr", Object::new().with("id", id));
    Ok(Answer::Done)
}

/// `aep`: a file comes into a set, or changes its place or name in it.
pub(super) fn put_element(cx: &mut Context<'_>, request: &Value) -> Result {
    cx.handle()?;
    let Some(id) = text(request, "id") else {
        let set = set_of(request, "s")?;
        let told = add(cx, set, request)?;
        return Ok(Answer::Changed(told.into()));
    };
    let id = ElementHandle::parse(id).ok_or(EARGS)?;
    let order = number(request, "o");
    let attributes = attributes(request)?;
    if order.is_none() && attributes.is_none() {
        return Err(EARGS);
    }
    let now = cx.model.now();
    let album = holding(cx, id)?;
    let set = album.id;
    let element = album.elements.get_mut(&id).ok_or(ENOENT)?;
    element.order = order.unwrap_or(element.order);
    element.attributes = attributes.or_else(|| element.attributes.clone());
    element.changed = now;
    let packet = element.told(id, set);
    announce(cx, "aep", packet.clone())?;
    Ok(Answer::Changed(packet.into()))
}

/// `aepb`: several files at once, each for itself.
pub(super) fn put_elements(cx: &mut Context<'_>, request: &Value) -> Result {
    cx.handle()?;
    let set = set_of(request, "s")?;
    own(cx, set)?;
    let done: Vec<Json> = array(request, "e")
        .ok_or(EARGS)?
        .iter()
        .map(|entry| match add(cx, set, entry) {
            Ok(told) => told.into(),
            Err(code) => code.into(),
        })
        .collect();
    if done.is_empty() {
        return Err(EARGS);
    }
    Ok(Answer::Changed(done.into()))
}

/// `aer`
pub(super) fn remove_element(cx: &mut Context<'_>, request: &Value) -> Result {
    cx.handle()?;
    let id = element_of(request.get("id"))?;
    let set = holding(cx, id)?.id;
    take_out(cx, set, id)?;
    Ok(Answer::Done)
}

/// `aerb`: the SDK reads a plain array of codes here, without a tag around it in any dialect, and does the change itself.
pub(super) fn remove_elements(cx: &mut Context<'_>, request: &Value) -> Result {
    cx.handle()?;
    let set = set_of(request, "s")?;
    own(cx, set)?;
    let codes: Vec<Json> = array(request, "e")
        .ok_or(EARGS)?
        .iter()
        .map(|id| {
            let done = element_of(Some(id)).and_then(|id| take_out(cx, set, id));
            Json::Number(done.err().unwrap_or(0))
        })
        .collect();
    cx.changed = true;
    Ok(Answer::Value(codes.into()))
}

/// `ass`: a link for a set, or none any more.
pub(super) fn export(cx: &mut Context<'_>, request: &Value) -> Result {
    let owner = cx.handle()?;
    let id = set_of(request, "id")?;
    let now = cx.model.now();
    let fresh = PublicHandle(cx.model.seed.array());
    let end = flag(request, "d");
    let album = own(cx, id)?;
    let packet = Object::new().with("s", id);
    let old = album.link;
    let packet = if end {
        let link = album.link.take().ok_or(ENOENT)?;
        packet.with("ph", link.handle).with("r", 1).with("ts", now)
    } else {
        let link = *album.link.get_or_insert(AlbumLink {
            handle: fresh,
            created: now,
            down: false,
        });
        packet.with("ph", link.handle).with("ts", link.created)
    };
    let told = match (end, album.link) {
        (false, Some(link)) => Some(
            Object::new()
                .with("id", id)
                .with("ph", link.handle)
                .with("ts", link.created),
        ),
        _ => None,
    };
    if end || old.is_none() {
        album.changed = now;
        cx.fx.to(Channel::User(owner), "ass", packet);
    }
    Ok(told.map_or(Answer::Done, |told| Answer::Changed(told.into())))
}

/// `aft`: what is behind the link of a set that the URL names with `s=`.
pub(super) fn fetch(cx: &mut Context<'_>) -> Result {
    let link = cx.album.ok_or(ESID)?;
    let (owner, album) = cx.model.open_album(link)?;
    let elements: Vec<Json> = album
        .elements
        .iter()
        .map(|(id, e)| e.told(*id, album.id).into())
        .collect();
    let nodes: Vec<Json> = album
        .elements
        .values()
        .filter_map(|e| {
            let node = cx.model.tree().get(e.node)?;
            let fa = file_attributes(node);
            let told = Object::new()
                .with("h", node.handle)
                .with("u", node.owner)
                .with("s", node.size())
                .with("at", node.attributes.clone())
                .maybe("fa", (!fa.is_empty()).then_some(fa))
                .with("ts", node.created);
            Some(told.into())
        })
        .collect();
    let told = Object::new()
        .with("s", album.told(owner).with("ph", link))
        .with("e", elements)
        .with("n", nodes);
    Ok(Answer::Value(told.into()))
}

/// Puts a file into a set: -9 where it is not in the account, -12 where it is in the set already.
fn add(cx: &mut Context<'_>, set: SetHandle, entry: &Value) -> std::result::Result<Object, i64> {
    // A missing key goes before a missing node (SDK tests/integration/SdkTest_test.cpp, `SdkTestSetsAndElements`).
    let key = key(entry, 43)?;
    let node = text(entry, "h").and_then(NodeHandle::parse).ok_or(EARGS)?;
    let attributes = attributes(entry)?;
    if cx.node(node, Right::Owner)?.kind != Kind::File {
        return Err(EARGS);
    }
    let order = number(entry, "o");
    let changed = cx.model.now();
    let id = ElementHandle(cx.model.seed.array());
    let album = own(cx, set)?;
    if album.elements.values().any(|e| e.node == node) {
        return Err(EEXIST);
    }
    let element = Element {
        node,
        key,
        attributes,
        order: order.unwrap_or_else(|| album.next_order()),
        changed,
    };
    let packet = element.told(id, set);
    album.elements.insert(id, element);
    announce(cx, "aep", packet.clone())?;
    Ok(packet)
}

fn take_out(
    cx: &mut Context<'_>,
    set: SetHandle,
    id: ElementHandle,
) -> std::result::Result<(), i64> {
    own(cx, set)?.elements.remove(&id).ok_or(ENOENT)?;
    announce(cx, "aer", Object::new().with("id", id).with("s", set))
}

fn announce(
    cx: &mut Context<'_>,
    name: &'static str,
    packet: Object,
) -> std::result::Result<(), i64> {
    let owner = cx.handle()?;
    cx.fx.to(Channel::User(owner), name, packet);
    Ok(())
}

/// A set of the caller's.
fn own<'a>(cx: &'a mut Context<'_>, id: SetHandle) -> std::result::Result<&'a mut Album, i64> {
    cx.user_mut()?.albums.get_mut(&id).ok_or(ENOENT)
}

/// The caller's set that an element is in.
fn holding<'a>(
    cx: &'a mut Context<'_>,
    id: ElementHandle,
) -> std::result::Result<&'a mut Album, i64> {
    let mut albums = cx.user_mut()?.albums.values_mut();
    albums.find(|a| a.elements.contains_key(&id)).ok_or(ENOENT)
}

fn set_of(request: &Value, key: &str) -> std::result::Result<SetHandle, i64> {
    text(request, key).and_then(SetHandle::parse).ok_or(EARGS)
}

fn element_of(id: Option<&Value>) -> std::result::Result<ElementHandle, i64> {
    let id = id.and_then(Value::as_str);
    id.and_then(ElementHandle::parse).ok_or(EARGS)
}

/// A key of so many characters.
fn key(request: &Value, len: usize) -> std::result::Result<String, i64> {
    let key = text(request, "k").filter(|k| k.len() == len && is_wire_text(k));
    key.map(str::to_owned).ok_or(EARGS)
}

/// Attributes; an empty text takes them away.
fn attributes(request: &Value) -> std::result::Result<Option<String>, i64> {
    match text(request, "at") {
        Some(at) if at.len() > super::tree::MAX_ATTRIBUTES || !is_wire_text(at) => Err(EARGS),
        at => Ok(at.map(str::to_owned)),
    }
}

/// `aesp` of a listing: all sets of an account, their elements, their links.
pub(super) fn listed(model: &Model, handle: UserHandle) -> Option<Object> {
    let user = model.users.get(&handle)?;
    if user.albums.is_empty() {
        return None;
    }
    let (mut sets, mut elements, mut links): (Vec<Json>, Vec<Json>, Vec<Json>) = Default::default();
    for album in user.albums.values() {
        sets.push(album.told(handle).into());
        elements.extend(
            album
                .elements
                .iter()
                .map(|(id, e)| Json::from(e.told(*id, album.id))),
        );
        links.extend(album.link.map(|link| {
            Json::from(
                Object::new()
                    .with("s", album.id)
                    .with("ph", link.handle)
                    .with("ts", link.created)
                    .maybe("c", link.down.then_some(1)),
            )
        }));
    }
    // `p` last: the SDK looks its sets up while it reads it.
    Some(
        Object::new()
            .with("s", sets)
            .with("e", elements)
            .with("p", links),
    )
}

/// Album and playlist (SDK include/mega/setandelement.h, `Set::SetType`).
const KINDS: i64 = 2;

//! A stretch of the arena as bytes: so many slots, one after the other.
//!
//! Places of neighbours are written as distances, which are short: most nodes lie beside their siblings.

use mega_protocol::{NodeHandle, UserHandle};

use super::bytes::{Get, Put};
use crate::node::{AccessLevel, NodeKind, Trouble};
use crate::tree::IncomingShare;
use crate::tree::arena::Index;
use crate::tree::snapshot::{Rebuild, Slot};
use crate::tree::touched::STRETCH;

const VERSION: u8 = 1;
const FOREIGN: u8 = 1 << 1;
const SHARE_ROOT: u8 = 1 << 2;
const RAW: u8 = 1 << 3;
const SHARED: u8 = 1 << 4;
const WAITS: u8 = 1 << 5;
/// A key of 16 bytes.
const SHORT_KEY: u8 = 1 << 6;
/// A key of 32 bytes.
const LONG_KEY: u8 = 1 << 7;

/// Writes the slots of a stretch.
pub(super) fn write<'a>(
    out: &mut Vec<u8>,
    stretch: u32,
    slots: impl Iterator<Item = Option<Slot<'a>>>,
) {
    out.number(stretch.into());
    let mut number = stretch.saturating_mul(STRETCH);
    for slot in slots {
        match slot {
            Some(slot) => write_slot(out, number, &slot),
            None => out.byte(0),
        }
        number = number.saturating_add(1);
    }
}

fn write_slot(out: &mut Vec<u8>, number: u32, slot: &Slot<'_>) {
    out.byte(kind_number(slot.kind));
    out.byte(trouble_number(slot.trouble));
    let (first, second) = slot.key.split_at(16);
    let is = |bit: u8, on: bool| if on { bit } else { 0 };
    let long = second.iter().any(|byte| *byte != 0);
    let short = !long && first.iter().any(|byte| *byte != 0);
    out.byte(
        is(VERSION, slot.version)
            | is(FOREIGN, slot.foreign)
            | is(SHARE_ROOT, slot.share_root)
            | is(RAW, slot.raw.is_some())
            | is(SHARED, slot.share.is_some())
            | is(WAITS, slot.waits_for.is_some())
            | is(SHORT_KEY, short)
            | is(LONG_KEY, long),
    );
    out.raw(slot.handle.as_bytes());
    for neighbour in [slot.parent, slot.first_child, slot.next, slot.prev] {
        // No node is its own neighbour but an only child, whose last sibling it is: so 0 is nobody, and one beyond is needed for oneself.
        match neighbour.some() {
            None => out.number(0),
            Some(other) => {
                let distance = i64::from(other.number()) - i64::from(number);
                out.number(1 + ((distance << 1) ^ (distance >> 63)).cast_unsigned());
            }
        }
    }
    out.number(slot.size);
    out.signed(slot.created);
    if long {
        out.raw(slot.key);
    } else if short {
        out.raw(first);
    }
    out.number(slot.tail.into());
    out.text(slot.text);
    if let Some((key, attributes)) = slot.raw {
        out.text(key.as_bytes());
        out.text(attributes.as_bytes());
    }
    if let Some(share) = slot.share {
        out.raw(share.owner.as_bytes());
        out.byte(match share.access {
            AccessLevel::Read => 0,
            AccessLevel::ReadWrite => 1,
            AccessLevel::Full => 2,
        });
    }
    if let Some(parent) = slot.waits_for {
        out.raw(parent.as_bytes());
    }
}

/// Puts a stretch back. `None` if it is not as it is written.
pub(super) fn read(bytes: &mut Get<'_>, tree: &mut Rebuild) -> Option<()> {
    let mut number = bytes.small()?.checked_mul(STRETCH)?;
    let end = number.checked_add(STRETCH)?;
    while !bytes.is_empty() {
        if number >= end {
            return None;
        }
        read_slot(bytes, number, tree)?;
        number = number.checked_add(1)?;
    }
    Some(())
}

fn read_slot(bytes: &mut Get<'_>, number: u32, tree: &mut Rebuild) -> Option<()> {
    let kind = match bytes.byte()? {
        0 => return tree.set(number, None),
        kind => kind_of(kind)?,
    };
    let trouble = trouble_of(bytes.byte()?)?;
    let bits = bytes.byte()?;
    let has = |bit: u8| bits & bit != 0;
    let handle = NodeHandle::from_bytes(bytes.array()?);
    let mut neighbour = || {
        let Some(distance) = bytes.number()?.checked_sub(1) else {
            return Some(Index::NONE);
        };
        let distance = (distance >> 1).cast_signed() ^ -(distance & 1).cast_signed();
        let place = i64::from(number).checked_add(distance)?;
        Index::from_number(u32::try_from(place).ok()?).some()
    };
    let parent = neighbour()?;
    let first_child = neighbour()?;
    let next = neighbour()?;
    let prev = neighbour()?;
    let size = bytes.number()?;
    let created = bytes.signed()?;
    let mut padded = zeroize::Zeroizing::new([0; 32]);
    let key = match (has(LONG_KEY), has(SHORT_KEY)) {
        (true, false) => bytes.borrowed::<32>()?,
        (false, true) => {
            let (first, _) = padded.split_first_chunk_mut::<16>()?;
            *first = bytes.array()?;
            &*padded
        }
        (false, false) => &*padded,
        (true, true) => return None,
    };
    let tail = bytes.number()?.try_into().ok()?;
    let text = bytes.text()?;
    let raw = match has(RAW) {
        true => Some((bytes.str()?, bytes.str()?)),
        false => None,
    };
    let share = match has(SHARED) {
        true => Some(IncomingShare {
            owner: UserHandle::from_bytes(bytes.array()?),
            access: match bytes.byte()? {
                0 => AccessLevel::Read,
                1 => AccessLevel::ReadWrite,
                2 => AccessLevel::Full,
                _ => return None,
            },
        }),
        false => None,
    };
    let waits_for = match has(WAITS) {
        true => Some(NodeHandle::from_bytes(bytes.array()?)),
        false => None,
    };
    let slot = Slot {
        handle,
        kind,
        trouble,
        version: has(VERSION),
        foreign: has(FOREIGN),
        share_root: has(SHARE_ROOT),
        parent,
        first_child,
        next,
        prev,
        size,
        created,
        key,
        text,
        tail,
        raw,
        share,
        waits_for,
    };
    tree.set(number, Some(&slot))
}

/// 0 is a free slot.
fn kind_number(kind: NodeKind) -> u8 {
    match kind {
        NodeKind::File => 1,
        NodeKind::Folder => 2,
        NodeKind::Root => 3,
        NodeKind::Vault => 4,
        NodeKind::RubbishBin => 5,
        NodeKind::Unknown => 6,
    }
}

fn kind_of(number: u8) -> Option<NodeKind> {
    Some(match number {
        1 => NodeKind::File,
        2 => NodeKind::Folder,
        3 => NodeKind::Root,
        4 => NodeKind::Vault,
        5 => NodeKind::RubbishBin,
        6 => NodeKind::Unknown,
        _ => return None,
    })
}

fn trouble_number(trouble: Option<Trouble>) -> u8 {
    match trouble {
        None => 0,
        Some(Trouble::NoKey) => 1,
        Some(Trouble::BadKey) => 2,
        Some(Trouble::BadAttributes) => 3,
        Some(Trouble::NoName) => 4,
        Some(Trouble::Invalid) => 5,
        Some(Trouble::Quarantined) => 6,
        Some(Trouble::SplicedKey) => 7,
    }
}

fn trouble_of(number: u8) -> Option<Option<Trouble>> {
    Some(match number {
        0 => None,
        1 => Some(Trouble::NoKey),
        2 => Some(Trouble::BadKey),
        3 => Some(Trouble::BadAttributes),
        4 => Some(Trouble::NoName),
        5 => Some(Trouble::Invalid),
        6 => Some(Trouble::Quarantined),
        7 => Some(Trouble::SplicedKey),
        _ => return None,
    })
}

//! The list on disk against its disk, and the book.

use std::path::Path;
use std::time::{Duration, SystemTime};

use mega_crypto::MasterKey;
use mega_protocol::lane::{CommandLane, LaneConfig};
use mega_protocol::{
    ChangeOutcome, EncodedCommand, NodeHandle, RequestId, SentCommand, ServerUrl, UserHandle,
};
use proptest::prelude::*;

use super::book::Book;
use super::change::ChangeKind;
use super::evidence::{Item, Key, Proof};
use super::log::{LeftOver, Log, leaving_frame};
use crate::cache::bytes::{Get, Plain};
use crate::cache::log::Owner;

fn owner(user: u8) -> Owner {
    Owner {
        master: MasterKey::from_bytes([7; 16]),
        user: UserHandle::from_bytes([user; 8]),
    }
}

/// Ids as the lane makes them.
fn ids() -> impl Iterator<Item = RequestId> {
    let origin = ServerUrl::parse("https://g.api.mega.co.nz/").unwrap();
    let mut lane = CommandLane::new(LaneConfig::new(origin).unwrap(), 1);
    std::iter::from_fn(move || {
        let command = mega_protocol::commands::FetchUserData::new();
        let _ticket = lane.submit(EncodedCommand::new(&command));
        let now = std::time::Instant::now();
        let request = lane.poll_transmit(now)?;
        lane.handle_response(now, Ok(mega_protocol::lane::ApiResponse::ok("[{}]")));
        Some(request.id)
    })
}

fn item(position: u32, path: &str, proof: Proof) -> Item {
    Item {
        position,
        kind: ChangeKind::Move,
        command: "m".to_owned(),
        path: Some(path.to_owned()),
        node: Some(NodeHandle::from_bytes([1; 6])),
        folder: None,
        proof,
    }
}

fn sent() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_000_000_123)
}

fn frame(number: u64, request: RequestId, path: &str) -> Plain {
    leaving_frame(number, request, sent(), &[item(0, path, Proof::Gone)])
}

/// The paths that somebody finds who comes after a crash.
fn found(owner: &Owner, folder: &Path) -> Vec<String> {
    let left = LeftOver::find(owner, folder);
    let batches = left.iter().flat_map(|left| &left.batches);
    let items = batches.flat_map(|batch| {
        assert_eq!(batch.sent, sent());
        &batch.items
    });
    items.map(|item| item.path.clone().unwrap()).collect()
}

fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

/// The content of the file with these in it, one after the other.
fn written(frames: &[Plain]) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let mut log = Log::new(owner(1), folder.path());
    for frame in frames {
        log.leave(frame, &[]).unwrap();
    }
    std::fs::read(&files(folder.path())[0]).unwrap()
}

#[test]
fn pst_5_what_is_torn_never_left_and_damage_is_never_believed() {
    let mut ids = ids();
    let frames: Vec<Plain> = ["/one", "/two", "/three"]
        .into_iter()
        .zip(0..)
        .map(|(path, number)| frame(number, ids.next().unwrap(), path))
        .collect();
    let whole = written(&frames);
    let ends: Vec<usize> = (1..=3)
        .map(|count| written(&frames[..count]).len())
        .collect();
    assert_eq!(ends[2], whole.len());
    let all = ["/one", "/two", "/three"];
    let folder = tempfile::tempdir().unwrap();
    let name = format!("{}.0123456789abcdef.intents", owner(1).file_name());
    let path = folder.path().join(name);
    // Cut anywhere: what was finished counts.
    for cut in 0..=whole.len() {
        std::fs::write(&path, &whole[..cut]).unwrap();
        let count = ends.iter().filter(|&&end| end <= cut).count();
        assert_eq!(
            found(&owner(1), folder.path()),
            all[..count],
            "cut at {cut}"
        );
    }
    // Changed anywhere: what comes before counts.
    for at in 0..whole.len() {
        let mut changed = whole.clone();
        changed[at] ^= 0x10;
        std::fs::write(&path, changed).unwrap();
        let count = ends.iter().filter(|&&end| end <= at).count();
        let count = if at < 40 { 0 } else { count };
        assert_eq!(
            found(&owner(1), folder.path()),
            all[..count],
            "changed at {at}"
        );
    }
    for garbage in [vec![0; 5000], vec![0xFF; 5000], b"mgopen\0\x01".to_vec()] {
        std::fs::write(&path, garbage).unwrap();
        assert_eq!(found(&owner(1), folder.path()), [""; 0]);
    }
    // Another account has another file; what lies under its name is not opened by ours.
    let other = format!("{}.0123456789abcdef.intents", owner(2).file_name());
    std::fs::write(folder.path().join(other), &whole).unwrap();
    assert_eq!(found(&owner(1), folder.path()), [""; 0]);
    assert_eq!(found(&owner(2), folder.path()), [""; 0]);
}

#[test]
fn pst_7_what_is_in_use_or_somebody_elses_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let name = owner(1).file_name();
    let others = [
        format!("{name}.0123456789abcdef.intent"),
        format!("{name}.0123456789abcde.intents"),
        format!("{name}.0123456789abcdeF.intents"),
        format!("{name}0123456789abcdef.intents"),
        name.clone(),
    ];
    for other in &others {
        std::fs::write(folder.path().join(other), "somebody's").unwrap();
    }
    std::fs::create_dir(
        folder
            .path()
            .join(format!("{name}.00000000000000ff.intents")),
    )
    .unwrap();
    let mut log = Log::new(owner(1), folder.path());
    log.leave(&frame(0, ids().next().unwrap(), "/in use"), &[])
        .unwrap();
    assert_eq!(found(&owner(1), folder.path()), [""; 0]);
    assert_eq!(files(folder.path()).len(), others.len() + 2);
    // Its client is gone.
    drop(log);
    assert_eq!(found(&owner(1), folder.path()), ["/in use"]);
    let left = LeftOver::find(&owner(1), folder.path());
    assert!(
        LeftOver::find(&owner(1), folder.path()).is_empty(),
        "one settles it"
    );
    for left in left {
        left.remove();
    }
    assert_eq!(files(folder.path()).len(), others.len() + 1);
    for other in &others {
        let text = std::fs::read(folder.path().join(other)).unwrap();
        assert_eq!(text, b"somebody's");
    }
}

#[test]
fn what_is_over_is_no_longer_there_and_a_long_list_begins_anew() {
    let folder = tempfile::tempdir().unwrap();
    let mut ids = ids();
    let mut next = |number, path| frame(number, ids.next().unwrap(), path);
    let mut log = Log::new(owner(1), folder.path());
    log.leave(&next(0, "/zero"), &[]).unwrap();
    log.leave(&next(1, "/one"), &[]).unwrap();
    log.leave(&next(2, "/two"), &[0, 1]).unwrap();
    let [list] = &files(folder.path())[..] else {
        panic!("one list");
    };
    let before = std::fs::read(list).unwrap();
    log.clear().unwrap();
    assert_eq!(std::fs::metadata(list).unwrap().len(), 0);
    log.leave(&next(3, "/three"), &[]).unwrap();
    let after = std::fs::read(list).unwrap();
    assert_ne!(before[..40], after[..40], "another salt, so another key");

    // A fresh file takes the place of one that somebody deleted, or that is too long.
    std::fs::remove_file(list).unwrap();
    assert!(log.needs_renewal());
    let (three, four) = (next(3, "/three"), next(4, "/four"));
    log.renew(&[three, four]).unwrap();
    assert!(!log.needs_renewal());
    let [fresh] = &files(folder.path())[..] else {
        panic!("one list");
    };
    // A crash between the two steps leaves both; each change is found once.
    let twin = format!("{}.0123456789abcdef.intents", owner(1).file_name());
    std::fs::copy(fresh, folder.path().join(twin)).unwrap();
    drop(log);
    assert_eq!(found(&owner(1), folder.path()), ["/three", "/four"]);
    std::fs::write(files(folder.path())[0].clone(), before).unwrap();
}

#[test]
fn dsk_1_a_write_that_failed_leaves_a_list_that_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let mut ids = ids();
    let mut next = |number, path| frame(number, ids.next().unwrap(), path);
    let place = folder.path().join("inner");
    std::fs::write(&place, "in the way").unwrap();
    let mut log = Log::new(owner(1), &place);
    assert!(log.leave(&next(0, "/zero"), &[]).is_err());
    assert_eq!(log.place(), place);
    std::fs::remove_file(&place).unwrap();
    log.leave(&next(1, "/one"), &[]).unwrap();
    // A frame that was begun and not finished is written over.
    let list = files(&place)[0].clone();
    let mut bytes = std::fs::read(&list).unwrap();
    bytes.extend([0xAB; 77]);
    std::fs::write(&list, bytes).unwrap();
    log.leave(&next(2, "/two"), &[]).unwrap();
    drop(log);
    assert_eq!(found(&owner(1), &place), ["/one", "/two"]);
}

#[test]
fn a_change_stays_noted_until_every_call_that_was_active_at_its_answer_has_returned() {
    let request = ids().next().unwrap();
    let mut book = Book::default();
    let first = book.call();
    let second = book.call();
    book.leave(request, sent(), vec![item(0, "/x", Proof::Gone)]);
    let done = |given_up| end_of(0, ChangeOutcome::Done, given_up);
    book.ended(request, &[done(false)]);
    let late = book.call();
    assert!(book.pending().next().is_none(), "it is known");
    assert!(!book.is_empty());
    book.returned(second);
    assert!(!book.is_empty(), "the first may not have told its caller");
    book.returned(first);
    assert!(book.is_empty());
    assert_eq!(book.take_over(), [0]);
    book.returned(late);
    assert!(book.take_settled().is_empty(), "its caller heard of it");
}

#[test]
fn can_2_what_was_given_up_is_told_and_what_is_unknown_waits_for_the_tree() {
    let mut ids = ids();
    let (one, two) = (ids.next().unwrap(), ids.next().unwrap());
    let mut book = Book::default();
    book.leave(one, sent(), vec![item(3, "/done", Proof::Gone)]);
    book.leave(two, sent(), vec![item(0, "/unknown", Proof::Gone)]);
    book.ended(one, &[end_of(3, ChangeOutcome::Done, true)]);
    book.ended(two, &[end_of(0, ChangeOutcome::Unknown, false)]);
    let told = book.take_settled();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].change().path(), Some("/done"));
    // As long as its caller is finding it out, nobody else does.
    assert!(book.left().is_empty());
    assert_eq!(book.pending().count(), 1);
    book.leave_unknown(SentCommand::new(two, 0));
    let left = book.left();
    assert_eq!(left, [(1, 0)]);
    book.claim(SentCommand::new(two, 0));
    book.settle(&left, |items| {
        assert!(items.is_empty());
        Vec::new()
    });
    assert!(!book.is_empty());
    book.known(SentCommand::new(two, 0));
    assert!(book.is_empty() && book.take_settled().is_empty());
}

/// The end of a change, as the lane tells it.
fn end_of(position: usize, outcome: ChangeOutcome, given_up: bool) -> mega_protocol::EndedChange {
    mega_protocol::EndedChange::new(position, outcome, given_up)
}

/// One proof of each kind.
fn proof(which: u8, key: [u8; 32], name: &[u8], nodes: &[[u8; 6]], number: i64) -> Proof {
    let nodes = || nodes.iter().copied().map(NodeHandle::from_bytes);
    match which {
        0 => Proof::None,
        1 => Proof::FreshKey(Key::new(key)),
        2 => Proof::Copy {
            key: Key::new(key),
            name: name.to_vec(),
            before: nodes().collect(),
        },
        3 => Proof::Place {
            from: nodes().next(),
        },
        4 => Proof::Attributes {
            new: key,
            old: [1; 32],
        },
        5 => Proof::Gone,
        6 => Proof::EmptyBin {
            one: nodes().next(),
        },
        7 => Proof::Link {
            expires: (number != 0).then_some(number),
        },
        _ => Proof::NoLink,
    }
}

proptest! {
    #[test]
    fn items_come_back_as_they_were(
        which in 0..9_u8,
        key: [u8; 32],
        nodes in proptest::collection::vec(any::<[u8; 6]>(), 0..4),
        path: Option<String>,
        position: u32,
        number: i64,
        rest: Vec<u8>,
    ) {
        let mut one = item(position, "", proof(which, key, &rest, &nodes, number));
        one.path = path;
        let mut bytes = Plain::new(Vec::new());
        one.write(&mut bytes);
        prop_assert!(bytes.len() <= one.room());
        let written = bytes.clone();
        bytes.extend(&rest);
        let mut get = Get::new(&bytes);
        let read = Item::read(&mut get).unwrap();
        let mut again = Plain::new(Vec::new());
        read.write(&mut again);
        prop_assert_eq!(&again, &written);
        prop_assert_eq!(get.is_empty(), rest.is_empty());
        // Anything can be read, and nothing is believed.
        let _whatever = Item::read(&mut Get::new(&rest));
    }
}

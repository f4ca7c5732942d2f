//! The cache against its disk: what was kept comes back, and nothing else ever does.

use std::io::{self, Read};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, RwLock};

use mega_crypto::{MasterKey, ShareKey};
use mega_filename::Mask;
use mega_protocol::{
    AccessLevel, Invitation, NodeHandle, OutgoingShareTarget, PendingContactHandle, PrivateText,
    PublicHandle, SequenceNumber, UserHandle,
};
use proptest::prelude::*;
use sha2::{Digest, Sha256};

use super::keep::{Continue, Keeper, Outcome, Source};
use super::load::{self, Loaded};
use super::log::{Damage, Owner};
use super::store::{FileStore, Store};
use crate::keyring::Keyring;
use crate::node::{NodeKind, Trouble};
use crate::tree::edit::NewNode;
use crate::tree::{IncomingShare, LinkRecord, RawSecrets, Tree};

/// A disk that can fail at any step, and then has done a part of it.
#[derive(Default)]
struct Disk {
    present: Option<Vec<u8>>,
    fresh: Option<Vec<u8>>,
    /// So many more steps succeed; `None` for all.
    steps: Option<usize>,
}

impl Disk {
    /// Whether this step is done; the one that is not is done by half.
    fn step(&mut self) -> bool {
        match &mut self.steps {
            None => true,
            Some(0) => false,
            Some(left) => {
                *left -= 1;
                true
            }
        }
    }
}

#[derive(Clone, Default)]
struct Memory(Arc<Mutex<Disk>>);

impl Memory {
    fn bytes(&self) -> Vec<u8> {
        self.0.lock().unwrap().present.clone().unwrap()
    }

    fn holding(bytes: Vec<u8>) -> Self {
        let memory = Self::default();
        memory.0.lock().unwrap().present = Some(bytes);
        memory
    }
}

fn dead() -> io::Error {
    io::Error::other("the disk is gone")
}

impl Store for Memory {
    fn read(&mut self) -> io::Result<Option<Box<dyn Read + Send>>> {
        let present = self.0.lock().unwrap().present.clone();
        Ok(present.map(|bytes| Box::new(io::Cursor::new(bytes)) as Box<dyn Read + Send>))
    }
    fn is_writable(&self) -> bool {
        true
    }
    fn begin(&mut self) -> io::Result<()> {
        let mut disk = self.0.lock().unwrap();
        disk.fresh = Some(Vec::new());
        disk.step().then_some(()).ok_or_else(dead)
    }
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut disk = self.0.lock().unwrap();
        let done = disk.step();
        let len = if done { bytes.len() } else { bytes.len() / 2 };
        disk.fresh.as_mut().unwrap().extend(&bytes[..len]);
        done.then_some(()).ok_or_else(dead)
    }
    fn publish(&mut self) -> io::Result<()> {
        let mut disk = self.0.lock().unwrap();
        if !disk.step() {
            return Err(dead());
        }
        disk.present = disk.fresh.take();
        Ok(())
    }
    fn append(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        let mut disk = self.0.lock().unwrap();
        let done = disk.step();
        let present = disk.present.as_mut().unwrap();
        present.truncate(at.try_into().unwrap());
        let len = if done { bytes.len() } else { bytes.len() / 2 };
        present.extend(&bytes[..len]);
        done.then_some(()).ok_or_else(dead)
    }
    fn remove(&mut self) -> io::Result<()> {
        self.0.lock().unwrap().present = None;
        Ok(())
    }
}

fn owner() -> Owner {
    Owner {
        master: MasterKey::from_bytes([5; 16]),
        user: UserHandle::from_bytes([6; 8]),
    }
}

fn handle(number: u32) -> NodeHandle {
    let [a, b, c, d] = number.to_be_bytes();
    NodeHandle::from_bytes([0xAA, 0xBB, a, b, c, d])
}

fn at(number: u64) -> SequenceNumber {
    SequenceNumber::from_bytes((number + 1).to_be_bytes()).unwrap()
}

fn put(tree: &mut Tree, number: u32, parent: Option<u32>, kind: NodeKind) {
    let text = format!("{{\"n\":\"node {number}\"}}");
    let random: [u8; 32] = Sha256::digest(number.to_be_bytes()).into();
    let node = NewNode {
        size: u64::from(number) << 20,
        created: -i64::from(number),
        // No two nodes have a piece of a key in common: the tree would close one of them (NOD-4).
        key: match kind {
            NodeKind::File => random,
            NodeKind::Folder => std::array::from_fn(|at| if at < 16 { random[at] } else { 0 }),
            _ => [0; 32],
        },
        text: text.as_bytes(),
        tail: if number.is_multiple_of(3) {
            b"1:0*abc"
        } else {
            b""
        },
        ..NewNode::bare(handle(number), parent.map(handle), kind)
    };
    tree.insert(&node);
}

/// Enough for two stretches.
const FILES: u32 = 270;

/// A tree with something of everything, and so many files.
fn colourful(files: u32) -> Tree {
    let mut tree = Tree::new(Mask::MEGA);
    put(&mut tree, 1, None, NodeKind::Root);
    put(&mut tree, 2, None, NodeKind::Vault);
    put(&mut tree, 3, None, NodeKind::RubbishBin);
    for number in 10..20 {
        put(&mut tree, number, Some(1), NodeKind::Folder);
    }
    for number in 100..100 + files {
        put(&mut tree, number, Some(10 + number % 10), NodeKind::File);
    }
    // A version, an orphan, a second root, a file without a parent, an incoming share, a closed node.
    put(&mut tree, 2000, Some(100), NodeKind::File);
    put(&mut tree, 2001, Some(999_999), NodeKind::File);
    put(&mut tree, 2002, None, NodeKind::Root);
    put(&mut tree, 2003, None, NodeKind::File);
    put(&mut tree, 2005, Some(1), NodeKind::Unknown);
    tree.insert(&NewNode {
        share_root: true,
        opener: Some(handle(2006)),
        ..NewNode::bare(handle(2006), Some(handle(888_888)), NodeKind::Folder)
    });
    put(&mut tree, 2007, Some(2006), NodeKind::File);
    tree.insert(&NewNode {
        trouble: Some(Trouble::NoKey),
        raw: Some(RawSecrets {
            key: "somebody:key".into(),
            attributes: "sealed".into(),
        }),
        ..NewNode::bare(handle(2008), Some(handle(10)), NodeKind::File)
    });
    tree.finish_load();
    let share = tree.find(handle(2006)).unwrap();
    tree.set_share(
        share,
        Some(IncomingShare {
            owner: UserHandle::from_bytes([9; 8]),
            access: crate::node::AccessLevel::Full,
        }),
    );
    tree.set_link(
        handle(100),
        Some(LinkRecord {
            public: PublicHandle::from_bytes([4; 6]),
            created: 77,
            expires: Some(-1),
            taken_down: true,
        }),
    );
    let friend = UserHandle::from_bytes([8; 8]);
    let people = &mut tree.people;
    people.restore_contact(friend, Some(PrivateText::new("friend@example.com")));
    people.restore_contact(UserHandle::from_bytes([7; 8]), None);
    let mut invitation = Invitation::new(PendingContactHandle::from_bytes([1; 8]));
    invitation.email = Some(PrivateText::new("new@example.com"));
    invitation.created = Some(5);
    people.invitation(&invitation, true);
    people.invitation(&invitation, false);
    for target in [
        OutgoingShareTarget::User(friend),
        OutgoingShareTarget::Everyone,
        OutgoingShareTarget::Pending(invitation.invitation),
    ] {
        people.share(handle(11), target, Some(AccessLevel::ReadWrite));
    }
    tree.position = Some(at(1));
    tree.tag = Some("1abc".parse().unwrap());
    tree
}

/// Everything there is to know about a tree, as text.
fn print(tree: &Tree) -> String {
    let mut lines = Vec::new();
    let waiting = tree.waiting();
    for index in tree.indices() {
        let record = tree.record(index).unwrap();
        let children: Vec<_> = tree
            .children(index)
            .map(|child| tree.record(child).unwrap().handle)
            .collect();
        let named: Vec<_> = tree
            .stored_name(index)
            .map(|name| {
                let parent = record.parent;
                let mut named: Vec<_> = tree
                    .named(parent, &name)
                    .map(|same| tree.record(same).unwrap().handle)
                    .collect();
                named.sort();
                named
            })
            .unwrap_or_default();
        lines.push(format!(
            "{:?} found {} {:?} {:?} under {:?} over {children:?} named {named:?} {} {} {:?} {:?} {:?} raw {:?} share {:?} waits {:?} node {:?}",
            record.handle,
            tree.find(record.handle) == Some(index),
            record.kind,
            record.trouble,
            tree.record(record.parent).map(|parent| parent.handle),
            record.size,
            record.created,
            record.key,
            String::from_utf8_lossy(tree.text_of(index)),
            tree.tail(index),
            tree.raw(index),
            tree.share(index),
            waiting.get(&index),
            tree.node(index),
        ));
    }
    let mut links: Vec<_> = tree.links().map(|link| format!("{link:?}")).collect();
    links.sort();
    lines.sort();
    let mut shares: Vec<_> = tree.people.shares().map(|it| format!("{it:?}")).collect();
    shares.sort();
    lines.push(format!(
        "{links:?} {shares:?} {:?} {:?} {:?} {:?} {:?} {:?} {} {:?}",
        tree.people
            .contacts()
            .map(|(user, email)| (user, email.map(|email| email.expose().to_owned())))
            .collect::<Vec<_>>(),
        tree.people.incoming_invitations().collect::<Vec<_>>(),
        tree.people.outgoing_invitations().collect::<Vec<_>>(),
        tree.position,
        tree.tag,
        tree.roots()
            .cloud
            .map(|root| tree.record(root).unwrap().handle),
        tree.len(),
        tree.share_roots()
            .map(|root| tree.record(root).unwrap().handle)
            .collect::<Vec<_>>(),
    ));
    lines.join("\n")
}

/// A tree that is kept, with what the client has around it.
struct Place {
    tree: RwLock<Tree>,
    keyring: RwLock<Keyring>,
    whole: AtomicBool,
    doubtful: AtomicBool,
}

impl Place {
    fn new(tree: Tree) -> Self {
        let mut keyring = Keyring::default();
        keyring.add_share(handle(11), ShareKey::from_bytes([3; 16]).unwrap());
        Self {
            tree: RwLock::new(tree),
            keyring: RwLock::new(keyring),
            whole: AtomicBool::new(false),
            doubtful: AtomicBool::new(false),
        }
    }

    fn source(&self) -> Source<'_> {
        Source {
            tree: &self.tree,
            keyring: &self.keyring,
            whole: &self.whole,
            doubtful: &self.doubtful,
            keys_elsewhere: true,
        }
    }

    fn print(&self) -> String {
        print(&self.tree.read().unwrap())
    }

    fn change(&self, change: impl FnOnce(&mut Tree)) {
        change(&mut self.tree.write().unwrap());
    }
}

fn keeper(memory: &Memory) -> Keeper {
    Keeper::new(owner(), Box::new(memory.clone()), None)
}

fn load(bytes: Vec<u8>) -> Result<Loaded, Damage> {
    load::load(&owner(), Box::new(io::Cursor::new(bytes)), Mask::MEGA)
}

/// What a file holds, as [`print`] shows it.
fn seen(bytes: Vec<u8>) -> Result<String, Damage> {
    load(bytes).map(|loaded| print(&loaded.tree))
}

fn rename(tree: &mut Tree, number: u32, name: &str) {
    let index = tree.find(handle(number)).unwrap();
    tree.set_text(index, format!("{{\"n\":\"{name}\"}}").as_bytes());
}

#[test]
fn gn_7_a_tree_comes_back_with_everything_that_is_in_it() {
    let place = Place::new(colourful(1100));
    let memory = Memory::default();
    assert_eq!(keeper(&memory).keep(place.source()).unwrap(), Outcome::Kept);
    let loaded = load(memory.bytes()).ok().unwrap();
    assert_eq!(print(&loaded.tree), place.print());
    assert_eq!(loaded.tail, None);
    assert!(loaded.keys_elsewhere);
    let [(root, key)] = &loaded.keys[..] else {
        panic!("{} keys", loaded.keys.len());
    };
    assert_eq!((*root, key.expose_secret()), (handle(11), &[3; 16]));
    assert!(
        loaded.tree.take_touched().is_empty(),
        "nothing is to be written"
    );
}

#[test]
fn pst_3_changes_are_added_and_read_over_what_was_there() {
    let place = Place::new(colourful(FILES));
    let memory = Memory::default();
    let mut keeper = keeper(&memory);
    keeper.keep(place.source()).unwrap();
    let base = memory.bytes().len();
    for round in 2..30 {
        place.change(|tree| {
            rename(
                tree,
                100 + u32::try_from(round).unwrap(),
                &format!("round {round}"),
            );
            put(
                tree,
                5000 + u32::try_from(round).unwrap(),
                Some(12),
                NodeKind::File,
            );
            let gone = tree
                .find(handle(200 + u32::try_from(round).unwrap()))
                .unwrap();
            tree.remove(gone);
            tree.position = Some(at(round));
        });
        keeper.keep(place.source()).unwrap();
        assert_eq!(
            seen(memory.bytes()).unwrap(),
            place.print(),
            "round {round}"
        );
        // And by a later process, which goes on where this one stopped.
        if round % 5 == 0 {
            let (tree, _, on) = Continue::split(load(memory.bytes()).ok().unwrap());
            *place.tree.write().unwrap() = tree;
            keeper = Keeper::new(owner(), Box::new(memory.clone()), on);
        }
    }
    assert!(memory.bytes().len() > base);
    let before = memory.bytes().len();
    keeper.keep(place.source()).unwrap();
    assert_eq!(memory.bytes().len(), before, "nothing new, nothing written");
}

#[test]
fn a_file_does_not_grow_for_ever() {
    let place = Place::new(colourful(FILES));
    let memory = Memory::default();
    let mut keeper = keeper(&memory);
    keeper.keep(place.source()).unwrap();
    let base = memory.bytes().len();
    let mut longest = 0;
    for round in 2..300 {
        place.change(|tree| {
            rename(tree, 100, &format!("round {round}"));
            tree.position = Some(at(round));
        });
        keeper.keep(place.source()).unwrap();
        longest = longest.max(memory.bytes().len());
    }
    assert!(longest > 2 * base, "it was added to");
    assert!(longest < 2 * base + (1 << 20) + base, "{longest} of {base}");
    assert_eq!(seen(memory.bytes()).unwrap(), place.print());
}

#[test]
fn pst_4_pst_9_inv_4_a_crash_at_any_step_leaves_the_old_state_or_the_new_one() {
    let mut lived = 0;
    for steps in 0.. {
        let place = Place::new(colourful(FILES));
        let memory = Memory::default();
        let mut keeper = keeper(&memory);
        keeper.keep(place.source()).unwrap();
        let mut states = vec![place.print()];
        memory.0.lock().unwrap().steps = Some(steps);
        let mut survived = true;
        for round in 2..8 {
            place.change(|tree| {
                rename(tree, 100, &format!("round {round}"));
                tree.position = Some(at(round));
            });
            states.push(place.print());
            // Added to, and every third time written as a whole.
            place.whole.store(round % 3 == 0, Ordering::SeqCst);
            if keeper.keep(place.source()).is_err() {
                survived = false;
                break;
            }
        }
        let found = seen(memory.bytes()).unwrap();
        let last_two = &states[states.len().saturating_sub(2)..];
        assert!(last_two.contains(&found), "after {steps} steps");
        if survived {
            assert_eq!(found, *states.last().unwrap());
            lived = steps;
            break;
        }
        // The same process goes on when the disk works again, and a later one does.
        memory.0.lock().unwrap().steps = None;
        let (tree, _, on) = Continue::split(load(memory.bytes()).ok().unwrap());
        let later = Place::new(tree);
        later.change(|tree| {
            rename(tree, 100, "later");
            tree.position = Some(at(99));
        });
        let mut other = Keeper::new(owner(), Box::new(Memory::holding(memory.bytes())), on);
        other.keep(later.source()).unwrap();
        keeper.keep(place.source()).unwrap();
        assert_eq!(seen(memory.bytes()).unwrap(), place.print());
    }
    assert!(lived > 8, "{lived} steps were cut short");
}

#[test]
fn pst_2_pst_4_whatever_is_changed_or_cut_gives_a_state_that_was_or_none() {
    let place = Place::new(colourful(FILES));
    let memory = Memory::default();
    let mut keeper = keeper(&memory);
    keeper.keep(place.source()).unwrap();
    let mut states = vec![place.print()];
    let base = memory.bytes().len();
    for round in 2..4 {
        place.change(|tree| {
            rename(tree, 100, &format!("round {round}"));
            tree.position = Some(at(round));
        });
        keeper.keep(place.source()).unwrap();
        states.push(place.print());
    }
    let whole = memory.bytes();
    assert_eq!(seen(whole.clone()).unwrap(), states[2]);
    let (mut refused, mut older) = (0, 0);
    let mut check = |bytes: Vec<u8>, least: usize, what: &str| match seen(bytes) {
        Ok(found) => {
            assert!(
                least >= base,
                "{what}: nothing of the first state may be missing"
            );
            assert!(states.contains(&found), "{what}");
            older += 1;
        }
        Err(_) => refused += 1,
    };
    // Densely where frames begin and end, loosely in between.
    let dense = (0..80)
        .chain(base - 30..base + 30)
        .chain(whole.len() - 30..whole.len());
    for at in dense.chain((0..whole.len()).step_by(997)) {
        for bit in [0, 7] {
            let mut bytes = whole.clone();
            bytes[at] ^= 1 << bit;
            check(bytes, at, &format!("bit {bit} of byte {at}"));
        }
        check(whole[..at].to_vec(), at, &format!("cut at {at}"));
        let mut bytes = whole.clone();
        bytes.truncate(at);
        bytes.resize(whole.len(), 0);
        if bytes != whole {
            check(bytes, at, &format!("zeros from {at}"));
        }
    }
    assert!(
        refused > 100 && older > 50,
        "{refused} refused, {older} older"
    );
    // Frames in another order, twice, or from another file.
    let mut frames = Vec::new();
    let mut rest = &whole[40..];
    while let Some((len, after)) = rest.split_first_chunk::<4>() {
        let len = u32::from_le_bytes(*len) as usize;
        frames.push(&rest[..4 + len]);
        rest = &after[len..];
    }
    for swapped in 1..frames.len() {
        let mut order = frames.clone();
        order.swap(swapped - 1, swapped);
        let bytes = [&whole[..40], &order.concat()].concat();
        assert_ne!(seen(bytes), Ok(states[2].clone()));
    }
    let other = Memory::default();
    self::keeper(&other).keep(place.source()).unwrap();
    let mixed = [&other.bytes()[..40], &whole[40..]].concat();
    assert_eq!(seen(mixed), Err(Damage::Unauthentic));
}

#[test]
fn another_account_another_version_or_no_cache_at_all_is_refused() {
    let place = Place::new(colourful(FILES));
    let memory = Memory::default();
    keeper(&memory).keep(place.source()).unwrap();
    let read = |owner: &Owner, bytes: Vec<u8>| {
        load::load(owner, Box::new(io::Cursor::new(bytes)), Mask::MEGA)
            .map(|_| ())
            .unwrap_err()
    };
    let others = [
        Owner {
            user: UserHandle::from_bytes([1; 8]),
            ..owner()
        },
        Owner {
            master: MasterKey::from_bytes([1; 16]),
            ..owner()
        },
    ];
    for other in others {
        assert_ne!(other.file_name(), owner().file_name());
        assert_eq!(read(&other, memory.bytes()), Damage::Unauthentic);
    }
    let mut bytes = memory.bytes();
    bytes[7] += 1;
    assert_eq!(read(&owner(), bytes), Damage::Foreign);
    assert_eq!(read(&owner(), Vec::new()), Damage::Torn);
    assert_eq!(
        read(&owner(), b"SQLite format 3\0".repeat(10)),
        Damage::Foreign
    );
    // A length that nobody has the memory for.
    let mut bytes = memory.bytes();
    bytes.truncate(40);
    bytes.extend(u32::MAX.to_le_bytes());
    assert_eq!(read(&owner(), bytes), Damage::Nonsense);
}

#[test]
fn a_tree_that_is_in_pieces_or_in_doubt_is_not_kept() {
    let place = Place::new(colourful(FILES));
    let memory = Memory::default();
    let mut keeper = keeper(&memory);
    place.doubtful.store(true, Ordering::SeqCst);
    assert_eq!(keeper.keep(place.source()).unwrap(), Outcome::NotNow);
    assert!(memory.0.lock().unwrap().present.is_none());
    place.doubtful.store(false, Ordering::SeqCst);
    keeper.keep(place.source()).unwrap();
    let before = memory.bytes();
    place.change(|tree| {
        tree.moving.insert(handle(100), None);
        tree.position = Some(at(2));
    });
    assert_eq!(keeper.keep(place.source()).unwrap(), Outcome::NotNow);
    assert_eq!(memory.bytes(), before);
    place.change(|tree| tree.moving.clear());
    assert_eq!(keeper.keep(place.source()).unwrap(), Outcome::Kept);
    assert_eq!(seen(memory.bytes()).unwrap(), place.print());
}

#[test]
fn pst_6_one_writes_and_the_others_read() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("made/for/it");
    let mut first = FileStore::open(&folder, "name").unwrap();
    assert!(first.read().unwrap().is_none());
    first.begin().unwrap();
    first.write(b"one").unwrap();
    first.publish().unwrap();
    let mut second = FileStore::open(&folder, "name").unwrap();
    assert!(first.is_writable() && !second.is_writable());
    let mut text = String::new();
    let mut reader = second.read().unwrap().unwrap();
    first.begin().unwrap();
    first.write(b"two").unwrap();
    first.publish().unwrap();
    reader.read_to_string(&mut text).unwrap();
    assert_eq!(text, "one", "what is being read stays");
    first.append(2, b"enty").unwrap();
    assert_eq!(std::fs::read(folder.join("name")).unwrap(), b"twenty");
    assert!(first.append(60, b"x").is_err(), "not where the file is not");
    #[cfg(unix)]
    for (path, mode) in [
        (folder.clone(), 0o700),
        (folder.join("name"), 0o600),
        (folder.join("name.lock"), 0o600),
    ] {
        use std::os::unix::fs::PermissionsExt;
        let found = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(found & 0o777, mode, "{path:?}");
    }
    // PST-7: what a process leaves that dies is in nobody's way.
    std::fs::write(folder.join("name.new"), "half").unwrap();
    drop(first);
    let mut third = FileStore::open(&folder, "name").unwrap();
    assert!(third.is_writable());
    third.begin().unwrap();
    third.write(b"three").unwrap();
    drop(third);
    assert!(!folder.join("name.new").exists());
    assert_eq!(std::fs::read(folder.join("name")).unwrap(), b"twenty");
    FileStore::open(&folder, "name").unwrap().remove().unwrap();
    assert!(!folder.join("name").exists());
}

#[derive(Clone, Debug)]
enum Step {
    Put(u32, u32, bool),
    Move(u32, u32),
    Rename(u32),
    Remove(u32),
    Keep,
    Whole,
    Restart,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let node = 10..60_u32;
    let step = prop_oneof![
        4 => (node.clone(), node.clone(), any::<bool>()).prop_map(|(node, parent, file)| Step::Put(node, parent, file)),
        3 => (node.clone(), node.clone()).prop_map(|(node, parent)| Step::Move(node, parent)),
        2 => node.clone().prop_map(Step::Rename),
        2 => node.prop_map(Step::Remove),
        3 => Just(Step::Keep),
        1 => Just(Step::Whole),
        1 => Just(Step::Restart),
    ];
    proptest::collection::vec(step, 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn pst_3_any_history_comes_back_as_it_was_when_it_was_kept(steps in steps()) {
        let mut place = Place::new(colourful(FILES));
        let memory = Memory::default();
        let mut keeper = keeper(&memory);
        keeper.keep(place.source()).unwrap();
        let mut kept = place.print();
        for (position, step) in (2..).zip(&steps) {
            let change = |edit: &mut dyn FnMut(&mut Tree)| place.change(|tree| {
                edit(tree);
                tree.position = Some(at(position));
            });
            match step {
                &Step::Put(node, parent, file) => change(&mut |tree| {
                    let kind = if file { NodeKind::File } else { NodeKind::Folder };
                    put(tree, node, Some(parent), kind);
                }),
                &Step::Move(node, parent) => change(&mut |tree| {
                    let bare = NewNode::bare(handle(node), Some(handle(parent)), NodeKind::Folder);
                    if tree.find(handle(node)).is_some() {
                        tree.insert(&bare);
                    }
                }),
                &Step::Rename(node) => change(&mut |tree| {
                    if tree.find(handle(node)).is_some() {
                        rename(tree, node, "another name");
                    }
                }),
                &Step::Remove(node) => change(&mut |tree| {
                    if let Some(index) = tree.find(handle(node)) {
                        tree.remove(index);
                    }
                }),
                Step::Keep => {
                    keeper.keep(place.source()).unwrap();
                    kept = place.print();
                }
                Step::Whole => {
                    place.whole.store(true, Ordering::SeqCst);
                    keeper.keep(place.source()).unwrap();
                    kept = place.print();
                }
                Step::Restart => {
                    let (tree, _, on) = Continue::split(load(memory.bytes()).ok().unwrap());
                    place = Place::new(tree);
                    keeper = Keeper::new(owner(), Box::new(memory.clone()), on);
                }
            }
            if matches!(step, Step::Keep | Step::Whole) {
                prop_assert_eq!(seen(memory.bytes()).unwrap(), kept.clone());
            }
        }
        prop_assert_eq!(seen(memory.bytes()).unwrap(), kept);
    }
}

//! Writing a tree: as a whole, or what has changed since.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{PoisonError, RwLock};

use mega_protocol::SequenceNumber;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::around::{self, Commit, ShareKeys};
use super::bytes::{Plain, Put};
use super::load::Loaded;
use super::log::{self, Kind, Owner, Sealer};
use super::store::Store;
use super::stretch;
use crate::keyring::Keyring;
use crate::tree::Tree;
use crate::tree::touched::STRETCH;

/// The tree that is kept, where others change it meanwhile.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) tree: &'a RwLock<Tree>,
    pub(super) keyring: &'a RwLock<Keyring>,
    /// Set by whoever puts another tree in place: what was written of the old one means nothing for it.
    pub(super) whole: &'a AtomicBool,
    /// Set while the tree cannot be trusted to be the one at its position: it waits to be loaded anew.
    pub(super) doubtful: &'a AtomicBool,
    pub(super) keys_elsewhere: bool,
}

impl Source<'_> {
    /// Looks at the tree first and the keyring second, as everybody does.
    fn look<T>(&self, look: impl FnOnce(&Tree, &Keyring) -> T) -> T {
        let tree = self.tree.read().unwrap_or_else(PoisonError::into_inner);
        let keyring = self.keyring.read().unwrap_or_else(PoisonError::into_inner);
        look(&tree, &keyring)
    }

    /// Where the tree stands; `None` if that is no state to keep.
    fn commit(&self, tree: &Tree) -> Option<Commit> {
        if self.doubtful.load(Ordering::SeqCst) {
            return None;
        }
        Commit::of(tree, self.keys_elsewhere)
    }
}

/// Writes one cache.
pub(super) struct Keeper {
    owner: Owner,
    store: Box<dyn Store>,
    /// What is there and can be added to.
    written: Option<Written>,
}

struct Written {
    sealer: Sealer,
    /// How long the file was when it was written as a whole.
    base: u64,
    position: SequenceNumber,
    /// Hashes of what is written only when it has changed.
    around: Around,
}

/// The hashes of the parts around the nodes.
type Around = [(Kind, [u8; 32]); 3];
/// Nothing hashes to this, so everything is written.
const NOTHING: Around = [
    (Kind::Keys, [0; 32]),
    (Kind::Links, [0; 32]),
    (Kind::People, [0; 32]),
];

/// What a write came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Outcome {
    /// The file holds the tree as it was a moment ago.
    Kept,
    /// The tree is in pieces just now, or keeps being replaced.
    NotNow,
}

/// So many stretches are read at once; then others may change the tree.
const AT_ONCE: u32 = 16;
/// Room for most stretches: a buffer that has to grow leaves copies behind.
const ROOM: usize = 1 << 16;
/// A file grows to twice what it was and this, in bytes, before it is written anew.
const SLACK: u64 = 1 << 20;
/// How often a tree may be replaced while it is written.
const ATTEMPTS: usize = 3;

impl Keeper {
    /// Goes on with a file that was loaded, or starts one.
    pub(super) fn new(owner: Owner, store: Box<dyn Store>, loaded: Option<Continue>) -> Self {
        let written = loaded.map(|loaded| Written {
            sealer: loaded.sealer,
            base: loaded.base,
            position: loaded.position,
            // Not known to be the same, so they are written once more.
            around: NOTHING,
        });
        Self {
            owner,
            store,
            written,
        }
    }

    /// Brings the file up to date.
    pub(super) fn keep(&mut self, source: Source<'_>) -> io::Result<Outcome> {
        let result = self.keep_or_fail(source);
        if result.is_err() {
            // Nobody knows what the file holds now, and what was touched is forgotten.
            self.written = None;
        }
        result
    }

    fn keep_or_fail(&mut self, source: Source<'_>) -> io::Result<Outcome> {
        for _ in 0..ATTEMPTS {
            if source.whole.swap(false, Ordering::SeqCst) {
                self.written = None;
            }
            let outcome = match self.written.take() {
                Some(written) => self.add(source, written)?,
                None => self.write_anew(source)?,
            };
            match outcome {
                Step::Done(outcome) => {
                    if self.written.is_none() {
                        source.whole.store(true, Ordering::SeqCst);
                    }
                    return Ok(outcome);
                }
                Step::Again => {}
            }
        }
        source.whole.store(true, Ordering::SeqCst);
        Ok(Outcome::NotNow)
    }

    /// Adds a transaction with what has changed.
    fn add(&mut self, source: Source<'_>, mut written: Written) -> io::Result<Step> {
        let changes = source.look(|tree, keyring| {
            let Some(commit) = source.commit(tree) else {
                return Changes::NotNow;
            };
            if source.whole.load(Ordering::SeqCst) {
                return Changes::Whole;
            }
            if commit.position == written.position {
                return Changes::None;
            }
            let touched = tree.take_touched();
            let stretches = tree.slots().div_ceil(STRETCH);
            let many = usize::try_from(stretches / 4).unwrap_or(usize::MAX).max(64);
            if touched.len() > many
                || written.sealer.end() > written.base.saturating_mul(2).saturating_add(SLACK)
            {
                return Changes::Whole;
            }
            let mut frames = Vec::new();
            write_stretches(&mut frames, tree, touched);
            write_around(&mut frames, tree, keyring, &mut written.around);
            frames.push(write_commit(&commit));
            Changes::These(frames, commit.position)
        });
        let (frames, position) = match changes {
            Changes::These(frames, position) => (frames, position),
            Changes::Whole => return Ok(Step::Again),
            Changes::NotNow => {
                self.written = Some(written);
                return Ok(Step::Done(Outcome::NotNow));
            }
            Changes::None => {
                self.written = Some(written);
                return Ok(Step::Done(Outcome::Kept));
            }
        };
        let at = written.sealer.end();
        let mut bytes = Vec::new();
        for frame in frames {
            written.sealer.frame(&frame, &mut bytes)?;
        }
        self.store.append(at, &bytes)?;
        written.position = position;
        self.written = Some(written);
        Ok(Step::Done(Outcome::Kept))
    }

    /// Writes the whole tree beside the present file and puts it in its place. Others may change the tree between two pieces; what they
    /// changed is written once more at the end, where nobody can.
    fn write_anew(&mut self, source: Source<'_>) -> io::Result<Step> {
        let slots = source.look(|tree, _| {
            source.commit(tree)?;
            tree.take_touched();
            Some(tree.slots())
        });
        let Some(slots) = slots else {
            return Ok(Step::Done(Outcome::NotNow));
        };
        let mut bytes = Vec::new();
        let mut sealer = Sealer::start(&self.owner, log::TREE, &mut bytes);
        self.store.begin()?;
        let stretches = slots.div_ceil(STRETCH);
        let mut at = 0;
        while at < stretches {
            let end = at.saturating_add(AT_ONCE).min(stretches);
            let mut frames = Vec::new();
            source.look(|tree, _| write_stretches(&mut frames, tree, at..end));
            if source.whole.load(Ordering::SeqCst) {
                return Ok(Step::Again);
            }
            for frame in frames {
                sealer.frame(&frame, &mut bytes)?;
            }
            self.store.write(&bytes)?;
            bytes.clear();
            at = end;
        }
        let mut around: Around = NOTHING;
        let rest = source.look(|tree, keyring| {
            if source.whole.load(Ordering::SeqCst) {
                return Err(Step::Again);
            }
            let commit = source.commit(tree).ok_or(Step::Done(Outcome::NotNow))?;
            let mut frames = Vec::new();
            write_stretches(&mut frames, tree, tree.take_touched());
            write_around(&mut frames, tree, keyring, &mut around);
            frames.push(write_commit(&commit));
            Ok((frames, commit.position))
        });
        let (frames, position) = match rest {
            Ok(rest) => rest,
            Err(step) => return Ok(step),
        };
        for frame in frames {
            sealer.frame(&frame, &mut bytes)?;
        }
        self.store.write(&bytes)?;
        self.store.publish()?;
        self.written = Some(Written {
            base: sealer.end(),
            sealer,
            position,
            around,
        });
        Ok(Step::Done(Outcome::Kept))
    }

    pub(super) fn remove(&mut self) -> io::Result<()> {
        self.written = None;
        self.store.remove()
    }
}

/// What is needed to go on with a file.
pub(super) struct Continue {
    sealer: Sealer,
    base: u64,
    position: SequenceNumber,
}

impl Continue {
    /// Splits what was loaded; `None` to go on with if the file has no place where to.
    pub(super) fn split(loaded: Loaded) -> (Tree, ShareKeys, Option<Self>) {
        let Loaded {
            tree,
            keys,
            sealer,
            base,
            ..
        } = loaded;
        let on = tree.position.map(|position| Self {
            sealer,
            base,
            position,
        });
        (tree, keys, on)
    }
}

enum Step {
    Done(Outcome),
    /// As a whole.
    Again,
}

enum Changes {
    These(Vec<Plain>, SequenceNumber),
    Whole,
    NotNow,
    None,
}

fn start(kind: Kind) -> Plain {
    let mut plain = Zeroizing::new(Vec::with_capacity(ROOM));
    plain.byte(kind.number());
    plain
}

fn write_stretches(frames: &mut Vec<Plain>, tree: &Tree, stretches: impl IntoIterator<Item = u32>) {
    let waiting = tree.waiting();
    for number in stretches {
        let mut plain = start(Kind::Stretch);
        stretch::write(&mut plain, number, tree.stretch(number, &waiting));
        frames.push(plain);
    }
}

/// Writes what has another hash than the last time.
fn write_around(frames: &mut Vec<Plain>, tree: &Tree, keyring: &Keyring, around: &mut Around) {
    for (kind, hash) in around {
        let mut plain = start(*kind);
        match kind {
            Kind::Keys => around::write_keys(&mut plain, keyring),
            Kind::Links => around::write_links(&mut plain, tree),
            _ => around::write_people(&mut plain, &tree.people),
        }
        let now: [u8; 32] = Sha256::digest(&*plain).into();
        if now != *hash {
            *hash = now;
            frames.push(plain);
        }
    }
}

fn write_commit(commit: &Commit) -> Plain {
    let mut plain = start(Kind::Commit);
    commit.write(&mut plain);
    plain
}

/// A whole tree as opened frames.
#[cfg(feature = "fuzzing")]
pub(super) fn frames(tree: &Tree) -> Vec<(Kind, Vec<u8>)> {
    let mut frames = Vec::new();
    write_stretches(&mut frames, tree, 0..tree.slots().div_ceil(STRETCH));
    let mut around = NOTHING;
    write_around(&mut frames, tree, &Keyring::default(), &mut around);
    frames.extend(Commit::of(tree, true).map(|commit| write_commit(&commit)));
    let kind = |plain: Plain| {
        let (&kind, content) = plain.split_first()?;
        Some((Kind::of(kind)?, content.to_vec()))
    };
    frames.into_iter().filter_map(kind).collect()
}

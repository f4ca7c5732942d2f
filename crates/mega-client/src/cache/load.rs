//! From a cache file to a tree.

use std::io::{self, Read};
use std::sync::mpsc;
use std::thread;

use mega_filename::Mask;

use super::around::{self, Commit, ShareKeys};
use super::bytes::Get;
use super::log::{self, Content, Damage, Frame, Kind, Opener, Owner, Sealer};
use super::stretch;
use crate::tree::Tree;
use crate::tree::snapshot::Rebuild;

/// What a file held.
pub(super) struct Loaded {
    pub(super) tree: Tree,
    pub(super) keys: ShareKeys,
    pub(super) keys_elsewhere: bool,
    /// Goes on behind the last commit.
    pub(super) sealer: Sealer,
    /// Where the first commit ended: so long is a file without changes.
    pub(super) base: u64,
    /// What lies behind the last commit, if anything does.
    pub(super) tail: Option<Damage>,
}

/// So many opened frames wait for the tree at most.
const AHEAD: usize = 16;

/// Reads a whole file. Frames are opened on one thread and put into the tree on another.
pub(super) fn load(
    owner: &Owner,
    reader: Box<dyn Read + Send>,
    mask: Mask,
) -> Result<Loaded, Damage> {
    let reader = io::BufReader::with_capacity(1 << 16, reader);
    let mut opener = Opener::start(owner, log::TREE, reader)?;
    let (out, frames) = mpsc::sync_channel(AHEAD);
    let (file, opener) = thread::scope(|scope| {
        let open = thread::Builder::new().name("mega tree cache".to_owned());
        let opening = open.spawn_scoped(scope, move || {
            loop {
                let next = opener.next();
                let last = !matches!(next, Ok(Some(_)));
                if out.send(next).is_err() || last {
                    return opener;
                }
            }
        });
        let opening = opening.map_err(|_| Damage::Unreadable)?;
        let mut file = File::new(mask);
        let result = file.read(frames);
        let opener = opening.join().map_err(|_| Damage::Nonsense)?;
        result.map(|()| (file, opener))
    })?;
    file.finish(opener)
}

/// A file as far as it was read.
struct File {
    tree: Rebuild,
    /// What the transaction that is being read has changed so far. The first one goes into the tree at once: there is nothing to go back to.
    pending: Vec<(Kind, Content)>,
    keys: Option<Content>,
    links: Option<Content>,
    people: Option<Content>,
    commit: Option<(Commit, u64, u64)>,
    base: u64,
    tail: Option<Damage>,
}

impl File {
    fn new(mask: Mask) -> Self {
        Self {
            tree: Rebuild::new(mask),
            pending: Vec::new(),
            keys: None,
            links: None,
            people: None,
            commit: None,
            base: 0,
            tail: None,
        }
    }

    fn read(
        &mut self,
        frames: mpsc::Receiver<Result<Option<Frame>, Damage>>,
    ) -> Result<(), Damage> {
        for frame in frames {
            match frame {
                Ok(Some(frame)) => self.frame(frame).ok_or(Damage::Nonsense)?,
                Ok(None) => {}
                // A state that was committed stays one (PST-3); without any, there is nothing.
                Err(damage) if self.commit.is_none() => return Err(damage),
                Err(damage) => self.tail = Some(damage),
            }
        }
        if !self.pending.is_empty() && self.tail.is_none() {
            self.tail = Some(Damage::Torn);
        }
        Ok(())
    }

    fn frame(&mut self, frame: Frame) -> Option<()> {
        match frame.kind {
            Kind::Commit => {
                for (kind, content) in std::mem::take(&mut self.pending) {
                    self.apply(kind, content)?;
                }
                let commit = Commit::read(&mut Get::new(&frame.content))?;
                if self.commit.is_none() {
                    self.base = frame.end;
                }
                self.commit = Some((commit, frame.end, frame.next));
            }
            kind if self.commit.is_none() => self.apply(kind, frame.content)?,
            kind => self.pending.push((kind, frame.content)),
        }
        Some(())
    }

    fn apply(&mut self, kind: Kind, content: Content) -> Option<()> {
        match kind {
            Kind::Stretch => stretch::read(&mut Get::new(&content), &mut self.tree)?,
            Kind::Keys => self.keys = Some(content),
            Kind::Links => self.links = Some(content),
            Kind::People => self.people = Some(content),
            Kind::Commit => {}
        }
        Some(())
    }

    fn finish<R: Read>(self, opener: Opener<R>) -> Result<Loaded, Damage> {
        let (_, end, next) = self.commit.as_ref().ok_or(Damage::Torn)?;
        let (end, next, base, tail) = (*end, *next, self.base, self.tail);
        let (tree, keys, keys_elsewhere) = self.into_tree().ok_or(Damage::Nonsense)?;
        Ok(Loaded {
            tree,
            keys,
            keys_elsewhere,
            sealer: opener.into_sealer(end, next),
            base,
            tail,
        })
    }

    /// The tree at the last commit, the share keys, and whether the account kept them elsewhere.
    fn into_tree(self) -> Option<(Tree, ShareKeys, bool)> {
        let (commit, ..) = self.commit?;
        if self.tree.slots() != commit.slots {
            return None;
        }
        let mut tree = self.tree.finish(commit.roots())?;
        if u64::try_from(tree.len()).ok()? != commit.nodes {
            return None;
        }
        around::read_links(Get::new(&self.links?), &mut tree)?;
        around::read_people(Get::new(&self.people?), &mut tree.people)?;
        let keys = around::read_keys(Get::new(&self.keys?))?;
        tree.position = Some(commit.position);
        tree.tag = commit.tag;
        Some((tree, keys, commit.keys_elsewhere))
    }

    /// The tree that these opened frames are of.
    #[cfg(feature = "fuzzing")]
    fn of(frames: impl IntoIterator<Item = (Kind, Vec<u8>)>) -> Option<Tree> {
        let mut file = Self::new(Mask::MEGA);
        for (kind, content) in frames {
            let content = Content::bare(zeroize::Zeroizing::new(content));
            file.frame(Frame {
                kind,
                content,
                end: 0,
                next: 0,
            })?;
        }
        Some(file.into_tree()?.0)
    }
}

/// Whatever frames say, there is a sound tree or none; and what is written of a tree is the same tree again. Returns whether there is one.
#[cfg(feature = "fuzzing")]
pub(crate) fn check_frames(input: &[u8]) -> bool {
    let mut bytes = Get::new(input);
    let mut frames = Vec::new();
    while let Some(kind) = bytes.byte().map(|byte| Kind::of(byte % 5 + 1)) {
        let (Some(kind), Some(content)) = (kind, bytes.text()) else {
            break;
        };
        frames.push((kind, content.to_vec()));
    }
    let Some(tree) = File::of(frames) else {
        return false;
    };
    let reached: usize = tree
        .indices()
        .filter(|&top| {
            let record = tree.record(top);
            record.is_some_and(|record| record.parent.some().is_none())
        })
        .map(|top| tree.walk(top).count())
        .sum();
    assert_eq!(reached, tree.len(), "every node is reached once");
    for index in tree.indices() {
        let handle = tree.record(index).map(|record| record.handle);
        assert_eq!(handle.and_then(|handle| tree.find(handle)), Some(index));
    }
    let written = super::keep::frames(&tree);
    let again = File::of(written.clone());
    assert_eq!(again.map(|tree| super::keep::frames(&tree)), Some(written));
    true
}

//! The form of a cache file: a head, then sealed frames that count from 0.
//!
//! ```text
//! head    8 bytes of mark and version | 32 bytes of salt
//! frame   u32, little endian: the length of what follows | nonce (12) | ciphertext | tag (16)
//! plain   1 byte that says what it is | its content
//! ```
//!
//! The key is the file's own, by its salt, and covers the number of each frame: frames can be neither changed, moved, repeated nor taken from
//! another file, account or version unnoticed. Only the end can be cut off; then the last commit before it counts, which is an
//! earlier state of the same tree, and the events lead on from there.

use std::io::{self, Read};

use mega_crypto::MasterKey;
use mega_crypto::at_rest::{RestKey, Salt};
use mega_protocol::UserHandle;
use zeroize::Zeroizing;

use super::bytes::Plain;
use crate::chance::rng;

/// What kind of file it is.
#[derive(Clone, Copy)]
pub(crate) struct Form {
    /// Mark and version. Another version is another file: it is not read, and replaced.
    pub(crate) head: [u8; 8],
    /// What its key is for.
    pub(crate) label: &'static [u8],
}

/// The tree.
pub(super) const TREE: Form = Form {
    head: *b"mgtree\0\x01",
    label: b"mega-client tree 1",
};

const HEAD_LEN: usize = 8 + Salt::LEN;
/// Longer frames are not written, and not believed when read.
const MAX_FRAME: usize = 1 << 26;
/// Most frames are shorter.
const USUAL: usize = 1 << 16;

/// What a frame holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Stretch,
    /// All share keys, links, or people; replaces what an earlier one said.
    Keys,
    Links,
    People,
    Commit,
}

impl Kind {
    pub(super) const fn number(self) -> u8 {
        match self {
            Self::Stretch => 1,
            Self::Keys => 2,
            Self::Links => 3,
            Self::People => 4,
            Self::Commit => 5,
        }
    }

    pub(super) const fn of(number: u8) -> Option<Self> {
        Some(match number {
            1 => Self::Stretch,
            2 => Self::Keys,
            3 => Self::Links,
            4 => Self::People,
            5 => Self::Commit,
            _ => return None,
        })
    }
}

/// Whose cache it is: what keys and name come from.
pub(crate) struct Owner {
    pub(crate) master: MasterKey,
    pub(crate) user: UserHandle,
}

impl Owner {
    fn label(&self, purpose: &[u8]) -> Vec<u8> {
        [purpose, self.user.as_bytes()].concat()
    }

    fn key(&self, form: Form, salt: &Salt) -> RestKey {
        RestKey::derive(&self.master, salt, &self.label(form.label))
    }

    /// The same for each session of the account, and for others just a number.
    pub(crate) fn file_name(&self) -> String {
        mega_crypto::at_rest::file_name(&self.master, &self.label(b"mega-client tree"))
    }
}

/// Writes frames one after the other.
pub(crate) struct Sealer {
    key: RestKey,
    /// The number of the next frame.
    number: u64,
    /// Where it will lie.
    end: u64,
}

impl Sealer {
    /// A new file: its head goes to `out`.
    pub(crate) fn start(owner: &Owner, form: Form, out: &mut Vec<u8>) -> Self {
        let salt = Salt::random(&mut rng());
        out.extend_from_slice(&form.head);
        out.extend_from_slice(salt.as_bytes());
        Self {
            key: owner.key(form, &salt),
            number: 0,
            end: HEAD_LEN as u64,
        }
    }

    /// Where the next frame will lie.
    pub(crate) fn end(&self) -> u64 {
        self.end
    }

    /// The number of the next frame.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// Frames from this number on were never written.
    pub(crate) fn go_back(&mut self, number: u64) {
        self.number = number;
    }

    /// Seals a frame and appends it.
    pub(crate) fn frame(&mut self, plain: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
        let len = plain.len().saturating_add(RestKey::OVERHEAD);
        let too_long = || io::Error::new(io::ErrorKind::InvalidData, "the tree does not fit");
        let (Ok(short), true) = (u32::try_from(len), len <= MAX_FRAME) else {
            return Err(too_long());
        };
        out.extend_from_slice(&short.to_le_bytes());
        self.key
            .seal(self.number, plain, out, &mut rng())
            .map_err(|_| too_long())?;
        self.number = self.number.checked_add(1).ok_or_else(too_long)?;
        self.end = self.end.saturating_add(u64::from(short)).saturating_add(4);
        Ok(())
    }
}

/// Why a file ends before its end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Damage {
    /// It is no cache of this version.
    Foreign,
    /// A frame is cut off.
    Torn,
    /// A frame is not as it was written, or belongs to another account.
    Unauthentic,
    /// What it says makes no sense.
    Nonsense,
    /// The disk fails.
    Unreadable,
}

/// Reads frames one after the other.
pub(crate) struct Opener<R> {
    reader: R,
    sealer: Sealer,
}

impl<R: Read> Opener<R> {
    pub(crate) fn start(owner: &Owner, form: Form, mut reader: R) -> Result<Self, Damage> {
        let mut head = [0; HEAD_LEN];
        fill(&mut reader, &mut head)?;
        let (mark, salt) = head.split_first_chunk().ok_or(Damage::Foreign)?;
        let salt: [u8; Salt::LEN] = salt.try_into().map_err(|_| Damage::Foreign)?;
        if *mark != form.head {
            return Err(Damage::Foreign);
        }
        Ok(Self {
            reader,
            sealer: Sealer {
                key: owner.key(form, &Salt::from_bytes(salt)),
                number: 0,
                end: HEAD_LEN as u64,
            },
        })
    }

    /// The next frame of a tree and where it ends; `None` at the end of the file.
    pub(super) fn next(&mut self) -> Result<Option<Frame>, Damage> {
        let Some(frame) = self.next_of_any_kind()? else {
            return Ok(None);
        };
        Ok(Some(Frame {
            kind: Kind::of(frame.kind).ok_or(Damage::Nonsense)?,
            content: frame.content,
            end: frame.end,
            next: frame.next,
        }))
    }

    /// The same with the number of its kind.
    pub(crate) fn next_of_any_kind(&mut self) -> Result<Option<Frame<u8>>, Damage> {
        let mut len = [0; 4];
        match self.reader.read(&mut len[..1]) {
            Ok(0) => return Ok(None),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                return self.next_of_any_kind();
            }
            Err(_) => return Err(Damage::Unreadable),
        }
        fill(&mut self.reader, &mut len[1..])?;
        let short = u32::from_le_bytes(len);
        let len = usize::try_from(short).map_err(|_| Damage::Nonsense)?;
        if len > MAX_FRAME {
            return Err(Damage::Nonsense);
        }
        // Beyond the usual it grows with what is there, not with what is said to be there.
        let mut buffer = Zeroizing::new(Vec::with_capacity(len.min(USUAL)));
        let read = (&mut self.reader)
            .take(short.into())
            .read_to_end(&mut buffer)
            .map_err(|_| Damage::Unreadable)?;
        if read < len {
            return Err(Damage::Torn);
        }
        let sealer = &mut self.sealer;
        let plain = sealer
            .key
            .open_in_place(sealer.number, &mut buffer)
            .map_err(|_| Damage::Unauthentic)?;
        let &kind = plain.first().ok_or(Damage::Nonsense)?;
        sealer.number = sealer.number.saturating_add(1);
        sealer.end = sealer
            .end
            .saturating_add(u64::from(short))
            .saturating_add(4);
        Ok(Some(Frame {
            kind,
            content: Content::sealed(buffer),
            end: sealer.end,
            next: sealer.number,
        }))
    }

    /// Goes on writing after a frame that was read.
    pub(super) fn into_sealer(self, end: u64, number: u64) -> Sealer {
        Sealer {
            key: self.sealer.key,
            number,
            end,
        }
    }
}

/// What was in a frame, with what was around it: nothing is copied.
pub(crate) struct Content {
    bytes: Plain,
    head: usize,
    tail: usize,
}

impl Content {
    /// Of a frame that was opened where it lies: behind the nonce and the byte with the kind.
    fn sealed(bytes: Plain) -> Self {
        Self {
            bytes,
            head: RestKey::NONCE + 1,
            tail: RestKey::TAG,
        }
    }

    /// What was never in a frame.
    #[cfg(feature = "fuzzing")]
    pub(super) fn bare(bytes: Plain) -> Self {
        Self {
            bytes,
            head: 0,
            tail: 0,
        }
    }
}

impl std::ops::Deref for Content {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        let end = self.bytes.len().saturating_sub(self.tail);
        self.bytes.get(self.head..end).unwrap_or_default()
    }
}

/// A frame that was opened.
pub(crate) struct Frame<K = Kind> {
    pub(crate) kind: K,
    pub(crate) content: Content,
    /// Where the next one begins, and its number.
    pub(super) end: u64,
    pub(super) next: u64,
}

fn fill(reader: &mut impl Read, buffer: &mut [u8]) -> Result<(), Damage> {
    reader
        .read_exact(buffer)
        .map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => Damage::Torn,
            _ => Damage::Unreadable,
        })
}

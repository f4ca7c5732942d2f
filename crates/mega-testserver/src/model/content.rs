//! Stored bytes: the pieces a client uploaded, kept as they came in.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::wire::{b64, unb64_exact};

/// The encrypted bytes of a file. Shared by all copies and versions that refer to it.
#[derive(Clone, Debug)]
pub struct Content {
    id: [u8; 8],
    size: u64,
    place: Place,
}

/// Where the bytes are.
#[derive(Clone, Debug)]
enum Place {
    /// (offset, bytes), ascending, without gaps. Empty when content is discarded.
    Memory(Vec<(u64, Bytes)>),
    /// In a file of a state folder.
    File(PathBuf),
    /// Read from a state, not yet found in its folder.
    Unknown,
}

impl Content {
    pub(crate) fn new(id: [u8; 8], size: u64, pieces: Vec<(u64, Bytes)>) -> Self {
        Self {
            id,
            size,
            place: Place::Memory(pieces),
        }
    }

    /// The same content with as many zeros behind it as make this size. They take no memory.
    pub(crate) fn stretched(&self, id: [u8; 8], size: u64) -> Self {
        Self {
            id,
            size,
            place: self.place.clone(),
        }
    }

    /// The same content, in a file.
    pub(crate) fn in_file(&self, path: PathBuf) -> Self {
        Self {
            place: Place::File(path),
            ..*self
        }
    }

    /// The pieces in memory, where there are any.
    pub(crate) fn pieces(&self) -> Option<&[(u64, Bytes)]> {
        match &self.place {
            Place::Memory(pieces) if !pieces.is_empty() => Some(pieces),
            _ => None,
        }
    }

    /// Read from a state, and still to be found.
    pub(crate) fn is_unknown(&self) -> bool {
        matches!(self.place, Place::Unknown)
    }

    /// Length in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Its number in the store, told to clients as file id.
    #[must_use]
    pub fn id(&self) -> [u8; 8] {
        self.id
    }

    /// The bytes from `start` to `end` (exclusive), piece by piece, without copying what is in memory.
    ///
    /// Where nothing is kept (a discarding server) zeros are served. A file that can no longer be read ends early, which a
    /// client sees as a connection that breaks off.
    pub fn range(&self, start: u64, end: u64) -> Box<dyn Iterator<Item = Bytes> + Send> {
        let end = end.min(self.size);
        match &self.place {
            Place::Memory(pieces) => Box::new(from_memory(pieces, start, end)),
            Place::File(path) => Box::new(from_file(path, start, end)),
            Place::Unknown => Box::new(std::iter::empty()),
        }
    }

    /// All bytes in one buffer.
    #[must_use]
    pub fn to_vec(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(usize::try_from(self.size).unwrap_or(0));
        for piece in self.range(0, self.size) {
            out.extend_from_slice(&piece);
        }
        out
    }
}

fn from_memory(
    pieces: &[(u64, Bytes)],
    start: u64,
    end: u64,
) -> impl Iterator<Item = Bytes> + Send + use<> {
    let mut at = start;
    let first = pieces.partition_point(|(offset, piece)| offset + piece.len() as u64 <= start);
    let mut pieces = pieces.get(first..).unwrap_or_default().to_vec().into_iter();
    std::iter::from_fn(move || {
        if at >= end {
            return None;
        }
        let left = usize::try_from(end - at).unwrap_or(usize::MAX);
        let piece = match pieces.next() {
            Some((offset, piece)) => {
                let skip = usize::try_from(at.saturating_sub(offset))
                    .unwrap_or(usize::MAX)
                    .min(piece.len());
                let take = left.min(piece.len() - skip);
                piece.slice(skip..skip + take)
            }
            None => Bytes::from_static(&ZEROS).slice(..left.min(ZEROS.len())),
        };
        at += piece.len() as u64;
        Some(piece)
    })
}

fn from_file(path: &Path, start: u64, end: u64) -> impl Iterator<Item = Bytes> + Send + use<> {
    let mut file = File::open(path)
        .and_then(|mut file| file.seek(SeekFrom::Start(start)).map(|_| file))
        .ok()
        .map(|file| file.take(end.saturating_sub(start)));
    std::iter::from_fn(move || {
        let mut piece = Vec::with_capacity(PIECE);
        let got = file.as_mut()?.take(PIECE as u64).read_to_end(&mut piece);
        (got.ok()? > 0).then(|| piece.into())
    })
}

/// How a state names content: by its number, size, and whether its bytes were kept.
#[derive(Serialize, Deserialize)]
struct Reference {
    id: String,
    size: u64,
    kept: bool,
}

impl From<&Content> for Reference {
    fn from(content: &Content) -> Self {
        let kept = match &content.place {
            Place::Memory(pieces) => !pieces.is_empty(),
            _ => true,
        };
        Self {
            id: b64(&content.id),
            size: content.size,
            kept,
        }
    }
}

impl Reference {
    fn content(self) -> Option<Arc<Content>> {
        Some(Arc::new(Content {
            id: unb64_exact(&self.id)?,
            size: self.size,
            place: if self.kept {
                Place::Unknown
            } else {
                Place::Memory(Vec::new())
            },
        }))
    }
}

/// Content in a state.
pub(crate) mod stored {
    use super::*;

    pub(crate) fn serialize<S: serde::Serializer>(
        content: &Arc<Content>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        Reference::from(&**content).serialize(to)
    }

    pub(crate) fn deserialize<'de, D: serde::Deserializer<'de>>(
        from: D,
    ) -> Result<Arc<Content>, D::Error> {
        Reference::deserialize(from)?
            .content()
            .ok_or_else(|| serde::de::Error::custom("no number of a content"))
    }
}

/// The content of a node in a state; folders have none.
pub(crate) mod stored_option {
    use super::*;

    pub(crate) fn serialize<S: serde::Serializer>(
        content: &Option<Arc<Content>>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        content.as_deref().map(Reference::from).serialize(to)
    }

    pub(crate) fn deserialize<'de, D: serde::Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Arc<Content>>, D::Error> {
        match Option::<Reference>::deserialize(from)? {
            None => Ok(None),
            Some(reference) => reference
                .content()
                .map(Some)
                .ok_or_else(|| serde::de::Error::custom("no number of a content")),
        }
    }
}

static ZEROS: [u8; 1 << 20] = [0; 1 << 20];

/// Bytes read from a file at a time.
const PIECE: usize = 256 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_cross_pieces_and_stop_at_the_end() {
        let content = Content::new(
            [0; 8],
            10,
            vec![
                (0, Bytes::from_static(b"0123")),
                (4, Bytes::from_static(b"45")),
                (6, Bytes::from_static(b"6789")),
            ],
        );
        for start in 0..=10_u64 {
            for end in start..=12 {
                let got: Vec<u8> = content.range(start, end).flatten().collect();
                let want = &b"0123456789"[start as usize..end.min(10) as usize];
                assert_eq!(got, want, "{start}..{end}");
            }
        }
    }

    #[test]
    fn discarded_content_reads_as_zeros_of_the_right_length() {
        let content = Content::new([0; 8], 200_000, vec![]);
        assert_eq!(
            content.range(5, 199_999).map(|b| b.len()).sum::<usize>(),
            199_994
        );
    }
}

//! Contents that say who they are: every byte follows from the number of the file, so a look at the bytes tells which file they
//! are and whether all of it is there.

use crate::rng::Rng;

/// The number of an upload; no two uploads of a run share one.
pub(crate) type FileId = u64;

/// Marks the numbers of files that are sent in several parts and fetched in several ranges.
pub(crate) const LARGE: FileId = 1 << 31;

/// How many bytes a file has: mostly few, sometimes none, sometimes on the border of a chunk.
pub(crate) fn size(id: FileId) -> usize {
    let mut rng = Rng::of(id, &[1]);
    if id & LARGE != 0 {
        return usize::try_from(rng.between(2_200_000, 4_500_000)).unwrap_or(0);
    }
    let size = match rng.below(20) {
        0 => 0,
        1 | 2 => rng.between(1, 16),
        3 => rng.between(131_071, 131_073),
        4 => rng.between(200_000, 400_000),
        _ => rng.between(17, 4_000),
    };
    usize::try_from(size).unwrap_or(0)
}

/// The bytes of a file.
pub(crate) fn bytes(id: FileId) -> Vec<u8> {
    let size = size(id);
    let mut rng = Rng::of(id, &[2]);
    let mut out = Vec::with_capacity(size + 8);
    out.extend_from_slice(&id.to_le_bytes());
    while out.len() < size {
        out.extend_from_slice(&rng.next().to_le_bytes());
    }
    out.truncate(size);
    out
}

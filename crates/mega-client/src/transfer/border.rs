//! Where a piece of a file may end.

use mega_crypto::content::chunk_at;

/// The last chunk border at most `len` bytes after `start`, but at least one chunk later; or the end, if that comes first.
///
/// The MACs are made of chunks, so whatever is encrypted, sent or fetched by itself ends where one does (api-and-transfers 6.2).
pub(crate) fn border(start: u64, len: u64, end: u64) -> u64 {
    let reach = start.saturating_add(len);
    if reach >= end {
        return end;
    }
    chunk_at(reach).offset.max(chunk_at(start).end()).min(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIB: u64 = 1 << 10;

    #[test]
    fn a_piece_has_whole_chunks_and_one_at_least() {
        for (start, len, end, expected) in [
            (0, 0, 10_000 * KIB, 128 * KIB),
            (0, 128 * KIB, 10_000 * KIB, 128 * KIB),
            (0, 384 * KIB - 1, 10_000 * KIB, 128 * KIB),
            (0, 384 * KIB, 10_000 * KIB, 384 * KIB),
            (128 * KIB, 1, 10_000 * KIB, 384 * KIB),
            (128 * KIB, 1, 200 * KIB, 200 * KIB),
            (0, 5000, 5000, 5000),
            (0, u64::MAX, 10_000 * KIB, 10_000 * KIB),
            (128 * KIB, u64::MAX, u64::MAX, u64::MAX),
            (7, 0, 0, 0),
        ] {
            assert_eq!(border(start, len, end), expected, "{start} {len} {end}");
        }
    }
}

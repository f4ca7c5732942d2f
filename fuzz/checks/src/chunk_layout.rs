//! Where chunks and windows lie, for any 64-bit number; and chunk MACs that arrive in any order.

use mega_crypto::content::{
    ChunkMac, CondensedMac, chunk_at, chunk_count, chunk_offset, chunks, windows,
};

use crate::input::Input;

/// How many chunks and windows of a file are looked at.
const LOOK: usize = 40;

/// Layout of a file of any size, seen from any position, cut into windows of any length.
pub fn chunk_layout(input: &[u8]) {
    let mut input = Input(input);
    let (size, position, max_len) = (input.number(), input.number(), input.number());

    let chunk = chunk_at(position);
    assert_eq!(chunk_offset(chunk.index), Some(chunk.offset));
    assert!(chunk.offset <= position && (position < chunk.end() || chunk.end() == u64::MAX));
    assert!(u64::from(chunk.len) <= 1 << 20);

    let count = chunk_count(size);
    assert!(count <= size);
    if let Some(last) = count.checked_sub(1) {
        assert!(chunk_offset(last).is_some_and(|offset| offset < size));
        assert!(chunk_offset(count).is_none_or(|end| end >= size));
    }
    let mut end = 0;
    for (index, chunk) in chunks(size).take(LOOK).enumerate() {
        assert_eq!((chunk.offset, chunk.index), (end, index as u64));
        assert!(chunk.len > 0);
        let whole = chunk_at(chunk.offset);
        assert!(chunk.len <= whole.len && (chunk.len == whole.len || chunk.end() == size));
        end = chunk.end();
    }
    assert!(count >= LOOK as u64 || end == size);

    let (mut end, mut index) = (0, 0);
    for window in windows(size, max_len).take(LOOK) {
        assert_eq!((window.offset, window.first_chunk), (end, index));
        assert!(window.chunk_count > 0 && window.len > 0);
        assert!(window.len <= max_len || window.chunk_count == 1);
        end = window.range().end;
        index += window.chunk_count;
        assert!(end == size || chunk_offset(index) == Some(end));
    }
    assert!(end <= size);

    let mut macs = CondensedMac::new();
    let mut known = std::collections::BTreeMap::new();
    for entry in input.0.chunks_exact(3) {
        let index = u64::from(u16::from_le_bytes([entry[0], entry[1]]));
        let mac = ChunkMac([entry[2]; 16]);
        let first = *known.entry(index).or_insert(mac);
        assert_eq!(macs.insert(index, mac).is_ok(), first == mac);
        assert_eq!(macs.get(index), Some(first));
    }
    assert_eq!(macs.len(), known.len() as u64);
    let mut end = 0;
    for range in macs.missing(size).take(LOOK) {
        assert!(end <= range.start && range.start < range.end && range.end <= size);
        assert!(macs.get(chunk_at(range.start).index).is_none());
        end = range.end;
    }
}

//! The arithmetic of files stored in six parts (CloudRAID, api-and-transfers 7.3).
//!
//! A file is cut into lines of five sectors of 16 bytes. Sector `j` of line `i` stands in part
//! `j + 1` at offset `16 * i`; part 0 holds the exclusive or of the five. Any five parts give the
//! file. All this happens to the encrypted bytes.

/// The number of parts.
pub const PARTS: usize = 6;

/// The bytes of a sector.
pub const SECTOR: u64 = 16;

/// The bytes of a line: five sectors.
pub const LINE: u64 = 80;

/// The length of part `part` of a file of `size` bytes; `None` if there is no such part.
pub fn part_len(size: u64, part: usize) -> Option<u64> {
    if part >= PARTS {
        return None;
    }
    let tail = size % LINE;
    // Parts 0 and 1 both hold the first sector's length of the last line.
    let before = SECTOR * u64::try_from(part.saturating_sub(1)).ok()?;
    let last = tail.saturating_sub(before).min(SECTOR);
    Some((size - tail) / 5 + last)
}

/// The range of every part that covers the bytes `start..end` of the file: both in part
/// coordinates, the start a multiple of 16, the end not clipped to the length of a part.
/// `None` when the range is empty or reversed.
pub fn part_range(start: u64, end: u64) -> Option<(u64, u64)> {
    if start >= end {
        return None;
    }
    let first_line = start / LINE;
    let end_line = end.div_ceil(LINE);
    Some((
        first_line.checked_mul(SECTOR)?,
        end_line.checked_mul(SECTOR)?,
    ))
}

/// Puts whole lines together from the parts, one of which may be missing.
///
/// Every part is given from the same line on. `len` is how many bytes of the file result; the last
/// line may be incomplete, and then the parts are as much shorter. Returns `None` when a part that
/// is needed is missing or too short.
pub fn assemble(parts: [Option<&[u8]>; PARTS], len: usize) -> Option<Vec<u8>> {
    let missing = parts.iter().filter(|part| part.is_none()).count();
    if missing > 1 {
        return None;
    }
    let lines = len / 80;
    let mut sectors: [&[[u8; 16]]; PARTS] = [&[]; PARTS];
    for (to, part) in sectors.iter_mut().zip(parts) {
        if let Some(part) = part {
            *to = part.as_chunks().0.get(..lines)?;
        }
    }
    let mut rebuilt = Vec::new();
    if parts.iter().skip(1).any(Option::is_none) {
        rebuilt.resize(lines, [0; 16]);
        for part in sectors {
            for (to, from) in rebuilt.iter_mut().zip(part) {
                *to = (u128::from_ne_bytes(*to) ^ u128::from_ne_bytes(*from)).to_ne_bytes();
            }
        }
        let gone = sectors
            .iter_mut()
            .zip(parts)
            .find(|(_, part)| part.is_none());
        if let Some((gone, _)) = gone {
            *gone = &rebuilt;
        }
    }
    let [_, first, second, third, fourth, fifth] = sectors;
    let mut out = Vec::with_capacity(len);
    let lines_of_five = first.iter().zip(second).zip(third).zip(fourth).zip(fifth);
    for ((((first, second), third), fourth), fifth) in lines_of_five {
        for sector in [first, second, third, fourth, fifth] {
            out.extend_from_slice(sector);
        }
    }
    // The last line may be shorter.
    let at = lines.checked_mul(16)?;
    let start = out.len();
    out.resize(len, 0);
    let tail = out.get_mut(start..)?;
    for (data, out) in tail.chunks_mut(16).enumerate() {
        let part = data + 1;
        match parts.get(part)? {
            Some(bytes) => out.copy_from_slice(bytes.get(at..at.checked_add(out.len())?)?),
            None => rebuild(&parts, part, at, out)?,
        }
    }
    Some(out)
}

/// The missing sector is the exclusive or of the other five; beyond the end of a part there are
/// zeros.
fn rebuild(
    parts: &[Option<&[u8]>; PARTS],
    missing: usize,
    at: usize,
    out: &mut [u8],
) -> Option<()> {
    for (number, part) in parts.iter().enumerate() {
        if number == missing {
            continue;
        }
        let sector = (*part)?.get(at..).unwrap_or_default();
        // The parity sector is always as long as the first data sector, hence long enough.
        if number == 0 && sector.len() < out.len() {
            return None;
        }
        for (to, from) in out.iter_mut().zip(sector) {
            *to ^= from;
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Splits a file the straightforward way, byte by byte.
    fn split(file: &[u8]) -> [Vec<u8>; PARTS] {
        let mut parts: [Vec<u8>; PARTS] = Default::default();
        for line in file.chunks(80) {
            let mut parity = vec![0u8; line.len().min(16)];
            for (j, sector) in line.chunks(16).enumerate() {
                parts[j + 1].extend(sector);
                for (k, b) in sector.iter().enumerate() {
                    parity[k] ^= b;
                }
            }
            parts[0].extend(parity);
        }
        parts
    }

    #[test]
    fn the_example_of_the_protocol_notes_holds() {
        let lens: Vec<_> = (0..6).map(|k| part_len(100, k).unwrap()).collect();
        assert_eq!(lens, [32, 32, 20, 16, 16, 16]);
        assert_eq!(part_len(100, 6), None);
        assert_eq!(
            part_len(u64::MAX, 0).unwrap(),
            part_len(u64::MAX, 1).unwrap()
        );
    }

    proptest! {
        #[test]
        fn any_five_parts_give_the_file(file in prop::collection::vec(any::<u8>(), 0..400), gone in 0usize..7) {
            let parts = split(&file);
            for (k, part) in parts.iter().enumerate() {
                prop_assert_eq!(part.len() as u64, part_len(file.len() as u64, k).unwrap());
            }
            let mut given: [Option<&[u8]>; PARTS] = Default::default();
            for (k, part) in parts.iter().enumerate() {
                given[k] = (k != gone).then_some(&part[..]);
            }
            prop_assert_eq!(assemble(given, file.len()), Some(file));
        }

        #[test]
        fn short_parts_are_noticed(len in 1usize..300, cut in 1usize..6) {
            let file = vec![7u8; len];
            let mut parts = split(&file);
            prop_assume!(!parts[cut].is_empty());
            parts[cut].pop();
            let given = [0, 1, 2, 3, 4, 5].map(|k| Some(&parts[k][..]));
            prop_assert_eq!(assemble(given, len), None);
        }

        #[test]
        fn part_ranges_cover_the_bytes(start in 0u64..10_000, len in 1u64..10_000) {
            let (a, b) = part_range(start, start + len).unwrap();
            prop_assert!(a % 16 == 0 && a * 5 <= start && b * 5 >= start + len);
        }
    }
}

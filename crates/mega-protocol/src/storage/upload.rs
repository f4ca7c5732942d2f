//! The framing of uploads: boundaries, checksum, replies (api-and-transfers 6.2 to 6.5).

use std::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop};

use super::StorageError;
use crate::code::ApiCode;

/// What completes an upload: 36 bytes that go into `p`. It stands for exactly one node (RTY-9).
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct UploadToken([u8; 36]);

impl UploadToken {
    /// The token made of these bytes.
    pub fn from_bytes(bytes: [u8; 36]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    pub fn expose_bytes(&self) -> &[u8; 36] {
        &self.0
    }
}

impl fmt::Debug for UploadToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UploadToken(..)")
    }
}

/// The reply of a storage host to one part of an upload.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UploadReply {
    /// The part is stored; others are missing.
    Accepted,
    /// All parts are stored. Whichever part's request was finished last on the server gets this
    /// reply, not the last one of the file (UL-5).
    Complete(UploadToken),
}

impl UploadReply {
    /// Reads the body of a reply with status 200. It is exactly empty, `0`, a negative number, or
    /// the token; an error number is never taken for a token (UL-3).
    ///
    /// # Errors
    ///
    /// [`StorageError::Refused`] for a number, [`StorageError::Malformed`] for anything else.
    pub fn parse(body: &[u8]) -> Result<Self, StorageError> {
        match body {
            b"" | b"0" => Ok(Self::Accepted),
            [b'-', digits @ ..]
                if (1..=9).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit) =>
            {
                let number = digits
                    .iter()
                    .fold(0i32, |n, d| n * 10 + i32::from(*d - b'0'));
                Err(StorageError::Refused(ApiCode::new(-number)))
            }
            _ => match body.try_into() {
                Ok(bytes) => Ok(Self::Complete(UploadToken(bytes))),
                Err(_) => Err(StorageError::Malformed),
            },
        }
    }
}

/// The checksum that goes with a part: twelve bytes, into which the encrypted bytes are folded by
/// exclusive or, counted from the start of the part.
///
/// ```
/// use mega_protocol::storage::upload_checksum;
///
/// assert_eq!(upload_checksum(b""), [0; 12]);
/// let mut part = vec![1u8; 13];
/// part[12] = 7;
/// assert_eq!(upload_checksum(&part)[0], 1 ^ 7);
/// ```
pub fn upload_checksum(part: &[u8]) -> [u8; 12] {
    // Sixteen bytes at a time: 48 is the first length that both 12 and 16 divide.
    let mut wide = [0u128; 3];
    let (groups, rest) = part.as_chunks::<48>();
    for group in groups {
        let (lanes, _) = group.as_chunks::<16>();
        for (to, from) in wide.iter_mut().zip(lanes) {
            *to ^= u128::from_ne_bytes(*from);
        }
    }
    let mut sum = [0u8; 12];
    let folded = wide.iter().flat_map(|lane| lane.to_ne_bytes());
    for (at, byte) in folded.chain(rest.iter().copied()).enumerate() {
        if let Some(to) = sum.get_mut(at % 12) {
            *to ^= byte;
        }
    }
    sum
}

/// The checksum of a part that is seen piece by piece, from its first byte to its last.
///
/// ```
/// use mega_protocol::storage::{PartChecksum, upload_checksum};
///
/// let mut checksum = PartChecksum::new();
/// checksum.update(b"one piece, ");
/// checksum.update(b"and another");
/// assert_eq!(checksum.finish(), upload_checksum(b"one piece, and another"));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PartChecksum {
    sum: [u8; 12],
    /// How many bytes were seen, modulo twelve.
    at: usize,
}

impl PartChecksum {
    /// The checksum of nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next bytes.
    pub fn update(&mut self, piece: &[u8]) {
        let folded = upload_checksum(piece);
        let places = (0..12).map(|place| (place + self.at) % 12);
        for (place, byte) in places.zip(folded) {
            if let Some(to) = self.sum.get_mut(place) {
                *to ^= byte;
            }
        }
        self.at = (self.at + piece.len() % 12) % 12;
    }

    /// The checksum of all that was seen.
    pub fn finish(self) -> [u8; 12] {
        self.sum
    }
}

/// The chunk boundaries below 4.5 MiB; every further one is 1 MiB later (api-and-transfers 6.2).
pub const CHUNK_BOUNDARIES: [u64; 9] = [
    0, 131_072, 393_216, 786_432, 1_310_720, 1_966_080, 2_752_512, 3_670_016, LAST_SMALL,
];

/// Whether a part may start here.
pub fn is_chunk_boundary(offset: u64) -> bool {
    if offset < LAST_SMALL {
        CHUNK_BOUNDARIES.contains(&offset)
    } else {
        (offset - LAST_SMALL).is_multiple_of(1 << 20)
    }
}

/// The first chunk boundary that is not before `offset`; `u64::MAX` if there is none.
pub fn chunk_boundary_at_or_after(offset: u64) -> u64 {
    if offset <= LAST_SMALL {
        return CHUNK_BOUNDARIES
            .into_iter()
            .find(|b| *b >= offset)
            .unwrap_or(LAST_SMALL);
    }
    (offset - LAST_SMALL)
        .checked_next_multiple_of(1 << 20)
        .and_then(|n| n.checked_add(LAST_SMALL))
        .unwrap_or(u64::MAX)
}

const LAST_SMALL: u64 = 4_718_592;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ul_3_replies_are_exactly_one_of_four_forms() {
        assert_eq!(UploadReply::parse(b""), Ok(UploadReply::Accepted));
        assert_eq!(UploadReply::parse(b"0"), Ok(UploadReply::Accepted));
        assert_eq!(
            UploadReply::parse(b"-14"),
            Err(StorageError::Refused(ApiCode::EKEY))
        );
        assert_eq!(
            UploadReply::parse(&[9; 36]),
            Ok(UploadReply::Complete(UploadToken([9; 36])))
        );
        for bad in [
            &b"1"[..],
            b"-",
            b"--1",
            b"-1x",
            b"00",
            b"<html>",
            &[9; 35],
            &[9; 37],
        ] {
            assert_eq!(
                UploadReply::parse(bad),
                Err(StorageError::Malformed),
                "{bad:?}"
            );
        }
    }

    #[test]
    fn boundaries_are_those_of_the_protocol() {
        for (offset, yes) in [
            (0, true),
            (131_072, true),
            (131_073, false),
            (262_144, false),
            (393_216, true),
            (3_670_016, true),
            (4_718_592, true),
            (5_767_168, true),
            (5_767_169, false),
        ] {
            assert_eq!(is_chunk_boundary(offset), yes, "{offset}");
        }
        assert_eq!(chunk_boundary_at_or_after(u64::MAX), u64::MAX);
    }

    proptest! {
        #[test]
        fn ul_3_the_checksum_of_pieces_is_that_of_the_whole(
            pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 0..8),
        ) {
            let whole = pieces.concat();
            let mut plain = [0u8; 12];
            for (at, byte) in whole.iter().enumerate() {
                plain[at % 12] ^= byte;
            }
            let mut checksum = PartChecksum::new();
            for piece in &pieces {
                checksum.update(piece);
            }
            prop_assert_eq!(checksum.finish(), plain);
            prop_assert_eq!(upload_checksum(&whole), plain);
        }

        #[test]
        fn the_next_boundary_is_one_and_the_nearest(offset in 0u64..20_000_000) {
            let next = chunk_boundary_at_or_after(offset);
            prop_assert!(is_chunk_boundary(next) && next >= offset);
            if next > offset {
                prop_assert!(!is_chunk_boundary(offset));
                prop_assert!(chunk_boundary_at_or_after(offset + 1) == next);
            }
        }

        #[test]
        fn the_checksum_counts_every_byte_at_its_place(part: Vec<u8>) {
            let mut expected = [0u8; 12];
            for (i, b) in part.iter().enumerate() {
                expected[i % 12] ^= b;
            }
            prop_assert_eq!(upload_checksum(&part), expected);
        }
    }
}

//! Multi-precision integers: a two-byte bit length and a big-endian magnitude (crypto-and-accounts
//! 1.4).
//!
//! Two kinds of header exist for the same number, and readers accept both: eight times the number
//! of bytes (in key blobs), or the exact number of bits (in ciphertexts made by the official
//! client).

use alloc::vec::Vec;

/// Takes one number off the front of `data`: its header's bit count, its magnitude, and what
/// follows it. `None` if the data ends too early.
pub fn split_first(data: &[u8]) -> Option<Mpi<'_>> {
    let (header, rest) = data.split_first_chunk::<2>()?;
    let bits = u16::from_be_bytes(*header);
    let (magnitude, rest) = rest.split_at_checked(usize::from(bits).div_ceil(8))?;
    Some(Mpi {
        bits,
        magnitude,
        rest,
    })
}

/// Reads exactly `N` numbers, with fewer than sixteen bytes after them. Leading zero bytes are kept
/// in the magnitudes.
///
/// `None` if there are fewer numbers or more bytes.
pub fn read<const N: usize>(mut data: &[u8]) -> Option<[&[u8]; N]> {
    let mut numbers: [&[u8]; N] = [&[]; N];
    for number in &mut numbers {
        let mpi = split_first(data)?;
        *number = mpi.magnitude;
        data = mpi.rest;
    }
    (data.len() < TAIL).then_some(numbers)
}

/// One number out of a sequence: see [`split_first`].
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Mpi<'a> {
    /// The bit count of the header.
    pub bits: u16,
    /// The bytes of the number, big-endian, `bits / 8` of them rounded up.
    pub magnitude: &'a [u8],
    /// The data after it.
    pub rest: &'a [u8],
}

// It may be a part of a private key.
crate::secret::opaque_lifetime!(Mpi);

impl Mpi<'_> {
    /// Whether the number is written the way key blobs must be: no leading zero byte, and a header
    /// that is either the exact bit length or eight times the byte length (threat model, RSA-2).
    pub fn is_canonical(&self) -> bool {
        let Some(first) = self.magnitude.first().filter(|first| **first != 0) else {
            return false;
        };
        let whole = self.magnitude.len().saturating_mul(8);
        let exact = whole.saturating_sub(first.leading_zeros() as usize);
        let bits = usize::from(self.bits);
        bits == whole || bits == exact
    }
}

/// Appends a number with the header of key blobs: eight times its byte length. Leading zero bytes
/// are dropped.
///
/// A number of more than 8191 bytes does not fit the header; only its low 8191 bytes are written.
pub fn write(magnitude: &[u8], out: &mut Vec<u8>) {
    let magnitude = trimmed(magnitude);
    let bits = u16::try_from(magnitude.len() * 8).unwrap_or(LARGEST);
    push(bits, magnitude, out);
}

/// Appends a number with the header of ciphertexts: its exact bit length. Leading zero bytes are
/// dropped.
///
/// The same limit as for [`write()`].
pub fn write_exact(magnitude: &[u8], out: &mut Vec<u8>) {
    let magnitude = trimmed(magnitude);
    let unused = magnitude.first().map_or(0, |first| first.leading_zeros()) as usize;
    let bits = u16::try_from(magnitude.len() * 8 - unused).unwrap_or(LARGEST);
    push(bits, magnitude, out);
}

fn push(bits: u16, magnitude: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&bits.to_be_bytes());
    let len = usize::from(bits).div_ceil(8);
    let skipped = magnitude.len().saturating_sub(len);
    out.extend(magnitude.iter().skip(skipped));
}

fn trimmed(magnitude: &[u8]) -> &[u8] {
    let zeros = magnitude.iter().take_while(|byte| **byte == 0).count();
    magnitude.get(zeros..).unwrap_or_default()
}

/// Fewer bytes than this may follow the last number: no whole cipher block fits in (threat model,
/// ATT-3).
const TAIL: usize = 16;

/// The largest whole number of bytes that a header can express, in bits.
const LARGEST: u16 = 8191 * 8;

use alloc::vec::Vec;
use core::ops::Range;

use super::chunk::is_chunk_border;
use super::cipher::ContentCipher;
use super::condensed::{Incomplete, InsertError, MacChain, bytes_of};
use super::mac::{ChunkMac, MetaMac};

/// What is accepted besides an equal MAC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MacPolicy {
    /// All 8 bytes have to be equal to the MAC of all chunks, or of all chunks and an empty one
    /// (what megajs writes for sizes on a chunk border or up to 15 bytes before it). For those sizes
    /// that weakens the check by one bit.
    #[default]
    Strict,
    /// Also accepts chains with some late chunks left out, as an old bug of the official client
    /// wrote them (crypto-and-accounts 6.4). The left-out ranges are not authenticated, and
    /// [`MacMatch::Gaps`] names them. Only for files that fail otherwise and that the user wants
    /// nevertheless. About 2^17 chains are tried, so a forged MAC has that many more chances.
    TolerateLegacyGaps,
}

/// How the MAC of a content agreed with the one in the node key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MacMatch {
    /// It is the MAC of all chunks: the content is authentic.
    ///
    /// Zero bytes at the very end are the exception: the last block counts as padded with zeros,
    /// so up to 15 more or fewer of them are not noticed.
    Exact,
    /// The file is empty, and the MAC is one that a client writes for empty files.
    Empty(EmptyFileMac),
    /// It is the MAC of all chunks and one empty chunk more, as megajs writes it for sizes that lie
    /// on a chunk border or, since it counts whole blocks, up to 15 bytes before it. The content is
    /// authentic.
    ExtraEmptyChunk,
    /// It is the MAC of some of the chunks ([`MacPolicy::TolerateLegacyGaps`]). The bytes in these
    /// ranges of the file are **not authenticated**.
    Gaps(Vec<Range<u64>>),
}

/// Which MAC a client wrote for an empty file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EmptyFileMac {
    /// Eight zero bytes: the official client.
    Zero,
    /// That of a chunk MAC of zeros.
    EncryptedZero,
    /// That of an empty chunk: megajs.
    EmptyChunk,
}

/// Why a content was not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MacError {
    /// Not all of the content was seen.
    #[error("the content is not complete")]
    Incomplete(#[from] Incomplete),
    /// The chunk MACs could not be collected.
    #[error("the chunk MACs could not be collected")]
    Collect(#[from] InsertError),
    /// The content is not the one the node key was made for.
    #[error(
        "the content does not agree with the MAC in the node key: it was damaged or altered, or the key is wrong"
    )]
    Mismatch,
    /// The file is said to be empty, but its MAC is none that a client writes for an empty file:
    /// it may have been cut to nothing. A caller may accept that, the official client does.
    #[error("the file is said to be empty, but its node key was made for other content")]
    LengthUnverified,
}

/// Compares the MAC of a file's chunks with the expected one.
pub(crate) fn verify(
    cipher: &ContentCipher,
    macs: &[ChunkMac],
    size: u64,
    expected: &MetaMac,
    policy: MacPolicy,
) -> Result<MacMatch, MacError> {
    let mut chain = MacChain::new();
    for mac in macs {
        chain.push(cipher, *mac);
    }
    let empty_chunk = ChunkMac(cipher.engine.initial_state());
    if macs.is_empty() {
        let variants = [
            (EmptyFileMac::Zero, chain.meta_mac()),
            (
                EmptyFileMac::EncryptedZero,
                after(cipher, &chain, ChunkMac([0; 16])),
            ),
            (EmptyFileMac::EmptyChunk, after(cipher, &chain, empty_chunk)),
        ];
        let found = variants.into_iter().find(|(_, mac)| mac == expected);
        return found
            .map(|(variant, _)| MacMatch::Empty(variant))
            .ok_or(MacError::LengthUnverified);
    }
    if chain.meta_mac() == *expected {
        return Ok(MacMatch::Exact);
    }
    // megajs counts whole blocks, so it sees the border, too, if only padding is missing before it.
    let padded = size.checked_next_multiple_of(16);
    if padded.is_some_and(is_chunk_border) && after(cipher, &chain, empty_chunk) == *expected {
        return Ok(MacMatch::ExtraEmptyChunk);
    }
    match policy {
        MacPolicy::Strict => Err(MacError::Mismatch),
        MacPolicy::TolerateLegacyGaps => {
            let gaps = one_gap(cipher, macs, expected).or_else(|| two_gaps(cipher, macs, expected));
            let gaps = gaps.ok_or(MacError::Mismatch)?;
            Ok(MacMatch::Gaps(
                gaps.into_iter()
                    .map(|run| bytes_of(run.start as u64..run.end as u64, size))
                    .collect(),
            ))
        }
    }
}

/// The condensed MAC with one chunk more.
fn after(cipher: &ContentCipher, chain: &MacChain, mac: ChunkMac) -> MetaMac {
    let mut chain = chain.clone();
    chain.push(cipher, mac);
    chain.meta_mac()
}

/// Looks for one run of left-out chunks: it starts among the last 96 and has 1 to 64 of them
/// (SDK `src/transferslot.cpp`, `checkMetaMacWithMissingLateEntries`).
///
/// A chain with everything left out would accept a MAC of zeros for any content, so it is not tried.
fn one_gap(
    cipher: &ContentCipher,
    macs: &[ChunkMac],
    expected: &MetaMac,
) -> Option<Vec<Range<usize>>> {
    let first = macs.len().saturating_sub(96);
    let mut before = chain_of(cipher, MacChain::new(), macs.get(..first)?);
    for start in first..macs.len() {
        for end in start + 1..=macs.len().min(start + 64) {
            if (start, end) == (0, macs.len()) {
                continue;
            }
            if chain_of(cipher, before.clone(), macs.get(end..)?).meta_mac() == *expected {
                return Some(Vec::from([Range { start, end }]));
            }
        }
        before.push(cipher, *macs.get(start)?);
    }
    None
}

/// Looks for two runs of 1 to 16 left-out chunks each among the last 40, with at least one chunk
/// between them.
fn two_gaps(
    cipher: &ContentCipher,
    macs: &[ChunkMac],
    expected: &MetaMac,
) -> Option<Vec<Range<usize>>> {
    let count = macs.len();
    let first = count.saturating_sub(40);
    let mut before = chain_of(cipher, MacChain::new(), macs.get(..first)?);
    for start in first..count {
        for end in start + 1..=count.min(start + 16) {
            let mut between = before.clone();
            for second in end + 1..count {
                between.push(cipher, *macs.get(second - 1)?);
                for second_end in second + 1..=count.min(second + 16) {
                    if chain_of(cipher, between.clone(), macs.get(second_end..)?).meta_mac()
                        == *expected
                    {
                        return Some(Vec::from([start..end, second..second_end]));
                    }
                }
            }
        }
        before.push(cipher, *macs.get(start)?);
    }
    None
}

fn chain_of(cipher: &ContentCipher, mut chain: MacChain, macs: &[ChunkMac]) -> MacChain {
    for mac in macs {
        chain.push(cipher, *mac);
    }
    chain
}

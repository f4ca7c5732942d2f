//! The content of a remote file, in parallel ranges, decrypted and verified.

mod range;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use mega_crypto::content::{ChunkMac, ChunkMacs, CondensedMac, ContentCipher, MacError};
use mega_crypto::fingerprint::Crc;
use mega_protocol::storage::raid::PARTS;

use super::Shared;
use super::address::Addresses;
use super::border::border;
use super::buffers::Buffer;
use super::integrity::{Integrity, IntegrityPolicy, LengthProof};
use super::limits::TransferLimits;
use super::local::blocking;
use super::progress::Meter;
use super::remote::{RemoteFile, integrity_error};
use crate::error::{ErrorKind, Result};

/// Where plaintext goes, piece by piece, in any order. It is not verified yet.
pub(crate) trait Sink: Send + Sync + 'static {
    /// Whether storing takes so little time that small pieces need no thread of their own.
    const QUICK: bool;

    /// Takes the piece that lies at `offset`.
    fn store(&self, offset: u64, piece: Buffer) -> io::Result<()>;

    /// Notes that a piece with these MACs is stored, for a later run.
    fn note(&self, _macs: &ChunkMacs) {}

    /// From now on what is stored counts against no budget: all of it is about to be fetched again, and nobody who waits for a buffer may hold another.
    fn let_go(&self) {}

    /// The checksum of samples of what was stored (DL-9); see
    /// [`sample_crc`](super::remote::sample_crc).
    fn crc(&self, size: u64, legacy: bool) -> io::Result<Option<Crc>>;
}

/// What a complete content has proven.
#[derive(Clone, Debug)]
pub(crate) struct Proof {
    pub(crate) integrity: Integrity,
    pub(crate) length: LengthProof,
}

/// Fetches all of a file into a sink and verifies it.
///
/// A content whose MAC does not hold is fetched once more from a fresh address; pieces that differ
/// replace the earlier ones, until the MAC holds. For a file in six parts each part is left out in turn, so
/// one that holds wrong bytes is found. If the MAC never holds, the error is the answer.
///
/// Cancel safe: when the future is dropped, the requests end; what was stored remains in the sink.
pub(crate) async fn fetch<S: Sink>(
    shared: &Shared,
    file: &RemoteFile,
    policy: IntegrityPolicy,
    sink: Arc<S>,
    meter: &Meter,
) -> Result<Proof> {
    fetch_rest(shared, file, policy, sink, &[], meter).await
}

/// The same, with pieces that the sink has already: their bytes are there and give these MACs.
pub(crate) async fn fetch_rest<S: Sink>(
    shared: &Shared,
    file: &RemoteFile,
    policy: IntegrityPolicy,
    sink: Arc<S>,
    have: &[ChunkMacs],
    meter: &Meter,
) -> Result<Proof> {
    if file.size == 0 {
        let integrity = file.empty(policy)?;
        return Ok(Proof {
            integrity,
            length: LengthProof::AssertedByServer,
        });
    }
    let fetch = Fetch {
        shared,
        file,
        limits: shared.limits(),
        policy,
        cipher: file.cipher(),
        sink: Arc::clone(&sink),
        meter,
        addresses: Addresses::new(shared, file),
        todo: Mutex::default(),
        known: Mutex::new(Known::default()),
    };
    fetch.start(have);
    let integrity = fetch.run().await?;
    drop(fetch);
    let (owned, size) = (file.clone(), file.size);
    let length = if S::QUICK {
        owned.length_proof(policy, |legacy| sink.crc(size, legacy))?
    } else {
        blocking(move || owned.length_proof(policy, |legacy| sink.crc(size, legacy))).await??
    };
    Ok(Proof { integrity, length })
}

struct Fetch<'a, S> {
    shared: &'a Shared,
    file: &'a RemoteFile,
    limits: TransferLimits,
    policy: IntegrityPolicy,
    cipher: ContentCipher,
    sink: Arc<S>,
    meter: &'a Meter,
    addresses: Addresses,
    /// What is still to be asked for: whole chunks, in order.
    todo: Mutex<VecDeque<Range<u64>>>,
    known: Mutex<Known>,
}

/// Whether it is the service, or the way there, that something failed on.
fn is_of_the_service(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::Network
            | ErrorKind::Timeout
            | ErrorKind::Protocol
            | ErrorKind::Integrity
            | ErrorKind::Refused
            | ErrorKind::NotFound
    )
}

/// The MACs of the chunks that were stored, by their number.
#[derive(Default)]
struct Known {
    chunks: BTreeMap<u64, ChunkMac>,
    /// Whether this is not the first time.
    again: bool,
    /// What this time has proven already.
    proven: Option<Integrity>,
    /// What was different this time.
    different: Vec<Range<u64>>,
}

impl<S: Sink> Fetch<'_, S> {
    /// Plans to fetch what is missing.
    fn start(&self, have: &[ChunkMacs]) {
        let mut known = self.known();
        let mut macs = CondensedMac::new();
        for kept in have {
            // Pieces that contradict each other are fetched again.
            if macs.insert_all(kept).is_ok() {
                known.chunks.extend(kept.iter());
                self.meter.add(length(&kept.range()));
            }
        }
        *lock(&self.todo) = macs.missing(self.file.size).collect();
    }

    async fn run(&self) -> Result<Integrity> {
        self.pass().await?;
        let first = match self.verify() {
            Ok(integrity) => return Ok(integrity),
            Err(error) => error,
        };
        // Something between the uploader and here damaged a piece. Another host, another connection
        // may do better; which piece it is shows in the comparison.
        let mut again: Vec<_> = std::iter::once(0..self.file.size).collect();
        self.known().again = true;
        self.sink.let_go();
        self.addresses.forget().await;
        for suspect in SUSPECTS {
            self.addresses.health().suspect(suspect);
            self.meter.restart();
            let more = again.iter().map(length).fold(0_u64, u64::saturating_add);
            self.meter.add(self.file.size.saturating_sub(more));
            *lock(&self.todo) = again.iter().cloned().collect();
            let passed = self.pass().await;
            if let Some(integrity) = self.known().proven.take() {
                return Ok(integrity);
            }
            match passed {
                // Without the suspect too few parts may be left; then what is wrong stays wrong. What this side cannot do is another matter.
                Err(error) if suspect != SUSPECTS[0] && is_of_the_service(error.kind()) => break,
                passed => passed?,
            }
            if let Ok(integrity) = self.verify() {
                return Ok(integrity);
            }
            if !self.addresses.in_parts().await {
                break;
            }
            let different = std::mem::take(&mut self.known().different);
            if suspect == SUSPECTS[0] {
                // Where a part is wrong, two ways to put the file together differ. Only there is worth a
                // third look.
                again = merged(different);
            }
            if again.is_empty() {
                break;
            }
        }
        Err(integrity_error(first))
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        lock(&self.known)
    }

    fn verify(&self) -> Result<Integrity, MacError> {
        self.proof_of(&self.known())
    }

    fn proof_of(&self, known: &Known) -> Result<Integrity, MacError> {
        let mut macs = CondensedMac::new();
        for (index, mac) in &known.chunks {
            macs.insert(*index, *mac)?;
        }
        let expected = self.file.meta_mac();
        macs.verify(&self.cipher, self.file.size, &expected, self.policy.mac())
            .map(Integrity::from_match)
    }

    /// Fetches everything that is to do, once.
    async fn pass(&self) -> Result<()> {
        let mut requests = FuturesUnordered::new();
        loop {
            // From the second time on one after the other: once the content is proven, nothing else may
            // be on its way into the sink.
            let most = if self.known().again {
                1
            } else {
                // As many as are allowed at this moment.
                self.shared.limits().connections()
            };
            let in_one = self.addresses.in_one();
            while requests.len() < most
                && let Some(range) = self.next_range(most, in_one)
            {
                requests.push(self.range(range));
            }
            // DL-11: done means that every request has ended well.
            match requests.next().await {
                Some(ended) => ended?,
                None => return Ok(()),
            }
        }
    }

    /// The next range to ask for: whole chunks, an even share of what is left, so that all
    /// connections end at about the same time.
    fn next_range(&self, connections: usize, in_one: bool) -> Option<Range<u64>> {
        if self.known().proven.is_some() {
            return None;
        }
        let mut todo = lock(&self.todo);
        let left = todo.iter().map(length).fold(0_u64, u64::saturating_add);
        let share = share(left, connections, in_one).max(self.limits.window_len());
        let front = todo.front_mut()?;
        let start = front.start;
        let end = border(start, share, front.end);
        front.start = end;
        if front.is_empty() {
            todo.pop_front();
        }
        Some(start..end)
    }
}

/// The order in which parts are suspected: the parity last, it is left out at first anyway. For a file in one
/// piece the first of these stands for asking once more.
const SUSPECTS: [usize; PARTS] = [1, 2, 3, 4, 5, 0];

/// How much one request asks for, of so many bytes that are left. With several connections all of them are to end at about the same time.
fn share(left: u64, connections: usize, in_one: bool) -> u64 {
    match u64::try_from(connections) {
        Ok(several @ 2..) => (left / several / 2).min(LONGEST_REQUEST),
        // Six parts are watched request by request; which it is shows with the first address.
        _ if in_one => left.min(LONGEST_ALONE),
        _ => left.min(LONGEST_REQUEST),
    }
}

fn length(range: &Range<u64>) -> u64 {
    range.end.saturating_sub(range.start)
}

/// Whole chunks, in order, neighbours together.
fn merged(mut ranges: Vec<Range<u64>>) -> Vec<Range<u64>> {
    ranges.sort_by_key(|range| range.start);
    let mut merged: Vec<Range<u64>> = Vec::new();
    for range in ranges {
        match merged.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => merged.push(range),
        }
    }
    merged
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// No request asks for more: limits that change while it runs count from the next one.
const LONGEST_REQUEST: u64 = 64 << 20;
/// Where there is one connection, each request costs a round trip in which nothing comes.
const LONGEST_ALONE: u64 = 256 << 20;

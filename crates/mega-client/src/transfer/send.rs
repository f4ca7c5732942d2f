//! An encrypted content on its way to a storage host: parts in parallel, until the completion token
//! comes (api-and-transfers 6).

use std::collections::BTreeSet;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use mega_crypto::FileKey;
use mega_crypto::content::{ChunkMac, chunk_at, chunk_offset};
use mega_crypto::fingerprint::Fingerprint;
use mega_protocol::UploadProgress;
use tokio::time::Instant;

use super::Shared;
use super::buffers::Buffers;
use super::journal::{Resumed, UploadJournal};
use super::local::blocking;
use super::part_len::{LARGEST_GAP, PartLen, Timing};
use super::progress::Meter;
use super::retry::{Failure, Remedy, Retry};
use super::seal::{Lengths, Part, PartBody, Sealed, Sealer};
use super::source::Source;
use super::wire::{PartReply, UploadToken, UploadUrl};
use crate::error::{Error, ErrorKind, Result};

/// A content that the service has, and that no node stands for yet.
#[derive(Clone)]
pub(crate) struct Sent {
    pub(crate) token: UploadToken,
    pub(crate) key: FileKey,
    pub(crate) fingerprint: Fingerprint,
}

impl std::fmt::Debug for Sent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sent")
            .field("size", &self.fingerprint.size())
            .finish_non_exhaustive()
    }
}

/// Sends the content of a source. `modified` goes into the fingerprint, in seconds since 1970.
///
/// When a storage host wants the upload to start again, it does, with a fresh key (UL-4). With a journal it is
/// written down how far it is; `resumed` is what an earlier run has written. `address` is what came of asking for one ahead, for as many bytes as
/// the source has.
///
/// Cancel safe: when the future is dropped no node exists, and what was sent expires by itself
/// (UL-10).
pub(crate) async fn send(
    shared: &Shared,
    source: &mut Source,
    modified: i64,
    meter: &Meter,
    journal: Option<&Arc<UploadJournal>>,
    mut resumed: Option<Resumed>,
    mut address: Option<std::result::Result<UploadUrl, Failure>>,
) -> Result<Sent> {
    let size = source.size();
    let mut retry = Retry::new(shared.limits());
    let mut may_be_long = true;
    loop {
        let earlier = resumed.take();
        let (seed, key) = match (journal, &earlier) {
            (_, Some(earlier)) => (None, Some(earlier.key.clone())),
            (Some(journal), None) => {
                let (seed, key) = journal.fresh_key()?;
                (Some(seed), Some(key))
            }
            (None, None) => (None, None),
        };
        let sealer = Sealer::new(source, key)?;
        let plan = Plan {
            journal: journal.cloned(),
            seed,
            earlier,
            address: address.take(),
            may_be_long,
        };
        let failure = match attempt(shared, sealer, meter, plan).await {
            Ok((token, sealed)) => {
                // UL-1: only a source that is still the same one has given one content.
                source.check().await?;
                let fingerprint = Fingerprint::new(sealed.crc, size, modified);
                return Ok(Sent {
                    token,
                    key: sealed.key,
                    fingerprint,
                });
            }
            Err(failure) => failure,
        };
        if failure.remedy != Remedy::GiveUp && !source.is_repeatable() {
            return Err(failure.error);
        }
        retry.pause(failure).await?;
        // The second time nothing is risked.
        may_be_long = false;
        meter.restart();
    }
}

/// What an attempt writes down, and what an earlier one has.
struct Plan {
    journal: Option<Arc<UploadJournal>>,
    /// What the key is made of, if it is a new one.
    seed: Option<[u8; 32]>,
    earlier: Option<Resumed>,
    /// The address that was asked for ahead.
    address: Option<std::result::Result<UploadUrl, Failure>>,
    /// Whether parts may be longer than what lies in memory.
    may_be_long: bool,
}

/// Sends everything once, under one address.
async fn attempt(
    shared: &Shared,
    sealer: Sealer,
    meter: &Meter,
    plan: Plan,
) -> Result<(UploadToken, Sealed), Failure> {
    let Plan {
        journal,
        seed,
        mut earlier,
        address,
        may_be_long,
    } = plan;
    let url = match (&earlier, address) {
        (Some(earlier), _) => earlier.url.clone(),
        (None, Some(address)) => address?,
        (None, None) => shared.wire().upload_address(sealer.size()).await?,
    };
    if let (Some(journal), Some(seed)) = (&journal, seed) {
        let (journal, url) = (Arc::clone(journal), url.clone());
        blocking(move || journal.begin(&seed, &url))
            .await?
            .map_err(|error| Error::io("the journal cannot be written", error))?;
    }
    let known_token = earlier.as_mut().and_then(|earlier| earlier.token.take());
    let mut flight = Flight {
        shared,
        url: &url,
        meter,
        part_len: PartLen::new(shared, may_be_long && sealer.can_reread()),
        unanswered: BTreeSet::new(),
    };
    let mut posts = FuturesUnordered::new();
    let mut making: Option<Making> = None;
    let mut idle = Some(sealer);
    let mut ready: Option<Part> = None;
    let mut last: Option<Part> = None;
    let token = loop {
        if let Some(part) = ready.take_if(|part| flight.may_send(posts.len(), part)) {
            flight.unanswered.insert(part.offset);
            if idle.as_ref().is_some_and(Sealer::is_ended) {
                last = Some(part.clone());
            }
            posts.push(flight.post(part));
        }
        // Work ahead: one part is made while the others are on their way.
        if making.is_none() && ready.is_none() {
            match idle.take_if(|sealer| !sealer.is_ended()) {
                Some(sealer) => {
                    let part = earlier.as_ref().and_then(|earlier| earlier.part(&sealer));
                    let lengths = flight.part_len.next(shared, part);
                    let journal = journal.clone().filter(|_| part.is_none());
                    let buffers = shared.buffers().clone();
                    making = Some(make(sealer, lengths, buffers, journal).boxed());
                }
                None if posts.is_empty() => break None,
                None => {}
            }
        }
        // Answers first: each makes room for another part.
        tokio::select! {
            biased;
            Some(answer) = posts.next(), if !posts.is_empty() => {
                let answer: Answer = answer?;
                flight.answered(&answer);
                if let Some(journal) = &journal {
                    journal.answered(answer.offset);
                }
                if let PartReply::Complete(token) = answer.reply {
                    break Some(token);
                }
            }
            made = async { making.as_mut()?.await.into() }, if making.is_some() => {
                making = None;
                if let Some(made) = made {
                    let (sealer, part) = made?;
                    let there = match &earlier {
                        Some(earlier) => earlier.has(&part, known_token.is_some())?,
                        None => false,
                    };
                    if there {
                        meter.part();
                        meter.add(part.len());
                        last = sealer.is_ended().then_some(part);
                    } else {
                        ready = Some(part);
                    }
                    idle = Some(sealer);
                }
            }
        }
    };
    drop(posts);
    let all_made = making.is_none() && ready.is_none();
    let sealer = match idle {
        Some(sealer) if all_made && sealer.is_ended() => sealer,
        // UL-2: a host that is content before it has everything is not to be trusted.
        _ => return Err(too_early()),
    };
    let token = match (token.or(known_token), last) {
        (Some(token), _) => token,
        (None, Some(part)) => flight.ask_again(part).await?,
        (None, None) => return Err(no_token()),
    };
    if let Some(journal) = &journal {
        journal.complete(&token);
    }
    // UL-5: once the token is there, parts without an answer have arrived too.
    for _ in &flight.unanswered {
        meter.part();
    }
    meter.complete(sealer.size());
    Ok((token, sealer.finish()?))
}

/// Makes the next part; and writes down which one it is before it can be sent.
async fn make(
    sealer: Sealer,
    lengths: Lengths,
    buffers: Buffers,
    journal: Option<Arc<UploadJournal>>,
) -> Result<(Sealer, Part)> {
    let (sealer, part) = sealer.next(lengths, buffers).await?;
    if let Some(journal) = journal {
        let (offset, macs) = (part.offset, part.macs.clone());
        blocking(move || journal.sealed(offset, &macs))
            .await?
            .map_err(|error| Error::io("the journal cannot be written", error))?;
    }
    Ok((sealer, part))
}

impl Resumed {
    fn sealed_at(&self, offset: u64) -> Option<&[ChunkMac]> {
        let at = self
            .parts
            .binary_search_by_key(&offset, |(start, _)| *start)
            .ok()?;
        self.parts.get(at).map(|(_, macs)| macs.as_slice())
    }

    /// How long the next part was, if there was one.
    fn part(&self, sealer: &Sealer) -> Option<u64> {
        let macs = self.sealed_at(sealer.offset())?;
        let after = chunk_at(sealer.offset())
            .index
            .checked_add(u64::try_from(macs.len()).ok()?)?;
        let end = chunk_offset(after)?.min(sealer.size());
        end.checked_sub(sealer.offset())
    }

    /// Whether the storage host has this part already; it has all of them once it has given the token.
    ///
    /// # Errors
    ///
    /// If it is not the one that was made of the same key before: then the upload starts over with another
    /// key (UL-4). A node with the token of one content and the MAC of another could never be read.
    fn has(&self, part: &Part, complete: bool) -> Result<bool, Failure> {
        match self.sealed_at(part.offset) {
            None if !complete => Ok(false),
            Some(macs) if macs == part.macs => Ok(complete || self.answered.contains(&part.offset)),
            _ => {
                let text = "the content is not the one that was sent in part earlier";
                let error = Error::new(ErrorKind::SourceChanged, text);
                Err(Failure::new(Remedy::StartOver, error))
            }
        }
    }
}

type Making = Pin<Box<dyn Future<Output = Result<(Sealer, Part)>> + Send>>;

/// A part that was answered.
struct Answer {
    offset: u64,
    timing: Timing,
    reply: PartReply,
}

/// What the parts of one attempt have in common.
struct Flight<'a> {
    shared: &'a Shared,
    url: &'a UploadUrl,
    meter: &'a Meter,
    part_len: PartLen,
    /// Where the parts start that have no answer yet.
    unanswered: BTreeSet<u64>,
}

impl<'a> Flight<'a> {
    /// Storage hosts refuse parts too far ahead of the earliest one missing (api-and-transfers 6.2).
    fn may_send(&self, in_flight: usize, part: &Part) -> bool {
        let earliest = self.unanswered.first().copied().unwrap_or(part.offset);
        // As many as are allowed at this moment. One that travels alone leaves no gap, however long it is.
        in_flight == 0
            || in_flight < self.shared.limits().connections()
                && part.end().saturating_sub(earliest) <= LARGEST_GAP
    }

    /// Sends one part until it has an answer; always the same bytes (UL-4).
    fn post(&self, part: Part) -> impl Future<Output = Result<Answer, Failure>> + Send + use<'a> {
        let (shared, url, meter) = (self.shared, self.url, self.meter);
        async move {
            let mut retry = Retry::new(shared.limits());
            let mut again = false;
            loop {
                let failure = match post_once(shared, url, &part, meter).await {
                    Ok((reply, timing)) => {
                        meter.part();
                        let timing = Timing { again, ..timing };
                        return Ok(Answer {
                            offset: part.offset,
                            timing,
                            reply,
                        });
                    }
                    Err(failure) => failure,
                };
                again = true;
                match failure.remedy {
                    // What is too long for the line goes in shorter parts, which a part that was sealed never becomes.
                    Remedy::Again => retry.pause(failure).await.map_err(|error| {
                        let remedy = match part.body {
                            PartBody::Reread(_) if error.is_retryable() => Remedy::StartOver,
                            _ => Remedy::GiveUp,
                        };
                        Failure::new(remedy, error)
                    })?,
                    _ => return Err(failure),
                };
            }
        }
    }

    fn answered(&mut self, answer: &Answer) {
        self.unanswered.remove(&answer.offset);
        self.part_len.answered(self.shared, answer.timing);
    }

    /// All parts are answered and none brought the token: its reply was lost, so the last part is
    /// sent once more (api-and-transfers 6.6).
    async fn ask_again(&self, part: Part) -> Result<UploadToken, Failure> {
        // Its bytes count once.
        self.meter.take_back(part.len());
        match self.post(part).await?.reply {
            PartReply::Complete(token) => Ok(token),
            PartReply::Received => Err(no_token()),
        }
    }
}

/// Sends one part once. Its bytes count as they leave, and not at all if it fails.
async fn post_once(
    shared: &Shared,
    url: &UploadUrl,
    part: &Part,
    meter: &Meter,
) -> Result<(PartReply, Timing), Failure> {
    let start = Instant::now();
    let len = part.len();
    shared.pace_up(len).await;
    let leaving = UploadProgress::default();
    let mut counted = Counted { meter, bytes: 0 };
    let sent = shared.wire().post(url, part, leaving.clone());
    tokio::pin!(sent);
    let reply = loop {
        tokio::select! {
            biased;
            reply = &mut sent => break reply?,
            () = tokio::time::sleep(LOOK) => counted.reach(leaving.bytes().min(len)),
        }
    };
    let timing = Timing {
        bytes: len,
        took: start.elapsed(),
        waited: leaving.since_last().unwrap_or_default(),
        again: false,
    };
    counted.reach(len);
    counted.bytes = 0;
    Ok((reply, timing))
}

/// Bytes of a part that were counted; taken back if the part comes to nothing.
struct Counted<'a> {
    meter: &'a Meter,
    bytes: u64,
}

impl Counted<'_> {
    fn reach(&mut self, bytes: u64) {
        self.meter.add(bytes.saturating_sub(self.bytes));
        self.bytes = self.bytes.max(bytes);
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        if self.bytes > 0 {
            self.meter.take_back(self.bytes);
        }
    }
}

fn no_token() -> Failure {
    let text = "the storage host has every part but gives no completion token";
    Failure::new(Remedy::StartOver, Error::new(ErrorKind::Protocol, text))
}

fn too_early() -> Failure {
    let text = "the storage host calls the upload complete before it has every part";
    Failure::new(Remedy::StartOver, Error::new(ErrorKind::Protocol, text))
}

/// How often the bytes of a part on its way are looked at.
const LOOK: Duration = Duration::from_millis(250);

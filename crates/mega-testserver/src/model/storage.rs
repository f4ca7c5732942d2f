//! What the storage hosts know: open uploads, finished ones, download addresses, file attributes.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Weak};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::Model;
use super::content::Content;
use crate::account::content::is_boundary;
use crate::wire::{AttributeHandle, UserHandle, b64};

/// All storage of the service.
#[derive(Clone, Debug, Default)]
pub(crate) struct Storage {
    pub(crate) uploads: HashMap<String, Upload>,
    pub(crate) finished: HashMap<String, Finished>,
    pub(crate) downloads: HashMap<String, Download>,
    pub(crate) attributes: HashMap<AttributeHandle, Bytes>,
    pub(crate) attribute_urls: HashMap<String, AttributeUrl>,
    opened: u32,
}

/// An upload on its way.
#[derive(Clone, Debug)]
pub(crate) struct Upload {
    pub(crate) size: u64,
    pub(crate) expires: i64,
    /// The finished upload is named by 36 raw bytes, not by text.
    pub(crate) raw_token: bool,
    /// Unfinished parts are acknowledged by `0` even without a checksum in the URL.
    pub(crate) zero_ack: bool,
    pieces: BTreeMap<u64, Bytes>,
    received: u64,
    /// Everything before this offset is there.
    contiguous: u64,
    /// Where the completing part began, and the token it was answered with.
    done: Option<(u64, Vec<u8>)>,
}

/// A complete upload that waits for its `p`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Finished {
    #[serde(with = "super::content::stored")]
    pub(crate) content: Arc<Content>,
    pub(crate) expires: i64,
}

/// A download address.
#[derive(Clone, Debug)]
pub(crate) struct Download {
    /// An address alone keeps no content: what nodes and [`super::graves`] let go of is gone.
    pub(crate) content: Weak<Content>,
    /// One of the six parts of a CloudRAID file.
    pub(crate) part: Option<u8>,
    pub(crate) expires: i64,
    /// Who pays for the transfer.
    pub(crate) payer: Option<UserHandle>,
}

/// An address for file attributes.
#[derive(Clone, Debug)]
pub(crate) struct AttributeUrl {
    pub(crate) expires: i64,
    /// Bytes announced, for an upload.
    pub(crate) upload: Option<u64>,
    /// Records without `r:1` come as a table (older form).
    pub(crate) records: bool,
}

impl Model {
    /// Opens an upload; the result is the name in its URL.
    pub(crate) fn open_upload(&mut self, size: u64, raw_token: bool, zero_ack: bool) -> String {
        self.prune();
        let name = b64(&self.seed.array::<15>());
        let expires = self.now().saturating_add(self.options.url_lifetime);
        let upload = Upload {
            size,
            expires,
            raw_token,
            zero_ack,
            pieces: BTreeMap::new(),
            received: 0,
            contiguous: 0,
            done: None,
        };
        self.storage.uploads.insert(name.clone(), upload);
        name
    }

    /// Makes a download address; the result is the name in its URL.
    pub(crate) fn open_download(
        &mut self,
        content: &Arc<Content>,
        part: Option<u8>,
        payer: Option<UserHandle>,
    ) -> String {
        self.prune();
        let name = b64(&self.seed.array::<15>());
        let expires = self.now().saturating_add(self.options.url_lifetime);
        self.storage.downloads.insert(
            name.clone(),
            Download {
                content: Arc::downgrade(content),
                part,
                expires,
                payer,
            },
        );
        name
    }

    /// Makes an address for file attributes.
    pub(crate) fn open_attribute_url(&mut self, upload: Option<u64>, records: bool) -> String {
        self.prune();
        let name = b64(&self.seed.array::<15>());
        let expires = self.now().saturating_add(self.options.url_lifetime);
        self.storage.attribute_urls.insert(
            name.clone(),
            AttributeUrl {
                expires,
                upload,
                records,
            },
        );
        name
    }

    /// Takes one part of an upload. `Ok` is the body of the reply, `Err` the number in it.
    pub(crate) fn receive(
        &mut self,
        name: &str,
        offset: u64,
        body: &Bytes,
        len: u64,
        checked: bool,
    ) -> Result<Vec<u8>, i64> {
        let now = self.now();
        let upload = self.storage.uploads.get_mut(name).ok_or(-5)?;
        if upload.expires <= now {
            return Err(-8);
        }
        let end = offset.checked_add(len).ok_or(-7)?;
        let strict = self.options.chunk_boundaries && !self.options.discard;
        if end > upload.size
            || (strict && (!is_boundary(offset) || !(end == upload.size || is_boundary(end))))
        {
            return Err(-7);
        }
        // A storage host holds only so much that it cannot put behind what it has (api-and-transfers 6.2).
        if !self.options.discard
            && offset > upload.contiguous.saturating_add(self.options.upload_gap)
        {
            return Err(-4);
        }
        let kept = self.options.discard || body.len() as u64 == len;
        if !kept || (len == 0 && upload.size != 0) {
            return Err(-7);
        }
        let acknowledged = if checked || upload.zero_ack {
            b"0".to_vec()
        } else {
            Vec::new()
        };
        if let Some((start, token)) = &upload.done {
            return Ok(if *start == offset {
                token.clone()
            } else {
                acknowledged
            });
        }
        if self.options.discard {
            upload.received = upload.received.saturating_add(len);
        } else {
            upload.keep(offset, body);
        }
        if upload.received < upload.size {
            return Ok(acknowledged);
        }
        let token = new_token(&mut self.seed, upload.raw_token);
        upload.done = Some((offset, token.clone()));
        let pieces = std::mem::take(&mut upload.pieces).into_iter().collect();
        let content = Arc::new(Content::new(self.seed.array(), upload.size, pieces));
        let text = if upload.raw_token {
            b64(&token)
        } else {
            String::from_utf8_lossy(&token).into_owned()
        };
        let expires = now.saturating_add(self.options.url_lifetime);
        self.storage
            .finished
            .insert(text, Finished { content, expires });
        Ok(token)
    }

    /// Ends the validity of every upload and download address handed out so far.
    pub fn expire_urls(&mut self) {
        let now = self.now();
        self.storage
            .uploads
            .values_mut()
            .for_each(|u| u.expires = now);
        self.storage
            .downloads
            .values_mut()
            .for_each(|d| d.expires = now);
        self.storage
            .attribute_urls
            .values_mut()
            .for_each(|a| a.expires = now);
    }

    /// Uploads that are complete and wait for a node, by token text.
    #[must_use]
    pub fn unclaimed_uploads(&self) -> Vec<&str> {
        self.storage.finished.keys().map(String::as_str).collect()
    }

    /// Forgets what expired, once in a while.
    fn prune(&mut self) {
        self.storage.opened = self.storage.opened.wrapping_add(1);
        if !self.storage.opened.is_multiple_of(PRUNED_EVERY) {
            return;
        }
        // Nobody can finish an upload that expired.
        let now = self.now();
        for upload in self
            .storage
            .uploads
            .values_mut()
            .filter(|u| u.expires <= now)
        {
            upload.pieces.clear();
        }
        // Expired addresses are still told apart from unknown ones for a day.
        let limit = self.now().saturating_sub(86_400);
        self.storage.uploads.retain(|_, u| u.expires > limit);
        self.storage.downloads.retain(|_, d| d.expires > limit);
        self.storage.attribute_urls.retain(|_, a| a.expires > limit);
        self.storage.finished.retain(|_, f| f.expires > limit);
    }
}

/// So many addresses are handed out between two looks at what expired.
const PRUNED_EVERY: u32 = 256;

impl Upload {
    /// Keeps a part. Chunks may come twice and differently grouped, so they are kept one by one.
    fn keep(&mut self, offset: u64, body: &Bytes) {
        let mut at = offset;
        let mut rest = body.clone();
        while !rest.is_empty() {
            let end = chunk_end(at).min(offset + body.len() as u64);
            let take = usize::try_from(end - at)
                .unwrap_or(usize::MAX)
                .min(rest.len());
            let piece = rest.split_to(take);
            let len = piece.len() as u64;
            if let Some(old) = self.pieces.insert(at, piece) {
                self.received -= old.len() as u64;
            }
            self.received += len;
            at = end;
        }
        while let Some(piece) = self.pieces.get(&self.contiguous) {
            self.contiguous += piece.len() as u64;
        }
    }

    /// Bytes that may still be sent from this offset on.
    pub(crate) fn room(&self, offset: u64) -> u64 {
        self.size.saturating_sub(offset)
    }
}

/// The first chunk boundary after an offset.
fn chunk_end(offset: u64) -> u64 {
    const EARLY: [u64; 8] = [
        131_072, 393_216, 786_432, 1_310_720, 1_966_080, 2_752_512, 3_670_016, 4_718_592,
    ];
    match EARLY.iter().find(|b| **b > offset) {
        Some(boundary) => *boundary,
        None => offset + 1_048_576 - (offset - 4_718_592) % 1_048_576,
    }
}

/// Names a finished upload: 36 raw bytes ending in 1, or 36 characters that cannot be taken for a number.
fn new_token(seed: &mut crate::seed::Seed, raw: bool) -> Vec<u8> {
    if raw {
        let mut token = seed.bytes(36);
        if let Some(last) = token.last_mut() {
            *last = 1;
        }
        if let Some(first) = token.first_mut() {
            *first |= 0x80;
        }
        return token;
    }
    loop {
        let text = b64(&seed.array::<27>());
        // megalib reads a leading minus as an error.
        if !text.starts_with('-') {
            return text.into_bytes();
        }
    }
}

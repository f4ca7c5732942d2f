//! Fingerprints: a checksum of samples, the size and the modification time of a file
//! (crypto-and-accounts 7).
//!
//! They tell whether a local copy has changed without reading all of it. They are **no security
//! feature**: only a few KiB of a file are looked at. To be sure that a content is the node's, use
//! [`ContentVerifier`](crate::content::ContentVerifier).
//!
//! ```
//! use mega_crypto::fingerprint::{Crc, Fingerprint};
//!
//! let content = b"some text";
//! let local = Fingerprint::new(Crc::of(content), content.len() as u64, 1_700_000_000);
//! // What the node's attribute `c` holds; the size comes from the node itself.
//! let text = local.to_attribute();
//! assert_eq!(text, "c29tZSB0ZXh0AAAAAAAAAAQA8VNl");
//! let node = Fingerprint::from_attribute(&text, 9).unwrap();
//! assert!(local.matches(&node));
//! ```

mod crc;
mod legacy;
mod samples;
mod time;

use alloc::string::String;
use alloc::vec::Vec;

pub use self::crc::{Crc, CrcBuilder, CrcSampler, WrongLength};
pub use self::time::{Serialize64, decode_u64};
use crate::{Error, base64};

/// What a node's attribute `c` and its size say about a file, or what a local file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fingerprint {
    crc: Crc,
    size: u64,
    mtime: i64,
    valid: bool,
}

impl Fingerprint {
    /// How far the times of two equal files may be apart, in seconds: some file systems and archives
    /// round to 2 seconds (crypto-and-accounts 7.5).
    pub const TIME_TOLERANCE: u64 = 2;

    /// The fingerprint of a file: its samples' checksum, its size in bytes, and its modification time
    /// in seconds since 1970, which may be negative.
    pub const fn new(crc: Crc, size: u64, mtime: i64) -> Self {
        Self {
            crc,
            size,
            mtime,
            valid: true,
        }
    }

    /// Stands in for a node without a readable `c`: the first 16 bytes of its key and the time when
    /// it was made (`ts`), as the SDK does. It equals no other fingerprint.
    pub const fn without_attribute(key_start: [u8; 16], size: u64, created: i64) -> Self {
        Self {
            crc: Crc(key_start),
            size,
            mtime: created,
            valid: false,
        }
    }

    /// Reads the attribute `c` of a node of `size` bytes: base64 of the checksum (16 bytes) and the
    /// time. What follows the time is ignored (SDK `src/filefingerprint.cpp`,
    /// `unserializefingerprint`).
    ///
    /// # Errors
    ///
    /// [`Error::Base64`] or [`Error::Malformed`]: the node has no usable fingerprint.
    pub fn from_attribute(text: &str, size: u64) -> Result<Self, Error> {
        // 25 bytes are all that can matter: the checksum, a count and 8 bytes of time.
        let text = text.as_bytes();
        let text = text.get(..36).unwrap_or(text);
        let bytes = base64::decode(text).map_err(|source| Error::Base64 { what: WHAT, source })?;
        let (crc, time) = bytes.split_first_chunk::<16>().ok_or(Error::Malformed {
            what: WHAT,
            reason: "it ends inside the checksum",
        })?;
        let (mtime, _) = time::decode_u64(time)?;
        Ok(Self::new(Crc(*crc), size, mtime.cast_signed()))
    }

    /// Writes the attribute `c`: base64 of the checksum and the time, 23 to 34 characters.
    pub fn to_attribute(&self) -> String {
        let mut bytes = Vec::with_capacity(25);
        bytes.extend_from_slice(&self.crc.0);
        bytes.extend_from_slice(Serialize64::signed(self.mtime).as_bytes());
        base64::encode(&bytes)
    }

    /// Reads the form with the size in front that the SDK gives to applications
    /// (crypto-and-accounts 7.6). It is never sent to the server.
    ///
    /// # Errors
    ///
    /// [`Error::Base64`] or [`Error::Malformed`].
    pub fn from_application_text(text: &str) -> Result<Self, Error> {
        let malformed = |reason| Error::Malformed { what: WHAT, reason };
        let (len, rest) = text
            .as_bytes()
            .split_first()
            .ok_or(malformed("it is empty"))?;
        let len = len
            .checked_sub(b'A')
            .ok_or(malformed("its first character is no length"))?;
        let (size, c) = rest
            .split_at_checked(usize::from(len))
            .ok_or(malformed("it ends inside the size"))?;
        let size = base64::decode(size).map_err(|source| Error::Base64 { what: WHAT, source })?;
        let (size, rest) = time::decode_u64(&size)?;
        if !rest.is_empty() {
            return Err(malformed("the size is longer than it says"));
        }
        let c = core::str::from_utf8(c).map_err(|_| malformed("it is not ASCII"))?;
        Self::from_attribute(c, size)
    }

    /// Writes the form with the size in front: one character for the length of the size, the size (2 to 12 characters), and
    /// what [`to_attribute`](Self::to_attribute) gives (SDK `src/megaapi_impl.cpp`; crypto-and-accounts 7.6).
    pub fn to_application_text(&self) -> String {
        let size = base64::encode(Serialize64::unsigned(self.size).as_bytes());
        let mut text = String::with_capacity(1 + size.len() + 34);
        // At most 12 characters.
        text.push(char::from(b'A' + size.len() as u8));
        text.push_str(&size);
        text.push_str(&self.to_attribute());
        text
    }

    /// Whether two files count as equal: same size, same samples, times at most
    /// [`TIME_TOLERANCE`](Self::TIME_TOLERANCE) apart, both fingerprints valid
    /// (crypto-and-accounts 7.5).
    ///
    /// If only the times differ ([`same_content`](Self::same_content)), update `c` instead of
    /// uploading.
    pub const fn matches(&self, other: &Self) -> bool {
        self.same_content(other) && self.mtime.abs_diff(other.mtime) <= Self::TIME_TOLERANCE
    }

    /// Whether size and samples are the same, whatever the times say.
    pub const fn same_content(&self, other: &Self) -> bool {
        self.valid && other.valid && self.size == other.size && self.crc.equals(&other.crc)
    }

    /// The checksum of the samples.
    pub const fn crc(&self) -> Crc {
        self.crc
    }

    /// The size of the file in bytes.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The modification time in seconds since 1970.
    pub const fn mtime(&self) -> i64 {
        self.mtime
    }

    /// Whether it was made from a content, and not only stands in for an attribute that is missing.
    pub const fn is_valid(&self) -> bool {
        self.valid
    }
}

pub(crate) const WHAT: &str = "fingerprint";

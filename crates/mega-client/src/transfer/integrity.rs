//! What was proven about a content, and what is demanded.

use std::fmt;
use std::ops::Range;

use mega_crypto::content::{EmptyFileMac, MacMatch};

/// What was proven about a content that came from the service.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Integrity {
    /// All of it is what the uploader encrypted: its condensed MAC is the one in the node key.
    Verified,
    /// The same, except that the MAC is the one that megajs writes for sizes on a chunk border: of
    /// all chunks and an empty one (threat model, DL-8).
    VerifiedMegajs,
    /// The file is empty, and its key is one that a client makes for an empty file (DL-7).
    VerifiedEmpty,
    /// The file is said to be empty, though its key was made for some content. Only with
    /// [`IntegrityPolicy::accept_unproven_length`].
    LengthUnverified,
    /// Verified except for these ranges of bytes, which an old bug of the official client left out of
    /// the MAC. Only with [`IntegrityPolicy::tolerate_legacy_gaps`] (DL-6).
    VerifiedExcept(Vec<Range<u64>>),
    /// Nothing is proven: only a part was read (DL-4).
    Unverified,
}

impl Integrity {
    /// Whether every byte is authentic.
    #[must_use]
    pub fn is_verified(&self) -> bool {
        matches!(
            self,
            Self::Verified | Self::VerifiedMegajs | Self::VerifiedEmpty
        )
    }

    pub(crate) fn from_match(found: MacMatch) -> Self {
        match found {
            MacMatch::Exact => Self::Verified,
            MacMatch::Empty(EmptyFileMac::EmptyChunk) => Self::VerifiedMegajs,
            MacMatch::Empty(_) => Self::VerifiedEmpty,
            MacMatch::ExtraEmptyChunk => Self::VerifiedMegajs,
            MacMatch::Gaps(ranges) => Self::VerifiedExcept(ranges),
            // A variant that this version does not know proves nothing.
            _ => Self::Unverified,
        }
    }
}

impl fmt::Display for Integrity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Verified => f.write_str("verified"),
            Self::VerifiedMegajs => f.write_str("verified (megajs variant)"),
            Self::VerifiedEmpty => f.write_str("verified (empty)"),
            Self::LengthUnverified => f.write_str("not verified: the key does not say it is empty"),
            Self::VerifiedExcept(ranges) => {
                f.write_str("verified except bytes")?;
                for (at, range) in ranges.iter().enumerate() {
                    let comma = if at == 0 { "" } else { "," };
                    write!(f, "{comma} {}..{}", range.start, range.end)?;
                }
                Ok(())
            }
            Self::Unverified => f.write_str("unverified"),
        }
    }
}

/// What the length of a verified content rests on. The MAC pads the last block with zeros, so it
/// cannot tell up to 15 trailing zero bytes more or less (threat model, ATT-15).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LengthProof {
    /// On the fingerprint in the node's attributes, which agrees with the content (DL-9).
    Fingerprint,
    /// On what the service says: there is no fingerprint, or the file is so short that its
    /// fingerprint has the same blind spot.
    AssertedByServer,
}

impl fmt::Display for LengthProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fingerprint => "proven by the fingerprint",
            Self::AssertedByServer => "asserted by the server",
        })
    }
}

/// What is demanded of a content before it is handed over. The default is everything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IntegrityPolicy {
    legacy_gaps: bool,
    unproven_length: bool,
    wrong_fingerprint: bool,
}

impl IntegrityPolicy {
    /// Accepts files whose MAC an old bug of the official client made without some late chunks. The
    /// receipt names the bytes that are not authenticated (DL-6).
    #[must_use]
    pub fn tolerate_legacy_gaps(mut self) -> Self {
        self.legacy_gaps = true;
        self
    }

    /// Accepts a file that is said to be empty although its key was made for some content (DL-7).
    #[must_use]
    pub fn accept_unproven_length(mut self) -> Self {
        self.unproven_length = true;
        self
    }

    /// Accepts a content whose MAC holds although the fingerprint in the node's attributes is another
    /// one: some client wrote a wrong fingerprint (DL-9).
    #[must_use]
    pub fn accept_wrong_fingerprint(mut self) -> Self {
        self.wrong_fingerprint = true;
        self
    }

    pub(crate) fn mac(self) -> mega_crypto::content::MacPolicy {
        if self.legacy_gaps {
            mega_crypto::content::MacPolicy::TolerateLegacyGaps
        } else {
            mega_crypto::content::MacPolicy::Strict
        }
    }

    pub(crate) fn accepts_unproven_length(self) -> bool {
        self.unproven_length
    }

    pub(crate) fn accepts_wrong_fingerprint(self) -> bool {
        self.wrong_fingerprint
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_proven_reads_as_a_sentence() {
        assert_eq!(Integrity::Verified.to_string(), "verified");
        assert_eq!(
            Integrity::VerifiedMegajs.to_string(),
            "verified (megajs variant)"
        );
        let gaps = Integrity::VerifiedExcept(vec![0..16, 32..48]);
        assert_eq!(gaps.to_string(), "verified except bytes 0..16, 32..48");
        assert!(!gaps.is_verified());
        assert!(!Integrity::Unverified.is_verified());
    }
}

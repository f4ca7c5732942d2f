//! What is known of a remote file before it is fetched, and of a content after it is sent.

use mega_crypto::FileKey;
use mega_crypto::content::{ContentCipher, ContentKey, MetaMac};
use mega_crypto::fingerprint::{Crc, CrcSampler, Fingerprint};
use mega_protocol::commands::DownloadSource;
use zeroize::Zeroizing;

use super::integrity::{Integrity, IntegrityPolicy, LengthProof};
use crate::error::{Error, ErrorKind, Result};

/// A file of the service: where its address is asked for, and what its content must be.
#[derive(Clone)]
pub(crate) struct RemoteFile {
    pub(crate) source: DownloadSource,
    pub(crate) size: u64,
    pub(crate) key: FileKey,
    /// From the attribute `c`, if the node has a readable one.
    pub(crate) fingerprint: Option<Fingerprint>,
}

impl RemoteFile {
    /// Whether both are the same file, with the same content.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.source == other.source
            && self.size == other.size
            && self.key.expose_secret() == other.key.expose_secret()
    }

    /// The cipher of its content.
    pub(crate) fn cipher(&self) -> ContentCipher {
        ContentCipher::new(&content_key(&self.key).0)
    }

    /// The condensed MAC that its content must have.
    pub(crate) fn meta_mac(&self) -> MetaMac {
        content_key(&self.key).1
    }

    /// Compares the checksum of what arrived with the fingerprint (DL-9).
    ///
    /// `crc` computes the checksum of the content: the right one, or when it is given `true`, the one
    /// that old clients made with 32-bit arithmetic, if that differs (crypto-and-accounts 7.2).
    pub(crate) fn length_proof(
        &self,
        policy: IntegrityPolicy,
        mut crc: impl FnMut(bool) -> std::io::Result<Option<Crc>>,
    ) -> Result<LengthProof> {
        let read = |error| Error::io("the content cannot be read again", error);
        let Some(wanted) = self.fingerprint.filter(Fingerprint::is_valid) else {
            return Ok(LengthProof::AssertedByServer);
        };
        let mut agrees = crc(false).map_err(read)? == Some(wanted.crc());
        if !agrees {
            agrees = crc(true).map_err(read)? == Some(wanted.crc());
        }
        match (agrees, self.size) {
            // Up to 16 bytes the checksum is the content padded with zeros: the same blind spot.
            (true, 0..=16) => Ok(LengthProof::AssertedByServer),
            (true, _) => Ok(LengthProof::Fingerprint),
            (false, _) if policy.accepts_wrong_fingerprint() => Ok(LengthProof::AssertedByServer),
            (false, _) => Err(Error::new(
                ErrorKind::Integrity,
                "the content has the right MAC but not the fingerprint of the node: \
                 its end was cut or padded, or a client wrote a wrong fingerprint",
            )),
        }
    }

    /// What an empty content proves (DL-7).
    pub(crate) fn empty(&self, policy: IntegrityPolicy) -> Result<Integrity> {
        let none = mega_crypto::content::CondensedMac::new();
        match none.verify(&self.cipher(), 0, &self.meta_mac(), policy.mac()) {
            Ok(found) => Ok(Integrity::from_match(found)),
            Err(_) if policy.accepts_unproven_length() => Ok(Integrity::LengthUnverified),
            Err(error) => Err(integrity_error(error)),
        }
    }
}

impl std::fmt::Debug for RemoteFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RemoteFile")
            .field("source", &self.source)
            .field("size", &self.size)
            .finish_non_exhaustive()
    }
}

/// The error for a content that is not what its key was made for.
pub(crate) fn integrity_error(error: mega_crypto::content::MacError) -> Error {
    Error::new(ErrorKind::Integrity, error.to_string()).caused_by(error)
}

/// The checksum of a content that can be read anywhere; with `legacy`, the one of old clients, or
/// `None` where that is the same.
pub(crate) fn sample_crc(
    size: u64,
    legacy: bool,
    mut read: impl FnMut(u64, &mut [u8]) -> std::io::Result<()>,
) -> std::io::Result<Option<Crc>> {
    let sampler = if legacy {
        CrcSampler::legacy(size)
    } else {
        Some(CrcSampler::new(size))
    };
    let Some(mut sampler) = sampler else {
        return Ok(None);
    };
    let mut sample = Vec::new();
    while let Some(wanted) = sampler.wanted() {
        let len = usize::try_from(wanted.end.saturating_sub(wanted.start));
        sample.resize(len.map_err(std::io::Error::other)?, 0);
        read(wanted.start, &mut sample)?;
        sampler.supply(&sample).map_err(std::io::Error::other)?;
    }
    sampler.finish().map(Some).map_err(std::io::Error::other)
}

/// A file key taken apart: what encrypts the content, and the MAC it must have (crypto-and-accounts
/// 4.1, 6.3).
pub(crate) fn content_key(key: &FileKey) -> (ContentKey, MetaMac) {
    let [
        ..,
        n0,
        n1,
        n2,
        n3,
        n4,
        n5,
        n6,
        n7,
        m0,
        m1,
        m2,
        m3,
        m4,
        m5,
        m6,
        m7,
    ] = *key.expose_secret();
    let nonce = [n0, n1, n2, n3, n4, n5, n6, n7];
    let mac = MetaMac([m0, m1, m2, m3, m4, m5, m6, m7]);
    (
        ContentKey::new(*key.attribute_key().expose_secret(), nonce),
        mac,
    )
}

/// The node key of a new file: the reverse.
pub(crate) fn file_key(key: &ContentKey, mac: MetaMac) -> Result<FileKey> {
    let mut bytes = Zeroizing::new([0; 32]);
    let right = key.expose_nonce().iter().chain(&mac.0);
    let left = key
        .expose_aes_key()
        .iter()
        .zip(right.clone())
        .map(|(key, right)| key ^ right);
    for (to, from) in bytes.iter_mut().zip(left.chain(right.copied())) {
        *to = from;
    }
    FileKey::from_bytes(*bytes)
        .map_err(|error| Error::new(ErrorKind::Key, "no usable key for the file").caused_by(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_key_comes_apart_and_together_again() {
        let key = ContentKey::new([7; 16], [1, 2, 3, 4, 5, 6, 7, 8]);
        let mac = MetaMac([9, 8, 7, 6, 5, 4, 3, 2]);
        let whole = file_key(&key, mac).unwrap();
        assert_eq!(whole.expose_secret()[..2], [7 ^ 1, 7 ^ 2]);
        assert_eq!(
            whole.expose_secret()[16..],
            [1, 2, 3, 4, 5, 6, 7, 8, 9, 8, 7, 6, 5, 4, 3, 2]
        );
        assert_eq!(content_key(&whole), (key, mac));
    }
}

//! Proof that a local file is the same as a remote one, without downloading it.

use std::fmt;
use std::fs::File;
use std::future::IntoFuture;
use std::io::Read;
use std::path::{Path, PathBuf};

use mega_crypto::content::{ContentVerifier, LocalMismatch, MacError};
use mega_crypto::fingerprint::Fingerprint;

use super::BoxFuture;
use super::integrity::{Integrity, IntegrityPolicy, LengthProof};
use super::local::{Stamp, blocking, read_exact_at};
use super::progress::{Meter, Progress};
use super::remote::{RemoteFile, content_key, sample_crc};
use super::source::LocalFile;
use crate::error::{Error, ErrorKind, Result};
use crate::{Client, Target};

/// What a comparison of a local file with a remote one has found.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// The local content is the one that the node's key was made for.
    Equal(Integrity),
    /// The sizes differ, so the contents do.
    DifferentSize {
        /// Bytes of the local file.
        local: u64,
        /// Bytes of the remote one.
        remote: u64,
    },
    /// The sizes are equal, the contents are not.
    DifferentContent,
    /// Nothing can be said: the node's key does not prove the content, as for an empty file whose key was
    /// made for something else.
    Unverifiable,
}

impl Verdict {
    /// Whether the contents are proven to be the same.
    #[must_use]
    pub fn is_equal(&self) -> bool {
        matches!(self, Self::Equal(_))
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Equal(integrity) => write!(f, "equal ({integrity})"),
            Self::DifferentSize { local, remote } => {
                write!(f, "different: {local} bytes here, {remote} bytes there")
            }
            Self::DifferentContent => f.write_str("different content of the same size"),
            Self::Unverifiable => f.write_str("not verifiable: the key does not prove the content"),
        }
    }
}

impl Client {
    /// Proves that a local file is the same as a remote one, or that it is not, by the condensed MAC in
    /// the node's key. Nothing is downloaded; the local file is read once.
    ///
    /// ```
    /// # async fn doc() -> Result<(), Box<dyn std::error::Error>> {
    /// # let server = mega_testserver::TestServer::start().await?;
    /// # server.account("me@example.com", "secret").create();
    /// # let login = mega_client::Credentials::new("me@example.com", "secret");
    /// # let mega = mega_client::Client::builder().origin(server.url()).login(login).await?;
    /// # let folder = tempfile::tempdir()?;
    /// let local = folder.path().join("notes.txt");
    /// std::fs::write(&local, "buy milk")?;
    /// mega.upload(&local, "/notes.txt").await?;
    /// assert!(mega.verify(&local, "/notes.txt").await?.is_equal());
    /// # Ok(()) }
    /// # tokio::runtime::Runtime::new().unwrap().block_on(doc()).unwrap();
    /// ```
    pub fn verify(&self, local: impl AsRef<Path>, target: impl Into<Target>) -> Verify {
        Verify {
            client: self.clone(),
            local: local.as_ref().to_path_buf(),
            target: target.into(),
            policy: IntegrityPolicy::default(),
            progress: Progress::new(),
        }
    }
}

/// A comparison of a local file with a remote one; await it.
///
/// # Errors
///
/// [`NotFound`](crate::ErrorKind::NotFound) if there is no such node or local file,
/// [`Key`](crate::ErrorKind::Key) if the node has no usable key, [`Io`](crate::ErrorKind::Io).
///
/// Cancel safe: nothing is changed. A comparison that has begun reads the local file to its end; [`progress`](Self::progress) stops that, too.
#[derive(Debug)]
#[must_use = "nothing happens until it is awaited"]
pub struct Verify {
    client: Client,
    local: PathBuf,
    target: Target,
    policy: IntegrityPolicy,
    progress: Progress,
}

impl Verify {
    /// Shows how far it is, and lets somebody stop it.
    pub fn progress(mut self, progress: &Progress) -> Self {
        self.progress = progress.clone();
        self
    }

    /// What is accepted besides an exact proof.
    pub fn integrity(mut self, policy: IntegrityPolicy) -> Self {
        self.policy = policy;
        self
    }
}

impl IntoFuture for Verify {
    type Output = Result<Verdict>;
    type IntoFuture = BoxFuture<Result<Verdict>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let remote = self
                .client
                .remote_file(&self.target)
                .map_err(|error| error.during("verify").about(self.target.to_string()))?;
            let (path, policy) = (self.local.clone(), self.policy);
            let progress = self.progress.clone();
            let work = async {
                let opened = blocking(move || LocalFile::open(&path)).await??;
                progress.expect(1, opened.stamp.size);
                let inside = progress.clone();
                let verdict = blocking(move || {
                    compare(&opened.file, &remote, policy, Some(&Meter::new(&inside)))
                })
                .await??;
                progress.file_done();
                Ok(verdict)
            };
            let shown = self.local.display().to_string();
            self.progress
                .unless_cancelled(work)
                .await
                .map_err(|error: Error| error.during("verify").about(shown))
        })
    }
}

/// Compares an open local file with a remote one. Sizes first, then the checksum of the fingerprint,
/// then the MAC over everything. It waits for the disk, so it belongs on a thread for that. A meter
/// whose transfer was cancelled ends it early.
pub(crate) fn compare(
    local: &File,
    remote: &RemoteFile,
    policy: IntegrityPolicy,
    meter: Option<&Meter>,
) -> Result<Verdict> {
    compare_with_length(local, remote, policy, meter).map(|(verdict, _)| verdict)
}

/// The same, and what an equal length rests on.
pub(crate) fn compare_with_length(
    local: &File,
    remote: &RemoteFile,
    policy: IntegrityPolicy,
    meter: Option<&Meter>,
) -> Result<(Verdict, LengthProof)> {
    let failed = |error| Error::io("the local file cannot be read", error);
    let unproven = |verdict| Ok((verdict, LengthProof::AssertedByServer));
    let stamp = Stamp::of(&local.metadata().map_err(failed)?);
    if stamp.size != remote.size {
        return unproven(Verdict::DifferentSize {
            local: stamp.size,
            remote: remote.size,
        });
    }
    // A few samples tell most different contents apart. They also see what the MAC cannot, which pads
    // with zeros (ATT-15).
    let samples = remote.length_proof(policy, |legacy| {
        sample_crc(remote.size, legacy, |at, sample| {
            read_exact_at(local, sample, at)
        })
    });
    let length = match samples {
        Ok(length) => length,
        Err(error) if error.kind() == ErrorKind::Integrity => {
            return unproven(Verdict::DifferentContent);
        }
        // A file that cannot be read is neither equal nor different; but one that was cut since its size was taken is.
        Err(error) => {
            let now = local.metadata().map_err(failed)?.len();
            if now == remote.size {
                return Err(error);
            }
            return unproven(Verdict::DifferentSize {
                local: now,
                remote: remote.size,
            });
        }
    };
    let mut verifier = ContentVerifier::new(&content_key(&remote.key).0, remote.size);
    let mut file = local;
    std::io::Seek::rewind(&mut file).map_err(failed)?;
    let mut piece = Vec::new();
    loop {
        if meter.is_some_and(Meter::is_cancelled) {
            return Err(Error::new(ErrorKind::Cancelled, "it was cancelled"));
        }
        piece.clear();
        let got = file.take(PIECE).read_to_end(&mut piece).map_err(failed)?;
        if got == 0 {
            break;
        }
        match verifier.update(&piece) {
            Ok(()) => {}
            Err(LocalMismatch::Longer { .. }) => {
                // It grew since its size was taken.
                let local = local.metadata().map_err(failed)?.len();
                return unproven(Verdict::DifferentSize {
                    local,
                    remote: remote.size,
                });
            }
            Err(error) => {
                return Err(Error::misuse("the chunk MACs cannot be collected").caused_by(error));
            }
        }
        if let Some(meter) = meter {
            meter.add(u64::try_from(got).unwrap_or(0));
        }
    }
    Ok((verdict(verifier, remote, policy)?, length))
}

/// The same for a content in memory. It computes for as long as that takes.
pub(crate) fn compare_bytes(
    bytes: &[u8],
    remote: &RemoteFile,
    policy: IntegrityPolicy,
) -> Result<Verdict> {
    let local = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    if local != remote.size {
        return Ok(Verdict::DifferentSize {
            local,
            remote: remote.size,
        });
    }
    let samples = remote.length_proof(policy, |legacy| {
        sample_crc(remote.size, legacy, |at, sample| {
            let rest = usize::try_from(at).ok().and_then(|at| bytes.get(at..));
            let found = rest.and_then(|rest| rest.get(..sample.len()));
            sample.copy_from_slice(found.ok_or(std::io::ErrorKind::UnexpectedEof)?);
            Ok(())
        })
    });
    if samples.is_err() {
        return Ok(Verdict::DifferentContent);
    }
    let mut verifier = ContentVerifier::new(&content_key(&remote.key).0, remote.size);
    verifier
        .update(bytes)
        .map_err(|error| Error::misuse("the chunk MACs cannot be collected").caused_by(error))?;
    verdict(verifier, remote, policy)
}

/// What the MAC of a content says, once all of it was seen.
fn verdict(
    verifier: ContentVerifier,
    remote: &RemoteFile,
    policy: IntegrityPolicy,
) -> Result<Verdict> {
    let integrity = match verifier.finish(&remote.meta_mac(), policy.mac()) {
        Ok(found) => Integrity::from_match(found),
        Err(LocalMismatch::Shorter { actual, .. }) => {
            return Ok(Verdict::DifferentSize {
                local: actual,
                remote: remote.size,
            });
        }
        Err(LocalMismatch::Content(MacError::LengthUnverified)) => {
            return Ok(Verdict::Unverifiable);
        }
        Err(_) => return Ok(Verdict::DifferentContent),
    };
    Ok(Verdict::Equal(integrity))
}

/// The fingerprint that a remote file should have, if a local one is proven to be its content by the MAC over everything; the fingerprint that it has is
/// not asked. It waits for the disk.
pub(crate) fn proven_fingerprint(
    path: &std::path::Path,
    remote: &RemoteFile,
    progress: &Progress,
) -> Result<Option<Fingerprint>> {
    let failed = |error| Error::io("the local file cannot be read", error);
    let local = File::open(path).map_err(failed)?;
    let stamp = Stamp::of(&local.metadata().map_err(failed)?);
    let policy = IntegrityPolicy::default().accept_wrong_fingerprint();
    if stamp.size != remote.size {
        return Ok(None);
    }
    progress.expect(0, stamp.size);
    let meter = Meter::new(progress);
    if !compare(&local, remote, policy, Some(&meter))?.is_equal() {
        meter.complete(stamp.size);
        return Ok(None);
    }
    let crc = sample_crc(remote.size, false, |at, sample| {
        read_exact_at(&local, sample, at)
    });
    let crc = crc.map_err(failed)?;
    let modified = super::publish::unix_time(stamp.modified);
    Ok(crc.map(|crc| Fingerprint::new(crc, remote.size, modified)))
}

/// How much is read at once: enough chunks for the engine to work on side by side.
const PIECE: u64 = 4 << 20;

#[cfg(test)]
mod tests {
    use mega_crypto::FileKey;
    use mega_crypto::fingerprint::{Crc, Fingerprint};
    use mega_protocol::NodeHandle;
    use mega_protocol::commands::DownloadSource;

    use super::*;

    #[test]
    fn a_local_file_that_cannot_be_read_is_not_called_different() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, [7; 100]).unwrap();
        let remote = RemoteFile {
            source: DownloadSource::Node(NodeHandle::from_bytes([1; 6])),
            size: 100,
            key: FileKey::from_bytes(std::array::from_fn(|at| at as u8)).unwrap(),
            fingerprint: Some(Fingerprint::new(Crc([9; 16]), 100, 0)),
        };
        let policy = IntegrityPolicy::default();
        let readable = File::open(&path).unwrap();
        let verdict = compare(&readable, &remote, policy, None).unwrap();
        assert_eq!(verdict, Verdict::DifferentContent);
        let unreadable = File::options().append(true).open(&path).unwrap();
        let error = compare(&unreadable, &remote, policy, None).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Io, "{error}");
    }
}

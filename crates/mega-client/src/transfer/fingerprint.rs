//! What tells most files apart without reading them whole.

use std::fmt;
use std::path::Path;
use std::str::FromStr;
use std::time::SystemTime;

use super::local::{blocking, read_exact_at};
use super::publish::unix_time;
use super::remote::sample_crc;
use super::source::LocalFile;
use crate::error::{Error, Result};
use crate::node::{Node, time_from_unix};

/// The fingerprint of a file: its size, its modification time, and a checksum of a few KiB of samples. Official clients put one on each file that they upload.
///
/// It answers at once whether a local file is likely to be a remote one, and it is **no proof**: what lies between the samples is not in it, and whoever can write
/// to the account can write any fingerprint. [`Client::verify`](crate::Client::verify) proves it.
///
/// ```
/// # async fn doc() -> Result<(), Box<dyn std::error::Error>> {
/// # let server = mega_testserver::TestServer::start().await?;
/// # server.account("me@example.com", "secret").create();
/// # let login = mega_client::Credentials::new("me@example.com", "secret");
/// # let mega = mega_client::Client::builder().origin(server.url()).login(login).await?;
/// # let folder = tempfile::tempdir()?;
/// # let local = folder.path().join("notes.txt");
/// use mega_client::Fingerprint;
///
/// std::fs::write(&local, "buy milk")?;
/// let node = mega.upload(&local, "/notes.txt").await?;
/// assert_eq!(node.fingerprint(), Some(Fingerprint::of_file(&local).await?));
///
/// std::fs::write(&local, "buy tea!")?; // as long as before
/// let now = Fingerprint::of_file(&local).await?;
/// assert!(!node.fingerprint().is_some_and(|then| then.same_content(&now)));
/// # Ok(()) }
/// # tokio::runtime::Runtime::new().unwrap().block_on(doc()).unwrap();
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint(mega_crypto::fingerprint::Fingerprint);

impl Fingerprint {
    /// That of a local file. At most a few KiB of it are read.
    ///
    /// # Errors
    ///
    /// [`NotFound`](crate::ErrorKind::NotFound), [`IsADirectory`](crate::ErrorKind::IsADirectory), [`Unsupported`](crate::ErrorKind::Unsupported) for what is no ordinary file,
    /// [`Io`](crate::ErrorKind::Io).
    ///
    /// Cancel safe: nothing is written.
    pub async fn of_file(local: impl AsRef<Path>) -> Result<Self> {
        let path = local.as_ref().to_path_buf();
        let shown = path.display().to_string();
        let read = blocking(move || {
            let opened = LocalFile::open(&path)?;
            let crc = sample_crc(opened.stamp.size, false, |at, sample| {
                read_exact_at(&opened.file, sample, at)
            });
            let crc = crc.map_err(|error| Error::io("the local file cannot be read", error))?;
            // Only the older checksum has sizes without one.
            let crc = crc.ok_or_else(|| Error::misuse("there is no checksum for this size"))?;
            let modified = unix_time(opened.stamp.modified);
            Ok(Self(mega_crypto::fingerprint::Fingerprint::new(
                crc,
                opened.stamp.size,
                modified,
            )))
        });
        let read = async { read.await? };
        read.await
            .map_err(|error: Error| error.during("fingerprint").about(shown))
    }

    /// The size in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.0.size()
    }

    /// The modification time, in whole seconds.
    #[must_use]
    pub fn modified(&self) -> SystemTime {
        time_from_unix(self.0.mtime())
    }

    /// Whether the contents are likely to be the same: size and samples are, whatever the times.
    #[must_use]
    pub fn same_content(&self, other: &Self) -> bool {
        self.0.same_content(&other.0)
    }

    /// Whether it is likely to be the same file, unchanged: as [`same_content`](Self::same_content), and the times are at most two seconds apart, which is how some file
    /// systems and archives round.
    #[must_use]
    pub fn matches(&self, other: &Self) -> bool {
        self.0.matches(&other.0)
    }
}

impl Node {
    /// The fingerprint that its uploader noted; `None` for folders and for files without a readable one.
    #[must_use]
    pub fn fingerprint(&self) -> Option<Fingerprint> {
        if !self.is_file() {
            return None;
        }
        let text = crate::attributes::fingerprint_in(self.attribute_text())?;
        let text = std::str::from_utf8(&text).ok()?;
        let read = mega_crypto::fingerprint::Fingerprint::from_attribute(text, self.size());
        read.ok().map(Fingerprint)
    }
}

/// As the SDK gives it to applications: letters, digits, `-` and `_`. It reads back with [`parse`](str::parse).
impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.to_application_text())
    }
}

/// Without the checksum, which for a very short file is its content.
impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fingerprint")
            .field("size", &self.size())
            .field("modified", &self.0.mtime())
            .finish_non_exhaustive()
    }
}

impl FromStr for Fingerprint {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        mega_crypto::fingerprint::Fingerprint::from_application_text(text)
            .map(Self)
            .map_err(|error| Error::misuse("this is no fingerprint").caused_by(error))
    }
}

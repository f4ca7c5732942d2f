//! Addresses of storage hosts: read strictly when they arrive, checked against the policy when used.

use std::fmt;

use super::ByteRange;
use crate::json::FromText;
use crate::url::{ServerUrl, UrlError, UrlPolicy, UrlUse};

/// Where to upload one file. The address is the permission: whoever has it may write.
#[derive(Clone, PartialEq, Eq)]
pub struct UploadUrl(ServerUrl);

/// Where to download one file, or one part of a file stored in parts. The address is the
/// permission: whoever has it may read the encrypted bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct DownloadUrl(ServerUrl);

impl UploadUrl {
    /// Reads an address, for example from a resume journal.
    ///
    /// # Errors
    ///
    /// When it is not of the accepted form.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        storage_url(text).map(Self)
    }

    /// The address itself.
    pub fn expose(&self) -> &ServerUrl {
        &self.0
    }

    /// The address of one part of the file: `{address}/{offset}?d={checksum}`.
    ///
    /// # Errors
    ///
    /// When the policy does not allow the address.
    pub fn part(
        &self,
        policy: &UrlPolicy,
        offset: u64,
        checksum: [u8; 12],
    ) -> Result<ServerUrl, UrlError> {
        policy.check(&self.0, UrlUse::Upload)?;
        self.0
            .join_text(&format!("/{offset}?d={}", crate::base64::encode(&checksum)))
    }

    /// The address as it is, for file attributes.
    ///
    /// # Errors
    ///
    /// When the policy does not allow it.
    pub fn plain(&self, policy: &UrlPolicy) -> Result<ServerUrl, UrlError> {
        policy.check(&self.0, UrlUse::Upload)?;
        Ok(self.0.clone())
    }
}

impl DownloadUrl {
    /// Reads an address, for example from a resume journal.
    ///
    /// # Errors
    ///
    /// When it is not of the accepted form.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        storage_url(text).map(Self)
    }

    /// The address itself.
    pub fn expose(&self) -> &ServerUrl {
        &self.0
    }

    /// The address of a range: `{address}/{first}-{last}`, both included.
    ///
    /// # Errors
    ///
    /// When the policy does not allow the address.
    pub fn range(&self, policy: &UrlPolicy, range: ByteRange) -> Result<ServerUrl, UrlError> {
        policy.check(&self.0, UrlUse::Download)?;
        self.0
            .join_text(&format!("/{}-{}", range.first(), range.last()))
    }

    /// The address as it is, for file attributes.
    ///
    /// # Errors
    ///
    /// When the policy does not allow it.
    pub fn plain(&self, policy: &UrlPolicy) -> Result<ServerUrl, UrlError> {
        policy.check(&self.0, UrlUse::Download)?;
        Ok(self.0.clone())
    }
}

/// A path is needed, and a query would swallow what is appended.
fn storage_url(text: &str) -> Result<ServerUrl, UrlError> {
    let url = ServerUrl::parse(text)?;
    let path = url.path_and_query();
    if path.len() < 2 || path.ends_with('/') || url.has_query() {
        return Err(UrlError::Malformed);
    }
    Ok(url)
}

impl FromText for UploadUrl {
    const WHAT: &'static str = "upload address";

    fn from_text(text: &str) -> Option<Self> {
        Self::parse(text).ok()
    }
}

impl FromText for DownloadUrl {
    const WHAT: &'static str = "download address";

    fn from_text(text: &str) -> Option<Self> {
        Self::parse(text).ok()
    }
}

impl fmt::Debug for UploadUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UploadUrl({})", self.0)
    }
}

impl fmt::Debug for DownloadUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DownloadUrl({})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_parts_and_ranges_have_the_form_of_the_protocol() {
        let policy = UrlPolicy::default();
        let up = UploadUrl::parse("https://gfs1.userstorage.mega.co.nz/ul/T").unwrap();
        let part = up.part(&policy, 131_072, [0; 12]).unwrap();
        assert_eq!(
            part.as_str(),
            "https://gfs1.userstorage.mega.co.nz/ul/T/131072?d=AAAAAAAAAAAAAAAA"
        );
        let down = DownloadUrl::parse("https://gfs1.userstorage.mega.co.nz/dl/T").unwrap();
        let range = down
            .range(&policy, ByteRange::new(16, 32).unwrap())
            .unwrap();
        assert_eq!(
            range.as_str(),
            "https://gfs1.userstorage.mega.co.nz/dl/T/16-47"
        );
        assert_eq!(
            format!("{down:?}"),
            "DownloadUrl(https://gfs1.userstorage.mega.co.nz/..)"
        );
    }

    #[test]
    fn net_3_an_address_elsewhere_is_refused_when_used() {
        let down = DownloadUrl::parse("https://storage.example/dl/T").unwrap();
        let range = ByteRange::new(0, 1).unwrap();
        assert_eq!(
            down.range(&UrlPolicy::default(), range),
            Err(UrlError::Host)
        );
        for bad in [
            "https://mega.nz",
            "https://mega.nz/",
            "https://mega.nz/dl?x=1",
        ] {
            assert!(DownloadUrl::parse(bad).is_err(), "{bad}");
        }
    }
}

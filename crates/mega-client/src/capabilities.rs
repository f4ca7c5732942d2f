//! What a client can do, to be asked before it is tried.

use mega_protocol::Identity as Wire;

use crate::Client;
use crate::client::Identity;

/// What a client can do. A call for something that it cannot do is an error of the kind [`Unsupported`](crate::ErrorKind::Unsupported) and
/// changes nothing (conformance GN-1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Capabilities {
    /// List, look and read: always.
    pub read: bool,
    /// Make folders and files: accounts, and writable folder links.
    pub create: bool,
    /// Rename, move, delete, restore, edit: accounts.
    pub change: bool,
    /// Older versions, quota, sessions, the rubbish bin: accounts.
    pub account: bool,
    /// Links, shares and contacts: accounts.
    pub share: bool,
    /// Changes by others as they happen: everything but links to single files.
    pub watch: bool,
    /// Appending to a file. MEGA cannot: the condensed MAC in the key covers the whole content, so a changed file is a new file. Write the
    /// file anew; the old one stays as a version.
    pub append: bool,
    /// Modification times of files, in whole seconds; folders have none.
    pub modified: bool,
}

impl Client {
    /// What this client can do.
    #[must_use]
    pub fn capabilities(&self) -> Capabilities {
        let account = matches!(self.inner.identity, Identity::Account(_));
        let writable = matches!(
            (&self.inner.identity, self.api().identity()),
            (
                Identity::FolderLink { .. },
                Wire::FolderLink {
                    write_auth: Some(_),
                    ..
                }
            )
        );
        Capabilities {
            read: true,
            create: account || writable,
            change: account,
            account,
            share: account,
            watch: !matches!(self.inner.identity, Identity::FileLink(_)),
            append: false,
            modified: true,
        }
    }
}

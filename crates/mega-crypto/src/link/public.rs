use alloc::string::String;

use zeroize::Zeroizing;

use super::{SITE, parse};
use crate::secret::{opaque, secret_bytes};
use crate::{Error, FileKey, NodeHandle, PublicHandle, ShareKey, base64};

/// A link to a file, a folder or a collection.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicLink {
    kind: LinkKind,
    handle: PublicHandle,
    key: Option<LinkKey>,
    sub_node: Option<SubNode>,
    write_auth: Option<WriteAuth>,
}

impl PublicLink {
    /// A link without a key, as far as its handle goes.
    pub const fn new(kind: LinkKind, handle: PublicHandle) -> Self {
        Self {
            kind,
            handle,
            key: None,
            sub_node: None,
            write_auth: None,
        }
    }

    /// A link to a file.
    pub fn file(handle: PublicHandle, key: FileKey) -> Self {
        Self {
            key: Some(LinkKey::File(key)),
            ..Self::new(LinkKind::File, handle)
        }
    }

    /// A link to a folder.
    pub fn folder(handle: PublicHandle, key: ShareKey) -> Self {
        Self {
            key: Some(LinkKey::Folder(key)),
            ..Self::new(LinkKind::Folder, handle)
        }
    }

    /// What it points at.
    pub const fn kind(&self) -> LinkKind {
        self.kind
    }

    /// The handle that the server knows it by.
    pub const fn handle(&self) -> PublicHandle {
        self.handle
    }

    /// Its key. `None` if the link came without one; it may be given separately, see
    /// [`PublicLink::with_key_text`].
    pub const fn key(&self) -> Option<&LinkKey> {
        self.key.as_ref()
    }

    /// The key of a file link.
    ///
    /// # Errors
    ///
    /// [`Error::LinkKeyMissing`] if there is none, [`Error::Malformed`] if it is no file link.
    pub const fn file_key(&self) -> Result<&FileKey, Error> {
        match (&self.key, self.kind) {
            (Some(LinkKey::File(key)), _) => Ok(key),
            (None, LinkKind::File) => Err(Error::LinkKeyMissing),
            _ => Err(Error::Malformed {
                what: "link",
                reason: "it is not a link to a file",
            }),
        }
    }

    /// The key of a folder link.
    ///
    /// # Errors
    ///
    /// [`Error::LinkKeyMissing`] if there is none, [`Error::Malformed`] if it is no folder link.
    pub const fn folder_key(&self) -> Result<&ShareKey, Error> {
        match (&self.key, self.kind) {
            (Some(LinkKey::Folder(key)), _) => Ok(key),
            (None, LinkKind::Folder) => Err(Error::LinkKeyMissing),
            _ => Err(Error::Malformed {
                what: "link",
                reason: "it is not a link to a folder",
            }),
        }
    }

    /// The node inside a folder link that is meant.
    pub const fn sub_node(&self) -> Option<SubNode> {
        self.sub_node
    }

    /// What lets the holder write into a folder link.
    pub const fn write_auth(&self) -> Option<&WriteAuth> {
        self.write_auth.as_ref()
    }

    /// Adds a key that was given separately.
    ///
    /// # Errors
    ///
    /// [`Error::Malformed`] if it is not the text of a key of the right length, [`Error::ZeroKey`]
    /// if it protects nothing.
    pub fn with_key_text(mut self, text: &str) -> Result<Self, Error> {
        self.key = Some(parse::key_from_text(self.kind, text.trim())?);
        Ok(self)
    }

    /// Points at a node inside a folder link.
    #[must_use]
    pub const fn with_sub_node(mut self, node: SubNode) -> Self {
        self.sub_node = Some(node);
        self
    }

    /// Lets the holder write into a folder link.
    #[must_use]
    pub fn with_write_auth(mut self, auth: WriteAuth) -> Self {
        self.write_auth = Some(auth);
        self
    }

    /// The URL in today's form: the handle in 8 characters, the key in 43 for a file and 22 else. It holds the key: never log it.
    pub fn to_url(&self) -> Zeroizing<String> {
        // The longest: site, kind, handle, key, write authorisation, node.
        let mut url = Zeroizing::new(String::with_capacity(256));
        url.push_str(SITE);
        url.push_str(match self.kind {
            LinkKind::File => "file/",
            LinkKind::Folder => "folder/",
            LinkKind::Collection => "collection/",
        });
        base64::encode_into(self.handle.as_bytes(), &mut url);
        if let Some(key) = &self.key {
            url.push('#');
            base64::encode_into(key.expose_secret(), &mut url);
        }
        if self.kind == LinkKind::Folder {
            if self.key.is_none() && (self.write_auth.is_some() || self.sub_node.is_some()) {
                // The place of the key stays empty.
                url.push('#');
            }
            if let Some(auth) = &self.write_auth {
                url.push(':');
                url.push_str(auth.expose_secret());
            }
            if let Some(node) = &self.sub_node {
                url.push_str(match node.kind {
                    SubKind::Folder => "/folder/",
                    SubKind::File => "/file/",
                });
                base64::encode_into(node.handle.as_bytes(), &mut url);
            }
        }
        url
    }

    pub(super) fn set_key(&mut self, key: LinkKey) {
        self.key = Some(key);
    }

    pub(super) const fn set_sub_node(&mut self, node: SubNode) {
        self.sub_node = Some(node);
    }

    pub(super) fn set_write_auth(&mut self, auth: WriteAuth) {
        self.write_auth = Some(auth);
    }
}

opaque!(PublicLink);

/// What a link points at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LinkKind {
    /// A file.
    File,
    /// A folder.
    Folder,
    /// A set or album.
    Collection,
}

/// The key in a link.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LinkKey {
    /// The plain node key of a file.
    File(FileKey),
    /// The share key of a folder.
    Folder(ShareKey),
    /// The key of a set or album.
    Collection(CollectionKey),
}

impl LinkKey {
    /// Its 32 or 16 bytes.
    pub const fn expose_secret(&self) -> &[u8] {
        match self {
            Self::File(key) => key.expose_secret(),
            Self::Folder(key) => key.expose_secret(),
            Self::Collection(key) => key.expose_secret(),
        }
    }
}

secret_bytes! {
    /// The key of a link to a set or album.
    #[derive(Clone)]
    CollectionKey, 16, "collection key"
}

/// A node inside a folder link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(
    clippy::exhaustive_structs,
    reason = "the URL has room for nothing else"
)]
pub struct SubNode {
    /// What the link says it is. The old form `#F!PH!DK!H` says folder for files too.
    pub kind: SubKind,
    /// Its handle.
    pub handle: NodeHandle,
}

/// What a link says a node inside a folder link is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "the URL has no third form")]
pub enum SubKind {
    /// A folder: show its content.
    Folder,
    /// A file.
    File,
}

/// What lets the holder of a folder link write into it: a text of the server's that is glued to the
/// public handle in the `n` parameter of requests (crypto-and-accounts 8.6).
///
/// Wiped when dropped; `Debug` shows the type's name only; compared in constant time.
#[derive(Clone)]
pub struct WriteAuth(Zeroizing<String>);

impl WriteAuth {
    /// Takes the text.
    ///
    /// # Errors
    ///
    /// [`Error::Malformed`] if it is empty, has more than 64 characters, or any that is not of the
    /// base64 alphabet: it goes into URLs.
    pub fn new(text: &str) -> Result<Self, Error> {
        let good = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if text.is_empty() || text.len() > 64 || !text.bytes().all(good) {
            return Err(Error::Malformed {
                what: "write authorisation",
                reason: "it must have 1 to 64 base64 characters",
            });
        }
        Ok(Self(Zeroizing::new(String::from(text))))
    }

    /// The text: 1 to 64 characters.
    pub fn expose_secret(&self) -> &str {
        &self.0
    }
}

opaque!(WriteAuth);

impl PartialEq for WriteAuth {
    fn eq(&self, other: &Self) -> bool {
        subtle::ConstantTimeEq::ct_eq(self.0.as_bytes(), other.0.as_bytes()).into()
    }
}

impl Eq for WriteAuth {}

use alloc::string::String;
use core::fmt;

use crate::{
    Error, FileKey, FolderKey, KeyCipher, NodeHandle, NodeKey, NodeKind, UserHandle,
    WrappedNodeKey, base64,
};

/// The `k` field of a node: its key, wrapped once or several times (crypto-and-accounts 4.2).
///
/// Either one bare key, wrapped under the master key, or entries `handle:key` joined by `/`, where
/// the handle names the user or the share whose key wraps it. All entries hold the same node key.
///
/// ```
/// use mega_crypto::{KeyCipher, KeyString, NodeHandle, NodeKind, UserHandle, WrappingKeys};
///
/// /// An account that knows its master key and no share keys.
/// struct Account { user: UserHandle, master: KeyCipher }
///
/// impl WrappingKeys for Account {
///     fn user(&self) -> Option<UserHandle> { Some(self.user) }
///     fn master(&self) -> Option<&KeyCipher> { Some(&self.master) }
///     fn share(&self, _: NodeHandle) -> Option<&KeyCipher> { None }
/// }
///
/// let account = Account {
///     user: "hpF_35XWlWE".parse()?,
///     master: KeyCipher::new(&[0x5a; 16]),
/// };
/// let opened = KeyString::new("hpF_35XWlWE:VZbv5vZRhx4sMdf3eY8qSA").open(NodeKind::Folder, &account)?;
/// assert!(!opened.is_foreign());
/// # Ok::<(), mega_crypto::Error>(())
/// ```
#[derive(Clone, Copy)]
pub struct KeyString<'a>(&'a [u8]);

impl<'a> KeyString<'a> {
    /// Takes the text of a `k` field, of any length. Any text is accepted; a useless one opens nothing.
    pub fn new(text: &'a (impl AsRef<[u8]> + ?Sized)) -> Self {
        Self(text.as_ref())
    }

    /// Opens the node key: with the entry for the own account if there is one, else with the first
    /// share whose key is known.
    ///
    /// # Errors
    ///
    /// - [`Error::NoUsableKey`] if no entry fits a known key. Keep the text and try again when a
    ///   share key arrives.
    /// - [`Error::NeedsPrivateKey`] if the only fitting entry is encrypted with RSA. Such keys are
    ///   opened on demand and never automatically (threat model, NOD-5): see
    ///   [`KeyString::rsa_wrapped`].
    /// - [`Error::Length`] if the key does not fit the kind of node (threat model, NOD-1).
    /// - [`Error::ZeroKey`] if the key protects nothing (threat model, NOD-2).
    pub fn open(self, kind: NodeKind, keys: &impl WrappingKeys) -> Result<OpenedNodeKey, Error> {
        self.locate(kind, keys)?.open()
    }

    /// Finds the entry that [`KeyString::open`] would open and decodes it, without decrypting it
    /// yet.
    ///
    /// For loading many nodes: collect what is wrapped under one key, then call
    /// [`KeyCipher::decrypt_file_keys`] once.
    ///
    /// # Errors
    ///
    /// As for [`KeyString::open`], except that a zero key does not show yet.
    pub fn locate<'k, K: WrappingKeys>(
        self,
        kind: NodeKind,
        keys: &'k K,
    ) -> Result<LocatedNodeKey<'k>, Error> {
        if let Some(entry) = self.only_entry() {
            let (cipher, origin) = entry.owner.key(keys).ok_or(Error::NoUsableKey)?;
            return Ok(LocatedNodeKey {
                wrapped: entry.decode(kind)?,
                origin,
                cipher,
            });
        }
        let mut trouble = Error::NoUsableKey;
        let own = self
            .entries()
            .filter(|entry| !matches!(entry.owner, Owner::Share(_)));
        let shares = self
            .entries()
            .filter(|entry| matches!(entry.owner, Owner::Share(_)));
        for entry in own.chain(shares) {
            let Some((cipher, origin)) = entry.owner.key(keys) else {
                continue;
            };
            match entry.decode(kind) {
                Ok(wrapped) => {
                    return Ok(LocatedNodeKey {
                        wrapped,
                        origin,
                        cipher,
                    });
                }
                Err(error) => {
                    if trouble == Error::NoUsableKey {
                        trouble = error;
                    }
                }
            }
        }
        Err(trouble)
    }

    /// Opens the node key exactly as the official client does: the first usable entry from the
    /// left, and of a key that is too long for the node only the beginning (SDK `Node::applykey`,
    /// `MegaClient::decryptkey`).
    ///
    /// For comparing with that client. [`KeyString::open`] is stricter.
    ///
    /// # Errors
    ///
    /// As for [`KeyString::open`].
    pub fn open_like_sdk(
        self,
        kind: NodeKind,
        keys: &impl WrappingKeys,
    ) -> Result<OpenedNodeKey, Error> {
        for entry in self.entries() {
            let Some((cipher, origin)) = entry.owner.key(keys) else {
                continue;
            };
            if entry.is_rsa() {
                return Err(Error::NeedsPrivateKey);
            }
            let bytes = base64::decode_like_sdk(entry.text);
            let wrapped = match kind {
                NodeKind::File => bytes.first_chunk().copied().map(WrappedNodeKey::File),
                NodeKind::Folder => bytes.first_chunk().copied().map(WrappedNodeKey::Folder),
            };
            let wrapped = wrapped.ok_or(wrong_length(kind, bytes.len()))?;
            return LocatedNodeKey {
                wrapped,
                origin,
                cipher,
            }
            .open();
        }
        Err(Error::NoUsableKey)
    }

    /// The text of the own entry, if it is encrypted with RSA: give it to
    /// [`RsaPrivateKey::decrypt_node_key`](crate::rsa::RsaPrivateKey::decrypt_node_key). Only on
    /// very old nodes and on files that other people sent into the account.
    ///
    /// Do not re-encrypt such a key under the master key unless the user asks for it: that would
    /// let the server have any 16 bytes encrypted under the master key (threat model, ATT-7,
    /// KEY-7).
    pub fn rsa_wrapped(self, user: UserHandle) -> Option<&'a [u8]> {
        self.entries()
            .find(|entry| match entry.owner {
                Owner::Bare => true,
                Owner::User(owner) => owner == user,
                Owner::Share(_) => false,
            } && entry.is_rsa())
            .map(|entry| entry.text)
    }

    /// The shares that the node's key is wrapped for.
    pub fn shares(self) -> impl Iterator<Item = NodeHandle> + 'a {
        self.entries().filter_map(|entry| match entry.owner {
            Owner::Share(share) => Some(share),
            Owner::Bare | Owner::User(_) => None,
        })
    }

    /// Whether there is anything in it at all.
    pub const fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// The entry of a text with a single one, which is what nearly all nodes have.
    fn only_entry(self) -> Option<Entry<'a>> {
        if self.0.contains(&b'/') {
            return None;
        }
        Entry::parse(self.0)
    }

    fn entries(self) -> impl Iterator<Item = Entry<'a>> + Clone {
        // Without a colon the whole text is one key, in which `/` may be a digit.
        let bare = (!self.0.is_empty() && !self.0.contains(&b':')).then_some(Entry {
            owner: Owner::Bare,
            text: self.0,
        });
        let text: &[u8] = if bare.is_some() { &[] } else { self.0 };
        bare.into_iter()
            .chain(text.split(|byte| *byte == b'/').filter_map(Entry::parse))
    }
}

impl fmt::Debug for KeyString<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Wrapped keys are no secrets, but long.
        f.debug_list()
            .entries(self.entries().map(|entry| entry.owner))
            .finish()
    }
}

/// The keys at hand when node keys are opened.
pub trait WrappingKeys {
    /// The own account, unless there is none, as when browsing a folder link.
    fn user(&self) -> Option<UserHandle>;

    /// The cipher of the own master key.
    fn master(&self) -> Option<&KeyCipher>;

    /// The cipher of a share's key, or of a folder link's key if the handle is that of the link's
    /// root.
    ///
    /// Answer only for shares that the node in question lies in (threat model, NOD-3): otherwise
    /// whoever made a share could give keys to nodes outside it.
    fn share(&self, share: NodeHandle) -> Option<&KeyCipher>;
}

/// A node key, opened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OpenedNodeKey {
    /// The key.
    pub key: NodeKey,
    /// Which key opened it.
    pub origin: KeyOrigin,
}

impl OpenedNodeKey {
    /// Whether only a share gives access to the key. Before such a node leaves the share, or the
    /// share ends, its key has to be written again under the master key (crypto-and-accounts 4.8).
    pub const fn is_foreign(&self) -> bool {
        matches!(self.origin, KeyOrigin::Share(_))
    }
}

/// Which key a node key was wrapped under.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyOrigin {
    /// The own master key.
    Master,
    /// The key of a share, or of the folder link that is being browsed.
    Share(NodeHandle),
}

/// A wrapped node key and what opens it.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct LocatedNodeKey<'k> {
    /// The key as it was sent.
    pub wrapped: WrappedNodeKey,
    /// Which key wraps it.
    pub origin: KeyOrigin,
    /// The cipher of that key.
    pub cipher: &'k KeyCipher,
}

impl LocatedNodeKey<'_> {
    /// Decrypts it.
    ///
    /// # Errors
    ///
    /// [`Error::ZeroKey`] if the key protects nothing (threat model, NOD-2).
    pub fn open(&self) -> Result<OpenedNodeKey, Error> {
        let key = match &self.wrapped {
            WrappedNodeKey::File(wrapped) => self.cipher.unwrap_file_key(wrapped)?.into(),
            WrappedNodeKey::Folder(wrapped) => self.cipher.unwrap_folder_key(wrapped)?.into(),
        };
        Ok(OpenedNodeKey {
            key,
            origin: self.origin,
        })
    }
}

/// Whose key an entry of a `k` field is wrapped with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Owner {
    /// No handle: the master key of whoever reads it.
    Bare,
    /// An account's master key, or its RSA key.
    User(UserHandle),
    /// A share's key.
    Share(NodeHandle),
}

impl Owner {
    fn key<'k, K: WrappingKeys>(&self, keys: &'k K) -> Option<(&'k KeyCipher, KeyOrigin)> {
        match *self {
            Self::Bare => Some((keys.master()?, KeyOrigin::Master)),
            Self::User(user) if keys.user() == Some(user) => {
                Some((keys.master()?, KeyOrigin::Master))
            }
            Self::User(_) => None,
            Self::Share(share) => Some((keys.share(share)?, KeyOrigin::Share(share))),
        }
    }
}

/// Writes a `k` field with an entry for each owner, as a server does. A client sends the bare
/// [`WrappedNodeKey::to_text`].
pub fn write_key_string(entries: impl IntoIterator<Item = (Owner, WrappedNodeKey)>) -> String {
    let mut text = String::new();
    for (owner, key) in entries {
        if !text.is_empty() {
            text.push('/');
        }
        match owner {
            Owner::Bare => {}
            Owner::User(user) => base64::encode_into(user.as_bytes(), &mut text),
            Owner::Share(share) => base64::encode_into(share.as_bytes(), &mut text),
        }
        if owner != Owner::Bare {
            text.push(':');
        }
        base64::encode_into(key.as_bytes(), &mut text);
    }
    text
}

#[derive(Clone, Copy)]
struct Entry<'a> {
    owner: Owner,
    text: &'a [u8],
}

impl<'a> Entry<'a> {
    fn parse(entry: &'a [u8]) -> Option<Self> {
        let colon = entry.iter().position(|byte| *byte == b':')?;
        let (handle, text) = entry.split_at_checked(colon)?;
        // The length tells a share's handle from a user's.
        let owner = match handle.len() {
            8 => Owner::Share(NodeHandle::from_text(handle).ok()?),
            11 => Owner::User(UserHandle::from_text(handle).ok()?),
            _ => return None,
        };
        Some(Self {
            owner,
            text: text.get(1..)?,
        })
    }

    /// Longer than the text of any symmetrically wrapped key: an RSA ciphertext.
    const fn is_rsa(&self) -> bool {
        self.text.len() > base64::encoded_len(FileKey::LEN)
    }

    fn decode(&self, kind: NodeKind) -> Result<WrappedNodeKey, Error> {
        if self.is_rsa() {
            return Err(Error::NeedsPrivateKey);
        }
        match kind {
            NodeKind::File => base64::decode_array(self.text).map(WrappedNodeKey::File),
            NodeKind::Folder => base64::decode_array(self.text).map(WrappedNodeKey::Folder),
        }
        .map_err(|error| match error {
            base64::DecodeError::Length { got, .. } => wrong_length(kind, got),
            error => error.of("node key"),
        })
    }
}

const fn wrong_length(kind: NodeKind, got: usize) -> Error {
    match kind {
        NodeKind::File => Error::Length {
            what: "file key",
            expected: FileKey::LEN,
            got,
        },
        NodeKind::Folder => Error::Length {
            what: "folder key",
            expected: FolderKey::LEN,
            got,
        },
    }
}

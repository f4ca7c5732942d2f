//! From a node as the service sent it to a node with key and attributes.

use std::borrow::Cow;

use mega_crypto::attributes::{Members, decrypt_in_place};
use mega_crypto::{KeyOrigin, KeyString, LocatedNodeKey, NodeKey, WrappingKeys, base64};
use mega_protocol::{NodeDefects, NodeHandle, RawNode};
use zeroize::Zeroizing;

use super::RawSecrets;
use super::edit::NewNode;
use crate::attributes;
use crate::keyring::Keyring;
use crate::node::{NodeKind, Trouble};

/// Turns raw nodes into stored ones; keeps its buffers for all of them. Many at once are quicker: see [`nodes`](Self::nodes).
#[derive(Default)]
pub(crate) struct Decrypter {
    pub(super) buffer: Zeroizing<Vec<u8>>,
    /// The keys of a batch.
    pub(super) blocks: Zeroizing<Vec<[u8; 16]>>,
}

/// A key and attributes.
pub(super) struct Opened<'b> {
    pub(super) key: [u8; 32],
    pub(super) opener: Option<NodeHandle>,
    pub(super) attributes: Attributes<'b>,
}

/// Attributes that are sound as a whole.
pub(super) struct Attributes<'b> {
    text: &'b [u8],
    /// Empty counts as none.
    name: Option<Cow<'b, [u8]>>,
}

impl<'b> Attributes<'b> {
    #[inline]
    pub(super) fn new(text: &'b [u8]) -> Result<Self, Trouble> {
        // The whole object must be sound, not only its beginning.
        let mut name = None;
        for member in Members::new(text) {
            let (member, value) = member.map_err(|_| Trouble::BadAttributes)?;
            if member.is(attributes::NAME) {
                name = Some(value.bytes());
            }
        }
        Ok(Self {
            text,
            name: name.filter(|name| !name.is_empty()),
        })
    }
}

impl Decrypter {
    /// Decrypts a node and hands it on. Whatever is wrong with it ends up in [`NewNode::trouble`], never in an error: one bad node is
    /// one marked node (NOD-6, LS-16).
    pub(crate) fn node<T>(
        &mut self,
        raw: &RawNode<'_>,
        keyring: &Keyring,
        store: impl FnOnce(&NewNode<'_>) -> T,
    ) -> T {
        let located = locate(raw.key, kind_of(raw.kind), keyring);
        let key = located.and_then(|located| Ok((open_key(&located)?, opener(&located))));
        store(&new_node(raw, open(key, raw.attributes, &mut self.buffer)))
    }

    /// Decrypts new attributes of a node whose key is known.
    pub(crate) fn attributes(
        &mut self,
        kind: NodeKind,
        key: &[u8; 32],
        field: &str,
    ) -> Result<&[u8], Trouble> {
        let key = node_key(kind, key).ok_or(Trouble::BadKey)?;
        Ok(read_attributes(&key, field, &mut self.buffer)?.text)
    }

    /// Tries a node again that could not be opened before. `store` gets the key, the attributes, and the share through which it was opened.
    pub(crate) fn again<T>(
        &mut self,
        kind: NodeKind,
        raw: &RawSecrets,
        keys: &impl WrappingKeys,
        store: impl FnOnce([u8; 32], &[u8], Option<NodeHandle>) -> T,
    ) -> Result<T, Trouble> {
        let located = locate(&raw.key, kind, keys)?;
        let key = open_key(&located).map(|key| (key, opener(&located)));
        let opened = open(key, &raw.attributes, &mut self.buffer)?;
        Ok(store(opened.key, opened.attributes.text, opened.opener))
    }
}

/// Finds the entry of a key string that a known key opens. The kinds without a key have none.
pub(super) fn locate<'k>(
    key: &str,
    kind: NodeKind,
    keys: &'k impl WrappingKeys,
) -> Result<LocatedNodeKey<'k>, Trouble> {
    let kind = match kind {
        NodeKind::File => mega_crypto::NodeKind::File,
        NodeKind::Folder => mega_crypto::NodeKind::Folder,
        _ => return Err(Trouble::NoKey),
    };
    KeyString::new(key)
        .locate(kind, keys)
        .map_err(|error| match error {
            mega_crypto::Error::NoUsableKey | mega_crypto::Error::NeedsPrivateKey => Trouble::NoKey,
            _ => Trouble::BadKey,
        })
}

/// The share whose key opens it; `None` for the master key.
pub(super) fn opener(located: &LocatedNodeKey<'_>) -> Option<NodeHandle> {
    match located.origin {
        KeyOrigin::Share(share) => Some(NodeHandle::from_bytes(share.to_bytes())),
        _ => None,
    }
}

fn open_key(located: &LocatedNodeKey<'_>) -> Result<NodeKey, Trouble> {
    let opened = located.open().map_err(|_| Trouble::BadKey)?;
    Ok(opened.key)
}

fn open<'b>(
    key: Result<(NodeKey, Option<NodeHandle>), Trouble>,
    field: &str,
    buffer: &'b mut Vec<u8>,
) -> Result<Opened<'b>, Trouble> {
    let (key, opener) = key?;
    let attributes = read_attributes(&key, field, buffer)?;
    Ok(Opened {
        key: key_bytes(&key),
        opener,
        attributes,
    })
}

/// Decrypts attributes.
fn read_attributes<'b>(
    key: &NodeKey,
    field: &str,
    buffer: &'b mut Vec<u8>,
) -> Result<Attributes<'b>, Trouble> {
    let len = base64::decoded_len(field.len().min(MOST_CHARACTERS));
    if buffer.len() < len {
        buffer.resize(len, 0);
    }
    let data = buffer.get_mut(..len).unwrap_or_default();
    decode_field(field, data)?;
    let text = decrypt_in_place(&key.attribute_key(), data).map_err(|_| Trouble::BadAttributes)?;
    Attributes::new(text)
}

/// Decodes attributes into a buffer of their length. A text that is too long to be any fails, since its buffer is too short.
pub(super) fn decode_field(field: &str, data: &mut [u8]) -> Result<(), Trouble> {
    base64::decode_into(field, data).map_err(|_| Trouble::BadAttributes)
}

/// Longer texts are no attributes.
pub(super) const MOST_CHARACTERS: usize =
    base64::encoded_len(mega_crypto::attributes::MAX_READ) + 4;

/// What is stored of a node. Whatever is wrong with it ends up in [`NewNode::trouble`].
pub(super) fn new_node<'a>(raw: &RawNode<'a>, opened: Result<Opened<'a>, Trouble>) -> NewNode<'a> {
    let kind = kind_of(raw.kind);
    let secrets = || RawSecrets {
        key: raw.key.into(),
        attributes: raw.attributes.into(),
    };
    let nothing = || ([0; 32], None, &[][..], None);
    let ((key, opener, text, name), trouble, kept) = match opened {
        _ if !matches!(kind, NodeKind::File | NodeKind::Folder) => (nothing(), None, None),
        Ok(Opened {
            key,
            opener,
            attributes: Attributes { text, name },
        }) => {
            // NOD-3: should that share not be where the node lies, another entry of its key may be for one that is.
            let others = opener.is_some() && raw.key.len() >= TWO_ENTRIES && raw.key.contains('/');
            let trouble = name.is_none().then_some(Trouble::NoName);
            ((key, opener, text, name), trouble, others.then(secrets))
        }
        Err(trouble) => (nothing(), Some(trouble), Some(secrets())),
    };
    let mut new = NewNode {
        handle: raw.handle,
        parent: raw.parent,
        kind,
        size: raw.size.unwrap_or(0),
        created: raw.created,
        key,
        text,
        name,
        tail: raw.file_attributes.as_bytes(),
        trouble,
        opener,
        share_root: raw.share.is_some(),
        raw: kept,
    };
    // TRE-10: a size that makes no sense is never taken for 0.
    if raw.defects.contains(NodeDefects::SIZE) && new.trouble.is_none() {
        new.trouble = Some(Trouble::Invalid);
    }
    new
}

/// Fewer characters are no two entries of a key: each has a handle, a colon and at least 16 bytes.
const TWO_ENTRIES: usize = 2 * (8 + 1 + 22) + 1;

/// The key of a record as the type that the cryptography wants; `None` for the kinds without a key and for zero keys.
pub(crate) fn node_key(kind: NodeKind, bytes: &[u8; 32]) -> Option<NodeKey> {
    match kind {
        NodeKind::File => mega_crypto::FileKey::from_bytes(*bytes)
            .ok()
            .map(NodeKey::File),
        NodeKind::Folder => {
            let (key, _) = bytes.split_first_chunk::<16>()?;
            mega_crypto::FolderKey::from_bytes(*key)
                .ok()
                .map(NodeKey::Folder)
        }
        _ => None,
    }
}

/// The bytes of a key as a record keeps them.
pub(crate) fn key_bytes(key: &NodeKey) -> [u8; 32] {
    let mut bytes = [0; 32];
    for (to, from) in bytes.iter_mut().zip(key.expose_secret()) {
        *to = *from;
    }
    bytes
}

pub(crate) fn kind_of(kind: mega_protocol::NodeKind) -> NodeKind {
    match kind {
        mega_protocol::NodeKind::File => NodeKind::File,
        mega_protocol::NodeKind::Folder => NodeKind::Folder,
        mega_protocol::NodeKind::Root => NodeKind::Root,
        mega_protocol::NodeKind::Vault => NodeKind::Vault,
        mega_protocol::NodeKind::Rubbish => NodeKind::RubbishBin,
        _ => NodeKind::Unknown,
    }
}

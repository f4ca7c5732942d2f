//! From a node as the service sent it to a node with key and attributes.

use std::borrow::Cow;

use mega_crypto::attributes::{Members, decrypt_in_place, decrypt_many};
use mega_crypto::{
    KeyCipher, KeyOrigin, KeyString, LocatedNodeKey, NodeKey, WrappedNodeKey, WrappingKeys, base64,
};
use mega_protocol::{NodeDefects, NodeHandle, RawNode};
use zeroize::{Zeroize, Zeroizing};

use super::RawSecrets;
use super::edit::NewNode;
use crate::attributes;
use crate::keyring::Keyring;
use crate::node::{NodeKind, Trouble};

/// Turns raw nodes into stored ones; keeps its buffers for all of them.
#[derive(Default)]
pub(crate) struct Decrypter {
    buffer: Zeroizing<Vec<u8>>,
    /// The keys of a batch, one block for a folder and two for a file.
    blocks: Zeroizing<Vec<[u8; 16]>>,
}

/// A key and attributes.
struct Opened<'b> {
    key: [u8; 32],
    opener: Option<NodeHandle>,
    attributes: Attributes<'b>,
}

impl<'b> Opened<'b> {
    fn new(key: &NodeKey, opener: Option<NodeHandle>, text: &'b [u8]) -> Result<Self, Trouble> {
        Ok(Self {
            key: key_bytes(key),
            opener,
            attributes: Attributes::new(text)?,
        })
    }
}

/// Attributes that are sound as a whole.
struct Attributes<'b> {
    text: &'b [u8],
    /// Empty counts as none.
    name: Option<Cow<'b, [u8]>>,
}

impl<'b> Attributes<'b> {
    fn new(text: &'b [u8]) -> Result<Self, Trouble> {
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

    /// The same for many nodes. Their keys are decrypted together, which takes a fraction of the time.
    pub(crate) fn nodes(
        &mut self,
        nodes: &[RawNode<'_>],
        keyring: &Keyring,
        mut store: impl FnMut(&RawNode<'_>, &NewNode<'_>),
    ) {
        let mut neighbour = None;
        let located: Vec<_> = nodes
            .iter()
            .map(|raw| locate_beside(&mut neighbour, raw, keyring))
            .collect();
        let mut blocks = std::mem::take(&mut self.blocks);
        blocks.clear();
        let mut run: Option<(usize, &KeyCipher)> = None;
        for located in located.iter().flatten() {
            // Neighbours are nearly always wrapped under one key.
            match run {
                Some((_, cipher)) if std::ptr::eq(cipher, located.cipher) => {}
                _ => {
                    decrypt_run(run, &mut blocks);
                    run = Some((blocks.len(), located.cipher));
                }
            }
            blocks.extend_from_slice(located.wrapped.as_bytes().as_chunks().0);
        }
        decrypt_run(run, &mut blocks);
        let mut opened = blocks.iter();
        let keys: Vec<_> = located
            .iter()
            .map(|located| {
                let located = located.as_ref().map_err(|trouble| *trouble)?;
                let key = take_key(&located.wrapped, &mut opened)?;
                Ok((key, opener(located)))
            })
            .collect();
        // As one slice of bytes, which is much quicker than block by block.
        blocks.as_flattened_mut().zeroize();
        self.blocks = blocks;

        // The attributes of all of them, one after the other.
        let lens = nodes.iter().zip(&keys).map(|(raw, key)| match key {
            Ok(_) => base64::decoded_len(raw.attributes.len().min(MOST_CHARACTERS)),
            Err(_) => 0,
        });
        let len = lens.clone().fold(0, usize::saturating_add);
        if self.buffer.len() < len {
            self.buffer.resize(len, 0);
        }
        let mut rest = self.buffer.as_mut_slice();
        let mut fields = Vec::with_capacity(nodes.len());
        let mut readable = Vec::with_capacity(nodes.len());
        for ((raw, key), len) in nodes.iter().zip(&keys).zip(lens) {
            let (data, more) = std::mem::take(&mut rest)
                .split_at_mut_checked(len)
                .unwrap_or_default();
            rest = more;
            let key = key.as_ref().ok();
            let decoded = key.filter(|_| decode_field(raw.attributes, data).is_ok());
            readable.push(decoded.is_some());
            fields.extend(decoded.map(|(key, _)| (key.attribute_key(), data)));
        }
        let mut texts = decrypt_many(fields).into_iter();
        for ((raw, key), readable) in nodes.iter().zip(keys).zip(readable) {
            let text = if readable { texts.next() } else { None };
            let text = text.ok_or(Trouble::BadAttributes);
            let opened = key.and_then(|(key, opener)| {
                let text = text?.map_err(|_| Trouble::BadAttributes)?;
                Opened::new(&key, opener, text)
            });
            store(raw, &new_node(raw, opened));
        }
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
fn locate<'k>(
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

/// The owner of a key string with a single entry, as it is written, and what was found for it.
type Neighbour<'r, 'k> = Option<(&'r [u8], LocatedNodeKey<'k>)>;

/// The same for one node of many: neighbours nearly always have keys for one owner, who then is looked up once.
fn locate_beside<'r, 'k>(
    neighbour: &mut Neighbour<'r, 'k>,
    raw: &RawNode<'r>,
    keyring: &'k Keyring,
) -> Result<LocatedNodeKey<'k>, Trouble> {
    let (key, kind) = (raw.key.as_bytes(), kind_of(raw.kind));
    if let Some((owner, found)) = neighbour
        && let Some(text) = key.strip_prefix(*owner)
        && let Some(wrapped) = only_key(text, kind)
    {
        found.wrapped = wrapped;
        return Ok(*found);
    }
    let located = locate(raw.key, kind, keyring);
    let colon = key.iter().position(|byte| *byte == b':');
    let owner = colon.and_then(|colon| key.get(..=colon));
    *neighbour = match (&located, owner) {
        (Ok(found), Some(owner)) if !key.contains(&b'/') => Some((owner, *found)),
        _ => None,
    };
    located
}

/// The wrapped key that a text of the usual length is, if it is nothing else: `/` begins another entry.
fn only_key(text: &[u8], kind: NodeKind) -> Option<WrappedNodeKey> {
    if text.contains(&b'/') {
        return None;
    }
    match (kind, text.len()) {
        (NodeKind::File, 43) => base64::decode_array(text).ok().map(WrappedNodeKey::File),
        (NodeKind::Folder, 22) => base64::decode_array(text).ok().map(WrappedNodeKey::Folder),
        _ => None,
    }
}

/// The share whose key opens it; `None` for the master key.
fn opener(located: &LocatedNodeKey<'_>) -> Option<NodeHandle> {
    match located.origin {
        KeyOrigin::Share(share) => Some(NodeHandle::from_bytes(share.to_bytes())),
        _ => None,
    }
}

fn open_key(located: &LocatedNodeKey<'_>) -> Result<NodeKey, Trouble> {
    let opened = located.open().map_err(|_| Trouble::BadKey)?;
    Ok(opened.key)
}

/// Decrypts the blocks from where a run of one wrapping key begins.
fn decrypt_run(run: Option<(usize, &KeyCipher)>, blocks: &mut [[u8; 16]]) {
    if let Some((start, cipher)) = run {
        cipher.decrypt_blocks(blocks.get_mut(start..).unwrap_or_default());
    }
}

/// Makes a key of the blocks that are next, as many as it was wrapped in.
fn take_key<'b>(
    wrapped: &WrappedNodeKey,
    blocks: &mut impl Iterator<Item = &'b [u8; 16]>,
) -> Result<NodeKey, Trouble> {
    let mut next = || blocks.next().ok_or(Trouble::BadKey);
    let key = match wrapped {
        WrappedNodeKey::Folder(_) => {
            mega_crypto::FolderKey::from_bytes(*next()?).map(NodeKey::Folder)
        }
        WrappedNodeKey::File(_) => {
            let mut bytes = Zeroizing::new([0; 32]);
            for half in bytes.as_chunks_mut().0 {
                *half = *next()?;
            }
            mega_crypto::FileKey::from_bytes(*bytes).map(NodeKey::File)
        }
    };
    key.map_err(|_| Trouble::BadKey)
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
fn decode_field(field: &str, data: &mut [u8]) -> Result<(), Trouble> {
    base64::decode_into(field, data).map_err(|_| Trouble::BadAttributes)
}

/// Longer texts are no attributes.
const MOST_CHARACTERS: usize = base64::encoded_len(mega_crypto::attributes::MAX_READ) + 4;

/// What is stored of a node. Whatever is wrong with it ends up in [`NewNode::trouble`].
fn new_node<'a>(raw: &RawNode<'a>, opened: Result<Opened<'a>, Trouble>) -> NewNode<'a> {
    let kind = kind_of(raw.kind);
    let mut new = NewNode {
        size: raw.size.unwrap_or(0),
        created: raw.created,
        tail: raw.file_attributes.as_bytes(),
        share_root: raw.share.is_some(),
        ..NewNode::bare(raw.handle, raw.parent, kind)
    };
    if !matches!(kind, NodeKind::File | NodeKind::Folder) {
        return new;
    }
    match opened {
        Ok(opened) => {
            new.key = opened.key;
            new.opener = opened.opener;
            // NOD-3: should that share not be where the node lies, another entry of its key may be for one that is.
            if opened.opener.is_some() && raw.key.contains('/') {
                new.raw = Some(RawSecrets {
                    key: raw.key.into(),
                    attributes: raw.attributes.into(),
                });
            }
            new.text = opened.attributes.text;
            if opened.attributes.name.is_none() {
                new.trouble = Some(Trouble::NoName);
            }
            new.name = opened.attributes.name;
        }
        Err(trouble) => {
            new.trouble = Some(trouble);
            new.raw = Some(RawSecrets {
                key: raw.key.into(),
                attributes: raw.attributes.into(),
            });
        }
    }
    // TRE-10: a size that makes no sense is never taken for 0.
    if raw.defects.contains(NodeDefects::SIZE) && new.trouble.is_none() {
        new.trouble = Some(Trouble::Invalid);
    }
    new
}

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

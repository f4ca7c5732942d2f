//! From a node as the service sent it to a node with key and attributes.

use mega_crypto::attributes::{Members, decrypt_in_place};
use mega_crypto::{
    KeyCipher, KeyOrigin, KeyString, LocatedNodeKey, NodeKey, WrappedNodeKey, base64,
};
use mega_protocol::{NodeDefects, RawNode};
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

/// A key and attributes, or the reason why there are none.
struct Opened {
    key: [u8; 32],
    foreign: bool,
    named: bool,
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
        let key = located.and_then(|located| Ok((open_key(&located)?, is_foreign(&located))));
        self.with_key(raw, key, store)
    }

    /// The same for many nodes. Their keys are decrypted together, which takes a fraction of the time.
    pub(crate) fn nodes(
        &mut self,
        nodes: &[RawNode<'_>],
        keyring: &Keyring,
        mut store: impl FnMut(&RawNode<'_>, &NewNode<'_>),
    ) {
        let located: Vec<_> = nodes
            .iter()
            .map(|raw| locate(raw.key, kind_of(raw.kind), keyring))
            .collect();
        let mut blocks = std::mem::take(&mut self.blocks);
        blocks.zeroize();
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
        for (raw, located) in nodes.iter().zip(&located) {
            let key = match located {
                Err(trouble) => Err(*trouble),
                Ok(located) => {
                    take_key(&located.wrapped, &mut opened).map(|key| (key, is_foreign(located)))
                }
            };
            self.with_key(raw, key, |new| store(raw, new));
        }
        blocks.zeroize();
        self.blocks = blocks;
    }

    fn with_key<T>(
        &mut self,
        raw: &RawNode<'_>,
        key: Result<(NodeKey, bool), Trouble>,
        store: impl FnOnce(&NewNode<'_>) -> T,
    ) -> T {
        let kind = kind_of(raw.kind);
        let mut new = NewNode {
            handle: raw.handle,
            parent: raw.parent,
            kind,
            size: raw.size.unwrap_or(0),
            created: raw.created,
            key: [0; 32],
            text: &[],
            tail: raw.file_attributes.as_bytes(),
            trouble: None,
            foreign: false,
            share_root: raw.share.is_some(),
            raw: None,
        };
        if !matches!(kind, NodeKind::File | NodeKind::Folder) {
            return store(&new);
        }
        match open(key, raw.attributes, &mut self.buffer) {
            Ok((opened, text)) => {
                new.key = opened.key;
                new.foreign = opened.foreign;
                new.text = text;
                if !opened.named {
                    new.trouble = Some(Trouble::NoName);
                }
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
        store(&new)
    }

    /// Decrypts new attributes of a node whose key is known.
    pub(crate) fn attributes(
        &mut self,
        kind: NodeKind,
        key: &[u8; 32],
        field: &str,
    ) -> Result<&[u8], Trouble> {
        let key = node_key(kind, key).ok_or(Trouble::BadKey)?;
        read_attributes(&key, field, &mut self.buffer).map(|(text, _)| text)
    }

    /// Tries a node again that could not be opened before.
    pub(crate) fn again<T>(
        &mut self,
        kind: NodeKind,
        raw: &RawSecrets,
        keyring: &Keyring,
        store: impl FnOnce([u8; 32], &[u8], bool) -> T,
    ) -> Result<T, Trouble> {
        let located = locate(&raw.key, kind, keyring)?;
        let key = open_key(&located).map(|key| (key, is_foreign(&located)));
        let (opened, text) = open(key, &raw.attributes, &mut self.buffer)?;
        Ok(store(opened.key, text, opened.foreign))
    }
}

/// Finds the entry of a key string that a known key opens. The kinds without a key have none.
fn locate<'k>(
    key: &str,
    kind: NodeKind,
    keyring: &'k Keyring,
) -> Result<LocatedNodeKey<'k>, Trouble> {
    let kind = match kind {
        NodeKind::File => mega_crypto::NodeKind::File,
        NodeKind::Folder => mega_crypto::NodeKind::Folder,
        _ => return Err(Trouble::NoKey),
    };
    KeyString::new(key)
        .locate(kind, keyring)
        .map_err(|error| match error {
            mega_crypto::Error::NoUsableKey | mega_crypto::Error::NeedsPrivateKey => Trouble::NoKey,
            _ => Trouble::BadKey,
        })
}

fn is_foreign(located: &LocatedNodeKey<'_>) -> bool {
    matches!(located.origin, KeyOrigin::Share(_))
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
    key: Result<(NodeKey, bool), Trouble>,
    field: &str,
    buffer: &'b mut Vec<u8>,
) -> Result<(Opened, &'b [u8]), Trouble> {
    let (key, foreign) = key?;
    let (text, named) = read_attributes(&key, field, buffer)?;
    Ok((
        Opened {
            key: key_bytes(&key),
            foreign,
            named,
        },
        text,
    ))
}

/// Decrypts attributes; also says whether there is a name among them (see [`attributes::name_in`]).
fn read_attributes<'b>(
    key: &NodeKey,
    field: &str,
    buffer: &'b mut Vec<u8>,
) -> Result<(&'b [u8], bool), Trouble> {
    if field.len() > base64::encoded_len(mega_crypto::attributes::MAX_READ) {
        return Err(Trouble::BadAttributes);
    }
    buffer.clear();
    buffer.resize(base64::decoded_len(field.len()), 0);
    base64::decode_into(field, buffer).map_err(|_| Trouble::BadAttributes)?;
    let text =
        decrypt_in_place(&key.attribute_key(), buffer).map_err(|_| Trouble::BadAttributes)?;
    // The whole object must be sound, not only its beginning.
    let mut name = None;
    for member in Members::new(text) {
        let (member, value) = member.map_err(|_| Trouble::BadAttributes)?;
        if name.is_none() && member.is(attributes::NAME) {
            name = Some(!value.bytes().is_empty());
        }
    }
    Ok((text, name.unwrap_or(false)))
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

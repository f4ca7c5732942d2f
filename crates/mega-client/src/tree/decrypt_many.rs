//! Many nodes decrypted together, step by step for all of them: a fraction of the time that they take one by one.
//!
//! The keys of neighbours are nearly always wrapped under one key, so they are decrypted as one run of blocks; then the attributes, which have
//! keys of their own. The result is that of [`Decrypter::node`] for each.

use mega_crypto::attributes::{decrypt_many, text_in};
use mega_crypto::{AttributeKey, FileKey, FolderKey, KeyCipher, WrappedNodeKey, base64};
use mega_protocol::{NodeHandle, RawNode};
use zeroize::Zeroize;

use super::decrypt::{
    Attributes, Decrypter, MOST_CHARACTERS, Opened, decode_field, kind_of, locate, new_node, opener,
};
use super::edit::NewNode;
use crate::keyring::Keyring;
use crate::node::{NodeKind, Trouble};

impl Decrypter {
    /// Decrypts nodes and hands them on in their order.
    pub(crate) fn nodes(
        &mut self,
        nodes: &[RawNode<'_>],
        keyring: &Keyring,
        mut store: impl FnMut(&RawNode<'_>, &NewNode<'_>),
    ) {
        // Two blocks for each: the key of a file, or that of a folder and a block that means nothing.
        let mut blocks = std::mem::take(&mut self.blocks);
        blocks.clear();
        blocks.resize(nodes.len().saturating_mul(2), [0; 16]);
        let origins = unwrap_keys(nodes, keyring, blocks.as_chunks_mut().0);
        let keys = blocks.as_chunks::<2>().0;

        // The attributes of all of them, one after the other.
        let lens = nodes
            .iter()
            .zip(&origins)
            .map(|(raw, origin)| match origin {
                Ok(_) => base64::decoded_len(raw.attributes.len().min(MOST_CHARACTERS)),
                Err(_) => 0,
            });
        let len = lens.clone().fold(0, usize::saturating_add);
        if self.buffer.len() < len {
            self.buffer.resize(len, 0);
        }
        let mut rest = self.buffer.as_mut_slice();
        let mut fields = Vec::with_capacity(nodes.len());
        let mut states = Vec::with_capacity(nodes.len());
        for (((raw, origin), key), len) in nodes.iter().zip(&origins).zip(keys).zip(lens) {
            let (data, more) = std::mem::take(&mut rest)
                .split_at_mut_checked(len)
                .unwrap_or_default();
            rest = more;
            states.push(origin.and_then(|opener| {
                let key = attribute_key(kind_of(raw.kind), key)?;
                decode_field(raw.attributes, data)?;
                fields.push((key, data));
                Ok(opener)
            }));
        }
        decrypt_many(&mut fields);
        let mut fields = fields.iter();
        for ((raw, state), key) in nodes.iter().zip(states).zip(keys) {
            let opened = state.and_then(|opener| {
                let (_, data) = fields.next().ok_or(Trouble::BadAttributes)?;
                let text = text_in(data).map_err(|_| Trouble::BadAttributes)?;
                Ok(Opened {
                    key: bytes_of(kind_of(raw.kind), key),
                    opener,
                    attributes: Attributes::new(text)?,
                })
            });
            store(raw, &new_node(raw, opened));
        }
        // As one slice of bytes, which is much quicker than block by block.
        blocks.as_flattened_mut().zeroize();
        self.blocks = blocks;
    }
}

/// Decrypts the keys of all nodes into their blocks. Gives for each the share whose key opens it, or what is wrong.
fn unwrap_keys(
    nodes: &[RawNode<'_>],
    keyring: &Keyring,
    keys: &mut [[[u8; 16]; 2]],
) -> Vec<Result<Option<NodeHandle>, Trouble>> {
    let mut origins = Vec::with_capacity(nodes.len());
    let mut neighbour = None;
    let mut run: Option<(usize, &KeyCipher)> = None;
    for (at, raw) in nodes.iter().enumerate() {
        let Some(blocks) = keys.get_mut(at) else {
            break;
        };
        origins.push(match wrapped(&mut neighbour, raw, keyring, blocks) {
            Ok((cipher, opener)) => {
                match run {
                    Some((_, same)) if std::ptr::eq(cipher, same) => {}
                    _ => {
                        decrypt_run(run, keys.get_mut(..at).unwrap_or_default());
                        run = Some((at, cipher));
                    }
                }
                Ok(opener)
            }
            Err(trouble) => Err(trouble),
        });
    }
    decrypt_run(run, keys);
    origins
}

/// Decrypts the keys from where a run of one wrapping key begins. Between them lie those of nodes without a key, which nobody looks at.
fn decrypt_run(run: Option<(usize, &KeyCipher)>, keys: &mut [[[u8; 16]; 2]]) {
    if let Some((start, cipher)) = run {
        let keys = keys.get_mut(start..).unwrap_or_default();
        cipher.decrypt_blocks(keys.as_flattened_mut());
    }
}

/// What a neighbour leaves behind: the owner in its key string as it is written, with the colon, and whose key that is.
struct Neighbour<'r, 'k> {
    owner: &'r [u8],
    cipher: &'k KeyCipher,
    opener: Option<NodeHandle>,
}

/// Puts the wrapped key of a node into its blocks. Neighbours nearly always have keys for one owner, who then is looked up once.
fn wrapped<'r, 'k>(
    neighbour: &mut Option<Neighbour<'r, 'k>>,
    raw: &RawNode<'r>,
    keyring: &'k Keyring,
    blocks: &mut [[u8; 16]; 2],
) -> Result<(&'k KeyCipher, Option<NodeHandle>), Trouble> {
    let (key, kind) = (raw.key.as_bytes(), kind_of(raw.kind));
    if let Some(known) = neighbour
        && let Some(text) = key.strip_prefix(known.owner)
        && only_key(text, kind, blocks)
    {
        return Ok((known.cipher, known.opener));
    }
    *neighbour = None;
    let located = locate(raw.key, kind, keyring)?;
    match located.wrapped {
        WrappedNodeKey::File(wrapped) => {
            for (to, from) in blocks.iter_mut().zip(wrapped.as_chunks().0) {
                *to = *from;
            }
        }
        WrappedNodeKey::Folder(wrapped) => *blocks = [wrapped, [0; 16]],
    }
    let (cipher, opener) = (located.cipher, opener(&located));
    let colon = key.iter().position(|byte| *byte == b':');
    if let Some(owner) = colon.and_then(|colon| key.get(..=colon))
        && !key.contains(&b'/')
    {
        *neighbour = Some(Neighbour {
            owner,
            cipher,
            opener,
        });
    }
    Ok((cipher, opener))
}

/// Whether a text of the usual length is a wrapped key and nothing else: `/` begins another entry.
fn only_key(text: &[u8], kind: NodeKind, blocks: &mut [[u8; 16]; 2]) -> bool {
    match kind {
        NodeKind::File => <&[u8; 43]>::try_from(text)
            .is_ok_and(|text| !has_slash(text) && decode(text, blocks.as_flattened_mut())),
        NodeKind::Folder => <&[u8; 22]>::try_from(text)
            .is_ok_and(|text| !has_slash(text) && decode(text, &mut blocks[0])),
        _ => false,
    }
}

fn decode(text: &[u8], bytes: &mut [u8]) -> bool {
    base64::decode_into(text, bytes).is_ok()
}

/// Looks at all of them, which the compiler does many at a time.
fn has_slash<const N: usize>(text: &[u8; N]) -> bool {
    text.iter()
        .fold(false, |found, byte| found | (*byte == b'/'))
}

/// The key of the attributes; an error where a key protects nothing (NOD-2).
fn attribute_key(kind: NodeKind, key: &[[u8; 16]; 2]) -> Result<AttributeKey, Trouble> {
    let key = match (kind, key) {
        (NodeKind::File, _) => {
            FileKey::from_bytes(bytes_of(kind, key)).map(|key| key.attribute_key())
        }
        (_, [first, _]) => FolderKey::from_bytes(*first).map(|key| key.attribute_key()),
    };
    key.map_err(|_| Trouble::BadKey)
}

/// The bytes of a key as a record keeps them.
fn bytes_of(kind: NodeKind, &[first, second]: &[[u8; 16]; 2]) -> [u8; 32] {
    let second = if kind == NodeKind::File {
        second
    } else {
        [0; 16]
    };
    let mut bytes = [0; 32];
    if let [to_first, to_second] = bytes.as_chunks_mut().0 {
        (*to_first, *to_second) = (first, second);
    }
    bytes
}

//! Node keys that were put together from pieces of others (threat model, NOD-4, ATT-4).
//!
//! Keys are wrapped block by block under the master key, so a service that knows the key of one file can make a node from its pieces which looks
//! like the user's own. Equal blocks are equal pieces of keys, whichever side of the cipher one looks at; so what is compared here is the decrypted
//! keys, which the tree holds anyway. Equal *whole* keys are nothing unusual: copies have them.
//!
//! What the tree keeps for this is a filter of two bytes for each piece. A hit in it is proven by looking at all keys; a miss, the rule, costs nothing.
//! It is made after a load, and for a tree out of a cache when the first new nodes come. What else the service keeps under the master key is in it, too:
//! share keys and the private key of the account, which a node would give away when its own key is given to others.

use std::collections::{HashMap, HashSet};

use hashbrown::HashTable;
use mega_protocol::NodeHandle;
use zeroize::Zeroize;

use super::Tree;
use super::arena::{Flags, Index, Record};
use super::hashes::PieceHash;
use crate::keyring::Keyring;
use crate::node::{NodeKind, Trouble};

/// A node with a key made from pieces of others, and one of these: a node, the folder whose share key it is, or nothing where it is a key of the
/// account itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Spliced {
    pub(crate) node: NodeHandle,
    pub(crate) donor: Option<NodeHandle>,
}

/// Which pieces there are, with a few false hits. The hash is keyed, so nobody can choose keys that collide.
#[derive(Default)]
pub(crate) struct Pieces {
    hasher: PieceHash,
    bits: Vec<u64>,
    held: usize,
}

/// Bits for each piece.
const WIDTH: usize = 16;

type Piece = [u8; 16];

impl Pieces {
    /// An empty filter with room for so many pieces.
    fn with_room(&self, pieces: usize) -> Self {
        let bits = pieces.max(1024).saturating_mul(WIDTH).next_power_of_two();
        Self {
            hasher: self.hasher,
            bits: vec![0; bits / 64],
            held: 0,
        }
    }

    fn is_full(&self) -> bool {
        self.held.saturating_mul(WIDTH) >= self.bits.len().saturating_mul(64)
    }

    /// Notes a piece; whether it may have been there. All of its bits are in one word, so that it costs one way to memory.
    fn note(&mut self, piece: &Piece) -> bool {
        let hash = self.hasher.of(piece);
        let [first, second, third] = [hash, hash >> 6, hash >> 12].map(|part| 1_u64 << (part & 63));
        let bits = first | second | third;
        // As many words as a power of two.
        let last = self.bits.len().saturating_sub(1);
        let word = usize::try_from(hash >> 24).unwrap_or(usize::MAX) & last;
        let Some(word) = self.bits.get_mut(word) else {
            return true;
        };
        let there = *word & bits == bits;
        *word |= bits;
        if !there {
            self.held = self.held.saturating_add(1);
        }
        there
    }
}

/// How many pieces the key of a node has, if it is ours and was read.
#[inline]
pub(super) fn count(record: &Record) -> usize {
    let own = matches!(
        record.trouble,
        None | Some(Trouble::NoName | Trouble::Invalid)
    ) && !record.flags.has(Flags::FOREIGN);
    match record.kind {
        NodeKind::File if own => 2,
        NodeKind::Folder if own => 1,
        _ => 0,
    }
}

/// These pieces.
fn pieces(record: &Record) -> impl Iterator<Item = Piece> + use<> {
    let count = count(record);
    let (chunks, _) = record.key.as_chunks::<16>();
    let chunks: [Piece; 2] = match chunks {
        [first, second] => [*first, *second],
        _ => [[0; 16]; 2],
    };
    chunks.into_iter().take(count)
}

impl Tree {
    /// After a load: finds and closes all nodes whose keys are made from pieces of others that came before them.
    pub(crate) fn check_all_keys(&mut self, keyring: &Keyring) -> Vec<Spliced> {
        // As many as were stored: those of a node that was closed again are too many, which does no harm.
        let held = self.sum.pieces;
        self.pieces = self.pieces.with_room(held.saturating_add(held / 2));
        if held == 0 {
            return Vec::new();
        }
        self.note_others(keyring);
        let mut suspects = Vec::new();
        for index in self.records.indices() {
            let Some(record) = self.records.get(index) else {
                continue;
            };
            // Not `any`: every piece is to be noted.
            let hits = pieces(record)
                .filter(|piece| self.pieces.note(piece))
                .count();
            if hits > 0 {
                suspects.push(index);
            }
        }
        self.close_spliced(&suspects, keyring)
    }

    /// A filter with room for the pieces there are and half as many again: a tree grows.
    fn empty_filter(&mut self) {
        let mut held = 0_usize;
        for index in self.records.indices() {
            if let Some(record) = self.records.get(index) {
                held = held.saturating_add(pieces(record).count());
            }
        }
        self.pieces = self.pieces.with_room(held.saturating_add(held / 2));
    }

    /// The same for nodes that came just now.
    pub(crate) fn check_new_keys(&mut self, new: &[Index], keyring: &Keyring) -> Vec<Spliced> {
        if self.pieces.is_full() {
            // Grown out of its filter. The others have been looked at when they came, and are not judged again: their places say no more who was first.
            let new: HashSet<Index> = new.iter().copied().collect();
            self.empty_filter();
            for index in self.records.indices().filter(|index| !new.contains(index)) {
                for piece in self.records.get(index).into_iter().flat_map(pieces) {
                    self.pieces.note(&piece);
                }
            }
        }
        if !new.is_empty() {
            self.note_others(keyring);
        }
        let mut suspects = Vec::new();
        for index in new {
            let Some(record) = self.records.get(*index) else {
                continue;
            };
            let hits = pieces(record)
                .filter(|piece| self.pieces.note(piece))
                .count();
            if hits > 0 {
                suspects.push(*index);
            }
        }
        self.close_spliced(&suspects, keyring)
    }

    /// Puts the pieces that are no keys of nodes into the filter.
    fn note_others(&mut self, keyring: &Keyring) {
        for (piece, _) in keyring.other_pieces() {
            self.pieces.note(piece);
        }
    }

    /// Closes the suspects that share a piece with a node that was there before, and not the whole key. A copy of the first holder of a piece is
    /// honest, whoever else has that piece. What is no key of a node is none even as a whole, but for the share key of the very folder.
    fn close_spliced(&mut self, suspects: &[Index], keyring: &Keyring) -> Vec<Spliced> {
        if suspects.is_empty() {
            return Vec::new();
        }
        // By the hash of a piece, which is as good as random: who had it first. No key is copied.
        let mut first: HashTable<(u64, Option<Index>)> = HashTable::new();
        for index in suspects {
            for piece in self.hashes(*index) {
                first
                    .entry(piece, |(known, _)| *known == piece, |(known, _)| *known)
                    .or_insert((piece, None));
            }
        }
        let late: HashSet<Index> = suspects.iter().copied().collect();
        for index in self.records.indices() {
            for piece in self.hashes(index) {
                if let Some((_, holder)) = first.find_mut(piece, |(known, _)| *known == piece)
                    && !late.contains(&index)
                {
                    holder.get_or_insert(index);
                }
            }
        }
        let mut others: HashMap<u64, Vec<Option<NodeHandle>>> = HashMap::new();
        for (piece, share) in keyring.other_pieces() {
            let hash = self.pieces.hasher.of(piece);
            others.entry(hash).or_default().push(share);
        }
        let mut found = Vec::new();
        for index in suspects {
            let Some(record) = self.records.get(*index) else {
                continue;
            };
            let node = record.handle;
            let same = self.hashes(*index).filter_map(|piece| others.get(&piece));
            // A folder whose share key is its own key gives nothing away: so mega.py and megalib make links.
            let other = same.flatten().find(|donor| **donor != Some(node));
            if let Some(&donor) = other {
                found.push((*index, Spliced { node, donor }));
                continue;
            }
            let mut donor = None;
            for piece in self.hashes(*index) {
                let Some((_, holder)) = first.find_mut(piece, |(known, _)| *known == piece) else {
                    continue;
                };
                let holder = self.records.get(*holder.get_or_insert(*index));
                donor = donor.or(holder.filter(|holder| {
                    holder.handle != record.handle
                        && (holder.kind != record.kind || holder.key != record.key)
                }));
            }
            if let Some(donor) = donor {
                let spliced = Spliced {
                    node: record.handle,
                    donor: Some(donor.handle),
                };
                found.push((*index, spliced));
            }
        }
        for (index, spliced) in &found {
            tracing::warn!(node = %spliced.node, donor = ?spliced.donor, "a key is put together from pieces of another; the node is closed");
            self.set_text(*index, &[]);
            if let Some(record) = self.records.get_mut(*index) {
                record.key.zeroize();
                record.trouble = Some(Trouble::SplicedKey);
                self.sum.troubled = true;
            }
        }
        let found: Vec<Spliced> = found.into_iter().map(|(_, spliced)| spliced).collect();
        let room = MOST_KEPT.saturating_sub(self.spliced.len());
        self.spliced.extend(found.iter().take(room));
        found
    }

    fn hashes(&self, index: Index) -> impl Iterator<Item = u64> + use<'_> {
        let record = self.records.get(index);
        let own = record.into_iter().flat_map(pieces);
        own.map(|piece| self.pieces.hasher.of(&piece))
    }

    /// The nodes that were closed, a thousand at most.
    pub(crate) fn spliced(&self) -> &[Spliced] {
        &self.spliced
    }
}

const MOST_KEPT: usize = 1000;

#[cfg(test)]
mod tests {
    use mega_crypto::{FolderKey, NodeKey, ShareKey};
    use mega_filename::Mask;

    use super::*;
    use crate::tree::decrypt::key_bytes;
    use crate::tree::edit::NewNode;

    fn handle(number: u32) -> NodeHandle {
        let [a, b, c, d] = number.to_be_bytes();
        NodeHandle::from_bytes([1, 1, a, b, c, d])
    }

    /// A key of two pieces, told apart by their numbers.
    fn key(first: u32, second: u32) -> [u8; 32] {
        let mut key = [0x55; 32];
        key[..4].copy_from_slice(&first.to_be_bytes());
        key[16..20].copy_from_slice(&second.to_be_bytes());
        key
    }

    fn file(tree: &mut Tree, number: u32, key: [u8; 32]) {
        tree.insert(&NewNode {
            key,
            text: br#"{"n":"a"}"#,
            ..NewNode::bare(handle(number), Some(handle(1)), NodeKind::File)
        });
    }

    /// Two other clients make the share key of a folder from its own key.
    #[test]
    fn nod_4_a_folder_may_be_shared_under_its_own_key() {
        let mut tree = Tree::new(Mask::MEGA);
        tree.insert(&NewNode::bare(handle(1), None, NodeKind::Root));
        for number in [2, 3, 4] {
            tree.insert(&NewNode {
                key: FolderKey::from_bytes([if number == 4 { 8 } else { 7 }; 16])
                    .map(|key| key_bytes(&NodeKey::Folder(key)))
                    .unwrap(),
                text: br#"{"n":"a"}"#,
                ..NewNode::bare(handle(number), Some(handle(1)), NodeKind::Folder)
            });
        }
        let mut keyring = Keyring::default();
        for (share, byte) in [(2, 7), (4, 8)] {
            keyring.add_share(handle(share), ShareKey::from_bytes([byte; 16]).unwrap());
        }
        tree.finish_load();
        let expected = Spliced {
            node: handle(3),
            donor: Some(handle(2)),
        };
        assert_eq!(tree.check_all_keys(&keyring), [expected]);
    }

    /// The honest node keeps its key, whatever place in the arena the forged one gets, and however the filter has grown in between.
    #[test]
    fn nod_4_a_forged_node_in_the_place_of_a_deleted_one_is_not_taken_for_the_older() {
        let mut tree = Tree::new(Mask::MEGA);
        tree.insert(&NewNode::bare(handle(1), None, NodeKind::Root));
        file(&mut tree, 2, key(100, 101));
        file(&mut tree, 3, key(102, 103));
        tree.finish_load();
        assert!(tree.check_all_keys(&Keyring::default()).is_empty());
        let at = |tree: &Tree, number| tree.find(handle(number)).unwrap();
        let (place, honest) = (at(&tree, 2), at(&tree, 3));
        for number in 1000..3000 {
            file(&mut tree, number, key(number * 2, number * 2 + 1));
        }
        let grown: Vec<Index> = (1000..3000).map(|number| at(&tree, number)).collect();
        assert!(tree.check_new_keys(&grown, &Keyring::default()).is_empty());
        assert!(tree.pieces.is_full(), "the next look makes a new filter");

        tree.remove(place);
        file(&mut tree, 4, key(102, 104));
        let forged = at(&tree, 4);
        assert_eq!(forged, place, "the place is used again");
        let expected = Spliced {
            node: handle(4),
            donor: Some(handle(3)),
        };
        assert_eq!(
            tree.check_new_keys(&[forged], &Keyring::default()),
            [expected]
        );
        assert_eq!(tree.record(honest).unwrap().trouble, None);
        assert_eq!(tree.record(honest).unwrap().key, key(102, 103));
    }
}

//! What a share key may open: the nodes of its share, and nothing else (threat model, NOD-3).
//!
//! Whoever knows a share key, and everybody who has the URL of a link does, could otherwise make nodes anywhere in the account with the help of a
//! service that puts them there. Which key opened a node is remembered until the node has its place; so this costs nothing where nothing is shared.

use mega_crypto::{KeyCipher, WrappingKeys};
use mega_protocol::NodeHandle;
use zeroize::Zeroize;

use super::arena::{Flags, Index};
use super::bulk::Marks;
use super::decrypt::Decrypter;
use super::{RawSecrets, Tree};
use crate::keyring::Keyring;
use crate::node::{NodeKind, Trouble};

/// How many entries of one key are tried at most.
const MOST_TRIES: usize = 8;

/// Nodes that share keys have opened, each with the share. Neighbours in a reply nearly always lie in one share, so they are kept as rows of records.
#[derive(Clone, Default)]
pub(super) struct Opened(Vec<Row>);

/// Records next to each other that one share has opened.
#[derive(Clone, Copy)]
struct Row {
    first: Index,
    last: Index,
    share: NodeHandle,
}

impl Row {
    fn indices(self) -> impl Iterator<Item = Index> {
        (self.first.number()..=self.last.number()).map(Index::from_number)
    }
}

impl Opened {
    /// Adds a record.
    #[inline]
    pub(super) fn note(&mut self, index: Index, share: NodeHandle) {
        if let Some(row) = self.0.last_mut()
            && row.share == share
            && row.last.number().checked_add(1) == Some(index.number())
        {
            row.last = index;
            return;
        }
        self.0.push(Row {
            first: index,
            last: index,
            share,
        });
    }

    /// Whether this record was the last one to be added.
    pub(super) fn ends_with(&self, index: Index) -> bool {
        self.0.last().is_some_and(|row| row.last == index)
    }

    /// The share that opened a record, where records were added in their order.
    pub(super) fn of(&self, index: Index) -> Option<NodeHandle> {
        let after = self.0.partition_point(|row| row.first <= index);
        let row = self.0.get(after.checked_sub(1)?)?;
        (index <= row.last).then_some(row.share)
    }

    /// Adds what is in another one.
    pub(super) fn append(&mut self, mut others: Self) {
        self.0.append(&mut others.0);
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn indices(&self) -> impl Iterator<Item = Index> {
        self.0.iter().flat_map(|row| row.indices())
    }
}

impl Tree {
    /// Closes the nodes that were opened since the last time by the key of a share that they do not lie in. Gives them back, with that share.
    fn close_openers(&mut self) -> Vec<(Index, NodeHandle)> {
        let Opened(mut rows) = std::mem::take(&mut self.opened);
        // Share by share, so that no way up is walked twice.
        rows.sort_by_key(|row| row.share);
        let mut strays = Vec::new();
        for group in rows.chunk_by(|left, right| left.share == right.share) {
            self.find_strays(group, &mut strays);
        }
        for &(index, _) in &strays {
            self.set_text(index, &[]);
            if let Some(record) = self.records.get_mut(index) {
                record.key.zeroize();
                record.flags.set(Flags::FOREIGN, false);
                if record.trouble != Some(Trouble::Quarantined) {
                    record.trouble = Some(Trouble::NoKey);
                    self.sum.troubled = true;
                }
            }
        }
        strays
    }

    /// Of nodes opened by one share those that do not lie in it.
    fn find_strays(&self, opened: &[Row], strays: &mut Vec<(Index, NodeHandle)>) {
        let given_out = self.records.given_out();
        let (mut known, mut inside) = (Marks::new(given_out), Marks::new(given_out));
        let mut way = Vec::new();
        let share_of = |row: &Row| std::iter::repeat(row.share);
        for (index, share) in opened
            .iter()
            .flat_map(|row| row.indices().zip(share_of(row)))
        {
            if self.records.get(index).is_none() {
                continue;
            }
            let mut at = index;
            let within = loop {
                if known.has(at) {
                    break inside.has(at);
                }
                let Some(record) = self.records.get(at) else {
                    break false;
                };
                way.push(at);
                if record.handle == share {
                    break self.is_shared(at);
                }
                at = record.parent;
            };
            for at in way.drain(..) {
                known.set(at);
                if within {
                    inside.set(at);
                }
            }
            if !within {
                strays.push((index, share));
            }
        }
    }

    /// Whether this is the root of a share, one way or the other, or of a link.
    fn is_shared(&self, index: Index) -> bool {
        self.records.get(index).is_some_and(|record| {
            record.flags.has(Flags::SHARE_ROOT)
                || self.share(index).is_some()
                || self.is_shared_out(record.handle)
        })
    }

    /// Checks what was opened since the last time. `secrets` are keys and attributes as they came, where they are known: what is closed keeps them,
    /// and if its key has another entry, for a share that it does lie in, that one opens it.
    pub(crate) fn close_strays(
        &mut self,
        decrypter: &mut Decrypter,
        keyring: &Keyring,
        secrets: impl Fn(Index) -> Option<RawSecrets>,
    ) {
        if self.opened.is_empty() {
            return;
        }
        let opened = self.opened.clone();
        let mut refuted: Vec<(Index, Vec<NodeHandle>)> = Vec::new();
        for _ in 0..MOST_TRIES {
            let strays = self.close_openers();
            if strays.is_empty() {
                break;
            }
            // Those of the last round that are open now lie where they belong.
            let mut before = std::mem::take(&mut refuted);
            before.sort_unstable_by_key(|&(index, _)| index);
            for (index, share) in strays {
                let mut shares = before
                    .binary_search_by_key(&index, |&(index, _)| index)
                    .ok()
                    .and_then(|at| before.get_mut(at))
                    .map(|(_, shares)| std::mem::take(shares))
                    .unwrap_or_default();
                shares.push(share);
                if let Some(raw) = self.raw.get(&index).cloned().or_else(|| secrets(index)) {
                    self.try_others(index, raw, decrypter, keyring, &shares);
                }
                refuted.push((index, shares));
            }
        }
        // Whatever goes on opening elsewhere stays closed.
        self.close_openers();
        if self.raw.is_empty() {
            return;
        }
        for index in opened.indices() {
            let record = self.records.get(index);
            if record.is_some_and(|record| record.key != [0; 32]) {
                self.raw.remove(&index);
            }
        }
    }

    /// Tries the other entries of a key.
    fn try_others(
        &mut self,
        index: Index,
        raw: RawSecrets,
        decrypter: &mut Decrypter,
        keyring: &Keyring,
        refuted: &[NodeHandle],
    ) {
        let kind = self
            .records
            .get(index)
            .map_or(NodeKind::Unknown, |record| record.kind);
        let keys = Others { keyring, refuted };
        let _ = decrypter.again(kind, &raw, &keys, |key, text, opener| {
            self.decrypted(index, key, text, opener);
        });
        // For the next try, if this one is none either.
        self.set_raw(index, raw.key, raw.attributes);
    }
}

/// All keys but those of some shares.
struct Others<'a> {
    keyring: &'a Keyring,
    refuted: &'a [NodeHandle],
}

impl WrappingKeys for Others<'_> {
    fn user(&self) -> Option<mega_crypto::UserHandle> {
        self.keyring.user()
    }

    fn master(&self) -> Option<&KeyCipher> {
        self.keyring.master()
    }

    fn share(&self, share: mega_crypto::NodeHandle) -> Option<&KeyCipher> {
        let share = NodeHandle::from_bytes(share.to_bytes());
        if self.refuted.contains(&share) {
            return None;
        }
        self.keyring.share_cipher(share)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn rows_hold_what_was_noted(notes in prop::collection::vec((0_u32..3, 0_u8..2), 0..60)) {
            let share = |number: u8| NodeHandle::from_bytes([number; 6]);
            let (mut rows, mut model, mut at) = (Opened::default(), Vec::new(), 0);
            for (gap, number) in notes {
                at += gap + 1;
                rows.note(Index::from_number(at), share(number));
                model.push((Index::from_number(at), share(number)));
                prop_assert!(rows.ends_with(Index::from_number(at)));
                prop_assert!(!rows.ends_with(Index::from_number(at - 1)));
            }
            let noted: Vec<Index> = model.iter().map(|&(index, _)| index).collect();
            prop_assert_eq!(rows.indices().collect::<Vec<_>>(), noted);
            for index in (0..=at + 1).map(Index::from_number) {
                let wanted = model.iter().find(|(known, _)| *known == index);
                prop_assert_eq!(rows.of(index), wanted.map(|&(_, share)| share));
            }
        }
    }
}

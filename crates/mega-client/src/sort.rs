//! The order of a listing.

use std::cmp::Ordering;

use crate::node::NodeKind;
use crate::tree::Tree;
use crate::tree::arena::Index;

/// What a listing is sorted by; see [`List::sort_by`](crate::List::sort_by). Nodes that are equal in it are sorted by name, byte by byte.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
#[non_exhaustive]
pub enum SortBy {
    /// The shown name, byte by byte.
    #[default]
    Name,
    /// The shown name as people read it: letter case does not matter, and numbers in it count by their value, so that `page 9` comes before `page 10`.
    NaturalName,
    /// The size of a file; folders have none and come first.
    Size,
    /// When the content of a file was changed; nodes without such a time come first.
    Modified,
    /// When the service got the node.
    Created,
    /// Folders, then files by the ending of their names (what follows the last dot), in any letter case.
    Kind,
}

/// A whole order: what by, which way round, and folders apart or not.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct SortOrder {
    pub(crate) by: SortBy,
    pub(crate) descending: bool,
    pub(crate) folders_first: bool,
}

/// What of a node decides its place, looked up once.
#[derive(PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Key {
    Number(Option<i128>),
    Text(String),
    Natural(Vec<Piece>),
    Kind(bool, String),
}

/// A run of digits, by its value, or of anything else, in lower case.
#[derive(PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Piece {
    /// How many digits without leading zeros, then they themselves: so any number of digits compares by value.
    Number(usize, String),
    Text(String),
}

impl SortOrder {
    /// Whether it is the plain one by name, which pages of a listing are cut from.
    pub(crate) fn is_plain(self) -> bool {
        self.by == SortBy::Name && !self.descending && !self.folders_first
    }

    /// Puts nodes into this order.
    pub(crate) fn sort(self, tree: &Tree, nodes: &mut Vec<Index>) {
        let mut keyed: Vec<(bool, Key, Index)> = nodes
            .drain(..)
            .map(|index| {
                let file = tree
                    .record(index)
                    .is_some_and(|record| record.kind == NodeKind::File);
                (file && self.folders_first, self.key(tree, index), index)
            })
            .collect();
        keyed.sort_by(|(later, key, index), (other_later, other_key, other)| {
            let by_key = match self.descending {
                false => key.cmp(other_key),
                true => other_key.cmp(key),
            };
            // Names of equals are looked up only here: most nodes differ in what they are sorted by.
            let by_name = || match self.by {
                SortBy::Name => Ordering::Equal,
                _ => tree.shown_name(*index).cmp(&tree.shown_name(*other)),
            };
            later
                .cmp(other_later)
                .then(by_key)
                .then_with(by_name)
                .then(index.cmp(other))
        });
        nodes.extend(keyed.into_iter().map(|(_, _, index)| index));
    }

    fn key(self, tree: &Tree, index: Index) -> Key {
        let name = || tree.shown_name(index).unwrap_or_default();
        let record = tree.record(index);
        let file = record.is_some_and(|record| record.kind == NodeKind::File);
        match self.by {
            SortBy::Name => Key::Text(name()),
            SortBy::NaturalName => Key::Natural(natural(&name())),
            SortBy::Size => Key::Number(
                record
                    .filter(|_| file)
                    .map(|record| i128::from(record.size)),
            ),
            SortBy::Modified => {
                Key::Number(crate::attributes::modified_in(tree.text_of(index)).map(i128::from))
            }
            SortBy::Created => Key::Number(record.map(|record| i128::from(record.created))),
            SortBy::Kind => {
                let name = name();
                let ending = match name.rsplit_once('.') {
                    // A dot at the start hides a file and ends no name.
                    Some((stem, ending)) if file && !stem.is_empty() => ending.to_lowercase(),
                    _ => String::new(),
                };
                Key::Kind(file, ending)
            }
        }
    }
}

fn natural(name: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut rest = name;
    while let Some(first) = rest.chars().next() {
        let digits = first.is_ascii_digit();
        let end = rest
            .find(|character: char| character.is_ascii_digit() != digits)
            .unwrap_or(rest.len());
        let (run, after) = rest.split_at(end);
        pieces.push(if digits {
            let value = run.trim_start_matches('0');
            Piece::Number(value.len(), value.to_owned())
        } else {
            Piece::Text(run.to_lowercase())
        });
        rest = after;
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_as_people_read_them() {
        let sorted = [
            "",
            "007",
            "7 dwarfs",
            "10",
            "99999999999999999999998",
            "99999999999999999999999",
            "page",
            "Page 1",
            "page 2",
            "page 2b",
            "page 10",
            "page 010 b",
            "pages",
            "\u{e9}t\u{e9}",
        ];
        for (at, left) in sorted.iter().enumerate() {
            for right in sorted.iter().skip(at + 1) {
                assert!(natural(left) < natural(right), "{left:?} {right:?}");
            }
        }
        assert_eq!(natural("A01b"), natural("a1B"));
    }
}

//! Walking the tree without recursion and without a stack: children before siblings, parents first.

use super::Tree;
use super::arena::Index;

/// One stop of a walk.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    pub(crate) index: Index,
    /// 0 for the node the walk started at.
    pub(crate) depth: usize,
}

/// An iterator over a node and everything below it, parents before their children.
pub(crate) struct Walk<'a> {
    tree: &'a Tree,
    start: Index,
    next: Option<Step>,
}

impl Iterator for Walk<'_> {
    type Item = Step;

    fn next(&mut self) -> Option<Step> {
        let step = self.next?;
        self.next = self
            .tree
            .successor(self.start, step.index)
            .map(|(index, change)| Step {
                index,
                depth: step.depth.saturating_add_signed(change),
            });
        Some(step)
    }
}

impl Tree {
    /// Walks over a node and everything below it.
    pub(crate) fn walk(&self, start: Index) -> Walk<'_> {
        let next = self.records.get(start).map(|_| Step {
            index: start,
            depth: 0,
        });
        Walk {
            tree: self,
            start,
            next,
        }
    }

    /// Like [`Self::walk`], but does not enter the children of `at` next time.
    pub(crate) fn children(&self, parent: Index) -> Children<'_> {
        let next = self
            .records
            .get(parent)
            .map_or(Index::NONE, |record| record.first_child);
        Children { tree: self, next }
    }

    /// The node that follows `at` in the walk from `start`, and the change of depth.
    pub(super) fn successor(&self, start: Index, at: Index) -> Option<(Index, isize)> {
        let record = self.records.get(at)?;
        if let Some(child) = record.first_child.some() {
            return Some((child, 1));
        }
        let mut at = at;
        let mut change = 0_isize;
        while at != start {
            let record = self.records.get(at)?;
            if let Some(sibling) = record.next.some() {
                return Some((sibling, change));
            }
            at = record.parent;
            change = change.saturating_sub(1);
        }
        None
    }

    /// Whether `index` is `top` or lies below it.
    pub(crate) fn is_within(&self, index: Index, top: Index) -> bool {
        self.ancestors(index).any(|above| above == top)
    }

    /// The node itself, its parent, and so on to the top.
    pub(crate) fn ancestors(&self, index: Index) -> Ancestors<'_> {
        Ancestors {
            tree: self,
            next: Some(index),
            left: self.records.len().saturating_add(1),
        }
    }
}

/// The children of one node, in the order in which they came.
pub(crate) struct Children<'a> {
    tree: &'a Tree,
    next: Index,
}

impl Iterator for Children<'_> {
    type Item = Index;

    fn next(&mut self) -> Option<Index> {
        let index = self.next.some()?;
        self.next = self.tree.records.get(index)?.next;
        Some(index)
    }
}

/// A node and all that is above it. Bounded by the number of nodes, so that it ends even on a cycle.
pub(crate) struct Ancestors<'a> {
    tree: &'a Tree,
    next: Option<Index>,
    left: usize,
}

impl Iterator for Ancestors<'_> {
    type Item = Index;

    fn next(&mut self) -> Option<Index> {
        let index = self.next?;
        self.left = self.left.checked_sub(1)?;
        self.next = self
            .tree
            .records
            .get(index)
            .and_then(|record| record.parent.some());
        Some(index)
    }
}

//! What a copy makes and what it enters, decided on the tree before anything is sent.

use std::collections::{HashMap, HashSet};

use mega_protocol::NodeHandle;

use super::super::conflict::{Chosen, Claim, OnConflict, Place};
use super::super::name::Name;
use super::super::release::released_key;
use super::CopyTo;
use super::made::{Item, Plan};
use crate::error::{Error, Result};
use crate::node::NodeKind;
use crate::tree::Tree;
use crate::tree::arena::{Flags, Index};

/// Where the children of a copied folder go.
#[derive(Clone, Copy)]
enum Goes {
    /// Into a folder that the copy makes: its group and place there.
    New(usize, usize),
    /// Into a folder that exists.
    Existing(Index),
}

/// Plans a copy, parents before children, without recursion.
pub(super) struct Work<'a, 'c> {
    pub(super) tree: &'a Tree,
    pub(super) copy: &'a CopyTo,
    pub(super) plan: Plan,
    group_of: HashMap<NodeHandle, usize>,
    /// Kept until the copy is made.
    chosen: &'a mut Chosen<'c>,
}

impl<'a, 'c> Work<'a, 'c> {
    pub(super) fn new(tree: &'a Tree, copy: &'a CopyTo, chosen: &'a mut Chosen<'c>) -> Self {
        Self {
            tree,
            copy,
            plan: Plan::default(),
            group_of: HashMap::new(),
            chosen,
        }
    }
}

impl Work<'_, '_> {
    /// Plans the copy of one node and of everything below it, parents before children, without recursion.
    pub(super) fn top(&mut self, source: Index, folder: Index, name: &Name) -> Result<()> {
        let first = self.enter(source, folder, name, true)?;
        let mut goes: HashMap<Index, Goes> = HashMap::new();
        if let Some(first) = first {
            goes.insert(source, first);
        }
        // Folders that are left out, with everything below them.
        let mut out: HashSet<Index> = HashSet::new();
        for step in self.tree.walk(source).skip(1) {
            let index = step.index;
            let Some(record) = self.tree.record(index) else {
                continue;
            };
            if record.flags.has(Flags::VERSION) {
                continue;
            }
            let handle = record.handle;
            if out.contains(&record.parent) || released_key(self.tree, index).is_none() {
                out.insert(index);
                self.plan.withheld.push(handle);
                continue;
            }
            let Some(&into) = goes.get(&record.parent) else {
                continue;
            };
            let entered = match into {
                Goes::New(group, above) => {
                    Ok(Some(self.push(group, Some(above), index, None, None)))
                }
                Goes::Existing(folder) => {
                    let stored = self.tree.stored_name(index).unwrap_or_default();
                    Name::decoded(self.tree.mask(), &self.tree.mask().decode(&stored))
                        .and_then(|name| self.enter(index, folder, &name, false))
                }
            };
            match entered {
                Ok(Some(into)) => {
                    goes.insert(index, into);
                }
                Ok(None) => {}
                Err(error) => self.plan.failed.push((handle, error)),
            }
        }
        Ok(())
    }

    /// Plans one node that goes into a folder that exists. `None` if there is nothing to do for it and below it.
    fn enter(
        &mut self,
        source: Index,
        folder: Index,
        name: &Name,
        top: bool,
    ) -> Result<Option<Goes>> {
        let tree = self.tree;
        let (Some(record), Some(target)) = (tree.record(source), tree.record(folder)) else {
            return Err(Error::not_found("node"));
        };
        let file = record.kind == NodeKind::File;
        if self.copy.merge || (file && self.copy.to.rule == OnConflict::Update) {
            let there = tree.named(folder, &name.decoded).find(|&index| {
                tree.record(index).is_some_and(|other| {
                    if file {
                        // The same content under the same key: an earlier copy of the same file.
                        other.kind == NodeKind::File
                            && other.key == record.key
                            && other.size == record.size
                    } else {
                        other.kind == NodeKind::Folder
                    }
                })
            });
            if let Some(there) = there {
                if top {
                    self.plan.merged_into = tree.record(there).map(|record| record.handle);
                }
                if file {
                    self.plan.present = self.plan.present.saturating_add(1);
                    return Ok(None);
                }
                return Ok(Some(Goes::Existing(there)));
            }
        }
        let claim = Claim {
            folder,
            name,
            file,
            rule: self.copy.to.rule,
            duplicates: self.copy.client.options().duplicates,
            named: None,
            except: None,
            versions: true,
        };
        let place = claim.settle(tree, self.chosen)?;
        if let Some(there) = place.keeps {
            if top {
                self.plan.merged_into = Some(there);
            }
            self.plan.present = self.plan.present.saturating_add(1);
            return Ok(None);
        }
        if place.displaced == Some(record.handle) || place.replaces == Some(record.handle) {
            return Err(Error::misuse("a copy cannot replace its original"));
        }
        let target = target.handle;
        let group = *self.group_of.entry(target).or_insert_with(|| {
            self.plan.groups.push((target, Vec::new()));
            self.plan.groups.len().saturating_sub(1)
        });
        let into = self.push(group, None, source, Some(place), Some(top));
        Ok(Some(into))
    }

    fn push(
        &mut self,
        group: usize,
        above: Option<usize>,
        source: Index,
        place: Option<Place>,
        top: Option<bool>,
    ) -> Goes {
        let (handle, file) = self
            .tree
            .record(source)
            .map_or((NodeHandle::from_bytes([0; 6]), true), |record| {
                (record.handle, record.kind == NodeKind::File)
            });
        let mut item = Item {
            source: handle,
            above,
            file,
            top: top.unwrap_or(false),
            name: None,
            replaces: None,
            displaces: None,
        };
        if let Some(place) = place {
            item.name = Some(place.name.stored);
            item.replaces = place.replaces;
            item.displaces = place.displaced;
        }
        let Some((_, items)) = self.plan.groups.get_mut(group) else {
            return Goes::Existing(Index::NONE);
        };
        items.push(item);
        Goes::New(group, items.len().saturating_sub(1))
    }
}

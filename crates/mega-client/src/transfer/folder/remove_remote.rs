//! Remote entries that have no local counterpart any more.

use std::collections::HashSet;
use std::sync::Arc;

use mega_protocol::NodeHandle;

use super::super::local::{blocking, os_name};
use super::dirs::Dirs;
use super::filter::Filter;
use super::report::{FolderReport, Outcome};
use super::scan::raw_name;
use super::upload::UploadFolder;
use crate::node::Node;
use crate::tree::Tree;
use crate::tree::arena::Index;

impl UploadFolder {
    /// Moves what is in none of the local folders to the rubbish bin.
    pub(super) async fn remove_extraneous(
        &self,
        dirs: &Arc<Dirs>,
        folders: &[Option<NodeHandle>],
        report: &mut FolderReport,
    ) {
        for (id, folder) in folders.iter().enumerate() {
            let Some(folder) = *folder else { continue };
            let local = {
                let dirs = Arc::clone(dirs);
                blocking(move || dirs.open(id).and_then(|dir| dir.names())).await
            };
            // A folder that cannot be listed says nothing about what should be gone.
            let Ok(Ok(local)) = local else { continue };
            let expected: HashSet<Vec<u8>> = local
                .iter()
                .map(|name| raw_name(self.options.names, name))
                .collect();
            let extraneous: Vec<(Node, String)> = self.client.with_tree(|tree, _| {
                let Some(index) = tree.find(folder) else {
                    return Vec::new();
                };
                let children = tree.children(index).filter_map(|child| {
                    let raw = tree.mask().decode(&tree.stored_name(child)?).into_owned();
                    (!expected.contains(&raw)).then_some((child, raw))
                });
                let parts = children.flat_map(|(child, raw)| {
                    let shown = dirs.shown(id, &os_name(&raw));
                    parts(tree, child, shown, &self.options.filter)
                });
                parts.collect()
            });
            for (node, shown) in extraneous {
                let outcome = if self.options.dry_run {
                    Outcome::Removed
                } else {
                    match self.client.trash(&node).await {
                        Ok(_) => Outcome::Removed,
                        Err(error) => Outcome::Failed(error),
                    }
                };
                report.add(shown, node.size(), outcome);
            }
        }
    }
}

/// What of a node may go: all of it, or where the filter leaves something out inside, the parts around that. Nothing recurses.
fn parts(tree: &Tree, top: Index, shown: String, filter: &Filter) -> Vec<(Node, String)> {
    struct Entry {
        node: Node,
        shown: String,
        above: Option<usize>,
        /// It stays, or something in it does.
        stays: bool,
    }
    let mut entries: Vec<Entry> = Vec::new();
    let mut todo = vec![(top, shown, None)];
    while let Some((index, shown, above)) = todo.pop() {
        let Some(node) = tree.node(index) else {
            continue;
        };
        let takes_part = if node.is_folder() {
            filter.takes_folder(&shown)
        } else {
            filter.takes_file(&shown, node.size(), node.modified())
        };
        let at = entries.len();
        // A filter that takes everything takes everything in it.
        if takes_part && node.is_folder() && !filter.takes_everything() {
            for child in tree.children(index) {
                let name = match tree.stored_name(child) {
                    Some(stored) => tree.mask().decode(&stored).into_owned(),
                    None => Vec::new(),
                };
                let name = os_name(&name);
                todo.push((
                    child,
                    format!("{shown}/{}", name.to_string_lossy()),
                    Some(at),
                ));
            }
        }
        entries.push(Entry {
            node,
            shown,
            above,
            stays: !takes_part,
        });
    }
    // Children come after their parents.
    for at in (0..entries.len()).rev() {
        let above = entries.get(at).filter(|entry| entry.stays);
        if let Some(above) = above.and_then(|entry| entry.above)
            && let Some(above) = entries.get_mut(above)
        {
            above.stays = true;
        }
    }
    let stays: Vec<bool> = entries.iter().map(|entry| entry.stays).collect();
    let goes = entries.into_iter().filter(|entry| {
        let above = entry.above.and_then(|above| stays.get(above));
        // What goes along with its folder needs no step of its own.
        !entry.stays && above.is_none_or(|stays| *stays)
    });
    goes.map(|entry| (entry.node, entry.shown)).collect()
}

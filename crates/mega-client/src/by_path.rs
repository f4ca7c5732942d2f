//! The entries below a folder in the order of their paths, without making the paths: those of a deep tree together are far longer than its names.

use crate::node::NodeKind;
use crate::tree::Tree;
use crate::tree::arena::Index;

/// How far a place in the tree agrees with the path after which a page begins.
#[derive(Clone, Copy)]
enum Start {
    /// It comes after that path, and so does all that is below it.
    Past,
    /// It is that path up to so many parts.
    At(usize),
}

/// Everything of one path, and the entries below it that are still to come: the next name last.
struct Level {
    names: Vec<(String, Vec<Index>)>,
    start: Start,
}

/// What lies in `top`, and below it if `recursive`, sorted by its path part by part. Entries of one path stay in the order of the tree. With `after`
/// only what comes after that path, relative to `top`.
///
/// Nothing recurses, and what is held at any time is the names of one folder on each level.
pub(crate) fn by_path(tree: &Tree, top: Index, recursive: bool, after: Option<&str>) -> Vec<Index> {
    let after: Vec<&str> = after.map_or(Vec::new(), |after| after.split('/').collect());
    let start = if after.is_empty() {
        Start::Past
    } else {
        Start::At(0)
    };
    let mut found = Vec::new();
    let mut levels = vec![Level {
        names: names_in(tree, &[top]),
        start,
    }];
    while let Some(level) = levels.last_mut() {
        let Some((name, entries)) = level.names.pop() else {
            levels.pop();
            continue;
        };
        let (taken, below) = match level.start {
            Start::Past => (true, Some(Start::Past)),
            Start::At(parts) => match after.get(parts) {
                None => (true, Some(Start::Past)),
                Some(part) => match name.as_str().cmp(part) {
                    std::cmp::Ordering::Less => (false, None),
                    std::cmp::Ordering::Greater => (true, Some(Start::Past)),
                    // The path itself, or the beginning of it: only what is below may come after it.
                    std::cmp::Ordering::Equal => (false, Some(Start::At(parts.saturating_add(1)))),
                },
            },
        };
        if taken {
            found.extend_from_slice(&entries);
        }
        if recursive && let Some(start) = below {
            let names = names_in(tree, &entries);
            if !names.is_empty() {
                levels.push(Level { names, start });
            }
        }
    }
    found
}

/// The children of these folders by their shown names, the first name last.
fn names_in(tree: &Tree, folders: &[Index]) -> Vec<(String, Vec<Index>)> {
    let is_folder = |index: &Index| {
        let kind = tree.record(*index).map(|record| record.kind);
        kind.is_some_and(NodeKind::is_folder)
    };
    let mut named: Vec<(String, Index)> = folders
        .iter()
        .copied()
        .filter(is_folder)
        .flat_map(|folder| {
            let mut children: Vec<_> = tree
                .children(folder)
                .map(|child| (tree.shown_name(child).unwrap_or_default(), child))
                .collect();
            // As the plain order of a folder is.
            children.sort_unstable();
            children
        })
        .collect();
    named.sort_by(|left, right| left.0.cmp(&right.0));
    let mut names: Vec<(String, Vec<Index>)> = Vec::new();
    for (name, index) in named {
        match names.last_mut() {
            Some((last, entries)) if *last == name => entries.push(index),
            _ => names.push((name, vec![index])),
        }
    }
    names.reverse();
    names
}

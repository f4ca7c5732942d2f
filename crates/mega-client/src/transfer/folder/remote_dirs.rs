//! The remote folders of an upload: found where they are, made where they are missing.

use mega_protocol::NodeHandle;

use super::dirs::{DirId, Dirs};
use super::report::{FolderReport, Outcome};
use super::scan::raw_name;
use super::upload::UploadFolder;
use crate::error::Result;
use crate::node::{Node, SHOWN};

impl UploadFolder {
    /// The remote folders for the local ones. All that is missing is made with as few requests as possible.
    pub(super) async fn make_folders(
        &self,
        top: Option<NodeHandle>,
        dirs: &Dirs,
        report: &mut FolderReport,
    ) -> Result<Vec<Option<NodeHandle>>> {
        let before = self.known_folders(top, dirs);
        let missing = before.iter().filter(|folder| folder.is_none()).count();
        if self.options.dry_run || missing == 0 {
            let top_missing = usize::from(top.is_none());
            let made = missing.saturating_sub(top_missing);
            report.folders_created = u64::try_from(made).unwrap_or(u64::MAX);
            return Ok(before);
        }
        // A path that is made brings everything above it along, so only those at the end are asked for.
        let mut is_above = vec![false; dirs.len()];
        for (parent, _) in (1..dirs.len()).filter_map(|id| dirs.entry(id)) {
            if let Some(slot) = is_above.get_mut(parent) {
                *slot = true;
            }
        }
        let ends: Vec<DirId> = (1..dirs.len())
            .filter(|id| is_above.get(*id) == Some(&false) && before.get(*id) == Some(&None))
            .collect();
        let paths: Vec<String> = ends.iter().map(|id| self.remote_path(dirs, *id)).collect();
        let made = self.client.ensure_dirs(top, &paths).await;
        for (id, made) in ends.into_iter().zip(made) {
            if let (Err(error), Some((parent, name))) = (made, dirs.entry(id)) {
                let shown = dirs.shown(parent, name);
                report.add(shown, 0, Outcome::Failed(error.during("upload")));
            }
        }
        let after = self.known_folders(top, dirs);
        let still = after.iter().filter(|folder| folder.is_none()).count();
        report.folders_created = u64::try_from(missing.saturating_sub(still)).unwrap_or(u64::MAX);
        Ok(after)
    }

    /// The remote folders that are there, by the numbers of the local ones.
    fn known_folders(&self, top: Option<NodeHandle>, dirs: &Dirs) -> Vec<Option<NodeHandle>> {
        let mut folders: Vec<Option<NodeHandle>> = Vec::with_capacity(dirs.len());
        folders.push(top);
        // Parents have smaller numbers.
        for id in 1..dirs.len() {
            let found = dirs.entry(id).and_then(|(parent, name)| {
                let above = folders.get(parent).copied().flatten()?;
                let found = self
                    .client
                    .children_named(above, &raw_name(self.options.names, name));
                found
                    .into_iter()
                    .find(Node::is_folder)
                    .map(|node| node.handle())
            });
            folders.push(found);
        }
        folders
    }

    /// The path of a folder below the top one, as the client reads paths.
    fn remote_path(&self, dirs: &Dirs, id: DirId) -> String {
        let mut parts = Vec::new();
        let mut at = id;
        while let Some((parent, name)) = dirs.entry(at).filter(|_| at != 0) {
            let raw = raw_name(self.options.names, name);
            parts.push(String::from_utf8_lossy(&SHOWN.encode(&raw)).into_owned());
            at = parent;
        }
        parts.reverse();
        parts.join("/")
    }
}

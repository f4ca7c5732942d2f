//! The remote folders of an upload: found where they are, made where they are missing.

use std::pin::pin;
use std::sync::OnceLock;

use mega_protocol::NodeHandle;
use tokio::sync::Notify;

use super::dirs::{DirId, Dirs};
use super::scan::raw_name;
use super::upload::UploadFolder;
use crate::Target;
use crate::error::{Error, ErrorKind, Result};
use crate::node::{Node, SHOWN};

/// The remote folders for the local ones, by the numbers of those: the ones that were there, and the ones that are being made meanwhile.
pub(super) struct Folders {
    there: Vec<Option<NodeHandle>>,
    made: OnceLock<Vec<Option<NodeHandle>>>,
    /// Wakes those who wait in the order in which they came.
    told: Notify,
}

/// Where a remote folder is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whereabouts {
    There(NodeHandle),
    /// It is being made.
    Coming,
    /// It could not be made.
    Missing,
}

impl Folders {
    fn new(there: Vec<Option<NodeHandle>>) -> Self {
        Self {
            there,
            made: OnceLock::new(),
            told: Notify::new(),
        }
    }

    fn tell(&self, made: Vec<Option<NodeHandle>>) {
        // They are made once.
        let _ = self.made.set(made);
        self.told.notify_waiters();
    }

    /// Where this one is at the moment.
    pub(super) fn look(&self, id: DirId) -> Whereabouts {
        if let Some(there) = self.there.get(id).copied().flatten() {
            return Whereabouts::There(there);
        }
        match self.made.get() {
            None => Whereabouts::Coming,
            Some(made) => match made.get(id).copied().flatten() {
                Some(made) => Whereabouts::There(made),
                None => Whereabouts::Missing,
            },
        }
    }

    /// Whether nothing is being made.
    pub(super) fn are_made(&self) -> bool {
        self.made.get().is_some()
    }

    /// This one, once it is there.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`] if it could not be made.
    pub(super) async fn wait(&self, id: DirId) -> Result<NodeHandle> {
        loop {
            let mut told = pin!(self.told.notified());
            // From here on it is not missed.
            told.as_mut().enable();
            if self.are_made() {
                break;
            }
            told.await;
        }
        match self.look(id) {
            Whereabouts::There(folder) => Ok(folder),
            _ => Err(not_made()),
        }
    }

    /// All of them, when what was missing has been made as far as it could be.
    pub(super) fn all(&self) -> Vec<Option<NodeHandle>> {
        self.made.get().unwrap_or(&self.there).clone()
    }
}

/// The error for a file whose folder is not there.
pub(super) fn not_made() -> Error {
    Error::new(ErrorKind::NotFound, "its folder could not be made")
}

impl UploadFolder {
    /// The remote folders as far as they are there. `top` is the one that was asked for; in a dry run nothing that is missing is coming.
    pub(super) fn folders(&self, top: Option<NodeHandle>, dirs: &Dirs) -> Folders {
        let folders = Folders::new(self.known_folders(top, dirs));
        if self.options.dry_run || folders.there.iter().all(Option::is_some) {
            folders.tell(folders.there.clone());
        }
        folders
    }

    /// Makes the remote folders that are missing, the top one too, with as few requests as possible, and says which could not be made.
    ///
    /// # Errors
    ///
    /// If the top folder could not be made.
    pub(super) async fn make_folders(
        &self,
        dirs: &Dirs,
        folders: &Folders,
    ) -> Result<Vec<(DirId, Error)>> {
        let before = &folders.there;
        let top = before.first().copied().flatten();
        // A path that is made brings everything above it along, so only those at the end are asked for.
        let mut is_above = vec![false; dirs.len()];
        for (parent, _) in (1..dirs.len()).filter_map(|id| dirs.entry(id)) {
            if let Some(slot) = is_above.get_mut(parent) {
                *slot = true;
            }
        }
        let mut ends: Vec<DirId> = (1..dirs.len())
            .filter(|id| is_above.get(*id) == Some(&false) && before.get(*id) == Some(&None))
            .collect();
        // Whatever becomes of the others, the top one has a result of its own.
        let start = match (&top, &self.target) {
            (None, Target::Path(path)) => {
                ends.insert(0, 0);
                path.as_str()
            }
            _ => "",
        };
        let path = |id: &DirId| format!("{start}/{}", self.remote_path(dirs, *id));
        let paths: Vec<String> = ends.iter().map(path).collect();
        let made = self.client.ensure_dirs(top, &paths).await;
        let mut failures = Vec::new();
        let mut top = top;
        for (id, made) in ends.into_iter().zip(made) {
            match made {
                Ok(made) if id == 0 => top = Some(made),
                Ok(_) => {}
                Err(error) if id == 0 => return Err(error),
                Err(error) => failures.push((id, error)),
            }
        }
        let after = self.known_folders(top, dirs);
        folders.tell(after);
        Ok(failures)
    }

    /// How many folders below the top one were made, or would be.
    pub(super) fn created(&self, folders: &Folders) -> u64 {
        let missing = |all: &[Option<NodeHandle>]| {
            let below = all.iter().skip(1);
            below.filter(|folder| folder.is_none()).count()
        };
        let still = if self.options.dry_run {
            0
        } else {
            missing(&folders.all())
        };
        let created = missing(&folders.there).saturating_sub(still);
        u64::try_from(created).unwrap_or(u64::MAX)
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

//! The folder that all clients change: no model of it, but every upload is counted.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use mega_client::{Client, Error, ErrorKind, Node, OnConflict};

use crate::content::{self, FileId};
use crate::rng::Rng;

/// Where it is.
pub(crate) const FOLDER: &str = "/shared";

/// What the caller of an upload was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    Done,
    Unknown,
    Failed,
}

/// All uploads into the shared folder. Nothing in it is ever deleted for good, so each that was done must be there once at the end.
#[derive(Clone, Debug, Default)]
pub(crate) struct Uploads(Arc<Mutex<BTreeMap<FileId, Told>>>);

impl Uploads {
    pub(crate) fn told(&self, id: FileId, told: Told) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(id, told);
    }

    pub(crate) fn all(&self) -> BTreeMap<FileId, Told> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// A change in the shared folder.
#[derive(Clone, Debug)]
pub(crate) enum SharedOp {
    Upload(String, FileId, OnConflict),
    Mkdir(String),
    Rename(Node, String),
    Move(Node, Node),
    Trash(Node),
    Restore(Node),
}

impl SharedOp {
    /// Draws one for what the client sees at the moment.
    pub(crate) async fn draw(client: &Client, rng: &mut Rng, id: FileId) -> Option<Self> {
        let top = client.stat(FOLDER).folder().await.ok()?;
        let nodes = client.list(&top).recursive().await.ok()?;
        let mut dirs: Vec<Node> = nodes.iter().filter(|n| n.is_folder()).cloned().collect();
        dirs.push(top);
        let name = format!("s{}", rng.below(12));
        let dir = rng.pick(&dirs)?.clone();
        let path = format!("{}/{name}", client.path_of(&dir)?);
        let rule = match rng.below(3) {
            0 => OnConflict::KeepBoth,
            1 => OnConflict::ReplaceToBin,
            _ => OnConflict::Replace,
        };
        Some(match rng.below(9) {
            0..=2 => Self::Upload(path, id, rule),
            3 if nodes.len() < 20 => Self::Mkdir(path),
            4 | 5 => Self::Rename(rng.pick(&nodes)?.clone(), name),
            6 => Self::Move(rng.pick(&nodes)?.clone(), dir),
            7 => Self::Trash(rng.pick(&nodes)?.clone()),
            _ => {
                let bin = client.list(client.rubbish_bin().ok()?).await.ok()?;
                // Names of the shared folder begin with an s, those of a client's own with an n.
                let ours: Vec<Node> = bin
                    .into_iter()
                    .filter(|node| node.name().starts_with('s'))
                    .collect();
                Self::Restore(rng.pick(&ours)?.clone())
            }
        })
    }

    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Upload(path, id, rule) => format!("upload {path} as {id:x} ({rule:?})"),
            Self::Mkdir(path) => format!("make {path}"),
            Self::Rename(node, name) => {
                format!("rename {} {} to {name}", node.handle(), node.name())
            }
            Self::Move(node, dir) => format!(
                "move {} {} into {} {}",
                node.handle(),
                node.name(),
                dir.handle(),
                dir.name()
            ),
            Self::Trash(node) => format!("trash {} {}", node.handle(), node.name()),
            Self::Restore(node) => format!("restore {} {}", node.handle(), node.name()),
        }
    }

    pub(crate) async fn execute(self, client: Client) -> Result<(), Error> {
        match self {
            Self::Upload(path, id, rule) => client
                .write(path, content::bytes(id))
                .on_conflict(rule)
                .await
                .map(drop),
            Self::Mkdir(path) => client.create_dir(path).await.map(drop),
            Self::Rename(node, name) => client.rename(&node, name).await.map(drop),
            Self::Move(node, dir) => client.move_to(&node, &dir).await.map(drop),
            Self::Trash(node) => client.trash(&node).await.map(drop),
            Self::Restore(node) => client.restore(&node).await.map(drop),
        }
    }

    /// What the caller has been told of an upload.
    pub(crate) fn account(&self, uploads: &Uploads, result: Option<&Result<(), Error>>) {
        if let Self::Upload(_, id, _) = self {
            let told = match result {
                Some(Ok(())) => Told::Done,
                // The file is there when only putting the old one away has failed; the error names what was left.
                Some(Err(error)) if error.handles().is_empty() && definite(error) => Told::Failed,
                _ => Told::Unknown,
            };
            uploads.told(*id, told);
        }
    }
}

fn definite(error: &Error) -> bool {
    error.kind() != ErrorKind::OutcomeUnknown
}

//! Content that need not be sent, since it lies in the account already.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use bytes::Bytes;

use super::integrity::IntegrityPolicy;
use super::local::blocking;
use super::progress::Progress;
use super::publish::Spot;
use super::save::same_time;
use super::source::LocalFile;
use super::upload::Content;
use super::verify::{compare, compare_bytes};
use crate::error::{Error, Result};
use crate::fs::OnConflict;
use crate::node::{Node, SHOWN};
use crate::{Client, Target};

/// Lets the server copy a file of the same content, if there is one.
pub(super) async fn copied(
    client: &Client,
    path: &Path,
    spot: &Spot,
    rule: OnConflict,
    modified: Option<SystemTime>,
    progress: &Progress,
) -> Result<Option<Node>> {
    let (wanted, found) = (path.to_path_buf(), client.clone());
    let looking = blocking(move || {
        let local = LocalFile::open(&wanted)?;
        let candidates = found.with_tree(|tree, _| {
            let indices = tree.indices().filter(|index| {
                tree.record(*index).is_some_and(|record| {
                    !record.kind.is_folder() && record.size == local.stamp.size
                })
            });
            indices
                .filter_map(|index| tree.node(index))
                .collect::<Vec<_>>()
        });
        for node in candidates {
            let Ok(remote) = found.remote_file_of(&node) else {
                continue;
            };
            if compare(&local.file, &remote, IntegrityPolicy::default(), None)?.is_equal() {
                local.check()?;
                return Ok(Some((node, modified.or(local.stamp.modified))));
            }
        }
        Ok::<_, Error>(None)
    });
    let same = progress.unless_cancelled(async { looking.await? });
    let Some((node, modified)) = same.await? else {
        return Ok(None);
    };
    let name = String::from_utf8_lossy(&SHOWN.encode(&spot.name)).into_owned();
    let folder = progress.unless_cancelled(client.folder_of(&spot.folder));
    let folder = folder.await?;
    // From here on it is too late to cancel: the result says what became of it (P3).
    let copy = client.copy(&node, folder).rename(name).on_conflict(rule);
    let copy = copy.await?.node().clone();
    match modified {
        Some(modified)
            if !copy
                .modified()
                .is_some_and(|time| same_time(Some(time), modified)) =>
        {
            let timed = client.set_modified(&copy, modified).await;
            // The copy is there; another try would meet it.
            timed.map_err(Error::although_done)?;
            let made = client.file_node(&Target::from(copy.handle()))?;
            Ok(Some(made))
        }
        _ => Ok(Some(copy)),
    }
}

/// A content that can be looked at before it is sent.
pub(super) enum Known {
    Path(PathBuf),
    Bytes(Bytes),
}

impl Known {
    /// What a reader will give is known to nobody.
    pub(super) fn of(content: &Content) -> Option<Self> {
        match content {
            Content::Path(path) => Some(Self::Path(path.clone())),
            Content::Bytes(bytes) => Some(Self::Bytes(bytes.clone())),
            Content::Reader(..) => None,
        }
    }
}

/// Whether a node has this content, by the MAC over everything: then nothing is sent. With [`OnConflict::Update`] its time is its own affair, else it has to
/// be the local file's, too.
pub(super) async fn lies_there(
    client: &Client,
    content: Known,
    node: &Node,
    rule: OnConflict,
    modified: Option<SystemTime>,
) -> Result<bool> {
    let Ok(remote) = client.remote_file_of(node) else {
        return Ok(false);
    };
    let policy = IntegrityPolicy::default();
    match content {
        Known::Path(path) => {
            let there = node.modified();
            blocking(move || {
                let local = LocalFile::open(&path)?;
                let time = modified.or(local.stamp.modified);
                let timely =
                    rule == OnConflict::Update || there.is_some_and(|there| same_time(time, there));
                if !timely || local.stamp.size != remote.size {
                    return Ok(false);
                }
                let found = compare(&local.file, &remote, policy, None)?;
                local.check()?;
                Ok(found.is_equal())
            })
            .await?
        }
        Known::Bytes(bytes) if rule == OnConflict::Update => {
            blocking(move || Ok(compare_bytes(&bytes, &remote, policy)?.is_equal())).await?
        }
        Known::Bytes(_) => Ok(false),
    }
}

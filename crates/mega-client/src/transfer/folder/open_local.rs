//! A local file on its way up: when it is opened, and how long it stays open.

use std::path::PathBuf;
use std::sync::Arc;

use super::super::gate::Place;
use super::super::local::{Stamp, blocking, local_error};
use super::super::retry::Failure;
use super::super::source::{LocalFile, Source};
use super::super::wire::UploadUrl;
use super::dirs::Dirs;
use super::scan::ScannedFile;
use super::upload::UploadFolder;
use crate::error::Result;

/// An open file, ready to be sent.
pub(super) struct Ready {
    pub(super) source: Source,
    /// What came of asking for an address ahead.
    pub(super) address: Option<std::result::Result<UploadUrl, Failure>>,
    /// Its place among the small files that are open. It is given up with the file.
    pub(super) turn: Option<Place>,
}

impl UploadFolder {
    /// A file that is more than a round trip. It may go on with what an earlier run has sent, under the address of that one, so none is asked for.
    pub(super) async fn open_large(
        &self,
        file: &ScannedFile,
        dirs: &Arc<Dirs>,
        path: PathBuf,
    ) -> Result<Ready> {
        let open = opener(file, dirs, path);
        Ok(Ready {
            source: Source::File(blocking(open).await??),
            address: None,
            turn: None,
        })
    }

    /// A small file. First its address, which takes a round trip, and then its place among those that are open: of the many that are on
    /// their way few are open at a time (see [`Shared::small_uploads`](super::super::Shared::small_uploads)).
    pub(super) async fn open_small(
        &self,
        file: &ScannedFile,
        dirs: &Arc<Dirs>,
        path: PathBuf,
    ) -> Result<Ready> {
        let shared = self.client.transfers();
        let address = shared.wire().upload_address(file.stamp.size).await;
        let turn = shared.small_uploads().enter().await;
        let open = opener(file, dirs, path);
        // The step keeps the place to its end, also when nobody waits for it any more.
        let (opened, turn) = blocking(move || (open(), turn)).await?;
        let opened = opened?;
        Ok(Ready {
            // It may have another size by now; then the address is of no use.
            address: (opened.stamp.size == file.stamp.size).then_some(address),
            source: Source::File(opened),
            turn: Some(turn),
        })
    }
}

/// What opens a file. It waits for the disk.
fn opener(
    file: &ScannedFile,
    dirs: &Arc<Dirs>,
    path: PathBuf,
) -> impl FnOnce() -> Result<LocalFile> + Send + 'static {
    let (dirs, id, name) = (Arc::clone(dirs), file.folder, file.name.clone());
    move || {
        let failed = |error| local_error("the local file cannot be read", &path, error);
        let dir = dirs.open(id).map_err(failed)?;
        let file = dir.open_file(&name).map_err(failed)?;
        let stamp = Stamp::of(&file.metadata().map_err(failed)?);
        Ok(LocalFile {
            path,
            file: Arc::new(file),
            stamp,
        })
    }
}

//! A local file on its way up: when it is opened, and how long it stays open.

use std::path::PathBuf;
use std::sync::Arc;

use super::super::buffers::Buffer;
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
        let opened = blocking(open).await??;
        Ok(Ready {
            source: Source::File(opened),
            address: None,
            turn: None,
        })
    }

    /// A small file, with its content. First its address, which takes a round trip, then its place among those that are open, then memory, then the
    /// file: of the many that are on their way few are open at a time (see [`Shared::small_uploads`](super::super::Shared::small_uploads)). All that is to be done with it is
    /// done in one step, since going to another thread and back takes longer than reading it.
    pub(super) async fn open_small(
        &self,
        file: &ScannedFile,
        dirs: &Arc<Dirs>,
        path: PathBuf,
    ) -> Result<Ready> {
        let shared = self.client.transfers();
        let address = shared.wire().upload_address(file.stamp.size).await;
        let turn = shared.small_uploads().enter().await;
        let len = usize::try_from(file.stamp.size).unwrap_or(usize::MAX);
        let buffer = shared.buffers().take(len).await;
        let (open, scanned) = (opener(file, dirs, path), file.stamp.size);
        // The step keeps the place to its end, also when nobody waits for it any more.
        let reading = blocking(move || (open().and_then(|file| read(file, scanned, buffer)), turn));
        let (source, turn) = reading.await?;
        let source = source?;
        Ok(Ready {
            // It may have another size by now; then the address is of no use.
            address: (source.size() == scanned).then_some(address),
            source,
            turn: Some(turn),
        })
    }
}

/// Reads a file that has the size that was seen when it was found. One that has another is read when it is sent, with as much memory as it takes then.
fn read(file: LocalFile, scanned: u64, buffer: Buffer) -> Result<Source> {
    match file.stamp.size == scanned {
        true => file.read_whole(buffer),
        false => Ok(Source::File(file)),
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

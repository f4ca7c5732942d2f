//! The download address of one file, renewed when it expires (DL-13).

use std::sync::Arc;

use mega_protocol::storage::raid::PARTS;
use tokio::sync::Mutex;

use super::Shared;
use super::raid::Health;
use super::remote::RemoteFile;
use super::retry::Failure;
use super::wire::DownloadUrl;

/// Where the bytes of a file are now.
#[derive(Clone)]
pub(crate) enum Address {
    /// In one piece.
    Whole(DownloadUrl),
    /// In six parts, of which any five do (CloudRAID).
    Parts(Arc<[DownloadUrl; PARTS]>),
}

/// The address that the connections of one transfer share. It is asked for when it is first needed,
/// and once more whenever it has expired, however many connections notice that.
pub(crate) struct Addresses {
    shared: Shared,
    file: RemoteFile,
    current: Mutex<Current>,
    health: Arc<Health>,
}

#[derive(Default)]
struct Current {
    address: Option<Address>,
    generation: u64,
}

impl Addresses {
    pub(crate) fn new(shared: &Shared, file: &RemoteFile) -> Self {
        Self {
            shared: shared.clone(),
            file: file.clone(),
            current: Mutex::default(),
            health: Arc::default(),
        }
    }

    /// The address, and a number to name it by when it has expired.
    pub(crate) async fn current(&self) -> Result<(Address, u64), Failure> {
        let mut current = self.current.lock().await;
        let address = match &current.address {
            Some(address) => address.clone(),
            None => {
                let address = self.shared.wire().download_address(&self.file).await?;
                current.address = Some(address.clone());
                current.generation = current.generation.wrapping_add(1);
                address
            }
        };
        Ok((address, current.generation))
    }

    /// The size of the file.
    pub(crate) fn size(&self) -> u64 {
        self.file.size
    }

    /// What is known of the parts.
    pub(crate) fn health(&self) -> &Arc<Health> {
        &self.health
    }

    /// Whether the file is known to be stored in one piece.
    pub(crate) fn in_one(&self) -> bool {
        // Nobody waits here: it may be asked by whoever drives the one that is getting the address.
        let current = self.current.try_lock();
        current.is_ok_and(|current| matches!(current.address, Some(Address::Whole(_))))
    }

    /// Whether the file is known to be stored in parts.
    pub(crate) async fn in_parts(&self) -> bool {
        matches!(self.current.lock().await.address, Some(Address::Parts(_)))
    }

    /// The address with this number has expired; 0 is the number of none.
    pub(crate) async fn expired(&self, generation: u64) {
        let mut current = self.current.lock().await;
        if current.generation == generation {
            current.address = None;
        }
    }

    /// The next one who asks gets a fresh address.
    pub(crate) async fn forget(&self) {
        self.current.lock().await.address = None;
    }
}

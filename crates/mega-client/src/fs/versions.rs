//! Older versions of files: restoring and deleting them. Listing is [`Client::versions`].

use futures::future::{BoxFuture, FutureExt, join_all};
use mega_crypto::NodeKey;
use mega_protocol::NodeHandle;
use mega_protocol::commands::{DeleteAllVersions, NewNodeSource};

use super::access::find;
use super::attributes;
use super::put::{Planned, bad_name};
use super::release::released_key;
use crate::error::{Error, ErrorKind, Result};
use crate::node::{Node, NodeKind};
use crate::target::{Target, Want};
use crate::tree::Tree;
use crate::tree::arena::{Flags, Index};
use crate::{Client, Progress};

impl Client {
    /// Makes an older version the current one again. What was current becomes an older version; nothing is lost. Gives the new current file,
    /// which has a handle of its own.
    ///
    /// # Errors
    ///
    /// [`Misuse`](ErrorKind::Misuse) when the node is no older version, [`Key`](ErrorKind::Key) when it cannot be read.
    ///
    /// Cancel safety: once sent, the change takes effect; it is seen after the next refresh.
    ///
    /// ```
    /// # async fn doc() -> Result<(), Box<dyn std::error::Error>> {
    /// # let server = mega_testserver::TestServer::start().await?;
    /// # server.account("me@example.com", "secret").create();
    /// # let login = mega_client::Credentials::new("me@example.com", "secret");
    /// # let mega = mega_client::Client::builder().origin(server.url()).login(login).await?;
    /// use mega_client::OnConflict;
    /// mega.write("/plan.txt", "first").await?;
    /// mega.write("/plan.txt", "second").on_conflict(OnConflict::Replace).await?;
    /// let older = mega.versions("/plan.txt").await?;
    /// mega.restore_version(&older[0]).await?;
    /// assert_eq!(mega.read("/plan.txt").await?, "first");
    /// assert_eq!(mega.versions("/plan.txt").await?.len(), 2);
    /// # Ok(()) }
    /// # tokio::runtime::Runtime::new().unwrap().block_on(doc()).unwrap();
    /// ```
    pub fn restore_version(&self, version: impl Into<Target>) -> BoxFuture<'static, Result<Node>> {
        let (client, version) = (self.clone(), version.into());
        async move {
            client
                .make_current(&version)
                .await
                .map_err(|error| error.during("restore version").about(version.to_string()))
        }
        .boxed()
    }

    /// Deletes all older versions of a file for good; the current one stays. Gives the number of versions that are gone.
    ///
    /// # Errors
    ///
    /// [`IsADirectory`](ErrorKind::IsADirectory) for folders; otherwise as for [`delete`](Self::delete).
    ///
    /// Cancel safety: the versions whose deletion has been sent go; it is seen after the next refresh. Repeat it for the rest.
    pub fn delete_versions(&self, target: impl Into<Target>) -> BoxFuture<'static, Result<usize>> {
        let (client, target) = (self.clone(), target.into());
        async move {
            let deleted = async {
                let file = client.handle_of(&target, Want::File)?;
                client.catch_up().await?;
                // Each by itself: what becomes of the versions below a deleted one is not the same everywhere.
                let older: Vec<NodeHandle> = client.with_tree(|tree, _| {
                    let head = find(tree, file)?;
                    let handle = |at| tree.record(at).map(|record| record.handle);
                    Ok::<_, Error>(
                        tree.walk(head)
                            .skip(1)
                            .filter_map(|step| handle(step.index))
                            .collect(),
                    )
                })?;
                // The oldest first, so that none is put into another place on the way.
                let gone = older
                    .iter()
                    .rev()
                    .map(|&version| client.erase(version, true));
                join_all(gone)
                    .await
                    .into_iter()
                    .collect::<Result<Vec<()>>>()?;
                Ok(older.len())
            };
            deleted
                .await
                .map_err(|error: Error| error.during("delete versions").about(target.to_string()))
        }
        .boxed()
    }

    /// Deletes one version of a file for good; all others stay. When it is the current one, the newest older version takes its place.
    ///
    /// # Errors
    ///
    /// As for [`delete`](Self::delete), and [`IsADirectory`](ErrorKind::IsADirectory).
    ///
    /// Cancel safety: once sent, the change takes effect; it is seen after the next refresh.
    pub fn delete_version(&self, version: impl Into<Target>) -> BoxFuture<'static, Result<()>> {
        let (client, version) = (self.clone(), version.into());
        async move {
            let deleted = async { client.erase_target(&version, Want::File, true).await };
            deleted
                .await
                .map_err(|error| error.during("delete version").about(version.to_string()))
        }
        .boxed()
    }

    /// Deletes all older versions of all files of the account for good.
    ///
    /// # Errors
    ///
    /// [`Unsupported`](ErrorKind::Unsupported) for public links; whatever the service says.
    ///
    /// Cancel safety: once sent, the change takes effect; it is seen after the next refresh.
    pub fn delete_all_versions(&self) -> BoxFuture<'static, Result<()>> {
        let client = self.clone();
        async move {
            let deleted = async {
                client.account()?;
                client.check_whole()?;
                client.change(DeleteAllVersions::new()).await
            };
            deleted
                .await
                .map_err(|error| error.during("delete all versions"))
        }
        .boxed()
    }

    /// A copy of the version replaces the current file, as in the SDK (`MegaApiImpl`, `TYPE_RESTORE`).
    async fn make_current(&self, version: &Target) -> Result<Node> {
        self.account()?;
        let node = self.handle_of(version, Want::File)?;
        self.catch_up().await?;
        let (folder, planned) = self.with_tree(|tree, _| plan(tree, find(tree, node)?))?;
        let planned = std::iter::once(Ok(planned));
        let made = self.put_forest(folder, planned, &Progress::new()).await;
        let made = made
            .into_iter()
            .next()
            .unwrap_or_else(|| Err(Error::misuse("nothing to restore")))?;
        self.node_of(made)
    }
}

fn plan(tree: &Tree, index: Index) -> Result<(NodeHandle, Planned)> {
    let record = tree
        .record(index)
        .ok_or_else(|| Error::not_found("version"))?;
    if !record.flags.has(Flags::VERSION) {
        return Err(Error::misuse("it is no older version but the current file"));
    }
    let key = released_key(tree, index)
        .ok_or_else(|| Error::new(ErrorKind::Key, "the version cannot be read"))?;
    let mut written = attributes::read(tree, index)?;
    written.set_restore_to(None);
    // The current file is the last one on the way up; above it is its folder.
    let mut head = index;
    let mut folder = None;
    for above in tree.ancestors(index) {
        match tree.record(above) {
            Some(record) if record.kind == NodeKind::File => head = above,
            other => {
                folder = other.map(|record| record.handle);
                break;
            }
        }
    }
    let folder = folder.ok_or_else(|| Error::not_found("the folder of the file"))?;
    // The content comes back, not the name that the file had then.
    if let Some(name) = tree.stored_name(head) {
        written
            .set_name_verbatim(&String::from_utf8_lossy(&name))
            .map_err(bad_name)?;
    }
    let planned = Planned {
        source: NewNodeSource::Copy(record.handle),
        above: None,
        key: match key {
            key @ NodeKey::File(_) => key,
            NodeKey::Folder(_) => return Err(Error::misuse("it is no file")),
        },
        attributes: written,
        file_attributes: None,
        replaces: tree.record(head).map(|record| record.handle),
    };
    Ok((folder, planned))
}

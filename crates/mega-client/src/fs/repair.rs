//! Putting right what other programs have left wrong: modification times, fingerprints, keys that others never got.

use std::fmt;
use std::future::IntoFuture;
use std::path::{Path, PathBuf};

use futures::future::{BoxFuture as Boxed, FutureExt};
use mega_filename::LocalPolicy;
use mega_protocol::NodeHandle;
use mega_protocol::commands::SupplyShareKeys;

use super::access::find;
use super::release::{subtree_keys, wrap_for_shares};
use crate::builder::BoxFuture;
use crate::error::{Error, Result};
use crate::node::Node;
use crate::offload::blocking;
use crate::target::{Target, Want};
use crate::transfer::{local_raw_name, proven_fingerprint};
use crate::{Client, Progress};

/// How many node keys travel with one command.
const KEYS_AT_ONCE: usize = 1000;

impl Client {
    /// Puts the modification times and fingerprints of remote files back from their local originals; await it for a [`RepairReport`].
    ///
    /// Some programs upload without a fingerprint, with a wrong one, or with the time of the upload; then synchronising transfers everything again. This compares each local
    /// file with its remote counterpart by the MAC over all of its content, without a download, and only where they are equal it writes the fingerprint that a correct upload would have
    /// written. Nothing else of a node changes, and what differs is left alone and reported. `local` and `target` are two files or two folders.
    ///
    /// # Errors
    ///
    /// [`NotFound`](crate::ErrorKind::NotFound) for either side, [`NotADirectory`](crate::ErrorKind::NotADirectory) when one is a folder and the other is not. What goes wrong with
    /// single files is in the report.
    ///
    /// Cancel safety: what was repaired stays repaired. To stop and still be told what was done, use [`Repair::progress`].
    ///
    /// ```
    /// # async fn doc() -> Result<(), Box<dyn std::error::Error>> {
    /// # let server = mega_testserver::TestServer::start().await?;
    /// # server.account("me@example.com", "secret").create();
    /// # let login = mega_client::Credentials::new("me@example.com", "secret");
    /// # let mega = mega_client::Client::builder().origin(server.url()).login(login).await?;
    /// # let folder = tempfile::tempdir()?;
    /// # let photos = folder.path();
    /// # let time = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000);
    /// std::fs::write(photos.join("cat.jpg"), "meow")?;
    /// # std::fs::File::options().write(true).open(photos.join("cat.jpg"))?.set_modified(time)?;
    /// mega.write("/photos/cat.jpg", "meow").await?; // the same content, but the time of the upload
    /// let report = mega.repair(photos, "/photos").await?;
    /// assert_eq!(report.restored().count(), 1);
    /// assert_eq!(mega.stat("/photos/cat.jpg").await?.modified(), Some(time));
    /// # Ok(()) }
    /// # tokio::runtime::Runtime::new().unwrap().block_on(doc()).unwrap();
    /// ```
    pub fn repair(&self, local: impl AsRef<Path>, target: impl Into<Target>) -> Repair {
        Repair {
            client: self.clone(),
            local: local.as_ref().to_path_buf(),
            target: target.into(),
            names: LocalPolicy::default(),
            dry_run: false,
            progress: Progress::new(),
        }
    }

    /// Gives the keys of all readable nodes in a folder to everybody it is shared with or linked for, once more. Programs that do not know of a share leave nodes in it that the others see as
    /// undecryptable; this puts them right for those who fetch their tree from then on. Await it for the number of keys that were given, and the nodes that stay unreadable because they are so here, too.
    ///
    /// # Errors
    ///
    /// [`NotFound`](crate::ErrorKind::NotFound), [`NotADirectory`](crate::ErrorKind::NotADirectory); [`Misuse`](crate::ErrorKind::Misuse) when nothing in or above the folder is shared;
    /// [`Key`](crate::ErrorKind::Key) when the key of a share is unknown.
    ///
    /// Cancel safety: what was given stays given; repeat it.
    pub fn repair_keys(
        &self,
        folder: impl Into<Target>,
    ) -> Boxed<'static, Result<(usize, Vec<NodeHandle>)>> {
        let (client, folder) = (self.clone(), folder.into());
        async move {
            let repaired = async {
                client.account()?;
                let top = client.handle_of(&folder, Want::Folder)?;
                client.catch_up().await?;
                client.know_share_keys(top).await?;
                client.supply_keys(top).await
            };
            repaired
                .await
                .map_err(|error: Error| error.during("repair keys").about(folder.to_string()))
        }
        .boxed()
    }

    async fn supply_keys(&self, top: NodeHandle) -> Result<(usize, Vec<NodeHandle>)> {
        // The shares that the folder lies in, with the folder's own nodes; and those below it, each with its own.
        let (jobs, withheld) = self.with_tree(|tree, _| {
            let index = find(tree, top)?;
            let mut jobs = Vec::new();
            let around = super::release::shares_around(tree, index);
            if !around.is_empty() {
                jobs.push((around, subtree_keys(tree, index)));
            }
            for step in tree.walk(index).skip(1) {
                if let Some(record) = tree.record(step.index)
                    && tree.is_shared_out(record.handle)
                {
                    jobs.push((vec![record.handle], subtree_keys(tree, step.index)));
                }
            }
            Ok::<_, Error>((jobs, subtree_keys(tree, index).withheld))
        })?;
        if jobs.is_empty() {
            return Err(Error::misuse("nothing in or above the folder is shared"));
        }
        let mut supplied = 0_usize;
        for (shares, subtree) in jobs {
            let nodes = subtree.nodes.chunks(KEYS_AT_ONCE);
            for (nodes, keys) in nodes.zip(subtree.keys.chunks(KEYS_AT_ONCE)) {
                let keys = self.with_keyring(|keyring| {
                    wrap_for_shares(keyring, &shares, nodes.to_vec(), keys.iter())
                })?;
                if let Some(keys) = keys {
                    supplied = supplied.saturating_add(keys.keys.len());
                    self.ask(SupplyShareKeys::new(keys)).await?;
                }
            }
        }
        Ok((supplied, withheld))
    }
}

/// A repair of times and fingerprints; await it.
#[must_use = "nothing happens until it is awaited"]
#[derive(Clone, Debug)]
pub struct Repair {
    client: Client,
    local: PathBuf,
    target: Target,
    names: LocalPolicy,
    dry_run: bool,
    progress: Progress,
}

/// What became of one file.
#[derive(Debug)]
#[non_exhaustive]
pub enum Repaired {
    /// Its fingerprint was wrong or missing, and is right now (or would be, in a dry run).
    Restored(Node),
    /// There was nothing to do.
    Right(Node),
    /// The contents differ, so nothing was changed.
    Different(Node),
    /// There is no remote file of that name.
    Missing,
    /// It went wrong.
    Failed(Error),
}

/// What a repair did, file by file.
#[derive(Debug)]
#[must_use = "some files may have failed"]
pub struct RepairReport {
    files: Vec<(PathBuf, Repaired)>,
}

impl RepairReport {
    /// Each local file with what became of its counterpart.
    #[must_use]
    pub fn files(&self) -> &[(PathBuf, Repaired)] {
        &self.files
    }

    /// The files that are right now and were not before.
    pub fn restored(&self) -> impl Iterator<Item = (&Path, &Node)> {
        self.files.iter().filter_map(|(path, done)| match done {
            Repaired::Restored(node) => Some((path.as_path(), node)),
            _ => None,
        })
    }

    /// What went wrong.
    pub fn failed(&self) -> impl Iterator<Item = (&Path, &Error)> {
        self.files.iter().filter_map(|(path, done)| match done {
            Repaired::Failed(error) => Some((path.as_path(), error)),
            _ => None,
        })
    }
}

impl fmt::Display for RepairReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |wanted: fn(&Repaired) -> bool| {
            self.files.iter().filter(|(_, done)| wanted(done)).count()
        };
        write!(
            f,
            "{} restored, {} right, {} different, {} missing, {} failed",
            count(|done| matches!(done, Repaired::Restored(_))),
            count(|done| matches!(done, Repaired::Right(_))),
            count(|done| matches!(done, Repaired::Different(_))),
            count(|done| matches!(done, Repaired::Missing)),
            count(|done| matches!(done, Repaired::Failed(_))),
        )
    }
}

impl Repair {
    /// Changes nothing, and says what would be changed.
    pub fn dry_run(mut self) -> Self {
        self.dry_run = true;
        self
    }

    /// How local names stand for remote ones, if the files were downloaded with another policy than the default.
    pub fn local_names(mut self, policy: LocalPolicy) -> Self {
        self.names = policy;
        self
    }

    /// Counts the bytes that are compared and the files that are looked at, as far as they are known yet, and lets somebody stop it: what was repaired stays so, and
    /// the report has every file that is not done as failed, being [`Cancelled`](crate::ErrorKind::Cancelled).
    pub fn progress(mut self, progress: &Progress) -> Self {
        self.progress = progress.clone();
        self
    }

    async fn run(&self) -> Result<RepairReport> {
        let client = &self.client;
        client.account()?;
        client.catch_up().await?;
        let local = self.local.clone();
        let is_dir = blocking(move || {
            let meta = std::fs::metadata(&local);
            Ok(meta
                .map_err(|error| Error::io("the local path cannot be looked at", error))?
                .is_dir())
        })
        .await?;
        let mut files = Vec::new();
        if !is_dir {
            let node = client.handle_of(&self.target, Want::File)?;
            files.push((self.local.clone(), self.one(self.local.clone(), node).await));
            return Ok(RepairReport { files });
        }
        let top = client.handle_of(&self.target, Want::Folder)?;
        let mut todo = vec![(self.local.clone(), top)];
        while let Some((folder, remote)) = todo.pop() {
            let listed = entries(folder.clone()).await;
            let listed = match listed {
                Ok(listed) => listed,
                Err(error) => {
                    files.push((folder, Repaired::Failed(error)));
                    continue;
                }
            };
            for (path, is_dir) in listed {
                let name = path
                    .file_name()
                    .map(|name| local_raw_name(self.names, name))
                    .unwrap_or_default();
                let there = client.children_named(remote, &name);
                let mut there = there.into_iter().filter(|node| node.is_folder() == is_dir);
                match (there.next(), is_dir) {
                    (Some(node), true) => todo.push((path, node.handle())),
                    (Some(node), false) => {
                        let done = self.one(path.clone(), node.handle()).await;
                        files.push((path, done));
                    }
                    (None, true) => {}
                    (None, false) => files.push((path, Repaired::Missing)),
                }
            }
        }
        Ok(RepairReport { files })
    }

    async fn one(&self, local: PathBuf, node: NodeHandle) -> Repaired {
        self.progress.expect(1, 0);
        let done = self.try_one(local, node).await;
        self.progress.file_done();
        done.unwrap_or_else(Repaired::Failed)
    }

    async fn try_one(&self, local: PathBuf, node: NodeHandle) -> Result<Repaired> {
        let client = &self.client;
        let seen = client.node_of(node)?;
        let remote = client.remote_file_of(&seen)?;
        let compared = {
            let progress = self.progress.clone();
            blocking(move || proven_fingerprint(&local, &remote, &progress))
        };
        // A thread that compares sees the cancellation, too, and ends by itself.
        let proven = self.progress.unless_cancelled(compared).await?;
        let Some(fingerprint) = proven else {
            return Ok(Repaired::Different(seen));
        };
        let text = fingerprint.to_attribute();
        let known = crate::attributes::fingerprint_in(seen.attribute_text());
        if known.as_deref() == Some(text.as_bytes()) {
            return Ok(Repaired::Right(seen));
        }
        if !self.dry_run {
            client
                .change_attributes(node, |_, _, to| {
                    to.set_fingerprint(&text);
                    Ok(())
                })
                .await?;
        }
        Ok(Repaired::Restored(client.node_of(node)?))
    }
}

/// Files and folders in a local folder; links and special files are left out.
async fn entries(folder: PathBuf) -> Result<Vec<(PathBuf, bool)>> {
    blocking(move || {
        let failed = |error| Error::io("the local folder cannot be listed", error);
        let mut found = Vec::new();
        for entry in std::fs::read_dir(&folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let kind = entry.file_type().map_err(failed)?;
            if kind.is_dir() || kind.is_file() {
                found.push((entry.path(), kind.is_dir()));
            }
        }
        found.sort();
        Ok(found)
    })
    .await
}

impl IntoFuture for Repair {
    type Output = Result<RepairReport>;
    type IntoFuture = BoxFuture<Result<RepairReport>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            self.run().await.map_err(|error| {
                error
                    .during("repair")
                    .about(self.local.display().to_string())
            })
        })
    }
}

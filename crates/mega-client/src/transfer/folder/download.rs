//! A remote folder to a local one.

use std::collections::HashSet;
use std::ffi::OsString;
use std::future::IntoFuture;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures::StreamExt;
use mega_filename::LocalPolicy;

use super::super::BoxFuture;
use super::super::existing::Existing;
use super::super::integrity::IntegrityPolicy;
use super::super::limits::TransferLimits;
use super::super::local::{Kind, LocalDir, blocking, local_error, os_name};
use super::super::progress::{Meter, Progress};
use super::super::save::{Destination, Home, already_exists, save};
use super::dirs::{DirId, Dirs, too_deep};
use super::filter::Filter;
use super::make_dirs::{Made, make_dirs, open_top, sweep_all, sync_all};
use super::names::local_names;
use super::options::{Options, common_options};
use super::remove::{Kept, remove_extraneous};
use super::report::{FolderReport, Outcome, SkipReason};
use super::same::{Likeness, likeness};
use super::side_by_side::side_by_side;
use super::where_to::children;
use crate::error::{Error, ErrorKind, Result};
use crate::node::{Node, time_from_unix};
use crate::{Client, Target};

impl Client {
    /// Downloads a folder with everything in it into a local folder, which is made if it is not there.
    ///
    /// Many files travel at once, each verified before it gets its name. A file that fails does not stop
    /// the others; the report says what became of each. Files that are there and are the same are not
    /// transferred again: same size, same modification time, same samples of the content as in the
    /// fingerprint; where those do not tell, the MAC over everything decides.
    ///
    /// Names that the local system cannot hold, or that would lead out of the folder, are escaped; names
    /// that occur twice get one that is made of name and handle. No symbolic link below the folder is
    /// followed.
    ///
    /// ```
    /// # async fn doc() -> Result<(), Box<dyn std::error::Error>> {
    /// # let server = mega_testserver::TestServer::start().await?;
    /// # server.account("me@example.com", "secret").create();
    /// # let login = mega_client::Credentials::new("me@example.com", "secret");
    /// # let mega = mega_client::Client::builder().origin(server.url()).login(login).await?;
    /// # let folder = tempfile::tempdir()?;
    /// mega.write("/trip/day 1/notes.txt", "arrived").await?;
    /// let report = mega.download_folder("/trip", folder.path().join("trip")).await?;
    /// assert_eq!(report.into_result()?.transferred(), 1);
    /// # Ok(()) }
    /// # tokio::runtime::Runtime::new().unwrap().block_on(doc()).unwrap();
    /// ```
    pub fn download_folder(
        &self,
        target: impl Into<Target>,
        local: impl AsRef<Path>,
    ) -> DownloadFolder {
        DownloadFolder {
            client: self.clone(),
            target: target.into(),
            local: local.as_ref().to_path_buf(),
            existing: Existing::default(),
            policy: IntegrityPolicy::default(),
            options: Options::new(self.local_policy()),
            resumable: false,
        }
    }
}

/// A download of a whole folder; await it.
///
/// # Errors
///
/// Only if nothing can be done at all: [`NotFound`](ErrorKind::NotFound), [`NotADirectory`](ErrorKind::NotADirectory),
/// [`Io`](ErrorKind::Io) for the local top folder, [`Cancelled`](ErrorKind::Cancelled). Everything else is in the
/// report.
///
/// Cancel safety: when the future is dropped, files under way leave nothing behind; finished ones stay.
#[derive(Debug)]
#[must_use = "nothing happens until it is awaited"]
pub struct DownloadFolder {
    client: Client,
    target: Target,
    local: PathBuf,
    existing: Existing,
    policy: IntegrityPolicy,
    options: Options,
    resumable: bool,
}

common_options!(DownloadFolder);

impl DownloadFolder {
    /// What to do with a local file that is there and differs. The default leaves it alone and reports
    /// a failure.
    pub fn on_existing(mut self, existing: Existing) -> Self {
        self.existing = existing;
        self
    }

    /// What is accepted besides an exact proof.
    pub fn integrity(mut self, policy: IntegrityPolicy) -> Self {
        self.policy = policy;
        self
    }

    /// How remote names become local ones. For an account the default escapes only what the system cannot
    /// hold, for public links also what could do harm.
    pub fn local_names(mut self, policy: LocalPolicy) -> Self {
        self.options.names = policy;
        self
    }

    /// Also removes local files and folders that are not in the remote folder. What the filter leaves out is
    /// left alone. Nothing is removed if anything failed.
    pub fn delete_extraneous(mut self) -> Self {
        self.options.delete_extraneous = true;
        self
    }

    /// Keeps what has arrived of files that are not complete when the transfer ends early, for the next
    /// time; see [`Download::resumable`](super::super::Download::resumable).
    pub fn resumable(mut self) -> Self {
        self.resumable = true;
        self
    }

    async fn run(&self) -> Result<FolderReport> {
        let top = self.client.folder_node(&self.target)?;
        let mut report = FolderReport {
            dry_run: self.options.dry_run,
            ..FolderReport::default()
        };
        let (local, dry_run) = (self.local.clone(), self.options.dry_run);
        let (opened, made_top) = blocking(move || open_top(&local, dry_run)).await??;
        let mut plan = self.plan(&top, opened, &mut report);
        let bytes = plan
            .files
            .iter()
            .fold(0_u64, |sum, file| sum.saturating_add(file.node.size()));
        self.options
            .progress
            .expect(u64::try_from(plan.files.len()).unwrap_or(u64::MAX), bytes);

        let (dirs, made) = {
            let (dirs, progress) = (plan.dirs, self.options.progress.clone());
            blocking(move || {
                let made = make_dirs(&dirs, dry_run, &progress);
                if let (Ok(made), false) = (&made, dry_run) {
                    sweep_all(&dirs, &made.failed);
                }
                (dirs, made)
            })
            .await?
        };
        let mut made = made?;
        report.folders = u64::try_from(dirs.len().saturating_sub(1)).unwrap_or(u64::MAX);
        report.folders_created = u64::try_from(made.created.len()).unwrap_or(u64::MAX);
        for (path, error) in std::mem::take(&mut made.failures) {
            report.add(path, 0, Outcome::Failed(error));
        }
        if made_top {
            made.created.insert(0);
        }
        let (dirs, made) = (Arc::new(dirs), Arc::new(made));

        let files = std::mem::take(&mut plan.files);
        let limits = self.client.transfers().limits();
        let job = |file: PlannedFile| {
            let (dirs, made) = (&dirs, &made);
            async move {
                let outcome = self.file(&file, dirs, made).await;
                self.options.progress.file_done();
                (
                    dirs.shown(file.folder, &file.name),
                    file.node.size(),
                    outcome,
                )
            }
        };
        let mut done = side_by_side(limits, files, |file| file.node.size(), job);
        while let Some((path, size, outcome)) = done.next().await {
            report.add(path, size, outcome);
        }
        drop(done);

        if self.options.delete_extraneous {
            let clean = report.failed().next().is_none();
            let (dirs, expected) = (Arc::clone(&dirs), std::mem::take(&mut plan.expected));
            let (filter, names) = (self.options.filter.clone(), self.options.names);
            if clean {
                let removed = blocking(move || {
                    let kept = Kept {
                        expected: &expected,
                        filter: &filter,
                        names,
                    };
                    remove_extraneous(&dirs, &kept, dry_run)
                });
                let removed = removed.await?;
                for (path, outcome) in removed {
                    report.add(path, 0, outcome);
                }
            }
        }
        if limits.syncs() && !dry_run {
            let dirs = Arc::clone(&dirs);
            for (path, error) in blocking(move || sync_all(&dirs, &made.failed)).await? {
                report.add(path, 0, Outcome::Failed(error.during("download")));
            }
        }
        Ok(report)
    }

    /// Looks over the remote tree and gives everything its local name.
    fn plan(&self, top: &Node, opened: Option<LocalDir>, report: &mut FolderReport) -> Plan {
        self.client.with_tree(|tree, _| {
            let dirs = match opened {
                Some(opened) => Dirs::new(&self.local, opened),
                None => Dirs::missing(&self.local),
            };
            let mut plan = Plan {
                dirs,
                files: Vec::new(),
                expected: vec![HashSet::new()],
            };
            // The folders still to be looked into; the arena itself is walked, nothing recurses.
            let mut todo: Vec<_> = tree
                .find(top.handle())
                .map(|index| (index, 0))
                .into_iter()
                .collect();
            while let Some((folder, id)) = todo.pop() {
                let (children, nodes) = children(tree, folder);
                let names = local_names(self.options.names, &children);
                for ((index, node), name) in nodes.into_iter().zip(names) {
                    let name = os_name(&name);
                    if let Some(expected) = plan.expected.get_mut(id) {
                        expected.insert(name.clone());
                    }
                    let shown = plan.dirs.shown(id, &name);
                    let modified = node.modified_unix().map(time_from_unix);
                    if node.is_folder() {
                        if !self.options.filter.takes_folder(&shown) {
                            report.add(shown, 0, Outcome::Skipped(SkipReason::Filtered));
                        } else if plan.dirs.is_deepest(id) {
                            report.add(shown, 0, Outcome::Failed(too_deep()));
                        } else {
                            let below = plan.dirs.add(id, name);
                            plan.expected.push(HashSet::new());
                            todo.push((index, below));
                        }
                    } else if self
                        .options
                        .filter
                        .takes_file(&shown, node.size(), modified)
                    {
                        plan.files.push(PlannedFile {
                            folder: id,
                            name,
                            node,
                        });
                    } else {
                        report.add(shown, node.size(), Outcome::Skipped(SkipReason::Filtered));
                    }
                }
            }
            plan
        })
    }

    /// Moves one file, if it has to be moved.
    async fn file(&self, file: &PlannedFile, dirs: &Arc<Dirs>, made: &Made) -> Outcome {
        if made.failed.contains(&file.folder) {
            let failed = Error::new(ErrorKind::Io, "its folder could not be made");
            return Outcome::Failed(failed.during("download"));
        }
        // There is nothing in a folder that this run has made, and in a dry run it has made none. What comes meanwhile is found when the file gets its name: of a
        // small one little has travelled in vain then.
        let empty = made.created.contains(&file.folder)
            && !self.options.dry_run
            && file.node.size() <= TransferLimits::SMALL_FILE;
        let mut done = self.move_file(file, dirs, empty).await;
        if let Err(error) = &done
            && error.kind() == ErrorKind::AlreadyExists
        {
            // Something came while the file was on its way, such as the end of a run that was stopped a
            // moment ago. Another look tells whether it is the same, and what is to be done if not.
            done = self.move_file(file, dirs, false).await;
        }
        done.unwrap_or_else(|error| Outcome::Failed(error.during("download")))
    }

    /// `empty` is whether there can be nothing of its name, so that nobody looks before it is placed.
    async fn move_file(
        &self,
        file: &PlannedFile,
        dirs: &Arc<Dirs>,
        empty: bool,
    ) -> Result<Outcome> {
        let remote = self.client.remote_file_of(&file.node)?;
        let modified = file.node.modified_unix().map(time_from_unix);
        let path = dirs.path(file.folder, &file.name);
        let found = if empty {
            Some(None)
        } else {
            let (dirs, id, name) = (Arc::clone(dirs), file.folder, file.name.clone());
            let (remote, path, dry_run) = (remote.clone(), path.clone(), self.options.dry_run);
            let turn = self.client.transfers().disk().enter().await;
            blocking(move || {
                let _turn = turn;
                let failed = |error| local_error("the local folder cannot be used", &path, error);
                let dir = match dirs.open(id) {
                    Ok(dir) => dir,
                    // In a dry run the folder was not made.
                    Err(error) if dry_run && error.kind() == io::ErrorKind::NotFound => {
                        return Ok(None);
                    }
                    Err(error) => return Err(failed(error)),
                };
                match dir.stat(&name).map_err(failed)? {
                    None => Ok(Some(None)),
                    Some(stamp) => {
                        let alike = likeness(&dir, &name, stamp, &remote, modified)?;
                        Ok(Some(Some((stamp, alike))))
                    }
                }
            })
            .await??
        };
        let Some(found) = found else {
            return Ok(Outcome::New);
        };
        let (existing, outcome) = match found {
            None => (Existing::Fail, Outcome::New),
            Some((_, Likeness::Same)) => return Ok(self.same(file)),
            Some((_, Likeness::OtherTime)) => {
                if !matches!(self.existing, Existing::Overwrite | Existing::Update) {
                    return Ok(self.same(file));
                }
                if !self.options.dry_run {
                    let (dirs, id, name) = (Arc::clone(dirs), file.folder, file.name.clone());
                    let turn = self.client.transfers().disk().enter().await;
                    let set = blocking(move || {
                        let _turn = turn;
                        let local = dirs.open(id)?.open_file(&name)?;
                        modified.map_or(Ok(()), |modified| local.set_modified(modified))
                    });
                    set.await?.map_err(|error| {
                        local_error("the time of the local file cannot be set", &path, error)
                    })?;
                }
                self.options.progress.skip(file.node.size());
                return Ok(Outcome::Touched);
            }
            Some((stamp, Likeness::Different)) => match self.existing {
                Existing::Skip => return Ok(Outcome::Skipped(SkipReason::Existing)),
                Existing::Fail => return Err(already_exists(&path)),
                Existing::Rename => (Existing::Rename, Outcome::New),
                Existing::Overwrite | Existing::Update if stamp.kind == Kind::Folder => {
                    let text = "there is a folder of that name";
                    return Err(
                        Error::new(ErrorKind::IsADirectory, text).about(path.display().to_string())
                    );
                }
                Existing::Overwrite | Existing::Update => (Existing::Overwrite, Outcome::Changed),
            },
        };
        if self.options.dry_run {
            return Ok(outcome);
        }
        let to = Destination {
            folder: Home::In(Arc::clone(dirs), file.folder),
            name: file.name.clone(),
            path,
            existing,
            modified,
            looked: true,
            sync_folder: false,
            resumable: self.resumable,
        };
        let meter = Meter::new(&self.options.progress);
        let saved = save(self.client.transfers(), &remote, self.policy, to, &meter).await;
        if saved.is_err() {
            meter.restart();
        }
        saved.map(|_| outcome)
    }

    fn same(&self, file: &PlannedFile) -> Outcome {
        self.options.progress.skip(file.node.size());
        Outcome::Same
    }
}

impl IntoFuture for DownloadFolder {
    type Output = Result<FolderReport>;
    type IntoFuture = BoxFuture<Result<FolderReport>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let done = self.options.progress.unless_cancelled(self.run()).await;
            done.map_err(|error| {
                error
                    .about(self.target.to_string())
                    .during("download folder")
            })
        })
    }
}

/// What is to be moved where.
struct Plan {
    dirs: Dirs,
    files: Vec<PlannedFile>,
    /// The local names in each folder, whether they take part or not.
    expected: Vec<HashSet<OsString>>,
}

struct PlannedFile {
    folder: DirId,
    name: OsString,
    node: Node,
}

//! A local folder to a remote one.

use std::collections::HashMap;
use std::ffi::OsString;
use std::future::IntoFuture;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::pin::{Pin, pin};
use std::sync::Arc;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use mega_filename::LocalPolicy;
use mega_protocol::NodeHandle;

use super::super::BoxFuture;
use super::super::limits::TransferLimits;
use super::super::local::{blocking, local_error};
use super::super::progress::{Meter, Progress};
use super::super::publish::unix_time;
use super::super::send::send;
use super::super::source::Source;
use super::super::upload::TOKEN_REFUSALS;
use super::dirs::{DirId, Dirs};
use super::filter::Filter;
use super::names::journal_target;
use super::open_local::Ready;
use super::options::{Options, common_options};
use super::put::{Arrived, Made, New};
use super::remote_dirs::{Folders, Whereabouts, not_made};
use super::report::{FolderReport, Outcome};
use super::same::{Likeness, likeness};
use super::scan::{Scan, ScannedFile, raw_name, scan};
use super::side_by_side::side_by_side;
use crate::error::{ErrorKind, Result};
use crate::fs::{OnConflict, in_one_request};
use crate::node::Node;
use crate::{Client, Target};

impl Client {
    /// Uploads a local folder with everything in it. The target names the remote folder itself, which is
    /// made if it is not there; if it is, what is new and changed is added to it.
    ///
    /// Many files travel at once, small ones while their folders are made; nodes are made many at a time. A file that fails does not stop the others;
    /// the report says what became of each. Files that are there and are the same are not transferred again:
    /// same size, same modification time, same samples of the content as in the fingerprint. A file that
    /// changed becomes a new version. Symbolic links and special files are left out.
    ///
    /// ```
    /// # async fn doc() -> Result<(), Box<dyn std::error::Error>> {
    /// # let server = mega_testserver::TestServer::start().await?;
    /// # server.account("me@example.com", "secret").create();
    /// # let login = mega_client::Credentials::new("me@example.com", "secret");
    /// # let mega = mega_client::Client::builder().origin(server.url()).login(login).await?;
    /// # let folder = tempfile::tempdir()?;
    /// std::fs::write(folder.path().join("a.txt"), "hello")?;
    /// let report = mega.upload_folder(folder.path(), "/copy").await?.into_result()?;
    /// assert_eq!(report.transferred(), 1);
    /// let report = mega.upload_folder(folder.path(), "/copy").await?.into_result()?;
    /// assert_eq!((report.transferred(), report.same()), (0, 1));
    /// # Ok(()) }
    /// # tokio::runtime::Runtime::new().unwrap().block_on(doc()).unwrap();
    /// ```
    pub fn upload_folder(
        &self,
        local: impl AsRef<Path>,
        target: impl Into<Target>,
    ) -> UploadFolder {
        UploadFolder {
            client: self.clone(),
            local: local.as_ref().to_path_buf(),
            target: target.into(),
            conflict: OnConflict::Replace,
            journal: None,
            options: Options::new(LocalPolicy::CURRENT.faithful()),
        }
    }
}

/// An upload of a whole folder; await it.
///
/// # Errors
///
/// Only if nothing can be done at all: [`NotFound`](ErrorKind::NotFound) or [`Io`](ErrorKind::Io) for the local top
/// folder, [`NotADirectory`](ErrorKind::NotADirectory) if the target is a file, [`Cancelled`](ErrorKind::Cancelled).
/// Everything else is in the report.
///
/// Cancel safety: when the future is dropped, or it is cancelled, files under way leave no node, except those whose nodes are being made at that moment;
/// finished ones stay.
#[derive(Debug)]
#[must_use = "nothing happens until it is awaited"]
pub struct UploadFolder {
    pub(super) client: Client,
    local: PathBuf,
    pub(super) target: Target,
    pub(super) conflict: OnConflict,
    journal: Option<PathBuf>,
    pub(super) options: Options,
}

common_options!(UploadFolder);

impl UploadFolder {
    /// What to do with a remote file that is there and differs. The default is [`OnConflict::Replace`]: it
    /// becomes an older version.
    pub fn on_conflict(mut self, rule: OnConflict) -> Self {
        self.conflict = rule;
        self
    }

    /// How local names were made from remote ones, so that what was downloaded with this policy goes back
    /// under the names it had.
    pub fn local_names(mut self, policy: LocalPolicy) -> Self {
        self.options.names = policy;
        self
    }

    /// Keeps journals of larger files in this local folder, so that the same call goes on with them after it has ended
    /// early; see [`Upload::resumable`](super::super::Upload::resumable).
    pub fn resumable(mut self, folder: impl AsRef<Path>) -> Self {
        self.journal = Some(folder.as_ref().to_path_buf());
        self
    }

    /// Also moves remote files and folders that are not in the local folder to the rubbish bin. What the filter
    /// leaves out is left alone. Nothing is moved if anything failed.
    pub fn delete_extraneous(mut self) -> Self {
        self.options.delete_extraneous = true;
        self
    }

    async fn run(&self) -> Result<FolderReport> {
        let (local, filter, progress) = (
            self.local.clone(),
            self.options.filter.clone(),
            self.options.progress.clone(),
        );
        let dry_run = self.options.dry_run;
        let scanning = blocking(move || {
            let mut report = FolderReport {
                dry_run,
                ..FolderReport::default()
            };
            scan(&local, &filter, &progress, &mut report).map(|scanned| (scanned, report))
        });
        // What is there is compared with what is here, and an earlier run that was stopped may have made nodes that the tree does not show yet.
        let seeing = async {
            match dry_run {
                true => Ok(()),
                false => self.client.catch_up().await,
            }
        };
        let (scanned, seen) = tokio::join!(scanning, seeing);
        let (scanned, mut report) = scanned??;
        seen?;
        let Scan { dirs, files } = scanned;
        let bytes = files
            .iter()
            .fold(0_u64, |sum, file| sum.saturating_add(file.stamp.size));
        self.options
            .progress
            .expect(u64::try_from(files.len()).unwrap_or(u64::MAX), bytes);

        let dirs = Arc::new(dirs);
        let folders = self.folders(self.top()?, &dirs);
        // Commands that can leave at the same time travel together: the addresses of many files, the nodes of a round.
        let moving = self.move_files(&dirs, files, &folders, &mut report);
        in_one_request(self.client.api().clone(), moving).await?;
        report.folders_created = self.created(&folders);
        if self.options.delete_extraneous && report.failed().next().is_none() {
            self.remove_extraneous(&dirs, &folders.all(), &mut report)
                .await;
        }
        Ok(report)
    }

    /// Sends what has to be sent, while the folders that are missing are made, and makes nodes of it.
    async fn move_files(
        &self,
        dirs: &Arc<Dirs>,
        files: Vec<ScannedFile>,
        folders: &Folders,
        report: &mut FolderReport,
    ) -> Result<()> {
        let limits = self.client.transfers().limits();
        let job = |file: ScannedFile| async move {
            let step = self.file(&file, dirs, folders).await;
            (file, step)
        };
        let mut making = pin!(self.make_folders(dirs, folders));
        let mut all_made = folders.are_made();
        let mut sending = side_by_side(limits, files, |file| file.stamp.size, job);
        // What has arrived waits here while earlier ones are made into nodes; the more arrives meanwhile,
        // the more goes into the next round.
        let mut waiting: Vec<Arrived> = Vec::new();
        let mut putting: FuturesUnordered<Putting<'_>> = FuturesUnordered::new();
        let mut all_sent = false;
        // Those whose completion tokens the service did not know.
        let mut again = FuturesUnordered::new();
        let mut refusals: HashMap<(DirId, OsString), u32> = HashMap::new();
        loop {
            // Nothing comes any more that a round could wait for.
            let full = waiting.len() >= LARGEST_ROUND || all_sent;
            if !waiting.is_empty() && putting.len() < ROUNDS && (full || putting.is_empty()) {
                let round = waiting.split_off(waiting.len().saturating_sub(LARGEST_ROUND));
                putting.push(Box::pin(self.put(round)));
            }
            let idle = waiting.is_empty() && putting.is_empty() && again.is_empty();
            if all_made && all_sent && idle {
                return Ok(());
            }
            // Rounds are few, so they come first.
            tokio::select! {
                biased;
                made = &mut making, if !all_made => {
                    all_made = true;
                    for (id, error) in made? {
                        if let Some((parent, name)) = dirs.entry(id) {
                            let failed = Outcome::Failed(error.during("upload"));
                            report.add(dirs.shown(parent, name), 0, failed);
                        }
                    }
                }
                Some(round) = putting.next(), if !putting.is_empty() => {
                    for (file, made) in round {
                        let outcome = match made {
                            Made::Ended(outcome) => outcome,
                            Made::Refused(meter, refused) => {
                                let count = refusals.entry((file.folder, file.name.clone()));
                                let count = count.or_default();
                                if *count < TOKEN_REFUSALS {
                                    *count += 1;
                                    meter.restart();
                                    again.push(job(file));
                                    continue;
                                }
                                Outcome::Failed(refused.during("upload"))
                            }
                        };
                        self.note(report, dirs, &file, outcome);
                    }
                }
                Some((file, step)) = again.next(), if !again.is_empty() => {
                    waiting.extend(self.arrived(report, dirs, file, step));
                }
                sent = sending.next(), if !all_sent => match sent {
                    None => all_sent = true,
                    Some((file, step)) => {
                        waiting.extend(self.arrived(report, dirs, file, step));
                    }
                },
            }
        }
    }

    /// Takes up a file that has been sent; what needs no node is noted.
    fn arrived(
        &self,
        report: &mut FolderReport,
        dirs: &Dirs,
        file: ScannedFile,
        step: Result<Step>,
    ) -> Option<Arrived> {
        let outcome = match step {
            Ok(Step::Arrived(folder, new, outcome)) => {
                return Some(Arrived {
                    file,
                    folder,
                    new,
                    outcome,
                });
            }
            Ok(Step::Done(outcome)) => outcome,
            Err(error) => Outcome::Failed(error.during("upload")),
        };
        self.note(report, dirs, &file, outcome);
        None
    }

    fn note(&self, report: &mut FolderReport, dirs: &Dirs, file: &ScannedFile, outcome: Outcome) {
        self.options.progress.file_done();
        report.add(
            dirs.shown(file.folder, &file.name),
            file.stamp.size,
            outcome,
        );
    }

    /// The remote top folder. `None` if it is not there and can be made.
    fn top(&self) -> Result<Option<NodeHandle>> {
        match (self.client.folder_node(&self.target), &self.target) {
            (Ok(node), _) => Ok(Some(node.handle())),
            (Err(error), _) if error.kind() != ErrorKind::NotFound => Err(error),
            (Err(_), Target::Path(_)) => Ok(None),
            (Err(_), Target::Handle(_)) if self.options.dry_run => Ok(None),
            (Err(missing), Target::Handle(_)) => Err(missing),
        }
    }

    /// Decides what becomes of a file and sends it if it has to be sent.
    async fn file(&self, file: &ScannedFile, dirs: &Arc<Dirs>, folders: &Folders) -> Result<Step> {
        let path = dirs.path(file.folder, &file.name);
        let raw = raw_name(self.options.names, &file.name);
        let small = file.stamp.size <= TransferLimits::SMALL_FILE;
        let known = match folders.look(file.folder) {
            Whereabouts::There(folder) => Some(folder),
            Whereabouts::Missing if self.options.dry_run => return Ok(Step::Done(Outcome::New)),
            Whereabouts::Missing => return Err(not_made()),
            // What a small one costs is round trips, so it travels while its folder is made. A large one would be much to send in vain.
            Whereabouts::Coming if small => None,
            Whereabouts::Coming => Some(folders.wait(file.folder).await?),
        };
        let compared = match known {
            Some(folder) => self.compare(file, dirs, folder, &raw).await?,
            None => ControlFlow::Continue(Outcome::New),
        };
        let outcome = match compared {
            ControlFlow::Continue(outcome) => outcome,
            ControlFlow::Break(done) => return Ok(Step::Done(done)),
        };
        let shared = self.client.transfers();
        let Ready {
            mut source,
            address,
            turn,
        } = match small {
            true => self.open_small(file, dirs, path).await?,
            false => self.open_large(file, dirs, path).await?,
        };
        let (modified, size) = (unix_time(source.modified()), source.size());
        let meter = Meter::new(&self.options.progress);
        let mut journal = None;
        let mut resumed = None;
        if let (Some(journals), Source::File(local), Some(folder)) = (&self.journal, &source, known)
            && size > TransferLimits::SMALL_FILE
        {
            let target = journal_target(folder, &raw);
            let open = self
                .client
                .upload_journal(journals.clone(), local.same(), target);
            let (opened, earlier) = open.await?;
            (journal, resumed) = (Some(opened), earlier);
        }
        if let (Some(journal), Some(resumed), Some(folder)) = (&journal, &resumed, known)
            && self.client.made_before(folder, resumed).is_some()
        {
            journal.remove();
            meter.complete(size);
            return Ok(Step::Done(outcome));
        }
        let sent = send(
            shared,
            &mut source,
            modified,
            &meter,
            journal.as_ref(),
            resumed,
            address,
        );
        let sent = sent.await?;
        // The folder may be long in coming, and the file need not be open meanwhile.
        drop((source, turn));
        let folder = match known {
            Some(folder) => folder,
            None => folders.wait(file.folder).await?,
        };
        let new = New {
            sent,
            raw,
            journal,
            meter,
        };
        Ok(Step::Arrived(folder, new, outcome))
    }

    /// Compares a file with what is in the remote folder under its name. It goes on if the file is to be sent, and says as what.
    async fn compare(
        &self,
        file: &ScannedFile,
        dirs: &Arc<Dirs>,
        folder: NodeHandle,
        raw: &[u8],
    ) -> Result<ControlFlow<Outcome, Outcome>> {
        let mut outcome = Outcome::New;
        let path = dirs.path(file.folder, &file.name);
        let there = self.client.children_named(folder, raw);
        for node in there.iter().filter(|node| node.is_file()) {
            outcome = Outcome::Changed;
            let alike = self.alike(file, dirs, node).await?;
            let replaces = matches!(
                self.conflict,
                OnConflict::Replace | OnConflict::ReplaceToBin
            );
            let done = match (alike, file.stamp.modified) {
                (Likeness::Same, _) => Outcome::Same,
                // The time alone is no reason to send everything again (crypto-and-accounts 7.5).
                (Likeness::OtherTime, Some(modified)) if replaces => {
                    if !self.options.dry_run {
                        self.client.set_modified(node, modified).await?;
                    }
                    Outcome::Touched
                }
                (Likeness::OtherTime, _) => Outcome::Same,
                (Likeness::Different, _) => continue,
            };
            self.options.progress.skip(file.stamp.size);
            if let Some(journals) = &self.journal
                && !self.options.dry_run
                && file.stamp.size > TransferLimits::SMALL_FILE
            {
                let target = journal_target(folder, raw);
                let forgotten = self.client.forget_upload(journals.clone(), path, target);
                forgotten.await;
            }
            return Ok(ControlFlow::Break(done));
        }
        let checked = self.client.check_name(folder, raw, self.conflict);
        checked.map_err(|error| error.about(path.display().to_string()))?;
        if self.conflict == OnConflict::KeepBoth {
            outcome = Outcome::New;
        }
        Ok(match self.options.dry_run {
            true => ControlFlow::Break(outcome),
            false => ControlFlow::Continue(outcome),
        })
    }

    async fn alike(&self, file: &ScannedFile, dirs: &Arc<Dirs>, node: &Node) -> Result<Likeness> {
        if file.stamp.size != node.size() {
            return Ok(Likeness::Different);
        }
        // A node that cannot be read is never the same.
        let Ok(remote) = self.client.remote_file_of(node) else {
            return Ok(Likeness::Different);
        };
        let (dirs, id, name) = (Arc::clone(dirs), file.folder, file.name.clone());
        let (stamp, modified) = (file.stamp, node.modified());
        let turn = self.client.transfers().disk().enter().await;
        blocking(move || {
            let _turn = turn;
            let path = dirs.path(id, &name);
            let failed = |error| local_error("the local file cannot be read", &path, error);
            let dir = dirs.open(id).map_err(failed)?;
            likeness(&dir, &name, stamp, &remote, modified)
        })
        .await?
    }
}

impl IntoFuture for UploadFolder {
    type Output = Result<FolderReport>;
    type IntoFuture = BoxFuture<Result<FolderReport>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let shown = self.local.display().to_string();
            let done = self.options.progress.unless_cancelled(self.run()).await;
            done.map_err(|error| error.about(shown).during("upload folder"))
        })
    }
}

/// How far a file has come.
enum Step {
    /// There is nothing more to do.
    Done(Outcome),
    /// The service has the content; a node is to be made in this folder.
    Arrived(NodeHandle, New, Outcome),
}

type Putting<'a> = Pin<Box<dyn Future<Output = Vec<(ScannedFile, Made)>> + Send + 'a>>;

/// How many nodes are made in one round.
const LARGEST_ROUND: usize = 500;
/// How many rounds may be under way: while one waits for its events, the next one travels.
const ROUNDS: usize = 3;

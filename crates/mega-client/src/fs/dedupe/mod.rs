//! Cleaning up names that occur twice: merging folders of one name, and leaving one file of each name.
//!
//! MEGA lets several nodes have one name, and other programs make such nodes by accident. The rules are those of `rclone dedupe`.

mod plan;

use std::collections::HashSet;
use std::fmt;
use std::future::IntoFuture;

use futures::StreamExt;
use mega_protocol::NodeHandle;

use self::plan::{Group, Merge, Plan};
use super::bulk::AT_ONCE;
use super::conflict::OnConflict;
use super::relocate::Relocation;
use crate::builder::BoxFuture;
use crate::error::{Error, ErrorKind, Result};
use crate::node::Node;
use crate::target::{Target, Want};
use crate::tree::Tree;
use crate::{Client, Progress};

impl Client {
    /// Cleans up duplicate names in a folder and everything below it; await it for what was done, or with [`Dedupe::dry_run`] for what
    /// would be done.
    ///
    /// First folders of one name are merged, with everything in them; those that are shared or have a link are left alone and
    /// [reported](DedupeReport::failed), since merging would end that, or show others what they do not see yet. Then of files of one name all but one are put into the rubbish bin, where their
    /// contents are the same; what happens to files of different content is decided by the [mode](Dedupe::mode). Nothing is deleted for good unless
    /// [`Dedupe::delete_for_good`] is called.
    ///
    /// # Errors
    ///
    /// Those of finding the folder. What goes wrong with single nodes is in the [report](DedupeReport).
    ///
    /// Cancel safety: what was done stays done; the next call does the rest. To stop and still be told what was done, use [`Dedupe::progress`].
    ///
    /// ```
    /// # async fn doc() -> Result<(), Box<dyn std::error::Error>> {
    /// # let server = mega_testserver::TestServer::start().await?;
    /// # server.account("me@example.com", "secret").create();
    /// # let login = mega_client::Credentials::new("me@example.com", "secret");
    /// # let mega = mega_client::Client::builder().origin(server.url()).login(login).await?;
    /// use mega_client::{DedupeMode, OnConflict};
    /// mega.write("/dir/plan.txt", "old plan").await?;
    /// mega.write("/plan.txt", "a newer plan").await?;
    /// mega.move_to("/plan.txt", "/dir").on_conflict(OnConflict::Duplicate).await?;
    /// assert_eq!(mega.find_all("/dir/plan.txt")?.len(), 2);
    ///
    /// let report = mega.dedupe("/dir").mode(DedupeMode::Largest).await?;
    /// assert_eq!(report.removed().len(), 1);
    /// assert_eq!(mega.read("/dir/plan.txt").await?, "a newer plan");
    /// # Ok(()) }
    /// # tokio::runtime::Runtime::new().unwrap().block_on(doc()).unwrap();
    /// ```
    pub fn dedupe(&self, folder: impl Into<Target>) -> Dedupe {
        Dedupe {
            client: self.clone(),
            folder: folder.into(),
            options: Options::default(),
            dry_run: false,
            for_good: false,
            progress: Progress::new(),
        }
    }

    /// Merges folders of one name, in a folder and everything below it, and leaves files alone. Short for [`dedupe`](Self::dedupe) with
    /// [`Dedupe::folders_only`].
    pub fn merge_folders(&self, folder: impl Into<Target>) -> Dedupe {
        self.dedupe(folder).folders_only()
    }
}

/// What happens to files of one name whose contents differ; the names are rclone's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum DedupeMode {
    /// They stay as they are.
    #[default]
    Skip,
    /// The one that is listed first stays.
    First,
    /// The one whose content was changed last stays.
    Newest,
    /// The one whose content was changed first stays.
    Oldest,
    /// The largest one stays.
    Largest,
    /// The smallest one stays.
    Smallest,
    /// All stay, under names with numbers.
    Rename,
    /// Nothing is changed at all, same contents included; the report lists what there is.
    List,
}

/// When two files of one name have the same content.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum SameBy {
    /// Their keys are equal, so they are copies of one upload; or their fingerprints are: same size and the same checksum of samples. A fingerprint is
    /// no proof: only a part of a large file is in it.
    #[default]
    Fingerprint,
    /// Their keys are equal, which means the same content, proven by the MAC in the key. Two uploads of one content do not count.
    Key,
    /// Their sizes are equal. Dangerous, but all that old files without a fingerprint offer.
    Size,
    /// Never: the mode decides about all of them.
    Nothing,
}

/// A clean-up; await it.
///
/// Cancel safety: what was done stays done; the next call does the rest.
#[must_use = "nothing happens until it is awaited"]
#[derive(Debug)]
pub struct Dedupe {
    client: Client,
    folder: Target,
    options: Options,
    dry_run: bool,
    for_good: bool,
    progress: Progress,
}

#[derive(Clone, Copy, Debug, Default)]
struct Options {
    mode: DedupeMode,
    same: SameBy,
    folders_only: bool,
    files_only: bool,
}

impl Dedupe {
    /// What happens to files of different content.
    pub fn mode(mut self, mode: DedupeMode) -> Self {
        self.options.mode = mode;
        self
    }

    /// What counts as the same content.
    pub fn same_by(mut self, rule: SameBy) -> Self {
        self.options.same = rule;
        self
    }

    /// Only merges folders.
    pub fn folders_only(mut self) -> Self {
        self.options.folders_only = true;
        self
    }

    /// Leaves folders of one name as they are.
    pub fn files_only(mut self) -> Self {
        self.options.files_only = true;
        self
    }

    /// Changes nothing and reports what would be done.
    pub fn dry_run(mut self) -> Self {
        self.dry_run = true;
        self
    }

    /// Deletes superfluous files instead of putting them into the rubbish bin. This cannot be undone, so a file whose content is that of another one only as
    /// far as [fingerprints](SameBy::Fingerprint) tell goes into the bin even so.
    pub fn delete_for_good(mut self) -> Self {
        self.for_good = true;
        self
    }

    /// Counts the nodes that are moved, removed and renamed as [items](Progress::items_done), and lets somebody stop it: what has begun then comes to
    /// its end, and the rest is among the [failed](DedupeReport::failed), as [`Cancelled`](ErrorKind::Cancelled).
    pub fn progress(mut self, progress: &Progress) -> Self {
        self.progress = progress.clone();
        self
    }

    async fn run(&self) -> Result<DedupeReport> {
        let client = &self.client;
        let top = client.handle_of(&self.folder, Want::Folder)?;
        if !self.dry_run {
            client.account()?;
            client.catch_up().await?;
        }
        let plan =
            client.with_tree(|tree, base| plan::plan(tree, base.index, top, self.options))?;
        let mut report = DedupeReport {
            failed: Vec::new(),
            ..DedupeReport::of(&plan)
        };
        let acts = !self.dry_run && self.options.mode != DedupeMode::List;
        for &folder in &plan.published {
            let text = "it is shared or has a link, so it is not merged with others of its name";
            let error = Error::new(ErrorKind::Precondition, text);
            report.failed.push((folder, error));
        }
        if acts {
            self.progress.expect_items(plan.steps());
            self.merge(&plan.merges, &mut report).await;
            self.clean(&plan.groups, &mut report).await;
        }
        Ok(report)
    }

    /// Does something to each node, many of them under way together; what has not begun when somebody cancels never does.
    async fn each<T, W>(
        &self,
        nodes: Vec<(NodeHandle, T)>,
        report: &mut DedupeReport,
        work: impl Fn(NodeHandle, T) -> W,
    ) where
        W: Future<Output = Result<()>>,
    {
        let progress = &self.progress;
        let begun = nodes.into_iter().map(|(node, what)| {
            let work = (!progress.is_cancelled()).then(|| work(node, what));
            async move {
                let done = match work {
                    Some(work) => work.await,
                    None => Err(cancelled()),
                };
                progress.item_done();
                (node, done)
            }
        });
        let mut done = futures::stream::iter(begun).buffer_unordered(AT_ONCE);
        while let Some((node, done)) = done.next().await {
            if let Err(error) = done {
                report.failed.push((node, error));
            }
        }
    }

    /// Everything goes into the first folder of each name; the empty ones go to the rubbish bin.
    async fn merge(&self, merges: &[Merge], report: &mut DedupeReport) {
        let client = &self.client;
        let moves = merges
            .iter()
            .flat_map(|merge| merge.moves.iter().map(|node| (*node, merge.into)));
        self.each(moves.collect(), report, |node, folder| async move {
            let wanted = Relocation {
                node,
                folder: Some(folder),
                name: None,
                rule: OnConflict::Duplicate,
            };
            client.relocate(&wanted).await.map(drop)
        })
        .await;
        let empties: HashSet<NodeHandle> = merges
            .iter()
            .flat_map(|merge| merge.empties.iter().copied())
            .collect();
        let (done, stuck) = client.with_tree(|tree, _| split(tree, &empties));
        // What lies in another such folder goes along with it, and what stays is no work.
        self.progress
            .items_done_more(empties.len().saturating_sub(done.len()));
        for folder in stuck {
            // What could not be moved, or came meanwhile, keeps its folder.
            let error = if self.progress.is_cancelled() {
                cancelled()
            } else {
                Error::new(
                    ErrorKind::NotEmpty,
                    "something is left in the merged folder",
                )
            };
            report.failed.push((folder, error));
        }
        let done = done.into_iter().map(|folder| (folder, ())).collect();
        self.each(done, report, |folder, ()| client.bin(folder))
            .await;
    }

    async fn clean(&self, groups: &[Group], report: &mut DedupeReport) {
        let client = &self.client;
        let removals = groups.iter().flat_map(|group| {
            let removed = group.removed.iter().map(Node::handle);
            removed.map(|node| (node, self.for_good && !group.unproven.contains(&node)))
        });
        self.each(removals.collect(), report, |node, for_good| async move {
            match for_good {
                true => client.erase(node, false).await,
                false => client.bin(node).await,
            }
        })
        .await;
        // One after the other: each new name depends on those before.
        for node in groups.iter().flat_map(|group| group.renamed.iter()) {
            let renames = vec![(node.handle(), node.name().to_owned())];
            self.each(renames, report, |node, name| async move {
                let wanted = Relocation {
                    node,
                    folder: None,
                    name: Some(name),
                    rule: OnConflict::KeepBoth,
                };
                client.rename_apart(&wanted).await.map(drop)
            })
            .await;
        }
    }
}

fn cancelled() -> Error {
    Error::new(ErrorKind::Cancelled, "it was cancelled before it began")
}

/// Of folders that should be empty: those with nothing but other such folders in them, without those that lie in one of them; and those in
/// which something is left.
fn split(tree: &Tree, empties: &HashSet<NodeHandle>) -> (Vec<NodeHandle>, Vec<NodeHandle>) {
    let handle = |index| tree.record(index).map(|record| record.handle);
    let is_empty = |index| {
        tree.walk(index)
            .all(|step| handle(step.index).is_some_and(|inside| empties.contains(&inside)))
    };
    let (mut done, mut stuck) = (Vec::new(), Vec::new());
    for &folder in empties {
        let Some(index) = tree.find(folder) else {
            continue;
        };
        if !is_empty(index) {
            stuck.push(folder);
            continue;
        }
        let above = tree.record(index).and_then(|record| record.parent.some());
        let goes_along = above.is_some_and(|above| {
            handle(above).is_some_and(|above| empties.contains(&above)) && is_empty(above)
        });
        if !goes_along {
            done.push(folder);
        }
    }
    (done, stuck)
}

impl Client {
    /// Gives a node the next free numbered name, though it has its present one already.
    async fn rename_apart(&self, wanted: &Relocation) -> Result<Node> {
        let name = self.with_tree(|tree, _| {
            let index = super::access::find(tree, wanted.node)?;
            let record = tree.record(index).ok_or_else(|| Error::not_found("node"))?;
            let file = record.kind == crate::node::NodeKind::File;
            let shown = wanted.name.as_deref().unwrap_or_default();
            super::name::Name::shown(tree.mask(), shown)?.free(tree, record.parent, file, |_| true)
        })?;
        let shown = String::from_utf8_lossy(&crate::node::SHOWN.encode(&name.decoded)).into_owned();
        let wanted = Relocation {
            name: Some(shown),
            rule: OnConflict::Fail,
            ..wanted.clone()
        };
        self.relocate(&wanted).await
    }
}

impl IntoFuture for Dedupe {
    type Output = Result<DedupeReport>;
    type IntoFuture = BoxFuture<Result<DedupeReport>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            self.run()
                .await
                .map_err(|error| error.during("dedupe").about(self.folder.to_string()))
        })
    }
}

/// What a clean-up has done, or would do.
#[derive(Debug)]
#[must_use = "something may have failed"]
pub struct DedupeReport {
    duplicates: Vec<Duplicate>,
    merged: Vec<(NodeHandle, Vec<NodeHandle>)>,
    failed: Vec<(NodeHandle, Error)>,
}

/// Files of one name in one folder.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Duplicate {
    /// Their path below the client's root, if they lie there.
    pub path: Option<String>,
    /// Those that keep the name. More than one if they differ and the mode does not choose.
    pub kept: Vec<Node>,
    /// Those that go.
    pub removed: Vec<Node>,
    /// Those that get another name.
    pub renamed: Vec<Node>,
}

impl DedupeReport {
    fn of(plan: &Plan) -> Self {
        Self {
            duplicates: plan
                .groups
                .iter()
                .map(|group| Duplicate {
                    path: group.path.clone(),
                    kept: group.kept.clone(),
                    removed: group.removed.clone(),
                    renamed: group.renamed.clone(),
                })
                .collect(),
            merged: plan
                .merges
                .iter()
                .filter(|merge| !merge.empties.is_empty())
                .map(|merge| (merge.into, merge.empties.clone()))
                .collect(),
            failed: Vec::new(),
        }
    }

    /// The names that several files had.
    #[must_use]
    pub fn duplicates(&self) -> &[Duplicate] {
        &self.duplicates
    }

    /// The folders that others of the same name were merged into, each with those.
    #[must_use]
    pub fn merged_folders(&self) -> &[(NodeHandle, Vec<NodeHandle>)] {
        &self.merged
    }

    /// All files that go.
    #[must_use]
    pub fn removed(&self) -> Vec<&Node> {
        self.duplicates
            .iter()
            .flat_map(|duplicate| &duplicate.removed)
            .collect()
    }

    /// What could not be done, and why.
    #[must_use]
    pub fn failed(&self) -> &[(NodeHandle, Error)] {
        &self.failed
    }
}

impl fmt::Display for DedupeReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let merged: usize = self.merged.iter().map(|(_, others)| others.len()).sum();
        let renamed = self.duplicates.iter().map(|name| name.renamed.len());
        write!(
            f,
            "{} duplicate names, {merged} folders merged, {} files removed, {} renamed, {} failed",
            self.duplicates.len(),
            self.removed().len(),
            renamed.sum::<usize>(),
            self.failed.len(),
        )
    }
}

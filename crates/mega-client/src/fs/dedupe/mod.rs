//! Cleaning up names that occur twice: merging folders of one name, and leaving one file of each name.
//!
//! MEGA lets several nodes have one name, and other programs make such nodes by accident. The rules are those of `rclone dedupe`.

mod plan;

use std::collections::HashSet;
use std::future::IntoFuture;

use futures::future::join_all;
use mega_protocol::NodeHandle;

use self::plan::{Group, Merge, Plan};
use super::conflict::OnConflict;
use super::relocate::Relocation;
use crate::Client;
use crate::builder::BoxFuture;
use crate::error::{Error, ErrorKind, Result};
use crate::node::Node;
use crate::target::{Target, Want};
use crate::tree::Tree;

impl Client {
    /// Cleans up duplicate names in a folder and everything below it; await it for what was done, or with [`Dedupe::dry_run`] for what
    /// would be done.
    ///
    /// First folders of one name are merged, with everything in them. Then of files of one name all but one are put into the rubbish bin, where their
    /// contents are the same; what happens to files of different content is decided by the [mode](Dedupe::mode). Nothing is deleted for good unless
    /// [`Dedupe::delete_for_good`] is called.
    ///
    /// # Errors
    ///
    /// Those of finding the folder. What goes wrong with single nodes is in the [report](DedupeReport).
    ///
    /// Cancel safety: what was done stays done; the next call does the rest.
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
#[must_use = "nothing happens until it is awaited"]
#[derive(Debug)]
pub struct Dedupe {
    client: Client,
    folder: Target,
    options: Options,
    dry_run: bool,
    for_good: bool,
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

    /// Deletes superfluous files instead of putting them into the rubbish bin. This cannot be undone.
    pub fn delete_for_good(mut self) -> Self {
        self.for_good = true;
        self
    }

    async fn run(&self) -> Result<DedupeReport> {
        let client = &self.client;
        let top = client.handle_of(&self.folder, Want::Folder)?;
        if !self.dry_run {
            client.account()?;
            client.catch_up().await?;
        }
        let plan = client.with_tree(|tree, base| plan::plan(tree, base, top, self.options))?;
        let mut report = DedupeReport {
            failed: Vec::new(),
            ..DedupeReport::of(&plan)
        };
        let acts = !self.dry_run && self.options.mode != DedupeMode::List;
        if acts {
            self.merge(&plan.merges, &mut report).await;
            self.clean(&plan.groups, &mut report).await;
        }
        Ok(report)
    }

    /// Everything goes into the first folder of each name; the empty ones go to the rubbish bin.
    async fn merge(&self, merges: &[Merge], report: &mut DedupeReport) {
        let client = &self.client;
        let moves = merges
            .iter()
            .flat_map(|merge| merge.moves.iter().map(|node| (*node, merge.into)));
        let moved = join_all(moves.map(|(node, folder)| async move {
            let wanted = Relocation {
                node,
                folder: Some(folder),
                name: None,
                rule: OnConflict::Duplicate,
            };
            (node, client.relocate(&wanted).await)
        }))
        .await;
        for (node, moved) in moved {
            if let Err(error) = moved {
                report.failed.push((node, error));
            }
        }
        let empties: HashSet<NodeHandle> = merges
            .iter()
            .flat_map(|merge| merge.empties.iter().copied())
            .collect();
        let (done, stuck) = client.with_tree(|tree, _| split(tree, &empties));
        for folder in stuck {
            // What could not be moved, or came meanwhile, keeps its folder.
            let error = Error::new(
                ErrorKind::NotEmpty,
                "something is left in the merged folder",
            );
            report.failed.push((folder, error));
        }
        let removed = join_all(
            done.into_iter()
                .map(|folder| async move { (folder, client.bin(folder).await) }),
        )
        .await;
        for (folder, removed) in removed {
            if let Err(error) = removed {
                report.failed.push((folder, error));
            }
        }
    }

    async fn clean(&self, groups: &[Group], report: &mut DedupeReport) {
        let client = &self.client;
        let removals = groups
            .iter()
            .flat_map(|group| group.removed.iter().map(Node::handle));
        let removed = join_all(removals.map(|node| async move {
            let removed = match self.for_good {
                true => client.erase(node, false).await,
                false => client.bin(node).await,
            };
            (node, removed)
        }))
        .await;
        for (node, removed) in removed {
            if let Err(error) = removed {
                report.failed.push((node, error));
            }
        }
        // One after the other: each new name depends on those before.
        for node in groups.iter().flat_map(|group| group.renamed.iter()) {
            let wanted = Relocation {
                node: node.handle(),
                folder: None,
                name: Some(node.name().to_owned()),
                rule: OnConflict::KeepBoth,
            };
            if let Err(error) = client.rename_apart(&wanted).await {
                report.failed.push((node.handle(), error));
            }
        }
    }
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
            super::name::Name::shown(tree.mask(), shown)?.free(tree, record.parent, file)
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

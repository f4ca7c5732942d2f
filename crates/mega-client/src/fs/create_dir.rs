//! Making folders: all missing levels at once, and each only once.

use std::collections::BTreeSet;
use std::future::IntoFuture;

use mega_protocol::NodeHandle;

use super::NameKey;
use super::bulk::{BulkCall, all_together, for_all};
use super::name::Name;
use super::put::NewFolder;
use crate::Client;
use crate::builder::BoxFuture;
use crate::error::{Error, ErrorKind, Result};
use crate::node::{Node, NodeKind};
use crate::target::{Duplicates, Target, Want};
use crate::tree::Tree;
use crate::tree::arena::Index;
use crate::tree::path::PathParts;

impl Client {
    /// Makes a folder and every missing folder above it; await it for the folder. One that exists is found, not made again.
    ///
    /// All missing levels are made with one request. Many tasks of one client that make the same folder make it once; two clients that do
    /// so in the same moment may make two, which listings then show.
    ///
    /// # Errors
    ///
    /// [`AlreadyExists`](ErrorKind::AlreadyExists) when a file has the name; [`NotADirectory`](ErrorKind::NotADirectory) when a file stands on the
    /// way; [`Ambiguous`](ErrorKind::Ambiguous) when several folders have the path and the client's [`Duplicates`] policy refuses to choose;
    /// [`InvalidName`](ErrorKind::InvalidName); [`AccessDenied`](ErrorKind::AccessDenied) in read-only shares.
    ///
    /// Cancel safety: once sent, the folders come; they are seen after the next refresh.
    ///
    /// ```
    /// # async fn doc() -> Result<(), Box<dyn std::error::Error>> {
    /// # let server = mega_testserver::TestServer::start().await?;
    /// # server.account("me@example.com", "secret").create();
    /// # let login = mega_client::Credentials::new("me@example.com", "secret");
    /// # let mega = mega_client::Client::builder().origin(server.url()).login(login).await?;
    /// let made = mega.create_dir("/photos/2026/summer").await?;
    /// let again = mega.create_dir("/photos/2026/summer").await?;
    /// assert_eq!(made.handle(), again.handle());
    /// # Ok(()) }
    /// # tokio::runtime::Runtime::new().unwrap().block_on(doc()).unwrap();
    /// ```
    pub fn create_dir(&self, path: impl Into<String>) -> CreateDir {
        CreateDir {
            client: self.clone(),
            path: path.into(),
            below: None,
        }
    }

    /// Makes many folders with everything missing above them; await it for one result for each path. Whatever is missing travels in few requests.
    ///
    /// ```
    /// # async fn doc() -> Result<(), Box<dyn std::error::Error>> {
    /// # let server = mega_testserver::TestServer::start().await?;
    /// # server.account("me@example.com", "secret").create();
    /// # let login = mega_client::Credentials::new("me@example.com", "secret");
    /// # let mega = mega_client::Client::builder().origin(server.url()).login(login).await?;
    /// let made = mega.create_dirs(["/a/b/c", "/a/b/d", "/e"]).await.into_result()?;
    /// assert_eq!(made.len(), 3);
    /// assert_eq!(mega.list("/").recursive().folders().await?.len(), 5);
    /// # Ok(()) }
    /// # tokio::runtime::Runtime::new().unwrap().block_on(doc()).unwrap();
    /// ```
    pub fn create_dirs<P: Into<String>>(
        &self,
        paths: impl IntoIterator<Item = P>,
    ) -> BulkCall<Node> {
        let client = self.clone();
        let paths = paths.into_iter().map(|path| Target::Path(path.into()));
        BulkCall::together(client.api().clone(), paths.collect(), move |targets| {
            let client = client.clone();
            async move {
                let paths: Vec<String> = targets.iter().map(Target::to_string).collect();
                let made = client.ensure_dirs(None, &paths).await;
                let nodes = paths.into_iter().zip(made).map(|(path, made)| {
                    made.and_then(|handle| client.node_of(handle))
                        .map_err(|error| error.during("create folder").about(path))
                });
                nodes.collect()
            }
        })
    }
}

/// The making of a folder; await it.
#[must_use = "nothing happens until it is awaited"]
#[derive(Debug)]
pub struct CreateDir {
    client: Client,
    path: String,
    below: Option<Target>,
}

impl CreateDir {
    /// Reads the path from this folder on, for places that no path leads to, such as an incoming share.
    pub fn below(mut self, folder: impl Into<Target>) -> Self {
        self.below = Some(folder.into());
        self
    }

    async fn run(&self) -> Result<Node> {
        let below = match &self.below {
            Some(folder) => Some(self.client.handle_of(folder, Want::Folder)?),
            None => None,
        };
        let paths = std::slice::from_ref(&self.path);
        let made = self.client.ensure_dirs(below, paths).await;
        let handle = made
            .into_iter()
            .next()
            .unwrap_or_else(|| Err(Error::misuse("no path")))?;
        self.client.node_of(handle)
    }
}

impl IntoFuture for CreateDir {
    type Output = Result<Node>;
    type IntoFuture = BoxFuture<Result<Node>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            self.run()
                .await
                .map_err(|error| error.during("create folder").about(self.path))
        })
    }
}

/// How far a path leads.
enum Reach {
    /// To this folder.
    There(NodeHandle),
    /// To this folder only; the parts from this number on are missing.
    Missing(NodeHandle, usize),
}

impl Client {
    /// Finds or makes the folder of each path, from `below` or from the client's root on. One result for each path, in order.
    ///
    /// The first missing name of each path is locked while its folder is made, so that different folders are made at the same time and
    /// equal ones once.
    pub(crate) async fn ensure_dirs(
        &self,
        below: Option<NodeHandle>,
        paths: &[String],
    ) -> Vec<Result<NodeHandle>> {
        let mut results: Vec<Option<Result<NodeHandle>>> = Vec::new();
        let mut parsed = Vec::with_capacity(paths.len());
        for path in paths {
            let (parts, result) = match PathParts::parse(path) {
                Ok(parts) => (Some(parts), None),
                Err(error) => (None, Some(Err(error))),
            };
            parsed.push(parts);
            results.push(result);
        }
        loop {
            let missing = self.reach_all(below, &parsed, &mut results);
            if missing.is_empty() {
                break;
            }
            if let Err(error) = self.check_writer() {
                fail_open(&mut results, error);
                break;
            }
            let wanted = names_of(&missing, &parsed);
            let _names = self.inner.fs.names.lock_all(wanted.iter().cloned()).await;
            // Somebody may have made them while we waited.
            let missing = self.reach_all(below, &parsed, &mut results);
            if missing.is_empty() {
                break;
            }
            if !names_of(&missing, &parsed).is_subset(&wanted) {
                continue;
            }
            if let Err(error) = self.catch_up().await {
                fail_open(&mut results, error);
                break;
            }
            let missing = self.reach_all(below, &parsed, &mut results);
            if missing.is_empty() {
                break;
            }
            if !names_of(&missing, &parsed).is_subset(&wanted) {
                continue;
            }
            self.make_missing(&missing, &parsed, &mut results).await;
            break;
        }
        results
            .into_iter()
            .map(|result| result.unwrap_or_else(|| Err(Error::misuse("a path was left out"))))
            .collect()
    }

    /// Fills in what exists and what cannot be; gives back what is missing: the number of the path, the folder it leads to, the number
    /// of the first missing part.
    fn reach_all(
        &self,
        below: Option<NodeHandle>,
        paths: &[Option<PathParts>],
        results: &mut [Option<Result<NodeHandle>>],
    ) -> Vec<(usize, NodeHandle, usize)> {
        self.with_tree(|tree, root| {
            let base = match below {
                Some(below) => tree.find(below),
                None => root.index.some(),
            };
            let mut missing = Vec::new();
            for (at, (path, result)) in paths.iter().zip(results.iter_mut()).enumerate() {
                let (Some(path), None) = (path, &result) else {
                    continue;
                };
                let Some(base) = base else {
                    *result = Some(Err(Error::not_found("folder")));
                    continue;
                };
                match reach(tree, base, path, self.options().duplicates) {
                    Ok(Reach::There(handle)) => *result = Some(Ok(handle)),
                    Ok(Reach::Missing(folder, from)) => missing.push((at, folder, from)),
                    Err(error) => *result = Some(Err(error)),
                }
            }
            missing
        })
    }

    /// Makes the missing parts, each common part once: one request for all of them.
    async fn make_missing(
        &self,
        missing: &[(usize, NodeHandle, usize)],
        paths: &[Option<PathParts>],
        results: &mut [Option<Result<NodeHandle>>],
    ) {
        let mask = self.options().mask;
        let mut plans: Vec<Making> = Vec::new();
        let mut known: std::collections::HashMap<(usize, Option<usize>, Vec<u8>), usize> =
            std::collections::HashMap::new();
        let mut plan_of: std::collections::HashMap<NodeHandle, usize> =
            std::collections::HashMap::new();
        for &(at, folder, from) in missing {
            let Some(Some(path)) = paths.get(at) else {
                continue;
            };
            let number = *plan_of.entry(folder).or_insert_with(|| {
                plans.push((folder, Vec::new(), Vec::new()));
                plans.len().saturating_sub(1)
            });
            let Some((_, folders, ends)) = plans.get_mut(number) else {
                continue;
            };
            let names: Result<Vec<Name>> = path
                .iter()
                .skip(from)
                .map(|part| Name::decoded(mask, part))
                .collect();
            let names = match names {
                Ok(names) => names,
                Err(error) => {
                    if let Some(slot) = results.get_mut(at) {
                        *slot = Some(Err(error));
                    }
                    continue;
                }
            };
            let mut above = None;
            for name in names {
                let place = *known
                    .entry((number, above, name.decoded.to_vec()))
                    .or_insert_with(|| {
                        folders.push(NewFolder {
                            above,
                            name: name.stored,
                        });
                        folders.len().saturating_sub(1)
                    });
                above = Some(place);
            }
            if let Some(last) = above {
                ends.push((at, last));
            }
        }
        let made = all_together(
            self.api().clone(),
            plans
                .iter_mut()
                .map(|(folder, folders, _)| self.put_folder_tree(*folder, std::mem::take(folders))),
        )
        .await;
        for ((_, _, ends), made) in plans.into_iter().zip(made) {
            for (at, last) in ends {
                let result = match made.get(last) {
                    Some(Ok(handle)) => Ok(*handle),
                    Some(Err(error)) => Err(same(error)),
                    None => Err(Error::misuse("a folder was left out")),
                };
                if let Some(slot) = results.get_mut(at) {
                    *slot = Some(result);
                }
            }
        }
    }
}

/// An existing folder, what to make in it, and which path ends at which of those.
type Making = (NodeHandle, Vec<NewFolder>, Vec<(usize, usize)>);

/// Gives all that have no result yet this one.
fn fail_open(results: &mut [Option<Result<NodeHandle>>], error: Error) {
    let open = results.iter().filter(|result| result.is_none()).count();
    let errors = for_all(error, open);
    for (slot, error) in results.iter_mut().filter(|slot| slot.is_none()).zip(errors) {
        *slot = Some(error);
    }
}

/// Errors cannot be copied; several paths may end in one failure.
fn same(error: &Error) -> Error {
    let same = Error::new(error.kind(), error.to_string());
    match error.code() {
        Some(code) => same.with_code(code),
        None => same,
    }
}

fn names_of(
    missing: &[(usize, NodeHandle, usize)],
    paths: &[Option<PathParts>],
) -> BTreeSet<NameKey> {
    missing
        .iter()
        .filter_map(|&(at, folder, from)| {
            let part = paths.get(at)?.as_ref()?.iter().nth(from)?;
            Some((folder, Box::from(part)))
        })
        .collect()
}

fn reach(tree: &Tree, base: Index, path: &PathParts, rule: Duplicates) -> Result<Reach> {
    let (level, matched) = tree.lookup_prefix(base, path);
    if let Some(part) = path.iter().nth(matched) {
        let file = level
            .iter()
            .flat_map(|&folder| tree.named(folder, part))
            .find(|&index| {
                tree.record(index)
                    .is_some_and(|record| record.kind == NodeKind::File)
            });
        if let Some(file) = file {
            let handles = tree
                .record(file)
                .map(|record| record.handle)
                .into_iter()
                .collect();
            let last = matched.saturating_add(1) == path.len();
            let error = if last {
                Error::new(
                    ErrorKind::AlreadyExists,
                    "a file has the name of the folder",
                )
            } else {
                Error::new(ErrorKind::NotADirectory, "a file stands on the way")
            };
            return Err(error.with_handles(handles));
        }
    }
    let handle = choose(tree, &level, rule)?;
    if matched == path.len() {
        Ok(Reach::There(handle))
    } else {
        Ok(Reach::Missing(handle, matched))
    }
}

fn choose(tree: &Tree, folders: &[Index], rule: Duplicates) -> Result<NodeHandle> {
    let age = |index: &Index| tree.record(*index).map_or(0, |record| record.created);
    let chosen = match (folders, rule) {
        ([one], _) => Some(*one),
        ([], _) => None,
        (many, Duplicates::Newest) => many.iter().copied().max_by_key(age),
        (many, Duplicates::Oldest) => many.iter().copied().min_by_key(age),
        (many, Duplicates::First) => many.first().copied(),
        (many, _) => {
            return Err(Error::new(
                ErrorKind::Ambiguous,
                format!("{} folders have this path", many.len()),
            )
            .with_handles(
                many.iter()
                    .filter_map(|&index| tree.record(index).map(|record| record.handle))
                    .collect(),
            ));
        }
    };
    chosen
        .and_then(|index| tree.record(index))
        .map(|record| record.handle)
        .ok_or_else(|| Error::not_found("folder"))
}

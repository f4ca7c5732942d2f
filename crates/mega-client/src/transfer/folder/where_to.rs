//! Where a folder's download puts a node.

use std::path::PathBuf;

use mega_filename::LocalPolicy;

use super::super::local::os_name;
use super::names::{Child, local_names, tells_case_apart};
use crate::Client;
use crate::client::Identity;
use crate::node::Node;
use crate::tree::Tree;
use crate::tree::arena::Index;

impl Client {
    /// Where [`download_folder`](Self::download_folder) of this client's root puts a node, relative to the local folder: for programs that compare or follow, file by
    /// file. Of another folder, take a [view](Self::view) of it. `None` when the node does not lie below the root.
    ///
    /// The policy is the one that was given to [`DownloadFolder::local_names`](crate::DownloadFolder::local_names); `None` stands for its default. The path is safe to be joined to
    /// a folder: a name that the system cannot hold, that would lead out of the folder, or that occurs twice is another one there. A twin that comes or goes can change the
    /// path of the others.
    ///
    /// ```
    /// # async fn doc() -> Result<(), Box<dyn std::error::Error>> {
    /// # let server = mega_testserver::TestServer::start().await?;
    /// # server.account("me@example.com", "secret").create();
    /// # let login = mega_client::Credentials::new("me@example.com", "secret");
    /// # let mega = mega_client::Client::builder().origin(server.url()).login(login).await?;
    /// # let folder = tempfile::tempdir()?;
    /// # let local = folder.path();
    /// mega.write("/trip/notes.txt", "arrived").await?;
    /// mega.download_folder("/trip", local).await?.into_result()?;
    ///
    /// let trip = mega.view("/trip")?;
    /// for node in trip.list("/").recursive().files().await? {
    ///     let path = trip.local_path_of(&node, None).ok_or("it has gone")?;
    ///     assert!(trip.verify(local.join(path), &node).await?.is_equal());
    /// }
    /// # Ok(()) }
    /// # tokio::runtime::Runtime::new().unwrap().block_on(doc()).unwrap();
    /// ```
    #[must_use]
    pub fn local_path_of(
        &self,
        node: &Node,
        policy: impl Into<Option<LocalPolicy>>,
    ) -> Option<PathBuf> {
        let policy = policy.into().unwrap_or_else(|| self.local_policy());
        self.with_tree(|tree, base| {
            // From the node up to the root, then the other way round.
            let mut way = Vec::new();
            let above = tree.ancestors(tree.find(node.handle())?);
            way.extend(above.take_while(|&index| index != base.index));
            let mut folder = base.index;
            let mut path = PathBuf::new();
            for index in way.into_iter().rev() {
                // Also what lies elsewhere ends here: its topmost folder is no child of the root.
                path.push(os_name(&name_of(tree, policy, folder, index)?));
                folder = index;
            }
            Some(path)
        })
    }

    /// How remote names become local ones unless somebody says otherwise. Names in an account are the user's own; those behind a link are a stranger's, and a control
    /// character in one can act on the terminal that lists it (NAM-3, NAM-11).
    pub(super) fn local_policy(&self) -> LocalPolicy {
        match self.inner.identity {
            Identity::Account(_) => LocalPolicy::CURRENT.faithful(),
            Identity::FolderLink { .. } | Identity::FileLink(_) => LocalPolicy::CURRENT,
        }
    }
}

/// The local name of one child of a folder.
fn name_of(tree: &Tree, policy: LocalPolicy, folder: Index, child: Index) -> Option<Vec<u8>> {
    if tells_case_apart(policy)
        && tree.record(child)?.parent == folder
        && let Some(stored) = tree.stored_name(child)
    {
        // Different names have different local ones there (NAM-10), so only a twin could be in the way.
        let raw = tree.mask().decode(&stored);
        if tree.named(folder, &raw).nth(1).is_none() {
            return Some(policy.local_name(&raw).into_bytes());
        }
    }
    let (children, nodes) = children(tree, folder);
    let at = nodes.iter().position(|(index, _)| *index == child)?;
    local_names(policy, &children).get(at).cloned()
}

/// The files and folders in a folder, and what their local names are made of.
pub(super) fn children(tree: &Tree, folder: Index) -> (Vec<Child>, Vec<(Index, Node)>) {
    let mut children = Vec::new();
    let mut nodes = Vec::new();
    for index in tree.children(folder) {
        let Some(node) = tree.node(index) else {
            continue;
        };
        if !node.is_file() && !node.is_folder() {
            continue;
        }
        let raw = match tree.stored_name(index) {
            Some(stored) => tree.mask().decode(&stored).into_owned(),
            None => node.name().as_bytes().to_vec(),
        };
        let created = tree.record(index).map_or(0, |record| record.created);
        children.push(Child {
            handle: node.handle(),
            created,
            raw,
        });
        nodes.push((index, node));
    }
    (children, nodes)
}

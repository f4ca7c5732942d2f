//! Taking what a public link shows into the account, on the server.

use std::collections::HashMap;
use std::future::IntoFuture;

use mega_crypto::attributes::Attributes;
use mega_protocol::NodeHandle;
use mega_protocol::commands::NewNodeSource;

use super::access::{check_container, find};
use super::conflict::{Chosen, Claim, OnConflict};
use super::copy::{Copied, Item, Plan};
use super::destination::Destination;
use super::release::released_key;
use crate::builder::BoxFuture;
use crate::client::Identity;
use crate::error::{Error, ErrorKind, Result};
use crate::node::NodeKind;
use crate::target::{Target, Want};
use crate::tree::Tree;
use crate::tree::arena::{Flags, Index};
use crate::{Client, Progress};

impl Client {
    /// Takes what a public link shows into a folder of this account; await it for what was made. The service copies: nothing is downloaded.
    ///
    /// `link` is the link, [opened](crate::ClientBuilder::open_link) beside the account. Files keep content and key; folders get keys of their own. Personal
    /// marks of the owner, such as favourite and label, are not taken over.
    ///
    /// # Errors
    ///
    /// [`Misuse`](ErrorKind::Misuse) when `link` is not an opened link; otherwise as for [`copy`](Self::copy).
    ///
    /// Cancel safety: a large folder is taken over in several steps, and what was sent stays.
    ///
    /// ```
    /// # async fn doc() -> Result<(), Box<dyn std::error::Error>> {
    /// # let server = mega_testserver::TestServer::start().await?;
    /// # server.account("me@example.com", "secret").create();
    /// # server.account("you@example.com", "secret").create();
    /// # let login = |who| mega_client::Credentials::new(who, "secret");
    /// # let builder = || mega_client::Client::builder().origin(server.url());
    /// # let mega = builder().login(login("me@example.com")).await?;
    /// # let friend = builder().login(login("you@example.com")).await?;
    /// friend.write("/recipes/soup.txt", "water, salt").await?;
    /// let link = friend.link("/recipes").await?;
    ///
    /// let opened = builder().open_link(link.url()).await?;
    /// let imported = mega.import(&opened, "/").await?;
    /// assert_eq!((imported.files(), imported.folders()), (1, 1));
    /// assert_eq!(mega.read("/recipes/soup.txt").await?, "water, salt");
    /// # Ok(()) }
    /// # tokio::runtime::Runtime::new().unwrap().block_on(doc()).unwrap();
    /// ```
    pub fn import(&self, link: &Self, folder: impl Into<Target>) -> Import {
        Import {
            client: self.clone(),
            link: link.clone(),
            only: None,
            to: Destination::new(folder.into()),
            progress: Progress::new(),
        }
    }
}

/// An import to be made; await it.
#[must_use = "nothing happens until it is awaited"]
#[derive(Debug)]
pub struct Import {
    client: Client,
    link: Client,
    only: Option<Target>,
    to: Destination,
    progress: Progress,
}

impl Import {
    /// Takes only this node of a folder link, with everything below it.
    pub fn only(mut self, target: impl Into<Target>) -> Self {
        self.only = Some(target.into());
        self
    }

    /// Gives what is imported another name.
    pub fn rename(mut self, new_name: impl Into<String>) -> Self {
        self.to.name = Some(new_name.into());
        self
    }

    /// What to do when the folder has a node of that name already.
    pub fn on_conflict(mut self, rule: OnConflict) -> Self {
        self.to.rule = rule;
        self
    }

    /// Counts the nodes that are made as [items](Progress::items_done), and lets somebody stop it; what was made by then stays.
    pub fn progress(mut self, progress: &Progress) -> Self {
        self.progress = progress.clone();
        self
    }

    async fn run(&self) -> Result<Copied> {
        let client = &self.client;
        client.account()?;
        let public = match &self.link.inner.identity {
            Identity::FolderLink { .. } => None,
            Identity::FileLink(public) => Some(*public),
            Identity::Account(_) => {
                return Err(Error::misuse(
                    "only an opened link can be imported; copy own nodes instead",
                ));
            }
        };
        let source = self.source()?;
        let folder = self.to.folder(client)?;
        let mask = client.options().mask;
        let (name, mut plan) = self.link.with_tree(|tree, _| {
            let name = self.to.name_of(tree, source, mask)?;
            Ok::<_, Error>((name, plan(tree, find(tree, source)?, folder)?))
        })?;
        let _name = client
            .inner
            .fs
            .names
            .lock((folder, name.decoded.clone()))
            .await;
        client.catch_up().await?;
        let top = plan
            .groups
            .first_mut()
            .and_then(|(_, items)| items.first_mut());
        let top = top.ok_or_else(|| Error::misuse("nothing to import"))?;
        let mut chosen = Chosen::new(client);
        let place = client.with_tree(|tree, _| {
            let target = find(tree, folder)?;
            check_container(tree, target)?;
            Claim {
                folder: target,
                name: &name,
                file: top.file,
                rule: self.to.rule,
                duplicates: client.options().duplicates,
                named: None,
                except: None,
                versions: true,
            }
            .settle(tree, &mut chosen)
        })?;
        if let Some(there) = place.keeps {
            return Ok(Copied::left_alone(client.node_of(there)?));
        }
        top.name = Some(place.name.stored);
        top.replaces = place.replaces;
        top.displaces = place.displaced;
        let planned = |item: &Item| {
            let origin = match public {
                Some(public) => NewNodeSource::Link(public),
                None => NewNodeSource::Copy(item.source),
            };
            self.link.with_tree(|tree, _| {
                client.with_tree(|into, _| item.planned(tree, into, origin, unmarked))
            })
        };
        plan.carry_out(client, folder, &self.progress, planned)
            .await
    }

    fn shown(&self) -> String {
        self.to
            .folder
            .as_ref()
            .map(Target::to_string)
            .unwrap_or_default()
    }

    /// The topmost node to import.
    fn source(&self) -> Result<NodeHandle> {
        if let Some(only) = &self.only {
            return self.link.handle_of(only, Want::Any);
        }
        self.link.with_tree(|tree, base| {
            // The link of a file, or of a file inside a folder, shows as a made-up root that holds the one file.
            let made_up = tree
                .record(base.index)
                .is_some_and(|record| record.kind == NodeKind::Root);
            let top = if made_up {
                tree.children(base.index).next()
            } else {
                base.index.some()
            };
            top.and_then(|top| tree.record(top))
                .map(|record| record.handle)
                .ok_or_else(|| Error::new(ErrorKind::NotFound, "the link shows nothing"))
        })
    }
}

/// Personal marks of the owner are not taken over.
fn unmarked(attributes: &mut Attributes) {
    attributes.set_favourite(false);
    attributes.set_sensitive(false);
    attributes.set_label(None);
}

/// Everything from `top` on, each node below the one it lies in.
fn plan(tree: &Tree, top: Index, folder: NodeHandle) -> Result<Plan> {
    let mut plan = Plan::default();
    let mut items: Vec<Item> = Vec::new();
    let mut places: HashMap<Index, usize> = HashMap::new();
    for step in tree.walk(top) {
        let Some(record) = tree
            .record(step.index)
            .filter(|record| !record.flags.has(Flags::VERSION))
        else {
            continue;
        };
        let first = step.index == top;
        let above = places.get(&record.parent).copied().filter(|_| !first);
        if (!first && above.is_none()) || released_key(tree, step.index).is_none() {
            plan.withheld.push(record.handle);
            continue;
        }
        places.insert(step.index, items.len());
        items.push(Item {
            source: record.handle,
            above,
            file: record.kind == NodeKind::File,
            top: first,
            name: None,
            replaces: None,
            displaces: None,
        });
    }
    if items.is_empty() {
        return Err(
            Error::new(ErrorKind::Key, "what the link shows cannot be read")
                .with_handles(plan.withheld),
        );
    }
    plan.groups.push((folder, items));
    Ok(plan)
}

impl IntoFuture for Import {
    type Output = Result<Copied>;
    type IntoFuture = BoxFuture<Result<Copied>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            self.run()
                .await
                .map_err(|error| error.during("import").about(self.shown()))
        })
    }
}

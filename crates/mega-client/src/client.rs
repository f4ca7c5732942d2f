//! The client: a cheap handle on one account or one public link.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock, Weak};

use mega_crypto::ShareKey;
use mega_protocol::Api;
use mega_protocol::{NodeHandle, UserHandle};
use tokio::sync::broadcast;

use crate::account::Account;
use crate::cache::Cache;
use crate::change::Change;
use crate::error::{Error, ErrorKind, Result};
use crate::intents::{Handle, Intents};
use crate::keyring::Keyring;
use crate::node::Node;
use crate::options::Options;
use crate::pump::Pump;
use crate::tree::Tree;
use crate::tree::arena::Index;
use crate::view::Base;

/// A signed-in account or an opened public link.
///
/// Cloning is cheap and gives another handle on the same thing; a `Client` can be used from many tasks at once. The node tree is held in memory,
/// so looking things up makes no request. It changes when one of your own calls has taken effect (before that call returns), while a stream of
/// [changes](Client::changes) is polled, and on [`refresh`](Client::refresh).
///
/// No task runs in the background, except that one follows the events while something waits for them: a call for its own effect, a stream of
/// changes. When the last clone is dropped, nothing is left. The session stays open on the service
/// until [`sign_out`](Client::sign_out) is called, so that a [saved](Client::save) one can be resumed.
#[derive(Clone)]
pub struct Client {
    pub(crate) inner: Arc<Inner>,
    /// The folder that this handle is confined to; see [`Client::view`].
    pub(crate) top: Option<NodeHandle>,
}

pub(crate) struct Inner {
    pub(crate) api: Api,
    pub(crate) options: Options,
    pub(crate) identity: Identity,
    // Not to be had alone for writing with the tree still to be taken: the tree comes first, for everybody.
    keyring: RwLock<Keyring>,
    tree: RwLock<Tree>,
    pub(crate) pump: Pump,
    pub(crate) changes: broadcast::Sender<Change>,
    pub(crate) transfers: crate::transfer::Shared,
    pub(crate) fs: crate::fs::Shared,
    /// The tree on disk, where there is a folder for it.
    pub(crate) cache: Option<Cache>,
    /// The changes that are under way; of accounts only.
    pub(crate) intents: Option<Arc<Intents>>,
}

/// How many changes a slow reader may be behind before it is told that it missed some.
const CHANGES_KEPT: usize = 4096;

/// What the client stands for.
pub(crate) enum Identity {
    /// An account with a session.
    Account(Box<Account>),
    /// A public folder, opened with its link key.
    FolderLink {
        /// The node in it that the link names: paths start there, however often the tree is loaded.
        inside: Option<NodeHandle>,
    },
    /// A public file; the tree holds a made-up root with this one file.
    FileLink(mega_protocol::PublicHandle),
}

impl Client {
    /// Starts a client: choose where it connects, then sign in, resume or open a link.
    pub fn builder() -> crate::ClientBuilder {
        crate::ClientBuilder::new()
    }

    pub(crate) fn assemble(
        api: Api,
        options: Options,
        identity: Identity,
        keyring: Keyring,
        tree: Tree,
        cache: Option<Cache>,
        intents: Option<Arc<Intents>>,
    ) -> Self {
        let (changes, _) = broadcast::channel(CHANGES_KEPT);
        let pump = Pump::new(tree.tag.clone());
        // Transfers ask for addresses in the name of the client, which renews its session.
        let inner = Arc::new_cyclic(|client| Inner {
            transfers: crate::transfer::Shared::new(
                api.clone(),
                Weak::clone(client),
                options.limits,
            ),
            api,
            options,
            identity,
            keyring: RwLock::new(keyring),
            tree: RwLock::new(tree),
            pump,
            changes,
            fs: crate::fs::Shared::default(),
            cache,
            intents,
        });
        if let Some(intents) = &inner.intents {
            intents.serve(Arc::downgrade(&inner));
            inner.api.set_outbox(Arc::new(Handle(Arc::clone(intents))));
        }
        Self { inner, top: None }
    }

    /// A handle on what is left of a client, if there is anybody who holds it.
    pub(crate) fn of(inner: &Weak<Inner>) -> Option<Self> {
        let inner = inner.upgrade()?;
        Some(Self { inner, top: None })
    }

    pub(crate) fn options(&self) -> &Options {
        &self.inner.options
    }

    pub(crate) fn api(&self) -> &Api {
        &self.inner.api
    }

    /// The account, or an error for clients of public links.
    pub(crate) fn account(&self) -> Result<&Account> {
        match &self.inner.identity {
            Identity::Account(account) => Ok(account),
            Identity::FolderLink { .. } | Identity::FileLink(_) => Err(Error::new(
                ErrorKind::Unsupported,
                "a public link is read-only and has no account; sign in for this",
            )),
        }
    }

    /// Reads the tree. `base` is the client's root, where paths start.
    pub(crate) fn with_tree<T>(&self, read: impl FnOnce(&Tree, Base) -> T) -> T {
        let tree = self
            .inner
            .tree
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        let index = match self.top {
            None => tree.roots().cloud,
            Some(folder) => tree.find(folder),
        };
        let base = Base {
            index: index.unwrap_or(Index::NONE),
            whole: self.top.is_none(),
        };
        read(&tree, base)
    }

    /// Changes the tree; only the loader and the event pump do (architecture: one writer).
    pub(crate) fn with_tree_mut<T>(&self, write: impl FnOnce(&mut Tree) -> T) -> T {
        write(
            &mut self
                .inner
                .tree
                .write()
                .unwrap_or_else(PoisonError::into_inner),
        )
    }

    /// Changes tree and keyring. The tree is taken first, as everybody does who needs both: the other way round two threads would wait for each other.
    pub(crate) fn with_tree_and_keyring_mut<T>(
        &self,
        write: impl FnOnce(&mut Tree, &mut Keyring) -> T,
    ) -> T {
        self.with_tree_mut(|tree| {
            write(
                tree,
                &mut self
                    .inner
                    .keyring
                    .write()
                    .unwrap_or_else(PoisonError::into_inner),
            )
        })
    }

    /// Adds the key of a share, for writing into it. What it opens is opened by whoever learns it.
    pub(crate) fn add_share_key(&self, root: NodeHandle, key: ShareKey) {
        self.inner
            .keyring
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .add_share(root, key);
    }

    /// Both locks, for whoever takes them again and again: the first one first.
    pub(crate) fn locks(&self) -> (&RwLock<Tree>, &RwLock<Keyring>) {
        (&self.inner.tree, &self.inner.keyring)
    }

    pub(crate) fn with_keyring<T>(&self, read: impl FnOnce(&Keyring) -> T) -> T {
        read(
            &self
                .inner
                .keyring
                .read()
                .unwrap_or_else(PoisonError::into_inner),
        )
    }

    fn special(
        &self,
        name: &'static str,
        pick: impl FnOnce(&Tree) -> Option<Index>,
    ) -> Result<Node> {
        self.with_tree(|tree, base| {
            let index = pick(tree)?;
            tree.in_view(index, base).then(|| tree.node(index))?
        })
        .ok_or_else(|| absent(name))
    }

    /// The root: the cloud drive of an account, what a public link shows, or the folder of a [view](Self::view).
    ///
    /// # Errors
    ///
    /// [`NotFound`](ErrorKind::NotFound) if the service sent none, or the folder of the view is gone.
    pub fn root(&self) -> Result<Node> {
        self.with_tree(|tree, base| tree.node(base.index))
            .ok_or_else(|| absent("root"))
    }

    /// The rubbish bin.
    ///
    /// # Errors
    ///
    /// [`NotFound`](ErrorKind::NotFound) for public links and in [views](Self::view).
    pub fn rubbish_bin(&self) -> Result<Node> {
        self.special("rubbish bin", |tree| tree.roots().rubbish)
    }

    /// The vault, where backups of other MEGA programs live.
    ///
    /// # Errors
    ///
    /// [`NotFound`](ErrorKind::NotFound) for public links and in [views](Self::view).
    pub fn vault(&self) -> Result<Node> {
        self.special("vault", |tree| tree.roots().vault)
    }

    /// The folders that others share with this account; in a [view](Self::view) those that lie in it, which is none.
    #[must_use]
    pub fn incoming_shares(&self) -> Vec<Node> {
        self.with_tree(|tree, base| {
            tree.share_roots()
                .filter(|&index| tree.in_view(index, base))
                .filter_map(|index| tree.node(index))
                .collect()
        })
    }

    /// The handle of the signed-in user; `None` for public links.
    #[must_use]
    pub fn user(&self) -> Option<UserHandle> {
        match &self.inner.identity {
            Identity::Account(account) => Some(account.user),
            Identity::FolderLink { .. } | Identity::FileLink(_) => None,
        }
    }

    /// The e-mail address of the signed-in user, where the service told it; `None` for public links.
    #[must_use]
    pub fn email(&self) -> Option<&str> {
        match &self.inner.identity {
            Identity::Account(account) => account.email.as_deref(),
            Identity::FolderLink { .. } | Identity::FileLink(_) => None,
        }
    }

    /// The nodes whose keys are put together from pieces of other keys, each with a node that has one of them, or with the folder whose share key it
    /// is, or with `None` where it is a key of the account itself: forgeries by somebody who can change what the service stores (threat model, ATT-4). They are closed and have the trouble [`SplicedKey`](crate::Trouble::SplicedKey). A thousand at
    /// most; those that come later are told as [`Change::SplicedKey`], too.
    ///
    /// A forgery is found only as long as the node is there whose key it was made from.
    #[must_use]
    pub fn spliced_keys(&self) -> Vec<(NodeHandle, Option<NodeHandle>)> {
        self.with_tree(|tree, base| {
            let in_view = |handle| {
                tree.find(handle)
                    .is_some_and(|index| tree.in_view(index, base))
            };
            let found = tree.spliced().iter();
            found
                .filter(|found| in_view(found.node))
                .map(|found| (found.node, found.donor))
                .collect()
        })
    }

    /// How many nodes the tree holds, special and quarantined ones included.
    #[must_use]
    pub fn node_count(&self) -> usize {
        self.with_tree(|tree, _| tree.len())
    }
}

fn absent(place: &'static str) -> Error {
    Error::new(ErrorKind::NotFound, "there is none here")
        .during("look up")
        .about(place)
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("nodes", &self.node_count())
            .finish_non_exhaustive()
    }
}

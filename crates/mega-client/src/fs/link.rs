//! Making public links.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::future::IntoFuture;
use std::time::SystemTime;

use futures::Stream;
use futures::future::join_all;
use mega_crypto::link::{PasswordLink, PublicLink, WriteAuth};
use mega_crypto::{FileKey, NodeKey};
use mega_protocol::commands::CreateLink;
use mega_protocol::{AccessLevel as WireAccess, NodeHandle, PublicHandle};
use zeroize::Zeroizing;

use super::access::{check_no_version, check_ordinary, find};
use super::bulk::{Bulk, BulkCall, for_all};
use super::everyone::Opened;
use super::release::released_key;
use crate::builder::BoxFuture;
use crate::chance::rng;
use crate::error::{Error, ErrorKind, Result};
use crate::node::{time_from_unix, unix_from_time};
use crate::target::{Target, Want};
use crate::{Client, Progress};

impl Client {
    /// Makes the public link of a file or folder, or gives the one it has; await it for the [`Link`].
    ///
    /// Whoever has the link can read the node, and for a folder everything that is in it or comes into it. The key in the link is not known to the
    /// service. For a folder a share key is made and stored with the account first, so that all clients of the account keep working with it.
    ///
    /// # Errors
    ///
    /// [`NotFound`](ErrorKind::NotFound); [`AccessDenied`](ErrorKind::AccessDenied) for roots and in somebody else's folder; [`Key`](ErrorKind::Key) for a
    /// node that cannot be read, since nothing proves that its key is its own, and when the keys of the account cannot be used.
    ///
    /// Cancel safety: a link whose making was cancelled half-way is completed by the next call.
    ///
    /// ```
    /// # async fn doc() -> Result<(), Box<dyn std::error::Error>> {
    /// # let server = mega_testserver::TestServer::start().await?;
    /// # server.account("me@example.com", "secret").create();
    /// # let login = mega_client::Credentials::new("me@example.com", "secret");
    /// # let mega = mega_client::Client::builder().origin(server.url()).login(login).await?;
    /// mega.write("/public/hello.txt", "hello, world").await?;
    /// let link = mega.link("/public").await?;
    /// # let builder = mega_client::Client::builder().origin(server.url());
    /// let visitor = builder.open_link(link.url()).await?;
    /// assert_eq!(visitor.read("/hello.txt").await?, "hello, world");
    /// # Ok(()) }
    /// # tokio::runtime::Runtime::new().unwrap().block_on(doc()).unwrap();
    /// ```
    pub fn link(&self, target: impl Into<Target>) -> MakeLink {
        MakeLink {
            client: self.clone(),
            target: target.into(),
            options: Options::default(),
        }
    }

    /// Makes many links; await it for one result each. They travel together in few requests.
    ///
    /// ```
    /// # async fn doc() -> Result<(), Box<dyn std::error::Error>> {
    /// # let server = mega_testserver::TestServer::start().await?;
    /// # server.account("me@example.com", "secret").create();
    /// # let login = mega_client::Credentials::new("me@example.com", "secret");
    /// # let mega = mega_client::Client::builder().origin(server.url()).login(login).await?;
    /// mega.write("/a.txt", "a").await?;
    /// mega.write("/b.txt", "b").await?;
    /// for (target, link) in mega.link_all(mega.list("/").files().await?).await {
    ///     println!("{target}: {}", link?.url());
    /// }
    /// # Ok(()) }
    /// # tokio::runtime::Runtime::new().unwrap().block_on(doc()).unwrap();
    /// ```
    pub fn link_all<T: Into<Target>>(&self, targets: impl IntoIterator<Item = T>) -> MakeLinks {
        MakeLinks {
            client: self.clone(),
            targets: targets.into_iter().map(Into::into).collect(),
            options: Options::default(),
            progress: Progress::new(),
        }
    }
}

/// A public link with its key: whoever has it can read what it points at.
///
/// `Debug` shows neither key nor URL.
#[derive(Clone)]
pub struct Link {
    node: NodeHandle,
    public: PublicLink,
    url: Zeroizing<String>,
    expires: Option<SystemTime>,
    withheld: Vec<NodeHandle>,
}

impl Link {
    pub(super) fn new(node: NodeHandle, public: PublicLink, expires: Option<i64>) -> Self {
        let url = public.to_url();
        Self {
            node,
            public,
            url,
            expires: expires.map(time_from_unix),
            withheld: Vec::new(),
        }
    }

    /// The whole link, key included.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The link behind a password: today's form, `#P!...`. Nobody can take the key out of it without the password, the service included.
    ///
    /// This takes a noticeable part of a second, on purpose: so long does each guess take, too.
    ///
    /// # Errors
    ///
    /// [`Misuse`](ErrorKind::Misuse) for an empty password.
    pub fn with_password(&self, password: &str) -> Result<String> {
        let locked = PasswordLink::lock(&self.public, password, &mut rng())
            .map_err(|error| Error::misuse("the link cannot be locked").caused_by(error))?;
        Ok(locked.to_url().to_string())
    }

    /// Whether the URL lets whoever has it write into the folder.
    #[must_use]
    pub fn is_writable(&self) -> bool {
        self.public.write_auth().is_some()
    }

    /// The node that it points at.
    #[must_use]
    pub fn node(&self) -> NodeHandle {
        self.node
    }

    /// The part of the link that the service knows.
    #[must_use]
    pub fn handle(&self) -> PublicHandle {
        PublicHandle::from_bytes(self.public.handle().to_bytes())
    }

    /// When it ends by itself, if it does.
    #[must_use]
    pub fn expires(&self) -> Option<SystemTime> {
        self.expires
    }

    /// The nodes of a folder that the link does not open: they cannot be read here either, so their keys were not given away (threat model, KEY-6).
    #[must_use]
    pub fn withheld(&self) -> &[NodeHandle] {
        &self.withheld
    }
}

impl AsRef<str> for Link {
    fn as_ref(&self) -> &str {
        &self.url
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link")
            .field("node", &self.node)
            .field("expires", &self.expires)
            .finish_non_exhaustive()
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Options {
    expires: Option<SystemTime>,
    writable: bool,
}

/// The making of a link; await it.
#[must_use = "nothing happens until it is awaited"]
#[derive(Debug)]
pub struct MakeLink {
    client: Client,
    target: Target,
    options: Options,
}

impl MakeLink {
    /// Lets the link end by itself; a paid account is needed. A link that exists gets this end.
    pub fn expires(mut self, time: SystemTime) -> Self {
        self.options.expires = Some(time);
        self
    }

    /// Lets whoever has the link put folders and files into the folder, too (crypto-and-accounts 8.6). The authorisation is part of the URL that this
    /// makes; without it the same link is for reading. The official apps do not make such links, though MEGAcmd reads them. Nothing can be changed or deleted
    /// through it.
    pub fn writable(mut self) -> Self {
        self.options.writable = true;
        self
    }
}

impl IntoFuture for MakeLink {
    type Output = Result<Link>;
    type IntoFuture = BoxFuture<Result<Link>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move { self.client.make_link(&self.target, self.options).await })
    }
}

/// The making of many links; await it.
///
/// Cancel safety: a link whose making was cancelled half-way is completed by the next call. To stop and still be told which ones there are, use
/// [`MakeLinks::progress`].
#[must_use = "nothing happens until it is awaited"]
#[derive(Debug)]
pub struct MakeLinks {
    client: Client,
    targets: Vec<Target>,
    options: Options,
    progress: Progress,
}

impl MakeLinks {
    /// Lets the links end by themselves; a paid account is needed.
    pub fn expires(mut self, time: SystemTime) -> Self {
        self.options.expires = Some(time);
        self
    }

    /// Shows how many [items](Progress::items_done) are done, and lets somebody stop it; see [`BulkCall::progress`].
    pub fn progress(mut self, progress: &Progress) -> Self {
        self.progress = progress.clone();
        self
    }

    /// Each item with its result as soon as that is known; see [`BulkCall::stream`]. Links are made a thousand at a time, so their results come a
    /// thousand at a time, too.
    pub fn stream(self) -> impl Stream<Item = (Target, Result<Link>)> + Send + 'static {
        self.call().stream()
    }

    fn call(self) -> BulkCall<Link> {
        let Self {
            client,
            targets,
            options,
            progress,
        } = self;
        BulkCall::together(client.api().clone(), targets, move |targets| {
            let client = client.clone();
            async move { client.make_links(&targets, options).await }
        })
        .progress(&progress)
    }
}

impl IntoFuture for MakeLinks {
    type Output = Bulk<Link>;
    type IntoFuture = BoxFuture<Bulk<Link>>;

    fn into_future(self) -> Self::IntoFuture {
        self.call().into_future()
    }
}

/// A node that may have a link, and what the link needs.
struct Linked {
    node: NodeHandle,
    kind: Kind,
}

enum Kind {
    File(FileKey),
    Folder,
    /// With what everyone needs.
    Open(Opened),
}

impl Client {
    async fn make_link(&self, target: &Target, options: Options) -> Result<Link> {
        let made = self.make_links(std::slice::from_ref(target), options).await;
        let made = made.into_iter().next();
        made.unwrap_or_else(|| Err(Error::misuse("no link was asked for")))
    }

    /// One link for each target, in order. Each step is taken for all of them together: first the folders are opened, then the links are asked for.
    async fn make_links(&self, targets: &[Target], options: Options) -> Vec<Result<Link>> {
        let level = if options.writable {
            WireAccess::Full
        } else {
            WireAccess::Read
        };
        let mut linked: Vec<Result<Linked>> = targets
            .iter()
            .map(|target| self.linkable(target, options))
            .collect();
        // A folder that is named twice is opened once.
        let mut wanted: BTreeMap<NodeHandle, usize> = BTreeMap::new();
        for linked in linked.iter().flatten() {
            if matches!(linked.kind, Kind::Folder) {
                let count = wanted.entry(linked.node).or_default();
                *count = count.saturating_add(1);
            }
        }
        if !wanted.is_empty() {
            let folders: Vec<NodeHandle> = wanted.keys().copied().collect();
            let opened = self.open_to_everyone(&folders, level).await;
            let results = wanted.into_iter().zip(opened);
            let mut results: HashMap<_, _> = results
                .map(|((folder, count), result)| (folder, for_each(result, count)))
                .collect();
            for linked in &mut linked {
                if let Ok(Linked { node, kind }) = linked
                    && let Some(result) = results.get_mut(node).and_then(Vec::pop)
                {
                    match result {
                        Ok(opened) => *kind = Kind::Open(opened),
                        Err(error) => *linked = Err(error),
                    }
                }
            }
        }
        let made = linked.into_iter().map(async |linked| {
            let Linked { node, kind } = linked?;
            let (handle, expires, auth) = self.create_link(node, options).await?;
            match kind {
                Kind::File(key) => Ok(Link::new(
                    node,
                    PublicLink::file(crypto(handle), key),
                    expires,
                )),
                Kind::Open(Opened { key, withheld }) => {
                    let mut public = PublicLink::folder(crypto(handle), key);
                    if let Some(auth) = auth {
                        public = public.with_write_auth(auth);
                    }
                    let mut link = Link::new(node, public, expires);
                    link.withheld = withheld;
                    Ok(link)
                }
                Kind::Folder => Err(Error::misuse("the folder was left out")),
            }
        });
        let made = join_all(made).await.into_iter().zip(targets);
        made.map(|(made, target)| {
            made.map_err(|error: Error| error.during("link").about(target.to_string()))
        })
        .collect()
    }

    /// The node of a target, if it may have a link.
    fn linkable(&self, target: &Target, options: Options) -> Result<Linked> {
        self.account()?;
        let node = self.handle_of(target, Want::Any)?;
        let key = self.with_tree(|tree, _| {
            let index = find(tree, node)?;
            check_ordinary(tree, index)?;
            check_no_version(tree, index)?;
            if tree.share_above(index).is_some() {
                return Err(Error::new(
                    ErrorKind::AccessDenied,
                    "it lies in somebody else's folder; only the owner can make a link",
                ));
            }
            released_key(tree, index).ok_or_else(|| {
                Error::new(
                    ErrorKind::Key,
                    "the node cannot be read, so its key must not be given away",
                )
            })
        })?;
        let kind = match key {
            NodeKey::File(_) if options.writable => {
                return Err(Error::misuse("only the link of a folder can be writable"));
            }
            NodeKey::File(key) => Kind::File(key),
            NodeKey::Folder(_) => Kind::Folder,
        };
        Ok(Linked { node, kind })
    }

    /// Asks for the link. A repeated request gives the same one.
    async fn create_link(
        &self,
        node: NodeHandle,
        options: Options,
    ) -> Result<(PublicHandle, Option<i64>, Option<WriteAuth>)> {
        let mut command = CreateLink::new(node);
        command.expires = options.expires.map(unix_from_time);
        command.writable = options.writable;
        let created = match self.change(command.clone()).await {
            // Doing it twice is doing it once. Whatever the second request comes to, the first may have made the link (P3).
            Err(error) if error.kind() == ErrorKind::OutcomeUnknown => {
                let doubt = self.doubt(&error);
                let again = self.change(command).await;
                doubt.end(again.map_err(|again| again.with_kind(ErrorKind::OutcomeUnknown)))?
            }
            other => other?,
        };
        let known = self.with_tree(|tree, _| tree.link(node).copied());
        let expires = options
            .expires
            .map(unix_from_time)
            .or(known.and_then(|link| link.expires));
        let auth = match (&created.write_auth, options.writable) {
            (Some(text), true) => {
                let auth = WriteAuth::new(text.expose());
                Some(auth.map_err(|error| {
                    Error::new(
                        ErrorKind::Protocol,
                        "the service gave a malformed write authorisation",
                    )
                    .caused_by(error)
                })?)
            }
            (None, true) => {
                return Err(Error::new(
                    ErrorKind::Protocol,
                    "the service made a link, but gave no authorisation to write",
                ));
            }
            (_, false) => None,
        };
        Ok((created.handle, expires, auth))
    }
}

/// The result of one folder for each of the targets that name it.
fn for_each(result: Result<Opened>, count: usize) -> Vec<Result<Opened>> {
    match result {
        Ok(opened) => (0..count).map(|_| Ok(opened.clone())).collect(),
        Err(error) => for_all(error, count),
    }
}

/// The same handle as the cryptography writes it into links.
pub(super) fn crypto(handle: PublicHandle) -> mega_crypto::PublicHandle {
    mega_crypto::PublicHandle::from_bytes(handle.to_bytes())
}

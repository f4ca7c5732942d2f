//! What a person notes about a node: modification time, favourite, label, description, tags, and attributes of applications.

use std::future::IntoFuture;
use std::time::SystemTime;

use futures::Stream;
use mega_crypto::attributes::{Attributes, Label};
use mega_crypto::fingerprint::Fingerprint;
use mega_protocol::NodeHandle;

use super::bulk::{Bulk, BulkCall};
use crate::builder::BoxFuture;
use crate::error::{Error, ErrorKind, Result};
use crate::node::{Node, NodeKind, unix_from_time};
use crate::target::{Target, Want};
use crate::tree::Tree;
use crate::tree::arena::Index;
use crate::{Client, Progress};

impl Client {
    /// Changes what is noted about a node: name every change, then await it for the node. All changes travel together, and attributes that
    /// are not named stay as they are, byte for byte.
    ///
    /// # Errors
    ///
    /// [`NotFound`](ErrorKind::NotFound), [`AccessDenied`](ErrorKind::AccessDenied), [`Key`](ErrorKind::Key) for a node that cannot be read;
    /// [`Unsupported`](ErrorKind::Unsupported) for the time of a folder, or of a file without a fingerprint, and for personal marks in somebody
    /// else's folder; [`Misuse`](ErrorKind::Misuse) for texts beyond the limits of the service.
    ///
    /// Cancel safety: once sent, the change takes effect; it is seen after the next refresh.
    ///
    /// ```
    /// # async fn doc() -> Result<(), Box<dyn std::error::Error>> {
    /// # let server = mega_testserver::TestServer::start().await?;
    /// # server.account("me@example.com", "secret").create();
    /// # let login = mega_client::Credentials::new("me@example.com", "secret");
    /// # let mega = mega_client::Client::builder().origin(server.url()).login(login).await?;
    /// use mega_client::Label;
    /// mega.write("/trip.txt", "Lisbon").await?;
    /// let node = mega.edit("/trip.txt").favourite(true).label(Label::Green).tags(["travel", "2026"]).await?;
    /// assert!(node.is_favourite());
    /// assert_eq!(node.label(), Some(Label::Green));
    /// assert_eq!(node.tags(), ["travel", "2026"]);
    /// # Ok(()) }
    /// # tokio::runtime::Runtime::new().unwrap().block_on(doc()).unwrap();
    /// ```
    pub fn edit(&self, target: impl Into<Target>) -> Edit {
        Edit {
            client: self.clone(),
            target: target.into(),
            changes: Changes::default(),
        }
    }

    /// The same change to many nodes; await it for one result each.
    pub fn edit_all<T: Into<Target>>(&self, targets: impl IntoIterator<Item = T>) -> EditAll {
        EditAll {
            client: self.clone(),
            targets: targets.into_iter().map(Into::into).collect(),
            changes: Changes::default(),
            progress: Progress::new(),
        }
    }

    /// Sets the modification time of a file, with a precision of one second. Short for [`edit`](Self::edit) with [`Edit::modified`].
    pub fn set_modified(&self, target: impl Into<Target>, time: SystemTime) -> Edit {
        self.edit(target).modified(time)
    }

    /// Marks a node as a favourite, or removes the mark. Short for [`edit`](Self::edit) with [`Edit::favourite`].
    pub fn set_favourite(&self, target: impl Into<Target>, on: bool) -> Edit {
        self.edit(target).favourite(on)
    }
}

/// Changes to one node; await it.
///
/// Cancel safety: once sent, the change takes effect; it is seen after the next refresh.
#[must_use = "nothing happens until it is awaited"]
#[derive(Debug)]
pub struct Edit {
    client: Client,
    target: Target,
    changes: Changes,
}

/// The same changes to many nodes; await it.
///
/// Cancel safety: what has been sent takes effect; it is seen after the next refresh. To stop and still be told what was done, use [`EditAll::progress`].
#[must_use = "nothing happens until it is awaited"]
#[derive(Debug)]
pub struct EditAll {
    client: Client,
    targets: Vec<Target>,
    changes: Changes,
    progress: Progress,
}

/// What to change; `None` leaves something as it is.
#[derive(Clone, Debug, Default)]
struct Changes {
    modified: Option<i64>,
    favourite: Option<bool>,
    sensitive: Option<bool>,
    label: Option<Option<Label>>,
    description: Option<String>,
    tags: Option<Vec<String>>,
    application: Vec<(String, Option<String>)>,
}

macro_rules! setters {
    ($name:ident) => {
        impl $name {
            /// The modification time of a file; MEGA keeps whole seconds, fractions are dropped.
            pub fn modified(mut self, time: SystemTime) -> Self {
                self.changes.modified = Some(unix_from_time(time));
                self
            }

            /// The mark of a favourite: the owner's own, and not to be set in somebody else's folder.
            pub fn favourite(mut self, on: bool) -> Self {
                self.changes.favourite = Some(on);
                self
            }

            /// The mark of something sensitive, which covers everything below it: the owner's own as well.
            pub fn sensitive(mut self, on: bool) -> Self {
                self.changes.sensitive = Some(on);
                self
            }

            /// The colour label; `None` removes it.
            pub fn label(mut self, label: impl Into<Option<Label>>) -> Self {
                self.changes.label = Some(label.into());
                self
            }

            /// The description, at most 3000 bytes; an empty one removes it.
            pub fn description(mut self, text: impl Into<String>) -> Self {
                self.changes.description = Some(text.into());
                self
            }

            /// All tags, at most 10 and 3000 bytes together, none with a comma; no tags remove them.
            pub fn tags<T: Into<String>>(mut self, tags: impl IntoIterator<Item = T>) -> Self {
                self.changes.tags = Some(tags.into_iter().map(Into::into).collect());
                self
            }

            /// An attribute of an application's own: a name of 1 to 7 bytes, and its text; `None` removes it.
            pub fn application<'a>(
                mut self,
                name: impl Into<String>,
                text: impl Into<Option<&'a str>>,
            ) -> Self {
                self.changes
                    .application
                    .push((name.into(), text.into().map(str::to_owned)));
                self
            }
        }
    };
}

setters!(Edit);
setters!(EditAll);

impl EditAll {
    /// Shows how many [items](Progress::items_done) are done, and lets somebody stop it; see [`BulkCall::progress`].
    pub fn progress(mut self, progress: &Progress) -> Self {
        self.progress = progress.clone();
        self
    }

    /// Each item with its result as soon as that is known; see [`BulkCall::stream`].
    pub fn stream(self) -> impl Stream<Item = (Target, Result<Node>)> + Send + 'static {
        self.call().stream()
    }

    fn call(self) -> BulkCall<Node> {
        let Self {
            client,
            targets,
            changes,
            progress,
        } = self;
        BulkCall::new(client.api().clone(), targets, move |target| {
            let edit = Edit {
                client: client.clone(),
                target,
                changes: changes.clone(),
            };
            edit.into_future()
        })
        .progress(&progress)
    }
}

impl Changes {
    fn apply(&self, tree: &Tree, index: Index, to: &mut Attributes) -> Result<()> {
        if let Some(seconds) = self.modified {
            set_modified(tree, index, to, seconds)?;
        }
        if (self.favourite.is_some() || self.sensitive.is_some())
            && tree.share_above(index).is_some()
        {
            return Err(Error::new(
                ErrorKind::Unsupported,
                "favourite and sensitive are marks of the owner; they cannot be set in somebody else's folder",
            ));
        }
        if let Some(on) = self.favourite {
            to.set_favourite(on);
        }
        if let Some(on) = self.sensitive {
            to.set_sensitive(on);
        }
        if let Some(label) = self.label {
            to.set_label(label);
        }
        if let Some(text) = &self.description {
            to.set_description(text).map_err(refused)?;
        }
        if let Some(tags) = &self.tags {
            to.set_tags(tags).map_err(refused)?;
        }
        for (name, text) in &self.application {
            to.set_application(name, text.as_deref()).map_err(refused)?;
        }
        Ok(())
    }
}

/// A new fingerprint with the old checksum (SDK `MegaClient::updateNodeMtime`).
fn set_modified(tree: &Tree, index: Index, to: &mut Attributes, seconds: i64) -> Result<()> {
    let record = tree.record(index).ok_or_else(|| Error::not_found("node"))?;
    if record.kind != NodeKind::File {
        return Err(Error::new(
            ErrorKind::Unsupported,
            "MEGA keeps no modification time for folders",
        ));
    }
    let known = to
        .fingerprint()
        .and_then(|text| Fingerprint::from_attribute(&text, record.size).ok())
        .ok_or_else(|| {
            Error::new(
                ErrorKind::Unsupported,
                "the file has no readable fingerprint, which is where its time is kept",
            )
        })?;
    if known.mtime() != seconds {
        let new = Fingerprint::new(known.crc(), record.size, seconds);
        to.set_fingerprint(&new.to_attribute());
    }
    Ok(())
}

fn refused(error: mega_crypto::Error) -> Error {
    Error::misuse(error.to_string()).caused_by(error)
}

impl Client {
    async fn edit_one(&self, target: &Target, changes: &Changes) -> Result<Node> {
        self.account()?;
        let node: NodeHandle = self.handle_of(target, Want::Any)?;
        self.change_attributes(node, |tree, index, to| changes.apply(tree, index, to))
            .await?;
        self.node_of(node)
    }
}

impl IntoFuture for Edit {
    type Output = Result<Node>;
    type IntoFuture = BoxFuture<Result<Node>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            self.client
                .edit_one(&self.target, &self.changes)
                .await
                .map_err(|error| error.during("edit").about(self.target.to_string()))
        })
    }
}

impl IntoFuture for EditAll {
    type Output = Bulk<Node>;
    type IntoFuture = BoxFuture<Bulk<Node>>;

    fn into_future(self) -> Self::IntoFuture {
        self.call().into_future()
    }
}

/// What is noted about a node, as it was when the node was asked for.
impl Node {
    /// Whether it is marked as a favourite.
    #[must_use]
    pub fn is_favourite(&self) -> bool {
        self.noted().favourite()
    }

    /// Whether it is marked as sensitive itself; a folder's mark covers what is below it, see the folders above.
    #[must_use]
    pub fn is_sensitive(&self) -> bool {
        self.noted().sensitive()
    }

    /// Its colour label.
    #[must_use]
    pub fn label(&self) -> Option<Label> {
        self.noted().label()
    }

    /// Its description.
    #[must_use]
    pub fn description(&self) -> Option<String> {
        self.noted().description().map(std::borrow::Cow::into_owned)
    }

    /// Its tags.
    #[must_use]
    pub fn tags(&self) -> Vec<String> {
        self.noted().tags()
    }

    /// The text of an application's own attribute.
    #[must_use]
    pub fn application(&self, name: &str) -> Option<String> {
        self.noted()
            .application(name)
            .map(std::borrow::Cow::into_owned)
    }

    /// For a node in the rubbish bin: the folder that it came from, if that was noted.
    #[must_use]
    pub fn restores_to(&self) -> Option<NodeHandle> {
        self.noted()
            .restore_to()
            .map(|folder| NodeHandle::from_bytes(folder.to_bytes()))
    }

    fn noted(&self) -> Attributes {
        Attributes::parse(self.attribute_text()).unwrap_or_default()
    }
}

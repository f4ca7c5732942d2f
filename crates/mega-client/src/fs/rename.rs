//! Another name for a node.

use std::future::IntoFuture;

use super::conflict::OnConflict;
use super::relocate::Relocation;
use crate::Client;
use crate::builder::BoxFuture;
use crate::error::Result;
use crate::node::Node;
use crate::target::{Target, Want};

impl Client {
    /// Gives a node another name; await it for the renamed node.
    ///
    /// The name is in the shown form, as listings give it. Any text but an empty one is a name: characters that no path can hold, such as
    /// `/`, are encoded. Content, handle and all other attributes stay as they are, byte for byte.
    ///
    /// # Errors
    ///
    /// [`NotFound`](crate::ErrorKind::NotFound); [`AlreadyExists`](crate::ErrorKind::AlreadyExists) when the folder has another node of that
    /// name and [`Rename::on_conflict`] allows nothing else; [`InvalidName`](crate::ErrorKind::InvalidName) for an empty or endless name;
    /// [`AccessDenied`](crate::ErrorKind::AccessDenied) for roots and in read-only shares; [`Key`](crate::ErrorKind::Key) for a node that cannot be read.
    ///
    /// Cancel safety: once sent, the change takes effect; it is seen after the next refresh.
    ///
    /// ```
    /// # async fn doc() -> Result<(), Box<dyn std::error::Error>> {
    /// # let server = mega_testserver::TestServer::start().await?;
    /// # server.account("me@example.com", "secret").create();
    /// # let login = mega_client::Credentials::new("me@example.com", "secret");
    /// # let mega = mega_client::Client::builder().origin(server.url()).login(login).await?;
    /// mega.write("/notes/today.txt", "buy milk").await?;
    /// let node = mega.rename("/notes/today.txt", "yesterday.txt").await?;
    /// assert_eq!(mega.path_of(&node).as_deref(), Some("/notes/yesterday.txt"));
    /// # Ok(()) }
    /// # tokio::runtime::Runtime::new().unwrap().block_on(doc()).unwrap();
    /// ```
    pub fn rename(&self, target: impl Into<Target>, new_name: impl Into<String>) -> Rename {
        Rename {
            client: self.clone(),
            target: target.into(),
            name: new_name.into(),
            rule: OnConflict::Fail,
        }
    }
}

/// A renaming; await it.
#[must_use = "nothing happens until it is awaited"]
#[derive(Debug)]
pub struct Rename {
    client: Client,
    target: Target,
    name: String,
    rule: OnConflict,
}

impl Rename {
    /// What to do when the folder has a node of that name already.
    pub fn on_conflict(mut self, rule: OnConflict) -> Self {
        self.rule = rule;
        self
    }

    async fn run(&self) -> Result<Node> {
        let node = self.client.handle_of(&self.target, Want::Any)?;
        let wanted = Relocation {
            node,
            folder: None,
            name: Some(self.name.clone()),
            rule: self.rule,
        };
        self.client.relocate(&wanted).await
    }
}

impl IntoFuture for Rename {
    type Output = Result<Node>;
    type IntoFuture = BoxFuture<Result<Node>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            self.run()
                .await
                .map_err(|error| error.during("rename").about(self.target.to_string()))
        })
    }
}

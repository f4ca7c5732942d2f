//! A server with one account, and clients signed in to it.

use mega_client::{Client, ClientBuilder, Credentials};
use mega_testserver::TestServer;

pub(crate) const EMAIL: &str = "me@example.com";
pub(crate) const PASSWORD: &str = "correct horse battery staple";

pub(crate) struct Place {
    pub(crate) server: TestServer,
}

impl Place {
    pub(crate) async fn new() -> Self {
        let server = TestServer::start().await.unwrap();
        server.account(EMAIL, PASSWORD).create();
        Self { server }
    }

    pub(crate) fn builder(&self) -> ClientBuilder {
        Client::builder()
            .origin(self.server.url())
            .verdict_delay(std::time::Duration::ZERO)
    }

    pub(crate) async fn sign_in(&self) -> Client {
        self.builder()
            .login(Credentials::new(EMAIL, PASSWORD))
            .await
            .unwrap()
    }

    /// How many requests were answered. (A poll that nobody waits for any more may be noted at any time after it was given up.)
    pub(crate) fn answered(&self) -> usize {
        let journal = self.server.journal();
        journal.iter().filter(|entry| entry.status != 0).count()
    }
}

/// The names that a listing shows, sorted.
pub(crate) async fn names(mega: &Client, path: &str) -> Vec<String> {
    let nodes = mega.list(path).sorted().await.unwrap();
    nodes.iter().map(|node| node.name().to_owned()).collect()
}

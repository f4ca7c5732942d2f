//! A server, a client that changes things, and fresh ones that check them.

use mega_client::{Client, Credentials, ErrorKind, Node, NodeHandle};
use mega_testserver::{Account, Entry, Model, TestServer};

use crate::place::{EMAIL, PASSWORD, Place};

pub(crate) struct World {
    pub(crate) place: Place,
    pub(crate) account: Account,
    pub(crate) mega: Client,
}

impl World {
    pub(crate) async fn new() -> Self {
        let server = TestServer::start().await.unwrap();
        let account = server.account(EMAIL, PASSWORD).create();
        Self::with(server, account).await
    }

    /// An old account, which keeps its share keys with the service.
    pub(crate) async fn without_account_keys() -> Self {
        let server = TestServer::start().await.unwrap();
        let account = server.account(EMAIL, PASSWORD).bare().create();
        Self::with(server, account).await
    }

    async fn with(server: TestServer, account: Account) -> Self {
        let place = Place { server };
        let mega = place.sign_in().await;
        Self {
            place,
            account,
            mega,
        }
    }

    pub(crate) fn server(&self) -> &TestServer {
        &self.place.server
    }

    pub(crate) fn model<R>(&self, look: impl FnOnce(&mut Model) -> R) -> R {
        self.server().with_model(look)
    }

    /// Puts a file there as another client of the account would, and lets ours see it.
    pub(crate) async fn file(&self, path: &str, content: &str) -> Node {
        let made =
            self.model(|model| model.make_file(EMAIL, path, content.as_bytes(), 1_700_000_000));
        self.mega.refresh().await.unwrap();
        self.mega.stat(handle(made.unwrap())).await.unwrap()
    }

    pub(crate) async fn folder(&self, path: &str) -> Node {
        let made = self.model(|model| model.make_folder(EMAIL, path));
        self.mega.refresh().await.unwrap();
        self.mega.stat(handle(made.unwrap())).await.unwrap()
    }

    /// The content of a file, decrypted by the server's own code with the key that the node has now.
    pub(crate) fn content(&self, node: NodeHandle) -> String {
        let content = self
            .model(|model| model.read_file(wire(node)))
            .expect("content and key agree");
        String::from_utf8(content).unwrap()
    }

    /// The attributes of a node, decrypted by the server's own code.
    pub(crate) fn attributes(&self, node: NodeHandle) -> String {
        self.model(|model| model.attributes_of(wire(node)))
            .expect("attributes and key agree")
    }

    /// All paths below the root, in our client and in one that has just signed in.
    pub(crate) async fn paths(&self) -> Vec<String> {
        let fresh = self.place.sign_in().await;
        let (ours, theirs) = (paths_of(&self.mega).await, paths_of(&fresh).await);
        assert_eq!(ours, theirs, "both clients see the same");
        ours
    }

    /// The node at a path, the same in our client and in one that has just signed in.
    pub(crate) async fn there(&self, path: &str) -> Option<Node> {
        let fresh = self.place.sign_in().await;
        let found = |result: Result<Node, mega_client::Error>| match result {
            Ok(node) => Some(node),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => panic!("{error}"),
        };
        let ours = found(self.mega.stat(path).await);
        let theirs = found(fresh.stat(path).await);
        assert_eq!(
            ours.as_ref().map(Node::handle),
            theirs.as_ref().map(Node::handle),
            "both clients see the same at {path}"
        );
        ours
    }

    /// The command batches that were sent while something was done.
    pub(crate) async fn batches<T>(
        &self,
        work: impl IntoFuture<Output = T>,
    ) -> (T, Vec<Vec<String>>) {
        let before = self.server().journal().len();
        let result = work.await;
        let batches = self.server().journal().split_off(before);
        let commands = |entry: Entry| Some(entry.commands).filter(|commands| !commands.is_empty());
        (result, batches.into_iter().filter_map(commands).collect())
    }

    /// Signs another person in, on the same server.
    pub(crate) async fn person(&self, email: &str) -> Client {
        self.server().account(email, PASSWORD).create();
        let login = Credentials::new(email, PASSWORD);
        self.place.builder().login(login).await.unwrap()
    }
}

async fn paths_of(mega: &Client) -> Vec<String> {
    let nodes = mega.list("/").recursive().sorted().await.unwrap();
    nodes
        .iter()
        .map(|node| mega.path_of(node).unwrap())
        .collect()
}

/// The server's handle as the client writes it.
pub(crate) fn handle(node: mega_testserver::wire::NodeHandle) -> NodeHandle {
    node.to_string().parse().unwrap()
}

/// The client's handle as the server writes it.
pub(crate) fn wire(node: NodeHandle) -> mega_testserver::wire::NodeHandle {
    mega_testserver::wire::NodeHandle::parse(&node.to_string()).unwrap()
}

/// Gives a node these attributes, as some other client would.
pub(crate) fn write_attributes(world: &World, node: NodeHandle, json: &str) {
    use mega_testserver::account::content::seal_attributes;
    world.model(|model| {
        let key = model.node_key(wire(node)).unwrap();
        let key: Vec<u8> = match key.split_at_checked(16) {
            Some((left, right)) if !right.is_empty() => left
                .iter()
                .zip(right)
                .map(|(left, right)| left ^ right)
                .collect(),
            _ => key,
        };
        let sealed = seal_attributes(&key.try_into().unwrap(), json);
        model.tamper_attributes(wire(node), &sealed);
        let packet = format!(r#"{{"a":"u","n":"{node}","at":"{sealed}","ts":1700000000}}"#);
        model.push_raw_packet(EMAIL, &packet);
    });
}

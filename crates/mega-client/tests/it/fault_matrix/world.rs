//! The account that every cell begins with, and looking at what became of it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mega_client::{Client, ClientBuilder, Credentials, Error, NodeHandle, SavedSession};
use mega_testserver::model::Kind;
use mega_testserver::{Clock, Model, Service, TestServer};

use super::operation::Operation;
use super::wire::Wire;
use crate::fs_world::{handle, wire as on_wire};
use crate::memory::ORIGIN;
use crate::place::{EMAIL, PASSWORD};
use crate::transfer_content::content;

/// Two chunks, so that a transfer has a middle.
pub(crate) const SIZE: usize = 140_000;

pub(crate) struct World {
    pub(crate) service: Arc<Service>,
    pub(crate) wire: Arc<Wire>,
    /// The client at work; the operation may put another into its place.
    pub(crate) mega: Client,
    pub(crate) saved: SavedSession,
    local: tempfile::TempDir,
    /// What an operation that opens a client or reads into memory brought home.
    pub(crate) opened: Arc<Mutex<Option<Client>>>,
    pub(crate) bytes: Arc<Mutex<Option<Vec<u8>>>>,
    /// `/file`, which is found by its handle whatever becomes of its name, and `/kept`.
    pub(crate) file: NodeHandle,
    pub(crate) kept: NodeHandle,
    /// The service lists what no honest one does, and that is not looked at.
    pub(crate) hostile: bool,
    /// The caller announces another length than the content has.
    pub(crate) lying: Mutex<bool>,
    /// The saved session was changed by somebody.
    pub(crate) tampered: Mutex<bool>,
    /// Clients keep the tree in a folder.
    cached: bool,
    /// The caller has no place to save the session in.
    pub(crate) full: Mutex<bool>,
}

impl World {
    pub(crate) async fn new(prepare: Option<fn(&mut Model)>) -> Self {
        let service = TestServer::builder()
            .clock(Clock::starting_at(1_700_000_000))
            .in_memory();
        service.set_origin(ORIGIN, ORIGIN);
        // Keys and derivations of the newer kind cost time and change nothing about what is shown here.
        drop(
            service
                .account(EMAIL, PASSWORD)
                .v1()
                .without_keys()
                .create(),
        );
        let [file, kept] = service.with_model(|model| {
            for folder in ["/dir", "/mover/inner", "/victim/inner"] {
                model.make_folder(EMAIL, folder);
            }
            for (path, size) in [("/file", SIZE), ("/old", 1000), ("/kept", 1000)] {
                model.make_file(EMAIL, path, &content(size), 1_600_000_000);
            }
            let handles = ["/file", "/kept"].map(|path| handle(model.find(EMAIL, path).unwrap()));
            if let Some(prepare) = prepare {
                prepare(model);
            }
            handles
        });
        let local = tempfile::tempdir().unwrap();
        for (path, size) in [
            ("source", SIZE),
            ("tree/a", 1000),
            ("tree/b", SIZE),
            ("tree/inner/c", 10),
        ] {
            let path = local.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content(size)).unwrap();
        }
        std::fs::create_dir(local.path().join("out")).unwrap();
        let wire = Wire::new(Arc::clone(&service));
        let mega = sign_in(&wire).await.unwrap();
        let saved = mega.save().unwrap();
        Self {
            service,
            wire,
            mega,
            saved,
            local,
            opened: Arc::default(),
            bytes: Arc::default(),
            file,
            kept,
            hostile: prepare.is_some(),
            lying: Mutex::default(),
            tampered: Mutex::default(),
            cached: false,
            full: Mutex::default(),
        }
    }

    /// For the clients that come: with a folder to keep the tree in, if this world has one.
    pub(crate) fn builder(&self) -> ClientBuilder {
        let builder = builder(&self.wire);
        if self.cached {
            builder.cache_dir(self.local("cache"))
        } else {
            builder
        }
    }

    /// Has a client keep the tree and end, and the next one begin with it. What was kept is changed before that, or after. An operation that opens a
    /// client is itself the next one.
    pub(crate) async fn begin_with_kept(
        &mut self,
        operation: Operation,
        change: fn(&Path),
        open: bool,
    ) -> Result<(), String> {
        self.cached = true;
        let resume = || async {
            let resumed = self.builder().resume(&self.saved).await;
            resumed.map_err(|error| format!("cannot be opened with a cache: {error:?}"))
        };
        resume().await?.close().await;
        let folder = self.local("cache");
        if operation.opens() {
            change(&folder);
            return Ok(());
        }
        if !open {
            change(&folder);
        }
        let next = resume().await?;
        if open {
            change(&folder);
        }
        self.mega = next;
        Ok(())
    }

    pub(crate) fn model<T>(&self, look: impl FnOnce(&mut Model) -> T) -> T {
        self.service.with_model(look)
    }

    /// A local path.
    pub(crate) fn local(&self, name: &str) -> PathBuf {
        self.local.path().join(name)
    }

    /// What a download has left in its folder.
    pub(crate) fn out(&self) -> Vec<String> {
        let folder = self.local("out");
        if folder.exists() {
            crate::transfer_world::entries(&folder)
        } else {
            Vec::new()
        }
    }

    /// Brings everything under way to its end and the tree up to date. A session that was killed is replaced.
    pub(crate) async fn recover(&mut self, session_is_dead: bool) {
        if session_is_dead {
            self.mega = sign_in(&self.wire).await.unwrap();
            return;
        }
        for _ in 0..100 {
            // It travels on the ordered channel, behind everything that was sent before.
            if self.mega.sessions().await.is_ok() && self.mega.refresh().await.is_ok() {
                return;
            }
            tokio::time::sleep(Duration::from_secs(10)).await;
        }
        panic!("the client does not recover, with nothing in its way");
    }
}

pub(crate) fn builder(wire: &Arc<Wire>) -> ClientBuilder {
    Client::builder()
        .origin(ORIGIN)
        .transport(Arc::clone(wire) as Arc<dyn mega_client::Transport>)
        .allow_legacy_v1(true)
        .verdict_delay(Duration::ZERO)
        .seed(7)
}

pub(crate) async fn sign_in(wire: &Arc<Wire>) -> Result<Client, Error> {
    builder(wire).login(Credentials::new(EMAIL, PASSWORD)).await
}

/// Every node by its path: folders have no size, files that of the newest and each older version.
pub(crate) type Shown = BTreeMap<String, Vec<Option<Vec<u64>>>>;

pub(crate) async fn shown_by_client(world: &World, mega: &Client) -> Shown {
    let mut shown = Shown::new();
    for node in mega.list("/").recursive().await.unwrap() {
        let known = world.model(|model| model.name_of(on_wire(node.handle())).is_some());
        if world.hostile && !(known && node.trouble().is_none()) {
            continue;
        }
        let sizes = if node.is_folder() {
            None
        } else {
            let older = mega.versions(&node).await.unwrap();
            let all = std::iter::once(&node).chain(&older);
            Some(all.map(mega_client::Node::size).collect())
        };
        let path = mega.path_of(&node).unwrap();
        shown.entry(path).or_default().push(sizes);
    }
    sorted(shown)
}

pub(crate) fn shown_by_server(world: &World) -> Shown {
    world.model(|model| {
        let mut shown = Shown::new();
        let mut todo = vec![(String::new(), model.user(EMAIL).unwrap().root)];
        while let Some((above, folder)) = todo.pop() {
            for node in model.tree().children(folder) {
                let Some(name) = model.name_of(node.handle) else {
                    assert!(world.hostile, "{} has no name", node.handle);
                    continue;
                };
                let path = format!("{above}/{name}");
                let sizes = (node.kind == Kind::File).then(|| {
                    let mut sizes = vec![node.size()];
                    let mut at = node.handle;
                    while let Some(older) = model.tree().children(at).next() {
                        sizes.push(older.size());
                        at = older.handle;
                    }
                    sizes
                });
                if sizes.is_none() {
                    todo.push((path.clone(), node.handle));
                }
                shown.entry(path).or_default().push(sizes);
            }
        }
        sorted(shown)
    })
}

fn sorted(mut shown: Shown) -> Shown {
    shown.values_mut().for_each(|same| same.sort());
    shown
}

/// How many files on the service cannot be decrypted, by the service's own reading. What lay there before, the service cannot have changed.
pub(crate) fn torn(model: &Model, before: &[NodeHandle]) -> usize {
    let before: Vec<_> = before.iter().map(|node| on_wire(*node)).collect();
    let files = model.tree().iter().filter(|node| node.kind == Kind::File);
    let files = files.filter(|node| !before.contains(&node.handle));
    let torn = files.filter(|node| model.read_file(node.handle).is_none());
    torn.count()
}

/// Files in the making that were left somewhere below.
pub(crate) fn leftovers(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            found.extend(leftovers(&entry.path()));
        } else if entry.file_name().to_string_lossy().starts_with(".mega-") {
            found.push(entry.path());
        }
    }
    found
}

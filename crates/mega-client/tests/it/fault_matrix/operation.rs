//! The columns: what a caller does, and how often it has happened.

use std::future::IntoFuture;
use std::pin::Pin;
use std::sync::Arc;

use mega_client::{Credentials, Error, Existing};

use super::world::{SIZE, World, shown_by_client, shown_by_server};
use crate::fs_world::wire as on_wire;
use crate::place::{EMAIL, PASSWORD};
use crate::transfer_content::content;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Login,
    Resume,
    LoadTree,
    Events,
    Mkdir,
    Upload,
    Replace,
    Download,
    Range,
    Move,
    Delete,
    Copy,
    Link,
    Recursive,
}

/// What there is to see of an operation once it has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    None,
    Once,
    /// Some entries of a recursive operation, each once and whole.
    Part,
    /// What must never be.
    Wrong(String),
}

type Work = Pin<Box<dyn Future<Output = Result<(), Error>> + Send>>;

impl Operation {
    pub(crate) const ALL: [Self; 14] = [
        Self::Login,
        Self::Resume,
        Self::LoadTree,
        Self::Events,
        Self::Mkdir,
        Self::Upload,
        Self::Replace,
        Self::Download,
        Self::Range,
        Self::Move,
        Self::Delete,
        Self::Copy,
        Self::Link,
        Self::Recursive,
    ];

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::Resume => "resume",
            Self::LoadTree => "load tree",
            Self::Events => "events",
            Self::Mkdir => "mkdir",
            Self::Upload => "upload",
            Self::Replace => "replace",
            Self::Download => "download",
            Self::Range => "range",
            Self::Move => "move/rename",
            Self::Delete => "delete",
            Self::Copy => "copy",
            Self::Link => "share/link",
            Self::Recursive => "recursive",
        }
    }

    /// Opens a client instead of working with one.
    pub(crate) fn opens(self) -> bool {
        matches!(self, Self::Login | Self::Resume)
    }

    /// Changes the account.
    pub(crate) fn changes(self) -> bool {
        !self.opens()
            && !matches!(
                self,
                Self::LoadTree | Self::Events | Self::Download | Self::Range
            )
    }

    /// Sends content before it changes the account.
    pub(crate) fn uploads(self) -> bool {
        matches!(self, Self::Upload | Self::Replace | Self::Recursive)
    }

    /// Puts the world into the state in which the operation makes sense.
    pub(crate) fn prepare(self, world: &World) {
        world.model(|model| match self {
            Self::LoadTree => {
                // The position of the client is too old to catch up from, so the tree has to be loaded.
                model.make_folder(EMAIL, "/news");
                model.forget_events(EMAIL);
            }
            Self::Events => drop(model.make_folder(EMAIL, "/news")),
            _ => {}
        });
    }

    pub(crate) fn start(self, world: &World) -> Work {
        let mega = world.mega.clone();
        let open = world.builder();
        let opened = Arc::clone(&world.opened);
        let bytes = Arc::clone(&world.bytes);
        let mut saved = world.saved.clone();
        if *world.tampered.lock().unwrap() {
            // Another master key under the same session.
            let mut text = saved.expose_text().to_owned().into_bytes();
            text[5] = if text[5] == b'A' { b'B' } else { b'A' };
            saved = String::from_utf8(text).unwrap().parse().unwrap();
        }
        let (file, lying) = (world.file, *world.lying.lock().unwrap());
        let full = *world.full.lock().unwrap();
        let nowhere = world.local("source").join("session");
        let [source, copy, tree] = ["source", "out/copy", "tree"].map(|name| world.local(name));
        Box::pin(async move {
            if full {
                // It says so, and nothing else suffers from it.
                assert!(saved.write_file(nowhere).await.is_err());
            }
            match self {
                Self::Login => {
                    let mega = open.login(Credentials::new(EMAIL, PASSWORD)).await?;
                    *opened.lock().unwrap() = Some(mega);
                    Ok(())
                }
                Self::Resume => {
                    *opened.lock().unwrap() = Some(open.resume(&saved).await?);
                    Ok(())
                }
                Self::LoadTree | Self::Events => mega.refresh().await,
                Self::Mkdir => mega.create_dir("/made").await.map(drop),
                Self::Upload if lying => {
                    let reader = std::io::Cursor::new(content(SIZE));
                    mega.write_from("/new", reader)
                        .size(SIZE as u64 + 1)
                        .await
                        .map(drop)
                }
                Self::Replace if lying => {
                    let reader = std::io::Cursor::new(content(2000));
                    mega.write_from("/old", reader).size(1999).await.map(drop)
                }
                Self::Upload => mega.upload(&source, "/new").await.map(drop),
                Self::Replace => mega.write("/old", content(2000)).await.map(drop),
                Self::Download => {
                    let download = mega.download(file, &copy);
                    download.on_existing(Existing::Fail).await.map(drop)
                }
                Self::Range => {
                    let read = mega.read(file).range(1000..130_000).into_future().await?;
                    *bytes.lock().unwrap() = Some(read.into_bytes().to_vec());
                    Ok(())
                }
                Self::Move => {
                    let moved = mega.move_to("/mover", "/dir").rename("moved");
                    moved.await.map(drop)
                }
                Self::Delete => mega.delete("/victim").await,
                Self::Copy => mega.copy(file, "/dir").await?.into_result().map(drop),
                Self::Link => mega.link(file).await.map(drop),
                Self::Recursive => {
                    let report = mega.upload_folder(&tree, "/tree").await?;
                    report.into_result().map(drop)
                }
            }
        })
    }

    /// How often it has happened, by the service's own reading; the client has caught up.
    pub(crate) async fn effect(self, world: &World) -> Effect {
        let at = |path: &str| world.model(|model| model.find(EMAIL, path));
        let read = |path: &str| {
            let node = at(path)?;
            world.model(|model| model.read_file(node))
        };
        let siblings = |folder: &str, name: &str| {
            let names = world.model(|model| {
                let folder = model.find(EMAIL, folder);
                folder.map_or_else(Vec::new, |folder| model.names_in(folder))
            });
            names.iter().filter(|other| *other == name).count()
        };
        let once = |folder: &str, name: &str, right: bool| match (siblings(folder, name), right) {
            (0, _) => Effect::None,
            (1, true) => Effect::Once,
            (count, right) => {
                Effect::Wrong(format!("{name}: {count} times, content right: {right}"))
            }
        };
        match self {
            Self::Login | Self::Resume => {
                let opened = world.opened.lock().unwrap().clone();
                match opened {
                    None => Effect::None,
                    Some(mega) => sees_everything(world, &mega).await,
                }
            }
            // That the tree is right is asked of every cell.
            Self::LoadTree | Self::Events => {
                if world.mega.exists("/news").await.unwrap_or(false) {
                    Effect::Once
                } else {
                    Effect::None
                }
            }
            Self::Mkdir => once("/", "made", true),
            Self::Upload => once("/", "new", read("/new") == Some(content(SIZE))),
            Self::Replace => {
                let older = at("/old").map(|node| {
                    world.model(|model| {
                        let older = model.tree().children(node);
                        let older: Vec<_> = older.map(|node| node.handle).collect();
                        older.iter().map(|node| model.read_file(*node)).collect()
                    })
                });
                let older: Vec<Option<Vec<u8>>> = older.unwrap_or_default();
                let now = read("/old");
                if siblings("/", "old") == 1 && now == Some(content(1000)) && older.is_empty() {
                    Effect::None
                } else if siblings("/", "old") == 1
                    && now == Some(content(2000))
                    && older == [Some(content(1000))]
                {
                    Effect::Once
                } else {
                    Effect::Wrong(format!("neither old nor new: {} versions", older.len()))
                }
            }
            Self::Download => match std::fs::read(world.local("out/copy")) {
                Ok(bytes) if bytes == content(SIZE) => Effect::Once,
                Ok(bytes) => Effect::Wrong(format!("{} bytes of something else", bytes.len())),
                Err(_) => Effect::None,
            },
            Self::Range => {
                let bytes = world.bytes.lock().unwrap().clone();
                match bytes {
                    None => Effect::None,
                    Some(bytes) if bytes == content(SIZE)[1000..130_000] => Effect::Once,
                    Some(_) => Effect::Wrong("another content".to_owned()),
                }
            }
            Self::Move => match (
                at("/mover"),
                at("/dir/moved"),
                at("/dir/mover"),
                at("/moved"),
            ) {
                (Some(_), None, None, None) => Effect::None,
                (None, Some(_), None, None) => Effect::Once,
                // Two commands: half-way is a state that both ends agree on.
                (None, None, Some(_), None) | (None, None, None, Some(_)) => Effect::Part,
                places => Effect::Wrong(format!("{places:?}")),
            },
            Self::Delete => match (at("/victim"), at("/victim/inner")) {
                (Some(_), Some(_)) => Effect::None,
                (None, None) => Effect::Once,
                places => Effect::Wrong(format!("{places:?}")),
            },
            Self::Copy => once("/dir", "file", read("/dir/file") == Some(content(SIZE))),
            Self::Link => {
                let file = on_wire(world.file);
                let node = world.model(|model| model.tree().get(file).cloned());
                match node {
                    Some(node) if node.link.is_some() => Effect::Once,
                    _ => Effect::None,
                }
            }
            Self::Recursive => {
                let parts = [
                    once("/tree", "a", read("/tree/a") == Some(content(1000))),
                    once("/tree", "b", read("/tree/b") == Some(content(SIZE))),
                    once(
                        "/tree/inner",
                        "c",
                        read("/tree/inner/c") == Some(content(10)),
                    ),
                    once("/", "tree", true),
                    once("/tree", "inner", true),
                ];
                if let Some(wrong) = parts.iter().find(|part| matches!(part, Effect::Wrong(_))) {
                    wrong.clone()
                } else if parts.iter().all(|part| *part == Effect::Once) {
                    Effect::Once
                } else if parts.iter().all(|part| *part == Effect::None) {
                    Effect::None
                } else {
                    Effect::Part
                }
            }
        }
    }
}

async fn sees_everything(world: &World, mega: &mega_client::Client) -> Effect {
    let (client, server) = (shown_by_client(world, mega).await, shown_by_server(world));
    if client == server {
        Effect::Once
    } else {
        Effect::Wrong(format!("shows {client:?} for {server:?}"))
    }
}

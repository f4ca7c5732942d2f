//! The scenario with the crate `mega`. Arguments: URL, e-mail, password, own folder, mode.

use futures::io::Cursor;
use interop_crates::{content, none, readable, same, size_of, sizes, step, Error, CHANGED, NAME};
use mega::{Client, LastModified, Node, Nodes};

async fn read(mega: &Client, node: &Node) -> Result<Vec<u8>, Error> {
    let mut out = Cursor::new(Vec::new());
    mega.download_node(node, &mut out).await?;
    Ok(out.into_inner())
}

fn child<'a>(nodes: &'a Nodes, parent: &Node, name: &str) -> Result<&'a Node, Error> {
    nodes
        .iter()
        .find(|n| n.parent() == Some(parent.handle()) && n.name() == name)
        .ok_or_else(|| format!("{name} is not there").into())
}

fn changed(size: usize) -> LastModified {
    match chrono::DateTime::from_timestamp(CHANGED, 0).filter(|_| size == 131_072) {
        Some(time) => LastModified::Set(time),
        None => LastModified::Now,
    }
}

fn root(nodes: &Nodes) -> Result<&Node, Error> {
    nodes.cloud_drive().ok_or_else(|| "no root".into())
}

#[tokio::main]
async fn main() {
    let args: Vec<String> = std::env::args().collect();
    let (url, email, password, own) = (&args[1], &args[2], &args[3], args[4].as_str());
    let client = || {
        Client::builder()
            .origin(url::Url::parse(url).expect("a URL"))
            .build(reqwest::Client::new())
            .expect("a client")
    };
    let mut mega = client();
    step("sign in", async { Ok(mega.login(email, password, None).await?) }).await;
    if args.get(5).is_some_and(|m| m == "read") {
        let Some(nodes) = step("list", async { Ok(mega.fetch_own_nodes().await?) }).await else {
            return;
        };
        let top = root(&nodes).map(|r| r.handle().to_owned()).unwrap_or_default();
        let folders = nodes.iter().filter(|n| n.parent() == Some(top.as_str()));
        for folder in folders.filter(|n| n.name().starts_with("from ") && n.name() != own) {
            step(&format!("reads {}", folder.name()), async {
                child(&nodes, folder, NAME)?;
                for file in nodes.iter().filter(|n| n.parent() == Some(folder.handle())) {
                    let Some(size) = size_of(file.name()) else { continue };
                    let time = file.modified_at().map(|time| time.timestamp());
                    if size == 131_072 && folder.name() == "from mega-client" && time != Some(CHANGED) {
                        return Err(format!("{}/{}: changed at {time:?}", folder.name(), file.name()).into());
                    }
                    if file.size() != size as u64 {
                        return Err(format!("{}/{}: {}", folder.name(), file.name(), file.size()).into());
                    }
                    if readable(folder.name(), size) {
                        same(&read(&mega, file).await?, size, &format!("{}/{}", folder.name(), file.name()))?;
                    }
                }
                Ok(())
            })
            .await;
        }
    } else {
        step("list", async { root(&mega.fetch_own_nodes().await?).map(|_| ()) }).await;
        step("make folders", async {
            let nodes = mega.fetch_own_nodes().await?;
            mega.create_folder(root(&nodes)?, own).await?;
            let nodes = mega.fetch_own_nodes().await?;
            let folder = child(&nodes, root(&nodes)?, own)?;
            mega.create_folder(folder, "sub").await?;
            Ok(())
        })
        .await;
        for size in sizes() {
            // Its checksum reads sixteen bytes of every file, also of a shorter one, and then fails.
            if size < 16 {
                none(&format!("upload {size}"));
                continue;
            }
            step(&format!("upload {size}"), async {
                let nodes = mega.fetch_own_nodes().await?;
                let folder = child(&nodes, root(&nodes)?, own)?;
                let data = Cursor::new(content(size));
                mega.upload_node(folder, &format!("f{size}"), size as u64, data, changed(size)).await?;
                Ok(())
            })
            .await;
        }
        step("upload a hard name", async {
            let nodes = mega.fetch_own_nodes().await?;
            let folder = child(&nodes, root(&nodes)?, own)?;
            Ok(mega.upload_node(folder, NAME, 20, Cursor::new(content(20)), LastModified::Now).await?)
        })
        .await;
        step("download and compare", async {
            let nodes = mega.fetch_own_nodes().await?;
            let folder = child(&nodes, root(&nodes)?, own)?;
            for size in sizes().into_iter().filter(|s| *s >= 16) {
                same(&read(&mega, child(&nodes, folder, &format!("f{size}"))?).await?, size, "download")?;
            }
            Ok(())
        })
        .await;
        step("rename", async {
            let nodes = mega.fetch_own_nodes().await?;
            let folder = child(&nodes, root(&nodes)?, own)?;
            mega.upload_node(folder, "old name", 20, Cursor::new(content(20)), LastModified::Now).await?;
            let mut nodes = mega.fetch_own_nodes().await?;
            let folder = child(&nodes, root(&nodes)?, own)?;
            mega.rename_node(child(&nodes, folder, "old name")?, "new name ü").await?;
            // The change comes through the events.
            let events = mega.wait_events(&nodes).await?;
            nodes.apply_events(events)?;
            let folder = child(&nodes, root(&nodes)?, own)?;
            child(&nodes, folder, "new name ü").map(|_| ())
        })
        .await;
        step("move", async {
            let nodes = mega.fetch_own_nodes().await?;
            let folder = child(&nodes, root(&nodes)?, own)?;
            let sub = child(&nodes, folder, "sub")?;
            mega.move_node(child(&nodes, folder, "new name ü")?, sub).await?;
            let nodes = mega.fetch_own_nodes().await?;
            let folder = child(&nodes, root(&nodes)?, own)?;
            child(&nodes, child(&nodes, folder, "sub")?, "new name ü").map(|_| ())
        })
        .await;
        for name in ["copy", "file link, opened anonymously", "folder link, opened anonymously"] {
            none(name);
        }
        step("delete", async {
            let nodes = mega.fetch_own_nodes().await?;
            let folder = child(&nodes, root(&nodes)?, own)?;
            mega.delete_node(child(&nodes, folder, "sub")?).await?;
            let nodes = mega.fetch_own_nodes().await?;
            let folder = child(&nodes, root(&nodes)?, own)?;
            match child(&nodes, folder, "sub") {
                Ok(_) => Err("still there".into()),
                Err(_) => Ok(()),
            }
        })
        .await;
        none("empty the bin");
        step("quota", async {
            let quota = mega.get_storage_quotas().await?;
            if quota.memory_used == 0 { Err("nothing used".into()) } else { Ok(()) }
        })
        .await;
        step("sessions and user", async {
            mega.get_current_user_info().await?;
            if mega.list_sessions().await?.is_empty() { Err("no session".into()) } else { Ok(()) }
        })
        .await;
        step("resume", async {
            let saved = mega.serialize_session().await?;
            let mut again = client();
            again.resume_session(&saved).await?;
            root(&again.fetch_own_nodes().await?).map(|_| ())
        })
        .await;
    }
    step("sign out", async { Ok(mega.logout().await?) }).await;
}

//! The scenario with the crate `megalib`. Its address is compiled in, so it goes through the redirector.

use std::time::Duration;

use interop_crates::{content, none, readable, same, size_of, sizes, step, Error, NAME};
use megalib::{Node, NodeType, SessionHandle};

async fn root(mega: &SessionHandle) -> Result<Node, Error> {
    mega.fetch_nodes().await?;
    let roots = mega.root_nodes().await?;
    roots.into_iter().find(|n| n.node_type == NodeType::Root).ok_or_else(|| "no root".into())
}

async fn child(mega: &SessionHandle, parent: &Node, name: &str) -> Result<Node, Error> {
    mega.child_node_by_name(parent, name).await?.ok_or_else(|| format!("{name} is not there").into())
}

async fn own_folder(mega: &SessionHandle, own: &str) -> Result<Node, Error> {
    let root = root(mega).await?;
    child(mega, &root, own).await
}

/// After a change this client waits for its packet and then says that the packet is pending, although it is there; what
/// counts is the tree.
fn sent<T>(result: Result<T, megalib::MegaError>) -> Result<(), Error> {
    match result {
        Ok(_) => Ok(()),
        Err(error) if error.to_string().contains("action packets") => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Uploads, and finds the file in the tree.
async fn upload(mega: &SessionHandle, own: &str, name: &str, size: usize) -> Result<Node, Error> {
    let folder = own_folder(mega, own).await?;
    sent(mega.upload_bytes_to_node(&content(size), name, &folder).await)?;
    let folder = own_folder(mega, own).await?;
    child(mega, &folder, name).await
}

async fn read(mega: &SessionHandle, node: &Node) -> Result<Vec<u8>, Error> {
    let path = std::env::temp_dir().join(format!("interop-{}-{}", std::process::id(), node.handle));
    mega.download_to_file(node, &path).await?;
    let data = std::fs::read(&path)?;
    let _ = std::fs::remove_file(&path);
    Ok(data)
}

/// What is behind a public link, opened by a client that is not signed in: megajs. For the link of a folder `name` is a file in it.
fn opened(url: &str, link: &str, name: Option<&str>) -> Result<Vec<u8>, Error> {
    let script = std::env::var("OPEN_LINK")?;
    let done = std::process::Command::new("node").arg(script).args([url, link]).args(name).output()?;
    if done.status.success() { Ok(done.stdout) } else { Err(String::from_utf8_lossy(&done.stderr).into()) }
}

#[tokio::main]
async fn main() {
    let args: Vec<String> = std::env::args().collect();
    let (url, email, password, own) = (&args[1], &args[2], &args[3], args[4].as_str());
    let proxy = std::env::var("REDIRECTOR").expect("REDIRECTOR");
    let Some(mega) = step("sign in", async { Ok(SessionHandle::login_with_proxy(email, password, &proxy).await?) }).await
    else {
        return;
    };
    if args.get(5).is_some_and(|m| m == "read") {
        let folders = step("list", async {
            let root = root(&mega).await?;
            Ok(mega.children_by_handle(&root.handle).await?)
        })
        .await;
        for folder in folders.unwrap_or_default() {
            if !folder.name.starts_with("from ") || folder.name == own {
                continue;
            }
            step(&format!("reads {}", folder.name), async {
                child(&mega, &folder, NAME).await?;
                for file in mega.children_by_handle(&folder.handle).await? {
                    let Some(size) = size_of(&file.name) else { continue };
                    if readable(&folder.name, size) {
                        same(&read(&mega, &file).await?, size, &format!("{}/{}", folder.name, file.name))?;
                    }
                }
                Ok(())
            })
            .await;
        }
        none("sign out");
        return;
    }
    step("list", async { root(&mega).await.map(|_| ()) }).await;
    step("make folders", async {
        let root = root(&mega).await?;
        sent(mega.create_folder_in(own, &root).await)?;
        let folder = own_folder(&mega, own).await?;
        sent(mega.create_folder_in("sub", &folder).await)?;
        let folder = own_folder(&mega, own).await?;
        child(&mega, &folder, "sub").await.map(|_| ())
    })
    .await;
    for size in sizes() {
        // It sends nothing of an empty file, and so gets no token for it.
        if size == 0 {
            none(&format!("upload {size}"));
            continue;
        }
        step(&format!("upload {size}"), upload(&mega, own, &format!("f{size}"), size)).await;
    }
    step("upload a hard name", upload(&mega, own, NAME, 20)).await;
    step("download and compare", async {
        let folder = own_folder(&mega, own).await?;
        for size in sizes().into_iter().filter(|s| *s > 0) {
            same(&read(&mega, &child(&mega, &folder, &format!("f{size}")).await?).await?, size, "download")?;
        }
        Ok(())
    })
    .await;
    step("rename", async {
        let file = upload(&mega, own, "old name", 5).await?;
        mega.rename_node(&file, "new name ü").await?;
        tokio::time::sleep(Duration::from_millis(200)).await;
        let folder = own_folder(&mega, own).await?;
        child(&mega, &folder, "new name ü").await.map(|_| ())
    })
    .await;
    step("move", async {
        let folder = own_folder(&mega, own).await?;
        let file = child(&mega, &folder, "new name ü").await?;
        let sub = child(&mega, &folder, "sub").await?;
        mega.move_node(&file, &sub).await?;
        let folder = own_folder(&mega, own).await?;
        let sub = child(&mega, &folder, "sub").await?;
        child(&mega, &sub, "new name ü").await.map(|_| ())
    })
    .await;
    none("copy");
    // Its functions for public links take no proxy, so what it makes is opened by another client, megajs.
    step("file link, opened anonymously", async {
        let folder = own_folder(&mega, own).await?;
        let link = mega.export_node(&child(&mega, &folder, "f3145735").await?).await?;
        same(&opened(url, &link, None)?, 3_145_735, "link")
    })
    .await;
    step("folder link, opened anonymously", async {
        let folder = own_folder(&mega, own).await?;
        let link = mega.export_node(&folder).await?;
        same(&opened(url, &link, Some("f3145735"))?, 3_145_735, "file in the folder link")
    })
    .await;
    step("delete", async {
        let folder = own_folder(&mega, own).await?;
        let sub = child(&mega, &folder, "sub").await?;
        mega.remove_node(&sub).await?;
        let folder = own_folder(&mega, own).await?;
        match child(&mega, &folder, "sub").await {
            Ok(_) => Err("still there".into()),
            Err(_) => Ok(()),
        }
    })
    .await;
    none("empty the bin");
    step("quota", async {
        mega.quota().await?;
        Ok(())
    })
    .await;
    none("sign out");
}

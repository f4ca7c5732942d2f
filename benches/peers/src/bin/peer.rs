//! One piece of work with the crate `mega` or `megalib`, for `benches/compare`:
//! `peer CRATE up|down|many-up|many-down|tree URL EMAIL PASSWORD PATH CONNECTIONS`.
//!
//! `mega` has no option for connections; `megalib` has its address compiled in and goes through the proxy named by `REDIRECTOR`. Many files go
//! sixteen at a time, which neither crate does by itself.

use std::fs::File;
use std::path::{Path, PathBuf};

use futures::io::AllowStdIo;
use futures::{StreamExt, TryStreamExt};
use mega::{Client, LastModified, Node, Nodes};
use megalib::{NodeType, SessionHandle};

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

const AT_ONCE: usize = 16;

struct Work {
    what: String,
    url: String,
    email: String,
    password: String,
    path: PathBuf,
    connections: usize,
}

#[tokio::main(flavor = "multi_thread")]
async fn main() -> Outcome {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [name, what, url, email, password, path, connections] = arguments.as_slice() else {
        return Err("peer CRATE WORK URL EMAIL PASSWORD PATH CONNECTIONS".into());
    };
    let work = Work {
        what: what.clone(),
        url: url.clone(),
        email: email.clone(),
        password: password.clone(),
        path: path.into(),
        connections: connections.parse()?,
    };
    match name.as_str() {
        "mega" => with_mega(&work).await,
        "megalib" => with_megalib(&work).await,
        other => Err(format!("{other} is no crate").into()),
    }
}

/// The folders of a local folder with the files in each.
fn folders(path: &Path) -> Outcome<Vec<(String, Vec<PathBuf>)>> {
    let mut found = Vec::new();
    for folder in std::fs::read_dir(path)? {
        let folder = folder?;
        let files = std::fs::read_dir(folder.path())?
            .map(|file| file.map(|file| file.path()))
            .collect::<Result<Vec<_>, _>>()?;
        found.push((folder.file_name().to_string_lossy().into_owned(), files));
    }
    Ok(found)
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn child<'a>(nodes: &'a Nodes, parent: &Node, name: &str) -> Outcome<&'a Node> {
    let found = nodes.iter().find(|n| n.parent() == Some(parent.handle()) && n.name() == name);
    found.ok_or_else(|| format!("{name} is not there").into())
}

async fn upload(mega: &Client, parent: &Node, path: PathBuf) -> Outcome {
    let file = File::open(&path)?;
    let size = file.metadata()?.len();
    mega.upload_node(parent, &name_of(&path), size, AllowStdIo::new(file), LastModified::Now)
        .await?;
    Ok(())
}

async fn download(mega: &Client, node: &Node, path: PathBuf) -> Outcome {
    Ok(mega.download_node(node, AllowStdIo::new(File::create(path)?)).await?)
}

async fn with_mega(work: &Work) -> Outcome {
    let mut http = reqwest::Client::builder();
    if let Ok(authority) = std::env::var("AUTHORITY") {
        http = http.add_root_certificate(reqwest::Certificate::from_pem(&std::fs::read(authority)?)?);
    }
    let mut mega = Client::builder()
        .origin(url::Url::parse(&work.url)?)
        .timeout(None)
        .https(work.url.starts_with("https"))
        .build(http.build()?)?;
    mega.login(&work.email, &work.password, None).await?;
    let mega = &mega;
    let nodes = mega.fetch_own_nodes().await?;
    let root = nodes.cloud_drive().ok_or("no root")?;
    match work.what.as_str() {
        "up" => upload(mega, root, work.path.clone()).await,
        "down" => download(mega, child(&nodes, root, "large")?, work.path.clone()).await,
        "many-up" => {
            let local = folders(&work.path)?;
            mega.create_folder(root, "small").await?;
            let nodes = mega.fetch_own_nodes().await?;
            let top = child(&nodes, root, "small")?;
            for (name, _) in &local {
                mega.create_folder(top, name).await?;
            }
            let nodes = mega.fetch_own_nodes().await?;
            let mut files = Vec::new();
            for (name, paths) in local {
                let folder = child(&nodes, top, &name)?;
                files.extend(paths.into_iter().map(|path| (folder, path)));
            }
            let all = files.into_iter().map(|(folder, path)| upload(mega, folder, path));
            let all = futures::stream::iter(all.collect::<Vec<_>>());
            all.buffer_unordered(AT_ONCE).try_collect::<()>().await
        }
        "many-down" => {
            let top = child(&nodes, root, "small")?;
            let mut files = Vec::new();
            for folder in nodes.iter().filter(|n| n.parent() == Some(top.handle())) {
                let local = work.path.join(folder.name());
                std::fs::create_dir_all(&local)?;
                let inside = nodes.iter().filter(|n| n.parent() == Some(folder.handle()));
                files.extend(inside.map(|n| (n, local.join(n.name()))));
            }
            let all = files.into_iter().map(|(node, path)| download(mega, node, path));
            let all = futures::stream::iter(all.collect::<Vec<_>>());
            all.buffer_unordered(AT_ONCE).try_collect::<()>().await
        }
        "tree" => Ok(()),
        other => Err(format!("{other} is no work").into()),
    }
}

/// After a change this client waits for its packet and then says that the packet is pending, although it is there.
fn sent<T>(result: Result<T, megalib::MegaError>) -> Outcome {
    match result {
        Ok(_) => Ok(()),
        Err(error) if error.to_string().contains("action packets") => Ok(()),
        Err(error) => Err(error.into()),
    }
}

async fn with_megalib(work: &Work) -> Outcome {
    let proxy = std::env::var("REDIRECTOR")?;
    let mega = SessionHandle::login_with_proxy(&work.email, &work.password, &proxy).await?;
    mega.set_workers(work.connections).await?;
    mega.fetch_nodes().await?;
    let roots = mega.root_nodes().await?;
    let root = roots.into_iter().find(|n| n.node_type == NodeType::Root).ok_or("no root")?;
    let child = |parent: megalib::Node, name: String| {
        let mega = &mega;
        async move {
            let found = mega.child_node_by_name(&parent, &name).await?;
            found.ok_or_else(|| Box::<dyn std::error::Error>::from(format!("{name} is not there")))
        }
    };
    let upload = |parent: megalib::Node, path: PathBuf| {
        let mega = &mega;
        async move { sent(mega.upload_to_node(&path.to_string_lossy(), &parent).await) }
    };
    let download = |node: megalib::Node, path: PathBuf| {
        let mega = &mega;
        async move { Outcome::Ok(mega.download_to_file(&node, &path).await?) }
    };
    match work.what.as_str() {
        "up" => upload(root, work.path.clone()).await,
        "down" => download(child(root, "large".to_owned()).await?, work.path.clone()).await,
        "many-up" => {
            let local = folders(&work.path)?;
            sent(mega.create_folder_in("small", &root).await)?;
            mega.fetch_nodes().await?;
            let top = child(root, "small".to_owned()).await?;
            for (name, _) in &local {
                sent(mega.create_folder_in(name, &top).await)?;
            }
            mega.fetch_nodes().await?;
            let mut files = Vec::new();
            for (name, paths) in local {
                let folder = child(top.clone(), name).await?;
                files.extend(paths.into_iter().map(|path| (folder.clone(), path)));
            }
            let all = futures::stream::iter(files).map(|(folder, path)| upload(folder, path));
            all.buffer_unordered(AT_ONCE).try_collect::<()>().await
        }
        "many-down" => {
            let top = child(root, "small".to_owned()).await?;
            let mut files = Vec::new();
            for folder in mega.children_by_handle(&top.handle).await? {
                let local = work.path.join(&folder.name);
                std::fs::create_dir_all(&local)?;
                let inside = mega.children_by_handle(&folder.handle).await?;
                files.extend(inside.into_iter().map(|n| {
                    let path = local.join(&n.name);
                    (n, path)
                }));
            }
            let all = futures::stream::iter(files).map(|(node, path)| download(node, path));
            all.buffer_unordered(AT_ONCE).try_collect::<()>().await
        }
        "tree" => Ok(()),
        other => Err(format!("{other} is no work").into()),
    }
}

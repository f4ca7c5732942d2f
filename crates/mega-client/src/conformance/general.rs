//! Section 11: what holds for all of it.

use std::future::IntoFuture;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;

use super::bench::Disturbance;
use super::content::content;
use super::subject::{Cx, NOBODY, names_in};
use super::{Checked, holds, not_applicable, refused, same, section, some};
use crate::{Client, ErrorKind, OnConflict, TransferLimits};

section! {
    "GN-1" any gn_1 "capabilities are declared; what is not there is Unsupported",
    "GN-2" any gn_2 "errors say kind, operation and subject, and no secret",
    "GN-3" alone gn_3 "what is transient is tried again, what is not is not, and nothing happens twice",
    "GN-4" any gn_4 "every operation can be dropped and repeated",
    "GN-5" any gn_5 "64 tasks of mixed operations keep everything in order",
    "GN-6" any gn_6 "a client that is dropped leaves nothing running",
    "GN-7" alone gn_7 "a saved session shows the same after a restart; with a tree on disk, without fetching it",
    "GN-8" any gn_8 "time and size are the same by list, stat, read and write",
    "GN-9" any gn_9 "a throttled client behaves the same",
}

async fn gn_1(cx: Cx) -> Checked {
    let ours = cx.mega.capabilities();
    holds(
        ours.read && ours.create && ours.change && ours.share && ours.watch && !ours.append,
        "those of an account",
    )?;
    cx.write("folder/file", "x").await?;
    let link = cx.go(cx.mega.link(cx.at("folder"))).await?;
    let visitor = cx.go(cx.bench().builder().open_link(link.url())).await?;
    let theirs = visitor.capabilities();
    holds(
        theirs.read && !theirs.create && !theirs.change && !theirs.share && !theirs.account,
        "those of a link",
    )?;
    let undeclared = [ErrorKind::Unsupported];
    refused(
        cx.go(visitor.write("/new", "x")).await,
        &undeclared,
        "writing",
    )?;
    refused(
        cx.go(visitor.create_dir("/new")).await,
        &undeclared,
        "making a folder",
    )?;
    refused(
        cx.go(visitor.rename("/file", "x")).await,
        &undeclared,
        "renaming",
    )?;
    refused(
        cx.go(visitor.delete("/file")).await,
        &undeclared,
        "deleting",
    )?;
    refused(
        cx.go(visitor.link("/file")).await,
        &undeclared,
        "making a link",
    )?;
    refused(
        cx.go(visitor.quota()).await,
        &undeclared,
        "asking for the quota",
    )?;
    same(cx.go(visitor.read("/file")).await?, "x", "reading")
}

async fn gn_2(cx: Cx) -> Checked {
    cx.write("file", "x").await?;
    cx.mkdir("folder").await?;
    let path = cx.path("missing");
    let read = cx.go(cx.mega.read(path.as_str())).await.err();
    let list = cx.go(cx.mega.list(path.as_str())).await.err();
    let rename = cx.go(cx.mega.rename(path.as_str(), "x")).await.err();
    let delete = cx.go(cx.mega.delete(path.as_str())).await.err();
    for (error, operation) in [
        (read, "read"),
        (list, "list"),
        (rename, "rename"),
        (delete, "delete"),
    ] {
        let error = some(error, "the error")?;
        same(
            (error.kind(), error.operation()),
            (ErrorKind::NotFound, Some(operation)),
            "kind and operation",
        )?;
        same(error.subject(), Some(path.as_str()), "the subject")?;
        holds(
            error.to_string().contains(&path) && !error.remedy().is_empty(),
            "its text",
        )?;
        let io = std::io::Error::from(error);
        same(
            io.kind(),
            std::io::ErrorKind::NotFound,
            "as an error of the standard library",
        )?;
    }
    let error = some(cx.go(cx.mega.read(NOBODY)).await.err(), "the error")?;
    holds(
        error.to_string().contains(&NOBODY.to_string()),
        "the handle is not named",
    )?;
    let link = cx.go(cx.mega.link(cx.at("folder"))).await?;
    cx.go(cx.mega.remove_link(cx.at("folder"))).await?;
    let error = some(
        cx.go(cx.bench().builder().open_link(link.url()))
            .await
            .err(),
        "the error",
    )?;
    let key = link.url().rsplit_once('#').map(|(_, key)| key.to_owned());
    let key = some(key, "the key of the link")?;
    holds(
        !format!("{error} {error:?}").contains(&key),
        "an error shows the key of a link",
    )
}

async fn gn_3(cx: Cx) -> Checked {
    let stage = cx.stage()?;
    cx.write("file", "x").await?;
    if !stage.disturb(Disturbance::LoseReply { command: "p" }) {
        return not_applicable("the bench cannot lose replies");
    }
    let made = cx.mkdir("once").await;
    stage.calm();
    made?;
    same(
        cx.second().await?.find_all(&cx.path("once"))?.len(),
        1,
        "folders after a lost reply",
    )?;
    // Transient: again, and it works. Final: one attempt.
    stage.disturb(Disturbance::Refuse {
        command: "a",
        code: -3,
        times: 1,
    });
    let renamed = cx.go(cx.mega.rename(cx.at("file"), "renamed")).await;
    stage.calm();
    renamed?;
    stage.disturb(Disturbance::Refuse {
        command: "a",
        code: -11,
        times: 1000,
    });
    let denied = cx.go(cx.mega.rename(cx.at("renamed"), "again")).await;
    stage.calm();
    refused(denied, &[ErrorKind::AccessDenied], "a refusal")?;
    // Transient for ever: it ends within the deadline of the client.
    let hasty = cx.bench().builder().deadline(Duration::from_secs(2));
    let hasty = cx.go(hasty.resume(&cx.mega.save()?)).await?;
    let file = cx.stat("renamed").await?.handle();
    stage.disturb(Disturbance::Refuse {
        command: "a",
        code: -3,
        times: 1_000_000,
    });
    let start = std::time::Instant::now();
    let ended = cx.go(hasty.rename(file, "again")).await;
    stage.calm();
    refused(
        ended,
        &[
            ErrorKind::Timeout,
            ErrorKind::Network,
            ErrorKind::OutcomeUnknown,
        ],
        "trouble without end",
    )?;
    holds(
        start.elapsed() < Duration::from_secs(60),
        "it was tried for longer than its deadline allows",
    )?;
    same(cx.names("").await?, vec!["once", "renamed"], "names")
}

async fn gn_4(cx: Cx) -> Checked {
    cx.write("file", "x").await?;
    for polls in [1, 2, 4] {
        // Each is dropped somewhere on the way, then done again.
        macro_rules! dropped {
            ($call:expr) => {{
                let mut call = Box::pin($call.into_future());
                for _ in 0..polls {
                    if super::poll_once(&mut call).await.is_ready() {
                        break;
                    }
                    tokio::task::yield_now().await;
                }
            }};
        }
        let place = format!("dir{polls}");
        dropped!(cx.making(&place));
        let folder = cx.mkdir(&place).await?;
        dropped!(cx.writing(&format!("{place}/new"), "new"));
        cx.write(&format!("{place}/new"), "new").await?;
        cx.mega.refresh().await?;
        dropped!(cx.mega.copy(cx.at("file"), folder.handle()).merge());
        cx.go(cx
            .mega
            .copy(cx.at("file"), folder.handle())
            .on_conflict(OnConflict::Replace))
            .await?;
        dropped!(cx.mega.rename(cx.at(&format!("{place}/file")), "copy"));
        cx.mega.refresh().await?;
        if cx.exists(&format!("{place}/file")).await? {
            cx.go(cx.mega.rename(cx.path(&format!("{place}/file")), "copy"))
                .await?;
        }
        same(cx.read(&format!("{place}/copy")).await?, "x", "the copy")?;
        same(cx.names(&place).await?, vec!["copy", "new"], "names")?;
        dropped!(cx.mega.delete(folder.handle()));
        match cx.go(cx.mega.delete(folder.handle())).await {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
    }
    same(
        cx.second().await?.list(cx.folder).await?.len(),
        1,
        "what is left",
    )
}

async fn gn_5(cx: Cx) -> Checked {
    fn is_shared<T: Clone + Send + Sync>(_: &T) {}
    is_shared(&cx.mega);
    // Tasks of their own, on as many threads as the program has.
    let tasks = (0..64_usize).map(|number| {
        let cx = cx.clone();
        tokio::spawn(async move {
            let place = format!("{}", number % 8);
            let name = format!("{place}/{number}");
            let bytes = content(1000 + number, 90);
            cx.write(&name, bytes.clone()).await?;
            let renamed = cx
                .go(cx.mega.rename(cx.at(&name), format!("{number} renamed")))
                .await?;
            holds(
                cx.go(cx.mega.read(renamed.handle())).await? == bytes,
                "the content",
            )?;
            cx.go(cx.mega.edit(renamed.handle()).description(name))
                .await?;
            if number.is_multiple_of(4) {
                cx.go(cx.mega.delete(renamed.handle())).await?;
            }
            Ok::<_, super::Stop>(())
        })
    });
    for done in join_all(tasks).await {
        done??;
    }
    let files = cx.mega.list(cx.folder).recursive().files().await?;
    same(files.len(), 48, "files")?;
    let fresh = cx.fresh().await?;
    let handles = |nodes: Vec<crate::Node>| {
        nodes
            .iter()
            .map(crate::Node::handle)
            .collect::<std::collections::BTreeSet<_>>()
    };
    let theirs = handles(fresh.list(cx.folder).recursive().await?);
    same(
        handles(cx.mega.list(cx.folder).recursive().await?),
        theirs,
        "what a fresh client sees",
    )
}

async fn gn_6(cx: Cx) -> Checked {
    let client = cx.fresh().await?;
    client.refresh().await?;
    let inner = Arc::downgrade(&client.inner);
    let view = client.view(cx.folder)?;
    drop(client);
    holds(inner.upgrade().is_some(), "a view lost its client")?;
    drop(view);
    // What a transport still holds for a moment is no work of the client's.
    holds(inner.upgrade().is_none(), "somebody still holds the client")
}

async fn gn_7(cx: Cx) -> Checked {
    cx.write("a/b/file", "x").await?;
    let client = cx.fresh().await?;
    let saved = client.save()?;
    let listed = |nodes: Vec<crate::Node>| {
        nodes
            .iter()
            .map(|node| {
                (
                    node.handle(),
                    node.name().to_owned(),
                    node.size(),
                    node.modified(),
                )
            })
            .collect::<Vec<_>>()
    };
    let before = listed(client.list(cx.folder).recursive().sorted().await?);
    drop(client);
    let back: Client = cx.go(cx.bench().builder().resume(&saved)).await?;
    same(
        listed(back.list(cx.folder).recursive().sorted().await?),
        before.clone(),
        "the listing after the restart",
    )?;
    same(
        cx.go(back.read(cx.path("a/b/file"))).await?,
        "x",
        "the content after the restart",
    )?;
    back.close().await;
    // With a folder for the tree the first program fetches it, and the next does not.
    let trees = cx.local("trees")?;
    let resume = || {
        let builder = cx.bench().builder().cache_dir(&trees);
        cx.go(builder.resume(&saved))
    };
    resume().await?.close().await;
    let fetches = || cx.backstage().and_then(super::Backstage::tree_fetches);
    let fetched = fetches();
    let back = resume().await?;
    same(fetches(), fetched, "times that the tree was fetched")?;
    same(
        listed(back.list(cx.folder).recursive().sorted().await?),
        before,
        "the listing out of the folder",
    )
}

async fn gn_8(cx: Cx) -> Checked {
    let written = cx.write("file", content(5000, 91)).await?;
    let told = |node: &crate::Node| (node.size(), node.modified());
    let listed = some(cx.list("").await?.pop(), "the entry")?;
    same(told(&listed), told(&written), "list and write")?;
    same(
        told(&cx.stat("file").await?),
        told(&written),
        "stat and write",
    )?;
    let file = cx.go(cx.mega.open(cx.at("file"))).await?;
    same(file.size(), written.size(), "read and write")?;
    let local = cx.local("to")?.join("file");
    cx.go(cx.mega.download(cx.at("file"), &local)).await?;
    let meta = std::fs::metadata(&local)?;
    same(meta.len(), written.size(), "the size of the download")?;
    let seconds = |time: std::time::SystemTime| {
        time.duration_since(std::time::UNIX_EPOCH)
            .map(|time| time.as_secs())
            .unwrap_or(0)
    };
    same(
        seconds(meta.modified()?),
        written.modified().map(seconds).unwrap_or(1),
        "the time of the download",
    )
}

async fn gn_9(cx: Cx) -> Checked {
    let slow = cx.fresh().await?;
    let limits = TransferLimits::default()
        .connections_per_file(1)
        .requests_at_once(1)
        .files_at_once(1);
    slow.set_limits(
        limits
            .attempts(30)
            .download_rate(4 << 20)
            .upload_rate(4 << 20),
    );
    let bytes = content(700_000, 92);
    let path = cx.path("file");
    let made = cx.go(slow.write(path.as_str(), bytes.clone())).await?;
    holds(
        cx.go(slow.read(made.handle())).await? == bytes,
        "the content",
    )?;
    holds(
        cx.go(slow.read(made.handle()).range(5..50)).await?.as_ref()
            == bytes.get(5..50).unwrap_or_default(),
        "a part",
    )?;
    cx.go(slow.rename(made.handle(), "renamed")).await?;
    same(names_in(&slow, cx.folder).await?, vec!["renamed"], "names")?;
    refused(
        cx.go(slow.read(path.as_str())).await,
        &[ErrorKind::NotFound],
        "the old name",
    )?;
    cx.go(slow.delete(made.handle())).await?;
    same(
        cx.second().await?.list(cx.folder).await?.len(),
        0,
        "what is left",
    )
}

//! Section 11: what holds for all of it.

use std::future::IntoFuture;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;

use super::bench::Disturbance;
use super::content::content;
use super::failing::{gn_2, gn_4};
use super::subject::{Cx, names_in};
use super::{Checked, holds, not_applicable, refused, same, section, some};
use crate::{Client, ErrorKind, TransferLimits};

section! {
    "GN-1" any gn_1 "capabilities are declared; what is not there is Unsupported",
    "GN-2" alone gn_2 "errors say kind, operation and subject, and no secret",
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
    let local = cx.local("new")?;
    std::fs::write(local.join("file"), "x")?;
    macro_rules! undeclared {
        ($($what:literal $call:expr),* $(,)?) => {
            $(refused(cx.go($call).await, &[ErrorKind::Unsupported], $what)?;)*
        };
    }
    undeclared! {
        "writing" visitor.write("/new", "x"),
        "writing in pieces" visitor.writer("/new"),
        "uploading a folder" visitor.upload_folder(&local, "/new"),
        "making a folder" visitor.create_dir("/new"),
        "renaming" visitor.rename("/file", "x"),
        "moving" visitor.move_to("/file", "/"),
        "copying" visitor.copy("/file", "/"),
        "noting" visitor.edit("/file").favourite(true),
        "throwing away" visitor.trash("/file"),
        "deleting" visitor.delete("/file"),
        "emptying the bin" visitor.empty_rubbish_bin(),
        "deleting versions" visitor.delete_all_versions(),
        "making a link" visitor.link("/file"),
        "removing a link" visitor.remove_link("/file"),
        "sharing" visitor.share("/", "somebody@example.com"),
        "inviting" visitor.invite("somebody@example.com"),
        "asking for the quota" visitor.quota(),
        "keeping something" visitor.set_user_attribute("*!conformance", "x"),
    }
    refused(
        visitor.save().map(drop),
        &[ErrorKind::Unsupported],
        "saving",
    )?;
    same(cx.go(visitor.list("/")).await?.len(), 1, "what is there")?;
    same(cx.go(visitor.read("/file")).await?, "x", "reading")
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
            // Into another folder, and a copy of it back; some of both go.
            let other = cx.mkdir(&format!("{}", (number + 1) % 8)).await?;
            let moved = cx.go(cx.mega.move_to(renamed.handle(), other.handle()));
            same(moved.await?.handle(), renamed.handle(), "what was moved")?;
            let copy = cx.mega.copy(renamed.handle(), cx.folder);
            let copy = cx.go(copy.rename(format!("copy {number}"))).await?;
            let listed = cx.go(cx.mega.list(other.handle())).await?;
            holds(
                listed.iter().any(|node| node.handle() == renamed.handle()),
                "it is not listed where it is",
            )?;
            if number.is_multiple_of(4) {
                let gone = [renamed.handle(), copy.node().handle()];
                cx.go(cx.mega.delete_all(gone)).await.into_result()?;
            }
            Ok::<_, super::Stop>(())
        })
    });
    for done in join_all(tasks).await {
        done??;
    }
    let files = cx.mega.list(cx.folder).recursive().files().await?;
    same(files.len(), 96, "files")?;
    same(cx.mega.list(cx.folder).folders().await?.len(), 8, "folders")?;
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
    holds(inner.upgrade().is_none(), "somebody still holds the client")?;
    // In the middle of everything: an upload, an open writer, a reader, a stream of changes.
    let bytes = content(3_000_000, 93);
    let made = cx.write("file", bytes.clone()).await?.handle();
    let client = cx.fresh().await?;
    let inner = Arc::downgrade(&client.inner);
    let mut upload = Box::pin(client.write(cx.path("new"), bytes).into_future());
    for _ in 0..20 {
        let _ = super::poll_once(&mut upload).await;
        tokio::task::yield_now().await;
    }
    let mut writer = client.writer(cx.path("unclosed")).size(1_000_000).await?;
    tokio::io::AsyncWriteExt::write_all(&mut writer, &[7; 300_000]).await?;
    let mut reader = client.open(made).await?;
    tokio::io::AsyncReadExt::read_exact(&mut reader, &mut [0; 1000]).await?;
    let mut changes = client.changes();
    let _ = super::poll_once(&mut futures::StreamExt::next(&mut changes)).await;
    drop((upload, writer, reader, changes, client));
    for _ in 0..2_000 {
        if inner.upgrade().is_none() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    holds(
        inner.upgrade().is_none(),
        "work that was dropped holds the client",
    )
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

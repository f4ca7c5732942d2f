//! Section 4, second half: what stands in the place of a write, and what is kept with it.

use std::time::{Duration, SystemTime};

use futures::future::join_all;
use tokio::io::AsyncWriteExt;

use super::bench::{Disturbance, MacVariant, Plant};
use super::content::{End, Reader, content};
use super::subject::Cx;
use super::{Checked, holds, not_applicable, refused, same, section, some};
use crate::{ErrorKind, Label, Node, OnConflict};

section! {
    "WR-10" any wr_10 "a folder in the place is IsADirectory, a file on the way NotADirectory",
    "WR-11" any wr_11 "missing folders are made once, also when 16 writers race",
    "WR-12" alone wr_12 "a taken name is what the policy says, and a failed upload loses nothing",
    "WR-13" any wr_13 "only if absent, only if unchanged; the loser of a race is told",
    "WR-14" any wr_14 "two clients that write one name at once never mix contents",
    "WR-15" any wr_15 "modification times are kept to the second and can be changed",
    "WR-16" any wr_16 "what is noted about a file survives overwriting, renaming, moving and copying",
    "WR-17" any wr_17 "the same content twice has two keys",
    "WR-18" any wr_18 "a local file that changes during the upload is noticed",
    "WR-19" alone wr_19 "files with the MACs of other clients are readable",
    "WR-20" any wr_20 "appending is declared as impossible; a writer replaces, and only when it is closed",
}

async fn wr_10(cx: Cx) -> Checked {
    cx.mkdir("folder").await?;
    cx.write("file", "x").await?;
    let (folder, directory) = ([ErrorKind::IsADirectory], [ErrorKind::NotADirectory]);
    refused(cx.write("folder", "x").await, &folder, "over a folder")?;
    let over = cx.go(cx.mega.writer(cx.path("folder"))).await;
    refused(over, &folder, "a writer over a folder")?;
    for place in ["file/below", "file/far/below"] {
        refused(cx.write(place, "x").await, &directory, "below a file")?;
        refused(cx.mkdir(place).await, &directory, "a folder below a file")?;
    }
    same(cx.names("").await?, vec!["file", "folder"], "what is there")
}

async fn wr_11(cx: Cx) -> Checked {
    let writes = (0..16).map(|number| {
        let cx = &cx;
        async move { cx.write(&format!("a/b/c/{number:02}"), "x").await }
    });
    for wrote in join_all(writes).await {
        wrote?;
    }
    for (place, count) in [("", 1), ("a", 1), ("a/b", 1), ("a/b/c", 16)] {
        same(
            cx.second().await?.list(cx.path(place)).await?.len(),
            count,
            place,
        )?;
    }
    Ok(())
}

async fn wr_12(cx: Cx) -> Checked {
    let first = cx.write("file", "first").await?;
    let fail = cx
        .go(cx.writing("file", "no").on_conflict(OnConflict::Fail))
        .await;
    refused(fail, &[ErrorKind::AlreadyExists], "the policy to fail")?;
    same(cx.read("file").await?, "first", "after it")?;
    let second = cx
        .go(cx
            .writing("file", "second")
            .on_conflict(OnConflict::Replace))
        .await?;
    same(
        cx.go(cx.mega.read(first.handle())).await?,
        "first",
        "the replaced one, as a version",
    )?;
    let third = cx
        .go(cx
            .writing("file", "third")
            .on_conflict(OnConflict::ReplaceToBin))
        .await?;
    same(
        cx.read("file").await?,
        "third",
        "after replacing to the bin",
    )?;
    let binned = cx.go(cx.mega.stat(second.handle())).await?;
    let bin = cx.mega.rubbish_bin()?.handle();
    same(binned.parent(), Some(bin), "where the replaced one is")?;
    cx.mega.delete(&binned).await?;
    let both = cx
        .go(cx.writing("file", "both").on_conflict(OnConflict::KeepBoth))
        .await?;
    same(both.name(), "file (1)", "the name of the second one")?;
    let skip = cx
        .go(cx.writing("file", "skip").on_conflict(OnConflict::Skip))
        .await?;
    same(
        skip.handle(),
        third.handle(),
        "what the policy to skip returns",
    )?;
    let update =
        |text: &'static str| cx.go(cx.writing("file", text).on_conflict(OnConflict::Update));
    same(
        update("third").await?.handle(),
        third.handle(),
        "what the policy to update returns for the same content",
    )?;
    let fourth = update("fourth").await?;
    same(
        cx.go(cx.mega.read(third.handle())).await?,
        "third",
        "what was updated, as a version",
    )?;
    cx.go(cx.mega.restore_version(third.handle())).await?;
    same(cx.read("file").await?, "third", "after restoring it")?;
    holds(fourth.handle() != third.handle(), "an update kept the node")?;
    if let Some(stage) = cx.backstage()
        && stage.disturb(Disturbance::Refuse {
            command: "p",
            code: -17,
            times: 1000,
        })
    {
        let failed = cx.write("file", "over quota").await;
        stage.calm();
        refused(
            failed,
            &[ErrorKind::OverStorageQuota],
            "an upload that fails at the end",
        )?;
    }
    let reader = Reader::new(content(1000, 1), 100, End::Broken);
    holds(
        cx.go(cx.piping("file", reader)).await.is_err(),
        "a broken source works",
    )?;
    same(
        cx.read("file").await?,
        "third",
        "the old one after a failed upload",
    )
}

async fn wr_13(cx: Cx) -> Checked {
    let absent = |text: &'static str| cx.go(cx.writing("new", text).on_conflict(OnConflict::Fail));
    let (one, two) = tokio::join!(absent("one"), absent("two"));
    holds(one.is_ok() != two.is_ok(), "exactly one of two may make it")?;
    let (winner, loser) = if one.is_ok() {
        (one?, two)
    } else {
        (two?, one)
    };
    refused(loser, &[ErrorKind::AlreadyExists], "the loser")?;
    let path = cx.path("new");
    let update = |text: &'static str| {
        cx.go(cx
            .mega
            .write(path.as_str(), text)
            .if_version(winner.handle()))
    };
    let (one, two) = tokio::join!(update("three"), update("four"));
    holds(
        one.is_ok() != two.is_ok(),
        "exactly one of two may replace it",
    )?;
    let (new, loser) = if one.is_ok() {
        (one?, two)
    } else {
        (two?, one)
    };
    refused(loser, &[ErrorKind::Precondition], "the loser")?;
    same(cx.mega.versions(&new).await?.len(), 1, "older versions")?;
    let again = cx
        .go(cx
            .mega
            .write(path.as_str(), "five")
            .if_version(winner.handle()))
        .await;
    refused(again, &[ErrorKind::Precondition], "a stale version")
}

async fn wr_14(cx: Cx) -> Checked {
    let contents = [content(200_000, 1), content(200_001, 2)];
    let [one, two] = contents.clone();
    let second = cx.second().await?;
    let path = cx.path("file");
    let (first, other) = tokio::join!(
        cx.write("file", one),
        cx.go(second.write(path.as_str(), two))
    );
    cx.mega.refresh().await?;
    for (wrote, content) in [first, other].into_iter().zip(&contents) {
        match wrote {
            Ok(node) => holds(
                cx.mega.read(node.handle()).await? == *content,
                "a write that succeeded has lost its content",
            )?,
            Err(error) => holds(
                matches!(
                    error.kind(),
                    ErrorKind::AlreadyExists | ErrorKind::Precondition
                ),
                error.to_string(),
            )?,
        }
    }
    let heads = cx.mega.find_all(&path)?;
    holds(!heads.is_empty(), "nothing is there")?;
    for head in &heads {
        for node in std::iter::once(head.clone()).chain(cx.mega.versions(head).await?) {
            holds(
                contents.contains(&cx.mega.read(&node).await?),
                "a mixture is there",
            )?;
        }
    }
    Ok(())
}

async fn wr_15(cx: Cx) -> Checked {
    let at = |seconds: u64| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    let exact = at(1_234_567_890);
    let fine = exact + Duration::from_millis(999);
    cx.go(cx.writing("given", "x").modified(fine)).await?;
    same(
        cx.stat("given").await?.modified(),
        Some(exact),
        "a given time, to the second",
    )?;
    let before = SystemTime::now() - Duration::from_secs(2);
    let now = some(
        cx.write("now", "x").await?.modified(),
        "the time of a new file",
    )?;
    holds(
        now >= before && now <= SystemTime::now() + Duration::from_secs(2),
        "unset does not mean now",
    )?;
    cx.go(cx.mega.set_modified(cx.at("now"), at(1_000))).await?;
    same(
        cx.second().await?.stat(cx.path("now")).await?.modified(),
        Some(at(1_000)),
        "a changed time",
    )?;
    same(cx.read("now").await?, "x", "the content after it")?;
    cx.mkdir("folder").await?;
    let folder = cx
        .go(cx.mega.set_modified(cx.at("folder"), at(1_000)))
        .await;
    refused(folder, &[ErrorKind::Unsupported], "the time of a folder")
}

async fn wr_16(cx: Cx) -> Checked {
    cx.mkdir("other").await?;
    cx.write("file", "one").await?;
    let edit = cx.mega.edit(cx.at("file"));
    cx.go(edit
        .label(Label::Green)
        .description("noted")
        .favourite(true)
        .tags(["a", "b"])
        .application("conf", "unknown to others"))
        .await?;
    let noted = |node: &Node| {
        (
            node.label(),
            node.description().unwrap_or_default(),
            node.application("conf").unwrap_or_default(),
            (node.is_favourite(), node.tags()),
        )
    };
    let wanted = (
        Some(Label::Green),
        "noted".to_owned(),
        "unknown to others".to_owned(),
        (true, vec!["a".to_owned(), "b".to_owned()]),
    );
    let renamed = cx.go(cx.mega.rename(cx.at("file"), "renamed")).await?;
    same(noted(&renamed), wanted.clone(), "after renaming")?;
    let moved = cx
        .go(cx.mega.move_to(renamed.handle(), cx.at("other")))
        .await?;
    same(noted(&moved), wanted.clone(), "after moving")?;
    // The copy of a person's own file is theirs, marks included.
    let copied = cx.go(cx.mega.copy(moved.handle(), cx.folder)).await?;
    same(noted(copied.node()), wanted.clone(), "after copying")?;
    let second = cx.second().await?;
    // A new version inherits what a person has noted; what an application has noted was about the old content.
    let replaced = cx.write("other/renamed", "two").await?;
    let inherited = (wanted.0, wanted.1.clone(), String::new(), wanted.3.clone());
    same(noted(&replaced), inherited, "after overwriting")?;
    same(
        noted(&second.stat(copied.node().handle()).await?),
        wanted,
        "the copy in the second client",
    )
}

async fn wr_17(cx: Cx) -> Checked {
    let one = cx.write("one", "the same content").await?;
    let two = cx.write("two", "the same content").await?;
    holds(one.handle() != two.handle(), "there is one node")?;
    holds(one.key_bytes() != two.key_bytes(), "they share a key")
}

async fn wr_18(cx: Cx) -> Checked {
    let local = cx.local("changing")?.join("file");
    // It changes between the first look at it and its end: a writer that never stops.
    std::fs::write(&local, content(6_000_000, 30))?;
    let upload = cx.mega.upload(&local, cx.path("file"));
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let (path, stopped) = (local.clone(), std::sync::Arc::clone(&stop));
    let toucher = std::thread::spawn(move || {
        let mut second = 1_u64;
        while !stopped.load(std::sync::atomic::Ordering::Relaxed) {
            second = second.wrapping_add(1) % 1_000_000_000;
            let time = SystemTime::UNIX_EPOCH + Duration::from_secs(second);
            if let Ok(file) = std::fs::File::options().write(true).open(&path) {
                let _ = file.set_modified(time);
            }
        }
    });
    let done = cx.go(upload).await;
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    let _ = toucher.join();
    refused(
        done,
        &[ErrorKind::SourceChanged],
        "a file that is touched all the time",
    )?;
    holds(!cx.exists("file").await?, "there is a node")
}

async fn wr_19(cx: Cx) -> Checked {
    let mut planted = Vec::new();
    for (size, variant) in [
        (0, MacVariant::Official),
        (0, MacVariant::Zeros),
        (0, MacVariant::Megajs),
        (131_072, MacVariant::Megajs),
        (393_216, MacVariant::Megajs),
        (131_073, MacVariant::Official),
    ] {
        let bytes = content(size, 31);
        let plant = Plant::ForeignMac {
            parent: cx.folder,
            name: format!("{size} {variant:?}"),
            content: bytes.to_vec(),
            variant,
        };
        match cx.stage()?.plant(plant) {
            Some(node) => planted.push((node, bytes, variant)),
            None => return not_applicable("the bench cannot make such files"),
        }
    }
    let fresh = cx.fresh().await?;
    for (node, bytes, variant) in planted {
        let read = cx.go(fresh.read(node)).await?;
        holds(read == bytes, format!("{} bytes, {variant:?}", bytes.len()))?;
    }
    Ok(())
}

async fn wr_20(cx: Cx) -> Checked {
    holds(
        !cx.mega.capabilities().append,
        "it declares that it can append",
    )?;
    // The nearest there is: the whole content anew, the old one kept as a version.
    let old = cx.write("file", "old").await?;
    let mut writer = cx.go(cx.mega.writer(cx.path("file"))).await?;
    writer.write_all(b"old and new").await?;
    // Until it is closed nothing of the old one has changed.
    same(cx.read("file").await?, "old", "the content until then")?;
    let new = writer.close().await?;
    same(cx.read("file").await?, "old and new", "the content")?;
    let versions = cx.mega.versions(&new).await?;
    let versions: Vec<_> = versions.iter().map(Node::handle).collect();
    same(versions, vec![old.handle()], "older versions")
}

//! Section 4: writing.

use std::future::IntoFuture;
use std::time::{Duration, SystemTime};

use futures::future::join_all;
use tokio::io::AsyncWriteExt;

use super::bench::{Disturbance, MacVariant, Plant};
use super::content::{End, Reader, content};
use super::subject::Cx;
use super::{Checked, holds, not_applicable, refused, same, section, some};
use crate::{ErrorKind, Label, Node, OnConflict, Progress};

section! {
    "WR-1" any wr_1 "small, empty, chunk-sized and large files exist afterwards, in a fresh client too",
    "WR-2" any wr_2 "a source that fails half-way makes no node",
    "WR-3" any wr_3 "a source shorter than announced makes no node; of unknown size it makes what it gave",
    "WR-4" any wr_4 "a source longer than announced makes no node",
    "WR-5" any wr_5 "sources of unknown size, from nothing to many chunks",
    "WR-6" any wr_6 "a write that is dropped makes no node",
    "WR-7" any wr_7 "a write returns the node as a later look shows it",
    "WR-8" any wr_8 "many small pieces and one big piece make the same file",
    "WR-9" alone wr_9 "parts that arrive out of order make a correct file",
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

async fn wr_1(cx: Cx) -> Checked {
    let sizes = [0, 1, 131_072, 2_000_000];
    for size in sizes {
        cx.write(&format!("{size}"), content(size, 21)).await?;
    }
    let fresh = cx.fresh().await?;
    for size in sizes {
        let node = fresh.stat(cx.path(&format!("{size}"))).await?;
        same(node.size(), size as u64, "the size in a fresh client")?;
        holds(
            fresh.read(&node).await? == content(size, 21),
            format!("{size} bytes in a fresh client"),
        )?;
        holds(
            cx.read(&format!("{size}")).await? == content(size, 21),
            format!("{size} bytes in the writing client"),
        )?;
    }
    Ok(())
}

async fn wr_2(cx: Cx) -> Checked {
    for (after, size) in [(0, None), (100_000, None), (100_000, Some(200_000))] {
        let reader = Reader::new(content(after, 22), 4096, End::Broken);
        let mut upload = cx.piping("broken", reader);
        if let Some(size) = size {
            upload = upload.size(size);
        }
        refused(
            cx.go(upload).await,
            &[ErrorKind::Io],
            "a source that breaks",
        )?;
        holds(
            !cx.second().await?.exists(cx.path("broken")).await?,
            "there is a node",
        )?;
    }
    Ok(())
}

async fn wr_3(cx: Cx) -> Checked {
    let bytes = content(400_000, 23);
    // By one byte, by half, and ending on borders of chunks.
    for (len, said) in [
        (400_000, 400_001),
        (400_000, 800_000),
        (131_072, 400_000),
        (393_216, 393_217),
        (0, 1),
    ] {
        let reader = Reader::new(content(len, 23), 1 << 16, End::Well);
        let upload = cx.piping("short", reader).size(said);
        refused(
            cx.go(upload).await,
            &[ErrorKind::SourceChanged],
            "a source that is too short",
        )?;
        holds(!cx.exists("short").await?, "there is a node")?;
    }
    let reader = Reader::new(bytes.clone(), 1 << 16, End::Well);
    cx.go(cx.piping("unknown", reader)).await?;
    holds(
        cx.read("unknown").await? == bytes,
        "what a source of unknown size gave",
    )
}

async fn wr_4(cx: Cx) -> Checked {
    for said in [0, 1, 131_072, 399_999] {
        let reader = Reader::new(content(400_000, 24), 1 << 16, End::Well);
        let upload = cx.piping("long", reader).size(said);
        refused(
            cx.go(upload).await,
            &[ErrorKind::SourceChanged],
            "a source that is too long",
        )?;
        holds(!cx.exists("long").await?, "there is a node")?;
    }
    Ok(())
}

async fn wr_5(cx: Cx) -> Checked {
    for size in [0, 1, 5_000_000] {
        let bytes = content(size, 25);
        let reader = Reader::new(bytes.clone(), 50_000, End::Well);
        let node = cx.go(cx.piping(&format!("{size}"), reader)).await?;
        same(node.size(), size as u64, "the size")?;
        holds(
            cx.read(&format!("{size}")).await? == bytes,
            format!("{size} bytes"),
        )?;
    }
    Ok(())
}

async fn wr_6(cx: Cx) -> Checked {
    for size in [None, Some(500_000)] {
        let reader = Reader::new(content(300_000, 26), 1 << 16, End::Stuck);
        let mut upload = cx.piping("stuck", reader);
        if let Some(size) = size {
            upload = upload.size(size);
        }
        let mut upload = Box::pin(upload.into_future());
        for _ in 0..50 {
            holds(
                super::poll_once(&mut upload).await.is_pending(),
                "it ended by itself",
            )?;
            tokio::task::yield_now().await;
        }
        drop(upload);
    }
    // A writer that was given everything, and never the word that it is all.
    for size in [None, Some(300_000)] {
        let mut open = cx.mega.writer(cx.path("unclosed"));
        if let Some(size) = size {
            open = open.size(size);
        }
        let mut writer = cx.go(open).await?;
        writer.write_all(&content(300_000, 26)).await?;
        writer.flush().await?;
    }
    let progress = Progress::new();
    progress.cancel();
    let upload = cx
        .writing("cancelled", content(300_000, 26))
        .progress(&progress);
    refused(
        cx.go(upload).await,
        &[ErrorKind::Cancelled],
        "a cancelled upload",
    )?;
    same(cx.second().await?.list(cx.folder).await?.len(), 0, "nodes")
}

async fn wr_7(cx: Cx) -> Checked {
    let mut writer = cx.go(cx.mega.writer(cx.path("file"))).await?;
    writer.write_all(b"12345").await?;
    let made = writer.close().await?;
    let seen = cx.stat("file").await?;
    let told = |node: &Node| {
        (
            node.handle(),
            node.size(),
            node.modified(),
            node.name().to_owned(),
        )
    };
    same(
        told(&made),
        told(&seen),
        "what was returned and what is seen",
    )?;
    let second = cx.second().await?.stat(made.handle()).await?;
    same(told(&made), told(&second), "what the second client sees")
}

async fn wr_8(cx: Cx) -> Checked {
    let bytes = content(200_001, 28);
    for (place, piece) in [
        ("seven", 7),
        ("odd", 4097),
        ("chunk", 131_072),
        ("whole", 1 << 20),
    ] {
        let reader = Reader::new(bytes.clone(), piece, End::Well);
        cx.go(cx.piping(place, reader).size(200_001)).await?;
        holds(
            cx.read(place).await? == bytes,
            format!("pieces of {piece} bytes"),
        )?;
    }
    // Into a writer: byte slices, none, and buffers that are not one piece of memory.
    for size in [None, Some(200_001)] {
        let mut open = cx.mega.writer(cx.path("written"));
        if let Some(size) = size {
            open = open.size(size);
        }
        let mut writer = cx.go(open).await?;
        let (start, rest) = bytes.split_at(70_001);
        for piece in start.chunks(333) {
            writer.write_all(piece).await?;
            writer.write_all(&[]).await?;
        }
        let (middle, end) = rest.split_at(50_001);
        let mut rest = bytes::Buf::chain(middle, end);
        writer.write_all_buf(&mut rest).await?;
        writer.close().await?;
        holds(
            cx.read("written").await? == bytes,
            "what a writer was given",
        )?;
        // And all of it at once.
        let mut open = cx.mega.writer(cx.path("at once"));
        if let Some(size) = size {
            open = open.size(size);
        }
        let mut writer = cx.go(open).await?;
        writer.write_all(&bytes).await?;
        writer.close().await?;
        holds(
            cx.read("at once").await? == bytes,
            "what a writer was given at once",
        )?;
    }
    Ok(())
}

async fn wr_9(cx: Cx) -> Checked {
    let bytes = content(5_000_000, 29);
    if let Some(stage) = cx.backstage() {
        for skip in [0, 1, 3] {
            stage.disturb(Disturbance::DelayUploadPart {
                skip,
                time: Duration::from_millis(30),
            });
        }
    }
    cx.write("file", bytes.clone()).await?;
    holds(
        cx.fresh().await?.read(cx.path("file")).await? == bytes,
        "the content, verified",
    )
}

async fn wr_10(cx: Cx) -> Checked {
    cx.mkdir("folder").await?;
    cx.write("file", "x").await?;
    let over = cx.go(cx.mega.write(cx.path("folder"), "x")).await;
    refused(over, &[ErrorKind::IsADirectory], "over a folder")?;
    let below = cx.go(cx.mega.write(cx.path("file/below"), "x")).await;
    refused(below, &[ErrorKind::NotADirectory], "below a file")?;
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
        cx.mega.write(path.as_str(), one).into_future(),
        second.write(path.as_str(), two).into_future()
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
        .application("conf", "unknown to others"))
        .await?;
    let noted = |node: &Node| {
        (
            node.label(),
            node.description().unwrap_or_default(),
            node.application("conf").unwrap_or_default(),
        )
    };
    let wanted = (
        Some(Label::Green),
        "noted".to_owned(),
        "unknown to others".to_owned(),
    );
    let renamed = cx.go(cx.mega.rename(cx.at("file"), "renamed")).await?;
    same(noted(&renamed), wanted.clone(), "after renaming")?;
    let moved = cx
        .go(cx.mega.move_to(renamed.handle(), cx.at("other")))
        .await?;
    same(noted(&moved), wanted.clone(), "after moving")?;
    let copied = cx.go(cx.mega.copy(moved.handle(), cx.folder)).await?;
    same(noted(copied.node()), wanted.clone(), "after copying")?;
    let second = cx.second().await?;
    let replaced = cx.write("other/renamed", "two").await?;
    same(
        (replaced.label(), replaced.description()),
        (wanted.0, Some(wanted.1)),
        "label and description after overwriting",
    )?;
    same(
        noted(&second.stat(copied.node().handle()).await?).2,
        wanted.2,
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

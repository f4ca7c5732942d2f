//! Section 4, first half: writing, whatever the content comes from.

use std::future::IntoFuture;
use std::time::Duration;

use tokio::io::AsyncWriteExt;

use super::bench::Disturbance;
use super::content::{End, Reader, content};
use super::subject::Cx;
use super::{Checked, holds, refused, same, section};
use crate::{ErrorKind, Node, Progress};

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
        for client in [&cx.mega, &cx.second().await?] {
            let there = client.exists(cx.path("broken")).await?;
            holds(!there, "there is a node")?;
        }
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

//! Section 8: copying on the server.

use std::future::IntoFuture;

use super::bench::Plant;
use super::content::content;
use super::subject::{Cx, NOBODY};
use super::{Checked, holds, not_applicable, refused, same, section};
use crate::{ErrorKind, OnConflict};

section! {
    "CP-1" any cp_1 "a copy has the same content wherever it goes; the source is untouched",
    "CP-2" any cp_2 "something missing is NotFound; folders are copied whole",
    "CP-3" any cp_3 "a taken name is what the policy says",
    "CP-4" any cp_4 "one version is copied",
    "CP-5" alone cp_5 "a node that failed the key checks is not copied",
    "CP-6" any cp_6 "an interrupted copy is continued without duplicates",
}

async fn cp_1(cx: Cx) -> Checked {
    let bytes = content(300_000, 60);
    let source = cx.write("a/file", bytes.clone()).await?;
    cx.mkdir("b").await?;
    cx.go(cx.mega.copy(cx.at("a/file"), cx.at("b")))
        .await?
        .into_result()?;
    cx.go(cx.mega.copy(cx.at("a/file"), cx.at("b")).rename("renamed"))
        .await?
        .into_result()?;
    let same_folder = cx
        .go(cx.mega.copy(cx.at("a/file"), cx.at("a")).rename("twin"))
        .await?
        .into_result()?;
    same(
        same_folder.modified(),
        source.modified(),
        "the time of the copy",
    )?;
    let second = cx.second().await?;
    for place in ["a/file", "a/twin", "b/file", "b/renamed"] {
        holds(second.read(cx.path(place)).await? == bytes, place)?;
    }
    same(
        cx.stat("a/file").await?.handle(),
        source.handle(),
        "the source",
    )
}

async fn cp_2(cx: Cx) -> Checked {
    cx.write("from/a/b/1", "1").await?;
    cx.write("from/2", "2").await?;
    cx.mkdir("from/empty").await?;
    cx.mkdir("to").await?;
    let missing = cx.go(cx.mega.copy(cx.at("missing"), cx.at("to"))).await;
    refused(missing, &[ErrorKind::NotFound], "something missing")?;
    refused(
        cx.go(cx.mega.copy(cx.at("from"), NOBODY)).await,
        &[ErrorKind::NotFound],
        "to nowhere",
    )?;
    let copied = cx.go(cx.mega.copy(cx.at("from"), cx.at("to"))).await?;
    same(
        (copied.files(), copied.folders()),
        (2, 4),
        "files and folders",
    )?;
    same(cx.read("to/from/a/b/1").await?, "1", "a file of the copy")?;
    holds(
        cx.exists("to/from/empty").await?,
        "the empty folder is missing",
    )
}

async fn cp_3(cx: Cx) -> Checked {
    cx.write("a/x", "new").await?;
    let there = cx.write("b/x", "there").await?;
    let to = |rule| cx.go(cx.mega.copy(cx.at("a/x"), cx.at("b")).on_conflict(rule));
    refused(
        to(OnConflict::Fail).await,
        &[ErrorKind::AlreadyExists],
        "the policy to fail",
    )?;
    same(cx.read("b/x").await?, "there", "after it")?;
    same(
        to(OnConflict::Skip).await?.node().handle(),
        there.handle(),
        "the policy to skip",
    )?;
    same(
        to(OnConflict::KeepBoth).await?.into_result()?.name(),
        "x (1)",
        "the name when both stay",
    )?;
    to(OnConflict::Replace).await?;
    same(cx.read("b/x").await?, "new", "after replacing")?;
    same(
        cx.names("b").await?,
        vec!["x", "x (1)"],
        "no silent duplicate",
    )
}

async fn cp_4(cx: Cx) -> Checked {
    let old = cx.write("file", "old").await?;
    cx.write("file", "new").await?;
    let copied = cx
        .go(cx
            .mega
            .copy(old.handle(), cx.folder)
            .rename("copy of the old one"))
        .await?
        .into_result()?;
    same(
        cx.go(cx.mega.read(copied.handle())).await?,
        "old",
        "its content",
    )?;
    same(
        cx.mega.versions(&copied).await?.len(),
        0,
        "its older versions",
    )
}

async fn cp_5(cx: Cx) -> Checked {
    cx.write("dir/good", "good").await?;
    let folder = cx.stat("dir").await?.handle();
    let Some(bad) = cx.stage()?.plant(Plant::Undecryptable { parent: folder }) else {
        return not_applicable("the bench cannot make such a node");
    };
    let fresh = cx.fresh().await?;
    refused(
        cx.go(fresh.copy(bad, cx.folder)).await,
        &[ErrorKind::Key],
        "the node",
    )?;
    let copied = cx.go(fresh.copy(folder, cx.folder).rename("copy")).await?;
    same(
        (copied.files(), copied.withheld()),
        (1, &[bad][..]),
        "what was copied with its folder",
    )?;
    refused(
        copied.into_result(),
        &[ErrorKind::Key],
        "the result as a whole",
    )
}

async fn cp_6(cx: Cx) -> Checked {
    let paths: Vec<String> = (0..150)
        .map(|number| cx.path(&format!("from/{}/{number}", number % 5)))
        .collect();
    for made in cx.mega.create_dirs(paths).await {
        made.1?;
    }
    cx.write("from/file", "x").await?;
    let wanted = cx.mega.list(cx.at("from")).recursive().await?.len();
    for polls in [1, 3, 8, 20] {
        let mut copy = Box::pin(
            cx.mega
                .copy(cx.at("from"), cx.folder)
                .rename("copy")
                .merge()
                .into_future(),
        );
        for _ in 0..polls {
            if super::poll_once(&mut copy).await.is_ready() {
                break;
            }
            tokio::task::yield_now().await;
        }
    }
    cx.go(cx
        .mega
        .copy(cx.at("from"), cx.folder)
        .rename("copy")
        .merge())
        .await?
        .into_result()?;
    // What a dropped call had sent may arrive a little later.
    cx.mega.refresh().await?;
    same(
        cx.mega.list(cx.at("copy")).recursive().await?.len(),
        wanted,
        "nodes of the copy",
    )?;
    same(cx.mega.find_all(&cx.path("copy"))?.len(), 1, "copies")
}

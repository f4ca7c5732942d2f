//! Section 5: folders.

use std::collections::BTreeSet;

use futures::future::join_all;

use super::subject::{Cx, NOBODY};
use super::{Checked, holds, refused, same, section};
use crate::{ErrorKind, Node};

section! {
    "DR-1" any dr_1 "a folder is made once, with everything above it",
    "DR-2" any dr_2 "only empty folders are removed by the call for empty folders",
    "DR-3" any dr_3 "recursive removal takes everything below and nothing beside",
    "DR-4" any dr_4 "a view removes nothing around it",
    "DR-5" any dr_5 "the root and the special folders stay as they are",
    "DR-6" any dr_6 "32 tasks and two clients that make one folder make it once, or show the duplicates",
    "DR-7" any dr_7 "empty folders survive",
}

async fn dr_1(cx: Cx) -> Checked {
    let made = cx.mkdir("a/b/c").await?;
    let again = cx.mkdir("a/b/c").await?;
    same(
        again.handle(),
        made.handle(),
        "the folder of the second call",
    )?;
    for (place, count) in [("", 1), ("a", 1), ("a/b", 1), ("a/b/c", 0)] {
        same(
            cx.second().await?.list(cx.path(place)).await?.len(),
            count,
            place,
        )?;
    }
    Ok(())
}

async fn dr_2(cx: Cx) -> Checked {
    cx.mkdir("empty").await?;
    cx.write("full/file", "x").await?;
    cx.go(cx.mega.remove_dir(cx.at("empty"))).await?;
    holds(
        !cx.exists("empty").await?,
        "the empty folder is still there",
    )?;
    refused(
        cx.go(cx.mega.remove_dir(cx.at("full"))).await,
        &[ErrorKind::NotEmpty],
        "a full folder",
    )?;
    same(cx.read("full/file").await?, "x", "what was in it")?;
    refused(
        cx.go(cx.mega.remove_dir(cx.at("missing"))).await,
        &[ErrorKind::NotFound],
        "a missing folder",
    )?;
    refused(
        cx.go(cx.mega.remove_dir(cx.at("full/file"))).await,
        &[ErrorKind::NotADirectory],
        "a file",
    )
}

async fn dr_3(cx: Cx) -> Checked {
    for place in ["dir/a/b/1", "dir/2", "dir2/3", "dir.txt"] {
        cx.write(place, "x").await?;
    }
    cx.go(cx.mega.delete(cx.at("dir"))).await?;
    same(cx.names("").await?, vec!["dir.txt", "dir2"], "what is left")?;
    same(
        cx.second().await?.list(cx.path("")).await?.len(),
        2,
        "what is left for the second client",
    )?;
    same(cx.read("dir2/3").await?, "x", "the neighbour")
}

async fn dr_4(cx: Cx) -> Checked {
    cx.write("in/a/1", "x").await?;
    cx.write("in/2", "x").await?;
    cx.write("beside", "x").await?;
    let view = cx.mega.view(cx.at("in"))?;
    refused(
        cx.go(view.delete("/")).await,
        &[ErrorKind::AccessDenied],
        "deleting the view's own folder",
    )?;
    let all = view.list("/").await?;
    cx.go(view.delete_all(all)).await.into_result()?;
    same(view.list("/").await?.len(), 0, "what is left in the view")?;
    same(
        cx.names("").await?,
        vec!["beside", "in"],
        "what is around it",
    )
}

async fn dr_5(cx: Cx) -> Checked {
    let denied = [ErrorKind::AccessDenied];
    refused(cx.go(cx.mega.delete("/")).await, &denied, "deleting \"/\"")?;
    refused(cx.go(cx.mega.trash("")).await, &denied, "trashing \"\"")?;
    let removed = cx.go(cx.mega.remove_dir("/")).await;
    refused(
        removed,
        &[ErrorKind::AccessDenied, ErrorKind::NotEmpty],
        "removing \"/\"",
    )?;
    for special in [cx.mega.root()?, cx.mega.rubbish_bin()?, cx.mega.vault()?] {
        let handle = special.handle();
        refused(cx.go(cx.mega.delete(handle)).await, &denied, "deleting")?;
        refused(cx.go(cx.mega.trash(handle)).await, &denied, "trashing")?;
        refused(
            cx.go(cx.mega.rename(handle, "x")).await,
            &denied,
            "renaming",
        )?;
        refused(
            cx.go(cx.mega.move_to(handle, cx.folder)).await,
            &denied,
            "moving",
        )?;
        same(
            cx.mega.stat(handle).await?.kind(),
            special.kind(),
            "what it is",
        )?;
    }
    Ok(())
}

async fn dr_6(cx: Cx) -> Checked {
    let second = cx.second().await?;
    let path = cx.path("one/two");
    let ours = (0..32).map(|_| cx.go(cx.making("one/two")));
    let theirs = (0..32).map(|_| async { second.create_dir(path.as_str()).await });
    let (ours, theirs) = tokio::join!(join_all(ours), join_all(theirs));
    // Two programs can race. Then both folders are listed, and the path names them both from then on.
    cx.mega.refresh().await?;
    let there: BTreeSet<_> = cx.mega.find_all(&path)?.iter().map(Node::handle).collect();
    holds(
        (1..=2).contains(&there.len()),
        format!("{} folders", there.len()),
    )?;
    let mut told = BTreeSet::new();
    for made in ours.into_iter().chain(theirs) {
        match made {
            Ok(node) => drop(told.insert(node.handle())),
            Err(error) if error.kind() == ErrorKind::Ambiguous => told.extend(error.handles()),
            Err(error) => return Err(error.into()),
        }
    }
    same(told, there, "the folders that the calls named")
}

async fn dr_7(cx: Cx) -> Checked {
    cx.mkdir("a/empty").await?;
    cx.go(cx.mega.rename(cx.at("a"), "b")).await?;
    let fresh = cx.fresh().await?;
    same(
        fresh.list(cx.path("b/empty")).await?.len(),
        0,
        "entries of the empty folder",
    )?;
    refused(
        cx.go(cx.mega.list(NOBODY)).await,
        &[ErrorKind::NotFound],
        "a folder that never was",
    )
}

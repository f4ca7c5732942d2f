//! Section 2: stat and lookup.

use super::bench::Plant;
use super::names::{fixed, foreign};
use super::subject::{Cx, NOBODY};
use super::{Checked, holds, refused, same, section};
use crate::{ErrorKind, NodeKind, Target};

section! {
    "ST-1" any st_1 "a file, a folder and the root tell what they are",
    "ST-2" any st_2 "what is missing is NotFound, also below something missing and below a file",
    "ST-3" any st_3 "the wrong kind is told apart",
    "ST-4" any st_4 "parents that were made on the way are there",
    "ST-5" any st_5 "all the fixed names can be made, listed, looked at, read and deleted; hostile ones of others can be read",
    "ST-6" any st_6 "percent signs are part of the name",
    "ST-7" any st_7 "a delimiter inside a name stays inside the name",
    "ST-8" any st_8 "case matters",
    "ST-9" any st_9 "composed and decomposed characters are different names",
    "ST-10" any st_10 "looking and reading change nothing",
    "ST-11" any st_11 "a handle survives renaming and moving, and is NotFound after deleting",
}

async fn st_1(cx: Cx) -> Checked {
    cx.write("file", "12345").await?;
    cx.mkdir("folder").await?;
    let file = cx.stat("file").await?;
    same(
        (file.kind(), file.size(), file.modified().is_some()),
        (NodeKind::File, 5, true),
        "the file",
    )?;
    same(
        cx.stat("folder").await?.kind(),
        NodeKind::Folder,
        "the folder",
    )?;
    same(
        cx.go(cx.mega.stat("/")).await?.kind(),
        NodeKind::Root,
        "the root",
    )
}

async fn st_2(cx: Cx) -> Checked {
    cx.write("file", "x").await?;
    for place in ["missing", "missing/below", "file/below"] {
        refused(
            cx.go(cx.mega.stat(cx.path(place))).await,
            &[ErrorKind::NotFound],
            place,
        )?;
        holds(!cx.exists(place).await?, format!("{place} exists"))?;
    }
    refused(
        cx.go(cx.mega.stat(NOBODY)).await,
        &[ErrorKind::NotFound],
        "a handle of nothing",
    )
}

async fn st_3(cx: Cx) -> Checked {
    cx.write("file", "x").await?;
    cx.mkdir("folder").await?;
    refused(
        cx.go(cx.mega.stat(cx.at("folder")).file()).await,
        &[ErrorKind::IsADirectory],
        "a folder as file",
    )?;
    refused(
        cx.go(cx.mega.stat(cx.at("file")).folder()).await,
        &[ErrorKind::NotADirectory],
        "a file as folder",
    )
}

async fn st_4(cx: Cx) -> Checked {
    cx.write("a/b/c/file", "x").await?;
    let second = cx.second().await?;
    for place in ["a", "a/b", "a/b/c"] {
        holds(cx.stat(place).await?.is_folder(), place)?;
        holds(
            second.stat(cx.path(place)).await?.is_folder(),
            format!("{place} in the second client"),
        )?;
    }
    Ok(())
}

async fn st_5(cx: Cx) -> Checked {
    let names = fixed();
    let folders: Vec<String> = names
        .iter()
        .map(|name| cx.path(&format!("d/{name}")))
        .collect();
    for made in cx.mega.create_dirs(folders).await {
        made.1?;
    }
    // A file of each name inside the folder of that name.
    let wrote = names.iter().map(|name| {
        let cx = &cx;
        async move {
            let place = format!("d/{name}/{name}");
            let wrote = cx.write(&place, name.clone()).await;
            wrote.map_err(|error| (place, error))
        }
    });
    for done in futures::future::join_all(wrote).await {
        done.map_err(|(place, error)| super::Stop::Failed(format!("{place}: {error}")))?;
    }
    let mut sorted = names.clone();
    sorted.sort_unstable();
    same(cx.names("d").await?, sorted, "the names of the folders")?;
    let second = cx.second().await?;
    for name in &names {
        let place = format!("d/{name}/{name}");
        same(
            cx.stat(&place).await?.name(),
            name.as_str(),
            "the name of the file",
        )?;
        let read = second.read(cx.path(&place)).await?;
        same(read, name.as_bytes(), &format!("the content of {name}"))?;
    }
    let all = cx.mega.delete_all(
        names
            .iter()
            .map(|name| Target::Path(cx.path(&format!("d/{name}")))),
    );
    cx.go(all).await.into_result()?;
    same(cx.list("d").await?.len(), 0, "what is left")?;
    // What nobody may make.
    for name in ["", &"x".repeat(64 << 10)] {
        let invalid = [ErrorKind::InvalidName];
        let renamed = cx.go(cx.mega.rename(cx.at("d"), name)).await;
        refused(renamed, &invalid, "an empty or endless name")?;
    }
    let endless = cx.mkdir(&"x".repeat(64 << 10)).await;
    refused(endless, &[ErrorKind::InvalidName], "an endless folder name")?;
    st_5_foreign(&cx).await
}

/// Names that only another client would make are tolerated when they are read.
async fn st_5_foreign(cx: &Cx) -> Checked {
    let Some(stage) = cx.backstage() else {
        return Ok(());
    };
    let folder = cx.mkdir("foreign").await?.handle();
    let mut planted = Vec::new();
    for name in foreign() {
        let plant = Plant::Named {
            parent: folder,
            name: name.clone(),
            content: name.clone().into_bytes(),
        };
        match stage.plant(plant) {
            Some(node) => planted.push((name, node)),
            None => return super::not_applicable("the bench cannot make such names"),
        }
    }
    let fresh = cx.fresh().await?;
    same(
        fresh.list(folder).await?.len(),
        planted.len(),
        "entries with hostile names",
    )?;
    for (name, handle) in planted {
        let node = fresh.stat(handle).await?;
        let shown: String = name.escape_debug().take(60).collect();
        holds(
            !node.name().is_empty() && !node.name().contains('/'),
            format!("{shown} is shown as {:?}", node.name()),
        )?;
        let read = cx.go(fresh.read(handle)).await?;
        same(read, name.as_bytes(), &format!("{shown} by its handle"))?;
        let path = fresh.path_of(&node).unwrap_or_default();
        let found = cx.go(fresh.stat(path)).await?;
        same(found.handle(), handle, &format!("{shown} by its path"))?;
    }
    Ok(())
}

async fn st_6(cx: Cx) -> Checked {
    cx.write("%48", "percent").await?;
    cx.write("H", "letter").await?;
    same(cx.list("").await?.len(), 2, "entries")?;
    same(cx.read("%48").await?, "percent", "%48")?;
    same(cx.read("H").await?, "letter", "H")
}

async fn st_7(cx: Cx) -> Checked {
    cx.write("a/b", "path").await?;
    let made = cx.write("plain", "name").await?;
    let renamed = cx.go(cx.mega.rename(made.handle(), "a/b")).await?;
    same(renamed.name(), "a\u{ff0f}b", "the shown name")?;
    same(
        cx.read("a\u{ff0f}b").await?,
        "name",
        "the file with the delimiter",
    )?;
    same(cx.read("a/b").await?, "path", "the file in the folder")?;
    let again = cx.second().await?.stat(cx.path("a\u{ff0f}b")).await?;
    same(again.handle(), made.handle(), "in the second client")
}

async fn st_8(cx: Cx) -> Checked {
    cx.write("Name", "upper").await?;
    cx.write("name", "lower").await?;
    same(cx.names("").await?, vec!["Name", "name"], "names")?;
    same(cx.read("Name").await?, "upper", "the upper one")?;
    refused(
        cx.stat("NAME").await,
        &[ErrorKind::NotFound],
        "a third form",
    )
}

async fn st_9(cx: Cx) -> Checked {
    cx.write("caf\u{e9}", "composed").await?;
    cx.write("cafe\u{301}", "decomposed").await?;
    same(cx.list("").await?.len(), 2, "entries")?;
    same(cx.read("caf\u{e9}").await?, "composed", "the composed one")?;
    same(
        cx.read("cafe\u{301}").await?,
        "decomposed",
        "the decomposed one",
    )
}

async fn st_10(cx: Cx) -> Checked {
    cx.write("file", "x").await?;
    let seen = |node: &crate::Node| {
        (
            node.handle(),
            node.size(),
            node.modified(),
            node.created(),
            node.name().to_owned(),
        )
    };
    let before = seen(&cx.stat("file").await?);
    same(
        seen(&cx.stat("file").await?),
        before.clone(),
        "a second look",
    )?;
    cx.read("file").await?;
    cx.mega.refresh().await?;
    same(
        seen(&cx.stat("file").await?),
        before,
        "a look after reading",
    )
}

async fn st_11(cx: Cx) -> Checked {
    let file = cx.write("a/file", "x").await?;
    cx.mkdir("b").await?;
    cx.go(cx.mega.rename(cx.at("a/file"), "renamed")).await?;
    cx.go(cx.mega.move_to(cx.at("a/renamed"), cx.at("b")))
        .await?;
    let seen = cx.go(cx.mega.stat(file.handle())).await?;
    same(
        cx.mega.path_of(&seen),
        Some(cx.path("b/renamed")),
        "where the handle leads",
    )?;
    cx.go(cx.mega.delete(file.handle())).await?;
    refused(
        cx.go(cx.mega.stat(file.handle())).await,
        &[ErrorKind::NotFound],
        "the handle afterwards",
    )?;
    refused(
        cx.go(cx.mega.read(file.handle())).await,
        &[ErrorKind::NotFound],
        "reading it",
    )
}

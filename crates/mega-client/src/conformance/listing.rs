//! Section 1: listing.

use std::collections::{BTreeSet, HashSet};

use super::bench::Plant;
use super::long_listing::{ls_10, ls_11, ls_12};
use super::subject::{Cx, names_in};
use super::{Checked, holds, not_applicable, refused, same, section, some};
use crate::{ErrorKind, Node, NodeKind, OnConflict, Target};

section! {
    "LS-1" alone ls_1 "a new account lists as empty; the special roots are not among the user's entries",
    "LS-2" any ls_2 "the root is the same by \"\", by \"/\" and by its handle",
    "LS-3" any ls_3 "one level shows files and folders, each by its kind, and nothing below",
    "LS-4" any ls_4 "a recursive listing has every descendant once, parents before children",
    "LS-5" any ls_5 "an empty folder lists as empty",
    "LS-6" any ls_6 "a missing folder is NotFound, a file is NotADirectory",
    "LS-7" any ls_7 "the beginning of a name is not a folder",
    "LS-8" any ls_8 "a trailing slash changes nothing",
    "LS-9" any ls_9 "empty parts and dots mean nothing, two dots are refused",
    "LS-10" any ls_10 "streams and pages have no gap and no repeat while entries come and go",
    "LS-11" alone ls_11 "thousands of entries in one folder, in whatever order they were made",
    "LS-12" alone ls_12 "folders far below each other",
    "LS-13" any ls_13 "two files of one name are both listed, with handles of their own",
    "LS-14" any ls_14 "a file and a folder of one name are both listed; the kind tells them apart",
    "LS-15" any ls_15 "a listing during changes has whole entries only",
    "LS-16" alone ls_16 "a node that cannot be decrypted is there, marked, and harms nobody",
    "LS-17" any ls_17 "a view shows paths relative to its folder, new ones included",
    "LS-18" alone ls_18 "entries carry size, time, kind and handle without a request",
}

async fn ls_1(cx: Cx) -> Checked {
    let root = cx.go(cx.mega.list("/")).await?;
    let special = root
        .iter()
        .filter(|node| !matches!(node.kind(), NodeKind::File | NodeKind::Folder));
    same(
        special.count(),
        0,
        "special nodes in the listing of the root",
    )?;
    if cx.was_empty() {
        same(
            root.len(),
            1,
            "entries of the root besides the suite's own folder",
        )?;
    }
    for place in [cx.mega.rubbish_bin()?, cx.mega.vault()?] {
        holds(
            root.iter().all(|node| node.handle() != place.handle()),
            "the bin or the vault is listed",
        )?;
        holds(
            place.parent().is_none(),
            "the bin or the vault lies in the root",
        )?;
    }
    same(cx.list("").await?.len(), 0, "entries of a new folder")
}

async fn ls_2(cx: Cx) -> Checked {
    let root = cx.mega.root()?;
    let handles = |nodes: Vec<Node>| nodes.iter().map(Node::handle).collect::<Vec<_>>();
    let empty = handles(cx.go(cx.mega.list("").sorted()).await?);
    let slash = handles(cx.go(cx.mega.list("/").sorted()).await?);
    let handle = handles(cx.go(cx.mega.list(root.handle()).sorted()).await?);
    same(&empty, &slash, "by \"\" and by \"/\"")?;
    same(&empty, &handle, "by \"\" and by handle")
}

async fn ls_3(cx: Cx) -> Checked {
    cx.write("file", "x").await?;
    cx.write("folder/below/deep", "x").await?;
    let seen = cx.list("").await?;
    let seen: BTreeSet<_> = seen.iter().map(|node| (node.name(), node.kind())).collect();
    same(
        seen,
        BTreeSet::from([("file", NodeKind::File), ("folder", NodeKind::Folder)]),
        "entries",
    )?;
    let files = cx.go(cx.mega.list(cx.at("")).files()).await?;
    let folders = cx.go(cx.mega.list(cx.at("")).folders()).await?;
    same(
        (files.len(), folders.len()),
        (1, 1),
        "files and folders asked for separately",
    )
}

async fn ls_4(cx: Cx) -> Checked {
    for place in ["a/1", "a/b/2", "a/b/c/3", "d/4", "5"] {
        cx.write(place, place).await?;
    }
    cx.mkdir("empty").await?;
    for sorted in [false, true] {
        let mut listing = cx.mega.list(cx.at("")).recursive();
        if sorted {
            listing = listing.sorted();
        }
        let nodes = cx.go(listing).await?;
        let mut above = HashSet::from([cx.folder]);
        for node in &nodes {
            holds(
                node.parent().is_some_and(|parent| above.contains(&parent)),
                "a child comes before its folder",
            )?;
            holds(above.insert(node.handle()), "a node is there twice")?;
        }
        same(nodes.len(), 10, "descendants")?;
    }
    Ok(())
}

async fn ls_5(cx: Cx) -> Checked {
    cx.mkdir("empty").await?;
    same(cx.list("empty").await?.len(), 0, "entries")?;
    same(
        cx.go(cx.mega.list(cx.at("empty")).recursive()).await?.len(),
        0,
        "descendants",
    )
}

async fn ls_6(cx: Cx) -> Checked {
    cx.write("file", "x").await?;
    refused(
        cx.list("missing").await,
        &[ErrorKind::NotFound],
        "a missing folder",
    )?;
    refused(cx.list("file").await, &[ErrorKind::NotADirectory], "a file")
}

async fn ls_7(cx: Cx) -> Checked {
    cx.write("foobar/x", "x").await?;
    cx.mkdir("foo").await?;
    same(cx.list("foo").await?.len(), 0, "entries of foo")?;
    refused(cx.list("fooba").await, &[ErrorKind::NotFound], "fooba")
}

async fn ls_8(cx: Cx) -> Checked {
    cx.write("a/b", "x").await?;
    for path in [cx.path("a"), cx.path("a/")] {
        same(names_in(&cx.mega, path.as_str()).await?, vec!["b"], &path)?;
        same(cx.go(cx.mega.stat(path)).await?.name(), "a", "its name")?;
    }
    // Also where something is made, changed and removed.
    let made = cx.go(cx.mega.create_dir(cx.path("c/"))).await?;
    same(cx.mkdir("c").await?.handle(), made.handle(), "made twice")?;
    cx.go(cx.mega.rename(cx.path("c/"), "d")).await?;
    cx.go(cx.mega.move_to(cx.path("d/"), cx.path("a/"))).await?;
    same(cx.names("a").await?, vec!["b", "d"], "after moving")?;
    cx.go(cx.mega.delete(cx.path("a/d/"))).await?;
    same(cx.names("a").await?, vec!["b"], "after deleting")
}

async fn ls_9(cx: Cx) -> Checked {
    cx.write("a/b", "x").await?;
    let wanted = cx.stat("a/b").await?.handle();
    for path in ["a//b", "./a/b", "a/./b", "//a/b/.", "a/b//"] {
        same(
            cx.go(cx.mega.stat(cx.path(path))).await?.handle(),
            wanted,
            path,
        )?;
    }
    for path in ["a/../a/b", "..", "a/.."] {
        refused(
            cx.go(cx.mega.stat(cx.path(path))).await,
            &[ErrorKind::Misuse],
            path,
        )?;
    }
    let view = cx.mega.view(cx.at("a"))?;
    for path in ["..", "/..", "../a/b", "b/../.."] {
        refused(
            cx.go(view.stat(path)).await,
            &[ErrorKind::Misuse],
            &format!("{path} in a view"),
        )?;
    }
    Ok(())
}

async fn ls_13(cx: Cx) -> Checked {
    let one = cx.write("x", "one").await?;
    let two = cx
        .go(cx.writing("x", "two").on_conflict(OnConflict::Duplicate))
        .await?;
    let listed = cx.list("").await?;
    same(listed.len(), 2, "entries")?;
    holds(one.handle() != two.handle(), "they share a handle")?;
    let error = match cx.go(cx.mega.stat(cx.path("x"))).await {
        Err(error) => error,
        Ok(_) => return holds(false, "the path is not ambiguous"),
    };
    same(error.kind(), ErrorKind::Ambiguous, "the path")?;
    let named: BTreeSet<_> = error.handles().iter().copied().collect();
    same(
        named,
        BTreeSet::from([one.handle(), two.handle()]),
        "the handles in the error",
    )?;
    same(
        cx.go(cx.mega.read(two.handle())).await?,
        "two",
        "the second by its handle",
    )
}

async fn ls_14(cx: Cx) -> Checked {
    let file = cx.write("x", "file").await?;
    let folder = cx.mkdir("y").await?;
    cx.go(cx
        .mega
        .rename(cx.at("y"), "x")
        .on_conflict(OnConflict::Duplicate))
        .await?;
    same(cx.list("").await?.len(), 2, "entries")?;
    let path = cx.path("x");
    refused(
        cx.go(cx.mega.stat(path.as_str())).await,
        &[ErrorKind::Ambiguous],
        "the path alone",
    )?;
    same(
        cx.go(cx.mega.stat(path.as_str()).file()).await?.handle(),
        file.handle(),
        "the file",
    )?;
    same(
        cx.go(cx.mega.stat(path.as_str()).folder()).await?.handle(),
        folder.handle(),
        "the folder",
    )?;
    same(
        cx.go(cx.mega.read(path.as_str())).await?,
        "file",
        "reading means the file",
    )?;
    same(
        cx.go(cx.mega.list(path)).await?.len(),
        0,
        "listing means the folder",
    )
}

async fn ls_15(cx: Cx) -> Checked {
    for number in 0..8 {
        cx.write(&format!("{number}"), "x").await?;
    }
    let change = async {
        for round in 0..6 {
            for number in 0..8 {
                let handle = cx
                    .mega
                    .find_all(&cx.path(&format!("{number}")))?
                    .into_iter()
                    .next();
                let Some(node) = handle else { continue };
                cx.mega.edit(&node).description(format!("{round}")).await?;
                cx.mega.rename(&node, format!("{number} {round}")).await?;
                cx.mega.rename(&node, format!("{number}")).await?;
            }
        }
        Ok::<_, super::Stop>(())
    };
    let mut change = Box::pin(change);
    loop {
        let listed = cx.mega.list(Target::Handle(cx.folder)).await?;
        same(listed.len(), 8, "entries")?;
        for node in &listed {
            let first = node.name().split(' ').next().unwrap_or_default();
            holds(
                node.trouble().is_none() && first.len() == 1,
                format!("a torn entry: {:?}", node.name()),
            )?;
        }
        if let std::task::Poll::Ready(done) = super::poll_once(&mut change).await {
            return done;
        }
        tokio::task::yield_now().await;
    }
}

async fn ls_16(cx: Cx) -> Checked {
    cx.write("good", "good").await?;
    let planted = cx
        .stage()?
        .plant(Plant::Undecryptable { parent: cx.folder });
    let Some(bad) = planted else {
        return not_applicable("the bench cannot make such a node");
    };
    let fresh = cx.fresh().await?;
    let listed = fresh.list(cx.folder).await?;
    same(listed.len(), 2, "entries")?;
    let marked: Vec<&Node> = listed
        .iter()
        .filter(|node| node.trouble().is_some())
        .collect();
    same(
        marked.iter().map(|node| node.handle()).collect::<Vec<_>>(),
        vec![bad],
        "marked nodes",
    )?;
    let node = cx.go(fresh.stat(bad)).await?;
    holds(
        node.name().contains(&bad.to_string()),
        "its placeholder does not name the handle",
    )?;
    refused(
        cx.go(fresh.read(bad)).await,
        &[ErrorKind::Key],
        "reading it",
    )?;
    refused(
        cx.go(fresh.rename(bad, "better")).await,
        &[ErrorKind::Key],
        "renaming it",
    )?;
    refused(
        cx.go(fresh.copy(bad, cx.folder)).await,
        &[ErrorKind::Key],
        "copying it",
    )?;
    same(fresh.read(cx.path("good")).await?, "good", "its neighbour")
}

async fn ls_17(cx: Cx) -> Checked {
    cx.write("top/a/x", "x").await?;
    let view = cx.mega.view(cx.at("top"))?;
    let made = cx.go(view.create_dir("new/nested")).await?;
    let listed = cx.go(view.list("/").recursive().sorted()).await?;
    let paths: Vec<_> = listed
        .iter()
        .filter_map(|node| view.path_of(node))
        .collect();
    same(paths, vec!["/a", "/a/x", "/new", "/new/nested"], "paths")?;
    same(
        cx.mega.path_of(&made),
        Some(cx.path("top/new/nested")),
        "the whole path",
    )?;
    refused(
        view.stat(cx.folder).await,
        &[ErrorKind::NotFound],
        "the folder above by its handle",
    )
}

async fn ls_18(cx: Cx) -> Checked {
    let made = cx.write("file", "0123456789").await?;
    cx.mkdir("folder").await?;
    let before = cx.backstage().and_then(super::Backstage::requests);
    let listed = cx.list("").await?;
    let after = cx.backstage().and_then(super::Backstage::requests);
    same(after, before, "requests for a listing")?;
    let file = some(listed.iter().find(|node| node.is_file()), "the file")?;
    same(
        (file.size(), file.modified(), file.handle()),
        (10, made.modified(), made.handle()),
        "what the entry says",
    )?;
    holds(
        file.modified().is_some() && file.created() > std::time::UNIX_EPOCH,
        "its times",
    )?;
    holds(
        listed.iter().any(Node::is_folder),
        "the folder is marked as one",
    )
}

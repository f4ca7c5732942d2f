//! Section 6: deleting.

use futures::StreamExt;
use tokio::io::AsyncReadExt;

use super::content::content;
use super::subject::{Cx, NOBODY};
use super::{Checked, holds, refused, same, section};
use crate::{ErrorKind, Target};

section! {
    "DE-1" any de_1 "a deleted file is gone in both clients",
    "DE-2" any de_2 "deleting what is missing is NotFound",
    "DE-3" any de_3 "the bin takes what is thrown away, and gives it back; deleting for good is said so",
    "DE-4" any de_4 "bulk deletion has a result for each item, in any order",
    "DE-5" any de_5 "versions are deleted one by one or all, and the head is right",
    "DE-6" any de_6 "special names are deleted",
    "DE-7" any de_7 "deleting during a listing or a download is a clean error or a complete read",
}

async fn de_1(cx: Cx) -> Checked {
    let node = cx.write("file", "x").await?;
    holds(
        cx.second().await?.exists(cx.path("file")).await?,
        "the second client does not see it",
    )?;
    cx.go(cx.mega.delete(cx.at("file"))).await?;
    let fresh = cx.fresh().await?;
    for client in [&cx.mega, &cx.second().await?, &fresh] {
        refused(
            client.stat(cx.path("file")).await,
            &[ErrorKind::NotFound],
            "its path",
        )?;
        refused(
            client.stat(node.handle()).await,
            &[ErrorKind::NotFound],
            "its handle",
        )?;
    }
    Ok(())
}

async fn de_2(cx: Cx) -> Checked {
    refused(
        cx.go(cx.mega.delete(cx.at("missing"))).await,
        &[ErrorKind::NotFound],
        "deleting",
    )?;
    refused(
        cx.go(cx.mega.delete(NOBODY)).await,
        &[ErrorKind::NotFound],
        "deleting by handle",
    )?;
    refused(
        cx.go(cx.mega.trash(cx.at("missing"))).await,
        &[ErrorKind::NotFound],
        "trashing",
    )
}

async fn de_3(cx: Cx) -> Checked {
    cx.write("dir/file", "x").await?;
    let trashed = cx.go(cx.mega.trash(cx.at("dir/file"))).await?;
    same(
        trashed.parent(),
        Some(cx.mega.rubbish_bin()?.handle()),
        "where it is",
    )?;
    holds(!cx.exists("dir/file").await?, "it is still in its place")?;
    let restored = cx.go(cx.mega.restore(trashed.handle())).await?;
    same(
        restored.handle(),
        trashed.handle(),
        "the handle of the restored node",
    )?;
    same(cx.read("dir/file").await?, "x", "the restored file")?;
    // The call that leaves the choice to whoever sets the client up takes the bin unless told otherwise.
    if !cx.mega.options().hard_delete {
        cx.go(cx.mega.remove(cx.at("dir/file"))).await?;
        let removed = cx.go(cx.mega.stat(trashed.handle())).await?;
        same(removed.parent(), trashed.parent(), "where it is removed to")?;
        cx.go(cx.mega.restore(trashed.handle())).await?;
        same(
            cx.second().await?.read(cx.path("dir/file")).await?,
            "x",
            "restored again",
        )?;
    }
    cx.go(cx.mega.delete(cx.at("dir/file"))).await?;
    refused(
        cx.go(cx.mega.stat(trashed.handle())).await,
        &[ErrorKind::NotFound],
        "what was deleted for good",
    )
}

async fn de_4(cx: Cx) -> Checked {
    let count = cx.scale().items;
    let paths: Vec<String> = (0..count)
        .map(|number| cx.path(&format!("{number}")))
        .collect();
    let made = cx.mega.create_dirs(paths.clone()).await.into_result()?;
    let mut targets: Vec<Target> = made.iter().rev().map(Target::from).collect();
    targets.insert(count / 2, Target::Handle(NOBODY));
    targets.insert(1, Target::Path(cx.path("missing")));
    let deleted = cx.go(cx.mega.delete_all(targets)).await;
    same(
        (deleted.len(), deleted.successes().count()),
        (count + 2, count),
        "results and successes",
    )?;
    for (target, error) in deleted.failures() {
        holds(
            error.kind() == ErrorKind::NotFound,
            format!("{target}: {error}"),
        )?;
    }
    same(
        cx.second().await?.list(cx.folder).await?.len(),
        0,
        "what is left",
    )
}

async fn de_5(cx: Cx) -> Checked {
    let mut made = Vec::new();
    for text in ["one", "two", "three", "four"] {
        made.push(cx.write("file", text).await?);
    }
    let [one, two, _three, _four] = made.as_slice() else {
        return holds(false, "four writes");
    };
    cx.go(cx.mega.delete_version(two.handle())).await?;
    same(
        cx.go(cx.mega.versions(cx.at("file"))).await?.len(),
        2,
        "older versions",
    )?;
    same(
        cx.go(cx.mega.read(one.handle())).await?,
        "one",
        "the oldest",
    )?;
    same(cx.read("file").await?, "four", "the head")?;
    cx.go(cx.mega.delete_version(cx.at("file"))).await?;
    same(
        cx.read("file").await?,
        "three",
        "the head after deleting the head",
    )?;
    cx.go(cx.mega.delete_versions(cx.at("file"))).await?;
    same(
        cx.go(cx.mega.versions(cx.at("file"))).await?.len(),
        0,
        "older versions after deleting all",
    )?;
    same(
        cx.second().await?.read(cx.path("file")).await?,
        "three",
        "the head in the second client",
    )
}

async fn de_6(cx: Cx) -> Checked {
    let names = super::names::fixed();
    for name in &names {
        cx.mkdir(name).await?;
        cx.go(cx.mega.delete(cx.at(name))).await?;
    }
    // A file that bears one name after the other, and is copied under it.
    let file = cx.write("file", "x").await?.handle();
    let copies = cx.mkdir("copies").await?.handle();
    for name in &names {
        let renamed = cx.go(cx.mega.rename(file, name.as_str())).await?;
        same(renamed.name(), name.as_str(), "the name of the file")?;
        cx.go(cx.mega.copy(file, copies)).await?.into_result()?;
    }
    let mut sorted = names.clone();
    sorted.sort_unstable();
    same(cx.names("copies").await?, sorted, "the names of the copies")?;
    for copy in cx.list("copies").await? {
        cx.go(cx.mega.delete(copy.handle())).await?;
    }
    same(cx.list("copies").await?.len(), 0, "copies that are left")?;
    cx.go(cx.mega.delete_all([file, copies]))
        .await
        .into_result()?;
    same(
        cx.second().await?.list(cx.folder).await?.len(),
        0,
        "what is left",
    )
}

async fn de_7(cx: Cx) -> Checked {
    for number in 0..10 {
        cx.mkdir(&format!("{number}")).await?;
    }
    let mut stream = Box::pin(cx.mega.list(cx.folder).stream());
    let mut seen = 0;
    while let Some(entry) = stream.next().await {
        holds(entry?.trouble().is_none(), "a broken entry")?;
        seen += 1;
        if seen == 3 {
            cx.go(cx.mega.delete(cx.at("7"))).await?;
        }
    }
    same(seen, 9, "entries")?;
    let bytes = content(3_000_000, 40);
    cx.write("file", bytes.clone()).await?;
    let mut file = cx.go(cx.mega.open(cx.at("file"))).await?;
    let mut read = vec![0; 1000];
    file.read_exact(&mut read).await?;
    cx.go(cx.mega.delete(cx.at("file"))).await?;
    match file.read_to_end(&mut read).await {
        Ok(_) => holds(read == bytes, "a read that went through is not the file"),
        Err(error) => {
            holds(
                bytes.starts_with(&read),
                "what was read before is not the file",
            )?;
            holds(
                error.kind() != std::io::ErrorKind::Interrupted,
                "the error asks for another try",
            )
        }
    }
}

//! Section 9: links, quota, notifications.

use std::time::Duration;

use futures::StreamExt;

use super::content::content;
use super::subject::{Cx, NOBODY};
use super::{Checked, holds, refused, same, section};
use crate::{Change, ErrorKind};

section! {
    "SH-1" any sh_1 "a link is the same when made twice, opens without an account, and ends when removed",
    "SH-2" any sh_2 "something missing has no link; a wrong key is a key error",
    "SH-3" any sh_3 "a wrong password fails before any request",
    "SH-4" alone sh_4 "quota and use agree after writing and deleting",
    "SH-5" alone sh_5 "changes of another client arrive once and in order",
    "SH-6" alone sh_6 "own changes are visible when the call returns, and reported at most once",
}

async fn sh_1(cx: Cx) -> Checked {
    let bytes = content(200_000, 70);
    cx.write("folder/inner/file", bytes.clone()).await?;
    cx.write("file", bytes.clone()).await?;
    for (place, inside) in [("file", "/file"), ("folder", "/inner/file")] {
        let link = cx.go(cx.mega.link(cx.at(place))).await?;
        let again = cx.go(cx.mega.link(cx.at(place))).await?;
        same(again.url(), link.url(), "the link made twice")?;
        let visitor = cx.go(cx.bench().builder().open_link(link.url())).await?;
        holds(
            cx.go(visitor.read(inside)).await? == bytes,
            format!("{place} through its link"),
        )?;
        cx.go(cx.mega.remove_link(cx.at(place))).await?;
        let gone = cx.go(cx.bench().builder().open_link(link.url())).await;
        refused(gone, &[ErrorKind::NotFound], "a link that was removed")?;
    }
    Ok(())
}

async fn sh_2(cx: Cx) -> Checked {
    refused(
        cx.go(cx.mega.link(cx.at("missing"))).await,
        &[ErrorKind::NotFound],
        "something missing",
    )?;
    refused(
        cx.go(cx.mega.link(NOBODY)).await,
        &[ErrorKind::NotFound],
        "a handle of nothing",
    )?;
    cx.write("folder/file", "x").await?;
    for place in ["folder", "folder/file"] {
        let link = cx.go(cx.mega.link(cx.at(place))).await?;
        let (address, key) = link.url().rsplit_once('#').unwrap_or_default();
        // A key that is well-formed, and not the one.
        let other = if key.starts_with('A') { "B" } else { "A" };
        let wrong = format!("{address}#{other}{}", key.get(1..).unwrap_or_default());
        let wrong = cx.go(cx.bench().builder().open_link(wrong)).await;
        refused(wrong, &[ErrorKind::Key], "another key")?;
        let none = cx.go(cx.bench().builder().open_link(address)).await;
        refused(none, &[ErrorKind::InvalidLink], "no key")?;
    }
    Ok(())
}

async fn sh_3(cx: Cx) -> Checked {
    cx.write("file", "secret").await?;
    let link = cx.go(cx.mega.link(cx.at("file"))).await?;
    let locked = link.with_password("open sesame")?;
    // An address where nobody listens: whoever asks anything there gets another error.
    let nowhere = || crate::Client::builder().origin("http://127.0.0.1:1/");
    let wrong = cx
        .go(nowhere().open_link(&locked).password("open barley"))
        .await;
    refused(wrong, &[ErrorKind::Key], "a wrong password")?;
    refused(
        cx.go(nowhere().open_link(&locked)).await,
        &[ErrorKind::InvalidLink],
        "no password",
    )?;
    let visitor = cx
        .go(cx
            .bench()
            .builder()
            .open_link(&locked)
            .password("open sesame"))
        .await?;
    same(
        cx.go(visitor.read("/file")).await?,
        "secret",
        "with the password",
    )?;
    // The older algorithm (crypto-and-accounts 8.5), as other programs still make it.
    let old = mega_crypto::link::Link::parse(OLD_PASSWORD_LINK).is_ok();
    holds(old, "a link of the older algorithm is not understood")?;
    let wrong = cx
        .go(nowhere().open_link(OLD_PASSWORD_LINK).password("wrong"))
        .await;
    refused(
        wrong,
        &[ErrorKind::Key],
        "a wrong password of the older algorithm",
    )?;
    // The right one opens it: now the service is asked, and knows no such folder.
    let opened = cx.bench().builder().open_link(OLD_PASSWORD_LINK);
    refused(
        cx.go(opened.password("x")).await,
        &[ErrorKind::NotFound],
        "the right password of the older algorithm",
    )
}

/// Algorithm 1, of a folder that is nowhere, with the password "x".
const OLD_PASSWORD_LINK: &str = "https://mega.nz/#P!AQAhEzFcOi4pgKJIS8tq_90YGvqY7XaCzk4Bp0rTA6f-QZ2pcgL8RJSVzTgBgDsolibR0KrfyuEb2fvL5D7XBkwr-8ZXYuzQjaDh3S3T2TKLQr566jKi-Q";

async fn sh_4(cx: Cx) -> Checked {
    let before = cx.go(cx.mega.quota()).await?;
    holds(
        before.used() <= before.total() && before.total() > 0,
        "more is used than there is",
    )?;
    cx.write("file", content(123_456, 71)).await?;
    let after = cx.go(cx.mega.quota()).await?;
    same(
        after.used(),
        before.used().saturating_add(123_456),
        "used after writing",
    )?;
    same(
        after.cloud().files,
        before.cloud().files.saturating_add(1),
        "files after writing",
    )?;
    cx.go(cx.mega.delete(cx.at("file"))).await?;
    same(
        cx.go(cx.mega.quota()).await?.used(),
        before.used(),
        "used after deleting",
    )
}

async fn sh_5(cx: Cx) -> Checked {
    let watcher = cx.second().await?.view(cx.folder)?;
    let mut changes = watcher.changes();
    cx.write("inbox/letter", "dear").await?;
    cx.go(cx.mega.rename(cx.at("inbox/letter"), "read")).await?;
    cx.mkdir("archive").await?;
    let moved = cx
        .go(cx.mega.move_to(cx.at("inbox/read"), cx.at("archive")))
        .await?;
    cx.go(cx.mega.delete(cx.at("inbox"))).await?;
    let mut seen = Vec::new();
    let watch = async {
        while let Some(change) = changes.next().await {
            match change? {
                Change::Added(node) => seen.push(format!("added {}", node.name())),
                Change::Updated(node) => seen.push(format!("updated {}", node.name())),
                Change::Moved { node, .. } => seen.push(format!("moved {}", node.name())),
                Change::Removed(_) => {
                    seen.push("removed".to_owned());
                    return Ok(());
                }
                _ => {}
            }
        }
        Ok::<_, crate::Error>(())
    };
    if tokio::time::timeout(Duration::from_secs(120), watch)
        .await
        .is_err()
    {
        return holds(false, format!("after two minutes there is only {seen:?}"));
    }
    let wanted = [
        "added inbox",
        "added letter",
        "updated read",
        "added archive",
        "moved read",
        "removed",
    ];
    same(seen, wanted.map(str::to_owned).to_vec(), "the changes")?;
    same(
        watcher.stat(moved.handle()).await?.name(),
        "read",
        "what the watcher's tree shows",
    )
}

async fn sh_6(cx: Cx) -> Checked {
    let view = cx.mega.view(cx.folder)?;
    let mut changes = view.changes();
    for round in 0..5 {
        let place = format!("{round}");
        cx.mkdir(&place).await?;
        holds(
            cx.exists(&place).await?,
            "it is not there when the call returns",
        )?;
        let made = cx.write(&format!("{place}/file"), "x").await?;
        cx.go(cx.mega.rename(made.handle(), "renamed")).await?;
        same(cx.names(&place).await?, vec!["renamed"], "after renaming")?;
        cx.go(cx.mega.move_to(made.handle(), cx.folder)).await?;
        let seen = (cx.list(&place).await?.len(), cx.list("").await?.len());
        same(seen, (0, 2), "after moving")?;
        cx.go(cx.mega.delete(made.handle())).await?;
        cx.go(cx.mega.delete(cx.at(&place))).await?;
        holds(
            !cx.exists(&place).await?,
            "it is still there when the call returns",
        )?;
    }
    cx.mkdir("end").await?;
    let (mut added, mut files) = (Vec::new(), Vec::new());
    let watch = async {
        while let Some(change) = changes.next().await {
            if let Change::Added(node) = change? {
                // Folders of the check; a file is named as it is by the time this is heard of.
                if node.is_folder() {
                    added.push(node.name().to_owned());
                } else {
                    files.push(node.handle());
                }
                if node.name() == "end" {
                    break;
                }
            }
        }
        Ok::<_, crate::Error>(())
    };
    if tokio::time::timeout(Duration::from_secs(120), watch)
        .await
        .is_err()
    {
        return holds(false, format!("after two minutes there is only {added:?}"));
    }
    let distinct: std::collections::BTreeSet<_> = files.iter().collect();
    same(
        (files.len(), distinct.len()),
        (5, 5),
        "files that were reported as new",
    )?;
    same(
        added,
        ["0", "1", "2", "3", "4", "end"].map(str::to_owned).to_vec(),
        "what was reported as new",
    )
}

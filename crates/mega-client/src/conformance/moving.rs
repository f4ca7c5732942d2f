//! Section 7: renaming and moving.

use super::content::content;
use super::subject::{Cx, NOBODY};
use super::{Checked, holds, refused, same, section, some};
use crate::{AccessLevel, Client, ErrorKind, Node, OnConflict};

section! {
    "MV-1" any mv_1 "rename, move, and both at once; names that are taken on the way do not disturb",
    "MV-2" any mv_2 "a missing source is NotFound and nothing is made",
    "MV-3" any mv_3 "onto itself nothing happens",
    "MV-4" any mv_4 "a taken name is what the policy says",
    "MV-5" alone mv_5 "folders keep everything below, for the same number of requests whatever their size",
    "MV-6" any mv_6 "a folder never goes into itself",
    "MV-7" any mv_7 "only the case changes",
    "MV-8" any mv_8 "over the border of a share: keys are handed over, or it is refused",
    "MV-9" any mv_9 "other attributes stay byte for byte",
    "MV-10" any mv_10 "handle, size, time and content stay",
    "MV-11" any mv_11 "a read-only share is AccessDenied, and nothing changes here",
}

async fn mv_1(cx: Cx) -> Checked {
    cx.write("a/old", "it").await?;
    cx.mkdir("b").await?;
    cx.go(cx.mega.rename(cx.at("a/old"), "new")).await?;
    same(cx.read("a/new").await?, "it", "renamed")?;
    cx.go(cx.mega.move_to(cx.at("a/new"), cx.at("b"))).await?;
    same(cx.read("b/new").await?, "it", "moved")?;
    // Both single steps would meet a taken name.
    cx.write("b/final", "in the way here").await?;
    cx.write("a/new", "in the way there").await?;
    cx.go(cx.mega.move_to(cx.at("b/new"), cx.at("a")).rename("final"))
        .await?;
    same(cx.read("a/final").await?, "it", "both at once")?;
    same(
        (cx.names("a").await?, cx.names("b").await?),
        (vec!["final".into(), "new".into()], vec!["final".to_owned()]),
        "all names",
    )
}

async fn mv_2(cx: Cx) -> Checked {
    cx.mkdir("there").await?;
    let missing = [ErrorKind::NotFound];
    refused(
        cx.go(cx.mega.rename(cx.at("missing"), "x")).await,
        &missing,
        "renaming",
    )?;
    refused(
        cx.go(cx.mega.move_to(cx.at("missing"), cx.at("there")))
            .await,
        &missing,
        "moving",
    )?;
    refused(
        cx.go(cx.mega.move_to(cx.at("there"), NOBODY)).await,
        &missing,
        "moving to nowhere",
    )?;
    same(cx.names("").await?, vec!["there"], "what is there")
}

async fn mv_3(cx: Cx) -> Checked {
    let node = cx.write("dir/file", "x").await?;
    for moved in [
        cx.go(cx.mega.rename(cx.at("dir/file"), "file")).await?,
        cx.go(cx.mega.move_to(cx.at("dir/file"), cx.at("dir")))
            .await?,
        cx.go(cx
            .mega
            .move_to(cx.at("dir/file"), cx.at("dir"))
            .on_conflict(OnConflict::Replace))
            .await?,
    ] {
        same(moved.handle(), node.handle(), "the node")?;
    }
    same(cx.read("dir/file").await?, "x", "its content")?;
    same(
        cx.second().await?.list(cx.path("dir")).await?.len(),
        1,
        "entries",
    )
}

async fn mv_4(cx: Cx) -> Checked {
    cx.write("a/x", "mover").await?;
    let there = cx.write("b/x", "there").await?;
    let to = |rule| cx.go(cx.mega.move_to(cx.at("a/x"), cx.at("b")).on_conflict(rule));
    refused(
        to(OnConflict::Fail).await,
        &[ErrorKind::AlreadyExists],
        "the policy to fail",
    )?;
    same(
        (cx.read("a/x").await?, cx.read("b/x").await?),
        (bytes::Bytes::from("mover"), bytes::Bytes::from("there")),
        "after it",
    )?;
    let kept = to(OnConflict::KeepBoth).await?;
    same(kept.name(), "x (1)", "the name when both stay")?;
    same(cx.names("b").await?, vec!["x", "x (1)"], "both")?;
    cx.write("a/x", "second mover").await?;
    to(OnConflict::Replace).await?;
    same(cx.read("b/x").await?, "second mover", "after replacing")?;
    same(
        cx.names("b").await?,
        vec!["x", "x (1)"],
        "no silent duplicate",
    )?;
    let replaced = cx.mega.stat(there.handle()).await?;
    same(
        replaced.parent(),
        Some(cx.mega.rubbish_bin()?.handle()),
        "the replaced one",
    )?;
    cx.mega.delete(&replaced).await?;
    Ok(())
}

async fn mv_5(cx: Cx) -> Checked {
    let paths: Vec<String> = (0..300)
        .map(|number| cx.path(&format!("big/{}/{number}", number % 7)))
        .collect();
    for made in cx.mega.create_dirs(paths).await {
        made.1?;
    }
    cx.write("small/file", "x").await?;
    cx.mkdir("to").await?;
    let handles = |nodes: Vec<Node>| {
        nodes
            .iter()
            .map(Node::handle)
            .collect::<std::collections::BTreeSet<_>>()
    };
    let before = handles(cx.go(cx.mega.list(cx.at("big")).recursive()).await?);
    let count = || cx.backstage().and_then(super::Backstage::requests);
    let start = count();
    cx.go(cx.mega.move_to(cx.at("small"), cx.at("to"))).await?;
    let middle = count();
    cx.go(cx.mega.move_to(cx.at("big"), cx.at("to")).rename("large"))
        .await?;
    let end = count();
    if let (Some(start), Some(middle), Some(end)) = (start, middle, end) {
        let (small, large) = (middle.saturating_sub(start), end.saturating_sub(middle));
        holds(
            large <= small.saturating_mul(2).saturating_add(8),
            format!("{large} requests for a large folder, {small} for a small one"),
        )?;
    }
    cx.go(cx.mega.rename(cx.at("to/large"), "renamed")).await?;
    if let (Some(end), Some(last)) = (end, count()) {
        let requests = last.saturating_sub(end);
        holds(
            requests <= 24,
            format!("{requests} requests for a new name"),
        )?;
    }
    cx.go(cx.mega.rename(cx.at("to/renamed"), "large")).await?;
    let after = handles(cx.go(cx.mega.list(cx.at("to/large")).recursive()).await?);
    same(after, before.clone(), "the handles below")?;
    let second = handles(
        cx.second()
            .await?
            .list(cx.path("to/large"))
            .recursive()
            .await?,
    );
    same(second, before, "the handles below in the second client")
}

async fn mv_6(cx: Cx) -> Checked {
    cx.mkdir("a/b/c").await?;
    for place in ["a", "a/b", "a/b/c"] {
        let moved = cx.go(cx.mega.move_to(cx.at("a"), cx.at(place))).await;
        refused(moved, &[ErrorKind::Misuse], place)?;
    }
    holds(cx.exists("a/b/c").await?, "something has changed")
}

async fn mv_7(cx: Cx) -> Checked {
    let node = cx.write("name.txt", "x").await?;
    cx.go(cx.mega.rename(cx.at("name.txt"), "NAME.txt")).await?;
    same(cx.names("").await?, vec!["NAME.txt"], "names")?;
    same(
        cx.stat("NAME.txt").await?.handle(),
        node.handle(),
        "the node",
    )
}

/// A folder of ours, shared with a contact: as the contact sees it.
async fn shared(cx: &Cx, level: AccessLevel) -> Result<(Client, Node), super::Stop> {
    let friend = cx.friend().await?;
    let me = some(cx.mega.email(), "our address")?.to_owned();
    cx.write("common/file", "common").await?;
    cx.go(cx
        .mega
        .share(
            cx.at("common"),
            some(friend.email(), "their address")?.to_owned(),
        )
        .access(level))
        .await?;
    let folder = cx.stat("common").await?.handle();
    friend.refresh().await?;
    friend.exchange_share_keys().await?;
    let node = friend
        .incoming_shares()
        .into_iter()
        .find(|node| node.handle() == folder);
    let node = some(node, &format!("the share of {me}"))?;
    Ok((friend, node))
}

async fn mv_8(cx: Cx) -> Checked {
    let (friend, common) = shared(&cx, AccessLevel::Full).await?;
    let file = some(friend.list(&common).await?.pop(), "the file in the share")?;
    same(
        cx.go(friend.read(file.handle())).await?,
        "common",
        "what the contact reads",
    )?;
    // Between two owners: refused, with nothing changed; copies work both ways.
    let place = format!("/{}", cx.folder);
    let own = friend.create_dir(place).await?;
    let refusal = [ErrorKind::Unsupported];
    refused(
        cx.go(friend.move_to(file.handle(), own.handle())).await,
        &refusal,
        "out of the share",
    )?;
    refused(
        cx.go(friend.move_to(own.handle(), common.handle())).await,
        &refusal,
        "into the share",
    )?;
    let copied = cx
        .go(friend.copy(file.handle(), own.handle()))
        .await?
        .into_result()?;
    same(friend.read(&copied).await?, "common", "the copy")?;
    friend.write(format!("/{}/mine", cx.folder), "mine").await?;
    let mine = some(
        friend.list(own.handle()).files().sorted().await?.pop(),
        "the contact's file",
    )?;
    let given = cx
        .go(friend.copy(mine.handle(), common.handle()))
        .await?
        .into_result()?;
    cx.mega.refresh().await?;
    same(
        cx.go(cx.mega.read(given.handle())).await?,
        "mine",
        "what came into our share",
    )?;
    // Inside our own drive, into the shared folder: the contact gets the key.
    cx.write("private", "now common").await?;
    let moved = cx
        .go(cx.mega.move_to(cx.at("private"), cx.at("common")))
        .await?;
    friend.refresh().await?;
    same(
        friend.read(moved.handle()).await?,
        "now common",
        "what was moved into the share",
    )?;
    cx.go(cx.mega.move_to(moved.handle(), cx.folder)).await?;
    same(
        cx.read("private").await?,
        "now common",
        "what was moved out of the share",
    )?;
    friend.refresh().await?;
    refused(
        friend.stat(moved.handle()).await,
        &[ErrorKind::NotFound],
        "what has left the share",
    )?;
    friend.delete(&own).await?;
    cx.mega
        .unshare(
            cx.at("common"),
            some(friend.email(), "their address")?.to_owned(),
        )
        .await?;
    Ok(())
}

async fn mv_9(cx: Cx) -> Checked {
    cx.mkdir("other").await?;
    let node = cx.write("file", "x").await?;
    cx.go(cx
        .mega
        .edit(node.handle())
        .application("odd", " spaces,  {\"braces\"} and \u{1f600}")
        .tags(["a", "b"]))
        .await?;
    let without_name = |node: &Node| {
        let mut attributes =
            mega_crypto::attributes::Attributes::parse(node.attribute_text()).unwrap_or_default();
        let _ = attributes.set_name_verbatim("-");
        attributes.to_json()
    };
    let before = without_name(&cx.mega.stat(node.handle()).await?);
    let moved = cx
        .go(cx.mega.move_to(node.handle(), cx.at("other")).rename("new"))
        .await?;
    same(
        without_name(&moved),
        before.clone(),
        "after moving and renaming",
    )?;
    same(
        without_name(&cx.second().await?.stat(node.handle()).await?),
        before,
        "in the second client",
    )
}

async fn mv_10(cx: Cx) -> Checked {
    cx.mkdir("other").await?;
    let bytes = content(200_000, 50);
    let node = cx.write("file", bytes.clone()).await?;
    let moved = cx
        .go(cx.mega.move_to(cx.at("file"), cx.at("other")).rename("new"))
        .await?;
    let told = |node: &Node| (node.handle(), node.size(), node.modified());
    same(told(&moved), told(&node), "handle, size and time")?;
    holds(cx.read("other/new").await? == bytes, "the content")
}

async fn mv_11(cx: Cx) -> Checked {
    let (friend, common) = shared(&cx, AccessLevel::Read).await?;
    let file = some(friend.list(&common).await?.pop(), "the file in the share")?;
    let denied = [ErrorKind::AccessDenied];
    refused(
        cx.go(friend.rename(file.handle(), "x")).await,
        &denied,
        "renaming",
    )?;
    refused(
        cx.go(friend.delete(file.handle())).await,
        &denied,
        "deleting",
    )?;
    refused(
        cx.go(friend.create_dir("new").below(common.handle())).await,
        &denied,
        "making a folder",
    )?;
    refused(
        cx.go(friend.view(common.handle())?.write("new", "x")).await,
        &denied,
        "writing",
    )?;
    same(
        friend.list(&common).await?.len(),
        1,
        "entries for the contact",
    )?;
    same(
        cx.names("common").await?,
        vec!["file"],
        "entries for the owner",
    )?;
    same(
        cx.go(friend.stat(file.handle())).await?.name(),
        "file",
        "its name for the contact",
    )?;
    same(
        cx.go(friend.read(file.handle())).await?,
        "common",
        "its content for the contact",
    )?;
    cx.mega
        .unshare(
            cx.at("common"),
            some(friend.email(), "their address")?.to_owned(),
        )
        .await?;
    Ok(())
}

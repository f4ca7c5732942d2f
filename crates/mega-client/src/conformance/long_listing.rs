//! Section 1, what is long: pages and streams, very many entries, very deep folders.

use std::collections::BTreeSet;

use futures::{StreamExt, TryStreamExt};

use super::subject::Cx;
use super::{Checked, holds, same, some};
use crate::Node;

pub(super) async fn ls_10(cx: Cx) -> Checked {
    let places: Vec<String> = (0..60).map(|number| format!("{number:03}")).collect();
    for made in cx
        .mega
        .create_dirs(places.iter().map(|place| cx.path(place)))
        .await
    {
        made.1?;
    }
    let mut stream = Box::pin(cx.mega.list(cx.at("")).sorted().stream());
    let mut seen = Vec::new();
    while let Some(node) = stream.next().await {
        seen.push(node?.name().to_owned());
        if seen.len() == 20 {
            // What was seen, what is to come, and what is new in both parts.
            for place in ["005", "050"] {
                cx.go(cx.mega.delete(cx.at(place))).await?;
            }
            for place in ["0055", "0555"] {
                cx.mkdir(place).await?;
            }
        }
    }
    let distinct: BTreeSet<_> = seen.iter().cloned().collect();
    same(distinct.len(), seen.len(), "entries seen twice")?;
    for place in places.iter().filter(|place| *place != "050") {
        holds(distinct.contains(place), format!("{place} was left out"))?;
    }
    let all = cx.names("").await?;
    let mut pages = Vec::new();
    loop {
        let mut page = cx.mega.list(cx.at("")).sorted();
        if let Some(last) = pages.last() {
            page = page.start_after(String::clone(last));
        }
        let page: Vec<Node> = page.stream().take(7).try_collect().await?;
        if page.is_empty() {
            break;
        }
        pages.extend(page.iter().map(|node| node.name().to_owned()));
    }
    same(&pages, &all, "the pages one after the other")?;
    // Pages while entries come and go, on both sides of the border: what was there all the time is seen once.
    let mut pages: Vec<String> = Vec::new();
    let (mut gone, mut late) = (Vec::new(), Vec::new());
    loop {
        let mut page = cx.mega.list(cx.at("")).sorted();
        if let Some(last) = pages.last() {
            page = page.start_after(last.clone());
        }
        let page: Vec<Node> = page.stream().take(9).try_collect().await?;
        let Some(last) = page.last().map(|node| node.name().to_owned()) else {
            break;
        };
        pages.extend(page.iter().map(|node| node.name().to_owned()));
        // The border itself, one that was seen, one that is to come; new ones before and behind.
        let next = all.iter().find(|name| **name > last);
        let near = [Some(&last), pages.iter().rev().nth(4), next];
        for name in near.into_iter().flatten() {
            cx.go(cx.mega.delete(cx.at(name))).await?;
            gone.push(name.clone());
        }
        for name in [format!("{last}-new"), format!("000-{last}")] {
            cx.mkdir(&name).await?;
            late.push(name);
        }
        if late.len() > 10 {
            let rest = cx.mega.list(cx.at("")).sorted().start_after(last).stream();
            let rest: Vec<Node> = rest.try_collect().await?;
            pages.extend(rest.iter().map(|node| node.name().to_owned()));
            break;
        }
    }
    let distinct: BTreeSet<&String> = pages.iter().collect();
    same(distinct.len(), pages.len(), "entries that were seen twice")?;
    holds(pages.is_sorted(), "pages are out of order")?;
    for name in all.iter().filter(|name| !gone.contains(name)) {
        holds(distinct.contains(name), format!("{name} was left out"))?;
    }
    Ok(())
}

pub(super) async fn ls_11(cx: Cx) -> Checked {
    // Any order but the sorted one; and the same entries in two of them.
    let few = 3_000.min(cx.scale().entries);
    for (count, step) in [(few, 7_919), (few, 104_729), (cx.scale().entries, 7_919)] {
        let folder = cx.mkdir(&format!("many{count}")).await?;
        let order: Vec<usize> = (0..count)
            .map(|number| number.wrapping_mul(step) % count)
            .collect();
        let names: BTreeSet<String> = order.iter().map(|number| format!("{number:07}")).collect();
        let paths: Vec<String> = order
            .iter()
            .map(|number| cx.path(&format!("many{count}/{number:07}")))
            .collect();
        let distinct = names.len();
        for made in cx.mega.create_dirs(paths).await {
            made.1?;
        }
        let listed = cx.go(cx.mega.list(folder.handle()).sorted()).await?;
        same(listed.len(), distinct, "entries")?;
        holds(
            listed
                .iter()
                .map(Node::name)
                .eq(names.iter().map(String::as_str)),
            "the sorted names",
        )?;
        let second = cx.second().await?;
        same(
            second.list(folder.handle()).await?.len(),
            distinct,
            "entries in the second client",
        )?;
        cx.mega.delete(folder.handle()).await?;
    }
    Ok(())
}

pub(super) async fn ls_12(cx: Cx) -> Checked {
    for depth in [5.min(cx.scale().depth), cx.scale().depth] {
        let place = vec!["d"; depth].join("/");
        let deepest = cx.mkdir(&format!("top{depth}/{place}")).await?;
        let below = cx
            .go(cx.mega.list(cx.at(&format!("top{depth}"))).recursive())
            .await?;
        same(below.len(), depth, "folders below each other")?;
        let path = some(cx.mega.path_of(&deepest), "the path of the deepest")?;
        same(
            cx.go(cx.mega.stat(path)).await?.handle(),
            deepest.handle(),
            "the deepest by its path",
        )?;
        cx.go(cx.mega.delete(cx.at(&format!("top{depth}")))).await?;
        holds(
            cx.mega.stat(deepest.handle()).await.is_err(),
            "the deepest is still there",
        )?;
    }
    Ok(())
}

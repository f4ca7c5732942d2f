//! Section 3: reading.

use std::io::SeekFrom;

use tokio::io::{AsyncReadExt, AsyncSeekExt};

use super::bench::Disturbance;
use super::content::content;
use super::subject::{Cx, NOBODY};
use super::{Checked, holds, not_applicable, refused, same, section, some};
use crate::{ErrorKind, TransferLimits};

section! {
    "RD-1" any rd_1 "what is read is what was written, at every size that could be special",
    "RD-2" any rd_2 "ranges with both ends, with one end, and from the end",
    "RD-3" any rd_3 "a range is cut at the end of the file; one that starts there or is reversed is an error",
    "RD-4" any rd_4 "ranges at any offset decrypt correctly",
    "RD-5" any rd_5 "several ranges at once, overlapping and unordered",
    "RD-6" alone rd_6 "other numbers of connections and buffers give the same bytes",
    "RD-7" any rd_7 "a reader that is dropped half-way leaves nothing behind",
    "RD-8" any rd_8 "reading a folder is IsADirectory, something missing NotFound",
    "RD-9" any rd_9 "a range tells the size of the whole file",
    "RD-10" any rd_10 "reading during replacement gives one content or the other",
    "RD-11" any rd_11 "an older version is read by its handle",
    "RD-12" any rd_12 "a reader seeks and reads again",
    "RD-13" alone rd_13 "a connection that breaks off is continued at the exact byte",
    "RD-14" any rd_14 "a read that depends on the version fails when that has changed",
}

/// Sizes at the borders of blocks, chunks and full-size chunks, and some in between.
const SIZES: [usize; 23] = [
    0,
    1,
    15,
    16,
    17,
    131_071,
    131_072,
    131_073,
    393_215,
    393_216,
    393_217,
    1_048_575,
    1_048_576,
    1_048_577,
    3_670_015,
    3_670_016,
    3_670_017,
    4_718_591,
    4_718_592,
    4_718_593,
    20 << 20,
    77_777,
    2_345_678,
];

async fn rd_1(cx: Cx) -> Checked {
    // Besides, one that nobody has chosen; when it fails, the message says which it was.
    let random = cx.random() % 6_000_000;
    for size in SIZES.into_iter().chain([usize::try_from(random)?]) {
        let bytes = content(size, 1);
        let place = format!("{size}");
        let node = cx.write(&place, bytes.clone()).await?;
        same(node.size(), size as u64, "the size")?;
        holds(
            cx.read(&place).await? == bytes,
            format!("{size} bytes came back different"),
        )?;
        if size <= 5_000_000 {
            let mut file = cx.go(cx.mega.open(cx.at(&place))).await?;
            let mut whole = Vec::with_capacity(size);
            file.read_to_end(&mut whole).await?;
            holds(
                whole == bytes && file.integrity().is_verified(),
                format!("{size} bytes as a stream: {}", file.integrity()),
            )?;
        }
    }
    Ok(())
}

async fn rd_2(cx: Cx) -> Checked {
    let bytes = content(300_000, 2);
    cx.write("file", bytes.clone()).await?;
    let read = || cx.mega.read(cx.at("file"));
    let part = |range: std::ops::Range<usize>| bytes.get(range).unwrap_or_default().to_vec();
    same(
        cx.go(read().range(10..20)).await?.to_vec(),
        part(10..20),
        "both ends",
    )?;
    same(
        cx.go(read().range(10..=20)).await?.to_vec(),
        part(10..21),
        "the end included",
    )?;
    same(
        cx.go(read().range(299_990..)).await?.to_vec(),
        part(299_990..300_000),
        "from an offset",
    )?;
    same(
        cx.go(read().range(..5)).await?.to_vec(),
        part(0..5),
        "from the start",
    )?;
    same(
        cx.go(read().last(7)).await?.to_vec(),
        part(299_993..300_000),
        "from the end",
    )?;
    same(
        cx.go(read().last(400_000)).await?.to_vec(),
        bytes.to_vec(),
        "more than the file",
    )?;
    same(
        cx.go(read().last(0)).await?.len(),
        0,
        "nothing from the end",
    )
}

async fn rd_3(cx: Cx) -> Checked {
    cx.write("file", content(1000, 3)).await?;
    let read = || cx.mega.read(cx.at("file"));
    for range in [990..5000, 990..u64::MAX] {
        same(
            cx.go(read().range(range)).await?.as_ref(),
            content(1000, 3).get(990..).unwrap_or_default(),
            "an end beyond the file",
        )?;
    }
    refused(
        cx.go(read().range(1000..)).await,
        &[ErrorKind::Misuse],
        "everything from the end on",
    )?;
    for start in [1000, 1001, 1 << 40] {
        refused(
            cx.go(read().range(start..start + 10)).await,
            &[ErrorKind::Misuse],
            "a start at the end or beyond",
        )?;
    }
    #[expect(clippy::reversed_empty_ranges, reason = "that is what is checked")]
    let reversed = read().range(20..10);
    refused(
        cx.go(reversed).await,
        &[ErrorKind::Misuse],
        "a reversed range",
    )
}

/// Offsets and lengths that cross the borders of blocks and chunks.
const ODD: [(usize, usize); 9] = [
    (1, 1),
    (15, 2),
    (17, 100_000),
    (131_071, 2),
    (131_072, 1),
    (131_073, 262_144),
    (393_200, 40),
    (1_000_003, 77),
    (0, 1_500_000),
];

async fn rd_4(cx: Cx) -> Checked {
    let bytes = content(1_500_000, 4);
    cx.write("file", bytes.clone()).await?;
    for (start, len) in ODD {
        let read = cx
            .mega
            .read(cx.at("file"))
            .range(start as u64..(start + len) as u64);
        let wanted = bytes.get(start..start + len).unwrap_or_default();
        holds(
            cx.go(read).await?.as_ref() == wanted,
            format!("{len} bytes from {start}"),
        )?;
    }
    Ok(())
}

async fn rd_5(cx: Cx) -> Checked {
    let bytes = content(1_500_000, 5);
    cx.write("file", bytes.clone()).await?;
    let reads = ODD.iter().rev().map(|(start, len)| {
        let (start, len) = (*start, *len);
        let read = cx
            .mega
            .read(cx.at("file"))
            .range(start as u64..(start + len) as u64);
        let cx = &cx;
        async move { (start, len, cx.go(read).await) }
    });
    for (start, len, read) in futures::future::join_all(reads).await {
        let wanted = bytes.get(start..start + len).unwrap_or_default();
        holds(
            read?.as_ref() == wanted,
            format!("{len} bytes from {start}"),
        )?;
    }
    Ok(())
}

async fn rd_6(cx: Cx) -> Checked {
    let bytes = content(5_000_000, 6);
    cx.write("file", bytes.clone()).await?;
    let before = cx.mega.limits();
    let few = TransferLimits::default()
        .connections_per_file(1)
        .attempts(30);
    let many = TransferLimits::default()
        .connections_per_file(16)
        .attempts(30);
    for limits in [few, many] {
        cx.mega.set_limits(limits);
        let whole = cx.read("file").await;
        let mut file = cx.go(cx.mega.open(cx.at("file"))).await?;
        let mut streamed = Vec::new();
        let read = file.read_to_end(&mut streamed).await;
        cx.mega.set_limits(before);
        holds(whole? == bytes, "read at once")?;
        read?;
        holds(streamed == bytes, "read as a stream")?;
    }
    Ok(())
}

async fn rd_7(cx: Cx) -> Checked {
    let bytes = content(3_000_000, 7);
    cx.write("file", bytes.clone()).await?;
    // With two connections and little memory, a reader that kept either would stop the next ones.
    let narrow = cx.fresh().await?;
    let limits = narrow.limits().requests_at_once(2).buffer_bytes(8 << 20);
    narrow.set_limits(limits);
    let target = narrow.stat(cx.path("file")).await?.handle();
    for _ in 0..20 {
        let mut file = cx.go(narrow.open(target)).await?;
        let mut some = [0; 1000];
        file.read_exact(&mut some).await?;
        same(
            some.as_slice(),
            bytes.get(..1000).unwrap_or_default(),
            "the beginning",
        )?;
    }
    holds(
        cx.go(narrow.read(target)).await? == bytes,
        "the whole file afterwards",
    )
}

async fn rd_8(cx: Cx) -> Checked {
    cx.mkdir("folder").await?;
    refused(
        cx.read("folder").await,
        &[ErrorKind::IsADirectory],
        "a folder",
    )?;
    refused(
        cx.go(cx.mega.open(cx.at("folder"))).await,
        &[ErrorKind::IsADirectory],
        "opening a folder",
    )?;
    refused(
        cx.read("missing").await,
        &[ErrorKind::NotFound],
        "something missing",
    )?;
    refused(
        cx.go(cx.mega.open(cx.at("missing"))).await,
        &[ErrorKind::NotFound],
        "opening something missing",
    )?;
    refused(
        cx.go(cx.mega.read(cx.at("folder")).range(0..1)).await,
        &[ErrorKind::IsADirectory],
        "a part of a folder",
    )
}

async fn rd_9(cx: Cx) -> Checked {
    cx.write("file", content(5000, 9)).await?;
    let part = cx.go(cx.mega.read(cx.at("file")).range(100..200)).await?;
    same(
        (part.start(), part.len(), part.file_size()),
        (100, 100, 5000),
        "start, length and size",
    )?;
    same(
        cx.go(cx.mega.open(cx.at("file"))).await?.size(),
        5000,
        "the size of the open file",
    )
}

async fn rd_10(cx: Cx) -> Checked {
    let contents = [content(400_000, 10), content(400_001, 11)];
    let [first, second] = &contents;
    cx.write("file", first.clone()).await?;
    let write = async {
        for round in 0..4 {
            let new = if round % 2 == 0 { second } else { first };
            cx.write("file", new.clone()).await?;
        }
        Ok::<_, super::Stop>(())
    };
    let read = async {
        for _ in 0..8 {
            let seen = cx.read("file").await?;
            holds(contents.contains(&seen), "a mixture was read")?;
        }
        Ok::<_, super::Stop>(())
    };
    let (wrote, read) = tokio::join!(write, read);
    wrote?;
    read
}

async fn rd_11(cx: Cx) -> Checked {
    let old = cx.write("file", "old").await?;
    let new = cx.write("file", "new").await?;
    let versions = cx.go(cx.mega.versions(cx.at("file"))).await?;
    same(
        versions.iter().map(crate::Node::handle).collect::<Vec<_>>(),
        vec![old.handle()],
        "older versions",
    )?;
    same(
        cx.go(cx.mega.read(old.handle())).await?,
        "old",
        "the older version",
    )?;
    same(
        cx.go(cx.mega.read(new.handle())).await?,
        "new",
        "the current one",
    )?;
    refused(
        cx.go(cx.mega.read(NOBODY)).await,
        &[ErrorKind::NotFound],
        "a version that does not exist",
    )
}

async fn rd_12(cx: Cx) -> Checked {
    let bytes = content(700_000, 12);
    cx.write("file", bytes.clone()).await?;
    let mut file = cx.go(cx.mega.open(cx.at("file"))).await?;
    for start in [600_000_u64, 0, 131_000, 131_000, 699_990] {
        file.seek(SeekFrom::Start(start)).await?;
        let mut part = [0; 10];
        file.read_exact(&mut part).await?;
        let at = usize::try_from(start)?;
        same(
            part.as_slice(),
            bytes.get(at..at + 10).unwrap_or_default(),
            "ten bytes",
        )?;
    }
    // From the end, and from where it is, both ways.
    for (seek, at) in [
        (SeekFrom::End(-20), 699_980_usize),
        (SeekFrom::Current(-15), 699_975),
        (SeekFrom::Current(5), 699_990),
    ] {
        let position = file.seek(seek).await?;
        same(position, at as u64, "the position")?;
        let mut part = [0; 10];
        file.read_exact(&mut part).await?;
        let wanted = bytes.get(at..at + 10).unwrap_or_default();
        same(part.as_slice(), wanted, "ten bytes near the end")?;
    }
    same(file.read(&mut [0; 10]).await?, 0, "bytes at the end")?;
    file.seek(SeekFrom::Start(0)).await?;
    let mut whole = Vec::new();
    file.read_to_end(&mut whole).await?;
    holds(
        whole == bytes && file.integrity().is_verified(),
        "the whole file, verified",
    )
}

async fn rd_13(cx: Cx) -> Checked {
    let bytes = content(3_000_000, 13);
    cx.write("file", bytes.clone()).await?;
    for after in [0, 1, 70_000, 131_073, 1_000_000] {
        let cut = Disturbance::CutDownloads { after, times: 2 };
        if !cx.stage()?.disturb(cut) {
            return not_applicable("the bench cannot break connections");
        }
        holds(
            cx.read("file").await? == bytes,
            format!("broken off after {after} bytes"),
        )?;
        // The same through a reader, which gives every byte once.
        let cut = Disturbance::CutDownloads { after, times: 2 };
        cx.stage()?.disturb(cut);
        let mut file = cx.go(cx.mega.open(cx.at("file"))).await?;
        let mut whole = Vec::new();
        file.read_to_end(&mut whole).await?;
        holds(
            whole == bytes && file.integrity().is_verified(),
            format!("a reader, broken off after {after} bytes"),
        )?;
    }
    cx.stage()?.calm();
    Ok(())
}

async fn rd_14(cx: Cx) -> Checked {
    let one = cx.write("file", "one").await?;
    let path = cx.path("file");
    let read = |version| cx.mega.read(path.as_str()).if_version(version);
    same(
        cx.go(read(one.handle())).await?,
        "one",
        "while nothing has changed",
    )?;
    let two = cx.write("file", "two").await?;
    refused(
        cx.go(read(one.handle())).await,
        &[ErrorKind::Precondition],
        "after a change",
    )?;
    let part = cx.go(read(one.handle()).range(0..1)).await;
    refused(part, &[ErrorKind::Precondition], "a part after a change")?;
    same(cx.go(read(two.handle())).await?, "two", "the new version")?;
    some(
        cx.mega.versions(path.as_str()).await?.first(),
        "the old version",
    )
    .map(drop)
}

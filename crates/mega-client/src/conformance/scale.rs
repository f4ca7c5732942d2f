//! Section 10: transfers of many and large files.

use std::collections::BTreeMap;
use std::future::IntoFuture;
use std::path::Path;
use std::time::{Duration, SystemTime};

use super::bench::{Disturbance, Form};
use super::content::{End, Reader, content};
use super::subject::Cx;
use super::{Checked, holds, not_applicable, refused, same, section, some};
use crate::{Client, ErrorKind, Existing, Outcome, Progress, QuotaPolicy, TransferLimits};

section! {
    "TR-1" any tr_1 "a tree comes back as it went, empty folders and odd names included",
    "TR-2" any tr_2 "a second run moves only what has changed",
    "TR-3" alone tr_3 "a file bears its name only when it is complete",
    "TR-4" any tr_4 "names of 255 bytes work while they are partial",
    "TR-5" any tr_5 "a file that fails is reported and stops nothing",
    "TR-6" alone tr_6 "many connections and one give the same; stopping stops all",
    "TR-7" any tr_7 "limits stop cleanly",
    "TR-8" alone tr_8 "a used-up transfer quota fails or is waited for, as configured",
    "TR-9" alone tr_9 "a large file both ways in bounded memory",
}

/// Every file with its content and every folder, below a local folder.
fn tree(top: &Path) -> std::io::Result<BTreeMap<std::path::PathBuf, Option<Vec<u8>>>> {
    let mut found = BTreeMap::new();
    let mut todo = vec![top.to_path_buf()];
    while let Some(folder) = todo.pop() {
        for entry in std::fs::read_dir(&folder)? {
            let path = entry?.path();
            let key = path.strip_prefix(top).unwrap_or(&path).to_path_buf();
            if path.is_dir() {
                found.insert(key, None);
                todo.push(path);
            } else {
                found.insert(key, Some(std::fs::read(&path)?));
            }
        }
    }
    Ok(found)
}

fn make_tree(top: &Path) -> std::io::Result<()> {
    for folder in ["empty", "a/b/c"] {
        std::fs::create_dir_all(top.join(folder))?;
    }
    for (name, size) in [
        ("one", 1),
        ("zero", 0),
        ("a/border", 131_072),
        ("a/b/large", 700_000),
        ("a/b/c/with space", 5),
    ] {
        std::fs::write(top.join(name), content(size, 80))?;
    }
    #[cfg(unix)]
    for name in [
        "a/colon: and \"quote\"",
        "a/CON",
        "a/trailing.",
        "a/back\\slash",
        "a/\u{202e}gpj.exe",
        "a/\u{ff0e}",
    ] {
        std::fs::write(top.join(name), name)?;
    }
    Ok(())
}

async fn tr_1(cx: Cx) -> Checked {
    let (from, to) = (cx.local("from")?, cx.local("to")?);
    make_tree(&from)?;
    cx.go(cx.mega.upload_folder(&from, cx.path("tree")))
        .await?
        .into_result()?;
    cx.go(cx.mega.download_folder(cx.at("tree"), to.join("copy")))
        .await?
        .into_result()?;
    same(tree(&to.join("copy"))?, tree(&from)?, "the tree")
}

async fn tr_2(cx: Cx) -> Checked {
    let from = cx.local("from")?;
    make_tree(&from)?;
    let run = || cx.go(cx.mega.upload_folder(&from, cx.path("tree")));
    let first = run().await?.into_result()?;
    let second = run().await?.into_result()?;
    same(
        (second.transferred(), second.same()),
        (0, first.transferred()),
        "the second run",
    )?;
    // Another size; another content of the same size; another time only.
    std::fs::write(from.join("one"), "longer")?;
    std::fs::write(from.join("a/border"), content(131_072, 81))?;
    touch(&from.join("a/border"), at(2_000_000))?;
    touch(&from.join("a/b/c/with space"), at(1_000_000))?;
    let third = run().await?.into_result()?;
    for (path, outcome) in [("one", "changed"), ("a/border", "changed")] {
        let file = third.files().iter().find(|file| file.path == path);
        let seen = some(file, path)?.outcome.to_string();
        same(seen, outcome, path)?;
    }
    let file = third.files().iter();
    let touched = file.filter(|file| matches!(file.outcome, Outcome::Touched));
    let touched: Vec<_> = touched.map(|file| file.path.as_str()).collect();
    same(touched, vec!["a/b/c/with space"], "files of another time")?;
    same(third.transferred(), 2, "files moved by the third run")?;
    same(
        cx.stat("tree/a/b/c/with space").await?.modified(),
        Some(at(1_000_000)),
        "the changed time",
    )?;
    holds(
        cx.read("tree/a/border").await? == content(131_072, 81),
        "the changed content",
    )?;
    same(cx.read("tree/one").await?, "longer", "the changed size")?;
    // The same size and the same time: the samples tell.
    std::fs::write(from.join("a/border"), content(131_072, 87))?;
    touch(&from.join("a/border"), at(2_000_000))?;
    let fourth = run().await?.into_result()?;
    same(fourth.transferred(), 1, "files moved by the fourth run")?;
    holds(
        cx.read("tree/a/border").await? == content(131_072, 87),
        "the content that changed behind its time",
    )?;
    same(
        run().await?.into_result()?.transferred(),
        0,
        "files moved by a last run",
    )?;
    // And the other way: the same comparison, on what has changed here.
    let to = cx.local("to")?.join("copy");
    let back = || {
        let download = cx.mega.download_folder(cx.at("tree"), &to);
        cx.go(download.on_existing(Existing::Update))
    };
    let first = back().await?.into_result()?;
    let second = back().await?.into_result()?;
    same(
        (second.transferred(), second.same()),
        (0, first.transferred()),
        "the second run of a download",
    )?;
    std::fs::write(to.join("one"), "another size")?;
    std::fs::write(to.join("a/border"), content(131_072, 89))?;
    same(
        back().await?.into_result()?.transferred(),
        2,
        "files that came again",
    )?;
    same(tree(&to)?, tree(&from)?, "the tree")
}

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

fn touch(path: &Path, time: SystemTime) -> std::io::Result<()> {
    let file = std::fs::File::options().write(true).open(path)?;
    file.set_modified(time)
}

/// A client of its own that moves content slowly, so that something can happen on the way.
async fn slow(cx: &Cx, bytes_per_second: u64) -> crate::Result<Client> {
    let client = cx.fresh().await?;
    let limits = client.limits().small_files_at_once(1);
    client.set_limits(
        limits
            .download_rate(bytes_per_second)
            .upload_rate(bytes_per_second),
    );
    Ok(client)
}

/// Does something as soon as so many bytes have moved.
async fn after(progress: &Progress, bytes: u64, act: impl FnOnce()) {
    while progress.bytes_done() < bytes {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    act();
}

async fn tr_3(cx: Cx) -> Checked {
    let to = cx.local("to")?;
    let bytes = content(3_000_000, 82);
    cx.write("dir/file", bytes.clone()).await?;
    for polls in [1, 5, 20, 60] {
        let mut download = Box::pin(
            cx.mega
                .download(cx.at("dir/file"), to.join("file"))
                .into_future(),
        );
        let mut done = false;
        for _ in 0..polls {
            done = super::poll_once(&mut download).await.is_ready();
            if done {
                break;
            }
            holds(
                !to.join("file").exists() || std::fs::read(to.join("file"))? == bytes,
                "a partial file bears the name",
            )?;
            tokio::task::yield_now().await;
        }
        drop(download);
        if done {
            break;
        }
        holds(
            !to.join("file").exists() || std::fs::read(to.join("file"))? == bytes,
            "a partial file bears the name",
        )?;
    }
    cx.go(cx
        .mega
        .download(cx.at("dir/file"), to.join("file"))
        .on_existing(Existing::Update))
        .await?;
    holds(
        std::fs::read(to.join("file"))? == bytes,
        "the file after running it again",
    )
}

async fn tr_4(cx: Cx) -> Checked {
    let to = cx.local("to")?;
    let names = [
        "x".repeat(255),
        "x".repeat(254) + "y",
        "\u{8a9e}".repeat(85),
    ];
    for name in &names {
        cx.write(&format!("dir/{name}"), name.clone()).await?;
    }
    for name in &names {
        let local = to.join(name);
        cx.go(cx.mega.download(cx.at(&format!("dir/{name}")), &local))
            .await?;
        same(std::fs::read(&local)?, name.as_bytes(), "the content")?;
    }
    // Names that no file system takes: shortened, and still two files.
    cx.write(&format!("long/{}1", "z".repeat(300)), "1").await?;
    cx.write(&format!("long/{}2", "z".repeat(300)), "2").await?;
    cx.go(cx.mega.download_folder(cx.at("long"), to.join("long")))
        .await?
        .into_result()?;
    let mut contents: Vec<_> = tree(&to.join("long"))?.into_values().flatten().collect();
    contents.sort();
    same(
        contents,
        vec![b"1".to_vec(), b"2".to_vec()],
        "two files of shortened names",
    )
}

async fn tr_5(cx: Cx) -> Checked {
    let from = cx.local("from")?;
    for number in 0..10 {
        std::fs::write(from.join(format!("{number}")), format!("file {number}"))?;
    }
    // A file of that name is in the way of a folder's: that one cannot be made.
    std::fs::create_dir(from.join("taken"))?;
    std::fs::write(from.join("taken/inner"), "x")?;
    cx.write("to/taken", "a file").await?;
    let report = cx.go(cx.mega.upload_folder(&from, cx.path("to"))).await?;
    same(report.transferred(), 10, "files that went through")?;
    let failed: Vec<_> = report.failed().map(|(path, _)| path.to_owned()).collect();
    holds(
        !failed.is_empty() && failed.iter().all(|path| path.starts_with("taken")),
        format!("failed: {failed:?}"),
    )?;
    holds(report.into_result().is_err(), "the whole reports success")?;
    same(cx.read("to/7").await?, "file 7", "one of the others")?;
    // One that is deleted while others are on their way.
    let from = cx.local("vanishing")?;
    for number in 0..10 {
        std::fs::write(from.join(format!("{number}")), content(20_000, number))?;
    }
    let (client, progress) = (slow(&cx, 100_000).await?, Progress::new());
    let upload = client.upload_folder(&from, cx.path("vanishing"));
    let vanish = after(&progress, 1, || {
        let _ = std::fs::remove_file(from.join("9"));
    });
    let (report, ()) = tokio::join!(cx.go(upload.progress(&progress)), vanish);
    let report = report?;
    let failed: Vec<_> = report.failed().collect();
    let failed: Vec<_> = failed.iter().map(|(path, e)| (*path, e.kind())).collect();
    same(failed, vec![("9", ErrorKind::NotFound)], "failed")?;
    same(report.transferred(), 9, "files beside one that vanished")?;
    cx.mega.refresh().await?;
    same(cx.list("vanishing").await?.len(), 9, "what has arrived")?;
    // And one that is cut and grows all the time.
    let from = cx.local("cut")?;
    std::fs::write(from.join("other"), "x")?;
    std::fs::write(from.join("cut"), content(6_000_000, 88))?;
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let (path, stopped) = (from.join("cut"), std::sync::Arc::clone(&stop));
    let cutter = std::thread::spawn(move || {
        let mut short = true;
        while !stopped.load(std::sync::atomic::Ordering::Relaxed) {
            if let Ok(file) = std::fs::File::options().write(true).open(&path) {
                let _ = file.set_len(if short { 3_000_000 } else { 6_000_000 });
            }
            short = !short;
        }
    });
    let report = cx.go(cx.mega.upload_folder(&from, cx.path("cut"))).await;
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    let _ = cutter.join();
    let report = report?;
    let failed: Vec<_> = report.failed().map(|(path, e)| (path, e.kind())).collect();
    same(failed, vec![("cut", ErrorKind::SourceChanged)], "failed")?;
    same(cx.names("cut").await?, vec!["other"], "what has arrived")
}

async fn tr_6(cx: Cx) -> Checked {
    let to = cx.local("to")?;
    let bytes = content(6_000_000, 83);
    cx.write("file", bytes.clone()).await?;
    let before = cx.mega.limits();
    for connections in [1, 8] {
        cx.mega.set_limits(
            TransferLimits::default()
                .connections_per_file(connections)
                .attempts(30),
        );
        let local = to.join(format!("{connections}"));
        let done = cx.go(cx.mega.download(cx.at("file"), &local)).await;
        cx.mega.set_limits(before);
        done?;
        holds(
            std::fs::read(&local)? == bytes,
            format!("{connections} connections"),
        )?;
    }
    // Stopped before it begins, and on the way.
    let client = slow(&cx, 2 << 20).await?;
    let target = client.stat(cx.path("file")).await?.handle();
    for moved in [0, 1] {
        let progress = Progress::new();
        let download = client.download(target, to.join("stopped"));
        let stop = after(&progress, moved, || progress.cancel());
        let (stop, download) = (stop, cx.go(download.progress(&progress)));
        let ((), stopped) = tokio::join!(biased; stop, download);
        refused(
            stopped,
            &[ErrorKind::Cancelled],
            "a download that was stopped",
        )?;
        same(std::fs::read_dir(&to)?.count(), 2, "local files after it")?;
        // Whoever still worked would go on counting.
        let done = progress.bytes_done();
        let first = client.read(target).range(0..1000);
        same(cx.go(first).await?.len(), 1000, "bytes read afterwards")?;
        same(progress.bytes_done(), done, "bytes that moved afterwards")?;
    }
    Ok(())
}

async fn tr_7(cx: Cx) -> Checked {
    // A deadline, with a source that never ends.
    let reader = Reader::new(content(100_000, 84), 4096, End::Stuck);
    let upload = cx.piping("file", reader).into_future();
    let ended = tokio::time::timeout(Duration::from_millis(50), upload).await;
    holds(ended.is_err(), "it ended by itself")?;
    holds(
        !cx.second().await?.exists(cx.path("file")).await?,
        "it left a node",
    )?;
    // A limit on what is moved: whoever counts, stops it.
    let (client, progress) = (slow(&cx, 500_000).await?, Progress::new());
    // The content is never complete: what has arrived as a whole may become a file before anybody stops it.
    let reader = Reader::new(content(2_500_000, 85), 65_536, End::Stuck);
    let upload = client
        .write_from(cx.path("large"), reader)
        .size(6_000_000)
        .progress(&progress);
    let stop = after(&progress, 100_000, || progress.cancel());
    let (stopped, ()) = tokio::join!(cx.go(upload), stop);
    refused(stopped, &[ErrorKind::Cancelled], "an upload over the limit")?;
    same(
        cx.second().await?.list(cx.folder).await?.len(),
        0,
        "nodes after it",
    )
}

async fn tr_8(cx: Cx) -> Checked {
    cx.write("file", content(200_000, 86)).await?;
    let over = |seconds, times| Disturbance::OverTransferQuota { seconds, times };
    if !cx.stage()?.disturb(over(1234, 1000)) {
        return not_applicable("the bench cannot use up the quota");
    }
    let failed = cx.read("file").await;
    cx.stage()?.calm();
    let told = failed.as_ref().err().and_then(crate::Error::retry_after);
    refused(
        failed,
        &[ErrorKind::OverTransferQuota],
        "the policy to fail",
    )?;
    same(told, Some(Duration::from_secs(1234)), "how long to wait")?;
    let before = cx.mega.limits();
    cx.mega
        .set_limits(before.quota_policy(QuotaPolicy::WaitUpTo(Duration::from_secs(30))));
    cx.stage()?.disturb(over(1, 1));
    let waited = cx.read("file").await;
    cx.mega.set_limits(before);
    cx.stage()?.calm();
    holds(waited? == content(200_000, 86), "the content after waiting")
}

async fn tr_9(cx: Cx) -> Checked {
    use tokio::io::AsyncReadExt;
    let size = cx.scale().large_file;
    let client = if cx.form() == Form::Blocking {
        cx.mega.clone()
    } else {
        cx.fresh().await?
    };
    let upload = client
        .write_from(cx.path("file"), tokio::io::repeat(0x5A).take(size))
        .size(size);
    cx.go(upload).await?;
    let mut file = cx.go(client.open(cx.path("file"))).await?;
    let mut buffer = vec![0; 1 << 18];
    let mut seen = 0_u64;
    loop {
        let len = file.read(&mut buffer).await?;
        let part = some(buffer.get(..len), "the part that was read")?;
        if len == 0 {
            break;
        }
        holds(
            part.iter().all(|byte| *byte == 0x5A),
            format!("another byte after {seen}"),
        )?;
        seen = seen.saturating_add(len as u64);
    }
    same(seen, size, "bytes that came back")?;
    let (peak, limit) = (client.peak_buffer_bytes(), client.limits().buffers());
    holds(
        peak <= limit,
        format!("{peak} bytes of buffers, and {limit} are allowed"),
    )
}

//! Section 11, what goes wrong: the errors of calls, and calls that are dropped half-way.

use std::future::IntoFuture;
use std::time::Duration;

use super::bench::{Disturbance, Plant};
use super::content::content;
use super::subject::{Cx, NOBODY};
use super::{Checked, holds, same, some};
use crate::{Error, ErrorKind, Existing, OnConflict, Progress};

/// Whether an error says what it has to.
fn told(failed: Option<Error>, operation: &str, subject: &str, kind: ErrorKind) -> Checked {
    let error = some(failed, &format!("an error of {operation} ({kind:?})"))?;
    let said = (error.kind(), error.operation(), error.subject());
    let wanted = (kind, Some(operation), Some(subject));
    same(said, wanted, "kind, operation and subject")?;
    holds(
        error.to_string().contains(subject) && !error.remedy().is_empty(),
        format!("its text: {error}"),
    )?;
    let io = std::io::Error::from(error);
    let expected = match kind {
        ErrorKind::NotFound => std::io::ErrorKind::NotFound,
        ErrorKind::AlreadyExists => std::io::ErrorKind::AlreadyExists,
        ErrorKind::IsADirectory => std::io::ErrorKind::IsADirectory,
        ErrorKind::NotADirectory => std::io::ErrorKind::NotADirectory,
        ErrorKind::AccessDenied => std::io::ErrorKind::PermissionDenied,
        ErrorKind::Unsupported => std::io::ErrorKind::Unsupported,
        ErrorKind::Key | ErrorKind::Integrity => std::io::ErrorKind::InvalidData,
        _ => io.kind(),
    };
    same(io.kind(), expected, "as an error of the standard library")
}

pub(super) async fn gn_2(cx: Cx) -> Checked {
    cx.write("file", content(200_000, 94)).await?;
    cx.write("folder/inner", "x").await?;
    macro_rules! rows {
        ($($operation:literal $subject:expr, $kind:ident: $call:expr);* $(;)?) => {$({
            let failed = cx.go($call).await.err();
            told(failed, $operation, &$subject.to_string(), ErrorKind::$kind)?;
        })*};
    }
    let (missing, file, folder) = (cx.at("missing"), cx.at("file"), cx.at("folder"));
    let path = cx.path("file");
    let below = cx.path("file/below");
    let root = cx.mega.root()?.handle();
    let stopped = Progress::new();
    stopped.cancel();
    rows! {
        "read" missing, NotFound: cx.mega.read(&missing);
        "list" missing, NotFound: cx.mega.list(&missing);
        "stat" missing, NotFound: cx.mega.stat(&missing);
        "rename" missing, NotFound: cx.mega.rename(&missing, "x");
        "move" missing, NotFound: cx.mega.move_to(&missing, &folder);
        "copy" missing, NotFound: cx.mega.copy(&missing, &folder);
        "trash" missing, NotFound: cx.mega.trash(&missing);
        "delete" missing, NotFound: cx.mega.delete(&missing);
        "link" missing, NotFound: cx.mega.link(&missing);
        "read" NOBODY, NotFound: cx.mega.read(NOBODY);
        "list" file, NotADirectory: cx.mega.list(&file);
        "read" folder, IsADirectory: cx.mega.read(&folder);
        "upload" below, NotADirectory: cx.mega.write(below.as_str(), "x");
        "upload" path, AlreadyExists: cx.mega.write(path.as_str(), "x").on_conflict(OnConflict::Fail);
        "upload" path, Precondition: cx.mega.write(path.as_str(), "x").if_version(NOBODY);
        "upload" path, Cancelled: cx.mega.write(path.as_str(), "x").progress(&stopped);
        "read" file, Misuse: cx.mega.read(&file).range(200_000..);
        "rename" file, InvalidName: cx.mega.rename(&file, "");
        "remove folder" folder, NotEmpty: cx.mega.remove_dir(&folder);
        "delete" root, AccessDenied: cx.mega.delete(root);
        "edit" folder, Unsupported: cx.mega.set_modified(&folder, std::time::UNIX_EPOCH);
    }
    // What only a server can bring about.
    if let Some(stage) = cx.backstage() {
        let refuse = |command, code| Disturbance::Refuse {
            command,
            code,
            times: 1000,
        };
        for (disturbance, operation, kind) in [
            (refuse("p", -17), "copy", ErrorKind::OverStorageQuota),
            (refuse("a", -11), "rename", ErrorKind::AccessDenied),
            (refuse("a", -16), "rename", ErrorKind::Blocked),
            (refuse("a", -6), "rename", ErrorKind::RateLimited),
            (refuse("g", -9), "read", ErrorKind::NotFound),
            (Disturbance::DamageDownloads, "read", ErrorKind::Integrity),
            (
                Disturbance::OverTransferQuota {
                    seconds: 1234,
                    times: 1000,
                },
                "read",
                ErrorKind::OverTransferQuota,
            ),
        ] {
            if !stage.disturb(disturbance) {
                continue;
            }
            let failed = match operation {
                "copy" => cx.go(cx.mega.copy(&file, &folder)).await.err(),
                "rename" => cx.go(cx.mega.rename(&file, "other")).await.err(),
                _ => cx.go(cx.mega.read(&file)).await.err(),
            };
            stage.calm();
            told(failed, operation, &file.to_string(), kind)?;
        }
        // A client that gives up soon, and cannot look either.
        let (second, tenth) = (Duration::from_secs(1), Duration::from_millis(100));
        let impatient = cx
            .bench()
            .builder()
            .deadline(second)
            .retry_delays(tenth, tenth);
        let impatient = cx.go(impatient.resume(&cx.mega.save()?)).await?;
        if stage.disturb(Disturbance::LoseReplies) {
            let somebody = format!("{}@example.com", cx.folder);
            let asked = cx.go(impatient.quota()).await.err();
            let looked = cx.go(impatient.rename(&file, "renamed")).await.err();
            let changed = cx.go(impatient.invite(somebody.as_str())).await.err();
            stage.calm();
            let asked = some(asked, "an error of quota")?;
            same(asked.kind(), ErrorKind::Network, "what was only asked")?;
            // It looks at the newest tree before it sends anything.
            told(looked, "rename", &file.to_string(), ErrorKind::Timeout)?;
            told(changed, "invite", &somebody, ErrorKind::OutcomeUnknown)?;
            cx.mega.refresh().await?;
            cx.go(cx.mega.withdraw_invitation(somebody.as_str()))
                .await?;
        }
        if let Some(bad) = stage.plant(Plant::Undecryptable { parent: cx.folder }) {
            let fresh = cx.fresh().await?;
            let failed = cx.go(fresh.read(bad)).await.err();
            told(failed, "read", &bad.to_string(), ErrorKind::Key)?;
        }
    }
    // Nothing of a key, in any form of an error.
    let link = cx.go(cx.mega.link(cx.at("folder"))).await?;
    cx.go(cx.mega.remove_link(cx.at("folder"))).await?;
    let removed = cx.bench().builder().open_link(link.url());
    let error = some(cx.go(removed).await.err(), "the error")?;
    let key = link.url().rsplit_once('#').map(|(_, key)| key.to_owned());
    let key = some(key, "the key of the link")?;
    holds(
        !format!("{error} {error:?}").contains(&key),
        "an error shows the key of a link",
    )
}

pub(super) async fn gn_4(cx: Cx) -> Checked {
    cx.write("file", "x").await?;
    let bytes = content(300_000, 95);
    let large = cx.write("large", bytes.clone()).await?.handle();
    let local = cx.local("tree")?;
    std::fs::write(local.join("1"), "one")?;
    std::fs::write(local.join("2"), "two")?;
    for polls in [1, 2, 4, 9] {
        // Each is dropped somewhere on the way, then done again.
        macro_rules! dropped {
            ($call:expr) => {{
                let mut call = Box::pin($call.into_future());
                for _ in 0..polls {
                    if super::poll_once(&mut call).await.is_ready() {
                        break;
                    }
                    tokio::task::yield_now().await;
                }
            }};
        }
        /// For calls that may be made twice as they are.
        macro_rules! twice {
            ($call:expr) => {{
                dropped!($call);
                cx.go($call).await?
            }};
        }
        let place = format!("dir{polls}");
        let folder = twice!(cx.making(&place));
        twice!(cx.writing(&format!("{place}/new"), "new"));
        cx.mega.refresh().await?;
        dropped!(cx.mega.copy(cx.at("file"), folder.handle()).merge());
        let copied = cx.mega.copy(cx.at("file"), folder.handle());
        let copied = cx.go(copied.on_conflict(OnConflict::Replace)).await?;
        let file = copied.into_result()?.handle();
        twice!(cx.mega.rename(file, "copy"));
        twice!(cx.mega.edit(file).description("noted"));
        let inner = twice!(cx.making(&format!("{place}/inner"))).handle();
        twice!(cx.mega.move_to(file, inner));
        same(
            cx.read(&format!("{place}/inner/copy")).await?,
            "x",
            "what was moved",
        )?;
        let url = twice!(cx.mega.link(file)).url().to_owned();
        same(cx.go(cx.mega.link(file)).await?.url(), url, "the link")?;
        twice!(cx.mega.remove_link(file));
        let made = cx.go(cx.mega.stat(file)).await?;
        same(
            (made.description().as_deref(), made.link().is_none()),
            (Some("noted"), true),
            "what is noted, and no link",
        )?;
        // Into the bin and back. What is there already is not thrown away again.
        let bin = cx.mega.rubbish_bin()?.handle();
        for back in [false, true] {
            if back {
                dropped!(cx.mega.restore(file));
            } else {
                dropped!(cx.mega.trash(file));
            }
            cx.mega.refresh().await?;
            let there = cx.go(cx.mega.stat(file)).await?.parent() == Some(bin);
            if there == back {
                // An effect may still have been on its way.
                let again = if back {
                    cx.go(cx.mega.restore(file)).await.map(drop)
                } else {
                    cx.go(cx.mega.trash(file)).await.map(drop)
                };
                match again {
                    Err(error) if error.kind() != ErrorKind::Misuse => return Err(error.into()),
                    _ => cx.mega.refresh().await?,
                }
            }
            let parent = cx.go(cx.mega.stat(file)).await?.parent();
            let wanted = if back { inner } else { bin };
            same(parent, Some(wanted), "where it lies")?;
        }
        // Content, both ways.
        holds(twice!(cx.mega.read(large)) == bytes, "the large file")?;
        let copy = local.with_extension(format!("copy{polls}"));
        twice!(
            cx.mega
                .download(large, &copy)
                .on_existing(Existing::Overwrite)
        );
        holds(std::fs::read(&copy)? == bytes, "the downloaded file")?;
        std::fs::remove_file(&copy)?;
        let tree = cx.path(&format!("{place}/tree"));
        twice!(cx.mega.upload_folder(&local, tree.as_str())).into_result()?;
        twice!(cx.mega.download_folder(tree.as_str(), &copy)).into_result()?;
        same(std::fs::read_dir(&copy)?.count(), 2, "files that came back")?;
        same(
            cx.names(&place).await?,
            vec!["inner", "new", "tree"],
            "names",
        )?;
        same(
            cx.names(&format!("{place}/tree")).await?,
            vec!["1", "2"],
            "the tree",
        )?;
        dropped!(cx.mega.delete(folder.handle()));
        match cx.go(cx.mega.delete(folder.handle())).await {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
    }
    same(
        cx.second().await?.list(cx.folder).await?.len(),
        2,
        "what is left",
    )
}

//! A folder goes to MEGA and comes back, byte for byte, times included.
//!
//! `cargo run --release --example quickstart -- [FOLDER] [--email ADDRESS]`
//!
//! Without `--email` everything runs against the embedded server: no account, no network. FOLDER is the workspace's own
//! `crates/` unless one is given.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use indicatif::{HumanBytes, ProgressBar, ProgressStyle};
use mega_client::{Client, Progress, SavedSession};
use mega_examples::{Place, folder_argument};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

#[tokio::main]
async fn main() -> Result<()> {
    let folder = folder_argument().canonicalize()?;
    let place = Place::from_args().await?;
    say(if place.is_embedded() {
        "Using the embedded server"
    } else {
        "Using the real service"
    });

    let mega = place.sign_in().await?;
    say(&format!(
        "Signed in; {} of {} used",
        bytes(mega.quota().await?.used()),
        bytes(mega.quota().await?.total())
    ));

    let top = format!(
        "/quickstart-{}",
        SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)?
            .as_secs()
    );
    let remote = format!("{top}/folder");
    mega.create_dir(&top).await?;

    let bar = Bar::new("uploading  ");
    let report = mega
        .upload_folder(&folder, &remote)
        .progress(&bar.progress)
        .await?;
    bar.finish();
    report.into_result()?;

    let nodes = mega.list(&remote).recursive().await?;
    let size: u64 = nodes.iter().map(|node| node.size()).sum();
    say(&format!(
        "Listed {} nodes, {}, without a request",
        nodes.len(),
        bytes(size)
    ));

    // Rename, move, and put everything back: handles and content do not change.
    mega.rename(&remote, "renamed").await?;
    mega.create_dir(format!("{top}/elsewhere")).await?;
    let moved = mega
        .move_to(format!("{top}/renamed"), format!("{top}/elsewhere"))
        .await?;
    say(&format!(
        "Renamed and moved to {}",
        mega.path_of(&moved).unwrap_or_default()
    ));
    mega.move_to(&moved, &top).rename("folder").await?;

    // A link to one of the files, opened by somebody without an account.
    if let Some(file) = nodes.iter().find(|node| node.is_file()) {
        let link = mega.link(file).await?;
        let visitor = place.builder().open_link(link.url()).await?;
        let seen = visitor.list("/").await?;
        let content = match seen.first() {
            Some(node) => visitor.read(node).await?,
            None => return Err("the link shows nothing".into()),
        };
        say(&format!(
            "A visitor read {} of {} through a link",
            bytes(content.len() as u64),
            file.name()
        ));
        mega.remove_link(file).await?;
    }

    let back = tempfile::tempdir()?;
    let copy = back.path().join("copy");
    let bar = Bar::new("downloading");
    let report = mega
        .download_folder(&remote, &copy)
        .progress(&bar.progress)
        .await?;
    bar.finish();
    report.into_result()?;
    compare(&folder, &copy)?;

    // Keep the session, and come back without the password.
    let saved: SavedSession = mega.save()?;
    drop(mega);
    let mega: Client = place.builder().resume(&saved).await?;
    say(&format!(
        "Resumed the saved session; {} nodes in the folder",
        mega.list(&remote).recursive().await?.len()
    ));

    let trashed = mega.trash(&top).await?;
    mega.delete(&trashed).await?;
    mega.sign_out().await?;
    say("Signed out");
    Ok(())
}

/// Compares two folders byte for byte, modification times of the files included (MEGA keeps whole seconds).
fn compare(left: &Path, right: &Path) -> Result<()> {
    let (a, b) = (tree(left)?, tree(right)?);
    let names: (Vec<_>, Vec<_>) = (a.keys().collect(), b.keys().collect());
    if names.0 != names.1 {
        return Err("the two folders do not hold the same names".into());
    }
    let mut total = 0;
    for (name, meta) in &a {
        if meta.is_dir() {
            continue;
        }
        let (ours, theirs) = (fs::read(left.join(name))?, fs::read(right.join(name))?);
        if ours != theirs {
            return Err(format!("{} came back different", name.display()).into());
        }
        let seconds = |time: SystemTime| {
            time.duration_since(SystemTime::UNIX_EPOCH)
                .map(|t| t.as_secs())
                .unwrap_or(0)
        };
        if seconds(meta.modified()?) != seconds(fs::metadata(right.join(name))?.modified()?) {
            return Err(format!("{} came back with another time", name.display()).into());
        }
        total += ours.len() as u64;
    }
    say(&format!(
        "Compared {} entries, {}: all equal, times included",
        a.len(),
        bytes(total)
    ));
    Ok(())
}

/// Every file and folder below a folder; links and special files are not part of an upload.
fn tree(top: &Path) -> Result<BTreeMap<PathBuf, fs::Metadata>> {
    let mut found = BTreeMap::new();
    let mut todo = vec![top.to_path_buf()];
    while let Some(folder) = todo.pop() {
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            let meta = entry.metadata()?;
            if meta.is_dir() {
                todo.push(entry.path());
            } else if !meta.is_file() {
                continue;
            }
            found.insert(entry.path().strip_prefix(top)?.to_path_buf(), meta);
        }
    }
    Ok(found)
}

/// A progress bar fed from a [`Progress`].
struct Bar {
    progress: Progress,
    bar: ProgressBar,
    label: &'static str,
    start: Instant,
    ticker: tokio::task::JoinHandle<()>,
}

impl Bar {
    fn new(label: &'static str) -> Self {
        let progress = Progress::new();
        let bar = ProgressBar::new(0);
        if let Ok(style) =
            ProgressStyle::with_template("  {prefix} [{bar:30}] {bytes}/{total_bytes} {msg}")
        {
            bar.set_style(style);
        }
        bar.set_prefix(label);
        let (source, target) = (progress.clone(), bar.clone());
        let ticker = tokio::spawn(async move {
            loop {
                target.set_length(source.bytes_total());
                target.set_position(source.bytes_done());
                target.set_message(format!(
                    "{}/{} files",
                    source.files_done(),
                    source.files_total()
                ));
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        });
        Self {
            progress,
            bar,
            label,
            start: Instant::now(),
            ticker,
        }
    }

    fn finish(self) {
        self.ticker.abort();
        self.bar.finish_and_clear();
        let seconds = self.start.elapsed().as_secs_f64().max(0.001);
        let done = self.progress.bytes_done();
        say(&format!(
            "{} done: {} files, {} in {seconds:.1} s, {}/s",
            self.label.trim(),
            self.progress.files_done(),
            bytes(done),
            HumanBytes((done as f64 / seconds) as u64),
        ));
    }
}

fn bytes(count: u64) -> HumanBytes {
    HumanBytes(count)
}

fn say(text: &str) {
    println!("* {text}");
}

//! A folder goes to MEGA and comes back, byte for byte, times included.
//!
//! `cargo run --release --example quickstart -- [FOLDER] [--email ADDRESS]`
//!
//! Without `--email` everything runs against the embedded server: no account, no network. FOLDER is the workspace's own
//! `crates/` unless one is given.

use std::error::Error;
use std::time::SystemTime;

use mega_client::{Client, SavedSession};
use mega_examples::{Bar, Place, bytes, compare, folder_argument, say};

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

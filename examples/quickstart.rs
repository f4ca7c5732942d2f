//! A folder goes to MEGA and comes back, byte for byte, times included.
//!
//! `cargo run --release --example quickstart -- [FOLDER] [--email ADDRESS]`
//!
//! Without `--email` everything runs against the embedded server: no account, no network. FOLDER is the workspace's own
//! `crates/` unless one is given.

use std::error::Error;

use mega_client::{Node, SavedSession};
use mega_examples::{Place, bytes, compare, folder_argument, fresh_name, say, with_bar};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = folder_argument().canonicalize()?;
    let place = Place::from_args().await?;
    say!("Using {place}");
    let mega = place.sign_in().await?;
    let quota = mega.quota().await?;
    let (used, total) = (bytes(quota.used()), bytes(quota.total()));
    say!("Signed in; {used} of {total} used");

    let top = fresh_name("/quickstart");
    let remote = format!("{top}/folder");
    let upload = |bar: &_| mega.upload_folder(&folder, &remote).progress(bar);
    with_bar("uploading  ", upload).await?.into_result()?;
    let nodes = mega.list(&remote).recursive().await?;
    let size = bytes(nodes.iter().map(Node::size).sum());
    say!("Listed {} nodes, {size}, without a request", nodes.len());

    // Rename, move, and put everything back: handles and content do not change.
    let renamed = mega.rename(&remote, "renamed").await?;
    let elsewhere = mega.create_dir(format!("{top}/elsewhere")).await?;
    let moved = mega.move_to(&renamed, elsewhere).await?;
    let path = mega.path_of(&moved).unwrap_or_default();
    say!("Renamed and moved to {path}");
    mega.move_to(&moved, &top).rename("folder").await?;

    // A link to one of the files, opened by somebody without an account.
    if let Some(file) = nodes.iter().find(|node| node.is_file()) {
        let link = mega.link(file).await?;
        let visitor = place.builder().open_link(link.url()).await?;
        let content = visitor.read(&visitor.list("/").await?[0]).await?;
        let (size, name) = (bytes(content.len() as u64), file.name());
        say!("A visitor read {size} of {name} through a link");
        mega.remove_link(file).await?;
    }

    let back = tempfile::tempdir()?;
    let copy = back.path().join("copy");
    let download = |bar: &_| mega.download_folder(&remote, &copy).progress(bar);
    with_bar("downloading", download).await?.into_result()?;
    compare(&folder, &copy)?;

    // Keep the session, and come back without the password.
    let saved: SavedSession = mega.save()?;
    drop(mega);
    let mega = place.builder().resume(&saved).await?;
    let nodes = mega.list(&remote).recursive().await?.len();
    say!("Resumed the saved session; {nodes} nodes in the folder");

    let trashed = mega.trash(&top).await?;
    mega.delete(&trashed).await?;
    mega.sign_out().await?;
    say!("Signed out");
    Ok(())
}

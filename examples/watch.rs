//! Watches the changes that another client makes in a folder. Run: `cargo run --example watch`.

use std::error::Error;

use futures::StreamExt;
use mega_client::Change;
use mega_examples::Place;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let place = Place::from_args().await?;
    let watcher = place.sign_in().await?;
    let worker = place.sign_in().await?;
    // Only what happens in one folder; `watcher.changes()` would show all of the account.
    watcher.create_dir("/watch-example").await?;
    let folder = watcher.view("/watch-example")?;
    let mut changes = folder.changes();

    worker.refresh().await?;
    let worker_folder = worker.view("/watch-example")?;
    worker.create_dir("/elsewhere").await?;
    worker_folder.create_dir("/inbox").await?;
    worker_folder
        .write("/inbox/letter.txt", "dear reader")
        .await?;
    worker_folder
        .rename("/inbox/letter.txt", "read.txt")
        .await?;
    worker_folder.delete("/inbox").await?;

    let mut seen = 0;
    while let Some(change) = changes.next().await {
        seen += 1;
        match change? {
            Change::Added(node) => println!("new: {}", node.name()),
            Change::Updated(node) => println!("changed: {}", node.name()),
            Change::Removed(handle) => {
                println!("gone: {handle}");
                break;
            }
            other => println!("{other:?}"),
        }
    }
    assert!(seen >= 4, "two were added, one changed, one removed");

    worker
        .delete_all(["/watch-example", "/elsewhere"])
        .await
        .into_result()?;
    worker.sign_out().await?;
    watcher.sign_out().await?;
    Ok(())
}

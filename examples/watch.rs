//! Watches the changes that another client makes. Run: `cargo run --example watch`.

use std::error::Error;

use futures::StreamExt;
use mega_client::Change;
use mega_examples::Place;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let place = Place::from_args().await?;
    let watcher = place.sign_in().await?;
    let worker = place.sign_in().await?;
    let mut changes = watcher.changes();

    worker.create_dir("/inbox").await?;
    worker.write("/inbox/letter.txt", "dear reader").await?;
    worker.rename("/inbox/letter.txt", "read.txt").await?;
    worker.delete("/inbox").await?;

    while let Some(change) = changes.next().await {
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

    worker.sign_out().await?;
    watcher.sign_out().await?;
    Ok(())
}

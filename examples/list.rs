//! Lists folders: one level, everything below, sorted, for other programs. Run: `cargo run --example list`.

use std::error::Error;

use mega_client::SortBy;
use mega_examples::Place;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let place = Place::from_args().await?;
    let whole = place.sign_in().await?;
    whole.create_dir("/list-example").await?;
    let mega = whole.view("/list-example")?;
    mega.create_dir("/photos/2025").await?;
    mega.write("/notes/shopping.txt", "milk, bread").await?;
    mega.write("/photos/2026/cat.jpg", vec![0xFF; 4096]).await?;

    println!("One level:");
    for node in mega.list("/").sorted().await? {
        println!("  {:?} {}", node.kind(), node.name());
    }

    println!("Everything below:");
    let all = mega.list("/").recursive().sorted().await?;
    for node in &all {
        let path = mega.path_of(node).unwrap_or_default();
        println!("  {:>8} {path}", node.size());
    }
    assert_eq!(all.len(), 6);

    println!("The largest file first, wherever it lies:");
    let files = mega.list("/").recursive().files();
    let files = files.sort_by(SortBy::Size).descending().together().await?;
    for node in &files {
        println!("  {:>8} {}", node.size(), node.name());
    }
    assert_eq!(files[0].name(), "cat.jpg");

    println!("For other programs (feature `serde`), never with a key:");
    println!("  {}", serde_json::to_string(&files)?);

    // A handle works wherever a path does, and survives renames.
    let note = mega.stat("/notes/shopping.txt").await?;
    mega.rename(&note, "groceries.txt").await?;
    let now = mega.stat(note.handle()).await?;
    println!("{} is called {} now", note.name(), now.name());
    assert_eq!(now.name(), "groceries.txt");

    whole.delete("/list-example").await?;
    whole.sign_out().await?;
    Ok(())
}

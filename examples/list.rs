//! Lists folders: one level, everything below, and by a condition. Run: `cargo run --example list`.

use std::error::Error;

use mega_examples::Place;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let place = Place::from_args().await?;
    let mega = place.sign_in().await?;
    for path in ["/photos/2025", "/photos/2026", "/notes"] {
        mega.create_dir(path).await?;
    }
    mega.write("/notes/shopping.txt", "milk, bread").await?;
    mega.write("/photos/2026/cat.jpg", vec![0xFF; 4096]).await?;

    println!("One level:");
    for node in mega.list("/").sorted().await? {
        println!(
            "  {:8} {}",
            if node.is_folder() { "folder" } else { "file" },
            node.name()
        );
    }

    println!("Everything below:");
    for node in mega.list("/").recursive().sorted().await? {
        let path = mega.path_of(&node).unwrap_or_default();
        println!("  {:>8} {path}", node.size());
    }

    println!("For other programs (feature `serde`), never with a key:");
    for node in mega.list("/").recursive().files().sorted().await? {
        println!("  {}", serde_json::to_string(&node)?);
    }

    let note = mega.stat("/notes/shopping.txt").await?;
    println!(
        "{} has the handle {} and {} bytes",
        note.name(),
        note.handle(),
        note.size()
    );
    // A handle works wherever a path does, and survives renames.
    mega.rename(&note, "groceries.txt").await?;
    println!(
        "and is called {} now",
        mega.stat(note.handle()).await?.name()
    );

    mega.sign_out().await?;
    Ok(())
}

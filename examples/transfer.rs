//! Uploads and downloads with progress, in memory and on disk. Run: `cargo run --example transfer`.

use std::error::Error;

use mega_client::Progress;
use mega_examples::Place;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let place = Place::from_args().await?;
    let mega = place.sign_in().await?;
    let folder = tempfile::tempdir()?;

    // A file on disk: its modification time is kept, its content is proven before it gets its name back.
    let local = folder.path().join("report.txt");
    std::fs::write(&local, "all is well\n".repeat(100_000))?;
    let progress = Progress::new();
    let node = mega
        .upload(&local, "/reports/report.txt")
        .progress(&progress)
        .await?;
    println!(
        "uploaded {} bytes in {} parts",
        progress.bytes_done(),
        progress.parts_done()
    );

    let copy = folder.path().join("copy.txt");
    let receipt = mega.download(&node, &copy).await?;
    println!(
        "downloaded {} bytes, {}",
        receipt.bytes(),
        receipt.integrity()
    );
    assert_eq!(std::fs::read(&local)?, std::fs::read(&copy)?);

    // Bytes in memory, and a part of a file.
    mega.write("/reports/note.txt", "short").await?;
    println!(
        "note: {}",
        String::from_utf8_lossy(&mega.read("/reports/note.txt").await?)
    );
    let part = mega.read("/reports/report.txt").range(4..6).await?;
    println!("bytes 4 and 5: {}", String::from_utf8_lossy(&part));

    mega.sign_out().await?;
    Ok(())
}

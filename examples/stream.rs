//! Content as it comes: written line by line, read as a stream and in part; settings kept with the account. Run: `cargo run --example stream`.

use std::error::Error;

use futures::TryStreamExt;
use mega_client::SortBy;
use mega_examples::Place;
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let place = Place::from_args().await?;
    let whole = place.sign_in().await?;
    whole.create_dir("/stream-example").await?;
    let mega = whole.view("/stream-example")?;

    // Nobody knows how long it will be. Nothing shows until it is closed.
    let mut report = mega.writer("/reports/squares.txt").await?;
    for number in 1..=1000_u32 {
        let line = format!("{number}\t{}\n", number * number);
        report.write_all(line.as_bytes()).await?;
    }
    assert!(!mega.exists("/reports/squares.txt").await?);
    let node = report.close().await?;
    println!("{} has {} bytes", node.name(), node.size());

    // One that is dropped before that leaves nothing.
    let mut given_up = mega.writer("/reports/given up.txt").size(1_000_000).await?;
    given_up.write_all(b"only a little").await?;
    drop(given_up);
    assert_eq!(mega.list("/reports").await?.len(), 1);

    // As a stream of pieces. At its end the content is proven.
    let mut file = mega.open(&node).await?;
    let mut lines = 0;
    while let Some(piece) = file.try_next().await? {
        lines += piece.iter().filter(|byte| **byte == b'\n').count();
    }
    println!("{lines} lines, {}", file.integrity());

    // A part of it, somewhere. It is proven when all of the file has been seen; of a large one that says "unverified".
    let mut file = mega.open(&node).await?;
    file.seek(std::io::SeekFrom::End(-6)).await?;
    let mut last = String::new();
    file.read_to_string(&mut last).await?;
    println!("the end is {:?}, {}", last.trim_end(), file.integrity());

    // The largest first; and what `rclone rcat` does: any reader, of whatever length.
    for length in [10_u64, 1_000, 100] {
        let reader = tokio::io::repeat(b'x').take(length);
        mega.write_from(format!("/pages/{length}.txt"), reader)
            .await?;
    }
    let largest = mega.list("/pages").sort_by(SortBy::Size).descending();
    for node in largest.await? {
        println!("{} {}", node.size(), node.name());
    }

    // What the program wants to find again, on any computer: encrypted, and the service cannot read it.
    whole
        .set_user_attribute("*!example", "1000 squares")
        .await?;
    let elsewhere = place.sign_in().await?;
    let kept = elsewhere.user_attribute("*!example").await?;
    println!("kept with the account: {}", kept.text().unwrap_or("?"));
    whole.remove_user_attribute("*!example").await?;

    whole.delete("/stream-example").await?;
    whole.sign_out().await?;
    Ok(())
}

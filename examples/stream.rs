//! Content as it comes: written line by line or piece by piece, read as a stream and in part. Run: `cargo run --example stream`.

use std::error::Error;
use std::io::SeekFrom;

use futures::{SinkExt, TryStreamExt};
use mega_client::bytes::Bytes;
use mega_examples::Place;
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let place = Place::from_args().await?;
    let whole = place.sign_in().await?;
    whole.create_dir("/stream-example").await?;
    let mega = whole.view("/stream-example")?;

    // Nobody knows how long it will be. Nothing shows until it is closed.
    let mut report = mega.writer("/squares.txt").await?;
    for number in 1..=1000_u32 {
        let line = format!("{number}\t{}\n", number * number);
        report.write_all(line.as_bytes()).await?;
    }
    assert!(!mega.exists("/squares.txt").await?);
    let node = report.close().await?;
    println!("{} has {} bytes", node.name(), node.size());

    // One that is dropped before that leaves nothing.
    let mut given_up = mega.writer("/given up.txt").size(1_000_000).await?;
    given_up.write_all(b"only a little").await?;
    drop(given_up);
    assert_eq!(mega.list("/").await?.len(), 1);

    // As a stream of pieces. At its end the content is proven. A sink takes what a stream gives: here from one file into another.
    let mut file = mega.open(&node).await?;
    let mut copy = mega.writer("/copy.txt").size(node.size()).await?;
    let mut pieces = (&mut file).map_ok(Bytes::from);
    while let Some(piece) = pieces.try_next().await? {
        copy.send(piece).await?;
    }
    SinkExt::close(&mut copy).await?;
    println!(
        "copied: {:?}, {}",
        copy.node().map(|node| node.size()),
        file.integrity()
    );
    assert_eq!(mega.read("/copy.txt").await?, mega.read(&node).await?);

    // A part of it, somewhere. It is proven when all of the file has been seen; of a large one that says "unverified".
    let mut file = mega.open(&node).await?;
    file.seek(SeekFrom::End(-6)).await?;
    let mut last = String::new();
    file.read_to_string(&mut last).await?;
    println!("the end is {:?}, {}", last.trim_end(), file.integrity());

    // What `rclone rcat` does: any reader, of whatever length.
    let reader = tokio::io::repeat(b'x').take(100_000);
    let node = mega.write_from("/page.txt", reader).await?;
    assert_eq!(node.size(), 100_000);

    whole.delete("/stream-example").await?;
    whole.sign_out().await?;
    Ok(())
}

//! Older versions of files: kept, looked at, made current again, deleted. Run: `cargo run --example versions`.

use std::error::Error;
use std::time::{Duration, SystemTime};

use mega_client::OnConflict;
use mega_examples::Place;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let place = Place::from_args().await?;
    let mega = place.sign_in().await?;
    let path = "/versions-example/plan.txt";
    for text in ["first", "second", "third", "fourth"] {
        mega.write(path, text).await?;
    }
    let refused = mega.write(path, "fifth").on_conflict(OnConflict::Fail);
    println!("{}", refused.await.err().ok_or("it was written")?);

    // The current one is not among them; the newest comes first.
    let older = mega.versions(path).await?;
    for version in &older {
        println!("older: {:?}", mega.read(version).await?);
    }
    let [third, _, first] = older.as_slice() else {
        return Err("three versions were expected".into());
    };
    mega.delete_version(third).await?;
    mega.restore_version(first).await?;
    println!("current: {:?}", mega.read(path).await?);
    assert_eq!(mega.read(path).await?, "first");
    println!("deleted: {} versions", mega.delete_versions(path).await?);
    assert!(mega.versions(path).await?.is_empty());

    // Times are whole seconds, and belong to files.
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    let dated = mega.set_modified(path, time).await?;
    println!("changed at {:?}", dated.modified_unix());
    assert_eq!(dated.modified(), Some(time));

    // Those of all files of the account: not done in an account that means something to somebody.
    if place.is_embedded() {
        mega.write(path, "second").await?;
        mega.write("/versions-example/other.txt", "a").await?;
        mega.write("/versions-example/other.txt", "b").await?;
        println!(
            "in versions: {} bytes",
            mega.usage("/").await?.version_bytes
        );
        mega.delete_all_versions().await?;
        assert_eq!(mega.usage("/").await?.versions, 0);
        assert_eq!(mega.read("/versions-example/other.txt").await?, "b");
    }
    mega.delete("/versions-example").await?;
    mega.sign_out().await?;
    Ok(())
}

//! Nodes of one name: which of them a path means, how they are cleaned up, folders that become one. Run: `cargo run --example duplicates`.

use std::error::Error;

use mega_client::{DedupeMode, Duplicates, OnConflict, Progress, SameBy};
use mega_examples::Place;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let place = Place::from_args().await?;
    let whole = place.sign_in().await?;
    whole.create_dir("/duplicates-example").await?;
    let mega = whole.view("/duplicates-example")?;

    for text in ["short", "a longer one", "short"] {
        let twin = mega.write("/twin.txt", text);
        twin.on_conflict(OnConflict::Duplicate).await?;
    }
    // A path that leads to several nodes is an error with their handles, unless there is a rule.
    let error = mega.read("/twin.txt").await.err().ok_or("it was read")?;
    for handle in error.handles() {
        println!("{handle}: {:?}", mega.read(*handle).await?);
    }
    let newest = mega
        .stat("/twin.txt")
        .duplicates(Duplicates::Newest)
        .await?;
    println!("the newest: {:?}", mega.read(&newest).await?);
    assert_eq!(error.handles().len(), 3);

    // Two folders of one name, as other programs make them.
    mega.write("/trip/1.jpg", "one").await?;
    mega.write("/other/2.jpg", "two").await?;
    let same_name = mega.rename("/other", "trip");
    same_name.on_conflict(OnConflict::Duplicate).await?;
    println!("planned: {}", mega.merge_folders("/").dry_run().await?);
    println!("merged:  {}", mega.merge_folders("/").await?);
    assert_eq!(mega.list("/trip").await?.len(), 2);

    // Of the same content one stays. What becomes of different ones is up to the mode.
    let plan = mega.dedupe("/").mode(DedupeMode::List).await?;
    for duplicate in plan.duplicates() {
        println!("{:?} {} times", duplicate.path, duplicate.kept.len());
    }
    let progress = Progress::new();
    let dedupe = mega.dedupe("/").mode(DedupeMode::Rename);
    let report = dedupe.same_by(SameBy::Fingerprint).progress(&progress);
    println!("done:    {}", report.await?);
    println!("steps:   {}", progress.items_done());
    let left = mega.list("/").files().sorted().await?;
    for node in &left {
        println!("left: {}", node.name());
    }
    assert_eq!(left.len(), 2, "two contents, each under a name of its own");

    whole.delete("/duplicates-example").await?;
    whole.sign_out().await?;
    Ok(())
}

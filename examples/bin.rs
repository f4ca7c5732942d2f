//! Thrown away, back again, and gone for good. Run: `cargo run --example bin`.

use std::error::Error;
use std::time::Duration;

use mega_client::ErrorKind;
use mega_examples::Place;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let place = Place::from_args().await?;
    let mega = place.sign_in().await?;
    let paths: Vec<String> = (1..=3).map(|n| format!("/bin-example/{n}.txt")).collect();
    for path in &paths {
        mega.write(path, "a page").await?;
    }

    // Into the bin, and back to where it was.
    let trashed = mega.trash(&paths[0]).await?;
    assert!(!mega.exists(&paths[0]).await?);
    let back = mega.restore(&trashed).await?;
    println!("back: {}", mega.path_of(&back).unwrap_or_default());
    let thrown = mega.trash_all(&paths).await.into_result()?;
    assert!(mega.list("/bin-example").await?.is_empty());
    mega.restore_all(&thrown).await.into_result()?;
    assert_eq!(mega.list("/bin-example").await?.len(), 3);

    // Only an empty folder; one result for each of many; for good.
    let full = mega.remove_dir("/bin-example").await.err();
    let full = full.ok_or("it was removed")?;
    assert_eq!(full.kind(), ErrorKind::NotEmpty);
    println!("{full}: {}", full.remedy());
    let targets = ["/bin-example/1.txt", "/bin-example/2.txt", "/bin-example/x"];
    for (target, result) in mega.delete_all(targets).await {
        match result {
            Ok(()) => println!("{target} is gone"),
            Err(error) => println!("{error}"),
        }
    }
    mega.trash("/bin-example/3.txt").await?;
    mega.remove_dir("/bin-example").await?;

    // What the service got a month ago or earlier; without that, all of it.
    let month = Duration::from_secs(30 * 24 * 3600);
    let gone = mega.empty_rubbish_bin().older_than(month).await?;
    println!("emptied of {gone} old nodes");
    if place.is_embedded() {
        println!("emptied of {} nodes", mega.empty_rubbish_bin().await?);
        assert!(mega.list(mega.rubbish_bin()?).await?.is_empty());
    }
    mega.sign_out().await?;
    Ok(())
}

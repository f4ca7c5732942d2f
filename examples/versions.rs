//! Versions of a file, its times, deleting, the rubbish bin. Run: `cargo run --example versions`.

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
    println!("deleted: {} versions", mega.delete_versions(path).await?);

    // Times are whole seconds, and belong to files.
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    let dated = mega.set_modified(path, time).await?;
    println!("changed at {:?}", dated.modified_unix());
    let marks = mega.edit_all([path]).favourite(true).description("ours");
    marks.await.into_result()?;

    // Thrown away, and back again; only empty folders; for good.
    let trashed = mega.trash(path).await?;
    println!("back: {}", mega.restore(&trashed).await?.name());
    let full = mega.remove_dir("/versions-example").await;
    println!("{}", full.err().ok_or("it was removed")?);
    mega.delete_all([path]).await.into_result()?;
    mega.remove_dir("/versions-example").await?;

    // What the service got a month ago or earlier; without that, all of it.
    let month = Duration::from_secs(30 * 24 * 3600);
    let gone = mega.empty_rubbish_bin().older_than(month).await?;
    println!("emptied of {gone} old nodes");
    mega.sign_out().await?;
    Ok(())
}

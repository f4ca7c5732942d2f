//! Folders, copies, versions, notes, duplicates, the rubbish bin, a view. Run: `cargo run --example organise`.

use std::error::Error;

use mega_client::{Label, OnConflict};
use mega_examples::Place;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let place = Place::from_args().await?;
    let whole = place.sign_in().await?;
    whole.create_dir("/organise-example").await?;
    // A view: everything below stays in this folder.
    let mega = whole.view("/organise-example")?;

    let folders = ["/inbox", "/archive/2025", "/archive/2026"];
    mega.create_dirs(folders).await.into_result()?;
    let letter = mega.write("/inbox/letter.txt", "dear reader").await?;
    mega.write("/inbox/letter.txt", "dear reader, again")
        .await?;
    mega.restore_version(&letter).await?;
    println!("restored: {:?}", mega.read("/inbox/letter.txt").await?);

    let edit = mega.edit("/inbox/letter.txt").label(Label::Green);
    let noted = edit.tags(["post"]).favourite(true).await?;
    println!("{:?}, tags {:?}", noted.label(), noted.tags());
    mega.copy(&noted, "/archive/2025").await?;
    mega.move_to(&noted, "/archive/2026")
        .rename("first.txt")
        .await?;
    let found = mega.search("/").name("*.txt").tag("post").await?;
    println!("found: {}", found.len());

    // Two nodes of one name, and what becomes of them.
    mega.write("/twin", "the same").await?;
    let twin = mega.write("/twin", "the same");
    twin.on_conflict(OnConflict::Duplicate).await?;
    println!("removed: {}", mega.dedupe("/").await?.removed().len());

    let trashed = mega.trash("/archive/2025").await?;
    whole.restore(&trashed).await?;
    println!("back: {}", mega.exists("/archive/2025").await?);
    for (target, result) in mega.trash_all(["/twin", "/missing"]).await {
        match result {
            Ok(_) => println!("{target} is in the bin"),
            Err(error) => println!("{error}: {}", error.remedy()),
        }
    }
    let usage = mega.usage("/").await?;
    println!("{} bytes, {} in versions", usage.bytes, usage.version_bytes);
    let quota = whole.quota().await?;
    println!("{} of {} bytes used", quota.used(), quota.total());

    whole.delete("/organise-example").await?;
    whole.sign_out().await?;
    Ok(())
}

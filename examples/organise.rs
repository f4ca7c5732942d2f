//! Folders, names, places, copies, notes, many nodes at once, a view. Run: `cargo run --example organise`.

use std::error::Error;

use mega_client::Label;
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

    let edit = mega.edit(&letter).label(Label::Green).favourite(true);
    let edit = edit.tags(["post"]).description("from an old friend");
    let noted = edit.await?;
    println!("{:?}, tags {:?}", noted.label(), noted.tags());
    // Notes belong to the node: copies and moves take them along.
    let copied = mega.copy(&noted, "/archive/2025").await?;
    assert_eq!(copied.node().tags(), ["post"]);
    let moved = mega.move_to(&noted, "/archive/2026").rename("first.txt");
    let moved = moved.await?;
    assert_eq!(moved.handle(), letter.handle());
    println!("moved to {}", mega.path_of(&moved).unwrap_or_default());
    mega.rename("/archive", "old").await?;
    assert_eq!(mega.read("/old/2026/first.txt").await?, "dear reader");

    // Whole trees, copied by the service; many nodes in a few requests, one result each.
    mega.copy("/old", "/inbox").await?;
    let moved = mega.move_all(["/old", "/missing"], "/inbox/old").await;
    for (target, error) in moved.failures() {
        println!("{target}: {error}: {}", error.remedy());
    }
    assert_eq!(moved.successes().count(), 1);
    for node in mega.list("/").recursive().sorted().await? {
        println!("  {}", mega.path_of(&node).unwrap_or_default());
    }

    whole.delete("/organise-example").await?;
    whole.sign_out().await?;
    Ok(())
}

//! A name that is taken: refused, replaced, kept beside, left alone. Run: `cargo run --example conflicts`.

use std::error::Error;

use mega_client::{ErrorKind, OnConflict};
use mega_examples::Place;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let place = Place::from_args().await?;
    let whole = place.sign_in().await?;
    whole.create_dir("/conflicts-example").await?;
    let mega = whole.view("/conflicts-example")?;
    let write = |text: &'static str, rule| mega.write("/plan.txt", text).on_conflict(rule);
    let first = write("first", OnConflict::Fail).await?;

    // Refused, and nothing changes. Copies, moves and renames do so unless told otherwise.
    let error = write("second", OnConflict::Fail).await.err();
    let error = error.ok_or("it was written")?;
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    println!("{error}; {}", error.remedy());

    // In its place, and the old one is an older version. Uploads do so unless told otherwise.
    write("second", OnConflict::Replace).await?;
    let older = mega.versions("/plan.txt").await?;
    assert_eq!(older[0].handle(), first.handle());
    println!("replaced; {} older version", older.len());

    // In its place, and the old one goes into the rubbish bin.
    let third = write("third", OnConflict::ReplaceToBin).await?;
    let thrown = whole.search(whole.rubbish_bin()?).name("plan.txt").await?;
    println!("replaced; {} of that name in the bin", thrown.len());
    assert!(!thrown.is_empty());

    // The same content again, which is not even sent, and something that is not worth it: what is there stays.
    let same = write("third", OnConflict::Update).await?;
    let skipped = write("fourth", OnConflict::Skip).await?;
    assert_eq!([same.handle(), skipped.handle()], [third.handle(); 2]);
    assert_eq!(mega.read("/plan.txt").await?, "third");

    // Both stay: under another name, or under the same, which MEGA allows.
    let beside = write("fourth", OnConflict::KeepBoth).await?;
    assert_eq!(beside.name(), "plan (1).txt");
    mega.create_dir("/old").await?;
    let moved = mega.move_to(&beside, "/old").rename("plan.txt").await?;
    let copy = mega.copy("/plan.txt", "/old");
    copy.on_conflict(OnConflict::KeepBoth).await?;
    let twin = mega.move_to(&moved, "/").on_conflict(OnConflict::Duplicate);
    assert_eq!(twin.await?.name(), "plan.txt");
    for node in mega.list("/").recursive().files().sorted().await? {
        println!("left: {}", mega.path_of(&node).unwrap_or_default());
    }
    assert_eq!(mega.find_all("/plan.txt")?.len(), 2);

    whole.delete("/conflicts-example").await?;
    whole.sign_out().await?;
    Ok(())
}

//! Puts right what other programs left wrong: times, fingerprints, keys that others never got. Run: `cargo run --example repair`.

use std::error::Error;
use std::time::SystemTime;

use mega_client::Fingerprint;
use mega_examples::Place;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let place = Place::from_args().await?;
    let mega = place.sign_in().await?;
    let folder = tempfile::tempdir()?;
    let local = folder.path().join("photo.png");
    std::fs::write(&local, "a picture, honestly")?;

    // Uploaded with another time than the file's own: a program that compares times would send it again.
    let path = "/repair-example/photo.png";
    let upload = mega.write(path, std::fs::read(&local)?);
    upload.modified(SystemTime::UNIX_EPOCH).await?;
    let here = Fingerprint::of_file(&local).await?;
    assert_ne!(mega.stat(path).await?.fingerprint(), Some(here));

    let repair = || mega.repair(folder.path(), "/repair-example");
    println!("planned: {}", repair().dry_run().await?);
    println!("done:    {}", repair().await?);
    assert_eq!(mega.stat(path).await?.fingerprint(), Some(here));
    let again = mega.upload_folder(folder.path(), "/repair-example");
    assert_eq!(again.await?.into_result()?.transferred(), 0);

    // Everybody who has the link gets the keys of everything in the folder, once more.
    mega.link("/repair-example").await?;
    let (supplied, unreadable) = mega.repair_keys("/repair-example").await?;
    println!("{supplied} keys given, {} unreadable", unreadable.len());
    assert!(unreadable.is_empty());

    mega.delete("/repair-example").await?;
    mega.sign_out().await?;
    Ok(())
}

//! Names that a file system cannot hold, and how a client is told to spell them. Run: `cargo run --example names`.

use std::error::Error;

use mega_client::Mask;
use mega_examples::Place;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let place = Place::from_args().await?;
    let mega = place.sign_in().await?;
    mega.create_dir("/names-example").await?;

    // As rclone has it by default: what would end a path is shown as a look-alike, and stored so.
    let usual = mega.write("/names-example/1／2: half?", "x").await?;
    println!("shown {:?}", usual.name());

    // As a remote of rclone with `encoding = Slash,Colon,Question,Dot` has it: two more signs are stored as look-alikes. Both find what they wrote
    // by the name that was given.
    let mask: Mask = "Slash,Colon,Question,Dot".parse()?;
    let builder = place.builder().encoding(mask);
    let other = builder.login(place.credentials()).await?;
    let masked = other.write("/names-example/3: whole?", "y").await?;
    println!("shown {:?} with {mask}", masked.name());
    assert_eq!(masked.name(), "3: whole?");
    assert_eq!(other.read("/names-example/3: whole?").await?, "y");

    // A client that knows nothing of that sees what is stored.
    mega.refresh().await?;
    let plain = mega.stat(masked.handle()).await?;
    println!("shown {:?} without it", plain.name());
    assert_eq!(plain.name(), "3： whole？");
    assert_eq!(plain.stored_name(), Some("3： whole？".as_bytes()));

    // On the way to a disk a name that it cannot hold gets another spelling, and its own back on the way here.
    let folder = tempfile::tempdir()?;
    let local = folder.path().join("copy");
    let report = mega.download_folder("/names-example", &local).await?;
    println!("downloaded: {}", report.into_result()?);
    let view = mega.view("/names-example")?;
    let path = view.local_path_of(&usual, None).ok_or("it has gone")?;
    println!("on the disk: {}", path.display());
    assert!(local.join(path).is_file());
    let report = mega.upload_folder(&local, "/names-example").await?;
    assert_eq!(report.transferred(), 0, "nothing is new");

    mega.delete("/names-example").await?;
    other.sign_out().await?;
    mega.sign_out().await?;
    Ok(())
}

//! Puts right what other programs left wrong, and makes pictures. Run: `cargo run --example repair`.

use std::error::Error;
use std::io::Cursor;

use mega_client::{PictureLimits, Pictures};
use mega_examples::Place;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let place = Place::from_args().await?;
    let mega = place.sign_in().await?;
    let folder = tempfile::tempdir()?;
    let mut photo = Vec::new();
    image::RgbImage::from_pixel(640, 480, image::Rgb([9, 99, 199]))
        .write_to(&mut Cursor::new(&mut photo), image::ImageFormat::Png)?;
    std::fs::write(folder.path().join("photo.png"), &photo)?;

    // Uploaded with another time than the file's own.
    let wrong = std::time::SystemTime::UNIX_EPOCH;
    let upload = mega.write("/photos/photo.png", photo.clone());
    upload.modified(wrong).await?;
    println!("{}", mega.repair(folder.path(), "/photos").dry_run().await?);
    println!("{}", mega.repair(folder.path(), "/photos").await?);

    let pictures = Pictures::make(photo, PictureLimits::default()).await?;
    let node = mega.set_pictures("/photos/photo.png", pictures).await?;
    if let Some(thumbnail) = mega.thumbnail(&node).await? {
        println!("a thumbnail of {} bytes", thumbnail.len());
    }

    // Everybody who has the link gets the keys of everything in the folder, once more.
    mega.link("/photos").await?;
    let (supplied, unreadable) = mega.repair_keys("/photos").await?;
    println!("{supplied} keys given, {} unreadable", unreadable.len());

    mega.delete("/photos").await?;
    mega.sign_out().await?;
    Ok(())
}

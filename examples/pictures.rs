//! Thumbnails and previews: made, stored and fetched (feature `thumbnails`). Run: `cargo run --example pictures`.

use std::error::Error;
use std::io::Cursor;

use mega_client::{PictureLimits, Pictures};
use mega_examples::Place;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let place = Place::from_args().await?;
    let mega = place.sign_in().await?;
    let mut photo = Vec::new();
    image::RgbImage::from_pixel(1600, 1200, image::Rgb([9, 99, 199]))
        .write_to(&mut Cursor::new(&mut photo), image::ImageFormat::Png)?;
    let path = "/pictures-example/photo.png";
    mega.write(path, photo.clone()).await?;
    assert!(mega.thumbnail(path).await?.is_none());

    // Within limits of size and time, since a picture may be hostile; both are stored encrypted under the key of the file.
    let pictures = Pictures::make(photo, PictureLimits::default()).await?;
    let node = mega.set_pictures(path, pictures).await?;
    let thumbnail = mega.thumbnail(&node).await?.ok_or("no thumbnail")?;
    let preview = mega.preview(&node).await?.ok_or("no preview")?;
    for (what, picture) in [("thumbnail", &thumbnail), ("preview", &preview)] {
        let seen = image::load_from_memory(picture)?;
        println!(
            "{what}: {} by {} pixels, {} bytes",
            seen.width(),
            seen.height(),
            picture.len()
        );
    }
    assert_eq!(image::load_from_memory(&thumbnail)?.width(), 200);
    assert_eq!(image::load_from_memory(&preview)?.width(), 1000);

    // One that was made elsewhere takes the place of the old one.
    mega.set_preview(path, thumbnail.clone()).await?;
    let now = mega.preview(path).await?.ok_or("no preview")?;
    assert!(now.starts_with(&thumbnail));
    println!("the preview has {} bytes now", now.len());

    mega.delete("/pictures-example").await?;
    mega.sign_out().await?;
    Ok(())
}

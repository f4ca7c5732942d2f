//! Thumbnails and previews.

use mega_client::ErrorKind;

use crate::fs_world::World;

#[tokio::test]
async fn pictures_are_stored_and_fetched_with_the_key_of_their_file() {
    let world = World::new().await;
    let mega = &world.mega;
    let file = world.file("/photo.jpg", "large").await;
    world.folder("/folder").await;
    assert!(mega.thumbnail(&file).await.unwrap().is_none());
    let node = mega
        .set_thumbnail("/photo.jpg", &b"small picture"[..])
        .await
        .unwrap();
    assert!(
        node.file_attributes().contains(":0*"),
        "{}",
        node.file_attributes()
    );
    mega.set_preview("/photo.jpg", vec![7; 100_000])
        .await
        .unwrap();
    let fresh = world.place.sign_in().await;
    for client in [mega, &fresh] {
        let thumbnail = client.thumbnail("/photo.jpg").await.unwrap().unwrap();
        assert_eq!(thumbnail, "small picture\0\0\0");
        let preview = client.preview("/photo.jpg").await.unwrap().unwrap();
        assert_eq!(preview[..100_000], [7; 100_000]);
    }
    // The new one replaces the old one, and travels with a copy.
    mega.set_thumbnail(&file, "another picture!").await.unwrap();
    let copy = mega.copy(&file, "/folder").await.unwrap();
    for node in [&file, copy.node()] {
        let thumbnail = mega.thumbnail(node).await.unwrap().unwrap();
        assert_eq!(thumbnail, "another picture!");
    }
    let error = mega.thumbnail("/folder").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::IsADirectory, "{error}");
    for (content, kind) in [
        (vec![], ErrorKind::Misuse),
        (vec![0; 5 << 20], ErrorKind::Misuse),
    ] {
        let error = mega.set_thumbnail(&file, content).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
    }
}

mod made {
    use std::io::Cursor;
    use std::time::Duration;

    use image::{ImageFormat, Rgb, RgbImage};
    use mega_client::{ErrorKind, PictureLimits, Pictures};

    fn image(width: u32, height: u32, format: ImageFormat) -> Vec<u8> {
        let mut bytes = Vec::new();
        RgbImage::from_fn(width, height, |x, y| Rgb([x as u8, y as u8, 99]))
            .write_to(&mut Cursor::new(&mut bytes), format)
            .unwrap();
        bytes
    }

    fn size(jpeg: &[u8]) -> (u32, u32) {
        let image = image::load_from_memory_with_format(jpeg, ImageFormat::Jpeg).unwrap();
        (image.width(), image.height())
    }

    #[tokio::test]
    async fn every_format_becomes_a_square_thumbnail_and_a_bounded_preview() {
        let limits = PictureLimits::default().time(Duration::from_secs(60));
        for (format, from, preview) in [
            (ImageFormat::Png, (1500, 300), (1000, 200)),
            (ImageFormat::Jpeg, (300, 1200), (250, 1000)),
            (ImageFormat::Bmp, (40, 30), (40, 30)),
            (ImageFormat::Gif, (220, 210), (220, 210)),
            (ImageFormat::WebP, (220, 210), (220, 210)),
        ] {
            let made = Pictures::make(image(from.0, from.1, format), limits)
                .await
                .unwrap();
            assert_eq!(size(&made.thumbnail), (200, 200), "{format:?}");
            assert_eq!(size(&made.preview), preview, "{format:?}");
        }
    }

    #[tokio::test]
    async fn images_beyond_the_limits_are_not_decoded() {
        let small = image(300, 300, ImageFormat::Png);
        let kind = async |bytes: Vec<u8>, limits: PictureLimits| {
            Pictures::make(bytes, limits).await.unwrap_err().kind()
        };
        let limits = PictureLimits::default();
        assert_eq!(
            kind(small.clone(), limits.pixels(89_999)).await,
            ErrorKind::Misuse
        );
        assert_eq!(
            kind(small.clone(), limits.bytes(100)).await,
            ErrorKind::Misuse
        );
        assert_eq!(
            kind(small.clone(), limits.time(Duration::ZERO)).await,
            ErrorKind::Timeout
        );
        let cut = small[..small.len() / 2].to_vec();
        assert_eq!(kind(cut, limits).await, ErrorKind::Unsupported);
        assert_eq!(
            kind(b"no image".to_vec(), limits).await,
            ErrorKind::Unsupported
        );
        // A few bytes that claim to be a picture of 30 GiB.
        let mut bomb = image(1, 1, ImageFormat::Bmp);
        bomb[18..26].copy_from_slice(&[0, 0, 1, 0, 0, 0, 1, 0]);
        assert!(matches!(
            kind(bomb, limits).await,
            ErrorKind::Misuse | ErrorKind::Unsupported
        ));
    }
}
